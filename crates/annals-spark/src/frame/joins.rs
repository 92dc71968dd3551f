//! Frames joined on a condition.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, ExprSchemable, JoinType, LogicalPlan, LogicalPlanBuilder};

use super::depth::with_room;
use super::{DataFrame, shown_name, twice};
use crate::column::Column;
use crate::error::SparkError;
use crate::types::sql_string;

/// The kind of join that is meant; none for that of every row with every row.
pub(super) fn join_type(how: &str) -> Result<Option<JoinType>, SparkError> {
    Ok(Some(match how.to_lowercase().replace('_', "").as_str() {
        "inner" => JoinType::Inner,
        "left" | "leftouter" => JoinType::Left,
        "right" | "rightouter" => JoinType::Right,
        "full" | "outer" | "fullouter" => JoinType::Full,
        "semi" | "leftsemi" => JoinType::LeftSemi,
        "anti" | "leftanti" => JoinType::LeftAnti,
        "cross" => return Ok(None),
        _ => return Err(SparkError::new("UNSUPPORTED_JOIN_TYPE", [("typ", how)])),
    }))
}

impl DataFrame {
    /// The two joined where a condition holds, with all columns of both. `how` is as for
    /// [`join`](Self::join). Columns that both have are told apart by [`alias`](Self::alias).
    ///
    /// # Errors
    ///
    /// `AMBIGUOUS_REFERENCE` if the condition names a column that both have,
    /// `JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE` if it is none; [`SparkError`] if the way is unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::Store;
    /// use annals_spark::Session;
    /// use annals_spark::functions::col;
    ///
    /// let spark = Session::new(&Store::in_memory());
    /// let (all, few) = (spark.range(0, 9, 1)?.alias("a")?, spark.range(0, 3, 1)?.alias("b")?);
    /// let joined = all.join_on(&few, col("a.id").eq(col("b.id") + 1), "left")?;
    /// assert_eq!(joined.columns(), ["id", "id"]);
    /// assert_eq!(joined.select([col("a.id")])?.columns(), ["id"]);
    /// # Ok::<(), annals_spark::SparkError>(())
    /// ```
    pub fn join_on(&self, other: &Self, on: Column, how: &str) -> Result<Self, SparkError> {
        // As in Spark, what the rows are to have in common counts.
        let kind = join_type(how)?.unwrap_or(JoinType::Inner);
        let plan = with_room(self.levels().max(other.levels()), || {
            let mut exprs = self.own_columns();
            exprs.extend(other.own_columns());
            let mut left = twice::told_apart(exprs);
            let right = left.split_off(self.plan.schema().fields().len());
            let (left, right) = (self.with_own(left)?, other.with_own(right)?);
            // The condition sees both sides, also where the result has one of them.
            let both = LogicalPlanBuilder::from(Arc::clone(&left)).cross_join(owned(&right));
            let both =
                both.and_then(LogicalPlanBuilder::build).map_err(|error| self.told(error))?;
            let condition = self.join_condition(on, &Arc::new(both))?;
            let joined = LogicalPlanBuilder::from(left).join_on(owned(&right), kind, [condition]);
            joined.and_then(LogicalPlanBuilder::build).map_err(|error| self.told(error))
        })?;
        self.joined(other, plan)
    }

    /// The plan of these columns of its own, which may have other qualifiers.
    fn with_own(&self, exprs: Vec<Expr>) -> Result<Arc<LogicalPlan>, SparkError> {
        match exprs.iter().all(|expr| matches!(expr, Expr::Column(_))) {
            true => Ok(Arc::clone(&self.plan)),
            false => Ok(self.build(|builder| builder.project(exprs))?.plan),
        }
    }

    fn join_condition(&self, on: Column, both: &Arc<LogicalPlan>) -> Result<Expr, SparkError> {
        let mut exprs = on.resolve(&self.session, both)?;
        let (Some(condition), true) = (exprs.pop(), exprs.is_empty()) else {
            return Err(SparkError::other("one condition was expected to join on"));
        };
        let name = shown_name(&condition);
        let condition = condition.unalias();
        if !find_aggregate_exprs([&condition]).is_empty()
            || !find_window_exprs([&condition]).is_empty()
        {
            return Err(SparkError::other(format!(
                "the condition \"{name}\" of a join cannot have aggregates or windows"
            )));
        }
        match condition.get_type(both.schema()).map_err(|error| self.told(error))? {
            DataType::Boolean => Ok(condition),
            other => Err(SparkError::new(
                "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
                [
                    ("joinCondition", format!("\"{name}\"")),
                    ("conditionType", format!("\"{}\"", sql_string(&other))),
                ],
            )),
        }
    }
}

fn owned(plan: &Arc<LogicalPlan>) -> LogicalPlan {
    plan.as_ref().clone()
}

#[cfg(test)]
mod tests {
    use crate::functions::{col, count, expr, lit, sum};
    use crate::testing::{people, run, texts};

    #[test]
    fn frames_are_joined_on_any_condition_in_every_way() {
        run(|spark| async move {
            let left = people(&spark, &[(1, "a"), (2, "b"), (3, "c")]).alias("l")?;
            let right = people(&spark, &[(2, "x"), (3, "y"), (4, "z")]).alias("r")?;
            let same = || col("l.id").eq(col("R.ID"));
            let (first, second) = (["1 a NULL NULL"], ["NULL NULL 4 z"]);
            let both = ["2 b 2 x", "3 c 3 y"];
            for (how, rows) in [
                ("inner", both.to_vec()),
                ("cross", both.to_vec()),
                ("left_outer", [&first[..], &both].concat()),
                ("right", [&both[..], &second].concat()),
                ("full", [&first[..], &both, &second].concat()),
                ("leftsemi", vec!["2 b", "3 c"]),
                ("left_anti", vec!["1 a"]),
            ] {
                let joined = left.join_on(&right, same(), how)?;
                assert_eq!(texts(&joined).await?, rows, "{how}");
                let columns = if rows[0].len() > 3 { 4 } else { 2 };
                let names = ["id", "name", "id", "name"];
                assert_eq!(joined.columns(), names[..columns], "{how}");
            }
            let less = col("l.id").lt(col("r.id")).and(col("r.name").not_eq("z"));
            let less = left.join_on(&right, less, "left")?;
            assert_eq!(texts(&less).await?, ["1 a 2 x", "1 a 3 y", "2 b 3 y", "3 c NULL NULL"]);
            assert_eq!(left.join_on(&right, lit(true), "full")?.count().await?, 9);
            assert_eq!(left.join_on(&right, lit(false), "left")?.count().await?, 3);
            assert!(left.join_on(&right, same(), "sideways").is_err());
            Ok(())
        });
    }

    #[test]
    fn an_alias_goes_on_telling_columns_apart() {
        run(|spark| async move {
            let frame = people(&spark, &[(1, "a"), (2, "b")]);
            let pairs = frame.alias("a")?.join_on(
                &frame.alias("b")?,
                col("a.id").lt(col("b.id")),
                "inner",
            )?;
            let chosen =
                pairs.select([col("b.ID"), col("a.name"), col("b.*"), col("a.id") + 10])?;
            assert_eq!(chosen.columns(), ["ID", "name", "id", "name", "(id + 10)"]);
            assert_eq!(texts(&chosen).await?, ["2 a 2 b 11"]);
            let later = pairs
                .select(["a.id", "b.id", "b.name"])?
                .filter(col("b.id").gt(1))?
                .with_column("n", col("a.id") * 5)?
                .order_by([col("a.id").desc()])?;
            assert_eq!(later.columns(), ["id", "id", "name", "n"]);
            assert_eq!(texts(&later.select([col("a.id"), col("n")])?).await?, ["1 5"]);
            let told = pairs.group_by(["b.name"])?.agg([sum("a.id"), count("*")])?;
            assert_eq!(told.columns(), ["name", "sum(id)", "count(1)"]);
            assert_eq!(texts(&told).await?, ["b 1 1"]);
            // A third frame, and a frame under a name of its own again.
            let third = frame.alias("c")?;
            let three = pairs.join_on(&third, col("c.id").eq(col("b.id")), "left")?;
            assert_eq!(texts(&three.select(["a.id", "b.id", "c.name"])?).await?, ["1 2 b"]);
            let named = pairs.select([col("a.id"), col("b.name")])?.alias("p")?;
            assert_eq!(texts(&named.select(["p.*"])?).await?, ["1 b"]);
            assert_eq!(texts(&named.select(["`p`.`id`"])?).await?, ["1"]);
            assert!(named.select(["a.id"]).is_err());
            Ok(())
        });
    }

    #[test]
    fn what_is_no_condition_of_a_join_is_told() {
        run(|spark| async move {
            let frame = people(&spark, &[(1, "a")]);
            let (a, b) = (frame.alias("a")?, frame.alias("b")?);
            let refused = |on| a.join_on(&b, on, "left_semi").unwrap_err();
            let number = refused(col("a.id") + 1);
            assert_eq!(number.condition(), Some("JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE"));
            assert_eq!(number.sqlstate(), Some("42K0E"));
            assert_eq!(number.parameter("joinCondition"), Some("\"(id + 1)\""));
            assert_eq!(number.parameter("conditionType"), Some("\"INT\""));
            let shared = refused(col("id").eq(1));
            assert_eq!(shared.condition(), Some("AMBIGUOUS_REFERENCE"));
            let missing = refused(col("c.id").eq(1));
            assert_eq!(missing.condition(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
            assert!(refused(sum("a.id").gt(1)).to_string().contains("aggregates"));
            assert!(refused(col("a.*")).to_string().contains("one condition"));
            let star = a.select(["b.*"]).unwrap_err();
            assert_eq!(star.condition(), Some("CANNOT_RESOLVE_STAR_EXPAND"));
            assert_eq!(star.parameter("columns"), Some("`id`, `name`"));
            // Without names of their own two frames may be joined, and told apart by nothing.
            let both = frame.join_on(&frame, expr("1 < 2"), "inner")?;
            assert_eq!(texts(&both).await?, ["1 a 1 a"]);
            assert_eq!(both.select(["id"]).unwrap_err().condition(), Some("AMBIGUOUS_REFERENCE"));
            Ok(())
        });
    }
}
