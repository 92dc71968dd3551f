//! Which rows match, and which chunks can hold a matching row.
//!
//! A [`Predicate`] is written against names: `col("delay").gt(10).and(col("carrier").eq("UA"))`.
//! [`Predicate::bind`] parses it against a schema, once: names become places, literals take the
//! type of their column, and what cannot be compared is refused. The [`BoundPredicate`] then
//! answers two questions, by the same comparisons: which rows of a batch match
//! ([`evaluate`](BoundPredicate::evaluate)), and what statistics alone say of a chunk
//! ([`prune`](BoundPredicate::prune)).
//!
//! The logic is SQL's, with three values: a comparison with null is null, and null does not
//! match. The order of values is Arrow's; for floats IEEE 754's totalOrder, in which -0.0 is
//! less than 0.0, NaN is greater than all else, and an integer zero is 0.0.
//!
//! **Invariant:** a predicate is never deeper than [`PREDICATE_DEPTH_MAX`], however it was built,
//! so that everything here may recurse, dropping included.

mod bind;
mod coerce;
mod compare;
mod display;
mod error;
mod evaluate;
mod literal;
mod prune;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

pub use self::bind::BoundPredicate;
pub use self::error::PredicateError;
pub use self::literal::Literal;
pub use self::prune::{Bounds, Matches};

/// How deep a predicate may be nested. Chains of `and`, of `or` and of `not` are one level.
pub const PREDICATE_DEPTH_MAX: usize = 128;

/// A condition on the rows of a table; see [the module](self).
///
/// It is built from [`col`], and combined by [`and`](Self::and), [`or`](Self::or) and
/// [`not`](Self::not), each in constant time.
///
/// # Examples
///
/// ```
/// use annals_state::predicate::col;
///
/// let late = col("delay").gt(10).and(col("carrier").eq("UA"));
/// assert_eq!(late.to_string(), "delay > 10 AND carrier = 'UA'");
/// ```
#[derive(Clone, Debug)]
pub struct Predicate {
    kind: Kind,
    depth: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Constant(bool),
    Compare {
        column: ColumnRef,
        operator: Operator,
        operand: Operand,
    },
    IsNull {
        column: ColumnRef,
        negated: bool,
    },
    IsIn {
        column: ColumnRef,
        list: Vec<Literal>,
    },
    Not(Box<Predicate>),
    // Deques, so that prepending one by one costs no more than appending.
    And(VecDeque<Predicate>),
    Or(VecDeque<Predicate>),
    /// Stands for what was nested too deeply; binding it fails.
    TooDeep,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

/// What a column is compared with.
#[derive(Clone, Debug)]
pub struct Operand(OperandKind);

#[derive(Clone, Debug)]
enum OperandKind {
    Literal(Literal),
    Column(ColumnRef),
}

impl Operand {
    /// The literal, if it is one.
    pub fn literal(&self) -> Option<&Literal> {
        match &self.0 {
            OperandKind::Literal(literal) => Some(literal),
            OperandKind::Column(_) => None,
        }
    }

    /// The name of the column, if it is one.
    pub fn column(&self) -> Option<&str> {
        match &self.0 {
            OperandKind::Literal(_) => None,
            OperandKind::Column(column) => Some(&column.name),
        }
    }
}

/// Of whatever a [`Literal`] can be made, or of a literal itself.
impl<T> From<T> for Operand
where
    Literal: From<T>,
{
    fn from(value: T) -> Self {
        Self(OperandKind::Literal(Literal::from(value)))
    }
}

impl From<ColumnRef> for Operand {
    fn from(column: ColumnRef) -> Self {
        Self(OperandKind::Column(column))
    }
}

/// Names a column, to build a [`Predicate`] from. The name is looked up when the predicate is
/// bound: as written first, then without regard to case. A dot in it is part of the name.
pub fn col(name: impl Into<String>) -> ColumnRef {
    ColumnRef { name: name.into() }
}

/// A column by name, from [`col`].
#[derive(Clone, Debug)]
pub struct ColumnRef {
    name: String,
}

impl ColumnRef {
    fn compare(self, operator: Operator, operand: impl Into<Operand>) -> Predicate {
        let operand = operand.into();
        Predicate { kind: Kind::Compare { column: self, operator, operand }, depth: 0 }
    }

    /// This column equals a literal or another column.
    pub fn eq(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::Eq, operand)
    }

    /// This column differs from a literal or another column; null where either is null.
    pub fn ne(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::NotEq, operand)
    }

    /// This column is less than a literal or another column.
    pub fn lt(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::Lt, operand)
    }

    /// This column is at most a literal or another column.
    pub fn lt_eq(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::LtEq, operand)
    }

    /// This column is greater than a literal or another column.
    pub fn gt(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::Gt, operand)
    }

    /// This column is at least a literal or another column.
    pub fn gt_eq(self, operand: impl Into<Operand>) -> Predicate {
        self.compare(Operator::GtEq, operand)
    }

    /// This column is at least `low` and at most `high`.
    pub fn between(self, low: impl Into<Operand>, high: impl Into<Operand>) -> Predicate {
        self.clone().gt_eq(low).and(self.lt_eq(high))
    }

    /// This column is null. Works on columns of any type.
    pub fn is_null(self) -> Predicate {
        Predicate { kind: Kind::IsNull { column: self, negated: false }, depth: 0 }
    }

    /// This column is not null. Works on columns of any type.
    pub fn is_not_null(self) -> Predicate {
        Predicate { kind: Kind::IsNull { column: self, negated: true }, depth: 0 }
    }

    /// This column equals one of `list`. As in SQL, what is not found in a list that contains a
    /// null is null, not false. Nothing is in an empty list.
    pub fn is_in(self, list: impl IntoIterator<Item = impl Into<Literal>>) -> Predicate {
        let list = list.into_iter().map(Into::into).collect();
        Predicate { kind: Kind::IsIn { column: self, list }, depth: 0 }
    }
}

impl Predicate {
    /// Matches every row, or none.
    pub fn literal(value: bool) -> Self {
        Self { kind: Kind::Constant(value), depth: 0 }
    }

    /// Both match.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        let (this, other) = (self, other.into());
        let depth = Self::joined_depth(&this, &other, |kind| matches!(kind, Kind::And(_)));
        let parts = joined(this, other, |kind| match kind {
            Kind::And(parts) => Ok(parts),
            kind => Err(kind),
        });
        Self::limited(Kind::And(parts), depth)
    }

    /// At least one matches.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        let (this, other) = (self, other.into());
        let depth = Self::joined_depth(&this, &other, |kind| matches!(kind, Kind::Or(_)));
        let parts = joined(this, other, |kind| match kind {
            Kind::Or(parts) => Ok(parts),
            kind => Err(kind),
        });
        Self::limited(Kind::Or(parts), depth)
    }

    /// Does not match; null stays null, so neither a predicate nor its opposite matches there.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it is implemented too, and reads worse")]
    pub fn not(self) -> Self {
        match self.kind {
            Kind::Not(inner) => *inner,
            _ => {
                let depth = self.depth + 1;
                Self::limited(Kind::Not(Box::new(self)), depth)
            }
        }
    }

    /// The distinct names of the columns it reads, as written, in order of appearance.
    pub fn columns(&self) -> Vec<&str> {
        let (mut seen, mut names) = (BTreeSet::new(), Vec::new());
        self.visit_columns(&mut |name| {
            if seen.insert(name) {
                names.push(name);
            }
        });
        names
    }

    fn visit_columns<'a>(&'a self, visit: &mut impl FnMut(&'a str)) {
        match &self.kind {
            Kind::Constant(_) | Kind::TooDeep => {}
            Kind::Compare { column, operand, .. } => {
                visit(&column.name);
                if let OperandKind::Column(other) = &operand.0 {
                    visit(&other.name);
                }
            }
            Kind::IsNull { column, .. } | Kind::IsIn { column, .. } => visit(&column.name),
            Kind::Not(inner) => inner.visit_columns(visit),
            Kind::And(parts) | Kind::Or(parts) => {
                parts.iter().for_each(|part| part.visit_columns(visit));
            }
        }
    }

    /// The depth of a list of both, where those that are such lists already are taken apart.
    fn joined_depth(this: &Self, other: &Self, is_list: impl Fn(&Kind) -> bool) -> usize {
        let depth = |part: &Self| part.depth + usize::from(!is_list(&part.kind));
        depth(this).max(depth(other))
    }

    fn limited(kind: Kind, depth: usize) -> Self {
        if depth > PREDICATE_DEPTH_MAX || Self::has_poison(&kind) {
            return Self { kind: Kind::TooDeep, depth: 0 };
        }
        Self { kind, depth }
    }

    /// Poison spreads upwards at once, so it is found at the ends of a list, where it was added.
    fn has_poison(kind: &Kind) -> bool {
        let poisoned = |part: &Self| matches!(part.kind, Kind::TooDeep);
        match kind {
            Kind::Not(inner) => poisoned(inner),
            Kind::And(parts) | Kind::Or(parts) => {
                parts.front().is_some_and(poisoned) || parts.back().is_some_and(poisoned)
            }
            _ => false,
        }
    }
}

impl std::ops::Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        Predicate::not(self)
    }
}

/// The parts of both in order, moving the fewer of them.
fn joined(
    this: Predicate,
    other: Predicate,
    parts: impl Fn(Kind) -> Result<VecDeque<Predicate>, Kind>,
) -> VecDeque<Predicate> {
    let split = |whole: Predicate| {
        let depth = whole.depth;
        parts(whole.kind).unwrap_or_else(|kind| VecDeque::from([Predicate { kind, depth }]))
    };
    let (mut left, mut right) = (split(this), split(other));
    if left.len() >= right.len() {
        left.append(&mut right);
        return left;
    }
    while let Some(part) = left.pop_back() {
        right.push_front(part);
    }
    right
}
