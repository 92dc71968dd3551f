//! What statistics alone say of a chunk.
//!
//! For each part of a predicate, the set of results that some row may have: true, false, null.
//! A set may be too large, never too small. The sets of the parts give the set of the whole, so
//! that `not`, `and` and `or` compose.
//!
//! Values are compared by the same code as rows are. A bound that is missing, of another type
//! than the column was bound with, or a NaN made by a cast, says nothing.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, SortOptions};

use super::bind::{Node, Right};
use super::coerce::{self, Way};
use super::compare::{Side, compare};
use super::evaluate::lower_bound;
use super::{BoundPredicate, Operator};
use crate::chunk::ColumnStats;

/// What is known of one column in one chunk.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How many values are null; if not `exact`, at most so many.
    pub null_count: u64,
    /// Out of how many.
    pub rows: u64,
    /// A value that none is less than: an array of one row of the column's type. `None` if it is
    /// not known or all are null.
    pub min: Option<ArrayRef>,
    /// A value that none is greater than.
    pub max: Option<ArrayRef>,
    /// False if rows were deleted since: then all of this only bounds from outside.
    pub exact: bool,
}

impl Bounds {
    /// Of a column that is null in every row, such as one that was added after the chunk.
    pub fn all_null(rows: u64) -> Self {
        Self { null_count: rows, rows, min: None, max: None, exact: true }
    }

    /// When nothing is known.
    pub fn unknown(rows: u64) -> Self {
        Self { null_count: rows, rows, min: None, max: None, exact: false }
    }

    /// What still holds once some of the rows are deleted.
    #[must_use]
    pub fn widened(self) -> Self {
        Self { exact: false, ..self }
    }

    /// What is known of the rows of both together. The bounds of no rows (`all_null(0)`) change
    /// nothing, and what is not known of one is not known of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let valueless = |bounds: &Self| bounds.exact && bounds.null_count >= bounds.rows;
        let known = |value: &Option<ArrayRef>, bounds| value.is_some() || valueless(bounds);
        let min = (known(&self.min, self) && known(&other.min, other))
            .then(|| ColumnStats::smaller(self.min.clone(), other.min.clone()));
        let max = (known(&self.max, self) && known(&other.max, other))
            .then(|| ColumnStats::larger(self.max.clone(), other.max.clone()));
        Self {
            null_count: self.null_count.saturating_add(other.null_count),
            rows: self.rows.saturating_add(other.rows),
            min: min.flatten(),
            max: max.flatten(),
            exact: self.exact && other.exact,
        }
    }

    fn may_be_null(&self) -> bool {
        self.null_count > 0
    }

    fn may_be_value(&self) -> bool {
        // The count of the nulls may be of rows that are deleted; those left may be values.
        !self.exact || self.null_count < self.rows
    }
}

/// Which rows of a chunk match, as far as statistics tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matches {
    /// No row can match: skip the chunk.
    None,
    /// Some may: look at the rows.
    Some,
    /// Every row matches: no need to look.
    All,
}

/// The results that some row may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct May {
    be_true: bool,
    be_false: bool,
    be_null: bool,
}

impl May {
    fn only(value: Option<bool>) -> Self {
        Self {
            be_true: value == Some(true),
            be_false: value == Some(false),
            be_null: value.is_none(),
        }
    }

    fn not(self) -> Self {
        Self { be_true: self.be_false, be_false: self.be_true, ..self }
    }

    fn and(self, other: Self) -> Self {
        Self {
            be_true: self.be_true && other.be_true,
            be_false: self.be_false || other.be_false,
            be_null: self.be_null && (other.be_null || other.be_true)
                || self.be_true && other.be_null,
        }
    }
}

impl BoundPredicate {
    /// Tells from statistics which of `rows` rows match. It is sound: `None` and `All` are never
    /// wrong if the bounds are not.
    ///
    /// `bounds` is called once for each of [`columns`](Self::columns), with its place in the
    /// schema that the predicate was bound to.
    pub fn prune(&self, rows: usize, bounds: impl Fn(usize) -> Bounds) -> Matches {
        if rows == 0 {
            return Matches::None;
        }
        let places = self.columns();
        let columns = places.iter().zip(self.types());
        let columns = columns.map(|(place, data_type)| known(bounds(*place), data_type)).collect();
        match (Chunk { places, columns }).may(&self.root) {
            May { be_true: false, .. } => Matches::None,
            May { be_true: true, be_false: false, be_null: false } => Matches::All,
            _ => Matches::Some,
        }
    }
}

/// Forgets bounds that cannot be compared with.
fn known(bounds: Bounds, data_type: &DataType) -> Bounds {
    let usable = |value: &ArrayRef| {
        value.len() == 1
            && value.data_type() == data_type
            && value.logical_nulls().is_none_or(|nulls| nulls.null_count() == 0)
    };
    Bounds { min: bounds.min.filter(usable), max: bounds.max.filter(usable), ..bounds }
}

struct Chunk<'a> {
    places: &'a [usize],
    columns: Vec<Bounds>,
}

/// The least and the greatest value that there may be.
#[derive(Clone)]
struct Range {
    min: Option<ArrayRef>,
    max: Option<ArrayRef>,
}

impl Chunk<'_> {
    fn bounds(&self, place: usize) -> Option<&Bounds> {
        self.columns.get(self.places.binary_search(&place).ok()?)
    }

    fn may(&self, node: &Node) -> May {
        let anything = May { be_true: true, be_false: true, be_null: true };
        self.may_if_known(node).unwrap_or(anything)
    }

    fn may_if_known(&self, node: &Node) -> Option<May> {
        Some(match node {
            Node::Constant(value) => May::only(*value),
            Node::Fixed { column, value } => {
                let bounds = self.bounds(*column)?;
                May { be_null: bounds.may_be_null(), ..May::only(Some(*value)) }
                    .for_values(bounds.may_be_value())
            }
            Node::IsNull { column, negated } => {
                let bounds = self.bounds(*column)?;
                let (be_true, be_false) = (bounds.may_be_null(), bounds.may_be_value());
                let may = May { be_true, be_false, be_null: false };
                if *negated { may.not() } else { may }
            }
            Node::Compare { column, operator, way, right } => {
                let left = self.bounds(*column)?;
                let range = self.range(*column, way)?;
                let (other, right_null, right_value) = match right {
                    Right::Literal(value) => {
                        (Range { min: Some(value.clone()), max: Some(value.clone()) }, false, true)
                    }
                    Right::Column(place) => {
                        let bounds = self.bounds(*place)?;
                        let range = self.range(*place, way)?;
                        (range, bounds.may_be_null(), bounds.may_be_value())
                    }
                };
                let (be_true, be_false) = may_hold(*operator, way, &range, &other);
                May { be_true, be_false, be_null: left.may_be_null() || right_null }
                    .for_values(left.may_be_value() && right_value)
            }
            Node::IsIn { column, sorted, has_null } => {
                let bounds = self.bounds(*column)?;
                let found = may_be_in(&self.range(*column, &Way::Direct)?, sorted);
                May {
                    be_true: found != Matches::None,
                    be_false: found != Matches::All && !has_null,
                    be_null: bounds.may_be_null() || (found != Matches::All && *has_null),
                }
                .for_values(bounds.may_be_value())
            }
            Node::Not(inner) => self.may(inner).not(),
            Node::And(parts) => {
                let all = May::only(Some(true));
                parts.iter().fold(all, |may, part| may.and(self.may(part)))
            }
            Node::Or(parts) => {
                let all = May::only(Some(true));
                parts.iter().fold(all, |may, part| may.and(self.may(part).not())).not()
            }
        })
    }

    /// The range of a column, in the type that it is compared in.
    fn range(&self, place: usize, way: &Way) -> Option<Range> {
        let bounds = self.bounds(place)?;
        let cast = |value: &ArrayRef| match way {
            Way::Cast(to) => coerce::cast(value, to).ok().filter(|value| !is_nan(value)),
            _ => Some(value.clone()),
        };
        Some(Range {
            min: bounds.min.as_ref().and_then(cast),
            max: bounds.max.as_ref().and_then(cast),
        })
    }
}

impl May {
    /// Takes back true and false if there are no values to have them.
    fn for_values(self, may_be_value: bool) -> Self {
        Self {
            be_true: self.be_true && may_be_value,
            be_false: self.be_false && may_be_value,
            ..self
        }
    }
}

/// A cast makes a quiet NaN of a signalling one, which can turn the order of NaNs around.
fn is_nan(value: &ArrayRef) -> bool {
    let floats = value.as_primitive_opt::<Float64Type>();
    floats.is_some_and(|floats| floats.values().iter().any(|value| value.is_nan()))
}

/// Whether a comparison may hold, and whether it may not, for values from these ranges.
fn may_hold(operator: Operator, way: &Way, left: &Range, right: &Range) -> (bool, bool) {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let way = match way {
        // The ranges are cast already.
        Way::Cast(_) => &Way::Direct,
        way => way,
    };
    let may = |operator, one: &Option<ArrayRef>, other: &Option<ArrayRef>| {
        let (Some(one), Some(other)) = (one, other) else { return true };
        compare(operator, way, one, Side::Rows(other))
            .map_or(true, |result| result.is_empty() || result.is_null(0) || result.value(0))
    };
    let may_equal = || may(LtEq, &left.min, &right.max) && may(GtEq, &left.max, &right.min);
    // Both are one and the same value only if the ends meet crosswise.
    let may_differ = || may(NotEq, &left.min, &right.max) || may(NotEq, &left.max, &right.min);
    match operator {
        Eq => (may_equal(), may_differ()),
        NotEq => (may_differ(), may_equal()),
        Lt => (may(Lt, &left.min, &right.max), may(GtEq, &left.max, &right.min)),
        LtEq => (may(LtEq, &left.min, &right.max), may(Gt, &left.max, &right.min)),
        Gt => (may(Gt, &left.max, &right.min), may(LtEq, &left.min, &right.max)),
        GtEq => (may(GtEq, &left.max, &right.min), may(Lt, &left.min, &right.max)),
    }
}

/// Which values of the range are in the list.
fn may_be_in(range: &Range, sorted: &ArrayRef) -> Matches {
    let may = || {
        let flat = |value: &ArrayRef| coerce::cast(value, sorted.data_type()).ok();
        let order =
            |value: &ArrayRef| make_comparator(&flat(value)?, sorted, SortOptions::default()).ok();
        let min = order(range.min.as_ref()?)?;
        let max = order(range.max.as_ref()?)?;
        let at = lower_bound(sorted.len(), |at| min(0, at).is_gt());
        Some(if at == sorted.len() || max(0, at).is_lt() {
            Matches::None
        } else if min(0, at).is_eq() && max(0, at).is_eq() {
            Matches::All
        } else {
            Matches::Some
        })
    };
    may().unwrap_or(Matches::Some)
}
