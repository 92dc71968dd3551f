//! Casts to types that other types stand in.
//!
//! `DataFusion` casts structs by the names of their fields, fills in nulls for those that it does
//! not find, and makes an array of what is none. Spark casts them by place, if there are as many, and
//! nothing else to them. So what is cast here is what both do alike; all else is refused.

use arrow::compute::can_cast_types;
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::error::SqlError;
use crate::types::key_and_value;

/// Refuses casts in a plan that would not do what they say.
pub(super) fn check_plan(plan: &LogicalPlan) -> Result<()> {
    let checked = plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        let schema = match inputs.is_empty() {
            true => node.schema().as_ref().clone(),
            false => merge_schema(&inputs),
        };
        node.apply_expressions(|expr| check(expr, &schema).map(|()| TreeNodeRecursion::Continue))
    });
    checked.map(drop)
}

/// Likewise in an expression over columns.
pub(super) fn check(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let checked = expr.apply(|expr| {
        let (value, to) = match expr {
            Expr::Cast(cast) => (&cast.expr, cast.field.data_type()),
            Expr::TryCast(cast) => (&cast.expr, cast.field.data_type()),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        if to.is_nested() {
            let from = value.get_type(schema)?;
            if !castable(&from, to) {
                let expr = value.human_display().to_string();
                return Err(SqlError::CannotCast { expr, from, to: to.clone() }.into());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    checked.map(drop)
}

fn castable(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null, _) => true,
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    from.name() == to.name() && castable(from.data_type(), to.data_type())
                })
        }
        (DataType::Map(from, _), DataType::Map(to, _)) => {
            match (key_and_value(from), key_and_value(to)) {
                (Some((key, value)), Some((to_key, to_value))) => {
                    castable(key.data_type(), to_key.data_type())
                        && castable(value.data_type(), to_value.data_type())
                }
                _ => false,
            }
        }
        _ => match (element(from), element(to)) {
            (Some(from), Some(to)) => castable(from, to),
            (None, None) => !from.is_nested() && !to.is_nested() && can_cast_types(from, to),
            _ => false,
        },
    }
}

fn element(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item.data_type()),
        _ => None,
    }
}
