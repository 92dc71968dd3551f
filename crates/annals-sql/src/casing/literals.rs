//! Whole numbers are `int` where they fit, as in Spark, and `bigint` otherwise.
//!
//! Arguments of functions are left alone but for functions that return the type of their
//! arguments: others want their numbers as the planner reads them. What a column is compared with
//! is left alone as well: it becomes what goes with the column in any case.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Value,
};

/// Functions whose type is that of their arguments.
const TRANSPARENT: [&str; 27] = [
    "abs",
    "any_value",
    "array",
    "avg",
    "coalesce",
    "collect_list",
    "collect_set",
    "count",
    "first",
    "first_value",
    "greatest",
    "if",
    "ifnull",
    "last",
    "last_value",
    "least",
    "make_array",
    "map",
    "max",
    "min",
    "named_struct",
    "nullif",
    "nvl",
    "nvl2",
    "struct",
    "sum",
    "typeof",
];

/// Gives a literal its type.
pub(super) fn whole_number(expr: &mut Expr) {
    let Expr::Value(value) = &*expr else { return };
    let Value::Number(text, _) = &value.value else { return };
    let data_type = if text.contains(['e', 'E']) {
        DataType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None)
    } else if text.parse::<i32>().is_ok() {
        DataType::Int(None)
    } else {
        return;
    };
    *expr = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr.clone()),
        data_type,
        array: false,
        format: None,
    };
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// Gives the literals that an expression is directly made of their types.
pub(super) fn operands(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp { left, op, right }
            if compares(op) && (is_column(left) || is_column(right)) => {}
        Expr::Between { expr, .. } | Expr::InList { expr, .. } if is_column(expr) => {}
        Expr::BinaryOp { left, right, .. }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => {
            whole_number(left);
            whole_number(right);
        }
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) | Expr::IsNull(expr) => whole_number(expr),
        Expr::Between { expr, low, high, .. } => {
            [expr, low, high].into_iter().for_each(|expr| whole_number(expr));
        }
        Expr::InList { expr, list, .. } => {
            whole_number(expr);
            list.iter_mut().for_each(whole_number);
        }
        Expr::Tuple(items) => items.iter_mut().for_each(whole_number),
        Expr::Case { operand, conditions, else_result, .. } => {
            for expr in operand.iter_mut().chain(else_result) {
                whole_number(expr);
            }
            for when in conditions {
                whole_number(&mut when.condition);
                whole_number(&mut when.result);
            }
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if !TRANSPARENT.contains(&name.trim_matches('`')) {
                return;
            }
            let FunctionArguments::List(list) = &mut function.args else { return };
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                    whole_number(expr);
                }
            }
        }
        _ => {}
    }
}
