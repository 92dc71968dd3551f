//! Cuts batches into chunks of bounded size, by partition where a table has partitions.
//!
//! Small batches are joined, so that a table does not end as ten thousand tiny chunks; large ones
//! are cut, without copying. No more than one chunk's worth of rows per partition is held twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_state::chunk::logical_bytes;
use annals_state::table::{Lineage, Origin, TableState};
use annals_state::{Chunk, VersionId};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow_buffer::Buffer;
use arrow_ord::partition::partition;
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

/// Bounds on the size of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    /// Batches with fewer rows are joined until they have as many.
    pub rows_min: usize,
    /// No chunk has more rows.
    pub rows_max: usize,
    /// No chunk has more logical bytes, unless a single row has.
    pub bytes_max: u64,
}

impl Default for ChunkSize {
    /// 64 Ki to 1 Mi rows, 64 MiB.
    fn default() -> Self {
        Self { rows_min: 1 << 16, rows_max: 1 << 20, bytes_max: 64 << 20 }
    }
}

/// Takes batches of one schema, gives chunks.
pub(crate) struct Cutter {
    size: ChunkSize,
    /// A batch of so many rows becomes a chunk at once, unless rows wait to be joined to it.
    rows_kept: usize,
    /// So many chunks may keep buffers alive that all of them together use.
    share: usize,
    /// How many of the last chunks may do so and have not been looked at.
    unsettled: usize,
    partition_by: Vec<usize>,
    chunks: Vec<Arc<Chunk>>,
    /// Rows of a chunk that is not full yet; one per partition, in the order of first sight.
    pending: Vec<Pending>,
    /// Where a partition's pending rows are, by its values.
    places: BTreeMap<Vec<u8>, usize>,
    converter: Option<RowConverter>,
    /// Who the rows of each chunk are, if that is kept: then batches have [`TRACE`] columns more.
    lineages: Option<Vec<Arc<Lineage>>>,
}

/// The rows of a batch that is gathered as it is. A query engine gives batches of 8,192 rows, and
/// of half as many where it can spare a copy by it.
const ROWS_KEPT: usize = 1 << 12;

/// So many batches that were gathered may share what is viewed in them: those of a filter are still
/// of the texts of a chunk that is larger.
const SHARE: usize = 64;

/// A column of gathered rows that is viewed in more buffers than these is copied: whoever takes
/// rows from a batch counts the references to each.
const BUFFERS_MAX: usize = 4;

/// From how many rows on a batch is gathered as it is.
pub(crate) fn rows_kept(size: ChunkSize) -> usize {
    ROWS_KEPT.min(size.rows_min)
}

/// The columns that go with rows through the cutter, behind their own: id, born, changed.
const TRACE: usize = 3;

#[derive(Default)]
struct Pending {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: u64,
}

impl Cutter {
    pub(crate) fn new(size: ChunkSize, partition_by: Vec<usize>) -> Self {
        Self {
            size,
            rows_kept: size.rows_min,
            share: 1,
            unsettled: 0,
            partition_by,
            chunks: Vec::new(),
            pending: Vec::new(),
            places: BTreeMap::new(),
            converter: None,
            lineages: None,
        }
    }

    /// For rows that somebody has just computed: to join those of a batch that is not small would
    /// cost about as much again.
    pub(crate) fn gathering(size: ChunkSize, partition_by: Vec<usize>) -> Self {
        Self { rows_kept: rows_kept(size), share: SHARE, ..Self::new(size, partition_by) }
    }

    /// For rows of a table that stay what they are: their origins go with them.
    pub(crate) fn traced(size: ChunkSize, table: &TableState) -> Self {
        let ids = table.details().partition_by.iter();
        let columns = ids.filter_map(|id| table.schema().index_of_id(*id)).collect();
        Self { lineages: Some(Vec::new()), ..Self::new(size, columns) }
    }

    /// As [`push`](Self::push), with the origin of each row.
    pub(crate) fn push_traced(
        &mut self,
        batch: &RecordBatch,
        origins: &[Origin],
    ) -> Result<(), ArrowError> {
        self.push(traced(batch, origins)?)
    }

    /// The chunks, and who their rows are.
    pub(crate) fn finish_traced(mut self) -> Result<TracedChunks, ArrowError> {
        self.close_all()?;
        Ok((self.chunks.into(), self.lineages.unwrap_or_default().into()))
    }

    /// The chunks of a single batch that is not to be divided: mostly one, at once.
    pub(crate) fn one(mut self, batch: RecordBatch) -> Result<Arc<[Arc<Chunk>]>, ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(Arc::default());
        }
        if batch.num_rows() <= self.size.rows_max {
            let chunk = Chunk::new(batch);
            if chunk.bytes() <= self.size.bytes_max {
                return Ok(Arc::new([Arc::new(chunk)]));
            }
            let batch = chunk.batch().clone();
            drop(chunk);
            self.push(batch)?;
        } else {
            self.push(batch)?;
        }
        Ok(self.finish()?.into())
    }

    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.partition_by.is_empty() {
            return self.add(0, batch);
        }
        let sorted = self.sorted(&batch)?;
        let keys: Vec<ArrayRef> =
            self.partition_by.iter().map(|column| Arc::clone(sorted.column(*column))).collect();
        let encoded = self.encode(&keys)?;
        for range in partition(&keys)?.ranges() {
            let next = self.places.len();
            let place =
                *self.places.entry(encoded.row(range.start).as_ref().to_vec()).or_insert(next);
            self.add(place, sorted.slice(range.start, range.len()))?;
        }
        Ok(())
    }

    /// Takes a chunk that another cutter has cut in the same way.
    pub(crate) fn push_chunk(&mut self, chunk: Arc<Chunk>) {
        debug_assert!(self.lineages.is_none(), "nobody knows who its rows are");
        self.settle();
        self.chunks.push(chunk);
    }

    /// The partition of each row as comparable bytes, the same in every batch.
    fn encode(&mut self, keys: &[ArrayRef]) -> Result<Rows, ArrowError> {
        let converter = match &mut self.converter {
            Some(converter) => converter,
            None => {
                let fields = keys.iter().map(|key| SortField::new(key.data_type().clone()));
                self.converter.insert(RowConverter::new(fields.collect())?)
            }
        };
        converter.convert_columns(keys)
    }

    pub(crate) fn finish(mut self) -> Result<Vec<Arc<Chunk>>, ArrowError> {
        self.close_all()?;
        Ok(self.chunks)
    }

    fn close_all(&mut self) -> Result<(), ArrowError> {
        for pending in std::mem::take(&mut self.pending) {
            self.close(pending)?;
        }
        self.settle();
        Ok(())
    }

    /// Sees to it that the last chunks keep no buffers alive that are much larger than their rows.
    fn settle(&mut self) {
        let from = self.chunks.len() - std::mem::take(&mut self.unsettled);
        let chunks = &mut self.chunks[from..];
        if !Chunk::fit_together(chunks.iter().map(AsRef::as_ref)) {
            for chunk in chunks {
                *chunk = Arc::new(Chunk::clone(chunk).fitted());
            }
        }
    }

    /// The batch with its rows ordered by partition, else in the order in which they came.
    fn sorted(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let order = SortOptions { descending: false, nulls_first: true };
        let mut columns: Vec<SortColumn> = Vec::with_capacity(self.partition_by.len() + 1);
        for column in &self.partition_by {
            let values = Arc::clone(batch.column(*column));
            columns.push(SortColumn { values, options: Some(order) });
        }
        // The row number keeps the order within a partition.
        let rows = u32::try_from(batch.num_rows()).map_err(|_| {
            ArrowError::InvalidArgumentError("a batch may have 2^32 rows at most".to_owned())
        })?;
        let numbers = Arc::new(UInt32Array::from_iter_values(0..rows));
        columns.push(SortColumn { values: numbers, options: None });
        take_record_batch(batch, &lexsort_to_indices(&columns, None)?)
    }

    fn add(&mut self, place: usize, batch: RecordBatch) -> Result<(), ArrowError> {
        if place >= self.pending.len() {
            self.pending.resize_with(place + 1, Pending::default);
        }
        let bytes = self.own_bytes(&batch);
        let pending = &mut self.pending[place];
        let full = pending.rows + batch.num_rows() > self.size.rows_max
            || pending.bytes + bytes > self.size.bytes_max;
        if full && pending.rows > 0 {
            let full = std::mem::take(pending);
            self.close(full)?;
        }
        let pending = &mut self.pending[place];
        pending.rows += batch.num_rows();
        pending.bytes += bytes;
        pending.batches.push(batch);
        let is_one = pending.batches.len() == 1 && pending.rows >= self.rows_kept;
        if is_one || pending.rows >= self.size.rows_min || pending.bytes >= self.size.bytes_max {
            let enough = std::mem::take(pending);
            self.close(enough)?;
        }
        Ok(())
    }

    /// The bytes of rows without those that say who they are, which the chunk will not have.
    fn own_bytes(&self, batch: &RecordBatch) -> u64 {
        let traces = match self.lineages {
            Some(_) => TRACE * size_of::<u64>() * batch.num_rows(),
            None => 0,
        };
        logical_bytes(batch).saturating_sub(traces as u64)
    }

    /// How many rows a chunk may have, where `rows` have `bytes`.
    fn rows_max(&self, rows: usize, bytes: u64) -> usize {
        let by_bytes = (rows as u64).saturating_mul(self.size.bytes_max) / bytes.max(1);
        self.size.rows_max.min(usize::try_from(by_bytes).unwrap_or(usize::MAX)).max(1)
    }

    fn close(&mut self, mut pending: Pending) -> Result<(), ArrowError> {
        let mut bytes = pending.bytes;
        let rows = match pending.batches.len() {
            0 | 1 if self.share == 1 => pending.batches.pop(),
            0 | 1 => pending.batches.pop().map(|batch| packed(batch, BUFFERS_MAX)).transpose()?,
            _ => {
                let joined = joined(&pending.batches)?;
                bytes = self.own_bytes(&joined);
                Some(joined)
            }
        };
        drop(pending);
        let Some(rows) = rows else { return Ok(()) };
        let rows_max = self.rows_max(rows.num_rows(), bytes);
        if rows.num_rows() <= rows_max {
            self.keep(rows, |rows| Chunk::counted(rows, bytes))?;
            self.unsettled += 1;
            if self.unsettled >= self.share {
                self.settle();
            }
            return Ok(());
        }
        self.settle();
        for at in (0..rows.num_rows()).step_by(rows_max) {
            let cut = rows.slice(at, rows_max.min(rows.num_rows() - at));
            self.keep(cut, Chunk::from_cut)?;
        }
        Ok(())
    }

    fn keep(
        &mut self,
        mut rows: RecordBatch,
        chunk: impl FnOnce(RecordBatch) -> Chunk,
    ) -> Result<(), ArrowError> {
        if let Some(lineages) = &mut self.lineages {
            lineages.push(Arc::new(untraced(&mut rows)?));
        }
        self.chunks.push(Arc::new(chunk(rows)));
        Ok(())
    }
}

/// One batch of several. Where texts are viewed, all that the views are of comes into one buffer.
fn joined(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    packed(concat_batches(batches[0].schema_ref(), batches)?, 1)
}

/// The batch with all that is viewed in a column in one buffer, where it is in more than
/// `buffers_max`.
fn packed(batch: RecordBatch, buffers_max: usize) -> Result<RecordBatch, ArrowError> {
    let gc = |column: &ArrayRef| -> Option<ArrayRef> {
        let many = |buffers: &[Buffer]| buffers.len() > buffers_max;
        match column.data_type() {
            DataType::Utf8View => {
                let views = column.as_string_view();
                many(views.data_buffers()).then(|| Arc::new(views.gc()) as _)
            }
            DataType::BinaryView => {
                let views = column.as_binary_view();
                many(views.data_buffers()).then(|| Arc::new(views.gc()) as _)
            }
            _ => None,
        }
    };
    let (schema, mut columns, rows) = batch.into_parts();
    for column in &mut columns {
        if let Some(packed) = gc(column) {
            *column = packed;
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// Chunks of rows that were there before, and who these are.
pub(crate) type TracedChunks = (Arc<[Arc<Chunk>]>, Arc<[Arc<Lineage>]>);

/// Rows with their origins as further columns.
pub(crate) fn traced(batch: &RecordBatch, origins: &[Origin]) -> Result<RecordBatch, ArrowError> {
    let numbers = |of: fn(&Origin) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(origins.iter().map(of)))
    };
    let traces = [numbers(|o| o.row), numbers(|o| o.born.0), numbers(|o| o.changed.0)];
    let mut fields = batch.schema_ref().fields().to_vec();
    let name = |trace| Arc::new(Field::new(format!("trace {trace}"), DataType::UInt64, false));
    fields.extend((0..TRACE).map(name));
    let columns = batch.columns().iter().cloned().chain(traces).collect();
    let metadata = batch.schema_ref().metadata().clone();
    RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, metadata)), columns)
}

/// Takes the origins of rows from behind their own columns.
fn untraced(rows: &mut RecordBatch) -> Result<Lineage, ArrowError> {
    let own = rows.num_columns() - TRACE;
    let numbers = |trace: usize| rows.column(own + trace).as_primitive::<UInt64Type>().values();
    let (row, born, changed) = (numbers(0), numbers(1), numbers(2));
    let lineage = Lineage::of((0..rows.num_rows()).map(|at| Origin {
        row: row[at],
        born: VersionId(born[at]),
        changed: VersionId(changed[at]),
    }));
    *rows = rows.project(&(0..own).collect::<Vec<_>>())?;
    Ok(lineage)
}
