//! One table in one version, as `DataFusion` reads it.

use std::sync::Arc;

use annals::{ReadError, Table};
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::SqlError;
use crate::exec::ChunkSource;
use crate::{predicate, pruning};

/// A table in one version: scans share memory with the store, and read the same for ever.
///
/// Filters select chunks by their statistics, and are applied to rows by the query; planning
/// changes nothing. To be given to any `DataFusion` context.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use annals::{Store, record_batch};
/// use annals_sql::AnnalsTable;
/// use datafusion::prelude::SessionContext;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = Store::in_memory();
/// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
/// let context = SessionContext::new();
/// context.register_table("t", Arc::new(AnnalsTable::new(store.table("t")?)))?;
/// assert_eq!(context.sql("SELECT * FROM t WHERE n > 1").await?.count().await?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AnnalsTable {
    table: Table,
    schema: SchemaRef,
}

impl AnnalsTable {
    /// A table of a snapshot, or of a transaction: then what is read counts as read by it.
    pub fn new(table: Table) -> Self {
        let schema = table.schema();
        Self { table, schema }
    }

    /// The table that is read.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

#[async_trait]
impl TableProvider for AnnalsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let read = predicate::of_filters(filters, &self.schema);
        let chunks = match self.table.chunks(read.as_ref()) {
            // The store compares fewer types than queries do.
            Err(ReadError::Predicate { .. }) => self.table.chunks(None),
            chunks => chunks,
        };
        let chunks = Arc::new(chunks.map_err(SqlError::from)?);
        let mut chosen: Vec<usize> = (0..chunks.len()).collect();
        if let Some(filter) = conjunction(filters.iter().cloned())
            && pruning::is_worthwhile(&chunks)
        {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            let filter = state.create_physical_expr(filter, &schema)?;
            if let Some(may) = pruning::may_match(&chunks, &chosen, filter, &self.schema) {
                let mut may = may.into_iter();
                chosen.retain(|_| may.next().unwrap_or(true));
            }
        }
        let options = &state.config_options().execution;
        let source = ChunkSource::new(chunks, &chosen, projection.cloned(), limit, options)?;
        Ok(DataSourceExec::from_data_source(source))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
