//! Rows are deleted, updated and compacted, by themselves and beside each other; and what is told
//! of them afterwards.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod blame;
mod changes;
mod conflicts;
mod feed;
mod history;
mod model;
