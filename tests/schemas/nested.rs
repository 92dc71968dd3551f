//! Structs, lists, maps, dictionaries and views: kept as they came, fitted field by field.

use std::sync::Arc;

use annals::{CastPolicy, Matching, Missing, SaveMode, Store, col};
use annals_tests::{columns_of, rows_in, rows_of};
use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, DictionaryArray, RecordBatch, StringArray, StringViewArray,
    StructArray,
};
use arrow_schema::DataType::{Dictionary, Int32, Int64, Utf8};
use arrow_schema::{DataType, Field};

use crate::{appending, array, refusal, rows, store_with};

fn one(name: &str, values: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, values, true)]).unwrap()
}

/// A column `s` of structs with these fields.
fn structs(fields: &[(&str, DataType, &[&str])]) -> RecordBatch {
    let fields: Vec<(Arc<Field>, ArrayRef)> = fields
        .iter()
        .map(|(name, data_type, values)| {
            let values: Vec<Option<&str>> =
                values.iter().map(|v| Some(*v).filter(|v| *v != "-")).collect();
            (Arc::new(Field::new(*name, data_type.clone(), true)), array(data_type, &values))
        })
        .collect();
    one("s", Arc::new(StructArray::from(fields)))
}

#[test]
fn fields_of_a_struct_find_their_place_by_name() {
    let store = store_with(structs(&[("x", Int64, &["1"]), ("y", Utf8, &["one"])]));
    appending(&store, structs(&[("Y", Utf8, &["two"]), ("X", Int64, &["2"])]))
        .save_as_table("t")
        .unwrap();
    appending(&store, structs(&[("y", Utf8, &["three"]), ("x", Int32, &["3"])]))
        .save_as_table("t")
        .unwrap();
    // By position too, unless the policy is Spark's.
    let swapped = || structs(&[("y", Utf8, &["four"]), ("x", Int64, &["4"])]);
    appending(&store, swapped()).matching(Matching::ByPosition).save_as_table("t").unwrap();
    assert_eq!(
        rows(&store),
        ["{x: 1, y: one}", "{x: 2, y: two}", "{x: 3, y: three}", "{x: 4, y: four}"]
    );
    let by_place = structs(&[("p", Int64, &["5"]), ("q", Utf8, &["five"])]);
    let writer = appending(&store, by_place).matching(Matching::ByPosition);
    writer.casts(CastPolicy::Ansi).save_as_table("t").unwrap();
    assert_eq!(rows(&store)[4], "{x: 5, y: five}");
}

#[test]
fn fields_that_are_missing_or_new_are_treated_like_columns() {
    let store = store_with(structs(&[("x", Int64, &["1"]), ("y", Utf8, &["one"])]));
    let fewer = || structs(&[("x", Int64, &["2"])]);
    let more = || structs(&[("x", Int64, &["3"]), ("y", Utf8, &["three"]), ("z", Int64, &["30"])]);
    let message = refusal(&store, || appending(&store, fewer()).save_as_table("t"));
    assert!(message.contains("`s.y` is not in the rows"), "{message}");
    let message = refusal(&store, || appending(&store, more()).save_as_table("t"));
    assert!(message.contains("`s.z` is not in the table"), "{message}");
    appending(&store, fewer()).missing(Missing::FillNull).save_as_table("t").unwrap();
    appending(&store, more()).merge_schema(true).save_as_table("t").unwrap();
    assert_eq!(
        rows(&store),
        ["{x: 1, y: one, z: null}", "{x: 2, y: null, z: null}", "{x: 3, y: three, z: 30}"]
    );
    // A struct that is null as a whole stays so.
    let nulls = one(
        "s",
        arrow_array::new_null_array(
            &store.table("t").unwrap().schema().field(0).data_type().clone(),
            1,
        ),
    );
    appending(&store, nulls).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.scan().filter(col("s").is_null()).count().unwrap(), 1);
    assert_eq!(table.scan().filter(col("s").is_not_null()).count().unwrap(), 3);
    assert_eq!(table.column_summary("s").unwrap().null_count, 1);
    assert!(table.column_summary("s").unwrap().min.is_none());
}

#[test]
fn lists_and_maps_are_kept_and_their_elements_widened() {
    let list = |values: &[Option<Vec<i64>>]| -> ArrayRef {
        let mut builder = ListBuilder::new(Int64Builder::new());
        for value in values {
            builder.append_option(value.as_ref().map(|value| value.iter().copied().map(Some)));
        }
        Arc::new(builder.finish())
    };
    let store = store_with(one("l", list(&[Some(vec![1, 2]), None, Some(vec![])])));
    let narrow = DataType::List(Field::new("item", Int32, true).into());
    let narrow = arrow_cast::cast(&list(&[Some(vec![3])]), &narrow).unwrap();
    appending(&store, one("l", narrow)).save_as_table("t").unwrap();
    let large = DataType::LargeList(Field::new("element", Int64, true).into());
    let large = arrow_cast::cast(&list(&[Some(vec![4, 5])]), &large).unwrap();
    appending(&store, one("l", large)).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["[1, 2]", "null", "[]", "[3]", "[4, 5]"]);
    let table = store.table("t").unwrap();
    assert_eq!(table.scan().filter(col("l").is_null()).count().unwrap(), 1);
    assert!(table.scan().filter(col("l").eq(1)).batches().is_err());

    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    builder.keys().append_value("a");
    builder.values().append_value(1);
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    let store = store_with(one("m", Arc::new(builder.finish())));
    assert_eq!(rows(&store), ["{a: 1}", "null"]);
    let again = store.table("t").unwrap().read().unwrap();
    appending(&store, again[0].clone()).save_as_table("t").unwrap();
    assert_eq!(rows(&store).len(), 4);
}

#[test]
fn nested_columns_live_through_changes_of_the_table() {
    let store = store_with(structs(&[("x", Int64, &["1", "-"]), ("y", Utf8, &["one", "two"])]));
    store.add_columns("t", [Field::new("n", Int64, true)]).unwrap();
    store.rename_column("t", "s", "renamed").unwrap();
    assert_eq!(rows(&store), ["{x: 1, y: one}, null", "{x: null, y: two}, null"]);
    let writer = store.write(store.table("t").unwrap().read().unwrap()).mode(SaveMode::Overwrite);
    writer.replace_where(col("renamed").is_not_null()).save_as_table("t").unwrap();
    assert_eq!(rows(&store).len(), 2);
}

#[test]
fn a_dictionary_stays_one_whatever_is_appended() {
    let encoded: DictionaryArray<Int32Type> =
        vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let store = store_with(one("d", Arc::new(encoded)));
    let dictionary = Dictionary(Box::new(Int32), Box::new(Utf8));
    let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), None]));
    appending(&store, one("d", plain)).save_as_table("t").unwrap();
    let other: DictionaryArray<arrow_array::types::UInt8Type> =
        vec!["b", "z"].into_iter().collect();
    appending(&store, one("d", Arc::new(other))).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["a", "null", "b", "a", "c", "null", "b", "z"]);
    for batch in store.table("t").unwrap().read().unwrap() {
        assert_eq!(*batch.column(0).data_type(), dictionary);
    }
    let table = store.table("t").unwrap();
    assert_eq!(rows_in(&table.scan().filter(col("d").eq("b")).collect().unwrap()), ["b", "b"]);
    let summary = table.column_summary("d").unwrap();
    let shown = |value: ArrayRef| arrow_cast::display::array_value_to_string(&value, 0).unwrap();
    assert_eq!(
        (shown(summary.min.unwrap()), shown(summary.max.unwrap())),
        ("a".into(), "z".into())
    );
    assert_eq!(summary.null_count, 2);
}

#[test]
fn dictionaries_of_several_batches_are_joined_into_one_chunk() {
    let of = |values: &[&str]| -> RecordBatch {
        let encoded: DictionaryArray<Int32Type> = values.iter().copied().collect();
        one("d", Arc::new(encoded))
    };
    let store = Store::in_memory();
    store.write([of(&["a", "b"]), of(&["c", "a"]), of(&["b"])]).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.chunk_count(), 1);
    assert_eq!(rows_of(&table), ["a", "b", "c", "a", "b"]);
}

#[test]
fn views_stay_views() {
    let text =
        StringViewArray::from(vec![Some("short"), Some("a text longer than twelve bytes"), None]);
    let bytes = BinaryViewArray::from(vec![
        Some(b"short".as_slice()),
        Some(b"bytes longer than twelve bytes"),
        None,
    ]);
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("s", Arc::new(text) as ArrayRef, true),
        ("b", Arc::new(bytes) as ArrayRef, true),
    ])
    .unwrap();
    let store = store_with(batch.clone());
    assert_eq!(columns_of(&store.table("t").unwrap()), "s Utf8View, b BinaryView");
    appending(&store, batch.slice(1, 1)).save_as_table("t").unwrap();
    let plain: ArrayRef = Arc::new(StringArray::from(vec!["plain"]));
    let plain = RecordBatch::try_from_iter_with_nullable([
        ("s", plain, true),
        ("b", crate::array(&DataType::Binary, &[Some("plain")]), true),
    ]);
    appending(&store, plain.unwrap()).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    let long = "a text longer than twelve bytes";
    assert_eq!(
        rows_in(&table.scan().columns(["s"]).collect().unwrap()),
        ["short", long, "null", long, "plain"]
    );
    assert_eq!(table.scan().filter(col("s").eq(long)).count().unwrap(), 2);
    assert_eq!(table.scan().filter(col("b").eq(b"plain".as_slice())).count().unwrap(), 1);
    assert_eq!(table.scan().filter(col("b").gt(b"c".as_slice())).count().unwrap(), 2);
}

#[test]
fn a_small_slice_of_large_buffers_does_not_keep_them() {
    let names: Vec<String> =
        (0..100_000).map(|n| format!("a rather long name, number {n}")).collect();
    let text: ArrayRef = Arc::new(StringArray::from(names.clone()));
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(&names));
    for values in [text, views] {
        let whole = one("s", values);
        let store = store_with(whole.slice(50_000, 3));
        let stored = store.table("t").unwrap().read().unwrap();
        let kept = stored[0].column(0).get_buffer_memory_size();
        assert!(kept < 10_000, "{kept} bytes are kept for three names");
        assert_eq!(rows(&store), names[50_000..50_003]);
        // The whole is shared with its owner, though.
        let store = store_with(whole.clone());
        let stored = store.table("t").unwrap().read().unwrap();
        assert!(Arc::ptr_eq(stored[0].column(0), whole.column(0)));
    }
}
