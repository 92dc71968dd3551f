//! What does merging ten thousand rows into a million by key cost, against looking the keys up by
//! hand and copying the rows that are found?

use std::collections::HashMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::merge::source;
use annals::{Changed, Store};
use annals_benches::stores::{Wander, chunks_of};
use annals_benches::{Bench, Bound};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does merging a few rows into many by key cost?");
    let (rows, few) = (bench.size(1_000_000, 1_000), bench.size(10_000, 10));
    let chunk_rows = bench.size(1 << 16, 1 << 6);
    for (what, key) in [("one of numbers", "id"), ("one of text", "code")] {
        let store = store_of(rows, chunk_rows);
        let batches = store.table("t").and_then(|table| table.read()).expect("it can be read");
        let news = table_rows(&places(few, rows));
        let merge = || {
            let merged = merge(&store.fork(), &news, key);
            assert_eq!(
                (merged.updated, merged.inserted),
                (few as u64 - few as u64 / 10, few as u64 / 10)
            );
        };
        let by_hand = || match key {
            "id" => by_hand(&batches, &news, number),
            _ => {
                by_hand(&batches, &news, |batch, row| batch.column(1).as_string::<i32>().value(row))
            }
        };
        merge();
        assert_eq!(by_hand(), few - few / 10);
        let what = format!("merge of {few} rows into {rows}, key {what}, against HashMap");
        bench.compare(
            &what,
            Bound::AtMost(2.0),
            101,
            |operations| (0..operations).for_each(|_| merge()),
            |operations| {
                for _ in 0..operations {
                    black_box(by_hand());
                }
            },
        );
    }
    in_one_chunk(&mut bench, rows, few, chunk_rows);
    bench.finish()
}

/// Keys that are all in one chunk: the others must not cost anything.
fn in_one_chunk(bench: &mut Bench, rows: usize, few: usize, chunk_rows: usize) {
    let few = few.min(chunk_rows);
    let news = table_rows(&(0..few).collect::<Vec<_>>());
    let (ordered, unordered) = (Store::in_memory(), store_of(rows, chunk_rows));
    let write = ordered.write(table_rows(&(0..rows).collect::<Vec<_>>()));
    write.chunk_size(chunks_of(chunk_rows)).save_as_table("t").expect("the name is free");
    let merge = |store: &Store| {
        assert_eq!(merge(&store.fork(), &news, "id").updated, few as u64);
    };
    bench.compare(
        &format!("merge of {few} rows into one chunk of {rows} rows, against into all chunks"),
        Bound::AtMost(0.5),
        101,
        |operations| (0..operations).for_each(|_| merge(&ordered)),
        |operations| (0..operations).for_each(|_| merge(&unordered)),
    );
}

fn merge(store: &Store, news: &RecordBatch, key: &str) -> Changed {
    let merge = store.merge("t", news).on([key]);
    let merge = merge.when_matched_update([("x", source("x"))]);
    merge.when_not_matched_insert_all().execute().expect("it fits")
}

/// Finds the pairs with the standard library's map, and takes the rows of the table.
fn by_hand<'a, K: std::hash::Hash + Eq>(
    batches: &'a [RecordBatch],
    news: &'a RecordBatch,
    key: impl Fn(&'a RecordBatch, usize) -> K,
) -> usize {
    let index: HashMap<K, usize> = (0..news.num_rows()).map(|row| (key(news, row), row)).collect();
    let mut found = 0;
    for batch in batches {
        let pairs: Vec<(usize, usize)> = (0..batch.num_rows())
            .filter_map(|row| index.get(&key(batch, row)).map(|of_news| (row, *of_news)))
            .collect();
        found += black_box(pairs).len();
    }
    found
}

fn number(batch: &RecordBatch, row: usize) -> i64 {
    batch.column(0).as_primitive::<Int64Type>().value(row)
}

/// Keys all over the table, and one of ten beyond it.
fn places(few: usize, rows: usize) -> Vec<usize> {
    let mut wander = Wander::over(rows);
    (0..few).map(|at| if at % 10 == 0 { rows + at } else { wander.step() }).collect()
}

fn store_of(rows: usize, chunk_rows: usize) -> Store {
    // In no order, so that no chunk can be left out.
    let mut wander = Wander::over(rows);
    let store = Store::in_memory();
    let write = store.write(table_rows(&(0..rows).map(|_| wander.step()).collect::<Vec<_>>()));
    write.chunk_size(chunks_of(chunk_rows)).save_as_table("t").expect("the name is free");
    store
}

fn table_rows(places: &[usize]) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(places.iter().map(|p| *p as i64)));
    let code = places.iter().map(|place| format!("code {place:08}"));
    let code: ArrayRef = Arc::new(StringArray::from_iter_values(code));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values(places.iter().map(|p| *p as f64)));
    assert_eq!(id.len(), places.len());
    RecordBatch::try_from_iter_with_nullable([
        ("id", id, true),
        ("code", code, true),
        ("x", x, true),
    ])
    .expect("the columns have one length")
}
