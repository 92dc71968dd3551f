//! Some rows of a batch, copied.
//!
//! Arrow counts the rows of a batch by its columns when it takes some of them, and fails where there
//! are none. A table may have no columns, and chunks that were written before it got its first have none.

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;

/// The rows at these indices, in this order; also of a batch without columns.
///
/// # Errors
///
/// [`ArrowError`] if Arrow cannot take rows of one of the types, or an index is not one of a row.
pub fn pick_rows(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    if batch.num_columns() > 0 {
        return take_record_batch(batch, rows);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.values().len()));
    RecordBatch::try_new_with_options(batch.schema(), Vec::new(), &options)
}
