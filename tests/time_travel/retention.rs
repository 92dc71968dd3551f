//! What stays of the past, and what does not.

use std::time::Duration;

use annals::{
    At, AwaitingReclaim, Retention, SaveMode, Store, StoreBuilder, TravelError, VersionId,
};
use annals_tests::{content_of, numbers, numbers_of};
use expect_test::expect;

use crate::{Hand, append, numbers_at, overwrite};

/// Longer than freeing anything here can take.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn kept(store: &Store) -> Vec<u64> {
    store.versions().iter().map(|version| version.0).collect()
}

fn store_keeping(versions_max: usize) -> Store {
    let retention = Retention { versions_max, ..Retention::default() };
    StoreBuilder::new().retention(retention).build()
}

#[test]
fn so_many_versions_stay_and_older_ones_expire() {
    let store = store_keeping(3);
    for n in 1..=5 {
        append(&store, "t", n);
    }
    assert_eq!(kept(&store), [3, 4, 5]);
    for version in 3..=5 {
        let expected: Vec<i64> = (1..=version).collect();
        assert_eq!(numbers_at(&store, u64::try_from(version).unwrap(), "t"), expected);
    }
    let error = store.at(2).unwrap_err();
    expect!["v2 has expired; the oldest version still retained is v3; tag a version to keep it"]
        .assert_eq(&error.to_string());
    let expired = TravelError::Expired { asked: VersionId(0), oldest: VersionId(3) };
    assert_eq!(store.at(0).unwrap_err(), expired);
    assert!(store.restore_table("t", 2).is_err());
    assert!(store.tag("too late", 1).is_err());
    assert_eq!(kept(&store), [3, 4, 5]);
}

#[test]
fn the_newest_version_stays_whatever_the_policy() {
    let nothing = Retention { versions_max: 0, records_max: 0, ..Retention::default() };
    let store = StoreBuilder::new().retention(nothing).build();
    for n in 1..=3 {
        append(&store, "t", n);
    }
    assert_eq!(kept(&store), [3]);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3]);
    assert_eq!(store.history().iter().count(), 0);
    assert_eq!(store.retention(), nothing);
}

#[test]
fn tagged_versions_stay_until_the_last_tag_is_gone() {
    let store = store_keeping(2);
    append(&store, "t", 1);
    store.tag("a", 1).unwrap();
    store.tag("b", 1).unwrap();
    append(&store, "t", 2);
    append(&store, "t", 3);
    store.tag("c", 3).unwrap();
    for n in 4..=10 {
        append(&store, "t", n);
    }
    assert_eq!(kept(&store), [1, 3, 9, 10]);
    assert_eq!(numbers_at(&store, "a", "t"), [1]);
    assert_eq!(numbers_at(&store, 3, "t"), [1, 2, 3]);
    store.untag("a").unwrap();
    assert_eq!(numbers_at(&store, "b", "t"), [1]);
    store.untag("b").unwrap();
    assert_eq!(kept(&store), [3, 9, 10]);
    assert!(matches!(store.at(1), Err(TravelError::Expired { .. })));
    // A tag on a version that would stay anyway takes nothing with it when it goes.
    store.tag("d", 10).unwrap();
    store.untag("d").unwrap();
    assert_eq!(kept(&store), [3, 9, 10]);
    // One that only a tag keeps may get another.
    store.tag("e", "c").unwrap();
    store.untag("c").unwrap();
    assert_eq!(kept(&store), [3, 9, 10]);
    store.restore_table("t", "e").unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3]);
}

#[test]
fn so_many_bytes_stay_that_only_older_versions_hold() {
    // Each overwrite supersedes 8,000 bytes.
    let size = |store: &Store| store.table("t").unwrap().byte_count();
    let unlimited = Store::in_memory();
    let thousand = |store: &Store, n: i64| {
        let rows = numbers(std::iter::repeat_n(n, 1000));
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    };
    thousand(&unlimited, 0);
    let bytes = size(&unlimited);
    let historical_bytes_max = 3 * bytes + bytes / 2;
    let retention = Retention { historical_bytes_max, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    for n in 1..=10 {
        thousand(&store, n);
        // Appends hold on to nothing: what they add, the newest version has too.
        append(&store, "other", n);
    }
    let versions = kept(&store);
    assert_eq!(*versions.last().unwrap(), 20);
    // Those whose rows are not superseded more than three times.
    assert!(numbers_at(&store, 14, "t").iter().all(|n| *n == 7));
    assert!(matches!(store.at(12), Err(TravelError::Expired { .. })), "{versions:?}");
    for version in versions {
        store.at(version).unwrap();
    }
}

#[test]
fn a_store_that_only_grows_keeps_its_versions() {
    let retention = Retention { historical_bytes_max: 0, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    for n in 1..=50 {
        append(&store, "t", n);
    }
    assert_eq!(kept(&store).len(), 51);
    overwrite(&store, "t", 0);
    assert!(kept(&store).len() < 51);
}

#[test]
fn what_came_and_went_within_one_commit_is_held_by_no_version() {
    let store = Store::in_memory();
    for n in 1..=5 {
        append(&store, "t", n);
    }
    store.set_retention(Retention { historical_bytes_max: 1000, ..store.retention() });
    let large = || numbers(0..10_000);
    let mut tx = store.begin();
    tx.write(large()).save_as_table("scratch").unwrap();
    tx.drop_table("scratch").unwrap();
    tx.commit().unwrap();
    let mut tx = store.begin();
    tx.write(large()).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.rename_table("t", "u").unwrap();
    tx.restore_table("u", 5).unwrap();
    tx.commit().unwrap();
    // No older version holds a byte more than before.
    assert_eq!(kept(&store), (0..=7).collect::<Vec<u64>>());
}

#[test]
fn what_is_held_stays_whole_after_its_version_expired() {
    let store = store_keeping(1);
    let mut held = Vec::new();
    for n in 1..=20 {
        let writer = store.write(numbers([n])).mode(SaveMode::Append);
        writer.missing(annals::Missing::FillNull).save_as_table("t").unwrap();
        store.add_columns("t", [field(&format!("c{n}"))]).unwrap();
        held.push((store.snapshot(), content_of(&store.snapshot())));
        if n % 5 == 0 {
            store.drop_table("t").unwrap();
        }
    }
    assert_eq!(store.versions().len(), 1);
    for (snapshot, content) in &held {
        assert!(store.at(snapshot.version()).is_err());
        assert_eq!(content_of(snapshot), *content);
    }
    // A fork begins with it, and a difference can be told of it.
    let fork = store.fork_from(&held[3].0);
    assert_eq!(content_of(&fork.snapshot()), held[3].1);
    assert!(!held[0].0.diff(&held[3].0).is_empty());
}

fn field(name: &str) -> arrow_schema::Field {
    arrow_schema::Field::new(name, arrow_schema::DataType::Int64, true)
}

#[test]
fn a_change_of_policy_takes_effect_at_once_and_says_how_much_went() {
    let store = Store::in_memory();
    for n in 1..=100 {
        append(&store, "t", n);
    }
    store.tag("early", 10).unwrap();
    let held = store.at(50).unwrap();
    let policy = Retention { versions_max: 5, ..store.retention() };
    // 101 versions there were; 5 stay, and the tagged one.
    assert_eq!(store.set_retention(policy), 95);
    assert_eq!(store.retention(), policy);
    assert_eq!(kept(&store), [10, 96, 97, 98, 99, 100]);
    assert_eq!(held.table("t").unwrap().row_count(), 50);
    assert_eq!(store.set_retention(policy), 0);
    // A wider policy brings nothing back, and keeps from now on.
    store.set_retention(Retention::default());
    for n in 101..=110 {
        append(&store, "t", n);
    }
    assert_eq!(kept(&store).len(), 16);
}

#[test]
fn after_expiry_a_moment_is_found_only_if_what_was_current_is_known() {
    let hand = Hand::at(0);
    let store = hand.clock(StoreBuilder::new()).build();
    for n in 1..=10 {
        hand.set(n * 100);
        append(&store, "t", n);
    }
    store.tag("two", 2).unwrap();
    store.tag("three", 3).unwrap();
    store.tag("six", 6).unwrap();
    store.set_retention(Retention { versions_max: 2, ..store.retention() });
    assert_eq!(kept(&store), [2, 3, 6, 9, 10]);
    let at = |micros| store.at(annals::Timestamp(micros)).map(|s| s.version().0).ok();
    // From v2 until v3, and from v9 on. What was current after v3 or v6 is not known.
    let found: Vec<Option<u64>> =
        [150, 200, 299, 300, 399, 450, 600, 850, 900, 999, 1000].map(at).to_vec();
    assert_eq!(
        found,
        [None, Some(2), Some(2), None, None, None, None, None, Some(9), Some(9), Some(10)]
    );
    let error = store.at(annals::Timestamp(450)).unwrap_err();
    expect!["nothing is retained from 1970-01-01T00:00:00.000450Z; the oldest version, v9, is from 1970-01-01T00:00:00.000900Z"]
        .assert_eq(&error.to_string());
}

#[test]
fn what_expires_is_freed() {
    let store = store_keeping(1);
    store.write(numbers(0..1000)).save_as_table("t").unwrap();
    let batches = store.table("t").unwrap().read().unwrap();
    let column = std::sync::Arc::downgrade(batches[0].column(0));
    drop(batches);
    assert!(column.upgrade().is_some());
    overwrite(&store, "t", 1);
    overwrite(&store, "t", 2);
    assert!(store.settle(WAIT_MAX));
    assert!(column.upgrade().is_none(), "nobody can reach it any more");
}

#[test]
fn what_a_tag_or_a_snapshot_holds_is_not_freed() {
    let store = store_keeping(1);
    let column = |store: &Store, at: At| {
        let batches = store.at(at).unwrap().table("t").unwrap().read().unwrap();
        std::sync::Arc::downgrade(batches[0].column(0))
    };
    append(&store, "t", 1);
    store.tag("kept", At::Latest).unwrap();
    let tagged = column(&store, At::Latest);
    overwrite(&store, "t", 2);
    let held = store.snapshot();
    let pinned = column(&store, At::Latest);
    overwrite(&store, "t", 3);
    overwrite(&store, "t", 4);
    assert!(store.settle(WAIT_MAX));
    assert!(tagged.upgrade().is_some() && pinned.upgrade().is_some());
    let awaiting = store.awaiting_reclaim();
    assert_eq!((awaiting.versions, awaiting.held), (1, 1));
    assert_eq!(numbers_of(&held.table("t").unwrap()), [2]);
    drop(held);
    store.untag("kept").unwrap();
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
    assert!(tagged.upgrade().is_none() && pinned.upgrade().is_none());
}
