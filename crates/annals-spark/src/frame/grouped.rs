//! Rows in groups, and what is told of each group.

use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::Expr;

use super::DataFrame;
use crate::column::Column;
use crate::error::SparkError;

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

    fn aggregate(&self, exprs: Vec<Expr>) -> Result<DataFrame, SparkError> {
        // Aliases stand above the aggregation, so that no key is computed twice.
        let keys: Vec<Expr> = self.keys.iter().map(|key| key.clone().unalias()).collect();
        let shown = |expr: &Expr| match expr {
            Expr::Alias(alias) => alias.name.clone(),
            Expr::Column(column) => column.name.clone(),
            other => other.schema_name().to_string(),
        };
        let names: Vec<String> = self.keys.iter().chain(&exprs).map(shown).collect();
        // What is asked for twice is computed once.
        let mut places = Vec::new();
        let mut once = |exprs: Vec<Expr>, before: usize| {
            let mut found: Vec<Expr> = Vec::new();
            for expr in exprs {
                let place = found.iter().position(|known| *known == expr);
                places.push(before + place.unwrap_or(found.len()));
                if place.is_none() {
                    found.push(expr);
                }
            }
            found
        };
        let keys = once(keys, 0);
        let bare = once(exprs.into_iter().map(Expr::unalias).collect(), keys.len());
        let grouped = self.frame.build(|builder| builder.aggregate(keys, bare))?;
        let columns = grouped.own_columns();
        let named = places.into_iter().zip(names);
        grouped.project(named.map(|(place, name)| columns[place].clone().alias(name)).collect())
    }

    /// The keys, and in a column `count` how many rows each group has.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn count(&self) -> Result<DataFrame, SparkError> {
        self.aggregate(vec![expr_fn::count(datafusion::logical_expr::lit(1)).alias("count")])
    }

    /// The keys and the sum of each of these columns.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn sum(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.agg(columns.iter().map(|column| crate::functions::sum(*column)))
    }

    /// The keys and the mean of each of these columns.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn avg(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.agg(columns.iter().map(|column| crate::functions::avg(*column)))
    }

    /// The keys and the smallest value of each of these columns.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn min(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.agg(columns.iter().map(|column| crate::functions::min(*column)))
    }

    /// The keys and the largest value of each of these columns.
    ///
    /// # Errors
    ///
    /// As for [`DataFrame::select`].
    pub fn max(&self, columns: &[&str]) -> Result<DataFrame, SparkError> {
        self.agg(columns.iter().map(|column| crate::functions::max(*column)))
    }
}
