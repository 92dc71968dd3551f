//! What a transaction is told without asking: by a change that fails, or that does nothing because of
//! what is there. Who goes on after that depends on it, and a serializable transaction is refused if it
//! is no longer so.

use std::sync::Arc;

use annals::error::BoxError;
use annals::testing::{Run, Scenario, Steps};
use annals::{
    At, Compaction, Filter, Isolation, NewDatabase, NewTable, NewView, PropertyPatch, SaveMode,
    Store, Transaction,
};
use annals_tests::{numbers, people};
use arrow_schema::{DataType, Field, Schema};

use crate::unblocked;

/// Whether it came out as it was to.
type Attempt = fn(&mut Transaction) -> bool;
type Change = fn(&Store) -> Result<(), BoxError>;

fn append(store: &Store, name: &str) -> Result<(), BoxError> {
    store.write(numbers([3])).mode(SaveMode::Append).save_as_table(name)?;
    Ok(())
}

/// The table `t`, the empty database `d`, and `full` with a table.
fn store() -> Store {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.create_database("full").unwrap();
    append(&store, "t").unwrap();
    append(&store, "full.t").unwrap();
    store
}

// What others do that would let an attempt come to something else.

fn drop_t(store: &Store) -> Result<(), BoxError> {
    store.drop_table("t")?;
    Ok(())
}

fn empty_full(store: &Store) -> Result<(), BoxError> {
    store.drop_table("full.t")?;
    Ok(())
}

fn drop_d(store: &Store) -> Result<(), BoxError> {
    store.drop_database("d")?;
    Ok(())
}

fn create_e(store: &Store) -> Result<(), BoxError> {
    store.create_database("e")?;
    Ok(())
}

fn create(store: &Store) -> Result<(), BoxError> {
    append(store, "new")
}

fn create_in_e(store: &Store) -> Result<(), BoxError> {
    create_e(store)?;
    append(store, "e.new")
}

fn rename_column(store: &Store) -> Result<(), BoxError> {
    store.rename_column("t", "n", "m")?;
    Ok(())
}

fn columns(name: &str) -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]))
}

const ATTEMPTS: [(&str, Attempt, Change); 25] = [
    ("to create what is there", |tx| tx.write(numbers([1])).save_as_table("t").is_err(), drop_t),
    ("to create it empty", |tx| tx.create_table("t", NewTable::new(columns("n"))).is_err(), drop_t),
    (
        "to create in no database",
        |tx| tx.write(numbers([1])).save_as_table("e.new").is_err(),
        create_e,
    ),
    ("to create a view", |tx| tx.create_view("t", NewView::new("text")).is_err(), drop_t),
    (
        "to put a view in a table's place",
        |tx| tx.create_view("t", NewView::new("text").or_replace()).is_err(),
        drop_t,
    ),
    ("to drop what is not there", |tx| tx.drop_table("new").is_err(), create),
    ("to drop it in no database", |tx| tx.drop_table("e.new").is_err(), create_in_e),
    ("to rename to what is there", |tx| tx.rename_table("full.t", "t").is_err(), drop_t),
    ("to rename what is not there", |tx| tx.rename_table("new", "newer").is_err(), create),
    ("to delete from nothing", |tx| tx.delete("new", Filter::all()).is_err(), create),
    ("to truncate nothing", |tx| tx.truncate("new").is_err(), create),
    (
        "to merge into nothing",
        |tx| {
            let merge = tx.merge("new", numbers([1])).on(["n"]);
            merge.when_not_matched_insert_all().execute().is_err()
        },
        create,
    ),
    ("to insert into nothing", |tx| tx.write(numbers([1])).insert_into("new").is_err(), create),
    ("to compact nothing", |tx| tx.compact("new", &Compaction::new()).is_err(), create),
    (
        "to append rows of other columns",
        |tx| {
            let rows = people([(1, "Ann")]);
            tx.write(rows).mode(SaveMode::Append).save_as_table("t").is_err()
        },
        rename_column,
    ),
    (
        "to add a column that is there",
        |tx| tx.add_columns("t", [Field::new("n", DataType::Int64, true)]).is_err(),
        rename_column,
    ),
    ("to alter nothing", |tx| tx.alter_table("new", []).is_err(), create),
    ("to alter in no way", |tx| tx.alter_table("t", []).is_ok(), drop_t),
    ("to say nothing", |tx| tx.set_properties("t", &PropertyPatch::new()).is_ok(), drop_t),
    (
        "to say nothing of a database",
        |tx| tx.alter_database("d", &PropertyPatch::new()).is_ok(),
        drop_d,
    ),
    (
        "to create a database if need be",
        |tx| tx.create_database(NewDatabase::new("d").if_not_exists()).is_ok(),
        drop_d,
    ),
    ("to create a database again", |tx| tx.create_database("d").is_err(), drop_d),
    ("to drop no database", |tx| tx.drop_database("e").is_err(), create_e),
    ("to drop a database with tables", |tx| tx.drop_database("full").is_err(), empty_full),
    ("to restore what was not there", |tx| tx.restore_table("new", At::Latest).is_err(), create),
];

/// One who tries something and then writes elsewhere, and what another does meanwhile.
fn run(store: &Store, level: Isolation, attempt: Attempt, change: Change) -> Run {
    let steps = Steps::new(()).step("try", move |tx, ()| {
        assert!(attempt(tx), "it came out otherwise");
        tx.write(numbers([9])).mode(SaveMode::Append).save_as_table("mine")?;
        Ok(())
    });
    let scenario = Scenario::on(store).transaction("a", steps).outside("change", change);
    scenario.isolation(level).replay("a.try change a.commit").unwrap()
}

#[test]
fn what_was_told_must_still_be_so() {
    unblocked(|| {
        let store = store();
        for (name, attempt, change) in ATTEMPTS {
            let run = |level| run(&store, level, attempt, change);
            let strict = run(Isolation::Serializable);
            let conflict = strict["a"].conflict().unwrap_or_else(|| panic!("{name}\n{strict}"));
            assert!(conflict.is_retryable(), "{name}: {conflict}");
            let lenient = run(Isolation::Snapshot);
            assert!(lenient["a"].is_committed(), "{name}\n{lenient}");
        }
    });
}

#[test]
fn what_others_do_that_has_nothing_to_do_with_it_may_be_done() {
    unblocked(|| {
        let store = store();
        let elsewhere: Change = |store| {
            append(store, "t")?;
            append(store, "full.t")?;
            append(store, "d.other")?;
            store.create_database("f")?;
            Ok(())
        };
        for (name, attempt, _) in ATTEMPTS {
            let run = run(&store, Isolation::Serializable, attempt, elsewhere);
            assert!(run["a"].is_committed(), "{name}\n{run}");
        }
    });
}

#[test]
fn what_was_told_does_not_make_a_writer_one_who_has_read() {
    // A blind overwrite takes the place of whatever others wrote.
    unblocked(|| {
        let store = store();
        let steps = Steps::new(()).step("put", |tx, ()| {
            tx.write(numbers([1])).save_as_table("t").unwrap_err();
            tx.write(numbers([2])).mode(SaveMode::Overwrite).save_as_table("t")?;
            Ok(())
        });
        let scenario = Scenario::on(&store).transaction("a", steps);
        let scenario = scenario.outside("append", |store| append(store, "t"));
        let run = scenario.replay("a.put append a.commit").unwrap();
        assert!(run["a"].is_committed(), "{run}");
        assert_eq!(run.store().table("t").unwrap().row_count(), 1);
    });
}
