//! Writes rows: `store.write(rows).mode(…).save_as_table("db.t")`.

use std::panic::Location;
use std::sync::Arc;

use annals_state::commit::CommitInfo;
use annals_state::name::ToTableName;
use annals_state::predicate::Predicate;
use annals_state::save_mode::SaveMode;
use annals_state::schema::{CastPolicy, Matching, Missing, Nullability};
use annals_state::table::TableKind;
use annals_state::write_set::PropertyPatch;

use crate::cutter::ChunkSize;
use crate::error::WriteError;
use crate::save::{Save, SaveOptions, Saved};
use crate::snapshot::Snapshot;
use crate::source::Source;
use crate::store::Store;
use crate::transaction::Transaction;

/// What a write goes to: the store, as a commit of its own, or a transaction.
pub(crate) enum Target<'a> {
    Store(&'a Store),
    Transaction(&'a mut Transaction),
}

/// A write that has not been made: rows, and how to save them.
///
/// On a store, a save is a transaction of one operation. Its mode is decided against the newest
/// version, again if others commit in between, so it needs no retries of the caller's.
#[must_use = "nothing is written until save_as_table or insert_into is called"]
pub struct Writer<'a> {
    target: Target<'a>,
    rows: Source<'a>,
    options: SaveOptions,
    info: CommitInfo,
    based_on: Option<Snapshot>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(target: Target<'a>, rows: Source<'a>) -> Self {
        let shared = match &target {
            Target::Store(store) => store.shared(),
            Target::Transaction(tx) => tx.shared(),
        };
        let options = SaveOptions {
            mode: SaveMode::ErrorIfExists,
            must_exist: false,
            partition_by: None,
            patch: PropertyPatch::default(),
            kind: TableKind::Managed,
            matching: Matching::ByName,
            casts: CastPolicy::Lossless,
            missing: Missing::Refuse,
            nullability: Nullability::Relaxed,
            merge_schema: false,
            overwrite_schema: None,
            replace_where: None,
            fail_if_changed: false,
            chunk_size: shared.options.chunk_size,
        };
        Self { target, rows, options, info: CommitInfo::default(), based_on: None }
    }

    /// What to do if the table exists. The default refuses.
    pub fn mode(mut self, mode: SaveMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Divides rows by these columns: every chunk holds one combination of values, and a scan
    /// skips those that do not match. An empty list takes the partitioning away in an overwrite;
    /// an overwrite that does not call this keeps it.
    pub fn partition_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.options.partition_by = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Sets a property of the table.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.options.patch.set.push((key.into(), value.into()));
        self
    }

    /// Says what the table is for.
    pub fn comment(mut self, comment: &str) -> Self {
        self.options.patch.comment = Some(Some(comment.into()));
        self
    }

    /// Records the table as external, at this location. It is not acted upon.
    pub fn external(mut self, location: &str) -> Self {
        self.options.kind = TableKind::External { location: location.into() };
        self
    }

    /// Lets an append or overwrite add columns that the table lacks, fill with nulls those that
    /// the rows lack, and widen types. Off by default.
    pub fn merge_schema(mut self, merge: bool) -> Self {
        self.options.merge_schema = merge;
        self
    }

    /// Whether an overwrite replaces the schema too, as it does by default. If not, the rows must
    /// fit the present one.
    pub fn overwrite_schema(mut self, overwrite: bool) -> Self {
        self.options.overwrite_schema = Some(overwrite);
        self
    }

    /// Makes an overwrite replace only the rows that match. The new rows must match as well.
    pub fn replace_where(mut self, predicate: Predicate) -> Self {
        self.options.replace_where = Some(predicate);
        self
    }

    /// Whether columns go to those of the same name, as they do by default, or of the same place.
    pub fn matching(mut self, matching: Matching) -> Self {
        self.options.matching = matching;
        self
    }

    /// Which conversions of values are made; the default makes those that lose nothing.
    pub fn casts(mut self, casts: CastPolicy) -> Self {
        self.options.casts = casts;
        self
    }

    /// Whether columns that the rows lack are filled with nulls. The default refuses.
    pub fn missing(mut self, missing: Missing) -> Self {
        self.options.missing = missing;
        self
    }

    /// Whether a table made from these rows lets every column be null, as it does by default, so
    /// that nullability is never frozen by a first batch.
    pub fn nullability(mut self, nullability: Nullability) -> Self {
        self.options.nullability = nullability;
        self
    }

    /// Refuses an overwrite, with a retryable conflict, if the table changes between the state
    /// that the write began at and its commit. The default replaces whatever is current then.
    pub fn fail_if_changed(mut self) -> Self {
        self.options.fail_if_changed = true;
        self
    }

    /// Bounds the size of the chunks; the default is the store's.
    pub fn chunk_size(mut self, size: ChunkSize) -> Self {
        self.options.chunk_size = size;
        self
    }

    /// Says that the rows were computed from what `snapshot` shows of the table. The write is then
    /// checked against everything that was committed since, and not decided again: a conflict is
    /// the caller's, who knows how to compute the rows anew.
    pub fn based_on(mut self, snapshot: &Snapshot) -> Self {
        self.based_on = Some(snapshot.clone());
        self
    }

    /// Records on whose behalf the commit is made.
    pub fn user(mut self, user: &str) -> Self {
        self.info.user = Some(user.into());
        self
    }

    /// Records why the commit is made.
    pub fn message(mut self, message: &str) -> Self {
        self.info.message = Some(message.into());
        self
    }

    /// Records a further key and value with the commit.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.info.metadata.push((key.into(), value.into()));
        self
    }

    /// Makes the write idempotent; see [`Transaction::idempotent`].
    pub fn idempotent(mut self, application: &str, sequence: u64) -> Self {
        self.info.application = Some((application.into(), sequence));
        self
    }

    /// Writes the rows. When it returns, the table can be read by everyone, or in a transaction
    /// by that.
    ///
    /// The source is read to its end first. Costs the conversion and statistics of the rows; the
    /// commit itself costs what it changes, whatever the size of table and store. All or nothing:
    /// after an error, the store is as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the name does not parse, the database does not exist, the mode refuses,
    /// the rows do not fit, or their source fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// let more = record_batch!(("n", Int64, [4, 5]))?;
    /// store.write(more).mode(SaveMode::Append).save_as_table("t")?;
    /// assert_eq!(store.table("t")?.row_count(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_table(self, name: impl ToTableName) -> Result<Saved, WriteError> {
        self.save(&name, Location::caller())
    }

    /// Writes the rows into a table that exists, by position: an append, or with mode overwrite a
    /// replacement that keeps the schema.
    ///
    /// # Errors
    ///
    /// As for [`save_as_table`](Self::save_as_table); also if the table does not exist, or the
    /// mode is neither.
    #[track_caller]
    pub fn insert_into(mut self, name: impl ToTableName) -> Result<Saved, WriteError> {
        self.options.must_exist = true;
        self.options.matching = Matching::ByPosition;
        self.options.mode = match self.options.mode {
            SaveMode::Overwrite => SaveMode::Overwrite,
            SaveMode::Append | SaveMode::ErrorIfExists => SaveMode::Append,
            SaveMode::Ignore => {
                return Err(WriteError::Options("insert_into takes mode append or overwrite"));
            }
        };
        self.save(&name, Location::caller())
    }

    fn save(
        self,
        name: &dyn ToTableName,
        location: &'static Location<'static>,
    ) -> Result<Saved, WriteError> {
        let name = name.to_table_name()?.into_owned();
        let Self { target, rows, options, info, based_on } = self;
        let fail_if_changed = options.fail_if_changed;
        let mut save = Save::new(name, options, rows.open()?, location)?;
        match target {
            Target::Transaction(tx) => {
                if info != CommitInfo::default() || based_on.is_some() {
                    return Err(WriteError::Options(
                        "user, message, metadata, idempotent and based_on belong to the transaction here",
                    ));
                }
                save.stage(tx)
            }
            Target::Store(store) => {
                // What is refused if the table changes since it began is not decided anew.
                let unchanged = || fail_if_changed.then(|| store.snapshot());
                let seen = based_on.or_else(unchanged);
                once(store, &info, || match &seen {
                    Some(seen) => save_on(store, &mut save, &info, seen),
                    None => save_alone(store, &mut save, &info),
                })
            }
        }
    }
}

/// Saves unless that was done before: an idempotent write is recognised before its mode is.
fn once(
    store: &Store,
    info: &CommitInfo,
    save: impl FnOnce() -> Result<Saved, WriteError>,
) -> Result<Saved, WriteError> {
    if let Some(done) = store.shared().applied_before(info)? {
        return Ok(Saved::before(done));
    }
    // A twin of this write may have come first, and be what stands in the way.
    save().or_else(|error| match store.shared().applied_before(info) {
        Ok(Some(done)) => Ok(Saved::before(done)),
        _ => Err(error),
    })
}

/// Saves as a commit of its own, decided anew as often as others come first.
fn save_alone(store: &Store, save: &mut Save<'_>, info: &CommitInfo) -> Result<Saved, WriteError> {
    let (saved, committed) = store.autocommit(save.location, |tx| {
        tx.set_info(info.clone());
        save.stage(tx)
    })?;
    Ok(saved.with(committed))
}

/// Saves as a commit of its own, decided once, against what `seen` shows of the table.
fn save_on(
    store: &Store,
    save: &mut Save<'_>,
    info: &CommitInfo,
    seen: &Snapshot,
) -> Result<Saved, WriteError> {
    let mut tx = Transaction::begin(Arc::clone(store.shared()), Arc::clone(seen.value()), 0);
    tx.set_info(info.clone());
    tx.depends_on(&save.name);
    let saved = save.stage(&mut tx)?;
    Ok(saved.with(tx.commit_at(save.location)?))
}
