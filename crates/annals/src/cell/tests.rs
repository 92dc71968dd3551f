//! Both cells under the same stress: what is read is alive, and what was made is freed, once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One test at a time: a reader of one holds up what another one waits for.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects until `done`, or until it has been long enough to say that it never will be.
fn collected(collect: fn(), done: impl Fn() -> bool) -> bool {
    (0..100_000).any(|_| {
        collect();
        std::thread::yield_now();
        done()
    })
}

/// A value that cannot be taken for alive once it is dropped.
struct Canary {
    number: u64,
    /// Twice the number and one as long as it lives.
    check: AtomicU64,
    alive: Arc<AtomicU64>,
}

impl Canary {
    fn new(number: u64, alive: &Arc<AtomicU64>) -> Arc<Self> {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { number, check: AtomicU64::new(2 * number + 1), alive: Arc::clone(alive) })
    }

    fn sings(&self) -> u64 {
        assert_eq!(self.check.load(Ordering::Relaxed), 2 * self.number + 1, "it is dead");
        self.number
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.sings();
        self.check.store(u64::MAX - 1, Ordering::Relaxed);
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Readers and writers as they come; in the end only the last value is alive.
macro_rules! stress {
    ($name:ident, $cell:ident) => {
        #[test]
        fn $name() {
            use super::$cell::{Cell, collect};

            let _turn = one_at_a_time();
            const SWAPS: u64 = if cfg!(miri) { 50 } else { 20_000 };
            let alive = Arc::new(AtomicU64::new(0));
            let mut cell = Cell::new(Canary::new(0, &alive));
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let (cell, alive, done) = (&cell, &alive, &done);
                let writers = [0, 1].map(|writer| {
                    scope.spawn(move || {
                        for number in 1..=SWAPS {
                            let next = Canary::new(number * 2 + writer, alive);
                            if let Some(before) = cell.swap(next) {
                                before.sings();
                            }
                            if number % 64 == 0 {
                                collect();
                            }
                        }
                    })
                });
                for reader in 0..3 {
                    scope.spawn(move || {
                        let mut kept = Vec::new();
                        while !done.load(Ordering::Acquire) {
                            let number = cell.read(Canary::sings);
                            assert!(number <= SWAPS * 2 + 1);
                            kept.push(cell.load());
                            if kept.len() > 10 + reader {
                                kept.drain(..)
                                    .for_each(|canary| assert!(canary.sings() < u64::MAX));
                            }
                        }
                    });
                }
                for writer in writers {
                    writer.join().unwrap();
                }
                done.store(true, Ordering::Release);
            });
            let last = cell.load().sings();
            assert!(last / 2 == SWAPS, "the last value is one of the last two: {last}");
            assert!(collected(collect, || alive.load(Ordering::Relaxed) == 1));
            assert_eq!(cell.replace(Canary::new(1, &alive)).sings(), last);
            assert_eq!(alive.load(Ordering::Relaxed), 1);
            drop(cell);
            assert_eq!(alive.load(Ordering::Relaxed), 0);
        }
    };
}

stress!(readers_and_writers_of_the_one_by_arc_swap, arc_swap);
stress!(readers_and_writers_of_the_one_by_epochs, epoch);

#[test]
fn what_is_superseded_is_freed_by_whoever_collects_and_by_no_reader() {
    use super::epoch::{Cell, collect};

    let _turn = one_at_a_time();
    const SWAPS: usize = if cfg!(miri) { 20 } else { 1_000 };
    struct Freed(Arc<Mutex<Vec<std::thread::ThreadId>>>);
    impl Drop for Freed {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(std::thread::current().id());
        }
    }
    let freed: Arc<Mutex<Vec<_>>> = Arc::default();
    let cell = Cell::new(Arc::new(Freed(Arc::clone(&freed))));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..SWAPS {
                assert!(cell.swap(Arc::new(Freed(Arc::clone(&freed)))).is_none());
                (0..10).for_each(|_| cell.read(|_| ()));
            }
        });
    });
    assert_eq!(freed.lock().unwrap().len(), 0);
    assert!(collected(collect, || freed.lock().unwrap().len() == SWAPS));
    let here = std::thread::current().id();
    assert!(freed.lock().unwrap().iter().all(|thread| *thread == here));
}
