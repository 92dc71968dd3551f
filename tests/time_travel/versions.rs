//! Every committed version can be read for as long as it is kept, and reads as it was written.

use annals::error::CatalogError;
use annals::{At, PropertyPatch, ReadError, Remedy, SaveMode, Store, TravelError, VersionId};
use annals_tests::{Chance, content_of, numbers, numbers_in};
use arrow_schema::{DataType, Field};
use expect_test::expect;

use crate::{append, numbers_at, overwrite};

#[test]
fn every_version_reads_as_it_did_when_it_was_newest() {
    let store = Store::in_memory();
    let mut chance = Chance::new();
    let mut then = vec![(content_of(&store.snapshot()), numbers_in(&store.snapshot()))];
    let names = ["a", "b", "c", "d.a"];
    store.create_database("d").unwrap();
    then.push((content_of(&store.snapshot()), numbers_in(&store.snapshot())));
    for step in 0..300 {
        let (name, other) = (chance.of(&names), chance.of(&names));
        let n = i64::from(step);
        let at = chance.below(then.len()) as u64;
        // Whatever of this is possible; the rest fails and changes nothing.
        match chance.below(12) {
            0..=3 => {
                drop(store.write(numbers([n])).mode(SaveMode::Append).save_as_table(name));
            }
            4 => drop(store.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table(name)),
            5 => drop(store.truncate(name)),
            6 => drop(store.drop_table(name)),
            7 => drop(store.rename_table(name, other)),
            8 => {
                let column = Field::new(format!("c{step}"), DataType::Int64, true);
                if store.add_columns(name, [column]).is_ok() {
                    store.drop_columns(name, [format!("c{step}")]).unwrap();
                }
            }
            9 => drop(store.set_properties(name, &PropertyPatch::new().with("step", "x"))),
            10 => drop(store.restore_table(name, at)),
            _ => drop(store.restore(at)),
        }
        let newest = usize::try_from(store.version().0).unwrap();
        while then.len() < newest {
            // A column that came and went again: the version in between.
            let snapshot = store.at(then.len() as u64).unwrap();
            then.push((content_of(&snapshot), numbers_in(&snapshot)));
        }
        if then.len() == newest {
            then.push((content_of(&store.snapshot()), numbers_in(&store.snapshot())));
        }
    }
    assert!(then.len() > 100);
    assert_eq!(store.versions().len(), then.len());
    for (version, (content, numbers)) in then.iter().enumerate() {
        let snapshot = store.at(version as u64).unwrap();
        assert_eq!(snapshot.version(), VersionId(version as u64));
        assert_eq!(content_of(&snapshot), *content, "v{version}");
        assert_eq!(numbers_in(&snapshot), *numbers, "v{version}");
    }
}

#[test]
fn a_version_is_found_by_number_by_tag_and_as_the_latest() {
    let store = Store::in_memory();
    for n in 1..=5 {
        append(&store, "t", n);
    }
    assert_eq!(numbers_at(&store, 3, "t"), [1, 2, 3]);
    assert_eq!(numbers_at(&store, VersionId(2), "t"), [1, 2]);
    assert_eq!(numbers_at(&store, At::Latest, "t"), [1, 2, 3, 4, 5]);
    assert_eq!(store.tag("monday", 2).unwrap(), VersionId(2));
    assert_eq!(numbers_at(&store, "monday", "t"), [1, 2]);
    assert_eq!(store.tag("now", At::Latest).unwrap(), VersionId(5));
    assert_eq!(store.tag("monday too", "monday").unwrap(), VersionId(2));
    append(&store, "t", 6);
    assert_eq!(numbers_at(&store, "now", "t"), [1, 2, 3, 4, 5]);
    // Before everything there is the store itself, with nothing in it.
    let first = store.at(0).unwrap();
    assert_eq!((first.version(), first.table_count()), (VersionId::ZERO, 0));
    assert!(first.commit().is_none());
    let text = [At::Latest, At::from(3), At::from("x"), At::from(annals::Timestamp(0))];
    let text: Vec<String> = text.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["latest", "v3", "tag `x`", "1970-01-01T00:00:00.000000Z"]);
}

#[test]
fn what_is_not_there_is_said_and_so_is_what_is() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let says = |at: At| store.at(at).unwrap_err().to_string();
    expect!["v2 does not exist; the newest version is v1"].assert_eq(&says(At::from(2)));
    expect!["v18446744073709551615 does not exist; the newest version is v1"]
        .assert_eq(&says(At::from(u64::MAX)));
    expect!["no version is tagged `release`"].assert_eq(&says(At::from("release")));
    let text = says(At::from("x".repeat(1000).as_str()));
    assert!(text.len() < 200, "{text}");
    // A table that did not exist then, and a version that says which it is.
    let error = store.at(0).unwrap().table("t").unwrap_err();
    expect!["in v0, the table default.t does not exist; check the name, or create it first"]
        .assert_eq(&error.to_string());
    assert!(matches!(
        &error,
        ReadError::Catalog { version: VersionId(0), source: CatalogError::NoTable { .. } }
    ));
    assert_eq!(error.remedy(), Remedy::Change);
}

#[test]
fn tags_are_immutable_names() {
    let store = Store::in_memory();
    for n in 1..=3 {
        append(&store, "t", n);
    }
    store.tag("a", 1).unwrap();
    // Again for the same version, nothing happens.
    store.tag("a", 1).unwrap();
    let error = store.tag("a", 2).unwrap_err();
    expect!["the tag `a` names v1 already; tags are immutable, remove it first"]
        .assert_eq(&error.to_string());
    store.tag("A", 2).unwrap();
    store.tag("à", 2).unwrap();
    let names: Vec<(String, u64)> =
        store.tags().into_iter().map(|(tag, version)| (tag.to_string(), version.0)).collect();
    assert_eq!(names, [("A".to_owned(), 2), ("a".to_owned(), 1), ("à".to_owned(), 2)]);
    // Tagging makes no version and no record.
    assert_eq!((store.version(), store.history().iter().count()), (VersionId(3), 3));

    assert_eq!(store.untag("a").unwrap(), VersionId(1));
    store.tag("a", 2).unwrap();
    expect!["no version is tagged `b`"].assert_eq(&store.untag("b").unwrap_err().to_string());
    for wrong in ["", "a\nb", "a\0", &"x".repeat(1025)] {
        let error = store.tag(wrong, 1).unwrap_err().to_string();
        assert!(error.contains("cannot be a tag") && error.len() < 300, "{error}");
    }
    for odd in ["..", "a/b", "C:\\x", "a b", "%2e%2e", "日本", &"x".repeat(1024)] {
        store.tag(odd, 1).unwrap();
        assert_eq!(numbers_at(&store, odd, "t"), [1]);
    }
    let error = store.tag("new", 4).unwrap_err().to_string();
    expect!["v4 does not exist; the newest version is v3"].assert_eq(&error);
}

#[test]
fn a_snapshot_a_table_and_a_scan_outlive_the_store() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let (snapshot, table) = (store.snapshot(), store.table("t").unwrap());
    let batches = table.scan().batches().unwrap();
    let mut reader = store.reader();
    overwrite(&store, "t", 2);
    assert_eq!(annals_tests::numbers_of(&reader.latest().table("t").unwrap()), [2]);
    drop(store);
    assert_eq!(annals_tests::numbers_of(&snapshot.table("t").unwrap()), [1]);
    assert_eq!(annals_tests::numbers_of(&table), [1]);
    assert_eq!(batches.count(), 1);
    assert_eq!(reader.latest().version(), VersionId(2));
}

#[test]
fn a_reader_shows_every_commit_at_once() {
    let store = Store::in_memory();
    let (mut reader, mut other) = (store.reader(), store.reader());
    for n in 1..=20 {
        append(&store, "t", n);
        assert_eq!(reader.latest().version(), store.version());
        let mut copy = reader.clone();
        assert_eq!(copy.latest().version(), store.version());
    }
    assert_eq!(other.latest().version(), VersionId(20));
    // What publishes no version is no reason to look again, and no harm if one does.
    store.tag("x", 3).unwrap();
    assert_eq!(reader.latest().version(), VersionId(20));
}

#[test]
fn travelling_fails_without_a_trace() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    for at in [At::from(9), At::from("nope")] {
        assert!(matches!(
            store.at(at.clone()),
            Err(TravelError::NoVersion { .. } | TravelError::NoTag { .. })
        ));
        assert!(store.restore(at.clone()).is_err());
        assert!(store.restore_table("t", at).is_err());
    }
    assert_eq!(store.version(), VersionId(1));
    store.write(numbers([2])).mode(annals::SaveMode::Append).save_as_table("t").unwrap();
}
