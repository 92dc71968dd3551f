//! Versions taken apart in any order, beside weak references that tell what is really freed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Weak;

use super::*;
use crate::catalog::tests::kit::{Dice, each_seed, row, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, random_wish};
use crate::chunk::Chunk;
use crate::diff::{TableChange, TableDiff, VersionDiff};
use crate::timeline::Retention;
use crate::version::{Timestamp, VersionId};

type Chunks = BTreeMap<usize, Weak<Chunk>>;

/// The versions of a story, and nothing else that holds them.
fn random_versions(dice: &mut Dice) -> Vec<Arc<Version>> {
    let mut story = Story::new();
    for _ in 0..20 {
        let mut tx = story.begin();
        for _ in 0..1 + dice.below(3) {
            let wish = random_wish(dice, &tx.draft, &story.versions);
            let _ = tx.wish(&wish);
        }
        story.commit(tx).unwrap();
    }
    story.versions
}

fn chunks_of(version: &Version) -> Chunks {
    let tables = version.catalog().tables();
    let chunks = tables.flat_map(|(_, table)| table.state().chunks());
    let seen = chunks.map(|(_, entry)| entry.chunk());
    seen.map(|chunk| (Arc::as_ptr(chunk) as usize, Arc::downgrade(chunk))).collect()
}

/// How many chunks and tables a version holds that its successor does not.
fn alone(version: &Version, successor: &Version) -> u64 {
    let diff = VersionDiff::between(version, successor);
    let mut tables: BTreeMap<_, [Option<&TableVersion>; 2]> = BTreeMap::new();
    for (_, table) in version.catalog().tables() {
        tables.entry(table.id()).or_default()[0] = Some(table);
    }
    for (_, table) in successor.catalog().tables() {
        tables.entry(table.id()).or_default()[1] = Some(table);
    }
    let touched: BTreeSet<_> = diff.tables.iter().map(TableChange::id).collect();
    let removed = |[old, new]: &[Option<&TableVersion>; 2]| {
        let diff = TableDiff::of(*old, *new);
        (diff.chunks_removed.len() + diff.chunks_changed.len()) as u64
    };
    let gone = tables.values().filter(|[old, new]| old.is_some() && new.is_none()).count();
    let touched = tables.iter().filter(|(id, _)| touched.contains(id));
    touched.map(|(_, both)| removed(both)).sum::<u64>() + gone as u64
}

#[test]
fn what_versions_alone_hold_is_freed_in_any_order_and_nothing_else() {
    let (mut in_slices, mut freed_at_all) = (0, 0);
    each_seed(0..60, |dice| {
        let mut versions: Vec<_> = random_versions(dice).into_iter().map(Some).collect();
        let before: Vec<Chunks> = versions.iter().flatten().map(|v| chunks_of(v)).collect();
        while versions.iter().flatten().count() > 1 {
            let at = dice.below(versions.len() - 1);
            let Some(version) = versions[at].take() else { continue };
            let later = Arc::clone(versions[at + 1..].iter().flatten().next().unwrap());
            let version = Arc::into_inner(version).expect("nobody else holds it");
            let mut remains = Remains::of(version, &later);
            while !remains.is_empty() {
                let at_most = 1 + dice.below(3);
                let freed = remains.free(at_most);
                assert!(freed <= at_most);
                in_slices += freed;
            }
            let mut reached: BTreeSet<&usize> = BTreeSet::new();
            for (version, chunks) in versions.iter().zip(&before) {
                let Some(version) = version else { continue };
                assert!(chunks_of(version).keys().eq(chunks.keys()), "a shared chunk is gone");
                reached.extend(chunks.keys());
            }
            for (chunk, weak) in before.iter().flatten().filter(|(c, _)| !reached.contains(c)) {
                assert_eq!(weak.strong_count(), 0, "chunk {chunk:x} is left over");
                freed_at_all += 1;
            }
        }
    });
    assert!(in_slices > 500 && freed_at_all > 1_000, "{in_slices} {freed_at_all}");
}

#[test]
fn the_bound_on_what_a_version_alone_holds_is_none_too_low() {
    let mut bounded = 0;
    each_seed(100..160, |dice| {
        for pair in random_versions(dice).windows(2) {
            let entries = entries_removed(pair[1].commit().unwrap());
            let alone = alone(&pair[0], &pair[1]);
            assert!(alone <= entries, "{} holds {alone}, not {entries}", pair[0].id());
            bounded += usize::from(alone > 0 && entries < u64::MAX);
        }
    });
    assert!(bounded > 100, "{bounded}");
}

#[test]
fn a_large_table_goes_in_slices_and_a_small_part_of_one_at_once() {
    let mut story = Story::new();
    let rows: Vec<_> = (0..1_000).map(|n| row(&["k"], n)).collect();
    story.make("t", &["k"], &rows);
    let chunks = story.head().catalog().table(&table("t")).unwrap().state().chunk_count();
    assert!(chunks > 100, "{chunks}");
    let whole = story.head();
    // One chunk more, then none of them.
    story.one(Wish::append("t", &["k"], &[1]));
    let longer = story.head();
    story.one(Wish::Truncate { name: table("t") });
    let keep = Retention { versions_max: 1, ..Retention::UNBOUNDED };
    let expired = story.timeline.expire(&keep, Timestamp(0), usize::MAX);
    let entries: BTreeMap<VersionId, u64> =
        expired.iter().map(|expired| (expired.version.id(), expired.entries)).collect();
    assert!(entries[&whole.id()] <= 1, "an append takes nothing away");
    assert_eq!(entries[&longer.id()], chunks as u64 + 2);
    let later = story.head();
    drop((expired, story));
    let own = |version: Arc<Version>| Arc::into_inner(version).unwrap();
    assert!(Remains::of(own(whole), &longer).is_empty());
    let mut remains = Remains::of(own(longer), &later);
    assert_eq!(remains.free(40), 40);
    assert_eq!(remains.free(usize::MAX), chunks + 1 - 40);
    assert!(remains.is_empty());
}

/// In how many parts a version is taken apart; what is left shared is dropped as a whole.
fn pieces(version: &Version, later: &Version) -> usize {
    Remains::of(version.clone(), later).pieces.len()
}

#[test]
fn a_table_is_taken_apart_only_where_enough_of_its_chunks_are_its_own() {
    let taken_apart = |chunks: i64, gone: i64| {
        let mut story = Story::new();
        let values: Vec<_> = (0..chunks).flat_map(|k| [row(&["k"], k), row(&["k"], k)]).collect();
        let whole = story.make("t", &["k"], &values);
        assert_eq!(story.table("t").state().chunk_count() as i64, chunks);
        let deletes: Vec<_> = (0..gone).map(|k| Wish::delete("t", "k", k)).collect();
        let later = story.all(&deletes);
        assert_eq!(story.table("t").state().chunk_count() as i64, chunks - gone);
        pieces(&whole, &later)
    };
    assert_eq!(taken_apart(32, 2), 1, "one in sixteen");
    assert_eq!(taken_apart(33, 2), 0, "less than that");
    assert_eq!(taken_apart(16, 1), 0, "a single chunk is freed at once");

    // As many chunks as before, and none of them the same.
    let mut story = Story::new();
    let rows: Vec<_> = (0..20).map(|k| row(&["k"], k)).collect();
    let whole = story.make("t", &["k"], &rows);
    let later = story.one(Wish::overwrite("t", &["k"], &(20..40).collect::<Vec<_>>()));
    assert_eq!(pieces(&whole, &later), 1);
}

#[test]
fn a_catalog_is_taken_apart_only_where_enough_of_its_tables_differ() {
    let taken_apart = |tables: usize, dropped: usize| {
        let mut story = Story::new();
        let name = |n: usize| format!("t{n}");
        let creates: Vec<_> = (0..tables).map(|n| Wish::create(&name(n), &["k"], &[])).collect();
        let whole = story.all(&creates);
        let drops: Vec<_> = (0..dropped).map(|n| Wish::drop(&name(n))).collect();
        pieces(&whole, &story.all(&drops))
    };
    assert_eq!(taken_apart(32, 2), 1, "one in sixteen");
    assert_eq!(taken_apart(33, 2), 0, "less than that");
    assert_eq!(taken_apart(16, 1), 0, "a single table is freed at once");
}

#[test]
fn rows_that_come_back_count_as_one_changed_chunk_each() {
    let mut story = Story::new();
    let rows: Vec<_> = (0..6).map(|k| row(&["k"], k)).collect();
    let whole = story.make("t", &["k"], &rows);
    let deletes = [0, 2, 4].map(|k| Wish::delete("t", "k", k));
    let before = story.all(&deletes);
    let restored = story.one(Wish::restore("t", &whole));
    assert_eq!(alone(&before, &restored), 3);
    assert!(entries_removed(restored.commit().unwrap()) >= 3);
}

#[test]
fn a_copy_is_the_same_version_and_another_is_not() {
    let one = Version::initial(Timestamp(1));
    assert!(one.is_same(&one.clone()));
    assert!(!one.is_same(&Version::initial(Timestamp(1))));
    assert!(!one.is_same(&one.speculative(VersionId(1), one.catalog().clone())));

    // Of the same number and moment, with another table in the same databases.
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    let made = story.head();
    let mut tx = story.begin();
    tx.wish(&Wish::append("t", &["k"], &[1])).unwrap();
    assert!(!made.is_same(&made.speculative(made.id(), tx.draft)));
}
