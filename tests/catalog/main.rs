//! Databases, tables and views by name: made, found, listed, described, renamed, dropped.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod databases;
mod names;
mod properties;
mod tables;
mod views;

use annals::{Committed, Remedy, Store, WriteError};
use annals_tests::content_of;

/// The message of a change that is refused and leaves the store as it was.
#[track_caller]
fn refusal(store: &Store, change: impl FnOnce(&Store) -> Result<Committed, WriteError>) -> String {
    let (version, before) = (store.version(), content_of(&store.snapshot()));
    let error = change(store).expect_err("it should be refused");
    assert_eq!(error.remedy(), Remedy::Change);
    assert_eq!((store.version(), content_of(&store.snapshot())), (version, before));
    error.to_string()
}

/// The names of tables, as they are written.
fn names(tables: &[annals::TableName]) -> Vec<String> {
    tables.iter().map(ToString::to_string).collect()
}
