//! Writing the rows of a frame, in the way of Spark's `DataFrameWriterV2`: one action for each
//! thing that can be meant, instead of a mode.

use std::collections::BTreeMap;

use annals::{
    CastPolicy, Matching, Predicate, PropertyPatch, SaveMode, Table, TableKind, TableName,
};

use crate::convert;
use crate::details::PROVIDER;
use crate::error::SparkError;
use crate::frame::DataFrame;
use crate::names::{self, Parts};
use crate::reads;
use crate::source;
use crate::types::quote;
use crate::writer::{Change, checks};

/// A write that was not made; see [`DataFrame::write_to`].
///
/// Spark's own tables refuse most of these actions; a store with atomic commits has no reason to.
#[derive(Clone, Debug)]
#[must_use = "nothing is written until an action such as create or append is called"]
pub struct DataFrameWriterV2 {
    frame: DataFrame,
    parts: Parts,
    provider: Option<String>,
    properties: BTreeMap<String, String>,
    partitioned_by: Vec<String>,
}

impl DataFrameWriterV2 {
    pub(crate) fn new(frame: DataFrame, parts: Parts) -> Result<Self, SparkError> {
        Ok(Self {
            frame,
            parts,
            provider: None,
            properties: BTreeMap::new(),
            partitioned_by: Vec::new(),
        })
    }

    /// The format that a new table is to have; see [`DataFrameWriter::format`](crate::DataFrameWriter::format).
    pub fn using(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    /// Sets a property of a new table.
    pub fn table_property(mut self, key: &str, value: &str) -> Self {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Divides the rows of a new table by these columns, which come last in it.
    pub fn partitioned_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.partitioned_by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Creates the table with these rows.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_ALREADY_EXISTS` if there is one.
    pub async fn create(self) -> Result<(), SparkError> {
        self.save(SaveMode::ErrorIfExists).await
    }

    /// Puts a new table with these rows in the place of the old one.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND` if there is none. The old one stays after any error.
    pub async fn replace(self) -> Result<(), SparkError> {
        let (name, _) = self.name()?;
        if !self.exists(&name) {
            return Err(self.missing());
        }
        self.save(SaveMode::Overwrite).await
    }

    /// Creates the table with these rows, or puts it in the place of an old one.
    ///
    /// # Errors
    ///
    /// [`SparkError`]. The old one stays after any error.
    pub async fn create_or_replace(self) -> Result<(), SparkError> {
        self.save(SaveMode::Overwrite).await
    }

    /// Adds the rows. Columns are found by name; those that the rows lack are null.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND` if there is no such table.
    pub async fn append(self) -> Result<(), SparkError> {
        let table = self.table()?;
        let rows = self.frame.with_room(Change::rows(&self.frame, &table)).await?;
        let name = table.name().clone();
        Change { frame: &self.frame, name: &name, mode: SaveMode::Append, only: None }
            .make(&table, &rows)
    }

    /// Puts the rows in the place of those that match. The new rows must match too.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND` if there is no such table.
    pub async fn overwrite(self, condition: impl Into<Predicate>) -> Result<(), SparkError> {
        let table = self.table()?;
        reads::refuse_overwrite(self.frame.logical_plan(), &table)?;
        let rows = self.frame.with_room(Change::rows(&self.frame, &table)).await?;
        let (name, only) = (table.name().clone(), Some(condition.into()));
        Change { frame: &self.frame, name: &name, mode: SaveMode::Overwrite, only }
            .make(&table, &rows)
    }

    /// Puts the rows in the place of those in the same partitions. A table that is not
    /// partitioned is one partition.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND` if there is no such table.
    pub async fn overwrite_partitions(self) -> Result<(), SparkError> {
        let table = self.table()?;
        reads::refuse_overwrite(self.frame.logical_plan(), &table)?;
        let rows = self.frame.with_room(Change::rows(&self.frame, &table)).await?;
        let only = match table.partition_columns().is_empty() {
            true => None,
            false => Some(reads::partitions_of(&table, rows.batches(), Matching::ByName)?),
        };
        let name = table.name().clone();
        Change { frame: &self.frame, name: &name, mode: SaveMode::Overwrite, only }
            .make(&table, &rows)
    }

    fn name(&self) -> Result<(TableName, (String, String)), SparkError> {
        let current = self.frame.session().current_database();
        let (database, table) = self.parts.to_read(&current)?;
        let name = names::table(&database, &table)?;
        Ok((name, (database, table)))
    }

    fn exists(&self, name: &TableName) -> bool {
        self.frame.session().snapshot().table_exists(name).unwrap_or(false)
    }

    fn missing(&self) -> SparkError {
        self.frame.session().told(true).not_found(&self.parts.0)
    }

    /// The table that is there.
    fn table(&self) -> Result<Table, SparkError> {
        let session = self.frame.session();
        if let [view] = self.parts.0.as_slice()
            && session.sql_session().views().local(view).is_some()
        {
            return Err(SparkError::new("VIEW_WRITE_NOT_ALLOWED", [("name", view.clone())]));
        }
        let (name, _) = self.name().map_err(|_| self.missing())?;
        let table = session.snapshot().table(&name).map_err(|_| self.missing())?;
        match table.kind() {
            TableKind::View { .. } => {
                Err(SparkError::new("VIEW_WRITE_NOT_ALLOWED", [("name", quote(name.table_str()))]))
            }
            _ => Ok(table),
        }
    }

    async fn save(self, mode: SaveMode) -> Result<(), SparkError> {
        let session = self.frame.session().clone();
        let (name, (database, table_name)) = self.name()?;
        names::new_table(&database, &table_name)?;
        let provider =
            source::provider(self.provider.as_deref().unwrap_or(source::DEFAULT), &name)?;
        let snapshot = session.snapshot();
        if snapshot.database(names::database(&database)?).is_err() {
            return Err(convert::no_schema(&database));
        }
        let old = snapshot.table(&name).ok();
        match &old {
            Some(_) if mode == SaveMode::ErrorIfExists => return Err(convert::exists(&name)),
            Some(table) => reads::refuse_overwrite(self.frame.logical_plan(), table)?,
            None => {}
        }
        let schema = self.frame.schema();
        checks::create(&schema, &name, &self.partitioned_by, None, &provider)?;
        let (_, rows) =
            self.frame.with_room(self.frame.gather_divided(&schema, &self.partitioned_by)).await?;
        let told = session.told(true);
        let saved = session.change(|tx| {
            let mut writer = tx
                .write(&rows)
                .mode(mode)
                .casts(CastPolicy::Ansi)
                .partition_by(self.partitioned_by.clone())
                .property(PROVIDER, &provider);
            for (key, value) in &self.properties {
                writer = writer.property(key, value);
            }
            writer.save_as_table(&name)?;
            let mut patch = PropertyPatch::new();
            for key in old.iter().flat_map(|table| table.properties().keys()) {
                if **key != *PROVIDER && !self.properties.contains_key(&**key) {
                    patch = patch.without(key);
                }
            }
            if old.as_ref().is_some_and(|table| table.comment().is_some()) {
                patch = patch.without_comment();
            }
            if patch.is_empty() { Ok(()) } else { tx.set_properties(&name, &patch) }
        });
        saved.map_err(|error| told.write(error, None))
    }
}
