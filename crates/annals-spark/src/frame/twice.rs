//! Columns of one name in one frame, which Spark allows until a name that means several is used.
//!
//! `DataFusion` tells columns apart by a qualifier beside the name. So columns that share a name
//! are qualified here, each by its place, wherever a frame is put together: the name stays what it
//! is, and whoever asks for it alone is told that it is ambiguous.
//!
//! A frame that stands in the text of a query is a table there, and a table has each name once. For
//! that time columns that share a name have others, which no text contains.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column as PlanColumn, TableReference};
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::depth::{STEPS_MAX, is_deep, with_room};
use super::grouped::shown_name;
use super::{DataFrame, GroupedData};
use crate::column::replaced;
use crate::error::SparkError;
use crate::session::Session;
use crate::types::quote;

/// What a column is called in the text of a query instead of a name that it shares, before its
/// place and its name.
const PLACE: &str = "\u{1}";

/// The name without which place it stands for.
pub(super) fn shown(name: &str) -> &str {
    name.strip_prefix(PLACE).and_then(|rest| rest.split_once(PLACE)).map_or(name, |(_, name)| name)
}

/// What the column at a place is called in the text of a query, whatever its name.
pub(super) fn at(place: usize, name: &str) -> String {
    format!("{PLACE}{place}{PLACE}{name}")
}

/// How many of the names are each of them.
fn counted<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Whether two columns share a name.
pub(crate) fn shares_a_name(schema: &Schema) -> bool {
    let fields = schema.fields();
    counted(fields.iter().map(|field| field.name().as_str())).len() < fields.len()
}

/// Whether two columns of a plan do.
pub(super) fn any(plan: &LogicalPlan) -> bool {
    shares_a_name(plan.schema().as_arrow())
}

/// Whether it is what a column is qualified by after its place.
fn is_place(table: &TableReference) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    table.table().strip_prefix("__").is_some_and(digits)
}

/// Expressions to project, those that would give columns of one name told apart. What tells them
/// apart already stays: it is what a frame is called.
pub(crate) fn told_apart(exprs: Vec<Expr>) -> Vec<Expr> {
    let qualified: Vec<(Option<TableReference>, String)> =
        exprs.iter().map(Expr::qualified_name).collect();
    let names: Vec<&str> = qualified.iter().map(|(_, name)| shown(name)).collect();
    let counts = counted(names.iter().copied());
    let own = |(place, expr): (usize, Expr)| {
        let ((table, full), name) = (&qualified[place], names[place]);
        let shared = counts[name] > 1;
        let renamed = full != name;
        let alone = || qualified.iter().filter(|of| **of == qualified[place]).count() == 1;
        let is_told = || table.as_ref().is_some_and(|table| !is_place(table)) && alone();
        match (shared, renamed) {
            (true, false) if is_told() => expr,
            (true, _) => expr.unalias().alias_qualified(Some(format!("__{place}")), name),
            (false, true) => expr.unalias().alias(name),
            (false, false) => expr,
        }
    };
    exprs.into_iter().enumerate().map(own).collect()
}

impl DataFrame {
    /// The frame of these expressions, of which several may have one name.
    pub(super) fn project(&self, exprs: Vec<Expr>) -> Result<Self, SparkError> {
        if !find_aggregate_exprs(&exprs).is_empty() {
            return GroupedData::new(self.clone(), Vec::new()).aggregate(exprs);
        }
        let windows = find_window_exprs(&exprs);
        if !windows.is_empty() {
            return self.with_windows(windows, exprs);
        }
        // To name an expression is to walk it.
        let levels = if exprs.iter().any(is_deep) { STEPS_MAX } else { self.levels() };
        with_room(levels, || self.build(|builder| builder.project(told_apart(exprs))))
    }

    /// The frame of these expressions, in which these functions over windows occur.
    fn with_windows(&self, windows: Vec<Expr>, exprs: Vec<Expr>) -> Result<Self, SparkError> {
        let column =
            |window: &Expr| Expr::Column(PlanColumn::from_name(window.schema_name().to_string()));
        let columns: Vec<(Expr, Expr)> =
            windows.iter().map(|window| (window.clone(), column(window))).collect();
        let computed = self.build(|builder| {
            LogicalPlanBuilder::window_plan(builder.build()?, windows).map(LogicalPlanBuilder::from)
        })?;
        let named = exprs.into_iter().map(|expr| {
            let name = shown_name(&expr);
            replaced(expr.unalias(), &columns).alias(name)
        });
        computed.project(named.collect())
    }

    /// The plan with every column called after its place.
    pub(super) fn placed(&self) -> Result<Arc<LogicalPlan>, SparkError> {
        let names = self.columns();
        let columns = self.own_columns().into_iter().enumerate();
        let exprs: Vec<Expr> =
            columns.map(|(place, column)| column.alias(at(place, &names[place]))).collect();
        Ok(self.build(|builder| builder.project(exprs))?.plan)
    }

    /// The frame of a plan over [`placed`](Self::placed) ones, with the names that columns had.
    pub(super) fn shown(self) -> Result<Self, SparkError> {
        match self.columns().iter().any(|name| name.starts_with(PLACE)) {
            true => self.project(self.own_columns()),
            false => Ok(self),
        }
    }
}

/// A query over a plan that has a name in its text. Of its columns, those that share a name have
/// others in what this gives.
pub(crate) fn query(
    session: &Session,
    name: &str,
    plan: &Arc<LogicalPlan>,
    text: &str,
) -> Result<LogicalPlan, SparkError> {
    if !any(plan) {
        return session.query_over(&[(name, plan)], text);
    }
    let columns = plan.schema().columns();
    let counts = counted(columns.iter().map(|column| column.name.as_str()));
    let exprs: Vec<Expr> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let name = column.name.as_str();
            let called = if counts[name] > 1 { at(place, name) } else { name.to_owned() };
            Expr::Column(column.clone()).alias(called)
        })
        .collect();
    let apart = LogicalPlanBuilder::from(Arc::clone(plan)).project(exprs);
    let apart = apart.and_then(LogicalPlanBuilder::build);
    let apart = apart.map_err(|error| session.told(true).query(error))?;
    session.query_over(&[(name, &apart)], text).map_err(|error| {
        // The name is there, under others.
        let missing = error.parameter("objectName").map(str::to_owned).unwrap_or_default();
        let is_shared =
            |name: &&str| counts[name] > 1 && missing.eq_ignore_ascii_case(&quote(name));
        match counts.keys().copied().find(is_shared) {
            Some(name) => ambiguous(name, counts[name]),
            None => error,
        }
    })
}

/// The expression over `plan` of one that [`query`] gave.
pub(crate) fn placed_back(expr: Expr, plan: &LogicalPlan) -> Expr {
    let columns = plan.schema().columns();
    let found = |column: &PlanColumn| {
        let (place, _) = column.name.strip_prefix(PLACE)?.split_once(PLACE)?;
        columns.get(place.parse::<usize>().ok()?)
    };
    let back = expr.clone().transform_up(|expr| match &expr {
        Expr::Column(column) => Ok(match found(column) {
            Some(own) => Transformed::yes(Expr::Column(own.clone())),
            None => Transformed::no(expr),
        }),
        _ => Ok(Transformed::no(expr)),
    });
    back.map_or(expr, |back| back.data)
}

/// A name that several columns have.
pub(crate) fn ambiguous(name: &str, count: usize) -> SparkError {
    let quoted = quote(name);
    let names = vec![quoted.clone(); count].join(", ");
    SparkError::new(
        "AMBIGUOUS_REFERENCE",
        [("name", quoted), ("referenceNames", format!("[{names}]"))],
    )
}
