//! What an annals store *is*: pure values, and the rules on them.
//!
//! The store is a value. A [`Version`] holds the whole catalog and all table data in persistent
//! maps, so that two versions share everything that the commit between them left alone. Whatever
//! decides anything is a function of values in this crate:
//!
//! | question | module |
//! |---|---|
//! | what is a name, and when are two the same | [`name`] |
//! | which rows does a chunk hold, between which bounds | [`chunk`] |
//! | what is a table, and what belongs to its life | [`table`] |
//! | does this fit that: columns, types, nulls | [`schema`] |
//! | what does a save mode come down to | [`save_mode`] |
//! | what does a change do to a catalog | [`apply`], [`write_set`] |
//! | may it stand on top of what others committed | [`conflict`] |
//! | where did rows go that were compacted | [`relocation`] |
//! | what undoes one commit, or stands in the way | [`revert`] |
//! | which versions can be reached, which expire | [`timeline`] |
//! | what does an expired version alone hold | [`expired`] |
//! | what differs between two versions | [`diff`] |
//! | which rows match, which chunks can be skipped | [`predicate`], [`pruning`] |
//! | what is a persistent sequence that grows by one | [`run`] |
//!
//! **Invariant:** nothing here reads a clock, a file or a random number, starts a thread or
//! waits. Recovery and tests replay the rules and get the same state.
//!
//! Programs use the crate `annals`, which re-exports what they need.

pub mod apply;
pub mod catalog;
pub mod chunk;
pub mod commit;
pub mod conflict;
pub mod diff;
pub mod error;
pub mod expired;
pub mod name;
pub mod predicate;
pub mod pruning;
pub mod relocation;
pub mod revert;
pub mod run;
pub mod save_mode;
pub mod schema;
pub mod table;
pub mod timeline;
pub mod version;
pub mod write_set;

pub use catalog::{Catalog, Database};
pub use chunk::Chunk;
pub use commit::Commit;
pub use name::{DatabaseName, NameError, TableName};
pub use version::{StoreId, Timestamp, Version, VersionId};
