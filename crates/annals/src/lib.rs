//! **annals**: an embeddable, snapshot-isolated, time-travelling table store for Apache Arrow data.
//!
//! The whole catalog and all table data are one immutable value behind one atomic pointer. Every
//! write builds the next version of that value and publishes it with one swap:
//!
//! * readers take no lock and never see half a commit;
//! * a failed write changes nothing;
//! * a table is readable the moment the write returns;
//! * every committed version stays readable, within a [`Retention`] policy.
//!
//! ```
//! use annals::{SaveMode, Store, record_batch};
//!
//! let store = Store::in_memory();
//! let first = store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
//! store.write(record_batch!(("n", Int64, [4]))?).mode(SaveMode::Append).save_as_table("t")?;
//!
//! assert_eq!(store.table("t")?.row_count(), 4);
//! let version = first.version().expect("it was committed");
//! assert_eq!(store.at(version)?.table("t")?.row_count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | make a store | [`Store::in_memory`], [`StoreBuilder`] |
//! | write rows | [`Store::write`], [`Writer`], [`SaveMode`] |
//! | read | [`Store::snapshot`], [`Snapshot::table`], [`Table::scan`], [`Reader`] |
//! | bring rows in by key | [`Store::merge`], [`Merge`], [`merge`] |
//! | change several tables at once | [`Store::begin`], [`Store::transact`], [`Transaction`] |
//! | travel in time | [`Store::at`], [`Store::tag`], [`Store::history`], [`Snapshot::diff`] |
//! | find out what happened, and what would | [`Store::bisect`], [`Store::watch`], [`Snapshot::with`] |
//! | bound what is kept, and see what it costs | [`Retention`], [`Store::expire`], [`Store::memory`], [`Store::pins`], [`Store::metrics`] |
//! | know which rows differ, who changed them, and what they were | [`Snapshot::row_diff`], [`Store::changes`], [`Store::blame`], [`Store::row_history`] |
//! | undo | [`Store::restore_table`], [`Store::restore`], [`Store::fork`] |
//! | test a pipeline in every order of its steps | [`testing`] |
//! | know what a failure means | [`error`] |
//!
//! The API is synchronous and needs no async runtime. Stores, snapshots, tables, readers and
//! transactions can be sent to other threads.

/// The examples of the page on debugging, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/debugging.md")]
struct Debugging;

pub mod bisect;
/// The examples of the guide to retention, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/retention.md")]
struct RetentionGuide;
/// The examples of the page on rows, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rows.md")]
struct RowsPage;

/// The examples of the document on the history of rows, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/row-history.md")]
struct RowHistoryDocument;

/// The examples of the page on testing pipelines, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing-pipelines.md")]
struct TestingPipelines;

mod blame;
#[cfg(any(
    annals_broken = "dirty_read",
    annals_broken = "key_skipped_at_commit",
    annals_broken = "stale_snapshot",
    annals_broken = "torn_publish",
))]
mod broken;
mod cell;
mod chunks;
mod clock;
mod committer;
mod compact;
mod cutter;
mod definition;
mod diff;
pub mod error;
mod expiry;
mod expression;
mod feed;
mod gather;
mod history;
mod hold;
mod identity;
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
#[doc(hidden)]
pub mod interleaving;
mod memory;
pub mod merge;
mod metrics;
mod options;
mod pattern;
mod pins;
mod process;
mod published;
mod reader;
mod reclaim;
mod revert;
mod row_change;
mod row_diff;
mod row_history;
mod save;
mod scan;
#[cfg(annals_seams)]
pub mod seams;
#[cfg(not(annals_seams))]
mod seams;
mod selection;
mod snapshot;
mod source;
mod speculation;
mod steps;
mod store;
mod sync;
pub mod testing;
mod transaction;
mod watch;
mod writer;

pub use annals_state::catalog::Database;
pub use annals_state::commit::{
    Commit, CommitInfo, Isolation, Metrics, Operation, OperationKind, SourceLocation, Target,
};
pub use annals_state::diff::rows::{RowCounts, RowsWithOrigins, UpdatedRows};
pub use annals_state::diff::{ColumnChange, DatabaseChange, TableChange, TableDiff, VersionDiff};
pub use annals_state::name::{DatabaseName, TableName, ToDatabaseName, ToTableName};
pub use annals_state::predicate::{Literal, Predicate, col};
pub use annals_state::save_mode::SaveMode;
pub use annals_state::schema::{CastPolicy, Matching, Missing, Nullability};
pub use annals_state::table::{Origin as RowOrigin, TableId, TableKind};
pub use annals_state::timeline::{At, Retention};
pub use annals_state::version::StoreId;
pub use annals_state::write_set::{PropertyPatch, SchemaChange};
pub use annals_state::{Timestamp, Version, VersionId};
/// Makes a small batch from literals; of `arrow-array`.
pub use arrow_array::record_batch;

pub use bisect::{BisectError, Bisection, Verdict};
pub use blame::{Blame, BlamedCommit, BlamedRow};
pub use chunks::TableChunks;
pub use compact::{Compacted, Compaction};
pub use cutter::ChunkSize;
pub use definition::{NewDatabase, NewTable, NewView};
pub use diff::Diff;
pub use error::{CommitError, Conflict, ReadError, Remedy, TagError, TravelError, WriteError};
pub use expiry::Expiry;
pub use expression::{Assignment, Filter, set, set_with};
pub use feed::Changes;
pub use gather::{Gathered, Gathering};
pub use history::History;
pub use memory::{MemoryReport, VersionMemory};
pub use merge::Merge;
pub use metrics::{OldestPin, StoreMetrics};
pub use options::StoreBuilder;
pub use pattern::name_matches;
pub use pins::{Pin, PinLabel, PinnedSnapshot, Pins};
pub use reader::Reader;
pub use reclaim::AwaitingReclaim;
pub use row_change::Changed;
pub use row_diff::{RowComparison, RowDiff};
pub use row_history::{RowHistory, RowState, RowStep};
pub use save::{SaveOutcome, Saved};
pub use scan::{Batches, Scan};
pub use snapshot::{ColumnSummary, Snapshot, Table};
pub use source::Source;
pub use speculation::Speculation;
pub use store::{Origin, Store, Transacted};
pub use transaction::{Committed, Savepoint, Transaction, TransactionView};
pub use watch::{Missed, Stopper, Watch, Watched};
pub use writer::Writer;
