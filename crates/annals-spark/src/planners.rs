//! What sessions know beyond `DataFusion`: Spark's names of types, and `range` as a table.

use std::sync::Arc;

use annals_sql::SqlError;
use annals_sql::parse::{ParseError, parse_type};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{ScalarValue, TableReference, plan_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::functions_table::generate_series::RangeFunc;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::sql::sqlparser::ast;

/// Types by the one grammar that there is for them: `DataFusion` reads some otherwise, or not at all.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        if matches!(sql_type, ast::DataType::Interval { fields: None, .. }) {
            return Ok(None);
        }
        match parse_type(&sql_type.to_string()) {
            Ok(data_type) => Ok(Some(Arc::new(Field::new("", data_type, true)))),
            Err(error @ (ParseError::NoType { .. } | ParseError::Decimal { .. })) => {
                Err(SqlError::Parse(error).into())
            }
            // `DOUBLE PRECISION` and what else standard SQL has.
            Err(_) => Ok(None),
        }
    }
}

/// `range([start,] end[, step[, partitions]])`, with a column `id`.
#[derive(Debug)]
pub(crate) struct Range;

/// A number that was written in any way.
fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number,
            _ => None,
        },
        Expr::Cast(cast) => number(&cast.expr),
        _ => None,
    }
}

impl TableFunctionImpl for Range {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let given: Option<Vec<i64>> = args.exprs().iter().map(number).collect();
        let (start, end, step) = match given.as_deref() {
            Some([end]) => (0, *end, 1),
            Some([start, end]) => (*start, *end, 1),
            Some([start, end, step] | [start, end, step, _]) => (*start, *end, *step),
            _ => return plan_err!("range() takes one to four whole numbers"),
        };
        Ok(Arc::new(ViewTable::new(numbers(args.session(), start, end, step)?, None)))
    }
}

/// The numbers from `start` to before `end`, in a column `id`.
pub(crate) fn numbers(
    session: &dyn Session,
    start: i64,
    end: i64,
    step: i64,
) -> Result<LogicalPlan> {
    let bounds = [lit(start), lit(end), lit(step)];
    let numbers = RangeFunc {}.call_with_args(TableFunctionArgs::new(&bounds, session))?;
    LogicalPlanBuilder::scan(TableReference::bare("range"), provider_as_source(numbers), None)?
        .project([col("value").alias("id")])?
        .build()
}
