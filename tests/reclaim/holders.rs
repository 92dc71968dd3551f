//! Whoever lets go of a version is never the last to hold it.

use std::time::Instant;

use annals::{AwaitingReclaim, Store};
use annals_tests::{Chance, at_once, numbers, numbers_of};

use crate::counting::{Freed, freed_by};
use crate::{MANY, WAIT_MAX, keeping, one_at_a_time, overwrite, save_chunks};

/// Makes a table large, takes something that holds it, lets it expire, and counts what is freed
/// by the thread that lets go.
#[track_caller]
fn freed_letting_go<H>(chunks: usize, hold: impl FnOnce(&Store) -> H) -> Freed {
    let store = keeping(1).build();
    save_chunks(&store, "large", chunks);
    let holder = hold(&store);
    store.truncate("large").unwrap();
    overwrite(&store, "other", 1);
    assert!(store.settle(WAIT_MAX));
    assert!(store.awaiting_reclaim().held >= 1, "nobody holds it");
    let mut taken = None;
    let freed = freed_by(|| {
        let begin = Instant::now();
        drop(holder);
        taken = Some(begin.elapsed());
    });
    println!("{chunks} chunks let go in {:?}", taken.unwrap());
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
    freed
}

#[test]
fn letting_go_of_a_million_chunks_frees_nothing() {
    let _turn = one_at_a_time();
    let freed = freed_letting_go(MANY, Store::snapshot);
    assert_eq!(freed, Freed::default());
}

#[test]
fn whatever_holds_a_version_lets_go_of_it_last() {
    let _turn = one_at_a_time();
    let chunks = 5_000;
    let check = |what: &str, freed: Freed| {
        assert!(freed.times < 100 && freed.bytes < 20_000, "{what} freed {freed:?}");
    };
    check("a table", freed_letting_go(chunks, |store| store.table("large").unwrap()));
    check("a scan", freed_letting_go(chunks, |store| store.table("large").unwrap().scan()));
    let batches = |store: &Store| {
        let mut batches = store.table("large").unwrap().scan().batches().unwrap();
        batches.next().unwrap().unwrap();
        batches
    };
    check("a scan that has begun", freed_letting_go(chunks, batches));
    check("a reader", freed_letting_go(chunks, Store::reader));
    check("a transaction", freed_letting_go(chunks, Store::begin));
    let reading = |store: &Store| {
        let mut tx = store.begin();
        tx.table("large").unwrap().read().unwrap();
        tx.write(numbers([1])).save_as_table("new").unwrap();
        tx
    };
    check("a transaction that has read", freed_letting_go(chunks, reading));
    let point = |store: &Store| {
        let mut tx = store.begin();
        tx.write(numbers([1])).save_as_table("new").unwrap();
        tx.savepoint()
    };
    check("a savepoint", freed_letting_go(chunks, point));
    let diff = |store: &Store| {
        let before = store.snapshot();
        overwrite(store, "another", 1);
        store.truncate("large").unwrap();
        before.diff(&store.snapshot())
    };
    check("a difference", freed_letting_go(chunks, diff));
    let restoring = |store: &Store| {
        store.tag("then", store.version()).unwrap();
        store.drop_table("large").unwrap();
        let mut tx = store.begin();
        tx.restore_table("large", "then").unwrap();
        store.untag("then").unwrap();
        overwrite(store, "large", 1);
        tx
    };
    check("a transaction that restores", freed_letting_go(chunks, restoring));
}

#[test]
fn what_is_held_stays_whole_whatever_expires() {
    let _turn = one_at_a_time();
    let (threads, rounds) = (4, 200);
    let store = keeping(2).build();
    for table in ["a", "b", "c"] {
        overwrite(&store, table, -1);
    }
    let chance = Chance::new();
    at_once(threads, |thread| {
        let mut chance = chance.fork(thread);
        let mut held = Vec::new();
        for round in 0..rounds {
            let table = chance.of(&["a", "b", "c"]);
            overwrite(&store, table, i64::try_from(thread * rounds + round).unwrap());
            let snapshot = store.snapshot();
            let seen = ["a", "b", "c"].map(|table| numbers_of(&snapshot.table(table).unwrap()));
            held.push((snapshot, seen));
            if held.len() > 20 {
                held.swap_remove(chance.below(20));
            }
            for (snapshot, seen) in &held {
                let now = ["a", "b", "c"].map(|table| numbers_of(&snapshot.table(table).unwrap()));
                assert_eq!(&now, seen, "{}", snapshot.version());
            }
        }
    });
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}
