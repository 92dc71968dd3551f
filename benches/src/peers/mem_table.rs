//! `DataFusion`'s `MemTable` in its memory catalog.
//!
//! A `MemTable` cannot be overwritten, and a name that is taken cannot be registered: overwriting is
//! taking the name out and registering a new table. Between the two there is no such table.

use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::runtime::wait;
use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `MemTable`.
pub const CONTESTANT: Contestant = Contestant {
    name: "DataFusion MemTable",
    keeps: Keeps::Newest,
    open: || Box::new(InMemTables { context: SessionContext::new() }),
};

struct InMemTables {
    context: SessionContext,
}

impl InMemTables {
    fn register(&self, table: &str, rows: &RecordBatch) -> Result<(), Failure> {
        let new = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
        self.context.deregister_table(table)?;
        self.context.register_table(table, Arc::new(new))?;
        Ok(())
    }

    fn rows(&self, table: &str) -> Result<Option<Vec<RecordBatch>>, Failure> {
        wait(async {
            let rows = match self.context.table(table).await {
                Ok(rows) => rows,
                Err(failure) if matches!(failure.find_root(), DataFusionError::Plan(_)) => {
                    return Ok(None);
                }
                Err(other) => return Err(other.into()),
            };
            Ok(Some(rows.collect().await?))
        })
    }
}

impl Peer for InMemTables {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(self)
    }
}

impl Session for &InMemTables {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        tables.iter().try_for_each(|name| self.register(&name.text, &rows()))
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.register(&table.text, rows)
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        let rows = self.context.read_batch(rows.clone())?;
        wait(rows.write_table(&table.text, DataFrameWriteOptions::new()))?;
        Ok(())
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        let Some(batches) = self.rows(&table.text)? else { return Ok(false) };
        batches.iter().for_each(see);
        Ok(true)
    }

    fn list(&mut self) -> Result<usize, Failure> {
        let catalog = self.context.catalog("datafusion").ok_or("there is no catalog")?;
        let schema = catalog.schema("public").ok_or("there is no schema")?;
        Ok(schema.table_names().len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        let rows = self.rows(&table.text)?.ok_or("there is no such table")?;
        self.register(&table.text, &change(&rows[0]))
    }
}
