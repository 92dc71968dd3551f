//! Changes that a catalog cannot make: what it answers, and that nothing has happened.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::model::Refusal;
use super::untouched;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::kit::{database, field, row, table};
use crate::catalog::tests::story::{Story, Tx};
use crate::catalog::tests::wishes::{Wish, add_columns, set, take_out};
use crate::commit::OperationKind;
use crate::error::CatalogError;
use crate::schema::ColumnId;
use crate::write_set::{Change, NewRows, NewSchema, PropertyPatch, Removal, SchemaChange};

fn refused(tx: &mut Tx, change: Change) -> CatalogError {
    let before = tx.draft.clone();
    let staged = tx.operations.len();
    let error = tx.stage(change).unwrap_err();
    untouched(&before, &tx.draft);
    check_invariants(&tx.draft);
    assert_eq!(tx.operations.len(), staged);
    error
}

fn refused_wish(tx: &mut Tx, wish: &Wish) -> (Refusal, String) {
    let change = wish.change(&tx.draft, crate::version::VersionId::ZERO);
    let error = refused(tx, change);
    (Refusal::of(&error), error.to_string())
}

/// A store with tables `a` (k, v; two chunks), `d1.b` (empty) and the view `seen`.
fn story() -> Story {
    let mut story = Story::new();
    story.make_database("d1");
    story.make("a", &["k", "v"], &[1, 2, 3].map(|n| row(&["k", "v"], n)));
    story.make("d1.b", &["k"], &[]);
    story.one(Wish::CreateView { name: table("seen") });
    story
}

#[test]
fn what_cannot_be_done_is_refused_and_leaves_everything_as_it_was() {
    let create = |name| Wish::create(name, &["k"], &[row(&["k"], 1)]);
    let database_of = |name| Wish::CreateDatabase { name: database(name), property: None };
    let drop_database = |name, cascade| Wish::DropDatabase { name: database(name), cascade };
    let delete = |name| Wish::delete(name, "k", 1);
    let patch = set("p", "1");
    let alter_database = Wish::AlterDatabase { name: database("d9"), patch: patch.clone() };
    let rename_column = |from: &str, to: &str| {
        Wish::alter("a", [SchemaChange::RenameColumn { from: from.into(), to: to.into() }])
    };
    let drop_columns = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Wish::alter("a", [add_columns(&["fine"]), SchemaChange::DropColumns(names)])
    };
    let missing = "the table default.z does not exist";
    let no_database = "the database d9 does not exist; create it first";
    let exists = "exists already; use mode overwrite, append or ignore, or another name";
    let view = "default.seen is a view; rows can be written to tables only";
    let cases = [
        (database_of("D1"), Refusal::DatabaseExists, "the database D1 exists already"),
        (drop_database("d9", true), Refusal::NoDatabase, no_database),
        (
            drop_database("Default", true),
            Refusal::DefaultDatabase,
            "the database Default is part of every store and cannot be dropped",
        ),
        (
            drop_database("D1", false),
            Refusal::DatabaseNotEmpty,
            "the database D1 has 1 tables; drop them first, or drop with cascade",
        ),
        (alter_database, Refusal::NoDatabase, no_database),
        (create("d9.a"), Refusal::NoDatabase, no_database),
        (create("A"), Refusal::TableExists, exists),
        (Wish::CreateView { name: table("a") }, Refusal::TableExists, exists),
        (create("seen"), Refusal::TableExists, "the view default.seen exists already"),
        (Wish::append("z", &["k"], &[1]), Refusal::NoTable, missing),
        (Wish::append("d9.z", &["k"], &[1]), Refusal::NoDatabase, no_database),
        (Wish::append("seen", &["k"], &[1]), Refusal::IsView, view),
        (Wish::overwrite("z", &["k"], &[1]), Refusal::NoTable, missing),
        (delete("z"), Refusal::NoTable, missing),
        (delete("seen"), Refusal::IsView, view),
        (Wish::alter("z", [add_columns(&["x"])]), Refusal::NoTable, missing),
        (
            Wish::alter("a", [add_columns(&["x"]), add_columns(&["X"])]),
            Refusal::Schema,
            "in the table default.a: ",
        ),
        (rename_column("v", "K"), Refusal::Schema, "in the table default.a: "),
        (rename_column("w", "u"), Refusal::Schema, "in the table default.a: "),
        (drop_columns(&["v", "w"]), Refusal::Schema, "in the table default.a: "),
        (drop_columns(&["v", "K", "fine"]), Refusal::Schema, "in the table default.a: "),
        (Wish::describe("z", patch), Refusal::NoTable, missing),
        (Wish::rename("z", "y"), Refusal::NoTable, missing),
        (Wish::rename("a", "D1.B"), Refusal::TableExists, "the table d1.B exists already"),
        (Wish::rename("a", "seen"), Refusal::TableExists, "the view default.seen exists"),
        (Wish::rename("a", "d9.a"), Refusal::NoDatabase, no_database),
        (Wish::drop("z"), Refusal::NoTable, missing),
        (Wish::drop("d9.z"), Refusal::NoDatabase, no_database),
    ];
    let mut tx = story().begin();
    for (wish, refusal, message) in cases {
        let (found, text) = refused_wish(&mut tx, &wish);
        assert_eq!(found, refusal, "{text}");
        assert!(text.contains(message), "{text} — and not: {message}");
    }
}

#[test]
fn a_missing_table_is_looked_for_in_the_other_databases() {
    let mut tx = story().begin();
    let (_, text) = refused_wish(&mut tx, &Wish::drop("D1.A"));
    assert_eq!(text, "the table D1.A does not exist; did you mean default.a?");
    let (_, text) = refused_wish(&mut tx, &Wish::drop("B"));
    assert_eq!(text, "the table default.B does not exist; did you mean d1.b?");
}

#[test]
fn a_partition_column_is_not_dropped() {
    let mut story = story();
    let mut tx = story.begin();
    let state = Arc::clone(story.table("a").state());
    let change = Change::Replace {
        name: table("a"),
        kind: state.kind().clone(),
        schema: NewSchema::Kept,
        partition_by: Arc::from([ColumnId(1)]),
        patch: PropertyPatch::default(),
        rows: NewRows::none(Arc::clone(state.schema())),
        label: OperationKind::Overwrite,
    };
    tx.stage(change).unwrap();
    story.commit(tx).unwrap();
    let mut tx = story.begin();
    let drop = |name: &str| Wish::alter("a", [SchemaChange::DropColumns(vec![name.to_owned()])]);
    let (refusal, text) = refused_wish(&mut tx, &drop("V"));
    assert_eq!(refusal, Refusal::PartitionColumn, "{text}");
    assert!(text.starts_with("the column `V` of default.a is a partition column"), "{text}");
    // It is meant by its id: a rename does not set it free.
    let rename = SchemaChange::RenameColumn { from: "v".into(), to: "w".into() };
    tx.wish(&Wish::alter("a", [rename])).unwrap();
    assert_eq!(refused_wish(&mut tx, &drop("w")).0, Refusal::PartitionColumn);
    tx.wish(&drop("k")).unwrap();
    check_invariants(&tx.draft);
}

#[test]
fn rows_that_are_no_longer_where_they_were_are_not_taken_out() {
    let story = story();
    let mut tx = story.begin();
    let one = || Removal::Rows(RoaringBitmap::from([0]));
    for removed in [
        vec![(0, one()), (7, one())],
        vec![(0, one()), (1, Removal::Chunk), (1, Removal::Chunk)],
        vec![(0, Removal::Chunk), (0, one())],
    ] {
        let error = refused(&mut tx, take_out("a", &removed));
        assert_eq!(Refusal::of(&error), Refusal::RowsMoved);
    }
    let error = refused(&mut tx, take_out("a", &[(7, one())]));
    let expected = "rows of default.a that were to be changed are no longer where they were; \
                    begin again";
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error, CatalogError::RowsMoved { chunk: 7, .. }));
}

#[test]
fn a_table_is_restored_under_its_name_of_today_only() {
    let mut story = story();
    let then = story.head();
    story.all(&[Wish::rename("a", "b"), Wish::drop("seen")]);
    story.make("seen", &["k"], &[]);
    let mut tx = story.begin();
    let (refusal, text) = refused_wish(&mut tx, &Wish::restore("a", &then));
    assert_eq!(refusal, Refusal::Renamed);
    let renamed = "the table that was default.a is named default.b today; restore it by that name";
    assert_eq!(text, renamed);
    let (refusal, text) = refused_wish(&mut tx, &Wish::restore("seen", &then));
    assert_eq!(refusal, Refusal::OtherTable);
    let other = "default.seen was another table at v4; drop or rename the present one first";
    assert_eq!(text, other);
    let source = Arc::clone(then.catalog().table(&table("d1.b")).unwrap());
    tx.wish(&Wish::DropDatabase { name: database("d1"), cascade: true }).unwrap();
    let wish = Wish::RestoreTable { name: table("d1.b"), source, from: then.id() };
    assert_eq!(refused_wish(&mut tx, &wish).0, Refusal::NoDatabase);
}

#[test]
fn a_table_that_came_back_under_another_name_is_not_there_twice() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let as_a = story.head();
    story.one(Wish::rename("a", "b"));
    let as_b = story.head();
    story.one(Wish::drop("b"));
    story.one(Wish::restore("b", &as_b));
    let mut tx = story.begin();
    let (refusal, text) = refused_wish(&mut tx, &Wish::restore("a", &as_a));
    assert_eq!(refusal, Refusal::Renamed, "{text}");
}

#[test]
fn columns_to_add_are_nullable() {
    let mut tx = story().begin();
    let strict = field("x", &arrow_schema::DataType::Int64).as_ref().clone().with_nullable(false);
    let change = SchemaChange::AddColumns(vec![Arc::new(strict)]);
    let (refusal, _) = refused_wish(&mut tx, &Wish::alter("a", [change]));
    assert_eq!(refusal, Refusal::Schema);
}
