//! Rows that come one batch at a time, from somewhere that an iterator cannot wait for.
//!
//! A save takes its rows from an iterator, and so blocks while these are computed. Whoever computes
//! them asynchronously would have to keep all of them first, and the store would cut what they kept
//! into chunks: everything twice. Here the batches are cut as they come, and the write takes the
//! chunks. It borrows nothing meanwhile: that the rows are dropped on the way is the end of them.

use std::fmt;
use std::sync::Arc;

use annals_state::Chunk;
use annals_state::schema::fold;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::cutter::{ChunkSize, Cutter, rows_kept};
use crate::error::WriteError;
use crate::source::{check_schema, refuse_batch};

/// Rows on their way into the form that a store keeps them in; see
/// [`Store::gather`](crate::Store::gather).
pub struct Gathering {
    schema: SchemaRef,
    /// The same, with columns that may be null: what batches say of that may differ.
    relaxed: SchemaRef,
    cut: Cut,
    cutter: Cutter,
    batches: usize,
}

/// How rows are cut into chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) size: ChunkSize,
    /// The columns that they are divided by.
    pub(crate) columns: Vec<usize>,
}

/// Rows that were gathered: a [`Source`](crate::Source) of them all. Cheap to clone.
#[derive(Clone)]
pub struct Gathered {
    pub(crate) schema: SchemaRef,
    pub(crate) cut: Cut,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl Gathering {
    pub(crate) fn new(schema: SchemaRef, size: ChunkSize) -> Self {
        let relaxed =
            schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let relaxed = Arc::new(Schema::new(relaxed.collect::<Vec<_>>()));
        let cut = Cut { size, columns: Vec::new() };
        let cutter = Cutter::gathering(size, Vec::new());
        Self { schema, relaxed, cut, cutter, batches: 0 }
    }

    /// Divides the rows by these columns, as a table that is partitioned by them wants it: then its
    /// write need not divide them again. A column that the rows lack is passed over. Call it before
    /// the first batch.
    #[must_use]
    pub fn partition_by<S: AsRef<str>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        let place = |name: S| {
            let name = fold(name.as_ref());
            self.schema.fields().iter().position(|field| fold(field.name()) == name)
        };
        self.cut.columns = columns.into_iter().filter_map(place).collect();
        self.cutter = Cutter::gathering(self.cut.size, self.cut.columns.clone());
        self
    }

    /// Takes the next batch. Batches of 4,096 rows and more become chunks as they are, shared with
    /// whoever else has them; smaller ones are copied into chunks and let go of. Chunks of at least
    /// [`ChunkSize::rows_min`] rows are what [`Store::compact`](crate::Store::compact) makes of them.
    ///
    /// # Errors
    ///
    /// [`WriteError::BatchSchema`] if the batch has other names or types than were announced. It
    /// may differ in which columns may be null and in metadata.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), WriteError> {
        check_schema(&self.schema, &batch, self.batches)?;
        let types = self.schema.fields().iter().map(|field| field.data_type());
        if !types.eq(batch.columns().iter().map(|column| column.data_type())) {
            return Err(refuse_batch(&self.schema, &batch, self.batches));
        }
        self.batches += 1;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (_, columns, _) = batch.into_parts();
        let relaxed = Arc::clone(&self.relaxed);
        self.cutter.push(RecordBatch::try_new_with_options(relaxed, columns, &options)?)?;
        Ok(())
    }

    /// Takes rows that were gathered beside these, for the same store: by another thread, say. What
    /// is large enough already stays as it was cut; the rest is joined.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn append(&mut self, rows: Gathered) -> Result<(), WriteError> {
        for chunk in rows.chunks {
            if rows.cut == self.cut && chunk.rows() >= rows_kept(self.cut.size) {
                check_schema(&self.schema, chunk.batch(), self.batches)?;
                self.cutter.push_chunk(chunk);
            } else {
                self.push(chunk.batch().clone())?;
            }
        }
        Ok(())
    }

    /// The rows, ready to be written.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the last rows cannot be made into one batch.
    pub fn finish(self) -> Result<Gathered, WriteError> {
        Ok(Gathered { schema: self.schema, cut: self.cut, chunks: self.cutter.finish()? })
    }
}

impl Gathered {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows() as u64).sum()
    }

    /// The columns, as they were announced.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The rows, in the batches that the store would keep.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &RecordBatch> {
        self.chunks.iter().map(|chunk| chunk.batch())
    }
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathering").field("batches", &self.batches).finish_non_exhaustive()
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, chunks) = (self.rows(), self.chunks.len());
        f.debug_struct("Gathered").field("rows", &rows).field("chunks", &chunks).finish()
    }
}
