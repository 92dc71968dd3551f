//! The standard library's, as they are.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, current, sleep, yield_now};

    /// Lets a thread go its own way, to the end of the process.
    #[inline]
    pub(crate) fn detach(thread: JoinHandle<()>) {
        drop(thread);
    }
}

/// A value that the process has one of, made when it is first asked for.
macro_rules! global {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])*
        static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $value);
    };
}
pub(crate) use global;

/// Whether a tool has the threads in its hands. Pauses have no length then, and what is done in
/// pieces is done in small ones, so that small scenarios get everywhere.
pub(crate) const IS_TOOL: bool = false;

/// Whether threads that go their own way are to end: never before the process does.
#[inline]
pub(crate) const fn is_over() -> bool {
    false
}

/// Any number, so that threads fall out of step.
pub(crate) fn any_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // A random state is seeded anew each time.
    RandomState::new().build_hasher().finish()
}
