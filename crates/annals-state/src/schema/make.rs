//! The schema of a table made, or made anew, from the rows that it is to hold.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema};

use super::kin::entry;
use super::{Column, ColumnId, SchemaError, TableSchema, refuse_duplicates};

/// Whether a table that is made from rows takes their nullability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Nullability {
    /// Every column, and what is nested in it, becomes nullable, as in Spark; else whatever the
    /// first batch happened to say would bind all later ones. Keys of maps stay as they are.
    #[default]
    Relaxed,
    /// Columns are as nullable as they came.
    AsWritten,
}

/// The schema of a new table made from rows of `incoming`.
///
/// # Errors
///
/// [`SchemaError::DuplicateNames`], also within structs; [`SchemaError::IdsExhausted`].
pub fn for_new_table(
    incoming: &Schema,
    nullability: Nullability,
    next: &mut ColumnId,
) -> Result<TableSchema, SchemaError> {
    let mut free = *next;
    let mut columns = Vec::with_capacity(incoming.fields().len());
    for field in incoming.fields() {
        columns.push(Column::new(mint::take(&mut free)?, nullability.of(field)));
    }
    let schema = TableSchema::new(columns)?.with_metadata(incoming.metadata().clone());
    *next = free;
    Ok(schema)
}

/// The schema of a table whose contents and schema are replaced by rows of `incoming`.
///
/// A column of the same folded name is the same column, whatever its new type; others get new
/// ids. Returns `current` itself if nothing differs.
///
/// # Errors
///
/// As [`for_new_table`].
pub fn for_replaced_table(
    incoming: &Schema,
    current: &Arc<TableSchema>,
    nullability: Nullability,
    next: &mut ColumnId,
) -> Result<Arc<TableSchema>, SchemaError> {
    let now = current.arrow();
    if incoming.fields().len() == now.fields().len()
        && incoming.metadata() == now.metadata()
        && incoming.fields().iter().zip(now.fields()).all(|(new, old)| nullability.of(new) == *old)
    {
        return Ok(Arc::clone(current));
    }
    let mut free = (*next).max(mint::first_free(current)?);
    let mut columns = Vec::with_capacity(incoming.fields().len());
    for field in incoming.fields() {
        let id = match current.index_of(field.name()) {
            Some(at) => current.columns()[at].id(),
            None => mint::take(&mut free)?,
        };
        columns.push(Column::new(id, nullability.of(field)));
    }
    // Two incoming columns of one name would have one id: the names are the better message.
    refuse_duplicates(incoming.fields())?;
    let schema = TableSchema::new(columns)?.with_metadata(incoming.metadata().clone());
    *next = free;
    Ok(Arc::new(schema))
}

impl Nullability {
    fn of(self, field: &FieldRef) -> FieldRef {
        match self {
            Self::AsWritten => Arc::clone(field),
            Self::Relaxed => relaxed(field),
        }
    }
}

/// The field, nullable at every level.
pub(super) fn relaxed(field: &FieldRef) -> FieldRef {
    let data_type = relaxed_type(field.data_type());
    if field.is_nullable() && data_type == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(true))
}

pub(super) fn relaxed_type(data_type: &DataType) -> DataType {
    use DataType::*;
    match data_type {
        Struct(fields) => Struct(fields.iter().map(relaxed).collect()),
        List(field) => List(relaxed(field)),
        LargeList(field) => LargeList(relaxed(field)),
        ListView(field) => ListView(relaxed(field)),
        LargeListView(field) => LargeListView(relaxed(field)),
        FixedSizeList(field, size) => FixedSizeList(relaxed(field), *size),
        Map(entries, sorted) => match entry(entries) {
            Some((key, value)) => {
                let fields = [Arc::clone(key), relaxed(value)];
                Map(with_type(entries, Struct(fields.into_iter().collect())), *sorted)
            }
            None => data_type.clone(),
        },
        _ => data_type.clone(),
    }
}

pub(super) fn with_type(field: &FieldRef, data_type: DataType) -> FieldRef {
    if *field.data_type() == data_type {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// Handing out column ids.
pub(super) mod mint {
    use super::super::{ColumnId, SchemaError, TableSchema};

    /// The id at the mark, which goes up by one.
    pub(in super::super) fn take(next: &mut ColumnId) -> Result<ColumnId, SchemaError> {
        let id = *next;
        *next = ColumnId(id.0.checked_add(1).ok_or(SchemaError::IdsExhausted)?);
        Ok(id)
    }

    /// The least id that is above all in the schema.
    pub(in super::super) fn first_free(schema: &TableSchema) -> Result<ColumnId, SchemaError> {
        let Some(ColumnId(greatest)) = schema.max_id() else { return Ok(ColumnId(0)) };
        greatest.checked_add(1).map(ColumnId).ok_or(SchemaError::IdsExhausted)
    }
}
