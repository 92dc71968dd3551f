//! The cell as the tools see it, for the crates that make the real ones have no mode for them.
//!
//! What `arc_swap` promises, and no more: a read finds the value of the last swap, and has its
//! reference before the swap returns that takes the value out. The tool sees one atomic number that
//! stands for the pointer; what it points to is behind a lock that the tool does not see and nobody
//! ever waits for. The orderings are those that a pointer has: a reader acquires what a swap has
//! released, and releases nothing.

use std::sync::{Arc, MutexGuard, PoisonError};

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::step;

/// A value of which there is always exactly one current state.
pub(crate) struct Cell<T> {
    /// How often it was swapped.
    swaps: AtomicU64,
    current: std::sync::Mutex<Arc<T>>,
}

impl<T> Cell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { swaps: AtomicU64::new(0), current: std::sync::Mutex::new(value) }
    }

    /// Takes what `read` takes from the current value, under a guard: others may swap between all
    /// that is done.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        let current = self.load();
        step();
        let read = read(&current);
        step();
        read
    }

    /// The current value, to keep.
    pub(crate) fn load(&self) -> Arc<T> {
        // ORDERING: acquires what the swap released. It is one that changes the number, so that
        // the tool takes it for one that finds the newest.
        self.swaps.fetch_add(0, Ordering::Acquire);
        Arc::clone(&self.current())
    }

    /// Makes `next` current and returns the one before: whoever reads it has a reference by now.
    pub(crate) fn swap(&self, next: Arc<T>) -> Option<Arc<T>> {
        // ORDERING: releases `next` to readers; acquires the one before, made by another thread.
        self.swaps.fetch_add(1, Ordering::AcqRel);
        Some(std::mem::replace(&mut *self.current(), next))
    }

    /// As [`swap`](Self::swap), when nobody reads.
    pub(crate) fn replace(&mut self, next: Arc<T>) -> Arc<T> {
        std::mem::replace(&mut *self.current(), next)
    }

    fn current(&self) -> MutexGuard<'_, Arc<T>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of what was superseded and is read no more: nothing, as [`Cell::swap`] returns it.
pub(crate) fn collect() {}
