//! Rows for others: any reader of batches, and the C stream of Arrow.

use std::sync::Arc;

use annals::{SaveMode, Source, Store, col};
use annals_tests::{numbers as batch_of, rows_in};
use arrow_array::ffi_stream::ArrowArrayStreamReader;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader, new_null_array};
use arrow_schema::{DataType, Field, Fields, Schema};

use crate::{numbers, sizes, store, table};

fn through_c(table: &annals::Table) -> (arrow_schema::SchemaRef, Vec<RecordBatch>) {
    let reader = ArrowArrayStreamReader::try_new(table.scan().c_stream().unwrap()).unwrap();
    (reader.schema(), reader.map(Result::unwrap).collect())
}

#[test]
fn a_scan_is_a_reader_of_batches() {
    fn sum(reader: impl RecordBatchReader) -> (usize, usize) {
        let columns = reader.schema().fields().len();
        (columns, reader.map(|batch| batch.unwrap().num_rows()).sum())
    }
    assert_eq!(sum(table().scan().batches().unwrap()), (3, 100));
    let boxed: Box<dyn RecordBatchReader + Send> =
        Box::new(table().scan().columns(["n"]).limit(7).batches().unwrap());
    assert_eq!(sum(boxed), (1, 7));
}

#[test]
fn a_scan_may_be_read_on_another_thread_while_the_table_changes() {
    let store = store();
    let batches = store.table("t").unwrap().scan().filter(col("n").gt(49_i64)).batches().unwrap();
    store.drop_table("t").unwrap();
    let read = std::thread::spawn(move || batches.map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(numbers(&read.join().unwrap()), (50..100).collect::<Vec<i64>>());
}

#[test]
fn rows_go_through_the_c_stream_and_back_unchanged() {
    let table = table();
    let (schema, batches) = through_c(&table);
    assert_eq!(schema, table.schema());
    assert_eq!(sizes(&batches), [10; 10]);
    assert_eq!(batches, table.read().unwrap());
    // With a projection, a predicate and a limit.
    let scan = table.scan().columns(["name", "n"]).filter(col("half").is_null()).limit(8);
    let reader = ArrowArrayStreamReader::try_new(scan.clone().c_stream().unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches, scan.collect().unwrap());
}

#[test]
fn columns_of_any_type_go_through_the_c_stream() {
    let nested = DataType::Struct(Fields::from(vec![
        Field::new("x", DataType::Int64, true),
        Field::new("l", DataType::List(Field::new("item", DataType::Utf8, true).into()), true),
    ]));
    let types = [
        DataType::Null,
        DataType::Boolean,
        DataType::Utf8View,
        DataType::BinaryView,
        DataType::Decimal256(40, 3),
        DataType::Dictionary(DataType::Int8.into(), DataType::Utf8.into()),
        DataType::FixedSizeBinary(3),
        nested,
    ];
    let columns: Vec<(String, ArrayRef, bool)> = types
        .iter()
        .enumerate()
        .map(|(n, t)| (format!("c{n}"), new_null_array(t, 3), true))
        .collect();
    let store = Store::in_memory();
    store
        .write(RecordBatch::try_from_iter_with_nullable(columns).unwrap())
        .save_as_table("t")
        .unwrap();
    let text = RecordBatch::try_from_iter_with_nullable([(
        "c2",
        Arc::new(arrow_array::StringViewArray::from(vec![
            "short",
            "a text longer than twelve bytes",
        ])) as ArrayRef,
        true,
    )]);
    let writer = store.write(text.unwrap()).mode(SaveMode::Append);
    writer.missing(annals::Missing::FillNull).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    let (schema, batches) = through_c(&table);
    assert_eq!(schema, table.schema());
    assert_eq!(rows_in(&batches), rows_in(&table.read().unwrap()));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
}

#[test]
fn tables_without_rows_or_columns_go_through_the_c_stream() {
    let store = Store::in_memory();
    store.write(batch_of([])).save_as_table("no_rows").unwrap();
    let (schema, batches) = through_c(&store.table("no_rows").unwrap());
    assert_eq!((schema.fields().len(), batches.len()), (1, 0));

    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    store.write(nothing.unwrap()).save_as_table("no_columns").unwrap();
    let (schema, batches) = through_c(&store.table("no_columns").unwrap());
    assert_eq!((schema.fields().len(), sizes(&batches)), (0, vec![3]));
}

#[test]
fn a_stream_that_is_not_read_to_its_end_frees_what_it_holds() {
    let store = Store::in_memory();
    store.set_retention(annals::Retention { versions_max: 1, ..store.retention() });
    store.write(batch_of(0..10)).save_as_table("t").unwrap();
    let weak = Arc::downgrade(store.table("t").unwrap().read().unwrap()[0].column(0));
    let stream = store.table("t").unwrap().scan().c_stream().unwrap();
    let mut reader = ArrowArrayStreamReader::try_new(stream).unwrap();
    let batch = reader.next().unwrap().unwrap();
    store.drop_table("t").unwrap();
    store.create_database("d").unwrap();
    assert!(weak.upgrade().is_some());
    assert_eq!(numbers(std::slice::from_ref(&batch)), (0..10).collect::<Vec<i64>>());
    drop(reader);
    drop(batch);
    assert!(store.settle(std::time::Duration::from_secs(60)));
    assert!(weak.upgrade().is_none());
}

#[test]
fn rows_go_from_one_store_to_another() {
    let (from, to) = (store(), Store::in_memory());
    let scan = from.table("t").unwrap().scan().filter(col("n").lt(25_i64));
    to.write(Source::reader(scan.batches().unwrap())).save_as_table("copy").unwrap();
    let stream = from.table("t").unwrap().scan().filter(col("n").gt_eq(95_i64)).c_stream().unwrap();
    let reader = ArrowArrayStreamReader::try_new(stream).unwrap();
    let saved =
        to.write(Source::reader(reader)).mode(SaveMode::Append).save_as_table("copy").unwrap();
    assert_eq!(saved.rows(), 5);
    let copied = numbers(&to.table("copy").unwrap().read().unwrap());
    assert_eq!(copied, (0..25).chain(95..100).collect::<Vec<i64>>());
}
