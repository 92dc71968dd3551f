//! Rows are deleted, updated and compacted, by themselves and beside each other.

mod changes;
mod conflicts;
mod model;
mod revert;
