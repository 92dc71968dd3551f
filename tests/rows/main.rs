//! Rows are deleted, updated and compacted, by themselves and beside each other; and what is told
//! of them afterwards.

mod blame;
mod changes;
mod conflicts;
mod feed;
mod history;
mod model;
mod revert;
