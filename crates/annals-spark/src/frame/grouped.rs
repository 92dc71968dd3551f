//! Rows in groups, and what is told of each group.

use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::find_aggregate_exprs;

use super::DataFrame;
use crate::column::{Column, replaced};
use crate::error::SparkError;

/// What a column of an expression is called.
pub(crate) fn shown_name(expr: &Expr) -> String {
    match expr {
        Expr::Alias(alias) => alias.name.clone(),
        Expr::Column(column) => column.name.clone(),
        other => other.schema_name().to_string(),
    }
}

/// Rows in groups; see [`DataFrame::group_by`].
#[derive(Clone, Debug)]
pub struct GroupedData {
    frame: DataFrame,
    keys: Vec<Expr>,
}

impl GroupedData {
    pub(crate) fn new(frame: DataFrame, keys: Vec<Expr>) -> Self {
        Self { frame, keys }
    }

    /// The keys and these aggregates of each group.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn agg<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<DataFrame, SparkError> {
        let mut exprs = Vec::new();
        for column in columns {
            exprs.extend(column.into().resolve(&self.frame.session, &self.frame.plan)?);
        }
        self.aggregate(exprs)
    }

    /// Expressions over the keys and over aggregates, of each group.
    pub(super) fn aggregate(&self, exprs: Vec<Expr>) -> Result<DataFrame, SparkError> {
        // Aliases stand above the aggregation, so that no key is computed twice; what is asked for
        // twice is computed once.
        let mut keys: Vec<Expr> = Vec::new();
        for key in &self.keys {
            let key = key.clone().unalias();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut aggregates = find_aggregate_exprs(&exprs);
        if keys.is_empty() && aggregates.is_empty() {
            // One row, whatever is in it.
            aggregates.push(expr_fn::count(datafusion::logical_expr::lit(1)));
        }
        let known = keys.iter().chain(&aggregates).cloned();
        let known: Vec<Expr> = known.collect();
        let grouped = self.frame.build(|builder| builder.aggregate(keys, aggregates))?;
        let columns: Vec<(Expr, Expr)> = known.into_iter().zip(grouped.own_columns()).collect();
        let asked = self.keys.iter().cloned().chain(exprs);
        let named = asked.map(|expr| {
            let name = shown_name(&expr);
            let computed = replaced(expr.clone().unalias(), &columns);
            let stray = computed.column_refs().into_iter().find(|column| {
                !columns
                    .iter()
                    .any(|(_, known)| matches!(known, Expr::Column(known) if known == *column))
            });
            match stray {
                Some(_) if self.keys.is_empty() => Err(SparkError::plain("MISSING_GROUP_BY")),
                Some(column) => Err(SparkError::new(
                    "MISSING_AGGREGATION",
                    [
                        ("expression", format!("\"{}\"", column.name)),
                        ("expressionAnyValue", format!("\"any_value({})\"", column.name)),
                    ],
                )),
                None => Ok(computed.alias(name)),
            }
        });
        grouped.project(named.collect::<Result<_, _>>()?)
    }

    /// The keys, and in a column `count` how many rows each group has.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn count(&self) -> Result<DataFrame, SparkError> {
        self.aggregate(vec![expr_fn::count(datafusion::logical_expr::lit(1)).alias("count")])
    }

    /// The keys and what `of` makes of each of these columns; of all numeric ones if none is given.
    fn of_each(&self, columns: &[&str], of: fn(Column) -> Column) -> Result<DataFrame, SparkError> {
        if !columns.is_empty() {
            return self.agg(columns.iter().map(|column| of((*column).into())));
        }
        let schema = self.frame.plan.schema();
        let keys: Vec<Expr> = self.keys.iter().map(|key| key.clone().unalias()).collect();
        let numeric =
            schema.columns().into_iter().zip(schema.fields()).filter_map(|(column, field)| {
                let column = Expr::Column(column);
                let wanted = field.data_type().is_numeric() && !keys.contains(&column);
                wanted.then(|| of(column.into()))
            });
        self.agg(numeric)
    }

    /// The keys and the sum of each of these columns; of all numeric ones if none is given.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn sum(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.of_each(columns, crate::functions::sum)
    }

    /// The keys and the mean of each of these columns; of all numeric ones if none is given.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn avg(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.of_each(columns, crate::functions::avg)
    }

    /// The same as [`avg`](Self::avg).
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn mean(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.avg(columns)
    }

    /// The keys and the smallest value of each of these columns; of all numeric ones if none is given.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn min(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.of_each(columns, crate::functions::min)
    }

    /// The keys and the largest value of each of these columns; of all numeric ones if none is given.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn max(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.of_each(columns, crate::functions::max)
    }
}
