//! Reading rows out of a table: projection, predicate, limit; nothing copied that need not be.

use std::num::NonZeroUsize;
use std::sync::Arc;

use annals_state::predicate::{BoundPredicate, Matches, Predicate};
use annals_state::pruning::can_match;
use annals_state::schema::read_as;
use annals_state::table::ChunkEntry;
use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, BooleanArray, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::{filter_record_batch, prep_null_mask_filter};

use crate::error::ReadError;
use crate::snapshot::Table;

/// A scan that has not begun: what to read of a table.
#[derive(Clone, Debug)]
#[must_use = "a scan reads nothing until its batches are taken"]
pub struct Scan {
    table: Table,
    columns: Option<Vec<String>>,
    predicate: Option<Predicate>,
    limit: Option<u64>,
    batch_rows_max: Option<NonZeroUsize>,
}

impl Scan {
    pub(crate) fn of(table: Table) -> Self {
        Self { table, columns: None, predicate: None, limit: None, batch_rows_max: None }
    }

    /// Reads these columns, in this order; all of them if not called. Case does not count.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Reads only the rows that match. Chunks that by their statistics hold none are skipped;
    /// those that hold nothing else are passed on as they are. Called twice, both must match.
    pub fn filter(mut self, predicate: Predicate) -> Self {
        self.predicate = Some(match self.predicate.take() {
            Some(first) => first.and(predicate),
            None => predicate,
        });
        self
    }

    /// Reads at most this many rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Cuts batches to at most this many rows, without copying; else a batch is what is read of
    /// a chunk.
    pub fn batch_rows_max(mut self, rows: NonZeroUsize) -> Self {
        self.batch_rows_max = Some(rows);
        self
    }

    /// Begins to read. Batches come in the order in which their rows were written, and none is
    /// empty; a table without rows yields none.
    ///
    /// Batches share memory with the snapshot. A copy is made only of rows that a predicate
    /// selects from among others, that remain in a chunk from which some were deleted, or whose
    /// column was widened since they were written.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a column does not exist, the predicate does not go with the table, or it
    /// is a view.
    pub fn batches(self) -> Result<Batches, ReadError> {
        let Self { table, columns, predicate, limit, batch_rows_max } = self;
        if table.state().is_view() {
            return Err(ReadError::View { table: table.name().clone() });
        }
        let projection = columns
            .map(|columns| columns.iter().map(|column| table.column_index(column)).collect())
            .transpose()?;
        let plan = Plan::new(&table, projection, predicate.as_ref())?;
        table.note_read(predicate.as_ref());
        Ok(Batches {
            ahead: Vec::new().into_iter(),
            table,
            plan,
            next: 0,
            rows_left: limit.unwrap_or(u64::MAX),
            batch_rows_max,
            masked: None,
            cut: None,
        })
    }

    /// Reads all batches.
    ///
    /// # Errors
    ///
    /// As for [`batches`](Self::batches).
    pub fn collect(self) -> Result<Vec<RecordBatch>, ReadError> {
        let table = self.table.name().clone();
        let batches = self.batches()?;
        batches.collect::<Result<_, _>>().map_err(|source| ReadError::Rows { table, source })
    }

    /// Counts the rows without materialising them where statistics tell.
    ///
    /// # Errors
    ///
    /// As for [`batches`](Self::batches).
    pub fn count(mut self) -> Result<u64, ReadError> {
        for column in self.columns.replace(Vec::new()).iter().flatten() {
            self.table.column_index(column)?;
        }
        if self.predicate.is_none() {
            let rows = self.table.state().rows().min(self.limit.unwrap_or(u64::MAX));
            // Begun for what it refuses; no batch is taken.
            return self.batches().map(|_| rows);
        }
        let batches = self.collect()?;
        Ok(batches.iter().map(|batch| batch.num_rows() as u64).sum())
    }

    /// The rows as an Arrow C stream, for other languages and libraries in this process.
    ///
    /// # Errors
    ///
    /// As for [`batches`](Self::batches).
    pub fn c_stream(self) -> Result<FFI_ArrowArrayStream, ReadError> {
        Ok(FFI_ArrowArrayStream::new(Box::new(self.batches()?)))
    }
}

/// How a chunk becomes a batch, decided once per scan.
#[derive(Debug)]
struct Plan {
    /// The schema of the batches.
    schema: SchemaRef,
    /// Columns to take from the table, ascending in use: those that are returned, then those
    /// that only the predicate reads. None: all, in order.
    taken: Option<Vec<usize>>,
    /// How many of `taken` are returned.
    returned: usize,
    predicate: Option<BoundPredicate>,
}

impl Plan {
    fn new(
        table: &Table,
        projection: Option<Vec<usize>>,
        predicate: Option<&Predicate>,
    ) -> Result<Self, ReadError> {
        let all = table.state().arrow_schema();
        let bound = predicate.map(|predicate| predicate.bind(all)).transpose();
        let bound = bound.map_err(|source| ReadError::Predicate {
            table: table.name().clone(),
            source: Box::new(source),
        })?;
        let schema = match &projection {
            None => Arc::clone(all),
            Some(indices) => Arc::new(all.project(indices).expect("indices were looked up")),
        };
        let returned = schema.fields().len();
        let taken = projection.map(|mut taken| {
            let needed = bound.iter().flat_map(BoundPredicate::columns);
            for column in needed {
                if !taken.contains(column) {
                    taken.push(*column);
                }
            }
            taken
        });
        Ok(Self { schema, taken, returned, predicate: bound })
    }
}

/// The batches of a scan: an iterator and a [`RecordBatchReader`].
///
/// Holds the table, and with it the version, until it is dropped.
#[derive(Debug)]
pub struct Batches {
    /// Chunks that were looked up and are still to be read. Let go of before the table is, which
    /// keeps them.
    ahead: std::vec::IntoIter<ChunkEntry>,
    table: Table,
    plan: Plan,
    /// The sequence to look up from.
    next: u64,
    rows_left: u64,
    batch_rows_max: Option<NonZeroUsize>,
    /// What is left of a chunk that is being filtered piece by piece.
    masked: Option<(RecordBatch, BooleanArray)>,
    /// What is left of a batch that is being cut.
    cut: Option<RecordBatch>,
}

/// Of a chunk that keeps most of its rows, so many are filtered at a time: the copies stay in the
/// processor's cache until they are used, and the memory of one serves for the next.
const PIECE_ROWS: usize = 1 << 13;

/// To begin to walk the chunks costs more than to go on, so after the first so many are looked up
/// at a time.
const CHUNKS_AHEAD: usize = 32;

/// So many rows one after the other that are all wanted are passed on without a copy.
const RUN_ROWS_MIN: usize = 1 << 11;

impl Batches {
    /// The next rows that are wanted, of one chunk; none at the end.
    fn next_rows(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            if let Some(piece) = self.next_piece()? {
                return Ok(Some(piece));
            }
            let Some(entry) = self.next_entry() else { return Ok(None) };
            let matches = match &self.plan.predicate {
                None => Matches::All,
                Some(predicate) => can_match(predicate, self.table.state(), &entry),
            };
            if matches == Matches::None {
                continue;
            }
            let (batch, mask) = self.read(&entry, matches)?;
            match mask {
                None if batch.num_rows() > 0 => return Ok(Some(batch)),
                None => {}
                Some(mask) if mask.true_count() >= mask.len() / 2 => {
                    self.masked = Some((batch, mask));
                }
                Some(mask) if mask.true_count() > 0 => {
                    return filter_record_batch(&batch, &mask).map(Some);
                }
                Some(_) => {}
            }
        }
    }

    /// The next chunk, in the order of writing.
    fn next_entry(&mut self) -> Option<ChunkEntry> {
        if let Some(entry) = self.ahead.next() {
            return Some(entry);
        }
        let is_first = self.next == 0;
        let mut entries = self.table.state().chunk_map().range(self.next..);
        let (mut last, entry) = entries.next()?;
        let entry = entry.clone();
        if !is_first {
            let mut ahead = Vec::with_capacity(CHUNKS_AHEAD);
            for (sequence, entry) in entries.take(CHUNKS_AHEAD) {
                last = sequence;
                ahead.push(entry.clone());
            }
            self.ahead = ahead.into_iter();
        }
        self.next = last + 1;
        Some(entry)
    }

    /// The next rows of a chunk that is being filtered.
    fn next_piece(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let Some((batch, mask)) = self.masked.take() else { return Ok(None) };
        let Some((first, end)) = mask.values().set_slices().next() else { return Ok(None) };
        let is_run = end - first >= RUN_ROWS_MIN;
        let rows = if is_run { end } else { (first + PIECE_ROWS).min(batch.num_rows()) } - first;
        let left = batch.num_rows() - first - rows;
        if left > 0 {
            self.masked = Some((batch.slice(first + rows, left), mask.slice(first + rows, left)));
        }
        let batch = batch.slice(first, rows);
        match is_run {
            true => Ok(Some(batch)),
            false => filter_record_batch(&batch, &mask.slice(first, rows)).map(Some),
        }
    }

    /// The columns of a chunk that are wanted, and which of its rows; without a mask, all.
    fn read(
        &self,
        entry: &ChunkEntry,
        matches: Matches,
    ) -> Result<(RecordBatch, Option<BooleanArray>), ArrowError> {
        let state = self.table.state();
        let (written, wanted) = (state.layout(entry), state.schema());
        let taken = self.plan.taken.as_deref();
        let batch = entry.chunk().batch();
        let mut batch = match taken {
            _ if !Arc::ptr_eq(written, wanted) => {
                read_as(batch, written, wanted, taken).map_err(external)?
            }
            None => batch.clone(),
            Some(taken) => batch.project(taken)?,
        };
        let mask = self.mask(&batch, entry, matches)?;
        if batch.num_columns() > self.plan.returned {
            let returned: Vec<usize> = (0..self.plan.returned).collect();
            batch = batch.project(&returned)?;
        }
        Ok((batch, mask))
    }

    /// Which rows of a batch to return; none means all.
    fn mask(
        &self,
        batch: &RecordBatch,
        entry: &ChunkEntry,
        matches: Matches,
    ) -> Result<Option<BooleanArray>, ArrowError> {
        let live = entry.deletions().map(|deleted| {
            let mut live = BooleanBufferBuilder::new(batch.num_rows());
            live.append_n(batch.num_rows(), true);
            for row in deleted.rows() {
                live.set_bit(row as usize, false);
            }
            live.finish()
        });
        let predicate = self.plan.predicate.as_ref().filter(|_| matches != Matches::All);
        let Some(predicate) = predicate else {
            return Ok(live.map(|live| BooleanArray::new(live, None)));
        };
        let taken = self.plan.taken.as_deref();
        let column = |index: usize| {
            let place = taken.and_then(|taken| taken.iter().position(|of| *of == index));
            Arc::clone(batch.column(place.unwrap_or(index)))
        };
        let matching = predicate.evaluate_columns(batch.num_rows(), column).map_err(external)?;
        let matching = match matching.null_count() {
            0 => matching,
            _ => prep_null_mask_filter(&matching),
        };
        Ok(Some(match live {
            None => matching,
            Some(live) => BooleanArray::new(matching.values() & &live, None),
        }))
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows_left == 0 {
            return None;
        }
        let batch = match self.cut.take() {
            Some(batch) => batch,
            None => match self.next_rows() {
                Ok(batch) => batch?,
                Err(error) => {
                    self.rows_left = 0;
                    return Some(Err(error));
                }
            },
        };
        let rows = batch.num_rows();
        let max = self.batch_rows_max.map_or(usize::MAX, NonZeroUsize::get);
        let take = rows.min(max).min(usize::try_from(self.rows_left).unwrap_or(usize::MAX));
        self.rows_left -= take as u64;
        if take == rows {
            return Some(Ok(batch));
        }
        self.cut = Some(batch.slice(take, rows - take));
        Some(Ok(batch.slice(0, take)))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.plan.schema)
    }
}
