//! Rows matched by identity and by value, against sets of ids and sorted rows.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use arrow_schema::{DataType, Field};

use super::*;
use crate::Chunk;
use crate::catalog::tests::kit::{Dice, each_seed};
use crate::schema::Column;
use crate::table::{Deletions, Details, HighWater, Lineage, RowIds, TableKind};
use crate::version::VersionId;

/// A row that a state should have: who it is, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: u64,
    changed: u64,
    value: i64,
}

fn schema() -> Arc<TableSchema> {
    let column = |id, name| Column::new(ColumnId(id), Field::new(name, DataType::Int64, true));
    Arc::new(TableSchema::new(vec![column(0, "k"), column(1, "n")]).unwrap())
}

fn batch(rows: &[Row]) -> RecordBatch {
    let keys: Int64Array = rows.iter().map(|row| Some(row.value / 10)).collect();
    let values: Int64Array =
        rows.iter().map(|row| (row.value % 10 != 9).then_some(row.value)).collect();
    RecordBatch::try_new(Arc::clone(schema().arrow()), vec![Arc::new(keys), Arc::new(values)])
        .unwrap()
}

fn entry(rows: &[Row]) -> ChunkEntry {
    let origin =
        |row: &Row| Origin { row: row.id, born: VersionId(1), changed: VersionId(row.changed) };
    let ids = RowIds::Kept(Arc::new(Lineage::of(rows.iter().map(origin))));
    let chunk = Arc::new(Chunk::new(batch(rows)));
    ChunkEntry { chunk, ids, birth: VersionId(1), layout: 0, deleted: None }
}

/// Chunks that were put in and rows that were taken out, one after the other.
#[derive(Clone)]
struct Table {
    state: TableState,
    rows: BTreeMap<u64, Row>,
    marks: HighWater,
}

impl Table {
    fn empty() -> Self {
        let state = TableState::empty(TableKind::Managed, schema(), Arc::new(Details::default()));
        Self { state, rows: BTreeMap::new(), marks: HighWater::default() }
    }

    fn put(&mut self, rows: &[Row]) {
        if !rows.is_empty() {
            self.state.chunks.insert(self.marks.next_sequence, entry(rows));
            self.marks.next_sequence += 1;
            self.rows.extend(rows.iter().map(|row| (row.id, *row)));
        }
    }

    fn take_out(&mut self, ids: &BTreeSet<u64>) {
        let sequences: Vec<u64> = self.state.chunks.iter().map(|(sequence, _)| sequence).collect();
        for sequence in sequences {
            let entry = self.state.chunks.get_mut(&sequence).unwrap();
            let mut gone = entry.deletions().map_or_else(RoaringBitmap::new, |d| d.rows().clone());
            let had = gone.len();
            for index in 0..entry.chunk.rows() as u32 {
                if ids.contains(&entry.origin(index).row) {
                    gone.insert(index);
                }
            }
            if gone.len() > had {
                let deleted = Deletions { rows: gone, changed: VersionId(0) };
                entry.deleted = Some(Arc::new(deleted));
            }
            if entry.live_rows() == 0 {
                self.state.chunks.remove(&sequence);
            }
        }
        self.rows.retain(|id, _| !ids.contains(id));
    }

    fn some_ids(&self, dice: &mut Dice) -> BTreeSet<u64> {
        let sides = 1 + dice.below(6);
        self.rows.keys().copied().filter(|_| dice.one_in(sides)).collect()
    }

    fn step(&mut self, dice: &mut Dice, at: u64) {
        match dice.below(6) {
            0 | 1 => {
                let rows: Vec<Row> = (0..dice.below(12))
                    .map(|_| {
                        self.marks.next_row += 1;
                        let value = dice.below(40) as i64;
                        Row { id: self.marks.next_row, changed: at, value }
                    })
                    .collect();
                self.put(&rows);
            }
            2 => {
                let ids = self.some_ids(dice);
                self.take_out(&ids);
            }
            3 => {
                let ids = self.some_ids(dice);
                let updated = |id: &u64| Row { id: *id, changed: at, value: dice.below(40) as i64 };
                let rows: Vec<Row> = ids.iter().map(updated).collect();
                self.take_out(&ids);
                self.put(&rows);
            }
            4 => {
                // A compaction: some rows, in another order.
                let ids = self.some_ids(dice);
                let mut rows: Vec<Row> = ids.iter().map(|id| self.rows[id]).collect();
                if dice.one_in(2) {
                    rows.sort_by_key(|row| row.value);
                }
                self.take_out(&ids);
                self.put(&rows);
            }
            _ => {
                let ids: BTreeSet<u64> = self.rows.keys().copied().collect();
                let rows: Vec<Row> = ids
                    .iter()
                    .map(|id| {
                        self.marks.next_row += 1;
                        Row { id: self.marks.next_row, changed: at, ..self.rows[id] }
                    })
                    .collect();
                self.take_out(&ids);
                self.put(&rows);
            }
        }
    }
}

/// What is read of a side, sorted.
fn read(batches: impl IntoIterator<Item = RowsWithOrigins>) -> Vec<(u64, u64, Option<i64>)> {
    let mut rows = Vec::new();
    for batch in batches {
        let values = batch.rows.column(1).as_primitive::<Int64Type>();
        for (at, origin) in batch.origins.iter().enumerate() {
            let value = values.is_valid(at).then(|| values.value(at));
            rows.push((origin.row, origin.changed.0, value));
        }
    }
    rows.sort_unstable();
    rows
}

fn expected<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<(u64, u64, Option<i64>)> {
    let value = |row: &Row| (row.value % 10 != 9).then_some(row.value);
    rows.into_iter().map(|row| (row.id, row.changed, value(row))).collect()
}

fn lacks<'a>(one: &'a Table, other: &'a Table) -> impl Iterator<Item = &'a Row> {
    one.rows.values().filter(|row| !other.rows.contains_key(&row.id))
}

#[test]
fn rows_are_matched_by_identity_and_by_value() {
    each_seed(0..400, |dice| {
        let mut tables = vec![Table::empty()];
        for at in 1..12 {
            let from = if dice.one_in(8) { dice.below(tables.len()) } else { tables.len() - 1 };
            let mut next = tables[from].clone();
            // Numbers only grow, also when an older state is put back.
            next.marks = tables.last().unwrap().marks.max(next.marks);
            next.step(dice, at);
            tables.push(next);
        }
        for _ in 0..8 {
            let (old, new) = (dice.pick(&tables), dice.pick(&tables));
            let states = [&old, &new].map(|table| Arc::new(table.state.clone()));
            let diff = RowDiff::between(Some(&states[0]), Some(&states[1]));
            check_identity(&diff, &old, &new);
            check_values(diff, &old, &new);
        }
    });
}

fn check_identity(diff: &RowDiff, old: &Table, new: &Table) {
    let deleted = read(diff.deleted(Under::Own).map(Result::unwrap));
    assert_eq!(deleted, expected(lacks(old, new)));
    let inserted = read(diff.inserted(Under::Own).map(Result::unwrap));
    assert_eq!(inserted, expected(lacks(new, old)));
    let pairs = old.rows.values().filter_map(|row| Some((row, new.rows.get(&row.id)?)));
    let pairs: Vec<_> = pairs.filter(|(was, is)| was.changed != is.changed).collect();
    let updated: Vec<UpdatedRows> = diff.updated(Under::Own).map(Result::unwrap).collect();
    let sides = updated.into_iter().map(|rows| (rows.before, rows.after));
    let (before, after): (Vec<_>, Vec<_>) = sides.unzip();
    assert_eq!(read(before), expected(pairs.iter().map(|(was, _)| *was)));
    assert_eq!(read(after), expected(pairs.iter().map(|(_, is)| *is)));
}

fn check_values(diff: RowDiff, old: &Table, new: &Table) {
    // A value of null hides what is below it, but the key does not.
    let shown = |row: &Row| (row.value / 10, (row.value % 10 != 9).then_some(row.value));
    let count = |rows: Vec<&Row>, sign: i64, into: &mut BTreeMap<(i64, Option<i64>), i64>| {
        rows.into_iter().for_each(|row| *into.entry(shown(row)).or_default() += sign);
    };
    let mut balance = BTreeMap::new();
    count(lacks(new, old).collect(), 1, &mut balance);
    count(lacks(old, new).collect(), -1, &mut balance);
    let sum = |of: &BTreeMap<i64, (i64, i64)>, side: fn(&(i64, i64)) -> i64| -> i64 {
        of.values().map(side).sum()
    };
    let mut by_key: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for ((key, _), left) in balance {
        let (gone, come) = by_key.entry(key).or_default();
        *gone += (-left).max(0);
        *come += left.max(0);
    }
    let pairs = old.rows.values().filter_map(|row| Some((row, new.rows.get(&row.id)?)));
    let differ = |(was, is): &(&Row, &Row)| was.changed != is.changed && shown(was) != shown(is);
    let updated = pairs.filter(differ).count() as i64;
    let counts = |deleted: i64, updated: i64, inserted: i64| RowCounts {
        deleted: deleted as u64,
        updated: updated as u64,
        inserted: inserted as u64,
    };
    let (gone, come) = (sum(&by_key, |of| of.0), sum(&by_key, |of| of.1));
    let by_value = diff.clone().by_value().unwrap();
    assert_eq!(by_value.counts(), counts(gone, updated, come));
    let paired = sum(&by_key, |(gone, come)| *gone.min(come));
    let by_key = diff.by_key(&[ColumnId(0)]).unwrap();
    assert_eq!(by_key.counts(), counts(gone - paired, updated + paired, come - paired));
}

#[test]
fn an_absent_state_has_no_rows_and_a_shared_one_no_difference() {
    let mut table = Table::empty();
    table.put(&[Row { id: 1, changed: 1, value: 5 }, Row { id: 2, changed: 1, value: 6 }]);
    let state = Arc::new(table.state);
    let counts = |before, after| {
        let diff = RowDiff::between(before, after).by_key(&[ColumnId(0)]).unwrap();
        let counts = diff.counts();
        assert_eq!(diff.is_empty(), counts.deleted + counts.updated + counts.inserted == 0);
        (counts.deleted, counts.updated, counts.inserted)
    };
    assert_eq!(counts(None, Some(&state)), (0, 0, 2));
    assert_eq!(counts(Some(&state), None), (2, 0, 0));
    assert_eq!(counts(Some(&state), Some(&state)), (0, 0, 0));
    assert_eq!(counts(None, None), (0, 0, 0));
}

#[test]
fn the_text_is_bounded_and_shows_what_changed() {
    let mut before = Table::empty();
    let row = |id: u64| Row { id, changed: 1, value: id as i64 };
    before.put(&(0..40).map(row).collect::<Vec<_>>());
    let mut after = before.clone();
    after.take_out(&(0..15).collect());
    after.put(&[Row { id: 3, changed: 2, value: 4 }, Row { id: 100, changed: 2, value: 12 }]);
    let (before, after) = (Arc::new(before.state), Arc::new(after.state));
    let text = RowDiff::between(Some(&before), Some(&after)).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "14 deleted, 1 updated, 1 inserted");
    assert_eq!((lines[1], lines[10]), ("- #0: 0, 0", "- #10: 1, 10"));
    assert_eq!(lines[11..], ["- … and 4 more", "~ #3: 0, 3 → 4", "+ #100: 1, 12"]);
}

#[test]
fn what_is_left_out_of_the_text_is_said() {
    let row = |id, changed| Row { id, changed, value: (id + changed) as i64 };
    let (mut before, mut after) = (Table::empty(), Table::empty());
    before.put(&(0..13).map(|id| row(id, 0)).collect::<Vec<_>>());
    after.put(&(0..13).map(|id| row(id, 5)).collect::<Vec<_>>());
    let (before, after) = (Arc::new(before.state), Arc::new(after.state));
    let text = RowDiff::between(Some(&before), Some(&after)).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 12, "{text}");
    assert_eq!((lines[1], lines[11]), ("~ #0: 0, 0 → 5", "~ … and 3 more"));

    for (columns, expected) in [(12, "7, 7"), (13, "7, …")] {
        let wide = |at: u32| {
            Column::new(ColumnId(at), Field::new(format!("c{at}"), DataType::Int64, true))
        };
        let schema = Arc::new(TableSchema::new((0..columns).map(wide).collect()).unwrap());
        let value: arrow_array::ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let values = vec![value; columns as usize];
        let batch = RecordBatch::try_new(Arc::clone(schema.arrow()), values).unwrap();
        let text = RowDiff::between(None, Some(&state_of(&schema, batch))).to_string();
        let shown = text.lines().nth(1).unwrap();
        assert!(shown.ends_with(expected), "{columns} columns: {shown}");
        assert_eq!(shown.matches('7').count(), 12, "{columns} columns: {shown}");
    }
}

fn state_of(schema: &Arc<TableSchema>, batch: RecordBatch) -> Arc<TableState> {
    let details = Arc::new(Details::default());
    let mut state = TableState::empty(TableKind::Managed, Arc::clone(schema), details);
    let chunk = Arc::new(Chunk::new(batch));
    let (ids, birth) = (RowIds::From(0), VersionId(1));
    state.chunks.insert(0, ChunkEntry { chunk, ids, birth, layout: 0, deleted: None });
    Arc::new(state)
}

#[test]
fn two_that_parted_may_have_put_different_rows_in_one_place() {
    let mut one = Table::empty();
    one.put(&[Row { id: 1, changed: 1, value: 5 }]);
    let mut other = one.clone();
    one.put(&[Row { id: 2, changed: 2, value: 6 }, Row { id: 3, changed: 2, value: 7 }]);
    other.put(&[Row { id: 9, changed: 2, value: 8 }]);
    let diff = RowDiff::between(Some(&Arc::new(one.state)), Some(&Arc::new(other.state)));
    let ids = |rows: Vec<(u64, u64, Option<i64>)>| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(ids(read(diff.deleted(Under::Own).map(Result::unwrap))), [2, 3]);
    assert_eq!(ids(read(diff.inserted(Under::Own).map(Result::unwrap))), [9]);
}

#[test]
fn rows_without_columns_equal_each_other() {
    let schema = Arc::new(TableSchema::new(Vec::new()).unwrap());
    let state = |rows, first| {
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        let arrow = Arc::clone(schema.arrow());
        let batch = RecordBatch::try_new_with_options(arrow, Vec::new(), &options).unwrap();
        let mut state = TableState::clone(&state_of(&schema, batch));
        state.chunks.get_mut(&0).unwrap().ids = RowIds::From(first);
        Arc::new(state)
    };
    let diff = RowDiff::between(Some(&state(3, 0)), Some(&state(2, 10))).by_value().unwrap();
    assert_eq!(diff.counts(), RowCounts { deleted: 1, updated: 0, inserted: 0 });
}
