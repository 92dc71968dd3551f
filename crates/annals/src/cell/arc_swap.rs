//! The cell by the crate `arc-swap`: readers borrow the value under a guard of their thread.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// A value of which there is always exactly one current state.
pub(crate) struct Cell<T> {
    current: ArcSwap<T>,
}

impl<T> Cell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { current: ArcSwap::new(value) }
    }

    /// Takes what `read` takes from the current value. Never waits.
    ///
    /// `read` must be a few instructions: it runs under a guard, of which a thread has few, and
    /// which must not live across anything that may wait.
    #[inline]
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.current.load())
    }

    /// The current value, to keep.
    pub(crate) fn load(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Makes `next` current and returns the one before: whoever reads it has a reference by now.
    pub(crate) fn swap(&self, next: Arc<T>) -> Option<Arc<T>> {
        Some(self.current.swap(next))
    }

    /// As [`swap`](Self::swap), when nobody reads.
    pub(crate) fn replace(&mut self, next: Arc<T>) -> Arc<T> {
        self.current.swap(next)
    }
}

/// Lets go of what was superseded and is read no more: nothing, as [`Cell::swap`] returns it.
pub(crate) fn collect() {}
