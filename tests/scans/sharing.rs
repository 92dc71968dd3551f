//! What a scan copies, and what it passes on as it is in the store.

use std::sync::Arc;

use annals::{SaveMode, Store, Table, col};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};

use crate::{delete, numbers, rows, sizes, store};

/// The columns of each chunk as they are kept.
fn kept(table: &Table) -> Vec<Vec<ArrayRef>> {
    let chunks = table.value().state().chunks();
    chunks.map(|(_, entry)| entry.chunk().batch().columns().to_vec()).collect()
}

/// Which chunk each batch is one of, if its columns are the very columns of a chunk.
fn shared(table: &Table, batches: &[RecordBatch]) -> Vec<Option<usize>> {
    let kept = kept(table);
    let chunk_of = |batch: &RecordBatch| {
        kept.iter().position(|columns| {
            batch.columns().iter().all(|column| columns.iter().any(|of| Arc::ptr_eq(of, column)))
        })
    };
    batches.iter().map(chunk_of).collect()
}

#[test]
fn without_a_predicate_nothing_is_copied() {
    let table = store().table("t").unwrap();
    let all: Vec<Option<usize>> = (0..10).map(Some).collect();
    assert_eq!(shared(&table, &table.read().unwrap()), all);
    assert_eq!(shared(&table, &table.scan().columns(["half", "n"]).collect().unwrap()), all);
}

#[test]
fn chunks_that_match_as_a_whole_are_passed_on_and_others_are_skipped() {
    let table = store().table("t").unwrap();
    let found = |predicate| shared(&table, &table.scan().filter(predicate).collect().unwrap());
    // Two chunks match as a whole, the one before in part; seven are not looked at.
    assert_eq!(found(col("n").gt_eq(75_i64)), [None, Some(8), Some(9)]);
    assert_eq!(found(col("n").between(20_i64, 39_i64)), [Some(2), Some(3)]);
    assert_eq!(found(col("n").lt(10_i64).or(col("n").gt_eq(90_i64))), [Some(0), Some(9)]);
    assert_eq!(found(col("n").is_not_null()).len(), 10);
    assert_eq!(found(col("n").is_not_null()), (0..10).map(Some).collect::<Vec<_>>());
    assert_eq!(found(col("n").is_null()), []);
    assert_eq!(found(col("n").gt(1000_i64)), []);
    // By a column that is not returned.
    let scan = table.scan().columns(["name"]).filter(col("n").gt_eq(90_i64));
    assert_eq!(shared(&table, &scan.collect().unwrap()), [Some(9)]);
    let scan = table.scan().columns(["n"]).filter(col("name").eq("n55"));
    assert_eq!(sizes(&scan.collect().unwrap()), [1]);
}

#[test]
fn only_chunks_that_lost_rows_are_copied() {
    let store = store();
    let before = kept(&store.table("t").unwrap());
    delete(&store, col("n").eq(15_i64));
    let table = store.table("t").unwrap();
    // The chunk itself is still the same; what a scan gives of it is not.
    for (now, then) in kept(&table).iter().flatten().zip(before.iter().flatten()) {
        assert!(Arc::ptr_eq(now, then));
    }
    let expected: Vec<Option<usize>> = (0..10).map(|n| (n != 1).then_some(n)).collect();
    assert_eq!(shared(&table, &table.read().unwrap()), expected);
}

#[test]
fn versions_share_the_chunks_that_they_have_in_common() {
    let store = store();
    let before = store.snapshot();
    store.write(rows([100])).mode(SaveMode::Append).save_as_table("t").unwrap();
    let (then, now) = (kept(&before.table("t").unwrap()), kept(&store.table("t").unwrap()));
    assert_eq!((then.len(), now.len()), (10, 11));
    for (then, now) in then.iter().flatten().zip(now.iter().flatten()) {
        assert!(Arc::ptr_eq(then, now));
    }
}

#[test]
fn under_other_columns_only_widened_ones_are_copied() {
    let store = store();
    store.add_columns("t", [Field::new("new", DataType::Int64, true)]).unwrap();
    store.rename_column("t", "name", "text").unwrap();
    store.widen_column("t", "half", &DataType::Decimal128(20, 0)).unwrap();
    let table = store.table("t").unwrap();
    let kept = kept(&table);
    for (chunk, batch) in kept.iter().zip(table.read().unwrap()) {
        assert!(Arc::ptr_eq(batch.column(0), &chunk[0]));
        assert!(Arc::ptr_eq(batch.column(1), &chunk[1]));
        assert_eq!(*batch.column(2).data_type(), DataType::Decimal128(20, 0));
        assert_eq!(batch.column(3).null_count(), 10);
    }
    // A chunk that is skipped is not converted either; one that matches as a whole is shared.
    let scan = table.scan().columns(["n", "text"]).filter(col("half").lt(5_i64));
    let batches = scan.collect().unwrap();
    assert_eq!((sizes(&batches), numbers(&batches)), (vec![5], vec![0, 2, 4, 6, 8]));
    let scan = table.scan().columns(["text", "n"]).filter(col("new").is_null());
    assert_eq!(shared(&table, &scan.collect().unwrap()), (0..10).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_is_kept_keeps_its_chunk_and_no_more() {
    let store = Store::in_memory();
    store.set_retention(annals::Retention { versions_max: 1, ..store.retention() });
    store.write(rows(0..10)).save_as_table("t").unwrap();
    store.write(rows(10..20)).mode(SaveMode::Append).save_as_table("t").unwrap();
    let batches = store.table("t").unwrap().read().unwrap();
    let weak: Vec<_> = batches.iter().map(|batch| Arc::downgrade(batch.column(0))).collect();
    let kept = batches[0].clone();
    drop(batches);
    store.drop_table("t").unwrap();
    store.create_database("d").unwrap();
    assert!(store.settle(std::time::Duration::from_secs(60)));
    assert!(weak[0].upgrade().is_some() && weak[1].upgrade().is_none());
    assert_eq!(numbers(&[kept]), (0..10).collect::<Vec<i64>>());
}
