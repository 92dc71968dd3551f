//! Reading rows: which columns, which rows, how many at once, and what is copied for it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod columns;
mod exchange;
mod filters;
mod limits;
mod sharing;
mod summaries;

use std::sync::Arc;

use annals::{ChunkSize, SaveMode, Store, StoreBuilder, Table};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

/// Rows of a number, a text and a flag that is sometimes null.
fn rows(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let names: StringArray = numbers.iter().map(|n| Some(format!("n{n}"))).collect();
    let halves: Int64Array = numbers.iter().map(|n| (n % 2 == 0).then_some(n / 2)).collect();
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("n", Arc::new(Int64Array::from(numbers)), true),
        ("name", Arc::new(names), true),
        ("half", Arc::new(halves), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// A table `t` of the numbers from 0 to 99, in ten chunks.
fn store() -> Store {
    let size = ChunkSize { rows_min: 10, rows_max: 10, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    store.write(rows(0..100)).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), 10);
    store
}

fn table() -> Table {
    store().table("t").unwrap()
}

/// Removes rows from chunks, so that these stay with fewer.
fn delete(store: &Store, predicate: annals::Predicate) {
    let writer = store.write(rows([])).mode(SaveMode::Overwrite).replace_where(predicate);
    writer.save_as_table("t").unwrap();
}

/// The values of the first column, which holds numbers.
fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    let values = |batch: &RecordBatch| {
        let column: &Int64Array = batch.column(0).as_any().downcast_ref().unwrap();
        column.values().to_vec()
    };
    batches.iter().flat_map(values).collect()
}

fn sizes(batches: &[RecordBatch]) -> Vec<usize> {
    batches.iter().map(RecordBatch::num_rows).collect()
}
