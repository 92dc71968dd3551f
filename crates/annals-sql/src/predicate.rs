//! Filters of `DataFusion` as predicates of the store.
//!
//! A serializable transaction notes which rows a statement has read, by a predicate. A predicate
//! that lets through more rows than the filter is sound: so what has no counterpart is left out of
//! a conjunction, and nothing is guessed.

use annals::{Literal, Predicate, col};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// What the rows match, at least, that all these filters let through; none if nothing can be said.
pub(crate) fn of_filters(filters: &[Expr], schema: &SchemaRef) -> Option<Predicate> {
    let parts = filters.iter().filter_map(|filter| loose(filter, schema));
    parts.reduce(Predicate::and)
}

/// A predicate that every row matches for which `filter` is true.
fn loose(filter: &Expr, schema: &SchemaRef) -> Option<Predicate> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (loose(left, schema), loose(right, schema)) {
                (Some(left), Some(right)) => Some(left.and(right)),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(loose(left, schema)?.or(loose(right, schema)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
            (Expr::Column(column), Expr::Literal(value, _)) => compare(column, *op, value, schema),
            (Expr::Literal(value, _), Expr::Column(column)) => {
                compare(column, op.swap()?, value, schema)
            }
            _ => None,
        },
        Expr::Between(between) if !between.negated => {
            match (&*between.expr, &*between.low, &*between.high) {
                (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => {
                    let low = compare(column, Operator::GtEq, low, schema)?;
                    Some(low.and(compare(column, Operator::LtEq, high, schema)?))
                }
                _ => None,
            }
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = &*list.expr else { return None };
            let values = list.list.iter().map(|value| match value {
                Expr::Literal(value, _) => literal(column, value, schema),
                _ => None,
            });
            Some(col(&column.name).is_in(values.collect::<Option<Vec<_>>>()?))
        }
        Expr::IsNull(inner) => match &**inner {
            Expr::Column(column) => Some(col(&column.name).is_null()),
            _ => None,
        },
        Expr::IsNotNull(inner) => match &**inner {
            Expr::Column(column) => Some(col(&column.name).is_not_null()),
            _ => None,
        },
        _ => None,
    }
}

fn compare(
    column: &Column,
    op: Operator,
    value: &ScalarValue,
    schema: &SchemaRef,
) -> Option<Predicate> {
    let value = literal(column, value, schema)?;
    let column = col(&column.name);
    match op {
        Operator::Eq => Some(column.eq(value)),
        Operator::NotEq => Some(column.ne(value)),
        Operator::Lt => Some(column.lt(value)),
        Operator::LtEq => Some(column.lt_eq(value)),
        Operator::Gt => Some(column.gt(value)),
        Operator::GtEq => Some(column.gt_eq(value)),
        _ => None,
    }
}

/// A literal of the column's own type: then both sides compare it alike.
fn literal(column: &Column, value: &ScalarValue, schema: &SchemaRef) -> Option<Literal> {
    let field = schema.field_with_name(&column.name).ok()?;
    if value.is_null()
        || value.data_type() != *field.data_type()
        || has_own_order(field.data_type())
    {
        return None;
    }
    Literal::from_array(value.to_array().ok()?).ok()
}

/// Types whose values are not compared everywhere alike.
fn has_own_order(kind: &DataType) -> bool {
    kind.is_floating() || kind.is_nested() || matches!(kind, DataType::Interval(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::prelude::{col as name, lit};

    use super::*;

    fn shown(filter: &Expr) -> Option<String> {
        let kinds = [("n", DataType::Int64), ("t", DataType::Utf8), ("x", DataType::Float64)];
        let fields = kinds.map(|(name, kind)| Field::new(name, kind, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        of_filters(std::slice::from_ref(filter), &schema).map(|predicate| predicate.to_string())
    }

    #[test]
    fn what_has_a_counterpart_is_said() {
        let cases = [
            (name("n").gt(lit(3_i64)), "n > 3"),
            (lit(3_i64).gt(name("n")), "n < 3"),
            (name("n").between(lit(1_i64), lit(2_i64)), "n >= 1 AND n <= 2"),
            (name("t").eq(lit("a")).or(name("n").is_null()), "t = 'a' OR n IS NULL"),
            (name("n").in_list(vec![lit(1_i64), lit(2_i64)], false), "n IN (1, 2)"),
        ];
        for (filter, expected) in cases {
            assert_eq!(shown(&filter).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_has_none_widens_the_predicate_and_never_narrows_it() {
        let odd = (name("n") % lit(2_i64)).eq(lit(1_i64));
        assert_eq!(shown(&odd), None);
        assert_eq!(shown(&name("n").gt(lit(3_i64)).and(odd.clone())).as_deref(), Some("n > 3"));
        assert_eq!(shown(&name("n").gt(lit(3_i64)).or(odd)), None);
        assert_eq!(shown(&name("n").in_list(vec![lit(1_i64)], true)), None);
        assert_eq!(shown(&name("x").gt(lit(0.0))), None);
        assert_eq!(shown(&name("n").gt(lit(3_i32))), None);
    }
}
