//! Every kind of value into every kind that takes it, and back: numbers of all widths, texts of
//! all floats, instants, intervals, lists and maps; and what is only labelled anew.

use super::*;
use arrow_array::builder::Int32Builder;
use arrow_cast::display::array_value_to_string;

fn ansi(array: ArrayRef, to: DataType) -> Result<Vec<String>, SchemaError> {
    let saved = save(array, to, &rules(CastPolicy::Ansi))?;
    Ok((0..saved.len()).map(|row| array_value_to_string(&saved, row).unwrap()).collect())
}

fn one(array: &ArrayRef, to: &DataType) -> Option<String> {
    match ansi(Arc::clone(array), to.clone()) {
        Ok(texts) => Some(texts[0].clone()),
        Err(SchemaError::Overflow { .. }) => None,
        Err(other) => panic!("{} into {to}: {other}", array.data_type()),
    }
}

/// The types of whole numbers, with the least and the greatest of each.
fn whole() -> Vec<(DataType, i128, i128)> {
    use DataType::*;
    let nines = |digits| 10_i128.pow(digits) - 1;
    vec![
        (Int8, i8::MIN.into(), i8::MAX.into()),
        (Int16, i16::MIN.into(), i16::MAX.into()),
        (Int32, i32::MIN.into(), i32::MAX.into()),
        (Int64, i64::MIN.into(), i64::MAX.into()),
        (UInt8, 0, u8::MAX.into()),
        (UInt16, 0, u16::MAX.into()),
        (UInt32, 0, u32::MAX.into()),
        (UInt64, 0, u64::MAX.into()),
        (Decimal32(4, 0), -nines(4), nines(4)),
        (Decimal64(12, 0), -nines(12), nines(12)),
        (Decimal128(25, 0), -nines(25), nines(25)),
        (Decimal256(30, 0), -nines(30), nines(30)),
    ]
}

#[test]
fn whole_numbers_go_where_they_are_in_range_and_nowhere_else() {
    for (from, least, most) in whole() {
        let values = [least, -129, -1, 0, 1, 127, 128, 256, 70_000, 1 << 40, most];
        for value in values.into_iter().filter(|value| (least..=most).contains(value)) {
            let wide: ArrayRef = Arc::new(
                Decimal128Array::from(vec![value]).with_precision_and_scale(38, 0).unwrap(),
            );
            let array = arrow_cast::cast(&wide, &from).unwrap();
            assert!(array.is_valid(0), "{value} is no {from}");
            for (to, least, most) in whole() {
                let expected = (least..=most).contains(&value).then(|| value.to_string());
                assert_eq!(one(&array, &to), expected, "{value} of {from} into {to}");
            }
        }
    }
}

#[test]
fn a_greater_precision_is_a_new_label_on_the_same_memory() {
    use DataType::*;
    let kinds: [fn(u8, i8) -> DataType; 4] = [Decimal32, Decimal64, Decimal128, Decimal256];
    for kind in kinds {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![1_234, 0]));
        let array = arrow_cast::cast(&ints, &kind(6, 2)).unwrap();
        let address = |array: &ArrayRef| array.to_data().buffers()[0].as_ptr();
        for to in [kind(6, 2), kind(8, 2)] {
            let saved = save(Arc::clone(&array), to.clone(), &rules(CastPolicy::Ansi)).unwrap();
            assert_eq!(address(&saved), address(&array), "{to}");
        }
        // Another scale or a smaller precision is looked at.
        assert_eq!(one(&array, &kind(8, 3)).as_deref(), Some("1234.000"), "{}", kind(8, 3));
        assert_eq!(one(&array, &kind(5, 2)), None, "{}", kind(5, 2));
        assert_eq!(one(&array, &kind(5, 1)).as_deref(), Some("1234.0"), "{}", kind(5, 1));
    }
}

#[test]
fn zero_is_zero_at_every_scale() {
    let zero = Decimal256Array::from(vec![i256::ZERO]).with_precision_and_scale(76, -40).unwrap();
    let text = one(&(Arc::new(zero) as ArrayRef), &DataType::Decimal256(76, 76));
    assert_eq!(text.as_deref().map(|text| text.trim_end_matches('0')), Some("0."));
}

#[test]
fn floats_of_every_width_are_written_alike() {
    let cases =
        [("1.0E10", 1e10), ("1.0E-4", 1e-4), ("-Infinity", f32::NEG_INFINITY), ("0.5", 0.5)];
    for (text, value) in cases {
        let array: ArrayRef = Arc::new(Float32Array::from(vec![value]));
        assert_eq!(one(&array, &DataType::Utf8).as_deref(), Some(text));
    }
    for (text, value) in [("2.0", 2.0), ("Infinity", f32::INFINITY), ("60000.0", 60_000.0)] {
        let single: ArrayRef = Arc::new(Float32Array::from(vec![value]));
        let half = arrow_cast::cast(&single, &DataType::Float16).unwrap();
        assert_eq!(one(&half, &DataType::Utf8).as_deref(), Some(text));
    }
}

#[test]
fn days_beyond_any_calendar_have_a_text() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![i32::MIN, i32::MAX]));
    let texts = ansi(days, DataType::Utf8).unwrap();
    assert_eq!(texts, ["-5877641-06-23", "+5881580-07-11"]);
}

#[test]
fn instants_and_times_keep_their_moment_in_other_units() {
    use DataType::*;
    let seconds: ArrayRef = Arc::new(Time32SecondArray::from(vec![45_296, 0]));
    for to in [Time32(MS), Time64(US), Time64(NS)] {
        assert_eq!(ansi(Arc::clone(&seconds), to).unwrap(), ["12:34:56", "00:00:00"]);
    }
    let fine: ArrayRef = Arc::new(Time64NanosecondArray::from(vec![45_296_000_000_999]));
    assert_eq!(one(&fine, &Time32(S)).as_deref(), Some("12:34:56"));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![-1, 1]));
    for (to, text) in
        [(Date64, "1969-12-31T00:00:00"), (Timestamp(NS, None), "1969-12-31T00:00:00")]
    {
        assert_eq!(ansi(Arc::clone(&days), to).unwrap()[0], text);
    }
}

#[test]
fn intervals_become_months_days_and_nanoseconds() {
    let to = DataType::Interval(IntervalUnit::MonthDayNano);
    let months: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![14]));
    assert_eq!(one(&months, &to).as_deref(), Some("14 mons"));
    let value = types::IntervalDayTimeType::make_value(3, 4_000);
    let days: ArrayRef = Arc::new(IntervalDayTimeArray::from(vec![value]));
    assert_eq!(one(&days, &to).as_deref(), Some("3 days 4.000000000 secs"));
}

#[test]
fn bytes_of_fixed_size_become_bytes_of_any() {
    use DataType::*;
    let bytes = FixedSizeBinaryArray::try_from_iter([b"\xffA", b"\x00B"].iter()).unwrap();
    for to in [Binary, LargeBinary, BinaryView] {
        assert_eq!(ansi(Arc::new(bytes.clone()), to).unwrap(), ["ff41", "0042"]);
    }
}

#[test]
fn lists_of_fixed_size_become_lists_of_any() {
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5, 6]));
    let lists = FixedSizeListArray::new(field("item", DataType::Int32), 2, values, None);
    let expected = ["[1, 2]", "[3, 4]", "[5, 6]"];
    for to in [DataType::List, DataType::LargeList, DataType::ListView, DataType::LargeListView] {
        let to = to(field("item", DataType::Int64));
        assert_eq!(ansi(Arc::new(lists.clone()), to).unwrap(), expected);
    }
}

#[test]
fn maps_keep_their_entries_and_lose_those_below_a_null() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for entries in [&[("a", 1), ("b", 2)][..], &[], &[("c", 3)]] {
        for (key, value) in entries {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(true).unwrap();
    }
    let built = builder.finish();
    let hidden = NullBuffer::from(vec![false, true, true]);
    for (nulls, expected) in
        [(None, ["{a: 1, b: 2}", "{}", "{c: 3}"]), (Some(hidden), ["", "{}", "{c: 3}"])]
    {
        let DataType::Map(entries, _) = built.data_type() else { unreachable!() };
        let array = MapArray::new(
            Arc::clone(entries),
            built.offsets().clone(),
            built.entries().clone(),
            nulls,
            false,
        );
        let saved = ansi(Arc::new(array), map(DataType::LargeUtf8, DataType::Int64)).unwrap();
        assert_eq!(saved, expected);
    }
}

#[test]
fn more_bytes_than_small_offsets_reach_are_an_error_and_no_panic() {
    // All values are one and the same memory, so that 3 GB of text take 1 MB.
    const BYTES: usize = 1 << 20;
    let text = "x".repeat(BYTES);
    let mut block = arrow_array::builder::StringViewBuilder::new();
    let buffer = block.append_block(text.into_bytes().into());
    for _ in 0..3 * 1024 {
        block.try_append_view(buffer, 0, BYTES as u32).unwrap();
    }
    let views = block.finish();
    let bytes = views.clone().to_binary_view();
    let cases: [(ArrayRef, DataType); 2] =
        [(Arc::new(views), DataType::Utf8), (Arc::new(bytes), DataType::Binary)];
    for (array, to) in cases {
        let from = array.data_type().clone();
        let error = save(array, to.clone(), &rules(CastPolicy::Exact)).unwrap_err();
        assert!(error.to_string().contains("3221225472"), "{from} into {to}: {error}");
    }
}

#[test]
fn a_decimal_is_cut_to_an_integer_and_not_rounded_on_the_way() {
    use DataType::*;
    // A double would make the next whole number of it.
    let just_below = |whole: i128| -> ArrayRef {
        let unscaled = whole * 10_i128.pow(25) - 1;
        Arc::new(Decimal128Array::from(vec![unscaled]).with_precision_and_scale(38, 25).unwrap())
    };
    let cases = [
        (Int8, 1 << 7),
        (Int16, 1 << 15),
        (Int32, 1 << 31),
        (UInt8, 1 << 8),
        (UInt16, 1 << 16),
        (UInt32, 1_i128 << 32),
    ];
    for (to, beyond) in cases {
        assert_eq!(one(&just_below(beyond), &to), Some((beyond - 1).to_string()), "{to}");
    }
}

#[test]
fn times_dates_and_decimals_have_texts_without_trailing_zeros() {
    use DataType::*;
    let times: ArrayRef = Arc::new(Time32MillisecondArray::from(vec![45_296_500, 45_296_000]));
    assert_eq!(ansi(times, Utf8).unwrap(), ["12:34:56.5", "12:34:56"]);
    let times: ArrayRef = Arc::new(Time64NanosecondArray::from(vec![1]));
    assert_eq!(ansi(times, Utf8).unwrap(), ["00:00:00.000000001"]);
    let days: ArrayRef = Arc::new(Date64Array::from(vec![86_400_000, -1, 0]));
    assert_eq!(ansi(days, Utf8).unwrap(), ["1970-01-02", "1969-12-31", "1970-01-01"]);
    let decimals = Decimal128Array::from(vec![12_345, -12_345, 5]);
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(9, 2).unwrap());
    assert_eq!(ansi(decimals, Utf8).unwrap(), ["123.45", "-123.45", "0.05"]);
}

#[test]
fn every_month_of_eight_centuries_begins_and_ends_on_its_day() {
    // Counted on day by day, from 1600-01-01.
    let (mut day, mut counts, mut expected) = (-135_140, Vec::new(), Vec::new());
    for year in 1600..2400 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        for (month, days) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            for of_month in [1, days] {
                counts.push(day + of_month - 1);
                expected.push(format!("{year}-{month:02}-{of_month:02}"));
            }
            day += days;
        }
    }
    let texts = ansi(Arc::new(Date32Array::from(counts)), DataType::Utf8).unwrap();
    assert_eq!(texts, expected);
}
