//! Puts older states back: of one table, or of the whole store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Applied, Place, written_in};
use crate::catalog::{Catalog, Database, Departure, Difference};
use crate::commit::{Metrics, OperationKind, Target};
use crate::error::CatalogError;
use crate::name::TableName;
use crate::table::{ChunkDifference, ChunkEntry, Chunks, Stamps, TableVersion};
use crate::version::{Version, VersionId};

impl Catalog {
    pub(super) fn restore_table(
        &mut self,
        name: &TableName,
        source: &TableVersion,
        from: VersionId,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let kind = OperationKind::RestoreTable { from };
        match self.table(name) {
            Some(current) if current.id == source.id => {
                let mut next = TableVersion::clone(current);
                let metrics = moved_between(&current.state.chunks, &source.state.chunks);
                next.marks = next.marks.max(source.marks);
                next.state = Arc::clone(&source.state);
                next.stamps.restore = place.at;
                Ok(self.put(next, kind, metrics, Vec::new(), place))
            }
            Some(_) => Err(CatalogError::OtherTable { table: name.clone(), at: from }),
            None => {
                let database = Arc::clone(self.require_database(&name.database())?);
                if let Some(now) = self.departure(source.id).and_then(|d| d.renamed_to.clone()) {
                    return Err(CatalogError::Renamed { table: name.clone(), now });
                }
                let name = written_in(&database, name);
                let next = self.bring_back(&name, source, place);
                let target =
                    Target::Table { name: name.clone(), id: next.id, ordinal: next.ordinal };
                let metrics = moved_between(&Chunks::new(), &source.state.chunks);
                self.tables.insert(Arc::new(next));
                self.count_tables(&name.database(), 1, place);
                Ok(Applied { kind, target, metrics, discarded: Vec::new(), tables: Vec::new() })
            }
        }
    }

    /// A table that had left, with the state of `source` and numbers that go on where they ended.
    fn bring_back(
        &mut self,
        name: &TableName,
        source: &TableVersion,
        place: &Place,
    ) -> TableVersion {
        let mut next = source.clone();
        match self.returned(source.id) {
            Some(departure) => {
                next.ordinal = departure.ordinal;
                next.since = departure.since;
                next.marks = departure.marks.max(source.marks);
                next.lives = departure.lives;
            }
            None => next.end_life(place.at),
        }
        next.begin_change(place);
        next.stamps = Stamps { restore: place.at, ..Stamps::default() };
        next.begin_life(name.clone(), place);
        if next.lives.iter().any(|life| life.name != *name) {
            // Whoever knows it by another name is told this one.
            let mut departure = Departure::of(&next, place.at);
            departure.renamed_to = Some(name.clone());
            self.departed(next.id, departure);
        }
        next
    }

    pub(super) fn restore_store(&mut self, source: &Version, place: &Place) -> Applied {
        let mut metrics = Metrics::default();
        let (mut leave, mut change) = (Vec::new(), Vec::new());
        let old = source.catalog();
        for difference in self.tables.diff(&old.tables) {
            let name = difference.name();
            match difference {
                Difference::Added(then) => change.push((name.clone(), Arc::clone(then))),
                Difference::Removed(_) => leave.push(name.clone()),
                Difference::Changed { old: now, new: then } => {
                    // A name that is only written otherwise comes back as it was written.
                    let renamed = now.name().table_str() != then.name().table_str();
                    let leaves = now.id != then.id || renamed;
                    if leaves {
                        leave.push(name.clone());
                    }
                    if leaves || !Arc::ptr_eq(&now.state, &then.state) {
                        change.push((name.clone(), Arc::clone(then)));
                    }
                }
            }
        }
        // A table that goes back to an older name has its rows before and after.
        let mut left = BTreeMap::new();
        let mut tables = BTreeSet::new();
        for name in &leave {
            let table = self.table(name).map(|table| (table.id, Arc::clone(&table.state)));
            tables.extend(table.iter().map(|(id, _)| *id));
            left.extend(table);
            let dropped = self.drop_table(name, place);
            dropped.expect("the name came from this catalog");
        }
        for (name, then) in change {
            let next = match self.table(&name) {
                Some(now) => {
                    metrics += moved_between(&now.state.chunks, &then.state.chunks);
                    let mut next = TableVersion::clone(now);
                    next.begin_change(place);
                    next.marks = next.marks.max(then.marks);
                    next.stamps.restore = place.at;
                    next.state = Arc::clone(&then.state);
                    next
                }
                None => {
                    let now = left.remove(&then.id).map(|state| state.chunks.clone());
                    metrics += moved_between(&now.unwrap_or_default(), &then.state.chunks);
                    self.bring_back(&name, &then, place)
                }
            };
            tables.insert(next.id);
            self.tables.insert(Arc::new(next));
        }
        for state in left.values() {
            metrics += moved_between(&state.chunks, &Chunks::new());
        }
        if self.databases != old.databases {
            if !self.databases.keys().eq(old.databases.keys()) {
                self.databases_changed = place.at;
            }
            let restored = old.databases.iter().map(|(name, database)| {
                let mut database = Database::clone(database);
                database.tables_changed = place.at;
                let is_it = |now: &&Arc<Database>| now.created == database.created;
                let now = self.databases.get(name).filter(is_it);
                database.arrived = now.map_or(place.at, |now| now.arrived);
                (name.clone(), Arc::new(database))
            });
            self.databases = restored.collect();
        }
        Applied {
            kind: OperationKind::RestoreStore { from: source.id() },
            target: Target::Store,
            metrics,
            discarded: Vec::new(),
            tables: tables.into_iter().collect(),
        }
    }
}

/// What came and went between two states of a table, by identity. O(chunks not shared).
fn moved_between(before: &Chunks, after: &Chunks) -> Metrics {
    let mut metrics = Metrics::default();
    let mut came = |entry: &ChunkEntry| {
        metrics.rows_added += entry.live_rows();
        metrics.bytes_added += entry.chunk.bytes();
        metrics.chunks_added += 1;
    };
    let (mut gone, mut kept) = (Metrics::default(), Metrics::default());
    let mut went = |entry: &ChunkEntry| {
        gone.rows_removed += entry.live_rows();
        gone.bytes_removed += entry.chunk.bytes();
        gone.chunks_removed += 1;
    };
    for item in before.diff(after) {
        match item {
            ChunkDifference::Added(_, entry) => came(entry),
            ChunkDifference::Removed(_, entry) => went(entry),
            // A sequence is used once: the same chunk with other rows deleted.
            ChunkDifference::Changed(_, old, new) => {
                let (came, went) = old.rows_moved_to(new);
                kept.rows_added += came;
                kept.rows_removed += went;
            }
        }
    }
    metrics += gone;
    metrics += kept;
    metrics
}
