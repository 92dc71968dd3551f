//! Versions by their time, whatever the clock does.

use annals::{SaveMode, Store, StoreBuilder, Timestamp, TravelError, VersionId};
use annals_tests::{Chance, numbers};
use expect_test::expect;

use crate::{Hand, append};

/// The version that was current at a moment.
fn version_at(store: &Store, micros: i64) -> Result<u64, TravelError> {
    store.at(Timestamp(micros)).map(|snapshot| snapshot.version().0)
}

#[test]
fn a_moment_finds_the_version_that_was_current_then() {
    let hand = Hand::at(1_000);
    let store = hand.clock(StoreBuilder::new()).build();
    for micros in [2_000, 3_000, 3_001] {
        hand.set(micros);
        append(&store, "t", micros);
    }
    hand.set(10_000);
    for (micros, version) in [
        (1_000, 0),
        (1_999, 0),
        (2_000, 1),
        (2_001, 1),
        (2_999, 1),
        (3_000, 2),
        (3_001, 3),
        (3_002, 3),
        (10_000, 3),
    ] {
        assert_eq!(version_at(&store, micros), Ok(version), "at {micros}");
    }
}

#[test]
fn a_moment_outside_of_what_is_known_is_an_error() {
    let hand = Hand::at(1_000_000);
    let store = hand.clock(StoreBuilder::new()).build();
    hand.set(2_000_000);
    append(&store, "t", 1);
    let says = |micros| version_at(&store, micros).unwrap_err().to_string();
    expect!["nothing is retained from 1970-01-01T00:00:00.999999Z; the oldest version, v0, is from 1970-01-01T00:00:01.000000Z"]
        .assert_eq(&says(999_999));
    expect!["1970-01-01T00:00:02.000001Z is in the future; it is 1970-01-01T00:00:02.000000Z"]
        .assert_eq(&says(2_000_001));
    assert!(matches!(version_at(&store, i64::MIN), Err(TravelError::TooEarly { .. })));
    assert!(matches!(version_at(&store, i64::MAX), Err(TravelError::Future { .. })));
    assert!(says(i64::MIN).contains("µs"));
}

#[test]
fn timestamps_strictly_increase_though_the_clock_stands_still_or_goes_back() {
    let hand = Hand::at(5_000);
    let store = hand.clock(StoreBuilder::new()).build();
    let mut chance = Chance::new();
    let mut last = store.snapshot().timestamp();
    for n in 0..200 {
        match chance.below(4) {
            0 => hand.set(5_000 - n * 7),
            1 => hand.set(last.0 + 100),
            2 => hand.set(-1_000_000),
            _ => {}
        }
        append(&store, "t", n);
        let timestamp = store.snapshot().timestamp();
        assert!(timestamp > last);
        last = timestamp;
    }
    // Each moment finds its own version, though the clock says that it is long before.
    hand.set(0);
    for version in store.versions() {
        let timestamp = store.at(version).unwrap().timestamp();
        assert_eq!(version_at(&store, timestamp.0), Ok(version.0));
    }
    assert!(matches!(version_at(&store, last.0 + 1), Err(TravelError::Future { .. })));
    // Once the clock has caught up, so has what may be asked for.
    hand.set(last.0 + 10);
    assert_eq!(version_at(&store, last.0 + 10), Ok(200));
}

#[test]
fn a_clock_that_jumped_ahead_and_back_does_not_reorder_versions() {
    let hand = Hand::at(1_000);
    let store = hand.clock(StoreBuilder::new()).build();
    hand.set(1_000_000);
    append(&store, "t", 1);
    hand.set(2_000);
    append(&store, "t", 2);
    append(&store, "t", 3);
    let timestamps: Vec<i64> =
        (1..=3).map(|version| store.at(version).unwrap().timestamp().0).collect();
    assert_eq!(timestamps, [1_000_000, 1_000_001, 1_000_002]);
    assert_eq!(version_at(&store, 2_000), Ok(0));
}

#[test]
fn a_clock_at_the_end_of_time_leaves_room_for_the_commits_to_come() {
    let hand = Hand::at(i64::MAX);
    let store = hand.clock(StoreBuilder::new()).build();
    let mut last = store.snapshot().timestamp();
    for (n, micros) in (0..).zip([i64::MAX, i64::MAX, 0, i64::MIN, i64::MAX - 1]) {
        hand.set(micros);
        append(&store, "t", n);
        assert!(store.snapshot().timestamp() > last);
        last = store.snapshot().timestamp();
    }
    assert_eq!(store.versions().len(), 6);
}

#[test]
fn a_commit_has_the_timestamp_of_its_version() {
    let hand = Hand::at(42);
    let store = hand.clock(StoreBuilder::new()).build();
    assert_eq!(store.snapshot().timestamp(), Timestamp(42));
    hand.set(100);
    let writer = store.write(numbers([1])).mode(SaveMode::Append);
    let saved = writer.save_as_table("t").unwrap();
    let committed = saved.committed().unwrap();
    assert_eq!(committed.timestamp(), Some(Timestamp(100)));
    assert_eq!(store.snapshot().timestamp(), Timestamp(100));
    assert_eq!(store.snapshot().commit().unwrap().timestamp, Timestamp(100));
    assert_eq!(store.version(), VersionId(1));
}

#[test]
fn a_restore_takes_a_moment_too() {
    let hand = Hand::at(0);
    let store = hand.clock(StoreBuilder::new()).build();
    for n in 1..=3 {
        hand.set(n * 100);
        append(&store, "t", n);
    }
    store.restore_table("t", Timestamp(250)).unwrap();
    assert_eq!(annals_tests::numbers_of(&store.table("t").unwrap()), [1, 2]);
    store.tag("then", Timestamp(150)).unwrap();
    assert_eq!(crate::numbers_at(&store, "then", "t"), [1]);
}

#[test]
fn the_systems_clock_is_the_default() {
    let before = std::time::SystemTime::now();
    let store = Store::in_memory();
    append(&store, "t", 1);
    let timestamp = store.snapshot().timestamp();
    let micros = |time: std::time::SystemTime| {
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()).unwrap()
    };
    let now = micros(std::time::SystemTime::now());
    assert!((micros(before)..=now + 1).contains(&timestamp.0));
}
