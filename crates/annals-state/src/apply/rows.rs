//! Puts rows into a table's state, and takes rows out.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Applied, Place};
use crate::catalog::Catalog;
use crate::commit::{Metrics, OperationKind};
use crate::error::CatalogError;
use crate::name::TableName;
use crate::schema::TableSchema;
use crate::table::{ChunkEntry, Deletions, HighWater, RowIds, TableId, TableState, TableVersion};
use crate::write_set::{NewRows, Removal, Revival};

/// What comes out of a table, what comes back, and what comes in.
type RowChanges<'a> = (&'a [(u64, Removal)], &'a [Revival], &'a NewRows);

impl Catalog {
    pub(super) fn change_rows(
        &mut self,
        name: &TableName,
        (removed, revived, rows): RowChanges<'_>,
        kind: OperationKind,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = self.require_rows(name)?;
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        let mut metrics = Metrics::default();
        let moved = |chunk: u64| CatalogError::RowsMoved { table: name.clone(), chunk };
        let mut take_out = |state: &mut TableState, sequence: u64, removal: &Removal| {
            take_out(state, sequence, removal, place).map(|taken| metrics += taken)
        };
        for (sequence, removal) in removed {
            let elsewhere = place.relocation.translate(current.id, *sequence, removal);
            // A restore of this transaction's may have put the chunk back where it was.
            let elsewhere = elsewhere.filter(|_| state.chunks.get(sequence).is_none());
            match elsewhere {
                None => {
                    let sequence = place.sequence(current.id, *sequence);
                    take_out(&mut state, sequence, removal).ok_or_else(|| moved(sequence))?;
                }
                Some(elsewhere) => {
                    for (sequence, rows) in elsewhere {
                        // Rows that were found are there. A chunk that is not went with an earlier
                        // change of this transaction.
                        let _ = take_out(&mut state, sequence, &Removal::Rows(rows));
                    }
                }
            }
        }
        for revival in revived {
            let back = revive(&mut state, revival, place);
            metrics += back.ok_or_else(|| moved(revival.sequence))?;
        }
        metrics += add_rows(&mut state, &mut next.marks, current.id, rows, place);
        if metrics.rows_removed > 0 || !revived.is_empty() {
            next.stamps.rows = place.at;
        }
        // Rows that are there before and after count as neither gone nor come.
        metrics.rows_updated = rows.kept_rows();
        metrics.rows_removed = metrics.rows_removed.saturating_sub(metrics.rows_updated);
        if rows.rows() > rows.kept_rows() {
            next.stamps.append = place.at;
        }
        next.state = Arc::new(state);
        Ok(self.put(next, kind, metrics, Vec::new(), place))
    }

    pub(super) fn compact(
        &mut self,
        name: &TableName,
        removed: &[u64],
        rows: &NewRows,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = self.require_rows(name)?;
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        let mut metrics = Metrics::default();
        for sequence in removed {
            let sequence = place.sequence(current.id, *sequence);
            metrics += take_out(&mut state, sequence, &Removal::Chunk, place)
                .ok_or_else(|| CatalogError::RowsMoved { table: name.clone(), chunk: sequence })?;
        }
        metrics += add_rows(&mut state, &mut next.marks, current.id, rows, place);
        // No row came or went.
        metrics.rows_removed = 0;
        next.stamps.compact = place.at;
        next.state = Arc::new(state);
        Ok(self.put(next, OperationKind::Compact, metrics, Vec::new(), place))
    }
}

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
    let mut came = 0;
    for (at, chunk) in rows.chunks.iter().enumerate() {
        let rows_in = chunk.rows() as u64;
        let ids = match rows.kept.get(at) {
            Some(lineage) => RowIds::Kept(place.lineage(id, lineage)),
            None => {
                let first = marks.next_row;
                marks.next_row += rows_in;
                metrics.rows_added += rows_in;
                RowIds::From(first)
            }
        };
        let chunk = Arc::clone(chunk);
        came += rows_in;
        metrics.bytes_added += chunk.bytes();
        metrics.chunks_added += 1;
        let entry = ChunkEntry { chunk, ids, birth: place.at, layout, deleted: None };
        state.chunks.insert(marks.next_sequence, entry);
        marks.next_sequence += 1;
    }
    state.rows += came;
    state.bytes += metrics.bytes_added;
    metrics
}

/// Lets rows be again. None if the place is taken by another chunk, or a row is there already.
fn revive(state: &mut TableState, revival: &Revival, place: &Place) -> Option<Metrics> {
    let Revival { sequence, entry, layout, rows } = revival;
    let mut metrics = Metrics { rows_added: rows.len(), ..Metrics::default() };
    let of_chunk = u32::try_from(entry.chunk.rows()).ok()?;
    let still_deleted = match state.chunks.get(sequence) {
        Some(now) => {
            let deleted =
                &now.deleted.as_ref().filter(|_| Arc::ptr_eq(&now.chunk, &entry.chunk))?.rows;
            if !rows.is_subset(deleted) {
                return None;
            }
            deleted - rows
        }
        None => {
            metrics.chunks_added = 1;
            metrics.bytes_added = entry.chunk.bytes();
            let mut all = RoaringBitmap::new();
            all.insert_range(0..of_chunk);
            all - rows
        }
    };
    let deletions = Deletions { rows: still_deleted, changed: place.at };
    let deleted = (!deletions.rows.is_empty()).then(|| Arc::new(deletions));
    let layout = state.layout_of(layout);
    state.chunks.insert(*sequence, ChunkEntry { layout, deleted, ..entry.clone() });
    state.rows += metrics.rows_added;
    state.bytes += metrics.bytes_added;
    Some(metrics)
}

/// None if the chunk is not there any more.
fn take_out(
    state: &mut TableState,
    sequence: u64,
    removal: &Removal,
    place: &Place,
) -> Option<Metrics> {
    let mut metrics = Metrics::default();
    if cfg!(annals_broken = "no_conflict_check") && state.chunks.get(&sequence).is_none() {
        return Some(metrics);
    }
    let entry = state.chunks.get(&sequence)?;
    let gone = match removal {
        Removal::Chunk => entry.live_rows(),
        Removal::Rows(rows) => {
            let before = entry.deleted.as_ref().map(|deleted| &deleted.rows);
            let all = before.map_or_else(|| rows.clone(), |before| before | rows);
            let gone = all.len() - before.map_or(0, RoaringBitmap::len);
            if gone == 0 {
                return Some(metrics);
            }
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
