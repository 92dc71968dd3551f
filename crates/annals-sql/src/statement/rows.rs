//! Statements about rows: inserts and merges.

use datafusion::sql::sqlparser::ast;

use super::{ExprText, Name, Partition, QueryText};

/// An insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table.
    pub name: Name,
    /// Which rows make room.
    pub replace: InsertReplace,
    /// `PARTITION (…)`.
    pub partition: Option<Partition>,
    /// `IF NOT EXISTS` behind the partition.
    pub if_not_exists: bool,
    /// `BY NAME`.
    pub by_name: bool,
    /// The columns that the rows are for, if said.
    pub columns: Vec<String>,
    /// The rows.
    pub query: QueryText,
}

/// Which rows make room for those of an insert.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertReplace {
    /// `INSERT INTO`: none.
    None,
    /// `INSERT OVERWRITE`: all, or those of the partitions.
    Overwrite,
    /// `REPLACE WHERE`: those that match.
    Where(ExprText),
}

/// A column and what it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column, perhaps behind the table's name.
    pub column: Name,
    /// Its value.
    pub value: ExprText,
}

/// A merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// The table that is changed.
    pub name: Name,
    /// What it is called in the expressions.
    pub alias: Option<String>,
    /// The rows that are merged into it.
    pub source: Box<ast::TableFactor>,
    /// When rows belong together.
    pub on: ExprText,
    /// What becomes of them.
    pub clauses: Vec<MergeClause>,
    /// `WITH SCHEMA EVOLUTION`.
    pub evolution: bool,
}

/// To which rows a clause of a merge applies, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeClause {
    /// Which rows.
    pub when: MergeWhen,
    /// Only those for which this holds.
    pub condition: Option<ExprText>,
    /// What becomes of them.
    pub action: MergeAction,
}

/// Which rows a clause of a merge is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeWhen {
    /// Rows of the table that a row of the source belongs to.
    Matched,
    /// Rows of the source without a partner.
    NotMatched,
    /// Rows of the table without a partner.
    NotMatchedBySource,
}

/// What becomes of a row in a merge.
#[derive(Clone, Debug, PartialEq)]
pub enum MergeAction {
    /// It is deleted.
    Delete,
    /// `UPDATE SET …`.
    Update(Vec<Assignment>),
    /// `UPDATE SET *`.
    UpdateAll,
    /// `INSERT (…) VALUES (…)`.
    Insert(Vec<Assignment>),
    /// `INSERT *`.
    InsertAll,
}
