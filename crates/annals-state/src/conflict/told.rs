//! What a transaction is told that was refused: what about, by which rule, and who was there before.

use std::fmt;
use std::sync::Arc;

use crate::commit::Commit;
use crate::error::CatalogError;
use crate::name::{DatabaseName, TableName};
use crate::version::VersionId;
use crate::write_set::Change;

/// Why a transaction cannot stand on top of what was committed since it began. Data, not only a
/// message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Conflict {
    /// The table or database that both are about.
    pub subject: Subject,
    /// The rule that refused.
    pub rule: Rule,
    /// The version that the transaction began at.
    pub base: VersionId,
    /// The version that stands in the way.
    pub winner: VersionId,
    /// The chunks that both touched, by sequence, where the rule is about chunks.
    pub chunks: Vec<u64>,
    /// The record of the version that stands in the way, if it is still kept.
    pub winning_commit: Option<Arc<Commit>>,
}

/// What a conflict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A table or view.
    Table(TableName),
    /// A database.
    Database(DatabaseName),
    /// The store as a whole.
    Store,
}

impl Subject {
    /// What a change is about.
    pub fn of(change: &Change) -> Self {
        match change {
            Change::CreateDatabase { name, .. }
            | Change::DropDatabase { name, .. }
            | Change::AlterDatabase { name, .. } => Self::Database(name.clone()),
            Change::CreateTable { name, .. }
            | Change::Replace { name, .. }
            | Change::Append { name, .. }
            | Change::ChangeRows { name, .. }
            | Change::Compact { name, .. }
            | Change::AlterSchema { name, .. }
            | Change::SetSchema { name, .. }
            | Change::AlterDetails { name, .. }
            | Change::Rename { from: name, .. }
            | Change::DropTable { name }
            | Change::RestoreTable { name, .. } => Self::Table(name.clone()),
            Change::RestoreStore { .. } => Self::Store,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "{name}"),
            Self::Database(name) => write!(f, "the database {name}"),
            Self::Store => f.write_str("the store"),
        }
    }
}

/// The rules by which transactions are refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// What I did does not go with what others did to the same table.
    Changed {
        /// What I did.
        mine: &'static str,
        /// What they did.
        theirs: &'static str,
    },
    /// Something that a serializable transaction read has changed.
    ReadChanged {
        /// What they did.
        theirs: &'static str,
    },
    /// Somebody created a table of the name that I created.
    Created,
    /// The table was dropped, or replaced by another of its name.
    Dropped,
    /// The table was renamed.
    Renamed {
        /// Its name today.
        to: TableName,
    },
    /// Both added a column of one name.
    Column {
        /// The column, folded.
        column: String,
    },
    /// Both set one property.
    Property {
        /// The key; none for the comment.
        key: Option<Arc<str>>,
    },
    /// Rows in my layout can no longer be read under the table's schema.
    Layout,
    /// The change no longer applies to the catalog.
    NoLongerApplies {
        /// What the catalog said.
        error: Box<CatalogError>,
    },
    /// Commits kept coming while candidates were prepared outside the commit section: assertions
    /// checked, or rows looked for that a compaction had moved.
    Contention,
}

impl Conflict {
    /// A conflict of a transaction that began at `base` with the version `winner`.
    pub fn new(subject: Subject, rule: Rule, base: VersionId, winner: VersionId) -> Self {
        Self { subject, rule, base, winner, chunks: Vec::new(), winning_commit: None }
    }

    /// Whether beginning again from a fresh snapshot may succeed. Where not, what the transaction
    /// was about is gone, and its author has to decide.
    pub fn is_retryable(&self) -> bool {
        match &self.rule {
            Rule::Dropped => false,
            Rule::NoLongerApplies { error } => {
                !matches!(**error, CatalogError::NoTable { .. } | CatalogError::NoDatabase { .. })
            }
            _ => true,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, base, winner, .. } = self;
        match &self.rule {
            Rule::Changed { mine, theirs } => {
                write!(f, "{subject}: {mine} does not go with {theirs}")?;
            }
            Rule::ReadChanged { theirs } => {
                write!(
                    f,
                    "{subject} was read by this serializable transaction, then changed by {theirs}"
                )?;
            }
            Rule::Created => write!(f, "{subject} was created by somebody else")?,
            Rule::Dropped => write!(f, "{subject} was dropped")?,
            Rule::Renamed { to } => write!(f, "{subject} was renamed to {to}")?,
            Rule::Column { column } => {
                write!(f, "{subject}: the column `{column}` was added twice")?;
            }
            Rule::Property { key: Some(key) } => {
                write!(f, "{subject}: the property `{key}` was set twice")?;
            }
            Rule::Property { key: None } => write!(f, "{subject}: the comment was set twice")?,
            Rule::Layout => write!(f, "{subject}: the rows no longer fit its schema")?,
            Rule::NoLongerApplies { error } => write!(f, "{error}")?,
            Rule::Contention => write!(f, "commits kept coming while this one was prepared")?,
        }
        write!(f, " (in {winner}, after this transaction began at {base}")?;
        if let Some(commit) = &self.winning_commit {
            write!(f, "; committed at {}", commit.location)?;
        }
        f.write_str(")")?;
        f.write_str(if self.is_retryable() {
            "; begin again from a fresh snapshot"
        } else {
            "; what the transaction was about is gone"
        })
    }
}

impl std::error::Error for Conflict {}
