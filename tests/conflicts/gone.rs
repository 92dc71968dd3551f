//! Tables that were dropped, replaced by others of their name, or renamed while I worked on them.

use annals::error::{Rule, Subject};
use annals::{Retention, SaveMode, Store, StoreBuilder, TableName, VersionId};

use crate::{Mine, Theirs, append, overwrite, race, race_in, rows, store, store_of};

const WRITES: [Mine; 5] = [
    |tx| tx.write(rows([7])).mode(SaveMode::Append).save_as_table("d.t").map(drop),
    |tx| tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop),
    |tx| tx.rename_column("d.t", "note", "text"),
    |tx| tx.drop_table("d.t"),
    |tx| tx.rename_table("d.t", "d.mine"),
];

#[test]
fn a_table_that_was_dropped_is_gone_and_no_second_try_is_advised() {
    let drops: [Theirs; 4] = [
        |store| drop(store.drop_table("d.t").unwrap()),
        |store| drop(store.drop_database_cascade("d").unwrap()),
        |store| drop(store.restore(1).unwrap()),
        // Renamed, then dropped under its new name.
        |store| {
            store.rename_table("d.t", "d.u").unwrap();
            store.drop_table("d.u").unwrap();
        },
    ];
    for mine in WRITES {
        for theirs in drops {
            let conflict = race(mine, theirs).gone();
            assert!(matches!(conflict.rule, Rule::Dropped), "{conflict:?}");
            assert_eq!(conflict.subject, Subject::Table(TableName::parse("d.t").unwrap()));
        }
    }
}

#[test]
fn a_table_of_the_same_name_is_another_table() {
    let replaced: [Theirs; 3] = [
        |store| {
            store.drop_table("d.t").unwrap();
            store.write(rows([4])).save_as_table("d.t").unwrap();
        },
        |store| {
            store.drop_table("d.t").unwrap();
            store.rename_table("d.other", "d.t").unwrap();
        },
        // In one commit, and with the very same rows.
        |store| {
            let mut tx = store.begin();
            tx.drop_table("d.t").unwrap();
            tx.write(rows([1, 2, 3, 101, 102, 103])).save_as_table("d.t").unwrap();
            tx.commit().unwrap();
        },
    ];
    for mine in WRITES {
        for theirs in replaced {
            let conflict = race(mine, theirs).gone();
            assert!(matches!(conflict.rule, Rule::Dropped), "{conflict:?}");
        }
    }
}

#[test]
fn a_table_that_was_renamed_is_named_by_its_new_name() {
    let renames: [(Theirs, &str); 3] = [
        (|store| drop(store.rename_table("d.t", "d.u").unwrap()), "d.u"),
        // Twice: what counts is where it is today.
        (
            |store| {
                store.rename_table("d.t", "d.u").unwrap();
                store.rename_table("d.u", "default.`at last`").unwrap();
            },
            "default.`at last`",
        ),
        // Another table has taken the name.
        (
            |store| {
                let mut tx = store.begin();
                tx.rename_table("d.t", "d.aside").unwrap();
                tx.rename_table("d.other", "d.t").unwrap();
                tx.rename_table("d.aside", "d.other").unwrap();
                tx.commit().unwrap();
            },
            "d.other",
        ),
    ];
    for mine in WRITES {
        for (theirs, today) in renames {
            let conflict = race(mine, theirs).refused();
            let Rule::Renamed { to } = &conflict.rule else { panic!("{conflict:?}") };
            assert_eq!(to.to_string(), today);
        }
    }
}

#[test]
fn a_table_that_was_dropped_and_put_back_is_still_itself() {
    let theirs: Theirs = |store| {
        store.drop_table("d.t").unwrap();
        store.restore_table("d.t", 4).unwrap();
    };
    for mine in WRITES {
        // It is the same table, but a restore goes with nothing that changes it.
        let conflict = race(mine, theirs).refused();
        assert!(matches!(conflict.rule, Rule::Changed { theirs: "a restore", .. }), "{conflict:?}");
    }
}

#[test]
fn what_happened_is_known_even_if_the_versions_in_between_have_expired() {
    let builder = || {
        StoreBuilder::new().retention(Retention {
            versions_max: 1,
            records_max: 0,
            ..Retention::default()
        })
    };
    let later: [Theirs; 2] = [
        |store| drop(store.drop_table("d.t").unwrap()),
        |store| {
            store.drop_table("d.t").unwrap();
            store.write(rows([4])).save_as_table("d.t").unwrap();
        },
    ];
    let expired = |theirs: Theirs| {
        let store = store_of(builder());
        let mut tx = store.begin();
        WRITES[0](&mut tx).unwrap();
        theirs(&store);
        for n in 0..5 {
            append(&store, "d.other", rows([n]));
        }
        assert_eq!(store.versions().len(), 1);
        tx.commit().unwrap_err()
    };
    for theirs in later {
        let error = expired(theirs);
        let conflict = error.conflict().unwrap();
        assert!(!conflict.is_retryable(), "{conflict}");
        assert!(conflict.winning_commit.is_none());
        assert!(!conflict.to_string().contains("committed at"), "{conflict}");
    }
    // A table that lives on under another name is found there, whatever has that name now.
    let renamed: [Theirs; 2] = [
        |store| drop(store.rename_table("d.t", "d.later").unwrap()),
        |store| {
            store.rename_table("d.t", "d.later").unwrap();
            store.write(rows([4])).save_as_table("d.t").unwrap();
        },
    ];
    for theirs in renamed {
        let error = expired(theirs);
        let conflict = error.conflict().unwrap();
        assert!(conflict.is_retryable(), "{conflict}");
        assert!(conflict.to_string().contains("d.later"), "{conflict}");
        assert_eq!(Some(conflict.winner), conflict.base.next(), "{conflict}");
    }
    // Conflicts over a table that is still there need no history at all.
    let error = expired(|store| overwrite(store, "d.t", crate::rows_with("x", [1])));
    assert!(error.conflict().unwrap().is_retryable());
    // Nor does a write that still goes with what came.
    let store = store_of(builder());
    let mut tx = store.begin();
    WRITES[0](&mut tx).unwrap();
    for n in 10..20 {
        append(&store, "d.t", rows([n]));
    }
    tx.commit().unwrap();
    assert_eq!(store.table("d.t").unwrap().row_count(), 17);
}

#[test]
fn a_name_that_both_take_is_given_to_the_first() {
    let mine: [Mine; 7] = [
        |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
        |tx| tx.write(rows([1])).mode(SaveMode::Append).save_as_table("d.new").map(drop),
        |tx| tx.write(rows([1])).mode(SaveMode::Overwrite).save_as_table("d.new").map(drop),
        |tx| tx.write(rows([1])).mode(SaveMode::Ignore).save_as_table("d.new").map(drop),
        |tx| tx.create_table("d.new", rows([]).schema()),
        |tx| tx.create_view("d.new", "select 1"),
        |tx| tx.rename_table("d.t", "d.new"),
    ];
    let theirs: [Theirs; 4] = [
        |store| drop(store.write(rows([2])).save_as_table("d.NEW").unwrap()),
        |store| drop(store.create_view("d.new", "select 2").unwrap()),
        |store| drop(store.rename_table("d.other", "d.New").unwrap()),
        // Made and dropped and made again: created all the same.
        |store| {
            store.write(rows([2])).save_as_table("d.new").unwrap();
            store.drop_table("d.new").unwrap();
            store.write(rows([3])).save_as_table("d.new").unwrap();
        },
    ];
    for mine in mine {
        for theirs in theirs {
            let conflict = race(mine, theirs).refused();
            assert!(matches!(conflict.rule, Rule::Created), "{conflict:?}");
        }
        // A name that was taken and is free again is free.
        let transient: Theirs = |store| {
            store.write(rows([2])).save_as_table("d.new").unwrap();
            store.drop_table("d.new").unwrap();
        };
        race(mine, transient).stands(mine, transient);
    }
}

#[test]
fn a_save_of_its_own_decides_again_instead() {
    // The same races with single saves: the mode says what becomes of them.
    for (mode, rows_then) in [
        (SaveMode::Append, vec![2, 1]),
        (SaveMode::Overwrite, vec![1]),
        (SaveMode::Ignore, vec![2]),
    ] {
        let store = store();
        let mine = rows([1]);
        let batches = std::iter::once_with(|| {
            store.write(rows([2])).save_as_table("d.new").unwrap();
            Ok::<_, std::io::Error>(mine.clone())
        });
        let writer = store.write(annals::Source::stream(mine.schema(), batches)).mode(mode);
        let saved = writer.save_as_table("d.new").unwrap();
        assert_eq!(saved.committed().unwrap().retries(), 1, "{mode}");
        assert_eq!(annals_tests::numbers_of(&store.table("d.new").unwrap()), rows_then, "{mode}");
    }
    let store = store();
    let mine = rows([1]);
    let batches = std::iter::once_with(|| {
        store.write(rows([2])).save_as_table("d.new").unwrap();
        Ok::<_, std::io::Error>(mine.clone())
    });
    let error = store.write(annals::Source::stream(mine.schema(), batches)).save_as_table("d.new");
    let error = error.unwrap_err();
    assert!(error.to_string().contains("d.new exists already"), "{error}");
}

#[test]
fn a_transaction_may_begin_at_any_version_that_is_held() {
    let store = store();
    let old = store.at(VersionId(2)).unwrap();
    for (mine, stands) in [(WRITES[0], true), (WRITES[2], false)] {
        let mut tx = store.begin_at(&old);
        assert_eq!(tx.base().version(), VersionId(2));
        mine(&mut tx).unwrap();
        assert_eq!(tx.commit().is_ok(), stands);
    }
    assert_eq!(store.table("d.t").unwrap().row_count(), 7);
    let at_base: fn(&Store) = |_| {};
    let raced = race_in(store, WRITES[2], at_base);
    assert!(!raced.outcome.unwrap().commit().unwrap().rebased);
}
