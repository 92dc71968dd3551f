//! What a transaction wants to change, and what it read: the input of `apply` and of `conflict`.
//!
//! A [`WriteSet`] is persistent: a clone is a savepoint and costs O(1). Each change says what to
//! do in terms of names, never of positions in memory, so that it can be applied again on top of
//! another version. Nothing in it is copied when that happens: chunks are shared.
//!
//! Numbers that a change mints (column ids, sequences) are provisional: they continue from the
//! base's high-water marks, and [`apply`](crate::apply) shifts them when the base has moved on.

mod footprint;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef};
use roaring::RoaringBitmap;

pub use self::footprint::Footprints;
pub(crate) use self::footprint::{Footprint, Kinds};
use crate::catalog::{Catalog, Database};
use crate::chunk::Chunk;
use crate::commit::{OperationKind, SourceLocation};
use crate::name::{DatabaseName, TableName};
use crate::predicate::Predicate;
use crate::run::Run;
use crate::save_mode::SaveMode;
use crate::schema::TableSchema;
use crate::table::{ChunkEntry, Details, Lineage, TableKind, TableVersion};
use crate::version::Version;
use crate::version::VersionId;

/// What a replacement makes of a table's columns.
#[derive(Clone, Debug)]
pub enum NewSchema {
    /// They stay what they are wherever the change is made, with whatever is said of them there.
    Kept,
    /// They are those that were there, and what the rows need besides.
    Merged(Arc<TableSchema>),
    /// They are these, whatever was there.
    Given(Arc<TableSchema>),
}

/// One change to the catalog.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Create a database.
    CreateDatabase {
        /// Its name; it must be free.
        name: DatabaseName,
        /// What it is for.
        comment: Option<Arc<str>>,
        /// Its first properties.
        properties: PropertyPatch,
    },
    /// Drop a database.
    DropDatabase {
        /// Its name.
        name: DatabaseName,
        /// Drop its tables with it; else it must be empty.
        cascade: bool,
    },
    /// Change a database's comment or properties.
    AlterDatabase {
        /// Its name.
        name: DatabaseName,
        /// What to change.
        patch: PropertyPatch,
    },
    /// Create a table or view under a free name.
    CreateTable {
        /// Its name.
        name: TableName,
        /// What it is.
        kind: TableKind,
        /// Its columns, with ids from 0.
        schema: Arc<TableSchema>,
        /// Comment, properties, partitioning.
        details: Arc<Details>,
        /// Its first rows.
        rows: NewRows,
        /// The mode, if a save creates it.
        mode: Option<SaveMode>,
    },
    /// Replace the rows of a table, and what else is given. Keeps the table's id.
    Replace {
        /// Its name.
        name: TableName,
        /// What it is from now on.
        kind: TableKind,
        /// Its columns from now on.
        schema: NewSchema,
        /// Its partitioning from now on, as ids of these columns.
        partition_by: Arc<[crate::schema::ColumnId]>,
        /// Comment and properties to change.
        patch: PropertyPatch,
        /// Its rows from now on.
        rows: NewRows,
        /// How the history names it: overwrite, truncate or create view.
        label: OperationKind,
    },
    /// Add rows to a table, and before that whatever its schema needs for them.
    Append {
        /// Its name.
        name: TableName,
        /// What a merge of schemas changes first; empty for a plain append.
        alterations: Arc<[SchemaChange]>,
        /// Properties to change with it.
        patch: PropertyPatch,
        /// The rows.
        rows: NewRows,
    },
    /// Take rows out of a table and put others in.
    ChangeRows {
        /// Its name.
        name: TableName,
        /// What goes, by the sequence of its chunk.
        removed: Arc<[(u64, Removal)]>,
        /// What comes back as it was.
        revived: Arc<[Revival]>,
        /// What comes: rows under new values first, then new rows.
        rows: NewRows,
        /// The rows that the change is about; new chunks that may hold some conflict with it.
        predicate: Option<Arc<Predicate>>,
        /// Whether it conflicts with whatever else was done to the table, other rows included.
        alone: bool,
        /// How the history names it.
        label: OperationKind,
    },
    /// Write the rows of some chunks anew, without a change of data.
    Compact {
        /// Its name.
        name: TableName,
        /// The chunks that go, by sequence.
        removed: Arc<[u64]>,
        /// Their rows, all of them kept.
        rows: NewRows,
    },
    /// Alter the columns of a table.
    AlterSchema {
        /// Its name.
        name: TableName,
        /// What to alter, in order.
        alterations: Arc<[SchemaChange]>,
    },
    /// Give a table the columns that it had before.
    SetSchema {
        /// Its name.
        name: TableName,
        /// Its columns from now on, under which all rows can be read.
        schema: Arc<TableSchema>,
        /// How the history describes it.
        description: Arc<str>,
    },
    /// Change a table's comment or properties.
    AlterDetails {
        /// Its name.
        name: TableName,
        /// What to change.
        patch: PropertyPatch,
    },
    /// Give a table another name, perhaps in another database.
    Rename {
        /// Its name so far.
        from: TableName,
        /// Its name from now on; it must be free.
        to: TableName,
    },
    /// Drop a table or view.
    DropTable {
        /// Its name.
        name: TableName,
    },
    /// Put back an older state of a table under the name that the source has it by.
    RestoreTable {
        /// The name.
        name: TableName,
        /// The table version to take the state from.
        source: Arc<TableVersion>,
        /// The version of the store it is from.
        from: crate::version::VersionId,
    },
    /// Put back the content of an older version.
    RestoreStore {
        /// The version.
        source: Arc<Version>,
    },
}

/// Rows on their way into a table.
#[derive(Clone, Debug)]
pub struct NewRows {
    /// The schema that the chunks are in; ids above the base's high-water mark are provisional.
    pub layout: Arc<TableSchema>,
    /// The rows, in order.
    pub chunks: Arc<[Arc<Chunk>]>,
    /// Of as many chunks at the front: who their rows are, which were in the table before. The
    /// rows of the others are new. Ids above the base's high-water mark and versions after the
    /// base are provisional.
    pub kept: Arc<[Arc<Lineage>]>,
}

impl NewRows {
    /// No rows.
    pub fn none(layout: Arc<TableSchema>) -> Self {
        Self::new(layout, Arc::default())
    }

    /// Rows that are all new.
    pub fn new(layout: Arc<TableSchema>, chunks: Arc<[Arc<Chunk>]>) -> Self {
        Self { layout, chunks, kept: Arc::default() }
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows() as u64).sum()
    }

    /// How many of them were in the table before.
    pub fn kept_rows(&self) -> u64 {
        self.kept.iter().map(|lineage| lineage.len() as u64).sum()
    }
}

/// Rows of a chunk that come back as they were: same rows, same ids, same place in the order.
#[derive(Clone, Debug)]
pub struct Revival {
    /// The place of the chunk.
    pub sequence: u64,
    /// The chunk, as it was when it had the rows.
    pub entry: ChunkEntry,
    /// The schema that its rows were written under.
    pub layout: Arc<TableSchema>,
    /// The rows, by index.
    pub rows: RoaringBitmap,
}

/// What is taken out of a chunk.
#[derive(Clone, Debug)]
pub enum Removal {
    /// The chunk as a whole.
    Chunk,
    /// These rows of it, by index, beside those that are gone already.
    Rows(RoaringBitmap),
}

/// One alteration of a table's columns.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SchemaChange {
    /// Add columns at the end; they must be nullable, for the rows that are there have no value.
    AddColumns(Vec<FieldRef>),
    /// The same, but before the columns at the end that rows are divided by.
    AddColumnsBeforePartitions(Vec<FieldRef>),
    /// Give a column another name.
    RenameColumn {
        /// The name so far.
        from: String,
        /// The name from now on.
        to: String,
    },
    /// Drop columns.
    DropColumns(Vec<String>),
    /// Give a column a type that holds every value of its present one.
    WidenColumn {
        /// The column.
        name: String,
        /// Its type from now on.
        to: DataType,
    },
    /// Let a column hold nulls.
    SetNullable(String),
    /// Set or remove a column's comment.
    SetColumnComment {
        /// The column.
        name: String,
        /// The comment from now on.
        comment: Option<String>,
    },
}

impl SchemaChange {
    /// The alteration in words, for the history.
    pub fn describe(&self) -> String {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|n| format!("`{}`", crate::name::shorten(n)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::AddColumns(fields) | Self::AddColumnsBeforePartitions(fields) => {
                let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
                format!("add {}", list(&names))
            }
            Self::RenameColumn { from, to } => {
                format!("rename {} to {}", list(&[from]), list(&[to]))
            }
            Self::DropColumns(names) => {
                format!("drop {}", list(&names.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            Self::WidenColumn { name, to } => format!("widen {} to {to}", list(&[name])),
            Self::SetNullable(name) => format!("let {} be null", list(&[name])),
            Self::SetColumnComment { name, .. } => format!("comment on {}", list(&[name])),
        }
    }
}

/// A change of comment and properties. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyPatch {
    /// The comment from now on, or none from now on; unset leaves it.
    pub comment: Option<Option<Arc<str>>>,
    /// Properties to set.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Properties to remove.
    pub unset: Vec<Arc<str>>,
}

impl PropertyPatch {
    /// A patch that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a property.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set.push((key.into(), value.into()));
        self
    }

    /// Removes a property; it need not be there.
    pub fn without(mut self, key: &str) -> Self {
        self.unset.push(key.into());
        self
    }

    /// Sets the comment.
    pub fn with_comment(mut self, comment: &str) -> Self {
        self.comment = Some(Some(comment.into()));
        self
    }

    /// Removes the comment.
    pub fn without_comment(mut self) -> Self {
        self.comment = Some(None);
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.comment.is_none() && self.set.is_empty() && self.unset.is_empty()
    }

    /// The keys that it sets or removes.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.set.iter().map(|(key, _)| key).chain(&self.unset)
    }
}

/// A change with the place in source code that asked for it.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The change.
    pub change: Change,
    /// Where it was asked for.
    pub location: SourceLocation,
}

/// All changes of a transaction, in order.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    changes: Run<Arc<Staged>>,
}

impl WriteSet {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<Staged>> {
        self.changes.iter()
    }

    /// Adds a change that was applied without error to the draft.
    pub fn push(&mut self, staged: Arc<Staged>) {
        self.changes.push_back(staged);
    }

    /// What the changes come to for each name, on top of `base`. O(changes).
    pub fn footprints(&self, base: &Catalog) -> Footprints {
        let mut footprints = Footprints::default();
        for staged in self.changes.iter() {
            footprints.note(base, &staged.change);
        }
        footprints
    }
}

/// What a transaction read. Own writes read back do no harm here: they are not in the base.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    pub(crate) tables: BTreeMap<TableName, TableReads>,
    pub(crate) databases: BTreeMap<DatabaseName, Option<Arc<Database>>>,
    pub(crate) all_databases: bool,
    /// Whether databases were there, of which nothing else was read.
    pub(crate) told_databases: BTreeMap<DatabaseName, Option<VersionId>>,
}

/// What was read of one name.
#[derive(Clone, Debug)]
pub(crate) struct TableReads {
    pub(crate) base: Option<Arc<TableVersion>>,
    pub(crate) rows: RowReads,
    pub(crate) details: DetailReads,
    /// Whether nobody asked: a change that did not go through, or did nothing, told of it.
    pub(crate) told: bool,
}

/// What was read of a table besides its columns and rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DetailReads {
    pub(crate) comment: bool,
    pub(crate) properties: bool,
    /// What its owner says of its columns.
    pub(crate) columns: bool,
    /// What every commit to it changes, such as its ordinal.
    pub(crate) state: bool,
}

/// Which rows of a table were read.
#[derive(Clone, Debug)]
pub(crate) enum RowReads {
    /// None: only that the table is there (or is not), and its schema.
    None,
    /// Those that match one of these.
    Matching(Vec<Arc<Predicate>>),
    /// All.
    All,
}

impl ReadSet {
    /// Whether nothing was read: the transaction is *blind*. What was told does not count.
    pub fn is_empty(&self) -> bool {
        let blind = self.tables.values().all(|reads| reads.told);
        blind && self.databases.is_empty() && !self.all_databases
    }

    /// Notes that a name was looked up: its presence, absence or schema.
    pub fn looked_up(&mut self, base: &Catalog, name: &TableName) {
        self.reads_of(base, name);
    }

    /// Notes that a change told of a name, by an error or by doing nothing: of its presence, absence
    /// or schema.
    pub fn told(&mut self, base: &Catalog, name: &TableName) {
        self.tables.entry(name.clone()).or_insert_with(|| TableReads::of(base, name, true));
    }

    /// As [`told`](Self::told), of the presence or absence of a database.
    pub fn told_database(&mut self, base: &Catalog, name: &DatabaseName) {
        let created = || base.database(name).map(|database| database.created);
        self.told_databases.entry(name.clone()).or_insert_with(created);
    }

    /// Notes that rows were read: those that match `predicate`, or all.
    pub fn read_rows(&mut self, base: &Catalog, name: &TableName, predicate: Option<&Predicate>) {
        let reads = self.reads_of(base, name);
        match (&mut reads.rows, predicate) {
            (RowReads::All, _) => {}
            (rows, None) => *rows = RowReads::All,
            (RowReads::Matching(read), Some(predicate)) => read.push(Arc::new(predicate.clone())),
            (rows @ RowReads::None, Some(predicate)) => {
                *rows = RowReads::Matching(vec![Arc::new(predicate.clone())]);
            }
        }
    }

    /// Notes that the comment was read.
    pub fn read_comment(&mut self, base: &Catalog, name: &TableName) {
        self.reads_of(base, name).details.comment = true;
    }

    /// Notes that the properties were read.
    pub fn read_properties(&mut self, base: &Catalog, name: &TableName) {
        self.reads_of(base, name).details.properties = true;
    }

    /// Notes that the columns were read with their comments.
    pub fn read_columns(&mut self, base: &Catalog, name: &TableName) {
        self.reads_of(base, name).details.columns = true;
    }

    /// Notes that something was read that every commit to the table changes.
    pub fn read_state(&mut self, base: &Catalog, name: &TableName) {
        self.reads_of(base, name).details.state = true;
    }

    /// Notes that the tables of a database were listed, or that it was looked up.
    pub fn listed(&mut self, base: &Catalog, database: &DatabaseName) {
        self.databases.entry(database.clone()).or_insert_with(|| base.database(database).cloned());
    }

    /// Notes that the databases were listed.
    pub fn listed_databases(&mut self) {
        self.all_databases = true;
    }

    fn reads_of(&mut self, base: &Catalog, name: &TableName) -> &mut TableReads {
        let asked = || TableReads::of(base, name, false);
        let reads = self.tables.entry(name.clone()).or_insert_with(asked);
        reads.told = false;
        reads
    }
}

impl TableReads {
    fn of(base: &Catalog, name: &TableName, told: bool) -> Self {
        let (base, rows) = (base.table(name).cloned(), RowReads::None);
        Self { base, rows, details: DetailReads::default(), told }
    }
}
