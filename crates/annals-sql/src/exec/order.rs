//! Whether rows lie in an order that a query asks for, and which chunks to read first if not.
//!
//! Nothing is kept about order. A query that sorts asks here, and the answer costs one comparison
//! for each row of the sort's columns, but only up to the first two rows that are out of order:
//! next to nothing where rows are not sorted, and less than the sort that is saved where they are.

use std::cmp::Ordering;

use annals::TableChunks;
use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, PrimitiveArray, RecordBatch,
    downcast_primitive_array, make_comparator,
};
use datafusion::arrow::compute::SortOptions;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::Piece;

/// A column of the table, and how it is to be ordered.
pub(super) type OrderBy = (usize, SortOptions);

/// Whether these pieces, one after the other, are in the order asked for. Deleted rows count too:
/// without them rows that are in order still are.
pub(super) fn is_sorted(chunks: &TableChunks, pieces: &[&Piece], by: &[OrderBy]) -> Result<bool> {
    let Some(first) = by.first() else { return Ok(false) };
    // What statistics tell costs least, and is looked at first.
    let apart = pieces.windows(2).all(|pair| {
        pair[0].chunk == pair[1].chunk || follows(chunks, pair[0].chunk, pair[1].chunk, *first)
    });
    if !apart {
        return Ok(false);
    }
    let columns: Vec<usize> = by.iter().map(|(column, _)| *column).collect();
    let mut last: Option<RecordBatch> = None;
    for piece in pieces {
        let batch = chunks.batch(piece.chunk, Some(&columns)).map_err(crate::SqlError::from)?;
        let batch = batch.slice(piece.rows.start, piece.rows.len());
        if batch.num_rows() == 0 {
            continue;
        }
        if let Some(last) = &last
            && compare(last, last.num_rows() - 1, &batch, 0, by)?.is_gt()
        {
            return Ok(false);
        }
        if !is_sorted_within(&batch, by)? {
            return Ok(false);
        }
        last = Some(batch);
    }
    Ok(true)
}

/// Whether, for all that statistics say, no row of `next` comes before one of `chunk`.
fn follows(chunks: &TableChunks, chunk: usize, next: usize, by: OrderBy) -> bool {
    let (column, options) = by;
    let (one, other) = (chunks.summary(chunk, column), chunks.summary(next, column));
    let (before, after) = match options.descending {
        false => (one.max, other.min),
        true => (other.max, one.min),
    };
    let (Some(before), Some(after)) = (before, after) else { return true };
    let compare = make_comparator(&before, &after, SortOptions::default());
    compare.is_ok_and(|compare| compare(0, 0).is_le())
}

fn compare(
    left: &RecordBatch,
    left_row: usize,
    right: &RecordBatch,
    right_row: usize,
    by: &[OrderBy],
) -> Result<Ordering> {
    for (at, (_, options)) in by.iter().enumerate() {
        let order = make_comparator(left.column(at), right.column(at), *options)?;
        let order = order(left_row, right_row);
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

fn is_sorted_within(batch: &RecordBatch, by: &[OrderBy]) -> Result<bool> {
    if let [(_, options)] = by
        && batch.column(0).null_count() == 0
        && let Some(sorted) = are_values_sorted(batch.column(0), options.descending)
    {
        return Ok(sorted);
    }
    let comparators = batch.columns().iter().zip(by);
    let comparators =
        comparators.map(|(column, (_, options))| make_comparator(column, column, *options));
    let comparators = comparators.collect::<Result<Vec<_>, _>>()?;
    Ok((1..batch.num_rows()).all(|row| {
        let order = comparators.iter().map(|compare| compare(row - 1, row));
        order.into_iter().find(|order| order.is_ne()).is_none_or(Ordering::is_lt)
    }))
}

/// Whether the values of a primitive column without nulls are in order; none for other types.
fn are_values_sorted(column: &ArrayRef, descending: bool) -> Option<bool> {
    let array: &dyn Array = column;
    downcast_primitive_array!(
        array => Some(are_in_order(array, descending)),
        _ => None
    )
}

fn are_in_order<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, descending: bool) -> bool {
    array.values().windows(2).all(|pair| match descending {
        false => !pair[1].is_lt(pair[0]),
        true => !pair[0].is_lt(pair[1]),
    })
}

/// Puts the pieces of each partition so that those which can hold the first rows of the order come
/// first: then a query that wants only these can leave out the rest. Says whether it changed
/// anything.
pub(super) fn put_best_first(
    chunks: &TableChunks,
    partitions: &mut [Vec<Piece>],
    by: OrderBy,
) -> bool {
    let (column, options) = by;
    let best = |piece: &Piece| {
        let summary = chunks.summary(piece.chunk, column);
        let value = if options.descending { summary.max } else { summary.min };
        value.and_then(|value| ScalarValue::try_from_array(&value, 0).ok())
    };
    let mut changed = false;
    for pieces in partitions {
        let mut keyed: Vec<(Option<ScalarValue>, Piece)> =
            pieces.drain(..).map(|piece| (best(&piece), piece)).collect();
        let order = |one: &(Option<ScalarValue>, Piece), other: &(Option<ScalarValue>, Piece)| {
            let order = match (&one.0, &other.0) {
                (Some(one), Some(other)) => one.partial_cmp(other).unwrap_or(Ordering::Equal),
                // Of what is not known, nulls perhaps, the best is assumed.
                (None, None) => Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
            };
            if options.descending { order.reverse() } else { order }
        };
        changed |= !keyed.is_sorted_by(|one, other| order(one, other).is_le());
        keyed.sort_by(order);
        pieces.extend(keyed.into_iter().map(|(_, piece)| piece));
    }
    changed
}
