//! A panic at each step of each operation: afterwards readers have what they had at that step, and
//! nothing else is the worse for it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use annals::seams::{Step, on_this_thread};
use annals::{Store, VersionId};

use crate::ENOUGH;
use crate::fixture::{Seen, assert_memory_returns, assert_usable, fixture};
use crate::operations::{Operation, all};
use annals_tests::canary::{Canaries, Injected, silence_what_is_injected};

/// A thread that sleeps until there is something to see, and tells of what it has seen.
struct Watcher {
    seen: Receiver<VersionId>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Returns once it sleeps, or is about to without looking again.
    fn asleep_on(store: &Store) -> Self {
        let mut watch = store.watch(store.version()).unwrap();
        let ((tell, seen), (sleeps, asleep)) = (channel(), channel());
        let thread = std::thread::spawn(move || {
            let _seams = on_this_thread(move |step| {
                if step == Step::Waiting {
                    let _ = sleeps.send(());
                }
            });
            while let Some(item) = watch.next() {
                // At the end there is a policy that keeps no records.
                if let Ok(watched) = item {
                    let _ = tell.send(watched.version());
                }
            }
        });
        asleep.recv_timeout(ENOUGH).expect("it finds nothing and sleeps");
        Self { seen, thread }
    }

    /// Fails if it does not come to see this version, though nothing further happens.
    #[track_caller]
    fn assert_sees(&self, version: VersionId, told: &str) {
        loop {
            match self.seen.recv_timeout(ENOUGH) {
                Ok(seen) if seen == version => return,
                Ok(_) => {}
                Err(_) => panic!("{told}: a watch was not woken for {version}"),
            }
        }
    }
}

/// The steps of an operation, and what readers have at each.
pub(crate) fn walk(operation: &Operation) -> Vec<(Step, Seen)> {
    let canaries = Canaries::default();
    let store = fixture(&canaries);
    let run = (operation.ready)(&store, &canaries);
    let steps = Rc::new(RefCell::new(Vec::new()));
    let seams = {
        let (steps, store) = (Rc::clone(&steps), store.clone());
        // Reading needs no lock, so it may be done anywhere.
        on_this_thread(move |step| steps.borrow_mut().push((step, Seen::of(&store))))
    };
    run().unwrap_or_else(|error| panic!("{}: {error}", operation.name));
    drop(seams);
    Rc::into_inner(steps).unwrap().into_inner()
}

/// Runs `work` until it comes by its step of this number, and panics there.
fn panicking_at(number: usize, work: impl FnOnce()) {
    silence_what_is_injected();
    let left = Cell::new(number);
    let seams = on_this_thread(move |_| {
        let now = left.replace(left.get().wrapping_sub(1));
        if now == 0 {
            panic_any(Injected);
        }
    });
    let end = catch_unwind(AssertUnwindSafe(work));
    drop(seams);
    match end {
        Err(thrown) if thrown.is::<Injected>() => {}
        Err(thrown) => resume_unwind(thrown),
        Ok(()) => panic!("it did not come so far"),
    }
}

#[test]
fn a_panic_at_any_step_leaves_what_readers_had_there_and_a_usable_store() {
    let mut panics = 0;
    for operation in all() {
        let walk = walk(&operation);
        assert!(!walk.is_empty(), "{} has no steps", operation.name);
        for (number, (step, there)) in walk.iter().enumerate() {
            let told = format!("{}, panicking at step {number}, {step:?}", operation.name);
            let canaries = Canaries::default();
            let store = fixture(&canaries);
            let run = (operation.ready)(&store, &canaries);
            let watcher = Watcher::asleep_on(&store);
            let before = store.version();
            panicking_at(number, || drop(run()));
            panics += 1;
            let seen = Seen::of(&store);
            assert_eq!(seen.version, there.version, "{told}");
            assert_eq!(&seen, there, "{told}");
            if seen.version > before {
                watcher.assert_sees(seen.version, &told);
            }
            assert_usable(&store, &canaries, &told);
            assert_memory_returns(&store, &canaries, &told);
            let last = store.version();
            drop(store);
            watcher.assert_sees(last, &told);
            watcher.thread.join().unwrap();
        }
    }
    println!("{panics} panics");
    assert!(panics > 300, "only {panics}");
}

/// One panic after the other, at a step further each time, all on the same store.
#[test]
fn a_store_outlives_any_number_of_panics() {
    let canaries = Canaries::default();
    let store = fixture(&canaries);
    let watch = store.watch(store.version()).unwrap();
    let first = store.version();
    let mut made = 0;
    for round in 0..200 {
        let before = store.version();
        let append = || {
            let rows = annals_tests::people([(round, "r")]);
            let write = store.write(rows).mode(annals::SaveMode::Append);
            write.save_as_table("t").unwrap();
        };
        panicking_at(usize::try_from(round).unwrap() % 12, append);
        let after = store.version();
        made += after.0 - before.0;
        assert!(after.0 - before.0 <= 1);
    }
    assert!((20..180).contains(&made), "{made} of 200 were published");
    assert_usable(&store, &canaries, "after 200 panics");
    assert_memory_returns(&store, &canaries, "after 200 panics");
    let last = store.version();
    drop(store);
    let seen: Vec<u64> =
        watch.map(|item| item.map_or_else(|m| m.next.0, |w| w.version().0)).collect();
    assert_eq!(seen.last(), Some(&last.0));
    assert!(seen.is_sorted() && seen[0] > first.0);
}

#[test]
fn a_panic_as_the_last_handle_goes_leaks_nothing() {
    let canaries = Canaries::default();
    let store = fixture(&canaries);
    let expires = store.snapshot();
    for round in 0..10 {
        let rows = canaries.rows(&[round]);
        let write = store.write(rows).mode(annals::SaveMode::Overwrite);
        write.save_as_table("canaries").unwrap();
    }
    // One that is awake may hold the store for a moment, and would be the last to.
    let watcher = Watcher::asleep_on(&store);
    panicking_at(0, || drop(store));
    drop(expires);
    let other = Store::in_memory();
    watcher.thread.join().unwrap();
    assert!(other.settle(ENOUGH));
    assert_eq!(canaries.alive(), 0);
}
