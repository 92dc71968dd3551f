//! A process that is forked while its threads commit, pin, watch and free: the child reads, writes
//! and frees its own copy, and waits for nobody who is not there.
//!
//! A file with unsafe code: a process cannot be forked without. The child prints nothing and
//! asserts nothing, for it has no test harness: it ends with the number of what did not hold. If it
//! waits for ever, an alarm ends it.

#![cfg(unix)]
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals::{Retention, Store, StoreBuilder, WriteError, set};
use annals_tests::{number_of_both, numbers, observed, write_both};

/// A child that has not ended by then never will.
const ALARM_SECONDS: u32 = 120;

const FORKS: usize = if cfg!(debug_assertions) { 60 } else { 1_000 };

/// Runs `work` in a child of this process that has only this thread, and tells what it returned.
fn in_a_child(work: impl FnOnce() -> u8) -> u8 {
    // SAFETY: the child runs what follows on a copy of this thread's stack and ends without
    // returning to the test. It takes no lock that another thread can have but the allocator's,
    // which the C library sets right, and those whose handling is what is tested.
    unsafe {
        match libc::fork() {
            -1 => panic!("no child could be made"),
            0 => {
                libc::alarm(ALARM_SECONDS);
                let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(254);
                libc::_exit(i32::from(code))
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                assert!(
                    !libc::WIFSIGNALED(status),
                    "the child waited for ever, or crashed: {status}"
                );
                u8::try_from(libc::WEXITSTATUS(status)).unwrap()
            }
        }
    }
}

fn fresh_store() -> Store {
    let retention = Retention { versions_max: 3, records_max: 50, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).retries_max(u32::MAX).build();
    store.write(numbers([1, 1, 1])).save_as_table("a").unwrap();
    store.write(numbers([1, 1, 1])).save_as_table("b").unwrap();
    store
}

/// The number that both tables are full of.
fn both(store: &Store) -> Option<i64> {
    number_of_both(&store.snapshot()).ok()
}

/// Numbers what is checked, and stops at the first that does not hold.
macro_rules! checks {
    ($($check:expr),+ $(,)?) => {{
        let mut number = 0;
        $(
            number += 1;
            if !$check {
                return number;
            }
        )+
        0
    }};
}

/// All that a child may do with a store that it was born with; 0 if all of it was right.
fn use_store(store: &Store) -> u8 {
    let mut reader = store.reader();
    let before = store.version();
    let Some(then) = both(store) else { return 100 };
    let mut watch = store.watch(before).unwrap();
    let next = |watch: &mut annals::Watch| watch.next().and_then(Result::ok).map(|w| w.version().0);
    checks!(
        // Reading.
        reader.latest().version() == before,
        both(store) == Some(then),
        store.at(before).is_ok() && store.at(before.0 + 1).is_err(),
        store.history().iter().next().is_some_and(|commit| commit.version == before),
        store.memory().bytes > 0 && !store.versions().is_empty(),
        // Writing: this process's copy is its own.
        write_both(store, -1).is_ok(),
        both(store) == Some(-1) && store.version().0 == before.0 + 1,
        next(&mut watch) == Some(before.0 + 1),
        reader.latest().version() == store.version(),
        store.update("a", [set("n", -2_i64)], annals::Filter::all()).is_ok(),
        store.write(numbers([5])).save_as_table("child").is_ok(),
        store.tag("child", store.version()).is_ok(),
        store.begin().would_conflict().is_ok(),
        store
            .transact(|tx| {
                tx.drop_table("child")?;
                tx.assert("it is gone", |then| match then.table_exists("child") {
                    Ok(false) => Ok(()),
                    other => Err(format!("{other:?}")),
                });
                Ok::<_, WriteError>(())
            })
            .is_ok(),
        store.restore_table("child", "child").is_ok(),
        store.untag("child").is_ok(),
        // Others in it: threads, pins, watches, forks, children of its own.
        commits_of_threads(store),
        {
            drop(store.pin("child"));
            store.pins().iter().all(|pin| pin.labels.iter().all(|l| &*l.label != "child"))
        },
        {
            let fork = store.fork();
            write_both(&fork, 4).is_ok() && both(&fork) == Some(4)
        },
        {
            let stays = store.version();
            in_a_child(|| u8::from(write_both(store, 6).is_err() || both(store) != Some(6))) == 0
                && store.version() == stays
        },
        // Freeing.
        {
            store.expire(&Retention { versions_max: 1, ..store.retention() });
            store.versions().len() <= 1 + store.tags().len()
        },
        store.settle(Duration::from_secs(60)),
        {
            // The one that it was born with is held by threads that are not here, for ever.
            drop((reader, store.fork()));
            let own = store.fork();
            let mut watch = own.watch(own.version()).unwrap();
            let written = write_both(&own, 8).is_ok();
            drop(own);
            written && watch.next().is_some() && watch.next().is_none()
        },
        Store::in_memory().settle(Duration::from_secs(60)),
    )
}

fn commits_of_threads(store: &Store) -> bool {
    let before = store.version().0;
    std::thread::scope(|scope| {
        for n in 0..3 {
            scope.spawn(move || (0..5).for_each(|_| write_both(store, n).unwrap()));
        }
    });
    store.version().0 == before + 15
}

#[test]
fn a_child_of_a_busy_process_has_a_store_of_its_own() {
    let store = fresh_store();
    let stop = AtomicBool::new(false);
    let watch = store.watch(0).unwrap();
    let stopper = watch.stopper();
    // ORDERING: it is only to end some time.
    let goes_on = || !stop.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (store, goes_on) = (&store, &goes_on);
            scope.spawn(move || {
                let mut n = thread;
                while goes_on() {
                    n += 2;
                    write_both(store, n).unwrap();
                }
            });
        }
        scope.spawn(|| {
            while goes_on() {
                let _ = (store.pin("parent"), store.pins());
            }
        });
        scope.spawn(|| {
            while goes_on() {
                let _ = (store.tag("parent", store.version()), store.untag("parent"));
            }
        });
        scope.spawn(|| watch.for_each(drop));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            for fork in 0..FORKS {
                let code = in_a_child(|| use_store(&store));
                assert_eq!(code, 0, "check {code} does not hold in child {fork}");
            }
        }));
        // ORDERING: as above.
        stop.store(true, Ordering::Relaxed);
        stopper.stop();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    // What the children did is nothing to the parent.
    assert!(both(&store).unwrap() >= 0);
    assert_eq!(use_store(&store), 0);
}

#[test]
fn what_a_child_writes_is_its_own() {
    let store = fresh_store();
    let pinned = store.pin("before");
    let before = store.version();
    let code = in_a_child(|| {
        let written = write_both(&store, 9).is_ok() && both(&store) == Some(9);
        let known = store.pins().iter().any(|pin| pin.labels.iter().any(|l| &*l.label == "before"));
        u8::from(!written) + 2 * u8::from(!known)
    });
    assert_eq!(code, 0);
    assert_eq!((store.version(), both(&store)), (before, Some(1)));
    write_both(&store, 2).unwrap();
    assert_eq!(store.version().0, before.0 + 1);
    drop(pinned);
}

/// A child of which the parent's store had readers only, and a parent that goes on meanwhile.
#[test]
fn parent_and_child_go_on_side_by_side() {
    let store = fresh_store();
    let observer = || || assert!(both(&store).is_some());
    observed(2, observer, || {
        for n in 0..20 {
            let child = || {
                let fine =
                    (0..10).all(|m| write_both(&store, m).is_ok() && both(&store) == Some(m));
                u8::from(!fine)
            };
            assert_eq!(in_a_child(child), 0);
            write_both(&store, n).unwrap();
        }
    });
    assert_eq!(store.version().0, 22);
}
