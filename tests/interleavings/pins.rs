//! What is held, pinned or tagged beside what expires: it stays whole, and in the end nothing is
//! counted as held.

use annals::error::TravelError;
use annals::{At, ReadError, Snapshot, Store};
use annals_tests::numbers_of;

use crate::kit::{create, joined, keep, keeping, made, overwrite, spawn, store};

/// Version `n` shows the number `n - 1`.
fn assert_whole(snapshot: &Snapshot) {
    let found = numbers_of(&snapshot.table("t").unwrap());
    assert_eq!(found, [snapshot.version().0 as i64 - 1]);
}

fn overwriting(store: &Store, count: i64) -> crate::kit::thread::JoinHandle<()> {
    let store = store.clone();
    spawn(move || {
        for number in 1..=count {
            made(overwrite(&store, "t", number));
        }
    })
}

fn assert_nothing_is_held(store: &Store) {
    assert!(store.settle(std::time::Duration::from_secs(3_600)), "it is never settled");
    assert_eq!(&*store.pins(), []);
    let awaiting = store.awaiting_reclaim();
    assert_eq!((awaiting.versions, awaiting.held, awaiting.bytes), (0, 0, 0));
}

pub(crate) fn a_pinned_version_stays_whole_and_is_told_of_until_it_is_let_go() {
    let store = keeping(1);
    create(&store, "t", 0);
    let writer = overwriting(&store, 3);
    let holders = ["one", "two"].map(|label| {
        let store = store.clone();
        spawn(move || {
            let pinned = store.pin(label);
            assert_whole(&pinned);
            let pins = store.pins();
            let pin = pins.iter().find(|pin| pin.version == pinned.version());
            let pin = pin.expect("a version that is held is told of");
            assert!(pin.holders >= 1);
            assert!(pin.labels.iter().any(|told| &*told.label == label), "{pin:?}");
            assert_whole(&pinned);
        })
    });
    joined(holders);
    writer.join().unwrap();
    assert_nothing_is_held(&store);
}

pub(crate) fn a_tagged_version_is_there_until_its_tag_goes() {
    let store = keeping(1);
    create(&store, "t", 0);
    let writer = overwriting(&store, 3);
    let tagger = {
        let store = store.clone();
        spawn(move || {
            let version = store.tag("kept", At::Latest).unwrap();
            let kept = store.at("kept").expect("what is tagged does not expire");
            assert_eq!(kept.version(), version);
            assert_whole(&kept);
            drop(kept);
            assert_whole(&store.at(version).expect("nor does it by its number"));
            assert_eq!(store.untag("kept").unwrap(), version);
        })
    };
    tagger.join().unwrap();
    writer.join().unwrap();
    assert_eq!(store.tags(), []);
    assert_eq!(store.versions().len(), 1);
    assert_nothing_is_held(&store);
}

pub(crate) fn an_old_version_is_found_whole_or_has_expired() {
    let store = keeping(2);
    create(&store, "t", 0);
    let writer = overwriting(&store, 3);
    let traveller = {
        let store = store.clone();
        spawn(move || {
            for asked in [1, 2, 1, 3] {
                match store.at(asked) {
                    Ok(found) => {
                        assert_eq!(found.version().0, asked);
                        assert_whole(&found);
                    }
                    Err(TravelError::NoVersion { newest, .. }) => assert!(newest.0 < asked),
                    Err(TravelError::Expired { oldest, .. }) => assert!(oldest.0 > asked),
                    Err(error) => panic!("{error}"),
                }
                match store.table_at_ordinal("t", asked - 1) {
                    Ok(table) => assert_eq!(numbers_of(&table), [asked as i64 - 1]),
                    Err(ReadError::Travel(
                        TravelError::OrdinalExpired { .. } | TravelError::NoOrdinal { .. },
                    )) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    };
    traveller.join().unwrap();
    writer.join().unwrap();
    assert_eq!(store.versions().len(), 2);
    assert_nothing_is_held(&store);
}

pub(crate) fn tags_of_two_beside_commits_are_both_kept() {
    let store = store();
    create(&store, "t", 0);
    let writer = overwriting(&store, 2);
    let taggers = ["one", "two"].map(|tag| {
        let store = store.clone();
        spawn(move || (tag, store.tag(tag, At::Latest).unwrap()))
    });
    let tagged = joined(taggers);
    writer.join().unwrap();
    assert_eq!(store.version().0, 3, "a tag takes no commit away");
    store.expire(&keep(1));
    for (tag, version) in tagged {
        let found = store.at(tag).expect("a commit takes no tag away");
        assert_eq!(found.version(), version);
        assert_whole(&found);
        store.untag(tag).unwrap();
    }
    assert_nothing_is_held(&store);
}

pub(crate) fn a_transaction_whose_base_has_expired_is_carried_over_all_the_same() {
    let store = keeping(1);
    create(&store, "t", 0);
    let tx_of = store.clone();
    let late = spawn(move || {
        let mut tx = tx_of.begin();
        assert_whole(&tx.base());
        tx.create_database("d").unwrap();
        let base = tx.base().version();
        let committed = tx.commit().expect("nobody else makes a database");
        (base, committed.version())
    });
    let writer = overwriting(&store, 3);
    let (base, version) = late.join().unwrap();
    assert!(base < version);
    writer.join().unwrap();
    assert_eq!(store.version().0, 5);
    assert!(store.snapshot().database("d").is_ok());
    assert_nothing_is_held(&store);
}
