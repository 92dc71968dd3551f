//! Merges: rows of a source update, delete and insert rows of a table, in one commit.
//!
//! As with deletes and updates no chunk is rewritten: rows are taken out by deletion vectors,
//! updated ones come back under their ids in chunks of their own, and new ones in others behind
//! those. The table is gone through once, chunk by chunk, and of chunks that by their statistics
//! hold no key of the source nothing is read. Pairs are found by an index over the source, so that
//! should be the smaller side; what is held in memory beside it is a block of pairs and what is
//! written.
//!
//! A row that is inserted is inserted because no row has its key. Others may bring one before the
//! merge is committed; so the commit is refused, and a merge of its own decided anew, if rows came
//! that may have one of the keys.

mod block;
mod clause;
mod index;
mod keys;
mod plan;
mod run;

use std::panic::Location;
use std::sync::Arc;

use annals_state::TableName;
use annals_state::commit::OperationKind;
use annals_state::name::NameError;
use annals_state::name::ToTableName;
use annals_state::write_set::Change;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::concat::concat_batches;

use self::clause::{Action, Clause, PairsFunction, When};
pub use self::clause::{Condition, MergeValue, Pairs, computed, literal, source, target};
use self::plan::Plan;
use crate::error::{BoxError, WriteError};
use crate::row_change::Changed;
use crate::snapshot::shorten;
use crate::source::Source;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};
use crate::writer::Target;

/// A merge that has not been made: a table, rows to merge into it, how they belong together, and
/// what becomes of them.
///
/// Rows belong together if their keys are equal ([`on`](Self::on)) and the caller's condition
/// holds ([`and_on`](Self::and_on)). A null equals nothing. Of the clauses for pairs, for rows of
/// the source without partner, and for rows of the table without partner, the first whose
/// condition holds decides what becomes of a row; if none does, nothing.
///
/// On a store, a merge is a transaction of one operation, decided again if others commit in
/// between to the same chunks, or rows that may have a key that it inserts.
#[must_use = "nothing is merged until execute is called"]
pub struct Merge<'a> {
    into: Target<'a>,
    name: Result<TableName, NameError>,
    source: Source<'a>,
    on: Vec<(String, String)>,
    tests: Vec<PairsFunction<'a, BooleanArray>>,
    clauses: Vec<Clause<'a>>,
}

impl Store {
    /// Begins to merge rows into a table: an upsert, or whatever its clauses say.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// let stock = record_batch!(("item", Utf8, ["tea", "milk"]), ("count", Int64, [3, 1]))?;
    /// store.write(stock).save_as_table("stock")?;
    /// let news = record_batch!(("item", Utf8, ["milk", "rice"]), ("count", Int64, [8, 5]))?;
    /// let done = store
    ///     .merge("stock", news)
    ///     .on(["item"])
    ///     .when_matched_update_all()
    ///     .when_not_matched_insert_all()
    ///     .execute()?;
    /// assert_eq!((done.updated, done.inserted, done.deleted), (1, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge<'a>(&'a self, name: impl ToTableName, source: impl Into<Source<'a>>) -> Merge<'a> {
        Merge::new(Target::Store(self), &name, source.into())
    }
}

impl Transaction {
    /// Begins to merge rows into a table, own changes included; see [`Store::merge`]. What the
    /// merge returns counts as committed in the version that the transaction began at: none is
    /// made before the transaction is committed.
    pub fn merge<'a>(
        &'a mut self,
        name: impl ToTableName,
        source: impl Into<Source<'a>>,
    ) -> Merge<'a> {
        Merge::new(Target::Transaction(self), &name, source.into())
    }
}

impl<'a> Merge<'a> {
    fn new(into: Target<'a>, name: &dyn ToTableName, source: Source<'a>) -> Self {
        let name = name.to_table_name().map(std::borrow::Cow::into_owned);
        Self { into, name, source, on: Vec::new(), tests: Vec::new(), clauses: Vec::new() }
    }

    // ---- what belongs together ------------------------------------------------------------

    /// Rows belong together if they have the same values in these columns, which are called the
    /// same on both sides. Called again, these columns count as well.
    ///
    /// Values are equal as in a predicate. Those of the source are brought into the types of the
    /// table if nothing is lost by it.
    pub fn on<S: Into<String>>(self, columns: impl IntoIterator<Item = S>) -> Self {
        self.on_columns(columns.into_iter().map(|column| {
            let column = column.into();
            (column.clone(), column)
        }))
    }

    /// As [`on`](Self::on): a column of the table, and the column of the source that it equals.
    pub fn on_columns<T: Into<String>, S: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = (T, S)>,
    ) -> Self {
        self.on.extend(columns.into_iter().map(|(target, source)| (target.into(), source.into())));
        self
    }

    /// Of the rows that belong together so far, only those do for which `test` says true.
    ///
    /// Without key columns, every row of the table is paired with every row of the source: costs
    /// their product.
    pub fn and_on(mut self, test: impl Fn(&Pairs) -> Result<BooleanArray, BoxError> + 'a) -> Self {
        self.tests.push(Box::new(test));
        self
    }

    // ---- pairs ----------------------------------------------------------------------------

    /// Gives columns of a row that has a partner these values; the others stay.
    ///
    /// All values are of the rows as they were. A literal goes into the column's type if that can
    /// express it; other values are converted if nothing is lost.
    pub fn when_matched_update<S: Into<String>>(
        self,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::Matched, None, set(sets))
    }

    /// As [`when_matched_update`](Self::when_matched_update), where `condition` holds.
    pub fn when_matched_update_if<S: Into<String>>(
        self,
        condition: Condition<'a>,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::Matched, Some(condition), set(sets))
    }

    /// Gives a row that has a partner the partner's values, in all columns that both have by name.
    pub fn when_matched_update_all(self) -> Self {
        self.clause(When::Matched, None, Action::SetAll)
    }

    /// As [`when_matched_update_all`](Self::when_matched_update_all), where `condition` holds.
    pub fn when_matched_update_all_if(self, condition: Condition<'a>) -> Self {
        self.clause(When::Matched, Some(condition), Action::SetAll)
    }

    /// Deletes a row that has a partner.
    pub fn when_matched_delete(self) -> Self {
        self.clause(When::Matched, None, Action::Delete)
    }

    /// Deletes a row that has a partner, where `condition` holds.
    pub fn when_matched_delete_if(self, condition: Condition<'a>) -> Self {
        self.clause(When::Matched, Some(condition), Action::Delete)
    }

    // ---- rows of the source alone ---------------------------------------------------------

    /// Inserts a row for each row of the source without partner, with these values. Columns that
    /// are not named are null.
    pub fn when_not_matched_insert<S: Into<String>>(
        self,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::NotMatched, None, set(sets))
    }

    /// As [`when_not_matched_insert`](Self::when_not_matched_insert), where `condition` holds.
    pub fn when_not_matched_insert_if<S: Into<String>>(
        self,
        condition: Condition<'a>,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::NotMatched, Some(condition), set(sets))
    }

    /// Inserts each row of the source without partner: its key, and all columns that both have by
    /// name. Others of the table are null, others of the source left out.
    pub fn when_not_matched_insert_all(self) -> Self {
        self.clause(When::NotMatched, None, Action::SetAll)
    }

    /// As [`when_not_matched_insert_all`](Self::when_not_matched_insert_all), where `condition`
    /// holds.
    pub fn when_not_matched_insert_all_if(self, condition: Condition<'a>) -> Self {
        self.clause(When::NotMatched, Some(condition), Action::SetAll)
    }

    // ---- rows of the table alone ----------------------------------------------------------

    /// Gives columns of a row that no row of the source matches these values. Costs a look at all
    /// rows.
    pub fn when_not_matched_by_source_update<S: Into<String>>(
        self,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::NotMatchedBySource, None, set(sets))
    }

    /// As [`when_not_matched_by_source_update`](Self::when_not_matched_by_source_update), where
    /// `condition` holds.
    pub fn when_not_matched_by_source_update_if<S: Into<String>>(
        self,
        condition: Condition<'a>,
        sets: impl IntoIterator<Item = (S, MergeValue<'a>)>,
    ) -> Self {
        self.clause(When::NotMatchedBySource, Some(condition), set(sets))
    }

    /// Deletes a row that no row of the source matches.
    pub fn when_not_matched_by_source_delete(self) -> Self {
        self.clause(When::NotMatchedBySource, None, Action::Delete)
    }

    /// Deletes a row that no row of the source matches, where `condition` holds.
    pub fn when_not_matched_by_source_delete_if(self, condition: Condition<'a>) -> Self {
        self.clause(When::NotMatchedBySource, Some(condition), Action::Delete)
    }

    fn clause(mut self, when: When, condition: Option<Condition<'a>>, action: Action<'a>) -> Self {
        self.clauses.push(Clause { when, condition, action });
        self
    }

    // ---- the end --------------------------------------------------------------------------

    /// Makes the merge. The source is read to its end first, and kept in memory until it is done.
    ///
    /// An updated row keeps its id, and counts as changed by this commit. All or nothing: after an
    /// error, the store is as it was. A merge that comes to nothing makes no version.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table does not exist or is a view, columns do not exist or do not
    /// fit, the source or a function fails, the clauses do not go together, or several rows of the
    /// source would update or delete the same row ([`WriteError::ManySources`]). Several may
    /// delete it if there is no other clause for pairs, and no condition on it.
    #[track_caller]
    pub fn execute(self) -> Result<Changed, WriteError> {
        let location = Location::caller();
        let Self { into, name, source, on, tests, clauses } = self;
        check(&on, &tests, &clauses)?;
        let work = Work { name: name?, source: read(source)?, on, tests, clauses };
        match into {
            Target::Store(store) => {
                let (done, committed) =
                    store.autocommit(location, |tx| work.stage(tx, location))?;
                Ok(done.with(committed))
            }
            Target::Transaction(tx) => {
                let done = work.stage(tx, location)?;
                Ok(done.with(Committed::none(tx.base_id())))
            }
        }
    }
}

fn set<'a, S: Into<String>>(sets: impl IntoIterator<Item = (S, MergeValue<'a>)>) -> Action<'a> {
    Action::Set(sets.into_iter().map(|(column, value)| (column.into(), value)).collect())
}

/// Refuses what could not mean anything.
fn check(
    on: &[(String, String)],
    tests: &[PairsFunction<'_, BooleanArray>],
    clauses: &[Clause<'_>],
) -> Result<(), WriteError> {
    if on.is_empty() && tests.is_empty() {
        return Err(WriteError::Options("a merge needs columns or a condition to join on"));
    }
    if clauses.is_empty() {
        return Err(WriteError::Options("a merge needs a clause that says what to do"));
    }
    let hidden = |(at, clause): (usize, &Clause<'_>)| {
        let same = |other: &Clause<'_>| other.when == clause.when;
        clause.condition.is_none() && clauses[at + 1..].iter().any(same)
    };
    if clauses.iter().enumerate().any(hidden) {
        return Err(WriteError::Options(
            "a clause of a merge that has no condition leaves nothing to those behind it; put it last",
        ));
    }
    Ok(())
}

/// All rows of the source as one batch.
fn read(source: Source<'_>) -> Result<RecordBatch, WriteError> {
    let mut open = source.open()?;
    let mut batches: Vec<RecordBatch> = open.resident()?.unwrap_or_default().to_vec();
    while let Some(batch) = open.next()? {
        batches.push(batch);
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if u32::try_from(rows).is_ok_and(|rows| rows < u32::MAX) {
        return Ok(match &batches[..] {
            [one] => one.clone(),
            batches => concat_batches(&open.schema, batches)?,
        });
    }
    Err(WriteError::Options("the source of a merge has too many rows; merge it in parts"))
}

/// A merge, ready to be decided as often as need be.
struct Work<'a> {
    name: TableName,
    source: RecordBatch,
    on: Vec<(String, String)>,
    tests: Vec<PairsFunction<'a, BooleanArray>>,
    clauses: Vec<Clause<'a>>,
}

/// What a merge did to its transaction.
struct Done {
    deleted: u64,
    updated: u64,
    inserted: u64,
}

impl Done {
    fn with(self, committed: Committed) -> Changed {
        let Self { deleted, updated, inserted } = self;
        Changed { deleted, updated, inserted, committed }
    }
}

impl Work<'_> {
    fn stage(
        &self,
        tx: &mut Transaction,
        location: &'static Location<'static>,
    ) -> Result<Done, WriteError> {
        let Self { name, source, on, tests, clauses } = self;
        let state = tx.rows_of(name)?;
        let plan = Plan::new(name, &state, source, on, tests, clauses)?;
        // All of the table, if what no row of the source matches is changed.
        let keys = plan.keys.as_ref().filter(|_| !plan.has(When::NotMatchedBySource));
        tx.table(name)?.note_read(keys.map(|keys| &keys.bounds));
        let done = run::run(&plan, tx.chunk_size(), tx.provisional())?;
        let counts = Done { deleted: done.deleted, updated: done.updated, inserted: done.inserted };
        if done.removed.is_empty() && done.rows.chunks.is_empty() {
            return Ok(counts);
        }
        let change = Change::ChangeRows {
            name: name.clone(),
            removed: done.removed.into(),
            revived: Arc::default(),
            rows: done.rows,
            predicate: done.predicate.map(Arc::new),
            alone: false,
            label: OperationKind::Merge { on: self.label().into() },
        };
        tx.stage(change, location)?;
        Ok(counts)
    }

    /// The join as text, for the history.
    fn label(&self) -> String {
        let columns = self.on.iter().map(|(target, source)| match target == source {
            true => target.clone(),
            false => format!("{target} = {source}"),
        });
        let tests = self.tests.iter().map(|_| "<function>".to_owned());
        shorten(&columns.chain(tests).collect::<Vec<_>>().join(", "))
    }
}
