//! What is done to each query that was parsed: parts that would write, or that no plan would heed,
//! are refused.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, Query, SetExpr, TableFactor, VisitMut, VisitorMut,
};

use super::error::ParseError;
use super::{chains, intervals, set_chains};

pub(super) fn query(query: &mut Query) -> Result<(), ParseError> {
    inspected(query)
}

pub(super) fn expr(expr: &mut Expr) -> Result<(), ParseError> {
    inspected(expr)
}

pub(super) fn factor(factor: &mut TableFactor) -> Result<(), ParseError> {
    inspected(factor)
}

fn inspected(part: &mut impl VisitMut) -> Result<(), ParseError> {
    match part.visit(&mut Inspector::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Inspector {
    /// The expressions around the one that is looked at.
    around: Vec<Nesting>,
}

/// How a place lies in `CASE`s.
#[derive(Clone, Copy, Default)]
struct Nesting {
    /// Whether it lies in one at all.
    within: bool,
    /// Whether an operator or a function lies between it and the nearest.
    computed: bool,
    /// How many lie around it with something between them and the next.
    cases: usize,
}

impl Nesting {
    /// The same for what lies in `expr`, which lies here.
    fn below(mut self, expr: &Expr) -> Self {
        use ast::BinaryOperator::*;
        match expr {
            Expr::Case { .. } => {
                self.cases += usize::from(self.within && self.computed);
                (self.within, self.computed) = (true, false);
            }
            Expr::Function(_)
            | Expr::UnaryOp { op: ast::UnaryOperator::Minus, .. }
            | Expr::BinaryOp {
                op: Plus | Minus | Multiply | Divide | Modulo | MyIntegerDivide | StringConcat,
                ..
            } => self.computed = true,
            _ => {}
        }
        self
    }
}

impl VisitorMut for Inspector {
    type Break = ParseError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<ParseError> {
        if !set_chains::make_shallow(&mut query.body) {
            return refuse(
                "more than 50 set operations in a row",
                "keep the result of some of them in a table, or group them by parentheses",
            );
        }
        if !query.locks.is_empty() {
            return refuse(
                "FOR UPDATE or FOR SHARE",
                "leave it out: readers and writers do not wait",
            );
        }
        if let SetExpr::Table(table) = query.body.as_ref()
            && let Some(name) = &table.table_name
        {
            // The planner does not know `TABLE t`.
            let parts = table
                .schema_name
                .iter()
                .chain([name])
                .map(|part| ast::Ident::with_quote('`', part));
            *query.body = all_of(ast::ObjectName::from(parts.collect::<Vec<_>>()));
        }
        spelled_out(&mut query.body);
        match body(&query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParseError> {
        chains::balance(expr);
        chains::flatten(expr);
        let nesting = self.around.last().copied().unwrap_or_default().below(expr);
        self.around.push(nesting);
        if nesting.cases > chains::CASES_MAX {
            return refuse(
                "a CASE in more than 12 others, with operators or functions between,",
                "compute part of it in a statement of its own",
            );
        }
        if self.around.len() > chains::DEPTH_MAX {
            chains::let_go(expr);
            return refuse(
                "an expression of more than 200 operators in a row",
                "compute part of it in a subquery, or group it by parentheses",
            );
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParseError> {
        self.around.pop();
        if let Err(error) = intervals::counted(expr) {
            return ControlFlow::Break(error);
        }
        // The planner knows a search for a pattern as an operator only.
        if let Expr::RLike { negated, expr: text, pattern, .. } = expr {
            let op = match negated {
                true => ast::BinaryOperator::PGRegexNotMatch,
                false => ast::BinaryOperator::PGRegexMatch,
            };
            let (left, right) = (taken(text), taken(pattern));
            *expr = Expr::BinaryOp { left, op, right };
        }
        // Equal, two nulls included: the planner knows it by its standard name only.
        if let Expr::BinaryOp { left, op: ast::BinaryOperator::Spaceship, right } = expr {
            *expr = Expr::IsNotDistinctFrom(taken(left), taken(right));
        }
        ControlFlow::Continue(())
    }
}

/// What stands there, with a null in its place.
fn taken(expr: &mut Box<Expr>) -> Box<Expr> {
    std::mem::replace(expr, Box::new(Expr::value(ast::Value::Null)))
}

fn refuse(what: &'static str, instead: &'static str) -> ControlFlow<ParseError> {
    ControlFlow::Break(ParseError::Unsupported { what, instead })
}

/// `FROM t` and `TABLE t` stand for `SELECT * FROM t`.
fn spelled_out(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) if select.flavor == ast::SelectFlavor::FromFirstNoSelect => {
            select.flavor = ast::SelectFlavor::FromFirst;
            select.projection = vec![ast::SelectItem::Wildcard(Default::default())];
        }
        SetExpr::Table(table) => {
            let parts = [&table.schema_name, &table.table_name].into_iter().flatten();
            let name: Vec<String> =
                parts.map(|part| format!("`{}`", part.replace('`', "``"))).collect();
            let text = format!("SELECT * FROM {}", name.join("."));
            if let Ok(crate::statement::Statement::Query(query)) = super::parse(&text) {
                *body = *query.body;
            }
        }
        SetExpr::SetOperation { op, left, right, .. } => {
            if *op == ast::SetOperator::Minus {
                *op = ast::SetOperator::Except;
            }
            spelled_out(left);
            spelled_out(right);
        }
        _ => {}
    }
}

fn body(body: &SetExpr) -> Result<(), ParseError> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => Err(ParseError::Unsupported {
            what: "SELECT … INTO",
            instead: "write CREATE TABLE … AS SELECT",
        }),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(ParseError::Unsupported {
                what: "a statement that writes inside a query",
                instead: "execute it as a statement of its own",
            })
        }
        SetExpr::Values(values) => {
            let expected = values.rows.first().map_or(0, |row| row.len());
            let other = values.rows.iter().position(|row| row.len() != expected);
            match other {
                Some(row) => {
                    Err(ParseError::Values { expected, found: values.rows[row].len(), row })
                }
                None => Ok(()),
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            self::body(left)?;
            self::body(right)
        }
        _ => Ok(()),
    }
}

/// `SELECT * FROM` a table.
fn all_of(name: ast::ObjectName) -> SetExpr {
    let all = super::parse_query("SELECT * FROM t").expect("it is a query");
    let mut body = *all.body;
    if let SetExpr::Select(select) = &mut body
        && let Some(from) = select.from.first_mut()
        && let TableFactor::Table { name: named, .. } = &mut from.relation
    {
        *named = name;
    }
    body
}
