//! What is kept of the past, who keeps it, and what it costs.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod accounts;
mod ages;
mod backlog;
mod memory;
mod metrics;
mod pins;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals::{Retention, SaveMode, Store, StoreBuilder, Timestamp};
use annals_tests::numbers;

/// No bound on age, bytes or records, and none that keeps the newest few: the number alone counts.
fn keep(versions_max: usize) -> Retention {
    Retention { versions_max, ..Retention::UNBOUNDED }
}

fn unbounded() -> Store {
    StoreBuilder::new().retention(Retention::UNBOUNDED).build()
}

/// Creates or appends a row of 8 bytes.
fn append(store: &Store, table: &str, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table(table).unwrap();
}

/// Creates or replaces by `rows` rows of 8 bytes each.
fn overwrite(store: &Store, table: &str, rows: i64) {
    store.write(numbers(0..rows)).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
}

fn kept(store: &Store) -> Vec<u64> {
    store.versions().iter().map(|version| version.0).collect()
}

/// A clock that a test moves, in seconds.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn at(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    fn store(&self, retention: Retention) -> Store {
        let hand = Arc::clone(&self.0);
        let clock = move || Timestamp(hand.load(Ordering::Relaxed) * 1_000_000);
        StoreBuilder::new().clock(clock).retention(retention).build()
    }
}
