//! All schedules of small scenarios, by loom: two and three threads, on the store itself.
//!
//! loom tries each order of what depends on each other, and each value that a load may return by
//! the memory model of the language, so that an ordering that is too weak shows as well. Where a
//! scenario has too many schedules, they are bounded by how often a thread is interrupted that
//! could have gone on; each says by how many, and none where there is no bound.
//!
//! ```text
//! ANNALS_PREEMPTIONS=2 .ci/interleave loom            all bounds are higher by so many
//! LOOM_LOG=1 LOOM_LOCATION=1 .ci/interleave loom NAME   what happens, up to where it fails
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use annals::error::CommitError;
use annals::interleaving::{Heads, Waiters};
use annals::{At, Store};
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;

use crate::kit::{joined, keep, keeping, spawn, store};

/// Runs all schedules of a scenario in which no thread is interrupted more often than `bound`.
fn every_schedule(name: &str, bound: Option<usize>, scenario: fn()) {
    let mut model = loom::model::Builder::new();
    let more = std::env::var("ANNALS_PREEMPTIONS").ok();
    let more = more.map_or(0, |more| more.parse().expect("ANNALS_PREEMPTIONS is a number"));
    model.preemption_bound = bound.map(|bound: usize| bound + more);
    model.max_branches = 100_000;
    let bound = model.preemption_bound;
    let (began, schedules) = (std::time::Instant::now(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&schedules);
    let explored = catch_unwind(AssertUnwindSafe(|| {
        model.check(move || {
            counted.fetch_add(1, SeqCst);
            // The thread that loom begins with has a small stack.
            let scenario = spawn(move || {
                scenario();
                annals::interleaving::end();
            });
            scenario.join().expect("a panic ends the model");
        });
    }));
    let schedules = schedules.load(SeqCst);
    if let Err(panic) = explored {
        eprintln!("{name}: schedule {schedules} fails");
        resume_unwind(panic);
    }
    let bound = bound.map_or_else(|| "without bound".to_owned(), |bound| format!("bound {bound}"));
    println!("{name}: {schedules} schedules, {bound}, {:?}", began.elapsed());
    assert!(schedules > 1, "nothing was tried");
}

macro_rules! exhaustive {
    ($($name:ident by $bound:expr,)+) => {
        mod all {
            $(#[test]
            fn $name() {
                super::every_schedule(stringify!($name), $bound, super::$name);
            })+
        }
    };
}

exhaustive! {
    // The parts alone.
    what_is_announced_is_there_before_it_is_known by None,
    two_who_publish_in_turn_beside_a_reader by None,
    whoever_waits_is_woken by None,
    of_two_who_wait_both_are_woken by Some(2),
    // The store.
    two_committers_make_two_versions by Some(3),
    a_reader_beside_a_committer_is_never_told_of_less_than_it_knows by Some(3),
    a_reader_beside_two_committers_sees_them_in_order by Some(2),
    a_watch_wakes_for_a_commit_and_for_the_end by Some(3),
    a_watch_wakes_for_a_commit_of_a_store_that_stays by Some(3),
    a_watch_that_is_stopped_ends by None,
    of_two_assertions_that_exclude_each_other_one_holds by Some(3),
    a_tag_beside_a_commit_takes_nothing_away by Some(3),
    what_is_held_while_it_expires_is_whole_and_then_freed by Some(5),
    the_last_handle_leaves_nothing_behind by Some(3),
}

// ---- the parts --------------------------------------------------------------------------------

fn what_is_announced_is_there_before_it_is_known() {
    let heads = Arc::new(Heads::new());
    let publisher = {
        let heads = Arc::clone(&heads);
        spawn(move || heads.publish_next())
    };
    let pointed_at = heads.newest();
    assert!(pointed_at == 0 || !heads.is_newest(0), "it knows of 1, and is told that 0 is newest");
    let pointed_at_next = heads.newest();
    assert!(pointed_at <= pointed_at_next);
    assert_eq!(publisher.join().unwrap(), 1);
    assert!(heads.is_newest(1) && heads.newest() == 1);
}

fn two_who_publish_in_turn_beside_a_reader() {
    let heads = Arc::new(Heads::new());
    let publishers = [(), ()].map(|()| {
        let heads = Arc::clone(&heads);
        spawn(move || heads.publish_next())
    });
    let pointed_at = heads.newest();
    assert!((0..pointed_at).all(|number| !heads.is_newest(number)));
    assert!(heads.newest() >= pointed_at);
    assert_eq!(joined(publishers).into_iter().sum::<u64>(), 3);
    assert!(heads.is_newest(2) && heads.newest() == 2);
}

/// One announces what it has made, the other sleeps until it sees it. The flag is as weak as can be:
/// that it is seen is the fences' doing. A wake-up that is lost is a deadlock.
fn whoever_waits_is_woken() {
    let (waiters, flag) = (Arc::new(Waiters::default()), Arc::new(AtomicBool::new(false)));
    let committer = {
        let (waiters, flag) = (Arc::clone(&waiters), Arc::clone(&flag));
        spawn(move || {
            flag.store(true, Relaxed);
            waiters.committed();
        })
    };
    waiters.wait_until(|| flag.load(Relaxed));
    committer.join().unwrap();
}

fn of_two_who_wait_both_are_woken() {
    let (waiters, flag) = (Arc::new(Waiters::default()), Arc::new(AtomicBool::new(false)));
    let waiting = {
        let (waiters, flag) = (Arc::clone(&waiters), Arc::clone(&flag));
        spawn(move || waiters.wait_until(|| flag.load(Relaxed)))
    };
    let other = {
        let (waiters, flag) = (Arc::clone(&waiters), Arc::clone(&flag));
        spawn(move || waiters.wait_until(|| flag.load(Relaxed)))
    };
    flag.store(true, Relaxed);
    waiters.committed();
    joined([waiting, other]);
}

// ---- the store --------------------------------------------------------------------------------

fn two_committers_make_two_versions() {
    let store = store();
    let other = {
        let store = store.clone();
        spawn(move || store.create_database("a").unwrap().version().0)
    };
    let mine = store.create_database("b").unwrap().version().0;
    let theirs = other.join().unwrap();
    assert_eq!(mine + theirs, 3);
    let first = store.at(1).unwrap();
    assert_eq!(first.database("a").is_ok(), theirs == 1);
    let newest = store.snapshot();
    assert!(newest.database("a").is_ok() && newest.database("b").is_ok());
}

fn a_reader_beside_a_committer_is_never_told_of_less_than_it_knows() {
    let store = store();
    let mut reader = store.reader();
    let committer = {
        let store = store.clone();
        spawn(move || store.create_database("a").unwrap().version())
    };
    let pointed_at = store.version();
    let latest = reader.latest();
    assert!(latest.version() >= pointed_at);
    assert_eq!(store.at(latest.version()).unwrap().version(), latest.version());
    assert_eq!(latest.database("a").is_ok(), latest.version().0 == 1);
    let acknowledged = committer.join().unwrap();
    assert_eq!(reader.latest().version(), acknowledged);
}

fn a_reader_beside_two_committers_sees_them_in_order() {
    let store = store();
    let committers = ["a", "b"].map(|name| {
        let store = store.clone();
        spawn(move || store.create_database(name).unwrap().version().0)
    });
    let mut reader = store.reader();
    let first = reader.latest().version();
    let pointed_at = store.version();
    let second = reader.latest().version();
    assert!(first <= pointed_at && pointed_at <= second);
    assert_eq!(joined(committers).into_iter().sum::<u64>(), 3);
    assert_eq!(reader.latest().version().0, 2);
}

fn a_watch_wakes_for_a_commit_and_for_the_end() {
    let store = store();
    let mut watch = store.watch(0).unwrap();
    let committer = spawn(move || drop(store.create_database("a").unwrap()));
    assert_eq!(watch.next().unwrap().unwrap().version().0, 1);
    assert!(watch.next().is_none());
    committer.join().unwrap();
}

/// Nothing comes after the commit that would wake it as well.
fn a_watch_wakes_for_a_commit_of_a_store_that_stays() {
    let store = store();
    let mut watch = store.watch(0).unwrap();
    let committer = {
        let store = store.clone();
        spawn(move || drop(store.create_database("a").unwrap()))
    };
    assert_eq!(watch.next().unwrap().unwrap().version().0, 1);
    committer.join().unwrap();
}

fn a_watch_that_is_stopped_ends() {
    let store = store();
    let mut watch = store.watch(0).unwrap();
    let stopper = watch.stopper();
    let stopping = spawn(move || stopper.stop());
    assert!(watch.next().is_none());
    stopping.join().unwrap();
    drop(store);
}

fn of_two_assertions_that_exclude_each_other_one_holds() {
    fn create_alone(store: &Store, name: &str) -> bool {
        let mut tx = store.begin();
        tx.create_database(name).unwrap();
        tx.assert("one of ours", |candidate| {
            let both = ["a", "b"].into_iter().all(|name| candidate.database(name).is_ok());
            if both { Err("both are there".to_owned()) } else { Ok(()) }
        });
        match tx.commit() {
            Ok(_) => true,
            Err(CommitError::Assertion { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }
    let store = store();
    let other = {
        let store = store.clone();
        spawn(move || create_alone(&store, "a"))
    };
    let mine = create_alone(&store, "b");
    assert_ne!(mine, other.join().unwrap());
    assert_eq!(store.version().0, 1);
}

fn a_tag_beside_a_commit_takes_nothing_away() {
    let store = store();
    let committer = {
        let store = store.clone();
        spawn(move || drop(store.create_database("a").unwrap()))
    };
    let tagged = store.tag("kept", At::Latest).unwrap();
    committer.join().unwrap();
    assert_eq!(store.version().0, 1);
    assert_eq!(store.at("kept").unwrap().version(), tagged);
}

fn what_is_held_while_it_expires_is_whole_and_then_freed() {
    let store = keeping(1);
    let committer = {
        let store = store.clone();
        spawn(move || drop(store.create_database("a").unwrap()))
    };
    let held = store.snapshot();
    // Others may do something meanwhile.
    assert!(store.version() >= held.version());
    assert_eq!(held.database("a").is_ok(), held.version().0 == 1);
    let version = Arc::downgrade(held.value());
    // No other thread runs between these two.
    drop(held);
    assert!(version.strong_count() > 0, "the last holder freed it");
    committer.join().unwrap();
    assert!(store.settle(Duration::from_secs(3_600)));
    assert_eq!(store.awaiting_reclaim().versions, 0);
    assert_eq!(store.retention(), keep(1));
}

fn the_last_handle_leaves_nothing_behind() {
    let store = store();
    store.create_database("a").unwrap();
    let held = Arc::downgrade(store.snapshot().value());
    let other = {
        let store = store.clone();
        spawn(move || {
            let (snapshot, mut reader) = (store.snapshot(), store.reader());
            drop(store);
            assert_eq!(reader.latest().version(), snapshot.version());
            drop(reader);
            drop(snapshot);
        })
    };
    drop(store);
    other.join().unwrap();
    annals::interleaving::end();
    assert_eq!(held.strong_count(), 0);
}
