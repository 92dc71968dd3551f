//! Savepoints: states of a draft to go back to.

use annals::{SaveMode, Store, Transaction};
use annals_tests::{content_of, numbers, numbers_of};
use arrow_schema::{DataType, Field};

use crate::seen;

fn append(tx: &mut Transaction, n: i64) {
    tx.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

fn store() -> Store {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    store
}

#[test]
fn what_came_after_a_savepoint_is_taken_back_and_what_came_before_stays() {
    let store = store();
    let mut tx = store.begin();
    append(&mut tx, 1);
    let savepoint = tx.savepoint();
    append(&mut tx, 2);
    tx.drop_table("t").unwrap();
    tx.create_database("d").unwrap();
    tx.rollback_to(&savepoint).unwrap();
    assert_eq!(numbers_of(&tx.table("t").unwrap()), [0, 1]);
    assert_eq!(tx.databases().len(), 1);
    append(&mut tx, 3);
    let committed = tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1, 3]);
    assert_eq!(committed.commit().unwrap().operations.len(), 2);
}

#[test]
fn savepoints_nest_and_may_be_gone_back_to_in_any_order_and_again() {
    let store = store();
    let mut tx = store.begin();
    let mut states = Vec::new();
    for n in 1..=4 {
        states.push((tx.savepoint(), seen(&tx)));
        append(&mut tx, n);
        tx.add_columns("t", [Field::new(format!("c{n}"), DataType::Int8, true)]).unwrap();
        tx.alter_table("t", [annals::SchemaChange::DropColumns(vec![format!("c{n}")])]).unwrap();
    }
    states.push((tx.savepoint(), seen(&tx)));
    // Forward again as well: a savepoint is a state, and not a place in a stack.
    for index in [4, 2, 3, 0, 4, 1, 1] {
        tx.rollback_to(&states[index].0).unwrap();
        assert_eq!(seen(&tx), states[index].1, "{index}");
    }
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1]);
}

#[test]
fn after_an_error_the_author_may_go_back_or_go_on() {
    for goes_back in [true, false] {
        let store = store();
        let mut tx = store.begin();
        append(&mut tx, 1);
        let savepoint = tx.savepoint();
        append(&mut tx, 2);
        tx.rename_table("t", "nope.t").unwrap_err();
        if goes_back {
            tx.rollback_to(&savepoint).unwrap();
        }
        append(&mut tx, 3);
        tx.commit().unwrap();
        let expected: &[i64] = if goes_back { &[0, 1, 3] } else { &[0, 1, 2, 3] };
        assert_eq!(numbers_of(&store.table("t").unwrap()), expected);
    }
}

#[test]
fn what_was_taken_back_conflicts_with_nothing() {
    let store = store();
    let mut tx = store.begin();
    append(&mut tx, 1);
    let savepoint = tx.savepoint();
    tx.rename_column("t", "n", "m").unwrap();
    tx.rollback_to(&savepoint).unwrap();
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 2, 1]);
}

#[test]
fn numbers_that_a_draft_gave_and_took_back_are_given_again() {
    let (plain, winding) = (store(), store());
    for (store, winds) in [(&plain, false), (&winding, true)] {
        let mut tx = store.begin();
        if winds {
            let savepoint = tx.savepoint();
            append(&mut tx, 7);
            tx.add_columns("t", [Field::new("x", DataType::Int8, true)]).unwrap();
            tx.write(numbers([1])).save_as_table("other").unwrap();
            tx.rollback_to(&savepoint).unwrap();
        }
        append(&mut tx, 1);
        tx.add_columns("t", [Field::new("y", DataType::Int8, true)]).unwrap();
        tx.write(numbers([1])).save_as_table("another").unwrap();
        tx.commit().unwrap();
    }
    assert_eq!(content_of(&plain.snapshot()), content_of(&winding.snapshot()));
    let numbers = annals_tests::numbers_in;
    assert_eq!(numbers(&plain.snapshot()), numbers(&winding.snapshot()));
}

#[test]
fn assertions_made_since_are_taken_back_too() {
    let store = store();
    let mut tx = store.begin();
    tx.assert("kept", |_| Ok(()));
    let savepoint = tx.savepoint();
    tx.assert("taken back", |_| Err("it was run".to_owned()));
    tx.rollback_to(&savepoint).unwrap();
    append(&mut tx, 1);
    tx.commit().unwrap();
}

#[test]
fn a_savepoint_of_another_transaction_is_refused() {
    let store = store();
    let mut other = store.begin();
    append(&mut other, 5);
    let others = other.savepoint();
    store.create_database("d").unwrap();

    let mut tx = store.begin();
    append(&mut tx, 1);
    let error = tx.rollback_to(&others).unwrap_err();
    assert_eq!(error.to_string(), "the savepoint belongs to another transaction");
    assert_eq!(numbers_of(&tx.table("t").unwrap()), [0, 1]);

    // Of a transaction that began at the same version, but of another store.
    let elsewhere = Store::in_memory();
    elsewhere.create_database("a").unwrap();
    elsewhere.create_database("b").unwrap();
    let foreign = elsewhere.begin().savepoint();
    assert_eq!(elsewhere.version(), store.version());
    tx.rollback_to(&foreign).unwrap_err();
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1]);
}
