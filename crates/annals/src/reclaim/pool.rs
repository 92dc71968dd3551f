//! The lists of all stores of the process, and the one thread that works them off.
//!
//! A child of `fork(2)` has a copy of the lists and no thread; and the lock may be held for ever,
//! by a thread that the child does not have. So whoever comes looks whether the process is still
//! the one that the lists were made in. If not, new ones are made; what the old ones hold is taken
//! over if they are not locked, and else left where it is.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::line::{Line, Work};
use crate::sync::{self, Condvar, Instant, Mutex, MutexGuard, PoisonError, thread};

/// How long the thread pauses before it looks again at what is held: at first, and at most.
const PAUSE_MIN: Duration = if sync::IS_TOOL { PAUSE_MAX } else { Duration::from_millis(1) };
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Looking through very many held versions takes long. It pauses that much longer than it has
/// looked, up to this long.
const IDLE: u32 = 50;
const IDLE_MAX: Duration = Duration::from_secs(1);

/// Enough for maps of any size. What users' buffers do when they are freed runs on it too.
const STACK_BYTES: usize = 512 << 10;

sync::global! {
    static POOL: ArcSwap<Pool> = ArcSwap::new(Arc::new(Pool::new()));
}

/// The lists and what guards them.
pub(super) struct Pool {
    process: u32,
    lines: Mutex<Lines>,
    called: Condvar,
}

/// What waits, of all stores of which something does.
pub(super) struct Lines {
    lines: BTreeMap<u64, Line>,
    thread: Thread,
    /// Where the thread goes on, so that all stores get their turn.
    after: Option<u64>,
    /// Whether somebody wants that held versions are looked at now.
    look_again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    /// Not started, or it could not be.
    None,
    /// At work, or in a pause after which it looks again.
    Awake,
    /// Until it is called.
    Asleep,
}

/// The lists of this process.
pub(super) fn current() -> Arc<Pool> {
    let pool = POOL.load_full();
    if pool.process == std::process::id() { pool } else { after_fork(pool) }
}

#[cold]
fn after_fork(parents: Arc<Pool>) -> Arc<Pool> {
    let next = Arc::new(parents.in_a_child());
    let before = POOL.compare_and_swap(&parents, Arc::clone(&next));
    if !Arc::ptr_eq(&before, &parents) {
        // Another thread was first, and took over what there was.
        return POOL.load_full();
    }
    // What could not be taken over must not be freed here and now either.
    std::mem::forget(parents);
    next
}

impl Pool {
    fn new() -> Self {
        let lines =
            Lines { lines: BTreeMap::new(), thread: Thread::None, after: None, look_again: false };
        Self { process: std::process::id(), lines: Mutex::new(lines), called: Condvar::new() }
    }

    /// The lists as a child of the process goes on with them. Waits for nobody.
    fn in_a_child(&self) -> Self {
        let next = Self::new();
        if let Ok(mut lines) = self.lines.try_lock() {
            let mut taken = std::mem::take(&mut lines.lines);
            taken.values_mut().for_each(Line::abandon);
            next.lock().lines = taken;
        }
        next
    }

    /// Nothing under the lock runs users' code or fails: a panic leaves the lists intact.
    pub(super) fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that there is a thread, and wakes it if it sleeps; from a pause if it is urgent.
    pub(super) fn call(self: &Arc<Self>, mut lines: MutexGuard<'_, Lines>, urgent: bool) {
        match lines.thread {
            Thread::Awake if urgent => {}
            Thread::Awake => return,
            Thread::Asleep => lines.thread = Thread::Awake,
            Thread::None => {
                let pool = Arc::clone(self);
                let thread = thread::Builder::new().name("annals-reclaim".to_owned());
                // Under the lock, so that it is done once. It is work for the first one only.
                match thread.stack_size(STACK_BYTES).spawn(move || pool.work_off()) {
                    Ok(thread) => {
                        lines.thread = Thread::Awake;
                        thread::detach(thread);
                    }
                    Err(error) => {
                        // Whoever listens to events is no business of the lock either.
                        drop(lines);
                        tracing::warn!(%error, "no thread for reclaim; trying later");
                    }
                }
                return;
            }
        }
        drop(lines);
        self.called.notify_one();
    }

    /// Wakes the thread, if there is one, to see that it is over.
    #[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
    pub(super) fn wake(&self) {
        let lines = self.lock();
        self.called.notify_one();
        drop(lines);
    }

    fn work_off(&self) {
        let mut pause = PAUSE_MIN;
        let mut lines = self.lock();
        loop {
            lines.look_again = false;
            while let Some((line, work)) = lines.next() {
                drop(lines);
                let done = work.run();
                lines = self.lock();
                lines.line(line).done(done);
                pause = PAUSE_MIN;
            }
            if sync::is_over() {
                return;
            }
            let idle = lines.may_sleep(pause);
            lines = if idle {
                lines.thread = Thread::Asleep;
                self.called.wait(lines).unwrap_or_else(PoisonError::into_inner)
            } else if lines.look_again {
                lines
            } else {
                let paused = self.called.wait_timeout(lines, pause);
                paused.unwrap_or_else(PoisonError::into_inner).0
            };
            // Whoever called has set it already; a wake-up without a call has not.
            lines.thread = Thread::Awake;
            pause = if idle { PAUSE_MIN } else { longer(pause) };
            drop(lines);
            crate::cell::collect();
            let begin = Instant::now();
            lines = self.lock();
            for id in lines.ids() {
                while lines.known_line(id).is_some_and(Line::look) {
                    // Committers must not wait for more than a part of it.
                    drop(lines);
                    lines = self.lock();
                }
            }
            pause = pause.max((begin.elapsed() * IDLE).min(IDLE_MAX));
        }
    }
}

/// The pause after this one, as long as there is nothing to do.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSE_MAX)
}

impl Lines {
    /// The list of a store, made if there is none.
    pub(super) fn line(&mut self, id: u64) -> &mut Line {
        self.lines.entry(id).or_default()
    }

    pub(super) fn known_line(&mut self, id: u64) -> Option<&mut Line> {
        self.lines.get_mut(&id)
    }

    pub(super) fn has_no_thread(&self) -> bool {
        self.thread == Thread::None
    }

    pub(super) fn look_again(&mut self) {
        self.look_again = true;
    }

    /// Whether nothing waits of a store, and of those that are gone, but what somebody holds.
    pub(super) fn is_settled(&self, id: u64) -> bool {
        self.lines.iter().all(|(of, line)| (*of != id && !line.is_closed()) || line.is_settled())
    }

    pub(super) fn waits(&self) -> bool {
        self.lines.values().any(Line::waits)
    }

    /// Whether the thread, whose pauses are so long by now, may sleep until it is called: nobody
    /// calls when what is held is let go of.
    fn may_sleep(&self, pause: Duration) -> bool {
        pause >= PAUSE_MAX && !self.waits()
    }

    #[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
    pub(super) fn awaiting(&self) -> Vec<super::AwaitingReclaim> {
        self.lines.values().map(Line::awaiting).collect()
    }

    fn ids(&self) -> Vec<u64> {
        self.lines.keys().copied().collect()
    }

    /// The next thing to do, one store after the other.
    fn next(&mut self) -> Option<(u64, Work)> {
        for _ in 0..self.lines.len() {
            let after = self.after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut ids = self.lines.range((after, Bound::Unbounded)).chain(&self.lines);
            let id = *ids.next()?.0;
            self.after = Some(id);
            let line = self.line(id);
            if let Some(work) = line.next(true) {
                return Some((id, work));
            }
            if !line.waits() {
                self.lines.remove(&id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
