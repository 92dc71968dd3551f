//! The rows that a command gives back.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::error::SqlError;

/// What a command tells.
pub(super) struct Rows {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Rows {
    /// Nothing: no columns and no rows.
    pub(super) fn none() -> Self {
        Self { fields: Vec::new(), columns: Vec::new() }
    }

    /// Adds a column of texts.
    pub(super) fn text<S: AsRef<str>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        self.fields.push(Field::new(name, DataType::Utf8, false));
        self.columns.push(Arc::new(StringArray::from_iter_values(values)));
        self
    }

    /// Adds a column of texts, some of which may be missing.
    pub(super) fn optional<S: AsRef<str>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = Option<S>>,
    ) -> Self {
        self.fields.push(Field::new(name, DataType::Utf8, true));
        self.columns.push(Arc::new(StringArray::from_iter(values)));
        self
    }

    /// Adds a column of truths.
    pub(super) fn flags(mut self, name: &str, values: impl IntoIterator<Item = bool>) -> Self {
        self.fields.push(Field::new(name, DataType::Boolean, false));
        let values: Vec<bool> = values.into_iter().collect();
        self.columns.push(Arc::new(BooleanArray::from(values)));
        self
    }

    /// Adds a column of one number.
    pub(super) fn count(mut self, name: &str, value: u64) -> Self {
        self.fields.push(Field::new(name, DataType::Int64, false));
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.columns.push(Arc::new(Int64Array::from(vec![value])));
        self
    }

    /// Adds a column of numbers, some of which may be missing.
    pub(super) fn numbers(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = Option<u64>>,
    ) -> Self {
        self.fields.push(Field::new(name, DataType::Int64, true));
        let values = values.into_iter().map(|value| value.and_then(|v| i64::try_from(v).ok()));
        self.columns.push(Arc::new(values.collect::<Int64Array>()));
        self
    }

    pub(super) fn into_plan(self) -> Result<LogicalPlan, SqlError> {
        if self.fields.is_empty() {
            return Ok(LogicalPlanBuilder::empty(false).build()?);
        }
        let schema = Arc::new(Schema::new(self.fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), self.columns)
            .map_err(datafusion::error::DataFusionError::from)?;
        let table = MemTable::try_new(schema, vec![vec![batch]])?;
        let source = provider_as_source(Arc::new(table));
        Ok(LogicalPlanBuilder::scan("result", source, None)?.build()?)
    }
}
