//! Rows are deleted, updated, merged and compacted, by themselves and beside each other; and what
//! is told of them afterwards.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod beside;
mod blame;
mod changes;
mod conflicts;
mod feed;
mod history;
mod merge;
mod merge_keys;
mod merge_model;
mod model;
mod odd_tables;
mod revert;
mod sequences;
