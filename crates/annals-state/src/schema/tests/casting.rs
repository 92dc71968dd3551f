//! Which policy lets what into what, and what becomes of the values.

use super::*;

use CastPolicy::{Ansi, Exact, Lossless};

/// The strictest policy under which a column may be saved into one of another type.
fn strictest(from: &DataType, to: &DataType) -> Option<CastPolicy> {
    let (table, mut next) = table([field("c", to.clone())]);
    let incoming = schema([field("c", from.clone())]);
    [Exact, Lossless, Ansi]
        .into_iter()
        .find(|&casts| fit(&incoming, &table, &rules(casts), &mut next).is_ok())
}

#[test]
fn each_policy_lets_through_what_it_says() {
    use DataType::*;
    let day_time = Interval(IntervalUnit::DayTime);
    let cases = [
        (Int32, Int32, Some(Exact)),
        (Utf8, Utf8View, Some(Exact)),
        (LargeUtf8, Utf8, Some(Exact)),
        (Binary, BinaryView, Some(Exact)),
        (dictionary(Int32, Utf8), Utf8, Some(Exact)),
        (Utf8, dictionary(Int8, Utf8), Some(Exact)),
        (dictionary(Int8, Utf8), dictionary(UInt16, LargeUtf8), Some(Exact)),
        (runs(Int32), Int32, Some(Exact)),
        (Int32, runs(Int32), Some(Exact)),
        (runs(Utf8), dictionary(Int32, Utf8), Some(Exact)),
        (list(Int32), LargeList(field("element", Int32)), Some(Exact)),
        (list(Int32), ListView(field("item", Int32)), Some(Exact)),
        (Decimal32(5, 2), Decimal128(5, 2), Some(Exact)),
        (zoned(US, "UTC"), zoned(US, "+00:00"), Some(Exact)),
        (zoned(US, "UTC"), zoned(US, "Europe/Paris"), Some(Lossless)),
        (Int32, Int64, Some(Lossless)),
        (UInt32, Int64, Some(Lossless)),
        (UInt32, Int32, Some(Ansi)),
        (Int64, UInt64, Some(Ansi)),
        (Int64, Int32, Some(Ansi)),
        (Int16, Float32, Some(Lossless)),
        (Int32, Float32, Some(Ansi)),
        (Int32, Float64, Some(Lossless)),
        (Int64, Float64, Some(Ansi)),
        (Int32, Decimal128(10, 0), Some(Lossless)),
        (Int32, Decimal128(9, 0), Some(Ansi)),
        (Int32, Decimal128(12, 3), Some(Ansi)),
        (Float16, Float32, Some(Lossless)),
        (Float64, Float32, Some(Ansi)),
        (Float64, Int32, Some(Ansi)),
        (Float64, Decimal128(10, 2), Some(Ansi)),
        (Decimal128(10, 2), Float64, Some(Ansi)),
        (Decimal128(10, 2), Int32, Some(Ansi)),
        (Decimal128(10, 2), Decimal128(12, 4), Some(Lossless)),
        (Decimal128(10, 2), Decimal128(12, 5), Some(Ansi)),
        (Decimal128(10, 2), Decimal64(12, 2), Some(Lossless)),
        (Date32, Date64, Some(Lossless)),
        (Date64, Date32, Some(Ansi)),
        (Date32, Timestamp(US, None), Some(Lossless)),
        (Date32, zoned(US, "UTC"), Some(Ansi)),
        (zoned(US, "UTC"), Date32, Some(Ansi)),
        (Timestamp(S, None), Timestamp(US, None), Some(Lossless)),
        (Timestamp(NS, None), Timestamp(US, None), Some(Ansi)),
        (Timestamp(US, None), zoned(US, "UTC"), Some(Ansi)),
        (zoned(US, "UTC"), Timestamp(US, None), Some(Ansi)),
        (Time32(S), Time64(NS), Some(Lossless)),
        (Time64(NS), Time32(S), Some(Ansi)),
        (Duration(S), Duration(NS), Some(Lossless)),
        (FixedSizeBinary(2), Binary, Some(Lossless)),
        (DataType::FixedSizeList(field("item", Int32), 2), list(Int32), Some(Exact)),
        (Boolean, Utf8, Some(Ansi)),
        (Int32, Utf8, Some(Ansi)),
        (Date32, LargeUtf8, Some(Ansi)),
        (Binary, Utf8, Some(Ansi)),
        (day_time.clone(), Interval(IntervalUnit::MonthDayNano), Some(Lossless)),
        (list(Int32), list(Int64), Some(Lossless)),
        (list(Int64), list(Int32), Some(Ansi)),
        (map(Utf8, Int32), map(Utf8, Int64), Some(Lossless)),
        (Utf8, Int32, None),
        (Utf8, Binary, None),
        (Utf8, Date32, None),
        (Boolean, Int32, None),
        (Int32, Boolean, None),
        (Int32, Date32, None),
        (Date32, Int32, None),
        (Int32, Timestamp(US, None), None),
        (day_time, Utf8, None),
        (Duration(S), Utf8, None),
        (list(Int32), Utf8, None),
        (list(Utf8), list(Int32), None),
        (map(Utf8, Int32), map(Int32, Int32), None),
        (Binary, FixedSizeBinary(2), None),
        (list(Int32), DataType::FixedSizeList(field("item", Int32), 2), None),
        (Int32, structure([field("x", Int32)]), None),
        (Decimal128(40, 0), Decimal128(38, 0), None),
        (Time32(S), Timestamp(S, None), None),
    ];
    for (from, to, expected) in cases {
        assert_eq!(strictest(&from, &to), expected, "{from} into {to}");
    }
}

/// Saves one value under `Ansi`, and shows what became of it or why not.
fn ansi(array: ArrayRef, to: DataType) -> String {
    match save(array, to, &rules(Ansi)) {
        Ok(saved) => arrow_cast::display::array_value_to_string(&saved, 0).unwrap(),
        Err(SchemaError::Overflow { row: 0, .. }) => "overflow".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

fn double(value: f64) -> ArrayRef {
    Arc::new(Float64Array::from(vec![value]))
}

fn long(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn dec(value: i128, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(vec![value]);
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

fn wide_dec(value: i256, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal256Array::from(vec![value]);
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn numbers_go_into_numbers_as_recorded() {
    use DataType::*;
    let ten_to_75 = i256::from_i128(10).pow_wrapping(75);
    let cases = [
        (long(3), Int32, "3"),
        (long(3_000_000_000), Int32, "overflow"),
        (long(70_000), Int16, "overflow"),
        (long(300), Int8, "overflow"),
        (long(-1), UInt8, "overflow"),
        (double(3.7), Int32, "3"),
        (double(-3.7), Int32, "-3"),
        (double(-0.5), UInt8, "0"),
        (double(3e12), Int32, "overflow"),
        (double(f64::NAN), Int32, "overflow"),
        (double(f64::INFINITY), Int64, "overflow"),
        (double(9.3e18), Int64, "overflow"),
        (double(1e300), Float32, "inf"),
        (dec(399, 5, 2), Int32, "3"),
        (dec(-399, 5, 2), Int32, "-3"),
        (dec(5, 5, -3), Int32, "5000"),
        (dec(i128::from(i64::MAX) + 1, 38, 0), Int64, "overflow"),
        (wide_dec(ten_to_75, 76, 70), Int32, "100000"),
        (wide_dec(ten_to_75, 76, 0), Int64, "overflow"),
        (dec(127, 10, 2), Float64, "1.27"),
        (dec(12_345_678_901_234_567_890_123_456_789, 38, 9), Float64, "1.2345678901234567e19"),
        (dec(-5, 5, -3), Float64, "-5000.0"),
        (dec(1, 38, 30), Float64, "1e-30"),
        (dec(127, 10, 2), Float32, "1.27"),
        (wide_dec(ten_to_75, 76, 74), Float64, "10.0"),
        (double(1.275), Decimal128(10, 2), "1.28"),
        (double(-1.275), Decimal128(10, 2), "-1.28"),
        (double(1.274), Decimal128(10, 2), "1.27"),
        (
            double(1e60),
            Decimal256(76, 2),
            "1000000000000000000000000000000000000000000000000000000000000.00",
        ),
        (double(1e60), Decimal128(38, 2), "overflow"),
        (double(1e-300), Decimal128(38, 2), "0.00"),
        (double(f64::NAN), Decimal128(10, 2), "overflow"),
        (double(12345.0), Decimal32(9, -2), "12300"),
        (long(12345), Decimal128(3, 2), "overflow"),
        (long(12), Decimal128(4, 2), "12.00"),
        (long(i64::MAX), Decimal32(9, 0), "overflow"),
        (long(1 << 32), Decimal32(9, 0), "overflow"),
        (long(-150), Decimal64(9, -2), "-200"),
        (dec(1_005, 10, 3), Decimal128(10, 2), "1.01"),
        (dec(-1_005, 10, 3), Decimal128(10, 2), "-1.01"),
        (dec(1_004, 10, 3), Decimal128(10, 2), "1.00"),
        (dec(99_999, 5, 3), Decimal128(3, 0), "100"),
        (dec(99_999, 5, 3), Decimal128(2, 0), "overflow"),
        (dec(123, 38, 0), Decimal128(38, 37), "overflow"),
        (dec(1, 38, 0), Decimal128(38, 37), "1.0000000000000000000000000000000000000"),
        // Arrow shows a zero of negative scale so.
        (dec(123, 38, 38), Decimal128(38, -38), "000000000000000000000000000000000000000"),
        (wide_dec(ten_to_75, 76, 0), Decimal256(76, 76), "overflow"),
        (wide_dec(ten_to_75, 76, 76), Decimal128(10, 3), "0.100"),
        (
            dec(7, 10, 0),
            Decimal256(76, 74),
            "7.00000000000000000000000000000000000000000000000000000000000000000000000000",
        ),
    ];
    for (array, to, expected) in cases {
        let from = array.data_type().clone();
        assert_eq!(ansi(array, to.clone()), expected, "{from} into {to}");
    }
}

#[test]
fn a_decimal_beyond_its_own_precision_is_an_overflow_and_no_panic() {
    let array = Decimal128Array::from(vec![i128::MAX, 1]).with_precision_and_scale(5, 0).unwrap();
    let array: ArrayRef = Arc::new(array);
    for to in [DataType::Decimal32(9, 0), DataType::Decimal64(18, 3), DataType::Decimal128(38, 2)] {
        let error = save(Arc::clone(&array), to, &FitRules::default()).unwrap_err();
        assert!(matches!(error, SchemaError::Overflow { row: 0, .. }), "{error}");
    }
}

#[test]
fn instants_go_into_instants_by_utc() {
    use DataType::*;
    const NOON: i64 = 1_709_208_000; // 2024-02-29 12:00:00
    let micros = |v: i64, zone: Option<&str>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![v]).with_timezone_opt(zone))
    };
    let date = |v: i32| -> ArrayRef { Arc::new(Date32Array::from(vec![v])) };
    let noon = NOON * 1_000_000;
    let paris = Some("Europe/Paris");
    let cases = [
        (date(19_782), Timestamp(US, None), "2024-02-29T00:00:00"),
        (date(19_782), zoned(US, "+00:00"), "2024-02-29T00:00:00Z"),
        (date(i32::MAX), Timestamp(US, None), "overflow"),
        (date(i32::MIN), zoned(NS, "UTC"), "overflow"),
        (micros(noon, paris), Date32, "2024-02-29"),
        (micros(-1, None), Date32, "1969-12-31"),
        (micros(-1, None), Date64, "1969-12-31T00:00:00"),
        (micros(-1, None), Timestamp(S, None), "1969-12-31T23:59:59"),
        (micros(i64::MAX, None), Timestamp(NS, None), "overflow"),
        (micros(1 << 60, None), Date32, "+38504-08-17"),
        (micros(noon, paris), Timestamp(US, None), "2024-02-29T12:00:00"),
        (micros(noon, None), zoned(US, "+00:00"), "2024-02-29T12:00:00Z"),
        (micros(noon, Some("+02:00")), zoned(MS, "+00:00"), "2024-02-29T12:00:00Z"),
        (Arc::new(Time64NanosecondArray::from(vec![-1])), Time32(S), "-1"),
        (Arc::new(Time64MicrosecondArray::from(vec![i64::MAX])), Time32(MS), "overflow"),
        (Arc::new(DurationSecondArray::from(vec![i64::MAX])), Duration(MS), "overflow"),
    ];
    for (array, to, expected) in cases {
        let from = array.data_type().clone();
        if to == Time32(S) {
            let saved = save(array, to, &rules(Ansi)).unwrap();
            assert_eq!(saved.to_data().buffers()[0].typed_data::<i32>(), [-1]);
            continue;
        }
        assert_eq!(ansi(array, to.clone()), expected, "{from} into {to}");
    }
}

#[test]
fn texts_are_those_recorded() {
    use DataType::*;
    let day = |v: i32| -> ArrayRef { Arc::new(Date32Array::from(vec![v])) };
    let cases: [(ArrayRef, &str); 33] = [
        (Arc::new(BooleanArray::from(vec![true])), "true"),
        (long(-3), "-3"),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
        (double(1.5), "1.5"),
        (double(100.0), "100.0"),
        (double(-0.0), "-0.0"),
        (double(0.001), "0.001"),
        (double(0.0001), "1.0E-4"),
        (double(9_999_999.0), "9999999.0"),
        (double(1e7), "1.0E7"),
        (double(1.25e10), "1.25E10"),
        (double(f64::NAN), "NaN"),
        (double(f64::NEG_INFINITY), "-Infinity"),
        (Arc::new(Float32Array::from(vec![1.1])), "1.1"),
        (dec(127, 10, 2), "1.27"),
        (dec(-5, 10, 2), "-0.05"),
        (dec(5, 10, -2), "500"),
        (dec(0, 10, -2), "0"),
        (dec(0, 10, 2), "0.00"),
        (day(19_782), "2024-02-29"),
        (day(-719_162), "0001-01-01"),
        (day(-719_163), "0000-12-31"),
        (day(-719_529), "-0001-12-31"),
        (day(2_932_897), "+10000-01-01"),
        (Arc::new(Date64Array::from(vec![-1])), "1969-12-31"),
        (Arc::new(TimestampSecondArray::from(vec![1_709_208_000])), "2024-02-29 12:00:00"),
        (Arc::new(TimestampMicrosecondArray::from(vec![-1])), "1969-12-31 23:59:59.999999"),
        (
            Arc::new(TimestampMillisecondArray::from(vec![120]).with_timezone("Asia/Tokyo")),
            "1970-01-01 00:00:00.12",
        ),
        (Arc::new(Time32MillisecondArray::from(vec![45_296_789])), "12:34:56.789"),
        (Arc::new(BinaryArray::from(vec![b"AB".as_slice()])), "AB"),
        (Arc::new(BinaryViewArray::from(vec![b"AB".as_slice()])), "AB"),
        (Arc::new(FixedSizeBinaryArray::try_from_iter([b"AB"].iter()).unwrap()), "AB"),
        (Arc::new(BinaryArray::from(vec![b"\xff".as_slice()])), "overflow"),
    ];
    for (array, expected) in cases {
        let from = array.data_type().clone();
        for to in [Utf8, LargeUtf8, Utf8View, dictionary(Int8, Utf8)] {
            assert_eq!(ansi(Arc::clone(&array), to.clone()), expected, "{from} into {to}");
        }
    }
}

#[test]
fn the_row_and_the_value_that_do_not_fit_are_named() {
    let error = save(
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3_000_000_000), Some(-3_000_000_000)])),
        DataType::Int32,
        &rules(Ansi),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "row 2 of column `c` holds 3000000000, which is out of the range of Int32; widen the \
         column or correct the value (it came as Int64)"
    );

    let instants = TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("Asia/Tokyo");
    let error = save(Arc::new(instants), zoned(NS, "UTC"), &FitRules::default()).unwrap_err();
    assert!(
        matches!(&error, SchemaError::Overflow { row: 1, value, .. } if value == "+294247-01-10 04:00:54.775807"),
        "{error}"
    );
    let bytes = BinaryArray::from(vec![b"a".as_slice(), b"\xff"]);
    let error = save(Arc::new(bytes), DataType::Utf8, &rules(Ansi)).unwrap_err();
    assert!(
        matches!(&error, SchemaError::Overflow { row: 1, value, .. } if value == "ff"),
        "{error}"
    );

    let mut lists = ListBuilder::new(Int64Array::builder(4));
    lists.append_value([Some(1), None]);
    lists.append_value([]);
    lists.append_null();
    lists.append_value([Some(2), Some(300)]);
    let lists: ArrayRef = Arc::new(lists.finish());
    for (array, row) in [(Arc::clone(&lists), 3), (lists.slice(1, 3), 2), (lists.slice(3, 1), 0)] {
        let error = save(array, list(DataType::Int8), &rules(Ansi)).unwrap_err();
        assert!(
            matches!(&error, SchemaError::Overflow { column, row: at, value, .. }
                if column == "c.element" && *at == row && value == "300"),
            "{error}"
        );
    }

    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Array::builder(2));
    maps.keys().append_value("a");
    maps.values().append_value(1);
    maps.append(true).unwrap();
    maps.keys().append_value("b");
    maps.values().append_value(1 << 40);
    maps.append(true).unwrap();
    let error = save(Arc::new(maps.finish()), map(DataType::Utf8, DataType::Int32), &rules(Ansi));
    assert!(
        matches!(error, Err(SchemaError::Overflow { column, row: 1, .. }) if column == "c.value")
    );

    let fixed = FixedSizeListArray::new(
        field("item", DataType::Int64),
        2,
        Arc::new(Int64Array::from(vec![1, 2, 3, 400])),
        None,
    );
    let to = DataType::FixedSizeList(field("item", DataType::Int8), 2);
    let error = save(Arc::new(fixed), to, &rules(Ansi));
    assert!(matches!(error, Err(SchemaError::Overflow { row: 1, .. })));
}

#[test]
fn what_is_hidden_below_a_null_is_not_looked_at() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 1 << 40, 3]));
    let hidden = NullBuffer::from(vec![true, false, true]);
    let inner = StructArray::new(
        vec![field("x", DataType::Int64)].into(),
        vec![Arc::clone(&values)],
        Some(hidden.clone()),
    );
    // Strict fields, so that the hidden slot is null in the result where it may not be null.
    let to = structure([strict("x", DataType::Int32)]);
    let saved = save(Arc::new(inner.clone()), to.clone(), &rules(Ansi)).unwrap();
    assert_eq!((saved.null_count(), saved.data_type()), (1, &to));

    // The same two levels down, where only the outermost hides it.
    let middle = StructArray::new(inner.fields().clone(), vec![Arc::clone(&values)], None);
    let outer = StructArray::new(
        vec![field("s", middle.data_type().clone())].into(),
        vec![Arc::new(middle)],
        Some(hidden.clone()),
    );
    let to = structure([strict("s", to)]);
    assert!(save(Arc::new(outer), to, &rules(Ansi)).is_ok());

    // A null list that has elements, and a list view that skips some and repeats others.
    let offsets = OffsetBuffer::new(vec![0, 1, 2, 3].into());
    let lists = ListArray::new(
        field("item", DataType::Int64),
        offsets,
        Arc::clone(&values),
        Some(hidden.clone()),
    );
    let strict_list = DataType::List(strict("item", DataType::Int32));
    let saved = save(Arc::new(lists), strict_list.clone(), &rules(Ansi)).unwrap();
    assert_eq!(saved.to_data().child_data()[0].len(), 2);
    let (starts, sizes) = (ScalarBuffer::from(vec![2, 0, 2]), ScalarBuffer::from(vec![1, 1, 1]));
    let views = ListViewArray::new(
        field("item", DataType::Int64),
        starts,
        sizes,
        Arc::clone(&values),
        None,
    );
    let saved = save(Arc::new(views), strict_list, &rules(Ansi)).unwrap();
    let elements = saved.to_data().child_data()[0].clone();
    assert_eq!(elements.buffers()[0].typed_data::<i32>(), [3, 1, 3]);

    let fixed = FixedSizeListArray::new(
        field("item", DataType::Int64),
        1,
        Arc::clone(&values),
        Some(hidden),
    );
    let to = DataType::FixedSizeList(strict("item", DataType::Int32), 1);
    assert!(save(Arc::new(fixed), to, &rules(Ansi)).is_ok());

    let unused = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0, 2]), values);
    assert!(save(Arc::new(unused), DataType::Int32, &rules(Ansi)).is_ok());
}

#[test]
fn encodings_are_undone_and_done() {
    let types = [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary(DataType::Int8, DataType::Utf8),
        dictionary(DataType::UInt32, DataType::Utf8View),
        runs(DataType::Utf8),
        runs(DataType::LargeUtf8),
    ];
    for from in &types {
        for to in &types {
            let saved = save(text(from), to.clone(), &rules(Exact)).unwrap();
            assert_eq!(saved.data_type(), to);
            let shown: Vec<_> = (0..3)
                .map(|i| arrow_cast::display::array_value_to_string(&saved, i).unwrap())
                .collect();
            assert_eq!(shown, ["a", "", "b"], "{from} into {to}");
        }
    }
    let many: ArrayRef = Arc::new((0..200).map(|i| Some(i.to_string())).collect::<StringArray>());
    let error = save(many, dictionary(DataType::Int8, DataType::Utf8), &rules(Exact)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `c` cannot be stored as the type of the table (Dictionary key bigger than the key \
         type); write smaller batches"
    );

    let listed = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1)]),
        None,
        Some(vec![Some(2), None]),
    ]);
    for to in [DataType::LargeList, DataType::ListView, DataType::LargeListView] {
        let saved = save(
            Arc::new(listed.clone()),
            to(field("element", DataType::Int64)),
            &FitRules::default(),
        )
        .unwrap();
        let back = save(saved, list(DataType::Int32), &rules(Ansi)).unwrap();
        assert_eq!(back.as_ref(), &listed as &dyn Array);
    }
}

#[test]
fn fields_of_structs_go_by_name_and_by_position_only_where_recorded() {
    let array: ArrayRef = Arc::new(StructArray::from(vec![
        (field("B", DataType::Int32), ints([Some(1)])),
        (field("a", DataType::Int32), ints([Some(2)])),
    ]));
    let to = structure([field("a", DataType::Int64), field("b", DataType::Int64)]);
    let first = |rules: &FitRules| {
        let saved = save(Arc::clone(&array), to.clone(), rules).unwrap();
        saved.to_data().child_data()[0].buffers()[0].typed_data::<i64>()[0]
    };
    let positional = |casts| FitRules { matching: Matching::ByPosition, ..rules(casts) };
    assert_eq!(first(&rules(Lossless)), 2);
    assert_eq!(first(&rules(Ansi)), 2);
    assert_eq!(first(&positional(Lossless)), 2);
    assert_eq!(first(&positional(Ansi)), 1);

    // The oracle's `types.insert_into.struct_reordered`, `struct_fewer`, `struct_more`.
    let (table, mut next) =
        table([field("c", structure([field("a", DataType::Int32), field("b", DataType::Utf8)]))]);
    let mut refused = |fields: DataType| {
        fit(&schema([field("c", fields)]), &table, &positional(Ansi), &mut next).unwrap_err()
    };
    let error = refused(structure([field("b", DataType::Utf8), field("a", DataType::Int32)]));
    assert!(
        matches!(error, SchemaError::Types { mismatches, .. } if mismatches[0].column == "c.a")
    );
    let error = refused(structure([field("a", DataType::Int32)]));
    assert!(matches!(error, SchemaError::Columns { missing, .. } if missing == ["c.b"]));
    let error = refused(structure([
        field("a", DataType::Int32),
        field("b", DataType::Utf8),
        field("d", DataType::Int8),
    ]));
    assert!(matches!(error, SchemaError::Columns { extra, .. } if extra == ["c.d"]));
}
