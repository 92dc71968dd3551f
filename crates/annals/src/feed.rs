//! The change feed: what each commit of a range did to the rows of a table.
//!
//! The shape is that of Delta Lake's change data feed, so that what reads the one reads the other
//! (<https://docs.delta.io/latest/delta-change-data-feed.html>). Nothing is recorded for it: a
//! commit is told from the states before and after it, by the ids of rows.

use std::collections::VecDeque;
use std::sync::Arc;

use annals_state::diff::rows::{self, Under, relaxed_schema};
use annals_state::name::ToTableName;
use annals_state::schema::{TableSchema, read_as};
use annals_state::timeline::{At, Timeline};
use annals_state::{TableName, Timestamp, Version, VersionId};
use arrow_array::{
    ArrayRef, RecordBatch, RecordBatchReader, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::error::{ReadError, TravelError};
use crate::history::UTC;
use crate::steps::{Step, Subject};
use crate::store::Store;

/// How a row came into the feed.
pub(crate) const CHANGE_TYPE: &str = "_change_type";
const COMMIT_VERSION: &str = "_commit_version";
const COMMIT_TIMESTAMP: &str = "_commit_timestamp";

/// Kinds of change, as Delta Lake calls them.
pub(crate) const INSERT: &str = "insert";
pub(crate) const DELETE: &str = "delete";
pub(crate) const BEFORE: &str = "update_preimage";
pub(crate) const AFTER: &str = "update_postimage";

/// What the commits of a range did to the rows of a table: batches, oldest commit first.
///
/// An iterator and a [`RecordBatchReader`]; made by [`Store::changes`]. Of each commit it yields
/// the deleted rows, then the updated ones (a batch as they were, and one as they are, row for
/// row), then the inserted ones. Keeps the versions that it has not come to yet in memory.
#[derive(Debug)]
pub struct Changes {
    ready: VecDeque<RecordBatch>,
    columns: Arc<TableSchema>,
    schema: SchemaRef,
    /// Kept until its batches were taken.
    reading: Option<Step>,
    steps: VecDeque<Step>,
}

impl Store {
    /// What the commits from version `from` to version `to`, both included, did to the rows of a
    /// table: its columns, and after them `_change_type` (`insert`, `delete`, `update_preimage`,
    /// `update_postimage`), `_commit_version` and `_commit_timestamp`.
    ///
    /// As in Delta Lake's [change data feed], both ends are included, and a timestamp that lies
    /// between two commits stands for the later one as `from` and for the earlier one as `to`.
    /// Versions are `UInt64`, as in the history, where Delta has a signed number.
    ///
    /// * Rows are told apart by identity: an overwrite deletes and inserts all of them, even if
    ///   they hold the same. What changes no row (a compaction, a rename, a property) yields none.
    /// * A drop deletes the rows of a table and what brings it back inserts them. What a restore
    ///   or a revert changes is told like any other change.
    /// * A commit is one step, whatever it did on the way: a row that it updated twice appears
    ///   as one update, one that it inserted and deleted does not appear.
    /// * The table is the one that has the name in `to`, under whatever name it was before; if
    ///   none has, the one that left the name last, or that has it now.
    /// * Rows have the columns that the table has in `to`, or had last, matched by id; all of them
    ///   may be null. A column that was dropped before is not shown; one that a row had not yet,
    ///   or that only bears the name of another, is null. A change of columns changes no row, not
    ///   even a restore that brings back a column with its values.
    ///
    /// Costs what the commits did to this table; others in the range are not looked at. Memory:
    /// what one commit updated, copied, and what it deleted in part.
    ///
    /// [change data feed]: https://docs.delta.io/latest/delta-change-data-feed.html
    ///
    /// # Errors
    ///
    /// [`ReadError::Travel`] if a version does not exist or has expired, also the one before
    /// `from`; [`ReadError::Range`]; [`ReadError::Catalog`] if there is no such table, and
    /// [`ReadError::View`] if it is none; [`ReadError::OlderRows`] if a column has now a type
    /// that older values do not go into; [`ReadError::ReservedColumn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, col, record_batch, set};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// store.delete("t", col("n").eq(1))?;
    /// store.update("t", [set("n", 30)], col("n").eq(3))?;
    /// let changes: Vec<_> = store.changes("t", 2, 3)?.collect::<Result<_, _>>()?;
    /// // A delete in version 2; in version 3 an update, before and after.
    /// assert_eq!(changes.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [1, 1, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes(
        &self,
        name: impl ToTableName,
        from: impl Into<At>,
        to: impl Into<At>,
    ) -> Result<Changes, ReadError> {
        let name = name.to_table_name()?;
        let head = self.shared().published.head();
        let now = self.shared().options.clock.now();
        let (first, last) = range(&head.timeline, &from.into(), &to.into(), now)?;
        if let Some(base) = first.0.checked_sub(1) {
            head.timeline.at_version(VersionId(base))?;
        }
        let none = || {
            let source = last.catalog().require_table(&name).err();
            let source = source.expect("a table that is there is found");
            ReadError::Catalog { version: last.id(), source }
        };
        // A name that the table got only later is good too.
        let subject = Subject::find(&last, &name).or_else(|| Subject::find(&head.version, &name));
        let subject = subject.ok_or_else(none)?;
        let steps = subject.steps(&head.timeline, first, last.id());
        let mut steps: VecDeque<Step> = steps.collect::<Result<_, _>>()?;
        let newest = subject.state_in(&last).or_else(|| {
            steps.front().and_then(|step| step.after.as_ref().or(step.before.as_ref()))
        });
        let state = Arc::clone(newest.ok_or_else(none)?.state());
        if state.is_view() {
            return Err(ReadError::View { table: subject.name });
        }
        steps.make_contiguous().reverse();
        let columns = Arc::new(relaxed_schema(state.schema()));
        for step in &steps {
            let states = [(&step.before, step.version.id().0.checked_sub(1)), (&step.after, None)];
            for (table, version) in states {
                let Some(table) = table else { continue };
                let version = version.map_or(step.version.id(), VersionId);
                can_show(&subject.name, table.state().schema(), &columns, version)?;
            }
        }
        let schema = with_columns(&subject.name, columns.arrow(), feed_fields(), End::Back)?;
        Ok(Changes { ready: VecDeque::new(), columns, schema, reading: None, steps })
    }
}

/// The first and the last version of a range.
fn range(
    timeline: &Timeline,
    from: &At,
    to: &At,
    now: Timestamp,
) -> Result<(VersionId, Arc<Version>), ReadError> {
    let (start, last) = (timeline.at(from, now)?, Arc::clone(timeline.at(to, now)?));
    let first = match from {
        // The commits from then on, not the one that was the newest by then.
        At::Timestamp(since) if start.timestamp() < *since => {
            let asked = start.id();
            asked.next().ok_or(TravelError::NoVersion { asked, newest: timeline.newest().id() })?
        }
        _ => start.id(),
    };
    let is_empty = matches!(from, At::Timestamp(_)) && Some(first) == last.id().next();
    if first > last.id() && !is_empty {
        return Err(ReadError::Range { first, last: last.id() });
    }
    Ok((first, last))
}

/// Refuses columns that values of others do not go into, whatever they are.
fn can_show(
    table: &TableName,
    own: &Arc<TableSchema>,
    columns: &TableSchema,
    version: VersionId,
) -> Result<(), ReadError> {
    let empty = RecordBatch::new_empty(Arc::clone(own.arrow()));
    read_as(&empty, own, columns, None).map(drop).map_err(|error| {
        let source = ArrowError::ExternalError(Box::new(error));
        ReadError::OlderRows { table: table.clone(), version, source }
    })
}

fn feed_fields() -> Vec<FieldRef> {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    vec![
        Arc::new(Field::new(CHANGE_TYPE, DataType::Utf8, false)),
        Arc::new(Field::new(COMMIT_VERSION, DataType::UInt64, false)),
        Arc::new(Field::new(COMMIT_TIMESTAMP, timestamp, false)),
    ]
}

/// Where columns are added.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// The columns of a table and further ones, which it must not have.
pub(crate) fn with_columns(
    table: &TableName,
    schema: &Schema,
    further: Vec<FieldRef>,
    end: End,
) -> Result<SchemaRef, ReadError> {
    let is_taken =
        |own: &&FieldRef| further.iter().any(|new| new.name().eq_ignore_ascii_case(own.name()));
    if let Some(taken) = schema.fields().iter().find(is_taken) {
        let (table, column) = (table.clone(), taken.name().clone());
        return Err(ReadError::ReservedColumn { table, column });
    }
    let own = schema.fields().iter().cloned();
    let fields: Vec<FieldRef> = match end {
        End::Front => further.into_iter().chain(own).collect(),
        End::Back => own.chain(further).collect(),
    };
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

impl Changes {
    /// The columns of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Reads what one commit did.
    fn read(&mut self, step: Step) -> Result<(), ArrowError> {
        let state = |table: &Option<Arc<_>>| {
            table
                .as_ref()
                .map(|table: &Arc<annals_state::table::TableVersion>| Arc::clone(table.state()))
        };
        let (before, after) = (state(&step.before), state(&step.after));
        let diff = rows::RowDiff::between(before.as_ref(), after.as_ref());
        let under = Under::Relaxed(&self.columns);
        let mut ready = VecDeque::new();
        for deleted in diff.deleted(under) {
            ready.push_back(self.told(&deleted?.rows, DELETE, &step.version)?);
        }
        for updated in diff.updated(under) {
            let updated = updated?;
            ready.push_back(self.told(&updated.before.rows, BEFORE, &step.version)?);
            ready.push_back(self.told(&updated.after.rows, AFTER, &step.version)?);
        }
        for inserted in diff.inserted(under) {
            ready.push_back(self.told(&inserted?.rows, INSERT, &step.version)?);
        }
        self.ready = ready;
        self.reading = Some(step);
        Ok(())
    }

    fn told(
        &self,
        rows: &RecordBatch,
        kind: &str,
        by: &Version,
    ) -> Result<RecordBatch, ArrowError> {
        let count = rows.num_rows();
        let timestamps = TimestampMicrosecondArray::from_value(by.timestamp().0, count);
        let further: [ArrayRef; 3] = [
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(kind, count))),
            Arc::new(UInt64Array::from_value(by.id().0, count)),
            Arc::new(timestamps.with_timezone(UTC)),
        ];
        let columns = rows.columns().iter().cloned().chain(further).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Iterator for Changes {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            self.reading = None;
            let step = self.steps.pop_front()?;
            if let Err(error) = self.read(step) {
                self.steps.clear();
                return Some(Err(error));
            }
        }
    }
}

impl RecordBatchReader for Changes {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
