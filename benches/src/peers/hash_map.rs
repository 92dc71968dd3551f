//! `RwLock<HashMap<String, Vec<RecordBatch>>>`, used in two ways.
//!
//! *By the call*: each operation takes the lock for itself, and rows are copied out of it (their
//! buffers are shared). That is how such a map is used when nobody has thought further: two calls
//! are two states. *Held*: the lock is held for as long as the rows are read, and around everything
//! that must be one change. Nothing is lost or torn then, and a writer waits for all readers.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arrow_array::RecordBatch;

use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as the map used by the call.
pub const CONTESTANT: Contestant = Contestant {
    name: "HashMap, by the call",
    keeps: Keeps::Newest,
    open: || Box::new(ByHashMap { held: false, tables: RwLock::default() }),
};

/// Takes part as the map with its lock held.
pub const CONTESTANT_HELD: Contestant = Contestant {
    name: "HashMap, lock held",
    keeps: Keeps::Newest,
    open: || Box::new(ByHashMap { held: true, tables: RwLock::default() }),
};

type Tables = HashMap<String, Vec<RecordBatch>>;

struct ByHashMap {
    held: bool,
    tables: RwLock<Tables>,
}

impl ByHashMap {
    fn shared(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for ByHashMap {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }
}

impl Session for &ByHashMap {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        let mut all = self.alone();
        all.extend(tables.iter().map(|name| (name.text.clone(), vec![rows()])));
        Ok(())
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let rows = vec![rows.clone()];
        let mut all = self.alone();
        let before = match all.get_mut(&table.text) {
            Some(old) => Some(std::mem::replace(old, rows)),
            None => all.insert(table.text.clone(), rows),
        };
        // Freed once the lock is.
        drop(all);
        drop(before);
        Ok(())
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let mut all = self.alone();
        match all.get_mut(&table.text) {
            Some(batches) => batches.push(rows.clone()),
            None => drop(all.insert(table.text.clone(), vec![rows.clone()])),
        }
        Ok(())
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        if self.held {
            let all = self.shared();
            let Some(batches) = all.get(&table.text) else { return Ok(false) };
            batches.iter().for_each(see);
        } else {
            let Some(batches) = self.shared().get(&table.text).cloned() else { return Ok(false) };
            batches.iter().for_each(see);
        }
        Ok(true)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        let names: Vec<String> = self.shared().keys().cloned().collect();
        Ok(names.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        if self.held {
            let mut all = self.alone();
            let batches = all.get_mut(&table.text).ok_or("there is no such table")?;
            *batches = vec![change(&batches[0])];
            return Ok(());
        }
        let batches = self.shared().get(&table.text).cloned();
        let batches = batches.ok_or("there is no such table")?;
        self.overwrite(table, &change(&batches[0]))
    }

    fn commit(&mut self, writes: &[(&Name, &RecordBatch)]) -> Option<Result<(), Failure>> {
        if !self.held {
            return None;
        }
        let mut all = self.alone();
        for (name, rows) in writes {
            all.insert(name.text.clone(), vec![(*rows).clone()]);
        }
        Some(Ok(()))
    }

    fn read_both(
        &mut self,
        tables: [&Name; 2],
        see: &mut dyn FnMut(usize, &RecordBatch),
    ) -> Result<bool, Failure> {
        if self.held {
            let all = self.shared();
            for (at, name) in tables.into_iter().enumerate() {
                let Some(batches) = all.get(&name.text) else { return Ok(false) };
                batches.iter().for_each(|rows| see(at, rows));
            }
            return Ok(true);
        }
        let mut found = true;
        for (at, name) in tables.into_iter().enumerate() {
            found &= self.read(name, &mut |rows| see(at, rows))?;
        }
        Ok(found)
    }

    fn pin(&mut self) -> bool {
        if self.held {
            // A copy of the map: what is not shared with writers must be copied.
            let copy = self.shared().clone();
            drop(std::hint::black_box(copy));
        }
        self.held
    }
}
