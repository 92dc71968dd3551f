//! What an expiry tells of versions, records and moments, and of what others do meanwhile.

use super::*;
use crate::{SaveMode, record_batch};

#[test]
fn what_others_untag_or_let_expire_meanwhile_is_counted_as_it_was() {
    let save = |store: &Store, n: i64| {
        let rows = record_batch!(("n", Int64, [n, n])).expect("it is a batch");
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").expect("it fits");
    };
    let expire_beside = |meanwhile: &dyn Fn(&Store)| {
        let store = Store::in_memory();
        (0..10).for_each(|n| save(&store, n));
        store.tag("kept", 3).expect("it is there");
        let held: Vec<_> = [3, 8].map(|at| store.at(at).expect("it is there")).into();
        let policy = Retention { versions_max: 4, ..Retention::default() };
        let gone = store.shared().expire(|_| Some(policy));
        meanwhile(&store);
        let expiry = gone.account(store.shared());
        drop(held);
        expiry
    };
    let alone = expire_beside(&|_| {});
    assert_eq!((alone.versions.len(), alone.bytes_returned), (6, 5 * 16));
    let untagged = |store: &Store| {
        store.untag("kept").expect("it was tagged");
    };
    assert_eq!(expire_beside(&untagged), alone);
    let expired = |store: &Store| {
        (10..20).for_each(|n| save(store, n));
        store.set_retention(Retention { versions_max: 2, ..Retention::default() });
    };
    assert_eq!(expire_beside(&expired), alone);
}

/// A store whose clock says what is put into the number, in seconds.
fn store_at(seconds: &Arc<std::sync::atomic::AtomicI64>) -> Store {
    use std::sync::atomic::Ordering;
    let seconds = Arc::clone(seconds);
    let clock = move || Timestamp(seconds.load(Ordering::Relaxed) * 1_000_000);
    Store::builder().retention(Retention::UNBOUNDED).clock(clock).build()
}

fn append_two(store: &Store) -> u64 {
    let rows = record_batch!(("n", Int64, [1, 2])).unwrap();
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap().rows()
}

#[test]
fn records_that_go_are_told_and_versions_are_judged_by_the_clock_of_now() {
    let seconds = Arc::new(std::sync::atomic::AtomicI64::new(100));
    let store = store_at(&seconds);
    for _ in 0..5 {
        assert_eq!(append_two(&store), 2);
    }
    // A moment between the newest version and now is that of the newest version.
    seconds.store(10_000, std::sync::atomic::Ordering::Relaxed);
    assert!(store.watch(Timestamp(5_000 * 1_000_000)).is_ok());
    let age_max = Some(std::time::Duration::from_secs(60));
    let old = Retention { age_max, ..Retention::UNBOUNDED };
    assert_eq!(store.expire_dry_run(&old).versions.len(), 5);

    let held = store.at(1).unwrap();
    assert_eq!(store.pins().into_iter().count(), 1);
    drop(held);
    let few = Retention { versions_max: 1, records_max: 2, ..Retention::UNBOUNDED };
    let expected = store.expire_dry_run(&few);
    assert_eq!((expected.versions.len(), expected.records), (5, 3));
    assert_eq!(store.expire(&few), expected);
}
