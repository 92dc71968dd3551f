//! Rows are deleted, updated and compacted, by themselves and beside each other.

mod changes;
mod conflicts;
mod merge;
mod merge_keys;
mod merge_model;
