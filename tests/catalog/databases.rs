//! Databases: namespaces of tables.

use annals::{Database, NewDatabase, PropertyPatch, Store, StoreBuilder, VersionId};
use annals_tests::{content_of, numbers};
use expect_test::expect;

use crate::{names, refusal};

fn listed(store: &Store) -> Vec<String> {
    store.snapshot().databases().iter().map(|database| database.name().to_string()).collect()
}

fn described(database: &Database) -> String {
    let pairs = database.properties().iter().map(|(key, value)| format!("{key}={value}"));
    let (name, comment) = (database.name(), database.comment().unwrap_or("-"));
    format!(
        "{name} {comment} [{}] {}",
        pairs.collect::<Vec<_>>().join(", "),
        database.table_count()
    )
}

#[test]
fn a_store_begins_with_one_database() {
    let store = Store::in_memory();
    assert_eq!(listed(&store), ["default"]);
    let default = store.snapshot().database("default").unwrap();
    assert_eq!((described(&default), default.created()), ("default - [] 0".into(), VersionId(0)));
    expect!["the database default is part of every store and cannot be dropped"]
        .assert_eq(&refusal(&store, |store| store.drop_database("default")));
    for name in ["DEFAULT", "annals.default", "`Default`"] {
        for message in [
            refusal(&store, |store| store.drop_database(name)),
            refusal(&store, |store| store.drop_database_cascade(name)),
        ] {
            assert!(message.ends_with("is part of every store and cannot be dropped"), "{message}");
        }
    }
    // It may be described like any other.
    store.alter_database("default", &PropertyPatch::new().with_comment("here")).unwrap();
    assert_eq!(store.snapshot().database("default").unwrap().comment(), Some("here"));
}

#[test]
fn a_database_is_made_with_what_is_said_of_it() {
    let store = Store::in_memory();
    store.create_database("plain").unwrap();
    let new = NewDatabase::new("Sales").comment("money").property("b", "2").property("a", "1");
    store.create_database(new).unwrap();
    let database = store.snapshot().database("SALES").unwrap();
    assert_eq!(described(&database), "Sales money [a=1, b=2] 0");
    assert_eq!(database.created(), VersionId(2));
    expect!["the database Sales exists already; use if_not_exists, or another name"]
        .assert_eq(&refusal(&store, |store| store.create_database("Sales")));
    let committed = store.create_database(NewDatabase::new("sales").if_not_exists()).unwrap();
    assert!(!committed.made_version());
    assert_eq!(described(&store.snapshot().database("sales").unwrap()), "Sales money [a=1, b=2] 0");
}

#[test]
fn a_database_counts_its_tables() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    let count = || store.snapshot().database("d").unwrap().table_count();
    store.write(numbers([1])).save_as_table("d.a").unwrap();
    store.create_table("d.b", numbers([]).schema()).unwrap();
    store.create_view("d.c", "select 1").unwrap();
    assert_eq!((count(), store.snapshot().table_count()), (3, 3));
    store.rename_table("d.a", "a").unwrap();
    assert_eq!((count(), store.snapshot().table_count()), (2, 3));
    store.rename_table("d.b", "d.bb").unwrap();
    store.drop_table("d.c").unwrap();
    assert_eq!(count(), 1);
    store.restore_table("d.c", 4).unwrap();
    store.restore(4).unwrap();
    assert_eq!(count(), 3);
    assert_eq!(names(&store.tables("d").unwrap()), ["d.a", "d.b", "d.c"]);
}

#[test]
fn a_database_with_tables_is_dropped_only_with_them() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.write(numbers([1])).save_as_table("d.t").unwrap();
    store.create_view("d.v", "select 1").unwrap();
    store.write(numbers([1])).save_as_table("t").unwrap();
    expect!["the database D has 2 tables; drop them first, or drop with cascade"]
        .assert_eq(&refusal(&store, |store| store.drop_database("D")));
    let before = store.snapshot();
    store.drop_database_cascade("D").unwrap();
    assert_eq!((listed(&store), store.snapshot().table_count()), (vec!["default".to_owned()], 1));
    assert!(store.table("d.t").is_err() && store.tables("d").is_err());
    assert!(before.table("d.t").is_ok());
    // One that is made anew has nothing of it.
    store.create_database("d").unwrap();
    assert!(store.tables("d").unwrap().is_empty());
    store.drop_database("d").unwrap();
    expect!["the database d does not exist; create it first"]
        .assert_eq(&refusal(&store, |store| store.drop_database("d")));
    refusal(&store, |store| store.drop_database_cascade("d"));
    refusal(&store, |store| store.alter_database("d", &PropertyPatch::new().with("a", "b")));
}

#[test]
fn a_database_is_altered_in_what_is_named_only() {
    let store = Store::in_memory();
    store
        .create_database(NewDatabase::new("d").comment("old").property("a", "1").property("b", "2"))
        .unwrap();
    let alter = |patch: PropertyPatch| {
        store.alter_database("D", &patch).unwrap();
        described(&store.snapshot().database("d").unwrap())
    };
    assert_eq!(alter(PropertyPatch::new().with("c", "3")), "d old [a=1, b=2, c=3] 0");
    assert_eq!(
        alter(PropertyPatch::new().with("a", "9").without("b").without("nope")),
        "d old [a=9, c=3] 0"
    );
    assert_eq!(alter(PropertyPatch::new().with_comment("new")), "d new [a=9, c=3] 0");
    assert_eq!(alter(PropertyPatch::new().without_comment().without("a")), "d - [c=3] 0");
    // Set and removed at once, it is set.
    assert_eq!(alter(PropertyPatch::new().without("x").with("x", "1")), "d - [c=3, x=1] 0");
    assert_eq!(described(&store.at(1).unwrap().database("d").unwrap()), "d old [a=1, b=2] 0");
}

#[test]
fn databases_are_listed_in_order_and_by_pattern() {
    let store = Store::in_memory();
    for name in ["Sales", "hr", "Sales_2024", "`odd name`", "日本"] {
        store.create_database(name).unwrap();
    }
    assert_eq!(listed(&store), ["default", "hr", "`odd name`", "Sales", "Sales_2024", "日本"]);
    let like = |pattern: &str| -> Vec<String> {
        let found = store.snapshot().databases_like(pattern);
        found.iter().map(|database| database.name().as_str().to_owned()).collect()
    };
    assert_eq!(like("*"), ["default", "hr", "odd name", "Sales", "Sales_2024", "日本"]);
    assert_eq!(like("SALES*"), ["Sales", "Sales_2024"]);
    assert_eq!(like("hr|sales"), ["hr", "Sales"]);
    assert_eq!(like("*d*"), ["default", "odd name"]);
    assert_eq!(like("日*"), ["日本"]);
    assert_eq!(like("s.les"), [""; 0]);
    assert_eq!(like(""), [""; 0]);
    // A transaction lists its own too.
    let mut tx = store.begin();
    tx.create_database("new").unwrap();
    tx.drop_database("hr").unwrap();
    assert_eq!(tx.databases().len(), 6);
    assert!(tx.tables("hr").is_err() && tx.tables("new").unwrap().is_empty());
}

#[test]
fn a_missing_database_is_made_only_by_a_store_that_is_asked_to() {
    let store = Store::in_memory();
    for change in [
        (|store: &Store| store.create_table("new.t", numbers([]).schema())) as fn(&Store) -> _,
        |store| store.create_view("new.v", "select 1"),
    ] {
        let message = refusal(&store, change);
        assert_eq!(message, "the database new does not exist; create it first");
    }
    let providing = StoreBuilder::new().create_missing_databases(true).build();
    providing.write(numbers([1])).save_as_table("New.t").unwrap();
    providing.create_view("NEW.v", "select 1").unwrap();
    providing.create_table("newer.t", numbers([]).schema()).unwrap();
    assert_eq!(listed(&providing), ["default", "New", "newer"]);
    assert_eq!(names(&providing.tables("new").unwrap()), ["New.t", "New.v"]);
    assert_eq!(providing.version(), VersionId(3));
    // A rename does not move a table to where nobody expects one.
    let error = providing.rename_table("new.t", "newest.t").unwrap_err();
    assert_eq!(error.to_string(), "the database newest does not exist; create it first");
    assert!(!content_of(&providing.snapshot()).contains("newest"));
}
