//! How rows become chunks: small batches joined, large ones cut, streams read once.

use std::cell::Cell;
use std::sync::Arc;

use annals::{ChunkSize, SaveMode, Source, Store, StoreBuilder, WriteError};
use annals_tests::{numbers, numbers_of, people};
use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::ArrowArrayStreamReader;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, RecordBatch, RecordBatchIterator, RecordBatchReader,
    StringViewArray,
};
use arrow_schema::DataType::{Int64, Utf8};
use expect_test::expect;

use crate::batch;

fn store_of(rows_min: usize, rows_max: usize, bytes_max: u64) -> Store {
    StoreBuilder::new().chunk_size(ChunkSize { rows_min, rows_max, bytes_max }).build()
}

fn sizes(store: &Store) -> Vec<usize> {
    store.table("t").unwrap().read().unwrap().iter().map(RecordBatch::num_rows).collect()
}

#[test]
fn chunks_keep_to_their_bounds_and_rows_to_their_order() {
    let huge = u64::MAX;
    // Least and most rows, most bytes, sizes of batches, sizes of chunks.
    type Case = (usize, usize, u64, &'static [usize], &'static [usize]);
    let cases: [Case; 12] = [
        (10, 20, huge, &[1; 30], &[10, 10, 10]),
        (10, 20, huge, &[7, 7, 7, 7], &[14, 14]),
        (10, 20, huge, &[3], &[3]),
        (10, 20, huge, &[0, 3, 0, 4, 0], &[7]),
        (10, 20, huge, &[0, 0], &[]),
        (10, 20, huge, &[50], &[20, 20, 10]),
        (10, 20, huge, &[9, 15], &[9, 15]),
        (10, 20, huge, &[9, 45, 3], &[9, 20, 20, 5, 3]),
        (1, 1, huge, &[3, 2], &[1, 1, 1, 1, 1]),
        // By bytes: a number has 8.
        (10, 20, 8 * 5, &[12], &[5, 5, 2]),
        (10, 20, 1, &[3], &[1, 1, 1]),
        // Bounds that make no sense make the smallest chunks that do.
        (0, 0, 0, &[2, 1], &[1, 1, 1]),
    ];
    for (rows_min, rows_max, bytes_max, batches, chunks) in cases {
        let store = store_of(rows_min, rows_max, bytes_max);
        let mut next = 0..;
        let rows: Vec<RecordBatch> = batches
            .iter()
            .map(|rows| numbers(next.by_ref().take(*rows).collect::<Vec<i64>>()))
            .collect();
        store.write(rows).save_as_table("t").unwrap();
        assert_eq!(sizes(&store), chunks, "{rows_min} {rows_max} {bytes_max} {batches:?}");
        let total = batches.iter().sum::<usize>() as i64;
        assert_eq!(numbers_of(&store.table("t").unwrap()), (0..total).collect::<Vec<i64>>());
    }
}

#[test]
fn a_write_may_choose_its_own_bounds() {
    let store = store_of(1, 2, u64::MAX);
    let writer = store.write(numbers(0..6));
    writer
        .chunk_size(ChunkSize { rows_max: 3, ..ChunkSize::default() })
        .save_as_table("t")
        .unwrap();
    store.write(numbers(6..10)).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(sizes(&store), [3, 3, 2, 2]);
}

#[test]
fn ten_thousand_tiny_batches_become_few_chunks() {
    let store = Store::in_memory();
    let batches = (0..10_000).map(|n| Ok::<_, std::io::Error>(numbers([n])));
    store.write(Source::stream(numbers([]).schema(), batches)).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), 1);
    assert_eq!(store.table("t").unwrap().row_count(), 10_000);
}

#[test]
fn a_large_batch_is_cut_without_a_copy() {
    let rows = numbers(0..100);
    let store = store_of(1, 30, u64::MAX);
    store.write(&rows).save_as_table("t").unwrap();
    assert_eq!(sizes(&store), [30, 30, 30, 10]);
    let values = |batch: &RecordBatch| {
        let data = batch.column(0).to_data();
        data.buffers()[0].data_ptr()
    };
    for batch in store.table("t").unwrap().read().unwrap() {
        assert_eq!(values(&batch), values(&rows), "the buffer of the batch that was written");
    }
}

#[test]
fn batches_in_memory_are_shared_with_their_owner() {
    let rows = people([(1, "Ada"), (2, "Bob")]);
    let store = Store::in_memory();
    store.write(&rows).save_as_table("t").unwrap();
    store.write(&rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    for batch in store.table("t").unwrap().read().unwrap() {
        for (stored, given) in batch.columns().iter().zip(rows.columns()) {
            assert!(Arc::ptr_eq(stored, given));
        }
    }
}

#[test]
fn a_very_large_value_is_a_chunk_of_its_own() {
    let long = "x".repeat(1000);
    let rows = batch(&[("s", Utf8, &["a", &long, "b", &long])]);
    let store = store_of(1, 100, 500);
    store.write(rows).save_as_table("t").unwrap();
    assert!(sizes(&store).iter().all(|rows| *rows == 1), "{:?}", sizes(&store));
    assert_eq!(crate::rows(&store), ["a", &long, "b", &long]);
}

/// A stream that counts how often it is asked, and lets others commit while it is read.
fn counted<'a>(
    asked: &'a Cell<usize>,
    batches: Vec<RecordBatch>,
    mut meanwhile: impl FnMut(usize) + 'a,
) -> Source<'a> {
    let schema = batches[0].schema();
    let mut batches = batches.into_iter();
    Source::stream(
        schema,
        std::iter::from_fn(move || {
            asked.set(asked.get() + 1);
            meanwhile(asked.get());
            batches.next().map(Ok::<_, std::io::Error>)
        }),
    )
}

#[test]
fn a_stream_is_read_once_to_its_end_however_often_the_write_is_decided() {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let asked = Cell::new(0);
    // Each time, a change with which an append does not go.
    let source = counted(&asked, vec![numbers([1]), numbers([2, 3])], |_| {
        store.rename_column("t", "n", "m").unwrap();
        store.rename_column("t", "m", "n").unwrap();
    });
    let saved = store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!((asked.get(), saved.committed().unwrap().retries()), (3, 1));
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1, 2, 3]);
}

#[test]
fn a_stream_that_was_read_fits_the_table_as_it_has_become() {
    // While it is read, the table gets columns, or wider ones, or another order of names.
    type Change = fn(&Store);
    let cases: [(Change, &str); 3] = [
        (
            |store| drop(store.widen_column("t", "a", &arrow_schema::DataType::Float64).unwrap()),
            "2.0, y",
        ),
        (
            |store| {
                store
                    .write(batch(&[("b", Utf8, &["x"]), ("a", Int64, &["1"])]))
                    .mode(SaveMode::Overwrite)
                    .save_as_table("t")
                    .unwrap();
            },
            "y, 2",
        ),
        (|store| drop(store.drop_table("t").unwrap()), "2, y"),
    ];
    for (change, expected) in cases {
        let store = Store::in_memory();
        store
            .write(batch(&[("a", arrow_schema::DataType::Int32, &["1"]), ("b", Utf8, &["x"])]))
            .save_as_table("t")
            .unwrap();
        let asked = Cell::new(0);
        let rows = batch(&[("a", arrow_schema::DataType::Int32, &["2"]), ("b", Utf8, &["y"])]);
        let source = counted(&asked, vec![rows], |asked| {
            if asked == 1 {
                change(&store);
            }
        });
        let saved = store.write(source).mode(SaveMode::Append).save_as_table("t");
        let saved = saved.unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(asked.get(), 2);
        assert_eq!(crate::rows(&store).last().unwrap(), expected);
        assert_eq!(saved.rows(), 1);
    }
}

#[test]
fn a_stream_that_was_converted_is_not_guessed_back() {
    // Its rows were cast to a type that the table no longer has: to be read anew by the caller.
    let store = Store::in_memory();
    let ints = |n: &str| batch(&[("a", arrow_schema::DataType::Int32, &[n])]);
    store.write(batch(&[("a", Int64, &["1"])])).save_as_table("t").unwrap();
    let asked = Cell::new(0);
    let source = counted(&asked, vec![ints("2")], |asked| {
        if asked == 1 {
            store.write(ints("9")).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        }
    });
    let error = store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap_err();
    assert_eq!(error.remedy(), annals::Remedy::Retry);
    assert!(matches!(error, WriteError::Commit(_)), "{error}");
    assert_eq!((asked.get(), crate::rows(&store)), (2, vec!["9".to_owned()]));
    store.write(ints("2")).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn an_overwrite_that_is_decided_again_gives_its_new_columns_ids_of_their_own() {
    // While it is read another column is added, under the id that `b` was to have.
    let store = Store::in_memory();
    store.write(batch(&[("a", Int64, &["1"])])).save_as_table("t").unwrap();
    let asked = Cell::new(0);
    let source = counted(&asked, vec![batch(&[("a", Int64, &["2"]), ("b", Utf8, &["y"])])], |n| {
        if n == 1 {
            let other = arrow_schema::Field::new("c", Int64, true);
            store.add_columns("t", [other]).unwrap();
        }
    });
    let saved = store.write(source).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!((asked.get(), saved.committed().unwrap().retries()), (2, 1));
    assert_eq!(crate::rows(&store), ["2, y"]);
    let diff = store.at(2).unwrap().diff(&store.snapshot());
    let came: Vec<_> = diff.tables[0]
        .details()
        .columns
        .into_iter()
        .filter_map(|change| {
            let annals::ColumnChange::Added { name, .. } = change else { return None };
            Some(name)
        })
        .collect();
    assert_eq!(came, ["b"], "not `c` under another name");
}

#[test]
fn a_stream_that_fails_leaves_the_store_as_it_was_and_is_not_asked_again() {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    for mode in [SaveMode::Append, SaveMode::Overwrite] {
        let asked = Cell::new(0);
        let batches = std::iter::from_fn(|| {
            asked.set(asked.get() + 1);
            Some(if asked.get() <= 2 { Ok(numbers([1])) } else { Err("the disk is gone") })
        });
        let source = Source::stream(numbers([]).schema(), batches);
        let error = store.write(source).mode(mode).save_as_table("t").unwrap_err();
        expect!["the source of rows failed after 2 batches; nothing was written"]
            .assert_eq(&error.to_string());
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "the disk is gone");
        assert_eq!(asked.get(), 3);
    }
    assert_eq!((store.version().0, crate::rows(&store)), (1, vec!["0".to_owned()]));
}

#[test]
fn what_is_skipped_or_refused_by_its_mode_is_not_read() {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    for (mode, stands) in [(SaveMode::Ignore, true), (SaveMode::ErrorIfExists, false)] {
        let asked = Cell::new(0);
        let source = counted(&asked, vec![numbers([1])], |_| {});
        assert_eq!(store.write(source).mode(mode).save_as_table("t").is_ok(), stands);
        assert_eq!(asked.get(), 0, "{mode}");
    }
}

#[test]
fn batches_of_another_schema_than_announced_are_refused() {
    let store = Store::in_memory();
    let error = store.write(vec![numbers([1]), people([(1, "x")])]).save_as_table("t").unwrap_err();
    expect!["batch 1 has the columns id Int64, name Utf8, where n Int64 were announced; give batches of one schema"]
        .assert_eq(&error.to_string());
    let batches = [Ok::<_, std::io::Error>(numbers([1])), Ok(people([(1, "x")]))];
    let source = Source::stream(numbers([]).schema(), batches);
    let error = store.write(source).save_as_table("t").unwrap_err();
    assert!(matches!(error, WriteError::BatchSchema { index: 1, .. }), "{error}");
    let source = Source::new(people([]).schema(), [numbers([1])]);
    assert!(matches!(
        store.write(source).save_as_table("t"),
        Err(WriteError::BatchSchema { index: 0, .. })
    ));
    assert_eq!(store.version().0, 0);
}

#[test]
fn batches_may_differ_in_what_readers_disagree_on() {
    // Nullability and metadata of columns.
    let plain = numbers([1]);
    let strict = {
        let field = plain.schema().field(0).clone().with_nullable(false);
        let field = field.with_metadata([("a".to_owned(), "b".to_owned())].into());
        RecordBatch::try_new(crate::schema([field]), plain.columns().to_vec()).unwrap()
    };
    for batches in [[plain.clone(), strict.clone()], [strict, plain]] {
        let store = Store::in_memory();
        store.write(batches.to_vec()).save_as_table("t").unwrap();
        store.write(batches.to_vec()).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert_eq!(crate::rows(&store), ["1", "1", "1", "1"]);
    }
}

#[test]
fn batches_whose_structs_differ_are_of_another_schema() {
    let values = Arc::clone(numbers([1]).column(0));
    let nested = |name: &str, nullable: bool| {
        let field = Arc::new(arrow_schema::Field::new(name, Int64, nullable));
        let array = arrow_array::StructArray::from(vec![(field, Arc::clone(&values))]);
        RecordBatch::try_from_iter([("s", Arc::new(array) as arrow_array::ArrayRef)]).unwrap()
    };
    for other in [nested("x", false), nested("y", true)] {
        let store = Store::in_memory();
        let error = store.write(vec![nested("x", true), other]).save_as_table("t").unwrap_err();
        assert_eq!(error.remedy(), annals::Remedy::Change, "{error}");
        assert_eq!(store.version().0, 0);
    }
}

#[test]
fn rows_come_from_anything_that_gives_batches() {
    let store = Store::in_memory();
    let append = |source: Source<'_>| {
        store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap().rows()
    };
    let rows = numbers([1, 2]);
    assert_eq!(append(rows.clone().into()), 2);
    assert_eq!(append((&rows).into()), 2);
    assert_eq!(append(vec![rows.clone(), rows.clone()].into()), 4);
    assert_eq!(append([rows.clone()].into()), 2);
    assert_eq!(append([rows.clone(), rows.clone()].as_slice().into()), 4);
    assert_eq!(append(Source::new(rows.schema(), [rows.clone()])), 2);
    let reader = || RecordBatchIterator::new([Ok(rows.clone()), Ok(rows.clone())], rows.schema());
    assert_eq!(append(Source::reader(reader())), 4);
    let boxed: Box<dyn RecordBatchReader> = Box::new(reader());
    assert_eq!(append(boxed.into()), 4);
    let boxed: Box<dyn RecordBatchReader + Send> = Box::new(reader());
    assert_eq!(append(boxed.into()), 4);
    // Another table's scan, and its own, which is of the state before.
    let before = store.table("t").unwrap().row_count();
    assert_eq!(append(Source::reader(store.table("t").unwrap().scan().batches().unwrap())), before);
    let stream = store.table("t").unwrap().scan().limit(3).c_stream().unwrap();
    let reader = ArrowArrayStreamReader::try_new(stream).unwrap();
    assert_eq!(append(Source::reader(reader)), 3);
    assert_eq!(store.table("t").unwrap().row_count(), 2 * before + 3);
}

#[test]
fn views_of_batches_that_are_joined_come_to_be_of_one_buffer() {
    let batch = |number: usize| {
        let text = |row: usize| format!("{number} {row} of many bytes").repeat(100);
        let texts: Vec<Option<String>> =
            (0..10).map(|row| (row % 4 > 0).then(|| text(row))).collect();
        let bytes: ArrayRef =
            Arc::new(BinaryViewArray::from_iter(texts.iter().map(|text| text.as_ref())));
        let short: ArrayRef = Arc::new(StringViewArray::from_iter_values(["short"; 10]));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
        RecordBatch::try_from_iter([("texts", texts), ("bytes", bytes), ("short", short)]).unwrap()
    };
    let batches: Vec<RecordBatch> = (0..20).map(batch).collect();
    let store = Store::in_memory();
    store.write(batches.clone()).save_as_table("t").unwrap();
    let [rows] = &store.table("t").unwrap().read().unwrap()[..] else { panic!("one chunk") };
    let [texts, bytes, short] = rows.columns() else { panic!("three columns") };
    assert_eq!(texts.as_string_view().data_buffers().len(), 1);
    assert_eq!(bytes.as_binary_view().data_buffers().len(), 1);
    assert_eq!(short.as_string_view().data_buffers().len(), 0);
    assert_eq!(annals_tests::rows_in(std::slice::from_ref(rows)), annals_tests::rows_in(&batches));
}
