//! `CASE`: a column that is one of several values, after the first condition that holds.

use datafusion::common::DFSchema;
use datafusion::logical_expr::type_coercion::other::get_coerce_type_for_case_expression;
use datafusion::logical_expr::{Case, Expr, ExprSchemable, cast};

use super::{Column, Kind, Operand};
use crate::error::SparkError;
use crate::frame::shown_name;

/// Begins one; see [`when`](crate::functions::when).
pub(crate) fn begun(condition: Column, value: impl Operand) -> Column {
    Column::of(Kind::Case(vec![condition, value.into_column()]))
}

impl Column {
    /// Another condition and its value, for the rows for which none before it holds. Only behind
    /// [`when`](crate::functions::when).
    #[must_use]
    pub fn when(self, condition: Self, value: impl Operand) -> Self {
        self.continued("when", [condition, value.into_column()])
    }

    /// The value where no condition holds; null without it. Only behind
    /// [`when`](crate::functions::when).
    #[must_use]
    pub fn otherwise(self, value: impl Operand) -> Self {
        self.continued("otherwise", [value.into_column()])
    }

    fn continued<const N: usize>(self, called: &str, more: [Self; N]) -> Self {
        match self.kind {
            // Pairs, as long as there is no value for all other rows.
            Kind::Case(mut parts) if self.alias.is_none() && parts.len().is_multiple_of(2) => {
                parts.extend(more);
                Self::of(Kind::Case(parts))
            }
            // What was wrong before is what there is to tell.
            Kind::Wrong(_) => self,
            Kind::Case(_) if self.alias.is_none() => Self::wrong(SparkError::other(format!(
                "{called}() cannot follow otherwise(), which ends the conditions"
            ))),
            _ => Self::wrong(SparkError::other(format!(
                "{called}() can only follow a column of when(), without a name of its own"
            ))),
        }
    }
}

/// The expression, under the name that Spark gives it. Conditions and values take turns, and one
/// value may stand alone at the end.
pub(super) fn over(parts: Vec<Expr>, schema: &DFSchema) -> Result<Expr, SparkError> {
    let names: Vec<String> = parts.iter().map(shown_name).collect();
    let mut parts: Vec<Expr> = parts.into_iter().map(Expr::unalias).collect();
    let (pairs, last) = names.as_chunks::<2>();
    let mut name = "CASE".to_owned();
    for [condition, value] in pairs {
        name += &format!(" WHEN {condition} THEN {value}");
    }
    for value in last {
        name += &format!(" ELSE {value}");
    }
    name += " END";
    let otherwise = (!last.is_empty()).then(|| parts.pop()).flatten();
    let mut parts = parts.into_iter();
    let mut cases = Vec::new();
    while let (Some(condition), Some(value)) = (parts.next(), parts.next()) {
        cases.push((Box::new(condition), value));
    }
    let values: Vec<&Expr> = cases.iter().map(|(_, value)| value).chain(&otherwise).collect();
    // The type is known at once, as that of any other column.
    let types: Result<Vec<_>, _> = values.iter().map(|value| value.get_type(schema)).collect();
    let common = match types.as_deref() {
        Ok([first, others @ ..]) => get_coerce_type_for_case_expression(others, Some(first)),
        _ => None,
    };
    let typed = |value: Expr| match &common {
        Some(common) if value.get_type(schema).is_ok_and(|found| found != *common) => {
            Box::new(cast(value, common.clone()))
        }
        _ => Box::new(value),
    };
    let cases = cases.into_iter().map(|(condition, value)| (condition, typed(value))).collect();
    Ok(Expr::Case(Case::new(None, cases, otherwise.map(typed))).alias(name))
}

#[cfg(test)]
mod tests {
    use crate::functions::{col, expr, lit, when};
    use crate::testing::{people, run, texts};

    #[test]
    fn the_first_condition_that_holds_says_the_value() {
        run(|spark| async move {
            let frame = people(&spark, &[(1, "a"), (5, "b"), (9, "c")]);
            let begun = when(col("id").gt(6), "large").when(col("id").gt(3), col("name"));
            let sized = frame.select([col("id"), begun.clone().otherwise("small")])?;
            let name = "CASE WHEN (id > 6) THEN large WHEN (id > 3) THEN name ELSE small END";
            assert_eq!(sized.columns(), ["id", name]);
            assert_eq!(texts(&sized).await?, ["1 small", "5 b", "9 large"]);
            let open = frame.select([col("id"), begun.clone()])?;
            let name = "CASE WHEN (id > 6) THEN large WHEN (id > 3) THEN name END";
            assert_eq!(open.columns()[1], name);
            assert_eq!(texts(&open).await?, ["1 NULL", "5 b", "9 large"]);
            // It is a column like others.
            let kept = frame.filter(when(col("id").eq(1), true).otherwise(expr("name = 'c'")))?;
            assert_eq!(texts(&kept).await?, ["1 a", "9 c"]);
            let named = frame.with_column("size", begun.alias("x"))?;
            assert_eq!(named.columns(), ["id", "name", "size"]);
            Ok(())
        });
    }

    #[test]
    fn the_type_holds_every_value_and_is_known_at_once() {
        run(|spark| async move {
            let frame = people(&spark, &[(1, "a"), (5, "b")]);
            let mixed = when(col("id").gt(3), col("id")).otherwise(0.5);
            let mixed = frame.select([mixed.alias("n")])?;
            assert_eq!(mixed.dtypes(), [("n".to_owned(), "double".to_owned())]);
            assert_eq!(texts(&mixed).await?, ["0.5", "5.0"]);
            let null = crate::Value::Null;
            let empty = frame.select([when(col("id").gt(3), null).otherwise(7).alias("n")])?;
            assert_eq!(empty.dtypes()[0].1, "int");
            assert_eq!(texts(&empty).await?, ["7", "NULL"]);
            Ok(())
        });
    }

    #[test]
    fn conditions_follow_conditions_alone() {
        run(|spark| async move {
            let frame = people(&spark, &[(1, "a")]);
            let of = || when(col("id").eq(1), 1);
            let ended = of().otherwise(2);
            for (column, why) in [
                (ended.clone().when(col("id").eq(2), 3), "when() cannot follow otherwise()"),
                (ended.otherwise(3), "otherwise() cannot follow otherwise()"),
                (col("id").otherwise(3), "otherwise() can only follow a column of when()"),
                (lit(1).when(col("id").eq(2), 3), "when() can only follow a column of when()"),
                (of().alias("x").otherwise(3), "without a name of its own"),
                (when(col("*"), 1), "one column was expected in when()"),
            ] {
                let error = frame.select([column]).unwrap_err();
                assert!(error.to_string().contains(why), "{error}");
            }
            Ok(())
        });
    }
}
