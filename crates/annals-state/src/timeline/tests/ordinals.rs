//! A table's states by their ordinals, through renames, drops and returns.

use super::*;
use crate::catalog::tests::kit::Dice;

/// The first version that can be reached which holds this state, found by looking everywhere.
fn expected(timeline: &Timeline, id: TableId, asked: u64) -> Option<VersionId> {
    let holds = |version: &&Arc<Version>| {
        let mut tables = version.catalog().tables();
        tables.any(|(_, table)| table.id() == id && table.ordinal() == asked)
    };
    timeline.versions().find(holds).map(|version| version.id())
}

fn check(timeline: &Timeline, now: &TableVersion) -> usize {
    let mut found = 0;
    for asked in 0..=now.ordinal() {
        let expected = expected(timeline, now.id(), asked);
        match timeline.at_ordinal(now, asked) {
            Ok((version, table)) => {
                assert_eq!(Some(version.id()), expected, "{} of {}", asked, now.id());
                assert_eq!((table.id(), table.ordinal()), (now.id(), asked));
                assert!(version.catalog().tables().any(|(_, held)| Arc::ptr_eq(held, table)));
                found += 1;
            }
            Err(error) => {
                assert_eq!(error, TravelError::OrdinalExpired { asked });
                assert_eq!(expected, None, "state {asked} of {} was not found", now.id());
            }
        }
    }
    let (asked, newest) = (now.ordinal() + 1, now.ordinal());
    let error = timeline.at_ordinal(now, asked).unwrap_err();
    assert_eq!(error, TravelError::NoOrdinal { asked, newest });
    found
}

/// Mostly what moves tables between names.
fn wish(dice: &mut Dice, story: &Story, draft: &Catalog) -> Wish {
    let names = ["a", "b", "c"];
    let (one, other) = (dice.pick(&names), dice.pick(&names));
    match dice.below(8) {
        0..=2 => Wish::append(one, &["k"], &[1]),
        3 => Wish::rename(one, other),
        4 => Wish::drop(one),
        5 => Wish::create(one, &["k"], &[]),
        6 => {
            let version = dice.pick(&story.versions);
            let version =
                story.timeline.at_version(version.id()).unwrap_or(story.timeline.newest());
            match version.catalog().table(&table(one)) {
                Some(_) => Wish::restore(one, version),
                None => Wish::RestoreStore { source: Arc::clone(version) },
            }
        }
        _ => random_wish(dice, draft, &[story.head()]),
    }
}

#[test]
fn every_state_that_is_retained_is_found_by_its_ordinal() {
    let (mut found, mut kept) = (0, 0);
    each_seed(0..80, |dice| {
        let mut story = Story::new();
        story.retention.versions_max = dice.pick(&[4, 12, 1_000]);
        for _ in 0..40 {
            let mut tx = story.begin();
            for _ in 0..1 + dice.below(3) {
                let wish = wish(dice, &story, &tx.draft);
                let _ = tx.wish(&wish);
            }
            let version = story.commit(tx).unwrap();
            if dice.one_in(5) {
                story.timeline.tag(&version.id().to_string(), version.id()).unwrap();
            } else if dice.one_in(10) {
                let tags: Vec<_> = story.timeline.tags().map(|(tag, _)| Arc::clone(tag)).collect();
                if !tags.is_empty() {
                    story.timeline.untag(&dice.pick(&tags)).unwrap();
                }
            }
            let timeline = &story.timeline;
            for (_, now) in timeline.newest().catalog().tables() {
                found += check(timeline, now);
            }
            // By a state that was read some time ago.
            let versions: Vec<_> = timeline.versions().collect();
            for (_, then) in dice.pick(&versions).catalog().tables() {
                check(timeline, then);
            }
            kept += usize::from(timeline.oldest_reachable() < timeline.first());
        }
    });
    assert!(found > 10_000 && kept > 500, "{found} {kept}");
}

#[test]
fn a_state_is_found_under_the_name_that_the_table_had() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    story.one(Wish::append("a", &["k"], &[1]));
    story.one(Wish::rename("a", "b"));
    story.one(Wish::append("b", &["k"], &[2]));
    story.make("a", &["k"], &[]);
    story.one(Wish::drop("b"));
    let version = Arc::clone(&story.versions[4]);
    story.one(Wish::restore("b", &version));
    story.one(Wish::append("a", &["k"], &[7]));
    let now = story.table("b");
    let versions: Vec<u64> = (0..=now.ordinal())
        .map(|ordinal| story.timeline.at_ordinal(&now, ordinal).unwrap().0.id().0)
        .collect();
    assert_eq!(versions, [1, 2, 3, 4, 7]);
    let other = story.table("a");
    let versions = [0, 1].map(|n| story.timeline.at_ordinal(&other, n).unwrap().0.id().0);
    assert_eq!(versions, [5, 8]);
}
