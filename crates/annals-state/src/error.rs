//! What a catalog says to a change that it cannot make.

use std::fmt;
use std::sync::Arc;

use crate::name::{DatabaseName, TableName, shorten};
use crate::schema::SchemaError;
use crate::version::VersionId;

/// Why a change does not apply to a catalog. Nothing has changed when one is returned.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The database does not exist.
    #[error("the database {database} does not exist; create it first")]
    NoDatabase {
        /// The database asked for.
        database: DatabaseName,
    },

    /// A database of that name exists.
    #[error("the database {database} exists already; use if_not_exists, or another name")]
    DatabaseExists {
        /// The database asked for.
        database: DatabaseName,
    },

    /// The database has tables and was to be dropped without them.
    #[error("the database {database} has {tables} tables; drop them first, or drop with cascade")]
    DatabaseNotEmpty {
        /// The database.
        database: DatabaseName,
        /// How many tables and views it has.
        tables: u64,
    },

    /// The database `default` stays.
    #[error("the database {database} is part of every store and cannot be dropped")]
    DefaultDatabase {
        /// The database `default`.
        database: DatabaseName,
    },

    /// The table does not exist.
    #[error("the table {table} does not exist{}", hint(.similar))]
    NoTable {
        /// The table asked for.
        table: TableName,
        /// A table of that name in another database, or of another spelling.
        similar: Option<TableName>,
    },

    /// Something of that name exists.
    #[error(
        "the {kind} {table} exists already; use mode overwrite, append or ignore, or another name"
    )]
    TableExists {
        /// The name.
        table: TableName,
        /// What is there.
        kind: Existing,
    },

    /// The name stands for a view, which has no rows of its own.
    #[error("{table} is a view; rows can be written to tables only")]
    IsView {
        /// The view.
        table: TableName,
    },

    /// The name stands for a table, and a view was asked for.
    #[error("{table} is a table, not a view; drop it first, or choose another name")]
    NotAView {
        /// The table.
        table: TableName,
    },

    /// The columns do not go with what was asked.
    #[error("in the table {table}: {source}")]
    Schema {
        /// The table.
        table: TableName,
        /// What is wrong.
        source: Arc<SchemaError>,
    },

    /// A column that rows are divided by cannot be dropped.
    #[error("the column `{}` of {table} is a partition column; overwrite the table with another partitioning first", shorten(.column))]
    PartitionColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },

    /// A column to divide rows by does not exist, stands there twice, or has no order.
    #[error("the table {table} cannot be partitioned by `{}`: {reason}", shorten(.column))]
    CannotPartition {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Why not.
        reason: &'static str,
    },

    /// The partitioning given for an append is not the table's.
    #[error("the table {table} is partitioned by [{}], not by [{}]; leave the partitioning out", shorten(.actual), shorten(.asked))]
    OtherPartitioning {
        /// The table.
        table: TableName,
        /// Its partition columns.
        actual: String,
        /// Those that were given.
        asked: String,
    },

    /// A chunk that the change is about is no longer there.
    #[error("rows of {table} that were to be changed are no longer where they were; begin again")]
    RowsMoved {
        /// The table.
        table: TableName,
        /// The sequence of the chunk.
        chunk: u64,
    },

    /// The table to restore has another name today.
    #[error("the table that was {table} is named {now} today; restore it by that name")]
    Renamed {
        /// The name asked for.
        table: TableName,
        /// The name that it has.
        now: TableName,
    },

    /// The table was not there yet, or not there any more.
    #[error("the table {table} did not exist at {at}; its history says when it did")]
    NoTableThen {
        /// The table.
        table: TableName,
        /// The version that was to be restored.
        at: VersionId,
    },

    /// Another table has the name today.
    #[error("{table} was another table at {at}; drop or rename the present one first")]
    OtherTable {
        /// The name.
        table: TableName,
        /// The version that was to be restored.
        at: VersionId,
    },
}

/// What stands in the way of a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A table.
    Table,
    /// A view.
    View,
}

impl fmt::Display for Existing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::View => "view",
        })
    }
}

fn hint(similar: &Option<TableName>) -> String {
    match similar {
        Some(name) => format!("; did you mean {name}?"),
        None => "; check the name, or create it first".to_owned(),
    }
}
