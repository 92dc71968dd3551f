//! What may stay of the past, and what expires by it.
//!
//! Versions expire oldest first, so what goes is always a beginning of the window, and whether
//! anything is due is seen at its first version. The moment is given by the caller: a commit gives
//! its own timestamp, so that replaying the commits expires the same versions.

use std::time::Duration;

use super::{Slot, Timeline};
use crate::expired::Expired;
use crate::version::{Timestamp, VersionId};

/// What may stay of the past. The newest version and tagged ones always do.
///
/// A version expires when any bound is passed. `versions_min` holds against the bounds on age and
/// bytes, but not against `versions_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many versions stay, the newest one and tagged ones among them included; at least 1. Up
    /// to a sixteenth more, 64 at most, may wait to be expired together.
    pub versions_max: usize,
    /// How many of the newest versions stay whatever their age and bytes. With 2 a change of any
    /// size can be undone.
    pub versions_min: usize,
    /// How long a version stays once it is superseded; without end if none. So every moment of
    /// the last `age_max` can be travelled to, as far as the other bounds allow. Up to a sixteenth
    /// longer, versions may wait to be expired together.
    pub age_max: Option<Duration>,
    /// How many logical bytes may be held by untagged versions other than the newest alone.
    pub historical_bytes_max: u64,
    /// How many commit records stay, with the same allowance as for versions.
    pub records_max: usize,
}

impl Default for Retention {
    /// 10,000 versions, the newest two in any case, 7 days, 1 GiB of historical bytes, 100,000
    /// records.
    fn default() -> Self {
        Self {
            versions_max: 10_000,
            versions_min: 2,
            age_max: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            historical_bytes_max: 1 << 30,
            records_max: 100_000,
        }
    }
}

impl Retention {
    /// Keeps everything, for ever: no bound on anything.
    pub const UNBOUNDED: Self = Self {
        versions_max: usize::MAX,
        versions_min: 1,
        age_max: None,
        historical_bytes_max: u64::MAX,
        records_max: usize::MAX,
    };

    /// Whether so much is past its time that expiring it is worth the work. O(1).
    ///
    /// A sixteenth more versions than `versions_max`, 64 at most, may stay, and versions may stay
    /// a sixteenth longer than `age_max`, so that they can be expired many at a time; never less.
    /// Bytes are due at once.
    pub fn is_due(&self, timeline: &Timeline, now: Timestamp) -> bool {
        let slack = (self.versions_max / 16).min(64);
        let records = (self.records_max / 16).min(64);
        let late = self.age_max.map(|age| age.saturating_add(age / 16));
        let count = timeline.window.len();
        count > self.versions_max.max(1).saturating_add(slack)
            || (count > self.stay() && self.is_too_large(timeline))
            || (count > self.stay() && is_older(timeline.first_superseded, late, now))
            || timeline.records.len() > self.records_max.saturating_add(records)
    }

    /// Whether nothing of `timeline` has to go. O(1).
    pub fn is_met(&self, timeline: &Timeline, now: Timestamp) -> bool {
        let front = timeline.first_superseded;
        !self.must_go(timeline, 0, front, now) && timeline.records.len() <= self.records_max
    }

    /// How many of the newest versions stay whatever their age and bytes.
    fn stay(&self) -> usize {
        self.versions_min.clamp(1, self.versions_max.max(1))
    }

    /// Whether the version that is at the front once `gone` are gone has to go as well.
    fn must_go(
        &self,
        timeline: &Timeline,
        gone: usize,
        superseded: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let left = timeline.window.len() - gone;
        left > self.versions_max.max(1)
            || (left > self.stay()
                && (self.is_too_large(timeline) || is_older(superseded, self.age_max, now)))
    }

    fn is_too_large(&self, timeline: &Timeline) -> bool {
        timeline.historical_bytes > self.historical_bytes_max
    }
}

/// Whether it was superseded so long ago.
fn is_older(superseded: Option<Timestamp>, age_max: Option<Duration>, now: Timestamp) -> bool {
    let (Some(superseded), Some(age_max)) = (superseded, age_max) else { return false };
    // A clock that went back makes nothing younger than new.
    let age = u128::try_from(now.0.saturating_sub(superseded.0)).unwrap_or(0);
    age >= age_max.as_micros()
}

impl Timeline {
    /// Drops what `policy` does not keep at the moment `now`, oldest first, and returns the
    /// versions: freeing them can be long work, for the caller to do where it disturbs nobody.
    /// Drops at most so many of them, tagged ones that leave the window included, and of records,
    /// as `at_most` says.
    pub fn expire(&mut self, policy: &Retention, now: Timestamp, at_most: usize) -> Vec<Expired> {
        let (mut gone, mut expiring) = (0, 0);
        while let Some(successor) = self.window.get(gone + 1) {
            let superseded = Some(successor.version.timestamp());
            if gone == at_most || !policy.must_go(self, gone, superseded, now) {
                break;
            }
            self.historical_bytes = self.historical_bytes.saturating_sub(successor.bytes_removed);
            let version = VersionId(self.first.0 + gone as u64);
            expiring += usize::from(!self.tagged.contains_key(&version));
            gone += 1;
        }
        self.first = VersionId(self.first.0 + gone as u64);
        self.first_superseded = self.window.get(gone + 1).map(|slot| slot.version.timestamp());
        while self.restores.get_min().is_some_and(|version| *version <= self.first) {
            self.restores.remove_min();
        }
        let mut expired = Vec::with_capacity(expiring);
        let mut going = self.window.take_front(gone).into_iter().peekable();
        while let Some(Slot { version, .. }) = going.next() {
            if self.tagged.contains_key(&version.id()) {
                self.kept.insert(version.id(), version);
            } else {
                let successor = going.peek().or_else(|| self.window.front());
                let successor = successor.expect("the newest version never expires");
                let (bytes, entries) = (successor.bytes_removed, successor.entries_removed);
                expired.push(Expired { version, bytes, entries });
            }
        }
        let records = self.records.len();
        self.records.take_front(records.saturating_sub(policy.records_max).min(at_most));
        expired
    }
}
