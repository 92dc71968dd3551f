//! One pinned version: what a reader holds, and the tables in it.

use std::sync::Arc;

use annals_state::catalog::Database;
use annals_state::name::{ToDatabaseName, ToTableName};
use annals_state::predicate::Predicate;
use annals_state::pruning::table_bounds;
use annals_state::schema::Column;
use annals_state::table::{Properties, TableId, TableKind, TableState, TableVersion};
use annals_state::write_set::ReadSet;
use annals_state::{Catalog, Commit, TableName, Timestamp, Version, VersionId};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;

use crate::diff::Diff;
use crate::error::ReadError;
use crate::pattern::Pattern;
use crate::scan::Scan;
use crate::sync::{Mutex, PoisonError};

/// A reader's hold on one version of the store: it reads the same for ever.
///
/// Cloning and keeping one costs a reference count; what it shows stays in memory as long as it
/// is kept, even if the version expires from the timeline.
#[derive(Clone, Debug)]
pub struct Snapshot {
    version: Arc<Version>,
}

impl Snapshot {
    #[inline]
    pub(crate) fn new(version: Arc<Version>) -> Self {
        Self { version }
    }

    /// The number of the version; a provisional one if it [was never
    /// published](Self::is_speculative).
    #[inline]
    pub fn version(&self) -> VersionId {
        self.version.id()
    }

    /// When the version was committed.
    pub fn timestamp(&self) -> Timestamp {
        self.version.timestamp()
    }

    /// The record of the commit that made the version; none for version 0.
    pub fn commit(&self) -> Option<&Arc<Commit>> {
        self.version.commit()
    }

    /// The version as a value, for tools that walk it.
    pub fn value(&self) -> &Arc<Version> {
        &self.version
    }

    /// The table or view of this name.
    ///
    /// One search, O(log tables), by the name's folded form. With a parsed [`TableName`] nothing
    /// is parsed or allocated; the handle that is returned takes three reference counts.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the name does not parse, or the database or table does not exist.
    pub fn table(&self, name: impl ToTableName) -> Result<Table, ReadError> {
        let name = name.to_table_name()?;
        Table::find(&self.version, &self.version, &name, None)
    }

    /// The same table in this version, by its identity: under whatever name it has here. None if
    /// it is not there. O(names that it had · log tables).
    pub fn same_table(&self, table: &Table) -> Option<Table> {
        let lives = table.table.lives().iter().rev().map(|life| &life.name);
        let names = std::iter::once(table.name()).chain(lives);
        let found = self.version.catalog().table_by_id(table.id(), names)?;
        Some(Table::of(&self.version, found.name().clone(), Arc::clone(found)))
    }

    /// The state of the table of this name, borrowed: no reference count is touched.
    #[inline]
    pub fn find(&self, name: &TableName) -> Option<&TableState> {
        self.version.catalog().table(name).map(|table| &**table.state())
    }

    /// Whether a table or view of this name exists.
    ///
    /// # Errors
    ///
    /// [`ReadError::Name`] if the name does not parse.
    pub fn table_exists(&self, name: impl ToTableName) -> Result<bool, ReadError> {
        Ok(self.version.catalog().table(&*name.to_table_name()?).is_some())
    }

    /// The tables and views of a database, in the order of their folded names.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the name does not parse or the database does not exist.
    pub fn tables(&self, database: impl ToDatabaseName) -> Result<Vec<TableName>, ReadError> {
        self.tables_like(database, "*")
    }

    /// The tables and views of a database whose own name matches `pattern`: `*` stands for any
    /// text, `|` separates alternatives, case does not count.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the name does not parse or the database does not exist.
    pub fn tables_like(
        &self,
        database: impl ToDatabaseName,
        pattern: &str,
    ) -> Result<Vec<TableName>, ReadError> {
        let database = self.database(database)?;
        let pattern = Pattern::new(pattern);
        let tables = self.version.catalog().tables_in(database.name());
        let matching = tables.filter(|(name, _)| pattern.matches(name.table_folded()));
        Ok(matching.map(|(name, _)| name.clone()).collect())
    }

    /// How many tables and views there are in all databases. O(1).
    pub fn table_count(&self) -> usize {
        self.version.catalog().table_count()
    }

    /// The database of this name.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the name does not parse or the database does not exist.
    pub fn database(&self, name: impl ToDatabaseName) -> Result<Arc<Database>, ReadError> {
        let name = name.to_database_name()?;
        let found = self.version.catalog().require_database(&name);
        found.cloned().map_err(|source| ReadError::Catalog { version: self.version(), source })
    }

    /// All databases, in the order of their folded names.
    pub fn databases(&self) -> Vec<Arc<Database>> {
        self.version.catalog().databases().cloned().collect()
    }

    /// The databases whose name matches `pattern`, as in [`tables_like`](Self::tables_like).
    pub fn databases_like(&self, pattern: &str) -> Vec<Arc<Database>> {
        let pattern = Pattern::new(pattern);
        let all = self.version.catalog().databases();
        all.filter(|database| pattern.matches(database.name().folded())).cloned().collect()
    }

    /// What is different in `other` as seen from here. O(what differs): what both versions share
    /// is skipped, whatever its size.
    pub fn diff(&self, other: &Self) -> Diff {
        Diff::between(self, other)
    }
}

/// What a transaction has read so far, shared by the tables that it handed out.
#[derive(Debug)]
pub(crate) struct ReadLog {
    reads: Mutex<ReadSet>,
    /// Let go of last.
    base: Arc<Version>,
}

impl ReadLog {
    pub(crate) fn new(base: Arc<Version>) -> Self {
        Self { base, reads: Mutex::default() }
    }

    /// Notes a read. Nobody else takes this lock but the threads that share the transaction.
    pub(crate) fn note<R>(&self, note: impl FnOnce(&mut ReadSet, &Catalog) -> R) -> R {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut reads, self.base.catalog())
    }
}

/// One table or view in one version.
///
/// Holds its version: what it shows stays as it is, and in memory, as long as it is kept.
#[derive(Clone, Debug)]
pub struct Table {
    name: TableName,
    table: Arc<TableVersion>,
    pub(crate) reads: Option<Arc<ReadLog>>,
    /// The version that is held, so that the table's memory is not freed by a reader. Let go of
    /// last: whoever is waiting to free it may do so from then on.
    version: Arc<Version>,
}

/// What is known of a column without reading a row.
#[derive(Clone, Debug)]
pub struct ColumnSummary {
    /// How many values are null; an upper bound where `exact` is false.
    pub null_count: u64,
    /// A smallest value as an array of one row; none if all are null or the type has no order.
    pub min: Option<ArrayRef>,
    /// A largest value, likewise.
    pub max: Option<ArrayRef>,
    /// Whether these are exact. Rows that were deleted from a chunk make them bounds only.
    pub exact: bool,
}

impl Table {
    /// Finds a table in `version`, holding `hold`: the same, except in a transaction, whose draft
    /// nobody else holds.
    pub(crate) fn find(
        version: &Version,
        hold: &Arc<Version>,
        name: &TableName,
        reads: Option<Arc<ReadLog>>,
    ) -> Result<Self, ReadError> {
        match version.catalog().table_entry(name) {
            Some((name, table)) => Ok(Self {
                version: Arc::clone(hold),
                name: name.clone(),
                table: Arc::clone(table),
                reads,
            }),
            None => {
                let source = version.catalog().require_table(name);
                let source = source.expect_err("the table was not found just now");
                Err(ReadError::Catalog { version: version.id(), source })
            }
        }
    }

    pub(crate) fn of(version: &Arc<Version>, name: TableName, table: Arc<TableVersion>) -> Self {
        Self { version: Arc::clone(version), name, table, reads: None }
    }

    /// The name as it was written when the table was created.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// The version of the store that this is a part of.
    pub fn version(&self) -> VersionId {
        self.version.id()
    }

    /// The table's identity.
    pub fn id(&self) -> TableId {
        self.table.id()
    }

    /// Which state of the table this is: 0 when it was created.
    pub fn ordinal(&self) -> u64 {
        self.note(ReadSet::read_state);
        self.table.ordinal()
    }

    /// The version of the store that made this state.
    pub fn since(&self) -> VersionId {
        self.note(ReadSet::read_state);
        self.table.since()
    }

    /// The version of the store that created the table.
    pub fn created(&self) -> VersionId {
        self.table.created()
    }

    /// The state as a value, for tools that walk it.
    pub fn value(&self) -> &Arc<TableVersion> {
        self.note(ReadSet::read_state);
        &self.table
    }

    /// What the name stands for.
    pub fn kind(&self) -> &TableKind {
        self.state().kind()
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.note(ReadSet::read_columns);
        Arc::clone(self.state().arrow_schema())
    }

    /// What the table is for, in its owner's words.
    pub fn comment(&self) -> Option<&str> {
        self.note(ReadSet::read_comment);
        self.state().details().comment.as_deref()
    }

    /// The owner's key/value pairs.
    pub fn properties(&self) -> &Properties {
        self.note(ReadSet::read_properties);
        &self.state().details().properties
    }

    /// The columns that rows are divided by, in order.
    pub fn partition_columns(&self) -> Vec<&str> {
        self.state().partition_columns()
    }

    /// How many rows there are. Exact, O(1).
    pub fn row_count(&self) -> u64 {
        self.note_rows();
        self.state().rows()
    }

    /// The logical size of the rows in bytes. O(1).
    pub fn byte_count(&self) -> u64 {
        self.note_rows();
        self.state().bytes()
    }

    /// How many chunks hold the rows. O(1).
    pub fn chunk_count(&self) -> usize {
        self.note_rows();
        self.state().chunk_count()
    }

    /// What is known of a column without reading a row. O(chunks).
    ///
    /// # Errors
    ///
    /// [`ReadError::NoColumn`].
    pub fn column_summary(&self, column: &str) -> Result<ColumnSummary, ReadError> {
        let index = self.column_index(column)?;
        self.note_rows();
        let bounds = table_bounds(self.state(), index);
        let (null_count, exact) = (bounds.null_count, bounds.exact);
        Ok(ColumnSummary { null_count, min: bounds.min, max: bounds.max, exact })
    }

    /// Begins a scan: choose columns, a predicate, a limit, then take the batches.
    ///
    /// # Examples
    ///
    /// ```
    /// # use annals::{Store, col, record_batch};
    /// # let store = Store::in_memory();
    /// # store.write(record_batch!(("n", Int64, [0, 1, 2, 3, 4]))?).save_as_table("t")?;
    /// let table = store.snapshot().table("t")?;
    /// let batches = table.scan().filter(col("n").gt_eq(3_i64)).columns(["n"]).collect()?;
    /// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scan(&self) -> Scan {
        Scan::of(self.clone())
    }

    /// All rows, chunk by chunk, in the order in which they were written.
    ///
    /// # Errors
    ///
    /// As for [`Scan::collect`].
    pub fn read(&self) -> Result<Vec<RecordBatch>, ReadError> {
        self.scan().collect()
    }

    pub(crate) fn state(&self) -> &Arc<TableState> {
        self.table.state()
    }

    pub(crate) fn column_index(&self, column: &str) -> Result<usize, ReadError> {
        let schema = self.state().schema();
        schema.index_of(column).ok_or_else(|| {
            let names: Vec<&str> = schema.columns().iter().map(Column::name).collect();
            ReadError::NoColumn {
                table: self.name.clone(),
                column: shorten(column),
                available: shorten(&names.join(", ")),
            }
        })
    }

    fn note_rows(&self) {
        self.note_read(None);
    }

    /// Notes that a transaction read rows: those that match, or all.
    pub(crate) fn note_read(&self, predicate: Option<&Predicate>) {
        self.note(|reads, base, name| reads.read_rows(base, name, predicate));
    }

    fn note(&self, note: impl FnOnce(&mut ReadSet, &Catalog, &TableName)) {
        if let Some(log) = &self.reads {
            log.note(|reads, base| note(reads, base, self.name_in(base)));
        }
    }

    /// The name that the table has in `base`, if it is there: a draft may call it otherwise, and
    /// what was read stays read when the draft is rolled back.
    pub(crate) fn name_in(&self, base: &Catalog) -> &TableName {
        let is_it = |name: &&TableName| base.table(name).is_some_and(|then| then.id() == self.id());
        let names = self.table.lives().iter().rev().map(|life| &life.name);
        std::iter::once(&self.name).chain(names).find(is_it).unwrap_or(&self.name)
    }
}

/// At most 200 characters of a text, for messages.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(200) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
