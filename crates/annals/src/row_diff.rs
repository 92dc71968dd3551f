//! Which rows differ between two states of one table.
//!
//! The matching is done on values, in `annals_state::diff::rows`; here are the tables that it is
//! done on, which are held so that their rows stay where they are.

use std::fmt;
use std::sync::Arc;

use annals_state::diff::rows::{self, RowCounts, RowsWithOrigins, Under, UpdatedRows};
use annals_state::name::ToTableName;
use annals_state::schema::{ColumnId, TableSchema};
use annals_state::table::{Origin, TableState};
use annals_state::{TableName, Version};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, SchemaRef};
use arrow_select::concat::concat_batches;

use crate::error::ReadError;
use crate::feed::{AFTER, BEFORE, CHANGE_TYPE, DELETE, End, INSERT, with_columns};
use crate::snapshot::{Snapshot, Table};

/// The column of row ids.
pub(crate) const ROW_ID: &str = "_row_id";

/// The rows that differ between two states of one table.
///
/// Made by [`Snapshot::row_diff`] or [`RowDiff::between`]. Rows are read when they are asked for.
/// Holds both versions.
#[derive(Clone, Debug)]
pub struct RowDiff {
    diff: rows::RowDiff,
    before: Option<Table>,
    after: Option<Table>,
}

/// A comparison of rows that has not begun: how rows are matched.
///
/// Rows are matched by identity first: a row that is there before and after under its id is the
/// same, even if it lies in another chunk, and updated if a commit gave it values. What is left
/// deleted and inserted is then matched by value, unless told otherwise.
#[derive(Clone, Debug)]
#[must_use = "nothing is compared until `compare` is called"]
pub struct RowComparison {
    before: Option<Table>,
    after: Option<Table>,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Identity,
    Value,
    Key(Vec<String>),
}

impl Snapshot {
    /// Begins to compare the rows that a table has here with those that it has in `other`.
    ///
    /// The table is the one that has the name in `other`, or else here; on the other side it is
    /// found by its identity, under whatever name it has there, or taken to have no rows. Both
    /// must be snapshots of one store: after a fork, two stores number their rows alike, so
    /// between them only the rows of one may have changed since.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the name does not parse, no side has the table, or it is a view.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("id", Int64, [1, 2]), ("n", Int64, [10, 20]))?).save_as_table("t")?;
    /// let before = store.snapshot();
    /// let rows = record_batch!(("id", Int64, [2, 1, 3]), ("n", Int64, [25, 10, 30]))?;
    /// store.write(rows).mode(SaveMode::Overwrite).save_as_table("t")?;
    ///
    /// let diff = before.row_diff(&store.snapshot(), "t")?.by_key(["id"]).compare()?;
    /// assert_eq!(diff.counts().to_string(), "0 deleted, 1 updated, 1 inserted");
    /// assert!(diff.to_string().contains("2, 20 → 25"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn row_diff(
        &self,
        other: &Self,
        name: impl ToTableName,
    ) -> Result<RowComparison, ReadError> {
        let name = name.to_table_name()?;
        let table = match other.table(&*name) {
            Ok(table) => table,
            Err(error) => self.table(&*name).map_err(|_| error)?,
        };
        RowDiff::between(
            same_in(self.value(), &table).as_ref(),
            same_in(other.value(), &table).as_ref(),
        )
    }
}

/// The state of a table in another version.
fn same_in(version: &Arc<Version>, table: &Table) -> Option<Table> {
    Snapshot::new(Arc::clone(version)).same_table(table)
}

impl RowComparison {
    /// Also matches what was deleted and inserted under the same values of these columns: such
    /// rows are updates, or nothing if they hold the same. Where a key occurs more often, its rows
    /// are matched in the order of a scan. Nulls equal each other.
    pub fn by_key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.how = How::Key(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Matches rows by identity alone: what the commits in between did, and not whether it made a
    /// difference. Reads no row.
    pub fn by_identity(mut self) -> Self {
        self.how = How::Identity;
        self
    }

    /// Compares.
    ///
    /// By identity it costs the chunks that are not shared, by runs of rows, and of a chunk from
    /// which rows were deleted only these. By value, the rows that were deleted and inserted are
    /// read, and those that were deleted are kept in memory meanwhile, as bytes.
    ///
    /// By value means: as multisets, under the later state's columns, matched by id; floats are
    /// the same if their bits are, and nulls are. An update that changed no value is none. If the
    /// earlier rows cannot be read under these columns, they are not compared.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoColumn`] for a column of the key that the later state does not have;
    /// [`ReadError::Rows`] if Arrow fails, for which no way is known.
    pub fn compare(self) -> Result<RowDiff, ReadError> {
        let Self { before, after, how } = self;
        for table in [&before, &after].into_iter().flatten() {
            table.note_read(None);
        }
        let state = |table: &Option<Table>| table.as_ref().map(|table| Arc::clone(table.state()));
        let (old, new): (Option<Arc<TableState>>, _) = (state(&before), state(&after));
        let diff = rows::RowDiff::between(old.as_ref(), new.as_ref());
        let shown = after.as_ref().or(before.as_ref());
        let diff = match how {
            How::Identity => Ok(diff),
            How::Value => diff.by_value(),
            How::Key(columns) => {
                let id = |table: &Table, column: &String| {
                    let at = table.column_index(column)?;
                    Ok(table.state().schema().columns()[at].id())
                };
                let key: Vec<ColumnId> = match shown {
                    None => Vec::new(),
                    Some(table) => {
                        let ids = columns.iter().map(|column| id(table, column));
                        ids.collect::<Result<_, ReadError>>()?
                    }
                };
                diff.by_key(&key)
            }
        };
        let diff = diff.map_err(|source| unreadable(shown, source))?;
        Ok(RowDiff { diff, before, after })
    }
}

/// Rows could not be read; without a table there are none.
fn unreadable(table: Option<&Table>, source: ArrowError) -> ReadError {
    let table = table.expect("there are rows only where there is a table").name().clone();
    ReadError::Rows { table, source }
}

impl RowDiff {
    /// Begins to compare two states of one table, either of which may be absent: then all rows
    /// of the other were inserted or deleted. See [`Snapshot::row_diff`].
    ///
    /// # Errors
    ///
    /// [`ReadError::OtherTable`] if they are states of two tables; [`ReadError::View`].
    pub fn between(
        before: Option<&Table>,
        after: Option<&Table>,
    ) -> Result<RowComparison, ReadError> {
        if let Some(view) = [before, after].into_iter().flatten().find(|t| t.state().is_view()) {
            return Err(ReadError::View { table: view.name().clone() });
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.id() != after.id()
        {
            return Err(ReadError::OtherTable {
                before: before.name().clone(),
                before_id: before.id(),
                after: after.name().clone(),
                after_id: after.id(),
            });
        }
        Ok(RowComparison { before: before.cloned(), after: after.cloned(), how: How::Value })
    }

    /// The table before, if it was there.
    pub fn before(&self) -> Option<&Table> {
        self.before.as_ref()
    }

    /// The table after, if it is there.
    pub fn after(&self) -> Option<&Table> {
        self.after.as_ref()
    }

    /// How many rows differ. O(chunks that differ).
    pub fn counts(&self) -> RowCounts {
        self.diff.counts()
    }

    /// Whether no row differs.
    pub fn is_empty(&self) -> bool {
        self.diff.is_empty()
    }

    /// The rows that went, under the columns that they had: a batch for each chunk that they are
    /// in, read when it is asked for, and shared if it went whole.
    ///
    /// # Errors
    ///
    /// Of an item: [`ReadError::Rows`] if Arrow fails, for which no way is known.
    pub fn deleted(&self) -> impl Iterator<Item = Result<RowsWithOrigins, ReadError>> + '_ {
        self.read(self.diff.deleted(Under::Own))
    }

    /// The rows that came, under the columns that they have; see [`deleted`](Self::deleted).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn inserted(&self) -> impl Iterator<Item = Result<RowsWithOrigins, ReadError>> + '_ {
        self.read(self.diff.inserted(Under::Own))
    }

    /// The rows that have other values: before and after, row for row, under the columns of their
    /// side. At most 65,536 rows at a time, in the order of their ids; behind them those that were
    /// matched by key.
    ///
    /// # Errors
    ///
    /// As for [`deleted`](Self::deleted).
    pub fn updated(&self) -> impl Iterator<Item = Result<UpdatedRows, ReadError>> + '_ {
        self.read(self.diff.updated(Under::Own))
    }

    fn read<'a, T: 'a>(
        &'a self,
        batches: impl Iterator<Item = Result<T, ArrowError>> + 'a,
    ) -> impl Iterator<Item = Result<T, ReadError>> + 'a {
        let shown = self.after.as_ref().or(self.before.as_ref());
        batches.map(move |batch| batch.map_err(|source| unreadable(shown, source)))
    }

    /// All rows that differ as one batch: `_change_type` (`delete`, `update_preimage`,
    /// `update_postimage`, `insert`), `_row_id`, and the columns of the later state (or of the
    /// only one), each of which may be null: a column that a row did not have yet is.
    ///
    /// # Errors
    ///
    /// [`ReadError::OlderRows`] if the later columns cannot hold the earlier rows;
    /// [`ReadError::ReservedColumn`].
    pub fn to_batch(&self) -> Result<RecordBatch, ReadError> {
        let fields: Vec<FieldRef> = vec![
            Arc::new(Field::new(CHANGE_TYPE, DataType::Utf8, false)),
            Arc::new(Field::new(ROW_ID, DataType::UInt64, false)),
        ];
        let (Some(columns), Some(shown)) =
            (self.diff.schema(), self.after.as_ref().or(self.before.as_ref()))
        else {
            return Ok(RecordBatch::new_empty(Arc::new(arrow_schema::Schema::new(fields))));
        };
        let columns = rows::relaxed_schema(columns);
        let schema = with_columns(shown.name(), columns.arrow(), fields, End::Front)?;
        self.all(&columns, &schema).map_err(|source| ReadError::OlderRows {
            table: shown.name().clone(),
            version: self.before.as_ref().unwrap_or(shown).version(),
            source,
        })
    }

    fn all(&self, columns: &TableSchema, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let under = Under::Relaxed(columns);
        let told = |kind: &str, read: &RowsWithOrigins| {
            let kinds = std::iter::repeat_n(kind, read.origins.len());
            let kinds: ArrayRef = Arc::new(StringArray::from_iter_values(kinds));
            let columns = [kinds, ids(&read.origins)].into_iter();
            let columns = columns.chain(read.rows.columns().iter().cloned()).collect();
            RecordBatch::try_new(Arc::clone(schema), columns)
        };
        let mut batches = Vec::new();
        for read in self.diff.deleted(under) {
            batches.push(told(DELETE, &read?)?);
        }
        for read in self.diff.updated(under) {
            let read = read?;
            batches.extend([told(BEFORE, &read.before)?, told(AFTER, &read.after)?]);
        }
        for read in self.diff.inserted(under) {
            batches.push(told(INSERT, &read?)?);
        }
        concat_batches(schema, &batches)
    }
}

/// The ids of rows as a column.
pub(crate) fn ids(origins: &[Origin]) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(origins.iter().map(|origin| origin.row)))
}

impl fmt::Display for RowDiff {
    /// Which table, how many rows differ, and the first ten of each kind with their ids: `-`
    /// deleted, `~` updated (values as `before → after`), `+` inserted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show =
            |f: &mut fmt::Formatter<'_>, table: &Option<Table>, other: Option<&TableName>| {
                match table {
                    None => f.write_str("nothing"),
                    Some(table) if other == Some(table.name()) => write!(f, "{}", table.version()),
                    Some(table) => write!(f, "{} {}", table.name(), table.version()),
                }
            };
        show(f, &self.before, None)?;
        f.write_str(" → ")?;
        show(f, &self.after, self.before.as_ref().map(Table::name))?;
        write!(f, ": {}", self.diff)
    }
}
