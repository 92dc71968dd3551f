//! Tables: made, listed, renamed and dropped.

use annals::{NewTable, SaveMode, Store, TableKind, VersionId};
use annals_tests::{columns_of, numbers, numbers_of, people, rows_of};
use arrow_schema::{DataType, Field, Schema};
use expect_test::expect;

use crate::{names, refusal};

fn store() -> Store {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.write(numbers([1, 2])).save_as_table("t").unwrap();
    store
}

#[test]
fn an_empty_table_is_made_as_it_was_described() {
    let store = store();
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
    ]);
    let new = NewTable::new(schema).comment("who").property("team", "a").partition_by(["NAME"]);
    store.create_table("d.People", new).unwrap();
    let table = store.table("d.people").unwrap();
    assert_eq!(table.name().to_string(), "d.People");
    assert_eq!(columns_of(&table), "id Int64, name Utf8");
    assert_eq!((table.comment(), table.partition_columns()), (Some("who"), vec!["name"]));
    assert_eq!(
        table.properties().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["team=a"]
    );
    assert_eq!((table.kind(), table.row_count(), table.ordinal()), (&TableKind::Managed, 0, 0));
    assert_eq!((table.created(), table.since()), (VersionId(3), VersionId(3)));
    store.write(people([(1, "Ada")])).mode(SaveMode::Append).save_as_table("d.people").unwrap();
    assert_eq!(rows_of(&store.table("d.people").unwrap()), ["1, Ada"]);

    expect![[r#"
        the table d.PEOPLE exists already; use mode overwrite, append or ignore, or another name"#]]
    .assert_eq(&refusal(&store, |store| store.create_table("d.PEOPLE", numbers([]).schema())));
    let again = NewTable::new(numbers([]).schema()).if_not_exists();
    assert!(!store.create_table("d.people", again).unwrap().made_version());
    assert_eq!(columns_of(&store.table("d.people").unwrap()), "id Int64, name Utf8");
}

#[test]
fn an_external_table_is_recorded_as_such_and_treated_like_any_other() {
    let store = store();
    let location = |name: &str| match store.table(name).unwrap().kind() {
        TableKind::External { location } => location.to_string(),
        kind => kind.to_string(),
    };
    store.write(numbers([1])).external("/data/e").save_as_table("e").unwrap();
    let schema = numbers([]).schema();
    store.create_table("f", NewTable::new(schema).external("../../etc")).unwrap();
    assert_eq!((location("e"), location("f")), ("/data/e".into(), "../../etc".into()));
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("e").unwrap();
    store.write(numbers([3])).mode(SaveMode::Overwrite).save_as_table("e").unwrap();
    assert_eq!(
        (location("e"), numbers_of(&store.table("e").unwrap())),
        ("/data/e".into(), vec![3])
    );
}

#[test]
fn tables_are_listed_in_order_and_by_pattern() {
    let store = store();
    for name in ["d.Orders", "d.items", "d.orders_2024", "d.`odd name`", "d.日本", "d2"] {
        store.write(numbers([1])).save_as_table(name).unwrap();
    }
    store.create_view("d.a_view", "select 1").unwrap();
    let all = ["d.a_view", "d.items", "d.`odd name`", "d.Orders", "d.orders_2024", "d.日本"];
    assert_eq!(names(&store.tables("D").unwrap()), all);
    assert_eq!(names(&store.tables("default").unwrap()), ["default.d2", "default.t"]);
    let like = |pattern: &str| names(&store.snapshot().tables_like("d", pattern).unwrap());
    assert_eq!(like("*"), all);
    assert_eq!(like("ORDERS*"), ["d.Orders", "d.orders_2024"]);
    assert_eq!(like("orders"), ["d.Orders"]);
    assert_eq!(like("items|*view"), ["d.a_view", "d.items"]);
    assert_eq!(like("*d*"), ["d.`odd name`", "d.Orders", "d.orders_2024"]);
    assert_eq!(like("items | orders "), ["d.items", "d.Orders"]);
    assert_eq!(like("order."), [""; 0]);
    assert_eq!(like(&"*a".repeat(10_000)), [""; 0]);
    expect!["in v9, the database nope does not exist; create it first"]
        .assert_eq(&store.snapshot().tables_like("nope", "*").unwrap_err().to_string());
    assert!(store.tables("").is_err());
}

#[test]
fn a_table_is_renamed_within_its_database_and_across() {
    let store = store();
    let id = store.table("t").unwrap().id();
    store.rename_table("T", "d.Moved").unwrap();
    assert!(store.table("t").is_err());
    let table = store.table("D.MOVED").unwrap();
    assert_eq!((table.id(), numbers_of(&table), table.ordinal()), (id, vec![1, 2], 1));
    assert_eq!(table.name().to_string(), "d.Moved");
    // Only how it is written.
    store.rename_table("d.moved", "d.MOVED").unwrap();
    assert_eq!(names(&store.tables("d").unwrap()), ["d.MOVED"]);
    // To itself.
    store.rename_table("d.moved", "d.MOVED").unwrap();
    assert_eq!(store.table("d.moved").unwrap().ordinal(), 3);

    store.write(numbers([3])).save_as_table("t").unwrap();
    expect![[r#"
        the table default.T exists already; use mode overwrite, append or ignore, or another name"#]]
    .assert_eq(&refusal(&store, |store| store.rename_table("d.moved", "T")));
    expect!["the table default.nope does not exist; check the name, or create it first"]
        .assert_eq(&refusal(&store, |store| store.rename_table("nope", "x")));
    expect!["the database nope does not exist; create it first"]
        .assert_eq(&refusal(&store, |store| store.rename_table("t", "nope.t")));
}

#[test]
fn a_table_that_is_dropped_is_gone_and_its_name_is_free() {
    let store = store();
    let before = store.snapshot();
    store.drop_table("T").unwrap();
    expect!["in v3, the table default.t does not exist; check the name, or create it first"]
        .assert_eq(&store.table("t").unwrap_err().to_string());
    assert!(!store.table_exists("t").unwrap());
    assert!(before.table_exists("t").unwrap());
    expect!["the table default.t does not exist; check the name, or create it first"]
        .assert_eq(&refusal(&store, |store| store.drop_table("t")));
    store.write(people([(1, "x")])).save_as_table("t").unwrap();
    assert_eq!(columns_of(&store.table("t").unwrap()), "id Int64, name Utf8");
}

#[test]
fn a_table_sought_in_the_wrong_database_is_pointed_at() {
    let store = store();
    store.write(numbers([1])).save_as_table("d.Orders").unwrap();
    expect!["in v3, the table default.orders does not exist; did you mean d.Orders?"]
        .assert_eq(&store.table("orders").unwrap_err().to_string());
    expect!["the table d.t does not exist; did you mean default.t?"]
        .assert_eq(&refusal(&store, |store| store.truncate("d.t")));
    expect!["in v3, the database nope does not exist; create it first"]
        .assert_eq(&store.table("nope.t").unwrap_err().to_string());
}

#[test]
fn a_truncated_table_keeps_everything_but_its_rows() {
    let store = Store::in_memory();
    let writer = store.write(people([(1, "Ada"), (2, "Bob")])).partition_by(["name"]);
    writer.comment("who").property("a", "b").external("/data").save_as_table("t").unwrap();
    store.truncate("T").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), table.byte_count()), (0, 0));
    assert_eq!(
        (columns_of(&table), table.partition_columns()),
        ("id Int64, name Utf8".into(), vec!["name"])
    );
    assert_eq!((table.comment(), table.properties().len()), (Some("who"), 1));
    assert!(matches!(table.kind(), TableKind::External { .. }));
    store.write(people([(3, "Cy")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["3, Cy"]);
}

#[test]
fn thousands_of_tables_are_found_one_by_one() {
    let store = Store::in_memory();
    let mut tx = store.begin();
    for database in 0..5 {
        tx.create_database(format!("d{database}")).unwrap();
        for n in 0..1_000 {
            tx.create_table(format!("d{database}.T{n}"), numbers([]).schema()).unwrap();
        }
    }
    tx.commit().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.table_count(), 5_000);
    for database in 0..5 {
        assert_eq!(snapshot.tables(format!("d{database}")).unwrap().len(), 1_000);
        for n in 0..1_000 {
            let name = format!("D{database}.t{n}");
            assert_eq!(
                snapshot.table(&name).unwrap().name().to_string(),
                format!("d{database}.T{n}")
            );
        }
    }
    let mut listed = names(&snapshot.tables("d3").unwrap());
    let as_listed = listed.clone();
    listed.sort_by_key(|name| name.to_lowercase());
    assert_eq!(listed, as_listed);
    store.drop_database_cascade("d3").unwrap();
    assert_eq!(store.snapshot().table_count(), 4_000);
}
