//! Readers, committers, expiry, pins and reclaim over memory that is poisoned when it is freed.
//!
//! What readers hold must stay as it is until they let go of it. If the cell, or reclaim, gave any
//! of it back too early, somebody would read poison: a number that was never written, or an address
//! that ends the process. `.ci/prove long sanitizers` runs it for both cells, and for a cell that was
//! broken on purpose, which must not pass.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod poison;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annals::{Retention, SaveMode, Snapshot, Store, StoreBuilder, WriteError};
use annals_tests::{Chance, at_once, numbers, numbers_of, observed};

use self::poison::{POISON, poisoned};

const WRITERS: usize = 2;
const READERS: usize = 3;

/// How many transactions each writer makes; more by the environment.
fn rounds() -> i64 {
    let given = std::env::var("ANNALS_ROUNDS").ok();
    let given = given.map(|rounds| rounds.parse().expect("ANNALS_ROUNDS is a number"));
    given.unwrap_or(if cfg!(debug_assertions) { 400 } else { 4_000 })
}

fn store() -> Store {
    let retention = Retention { versions_max: 2, records_max: 4, ..Retention::default() };
    // Committers take part in freeing at once.
    let builder = StoreBuilder::new().retention(retention).reclaim_bytes_max(0);
    let store = builder.retries_max(u32::MAX).build();
    write(&store, 0).unwrap();
    store
}

/// Both tables full of `n`; one of them is another table every time.
fn write(store: &Store, n: i64) -> Result<(), WriteError> {
    let rows = || numbers(std::iter::repeat_n(n, 20));
    let done = store.transact(|tx| {
        tx.write(rows()).mode(SaveMode::Overwrite).save_as_table("a")?;
        if tx.table_exists("b")? {
            tx.drop_table("b")?;
        }
        tx.write(rows()).save_as_table("b")
    });
    done.map(drop)
}

/// Fails unless both tables are full of one number that was written.
#[track_caller]
fn assert_alive(snapshot: &Snapshot, n_max: i64) -> i64 {
    let [a, b] = ["a", "b"].map(|name| numbers_of(&snapshot.table(name).expect("it is there")));
    let n = a[0];
    assert_ne!(n, i64::from_ne_bytes([POISON; 8]), "this is poison");
    assert!((0..=n_max).contains(&n), "{n} was never written");
    assert!(a.len() == 20 && a.iter().chain(&b).all(|m| *m == n) && b.len() == 20, "{a:?} {b:?}");
    n
}

#[test]
fn nothing_that_readers_have_is_freed() {
    let (store, rounds) = (store(), rounds());
    let n_max = rounds * WRITERS as i64;
    let (reads, before) = (AtomicU64::new(0), poisoned());
    let observer = || {
        let (store, reads) = (&store, &reads);
        let mut reader = store.reader();
        let mut watch = store.watch(store.version()).unwrap();
        let mut held = Vec::new();
        let mut looks = 0_usize;
        move || {
            // The shortest way through the cell, many times over.
            for _ in 0..200 {
                let version = store.version();
                assert!(version.0 < 1 << 40, "{version} was never made");
                assert!(reader.latest().version() >= version);
            }
            let snapshot = store.snapshot();
            let n = assert_alive(&snapshot, n_max);
            let table = snapshot.table("a").unwrap();
            let batches = table.read().unwrap();
            assert_alive(reader.latest(), n_max);
            held.push((snapshot, table, batches, n));
            if held.len() > 10 {
                let (snapshot, table, batches, n) = held.swap_remove(looks % 10);
                assert_eq!(assert_alive(&snapshot, n_max), n);
                drop(snapshot);
                assert_eq!(numbers_of(&table)[0], n);
                drop(table);
                assert_eq!(annals_tests::rows_in(&batches)[0], n.to_string());
            }
            match looks % 8 {
                0 => drop((store.pins(), store.pin("poison"))),
                1 => drop(store.memory()),
                2 => drop(store.history()),
                3 => {
                    while let Some(item) = watch.try_next() {
                        let _ = item.map(|w| w.snapshot().map(|then| assert_alive(then, n_max)));
                    }
                }
                4 => drop(store.at(store.version().0.saturating_sub(1))),
                5 => drop(store.expire_dry_run(&store.retention())),
                6 => {
                    let what_if = store.speculate(|tx| tx.drop_table("b")).unwrap();
                    drop(what_if.snapshot().diff(&store.snapshot()));
                }
                _ => drop(store.fork()),
            }
            looks += 1;
            reads.fetch_add(1, Ordering::Relaxed);
        }
    };
    let chance = Chance::new();
    observed(READERS, observer, || {
        at_once(WRITERS, |thread| {
            let mut chance = chance.fork(thread);
            for round in 0..rounds {
                write(&store, round * WRITERS as i64 + thread as i64).unwrap();
                match chance.below(16) {
                    0 => drop(store.expire(&Retention { versions_max: 1, ..store.retention() })),
                    1 => {
                        store.tag("kept", store.version()).ok();
                    }
                    2 => {
                        store.untag("kept").ok();
                    }
                    _ => {}
                }
            }
        });
    });
    assert!(store.settle(Duration::from_secs(120)));
    println!(
        "{} transactions, {} reads of everything, {} blocks freed",
        rounds * WRITERS as i64,
        reads.into_inner(),
        poisoned() - before
    );
}
