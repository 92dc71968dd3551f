//! `DashMap<String, Vec<RecordBatch>>`: a map whose shards have a lock each.
//!
//! Rows are read while the shard's lock is held. Nothing spans shards: no state of two tables, no
//! change of two, no view of all.

use arrow_array::RecordBatch;
use dashmap::DashMap;

use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `DashMap`.
pub const CONTESTANT: Contestant = Contestant {
    name: "DashMap",
    keeps: Keeps::Newest,
    open: || Box::new(ByDashMap { tables: DashMap::new() }),
};

struct ByDashMap {
    tables: DashMap<String, Vec<RecordBatch>>,
}

impl Peer for ByDashMap {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }
}

impl Session for &ByDashMap {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        for name in tables {
            self.tables.insert(name.text.clone(), vec![rows()]);
        }
        Ok(())
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.tables.insert(table.text.clone(), vec![rows.clone()]);
        Ok(())
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.tables.entry(table.text.clone()).or_default().push(rows.clone());
        Ok(())
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        let Some(batches) = self.tables.get(&table.text) else { return Ok(false) };
        batches.iter().for_each(see);
        Ok(true)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        let names: Vec<String> = self.tables.iter().map(|entry| entry.key().clone()).collect();
        Ok(names.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        let mut batches = self.tables.get_mut(&table.text).ok_or("there is no such table")?;
        *batches = vec![change(&batches[0])];
        Ok(())
    }
}
