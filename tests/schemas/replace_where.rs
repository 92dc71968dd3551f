//! Overwrites of a part: the rows that match go, the new ones must match, and null matches nothing.

use annals::{ChunkSize, Predicate, SaveMode, SaveOutcome, Store, StoreBuilder, WriteError, col};
use annals_tests::rows_in;
use arrow_array::RecordBatch;
use arrow_schema::DataType::{Int64, Utf8};
use arrow_schema::Field;
use expect_test::expect;

use crate::{appending, batch, overwriting, refusal, rows, store_with};

fn people(rows: &[(&str, &str)]) -> RecordBatch {
    let (ids, names): (Vec<&str>, Vec<&str>) = rows.iter().copied().unzip();
    batch(&[("id", Int64, &ids), ("name", Utf8, &names)])
}

/// Three chunks: 1 to 3, 4 to 6, and one with nulls.
fn store() -> Store {
    let store = store_with(people(&[("1", "a"), ("2", "b"), ("3", "c")]));
    appending(&store, people(&[("4", "d"), ("5", "e"), ("6", "f")])).save_as_table("t").unwrap();
    appending(&store, people(&[("-", "g"), ("8", "-")])).save_as_table("t").unwrap();
    store
}

fn replace(store: &Store, predicate: Predicate, new: &[(&str, &str)]) -> annals::Saved {
    overwriting(store, people(new)).replace_where(predicate).save_as_table("t").unwrap()
}

/// The rows of `store()` but for those of these numbers, and the new ones at the end.
#[track_caller]
fn expect_rows(store: &Store, gone: &[usize], new: &[&str]) {
    let before = ["1, a", "2, b", "3, c", "4, d", "5, e", "6, f", "null, g", "8, null"];
    let kept = before.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let expected: Vec<&str> = kept.map(|(_, row)| *row).chain(new.iter().copied()).collect();
    assert_eq!(rows(store), expected);
    let table = store.table("t").unwrap();
    assert_eq!(table.row_count(), expected.len() as u64);
    assert_eq!(table.scan().count().unwrap(), expected.len() as u64);
}

#[test]
fn what_is_said_of_the_table_is_kept_with_the_rows() {
    let store = store();
    let writer = overwriting(&store, people(&[("2", "new")])).replace_where(col("id").eq(2_i64));
    writer.property("owner", "ops").comment("of people").save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.properties().get("owner").map(|owner| &**owner), Some("ops"));
    assert_eq!((table.comment(), table.row_count()), (Some("of people"), 8));
}

#[test]
fn only_rows_that_match_are_replaced() {
    type Case = (Predicate, &'static [usize], &'static [(&'static str, &'static str)]);
    let cases: Vec<Case> = vec![
        // Part of a chunk.
        (col("id").eq(2_i64), &[1], &[("2", "new")]),
        // A chunk as a whole.
        (col("id").between(4_i64, 6_i64), &[3, 4, 5], &[("4", "new")]),
        // Parts of several.
        (col("id").is_in([3_i64, 4, 8]), &[2, 3, 7], &[]),
        // Nothing.
        (col("id").eq(100_i64), &[], &[("100", "new")]),
        (Predicate::literal(false), &[], &[]),
        // All there is.
        (Predicate::literal(true), &[0, 1, 2, 3, 4, 5, 6, 7], &[("9", "-"), ("-", "-")]),
        // What is null is neither less nor not less.
        (col("id").lt(5_i64), &[0, 1, 2, 3], &[]),
        (col("id").lt(5_i64).not(), &[4, 5, 7], &[]),
        (col("name").ne("a"), &[1, 2, 3, 4, 5, 6], &[]),
        // Unless null is what is asked for.
        (col("id").is_null(), &[6], &[("-", "new")]),
        (col("name").is_null().or(col("id").eq(1_i64)), &[0, 7], &[("5", "-")]),
        (col("id").eq(None::<i64>), &[], &[]),
    ];
    for (predicate, gone, new) in cases {
        let store = store();
        let before = store.snapshot();
        let saved = replace(&store, predicate.clone(), new);
        assert_eq!((saved.outcome(), saved.rows()), (SaveOutcome::ReplacedWhere, new.len() as u64));
        let new: Vec<String> =
            new.iter().map(|(id, name)| format!("{id}, {name}").replace('-', "null")).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        expect_rows(&store, gone, &new);
        let metrics = store.snapshot().commit().unwrap().metrics();
        assert_eq!(
            (metrics.rows_removed, metrics.rows_added),
            (gone.len() as u64, new.len() as u64)
        );
        assert_eq!(rows_in(&before.table("t").unwrap().read().unwrap()).len(), 8, "{predicate}");
    }
}

#[test]
fn a_chunk_that_loses_nothing_is_the_same_chunk() {
    let store = store();
    let before = store.table("t").unwrap().read().unwrap();
    replace(&store, col("id").eq(5_i64), &[]);
    let after = store.table("t").unwrap().read().unwrap();
    for untouched in [0, 2] {
        assert!(std::sync::Arc::ptr_eq(before[untouched].column(0), after[untouched].column(0)));
    }
    assert_eq!(rows_in(&after[1..2]), ["4, d", "6, f"]);
}

#[test]
fn rows_go_from_a_chunk_one_after_the_other_until_it_is_gone() {
    let store = store();
    for (n, left) in [(1_i64, 7_usize), (3, 6), (2, 5)] {
        assert_eq!(store.table("t").unwrap().chunk_count(), 3);
        replace(&store, col("id").eq(n), &[]);
        assert_eq!(rows(&store).len(), left);
        // What is gone does not match again.
        let saved = replace(&store, col("id").eq(n), &[]);
        assert_eq!(saved.committed().unwrap().commit().unwrap().metrics().rows_removed, 0);
    }
    assert_eq!(store.table("t").unwrap().chunk_count(), 2);
    expect_rows(&store, &[0, 1, 2], &[]);
    // Rows that are gone are not found by any scan, nor told of by a count.
    let table = store.table("t").unwrap();
    assert_eq!(table.scan().filter(col("id").lt(4_i64)).count().unwrap(), 0);
    assert_eq!(table.scan().filter(col("id").gt(0_i64)).count().unwrap(), 4);
    assert_eq!(table.scan().limit(2).count().unwrap(), 2);
}

#[test]
fn new_rows_must_match() {
    let store = store();
    let message = refusal(&store, || {
        let new = people(&[("1", "x"), ("7", "y"), ("-", "z")]);
        overwriting(&store, new).replace_where(col("id").lt(5_i64)).save_as_table("t")
    });
    expect!["2 rows for default.t do not match id < 5; leave them out, or widen the predicate"]
        .assert_eq(&message);
}

#[test]
fn new_rows_must_match_where_there_is_no_table_yet() {
    let store = Store::in_memory();
    let write = |ids: &[(&str, &str)]| {
        overwriting(&store, people(ids)).replace_where(col("id").lt(5_i64)).save_as_table("t")
    };
    let message = refusal(&store, || write(&[("1", "x"), ("7", "y")]));
    assert!(message.contains("1 rows for default.t do not match id < 5"), "{message}");
    let message = refusal(&store, || {
        overwriting(&store, people(&[])).replace_where(col("nope").lt(5_i64)).save_as_table("t")
    });
    assert!(message.contains("no column `nope`"), "{message}");
    assert_eq!(write(&[("1", "x")]).unwrap().outcome(), SaveOutcome::Created);
    assert_eq!(rows(&store), ["1, x"]);
}

#[test]
fn a_view_is_not_replaced_in_part() {
    let store = store();
    store.create_view("v", "select 1").unwrap();
    let writer = overwriting(&store, people(&[("1", "x")])).replace_where(col("id").eq(1_i64));
    let error = writer.save_as_table("v").unwrap_err();
    expect!["default.v is a view; rows can be written to tables only"]
        .assert_eq(&error.to_string());
}

#[test]
fn options_that_do_not_go_with_it_are_refused() {
    let store = store();
    let part = || col("id").eq(1_i64);
    for mode in [SaveMode::Append, SaveMode::ErrorIfExists, SaveMode::Ignore] {
        let message = refusal(&store, || {
            store.write(people(&[])).mode(mode).replace_where(part()).save_as_table("t")
        });
        assert_eq!(message, "replace_where goes with mode overwrite only");
    }
    for (merge, overwrite) in [(true, None), (false, Some(true))] {
        let message = refusal(&store, || {
            let mut writer =
                overwriting(&store, people(&[])).replace_where(part()).merge_schema(merge);
            if let Some(overwrite) = overwrite {
                writer = writer.overwrite_schema(overwrite);
            }
            writer.save_as_table("t")
        });
        expect!["replace_where keeps the table's schema; add columns with alter_table first"]
            .assert_eq(&message);
    }
    let error =
        overwriting(&store, people(&[])).replace_where(col("nope").eq(1)).save_as_table("t");
    assert!(matches!(error, Err(WriteError::Predicate { .. })));
    overwriting(&store, people(&[]))
        .replace_where(part())
        .overwrite_schema(false)
        .save_as_table("t")
        .unwrap();
}

#[test]
fn it_reaches_rows_from_before_the_columns_changed() {
    let store = store();
    store.add_columns("t", [Field::new("x", Utf8, true)]).unwrap();
    store.rename_column("t", "id", "number").unwrap();
    let new = batch(&[("number", Int64, &["2"]), ("name", Utf8, &["new"]), ("x", Utf8, &["y"])]);
    overwriting(&store, new.clone())
        .replace_where(col("number").eq(2_i64))
        .save_as_table("t")
        .unwrap();
    assert_eq!(rows(&store)[..2], ["1, a, null", "3, c, null"]);
    assert_eq!(rows(&store)[7], "2, new, y");
    // A column that they do not have is null in them.
    overwriting(&store, new.slice(0, 0))
        .replace_where(col("x").is_null())
        .save_as_table("t")
        .unwrap();
    assert_eq!(rows(&store), ["2, new, y"]);
}

#[test]
fn it_may_go_by_partition() {
    let store = Store::in_memory();
    let days = |days: &[&str], ns: &[&str]| batch(&[("day", Utf8, days), ("n", Int64, ns)]);
    let all = days(&["mon", "tue", "mon", "wed", "-"], &["1", "2", "3", "4", "5"]);
    store.write(all).partition_by(["day"]).save_as_table("t").unwrap();
    let before = store.table("t").unwrap().chunk_count();
    let new = days(&["tue", "tue"], &["20", "21"]);
    overwriting(&store, new).replace_where(col("day").eq("tue")).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), before);
    let table = store.table("t").unwrap();
    assert!(table.value().state().chunks().all(|(_, entry)| entry.deletions().is_none()));
    let of = |day: &str| rows_in(&table.scan().filter(col("day").eq(day)).collect().unwrap());
    assert_eq!((of("tue"), of("mon").len()), (vec!["tue, 20".into(), "tue, 21".into()], 2));
    overwriting(&store, days(&[], &[]))
        .replace_where(col("day").is_null())
        .save_as_table("t")
        .unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 5);
}

#[test]
fn inside_a_transaction_it_sees_what_came_before() {
    let store = store();
    let mut tx = store.begin();
    for n in 0..3 {
        let n = n.to_string();
        let new = people(&[("2", &n), ("2", "again")]);
        tx.write(new)
            .mode(SaveMode::Overwrite)
            .replace_where(col("id").eq(2_i64))
            .save_as_table("t")
            .unwrap();
    }
    tx.commit().unwrap();
    expect_rows(&store, &[1], &["2, 2", "2, again"]);
}

#[test]
fn it_agrees_with_a_filter_over_every_predicate() {
    // What a scan finds is what is replaced, and what it does not find stays.
    let size = ChunkSize { rows_min: 1, rows_max: 4, ..ChunkSize::default() };
    let ids: Vec<String> =
        (0..40).map(|n| if n % 7 == 3 { "-".into() } else { (n * 13 % 40).to_string() }).collect();
    let names: Vec<String> =
        (0..40).map(|n| if n % 5 == 2 { "-".into() } else { format!("{}", n % 6) }).collect();
    let table: Vec<(&str, &str)> =
        ids.iter().zip(&names).map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let predicates = [
        col("id").lt(20_i64),
        col("id").gt_eq(20_i64).not(),
        col("id").lt(20_i64).and(col("name").eq("3")),
        col("id").lt(20_i64).or(col("name").eq("3")),
        col("id").lt(20_i64).or(col("name").is_null()).not(),
        col("name").is_in(["1", "2"]).not(),
        col("name").is_in([Some("1"), None]).not(),
        col("id").is_null().and(col("name").is_null()),
        col("id").ne(None::<i64>),
        col("name").gt("2").and(Predicate::literal(true)),
        col("id").eq(col("id")),
    ];
    for predicate in predicates {
        let store = StoreBuilder::new().chunk_size(size).build();
        store.write(people(&table)).save_as_table("t").unwrap();
        let scan = |store: &Store| store.table("t").unwrap().scan().filter(predicate.clone());
        let (all, matching) = (rows(&store), rows_in(&scan(&store).collect().unwrap()));
        replace(&store, predicate.clone(), &[]);
        let left = rows(&store);
        assert_eq!(left.len() + matching.len(), all.len(), "{predicate}");
        assert_eq!(scan(&store).count().unwrap(), 0, "{predicate}");
        // Each row is in one of the two, in its order.
        let (mut left, mut matching) = (left.iter().peekable(), matching.iter().peekable());
        for row in &all {
            let taken = if left.peek() == Some(&row) { left.next() } else { matching.next() };
            assert_eq!(taken, Some(row), "{predicate}");
        }
    }
}
