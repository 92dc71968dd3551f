//! The tools', with what they lack: time, pauses that end, and an end of detached threads.

#[cfg(annals_sync = "loom")]
pub(crate) use loom as tool;
#[cfg(annals_sync = "shuttle")]
pub(crate) use shuttle as tool;

mod lock;
mod time;

pub(crate) use std::sync::PoisonError;

pub(crate) use self::lock::{Condvar, Mutex, MutexGuard};
pub(crate) use self::time::Instant;

pub(crate) mod atomic {
    pub(crate) use super::tool::sync::atomic::{
        AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use super::tool::thread::{Builder, JoinHandle, current, yield_now};

    /// Others may do as much as they like meanwhile, or nothing.
    pub(crate) fn sleep(duration: Duration) {
        super::time::pass(duration);
        yield_now();
    }

    /// Lets a thread go its own way, to the end of the scenario.
    pub(crate) fn detach(thread: JoinHandle<()>) {
        super::real_lock(&super::SCENARIO.detached).push(thread);
    }
}

/// A value that a scenario has one of, made when it is first asked for.
macro_rules! global {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $crate::sync::lazy_static! {
            $(#[$attribute])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use self::tool::lazy_static;
pub(crate) use global;

/// As the standard library's; the tools do not all know of constant ones.
macro_rules! tool_local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $value:expr };) => {
        $crate::sync::thread_local! { $(#[$attribute])* static $name: $type = $value; }
    };
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $crate::sync::tools_own_local! { $(#[$attribute])* static $name: $type = $value; }
    };
}
pub(crate) use self::tool::thread_local as tools_own_local;
pub(crate) use tool_local as thread_local;

global! {
    static SCENARIO: Scenario = Scenario::default();
}

/// What there is one of for a scenario. Behind real locks: no thread is switched under one.
#[derive(Default)]
struct Scenario {
    detached: std::sync::Mutex<Vec<thread::JoinHandle<()>>>,
    is_over: std::sync::atomic::AtomicBool,
    nanoseconds: std::sync::atomic::AtomicU64,
}

fn real_lock<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a tool has the threads in its hands. Pauses have no length then, and what is done in
/// pieces is done in small ones, so that small scenarios get everywhere.
pub(crate) const IS_TOOL: bool = true;

/// Whether threads that go their own way are to end.
pub(crate) fn is_over() -> bool {
    // ORDERING: whoever asks has taken a lock after it was said.
    SCENARIO.is_over.load(std::sync::atomic::Ordering::Relaxed)
}

/// Says that the scenario is over, wakes by `wake` whoever has to know, and waits for all threads
/// that went their own way.
pub(crate) fn end(wake: impl FnOnce()) {
    SCENARIO.is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    wake();
    let detached = std::mem::take(&mut *real_lock(&SCENARIO.detached));
    for thread in detached {
        thread.join().expect("a thread that goes its own way does not panic");
    }
}

/// A moment at which others may run, for what the standard library does in more than one step.
pub(crate) fn step() {
    #[cfg(annals_sync = "shuttle")]
    tool::thread::sleep(std::time::Duration::ZERO);
}

/// Always the same one: threads fall out of step by the schedule.
pub(crate) fn any_number() -> u64 {
    0
}
