//! What one change does.

use annals::{
    ChunkSize, Compaction, Filter, SaveMode, Store, StoreBuilder, WriteError, col, record_batch,
    set, set_with,
};
use annals_tests::{numbers, numbers_of, people, rows_of};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, Int64Array};
use std::sync::Arc;

fn store_of_people() -> Store {
    let store = Store::in_memory();
    let rows = people([(1, "Ada"), (2, "Bob"), (3, "Cyd"), (4, "Dan")]);
    store.write(rows).save_as_table("t").unwrap();
    store
}

/// The ids of a table's rows in the order of a scan, with the versions that brought and changed
/// each.
pub(super) fn origins_of(store: &Store) -> Vec<(u64, u64, u64)> {
    let table = store.table("t").unwrap();
    let mut origins = Vec::new();
    for (_, entry) in table.value().state().chunks() {
        for index in 0..entry.chunk().rows() as u32 {
            if !entry.deletions().is_some_and(|gone| gone.rows().contains(index)) {
                let origin = entry.origin(index);
                origins.push((origin.row, origin.born.0, origin.changed.0));
            }
        }
    }
    origins
}

#[test]
fn a_delete_takes_out_the_rows_that_match_and_copies_none() {
    let store = store_of_people();
    let before = store.snapshot();
    let done = store.delete("t", col("id").gt_eq(2).and(col("id").lt(4))).unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted, done.version().0), (2, 0, 0, 2));
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Ada", "4, Dan"]);
    assert_eq!(store.table("t").unwrap().row_count(), 2);
    assert_eq!(before.table("t").unwrap().row_count(), 4);
    let chunk = |table: &annals::Table| {
        let value = Arc::clone(table.value());
        let (_, entry) = value.state().chunks().next().unwrap();
        Arc::clone(entry.chunk())
    };
    let then = chunk(&before.table("t").unwrap());
    assert!(Arc::ptr_eq(&then, &chunk(&store.table("t").unwrap())));

    let commit = done.committed.commit().unwrap();
    assert_eq!(commit.operations[0].kind.to_string(), "delete where id >= 2 AND id < 4");
    assert!(commit.location.file.ends_with("changes.rs"), "{}", commit.location);
    assert_eq!(commit.metrics().rows_removed, 2);
}

#[test]
fn long_runs_of_rows_that_stay_are_not_copied() {
    let store = Store::in_memory();
    store.write(numbers(0..50_000)).save_as_table("t").unwrap();
    let gone = [0, 1, 20_000, 20_001, 20_003, 49_999];
    store.delete("t", col("n").is_in(gone)).unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(numbers_of(&table), (0..50_000).filter(|n| !gone.contains(n)).collect::<Vec<_>>());
    let value = Arc::clone(table.value());
    let (_, entry) = value.state().chunks().next().unwrap();
    let whole = entry.chunk().batch().column(0).as_primitive::<Int64Type>().values().as_ptr_range();
    let shared = |batch: &arrow_array::RecordBatch| {
        whole.contains(&batch.column(0).as_primitive::<Int64Type>().values().as_ptr())
    };
    let batches = table.read().unwrap();
    let copied: usize =
        batches.iter().filter(|b| !shared(b)).map(arrow_array::RecordBatch::num_rows).sum();
    assert!(copied <= 10_000, "{copied} rows were copied");
    assert_eq!(batches[0].num_rows(), 19_998);
    assert!(shared(&batches[0]));
}

#[test]
fn what_matches_nothing_makes_no_version() {
    let store = store_of_people();
    let done = store.delete("t", col("id").gt(99)).unwrap();
    assert_eq!((done.deleted, done.committed.made_version()), (0, false));
    let done = store.update("t", [set("name", "x")], col("id").is_null()).unwrap();
    assert_eq!((done.updated, done.committed.made_version()), (0, false));
    assert_eq!(store.version().0, 1);
}

#[test]
fn a_chunk_without_rows_goes() {
    let store = store_of_people();
    store.delete("t", Filter::all()).unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), table.chunk_count(), table.byte_count()), (0, 0, 0));
    store.write(people([(5, "Eve")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(origins_of(&store), [(4, 3, 3)], "ids are not used again");
}

#[test]
fn a_test_of_the_callers_sees_rows_that_are_there_and_no_others() {
    let store = store_of_people();
    store.delete("t", col("id").eq(2)).unwrap();
    let seen = std::cell::RefCell::new(Vec::new());
    let even = Filter::from(col("id").lt(4)).and_test(|rows| {
        let ids: &Int64Array = rows.column(0).as_primitive::<Int64Type>();
        seen.borrow_mut().extend_from_slice(ids.values());
        Ok(BooleanArray::from_unary(ids, |id| id == 3))
    });
    assert_eq!(store.delete("t", even).unwrap().deleted, 1);
    assert_eq!(*seen.borrow(), [1, 3]);
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Ada", "4, Dan"]);
}

#[test]
fn an_updated_row_stays_itself() {
    let store = store_of_people();
    let done = store.update("t", [set("name", "Zoe")], col("id").eq(2)).unwrap();
    assert_eq!((done.updated, done.deleted), (1, 0));
    let metrics = done.committed.commit().unwrap().metrics();
    assert_eq!((metrics.rows_updated, metrics.rows_added, metrics.rows_removed), (1, 0, 0));
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Ada", "3, Cyd", "4, Dan", "2, Zoe"]);
    assert_eq!(origins_of(&store), [(0, 1, 1), (2, 1, 1), (3, 1, 1), (1, 1, 2)]);
    store.update("t", [set("name", "Yan")], col("id").gt_eq(2)).unwrap();
    assert_eq!(origins_of(&store), [(0, 1, 1), (2, 1, 3), (3, 1, 3), (1, 1, 3)]);
}

#[test]
fn assignments_see_the_rows_as_they_were() {
    let store = Store::in_memory();
    let rows = record_batch!(("a", Int64, [1, 2]), ("b", Int64, [10, 20])).unwrap();
    store.write(rows).save_as_table("t").unwrap();
    store.update("t", [set("a", col("b")), set("b", col("a"))], Filter::all()).unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["10, 1", "20, 2"]);
    let doubled = set_with("b", |rows| {
        let b: &Int64Array = rows.column(1).as_primitive::<Int64Type>();
        Ok(Arc::new(b.unary::<_, Int64Type>(|b| 2 * b)))
    });
    store.update("t", [doubled], col("a").eq(20)).unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["10, 1", "20, 4"]);
}

#[test]
fn a_literal_goes_into_the_columns_type_or_is_refused() {
    let store = Store::in_memory();
    let rows = record_batch!(("f", Float32, [1.5]), ("i", Int16, [3]), ("s", Utf8, ["x"])).unwrap();
    store.write(rows).save_as_table("t").unwrap();
    store
        .update("t", [set("f", 2), set("i", 7_i64), set("s", None::<&str>)], Filter::all())
        .unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["2.0, 7, null"]);
    for wrong in [set("i", 1.5), set("i", 1_000_000), set("i", "seven"), set("s", 4)] {
        let error = store.update("t", [wrong], Filter::all()).unwrap_err();
        assert!(matches!(error, WriteError::Catalog(_)), "{error}");
    }
    assert_eq!(store.version().0, 2);
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let store = store_of_people();
    store.create_view("v", "select 1").unwrap();
    let version = store.version();
    let says = |error: WriteError, text: &str| assert_eq!(error.to_string(), text);
    let all = Filter::all;
    says(
        store.update("t", [set("age", 1)], all()).unwrap_err(),
        "default.t has no column `age`; it has id, name",
    );
    says(
        store.update("t", [set("name", col("age"))], all()).unwrap_err(),
        "default.t has no column `age`; it has id, name",
    );
    says(
        store.update("t", [set("id", 1), set("ID", 2)], all()).unwrap_err(),
        "the column `ID` of default.t is assigned to twice; assign to it once",
    );
    says(store.update("t", [], all()).unwrap_err(), "an update assigns to one column at least");
    says(
        store.update("t", [set_with("id", |_| Err("no".into()))], all()).unwrap_err(),
        "the function used for the column `id` on default.t failed: no",
    );
    says(
        store
            .update("t", [set_with("id", |_| Ok(Arc::new(Int64Array::from(vec![1]))))], all())
            .unwrap_err(),
        "the function used for the column `id` on default.t failed: it returned 1 values for 4 rows; return one for each row, in order",
    );
    says(
        store.delete("t", Filter::test(|_| Ok(BooleanArray::from(vec![true])))).unwrap_err(),
        "the function used in a filter on default.t failed: it returned 1 values for 4 rows; return one for each row, in order",
    );
    // Neither of two tests hides what the other did wrong.
    let many = |rows: usize| move |_: &_| Ok(BooleanArray::from(vec![true; rows]));
    for (first, second, found) in [(9, 4, 9), (4, 9, 9), (3, 4, 3)] {
        let error = store.delete("t", Filter::test(many(first)).and_test(many(second)));
        let text = error.unwrap_err().to_string();
        assert!(text.contains(&format!("it returned {found} values for 4 rows")), "{text}");
    }
    assert!(store.delete("t", col("age").eq(1)).unwrap_err().to_string().contains("age"));
    assert!(store.delete("v", all()).unwrap_err().to_string().contains("view"));
    assert!(store.delete("none", all()).is_err());
    assert!(store.compact("v").is_err() && store.compact("none").is_err());
    assert_eq!(store.version(), version);
}

#[test]
fn a_compaction_changes_no_row_and_no_rows_history() {
    let size = ChunkSize { rows_min: 100, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    for n in 0..10 {
        let rows = numbers([10 * n, 10 * n + 1, 10 * n + 2]);
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    store.delete("t", col("n").is_in([11, 50, 51, 52])).unwrap();
    store.update("t", [set("n", -5)], col("n").eq(70)).unwrap();
    let before = (numbers_of(&store.table("t").unwrap()), origins_of(&store));
    assert_eq!(before.1.len(), 26);
    let done = store.compact("t").unwrap();
    assert_eq!((done.chunks_before, done.chunks_after, done.rows_dropped), (10, 1, 2));
    let table = store.table("t").unwrap();
    assert_eq!((numbers_of(&table), origins_of(&store)), before);
    assert_eq!(table.row_count(), 26);
    let metrics = done.committed.unwrap().commit().unwrap().metrics();
    assert_eq!((metrics.rows_added, metrics.rows_removed, metrics.rows_updated), (0, 0, 0));
    assert!(store.compact("t").unwrap().committed.is_none(), "nothing is left to do");

    let done = store.compact_with("t", &Compaction::new().sort_by(["N"])).unwrap();
    assert_eq!((done.chunks_before, done.chunks_after), (1, 1));
    let sorted = numbers_of(&store.table("t").unwrap());
    assert!(sorted.is_sorted() && sorted.len() == 26);
    let mut origins = origins_of(&store);
    origins.sort_unstable();
    let mut expected = before.1;
    expected.sort_unstable();
    assert_eq!(origins, expected);
    let again = store.compact_with("t", &Compaction::new().sort_by(["n"])).unwrap();
    assert!(again.committed.is_none(), "it is sorted");
}

#[test]
fn partitions_stay_apart_when_rows_are_updated_and_compacted() {
    let store = Store::in_memory();
    let rows =
        record_batch!(("p", Utf8, ["a", "b", "a", "b"]), ("n", Int64, [1, 2, 3, 4])).unwrap();
    store.write(&rows).partition_by(["p"]).save_as_table("t").unwrap();
    store.write(&rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.update("t", [set("p", "b")], col("n").eq(1)).unwrap();
    store.compact("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.chunk_count(), table.row_count()), (2, 8));
    for batch in table.read().unwrap() {
        let values: &arrow_array::StringArray = batch.column(0).as_string::<i32>();
        assert!(values.iter().all(|value| value == values.iter().next().unwrap()));
    }
    let again = store.compact("t").unwrap();
    assert!(again.committed.is_none());
}

#[test]
fn a_transaction_changes_rows_that_it_brought_itself() {
    let store = store_of_people();
    let mut tx = store.begin();
    tx.write(people([(5, "Eve"), (6, "Fay")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(tx.update("t", [set("name", "X")], col("id").gt_eq(4)).unwrap(), 3);
    assert_eq!(tx.delete("t", col("id").eq(5)).unwrap(), 1);
    // Others come first: sequences and ids are shifted when it is carried over.
    store.write(people([(7, "Gus")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(rows_of(&table), ["1, Ada", "2, Bob", "3, Cyd", "7, Gus", "4, X", "6, X"]);
    assert_eq!(
        origins_of(&store),
        [(0, 1, 1), (1, 1, 1), (2, 1, 1), (4, 2, 2), (3, 1, 3), (6, 3, 3)]
    );
}

#[test]
fn rows_are_changed_under_a_schema_that_came_later() {
    let store = store_of_people();
    let age = arrow_schema::Field::new("age", arrow_schema::DataType::Int32, true);
    store.add_columns("t", [age]).unwrap();
    store.rename_column("t", "name", "called").unwrap();
    store.update("t", [set("age", 30)], col("called").eq("Bob")).unwrap();
    store.delete("t", col("age").is_null().and(col("called").gt("Bob"))).unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Ada, null", "2, Bob, 30"]);
    store.compact("t").unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Ada, null", "2, Bob, 30"]);
}
