//! Commits as they come: each one once, in order, without a gap that is not reported.
//!
//! A watch knows the number of the version that it saw last, and nothing else of the past: it finds
//! the next commit in the timeline when it is asked. So it keeps nothing from expiring, and any
//! number of them cost a committer one load of an atomic, or one wake-up for all that wait.
//!
//! **Who keeps the store alive:** not a watch. It looks at the store through a weak reference,
//! and when the last handle goes, the last head is left with the watches ([`Hub::end`]), so that
//! they can see the last commits before they end.
//!
//! **No wake-up is lost.** A watch that finds nothing (1) counts itself as waiting, (2) notes how
//! many wake-ups there have been, (3) looks again and (4) sleeps until there has been another. A
//! committer (a) publishes, (b) looks whether anyone waits and (c) counts a wake-up if so. There
//! is a sequentially consistent fence between 1 and 3 and between a and b, so either the watch sees
//! the version at 3 or the committer sees the watch at b. In the latter case c comes after 2: had
//! it come before, the lock that both take would have shown what was published to 3.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::{Arc, Weak};
use std::time::Duration;

use annals_state::timeline::{At, Timeline, TravelError};
use annals_state::{Commit, VersionId};

use crate::hold::Hold;
use crate::process::PerProcess;
use crate::seams::seam;
use crate::snapshot::Snapshot;
use crate::store::{Shared, Store};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard, PoisonError};

/// A commit, as a [`Watch`] shows it.
#[derive(Clone, Debug)]
pub struct Watched {
    commit: Arc<Commit>,
    snapshot: Option<Snapshot>,
}

impl Watched {
    /// The record of the commit.
    pub fn commit(&self) -> &Arc<Commit> {
        &self.commit
    }

    /// The version that it made.
    pub fn version(&self) -> VersionId {
        self.commit.version
    }

    /// What the version shows; none if it has expired by now.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }
}

/// Commits that a [`Watch`] cannot show, because it came to them so late that neither their records
/// nor what they made are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} commits are no longer on record; the watch goes on with {next}; ask more often, or keep more records"
)]
pub struct Missed {
    /// How many commits it cannot show.
    pub count: u64,
    /// The version of the commit that it shows next.
    pub next: VersionId,
}

/// The commits of a store from some version on, as they come.
///
/// An iterator that waits for the next commit. It ends when it is [stopped](Stopper::stop), or
/// after the last commit once nobody can commit any more, because every [`Store`], transaction and
/// [`Reader`](crate::Reader) of the store has been dropped. A thread that holds one of them itself
/// waits for ever.
///
/// Tags and expiry are no commits. Between items it holds no version.
pub struct Watch {
    shared: Weak<Shared>,
    /// None once it has ended.
    hub: Option<Arc<Hub>>,
    seen: VersionId,
    stopped: Arc<AtomicBool>,
}

/// Ends a [`Watch`] from another thread, even one that waits.
#[derive(Clone)]
pub struct Stopper {
    hub: Weak<Hub>,
    stopped: Arc<AtomicBool>,
}

impl Stopper {
    /// Ends the watch: it shows nothing more, not even what has been committed already.
    pub fn stop(&self) {
        // ORDERING: before the wake-up, which a watch sees by the lock; see `Watch::look`.
        self.stopped.store(true, Ordering::Release);
        if let Some(hub) = self.hub.upgrade() {
            hub.wake();
        }
    }
}

impl Store {
    /// The commits after the version at this moment, as they come: after version 7 the first is 8.
    /// A number may be that of a version that has expired, as long as it was there.
    ///
    /// Costs nothing but the handle. Committers do not wait for it, however slow it is.
    ///
    /// # Errors
    ///
    /// [`TravelError`] if there was no such version yet, no such tag, or it cannot be told which
    /// version was current at that time.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// let watch = store.watch(store.version())?;
    /// let watcher = std::thread::spawn(move || {
    ///     let rows = watch.map(|change| change.unwrap().commit().metrics().rows_added);
    ///     rows.sum::<u64>()
    /// });
    /// for n in [1_i64, 2, 3] {
    ///     let rows = record_batch!(("n", Int64, [n]))?;
    ///     store.write(rows).mode(SaveMode::Append).save_as_table("t")?;
    /// }
    /// drop(store); // nobody can commit any more
    /// assert_eq!(watcher.join().unwrap(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(&self, from: impl Into<At>) -> Result<Watch, TravelError> {
        let shared = self.shared();
        let seen = match from.into() {
            // Its number is all that is needed of it.
            At::Version(asked) => {
                let newest = self.version();
                if asked > newest {
                    return Err(TravelError::NoVersion { asked, newest });
                }
                asked.max(shared.identity.first())
            }
            at => Hold::on(&shared.published).at(&at, &shared.options.clock)?.id(),
        };
        Ok(Watch {
            shared: Arc::downgrade(shared),
            hub: Some(Arc::clone(&shared.watchers)),
            seen,
            stopped: Arc::default(),
        })
    }
}

/// What a watch finds when it looks.
enum Look {
    Item(Result<Watched, Missed>),
    Nothing,
    End,
}

/// How long a watch waits.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Instant),
    Endless,
}

impl Watch {
    /// The next commit, if there is one now. None says nothing of later: see
    /// [`has_ended`](Self::has_ended). Never waits.
    pub fn try_next(&mut self) -> Option<Result<Watched, Missed>> {
        self.find(Patience::None)
    }

    /// The next commit, if there is one within this time. None says nothing of later: see
    /// [`has_ended`](Self::has_ended).
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Result<Watched, Missed>> {
        // What is too long for the clock is as good as endless.
        let until = Instant::now().checked_add(timeout);
        self.find(until.map_or(Patience::Endless, Patience::Until))
    }

    /// Whether the end has been reached, so that nothing more will come. Known once a call for the
    /// next commit has come to it.
    pub fn has_ended(&self) -> bool {
        self.hub.is_none()
    }

    /// The version of the last commit that was shown, or the one that the watch began after. A new
    /// watch from there goes on where this one is.
    pub fn position(&self) -> VersionId {
        self.seen
    }

    /// A handle to end the watch with, from any thread.
    pub fn stopper(&self) -> Stopper {
        let hub = self.hub.as_ref().map_or_else(Weak::new, Arc::downgrade);
        Stopper { hub, stopped: Arc::clone(&self.stopped) }
    }

    fn find(&mut self, mut patience: Patience) -> Option<Result<Watched, Missed>> {
        let hub = Arc::clone(self.hub.as_ref()?);
        let mut waiting = None;
        loop {
            match self.look(&hub) {
                Look::Item(item) => return Some(item),
                Look::End => {
                    self.hub = None;
                    return None;
                }
                Look::Nothing => {}
            }
            let until = match patience {
                Patience::None => return None,
                Patience::Until(until) => Some(until),
                Patience::Endless => None,
            };
            // Nobody sleeps who has not looked again after saying so.
            match waiting.take() {
                None => waiting = Some(Waiting::begin(&hub)),
                Some(waiting) => {
                    if !waiting.sleep(until) {
                        patience = Patience::None;
                    }
                }
            }
        }
    }

    /// Looks for the next commit once. Takes no lock while it holds the store: it may be the last
    /// to hold it, and dropping the store takes the lock.
    fn look(&mut self, hub: &Hub) -> Look {
        // ORDERING: pairs with `Stopper::stop`. A watch that has noted a wake-up of that, or a later
        // one, has taken the lock after it, and sees the flag.
        if self.stopped.load(Ordering::Acquire) {
            return Look::End;
        }
        if let Some(shared) = self.shared.upgrade() {
            if shared.published.is_newest(self.seen) {
                return Look::Nothing;
            }
            let hold = Hold::on(&shared.published);
            return self.look_in(hold.timeline()).map_or(Look::Nothing, Look::Item);
        }
        let last = hub.room().lock().last.clone();
        match last {
            Some(hold) => self.look_in(hold.timeline()).map_or(Look::End, Look::Item),
            // The store is being dropped; that wakes whoever waits when it is done.
            None => Look::Nothing,
        }
    }

    fn look_in(&mut self, timeline: &Timeline) -> Option<Result<Watched, Missed>> {
        let newest = timeline.newest().id();
        let next = self.seen.next().filter(|next| *next <= newest)?;
        let version = timeline.at_version(next).ok();
        let record = timeline.record(next).or_else(|| version?.commit());
        if let Some(commit) = record {
            self.seen = next;
            let snapshot = version.cloned().map(Snapshot::new);
            return Some(Ok(Watched { commit: Arc::clone(commit), snapshot }));
        }
        let records = timeline.records();
        let on_record = records.iter().next().map(|commit| commit.version);
        let retained = timeline.versions().map(|version| version.id()).find(|id| *id > next);
        let later = on_record.into_iter().chain(retained).filter(|id| *id > next);
        // The newest version is retained, and the one that the store began with is not after it.
        let goes_on = later.min().unwrap_or(newest);
        let count = goes_on.0 - next.0;
        self.seen = VersionId(goes_on.0 - 1);
        Some(Err(Missed { count, next: goes_on }))
    }
}

impl Iterator for Watch {
    type Item = Result<Watched, Missed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.find(Patience::Endless)
    }
}

impl FusedIterator for Watch {}

/// Where the watches of a store wait.
#[derive(Default)]
pub(crate) struct Hub {
    /// How many watches wait, or are about to.
    ///
    /// In a child of `fork(2)` those of the parent count for ever: a commit then does a little more.
    waiting: AtomicUsize,
    room: PerProcess<Room>,
}

/// Where they sleep.
#[derive(Default)]
struct Room {
    state: Mutex<State>,
    woken: Condvar,
}

impl Room {
    /// Nothing that may panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    /// How often those who wait were woken.
    wakes: u64,
    /// The last head, once the store is gone.
    last: Option<Arc<Hold>>,
}

impl Hub {
    /// Wakes whoever waits for a commit. To be called after one was published, outside the commit
    /// section. If nobody waits, this is a fence and a load.
    #[inline]
    pub(crate) fn committed(&self) {
        // ORDERING: publishing comes before, looking whether anyone waits after; the other side is
        // `Waiting::begin`. See the header.
        fence(Ordering::SeqCst);
        // ORDERING: the fence above orders it.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.wake();
        }
    }

    /// Calls [`committed`](Self::committed) when it is dropped, be it by a panic.
    pub(crate) fn tells(&self) -> impl Drop {
        struct Tells<'a>(&'a Hub);
        impl Drop for Tells<'_> {
            fn drop(&mut self) {
                self.0.committed();
            }
        }
        Tells(self)
    }

    #[cold]
    fn wake(&self) {
        let room = self.room();
        room.lock().wakes += 1;
        room.woken.notify_all();
    }

    /// Leaves the last head of a store that is gone to its watches.
    fn end(&self, last: Hold) {
        self.room().lock().last = Some(Arc::new(last));
        self.wake();
    }

    fn room(&self) -> &Room {
        self.room.here(|parents| {
            let state = parents.state.try_lock().map(|mut state| std::mem::take(&mut *state));
            Room { state: Mutex::new(state.unwrap_or_default()), woken: Condvar::new() }
        })
    }
}

/// A watch that is about to wait.
pub(crate) struct Waiting<'a> {
    hub: &'a Hub,
    /// The wake-ups that it knows of.
    known: u64,
}

impl<'a> Waiting<'a> {
    pub(crate) fn begin(hub: &'a Hub) -> Self {
        #[cfg(test)]
        tests::between_look_and_wait();
        // ORDERING: the fence orders it before the look that follows; the other side is
        // `Hub::committed`. See the header.
        hub.waiting.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let known = hub.room().lock().wakes;
        Self { hub, known }
    }

    /// Waits for a wake-up that is not known yet. False if there is none until then.
    pub(crate) fn sleep(self, until: Option<Instant>) -> bool {
        seam!(Waiting);
        let room = self.hub.room();
        let mut state = room.lock();
        while state.wakes == self.known {
            let woken = &room.woken;
            state = match until {
                None => woken.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    woken.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // ORDERING: a committer that still counts it wakes nobody, which does no harm.
        self.hub.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// The last handle is gone: lets the watches see what was committed until now, then end.
    pub(crate) fn end_watches(&self) {
        // Without a handle no watch can be made, so if there is none now there never will be.
        if Arc::strong_count(&self.watchers) > 1 {
            self.watchers.end(Hold::on(&self.published));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("seen", &self.seen)
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        /// What happens after this thread has found nothing and before it says that it waits.
        static BETWEEN: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    pub(super) fn between_look_and_wait() {
        let between = BETWEEN.take();
        between.into_iter().for_each(|happens| happens());
    }

    #[test]
    fn what_happens_between_a_look_and_the_wait_after_it_is_seen() {
        let store = Store::in_memory();
        let mut watch = store.watch(0).expect("version 0 is there");
        let other = store.clone();
        BETWEEN.set(Some(Box::new(move || drop(other.create_database("d")))));
        let commit = watch.next().map(|item| item.map(|watched| watched.version()));
        assert_eq!(commit, Some(Ok(VersionId(1))));
        let stopper = watch.stopper();
        BETWEEN.set(Some(Box::new(move || stopper.stop())));
        assert!(watch.next().is_none());
        let mut watch = store.watch(1).expect("version 1 is there");
        BETWEEN.set(Some(Box::new(move || drop(store))));
        assert!(watch.next().is_none());
    }

    #[test]
    fn whoever_says_that_it_waits_is_woken_by_what_comes_before_it_sleeps() {
        let hub = Hub::default();
        let waiting = [Waiting::begin(&hub), Waiting::begin(&hub)];
        hub.committed();
        assert!(waiting.into_iter().all(|waiting| waiting.sleep(None)));
        // What came before is no reason to wake.
        hub.committed();
        let waiting = Waiting::begin(&hub);
        assert!(!waiting.sleep(Some(Instant::now())));
    }

    #[test]
    fn a_commit_wakes_nobody_if_nobody_waits() {
        let hub = Hub::default();
        hub.committed();
        assert_eq!(hub.room().lock().wakes, 0);
        drop(Waiting::begin(&hub));
        hub.committed();
        assert_eq!(hub.room().lock().wakes, 0);
        let _waiting = Waiting::begin(&hub);
        hub.committed();
        assert_eq!(hub.room().lock().wakes, 1);
    }
}
