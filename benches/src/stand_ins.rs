//! What stands beside the store when it overwrites tables and reads them back.
//!
//! [`ByHand`] is what a program would write that needs no history: a persistent map behind one
//! pointer. [`Bare`] has a history, and nothing else that a store does: no schema, statistics,
//! conflicts, ordinals or errors. How fast it is says how fast the machine is.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use annals::TableName;
use arc_swap::ArcSwap;
use arrow_array::RecordBatch;
use im::{OrdMap, Vector};

use crate::stores::{few_rows, first_value};

/// A persistent map behind a pointer: snapshots, and no past.
#[derive(Debug)]
pub struct ByHand {
    tables: ArcSwap<OrdMap<TableName, Arc<RecordBatch>>>,
}

impl ByHand {
    /// One-chunk tables of these names.
    pub fn of(names: &[TableName]) -> Self {
        let rows = Arc::new(few_rows(1));
        let tables: OrdMap<_, _> = names.iter().map(|n| (n.clone(), Arc::clone(&rows))).collect();
        Self { tables: ArcSwap::from_pointee(tables) }
    }

    /// Replaces the rows of a table and returns the first value that is then read.
    pub fn overwrite_and_read(&self, name: &TableName, rows: RecordBatch) -> i64 {
        let mut tables = OrdMap::clone(&self.tables.load());
        tables.insert(name.clone(), Arc::new(rows));
        self.tables.store(Arc::new(tables));
        first_value(self.tables.load_full().get(name).expect("it was written"))
    }
}

/// The bones of a store: a commit section, records, and a past of bounded length.
#[derive(Debug)]
pub struct Bare {
    head: ArcSwap<BareHead>,
    section: Mutex<()>,
    versions_max: usize,
}

#[derive(Clone, Debug)]
struct BareHead {
    version: Arc<BareVersion>,
    versions: Vector<Arc<BareVersion>>,
    records: Vector<Arc<BareRecord>>,
}

#[derive(Debug)]
struct BareVersion {
    tables: OrdMap<TableName, Arc<BareTable>>,
    id: u64,
}

#[derive(Debug)]
struct BareTable {
    rows: RecordBatch,
    _since: u64,
}

#[derive(Debug)]
struct BareRecord {
    _version: u64,
    _time: SystemTime,
    _table: TableName,
    _rows: usize,
}

impl Bare {
    /// One-chunk tables of these names, and room for so many versions.
    pub fn of(names: &[TableName], versions_max: usize) -> Self {
        let table = Arc::new(BareTable { rows: few_rows(1), _since: 0 });
        let tables = names.iter().map(|name| (name.clone(), Arc::clone(&table))).collect();
        let version = Arc::new(BareVersion { tables, id: 0 });
        let versions = Vector::unit(Arc::clone(&version));
        let head = BareHead { version, versions, records: Vector::new() };
        Self { head: ArcSwap::from_pointee(head), section: Mutex::new(()), versions_max }
    }

    /// Replaces the rows of a table and returns the first value that is then read.
    pub fn overwrite_and_read(&self, name: &TableName, rows: RecordBatch) -> i64 {
        self.commit(name, rows);
        let version = Arc::clone(&self.head.load().version);
        first_value(&version.tables.get(name).expect("it was written").rows)
    }

    /// How many versions are kept.
    pub fn version_count(&self) -> usize {
        self.head.load().versions.len()
    }

    fn commit(&self, name: &TableName, rows: RecordBatch) {
        let section = self.section.lock().expect("no commit panics");
        let mut head = BareHead::clone(&self.head.load());
        let id = head.version.id + 1;
        let record = BareRecord {
            _version: id,
            _time: SystemTime::now(),
            _table: name.clone(),
            _rows: rows.num_rows(),
        };
        let mut tables = head.version.tables.clone();
        tables.insert(name.clone(), Arc::new(BareTable { rows, _since: id }));
        head.version = Arc::new(BareVersion { tables, id });
        head.versions.push_back(Arc::clone(&head.version));
        head.records.push_back(Arc::new(record));
        let mut expired = None;
        if head.versions.len() > self.versions_max {
            expired = head.versions.pop_front();
            head.records.pop_front();
        }
        let superseded = self.head.swap(Arc::new(head));
        drop(section);
        drop((superseded, expired));
    }
}
