//! What scenarios need that are run by a tool, and nobody else: there only while one is in use.
//!
//! Beside the end of a scenario these are parts of the store alone, so small that all their
//! schedules can be tried.

use std::sync::Arc;

use annals_state::timeline::{Retention, Timeline};
use annals_state::{Timestamp, Version, VersionId};

use crate::published::{Head, Published};
use crate::sync::{Mutex, PoisonError};
use crate::watch::{Hub, Waiting};

/// Ends a scenario, once it has let go of all that it had: waits until everything is freed, then
/// ends the threads of the crate.
///
/// # Panics
///
/// If something is not freed although nobody holds it.
pub fn end() {
    crate::reclaim::end();
}

/// The published head and a section, and versions of which nothing counts but the number.
pub struct Heads {
    published: Published,
    section: Mutex<u64>,
}

impl Heads {
    #[allow(clippy::new_without_default, reason = "it begins with a version, as stores do")]
    pub fn new() -> Self {
        Self { published: Published::new(head(0)), section: Mutex::new(0) }
    }

    /// Publishes the next version, and returns its number.
    pub fn publish_next(&self) -> u64 {
        let mut newest = self.section.lock().unwrap_or_else(PoisonError::into_inner);
        *newest += 1;
        let superseded = self.published.publish(head(*newest));
        assert!(superseded.is_some_and(|head| head.version.id().0 + 1 == *newest));
        *newest
    }

    /// What the pointer leads to.
    pub fn newest(&self) -> u64 {
        self.published.version().id().0
    }

    /// What a cached reader asks.
    pub fn is_newest(&self, number: u64) -> bool {
        self.published.is_newest(VersionId(number))
    }
}

fn head(number: u64) -> Arc<Head> {
    let initial = Version::initial(Timestamp(0));
    let version = initial.speculative(VersionId(number), initial.catalog().clone());
    let timeline = Timeline::starting_at(Arc::new(version));
    Arc::new(Head::new(timeline, Retention::UNBOUNDED))
}

/// Where watches wait.
#[derive(Default)]
pub struct Waiters {
    hub: Hub,
}

impl Waiters {
    /// What a committer does once it has published.
    pub fn committed(&self) {
        self.hub.committed();
    }

    /// Looks and sleeps in turn, as a watch does, until it finds something.
    pub fn wait_until(&self, mut look: impl FnMut() -> bool) {
        let mut waiting = None;
        while !look() {
            match waiting.take() {
                None => waiting = Some(Waiting::begin(&self.hub)),
                Some(waiting) => _ = waiting.sleep(None),
            }
        }
    }
}
