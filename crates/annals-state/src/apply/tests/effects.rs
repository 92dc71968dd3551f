//! What single changes do, where a model of rows and names does not look: sharing, layouts,
//! counts, spelling.

use std::sync::Arc;

use arrow_schema::DataType;
use roaring::RoaringBitmap;

use super::model::moved;
use crate::apply::Place;
use crate::catalog::Catalog;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::kit::{Row, chunks, database, row, rows_of, table};
use crate::catalog::tests::story::{Story, Tx};
use crate::catalog::tests::wishes::{Wish, add_columns, set, take_out};
use crate::commit::{Metrics, OperationKind, SourceLocation, Target};
use crate::save_mode::SaveMode;
use crate::schema::{Column, ColumnId, TableSchema};
use crate::table::{Details, TableKind, TableVersion};
use crate::version::{Version, VersionId};
use crate::write_set::{Change, NewRows, NewSchema, PropertyPatch, Removal, SchemaChange, Staged};

fn longs(names: &[&str]) -> Arc<TableSchema> {
    let column = |(at, name): (usize, &&str)| {
        Column::new(ColumnId(at as u32), arrow_schema::Field::new(*name, DataType::Int64, true))
    };
    Arc::new(TableSchema::new(names.iter().enumerate().map(column).collect()).unwrap())
}

fn found<'a>(version: &'a Version, name: &str) -> &'a Arc<TableVersion> {
    version.catalog().table(&table(name)).unwrap()
}

fn values(state: &crate::table::TableState, column: &str) -> Vec<Option<i64>> {
    rows_of(state).iter().map(|row| row[column]).collect()
}

#[test]
fn a_new_table_takes_over_the_spelling_of_its_database() {
    let mut story = Story::new();
    story.make_database("Sales");
    let version = story.make("SALES.Orders", &["a"], &[]);
    let (name, _) = version.catalog().table_entry(&table("sales.orders")).unwrap();
    assert_eq!(name.to_string(), "Sales.Orders");
    let Target::Table { name, .. } = &version.commit().unwrap().operations[0].target else {
        panic!()
    };
    assert_eq!(name.to_string(), "Sales.Orders");
    let version = story.one(Wish::rename("sales.orders", "SALES.Items"));
    let (name, _) = version.catalog().table_entry(&table("sales.items")).unwrap();
    assert_eq!(name.to_string(), "Sales.Items");
}

#[test]
fn the_record_says_how_a_table_was_made_and_where() {
    let mut tx = Story::new().begin();
    let schema = longs(&["a"]);
    let mut create = |name: &str, kind: TableKind, mode: Option<SaveMode>| {
        let change = Change::CreateTable {
            name: table(name),
            kind,
            schema: Arc::clone(&schema),
            details: Arc::new(Details::default()),
            rows: NewRows::none(Arc::clone(&schema)),
            mode,
        };
        tx.stage(change).unwrap().clone()
    };
    let managed = create("a", TableKind::Managed, None);
    let external = TableKind::External { location: "s3://b/x".into() };
    let external = create("b", external, Some(SaveMode::Overwrite));
    let view = create("c", TableKind::View { text: "select 1".into() }, None);
    assert_eq!(managed.kind, OperationKind::CreateTable { mode: None });
    assert_eq!(external.kind, OperationKind::CreateTable { mode: Some(SaveMode::Overwrite) });
    assert_eq!(view.kind, OperationKind::CreateView);
    let place = |file: &'static str, line| SourceLocation { file: file.into(), line, column: 1 };
    assert_eq!(
        [managed.location, external.location, view.location],
        [place("story", 1), place("story", 2), place("story", 3)]
    );
}

#[test]
fn equal_schemas_are_one() {
    let mut story = Story::new();
    let version = story.make("a", &["k"], &[row(&["k"], 1)]);
    let state = found(&version, "a").state();
    let entry = |state: &crate::table::TableState, sequence| {
        Arc::clone(state.layout(&state.chunk_map()[&sequence]))
    };
    assert!(Arc::ptr_eq(&entry(state, 0), state.schema()));

    // Rows that were laid out under an equal schema of their own.
    let own = longs(&["k"]);
    let rows = NewRows::new(Arc::clone(&own), chunks(&own, &[row(&["k"], 2)], 1));
    let mut tx = story.begin();
    let (name, patch) = (table("a"), PropertyPatch::default());
    tx.stage(Change::Append { name, alterations: Arc::from([]), patch, rows }).unwrap();
    let version = story.commit(tx).unwrap();
    let state = found(&version, "a").state();
    assert!(Arc::ptr_eq(&entry(state, 1), state.schema()));
    assert_eq!(state.layouts.len(), 1);

    // Rows of a schema that the table has left keep that one, and it is told but once.
    let old = Arc::clone(state.schema());
    story.one(Wish::alter("a", [add_columns(&["x"])]));
    for value in [3, 4] {
        let mut tx = story.begin();
        let rows = chunks(&old, &[row(&["k"], value)], 1);
        let rows = NewRows::new(Arc::clone(&old), rows);
        let (name, patch) = (table("a"), PropertyPatch::default());
        tx.stage(Change::Append { name, alterations: Arc::from([]), patch, rows }).unwrap();
        story.commit(tx).unwrap();
    }
    let table = story.table("a");
    let state = table.state();
    assert!(Arc::ptr_eq(&entry(state, 3), &old) && Arc::ptr_eq(&entry(state, 2), &old));
    assert_eq!(state.layouts.len(), 2);
    assert_eq!(values(state, "k"), [1, 2, 3, 4].map(Some));
    assert_eq!(values(state, "x"), [None; 4]);
}

#[test]
fn a_column_that_is_added_again_is_another_column() {
    let mut story = Story::new();
    story.make("a", &["k", "x"], &[row(&["k", "x"], 1)]);
    story.one(Wish::alter("a", [SchemaChange::DropColumns(vec!["x".to_owned()])]));
    story.one(Wish::append("a", &["k", "x"], &[2]));
    let now = story.table("a");
    assert_eq!(values(now.state(), "x"), [None, Some(2)]);
    assert_eq!(now.state().schema().columns()[1].id(), ColumnId(2));
    // One that an overwrite brings under the old name is the old one.
    story.one(Wish::overwrite_schema("a", &["X", "y"], &[3]));
    let ids = |story: &Story| -> Vec<u32> {
        story.table("a").state().schema().columns().iter().map(|c| c.id().0).collect()
    };
    assert_eq!(ids(&story), [2, 3]);
    story.one(Wish::overwrite_schema("a", &["k"], &[4]));
    assert_eq!(ids(&story), [4], "the first `k` is gone for good");
}

#[test]
fn rows_are_taken_out_once_and_an_empty_chunk_goes() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    let state = Arc::clone(story.table("a").state());
    let rows: Vec<Row> = (0..8).map(|n| row(&["k"], n)).collect();
    let rows = NewRows::new(Arc::clone(state.schema()), chunks(state.schema(), &rows, 4));
    let mut tx = story.begin();
    let (name, patch) = (table("a"), PropertyPatch::default());
    tx.stage(Change::Append { name, alterations: Arc::from([]), patch, rows }).unwrap();
    story.commit(tx).unwrap();

    let take = |story: &mut Story, removed: &[(u64, Removal)]| -> (Metrics, bool) {
        let before = story.head();
        let mut tx = story.begin();
        let metrics = tx.stage(take_out("a", removed)).unwrap().metrics;
        assert_eq!(metrics, moved(before.catalog(), &tx.draft));
        let version = story.commit(tx).unwrap();
        (metrics, found(&version, "a").stamps().rows == version.id())
    };
    let rows = |rows: &[u32]| Removal::Rows(rows.iter().copied().collect::<RoaringBitmap>());
    let removed = |(metrics, stamped): (Metrics, bool)| {
        assert_eq!(metrics.rows_added, 0);
        (metrics.rows_removed, metrics.chunks_removed, stamped)
    };
    assert_eq!(removed(take(&mut story, &[(0, rows(&[1, 2]))])), (2, 0, true));
    // Two of these three are gone already.
    assert_eq!(removed(take(&mut story, &[(0, rows(&[1, 2, 3]))])), (1, 0, true));
    assert_eq!(values(story.table("a").state(), "k"), [0, 4, 5, 6, 7].map(Some));
    let entry = story.table("a").state().chunk_map()[&0].clone();
    assert_eq!(entry.deletions().unwrap().changed(), story.head().id());
    assert_eq!((entry.live_rows(), entry.origin(0).row, entry.birth()), (1, 0, VersionId(2)));
    // Nothing that is still there: no change of rows.
    assert_eq!(removed(take(&mut story, &[(0, rows(&[1]))])), (0, 0, false));
    // The last row takes the chunk with it, as does the chunk as a whole.
    assert_eq!(removed(take(&mut story, &[(0, rows(&[0]))])), (1, 1, true));
    assert_eq!(removed(take(&mut story, &[(1, rows(&[0]))])), (1, 0, true));
    assert_eq!(removed(take(&mut story, &[(1, Removal::Chunk)])), (3, 1, true));
    let state = Arc::clone(story.table("a").state());
    assert_eq!((state.rows(), state.bytes(), state.chunk_count()), (0, 0, 0));
    assert_eq!(story.table("a").high_water().next_row, 8);
}

#[test]
fn a_new_spelling_is_a_rename_and_no_departure() {
    let mut story = Story::new();
    story.make("orders", &["k"], &[row(&["k"], 1)]);
    let before = story.table("orders");
    let version = story.one(Wish::rename("orders", "Orders"));
    let (name, now) = version.catalog().table_entry(&table("orders")).unwrap();
    assert_eq!(name.table_str(), "Orders");
    assert_eq!((now.id(), now.ordinal()), (before.id(), before.ordinal() + 1));
    assert!(Arc::ptr_eq(now.state(), before.state()));
    assert!(version.catalog().departure(now.id()).is_none());
    assert_eq!(version.catalog().database(&database("default")).unwrap().table_count(), 1);
    let kind = &version.commit().unwrap().operations[0].kind;
    assert_eq!(kind.to_string(), "rename to default.Orders");
}

#[test]
fn a_rename_shares_the_state_and_is_counted_on_both_sides() {
    let mut story = Story::new();
    story.make_database("d1");
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let before = story.table("a");
    let version = story.one(Wish::rename("a", "d1.b"));
    let now = found(&version, "d1.b");
    assert!(Arc::ptr_eq(now.state(), before.state()));
    assert_eq!(now.high_water(), before.high_water());
    assert!(version.catalog().table(&table("a")).is_none());
    for (name, count) in [("default", 0), ("d1", 1)] {
        let database = version.catalog().database(&database(name)).unwrap();
        assert_eq!((database.table_count(), database.tables_changed), (count, version.id()));
    }
    assert_eq!(version.catalog().departure(now.id()).unwrap().renamed_to, Some(table("d1.b")));
}

#[test]
fn a_cascade_drops_what_is_in_the_database_and_nothing_else() {
    let mut story = Story::new();
    story.make_database("d1");
    for name in ["a", "d1.a", "d1.b", "d10"] {
        story.make(name, &["k"], &[row(&["k"], 1), row(&["k"], 2), row(&["k"], 3)]);
    }
    let before = story.head();
    let version = story.one(Wish::DropDatabase { name: database("D1"), cascade: true });
    let names: Vec<_> = version.catalog().tables().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["default.a", "default.d10"]);
    let metrics = version.commit().unwrap().metrics();
    assert_eq!(metrics, moved(before.catalog(), version.catalog()));
    assert_eq!((metrics.rows_removed, metrics.chunks_removed), (6, 4));
    assert_eq!(version.catalog().databases_changed, version.id());
}

#[test]
fn numbers_go_on_where_a_dropped_table_ended() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let then = story.head();
    story.one(Wish::append("a", &["k", "x"], &[2, 3, 4]));
    let last = story.table("a");
    story.one(Wish::drop("a"));
    story.make("a", &["k"], &[]);
    assert_ne!(story.table("a").id(), last.id(), "drop and create is another table");
    story.one(Wish::drop("a"));
    story.one(Wish::restore("a", &then));
    let back = story.table("a");
    assert_eq!((back.id(), back.ordinal()), (last.id(), last.ordinal() + 1));
    assert_eq!(back.high_water(), last.high_water());
    assert!(Arc::ptr_eq(back.state(), found(&then, "a").state()));
    story.one(Wish::append("a", &["k", "y"], &[5]));
    let state = Arc::clone(story.table("a").state());
    let (sequence, entry) = state.chunks().last().unwrap();
    assert_eq!((sequence, entry.origin(0).row), (3, 4));
    assert_eq!(state.schema().columns()[1].id(), ColumnId(2));
    assert_eq!(values(&state, "k"), [1, 5].map(Some));
}

#[test]
fn a_table_that_comes_and_goes_in_one_transaction_takes_one_ordinal() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    let then = story.head();
    for wishes in [
        vec![Wish::append("a", &["k"], &[1]), Wish::drop("a"), Wish::restore("a", &then)],
        vec![Wish::drop("a"), Wish::restore("a", &then), Wish::append("a", &["k"], &[1])],
        vec![
            Wish::rename("a", "b"),
            Wish::append("b", &["k"], &[1]),
            Wish::RestoreStore { source: Arc::clone(&then) },
        ],
        vec![Wish::rename("a", "b"), Wish::rename("b", "c"), Wish::rename("c", "a")],
    ] {
        let before = story.table("a").ordinal();
        story.all(&wishes);
        assert_eq!(story.table("a").ordinal(), before + 1);
    }
}

#[test]
fn a_restore_of_the_store_shares_what_it_puts_back() {
    let mut story = Story::new();
    story.make_database("d1");
    for name in ["kept", "changed", "renamed", "d1.dropped"] {
        story.make(name, &["k"], &[row(&["k"], 1), row(&["k"], 2)]);
    }
    let then = story.head();
    let untouched = story.table("kept");
    story.all(&[
        Wish::append("changed", &["k"], &[3]),
        Wish::rename("renamed", "d1.other"),
        Wish::drop("d1.dropped"),
    ]);
    story.make("new", &["k"], &[row(&["k"], 9)]);
    let before = story.head();
    let version = story.one(Wish::RestoreStore { source: Arc::clone(&then) });
    for (name, old) in then.catalog().tables() {
        let now = version.catalog().table(name).unwrap();
        assert!(Arc::ptr_eq(now.state(), old.state()), "{name}");
        assert_eq!(now.id(), old.id());
    }
    assert_eq!(version.catalog().table_count(), 4);
    assert!(Arc::ptr_eq(found(&version, "kept"), &untouched));
    let ordinals =
        ["kept", "changed", "renamed", "d1.dropped"].map(|name| found(&version, name).ordinal());
    assert_eq!(ordinals, [0, 2, 2, 1]);
    assert_eq!(version.catalog().next_table.0, 5, "ids are not given twice");
    let metrics = version.commit().unwrap().metrics();
    assert_eq!(metrics, moved(before.catalog(), version.catalog()));
    // The row appended and the table made went; of the renamed table nothing moved.
    assert_eq!((metrics.rows_removed, metrics.rows_added), (2, 2));
    let counts = ["default", "d1"]
        .map(|name| version.catalog().database(&database(name)).unwrap().table_count());
    assert_eq!(counts, [3, 1]);
}

#[test]
fn a_restore_brings_deleted_rows_back_and_counts_just_these() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1), row(&["k"], 2)]);
    let all = story.head();
    let without_one = story.one(Wish::delete("a", "k", 1));
    for (then, added, removed) in [(&all, 1, 0), (&without_one, 0, 1)] {
        let before = story.head();
        let version = story.one(Wish::restore("a", then));
        let metrics = version.commit().unwrap().metrics();
        assert_eq!((metrics.rows_added, metrics.rows_removed), (added, removed));
        assert_eq!(metrics, moved(before.catalog(), version.catalog()));
        assert_eq!((metrics.bytes_added, metrics.bytes_removed), (0, 0), "the chunk stays");
    }
}

#[test]
fn a_replacement_counts_as_a_change_of_schema_only_if_it_is_one() {
    let mut story = Story::new();
    story.make("a", &["k", "v"], &[row(&["k", "v"], 1)]);
    let created = story.head().id();
    let state = Arc::clone(story.table("a").state());
    let mut replace = |partition_by: &[u32], patch: PropertyPatch, kind: TableKind| {
        let mut tx = story.begin();
        let change = Change::Replace {
            name: table("a"),
            kind,
            schema: NewSchema::Given(longs(&["k", "v"])),
            partition_by: partition_by.iter().map(|id| ColumnId(*id)).collect(),
            patch,
            rows: NewRows::none(Arc::clone(state.schema())),
            label: OperationKind::Overwrite,
        };
        tx.stage(change).unwrap();
        let version = story.commit(tx).unwrap();
        let stamps = *found(&version, "a").stamps();
        assert_eq!(stamps.overwrite, version.id());
        (version.id(), stamps)
    };
    let none = PropertyPatch::default;
    let managed = || TableKind::Managed;
    let (_, stamps) = replace(&[], none(), managed());
    assert_eq!((stamps.schema, stamps.property), (created, VersionId::ZERO), "an equal schema");
    let (patched, stamps) = replace(&[], set("p", "1"), managed());
    assert_eq!((stamps.schema, stamps.property), (created, patched), "a property");
    let (divided, stamps) = replace(&[1], none(), managed());
    assert_eq!((stamps.schema, stamps.property), (divided, patched), "a partitioning");
    let (_, stamps) = replace(&[1], none(), managed());
    assert_eq!(stamps.schema, divided, "the same partitioning");
    let elsewhere = TableKind::External { location: "x".into() };
    let (moved, stamps) = replace(&[1], none(), elsewhere);
    assert_eq!(stamps.schema, moved, "another kind");
    assert_eq!(story.table("a").state().partition_columns(), ["v"]);
}

#[test]
fn a_database_keeps_what_is_said_of_it() {
    let mut story = Story::new();
    let patch = PropertyPatch {
        comment: None,
        set: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        unset: vec!["b".into()],
    };
    let mut tx = story.begin();
    let name = database("d1");
    let comment = Some("of sales".into());
    tx.stage(Change::CreateDatabase { name: name.clone(), comment, properties: patch }).unwrap();
    story.commit(tx).unwrap();
    let patch = PropertyPatch {
        comment: Some(Some("of orders".into())),
        set: vec![("c".into(), "3".into())],
        unset: vec!["a".into(), "never".into()],
    };
    let version = story.one(Wish::AlterDatabase { name: name.clone(), patch });
    let now = version.catalog().database(&name).unwrap();
    assert_eq!(now.comment(), Some("of orders"));
    let properties: Vec<_> = now.properties().iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(properties, [("b", "2"), ("c", "3")]);
    assert_eq!(now.created(), VersionId(1));
}

#[test]
fn spans_that_nobody_can_reach_are_forgotten() {
    let story = Story::new();
    let mut catalog: Catalog = story.head().catalog().clone();
    let mut step = |at: u64, oldest: u64, change: Change| {
        let place = Place::on_base(VersionId(at - 1), VersionId(at), VersionId(oldest));
        let location = SourceLocation { file: "story".into(), line: 0, column: 0 };
        catalog.apply(&Staged { change, location }, &place).unwrap();
        check_invariants(&catalog);
        let name = ["a", "b", "c", "d"].map(table);
        let table = name.iter().find_map(|name| catalog.table(name)).unwrap();
        let spans = table.lives().iter();
        spans.map(|life| (life.name.table_str().to_owned(), life.from.0)).collect::<Vec<_>>()
    };
    let rename = |from, to| Change::Rename { from: table(from), to: table(to) };
    let create = Wish::create("a", &["k"], &[]).change(story.head().catalog(), VersionId::ZERO);
    assert_eq!(step(1, 0, create), [("a".to_owned(), 1)]);
    assert_eq!(step(3, 0, rename("a", "b")), [("a".to_owned(), 1), ("b".to_owned(), 3)]);
    // Version 2 is the last in which it was `a`.
    let spans = step(5, 2, rename("b", "c"));
    assert_eq!(spans, [("a".to_owned(), 1), ("b".to_owned(), 3), ("c".to_owned(), 5)]);
    let spans = step(7, 3, rename("c", "d"));
    assert_eq!(spans, [("b".to_owned(), 3), ("c".to_owned(), 5), ("d".to_owned(), 7)]);
}

#[test]
fn a_transaction_sees_its_own_changes_in_order() {
    let story = Story::new();
    let mut tx: Tx = story.begin();
    for wish in [
        Wish::CreateDatabase { name: database("d1"), property: None },
        Wish::create("d1.a", &["k"], &[row(&["k"], 1)]),
        Wish::append("d1.a", &["k", "x"], &[2]),
        Wish::delete("d1.a", "k", 1),
        Wish::rename("d1.a", "b"),
        Wish::DropDatabase { name: database("d1"), cascade: false },
        Wish::overwrite("b", &["k"], &[3]),
        Wish::alter("b", [SchemaChange::RenameColumn { from: "k".into(), to: "q".into() }]),
    ] {
        tx.wish(&wish).unwrap();
        check_invariants(&tx.draft);
    }
    let now = tx.draft.table(&table("b")).unwrap();
    assert_eq!(now.ordinal(), 0);
    assert_eq!(values(now.state(), "q"), [Some(3)]);
    assert_eq!(values(now.state(), "x"), [None]);
    assert_eq!(now.high_water().next_sequence, 3);
}
