//! In which of some versions a chunk is there.
//!
//! A chunk lives from the version that brought it to the one that took it away, and perhaps again
//! from one that put it back. Neighbours tell by what differs between them, so that chunks which
//! are in every version are never looked at: the cost is in proportion to what differs.
//!
//! **Rule:** a chunk is told by its pointer, and is in one table of a version at most, under one
//! sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::chunk::Chunk;
use crate::diff::{TableChange, VersionDiff};
use crate::table::{ChunkDifference, ChunkEntry, TableId, TableState};
use crate::version::Version;

/// The chunks that are in some of a row of versions and not in all.
pub(super) struct Lifetimes(BTreeMap<*const Chunk, Lifetime>);

/// A chunk, and where in the row of versions it is there: ranges of indices, in order.
pub(super) struct Lifetime {
    pub(super) chunk: Arc<Chunk>,
    pub(super) spans: Vec<Range<usize>>,
}

impl Lifetimes {
    /// Of these versions, oldest first. O(what differs between neighbours).
    pub(super) fn of(versions: &[&Arc<Version>]) -> Self {
        let mut lifetimes = Self(BTreeMap::new());
        for (at, pair) in versions.windows(2).enumerate() {
            let (mut went, mut came) = (Vec::new(), Vec::new());
            let keep = |to: &mut Vec<Arc<Chunk>>, entry: &ChunkEntry| {
                to.push(Arc::clone(entry.chunk()));
            };
            each_change(pair[0], pair[1], |e| keep(&mut went, e), |e| keep(&mut came, e));
            for chunk in went {
                lifetimes.end(chunk, at + 1);
            }
            for chunk in came {
                lifetimes.begin(chunk, at + 1..versions.len());
            }
        }
        lifetimes
    }

    fn begin(&mut self, chunk: Arc<Chunk>, span: Range<usize>) {
        let lifetime = self.0.entry(Arc::as_ptr(&chunk));
        let lifetime = lifetime.or_insert(Lifetime { chunk, spans: Vec::new() });
        lifetime.spans.push(span);
    }

    fn end(&mut self, chunk: Arc<Chunk>, end: usize) {
        let lifetime = self.0.entry(Arc::as_ptr(&chunk));
        // One that is not known yet was there from the beginning.
        let lifetime = lifetime.or_insert(Lifetime { chunk, spans: Vec::new() });
        match lifetime.spans.last_mut() {
            Some(last) => last.end = end,
            None => lifetime.spans.push(0..end),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lifetime> {
        self.0.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, chunk: &Arc<Chunk>) -> bool {
        self.0.contains_key(&Arc::as_ptr(chunk))
    }
}

impl Lifetime {
    /// Whether the chunk is in exactly one of the versions, and in which.
    pub(super) fn only_in(&self) -> Option<usize> {
        match self.spans.as_slice() {
            [one] if one.len() == 1 => Some(one.start),
            _ => None,
        }
    }
}

/// Chunks that `after` brings back: it has them, `before` has not, and they are older.
pub(super) fn brought_back(before: &Version, after: &Version, to: &mut BTreeSet<*const Chunk>) {
    let came = |entry: &ChunkEntry| {
        if entry.birth() < after.id() {
            to.insert(Arc::as_ptr(entry.chunk()));
        }
    };
    each_change(before, after, |_| {}, came);
}

/// Tells of each chunk that `before` has and `after` has not, and the other way round.
/// O(what differs).
pub(super) fn each_change(
    before: &Version,
    after: &Version,
    mut went: impl FnMut(&ChunkEntry),
    mut came: impl FnMut(&ChunkEntry),
) {
    let diff = VersionDiff::between(before, after);
    // A table that was renamed went and came; by its id it is one.
    let mut tables: BTreeMap<TableId, [Option<&TableState>; 2]> = BTreeMap::new();
    for change in &diff.tables {
        let [old, new] = tables.entry(change.id()).or_default();
        match change {
            TableChange::Added { table, .. } => *new = Some(table.state()),
            TableChange::Removed { table, .. } => *old = Some(table.state()),
            TableChange::Changed { before, after, .. } => {
                *old = Some(before.state());
                *new = Some(after.state());
            }
        }
    }
    for states in tables.values() {
        match states {
            [Some(old), Some(new)] => {
                for difference in old.chunk_map().diff(new.chunk_map()) {
                    match difference {
                        ChunkDifference::Added(_, entry) => came(entry),
                        ChunkDifference::Removed(_, entry) => went(entry),
                        ChunkDifference::Changed(_, old, new) => {
                            if !Arc::ptr_eq(old.chunk(), new.chunk()) {
                                went(old);
                                came(new);
                            }
                        }
                    }
                }
            }
            [Some(old), None] => old.chunk_map().values().for_each(&mut went),
            [None, Some(new)] => new.chunk_map().values().for_each(&mut came),
            [None, None] => {}
        }
    }
}
