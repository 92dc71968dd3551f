//! What nobody can reach any more is freed once nobody holds it: all of it, and never by a reader.

use std::time::Duration;

use annals::{AwaitingReclaim, SaveMode, Store};

use crate::kit::{Trace, append, builder, create, joined, keep, made, overwrite, spawn, traced};

/// Time is counted: as long as it takes.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Keeps one version, and lets committers help whatever waits.
fn crowded() -> Store {
    builder().retention(keep(1)).reclaim_bytes_max(0).build()
}

fn save_traced(store: &Store, table: &str, number: i64) -> Trace {
    let (rows, trace) = traced(number);
    store.write(rows).mode(SaveMode::Overwrite).save_as_table(table).expect("it is blind");
    trace
}

#[track_caller]
fn assert_settled(store: &Store) {
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}

pub(crate) fn all_that_expires_is_freed_and_nothing_else() {
    let store = crowded();
    let writers = ["a", "b"].map(|table| {
        let store = store.clone();
        spawn(move || [1, 2, 3].map(|number| save_traced(&store, table, number)))
    });
    let holder = {
        let store = store.clone();
        spawn(move || {
            let held = store.snapshot();
            drop(store.reader());
            drop(held);
        })
    };
    let traces = joined(writers);
    holder.join().unwrap();
    assert_settled(&store);
    for [first, second, newest] in &traces {
        assert!(!first.is_there() && !second.is_there(), "what expired is still there");
        assert!(newest.is_there(), "what did not expire was freed");
    }
    drop(store);
    annals::interleaving::end();
    assert!(traces.iter().flatten().all(|trace| !trace.is_there()));
}

pub(crate) fn a_reader_that_lets_go_frees_nothing() {
    let store = crowded();
    let (rows, trace) = traced(0);
    store.write(rows).save_as_table("t").unwrap();
    let holders = [(), ()].map(|()| {
        let (store, trace) = (store.clone(), trace.clone());
        spawn(move || {
            let snapshot = store.snapshot();
            drop(store);
            let table = snapshot.table("t").unwrap();
            let shows_it = snapshot.version().0 == 1;
            drop(snapshot);
            // No other thread runs between these two.
            let before = trace.is_there();
            drop(table);
            let after = trace.is_there();
            assert!(!shows_it || before, "what is held was freed");
            assert!(after == before, "the last holder freed it");
        })
    });
    let writer = {
        let store = store.clone();
        spawn(move || [1, 2].map(|number| made(overwrite(&store, "t", number))))
    };
    joined(holders);
    writer.join().unwrap();
    assert_settled(&store);
    assert!(!trace.is_there());
}

pub(crate) fn committers_that_help_leave_no_more_than_one_piece_of_work_behind() {
    let store = crowded();
    create(&store, "t", 0);
    let holder = {
        let store = store.clone();
        spawn(move || {
            let held = store.snapshot();
            drop(store);
            drop(held);
        })
    };
    for number in 1..=4 {
        made(overwrite(&store, "t", number));
        let awaiting = store.awaiting_reclaim();
        // The thread may be at work on one; what it has taken in hand nobody else can free.
        let unheld = awaiting.versions - awaiting.held;
        assert!(unheld <= 3, "{awaiting:?} after commit {number}");
    }
    holder.join().unwrap();
    assert_settled(&store);
}

pub(crate) fn the_last_handle_gives_away_all_that_there_is() {
    let store = builder().build();
    let mut traces = vec![save_traced(&store, "t", 0), save_traced(&store, "t", 1)];
    let reader = {
        let (store, trace) = (store.clone(), traces[1].clone());
        spawn(move || {
            let table = store.table("t").unwrap();
            drop(store);
            let there = trace.is_there();
            drop(table);
            assert_eq!(there, trace.is_there(), "the last holder freed it");
        })
    };
    let writer = {
        let store = store.clone();
        spawn(move || {
            let tx = store.begin();
            let trace = save_traced(&store, "t", 2);
            drop(store);
            drop(tx);
            trace
        })
    };
    store.tag("kept", 1).unwrap();
    drop(store);
    reader.join().unwrap();
    traces.push(writer.join().unwrap());
    annals::interleaving::end();
    assert!(traces.iter().all(|trace| !trace.is_there()), "something is left of a store that went");
}

pub(crate) fn what_expires_is_freed_though_nobody_asks_for_it() {
    let store = builder().retention(keep(1)).build();
    create(&store, "other", 0);
    let other = {
        let store = store.clone();
        spawn(move || {
            made(append(&store, "other", 1));
        })
    };
    let mut before = save_traced(&store, "t", 0);
    for number in 1..=2 {
        let next = save_traced(&store, "t", number);
        // The thread may have gone to sleep by now, and nobody wakes it but the committer.
        let freed = (0..1_000).any(|_| {
            shuttle::thread::yield_now();
            !before.is_there()
        });
        assert!(freed, "{number} has taken its place, and it is still there");
        before = next;
    }
    other.join().unwrap();
}

pub(crate) fn a_fork_goes_on_with_what_its_origin_frees() {
    let origin = crowded();
    let shared = save_traced(&origin, "t", 0);
    let fork = origin.fork();
    let writers = [origin.clone(), fork.clone()].map(|store| {
        spawn(move || {
            made(append(&store, "t", 1));
            save_traced(&store, "t", 2)
        })
    });
    drop(origin);
    let newest = joined(writers);
    assert_settled(&fork);
    assert!(!shared.is_there(), "both have overwritten it");
    assert!(newest[1].is_there());
    drop(fork);
    annals::interleaving::end();
    assert!(!newest[0].is_there() && !newest[1].is_there());
}

pub(crate) fn of_two_who_wait_for_the_end_both_are_told() {
    let store = crowded();
    let waiters = [(), ()].map(|()| {
        let store = store.clone();
        spawn(move || {
            let traces = [1, 2].map(|number| save_traced(&store, "t", number));
            assert!(store.settle(WAIT_MAX));
            traces
        })
    });
    let traces = joined(waiters).concat();
    assert_settled(&store);
    assert_eq!(traces.iter().filter(|trace| trace.is_there()).count(), 1);
}
