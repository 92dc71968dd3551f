//! Threads that meet in every order: the store runs under a tool that switches threads at each lock
//! and each atomic, and what must hold is asserted during and after each schedule.
//!
//! ```text
//! .ci/interleave shuttle   scenarios on the whole store: schedules at random, very many
//! .ci/interleave loom      small ones: all schedules there are, and weaker memory than we have here
//! ```
//!
//! An ordinary build has the standard library's threads, and tries nothing here.

#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
mod kit;

#[cfg(annals_sync = "shuttle")]
mod commits;
#[cfg(annals_sync = "shuttle")]
mod expiry;
#[cfg(annals_sync = "shuttle")]
mod outside;
#[cfg(annals_sync = "shuttle")]
mod pins;
#[cfg(annals_sync = "shuttle")]
mod readers;
#[cfg(annals_sync = "shuttle")]
mod reclaim;
#[cfg(annals_sync = "shuttle")]
mod schedules;
#[cfg(annals_sync = "shuttle")]
mod watches;

#[cfg(annals_sync = "loom")]
mod exhaustive;

#[cfg(not(any(annals_sync = "shuttle", annals_sync = "loom")))]
#[test]
#[ignore = "needs a tool: .ci/interleave shuttle, .ci/interleave loom"]
fn interleavings_are_tried_under_a_tool() {
    panic!("this build has no tool: see the header of the file");
}
