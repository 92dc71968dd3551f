//! Which rows of a table a filter selects, chunk by chunk; and those rows, with who they are.
//!
//! A chunk that by its statistics holds none is not looked at; of the others only the columns that
//! the predicate reads are. Callers' functions see rows that are there, and no others.

use std::sync::Arc;

use annals_state::TableName;
use annals_state::chunk::pick_rows;
use annals_state::predicate::{BoundPredicate, Matches, PredicateError};
use annals_state::pruning::can_match;
use annals_state::schema;
use annals_state::table::{ChunkEntry, Origin, TableState};
use annals_state::write_set::Removal;
use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::filter::prep_null_mask_filter;
use roaring::RoaringBitmap;

use crate::error::{BoxError, WriteError};
use crate::expression::Filter;

/// A filter, ready to be asked about chunks of one table state.
pub(crate) struct Selection<'a> {
    name: &'a TableName,
    state: &'a TableState,
    filter: &'a Filter<'a>,
    bound: Option<BoundPredicate>,
}

/// Rows of one chunk.
pub(crate) struct Selected<'a> {
    pub(crate) sequence: u64,
    pub(crate) entry: &'a ChunkEntry,
    /// By index; none that was deleted before.
    pub(crate) rows: RoaringBitmap,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(
        name: &'a TableName,
        state: &'a TableState,
        filter: &'a Filter<'a>,
    ) -> Result<Self, WriteError> {
        let bound = filter.predicate.as_ref().map(|predicate| predicate.bind(state.arrow_schema()));
        let bound = bound.transpose().map_err(|source| wrong(name, source))?;
        Ok(Self { name, state, filter, bound })
    }

    /// The rows that match in each chunk that has some, in the order of writing.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Result<Selected<'a>, WriteError>> {
        self.state.chunks().filter_map(|(sequence, entry)| {
            let rows = match self.rows(entry) {
                Ok(rows) if rows.is_empty() => return None,
                rows => rows,
            };
            Some(rows.map(|rows| Selected { sequence, entry, rows }))
        })
    }

    fn rows(&self, entry: &ChunkEntry) -> Result<RoaringBitmap, WriteError> {
        let rows = match &self.bound {
            None => entry.live(),
            Some(bound) => matching_rows(bound, self.state, entry)
                .map_err(|source| wrong(self.name, source))?,
        };
        match &self.filter.test {
            Some(test) if !rows.is_empty() => {
                let batch = take_rows(self.state, entry, &rows)?;
                let passed = test(&batch).map_err(|source| self.function(source))?;
                if passed.len() != batch.num_rows() {
                    return Err(self.function(Box::new(ValueCount {
                        expected: batch.num_rows(),
                        found: passed.len(),
                    })));
                }
                let passed = rows.iter().zip(passed.iter());
                Ok(passed.filter(|(_, passed)| *passed == Some(true)).map(|(row, _)| row).collect())
            }
            _ => Ok(rows),
        }
    }

    fn function(&self, source: BoxError) -> WriteError {
        let (table, used) = (self.name.clone(), "in a filter".to_owned());
        WriteError::Function { table, used, source }
    }
}

/// A caller's function did not return one value a row.
#[derive(Debug, thiserror::Error)]
#[error("it returned {found} values for {expected} rows; return one for each row, in order")]
pub(crate) struct ValueCount {
    pub(crate) expected: usize,
    pub(crate) found: usize,
}

impl Selected<'_> {
    /// Whether nothing of the chunk is left without these rows.
    pub(crate) fn removal(self) -> (u64, Removal) {
        match self.rows.len() == self.entry.live_rows() {
            true => (self.sequence, Removal::Chunk),
            false => (self.sequence, Removal::Rows(self.rows)),
        }
    }

    /// Who the rows are, in order.
    pub(crate) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.rows.iter().map(|index| self.entry.origin(index))
    }
}

fn wrong(name: &TableName, source: PredicateError) -> WriteError {
    WriteError::Filter { table: name.clone(), source: Box::new(source) }
}

/// The rows of a chunk that match and were not deleted.
pub(crate) fn matching_rows(
    predicate: &BoundPredicate,
    state: &TableState,
    entry: &ChunkEntry,
) -> Result<RoaringBitmap, PredicateError> {
    match can_match(predicate, state, entry) {
        Matches::None => return Ok(RoaringBitmap::new()),
        Matches::All => return Ok(entry.live()),
        Matches::Some => {}
    }
    let (written, wanted) = (state.layout(entry), state.schema());
    let batch = entry.chunk().batch();
    let matching = if Arc::ptr_eq(written, wanted) {
        predicate.evaluate(batch)?
    } else {
        let batch = schema::read_as(batch, written, wanted, None)
            .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        predicate.evaluate(&batch)?
    };
    let mut rows = true_rows(&matching);
    if let Some(deleted) = entry.deletions() {
        rows -= deleted.rows();
    }
    Ok(rows)
}

fn true_rows(matching: &BooleanArray) -> RoaringBitmap {
    let matching = match matching.null_count() {
        0 => matching.clone(),
        _ => prep_null_mask_filter(matching),
    };
    // A chunk has fewer than 2^32 rows, and the indices ascend.
    let indices = matching.values().set_indices().map(|row| row as u32);
    RoaringBitmap::from_sorted_iter(indices).unwrap_or_default()
}

/// Rows of a chunk under the table's present columns, copied unless they are all of it.
pub(crate) fn take_rows(
    state: &TableState,
    entry: &ChunkEntry,
    rows: &RoaringBitmap,
) -> Result<RecordBatch, ArrowError> {
    let (written, wanted) = (state.layout(entry), state.schema());
    let batch = entry.chunk().batch();
    let taken = if rows.len() == batch.num_rows() as u64 {
        batch.clone()
    } else {
        pick_rows(batch, &UInt32Array::from_iter_values(rows))?
    };
    if Arc::ptr_eq(written, wanted) {
        return Ok(taken);
    }
    schema::read_as(&taken, written, wanted, None)
        .map_err(|error| ArrowError::ExternalError(Box::new(error)))
}
