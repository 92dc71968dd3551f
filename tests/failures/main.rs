//! A write that fails leaves the store exactly as it was, at whatever step it fails.
//!
//! `saves` holds the saves that fail, `changes` the changes of the catalog, `commits` what fails
//! only when it is to be committed. Each is tried on a store of which a photograph was taken, and
//! afterwards nothing may differ: not the version, not the history, not a row; and the store must
//! be as usable as before. Each is also tried in the middle of a transaction, which must come out
//! as if the failed call had not been made.

mod changes;
mod commits;
mod saves;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use annals::{
    ChunkSize, NewTable, Nullability, SaveMode, Snapshot, Store, StoreBuilder, TableKind, VersionId,
};
use annals_tests::{columns_of, numbers, people, rows_of};
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

/// A store with something of everything in it.
fn store_of(builder: StoreBuilder) -> Store {
    // Small chunks, so that tables have several.
    let store =
        builder.chunk_size(ChunkSize { rows_min: 1, rows_max: 4, bytes_max: 1 << 20 }).build();
    let must = "the store is as the fixture says";
    store.create_database("s").expect(must);
    store.write(people([(1, "a"), (2, "b")])).save_as_table("t").expect(must);
    store.write(numbers(0..10)).comment("ten").save_as_table("s.numbers").expect(must);
    store.write(numbers([7])).save_as_table("gone").expect(must);
    store.drop_table("gone").expect(must);
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let narrow = RecordBatch::try_from_iter_with_nullable([("n", narrow, true)]).expect(must);
    store.write(narrow).save_as_table("narrow").expect(must);
    let strict = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    store.create_table("strict", NewTable::new(strict)).expect(must);
    let append = store.write(numbers([1])).mode(SaveMode::Append);
    append.nullability(Nullability::AsWritten).save_as_table("strict").expect(must);
    let parted = people([(1, "a"), (2, "b"), (3, "a")]);
    store.write(parted).partition_by(["name"]).save_as_table("parted").expect(must);
    store.create_view("v", "SELECT 1").expect(must);
    store.write(people([(3, "c")])).mode(SaveMode::Append).save_as_table("t").expect(must);
    store.tag("before", store.version()).expect(must);
    store
}

/// All that can be seen of a store, as plain values.
#[derive(Clone, Debug, PartialEq)]
struct Contents {
    version: VersionId,
    databases: Vec<String>,
    tables: Vec<String>,
    history: Vec<String>,
    versions: Vec<VersionId>,
    tags: Vec<(Arc<str>, VersionId)>,
}

impl Contents {
    fn of(store: &Store) -> Self {
        let snapshot = store.snapshot();
        let databases = snapshot.databases();
        let describe = |database: &Arc<annals::Database>| {
            let (comment, properties) = (database.comment(), database.properties());
            format!("{} {comment:?} {properties:?} {}", database.name(), database.table_count())
        };
        let tables = databases.iter().flat_map(|database| {
            snapshot.tables(database.name()).expect("the database was listed just now")
        });
        let history = store.history();
        let history = history.iter().map(|commit| {
            let operations = commit.operations.iter();
            let operations = operations.map(|o| format!("{} {}", o.kind, o.target));
            format!("{} {}", commit.version, operations.collect::<Vec<_>>().join(", "))
        });
        Self {
            version: snapshot.version(),
            databases: databases.iter().map(describe).collect(),
            tables: tables.map(|name| Self::describe(&snapshot, &name)).collect(),
            history: history.collect(),
            versions: store.versions(),
            tags: store.tags(),
        }
    }

    fn describe(snapshot: &Snapshot, name: &annals::TableName) -> String {
        let table = snapshot.table(name).expect("the table was listed just now");
        let rows = match table.kind() {
            TableKind::View { text } => vec![text.to_string()],
            _ => rows_of(&table),
        };
        format!(
            "{name} {} state {} of {} ({}) {:?} {:?} by {:?}: {}",
            table.id(),
            table.ordinal(),
            table.since(),
            columns_of(&table),
            table.comment(),
            table.properties(),
            table.partition_columns(),
            rows.join("; ")
        )
    }
}

/// A store at a moment, to compare with.
struct Photograph {
    snapshot: Snapshot,
    contents: Contents,
}

impl Photograph {
    fn of(store: &Store) -> Self {
        Self { snapshot: store.snapshot(), contents: Contents::of(store) }
    }

    /// Fails if anything at all has changed, or the store no longer works.
    #[track_caller]
    fn assert_as_it_was(&self, store: &Store, told: &str) {
        let now = store.snapshot();
        assert_eq!(now.version(), self.snapshot.version(), "{told}: the version");
        let diff = self.snapshot.diff(&now);
        assert!(diff.is_empty(), "{told}: {diff:?}");
        assert_eq!(Contents::of(store), self.contents, "{told}");
    }
}

/// Fails if the store does not take every kind of write.
#[track_caller]
fn assert_usable(store: &Store, told: &str) {
    let version = store.version().0;
    let must = |what: &str| format!("{told}: afterwards, {what}");
    let t = || store.table("t").expect("it is part of the fixture");
    let rows = t().row_count();
    let append = store.write(people([(9, "z")])).mode(SaveMode::Append).save_as_table("t");
    append.unwrap_or_else(|error| panic!("{}: {error}", must("an append")));
    assert_eq!(t().row_count(), rows + 1, "{}", must("an append"));
    let create = store.write(numbers([1])).save_as_table("afterwards");
    create.unwrap_or_else(|error| panic!("{}: {error}", must("a create")));
    let overwrite = store.write(numbers([2])).mode(SaveMode::Overwrite).save_as_table("afterwards");
    overwrite.unwrap_or_else(|error| panic!("{}: {error}", must("an overwrite")));
    let transacted = store.transact(|tx| {
        tx.drop_table("afterwards")?;
        tx.assert("it is gone", |snapshot| match snapshot.table_exists("afterwards") {
            Ok(false) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Ok::<_, annals::WriteError>(())
    });
    transacted.unwrap_or_else(|error| panic!("{}: {error}", must("a transaction")));
    assert_eq!(store.version().0, version + 4, "{}", must("four versions"));
}

/// The error of `run` with its causes, or the text of its panic.
#[track_caller]
fn failure_of<T, E: Error>(run: impl FnOnce() -> Result<T, E>) -> String {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(_)) => panic!("it was to fail and did not"),
        Ok(Err(error)) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            text
        }
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("panic: {}", text.expect("panics here have a text"))
        }
    }
}

/// Fails unless `part` is in `failure`: each case is to fail in the way that it is about.
#[track_caller]
fn assert_failed_with(failure: &str, part: &str, told: &str) {
    assert!(failure.contains(part), "{told}: expected `{part}`, but it was: {failure}");
}
