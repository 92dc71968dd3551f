//! Locks, atomics, threads, thread-locals and monotonic time: all that the crate has of them comes
//! from here.
//!
//! So that a tool can take the threads into its hands and try their interleavings, chosen by cfg:
//!
//! * ordinarily, these are the standard library's, by plain re-export;
//! * with `--cfg annals_sync="shuttle"` they are shuttle's, which runs one schedule after the
//!   other, chosen at random;
//! * with `--cfg annals_sync="loom"` they are loom's, which runs all that differ.
//!
//! Under a tool a scenario stands for the whole process: what is one for a process ([`global`]) is
//! one for a scenario, time is counted and not measured, and a pause may end at any moment.
//!
//! **Rule:** a tool switches threads at these primitives and nowhere else. So `Arc` stays the
//! standard library's: a count changes between two switches, which is as good as at one of them,
//! for what is concluded from a count is concluded under a lock. What is [`uncoupled`] is real too.

#[cfg(not(any(annals_sync = "shuttle", annals_sync = "loom")))]
mod real;
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
mod tool;

#[cfg(not(any(annals_sync = "shuttle", annals_sync = "loom")))]
pub(crate) use self::real::*;
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
pub(crate) use self::tool::*;

/// Numbers of which nothing is concluded but that two differ, or how often something happened: real
/// ones always, for no interleaving of them shows anything.
pub(crate) mod uncoupled {
    pub(crate) use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
}
