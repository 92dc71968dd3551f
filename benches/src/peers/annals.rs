//! annals itself, used in two ways: default retention and a reader per thread in both.
//!
//! *Scanned*: a table is found and scanned, as nearly everyone would; batches are handed out.
//! *Borrowed*: rows are read in place, as long as the reader is not asked for a newer version. That
//! is what a peer does that reads while it holds its lock; here nobody waits for it.

use std::sync::Arc;

use ::annals::{Reader, SaveMode, Snapshot, Store, WriteError};
use arrow_array::RecordBatch;

use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `annals`.
pub const CONTESTANT: Contestant = Contestant {
    name: "annals",
    keeps: Keeps::History,
    open: || Box::new(InStore { store: Store::in_memory(), borrows: false }),
};

/// Takes part as annals whose rows are read in place.
pub const CONTESTANT_BORROWED: Contestant = Contestant {
    name: "annals, borrowed",
    keeps: Keeps::History,
    open: || Box::new(InStore { store: Store::in_memory(), borrows: true }),
};

struct InStore {
    store: Store,
    borrows: bool,
}

impl Peer for InStore {
    fn session(&self) -> Box<dyn Session + '_> {
        let Self { store, borrows } = self;
        Box::new(InAnnals { store, borrows: *borrows, reader: store.reader() })
    }
}

struct InAnnals<'a> {
    store: &'a Store,
    borrows: bool,
    reader: Reader,
}

/// Reads a table of one version; false if it has none of this name.
#[inline]
fn read_in(
    snapshot: &Snapshot,
    borrows: bool,
    name: &Name,
    see: &mut dyn FnMut(&RecordBatch),
) -> Result<bool, Failure> {
    if borrows {
        let Some(state) = snapshot.find(&name.table) else { return Ok(false) };
        let chunks = state.chunk_map();
        let as_they_are = chunks.values().all(|entry| {
            entry.deletions().is_none() && Arc::ptr_eq(state.layout(entry), state.schema())
        });
        // Rows that are not to be seen as they were written need a scan.
        if as_they_are {
            chunks.values().for_each(|entry| see(entry.chunk().batch()));
            return Ok(true);
        }
    }
    let Ok(table) = snapshot.table(&name.table) else { return Ok(false) };
    for rows in table.scan().batches()? {
        see(&rows?);
    }
    Ok(true)
}

impl Session for InAnnals<'_> {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        self.store.transact(|tx| {
            for name in tables {
                tx.write(rows()).save_as_table(&name.table)?;
            }
            Ok::<_, WriteError>(())
        })?;
        Ok(())
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.store.write(rows).mode(SaveMode::Overwrite).save_as_table(&table.table)?;
        Ok(())
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.store.write(rows).mode(SaveMode::Append).save_as_table(&table.table)?;
        Ok(())
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        read_in(self.reader.latest(), self.borrows, table, see)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        Ok(self.reader.latest().tables("default")?.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        self.store.transact(|tx| {
            let rows = tx.table(&table.table)?.read()?;
            tx.write(change(&rows[0])).mode(SaveMode::Overwrite).save_as_table(&table.table)?;
            Ok::<_, WriteError>(())
        })?;
        Ok(())
    }

    fn commit(&mut self, writes: &[(&Name, &RecordBatch)]) -> Option<Result<(), Failure>> {
        let done = self.store.transact(|tx| {
            for (name, rows) in writes {
                tx.write(*rows).mode(SaveMode::Overwrite).save_as_table(&name.table)?;
            }
            Ok::<_, WriteError>(())
        });
        Some(done.map(drop).map_err(Into::into))
    }

    fn read_both(
        &mut self,
        tables: [&Name; 2],
        see: &mut dyn FnMut(usize, &RecordBatch),
    ) -> Result<bool, Failure> {
        let snapshot = self.reader.latest();
        let mut all = true;
        for (at, name) in tables.into_iter().enumerate() {
            all &= read_in(snapshot, self.borrows, name, &mut |rows| see(at, rows))?;
        }
        Ok(all)
    }

    fn pin(&mut self) -> bool {
        drop(std::hint::black_box(self.store.snapshot()));
        true
    }

    fn version(&mut self, _: &Name) -> Option<u64> {
        Some(self.store.version().0)
    }

    fn read_at(
        &mut self,
        version: u64,
        table: &Name,
        see: &mut dyn FnMut(&RecordBatch),
    ) -> Option<Result<bool, Failure>> {
        let mut read = || {
            let snapshot = self.store.at(::annals::VersionId(version))?;
            read_in(&snapshot, self.borrows, table, see)
        };
        Some(read())
    }
}
