//! Commits as they come: all of them, in order, however many look on and however late.
//!
//! What is lost here would be waited for for ever: a test that hangs has failed.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use annals::error::TravelError;
use annals::{
    At, Missed, Retention, SaveMode, Store, StoreBuilder, Timestamp, VersionId, Watch, Watched,
};
use annals_tests::{at_once, numbers, numbers_of};

fn append(store: &Store, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

fn keeping(versions_max: usize, records_max: usize) -> Store {
    let retention = Retention { versions_max, records_max, ..Retention::default() };
    StoreBuilder::new().retention(retention).build()
}

/// What there is now, by version; what was missed, by how many and what comes next.
fn now(watch: &mut Watch) -> Vec<Result<u64, (u64, u64)>> {
    std::iter::from_fn(|| watch.try_next())
        .map(|item| match item {
            Ok(watched) => Ok(watched.version().0),
            Err(Missed { count, next }) => Err((count, next.0)),
        })
        .collect()
}

// ---- what is shown ----------------------------------------------------------------------------

#[test]
fn each_commit_is_shown_once_with_its_record_and_what_it_made() {
    let store = Store::in_memory();
    append(&store, 1);
    let mut watch = store.watch(At::Latest).unwrap();
    assert_eq!(watch.position(), VersionId(1));
    assert!(watch.try_next().is_none());
    store.write(numbers([2])).mode(SaveMode::Append).user("ada").save_as_table("t").unwrap();
    append(&store, 3);
    let second = watch.try_next().unwrap().unwrap();
    assert_eq!(second.version(), VersionId(2));
    assert_eq!(second.commit().info.user.as_deref(), Some("ada"));
    assert_eq!(second.commit().location.file, file!());
    let snapshot = second.snapshot().unwrap();
    assert_eq!(numbers_of(&snapshot.table("t").unwrap()), [1, 2]);
    assert_eq!(watch.position(), VersionId(2));
    // Another from there goes on where this one is.
    let mut other = store.watch(watch.position()).unwrap();
    assert_eq!(now(&mut other), [Ok(3)]);
    assert_eq!(now(&mut watch), [Ok(3)]);
    assert!(!watch.has_ended());
}

#[test]
fn a_watch_begins_after_a_number_a_tag_or_a_moment() {
    let store = StoreBuilder::new().clock(|| Timestamp(0)).build();
    for n in 1..=5 {
        append(&store, n);
    }
    store.tag("release", 3).unwrap();
    let third = store.at(3).unwrap().timestamp();
    for from in [At::from(3), At::from("release"), At::from(third)] {
        assert_eq!(now(&mut store.watch(from).unwrap()), [Ok(4), Ok(5)]);
    }
    assert_eq!(now(&mut store.watch(0).unwrap()).len(), 5);
    assert_eq!(now(&mut store.watch(5).unwrap()), []);
    let newest = VersionId(5);
    let error = store.watch(6).unwrap_err();
    assert_eq!(error, TravelError::NoVersion { asked: VersionId(6), newest });
    assert!(matches!(store.watch("no such tag"), Err(TravelError::NoTag { .. })));
    assert!(matches!(store.watch(Timestamp(9)), Err(TravelError::Future { .. })));
    assert!(matches!(store.watch(Timestamp(-1)), Err(TravelError::TooEarly { .. })));
}

#[test]
fn tags_and_expiry_are_no_commits() {
    let store = keeping(10, 10);
    append(&store, 1);
    append(&store, 2);
    let mut watch = store.watch(2).unwrap();
    store.tag("a", 1).unwrap();
    store.untag("a").unwrap();
    store.set_retention(Retention { versions_max: 1, ..store.retention() });
    store.begin().commit().unwrap();
    store.write(numbers([3])).save_as_table("t").unwrap_err();
    assert_eq!(now(&mut watch), []);
    append(&store, 3);
    assert_eq!(now(&mut watch), [Ok(3)]);
}

#[test]
fn a_fork_is_watched_from_where_it_began() {
    let origin = Store::in_memory();
    for n in 1..=3 {
        append(&origin, n);
    }
    let fork = origin.fork();
    let mut watches = [fork.watch(0).unwrap(), fork.watch(3).unwrap()];
    append(&origin, 10);
    append(&fork, 20);
    for watch in &mut watches {
        let watched = watch.try_next().unwrap().unwrap();
        let table = watched.snapshot().unwrap().table("t").unwrap();
        assert_eq!(numbers_of(&table), [1, 2, 3, 20]);
        assert_eq!(now(watch), []);
    }
}

// ---- what has expired -------------------------------------------------------------------------

#[test]
fn a_version_that_has_expired_is_shown_by_its_record() {
    let store = keeping(2, 100);
    let mut watch = store.watch(0).unwrap();
    for n in 1..=5 {
        append(&store, n);
    }
    let all: Vec<Watched> = std::iter::from_fn(|| watch.try_next()).map(Result::unwrap).collect();
    let shown: Vec<bool> = all.iter().map(|watched| watched.snapshot().is_some()).collect();
    assert_eq!(shown, [false, false, false, true, true]);
    let rows: Vec<u64> = all.iter().map(|watched| watched.commit().metrics().rows_added).collect();
    assert_eq!(rows, [1; 5]);
}

#[test]
fn a_watch_that_expiry_has_overtaken_says_what_it_missed_and_goes_on() {
    let store = keeping(3, 5);
    let mut watch = store.watch(0).unwrap();
    for n in 1..=12 {
        append(&store, n);
    }
    let expected = [Err((7, 8)), Ok(8), Ok(9), Ok(10), Ok(11), Ok(12)];
    assert_eq!(now(&mut watch), expected);
    for n in 13..=30 {
        append(&store, n);
    }
    let missed = watch.try_next().unwrap().unwrap_err();
    assert_eq!(missed, Missed { count: 13, next: VersionId(26) });
    assert!(missed.to_string().starts_with("13 commits are no longer on record"), "{missed}");
    assert_eq!(now(&mut watch).len(), 5);
    // One that is made later may begin where nothing is left.
    assert_eq!(now(&mut store.watch(1).unwrap())[0], Err((24, 26)));
}

#[test]
fn versions_that_outlive_their_records_are_shown() {
    let store = keeping(3, 0);
    let mut watch = store.watch(0).unwrap();
    append(&store, 1);
    append(&store, 2);
    store.tag("kept", 2).unwrap();
    for n in 3..=9 {
        append(&store, n);
    }
    let expected = [Err((1, 2)), Ok(2), Err((4, 7)), Ok(7), Ok(8), Ok(9)];
    assert_eq!(now(&mut watch), expected);
}

#[test]
fn a_watch_keeps_nothing_from_expiring() {
    let store = keeping(1, 100);
    let mut watch = store.watch(0).unwrap();
    let mut late = store.watch(0).unwrap();
    append(&store, 1);
    let first = watch.try_next().unwrap().unwrap();
    let version = std::sync::Arc::downgrade(first.snapshot().unwrap().value());
    drop(first);
    append(&store, 2);
    // Freed by now or soon, by whomever.
    while version.strong_count() > 0 {
        thread::yield_now();
    }
    assert!(late.try_next().unwrap().unwrap().snapshot().is_none());
}

// ---- many threads -----------------------------------------------------------------------------

#[test]
fn every_watch_sees_every_commit_of_every_thread_in_order() {
    const COMMITS: i64 = 400;
    let store = Store::in_memory();
    append(&store, 0);
    let watches: Vec<_> = (0..4).map(|_| store.watch(1).unwrap()).collect();
    let watchers: Vec<_> = watches
        .into_iter()
        .enumerate()
        .map(|(index, watch)| {
            thread::spawn(move || {
                let slow = |watched: Watched| {
                    // Each at its own pace.
                    (0..index * 5).for_each(|_| thread::yield_now());
                    let rows = watched.snapshot().map(|s| s.table("t").unwrap().row_count());
                    (watched.version().0, rows)
                };
                watch.map(|item| slow(item.unwrap())).collect::<Vec<_>>()
            })
        })
        .collect();
    at_once(4, |thread| {
        for n in 0..COMMITS {
            append(&store, n);
            if n % 50 == thread as i64 {
                store.tag(&format!("{thread} {n}"), At::Latest).unwrap();
            }
        }
    });
    drop(store);
    let versions = 2..=1 + 4 * COMMITS.unsigned_abs();
    let expected: Vec<_> = versions.map(|version| (version, Some(version))).collect();
    for watcher in watchers {
        assert_eq!(watcher.join().unwrap(), expected);
    }
}

#[test]
fn commits_and_gaps_add_up_when_expiry_overtakes_watches() {
    const COMMITS: u64 = 2_000;
    let store = keeping(2, 3);
    let watches: Vec<_> = (0..3).map(|_| store.watch(0).unwrap()).collect();
    let count = |watch: Watch| {
        let (mut last, mut shown) = (0, 0);
        for item in watch {
            match item {
                Ok(watched) => {
                    assert_eq!(watched.version().0, last + 1);
                    last += 1;
                    shown += 1;
                }
                Err(missed) => {
                    assert!(missed.count > 0);
                    assert_eq!(missed.next.0, last + missed.count + 1);
                    last += missed.count;
                }
            }
        }
        (last, shown)
    };
    let watchers: Vec<_> =
        watches.into_iter().map(|watch| thread::spawn(move || count(watch))).collect();
    for n in 0..COMMITS {
        append(&store, n as i64);
    }
    drop(store);
    for watcher in watchers {
        let (last, shown) = watcher.join().unwrap();
        assert_eq!(last, COMMITS);
        // The newest ones are there whenever it looks.
        assert!(shown >= 3, "{shown}");
    }
}

#[test]
fn no_wake_up_is_lost() {
    const TURNS: u64 = 5_000;
    let store = Store::in_memory();
    let watches = [store.watch(0).unwrap(), store.watch(0).unwrap()];
    let (seen, sees) = mpsc::channel();
    for watch in watches {
        let seen = seen.clone();
        thread::spawn(move || watch.for_each(|item| seen.send(item.unwrap().version()).unwrap()));
    }
    for turn in 1..=TURNS {
        store.create_database(format!("d{turn}")).unwrap();
        // Only when both have seen it does the next one come: each waits, or is about to.
        assert_eq!(sees.recv().unwrap(), VersionId(turn));
        assert_eq!(sees.recv().unwrap(), VersionId(turn));
    }
}

// ---- the end ----------------------------------------------------------------------------------

#[test]
fn a_watch_ends_after_the_last_commit_when_nobody_can_commit_any_more() {
    let store = Store::in_memory();
    let mut watch = store.watch(0).unwrap();
    let other = store.clone();
    let mut tx = store.begin();
    tx.create_database("d").unwrap();
    append(&store, 1);
    drop(store);
    assert_eq!(now(&mut watch), [Ok(1)]);
    assert!(!watch.has_ended());
    drop(other);
    assert!(watch.try_next().is_none() && !watch.has_ended(), "a transaction is still there");
    tx.commit().unwrap();
    let last = watch.next().unwrap().unwrap();
    assert!(last.snapshot().unwrap().database("d").is_ok());
    assert!(watch.next().is_none());
    assert!(watch.has_ended());
    assert!(watch.next().is_none() && watch.next_timeout(Duration::MAX).is_none());
}

#[test]
fn a_reader_counts_as_a_handle_and_a_snapshot_does_not() {
    let store = Store::in_memory();
    let (mut watch, snapshot) = (store.watch(0).unwrap(), store.snapshot());
    let reader = store.reader();
    drop(store);
    assert!(watch.try_next().is_none() && !watch.has_ended());
    drop(reader);
    assert!(watch.try_next().is_none() && watch.has_ended());
    assert_eq!(snapshot.version(), VersionId(0));
}

#[test]
fn what_was_committed_before_the_end_is_shown_after_it_and_then_freed() {
    let store = Store::in_memory();
    append(&store, 1);
    append(&store, 2);
    let version = std::sync::Arc::downgrade(store.at(1).unwrap().value());
    let (mut watch, other) = (store.watch(0).unwrap(), store.watch(0).unwrap());
    drop(store);
    let shown: Vec<_> = watch.by_ref().map(|item| item.unwrap().snapshot().is_some()).collect();
    assert_eq!(shown, [true, true]);
    assert!(version.strong_count() > 0, "the other has not seen it");
    drop(other);
    while version.strong_count() > 0 {
        thread::yield_now();
    }
}

#[test]
fn a_watch_that_waits_is_woken_by_the_end_of_the_store() {
    for turn in 0..500 {
        let store = Store::in_memory();
        let watch = store.watch(0).unwrap();
        let watcher = thread::spawn(move || watch.map(|item| item.unwrap().version().0).sum());
        for n in 0..turn % 3 {
            append(&store, n);
        }
        drop(store);
        let sum: u64 = watcher.join().unwrap();
        assert_eq!(sum, [0, 1, 3][usize::try_from(turn % 3).unwrap()]);
    }
}

#[test]
fn a_watch_that_waits_is_woken_by_its_stopper() {
    let store = Store::in_memory();
    for _ in 0..500 {
        let mut watch = store.watch(At::Latest).unwrap();
        let stopper = watch.stopper();
        let watcher = thread::spawn(move || (watch.next().is_none(), watch.has_ended()));
        stopper.clone().stop();
        assert_eq!(watcher.join().unwrap(), (true, true));
        stopper.stop();
    }
    // Nothing more is shown, and no other watch is stopped by it.
    let (mut stopped, mut other) = (store.watch(0).unwrap(), store.watch(0).unwrap());
    append(&store, 1);
    stopped.stopper().stop();
    assert!(stopped.next().is_none());
    assert_eq!(now(&mut other), [Ok(1)]);
    // Nor is a stopper of what is gone in anybody's way.
    let stopper = other.stopper();
    drop((store, other));
    stopper.stop();
}

#[test]
fn a_limited_wait_gives_what_comes_in_time() {
    let store = Store::in_memory();
    let mut watch = store.watch(0).unwrap();
    assert!(watch.next_timeout(Duration::ZERO).is_none());
    assert!(watch.next_timeout(Duration::from_millis(1)).is_none());
    assert!(!watch.has_ended());
    append(&store, 1);
    assert_eq!(watch.next_timeout(Duration::ZERO).unwrap().unwrap().version(), VersionId(1));
    // Longer than any clock can say.
    let watcher = thread::spawn(move || watch.next_timeout(Duration::MAX).unwrap().unwrap());
    append(&store, 2);
    assert_eq!(watcher.join().unwrap().version(), VersionId(2));
}
