//! What Spark 4.3 does with the same saves, as it was recorded, under Spark's own casts.

use std::sync::Arc;

use annals::{CastPolicy, SaveMode, Store, record_batch};
use annals_tests::{people, rows_of};
use arrow_array::{ArrayRef, Float64Array, Int32Array, NullArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use crate::{outcome, seen};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| Field::new(*name, values.data_type().clone(), true))
        .collect();
    let values = columns.into_iter().map(|(_, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).expect("columns of one length")
}

fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// `id INT, name STRING` with the rows (1, a), (2, b).
fn present() -> RecordBatch {
    batch(vec![("id", ints(&[1, 2])), ("name", texts(&["a", "b"]))])
}

/// A frame, and what overwriting `t` with it and appending it to `t` come to.
struct Case {
    frame: RecordBatch,
    overwritten: &'static str,
    appended: &'static str,
}

const REFUSED: &str = "refused";

fn cases() -> Vec<(&'static str, Case)> {
    let case = |frame, overwritten, appended| Case { frame, overwritten, appended };
    let long = record_batch!(("id", Int64, [3]), ("name", Utf8, ["c"])).expect("a batch");
    vec![
        (
            "the same columns",
            case(
                batch(vec![("id", ints(&[3])), ("name", texts(&["c"]))]),
                "id Int32, name Utf8: 3, c",
                "id Int32, name Utf8: 1, a; 2, b; 3, c",
            ),
        ),
        (
            "reordered columns",
            case(
                batch(vec![("name", texts(&["c"])), ("id", ints(&[3]))]),
                "name Utf8, id Int32: c, 3",
                "id Int32, name Utf8: 1, a; 2, b; 3, c",
            ),
        ),
        (
            "names in another case",
            case(
                batch(vec![("ID", ints(&[3])), ("NAME", texts(&["c"]))]),
                "ID Int32, NAME Utf8: 3, c",
                "id Int32, name Utf8: 1, a; 2, b; 3, c",
            ),
        ),
        (
            "one column renamed",
            case(
                batch(vec![("id", ints(&[3])), ("label", texts(&["c"]))]),
                "id Int32, label Utf8: 3, c",
                REFUSED,
            ),
        ),
        (
            "all columns renamed",
            case(
                batch(vec![("x", ints(&[3])), ("y", texts(&["c"]))]),
                "x Int32, y Utf8: 3, c",
                REFUSED,
            ),
        ),
        ("fewer columns", case(batch(vec![("id", ints(&[3]))]), "id Int32: 3", REFUSED)),
        (
            "more columns",
            case(
                batch(vec![("id", ints(&[3])), ("name", texts(&["c"])), ("age", ints(&[30]))]),
                "id Int32, name Utf8, age Int32: 3, c, 30",
                REFUSED,
            ),
        ),
        (
            "a wider type",
            case(long, "id Int64, name Utf8: 3, c", "id Int32, name Utf8: 1, a; 2, b; 3, c"),
        ),
        (
            "a text for a number",
            case(
                batch(vec![("id", texts(&["x"])), ("name", texts(&["c"]))]),
                "id Utf8, name Utf8: x, c",
                REFUSED,
            ),
        ),
        (
            "two columns of one name",
            case(batch(vec![("id", ints(&[3])), ("id", ints(&[4]))]), REFUSED, REFUSED),
        ),
        (
            "two columns of one name but for case",
            case(batch(vec![("id", ints(&[3])), ("ID", texts(&["c"]))]), REFUSED, REFUSED),
        ),
        (
            "no rows",
            case(
                batch(vec![("id", ints(&[])), ("name", texts(&[]))]),
                "id Int32, name Utf8: ",
                "id Int32, name Utf8: 1, a; 2, b",
            ),
        ),
        (
            "no rows, and other columns",
            case(
                batch(vec![("z", Arc::new(Float64Array::from_iter_values([])))]),
                "z Float64: ",
                REFUSED,
            ),
        ),
        (
            "a column of nulls without a type",
            case(
                batch(vec![("id", ints(&[3])), ("name", Arc::new(NullArray::new(1)))]),
                "id Int32, name Null: 3, null",
                "id Int32, name Utf8: 1, a; 2, b; 3, null",
            ),
        ),
    ]
}

#[test]
fn saves_onto_a_table_do_what_spark_does() {
    for (told, case) in cases() {
        for (mode, expected) in [
            (SaveMode::Overwrite, case.overwritten),
            (SaveMode::Append, case.appended),
            (SaveMode::Ignore, "id Int32, name Utf8: 1, a; 2, b"),
            (SaveMode::ErrorIfExists, REFUSED),
        ] {
            let store = Store::in_memory();
            store.write(present()).save_as_table("t").unwrap();
            let writer = store.write(&case.frame).mode(mode).casts(CastPolicy::Ansi);

            let result = writer.save_as_table("t");

            let told = format!("{told}, in mode {mode}: {}", outcome(&result));
            assert_eq!(result.is_err(), expected == REFUSED, "{told}");
            let expected =
                if expected == REFUSED { "id Int32, name Utf8: 1, a; 2, b" } else { expected };
            assert_eq!(seen(&store.snapshot(), "t"), expected, "{told}");
        }
    }
}

#[test]
fn what_does_not_depend_on_rows_that_were_there_makes_the_table() {
    for (told, case) in cases() {
        for mode in
            [SaveMode::Overwrite, SaveMode::Append, SaveMode::Ignore, SaveMode::ErrorIfExists]
        {
            let store = Store::in_memory();
            let result = store.write(&case.frame).mode(mode).save_as_table("t");
            assert_eq!(result.is_err(), case.overwritten == REFUSED, "{told}, in mode {mode}");
            if case.overwritten == REFUSED {
                assert!(!store.table_exists("t").unwrap());
            } else {
                assert_eq!(seen(&store.snapshot(), "t"), case.overwritten, "{told}");
            }
        }
    }
}

#[test]
fn a_narrower_type_is_appended_and_the_table_keeps_its_own() {
    let store = Store::in_memory();
    store.write(people([(1, "a")])).save_as_table("t").unwrap();
    let narrow = batch(vec![("id", ints(&[3])), ("name", texts(&["c"]))]);
    store.write(narrow).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(seen(&store.snapshot(), "t"), "id Int64, name Utf8: 1, a; 3, c");
}

#[test]
fn a_frame_that_forbids_nulls_makes_a_table_that_does_not() {
    for mode in [SaveMode::Append, SaveMode::Overwrite] {
        let store = Store::in_memory();
        let strict = Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]));
        let frame = RecordBatch::try_new(strict, vec![ints(&[1])]).unwrap();
        store.write(frame).save_as_table("t").unwrap();
        assert!(store.table("t").unwrap().schema().field(0).is_nullable());
        let nulls: ArrayRef = Arc::new(Int32Array::from(vec![None]));
        store.write(batch(vec![("id", nulls)])).mode(mode).save_as_table("t").unwrap();
        assert_eq!(rows_of(&store.table("t").unwrap()).last().unwrap(), "null");
    }
}

#[test]
fn a_name_that_was_dropped_is_free_for_other_columns() {
    for mode in [SaveMode::Overwrite, SaveMode::Append, SaveMode::Ignore, SaveMode::ErrorIfExists] {
        let store = Store::in_memory();
        store.write(present()).save_as_table("t").unwrap();
        let id = store.table("t").unwrap().id();
        store.drop_table("t").unwrap();
        let rows = record_batch!(("z", Float64, [1.5])).unwrap();
        store.write(rows).mode(mode).save_as_table("t").unwrap();
        assert_eq!(seen(&store.snapshot(), "t"), "z Float64: 1.5");
        assert_ne!(store.table("t").unwrap().id(), id, "it is another table");
    }
}

/// Spark refuses the append if no partitioning is given (an error of its own); here the table's
/// is meant. It moves partition columns to the end; here columns stay where they are.
#[test]
fn a_partitioned_table_takes_appends_that_name_its_partitioning_or_none() {
    let store = Store::in_memory();
    store.write(present()).partition_by(["id"]).save_as_table("t").unwrap();
    let rows = || batch(vec![("id", ints(&[3])), ("name", texts(&["c"]))]);
    let append = || store.write(rows()).mode(SaveMode::Append);
    append().partition_by(["ID"]).save_as_table("t").unwrap();
    append().save_as_table("t").unwrap();
    let other = append().partition_by(["name"]).save_as_table("t").unwrap_err();
    assert_eq!(
        other.to_string(),
        "the table default.t is partitioned by [id], not by [name]; leave the partitioning out"
    );
    assert_eq!(seen(&store.snapshot(), "t"), "id Int32, name Utf8: 1, a; 2, b; 3, c; 3, c");
    assert_eq!(store.table("t").unwrap().partition_columns(), ["id"]);
}
