//! Rows are deleted, updated and compacted, by themselves and beside each other; and what is told
//! of them afterwards.

mod changes;
mod conflicts;
mod history;
mod model;
