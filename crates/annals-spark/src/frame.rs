//! Frames: queries that are put together step by step, and run when their rows are asked for.

mod grouped;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column as PlanColumn, DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};

use crate::column::Column;
use crate::error::SparkError;
use crate::names::{self, GLOBAL_TEMP, Parts};
use crate::rows::{self, Row, plain_type};
use crate::session::Session;
use crate::show::{self, Truncate};
use crate::types::quote;
use crate::writer::DataFrameWriter;
use crate::writer_v2::DataFrameWriterV2;

pub use grouped::GroupedData;

/// The name that a frame has in the text of a query over it.
pub(crate) const THIS: &str = "__this";
/// The name of the other frame.
const OTHER: &str = "__other";

/// A query that has read nothing yet. Cheap to clone.
///
/// What it reads is pinned: tables in the version in which [`Session::table`] or
/// [`Session::sql`] found them. Run twice, it gives the same rows.
#[derive(Clone)]
pub struct DataFrame {
    session: Session,
    plan: Arc<LogicalPlan>,
}

impl DataFrame {
    pub(crate) fn new(session: Session, plan: LogicalPlan) -> Self {
        Self { session, plan: Arc::new(plan) }
    }

    fn with(&self, plan: LogicalPlan) -> Self {
        Self::new(self.session.clone(), plan)
    }

    fn told(&self, error: datafusion::error::DataFusionError) -> SparkError {
        self.session.told(true).query(error)
    }

    fn build(
        &self,
        build: impl FnOnce(LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder>,
    ) -> Result<Self, SparkError> {
        let builder = LogicalPlanBuilder::from(self.plan.as_ref().clone());
        let plan = build(builder).and_then(LogicalPlanBuilder::build);
        plan.map(|plan| self.with(plan)).map_err(|error| self.told(error))
    }

    /// The frame of a query over this one, which it names [`THIS`].
    fn query(&self, text: &str) -> Result<Self, SparkError> {
        self.session.query_over(&[(THIS, &self.plan)], text).map(|plan| self.with(plan))
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
        Arc::new(spark_schema(self.plan.schema()))
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
        self.build(|builder| builder.project(exprs))
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
        let exprs: Vec<String> = exprs.into_iter().map(|expr| expr.as_ref().to_owned()).collect();
        self.query(&format!("SELECT {} FROM {THIS}", exprs.join(", ")))
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
        for (name, column) in columns {
            let mut resolved = column.into().resolve(&self.session, &self.plan)?;
            let one = resolved.pop().filter(|_| resolved.is_empty());
            let one = one.ok_or_else(|| SparkError::other("one column was expected"))?;
            let one = one.unalias().alias(name.as_ref());
            match self.position(name.as_ref()) {
                Some(index) => exprs[index] = one,
                None => exprs.push(one),
            }
        }
        self.build(|builder| builder.project(exprs))
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
        self.build(|builder| builder.project(exprs))
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
        self.build(|builder| builder.project(exprs))
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
        self.build(|builder| builder.project(exprs))
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
                let filtered = self.query(&format!("SELECT * FROM {THIS} WHERE {text}"));
                filtered.or_else(|error| self.filter_below(&text).unwrap_or(Err(error)))
            }
            Condition::Column(column) => {
                let mut exprs = column.resolve(&self.session, &self.plan)?;
                let expr =
                    exprs.pop().ok_or_else(|| SparkError::other("a condition is missing"))?;
                self.build(|builder| builder.filter(expr.unalias()))
            }
        }
    }

    /// The rows for which the condition holds on what this frame was selected from: Spark lets a
    /// condition name columns that a select just before it has left out. None if there is no such
    /// select.
    fn filter_below(&self, condition: &str) -> Option<Result<Self, SparkError>> {
        let LogicalPlan::Projection(selected) = self.plan.as_ref() else { return None };
        let below = Self { session: self.session.clone(), plan: Arc::clone(&selected.input) };
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
        self.build(|builder| builder.limit(0, Some(rows)))
    }

    /// All but so many rows at the beginning.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn offset(&self, rows: usize) -> Result<Self, SparkError> {
        self.build(|builder| builder.limit(rows, None))
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

    // ---- with other frames ----------------------------------------------------------------

    /// The rows of both, column by place. Types become those that hold both.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the numbers of columns differ.
    pub fn union(&self, other: &Self) -> Result<Self, SparkError> {
        let other = other.plan.as_ref().clone();
        self.build(|builder| builder.union(other))
    }

    /// The rows of both, column by name. With `allow_missing_columns`, what one of them lacks is
    /// null there.
    ///
    /// # Errors
    ///
    /// `UNRESOLVED_COLUMN` if a column is missing and may not be.
    pub fn union_by_name(
        &self,
        other: &Self,
        allow_missing_columns: bool,
    ) -> Result<Self, SparkError> {
        let null = |name: &str| lit(ScalarValue::Null).alias(name);
        let missing = |name: &str, in_frame: &Self| {
            let available: Vec<Vec<String>> =
                in_frame.columns().into_iter().map(|column| vec![column]).collect();
            crate::convert::no_column(&[name.to_owned()], &available)
        };
        let (mut left, mut right) = (self.own_columns(), Vec::new());
        for name in self.columns() {
            match other.position(&name) {
                Some(index) => right.push(other.own_columns()[index].clone().alias(&name)),
                None if allow_missing_columns => right.push(null(&name)),
                None => return Err(missing(&name, other)),
            }
        }
        for (index, name) in other.columns().iter().enumerate() {
            if self.position(name).is_none() {
                if !allow_missing_columns {
                    return Err(missing(name, self));
                }
                left.push(null(name));
                right.push(other.own_columns()[index].clone());
            }
        }
        let left = self.build(|builder| builder.project(left))?;
        let right = other.build(|builder| builder.project(right))?;
        left.union(&right)
    }

    /// The rows of this frame that the other one has too, each once.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the columns differ.
    pub fn intersect(&self, other: &Self) -> Result<Self, SparkError> {
        self.set_operation(other, "INTERSECT")
    }

    /// The rows of this frame that the other one lacks, each once.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the columns differ.
    pub fn subtract(&self, other: &Self) -> Result<Self, SparkError> {
        self.set_operation(other, "EXCEPT")
    }

    fn set_operation(&self, other: &Self, operation: &str) -> Result<Self, SparkError> {
        let text = format!("SELECT * FROM {THIS} {operation} SELECT * FROM {OTHER}");
        let frames = [(THIS, self.plan.as_ref()), (OTHER, other.plan.as_ref())];
        self.session.query_over(&frames, &text).map(|plan| self.with(plan))
    }

    /// The two joined on columns that both have, which the result has once. `how` is `inner`,
    /// `left`, `right`, `full`, `left_semi`, `left_anti` or `cross`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if a column is missing or the way is unknown.
    pub fn join(&self, other: &Self, on: &[&str], how: &str) -> Result<Self, SparkError> {
        let how = match how.to_lowercase().replace('_', "").as_str() {
            "inner" => "INNER JOIN",
            "left" | "leftouter" => "LEFT JOIN",
            "right" | "rightouter" => "RIGHT JOIN",
            "full" | "outer" | "fullouter" => "FULL JOIN",
            "semi" | "leftsemi" => "LEFT SEMI JOIN",
            "anti" | "leftanti" => "LEFT ANTI JOIN",
            "cross" => "CROSS JOIN",
            other => {
                return Err(SparkError::new("UNSUPPORTED_JOIN_TYPE", [("typ", other.to_owned())]));
            }
        };
        let on: Vec<String> = on.iter().map(|column| quote(column)).collect();
        let using =
            if on.is_empty() { String::new() } else { format!(" USING ({})", on.join(", ")) };
        let text = format!("SELECT * FROM {THIS} {how} {OTHER}{using}");
        let frames = [(THIS, self.plan.as_ref()), (OTHER, other.plan.as_ref())];
        self.session.query_over(&frames, &text).map(|plan| self.with(plan))
    }

    /// Every row of the one with every row of the other.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn cross_join(&self, other: &Self) -> Result<Self, SparkError> {
        self.join(other, &[], "cross")
    }

    /// Rows divided into groups, to be aggregated.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn group_by<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<GroupedData, SparkError> {
        let mut keys = Vec::new();
        for column in columns {
            keys.extend(column.into().resolve(&self.session, &self.plan)?);
        }
        Ok(GroupedData::new(self.clone(), keys))
    }

    /// One row of aggregates over all rows.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn agg<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, SparkError> {
        GroupedData::new(self.clone(), Vec::new()).agg(columns)
    }

    // ---- views and writing ----------------------------------------------------------------

    /// Makes a temporary view of this frame.
    ///
    /// # Errors
    ///
    /// `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS` if there is one of the name.
    pub fn create_temp_view(&self, name: &str) -> Result<(), SparkError> {
        let name = names::view_name(name)?;
        if self.session.sql_session().views().local(&name).is_some() {
            return Err(view_exists(&quote(&name)));
        }
        self.set_view(&name, false);
        Ok(())
    }

    /// Makes a temporary view of this frame, in place of one of the name.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn create_or_replace_temp_view(&self, name: &str) -> Result<(), SparkError> {
        self.set_view(&names::view_name(name)?, false);
        Ok(())
    }

    /// Makes a temporary view that all sessions of the store see, as `global_temp.name`.
    ///
    /// # Errors
    ///
    /// `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS` if there is one of the name.
    pub fn create_global_temp_view(&self, name: &str) -> Result<(), SparkError> {
        let name = names::view_name(name)?;
        if self.session.sql_session().views().global(&name).is_some() {
            return Err(view_exists(&format!("{}.{}", quote(GLOBAL_TEMP), quote(&name))));
        }
        self.set_view(&name, true);
        Ok(())
    }

    /// The same, in place of one of the name.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn create_or_replace_global_temp_view(&self, name: &str) -> Result<(), SparkError> {
        self.set_view(&names::view_name(name)?, true);
        Ok(())
    }

    fn set_view(&self, name: &str, global: bool) {
        let query = annals_sql::view::ViewQuery::Plan(Box::new(self.plan.as_ref().clone()));
        let sql = self.session.sql_session();
        if global {
            sql.set_global_view(name, query)
        } else {
            sql.set_view(name, query)
        };
    }

    /// Begins to write the rows to a table, in the way of `DataFrameWriter`.
    pub fn write(&self) -> DataFrameWriter {
        DataFrameWriter::new(self.clone())
    }

    /// Begins to write the rows to a table, in the way of `DataFrameWriterV2`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn write_to(&self, table: &str) -> Result<DataFrameWriterV2, SparkError> {
        DataFrameWriterV2::new(self.clone(), Parts::parse(table)?)
    }

    // ---- running it -----------------------------------------------------------------------

    /// The rows as Arrow batches, with the types of [`schema`](Self::schema).
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn to_batches(&self) -> Result<Vec<RecordBatch>, SparkError> {
        let frame = self.session.sql_session().frame(self.plan.as_ref().clone());
        let batches = frame.collect().await.map_err(|error| self.told(error))?;
        let schema = self.schema();
        batches.iter().map(|batch| as_spark_has_it(batch, &schema)).collect()
    }

    /// The rows.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn collect(&self) -> Result<Vec<Row>, SparkError> {
        rows::of_batches(&self.to_batches().await?)
    }

    /// How many rows there are. Of a table this reads none.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn count(&self) -> Result<usize, SparkError> {
        let frame = self.session.sql_session().frame(self.plan.as_ref().clone());
        frame.count().await.map_err(|error| self.told(error))
    }

    /// Whether there are no rows.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn is_empty(&self) -> Result<bool, SparkError> {
        Ok(self.limit(1)?.collect().await?.is_empty())
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn first(&self) -> Result<Option<Row>, SparkError> {
        Ok(self.take(1).await?.pop())
    }

    /// The first rows, at most so many.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn take(&self, rows: usize) -> Result<Vec<Row>, SparkError> {
        self.limit(rows)?.collect().await
    }

    /// The text that [`show`](Self::show) prints.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn show_string(
        &self,
        rows: usize,
        truncate: impl Into<Truncate>,
        vertical: bool,
    ) -> Result<String, SparkError> {
        let mut found = self.take(rows.saturating_add(1)).await?;
        let more = found.len() > rows;
        found.truncate(rows);
        Ok(show::table(&self.schema(), &found, more, truncate.into(), vertical))
    }

    /// Prints the first 20 rows as a table, values cut at 20 characters.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn show(&self) -> Result<(), SparkError> {
        println!("{}", self.show_string(20, true, false).await?);
        Ok(())
    }

    /// The rows computed now and kept, so that running the result computes nothing.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn cache(&self) -> Result<Self, SparkError> {
        let batches = self.to_batches().await?;
        self.session.from_batches(&self.schema(), batches)
    }
}

fn view_exists(name: &str) -> SparkError {
    SparkError::new("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", [("relationName", name)])
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

/// The columns of a plan as Spark has them.
fn spark_schema(schema: &DFSchema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| spark_field(field)).collect::<Vec<Field>>())
}

fn spark_field(field: &Field) -> Field {
    field.clone().with_data_type(spark_type(field.data_type()))
}

/// The type that Spark has for the values of an Arrow type.
fn spark_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| spark_field(field)).collect())
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(spark_field(item)))
        }
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(spark_field(entries)), *sorted),
        DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal256(..)
        | DataType::Dictionary(..) => plain_type(data_type),
        other => other.clone(),
    }
}

fn as_spark_has_it(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SparkError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(rows::arrow)?;
    // A query may say that a column has no nulls and be mistaken about it; the rows are right.
    let fields = schema.fields().iter().zip(&columns).map(|(field, column)| {
        let nulls = column.logical_null_count() > 0;
        Field::clone(field).with_nullable(field.is_nullable() || nulls)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(rows::arrow)
}

/// A column of a plan by its name, without case.
pub(crate) fn find_column(plan: &LogicalPlan, name: &str) -> Result<PlanColumn, SparkError> {
    let schema = plan.schema();
    let exact = |column: &PlanColumn| column.name == name;
    let folded = |column: &PlanColumn| column.name.eq_ignore_ascii_case(name);
    let columns = schema.columns();
    let found: Vec<&PlanColumn> = columns.iter().filter(|column| folded(column)).collect();
    match found.as_slice() {
        [] => {
            let available: Vec<Vec<String>> =
                columns.iter().map(|column| vec![column.name.clone()]).collect();
            Err(crate::convert::no_column(&[name.to_owned()], &available))
        }
        [one] => Ok((*one).clone()),
        several => {
            let mut exactly = several.iter().filter(|column| exact(column));
            match (exactly.next(), exactly.next()) {
                (Some(one), None) => Ok((*one).clone()),
                _ => {
                    let quoted = quote(name);
                    let names = vec![quoted.clone(); several.len()].join(", ");
                    Err(SparkError::new(
                        "AMBIGUOUS_REFERENCE",
                        [("name", quoted), ("referenceNames", format!("[{names}]"))],
                    ))
                }
            }
        }
    }
}

impl fmt::Debug for DataFrame {
    /// As PySpark's frames are shown: `DataFrame[id: int, name: string]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> =
            self.dtypes().into_iter().map(|(name, of)| format!("{name}: {of}")).collect();
        write!(f, "DataFrame[{}]", columns.join(", "))
    }
}
