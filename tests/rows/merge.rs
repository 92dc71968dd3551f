//! What a merge does, clause by clause, and what it refuses.

use std::sync::Arc;

use annals::merge::{Condition, computed, literal, source, target};
use annals::{ChunkSize, SaveMode, Source, Store, StoreBuilder, WriteError, col, record_batch};
use annals_tests::{people, rows_of};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};

use super::changes::origins_of;

fn store_of_people() -> Store {
    let store = Store::in_memory();
    let rows = people([(1, "Ada"), (2, "Bob"), (3, "Cyd"), (4, "Dan")]);
    store.write(rows).save_as_table("t").unwrap();
    store
}

fn sorted(store: &Store) -> Vec<String> {
    let mut rows = rows_of(&store.table("t").unwrap());
    rows.sort();
    rows
}

fn ints(array: &ArrayRef) -> &Int64Array {
    array.as_primitive::<Int64Type>()
}

#[test]
fn an_upsert_updates_what_is_there_and_inserts_what_is_not() {
    let store = store_of_people();
    let done = store
        .merge("t", people([(2, "Bo"), (5, "Eve"), (4, "Di")]))
        .on(["ID"])
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted, done.version().0), (0, 2, 1, 2));
    assert_eq!(
        rows_of(&store.table("t").unwrap()),
        ["1, Ada", "3, Cyd", "2, Bo", "4, Di", "5, Eve"]
    );
    // Updated rows stay themselves, new ones get new ids.
    assert_eq!(origins_of(&store), [(0, 1, 1), (2, 1, 1), (1, 1, 2), (3, 1, 2), (4, 2, 2)]);
    let commit = done.committed.commit().unwrap();
    assert_eq!(commit.operations[0].kind.to_string(), "merge on ID");
    assert!(commit.location.file.ends_with("merge.rs"), "{}", commit.location);
    let metrics = commit.metrics();
    assert_eq!((metrics.rows_updated, metrics.rows_added, metrics.rows_removed), (2, 1, 0));
}

#[test]
fn the_first_clause_that_applies_decides() {
    let store = store_of_people();
    let rows = record_batch!(
        ("id", Int64, [1, 2, 3, 4, 5, 6, 7]),
        ("name", Utf8, ["a", "b", "c", "d", "e", "f", "g"]),
        ("op", Utf8, ["del", "up", "keep", "up", "ins", "skip", "ins2"])
    )
    .unwrap();
    let op = |is: &str| Condition::source(col("op").eq(is));
    let done = store
        .merge("t", rows)
        .on(["id"])
        .when_matched_delete_if(op("del"))
        .when_matched_update_if(
            op("up").and(Condition::target(col("name").eq("Bob"))),
            [("name", literal("first"))],
        )
        .when_matched_update_all_if(op("up"))
        .when_not_matched_insert_if(op("ins2"), [("id", source("id")), ("name", source("op"))])
        .when_not_matched_insert_all_if(op("ins"))
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted), (1, 2, 2));
    assert_eq!(sorted(&store), ["2, first", "3, Cyd", "4, d", "5, e", "7, ins2"]);
}

#[test]
fn rows_that_the_source_does_not_have_are_changed_too() {
    let store = store_of_people();
    let done = store
        .merge("t", people([(2, "x")]))
        .on(["id"])
        .when_not_matched_by_source_delete_if(Condition::target(col("id").gt(3)))
        .when_not_matched_by_source_update([("name", literal("gone")), ("id", target("id"))])
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted), (1, 2, 0));
    assert_eq!(sorted(&store), ["1, gone", "2, Bob", "3, gone"]);

    // Make the table what the source is.
    let done = store
        .merge("t", people([(2, "Bob"), (9, "Ida")]))
        .on(["id"])
        .when_not_matched_insert_all()
        .when_not_matched_by_source_delete()
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted), (2, 0, 1));
    assert_eq!(sorted(&store), ["2, Bob", "9, Ida"]);
}

#[test]
fn values_are_computed_from_both_sides_as_they_were() {
    let store = Store::in_memory();
    let rows = record_batch!(("k", Int64, [1, 2, 3]), ("n", Int64, [10, 20, 30])).unwrap();
    store.write(rows).save_as_table("t").unwrap();
    let more = record_batch!(("key", Int64, [2, 3, 4]), ("n", Int64, [1, 2, 3])).unwrap();
    let done = store
        .merge("t", more)
        .on_columns([("k", "key")])
        .when_matched_update_if(
            Condition::test(|pairs| {
                assert_eq!(pairs.target.num_columns(), 2);
                Ok(BooleanArray::from_unary(ints(pairs.target.column(1)), |n| n > 20))
            }),
            [
                (
                    "n",
                    computed(|pairs| {
                        let (old, new) = (pairs.target.column(1), pairs.source.column(1));
                        let sum = ints(old).iter().zip(ints(new)).map(|(a, b)| Some(a? + b?));
                        Ok(Arc::new(sum.collect::<Int64Array>()))
                    }),
                ),
                ("k", target("n")),
            ],
        )
        .when_not_matched_insert_all()
        .execute()
        .unwrap();
    assert_eq!((done.updated, done.inserted), (1, 1));
    // `insert_all` gives the key, though the source calls it otherwise.
    assert_eq!(sorted(&store), ["1, 10", "2, 20", "30, 32", "4, 3"]);
    let label = done.committed.commit().unwrap().operations[0].kind.to_string();
    assert_eq!(label, "merge on k = key");
}

#[test]
fn null_keys_match_nothing() {
    let store = Store::in_memory();
    let rows = |ids: [Option<i64>; 3], names: [&str; 3]| {
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
        RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("name", names, true)])
            .unwrap()
    };
    store.write(rows([Some(1), None, Some(0)], ["a", "b", "c"])).save_as_table("t").unwrap();
    for on in [&["id"][..], &["id", "name"]] {
        let store = store.fork();
        let done = store
            .merge("t", rows([Some(1), None, None], ["a", "b", "z"]))
            .on(on.iter().copied())
            .when_matched_delete()
            .when_not_matched_insert_all()
            .execute()
            .unwrap();
        assert_eq!((done.deleted, done.inserted), (1, 2), "on {on:?}");
        assert_eq!(sorted(&store), ["0, c", "null, b", "null, b", "null, z"]);
    }
}

#[test]
fn several_source_rows_must_not_change_the_same_row() {
    let store = store_of_people();
    let twice = || people([(2, "x"), (3, "y"), (2, "z"), (3, "w")]);
    let error = store.merge("t", twice()).on(["id"]).when_matched_update_all().execute();
    let error = error.unwrap_err();
    assert!(matches!(error, WriteError::ManySources { rows: 2, .. }), "{error}");
    assert!(error.to_string().contains("2 rows of default.t are each matched"), "{error}");
    assert!(error.to_string().contains("id = 2"), "{error}");
    let delete_or_update = store
        .merge("t", twice())
        .on(["id"])
        .when_matched_delete_if(Condition::source(col("name").eq("x")))
        .when_matched_update_all_if(Condition::source(col("name").eq("z")))
        .execute();
    assert!(matches!(delete_or_update, Err(WriteError::ManySources { rows: 1, .. })));
    assert_eq!(store.version().0, 1);

    // Conditions may leave one for each row.
    let store = store_of_people();
    let only = Condition::source(col("name").is_in(["z", "w"]));
    let done = store.merge("t", twice()).on(["id"]).when_matched_update_all_if(only).execute();
    assert_eq!(done.unwrap().updated, 2);
    assert_eq!(sorted(&store), ["1, Ada", "2, z", "3, w", "4, Dan"]);
    // To delete a row twice is to delete it.
    let done = store.merge("t", twice()).on(["id"]).when_matched_delete().execute().unwrap();
    assert_eq!((done.deleted, sorted(&store)), (2, vec!["1, Ada".to_owned(), "4, Dan".to_owned()]));
    // Nothing is changed by what is only inserted, and each source row counts.
    let done = store.merge("t", people([(1, "x"), (1, "y"), (7, "p"), (7, "q")]));
    let done = done.on(["id"]).when_not_matched_insert_all().execute().unwrap();
    assert_eq!(done.inserted, 2);
}

#[test]
fn a_condition_may_be_all_of_the_join() {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int64, [1, 5, 9])).unwrap()).save_as_table("t").unwrap();
    let ranges =
        || record_batch!(("low", Int64, [0, 8, 20]), ("high", Int64, [2, 10, 30])).unwrap();
    let within = |pairs: &annals::merge::Pairs| {
        let n = ints(pairs.target.column(0));
        let (low, high) = (ints(pairs.source.column(0)), ints(pairs.source.column(1)));
        Ok((0..n.len())
            .map(|i| Some(low.value(i) <= n.value(i) && n.value(i) < high.value(i)))
            .collect())
    };
    let done = store
        .merge("t", ranges())
        .and_on(within)
        .when_matched_update([("n", source("high"))])
        .when_not_matched_insert([("n", source("low"))])
        .when_not_matched_by_source_delete()
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted), (1, 2, 1));
    assert_eq!(rows_of(&store.table("t").unwrap()), ["2", "10", "20"]);

    let store = store_of_people();
    let done = store
        .merge("t", people([(1, "Ada"), (2, "x")]))
        .on(["id"])
        .and_on(|pairs| {
            let same = |side: &RecordBatch| side.column(1).as_string::<i32>().clone();
            let (old, new) = (same(&pairs.target), same(&pairs.source));
            Ok(old.iter().zip(&new).map(|(old, new)| Some(old == new)).collect())
        })
        .when_matched_delete()
        .when_not_matched_insert_all()
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.inserted), (1, 1));
    assert_eq!(sorted(&store), ["2, Bob", "2, x", "3, Cyd", "4, Dan"]);
    let label = done.committed.commit().unwrap().operations[0].kind.to_string();
    assert_eq!(label, "merge on id, <function>");
}

#[test]
fn what_comes_to_nothing_makes_no_version() {
    let store = store_of_people();
    let done = store
        .merge("t", people([(1, "x"), (9, "y")]))
        .on(["id"])
        .when_matched_delete_if(Condition::source(col("name").eq("z")))
        .when_not_matched_insert_all_if(Condition::source(col("name").eq("z")))
        .execute()
        .unwrap();
    assert_eq!((done.deleted, done.updated, done.inserted), (0, 0, 0));
    assert!(!done.committed.made_version());
    let schema = people([]).schema();
    let nothing = || Source::new(Arc::clone(&schema), []);
    let upsert = |source: Source<'_>| {
        let merge = store.merge("t", source).on(["id"]);
        merge.when_matched_update_all().when_not_matched_insert_all().execute().unwrap()
    };
    assert!(!upsert(nothing()).committed.made_version());
    assert_eq!(store.version().0, 1);

    store.delete("t", annals::Filter::all()).unwrap();
    assert_eq!(upsert(people([(1, "x"), (1, "y")]).into()).inserted, 2);
    let emptied =
        store.merge("t", nothing()).on(["id"]).when_not_matched_by_source_delete().execute();
    assert_eq!(emptied.unwrap().deleted, 2);
    assert_eq!(store.table("t").unwrap().chunk_count(), 0);
}

#[test]
fn a_merge_sees_deletions_later_columns_and_own_changes() {
    let store = store_of_people();
    store.delete("t", col("id").eq(2)).unwrap();
    let age = arrow_schema::Field::new("age", arrow_schema::DataType::Int32, true);
    store.add_columns("t", [age]).unwrap();
    store.rename_column("t", "name", "called").unwrap();
    let rows = record_batch!(
        ("id", Int64, [2, 3, 6]),
        ("called", Utf8, ["Bea", "Cid", "Fay"]),
        ("age", Int32, [22, 33, 66])
    )
    .unwrap();
    let mut tx = store.begin();
    tx.write(
        record_batch!(("id", Int64, [6]), ("called", Utf8, ["Flo"]), ("age", Int32, [1])).unwrap(),
    )
    .mode(SaveMode::Append)
    .save_as_table("t")
    .unwrap();
    let done = tx
        .merge("t", rows.clone())
        .on(["id"])
        .when_matched_update_if(Condition::target(col("age").is_null()), [("age", source("age"))])
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
        .unwrap();
    assert_eq!((done.updated, done.inserted, done.committed.made_version()), (2, 1, false));
    let again = tx.merge("t", rows).on(["id", "age"]).when_matched_delete().execute().unwrap();
    assert_eq!(again.deleted, 3);
    drop(tx);

    let more = record_batch!(("id", Int64, [2, 3]), ("age", Int32, [22, 33])).unwrap();
    let merge = store.merge("t", more).on(["id"]);
    merge.when_matched_update_all().when_not_matched_insert_all().execute().unwrap();
    assert_eq!(sorted(&store), ["1, Ada, null", "2, null, 22", "3, Cyd, 33", "4, Dan, null"]);
}

#[test]
fn partitions_stay_apart() {
    let store = Store::in_memory();
    let rows = record_batch!(("p", Utf8, ["a", "b", "a"]), ("n", Int64, [1, 2, 3])).unwrap();
    store.write(rows).partition_by(["p"]).save_as_table("t").unwrap();
    let rows = record_batch!(("p", Utf8, ["b", "c", "b"]), ("n", Int64, [1, 7, 8])).unwrap();
    let merge = store.merge("t", rows).on(["n"]);
    merge.when_matched_update_all().when_not_matched_insert_all().execute().unwrap();
    let table = store.table("t").unwrap();
    for batch in table.read().unwrap() {
        let values: &StringArray = batch.column(0).as_string::<i32>();
        assert!(values.iter().all(|value| value == values.iter().next().unwrap()));
    }
    assert_eq!(sorted(&store), ["a, 3", "b, 1", "b, 2", "b, 8", "c, 7"]);
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let store = store_of_people();
    store.create_view("v", "select 1").unwrap();
    let version = store.version();
    let rows = || people([(1, "x"), (9, "y")]);
    let merge = |on: &'static str| store.merge("t", rows()).on([on]);
    let says = |error: Result<annals::Changed, WriteError>, text: &str| {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    says(
        merge("age").when_matched_delete().execute(),
        "default.t has no column `age`; it has id, name",
    );
    says(
        store.merge("t", rows()).on_columns([("id", "key")]).when_matched_delete().execute(),
        "the source of the merge into default.t has no single column `key`; it has id, name",
    );
    says(
        merge("id").when_matched_update([("age", literal(1))]).execute(),
        "default.t has no column `age`",
    );
    says(
        merge("id").when_matched_update([("name", source("age"))]).execute(),
        "has no single column `age`",
    );
    says(
        merge("id").when_matched_update([("id", literal(1)), ("ID", literal(2))]).execute(),
        "the column `id` of default.t is assigned to twice",
    );
    says(
        merge("id").when_matched_update([("id", literal("one"))]).execute(),
        "`id` is Int64 and comes as Utf8",
    );
    says(
        merge("id").when_not_matched_insert([("id", target("id"))]).execute(),
        "what a merge inserts has no row of the table yet",
    );
    says(
        merge("id").when_not_matched_by_source_update([("id", source("id"))]).execute(),
        "what no row of the source matches has no values of the source",
    );
    says(
        merge("id")
            .when_not_matched_by_source_delete_if(Condition::source(col("id").eq(1)))
            .execute(),
        "has no values of the source",
    );
    says(
        merge("id").when_not_matched_insert_all_if(Condition::target(col("id").eq(1))).execute(),
        "has no row of the table yet",
    );
    says(merge("id").when_not_matched_insert::<&str>([]).execute(), "one column at least");
    // Types are looked at even if no row is there to be changed.
    says(
        store
            .merge("t", people([(77, "x")]))
            .on(["id"])
            .when_matched_update([("id", source("name"))])
            .execute(),
        "`id` is Int64 and comes as Utf8",
    );
    says(
        merge("id").when_matched_delete_if(Condition::source(col("age").eq(1))).execute(),
        "in a condition on the source of a merge into default.t: no column `age`",
    );
    says(
        merge("id").when_matched_delete_if(Condition::target(col("age").eq(1))).execute(),
        "in a condition on the table of a merge into default.t: no column `age`",
    );
    says(merge("id").execute(), "needs a clause");
    says(
        store.merge("t", rows()).when_matched_delete().execute(),
        "needs columns or a condition to join on",
    );
    says(
        merge("id").when_matched_delete().when_matched_update_all().execute(),
        "leaves nothing to those behind it",
    );
    says(
        store
            .merge("t", record_batch!(("id", Utf8, ["1"])).unwrap())
            .on(["id"])
            .when_matched_delete()
            .execute(),
        "`id` is Int64 and comes as Utf8",
    );
    says(
        merge("id").when_matched_update([("id", computed(|_| Err("no".into())))]).execute(),
        "the function used for the column `id` on default.t failed: no",
    );
    says(
        merge("id")
            .and_on(|_| Ok(BooleanArray::from(vec![true; 9])))
            .when_matched_delete()
            .execute(),
        "it returned 9 values for 1 rows",
    );
    says(store.merge("v", rows()).on(["id"]).when_matched_delete().execute(), "view");
    says(store.merge("none", rows()).on(["id"]).when_matched_delete().execute(), "none");
    says(store.merge("a.b.c.d", rows()).on(["id"]).when_matched_delete().execute(), "a.b.c.d");
    let broken = Source::stream(rows().schema(), [Ok(rows()), Err("torn")]);
    says(
        store.merge("t", broken).on(["id"]).when_matched_delete().execute(),
        "source of rows failed",
    );
    assert_eq!(store.version(), version);
}

#[test]
fn columns_of_the_source_are_found_as_written_before_case_is_disregarded() {
    let store = store_of_people();
    let rows = record_batch!(("Id", Int64, [3]), ("id", Int64, [1]), ("new", Utf8, ["x"])).unwrap();
    let done = store
        .merge("t", rows.clone())
        .on_columns([("id", "id")])
        .when_matched_update([("name", source("NEW")), ("id", source("Id"))])
        .execute();
    assert_eq!(done.unwrap().updated, 1);
    assert_eq!(sorted(&store), ["2, Bob", "3, Cyd", "3, x", "4, Dan"]);
    let either = store.merge("t", rows).on_columns([("id", "ID")]).when_matched_delete().execute();
    assert!(matches!(either, Err(WriteError::NoSourceColumn { .. })));
}

#[test]
fn more_rows_than_are_decided_upon_at_once() {
    let count = 70_000;
    let batch = |ids: Vec<usize>, value: i64| {
        let codes = ids.iter().map(|id| format!("code {id}"));
        let codes: ArrayRef = Arc::new(StringArray::from_iter_values(codes));
        let numbers: ArrayRef =
            Arc::new(Int64Array::from_iter_values(ids.iter().map(|n| *n as i64)));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![value; ids.len()]));
        let columns = [("code", codes, true), ("n", numbers, true), ("v", values, true)];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    };
    for key in ["code", "n"] {
        let store = Store::in_memory();
        store.write(batch((0..count).collect(), 0)).save_as_table("t").unwrap();
        let merge = |ids: Vec<usize>, value| {
            let merge = store.merge("t", batch(ids, value)).on([key]);
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
        };
        let done = merge(vec![1, 69_999, 70_001, 65_536], 1).unwrap();
        assert_eq!((done.updated, done.inserted), (3, 1));
        let table = store.table("t").unwrap();
        let ones = table.scan().filter(col("v").eq(1)).columns(["n"]).collect().unwrap();
        assert_eq!(annals_tests::rows_in(&ones), ["1", "65536", "69999", "70001"]);

        let done = merge((10..count + 70_000).collect(), 2).unwrap();
        assert_eq!((done.updated, done.inserted), (count as u64 - 10 + 1, 69_999));
        let (old, new) = (col("v").lt(2), col("v").eq(2));
        let table = store.table("t").unwrap();
        let counts = [old, new].map(|predicate| table.scan().filter(predicate).count().unwrap());
        assert_eq!(counts, [10, 139_990]);
        // The same row again, many pairs later.
        let twice = merge((0..count).chain([5]).collect(), 3);
        assert!(matches!(twice, Err(WriteError::ManySources { rows: 1, .. })));
    }
}

#[test]
fn what_an_insert_leaves_out_must_be_allowed_to_be_null() {
    use arrow_schema::{DataType, Field, Schema};
    let store = Store::in_memory();
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("x", DataType::Int64, false),
    ]);
    store.create_table("t", annals::NewTable::new(schema)).unwrap();
    let rows = record_batch!(("id", Int64, [1])).unwrap();
    let error = store.merge("t", rows).on(["id"]).when_not_matched_insert_all().execute();
    assert!(error.unwrap_err().to_string().contains('x'));
    assert_eq!(store.table("t").unwrap().row_count(), 0);
}

#[test]
fn chunks_that_hold_no_key_of_the_source_stay_as_they_are() {
    let size = ChunkSize { rows_min: 3, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    for n in [0, 10, 20] {
        let rows = people((n..n + 3).map(|n| (n, "x")));
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let seen = std::cell::Cell::new(0);
    let done = store
        .merge("t", people([(11, "y"), (15, "z")]))
        .on(["id"])
        .and_on(|pairs| {
            seen.set(seen.get() + pairs.target.num_rows());
            Ok(BooleanArray::from(vec![true; pairs.target.num_rows()]))
        })
        .when_matched_update_all()
        .execute()
        .unwrap();
    assert_eq!((done.updated, seen.get()), (1, 1));
    // One chunk lost a row, the others are as they were.
    let value = Arc::clone(store.table("t").unwrap().value());
    let deleted = value.state().chunks().map(|(_, entry)| entry.deletions().is_some());
    assert_eq!(deleted.collect::<Vec<_>>(), [false, true, false, false]);
}
