//! Frames: queries that are put together step by step, and run when their rows are asked for.

mod actions;
mod combine;
mod depth;
mod grouped;
mod joins;
mod lookup;
mod schema;
mod twice;
mod views;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Column as PlanColumn;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use crate::column::{Column, check_item};
use crate::error::SparkError;
use crate::session::Session;
use crate::show;

pub use depth::STEPS_MAX;
pub(crate) use depth::{given_room, steps_of_views, with_room};
pub use grouped::GroupedData;
pub(crate) use grouped::shown_name;
pub(crate) use lookup::{bare_name, columns_of, find_column};
pub(crate) use twice::{placed_back, query as query_over_one, shares_a_name};

/// The name that a frame has in the text of a query over it.
pub(crate) const THIS: &str = "__this";

/// As many rows as a plan can count.
const ROWS_MAX: usize = i64::MAX as usize;

/// A query that has read nothing yet. Cheap to clone.
///
/// What it reads is pinned: tables in the version in which [`Session::table`] or
/// [`Session::sql`] found them. Run twice, it gives the same rows.
#[derive(Clone)]
pub struct DataFrame {
    session: Session,
    plan: Arc<LogicalPlan>,
    /// How deep the plan is.
    steps: usize,
    /// Whether there are deep expressions in it.
    deep: bool,
}

impl DataFrame {
    pub(crate) fn new(session: Session, plan: LogicalPlan) -> Self {
        let (steps, deep) = (depth::steps_of(&plan), depth::has_deep_exprs(&plan, None));
        Self { session, plan: Arc::new(plan), steps, deep }
    }

    fn told(&self, error: datafusion::error::DataFusionError) -> SparkError {
        self.session.told(true).query(error)
    }

    fn build(
        &self,
        build: impl FnOnce(LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder>,
    ) -> Result<Self, SparkError> {
        let builder = LogicalPlanBuilder::from(self.plan.as_ref().clone());
        let build = || build(builder).and_then(LogicalPlanBuilder::build);
        let plan = depth::with_room(self.levels(), build).map_err(|error| self.told(error))?;
        self.step(plan)
    }

    /// The frame of a query over this one, which it names [`THIS`].
    fn query(&self, text: &str) -> Result<Self, SparkError> {
        let query = || twice::query(&self.session, THIS, &self.plan, text);
        self.step(depth::with_room(self.levels(), query)?)?.shown()
    }

    /// The plan.
    pub fn logical_plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The session that it is of.
    pub fn session(&self) -> &Session {
        &self.session
    }

    // ---- what it looks like ---------------------------------------------------------------

    /// The columns, with the types that Spark has.
    pub fn schema(&self) -> SchemaRef {
        depth::with_room(self.levels(), || self.settled_schema())
    }

    fn settled_schema(&self) -> SchemaRef {
        // What a union gives is settled only when its sides are brought together.
        let united = self.plan.exists(|node| Ok(matches!(node, LogicalPlan::Union(_))));
        if united.unwrap_or_default() {
            let state = self.session.sql_session().state();
            let plan = self.plan.as_ref().clone();
            let settled =
                state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
            if let Ok(plan) = settled {
                return Arc::new(schema::spark_schema(plan.schema()));
            }
        }
        Arc::new(schema::spark_schema(self.plan.schema()))
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        self.plan.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The names and types of the columns, the latter as [`simple_string`](crate::types::simple_string) has them.
    pub fn dtypes(&self) -> Vec<(String, String)> {
        let schema = self.schema();
        let pairs = schema.fields().iter();
        pairs.map(|field| (field.name().clone(), crate::types::field_type(field))).collect()
    }

    /// The text that [`print_schema`](Self::print_schema) prints.
    pub fn schema_string(&self) -> String {
        show::tree(&self.schema(), None)
    }

    /// Prints the columns as a tree.
    pub fn print_schema(&self) {
        println!("{}", self.schema_string());
    }

    // ---- columns --------------------------------------------------------------------------

    /// These columns: names, or expressions of [`functions`](crate::functions).
    ///
    /// # Errors
    ///
    /// `UNRESOLVED_COLUMN` if there is no such column.
    pub fn select<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, SparkError> {
        let mut exprs = Vec::new();
        for column in columns {
            exprs.extend(column.into().resolve(&self.session, &self.plan)?);
        }
        self.project(exprs)
    }

    /// Expressions as SQL has them, such as `id * 2 AS twice`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if one does not parse or names what is not there.
    pub fn select_expr<S: AsRef<str>>(
        &self,
        exprs: impl IntoIterator<Item = S>,
    ) -> Result<Self, SparkError> {
        let mut items = Vec::new();
        for expr in exprs {
            check_item(expr.as_ref())?;
            items.push(expr.as_ref().to_owned());
        }
        if items.is_empty() {
            return self.project(Vec::new());
        }
        // What may follow in the line of an item is perhaps a comment. `DISTINCT` is none: `ALL`
        // says that it was not meant.
        self.query(&format!("SELECT ALL {}\nFROM {THIS}", items.join("\n, ")))
    }

    /// This frame with one more column, or another in the place of one of that name.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn with_column(&self, name: &str, column: impl Into<Column>) -> Result<Self, SparkError> {
        self.with_columns([(name, column.into())])
    }

    /// The same for several columns, all computed from this frame.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn with_columns<S: AsRef<str>, C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = (S, C)>,
    ) -> Result<Self, SparkError> {
        let mut exprs = self.own_columns();
        let mut named: Vec<String> = Vec::new();
        for (name, column) in columns {
            let folded = name.as_ref().to_lowercase();
            if named.contains(&folded) {
                let quoted = crate::types::quote(&folded);
                return Err(SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quoted)]));
            }
            named.push(folded);
            let mut resolved = column.into().resolve(&self.session, &self.plan)?;
            let one = resolved.pop().filter(|_| resolved.is_empty());
            let one = one.ok_or_else(|| SparkError::other("one column was expected"))?;
            let one = one.unalias().alias(name.as_ref());
            let same = |(_, column): &(usize, String)| column.eq_ignore_ascii_case(name.as_ref());
            let places: Vec<usize> =
                self.columns().into_iter().enumerate().filter(same).map(|(at, _)| at).collect();
            match places.is_empty() {
                true => exprs.push(one),
                false => places.into_iter().for_each(|at| exprs[at] = one.clone()),
            }
        }
        self.project(exprs)
    }

    /// This frame with a column under another name. If there is none of the name, nothing changes.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn with_column_renamed(&self, from: &str, to: &str) -> Result<Self, SparkError> {
        self.with_columns_renamed(&HashMap::from([(from, to)]))
    }

    /// The same for several columns.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn with_columns_renamed(&self, names: &HashMap<&str, &str>) -> Result<Self, SparkError> {
        let exprs: Vec<Expr> = self
            .own_columns()
            .into_iter()
            .zip(self.columns())
            .map(|(expr, name)| {
                let to = names.iter().find(|(from, _)| from.eq_ignore_ascii_case(&name));
                to.map_or(expr.clone(), |(_, to)| expr.alias(*to))
            })
            .collect();
        self.project(exprs)
    }

    /// This frame with all its columns under other names.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if there are not as many names as columns.
    pub fn to_df(&self, names: &[&str]) -> Result<Self, SparkError> {
        if names.len() != self.plan.schema().fields().len() {
            return Err(SparkError::other(format!(
                "{} names were given for {} columns",
                names.len(),
                self.plan.schema().fields().len()
            )));
        }
        let exprs: Vec<Expr> = self
            .own_columns()
            .into_iter()
            .zip(names)
            .map(|(expr, name)| expr.alias(*name))
            .collect();
        self.project(exprs)
    }

    /// This frame without these columns. Those that are not there do not matter.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn drop<S: AsRef<str>>(
        &self,
        columns: impl IntoIterator<Item = S>,
    ) -> Result<Self, SparkError> {
        let gone: Vec<String> =
            columns.into_iter().map(|column| column.as_ref().to_lowercase()).collect();
        let exprs: Vec<Expr> = self
            .own_columns()
            .into_iter()
            .zip(self.columns())
            .filter(|(_, name)| !gone.contains(&name.to_lowercase()))
            .map(|(expr, _)| expr)
            .collect();
        self.project(exprs)
    }

    fn own_columns(&self) -> Vec<Expr> {
        let schema = self.plan.schema();
        schema.columns().into_iter().map(Expr::Column).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    // ---- rows -----------------------------------------------------------------------------

    /// The rows for which the condition holds: SQL text, or an expression.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn filter(&self, condition: impl Into<Condition>) -> Result<Self, SparkError> {
        match condition.into() {
            Condition::Text(text) => {
                let expr = annals_sql::parse::parse_expr(&text);
                expr.map_err(|error| crate::convert::parse(&error))?;
                let filtered = self.query(&format!("SELECT * FROM {THIS} WHERE {text}"));
                let missing = |error: &SparkError| {
                    error.condition().is_some_and(|found| found.starts_with("UNRESOLVED_COLUMN"))
                };
                filtered.or_else(|error| match missing(&error) {
                    true => self.filter_below(&text).unwrap_or(Err(error)),
                    false => Err(error),
                })
            }
            Condition::Column(column) => {
                let mut exprs = column.resolve(&self.session, &self.plan)?;
                let expr =
                    exprs.pop().ok_or_else(|| SparkError::other("a condition is missing"))?;
                let computed = find_aggregate_exprs([&expr]);
                if let Some(computed) = computed.first() {
                    let quoted = |expr: &Expr| format!("\"{}\"", without_tables(expr));
                    return Err(SparkError::new(
                        "INVALID_WHERE_CONDITION",
                        [("condition", quoted(&expr)), ("expressionList", quoted(computed))],
                    ));
                }
                self.build(|builder| builder.filter(expr.unalias()))
            }
        }
    }

    /// The rows for which the condition holds on what this frame was selected from: Spark lets a
    /// condition name columns that a select just before it has left out. None if there is no such
    /// select.
    fn filter_below(&self, condition: &str) -> Option<Result<Self, SparkError>> {
        let LogicalPlan::Projection(selected) = self.plan.as_ref() else { return None };
        let (session, plan) = (self.session.clone(), Arc::clone(&selected.input));
        let below = Self { session, plan, steps: self.steps.saturating_sub(1), deep: self.deep };
        let predicate = match Column::text(condition).resolve(&self.session, &below.plan) {
            Ok(mut exprs) => exprs.pop()?.unalias(),
            Err(_) => return None,
        };
        let exprs = selected.expr.clone();
        Some(below.build(|builder| builder.filter(predicate)?.project(exprs)))
    }

    /// The same as [`filter`](Self::filter).
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn r#where(&self, condition: impl Into<Condition>) -> Result<Self, SparkError> {
        self.filter(condition)
    }

    /// At most so many rows.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn limit(&self, rows: usize) -> Result<Self, SparkError> {
        self.build(|builder| builder.limit(0, Some(rows.min(ROWS_MAX))))
    }

    /// All but so many rows at the beginning.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn offset(&self, rows: usize) -> Result<Self, SparkError> {
        self.build(|builder| builder.limit(rows.min(ROWS_MAX), None))
    }

    /// Each row once.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn distinct(&self) -> Result<Self, SparkError> {
        self.build(LogicalPlanBuilder::distinct)
    }

    /// One row for each combination of values in these columns; of all columns if none is given.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn drop_duplicates(&self, columns: &[&str]) -> Result<Self, SparkError> {
        if columns.is_empty() {
            return self.distinct();
        }
        let mut on = Vec::new();
        for column in columns {
            on.extend(Column::from(*column).resolve(&self.session, &self.plan)?);
        }
        let on: Vec<Expr> = on.into_iter().map(Expr::unalias).collect();
        let all = self.own_columns();
        self.build(|builder| builder.distinct_on(on, all, None))
    }

    /// The rows that have a value in each of these columns; in all if none is given.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn drop_na(&self, columns: &[&str]) -> Result<Self, SparkError> {
        let mut wanted = Vec::new();
        for column in columns {
            wanted.extend(Column::from(*column).resolve(&self.session, &self.plan)?);
        }
        if columns.is_empty() {
            wanted = self.own_columns();
        }
        let all = wanted.into_iter().map(|column| column.unalias().is_not_null());
        match all.reduce(Expr::and) {
            Some(condition) => self.build(|builder| builder.filter(condition)),
            None => Ok(self.clone()),
        }
    }

    /// This frame with a value in the place of nulls, in the columns that have values of its kind:
    /// numbers, texts or truth values.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the value is of another kind.
    pub fn fill_na(&self, value: impl Into<crate::Value>) -> Result<Self, SparkError> {
        let value = value.into();
        let (numeric, text) = match &value {
            crate::Value::Boolean(_) => (false, false),
            crate::Value::String(_) => (false, true),
            other if other.as_f64().is_some() => (true, false),
            other => {
                return Err(SparkError::other(format!(
                    "{other} cannot stand for nulls; give a number, a text or a truth value"
                )));
            }
        };
        let mut exprs = Vec::new();
        for (column, field) in self.own_columns().into_iter().zip(self.plan.schema().fields()) {
            let of = field.data_type();
            let fits = match (numeric, text) {
                (true, _) => of.is_numeric(),
                (_, true) => of.is_string(),
                _ => *of == arrow::datatypes::DataType::Boolean,
            };
            if !fits {
                exprs.push(column);
                continue;
            }
            let mut literal =
                crate::functions::lit(value.clone()).resolve(&self.session, &self.plan)?;
            let literal = literal.pop().map(Expr::unalias).unwrap_or_default();
            let filled = datafusion::logical_expr::cast(literal, of.clone());
            let filled = datafusion::functions::expr_fn::coalesce(vec![column, filled]);
            exprs.push(filled.alias(field.name()));
        }
        self.project(exprs)
    }

    /// The rows in order: names of columns, or expressions that say how, such as `col("n").desc()`.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn order_by<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, SparkError> {
        let mut sorts = Vec::new();
        for column in columns {
            let column = column.into();
            let (ascending, nulls_first) = column.order();
            let exprs = column.resolve(&self.session, &self.plan)?;
            sorts.extend(exprs.into_iter().map(|expr| expr.unalias().sort(ascending, nulls_first)));
        }
        if sorts.is_empty() {
            return Err(SparkError::new("CANNOT_BE_EMPTY", [("item", "column")]));
        }
        self.build(|builder| builder.sort(sorts))
    }

    /// The same as [`order_by`](Self::order_by).
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn sort<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, SparkError> {
        self.order_by(columns)
    }
}

/// What a filter asks for.
#[derive(Clone, Debug)]
pub enum Condition {
    /// SQL text.
    Text(String),
    /// An expression.
    Column(Column),
}

impl From<&str> for Condition {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Condition {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Column> for Condition {
    fn from(column: Column) -> Self {
        Self::Column(column)
    }
}

/// An expression as Spark writes it, which names columns alone.
fn without_tables(expr: &Expr) -> String {
    let bare = expr.clone().transform_up(|expr| match expr {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(PlanColumn::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    });
    bare.map_or_else(|_| expr.schema_name().to_string(), |bare| bare.data.schema_name().to_string())
}

impl fmt::Debug for DataFrame {
    /// As PySpark's frames are shown: `DataFrame[id: int, name: string]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> =
            self.dtypes().into_iter().map(|(name, of)| format!("{name}: {of}")).collect();
        write!(f, "DataFrame[{}]", columns.join(", "))
    }
}

#[cfg(test)]
mod tests;
