//! Rows that never change, with exact statistics.
//!
//! A [`Chunk`] is pure data: it has no id, no version and no column ids; the entry that a table
//! keeps for it holds these. Of itself it knows its bytes, from [`Chunk::new`] on, and per column
//! the number of nulls and the places of a smallest and a largest value, once somebody has asked:
//! most columns are never filtered by, and to look through them all would cost a write as much as
//! the copy of its rows.
//!
//! **Invariant:** a chunk made by [`Chunk::new`] does not keep much more memory alive than its
//! rows need. Arrow slices share the buffers they were cut from, so a hundred rows may pin a
//! gigabyte; such rows are copied when they enter.

mod bytes;
mod once;
mod pick;
mod rows;
mod stats;
#[cfg(test)]
mod tests;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};

pub use self::bytes::{logical_bytes, unique_buffer_bytes};
use self::once::Once;
pub use self::pick::pick_rows;
use self::rows::Rows;
pub use self::rows::let_go;
pub use self::stats::ColumnStats;
use crate::predicate::Bounds;

/// What a batch may keep alive beyond twice its own bytes before its rows are copied.
const SLACK_BYTES: u64 = 64 * 1024;

/// Immutable rows with exact statistics.
#[derive(Clone, Debug)]
pub struct Chunk {
    batch: Rows,
    bytes: u64,
    /// By column.
    stats: Box<[Once]>,
}

impl Chunk {
    /// Takes the rows of `batch`. O(columns), and O(rows) where texts are viewed.
    ///
    /// The buffers are shared, not copied, unless they are much larger than the rows (more than
    /// twice the bytes of the rows and 64 KiB): then the columns that are to blame are copied into
    /// buffers that fit.
    pub fn new(batch: RecordBatch) -> Self {
        Self::from_cut(batch).fitted()
    }

    /// Takes the rows of `batch` as they are: for pieces of a batch whose other pieces are
    /// stored too, so that the buffers they share are kept anyway.
    pub fn from_cut(batch: RecordBatch) -> Self {
        let bytes = bytes::logical_bytes(&batch);
        Self::counted(batch, bytes)
    }

    /// As [`from_cut`](Self::from_cut), for rows whose [`logical_bytes`] were counted.
    pub fn counted(batch: RecordBatch, bytes: u64) -> Self {
        let stats = batch.columns().iter().map(|_| Once::default()).collect();
        Self { batch: Rows::new(batch), bytes, stats }
    }

    /// The same rows in buffers that are not much larger than they.
    pub fn fitted(self) -> Self {
        if Self::fit_together([&self]) {
            return self;
        }
        // A dictionary loses the values that no row uses.
        Self::from_cut(bytes::compacted(self.batch().clone(), SLACK_BYTES))
    }

    /// Whether the buffers of all these chunks are not much larger than their rows.
    pub fn fit_together<'a>(chunks: impl IntoIterator<Item = &'a Self> + Clone) -> bool {
        let sum = |of: fn(&Self) -> u64| chunks.clone().into_iter().map(of).sum::<u64>();
        let allowed = sum(Self::bytes).saturating_mul(2).saturating_add(SLACK_BYTES);
        // The first sum counts a buffer once per column that shares it: cheap, and never too small.
        sum(|chunk| bytes::pinned_at_most(&chunk.batch)) <= allowed
            || unique_buffer_bytes(chunks) <= allowed
    }

    /// The rows.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The bytes that the rows themselves need: values, offsets and validity, but neither what
    /// surrounds them in a shared buffer nor spare capacity. A dictionary counts whole, or in
    /// proportion if it has more values than there are rows.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The distinct buffers that the rows keep alive, each with its address and whole capacity.
    /// Other chunks may share them. O(buffers).
    pub fn buffers(&self) -> impl Iterator<Item = (usize, u64)> + use<> {
        bytes::buffers(&self.batch)
    }

    /// The statistics of a column, by its place in this chunk's schema. A column that the chunk
    /// does not have reads as null, and so its statistics say. O(rows) for whoever asks first;
    /// nobody waits for another.
    pub fn stats(&self, column: usize) -> ColumnStats {
        match self.column(column) {
            Some((values, once)) => {
                let null_count = once.null_count(|| stats::null_count(values));
                let extremes = once.extremes(|| stats::extremes(values));
                ColumnStats::new(null_count, extremes)
            }
            None => ColumnStats::all_null(self.rows()),
        }
    }

    /// How many values of a column are null, by its place in this chunk's schema: all, if the chunk
    /// does not have it. O(1) for most types, and O(rows) for whoever asks first of others.
    pub fn null_count(&self, column: usize) -> u64 {
        match self.column(column) {
            Some((values, once)) => once.null_count(|| stats::null_count(values)),
            None => self.rows() as u64,
        }
    }

    fn column(&self, column: usize) -> Option<(&ArrayRef, &Once)> {
        self.batch.columns().get(column).zip(self.stats.get(column))
    }

    /// What a predicate may know of a column, by its place in this chunk's schema: exact, for
    /// all rows of the chunk. Call [`Bounds::widened`] on it when some of them are deleted.
    pub fn bounds(&self, column: usize) -> Bounds {
        let stats = self.stats(column);
        let one = |row| self.batch.columns().get(column).map(|values| Array::slice(values, row, 1));
        let min = stats.min_row().and_then(one);
        let max = if stats.max_row() == stats.min_row() {
            min.clone()
        } else {
            stats.max_row().and_then(one)
        };
        Bounds { null_count: stats.null_count(), rows: self.rows() as u64, min, max, exact: true }
    }

    /// The same rows and statistics under a schema that differs in names and metadata only.
    ///
    /// # Errors
    ///
    /// [`ArrowError`] if the columns do not have the types, the number or the nullability that
    /// `schema` asks for.
    pub fn with_schema(&self, schema: SchemaRef) -> Result<Self, ArrowError> {
        let batch = Rows::new(with_rows(schema, self.batch.columns().to_vec(), self.rows())?);
        Ok(Self { batch, ..self.clone() })
    }
}

/// A batch that keeps its number of rows even if it has no columns.
fn with_rows(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
