//! Rows of more, fewer or wider columns than the table: merged into it, or put in its place.

use annals::{CastPolicy, Missing, SaveMode};
use annals_tests::rows_in;
use arrow_array::RecordBatch;
use arrow_array::new_null_array;
use arrow_schema::DataType::{Float64, Int16, Int32, Int64, Null, Utf8};
use arrow_schema::Field;
use expect_test::expect;

use crate::{appending, batch, columns, overwriting, refusal, rows, schema, store_with};

#[test]
fn new_columns_are_added_and_missing_ones_filled_with_nulls() {
    let store = store_with(batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"])]));
    let before = store.snapshot();
    let more = batch(&[("c", Int64, &["3"]), ("B", Utf8, &["y"])]);
    appending(&store, more).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Utf8, c Int64");
    assert_eq!(rows(&store), ["1, x, null", "null, y, 3"]);
    // The version before has neither the column nor the row.
    assert_eq!(rows_in(&before.table("t").unwrap().read().unwrap()), ["1, x"]);
    // Once added, it is a column like any other.
    appending(&store, batch(&[("a", Int64, &["5"]), ("b", Utf8, &["z"]), ("c", Int64, &["6"])]))
        .save_as_table("t")
        .unwrap();
    assert_eq!(rows(&store)[2], "5, z, 6");
    assert_eq!(store.table("t").unwrap().ordinal(), 2);
}

#[test]
fn without_merging_neither_is_done() {
    let store = store_with(batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"])]));
    let message = refusal(&store, || {
        let more = batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"]), ("c", Utf8, &["x"])]);
        appending(&store, more).save_as_table("t")
    });
    expect![[r#"
        in the table default.t: column `c` is not in the table; save with merge_schema to add it"#]]
    .assert_eq(&message);
    let fewer = || batch(&[("a", Int64, &["2"])]);
    let message = refusal(&store, || appending(&store, fewer()).save_as_table("t"));
    expect!["in the table default.t: column `b` is not in the rows; supply it or ask for missing columns to be filled with nulls"]
        .assert_eq(&message);
    appending(&store, fewer()).missing(Missing::FillNull).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["1, x", "2, null"]);
}

#[test]
fn columns_are_widened_where_rows_are_wider_and_old_rows_follow() {
    let store = store_with(batch(&[("a", Int16, &["1"]), ("b", Int32, &["2"])]));
    let wider = batch(&[("a", Int64, &["10000000000"]), ("b", Float64, &["2.5"])]);
    let message = refusal(&store, || appending(&store, wider.clone()).save_as_table("t"));
    assert!(message.contains("`a` is Int16 and comes as Int64"), "{message}");
    appending(&store, wider).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Float64");
    assert_eq!(rows(&store), ["1, 2.0", "10000000000, 2.5"]);
    // Narrower rows are widened themselves.
    let narrow = batch(&[("a", Int16, &["7"]), ("b", Int16, &["8"])]);
    appending(&store, narrow).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Float64");
    assert_eq!(rows(&store)[2], "7, 8.0");
    let message = refusal(&store, || {
        let other = batch(&[("a", Utf8, &["x"])]);
        appending(&store, other).merge_schema(true).save_as_table("t")
    });
    assert!(message.contains("`a` is Int64 and comes as Utf8"), "{message}");
}

#[test]
fn a_wider_type_is_preferred_to_a_lossy_cast() {
    let store = store_with(batch(&[("a", Int32, &["1"])]));
    let wider = batch(&[("a", Int64, &["3000000000"])]);
    let writer = appending(&store, wider).merge_schema(true).casts(CastPolicy::Ansi);
    writer.save_as_table("t").unwrap();
    assert_eq!(
        (columns(&store), rows(&store)),
        ("a Int64".into(), vec!["1".into(), "3000000000".into()])
    );
}

#[test]
fn a_void_column_takes_the_type_of_the_first_rows_that_have_one() {
    let nulls = |count| {
        RecordBatch::try_from_iter_with_nullable([
            (
                "a",
                arrow_cast::cast(&crate::array(&Int64, &vec![Some("1"); count]), &Int64).unwrap(),
                true,
            ),
            ("void", new_null_array(&Null, count), true),
        ])
        .unwrap()
    };
    let store = store_with(nulls(2));
    assert_eq!(columns(&store), "a Int64, void Null");
    assert_eq!(rows(&store), ["1, null", "1, null"]);
    appending(&store, nulls(1)).save_as_table("t").unwrap();
    let typed = || batch(&[("a", Int64, &["2"]), ("void", Utf8, &["x"])]);
    refusal(&store, || appending(&store, typed()).save_as_table("t"));
    appending(&store, typed()).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(columns(&store), "a Int64, void Utf8");
    assert_eq!(rows(&store), ["1, null", "1, null", "1, null", "2, x"]);
    appending(&store, nulls(1)).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.column_summary("void").unwrap().null_count, 4);
    let scan = table.scan().filter(annals::col("void").is_not_null());
    assert_eq!(rows_in(&scan.collect().unwrap()), ["2, x"]);
}

#[test]
fn an_overwrite_replaces_the_columns_unless_told_to_keep_them() {
    let store = store_with(batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"])]));
    let other = || batch(&[("c", Int32, &["9"]), ("A", Int32, &["8"])]);
    let message =
        refusal(&store, || overwriting(&store, other()).overwrite_schema(false).save_as_table("t"));
    assert!(message.contains("`b` is not in the rows") && message.contains("`c`"), "{message}");
    // To be kept, the rows are brought into its form.
    let fitting = batch(&[("B", Utf8, &["y"]), ("a", Int16, &["2"])]);
    overwriting(&store, fitting).overwrite_schema(false).save_as_table("t").unwrap();
    assert_eq!((columns(&store), rows(&store)), ("a Int64, b Utf8".into(), vec!["2, y".into()]));
    // Merged, it has both; the old rows are gone.
    overwriting(&store, other()).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(
        (columns(&store), rows(&store)),
        ("a Int64, b Utf8, c Int32".into(), vec!["8, null, 9".into()])
    );
    // And by default it is what came.
    overwriting(&store, other()).save_as_table("t").unwrap();
    assert_eq!((columns(&store), rows(&store)), ("c Int32, A Int32".into(), vec!["9, 8".into()]));
    assert_eq!(store.table("t").unwrap().ordinal(), 3);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let store = store_with(batch(&[("a", Int64, &["1"])]));
    let more = || batch(&[("b", Int64, &["1"])]);
    let message = refusal(&store, || {
        overwriting(&store, more()).merge_schema(true).overwrite_schema(true).save_as_table("t")
    });
    expect!["merge_schema and overwrite_schema exclude each other; give one of them"]
        .assert_eq(&message);
    // To merge and to keep is to merge.
    let writer = overwriting(&store, more()).merge_schema(true).overwrite_schema(false);
    writer.save_as_table("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Int64");
}

#[test]
fn a_column_that_may_not_be_null_cannot_be_left_out() {
    let store = annals::Store::in_memory();
    store
        .create_table("t", schema([Field::new("a", Int64, false), Field::new("b", Int64, true)]))
        .unwrap();
    let message = refusal(&store, || {
        let rows = batch(&[("b", Int64, &["1"]), ("c", Int64, &["1"])]);
        appending(&store, rows).merge_schema(true).save_as_table("t")
    });
    expect!["in the table default.t: column `a` is declared not null and the rows have no values for it; supply them"]
        .assert_eq(&message);
    assert_eq!(columns(&store), "a Int64, b Int64");
}

#[test]
fn merging_creates_like_any_save_where_there_is_nothing() {
    let store = annals::Store::in_memory();
    for (mode, name) in
        [(SaveMode::Append, "t"), (SaveMode::Overwrite, "u"), (SaveMode::Ignore, "v")]
    {
        let writer = store.write(batch(&[("a", Int64, &["1"])])).mode(mode).merge_schema(true);
        writer.save_as_table(name).unwrap();
        assert_eq!(store.table(name).unwrap().row_count(), 1);
    }
}
