//! Who frees what: never a reader, never a committer, and everything in the end.
//!
//! What a thread frees is counted by an allocator of our own, so that no assertion depends on
//! time. One test at a time: the count of what is allocated is the whole process's.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod backlog;
mod counting;
mod holders;
mod lifetimes;
mod stores;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals::{ChunkSize, Retention, SaveMode, Store, StoreBuilder};
use annals_tests::numbers;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;

/// As large as it has to be to show; smaller where every step takes longer.
const MANY: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// Longer than freeing anything here can take.
const WAIT_MAX: Duration = Duration::from_secs(120);

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keeping(versions_max: usize) -> StoreBuilder {
    let retention = Retention { versions_max, records_max: versions_max, ..Retention::default() };
    StoreBuilder::new().retention(retention)
}

/// Creates a table of so many chunks of one row and no columns.
fn save_chunks(store: &Store, name: &str, count: usize) {
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let rows =
        RecordBatch::try_new_with_options(Schema::empty().into(), Vec::new(), &options).unwrap();
    let size = ChunkSize { rows_min: 1, rows_max: 1, ..ChunkSize::default() };
    store.write(rows).chunk_size(size).save_as_table(name).unwrap();
    assert_eq!(store.table(name).unwrap().chunk_count(), count);
}

fn overwrite(store: &Store, name: &str, number: i64) {
    let write = store.write(numbers([number])).mode(SaveMode::Overwrite);
    write.save_as_table(name).unwrap();
}
