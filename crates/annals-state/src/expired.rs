//! What left a timeline, and how it is taken apart once nobody holds it.
//!
//! Freeing a version costs what it alone holds. Mostly that is next to nothing: versions share all
//! that the commits between them left alone. But the version before a big overwrite alone holds
//! all that was overwritten, and freeing that in one go takes as long as it is large. So a version
//! leaves the timeline with a bound on what it alone holds, and one for which that is large can be
//! turned into its [`Remains`], which are freed some entries at a time.
//!
//! **Rule:** taking apart never costs more than a fixed multiple of what is freed. Entries that
//! another version shares would have to be copied to be taken out; where most are shared, the map
//! is dropped as a whole instead, which leaves shared nodes alone.
//!
//! **Rule:** nothing here recurses deeper than the maps' nodes lie, a few steps for any size.

use std::sync::Arc;

use crate::catalog::Difference;
use crate::commit::{Commit, Metrics, OperationKind, Target};
use crate::table::{ChunkEntry, TableVersion};
use crate::version::Version;

/// A version that left the timeline.
#[derive(Clone, Debug)]
pub struct Expired {
    /// The version.
    pub version: Arc<Version>,
    /// Logical bytes of chunks that it holds and no later version does, as far as that is known.
    pub bytes: u64,
    /// How many chunks, tables and changes at most it holds that its successor does not; the
    /// largest number if that is not known.
    pub entries: u64,
}

impl Expired {
    /// One of which it is not known what it alone holds.
    pub(crate) fn unknown(version: Arc<Version>) -> Self {
        Self { version, bytes: 0, entries: u64::MAX }
    }
}

/// How many entries at most the commit took away from its predecessor. O(operations).
pub(crate) fn entries_removed(commit: &Commit) -> u64 {
    let mut entries: u64 = 0;
    for operation in commit.operations.iter() {
        // The record of a restore does not tell how many entries of each table it took away.
        if operation.target == Target::Store {
            return u64::MAX;
        }
        let Metrics { chunks_removed, rows_removed, rows_updated, rows_added, .. } =
            operation.metrics;
        // Of rows taken out of chunks, or put back, each may have changed another chunk's entry.
        let changed = match operation.kind {
            OperationKind::Overwrite | OperationKind::Truncate | OperationKind::DropTable => 0,
            OperationKind::Revert { .. } | OperationKind::RestoreTable { .. } => {
                rows_removed.saturating_add(rows_added)
            }
            _ => rows_removed.saturating_add(rows_updated),
        };
        let removed = chunks_removed.saturating_add(changed);
        let others = 1 + operation.tables.len() as u64;
        entries = entries.saturating_add(removed).saturating_add(others);
    }
    entries
}

/// A map is taken apart entry by entry if at least one in so many is its own.
const OWN_AT_LEAST: usize = 16;

/// A table of so many chunks is an entry like others.
const FEW_CHUNKS: usize = if cfg!(test) { 1 } else { 16 };

/// What is left of a version that nobody holds, to be freed in slices.
#[derive(Default)]
pub struct Remains {
    pieces: Vec<Piece>,
}

enum Piece {
    Table(Arc<TableVersion>),
    Tables(Box<dyn Iterator<Item = Arc<TableVersion>> + Send>),
    Chunks(Box<dyn Iterator<Item = ChunkEntry> + Send>),
}

impl Remains {
    /// Takes a version apart. `later` is a later version of the same store, the nearest one that
    /// is still there: what both share is not touched.
    ///
    /// Frees what is small; O(what differs), in reading. That is long work if much differs, though
    /// far less than freeing it.
    pub fn of(version: Version, later: &Version) -> Self {
        let catalog = version.into_catalog();
        let mut pieces = Vec::new();
        let mut differing = 0;
        for difference in catalog.tables.diff(&later.catalog().tables) {
            differing += 1;
            let (table, own) = match difference {
                Difference::Added(_) => continue,
                Difference::Removed(old) => (old, old.state.chunks.len()),
                Difference::Changed { old, new } if Arc::ptr_eq(&old.state, &new.state) => continue,
                Difference::Changed { old, new } => (old, own_chunks(old, new)),
            };
            if own > FEW_CHUNKS && own * OWN_AT_LEAST >= table.state.chunks.len() {
                pieces.push(Piece::Table(Arc::clone(table)));
            }
        }
        if differing > FEW_CHUNKS && differing * OWN_AT_LEAST >= catalog.tables.len() {
            pieces.push(Piece::Tables(Box::new(catalog.tables.into_tables())));
        }
        Self { pieces }
    }

    /// Whether all is freed.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Frees up to `at_most` entries, each a chunk or a table of few chunks. Returns how many.
    pub fn free(&mut self, at_most: usize) -> usize {
        let mut freed = 0;
        while freed < at_most {
            // It stays in its place meanwhile: if freeing an entry panics, the rest is still here.
            let Some(piece) = self.pieces.last_mut() else { break };
            let left = at_most - freed;
            let done = match piece {
                Piece::Chunks(chunks) => chunks.take(left).count(),
                Piece::Tables(tables) => tables.take(left).count(),
                Piece::Table(_) => 0,
            };
            freed += done;
            if done < left
                && let Some(Piece::Table(table)) = self.pieces.pop()
            {
                self.pieces.extend(Piece::chunks_of(table));
            }
        }
        freed
    }
}

impl Piece {
    /// The chunks of a table; none if somebody else holds it, after a restore say.
    fn chunks_of(table: Arc<TableVersion>) -> Option<Self> {
        let table = Arc::into_inner(table)?;
        let state = Arc::into_inner(table.state)?;
        Some(Self::Chunks(Box::new(state.chunks.into_entries())))
    }
}

impl std::fmt::Debug for Remains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remains").field("pieces", &self.pieces.len()).finish()
    }
}

/// How many chunks `old` has and `new` has not, or fewer where that is enough to know.
fn own_chunks(old: &TableVersion, new: &TableVersion) -> usize {
    let (old, new) = (&old.state.chunks, &new.state.chunks);
    let at_least = old.len().saturating_sub(new.len());
    if at_least * OWN_AT_LEAST >= old.len() { at_least } else { old.count_not_in(new) }
}

#[cfg(test)]
mod tests;
