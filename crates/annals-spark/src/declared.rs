//! `CHAR(n)` and `VARCHAR(n)`: what a column that was declared one does to texts that come in.

use std::sync::Arc;

use annals::Matching;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, SchemaRef};

use crate::error::SparkError;
use crate::rows;
use crate::types::CHAR_VARCHAR;

/// Rows for a table, with texts of the lengths that its columns were declared with.
pub(crate) fn fitted(
    batch: RecordBatch,
    table: &SchemaRef,
    matching: Matching,
) -> Result<RecordBatch, SparkError> {
    if table.fields().iter().all(|field| length_of(field).is_none()) {
        return Ok(batch);
    }
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    for (index, column) in columns.iter_mut().enumerate() {
        let name = schema.field(index).name();
        let target = match matching {
            Matching::ByPosition => table.fields().get(index),
            Matching::ByName => {
                table.fields().iter().find(|field| field.name().eq_ignore_ascii_case(name))
            }
        };
        if let Some((padded, length)) = target.and_then(|field| length_of(field))
            && column.data_type() == &DataType::Utf8
        {
            *column = of_length(column, padded, length)?;
        }
    }
    RecordBatch::try_new(schema, columns).map_err(rows::arrow)
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
