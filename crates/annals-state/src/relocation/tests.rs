//! Deletes and updates beside compactions, against a model that knows rows and no chunks: what
//! stands leaves every change there once, and no row comes back.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::kit::{Dice, Row, each_seed, row, rows_in, table};
use crate::catalog::tests::story::{Story, Tx};
use crate::catalog::tests::wishes::Wish;
use crate::catalog::tests::wishes::rows::live;

const COLUMNS: [&str; 2] = ["k", "v"];

/// Rows by their ids: who they are, and what they hold.
type Rows = BTreeMap<u64, (Origin, Row)>;

fn rows_of(catalog: &Catalog) -> Rows {
    let state = catalog.table(&table("a")).unwrap().state();
    let mut all = Rows::new();
    for (_, entry) in state.chunks() {
        let rows = rows_in(state, entry);
        for at in live(entry) {
            let origin = entry.origin(at);
            let twice = all.insert(origin.row, (origin, rows[at as usize].clone()));
            assert!(twice.is_none(), "row {} is there twice", origin.row);
        }
    }
    all
}

/// A table of `rows` rows whose k is their id, in chunks of two.
fn story_of(rows: i64) -> Story {
    let mut story = Story::new();
    let rows: Vec<Row> = (0..rows).map(|k| row(&COLUMNS, k)).collect();
    story.make("a", &COLUMNS, &rows);
    story
}

fn random_compaction(dice: &mut Dice, catalog: &Catalog) -> Wish {
    let state = catalog.table(&table("a")).unwrap().state();
    let all = dice.one_in(2);
    let chosen = state.chunks().filter(|_| all || dice.one_in(2)).map(|(sequence, _)| sequence);
    let chunks: BTreeSet<u64> = chosen.collect();
    let shuffle = dice.one_in(2).then(|| dice.next());
    Wish::Compact { name: table("a"), chunks: Some(chunks), shuffle }
}

/// A delete or an update of rows that are there, or of none. Returns the row's key.
fn random_change(dice: &mut Dice, keys: i64) -> (Wish, i64) {
    let key = dice.below(keys as usize) as i64;
    match dice.one_in(2) {
        true => (Wish::delete("a", "k", key), key),
        false => (Wish::update("a", "k", key, "v", 100 + dice.below(100) as i64), key),
    }
}

/// Whether all rows that are taken out of chunks of the base can be found: by rows and chunks as
/// the two catalogs show them.
fn may_stand(touched: &BTreeSet<u64>, base: &Catalog, head: &Catalog) -> bool {
    let (then, now) = (base.table(&table("a")).unwrap(), head.table(&table("a")).unwrap());
    let present = rows_of(head);
    then.state().chunks().all(|(sequence, entry)| {
        let mut mine =
            live(entry).map(|at| entry.origin(at)).filter(|origin| touched.contains(&origin.row));
        match now.state().chunk_map().get(&sequence) {
            Some(same) => mine.next().is_none() || same.is_same(entry),
            None => mine.all(|origin| {
                present.get(&origin.row).is_some_and(|(now, _)| now.changed == origin.changed)
            }),
        }
    })
}

#[test]
fn changes_beside_compactions_are_those_of_a_model_of_rows() {
    let (mut stood, mut moved, mut refused) = (0, 0, 0);
    each_seed(0..600, |dice| {
        let mut story = story_of(12);
        // The base has chunks that were compacted, and such of which rows were deleted.
        for _ in 0..dice.below(4) {
            let wish = match dice.one_in(2) {
                true => random_compaction(dice, story.head().catalog()),
                false => random_change(dice, 12).0,
            };
            story.one(wish);
        }
        let base = story.head();
        let before = rows_of(base.catalog());
        let mut mine = story.begin();
        let at = VersionId(base.id().0 + 1);
        if dice.one_in(3) {
            mine.wish(&Wish::append("a", &COLUMNS, &[12, 13])).unwrap();
        }
        let mut touched = BTreeSet::new();
        for _ in 0..1 + dice.below(3) {
            let present = rows_of(&mine.draft);
            let (wish, key) = random_change(dice, 14);
            mine.wish(&wish).unwrap();
            let hit = present.iter().filter(|(_, (_, row))| row["k"] == Some(key));
            touched.extend(hit.map(|(id, _)| *id).filter(|id| before.contains_key(id)));
        }
        let drafted = rows_of(&mine.draft);
        for _ in 0..1 + dice.below(4) {
            let head = story.head();
            match dice.below(6) {
                0 => story.one(random_change(dice, 12).0),
                1 => story.one(Wish::append("a", &COLUMNS, &[20])),
                _ => story.one(random_compaction(dice, head.catalog())),
            };
        }
        let head = story.head();
        let now = rows_of(head.catalog());
        let compacted = head.catalog().table(&table("a")).unwrap().stamps().compact > base.id();
        let needed = Relocation::is_needed(&mine.writes, base.id(), head.catalog());
        assert!(!needed || compacted);
        assert!(needed || !compacted || touched.is_empty());
        let expected = may_stand(&touched, base.catalog(), head.catalog());
        let outcome = mine.check(&head);
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}, {touched:?}");
        if !expected {
            refused += 1;
            return;
        }
        stood += 1;
        moved += u32::from(compacted && !touched.is_empty());
        let (first, settled) = (mine.base.catalog().table(&table("a")).unwrap(), head.id().0 + 1);
        let (first, next) = (first.high_water().next_row, head.catalog());
        let next = next.table(&table("a")).unwrap().high_water().next_row;
        // What others have now, without what I took out, and what I gave other values or brought.
        let mut expected: Rows = now.into_iter().filter(|(id, _)| !touched.contains(id)).collect();
        for (id, (origin, row)) in drafted {
            if origin.changed == at {
                let id = if id >= first { id - first + next } else { id };
                let settle = |version| if version == at { VersionId(settled) } else { version };
                let (born, changed) = (settle(origin.born), settle(origin.changed));
                expected.insert(id, (Origin { row: id, born, changed }, row));
            }
        }
        let version = story.commit(mine).unwrap();
        assert_eq!(rows_of(version.catalog()), expected);
        // And a compaction of all this changes nothing.
        story.one(Wish::Compact { name: table("a"), chunks: None, shuffle: Some(7) });
        assert_eq!(rows_of(story.head().catalog()), expected);
    });
    assert!(stood > 100 && moved > 100 && refused > 30, "{stood} {moved} {refused}");
}

/// Commits a transaction that began before `others`, and returns the values of the column `k`.
fn beside(mine: &[Wish], others: &[Wish]) -> Result<Vec<i64>, Vec<u64>> {
    let mut story = story_of(6);
    let mut tx: Tx = story.begin();
    for wish in mine {
        tx.wish(wish).unwrap();
    }
    others.iter().for_each(|wish| drop(story.one(wish.clone())));
    tx.check(&story.head()).map_err(|conflict| conflict.chunks)?;
    let version = story.commit(tx).unwrap();
    check_invariants(version.catalog());
    Ok(rows_of(version.catalog()).values().map(|(_, row)| row["k"].unwrap()).collect())
}

fn compact(chunks: &[u64]) -> Wish {
    let chunks = Some(chunks.iter().copied().collect());
    Wish::Compact { name: table("a"), chunks, shuffle: None }
}

#[test]
fn a_whole_chunk_and_a_part_of_another_are_found_wherever_they_went() {
    let delete = |keys: &[i64]| -> Vec<Wish> {
        keys.iter().map(|key| Wish::delete("a", "k", *key)).collect()
    };
    let all = || Wish::compact("a");
    assert_eq!(beside(&delete(&[0, 1, 4]), &[all()]), Ok(vec![2, 3, 5]));
    assert_eq!(
        beside(&delete(&[0, 1, 4]), &[compact(&[0]), compact(&[2]), all()]),
        Ok(vec![2, 3, 5])
    );
    assert_eq!(beside(&delete(&[0, 1, 2, 3, 4, 5]), &[all()]), Ok(vec![]));
    // Others take rows out of the same chunks after they moved: other rows.
    assert_eq!(beside(&delete(&[0]), &[all(), Wish::delete("a", "k", 1)]), Ok(vec![2, 3, 4, 5]));
    // Before: the chunk was no longer as it was, but the row that is meant is the same.
    assert_eq!(beside(&delete(&[0]), &[Wish::delete("a", "k", 1), all()]), Ok(vec![2, 3, 4, 5]));
    // The row itself, in either order: what others did is known by then.
    for others in [[all(), Wish::delete("a", "k", 0)], [Wish::delete("a", "k", 0), all()]] {
        assert_eq!(beside(&delete(&[0, 4]), &others), Err(vec![0]));
    }
    for other in
        [[all(), Wish::update("a", "k", 4, "v", 9)], [Wish::update("a", "k", 4, "v", 9), all()]]
    {
        assert_eq!(beside(&delete(&[0, 4]), &other), Err(vec![2]));
    }
    // A chunk that was not moved is judged as a whole.
    assert_eq!(beside(&delete(&[0]), &[Wish::delete("a", "k", 1), compact(&[1, 2])]), Err(vec![0]));
}

#[test]
fn a_relocation_is_needed_where_a_compaction_was_and_rows_are_taken_out() {
    let mut story = story_of(4);
    story.make("b", &COLUMNS, &[row(&COLUMNS, 1)]);
    story.one(Wish::compact("a"));
    let tx = |wish: &Wish| {
        let mut tx = story.begin();
        tx.wish(wish).unwrap();
        tx
    };
    let delete = tx(&Wish::delete("a", "k", 1));
    let append = tx(&Wish::append("a", &COLUMNS, &[9]));
    let nothing = tx(&Wish::delete("a", "k", 99));
    let elsewhere = tx(&Wish::delete("b", "k", 1));
    let needed = |tx: &Tx, head: &Catalog| Relocation::is_needed(&tx.writes, tx.base.id(), head);
    assert!(!needed(&delete, story.head().catalog()), "it was before");
    let head = story.one(Wish::compact("a"));
    let needed = [&delete, &append, &nothing, &elsewhere].map(|tx| needed(tx, head.catalog()));
    assert_eq!(needed, [true, false, false, false]);
    // A table that left is in nobody's way here: that is for the check to say.
    let head = story.one(Wish::drop("a"));
    assert!(!Relocation::is_needed(&delete.writes, delete.base.id(), head.catalog()));
    delete.check(&head).unwrap_err();
}

#[test]
fn each_change_counts_the_rows_that_it_takes_out_itself() {
    let mut story = story_of(6);
    let mut mine = story.begin();
    mine.wish(&Wish::delete("a", "k", 0)).unwrap();
    mine.wish(&Wish::update("a", "k", 1, "v", 9)).unwrap();
    story.one(Wish::compact("a"));
    let (_, operations) = mine.carried_over(&story.head(), VersionId::ZERO).unwrap();
    let counted = operations.iter().map(|o| (o.metrics.rows_removed, o.metrics.rows_updated));
    assert_eq!(counted.collect::<Vec<_>>(), [(1, 0), (0, 1)]);
}
