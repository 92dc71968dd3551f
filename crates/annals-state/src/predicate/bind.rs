//! From names and literals of any type to places and literals of the right type.

use std::collections::BTreeSet;

use arrow_array::{Array, ArrayRef};
use arrow_ord::sort::sort;
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;

use super::coerce::{self, Ready, Refusal, Way};
use super::{ColumnRef, Kind, Literal, OperandKind, Operator, Predicate, PredicateError};
use crate::name::shorten;

/// A predicate bound to a schema: it has places instead of names, and every literal has the type
/// that it is compared in. Made by [`Predicate::bind`].
#[derive(Clone, Debug)]
pub struct BoundPredicate {
    pub(super) root: Node,
    columns: Box<[usize]>,
    types: Box<[DataType]>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// The same for every row; `None` is null.
    Constant(Option<bool>),
    /// `value` where the column is not null, null elsewhere.
    Fixed {
        column: usize,
        value: bool,
    },
    Compare {
        column: usize,
        operator: Operator,
        way: Way,
        right: Right,
    },
    IsNull {
        column: usize,
        negated: bool,
    },
    /// `sorted` holds at least one value, of the column's leaf type, and no null.
    IsIn {
        column: usize,
        sorted: ArrayRef,
        has_null: bool,
    },
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

#[derive(Clone, Debug)]
pub(super) enum Right {
    Column(usize),
    /// One row, of the type that is compared in.
    Literal(ArrayRef),
}

impl Predicate {
    /// Looks up the columns in `schema` and gives each literal the type that it is compared in.
    ///
    /// A name is looked up as written, then without regard to case.
    ///
    /// # Errors
    ///
    /// [`PredicateError`] if a column is absent or ambiguous, if a column and what it is
    /// compared with have no common type, or if the predicate is nested too deeply.
    pub fn bind(&self, schema: &Schema) -> Result<BoundPredicate, PredicateError> {
        let mut binder = Binder { schema, columns: BTreeSet::new() };
        let root = binder.bind(self)?;
        let columns: Box<[usize]> = binder.columns.into_iter().collect();
        let types = columns.iter().map(|column| schema.field(*column).data_type().clone());
        let types = types.collect();
        Ok(BoundPredicate { root, columns, types })
    }
}

impl BoundPredicate {
    /// The columns that it reads, by place in the schema that it was bound to, ascending.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The type that a column had in the schema that this was bound to.
    pub(super) fn types(&self) -> &[DataType] {
        &self.types
    }
}

struct Binder<'a> {
    schema: &'a Schema,
    columns: BTreeSet<usize>,
}

impl<'a> Binder<'a> {
    fn bind(&mut self, predicate: &Predicate) -> Result<Node, PredicateError> {
        Ok(match &predicate.kind {
            Kind::Constant(value) => Node::Constant(Some(*value)),
            Kind::IsNull { column, negated } => {
                Node::IsNull { column: self.find(column)?, negated: *negated }
            }
            Kind::Compare { column, operator, operand } => match &operand.0 {
                OperandKind::Literal(literal) => self.with_literal(column, *operator, literal)?,
                OperandKind::Column(other) => self.with_column(column, *operator, other)?,
            },
            Kind::IsIn { column, list } => self.is_in(column, list)?,
            Kind::Not(inner) => Node::Not(Box::new(self.bind(inner)?)),
            Kind::And(parts) => Node::And(self.bind_all(parts)?),
            Kind::Or(parts) => Node::Or(self.bind_all(parts)?),
            Kind::TooDeep => return Err(PredicateError::TooDeep),
        })
    }

    fn bind_all<'p>(
        &mut self,
        parts: impl IntoIterator<Item = &'p Predicate>,
    ) -> Result<Vec<Node>, PredicateError> {
        parts.into_iter().map(|part| self.bind(part)).collect()
    }

    fn with_literal(
        &mut self,
        name: &ColumnRef,
        operator: Operator,
        literal: &Literal,
    ) -> Result<Node, PredicateError> {
        let (column, leaf) = self.ordered(name)?;
        let right = |literal| Right::Literal(literal);
        Ok(match ready(name, leaf, literal)? {
            Ready::Same(value) => {
                Node::Compare { column, operator, way: Way::Direct, right: right(value) }
            }
            Ready::As(to, value) => {
                Node::Compare { column, operator, way: Way::Cast(to), right: right(value) }
            }
            Ready::Null => Node::Constant(None),
            // Strictly between two values of the column's type, `floor` being the lower.
            Ready::Above(floor) => match (operator, floor) {
                (Operator::Eq, _) => Node::Fixed { column, value: false },
                (Operator::NotEq, _) => Node::Fixed { column, value: true },
                (Operator::Lt | Operator::LtEq, None) => Node::Fixed { column, value: false },
                (Operator::Gt | Operator::GtEq, None) => Node::Fixed { column, value: true },
                (Operator::Lt | Operator::LtEq, Some(floor)) => {
                    let operator = Operator::LtEq;
                    Node::Compare { column, operator, way: Way::Direct, right: right(floor) }
                }
                (Operator::Gt | Operator::GtEq, Some(floor)) => {
                    let operator = Operator::Gt;
                    Node::Compare { column, operator, way: Way::Direct, right: right(floor) }
                }
            },
        })
    }

    fn with_column(
        &mut self,
        name: &ColumnRef,
        operator: Operator,
        other: &ColumnRef,
    ) -> Result<Node, PredicateError> {
        let ((column, left), (right, right_leaf)) = (self.ordered(name)?, self.ordered(other)?);
        let way = coerce::columns(left, right_leaf)
            .map_err(|refusal| refused(refusal, name, left, other.to_string(), right_leaf))?;
        Ok(Node::Compare { column, operator, way, right: Right::Column(right) })
    }

    /// The values that the column's type can express become one sorted list; the others can't
    /// be found. Values to be compared in another type are compared one by one.
    fn is_in(&mut self, name: &ColumnRef, list: &[Literal]) -> Result<Node, PredicateError> {
        let (column, leaf) = self.ordered(name)?;
        let (mut same, mut nodes, mut has_null) = (Vec::new(), Vec::new(), false);
        for literal in list {
            match ready(name, leaf, literal)? {
                Ready::Same(value) => same.push(value),
                Ready::Above(_) => {}
                Ready::Null => has_null = true,
                Ready::As(to, value) => nodes.push(Node::Compare {
                    column,
                    operator: Operator::Eq,
                    way: Way::Cast(to),
                    right: Right::Literal(value),
                }),
            }
        }
        if list.is_empty() {
            return Ok(Node::Constant(Some(false)));
        }
        if same.is_empty() {
            nodes.push(match has_null {
                true => Node::Constant(None),
                false => Node::Fixed { column, value: false },
            });
        } else {
            let same: Vec<&dyn Array> = same.iter().map(AsRef::as_ref).collect();
            let sorted = sort(&concat(&same)?, None)?;
            nodes.push(Node::IsIn { column, sorted, has_null });
        }
        Ok(Node::Or(nodes))
    }

    /// Finds a column whose values have an order, and the type of these values.
    fn ordered(&mut self, name: &ColumnRef) -> Result<(usize, &'a DataType), PredicateError> {
        let column = self.find(name)?;
        let data_type = self.schema.field(column).data_type();
        let unordered = || PredicateError::Unordered {
            column: name.name.clone(),
            data_type: Box::new(data_type.clone()),
        };
        Ok((column, coerce::leaf(data_type).ok_or_else(unordered)?))
    }

    fn find(&mut self, column: &ColumnRef) -> Result<usize, PredicateError> {
        let place = find(self.schema, &column.name)?;
        self.columns.insert(place);
        Ok(place)
    }
}

fn ready(name: &ColumnRef, leaf: &DataType, literal: &Literal) -> Result<Ready, PredicateError> {
    coerce::literal(literal.array(), leaf)?.map_err(|refusal| {
        refused(refusal, name, leaf, literal.to_string(), literal.array().data_type())
    })
}

fn refused(
    refusal: Refusal,
    column: &ColumnRef,
    column_type: &DataType,
    operand: String,
    operand_type: &DataType,
) -> PredicateError {
    let column = column.name.clone();
    let column_type = Box::new(column_type.clone());
    let operand_type = Box::new(operand_type.clone());
    match refusal {
        Refusal::Incomparable => {
            PredicateError::Incomparable { column, column_type, operand, operand_type }
        }
        Refusal::TimeZone => {
            PredicateError::TimeZone { column, column_type, operand, operand_type }
        }
    }
}

/// As written if there is such a column, else the only one that differs in case.
fn find(schema: &Schema, name: &str) -> Result<usize, PredicateError> {
    let fields = schema.fields();
    if let Some(place) = fields.iter().position(|field| field.name() == name) {
        return Ok(place);
    }
    let folded = name.to_lowercase();
    let mut like =
        fields.iter().enumerate().filter(|(_, field)| field.name().to_lowercase() == folded);
    match (like.next(), like.next()) {
        (Some((place, _)), None) => Ok(place),
        (Some((_, first)), Some((_, second))) => Err(PredicateError::AmbiguousColumn {
            column: name.to_owned(),
            first: first.name().clone(),
            second: second.name().clone(),
        }),
        (None, _) => Err(PredicateError::NoSuchColumn {
            column: name.to_owned(),
            available: available(schema, &folded),
        }),
    }
}

/// How many names an error lists.
const NAMES_SHOWN_MAX: usize = 5;

/// A phrase that names the columns most like `folded` or, if none are, the first few.
fn available(schema: &Schema, folded: &str) -> String {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let near = |name: &&str| distance(&name.to_lowercase(), folded) <= 1 + folded.len().min(64) / 4;
    let list = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{}`", shorten(name))).collect();
        names.join(", ")
    };
    let alike: Vec<&str> = names().filter(near).take(NAMES_SHOWN_MAX).collect();
    if !alike.is_empty() {
        return format!("did you mean {}?", list(&alike));
    }
    let first: Vec<&str> = names().take(NAMES_SHOWN_MAX).collect();
    match schema.fields().len().saturating_sub(NAMES_SHOWN_MAX) {
        _ if first.is_empty() => "there are no columns".to_owned(),
        0 => format!("there are {}", list(&first)),
        hidden => format!("there are {} and {hidden} more", list(&first)),
    }
}

/// How many characters to insert, remove or replace; names count up to their 64th character.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, d) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(cell) = row.first_mut() {
            *cell = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
