//! Random merges, each against a plain list of rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::merge::{Condition, literal, source, target};
use annals::{ChunkSize, Compaction, Store, StoreBuilder, WriteError, col};
use annals_tests::{Chance, rows_of};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::changes::origins_of;

/// A row: two key columns, of which the second is text, and a value.
type Row = (Option<i64>, Option<&'static str>, Option<i64>);

const TEXTS: [Option<&str>; 4] = [Some("a"), Some("b"), Some("c"), None];

fn batch(rows: &[Row]) -> RecordBatch {
    let a: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let b: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let v: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>());
    RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true), ("v", v, true)])
        .unwrap()
}

fn random_rows(chance: &mut Chance, rows_max: usize, keys: usize) -> Vec<Row> {
    let maybe = |chance: &mut Chance, below: usize| {
        (chance.below(12) > 0).then(|| chance.below(below) as i64)
    };
    (0..chance.below(rows_max + 1))
        .map(|_| (maybe(chance, keys), chance.of(&TEXTS), maybe(chance, 9)))
        .collect()
}

/// What is to be done, in the same words for the store and for the model.
#[derive(Clone, Debug)]
struct Case {
    both_keys: bool,
    /// Up to which value of the source pairs are deleted; none for no such clause.
    delete_to: Option<i64>,
    /// Pairs of which the table's value is at least this are set to the source's value.
    update_from: Option<i64>,
    update_rest: bool,
    insert_to: Option<i64>,
    insert_rest: bool,
    by_source_delete_from: Option<i64>,
    by_source_update: bool,
}

impl Case {
    fn random(chance: &mut Chance) -> Self {
        let mut some = |below: usize| (chance.below(2) == 0).then(|| chance.below(below) as i64);
        let (delete_to, update_from, insert_to) = (some(9), some(9), some(9));
        let by_source_delete_from = if some(2).is_some() { some(9) } else { None };
        Self {
            both_keys: chance.below(2) == 0,
            delete_to,
            update_from,
            update_rest: chance.below(2) == 0,
            insert_to,
            insert_rest: chance.below(2) == 0,
            by_source_delete_from,
            by_source_update: chance.below(4) == 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.delete_to.is_none()
            && self.update_from.is_none()
            && !self.update_rest
            && self.insert_to.is_none()
            && !self.insert_rest
            && self.by_source_delete_from.is_none()
            && !self.by_source_update
    }

    fn on(&self, target: &Row, source: &Row) -> bool {
        let same = target.0.is_some() && target.0 == source.0;
        same && (!self.both_keys || target.1.is_some() && target.1 == source.1)
    }

    fn merge(&self, store: &Store, rows: &[Row]) -> Result<annals::Changed, WriteError> {
        let keys: &[&str] = if self.both_keys { &["b", "a"] } else { &["a"] };
        let mut merge = store.merge("t", batch(rows)).on(keys.iter().copied());
        if let Some(to) = self.delete_to {
            merge = merge.when_matched_delete_if(Condition::source(col("v").lt_eq(to)));
        }
        if let Some(from) = self.update_from {
            let condition = Condition::target(col("v").gt_eq(from));
            merge = merge.when_matched_update_if(condition, [("v", source("v"))]);
        }
        if self.update_rest {
            merge = merge.when_matched_update([("v", target("a")), ("b", literal("z"))]);
        }
        if let Some(to) = self.insert_to {
            let condition = Condition::source(col("v").lt_eq(to));
            let sets = [("a", source("a")), ("v", literal(100))];
            merge = merge.when_not_matched_insert_if(condition, sets);
        }
        if self.insert_rest {
            merge = merge.when_not_matched_insert_all();
        }
        if let Some(from) = self.by_source_delete_from {
            let condition = Condition::target(col("v").gt_eq(from));
            merge = merge.when_not_matched_by_source_delete_if(condition);
        }
        if self.by_source_update {
            merge = merge.when_not_matched_by_source_update([("v", literal(None::<i64>))]);
        }
        merge.execute()
    }

    /// What becomes of the rows, by id; and how many are deleted, updated and inserted. None if
    /// several rows of the source would change one.
    fn model(&self, table: &BTreeMap<u64, Row>, rows: &[Row], next: &mut u64) -> Option<Model> {
        let mut model = Model { rows: table.clone(), counts: [0; 3] };
        let mut partnered = vec![false; rows.len()];
        for (id, row) in table {
            let mut changes: Vec<Option<Row>> = Vec::new();
            let mut alone = true;
            for (at, source) in rows.iter().enumerate().filter(|(_, source)| self.on(row, source)) {
                (partnered[at], alone) = (true, false);
                if self.delete_to.is_some_and(|to| source.2.is_some_and(|v| v <= to)) {
                    changes.push(None);
                } else if self.update_from.is_some_and(|from| row.2.is_some_and(|v| v >= from)) {
                    changes.push(Some((row.0, row.1, source.2)));
                } else if self.update_rest {
                    changes.push(Some((row.0, Some("z"), row.0)));
                }
            }
            if alone {
                if self.by_source_delete_from.is_some_and(|from| row.2.is_some_and(|v| v >= from)) {
                    changes.push(None);
                } else if self.by_source_update {
                    changes.push(Some((row.0, row.1, None)));
                }
            }
            match &changes[..] {
                [] => {}
                [None] => {
                    model.rows.remove(id);
                    model.counts[0] += 1;
                }
                [Some(row)] => {
                    model.rows.insert(*id, *row);
                    model.counts[1] += 1;
                }
                _ => return None,
            }
        }
        // Ids are given clause by clause.
        let alone: Vec<&Row> =
            rows.iter().zip(&partnered).filter(|(_, has)| !**has).map(|(row, _)| row).collect();
        let first = |row: &Row| self.insert_to.is_some_and(|to| row.2.is_some_and(|v| v <= to));
        let firsts = alone.iter().filter(|row| first(row)).map(|row| (row.0, None, Some(100)));
        let rest = alone.iter().filter(|row| !first(row) && self.insert_rest).map(|row| **row);
        for row in firsts.chain(rest) {
            model.rows.insert(*next, row);
            *next += 1;
            model.counts[2] += 1;
        }
        Some(model)
    }
}

struct Model {
    rows: BTreeMap<u64, Row>,
    counts: [u64; 3],
}

fn text_of(rows: &BTreeMap<u64, Row>) -> Vec<String> {
    let all: Vec<Row> = rows.values().copied().collect();
    annals_tests::rows_in(&[batch(&all)])
}

#[test]
fn random_merges_do_what_a_plain_list_says() {
    let mut chance = Chance::new();
    let (mut refused, mut done) = (0, 0);
    for _ in 0..60 {
        let size =
            ChunkSize { rows_min: 1 + chance.below(9), rows_max: 16, ..ChunkSize::default() };
        let store = StoreBuilder::new().chunk_size(size).build();
        let first = random_rows(&mut chance, 40, 30);
        store.write(batch(&first)).save_as_table("t").unwrap();
        let mut table: BTreeMap<u64, Row> = (0..).zip(first).collect();
        let mut next = table.len() as u64;
        for _ in 0..8 {
            let case = Case::random(&mut chance);
            if case.is_empty() {
                continue;
            }
            let keys = chance.of(&[10, 40]);
            let rows = random_rows(&mut chance, 6, keys);
            let before = store.version();
            let mut ids = next;
            match (case.merge(&store, &rows), case.model(&table, &rows, &mut ids)) {
                (Ok(changed), Some(model)) => {
                    let counts = [changed.deleted, changed.updated, changed.inserted];
                    assert_eq!(counts, model.counts, "{case:?} {rows:?}");
                    assert_eq!(changed.committed.made_version(), counts != [0; 3]);
                    (table, next) = (model.rows, ids);
                    done += 1;
                }
                (Err(WriteError::ManySources { .. }), None) => {
                    assert_eq!(store.version(), before);
                    refused += 1;
                }
                (result, model) => {
                    panic!("{case:?} {rows:?}: {result:?}, model {:?}", model.map(|m| m.counts))
                }
            }
            let mut found: Vec<(u64, String)> = origins_of(&store)
                .into_iter()
                .map(|(id, ..)| id)
                .zip(rows_of(&store.table("t").unwrap()))
                .collect();
            found.sort();
            let expected: Vec<(u64, String)> = table.keys().copied().zip(text_of(&table)).collect();
            assert_eq!(found, expected, "{case:?} {rows:?}");
            if chance.below(5) == 0 {
                let size = ChunkSize { rows_min: 20, ..ChunkSize::default() };
                store.compact_with("t", &Compaction::new().chunk_size(size)).unwrap();
            }
        }
    }
    assert!(done > 100 && refused > 0, "{done} done, {refused} refused");
}
