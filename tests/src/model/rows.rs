//! Changes of rows: deletes, updates, merges and compactions, decided row by row; and how what was
//! decided is done once more on a world that others have changed.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{bind, matching};
use super::draft::{Cells, Draft, NewRow, RowChange};
use super::fit::{self, Refusal, refuse};
use super::step::{Batch, Given, MergeHow, Where};
use super::world::{Cell, Column, Key, Marks, Row, State, World};

impl Draft<'_> {
    /// Deletes the rows that match.
    pub fn delete(&mut self, name: &str, filter: Option<&Where>) -> Result<String, Refusal> {
        let (key, state) = self.rows_of(name)?;
        let change = match self.given_change(&key)? {
            Some(change) => change,
            None => {
                filter.map_or(Ok(()), |filter| bind(&state, filter, "Filter"))?;
                let removed = matching(&state, filter).map(|row| row.id).collect();
                RowChange { removed, ..RowChange::default() }
            }
        };
        let gone = change.removed.len();
        self.change_rows_if_any(&key, change, "Delete")?;
        Ok(format!("{gone} deleted, 0 updated, 0 inserted"))
    }

    /// Updates the rows that match.
    pub fn update(
        &mut self,
        name: &str,
        sets: &[(&'static str, Given)],
        filter: Option<&Where>,
    ) -> Result<String, Refusal> {
        let (key, state) = self.rows_of(name)?;
        let change = match self.given_change(&key)? {
            Some(change) => change,
            None => updated(&state, sets, filter)?,
        };
        let count: usize = change.updated.iter().map(Vec::len).sum();
        self.change_rows_if_any(&key, change, "Update")?;
        Ok(format!("0 deleted, {count} updated, 0 inserted"))
    }

    /// Merges rows.
    pub fn merge(
        &mut self,
        name: &str,
        on: &[&'static str],
        rows: &Batch,
        how: MergeHow,
    ) -> Result<String, Refusal> {
        // The name is parsed when the work begins; options are looked at before.
        let (key, state) = self.rows_of(name)?;
        let change = match self.given_change(&key)? {
            Some(change) => change,
            None => super::merge::merged(&state, on, rows, how)?,
        };
        let counts = (change.removed.len(), change.updated.iter().map(Vec::len).sum::<usize>());
        let inserted = change.inserted.len();
        self.change_rows_if_any(&key, change, "Merge")?;
        Ok(format!("{} deleted, {} updated, {inserted} inserted", counts.0, counts.1))
    }

    /// Compacts a table. Returns how many chunks were written anew, and as how many.
    pub fn compact(&mut self, name: &str, by: &[&'static str]) -> Result<String, Refusal> {
        let (key, mut state) = self.rows_of(name)?;
        let change = match self.given_change(&key)? {
            Some(change) => change,
            None => {
                let columns: Result<Vec<usize>, Refusal> = by
                    .iter()
                    .map(|name| state.find(name).ok_or_else(|| "NoColumn".to_owned()))
                    .collect();
                let rewritten = rewritten(&state, self.marks(&key), &columns?);
                RowChange { rewritten, ..RowChange::default() }
            }
        };
        self.decided.push(change.clone());
        let Some((chunks, batches)) = change.rewritten else {
            return Ok("0 chunks as 0".to_owned());
        };
        let mut rows: BTreeMap<u64, Row> = BTreeMap::new();
        state.rows.retain(|row| {
            let stays = !chunks.contains(&row.place.0);
            if !stays {
                rows.insert(row.id, row.clone());
            }
            stays
        });
        let columns = state.columns.clone();
        let mut take = |id: &u64| {
            let row = rows.remove(id).ok_or_else(|| "rows moved".to_owned())?;
            Ok::<_, Refusal>(NewRow::Kept(trimmed(&columns, row)))
        };
        let batches: Result<Vec<Vec<NewRow>>, Refusal> =
            batches.iter().map(|ids| ids.iter().map(&mut take).collect()).collect();
        let batches = batches?;
        if !rows.is_empty() {
            return refuse("rows moved");
        }
        let after = cut(&state, batches);
        let said = format!("{} chunks as {}", chunks.len(), after.len());
        self.add_rows(&key, &mut state, after);
        self.put(&key, state);
        self.note_table("Compact", &key, [0; 3]);
        Ok(said)
    }

    fn rows_of(&self, name: &str) -> Result<(Key, State), Refusal> {
        let key = self.require(name)?;
        let state = self.state(&key);
        if state.is_view() { refuse("Catalog.IsView") } else { Ok((key, state)) }
    }

    fn change_rows_if_any(
        &mut self,
        key: &Key,
        change: RowChange,
        label: &str,
    ) -> Result<(), Refusal> {
        let some = !change.removed.is_empty()
            || !change.inserted.is_empty()
            || change.updated.iter().any(|rows| !rows.is_empty());
        match some {
            true => self.change_rows(key, change, label),
            false => {
                self.decided.push(change);
                Ok(())
            }
        }
    }

    pub(super) fn change_rows(
        &mut self,
        key: &Key,
        change: RowChange,
        label: &str,
    ) -> Result<(), Refusal> {
        self.decided.push(change.clone());
        let at = self.at;
        let mut state = self.state(key);
        let RowChange { removed, updated, inserted, .. } = change;
        let gone: BTreeSet<u64> = removed.iter().copied().collect();
        let mut taken: BTreeMap<u64, Row> = BTreeMap::new();
        let new: BTreeSet<u64> = updated.iter().flatten().map(|(id, _)| *id).collect();
        state.rows.retain(|row| {
            if new.contains(&row.id) {
                taken.insert(row.id, row.clone());
            }
            !gone.contains(&row.id) && !new.contains(&row.id)
        });
        let counts = [inserted.len() as u64, gone.len() as u64, new.len() as u64];
        let row = |(id, cells): (u64, Cells)| {
            let row = taken[&id].clone();
            NewRow::Kept(Row { changed: at, cells, ..row })
        };
        let kept: Vec<Vec<NewRow>> =
            updated.into_iter().map(|rows| rows.into_iter().map(row).collect()).collect();
        let mut chunks = cut(&state, kept);
        chunks.extend(cut(&state, vec![inserted.into_iter().map(NewRow::New).collect()]));
        self.add_rows(key, &mut state, chunks);
        self.put(key, state);
        self.note_table(label, key, counts);
        Ok(())
    }

    /// What was decided elsewhere about rows of a table, in the numbers that it has here.
    pub(super) fn given_change(&mut self, key: &Key) -> Result<Option<RowChange>, Refusal> {
        let Some((changes, base, head)) = &mut self.given else { return Ok(None) };
        let Some(change) = changes.pop_front() else { return refuse("decided otherwise") };
        let table = &self.world.tables[key];
        let here = head.marks.get(&table.id).cloned().unwrap_or_default();
        // A table that the change itself made begins with the same numbers everywhere.
        let is_own = table.created == self.at;
        let there = match is_own {
            true => here.clone(),
            false => base.marks.get(&table.id).cloned().unwrap_or_default(),
        };
        let carried = carried(change, &there, &here);
        let state = &table.state;
        for id in carried.removed.iter().chain(carried.updated.iter().flatten().map(|(id, _)| id)) {
            if !state.rows.iter().any(|row| row.id == *id) {
                return refuse("the row is gone");
            }
            // As others left it: the change itself may have changed it since.
            let changed = |world: &World| {
                let table = world.by_id(table.id).filter(|_| !is_own)?;
                table.state.rows.iter().find(|row| row.id == *id).map(|row| row.changed)
            };
            if changed(base).is_some_and(|then| changed(head) != Some(then)) {
                return refuse("the row was changed");
            }
        }
        let given = carried.inserted.iter().chain(carried.updated.iter().flatten().map(|(_, c)| c));
        for id in given.flat_map(BTreeMap::keys) {
            if !state.columns.iter().chain(&carried.altered).any(|column| column.id == *id) {
                return refuse("the column is gone");
            }
        }
        Ok(Some(carried))
    }
}

/// A change of rows in other numbers: what is new continues from other marks.
fn carried(change: RowChange, there: &Marks, here: &Marks) -> RowChange {
    let shift = |number: u64, there: u64, here: u64| match number >= there {
        true => number - there + here,
        false => number,
    };
    let row = |id: u64| shift(id, there.next_row, here.next_row);
    let chunk = |id: u64| shift(id, there.next_chunk, here.next_chunk);
    let cells = |cells: Cells| -> Cells {
        let column = |id| shift(id, there.next_column, here.next_column);
        cells.into_iter().map(|(id, value)| (column(id), value)).collect()
    };
    let updated = change.updated.into_iter();
    RowChange {
        removed: change.removed.into_iter().map(row).collect(),
        updated: updated
            .map(|rows| rows.into_iter().map(|(id, of)| (row(id), cells(of))).collect())
            .collect(),
        inserted: change.inserted.into_iter().map(cells).collect(),
        altered: change
            .altered
            .into_iter()
            .map(|of| Column { id: shift(of.id, there.next_column, here.next_column), ..of })
            .collect(),
        rewritten: change.rewritten.map(|(chunks, batches)| {
            let batch = |ids: Vec<u64>| ids.into_iter().map(row).collect();
            (chunks.into_iter().map(chunk).collect(), batches.into_iter().map(batch).collect())
        }),
        reverted: change.reverted,
    }
}

fn updated(
    state: &State,
    sets: &[(&'static str, Given)],
    filter: Option<&Where>,
) -> Result<RowChange, Refusal> {
    let mut assigned: BTreeMap<usize, &Given> = BTreeMap::new();
    for (column, given) in sets {
        let at = state.find(column).ok_or("NoColumn")?;
        if assigned.insert(at, given).is_some() {
            return refuse("AssignedTwice");
        }
    }
    filter.map_or(Ok(()), |filter| bind(state, filter, "Filter"))?;
    let rows: Vec<&Row> = matching(state, filter).collect();
    let mut change = RowChange::default();
    if rows.is_empty() {
        return Ok(change);
    }
    let mut mismatch = false;
    for (at, given) in &assigned {
        let kind = state.columns[*at].kind;
        match given {
            Given::Value(value) => mismatch |= !fit::takes(kind, value),
            Given::Column(other) => {
                let from = state.find(other).ok_or("NoColumn")?;
                mismatch |= !fit::is_lossless(state.columns[from].kind, kind);
            }
        }
    }
    if mismatch {
        return refuse("Schema.Types");
    }
    let values = |row: &Row| -> Vec<Cell> {
        let before = state.values(row);
        let given = |at: usize| match assigned.get(&at) {
            None => before[at].clone(),
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Column(other)) => {
                before[state.find(other).expect("it was found before")].clone()
            }
        };
        (0..before.len()).map(given).collect()
    };
    let mut by_chunk: BTreeMap<u64, Vec<(u64, Cells)>> = BTreeMap::new();
    let mut all = Vec::new();
    for row in rows {
        let values = values(row);
        let cells = cells_of(&state.columns, &values);
        by_chunk.entry(row.place.0).or_default().push((row.id, cells));
        all.push(values);
    }
    fit::refuse_nulls(&state.columns, &all)?;
    change.updated = by_chunk.into_values().collect();
    Ok(change)
}

/// The chunks that a compaction writes anew, and their rows in the order to come. Every chunk here
/// is smaller than chunks are to be.
fn rewritten(state: &State, marks: &Marks, by: &[usize]) -> Option<(Vec<u64>, Vec<Vec<u64>>)> {
    let mut partitions: BTreeMap<Vec<Cell>, Vec<u64>> = BTreeMap::new();
    let mut chosen: BTreeSet<u64> = BTreeSet::new();
    let rows_of = |chunk: u64| state.rows.iter().filter(move |row| row.place.0 == chunk);
    for chunk in state.chunks() {
        let first = rows_of(chunk).next().expect("a chunk has rows");
        partitions.entry(partition(state, &first.cells)).or_default().push(chunk);
        if rows_of(chunk).count() < marks.sizes[&chunk] {
            chosen.insert(chunk);
        }
    }
    for chunks in partitions.values().filter(|chunks| chunks.len() > 1) {
        chosen.extend(chunks);
    }
    if by.is_empty() {
        let ids = |chunk: &u64| rows_of(*chunk).map(|row| row.id).collect();
        let batches = chosen.iter().map(ids).collect();
        return (!chosen.is_empty()).then(|| (chosen.into_iter().collect(), batches));
    }
    let key = |row: &Row| -> Vec<Cell> {
        let values = state.values(row);
        by.iter().map(|at| values[*at].clone()).collect()
    };
    if chosen.is_empty() {
        let mut last: BTreeMap<Vec<Cell>, Vec<Cell>> = BTreeMap::new();
        let in_order = state.rows.iter().all(|row| {
            let before = last.insert(partition(state, &row.cells), key(row));
            before.is_none_or(|before| before <= key(row))
        });
        if in_order {
            return None;
        }
    }
    let mut rows: Vec<&Row> = state.rows.iter().collect();
    rows.sort_by_key(|row| key(row));
    Some((state.chunks(), vec![rows.into_iter().map(|row| row.id).collect()]))
}

/// A row with the values of these columns only, as it is when it is written anew.
fn trimmed(columns: &[Column], mut row: Row) -> Row {
    row.cells.retain(|id, _| columns.iter().any(|column| column.id == *id));
    row
}

/// Rows as chunks: one for each partition, in the order of first sight; rows of one batch are
/// sorted by partition, nulls first.
pub(super) fn cut(state: &State, batches: Vec<Vec<NewRow>>) -> Vec<Vec<NewRow>> {
    let mut chunks: Vec<(Vec<Cell>, Vec<NewRow>)> = Vec::new();
    for mut batch in batches {
        let of = |row: &NewRow| match row {
            NewRow::New(cells) => partition(state, cells),
            NewRow::Kept(row) => partition(state, &row.cells),
        };
        batch.sort_by_key(of);
        for row in batch {
            let partition = of(&row);
            match chunks.iter_mut().find(|(of, _)| *of == partition) {
                Some((_, rows)) => rows.push(row),
                None => chunks.push((partition, vec![row])),
            }
        }
    }
    chunks.into_iter().map(|(_, rows)| rows).collect()
}

fn partition(state: &State, cells: &Cells) -> Vec<Cell> {
    state.partition_by.iter().map(|id| cells.get(id).cloned()).collect()
}

/// Values as cells: by the ids of these columns.
pub(super) fn cells_of(columns: &[Column], values: &[Cell]) -> Cells {
    let cell = |(column, value): (&Column, &Cell)| Some((column.id, value.clone()?));
    columns.iter().zip(values).filter_map(cell).collect()
}
