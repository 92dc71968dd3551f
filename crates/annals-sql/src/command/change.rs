//! `DELETE` and `UPDATE`.
//!
//! A condition is computed on the rows of the chunks that it may concern, as the store goes
//! through them. One with a subquery is computed beforehand, by a query over the whole table.

use std::cell::Cell;

use annals::{Assignment as Assigned, Filter, Table, set_with};
use arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast;

use super::evaluate::{Chosen, boxed, columns_as, told};
use super::rows::Rows;
use super::{Work, defaults, store, tables};
use crate::error::SqlError;
use crate::predicate as known;
use crate::statement::{Assignment, ExprText, Name};

impl Work<'_> {
    pub(super) async fn delete(
        &mut self,
        name: &Name,
        alias: Option<&str>,
        filter: Option<&ExprText>,
    ) -> Result<Rows, SqlError> {
        let table = self.target(name, "DELETE")?;
        let called = alias.unwrap_or(name.last());
        let filter = self.filter(&table, called, filter).await?;
        let deleted = self.tx.delete(table.name(), filter).map_err(told)?;
        Ok(Rows::none().count("num_affected_rows", deleted))
    }

    pub(super) async fn update(
        &mut self,
        name: &Name,
        alias: Option<&str>,
        assignments: &[Assignment],
        filter: Option<&ExprText>,
    ) -> Result<Rows, SqlError> {
        let table = self.target(name, "UPDATE TABLE")?;
        let called = alias.unwrap_or(name.last());
        let schema = columns_as(&table, called)?;
        let assignments = &*defaults::assigned(&table, assignments)?;
        let mut nested = false;
        for assignment in assignments {
            nested |= self.logical(&assignment.value.expr, &schema)?.1;
        }
        if let Some(filter) = filter {
            nested |= self.logical(&filter.expr, &schema)?.1;
        }
        let updated = if nested {
            let exprs: Vec<&ast::Expr> = assignments.iter().map(|a| &*a.value.expr).collect();
            let condition = filter.map(|filter| &*filter.expr);
            let read = self.tx.table(table.name())?;
            let chosen = self.chosen(&read, called, condition, &exprs).await?;
            let sets = self.computed_before(&table, assignments, &chosen)?;
            let filter = only(&chosen);
            self.tx.update(table.name(), sets, filter).map_err(told)?
        } else {
            let filter = self.filter(&table, called, filter).await?;
            let sets = self.computed(&table, &schema, assignments)?;
            self.tx.update(table.name(), sets, filter).map_err(told)?
        };
        Ok(Rows::none().count("num_affected_rows", updated))
    }

    /// Gives all rows of a table values in some columns.
    pub(super) fn assign_to_all(
        &mut self,
        table: &Table,
        assignments: &[Assignment],
    ) -> Result<(), SqlError> {
        let schema = columns_as(table, table.name().table_str())?;
        let sets = self.computed(table, &schema, assignments)?;
        self.tx.update(table.name(), sets, Filter::all()).map_err(told)?;
        Ok(())
    }

    /// The rows for which a condition holds.
    pub(super) async fn filter(
        &self,
        table: &Table,
        called: &str,
        condition: Option<&ExprText>,
    ) -> Result<Filter<'static>, SqlError> {
        let Some(condition) = condition else { return Ok(Filter::all()) };
        let schema = columns_as(table, called)?;
        let (expr, nested) = self.logical(&condition.expr, &schema)?;
        if nested {
            let read = self.tx.table(table.name())?;
            let chosen = self.chosen(&read, called, Some(&condition.expr), &[]).await?;
            return Ok(only(&chosen));
        }
        let expr = self.simplified(expr, &schema)?;
        let known = known::of_filters(std::slice::from_ref(&expr), schema.inner());
        let compiled = self.compiled(expr, &schema)?;
        let test = move |batch: &_| compiled.truths(batch).map_err(boxed);
        Ok(match known {
            Some(known) => Filter::from(known).and_test(test),
            None => Filter::test(test),
        })
    }

    pub(super) fn simplified(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let state = self.scope.state();
        let context = SimplifyContext::builder()
            .with_schema(std::sync::Arc::new(schema.clone()))
            .with_config_options(std::sync::Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        Ok(simplifier.simplify(simplifier.coerce(expr, schema)?)?)
    }

    fn computed(
        &self,
        table: &Table,
        schema: &DFSchema,
        assignments: &[Assignment],
    ) -> Result<Vec<Assigned<'static>>, SqlError> {
        assignments
            .iter()
            .map(|assignment| {
                let column = self.column(table, assignment.column.last())?;
                let field = table.schema().field_with_name(&column).cloned();
                let field = field.map_err(datafusion::error::DataFusionError::from)?;
                let (expr, _) = self.logical(&assignment.value.expr, schema)?;
                let expr = self.simplified(expr, schema)?;
                let compiled = self.compiled(expr, schema)?;
                let name = table.name().clone();
                let texts = store::Texts::of(self.scope.state());
                Ok(set_with(column, move |batch: &_| {
                    let values = compiled.values(batch).map_err(boxed)?;
                    store::stored(texts, &name, &field, &values).map_err(boxed)
                }))
            })
            .collect()
    }

    fn computed_before(
        &self,
        table: &Table,
        assignments: &[Assignment],
        chosen: &Chosen,
    ) -> Result<Vec<Assigned<'static>>, SqlError> {
        let pairs = assignments.iter().zip(&chosen.values);
        pairs
            .map(|(assignment, values)| {
                let column = self.column(table, assignment.column.last())?;
                let schema = table.schema();
                let field = schema.field_with_name(&column);
                let field = field.map_err(datafusion::error::DataFusionError::from)?;
                let texts = store::Texts::of(self.scope.state());
                let values: ArrayRef = store::stored(texts, table.name(), field, values)?;
                let next = Cell::new(0);
                Ok(set_with(column, move |batch: &arrow::array::RecordBatch| {
                    let from = next.replace(next.get() + batch.num_rows());
                    Ok(values.slice(from, batch.num_rows()))
                }))
            })
            .collect()
    }
}

/// Exactly these rows. The store asks about all rows of the table, once and in order.
fn only(chosen: &Chosen) -> Filter<'static> {
    let rows = chosen.rows.clone();
    let next = Cell::new((0_u64, 0_usize));
    Filter::test(move |batch| {
        let (mut row, mut at) = next.get();
        let truths: BooleanArray = (0..batch.num_rows())
            .map(|_| {
                let hit = at < rows.len() && rows.value(at) == row;
                at += usize::from(hit);
                row += 1;
                Some(hit)
            })
            .collect();
        next.set((row, at));
        Ok(truths)
    })
}

/// The column of a table that an assignment is to.
pub(super) fn assigned(table: &Table, assignment: &Assignment) -> Result<usize, SqlError> {
    let (schema, name) = (table.schema(), assignment.column.last());
    let found = schema.fields().iter().position(|field| tables::same(field.name(), name));
    found.ok_or_else(|| tables::no_column(&schema, name))
}
