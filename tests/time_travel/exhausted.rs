//! The end of all version numbers.

use annals::{CommitError, Remedy, SaveMode, Store, StoreBuilder, VersionId, WriteError};
use annals_tests::{content_of, numbers, numbers_of};
use expect_test::expect;

use crate::append;

fn nearly() -> Store {
    let store = StoreBuilder::new().build_at(VersionId(u64::MAX - 3));
    assert_eq!(store.version(), VersionId(u64::MAX - 3));
    for n in 1..=3 {
        append(&store, "t", n);
    }
    store
}

#[test]
fn the_last_version_is_one_like_any_other() {
    let store = nearly();
    assert_eq!(store.version(), VersionId(u64::MAX));
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3]);
    assert_eq!(crate::numbers_at(&store, u64::MAX, "t"), [1, 2, 3]);
    assert_eq!(crate::numbers_at(&store, u64::MAX - 1, "t"), [1, 2]);
    assert_eq!(crate::numbers_at(&store, annals::At::Latest, "t"), [1, 2, 3]);
    for (ordinal, rows) in [(0, 1), (1, 2), (2, 3)] {
        let table = store.table_at_ordinal("t", ordinal).unwrap();
        assert_eq!(table.row_count(), rows, "{ordinal}");
    }
    let timestamp = store.snapshot().timestamp();
    assert_eq!(store.at(timestamp).unwrap().version(), store.version());
    store.tag("end", u64::MAX).unwrap();
    assert_eq!(store.at("end").unwrap().version(), store.version());
    assert_eq!(store.history().iter().count(), 3);
    assert!(store.snapshot().diff(&store.at(u64::MAX - 1).unwrap()).tables.len() == 1);
    let policy = annals::Retention { versions_max: 1, ..store.retention() };
    assert_eq!(store.set_retention(policy), 3);
    assert_eq!(store.versions(), [VersionId(u64::MAX)]);
    assert!(store.at(u64::MAX - 1).is_err());
}

#[test]
fn after_it_every_commit_is_refused_and_says_what_to_do() {
    let store = nearly();
    let before = content_of(&store.snapshot());
    let error = store.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap_err();
    assert!(matches!(error, WriteError::Commit(CommitError::VersionsExhausted { .. })));
    assert_eq!(error.remedy(), Remedy::Change);
    expect![[r#"
        v18446744073709551615 is the last version number there is; write the tables to a new store"#]]
    .assert_eq(&error.to_string());
    let mut tx = store.begin();
    tx.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.write(numbers([4])).save_as_table("new").unwrap();
    tx.rename_table("t", "u").unwrap();
    // The draft itself is as good as any.
    assert_eq!(numbers_of(&tx.table("u").unwrap()), [1, 2, 3, 4]);
    assert!(matches!(tx.would_conflict(), Err(CommitError::VersionsExhausted { .. })));
    assert!(matches!(tx.commit(), Err(CommitError::VersionsExhausted { .. })));
    assert_eq!(content_of(&store.snapshot()), before);
    assert_eq!(store.version(), VersionId(u64::MAX));
    // Nothing to commit is still nothing to refuse.
    store.begin().commit().unwrap();

    // And so it goes on.
    let new = Store::in_memory();
    let batches = store.table("t").unwrap().read().unwrap();
    new.write(batches).save_as_table("t").unwrap();
    assert_eq!(numbers_of(&new.table("t").unwrap()), [1, 2, 3]);
}

#[test]
fn a_store_may_begin_at_any_number() {
    let store = StoreBuilder::new().build_at(VersionId(1_000));
    assert_eq!(store.version(), VersionId(1_000));
    append(&store, "t", 1);
    assert_eq!(store.versions(), [VersionId(1_000), VersionId(1_001)]);
    assert!(matches!(store.at(999), Err(annals::TravelError::Expired { .. })));
    assert_eq!(store.snapshot().database("default").unwrap().table_count(), 1);
    store.restore(1_000).unwrap();
    assert_eq!(store.snapshot().table_count(), 0);
}
