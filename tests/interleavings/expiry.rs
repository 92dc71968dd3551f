//! Expiry on demand and by policy, beside committers and each other: each version expires once, and
//! what is retained is dense.

use annals::{Retention, Store};

use crate::kit::{append, builder, create, joined, keep, made, overwrite, spawn, store};

/// What is retained, which is dense up to the newest version.
fn retained(store: &Store) -> Vec<u64> {
    let versions: Vec<u64> = store.versions().iter().map(|version| version.0).collect();
    assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1), "{versions:?}");
    versions
}

pub(crate) fn what_two_expire_beside_commits_is_told_to_one_of_them() {
    let store = store();
    for number in 0..3 {
        made(overwrite(&store, "t", number));
    }
    let expiring = [1, 2].map(|versions_max| {
        let store = store.clone();
        spawn(move || {
            let policy = Retention { records_max: usize::MAX, ..keep(versions_max) };
            let expiry = store.expire(&policy);
            let versions: Vec<u64> = expiry.versions.iter().map(|version| version.0).collect();
            assert!(versions.is_sorted());
            let bytes = expiry.bytes_returned + expiry.bytes_held_by_pins;
            assert!(bytes <= 8 * versions.len() as u64, "{expiry}");
            versions
        })
    });
    let writer = {
        let store = store.clone();
        spawn(move || [3, 4].map(|number| made(overwrite(&store, "t", number))))
    };
    let mut gone = joined(expiring).concat();
    writer.join().unwrap();
    gone.sort_unstable();
    assert_eq!(store.version().0, 5);
    let all: Vec<u64> = gone.into_iter().chain(retained(&store)).collect();
    assert_eq!(all, [0, 1, 2, 3, 4, 5], "each is gone once, or retained");
    assert_eq!(store.metrics().versions_retained, store.versions().len() as u64);
    assert_eq!(store.retention(), Retention::UNBOUNDED, "the standing policy stays as it is");
}

pub(crate) fn of_two_policies_that_are_set_beside_commits_the_last_holds() {
    let store = store();
    for number in 0..4 {
        made(overwrite(&store, "t", number));
    }
    let setting = [1, 2].map(|versions_max| {
        let store = store.clone();
        spawn(move || store.set_retention(keep(versions_max)))
    });
    let writer = {
        let store = store.clone();
        spawn(move || made(overwrite(&store, "t", 4)))
    };
    let expired: usize = joined(setting).into_iter().sum();
    writer.join().unwrap();
    let policy = store.retention();
    assert!(policy == keep(1) || policy == keep(2));
    let left = retained(&store);
    assert!(left.len() <= policy.versions_max, "{left:?} by {policy:?}");
    assert!(expired + left.len() <= 6);
}

pub(crate) fn bytes_of_the_past_come_to_nothing_once_it_has_expired() {
    let store = builder().retention(keep(2)).build();
    create(&store, "t", 0);
    let writers = ["t", "u"].map(|table| {
        let store = store.clone();
        spawn(move || {
            made(overwrite(&store, table, 1));
            made(append(&store, table, 2));
        })
    });
    let looker = {
        let store = store.clone();
        spawn(move || {
            for _ in 0..2 {
                let memory = store.memory();
                assert!(memory.historical_bytes() <= memory.bytes);
                assert!(!memory.versions.is_empty());
                let dry = store.expire_dry_run(&keep(1));
                assert!(dry.versions.len() <= 2, "{dry}");
            }
        })
    };
    looker.join().unwrap();
    joined(writers);
    assert!(store.historical_bytes() >= store.memory().historical_bytes());
    store.expire(&keep(1));
    assert_eq!(store.historical_bytes(), 0);
    assert_eq!(store.memory().historical_bytes(), 0);
    assert_eq!(retained(&store), [5]);
}
