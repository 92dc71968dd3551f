//! `count(*)` over a table, answered where it stands in the plan.
//!
//! `DataFusion` answers it from statistics too, but only after it has planned the scan and two
//! aggregates over it. What is left here for its other rules is a row of literals.

use std::sync::Arc;

use annals::TableKind;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, TableScan, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::table::AnnalsTable;

/// Puts the number of rows in the place of an aggregate that counts the rows of a table.
#[derive(Debug, Default)]
pub(crate) struct AnswerCounts;

impl OptimizerRule for AnswerCounts {
    fn name(&self) -> &'static str {
        "answer_counts"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(rows) = rows_counted(aggregate) else { return Ok(Transformed::no(plan)) };
        let answers = aggregate.schema.iter().map(|(qualifier, field)| {
            lit(ScalarValue::Int64(Some(rows))).alias_qualified(qualifier.cloned(), field.name())
        });
        let row = LogicalPlanBuilder::empty(true).project(answers)?.build()?;
        Ok(Transformed::yes(row))
    }
}

/// How many rows the table has, if the aggregate only counts its rows.
fn rows_counted(aggregate: &Aggregate) -> Option<i64> {
    let (groups, counts) = (&aggregate.group_expr, &aggregate.aggr_expr);
    if !groups.is_empty() || counts.is_empty() || !counts.iter().all(counts_rows) {
        return None;
    }
    let scan = scan_below(&aggregate.input)?;
    let provider = source_as_provider(&scan.source).ok()?;
    let table = provider.downcast_ref::<AnnalsTable>()?.table();
    if matches!(table.kind(), TableKind::View { .. }) {
        return None;
    }
    // In a transaction all rows count as read by that.
    i64::try_from(table.row_count()).ok()
}

/// `count(*)`, `count(1)` and their like.
fn counts_rows(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => counts_rows(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            *func == count_udaf()
                && !params.distinct
                && params.filter.is_none()
                && matches!(&params.args[..], [Expr::Literal(value, _)] if !value.is_null())
        }
        _ => false,
    }
}

/// The scan of all rows of a table that is under names only.
fn scan_below(plan: &Arc<LogicalPlan>) -> Option<&TableScan> {
    match plan.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => scan_below(&alias.input),
        LogicalPlan::Projection(projection) => {
            let is_column = |expr: &Expr| matches!(expr.clone().unalias(), Expr::Column(_));
            projection.expr.iter().all(is_column).then(|| scan_below(&projection.input))?
        }
        LogicalPlan::TableScan(scan) => {
            (scan.filters.is_empty() && scan.fetch.is_none()).then_some(scan)
        }
        _ => None,
    }
}
