//! Long chains of `UNION`, `INTERSECT` and `EXCEPT`: as those of operators (see `chains`), they are
//! parsed into trees as deep as they are long, and made shallow where their grouping does not matter.

use std::mem;

use datafusion::sql::sqlparser::ast::{SetExpr, SetOperator, SetQuantifier, Values};

/// So many in a row, at most, that cannot be grouped in another way. Unoptimized code overflows a
/// stack of 2 MiB while it runs some 90 joins that read each other.
const DEPTH_MAX: usize = 50;

/// Shorter chains stay as they were written.
const LONG: usize = 32;

/// Makes long chains of one operator shallow, and says whether what is left is shallow enough. If
/// not, the body is gone: to drop it as it was would take as much stack as to plan it.
pub(super) fn make_shallow(body: &mut SetExpr) -> bool {
    if !matches!(body, SetExpr::SetOperation { .. }) {
        return true;
    }
    // From the last operator to the first: each with what stands at its right.
    let mut links = Vec::new();
    let mut first = mem::replace(body, nothing());
    while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
        links.push((op, set_quantifier, *right));
        first = *left;
    }
    // At the right is a chain of what binds stronger.
    let shallow = links.iter_mut().all(|(_, _, right)| make_shallow(right));
    let long = links.len() > LONG;
    let mut depth = 0;
    while let Some((op, quantifier, right)) = links.pop() {
        let mut operands = vec![first, right];
        while long
            && is_associative(op, quantifier)
            && let Some((_, _, right)) = links.pop_if(|link| (link.0, link.1) == (op, quantifier))
        {
            operands.push(right);
        }
        depth += (operands.len() - 1).ilog2() as usize + 1;
        if !shallow || depth > DEPTH_MAX {
            return false;
        }
        first = joined(operands, op, quantifier);
    }
    *body = first;
    true
}

fn is_associative(op: SetOperator, quantifier: SetQuantifier) -> bool {
    use SetQuantifier::{All, Distinct, None};
    matches!(op, SetOperator::Union | SetOperator::Intersect)
        && matches!(quantifier, All | Distinct | None)
}

/// Joins neighbours in pairs until one is left: operands keep their order, and the first of them the
/// names of the columns.
fn joined(mut operands: Vec<SetExpr>, op: SetOperator, quantifier: SetQuantifier) -> SetExpr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            let Some(right) = rest.next() else {
                pairs.push(left);
                break;
            };
            let (left, right) = (Box::new(left), Box::new(right));
            pairs.push(SetExpr::SetOperation { op, set_quantifier: quantifier, left, right });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or_else(nothing)
}

fn nothing() -> SetExpr {
    SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows: Vec::new() })
}
