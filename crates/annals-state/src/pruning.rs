//! What statistics alone say of a chunk in its table: the bridge between a predicate, which is
//! bound to the table's schema, and a chunk, which has the schema that it was written under.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::predicate::{BoundPredicate, Bounds, Matches};
use crate::table::{ChunkEntry, TableState};

/// Which rows of a chunk can match: none, all, or some that have to be looked at.
///
/// O(columns of the predicate). `predicate` is bound to the schema of `state`.
pub fn can_match(predicate: &BoundPredicate, state: &TableState, entry: &ChunkEntry) -> Matches {
    predicate.prune(entry.chunk().rows(), |column| bounds(state, entry, column))
}

/// What is known of one column of a table, by its index in the table's schema, in one chunk.
///
/// A column that the chunk was written without is all null; a type that was widened since is
/// widened here too. Bounds are inexact once rows of the chunk are deleted.
pub fn bounds(state: &TableState, entry: &ChunkEntry, column: usize) -> Bounds {
    let Some(index) = place(state, entry, column) else {
        return Bounds::all_null(entry.live_rows());
    };
    let mut bounds = entry.chunk().bounds(index);
    bounds.exact &= entry.deletions().is_none();
    if !Arc::ptr_eq(state.layout(entry), state.schema()) {
        widen(&mut bounds, state.schema().columns()[column].data_type());
    }
    bounds
}

/// How many values of one column of a table are null in one chunk, and whether that is exact, as
/// [`bounds`] tells it.
pub fn null_count(state: &TableState, entry: &ChunkEntry, column: usize) -> (u64, bool) {
    match place(state, entry, column) {
        Some(index) => (entry.chunk().null_count(index), entry.deletions().is_none()),
        None => (entry.live_rows(), true),
    }
}

/// Where a chunk has a column of the table.
fn place(state: &TableState, entry: &ChunkEntry, column: usize) -> Option<usize> {
    let layout = state.layout(entry);
    match Arc::ptr_eq(layout, state.schema()) {
        true => Some(column),
        false => layout.index_of_id(state.schema().columns()[column].id()),
    }
}

fn widen(bounds: &mut Bounds, to: &DataType) {
    // A float that is no number may change its place in the total order when it is cast; and what
    // cannot be cast is unknown, which is always sound.
    let is_nan = |value: &ArrayRef| match value.data_type() {
        DataType::Float32 => value.as_primitive::<Float32Type>().value(0).is_nan(),
        DataType::Float64 => value.as_primitive::<Float64Type>().value(0).is_nan(),
        _ => false,
    };
    let widened = |value: &ArrayRef| {
        if value.data_type() == to {
            return Some(Arc::clone(value));
        }
        cast(value, to).ok().filter(|value| !is_nan(value))
    };
    bounds.min = bounds.min.as_ref().and_then(widened);
    bounds.max = bounds.max.as_ref().and_then(widened);
}

/// The smallest and largest value, and the count of nulls, of a column over all chunks.
///
/// Folded from the chunks' statistics: O(chunks), no row is read.
pub fn table_bounds(state: &TableState, column: usize) -> Bounds {
    let chunks = state.chunks().map(|(_, entry)| bounds(state, entry, column));
    chunks.fold(Bounds::all_null(0), |all, chunk| all.union(&chunk))
}

#[cfg(test)]
mod tests;
