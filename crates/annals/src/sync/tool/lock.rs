//! The tool's lock and condition variable, and waits that are bounded in time: as the tools have
//! it, these would never end by themselves.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use super::{time, tool};

#[derive(Default)]
pub(crate) struct Mutex<T> {
    lock: tool::sync::Mutex<T>,
}

pub(crate) struct MutexGuard<'a, T> {
    guard: tool::sync::MutexGuard<'a, T>,
    of: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { lock: tool::sync::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.guarded(self.lock.lock())
    }

    pub(crate) fn try_lock(&self) -> Result<MutexGuard<'_, T>, ()> {
        let guard = self.lock.try_lock().map_err(drop)?;
        Ok(MutexGuard { guard, of: self })
    }

    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.lock.get_mut()
    }

    fn guarded<'a>(
        &'a self,
        guard: LockResult<tool::sync::MutexGuard<'a, T>>,
    ) -> LockResult<MutexGuard<'a, T>> {
        guard.map(|guard| MutexGuard { guard, of: self }).map_err(|poisoned| {
            PoisonError::new(MutexGuard { guard: poisoned.into_inner(), of: self })
        })
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar {
    condvar: tool::sync::Condvar,
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let MutexGuard { guard, of } = guard;
        of.guarded(self.condvar.wait(guard))
    }

    /// Time passes at once, as far as this thread is concerned; the others have done by then what
    /// the schedule lets them. To be woken in time comes to the same.
    #[cfg(annals_sync = "shuttle")]
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        duration: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        let of = guard.of;
        drop(guard);
        time::pass(duration);
        tool::thread::yield_now();
        match of.lock() {
            Ok(guard) => Ok((guard, ())),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), ()))),
        }
    }

    /// It lasts until somebody wakes it: if it could end by itself, there would be no end to the
    /// schedules. So a scenario has to see to it that somebody does.
    #[cfg(annals_sync = "loom")]
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        duration: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        time::pass(duration);
        match self.wait(guard) {
            Ok(guard) => Ok((guard, ())),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), ()))),
        }
    }

    pub(crate) fn notify_one(&self) {
        self.condvar.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.condvar.notify_all();
    }
}
