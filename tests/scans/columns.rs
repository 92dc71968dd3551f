//! Projection: the columns that were asked for, in the order that was asked for.

use annals::{ReadError, col};
use annals_tests::rows_in;
use arrow_array::{RecordBatch, RecordBatchReader};
use expect_test::expect;

use crate::{rows, sizes, table};

fn names(batches: &[RecordBatch]) -> Vec<String> {
    let schema = batches[0].schema();
    assert!(batches.iter().all(|batch| batch.schema() == schema));
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

#[test]
fn columns_come_in_the_order_asked_for_as_often_as_asked_for_and_in_any_case() {
    let table = table();
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&["n", "name", "half"], &["n", "name", "half"], "4, n4, 2"),
        (&["half", "n"], &["half", "n"], "2, 4"),
        (&["name"], &["name"], "n4"),
        (&["n", "n", "name", "n"], &["n", "n", "name", "n"], "4, 4, n4, 4"),
        // The name as the table has it.
        (&["NAME", "N"], &["name", "n"], "n4, 4"),
        (&[], &[], ""),
    ];
    for (asked, told, fifth) in cases {
        for filtered in [false, true] {
            let scan = table.scan().columns(asked.to_vec());
            // By a column that may not be among them.
            let scan = if filtered { scan.filter(col("half").lt(3_i64)) } else { scan };
            let reader = scan.clone().batches().unwrap();
            let announced = reader.schema();
            let batches = scan.collect().unwrap();
            assert_eq!(names(&batches), told);
            assert_eq!(announced, batches[0].schema());
            let place = if filtered { 2 } else { 4 };
            assert_eq!(rows_in(&batches)[place], fifth, "{asked:?}");
        }
    }
}

#[test]
fn without_a_projection_all_columns_come_as_the_table_has_them() {
    let table = table();
    let batches = table.read().unwrap();
    assert_eq!(batches[0].schema(), table.schema());
    assert_eq!(sizes(&batches), [10; 10]);
    assert_eq!(rows_in(&batches), rows_in(&[rows(0..100)]));
}

#[test]
fn rows_without_columns_are_still_counted() {
    let none: [&str; 0] = [];
    let batches = table().scan().columns(none).filter(col("n").gt_eq(95_i64)).collect().unwrap();
    assert_eq!(sizes(&batches), [5]);
    assert_eq!(batches[0].num_columns(), 0);
    let batches = table().scan().columns(none).limit(25).collect().unwrap();
    assert_eq!(sizes(&batches), [10, 10, 5]);
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let error = table().scan().columns(["n", "nope"]).batches().unwrap_err();
    expect!["default.t has no column `nope`; it has n, name, half"].assert_eq(&error.to_string());
    assert!(matches!(error, ReadError::NoColumn { .. }));
    // Wherever it is asked for, and even if only rows are to be counted.
    assert!(table().scan().columns(["nope"]).collect().is_err());
    assert!(table().scan().columns(["nope"]).c_stream().is_err());
    assert!(table().scan().columns(["nope"]).count().is_err());
    assert!(table().scan().columns(["nope"]).limit(0).collect().is_err());
    assert!(table().column_summary("nope").is_err());
}
