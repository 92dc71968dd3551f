//! Types within types: what two of them have in common, what becomes of them in a new table, and how
//! a table's grow where rows ask for more.

use super::*;

fn sorted(data_type: DataType) -> DataType {
    match data_type {
        DataType::Map(entries, _) => DataType::Map(entries, true),
        other => other,
    }
}

#[test]
fn what_is_nested_or_encoded_has_in_common_what_its_parts_have() {
    use DataType::*;
    let item = |of| field("item", of);
    let cases = [
        (list(Int8), Null, Some(list(Int8))),
        (structure([field("x", Int8)]), Null, Some(structure([field("x", Int8)]))),
        // Of one key a dictionary stays one.
        (dictionary(Int8, Utf8), dictionary(Int8, LargeUtf8), Some(dictionary(Int8, LargeUtf8))),
        (dictionary(Int8, Utf8), dictionary(Int16, Utf8), Some(Utf8)),
        (LargeUtf8, dictionary(Int8, Utf8), Some(LargeUtf8)),
        (runs(Int16), Int32, Some(Int32)),
        (Int32, runs(Int16), Some(Int32)),
        (map(Utf8, Int8), map(LargeUtf8, Int16), Some(map(LargeUtf8, Int16))),
        (sorted(map(Utf8, Int8)), map(Utf8, Int16), Some(map(Utf8, Int16))),
        (map(Utf8, Int8), sorted(map(Utf8, Int16)), Some(map(Utf8, Int16))),
        (sorted(map(Utf8, Int8)), sorted(map(Utf8, Int16)), Some(sorted(map(Utf8, Int16)))),
        (ListView(item(Int8)), ListView(item(Int16)), Some(ListView(item(Int16)))),
        (LargeListView(item(Int8)), LargeListView(item(Int16)), Some(LargeListView(item(Int16)))),
        (
            FixedSizeList(item(Int8), 2),
            FixedSizeList(item(Int16), 2),
            Some(FixedSizeList(item(Int16), 2)),
        ),
        (FixedSizeList(item(Int8), 2), FixedSizeList(item(Int8), 3), Some(list(Int8))),
        (LargeList(item(Int8)), list(Int16), Some(LargeList(item(Int16)))),
        (list(Int8), LargeList(item(Int16)), Some(LargeList(item(Int16)))),
        (list(Int8), LargeListView(item(Int8)), Some(LargeList(item(Int8)))),
        // What may be null on one side may be in both.
        (
            structure([strict("x", Int8)]),
            structure([field("x", Int8)]),
            Some(structure([field("x", Int8)])),
        ),
        (
            structure([field("x", Int8)]),
            structure([strict("x", Int8)]),
            Some(structure([field("x", Int8)])),
        ),
        (
            structure([strict("x", Int8)]),
            structure([strict("x", Int16)]),
            Some(structure([strict("x", Int16)])),
        ),
        // Numbers are no text, in either order.
        (Int8, Utf8, None),
        (Utf8, Int8, None),
        (Date32, Utf8, None),
        (Binary, Utf8, None),
        (Utf8, Binary, None),
        // Decimals in the least width that has the digits, and none of a precision that none has.
        (Decimal32(5, 2), Decimal32(4, 3), Some(Decimal32(6, 3))),
        (Decimal32(9, 0), Decimal32(9, 2), Some(Decimal64(11, 2))),
        (Decimal32(10, 0), Int8, None),
        (Int8, Decimal32(10, 0), None),
    ];
    for (a, b, expected) in cases {
        assert_eq!(common_type(&a, &b), expected, "{a}, {b}");
    }
}

#[test]
fn what_is_nested_in_a_new_table_is_nullable_at_every_level() {
    use DataType::*;
    let shapes: [fn(FieldRef) -> DataType; 6] = [
        List,
        LargeList,
        ListView,
        LargeListView,
        |element| FixedSizeList(element, 2),
        |value| Map(strict("entries", structure([strict("keys", Utf8), value])), false),
    ];
    for shape in shapes {
        let written = shape(strict("item", structure([strict("x", Int8)])));
        let relaxed = shape(field("item", structure([field("x", Int8)])));
        let mut next = ColumnId(0);
        let incoming = schema([field("c", written)]);
        let table = for_new_table(&incoming, Nullability::Relaxed, &mut next).unwrap();
        assert_eq!(**table.arrow(), schema([field("c", relaxed)]));
    }
}

#[test]
fn a_table_that_is_replaced_by_its_first_columns_loses_the_others() {
    let (current, mut next) = table([field("a", DataType::Int32), field("b", DataType::Utf8)]);
    let fewer = schema([field("a", DataType::Int32)]);
    let replaced = for_replaced_table(&fewer, &current, Nullability::Relaxed, &mut next).unwrap();
    assert_eq!(**replaced.arrow(), fewer);

    let said = HashMap::from([("k".to_owned(), "v".to_owned())]);
    let same = current.arrow().as_ref().clone().with_metadata(said.clone());
    let replaced = for_replaced_table(&same, &current, Nullability::Relaxed, &mut next).unwrap();
    assert_eq!(replaced.arrow().metadata(), &said);
}

/// The type that a column of type `to` has once rows of type `from` were merged into it.
fn grown(from: DataType, to: DataType) -> Result<DataType, SchemaError> {
    let (table, mut next) = table([field("c", to)]);
    let plan = fit(&schema([field("c", from)]), &table, &merging(), &mut next)?;
    Ok(plan.schema().columns()[0].data_type().clone())
}

#[test]
fn a_column_grows_within_its_encoding_and_its_kind_of_list() {
    use DataType::*;
    let item = |of| field("item", of);
    let odd_runs = |of| RunEndEncoded(strict("ends", Int32), field("values", of));
    let cases = [
        // What is not promised to be sorted is not sorted beside what is.
        (map(Utf8, Int64), sorted(map(Utf8, Int32)), map(Utf8, Int64)),
        // Arrow's kernels make no runs of these names: the column becomes a plain one.
        (Int64, odd_runs(Int32), Int64),
        (dictionary(Int8, Int64), Int32, Int64),
        (runs(Int64), Int32, Int64),
        // No dictionary is made of intervals.
        (
            Interval(IntervalUnit::YearMonth),
            dictionary(Int8, Interval(IntervalUnit::DayTime)),
            Interval(IntervalUnit::MonthDayNano),
        ),
        (Int64, dictionary(Int8, Int32), dictionary(Int8, Int64)),
        (Int64, runs(Int32), runs(Int64)),
        (LargeList(item(Int64)), LargeList(item(Int32)), LargeList(item(Int64))),
        (ListView(item(Int64)), ListView(item(Int32)), ListView(item(Int64))),
        (LargeListView(item(Int64)), LargeListView(item(Int32)), LargeListView(item(Int64))),
        (
            FixedSizeList(item(Int64), 2),
            FixedSizeList(item(Int32), 2),
            FixedSizeList(item(Int64), 2),
        ),
        (map(Utf8, Int64), map(Utf8, Int32), map(Utf8, Int64)),
        // A column that was void becomes what comes, nullable throughout.
        (List(strict("item", Int8)), Null, list(Int8)),
    ];
    for (from, to, expected) in cases {
        assert_eq!(grown(from.clone(), to.clone()).unwrap(), expected, "{from} into {to}");
    }
    // Arrow's kernels make no dictionary of these.
    let error = grown(FixedSizeBinary(2), dictionary(Int8, FixedSizeBinary(3))).unwrap_err();
    assert!(matches!(error, SchemaError::Types { .. }), "{error}");
}

#[test]
fn names_that_occur_twice_are_found_in_a_dictionary_as_well() {
    let twice = structure([field("x", DataType::Int8), field("X", DataType::Int8)]);
    let error = TableSchema::new(vec![Column::new(
        ColumnId(0),
        field("d", dictionary(DataType::Int8, twice)),
    )])
    .unwrap_err();
    assert!(matches!(error, SchemaError::DuplicateNames { names } if names == ["d.x", "d.X"]));
    assert!(table([]).0.is_empty());
}
