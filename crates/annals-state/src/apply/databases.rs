//! Changes to databases.

use std::sync::Arc;

use super::{Applied, Place, patch_properties};
use crate::catalog::{Catalog, Database};
use crate::commit::{OperationKind, Target};
use crate::error::CatalogError;
use crate::name::{DatabaseName, TableName};
use crate::write_set::PropertyPatch;

impl Catalog {
    pub(super) fn create_database(
        &mut self,
        name: &DatabaseName,
        comment: Option<&Arc<str>>,
        patch: &PropertyPatch,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        if self.database(name).is_some() {
            return Err(CatalogError::DatabaseExists { database: name.clone() });
        }
        let mut database = Database::new(name.clone(), place.at);
        database.comment = comment.cloned();
        patch_properties(&mut database.properties, patch);
        self.databases.insert(name.clone(), Arc::new(database));
        self.databases_changed = place.at;
        Ok(Applied::to_database(OperationKind::CreateDatabase, name))
    }

    pub(super) fn drop_database(
        &mut self,
        name: &DatabaseName,
        cascade: bool,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let database = Arc::clone(self.require_database(name)?);
        if *name == DatabaseName::default() {
            return Err(CatalogError::DefaultDatabase { database: name.clone() });
        }
        if database.tables > 0 && !cascade {
            let tables = database.tables;
            return Err(CatalogError::DatabaseNotEmpty { database: name.clone(), tables });
        }
        let kind = OperationKind::DropDatabase { cascade };
        let mut applied = Applied::to_database(kind, &database.name);
        let tables: Vec<TableName> = self.tables_in(name).map(|(name, _)| name.clone()).collect();
        for table in &tables {
            let gone = self.drop_table(table, place)?;
            applied.metrics += gone.metrics;
            applied.discarded.extend(gone.discarded);
            if let Target::Table { id, .. } = gone.target {
                applied.tables.push(id);
            }
        }
        applied.discarded.sort_unstable();
        applied.discarded.dedup();
        self.databases.remove(name);
        self.databases_changed = place.at;
        Ok(applied)
    }

    pub(super) fn alter_database(
        &mut self,
        name: &DatabaseName,
        patch: &PropertyPatch,
    ) -> Result<Applied, CatalogError> {
        let mut database = Database::clone(self.require_database(name)?);
        if let Some(comment) = &patch.comment {
            database.comment.clone_from(comment);
        }
        patch_properties(&mut database.properties, patch);
        let name = database.name.clone();
        self.databases.insert(name.clone(), Arc::new(database));
        Ok(Applied::to_database(OperationKind::AlterDatabase, &name))
    }
}
