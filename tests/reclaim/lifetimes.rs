//! What one store, watch or speculation leaves behind is in nobody else's way.

use std::time::Duration;

use annals::{AwaitingReclaim, Retention, SaveMode, Store, Transaction, VersionId, WriteError};
use annals_tests::numbers;

use crate::counting::{allocated, freed_by, watched};
use crate::{WAIT_MAX, keeping, one_at_a_time, overwrite, save_chunks};

/// Longer than anything here takes, and less than for ever, so that a test can fail.
const ENOUGH: Duration = Duration::from_secs(30);

#[test]
fn a_speculation_that_is_dropped_leaves_nothing() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    save_chunks(&store, "large", 5_000);
    let what_if = store.snapshot().with(|tx| tx.truncate("large")).unwrap();
    drop(what_if);
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.pins().len(), 0, "{:?}", store.pins());
    let before = allocated();
    store.truncate("large").unwrap();
    overwrite(&store, "other", 1);
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
    assert!(before - allocated() > 5_000 * 100, "{} bytes are back", before - allocated());
}

#[test]
fn a_watch_of_a_store_that_is_gone_keeps_nobody_waiting() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    overwrite(&store, "t", 1);
    let watch = store.watch(0).unwrap();
    drop(store);
    let other = keeping(1).build();
    assert!(other.settle(ENOUGH), "the watch holds what was last");
    assert_eq!(watch.count(), 1);
    assert!(other.settle(WAIT_MAX));
}

/// What is thrown, and throws again when it is dropped.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the payload panics too");
        }
    }
}

#[test]
fn a_panic_with_a_payload_that_panics_stops_nothing() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    store.write(watched(1, || std::panic::panic_any(Payload))).save_as_table("t").unwrap();
    overwrite(&store, "t", 1);
    overwrite(&store, "t", 2);
    assert!(store.settle(ENOUGH));
    save_chunks(&store, "large", 5_000);
    let before = allocated();
    store.truncate("large").unwrap();
    overwrite(&store, "t", 3);
    assert!(store.settle(ENOUGH));
    assert!(before - allocated() > 5_000 * 100, "{} bytes are back", before - allocated());
}

#[test]
fn buffers_that_all_panic_end_nothing() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    let panics = || watched(1, || panic!("as it is freed"));
    for _ in 0..10 {
        store.write(panics()).mode(SaveMode::Overwrite).save_as_table("small").unwrap();
    }
    // Enough to be taken apart.
    save_chunks(&store, "large", 3_000);
    for _ in 0..3 {
        let again = |tx: &mut Transaction| {
            tx.drop_table("small")?;
            tx.write(panics()).save_as_table("small")?;
            Ok::<_, WriteError>(())
        };
        store.transact(again).unwrap();
    }
    store.drop_table("large").unwrap();
    overwrite(&store, "small", 1);
    overwrite(&store, "small", 2);
    assert!(store.settle(ENOUGH));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}

#[test]
fn a_buffer_that_waits_for_its_own_end_is_told_that_it_cannot() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    let (say, heard) = std::sync::mpsc::channel();
    let other = store.clone();
    let rows = watched(1, move || {
        let _ = say.send(other.settle(Duration::MAX));
        // All else it may do.
        overwrite(&other, "from a buffer", 1);
        other.expire(&other.retention());
        drop((other.pins(), other.metrics(), other.awaiting_reclaim()));
    });
    store.write(rows).save_as_table("t").unwrap();
    overwrite(&store, "t", 1);
    overwrite(&store, "t", 2);
    assert_eq!(heard.recv_timeout(ENOUGH), Ok(false));
    assert!(store.settle(WAIT_MAX));
}

#[test]
fn what_a_speculation_shares_with_its_base_is_not_freed_by_who_lets_go() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    save_chunks(&store, "large", 5_000);
    let add = |tx: &mut Transaction| {
        tx.write(numbers([1])).save_as_table("new")?;
        Ok::<_, WriteError>(())
    };
    let snapshot = store.snapshot().with(add).unwrap().snapshot();
    let second = store.speculate(add).unwrap().snapshot();
    let table = store.speculate(add).unwrap().snapshot().table("large").unwrap();
    let scan = store.speculate(add).unwrap().snapshot().table("large").unwrap().scan();
    let further = snapshot.with(|tx| tx.drop_table("new")).unwrap().snapshot();
    store.truncate("large").unwrap();
    overwrite(&store, "other", 1);
    assert!(store.settle(WAIT_MAX));
    let freed = freed_by(|| drop((snapshot, second, table, scan, further)));
    assert!(freed.times < 500, "{freed:?}");
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}

#[test]
fn at_the_end_of_numbers_lifetimes_end_as_everywhere() {
    let _turn = one_at_a_time();
    let (first, last) = (VersionId(u64::MAX - 5), VersionId(u64::MAX));
    let retention = Retention { versions_max: 1, records_max: 1, ..Retention::default() };
    let store = Store::builder().retention(retention).build_at(first);
    let mut watch = store.watch(first).unwrap();
    (0..5).for_each(|number| overwrite(&store, "t", number));
    assert!(store.truncate("t").is_err());
    let held = store.pin("end");
    assert_eq!((store.pins()[0].version, store.metrics().versions_expired), (last, 5));
    assert_eq!(watch.try_next().unwrap().unwrap_err().count, 4);
    assert_eq!(watch.try_next().unwrap().unwrap().version(), last);
    assert!(watch.try_next().is_none());
    assert!(store.bisect(last, last, |_| Ok::<_, ()>(true)).is_err());
    let fork = store.fork();
    assert!(fork.create_database("d").is_err());
    drop((store, fork, held));
    assert_eq!((watch.try_next().is_none(), watch.has_ended()), (true, true));
    assert!(Store::in_memory().settle(WAIT_MAX));
}

#[test]
fn what_is_let_go_of_late_is_freed_though_nothing_is_committed() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    overwrite(&store, "t", 1);
    let held = store.snapshot();
    overwrite(&store, "t", 2);
    assert!(store.settle(WAIT_MAX));
    drop(held);
    let begin = std::time::Instant::now();
    while store.awaiting_reclaim() != AwaitingReclaim::default() {
        assert!(begin.elapsed() < ENOUGH, "{:?}", store.awaiting_reclaim());
        std::thread::sleep(Duration::from_millis(5));
    }
}
