//! What makes a frame run, and begins to write it.

use std::sync::Arc;

use annals::{Gathered, WriteError};
use annals_sql::gather::Gather;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;

use super::{DataFrame, schema};
use crate::error::SparkError;
use crate::names::Parts;
use crate::rows::{self, Row};
use crate::show::{self, Truncate};
use crate::writer::{DataFrameWriter, checks};
use crate::writer_v2::DataFrameWriterV2;

/// Why rows do not come to be written.
enum Failed {
    Query(DataFusionError),
    Write(WriteError),
    Rows(SparkError),
}

impl From<DataFusionError> for Failed {
    fn from(error: DataFusionError) -> Self {
        Self::Query(error)
    }
}

impl From<WriteError> for Failed {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl DataFrame {
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

    /// The rows as Arrow batches, with the types of [`schema`](Self::schema).
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn to_batches(&self) -> Result<Vec<RecordBatch>, SparkError> {
        let frame = self.session.sql_session().frame(self.plan.as_ref().clone());
        let batches = self.with_room(frame.collect()).await.map_err(|error| self.told(error))?;
        let schema = self.schema();
        batches.iter().map(|batch| schema::as_spark_has_it(batch, &schema)).collect()
    }

    /// The rows on their way into a table that is divided by these columns. What is written is what
    /// `made` makes of each batch.
    pub(crate) async fn gather<S: Into<String>>(
        &self,
        schema: &SchemaRef,
        divided_by: impl IntoIterator<Item = S>,
        made: impl Fn(RecordBatch) -> Result<RecordBatch, SparkError> + Send + Sync + 'static,
    ) -> Result<Gathered, SparkError> {
        let own = self.schema();
        let nullable = schema.fields().iter().map(|field| Field::clone(field).with_nullable(true));
        let gather = Gather {
            store: self.session.store().clone(),
            schema: Some(Arc::new(Schema::new(nullable.collect::<Vec<_>>()))),
            divided_by: divided_by.into_iter().map(Into::into).collect(),
            made: move |batch| {
                let batch = schema::as_spark_has_it(&batch, &own).and_then(&made);
                batch.map_err(Failed::Rows)
            },
        };
        let state = self.session.sql_session().state();
        let gathered = gather.run(&state, self.plan.as_ref().clone()).await;
        gathered.map_err(|failed| match failed {
            Failed::Query(error) => self.told(error),
            Failed::Write(error) => self.session.told(true).write(error, None),
            Failed::Rows(error) => error,
        })
    }

    /// [`gather`](Self::gather) for a new table, in which the columns that it is divided by come
    /// last; with the columns in that order.
    pub(crate) async fn gather_divided(
        &self,
        schema: &SchemaRef,
        by: &[String],
    ) -> Result<(SchemaRef, Gathered), SparkError> {
        if by.is_empty() {
            return Ok((Arc::clone(schema), self.gather(schema, by.to_vec(), Ok).await?));
        }
        let (schema, order) = checks::partitions_last(schema, by)?;
        let made = move |batch: RecordBatch| batch.project(&order).map_err(rows::arrow);
        let gathered = self.gather(&schema, by.to_vec(), made).await?;
        Ok((schema, gathered))
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
        self.with_room(frame.count()).await.map_err(|error| self.told(error))
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

    /// The same as [`take`](Self::take).
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the query fails.
    pub async fn head(&self, rows: usize) -> Result<Vec<Row>, SparkError> {
        self.take(rows).await
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
