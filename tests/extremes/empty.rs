//! Nothing at all: no rows, no columns, no text, no operations.

use std::sync::Arc;

use annals::{Compaction, NewTable, PropertyPatch, SaveMode, Store, WriteError};
use annals_tests::{content_of, numbers, rows_of};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;

fn no_columns(rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).unwrap()
}

#[test]
fn no_rows_are_rows_like_any_others() {
    let store = Store::in_memory();
    store.write(numbers([])).save_as_table("t").unwrap();
    for mode in [SaveMode::Append, SaveMode::Overwrite, SaveMode::Ignore] {
        store.write(numbers([])).mode(mode).save_as_table("t").unwrap();
        store.write(vec![numbers([]), numbers([])]).mode(mode).save_as_table("t").unwrap();
    }
    store.write(numbers([])).insert_into("t").unwrap();
    let merge = store.merge("t", numbers([])).on(["n"]).when_matched_delete();
    merge.when_not_matched_insert_all().execute().unwrap();
    store.delete("t", annals::Filter::all()).unwrap();
    store.compact("t").unwrap();
    store.compact_with("t", &Compaction::new().sort_by(["n"])).unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.row_count(), rows_of(&table).len()), (0, 0));
    assert_eq!(table.column_summary("n").unwrap().null_count, 0);
    store.truncate("t").unwrap();
}

#[test]
fn a_table_without_columns_has_rows_all_the_same() {
    let store = Store::in_memory();
    store.write(no_columns(3)).save_as_table("t").unwrap();
    store.write(no_columns(4)).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.write(no_columns(0)).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 7);
    let read = store.table("t").unwrap().read().unwrap();
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 7);
    assert_eq!(store.table("t").unwrap().scan().limit(5).count().unwrap(), 5);
    store.compact("t").unwrap();
    store.rename_table("t", "u").unwrap();
    store.delete("u", annals::Filter::all()).unwrap();
    assert_eq!(store.table("u").unwrap().row_count(), 0);
    // By its id: it was called otherwise then.
    store.restore_table("u", 2).unwrap();
    assert_eq!(store.table("u").unwrap().row_count(), 7);
    store.restore(2).unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 7);
    store.create_table("empty", NewTable::new(Schema::empty())).unwrap();
    assert!(content_of(&store.snapshot()).contains("empty"));
}

#[test]
fn no_operations_and_no_words_make_no_trouble() {
    let store = Store::in_memory();
    let done = store.transact(|_| Ok::<_, WriteError>(())).unwrap();
    assert!(!done.committed.made_version());
    store.write(numbers([1])).save_as_table("t").unwrap();
    store.set_properties("t", &PropertyPatch::new()).ok();
    let before = store.version();
    let mut tx = store.begin();
    tx.user("").message("").metadata("", "").idempotent("", 0).assert("", |_| Ok(()));
    tx.write(numbers([2])).mode(SaveMode::Append).property("", "").save_as_table("t").unwrap();
    tx.commit().unwrap();
    let again = store.write(numbers([2])).mode(SaveMode::Append).idempotent("", 0);
    assert!(again.save_as_table("t").unwrap().committed().unwrap().was_applied_before());
    assert_eq!(store.version().0, before.0 + 1);
    store.create_view("v", "").ok();
    for refused in [
        store.update("t", [], annals::Filter::all()).err(),
        store.drop_columns::<&str>("t", []).err(),
    ] {
        println!("{}", refused.map_or("nothing to do".to_owned(), |error| error.to_string()));
    }
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1", "2"]);
    assert!(store.tag("", store.version()).is_err());
    drop(store.pin(""));
    assert!(store.tables("").is_err());
}
