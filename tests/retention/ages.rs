//! Versions that were superseded long ago go: with a commit, or when asked for.

use std::time::Duration;

use annals::{Retention, Store};

use crate::{Hand, append, kept, overwrite};

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

fn of_age(age_max: Duration) -> Retention {
    Retention { age_max: Some(age_max), ..Retention::UNBOUNDED }
}

/// Versions 0 to `newest`, one an hour.
fn hourly(hand: &Hand, store: &Store, newest: i64) {
    for n in 1..=newest {
        hand.set(n * 3600);
        append(store, "t", n);
    }
}

#[test]
fn every_moment_of_the_time_that_is_kept_can_be_travelled_to() {
    let hand = Hand::at(0);
    let store = hand.store(of_age(hours(24)));
    hourly(&hand, &store, 100);
    let now = 100 * 3600;
    for back in 0..24 {
        let moment = annals::Timestamp((now - back * 3600 - 1) * 1_000_000);
        assert!(store.at(moment).is_ok(), "{back} hours ago");
    }
    // A sixteenth of a day more may wait to be expired together.
    assert!(kept(&store).len() <= 24 + 2 + 1, "{:?}", kept(&store));
    let moment = annals::Timestamp((now - 26 * 3600) * 1_000_000);
    assert!(store.at(moment).is_err());
}

#[test]
fn an_idle_store_expires_nothing_until_it_is_asked_or_written_to() {
    let policy = of_age(hours(24));
    let idle = || {
        let hand = Hand::at(0);
        let store = hand.store(policy);
        hourly(&hand, &store, 5);
        hand.set(10_000 * 3600);
        assert_eq!(kept(&store), [0, 1, 2, 3, 4, 5]);
        store
    };
    let asked = idle();
    assert_eq!(asked.expire(&asked.retention()).versions.len(), 5);
    assert_eq!(kept(&asked), [5]);
    // What was the newest until now is superseded just now, whatever its own age.
    let written_to = idle();
    append(&written_to, "t", 6);
    assert_eq!(kept(&written_to), [5, 6]);
}

#[test]
fn what_was_replaced_just_now_stays_however_large_it_is() {
    let policy = Retention { historical_bytes_max: 100, ..Retention::default() };
    let store = Hand::at(0).store(policy);
    for rows in [1_000, 2_000, 3_000] {
        overwrite(&store, "t", rows);
    }
    assert_eq!(kept(&store), [2, 3]);
    assert_eq!(store.at(2).unwrap().table("t").unwrap().row_count(), 2_000);
    store.restore_table("t", 2).unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 2_000);
    // Who does not want that asks for less.
    store.set_retention(Retention { versions_min: 1, ..policy });
    assert_eq!(kept(&store), [4]);
}

#[test]
fn a_clock_that_goes_back_makes_nothing_older() {
    let hand = Hand::at(1_000 * 3600);
    let store = hand.store(of_age(hours(1)));
    append(&store, "t", 1);
    append(&store, "t", 2);
    hand.set(0);
    append(&store, "t", 3);
    assert_eq!(store.expire(&store.retention()).versions, []);
    assert_eq!(kept(&store), [0, 1, 2, 3]);
}

#[test]
fn tagged_versions_and_held_snapshots_outlast_any_age() {
    let hand = Hand::at(0);
    let store = hand.store(of_age(hours(1)));
    hourly(&hand, &store, 2);
    store.tag("kept", 1).unwrap();
    let held = store.snapshot();
    hand.set(1_000 * 3600);
    append(&store, "t", 3);
    append(&store, "t", 4);
    // The third superseded the second just now.
    assert_eq!(kept(&store), [1, 2, 3, 4]);
    hand.set(2_000 * 3600);
    append(&store, "t", 5);
    assert_eq!(kept(&store), [1, 4, 5]);
    assert_eq!(store.at("kept").unwrap().table("t").unwrap().row_count(), 1);
    assert_eq!(held.table("t").unwrap().row_count(), 2);
}
