//! The past: how it is found, what is kept of it, what it says, and how it comes back.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod diffs;
mod exhausted;
mod forks;
mod history;
mod moments;
mod ordinals;
mod restores;
mod retention;
mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals::{SaveMode, Store, StoreBuilder, Table, Timestamp};
use annals_tests::{numbers, numbers_of};

/// Creates or appends.
fn append(store: &Store, table: &str, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table(table).unwrap();
}

/// Creates or overwrites.
fn overwrite(store: &Store, table: &str, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
}

fn numbers_at(store: &Store, at: impl Into<annals::At>, table: &str) -> Vec<i64> {
    numbers_of(&store.at(at).unwrap().table(table).unwrap())
}

/// The ids of a table's columns.
fn column_ids(table: &Table) -> Vec<u32> {
    table.value().state().schema().columns().iter().map(|column| column.id().0).collect()
}

/// A clock that a test moves.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn at(micros: i64) -> Self {
        Self(Arc::new(AtomicI64::new(micros)))
    }

    fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }

    fn clock(&self, builder: StoreBuilder) -> StoreBuilder {
        let hand = Arc::clone(&self.0);
        builder.clock(move || Timestamp(hand.load(Ordering::Relaxed)))
    }
}
