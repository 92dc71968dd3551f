//! What scenarios are made of: stores without a clock, threads of the tool, rows that tell whether
//! they are still there.

#![cfg_attr(annals_sync = "loom", allow(dead_code, reason = "its scenarios need less"))]

use std::sync::{Arc, Weak};

use annals::{Retention, SaveMode, Saved, Store, StoreBuilder, Timestamp, WriteError};
use annals_tests::numbers;
use arrow_array::{Array, ArrayRef, RecordBatch};
#[cfg(annals_sync = "loom")]
pub(crate) use loom::thread;
#[cfg(annals_sync = "shuttle")]
pub(crate) use shuttle::thread;

/// Enough for a commit without optimisation. loom counts words, shuttle bytes.
#[cfg(annals_sync = "loom")]
const STACK: usize = (256 << 10) / size_of::<usize>();
#[cfg(annals_sync = "shuttle")]
pub(crate) const STACK: usize = 256 << 10;

/// A thread of the tool.
#[track_caller]
pub(crate) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(STACK);
    builder.spawn(work).expect("a tool has as many threads as it is asked for")
}

/// What the threads returned, in their order.
pub(crate) fn joined<T>(threads: impl IntoIterator<Item = thread::JoinHandle<T>>) -> Vec<T> {
    let join = |thread: thread::JoinHandle<T>| thread.join().expect("a panic ends the scenario");
    threads.into_iter().map(join).collect()
}

/// Makes stores whose clock stands still, so that nothing of a schedule depends on when it is run,
/// and that begin again as often as need be.
pub(crate) fn builder() -> StoreBuilder {
    Store::builder().clock(|| Timestamp(0)).retention(Retention::UNBOUNDED).retries_max(1_000)
}

/// A store that keeps everything.
pub(crate) fn store() -> Store {
    builder().build()
}

/// A store that keeps so many versions and records.
pub(crate) fn keeping(versions_max: usize) -> Store {
    builder().retention(keep(versions_max)).build()
}

pub(crate) fn keep(versions_max: usize) -> Retention {
    Retention { versions_max, records_max: versions_max, ..Retention::UNBOUNDED }
}

#[track_caller]
pub(crate) fn create(store: &Store, table: &str, number: i64) {
    store.write(numbers([number])).save_as_table(table).expect("nobody else is there yet");
}

pub(crate) fn append(store: &Store, table: &str, number: i64) -> Result<Saved, WriteError> {
    store.write(numbers([number])).mode(SaveMode::Append).save_as_table(table)
}

pub(crate) fn overwrite(store: &Store, table: &str, number: i64) -> Result<Saved, WriteError> {
    store.write(numbers([number])).mode(SaveMode::Overwrite).save_as_table(table)
}

/// The version that a save made.
#[track_caller]
pub(crate) fn made(saved: Result<Saved, WriteError>) -> u64 {
    let saved = saved.expect("nothing stands in the way");
    saved.version().expect("it changed something").0
}

/// Says whether a column is still in memory.
#[derive(Clone)]
pub(crate) struct Trace(Weak<dyn Array>);

impl Trace {
    pub(crate) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// One number, and what tells of its column.
pub(crate) fn traced(number: i64) -> (RecordBatch, Trace) {
    let rows = numbers([number]);
    let column: &ArrayRef = rows.column(0);
    let trace = Trace(Arc::downgrade(column));
    (rows, trace)
}
