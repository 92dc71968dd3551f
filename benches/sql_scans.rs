//! What do counts, extremes and selective filters cost that need not read most of a table, and
//! what does a query as of an old version cost?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::{SaveMode, Store, VersionId};
use annals_benches::sql::Sides;
use annals_benches::{Bench, Bound};
use arrow_array::{ArrayRef, Float64Array, Int8Array, Int64Array, RecordBatch, StringArray};

/// Rows as they come from a log: in the order of `n`.
fn rows(from: i64, to: i64) -> RecordBatch {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    let x = Float64Array::from_iter_values((from..to).map(|n| (n * 7_919 % 10_007) as f64));
    let text = StringArray::from_iter_values((from..to).map(|n| format!("entry {n:012}")));
    let columns: [(&str, ArrayRef); 3] = [("n", n), ("x", Arc::new(x)), ("text", Arc::new(text))];
    RecordBatch::try_from_iter(columns).expect("columns go together")
}

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does a query cost that need not read most of a table?");
    let count = i64::try_from(bench.size(16_000_000, 40_000)).expect("it is small");
    let sides = Sides::new(2);
    let batches: Vec<RecordBatch> =
        (0..count).step_by(8_192).map(|from| rows(from, (from + 8_192).min(count))).collect();
    sides.table("t", &batches);
    for sql in [
        "SELECT count(*) FROM t".to_owned(),
        "SELECT min(n), max(n), max(x) FROM t".to_owned(),
        format!("SELECT sum(x) FROM t WHERE n BETWEEN {} AND {}", count / 2, count / 2 + 1_000),
        format!("SELECT count(x) FROM t WHERE text = 'entry {:012}'", count / 3),
        "SELECT n FROM t ORDER BY n DESC LIMIT 10".to_owned(),
    ] {
        assert_eq!(sides.ours(&sql)[0].columns(), sides.theirs(&sql)[0].columns(), "{sql}");
        bench.compare(
            &format!("{sql}, of {count} rows, against MemTable"),
            Bound::AtMost(0.1),
            31,
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(&sql)))),
            |times| (0..times).for_each(|_| drop(black_box(sides.theirs(&sql)))),
        );
    }
    counting(&mut bench);
    travel(&mut bench);
    bench.finish()
}

/// A count of a table that is larger still: what it costs must not depend on the size.
fn counting(bench: &mut Bench) {
    let batches = bench.size(65_536, 4);
    let values: ArrayRef = Arc::new(Int8Array::from_iter_values((0..8_192).map(|n| n as i8)));
    let batch = RecordBatch::try_from_iter([("n", values)]).expect("one column is a batch");
    let sides = Sides::new(2);
    sides.table("t", &vec![batch; batches]);
    let sql = "SELECT count(*) FROM t";
    assert_eq!(sides.ours(sql)[0].columns(), sides.theirs(sql)[0].columns());
    bench.compare(
        &format!("{sql}, of {} rows, against MemTable", batches * 8_192),
        Bound::AtMost(0.1),
        31,
        |times| (0..times).for_each(|_| drop(black_box(sides.ours(sql)))),
        |times| (0..times).for_each(|_| drop(black_box(sides.theirs(sql)))),
    );
}

/// The same table in many versions of one size.
fn travel(bench: &mut Bench) {
    let versions = bench.size(500, 10);
    let rows_of = i64::try_from(bench.size(20_000, 100)).expect("it is small");
    let sides = Sides::new(2);
    let write = |store: &Store, from: i64| {
        let rows = rows(from, from + rows_of);
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").expect("it fits");
    };
    for version in 0..versions {
        write(&sides.store, i64::try_from(version).expect("it is small"));
    }
    assert_eq!(sides.store.version(), VersionId(versions as u64));
    let newest = "SELECT sum(x), count(text) FROM t WHERE n % 3 = 1".to_owned();
    for old in [0, versions / 2] {
        let older = newest.replace("FROM t", &format!("FROM t VERSION AS OF {old}"));
        assert_eq!(sides.ours(&older)[0].num_rows(), 1);
        bench.compare(
            &format!("state {old} of {versions} against the newest"),
            Bound::AtMost(1.05),
            501,
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(&older)))),
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(&newest)))),
        );
    }
}
