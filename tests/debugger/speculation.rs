//! Versions that were never published: read, compared, published, forgotten, and never mistaken for
//! one that was.

use std::sync::Arc;

use annals::error::TravelError;
use annals::{
    CommitError, Isolation, Retention, SaveMode, Snapshot, Speculation, Store, StoreBuilder,
    TableChange, Transaction, VersionId, WriteError,
};
use annals_tests::{Chance, content_of, numbers, numbers_in, numbers_of};

fn append(tx: &mut Transaction, n: i64) -> Result<(), WriteError> {
    tx.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").map(drop)
}

fn store_with_one() -> Store {
    let store = Store::in_memory();
    store.write(numbers([1])).save_as_table("t").unwrap();
    store
}

fn appended(snapshot: &Snapshot, n: i64) -> Speculation<()> {
    snapshot.with(|tx| append(tx, n)).unwrap()
}

#[track_caller]
fn assert_unpublished(error: &CommitError) {
    assert!(matches!(error, CommitError::UnpublishedBase { .. }), "{error}");
}

fn t_of(snapshot: &Snapshot) -> Vec<i64> {
    numbers_of(&snapshot.table("t").unwrap())
}

// ---- what it shows ----------------------------------------------------------------------------

#[test]
fn it_shows_what_the_work_comes_to_and_the_store_does_not() {
    let store = store_with_one();
    let base = store.snapshot();
    let before = content_of(&base);
    let what_if = base
        .with(|tx| {
            append(tx, 2)?;
            tx.create_database("d")?;
            tx.write(numbers([7])).save_as_table("d.new")?;
            Ok::<_, WriteError>(tx.table("t")?.row_count())
        })
        .unwrap();
    assert_eq!(what_if.value, 2);
    assert_eq!(t_of(&what_if.snapshot()), [1, 2]);
    assert_eq!(numbers_of(&what_if.snapshot().table("d.new").unwrap()), [7]);
    let diff = what_if.diff();
    assert_eq!((diff.from, diff.to), (VersionId(1), VersionId(2)));
    assert_eq!(diff.databases.len(), 1);
    let [TableChange::Added { name: new, .. }, TableChange::Changed { name: t, .. }] =
        &diff.tables[..]
    else {
        panic!("{diff:?}")
    };
    assert_eq!((new.to_string(), t.to_string()), ("d.new".to_owned(), "default.t".to_owned()));
    let done: Vec<_> = what_if.operations().map(|operation| operation.kind.name()).collect();
    assert_eq!(done, ["append", "create database", "create table"]);
    assert!(what_if.operations().all(|operation| operation.location.file == file!()));

    assert_eq!(content_of(&store.snapshot()), before);
    assert_eq!(content_of(&what_if.base()), before);
    assert!(what_if.snapshot().is_speculative() && !what_if.base().is_speculative());
    assert!(what_if.snapshot().commit().is_none());
}

#[test]
fn dropping_it_leaves_nothing() {
    let store = store_with_one();
    let mut watch = store.watch(1).unwrap();
    let what_if = appended(&store.snapshot(), 2);
    let version = Arc::downgrade(what_if.snapshot().value());
    drop(what_if);
    assert_eq!(version.strong_count(), 0);
    assert!(watch.try_next().is_none());
    assert_eq!(store.history().iter().count(), 1);
    assert_eq!(store.versions(), [VersionId(0), VersionId(1)]);
    // Nor does keeping it keep the store.
    let what_if = store.speculate(|tx| append(tx, 2)).unwrap();
    drop(store);
    assert!(watch.next().is_none());
    assert_eq!(t_of(&what_if.snapshot()), [1, 2]);
}

#[test]
fn errors_and_panics_of_the_work_pass() {
    let store = store_with_one();
    let failing = |tx: &mut Transaction| {
        append(tx, 2)?;
        tx.drop_table("missing")
    };
    assert!(matches!(store.snapshot().with(failing), Err(WriteError::Catalog(_))));
    assert!(matches!(store.speculate(failing), Err(WriteError::Catalog(_))));
    let panicking = || {
        store.speculate(|tx| {
            append(tx, 2).unwrap();
            panic!("in the work");
            #[allow(unreachable_code, reason = "it gives the closure its type")]
            Ok::<(), WriteError>(())
        })
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking)).unwrap_err();
    assert_eq!(t_of(&store.snapshot()), [1]);
}

#[test]
fn a_snapshot_knows_no_store_and_a_store_lends_its_options_and_its_past() {
    let store = StoreBuilder::new().create_missing_databases(true).build();
    for n in 1..=3 {
        store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let new = |tx: &mut Transaction| tx.write(numbers([1])).save_as_table("new.t").map(drop);
    let back = |tx: &mut Transaction| tx.restore_table("t", 1);
    assert!(matches!(store.snapshot().with(new), Err(WriteError::Catalog(_))));
    let error = store.snapshot().with(back).unwrap_err();
    assert!(matches!(error, WriteError::Travel(TravelError::Expired { .. })), "{error}");

    assert!(store.speculate(new).unwrap().snapshot().table("new.t").is_ok());
    assert_eq!(t_of(&store.speculate(back).unwrap().snapshot()), [1]);
    let second = store.at(2).unwrap();
    let restored = store.speculate_at(&second, back).unwrap();
    assert_eq!(restored.base().version(), VersionId(2));
    assert_eq!(t_of(&restored.snapshot()), [1]);
    assert_eq!(t_of(&store.snapshot()), [1, 2, 3]);
}

// ---- publishing it ----------------------------------------------------------------------------

#[test]
fn what_is_published_is_what_was_shown_and_is_on_record() {
    let store = store_with_one();
    let what_if = store.snapshot().with(|tx| {
        tx.user("ada").message("tried out before");
        append(tx, 2)
    });
    let what_if = what_if.unwrap();
    let shown = what_if.snapshot();
    let line = line!() + 1;
    let committed = what_if.publish(&store).unwrap();
    assert_eq!((committed.version(), shown.version()), (VersionId(2), VersionId(2)));
    let now = store.snapshot();
    assert_eq!(content_of(&now), content_of(&shown));
    assert_eq!(numbers_in(&now), numbers_in(&shown));
    assert!(!now.is_speculative());
    let record = now.commit().unwrap();
    assert_eq!((record.location.file.as_ref(), record.location.line), (file!(), line));
    assert_ne!(record.operations[0].location.line, line);
    assert_eq!(record.info.user.as_deref(), Some("ada"));
    assert!(!record.rebased);
}

#[test]
fn publishing_is_checked_against_what_was_committed_since() {
    let store = store_with_one();
    let [stands, fails, asserted] = [2, 3, 4].map(|n| {
        let work = |tx: &mut Transaction| {
            if n == 3 {
                tx.write(numbers([n])).mode(SaveMode::Append).save_as_table("new")?;
            }
            if n == 4 {
                tx.assert("few rows", |then| match then.table("t") {
                    Ok(t) if t.row_count() <= 2 => Ok(()),
                    _ => Err("too many".to_owned()),
                });
            }
            append(tx, n)
        };
        store.snapshot().with(work).unwrap()
    });
    store.write(numbers([10])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.write(numbers([10])).save_as_table("new").unwrap();
    let committed = stands.publish(&store).unwrap();
    assert!(committed.commit().unwrap().rebased);
    assert_eq!(t_of(&store.snapshot()), [1, 10, 2]);
    let error = fails.publish(&store).unwrap_err();
    assert!(matches!(error, CommitError::Conflict(_)), "{error}");
    let error = asserted.publish(&store).unwrap_err();
    assert!(matches!(error, CommitError::Assertion { .. }), "{error}");
    assert_eq!(t_of(&store.snapshot()), [1, 10, 2]);
}

#[test]
fn it_can_be_turned_into_a_transaction_again() {
    let store = store_with_one();
    let mut tx = appended(&store.snapshot(), 2).into_transaction(&store);
    append(&mut tx, 3).unwrap();
    tx.message("and one more");
    let committed = tx.commit().unwrap();
    assert_eq!(committed.commit().unwrap().operations.len(), 2);
    assert_eq!(t_of(&store.snapshot()), [1, 2, 3]);
}

#[test]
fn nothing_to_change_makes_no_version() {
    let store = store_with_one();
    let committed = store.speculate(|_| Ok::<_, WriteError>(())).unwrap().publish(&store).unwrap();
    assert!(!committed.made_version());
    assert_eq!(store.version(), VersionId(1));
}

#[test]
fn what_was_read_in_the_work_counts_where_the_store_is_serializable() {
    let reading = |tx: &mut Transaction| {
        let rows = tx.table("t")?.row_count();
        tx.write(numbers([rows as i64])).save_as_table("count").map(drop)
    };
    for (isolation, stands) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let store = StoreBuilder::new().isolation(isolation).build();
        store.write(numbers([1])).save_as_table("t").unwrap();
        let what_ifs = [store.snapshot().with(reading).unwrap(), store.speculate(reading).unwrap()];
        store.write(numbers([2])).mode(SaveMode::Append).save_as_table("t").unwrap();
        for what_if in what_ifs {
            assert_eq!(what_if.publish(&store).is_ok(), stands, "{isolation}");
            if stands {
                store.drop_table("count").unwrap();
            }
        }
    }
}

#[test]
fn speculating_and_publishing_comes_to_the_same_as_committing() {
    let mut chance = Chance::new();
    for _ in 0..200 {
        let store = store_with_one();
        for n in 0..4 {
            let twin = store.fork();
            let seed = chance.clone();
            chance.below(2);
            let work = |tx: &mut Transaction| {
                let mut chance = seed.fork(n);
                for _ in 0..=chance.below(4) {
                    let name = chance.of(&["t", "a", "b"]);
                    let mode = chance.of(&[SaveMode::Append, SaveMode::Overwrite]);
                    let n = chance.below(100) as i64;
                    // Some do not apply, which leaves no trace.
                    drop(match chance.below(6) {
                        0 => tx.truncate(name),
                        1 => tx.rename_table(name, chance.of(&["t", "a", "b"])),
                        2 if name != "t" => tx.drop_table(name),
                        _ => tx.write(numbers([n])).mode(mode).save_as_table(name).map(drop),
                    });
                }
                Ok::<_, WriteError>(())
            };
            let what_if = store.snapshot().with(work).unwrap();
            let shown = what_if.snapshot();
            what_if.publish(&store).unwrap();
            twin.transact(work).unwrap();
            let committed = store.snapshot();
            assert_eq!(content_of(&committed), content_of(&shown));
            assert_eq!(content_of(&committed), content_of(&twin.snapshot()));
            assert_eq!(numbers_in(&committed), numbers_in(&twin.snapshot()));
        }
    }
}

// ---- what it is not ---------------------------------------------------------------------------

#[test]
fn only_the_store_of_its_base_takes_it() {
    let (store, other) = (store_with_one(), store_with_one());
    let fork = store.fork();
    let error = appended(&store.snapshot(), 2).publish(&other).unwrap_err();
    assert!(matches!(error, CommitError::ForeignBase { .. }), "{error}");
    assert_eq!(t_of(&other.snapshot()), [1]);
    // What a fork began with is a base for both.
    appended(&store.snapshot(), 2).publish(&fork).unwrap();
    assert_eq!(t_of(&fork.snapshot()), [1, 2]);
    let error = appended(&fork.snapshot(), 3).publish(&store).unwrap_err();
    assert!(matches!(error, CommitError::ForeignBase { .. }), "{error}");
}

#[test]
fn speculations_can_be_built_on_each_other_but_only_the_first_can_be_published() {
    let store = store_with_one();
    let first = appended(&store.snapshot(), 2);
    let second = appended(&first.snapshot(), 3);
    let third = store.speculate_at(&second.snapshot(), |tx| append(tx, 4)).unwrap();
    let nothing = third.snapshot().with(|_| Ok::<_, WriteError>(())).unwrap();
    assert_eq!(t_of(&third.snapshot()), [1, 2, 3, 4]);
    assert_eq!(t_of(&third.base()), [1, 2, 3]);
    assert_eq!(third.diff().tables.len(), 1);
    assert!(nothing.diff().tables.is_empty());
    let all = store.snapshot().diff(&third.snapshot());
    assert_eq!(all.tables[0].details().metrics().rows_added, 3);

    for built_on_it in [second, third, nothing] {
        let before = content_of(&store.snapshot());
        assert_unpublished(&built_on_it.publish(&store).unwrap_err());
        assert_eq!(content_of(&store.snapshot()), before);
    }
    first.publish(&store).unwrap();
    assert_eq!(t_of(&store.snapshot()), [1, 2]);
}

#[test]
fn no_commit_can_be_based_on_it_whatever_version_has_its_number_by_then() {
    let store = store_with_one();
    let first = appended(&store.snapshot(), 2);
    let (shown, second) = (first.snapshot(), appended(&first.snapshot(), 3));
    let refused = |store: &Store| {
        let before = content_of(&store.snapshot());
        let mut tx = store.begin_at(&shown);
        append(&mut tx, 9).unwrap();
        assert_unpublished(&tx.would_conflict().unwrap_err());
        assert_unpublished(&tx.commit().unwrap_err());
        let writer = store.write(numbers([9])).mode(SaveMode::Append).based_on(&shown);
        match writer.save_as_table("t").unwrap_err() {
            WriteError::Commit(error) => assert_unpublished(&error),
            other => panic!("{other}"),
        }
        assert_eq!(content_of(&store.snapshot()), before);
    };
    // No version has its number yet.
    refused(&store);
    // The very one that it showed has it now.
    first.publish(&store).unwrap();
    assert_eq!(store.version(), shown.version());
    refused(&store);
    assert_unpublished(&second.into_transaction(&store).commit().unwrap_err());
    // That one has expired, and its record too.
    store.set_retention(Retention { versions_max: 1, records_max: 1, ..Retention::default() });
    for n in 0..5 {
        store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    assert!(store.at(shown.version()).is_err());
    refused(&store);
    // Nor in another store.
    refused(&store_with_one());
}

#[test]
fn a_fork_of_it_is_a_store() {
    let store = store_with_one();
    let shown = appended(&store.snapshot(), 2).snapshot();
    let fork = store.fork_from(&shown);
    assert_eq!(t_of(&fork.snapshot()), [1, 2]);
    assert_eq!(fork.version(), shown.version());
    let first = fork.snapshot();
    assert!(!first.is_speculative());
    fork.set_retention(Retention { versions_max: 1, ..Retention::default() });
    for n in 3..6 {
        // Also once the version that it began with has expired.
        let mut tx = fork.begin_at(&first);
        append(&mut tx, n).unwrap();
        tx.commit().unwrap();
    }
    assert_eq!(t_of(&fork.snapshot()), [1, 2, 3, 4, 5]);
    let mut tx = store.begin_at(&first);
    append(&mut tx, 9).unwrap();
    assert!(matches!(tx.commit().unwrap_err(), CommitError::ForeignBase { .. }));
    assert_eq!(t_of(&store.snapshot()), [1]);
}
