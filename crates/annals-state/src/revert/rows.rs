//! Undoing what a commit did to the rows of one table: by their ids, wherever they are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Reason, are_readable};
use crate::schema::{Column, TableSchema};
use crate::table::{ChunkDifference, ChunkEntry, RowIds, TableState, TableVersion};
use crate::version::VersionId;
use crate::write_set::{Removal, Revival};

/// What undoes a change of rows.
#[derive(Debug, Default)]
pub(super) struct Undone {
    pub(super) removed: Vec<(u64, Removal)>,
    pub(super) revived: Vec<Revival>,
}

impl Undone {
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.revived.is_empty()
    }
}

/// Rows of one chunk, by index.
struct Rows<'a> {
    sequence: u64,
    entry: &'a ChunkEntry,
    rows: RoaringBitmap,
}

impl Rows<'_> {
    /// The ids of the rows, with their places.
    fn ids(&self) -> impl Iterator<Item = (u64, u32)> {
        self.rows.iter().map(|index| (self.entry.origin(index).row, index))
    }
}

/// Rows that are looked for by their ids, with the version that had given them their values.
type Sought = BTreeMap<u64, VersionId>;

/// The rows that one state has and another has not, both ways, chunk by chunk.
fn moved<'a>(from: &'a TableState, to: &'a TableState) -> (Vec<Rows<'a>>, Vec<Rows<'a>>) {
    let (mut went, mut came) = (Vec::new(), Vec::new());
    for difference in from.chunk_map().diff(to.chunk_map()) {
        match difference {
            ChunkDifference::Removed(sequence, entry) => {
                went.push(Rows { sequence, entry, rows: entry.live() });
            }
            ChunkDifference::Added(sequence, entry) => {
                came.push(Rows { sequence, entry, rows: entry.live() });
            }
            ChunkDifference::Changed(sequence, old, new) => {
                let (before, after) = (old.live(), new.live());
                went.push(Rows { sequence, entry: old, rows: &before - &after });
                came.push(Rows { sequence, entry: new, rows: after - before });
            }
        }
    }
    let some = |rows: &Rows<'_>| !rows.rows.is_empty();
    (went.into_iter().filter(some).collect(), came.into_iter().filter(some).collect())
}

/// What undoes on top of `now` what was done to the rows between `old` and `new`.
///
/// # Errors
///
/// The versions that stand in the way, and why.
pub(super) fn undo(
    old: &TableVersion,
    new: &TableVersion,
    now: &TableVersion,
    schema: &TableSchema,
) -> Result<Undone, BTreeMap<VersionId, Reason>> {
    let (mut went, mut came) = moved(old.state(), new.state());
    // Where columns go back as well, rows that were written anew under others go back with them.
    let columns_stay = *schema == **now.state().schema();
    if columns_stay {
        cancel_moves(&mut went, &mut came, old.high_water().next_row);
    }
    let updated = ids_of_both(&went, &came, old.high_water().next_row);

    let (mut undone, mut gone) = (Undone::default(), Sought::new());
    for rows in &came {
        take_out_here(rows, now.state(), &mut undone.removed, &mut gone);
    }
    let states = (&**new.state(), &**now.state());
    let (lost, returned) = take_out_elsewhere(gone, &updated, states, &mut undone.removed)?;
    let back = present_since(&went, new.state(), now.state());
    for Rows { sequence, entry, rows } in went {
        let keep = |index: &u32| {
            let id = entry.origin(*index).row;
            match updated.contains_key(&id) {
                // What was updated and has been deleted since stays deleted.
                true => !lost.contains_key(&id) && !returned.contains(&id),
                false => !back.contains(&id),
            }
        };
        let rows: RoaringBitmap = match lost.is_empty() && back.is_empty() {
            true => rows,
            false => rows.iter().filter(keep).collect(),
        };
        if rows.is_empty() {
            continue;
        }
        let layout = Arc::clone(old.state().layout(entry));
        if !are_readable([&layout], schema) {
            return Err(BTreeMap::from([(now.stamps().schema, Reason::SchemaChanged)]));
        }
        undone.revived.push(Revival { sequence, entry: entry.clone(), layout, rows });
    }
    undone.removed.sort_by_key(|(sequence, _)| *sequence);
    Ok(undone)
}

/// The version since `new` that wrote rows which depend on columns that `old` had otherwise.
pub(super) fn written_since(
    old: &TableVersion,
    new: &TableVersion,
    now: &TableVersion,
) -> Option<VersionId> {
    let (then, made) = (old.state().schema(), new.state().schema());
    let lost = then.columns().iter().any(|column| made.index_of_id(column.id()).is_none());
    let given = made.columns().iter().filter(|column| then.index_of_id(column.id()).is_none());
    let given: Vec<_> = given.map(Column::id).collect();
    let state = now.state();
    for difference in new.state().chunk_map().diff(state.chunk_map()) {
        let ChunkDifference::Added(sequence, entry) = &difference else { continue };
        let layout = state.layout(entry);
        let rewritten = matches!(entry.ids(), RowIds::Kept(_));
        let has_given = given.iter().any(|id| layout.index_of_id(*id).is_some());
        if (lost && rewritten) || has_given || !are_readable([layout], then) {
            // A chunk that was there before was brought back by a revert.
            let is_new = *sequence >= new.high_water().next_sequence;
            return Some(if is_new { entry.birth() } else { now.stamps().rows });
        }
    }
    None
}

/// Leaves out rows that were only written anew: same id, same commit behind the values.
fn cancel_moves<'a>(went: &mut Vec<Rows<'a>>, came: &mut Vec<Rows<'a>>, first_new: u64) {
    // Rows that are new cannot be any that were there.
    let mut moved: BTreeMap<u64, VersionId> = BTreeMap::new();
    for rows in came.iter().filter(|rows| may_be_old(rows, first_new)) {
        for (id, index) in rows.ids() {
            moved.insert(id, rows.entry.origin(index).changed);
        }
    }
    if moved.is_empty() {
        return;
    }
    let mut same = BTreeSet::new();
    for rows in went.iter() {
        for (id, index) in rows.ids() {
            if moved.get(&id) == Some(&rows.entry.origin(index).changed) {
                same.insert(id);
            }
        }
    }
    for rows in went.iter_mut().chain(came.iter_mut()) {
        let entry = rows.entry;
        let differs = |index: &u32| !same.contains(&entry.origin(*index).row);
        rows.rows = rows.rows.iter().filter(differs).collect();
    }
    went.retain(|rows| !rows.rows.is_empty());
    came.retain(|rows| !rows.rows.is_empty());
}

fn may_be_old(rows: &Rows<'_>, first_new: u64) -> bool {
    match rows.entry.ids() {
        RowIds::From(first) => *first < first_new,
        RowIds::Kept(_) => true,
    }
}

/// Rows that got other values, with the versions behind those that they had.
fn ids_of_both(went: &[Rows<'_>], came: &[Rows<'_>], first_new: u64) -> Sought {
    let old = came.iter().filter(|rows| may_be_old(rows, first_new));
    let came: BTreeSet<u64> = old.flat_map(|rows| rows.ids().map(|(id, _)| id)).collect();
    if came.is_empty() {
        return Sought::new();
    }
    let changed = |rows: &Rows<'_>, (id, index)| (id, rows.entry.origin(index).changed);
    let went = went.iter().flat_map(|rows| rows.ids().map(move |row| changed(rows, row)));
    went.filter(|(id, _)| came.contains(id)).collect()
}

/// Takes out the rows that are where the commit put them; the others are to be looked for.
fn take_out_here(
    rows: &Rows<'_>,
    now: &TableState,
    removed: &mut Vec<(u64, Removal)>,
    gone: &mut Sought,
) {
    let here = match now.chunk_map().get(&rows.sequence) {
        Some(entry) if Arc::ptr_eq(entry.chunk(), rows.entry.chunk()) => &rows.rows & entry.live(),
        _ => RoaringBitmap::new(),
    };
    for index in &rows.rows - &here {
        let origin = rows.entry.origin(index);
        gone.insert(origin.row, origin.changed);
    }
    if !here.is_empty() {
        removed.push((rows.sequence, Removal::Rows(here)));
    }
}

/// Takes out the rows that a compaction has moved since. Returns those that are nowhere, and the
/// ids of those that have their `old` values again.
fn take_out_elsewhere(
    mut gone: Sought,
    old: &Sought,
    (made, now): (&TableState, &TableState),
    removed: &mut Vec<(u64, Removal)>,
) -> Result<(Sought, BTreeSet<u64>), BTreeMap<VersionId, Reason>> {
    let mut returned = BTreeSet::new();
    if gone.is_empty() {
        return Ok((gone, returned));
    }
    let mut updated: BTreeMap<VersionId, u64> = BTreeMap::new();
    let (_, came) = moved(made, now);
    for rows in came {
        let mut here = RoaringBitmap::new();
        for (id, index) in rows.ids() {
            let Some(sought) = gone.get(&id) else { continue };
            let changed = rows.entry.origin(index).changed;
            if changed == *sought {
                here.insert(index);
                gone.remove(&id);
            } else if old.get(&id) == Some(&changed) {
                gone.remove(&id);
                returned.insert(id);
            } else {
                *updated.entry(changed).or_default() += 1;
            }
        }
        if !here.is_empty() {
            removed.push((rows.sequence, Removal::Rows(here)));
        }
    }
    if updated.is_empty() {
        return Ok((gone, returned));
    }
    let reason = |(version, rows)| (version, Reason::RowsUpdated { rows });
    Err(updated.into_iter().map(reason).collect())
}

/// The ids of rows that went and that something brought back since.
fn present_since(went: &[Rows<'_>], made: &TableState, now: &TableState) -> BTreeSet<u64> {
    let (_, came) = moved(made, now);
    // Rows that came since with new ids are none of them.
    let ids_max = went.iter().flat_map(|rows| rows.ids().map(|(id, _)| id)).max();
    let old = came.iter().filter(|rows| ids_max.is_some_and(|max| may_be_old(rows, max + 1)));
    let came: BTreeSet<u64> = old.flat_map(|rows| rows.ids().map(|(id, _)| id)).collect();
    if came.is_empty() {
        return came;
    }
    let went = went.iter().flat_map(|rows| rows.ids().map(|(id, _)| id));
    went.filter(|id| came.contains(id)).collect()
}
