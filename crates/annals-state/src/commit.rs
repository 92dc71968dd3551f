//! The record of a commit: who did what, when, from where, on top of which version.
//!
//! Everything here is recorded without being asked; [`CommitInfo`] is what the caller adds.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::name::{DatabaseName, TableName};
use crate::save_mode::SaveMode;
use crate::table::TableId;
use crate::version::{Timestamp, VersionId};

/// What is kept about one commit, longer than the data that it made.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The version that it made.
    pub version: VersionId,
    /// When it was published; strictly increasing from version to version.
    pub timestamp: Timestamp,
    /// The version that the transaction began at.
    pub base: VersionId,
    /// What the transaction was protected from.
    pub isolation: Isolation,
    /// How often the work was begun again because of a conflict.
    pub retries: u32,
    /// Whether other commits lay between base and version, so that the changes were carried over.
    pub rebased: bool,
    /// Where in the caller's source the commit was asked for.
    pub location: SourceLocation,
    /// The name of the thread that committed, if it has one.
    pub thread: Option<Arc<str>>,
    /// What was done, in order.
    pub operations: Arc<[Arc<Operation>]>,
    /// What the caller added.
    pub info: CommitInfo,
}

/// What a caller may say about a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// On whose behalf.
    pub user: Option<Arc<str>>,
    /// Why, in words.
    pub message: Option<Arc<str>>,
    /// The application and its sequence number, if the write is idempotent.
    pub application: Option<(Arc<str>, u64)>,
    /// Further key/value pairs, in the order given.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
}

/// What a transaction is protected from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Reads come from one version plus own writes, and of two writers of the same thing the first
    /// committer wins. Write skew is possible.
    #[default]
    Snapshot,
    /// As `Snapshot`, and a writer also conflicts if anything that it read has changed.
    Serializable,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "snapshot",
            Self::Serializable => "serializable",
        })
    }
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceLocation {
    /// The file as the compiler named it.
    pub file: Cow<'static, str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl From<&'static Location<'static>> for SourceLocation {
    fn from(at: &'static Location<'static>) -> Self {
        Self { file: Cow::Borrowed(at.file()), line: at.line(), column: at.column() }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that a commit did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// What was done, with what is special to it.
    pub kind: OperationKind,
    /// What it was done to.
    pub target: Target,
    /// Rows and bytes that came and went.
    pub metrics: Metrics,
    /// Where in the caller's source it was asked for.
    pub location: SourceLocation,
    /// For an overwrite that was not computed from what it replaced: the versions after its base
    /// whose rows it discarded.
    pub discarded: Vec<VersionId>,
    /// The tables that it did something to, where its target is none: those that went with a
    /// dropped database, and those that a restore of the store brought back, changed or took away.
    pub tables: Vec<TableId>,
}

impl Operation {
    /// Whether it did something to this table, under whatever name.
    pub fn touches(&self, id: TableId) -> bool {
        match &self.target {
            Target::Store | Target::Database(_) => self.tables.contains(&id),
            Target::Table { id: of, .. } => *of == id,
        }
    }
}

/// What an operation was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The whole store.
    Store,
    /// A database.
    Database(DatabaseName),
    /// A table or view: its name, its id, and the ordinal that the commit gave it (for a dropped
    /// table its last one).
    Table {
        /// The name that it had when the operation began.
        name: TableName,
        /// Its identity.
        id: TableId,
        /// Its state number after the commit.
        ordinal: u64,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store => f.write_str("the store"),
            Self::Database(name) => write!(f, "{name}"),
            Self::Table { name, .. } => write!(f, "{name}"),
        }
    }
}

/// How much a change moved. Rows that were there before and after count as neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Rows that came.
    pub rows_added: u64,
    /// Rows that went.
    pub rows_removed: u64,
    /// Rows that got other values and stayed themselves.
    pub rows_updated: u64,
    /// Logical bytes of chunks that came.
    pub bytes_added: u64,
    /// Logical bytes of chunks that went.
    pub bytes_removed: u64,
    /// Chunks that came.
    pub chunks_added: u64,
    /// Chunks that went.
    pub chunks_removed: u64,
}

impl std::ops::AddAssign for Metrics {
    fn add_assign(&mut self, other: Self) {
        self.rows_added += other.rows_added;
        self.rows_removed += other.rows_removed;
        self.rows_updated += other.rows_updated;
        self.bytes_added += other.bytes_added;
        self.bytes_removed += other.bytes_removed;
        self.chunks_added += other.chunks_added;
        self.chunks_removed += other.chunks_removed;
    }
}

/// What kind of thing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationKind {
    /// A database was created.
    CreateDatabase,
    /// A database was dropped, and with `cascade` its tables.
    DropDatabase {
        /// Whether tables were dropped with it.
        cascade: bool,
    },
    /// A database's comment or properties changed.
    AlterDatabase,
    /// A table was created: empty, or by a save in `mode`.
    CreateTable {
        /// The mode of the save.
        mode: Option<SaveMode>,
    },
    /// A view was created or replaced.
    CreateView,
    /// Rows were added.
    Append,
    /// All rows, and perhaps the schema, were replaced.
    Overwrite,
    /// The rows that match a predicate were replaced.
    ReplaceWhere {
        /// The predicate as text.
        predicate: Arc<str>,
    },
    /// The rows that matched were removed.
    Delete {
        /// The condition as text.
        filter: Arc<str>,
    },
    /// The rows that matched got other values.
    Update {
        /// The columns that were assigned to, as text.
        columns: Arc<str>,
        /// The condition as text.
        filter: Arc<str>,
    },
    /// Rows were updated, deleted and inserted as those of a source asked for.
    Merge {
        /// What made a row of the source and one of the table the same, as text.
        on: Arc<str>,
    },
    /// Chunks were written anew, without a change of data.
    Compact,
    /// What an earlier commit did to the rows was undone.
    Revert {
        /// The version that the earlier commit made.
        of: VersionId,
    },
    /// All rows were removed.
    Truncate,
    /// The schema changed; the text says how.
    AlterSchema {
        /// What was altered, such as "add column `age`".
        description: Arc<str>,
    },
    /// Properties or the comment changed.
    SetProperties,
    /// The table got another name.
    Rename {
        /// The new name.
        to: TableName,
    },
    /// The table was dropped.
    DropTable,
    /// An older state of the table was put back.
    RestoreTable {
        /// The version that the state was taken from.
        from: VersionId,
    },
    /// An older state of the whole store was put back.
    RestoreStore {
        /// The version that the state was taken from.
        from: VersionId,
    },
}

impl OperationKind {
    /// A short name, as it stands in the history.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateDatabase => "create database",
            Self::DropDatabase { .. } => "drop database",
            Self::AlterDatabase => "alter database",
            Self::CreateTable { .. } => "create table",
            Self::CreateView => "create view",
            Self::Append => "append",
            Self::Overwrite => "overwrite",
            Self::ReplaceWhere { .. } => "replace where",
            Self::Delete { .. } => "delete",
            Self::Update { .. } => "update",
            Self::Merge { .. } => "merge",
            Self::Compact => "compact",
            Self::Revert { .. } => "revert",
            Self::Truncate => "truncate",
            Self::AlterSchema { .. } => "alter schema",
            Self::SetProperties => "set properties",
            Self::Rename { .. } => "rename",
            Self::DropTable => "drop table",
            Self::RestoreTable { .. } => "restore table",
            Self::RestoreStore { .. } => "restore store",
        }
    }

    /// What changes rows in place, as it is called in a message.
    pub(crate) fn name_with_article(&self) -> &'static str {
        match self {
            Self::ReplaceWhere { .. } => "an overwrite of a part",
            Self::Delete { .. } => "a delete",
            Self::Update { .. } => "an update",
            Self::Merge { .. } => "a merge",
            Self::Revert { .. } => "a revert",
            _ => "a change of rows",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::CreateTable { mode: Some(mode) } => write!(f, " ({mode})"),
            Self::DropDatabase { cascade: true } => f.write_str(" (cascade)"),
            Self::ReplaceWhere { predicate } => write!(f, " {predicate}"),
            Self::Delete { filter } => write!(f, " where {filter}"),
            Self::Update { columns, filter } => write!(f, " {columns} where {filter}"),
            Self::Merge { on } => write!(f, " on {on}"),
            Self::Revert { of } => write!(f, " of {of}"),
            Self::AlterSchema { description } => write!(f, ": {description}"),
            Self::Rename { to } => write!(f, " to {to}"),
            Self::RestoreTable { from } | Self::RestoreStore { from } => write!(f, " to {from}"),
            _ => Ok(()),
        }
    }
}

impl Commit {
    /// All that the commit moved, over its operations.
    pub fn metrics(&self) -> Metrics {
        let mut sum = Metrics::default();
        for operation in self.operations.iter() {
            sum += operation.metrics;
        }
        sum
    }

    /// Whether the commit did something to this table, under whatever name.
    pub fn touches(&self, id: TableId) -> bool {
        self.operations.iter().any(|operation| operation.touches(id))
    }
}

#[cfg(test)]
mod tests;
