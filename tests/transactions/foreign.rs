//! Snapshots of other stores, which say nothing of this one.

use std::sync::{Arc, Mutex};

use annals::{CommitError, Retention, SaveMode, Snapshot, Store, WriteError};
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

/// A store whose newest version is `at` and whose older ones have all expired.
fn forgetful(store: Store, at: u64) -> Store {
    store.set_retention(Retention { versions_max: 1, ..Retention::default() });
    while store.version().0 < at {
        store.write(numbers([9])).mode(SaveMode::Append).save_as_table("more").unwrap();
    }
    store
}

#[test]
fn a_snapshot_of_another_store_is_refused_though_its_number_has_expired_here() {
    let (store, other) = (forgetful(store_with("mine"), 6), store_with("mine"));
    let before = content_of(&store.snapshot());
    for at in [0, 1, 2] {
        let theirs = other.at(at).unwrap();
        let mut tx = store.begin_at(&theirs);
        tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("mine").unwrap();
        assert_foreign(&tx.would_conflict().unwrap_err());
        assert_foreign(&tx.commit().unwrap_err());
        let writer = store.write(numbers([3])).mode(SaveMode::Append).based_on(&theirs);
        match writer.save_as_table("mine").unwrap_err() {
            WriteError::Commit(error) => assert_foreign(&error),
            other => panic!("{other}"),
        }
        assert_eq!(content_of(&store.snapshot()), before, "at {at}");
    }
}

#[test]
fn an_expired_snapshot_of_the_store_itself_is_a_base_still() {
    let store = store_with("t");
    let then = store.snapshot();
    let store = forgetful(store, 6);
    assert!(store.at(then.version()).is_err());
    let mut tx = store.begin_at(&then);
    tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3]);
}

#[test]
fn what_a_fork_and_its_origin_have_in_common_is_a_base_for_both_when_it_has_expired() {
    let origin = store_with("t");
    let (before, shared) = (origin.at(1).unwrap(), origin.snapshot());
    let fork = origin.fork();
    let fork_of_fork = fork.fork_from(&shared);
    for store in [origin, fork, fork_of_fork] {
        let store = forgetful(store, 6);
        for base in [&before, &shared] {
            let mut tx = store.begin_at(base);
            tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("t").unwrap();
            tx.commit().unwrap();
        }
        assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3, 3]);
    }
}

#[test]
fn what_either_has_committed_since_the_fork_is_foreign_to_the_other_when_expired_too() {
    let origin = store_with("t");
    let fork = origin.fork();
    let later = |store: &Store| {
        store.write(numbers([3])).mode(SaveMode::Append).save_as_table("t").unwrap();
        store.snapshot()
    };
    let (of_origin, of_fork) = (later(&origin), later(&fork));
    assert_eq!(of_origin.version(), of_fork.version());
    // A fork of the fork descends from what the fork had committed, not from what the origin had.
    let second = fork.fork();
    let (origin, fork, second) = (forgetful(origin, 8), forgetful(fork, 8), forgetful(second, 8));
    let append = |store: &Store, base: &Snapshot| {
        let mut tx = store.begin_at(base);
        tx.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap();
        tx.commit()
    };
    assert_foreign(&append(&fork, &of_origin).unwrap_err());
    assert_foreign(&append(&origin, &of_fork).unwrap_err());
    assert_foreign(&append(&second, &of_origin).unwrap_err());
    append(&second, &of_fork).unwrap();
    // What the fork commits after it was forked itself is not the second's.
    let of_fork = later(&fork);
    assert_foreign(&append(&forgetful(second, 12), &of_fork).unwrap_err());
}

#[track_caller]
fn assert_foreign(error: &CommitError) {
    assert!(matches!(error, CommitError::ForeignBase { .. }), "{error}");
}

#[test]
fn a_candidate_that_was_refused_is_no_base_whatever_is_committed_after() {
    let store = store_with("t");
    let shown = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&shown);
    let mut tx = store.begin();
    tx.write(numbers([7])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.assert("refused", move |candidate| {
        *keep.lock().unwrap() = Some(candidate.clone());
        Err("for the test".to_owned())
    });
    tx.commit().unwrap_err();
    let candidate = shown.lock().unwrap().take().unwrap();
    let append = || {
        let mut tx = store.begin_at(&candidate);
        tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("t").unwrap();
        tx.commit().unwrap_err()
    };
    assert_foreign(&append());
    forgetful(store.clone(), 9);
    let error = append();
    assert!(matches!(error, CommitError::UnpublishedBase { .. }), "{error}");
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2]);
}
