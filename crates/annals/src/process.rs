//! What each process has of its own: a child of `fork(2)` must not use the parent's locks.
//!
//! The child has a copy of the memory and one thread. A lock that another thread of the parent held
//! at that moment is held for ever in the child. So what guards a lock is asked for by process: in a
//! child a new one is made, of what the pointer says and of what the old one guards if nobody
//! holds it.
//!
//! Asking costs a system call, so only what takes a lock asks; reading takes none.

use std::sync::OnceLock;

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
mod tests {
    use super::*;

    /// As if the process had been forked once.
    fn forked() -> PerProcess<u32> {
        PerProcess { process: 0, value: 1, in_child: OnceLock::new() }
    }

    #[test]
    fn a_process_that_made_it_has_what_was_made() {
        let mut value = PerProcess::new(1);
        assert_eq!(*value.here(|_| 2), 1);
        assert_eq!(*value.last(), 1);
    }

    #[test]
    fn a_child_makes_its_own_once_and_keeps_it() {
        let mut value = forked();
        assert_eq!(*value.here(|of| of + 1), 2);
        assert_eq!(*value.here(|_| 9), 2);
        assert_eq!(*value.last(), 2);
        assert_eq!(value.value, 1);
    }

    #[test]
    fn a_child_of_a_child_makes_its_own_too() {
        let value = forked();
        let child = PerProcess { process: 7, value: 5, in_child: OnceLock::new() };
        value.in_child.set(Box::new(child)).expect("it is empty");
        assert_eq!(*value.here(|of| of + 1), 6);
        assert_eq!(*value.here(|_| 9), 6);
    }

    #[test]
    fn of_threads_that_come_together_all_get_the_same() {
        let value = forked();
        let got = std::thread::scope(|scope| {
            let ask = |n| {
                let value = &value;
                scope.spawn(move || *value.here(|_| n))
            };
            let asking: Vec<_> = (10..14).map(ask).collect();
            asking.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert!(got.iter().all(|n| *n == got[0]), "{got:?}");
    }
}
