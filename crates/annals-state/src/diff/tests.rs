//! Differences against a comparison that walks through everything.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalog::Catalog;
use crate::catalog::tests::kit::{Dice, each_seed, row};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, add_columns, comment, random_wish, set};
use crate::schema::fold;
use crate::table::TableState;
use crate::version::Timestamp;
use crate::write_set::{PropertyPatch, SchemaChange};

/// A table that differs, by name and identity.
#[derive(Debug, PartialEq)]
enum Seen<'a> {
    Added(String, &'a Arc<TableVersion>),
    Removed(String, &'a Arc<TableVersion>),
    Changed(String, &'a Arc<TableVersion>, &'a Arc<TableVersion>),
}

fn seen(diff: &VersionDiff) -> Vec<Seen<'_>> {
    fn one(change: &TableChange) -> Seen<'_> {
        match change {
            TableChange::Added { name, table } => Seen::Added(name.to_string(), table),
            TableChange::Removed { name, table } => Seen::Removed(name.to_string(), table),
            TableChange::Changed { name, before, after } => {
                Seen::Changed(name.to_string(), before, after)
            }
        }
    }
    diff.tables.iter().map(one).collect()
}

fn expected<'a>(from: &'a Catalog, to: &'a Catalog) -> Vec<Seen<'a>> {
    let by_name = |catalog: &'a Catalog| -> BTreeMap<&TableName, &Arc<TableVersion>> {
        catalog.tables().collect()
    };
    let (old, new) = (by_name(from), by_name(to));
    let names: BTreeSet<&TableName> = old.keys().chain(new.keys()).copied().collect();
    let mut seen = Vec::new();
    for name in names {
        let written = |of: &BTreeMap<&TableName, _>| of.get_key_value(name).unwrap().0.to_string();
        match (old.get(name), new.get(name)) {
            (Some(then), Some(now)) if then.id() == now.id() => {
                let is_same = Arc::ptr_eq(then.state(), now.state());
                // Names that differ in case alone are one name, and written in two ways.
                if !is_same || written(&old) != written(&new) {
                    seen.push(Seen::Changed(written(&new), then, now));
                }
            }
            (before, after) => {
                seen.extend(before.map(|table| Seen::Removed(written(&old), table)));
                seen.extend(after.map(|table| Seen::Added(written(&new), table)));
            }
        }
    }
    seen
}

fn check_databases(diff: &VersionDiff, from: &Catalog, to: &Catalog) {
    let by_name = |catalog: &Catalog| -> BTreeMap<DatabaseName, Arc<Database>> {
        catalog.databases().map(|d| (d.name().clone(), Arc::clone(d))).collect()
    };
    let (old, new) = (by_name(from), by_name(to));
    let names: BTreeSet<&DatabaseName> = old.keys().chain(new.keys()).collect();
    let shown = |d: &Database| (d.comment().map(str::to_owned), d.properties().clone());
    let change = |name: &DatabaseName| match (old.get(name), new.get(name)) {
        (None, Some(new)) => Some(DatabaseChange::Added(Arc::clone(new))),
        (Some(old), None) => Some(DatabaseChange::Removed(Arc::clone(old))),
        (Some(old), Some(new)) if shown(old) != shown(new) => {
            Some(DatabaseChange::Changed { before: Arc::clone(old), after: Arc::clone(new) })
        }
        _ => None,
    };
    let expected: Vec<_> = names.into_iter().filter_map(change).collect();
    assert_eq!(diff.databases, expected);
}

/// The places of a table's live rows, and its chunks by sequence. By places and not by ids: a row
/// that was written anew counts as gone and come.
fn held(table: Option<&TableVersion>) -> (BTreeSet<(u64, u32)>, BTreeMap<u64, ChunkEntry>) {
    let (mut rows, mut chunks) = (BTreeSet::new(), BTreeMap::new());
    for (sequence, entry) in table.iter().flat_map(|table| table.state().chunks()) {
        let live = (0..entry.chunk().rows() as u32)
            .filter(|row| !entry.deletions().is_some_and(|d| d.rows().contains(*row)));
        rows.extend(live.map(|row| (sequence, row)));
        chunks.insert(sequence, entry.clone());
    }
    (rows, chunks)
}

fn check_details(before: Option<&TableVersion>, after: Option<&TableVersion>, diff: &TableDiff) {
    let ((old_rows, old), (new_rows, new)) = (held(before), held(after));
    let only = |chunks: &BTreeMap<u64, ChunkEntry>, other: &BTreeMap<u64, ChunkEntry>| {
        let only = chunks.iter().filter(|(sequence, _)| !other.contains_key(sequence));
        only.map(|(sequence, entry)| (*sequence, entry.clone())).collect::<Vec<_>>()
    };
    assert_eq!(diff.chunks_added, only(&new, &old));
    assert_eq!(diff.chunks_removed, only(&old, &new));
    let both: Vec<_> = old.iter().filter_map(|(s, e)| Some((*s, e, new.get(s)?))).collect();
    let (shared, changed): (Vec<_>, Vec<_>) =
        both.into_iter().partition(|(_, before, after)| before.is_same(after));
    assert_eq!(diff.chunks_shared, shared.len());
    let changed: Vec<_> = changed.into_iter().map(|(s, a, b)| (s, a.clone(), b.clone())).collect();
    assert_eq!(diff.chunks_changed, changed);

    let metrics = diff.metrics();
    assert_eq!(metrics.rows_added, new_rows.difference(&old_rows).count() as u64);
    assert_eq!(metrics.rows_removed, old_rows.difference(&new_rows).count() as u64);
    let bytes = |of: &[(u64, ChunkEntry)]| of.iter().map(|(_, e)| e.chunk().bytes()).sum::<u64>();
    assert_eq!(metrics.bytes_added, bytes(&diff.chunks_added));
    assert_eq!(metrics.bytes_removed, bytes(&diff.chunks_removed));
    assert_eq!(metrics.chunks_added, diff.chunks_added.len() as u64);
    assert_eq!(metrics.chunks_removed, diff.chunks_removed.len() as u64);

    let columns = |table: Option<&TableVersion>| -> BTreeMap<ColumnId, Column> {
        let columns = table.iter().flat_map(|table| table.state().schema().columns());
        columns.map(|column| (column.id(), column.clone())).collect()
    };
    let (old, new) = (columns(before), columns(after));
    let ids: BTreeSet<ColumnId> = old.keys().chain(new.keys()).copied().collect();
    let expected = ids.into_iter().filter_map(|id| match (old.get(&id), new.get(&id)) {
        (Some(old), None) => {
            let (name, data_type) = (old.name().to_owned(), old.data_type().clone());
            Some((id, ColumnChange::Removed { id, name, data_type }))
        }
        (None, Some(new)) => {
            let (name, data_type) = (new.name().to_owned(), new.data_type().clone());
            Some((id, ColumnChange::Added { id, name, data_type }))
        }
        (Some(old), Some(new)) if old != new => {
            let (before, after) = (old.clone(), new.clone());
            Some((id, ColumnChange::Changed { before, after }))
        }
        _ => None,
    });
    let id_of = |change: &ColumnChange| match change {
        ColumnChange::Added { id, .. } | ColumnChange::Removed { id, .. } => *id,
        ColumnChange::Changed { after, .. } => after.id(),
    };
    let found: BTreeMap<ColumnId, ColumnChange> =
        diff.columns.iter().map(|change| (id_of(change), change.clone())).collect();
    assert_eq!(found.len(), diff.columns.len());
    assert_eq!(found, expected.collect());

    let said = |table: Option<&TableVersion>| {
        table.map(|t| (t.state().kind().clone(), t.state().details().clone()))
    };
    let none = before.is_none() && after.is_none();
    assert_eq!(diff.details_changed, none || said(before) != said(after));
}

fn check(from: &Version, to: &Version) -> VersionDiff {
    let diff = VersionDiff::between(from, to);
    assert_eq!((diff.from, diff.to), (from.id(), to.id()));
    let expected = expected(from.catalog(), to.catalog());
    assert_eq!(seen(&diff), expected);
    for (found, expected) in seen(&diff).iter().zip(&expected) {
        // Equal is not enough: it is the very table.
        let same = match (found, expected) {
            (Seen::Changed(_, a, b), Seen::Changed(_, c, d)) => {
                Arc::ptr_eq(a, c) && Arc::ptr_eq(b, d)
            }
            (Seen::Added(_, a), Seen::Added(_, b)) | (Seen::Removed(_, a), Seen::Removed(_, b)) => {
                Arc::ptr_eq(a, b)
            }
            _ => false,
        };
        assert!(same);
    }
    check_databases(&diff, from.catalog(), to.catalog());
    for change in &diff.tables {
        let (before, after) = match change {
            TableChange::Added { table, .. } => (None, Some(&**table)),
            TableChange::Removed { table, .. } => (Some(&**table), None),
            TableChange::Changed { before, after, .. } => (Some(&**before), Some(&**after)),
        };
        check_details(before, after, &change.details());
    }
    assert_eq!(diff.is_empty(), diff.tables.is_empty() && diff.databases.is_empty());
    diff
}

fn random_story(dice: &mut Dice, commits: usize) -> Story {
    let mut story = Story::new();
    for _ in 0..commits {
        let mut tx = story.begin();
        for _ in 0..1 + dice.below(3) {
            let wish = random_wish(dice, &tx.draft, &story.versions);
            let _ = tx.wish(&wish);
        }
        story.commit(tx).unwrap();
    }
    story
}

#[test]
fn any_two_versions_differ_in_what_a_walk_finds() {
    let (mut differing, mut changed) = (0, 0);
    each_seed(0..40, |dice| {
        let story = random_story(dice, 20);
        for _ in 0..20 {
            let (one, other) = (dice.pick(&story.versions), dice.pick(&story.versions));
            let diff = check(&one, &other);
            differing += diff.tables.len();
            changed += diff.tables.iter().map(|c| c.details().chunks_changed.len()).sum::<usize>();
        }
        for pair in story.versions.windows(2) {
            check(&pair[0], &pair[1]);
            assert!(check(&pair[1], &pair[1]).is_empty());
        }
    });
    assert!(differing > 500 && changed > 5, "{differing} {changed}");
}

#[test]
fn states_of_one_table_differ_whatever_lies_between() {
    each_seed(100..140, |dice| {
        let story = random_story(dice, 20);
        let mut states: BTreeMap<TableId, Vec<&TableVersion>> = BTreeMap::new();
        for (_, table) in story.versions.iter().flat_map(|version| version.catalog().tables()) {
            states.entry(table.id()).or_default().push(table);
        }
        for states in states.values() {
            for _ in 0..10 {
                let (one, other) = (dice.pick(states), dice.pick(states));
                check_details(Some(one), Some(other), &TableDiff::of(Some(one), Some(other)));
            }
            check_details(None, Some(states[0]), &TableDiff::of(None, Some(states[0])));
            check_details(Some(states[0]), None, &TableDiff::of(Some(states[0]), None));
        }
    });
}

#[test]
fn a_restore_differs_in_nothing_from_what_it_restores() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    story.make("b", &["k"], &[]);
    story.one(Wish::describe("b", set("p", "1")));
    let then = story.head();
    story.all(&[
        Wish::append("a", &["k", "x"], &[2]),
        Wish::rename("b", "c"),
        Wish::delete("a", "k", 1),
        Wish::describe("c", comment(Some("no longer"))),
    ]);
    let changed = story.head();
    assert_eq!(check(&then, &changed).tables.len(), 3);
    let restored = story.one(Wish::RestoreStore { source: Arc::clone(&then) });
    assert!(check(&then, &restored).is_empty());
    assert!(check(&restored, &then).is_empty());
    assert!(story.table("a").ordinal() > 1, "its numbers have gone on all the same");
    assert_eq!(check(&changed, &restored).tables.len(), 3);

    let grown = story.one(Wish::append("a", &["k"], &[3]));
    let back = story.one(Wish::restore("a", &then));
    assert!(check(&restored, &back).is_empty());
    assert_eq!(check(&grown, &back).tables.len(), 1);
}

#[test]
fn a_renamed_table_went_and_came_with_one_id() {
    let mut story = Story::new();
    story.make("b", &["k"], &[row(&["k"], 1)]);
    let before = story.head();
    let after = story.one(Wish::rename("b", "a"));
    let diff = check(&before, &after);
    let names: Vec<String> = diff.tables.iter().map(|change| change.name().to_string()).collect();
    assert_eq!(names, ["default.a", "default.b"]);
    assert!(matches!(diff.tables[0], TableChange::Added { .. }));
    assert_eq!(diff.tables[0].id(), diff.tables[1].id());
    // A name that another table has taken over.
    let taken = story.make("b", &["k"], &[]);
    let diff = check(&before, &taken);
    let kinds = diff.tables.iter().map(|change| (change.name().to_string(), change.id().0));
    let kinds: Vec<_> = kinds.collect();
    let expected = [("default.a", 0), ("default.b", 0), ("default.b", 1)];
    assert_eq!(kinds, expected.map(|(name, id)| (name.to_owned(), id)));
    assert!(matches!(diff.tables[1], TableChange::Removed { .. }));
    // Another spelling of one name is something to see, and to undo.
    let spelled = story.one(Wish::rename("b", "B"));
    let diff = check(&taken, &spelled);
    assert!(matches!(&diff.tables[..], [TableChange::Changed { .. }]));
}

#[test]
fn a_database_differs_by_what_is_said_of_it_and_not_by_its_tables() {
    let mut story = Story::new();
    story.make_database("d1");
    let before = story.head();
    let after = story.make("d1.t", &["k"], &[]);
    assert!(check(&before, &after).databases.is_empty());
    let name = DatabaseName::new("d1").unwrap();
    let patch = PropertyPatch::default();
    let nothing = story.one(Wish::AlterDatabase { name: name.clone(), patch });
    assert!(check(&after, &nothing).is_empty());
    let said = story.one(Wish::AlterDatabase { name: name.clone(), patch: set("p", "1") });
    let diff = check(&nothing, &said);
    assert_eq!(diff.databases.len(), 1);
    assert_eq!(diff.databases[0].name(), &name);
    assert!(!diff.is_empty());
    let gone = story.one(Wish::DropDatabase { name, cascade: true });
    let diff = check(&said, &gone);
    assert!(matches!(diff.databases[..], [DatabaseChange::Removed(_)]));
    assert!(matches!(diff.tables[..], [TableChange::Removed { .. }]));
}

#[test]
fn columns_differ_by_id() {
    let mut story = Story::new();
    story.make("a", &["k", "v"], &[]);
    let before = story.table("a");
    story.one(Wish::alter(
        "a",
        [
            SchemaChange::RenameColumn { from: "k".into(), to: "v2".into() },
            SchemaChange::DropColumns(vec!["v".into()]),
            add_columns(&["v"]),
        ],
    ));
    let after = story.table("a");
    let told =
        |diff: TableDiff| -> Vec<String> { diff.columns.iter().map(ToString::to_string).collect() };
    assert_eq!(fold("V2"), "v2");
    let there = told(TableDiff::of(Some(&before), Some(&after)));
    assert_eq!(there, ["~ k Int64 -> v2 Int64", "- v Int64", "+ v Int64"]);
    let back = told(TableDiff::of(Some(&after), Some(&before)));
    assert_eq!(back, ["~ v2 Int64 -> k Int64", "- v Int64", "+ v Int64"]);
    assert_eq!(told(TableDiff::of(None, Some(&before))), ["+ k Int64", "+ v Int64"]);
    assert!(told(TableDiff::of(Some(&before), Some(&before))).is_empty());
}

#[test]
fn among_very_many_tables_those_that_differ_are_found() {
    let many = 100_000;
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let one = story.table("a");
    let databases = ["d0", "d1", "d2"].map(|name| DatabaseName::new(name).unwrap());
    let copy = |at: u64, text: &str| {
        let mut copy = TableVersion::clone(&one);
        copy.id = TableId(at);
        copy.name = TableName::new(&databases[at as usize % 3], text).unwrap();
        copy
    };
    let mut catalog = story.head().catalog().clone();
    for at in 1..many {
        catalog.tables.insert(Arc::new(copy(at, &format!("t{at}"))));
    }
    let before = Version::initial(Timestamp(0)).speculative(VersionId(1), catalog.clone());
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    for at in (1..many).step_by(9_973) {
        let name = copy(at, &format!("t{at}")).name;
        match at % 4 {
            0 => {
                catalog.tables.remove(&name);
                removed += 1;
            }
            1 => {
                // Shows the same: not a difference.
                let mut same = TableVersion::clone(catalog.table(&name).unwrap());
                same.ordinal += 1;
                catalog.tables.insert(Arc::new(same));
            }
            2 => {
                let mut other = TableVersion::clone(catalog.table(&name).unwrap());
                other.state = Arc::new(TableState::clone(&other.state));
                other.ordinal += 1;
                catalog.tables.insert(Arc::new(other));
                changed += 1;
            }
            _ => {
                catalog.tables.insert(Arc::new(copy(many + at, &format!("new{at}"))));
                added += 1;
            }
        }
    }
    let after = before.speculative(VersionId(2), catalog);
    let diff = VersionDiff::between(&before, &after);
    let count = |kind: fn(&&TableChange) -> bool| diff.tables.iter().filter(kind).count();
    let found = [
        count(|change| matches!(change, TableChange::Added { .. })),
        count(|change| matches!(change, TableChange::Removed { .. })),
        count(|change| matches!(change, TableChange::Changed { .. })),
    ];
    assert_eq!(found, [added, removed, changed]);
    assert!(added * removed * changed > 0);
    assert!(diff.tables.is_sorted_by(|a, b| a.name() < b.name()));
    for change in &diff.tables {
        let there = |version: &Version| version.catalog().table(change.name()).is_some();
        match change {
            TableChange::Added { .. } => assert!(!there(&before) && there(&after)),
            TableChange::Removed { .. } => assert!(there(&before) && !there(&after)),
            TableChange::Changed { before, after, .. } => assert_ne!(before, after),
        }
    }
    assert!(VersionDiff::between(&before, &before).is_empty());
}
