//! The list of one store without a thread, and what is told of it.

use std::collections::BTreeSet;

use annals_state::{Timestamp, VersionId};
use arrow_array::record_batch;

use super::line::Work;
use super::*;
use crate::{Retention, SaveMode, Store, StoreBuilder};

fn expired(id: u64, entries: u64) -> Expired {
    let initial = Version::initial(Timestamp(0));
    let version = Arc::new(initial.speculative(VersionId(id), initial.catalog().clone()));
    Expired { version, bytes: 1, entries }
}

/// Does all that there is to do, and returns how many versions were opened and freed whole.
fn work_off(line: &mut Line) -> (usize, usize) {
    let (mut opened, mut whole) = (0, 0);
    while let Some(work) = line.next(true) {
        opened += usize::from(matches!(work, Work::Open(..)));
        whole += usize::from(matches!(work, Work::Whole(_)));
        line.done(work.run());
    }
    assert_eq!(line.busy, 0);
    (opened, whole)
}

#[test]
fn what_a_held_version_shares_with_those_after_it_counts_for_it_in_the_end() {
    let mut line = Line::default();
    let versions: Vec<Expired> = (0..3_000).map(|id| expired(id, 1)).collect();
    let held = Arc::clone(&versions[10].version);
    let first = expired(3_000, 0).version;
    line.retire(versions, Some(Arc::clone(&first)));
    assert_eq!(work_off(&mut line), (0, 0));
    // Its own byte, and those of the 2,989 after it.
    let bytes = 1 + 2_989;
    assert_eq!(line.awaiting(), AwaitingReclaim { versions: 1, held: 1, bytes });
    assert!(line.is_settled() && line.waits());
    drop(held);
    assert!(!line.is_settled());
    assert!(!line.look());
    // It is taken apart, beside the first that is left, as all that came after it has gone.
    assert_eq!(work_off(&mut line), (1, 0));
    assert!(!line.waits());
    assert_eq!(line.unheld_bytes, 0);
}

#[test]
fn all_held_versions_are_looked_at_again() {
    let mut line = Line::default();
    let versions: Vec<Expired> = (0..1_000).map(|id| expired(id, 1)).collect();
    let mut held: Vec<_> = versions.iter().map(|expired| Arc::clone(&expired.version)).collect();
    line.retire(versions, None);
    work_off(&mut line);
    assert_eq!(line.awaiting().held, 1_000);
    held.retain(|version| version.id().0 % 2 == 0);
    while line.look() {}
    work_off(&mut line);
    let held: BTreeSet<u64> = line.held_versions().map(|version| version.id().0).collect();
    assert!(held.into_iter().eq((0..1_000).step_by(2)));
    assert_eq!(line.awaiting().versions, 500);
}

#[test]
fn committers_that_come_in_another_order_hold_nothing_up() {
    let mut line = Line::default();
    let [zero, one] = [expired(0, 1), expired(1, 1)];
    let (first, two) = (Arc::clone(&one.version), expired(2, 0).version);
    line.retire(vec![one], Some(two));
    line.retire(vec![zero], Some(first));
    work_off(&mut line);
    assert!(!line.waits());
}

#[test]
fn without_leave_nothing_is_opened() {
    let mut line = Line::default();
    let first = expired(2, 0).version;
    line.retire(vec![expired(0, u64::MAX), expired(1, 1)], Some(Arc::clone(&first)));
    assert!(matches!(line.next(false), Some(Work::Free(versions, 1)) if versions.len() == 1));
    assert!(line.next(false).is_none());
    assert!(matches!(line.next(true), Some(Work::Open(..))));
}

#[test]
fn a_store_tells_what_waits_and_who_is_held() {
    let retention = Retention { versions_max: 1, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    let save = |store: &Store| {
        let rows = record_batch!(("n", Int64, [1, 2])).unwrap();
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        store.snapshot()
    };
    let held = [save(&store), save(&store), save(&store)];
    drop(save(&store));
    assert!(store.settle(Duration::from_secs(60)));
    let reclaim = &store.shared().committer.reclaim;
    let numbers: Vec<VersionId> = reclaim.held().iter().map(|version| version.id()).collect();
    assert_eq!(numbers, [VersionId(1), VersionId(2), VersionId(3)]);
    let awaiting = store.awaiting_reclaim();
    assert_eq!((awaiting.versions, awaiting.held), (3, 3));
    assert!(awaiting.bytes >= 3 * 16, "{awaiting:?}");
    drop(held);
    assert!(store.settle(Duration::from_secs(60)));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}

#[test]
fn what_waits_is_counted_wherever_it_is_and_not_forgotten() {
    let mut line = Line::default();
    assert!(!line.waits());
    let [zero, one, two] = [expired(0, u64::MAX), expired(1, u64::MAX), expired(2, 1)];
    let last = expired(3, 1);
    let held = Arc::clone(&last.version);
    line.retire(vec![zero, one, two, last], None);
    let awaiting = |versions, held| AwaitingReclaim { versions, held, bytes: 4 };
    assert!(line.waits(), "what has come");
    assert_eq!(line.awaiting(), awaiting(4, 1));
    let work = line.next(false).unwrap();
    assert_eq!((line.awaiting(), line.busy), (awaiting(4, 1), 1), "large, held, and in work");
    drop(held);
    line.done(work.run());
    while line.look() {}
    work_off(&mut line);
    assert_eq!(line.awaiting(), AwaitingReclaim::default());

    line.retire(vec![expired(4, 1)], None);
    let work = line.next(true).unwrap();
    assert!(line.waits() && line.unheld() == 0, "what is in work");
    line.done(work.run());
    assert!(!line.waits());
    line.close(Arc::new(Head::nothing()));
    assert!(line.waits(), "the last head of a store");
    work_off(&mut line);
    assert!(!line.waits());
}

#[test]
fn what_is_small_is_freed_in_slices() {
    let mut line = Line::default();
    let (half, parts) = (SLICE as u64 / 2, 5);
    line.retire((0..parts).map(|id| expired(id, half)).collect(), None);
    let mut freed = Vec::new();
    while let Some(work) = line.next(true) {
        if let Work::Free(versions, _) = &work {
            freed.push(versions.len());
        }
        line.done(work.run());
    }
    assert_eq!(freed, [2, 2, 1]);
}

#[test]
fn what_is_large_is_held_against_the_nearest_later_version() {
    let nearest = |came: &[u64], holds: Option<u64>| {
        let mut line = Line::default();
        let versions: Vec<Expired> = came.iter().map(|id| expired(*id, u64::MAX)).collect();
        let of_id = |id| versions.iter().find(|one| one.version.id() == VersionId(id)).unwrap();
        let _held = holds.map(|id| Arc::clone(&of_id(id).version));
        let first = expired(20, 0).version;
        line.retire(versions, Some(Arc::clone(&first)));
        match line.next(true).unwrap() {
            Work::Open(expired, later) => (expired.version.id().0, later.id().0),
            _ => panic!("it is large, and there is a later one"),
        }
    };
    assert_eq!(nearest(&[5, 7, 9], None), (5, 7));
    assert_eq!(nearest(&[5], None), (5, 20));
    assert_eq!(nearest(&[7, 5], None), (7, 20), "an older one came later");
    assert_eq!(nearest(&[5, 7, 9], Some(9)), (5, 7));
    assert_eq!(nearest(&[5, 7, 9], Some(7)), (5, 7));
}

#[test]
fn what_somebody_takes_hold_of_as_it_is_taken_apart_is_gone_from_the_list() {
    let mut line = Line::default();
    let first = expired(2, 0).version;
    line.retire(vec![expired(1, u64::MAX)], Some(Arc::clone(&first)));
    let Some(Work::Open(one, later)) = line.next(true) else { panic!("it is large") };
    let reader = Arc::clone(&one.version);
    line.done(Work::Open(one, later).run());
    assert_eq!(line.awaiting(), AwaitingReclaim::default());
    drop(reader);
}

#[test]
fn a_head_that_somebody_holds_stays() {
    let mut line = Line::default();
    let heads = [0, 1].map(|_| Arc::new(Head::nothing()));
    line.heads.extend(heads.iter().cloned());
    assert!(line.next(true).is_none());
    let [first, second] = heads;
    drop(second);
    work_off(&mut line);
    assert_eq!((line.heads.len(), Arc::strong_count(&first)), (1, 2));
}

#[test]
fn too_many_versions_and_too_many_bytes_are_each_too_much() {
    let reclaim = Reclaim::new(10);
    let crowded = |versions: usize, bytes| {
        let mut line = Line::default();
        line.retire((0..versions).map(|id| expired(id as u64, 1)).collect(), None);
        line.unheld_bytes = bytes;
        reclaim.is_crowded(&line)
    };
    assert!(!crowded(VERSIONS_MAX, 10));
    assert!(crowded(VERSIONS_MAX + 1, 0) && crowded(VERSIONS_MAX + 2, 0));
    assert!(crowded(0, 11) && crowded(0, 12));
}

#[test]
fn a_head_that_a_reader_holds_is_kept_for_longer_than_by_the_reader() {
    let (head, reclaim) = (Arc::new(Head::nothing()), Reclaim::new(0));
    let reader = Arc::clone(&head);
    reclaim.retire(Some(head), Vec::new(), None);
    assert_eq!(Arc::strong_count(&reader), 2);
}
