//! What holds of every catalog, whatever was done to get there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::schema::{TableSchema, is_readable_as};
use crate::table::{ChunkEntry, Origin};

/// Panics if anything in the catalog contradicts anything else.
pub(crate) fn check_invariants(catalog: &Catalog) {
    let mut ids = BTreeMap::new();
    let mut tables_in: BTreeMap<&DatabaseName, u64> = BTreeMap::new();
    let homes: BTreeMap<DatabaseName, u64> =
        catalog.databases.values().map(|d| (d.name.clone(), d.tables)).collect();
    for (name, table) in catalog.tables() {
        let home = homes.get_key_value(&name.database());
        let (home, _) = home.unwrap_or_else(|| panic!("{name} is in no database"));
        *tables_in.entry(home).or_default() += 1;
        assert_eq!(home.as_str(), name.database_str(), "{name} is written as its database is");
        assert!(table.id < catalog.next_table, "{name}: {} is still free", table.id);
        if let Some(other) = ids.insert(table.id, name) {
            panic!("{name} and {other} are both {}", table.id);
        }
        check_table(name, table);
    }
    for (key, database) in &catalog.databases {
        assert_eq!(*key, database.name);
        let counted = tables_in.get(key).copied().unwrap_or(0);
        assert_eq!(database.tables, counted, "the tables in {key}");
        assert_eq!(catalog.tables_in(key).count() as u64, counted, "the range of {key}");
    }
    check_departures(catalog, &ids);
}

fn check_table(name: &TableName, table: &TableVersion) {
    check_state(name, table);
    assert!(table.created <= table.since, "{name}: {} > {}", table.created, table.since);
    let stamps = &table.stamps;
    for stamp in [
        stamps.append,
        stamps.rows,
        stamps.overwrite,
        stamps.compact,
        stamps.add_column,
        stamps.schema,
        stamps.property,
        stamps.restore,
    ] {
        assert!(stamp <= table.since, "{name}: a stamp of {stamp} after {}", table.since);
    }

    let (last, past) = table.lives.split_last().unwrap_or_else(|| panic!("{name} has no life"));
    assert_eq!(last.name, *name, "{name}: the life that goes on");
    assert_eq!(last.until, None, "{name}: it goes on");
    assert!(last.from <= table.since && last.from_ordinal <= table.ordinal, "{name}: {last:?}");
    for life in past {
        let until = life.until.unwrap_or_else(|| panic!("{name}: {life:?} never ended"));
        assert!(life.from <= until, "{name}: {life:?}");
    }
    for pair in table.lives.windows(2) {
        assert!(pair[0].until <= Some(pair[1].from), "{name}: {pair:?}");
        assert!(pair[0].from_ordinal <= pair[1].from_ordinal, "{name}: {pair:?}");
    }
}

fn check_state(name: &TableName, table: &TableVersion) {
    let (state, marks) = (&table.state, &table.marks);
    let live: u64 = state.chunks.values().map(counted).sum();
    assert_eq!(state.rows, live, "{name}: rows");
    let bytes: u64 = state.chunks.values().map(|entry| entry.chunk.bytes()).sum();
    assert_eq!(state.bytes, bytes, "{name}: bytes");
    assert!(!state.is_view() || state.chunks.is_empty(), "{name}: a view with rows");

    let below_mark = |schema: &TableSchema| {
        let mut seen = BTreeSet::new();
        for column in schema.columns() {
            assert!(seen.insert(column.id()), "{name}: {} twice", column.id());
            let (id, free) = (column.id(), marks.next_column);
            assert!(id < free, "{name}: {id} is still free, next is {free}");
        }
    };
    below_mark(&state.schema);
    state.layouts.iter().for_each(|layout| below_mark(layout));
    for id in state.details.partition_by.iter() {
        assert!(state.schema.index_of_id(*id).is_some(), "{name}: partitioned by nothing");
    }

    let mut rows = BTreeSet::new();
    let is_deleted =
        |entry: &ChunkEntry, row| entry.deletions().is_some_and(|gone| gone.rows().contains(row));
    for (sequence, entry) in state.chunks.iter() {
        let place = format!("{name}, chunk {sequence}");
        assert!(sequence < marks.next_sequence, "{place}: the sequence is still free");
        for (index, deleted) in (0..entry.chunk.rows() as u32).map(|at| (at, is_deleted(entry, at)))
        {
            let Origin { row, born, changed } = entry.origin(index);
            assert!(row < marks.next_row, "{place}: the id {row} is still free");
            assert!(deleted || rows.insert(row), "{place}: the id {row} is there twice");
            assert!(born <= changed && changed <= entry.birth, "{place}: {born}, {changed}");
        }
        assert!(entry.birth <= table.since, "{place}: born in {}", entry.birth);
        if let Some(deleted) = &entry.deleted {
            let max = deleted.rows.max().map_or(0, |max| max as usize + 1);
            assert!(max <= entry.chunk.rows(), "{place}: a row deleted that was never there");
            assert!(entry.live_rows() > 0, "{place}: all rows are deleted, and it is still here");
            assert!(entry.birth <= deleted.changed && deleted.changed <= table.since, "{place}");
        }
        let layout = state.layouts.get(entry.layout as usize);
        let layout = layout.unwrap_or_else(|| panic!("{place}: no layout {}", entry.layout));
        let written: Vec<_> = layout.columns().iter().map(|c| c.data_type().clone()).collect();
        let held: Vec<_> =
            entry.chunk.batch().columns().iter().map(|c| c.data_type().clone()).collect();
        assert_eq!(written, held, "{place}: it was not written under its layout");
        assert!(is_readable_as(layout, &state.schema), "{place}: it cannot be read");
    }
}

fn check_departures(catalog: &Catalog, ids: &BTreeMap<TableId, &TableName>) {
    let Departures { by_id, by_version } = &catalog.departures;
    assert_eq!(by_id.len(), by_version.len());
    for (id, departure) in by_id {
        assert!(by_version.contains(&(departure.at, *id)));
        // It is told where the table is, if it is anywhere.
        let now = ids.get(id).copied();
        assert_eq!(departure.renamed_to.as_ref(), now, "{id} left in {}", departure.at);
        assert!(!departure.lives.is_empty());
    }
}

/// Counts anew what `live_rows` computes from two numbers.
fn counted(entry: &ChunkEntry) -> u64 {
    let gone = |row: u32| entry.deleted.as_ref().is_some_and(|d| d.rows.contains(row));
    (0..entry.chunk.rows() as u32).filter(|row| !gone(*row)).count() as u64
}
