//! What a store holds, in the plainest form: databases, tables and rows in maps and lists.
//!
//! One [`World`] is one version. It knows nothing of sharing, pruning or deletion vectors; of
//! chunks it knows only which rows were written together, because that is what orders a scan.
//! Worlds are compared with the engine as text, so that what differs can be read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A value that is not null.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Of a column of integers, small or not.
    Int(i64),
    /// Of a column of text.
    Text(String),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
        }
    }
}

/// A value, or null.
pub type Cell = Option<Value>;

/// The types that columns have here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Int32`.
    Small,
    /// `Int64`.
    Int,
    /// `Utf8`.
    Text,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its number in the life of the table.
    pub id: u64,
    /// Its name, as written.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it is for.
    pub comment: Option<String>,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number in the life of the table.
    pub id: u64,
    /// The version that brought it.
    pub born: u64,
    /// The version that last gave it a value.
    pub changed: u64,
    /// What it was written with, and its place there.
    pub place: (u64, u64),
    /// Its values by the ids of their columns; what is not there is null.
    pub cells: BTreeMap<u64, Value>,
}

/// What a table is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A table.
    Managed,
    /// A table that is said to be elsewhere.
    External(String),
    /// A view, with its text.
    View(String),
}

/// All that a reader of a table can see. Two are the same by pointer, as a restore has it.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What it is.
    pub what: What,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its rows, in the order of a scan.
    pub rows: Vec<Row>,
    /// What it is for.
    pub comment: Option<String>,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// The ids of the columns that its rows are divided by.
    pub partition_by: Vec<u64>,
}

impl State {
    /// The place of a column, by its name in any case.
    pub fn find(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| fold(&c.name) == fold(column))
    }

    /// Whether it is a view.
    pub fn is_view(&self) -> bool {
        matches!(self.what, What::View(_))
    }

    /// The names of the columns that rows are divided by.
    pub fn partition_columns(&self) -> Vec<String> {
        let name = |id: &u64| self.columns.iter().find(|c| c.id == *id).map(|c| c.name.clone());
        self.partition_by.iter().filter_map(name).collect()
    }

    /// The values of a row, in the order of the columns.
    pub fn values(&self, row: &Row) -> Vec<Cell> {
        self.columns.iter().map(|column| row.cells.get(&column.id).cloned()).collect()
    }

    /// The ids of the chunks that have rows, in order.
    pub fn chunks(&self) -> Vec<u64> {
        let mut chunks: Vec<u64> = self.rows.iter().map(|row| row.place.0).collect();
        chunks.dedup();
        chunks
    }
}

/// A table under its name.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its identity.
    pub id: u64,
    /// Its database and its name, as written.
    pub name: (String, String),
    /// The number of its state, and the version that it is from.
    pub ordinal: u64,
    /// See above.
    pub since: u64,
    /// The version that created it.
    pub created: u64,
    /// What it shows.
    pub state: Arc<State>,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Its name, as written.
    pub name: String,
    /// What it is for.
    pub comment: Option<String>,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
}

/// The numbers in the life of a table that never go back, whatever is restored.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The next row's id.
    pub next_row: u64,
    /// The next chunk's.
    pub next_chunk: u64,
    /// The next column's.
    pub next_column: u64,
    /// Its newest state, and the version that made it.
    pub ordinal: u64,
    /// See above.
    pub since: u64,
    /// How many rows each chunk was written with.
    pub sizes: BTreeMap<u64, usize>,
}

/// The folded names of a database and a table.
pub type Key = (String, String);

/// One version of a store.
#[derive(Clone, Debug)]
pub struct World {
    /// By folded name.
    pub databases: BTreeMap<String, Database>,
    /// By folded names.
    pub tables: BTreeMap<Key, Table>,
    /// Of every table that there ever was.
    pub marks: BTreeMap<u64, Marks>,
    /// The next table's id.
    pub next_table: u64,
    /// Of each application its newest sequence, and the version that it made.
    pub applied: BTreeMap<String, (u64, u64)>,
}

impl Default for World {
    fn default() -> Self {
        let name = "default".to_owned();
        let default = Database { name: name.clone(), comment: None, properties: BTreeMap::new() };
        Self {
            databases: BTreeMap::from([(name, default)]),
            tables: BTreeMap::new(),
            marks: BTreeMap::new(),
            next_table: 0,
            applied: BTreeMap::new(),
        }
    }
}

/// A name as it is compared.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// The parts of a name that the generator writes: `t` or `s.t`; none if it is no name.
pub fn split(name: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        [table] if !table.is_empty() => Some(("default".to_owned(), table.to_owned())),
        [database, table] if !database.is_empty() && !table.is_empty() => {
            Some((database.to_owned(), table.to_owned()))
        }
        _ => None,
    }
}

/// The key of a name that is one.
pub fn key_of((database, table): &(String, String)) -> Key {
    (fold(database), fold(table))
}

impl World {
    /// The table of this identity, under whatever name.
    pub fn by_id(&self, id: u64) -> Option<&Table> {
        self.tables.values().find(|table| table.id == id)
    }

    /// The whole of it as text, in the form of [`shown`](super::engine::shown).
    pub fn text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (folded, database) in &self.databases {
            let said = said(database.comment.as_deref(), &database.properties);
            lines.push(format!("database {}{said}", database.name));
            for (_, table) in self.tables.iter().filter(|((of, _), _)| of == folded) {
                lines.extend(table.text());
            }
        }
        lines.extend(self.applied.iter().map(|(a, (s, v))| format!("{a} wrote {s} in v{v}")));
        lines
    }
}

impl Table {
    fn text(&self) -> Vec<String> {
        let state = &self.state;
        let (database, name) = &self.name;
        let what = match &state.what {
            What::Managed => "table".to_owned(),
            What::External(location) => format!("external table at {location}"),
            What::View(text) => format!("view {text:?}"),
        };
        let mut line = format!("  {database}.{name}: {what} #{}, ", self.id);
        line += &format!("state {} of v{}, ", self.ordinal, self.since);
        line += &format!("created in v{}, ", self.created);
        line += &format!("by {:?}", state.partition_columns());
        line += &said(state.comment.as_deref(), &state.properties);
        let mut lines = vec![line];
        for column in &state.columns {
            let null = if column.nullable { "" } else { " not null" };
            let comment = column.comment.as_deref().unwrap_or_default();
            let Column { id, name, kind, .. } = column;
            lines.push(format!("    column #{id} {name} {kind:?}{null} {comment}"));
        }
        for row in &state.rows {
            let values = state.values(row);
            lines.push(row_text(row.id, row.born, row.changed, &values));
        }
        lines
    }
}

/// A row as text.
pub fn row_text(id: u64, born: u64, changed: u64, values: &[Cell]) -> String {
    format!("    row #{id} (v{born}, v{changed}): {}", cells_text(values))
}

/// Values as text.
pub fn cells_text(values: &[Cell]) -> String {
    let text = |cell: &Cell| cell.as_ref().map_or("null".to_owned(), |value| format!("{value:?}"));
    values.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Comment and properties as text.
pub fn said(comment: Option<&str>, properties: &BTreeMap<String, String>) -> String {
    let comment = comment.map_or(String::new(), |comment| format!(" {comment:?}"));
    let pairs = properties.iter().map(|(key, value)| format!(" {key}={value}"));
    comment + &pairs.collect::<String>()
}
