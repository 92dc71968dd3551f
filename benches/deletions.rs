//! What do deletion vectors cost: to make, and to read through?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::{Filter, Scan, Store, Table, col};
use annals_benches::stores::chunks_of;
use annals_benches::{Bench, Bound, Unit};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{BooleanArray, Float64Array, Int64Array, RecordBatch};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what do deletion vectors cost, to make and to read through?");
    let rows = bench.size(10_000_000, 10_000);
    let store = store_of(rows, bench.size(1 << 20, 1 << 10));
    let before = store.snapshot();
    let clean = before.table("t").expect("it was created");

    // One row in a hundred, anywhere: the worst case for what lies between.
    let scattered = || {
        Filter::test(|rows| {
            let n = rows.column(0).as_primitive::<Int64Type>();
            Ok(BooleanArray::from_unary(n, |n| scramble(n).is_multiple_of(100)))
        })
    };
    let mut deleted = 0;
    let made = allocation_counter::measure(|| {
        deleted = store.delete("t", scattered()).expect("the filter fits").deleted;
    });
    let share = deleted as f64 / rows as f64;
    assert!((0.008..0.012).contains(&share), "{share}");
    let kept = made.bytes_current.max(0) as f64;
    let per_row = kept / deleted as f64;
    println!("  {deleted} of {rows} rows deleted; {kept} bytes are kept for that");
    // What comes with any commit is little only beside many rows.
    let limit = if bench.is_smoke() { 1_000.0 } else { 16.0 };
    let what = "bytes kept for a deleted row";
    bench.judge(what, &format!("{per_row:.2}"), per_row, Unit::Count, Bound::AtMost(limit));

    let holey = store.table("t").expect("it was created");
    assert_eq!(holey.row_count() + deleted, clean.row_count());
    // As many, in runs of 10,000: what a delete by a range or by a day leaves.
    let fork = store.fork_from(&before);
    let in_runs = Filter::test(|rows| {
        let n = rows.column(0).as_primitive::<Int64Type>();
        Ok(BooleanArray::from_unary(n, |n| (n / 10_000) % 100 == 7))
    });
    fork.delete("t", in_runs).expect("the filter fits");
    let in_runs = fork.table("t").expect("it was created");
    let all: fn(&Table) -> (i64, f64) = |table| sum(table.scan());
    compare(&mut bench, "in runs, all columns summed", [&in_runs, &clean], all);
    for (what, scan) in [
        ("scattered, all columns summed", all),
        ("scattered, half of the rows picked by a predicate, then summed", |table| {
            sum(table.scan().filter(col("x").lt(500.0)))
        }),
    ] {
        compare(&mut bench, what, [&holey, &clean], scan);
    }
    bench.finish()
}

fn compare(bench: &mut Bench, what: &str, tables: [&Table; 2], scan: fn(&Table) -> (i64, f64)) {
    let [holey, clean] = tables;
    bench.compare(
        &format!("a scan through deletion vectors of 1 % against a clean one, {what}"),
        Bound::AtMost(1.3),
        41,
        |operations| {
            for _ in 0..operations {
                black_box(scan(holey));
            }
        },
        |operations| {
            for _ in 0..operations {
                black_box(scan(clean));
            }
        },
    );
}

/// Adds up every column: what the cheapest of queries does with a scan.
fn sum(scan: Scan) -> (i64, f64) {
    let (mut count, mut total) = (0_i64, 0.0);
    for batch in scan.batches().expect("it is a table") {
        let batch = batch.expect("it is in memory");
        count = batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .fold(count, |a, b| a.wrapping_add(*b));
        total += batch.column(1).as_primitive::<Float64Type>().values().iter().sum::<f64>();
    }
    (count, total)
}

fn scramble(n: i64) -> u64 {
    let n = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

fn store_of(rows: usize, chunk_rows: usize) -> Store {
    let count = i64::try_from(rows).expect("it is small");
    let n = Arc::new(Int64Array::from_iter_values(0..count));
    let x =
        Arc::new(Float64Array::from_iter_values((0..count).map(|n| (scramble(n) % 1_000) as f64)));
    let batch = RecordBatch::try_from_iter([("n", n as _), ("x", x as _)]);
    let batch = batch.expect("the columns have one length");
    let store = Store::in_memory();
    let write = store.write(batch).chunk_size(chunks_of(chunk_rows));
    write.save_as_table("t").expect("the name is free");
    store
}
