//! Puts rows into a table's state, and takes rows out.

use std::sync::Arc;

use super::Place;
use crate::commit::Metrics;
use crate::schema::TableSchema;
use crate::table::{ChunkEntry, Deletions, HighWater, TableId, TableState};
use crate::write_set::{NewRows, Removal};

pub(super) fn add_rows(
    state: &mut TableState,
    marks: &mut HighWater,
    id: TableId,
    rows: &NewRows,
    place: &Place,
) -> Metrics {
    let mut metrics = Metrics::default();
    if rows.chunks.is_empty() {
        return metrics;
    }
    let mut layout = place.layout(id, &rows.layout);
    if TableSchema::same(&layout, &state.schema) {
        // One `Arc` for equal schemas: scans tell by the pointer that nothing needs adapting.
        layout = Arc::clone(&state.schema);
    }
    let layout = state.layout_of(&layout);
    for chunk in rows.chunks.iter() {
        let entry = ChunkEntry {
            chunk: Arc::clone(chunk),
            first_row: marks.next_row,
            birth: place.at,
            layout,
            deleted: None,
        };
        marks.next_row += chunk.rows() as u64;
        metrics.rows_added += chunk.rows() as u64;
        metrics.bytes_added += chunk.bytes();
        metrics.chunks_added += 1;
        state.chunks.insert(marks.next_sequence, entry);
        marks.next_sequence += 1;
    }
    state.rows += metrics.rows_added;
    state.bytes += metrics.bytes_added;
    metrics
}

/// None if the chunk is not there any more.
pub(super) fn take_out(
    state: &mut TableState,
    sequence: u64,
    removal: &Removal,
    place: &Place,
) -> Option<Metrics> {
    let entry = state.chunks.get(&sequence)?;
    let mut metrics = Metrics::default();
    let gone = match removal {
        Removal::Chunk => entry.live_rows(),
        Removal::Rows(rows) => {
            let before = entry.deleted.as_ref().map(|deleted| &deleted.rows);
            let all = before.map_or_else(|| rows.clone(), |before| before | rows);
            let gone = all.len() - before.map_or(0, roaring::RoaringBitmap::len);
            let deleted = Deletions { rows: all, changed: place.at };
            state.chunks.get_mut(&sequence)?.deleted = Some(Arc::new(deleted));
            gone
        }
    };
    metrics.rows_removed = gone;
    state.rows -= gone;
    if state
        .chunks
        .get(&sequence)
        .is_some_and(|e| matches!(removal, Removal::Chunk) || e.live_rows() == 0)
    {
        let entry = state.chunks.remove(&sequence)?;
        metrics.chunks_removed = 1;
        metrics.bytes_removed = entry.chunk.bytes();
        state.bytes -= entry.chunk.bytes();
    }
    Some(metrics)
}
