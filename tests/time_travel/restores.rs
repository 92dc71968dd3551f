//! Older states put back, of a table or of the whole store, as a new version.

use annals::error::CatalogError;
use annals::{
    NewDatabase, NewView, PropertyPatch, SaveMode, Store, TableId, VersionId, WriteError,
};
use annals_tests::{columns_of, content_of, numbers, numbers_of, people};
use arrow_schema::{DataType, Field};
use expect_test::expect;

use crate::{append, numbers_at, overwrite};

fn says(result: Result<annals::Committed, WriteError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_table_comes_back_with_all_that_it_was() {
    let store = Store::in_memory();
    let writer = store.write(people([(1, "Ada"), (2, "Bob")])).partition_by(["name"]);
    writer.comment("who").property("team", "a").save_as_table("t").unwrap();
    let (then, version) = (content_of(&store.snapshot()), store.version());

    store.set_properties("t", &PropertyPatch::new().without("team").with_comment("x")).unwrap();
    let writer =
        store.write(numbers([1])).mode(SaveMode::Overwrite).partition_by(Vec::<String>::new());
    writer.save_as_table("t").unwrap();
    assert_eq!(columns_of(&store.table("t").unwrap()), "n Int64");
    let committed = store.restore_table("t", version).unwrap();
    assert_eq!(content_of(&store.snapshot()), then);
    assert_eq!(committed.version(), VersionId(4));
    // What had been in between is still there.
    assert_eq!(numbers_at(&store, 3, "t"), [1]);
    // And it can be gone on with.
    store.write(people([(3, "Cy")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 3);
}

#[test]
fn a_table_that_was_dropped_comes_back_as_itself() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let id = store.table("t").unwrap().id();
    store.drop_table("t").unwrap();
    store.restore_table("t", 1).unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.id(), numbers_of(&table)), (id, vec![1]));
    assert_eq!(table.created(), VersionId(1));
    // And in a database that was dropped with it, once there is one again.
    store.create_database("d").unwrap();
    append(&store, "d.t", 2);
    let version = store.version();
    store.drop_database_cascade("d").unwrap();
    expect!["the database d does not exist; create it first"]
        .assert_eq(&says(store.restore_table("d.t", version)));
    store.create_database("d").unwrap();
    store.restore_table("d.t", version).unwrap();
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [2]);
}

#[test]
fn a_table_that_was_renamed_is_restored_by_the_name_of_today() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    store.rename_table("t", "u").unwrap();
    store.restore_table("u", 1).unwrap();
    assert_eq!(numbers_of(&store.table("u").unwrap()), [1]);
    assert!(store.table("t").is_err());
    expect!["the table that was default.t is named default.u today; restore it by that name"]
        .assert_eq(&says(store.restore_table("t", 1)));
    // Before it was there at all, there is nothing to restore.
    expect!["the table default.u did not exist at v0; its history says when it did"]
        .assert_eq(&says(store.restore_table("u", 0)));
    // Dropped under its new name, it may come back under either.
    store.drop_table("u").unwrap();
    store.restore_table("t", 2).unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2]);
    store.drop_table("t").unwrap();
    store.restore_table("u", 4).unwrap();
    assert_eq!(numbers_of(&store.table("u").unwrap()), [1]);
    assert_eq!(store.table("u").unwrap().id(), TableId(0));
}

#[test]
fn another_table_of_the_name_is_not_replaced() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    store.drop_table("t").unwrap();
    append(&store, "t", 2);
    let error = store.restore_table("t", 1).unwrap_err();
    expect!["default.t was another table at v1; drop or rename the present one first"]
        .assert_eq(&error.to_string());
    assert!(matches!(error, WriteError::Catalog(CatalogError::OtherTable { .. })));
    assert_eq!(numbers_of(&store.table("t").unwrap()), [2]);
    // That done, both are there.
    store.rename_table("t", "new").unwrap();
    store.restore_table("t", 1).unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1]);
    assert_eq!(numbers_of(&store.table("new").unwrap()), [2]);
}

#[test]
fn a_restore_to_where_the_table_is_makes_a_version_all_the_same() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let before = store.snapshot();
    let committed = store.restore_table("t", 1).unwrap();
    assert!(committed.made_version());
    assert!(before.diff(&store.snapshot()).is_empty());
}

#[test]
fn a_view_comes_back_too() {
    let store = Store::in_memory();
    store.create_view("v", "select 1").unwrap();
    store.create_view("v", NewView::new("select 2").or_replace()).unwrap();
    store.drop_table("v").unwrap();
    store.restore_table("v", 1).unwrap();
    let table = store.table("v").unwrap();
    let annals::TableKind::View { text } = table.kind() else { panic!("{:?}", table.kind()) };
    assert_eq!(&**text, "select 1");
}

#[test]
fn the_store_comes_back_with_all_that_it_was() {
    let store = Store::in_memory();
    store.create_database(NewDatabase::new("Sales").comment("money").property("a", "b")).unwrap();
    store.create_database("empty").unwrap();
    append(&store, "sales.t", 1);
    append(&store, "t", 2);
    append(&store, "kept", 3);
    store.create_view("v", "select 1").unwrap();
    let (then, version) = (content_of(&store.snapshot()), store.version());

    store.drop_database_cascade("sales").unwrap();
    store.drop_database("empty").unwrap();
    store.create_database("new").unwrap();
    append(&store, "new.t", 4);
    store.rename_table("t", "new.moved").unwrap();
    overwrite(&store, "v", 5);
    store.alter_database("default", &PropertyPatch::new().with_comment("changed")).unwrap();
    append(&store, "t", 6);
    let (changed, later) = (content_of(&store.snapshot()), store.version());

    store.restore(version).unwrap();
    assert_eq!(content_of(&store.snapshot()), then);
    assert_eq!(store.version().0, later.0 + 1);
    // Back and forth: nothing is lost on the way.
    store.restore(later).unwrap();
    assert_eq!(content_of(&store.snapshot()), changed);
    store.restore(0).unwrap();
    assert_eq!(store.snapshot().table_count(), 0);
    store.restore(version).unwrap();
    assert_eq!(content_of(&store.snapshot()), then);
    assert_eq!(store.snapshot().database("sales").unwrap().table_count(), 1);
    assert_eq!(store.snapshot().database("default").unwrap().table_count(), 3);
    // Databases can be gone on with.
    append(&store, "sales.t", 7);
    store.drop_database("empty").unwrap();
}

#[test]
fn names_come_back_as_they_were_written() {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("Orders").unwrap();
    let (then, version) = (content_of(&store.snapshot()), store.version());
    store.rename_table("orders", "ORDERS").unwrap();
    store.restore(version).unwrap();
    assert_eq!(content_of(&store.snapshot()), then);
    // Also if the rows have changed too.
    store.rename_table("orders", "ORDERS").unwrap();
    append(&store, "orders", 2);
    store.restore(version).unwrap();
    assert_eq!(content_of(&store.snapshot()), then);
}

#[test]
fn what_was_applied_is_not_taken_back() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let write = |n: i64, sequence| {
        let writer = store.write(numbers([n])).mode(SaveMode::Append);
        writer.idempotent("loader", sequence).save_as_table("t").unwrap()
    };
    write(2, 1);
    store.restore(1).unwrap();
    // The loader's write was undone on purpose: a late repeat of it does not bring it back.
    let again = write(2, 1);
    assert!(again.committed().unwrap().was_applied_before());
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1]);
    write(3, 2);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 3]);
}

#[test]
fn in_a_transaction_a_restore_is_a_change_among_others() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    append(&store, "u", 3);
    let mut tx = store.begin();
    tx.restore_table("t", 1).unwrap();
    tx.write(numbers([9])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.add_columns("t", [Field::new("x", DataType::Int64, true)]).unwrap();
    tx.drop_table("u").unwrap();
    tx.restore_table("u", 3).unwrap();
    tx.commit().unwrap();
    assert_eq!(annals_tests::rows_of(&store.table("t").unwrap()), ["1, null", "9, null"]);
    assert_eq!(numbers_of(&store.table("u").unwrap()), [3]);

    let mut tx = store.begin();
    tx.write(numbers([1])).save_as_table("gone").unwrap();
    tx.restore(2).unwrap();
    tx.write(numbers([5])).mode(SaveMode::Append).save_as_table("t").unwrap();
    let committed = tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 5]);
    assert_eq!(store.snapshot().table_count(), 1);
    assert_eq!(committed.version(), VersionId(5));
}

#[test]
fn a_state_that_was_restored_is_shared_and_not_copied() {
    let store = Store::in_memory();
    store.write(numbers(0..1000)).save_as_table("t").unwrap();
    let then = store.table("t").unwrap().read().unwrap();
    overwrite(&store, "t", 1);
    store.restore_table("t", 1).unwrap();
    let now = store.table("t").unwrap().read().unwrap();
    assert!(std::sync::Arc::ptr_eq(then[0].column(0), now[0].column(0)));
}
