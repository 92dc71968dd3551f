//! Why a predicate cannot be bound or evaluated.

use arrow_schema::{ArrowError, DataType};

use super::PREDICATE_DEPTH_MAX;
use crate::name::shorten;

/// Why a predicate cannot be bound to a schema, or evaluated on rows.
///
/// All but [`WrongRows`](Self::WrongRows) and [`Arrow`](Self::Arrow) are found by binding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredicateError {
    /// The schema has no column of that name, in whatever case.
    #[error("no column `{}`; {available}", shorten(.column))]
    NoSuchColumn {
        /// The name that was looked for.
        column: String,
        /// The names most like it, or the first ones that there are, as a phrase.
        available: String,
    },

    /// Several columns have that name if case is disregarded, and none as written.
    #[error(
        "column `{}` could be `{}` or `{}`; write it in the same case",
        shorten(.column), shorten(.first), shorten(.second)
    )]
    AmbiguousColumn {
        /// The name that was looked for.
        column: String,
        /// A column that it could mean.
        first: String,
        /// Another one.
        second: String,
    },

    /// The two have no type in common in which they could be compared.
    #[error(
        "cannot compare column `{}` of type {column_type} with {operand} of type \
         {operand_type}; cast one of them",
        shorten(.column)
    )]
    Incomparable {
        /// The column on the left.
        column: String,
        /// Its type.
        column_type: Box<DataType>,
        /// The literal or column on the right, as written.
        operand: String,
        /// Its type.
        operand_type: Box<DataType>,
    },

    /// One of the two has a time zone, so which moments the other means is not known.
    #[error(
        "cannot compare column `{}` of type {column_type} with {operand} of type \
         {operand_type}; give both a time zone, or neither",
        shorten(.column)
    )]
    TimeZone {
        /// The column on the left.
        column: String,
        /// Its type.
        column_type: Box<DataType>,
        /// The literal or column on the right, as written.
        operand: String,
        /// Its type.
        operand_type: Box<DataType>,
    },

    /// Values of nested types have no order here; only `is_null` and `is_not_null` read them.
    #[error(
        "column `{}` of type {data_type} has no order; it can only be tested for null",
        shorten(.column)
    )]
    Unordered {
        /// The column.
        column: String,
        /// Its type.
        data_type: Box<DataType>,
    },

    /// The predicate is nested too deeply.
    #[error(
        "the predicate is nested deeper than {} levels; join its parts by fewer alternations of \
         and, or and not",
        PREDICATE_DEPTH_MAX
    )]
    TooDeep,

    /// A literal is one value.
    #[error("a literal needs an array of one row, not of {rows}")]
    NotOneRow {
        /// The rows of the array that was given.
        rows: usize,
    },

    /// The rows are not of the schema that the predicate was bound to.
    #[error("column {column} was bound as {expected}, but the rows have {found}")]
    WrongRows {
        /// The place of the column in the schema that was bound to.
        column: usize,
        /// The type and number of rows expected.
        expected: String,
        /// What was found instead.
        found: String,
    },

    /// Arrow refused a conversion or comparison.
    #[error("cannot compare these values")]
    Arrow(#[from] ArrowError),
}
