//! One version as a catalog, for those who use a `DataFusion` context of their own.

use std::sync::Arc;

use annals::{DatabaseName, ReadError, Snapshot, TableKind, TableName};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};

use crate::error::SqlError;
use crate::table::AnnalsTable;

/// The databases of one version, as the schemas of a catalog.
///
/// Reads the same for ever; take a new one to see what was committed since. Names are found
/// without regard to case. Views are not: their text is in the SQL of a
/// [`SqlSession`](crate::SqlSession).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use annals::{Store, record_batch};
/// use annals_sql::AnnalsCatalog;
/// use datafusion::prelude::SessionContext;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = Store::in_memory();
/// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
/// let context = SessionContext::new();
/// context.register_catalog("annals", Arc::new(AnnalsCatalog::new(store.snapshot())));
/// store.drop_table("t")?;
/// assert_eq!(context.sql("SELECT * FROM annals.default.t").await?.count().await?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AnnalsCatalog {
    snapshot: Snapshot,
}

/// The tables of a database in one version, as a schema.
#[derive(Clone, Debug)]
pub struct AnnalsDatabase {
    snapshot: Snapshot,
    name: DatabaseName,
}

impl AnnalsCatalog {
    /// The databases of a version.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot }
    }
}

impl CatalogProvider for AnnalsCatalog {
    fn schema_names(&self) -> Vec<String> {
        let all = self.snapshot.databases();
        all.iter().map(|database| database.name().as_str().to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let name = DatabaseName::new(name).ok()?;
        let found = self.snapshot.database(&name).ok()?;
        let (snapshot, name) = (self.snapshot.clone(), found.name().clone());
        Some(Arc::new(AnnalsDatabase { snapshot, name }))
    }
}

#[async_trait]
impl SchemaProvider for AnnalsDatabase {
    fn table_names(&self) -> Vec<String> {
        let all = self.snapshot.tables(&self.name).unwrap_or_default();
        all.iter().map(|name| name.table_str().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Ok(name) = TableName::new(&self.name, name) else { return Ok(None) };
        match self.snapshot.table(&name) {
            Ok(table) if matches!(table.kind(), TableKind::View { .. }) => {
                Err(SqlError::from(ReadError::View { table: table.name().clone() }).into())
            }
            Ok(table) => Ok(Some(Arc::new(AnnalsTable::new(table)))),
            Err(ReadError::Catalog { .. }) => Ok(None),
            Err(error) => Err(SqlError::from(error).into()),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        TableName::new(&self.name, name)
            .is_ok_and(|name| self.snapshot.table_exists(&name).unwrap_or(false))
    }
}
