//! What a catalog should show after each wish, by rows and names alone: no layouts, no sharing, and
//! of chunks their numbers only. Past states are kept whole.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use arrow_schema::DataType;

use crate::catalog::Catalog;
use crate::catalog::tests::kit::{Row, columns_of, rows_in};
use crate::catalog::tests::wishes::rows::{COMPACT_ROWS, live, order};
use crate::catalog::tests::wishes::{ColumnOf, Which, Wish};
use crate::commit::Metrics;
use crate::error::CatalogError;
use crate::name::{DatabaseName, TableName};
use crate::schema::fold;
use crate::table::{ChunkEntry, Life, Origin, Stamps, TableId, TableState, TableVersion};
use crate::version::VersionId;
use crate::write_set::{PropertyPatch, SchemaChange};

/// Which error a catalog should answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    NoDatabase,
    DatabaseExists,
    DatabaseNotEmpty,
    DefaultDatabase,
    NoTable,
    TableExists,
    IsView,
    Schema,
    PartitionColumn,
    RowsMoved,
    Renamed,
    OtherTable,
    Another,
}

impl Refusal {
    pub(super) fn of(error: &CatalogError) -> Self {
        match error {
            CatalogError::NoDatabase { .. } => Self::NoDatabase,
            CatalogError::DatabaseExists { .. } => Self::DatabaseExists,
            CatalogError::DatabaseNotEmpty { .. } => Self::DatabaseNotEmpty,
            CatalogError::DefaultDatabase { .. } => Self::DefaultDatabase,
            CatalogError::NoTable { .. } => Self::NoTable,
            CatalogError::TableExists { .. } => Self::TableExists,
            CatalogError::IsView { .. } => Self::IsView,
            CatalogError::Schema { .. } => Self::Schema,
            CatalogError::PartitionColumn { .. } => Self::PartitionColumn,
            CatalogError::RowsMoved { .. } => Self::RowsMoved,
            CatalogError::Renamed { .. } => Self::Renamed,
            CatalogError::OtherTable { .. } => Self::OtherTable,
            _ => Self::Another,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Described {
    comment: Option<String>,
    properties: BTreeMap<String, String>,
}

impl Described {
    fn patch(&mut self, patch: &PropertyPatch) {
        if let Some(comment) = &patch.comment {
            self.comment = comment.as_deref().map(str::to_owned);
        }
        for key in &patch.unset {
            self.properties.remove(&**key);
        }
        for (key, value) in &patch.set {
            self.properties.insert((**key).to_owned(), (**value).to_owned());
        }
    }
}

/// What a reader sees of a table.
#[derive(Clone, Debug, PartialEq)]
struct State {
    is_view: bool,
    columns: Vec<(String, DataType, bool)>,
    /// By folded column name.
    column_comments: BTreeMap<String, String>,
    /// In the order of a scan.
    rows: Vec<Held>,
    described: Described,
}

/// A row: the chunk that it is in, who it is, and what it holds.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    chunk: u64,
    origin: Origin,
    row: Row,
}

impl State {
    fn of(state: &TableState) -> Self {
        let comment = |column: &crate::schema::Column| {
            let comment = column.field().metadata().get("comment")?.clone();
            Some((fold(column.name()).into_owned(), comment))
        };
        let pair =
            |(key, value): (&Arc<str>, &Arc<str>)| ((**key).to_owned(), (**value).to_owned());
        Self {
            is_view: state.is_view(),
            columns: columns_of(state),
            column_comments: state.schema().columns().iter().filter_map(comment).collect(),
            rows: held(state),
            described: Described {
                comment: state.details().comment.as_deref().map(str::to_owned),
                properties: state.details().properties.iter().map(pair).collect(),
            },
        }
    }

    fn find(&self, column: &str) -> Result<usize, Refusal> {
        let same = |(name, _, _): &(String, DataType, bool)| fold(name) == fold(column);
        self.columns.iter().position(same).ok_or(Refusal::Schema)
    }

    /// The row with the columns of the table: nulls where it has none.
    fn fitted(&self, row: &Row) -> Row {
        let value = |name: &str| {
            row.iter().find(|(other, _)| fold(other) == fold(name)).and_then(|(_, value)| *value)
        };
        self.columns.iter().map(|(name, _, _)| (name.clone(), value(name))).collect()
    }

    fn refit(&mut self) {
        let fitted: Vec<Row> = self.rows.iter().map(|held| self.fitted(&held.row)).collect();
        self.rows.iter_mut().zip(fitted).for_each(|(held, row)| held.row = row);
    }

    fn alter(&mut self, alteration: &SchemaChange, life: &mut Lifelong) -> Result<(), Refusal> {
        match alteration {
            // No table here is divided by columns.
            SchemaChange::AddColumns(fields) | SchemaChange::AddColumnsBeforePartitions(fields) => {
                for field in fields {
                    if self.find(field.name()).is_ok() {
                        return Err(Refusal::Schema);
                    }
                    let of = field.data_type().clone();
                    self.columns.push((field.name().clone(), of, true));
                    life.columns += 1;
                }
                self.refit();
                life.stamps.add_column = life.now;
            }
            SchemaChange::RenameColumn { from, to } => {
                let at = self.find(from)?;
                if self.find(to).is_ok_and(|other| other != at) {
                    return Err(Refusal::Schema);
                }
                let old = std::mem::replace(&mut self.columns[at].0, to.clone());
                for held in &mut self.rows {
                    let value = held.row.remove(&old).unwrap();
                    held.row.insert(to.clone(), value);
                }
                if let Some(comment) = self.column_comments.remove(&*fold(&old)) {
                    self.column_comments.insert(fold(to).into_owned(), comment);
                }
                life.stamps.schema = life.now;
            }
            SchemaChange::DropColumns(names) => {
                for name in names {
                    self.find(name)?;
                }
                for name in names {
                    if let Ok(at) = self.find(name) {
                        self.columns.remove(at);
                        self.column_comments.remove(&*fold(name));
                    }
                }
                if self.columns.is_empty() {
                    return Err(Refusal::Schema);
                }
                self.refit();
                life.stamps.schema = life.now;
            }
            SchemaChange::WidenColumn { name, to } => {
                let at = self.find(name)?;
                self.columns[at].1 = to.clone();
                life.stamps.schema = life.now;
            }
            SchemaChange::SetNullable(name) => {
                self.find(name)?;
                life.stamps.schema = life.now;
            }
            SchemaChange::SetColumnComment { name, comment } => {
                self.find(name)?;
                let key = fold(name).into_owned();
                self.column_comments.insert(key, comment.clone().unwrap());
                life.stamps.property = life.now;
            }
        }
        Ok(())
    }
}

/// What belongs to a table's life, and never goes back.
#[derive(Clone, Debug)]
struct Lifelong {
    ordinal: u64,
    created: VersionId,
    columns: u32,
    chunks: u64,
    rows: u64,
    stamps: Stamps,
    spans: Vec<Life>,
    /// The version being made.
    now: VersionId,
}

impl Lifelong {
    fn begin(&mut self, name: &TableName) {
        let (from, from_ordinal) = (self.now, self.ordinal);
        self.spans.push(Life { name: name.clone(), from, from_ordinal, until: None });
    }

    fn end(&mut self) {
        self.spans.last_mut().unwrap().until = Some(self.now);
    }
}

#[derive(Clone, Debug)]
struct Table {
    name: TableName,
    id: TableId,
    /// Shared by versions that show the same.
    state: Rc<State>,
}

/// A catalog as a reader sees it, and what goes on counting beside it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    databases: BTreeMap<String, (DatabaseName, Described)>,
    tables: BTreeMap<TableName, Table>,
    lives: BTreeMap<TableId, Lifelong>,
    /// Tables that took their next ordinal in the present transaction.
    raised: BTreeSet<TableId>,
    now: VersionId,
}

type Outcome = Result<(), Refusal>;

impl Model {
    pub(super) fn new() -> Self {
        let name = DatabaseName::default();
        let databases = [(name.folded().to_owned(), (name, Described::default()))];
        Self {
            databases: databases.into(),
            tables: BTreeMap::new(),
            lives: BTreeMap::new(),
            raised: BTreeSet::new(),
            now: VersionId::ZERO,
        }
    }

    /// What follows belongs to a new version.
    pub(super) fn begin(&mut self) {
        self.raised.clear();
        self.now = VersionId(self.now.0 + 1);
        for life in self.lives.values_mut() {
            life.now = self.now;
        }
    }

    /// Does what is wished, or nothing. `past` are the versions there were.
    pub(super) fn apply(&mut self, wish: &Wish, past: &[Self]) -> Outcome {
        let before = self.clone();
        let outcome = self.try_apply(wish, past);
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    fn try_apply(&mut self, wish: &Wish, past: &[Self]) -> Outcome {
        match wish {
            Wish::CreateDatabase { name, property } => {
                let mut described = Described::default();
                if let Some((key, value)) = property {
                    described.properties.insert((*key).to_owned(), (*value).to_owned());
                }
                let key = name.folded().to_owned();
                let old = self.databases.insert(key, (name.clone(), described));
                if old.is_some() { Err(Refusal::DatabaseExists) } else { Ok(()) }
            }
            Wish::DropDatabase { name, cascade } => {
                self.database(name)?;
                if name.folded() == "default" {
                    return Err(Refusal::DefaultDatabase);
                }
                let inside: Vec<TableName> =
                    self.tables.keys().filter(|table| table.is_in(name)).cloned().collect();
                if !cascade && !inside.is_empty() {
                    return Err(Refusal::DatabaseNotEmpty);
                }
                inside.iter().try_for_each(|table| self.leave(table).map(drop))?;
                self.databases.remove(name.folded());
                Ok(())
            }
            Wish::AlterDatabase { name, patch } => {
                self.database(name)?;
                let (_, described) = self.databases.get_mut(name.folded()).unwrap();
                described.patch(patch);
                Ok(())
            }
            Wish::Create { name, columns, rows } => self.create(name, columns, rows, false),
            Wish::CreateView { name } => self.create(name, &[], &[], true),
            Wish::Append { name, columns, rows, patch } => self.change(name, |state, life| {
                if state.is_view {
                    return Err(Refusal::IsView);
                }
                merge(state, life, columns);
                add(state, life, rows);
                life.stamps.append = life.now;
                describe(state, life, patch);
                Ok(())
            }),
            Wish::Overwrite { name, columns, rows, patch } => {
                let columns = columns.as_deref();
                self.change(name, |state, life| overwrite(state, life, columns, rows, patch))
            }
            Wish::Truncate { name } => self.change(name, |state, life| {
                overwrite(state, life, None, &[], &PropertyPatch::default())
            }),
            Wish::ReplaceWhere { name, column, value, rows, .. } => {
                self.change(name, |state, life| {
                    if state.is_view {
                        return Err(Refusal::IsView);
                    }
                    let count = state.rows.len();
                    let matches = |row: &Row| row.get(column).copied().flatten() == Some(*value);
                    state.rows.retain(|held| !matches(&held.row));
                    if state.rows.len() < count {
                        life.stamps.rows = life.now;
                    }
                    if !rows.is_empty() {
                        life.stamps.append = life.now;
                    }
                    add(state, life, rows);
                    Ok(())
                })
            }
            Wish::Delete { name, which } => self.change(name, |state, life| {
                if take(state, which)?.is_empty() {
                    return Ok(());
                }
                life.stamps.rows = life.now;
                Ok(())
            }),
            Wish::Update { name, which, set: (column, to) } => self.change(name, |state, life| {
                let mut updated = take(state, which)?;
                if !updated.is_empty() {
                    life.stamps.rows = life.now;
                }
                for held in &mut updated {
                    held.row.insert(column.clone(), Some(*to));
                    held.origin.changed = life.now;
                }
                put_again(state, life, updated, 2);
                Ok(())
            }),
            Wish::Compact { name, chunks, shuffle } => self.change(name, |state, life| {
                if state.is_view {
                    return Err(Refusal::IsView);
                }
                let goes =
                    |held: &Held| chunks.as_ref().is_none_or(|chunks| chunks.contains(&held.chunk));
                let rows = std::mem::take(&mut state.rows).into_iter();
                let (moved, stay): (Vec<Held>, Vec<Held>) = rows.partition(goes);
                state.rows = stay;
                let order = order(moved.len(), *shuffle).into_iter();
                let moved = order.map(|at| moved[at].clone()).collect();
                put_again(state, life, moved, COMPACT_ROWS);
                life.stamps.compact = life.now;
                Ok(())
            }),
            Wish::Alter { name, alterations } => self.change(name, |state, life| {
                alterations.iter().try_for_each(|alteration| state.alter(alteration, life))
            }),
            Wish::Describe { name, patch } => self.change(name, |state, life| {
                describe(state, life, patch);
                life.stamps.property = life.now;
                Ok(())
            }),
            Wish::Rename { from, to } => self.rename(from, to),
            Wish::Drop { name } => self.leave(name).map(drop),
            Wish::RestoreTable { name, source, from } => {
                let then = past[from.0 as usize].tables[name].clone();
                assert_eq!(then.id, source.id());
                self.restore_table(name, &then)
            }
            Wish::RestoreStore { source } => {
                self.restore_store(&past[source.id().0 as usize]);
                Ok(())
            }
        }
    }

    fn database(&self, name: &DatabaseName) -> Outcome {
        self.databases.get(name.folded()).map(drop).ok_or(Refusal::NoDatabase)
    }

    fn table(&self, name: &TableName) -> Result<&Table, Refusal> {
        self.database(&name.database())?;
        self.tables.get(name).ok_or(Refusal::NoTable)
    }

    /// The name with the database written as the database is.
    fn written(&self, name: &TableName) -> TableName {
        let (database, _) = &self.databases[name.database().folded()];
        TableName::new(database, name.table_str()).unwrap()
    }

    /// The next ordinal, once a transaction.
    fn raise(&mut self, id: TableId) -> &mut Lifelong {
        let life = self.lives.get_mut(&id).unwrap();
        if self.raised.insert(id) {
            life.ordinal += 1;
        }
        life
    }

    fn create(
        &mut self,
        name: &TableName,
        columns: &[ColumnOf],
        rows: &[Row],
        is_view: bool,
    ) -> Outcome {
        self.database(&name.database())?;
        if self.tables.contains_key(name) {
            return Err(Refusal::TableExists);
        }
        let name = self.written(name);
        let id = TableId(self.lives.len() as u64);
        let mut life = Lifelong {
            ordinal: 0,
            created: self.now,
            columns: columns.len() as u32,
            chunks: 0,
            rows: 0,
            stamps: Stamps { schema: self.now, ..Stamps::default() },
            spans: Vec::new(),
            now: self.now,
        };
        life.begin(&name);
        let column = |(name, of): &ColumnOf| (name.clone(), of.clone(), true);
        let mut state = State {
            is_view,
            columns: columns.iter().map(column).collect(),
            column_comments: BTreeMap::new(),
            rows: Vec::new(),
            described: Described::default(),
        };
        add(&mut state, &mut life, rows);
        if !rows.is_empty() {
            life.stamps.append = self.now;
        }
        self.lives.insert(id, life);
        self.raised.insert(id);
        self.tables.insert(name.clone(), Table { name, id, state: Rc::new(state) });
        Ok(())
    }

    fn change(
        &mut self,
        name: &TableName,
        change: impl FnOnce(&mut State, &mut Lifelong) -> Outcome,
    ) -> Outcome {
        let table = self.table(name)?.clone();
        let mut state = State::clone(&table.state);
        change(&mut state, self.raise(table.id))?;
        self.tables.get_mut(name).unwrap().state = Rc::new(state);
        Ok(())
    }

    fn rename(&mut self, from: &TableName, to: &TableName) -> Outcome {
        self.table(from)?;
        self.database(&to.database())?;
        if from != to && self.tables.contains_key(to) {
            return Err(Refusal::TableExists);
        }
        let name = self.written(to);
        let mut table = self.leave(from)?;
        let life = self.raise(table.id);
        life.begin(&name);
        life.stamps.schema = life.now;
        table.name = name.clone();
        self.tables.insert(name, table);
        Ok(())
    }

    fn leave(&mut self, name: &TableName) -> Result<Table, Refusal> {
        self.table(name)?;
        let table = self.tables.remove(name).unwrap();
        self.lives.get_mut(&table.id).unwrap().end();
        Ok(table)
    }

    fn come_back(&mut self, name: &TableName, then: &Table) {
        let life = self.raise(then.id);
        life.begin(name);
        life.stamps = Stamps { restore: life.now, ..Stamps::default() };
        self.tables.insert(name.clone(), Table { name: name.clone(), ..then.clone() });
    }

    fn restore_table(&mut self, name: &TableName, then: &Table) -> Outcome {
        match self.tables.get(name) {
            Some(now) if now.id == then.id => {
                let life = self.raise(then.id);
                life.stamps.restore = life.now;
                self.tables.get_mut(name).unwrap().state = Rc::clone(&then.state);
                Ok(())
            }
            Some(_) => Err(Refusal::OtherTable),
            None => {
                self.database(&name.database())?;
                if self.tables.values().any(|table| table.id == then.id) {
                    return Err(Refusal::Renamed);
                }
                let name = self.written(name);
                self.come_back(&name, then);
                Ok(())
            }
        }
    }

    fn restore_store(&mut self, then: &Self) {
        let goes = |now: &&Table| then.tables.get(&now.name).is_none_or(|old| old.id != now.id);
        let going: Vec<TableName> =
            self.tables.values().filter(goes).map(|table| table.name.clone()).collect();
        for name in going {
            self.leave(&name).unwrap();
        }
        self.databases.clone_from(&then.databases);
        for (name, old) in &then.tables {
            match self.tables.get(name) {
                None => self.come_back(&old.name, old),
                Some(now) if Rc::ptr_eq(&now.state, &old.state) => {}
                Some(_) => {
                    let life = self.raise(old.id);
                    life.stamps.restore = life.now;
                    self.tables.get_mut(name).unwrap().state = Rc::clone(&old.state);
                }
            }
        }
    }

    /// Panics unless the catalog shows just this.
    pub(super) fn compare(&self, catalog: &Catalog) {
        let described = |d: &crate::catalog::Database| Described {
            comment: d.comment().map(str::to_owned),
            properties: d
                .properties()
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect(),
        };
        let databases: Vec<_> =
            catalog.databases().map(|d| (d.name().as_str().to_owned(), described(d))).collect();
        let expected: Vec<_> =
            self.databases.values().map(|(n, d)| (n.as_str().to_owned(), d.clone())).collect();
        assert_eq!(databases, expected);
        assert!(catalog.tables().map(|(name, _)| name).eq(self.tables.keys()));
        for ((name, table), expected) in catalog.tables().zip(self.tables.values()) {
            let told = (name.to_string(), table.id());
            assert_eq!(told, (expected.name.to_string(), expected.id));
            assert_eq!(State::of(table.state()), *expected.state, "{name}");
            let life = &self.lives[&table.id()];
            assert_eq!(table.ordinal(), life.ordinal, "the ordinal of {name}");
            assert_eq!(table.created(), life.created, "{name}");
            assert_eq!(*table.stamps(), life.stamps, "the stamps of {name}");
            assert_eq!(table.lives(), life.spans, "{name}");
            let marks = table.high_water();
            let marks = (marks.next_column.0, marks.next_sequence, marks.next_row);
            assert_eq!(marks, (life.columns, life.chunks, life.rows), "the marks of {name}");
        }
    }
}

fn add(state: &mut State, life: &mut Lifelong, rows: &[Row]) {
    let (born, changed) = (life.now, life.now);
    let new = |(row, at): (&Row, u64)| {
        let origin = Origin { row: life.rows + at, born, changed };
        Held { chunk: 0, origin, row: state.fitted(row) }
    };
    let new = rows.iter().zip(0..).map(new).collect();
    put_again(state, life, new, 2);
    life.rows += rows.len() as u64;
}

/// Takes out the rows that match.
fn take(state: &mut State, which: &Which) -> Result<Vec<Held>, Refusal> {
    if state.is_view {
        return Err(Refusal::IsView);
    }
    let rows = std::mem::take(&mut state.rows).into_iter();
    let (taken, stay) = rows.partition(|held| which.matches(&held.row));
    state.rows = stay;
    Ok(taken)
}

/// Puts rows behind all others, in chunks of their own.
fn put_again(state: &mut State, life: &mut Lifelong, rows: Vec<Held>, chunk_rows: usize) {
    let chunks = rows.len().div_ceil(chunk_rows) as u64;
    let put = |(at, held)| Held { chunk: life.chunks + (at / chunk_rows) as u64, ..held };
    state.rows.extend(rows.into_iter().enumerate().map(put));
    life.chunks += chunks;
}

/// The rows that a catalog shows, with who they are.
fn held(state: &TableState) -> Vec<Held> {
    let of_chunk = |(chunk, entry): (u64, &ChunkEntry)| {
        let rows = rows_in(state, entry);
        let held = |at: u32| {
            let (origin, row) = (entry.origin(at), rows[at as usize].clone());
            Held { chunk, origin, row }
        };
        live(entry).map(held).collect::<Vec<_>>()
    };
    state.chunks().flat_map(of_chunk).collect()
}

fn describe(state: &mut State, life: &mut Lifelong, patch: &PropertyPatch) {
    state.described.patch(patch);
    if !patch.is_empty() {
        life.stamps.property = life.now;
    }
}

/// Makes room for `columns`: wider, or more of them.
fn merge(state: &mut State, life: &mut Lifelong, columns: &[ColumnOf]) {
    for (name, of) in columns {
        match state.find(name) {
            Ok(at) if state.columns[at].1 == DataType::Int32 && *of == DataType::Int64 => {
                state.columns[at].1 = DataType::Int64;
                life.stamps.schema = life.now;
            }
            Ok(_) => {}
            Err(_) => {
                state.columns.push((name.clone(), of.clone(), true));
                life.columns += 1;
                life.stamps.add_column = life.now;
            }
        }
    }
    state.refit();
}

fn overwrite(
    state: &mut State,
    life: &mut Lifelong,
    columns: Option<&[ColumnOf]>,
    rows: &[Row],
    patch: &PropertyPatch,
) -> Outcome {
    if let Some(columns) = columns {
        let new = columns.iter().filter(|(name, _)| state.find(name).is_err()).count();
        life.columns += new as u32;
        let columns: Vec<_> =
            columns.iter().map(|(name, of)| (name.clone(), of.clone(), true)).collect();
        // A comment goes with the field that it stood in.
        if columns != state.columns || !state.column_comments.is_empty() {
            life.stamps.schema = life.now;
        }
        state.columns = columns;
        state.column_comments.clear();
    }
    if std::mem::replace(&mut state.is_view, false) {
        life.stamps.schema = life.now;
    }
    state.rows.clear();
    add(state, life, rows);
    life.stamps.overwrite = life.now;
    describe(state, life, patch);
    Ok(())
}

/// What came and went between two catalogs, row by row and chunk by chunk, by their ids.
pub(super) fn moved(before: &Catalog, after: &Catalog) -> Metrics {
    difference(&Present::by(before, false), &Present::by(after, false))
}

/// As [`moved`], for a restore, which does not look at rows: those that were written anew since
/// count as gone and come.
pub(super) fn restored(before: &Catalog, after: &Catalog) -> Metrics {
    difference(&Present::by(before, true), &Present::by(after, true))
}

/// How many rows are in another chunk.
pub(super) fn rewritten(before: &Catalog, after: &Catalog) -> u64 {
    let chunks = |catalog: &Catalog| -> BTreeMap<(TableId, u64), u64> {
        let tables = catalog.tables().map(|(_, table)| table);
        let held = |table| held(TableVersion::state(table)).into_iter();
        let id = |table: &Arc<TableVersion>| table.id();
        tables
            .flat_map(|t| held(t).map(move |held| ((id(t), held.origin.row), held.chunk)))
            .collect()
    };
    let (old, new) = (chunks(before), chunks(after));
    old.iter().filter(|(row, chunk)| new.get(row).is_some_and(|now| now != *chunk)).count() as u64
}

fn difference(old: &Present, new: &Present) -> Metrics {
    let bytes = |chunks: &BTreeMap<(TableId, u64), u64>, other: &BTreeMap<_, _>| {
        let only = chunks.iter().filter(|(chunk, _)| !other.contains_key(*chunk));
        only.fold((0, 0), |(count, sum), (_, bytes)| (count + 1, sum + bytes))
    };
    let (chunks_added, bytes_added) = bytes(&new.chunks, &old.chunks);
    let (chunks_removed, bytes_removed) = bytes(&old.chunks, &new.chunks);
    Metrics {
        rows_added: new.without(old),
        rows_removed: old.without(new),
        rows_updated: old
            .rows
            .iter()
            .filter(|(row, changed)| new.rows.get(row).is_some_and(|now| now != *changed))
            .count() as u64,
        bytes_added,
        bytes_removed,
        chunks_added,
        chunks_removed,
    }
}

struct Present {
    /// The version that last changed each row.
    rows: BTreeMap<(TableId, u64, u32), VersionId>,
    chunks: BTreeMap<(TableId, u64), u64>,
}

impl Present {
    /// Rows by their ids, or by their places.
    fn by(catalog: &Catalog, places: bool) -> Self {
        let mut present = Self { rows: BTreeMap::new(), chunks: BTreeMap::new() };
        for (_, table) in catalog.tables() {
            for (sequence, entry) in table.state().chunks() {
                present.chunks.insert((table.id(), sequence), entry.chunk().bytes());
                present.rows.extend(live(entry).map(|at| {
                    let Origin { row, changed, .. } = entry.origin(at);
                    let key = if places { (sequence, at) } else { (row, 0) };
                    ((table.id(), key.0, key.1), changed)
                }));
            }
        }
        present
    }

    fn without(&self, other: &Self) -> u64 {
        self.rows.keys().filter(|row| !other.rows.contains_key(*row)).count() as u64
    }
}
