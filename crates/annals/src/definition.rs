//! What a caller says of a database, table or view that is to be created.

use std::sync::Arc;

use annals_state::TableName;
use annals_state::commit::OperationKind;
use annals_state::schema::{ColumnId, Nullability, TableSchema, for_new_table};
use annals_state::table::{Details, TableKind, TableState};
use annals_state::write_set::{Change, NewRows, NewSchema, PropertyPatch};
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::error::{CatalogError, WriteError};

/// A database to create. A name alone will do: `store.create_database("sales")`.
#[derive(Clone, Debug, Default)]
pub struct NewDatabase {
    pub(crate) name: String,
    pub(crate) comment: Option<Arc<str>>,
    pub(crate) properties: PropertyPatch,
    pub(crate) if_not_exists: bool,
}

impl NewDatabase {
    /// A database of this name, to be parsed as
    /// [`DatabaseName::parse`](annals_state::DatabaseName::parse) does.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What it is for.
    pub fn comment(mut self, comment: &str) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Adds a property.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.set.push((key.into(), value.into()));
        self
    }

    /// Does nothing if the database exists.
    pub fn if_not_exists(mut self) -> Self {
        self.if_not_exists = true;
        self
    }
}

impl<T: Into<String>> From<T> for NewDatabase {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

/// An empty table to create. A schema alone will do.
#[derive(Clone, Debug)]
pub struct NewTable {
    schema: SchemaRef,
    comment: Option<Arc<str>>,
    properties: PropertyPatch,
    partition_by: Vec<String>,
    kind: TableKind,
    pub(crate) if_not_exists: bool,
}

impl NewTable {
    /// A table of these columns. A column that is not nullable stays so: later writes are checked.
    pub fn new(schema: impl Into<SchemaRef>) -> Self {
        Self {
            schema: schema.into(),
            comment: None,
            properties: PropertyPatch::default(),
            partition_by: Vec::new(),
            kind: TableKind::Managed,
            if_not_exists: false,
        }
    }

    /// What it is for.
    pub fn comment(mut self, comment: &str) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Adds a property.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.set.push((key.into(), value.into()));
        self
    }

    /// Divides rows by these columns: every chunk holds one combination of values.
    pub fn partition_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.partition_by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Records the table as external, at this location. It is not acted upon.
    pub fn external(mut self, location: &str) -> Self {
        self.kind = TableKind::External { location: location.into() };
        self
    }

    /// Does nothing if something of that name exists.
    pub fn if_not_exists(mut self) -> Self {
        self.if_not_exists = true;
        self
    }

    pub(crate) fn into_change(self, name: TableName) -> Result<Change, WriteError> {
        let mut next = ColumnId(0);
        let schema = for_new_table(&self.schema, Nullability::AsWritten, &mut next);
        let schema = Arc::new(schema.map_err(|e| schema_error(&name, e))?);
        let partition_by = partition_ids(&name, &schema, &self.partition_by)?;
        let details = new_details(self.comment, &self.properties, partition_by);
        let rows = NewRows::none(Arc::clone(&schema));
        Ok(Change::CreateTable { name, kind: self.kind, schema, details, rows, mode: None })
    }
}

impl From<SchemaRef> for NewTable {
    fn from(schema: SchemaRef) -> Self {
        Self::new(schema)
    }
}

impl From<Schema> for NewTable {
    fn from(schema: Schema) -> Self {
        Self::new(schema)
    }
}

/// A view to create. Its text alone will do; the store does not look into it.
#[derive(Clone, Debug)]
pub struct NewView {
    text: Arc<str>,
    schema: Option<SchemaRef>,
    comment: Option<Arc<str>>,
    properties: PropertyPatch,
    pub(crate) or_replace: bool,
}

impl NewView {
    /// A view of this text.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: text.as_ref().into(),
            schema: None,
            comment: None,
            properties: PropertyPatch::default(),
            or_replace: false,
        }
    }

    /// Records the columns that the text gives.
    pub fn schema(mut self, schema: impl Into<SchemaRef>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// What it is for.
    pub fn comment(mut self, comment: &str) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Adds a property.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.set.push((key.into(), value.into()));
        self
    }

    /// Replaces a view of that name.
    pub fn or_replace(mut self) -> Self {
        self.or_replace = true;
        self
    }

    fn table_schema(
        &self,
        name: &TableName,
        next: ColumnId,
    ) -> Result<Arc<TableSchema>, WriteError> {
        let schema = self.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
        let mut next = next;
        let schema = for_new_table(&schema, Nullability::AsWritten, &mut next);
        Ok(Arc::new(schema.map_err(|error| schema_error(name, error))?))
    }

    pub(crate) fn into_change(self, name: TableName) -> Result<Change, WriteError> {
        let schema = self.table_schema(&name, ColumnId(0))?;
        let details = new_details(self.comment, &self.properties, Arc::default());
        let rows = NewRows::none(Arc::clone(&schema));
        let kind = TableKind::View { text: self.text };
        Ok(Change::CreateTable { name, kind, schema, details, rows, mode: None })
    }

    pub(crate) fn into_replacement(
        self,
        name: TableName,
        current: &TableState,
    ) -> Result<Change, WriteError> {
        let next = current.schema().max_id().map_or(ColumnId(0), |max| ColumnId(max.0 + 1));
        let schema = self.table_schema(&name, next)?;
        let patch = PropertyPatch {
            comment: Some(self.comment),
            set: self.properties.set,
            // What the old view had and the new one does not name goes.
            unset: current.details().properties.keys().cloned().collect(),
        };
        Ok(Change::Replace {
            name,
            kind: TableKind::View { text: self.text },
            partition_by: Arc::default(),
            rows: NewRows::none(Arc::clone(&schema)),
            schema: NewSchema::Given(schema),
            patch,
            label: OperationKind::CreateView,
        })
    }
}

impl<T: AsRef<str>> From<T> for NewView {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

pub(crate) fn schema_error(
    table: &TableName,
    source: annals_state::schema::SchemaError,
) -> CatalogError {
    CatalogError::Schema { table: table.clone(), source: Arc::new(source) }
}

pub(crate) fn new_details(
    comment: Option<Arc<str>>,
    properties: &PropertyPatch,
    partition_by: Arc<[ColumnId]>,
) -> Arc<Details> {
    let properties = properties.set.iter().cloned().collect();
    Arc::new(Details { comment, properties, partition_by })
}

/// The ids of the columns to divide rows by.
pub(crate) fn partition_ids(
    table: &TableName,
    schema: &TableSchema,
    columns: &[String],
) -> Result<Arc<[ColumnId]>, WriteError> {
    let refuse = |column: &str, reason| CatalogError::CannotPartition {
        table: table.clone(),
        column: column.to_owned(),
        reason,
    };
    let mut ids: Vec<ColumnId> = Vec::with_capacity(columns.len());
    for name in columns {
        let index = schema.index_of(name).ok_or_else(|| refuse(name, "it has no such column"))?;
        let column = &schema.columns()[index];
        if ids.contains(&column.id()) {
            return Err(refuse(name, "the column is named twice").into());
        }
        if column.data_type().is_nested() || *column.data_type() == DataType::Null {
            return Err(refuse(name, "a column of that type has no order").into());
        }
        ids.push(column.id());
    }
    if !ids.is_empty() && ids.len() == schema.len() {
        return Err(
            refuse(&columns[0], "a column must be left that is not one of partition").into()
        );
    }
    Ok(ids.into())
}
