//! Comments and properties of tables.

use annals::{PropertyPatch, SaveMode, Store};
use annals_tests::{numbers, numbers_of, people};

use crate::refusal;

fn said(store: &Store) -> String {
    let table = store.table("t").unwrap();
    let pairs = table.properties().iter().map(|(key, value)| format!("{key}={value}"));
    format!("{} [{}]", table.comment().unwrap_or("-"), pairs.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_save_says_what_its_table_is_for() {
    let store = Store::in_memory();
    let writer = store.write(numbers([1])).comment("numbers").property("b", "2").property("a", "1");
    writer.save_as_table("t").unwrap();
    assert_eq!(said(&store), "numbers [a=1, b=2]");
    // Later ones change what they name.
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(said(&store), "numbers [a=1, b=2]");
    store.write(numbers([3])).mode(SaveMode::Append).property("c", "3").save_as_table("t").unwrap();
    assert_eq!(said(&store), "numbers [a=1, b=2, c=3]");
    let writer = store.write(people([(1, "x")])).mode(SaveMode::Overwrite).comment("people");
    writer.property("a", "9").save_as_table("t").unwrap();
    assert_eq!(said(&store), "people [a=9, b=2, c=3]");
    store.write(numbers([3])).mode(SaveMode::Ignore).comment("ignored").save_as_table("t").unwrap();
    assert_eq!(said(&store), "people [a=9, b=2, c=3]");
}

#[test]
fn properties_are_set_and_removed_one_by_one() {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("t").unwrap();
    let set = |patch: PropertyPatch| {
        store.set_properties("T", &patch).unwrap();
        said(&store)
    };
    assert_eq!(set(PropertyPatch::new().with("a", "1").with("b", "2")), "- [a=1, b=2]");
    assert_eq!(set(PropertyPatch::new().with("A", "3")), "- [A=3, a=1, b=2]");
    assert_eq!(
        set(PropertyPatch::new().with_comment("x").without("b").without("nope")),
        "x [A=3, a=1]"
    );
    assert_eq!(set(PropertyPatch::new().without_comment()), "- [A=3, a=1]");
    assert_eq!(set(PropertyPatch::new().with_comment("")), " [A=3, a=1]");
    assert_eq!(set(PropertyPatch::new().with("a", "first").with("a", "last")), " [A=3, a=last]");
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1]);
    refusal(&store, |store| store.set_properties("nope", &PropertyPatch::new().with("a", "1")));
}

#[test]
fn any_text_is_a_key_and_a_value() {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("t").unwrap();
    let long = "x".repeat(100_000);
    let odd = ["", " ", "\0", "a=b", "日本", "..", &long];
    let patch = odd.iter().fold(PropertyPatch::new(), |patch, text| patch.with(text, text));
    store.set_properties("t", &patch.with_comment(&long)).unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(
        (table.properties().len(), table.comment().map(str::len)),
        (odd.len(), Some(100_000))
    );
    for text in odd {
        assert_eq!(table.properties().get(text).map(|value| &**value), Some(text));
    }
}

#[test]
fn a_patch_that_changes_nothing_makes_no_version() {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("t").unwrap();
    assert!(PropertyPatch::new().is_empty());
    assert!(!store.set_properties("t", &PropertyPatch::new()).unwrap().made_version());
    assert!(!store.alter_database("default", &PropertyPatch::new()).unwrap().made_version());
    assert_eq!(store.version().0, 1);
    // But what is not there is still an error.
    refusal(&store, |store| store.set_properties("nope", &PropertyPatch::new()));
    refusal(&store, |store| store.alter_database("nope", &PropertyPatch::new()));
}
