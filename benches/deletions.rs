//! What do deletion vectors cost: to make, and to read through?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::{Filter, Store, Table};
use annals_benches::stores::chunks_of;
use annals_benches::{Bench, Bound, Unit};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{BooleanArray, Float64Array, Int64Array, RecordBatch};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what do deletion vectors cost, to make and to read through?");
    let rows = bench.size(10_000_000, 10_000);
    let store = store_of(rows, bench.size(1 << 20, 1 << 10));
    let clean = store.table("t").expect("it was created");

    // One row in a hundred, anywhere: the worst case for what lies between.
    let scattered = || {
        Filter::test(|rows| {
            let n = rows.column(0).as_primitive::<Int64Type>();
            Ok(BooleanArray::from_unary(n, |n| scramble(n) % 100 == 0))
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
    bench.judge(
        "bytes kept for a deleted row",
        &format!("{per_row:.2}"),
        per_row,
        Unit::Count,
        Bound::AtMost(16.0),
    );

    let holey = store.table("t").expect("it was created");
    assert_eq!(holey.row_count() + deleted, clean.row_count());
    assert!(sum(&holey).0 < sum(&clean).0 || rows < 1_000);
    bench.compare(
        "a scan through deletion vectors of 1 % against a clean one, all columns summed",
        Bound::AtMost(1.3),
        41,
        |operations| {
            for _ in 0..operations {
                black_box(sum(&holey));
            }
        },
        |operations| {
            for _ in 0..operations {
                black_box(sum(&clean));
            }
        },
    );
    bench.finish()
}

/// Adds up every column: what the cheapest of queries does with a scan.
fn sum(table: &Table) -> (i64, f64) {
    let (mut count, mut total) = (0_i64, 0.0);
    for batch in table.scan().batches().expect("it is a table") {
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
    let x = Arc::new(Float64Array::from_iter_values((0..count).map(|n| n as f64)));
    let batch = RecordBatch::try_from_iter([("n", n as _), ("x", x as _)]);
    let batch = batch.expect("the columns have one length");
    let store = Store::in_memory();
    let write = store.write(batch).chunk_size(chunks_of(chunk_rows));
    write.save_as_table("t").expect("the name is free");
    store
}
