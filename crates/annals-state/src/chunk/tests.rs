//! Statistics and sizes, against plain definitions of them.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringViewBuilder};
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_buffer::Buffer;
use arrow_cast::cast;
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, SortOptions, TimeUnit};

use super::*;

fn chunk_of(array: ArrayRef) -> Chunk {
    Chunk::new(RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap())
}

/// Nulls in a slice in the middle, duplicates, and both ends of the order.
fn samples() -> Vec<ArrayRef> {
    use DataType as D;
    let ints = [Some(5), None, Some(3), Some(3), Some(9), None, Some(9), Some(4), Some(1)];
    let ints: ArrayRef = Arc::new(Int64Array::from(ints.to_vec()));
    let floats = Float64Array::from(vec![
        Some(0.0),
        None,
        Some(-0.0),
        Some(f64::NAN),
        Some(1.0),
        Some(-f64::NAN),
        None,
        Some(f64::INFINITY),
        Some(-f64::NAN),
    ]);
    let strings = [
        Some("b"),
        None,
        Some("a\0"),
        Some("a"),
        Some(""),
        Some("prefix, one"),
        Some("prefix, two"),
        Some("prefix, and on"),
        None,
        Some("prefix, two"),
    ];
    let strings: ArrayRef = Arc::new(StringArray::from(strings.to_vec()));
    let bools = BooleanArray::from(vec![None, Some(true), Some(true), Some(false), None]);
    let dictionary = |value| D::Dictionary(Box::new(D::UInt8), Box::new(value));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(floats), Arc::new(bools)];
    for to in [
        D::Int8,
        D::Int64,
        D::UInt16,
        D::Float16,
        D::Float32,
        D::Decimal128(10, 2),
        D::Decimal256(60, 5),
        D::Date64,
        D::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        D::Duration(TimeUnit::Second),
        D::Time64(TimeUnit::Microsecond),
        dictionary(D::Int64),
    ] {
        arrays.push(cast(&ints, &to).unwrap());
    }
    let months = cast(&ints, &D::Int32).unwrap();
    arrays.push(cast(&months, &D::Interval(IntervalUnit::YearMonth)).unwrap());
    for to in [D::Utf8, D::LargeUtf8, D::Utf8View, D::Binary, D::LargeBinary, D::BinaryView] {
        arrays.push(cast(&strings, &to).unwrap());
    }
    arrays.push(cast(&strings, &dictionary(D::Utf8)).unwrap());
    let ends = PrimitiveArray::<Int32Type>::from(vec![2, 3, 9]);
    let values = Int64Array::from(vec![Some(2), None, Some(1)]);
    arrays.push(Arc::new(RunArray::try_new(&ends, &values).unwrap()));
    arrays.push(Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            [Some(b"bb"), None, Some(b"aa")].into_iter(),
            2,
        )
        .unwrap(),
    ));
    arrays
}

#[test]
fn statistics_name_the_first_smallest_and_largest_row() {
    for array in samples() {
        for (from, count) in
            (0..array.len()).flat_map(|a| (0..=array.len() - a).map(move |n| (a, n)))
        {
            let slice = array.slice(from, count);
            let nulls = slice.logical_nulls();
            let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
            let rows: Vec<_> = (0..count).filter(valid).collect();
            let order = make_comparator(&slice, &slice, SortOptions::default()).unwrap();
            let min = rows.iter().copied().min_by(|a, b| order(*a, *b));
            let max = rows.iter().copied().rev().max_by(|a, b| order(*a, *b));
            let chunk = chunk_of(slice);
            let (stats, context) =
                (chunk.stats(0), format!("{} {from}+{count}", array.data_type()));
            assert_eq!(stats.null_count(), (count - rows.len()) as u64, "{context}");
            assert_eq!((stats.min_row(), stats.max_row()), (min, max), "{context}");
            let bounds = chunk.bounds(0);
            assert_eq!(bounds.min.is_some(), !rows.is_empty());
            assert!(bounds.max.is_none_or(|max| max.len() == 1 && !max.is_empty()));
        }
    }
}

#[test]
fn nested_columns_have_no_extremes_and_absent_ones_are_null() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
    let chunk = chunk_of(Arc::new(list));
    assert_eq!((chunk.stats(0).null_count(), chunk.stats(0).min_row()), (1, None));
    assert_eq!((chunk.stats(7).null_count(), chunk.stats(7).max_row()), (2, None));
    assert!(chunk.bounds(7).min.is_none());
    let nulls = chunk_of(Arc::new(NullArray::new(3)));
    assert_eq!((nulls.stats(0).null_count(), nulls.stats(0).min_row()), (3, None));
}

#[test]
fn bytes_are_those_of_the_rows() {
    let long = "thirteen char";
    let cases: Vec<(ArrayRef, u64)> = vec![
        (Arc::new(Int32Array::from(vec![1, 2, 3])), 12),
        (Arc::new(Int32Array::from(vec![Some(1), None])), 9),
        (Arc::new(BooleanArray::from(vec![true; 9])), 2),
        (Arc::new(StringArray::from(vec!["a", "bcd"])), 12 + 4),
        (Arc::new(StringArray::from(vec!["a", "bcd"]).slice(1, 1)), 8 + 3),
        (Arc::new(StringViewArray::from(vec!["a", long])), 32 + 13),
        (Arc::new(StringViewArray::from(vec![long, "a"]).slice(1, 1)), 16),
        (Arc::new(NullArray::new(9)), 0),
        (
            Arc::new(
                ListArray::from_iter_primitive::<Int32Type, _, _>([
                    Some(vec![Some(1); 5]),
                    Some(vec![Some(1); 2]),
                ])
                .slice(1, 1),
            ),
            8 + 2 * 4,
        ),
        (Arc::new(DictionaryArray::<Int32Type>::from_iter(["a", "b", "a"])), 12 + 12 + 2),
        (
            Arc::new(StructArray::from(vec![(
                Arc::new(Field::new("a", DataType::Int32, false)),
                Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef,
            )])),
            8,
        ),
    ];
    for (array, bytes) in cases {
        assert_eq!(chunk_of(array.clone()).bytes(), bytes, "{array:?}");
    }
    for array in samples() {
        assert!(chunk_of(array.slice(1, 2)).bytes() <= chunk_of(array).bytes());
    }
}

#[test]
fn lists_of_any_length_are_the_same_when_they_are_copied() {
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..40_000 {
        lists.append_value((0..row % 5).map(Some));
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    for (from, rows) in [(20_000, 12), (39_993, 7), (0, 9)] {
        let slice = lists.slice(from, rows);
        let chunk = chunk_of(Arc::clone(&slice));
        assert_eq!(chunk.batch().column(0), &slice, "from {from}");
        assert!(unique_buffer_bytes([&chunk]) < 1024, "from {from}: not copied");
    }
}

#[test]
fn a_small_slice_of_large_buffers_is_copied_unless_its_siblings_stay() {
    let rows = 200_000;
    let numbers: ArrayRef =
        Arc::new(Int32Array::from_iter((0..rows).map(|n| (n % 3 > 0).then_some(n))));
    let text = |n: i32| format!("a long enough string {n}");
    let strings = StringArray::from_iter_values((0..rows).map(text));
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..rows).map(text)));
    let keys = Int32Array::from_iter_values(0..rows);
    let dictionary = DictionaryArray::new(keys, Arc::new(strings.clone()));
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for n in 0..rows {
        lists.values().append_value(text(n));
        lists.append(n % 5 > 0);
    }
    let fields = Fields::from(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("v", DataType::Utf8View, true),
    ]);
    let nested = StructArray::new(fields, vec![numbers.clone(), views.clone()], None);
    let arrays: Vec<ArrayRef> = vec![
        numbers,
        Arc::new(strings),
        views,
        Arc::new(dictionary),
        Arc::new(lists.finish()),
        Arc::new(nested),
    ];
    for array in arrays {
        let slice = array.slice(100_001, 20);
        let context = array.data_type().to_string();
        let copied = chunk_of(slice.clone());
        assert_eq!(copied.batch().column(0), &slice, "{context}");
        let kept = unique_buffer_bytes([&copied]);
        assert!(kept < 8 * 1024, "{context}: {kept} for {}", copied.bytes());
        let cut = RecordBatch::try_from_iter_with_nullable([("x", slice, true)]).unwrap();
        assert!(unique_buffer_bytes([&Chunk::from_cut(cut)]) > 64 * 1024, "{context}");
        // Whole arrays stay where they are, and shared buffers count once.
        let whole = chunk_of(array.clone());
        let data = |array: &ArrayRef| array.to_data().buffers().first().map(Buffer::as_ptr);
        assert_eq!(data(whole.batch().column(0)), data(&array), "{context}");
        assert_eq!(unique_buffer_bytes([&whole, &whole]), unique_buffer_bytes([&whole]));
    }
}

#[test]
fn a_schema_of_other_names_keeps_rows_and_statistics() {
    let chunk = chunk_of(Arc::new(Int32Array::from(vec![Some(2), Some(1), None])));
    let schema =
        |name: &str, of, nullable| Arc::new(Schema::new(vec![Field::new(name, of, nullable)]));
    let renamed = chunk.with_schema(schema("y", DataType::Int32, true)).unwrap();
    assert_eq!(renamed.batch().schema().field(0).name(), "y");
    assert_eq!((renamed.stats(0), renamed.bytes()), (chunk.stats(0), chunk.bytes()));
    assert!(chunk.with_schema(schema("y", DataType::Int64, true)).is_err());
    assert!(chunk.with_schema(schema("y", DataType::Int32, false)).is_err());
    assert!(chunk.with_schema(Arc::new(Schema::empty())).is_err());
    let options = RecordBatchOptions::new().with_row_count(Some(5));
    let none = Arc::new(Schema::empty());
    let none = RecordBatch::try_new_with_options(none, vec![], &options).unwrap();
    assert_eq!((Chunk::new(none.clone()).rows(), Chunk::new(none).bytes()), (5, 0));
}

#[test]
fn views_of_a_list_need_what_lies_between_the_first_and_the_last() {
    let values: ArrayRef = Arc::new(Int32Array::from_iter_values(0..10));
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let views = |offsets: &[i32], sizes: &[i32]| {
        let (offsets, sizes) = (offsets.to_vec().into(), sizes.to_vec().into());
        ListViewArray::new(Arc::clone(&item), offsets, sizes, Arc::clone(&values), None)
    };
    // Of ten values five, and a place and a length for each row; an empty view lies nowhere.
    let some = views(&[4, 0, 2], &[3, 0, 2]);
    assert_eq!(chunk_of(Arc::new(some.clone())).bytes(), 3 * 2 * 4 + 5 * 4);
    let large = cast(&some, &DataType::LargeListView(Arc::clone(&item))).unwrap();
    assert!(chunk_of(large).bytes() > 3 * 2 * 8);
    assert_eq!(chunk_of(Arc::new(views(&[5, 9], &[0, 0]))).bytes(), 2 * 2 * 4);
}

#[test]
fn a_union_needs_its_tags_and_what_its_children_need() {
    let field = |name: &str, of: DataType| Field::new(name, of, true);
    let fields: arrow_schema::UnionFields =
        [(0, Arc::new(field("i", DataType::Int32))), (1, Arc::new(field("f", DataType::Float64)))]
            .into_iter()
            .collect();
    let union = |ints: &[i32], floats: &[f64], offsets: Option<Vec<i32>>| -> ArrayRef {
        let children: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(ints.to_vec())),
            Arc::new(Float64Array::from(floats.to_vec())),
        ];
        let (tags, offsets) = (vec![0_i8, 1, 0].into(), offsets.map(Into::into));
        Arc::new(UnionArray::try_new(fields.clone(), tags, offsets, children).unwrap())
    };
    let dense = union(&[1, 2], &[1.0], Some(vec![0, 0, 1]));
    assert_eq!(chunk_of(dense).bytes(), 3 * (1 + 4) + 2 * 4 + 8);
    let sparse = union(&[1, 0, 2], &[0.0, 1.0, 0.0], None);
    assert_eq!(chunk_of(sparse).bytes(), 3 + 3 * 4 + 3 * 8);
}

#[test]
fn a_short_value_lies_in_its_view() {
    let bytes = |text: &str| chunk_of(Arc::new(StringViewArray::from(vec![text]))).bytes();
    assert_eq!((bytes(&"x".repeat(12)), bytes(&"x".repeat(13))), (16, 16 + 13));
}

#[test]
fn memory_that_several_chunks_keep_counts_once() {
    let of = |values: [i64; 4]| chunk_of(Arc::new(Int64Array::from(values.to_vec())));
    let (one, other) = (of([1; 4]), of([2; 4]));
    assert_eq!(unique_buffer_bytes([&one]), 32);
    assert_eq!(unique_buffer_bytes([&one, &one]), 32);
    assert_eq!(unique_buffer_bytes([&one, &other]), 64);
    assert_eq!(unique_buffer_bytes([]), 0);
}

#[test]
fn a_dictionary_and_runs_need_what_of_them_is_used() {
    use arrow_array::types::Int8Type;
    // Of eight values two rows use no more than a quarter.
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8));
    let keys = Int8Array::from(vec![3, 5]);
    let dictionary = DictionaryArray::<Int8Type>::new(keys, values);
    assert_eq!(chunk_of(Arc::new(dictionary)).bytes(), 2 + 16);
    let ends = PrimitiveArray::<Int32Type>::from(vec![2, 3]);
    let runs = RunArray::try_new(&ends, &Int64Array::from(vec![1, 2])).unwrap();
    assert_eq!(chunk_of(Arc::new(runs)).bytes(), 2 * 4 + 2 * 8);
}

#[test]
fn of_a_value_that_stands_twice_in_a_dictionary_the_first_row_counts() {
    use arrow_array::types::Int8Type;
    let values: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "a"]));
    for (keys, first) in [([3, 1, 2, 0], (0, 2)), ([1, 3, 0, 2], (0, 2)), ([2, 0, 3, 1], (2, 0))] {
        let keys = Int8Array::from(keys.to_vec());
        let array = DictionaryArray::<Int8Type>::new(keys, Arc::clone(&values));
        let chunk = chunk_of(Arc::new(array));
        let stats = chunk.stats(0);
        assert_eq!((stats.min_row(), stats.max_row()), (Some(first.0), Some(first.1)));
    }
}

#[test]
fn bounds_that_cannot_be_compared_are_none() {
    let of = |values: Vec<i64>| Some(Arc::new(Int64Array::from(values)) as ArrayRef);
    let other = Some(Arc::new(Int32Array::from(vec![1])) as ArrayRef);
    for (one, two) in [(of(vec![]), of(vec![1])), (of(vec![1]), of(vec![])), (of(vec![1]), other)] {
        assert!(ColumnStats::smaller(one.clone(), two.clone()).is_none());
        assert!(ColumnStats::larger(one, two).is_none());
    }
}

#[test]
fn rows_of_no_columns_are_picked_too() {
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(5));
    let none = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    let picked = pick_rows(&none.unwrap(), &UInt32Array::from(vec![0, 4])).unwrap();
    assert_eq!(picked.num_rows(), 2);
}
