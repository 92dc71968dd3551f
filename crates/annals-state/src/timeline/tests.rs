//! Expiry, tags and time travel, beside a timeline that forgets nothing and is searched from end
//! to end.

mod holdings;
mod model;
mod ordinals;
mod retention;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::*;
use crate::catalog::Catalog;
use crate::catalog::tests::kit::{each_seed, row, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, random_wish};
use crate::commit::{
    CommitInfo, Isolation, Metrics, Operation, OperationKind, SourceLocation, Target,
};

/// A version that took away so many bytes, and has nothing in it.
fn version(id: u64, timestamp: i64, bytes_removed: u64) -> Arc<Version> {
    let location = SourceLocation { file: Cow::Borrowed("test"), line: 1, column: 1 };
    let operation = Operation {
        kind: OperationKind::Truncate,
        target: Target::Store,
        metrics: Metrics { bytes_removed, ..Metrics::default() },
        location: location.clone(),
        discarded: Vec::new(),
        tables: Vec::new(),
    };
    let commit = Commit {
        version: VersionId(id),
        timestamp: Timestamp(timestamp),
        base: VersionId(id - 1),
        isolation: Isolation::Snapshot,
        retries: 0,
        rebased: false,
        location,
        thread: None,
        operations: [Arc::new(operation)].into(),
        info: CommitInfo::default(),
    };
    Arc::new(Version::committed(Arc::new(commit), Catalog::default(), VersionId(id - 1)))
}

/// A version without a record, as a store or a fork begins with.
fn origin(id: u64, timestamp: i64) -> Arc<Version> {
    let initial = Version::initial(Timestamp(timestamp));
    Arc::new(initial.speculative(VersionId(id), Catalog::default()))
}

/// Versions 0 to `newest`, each ten microseconds after the one before.
fn timeline(newest: u64) -> Timeline {
    let mut timeline = Timeline::starting_at(origin(0, 0));
    for id in 1..=newest {
        timeline.push(version(id, id as i64 * 10, 0));
    }
    timeline
}

fn keep(versions_max: usize) -> Retention {
    Retention { versions_max, versions_min: 1, age_max: None, ..Retention::default() }
}

/// Drops all that goes by a policy without a bound on age.
fn expire(timeline: &mut Timeline, policy: &Retention) -> Vec<Expired> {
    assert_eq!(policy.age_max, None);
    timeline.expire(policy, Timestamp(i64::MAX), usize::MAX)
}

fn numbers(timeline: &Timeline) -> Vec<u64> {
    timeline.versions().map(|version| version.id().0).collect()
}

#[test]
fn what_cannot_be_reached_says_why() {
    let mut timeline = timeline(9);
    timeline.tag("kept", VersionId(2)).unwrap();
    expire(&mut timeline, &keep(4));
    assert_eq!(numbers(&timeline), [2, 6, 7, 8, 9]);
    let now = Timestamp(95);
    let told = |at: At| timeline.at(&at, now).unwrap_err().to_string();
    assert_eq!(told(10.into()), "v10 does not exist; the newest version is v9");
    assert_eq!(
        told(5.into()),
        "v5 has expired; the oldest version still retained is v6; tag a version to keep it"
    );
    assert_eq!(told("no such".into()), "no version is tagged `no such`");
    let moment = |micros: u32| format!("1970-01-01T00:00:00.{micros:06}Z");
    let early = |asked| {
        let (asked, since) = (moment(asked), moment(60));
        format!("nothing is retained from {asked}; the oldest version, v6, is from {since}")
    };
    assert_eq!(told(Timestamp(59).into()), early(59));
    assert_eq!(told(Timestamp(20).into()), early(20));
    let future = format!("{} is in the future; it is {}", moment(96), moment(95));
    assert_eq!(told(Timestamp(96).into()), future);
    let expired = TravelError::Expired { asked: VersionId(5), oldest: VersionId(6) };
    assert_eq!(timeline.at_version(VersionId(5)).unwrap_err(), expired);
    let texts = [At::Latest, 3.into(), Timestamp(7).into(), "a`b".into()].map(|at| at.to_string());
    let expected = ["latest".to_owned(), "v3".to_owned(), moment(7), "tag `a`b`".to_owned()];
    assert_eq!(texts, expected);
}

#[test]
fn a_clock_behind_the_newest_version_hides_nothing() {
    let timeline = timeline(3);
    let at = |asked, now| timeline.at_timestamp(Timestamp(asked), Timestamp(now));
    // The clock was set back: it is at least as late as the newest version.
    assert_eq!(at(30, 5).unwrap().id(), VersionId(3));
    assert_eq!(at(29, 5).unwrap().id(), VersionId(2));
    let error = TravelError::Future { asked: Timestamp(31), now: Timestamp(30) };
    assert_eq!(at(31, 5).unwrap_err(), error);
    assert_eq!(at(i64::MAX, i64::MAX).unwrap().id(), VersionId(3));
    assert!(matches!(at(i64::MIN, 5), Err(TravelError::TooEarly { .. })));
}

#[test]
fn a_tag_names_one_version_for_good() {
    let mut timeline = timeline(5);
    timeline.tag("a", VersionId(1)).unwrap();
    timeline.tag("a", VersionId(1)).unwrap();
    let exists = TagError::Exists { tag: "a".into(), version: VersionId(1) };
    assert_eq!(timeline.tag("a", VersionId(2)).unwrap_err(), exists);
    timeline.tag("A", VersionId(2)).unwrap();
    let tags: Vec<_> = timeline.tags().map(|(tag, version)| (tag.to_string(), version.0)).collect();
    assert_eq!(tags, [("A".to_owned(), 2), ("a".to_owned(), 1)]);
    assert_eq!(timeline.untag("a").unwrap().0, VersionId(1));
    assert_eq!(timeline.untag("a").unwrap_err(), TagError::NoTag { tag: "a".into() });
    timeline.tag("a", VersionId(2)).unwrap();
    assert_eq!(timeline.at(&"a".into(), Timestamp(0)).unwrap().id(), VersionId(2));
}

#[test]
fn what_is_no_name_is_no_tag() {
    let mut timeline = timeline(1);
    let long = "x".repeat(1024);
    timeline.tag(&long, VersionId(0)).unwrap();
    for (tag, reason) in [
        ("", "it is empty"),
        (&*(long + "x"), "it is longer than 1024 bytes"),
        ("a\nb", "it contains a control character"),
    ] {
        let error = timeline.tag(tag, VersionId(0)).unwrap_err();
        assert_eq!(error, TagError::Invalid { tag: tag.into(), reason });
        assert!(error.to_string().len() < 300, "{error}");
    }
    let error = timeline.tag("b", VersionId(2)).unwrap_err();
    let (asked, newest) = (VersionId(2), VersionId(1));
    assert_eq!(error, TagError::Travel(TravelError::NoVersion { asked, newest }));
    expire(&mut timeline, &keep(1));
    assert_eq!(timeline.tags().count(), 1);
    assert_eq!(numbers(&timeline), [0, 1]);
}

#[test]
fn a_version_below_the_window_lasts_as_long_as_its_last_tag() {
    let mut timeline = timeline(9);
    for (tag, version) in [("a", 2), ("b", 2), ("c", 4), ("d", 9)] {
        timeline.tag(tag, VersionId(version)).unwrap();
    }
    let expired = expire(&mut timeline, &keep(2));
    let expired: Vec<u64> = expired.iter().map(|expired| expired.version.id().0).collect();
    assert_eq!(expired, [0, 1, 3, 5, 6, 7]);
    assert_eq!(numbers(&timeline), [2, 4, 8, 9]);
    assert_eq!((timeline.len(), timeline.oldest_reachable()), (4, VersionId(2)));
    let before = timeline.clone();
    timeline.untag("a").unwrap();
    assert_eq!(numbers(&timeline), [2, 4, 8, 9]);
    timeline.untag("b").unwrap();
    assert_eq!(numbers(&timeline), [4, 8, 9]);
    assert!(matches!(timeline.at_version(VersionId(2)), Err(TravelError::Expired { .. })));
    timeline.untag("c").unwrap();
    assert_eq!((timeline.oldest_reachable(), timeline.first()), (VersionId(8), VersionId(8)));
    // One that is in the window yet goes its way when it leaves.
    timeline.untag("d").unwrap();
    assert_eq!(numbers(&timeline), [8, 9]);
    assert_eq!(numbers(&before), [2, 4, 8, 9], "a clone is a value of its own");
}

#[test]
fn bytes_of_the_past_are_counted_once_for_each_chunk() {
    let held = |version: &Version| -> BTreeMap<(TableId, u64), u64> {
        let tables = version.catalog().tables();
        let chunks = tables.flat_map(|(_, table)| {
            table
                .state()
                .chunks()
                .map(|(sequence, entry)| ((table.id(), sequence), entry.chunk().bytes()))
        });
        chunks.collect()
    };
    let mut most = 0;
    each_seed(0..60, |dice| {
        let mut story = Story::new();
        let bound = dice.pick(&[u64::MAX, 300, 60]);
        story.retention.historical_bytes_max = bound;
        story.retention.versions_min = 1;
        story.retention.versions_max = dice.pick(&[3, 12, 100]);
        for _ in 0..30 {
            let mut tx = story.begin();
            for _ in 0..1 + dice.below(3) {
                let wish = random_wish(dice, &tx.draft, &story.versions);
                if !matches!(wish, Wish::RestoreTable { .. } | Wish::RestoreStore { .. }) {
                    let _ = tx.wish(&wish);
                }
            }
            story.commit(tx).unwrap();
            let timeline = &mut story.timeline;
            if dice.one_in(6) {
                let newest = timeline.newest().id();
                timeline.tag(&newest.to_string(), newest).unwrap();
            }
            let newest = held(timeline.newest());
            let window = timeline.versions().filter(|version| version.id() >= timeline.first());
            let mut old: BTreeMap<(TableId, u64), u64> = BTreeMap::new();
            window.for_each(|version| old.extend(held(version)));
            let bytes = old.iter().filter(|(chunk, _)| !newest.contains_key(*chunk));
            let bytes: u64 = bytes.map(|(_, bytes)| bytes).sum();
            assert_eq!(timeline.historical_bytes(), bytes);
            assert!(bytes <= bound);
            most = most.max(bytes);
        }
    });
    assert!(most > 300, "{most}");
}

#[test]
fn what_a_transaction_took_away_of_its_own_is_no_past() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1), row(&["k"], 2)]);
    let bytes = story.table("a").state().bytes();
    story.all(&[
        Wish::append("a", &["k"], &[1, 2, 3]),
        Wish::overwrite("a", &["k"], &[4]),
        Wish::create("b", &["k"], &[row(&["k"], 1)]),
        Wish::drop("b"),
    ]);
    assert_eq!(story.timeline.historical_bytes(), bytes);
    // A rename takes nothing away, whatever else there is in the commit.
    story.all(&[Wish::rename("a", "c"), Wish::append("c", &["k"], &[5])]);
    assert_eq!(story.timeline.historical_bytes(), bytes);
    expire(&mut story.timeline, &keep(1));
    assert_eq!(story.timeline.historical_bytes(), 0);
}

#[test]
fn a_fork_begins_with_one_version_and_keeps_its_number() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let origin = story.one(Wish::append("a", &["k"], &[2]));
    let mut fork = Story::starting_at(Version::clone(&origin));
    assert_eq!(numbers(&fork.timeline), [2]);
    assert_eq!(fork.timeline.record(VersionId(2)), None);
    assert_eq!(fork.timeline.historical_bytes(), 0);
    let next = fork.one(Wish::append("a", &["k"], &[3]));
    assert_eq!(next.id(), VersionId(3));
    assert_eq!(fork.timeline.record(VersionId(3)), next.commit());
    let gone = TravelError::Expired { asked: VersionId(1), oldest: VersionId(2) };
    assert_eq!(fork.timeline.at_version(VersionId(1)).unwrap_err(), gone);
    let now = fork.table("a");
    let (found, _) = fork.timeline.at_ordinal(&now, 1).unwrap();
    assert_eq!(found.id(), VersionId(2));
    let expired = TravelError::OrdinalExpired { asked: 0 };
    assert_eq!(fork.timeline.at_ordinal(&now, 0).unwrap_err(), expired);
}

#[test]
fn the_last_number_is_a_number_like_any_other() {
    let origin = Version::initial(Timestamp(0))
        .speculative(VersionId(u64::MAX - 3), Version::initial(Timestamp(0)).catalog().clone());
    let mut story = Story::starting_at(origin);
    story.make("a", &["k"], &[]);
    story.one(Wish::append("a", &["k"], &[1]));
    let last = story.one(Wish::rename("a", "b"));
    assert_eq!((last.id(), last.id().next()), (VersionId(u64::MAX), None));
    let timeline = &mut story.timeline;
    let now = Arc::clone(last.catalog().table(&table("b")).unwrap());
    for (ordinal, id) in [(0, u64::MAX - 2), (1, u64::MAX - 1), (2, u64::MAX)] {
        let (version, found) = timeline.at_ordinal(&now, ordinal).unwrap();
        assert_eq!((version.id().0, found.ordinal()), (id, ordinal));
    }
    assert_eq!(timeline.at_version(VersionId(u64::MAX)).unwrap().id(), last.id());
    assert_eq!(timeline.record(VersionId(u64::MAX)), last.commit());
    timeline.tag("t", VersionId(u64::MAX - 2)).unwrap();
    expire(timeline, &keep(1));
    assert_eq!(numbers(timeline), [u64::MAX - 2, u64::MAX]);
    assert_eq!(timeline.at_ordinal(&now, 0).unwrap().0.id(), VersionId(u64::MAX - 2));
    let asked = Timestamp(15);
    assert!(matches!(timeline.at_timestamp(asked, asked), Err(TravelError::TooEarly { .. })));
}
