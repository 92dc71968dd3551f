//! annals itself, as its own users use it: default retention, a reader per thread.

use ::annals::{Reader, SaveMode, Store, WriteError};
use arrow_array::RecordBatch;

use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `annals`.
pub const CONTESTANT: Contestant =
    Contestant { name: "annals", keeps: Keeps::History, open: || Box::new(Store::in_memory()) };

impl Peer for Store {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(InAnnals { store: self, reader: self.reader() })
    }
}

struct InAnnals<'a> {
    store: &'a Store,
    reader: Reader,
}

impl Session for InAnnals<'_> {
    fn create(&mut self, tables: &[Name], rows: &RecordBatch) -> Result<(), Failure> {
        self.store.transact(|tx| {
            for name in tables {
                tx.write(rows).save_as_table(&name.table)?;
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
        let snapshot = self.reader.latest();
        let Ok(table) = snapshot.table(&table.table) else { return Ok(false) };
        for rows in table.scan().batches()? {
            see(&rows?);
        }
        Ok(true)
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
        for (at, name) in tables.into_iter().enumerate() {
            let Ok(table) = snapshot.table(&name.table) else { return Ok(false) };
            for rows in table.scan().batches()? {
                see(at, &rows?);
            }
        }
        Ok(true)
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
            let Ok(table) = snapshot.table(&table.table) else { return Ok(false) };
            for rows in table.scan().batches()? {
                see(&rows?);
            }
            Ok(true)
        };
        Some(read())
    }
}
