//! Clocks that jump: versions are in the order of their commits all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals::{Retention, SaveMode, Store, StoreBuilder, Timestamp, TravelError};
use annals_tests::{Chance, at_once, numbers, numbers_of};

/// A store, and the clock that it goes by.
fn with_clock(start: i64) -> (Store, Arc<AtomicI64>) {
    let hand = Arc::new(AtomicI64::new(start));
    let clock = Arc::clone(&hand);
    let builder = StoreBuilder::new().clock(move || Timestamp(clock.load(Ordering::Relaxed)));
    // By default what is older than a week expires, and here a week is nothing.
    (builder.retention(Retention::UNBOUNDED).build(), hand)
}

fn append(store: &Store, n: i64) -> Timestamp {
    let saved = store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.at(saved.version().unwrap()).unwrap().timestamp()
}

const JUMPS: [i64; 12] = [
    0,
    i64::MAX,
    i64::MIN,
    -1,
    1_700_000_000_000_000,
    1_600_000_000_000_000,
    1_600_000_000_000_000,
    i64::MAX - 1,
    i64::MIN + 1,
    1,
    i64::MAX / 2,
    i64::MAX / 2 + 1,
];

#[test]
fn a_clock_that_jumps_to_either_end_reorders_nothing() {
    for start in JUMPS {
        let (store, hand) = with_clock(start);
        let mut last = store.snapshot().timestamp();
        for (n, jump) in (0..).zip(JUMPS) {
            hand.store(jump, Ordering::Relaxed);
            let timestamp = append(&store, n);
            // The clock's own moment, where that is later; else the next one after the last.
            let believed = jump.min(i64::MAX / 2);
            assert_eq!(timestamp.0, believed.max(last.0 + 1), "from {start} to {jump}");
            last = timestamp;
        }
        let (newest, rows) = (store.version(), numbers_of(&store.table("t").unwrap()));
        assert_eq!(rows, Vec::from_iter(0..JUMPS.len() as i64));
        for version in store.versions() {
            let then = store.at(version).unwrap();
            assert_eq!(store.at(then.timestamp()).unwrap().version(), version);
        }
        assert_eq!(store.at(last).unwrap().version(), newest);
        let first = store.at(0).unwrap().timestamp();
        if let Some(before) = first.0.checked_sub(1) {
            assert!(matches!(store.at(Timestamp(before)), Err(TravelError::TooEarly { .. })));
        }
    }
}

#[test]
fn a_clock_that_stands_still_gives_every_commit_a_moment_of_its_own() {
    let (store, _hand) = with_clock(1_000);
    at_once(4, |thread| {
        for n in 0..50 {
            append(&store, n * 4 + thread as i64);
        }
    });
    let timestamps: Vec<i64> =
        store.versions().iter().map(|v| store.at(*v).unwrap().timestamp().0).collect();
    assert_eq!(timestamps, Vec::from_iter(1_000..1_201));
}

/// Ages are differences of moments that may be as far apart as there is.
#[test]
fn ages_over_the_whole_of_time_are_judged() {
    for (start, end) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, i64::MIN), (-1, 0)] {
        let (store, hand) = with_clock(start);
        for age_max in
            [None, Some(Duration::ZERO), Some(Duration::MAX), Some(Duration::from_secs(1))]
        {
            let policy = Retention { age_max, versions_min: 1, ..Retention::default() };
            store.set_retention(policy);
            (0..5).for_each(|n| assert!(append(&store, n) > Timestamp(i64::MIN)));
            hand.store(end, Ordering::Relaxed);
            (0..5).for_each(|n| assert!(append(&store, n) > Timestamp(i64::MIN)));
            let dry = store.expire_dry_run(&store.retention());
            assert_eq!(store.expire(&store.retention()), dry);
            assert!(store.versions().contains(&store.version()));
            drop((store.pins().to_batch(), store.history().to_batch(), store.memory()));
            assert!(!format!("{:?} {:?}", store.history(), store.pins()).is_empty());
        }
    }
}

#[test]
fn a_clock_that_runs_wild_beside_writers_reorders_nothing() {
    let (store, hand) = with_clock(0);
    let chance = Chance::new();
    at_once(4, |thread| {
        let mut chance = chance.fork(thread);
        for n in 0..50 {
            hand.store(chance.of(&JUMPS), Ordering::Relaxed);
            append(&store, n);
        }
    });
    let history = store.history();
    let timestamps: Vec<_> = history.iter().map(|commit| commit.timestamp).collect();
    assert!(timestamps.is_sorted_by(|newer, older| newer > older));
    assert_eq!(timestamps.len(), 200);
}
