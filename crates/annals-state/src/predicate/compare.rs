//! One comparison of two arrays: the only place where values meet, for rows and for statistics.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Scalar};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType};

use super::Operator;
use super::coerce::{self, Way};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// A value for each row.
    Rows(&'a ArrayRef),
    /// One value for all rows: an array of one row.
    One(&'a ArrayRef),
}

/// Compares row by row; null where either is null. Sides in rows are equally long.
pub(super) fn compare(
    operator: Operator,
    way: &Way,
    left: &ArrayRef,
    right: Side<'_>,
) -> Result<BooleanArray, ArrowError> {
    match way {
        Way::Direct => kernel(operator, left, right),
        Way::Cast(to) => {
            let left = coerce::cast(left, to)?;
            match right {
                Side::Rows(right) => kernel(operator, &left, Side::Rows(&coerce::cast(right, to)?)),
                one => kernel(operator, &left, one),
            }
        }
        Way::Null => Ok(BooleanArray::new_null(left.len())),
        Way::Ticks(..) | Way::IntFloat | Way::FloatInt => {
            let (Side::Rows(right) | Side::One(right)) = right;
            by_row(operator, way, left, right)
        }
    }
}

fn kernel(
    operator: Operator,
    left: &ArrayRef,
    right: Side<'_>,
) -> Result<BooleanArray, ArrowError> {
    let apply = match operator {
        Operator::Eq => cmp::eq,
        Operator::NotEq => cmp::neq,
        Operator::Lt => cmp::lt,
        Operator::LtEq => cmp::lt_eq,
        Operator::Gt => cmp::gt,
        Operator::GtEq => cmp::gt_eq,
    };
    match right {
        Side::Rows(right) => apply(left, right),
        Side::One(right) if right.len() == 1 => {
            apply(left, &Scalar::new(right.clone()) as &dyn Datum)
        }
        Side::One(right) => Err(ArrowError::InvalidArgumentError(format!(
            "expected one value, found {}",
            right.len()
        ))),
    }
}

/// The pairs of types that no cast brings together without loss.
fn by_row(
    operator: Operator,
    way: &Way,
    left: &ArrayRef,
    right: &ArrayRef,
) -> Result<BooleanArray, ArrowError> {
    let rows = left.len().min(right.len());
    let integers = |array| coerce::cast(array, &DataType::Decimal128(38, 0));
    let floats = |array| coerce::cast(array, &DataType::Float64);
    let bits = match way {
        Way::IntFloat => {
            let (left, right) = (integers(left)?, floats(right)?);
            let left = left.as_primitive::<Decimal128Type>().values();
            let right = right.as_primitive::<Float64Type>().values();
            let order = |row: usize| int_with_float(left[row], right[row]);
            BooleanBuffer::collect_bool(rows, |row| operator.holds(order(row)))
        }
        Way::FloatInt => {
            let (left, right) = (floats(left)?, integers(right)?);
            let left = left.as_primitive::<Float64Type>().values();
            let right = right.as_primitive::<Decimal128Type>().values();
            let order = |row: usize| int_with_float(right[row], left[row]).reverse();
            BooleanBuffer::collect_bool(rows, |row| operator.holds(order(row)))
        }
        way => {
            let (left_tick, right_tick) = match way {
                Way::Ticks(left, right) => (i128::from(*left), i128::from(*right)),
                _ => (1, 1),
            };
            let (left, right) = (coerce::ticks(left)?, coerce::ticks(right)?);
            let time = |count: i64, tick: i128| i128::from(count) * tick;
            let order = |row: usize| {
                time(left.values()[row], left_tick).cmp(&time(right.values()[row], right_tick))
            };
            BooleanBuffer::collect_bool(rows, |row| operator.holds(order(row)))
        }
    };
    let (left, right) = (left.logical_nulls(), right.logical_nulls());
    Ok(BooleanArray::new(bits, NullBuffer::union(left.as_ref(), right.as_ref())))
}

/// The exact order of an integer of 64 bits and a float; an integer's zero is 0.0.
pub(super) fn int_with_float(int: i128, float: f64) -> Ordering {
    // Rounding keeps the order, but may make equal what is not.
    let near = int as f64;
    near.total_cmp(&float).then_with(|| int.cmp(&(near as i128)))
}

impl Operator {
    /// Whether it holds between values in this order.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::NotEq => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::LtEq => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::GtEq => order.is_ge(),
        }
    }
}
