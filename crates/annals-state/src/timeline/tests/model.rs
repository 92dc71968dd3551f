//! Random pushes, expiries, tags and lookups beside a list of all versions that there ever were.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::catalog::tests::kit::Dice;

/// All versions, and which of them can be reached.
struct Model {
    all: Vec<Arc<Version>>,
    /// Where the window begins in `all`.
    window: usize,
    kept: BTreeSet<usize>,
    tags: BTreeMap<String, usize>,
    /// The versions whose records are kept are the last so many.
    records: usize,
}

impl Model {
    fn number(&self, at: usize) -> VersionId {
        self.all[at].id()
    }

    fn newest(&self) -> usize {
        self.all.len() - 1
    }

    fn removed(version: &Version) -> u64 {
        version.commit().map_or(0, |commit| commit.metrics().bytes_removed)
    }

    /// What the versions from `window` on hold and the newest does not.
    fn bytes(&self, window: usize) -> u64 {
        self.all[window + 1..].iter().map(|version| Self::removed(version)).sum()
    }

    fn is_tagged(&self, at: usize) -> bool {
        self.tags.values().any(|tagged| *tagged == at)
    }

    /// The least that has to go for the policy to be kept, as far as it may go at once.
    fn expire(&mut self, policy: &Retention, now: Timestamp, at_most: usize) -> Vec<VersionId> {
        let expired = |model: &Self, to: usize| -> Vec<usize> {
            (model.window..to).filter(|at| !model.is_tagged(*at)).collect()
        };
        let fits = |to: usize| {
            let count = self.all.len() - to;
            let young = self.all.get(to + 1).is_none_or(|successor| {
                let age = now.0.saturating_sub(successor.timestamp().0).max(0);
                policy.age_max.is_none_or(|max| Duration::from_micros(age as u64) < max)
            });
            let fits = self.bytes(to) <= policy.historical_bytes_max && young;
            count == 1
                || (count <= policy.versions_max && (fits || count <= policy.versions_min))
                || to - self.window == at_most
        };
        let to = (self.window..self.all.len()).find(|to| fits(*to)).unwrap();
        let gone = expired(self, to);
        let tagged = (self.window..to).filter(|at| self.is_tagged(*at)).collect::<Vec<_>>();
        self.kept.extend(tagged);
        self.window = to;
        self.records -= self.records.saturating_sub(policy.records_max).min(at_most);
        gone.into_iter().map(|at| self.number(at)).collect()
    }

    fn is_reachable(&self, at: usize) -> bool {
        at < self.all.len() && (at >= self.window || self.kept.contains(&at))
    }

    fn tag(&mut self, tag: &str, at: Option<usize>) -> bool {
        let Some(at) = at.filter(|at| self.is_reachable(*at)) else { return false };
        *self.tags.entry(tag.to_owned()).or_insert(at) == at
    }

    fn untag(&mut self, tag: &str) -> Option<VersionId> {
        let at = self.tags.remove(tag)?;
        if !self.is_tagged(at) {
            self.kept.remove(&at);
        }
        Some(self.number(at))
    }

    /// The version that was current at a moment, if that can still be told.
    fn at_timestamp(&self, asked: Timestamp) -> Option<VersionId> {
        let at = self.all.iter().rposition(|version| version.timestamp() <= asked)?;
        // Of a version that was tagged only its beginning is known, unless the next one is there.
        let known = at >= self.window || (self.is_reachable(at) && self.is_reachable(at + 1));
        known.then(|| self.number(at))
    }

    fn compare(&self, timeline: &Timeline, dice: &mut Dice) {
        let reachable: Vec<usize> =
            (0..self.all.len()).filter(|at| self.is_reachable(*at)).collect();
        assert!(timeline.versions().eq_by_id(reachable.iter().map(|at| &self.all[*at])));
        assert!(
            timeline.versions().rev().eq_by_id(reachable.iter().rev().map(|at| &self.all[*at]))
        );
        assert_eq!((timeline.len(), timeline.is_empty()), (reachable.len(), false));
        assert_eq!(timeline.first(), self.number(self.window));
        assert_eq!(timeline.oldest_reachable(), self.number(reachable[0]));
        assert!(Arc::ptr_eq(timeline.newest(), &self.all[self.newest()]));
        assert_eq!(timeline.historical_bytes(), self.bytes(self.window));
        let successor = self.all.get(self.window + 1).map(|version| version.timestamp());
        assert_eq!(timeline.first_superseded, successor);
        let tags: Vec<_> = timeline.tags().map(|(tag, of)| (tag.to_string(), of)).collect();
        let expected: Vec<_> =
            self.tags.iter().map(|(tag, at)| (tag.clone(), self.number(*at))).collect();
        assert_eq!(tags, expected);
        let (first, newest) = (self.number(0), self.number(self.newest()));

        // By number, and its record.
        for at in 0..self.all.len() {
            let asked = self.number(at);
            let found = timeline.at_version(asked);
            if self.is_reachable(at) {
                assert!(Arc::ptr_eq(found.unwrap(), &self.all[at]));
            } else {
                let oldest = self.number(self.window);
                assert_eq!(found.unwrap_err(), TravelError::Expired { asked, oldest });
            }
            let is_kept = self.all.len() - at <= self.records;
            let expected = self.all[at].commit().filter(|_| is_kept);
            assert_eq!(timeline.record(asked), expected);
        }
        let records = timeline.records();
        let records: Vec<VersionId> = records.iter().map(|commit| commit.version).collect();
        let kept = self.all.len() - self.records..self.all.len();
        assert_eq!(records, kept.map(|at| self.number(at)).collect::<Vec<_>>());
        for outside in [first.0.checked_sub(1), newest.0.checked_add(1), Some(u64::MAX)] {
            let Some(asked) = outside.map(VersionId).filter(|of| *of < first || *of > newest)
            else {
                continue;
            };
            let error = timeline.at_version(asked).unwrap_err();
            if asked > newest {
                assert_eq!(error, TravelError::NoVersion { asked, newest });
            } else {
                assert!(matches!(error, TravelError::Expired { .. }));
            }
            assert_eq!(timeline.record(asked), None);
        }

        // By moment: every microsecond that there was, and one on either side.
        let (from, to) = (self.all[0].timestamp().0, self.all[self.newest()].timestamp().0);
        let now = Timestamp(to + dice.below(4) as i64 - 2);
        for asked in from - 1..=to {
            let found = timeline.at_timestamp(Timestamp(asked), now);
            match self.at_timestamp(Timestamp(asked)) {
                Some(expected) => assert_eq!(found.unwrap().id(), expected, "at {asked}"),
                None => {
                    let oldest = &self.all[self.window];
                    let (oldest, since) = (oldest.id(), oldest.timestamp());
                    let asked = Timestamp(asked);
                    let error = TravelError::TooEarly { asked, oldest, since };
                    assert_eq!(found.unwrap_err(), error);
                }
            }
        }
        let later = now.max(Timestamp(to));
        assert_eq!(timeline.at_timestamp(later, now).unwrap().id(), newest);
        let asked = Timestamp(later.0 + 1);
        let error = timeline.at_timestamp(asked, now).unwrap_err();
        assert_eq!(error, TravelError::Future { asked, now: later });

        for (tag, at) in &self.tags {
            let found = timeline.at(&At::from(tag.as_str()), now).unwrap();
            assert!(Arc::ptr_eq(found, &self.all[*at]));
        }
        assert!(Arc::ptr_eq(timeline.at(&At::Latest, now).unwrap(), timeline.newest()));
    }
}

/// Compares versions by being the same.
trait EqById<'a>: Iterator<Item = &'a Arc<Version>> + Sized {
    fn eq_by_id(self, other: impl Iterator<Item = &'a Arc<Version>>) -> bool {
        let (one, other): (Vec<_>, Vec<_>) = (self.collect(), other.collect());
        one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl<'a, I: Iterator<Item = &'a Arc<Version>>> EqById<'a> for I {}

#[test]
fn a_timeline_equals_a_list_of_all_versions() {
    let (mut expired, mut kept) = (0, 0);
    each_seed(0..160, |dice| {
        let start = dice.pick(&[0, 0, 1, 1_000, u64::MAX - 30]);
        let mut timestamp = dice.pick(&[0, -20, 1_000]);
        let first = origin(start, timestamp);
        let mut timeline = Timeline::starting_at(Arc::clone(&first));
        let mut model = Model {
            all: vec![first],
            window: 0,
            kept: BTreeSet::new(),
            tags: BTreeMap::new(),
            records: 0,
        };
        let policy = Retention {
            versions_max: dice.pick(&[0, 1, 3, 8, 30, 1_000]),
            historical_bytes_max: dice.pick(&[0, 5, 40, u64::MAX]),
            records_max: dice.pick(&[0, 1, 10, 1_000]),
            versions_min: dice.pick(&[0, 1, 2, 5]),
            age_max: dice.pick(&[None, Some(0), Some(9), Some(60)]).map(Duration::from_micros),
        };
        for _ in 0..40 {
            let tag = dice.pick(&["a", "b", "c", "d"]);
            match dice.below(10) {
                0..=4 => {
                    for _ in 0..1 + dice.below(3) {
                        let Some(next) = timeline.newest().id().next() else { break };
                        timestamp += 1 + dice.below(4) as i64;
                        let bytes = dice.pick(&[0, 0, 1, 7, 30]);
                        let version = version(next.0, timestamp, bytes);
                        timeline.push(Arc::clone(&version));
                        model.all.push(version);
                        model.records += 1;
                    }
                }
                5..=6 => {
                    let at_most = dice.pick(&[0, 1, 2, 16, usize::MAX]);
                    let now = Timestamp(timestamp + dice.pick(&[0, -5, 20, 1_000]));
                    let met = policy.is_met(&timeline, now);
                    let (first, records) = (timeline.first(), timeline.records.len());
                    let gone = timeline.expire(&policy, now, at_most);
                    let same = (first, records) == (timeline.first(), timeline.records.len());
                    assert!(if at_most > 0 { met == same } else { same });
                    let gone: Vec<VersionId> = gone.iter().map(|gone| gone.version.id()).collect();
                    assert_eq!(gone, model.expire(&policy, now, at_most));
                    expired += gone.len();
                }
                7..=8 => {
                    let at = dice.below(model.all.len() + 2);
                    let number = VersionId(start.saturating_add(at as u64));
                    let at = (at < model.all.len()).then_some(at);
                    let at =
                        at.or((number <= model.number(model.newest())).then(|| model.newest()));
                    assert_eq!(timeline.tag(tag, number).is_ok(), model.tag(tag, at));
                }
                _ => assert_eq!(
                    timeline.untag(tag).ok().map(|(version, _)| version),
                    model.untag(tag)
                ),
            }
            kept += model.kept.len();
            model.compare(&timeline, dice);
        }
    });
    assert!(expired > 1_000 && kept > 1_000, "{expired} {kept}");
}
