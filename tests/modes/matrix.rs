//! All modes, in all spellings, times all that may be there; on the store and in a transaction.

use annals::error::{CatalogError, Existing, WriteError};
use annals::{Remedy, SaveMode, Saved, Store, StoreBuilder, col, record_batch};
use annals_tests::people;

use crate::{done_since, outcome, seen};

/// What the name stands for before the save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    SameColumns,
    OtherColumns,
    View,
    NoDatabase,
    NoDatabaseToBeMade,
}
use There::*;

impl There {
    fn store(self) -> (Store, &'static str) {
        let store =
            StoreBuilder::new().create_missing_databases(self == NoDatabaseToBeMade).build();
        match self {
            Nothing => {}
            SameColumns => {
                store
                    .write(people([(1, "a"), (2, "b")]))
                    .save_as_table("t")
                    .expect("the fixture can be made");
            }
            OtherColumns => {
                let rows = record_batch!(("z", Float64, [1.5])).expect("the fixture can be made");
                store.write(rows).save_as_table("t").expect("the fixture can be made");
            }
            View => {
                store.create_view("t", "SELECT 1").expect("the fixture can be made");
            }
            NoDatabase | NoDatabaseToBeMade => return (store, "nodb.t"),
        }
        (store, "t")
    }
}

/// One cell: what a mode does with what is there.
struct Cell {
    there: There,
    outcome: &'static str,
    seen: &'static str,
    /// The commits that it makes, by their operations.
    commits: &'static [&'static str],
}

const fn cell(
    there: There,
    outcome: &'static str,
    seen: &'static str,
    commits: &'static [&'static str],
) -> Cell {
    Cell { there, outcome, seen, commits }
}

const SAME: &str = "id Int64, name Utf8: 1, a; 2, b";
const OTHER: &str = "z Float64: 1.5";
const NEW: &str = "id Int64, name Utf8: 3, c";

const TABLE_EXISTS: &str =
    "the table default.t exists already; use mode overwrite, append or ignore, or another name";
const VIEW_EXISTS: &str =
    "the view default.t exists already; use mode overwrite, append or ignore, or another name";
const NO_DATABASE: &str = "the database nodb does not exist; create it first";

const ERROR: [Cell; 6] = [
    cell(Nothing, "Created 1", NEW, &["create table (error)"]),
    cell(SameColumns, TABLE_EXISTS, SAME, &[]),
    cell(OtherColumns, TABLE_EXISTS, OTHER, &[]),
    cell(View, VIEW_EXISTS, "view SELECT 1", &[]),
    cell(NoDatabase, NO_DATABASE, NO_DATABASE, &[]),
    cell(NoDatabaseToBeMade, "Created 1", NEW, &["create database, create table (error)"]),
];

const OVERWRITE: [Cell; 6] = [
    cell(Nothing, "Created 1", NEW, &["create table (overwrite)"]),
    cell(SameColumns, "Overwritten 1", NEW, &["overwrite"]),
    cell(OtherColumns, "Overwritten 1", NEW, &["overwrite"]),
    cell(View, "Overwritten 1", NEW, &["overwrite"]),
    cell(NoDatabase, NO_DATABASE, NO_DATABASE, &[]),
    cell(NoDatabaseToBeMade, "Created 1", NEW, &["create database, create table (overwrite)"]),
];

const APPEND: [Cell; 6] = [
    cell(Nothing, "Created 1", NEW, &["create table (append)"]),
    cell(SameColumns, "Appended 1", "id Int64, name Utf8: 1, a; 2, b; 3, c", &["append"]),
    cell(
        OtherColumns,
        "in the table default.t: column `z` is not in the rows, and columns `id`, `name` are not \
         in the table; give the rows the columns of the table",
        OTHER,
        &[],
    ),
    cell(View, "default.t is a view; rows can be written to tables only", "view SELECT 1", &[]),
    cell(NoDatabase, NO_DATABASE, NO_DATABASE, &[]),
    cell(NoDatabaseToBeMade, "Created 1", NEW, &["create database, create table (append)"]),
];

const IGNORE: [Cell; 6] = [
    cell(Nothing, "Created 1", NEW, &["create table (ignore)"]),
    cell(SameColumns, "Skipped 0", SAME, &[]),
    cell(OtherColumns, "Skipped 0", OTHER, &[]),
    cell(View, "Skipped 0", "view SELECT 1", &[]),
    cell(NoDatabase, NO_DATABASE, NO_DATABASE, &[]),
    cell(NoDatabaseToBeMade, "Created 1", NEW, &["create database, create table (ignore)"]),
];

/// Every way to say a mode; none means that it is not said.
const SAYINGS: [(Option<&str>, &[Cell; 6]); 14] = [
    (None, &ERROR),
    (Some("error"), &ERROR),
    (Some("errorifexists"), &ERROR),
    (Some("default"), &ERROR),
    (Some("errorIfExists"), &ERROR),
    (Some("ERROR"), &ERROR),
    (Some("overwrite"), &OVERWRITE),
    (Some("OVERWRITE"), &OVERWRITE),
    (Some("Overwrite"), &OVERWRITE),
    (Some("append"), &APPEND),
    (Some("Append"), &APPEND),
    (Some("APPEND"), &APPEND),
    (Some("ignore"), &IGNORE),
    (Some("IGNORE"), &IGNORE),
];

/// Goes through all cells; `save` makes the save, and commits it if that is left to do.
fn go_through(save: impl Fn(&Store, &str, Option<SaveMode>) -> Result<Saved, WriteError>) {
    let mut cells = 0;
    for (text, column) in SAYINGS {
        let mode = text.map(|text| text.parse::<SaveMode>().expect("it names a mode"));
        for cell in column {
            let (store, name) = cell.there.store();
            let before = store.snapshot();
            let told = format!("mode {text:?} where there is {:?}", cell.there);

            let result = save(&store, name, mode);

            let after = store.snapshot();
            assert_eq!(outcome(&result), cell.outcome, "{told}");
            assert_eq!(seen(&after, name), cell.seen, "{told}");
            assert_eq!(done_since(&store, &before), cell.commits, "{told}");
            let made = after.version().0 - before.version().0;
            assert_eq!(made, cell.commits.len() as u64, "{told}: versions");
            assert_eq!(before.diff(&after).is_empty(), cell.commits.is_empty(), "{told}");
            if let Err(error) = &result {
                assert_eq!(error.remedy(), Remedy::Change, "{told}");
            }
            cells += 1;
        }
    }
    assert_eq!(cells, SAYINGS.len() * 6);
}

#[test]
fn every_mode_does_what_it_says_whatever_is_there() {
    go_through(|store, name, mode| {
        let before = store.version();
        let writer = store.write(people([(3, "c")]));
        let writer = match mode {
            Some(mode) => writer.mode(mode),
            None => writer,
        };
        let result = writer.save_as_table(name);
        if let Ok(saved) = &result {
            let committed = saved.committed().unwrap();
            assert_eq!(saved.version(), Some(store.version()), "the version to read it in");
            assert_eq!(committed.made_version(), store.version() != before);
            assert!(!committed.was_applied_before());
        }
        result
    });
}

#[test]
fn every_mode_does_the_same_in_a_transaction() {
    go_through(|store, name, mode| {
        let before = store.version();
        let mut tx = store.begin();
        let writer = tx.write(people([(3, "c")]));
        let writer = match mode {
            Some(mode) => writer.mode(mode),
            None => writer,
        };
        let result = writer.save_as_table(name);
        if let Ok(saved) = &result {
            assert!(saved.version().is_none(), "it is not committed yet");
        }
        assert_eq!(store.version(), before, "nobody else sees it yet");
        let committed = tx.commit().unwrap();
        assert_eq!(committed.version(), store.version());
        assert_eq!(committed.made_version(), store.version() != before);
        result
    });
}

#[test]
fn every_mode_does_the_same_when_it_is_staged_after_another_change() {
    // The change before is made in the same transaction, so that the mode is decided against the
    // draft and not against what is committed.
    for (text, column) in SAYINGS {
        let mode = text.map_or(SaveMode::default(), |text| text.parse().unwrap());
        for cell in column {
            let options = StoreBuilder::new();
            let store = options.create_missing_databases(cell.there == NoDatabaseToBeMade).build();
            let told = format!("mode {text:?} where the draft has {:?}", cell.there);
            let mut tx = store.begin();
            let name = match cell.there {
                NoDatabase | NoDatabaseToBeMade => "nodb.t",
                _ => "t",
            };
            match cell.there {
                SameColumns => {
                    tx.write(people([(1, "a"), (2, "b")])).save_as_table("t").unwrap();
                }
                OtherColumns => {
                    let rows = record_batch!(("z", Float64, [1.5])).unwrap();
                    tx.write(rows).save_as_table("t").unwrap();
                }
                View => tx.create_view("t", "SELECT 1").unwrap(),
                _ => {}
            }
            let result = tx.write(people([(3, "c")])).mode(mode).save_as_table(name);
            assert_eq!(outcome(&result), cell.outcome, "{told}");
            tx.commit().unwrap();
            assert_eq!(seen(&store.snapshot(), name), cell.seen, "{told}");
            assert!(store.version().0 <= 1, "{told}: at most one version");
        }
    }
}

#[test]
fn the_kinds_of_refusal_can_be_told_apart() {
    let save = |there: There, mode| {
        let (store, name) = there.store();
        let result = store.write(people([(3, "c")])).mode(mode).save_as_table(name);
        match result.unwrap_err() {
            WriteError::Catalog(error) => error,
            other => panic!("{other:?} is not the catalog's"),
        }
    };
    let error = save(SameColumns, SaveMode::ErrorIfExists);
    assert!(matches!(error, CatalogError::TableExists { kind: Existing::Table, .. }), "{error:?}");
    let error = save(View, SaveMode::ErrorIfExists);
    assert!(matches!(error, CatalogError::TableExists { kind: Existing::View, .. }), "{error:?}");
    let error = save(View, SaveMode::Append);
    assert!(matches!(error, CatalogError::IsView { .. }), "{error:?}");
    let error = save(NoDatabase, SaveMode::Overwrite);
    assert!(matches!(error, CatalogError::NoDatabase { .. }), "{error:?}");
    let error = save(OtherColumns, SaveMode::Append);
    assert!(matches!(error, CatalogError::Schema { .. }), "{error:?}");
}

#[test]
fn a_text_that_names_no_mode_is_refused_before_anything_is_written() {
    for text in ["", "bogus", "over write", " append", "append ", "error_if_exists"] {
        let error = text.parse::<SaveMode>().unwrap_err();
        assert!(error.to_string().contains("overwrite, append, ignore"), "{error}");
    }
}

#[test]
fn an_overwritten_table_keeps_its_identity_and_a_replaced_view_is_a_table() {
    let (store, _) = View.store();
    let view = store.table("t").unwrap();
    store.write(people([(3, "c")])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.ordinal(), view.ordinal() + 1);
    store.write(people([(4, "d")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(seen(&store.snapshot(), "t"), "id Int64, name Utf8: 3, c; 4, d");
    store.write(people([(5, "e")])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().id(), table.id());
}

#[test]
fn an_overwrite_keeps_the_partitioning_unless_it_gives_another() {
    let store = Store::in_memory();
    let save = || store.write(people([(1, "a"), (2, "b")])).mode(SaveMode::Overwrite);
    let partitioning = || store.table("t").unwrap().partition_columns().join(", ");
    save().partition_by(["name"]).save_as_table("t").unwrap();
    assert_eq!(partitioning(), "name");
    save().save_as_table("t").unwrap();
    assert_eq!(partitioning(), "name");
    save().partition_by(["id"]).save_as_table("t").unwrap();
    assert_eq!(partitioning(), "id");
    // Of another type, but of that name.
    let rows = record_batch!(("id", Utf8, ["x", "y", "y"]), ("n", Int64, [1, 2, 3])).unwrap();
    store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!((partitioning().as_str(), store.table("t").unwrap().chunk_count()), ("id", 2));
    let rows = record_batch!(("other", Int64, [1])).unwrap();
    store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!(partitioning(), "");
}

#[test]
fn a_replacement_of_some_rows_may_say_something_of_the_table_too() {
    let store = Store::in_memory();
    store.write(people([(1, "a"), (2, "b")])).save_as_table("t").unwrap();
    let write = store.write(people([(2, "c")])).mode(SaveMode::Overwrite);
    let write = write.replace_where(col("id").eq(2)).comment("who").property("team", "x");
    assert_eq!(write.save_as_table("t").unwrap().rows(), 1);
    let table = store.table("t").unwrap();
    assert_eq!(table.comment(), Some("who"));
    assert_eq!(seen(&store.snapshot(), "t"), "id Int64, name Utf8: 1, a; 2, c");
}

#[test]
fn a_save_that_is_tried_again_is_partitioned_as_the_table_is_by_then() {
    let store = Store::in_memory();
    let rows = people([(1, "a"), (2, "b")]);
    let read = std::iter::once(()).map(|()| {
        // Another one creates the table while the rows are read.
        let other = store.write(people([(9, "z")])).partition_by(["name"]);
        other.save_as_table("t").unwrap();
        Ok(rows.clone())
    });
    let reader = arrow_array::RecordBatchIterator::new(read, rows.schema());
    let write = store.write(annals::Source::reader(reader)).mode(SaveMode::Overwrite);
    write.save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.partition_columns(), table.chunk_count()), (vec!["name"], 2));
    assert_eq!(seen(&store.snapshot(), "t"), "id Int64, name Utf8: 1, a; 2, b");
}
