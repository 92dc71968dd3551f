//! Frees versions that nobody holds any more, on a thread of its own.
//!
//! A version that leaves the timeline is given to a list. The list owns it until nobody else does:
//! so a reader that lets go of a snapshot is never the last holder, whatever expired meanwhile, and
//! pays nothing. A committer gives and goes on. Readers register nothing and do nothing for this.
//!
//! * One thread a process looks through the lists of all stores. It is started when something is
//!   given for the first time, and sleeps while nothing waits. Versions that somebody holds are
//!   looked at again with growing pauses, of 1 ms to 100 ms, and longer where looking takes long.
//! * What is large is freed in slices of [`SLICE`] entries, so that committers can take part
//!   without being held up. They do so only while more than a bound waits that nobody holds; see
//!   [`StoreBuilder::reclaim_bytes_max`](crate::StoreBuilder::reclaim_bytes_max).
//! * A child of `fork(2)` has no such thread; see [`pool`].
//! * The last handle of a store gives away the whole timeline, so dropping it is quick too.
//!
//! **Rule:** the list holds the last reference, always. Whatever holds a table, a chunk map or an
//! old head beside its version lets go of the version last, or the list would free the version
//! first and leave the holder with the rest.
//!
//! **Rule:** nothing is freed under the lock: what a buffer does when it is freed is the business
//! of whoever made it.

mod line;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use annals_state::Version;
use annals_state::expired::Expired;

use self::line::Line;
use crate::published::Head;
use crate::sync::uncoupled::{AtomicU64, Ordering};
use crate::sync::{self, Instant, thread};

/// How many entries are freed at once: chunks, tables, or versions that hold little alone.
const SLICE: usize = if sync::IS_TOOL { 2 } else { 1024 };

/// How many slices a committer frees at most.
const SLICES_MAX: u64 = 16;

/// So many versions that nobody holds may wait before committers take part.
const VERSIONS_MAX: usize = 16_384;

/// What may wait that nobody holds, by default.
pub(crate) const BYTES_MAX: u64 = 256 << 20;

/// How long the first pause of [`Reclaim::settle`] is.
const SETTLING: Duration = Duration::from_micros(200);

/// Expired versions of a store that are not freed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwaitingReclaim {
    /// How many versions have expired and are not freed yet.
    pub versions: usize,
    /// How many of these somebody holds: a snapshot, a table, a scan, a transaction.
    pub held: usize,
    /// Logical bytes of chunks that these versions hold and no later one does, as far as that is
    /// known: of a version that a tag had kept it is not.
    pub bytes: u64,
}

/// The list of one store.
#[derive(Debug)]
pub(crate) struct Reclaim {
    line: u64,
    bytes_max: u64,
}

impl Reclaim {
    pub(crate) fn new(bytes_max: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // ORDERING: only that no two are equal.
        Self { line: NEXT.fetch_add(1, Ordering::Relaxed), bytes_max }
    }

    /// Takes over the head that was superseded, and what left the timeline with it; `first` is then
    /// the oldest version of the window that is left.
    ///
    /// Costs what is given, in pointers; above the bound also a few slices. Not to be called in
    /// the commit section.
    pub(crate) fn retire(
        &self,
        superseded: Option<Arc<Head>>,
        expired: Vec<Expired>,
        first: Option<Arc<Version>>,
    ) {
        // Nobody can find it any more. If nobody else has it, freeing it frees the few nodes that
        // are its own, and no version: those are in the present timeline, or in `expired`.
        let held = superseded.filter(|head| Arc::strong_count(head) > 1);
        if expired.is_empty() && held.is_none() {
            return;
        }
        let entries = expired.iter().fold(0, |sum: u64, one| sum.saturating_add(one.entries));
        let pool = pool::current();
        let mut lines = pool.lock();
        let line = lines.line(self.line);
        line.heads.extend(held);
        line.retire(expired, first);
        let crowded = self.is_crowded(line);
        pool.call(lines, crowded);
        if crowded {
            // As much as one brings and a slice more, or the bound would not hold.
            let slices = (entries.div_ceil(SLICE as u64) + 1).min(SLICES_MAX);
            (0..slices).take_while(|_| self.help(&pool)).for_each(drop);
        }
    }

    /// Frees one slice, if there is something to free and still too much of it.
    fn help(&self, pool: &Arc<pool::Pool>) -> bool {
        let mut lines = pool.lock();
        let may_open = lines.has_no_thread();
        let line = lines.line(self.line);
        if !self.is_crowded(line) {
            return false;
        }
        line.look();
        let Some(work) = line.next(may_open) else { return false };
        drop(lines);
        let done = work.run();
        pool.lock().line(self.line).done(done);
        true
    }

    fn is_crowded(&self, line: &Line) -> bool {
        line.unheld_bytes > self.bytes_max || line.unheld() > VERSIONS_MAX
    }

    /// Takes over all that a store had, as its last handle goes.
    pub(crate) fn close(&self, head: Arc<Head>) {
        let pool = pool::current();
        let mut lines = pool.lock();
        lines.line(self.line).close(head);
        pool.call(lines, true);
    }

    /// What waits.
    pub(crate) fn awaiting(&self) -> AwaitingReclaim {
        let pool = pool::current();
        let mut lines = pool.lock();
        lines.known_line(self.line).map_or_else(AwaitingReclaim::default, |line| line.awaiting())
    }

    /// The expired versions that are still held by somebody, oldest first.
    pub(crate) fn held(&self) -> Vec<Arc<Version>> {
        let pool = pool::current();
        let mut lines = pool.lock();
        let line = lines.known_line(self.line);
        let mut held: Vec<_> = line.iter().flat_map(|line| line.held_versions()).cloned().collect();
        drop(lines);
        held.sort_by_key(|version| version.id());
        held
    }

    /// Waits until all is freed that nobody holds, here and of stores that are gone.
    pub(crate) fn settle(&self, timeout: Duration) -> bool {
        let (begin, mut pause) = (Instant::now(), SETTLING);
        let pool = pool::current();
        loop {
            let mut lines = pool.lock();
            if lines.is_settled(self.line) {
                return true;
            }
            lines.look_again();
            pool.call(lines, true);
            if line::is_freeing() {
                // It would wait for itself.
                return false;
            }
            let left = timeout.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return false;
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

impl Drop for Reclaim {
    /// What still waits is from now on waited for by whoever waits for stores that are gone. Here,
    /// and not in [`close`](Reclaim::close), for an empty store and one whose end panicked do not
    /// come there.
    fn drop(&mut self) {
        if let Some(line) = pool::current().lock().known_line(self.line) {
            line.orphan();
        }
    }
}

/// Waits until all is freed that stores had which are gone, and ends the thread; to be called when
/// the last of a scenario is gone.
///
/// # Panics
///
/// If something of it is not freed although nobody holds it.
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
pub(crate) fn end() {
    /// Far more than a thread needs that is given its turns.
    const ROUNDS_MAX: usize = 10_000;
    let pool = pool::current();
    for round in 0.. {
        let mut lines = pool.lock();
        if !lines.waits() {
            break;
        }
        assert!(round < ROUNDS_MAX, "something is never freed: {:?}", lines.awaiting());
        lines.look_again();
        pool.call(lines, true);
        thread::yield_now();
    }
    sync::end(|| pool.wake());
}

#[cfg(test)]
mod tests;
