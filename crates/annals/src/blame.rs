//! Blame: which commits are behind the rows that are there.
//!
//! Every row knows the version that brought it and the one that last gave it values; blame picks
//! rows and looks the commits up. Nothing is searched: the cost is that of reading the rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_state::name::ToTableName;
use annals_state::table::{Origin, TableId};
use annals_state::timeline::Records;
use annals_state::{Commit, TableName, VersionId};
use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;

use crate::error::{ReadError, WriteError};
use crate::expression::Filter;
use crate::feed::{End, with_columns};
use crate::history::UTC;
use crate::row_diff::{ROW_ID, ids};
use crate::selection::{Selection, take_rows};
use crate::snapshot::{Snapshot, Table};
use crate::store::Store;

/// Rows of a table with the commits behind each; made by [`Snapshot::blame`] or [`Store::blame`].
#[derive(Clone, Debug)]
pub struct Blame {
    parts: Vec<Part>,
    records: Option<Records>,
    table: Table,
}

/// The rows of one chunk.
#[derive(Clone, Debug)]
struct Part {
    rows: RecordBatch,
    origins: Vec<Origin>,
}

/// One row, and the commits behind it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlamedRow<'a> {
    /// The row's id: kept for life, unique in its table.
    pub row: u64,
    /// The version that brought the row.
    pub inserted: VersionId,
    /// The version that last gave it values; the one that brought it, if it was never updated.
    pub changed: VersionId,
    /// The record of the commit that brought it, if it is kept and records were asked for.
    pub inserted_by: Option<&'a Arc<Commit>>,
    /// The record of the commit that last gave it values, likewise.
    pub changed_by: Option<&'a Arc<Commit>>,
    /// The row, as a batch of one.
    pub values: RecordBatch,
}

/// A commit that last gave values to rows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlamedCommit {
    /// The version that it made.
    pub version: VersionId,
    /// Its record, if it is kept and records were asked for.
    pub commit: Option<Arc<Commit>>,
    /// To how many of the rows.
    pub rows: u64,
}

impl Snapshot {
    /// Which versions are behind the rows that match: by their numbers. The records of the commits
    /// come with [`Blame::with_records`] or [`Store::blame`].
    ///
    /// Costs a scan of the chunks that may hold a match. The rows that match are copied, unless
    /// they are all of their chunk.
    ///
    /// A restore gives back rows as they were, with the versions that they had.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such table or it is a view, or the filter does not go with it.
    pub fn blame<'a>(
        &self,
        name: impl ToTableName,
        filter: impl Into<Filter<'a>>,
    ) -> Result<Blame, ReadError> {
        let (table, filter) = (self.table(name)?, filter.into());
        let state = table.state();
        if state.is_view() {
            return Err(ReadError::View { table: table.name().clone() });
        }
        let failed = |error| read_error(table.name(), error);
        let mut parts = Vec::new();
        for selected in Selection::new(table.name(), state, &filter).map_err(failed)?.chunks() {
            let selected = selected.map_err(failed)?;
            let rows = take_rows(state, selected.entry, &selected.rows);
            let rows = rows.map_err(|error| failed(error.into()))?;
            parts.push(Part { rows, origins: selected.origins().collect() });
        }
        Ok(Blame { parts, records: None, table })
    }
}

impl Store {
    /// Which commits are behind the rows of the newest version that match; see [`Snapshot::blame`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Filter, Store, col, record_batch, set};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// store.update("t", [set("n", 30)], col("n").eq(3))?;
    /// let blame = store.blame("t", Filter::all())?;
    /// let culprit = blame.iter().find(|row| row.changed != row.inserted).unwrap();
    /// assert_eq!((culprit.row, culprit.changed.0), (2, 2));
    /// assert!(culprit.changed_by.unwrap().operations[0].kind.to_string().starts_with("update n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blame<'a>(
        &self,
        name: impl ToTableName,
        filter: impl Into<Filter<'a>>,
    ) -> Result<Blame, ReadError> {
        Ok(self.snapshot().blame(name, filter)?.with_records(self))
    }
}

/// What was wrong with a filter, as an error of reading.
fn read_error(table: &TableName, error: WriteError) -> ReadError {
    match error {
        WriteError::Filter { table, source } => ReadError::Predicate { table, source },
        WriteError::Function { table, used, source } => ReadError::Function { table, used, source },
        WriteError::Arrow(source) => ReadError::Rows { table: table.clone(), source },
        other => {
            let source = ArrowError::ExternalError(Box::new(other));
            ReadError::Rows { table: table.clone(), source }
        }
    }
}

impl Blame {
    /// The same with the records of the commits that `store` keeps. O(1): they are shared. It must
    /// be the store that the snapshot is of; a fork keeps records of its own commits only.
    #[must_use]
    pub fn with_records(mut self, store: &Store) -> Self {
        self.records = Some(store.shared().published.head().timeline.records());
        self
    }

    /// The table that the rows are of.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How many rows there are.
    pub fn row_count(&self) -> u64 {
        self.parts.iter().map(|part| part.origins.len() as u64).sum()
    }

    /// The rows in the order of a scan.
    pub fn iter(&self) -> impl Iterator<Item = BlamedRow<'_>> {
        self.parts.iter().flat_map(move |part| {
            part.origins.iter().enumerate().map(move |(at, origin)| BlamedRow {
                row: origin.row,
                inserted: origin.born,
                changed: origin.changed,
                inserted_by: self.record(origin.born),
                changed_by: self.record(origin.changed),
                values: part.rows.slice(at, 1),
            })
        })
    }

    /// The commits that last gave values to the rows, and to how many each; newest first.
    pub fn commits(&self) -> Vec<BlamedCommit> {
        let mut rows: BTreeMap<VersionId, u64> = BTreeMap::new();
        for origin in self.parts.iter().flat_map(|part| &part.origins) {
            *rows.entry(origin.changed).or_default() += 1;
        }
        let commit = |(version, rows): (VersionId, u64)| BlamedCommit {
            version,
            commit: self.record(version).cloned(),
            rows,
        };
        rows.into_iter().rev().map(commit).collect()
    }

    fn record(&self, version: VersionId) -> Option<&Arc<Commit>> {
        self.records.as_ref()?.get(version)
    }

    /// The rows as one batch: the table's columns, `_row_id`, `_inserted_version` and
    /// `_changed_version`; if records were asked for, also `_location` (of the call that last gave
    /// the row values), `_user`, `_message` and `_timestamp`, which are null where the record is
    /// no longer kept.
    ///
    /// # Errors
    ///
    /// [`ReadError::ReservedColumn`] if the table has a column of one of these names.
    pub fn to_batch(&self) -> Result<RecordBatch, ReadError> {
        let mut fields = vec![
            Field::new(ROW_ID, DataType::UInt64, false),
            Field::new("_inserted_version", DataType::UInt64, false),
            Field::new("_changed_version", DataType::UInt64, false),
        ];
        if self.records.is_some() {
            let text = |name| Field::new(name, DataType::Utf8, true);
            let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
            fields.extend([text("_location"), text("_user"), text("_message")]);
            fields.push(Field::new("_timestamp", timestamp, true));
        }
        let fields: Vec<FieldRef> = fields.into_iter().map(Arc::new).collect();
        let name = self.table.name();
        let schema = with_columns(name, &self.table.schema(), fields, End::Back)?;
        let failed = |source| ReadError::Rows { table: name.clone(), source };
        let parts = self.parts.iter().map(|part| self.told(part, &schema));
        let parts: Vec<RecordBatch> = parts.collect::<Result<_, _>>().map_err(failed)?;
        concat_batches(&schema, &parts).map_err(failed)
    }

    fn told(&self, part: &Part, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let versions = |of: fn(&Origin) -> VersionId| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(part.origins.iter().map(|o| of(o).0)))
        };
        let mut columns = part.rows.columns().to_vec();
        columns.push(ids(&part.origins));
        columns.extend([versions(|origin| origin.born), versions(|origin| origin.changed)]);
        if self.records.is_some() {
            columns.extend(self.told_by_records(&part.origins));
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
    }

    fn told_by_records(&self, origins: &[Origin]) -> [ArrayRef; 4] {
        let (mut location, mut user, mut message) =
            (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let mut timestamp = TimestampMicrosecondBuilder::new();
        for origin in origins {
            let commit = self.record(origin.changed);
            let at = commit.map(|commit| location_of(commit, self.table.id()));
            location.append_option(at);
            user.append_option(commit.and_then(|commit| commit.info.user.as_deref()));
            message.append_option(commit.and_then(|commit| commit.info.message.as_deref()));
            timestamp.append_option(commit.map(|commit| commit.timestamp.0));
        }
        [
            Arc::new(location.finish()),
            Arc::new(user.finish()),
            Arc::new(message.finish()),
            Arc::new(timestamp.finish().with_timezone(UTC)),
        ]
    }
}

/// Where the last thing that a commit did to a table was asked for.
fn location_of(commit: &Commit, table: TableId) -> String {
    let operation = commit.operations.iter().rev().find(|operation| operation.touches(table));
    operation.map_or(&commit.location, |operation| &operation.location).to_string()
}
