//! The changes of the catalog that a transaction can make: databases, tables, views, columns, and
//! putting back what was.

use std::panic::Location;
use std::sync::Arc;

use annals_state::name::{ToDatabaseName, ToTableName};
use annals_state::table::TableVersion;
use annals_state::timeline::At;
use annals_state::write_set::{Change, PropertyPatch, SchemaChange};
use annals_state::{DatabaseName, TableName, Version};
use arrow_schema::{DataType, FieldRef};

use super::Transaction;
use crate::definition::{NewDatabase, NewTable, NewView};
use crate::error::{CatalogError, WriteError};

impl Transaction {
    /// Creates a database.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the name does not parse or is taken.
    #[track_caller]
    pub fn create_database(&mut self, new: impl Into<NewDatabase>) -> Result<(), WriteError> {
        let new = new.into();
        let name = DatabaseName::parse(&new.name)?;
        if new.if_not_exists && self.draft.catalog.database(&name).is_some() {
            self.told_of_database(&name);
            return Ok(());
        }
        let change =
            Change::CreateDatabase { name, comment: new.comment, properties: new.properties };
        self.stage(change, Location::caller())
    }

    /// Drops a database that has no tables.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it does not exist, has tables, or is `default`.
    #[track_caller]
    pub fn drop_database(&mut self, name: impl ToDatabaseName) -> Result<(), WriteError> {
        let name = name.to_database_name()?.into_owned();
        self.stage(Change::DropDatabase { name, cascade: false }, Location::caller())
    }

    /// Drops a database and whatever tables it has at commit.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it does not exist or is `default`.
    #[track_caller]
    pub fn drop_database_cascade(&mut self, name: impl ToDatabaseName) -> Result<(), WriteError> {
        let name = name.to_database_name()?.into_owned();
        self.stage(Change::DropDatabase { name, cascade: true }, Location::caller())
    }

    /// Changes a database's comment or properties.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it does not exist.
    #[track_caller]
    pub fn alter_database(
        &mut self,
        name: impl ToDatabaseName,
        patch: &PropertyPatch,
    ) -> Result<(), WriteError> {
        let name = name.to_database_name()?.into_owned();
        if patch.is_empty() {
            self.told_of_database(&name);
            return Ok(self.draft.catalog.require_database(&name).map(drop)?);
        }
        self.stage(Change::AlterDatabase { name, patch: patch.clone() }, Location::caller())
    }

    /// Creates an empty table.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the name does not parse or is taken, the database does not exist, or the
    /// columns are not such as a table can have.
    #[track_caller]
    pub fn create_table(
        &mut self,
        name: impl ToTableName,
        new: impl Into<NewTable>,
    ) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        let new = new.into();
        if new.if_not_exists && self.draft.catalog.table(&name).is_some() {
            self.looked_up(&name);
            return Ok(());
        }
        let database = name.database();
        let change = new.into_change(name)?;
        self.provide_database(&database, Location::caller())?;
        self.stage(change, Location::caller())
    }

    /// Creates a view: a stored text, opaque to the store.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the name does not parse or is taken (by a table, where the view may
    /// replace another), or the database does not exist.
    #[track_caller]
    pub fn create_view(
        &mut self,
        name: impl ToTableName,
        new: impl Into<NewView>,
    ) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        let new = new.into();
        let existing = self.draft.catalog.table(&name).map(|table| Arc::clone(table.state()));
        if existing.as_ref().is_some_and(|state| !state.is_view()) {
            self.told(&name); // that it is a table will be the error
        }
        let change = match existing {
            Some(state) if new.or_replace => {
                if !state.is_view() {
                    return Err(CatalogError::NotAView { table: name }.into());
                }
                new.into_replacement(name, &state)?
            }
            _ => {
                let database = name.database();
                let change = new.into_change(name)?;
                self.provide_database(&database, Location::caller())?;
                change
            }
        };
        self.stage(change, Location::caller())
    }

    /// Drops a table or view.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it does not exist.
    #[track_caller]
    pub fn drop_table(&mut self, name: impl ToTableName) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        self.stage(Change::DropTable { name }, Location::caller())
    }

    /// Gives a table or view another name, perhaps in another database.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it does not exist, the new name is taken, or its database does not exist.
    #[track_caller]
    pub fn rename_table(
        &mut self,
        from: impl ToTableName,
        to: impl ToTableName,
    ) -> Result<(), WriteError> {
        let (from, to) = (from.to_table_name()?.into_owned(), to.to_table_name()?.into_owned());
        self.stage(Change::Rename { from, to }, Location::caller())
    }

    /// Alters the columns of a table, in order; all or nothing. Rows are not rewritten: a scan
    /// shows each chunk under the table's present columns.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table or a column does not exist, or an alteration is not possible.
    #[track_caller]
    pub fn alter_table(
        &mut self,
        name: impl ToTableName,
        alterations: impl IntoIterator<Item = SchemaChange>,
    ) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        let alterations: Arc<[SchemaChange]> = alterations.into_iter().collect();
        if alterations.is_empty() {
            self.told(&name);
            return Ok(self.draft.catalog.require_table(&name).map(drop)?);
        }
        self.stage(Change::AlterSchema { name, alterations }, Location::caller())
    }

    /// Adds nullable columns at the end of a table.
    ///
    /// # Errors
    ///
    /// As for [`alter_table`](Self::alter_table).
    #[track_caller]
    pub fn add_columns<F: Into<FieldRef>>(
        &mut self,
        name: impl ToTableName,
        fields: impl IntoIterator<Item = F>,
    ) -> Result<(), WriteError> {
        let fields = fields.into_iter().map(Into::into).collect();
        self.alter_table(name, [SchemaChange::AddColumns(fields)])
    }

    /// Gives a column another name.
    ///
    /// # Errors
    ///
    /// As for [`alter_table`](Self::alter_table).
    #[track_caller]
    pub fn rename_column(
        &mut self,
        name: impl ToTableName,
        from: &str,
        to: &str,
    ) -> Result<(), WriteError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.alter_table(name, [SchemaChange::RenameColumn { from, to }])
    }

    /// Drops columns. Their values stay in versions that have them.
    ///
    /// # Errors
    ///
    /// As for [`alter_table`](Self::alter_table); also if a column is a partition column, or none
    /// would be left.
    #[track_caller]
    pub fn drop_columns<S: Into<String>>(
        &mut self,
        name: impl ToTableName,
        columns: impl IntoIterator<Item = S>,
    ) -> Result<(), WriteError> {
        let columns = columns.into_iter().map(Into::into).collect();
        self.alter_table(name, [SchemaChange::DropColumns(columns)])
    }

    /// Gives a column a type that holds every value of its present one.
    ///
    /// # Errors
    ///
    /// As for [`alter_table`](Self::alter_table); also if the type is not wider.
    #[track_caller]
    pub fn widen_column(
        &mut self,
        name: impl ToTableName,
        column: &str,
        to: &DataType,
    ) -> Result<(), WriteError> {
        let column = column.to_owned();
        self.alter_table(name, [SchemaChange::WidenColumn { name: column, to: to.clone() }])
    }

    /// Changes a table's comment or properties.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table does not exist.
    #[track_caller]
    pub fn set_properties(
        &mut self,
        name: impl ToTableName,
        patch: &PropertyPatch,
    ) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        if patch.is_empty() {
            self.told(&name);
            return Ok(self.draft.catalog.require_table(&name).map(drop)?);
        }
        self.stage(Change::AlterDetails { name, patch: patch.clone() }, Location::caller())
    }

    /// Puts back the content that a table had at an earlier moment, as its next state. A table
    /// that was dropped comes back with its identity.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the moment cannot be reached, the table did not exist then, or another
    /// table has its name now.
    #[track_caller]
    pub fn restore_table(
        &mut self,
        name: impl ToTableName,
        at: impl Into<At>,
    ) -> Result<(), WriteError> {
        let name = name.to_table_name()?.into_owned();
        let version = self.shared.version_at(&at.into())?;
        let from = version.id();
        let then = state_then(&version, self.draft.catalog.table(&name), &name);
        let then = then.inspect_err(|_| self.told(&name))?;
        self.keep_until_dropped([version]);
        self.stage(Change::RestoreTable { name, source: then, from }, Location::caller())
    }

    /// Puts back the content that the whole store had at an earlier moment, as the next version.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the moment cannot be reached.
    #[track_caller]
    pub fn restore(&mut self, at: impl Into<At>) -> Result<(), WriteError> {
        let source = self.shared.version_at(&at.into())?;
        self.stage(Change::RestoreStore { source }, Location::caller())
    }
}

/// The state that `now`, or whatever had the name then, was in at `version`.
fn state_then(
    version: &Version,
    now: Option<&Arc<TableVersion>>,
    name: &TableName,
) -> Result<Arc<TableVersion>, CatalogError> {
    let at = version.id();
    let of_name = version.catalog().table(name);
    let absent = || CatalogError::NoTableThen { table: name.clone(), at };
    let Some(now) = now else { return of_name.cloned().ok_or_else(absent) };
    // The same table, under whatever name it had then.
    let spans = |life: &&annals_state::table::Life| {
        life.from <= at && life.until.is_none_or(|until| at < until)
    };
    let then = now.lives().iter().rev().find(spans);
    let then = then.and_then(|life| version.catalog().table(&life.name));
    match then.filter(|table| table.id() == now.id()) {
        Some(table) => Ok(Arc::clone(table)),
        None if of_name.is_some() => Err(CatalogError::OtherTable { table: name.clone(), at }),
        None => Err(absent()),
    }
}
