//! Changes made to a world, one by one, or refused: what the engine must do, said plainly.
//!
//! A refusal is the name of the error's variant, and leaves the draft as it was. What is decided
//! by looking at rows is noted ([`RowChange`]), so that the same changes can be made once more on
//! a world that others have changed meanwhile: what the engine calls carrying over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::fit::{self, Refusal, refuse};
use super::past::Past;
use super::step::{Alter, Op, Patch};
use super::world::{
    Column, Database, Key, Kind, Marks, Row, State, Table, Value, What, World, fold, key_of, split,
};

/// What the record of a commit says of one operation: the kind, what it was done to, and how many
/// rows came, went and changed.
pub type Record = (String, String, [u64; 3]);

/// Values by the ids of their columns.
pub type Cells = BTreeMap<u64, Value>;

/// What becomes of the rows of a table.
#[derive(Clone, Debug, Default)]
pub struct RowChange {
    /// Rows that go, by id.
    pub removed: Vec<u64>,
    /// Rows that get other values, in the order in which they are written, a list for each chunk
    /// that they come from.
    pub updated: Vec<Vec<(u64, Cells)>>,
    /// New rows.
    pub inserted: Vec<Cells>,
    /// Columns that a merge of schemas adds or widens first.
    pub altered: Vec<Column>,
    /// Chunks that are written anew, and their rows in the order to come.
    pub rewritten: Option<(Vec<u64>, Vec<Vec<u64>>)>,
    /// What a revert brings back, `+`, and takes away, `-`: databases by folded name, tables by id.
    pub reverted: BTreeSet<String>,
}

/// A world under change.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// What it has come to.
    pub world: World,
    /// The version that it will be.
    pub at: u64,
    /// What was done.
    pub records: Vec<Record>,
    /// What was decided by looking at rows, in the change under way.
    pub decided: Vec<RowChange>,
    /// The changes that came to something, each with what it decided and what was said of it.
    pub log: Vec<(Op, Vec<RowChange>, String)>,
    /// What was decided elsewhere and is to be done here, and both worlds as they were before.
    pub given: Option<(VecDeque<RowChange>, World, World)>,
    /// Whether whatever database is missing is made.
    pub makes_databases: bool,
    /// What there was before.
    pub past: &'a Past,
}

impl<'a> Draft<'a> {
    /// Nothing done yet.
    pub fn new(world: World, at: u64, past: &'a Past, makes_databases: bool) -> Self {
        let (records, decided, log, given) = Default::default();
        Self { world, at, records, decided, log, given, makes_databases, past }
    }

    /// Makes a change. What is returned says what a caller is told, beside the version.
    pub fn apply(&mut self, op: &Op) -> Result<String, Refusal> {
        let before = self.clone();
        let done = self.try_apply(op);
        let decided = std::mem::take(&mut self.decided);
        match &done {
            Err(_) => *self = before,
            Ok(said) if self.records.len() > before.records.len() => {
                self.log.push((op.clone(), decided, said.clone()));
            }
            Ok(_) => {}
        }
        done
    }

    /// The same changes on another world, where others have been meanwhile. Refused if they are
    /// not the same there.
    pub fn carry_over(&self, base: &World, head: &World, at: u64) -> Result<Draft<'a>, Refusal> {
        let mut carried = Draft::new(head.clone(), at, self.past, self.makes_databases);
        for (op, decided, said) in &self.log {
            let decided = decided.iter().cloned().collect();
            carried.given = Some((decided, base.clone(), head.clone()));
            if carried.apply(op)? != *said {
                return refuse("it comes to something else");
            }
        }
        carried.given = None;
        Ok(carried)
    }

    fn try_apply(&mut self, op: &Op) -> Result<String, Refusal> {
        match op {
            Op::Save(save) => return self.save(save),
            Op::CreateTable { name, columns, partition_by, if_not_exists, comment } => {
                let name = parse(name)?;
                if *if_not_exists && self.world.tables.contains_key(&key_of(&name)) {
                    return Ok(String::new());
                }
                fit::refuse_duplicates(columns.iter().map(|(name, ..)| *name))?;
                let column = |(id, (name, kind, nullable)): (usize, &(&str, Kind, bool))| Column {
                    id: id as u64,
                    name: (*name).to_owned(),
                    kind: *kind,
                    nullable: *nullable,
                    comment: None,
                };
                let columns: Vec<Column> = columns.iter().enumerate().map(column).collect();
                let partition_by = fit::partition_ids(&columns, partition_by)?;
                self.provide_database(&name.0)?;
                let comment = comment.map(str::to_owned);
                let properties = BTreeMap::new();
                let rows = Vec::new();
                let what = What::Managed;
                let state = State { what, columns, rows, comment, properties, partition_by };
                self.create(&name, state, "CreateTable", Vec::new())?;
            }
            Op::CreateView { name, text, or_replace, property } => {
                self.create_view(name, text, *or_replace, *property)?;
            }
            Op::DropTable(name) => {
                let key = self.require(name)?;
                let table = self.world.tables.remove(&key).expect("it is required");
                let gone = table.state.rows.len() as u64;
                self.note("DropTable", &table.name, [0, gone, 0]);
            }
            Op::RenameTable(from, to) => {
                let (from, to) = (parse(from)?, parse(to)?);
                self.require_name(&from)?;
                self.rename(&from, &to)?;
            }
            Op::Truncate(name) => {
                let key = self.require(name)?;
                let mut state = self.state(&key);
                if state.is_view() {
                    return refuse("Catalog.IsView");
                }
                let gone = state.rows.len() as u64;
                state.rows.clear();
                self.put(&key, state);
                self.note_table("Truncate", &key, [0, gone, 0]);
            }
            Op::AlterTable(name, alterations) => {
                let key = self.require(name)?;
                self.alter(&key, alterations)?;
                self.note_table("AlterSchema", &key, [0; 3]);
            }
            Op::SetProperties(name, patch) => {
                let key = self.require(name)?;
                if is_empty(patch) {
                    return Ok(String::new());
                }
                let mut state = self.state(&key);
                patched(&mut state.comment, &mut state.properties, patch);
                self.put(&key, state);
                self.note_table("SetProperties", &key, [0; 3]);
            }
            Op::CreateDatabase { name, if_not_exists, comment } => {
                let there = self.world.databases.contains_key(&parse_database(name)?);
                if *if_not_exists && there {
                    return Ok(String::new());
                }
                if there {
                    return refuse("Catalog.DatabaseExists");
                }
                self.create_database(name, comment.map(str::to_owned), BTreeMap::new());
            }
            Op::DropDatabase(name, cascade) => self.drop_database(name, *cascade)?,
            Op::AlterDatabase(name, patch) => {
                let folded = parse_database(name)?;
                let Some(database) = self.world.databases.get_mut(&folded) else {
                    return refuse("Catalog.NoDatabase");
                };
                if is_empty(patch) {
                    return Ok(String::new());
                }
                patched(&mut database.comment, &mut database.properties, patch);
                let name = database.name.clone();
                self.records.push(("AlterDatabase".to_owned(), name, [0; 3]));
            }
            Op::Delete(name, filter) => return self.delete(name, filter.as_ref()),
            Op::Update(name, sets, filter) => return self.update(name, sets, filter.as_ref()),
            Op::Merge(name, on, rows, how) => return self.merge(name, on, rows, *how),
            Op::Compact(name, by) => return self.compact(name, by),
            Op::RestoreTable(name, moment) => {
                let name = parse(name)?;
                let at = self.past.at(moment)?;
                self.restore_table(&name, at)?;
            }
            Op::Restore(moment) => {
                let at = self.past.at(moment)?;
                self.restore(at);
            }
            Op::Revert(back) => {
                let version = self.past.back(*back);
                self.past.reach(version)?;
                let Some(before) = version.checked_sub(1) else {
                    return refuse("Options");
                };
                self.past.reach(before)?;
                self.revert(before, version)?;
            }
        }
        Ok(String::new())
    }

    // ---- names ------------------------------------------------------------------------------

    /// The key of a table that is there.
    pub fn require(&self, name: &str) -> Result<Key, Refusal> {
        self.require_name(&parse(name)?)
    }

    /// As above, of a name that was parsed.
    pub fn require_name(&self, name: &(String, String)) -> Result<Key, Refusal> {
        let key = key_of(name);
        match self.world.tables.contains_key(&key) {
            true => Ok(key),
            false if self.world.databases.contains_key(&key.0) => refuse("Catalog.NoTable"),
            false => refuse("Catalog.NoDatabase"),
        }
    }

    /// A copy of what a table shows.
    pub fn state(&self, key: &Key) -> State {
        State::clone(&self.world.tables[key].state)
    }

    /// The numbers of a table that never go back.
    pub fn marks(&mut self, key: &Key) -> &mut Marks {
        let id = self.world.tables[key].id;
        self.world.marks.entry(id).or_default()
    }

    /// The database's name as it is written in the catalog.
    fn written_in(
        &self,
        (database, table): &(String, String),
    ) -> Result<(String, String), Refusal> {
        match self.world.databases.get(&fold(database)) {
            Some(database) => Ok((database.name.clone(), table.clone())),
            None => refuse("Catalog.NoDatabase"),
        }
    }

    // ---- what every change comes down to ----------------------------------------------------

    /// Notes an operation on a table that is there.
    pub fn note_table(&mut self, label: &str, key: &Key, rows: [u64; 3]) {
        let name = self.world.tables[key].name.clone();
        self.note(label, &name, rows);
    }

    /// Notes an operation on a table.
    pub fn note(&mut self, label: &str, (database, table): &(String, String), rows: [u64; 3]) {
        self.records.push((label.to_owned(), format!("{database}.{table}"), rows));
    }

    /// A table gets another state: a further one, unless this version changed it already.
    pub fn put(&mut self, key: &Key, state: State) {
        self.put_shared(key, Arc::new(state));
    }

    /// As above, with a state that was there before.
    pub fn put_shared(&mut self, key: &Key, state: Arc<State>) {
        let at = self.at;
        let table = self.world.tables.get_mut(key).expect("whoever puts has looked");
        table.state = state;
        let marks = self.world.marks.entry(table.id).or_default();
        begin_change(table, marks, at);
    }

    /// Puts rows into a state: what is not in a chunk yet comes as so many chunks. Returns the new
    /// rows' count.
    pub fn add_rows(&mut self, key: &Key, state: &mut State, chunks: Vec<Vec<NewRow>>) {
        let at = self.at;
        let marks = self.marks(key);
        for chunk in chunks {
            let sequence = marks.next_chunk;
            marks.next_chunk += 1;
            marks.sizes.insert(sequence, chunk.len());
            for (index, row) in chunk.into_iter().enumerate() {
                let place = (sequence, index as u64);
                state.rows.push(match row {
                    NewRow::New(cells) => {
                        let id = marks.next_row;
                        marks.next_row += 1;
                        Row { id, born: at, changed: at, place, cells }
                    }
                    NewRow::Kept(row) => Row { place, ..row },
                });
            }
        }
        state.rows.sort_by_key(|row| row.place);
    }

    /// Creates a table, whose rows come as chunks.
    pub fn create(
        &mut self,
        name: &(String, String),
        state: State,
        label: &str,
        chunks: Vec<Vec<NewRow>>,
    ) -> Result<(), Refusal> {
        let name = self.written_in(name)?;
        let key = key_of(&name);
        if self.world.tables.contains_key(&key) {
            return refuse("Catalog.TableExists");
        }
        let (id, at) = (self.world.next_table, self.at);
        self.world.next_table += 1;
        let next_column = state.columns.iter().map(|column| column.id + 1).max().unwrap_or(0);
        let marks = Marks { next_column, since: at, ..Marks::default() };
        self.world.marks.insert(id, marks);
        let (empty, created) = (Arc::new(state.clone()), at);
        let table = Table { id, name, ordinal: 0, since: at, created, state: empty };
        self.world.tables.insert(key.clone(), table);
        let mut state = state;
        self.add_rows(&key, &mut state, chunks);
        let came = state.rows.len() as u64;
        self.world.tables.get_mut(&key).expect("it was just put in").state = Arc::new(state);
        self.note_table(label, &key, [came, 0, 0]);
        Ok(())
    }

    fn create_view(
        &mut self,
        name: &str,
        text: &str,
        or_replace: bool,
        property: Option<(&str, &str)>,
    ) -> Result<(), Refusal> {
        let name = parse(name)?;
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let state = State {
            what: What::View(text.to_owned()),
            columns: Vec::new(),
            rows: Vec::new(),
            comment: None,
            properties: property.map(own).into_iter().collect(),
            partition_by: Vec::new(),
        };
        let key = key_of(&name);
        match self.world.tables.get(&key) {
            Some(table) if or_replace => {
                if !table.state.is_view() {
                    return refuse("Catalog.NotAView");
                }
                self.put(&key, state);
                self.note_table("CreateView", &key, [0; 3]);
                Ok(())
            }
            _ => {
                self.provide_database(&name.0)?;
                self.create(&name, state, "CreateView", Vec::new())
            }
        }
    }

    /// Makes a database if it is missing and may be made.
    pub fn provide_database(&mut self, database: &str) -> Result<(), Refusal> {
        if self.world.databases.contains_key(&fold(database)) {
            return Ok(());
        }
        if !self.makes_databases {
            return refuse("Catalog.NoDatabase");
        }
        self.create_database(database, None, BTreeMap::new());
        Ok(())
    }

    /// Makes a database that is not there.
    pub fn create_database(
        &mut self,
        name: &str,
        comment: Option<String>,
        properties: BTreeMap<String, String>,
    ) {
        let database = Database { name: name.to_owned(), comment, properties };
        self.world.databases.insert(fold(name), database);
        self.records.push(("CreateDatabase".to_owned(), name.to_owned(), [0; 3]));
    }

    fn drop_database(&mut self, name: &str, cascade: bool) -> Result<(), Refusal> {
        let folded = parse_database(name)?;
        let Some(database) = self.world.databases.get(&folded) else {
            return refuse("Catalog.NoDatabase");
        };
        if folded == "default" {
            return refuse("Catalog.DefaultDatabase");
        }
        let name = database.name.clone();
        let mut gone = 0;
        let mut tables = 0;
        for ((of, _), table) in &self.world.tables {
            if *of == folded {
                gone += table.state.rows.len() as u64;
                tables += 1;
            }
        }
        if tables > 0 && !cascade {
            return refuse("Catalog.DatabaseNotEmpty");
        }
        self.world.tables.retain(|(of, _), _| *of != folded);
        self.world.databases.remove(&folded);
        self.records.push(("DropDatabase".to_owned(), name, [0, gone, 0]));
        Ok(())
    }

    /// Gives a table that is there another name.
    pub fn rename(
        &mut self,
        from: &(String, String),
        to: &(String, String),
    ) -> Result<(), Refusal> {
        let (old, to) = (key_of(from), self.written_in(to)?);
        let new = key_of(&to);
        if old != new && self.world.tables.contains_key(&new) {
            return refuse("Catalog.TableExists");
        }
        self.note_table("Rename", &old, [0; 3]);
        let mut table = self.world.tables.remove(&old).expect("whoever renames has looked");
        table.name = to;
        let marks = self.world.marks.entry(table.id).or_default();
        begin_change(&mut table, marks, self.at);
        self.world.tables.insert(new, table);
        Ok(())
    }

    fn alter(&mut self, key: &Key, alterations: &[Alter]) -> Result<(), Refusal> {
        let mut state = self.state(key);
        let mut next = self.marks(key).next_column;
        for alteration in alterations {
            fit::alter(&mut state, alteration, &mut next)?;
        }
        self.marks(key).next_column = next;
        self.put(key, state);
        Ok(())
    }

    // ---- what was before --------------------------------------------------------------------

    fn restore_table(&mut self, name: &(String, String), at: u64) -> Result<(), Refusal> {
        let then = self.past.world(at);
        let key = key_of(name);
        let source = match self.world.tables.get(&key) {
            None => match then.tables.get(&key) {
                Some(source) => source,
                None => return refuse("Catalog.NoTableThen"),
            },
            Some(now) => match then.by_id(now.id) {
                Some(source) => source,
                None if then.tables.contains_key(&key) => return refuse("Catalog.OtherTable"),
                None => return refuse("Catalog.NoTableThen"),
            },
        };
        if self.world.tables.contains_key(&key) {
            let rows = self.moved(Some(&self.world.tables[&key].state), Some(&source.state));
            self.put_shared(&key, Arc::clone(&source.state));
            self.note_table("RestoreTable", &key, rows);
            return Ok(());
        }
        let name = self.written_in(name)?;
        if self.world.by_id(source.id).is_some() {
            return refuse("Catalog.Renamed");
        }
        let rows = self.moved(None, Some(&source.state));
        self.bring_back(name, source);
        self.note_table("RestoreTable", &key, rows);
        Ok(())
    }

    /// Puts a table back that is not there, under this name.
    pub fn bring_back(&mut self, name: (String, String), source: &Table) {
        self.raise_marks(source.id);
        let marks = self.world.marks.entry(source.id).or_default();
        let (ordinal, since) = (marks.ordinal, marks.since);
        let mut table = Table { name, ordinal, since, ..source.clone() };
        begin_change(&mut table, marks, self.at);
        self.world.tables.insert(key_of(&table.name), table);
    }

    /// A state may come from a version after the one that this began at.
    fn raise_marks(&mut self, id: u64) {
        let Some(there) = self.past.now().marks.get(&id) else { return };
        let marks = self.world.marks.entry(id).or_insert_with(|| Marks {
            ordinal: there.ordinal,
            since: there.since,
            ..Marks::default()
        });
        marks.next_row = marks.next_row.max(there.next_row);
        marks.next_chunk = marks.next_chunk.max(there.next_chunk);
        marks.next_column = marks.next_column.max(there.next_column);
        marks.sizes.extend(there.sizes.iter().map(|(chunk, size)| (*chunk, *size)));
    }

    fn restore(&mut self, at: u64) {
        let then = self.past.world(at).clone();
        let before = self.world.clone();
        self.world.tables.clear();
        for (key, source) in &then.tables {
            match before.tables.get(key) {
                // The same table, under the same name, to the letter.
                Some(now) if now.id == source.id && now.name == source.name => {
                    self.world.tables.insert(key.clone(), now.clone());
                    if !Arc::ptr_eq(&now.state, &source.state) {
                        self.put_shared(key, Arc::clone(&source.state));
                    }
                }
                _ => self.bring_back(source.name.clone(), source),
            }
        }
        let mut moved = [0; 3];
        let ids = before.tables.values().chain(then.tables.values()).map(|table| table.id);
        let ids: std::collections::BTreeSet<u64> = ids.collect();
        for id in ids {
            let state = |world: &World| world.by_id(id).map(|table| Arc::clone(&table.state));
            let rows = self.moved(state(&before).as_ref(), state(&then).as_ref());
            moved[0] += rows[0];
            moved[1] += rows[1];
        }
        self.world.databases = then.databases;
        self.records.push(("RestoreStore".to_owned(), "the store".to_owned(), moved));
    }

    /// How many rows come and go from one state of a table to another: what lies elsewhere, or is
    /// written anew, counts as both.
    fn moved(&self, from: Option<&Arc<State>>, to: Option<&Arc<State>>) -> [u64; 3] {
        let places = |state: Option<&Arc<State>>| -> std::collections::BTreeSet<(u64, u64)> {
            state.iter().flat_map(|state| &state.rows).map(|row| row.place).collect()
        };
        let (from, to) = (places(from), places(to));
        [to.difference(&from).count() as u64, from.difference(&to).count() as u64, 0]
    }
}

/// A row on its way into a table.
#[derive(Clone, Debug)]
pub enum NewRow {
    /// One that was not there.
    New(Cells),
    /// One that stays what it is.
    Kept(Row),
}

/// A table is changed by the version `at`, for the first time or once more.
fn begin_change(table: &mut Table, marks: &mut Marks, at: u64) {
    if table.since != at {
        table.ordinal += 1;
        table.since = at;
    }
    (marks.ordinal, marks.since) = (table.ordinal, table.since);
}

/// The parts of a name, or the refusal of what is none.
pub fn parse(name: &str) -> Result<(String, String), Refusal> {
    split(name).ok_or_else(|| "Name".to_owned())
}

/// The folded name of a database, or the refusal of what is none.
pub fn parse_database(name: &str) -> Result<String, Refusal> {
    if name.is_empty() { refuse("Name") } else { Ok(fold(name)) }
}

fn is_empty(patch: &Patch) -> bool {
    patch.comment.is_none() && patch.set.is_none() && patch.unset.is_none()
}

fn patched(comment: &mut Option<String>, properties: &mut BTreeMap<String, String>, patch: &Patch) {
    if let Some(new) = patch.comment {
        *comment = new.map(str::to_owned);
    }
    if let Some(key) = patch.unset {
        properties.remove(key);
    }
    if let Some((key, value)) = patch.set {
        properties.insert(key.to_owned(), value.to_owned());
    }
}
