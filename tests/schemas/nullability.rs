//! Which columns may hold nulls, and who decides.

use annals::{NewTable, Nullability, SaveMode, SchemaChange, Store};
use arrow_array::RecordBatch;
use arrow_schema::DataType::{self, Int64, Utf8};
use arrow_schema::{Field, Schema};
use expect_test::expect;

use crate::{appending, batch, overwriting, refusal, rows, schema};

/// Rows without nulls, of columns that say so.
fn strict() -> RecordBatch {
    let rows = batch(&[("a", Int64, &["1"]), ("b", Utf8, &["x"])]);
    let fields = rows
        .schema()
        .fields()
        .iter()
        .map(|f| f.as_ref().clone().with_nullable(false))
        .collect::<Vec<_>>();
    RecordBatch::try_new(Schema::new(fields).into(), rows.columns().to_vec()).unwrap()
}

fn with_null() -> RecordBatch {
    batch(&[("a", Int64, &["2"]), ("b", Utf8, &["-"])])
}

fn nullable(store: &Store) -> Vec<bool> {
    store.table("t").unwrap().schema().fields().iter().map(|field| field.is_nullable()).collect()
}

#[test]
fn a_first_batch_does_not_decide_that_there_are_never_nulls() {
    for mode in [SaveMode::ErrorIfExists, SaveMode::Append, SaveMode::Overwrite] {
        let store = Store::in_memory();
        store.write(strict()).mode(mode).save_as_table("t").unwrap();
        assert_eq!(nullable(&store), [true, true]);
        appending(&store, with_null()).save_as_table("t").unwrap();
        appending(&store, strict()).save_as_table("t").unwrap();
        assert_eq!(rows(&store), ["1, x", "2, null", "1, x"]);
    }
}

#[test]
fn it_does_if_asked_to() {
    let store = Store::in_memory();
    store.write(strict()).nullability(Nullability::AsWritten).save_as_table("t").unwrap();
    assert_eq!(nullable(&store), [false, false]);
    let message = refusal(&store, || appending(&store, with_null()).save_as_table("t"));
    expect!["in the table default.t: row 0 has a null in column `b`, which is declared not null; fill it or make the column nullable"]
        .assert_eq(&message);
    // Columns that say that they may hold nulls are taken if they hold none.
    appending(&store, batch(&[("a", Int64, &["3"]), ("b", Utf8, &["y"])]))
        .save_as_table("t")
        .unwrap();
    assert_eq!(rows(&store), ["1, x", "3, y"]);
    assert_eq!(nullable(&store), [false, false]);
}

#[test]
fn what_create_table_says_is_kept_by_whatever_is_written() {
    let store = Store::in_memory();
    let fields = schema([Field::new("a", Int64, false), Field::new("b", Utf8, true)]);
    store.create_table("t", NewTable::new(fields)).unwrap();
    assert_eq!(nullable(&store), [false, true]);
    let null_in_a = || batch(&[("a", Int64, &["1", "-"]), ("b", Utf8, &["x", "y"])]);
    for write in ["append", "insert", "replace the rows", "merge"] {
        let message = refusal(&store, || match write {
            "append" => appending(&store, null_in_a()).save_as_table("t"),
            "insert" => store.write(null_in_a()).insert_into("t"),
            "merge" => appending(&store, null_in_a()).merge_schema(true).save_as_table("t"),
            _ => overwriting(&store, null_in_a()).overwrite_schema(false).save_as_table("t"),
        });
        assert!(message.contains("row 1 has a null in column `a`"), "{write}: {message}");
        let fine = || batch(&[("a", Int64, &["1"]), ("b", Utf8, &["-"])]);
        match write {
            "append" => appending(&store, fine()).save_as_table("t"),
            "insert" => store.write(fine()).insert_into("t"),
            "merge" => appending(&store, fine()).merge_schema(true).save_as_table("t"),
            _ => overwriting(&store, fine()).overwrite_schema(false).save_as_table("t"),
        }
        .unwrap();
        assert_eq!(nullable(&store), [false, true], "{write}");
    }
    store.truncate("t").unwrap();
    assert_eq!(nullable(&store), [false, true]);
}

#[test]
fn a_row_is_counted_within_its_batch() {
    let store = Store::in_memory();
    store.create_table("t", schema([Field::new("a", Int64, false)])).unwrap();
    let good = batch(&[("a", Int64, &["1", "2"])]);
    let bad = batch(&[("a", Int64, &["1", "2", "3", "-"])]);
    let message =
        refusal(&store, || store.write(vec![good, bad]).mode(SaveMode::Append).save_as_table("t"));
    assert!(message.contains("row 3 has a null"), "{message}");
}

#[test]
fn a_column_may_be_let_be_null_but_not_the_other_way_round() {
    let store = Store::in_memory();
    store
        .create_table("t", schema([Field::new("a", Int64, false), Field::new("b", Utf8, false)]))
        .unwrap();
    appending(&store, strict()).save_as_table("t").unwrap();
    store.alter_table("t", [SchemaChange::SetNullable("B".to_owned())]).unwrap();
    assert_eq!(nullable(&store), [false, true]);
    appending(&store, with_null()).save_as_table("t").unwrap();
    assert_eq!(rows(&store), ["1, x", "2, null"]);
    // Twice is no harm; a column that is not there is.
    store.alter_table("t", [SchemaChange::SetNullable("b".to_owned())]).unwrap();
    assert!(store.alter_table("t", [SchemaChange::SetNullable("c".to_owned())]).is_err());
    // An overwrite that replaces the columns begins afresh.
    overwriting(&store, strict()).save_as_table("t").unwrap();
    assert_eq!(nullable(&store), [true, true]);
}

#[test]
fn fields_within_columns_follow_the_same_rules() {
    let inner = |nullable| DataType::Struct(vec![Field::new("x", Int64, nullable)].into());
    let values = crate::array(&Int64, &[Some("1")]);
    let structs = |nullable: bool| {
        let DataType::Struct(fields) = inner(nullable) else { unreachable!() };
        let array = arrow_array::StructArray::new(fields, vec![values.clone()], None);
        RecordBatch::try_from_iter_with_nullable([(
            "s",
            std::sync::Arc::new(array) as arrow_array::ArrayRef,
            nullable,
        )])
        .unwrap()
    };
    let store = Store::in_memory();
    store.write(structs(false)).save_as_table("t").unwrap();
    assert_eq!(*store.table("t").unwrap().schema().field(0).data_type(), inner(true));
    appending(&store, structs(true)).save_as_table("t").unwrap();

    let store = Store::in_memory();
    store.create_table("t", schema([Field::new("s", inner(false), true)])).unwrap();
    appending(&store, structs(true)).save_as_table("t").unwrap();
    let nulls = crate::array(&Int64, &[None]);
    let DataType::Struct(fields) = inner(true) else { unreachable!() };
    let array = arrow_array::StructArray::new(fields, vec![nulls], None);
    let with_null =
        RecordBatch::try_from_iter([("s", std::sync::Arc::new(array) as arrow_array::ArrayRef)]);
    let message = refusal(&store, || appending(&store, with_null.unwrap()).save_as_table("t"));
    assert!(message.contains("null in column `s.x`"), "{message}");
}
