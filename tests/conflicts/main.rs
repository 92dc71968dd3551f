//! What may stand on top of what: the conflict matrix and the rules around it, held cell by cell.
//!
//! Each test begins a transaction, lets another commit come first, and commits. What both stand
//! side by side comes to is always told by a second store, in which the two came one after the
//! other.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod columns;
mod databases;
mod gone;
mod matrix;
mod messages;
mod overwrites;
mod serializable;

use std::sync::Arc;

use annals::{
    CommitError, Predicate, PropertyPatch, Remedy, SaveMode, Store, StoreBuilder, Transaction,
    WriteError, col,
};
use annals_tests::{content_of, numbers_in};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};

/// Rows of the table `d.t`: a number, and columns that follow from it.
fn rows(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let notes: Vec<String> = numbers.iter().map(|n| format!("note {n}")).collect();
    let small: Vec<i32> = numbers.iter().map(|n| i32::try_from(*n % 10).unwrap()).collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
    let notes: ArrayRef = Arc::new(StringArray::from(notes));
    let small: ArrayRef = Arc::new(Int32Array::from(small));
    RecordBatch::try_from_iter_with_nullable([
        ("n", numbers, true),
        ("note", notes, true),
        ("small", small, true),
    ])
    .unwrap()
}

/// The same with a further column.
fn rows_with(column: &str, numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let rows = rows(numbers);
    let further: ArrayRef = Arc::new(StringArray::from(vec![column; rows.num_rows()]));
    let mut columns: Vec<(String, ArrayRef, bool)> = Vec::new();
    for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
        columns.push((field.name().clone(), Arc::clone(array), true));
    }
    columns.push((column.to_owned(), further, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// A store with `d.t`, of the rows 1, 2, 3 in one chunk and 101, 102, 103 in another, and with
/// `d.other`. Every such store is the same, version by version: `d.t` is made by v2 and has both
/// chunks from v3.
fn store() -> Store {
    store_of(StoreBuilder::new())
}

fn store_of(builder: StoreBuilder) -> Store {
    let store = builder.build();
    store.create_database("d").unwrap();
    store.write(rows([1, 2, 3])).save_as_table("d.t").unwrap();
    append(&store, "d.t", rows([101, 102, 103]));
    store.write(rows([1])).save_as_table("d.other").unwrap();
    store
}

fn append(store: &Store, table: &str, rows: RecordBatch) {
    store.write(rows).mode(SaveMode::Append).save_as_table(table).unwrap();
}

fn overwrite(store: &Store, table: &str, rows: RecordBatch) {
    store.write(rows).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
}

/// Removes the rows that match.
fn delete(store: &Store, table: &str, predicate: Predicate) {
    let none = rows([]);
    let writer = store.write(none).mode(SaveMode::Overwrite).replace_where(predicate);
    writer.save_as_table(table).unwrap();
}

fn property(key: &str, value: &str) -> PropertyPatch {
    PropertyPatch { set: vec![(key.into(), value.into())], ..PropertyPatch::default() }
}

fn comment(text: &str) -> PropertyPatch {
    PropertyPatch { comment: Some(Some(text.into())), ..PropertyPatch::default() }
}

/// Everything of the newest version: what it shows, and the numbers behind it.
fn state_of(store: &Store) -> String {
    let snapshot = store.snapshot();
    format!("{}{}", content_of(&snapshot), numbers_in(&snapshot))
}

/// What is done in a transaction.
type Mine = fn(&mut Transaction) -> Result<(), WriteError>;
/// What another commits meanwhile.
type Theirs = fn(&Store);

/// What became of a transaction that another commit had come before.
struct Raced {
    store: Store,
    outcome: Result<annals::Committed, CommitError>,
}

/// Does `mine` in a transaction and lets `theirs` be committed before it. Also holds what is so in
/// every case: asking whether it would conflict gives the same answer and changes nothing, and
/// after an error the store is as the others left it.
#[track_caller]
fn race_in(store: Store, mine: Mine, theirs: Theirs) -> Raced {
    let mut tx = store.begin();
    mine(&mut tx).unwrap();
    theirs(&store);
    let before = state_of(&store);
    let (version, history) = (store.version(), store.history().iter().count());

    let asked = tx.would_conflict();
    assert_eq!(state_of(&store), before, "asking changed the store");
    assert_eq!((store.version(), store.history().iter().count()), (version, history));

    let outcome = tx.commit();
    match (&asked, &outcome) {
        (Ok(()), Ok(_)) => {}
        (Err(asked), Err(told)) => {
            assert_eq!(asked.to_string(), told.to_string());
            assert_eq!(asked.remedy(), told.remedy());
        }
        _ => panic!("would_conflict said {asked:?}, commit said {outcome:?}"),
    }
    if outcome.is_err() {
        assert_eq!(state_of(&store), before, "a refused transaction left a trace");
        assert_eq!(store.version(), version);
    }
    Raced { store, outcome }
}

#[track_caller]
fn race(mine: Mine, theirs: Theirs) -> Raced {
    race_in(store(), mine, theirs)
}

/// The state in which one comes after the other.
fn one_after_the_other(mine: Mine, theirs: Theirs) -> String {
    let store = store();
    theirs(&store);
    let mut tx = store.begin();
    mine(&mut tx).unwrap();
    tx.commit().unwrap();
    state_of(&store)
}

impl Raced {
    /// Both stand: the store is as if mine had begun after theirs.
    #[track_caller]
    fn stands(self, mine: Mine, theirs: Theirs) {
        let committed = self.outcome.unwrap();
        if let Some(commit) = committed.commit() {
            assert!(commit.rebased);
        }
        assert_eq!(state_of(&self.store), one_after_the_other(mine, theirs));
    }

    /// The conflict that the transaction was refused for, which says to begin again.
    #[track_caller]
    fn refused(self) -> annals::Conflict {
        let error = self.outcome.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Retry, "{error}");
        let conflict = error.conflict().expect("a conflict").clone();
        assert!(conflict.is_retryable());
        conflict
    }

    /// The conflict that the transaction was refused for, which no second try would help.
    #[track_caller]
    fn gone(self) -> annals::Conflict {
        let error = self.outcome.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Change, "{error}");
        let conflict = error.conflict().expect("a conflict").clone();
        assert!(!conflict.is_retryable());
        conflict
    }
}

/// Reads all rows of `d.t` in a transaction, if it is there.
fn read(tx: &Transaction) {
    if let Ok(table) = tx.table("d.t") {
        table.read().unwrap();
    }
}

/// The rows 1 to 49, which are in the first chunk.
fn low() -> Predicate {
    col("n").lt(50_i64)
}
