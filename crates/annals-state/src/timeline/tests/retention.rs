//! Which bound takes what, and when a commit finds it worth its while.

use std::time::Duration;

use super::*;

/// A policy by which everything stays, to change one bound of.
const ALL: Retention = Retention::UNBOUNDED;

fn left(mut timeline: Timeline, policy: &Retention, now: i64) -> Vec<u64> {
    timeline.expire(policy, Timestamp(now), usize::MAX);
    assert!(policy.is_met(&timeline, Timestamp(now)));
    assert!(!policy.is_due(&timeline, Timestamp(now)));
    numbers(&timeline)
}

#[test]
fn expiry_is_worth_its_while_a_few_versions_late_and_bytes_at_once() {
    let due = |policy: Retention, versions: u64| {
        policy.is_due(&timeline(versions - 1), Timestamp(i64::MAX))
    };
    for (versions_max, slack) in [(0, 0), (1, 0), (15, 0), (16, 1), (100, 6), (2_000, 64)] {
        let max = versions_max.max(1) as u64;
        assert!(!due(keep(versions_max), max + slack), "{versions_max}");
        assert!(due(keep(versions_max), max + slack + 1), "{versions_max}");
    }
    let records = |records_max| Retention { records_max, ..ALL };
    // Version 0 has no record.
    assert!(!due(records(32), 1 + 34) && due(records(32), 1 + 35));
    let mut timeline = timeline(1);
    let policy = Retention { historical_bytes_max: 10, ..ALL };
    timeline.push(version(2, 20, 10));
    assert!(!policy.is_due(&timeline, Timestamp(20)));
    timeline.push(version(3, 30, 1));
    assert!(policy.is_due(&timeline, Timestamp(30)));
}

#[test]
fn age_counts_from_when_a_version_was_superseded() {
    // Version n is from n·10, and superseded at (n + 1)·10.
    let policy = Retention { age_max: Some(Duration::from_micros(25)), ..ALL };
    assert_eq!(left(timeline(5), &policy, 34), [0, 1, 2, 3, 4, 5]);
    assert_eq!(left(timeline(5), &policy, 35), [1, 2, 3, 4, 5]);
    assert_eq!(left(timeline(5), &policy, 60), [3, 4, 5]);
    assert_eq!(left(timeline(5), &policy, 1_000), [5]);
    // A clock that went back, or was never set, makes nothing old.
    assert_eq!(left(timeline(5), &policy, i64::MIN), [0, 1, 2, 3, 4, 5]);
    let never = Retention { age_max: None, ..policy };
    assert_eq!(left(timeline(5), &never, i64::MAX), [0, 1, 2, 3, 4, 5]);
    let at_once = Retention { age_max: Some(Duration::ZERO), ..policy };
    assert_eq!(left(timeline(5), &at_once, 50), [5]);
    let endless = Retention { age_max: Some(Duration::MAX), ..policy };
    assert_eq!(left(timeline(5), &endless, i64::MAX), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn age_may_be_a_sixteenth_late_before_a_commit_acts_on_it() {
    let policy = Retention { age_max: Some(Duration::from_micros(160)), ..ALL };
    let due = |now| policy.is_due(&timeline(5), Timestamp(now));
    let met = |now| policy.is_met(&timeline(5), Timestamp(now));
    // The first version was superseded at 10.
    assert!(met(169) && !met(170));
    assert!(!due(170) && !due(179) && due(180));
    let endless = Retention { age_max: Some(Duration::MAX), ..ALL };
    assert!(!endless.is_due(&timeline(5), Timestamp(i64::MAX)));
}

#[test]
fn the_newest_few_stay_whatever_their_age_and_bytes_but_not_whatever_their_number() {
    let strict = Retention { age_max: Some(Duration::ZERO), historical_bytes_max: 0, ..ALL };
    let with = |versions_min| Retention { versions_min, ..strict };
    let after = |policy: &Retention| {
        let mut timeline = timeline(3);
        timeline.push(version(4, 40, 1 << 40));
        timeline.push(version(5, 50, 1 << 40));
        left(timeline, policy, 1_000)
    };
    assert_eq!(after(&with(0)), [5]);
    assert_eq!(after(&with(1)), [5]);
    assert_eq!(after(&with(2)), [4, 5]);
    assert_eq!(after(&with(4)), [2, 3, 4, 5]);
    assert_eq!(after(&with(9)), [0, 1, 2, 3, 4, 5]);
    assert_eq!(after(&Retention { versions_max: 3, ..with(4) }), [3, 4, 5]);
    assert_eq!(after(&Retention { versions_max: 0, ..with(4) }), [5]);
}

#[test]
fn by_default_one_change_of_any_size_can_be_undone() {
    let mut timeline = timeline(3);
    timeline.push(version(4, 40, 1 << 40));
    assert_eq!(left(timeline, &Retention::default(), 40), [3, 4]);
}

#[test]
fn a_backlog_is_worked_off_some_at_a_time() {
    let mut timeline = timeline(999);
    timeline.tag("kept", VersionId(500)).unwrap();
    let policy = Retention { versions_max: 10, records_max: 20, ..ALL };
    let (mut rounds, mut gone) = (0, 0);
    while policy.is_due(&timeline, Timestamp(0)) {
        let expired = timeline.expire(&policy, Timestamp(0), 128).len();
        assert!(expired <= 128, "{expired}");
        (rounds, gone) = (rounds + 1, gone + expired);
    }
    assert_eq!((rounds, gone, timeline.records.len()), (8, 989, 20));
    assert_eq!(numbers(&timeline)[..3], [500, 990, 991]);
}

#[test]
fn since_when_a_version_is_superseded_is_known_as_long_as_its_successor_or_its_record_is() {
    let mut timeline = timeline(9);
    timeline.tag("kept", VersionId(2)).unwrap();
    let since = |timeline: &Timeline, of: u64| timeline.superseded(VersionId(of)).map(|at| at.0);
    assert_eq!(since(&timeline, 2), Some(30));
    assert_eq!((since(&timeline, 8), since(&timeline, 9)), (Some(90), None));
    timeline.expire(&keep(2), Timestamp(90), usize::MAX);
    assert_eq!((since(&timeline, 2), since(&timeline, 7)), (Some(30), Some(80)));
    timeline.expire(&Retention { records_max: 0, ..keep(2) }, Timestamp(90), usize::MAX);
    assert_eq!((since(&timeline, 2), since(&timeline, 8)), (None, Some(90)));
    assert_eq!(since(&timeline, u64::MAX), None);
}
