//! Snapshots of other stores, which say nothing of this one.

use annals::{SaveMode, Store};
use annals_tests::{content_of, numbers, numbers_of};

fn store_with(table: &str) -> Store {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table(table).unwrap();
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table(table).unwrap();
    store
}

#[test]
fn a_transaction_on_a_snapshot_of_another_store_never_replaces_this_one() {
    let (store, other) = (store_with("mine"), store_with("theirs"));
    let before = content_of(&store.snapshot());
    // At the same number, at a lower and at a higher one.
    for at in [2, 1, 3] {
        if at == 3 {
            other.create_database("d").unwrap();
        }
        let mut tx = store.begin_at(&other.at(at).unwrap());
        tx.write(numbers([3])).save_as_table("new").unwrap();
        assert!(tx.would_conflict().is_err(), "at {at}");
        assert!(tx.commit().is_err(), "at {at}");
        assert_eq!(content_of(&store.snapshot()), before, "at {at}");
    }
}

#[test]
fn a_write_based_on_a_snapshot_of_another_store_never_replaces_this_one() {
    let (store, other) = (store_with("mine"), store_with("mine"));
    let before = content_of(&store.snapshot());
    let writer = store.write(numbers([3])).mode(SaveMode::Overwrite).based_on(&other.snapshot());
    assert!(writer.save_as_table("mine").is_err());
    assert_eq!(content_of(&store.snapshot()), before);
}

#[test]
fn a_fork_and_its_origin_share_what_lies_before_and_nothing_after() {
    let origin = store_with("t");
    let shared = origin.snapshot();
    let fork = origin.fork();
    for store in [&origin, &fork] {
        // What both have in common is a base for both.
        let mut tx = store.begin_at(&shared);
        tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("t").unwrap();
        tx.commit().unwrap();
        assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3]);
    }
    let after = origin.snapshot();
    assert_eq!(fork.version(), after.version());
    let mut tx = fork.begin_at(&after);
    tx.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert!(tx.commit().is_err());
    assert_eq!(numbers_of(&fork.table("t").unwrap()), [1, 2, 3]);
}
