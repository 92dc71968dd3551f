//! Views: queries under a name, taken apart where a statement names them.
//!
//! The text of a view is planned anew in every statement, in the statement's own version; so a
//! view never shows another version than the tables beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::{DatabaseName, Table, TableKind};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use crate::command::loses_nothing;
use crate::error::SqlError;
use crate::keep;
use crate::parse;
use crate::planner;
use crate::scope::Scope;

/// How many views may name each other in a row.
pub(crate) const DEPTH_MAX: usize = 64;

/// How many a view may stand for, in all: to plan each takes its time, and cannot be stopped.
pub(crate) const COUNT_MAX: usize = 2_000;

/// What a temporary view stands for.
#[derive(Clone, Debug)]
pub enum ViewQuery {
    /// The text of a query, planned anew in every statement.
    Text {
        /// The query.
        text: String,
        /// The database that was current when the view was made.
        database: DatabaseName,
        /// What the view gives, if it is to stay that whatever its tables become.
        columns: Option<Arc<Captured>>,
    },
    /// A plan, as of a frame: it reads what it read when it was made.
    Plan(Box<LogicalPlan>),
}

/// The columns of a view, as its query gave them when the view was made.
#[derive(Clone, Debug)]
pub struct Captured {
    /// What the query called them.
    pub given: Arc<[String]>,
    /// What the view calls them, and their types.
    pub schema: SchemaRef,
    /// Whether the columns of the tables may only have become narrower since: so it is in Spark for
    /// temporary views. Those of the store cast whatever can be cast.
    pub up_cast: bool,
}

/// Temporary views by name, as a value: a change makes another.
#[derive(Clone, Debug, Default)]
pub struct Views {
    local: Arc<ViewMap>,
    global: Arc<ViewMap>,
}

/// Views by folded name, with the name as it was written.
pub(crate) type ViewMap = BTreeMap<String, (String, Arc<ViewQuery>)>;

impl Views {
    pub(crate) fn new(local: Arc<ViewMap>, global: Arc<ViewMap>) -> Self {
        Self { local, global }
    }

    /// The temporary view of this name, and how it was written. Case does not count.
    pub fn local(&self, name: &str) -> Option<(String, Arc<ViewQuery>)> {
        self.local.get(&name.to_lowercase()).cloned()
    }

    /// The global temporary view of this name, likewise.
    pub fn global(&self, name: &str) -> Option<(String, Arc<ViewQuery>)> {
        self.global.get(&name.to_lowercase()).cloned()
    }

    /// The names of the temporary views, in the order of their folded names.
    pub fn local_names(&self) -> impl Iterator<Item = &str> {
        self.local.values().map(|(name, _)| name.as_str())
    }

    /// The names of the global temporary views, likewise.
    pub fn global_names(&self) -> impl Iterator<Item = &str> {
        self.global.values().map(|(name, _)| name.as_str())
    }
}

/// A table of the store, or the query of a view that is kept in it.
pub(crate) fn provider(scope: &Scope, table: Table) -> Result<Arc<dyn TableProvider>, SqlError> {
    let TableKind::View { text } = table.kind() else { return Ok(scope.provider(table)) };
    let property = |key: &str| table.properties().get(key);
    let database = match property(keep::VIEW_DATABASE) {
        Some(name) => DatabaseName::new(name)?,
        None => table.name().database(),
    };
    let given = property(keep::VIEW_COLUMNS).map(|names| names.split('\n').map(str::to_owned));
    let columns = given
        .map(|given| Captured { given: given.collect(), schema: table.schema(), up_cast: false })
        .filter(|columns| columns.given.len() == columns.schema.fields().len())
        .map(Arc::new);
    let query = ViewQuery::Text { text: text.to_string(), database, columns };
    expand(scope, &table.name().to_string(), &query)
}

/// The query of a view, planned in the version of the statement.
pub(crate) fn expand(
    scope: &Scope,
    name: &str,
    query: &ViewQuery,
) -> Result<Arc<dyn TableProvider>, SqlError> {
    let (plan, text) = match query {
        ViewQuery::Plan(plan) => ((**plan).clone(), None),
        ViewQuery::Text { text, database, columns } => {
            let inner = scope.within(name, database.clone())?;
            let plan = plan_text(&inner, text).map_err(|source| match source {
                whole @ (SqlError::ViewCycle { .. }
                | SqlError::ViewDepth { .. }
                | SqlError::ViewCount { .. }) => whole,
                source => SqlError::View { name: name.to_owned(), source: Box::new(source) },
            })?;
            let plan = match columns {
                Some(columns) => as_captured(&inner, name, text, plan, columns)?,
                None => plan,
            };
            (plan, Some(text.clone()))
        }
    };
    Ok(Arc::new(ViewTable::new(plan, text)))
}

/// The columns that the query gave when the view was made, found by their names.
fn as_captured(
    scope: &Scope,
    view: &str,
    text: &str,
    plan: LogicalPlan,
    columns: &Captured,
) -> Result<LogicalPlan, SqlError> {
    let now = plan.schema().fields();
    // Of several columns of one name, the second is the second that has it.
    let find = |index: usize, name: &String| {
        let before = columns.given[..index].iter();
        let exact = before.clone().filter(|other| *other == name).count();
        let folded = name.to_lowercase();
        let other_case = before.filter(|other| other.to_lowercase() == folded).count();
        let all = || now.iter().enumerate();
        let mut spelled = all().filter(|(_, field)| field.name() == name);
        let mut named = all().filter(|(_, field)| field.name().to_lowercase() == folded);
        spelled.nth(exact).or_else(|| named.nth(other_case)).map(|(at, _)| at)
    };
    let mut exprs = Vec::with_capacity(columns.given.len());
    let mut unchanged = now.len() == columns.given.len();
    for (index, (name, field)) in columns.given.iter().zip(columns.schema.fields()).enumerate() {
        let Some(at) = find(index, name) else {
            return Err(SqlError::ViewOutdated {
                view: view.to_owned(),
                column: name.clone(),
                text: text.to_owned(),
                given: now.iter().map(|field| field.name().clone()).collect(),
            });
        };
        let (qualifier, found) = plan.schema().qualified_field(at);
        let mut expr = Expr::Column(Column::from((qualifier, found)));
        if found.data_type() != field.data_type() {
            if columns.up_cast && !is_wider(found.data_type(), field.data_type()) {
                let table = qualifier.and_then(|table| scope.name(&table.to_vec()).ok());
                let parts =
                    table.map(|table| [table.database_str(), table.table_str()].map(str::to_owned));
                let parts = parts.into_iter().flatten();
                return Err(SqlError::ViewType {
                    view: view.to_owned(),
                    column: parts.chain([found.name().clone()]).collect(),
                    from: found.data_type().clone(),
                    to: field.data_type().clone(),
                });
            }
            expr = datafusion::logical_expr::cast(expr, field.data_type().clone());
        }
        unchanged &=
            at == index && found.name() == field.name() && found.data_type() == field.data_type();
        exprs.push(expr.alias(field.name()));
    }
    if unchanged {
        return Ok(plan);
    }
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

/// Whether values of a type can be read as those of another without loss, as far as types tell.
fn is_wider(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(..), DataType::Timestamp(..)) => true,
        (from, to) if from.is_nested() && to.is_nested() => true,
        (from, to) => loses_nothing(from, to),
    }
}

fn plan_text(scope: &Scope, text: &str) -> Result<LogicalPlan, SqlError> {
    planner::plan_query(scope, *parse::parse_query(text)?)
}
