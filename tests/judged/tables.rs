//! Rows of the run's tables as batches, and back. A list grows by an update of its row.

use std::sync::Arc;

use annals::{Assignment, ReadError, Snapshot, Table, Transaction, col, set_with};
use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch};

use crate::record::{Key, Row};

/// Columns of a table of keys.
const KEY: &str = "key";
const LIST: &str = "list";

/// Rows of a table of keys.
pub(crate) fn keyed(rows: &[Row]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let mut lists = ListBuilder::new(Int64Builder::new());
    for (_, list) in rows {
        lists.values().append_slice(list);
        lists.append(true);
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    RecordBatch::try_from_iter_with_nullable([(KEY, keys, true), (LIST, lists, true)])
        .expect("both columns have as many values")
}

/// What brings a value to the end of each list.
pub(crate) fn appended(value: i64) -> [Assignment<'static>; 1] {
    [set_with(LIST, move |rows| {
        let before: &ListArray = rows.column(1).as_list();
        let mut lists = ListBuilder::new(Int64Builder::new());
        for list in before.iter().flatten() {
            lists.values().append_slice(list.as_primitive::<Int64Type>().values());
            lists.values().append_value(value);
            lists.append(true);
        }
        Ok(Arc::new(lists.finish()) as ArrayRef)
    })]
}

/// The rows of this key.
pub(crate) fn of_key(key: Key) -> annals::Predicate {
    col(KEY).eq(key as i64)
}

/// Whatever tables are found in.
pub(crate) trait Find {
    /// The table of this name; none if it is not there.
    fn find(&self, name: &str) -> Option<Table>;
}

impl Find for Transaction {
    fn find(&self, name: &str) -> Option<Table> {
        found(self.table(name))
    }
}

impl Find for Snapshot {
    fn find(&self, name: &str) -> Option<Table> {
        found(self.table(name))
    }
}

fn found(table: Result<Table, ReadError>) -> Option<Table> {
    match table {
        Ok(table) => Some(table),
        Err(ReadError::Catalog { .. }) => None,
        Err(error) => panic!("the name is a name: {error}"),
    }
}

/// The lists of all rows of a key.
pub(crate) fn lists_of(tables: &impl Find, name: &str, key: Key) -> Vec<Vec<i64>> {
    let table = tables.find(name).expect("tables of keys stay");
    let batches = table.scan().filter(of_key(key)).columns([LIST]).collect();
    let batches = batches.expect("the table has these columns");
    batches.iter().flat_map(|batch| lists_in(batch.column(0))).collect()
}

/// All rows of a table of keys, by number.
pub(crate) fn rows_of(tables: &impl Find, name: &str) -> Vec<Row> {
    let table = tables.find(name).expect("tables of keys stay");
    let batches = table.read().expect("a table that was found can be read");
    let rows = |batch: &RecordBatch| {
        let keys = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        keys.into_iter().zip(lists_in(batch.column(1))).collect::<Vec<_>>()
    };
    let mut rows: Vec<Row> = batches.iter().flat_map(rows).collect();
    rows.sort_by_key(|row| row.0);
    rows
}

fn lists_in(column: &ArrayRef) -> Vec<Vec<i64>> {
    let lists: &ListArray = column.as_list();
    let values = |list: Option<ArrayRef>| {
        list.map_or(Vec::new(), |list| list.as_primitive::<Int64Type>().values().to_vec())
    };
    lists.iter().map(values).collect()
}

/// The numbers of a plain table; none if it is not there.
pub(crate) fn numbers_of(tables: &impl Find, name: &str) -> Option<Vec<i64>> {
    tables.find(name).map(|table| annals_tests::numbers_of(&table))
}
