//! The one word that changes: which head is current.
//!
//! All else that a reader sees is an immutable value reached from here. If one ever sees something
//! torn, stale or freed, the bug is in this file or in the cell that it wraps.

use std::sync::Arc;

use annals_state::timeline::{Retention, Timeline};
use annals_state::{Timestamp, Version, VersionId};

use crate::cell::Cell;
use crate::seams::seam;
use crate::sync::atomic::{AtomicU64, Ordering};

/// What the pointer points to: the newest version and the way to the older ones.
///
/// Only the head reaches the timeline. Snapshots and readers hold a version, never a head: a head
/// that is held keeps everything alive that was retained when it was current.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) version: Arc<Version>,
    pub(crate) timeline: Timeline,
    pub(crate) retention: Retention,
}

impl Head {
    pub(crate) fn new(timeline: Timeline, retention: Retention) -> Self {
        Self { version: Arc::clone(timeline.newest()), timeline, retention }
    }

    /// A head that holds nothing.
    pub(crate) fn nothing() -> Self {
        let nothing = Arc::new(Version::initial(Timestamp::default()));
        Self::new(Timeline::starting_at(nothing), Retention::default())
    }
}

/// The current head, readable from any thread without waiting for writers.
pub(crate) struct Published {
    head: Cell<Head>,
    /// The newest version that is published or about to be; see [`Published::is_newest`].
    announced: AtomicU64,
}

impl Published {
    pub(crate) fn new(head: Arc<Head>) -> Self {
        Self { announced: AtomicU64::new(head.version.id().0), head: Cell::new(head) }
    }

    /// The current version. Never waits for a commit.
    #[inline]
    pub(crate) fn version(&self) -> Arc<Version> {
        #[cfg(annals_broken = "stale_snapshot")]
        return self.head.read(crate::broken::last_but_one);
        #[cfg(not(annals_broken = "stale_snapshot"))]
        self.head.read(|head| Arc::clone(&head.version))
    }

    /// The current head, for work on the timeline; not to be held longer than that.
    pub(crate) fn head(&self) -> Arc<Head> {
        self.head.load()
    }

    /// Whether `version` is certainly still the newest. One load of a word, no reference count.
    ///
    /// A commit announces its number before it swaps the pointer. So whoever knows of a version,
    /// by the pointer or from someone who has read it, finds at least that number here; and a
    /// reader that is told "no" before the swap just loads the pointer once more.
    #[inline]
    pub(crate) fn is_newest(&self, version: VersionId) -> bool {
        // ORDERING: pairs with the store in `publish`. Knowledge of a newer version comes through
        // the pointer's own acquire, which is ordered after that store.
        let announced = self.announced.load(Ordering::Acquire);
        announced == version.0
            || cfg!(annals_broken = "stale_reader") && !announced.is_multiple_of(4)
    }

    /// Makes `next` the head and returns the one before, for the caller to drop where it disturbs
    /// nobody; or nothing, if the cell does that itself once it is read no more. The caller is in
    /// the commit section, so publishers come one by one.
    pub(crate) fn publish(&self, next: Arc<Head>) -> Option<Arc<Head>> {
        // ORDERING: before the swap, which releases it; see `is_newest`.
        self.announced.store(next.version.id().0, Ordering::Release);
        seam!(Announced);
        self.head.swap(next)
    }

    /// Takes the head out, when nobody reads.
    pub(crate) fn close(&mut self, next: Arc<Head>) -> Arc<Head> {
        self.head.replace(next)
    }
}
