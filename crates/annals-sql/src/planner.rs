//! From a parsed query to a plan, with every name looked up in one [`Scope`].
//!
//! `DataFusion`'s own way resolves all names of a statement first, by asynchronous catalogs, and
//! plans then. Here the planner asks the scope as it goes: nothing is resolved twice, nothing
//! waits, and what a statement sees cannot change on the way.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableFunctionArgs;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, TableReference, plan_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::var_provider::{VarType, is_system_variables};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};

use crate::casing;
use crate::error::SqlError;
use crate::scope::Scope;
use crate::travel::Relations;

/// How much stack is taken if less is left than is needed; memory only as far as it is touched.
const ROOM: usize = 64 << 20;
/// What planning needs of the stack, in any case. Threads have more, mostly: to take a stack and
/// touch it for the first time costs as much as to plan a small query.
const LEAST: usize = 768 << 10;
/// What it needs for each level of a query, unoptimized: that of 150 operators takes megabytes.
const PER_LEVEL: usize = 64 << 10;

/// Plans with room for views of views and for chains of operators, whose length the parser does
/// not bound. Overflowing the stack would end the process.
fn with_room<T>(levels: usize, plan: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(LEAST + levels * PER_LEVEL, ROOM, plan)
}

/// How deep expressions, queries and set operations stand in each other.
fn levels(part: &impl Visit) -> usize {
    let mut levels = Levels::default();
    let _ = part.visit(&mut levels);
    levels.most
}

#[derive(Default)]
struct Levels {
    now: usize,
    most: usize,
}

impl Levels {
    fn enter(&mut self, levels: usize) -> ControlFlow<()> {
        self.now += levels;
        self.most = self.most.max(self.now);
        ControlFlow::Continue(())
    }

    fn leave(&mut self, levels: usize) -> ControlFlow<()> {
        self.now -= levels;
        ControlFlow::Continue(())
    }
}

impl Visitor for Levels {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        self.enter(1 + set_operations(&query.body))
    }

    fn post_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        self.leave(1 + set_operations(&query.body))
    }

    fn pre_visit_expr(&mut self, _: &ast::Expr) -> ControlFlow<()> {
        self.enter(1)
    }

    fn post_visit_expr(&mut self, _: &ast::Expr) -> ControlFlow<()> {
        self.leave(1)
    }
}

/// How many there are in a row.
fn set_operations(mut body: &ast::SetExpr) -> usize {
    let mut count = 0;
    while let ast::SetExpr::SetOperation { left, .. } = body {
        (body, count) = (left, count + 1);
    }
    count
}

/// The plan of a query.
pub(crate) fn plan_query(scope: &Scope, mut query: ast::Query) -> Result<LogicalPlan, SqlError> {
    with_room(levels(&query), || {
        casing::query(scope, &mut query)?;
        let statement = ast::Statement::Query(Box::new(query));
        let names = Names::new(scope);
        let plan = SqlToRel::new(&names).sql_statement_to_plan(statement)?;
        Ok(casing::twice::as_written(typed(plan)?)?)
    })
}

/// Makes a literal that is cast to `int` (see `casing`) one, where no name is made of its text. The
/// optimizer would compute it, at as much cost as it has for all else of a small query.
fn typed(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|node| match node {
        LogicalPlan::Filter(_) => node.map_expressions(|expr| expr.transform_up(typed_literal)),
        LogicalPlan::Projection(_) => node.map_expressions(|expr| match expr {
            Expr::Alias(_) => expr.transform_up(typed_literal),
            expr => Ok(Transformed::no(expr)),
        }),
        node => Ok(Transformed::no(node)),
    });
    Ok(plan?.data)
}

fn typed_literal(expr: Expr) -> Result<Transformed<Expr>> {
    if let Expr::Cast(cast) = &expr
        && cast.field.data_type() == &DataType::Int32
        && let Expr::Literal(ScalarValue::Int64(Some(value)), metadata) = &*cast.expr
        && let Ok(value) = i32::try_from(*value)
    {
        let value = ScalarValue::Int32(Some(value));
        return Ok(Transformed::yes(Expr::Literal(value, metadata.clone())));
    }
    Ok(Transformed::no(expr))
}

/// The plan of an expression over `schema`.
pub(crate) fn plan_expr(
    scope: &Scope,
    mut expr: ast::Expr,
    schema: &DFSchema,
) -> Result<Expr, SqlError> {
    with_room(levels(&expr), || {
        casing::expr(scope, &mut expr, schema);
        let names = Names::new(scope);
        Ok(SqlToRel::new(&names).sql_to_expr(expr, schema, &mut PlannerContext::new())?)
    })
}

/// An expression without columns, as far as it can be computed before the query runs.
pub(crate) fn simplified(state: &SessionState, expr: Expr) -> Result<Expr> {
    let schema = DFSchema::empty();
    let context = SimplifyContext::builder()
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    simplifier.simplify(simplifier.coerce(expr, &schema)?)
}

/// What `DataFusion`'s planner asks of its surroundings.
struct Names<'a> {
    scope: &'a Scope,
    state: &'a SessionState,
    relations: Vec<Arc<dyn RelationPlanner>>,
}

impl<'a> Names<'a> {
    fn new(scope: &'a Scope) -> Self {
        let state = scope.state();
        let own: Arc<dyn RelationPlanner> = Arc::new(Relations::new(scope.clone()));
        // Those that a host has added come first, so that it can plan what is refused here.
        let relations = state.relation_planners().iter().cloned().chain([own]).collect();
        Self { scope, state, relations }
    }

    fn execution_props(&self) -> &ExecutionProps {
        self.state.execution_props()
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let table = match &name {
            TableReference::Bare { table } => self.scope.table(&[&**table]),
            TableReference::Partial { schema, table } => self.scope.table(&[&**schema, &**table]),
            TableReference::Full { catalog, schema, table } => {
                self.scope.table(&[&**catalog, &**schema, &**table])
            }
        };
        Ok(provider_as_source(table?))
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        let found = self.state.table_functions().get(&name.to_lowercase());
        let function = found.ok_or_else(|| SqlError::NoFunction { name: name.to_owned() })?;
        let simple = |arg| simplified(self.state, arg);
        let args = args.into_iter().map(simple).collect::<Result<Vec<_>>>()?;
        let args = TableFunctionArgs::new(&args, self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.scope.type_planner().cloned()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, names: &[String]) -> Option<DataType> {
        if names.is_empty() {
            return None;
        }
        let kind = if is_system_variables(names) { VarType::System } else { VarType::UserDefined };
        let providers = self.execution_props().var_providers.as_ref()?;
        providers.get(&kind)?.get_type(names)
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }

    fn get_file_type(
        &self,
        ending: &str,
    ) -> Result<Arc<dyn datafusion::common::file_options::file_type::FileType>> {
        // Only `COPY` asks.
        Err(plan_datafusion_err!("no statement writes files, so not `{ending}` either"))
    }
}
