//! Rows of tables that are unusual: without columns, or of chunks that are almost as they should be.

use std::sync::Arc;

use annals::{
    ChunkSize, Compaction, Filter, SaveMode, Store, StoreBuilder, col, merge::literal,
    record_batch, set,
};
use annals_tests::{numbers, rows_of};
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, ListArray, RecordBatch, RecordBatchOptions,
};
use arrow_schema::{DataType, Field, Schema};

use super::changes::origins_of;

/// So many rows of no columns.
fn nothing(rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
}

/// The second row of each chunk.
fn second() -> Filter<'static> {
    Filter::test(|rows| Ok(BooleanArray::from_iter((0..rows.num_rows()).map(|at| Some(at == 1)))))
}

fn appended(store: &Store, rows: RecordBatch) {
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn rows_without_columns_have_a_history_too() {
    let store = StoreBuilder::new().build();
    appended(&store, nothing(3));
    appended(&store, nothing(2));
    let before = store.snapshot();
    assert_eq!(store.delete("t", second()).unwrap().deleted, 2);
    let blame = store.blame("t", Filter::all()).unwrap();
    assert_eq!(blame.iter().map(|row| row.row).collect::<Vec<_>>(), [0, 2, 3]);
    assert!(blame.iter().all(|row| row.values.num_rows() == 1));
    assert_eq!(store.compact("t").unwrap().rows_dropped, 2);
    let after = store.snapshot();
    assert_eq!(
        (after.table("t").unwrap().row_count(), rows_of(&after.table("t").unwrap()).len()),
        (3, 3)
    );

    let diff = before.row_diff(&after, "t").unwrap().compare().unwrap();
    assert_eq!((diff.counts().deleted, diff.to_batch().unwrap().num_rows()), (2, 2));
    let changes = store.changes("t", 1, 4).unwrap().map(|batch| batch.unwrap().num_rows());
    assert_eq!(changes.sum::<usize>(), 7);
    let last = store.row_history("t", 4).unwrap().last().version;
    assert_eq!(last.0, 3);
    store.revert(3).unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 5);
}

#[test]
fn rows_that_came_before_the_first_column_are_changed_like_others() {
    let store = Store::in_memory();
    appended(&store, nothing(4));
    store.add_columns("t", [Field::new("n", DataType::Int64, true)]).unwrap();
    assert_eq!(store.update("t", [set("n", 1)], second()).unwrap().updated, 1);
    let source = record_batch!(("n", Int64, [9])).unwrap();
    let done = store
        .merge("t", source)
        .on(["n"])
        .when_not_matched_by_source_update_if(
            annals::merge::Condition::test(|pairs| {
                let rows = pairs.target.num_rows();
                Ok(BooleanArray::from_iter((0..rows).map(|at| Some(at == 1))))
            }),
            [("n", literal(3))],
        )
        .execute()
        .unwrap();
    assert_eq!(done.updated, 1);
    let changed: Vec<String> = rows_of(&store.table("t").unwrap());
    assert_eq!(changed, ["null", "null", "1", "3"]);
    assert_eq!(store.delete("t", col("n").eq(3)).unwrap().deleted, 1);
}

#[test]
fn a_chunk_that_deletions_made_small_is_joined_at_once() {
    let size = ChunkSize { rows_min: 4, rows_max: 8, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    appended(&store, numbers(0..6));
    appended(&store, numbers(6..9));
    store.delete("t", col("n").lt(4)).unwrap();
    let rows = origins_of(&store);
    let done = store.compact("t").unwrap();
    assert_eq!((done.chunks_before, done.chunks_after, done.rows_dropped), (2, 1, 4));
    assert_eq!(origins_of(&store), rows);
    assert!(store.compact("t").unwrap().committed.is_none(), "nothing is left to be done");
}

#[test]
fn compacted_chunks_are_as_large_as_their_rows_allow() {
    // A hundred rows of 8 bytes fill a chunk.
    let size = ChunkSize { rows_min: 1000, rows_max: 10_000, bytes_max: 800 };
    let store = StoreBuilder::new().chunk_size(size).build();
    for batch in 0..20 {
        appended(&store, numbers(batch * 10..batch * 10 + 10));
    }
    let done = store.compact("t").unwrap();
    assert_eq!((done.chunks_before, done.chunks_after), (20, 2));
    assert!(store.compact("t").unwrap().committed.is_none(), "nothing is left to be done");
}

#[test]
fn a_compaction_says_that_it_cannot_sort_by_a_type() {
    let store = Store::in_memory();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)]), None]);
    let keys = DictionaryArray::new(Int32Array::from(vec![1, 0]), Arc::new(lists));
    let rows = RecordBatch::try_from_iter([("d", Arc::new(keys) as ArrayRef)]).unwrap();
    appended(&store, rows);
    let error = store.compact_with("t", &Compaction::new().sort_by(["d"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a compaction cannot sort by a column of that type; leave it out"
    );
}

/// What a change writes anew is cut as the store says, and so is what a compaction makes.
#[test]
fn chunks_are_of_the_size_that_the_store_says() {
    let size = ChunkSize { rows_min: 1, rows_max: 2, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    store.write(numbers(0..6)).save_as_table("t").unwrap();
    let chunks = || store.table("t").unwrap().chunk_count();
    assert_eq!(chunks(), 3);
    store.update("t", [set("n", 7)], Filter::all()).unwrap();
    assert_eq!(chunks(), 3);
    store.merge("t", numbers([7])).on(["n"]).when_matched_update_all().execute().unwrap();
    assert_eq!(chunks(), 3);
    let four = ChunkSize { rows_min: 1, rows_max: 1, ..size };
    store
        .write(numbers(0..6))
        .chunk_size(four)
        .mode(SaveMode::Overwrite)
        .save_as_table("t")
        .unwrap();
    store.compact("t").unwrap();
    assert!(chunks() >= 3, "{}", chunks());
}
