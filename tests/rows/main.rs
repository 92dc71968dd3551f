//! Rows are deleted, updated and compacted, by themselves and beside each other.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod changes;
mod conflicts;
mod model;
mod revert;
