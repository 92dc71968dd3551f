//! The changes of the catalog as commits of their own.

use std::panic::Location;

use annals_state::TableName;
use annals_state::name::{ToDatabaseName, ToTableName};
use annals_state::timeline::At;
use annals_state::write_set::{PropertyPatch, SchemaChange};
use arrow_schema::{DataType, FieldRef};

use super::Store;
use crate::definition::{NewDatabase, NewTable, NewView};
use crate::error::{ReadError, WriteError};
use crate::history::History;
use crate::transaction::Committed;

/// Each of these is the method of [`Transaction`](crate::Transaction) of the same name as a commit of its own.
impl Store {
    /// See [`Transaction::create_database`](crate::Transaction::create_database).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn create_database(&self, new: impl Into<NewDatabase>) -> Result<Committed, WriteError> {
        let new = new.into();
        self.change(Location::caller(), |tx| tx.create_database(new.clone()))
    }

    /// See [`Transaction::drop_database`](crate::Transaction::drop_database).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn drop_database(&self, name: impl ToDatabaseName) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.drop_database(&name))
    }

    /// See [`Transaction::drop_database_cascade`](crate::Transaction::drop_database_cascade).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn drop_database_cascade(
        &self,
        name: impl ToDatabaseName,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.drop_database_cascade(&name))
    }

    /// See [`Transaction::alter_database`](crate::Transaction::alter_database).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn alter_database(
        &self,
        name: impl ToDatabaseName,
        patch: &PropertyPatch,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.alter_database(&name, patch))
    }

    /// See [`Transaction::create_table`](crate::Transaction::create_table).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn create_table(
        &self,
        name: impl ToTableName,
        new: impl Into<NewTable>,
    ) -> Result<Committed, WriteError> {
        let new = new.into();
        self.change(Location::caller(), |tx| tx.create_table(&name, new.clone()))
    }

    /// See [`Transaction::create_view`](crate::Transaction::create_view).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn create_view(
        &self,
        name: impl ToTableName,
        new: impl Into<NewView>,
    ) -> Result<Committed, WriteError> {
        let new = new.into();
        self.change(Location::caller(), |tx| tx.create_view(&name, new.clone()))
    }

    /// See [`Transaction::drop_table`](crate::Transaction::drop_table).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn drop_table(&self, name: impl ToTableName) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.drop_table(&name))
    }

    /// See [`Transaction::truncate`](crate::Transaction::truncate).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn truncate(&self, name: impl ToTableName) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.truncate(&name))
    }

    /// See [`Transaction::rename_table`](crate::Transaction::rename_table).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn rename_table(
        &self,
        from: impl ToTableName,
        to: impl ToTableName,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.rename_table(&from, &to))
    }

    /// See [`Transaction::alter_table`](crate::Transaction::alter_table).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn alter_table(
        &self,
        name: impl ToTableName,
        alterations: impl IntoIterator<Item = SchemaChange>,
    ) -> Result<Committed, WriteError> {
        let alterations: Vec<SchemaChange> = alterations.into_iter().collect();
        self.change(Location::caller(), |tx| tx.alter_table(&name, alterations.clone()))
    }

    /// See [`Transaction::add_columns`](crate::Transaction::add_columns).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn add_columns<F: Into<FieldRef>>(
        &self,
        name: impl ToTableName,
        fields: impl IntoIterator<Item = F>,
    ) -> Result<Committed, WriteError> {
        let fields: Vec<FieldRef> = fields.into_iter().map(Into::into).collect();
        self.change(Location::caller(), |tx| tx.add_columns(&name, fields.clone()))
    }

    /// See [`Transaction::rename_column`](crate::Transaction::rename_column).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn rename_column(
        &self,
        name: impl ToTableName,
        from: &str,
        to: &str,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.rename_column(&name, from, to))
    }

    /// See [`Transaction::drop_columns`](crate::Transaction::drop_columns).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn drop_columns<S: Into<String>>(
        &self,
        name: impl ToTableName,
        columns: impl IntoIterator<Item = S>,
    ) -> Result<Committed, WriteError> {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        self.change(Location::caller(), |tx| tx.drop_columns(&name, columns.clone()))
    }

    /// See [`Transaction::widen_column`](crate::Transaction::widen_column).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn widen_column(
        &self,
        name: impl ToTableName,
        column: &str,
        to: &DataType,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.widen_column(&name, column, to))
    }

    /// See [`Transaction::set_properties`](crate::Transaction::set_properties).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn set_properties(
        &self,
        name: impl ToTableName,
        patch: &PropertyPatch,
    ) -> Result<Committed, WriteError> {
        self.change(Location::caller(), |tx| tx.set_properties(&name, patch))
    }

    /// See [`Transaction::restore_table`](crate::Transaction::restore_table).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn restore_table(
        &self,
        name: impl ToTableName,
        at: impl Into<At>,
    ) -> Result<Committed, WriteError> {
        let at = at.into();
        self.change(Location::caller(), |tx| tx.restore_table(&name, at.clone()))
    }

    /// See [`Transaction::restore`](crate::Transaction::restore).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn restore(&self, at: impl Into<At>) -> Result<Committed, WriteError> {
        let at = at.into();
        self.change(Location::caller(), |tx| tx.restore(at.clone()))
    }

    /// The history of a table: of the one that has this name now, under all its names.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table`](crate::Snapshot::table).
    pub fn table_history(&self, name: impl ToTableName) -> Result<History, ReadError> {
        let id = self.table(name)?.id();
        Ok(self.history().of_table(id))
    }

    /// Whether a table or view of this name exists in the newest version.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table_exists`](crate::Snapshot::table_exists).
    pub fn table_exists(&self, name: impl ToTableName) -> Result<bool, ReadError> {
        self.snapshot().table_exists(name)
    }

    /// The tables and views of a database in the newest version.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::tables`](crate::Snapshot::tables).
    pub fn tables(&self, database: impl ToDatabaseName) -> Result<Vec<TableName>, ReadError> {
        self.snapshot().tables(database)
    }
}
