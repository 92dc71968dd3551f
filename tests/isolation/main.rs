//! What a transaction is protected from, case by case: the sixteen of Hermitage, and those that only
//! a store of tables has. Each is a script that one thread replays, so it comes out the same always.
//!
//! No step can wait for another transaction: while it is taken, nobody else runs who could end the wait.
//! A run that does not come to its end says so loudly: see `unblocked`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod cases;
mod catalog;
mod details;
mod orders;
mod play;
mod tables;
mod told;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use annals::Isolation;

/// Both levels.
const LEVELS: [Isolation; 2] = [Isolation::Snapshot, Isolation::Serializable];

/// How long a run of some milliseconds may take before it is said to hang. Nothing else depends on
/// time.
const HANGS_AFTER: Duration = Duration::from_secs(300);

/// Runs `work` on a thread of its own, and fails if it does not end: then a step waits for another
/// transaction, which stands still.
#[track_caller]
fn unblocked(work: impl FnOnce() + Send + 'static) {
    let (ended, end) = channel::<()>();
    let running = std::thread::spawn(move || {
        work();
        drop(ended);
    });
    match end.recv_timeout(HANGS_AFTER) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
        Err(RecvTimeoutError::Timeout) => panic!("a step waits for another transaction"),
    }
    if let Err(panic) = running.join() {
        std::panic::resume_unwind(panic);
    }
}
