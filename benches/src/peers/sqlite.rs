//! SQLite in memory: one connection behind a mutex, a row for each batch, as Arrow IPC.
//!
//! A database in memory belongs to its connection; what shares one between connections (the shared
//! cache) is advised against by its authors. So all threads take turns.

use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use rusqlite::{Connection, TransactionBehavior, params};

use super::ipc::{decode, encode};
use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `SQLite`.
pub const CONTESTANT: Contestant = Contestant {
    name: "SQLite",
    keeps: Keeps::Newest,
    open: || Box::new(InSqlite::open().expect("there is memory for an empty database")),
};

const SCHEMA: &str = "CREATE TABLE batches (
    name TEXT NOT NULL, number INTEGER NOT NULL, rows BLOB NOT NULL,
    PRIMARY KEY (name, number))";
const DELETE: &str = "DELETE FROM batches WHERE name = ?1";
const INSERT: &str = "INSERT INTO batches VALUES (?1, ?2, ?3)";
const APPEND: &str = "INSERT INTO batches
    SELECT ?1, coalesce(max(number) + 1, 0), ?2 FROM batches WHERE name = ?1";
const SELECT: &str = "SELECT rows FROM batches WHERE name = ?1 ORDER BY number";
const LIST: &str = "SELECT DISTINCT name FROM batches";

struct InSqlite {
    connection: Mutex<Connection>,
}

impl InSqlite {
    fn open() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn alone(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for InSqlite {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }
}

fn replace(connection: &Connection, table: &str, bytes: &[u8]) -> rusqlite::Result<()> {
    connection.prepare_cached(DELETE)?.execute([table])?;
    connection.prepare_cached(INSERT)?.execute(params![table, 0, bytes])?;
    Ok(())
}

fn read_in(
    connection: &Connection,
    table: &str,
    see: &mut dyn FnMut(&RecordBatch),
) -> Result<bool, Failure> {
    let mut select = connection.prepare_cached(SELECT)?;
    let mut batches = select.query([table])?;
    let mut found = false;
    while let Some(batch) = batches.next()? {
        found = true;
        decode(batch.get_ref(0)?.as_blob()?, see)?;
    }
    Ok(found)
}

impl Session for &InSqlite {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        let mut connection = self.alone();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for name in tables {
            replace(&tx, &name.text, &encode(&rows())?)?;
        }
        Ok(tx.commit()?)
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let bytes = encode(rows)?;
        let mut connection = self.alone();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        replace(&tx, &table.text, &bytes)?;
        Ok(tx.commit()?)
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let bytes = encode(rows)?;
        self.alone().prepare_cached(APPEND)?.execute(params![table.text, bytes])?;
        Ok(())
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        read_in(&self.alone(), &table.text, see)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        let connection = self.alone();
        let mut list = connection.prepare_cached(LIST)?;
        let names: Vec<String> =
            list.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(names.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        let mut connection = self.alone();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut changed = None;
        read_in(&tx, &table.text, &mut |rows| changed = Some(change(rows)))?;
        replace(&tx, &table.text, &encode(&changed.ok_or("there is no such table")?)?)?;
        Ok(tx.commit()?)
    }

    fn commit(&mut self, writes: &[(&Name, &RecordBatch)]) -> Option<Result<(), Failure>> {
        let write = || {
            let mut connection = self.alone();
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
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
        let connection = self.alone();
        let mut all = true;
        for (at, name) in tables.into_iter().enumerate() {
            all &= read_in(&connection, &name.text, &mut |rows| see(at, rows))?;
        }
        Ok(all)
    }
}
