//! What each process has of its own: a child of `fork(2)` must not use the parent's locks.
//!
//! The child has a copy of the memory and one thread. A lock that another thread of the parent held
//! at that moment is held for ever in the child. So what guards a lock is asked for by process: in a
//! child a new one is made, of what the pointer says and of what the old one guards if nobody
//! holds it.
//!
//! Asking costs a system call, so only what takes a lock asks; reading takes none.

// A real one always: a fork is nothing that a tool for interleavings could try.
use crate::sync::uncoupled::OnceLock;

/// A value of which a child of this process gets one of its own.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    process: u32,
    value: T,
    /// The one of a child, in the child.
    in_child: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: std::process::id(), value, in_child: OnceLock::new() }
    }

    /// The value of this process. In a child that has none yet it is made by `anew`, from that of
    /// the parent, whose locks may be held by nobody who is there.
    pub(crate) fn here(&self, anew: impl FnOnce(&T) -> T) -> &T {
        let process = std::process::id();
        if self.process == process { &self.value } else { self.in_a_child(process, anew) }
    }

    #[cold]
    fn in_a_child(&self, process: u32, anew: impl FnOnce(&T) -> T) -> &T {
        let mut nearest = self;
        while let Some(next) = nearest.in_child.get() {
            nearest = next;
        }
        if nearest.process != process {
            // Made before it is put there: while this is held up, nobody else is.
            let value = anew(&nearest.value);
            let next = Box::new(Self { process, value, in_child: OnceLock::new() });
            // If another thread was first, its own is the one.
            let _ = nearest.in_child.set(next);
            nearest = nearest.in_child.get().expect("it was set by now");
        }
        &nearest.value
    }

    /// The value that was used last.
    pub(crate) fn last(&mut self) -> &mut T {
        match self.in_child.get_mut() {
            Some(next) => next.last(),
            None => &mut self.value,
        }
    }
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(test)]
mod tests;
