//! What does it cost to find the few rows that differ between two versions of a large table, against
//! comparing the rows of the two?

use std::hint::black_box;
use std::process::ExitCode;

use annals::{Snapshot, Store, col, set};
use annals_benches::stores::{chunks_of, one_column};
use annals_benches::{Bench, Bound};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to find the few rows that differ?");
    let (rows, chunk_rows) = (bench.size(10_000_000, 10_000), bench.size(1 << 20, 1 << 10));
    let updated = bench.size(1_000, 10);
    let store = Store::in_memory();
    let values = 0..i64::try_from(rows).expect("it is small");
    let write = store.write(one_column(values)).chunk_size(chunks_of(chunk_rows));
    write.save_as_table("numbers").expect("the name is free");
    let before = store.snapshot();
    // Spread over all chunks.
    let step = i64::try_from(rows / updated).expect("it is small");
    let few: Vec<i64> = (0..updated as i64).map(|row| row * step).collect();
    let done = store.update("numbers", [set("n", -1)], col("n").is_in(few));
    assert_eq!(done.expect("the values fit").updated, updated as u64);
    let after = store.snapshot();
    assert_eq!(differences(&before, &after), updated);

    // All rows of both are gone through once, as cheaply as it can be done: what a comparison must
    // do at least.
    let all = [&before, &after].map(|snapshot| {
        snapshot.table("numbers").and_then(|table| table.read()).expect("it can be read")
    });
    bench.compare(
        &format!("Snapshot::row_diff of {rows} rows, {updated} updated, against their comparison"),
        Bound::AtMost(0.01),
        101,
        |operations| {
            for _ in 0..operations {
                black_box(differences(&before, &after));
            }
        },
        |operations| {
            for _ in 0..operations {
                black_box(compare(&all[0], &all[1]));
            }
        },
    );
    bench.finish()
}

/// How many rows were updated, read before and after.
fn differences(before: &Snapshot, after: &Snapshot) -> usize {
    let comparison = before.row_diff(after, "numbers").expect("both have the table");
    let diff = comparison.by_identity().compare().expect("rows can be compared");
    let updated = diff.updated().map(|rows| rows.expect("they are in memory").after.rows);
    updated.map(|rows| rows.num_rows()).sum()
}

/// How many rows of the one are, place by place, not those of the other.
fn compare(one: &[RecordBatch], other: &[RecordBatch]) -> usize {
    let values = |batches: &[RecordBatch]| -> Vec<i64> {
        let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
        columns.flat_map(|column| column.values().iter().copied()).collect()
    };
    let (one, other) = (values(one), values(other));
    one.iter().zip(&other).filter(|(one, other)| one != other).count()
}
