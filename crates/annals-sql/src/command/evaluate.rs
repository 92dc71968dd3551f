//! Queries and expressions of a statement that writes, computed by `DataFusion`.

use std::sync::Arc;

use annals::error::BoxError;
use annals::{Gathered, Table, WriteError};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, ident};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast;

use super::Work;
use crate::error::SqlError;
use crate::gather::Gather;
use crate::planner;
use crate::session::frame_of;

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

/// Rows of a table that were chosen beforehand, and what was computed of them.
pub(super) struct Chosen {
    /// Their places among all rows of the table, ascending.
    pub(super) rows: UInt64Array,
    /// For each expression asked for, its values.
    pub(super) values: Vec<ArrayRef>,
}

impl Work<'_> {
    /// The rows of a query, on their way into a table: see [`Gather`].
    pub(super) async fn gather(
        &self,
        plan: LogicalPlan,
        schema: Option<SchemaRef>,
        divided_by: &[impl AsRef<str>],
        made: impl Fn(RecordBatch) -> Result<RecordBatch, SqlError> + Send + Sync + 'static,
    ) -> Result<Gathered, SqlError> {
        let divided_by = divided_by.iter().map(|by| by.as_ref().to_owned()).collect();
        let gather = Gather { store: self.session.store().clone(), schema, divided_by, made };
        gather.run(self.scope.state(), plan).await
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
