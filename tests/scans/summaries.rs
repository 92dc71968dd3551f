//! What is known of a table without reading a row.

use annals::{ColumnSummary, NewView, ReadError, SaveMode, Store, col};
use annals_tests::numbers as batch_of;
use arrow_array::ArrayRef;
use arrow_cast::display::array_value_to_string;
use expect_test::expect;

use crate::{delete, rows, store};

fn shown(value: Option<&ArrayRef>) -> String {
    value.map_or("none".to_owned(), |value| {
        assert_eq!(value.len(), 1);
        array_value_to_string(value, 0).unwrap()
    })
}

fn summary(store: &Store, column: &str) -> String {
    let summary = store.table("t").unwrap().column_summary(column).unwrap();
    let ColumnSummary { null_count, min, max, exact } = summary;
    let how = if exact { "exactly" } else { "at most" };
    format!("{} to {}, {how} {null_count} null", shown(min.as_ref()), shown(max.as_ref()))
}

#[test]
fn a_summary_is_exact_until_rows_are_deleted_from_a_chunk() {
    let store = store();
    assert_eq!(summary(&store, "n"), "0 to 99, exactly 0 null");
    assert_eq!(summary(&store, "HALF"), "0 to 49, exactly 50 null");
    assert_eq!(summary(&store, "name"), "n0 to n99, exactly 0 null");
    store.write(rows([-5, 200])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(summary(&store, "n"), "-5 to 200, exactly 0 null");
    assert_eq!(summary(&store, "half"), "0 to 100, exactly 51 null");
    // A chunk that goes as a whole takes what was known of it with it.
    delete(&store, col("n").is_in([-5_i64, 200]));
    assert_eq!(summary(&store, "n"), "0 to 99, exactly 0 null");
    // What is deleted from a chunk leaves bounds, which hold.
    delete(&store, col("n").is_in([0_i64, 99]));
    assert_eq!(summary(&store, "n"), "0 to 99, at most 0 null");
    assert_eq!(summary(&store, "half"), "0 to 49, at most 50 null");
}

#[test]
fn of_nothing_nothing_is_known() {
    let store = Store::in_memory();
    store.write(rows([])).save_as_table("t").unwrap();
    assert_eq!(summary(&store, "n"), "none to none, exactly 0 null");
    store.write(rows([1, 3])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(summary(&store, "half"), "none to none, exactly 2 null");
    let error = store.table("t").unwrap().column_summary("nope").unwrap_err();
    expect!["default.t has no column `nope`; it has n, name, half"].assert_eq(&error.to_string());
}

#[test]
fn rows_and_bytes_are_counted_through_every_change() {
    let store = store();
    let counts = || {
        let table = store.table("t").unwrap();
        let rows = table.scan().count().unwrap();
        assert_eq!(table.row_count(), rows);
        let all = table.scan().filter(col("n").is_not_null()).count().unwrap();
        assert_eq!(all, rows);
        (rows, table.byte_count(), table.chunk_count())
    };
    let (rows_before, bytes, chunks) = counts();
    assert_eq!((rows_before, chunks), (100, 10));
    // Two numbers, an offset and a few letters each.
    assert!((100 * 20..100 * 40).contains(&bytes), "{bytes}");
    store.write(rows(100..110)).mode(SaveMode::Append).save_as_table("t").unwrap();
    let more = counts();
    assert_eq!((more.0, more.2), (110, 11));
    assert!(more.1 > bytes);
    delete(&store, col("n").gt_eq(100_i64));
    assert_eq!(counts(), (100, bytes, 10));
    delete(&store, col("n").eq(5_i64));
    assert_eq!((counts().0, counts().2), (99, 10));
    store.truncate("t").unwrap();
    assert_eq!(counts(), (0, 0, 0));
    store.restore_table("t", 1).unwrap();
    assert_eq!(counts(), (100, bytes, 10));
}

#[test]
fn a_view_has_no_rows_to_count_or_read() {
    let store = Store::in_memory();
    let fields = batch_of([]).schema();
    store.create_view("v", NewView::new("select 1 as n").schema(fields)).unwrap();
    let view = store.table("v").unwrap();
    assert_eq!(view.schema().fields().len(), 1);
    let refused = |error: ReadError| {
        assert!(matches!(error, ReadError::View { .. }));
        expect!["default.v is a view; read it through SQL, or scan the tables that it names"]
            .assert_eq(&error.to_string());
    };
    refused(view.read().unwrap_err());
    refused(view.scan().batches().unwrap_err());
    refused(view.scan().c_stream().unwrap_err());
    refused(view.scan().count().unwrap_err());
    refused(view.scan().filter(col("n").eq(1)).count().unwrap_err());
}

#[test]
fn handles_of_a_table_say_what_it_is() {
    let store = store();
    let table = store.table("T").unwrap();
    assert_eq!(table.name().to_string(), "default.t");
    assert_eq!(
        (table.version(), table.since(), table.created()),
        (store.version(), store.version(), store.version())
    );
    assert_eq!((table.ordinal(), table.id().0), (0, 0));
    store.write(rows([1])).save_as_table("u").unwrap();
    let later = store.table("t").unwrap();
    assert_eq!((later.version().0, later.since().0), (2, 1));
    // Borrowed, without any count of references.
    let snapshot = store.snapshot();
    let state = snapshot.find(table.name()).unwrap();
    assert_eq!((state.rows(), state.chunk_count()), (100, 10));
    assert!(snapshot.find(&annals::TableName::parse("nope").unwrap()).is_none());
}
