//! The first version that fails a check: found, however the checks fall, and in few probes.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use annals::bisect::{End, Search, WhyLinear};
use annals::error::TravelError;
use annals::{
    BisectError, Bisection, NewDatabase, PropertyPatch, Retention, SaveMode, Snapshot, Store,
    StoreBuilder, Timestamp, Verdict, VersionId,
};
use annals_tests::{Chance, numbers};

use Verdict::{Bad, Good, Skip};

/// A store of this many versions after the first, all retained.
fn store_of(versions: usize) -> Store {
    let everything = Retention { versions_max: 1_000_000, ..Retention::default() };
    let store = StoreBuilder::new().retention(everything).build();
    store.create_database("d").unwrap();
    for turn in 1..versions {
        let comment = Some(Some(turn.to_string().into()));
        let patch = PropertyPatch { comment, ..PropertyPatch::default() };
        store.alter_database("d", &patch).unwrap();
    }
    assert_eq!(store.version().0, versions as u64);
    store
}

/// What the check says of each version, by its number.
fn checked(pattern: &[Verdict]) -> impl FnMut(&Snapshot) -> Result<Verdict, Infallible> {
    |then| Ok(pattern[usize::try_from(then.version().0).unwrap()])
}

fn id(snapshot: Option<&Snapshot>) -> Option<u64> {
    snapshot.map(|snapshot| snapshot.version().0)
}

fn suspects(found: &Bisection) -> Option<(u64, u64)> {
    found.suspects().map(|range| (range.start().0, range.end().0))
}

fn assert_asked_once(found: &Bisection) {
    let asked: HashSet<VersionId> = found.probes().iter().map(|probe| probe.version).collect();
    assert_eq!(asked.len(), found.probes().len(), "{:?}", found.probes());
}

/// ⌈log₂ n⌉
fn log2(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

// ---- what is found ----------------------------------------------------------------------------

#[test]
fn the_commit_that_broke_it_is_named_with_its_record() {
    let store = Store::in_memory();
    let mut broken_at = 0;
    for n in 0..20 {
        let writer = store.write(numbers([n])).mode(SaveMode::Append);
        if n == 13 {
            broken_at = line!() + 1;
            writer.message("the culprit").save_as_table("t").unwrap();
        } else {
            writer.save_as_table("t").unwrap();
        }
    }
    let check = |then: &Snapshot| Ok::<_, annals::ReadError>(then.table("t")?.row_count() < 14);
    let found = store.bisect(1, store.version(), check).unwrap();
    assert_eq!(id(found.first_bad()), Some(14));
    assert_eq!(id(found.last_good()), Some(13));
    assert_eq!(suspects(&found), Some((14, 14)));
    assert!(found.is_certain());
    assert_eq!(found.search(), Search::Binary);
    let commit = found.commit().unwrap();
    assert_eq!(commit.info.message.as_deref(), Some("the culprit"));
    assert_eq!(commit.location.line, broken_at);
    assert_eq!(found.first_bad().unwrap().table("t").unwrap().row_count(), 14);
    let said = found.to_string();
    assert!(said.starts_with("v14 is the first version that fails the check, committed at "));
    assert!(said.contains("bisect.rs:"), "{said}");
    assert_asked_once(&found);
}

#[test]
fn ends_are_given_as_numbers_tags_and_moments() {
    let clock = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let tick = Arc::clone(&clock);
    // ORDERING: one thread reads and writes it.
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    let store = StoreBuilder::new().clock(move || Timestamp(tick.load(relaxed))).build();
    for turn in 1..=8 {
        clock.store(turn * 100, relaxed);
        store.create_database(format!("d{turn}")).unwrap();
    }
    store.tag("good", 2).unwrap();
    let check = |then: &Snapshot| Ok::<_, Infallible>(then.version().0 < 5);
    let found = store.bisect("good", Timestamp(700), check).unwrap();
    assert_eq!(id(found.first_bad()), Some(5));
    assert!(found.probes().iter().all(|probe| (2..=7).contains(&probe.version.0)));
    let found = store.bisect(2, annals::At::Latest, check).unwrap();
    assert_eq!(id(found.first_bad()), Some(5));
}

/// The answer for a pattern of which the last good version comes before the first bad one.
fn monotone(pattern: &[Verdict]) -> (u64, u64) {
    let good = pattern.iter().rposition(|verdict| *verdict == Good).unwrap_or(0);
    let bad = pattern.iter().position(|verdict| *verdict == Bad).unwrap_or(pattern.len() - 1);
    (good as u64, bad as u64)
}

#[test]
fn random_histories_are_searched_as_by_looking_at_every_version() {
    let mut chance = Chance::new();
    let store = store_of(199);
    for _ in 0..4_000 {
        let len = 2 + chance.below(198);
        let mut pattern = vec![Good; len];
        pattern[chance.below(len)..].fill(Bad);
        let skipped = chance.of(&[0, 0, 1, len / 10, len / 2, len - 1, len, 4 * len]);
        for _ in 0..skipped {
            pattern[chance.below(len)] = Skip;
        }
        let last = len as u64 - 1;
        let found = store.bisect(0, last, checked(&pattern)).unwrap();
        assert_asked_once(&found);
        assert_eq!(found.unreachable_suspects(), 0);
        if pattern[0] == Bad {
            assert_eq!(found.search(), Search::Linear { why: WhyLinear::GoodEndFails });
            assert_eq!(suspects(&found), Some((0, 0)), "{pattern:?}");
            assert_eq!(id(found.last_good()), None);
            continue;
        }
        if pattern[len - 1] == Good {
            assert_eq!(found.search(), Search::Linear { why: WhyLinear::BadEndPasses });
            assert_eq!(id(found.first_bad()), None, "{pattern:?}");
            assert_eq!(found.probes().len(), len);
            continue;
        }
        let (good, bad) = monotone(&pattern);
        assert_eq!(found.search(), Search::Binary);
        assert_eq!(id(found.last_good()), Some(good), "{pattern:?}");
        assert_eq!(id(found.first_bad()), Some(bad), "{pattern:?}");
        assert_eq!(suspects(&found), Some((good + 1, bad)));
        assert_eq!(found.is_certain(), good + 1 == bad);
        let skips = pattern.iter().filter(|verdict| **verdict == Skip).count();
        // A version that is skipped costs its own probe, and perhaps the even halves.
        assert!(found.probes().len() <= log2(len) + 2 + 2 * skips, "{found} of {pattern:?}");
    }
}

#[test]
fn checks_that_come_and_go_are_searched_as_by_looking_at_every_version() {
    let mut chance = Chance::new();
    let store = store_of(99);
    for _ in 0..4_000 {
        let len = 2 + chance.below(98);
        let choices: &[Verdict] =
            chance.of(&[&[Good, Bad][..], &[Good, Bad, Skip], &[Good, Good, Good, Good, Bad]]);
        let mut pattern: Vec<Verdict> = (0..len).map(|_| chance.of(choices)).collect();
        let (last, at) = (len as u64 - 1, |index: u64| usize::try_from(index).unwrap());

        let linear = store.bisect_linear(0, last, checked(&pattern)).unwrap();
        let by_halves = store.bisect(0, last, checked(&pattern)).unwrap();
        // An end that is skipped is taken for what it was said to be.
        pattern[0] = if pattern[0] == Skip { Good } else { pattern[0] };
        pattern[len - 1] = if pattern[len - 1] == Skip { Bad } else { pattern[len - 1] };
        let bad = pattern.iter().position(|verdict| *verdict == Bad);
        let good = pattern[..bad.unwrap_or(len)].iter().rposition(|verdict| *verdict == Good);
        for found in [&linear, &by_halves] {
            assert_asked_once(found);
            if let Search::Linear { .. } = found.search() {
                assert_eq!(id(found.first_bad()), bad.map(|bad| bad as u64), "{pattern:?}");
                assert_eq!(id(found.last_good()), good.map(|good| good as u64), "{pattern:?}");
            } else {
                let (from, to) = suspects(found).unwrap();
                assert_eq!(pattern[at(from - 1)], Good, "{found} of {pattern:?}");
                assert_eq!(pattern[at(to)], Bad, "{found} of {pattern:?}");
                assert!(pattern[at(from)..at(to)].iter().all(|verdict| *verdict == Skip));
            }
        }
        assert_eq!(linear.search(), Search::Linear { why: WhyLinear::Asked });
        let why = match (pattern[0], pattern[len - 1]) {
            (Bad, _) => Search::Linear { why: WhyLinear::GoodEndFails },
            (_, Good) => Search::Linear { why: WhyLinear::BadEndPasses },
            _ => Search::Binary,
        };
        assert_eq!(by_halves.search(), why, "{pattern:?}");
    }
}

#[test]
fn if_only_skipped_versions_are_left_all_of_them_are_suspects() {
    let store = store_of(6);
    let pattern = [Good, Good, Skip, Skip, Skip, Bad, Bad];
    let found = store.bisect(0, 6, checked(&pattern)).unwrap();
    assert_eq!(suspects(&found), Some((2, 5)));
    assert!(!found.is_certain());
    assert!(found.to_string().starts_with("one of v2 to v5 is the first that fails"), "{found}");
    let everything = store.bisect(0, 6, checked(&[Skip; 7])).unwrap();
    assert_eq!(suspects(&everything), Some((1, 6)));
    assert_eq!(everything.probes().len(), 7);
}

#[test]
fn few_probes_are_made_among_very_many_versions() {
    const VERSIONS: usize = 100_000;
    let store = store_of(VERSIONS - 1);
    let mut chance = Chance::new();
    let mut first_bads = vec![1, 2, VERSIONS / 2, VERSIONS - 2, VERSIONS - 1];
    first_bads.extend((0..200).map(|_| 1 + chance.below(VERSIONS - 1)));
    for first_bad in first_bads {
        let check = |then: &Snapshot| Ok::<_, Infallible>(then.version().0 < first_bad as u64);
        let found = store.bisect(0, store.version(), check).unwrap();
        assert_eq!(id(found.first_bad()), Some(first_bad as u64));
        assert!(found.probes().len() <= log2(VERSIONS) + 2, "{found}");
        assert!(found.probes().len() <= 20, "{found}");
    }
}

// ---- what has expired -------------------------------------------------------------------------

/// A store in which only v3, v6 and v10 to v14 can be reached.
fn store_with_gaps() -> Store {
    let store = store_of(14);
    store.tag("early", 3).unwrap();
    store.tag("later", 6).unwrap();
    store.set_retention(Retention { versions_max: 5, ..Retention::default() });
    let numbers: Vec<u64> = store.versions().iter().map(|version| version.0).collect();
    assert_eq!(numbers, [3, 6, 10, 11, 12, 13, 14]);
    store
}

#[test]
fn tagged_versions_are_searched_and_what_has_expired_between_them_is_suspected() {
    let store = store_with_gaps();
    for (first_bad, expected, unreachable) in
        [(4, (4, 6), 2), (6, (4, 6), 2), (7, (7, 10), 3), (11, (11, 11), 0), (14, (14, 14), 0)]
    {
        let check = |then: &Snapshot| Ok::<_, Infallible>(then.version().0 < first_bad);
        let found = store.bisect("early", 14, check).unwrap();
        assert_eq!(suspects(&found), Some(expected));
        assert_eq!(found.unreachable_suspects(), unreachable);
        assert_eq!(found.is_certain(), unreachable == 0);
        let linear = store.bisect_linear("early", 14, check).unwrap();
        assert_eq!(suspects(&linear), Some(expected));
    }
    // Without anything of the window.
    let found = store.bisect(3, 6, |then| Ok::<_, Infallible>(then.version().0 < 5)).unwrap();
    assert_eq!(suspects(&found), Some((4, 6)));
}

#[test]
fn what_expires_during_the_search_is_found_all_the_same() {
    let store = store_of(50);
    let check = |then: &Snapshot| {
        store.set_retention(Retention { versions_max: 1, ..Retention::default() });
        Ok::<_, Infallible>(then.version().0 < 17)
    };
    let found = store.bisect(0, 50, check).unwrap();
    assert_eq!(suspects(&found), Some((17, 17)));
    assert_eq!(store.versions().len(), 1);
    // The answer holds its versions itself.
    assert!(found.first_bad().unwrap().databases().len() == 2);
}

// ---- what goes wrong --------------------------------------------------------------------------

#[test]
fn ends_that_cannot_be_searched_from_are_refused_before_anything_is_checked() {
    let store = store_with_gaps();
    let never = |_: &Snapshot| -> Result<bool, Infallible> { panic!("it is not to be asked") };
    let error = store.bisect(2, 14, never).unwrap_err();
    let oldest = VersionId(10);
    assert!(
        matches!(&error, BisectError::Travel { end: End::Good, source: TravelError::Expired { oldest: o, .. } } if *o == oldest),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the good end of the search cannot be reached");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("v10"), "{source}");
    let error = store.bisect(3, 15, never).unwrap_err();
    assert!(matches!(
        error,
        BisectError::Travel { end: End::Bad, source: TravelError::NoVersion { .. } }
    ));
    let error = store.bisect("no such tag", 14, never).unwrap_err();
    assert!(matches!(
        error,
        BisectError::Travel { end: End::Good, source: TravelError::NoTag { .. } }
    ));
    for (good, bad) in [(14, 3), (12, 12)] {
        let error = store.bisect_linear(good, bad, never).unwrap_err();
        assert!(matches!(error, BisectError::Order { .. }), "{error:?}");
        let said = format!("v{good} does not lie before v{bad}");
        assert!(error.to_string().starts_with(&said), "{error}");
    }
}

#[test]
fn an_error_of_the_check_ends_the_search_and_says_where() {
    let store = store_of(20);
    let check = |then: &Snapshot| match then.version().0 {
        10 => Err("no rows to judge by"),
        version => Ok(version < 15),
    };
    match store.bisect(0, 20, check).unwrap_err() {
        BisectError::Check { version, probes, source } => {
            assert_eq!((version, source), (VersionId(10), "no rows to judge by"));
            let asked: Vec<_> =
                probes.iter().map(|probe| (probe.version.0, probe.verdict)).collect();
            assert_eq!(asked, [(0, Good), (20, Bad)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_of_the_check_passes_and_leaves_nothing_behind() {
    let store = store_of(20);
    let fifth = Arc::downgrade(store.at(5).unwrap().value());
    let search = || {
        store.bisect(0, 20, |then| match then.version().0 {
            10 => panic!("in the check"),
            version => Ok::<_, Infallible>(version < 15),
        })
    };
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(search)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the check"));
    // What the search held is let go: else this would go on for ever.
    store.set_retention(Retention { versions_max: 1, ..Retention::default() });
    while fifth.strong_count() > 0 {
        std::thread::yield_now();
    }
    store.create_database(NewDatabase::new("after").if_not_exists()).unwrap();
}
