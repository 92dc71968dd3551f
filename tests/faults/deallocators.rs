//! Buffers whose owners panic as they are freed: nobody else feels it.

use annals::{Retention, SaveMode, Store, StoreBuilder, WriteError};
use annals_tests::{Chance, at_once};

use crate::ENOUGH;
use annals_tests::canary::Canaries;

/// A store in which committers take part in freeing at once.
fn store() -> Store {
    let retention = Retention { versions_max: 1, records_max: 1, ..Retention::default() };
    let builder = StoreBuilder::new().retention(retention).reclaim_bytes_max(0);
    builder.retries_max(u32::MAX).build()
}

#[test]
fn of_many_buffers_that_panic_together_each_is_freed() {
    let (store, canaries) = (store(), Canaries::default());
    for _ in 0..3 {
        let overwrite = |tx: &mut annals::Transaction| {
            for table in ["a", "b", "c"] {
                tx.write(canaries.fragile(&[1])).mode(SaveMode::Overwrite).save_as_table(table)?;
            }
            Ok::<_, WriteError>(())
        };
        store.transact(overwrite).unwrap();
    }
    assert!(store.settle(ENOUGH));
    assert_eq!(store.awaiting_reclaim(), annals::AwaitingReclaim::default());
    assert_eq!(canaries.alive(), 3);
    drop(store);
    assert!(Store::in_memory().settle(ENOUGH));
    assert_eq!(canaries.alive(), 0);
}

#[test]
fn a_refused_transaction_whose_buffers_panic_is_refused_and_no_more() {
    let (store, canaries) = (store(), Canaries::default());
    store.write(canaries.rows(&[1])).save_as_table("t").unwrap();
    let mut tx = store.begin();
    tx.table("t").unwrap().read().unwrap();
    for table in ["t", "u"] {
        tx.write(canaries.fragile(&[2])).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
    }
    store.write(canaries.rows(&[3])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap_err();
    assert!(store.settle(ENOUGH));
    assert_eq!(canaries.alive(), 2);
}

#[test]
fn buffers_that_panic_at_random_are_felt_by_no_thread() {
    let (store, canaries) = (store(), Canaries::default());
    let chance = Chance::new();
    let tables = ["a", "b", "c", "d"];
    at_once(5, |thread| {
        let mut chance = chance.fork(thread);
        let mut held = Vec::new();
        for round in 0..120_u8 {
            let table = chance.of(&tables);
            let rows = |chance: &mut Chance| match chance.below(2) {
                0 => canaries.rows(&[round; 3]),
                _ => canaries.fragile(&[round; 3]),
            };
            match chance.below(8) {
                0 => {
                    let mut tx = store.begin();
                    let rows = [rows(&mut chance), rows(&mut chance)];
                    for (rows, table) in rows.into_iter().zip([table, "e"]) {
                        let write = tx.write(rows).mode(SaveMode::Overwrite);
                        write.save_as_table(table).unwrap();
                    }
                    // It may well be refused.
                    drop(tx.commit());
                }
                1 => held.push(store.snapshot()),
                2 => drop(store.expire(&store.retention())),
                3 => {
                    store.tag("kept", store.version()).ok();
                }
                4 => {
                    store.untag("kept").ok();
                }
                5 => {
                    store.drop_table(table).ok();
                }
                _ => {
                    let write = store.write(rows(&mut chance)).mode(SaveMode::Overwrite);
                    write.save_as_table(table).unwrap();
                }
            }
            for snapshot in &held {
                for table in tables {
                    let Ok(table) = snapshot.table(table) else { continue };
                    let rows = annals_tests::rows_of(&table);
                    assert!(rows.len() == 3 && rows.iter().all(|row| *row == rows[0]), "{rows:?}");
                }
            }
            if held.len() > 5 {
                held.swap_remove(chance.below(5));
            }
        }
    });
    assert!(store.settle(ENOUGH));
    drop(store);
    assert!(Store::in_memory().settle(ENOUGH));
    assert_eq!(canaries.alive(), 0);
}
