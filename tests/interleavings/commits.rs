//! Committers among themselves: no commit is lost, none goes where it must not, and versions are
//! dense.

use annals::error::CommitError;
use annals::{SaveMode, Store, WriteError};
use annals_tests::{numbers, numbers_of};

use crate::kit::{append, create, joined, made, overwrite, spawn, store};

/// Each version has its record, made on a version before it, and a later time than that.
fn assert_dense(store: &Store, newest: u64) {
    assert_eq!(store.version().0, newest);
    let versions: Vec<u64> = store.versions().iter().map(|version| version.0).collect();
    assert_eq!(versions, Vec::from_iter(0..=newest));
    let mut later = None;
    for commit in store.history().iter() {
        assert!(commit.base < commit.version);
        assert!(later.is_none_or(|(id, at)| commit.version.0 + 1 == id && commit.timestamp < at));
        later = Some((commit.version.0, commit.timestamp));
    }
}

pub(crate) fn appends_of_two_are_all_there_in_the_order_of_their_versions() {
    let store = store();
    create(&store, "t", 0);
    let writers = [10, 20].map(|first| {
        let store = store.clone();
        let appended = move |number| (made(append(&store, "t", number)), number);
        spawn(move || [first, first + 1].map(appended))
    });
    let mut all: Vec<(u64, i64)> = joined(writers).concat();
    all.sort_unstable();
    let mut expected = vec![0];
    for (index, (version, number)) in all.iter().enumerate() {
        assert_eq!(*version, index as u64 + 2);
        expected.push(*number);
        assert_eq!(numbers_of(&store.at(*version).unwrap().table("t").unwrap()), expected);
    }
    assert_eq!(numbers_of(&store.table("t").unwrap()), expected);
    assert_dense(&store, 5);
}

pub(crate) fn of_those_who_read_what_they_overwrite_the_first_wins() {
    let store = store();
    create(&store, "t", 0);
    let writers = [1, 2, 3].map(|number| {
        let store = store.clone();
        spawn(move || {
            let mut tx = store.begin();
            let (base, read) = (tx.base().version().0, numbers_of(&tx.table("t").unwrap()));
            tx.write(numbers([read[0] * 10 + number]))
                .mode(SaveMode::Overwrite)
                .save_as_table("t")
                .unwrap();
            match tx.commit() {
                Ok(committed) => Some((committed.version().0, base, number)),
                Err(CommitError::Conflict(conflict)) => {
                    assert_eq!(conflict.base.0, base);
                    assert!(conflict.winner.0 > base, "it lost against what it had seen");
                    None
                }
                Err(error) => panic!("{error}"),
            }
        })
    });
    let mut winners: Vec<(u64, u64, i64)> = joined(writers).into_iter().flatten().collect();
    winners.sort_unstable();
    assert!(!winners.is_empty());
    let mut value = 0;
    for (index, (version, base, number)) in winners.iter().enumerate() {
        assert_eq!((*version, *base), (index as u64 + 2, index as u64 + 1));
        value = value * 10 + number;
    }
    assert_eq!(numbers_of(&store.table("t").unwrap()), [value]);
    assert_dense(&store, winners.len() as u64 + 1);
}

pub(crate) fn commits_to_different_tables_stand_side_by_side() {
    let store = store();
    let writers = ["a", "b", "c"].map(|table| {
        let store = store.clone();
        spawn(move || {
            let mut tx = store.begin();
            tx.write(numbers([1])).save_as_table(table).unwrap();
            tx.write(numbers([2])).save_as_table(format!("{table}2").as_str()).unwrap();
            tx.commit().expect("what others do is none of its business").version().0
        })
    });
    let mut versions = joined(writers);
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3]);
    for version in versions {
        let tables = store.at(version).unwrap().table_count();
        assert_eq!(tables as u64, 2 * version, "a commit of two tables is half there");
    }
    assert_dense(&store, 3);
}

pub(crate) fn what_is_counted_up_by_two_counts_both() {
    let store = store();
    create(&store, "t", 0);
    let writers = [(), ()].map(|()| {
        let store = store.clone();
        spawn(move || {
            let counted = store.transact(|tx| {
                let count = numbers_of(&tx.table("t")?)[0];
                tx.write(numbers([count + 1])).mode(SaveMode::Overwrite).save_as_table("t")?;
                Ok::<_, WriteError>(count)
            });
            counted.expect("it begins again until it fits").value
        })
    });
    let mut counted = joined(writers);
    counted.sort_unstable();
    assert_eq!(counted, [0, 1]);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [2]);
    assert_dense(&store, 3);
}

pub(crate) fn of_two_who_create_a_table_one_does() {
    let store = store();
    let writers = [1, 2].map(|number| {
        let store = store.clone();
        spawn(move || store.write(numbers([number])).save_as_table("t").map(|_| number))
    });
    let created: Vec<i64> = joined(writers).into_iter().flatten().collect();
    assert_eq!(created.len(), 1, "one creates it, the other is told that it is there");
    assert_eq!(numbers_of(&store.table("t").unwrap()), created);
    assert_dense(&store, 1);
}

pub(crate) fn an_overwrite_beside_an_append_and_a_drop_leaves_what_their_order_says() {
    let store = store();
    create(&store, "t", 0);
    let writer = |work: fn(&Store) -> Option<u64>| {
        let store = store.clone();
        spawn(move || work(&store))
    };
    let appends = writer(|store| append(store, "t", 1).ok()?.version().map(|version| version.0));
    let replaces =
        writer(|store| overwrite(store, "t", 2).ok()?.version().map(|version| version.0));
    let drops = writer(|store| store.drop_table("t").ok().map(|committed| committed.version().0));
    // Each is decided anew on what it finds, so that all of them come to something.
    let [appended, replaced, dropped] =
        [appends, replaces, drops].map(|thread| thread.join().unwrap().unwrap());
    let mut expected = Some(vec![0]);
    for version in 2..=4 {
        if version == appended {
            expected.get_or_insert_default().push(1);
        } else if version == replaced {
            expected = Some(vec![2]);
        } else if version == dropped {
            assert!(expected.is_some(), "what is not there was dropped");
            expected = None;
        }
        let found = store.at(version).unwrap().table("t").ok().map(|table| numbers_of(&table));
        assert_eq!(found, expected, "appended {appended} replaced {replaced} dropped {dropped}");
    }
    assert_dense(&store, 4);
}
