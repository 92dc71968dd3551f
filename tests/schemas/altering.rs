//! Columns that are added, renamed, dropped and widened, and rows from before seen after.

use annals::{SchemaChange, Store, col};
use annals_tests::rows_in;
use arrow_schema::DataType::{self, *};
use arrow_schema::{Field, TimeUnit};
use expect_test::expect;

use crate::{appending, batch, columns, rows, store_with};

fn store() -> Store {
    store_with(batch(&[("a", Int32, &["1", "2"]), ("b", Utf8, &["x", "y"])]))
}

fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn says(result: Result<annals::Committed, annals::WriteError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.remedy(), annals::Remedy::Change);
    error.to_string()
}

fn matching(store: &Store, predicate: impl Into<annals::Predicate>) -> Vec<String> {
    let table = store.table("t").unwrap();
    let scan = table.scan().filter(predicate.into());
    let found = rows_in(&scan.clone().collect().unwrap());
    assert_eq!(scan.count().unwrap(), found.len() as u64);
    found
}

#[test]
fn an_added_column_is_null_in_rows_from_before() {
    let store = store();
    store.add_columns("t", [nullable("c", Int64), nullable("d", Utf8View)]).unwrap();
    assert_eq!(rows(&store), ["1, x, null, null", "2, y, null, null"]);
    appending(
        &store,
        batch(&[
            ("a", Int32, &["3"]),
            ("b", Utf8, &["z"]),
            ("c", Int64, &["30"]),
            ("d", Utf8, &["v"]),
        ]),
    )
    .save_as_table("t")
    .unwrap();
    assert_eq!(rows(&store)[2], "3, z, 30, v");
    assert_eq!(matching(&store, col("c").is_null()), ["1, x, null, null", "2, y, null, null"]);
    assert_eq!(matching(&store, col("c").is_not_null()), ["3, z, 30, v"]);
    assert_eq!(matching(&store, col("c").gt(5)), ["3, z, 30, v"]);
    assert_eq!(matching(&store, col("c").gt(5).not()), Vec::<String>::new());
    let only = store.table("t").unwrap().scan().columns(["d", "a"]).collect().unwrap();
    assert_eq!(rows_in(&only), ["null, 1", "null, 2", "v, 3"]);
    let summary = store.table("t").unwrap().column_summary("c").unwrap();
    assert_eq!((summary.null_count, summary.exact), (2, true));
}

#[test]
fn a_renamed_column_keeps_its_values_and_gives_up_its_name() {
    let store = store();
    store.rename_column("t", "A", "number").unwrap();
    assert_eq!(
        (columns(&store), rows(&store)),
        ("number Int32, b Utf8".into(), vec!["1, x".into(), "2, y".into()])
    );
    assert_eq!(matching(&store, col("number").eq(2)), ["2, y"]);
    assert!(store.table("t").unwrap().scan().columns(["a"]).batches().is_err());
    // Another may have the name now, and does not show the values of the one before.
    store.add_columns("t", [nullable("a", Int32)]).unwrap();
    assert_eq!(rows(&store), ["1, x, null", "2, y, null"]);
    // Only its case, too.
    store.rename_column("t", "number", "NUMBER").unwrap();
    assert_eq!(columns(&store), "NUMBER Int32, b Utf8, a Int32");
    // Names may be swapped by way of a third.
    let rename =
        |from: &str, to: &str| SchemaChange::RenameColumn { from: from.into(), to: to.into() };
    store
        .alter_table("t", [rename("number", "aside"), rename("a", "number"), rename("aside", "a")])
        .unwrap();
    assert_eq!(
        (columns(&store), rows(&store)),
        ("a Int32, b Utf8, number Int32".into(), vec!["1, x, null".into(), "2, y, null".into()])
    );
}

#[test]
fn a_dropped_column_is_gone_and_does_not_come_back_with_its_name() {
    let store = store();
    let before = store.snapshot();
    store.drop_columns("t", ["B"]).unwrap();
    assert_eq!((columns(&store), rows(&store)), ("a Int32".into(), vec!["1".into(), "2".into()]));
    store.add_columns("t", [nullable("b", Utf8)]).unwrap();
    assert_eq!(rows(&store), ["1, null", "2, null"]);
    appending(&store, batch(&[("a", Int32, &["3"]), ("b", Utf8, &["z"])]))
        .save_as_table("t")
        .unwrap();
    assert_eq!(rows(&store), ["1, null", "2, null", "3, z"]);
    assert_eq!(matching(&store, col("b").eq("x")), Vec::<String>::new());
    // Its values stay where it was.
    assert_eq!(rows_in(&before.table("t").unwrap().read().unwrap()), ["1, x", "2, y"]);
    store.restore_table("t", before.version()).unwrap();
    assert_eq!(rows(&store), ["1, x", "2, y"]);
}

#[test]
fn a_widened_column_shows_old_and_new_values_alike() {
    let wide: Vec<(DataType, DataType, &[&str], &[&str])> = vec![
        (Int8, Int64, &["-128", "127", "-"], &["-128", "127", "null"]),
        (UInt16, Int32, &["65535"], &["65535"]),
        (Int32, Float64, &["-7"], &["-7.0"]),
        (Float32, Float64, &["0.5", "NaN", "-0.0"], &["0.5", "NaN", "-0.0"]),
        (Int32, Decimal128(12, 2), &["5"], &["5.00"]),
        (Decimal128(5, 2), Decimal128(20, 4), &["1.25"], &["1.2500"]),
        (Utf8, LargeUtf8, &["a"], &["a"]),
        (Utf8, Utf8View, &["a"], &["a"]),
        (Date32, Date64, &["2024-02-29"], &["2024-02-29T00:00:00"]),
        (Date32, Timestamp(TimeUnit::Second, None), &["2024-02-29"], &["2024-02-29T00:00:00"]),
        (Time32(TimeUnit::Second), Time64(TimeUnit::Microsecond), &["01:02:03"], &["01:02:03"]),
    ];
    for (from, to, values, expected) in wide {
        let store = store_with(batch(&[("a", from.clone(), values)]));
        store.widen_column("t", "A", &to).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
        assert_eq!(
            (columns(&store), rows(&store)),
            (format!("a {to}"), expected.iter().map(ToString::to_string).collect())
        );
        let stored = store.table("t").unwrap().read().unwrap();
        assert_eq!(*stored[0].column(0).data_type(), to);
        appending(&store, batch(&[("a", from.clone(), values)])).save_as_table("t").unwrap();
        assert_eq!(rows(&store).len(), 2 * values.len(), "{from} to {to}");
    }
}

#[test]
fn predicates_and_summaries_see_widened_values() {
    let store = store_with(batch(&[("a", Int8, &["-5", "7", "-"])]));
    store.widen_column("t", "a", &Int64).unwrap();
    appending(&store, batch(&[("a", Int64, &["10000000000"])])).save_as_table("t").unwrap();
    assert_eq!(matching(&store, col("a").gt(100_i64)), ["10000000000"]);
    assert_eq!(matching(&store, col("a").lt(0_i64)), ["-5"]);
    assert_eq!(matching(&store, col("a").eq(300_i64)), Vec::<String>::new());
    let summary = store.table("t").unwrap().column_summary("a").unwrap();
    let shown = |value: Option<arrow_array::ArrayRef>| {
        arrow_cast::display::array_value_to_string(&value.unwrap(), 0).unwrap()
    };
    assert_eq!(
        (shown(summary.min), shown(summary.max), summary.null_count),
        ("-5".into(), "10000000000".into(), 1)
    );

    let store = store_with(batch(&[("a", Float32, &["NaN", "1.5"])]));
    store.widen_column("t", "a", &Float64).unwrap();
    assert_eq!(matching(&store, col("a").gt(1.0_f64)).len(), 2);
    assert_eq!(matching(&store, col("a").eq(f64::NAN)).len(), 1);
    assert_eq!(matching(&store, col("a").lt(2.0_f64)), ["1.5"]);
}

#[test]
fn a_column_is_not_widened_to_a_type_that_could_fail_for_old_rows() {
    let narrow = [
        (Int64, Int32),
        (Int64, Float64),
        (Float64, Float32),
        (Int32, Utf8),
        (Utf8, Int32),
        (LargeUtf8, Utf8),
        (Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Nanosecond, None)),
        (Decimal128(5, 2), Decimal128(5, 3)),
        (Date32, Timestamp(TimeUnit::Nanosecond, None)),
    ];
    for (from, to) in narrow {
        let store = Store::in_memory();
        store.create_table("t", crate::schema([nullable("a", from.clone())])).unwrap();
        let message = says(store.widen_column("t", "a", &to));
        assert!(message.contains("cannot be widened from"), "{from} to {to}: {message}");
        assert_eq!(columns(&store), format!("a {from}"));
    }
}

#[test]
fn old_and_new_rows_are_read_together_through_any_change() {
    // One chunk from each state of the columns.
    let store = store_with(batch(&[("a", Int16, &["1"]), ("b", Utf8, &["one"])]));
    store.add_columns("t", [nullable("c", Int32)]).unwrap();
    appending(&store, batch(&[("a", Int16, &["2"]), ("b", Utf8, &["two"]), ("c", Int32, &["20"])]))
        .save_as_table("t")
        .unwrap();
    store.rename_column("t", "b", "text").unwrap();
    appending(
        &store,
        batch(&[("a", Int16, &["3"]), ("text", Utf8, &["three"]), ("c", Int32, &["30"])]),
    )
    .save_as_table("t")
    .unwrap();
    store.widen_column("t", "a", &Int64).unwrap();
    appending(
        &store,
        batch(&[("a", Int64, &["4"]), ("text", Utf8, &["four"]), ("c", Int32, &["40"])]),
    )
    .save_as_table("t")
    .unwrap();
    store.drop_columns("t", ["c"]).unwrap();
    appending(&store, batch(&[("a", Int64, &["5"]), ("text", Utf8, &["five"])]))
        .save_as_table("t")
        .unwrap();
    store.add_columns("t", [nullable("c", Utf8), nullable("b", Utf8)]).unwrap();
    appending(
        &store,
        batch(&[
            ("a", Int64, &["6"]),
            ("text", Utf8, &["six"]),
            ("c", Utf8, &["new"]),
            ("b", Utf8, &["new"]),
        ]),
    )
    .save_as_table("t")
    .unwrap();
    let expected = [
        "1, one, null, null",
        "2, two, null, null",
        "3, three, null, null",
        "4, four, null, null",
        "5, five, null, null",
        "6, six, new, new",
    ];
    assert_eq!(columns(&store), "a Int64, text Utf8, c Utf8, b Utf8");
    assert_eq!(rows(&store), expected);
    for n in 1..=6_i64 {
        assert_eq!(matching(&store, col("a").eq(n)), [expected[n as usize - 1]]);
        assert_eq!(matching(&store, col("a").lt_eq(n)), expected[..n as usize]);
    }
    assert_eq!(matching(&store, col("text").eq("two")), [expected[1]]);
    assert_eq!(matching(&store, col("c").is_null().and(col("a").gt(3_i64))), expected[3..5]);
    // Each batch has the columns of now.
    let table = store.table("t").unwrap();
    for batch in table.read().unwrap() {
        assert_eq!(batch.schema(), table.schema());
    }
    // And every version the columns of then.
    let then: Vec<String> = (1..=11)
        .map(|v| annals_tests::columns_of(&store.at(v).unwrap().table("t").unwrap()))
        .collect();
    expect![[r#"
        a Int16, b Utf8
        a Int16, b Utf8, c Int32
        a Int16, b Utf8, c Int32
        a Int16, text Utf8, c Int32
        a Int16, text Utf8, c Int32
        a Int64, text Utf8, c Int32
        a Int64, text Utf8, c Int32
        a Int64, text Utf8
        a Int64, text Utf8
        a Int64, text Utf8, c Utf8, b Utf8
        a Int64, text Utf8, c Utf8, b Utf8"#]]
    .assert_eq(&then.join("\n"));
}

#[test]
fn columns_can_be_added_before_those_that_rows_are_divided_by() {
    let store = Store::in_memory();
    let all = batch(&[
        ("a", Int32, &["1", "2"]),
        ("p", Int32, &["7", "8"]),
        ("b", Utf8, &["x", "y"]),
        ("q", Int32, &["3", "4"]),
        ("r", Int32, &["5", "6"]),
    ]);
    store.write(all).partition_by(["r", "p", "q"]).save_as_table("t").unwrap();
    let add = |names: &[&str]| {
        let fields = names.iter().map(|name| nullable(name, Int64).into()).collect();
        SchemaChange::AddColumnsBeforePartitions(fields)
    };
    let mut tx = store.begin();
    tx.alter_table("t", [add(&["c", "d"])]).unwrap();
    // Neither who appends meanwhile nor who adds others stands in the way.
    let more = batch(&[("p", Int32, &["9"]), ("b", Utf8, &["z"]), ("Q", Int32, &["9"])]);
    appending(&store, more).merge_schema(true).save_as_table("t").unwrap();
    store.alter_table("t", [add(&["e"])]).unwrap();
    tx.commit().unwrap();
    assert_eq!(
        columns(&store),
        "a Int32, p Int32, b Utf8, e Int64, c Int64, d Int64, q Int32, r Int32"
    );
    assert_eq!(store.table("t").unwrap().partition_columns(), ["r", "p", "q"]);
    assert_eq!(
        rows(&store),
        [
            "1, 7, x, null, null, null, 3, 5",
            "2, 8, y, null, null, null, 4, 6",
            "null, 9, z, null, null, null, 9, null"
        ]
    );
    // By name, whatever else the same call does, and behind all others where none is at the end.
    let drop = |name: &str| SchemaChange::DropColumns(vec![name.to_owned()]);
    let rename = |from: &str, to: &str| SchemaChange::RenameColumn {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let alter =
        [drop("d"), rename("r", "s"), add(&["f"]), drop("F"), add(&["g"]), rename("Q", "u")];
    store.alter_table("t", alter).unwrap();
    assert_eq!(
        columns(&store),
        "a Int32, p Int32, b Utf8, e Int64, c Int64, g Int64, u Int32, s Int32"
    );
    store.alter_table("t", [SchemaChange::AddColumns(vec![nullable("h", Int8).into()])]).unwrap();
    store.alter_table("t", [add(&["i"])]).unwrap();
    assert!(columns(&store).ends_with("s Int32, h Int8, i Int64"));
    assert_eq!(matching(&store, col("s").eq(6)).len(), 1);
    let last = store.history().iter().next().unwrap().operations[0].kind.to_string();
    assert_eq!(last, "alter schema: add `i`");
}

#[test]
fn alterations_are_made_in_order_and_all_or_none() {
    let store = store();
    let add = |name: &str| SchemaChange::AddColumns(vec![nullable(name, Int64).into()]);
    let drop = |name: &str| SchemaChange::DropColumns(vec![name.to_owned()]);
    let widen = |name: &str| SchemaChange::WidenColumn { name: name.to_owned(), to: Int64 };
    let committed = store.alter_table("t", [add("c"), drop("b"), add("b"), widen("a")]).unwrap();
    assert_eq!(columns(&store), "a Int64, c Int64, b Int64");
    let commit = committed.commit().unwrap();
    assert_eq!(commit.operations.len(), 1);
    let version = store.version();
    assert!(store.alter_table("t", [add("d"), drop("nope")]).is_err());
    assert!(store.alter_table("t", [drop("c"), add("c"), drop("c"), drop("c")]).is_err());
    assert_eq!((store.version(), columns(&store)), (version, "a Int64, c Int64, b Int64".into()));
    assert!(!store.alter_table("t", []).unwrap().made_version());
    assert!(store.alter_table("nope", []).is_err());
}

#[test]
fn what_cannot_be_altered_is_said_with_what_to_do() {
    let store = store();
    let add = |field: Field| store.add_columns("t", [field]);
    expect!["in the table default.t: column `A` is already in the table; choose other names"]
        .assert_eq(&says(add(nullable("A", Int64))));
    expect!["in the table default.t: column `c` is declared not null; columns added to a table must be nullable"].assert_eq(&says(add(Field::new("c", Int64, false))));
    expect!["in the table default.t: columns `c`, `C` have the same name; names are compared without case, rename one"]
        .assert_eq(&says(store.add_columns("t", [nullable("c", Int8), nullable("C", Int8)])));
    expect!["in the table default.t: column `c` is not in the table; check the spelling"]
        .assert_eq(&says(store.rename_column("t", "c", "d")));
    expect!["in the table default.t: column `B` is already in the table; choose other names"]
        .assert_eq(&says(store.rename_column("t", "a", "B")));
    expect!["in the table default.t: columns `c`, `d` are not in the table; check the spelling"]
        .assert_eq(&says(store.drop_columns("t", ["c", "a", "d"])));
    expect!["in the table default.t: the last column of a table cannot be dropped; drop the table"]
        .assert_eq(&says(store.drop_columns("t", ["a", "b"])));
    expect!["in the table default.t: column `c` is not in the table; check the spelling"]
        .assert_eq(&says(store.widen_column("t", "c", &Int64)));
    expect!["in the table default.t: column `a` cannot be widened from Int32 to Int8; every value it may hold must fit the new type"].assert_eq(&says(store.widen_column("t", "a", &Int8)));
    expect!["the table default.nope does not exist; check the name, or create it first"]
        .assert_eq(&says(store.add_columns("nope", [nullable("c", Int8)])));
    assert_eq!((columns(&store), store.version().0), ("a Int32, b Utf8".into(), 1));
}

#[test]
fn columns_have_comments_and_metadata_of_their_own() {
    let field = nullable("c", Int64).with_metadata([("unit".to_owned(), "cm".to_owned())].into());
    let store = store();
    store.add_columns("t", [field]).unwrap();
    let comment = |name: &str, text: Option<&str>| SchemaChange::SetColumnComment {
        name: name.to_owned(),
        comment: text.map(str::to_owned),
    };
    store.alter_table("t", [comment("C", Some("how long")), comment("a", Some("which"))]).unwrap();
    let metadata =
        |store: &Store, at: usize| store.table("t").unwrap().schema().field(at).metadata().clone();
    assert_eq!(metadata(&store, 2)["comment"], "how long");
    assert_eq!(metadata(&store, 2)["unit"], "cm");
    assert_eq!(metadata(&store, 0)["comment"], "which");
    store.alter_table("t", [comment("c", None)]).unwrap();
    assert_eq!(metadata(&store, 2).get("comment"), None);
    // Rows are read under the schema as it is, metadata included.
    assert_eq!(
        store.table("t").unwrap().read().unwrap()[0].schema(),
        store.table("t").unwrap().schema()
    );
    assert!(store.alter_table("t", [comment("nope", None)]).is_err());
}

#[test]
fn a_view_has_columns_to_alter_only_if_it_was_given_some() {
    let store = store();
    store.create_view("v", "select 1").unwrap();
    assert!(store.rename_column("v", "a", "b").is_err());
    assert_eq!(store.table("v").unwrap().schema().fields().len(), 0);
}
