//! Two changes of rows at once: by chunks, and by rows where a compaction moved them.

use annals::{ChunkSize, Filter, SaveMode, Store, StoreBuilder, col, set};
use annals_tests::{numbers, numbers_of};

use super::changes::origins_of;

/// Chunks of `0..3`, `10..13` and `20..23`.
fn store() -> Store {
    let size = ChunkSize { rows_min: 3, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    for n in [0, 10, 20] {
        let rows = numbers(n..n + 3);
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    store
}

fn sorted(store: &Store) -> Vec<i64> {
    let mut numbers = numbers_of(&store.table("t").unwrap());
    numbers.sort_unstable();
    numbers
}

fn compact(store: &Store) {
    let size = ChunkSize { rows_min: 1_000, ..ChunkSize::default() };
    let how = annals::Compaction::new().chunk_size(size);
    assert!(store.compact_with("t", &how).unwrap().committed.is_some());
}

#[test]
fn changes_in_different_chunks_both_stand() {
    let store = store();
    let (mut one, mut other) = (store.begin(), store.begin());
    one.delete("t", col("n").eq(1)).unwrap();
    other.update("t", [set("n", 100)], col("n").eq(11)).unwrap();
    one.commit().unwrap();
    other.commit().unwrap();
    assert_eq!(sorted(&store), [0, 2, 10, 12, 20, 21, 22, 100]);
}

#[test]
fn of_two_changes_in_one_chunk_the_second_is_retryable() {
    let store = store();
    let (mut one, mut other) = (store.begin(), store.begin());
    one.delete("t", col("n").eq(1)).unwrap();
    other.delete("t", col("n").eq(2)).unwrap();
    one.commit().unwrap();
    let error = other.commit().unwrap_err();
    let conflict = error.conflict().unwrap();
    assert!(conflict.is_retryable());
    assert_eq!(conflict.chunks, [0]);
    assert!(error.to_string().contains("a delete does not go with a change of the same rows"));
    assert_eq!(sorted(&store), [0, 2, 10, 11, 12, 20, 21, 22]);
}

#[test]
fn a_change_finds_its_rows_again_after_a_compaction() {
    let store = store();
    let mut delete = store.begin();
    delete.delete("t", col("n").is_in([1, 20])).unwrap();
    let mut update = store.begin();
    update.update("t", [set("n", 100)], col("n").is_in([2, 12])).unwrap();
    compact(&store);
    delete.commit().unwrap();
    assert_eq!(sorted(&store), [0, 2, 10, 11, 12, 21, 22]);
    // Other rows of what is one chunk now, but the chunks that it saw were others.
    update.commit().unwrap();
    assert_eq!(sorted(&store), [0, 10, 11, 21, 22, 100, 100]);
    compact(&store);
    assert_eq!(sorted(&store), [0, 10, 11, 21, 22, 100, 100]);
}

#[test]
fn a_row_that_was_changed_before_it_was_moved_is_not_changed_twice() {
    let store = store();
    let mut late = store.begin();
    late.delete("t", col("n").eq(1)).unwrap();
    let mut later = store.begin();
    later.update("t", [set("n", 7)], col("n").eq(11)).unwrap();
    store.update("t", [set("n", 50)], col("n").eq(1)).unwrap();
    store.delete("t", col("n").eq(11)).unwrap();
    compact(&store);
    assert!(late.commit().unwrap_err().conflict().unwrap().is_retryable());
    assert!(later.commit().unwrap_err().conflict().unwrap().is_retryable());
    assert_eq!(sorted(&store), [0, 2, 10, 12, 20, 21, 22, 50]);
}

#[test]
fn whoever_compacts_gives_way() {
    let store = store();
    let mut tx = store.begin();
    let size = ChunkSize { rows_min: 1_000, ..ChunkSize::default() };
    tx.compact("t", &annals::Compaction::new().chunk_size(size)).unwrap();
    store.delete("t", col("n").eq(1)).unwrap();
    let error = tx.commit().unwrap_err();
    assert!(error.conflict().unwrap().is_retryable(), "{error}");
    // An append is no hindrance.
    let mut tx = store.begin();
    tx.compact("t", &annals::Compaction::new().chunk_size(size)).unwrap();
    store.write(numbers([30])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(sorted(&store), [0, 2, 10, 11, 12, 20, 21, 22, 30]);
}

#[test]
fn what_is_done_beside_an_overwrite_is_retryable_and_beside_a_drop_is_lost() {
    let store = store();
    let mut tx = store.begin();
    tx.delete("t", Filter::all()).unwrap();
    store.write(numbers([5])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert!(tx.commit().unwrap_err().conflict().unwrap().is_retryable());
    let mut tx = store.begin();
    tx.delete("t", Filter::all()).unwrap();
    store.drop_table("t").unwrap();
    assert!(!tx.commit().unwrap_err().conflict().unwrap().is_retryable());
}

#[test]
fn an_append_beside_a_delete_stands_unless_serializable() {
    use annals::Isolation::{Serializable, Snapshot};
    for (isolation, added, stands) in
        [(Snapshot, 15, true), (Serializable, 15, false), (Serializable, 30, true)]
    {
        let store = store();
        let mut tx = store.begin();
        tx.isolation(isolation);
        tx.delete("t", col("n").between(10, 20)).unwrap();
        store.write(numbers([added])).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert_eq!(tx.commit().is_ok(), stands, "{isolation}, {added}");
        assert!(sorted(&store).contains(&added));
    }
}

#[test]
fn what_a_transaction_restored_it_changes_there_whatever_was_compacted_beside_it() {
    for drops in [false, true] {
        let store = Store::in_memory();
        for n in [0, 4] {
            let rows = numbers(n..n + 4);
            store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
        }
        let mut tx = store.begin();
        if drops {
            tx.drop_table("t").unwrap();
        }
        tx.restore_table("t", 1).unwrap();
        tx.delete("t", col("n").eq(1)).unwrap();
        tx.update("t", [set("n", 20)], col("n").eq(2)).unwrap();
        store.compact("t").unwrap();
        tx.commit().unwrap();
        let table = store.table("t").unwrap();
        assert_eq!((numbers_of(&table), table.row_count()), (vec![0, 3, 20], 3));
        assert_eq!(origins_of(&store), [(0, 1, 1), (3, 1, 1), (2, 1, 4)]);
    }
}
