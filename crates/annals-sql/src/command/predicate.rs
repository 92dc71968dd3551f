//! Conditions that the store understands in full, so that nothing else need be asked.

use annals::{Literal, Predicate, col};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// The condition itself, if the store understands all of it.
pub(super) fn exact(expr: &Expr, schema: &Schema) -> Option<Predicate> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(exact(left, schema)?.and(exact(right, schema)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(exact(left, schema)?.or(exact(right, schema)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if let Some(value) = literal(right) {
                return compare(column(left, schema)?, *op, value);
            }
            compare(column(right, schema)?, op.swap()?, literal(left)?)
        }
        Expr::IsNull(inner) => Some(col(column(inner, schema)?).is_null()),
        Expr::IsNotNull(inner) => Some(col(column(inner, schema)?).is_not_null()),
        Expr::InList(list) => {
            let values: Option<Vec<Literal>> = list.list.iter().map(literal).collect();
            let within = col(column(&list.expr, schema)?).is_in(values?);
            Some(if list.negated { within.not() } else { within })
        }
        Expr::Not(inner) => Some(exact(inner, schema)?.not()),
        Expr::Literal(ScalarValue::Boolean(Some(value)), _) => Some(Predicate::literal(*value)),
        _ => None,
    }
}

/// A column whose values the store compares as `DataFusion` does.
fn column<'a>(expr: &'a Expr, schema: &Schema) -> Option<&'a str> {
    let Expr::Column(column) = expr else { return None };
    let field = schema.field_with_name(&column.name).ok()?;
    let known = match field.data_type() {
        // Zeros and NaN are not the same everywhere.
        DataType::Float16 | DataType::Float32 | DataType::Float64 => false,
        other => !other.is_nested(),
    };
    known.then_some(&*column.name)
}

fn literal(expr: &Expr) -> Option<Literal> {
    let Expr::Literal(value, _) = expr else { return None };
    if value.is_null() {
        return None;
    }
    Literal::from_array(value.to_array().ok()?).ok()
}

fn compare(column: &str, operator: Operator, value: Literal) -> Option<Predicate> {
    let column = col(column);
    Some(match operator {
        Operator::Eq => column.eq(value),
        Operator::NotEq => column.ne(value),
        Operator::Lt => column.lt(value),
        Operator::LtEq => column.lt_eq(value),
        Operator::Gt => column.gt(value),
        Operator::GtEq => column.gt_eq(value),
        _ => return None,
    })
}
