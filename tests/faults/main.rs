//! Panics and stops at every step of a commit: nothing is torn, lost or left waiting.
//!
//! * `panics`: a panic at each step of each kind of commit, one after the other;
//! * `parked`: a writer that stands still at each step, while others read and wish to write;
//! * `deallocators`: buffers that panic as they are freed, which need no seam.
//!
//! The first two need the steps that the engine has with `--cfg annals_seams` only. Without it
//! there is one test, which is ignored and says so; `.ci/prove short faults` builds with it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod deallocators;
#[cfg(annals_seams)]
mod fixture;
#[cfg(annals_seams)]
mod operations;
#[cfg(annals_seams)]
mod panics;
#[cfg(annals_seams)]
mod parked;

use std::time::Duration;

/// Longer than anything here takes, and less than for ever, so that a test can fail.
const ENOUGH: Duration = Duration::from_secs(120);

#[cfg(not(annals_seams))]
#[test]
#[ignore = "needs `.ci/build-with annals_seams -- cargo test`, as `.ci/prove short faults` does"]
fn at_every_step_of_a_commit() {
    panic!("built without --cfg annals_seams: there are no steps to stop at");
}
