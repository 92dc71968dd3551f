//! The cells of the matrix that are about chunks and rows: what both touched, and what came that
//! one of them may be about.

use std::sync::Arc;

use super::{Refusal, Rule, Theirs};
use crate::predicate::{Matches, Predicate};
use crate::pruning::can_match;
use crate::relocation::Relocation;
use crate::table::{ChunkDifference, ChunkEntry, Deletions, TableVersion};
use crate::version::VersionId;
use crate::write_set::{Footprint, Kinds};

/// The cells marked S: chunks that both touched, and rows that came and that the change may be
/// about.
pub(super) fn check_chunks(
    mine: &Footprint,
    base: &TableVersion,
    theirs: &Theirs<'_>,
    relocation: &Relocation,
) -> Result<(), Refusal> {
    let (then, now) = (base.state().chunk_map(), theirs.now.state().chunk_map());
    let stamps = theirs.now.stamps();
    let mut touched = Vec::new();
    let mut winner = VersionId::ZERO;
    let relocated = |sequence: &&u64| !relocation.has(base.id(), **sequence);
    for sequence in mine.touched.iter().filter(relocated).chain(&mine.fixed) {
        let entry = now.get(sequence);
        if then.get(sequence) != entry {
            let deleted = entry.and_then(ChunkEntry::deletions).map(Deletions::changed);
            touched.push(*sequence);
            winner = winner.max(deleted.unwrap_or_else(|| stamps.rows.max(stamps.compact)));
        }
    }
    if touched.is_empty() {
        for predicate in &mine.predicates {
            for (sequence, since) in new_matches(base, theirs, predicate) {
                touched.push(sequence);
                winner = winner.max(since);
            }
        }
    }
    if touched.is_empty() {
        return Ok(());
    }
    let mine = match mine.kinds {
        kinds if kinds.has(Kinds::ROWS) => mine.changes_rows(),
        kinds if kinds.has(Kinds::COMPACT) => "a compaction",
        _ => "a schema change",
    };
    let rule = Rule::Changed { mine, theirs: "a change of the same rows" };
    Err(Refusal { rule, winner, chunks: touched })
}

/// Chunks in which rows are there that were not at the base, and that can hold one that matches;
/// with the version that brought them.
fn new_matches(
    base: &TableVersion,
    theirs: &Theirs<'_>,
    predicate: &Predicate,
) -> Vec<(u64, VersionId)> {
    let (then, state) = (base.state(), theirs.now.state());
    let bound = predicate.bind(state.arrow_schema());
    let matches = |entry: &ChunkEntry| match &bound {
        Ok(bound) => can_match(bound, state, entry) != Matches::None,
        // A predicate that no longer binds says nothing about any row.
        Err(_) => true,
    };
    let rows = theirs.now.stamps().rows;
    let mut matching = Vec::new();
    for difference in then.chunk_map().diff(state.chunk_map()) {
        let since = match difference {
            // A compaction brings no row that was not there.
            ChunkDifference::Added(sequence, entry)
                if sequence >= base.high_water().next_sequence =>
            {
                theirs.since(entry.newest_change())
            }
            // Rows that a revert brought back.
            ChunkDifference::Added(..) => Some(rows),
            ChunkDifference::Changed(_, old, new) => (old.rows_moved_to(new).0 > 0).then_some(rows),
            ChunkDifference::Removed(..) => None,
        };
        let (ChunkDifference::Added(sequence, entry)
        | ChunkDifference::Changed(sequence, _, entry)) = difference
        else {
            continue;
        };
        if let Some(since) = since
            && matches(entry)
        {
            matching.push((sequence, since));
        }
    }
    matching
}

/// Rows that a predicate read conflict with new chunks that can hold one, and with deletions from
/// chunks that could.
pub(super) fn check_read_rows(
    base: Option<&TableVersion>,
    predicates: &[Arc<Predicate>],
    theirs: &Theirs<'_>,
) -> Result<(), Refusal> {
    let stamps = theirs.now.stamps();
    let (appended, changed) = (theirs.since(stamps.append), theirs.since(stamps.rows));
    if appended.is_none() && changed.is_none() {
        return Ok(());
    }
    let Some(base) = base else { return Ok(()) };
    let now = theirs.now.state();
    let refuse = |theirs, winner, chunks| {
        Err(Refusal { rule: Rule::ReadChanged { theirs }, winner, chunks })
    };
    for predicate in predicates {
        let new = new_matches(base, theirs, predicate);
        if let Some(winner) = new.iter().map(|(_, born)| *born).max() {
            let chunks = new.iter().map(|(sequence, _)| *sequence).collect();
            return refuse("new rows that match", winner, chunks);
        }
        let Some(winner) = changed else { continue };
        let then = base.state();
        let bound = predicate.bind(then.arrow_schema());
        for difference in then.chunk_map().diff(now.chunk_map()) {
            let (ChunkDifference::Removed(sequence, entry)
            | ChunkDifference::Changed(sequence, entry, _)) = difference
            else {
                continue;
            };
            let could = |b| can_match(b, then, entry) != Matches::None;
            if bound.as_ref().map_or(true, could) {
                return refuse("a change of rows that match", winner, vec![sequence]);
            }
        }
    }
    Ok(())
}
