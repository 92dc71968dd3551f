//! Names: looked up without regard to case, kept as they were written.

use annals::{DatabaseName, SaveMode, Store, StoreBuilder, TableName};
use annals_tests::{numbers, numbers_of};

use crate::names;

#[test]
fn a_name_is_found_in_any_case_and_shown_as_it_was_written() {
    let store = Store::in_memory();
    store.create_database("Sales").unwrap();
    store.write(numbers([1])).save_as_table("SALES.Orders").unwrap();
    for name in [
        "sales.orders",
        "SALES.ORDERS",
        "Sales.Orders",
        "annals.sales.orders",
        "ANNALS.Sales.`ORDERS`",
    ] {
        let table = store.table(name).unwrap();
        assert_eq!(table.name().to_string(), "Sales.Orders", "{name}");
        assert!(store.table_exists(name).unwrap());
    }
    // Whatever is written to it under another spelling.
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("sales.ORDERS").unwrap();
    store.write(numbers([3])).mode(SaveMode::Overwrite).save_as_table("sales.orders").unwrap();
    store.truncate("SALES.orders").unwrap();
    store.restore_table("sales.ORDERS", 3).unwrap();
    assert_eq!(names(&store.tables("sales").unwrap()), ["Sales.Orders"]);
    // Dropped and put back, it is written as whoever put it back writes it.
    store.drop_table("sales.orders").unwrap();
    store.restore_table("sales.ORDERS", 3).unwrap();
    assert_eq!(names(&store.tables("sales").unwrap()), ["Sales.ORDERS"]);
    assert_eq!(numbers_of(&store.table("sales.orders").unwrap()), [1, 2]);
}

#[test]
fn a_name_without_a_database_is_in_default() {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("t").unwrap();
    for name in ["t", "default.t", "DEFAULT.T", "`default`.`t`", "annals.default.t"] {
        assert_eq!(store.table(name).unwrap().name().to_string(), "default.t", "{name}");
    }
}

#[test]
fn quoted_names_may_hold_anything_but_control_characters() {
    let store = StoreBuilder::new().create_missing_databases(true).build();
    let odd = [
        "a b", "a.b", " a ", "`", "``", "..", "a/b", "C:\\x", "CON", "%2e%2e", "日本", "select",
        "1", "-", "'\"",
    ];
    for (n, database) in (0..).zip(odd) {
        for table in odd {
            let quoted = |part: &str| format!("`{}`", part.replace('`', "``"));
            let text = format!("{}.{}", quoted(database), quoted(table));
            store.write(numbers([n])).save_as_table(&text).unwrap();
            let name = store.table(&text).unwrap().name().clone();
            assert_eq!((name.database_str(), name.table_str()), (database, table));
            // What is shown is read back as the same.
            assert_eq!(TableName::parse(&name.to_string()).unwrap(), name);
        }
        let parsed = DatabaseName::new(database).unwrap();
        assert_eq!(store.tables(&parsed).unwrap().len(), odd.len(), "{database}");
    }
    assert_eq!(store.snapshot().databases().len(), odd.len() + 1);
}

#[test]
fn names_that_only_look_alike_are_different_and_names_that_differ_in_case_are_not() {
    let store = Store::in_memory();
    let save = |name: &str| store.write(numbers([1])).save_as_table(name);
    for name in ["é", "e\u{301}", "ﬁ", "fi", "ß", "ss", "a\u{200d}b", "ab", "ı", "i"] {
        save(name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
    }
    for (name, there) in
        [("É", "é"), ("E\u{301}", "e\u{301}"), ("SS", "ss"), ("I", "i"), ("AB", "ab")]
    {
        assert!(save(name).is_err(), "{name:?} is {there:?} in another case");
    }
    // Kelvin is a capital k.
    save("k").unwrap();
    assert!(save("\u{212a}").is_err());
    assert_eq!(store.snapshot().table_count(), 11);
}

#[test]
fn a_parsed_name_works_wherever_text_does() {
    let store = Store::in_memory();
    let (database, name) = (DatabaseName::parse("D").unwrap(), TableName::parse("d.T").unwrap());
    let other = TableName::new(&database, "odd name").unwrap();
    store.create_database("d").unwrap();
    store.write(numbers([1])).save_as_table(&name).unwrap();
    store.rename_table(&name, &other).unwrap();
    assert_eq!(store.tables(&database).unwrap(), std::slice::from_ref(&other));
    assert!(store.table_exists(other.clone()).unwrap());
    let mut tx = store.begin();
    tx.truncate(&other).unwrap();
    tx.drop_table(String::from("d.`odd name`")).unwrap();
    tx.drop_database(&database).unwrap();
    tx.commit().unwrap();
    assert_eq!(TableName::parse_in("t", &database).unwrap().to_string(), "D.t");
}

#[test]
fn the_longest_name_is_as_good_as_any() {
    let store = StoreBuilder::new().create_missing_databases(true).build();
    let long = "é".repeat(512);
    let name = format!("{long}.{long}");
    store.write(numbers([1])).save_as_table(&name).unwrap();
    assert_eq!(numbers_of(&store.table(name.to_uppercase()).unwrap()), [1]);
    assert_eq!(store.tables(&long).unwrap().len(), 1);
}
