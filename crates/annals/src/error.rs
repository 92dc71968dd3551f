//! What can go wrong, and what the caller should do about it.
//!
//! One enum per kind of call: reading, writing, committing, travelling in time. Unless an error
//! says otherwise, nothing has changed when it is returned, and the store is as usable as before.

use std::error::Error as StdError;
use std::sync::Arc;

use arrow_schema::ArrowError;

pub use annals_state::conflict::{Conflict, Rule, Subject};
pub use annals_state::error::{CatalogError, Existing};
pub use annals_state::name::NameError;
pub use annals_state::predicate::PredicateError;
pub use annals_state::revert::{Obstacle, Reason};
pub use annals_state::save_mode::UnknownSaveMode;
pub use annals_state::schema::SchemaError;
use annals_state::table::TableId;
pub use annals_state::timeline::{TagError, TravelError};
use annals_state::{TableName, VersionId};

pub use crate::revert::RevertError;

/// An error of any cause, as a source of rows may have.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What to do after an error. Few on purpose: each changes every caller's retry loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Begin again from a fresh snapshot; it may succeed.
    Retry,
    /// Change what was asked for: the same again fails the same way.
    Change,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The name does not parse.
    #[error(transparent)]
    Name(#[from] NameError),

    /// The database or table does not exist in this version.
    #[error("in {version}, {source}")]
    Catalog {
        /// The version that was read.
        version: VersionId,
        /// What the catalog says.
        source: CatalogError,
    },

    /// A view was to be scanned. Its text is opaque here.
    #[error("{table} is a view; read it through SQL, or scan the tables that it names")]
    View {
        /// The view.
        table: TableName,
    },

    /// A column to read does not exist.
    #[error("{table} has no column `{column}`; it has {available}")]
    NoColumn {
        /// The table.
        table: TableName,
        /// The column asked for, shortened.
        column: String,
        /// The columns that there are, shortened.
        available: String,
    },

    /// The predicate does not go with the table.
    #[error("{table}: {source}")]
    Predicate {
        /// The table.
        table: TableName,
        /// What is wrong.
        source: Box<PredicateError>,
    },

    /// Rows could not be brought into the form asked for.
    #[error("the rows of {table} could not be read as asked")]
    Rows {
        /// The table.
        table: TableName,
        /// What Arrow says.
        #[source]
        source: ArrowError,
    },

    /// There is nothing to travel to.
    #[error(transparent)]
    Travel(#[from] TravelError),

    /// The last version of a range comes before the first.
    #[error("{first} to {last} is no range of versions; give the earlier one first")]
    Range {
        /// The first version.
        first: VersionId,
        /// The last one.
        last: VersionId,
    },

    /// Two tables were to be compared row by row.
    #[error(
        "{before} {before_id} and {after} {after_id} are two tables, whose rows have nothing in \
         common; compare two states of one"
    )]
    OtherTable {
        /// The one.
        before: TableName,
        /// Its identity.
        before_id: TableId,
        /// The other.
        after: TableName,
        /// Its identity.
        after_id: TableId,
    },

    /// Rows of an older state cannot be shown under the columns of a later one.
    #[error(
        "the rows that {table} had in {version} cannot be shown under its later columns ({source}); \
         ask for versions before the columns changed, or after"
    )]
    OlderRows {
        /// The table.
        table: TableName,
        /// The version with the older state.
        version: VersionId,
        /// What stands in the way.
        source: ArrowError,
    },

    /// A column has a name that is needed for what is told about rows.
    #[error("{table} has a column `{column}`, a name that is needed here; rename the column")]
    ReservedColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },

    /// No version that is retained has the row, those apart that only a tag keeps and that are
    /// parted from the newest ones by versions that have expired.
    #[error("the retained history of {table} has no row of the id {row}")]
    NoRow {
        /// The table.
        table: TableName,
        /// The row's id.
        row: u64,
    },

    /// A caller's function failed, or did not return one value for each row.
    #[error("the function used {used} on {table} failed: {source}")]
    Function {
        /// The table.
        table: TableName,
        /// Where it was used.
        used: String,
        /// What it said.
        source: BoxError,
    },
}

impl ReadError {
    /// What to do: always to change the request, for a snapshot never changes.
    pub fn remedy(&self) -> Remedy {
        Remedy::Change
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name does not parse.
    #[error(transparent)]
    Name(#[from] NameError),

    /// The change does not apply: a table is missing, exists already, or its columns do not fit.
    #[error(transparent)]
    Catalog(#[from] CatalogError),

    /// The source of rows failed.
    #[error("the source of rows failed after {batches} batches; nothing was written")]
    Source {
        /// How many batches it gave before.
        batches: usize,
        /// Its error.
        #[source]
        source: BoxError,
    },

    /// A batch has other columns than the source said, or than the first batch.
    #[error(
        "batch {index} has the columns {found}, where {expected} were announced; give batches of one schema"
    )]
    BatchSchema {
        /// The batch, counted from 0.
        index: usize,
        /// What was announced, shortened.
        expected: String,
        /// What came, shortened.
        found: String,
    },

    /// There was no batch to tell the schema from.
    #[error("there are no batches, so the columns are unknown; use Source::new with a schema")]
    NoSchema,

    /// A row cannot be divided, joined or cut.
    #[error("the rows could not be arranged into chunks")]
    Arrow(#[from] ArrowError),

    /// The predicate of `replace_where` does not go with the table.
    #[error("in replace_where on {table}: {source}")]
    Predicate {
        /// The table.
        table: TableName,
        /// What is wrong.
        source: Box<PredicateError>,
    },

    /// A filter does not go with the table.
    #[error("in the filter on {table}: {source}")]
    Filter {
        /// The table.
        table: TableName,
        /// What is wrong.
        source: Box<PredicateError>,
    },

    /// A caller's function failed, or did not return one value for each row.
    #[error("the function used {used} on {table} failed: {source}")]
    Function {
        /// The table.
        table: TableName,
        /// Where it was used.
        used: String,
        /// What it said.
        source: BoxError,
    },

    /// A column to assign or to read does not exist.
    #[error("{table} has no column `{column}`; it has {available}")]
    NoColumn {
        /// The table.
        table: TableName,
        /// The column asked for, shortened.
        column: String,
        /// The columns that there are, shortened.
        available: String,
    },

    /// A column was assigned to twice in one update.
    #[error("the column `{column}` of {table} is assigned to twice; assign to it once")]
    AssignedTwice {
        /// The table.
        table: TableName,
        /// The column, shortened.
        column: String,
    },

    /// The key or a condition of a merge does not go with the table or the source.
    #[error("in {part} of a merge into {table}: {source}")]
    MergeCondition {
        /// The table.
        table: TableName,
        /// Which part of the merge.
        part: &'static str,
        /// What is wrong.
        source: Box<PredicateError>,
    },

    /// A column of a merge's source does not exist, or several are called so.
    #[error(
        "the source of the merge into {table} has no single column `{column}`; it has {available}"
    )]
    NoSourceColumn {
        /// The table.
        table: TableName,
        /// The column asked for, shortened.
        column: String,
        /// The columns that there are, shortened.
        available: String,
    },

    /// Several rows of a merge's source would update or delete the same row.
    #[error(
        "{rows} rows of {table} are each matched by several rows of the source, such as where {key}; \
         leave one source row for each, or tell them apart by conditions"
    )]
    ManySources {
        /// The table.
        table: TableName,
        /// How many of its rows.
        rows: u64,
        /// The key of one of them as text, shortened.
        key: String,
    },

    /// Rows for `replace_where` are not among those that it replaces.
    #[error(
        "{rows} rows for {table} do not match {predicate}; leave them out, or widen the predicate"
    )]
    OutsideReplaceWhere {
        /// The table.
        table: TableName,
        /// How many rows do not match.
        rows: u64,
        /// The predicate as text.
        predicate: String,
    },

    /// Options were given that do not go together.
    #[error("{0}")]
    Options(&'static str),

    /// A commit cannot be undone, for later ones built on it.
    #[error(transparent)]
    Revert(Box<RevertError>),

    /// The older state could not be reached.
    #[error(transparent)]
    Travel(#[from] TravelError),

    /// The commit was refused.
    #[error(transparent)]
    Commit(#[from] CommitError),

    /// A read in the same piece of work failed; see [`Store::transact`](crate::Store::transact).
    #[error(transparent)]
    Read(Box<ReadError>),
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl WriteError {
    /// What to do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Commit(error) => error.remedy(),
            _ => Remedy::Change,
        }
    }
}

/// Why a transaction was not committed. Nothing of it is visible, now or later.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// What was committed since the transaction began does not go with it.
    #[error(transparent)]
    Conflict(Box<Conflict>),

    /// An assertion does not hold for what would have been published.
    #[error("the assertion `{name}` does not hold: {reason}")]
    Assertion {
        /// The assertion's name.
        name: Arc<str>,
        /// What it said.
        reason: String,
    },

    /// The application wrote a later sequence already, so this one is not new; whether and as
    /// which version it was applied is no longer on record.
    #[error(
        "application `{application}` has written sequence {newest} already, in {version}; {asked} is not new"
    )]
    StaleSequence {
        /// The application.
        application: Arc<str>,
        /// The sequence of this transaction.
        asked: u64,
        /// The newest that was applied.
        newest: u64,
        /// The version that the newest made.
        version: VersionId,
    },

    /// The transaction was begun, or the write based, on a snapshot of another store.
    #[error("the {base} that this is based on is of another store; take a snapshot of this one")]
    ForeignBase {
        /// The version that the transaction began at.
        base: VersionId,
    },

    /// The transaction was begun, or the write based, on a snapshot of a version that was never
    /// published: of a speculation, or of the candidate that an assertion was shown.
    #[error(
        "this is based on what would have been {base} and was never published; publish that first, or begin on a snapshot of the store"
    )]
    UnpublishedBase {
        /// The number that the base would have got.
        base: VersionId,
    },

    /// There are no version numbers left.
    #[error("{newest} is the last version number there is; write the tables to a new store")]
    VersionsExhausted {
        /// The newest version.
        newest: VersionId,
    },
}

impl CommitError {
    /// What to do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Conflict(conflict) if conflict.is_retryable() => Remedy::Retry,
            _ => Remedy::Change,
        }
    }

    /// The conflict, if it is one.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }
}
