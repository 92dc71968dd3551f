//! Stores that are dropped, and memory that is back afterwards.

use std::time::Instant;

use annals::{AwaitingReclaim, Retention, SaveMode, Store};
use annals_tests::{numbers, numbers_of};

use crate::counting::{allocated, freed_by};
use crate::{MANY, WAIT_MAX, keeping, one_at_a_time, overwrite, save_chunks};

/// Runs `work` where a recursion as deep as a store is long would not end well.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_store_of_a_million_versions_is_dropped_on_a_small_stack() {
    let _turn = one_at_a_time();
    let store = keeping(MANY + 1).build();
    for number in 0..MANY {
        overwrite(&store, "t", i64::try_from(number).unwrap());
    }
    assert_eq!(store.versions().len(), MANY + 1);
    let before = allocated();
    on_a_small_stack(move || {
        let freed = freed_by(|| {
            let begin = Instant::now();
            drop(store);
            println!("{MANY} versions dropped in {:?}", begin.elapsed());
        });
        assert!(freed.times < 20 && freed.bytes < 10_000, "{freed:?}");
    });
    assert!(Store::in_memory().settle(WAIT_MAX));
    let back = before - allocated();
    assert!(back > 500 * i64::try_from(MANY).unwrap(), "{back} bytes are back");
}

#[test]
fn snapshots_outlive_their_store_and_are_not_the_last_to_hold_it() {
    let _turn = one_at_a_time();
    let store = keeping(10).build();
    overwrite(&store, "t", 7);
    save_chunks(&store, "large", 20_000);
    store.tag("tagged", store.version()).unwrap();
    let table = store.table("large").unwrap();
    let snapshot = store.snapshot();
    overwrite(&store, "t", 8);
    let newest = store.snapshot();
    drop(store);
    let other = Store::in_memory();
    assert!(other.settle(WAIT_MAX));
    assert_eq!(numbers_of(&snapshot.table("t").unwrap()), [7]);
    assert_eq!(numbers_of(&newest.table("t").unwrap()), [8]);
    assert_eq!(table.row_count(), 20_000);
    let before = allocated();
    let freed = freed_by(|| drop((table, snapshot, newest)));
    assert!(freed.times < 10, "{freed:?}");
    assert!(other.settle(WAIT_MAX));
    assert!(before - allocated() > 20_000 * 100, "{} bytes are back", before - allocated());
}

#[test]
fn what_an_emptied_store_had_is_waited_for_too() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    save_chunks(&store, "large", 20_000);
    let snapshot = store.snapshot();
    store.drop_table("large").unwrap();
    let before = allocated();
    drop(store);
    drop(snapshot);
    assert!(Store::in_memory().settle(WAIT_MAX));
    assert!(before - allocated() > 20_000 * 100, "{} bytes are back", before - allocated());
}

#[test]
fn a_fork_and_its_origin_free_each_what_is_its_own() {
    let _turn = one_at_a_time();
    let start = allocated();
    let origin = keeping(2).build();
    save_chunks(&origin, "large", 20_000);
    let fork = origin.fork();
    overwrite(&fork, "t", 1);
    drop(origin);
    assert!(fork.settle(WAIT_MAX));
    assert_eq!(fork.table("large").unwrap().read().unwrap().len(), 20_000);
    let untouched = fork.fork();
    drop(fork);
    assert!(untouched.settle(WAIT_MAX));
    assert_eq!(untouched.table("large").unwrap().read().unwrap().len(), 20_000);
    untouched.drop_table("large").unwrap();
    untouched.set_retention(Retention { versions_max: 1, ..untouched.retention() });
    assert!(untouched.settle(WAIT_MAX));
    let left = allocated() - start;
    assert!(left < 200_000, "{left} bytes are left");
}

#[test]
fn after_expiry_a_store_is_as_large_as_one_without_a_history() {
    let _turn = one_at_a_time();
    let tables = 200;
    let fill = |store: &Store, round: i64| {
        for table in 0..tables {
            overwrite(store, &format!("t{table}"), round * 1_000 + table);
        }
        let rows = numbers((0..20_000).map(|n| n + round));
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("rows").unwrap();
    };
    let grown = |fill: &dyn Fn() -> Store| {
        let before = allocated();
        let store = fill();
        let nothing = Retention { versions_max: 1, records_max: 0, ..store.retention() };
        store.set_retention(nothing);
        assert!(store.settle(WAIT_MAX));
        (allocated() - before, store)
    };
    let (without, first) = grown(&|| {
        let store = keeping(10_000).build();
        fill(&store, 30);
        store
    });
    let (with, second) = grown(&|| {
        let store = keeping(10_000).build();
        for round in 0..=30 {
            fill(&store, round);
            save_chunks(&store, "gone", 1_000);
            store.drop_table("gone").unwrap();
        }
        store
    });
    println!("{with} bytes after a history, {without} without one");
    assert!(with * 10 <= without * 11, "{with} bytes against {without}");
    drop((first, second));
}

#[cfg(unix)]
#[test]
fn a_child_process_frees_what_expires_in_it() {
    use std::panic::AssertUnwindSafe;

    use crate::counting::in_a_child;

    let _turn = one_at_a_time();
    let store = keeping(1).build();
    // Here the thread runs, with something held to look at again and again.
    overwrite(&store, "t", 1);
    let held = store.snapshot();
    overwrite(&store, "t", 2);
    assert!(store.settle(WAIT_MAX));
    assert!(in_a_child(AssertUnwindSafe(|| {
        save_chunks(&store, "large", 5_000);
        let before = allocated();
        store.drop_table("large").unwrap();
        overwrite(&store, "t", 3);
        let settled = store.settle(WAIT_MAX) && before - allocated() > 5_000 * 100;
        settled && numbers_of(&held.table("t").unwrap()) == [1]
    })));
    // What happened there is nothing to the parent.
    assert_eq!(numbers_of(&store.table("t").unwrap()), [2]);
    drop(held);
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}
