//! Stores to measure on, built in bulk: one transaction, however many tables.

use std::sync::Arc;

use annals::{
    ChunkSize, Retention, SaveMode, Snapshot, Store, StoreBuilder, TableName, WriteError,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};

/// The rows of a one-chunk table: one column, so that what is measured is the store and not the
/// statistics of values.
pub fn few_rows(first: i64) -> RecordBatch {
    one_column([first, 2, 3])
}

/// A batch of one column, `n`. It may hold nulls by its schema, as most do, and has none.
pub fn one_column(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let values = Int64Array::from_iter_values(values);
    RecordBatch::try_from_iter_with_nullable([("n", Arc::new(values) as _, true)])
        .expect("there is one length")
}

/// The first value of the first column.
pub fn first_value(batch: &RecordBatch) -> i64 {
    batch.column(0).as_primitive::<Int64Type>().value(0)
}

/// Takes the newest version, finds a table and reads its first value.
pub fn read(store: &Store, name: &TableName) -> i64 {
    read_in(&store.snapshot(), name)
}

/// Finds a table and reads its first value.
pub fn read_in(snapshot: &Snapshot, name: &TableName) -> i64 {
    let table = snapshot.table(name).expect("it was created");
    let mut batches = table.scan().batches().expect("it is no view");
    first_value(&batches.next().expect("it has rows").expect("they are in memory"))
}

/// Replaces the rows of a table.
pub fn overwrite(store: &Store, name: &TableName, rows: RecordBatch) {
    let write = store.write(rows).mode(SaveMode::Overwrite);
    write.save_as_table(name).expect("the rows fit");
}

/// The names of `count` tables, parsed.
pub fn names(count: usize) -> Vec<TableName> {
    let parse = |index| TableName::parse(&format!("bench.table_{index:07}"));
    (0..count).map(|index| parse(index).expect("the name is plain")).collect()
}

/// A builder of stores that keep `versions` and their records.
pub fn keeping(versions: usize) -> StoreBuilder {
    let retention =
        Retention { versions_max: versions, records_max: versions, ..Retention::default() };
    StoreBuilder::new().create_missing_databases(true).retention(retention)
}

/// Creates a one-chunk table for each name, in one transaction.
pub fn fill(store: &Store, names: &[TableName]) {
    let rows = few_rows(1);
    let filled = store.transact(|tx| {
        for name in names {
            tx.write(&rows).save_as_table(name)?;
        }
        Ok::<_, WriteError>(())
    });
    filled.expect("the names are free");
}

/// The size of chunks for a table of `rows` rows each.
pub fn chunks_of(rows: usize) -> ChunkSize {
    ChunkSize { rows_min: rows, rows_max: rows, ..ChunkSize::default() }
}

/// Visits `0..count` in an order without a pattern that a cache could follow, again and again.
#[derive(Clone, Debug)]
pub struct Wander {
    at: usize,
    count: usize,
}

impl Wander {
    /// Begins at 0. Steps by a prime, which reaches every place of a `count` it does not divide.
    pub fn over(count: usize) -> Self {
        Self { at: 0, count }
    }

    /// The next place.
    pub fn step(&mut self) -> usize {
        self.at = (self.at + 7_368_787) % self.count;
        self.at
    }
}
