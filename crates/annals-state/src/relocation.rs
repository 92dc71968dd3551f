//! Where rows went that a compaction moved while a transaction was about to take them out.
//!
//! A compaction writes rows anew and changes no data, so whoever deletes or updates some of them
//! meanwhile need not be refused: the rows are found again by their ids, in whatever chunks they
//! are now. A row that is not there any more, or that was given other values since, is not found;
//! then its chunk counts as changed by others.
//!
//! Costs O(rows looked for + spans of the chunks that came since), so it is done outside the commit
//! section.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use crate::catalog::Catalog;
use crate::table::{ChunkEntry, Origin, RowIds, TableId, TableVersion};
use crate::version::VersionId;
use crate::write_set::{Change, Removal, WriteSet};

/// New places of rows, for each chunk of the base that a compaction has taken apart.
#[derive(Clone, Debug, Default)]
pub struct Relocation {
    chunks: BTreeMap<(TableId, u64), Vec<Moved>>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    /// The row's place in its chunk at the base.
    from: u32,
    /// Its chunk now, and its place there.
    to: (u64, u32),
}

/// A row that is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    row: u64,
    changed: VersionId,
    sequence: u64,
    index: u32,
}

impl Relocation {
    /// Whether `writes`, begun at `base`, take rows out of a table that was compacted since.
    /// O(changes).
    pub fn is_needed(writes: &WriteSet, base: VersionId, head: &Catalog) -> bool {
        writes.changes().any(|staged| match &staged.change {
            Change::ChangeRows { name, removed, .. } => {
                let compacted = |table: &&std::sync::Arc<TableVersion>| table.stamps.compact > base;
                !removed.is_empty() && head.table(name).filter(compacted).is_some()
            }
            _ => false,
        })
    }

    /// Looks for the rows that `writes` take out of chunks that `base` has and `head` has not.
    pub fn find(writes: &WriteSet, base: &Catalog, head: &Catalog) -> Self {
        let mut wanted: BTreeMap<TableId, (&TableVersion, &TableVersion, BTreeSet<Wanted>)> =
            BTreeMap::new();
        for staged in writes.changes() {
            let Change::ChangeRows { name, removed, .. } = &staged.change else { continue };
            let (Some(then), Some(now)) = (base.table(name), head.table(name)) else { continue };
            if then.id != now.id || now.stamps.compact == then.stamps.compact {
                continue;
            }
            let (.., rows) = wanted.entry(now.id).or_insert((then, now, BTreeSet::new()));
            for (sequence, removal) in removed.iter() {
                let Some(entry) = then.state.chunk_map().get(sequence) else { continue };
                if now.state.chunk_map().get(sequence).is_none() {
                    want(rows, *sequence, entry, removal);
                }
            }
        }
        let mut relocation = Self::default();
        for (id, (then, now, rows)) in wanted {
            relocation.look_for(id, then, now, &rows.into_iter().collect::<Vec<_>>());
        }
        relocation
    }

    /// Whether the rows of a chunk were found.
    pub(crate) fn has(&self, table: TableId, sequence: u64) -> bool {
        self.chunks.contains_key(&(table, sequence))
    }

    /// What a removal from a chunk of the base comes to now; none if the chunk did not move.
    pub(crate) fn translate(
        &self,
        table: TableId,
        sequence: u64,
        removal: &Removal,
    ) -> Option<BTreeMap<u64, RoaringBitmap>> {
        let moved = self.chunks.get(&(table, sequence))?;
        let mut rows: BTreeMap<u64, RoaringBitmap> = BTreeMap::new();
        for Moved { from, to: (sequence, index) } in moved {
            let goes = match removal {
                Removal::Chunk => true,
                Removal::Rows(rows) => rows.contains(*from),
            };
            if goes {
                rows.entry(*sequence).or_default().insert(*index);
            }
        }
        Some(rows)
    }

    fn look_for(
        &mut self,
        id: TableId,
        then: &TableVersion,
        now: &TableVersion,
        wanted: &[Wanted],
    ) {
        let mut found: BTreeMap<u64, Vec<Moved>> = BTreeMap::new();
        for (sequence, entry) in now.state.chunk_map().range(then.marks.next_sequence..) {
            // Rows that came with their chunk were not there at the base.
            if let RowIds::From(_) = entry.ids() {
                continue;
            }
            for (places, first) in entry.spans() {
                let end = first.row + places.len() as u64;
                let from = wanted.partition_point(|wanted| wanted.row < first.row);
                for row in wanted[from..].iter().take_while(|wanted| wanted.row < end) {
                    let index = places.start + (row.row - first.row) as u32;
                    let gone = entry.deletions().is_some_and(|gone| gone.rows().contains(index));
                    if !gone && first.changed == row.changed {
                        let moved = Moved { from: row.index, to: (sequence, index) };
                        found.entry(row.sequence).or_default().push(moved);
                    }
                }
            }
        }
        let mut asked: BTreeMap<u64, usize> = BTreeMap::new();
        for row in wanted {
            *asked.entry(row.sequence).or_default() += 1;
        }
        // All rows of a chunk, or the chunk counts as changed.
        let all = found.into_iter().filter(|(sequence, moved)| asked[sequence] == moved.len());
        self.chunks.extend(all.map(|(sequence, moved)| ((id, sequence), moved)));
    }
}

fn want(wanted: &mut BTreeSet<Wanted>, sequence: u64, entry: &ChunkEntry, removal: &Removal) {
    let is_live = |index: u32| !entry.deletions().is_some_and(|gone| gone.rows().contains(index));
    for (places, first) in entry.spans() {
        for index in places.clone() {
            let goes = match removal {
                Removal::Chunk => true,
                Removal::Rows(rows) => rows.contains(index),
            };
            if goes && is_live(index) {
                let Origin { changed, .. } = first;
                let row = first.row + u64::from(index - places.start);
                wanted.insert(Wanted { row, changed, sequence, index });
            }
        }
    }
}

#[cfg(test)]
mod tests;
