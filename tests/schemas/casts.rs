//! Values on their way into a table of other types: what each policy lets pass, and what becomes of
//! it. A value that does not fit is an error, never null, wrapped or cut.

use annals::{CastPolicy, Store};
use arrow_array::RecordBatch;
use arrow_schema::DataType::{self, *};
use arrow_schema::{Field, IntervalUnit, TimeUnit};
use expect_test::expect;

use crate::{appending, batch, refusal, rows, schema, store_with};

use CastPolicy::{Ansi, Exact, Lossless};

fn dictionary(key: DataType, value: DataType) -> DataType {
    Dictionary(Box::new(key), Box::new(value))
}

fn timestamp(unit: TimeUnit, zone: Option<&str>) -> DataType {
    Timestamp(unit, zone.map(Into::into))
}

/// A table with one column of that type.
fn empty(data_type: &DataType) -> Store {
    let store = Store::in_memory();
    store.create_table("t", schema([Field::new("a", data_type.clone(), true)])).unwrap();
    store
}

fn one(data_type: &DataType, values: &[&str]) -> RecordBatch {
    batch(&[("a", data_type.clone(), values)])
}

#[test]
fn each_policy_lets_pass_what_it_says() {
    use TimeUnit::{Microsecond, Millisecond, Second};
    // From, to, the strictest policy that lets it pass, some values, and what becomes of them.
    type Case =
        (DataType, DataType, Option<CastPolicy>, &'static [&'static str], &'static [&'static str]);
    let cases: Vec<Case> = vec![
        (Int64, Int64, Some(Exact), &["1", "-"], &["1", "null"]),
        (Utf8, LargeUtf8, Some(Exact), &["a", "-"], &["a", "null"]),
        (LargeUtf8, Utf8, Some(Exact), &["a"], &["a"]),
        (Utf8View, Utf8, Some(Exact), &["a view", "-"], &["a view", "null"]),
        (Utf8, Utf8View, Some(Exact), &["longer than twelve bytes"], &["longer than twelve bytes"]),
        (Binary, BinaryView, Some(Exact), &["x"], &["78"]),
        (BinaryView, LargeBinary, Some(Exact), &["x"], &["78"]),
        (dictionary(Int32, Utf8), Utf8, Some(Exact), &["a", "a", "-"], &["a", "a", "null"]),
        (Utf8, dictionary(Int8, Utf8), Some(Exact), &["a", "b", "-"], &["a", "b", "null"]),
        (dictionary(Int8, Utf8), dictionary(Int64, LargeUtf8), Some(Exact), &["a"], &["a"]),
        (dictionary(Int64, Utf8), dictionary(Int8, Utf8), Some(Exact), &["a", "a"], &["a", "a"]),
        (Decimal128(10, 2), Decimal256(10, 2), Some(Exact), &["1.25"], &["1.25"]),
        (Decimal128(9, 2), Decimal32(9, 2), Some(Exact), &["1.25"], &["1.25"]),
        (Int8, Int64, Some(Lossless), &["-128", "127"], &["-128", "127"]),
        (UInt8, Int16, Some(Lossless), &["255"], &["255"]),
        (UInt32, Int64, Some(Lossless), &["4294967295"], &["4294967295"]),
        (Int32, Float64, Some(Lossless), &["-2147483648"], &["-2147483648.0"]),
        (Int16, Float32, Some(Lossless), &["-32768"], &["-32768.0"]),
        (Float32, Float64, Some(Lossless), &["0.5", "NaN"], &["0.5", "NaN"]),
        (Int32, Decimal128(12, 2), Some(Lossless), &["-5"], &["-5.00"]),
        (Decimal128(5, 2), Decimal128(9, 4), Some(Lossless), &["1.25"], &["1.2500"]),
        (Date32, Date64, Some(Lossless), &["2024-02-29"], &["2024-02-29T00:00:00"]),
        (
            Date32,
            timestamp(Microsecond, None),
            Some(Lossless),
            &["1969-12-31"],
            &["1969-12-31T00:00:00"],
        ),
        (
            timestamp(Second, None),
            timestamp(Microsecond, None),
            Some(Lossless),
            &["2024-01-01T00:00:01"],
            &["2024-01-01T00:00:01"],
        ),
        (
            timestamp(Second, Some("+02:00")),
            timestamp(Second, Some("+00:00")),
            Some(Lossless),
            &["2024-01-01T02:00:00+02:00"],
            &["2024-01-01T00:00:00Z"],
        ),
        (Time32(Second), Time64(Microsecond), Some(Lossless), &["01:02:03"], &["01:02:03"]),
        (Int64, Int32, Some(Ansi), &["2147483647", "-"], &["2147483647", "null"]),
        (Int64, Float64, Some(Ansi), &["7"], &["7.0"]),
        (Float64, Int64, Some(Ansi), &["1.9", "-1.9"], &["1", "-1"]),
        (Float64, Float32, Some(Ansi), &["0.1"], &["0.1"]),
        (Float64, Decimal128(5, 1), Some(Ansi), &["0.25", "-0.25"], &["0.3", "-0.3"]),
        (Decimal128(5, 2), Decimal128(5, 1), Some(Ansi), &["1.25", "-1.25"], &["1.3", "-1.3"]),
        (Decimal128(5, 2), Int32, Some(Ansi), &["1.99"], &["1"]),
        (Int32, Utf8, Some(Ansi), &["7"], &["7"]),
        (Boolean, Utf8, Some(Ansi), &["true"], &["true"]),
        (Date32, Utf8View, Some(Ansi), &["2024-02-29"], &["2024-02-29"]),
        (
            timestamp(Microsecond, None),
            timestamp(Millisecond, None),
            Some(Ansi),
            &["2024-01-01T00:00:00.001999"],
            &["2024-01-01T00:00:00.001"],
        ),
        (
            timestamp(Microsecond, None),
            Date32,
            Some(Ansi),
            &["1969-12-31T23:00:00"],
            &["1969-12-31"],
        ),
        (Utf8, Int32, None, &["7"], &[]),
        (Utf8, Date32, None, &["2024-01-01"], &[]),
        (Boolean, Int32, None, &["true"], &[]),
        (Int32, Boolean, None, &["1"], &[]),
        (Int32, Date32, None, &["1"], &[]),
        (Utf8, Binary, None, &["x"], &[]),
        (Date32, Int32, None, &["2024-01-01"], &[]),
        (Int32, Interval(IntervalUnit::YearMonth), None, &["1"], &[]),
        (Int32, List(Field::new("item", Int32, true).into()), None, &["1"], &[]),
    ];
    for (from, to, passes, values, expected) in cases {
        for policy in [Exact, Lossless, Ansi] {
            let store = empty(&to);
            let save = || appending(&store, one(&from, values)).casts(policy).save_as_table("t");
            if passes.is_some_and(|strictest| policy >= strictest) {
                save().unwrap_or_else(|error| panic!("{from} to {to}, {policy}: {error}"));
                assert_eq!(rows(&store), expected, "{from} to {to}, {policy}");
                // The table's type stays, and what is stored is of it.
                let table = store.table("t").unwrap();
                assert_eq!(*table.schema().field(0).data_type(), to);
                assert_eq!(*table.read().unwrap()[0].column(0).data_type(), to);
            } else {
                let message = refusal(&store, save);
                assert!(message.contains("`a`"), "{from} to {to}, {policy}: {message}");
            }
        }
    }
}

#[test]
fn a_value_that_does_not_fit_is_an_error_that_names_its_row() {
    use TimeUnit::{Nanosecond, Second};
    let cases: Vec<(DataType, DataType, &[&str])> = vec![
        (Int64, Int32, &["1", "2147483648"]),
        (Int64, UInt8, &["0", "-1"]),
        (Float64, Int32, &["0", "NaN"]),
        (Float64, Int64, &["0", "1e19"]),
        (Decimal128(20, 0), Int64, &["0", "9223372036854775808"]),
        (Int32, Decimal128(3, 1), &["99", "100"]),
        // Lossless but for its range.
        (
            Timestamp(Second, None),
            Timestamp(Nanosecond, None),
            &["2024-01-01T00:00:00", "3024-01-01T00:00:00"],
        ),
    ];
    for (from, to, values) in cases {
        let store = empty(&to);
        let message = refusal(&store, || {
            appending(&store, one(&from, values)).casts(Ansi).save_as_table("t")
        });
        assert!(message.contains("row 1 of column `a`"), "{from} to {to}: {message}");
        assert!(message.contains("out of the range"), "{from} to {to}: {message}");
    }
    let store = empty(&Int8);
    let message = refusal(&store, || {
        appending(&store, one(&Int64, &["1", "300"])).casts(Ansi).save_as_table("t")
    });
    expect!["in the table default.t: row 1 of column `a` holds 300, which is out of the range of Int8; widen the column or correct the value (it came as Int64)"]
        .assert_eq(&message);
}

#[test]
fn a_dictionary_that_has_too_few_keys_is_an_error() {
    let store = empty(&dictionary(Int8, Utf8));
    let names: Vec<String> = (0..200).map(|n| format!("name {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = refusal(&store, || appending(&store, one(&Utf8, &names)).save_as_table("t"));
    assert!(message.contains("`a`") && message.contains("smaller batches"), "{message}");
    appending(&store, one(&Utf8, &names[..100])).save_as_table("t").unwrap();
    // Chunk by chunk there may be more.
    appending(&store, one(&Utf8, &names[100..])).save_as_table("t").unwrap();
    assert_eq!(rows(&store), names);
}

#[test]
fn all_mismatches_are_told_at_once() {
    let store =
        store_with(batch(&[("a", Int32, &["1"]), ("b", Int32, &["1"]), ("c", Utf8, &["x"])]));
    let wrong = batch(&[("a", Utf8, &["x"]), ("b", Int64, &["1"]), ("c", Utf8, &["x"])]);
    let message = refusal(&store, || appending(&store, wrong).save_as_table("t"));
    expect!["in the table default.t: types differ in a way that the policy lossless refuses: `a` is Int32 and comes as Utf8, `b` is Int32 and comes as Int64; cast it before saving or allow more with the cast policy"]
        .assert_eq(&message);
    let wrong = batch(&[("a", Int32, &["1"]), ("d", Int64, &["1"]), ("e", Utf8, &["x"])]);
    let message = refusal(&store, || appending(&store, wrong).save_as_table("t"));
    expect!["in the table default.t: columns `b`, `c` are not in the rows, and columns `d`, `e` are not in the table; give the rows the columns of the table"]
        .assert_eq(&message);
}

#[test]
fn nulls_go_into_columns_of_any_type() {
    let types = [
        Int32,
        Utf8View,
        dictionary(Int8, Utf8),
        Decimal256(40, 3),
        List(Field::new("item", Int32, true).into()),
        Struct(vec![Field::new("x", Int32, true)].into()),
        Boolean,
    ];
    for data_type in types {
        let store = empty(&data_type);
        let nulls = RecordBatch::try_from_iter_with_nullable([(
            "a",
            arrow_array::new_null_array(&Null, 2),
            true,
        )]);
        appending(&store, nulls.unwrap()).casts(Exact).save_as_table("t").unwrap();
        assert_eq!(rows(&store).len(), 2, "{data_type}");
        let batches = store.table("t").unwrap().read().unwrap();
        assert_eq!(
            (batches[0].column(0).data_type(), batches[0].column(0).null_count()),
            (&data_type, 2)
        );
    }
}

#[test]
fn a_cast_does_not_touch_what_needs_none() {
    let store = store_with(batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"])]));
    let rows = batch(&[("b", Utf8, &["y"]), ("a", Int32, &["2"])]);
    let shared = std::sync::Arc::clone(rows.column(0));
    appending(&store, rows).save_as_table("t").unwrap();
    let stored = store.table("t").unwrap().read().unwrap();
    assert!(std::sync::Arc::ptr_eq(stored[1].column(1), &shared));
    assert_eq!(crate::rows(&store), ["1, x", "2, y"]);
}
