//! The cell by the crate `crossbeam-epoch`: readers announce an epoch, and touch no count.
//!
//! A value that was superseded may still be read by whoever had announced himself before. So the
//! cell keeps its reference until all those have gone, and then hands it over to whoever calls
//! [`collect`]: what is deferred runs on any thread that reads, which must not be made to free
//! anything. The collector is private, so that nobody else's deferred work runs on our threads.
//!
//! The only file of the crate with unsafe code: what an epoch protects, no type can tell.

#![allow(unsafe_code)]

use std::any::Any;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crossbeam_epoch::{Atomic, Collector, Guard, LocalHandle, Shared};

type Superseded = Arc<dyn Any + Send + Sync>;

static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

/// From those who find that nobody reads a value any more, to those who may free it.
static HANDED_OVER: LazyLock<(Sender<Superseded>, Mutex<Receiver<Superseded>>)> =
    LazyLock::new(|| {
        let (sender, receiver) = channel();
        (sender, Mutex::new(receiver))
    });

thread_local! {
    static HANDLE: LocalHandle = COLLECTOR.register();
}

#[inline]
fn pin() -> Guard {
    // A thread on its way out has no handle any more.
    HANDLE.try_with(LocalHandle::pin).unwrap_or_else(|_| COLLECTOR.register().pin())
}

/// A value of which there is always exactly one current state.
pub(crate) struct Cell<T> {
    /// What [`Arc::into_raw`] gave: the cell owns one reference to it. Never null.
    current: Atomic<T>,
}

// SAFETY: what `Arc<T>` may do, the cell may: it gives out references and counted pointers to what
// it holds, on any thread.
unsafe impl<T: Send + Sync> Send for Cell<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Cell<T> {}

impl<T: Send + Sync + 'static> Cell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { current: Atomic::from(Arc::into_raw(value)) }
    }

    /// Takes what `read` takes from the current value. Never waits, and touches no count.
    ///
    /// `read` must be a few instructions: nothing that is superseded meanwhile, in any store, is
    /// given back before it returns.
    #[inline]
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        let guard = pin();
        // ORDERING: pairs with the swap's release: the value is seen as it was made.
        let current = self.current.load(Ordering::Acquire, &guard);
        // SAFETY: it is never null and came from `Arc::into_raw`. The cell's reference to it is
        // given up only by `swap`, which waits for every guard that was pinned before, or by
        // whoever has the cell to itself.
        read(unsafe { current.deref() })
    }

    /// The current value, to keep.
    pub(crate) fn load(&self) -> Arc<T> {
        self.read(|current| {
            let current: *const T = current;
            // SAFETY: it came from `Arc::into_raw`, and the cell's reference keeps it alive while
            // the count is raised; see `read`. The new reference is the one that is returned.
            unsafe {
                Arc::increment_strong_count(current);
                Arc::from_raw(current)
            }
        })
    }

    /// Makes `next` current. The one before is handed over once nobody can read it any more.
    pub(crate) fn swap(&self, next: Arc<T>) -> Option<Arc<T>> {
        let guard = pin();
        let next = Shared::from(Arc::into_raw(next));
        // ORDERING: releases `next` to readers; acquires the one before, made by another thread.
        let before = self.current.swap(next, Ordering::AcqRel, &guard);
        // SAFETY: it came from `Arc::into_raw`, and the reference that was the cell's is this one:
        // the swap took it out, so nobody else takes it.
        let before = unsafe { Arc::from_raw(before.as_raw()) };
        // To be found by the tests: who still reads it reads what was freed.
        #[cfg(annals_broken = "early_free")]
        let before = Arc::new(drop(before));
        // It goes nowhere before all readers that can have seen it have gone.
        guard.defer(move || {
            // There is always a receiver.
            let _ = HANDED_OVER.0.send(before as Superseded);
        });
        guard.flush();
        None
    }

    /// Makes `next` current and returns the one before, when nobody reads.
    pub(crate) fn replace(&mut self, next: Arc<T>) -> Arc<T> {
        let before = std::mem::replace(&mut self.current, Atomic::from(Arc::into_raw(next)));
        let before = before.load(Ordering::Relaxed, &pin()).as_raw();
        // SAFETY: it came from `Arc::into_raw`; whoever has the cell to itself may take the
        // reference that was the cell's.
        unsafe { Arc::from_raw(before) }
    }
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        let current = self.current.load(Ordering::Relaxed, &pin()).as_raw();
        // SAFETY: as in `replace`; it is not used again.
        drop(unsafe { Arc::from_raw(current) });
    }
}

/// Lets go of what was superseded and is read no more.
pub(crate) fn collect() {
    // A value is handed over two epochs after it was superseded, and each call moves on by one.
    for _ in 0..3 {
        pin().flush();
    }
    let receiver = HANDED_OVER.1.lock().unwrap_or_else(PoisonError::into_inner);
    let handed_over: Vec<Superseded> = receiver.try_iter().collect();
    drop(receiver);
    drop(handed_over);
}
