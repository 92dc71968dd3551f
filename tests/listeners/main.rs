//! Whoever listens to the engine's events may panic: no commit is lost over it, nor a wake-up.
//!
//! One test, in a process of its own: where another thread comes to a span for the first time with
//! nobody listening there, `tracing` may remember that nobody does, and a listener misses events.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use annals::{Retention, SaveMode, Store, StoreBuilder};
use annals_tests::canary::Canaries;
use annals_tests::numbers;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Longer than anything here takes, and less than for ever, so that a test can fail.
const ENOUGH: Duration = Duration::from_secs(120);

/// Panics at the call of this number, of those that begin a span or tell of an event.
struct Fragile {
    left: AtomicUsize,
}

impl Fragile {
    fn count(&self) {
        // ORDERING: one thread counts.
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            panic!("the listener panics");
        }
    }
}

impl Subscriber for Fragile {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.count();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.count();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_listener_that_panics_loses_nothing() {
    let mut published = 0;
    for number in 0..4 {
        let canaries = Canaries::default();
        let retention = Retention { versions_max: 1, records_max: 9, ..Retention::default() };
        let store = StoreBuilder::new().retention(retention).build();
        let overwrite = |store: &Store| {
            let write = store.write(canaries.rows(&[1, 2])).mode(SaveMode::Overwrite);
            write.save_as_table("t").unwrap();
        };
        overwrite(&store);
        let mut watch = store.watch(1).unwrap();
        let (tell, told) = channel();
        let watcher = std::thread::spawn(move || {
            while let Some(Ok(watched)) = watch.next() {
                let _ = tell.send(watched.version().0);
            }
        });
        // The span of the commit, what expired, what was committed.
        let fragile = Fragile { left: AtomicUsize::new(number) };
        let end = tracing::subscriber::with_default(fragile, || {
            catch_unwind(AssertUnwindSafe(|| overwrite(&store)))
        });
        assert_eq!(end.is_err(), number < 3, "{number}");
        let version = store.version().0;
        assert_eq!(version, if number == 0 { 1 } else { 2 });
        if version == 2 {
            published += 1;
            assert_eq!(told.recv_timeout(ENOUGH), Ok(2), "the watch was not woken");
        }
        store.write(numbers([1])).save_as_table("after").unwrap();
        assert_eq!(told.recv_timeout(ENOUGH), Ok(version + 1));
        // What expired was given away all the same: the store waits for it.
        assert!(store.settle(ENOUGH));
        assert_eq!(canaries.alive(), 1);
        drop(store);
        watcher.join().unwrap();
    }
    assert_eq!(published, 3);
}
