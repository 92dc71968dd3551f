//! `NOT IN` over columns that may be null and never are.
//!
//! What Spark saves as a table may be null in every column, whether anything is or not. A join for
//! `NOT IN` has to mind nulls then: it can neither be turned around nor divided. Statistics say
//! which columns hold none in this version.

use annals::TableKind;
use datafusion::common::JoinType;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::table::AnnalsTable;

/// Tells joins that neither of their keys is ever null.
#[derive(Debug, Default)]
pub(crate) struct KnowNoNulls;

impl OptimizerRule for KnowNoNulls {
    fn name(&self) -> &'static str {
        "know_no_nulls"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
        let are_values = join.null_aware
            && !join.on.is_empty()
            && join.on.iter().all(|(left, right)| {
                is_never_null(&join.left, left) && is_never_null(&join.right, right)
            });
        join.null_aware &= !are_values;
        let plan = LogicalPlan::Join(join);
        Ok(if are_values { Transformed::yes(plan) } else { Transformed::no(plan) })
    }
}

/// Whether an expression over the rows of a plan is known to have a value in each of them.
fn is_never_null(plan: &LogicalPlan, expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) => plan
            .schema()
            .index_of_column(column)
            .is_ok_and(|place| is_column_never_null(plan, place)),
        // A value that cannot be cast is an error.
        Expr::Cast(cast) => is_never_null(plan, &cast.expr),
        Expr::Alias(alias) => is_never_null(plan, &alias.expr),
        _ => false,
    }
}

fn is_column_never_null(plan: &LogicalPlan, place: usize) -> bool {
    if !plan.schema().field(place).is_nullable() {
        return true;
    }
    match plan {
        LogicalPlan::TableScan(scan) => is_never_null_in(scan, plan.schema().field(place).name()),
        LogicalPlan::Projection(projection) => {
            is_never_null(&projection.input, &projection.expr[place])
        }
        LogicalPlan::SubqueryAlias(alias) => is_column_never_null(&alias.input, place),
        LogicalPlan::Filter(filter) => is_column_never_null(&filter.input, place),
        LogicalPlan::Sort(sort) => is_column_never_null(&sort.input, place),
        LogicalPlan::Limit(limit) => is_column_never_null(&limit.input, place),
        LogicalPlan::Distinct(Distinct::All(input)) => is_column_never_null(input, place),
        LogicalPlan::Aggregate(aggregate) => {
            let group = aggregate.group_expr.get(place);
            group.is_some_and(|group| is_never_null(&aggregate.input, group))
        }
        LogicalPlan::Join(join) => {
            use JoinType::{Inner, Left, LeftAnti, LeftSemi, Right, RightAnti, RightSemi};
            let lefts = join.left.schema().fields().len();
            match join.join_type {
                Inner | Left if place < lefts => is_column_never_null(&join.left, place),
                Inner | Right if place >= lefts => is_column_never_null(&join.right, place - lefts),
                LeftSemi | LeftAnti => is_column_never_null(&join.left, place),
                RightSemi | RightAnti => is_column_never_null(&join.right, place),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a table has no null in a column, those in rows that were deleted included.
fn is_never_null_in(scan: &TableScan, column: &str) -> bool {
    let Ok(provider) = source_as_provider(&scan.source) else { return false };
    let Some(table) = provider.downcast_ref::<AnnalsTable>() else { return false };
    if matches!(table.table().kind(), TableKind::View { .. }) {
        return false;
    }
    // In a transaction all rows count as read.
    let Ok(chunks) = table.table().chunks(None) else { return false };
    let Ok(place) = chunks.schema().index_of(column) else { return false };
    (0..chunks.len()).all(|chunk| chunks.null_count(chunk, place).0 == 0)
}
