//! What Spark calls an item of a select list that has no name.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, UnaryOperator, Value,
};

use crate::parse::casts;

/// The name of an item: of a column as it was written, of anything else its text in Spark's form.
pub(super) fn of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map_or_else(String::new, |part| part.value.clone())
        }
        Expr::CompoundFieldAccess { .. } => expr.to_string(),
        Expr::Nested(inner) => of(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::Null => "NULL".to_owned(),
            Value::Number(text, _) => text.clone(),
            other => other.to_string(),
        },
        Expr::TypedString(typed) => {
            let text = match &typed.value.value {
                Value::SingleQuotedString(text) => text.clone(),
                other => other.to_string(),
            };
            let kind = typed.data_type.to_string();
            match kind.starts_with(['D', 'T'])
                && kind != "DOUBLE"
                && kind != "TINYINT"
                && !kind.starts_with("DEC")
            {
                true => format!("{kind} '{text}'"),
                false => text,
            }
        }
        Expr::BinaryOp { left, op, right } => {
            let op = match op {
                BinaryOperator::NotEq => return format!("(NOT ({} = {}))", of(left), of(right)),
                BinaryOperator::MyIntegerDivide => "div".to_owned(),
                BinaryOperator::PGRegexMatch => {
                    return format!("RLIKE({}, {})", of(left), of(right));
                }
                BinaryOperator::PGRegexNotMatch => {
                    return format!("(NOT RLIKE({}, {}))", of(left), of(right));
                }
                BinaryOperator::StringConcat => {
                    return format!("concat({}, {})", of(left), of(right));
                }
                op => op.to_string(),
            };
            format!("({} {op} {})", of(left), of(right))
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(_) => format!("-{}", of(expr)),
            inner => format!("(- {})", of(inner)),
        },
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => format!("(NOT {})", of(expr)),
        Expr::UnaryOp { op, expr } => format!("({op} {})", of(expr)),
        Expr::IsNull(expr) => format!("({} IS NULL)", of(expr)),
        Expr::IsNotNull(expr) => format!("({} IS NOT NULL)", of(expr)),
        Expr::IsNotDistinctFrom(left, right) => format!("({} <=> {})", of(left), of(right)),
        Expr::InList { expr, list, negated } => {
            let within = format!("({} IN ({}))", of(expr), all(list.iter()));
            if *negated { format!("(NOT {within})") } else { within }
        }
        Expr::Between { expr, low, high, negated } => {
            let within = format!("between({}, {}, {})", of(expr), of(low), of(high));
            if *negated { format!("(NOT {within})") } else { within }
        }
        Expr::Like { negated, expr, pattern, .. } => {
            let like = format!("{} LIKE {}", of(expr), of(pattern));
            if *negated { format!("(NOT {like})") } else { like }
        }
        Expr::Cast { expr, data_type, .. } if casts::written(data_type).is_some() => of(expr),
        Expr::Cast { expr, data_type: DataType::Varchar(_) | DataType::Char(_), .. } => {
            format!("CAST({} AS STRING)", of(expr))
        }
        Expr::Cast { expr, data_type, .. } => {
            format!("CAST({} AS {})", of(expr), data_type.to_string().to_uppercase())
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut out = "CASE".to_owned();
            if let Some(operand) = operand {
                out.push_str(&format!(" {}", of(operand)));
            }
            for when in conditions {
                out.push_str(&format!(" WHEN {} THEN {}", of(&when.condition), of(&when.result)));
            }
            if let Some(other) = else_result {
                out.push_str(&format!(" ELSE {}", of(other)));
            }
            out + " END"
        }
        Expr::Function(function) => function_name(function),
        Expr::Subquery(_) => "scalarsubquery()".to_owned(),
        Expr::Exists { .. } => "exists()".to_owned(),
        other => other.to_string(),
    }
}

fn all<'a>(exprs: impl Iterator<Item = &'a Expr>) -> String {
    exprs.map(of).collect::<Vec<_>>().join(", ")
}

fn function_name(function: &Function) -> String {
    let name = function.name.to_string().replace('`', "").to_lowercase();
    let FunctionArguments::List(list) = &function.args else { return format!("{name}()") };
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => of(expr),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => "1".to_owned(),
        other => other.to_string(),
    });
    let args = args.collect::<Vec<_>>().join(", ");
    let distinct = match list.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) => "DISTINCT ",
        _ => "",
    };
    let mut call = format!("{name}({distinct}{args})");
    if let Some(filter) = &function.filter {
        call.push_str(&format!(" FILTER (WHERE {})", of(filter)));
    }
    match &function.over {
        Some(over) => format!("{call} OVER {over}"),
        None => call,
    }
}
