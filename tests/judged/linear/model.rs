//! What a store is to the judge: lists by key, and numbers by name, as one version left them.
//!
//! Beside the rows it notes in which chunk each row of a key is, for that is the grain at which
//! the engine may refuse: a save makes one chunk, an update one for the row, a compaction one for
//! all. What is *allowed* to stand never depends on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::matrix::Id;
use crate::record::{KEYS, Key, Row, Step, Told, table_of};

/// A plain or other table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) id: u64,
    pub(crate) rows: Arc<Vec<i64>>,
}

pub(crate) type Tables = BTreeMap<&'static str, Plain>;

/// The row of a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyRow {
    pub(crate) list: Arc<Vec<i64>>,
    pub(crate) born: u64,
    pub(crate) changed: u64,
    pub(crate) chunk: usize,
}

#[derive(Clone, Debug)]
struct Chunk {
    table: usize,
    low: Key,
    high: Key,
    /// The version that made it, and the newest one that made or changed a row of it.
    at: u64,
    newest: u64,
}

/// A version.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) version: u64,
    pub(crate) keys: HashMap<Key, KeyRow>,
    pub(crate) tables: Arc<Tables>,
    /// The tables of all versions so far.
    past: Vec<Arc<Tables>>,
    next_id: u64,
    chunks: Vec<Chunk>,
    /// Chunks that rows were taken out of by an update, by version.
    touched: Vec<(u64, usize)>,
    /// Chunks that a compaction took apart, likewise.
    compacted: Vec<(u64, usize)>,
    /// When rows were last changed, by table of keys.
    rows_changed: [u64; KEYS.len()],
}

impl Model {
    /// The empty store.
    pub(crate) fn new() -> Self {
        Self { past: vec![Arc::default()], ..Self::default() }
    }

    /// The rows that the table had at a version; none if it was not there.
    pub(crate) fn then(&self, id: u64, version: u64) -> Option<&Plain> {
        let tables = self.past.get(usize::try_from(version).ok()?)?;
        tables.values().find(|table| table.id == id)
    }

    /// All rows of a table of keys, by number.
    pub(crate) fn rows_of(&self, table: usize) -> Vec<Row> {
        let keys = self.keys.iter().filter(|(key, _)| table_of(**key) == table);
        let mut rows: Vec<Row> = keys.map(|(key, row)| (*key as i64, row.list.to_vec())).collect();
        rows.sort_by_key(|row| row.0);
        rows
    }

    /// Makes the next version by these changes, which were computed at `base`.
    pub(crate) fn commit(&mut self, changes: &[Step], base: u64) {
        self.version += 1;
        for change in changes {
            self.apply(change, base);
        }
        self.past.push(Arc::clone(&self.tables));
    }

    fn apply(&mut self, change: &Step, base: u64) {
        let version = self.version;
        match change {
            Step::Make(table, rows) => {
                let keys = rows.iter().map(|row| row.0 as Key);
                let (low, high) = (keys.clone().min(), keys.max());
                let chunk = self.chunk(*table, (low.unwrap_or(0), high.unwrap_or(0)), version);
                for (key, list) in rows {
                    let list = Arc::new(list.clone());
                    let row = KeyRow { list, born: version, changed: version, chunk };
                    self.keys.insert(*key as Key, row);
                }
            }
            Step::Append(key, value, _) => {
                let chunk = self.chunk(table_of(*key), (*key, *key), version);
                let Some(row) = self.keys.get_mut(key) else { return };
                self.touched.push((version, row.chunk));
                Arc::make_mut(&mut row.list).push(*value);
                (row.changed, row.chunk) = (version, chunk);
                self.rows_changed[table_of(*key)] = version;
            }
            Step::Insert(key, value) => {
                let chunk = self.chunk(table_of(*key), (*key, *key), version);
                let list = Arc::new(vec![*value]);
                self.keys.insert(*key, KeyRow { list, born: version, changed: version, chunk });
            }
            Step::Compact(table, true) => self.compact(*table, base),
            _ => {
                let tables = Arc::make_mut(&mut self.tables);
                let then = |id: u64, at: u64| {
                    let tables = self.past.get(usize::try_from(at).ok()?)?;
                    tables.values().find(|table| table.id == id).cloned()
                };
                if change_tables(tables, change, self.next_id, then) == Some(Told::Done) {
                    self.next_id += 1;
                }
            }
        }
    }

    fn compact(&mut self, table: usize, base: u64) {
        let version = self.version;
        let moves = |(key, row): &(&Key, &KeyRow)| {
            table_of(**key) == table && (row.born <= base || row.born == version)
        };
        let moved: Vec<Key> = self.keys.iter().filter(moves).map(|(key, _)| *key).collect();
        let (Some(low), Some(high)) = (moved.iter().min(), moved.iter().max()) else { return };
        let newest = moved.iter().map(|key| self.keys[key].changed).max().unwrap_or(0);
        let chunk = self.chunk(table, (*low, *high), newest);
        for key in moved {
            let Some(row) = self.keys.get_mut(&key) else { continue };
            self.compacted.push((version, row.chunk));
            row.chunk = chunk;
        }
    }

    fn chunk(&mut self, table: usize, (low, high): (Key, Key), newest: u64) -> usize {
        self.chunks.push(Chunk { table, low, high, at: self.version, newest });
        self.chunks.len() - 1
    }

    /// Whether a name was taken in a version.
    pub(crate) fn has(&self, name: &str, version: u64) -> bool {
        self.id_at(name, version).is_some()
    }

    /// The table that had a name in a version.
    pub(crate) fn id_at(&self, name: &str, version: u64) -> Option<Id> {
        let tables = self.past.get(usize::try_from(version).ok()?)?;
        tables.get(name).map(id_of)
    }

    /// Whether rows of one of these chunks were changed after `base`, up to a version.
    pub(crate) fn were_touched(&self, base: u64, until: u64, chunks: &BTreeSet<usize>) -> bool {
        let since = self.touched.iter().rev().take_while(|(version, _)| *version > base);
        let mut until = since.filter(|(version, _)| *version <= until);
        until.any(|(_, chunk)| chunks.contains(chunk))
    }

    /// Whether, for all that the statistics of chunks tell, rows of a key may have come or gone
    /// since `base`.
    pub(crate) fn may_have_changed(&self, base: u64, key: Key) -> bool {
        let table = table_of(key);
        let holds = |chunk: &Chunk| chunk.table == table && chunk.low <= key && key <= chunk.high;
        let new = self.chunks.iter().rev().take_while(|chunk| chunk.at > base);
        let mut came = new.filter(|chunk| chunk.newest > base);
        let old = |changed: &[(u64, usize)]| {
            let since = changed.iter().rev().take_while(|(version, _)| *version > base);
            since.map(|(_, chunk)| &self.chunks[*chunk]).any(holds)
        };
        let went = self.rows_changed[table] > base && (old(&self.touched) || old(&self.compacted));
        came.any(holds) || went
    }
}

/// Makes a change to the tables, whose next one gets the id `next`; returns what is to be told,
/// or nothing if the change is about something else. `then` knows what a table was at a version.
pub(crate) fn change_tables(
    tables: &mut Tables,
    change: &Step,
    next: u64,
    then: impl Fn(u64, u64) -> Option<Plain>,
) -> Option<Told> {
    Some(match change {
        Step::Add(name, value, _) => match tables.get_mut(name) {
            Some(table) => {
                Arc::make_mut(&mut table.rows).push(*value);
                Told::Done
            }
            None => Told::Absent,
        },
        Step::Overwrite(name, value, _) => match tables.get_mut(name) {
            Some(table) => {
                table.rows = Arc::new(vec![*value]);
                Told::Done
            }
            None => Told::Absent,
        },
        Step::Drop(name, _) => tables.remove(name).map_or(Told::Absent, |_| Told::Done),
        Step::Create(name, value, _) => match tables.contains_key(name) {
            true => Told::Taken,
            false => {
                tables.insert(name, Plain { id: next, rows: Arc::new(vec![*value]) });
                Told::Done
            }
        },
        Step::Rename(from, to, _) => match (tables.contains_key(to), tables.remove(from)) {
            (false, Some(table)) => {
                tables.insert(to, table);
                Told::Done
            }
            (true, Some(table)) => {
                tables.insert(from, table);
                Told::Taken
            }
            (_, None) => Told::Absent,
        },
        Step::Restore(name, at, _) => match tables.get_mut(name) {
            Some(table) => match then(table.id, *at) {
                Some(then) => {
                    table.rows = then.rows;
                    Told::Done
                }
                None => Told::Absent,
            },
            None => Told::Absent,
        },
        _ => return None,
    })
}

/// What a table of the model is to the matrix.
pub(crate) fn id_of(table: &Plain) -> Id {
    Id::Table(table.id)
}
