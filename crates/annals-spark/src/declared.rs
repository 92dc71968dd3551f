//! What columns make of values that come in: texts of what is none, and, where they were declared
//! `CHAR(n)` or `VARCHAR(n)`, texts of that length.

use std::sync::Arc;

use annals::Matching;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::ansi;
use crate::error::SparkError;
use crate::rows;
use crate::types::CHAR_VARCHAR;

/// Rows for a table, with texts where its columns have texts, of the lengths that these were declared
/// with.
pub(crate) fn fitted(
    batch: &RecordBatch,
    table: &SchemaRef,
    matching: Matching,
) -> Result<RecordBatch, SparkError> {
    let schema = batch.schema();
    let mut fields = schema.fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for (index, column) in columns.iter_mut().enumerate() {
        let name = schema.field(index).name();
        let target = match matching {
            Matching::ByPosition => table.fields().get(index),
            Matching::ByName => {
                table.fields().iter().find(|field| field.name().eq_ignore_ascii_case(name))
            }
        };
        let Some(target) = target else { continue };
        *column = ansi::with_texts(column, target.data_type()).map_err(rows::arrow)?;
        if let Some((padded, length)) = length_of(target)
            && column.data_type() == &DataType::Utf8
        {
            *column = of_length(column, padded, length)?;
        }
        if column.data_type() != fields[index].data_type() {
            let made = column.data_type().clone();
            fields[index] = Arc::new(fields[index].as_ref().clone().with_data_type(made));
        }
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &count).map_err(rows::arrow)
}

/// The columns of what [`fitted`] makes of rows.
pub(crate) fn columns(
    rows: &SchemaRef,
    table: &SchemaRef,
    matching: Matching,
) -> Result<SchemaRef, SparkError> {
    Ok(fitted(&RecordBatch::new_empty(Arc::clone(rows)), table, matching)?.schema())
}

/// Whether texts are filled up with spaces, and how long they may be.
fn length_of(field: &Field) -> Option<(bool, usize)> {
    let declared = field.metadata().get(CHAR_VARCHAR)?;
    let (kind, length) = declared.strip_suffix(')')?.split_once('(')?;
    Some((kind.eq_ignore_ascii_case("char"), length.parse().ok()?))
}

fn of_length(column: &ArrayRef, padded: bool, length: usize) -> Result<ArrayRef, SparkError> {
    let text = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        let found = text.chars().count();
        if found > length {
            // Spaces at the end do not count, and are left out where they do not fit.
            let cut: String = text.chars().take(length).collect();
            if text[cut.len()..].chars().all(|c| c == ' ') {
                return Ok(Some(cut));
            }
            return Err(SparkError::new("EXCEED_LIMIT_LENGTH", [("limit", length.to_string())]));
        }
        let spaces = if padded { length - found } else { 0 };
        Ok(Some(format!("{text}{}", " ".repeat(spaces))))
    };
    let fitted: StringArray =
        column.as_string::<i32>().iter().map(text).collect::<Result<_, SparkError>>()?;
    Ok(Arc::new(fitted))
}
