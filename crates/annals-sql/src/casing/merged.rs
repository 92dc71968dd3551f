//! Columns that `USING` and `NATURAL` make one.
//!
//! Such a column has the value of the side that has one: of a right join that is the right one, of
//! a full join whichever is there. `DataFusion` takes that of the table whose name comes first. So
//! these joins are written as what they mean: with `ON`, with the value in the place of the name,
//! and with the columns that `*` gives, of which the joined ones come first.

use std::ops::Range;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, JoinConstraint, JoinOperator, ObjectName, SelectItem,
    WildcardAdditionalOptions,
};

use super::constraint;
use super::frame::{Found, Frame, Source, same};
use super::twice::{self, Given};

/// A column of several relations that counts as one.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) name: String,
    value: Expr,
    /// The columns that it was made of: which relation, and what the column is called there.
    of: Vec<Source>,
}

/// What is joined: which relations and merged columns of the frame each side has.
pub(super) struct Sides {
    pub(super) left: Range<usize>,
    pub(super) right: Range<usize>,
    pub(super) merged_left: Range<usize>,
    pub(super) merged_right: Range<usize>,
}

/// Whose value a merged column has.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    Left,
    Right,
    Either,
}

fn value_of(operator: &JoinOperator) -> Value {
    match operator {
        JoinOperator::Right(_)
        | JoinOperator::RightOuter(_)
        | JoinOperator::RightSemi(_)
        | JoinOperator::RightAnti(_) => Value::Right,
        JoinOperator::FullOuter(_) => Value::Either,
        _ => Value::Left,
    }
}

/// Which side a join shows nothing of.
fn hidden<'s>(operator: &JoinOperator, sides: &'s Sides) -> Option<&'s Range<usize>> {
    match operator {
        JoinOperator::LeftSemi(_) | JoinOperator::LeftAnti(_) => Some(&sides.right),
        JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => Some(&sides.left),
        _ => None,
    }
}

/// Writes a join with `USING` or `NATURAL` as one with `ON`. Says whether that was possible: it is
/// not if the columns of a side are not known here, or are not there.
pub(super) fn written_out(operator: &mut JoinOperator, frame: &mut Frame, sides: &Sides) -> bool {
    let (value, hidden) = (value_of(operator), hidden(operator, sides).cloned());
    let done = merge(operator, frame, sides, value, hidden.is_some());
    for relation in hidden.into_iter().flatten() {
        frame.relations[relation].hidden = true;
    }
    done
}

fn merge(
    operator: &mut JoinOperator,
    frame: &mut Frame,
    sides: &Sides,
    value: Value,
    one_side: bool,
) -> bool {
    let Some(constraint) = constraint(operator) else { return true };
    let names: Vec<String> = match constraint {
        JoinConstraint::Using(names) => {
            let last = |name: &ObjectName| name.0.last()?.as_ident().map(|part| part.value.clone());
            names.iter().filter_map(last).collect()
        }
        JoinConstraint::Natural => {
            let left = frame.names(&sides.left, &sides.merged_left);
            let right = frame.names(&sides.right, &sides.merged_right);
            let (Some(left), Some(right)) = (left, right) else { return false };
            let shared = |name: &String| right.iter().any(|other| same(name, other));
            left.into_iter().filter(shared).collect()
        }
        JoinConstraint::On(_) | JoinConstraint::None => return true,
    };
    if names.is_empty() {
        if value == Value::Left
            && matches!(operator, JoinOperator::Join(_) | JoinOperator::Inner(_))
        {
            *operator = JoinOperator::CrossJoin(JoinConstraint::None);
            return true;
        }
        return false;
    }
    let mut made = Vec::new();
    let mut conditions: Option<Expr> = None;
    for name in names {
        let left = frame.one(&name, &sides.left, &sides.merged_left);
        let right = frame.one(&name, &sides.right, &sides.merged_right);
        let (Some(left), Some(right)) = (left, right) else { return false };
        let equal = binary(left.value.clone(), BinaryOperator::Eq, right.value.clone());
        conditions = Some(match conditions {
            Some(before) => binary(before, BinaryOperator::And, equal),
            None => equal,
        });
        let (name, of) = match value {
            Value::Right => (right.name.clone(), (right.of.clone(), left.of.clone())),
            _ => (left.name.clone(), (left.of.clone(), right.of.clone())),
        };
        let of = if one_side { of.0 } else { [of.0, of.1].concat() };
        let value = match value {
            Value::Left => left.value,
            Value::Right => right.value,
            Value::Either => coalesce(left.value, right.value),
        };
        made.push(Merged { name, value, of });
    }
    if let Some(on) = conditions {
        *constraint = JoinConstraint::On(on);
    }
    // Those made last come first.
    let begin = sides.merged_left.start;
    let before = frame.merged.split_off(begin);
    let stays = |old: &Merged| !made.iter().any(|new| old.of.iter().any(|of| new.of.contains(of)));
    let stay: Vec<Merged> = before.into_iter().filter(stays).collect();
    frame.merged.extend(made);
    frame.merged.extend(stay);
    true
}

impl Frame {
    /// The columns of some relations, by name; none if they are not known.
    fn names(&self, relations: &Range<usize>, merged: &Range<usize>) -> Option<Vec<String>> {
        let columns = self.columns_in(relations.clone(), merged.clone())?;
        Some(columns.into_iter().map(|column| column.name).collect())
    }

    /// The column of a name, if there is exactly one.
    fn one(&self, name: &str, relations: &Range<usize>, merged: &Range<usize>) -> Option<Merged> {
        let columns = self.columns_in(relations.clone(), merged.clone())?;
        let mut found = columns.into_iter().filter(|column| {
            !twice::is_copy(&column.name) && same(twice::plain(&column.name), name)
        });
        found.next().filter(|_| found.next().is_none())
    }

    /// What some relations show: their merged columns, and then the others of each.
    fn columns_in(&self, relations: Range<usize>, merged: Range<usize>) -> Option<Vec<Merged>> {
        let merged = &self.merged[merged];
        let mut all = merged.to_vec();
        for at in relations {
            let relation = &self.relations[at];
            if relation.hidden {
                continue;
            }
            for name in relation.columns.as_ref()? {
                let of = (at, name.clone());
                if merged.iter().any(|merged| merged.of.contains(&of)) {
                    continue;
                }
                if relation.path.is_empty() {
                    // It cannot be named but by the column alone.
                    let value = Expr::Identifier(Ident::with_quote('`', name));
                    all.push(Merged { name: name.clone(), value, of: vec![of] });
                    continue;
                }
                let path = relation.path.iter().chain([name]);
                let path = path.map(|part| Ident::with_quote('`', part)).collect();
                let value = Expr::CompoundIdentifier(path);
                all.push(Merged { name: name.clone(), value, of: vec![of] });
            }
        }
        Some(all)
    }

    /// All that `*` gives, if columns were merged and all are known.
    pub(super) fn all(&self) -> Option<Vec<Merged>> {
        if self.merged.is_empty() {
            return None;
        }
        let (mut relations, mut merged) = (0, 0);
        let mut all = Vec::new();
        for (relations_end, merged_end) in &self.items {
            all.extend(self.columns_in(relations..*relations_end, merged..*merged_end)?);
            (relations, merged) = (*relations_end, *merged_end);
        }
        Some(all)
    }

    /// What a name stands for, if it is that of one merged column and of nothing else.
    fn merged_value(&self, name: &str) -> Option<&Expr> {
        let mut found = self.merged.iter().filter(|merged| same(&merged.name, name));
        let one = found.next().filter(|_| found.next().is_none())?;
        let elsewhere = self.relations.iter().enumerate().any(|(at, relation)| {
            let columns = relation.columns.iter().flatten();
            let mut columns = columns.filter(|column| !relation.hidden && same(column, name));
            columns.any(|column| !one.of.contains(&(at, column.clone())))
        });
        (!elsewhere).then_some(&one.value)
    }
}

/// What an unqualified name stands for if it is that of columns that are one.
pub(super) fn value(ident: &Ident, frames: &[&Frame]) -> Option<Expr> {
    for frame in frames {
        if let Some(value) = frame.merged_value(&ident.value) {
            return Some(value.clone());
        }
        if !matches!(frame.column(&ident.value), Ok(Found::Nothing))
            || frame.alias(&ident.value).is_some()
        {
            return None;
        }
    }
    None
}

/// An item of a select list for each column that a `*` gives, with what it gives.
pub(super) fn spelled_out(
    all: &[Merged],
    options: &WildcardAdditionalOptions,
    frame: &Frame,
) -> Vec<(SelectItem, Given)> {
    let left_out: Vec<&Ident> = match &options.opt_except {
        Some(except) => {
            std::iter::once(&except.first_element).chain(&except.additional_elements).collect()
        }
        None => Vec::new(),
    };
    let stays = |column: &&Merged| {
        !left_out.iter().any(|ident| same(&ident.value, twice::plain(&column.name)))
    };
    let item = |column: &Merged| {
        let (expr, name) = (column.value.clone(), column.name.clone());
        let given = Given::One { name: name.clone(), source: frame.source(&expr) };
        let item = match expr {
            Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(expr),
            expr => SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('`', name) },
        };
        (item, given)
    };
    all.iter().filter(stays).map(item).collect()
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn coalesce(one: Expr, other: Expr) -> Expr {
    let args = [one, other].map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
