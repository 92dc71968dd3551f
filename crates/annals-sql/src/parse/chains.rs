//! Long chains of operators. `a AND b AND c …` is parsed into a tree as deep as the chain is long,
//! and whoever walks such a tree recurses as deep: planners, optimizers, what drops it. Overflowing
//! the stack would end the process, so chains whose grouping does not matter are made shallow, and
//! what stays deep is refused.

use std::mem;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Value,
};

/// Expressions in each other, at most. Unoptimized code overflows a stack of 2 MiB at some 250.
pub(super) const DEPTH_MAX: usize = 200;

/// Shorter chains stay as they were written: a column without an alias is called by its text.
const LONG: usize = 32;

/// So many `coalesce` in each other stay as they were written, likewise.
const NESTED: usize = 8;

/// `CASE` in each other with an operator or a function between, at most. The planner asks each for
/// its type and whether it may be null, and a function finds out both for either: twice the work
/// with each level, and a second for some twelve in unoptimized code.
pub(super) const CASES_MAX: usize = 12;

/// Makes a long chain of `AND` or of `OR` shallow. Operands keep their order.
pub(super) fn balance(expr: &mut Expr) {
    let op = match expr {
        Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => op.clone(),
        _ => return,
    };
    if length(expr, &op) <= LONG {
        return;
    }
    let mut operands = Vec::new();
    let mut rest = mem::replace(expr, Expr::value(Value::Null));
    *expr = loop {
        match rest {
            Expr::BinaryOp { left, op: same, right } if same == op => {
                operands.push(*right);
                rest = *left;
            }
            first => {
                operands.push(first);
                operands.reverse();
                break joined(operands, &op);
            }
        }
    };
}

/// Makes one `coalesce` of many in each other, which the optimizer would double with each of them.
pub(super) fn flatten(expr: &mut Expr) {
    if alternatives(expr).is_none() {
        return;
    }
    let (mut length, mut inner) = (0, &*expr);
    while let Some([FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), ..]) = alternatives(inner) {
        (inner, length) = (first, length + 1);
    }
    if length <= NESTED {
        return;
    }
    let mut args = Vec::new();
    let mut rest = mem::replace(expr, Expr::value(Value::Null));
    let mut outermost = None;
    while alternatives(&rest).is_some()
        && let Expr::Function(mut function) = rest
    {
        let FunctionArguments::List(list) = &mut function.args else {
            unreachable!("it has alternatives")
        };
        let mut own = mem::take(&mut list.args);
        let first = own.remove(0);
        args.extend(own.into_iter().rev());
        outermost.get_or_insert(function);
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(first)) = first else {
            unreachable!("its alternatives are expressions")
        };
        rest = first;
    }
    args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(rest)));
    args.reverse();
    if let Some(mut function) = outermost {
        function.name = ObjectName::from(vec![Ident::new("coalesce")]);
        if let FunctionArguments::List(list) = &mut function.args {
            list.args = args;
        }
        *expr = Expr::Function(function);
    }
}

/// What a `coalesce` chooses from.
fn alternatives(expr: &Expr) -> Option<&[FunctionArg]> {
    let Expr::Function(function) = expr else { return None };
    let Function { name, args: FunctionArguments::List(list), filter: None, over: None, .. } =
        function
    else {
        return None;
    };
    let name = name.to_string();
    let named = ["coalesce", "nvl", "ifnull"].iter().any(|own| name.eq_ignore_ascii_case(own));
    let plain = |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)));
    (named && !list.args.is_empty() && list.args.iter().all(plain)).then_some(&list.args)
}

/// How many operators there are in a row.
fn length(mut expr: &Expr, op: &BinaryOperator) -> usize {
    let mut length = 0;
    while let Expr::BinaryOp { left, op: same, .. } = expr
        && same == op
    {
        (expr, length) = (left, length + 1);
    }
    length
}

/// Joins neighbours in pairs until one is left.
fn joined(mut operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => {
                    Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) }
                }
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().expect("a chain has operands")
}

/// Drops an expression however deep it is: what is around an operator first, then its left side.
pub(super) fn let_go(expr: &mut Expr) {
    let mut rest = mem::replace(expr, Expr::value(Value::Null));
    loop {
        rest = match rest {
            Expr::BinaryOp { left, .. } => *left,
            Expr::Cast { expr, .. } | Expr::IsNull(expr) | Expr::IsNotNull(expr) => *expr,
            _ => return,
        };
    }
}
