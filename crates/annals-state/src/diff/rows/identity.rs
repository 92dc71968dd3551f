//! Rows matched by their ids.
//!
//! Ids come in runs, as do rows in chunks, so whole chunks are matched run by run: a compaction of
//! a million rows is a handful of steps.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Picked, Place, RowDiff, Side};
use crate::table::{ChunkDifference, ChunkEntry, Deletions, TableState};
use crate::version::VersionId;

/// Rows that follow each other in one chunk, with ids that do, of one commit.
#[derive(Clone, Copy)]
struct Run {
    row: u64,
    rows: u32,
    place: Place,
    changed: VersionId,
}

impl Run {
    fn end(&self) -> u64 {
        self.row + u64::from(self.rows)
    }

    /// Without the rows before this id, which is one of it or its end.
    fn from(self, row: u64) -> Self {
        // A run has fewer than 2^32 rows.
        let step = (row - self.row) as u32;
        let place = Place { index: self.place.index + step, ..self.place };
        Self { row, rows: self.rows - step, place, ..self }
    }
}

pub(super) fn between(
    before: Option<&Arc<TableState>>,
    after: Option<&Arc<TableState>>,
) -> RowDiff {
    let (mut old, mut new) = (Side::of(before), Side::of(after));
    match (before, after) {
        (Some(before), Some(after)) if Arc::ptr_eq(before, after) => {}
        (Some(before), Some(after)) => {
            for difference in before.chunk_map().diff(after.chunk_map()) {
                match difference {
                    ChunkDifference::Added(_, entry) => new.pick(entry, entry.live()),
                    ChunkDifference::Removed(_, entry) => old.pick(entry, entry.live()),
                    ChunkDifference::Changed(_, was, is)
                        if Arc::ptr_eq(was.chunk(), is.chunk()) =>
                    {
                        let none = RoaringBitmap::new();
                        let gone_before = was.deletions().map_or(&none, Deletions::rows);
                        let gone_after = is.deletions().map_or(&none, Deletions::rows);
                        old.pick(was, gone_after - gone_before);
                        new.pick(is, gone_before - gone_after);
                    }
                    // Two stores that parted may both have used a sequence.
                    ChunkDifference::Changed(_, was, is) => {
                        old.pick(was, was.live());
                        new.pick(is, is.live());
                    }
                }
            }
        }
        _ => {
            for (side, state) in [(&mut old, before), (&mut new, after)] {
                let entries = state.into_iter().flat_map(|state| state.chunks());
                entries.for_each(|(_, entry)| side.pick(entry, entry.live()));
            }
        }
    }
    let updated = match_ids(&mut old, &mut new);
    RowDiff { before: old, after: new, updated }
}

impl Side {
    fn of(state: Option<&Arc<TableState>>) -> Self {
        Self { chunks: Vec::new(), state: state.cloned() }
    }

    fn pick(&mut self, entry: &ChunkEntry, rows: RoaringBitmap) {
        if !rows.is_empty() {
            self.chunks.push(Picked { entry: entry.clone(), rows });
        }
    }

    /// The picked rows as runs, in the order of ids.
    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (picked, chunk) in self.chunks.iter().zip(0..) {
            let (mut ranges, mut range) = (picked.rows.iter(), None);
            for (span, first) in picked.entry.spans() {
                while let Some((from, to)) = range.take().or_else(|| next_range(&mut ranges)) {
                    if from >= span.end {
                        range = Some((from, to));
                        break;
                    }
                    let (start, end) = (from.max(span.start), to.min(span.end));
                    let row = first.row + u64::from(start - span.start);
                    let place = Place { chunk, index: start };
                    runs.push(Run { row, rows: end - start, place, changed: first.changed });
                    if to > span.end {
                        range = Some((span.end, to));
                        break;
                    }
                }
            }
        }
        runs.sort_unstable_by_key(|run| run.row);
        runs
    }

    fn take_out_run(&mut self, place: Place, rows: u32) {
        let end = place.index + rows;
        self.chunks[place.chunk as usize].rows.remove_range(place.index..end);
    }
}

/// The next rows that follow each other, from one up to but not including another.
fn next_range(rows: &mut roaring::bitmap::Iter<'_>) -> Option<(u32, u32)> {
    // A chunk has fewer than 2^32 rows, so the end is a number too.
    rows.next_range().map(|range| (*range.start(), *range.end() + 1))
}

/// Takes the ids that are on both sides out of both, and returns those with other values.
fn match_ids(old: &mut Side, new: &mut Side) -> Vec<(Place, Place)> {
    let mut updated = Vec::new();
    if old.chunks.is_empty() || new.chunks.is_empty() {
        return updated;
    }
    let (mut before, mut after) = (old.runs().into_iter(), new.runs().into_iter());
    let (mut was, mut is) = (before.next(), after.next());
    while let (Some(one), Some(other)) = (was, is) {
        let (start, end) = (one.row.max(other.row), one.end().min(other.end()));
        if start < end {
            let (one, other) = (one.from(start), other.from(start));
            let rows = one.rows.min(other.rows);
            old.take_out_run(one.place, rows);
            new.take_out_run(other.place, rows);
            if one.changed != other.changed {
                let at = |place: Place, step| Place { index: place.index + step, ..place };
                let pair = |step| (at(one.place, step), at(other.place, step));
                updated.extend((0..rows).map(pair));
            }
        }
        let rest = |run: Run| Some(run.from(run.row.max(end))).filter(|run| run.rows > 0);
        // Where they do not meet, `end` is the end of the one that comes first.
        was = if one.end() <= end { before.next() } else { rest(one) };
        is = if other.end() <= end { after.next() } else { rest(other) };
    }
    updated
}
