//! Whole numbers in queries are `INT` where they fit, as Spark reads them.
//!
//! `DataFusion` reads every whole number as a `BIGINT`. A number that was declared one (`3L`, `CAST(3
//! AS BIGINT)`) comes to the plan as a cast, so a literal of 64 bits is one that was not.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Values};

/// The plan with numbers of 32 bits where they fit, and the types that follow from that.
pub(crate) fn as_spark_reads_them(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|plan| match plan {
        // How many rows are asked for is no value of a column.
        LogicalPlan::Limit(_) | LogicalPlan::TableScan(_) => Ok(Transformed::no(plan)),
        LogicalPlan::Values(Values { values, schema }) => narrow_values(values, &schema),
        plan => {
            // Above, columns are known by the names that the wide literals gave them.
            let names = NamePreserver::new(&plan);
            let changed = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| Ok(narrow(expr)))?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })?;
            if changed.transformed {
                return Ok(Transformed::yes(changed.data.recompute_schema()?));
            }
            Ok(changed)
        }
    })?;
    if !changed.transformed {
        return Ok(changed.data);
    }
    // What lies above a changed node has to take over its types.
    changed.data.transform_up(|plan| plan.recompute_schema().map(Transformed::yes)).map(|plan| plan.data)
}

fn narrow(expr: Expr) -> Transformed<Expr> {
    if let Expr::Literal(ScalarValue::Int64(Some(value)), metadata) = &expr
        && let Ok(value) = i32::try_from(*value)
    {
        return Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(value)), metadata.clone()));
    }
    Transformed::no(expr)
}

fn narrow_values(
    values: Vec<Vec<Expr>>,
    schema: &DFSchemaRef,
) -> Result<Transformed<LogicalPlan>> {
    let mut any = false;
    let mut narrowed = Vec::with_capacity(values.len());
    for row in values {
        let mut cells = Vec::with_capacity(row.len());
        for cell in row {
            let cell = cell.transform_up(|expr| Ok(narrow(expr)))?;
            any |= cell.transformed;
            cells.push(cell.data);
        }
        narrowed.push(cells);
    }
    if !any {
        let schema = schema.clone();
        return Ok(Transformed::no(LogicalPlan::Values(Values { values: narrowed, schema })));
    }
    Ok(Transformed::yes(LogicalPlanBuilder::values(narrowed)?.build()?))
}
