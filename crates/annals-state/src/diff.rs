//! What differs between two versions.
//!
//! Both versions share every subtree of their maps that no commit between them touched, and those
//! are skipped by identity: the cost is in proportion to what differs, whatever the size of the
//! store or of its tables. Rows are never compared here; see [`rows`].

pub mod rows;

use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;
use im::ordmap::DiffItem;

use crate::catalog::{Database, Difference};
use crate::commit::Metrics;
use crate::name::{DatabaseName, TableName};
use crate::schema::{Column, ColumnId, TableSchema};
use crate::table::{ChunkDifference, ChunkEntry, TableId, TableVersion};
use crate::version::{Version, VersionId};

/// What differs between two versions of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionDiff {
    /// The version looked from.
    pub from: VersionId,
    /// The version looked to.
    pub to: VersionId,
    /// Databases that came, went or changed, in the order of their names.
    pub databases: Vec<DatabaseChange>,
    /// Tables and views that came, went or changed, in the order of their names. A renamed table
    /// went under one name and came under another, with the same id.
    pub tables: Vec<TableChange>,
}

/// A database that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseChange {
    /// It came.
    Added(Arc<Database>),
    /// It went.
    Removed(Arc<Database>),
    /// Its comment or properties changed.
    Changed {
        /// As it was.
        before: Arc<Database>,
        /// As it is.
        after: Arc<Database>,
    },
}

impl DatabaseChange {
    /// The database's name.
    pub fn name(&self) -> &DatabaseName {
        match self {
            Self::Added(database) | Self::Removed(database) => database.name(),
            Self::Changed { after, .. } => after.name(),
        }
    }
}

/// A table or view that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    /// It came.
    Added {
        /// Its name.
        name: TableName,
        /// Its state.
        table: Arc<TableVersion>,
    },
    /// It went.
    Removed {
        /// Its name.
        name: TableName,
        /// Its last state.
        table: Arc<TableVersion>,
    },
    /// Its content differs, or only the case of its name.
    Changed {
        /// Its name.
        name: TableName,
        /// As it was.
        before: Arc<TableVersion>,
        /// As it is.
        after: Arc<TableVersion>,
    },
}

impl TableChange {
    /// The table's name.
    pub fn name(&self) -> &TableName {
        match self {
            Self::Added { name, .. } | Self::Removed { name, .. } | Self::Changed { name, .. } => {
                name
            }
        }
    }

    /// The table's identity.
    pub fn id(&self) -> TableId {
        match self {
            Self::Added { table, .. } | Self::Removed { table, .. } => table.id(),
            Self::Changed { after, .. } => after.id(),
        }
    }

    /// What differs inside: columns by id, chunks by identity.
    ///
    /// O(columns + chunks that are not shared).
    pub fn details(&self) -> TableDiff {
        match self {
            Self::Added { table, .. } => TableDiff::of(None, Some(table)),
            Self::Removed { table, .. } => TableDiff::of(Some(table), None),
            Self::Changed { before, after, .. } => TableDiff::of(Some(before), Some(after)),
        }
    }
}

/// What differs between two states of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableDiff {
    /// Columns that came, went or changed, by their stable ids.
    pub columns: Vec<ColumnChange>,
    /// Chunks that came, by sequence.
    pub chunks_added: Vec<(u64, ChunkEntry)>,
    /// Chunks that went, by sequence.
    pub chunks_removed: Vec<(u64, ChunkEntry)>,
    /// Chunks of which rows were deleted or came back: before and after, by sequence.
    pub chunks_changed: Vec<(u64, ChunkEntry, ChunkEntry)>,
    /// How many chunks both have.
    pub chunks_shared: usize,
    /// Whether kind, comment, properties or partitioning differ.
    pub details_changed: bool,
}

/// A column that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnChange {
    /// It came.
    Added {
        /// Its identity.
        id: ColumnId,
        /// Its name.
        name: String,
        /// Its type.
        data_type: DataType,
    },
    /// It went.
    Removed {
        /// Its identity.
        id: ColumnId,
        /// Its name.
        name: String,
        /// Its type.
        data_type: DataType,
    },
    /// Its name, type, nullability or comment changed.
    Changed {
        /// As it was.
        before: Column,
        /// As it is.
        after: Column,
    },
}

impl fmt::Display for ColumnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name, data_type, .. } => write!(f, "+ {name} {data_type}"),
            Self::Removed { name, data_type, .. } => write!(f, "- {name} {data_type}"),
            Self::Changed { before, after } => {
                let (old, new) = (before.data_type(), after.data_type());
                write!(f, "~ {} {old} -> {} {new}", before.name(), after.name())
            }
        }
    }
}

impl VersionDiff {
    /// What is different in `to` as seen from `from`. O(what differs).
    pub fn between(from: &Version, to: &Version) -> Self {
        let (before, after) = (from.catalog(), to.catalog());
        let databases = before.databases.diff(&after.databases).filter_map(|item| match item {
            DiffItem::Add(_, database) => Some(DatabaseChange::Added(Arc::clone(database))),
            DiffItem::Remove(_, database) => Some(DatabaseChange::Removed(Arc::clone(database))),
            DiffItem::Update { old: (_, old), new: (_, new) } => {
                let same = old.comment == new.comment && old.properties == new.properties;
                (!same).then(|| DatabaseChange::Changed {
                    before: Arc::clone(old),
                    after: Arc::clone(new),
                })
            }
        });
        let databases = databases.collect();
        let mut tables = Vec::new();
        for difference in before.tables.diff(&after.tables) {
            let name = difference.name().clone();
            match difference {
                Difference::Added(table) => {
                    tables.push(TableChange::Added { name, table: Arc::clone(table) });
                }
                Difference::Removed(table) => {
                    tables.push(TableChange::Removed { name, table: Arc::clone(table) });
                }
                Difference::Changed { old, new } => {
                    let (before, after) = (Arc::clone(old), Arc::clone(new));
                    if old.id() != new.id() {
                        let old_name = old.name().clone();
                        tables.push(TableChange::Removed { name: old_name, table: before });
                        tables.push(TableChange::Added { name, table: after });
                    } else if !Arc::ptr_eq(old.state(), new.state()) || old.is_renamed(new) {
                        tables.push(TableChange::Changed { name, before, after });
                    }
                }
            }
        }
        Self { from: from.id(), to: to.id(), databases, tables }
    }

    /// Whether the two versions show the same.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty() && self.tables.is_empty()
    }
}

impl TableDiff {
    /// What differs between two states of a table, where either may be absent.
    pub fn of(before: Option<&TableVersion>, after: Option<&TableVersion>) -> Self {
        let mut diff = Self::default();
        let schema = |table: Option<&TableVersion>| table.map(|t| Arc::clone(t.state().schema()));
        diff.columns = column_changes(schema(before).as_deref(), schema(after).as_deref());
        let (old, new) = (before.map(TableVersion::state), after.map(TableVersion::state));
        diff.details_changed = match (old, new) {
            (Some(old), Some(new)) => old.kind() != new.kind() || old.details() != new.details(),
            _ => true,
        };
        match (old, new) {
            (Some(old), Some(new)) => {
                for item in old.chunk_map().diff(new.chunk_map()) {
                    match item {
                        ChunkDifference::Added(sequence, entry) => {
                            diff.chunks_added.push((sequence, entry.clone()));
                        }
                        ChunkDifference::Removed(sequence, entry) => {
                            diff.chunks_removed.push((sequence, entry.clone()));
                        }
                        ChunkDifference::Changed(sequence, old, new) => {
                            diff.chunks_changed.push((sequence, old.clone(), new.clone()));
                        }
                    }
                }
                let differ = diff.chunks_added.len() + diff.chunks_changed.len();
                diff.chunks_shared = new.chunk_count() - differ;
            }
            (Some(old), None) => {
                diff.chunks_removed = old.chunks().map(|(s, entry)| (s, entry.clone())).collect();
            }
            (None, Some(new)) => {
                diff.chunks_added = new.chunks().map(|(s, entry)| (s, entry.clone())).collect();
            }
            (None, None) => {}
        }
        diff
    }

    /// How many rows and bytes came and went. A chunk of which rows were deleted counts these.
    ///
    /// Told by chunks: a row that was updated or compacted went from one and came in another. Which
    /// rows differ is for [`rows::RowDiff`] to say.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        for (_, entry) in &self.chunks_added {
            metrics.rows_added += entry.live_rows();
            metrics.bytes_added += entry.chunk().bytes();
            metrics.chunks_added += 1;
        }
        for (_, entry) in &self.chunks_removed {
            metrics.rows_removed += entry.live_rows();
            metrics.bytes_removed += entry.chunk().bytes();
            metrics.chunks_removed += 1;
        }
        for (_, before, after) in &self.chunks_changed {
            let (came, went) = before.rows_moved_to(after);
            metrics.rows_added += came;
            metrics.rows_removed += went;
        }
        metrics
    }
}

fn column_changes(before: Option<&TableSchema>, after: Option<&TableSchema>) -> Vec<ColumnChange> {
    let columns = |schema: Option<&TableSchema>| -> Vec<Column> {
        schema.map_or_else(Vec::new, |schema| schema.columns().to_vec())
    };
    let (old, new) = (columns(before), columns(after));
    let find = |schema: Option<&TableSchema>, id| schema.and_then(|s| s.index_of_id(id));
    let mut changes = Vec::new();
    for column in &old {
        match find(after, column.id()) {
            None => changes.push(ColumnChange::Removed {
                id: column.id(),
                name: column.name().to_owned(),
                data_type: column.data_type().clone(),
            }),
            Some(index) if new[index] != *column => changes
                .push(ColumnChange::Changed { before: column.clone(), after: new[index].clone() }),
            Some(_) => {}
        }
    }
    for column in &new {
        if find(before, column.id()).is_none() {
            changes.push(ColumnChange::Added {
                id: column.id(),
                name: column.name().to_owned(),
                data_type: column.data_type().clone(),
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests;
