//! Columns that find their place by name, in any order and case, or by position.

use annals::{CastPolicy, Matching, Missing, SaveMode, SaveOutcome, WriteError, record_batch};
use arrow_array::RecordBatch;
use arrow_schema::DataType::{Int32, Int64, Utf8};
use expect_test::expect;

use crate::{appending, batch, columns, overwriting, refusal, rows, store_with};

fn table() -> RecordBatch {
    batch(&[("a", Int64, &["1"]), ("b", Int64, &["2"])])
}

#[test]
fn by_name_the_order_does_not_matter_nor_does_the_case() {
    let store = store_with(table());
    appending(&store, batch(&[("B", Int64, &["20"]), ("A", Int64, &["10"])]))
        .save_as_table("t")
        .unwrap();
    assert_eq!(
        (columns(&store), rows(&store)),
        ("a Int64, b Int64".into(), vec!["1, 2".into(), "10, 20".into()])
    );
}

#[test]
fn by_position_the_names_do_not_matter() {
    let store = store_with(table());
    let swapped = || batch(&[("b", Int64, &["10"]), ("a", Int64, &["20"])]);
    appending(&store, swapped()).matching(Matching::ByPosition).save_as_table("t").unwrap();
    store.write(swapped()).insert_into("t").unwrap();
    let twins = record_batch!(("x", Int64, [30]), ("x", Int64, [40])).unwrap();
    store.write(twins).insert_into("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Int64");
    assert_eq!(rows(&store), ["1, 2", "10, 20", "10, 20", "30, 40"]);
}

#[test]
fn by_position_the_number_of_columns_must_agree() {
    let store = store_with(table());
    let three = || batch(&[("a", Int64, &["1"]), ("b", Int64, &["2"]), ("c", Int64, &["3"])]);
    let message = refusal(&store, || store.write(three()).insert_into("t"));
    expect!["in the table default.t: the rows have 3 columns and the table has 2; columns matched by position must agree in number"]
        .assert_eq(&message);
    let one = || batch(&[("x", Int64, &["5"])]);
    refusal(&store, || store.write(one()).insert_into("t"));
    // Unless the rest is to be filled, or added.
    store.write(one()).missing(Missing::FillNull).insert_into("t").unwrap();
    store.write(three()).merge_schema(true).insert_into("t").unwrap();
    assert_eq!(columns(&store), "a Int64, b Int64, c Int64");
    assert_eq!(rows(&store), ["1, 2, null", "5, null, null", "1, 2, 3"]);
}

#[test]
fn insert_into_appends_or_replaces_rows_of_a_table_that_is_there() {
    let store = store_with(table());
    let insert = |mode: SaveMode, rows: RecordBatch| store.write(rows).mode(mode).insert_into("t");
    let saved = insert(SaveMode::ErrorIfExists, table()).unwrap();
    assert_eq!((saved.outcome(), saved.rows()), (SaveOutcome::Appended, 1));
    insert(SaveMode::Append, table()).unwrap();
    assert_eq!(rows(&store).len(), 3);
    // An overwrite keeps the columns.
    let saved =
        insert(SaveMode::Overwrite, batch(&[("x", Int32, &["7"]), ("y", Int32, &["8"])])).unwrap();
    assert_eq!(saved.outcome(), SaveOutcome::Overwritten);
    assert_eq!((columns(&store), rows(&store)), ("a Int64, b Int64".into(), vec!["7, 8".into()]));
    let message = refusal(&store, || insert(SaveMode::Ignore, table()));
    expect!["insert_into takes mode append or overwrite"].assert_eq(&message);

    for mode in [SaveMode::Append, SaveMode::Overwrite, SaveMode::ErrorIfExists] {
        let message = refusal(&store, || store.write(table()).mode(mode).insert_into("nope"));
        assert_eq!(
            message,
            "the table default.nope does not exist; check the name, or create it first"
        );
    }
    store.create_view("v", "select 1").unwrap();
    for mode in [SaveMode::Append, SaveMode::Overwrite] {
        let result = store.write(table()).mode(mode).insert_into("v");
        assert!(matches!(result, Err(WriteError::Catalog(_))), "{result:?}");
    }
    assert!(matches!(store.table("v").unwrap().kind(), annals::TableKind::View { .. }));
}

#[test]
fn insert_into_casts_as_the_policy_says() {
    let store = store_with(table());
    let text = || batch(&[("x", Int64, &["1"]), ("y", Utf8, &["2"])]);
    refusal(&store, || store.write(text()).insert_into("t"));
    refusal(&store, || store.write(text()).casts(CastPolicy::Ansi).insert_into("t"));
    let decimals = batch(&[("x", arrow_schema::DataType::Float64, &["1.5"]), ("y", Int32, &["2"])]);
    store.write(decimals).casts(CastPolicy::Ansi).insert_into("t").unwrap();
    assert_eq!(rows(&store), ["1, 2", "1, 2"]);
}

#[test]
fn columns_of_one_name_are_refused_where_names_matter() {
    let twins = || record_batch!(("a", Int64, [1]), ("A", Int64, [2])).unwrap();
    let store = store_with(table());
    let expected = "in the table default.t: columns `a`, `A` have the same name; names are compared without case, rename one";
    assert_eq!(refusal(&store, || appending(&store, twins()).save_as_table("t")), expected);
    assert_eq!(refusal(&store, || overwriting(&store, twins()).save_as_table("t")), expected);
    let message = refusal(&store, || store.write(twins()).save_as_table("new"));
    assert!(message.contains("`a`, `A` have the same name"), "{message}");
    // Names that differ in more than case are two; so are those that only look the same.
    let similar =
        record_batch!(("e\u{301}", Int64, [1]), ("é", Int64, [2]), ("e", Int64, [3])).unwrap();
    store.write(similar).save_as_table("similar").unwrap();
    let case = record_batch!(("k", Int64, [1]), ("\u{212a}", Int64, [2])).unwrap();
    let message = refusal(&store, || store.write(case).save_as_table("kelvin"));
    assert!(message.contains("have the same name"), "{message}");
}

#[test]
fn odd_column_names_are_names() {
    let long = "x".repeat(10_000);
    let names = ["", " ", ".", "a.b", "`", "\0", "\n", "日本", "%2e%2e", "select", &long];
    let columns: Vec<(String, arrow_array::ArrayRef, bool)> = names
        .iter()
        .enumerate()
        .map(|(n, name)| (name.to_string(), crate::array(&Int64, &[Some(&n.to_string())]), true))
        .collect();
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let store = store_with(rows.clone());
    appending(&store, rows).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    for (n, name) in names.iter().enumerate() {
        let scan = table.scan().columns([*name]).filter(annals::col(*name).eq(n as i64));
        assert_eq!(scan.count().unwrap(), 2, "{name:?}");
        assert_eq!(table.column_summary(name).unwrap().null_count, 0);
    }
    store.rename_column("t", "\0", "nul").unwrap();
    store.drop_columns("t", ["", "\n"]).unwrap();
    assert_eq!(store.table("t").unwrap().schema().fields().len(), names.len() - 2);
}
