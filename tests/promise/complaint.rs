//! The complaint's test cases, requirements and criteria of success, in its order and words.

use std::error::Error;
use std::sync::Mutex;
use std::sync::mpsc;

use annals::error::CatalogError;
use annals::{ReadError, Remedy, SaveMode, SaveOutcome, Source, Store, TableKind, record_batch};
use annals_tests::{at_once, columns_of, numbers, numbers_of, observed, people, rows_in, rows_of};
use arrow_array::RecordBatch;

use crate::on_both_stores;

// ---- the four test cases, statement for statement --------------------------------------------

#[test]
fn a_table_can_be_read_immediately_after_it_was_saved() {
    on_both_stores(&["test_schema"], |store| {
        let df = people([(1, "Alice"), (2, "Bob")]);

        store.write(df).mode(SaveMode::Overwrite).save_as_table("test_schema.test_table").unwrap();

        let table = store.table("test_schema.test_table").unwrap();
        assert_eq!(table.row_count(), 2);
        assert!(table.schema().column_with_name("id").is_some());
        assert!(table.schema().column_with_name("name").is_some());

        let rows = rows_of(&table);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows, ["1, Alice", "2, Bob"]);
    });
}

#[test]
fn a_schema_can_be_read_merged_and_written_back_without_delay() {
    on_both_stores(&["test_schema"], |store| {
        let df1 = people([(1, "Alice")]);
        store.write(df1).mode(SaveMode::Overwrite).save_as_table("test_schema.events").unwrap();

        let existing_table = store.table("test_schema.events").unwrap();
        let existing_schema = existing_table.schema();

        let df2 = record_batch!(("id", Int64, [2]), ("name", Utf8, ["Bob"]), ("age", Int64, [25]))
            .unwrap();
        for field in existing_schema.fields() {
            assert!(df2.schema().column_with_name(field.name()).is_some(), "nothing to pad here");
        }

        store.write(df2).mode(SaveMode::Overwrite).save_as_table("test_schema.events").unwrap();

        let final_table = store.table("test_schema.events").unwrap();
        assert_eq!(columns_of(&final_table), "id Int64, name Utf8, age Int64");
        assert_eq!(rows_of(&final_table), ["2, Bob, 25"]);
        assert_eq!(rows_of(&existing_table), ["1, Alice"], "a table that is held does not change");
    });
}

#[test]
fn ten_threads_can_write_and_immediately_read_tables() {
    on_both_stores(&["test_schema"], |store| {
        let (results, errors) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));

        at_once(10, |table_num| {
            let write_and_read = || -> Result<u64, Box<dyn Error>> {
                let (id, value) = (table_num as i64, format!("data_{table_num}"));
                let df = people([(id, value.as_str())]);
                let name = format!("test_schema.table_{table_num}");
                store.write(df).mode(SaveMode::Overwrite).save_as_table(name.as_str())?;
                Ok(store.table(name.as_str())?.row_count())
            };
            match write_and_read() {
                Ok(count) => results.lock().unwrap().push((table_num, count)),
                Err(error) => errors.lock().unwrap().push((table_num, error.to_string())),
            }
        });

        let (results, errors) = (results.into_inner().unwrap(), errors.into_inner().unwrap());
        assert!(errors.is_empty(), "errors occurred: {errors:?}");
        assert_eq!(results.len(), 10);
        assert!(results.iter().all(|(_, count)| *count == 1), "{results:?}");
        for table_num in 0..10 {
            let table = store.table(format!("test_schema.table_{table_num}").as_str()).unwrap();
            assert_eq!(rows_of(&table), [format!("{table_num}, data_{table_num}")]);
        }
    });
}

#[test]
fn an_append_can_be_read_immediately() {
    on_both_stores(&["test_schema"], |store| {
        let df1 = people([(1, "Alice")]);
        store.write(df1).mode(SaveMode::Overwrite).save_as_table("test_schema.users").unwrap();

        let table1 = store.table("test_schema.users").unwrap();
        assert_eq!(table1.row_count(), 1);

        let df2 = people([(2, "Bob")]);
        store.write(df2).mode(SaveMode::Append).save_as_table("test_schema.users").unwrap();

        let table2 = store.table("test_schema.users").unwrap();
        assert_eq!(table2.row_count(), 2);
        assert_eq!(rows_of(&table2), ["1, Alice", "2, Bob"]);
        assert_eq!(table1.row_count(), 1, "a table that is held does not change");
    });
}

// ---- the four requirements -------------------------------------------------------------------

/// Requirement 1: the schema is made if it is missing, a name without a dot is in `default`, and
/// when the save returns the catalog has the table: in the very version that the save names.
#[test]
fn the_catalog_has_a_table_when_its_save_returns() {
    on_both_stores(&["sales"], |store| {
        for (name, database) in [("orders", "default"), ("sales.orders", "sales")] {
            let saved = store.write(numbers([1, 2, 3])).save_as_table(name).unwrap();

            assert!(store.table_exists(name).unwrap());
            assert!(store.snapshot().database(database).is_ok());
            let listed = store.tables(database).unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].to_string(), format!("{database}.orders"));
            let version = saved.version().unwrap();
            assert_eq!(store.version(), version, "nobody else wrote");
            assert_eq!(store.at(version).unwrap().table(name).unwrap().row_count(), 3);
        }
    });
}

/// Requirement 1, seen by others: whoever is told of a save finds it, on whatever thread.
#[test]
fn whoever_is_told_of_a_save_finds_the_table() {
    on_both_stores(&["s"], |store| {
        let (tell, told) = mpsc::channel::<i64>();
        let found = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mut reader = store.reader();
                let mut found = 0;
                for n in told {
                    let name = format!("s.t{n}");
                    let table = store.table(name.as_str()).unwrap();
                    assert_eq!(numbers_of(&table), [n]);
                    let cached = reader.latest().table(name.as_str()).unwrap();
                    assert_eq!(numbers_of(&cached), [n], "a cached reader is no later");
                    found += 1;
                }
                found
            });
            for n in 0..500 {
                let name = format!("s.t{n}");
                store.write(numbers([n])).save_as_table(name.as_str()).unwrap();
                tell.send(n).unwrap();
            }
            drop(tell);
            other.join().unwrap()
        });
        assert_eq!(found, 500);
    });
}

/// Requirement 2: schema, kind, and when it was created, are there from the first moment.
#[test]
fn a_table_is_registered_with_all_that_is_known_of_it() {
    on_both_stores(&["s"], |store| {
        let df = people([(1, "Alice")]);
        let saved = store
            .write(df.clone())
            .comment("who they are")
            .property("owner", "ann")
            .save_as_table("s.People")
            .unwrap();

        let table = store.table("S.PEOPLE").unwrap();
        assert_eq!(table.name().to_string(), "s.People", "as it was written");
        assert_eq!(table.schema().fields(), df.schema().fields());
        assert_eq!(*table.kind(), TableKind::Managed);
        assert_eq!((table.created(), table.since()), (saved.version().unwrap(), table.created()));
        assert_eq!(table.ordinal(), 0);
        assert_eq!(table.comment(), Some("who they are"));
        assert_eq!(table.properties().get("owner").map(|value| &**value), Some("ann"));
        let committed = saved.committed().unwrap();
        assert_eq!(committed.timestamp(), Some(store.snapshot().timestamp()));
    });
}

/// Requirement 3: a table is found, with its rows, by one lookup; and what was never saved is not.
#[test]
fn only_what_was_never_saved_is_not_found() {
    on_both_stores(&["s"], |store| {
        store.write(numbers([7])).save_as_table("s.t").unwrap();
        assert_eq!(numbers_of(&store.table("s.t").unwrap()), [7]);
        assert_eq!(numbers_of(&store.table("annals.s.t").unwrap()), [7]);

        let missing = store.table("s.other").unwrap_err();
        assert!(
            matches!(&missing, ReadError::Catalog { source: CatalogError::NoTable { .. }, .. }),
            "{missing:?}"
        );
        let missing = store.table("nowhere.t").unwrap_err();
        assert!(
            matches!(&missing, ReadError::Catalog { source: CatalogError::NoDatabase { .. }, .. }),
            "{missing:?}"
        );
        assert_eq!(missing.remedy(), Remedy::Change, "trying again is of no use");
    });
}

/// Requirement 4: if the write fails, the catalog is not updated, with the schema that it would
/// have made neither.
#[test]
fn a_write_that_fails_registers_nothing() {
    on_both_stores(&[], |store| {
        let batch = numbers([1]);
        let rows = Source::stream(batch.schema(), [Ok(batch.clone()), Err("the disk is gone")]);
        let before = store.snapshot();

        let error = store.write(rows).save_as_table("default.t").unwrap_err();

        assert_eq!(error.source().unwrap().to_string(), "the disk is gone");
        assert!(!store.table_exists("t").unwrap());
        assert_eq!(store.tables("default").unwrap().len(), 0);
        assert!(before.diff(&store.snapshot()).is_empty());
        assert_eq!(store.version(), before.version());
        assert_eq!(store.history().iter().count(), 0);

        let rows = Source::stream(batch.schema(), [Ok(batch.clone()), Err("the disk is gone")]);
        store.write(rows).save_as_table("new.t").unwrap_err();
        assert!(store.snapshot().database("new").is_err(), "nor its database");

        store.write(batch).save_as_table("default.t").unwrap();
        assert_eq!(numbers_of(&store.table("t").unwrap()), [1]);
    });
}

// ---- the criteria of success -----------------------------------------------------------------

/// Criteria 1 and 2: zero delay, no retry. A thousand saves, each followed by one read.
#[test]
fn no_save_needs_a_delay_or_a_retry() {
    on_both_stores(&["s"], |store| {
        let mut expected = Vec::new();
        for n in 0..1_000 {
            let mode = if n % 10 == 0 { SaveMode::Overwrite } else { SaveMode::Append };
            if mode == SaveMode::Overwrite {
                expected.clear();
            }
            expected.push(n);
            let saved = store.write(numbers([n])).mode(mode).save_as_table("s.t").unwrap();
            assert_eq!(numbers_of(&store.table("s.t").unwrap()), expected);
            assert_eq!(saved.committed().unwrap().retries(), 0);
        }
    });
}

/// Criterion 3: there is no moment at which the catalog has the table and the rows are not there,
/// or the schema is there and the table is not.
#[test]
fn nobody_ever_sees_a_table_without_its_rows() {
    const ROWS: i64 = 100;
    let store = annals_tests::providing_store();
    let observer = || {
        let mut reader = store.reader();
        let store = store.clone();
        move || {
            for snapshot in [reader.latest().clone(), store.snapshot()] {
                for database in snapshot.databases() {
                    let name = database.name();
                    if name.as_str() == "default" {
                        continue;
                    }
                    let tables = snapshot.tables(name).unwrap();
                    assert_eq!(tables.len(), 1, "{name} was seen without its table");
                    let table = snapshot.table(&tables[0]).unwrap();
                    assert_eq!(table.row_count() as i64, ROWS);
                    assert_eq!(numbers_of(&table), Vec::from_iter(0..ROWS));
                }
            }
        }
    };
    observed(2, observer, || {
        for n in 0..40 {
            let name = format!("db{n}.t");
            store.write(numbers(0..ROWS)).save_as_table(name.as_str()).unwrap();
            if n >= 5 {
                store.drop_database_cascade(format!("db{}", n - 5).as_str()).unwrap();
            }
        }
    });
    assert_eq!(store.snapshot().table_count(), 5);
}

/// Criterion 5: the promise holds whatever the mode.
#[test]
fn every_mode_can_be_read_at_once() {
    on_both_stores(&["s"], |store| {
        let steps: [(SaveMode, i64, SaveOutcome, &[i64]); 8] = [
            (SaveMode::ErrorIfExists, 1, SaveOutcome::Created, &[1]),
            (SaveMode::Append, 2, SaveOutcome::Appended, &[1, 2]),
            (SaveMode::Append, 3, SaveOutcome::Appended, &[1, 2, 3]),
            (SaveMode::Ignore, 4, SaveOutcome::Skipped, &[1, 2, 3]),
            (SaveMode::Overwrite, 5, SaveOutcome::Overwritten, &[5]),
            (SaveMode::Append, 6, SaveOutcome::Appended, &[5, 6]),
            (SaveMode::Overwrite, 7, SaveOutcome::Overwritten, &[7]),
            (SaveMode::Ignore, 8, SaveOutcome::Skipped, &[7]),
        ];
        for (mode, n, outcome, expected) in steps {
            let saved = store.write(numbers([n])).mode(mode).save_as_table("s.t").unwrap();
            assert_eq!(saved.outcome(), outcome, "{n} in mode {mode}");
            assert_eq!(numbers_of(&store.table("s.t").unwrap()), expected, "{n} in mode {mode}");
        }
        for (mode, name) in [
            (SaveMode::ErrorIfExists, "s.a"),
            (SaveMode::Append, "s.b"),
            (SaveMode::Overwrite, "s.c"),
            (SaveMode::Ignore, "s.d"),
        ] {
            let saved = store.write(numbers([1])).mode(mode).save_as_table(name).unwrap();
            assert_eq!(saved.outcome(), SaveOutcome::Created);
            assert_eq!(numbers_of(&store.table(name).unwrap()), [1]);
        }
    });
}

// ---- what it was needed for ------------------------------------------------------------------

/// A pipeline whose steps each read, by name, what the step before has just written.
#[test]
fn each_step_of_a_pipeline_reads_what_the_one_before_wrote() {
    on_both_stores(&["bronze", "silver", "gold"], |store| {
        let read = |name: &str| -> Vec<RecordBatch> { store.table(name).unwrap().read().unwrap() };
        for round in 1..=20 {
            let rows = people([(round, "raw"), (round + 100, "raw")]);
            store.write(rows).mode(SaveMode::Append).save_as_table("bronze.events").unwrap();
            store
                .write(read("bronze.events"))
                .mode(SaveMode::Overwrite)
                .save_as_table("silver.events")
                .unwrap();
            store
                .write(Source::reader(
                    store.table("silver.events").unwrap().scan().batches().unwrap(),
                ))
                .mode(SaveMode::Overwrite)
                .save_as_table("gold.events")
                .unwrap();
            let gold = read("gold.events");
            assert_eq!(rows_in(&gold), rows_in(&read("bronze.events")));
            assert_eq!(rows_in(&gold).len() as i64, 2 * round);
        }
    });
}

/// A table can be read and overwritten with what was read, in one breath.
#[test]
fn a_table_can_be_overwritten_from_itself() {
    let store = Store::in_memory();
    store.write(numbers([1, 2, 3])).save_as_table("t").unwrap();
    for round in 1..=50 {
        let rows = store.table("t").unwrap().scan().batches().unwrap();
        store.write(Source::reader(rows)).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        let table = store.table("t").unwrap();
        assert_eq!(numbers_of(&table), [1, 2, 3]);
        assert_eq!(table.ordinal(), round);
    }
}
