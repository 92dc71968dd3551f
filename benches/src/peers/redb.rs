//! redb on its in-memory backend: a table of batches by name and number, each as Arrow IPC.
//!
//! Its read transactions are snapshots of everything, its write transactions span tables and come
//! one by one. Older states are gone when the last read transaction of theirs ends.

use arrow_array::RecordBatch;
use redb::backends::InMemoryBackend;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};

use super::ipc::{decode, encode};
use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `redb`.
pub const CONTESTANT: Contestant = Contestant {
    name: "redb",
    keeps: Keeps::Snapshots,
    open: || {
        let database = Database::builder().create_with_backend(InMemoryBackend::new());
        Box::new(InRedb { database: database.expect("there is memory for an empty database") })
    },
};

/// How many batches each table has.
const COUNTS: TableDefinition<'_, &str, u64> = TableDefinition::new("counts");
const BATCHES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("batches");

struct InRedb {
    database: Database,
}

impl Peer for InRedb {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }
}

fn replace(tx: &WriteTransaction, table: &str, bytes: &[u8]) -> Result<(), Failure> {
    let mut counts = tx.open_table(COUNTS)?;
    let mut batches = tx.open_table(BATCHES)?;
    let before = counts.insert(table, 1)?.map_or(0, |count| count.value());
    batches.insert((table, 0), bytes)?;
    for number in 1..before {
        batches.remove((table, number))?;
    }
    Ok(())
}

fn read_in(
    tx: &ReadTransaction,
    table: &str,
    see: &mut dyn FnMut(&RecordBatch),
) -> Result<bool, Failure> {
    let batches = match tx.open_table(BATCHES) {
        Ok(batches) => batches,
        Err(TableError::TableDoesNotExist(_)) => return Ok(false),
        Err(other) => return Err(other.into()),
    };
    let mut found = false;
    for batch in batches.range((table, 0)..=(table, u64::MAX))? {
        found = true;
        decode(batch?.1.value(), see)?;
    }
    Ok(found)
}

impl Session for &InRedb {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        let tx = self.database.begin_write()?;
        for name in tables {
            replace(&tx, &name.text, &encode(&rows())?)?;
        }
        Ok(tx.commit()?)
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let bytes = encode(rows)?;
        let tx = self.database.begin_write()?;
        replace(&tx, &table.text, &bytes)?;
        Ok(tx.commit()?)
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let bytes = encode(rows)?;
        let tx = self.database.begin_write()?;
        {
            let mut counts = tx.open_table(COUNTS)?;
            let count = counts.get(&*table.text)?.map_or(0, |count| count.value());
            counts.insert(&*table.text, count + 1)?;
            tx.open_table(BATCHES)?.insert((&*table.text, count), &*bytes)?;
        }
        Ok(tx.commit()?)
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        read_in(&self.database.begin_read()?, &table.text, see)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        let counts = self.database.begin_read()?.open_table(COUNTS)?;
        let names: Vec<String> = counts
            .iter()?
            .map(|entry| Ok(entry?.0.value().to_owned()))
            .collect::<Result<_, Failure>>()?;
        Ok(names.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        // Whoever else writes waits from here on.
        let tx = self.database.begin_write()?;
        let mut changed = None;
        {
            let batches = tx.open_table(BATCHES)?;
            let bytes = batches.get((&*table.text, 0))?.ok_or("there is no such table")?;
            decode(bytes.value(), &mut |rows| changed = Some(change(rows)))?;
        }
        replace(&tx, &table.text, &encode(&changed.ok_or("the table is empty")?)?)?;
        Ok(tx.commit()?)
    }

    fn commit(&mut self, writes: &[(&Name, &RecordBatch)]) -> Option<Result<(), Failure>> {
        let write = || {
            let tx = self.database.begin_write()?;
            for (name, rows) in writes {
                replace(&tx, &name.text, &encode(rows)?)?;
            }
            Ok(tx.commit()?)
        };
        Some(write())
    }

    fn read_both(
        &mut self,
        tables: [&Name; 2],
        see: &mut dyn FnMut(usize, &RecordBatch),
    ) -> Result<bool, Failure> {
        let tx = self.database.begin_read()?;
        let mut all = true;
        for (at, name) in tables.into_iter().enumerate() {
            all &= read_in(&tx, &name.text, &mut |rows| see(at, rows))?;
        }
        Ok(all)
    }

    fn pin(&mut self) -> bool {
        drop(std::hint::black_box(self.database.begin_read()));
        true
    }
}
