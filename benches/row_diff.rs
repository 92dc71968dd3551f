//! What does it cost to find the few rows that differ between two versions of a large table, against
//! comparing the rows of the two?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::{Snapshot, Store, col, set};
use annals_benches::stores::chunks_of;
use annals_benches::{Bench, Bound};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to find the few rows that differ?");
    let (rows, chunk_rows) = (bench.size(10_000_000, 10_000), bench.size(1 << 20, 1 << 10));
    let updated = bench.size(1_000, 10);
    let store = Store::in_memory();
    let write = store.write(four_columns(rows)).chunk_size(chunks_of(chunk_rows));
    write.save_as_table("numbers").expect("the name is free");
    let before = store.snapshot();
    // Spread over all chunks.
    let step = i64::try_from(rows / updated).expect("it is small");
    let few: Vec<i64> = (0..updated as i64).map(|row| row * step).collect();
    let done = store.update("numbers", [set("n", -1)], col("n").is_in(few));
    assert_eq!(done.expect("the values fit").updated, updated as u64);
    let after = store.snapshot();
    assert_eq!(differences(&before, &after, true), updated);

    let all = [&before, &after].map(|snapshot| {
        snapshot.table("numbers").and_then(|table| table.read()).expect("it can be read")
    });
    let difference = |by_value| {
        let (before, after) = (&before, &after);
        move |operations| {
            for _ in 0..operations {
                black_box(differences(before, after, by_value));
            }
        }
    };
    // Once through all rows of both, in the order in which they lie: the least that a comparison
    // can do, though rows that were updated have moved and it does not find them again.
    bench.compare(
        &format!(
            "Snapshot::row_diff by identity of {rows} rows, {updated} updated, against a pass"
        ),
        Bound::AtMost(0.01),
        101,
        difference(false),
        |operations| {
            for _ in 0..operations {
                black_box(compare_in_place(&all[0], &all[1]));
            }
        },
    );
    // A comparison that does find them.
    assert_eq!(compare_sorted(&all[0], &all[1]), updated);
    bench.compare(
        &format!("Snapshot::row_diff by value of {rows} rows, {updated} updated, against sorting"),
        Bound::AtMost(0.01),
        11,
        difference(true),
        |operations| {
            for _ in 0..operations {
                black_box(compare_sorted(&all[0], &all[1]));
            }
        },
    );
    bench.finish()
}

const COLUMNS: usize = 4;

/// Rows of a few columns, the first of which numbers them.
fn four_columns(rows: usize) -> RecordBatch {
    let rows = i64::try_from(rows).expect("it is small");
    let column = |at: i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row + at * rows)))
    };
    let columns =
        ["n", "a", "b", "c"].into_iter().zip(0..).map(|(name, at)| (name, column(at), true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("there is one length")
}

/// How many rows were updated, read before and after.
fn differences(before: &Snapshot, after: &Snapshot, by_value: bool) -> usize {
    let comparison = before.row_diff(after, "numbers").expect("both have the table");
    let comparison = if by_value { comparison } else { comparison.by_identity() };
    let diff = comparison.compare().expect("rows can be compared");
    let updated = diff.updated().map(|rows| rows.expect("they are in memory").after.rows);
    updated.map(|rows| rows.num_rows()).sum()
}

/// How many values of the one are, place by place, not those of the other.
fn compare_in_place(one: &[RecordBatch], other: &[RecordBatch]) -> usize {
    (0..COLUMNS).map(|column| compare_column(one, other, column)).sum()
}

fn compare_column(one: &[RecordBatch], other: &[RecordBatch], column: usize) -> usize {
    let values = |batch: &RecordBatch| batch.column(column).as_primitive::<Int64Type>().clone();
    let (mut one, mut other) = (one.iter().map(values), other.iter().map(values));
    let (mut left, mut right) = (one.next(), other.next());
    let mut differ = 0;
    while let (Some(a), Some(b)) = (&left, &right) {
        let rows = a.len().min(b.len());
        let pairs = a.values()[..rows].iter().zip(&b.values()[..rows]);
        differ += pairs.filter(|(a, b)| a != b).count();
        let rest = |of: &Int64Array| (of.len() > rows).then(|| of.slice(rows, of.len() - rows));
        (left, right) = (rest(a).or_else(|| one.next()), rest(b).or_else(|| other.next()));
    }
    differ
}

/// How many values of the one are not in the other, wherever they lie.
fn compare_sorted(one: &[RecordBatch], other: &[RecordBatch]) -> usize {
    let sorted = |batches: &[RecordBatch]| -> Vec<i64> {
        let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
        let mut values: Vec<i64> = columns.flat_map(|column| column.values().to_vec()).collect();
        values.sort_unstable();
        values
    };
    let (one, other) = (sorted(one), sorted(other));
    let mut rest = other.iter().peekable();
    let found = |value: &&i64| {
        while rest.next_if(|other| other < value).is_some() {}
        rest.next_if_eq(value).is_none()
    };
    one.iter().filter(found).count()
}
