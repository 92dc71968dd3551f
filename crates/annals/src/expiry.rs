//! The policy applied on demand, and what it gives back.
//!
//! Commits apply the standing policy as they go. Here is what a user asks for beside: another
//! policy, a policy applied once, or only the answer to what one would do. It never keeps a
//! committer waiting for long: the commit section is entered for a bounded number of versions at a
//! time, and what returns is added up outside of it.

use std::fmt;
use std::sync::Arc;

use annals_state::expired::Expired;
use annals_state::timeline::{Retention, Timeline, TravelError};
use annals_state::{Timestamp, Version, VersionId};

use crate::committer::EXPIRED_PER_COMMIT_MAX;
use crate::pins::{expired_and_held, holders};
use crate::store::{Shared, Store};

/// What expired, or would, and what comes of it.
///
/// Bytes are logical, counted per chunk, each chunk once. They are exact for this store at the
/// moment of the call; a read that is under way then, and the version beside one that is being
/// freed, count as held. A fork, or a batch that somebody keeps, may hold rows beyond that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiry {
    /// The versions that can no longer be reached, oldest first.
    pub versions: Vec<VersionId>,
    /// Those of them that somebody held: a snapshot, table, scan, reader or transaction.
    pub held: Vec<VersionId>,
    /// How many commit records are gone.
    pub records: usize,
    /// Bytes that neither a version that can be reached nor one that is held has any more.
    pub bytes_returned: u64,
    /// Bytes that only versions have that can no longer be reached and are held: they return when
    /// the holders let go. [`Store::pins`] names these.
    pub bytes_held_by_pins: u64,
    /// Bytes that of the versions left only tagged ones below the window have.
    pub bytes_held_by_tags: u64,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} versions", self.versions.len())?;
        if let (Some(first), Some(last)) = (self.versions.first(), self.versions.last()) {
            write!(f, " ({first} to {last})")?;
        }
        let Self { records, bytes_returned, bytes_held_by_pins, bytes_held_by_tags, .. } = self;
        write!(f, " and {records} records expire; {bytes_returned} bytes return, ")?;
        write!(f, "{bytes_held_by_pins} are held by {} pinned versions, ", self.held.len())?;
        write!(f, "{bytes_held_by_tags} by tagged ones")
    }
}

impl Store {
    /// Expires what `policy` does not keep, once: the store's standing policy stays as it is.
    ///
    /// Tagged versions stay, and snapshots that are held stay whole. Commits may go on meanwhile:
    /// the commit section is entered for 128 versions at a time. Costs
    /// O(what differs between the versions that expire, tagged ones below the window included),
    /// plus what restores in the window brought back; never O(store).
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Retention, SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// for n in 0..10_i64 {
    ///     let rows = record_batch!(("n", Int64, [n, n]))?;
    ///     store.write(rows).mode(SaveMode::Overwrite).save_as_table("t")?;
    /// }
    /// let policy = Retention { versions_max: 3, ..Retention::default() };
    /// let expected = store.expire_dry_run(&policy);
    /// let expiry = store.expire(&policy);
    /// assert_eq!(expiry, expected);
    /// assert_eq!((expiry.versions.len(), expiry.bytes_returned), (8, 7 * 16));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expire(&self, policy: &Retention) -> Expiry {
        let gone = self.shared().expire(|_| Some(*policy));
        let expiry = gone.account(self.shared());
        tracing::debug!(%expiry, "versions expired on demand");
        expiry
    }

    /// What [`expire`](Self::expire) would do, without doing it. Takes no lock that a committer
    /// takes; costs what `expire` costs, and O(what would expire) for the asking.
    pub fn expire_dry_run(&self, policy: &Retention) -> Expiry {
        let head = self.shared().published.head();
        let mut after = head.timeline.clone();
        let now = self.shared().now(&after);
        let mut gone = Gone::default();
        gone.take(&mut after, policy, now, usize::MAX);
        gone.account(self.shared())
    }

    /// Changes what stays of the past, and expires at once what does not; returns how many
    /// versions expired. Snapshots that are held stay whole.
    ///
    /// As for [`expire`](Self::expire), commits may go on meanwhile. If another policy is set
    /// meanwhile, that one is applied to the rest.
    pub fn set_retention(&self, policy: Retention) -> usize {
        let mut is_set = false;
        let gone = self.shared().expire(|retention| {
            if !std::mem::replace(&mut is_set, true) {
                *retention = policy;
            }
            (*retention == policy).then_some(policy)
        });
        let count = gone.versions.len();
        tracing::debug!(count, "versions expired by a change of policy");
        count
    }
}

impl Shared {
    /// The moment by which versions are judged: as for commits, never before the newest one's.
    fn now(&self, timeline: &Timeline) -> Timestamp {
        self.options.clock.now().max(timeline.newest().timestamp())
    }

    /// Expires by the policy that `policy` gives, as long as it gives one, until it is met.
    fn expire(&self, mut policy: impl FnMut(&mut Retention) -> Option<Retention>) -> Gone {
        let now = self.options.clock.now();
        let mut gone = Gone::default();
        loop {
            let slice = |timeline: &mut Timeline, retention: &mut Retention| {
                let policy = policy(retention);
                let now = now.max(timeline.newest().timestamp());
                let Some(policy) = policy else { return Ok((true, Vec::new())) };
                let expired = gone.take(timeline, &policy, now, EXPIRED_PER_COMMIT_MAX);
                Ok::<_, std::convert::Infallible>((policy.is_met(timeline, now), expired))
            };
            let Ok(done) = self.committer.change_timeline(&self.published, slice);
            if done {
                return gone;
            }
        }
    }
}

/// What was taken from a timeline, in one or more steps.
#[derive(Default)]
struct Gone {
    /// In the order of their numbers.
    versions: Vec<Other>,
    records: usize,
    /// The timeline after the last step.
    after: Option<Timeline>,
}

/// A version that the timeline does not reach.
struct Other {
    version: Arc<Version>,
    /// Whether it went just now.
    going: bool,
    /// Whether somebody held it.
    held: bool,
}

impl Gone {
    /// Takes what `policy` does not keep from `timeline`: a clone of the one of a head, which is
    /// still there. What is returned has to be retired if the timeline is published.
    fn take(
        &mut self,
        timeline: &mut Timeline,
        policy: &Retention,
        now: Timestamp,
        most: usize,
    ) -> Vec<Expired> {
        let records = timeline.records_count();
        let expired = timeline.expire(policy, now, most);
        self.records += records - timeline.records_count();
        self.versions.extend(expired.iter().map(|Expired { version, .. }| {
            // One reference is the head's, the other that of what expired.
            let held = holders(version, 2) > 0;
            Other { version: Arc::clone(version), going: true, held }
        }));
        self.after = Some(timeline.clone());
        expired
    }

    /// Adds up what comes of it. Outside of the commit section: it may be long work.
    fn account(self, shared: &Shared) -> Expiry {
        let Self { versions: mut others, records, after } = self;
        let ids = |others: &[Other]| others.iter().map(|other| other.version.id()).collect();
        let mut expiry = Expiry { versions: ids(&others), records, ..Expiry::default() };
        let Some(after) = after.filter(|_| !others.is_empty()) else { return expiry };
        expiry.held = others.iter().filter(|o| o.held).map(|other| other.version.id()).collect();
        // What went before and is held yet keeps its chunks from returning now.
        for version in expired_and_held(shared) {
            // Not what others have let expire or untagged since: it is counted as it was then.
            let before = matches!(after.at_version(version.id()), Err(TravelError::Expired { .. }));
            if before && expiry.versions.binary_search(&version.id()).is_err() {
                others.push(Other { version, going: false, held: true });
            }
        }
        others.sort_by_key(|other| other.version.id());
        let going = counted(&others, |other| other.going);
        let held = counted(&others, |other| other.held);
        let versions: Vec<&Arc<Version>> = others.iter().map(|other| &other.version).collect();
        for left in after.left_of(&versions) {
            let any = |of: &[usize]| left.spans.iter().any(|span| of[span.end] > of[span.start]);
            let bytes = match (any(&going), left.tagged, any(&held)) {
                (false, ..) => continue,
                (true, true, _) => &mut expiry.bytes_held_by_tags,
                (true, false, true) => &mut expiry.bytes_held_by_pins,
                (true, false, false) => &mut expiry.bytes_returned,
            };
            *bytes += left.bytes;
        }
        expiry
    }
}

/// How many of those before each place, and before the end, are of a kind.
fn counted(others: &[Other], is: impl Fn(&Other) -> bool) -> Vec<usize> {
    let counts = others.iter().scan(0, |count, other| {
        *count += usize::from(is(other));
        Some(*count)
    });
    std::iter::once(0).chain(counts).collect()
}

#[cfg(test)]
mod tests;
