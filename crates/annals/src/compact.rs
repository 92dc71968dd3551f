//! Compaction: the same rows in fewer, fuller or sorted chunks.
//!
//! A compaction changes no data, and no row loses its id or its history. It conflicts with nothing
//! that matters: whoever deletes or updates rows that it moves finds them again, and where the two
//! cannot both stand it is the compaction that gives way.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;

use annals_state::TableName;
use annals_state::name::ToTableName;
use annals_state::table::{ChunkEntry, Origin, TableState};
use annals_state::write_set::{Change, NewRows};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_row::{RowConverter, SortField};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use roaring::RoaringBitmap;

use crate::cutter::{ChunkSize, Cutter, traced};
use crate::error::WriteError;
use crate::row_change::index_of;
use crate::selection::take_rows;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// How often a compaction is begun again because others changed the same chunks.
const TRIES: u32 = 4;

/// How a table is compacted. By default, chunks that are too small are joined, chunks that are too
/// large are cut, and rows that were deleted are dropped, with the store's chunk size.
#[derive(Clone, Debug, Default)]
pub struct Compaction {
    size: Option<ChunkSize>,
    sort_by: Vec<String>,
}

impl Compaction {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The size that chunks are to have.
    #[must_use]
    pub fn chunk_size(mut self, size: ChunkSize) -> Self {
        self.size = Some(size);
        self
    }

    /// Sorts all rows by these columns, ascending and nulls first, so that a predicate on them
    /// leaves out most chunks. Writes the whole table anew, and holds it twice meanwhile.
    #[must_use]
    pub fn sort_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.sort_by = columns.into_iter().map(Into::into).collect();
        self
    }
}

/// What a compaction came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compacted {
    /// How many chunks were written anew.
    pub chunks_before: usize,
    /// How many chunks there are in their place.
    pub chunks_after: usize,
    /// How many deleted rows the table no longer holds. Older versions still do.
    pub rows_dropped: u64,
    /// Whether it was given up, because others kept changing the same chunks.
    pub gave_way: bool,
    /// The commit, if there was something to do.
    pub committed: Option<Committed>,
}

impl Compacted {
    fn nothing() -> Self {
        let (chunks_before, chunks_after, rows_dropped) = (0, 0, 0);
        Self { chunks_before, chunks_after, rows_dropped, gave_way: false, committed: None }
    }
}

impl Store {
    /// Compacts a table, as a commit of its own; see [`compact_with`](Self::compact_with).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// for n in 0..100 {
    ///     let row = record_batch!(("n", Int64, [n]))?;
    ///     store.write(row).mode(SaveMode::Append).save_as_table("t")?;
    /// }
    /// let done = store.compact("t")?;
    /// assert_eq!((done.chunks_before, done.chunks_after), (100, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn compact(&self, name: impl ToTableName) -> Result<Compacted, WriteError> {
        self.compact_at(&*name.to_table_name()?, &Compaction::new(), Location::caller())
    }

    /// Writes chunks of a table anew: joined, cut, without the rows that were deleted, sorted.
    ///
    /// Rows of rewritten chunks come behind the others in the order of a scan. Costs a copy of
    /// what is rewritten; older versions keep the chunks that they have. If nothing is to be done,
    /// no version is made. Others are never refused because of it; it gives way itself, and says
    /// so, if they keep changing the same chunks.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table does not exist or is a view, or a column to sort by does not
    /// exist or has no order.
    #[track_caller]
    pub fn compact_with(
        &self,
        name: impl ToTableName,
        how: &Compaction,
    ) -> Result<Compacted, WriteError> {
        self.compact_at(&*name.to_table_name()?, how, Location::caller())
    }

    fn compact_at(
        &self,
        name: &TableName,
        how: &Compaction,
        location: &'static Location<'static>,
    ) -> Result<Compacted, WriteError> {
        for _ in 0..TRIES {
            let mut tx = self.begin();
            let compacted = tx.stage_compaction(name, how, location)?;
            match tx.commit_at(location) {
                Ok(committed) if committed.made_version() => {
                    return Ok(Compacted { committed: Some(committed), ..compacted });
                }
                Ok(_) => return Ok(compacted),
                Err(error) if error.conflict().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Compacted { gave_way: true, ..Compacted::nothing() })
    }
}

impl Transaction {
    /// Compacts a table, own changes included. Here a compaction is a change like others: if
    /// somebody changed the same chunks, the commit is refused with a retryable conflict.
    ///
    /// # Errors
    ///
    /// As for [`Store::compact_with`].
    #[track_caller]
    pub fn compact(
        &mut self,
        name: impl ToTableName,
        how: &Compaction,
    ) -> Result<Compacted, WriteError> {
        self.stage_compaction(&*name.to_table_name()?, how, Location::caller())
    }

    fn stage_compaction(
        &mut self,
        name: &TableName,
        how: &Compaction,
        location: &'static Location<'static>,
    ) -> Result<Compacted, WriteError> {
        let state = self.rows_of(name)?;
        let size = how.size.unwrap_or_else(|| self.chunk_size());
        let sort_by = how.sort_by.iter().map(|column| index_of(name, state.schema(), column));
        let sort_by: Vec<usize> = sort_by.collect::<Result<_, _>>()?;
        let kind = |at: &usize| state.arrow_schema().field(*at).data_type().clone();
        let fields: Vec<SortField> = sort_by.iter().map(|at| SortField::new(kind(at))).collect();
        if !RowConverter::supports_fields(&fields) {
            return Err(WriteError::Options(
                "a compaction cannot sort by a column of that type; leave it out",
            ));
        }
        let improper = improper_chunks(&state, size)?;
        let chosen: Vec<(u64, &ChunkEntry)> = match sort_by.is_empty() {
            true => improper,
            false if improper.is_empty() && is_sorted(&state, &sort_by)? => improper,
            false => state.chunks().collect(),
        };
        if chosen.is_empty() {
            return Ok(Compacted::nothing());
        }
        let mut cutter = Cutter::traced(size, &state);
        let mut batches = Vec::new();
        for (_, entry) in &chosen {
            let rows = entry.live();
            let origins: Vec<Origin> = rows.iter().map(|index| entry.origin(index)).collect();
            let batch = traced(&take_rows(&state, entry, &rows)?, &origins)?;
            match sort_by.is_empty() {
                true => cutter.push(batch)?,
                false => batches.push(batch),
            }
        }
        if !batches.is_empty() {
            let all = concat_batches(&batches[0].schema(), &batches)?;
            drop(batches);
            let order = lexsort_to_indices(&sort_columns(&all, &sort_by), None)?;
            cutter.push(take_record_batch(&all, &order)?)?;
        }
        let (chunks, kept) = cutter.finish_traced()?;
        let deleted = |entry: &ChunkEntry| entry.chunk().rows() as u64 - entry.live_rows();
        let compacted = Compacted {
            chunks_before: chosen.len(),
            chunks_after: chunks.len(),
            rows_dropped: chosen.iter().map(|(_, entry)| deleted(entry)).sum(),
            gave_way: false,
            committed: None,
        };
        let removed = chosen.iter().map(|(sequence, _)| *sequence).collect();
        let rows = NewRows { layout: Arc::clone(state.schema()), chunks, kept };
        self.stage(Change::Compact { name: name.clone(), removed, rows }, location)?;
        Ok(compacted)
    }
}

/// The chunks that are not as they should be, and to which something can be done about it.
fn improper_chunks(
    state: &TableState,
    size: ChunkSize,
) -> Result<Vec<(u64, &ChunkEntry)>, ArrowError> {
    // A small chunk can only be joined to others of its partition.
    let mut small: BTreeMap<Vec<u8>, Vec<(u64, &ChunkEntry)>> = BTreeMap::new();
    let mut chosen = Vec::new();
    for (sequence, entry) in state.chunks() {
        let (rows, bytes) = (entry.chunk().rows(), entry.chunk().bytes());
        let too_large = rows > size.rows_max || (bytes > size.bytes_max && rows > 1);
        // As it will be without the rows that were deleted; their bytes are told on average.
        let left = entry.live_rows();
        let bytes_left = (u128::from(bytes) * u128::from(left) / (rows.max(1) as u128)) as u64;
        let too_small = left < size.rows_min as u64 && bytes_left < size.bytes_max / 2;
        if too_large || entry.deletions().is_some() {
            chosen.push((sequence, entry));
        }
        if too_small {
            small.entry(partition_of(state, entry)?).or_default().push((sequence, entry));
        }
    }
    for (_, chunks) in small {
        if chunks.len() > 1 {
            chosen.extend(chunks);
        }
    }
    chosen.sort_by_key(|(sequence, _)| *sequence);
    chosen.dedup_by_key(|(sequence, _)| *sequence);
    Ok(chosen)
}

/// The partition that a chunk is of, as bytes that are the same for the same values.
fn partition_of(state: &TableState, entry: &ChunkEntry) -> Result<Vec<u8>, ArrowError> {
    let ids = &state.details().partition_by;
    if ids.is_empty() || entry.chunk().rows() == 0 {
        return Ok(Vec::new());
    }
    let first = take_rows(state, entry, &RoaringBitmap::from_iter([0]))?;
    let columns = ids.iter().filter_map(|id| state.schema().index_of_id(*id));
    let keys: Vec<ArrayRef> = columns.map(|column| Arc::clone(first.column(column))).collect();
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(&keys)?;
    Ok(rows.row(0).as_ref().to_vec())
}

/// The columns to sort by, and last the place of each row, so that equal ones keep their order.
fn sort_columns(rows: &RecordBatch, by: &[usize]) -> Vec<SortColumn> {
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let values = by.iter().map(|column| Arc::clone(rows.column(*column)));
    let mut columns: Vec<SortColumn> =
        values.map(|values| SortColumn { values, options }).collect();
    let places = Arc::new(UInt64Array::from_iter_values(0..rows.num_rows() as u64));
    columns.push(SortColumn { values: places, options: None });
    columns
}

/// Whether the rows are in order already, within chunks and from one to the next.
fn is_sorted(state: &TableState, by: &[usize]) -> Result<bool, ArrowError> {
    let fields = by.iter().map(|column| {
        let kind = state.arrow_schema().field(*column).data_type().clone();
        let order = SortOptions { descending: false, nulls_first: true };
        SortField::new_with_options(kind, order)
    });
    let converter = RowConverter::new(fields.collect())?;
    // Chunks of one partition need not follow each other.
    let mut last: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (_, entry) in state.chunks() {
        let batch = take_rows(state, entry, &entry.live())?;
        let keys: Vec<ArrayRef> = by.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        let last = last.entry(partition_of(state, entry)?).or_default();
        for row in &converter.convert_columns(&keys)? {
            if last.as_slice() > row.as_ref() {
                return Ok(false);
            }
            last.clear();
            last.extend_from_slice(row.as_ref());
        }
    }
    Ok(true)
}
