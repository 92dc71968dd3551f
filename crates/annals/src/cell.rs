//! The one atomic cell: a shared value that can be read without waiting, and swapped.
//!
//! Private, and all that the rest of the crate knows of it is here, so that it can be changed, or
//! be replaced by a model under a `cfg`. Today it is `arc-swap`.

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

    /// Makes `next` current and returns the one before.
    pub(crate) fn swap(&self, next: Arc<T>) -> Arc<T> {
        self.current.swap(next)
    }
}
