//! Predicates: which rows they select, and that chunks are judged before they are read.

use annals::{Predicate, SaveMode, col};
use annals_tests::rows_in;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use std::sync::Arc;

use crate::{delete, numbers, rows, sizes, store, table};

fn found(predicate: Predicate) -> Vec<i64> {
    let scan = table().scan().filter(predicate.clone());
    let batches = scan.clone().collect().unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() > 0), "no batch is empty");
    let found = numbers(&batches);
    assert_eq!(scan.count().unwrap(), found.len() as u64, "{predicate}");
    // The same whatever else is read.
    let only = table().scan().columns(["n"]).filter(predicate.clone()).collect().unwrap();
    assert_eq!(numbers(&only), found, "{predicate}");
    let others = table().scan().columns(["name"]).filter(predicate).collect().unwrap();
    let names: Vec<String> = found.iter().map(|n| format!("n{n}")).collect();
    assert_eq!(rows_in(&others), names);
    found
}

#[test]
fn every_predicate_selects_what_it_says() {
    type Case = (Predicate, fn(i64) -> bool);
    let cases: Vec<Case> = vec![
        (col("n").eq(42_i64), |n| n == 42),
        (col("N").eq(42_i32), |n| n == 42),
        (col("n").ne(42_i64), |n| n != 42),
        (col("n").lt(10_i64), |n| n < 10),
        (col("n").lt_eq(10_i64), |n| n <= 10),
        (col("n").gt(89.5_f64), |n| n > 89),
        (col("n").gt_eq(90_u8), |n| n >= 90),
        (col("n").between(35_i64, 44_i64), |n| (35..=44).contains(&n)),
        (col("n").is_in([1_i64, 50, 99, 1000]), |n| [1, 50, 99].contains(&n)),
        (col("n").is_in(Vec::<i64>::new()), |_| false),
        (col("half").is_null(), |n| n % 2 == 1),
        (col("half").is_not_null(), |n| n % 2 == 0),
        (col("half").gt(40_i64), |n| n % 2 == 0 && n > 80),
        (col("half").gt(40_i64).not(), |n| n % 2 == 0 && n <= 80),
        (col("half").eq(col("n")), |n| n == 0),
        (col("half").lt(col("n")), |n| n % 2 == 0 && n > 0),
        (col("name").eq("n7"), |n| n == 7),
        (col("name").gt("n98"), |n| n == 99),
        (col("n").lt(5_i64).or(col("n").gt(95_i64)), |n| !(5..=95).contains(&n)),
        (col("n").lt(50_i64).and(col("half").is_null()), |n| n < 50 && n % 2 == 1),
        (col("n").lt(50_i64).and(col("name").eq("n60")), |_| false),
        (col("n").eq(None::<i64>), |_| false),
        (col("n").eq(None::<i64>).not(), |_| false),
        (Predicate::literal(true), |_| true),
        (Predicate::literal(false), |_| false),
        (col("n").lt(1000_i64), |_| true),
        (col("n").gt(1000_i64), |_| false),
    ];
    for (predicate, selects) in cases {
        let expected: Vec<i64> = (0..100).filter(|n| selects(*n)).collect();
        assert_eq!(found(predicate.clone()), expected, "{predicate}");
    }
}

#[test]
fn two_filters_must_both_match() {
    let scan = table().scan().filter(col("n").gt_eq(10_i64)).filter(col("n").lt(13_i64));
    assert_eq!(numbers(&scan.collect().unwrap()), [10, 11, 12]);
}

#[test]
fn rows_that_were_deleted_are_not_selected() {
    let store = store();
    // Part of a chunk, all of one, and the same chunk twice.
    delete(&store, col("n").between(3_i64, 5_i64));
    delete(&store, col("n").between(10_i64, 19_i64));
    delete(&store, col("n").eq(8_i64).or(col("n").gt(95_i64)));
    let table = store.table("t").unwrap();
    let gone = |n: &i64| (3..=5).contains(n) || (10..=19).contains(n) || *n == 8 || *n > 95;
    for (predicate, selects) in [
        (Predicate::literal(true), (|_| true) as fn(i64) -> bool),
        (col("n").lt(10_i64), |n| n < 10),
        (col("n").is_in([4_i64, 6, 15, 96, 97]), |n| n == 6),
        (col("half").is_null(), |n| n % 2 == 1),
        (col("n").gt_eq(0_i64).not(), |_| false),
    ] {
        let expected: Vec<i64> = (0..100).filter(|n| selects(*n) && !gone(n)).collect();
        let scan = table.scan().filter(predicate.clone());
        assert_eq!(numbers(&scan.clone().collect().unwrap()), expected, "{predicate}");
        assert_eq!(scan.count().unwrap(), expected.len() as u64);
    }
    let left: Vec<i64> = (0..100).filter(|n| !gone(n)).collect();
    assert_eq!(numbers(&table.read().unwrap()), left);
    assert_eq!((table.row_count(), table.chunk_count()), (left.len() as u64, 9));
    let names = table.scan().columns(["name"]).limit(4).collect().unwrap();
    assert_eq!(rows_in(&names), ["n0", "n1", "n2", "n6"]);
}

#[test]
fn floats_compare_by_their_total_order() {
    let floats =
        vec![Some(1.0), Some(f64::NAN), Some(-0.0), Some(0.0), None, Some(f64::NEG_INFINITY)];
    let column: ArrayRef = Arc::new(Float64Array::from(floats));
    let flags: ArrayRef =
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), None, None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("f", column, true), ("b", flags, true)]);
    let store = annals::Store::in_memory();
    store.write(batch.unwrap()).save_as_table("f").unwrap();
    let table = store.table("f").unwrap();
    let found =
        |predicate| rows_in(&table.scan().columns(["f"]).filter(predicate).collect().unwrap());
    assert_eq!(found(col("f").gt(0.5)), ["1.0", "NaN"]);
    assert_eq!(found(col("f").eq(f64::NAN)), ["NaN"]);
    assert_eq!(found(col("f").lt(0.0)), ["-0.0", "-inf"]);
    assert_eq!(found(col("f").eq(0.0)), ["0.0"]);
    assert_eq!(found(col("f").ne(f64::NAN)).len(), 4);
    assert_eq!(found(col("b").eq(true)), ["1.0", "0.0"]);
    assert_eq!(found(col("b").eq(true).not()), ["NaN"]);
}

#[test]
fn a_predicate_that_does_not_fit_is_refused_before_anything_is_read() {
    let table = table();
    for predicate in [
        col("nope").eq(1),
        col("n").eq("text"),
        col("name").gt(5),
        col("n").eq(col("name")),
        col("n").is_in(["a", "b"]),
        col("n").eq(1).and(col("nope").is_null()),
    ] {
        let scan = table.scan().filter(predicate.clone());
        assert!(scan.clone().batches().is_err(), "{predicate}");
        assert!(scan.clone().collect().is_err(), "{predicate}");
        assert!(scan.clone().count().is_err(), "{predicate}");
        assert!(scan.limit(0).c_stream().is_err(), "{predicate}");
    }
}

#[test]
fn a_literal_takes_the_type_of_its_column() {
    let store = annals::Store::in_memory();
    let day = |text: &str| {
        let text: ArrayRef = Arc::new(arrow_array::StringArray::from(vec![text]));
        arrow_cast::cast(&text, &arrow_schema::DataType::Date32).unwrap()
    };
    let days = RecordBatch::try_from_iter_with_nullable([("d", day("2024-02-29"), true)]).unwrap();
    store.write(days).save_as_table("d").unwrap();
    let table = store.table("d").unwrap();
    let literal = |text: &str| annals::Literal::from_array(day(text)).unwrap();
    let count = |predicate| table.scan().filter(predicate).count().unwrap();
    assert_eq!(count(col("d").eq(literal("2024-02-29"))), 1);
    assert_eq!(count(col("d").lt(literal("2024-02-29"))), 0);
    assert!(annals::Literal::from_array(crate::rows([1, 2]).column(0).clone()).is_err());
}

#[test]
fn chunks_are_judged_by_what_they_hold_and_not_by_their_order() {
    // Chunks whose ranges overlap, and one of nulls alone.
    let store = store();
    store.write(rows([50, 7, 1000])).mode(SaveMode::Append).save_as_table("t").unwrap();
    let nulls = RecordBatch::new_empty(rows([]).schema());
    store.write(nulls).mode(SaveMode::Append).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    let found = |predicate: Predicate| {
        let batches = table.scan().filter(predicate).collect().unwrap();
        (numbers(&batches), sizes(&batches))
    };
    assert_eq!(found(col("n").eq(7_i64)), (vec![7, 7], vec![1, 1]));
    assert_eq!(found(col("n").gt(98_i64)), (vec![99, 1000], vec![1, 1]));
    assert_eq!(found(col("n").eq(500_i64)), (vec![], vec![]));
}
