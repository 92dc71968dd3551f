//! Hostile names: each is a name like any other, or refused by a typed error; none is a path.

use annals::error::NameError;
use annals::{SaveMode, Store, TableName, WriteError};
use annals_tests::{numbers, numbers_of};

#[test]
fn odd_names_are_names() {
    let store = Store::in_memory();
    let odd = [
        "`..`",
        "`/etc/x`",
        "`a/b`",
        r"`C:\x`",
        "CON",
        "`%2e%2e`",
        "`select`",
        "`a.b.c`",
        "`'`",
        "`\"`",
        "`a``b`",
        "`🐎`",
        "`žluťoučký kůň`",
        "`a b`",
        "`-`",
        "`*`",
        "`\u{202e}gnp`",
        "`1`",
        "`e\u{301}`",
        "`é`",
    ];
    for (value, name) in odd.iter().enumerate() {
        let value = i64::try_from(value).expect("they are few");
        store.write(numbers([value])).save_as_table(*name).expect(name);
    }
    for (value, name) in odd.iter().enumerate() {
        let table = store.table(*name).expect(name);
        assert_eq!(numbers_of(&table), [i64::try_from(value).expect("they are few")], "{name}");
        let shown = table.name().to_string();
        assert_eq!(TableName::parse(&shown).expect(&shown), *table.name(), "it reads back");
    }
    assert_eq!(store.tables("default").expect("it is there").len(), odd.len());
}

#[test]
fn databases_may_be_odd_as_well() {
    let store = Store::in_memory();
    store.create_database("`my.db`").expect("it is new");
    store.write(numbers([1])).save_as_table("`my.db`.`t`").expect("it is new");
    assert_eq!(numbers_of(&store.table("`MY.DB`.T").expect("case does not count")), [1]);
    assert!(store.table("my.db.t").is_err(), "three parts are another name");
}

#[test]
fn what_is_no_name_is_refused_and_leaves_nothing() {
    let store = Store::in_memory();
    let long = "x".repeat(64 * 1024);
    let bad = ["", " ", ".", "a.", ".a", "``", "`a", "a`b", "a\0b", "a\nb", "\t", &long];
    for name in bad {
        let save = store.write(numbers([1])).mode(SaveMode::Overwrite).save_as_table(name);
        assert!(matches!(save, Err(WriteError::Name(_))), "{name:?}");
        assert!(store.table(name).is_err());
        assert!(store.create_database(name).is_err());
        assert!(store.rename_table("t", name).is_err());
    }
    assert_eq!(store.version().0, 0);
    let error = TableName::parse(&long).unwrap_err();
    assert!(matches!(error, NameError::TooLong { bytes: 65_536, .. }));
    assert!(error.to_string().len() < 300, "a long name makes no long message");
}
