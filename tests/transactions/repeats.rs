//! Work that is begun again, and work that must not be done twice.

use std::cell::Cell;

use annals::{
    CommitError, Remedy, Retention, SaveMode, SaveOutcome, Store, StoreBuilder, Transaction,
    VersionId, WriteError,
};
use annals_tests::{content_of, numbers, numbers_of};
use expect_test::expect;

fn store_of(builder: StoreBuilder) -> Store {
    let store = builder.build();
    store.write(numbers([0])).save_as_table("t").unwrap();
    store
}

fn append(store: &Store, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

/// Adds one to the sum of the table, which depends on all that is in it.
fn add_one(tx: &mut Transaction) -> Result<i64, WriteError> {
    let sum: i64 = numbers_of(&tx.table("t").unwrap()).iter().sum();
    tx.write(numbers([sum + 1])).mode(SaveMode::Overwrite).save_as_table("t")?;
    Ok(sum + 1)
}

#[test]
fn a_closure_is_run_again_after_a_conflict_and_the_result_says_how_often() {
    let store = store_of(StoreBuilder::new());
    let runs = Cell::new(0);
    let done = store
        .transact(|tx| {
            let sum = add_one(tx)?;
            // The first two times, another one comes before.
            if runs.replace(runs.get() + 1) < 2 {
                append(&store, 10);
            }
            Ok::<_, WriteError>(sum)
        })
        .unwrap();
    assert_eq!((done.value, runs.get()), (21, 3));
    assert_eq!(done.committed.retries(), 2);
    let commit = done.committed.commit().unwrap();
    assert_eq!((commit.retries, commit.rebased, commit.base), (2, false, VersionId(3)));
    assert_eq!(done.committed.version(), VersionId(4));
    assert_eq!(numbers_of(&store.table("t").unwrap()), [21]);
}

#[test]
fn a_closure_is_begun_again_only_so_often() {
    for retries_max in [0, 1, 5] {
        let store = store_of(StoreBuilder::new().retries_max(retries_max));
        let runs = Cell::new(0_u32);
        let result = store.transact(|tx| {
            runs.set(runs.get() + 1);
            add_one(tx)?;
            append(&store, 1);
            Ok::<_, WriteError>(())
        });
        let error = result.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Retry);
        let WriteError::Commit(CommitError::Conflict(conflict)) = &error else { panic!("{error}") };
        assert_eq!(runs.get(), retries_max + 1);
        assert_eq!(conflict.winner, store.version());
        // Only the others' rows are there.
        let rows = numbers_of(&store.table("t").unwrap());
        assert_eq!(rows.len(), 1 + usize::try_from(runs.get()).unwrap());
    }
}

#[test]
fn a_conflict_that_no_second_try_would_help_is_returned_at_once() {
    let store = store_of(StoreBuilder::new());
    let runs = Cell::new(0);
    let result = store.transact(|tx| {
        runs.set(runs.get() + 1);
        tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("t")?;
        store.drop_table("t")?;
        Ok::<_, WriteError>(())
    });
    assert_eq!(result.unwrap_err().remedy(), Remedy::Change);
    assert_eq!(runs.get(), 1);
}

#[test]
fn an_error_of_the_closure_is_returned_and_nothing_is_committed() {
    #[derive(Debug)]
    enum Mine {
        Commit(#[expect(dead_code, reason = "shown by Debug")] CommitError),
        Enough,
    }
    impl From<CommitError> for Mine {
        fn from(error: CommitError) -> Self {
            Self::Commit(error)
        }
    }
    let store = store_of(StoreBuilder::new());
    let before = content_of(&store.snapshot());
    let runs = Cell::new(0);
    let result: Result<annals::Transacted<()>, Mine> = store.transact(|tx| {
        runs.set(runs.get() + 1);
        tx.truncate("t").unwrap();
        Err(Mine::Enough)
    });
    assert!(matches!(result.unwrap_err(), Mine::Enough));
    assert_eq!((content_of(&store.snapshot()), store.version().0, runs.get()), (before, 1, 1));
}

#[test]
fn a_panic_of_the_closure_goes_through_and_leaves_the_store_usable() {
    let store = store_of(StoreBuilder::new());
    let before = content_of(&store.snapshot());
    let work = || {
        store.transact(|tx| {
            tx.truncate("t")?;
            if tx.table("t").unwrap().row_count() == 0 {
                panic!("as intended");
            }
            Ok::<_, WriteError>(())
        })
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    assert_eq!(*panicked.downcast_ref::<&str>().unwrap(), "as intended");
    assert_eq!(content_of(&store.snapshot()), before);
    let done = store.transact(add_one).unwrap();
    assert_eq!((done.value, done.committed.retries()), (1, 0));
}

#[test]
fn a_closure_that_changes_nothing_commits_nothing() {
    let store = store_of(StoreBuilder::new());
    let done =
        store.transact(|tx| Ok::<_, WriteError>(tx.table("t").unwrap().row_count())).unwrap();
    assert_eq!(
        (done.value, done.committed.version(), store.version()),
        (1, VersionId(1), VersionId(1))
    );
    assert!(!done.committed.made_version());
}

#[test]
fn a_write_that_was_applied_before_is_not_applied_again() {
    let store = store_of(StoreBuilder::new());
    let attempt = |sequence| {
        let mut tx = store.begin();
        tx.idempotent("loader", sequence);
        tx.write(numbers([7])).mode(SaveMode::Append).save_as_table("t").unwrap();
        tx.commit()
    };
    let first = attempt(3).unwrap();
    assert!(first.made_version() && !first.was_applied_before());
    append(&store, 8);
    let newest = store.version();
    let again = attempt(3).unwrap();
    assert!(again.was_applied_before() && !again.made_version());
    assert_eq!((again.version(), again.commit()), (first.version(), first.commit()));
    assert_eq!(store.version(), newest);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 7, 8]);

    // A later one is new, an earlier one that is on record is found, and one that never was is not.
    let later = attempt(5).unwrap();
    assert!(later.made_version());
    assert_eq!(attempt(3).unwrap().version(), first.version());
    let error = attempt(4).unwrap_err();
    assert_eq!(error.remedy(), Remedy::Change);
    expect!["application `loader` has written sequence 5 already, in v4; 4 is not new"]
        .assert_eq(&error.to_string());
    assert_eq!(store.version(), later.version());
}

#[test]
fn applications_count_for_themselves() {
    let store = store_of(StoreBuilder::new());
    for application in ["a", "b", "A", ""] {
        let writer = store.write(numbers([1])).mode(SaveMode::Append).idempotent(application, 1);
        let saved = writer.save_as_table("t").unwrap();
        assert!(saved.committed().unwrap().made_version(), "{application}");
    }
    assert_eq!(store.table("t").unwrap().row_count(), 5);
}

#[test]
fn a_save_that_was_applied_before_says_so_whatever_its_mode() {
    let store = store_of(StoreBuilder::new());
    for (sequence, mode, name) in [
        (1, SaveMode::ErrorIfExists, "new"),
        (2, SaveMode::Append, "new"),
        (3, SaveMode::Overwrite, "new"),
    ] {
        let save = || {
            let writer = store.write(numbers([1])).mode(mode).idempotent("loader", sequence);
            writer.save_as_table(name).unwrap()
        };
        let first = save();
        assert!(first.committed().unwrap().made_version(), "{mode}");
        let again = save();
        let (before, now) = (first.committed().unwrap(), again.committed().unwrap());
        assert!(now.was_applied_before() && now.version() == before.version(), "{mode}");
        assert_eq!(store.version(), before.version());
        assert_ne!(again.outcome(), SaveOutcome::Created);
    }
}

/// The second did not look whether it was applied before it found its own table there.
#[test]
fn a_save_that_skips_what_its_twin_made_says_that_it_was_applied() {
    let store = store_of(StoreBuilder::new());
    let attempt = || {
        let mut tx = store.begin();
        tx.idempotent("loader", 1);
        let mode = SaveMode::Ignore;
        let saved = tx.write(numbers([1])).mode(mode).save_as_table("new").unwrap();
        (saved.outcome(), tx.commit().unwrap())
    };
    let ((_, first), (skipped, second)) = (attempt(), attempt());
    assert_eq!(skipped, SaveOutcome::Skipped);
    assert!(first.made_version() && second.was_applied_before());
    assert_eq!(second.version(), first.version());
    assert_eq!(second.commit().unwrap().version, first.version());
}

#[test]
fn a_save_that_is_checked_against_a_state_says_so_too() {
    let store = store_of(StoreBuilder::new());
    for (sequence, mode) in [(1, SaveMode::ErrorIfExists), (2, SaveMode::Overwrite)] {
        let save = |how: &str| {
            let seen = store.snapshot();
            let writer = store.write(numbers([1])).mode(mode).idempotent("loader", sequence);
            let writer = match how {
                "based on" => writer.based_on(&seen),
                _ => writer.fail_if_changed(),
            };
            writer.save_as_table("new").unwrap().committed().unwrap().was_applied_before()
        };
        let newest = |applied| (applied, store.version());
        assert_eq!(newest(save("based on")), (false, store.version()));
        let version = store.version();
        assert_eq!(newest(save("based on")), (true, version));
        assert_eq!(newest(save("if unchanged")), (true, version));
    }
}

#[test]
fn what_was_applied_is_remembered_longer_than_its_record() {
    let retention = Retention { versions_max: 1, records_max: 0, ..Retention::default() };
    let store = store_of(StoreBuilder::new().retention(retention));
    let attempt = |sequence| {
        let writer = store.write(numbers([7])).mode(SaveMode::Append);
        writer.idempotent("loader", sequence).save_as_table("t")
    };
    let first = attempt(1).unwrap().version().unwrap();
    append(&store, 8);
    let again = attempt(1).unwrap();
    let committed = again.committed().unwrap();
    assert!(committed.was_applied_before() && committed.commit().is_none());
    assert_eq!(committed.version(), first);
    attempt(2).unwrap();
    assert!(matches!(attempt(1), Err(WriteError::Commit(CommitError::StaleSequence { .. }))));
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 7, 8, 7]);
}

#[test]
fn of_two_attempts_of_one_write_at_once_one_is_applied() {
    for _ in 0..20 {
        let store = store_of(StoreBuilder::new());
        let outcomes = annals_tests::at_once(4, |_| {
            let writer = store.write(numbers([7])).mode(SaveMode::Append).idempotent("loader", 1);
            writer.save_as_table("t").unwrap().committed().unwrap().clone()
        });
        assert_eq!(outcomes.iter().filter(|committed| committed.made_version()).count(), 1);
        assert!(outcomes.iter().all(|committed| committed.version() == VersionId(2)));
        assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 7]);
    }
}

#[test]
fn a_transaction_knows_whether_its_sequence_was_applied() {
    let store = store_of(StoreBuilder::new());
    let applied = |sequence| store.begin().idempotent("loader", sequence).applied_in();
    assert_eq!((store.begin().applied_in(), applied(0)), (None, None));
    let mut tx = store.begin();
    tx.idempotent("loader", 3);
    tx.write(numbers([7])).mode(SaveMode::Append).save_as_table("t").unwrap();
    let version = tx.commit().unwrap().version();
    append(&store, 8);
    assert_eq!([2, 3, 4].map(applied), [Some(version), Some(version), None]);
    assert_eq!(store.begin().idempotent("other", 3).applied_in(), None);
}
