//! Several columns of one name in the result of a query. `DataFusion` plans none such, so the later
//! ones get names that nobody can write, and lose them again above the plan.
//!
//! Only the result itself may have them: in a subquery, nobody could tell them apart.

use datafusion::common::{Column, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Ident, SelectItem, SetExpr};

/// Stands between a name and the number of the column that has it again.
const MARK: char = '\u{0}';

/// Gives the items of a select list names of their own.
pub(super) fn tell_apart(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => tell_items_apart(&mut select.projection),
        SetExpr::SetOperation { left, right, .. } => {
            tell_apart(left);
            tell_apart(right);
        }
        SetExpr::Query(query) => tell_apart(&mut query.body),
        _ => {}
    }
}

fn tell_items_apart(items: &mut [SelectItem]) {
    let mut seen: Vec<String> = Vec::new();
    for (at, item) in items.iter_mut().enumerate() {
        let name = match &*item {
            SelectItem::UnnamedExpr(ast::Expr::Identifier(ident)) => &ident.value,
            SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => match parts.last() {
                Some(ident) => &ident.value,
                None => continue,
            },
            SelectItem::ExprWithAlias { alias, .. } => &alias.value,
            _ => continue,
        };
        if !seen.contains(name) {
            seen.push(name.clone());
            continue;
        }
        let alias = Ident::with_quote('`', format!("{name}{MARK}{at}"));
        let taken = std::mem::replace(item, SelectItem::Wildcard(Default::default()));
        *item = match taken {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                SelectItem::ExprWithAlias { expr, alias }
            }
            other => other,
        };
    }
}

/// The name as it was written.
fn plain(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(name, _)| name)
}

/// Gives the columns of a result the names that were written.
pub(crate) fn as_written(plan: LogicalPlan) -> Result<LogicalPlan> {
    let marked = plan.schema().fields().iter().filter(|field| field.name().contains(MARK));
    let again: Vec<String> = marked.map(|field| plain(field.name()).to_owned()).collect();
    if again.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().iter().enumerate().map(|(at, (qualifier, field))| {
        let name = plain(field.name());
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if again.iter().any(|other| other == name) {
            // Plans tell columns of one name apart by what they are qualified with.
            return column.alias_qualified(Some(TableReference::bare(format!("#{at}"))), name);
        }
        column
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
