//! Rows are deleted, updated, merged and compacted, by themselves and beside each other.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod changes;
mod conflicts;
mod merge;
mod merge_keys;
mod merge_model;
mod revert;
