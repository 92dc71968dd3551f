//! What a store has done, and what it is made of now, in numbers.
//!
//! What follows from the timeline is read from it when it is asked for, so that a commit that goes
//! well counts nothing. Counters are for what leaves no trace there: refusals and retries. Nobody
//! who only reads touches them.

use std::fmt;

use annals_state::conflict::Rule;
use annals_state::{Timestamp, VersionId};

use crate::error::CommitError;
use crate::store::Store;
use crate::sync::uncoupled::{AtomicU64, Ordering};

/// What cannot be told from the timeline.
pub(crate) struct Counters {
    /// The version that the store began with.
    first: VersionId,
    conflicts: [AtomicU64; Rule::NAMES.len()],
    retries: AtomicU64,
    assertions_failed: AtomicU64,
}

// ORDERING: each counter stands for itself; nothing is inferred from one about another.
impl Counters {
    pub(crate) fn since(first: VersionId) -> Self {
        Self {
            first,
            conflicts: std::array::from_fn(|_| AtomicU64::new(0)),
            retries: AtomicU64::new(0),
            assertions_failed: AtomicU64::new(0),
        }
    }

    /// Counts a commit that was refused.
    pub(crate) fn refused(&self, error: &CommitError) {
        match error {
            CommitError::Conflict(conflict) => {
                self.conflicts[conflict.rule.index()].fetch_add(1, Ordering::Relaxed);
            }
            CommitError::Assertion { .. } => {
                self.assertions_failed.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Counts that work is begun again.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a store has done since it was made, and what it is made of now.
///
/// Read one after the other while others may commit: each number is true, but of a moment of its
/// own. It prints as a small table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreMetrics {
    /// Counter: commits that made a version.
    pub commits: u64,
    /// Counter: commits that were refused because of others', by the rule's
    /// [short name](annals_state::conflict::Rule::name); those that never were are left out.
    /// Refusals that led to a retry are among them.
    pub conflicts: Vec<(&'static str, u64)>,
    /// Counter: how often work was begun again because of a conflict.
    pub retries: u64,
    /// Counter: commits that were refused by an assertion.
    pub assertions_failed: u64,
    /// Counter: versions that can no longer be reached.
    pub versions_expired: u64,
    /// Gauge: versions that can be reached.
    pub versions_retained: u64,
    /// Gauge: tags.
    pub tags: u64,
    /// Gauge: the oldest version that is held and not the newest.
    pub oldest_pin: Option<OldestPin>,
    /// Gauge: logical bytes of the newest version's tables.
    pub bytes_live: u64,
    /// Gauge: logical bytes held by versions of the past alone; see [`Store::historical_bytes`].
    pub bytes_historical: u64,
    /// Gauge: versions that expired and have not been freed yet.
    pub reclaim_versions: u64,
    /// Gauge: logical bytes of these.
    pub reclaim_bytes: u64,
}

/// The oldest version that is held and not the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OldestPin {
    /// The version.
    pub version: VersionId,
    /// Since when it is no longer the newest, if that is known.
    pub superseded: Option<Timestamp>,
}

impl StoreMetrics {
    /// How many commits were refused because of others', by any rule.
    pub fn conflicts_total(&self) -> u64 {
        self.conflicts.iter().map(|(_, count)| count).sum()
    }
}

impl Store {
    /// What the store has done since it was made, and what it is made of now.
    ///
    /// Takes no lock that a committer takes. O(tables + versions that can be reached), as
    /// [`pins`](Self::pins) is, for the bytes that are live and the oldest pin; the rest is O(1).
    /// For a look every second, not for each commit.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2]))?).save_as_table("t")?;
    /// let metrics = store.metrics();
    /// assert_eq!((metrics.commits, metrics.versions_retained, metrics.bytes_live), (1, 2, 16));
    /// println!("{metrics}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> StoreMetrics {
        let shared = self.shared();
        let counters = &shared.counters;
        let pins = self.pins();
        let head = shared.published.head();
        let timeline = &head.timeline;
        let newest = head.version.id();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let conflicts = Rule::NAMES.into_iter().zip(counters.conflicts.iter().map(count));
        let commits = newest.0 - counters.first.0;
        let retained = timeline.len() as u64;
        let oldest = pins.iter().find(|pin| pin.version < newest);
        let awaiting = shared.committer.reclaim.awaiting();
        StoreMetrics {
            commits,
            conflicts: conflicts.filter(|(_, count)| *count > 0).collect(),
            retries: count(&counters.retries),
            assertions_failed: count(&counters.assertions_failed),
            // Every commit made one version, and the store began with one. At the end of all
            // numbers one may be more than can be counted.
            versions_expired: commits.saturating_add(1).saturating_sub(retained),
            versions_retained: retained,
            tags: timeline.tags().count() as u64,
            oldest_pin: oldest
                .map(|pin| OldestPin { version: pin.version, superseded: pin.superseded }),
            bytes_live: head.version.catalog().bytes(),
            bytes_historical: timeline.historical_bytes(),
            reclaim_versions: awaiting.versions as u64,
            reclaim_bytes: awaiting.bytes,
        }
    }
}

impl fmt::Display for StoreMetrics {
    /// One line for each number, and one for each rule that refused a commit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<20} {value:>12}");
        line("commits", &self.commits)?;
        line("conflicts", &self.conflicts_total())?;
        for (rule, count) in &self.conflicts {
            line(&format!("  {rule}"), count)?;
        }
        line("retries", &self.retries)?;
        line("assertions failed", &self.assertions_failed)?;
        line("versions expired", &self.versions_expired)?;
        line("versions retained", &self.versions_retained)?;
        line("tags", &self.tags)?;
        line("bytes live", &self.bytes_live)?;
        line("bytes historical", &self.bytes_historical)?;
        line("reclaim versions", &self.reclaim_versions)?;
        line("reclaim bytes", &self.reclaim_bytes)?;
        match self.oldest_pin {
            None => write!(f, "{:<20} {:>12}", "oldest pin", "none"),
            Some(OldestPin { version, superseded }) => {
                write!(f, "{:<20} {:>12}", "oldest pin", version.to_string())?;
                superseded.iter().try_for_each(|since| write!(f, "  superseded {since}"))
            }
        }
    }
}
