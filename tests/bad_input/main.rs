//! What cannot be done: refused with a typed error that says what to do, and without a trace.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod names;
mod predicates;
mod requests;

use annals::{ReadError, Remedy, SaveMode, Store, WriteError};
use annals_tests::{content_of, numbers, people};

/// No message is longer, however long the input was.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// A store with something in it that must stay as it is.
fn store() -> Store {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.write(people([(1, "Ada"), (2, "Bob")])).save_as_table("d.people").unwrap();
    store.write(numbers([1, 2, 3])).save_as_table("t").unwrap();
    store.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.create_view("v", "select 1").unwrap();
    store
}

fn checked(message: String) -> String {
    assert!(!message.is_empty() && message.chars().count() <= MESSAGE_CHARS_MAX, "{message}");
    // A message is a part of a sentence: lower case, without a stop.
    assert!(!message.ends_with('.') && !message.contains("\n"), "{message}");
    message
}

/// The message of a write that is refused.
#[track_caller]
fn refused<T>(store: &Store, write: impl FnOnce(&Store) -> Result<T, WriteError>) -> String {
    let (version, before) = (store.version(), content_of(&store.snapshot()));
    let Err(error) = write(store) else { panic!("it should be refused") };
    assert_eq!(error.remedy(), Remedy::Change);
    assert_eq!((store.version(), content_of(&store.snapshot())), (version, before));
    // The store is as usable as before.
    store.fork().write(numbers([9])).mode(SaveMode::Append).save_as_table("t").unwrap();
    checked(error.to_string())
}

/// The message of a read that is refused.
#[track_caller]
fn unreadable<T>(result: Result<T, ReadError>) -> String {
    let Err(error) = result else { panic!("it should be refused") };
    assert_eq!(error.remedy(), Remedy::Change);
    checked(error.to_string())
}
