//! Tables without rows, without columns, or with columns that hold nothing.

use std::sync::Arc;

use annals::{CastPolicy, SaveMode, Source, Store, WriteError, col};
use annals_tests::{numbers, rows_of};
use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::DataType::{Int64, Null, Utf8};
use arrow_schema::{Field, Schema};
use expect_test::expect;

use crate::{appending, batch, columns, overwriting, refusal, rows, schema, store_with};

/// So many rows of no columns.
fn nothing(rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
}

#[test]
fn a_table_may_have_no_rows() {
    let store = store_with(numbers([]));
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), table.byte_count(), table.chunk_count()), (0, 0, 0));
    assert_eq!((columns(&store), rows(&store)), ("n Int64".into(), Vec::new()));
    appending(&store, numbers([])).save_as_table("t").unwrap();
    appending(&store, numbers([1])).save_as_table("t").unwrap();
    appending(&store, numbers([])).save_as_table("t").unwrap();
    assert_eq!((rows(&store), store.version().0), (vec!["1".to_owned()], 4));
    assert_eq!(store.table("t").unwrap().chunk_count(), 1);
    overwriting(&store, numbers([])).save_as_table("t").unwrap();
    assert_eq!(rows(&store), Vec::<String>::new());
}

#[test]
fn a_write_without_batches_needs_a_schema() {
    let store = Store::in_memory();
    let none: Vec<RecordBatch> = Vec::new();
    let error = store.write(none).save_as_table("t").unwrap_err();
    assert!(matches!(error, WriteError::NoSchema));
    expect!["there are no batches, so the columns are unknown; use Source::new with a schema"]
        .assert_eq(&error.to_string());
    store.write(Source::new(numbers([]).schema(), [])).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "n Int64");
    // Even no rows must fit.
    let wrong = batch(&[("other", Utf8, &[])]);
    assert!(appending(&store, wrong).save_as_table("t").is_err());
}

#[test]
fn a_table_may_have_no_columns() {
    let store = store_with(nothing(3));
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), table.byte_count(), columns(&store)), (3, 0, String::new()));
    appending(&store, nothing(2)).save_as_table("t").unwrap();
    appending(&store, nothing(0)).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), table.scan().count().unwrap()), (5, 5));
    let batches = table.read().unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    assert!(batches.iter().all(|batch| batch.num_columns() == 0));
    let limited = table.scan().limit(4).collect().unwrap();
    assert_eq!(limited.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    assert!(table.scan().columns(["a"]).batches().is_err());
    // Rows without columns get some.
    store.add_columns("t", [Field::new("a", Int64, true)]).unwrap();
    assert_eq!(rows(&store), ["null"; 5]);
    appending(&store, batch(&[("a", Int64, &["1"])])).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().scan().filter(col("a").is_null()).count().unwrap(), 5);
    assert_eq!(
        store.table("t").unwrap().scan().filter(annals::Predicate::literal(false)).count().unwrap(),
        0
    );
}

#[test]
fn a_table_without_columns_can_be_merged_into() {
    let store = store_with(nothing(2));
    let message = refusal(&store, || appending(&store, numbers([1])).save_as_table("t"));
    assert!(message.contains("merge_schema"), "{message}");
    appending(&store, numbers([1])).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["null", "null", "1"]);
    store.create_table("empty", schema([])).unwrap();
    assert_eq!(rows_of(&store.table("empty").unwrap()), Vec::<String>::new());
    // Back to none.
    overwriting(&store, nothing(1)).save_as_table("t").unwrap();
    assert_eq!((columns(&store), store.table("t").unwrap().row_count()), (String::new(), 1));
}

#[test]
fn a_void_column_holds_nothing_but_nulls() {
    let void = |count| {
        RecordBatch::try_from_iter_with_nullable([
            ("v", new_null_array(&Null, count), true),
            ("n", Arc::clone(numbers(0..count as i64).column(0)), true),
        ])
        .unwrap()
    };
    let store = store_with(void(3));
    appending(&store, void(1)).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "v Null, n Int64");
    assert_eq!(rows(&store), ["null, 0", "null, 1", "null, 2", "null, 0"]);
    let table = store.table("t").unwrap();
    assert_eq!(table.scan().filter(col("v").is_null()).count().unwrap(), 4);
    assert_eq!(table.scan().filter(col("v").is_not_null()).count().unwrap(), 0);
    let summary = table.column_summary("v").unwrap();
    assert_eq!((summary.null_count, summary.min.is_none(), summary.max.is_none()), (4, true, true));
    let typed = batch(&[("v", Int64, &["1"]), ("n", Int64, &["1"])]);
    for policy in [CastPolicy::Lossless, CastPolicy::Ansi] {
        refusal(&store, || appending(&store, typed.clone()).casts(policy).save_as_table("t"));
    }
    store.widen_column("t", "v", &Int64).unwrap();
    appending(&store, typed).save_as_table("t").unwrap();
    assert_eq!(rows(&store)[4], "1, 1");
    // A part is replaced across both.
    let writer = overwriting(&store, batch(&[("v", Int64, &["-"]), ("n", Int64, &["9"])]));
    writer.replace_where(col("v").is_null()).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["1, 1", "null, 9"]);
}

#[test]
fn a_table_may_have_very_many_columns() {
    let names: Vec<String> = (0..2_000).map(|n| format!("c{n}")).collect();
    let columns: Vec<(&str, arrow_schema::DataType, &[&str])> =
        names.iter().map(|name| (name.as_str(), Int64, ["7"].as_slice())).collect();
    let store = store_with(batch(&columns));
    appending(&store, batch(&columns)).save_as_table("t").unwrap();
    store.drop_columns("t", names[1..1_999].to_vec()).unwrap();
    assert_eq!(rows(&store), ["7, 7", "7, 7"]);
}

#[test]
fn metadata_of_the_schema_stays_with_the_table() {
    let fields = Schema::new(vec![Field::new("n", Int64, true)]);
    let with = |value: &str| {
        let metadata = [("source".to_owned(), value.to_owned())].into();
        RecordBatch::try_new(
            fields.clone().with_metadata(metadata).into(),
            numbers([1]).columns().to_vec(),
        )
        .unwrap()
    };
    let store = store_with(with("first"));
    appending(&store, with("second")).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().schema().metadata()["source"], "first");
    overwriting(&store, with("third")).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().schema().metadata()["source"], "third");
    assert_eq!(
        store.write(with("fourth")).mode(SaveMode::Append).save_as_table("t").unwrap().rows(),
        1
    );
}
