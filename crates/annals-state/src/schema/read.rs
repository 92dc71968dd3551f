//! Rows written under one schema, seen under another of the same table.
//!
//! Columns are matched by id: one that the rows do not have yet is null, one that the wanted
//! schema has no longer vanishes, a narrower type is widened. Fields within structs have no id and
//! are matched by folded name. What needs no widening is shared, not copied.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::cast::{self, Structs};
use super::error::{name, show};
use super::kin::{self, kin};
use super::{Column, SchemaError, TableSchema};

/// The rows of `batch`, written under `written`, as rows of `wanted`.
///
/// With a `projection`, only those columns of `wanted`, in that order. The schema of the result is
/// `wanted.arrow()` itself, or its projection.
///
/// # Errors
///
/// [`SchemaError::NoSuchIndex`] for the projection; [`SchemaError::BatchDiffers`] if `batch` is
/// not of `written`; [`SchemaError::Unreadable`], and never once [`is_readable_as`] has said yes.
pub fn read_as(
    batch: &RecordBatch,
    written: &TableSchema,
    wanted: &TableSchema,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, SchemaError> {
    check_layout(batch, written.arrow().fields())?;
    let schema: SchemaRef = match projection {
        None => Arc::clone(wanted.arrow()),
        Some(indices) => {
            if let Some(&index) = indices.iter().find(|&&index| index >= wanted.len()) {
                return Err(SchemaError::NoSuchIndex { index, len: wanted.len() });
            }
            let projected = wanted.arrow().project(indices);
            Arc::new(projected.map_err(|error| unconvertible(&error))?)
        }
    };
    let column = |at: usize| read_column(batch, written, &wanted.columns()[at]);
    let columns: Vec<ArrayRef> = match projection {
        None => (0..wanted.len()).map(column).collect::<Result<_, _>>()?,
        Some(indices) => indices.iter().copied().map(column).collect::<Result<_, _>>()?,
    };
    assemble(schema, columns, batch.num_rows())
}

/// Whether every chunk written under `written` can be read under `wanted`, whatever it holds.
pub fn is_readable_as(written: &TableSchema, wanted: &TableSchema) -> bool {
    std::ptr::eq(written, wanted)
        || wanted.columns().iter().all(|to| match written.index_of_id(to.id()) {
            None => to.is_nullable(),
            Some(at) => {
                let from = &written.columns()[at];
                (to.is_nullable() || !from.is_nullable())
                    && (from.data_type() == to.data_type()
                        || kin(from.data_type(), to.data_type())
                            .is_some_and(kin::Kin::always_widens))
            }
        })
}

fn read_column(
    batch: &RecordBatch,
    written: &TableSchema,
    to: &Column,
) -> Result<ArrayRef, SchemaError> {
    let failed = |failure: cast::Failure| failure.in_column(to.name());
    let array = match written.index_of_id(to.id()) {
        None => cast::nulls(to.data_type(), batch.num_rows()).map_err(failed)?,
        Some(at) => {
            let from = &written.columns()[at];
            if from.data_type() != to.data_type()
                && !kin(from.data_type(), to.data_type()).is_some_and(kin::Kin::widens)
            {
                return Err(SchemaError::Unreadable {
                    column: to.name().to_owned(),
                    written: from.data_type().clone(),
                    wanted: to.data_type().clone(),
                });
            }
            let array = batch.column(at);
            cast::convert(array, to.data_type(), Structs::ByName, None).map_err(failed)?
        }
    };
    if !to.is_nullable() {
        cast::refuse_nulls(&array, None).map_err(failed)?;
    }
    Ok(array)
}

/// Refuses a batch whose columns are not those of `fields`; names are the planner's business.
pub(super) fn check_layout(
    batch: &RecordBatch,
    fields: &arrow_schema::Fields,
) -> Result<(), SchemaError> {
    if batch.num_columns() != fields.len() {
        let expected = format!("{} columns", fields.len());
        let found = format!("{} columns", batch.num_columns());
        return Err(SchemaError::BatchDiffers { expected, found });
    }
    for (array, field) in batch.columns().iter().zip(fields) {
        if array.data_type() != field.data_type() {
            let expected = format!("{} for column {}", show(field.data_type()), name(field.name()));
            let found = show(array.data_type()).to_string();
            return Err(SchemaError::BatchDiffers { expected, found });
        }
    }
    Ok(())
}

/// A batch of these columns; keeps the row count also where there is no column to count.
pub(super) fn assemble(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    row_count: usize,
) -> Result<RecordBatch, SchemaError> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(schema, columns, &options)
        .map_err(|error| unconvertible(&error))
}

/// Arrow does not take the columns as a batch; what is checked before leaves no known way there.
fn unconvertible(error: &arrow_schema::ArrowError) -> SchemaError {
    SchemaError::Unconvertible { column: "*".to_owned(), reason: error.to_string() }
}
