//! Rows divided by columns: every chunk holds one combination of values.

use annals::{ChunkSize, NewTable, SaveMode, Store, StoreBuilder, col};
use annals_tests::rows_in;
use arrow_array::RecordBatch;
use arrow_schema::DataType::{self, *};
use arrow_schema::{Field, TimeUnit};
use expect_test::expect;

use crate::{appending, array, batch, columns, overwriting, refusal, rows, schema};

fn sales(places: &[&str], amounts: &[&str]) -> RecordBatch {
    batch(&[("place", Utf8, places), ("amount", Int64, amounts)])
}

fn store() -> Store {
    let store = Store::in_memory();
    let rows = sales(&["a", "b", "a", "-", "b", "a"], &["1", "2", "3", "4", "5", "6"]);
    store.write(rows).partition_by(["Place"]).save_as_table("t").unwrap();
    store
}

/// The rows of each chunk of `t`.
fn chunks(store: &Store) -> Vec<Vec<String>> {
    store.table("t").unwrap().read().unwrap().into_iter().map(|batch| rows_in(&[batch])).collect()
}

#[test]
fn every_chunk_holds_one_value_and_rows_keep_their_order_in_it() {
    let store = store();
    assert_eq!(store.table("t").unwrap().partition_columns(), ["place"]);
    let mut found = chunks(&store);
    found.sort();
    assert_eq!(found, [vec!["a, 1", "a, 3", "a, 6"], vec!["b, 2", "b, 5"], vec!["null, 4"]]);
    appending(&store, sales(&["c", "a"], &["7", "8"])).save_as_table("t").unwrap();
    assert_eq!(chunks(&store).len(), 5);
    assert!(chunks(&store).iter().all(|rows| {
        let place = |row: &String| row.split(',').next().unwrap().to_owned();
        rows.iter().all(|row| place(row) == place(&rows[0]))
    }));
    // A scan for a place passes its chunks on as they are.
    let table = store.table("t").unwrap();
    let scan = table.scan().filter(col("place").eq("a"));
    assert_eq!(rows_in(&scan.collect().unwrap()), ["a, 1", "a, 3", "a, 6", "a, 8"]);
}

#[test]
fn batches_of_one_write_share_the_chunks_of_their_values() {
    let store = Store::in_memory();
    let batches: Vec<RecordBatch> = (0..10)
        .map(|n| sales(&["a", "b", "-"], &[&n.to_string(), &n.to_string(), &n.to_string()]))
        .collect();
    store.write(batches).partition_by(["place"]).save_as_table("t").unwrap();
    let found = chunks(&store);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10]);
    for rows in found {
        let amounts: Vec<&str> = rows.iter().map(|row| row.split(", ").nth(1).unwrap()).collect();
        assert_eq!(amounts, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }
}

#[test]
fn several_columns_divide_by_their_combinations() {
    let store = Store::in_memory();
    let rows = batch(&[
        ("x", Int32, &["1", "1", "2", "2", "1", "-"]),
        ("y", Utf8, &["a", "b", "a", "a", "a", "-"]),
        ("n", Int64, &["1", "2", "3", "4", "5", "6"]),
    ]);
    store.write(rows).partition_by(["y", "x"]).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().partition_columns(), ["y", "x"]);
    let mut found = chunks(&store);
    found.sort();
    assert_eq!(
        found,
        [
            vec!["1, a, 1", "1, a, 5"],
            vec!["1, b, 2"],
            vec!["2, a, 3", "2, a, 4"],
            vec!["null, null, 6"],
        ]
    );
}

#[test]
fn any_text_is_a_value() {
    let odd = [
        "",
        " ",
        "/",
        "a=b",
        "..",
        "\0",
        "\n",
        "%2F",
        "日本",
        "null",
        "__HIVE_DEFAULT_PARTITION__",
        "'",
    ];
    let store = Store::in_memory();
    let numbers: Vec<String> = (0..odd.len() * 2).map(|n| n.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let places: Vec<&str> = odd.iter().chain(&odd).copied().collect();
    store.write(sales(&places, &numbers)).partition_by(["place"]).save_as_table("t").unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), odd.len());
    for place in odd {
        let table = store.table("t").unwrap();
        assert_eq!(table.scan().filter(col("place").eq(place)).count().unwrap(), 2, "{place:?}");
    }
}

#[test]
fn columns_of_any_type_with_an_order_divide_rows() {
    let types: Vec<(DataType, &[&str])> = vec![
        (Boolean, &["true", "false"]),
        (Int8, &["1", "-1"]),
        (UInt64, &["18446744073709551615", "0"]),
        (Float64, &["NaN", "-0.0"]),
        (Decimal128(10, 2), &["1.25", "1.26"]),
        (Decimal256(40, 2), &["1.25", "1.26"]),
        (Utf8View, &["a text longer than twelve bytes", "a text longer than twelve bytes!"]),
        (LargeUtf8, &["a", "b"]),
        (Binary, &["a", "b"]),
        (BinaryView, &["a", "b"]),
        (FixedSizeBinary(1), &["a", "b"]),
        (Date32, &["2024-01-01", "2024-01-02"]),
        (Time64(TimeUnit::Microsecond), &["01:00:00", "02:00:00"]),
        (Timestamp(TimeUnit::Second, None), &["2024-01-01T00:00:00", "2024-01-02T00:00:00"]),
        (Dictionary(Int8.into(), Utf8.into()), &["a", "b"]),
    ];
    for (data_type, values) in types {
        let three = [Some(values[0]), Some(values[1]), None, Some(values[0]), None];
        let keys = match data_type {
            // Text does not cast to it.
            FixedSizeBinary(_) => arrow_cast::cast(&array(&Binary, &three), &data_type).unwrap(),
            _ => array(&data_type, &three),
        };
        let numbers = array(&Int64, &["1", "2", "3", "4", "5"].map(Some));
        let rows =
            RecordBatch::try_from_iter_with_nullable([("k", keys, true), ("n", numbers, true)])
                .unwrap();
        let store = Store::in_memory();
        let saved = store.write(rows).partition_by(["k"]).save_as_table("t");
        saved.unwrap_or_else(|error| panic!("{data_type}: {error}"));
        let table = store.table("t").unwrap();
        assert_eq!(table.chunk_count(), 3, "{data_type}");
        assert_eq!(table.scan().filter(col("k").is_null()).count().unwrap(), 2, "{data_type}");
        let sizes: Vec<usize> = chunks(&store).iter().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 5, "{data_type}");
        assert_eq!(sizes.iter().max(), Some(&2), "{data_type}");
    }
}

#[test]
fn appends_and_overwrites_keep_the_division_unless_another_is_asked_for() {
    let store = store();
    appending(&store, sales(&["a", "b"], &["7", "8"]))
        .partition_by(["PLACE"])
        .save_as_table("t")
        .unwrap();
    let message = refusal(&store, || {
        appending(&store, sales(&["a"], &["9"])).partition_by(["amount"]).save_as_table("t")
    });
    expect![[r#"
        the table default.t is partitioned by [place], not by [amount]; leave the partitioning out"#]]
    .assert_eq(&message);
    let message = refusal(&store, || {
        let none: [&str; 0] = [];
        appending(&store, sales(&["a"], &["9"])).partition_by(none).save_as_table("t")
    });
    assert!(message.contains("by [place], not by []"), "{message}");

    overwriting(&store, sales(&["x", "y", "x"], &["1", "2", "3"])).save_as_table("t").unwrap();
    assert_eq!(chunks(&store), [vec!["x, 1", "x, 3"], vec!["y, 2"]]);
    overwriting(&store, sales(&["x", "y", "x"], &["1", "2", "2"]))
        .partition_by(["amount"])
        .save_as_table("t")
        .unwrap();
    assert_eq!(store.table("t").unwrap().partition_columns(), ["amount"]);
    assert_eq!(chunks(&store), [vec!["x, 1"], vec!["y, 2", "x, 2"]]);
    let none: [&str; 0] = [];
    overwriting(&store, sales(&["x", "y"], &["1", "2"]))
        .partition_by(none)
        .save_as_table("t")
        .unwrap();
    assert_eq!(chunks(&store), [vec!["x, 1", "y, 2"]]);
    // A table whose partition column is gone has none.
    overwriting(&store, sales(&["x"], &["1"])).partition_by(["place"]).save_as_table("t").unwrap();
    overwriting(&store, batch(&[("other", Int64, &["1"])])).save_as_table("t").unwrap();
    assert!(store.table("t").unwrap().partition_columns().is_empty());
}

#[test]
fn a_created_table_is_divided_from_its_first_rows_on() {
    let store = Store::in_memory();
    let fields = schema([Field::new("place", Utf8, true), Field::new("amount", Int64, true)]);
    store.create_table("t", NewTable::new(fields).partition_by(["place"])).unwrap();
    appending(&store, sales(&["a", "b", "a"], &["1", "2", "3"])).save_as_table("t").unwrap();
    assert_eq!(chunks(&store), [vec!["a, 1", "a, 3"], vec!["b, 2"]]);
    store.write(sales(&["b", "a"], &["4", "5"])).insert_into("t").unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), 4);
}

#[test]
fn what_cannot_divide_rows_is_refused_with_the_reason() {
    let store = Store::in_memory();
    let rows = || {
        let list =
            arrow_array::ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>([
                Some([Some(1)]),
            ]);
        RecordBatch::try_from_iter_with_nullable([
            ("a", array(&Int64, &[Some("1")]), true),
            ("l", std::sync::Arc::new(list) as arrow_array::ArrayRef, true),
            ("v", arrow_array::new_null_array(&Null, 1), true),
        ])
        .unwrap()
    };
    let says = |by: &[&str]| {
        refusal(&store, || store.write(rows()).partition_by(by.to_vec()).save_as_table("t"))
    };
    expect!["the table default.t cannot be partitioned by `nope`: it has no such column"]
        .assert_eq(&says(&["nope"]));
    expect!["the table default.t cannot be partitioned by `A`: the column is named twice"]
        .assert_eq(&says(&["a", "A"]));
    expect!["the table default.t cannot be partitioned by `l`: a column of that type has no order"]
        .assert_eq(&says(&["l"]));
    expect!["the table default.t cannot be partitioned by `v`: a column of that type has no order"]
        .assert_eq(&says(&["v"]));
    let message = refusal(&store, || {
        store.write(batch(&[("a", Int64, &["1"])])).partition_by(["a"]).save_as_table("t")
    });
    expect!["the table default.t cannot be partitioned by `a`: a column must be left that is not one of partition"].assert_eq(&message);
    let fields = schema([Field::new("a", Int64, true)]);
    assert!(store.create_table("t", NewTable::new(fields).partition_by(["nope"])).is_err());
    assert_eq!(store.version().0, 0);
}

#[test]
fn a_partition_column_may_be_renamed_but_not_dropped() {
    let store = store();
    let error = store.drop_columns("t", ["amount", "PLACE"]).unwrap_err();
    expect!["the column `PLACE` of default.t is a partition column; overwrite the table with another partitioning first"]
        .assert_eq(&error.to_string());
    store.rename_column("t", "place", "where").unwrap();
    assert_eq!(store.table("t").unwrap().partition_columns(), ["where"]);
    appending(&store, batch(&[("where", Utf8, &["a", "z"]), ("amount", Int64, &["7", "8"])]))
        .save_as_table("t")
        .unwrap();
    assert_eq!(store.table("t").unwrap().chunk_count(), 5);
    assert_eq!(columns(&store), "where Utf8, amount Int64");
}

#[test]
fn widening_a_partition_column_keeps_the_division() {
    let store = Store::in_memory();
    let rows_of = |keys: &[&str]| batch(&[("k", Int32, keys), ("n", Int64, &["1", "2"])]);
    store.write(rows_of(&["1", "2"])).partition_by(["k"]).save_as_table("t").unwrap();
    store.widen_column("t", "k", &Int64).unwrap();
    appending(&store, rows_of(&["1", "3"])).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!(table.chunk_count(), 4);
    assert_eq!(table.scan().filter(col("k").eq(1_i64)).count().unwrap(), 2);
    assert_eq!(rows(&store), ["1, 1", "2, 2", "1, 1", "3, 2"]);
}

#[test]
fn a_division_into_many_parts_stays_exact() {
    let size = ChunkSize { rows_min: 4, rows_max: 6, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    let keys: Vec<String> = (0..1000).map(|n| (n * 7 % 13).to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let numbers: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let all = batch(&[("k", Int64, &keys), ("n", Int64, &numbers)]);
    let batches: Vec<RecordBatch> = (0..10).map(|n| all.slice(n * 100, 100)).collect();
    store.write(batches).partition_by(["k"]).mode(SaveMode::Append).save_as_table("t").unwrap();
    let mut found = Vec::new();
    for rows in chunks(&store) {
        assert!(rows.len() <= 6, "{}", rows.len());
        let parsed: Vec<(i64, i64)> = rows
            .iter()
            .map(|row| row.split_once(", ").unwrap())
            .map(|(k, n)| (k.parse().unwrap(), n.parse().unwrap()))
            .collect();
        assert!(parsed.iter().all(|(k, _)| *k == parsed[0].0));
        assert!(parsed.windows(2).all(|pair| pair[0].1 < pair[1].1), "their order is kept");
        found.extend(parsed);
    }
    found.sort_by_key(|(_, n)| *n);
    assert_eq!(found, (0..1000).map(|n| (n * 7 % 13, n)).collect::<Vec<_>>());
}
