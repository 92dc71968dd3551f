//! What a merge does with a pair of rows, or with a row that has no partner: what a caller says.

use std::fmt;

use annals_state::predicate::{Literal, Predicate};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};

use crate::error::BoxError;
use crate::snapshot::shorten;

/// Rows of the table and rows of the source that belong together, in the same places of both.
///
/// Where there is no row on one side (what is inserted has none in the table yet, and what no row
/// of the source matches has none there), that side is a batch of as many rows without columns.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// The rows of the table as they were, under its present columns.
    pub target: RecordBatch,
    /// The rows of the source.
    pub source: RecordBatch,
}

/// A caller's function from pairs of rows to one value each.
pub(super) type PairsFunction<'a, T> = Box<dyn Fn(&Pairs) -> Result<T, BoxError> + 'a>;

/// What a column gets in a merge; made by [`source`], [`target`], [`literal`] or [`computed`].
pub struct MergeValue<'a>(pub(super) ValueKind<'a>);

pub(super) enum ValueKind<'a> {
    Literal(Literal),
    Target(String),
    Source(String),
    Function(PairsFunction<'a, ArrayRef>),
}

/// The value that this column has in the row of the source.
pub fn source<'a>(column: impl Into<String>) -> MergeValue<'a> {
    MergeValue(ValueKind::Source(column.into()))
}

/// The value that this column has in the row of the table, before the merge.
pub fn target<'a>(column: impl Into<String>) -> MergeValue<'a> {
    MergeValue(ValueKind::Target(column.into()))
}

/// One value for all rows.
pub fn literal<'a>(value: impl Into<Literal>) -> MergeValue<'a> {
    MergeValue(ValueKind::Literal(value.into()))
}

/// What `function` makes of the rows: an array of as many values, of a type that fits the column.
/// It may be called several times, for some of the rows each, and again if the merge is decided
/// again.
pub fn computed<'a>(
    function: impl Fn(&Pairs) -> Result<ArrayRef, BoxError> + 'a,
) -> MergeValue<'a> {
    MergeValue(ValueKind::Function(Box::new(function)))
}

impl fmt::Debug for MergeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ValueKind::Literal(value) => write!(f, "{value:?}"),
            ValueKind::Target(column) => write!(f, "target({column:?})"),
            ValueKind::Source(column) => write!(f, "source({column:?})"),
            ValueKind::Function(_) => f.write_str("<function>"),
        }
    }
}

/// To which rows a clause of a merge applies. Null is as false.
pub struct Condition<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

pub(super) enum Part<'a> {
    Source(Predicate),
    Target(Predicate),
    Test(PairsFunction<'a, BooleanArray>),
}

impl<'a> Condition<'a> {
    /// The row of the source matches.
    pub fn source(predicate: Predicate) -> Self {
        Self { parts: vec![Part::Source(predicate)] }
    }

    /// The row of the table, as it was before the merge, matches.
    pub fn target(predicate: Predicate) -> Self {
        Self { parts: vec![Part::Target(predicate)] }
    }

    /// `test` says true. It is given pairs and returns as many values; it may be called again.
    pub fn test(test: impl Fn(&Pairs) -> Result<BooleanArray, BoxError> + 'a) -> Self {
        Self { parts: vec![Part::Test(Box::new(test))] }
    }

    /// The other one holds as well. A test in it sees only rows for which all before it hold.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }
}

impl fmt::Debug for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts.iter().map(|part| match part {
            Part::Source(predicate) => format!("source: {}", shorten(&predicate.to_string())),
            Part::Target(predicate) => format!("target: {}", shorten(&predicate.to_string())),
            Part::Test(_) => "<function>".to_owned(),
        });
        f.debug_list().entries(parts).finish()
    }
}

/// Which rows a clause is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Matched,
    NotMatched,
    NotMatchedBySource,
}

/// What becomes of a row for which the clause's condition is the first to hold.
#[derive(Debug)]
pub(super) enum Action<'a> {
    Delete,
    /// Columns and what they get.
    Set(Vec<(String, MergeValue<'a>)>),
    /// All columns that the source has by name get what it has.
    SetAll,
}

#[derive(Debug)]
pub(super) struct Clause<'a> {
    pub(super) when: When,
    pub(super) condition: Option<Condition<'a>>,
    pub(super) action: Action<'a>,
}
