//! Counters and gauges.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use annals::{Retention, SaveMode, WriteError};
use annals_tests::numbers;
use expect_test::expect;

use crate::{Hand, append, keep, overwrite, unbounded};

#[test]
fn each_number_counts_what_it_says() {
    let hand = Hand::at(10);
    let store = hand.store(Retention::UNBOUNDED);
    for rows in 1..=5 {
        overwrite(&store, "t", rows);
    }
    let held = store.at(4).unwrap();
    store.tag("old", 2).unwrap();
    store.expire(&keep(2));
    // Refused: the base has moved under one that has read.
    let mut loser = store.begin();
    loser.table("t").unwrap().read().unwrap();
    loser.write(numbers([1])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    overwrite(&store, "t", 6);
    // To ask whether it would be refused is not to be refused.
    assert!(loser.would_conflict().is_err());
    assert!(loser.commit().is_err());
    let mut failing = store.begin();
    failing.write(numbers([1])).mode(SaveMode::Append).save_as_table("t").unwrap();
    failing.assert("no", |_| Err("never".to_owned()));
    assert!(failing.commit().is_err());
    assert!(store.settle(Duration::from_secs(60)));
    expect![[r#"
        commits                         6
        conflicts                       1
          changed                       1
        retries                         0
        assertions failed               1
        versions expired                3
        versions retained               4
        tags                            1
        bytes live                     48
        bytes historical               72
        reclaim versions                0
        reclaim bytes                   0
        oldest pin                     v4  superseded 1970-01-01T00:00:10.000005Z"#]]
    .assert_eq(&store.metrics().to_string());
    drop(held);
    assert_eq!(store.metrics().oldest_pin, None);
}

#[test]
fn retries_are_counted_with_the_conflicts_that_made_them() {
    let store = unbounded();
    append(&store, "t", 0);
    let tries = AtomicU32::new(0);
    store
        .transact(|tx| {
            let read = tx.table("t")?.row_count();
            if tries.fetch_add(1, Ordering::Relaxed) < 3 {
                overwrite(&store, "t", 2);
            }
            let rows = numbers([i64::try_from(read).unwrap()]);
            tx.write(rows).mode(SaveMode::Overwrite).save_as_table("t")?;
            Ok::<_, WriteError>(())
        })
        .unwrap();
    let metrics = store.metrics();
    assert_eq!((metrics.retries, metrics.conflicts_total()), (3, 3));
    assert_eq!(metrics.conflicts, [("changed", 3)]);
    assert_eq!(metrics.commits, 5);
}

#[test]
fn what_makes_no_version_is_no_commit_and_a_fork_counts_for_itself() {
    let store = unbounded();
    append(&store, "t", 1);
    store.begin().commit().unwrap();
    store.tag("a", 1).unwrap();
    store.write(numbers([1])).mode(SaveMode::Ignore).save_as_table("t").unwrap();
    assert_eq!(store.metrics().commits, 1);
    let fork = store.fork();
    let at_once = fork.metrics();
    assert_eq!((at_once.commits, at_once.versions_expired, at_once.versions_retained), (0, 0, 1));
    append(&fork, "t", 2);
    fork.expire(&keep(1));
    let later = fork.metrics();
    assert_eq!((later.commits, later.versions_expired, later.versions_retained), (1, 1, 1));
    assert_eq!(store.metrics().commits, 1);
}
