//! Both sides of a comparison in SQL: a session over a store, and plain `DataFusion` over tables of
//! its own with the same rows and the same settings.

use std::sync::Arc;

use annals::{Source, Store};
use annals_sql::SqlSession;
use arrow_array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use tokio::runtime::Runtime;

/// A session, and a plain context beside it.
pub struct Sides {
    /// What runs queries, on as many threads as these are divided among.
    pub runtime: Runtime,
    /// The store that the session reads.
    pub store: Store,
    /// SQL over the store.
    pub session: SqlSession,
    /// `DataFusion` over tables in memory.
    pub plain: SessionContext,
}

impl Sides {
    /// Two sides without tables.
    ///
    /// # Panics
    ///
    /// If there is no runtime to be had.
    pub fn new(threads: usize) -> Self {
        Self::over(Store::in_memory(), threads)
    }

    /// The same over a store that is there.
    ///
    /// # Panics
    ///
    /// As for [`new`](Self::new).
    pub fn over(store: Store, threads: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .expect("threads can be had");
        let session = SqlSession::builder(&store).target_partitions(threads);
        let session = session.build().expect("this goes together");
        let config = session.state().config().clone();
        let plain =
            SessionContext::new_with_config(config.with_create_default_catalog_and_schema(true));
        Self { runtime, store, session, plain }
    }

    /// Gives both sides a table of these rows. The plain one has them divided among as many
    /// partitions as there are threads.
    ///
    /// # Panics
    ///
    /// If they do not make a table.
    pub fn table(&self, name: &str, batches: &[RecordBatch]) {
        let schema = batches.first().expect("there are batches").schema();
        let rows = Source::new(Arc::clone(&schema), batches.to_vec());
        self.store.write(rows).save_as_table(name).expect("the name is free");
        let threads = self.session.state().config().target_partitions();
        let share = batches.len().div_ceil(threads).max(1);
        let partitions: Vec<Vec<RecordBatch>> =
            batches.chunks(share).map(<[RecordBatch]>::to_vec).collect();
        let table = MemTable::try_new(schema, partitions).expect("batches of one schema");
        self.plain.register_table(name, Arc::new(table)).expect("the name is free");
    }

    /// Runs a statement in the session.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn ours(&self, sql: &str) -> Vec<RecordBatch> {
        match self.runtime.block_on(self.session.collect(sql)) {
            Ok(batches) => batches,
            Err(error) => panic!("{sql}\n{error}"),
        }
    }

    /// Runs a statement in the plain context.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn theirs(&self, sql: &str) -> Vec<RecordBatch> {
        let run = async { self.plain.sql(sql).await?.collect().await };
        match self.runtime.block_on(run) {
            Ok(batches) => batches,
            Err(error) => panic!("{sql}\n{error}"),
        }
    }
}
