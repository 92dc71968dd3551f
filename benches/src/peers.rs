//! What people use today in place of the store, each behind the same few operations.
//!
//! A peer is used as its users use it: what it has no operation for is not built for it here, and
//! counts as not there ([`None`]), unless a few lines with its lock or its transaction do it. What
//! it keeps beside the newest rows is a property of it ([`Keeps`]), because it is fair to compare
//! only those that keep the same.
//!
//! **Rule:** rows carry the number of the write that wrote them. So whoever reads can tell whether
//! rows of two writes were seen together ([`Seen`]), and whether a write was missed.

use std::error::Error;
use std::sync::Arc;

use ::annals::TableName;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use serde::{Deserialize, Serialize};

pub mod annals;
pub mod dash_map;
#[cfg(feature = "peers-datafusion")]
pub mod delta;
pub mod hash_map;
mod ipc;
#[cfg(feature = "peers-datafusion")]
pub mod mem_table;
pub mod redb;
#[cfg(feature = "peers-datafusion")]
mod runtime;
pub mod sqlite;

/// What went wrong inside a peer.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What a peer keeps beside the newest rows of each table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keeps {
    /// Older versions stay, and can be read.
    History,
    /// A view of everything can be held while others write; it ends with its holder.
    Snapshots,
    /// The newest rows, nothing else.
    Newest,
}

impl Keeps {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Snapshots => "snapshots",
            Self::Newest => "newest only",
        }
    }
}

/// Who takes part, and how to open an empty one.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    /// As it is called in tables and charts.
    pub name: &'static str,
    /// What it keeps.
    pub keeps: Keeps,
    /// Opens an empty one.
    pub open: fn() -> Box<dyn Peer>,
}

/// Everyone that was built in; annals first.
pub fn contestants() -> Vec<Contestant> {
    vec![
        annals::CONTESTANT,
        annals::CONTESTANT_BORROWED,
        hash_map::CONTESTANT,
        hash_map::CONTESTANT_HELD,
        dash_map::CONTESTANT,
        redb::CONTESTANT,
        sqlite::CONTESTANT,
        #[cfg(feature = "peers-datafusion")]
        mem_table::CONTESTANT,
        #[cfg(feature = "peers-datafusion")]
        delta::CONTESTANT,
    ]
}

/// A table's name in the forms that peers take. Made once, as a user would who asks often.
#[derive(Clone, Debug)]
pub struct Name {
    /// As text.
    pub text: String,
    /// As annals takes it.
    pub table: TableName,
}

impl Name {
    /// The `index`-th of many names.
    pub fn nth(index: usize) -> Self {
        let text = format!("table_{index:07}");
        let table = TableName::parse(&text).expect("the name is plain");
        Self { text, table }
    }
}

/// A system that keeps tables by name. Threads share it; each has a [`Session`] of its own.
pub trait Peer: Send + Sync {
    /// Begins a session, for one thread.
    fn session(&self) -> Box<dyn Session + '_>;
}

/// What one thread does with a peer.
///
/// `see` is called with the rows that a read finds, batch by batch. A read returns false if there
/// is no such table.
pub trait Session {
    /// Makes tables, each with the rows that a call of `rows` makes, in the way that suits many.
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure>;

    /// Replaces the rows of a table, or makes it.
    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure>;

    /// Adds rows to a table.
    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure>;

    /// Reads all rows of a table.
    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure>;

    /// How many tables there are, by going through their names.
    fn list(&mut self) -> Result<usize, Failure>;

    /// Replaces the row of a table by what `change` makes of it, as a user would who wants no
    /// change of another to be lost.
    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure>;

    /// Replaces the rows of several tables at once, if there is a way.
    fn commit(&mut self, writes: &[(&Name, &RecordBatch)]) -> Option<Result<(), Failure>> {
        let _ = writes;
        None
    }

    /// Reads two tables, as one state where there is a way, else one after the other. `see` is
    /// also told which of them.
    fn read_both(
        &mut self,
        tables: [&Name; 2],
        see: &mut dyn FnMut(usize, &RecordBatch),
    ) -> Result<bool, Failure> {
        let mut all = true;
        for (at, table) in tables.into_iter().enumerate() {
            all &= self.read(table, &mut |rows| see(at, rows))?;
        }
        Ok(all)
    }

    /// Takes a view of everything that later writes leave alone, and lets it go; false if there
    /// is no way.
    fn pin(&mut self) -> bool {
        false
    }

    /// The number of the version that a table has now, if versions are kept.
    fn version(&mut self, table: &Name) -> Option<u64> {
        let _ = table;
        None
    }

    /// Reads a table as it was at a version, if versions are kept.
    fn read_at(
        &mut self,
        version: u64,
        table: &Name,
        see: &mut dyn FnMut(&RecordBatch),
    ) -> Option<Result<bool, Failure>> {
        let _ = (version, table, see);
        None
    }
}

/// `count` rows of the write numbered `write`: its number, the row's, and a value.
pub fn rows_of(write: i64, count: usize) -> RecordBatch {
    let rows = 0..count as i64;
    let columns = [
        ("write", Int64Array::from_iter_values(rows.clone().map(|_| write))),
        ("row", Int64Array::from_iter_values(rows.clone())),
        ("value", Int64Array::from_iter_values(rows.map(|row| row * 31 % 97))),
    ];
    let columns = columns.map(|(name, values)| (name, Arc::new(values) as _, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("there is one length")
}

/// The values of a column of numbers.
///
/// # Panics
///
/// If the column has another type.
pub fn column(rows: &RecordBatch, index: usize) -> &[i64] {
    rows.column(index).as_primitive::<Int64Type>().values()
}

/// What a read saw, as it went through all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many rows.
    pub rows: usize,
    /// The write that wrote the first of them.
    pub write: i64,
    /// Not 0 if another write wrote some of them.
    pub differs: i64,
    /// The sum of their values.
    pub sum: i64,
}

impl Seen {
    /// Goes through the rows of a batch.
    #[inline]
    pub fn see(&mut self, rows: &RecordBatch) {
        let writes = column(rows, 0);
        let Some(&first) = writes.first() else { return };
        if self.rows == 0 {
            self.write = first;
        }
        self.rows += writes.len();
        self.differs = writes.iter().fold(self.differs, |differs, of| differs | (of ^ self.write));
        self.sum += column(rows, 2).iter().sum::<i64>();
    }
}
