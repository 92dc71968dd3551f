//! Much that is due at once goes some at a time, and all of it in the end.

use std::sync::atomic::{AtomicBool, Ordering};

use annals::Retention;
use annals_tests::observed;

use crate::{append, keep, kept, overwrite, unbounded};

#[test]
fn commits_work_a_backlog_off_a_bounded_number_at_a_time() {
    let store = unbounded();
    overwrite(&store, "large", 10_000);
    for n in 0..1_000 {
        append(&store, "t", n);
    }
    // Nothing is due yet: no version of the past holds a byte alone.
    store.set_retention(Retention { historical_bytes_max: 1_000, ..Retention::UNBOUNDED });
    assert_eq!(kept(&store).len(), 1_002);
    // One commit makes a thousand of them due.
    overwrite(&store, "large", 1);
    let mut left = vec![kept(&store).len()];
    while store.historical_bytes() > 0 {
        append(&store, "t", 0);
        left.push(kept(&store).len());
        let gone = left[left.len() - 2] + 1 - left[left.len() - 1];
        assert!((1..=128).contains(&gone), "{left:?}");
    }
    // The last of them is the one that the large commit superseded.
    assert_eq!((left.len(), left.last()), (8, Some(&8)), "{left:?}");
}

#[test]
fn what_is_asked_for_is_done_to_its_end_while_others_commit_and_read() {
    let store = unbounded();
    for n in 0..1_500 {
        append(&store, "t", n);
    }
    let before = store.version();
    let committed = AtomicBool::new(false);
    let committer = || {
        let store = store.clone();
        let committed = &committed;
        move || {
            append(&store, "other", 1);
            committed.store(true, Ordering::Relaxed);
            let snapshot = store.snapshot();
            assert_eq!(snapshot.table("t").unwrap().row_count(), 1_500);
        }
    };
    let expiry = observed(1, committer, || {
        while !committed.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        store.expire(&keep(10))
    });
    assert!(expiry.versions.len() >= 1_491, "{}", expiry.versions.len());
    assert!(expiry.versions.is_sorted());
    let all = store.version().0 + 1;
    assert!(store.version() > before);
    assert_eq!(kept(&store).len() as u64, all - expiry.versions.len() as u64);
    assert_eq!(store.retention(), Retention::UNBOUNDED, "it was for once");
}

#[test]
fn a_new_policy_is_met_when_it_is_set() {
    let store = unbounded();
    for n in 0..700 {
        append(&store, "t", n);
    }
    assert_eq!(store.set_retention(Retention { records_max: 20, ..keep(7) }), 694);
    assert_eq!(kept(&store), (694..=700).collect::<Vec<u64>>());
    assert_eq!(store.history().iter().count(), 20);
    let none = Retention { records_max: 0, ..keep(7) };
    assert_eq!(store.set_retention(none), 0);
    assert_eq!(store.history().iter().count(), 0);
}
