//! What waits of one store, and what to do about it next. No thread, no clock, no lock.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use annals_state::expired::{Expired, Remains};
use annals_state::timeline::{Retention, Timeline};
use annals_state::{Timestamp, Version, VersionId};

use super::{AwaitingReclaim, SLICE};
use crate::published::Head;
use crate::sync::IS_TOOL;

/// How many versions are looked at under one lock.
const LOOK: usize = if IS_TOOL { 2 } else { 256 };

/// The versions of one store that have expired and are not freed.
#[derive(Default)]
pub(super) struct Line {
    /// Not looked at since they came, or since nobody holds them any more. Mostly in order.
    fresh: VecDeque<Expired>,
    /// Held by somebody when they were last looked at.
    held: BTreeMap<VersionId, Expired>,
    /// Held by nobody, and large: to be taken apart.
    large: VecDeque<Expired>,
    /// Taken apart, to be freed in slices.
    opened: VecDeque<Opened>,
    /// Superseded heads that somebody held when they were superseded.
    pub(super) heads: Vec<Arc<Head>>,
    /// The last head of a store that is gone, then its timeline.
    last: Option<Arc<Head>>,
    closing: Option<Timeline>,
    /// Whether the store is gone.
    closed: bool,
    /// The oldest version of the timeline's window.
    ///
    /// The timeline owns it, and after that this list: to hold it here too would look as if
    /// somebody did.
    first: Option<(VersionId, Weak<Version>)>,
    /// How far the held versions were looked through.
    looked_until: Option<VersionId>,
    /// How many pieces of work are being done.
    pub(super) busy: usize,
    /// Bytes of `fresh`, `large`, `opened` and of what is being worked on.
    pub(super) unheld_bytes: u64,
}

crate::sync::thread_local! {
    /// Whether this thread is freeing something.
    static FREEING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is freeing something: what is called then is called by a buffer's owner.
pub(super) fn is_freeing() -> bool {
    FREEING.with(Cell::get)
}

/// A version in pieces.
pub(super) struct Opened {
    remains: Remains,
    bytes: u64,
}

/// Something to be done without the lock.
pub(super) enum Work {
    /// Versions that nobody holds and that hold little alone, and their bytes.
    Free(Vec<Arc<Version>>, u64),
    /// A large one, and the nearest later one that is there.
    Open(Expired, Arc<Version>),
    /// A large one of a store that is gone, after which there is none. What it alone holds is not
    /// known, for forks may share any part of it. So it is freed in one go: of what is shared only
    /// the topmost nodes are looked at.
    Whole(Expired),
    Slice(Opened),
    Head(Arc<Head>),
    Last(Arc<Head>),
    Close(Box<Timeline>),
}

/// What came of it.
#[derive(Default)]
pub(super) struct Done {
    bytes_freed: u64,
    opened: Option<Opened>,
    expired: Vec<Expired>,
    timeline: Option<Timeline>,
}

impl Line {
    /// Takes over versions that left the timeline, whose window begins at `first` now.
    pub(super) fn retire(&mut self, expired: Vec<Expired>, first: Option<Arc<Version>>) {
        self.unheld_bytes += expired.iter().map(|expired| expired.bytes).sum::<u64>();
        self.fresh.extend(expired);
        // Committers may come in another order than they committed in. The one before is in the
        // timeline yet, or has come here.
        if let Some(first) = first
            && self.first.as_ref().is_none_or(|(id, _)| *id < first.id())
        {
            self.first = Some((first.id(), Arc::downgrade(&first)));
        }
    }

    /// Takes over all that the store had.
    pub(super) fn close(&mut self, head: Arc<Head>) {
        self.last = Some(head);
    }

    /// The store is gone.
    pub(super) fn orphan(&mut self) {
        self.closed = true;
    }

    /// Whether there is something to do, or to look at again. If not, it can be forgotten.
    pub(super) fn waits(&self) -> bool {
        let held = !self.held.is_empty() || !self.heads.is_empty();
        held || self.busy > 0 || self.unheld() > 0 || self.is_closing()
    }

    fn is_closing(&self) -> bool {
        self.last.is_some() || self.closing.is_some()
    }

    /// Whether nothing waits but what somebody holds.
    pub(super) fn is_settled(&self) -> bool {
        let idle = self.busy == 0 && self.unheld() == 0 && self.closing.is_none();
        let free = |expired: &Expired| Arc::strong_count(&expired.version) == 1;
        // The last one is held by watches that have not come to their end.
        let heads = self.heads.iter().chain(&self.last).all(|head| Arc::strong_count(head) > 1);
        idle && heads && !self.held.values().any(free)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many versions wait that nobody holds, as far as was looked.
    pub(super) fn unheld(&self) -> usize {
        self.fresh.len() + self.large.len() + self.opened.len()
    }

    pub(super) fn awaiting(&self) -> AwaitingReclaim {
        let versions = self.unheld() + self.held.len() + self.busy;
        let bytes = self.held.values().map(|held| held.bytes).sum::<u64>() + self.unheld_bytes;
        AwaitingReclaim { versions, held: self.held_versions().count(), bytes }
    }

    /// The versions that somebody holds, in no order.
    pub(super) fn held_versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        let all = self.held.values().chain(&self.fresh).map(|expired| &expired.version);
        all.filter(|version| Arc::strong_count(version) > 1)
    }

    /// Looks through a part of what is held. What is held no more can be freed next. Returns
    /// whether there is more to look through.
    pub(super) fn look(&mut self) -> bool {
        let from = self.looked_until.map_or(Bound::Unbounded, Bound::Excluded);
        let part = self.held.range((from, Bound::Unbounded)).take(LOOK);
        let (mut looked, mut free) = (0, Vec::new());
        for (id, expired) in part {
            looked += 1;
            self.looked_until = Some(*id);
            if Arc::strong_count(&expired.version) == 1 {
                free.push(*id);
            }
        }
        for id in free {
            let expired = self.held.remove(&id).expect("it was there just now");
            self.unheld_bytes += expired.bytes;
            self.fresh.push_back(expired);
        }
        if looked < LOOK {
            self.looked_until = None;
        }
        looked == LOOK
    }

    /// The next thing to do. What is large is taken apart only if that is allowed: it cannot be
    /// done in slices.
    pub(super) fn next(&mut self, may_open: bool) -> Option<Work> {
        let work = self.free_small().or_else(|| {
            let work = match may_open {
                true => self.open(),
                false => None,
            };
            work.or_else(|| self.opened.pop_front().map(Work::Slice))
        });
        let work = work.or_else(|| {
            let at = self.heads.iter().position(|head| Arc::strong_count(head) == 1)?;
            Some(Work::Head(self.heads.swap_remove(at)))
        });
        let work =
            work.or_else(|| self.last.take_if(|head| Arc::strong_count(head) == 1).map(Work::Last));
        let work =
            work.or_else(|| self.closing.take().map(|timeline| Work::Close(Box::new(timeline))));
        self.busy += usize::from(work.is_some());
        work
    }

    /// Sorts what has come: held, large, or to be freed at once.
    fn free_small(&mut self) -> Option<Work> {
        let (mut versions, mut entries, mut bytes) = (Vec::new(), 0, 0);
        for _ in 0..LOOK {
            let Some(expired) = self.fresh.pop_front() else { break };
            if Arc::strong_count(&expired.version) > 1 {
                self.unheld_bytes -= expired.bytes;
                self.held.insert(expired.version.id(), expired);
                continue;
            }
            if expired.entries > SLICE as u64 {
                self.large.push_back(expired);
                continue;
            }
            self.inherit(&expired);
            (entries, bytes) = (entries + expired.entries.max(1), bytes + expired.bytes);
            versions.push(expired.version);
            if entries >= SLICE as u64 {
                break;
            }
        }
        // With nothing to free there may be more to look at, once others have had the lock.
        (!versions.is_empty() || !self.fresh.is_empty()).then_some(Work::Free(versions, bytes))
    }

    /// What a version and an older one share that is still held goes with that one: it may be much
    /// in sum, however little each commit took away.
    fn inherit(&mut self, freed: &Expired) {
        let older = self.held.range_mut(..freed.version.id()).next_back();
        if let Some((_, older)) = older {
            older.entries = older.entries.saturating_add(freed.entries);
            older.bytes += freed.bytes;
        }
    }

    fn open(&mut self) -> Option<Work> {
        let expired = self.large.pop_front()?;
        self.inherit(&expired);
        let id = expired.version.id();
        let held = self.held.range((Bound::Excluded(id), Bound::Unbounded)).next();
        let mut later: Option<&Arc<Version>> = held.map(|(_, expired)| &expired.version);
        let others = self.large.front().into_iter().chain(self.fresh.front());
        let first = self.first.as_ref().and_then(|(_, first)| first.upgrade());
        for other in others.map(|expired| &expired.version).chain(&first) {
            if other.id() > id && later.is_none_or(|later| other.id() < later.id()) {
                later = Some(other);
            }
        }
        Some(match later.cloned() {
            Some(later) => Work::Open(expired, later),
            None => Work::Whole(expired),
        })
    }

    pub(super) fn done(&mut self, done: Done) {
        self.busy -= 1;
        self.unheld_bytes -= done.bytes_freed;
        self.opened.extend(done.opened);
        if let Some(timeline) = done.timeline {
            let first = timeline.at_version(timeline.first()).expect("the window is never empty");
            self.first = Some((first.id(), Arc::downgrade(first)));
            self.closing = Some(timeline);
        } else if !done.expired.is_empty() {
            // The last of a store that is gone: nothing comes after these.
            self.first = None;
        }
        self.unheld_bytes += done.expired.iter().map(|expired| expired.bytes).sum::<u64>();
        self.fresh.extend(done.expired);
    }

    /// Forgets work that was begun by a thread that is no more.
    pub(super) fn abandon(&mut self) {
        self.busy = 0;
    }
}

impl Work {
    /// Does it. What a buffer does when it is freed may be anything: if it panics, the rest is
    /// left to be freed by the unwinding.
    pub(super) fn run(self) -> Done {
        let bytes = match &self {
            Self::Free(_, bytes) => *bytes,
            Self::Open(expired, _) | Self::Whole(expired) => expired.bytes,
            Self::Slice(opened) => opened.bytes,
            Self::Head(_) | Self::Last(_) | Self::Close(_) => 0,
        };
        let outer = FREEING.with(|freeing| freeing.replace(true));
        let done = caught(|| self.work());
        let done = done.unwrap_or_else(|| Done { bytes_freed: bytes, ..Done::default() });
        FREEING.with(|freeing| freeing.set(outer));
        done
    }

    fn work(self) -> Done {
        match self {
            Self::Free(versions, bytes_freed) => {
                // Each by itself: a second panic while the first one unwinds would end the process.
                versions.into_iter().for_each(|version| {
                    caught(|| drop(version));
                });
                Done { bytes_freed, ..Done::default() }
            }
            Self::Whole(Expired { version, bytes, .. }) => {
                drop(version);
                Done { bytes_freed: bytes, ..Done::default() }
            }
            Self::Open(Expired { version, bytes, .. }, later) => match Arc::into_inner(version) {
                Some(version) => slice(Opened { remains: Remains::of(version, &later), bytes }, 0),
                None => Done { bytes_freed: bytes, ..Done::default() },
            },
            Self::Slice(opened) => slice(opened, SLICE),
            Self::Head(head) => {
                drop(head);
                Done::default()
            }
            Self::Last(head) => {
                let timeline = Arc::into_inner(head).map(|head| head.timeline);
                Done { timeline, ..Done::default() }
            }
            Self::Close(timeline) => close(*timeline),
        }
    }
}

/// What `free` returns, or nothing if it panics: what a buffer does when it is freed may be anything.
fn caught<R>(free: impl FnOnce() -> R) -> Option<R> {
    let done = catch_unwind(AssertUnwindSafe(free));
    let thrown = match done {
        Ok(done) => return Some(done),
        Err(thrown) => thrown,
    };
    // Whoever listens to events may panic too, and so may what was thrown when it is dropped. The
    // thread must go on all the same.
    let told = catch_unwind(AssertUnwindSafe(|| {
        tracing::error!("a buffer panicked as it was freed");
        drop(thrown);
    }));
    told.unwrap_or_else(std::mem::forget);
    None
}

fn slice(mut opened: Opened, entries: usize) -> Done {
    // After a panic the rest is still there, for the next slice.
    caught(|| opened.remains.free(entries));
    if opened.remains.is_empty() {
        return Done { bytes_freed: opened.bytes, ..Done::default() };
    }
    Done { opened: Some(opened), ..Done::default() }
}

/// Takes some versions from a timeline that nobody needs, the newest last.
fn close(mut timeline: Timeline) -> Done {
    let nothing = Retention { versions_max: 1, records_max: 0, ..Retention::UNBOUNDED };
    // Nothing goes by its age.
    let mut expired = timeline.expire(&nothing, Timestamp::default(), SLICE);
    let tags: Vec<Arc<str>> =
        timeline.tags().take(SLICE - expired.len()).map(|(tag, _)| Arc::clone(tag)).collect();
    for tag in &tags {
        expired.extend(timeline.untag(tag).ok().and_then(|(_, expired)| expired));
    }
    if expired.is_empty() && tags.is_empty() {
        let version = Arc::clone(timeline.newest());
        let last = Expired { version, bytes: 0, entries: u64::MAX };
        return Done { expired: vec![last], ..Done::default() };
    }
    Done { expired, timeline: Some(timeline), ..Done::default() }
}
