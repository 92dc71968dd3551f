//! Queries and expressions of a statement that writes, computed by `DataFusion`.

use std::sync::Arc;

use annals::error::BoxError;
use annals::{Gathered, Gathering, Store, Table, WriteError};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::catalog::MemTable;
use datafusion::common::runtime::JoinSet;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, ident};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr, execute_stream_partitioned};
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;

use super::Work;
use crate::error::SqlError;
use crate::planner;
use crate::session::frame_of;

/// The rows of a batch that is to become a chunk: with fewer, several would be copied into one.
const CHUNK_ROWS: usize = 1 << 16;

/// The column that says which row of a table it is.
const ROW: &str = "__annals_row";

/// An expression, ready to be computed on batches.
pub(super) struct Compiled {
    physical: Arc<dyn PhysicalExpr>,
}

impl Compiled {
    pub(super) fn values(&self, batch: &RecordBatch) -> Result<ArrayRef, SqlError> {
        let values = self.physical.evaluate(batch)?;
        Ok(values.into_array(batch.num_rows())?)
    }

    pub(super) fn truths(&self, batch: &RecordBatch) -> Result<BooleanArray, SqlError> {
        let values = self.values(batch)?;
        match values.data_type() {
            DataType::Boolean => Ok(values.as_boolean().clone()),
            DataType::Null => Ok(BooleanArray::new_null(values.len())),
            other => Err(SqlError::Unsupported {
                what: format!("a condition of the type {other}"),
                instead: "write one that is true or false".to_owned(),
            }),
        }
    }
}

/// Takes out an error of ours that went through the engine.
pub(super) fn told(error: WriteError) -> SqlError {
    match error {
        WriteError::Function { table, used, source } => match source.downcast::<SqlError>() {
            Ok(ours) => *ours,
            Err(source) => WriteError::Function { table, used, source }.into(),
        },
        other => other.into(),
    }
}

pub(super) fn boxed(error: SqlError) -> BoxError {
    Box::new(error)
}

fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    let walked = expr.apply(|expr| {
        found |= matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
        );
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    debug_assert!(walked.is_ok(), "nothing in it fails");
    found
}

/// The columns of a table, under the name that a statement has for it.
pub(super) fn columns_as(table: &Table, called: &str) -> Result<DFSchema, SqlError> {
    Ok(DFSchema::try_from_qualified_schema(TableReference::bare(called), &table.schema())?)
}

/// Filters copy the rows that they let through: at once into batches as large as chunks.
fn in_large_batches(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
    let plan = plan.transform_up(|node| match node.downcast_ref::<FilterExec>() {
        Some(filter) => Ok(Transformed::yes(Arc::new(filter.with_batch_size(CHUNK_ROWS)?) as _)),
        None => Ok(Transformed::no(node)),
    });
    Ok(plan?.data)
}

/// What the rows of a query go into.
struct Into<F> {
    store: Store,
    schema: Option<SchemaRef>,
    divided_by: Vec<String>,
    made: F,
}

impl<F: Fn(RecordBatch) -> Result<RecordBatch, SqlError> + Send + Sync + 'static> Into<F> {
    fn begin(&self, computed: &SchemaRef) -> Gathering {
        let schema = self.schema.as_ref().unwrap_or(computed);
        self.store.gather(Arc::clone(schema)).partition_by(&self.divided_by)
    }

    /// The rows of one part of a query; none if not even an empty batch came.
    async fn gather(
        &self,
        mut stream: SendableRecordBatchStream,
    ) -> Result<Option<Gathering>, SqlError> {
        let mut rows = None;
        while let Some(batch) = stream.try_next().await? {
            // What is computed may have a metadata or nullability of its own.
            let rows = rows.get_or_insert_with(|| self.begin(batch.schema_ref()));
            rows.push((self.made)(batch)?)?;
        }
        Ok(rows)
    }

    /// The rows of each part, each computed by a task. They end with this.
    async fn gather_beside(
        self: &Arc<Self>,
        streams: Vec<SendableRecordBatchStream>,
    ) -> Result<Vec<Option<Gathering>>, SqlError> {
        let mut parts: Vec<_> = streams.iter().map(|_| None).collect();
        let mut tasks = JoinSet::new();
        for (at, stream) in streams.into_iter().enumerate() {
            let into = Arc::clone(self);
            tasks.spawn(async move { into.gather(stream).await.map(|rows| (at, rows)) });
        }
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(part) => {
                    let (at, rows) = part?;
                    parts[at] = rows;
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => return Err(DataFusionError::External(error.into()).into()),
                },
            }
        }
        Ok(parts)
    }
}

/// Rows of a table that were chosen beforehand, and what was computed of them.
pub(super) struct Chosen {
    /// Their places among all rows of the table, ascending.
    pub(super) rows: UInt64Array,
    /// For each expression asked for, its values.
    pub(super) values: Vec<ArrayRef>,
}

impl Work<'_> {
    /// Runs a query to its end. What `made` makes of each batch goes into the form that the store
    /// keeps rows in, divided by these columns, before the next batch is asked for. The rows that
    /// are made have the columns of `schema`, or those that the query gives.
    ///
    /// That is done by as many threads as compute the rows, for it costs about as much as a filter.
    pub(super) async fn gather(
        &self,
        plan: LogicalPlan,
        schema: Option<SchemaRef>,
        divided_by: &[impl AsRef<str>],
        made: impl Fn(RecordBatch) -> Result<RecordBatch, SqlError> + Send + Sync + 'static,
    ) -> Result<Gathered, SqlError> {
        let planned = Arc::clone(plan.schema().inner());
        let state = self.scope.state();
        let plan = in_large_batches(state.create_physical_plan(&plan).await?)?;
        let context = TaskContext::from(&**state);
        let config = context.session_config().clone().with_batch_size(CHUNK_ROWS);
        let context = Arc::new(context.with_session_config(config));
        let streams = execute_stream_partitioned(plan, context)?;
        let divided_by: Vec<String> = divided_by.iter().map(|by| by.as_ref().to_owned()).collect();
        let into = Arc::new(Into { store: self.session.store().clone(), schema, divided_by, made });
        let parts = match <[_; 1]>::try_from(streams) {
            Ok([all]) => vec![into.gather(all).await?],
            Err(streams) => into.gather_beside(streams).await?,
        };
        let mut parts = parts.into_iter().flatten();
        let mut rows = parts.next().unwrap_or_else(|| into.begin(&planned));
        for part in parts {
            rows.append(part.finish()?)?;
        }
        Ok(rows.finish()?)
    }

    pub(super) async fn run_plan(
        &self,
        plan: LogicalPlan,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), SqlError> {
        let planned = Arc::clone(plan.schema().inner());
        let frame = frame_of(self.scope.clone(), plan);
        let batches = frame.collect().await?;
        // What is computed may have a metadata or nullability of its own.
        let schema = batches.first().map_or(planned, RecordBatch::schema);
        Ok((schema, batches))
    }

    /// The plan of an expression; whether it has a subquery.
    pub(super) fn logical(
        &self,
        expr: &ast::Expr,
        schema: &DFSchema,
    ) -> Result<(Expr, bool), SqlError> {
        let expr = planner::plan_expr(&self.scope, expr.clone(), schema)?;
        let nested = has_subquery(&expr);
        Ok((expr, nested))
    }

    pub(super) fn compiled(&self, expr: Expr, schema: &DFSchema) -> Result<Compiled, SqlError> {
        let physical = self.scope.state().create_physical_expr(expr, schema)?;
        Ok(Compiled { physical })
    }

    /// Goes through all rows of a table as a query would, subqueries included: the rows for which
    /// the condition holds, and the values of expressions on them.
    pub(super) async fn chosen(
        &self,
        table: &Table,
        called: &str,
        condition: Option<&ast::Expr>,
        exprs: &[&ast::Expr],
    ) -> Result<Chosen, SqlError> {
        let schema = table.schema();
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(ROW, DataType::UInt64, false)));
        let numbered = Arc::new(Schema::new(fields));
        let mut next = 0;
        let mut batches = Vec::new();
        for batch in table.read()? {
            let end = next + batch.num_rows() as u64;
            let rows: ArrayRef = Arc::new(UInt64Array::from_iter_values(next..end));
            next = end;
            let columns = batch.columns().iter().cloned().chain([rows]).collect();
            let batch = RecordBatch::try_new(Arc::clone(&numbered), columns);
            batches.push(batch.map_err(DataFusionError::from)?);
        }
        let provider = Arc::new(MemTable::try_new(numbered, vec![batches])?);
        let called = TableReference::bare(called);
        let mut plan = LogicalPlanBuilder::scan(called, provider_as_source(provider), None)?;
        if let Some(condition) = condition {
            let condition = self.logical(condition, plan.schema())?.0;
            plan = plan.filter(condition)?;
        }
        let mut projected = vec![ident(ROW)];
        for (index, expr) in exprs.iter().enumerate() {
            let expr = self.logical(expr, plan.schema())?.0;
            projected.push(expr.alias(format!("value_{index}")));
        }
        let plan = plan.project(projected)?.sort([col(ROW).sort(true, false)])?.build()?;
        let (schema, batches) = self.run_plan(plan).await?;
        let all =
            arrow::compute::concat_batches(&schema, &batches).map_err(DataFusionError::from)?;
        let rows = all.column(0).as_primitive::<UInt64Type>().clone();
        if rows.values().windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(SqlError::Unsupported {
                what: "a condition that holds for a row more than once".to_owned(),
                instead: "write EXISTS or IN".to_owned(),
            });
        }
        Ok(Chosen { rows, values: all.columns()[1..].to_vec() })
    }
}
