//! Everybody creates the same table or database: one does, and the others are told so.

use annals::error::CatalogError;
use annals::{
    NewDatabase, NewTable, ReadError, Remedy, SaveMode, SaveOutcome, Saved, Store, StoreBuilder,
    WriteError,
};
use annals_tests::{at_once, numbers, numbers_of, slowly};
use arrow_schema::{DataType, Field, Schema};

use crate::{RETRIES_ENOUGH, patient_store};

const THREADS: usize = 16;
const ROUNDS: usize = 25;

/// Saves of all threads to one name that is free, each with its own rows; a round at a time.
fn race(mode: SaveMode, check: impl Fn(&Store, Vec<Result<Saved, WriteError>>)) {
    for _ in 0..ROUNDS {
        let store = patient_store();
        let results = at_once(THREADS, |thread| {
            let result = store.write(slowly(rows_of_thread(thread))).mode(mode).save_as_table("t");
            assert!(
                store.table_exists("t").expect("it is a name"),
                "created, or there: it can be seen"
            );
            result
        });
        check(&store, results);
    }
}

fn rows_of_thread(thread: usize) -> arrow_array::RecordBatch {
    numbers((0..=thread as i64).map(|_| thread as i64))
}

fn expected_rows(thread: usize) -> Vec<i64> {
    vec![thread as i64; thread + 1]
}

#[test]
fn of_many_who_create_a_table_exactly_one_does() {
    race(SaveMode::ErrorIfExists, |store, results| {
        let winners: Vec<usize> = (0..THREADS).filter(|thread| results[*thread].is_ok()).collect();
        assert_eq!(winners.len(), 1, "winners: {winners:?}");
        for (thread, result) in results.iter().enumerate() {
            match result {
                Ok(saved) => {
                    assert_eq!(saved.outcome(), SaveOutcome::Created);
                    assert_eq!(saved.version(), Some(store.version()));
                }
                Err(error) => {
                    assert!(
                        matches!(error, WriteError::Catalog(CatalogError::TableExists { .. })),
                        "thread {thread} was told: {error:?}"
                    );
                    assert_eq!(error.remedy(), Remedy::Change, "the same again would be no use");
                }
            }
        }
        assert_eq!(numbers_of(&store.table("t").unwrap()), expected_rows(winners[0]));
        assert_eq!(store.version().0, 1, "losers make no version");
    });
}

#[test]
fn of_many_who_create_a_table_if_it_is_not_there_one_does_and_the_others_skip() {
    race(SaveMode::Ignore, |store, results| {
        let results: Vec<Saved> = results.into_iter().map(Result::unwrap).collect();
        let created = |thread: &usize| results[*thread].outcome() == SaveOutcome::Created;
        let winners: Vec<usize> = (0..THREADS).filter(created).collect();
        assert_eq!(winners.len(), 1, "winners: {winners:?}");
        for (thread, saved) in results.iter().enumerate().filter(|(t, _)| *t != winners[0]) {
            assert_eq!(saved.outcome(), SaveOutcome::Skipped, "thread {thread}");
            assert!(!saved.committed().unwrap().made_version());
            let seen = store.at(saved.version().unwrap()).unwrap();
            assert!(seen.table_exists("t").unwrap(), "it was skipped because it was there");
        }
        assert_eq!(numbers_of(&store.table("t").unwrap()), expected_rows(winners[0]));
        assert_eq!(store.version().0, 1);
    });
}

#[test]
fn of_many_who_append_to_a_table_that_is_not_there_one_creates_it() {
    race(SaveMode::Append, |store, results| {
        let mut saved: Vec<(Saved, usize)> =
            results.into_iter().map(Result::unwrap).zip(0..).collect();
        saved.sort_by_key(|(saved, _)| saved.version());
        let outcomes = saved.iter().map(|(saved, _)| saved.outcome());
        let expected = std::iter::once(SaveOutcome::Created)
            .chain(std::iter::repeat_n(SaveOutcome::Appended, THREADS - 1));
        assert!(outcomes.eq(expected), "the first creates, the others append");
        let rows: Vec<i64> = saved.iter().flat_map(|(_, thread)| expected_rows(*thread)).collect();
        assert_eq!(numbers_of(&store.table("t").unwrap()), rows);
    });
}

#[test]
fn of_many_who_overwrite_a_table_that_is_not_there_the_last_is_seen() {
    race(SaveMode::Overwrite, |store, results| {
        let mut saved: Vec<(Saved, usize)> =
            results.into_iter().map(Result::unwrap).zip(0..).collect();
        saved.sort_by_key(|(saved, _)| saved.version());
        for (index, (saved, thread)) in saved.iter().enumerate() {
            let expected = if index == 0 { SaveOutcome::Created } else { SaveOutcome::Overwritten };
            assert_eq!(saved.outcome(), expected);
            let then = store.at(saved.version().unwrap()).unwrap();
            assert_eq!(numbers_of(&then.table("t").unwrap()), expected_rows(*thread));
        }
        let last = saved.last().unwrap().1;
        assert_eq!(numbers_of(&store.table("t").unwrap()), expected_rows(last));
        assert_eq!(store.table("t").unwrap().ordinal() as usize, THREADS - 1, "it is one table");
    });
}

#[test]
fn of_many_who_define_a_table_exactly_one_does() {
    let schema = || Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    for _ in 0..ROUNDS {
        let store = patient_store();
        let results = at_once(THREADS, |_| {
            let new = NewTable::new(schema()).if_not_exists();
            store.create_table("t", new).map(|committed| committed.made_version())
        });
        let made = results.into_iter().filter(|made| *made.as_ref().unwrap()).count();
        assert_eq!(made, 1);

        let results = at_once(THREADS, |_| store.create_table("u", schema()));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert!(
                matches!(error, WriteError::Catalog(CatalogError::TableExists { .. })),
                "{error:?}"
            );
        }
        assert_eq!(store.version().0, 2);
    }
}

#[test]
fn of_many_who_create_a_database_exactly_one_does() {
    for _ in 0..ROUNDS {
        let store = patient_store();
        let results = at_once(THREADS, |_| store.create_database("d"));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert!(
                matches!(error, WriteError::Catalog(CatalogError::DatabaseExists { .. })),
                "{error:?}"
            );
            assert_eq!(error.remedy(), Remedy::Change);
        }
        let results = at_once(THREADS, |_| {
            store.create_database(NewDatabase::new("e").if_not_exists()).unwrap().made_version()
        });
        assert_eq!(results.into_iter().filter(|made| *made).count(), 1);
        assert_eq!(store.version().0, 2);
    }
}

/// A database that is made by the first save to it is made once, and no save to it fails.
#[test]
fn of_many_who_save_to_a_database_that_is_not_there_one_creates_it() {
    for _ in 0..ROUNDS {
        let store =
            StoreBuilder::new().create_missing_databases(true).retries_max(RETRIES_ENOUGH).build();
        at_once(THREADS, |thread| {
            let name = format!("d.t{thread}");
            store.write(slowly(rows_of_thread(thread))).save_as_table(name.as_str()).unwrap();
            let table = store.table(name.as_str()).unwrap();
            assert_eq!(numbers_of(&table), expected_rows(thread));
        });
        assert_eq!(store.tables("d").unwrap().len(), THREADS);
        let operations: Vec<String> = store
            .history()
            .iter()
            .flat_map(|commit| {
                commit.operations.iter().map(|o| o.kind.to_string()).collect::<Vec<_>>()
            })
            .collect();
        let created = operations.iter().filter(|kind| *kind == "create database").count();
        assert_eq!(created, 1);
        assert_eq!(store.version().0 as usize, THREADS);
    }
}

/// Databases come and go with their tables while others save to them: every save either is seen
/// in the version that it was told of, or says that the database is not there.
#[test]
fn saves_beside_databases_that_come_and_go_are_whole_or_refused() {
    const SAVES: i64 = 60;
    let store = patient_store();
    at_once(6, |thread| match thread {
        0 | 1 => {
            for _ in 0..40 {
                match store.create_database("d") {
                    Ok(_) => {}
                    Err(WriteError::Catalog(CatalogError::DatabaseExists { .. })) => {}
                    Err(error) => panic!("{error:?}"),
                }
                match store.drop_database_cascade("d") {
                    Ok(_) => {}
                    Err(WriteError::Catalog(CatalogError::NoDatabase { .. })) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        2 => {
            for _ in 0..40 {
                // Without its tables: refused as long as it has some.
                match store.drop_database("d") {
                    Ok(committed) => {
                        let before = store.at(committed.version().0 - 1).unwrap();
                        assert!(before.tables("d").unwrap().is_empty(), "it had tables");
                    }
                    Err(WriteError::Catalog(
                        CatalogError::NoDatabase { .. } | CatalogError::DatabaseNotEmpty { .. },
                    )) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        _ => {
            for n in 0..SAVES {
                let name = format!("d.t{thread}");
                let save = store.write(slowly(numbers([n]))).mode(SaveMode::Overwrite);
                match save.save_as_table(name.as_str()) {
                    Ok(saved) => {
                        let then = store.at(saved.version().unwrap()).unwrap();
                        assert_eq!(numbers_of(&then.table(name.as_str()).unwrap()), [n]);
                    }
                    Err(WriteError::Catalog(CatalogError::NoDatabase { .. })) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    });
    // What is there in the end fits together.
    for version in store.versions() {
        let then = store.at(version).unwrap();
        match then.tables("d") {
            Ok(tables) => {
                assert_eq!(then.database("d").unwrap().table_count(), tables.len() as u64);
            }
            Err(ReadError::Catalog { .. }) => assert_eq!(then.table_count(), 0),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Where missing databases are made, a save never fails for want of one, though others drop it.
#[test]
fn saves_that_make_their_database_never_fail_for_want_of_it() {
    let store =
        StoreBuilder::new().create_missing_databases(true).retries_max(RETRIES_ENOUGH).build();
    at_once(4, |thread| {
        for n in 0..50 {
            if thread == 0 {
                match store.drop_database_cascade("d") {
                    Ok(_) | Err(WriteError::Catalog(CatalogError::NoDatabase { .. })) => {}
                    Err(error) => panic!("{error:?}"),
                }
            } else {
                let name = format!("d.t{thread}");
                let save = store.write(slowly(numbers([n]))).mode(SaveMode::Overwrite);
                let version = save.save_as_table(name.as_str()).unwrap().version().unwrap();
                let then = store.at(version).unwrap();
                assert_eq!(numbers_of(&then.table(name.as_str()).unwrap()), [n]);
            }
        }
    });
}
