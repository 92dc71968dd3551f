//! Columns: how rows fit a table, how a table's columns change, and how old rows look after it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod altering;
mod casts;
mod chunks;
mod gathered;
mod merging;
mod nested;
mod nullability;
mod partitions;
mod positions;
mod replace_where;
mod shapes;

use std::sync::Arc;

use annals::{SaveMode, Saved, Store, WriteError, Writer};
use annals_tests::rows_of;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

/// An array of these values, given as text that can be cast to the type.
fn array(data_type: &DataType, values: &[Option<&str>]) -> ArrayRef {
    let text: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    arrow_cast::cast(&text, data_type).unwrap()
}

/// A batch of columns given as text; `-` is null.
fn batch(columns: &[(&str, DataType, &[&str])]) -> RecordBatch {
    let column = |(name, data_type, values): &(&str, DataType, &[&str])| {
        let values: Vec<Option<&str>> =
            values.iter().map(|value| Some(*value).filter(|value| *value != "-")).collect();
        (name.to_string(), array(data_type, &values), true)
    };
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(column)).unwrap()
}

fn schema(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()))
}

/// A store with the rows as its table `t`.
fn store_with(rows: RecordBatch) -> Store {
    let store = Store::in_memory();
    store.write(rows).save_as_table("t").unwrap();
    store
}

fn appending(store: &Store, rows: RecordBatch) -> Writer<'_> {
    store.write(rows).mode(SaveMode::Append)
}

fn overwriting(store: &Store, rows: RecordBatch) -> Writer<'_> {
    store.write(rows).mode(SaveMode::Overwrite)
}

/// The rows of `t`.
fn rows(store: &Store) -> Vec<String> {
    rows_of(&store.table("t").unwrap())
}

/// The columns of `t`.
fn columns(store: &Store) -> String {
    annals_tests::columns_of(&store.table("t").unwrap())
}

/// The message of a write that is refused and leaves the store as it was.
#[track_caller]
fn refusal(store: &Store, write: impl FnOnce() -> Result<Saved, WriteError>) -> String {
    let (version, before) = (store.version(), annals_tests::content_of(&store.snapshot()));
    let error = write().expect_err("it should be refused");
    assert_eq!(error.remedy(), annals::Remedy::Change);
    assert_eq!(store.version(), version);
    assert_eq!(annals_tests::content_of(&store.snapshot()), before);
    error.to_string()
}
