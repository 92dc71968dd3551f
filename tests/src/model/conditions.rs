//! Conditions on rows: with three values, as null is neither true nor false.

use super::draft::Cells;
use super::fit::{Refusal, refuse};
use super::step::Where;
use super::world::{Kind, Row, State, Value};

/// Refuses a condition that does not go with the columns.
pub(super) fn bind(state: &State, predicate: &Where, refusal: &str) -> Result<(), Refusal> {
    let column = |name: &str| match state.find(name) {
        Some(at) => Ok(state.columns[at].kind),
        None => refuse(refusal),
    };
    match predicate {
        Where::Is(name, _, value) => {
            let numbers = column(name)? != Kind::Text;
            match numbers == matches!(value, Value::Int(_)) {
                true => Ok(()),
                false => refuse(refusal),
            }
        }
        Where::In(name, values) => match column(name)? {
            Kind::Text if !values.is_empty() => refuse(refusal),
            _ => Ok(()),
        },
        Where::Null(name) => column(name).map(drop),
        Where::Not(inner) => bind(state, inner, refusal),
        Where::And(one, other) | Where::Or(one, other) => {
            bind(state, one, refusal)?;
            bind(state, other, refusal)
        }
    }
}

/// Whether a condition holds for a row: three values, as null is neither.
pub(super) fn holds(state: &State, predicate: &Where, cells: &Cells) -> Option<bool> {
    let value = |name: &str| {
        let at = state.find(name).expect("it was bound");
        cells.get(&state.columns[at].id)
    };
    match predicate {
        Where::Is(name, how, literal) => {
            let order = value(name)?.cmp(literal);
            Some(match *how {
                "=" => order.is_eq(),
                "!=" => order.is_ne(),
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        Where::In(_, values) if values.is_empty() => Some(false),
        Where::In(name, values) => {
            let value = value(name)?;
            Some(values.iter().any(|one| *value == Value::Int(*one)))
        }
        Where::Null(name) => Some(value(name).is_none()),
        Where::Not(inner) => holds(state, inner, cells).map(|holds| !holds),
        Where::And(one, other) => match (holds(state, one, cells), holds(state, other, cells)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Where::Or(one, other) => match (holds(state, one, cells), holds(state, other, cells)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
    }
}

/// The rows that a condition holds for, in order; all if there is none.
pub(super) fn matching<'a>(
    state: &'a State,
    predicate: Option<&'a Where>,
) -> impl Iterator<Item = &'a Row> {
    state.rows.iter().filter(move |row| {
        predicate.is_none_or(|predicate| holds(state, predicate, &row.cells) == Some(true))
    })
}
