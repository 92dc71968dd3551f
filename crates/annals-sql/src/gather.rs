//! The rows of a query on their way into a table.
//!
//! They go into the form that the store keeps rows in as they are computed, so that nobody keeps all
//! of them beside it. That is done by the tasks that compute them: it costs about as much as a
//! filter.

use std::sync::Arc;

use annals::{Gathered, Gathering, Store, WriteError};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::TryStreamExt;

/// Runs a query whose rows are to be written. `made` is given each batch, and makes of it what is
/// to be written.
pub struct Gather<F> {
    /// What the rows are for.
    pub store: Store,
    /// The columns of what `made` makes; none if they are those that the query gives.
    pub schema: Option<SchemaRef>,
    /// The columns that the table is partitioned by, as far as that is known.
    pub divided_by: Vec<String>,
    /// What is made of each batch.
    pub made: F,
}

impl<F> Gather<F> {
    /// Runs the query to its end. Needs a runtime of tokio. Dropped on the way, it stops the query.
    ///
    /// # Errors
    ///
    /// Those of the query, of `made`, and [`WriteError`] if batches of other columns come up.
    ///
    /// # Panics
    ///
    /// If the query panics.
    pub async fn run<E>(self, state: &SessionState, plan: LogicalPlan) -> Result<Gathered, E>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch, E> + Send + Sync + 'static,
        E: From<DataFusionError> + From<WriteError> + Send + 'static,
    {
        let planned = Arc::clone(plan.schema().inner());
        let plan = state.create_physical_plan(&plan).await?;
        let streams = execute_stream_partitioned(plan, state.task_ctx())?;
        let gather = Arc::new(self);
        let parts = match <[_; 1]>::try_from(streams) {
            Ok([all]) => vec![gather.part(all).await?],
            Err(streams) => gather.parts(streams).await?,
        };
        let mut parts = parts.into_iter().flatten();
        let mut rows = parts.next().unwrap_or_else(|| gather.begin(&planned));
        for part in parts {
            rows.append(part.finish()?)?;
        }
        Ok(rows.finish()?)
    }

    fn begin(&self, computed: &SchemaRef) -> Gathering {
        let schema = self.schema.as_ref().unwrap_or(computed);
        self.store.gather(Arc::clone(schema)).partition_by(&self.divided_by)
    }

    /// The rows of one part of a query; none if not even an empty batch came.
    async fn part<E>(&self, mut stream: SendableRecordBatchStream) -> Result<Option<Gathering>, E>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch, E> + Send + Sync + 'static,
        E: From<DataFusionError> + From<WriteError> + Send + 'static,
    {
        let mut rows = None;
        while let Some(batch) = stream.try_next().await? {
            // What is computed may have a metadata or nullability of its own.
            let rows = rows.get_or_insert_with(|| self.begin(batch.schema_ref()));
            rows.push((self.made)(batch)?)?;
        }
        Ok(rows)
    }

    /// The rows of each part, each computed by a task. They end with this.
    async fn parts<E>(
        self: &Arc<Self>,
        streams: Vec<SendableRecordBatchStream>,
    ) -> Result<Vec<Option<Gathering>>, E>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch, E> + Send + Sync + 'static,
        E: From<DataFusionError> + From<WriteError> + Send + 'static,
    {
        let mut parts: Vec<_> = streams.iter().map(|_| None).collect();
        let mut tasks = JoinSet::new();
        for (at, stream) in streams.into_iter().enumerate() {
            let gather = Arc::clone(self);
            tasks.spawn(async move { gather.part(stream).await.map(|rows| (at, rows)) });
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
