//! What is checked outside the commit section, on a candidate: it holds for the version that is
//! published. And writes that are repeated: they take effect once.

use annals::error::CommitError;
use annals::{SaveMode, WriteError};
use annals_tests::{numbers, numbers_of};

use crate::kit::{append, create, joined, made, spawn, store};

pub(crate) fn an_assertion_holds_for_the_version_that_is_published() {
    let store = store();
    create(&store, "t", 0);
    let writers = [1, 2].map(|number| {
        let store = store.clone();
        spawn(move || {
            let mut tx = store.begin();
            tx.write(numbers([number])).mode(SaveMode::Append).save_as_table("t").unwrap();
            tx.assert("at most two rows", |candidate| {
                match candidate.table("t").map(|table| table.row_count()) {
                    Ok(0..=2) => Ok(()),
                    found => Err(format!("{found:?}")),
                }
            });
            match tx.commit() {
                Ok(_) => true,
                Err(CommitError::Assertion { .. }) => false,
                Err(error) => panic!("{error}"),
            }
        })
    });
    let committed = joined(writers).into_iter().filter(|committed| *committed).count();
    assert_eq!((committed, store.version().0), (1, 2));
    assert_eq!(store.table("t").unwrap().row_count(), 2);
    assert_eq!(store.metrics().assertions_failed, 1);
}

pub(crate) fn an_assertion_beside_plain_commits_sees_all_that_came_before_it() {
    let store = store();
    create(&store, "t", 0);
    let asserting = {
        let store = store.clone();
        spawn(move || {
            let mut tx = store.begin();
            tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("t").unwrap();
            // Each commit is one row more, this one too.
            tx.assert("as many rows as versions", |candidate| {
                let rows = candidate.table("t").map_err(|error| error.to_string())?.row_count();
                let version = candidate.version().0;
                (rows == version).then_some(()).ok_or_else(|| format!("{rows} of {version}"))
            });
            tx.commit().expect("it holds for every candidate").version().0
        })
    };
    let plain = {
        let store = store.clone();
        spawn(move || [2, 3].map(|number| made(append(&store, "t", number))))
    };
    let version = asserting.join().unwrap();
    plain.join().unwrap();
    let then = numbers_of(&store.at(version).unwrap().table("t").unwrap());
    assert_eq!((then.len() as u64, then.last()), (version, Some(&1)));
    assert_eq!(store.version().0, 4);
}

pub(crate) fn of_twins_one_is_applied_and_both_are_told_of_it() {
    let store = store();
    create(&store, "t", 0);
    let writers = [1, 1, 2].map(|sequence| {
        let store = store.clone();
        spawn(move || {
            let rows = numbers([sequence as i64]);
            let write = store.write(rows).mode(SaveMode::Append).idempotent("loader", sequence);
            match write.save_as_table("t") {
                Ok(saved) => {
                    let committed = saved.committed().expect("it is never left out");
                    let applied = !committed.was_applied_before();
                    Some((sequence, committed.version().0, applied))
                }
                // The later one was first, and this one never was: it must not come after.
                Err(WriteError::Commit(CommitError::StaleSequence { .. })) => None,
                Err(error) => panic!("{error}"),
            }
        })
    });
    let mut told: Vec<_> = joined(writers).into_iter().flatten().collect();
    told.sort_unstable();
    let of = |sequence| told.iter().filter(move |told| told.0 == sequence);
    assert_eq!(of(2).map(|told| told.2).collect::<Vec<_>>(), [true]);
    let ones: Vec<_> = of(1).collect();
    // Both are told of the one that was applied, or both that it comes too late.
    assert!(ones.is_empty() || ones.len() == 2, "{told:?}");
    assert!(ones.windows(2).all(|pair| pair[0].1 == pair[1].1), "{told:?}");
    assert_eq!(ones.iter().filter(|told| told.2).count(), ones.len() / 2, "{told:?}");
    let expected: &[i64] = if ones.is_empty() { &[0, 2] } else { &[0, 1, 2] };
    assert_eq!(numbers_of(&store.table("t").unwrap()), expected);
}

pub(crate) fn rows_deleted_beside_a_compaction_are_gone_and_no_others() {
    let store = store();
    create(&store, "t", 0);
    made(append(&store, "t", 1));
    made(append(&store, "t", 2));
    let compacting = {
        let store = store.clone();
        spawn(move || drop(store.compact("t").unwrap()))
    };
    let deleting = {
        let store = store.clone();
        spawn(move || drop(store.delete("t", annals::col("n").eq(1_i64)).unwrap()))
    };
    let appending = {
        let store = store.clone();
        spawn(move || {
            made(append(&store, "t", 3));
        })
    };
    joined([compacting, deleting, appending]);
    let mut left = numbers_of(&store.table("t").unwrap());
    left.sort_unstable();
    assert_eq!(left, [0, 2, 3]);
}

pub(crate) fn whoever_is_told_that_nothing_stands_in_the_way_is_right_until_another_commits() {
    let store = store();
    create(&store, "t", 0);
    let writers = [1, 2].map(|number| {
        let store = store.clone();
        spawn(move || {
            let mut tx = store.begin();
            let read = numbers_of(&tx.table("t").unwrap());
            tx.write(numbers([read[0] + number]))
                .mode(SaveMode::Overwrite)
                .save_as_table("t")
                .unwrap();
            let before = tx.base().version();
            let asked = tx.would_conflict().is_ok();
            let newest = store.version();
            let committed = tx.commit().is_ok();
            // A refusal is final; leave is as long as nobody has come in between.
            assert!(asked || !committed, "it was committed although it would be refused");
            assert!(asked || newest > before);
            committed
        })
    });
    let committed = joined(writers).into_iter().filter(|committed| *committed).count();
    assert!(committed >= 1);
    assert_eq!(store.version().0, 1 + committed as u64);
}
