//! Ten thousand columns, and a great deal said of a table.

use std::collections::HashMap;
use std::sync::Arc;

use annals::{PropertyPatch, SaveMode, SchemaChange, Store, col, set};
use annals_tests::{numbers, rows_of};
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::{Steps, full};

const COLUMNS: usize = full(10_000, 1_000);

fn rows(columns: usize, first: i32) -> RecordBatch {
    let column = |at: usize| {
        let at = i32::try_from(at).unwrap();
        let values: ArrayRef = Arc::new(Int32Array::from(vec![first + at, first + at + 1]));
        (format!("column {at}"), values, true)
    };
    RecordBatch::try_from_iter_with_nullable((0..columns).map(column)).unwrap()
}

#[test]
fn a_table_of_very_many_columns_takes_every_change() {
    let mut steps = Steps::of("columns");
    let store = Store::in_memory();
    let last = format!("column {}", COLUMNS - 1);
    store.write(rows(COLUMNS, 0)).save_as_table("t").unwrap();
    steps.step(&format!("a save of {COLUMNS}"));
    for n in 1..5 {
        store.write(rows(COLUMNS, n)).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    steps.step("four appends");
    let table = store.table("t").unwrap();
    assert_eq!((table.schema().fields().len(), table.row_count()), (COLUMNS, 10));
    let scan = table.scan().filter(col(&*last).gt(COLUMNS as i32)).columns([last.as_str()]);
    assert_eq!(scan.collect().unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 7);
    assert_eq!(table.read().unwrap()[0].num_columns(), COLUMNS);
    table.column_summary(&last).unwrap();
    steps.step("a scan by the last, a scan of all");
    store.update("t", [set(&*last, -1_i32)], col("column 0").eq(1_i32)).unwrap();
    store.delete("t", col(&*last).eq(-1_i32)).unwrap();
    let merge = store.merge("t", rows(COLUMNS, 2)).on(["column 0"]).when_matched_update_all();
    assert_eq!(merge.when_not_matched_insert_all().execute().unwrap().updated, 4);
    steps.step("an update, a delete, a merge");
    store.compact("t").unwrap();
    steps.step("a compaction");
    store.rename_column("t", &last, "renamed").unwrap();
    store.widen_column("t", "renamed", &DataType::Int64).unwrap();
    store.add_columns("t", [Field::new("new", DataType::Int8, true)]).unwrap();
    let some: Vec<String> = (0..COLUMNS / 2).map(|at| format!("column {at}")).collect();
    steps.step("renamed, widened, added");
    store.drop_columns("t", some).unwrap();
    steps.step("half of them dropped");
    assert_eq!(store.table("t").unwrap().schema().fields().len(), COLUMNS / 2 + 1);
    let merged = store.write(rows(COLUMNS, 9)).mode(SaveMode::Append).merge_schema(true);
    merged.save_as_table("t").unwrap();
    steps.step("an append that brings them back");
    assert_eq!(store.table("t").unwrap().schema().fields().len(), COLUMNS + 2);
    let more: Vec<_> =
        (0..COLUMNS).map(|at| Field::new(format!("more {at}"), DataType::Int8, true)).collect();
    store.add_columns("t", more).unwrap();
    steps.step("as many added at once");
    let rename = |at: usize| SchemaChange::RenameColumn {
        from: format!("more {at}"),
        to: format!("other {at}"),
    };
    let (first, second) = (store.version(), store.snapshot());
    store.alter_table("t", (0..100).map(rename)).unwrap();
    steps.step("a hundred renamed one by one");
    assert!(!second.diff(&store.snapshot()).is_empty());
    assert_eq!(
        rows_of(&store.table("t").unwrap()).len() as u64,
        store.table("t").unwrap().row_count()
    );
    store.revert(store.version()).unwrap();
    store.restore(first).unwrap();
    steps.step("a diff, a revert and a restore");
}

#[test]
fn a_great_deal_may_be_said() {
    let mut steps = Steps::of("said");
    let megabyte = "ü".repeat(512 << 10);
    let many: HashMap<String, String> =
        (0..full(10_000, 1_000)).map(|n| (format!("key {n}"), format!("{n}"))).collect();
    let field = Field::new("n", DataType::Int64, true).with_metadata(many.clone());
    let mut metadata = many;
    metadata.insert("large".to_owned(), megabyte.clone());
    let schema = Arc::new(Schema::new_with_metadata(vec![field], metadata));
    let batch = RecordBatch::try_new(schema, numbers([1]).columns().to_vec()).unwrap();
    let store = Store::in_memory();
    let write = || store.write(batch.clone()).user(&megabyte).message(&megabyte);
    let write = write().metadata(&megabyte, &megabyte).comment(&megabyte);
    write.idempotent(&megabyte, 1).save_as_table("t").unwrap();
    let append = store.write(batch.clone()).mode(SaveMode::Append).idempotent(&megabyte, 1);
    assert!(append.save_as_table("t").unwrap().committed().unwrap().was_applied_before());
    steps.step("a save of which a megabyte is said five times");
    let patch = (0..full(10_000, 1_000)).fold(PropertyPatch::new(), |patch, n| {
        patch.with(&format!("property {n}"), &megabyte[..64])
    });
    store.set_properties("t", &patch.with(&megabyte, &megabyte)).unwrap();
    steps.step("very many properties");
    for n in 0..100 {
        store.write(batch.clone()).mode(SaveMode::Append).save_as_table("t").unwrap();
        let patch = PropertyPatch::new().with("one more", &n.to_string());
        store.set_properties("t", &patch).unwrap();
    }
    steps.step("200 commits after that");
    let table = store.table("t").unwrap();
    assert_eq!((table.comment(), table.row_count()), (Some(&*megabyte), 101));
    let commit = store.history();
    let first = commit.iter().last().unwrap();
    assert_eq!(first.info.user.as_deref(), Some(&*megabyte));
    assert!(store.history().to_batch().num_rows() > 200);
    steps.step("the history as a batch");
}
