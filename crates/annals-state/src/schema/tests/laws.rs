//! Laws of [`widens_to`] and [`common_type`], over all pairs of a list of types.

use super::*;
use crate::schema::cast::{Structs, convert};
use crate::schema::kin::kin;

fn types() -> Vec<DataType> {
    use DataType::*;
    let leaves = vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Decimal32(3, 0),
        Decimal32(9, 2),
        Decimal64(18, 4),
        Decimal128(10, 0),
        Decimal128(20, 0),
        Decimal128(38, 10),
        Decimal256(40, 2),
        Decimal256(76, 38),
        Decimal128(5, -2),
        Date32,
        Date64,
        Timestamp(S, None),
        Timestamp(MS, None),
        Timestamp(NS, None),
        zoned(S, "UTC"),
        zoned(US, "Europe/Paris"),
        Time32(S),
        Time32(MS),
        Time64(US),
        Time64(NS),
        Duration(S),
        Duration(NS),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(3),
        FixedSizeBinary(4),
        dictionary(Int8, Utf8),
        dictionary(Int32, Int32),
        runs(Int16),
    ];
    let mut types = leaves.clone();
    for leaf in [Int32, Int64, Utf8, Decimal128(10, 0), Date32] {
        types.push(list(leaf.clone()));
        types.push(LargeList(field("item", leaf.clone())));
        types.push(ListView(field("item", leaf.clone())));
        types.push(FixedSizeList(field("item", leaf.clone()), 2));
        types.push(structure([field("x", leaf.clone())]));
        types.push(structure([strict("x", leaf.clone())]));
        types.push(structure([field("X", leaf.clone()), field("y", Utf8)]));
        types.push(map(Utf8, leaf));
    }
    types
}

#[test]
fn widening_is_reflexive_and_transitive() {
    let types = types();
    for a in &types {
        assert!(widens_to(a, a), "{a}");
        for b in types.iter().filter(|b| widens_to(a, b)) {
            for c in types.iter().filter(|c| widens_to(b, c)) {
                assert!(widens_to(a, c), "{a} -> {b} -> {c}");
            }
        }
    }
}

#[test]
fn the_common_type_holds_both_and_the_order_does_not_matter() {
    let types = types();
    for a in &types {
        for b in &types {
            let (ab, ba) = (common_type(a, b), common_type(b, a));
            assert_eq!(ab.is_some(), ba.is_some(), "{a}, {b}");
            if let (Some(ab), Some(ba)) = (&ab, &ba) {
                assert!(widens_to(a, ab) && widens_to(b, ab), "{a}, {b} -> {ab}");
                assert!(widens_to(ab, ba), "{a}, {b} -> {ab}, {ba}");
            }
            if widens_to(a, b) {
                let common = ab.unwrap_or_else(|| panic!("{a} widens to {b}"));
                assert!(widens_to(&common, b), "{a}, {b} -> {common} is not the narrowest");
            }
            // What both go into must be found: there is a common type if there is any bound.
            let bounded = types.iter().any(|c| widens_to(a, c) && widens_to(b, c));
            assert!(ba.is_some() || !bounded, "{a}, {b}");
        }
    }
}

#[test]
fn what_may_be_null_does_not_widen_to_what_may_not() {
    let nullable = structure([field("x", DataType::Int8)]);
    let not_null = structure([strict("x", DataType::Int8)]);
    assert!(widens_to(&not_null, &nullable) && !widens_to(&nullable, &not_null));
    assert!(!widens_to(&structure([]), &not_null) && widens_to(&structure([]), &nullable));
    assert!(!widens_to(&nullable, &structure([])), "a field would be lost");
    let of = |element| DataType::List(element);
    let (nullable, not_null) = (of(field("i", DataType::Int8)), of(strict("i", DataType::Int8)));
    assert!(widens_to(&not_null, &nullable) && !widens_to(&nullable, &not_null));
    let sorted = |sorted| match map(DataType::Utf8, DataType::Int8) {
        DataType::Map(entries, _) => DataType::Map(entries, sorted),
        other => other,
    };
    assert!(widens_to(&sorted(true), &sorted(false)) && !widens_to(&sorted(false), &sorted(true)));
}

#[test]
fn some_common_types() {
    use DataType::*;
    let cases = [
        (Int8, UInt8, Some(Int16)),
        (Int64, UInt32, Some(Int64)),
        (Int64, UInt64, Some(Decimal128(20, 0))),
        (Int32, Float32, Some(Float64)),
        (Int64, Float64, None),
        (Decimal128(10, 2), Decimal128(8, 4), Some(Decimal128(12, 4))),
        (Decimal128(38, 0), Decimal128(38, 10), Some(Decimal256(48, 10))),
        (Decimal256(76, 0), Decimal128(5, 5), None),
        (Int32, Decimal128(5, 2), Some(Decimal128(12, 2))),
        (Date32, Timestamp(US, None), Some(Timestamp(US, None))),
        (Date64, Timestamp(S, None), Some(Timestamp(MS, None))),
        (Timestamp(US, None), zoned(US, "UTC"), None),
        (zoned(S, "UTC"), zoned(MS, "Europe/Paris"), Some(zoned(MS, "UTC"))),
        (Utf8, Utf8View, Some(Utf8View)),
        (dictionary(Int8, Utf8), LargeUtf8, Some(LargeUtf8)),
        (FixedSizeBinary(2), FixedSizeBinary(3), Some(Binary)),
        (Null, list(Null), Some(list(Null))),
        (list(Null), list(Int8), Some(list(Int8))),
        (Boolean, Int8, None),
        (Utf8, Int8, None),
        (Utf8, Binary, None),
        (
            structure([strict("x", Int8), strict("y", Utf8)]),
            structure([field("Z", Utf8), strict("X", Int16)]),
            Some(structure([strict("x", Int16), field("y", Utf8), field("Z", Utf8)])),
        ),
    ];
    for (a, b, expected) in cases {
        assert_eq!(common_type(&a, &b), expected, "{a}, {b}");
    }
}

/// Values at the edges of a type, and a null.
fn edges(data_type: &DataType) -> Option<ArrayRef> {
    use DataType::*;
    fn of<T: ArrowPrimitiveType>(to: &DataType, values: Vec<T::Native>) -> ArrayRef {
        let values = values.into_iter().map(Some).chain([None]);
        let array = PrimitiveArray::<T>::from_iter(values).with_data_type(to.clone());
        Arc::new(array)
    }
    let most = |p: u8| 10_i128.pow(u32::from(p)) - 1;
    let small = vec![i64::from(i32::MIN), -1, 0, 1, i64::from(i32::MAX)];
    Some(match data_type {
        Boolean => Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        Int8 => of::<types::Int8Type>(data_type, vec![i8::MIN, -1, 0, i8::MAX]),
        Int16 => of::<types::Int16Type>(data_type, vec![i16::MIN, -1, 0, i16::MAX]),
        Int32 => of::<types::Int32Type>(data_type, vec![i32::MIN, -1, 0, i32::MAX]),
        Int64 => of::<types::Int64Type>(data_type, vec![i64::MIN, -1, 0, i64::MAX]),
        UInt8 => of::<types::UInt8Type>(data_type, vec![0, u8::MAX]),
        UInt16 => of::<types::UInt16Type>(data_type, vec![0, u16::MAX]),
        UInt32 => of::<types::UInt32Type>(data_type, vec![0, u32::MAX]),
        UInt64 => of::<types::UInt64Type>(data_type, vec![0, u64::MAX]),
        Float32 => of::<types::Float32Type>(
            data_type,
            vec![f32::MIN, -0.0, f32::MIN_POSITIVE, f32::INFINITY],
        ),
        Float64 => {
            of::<types::Float64Type>(data_type, vec![f64::MIN, -0.0, f64::EPSILON, f64::INFINITY])
        }
        Decimal32(p, _) => {
            of::<types::Decimal32Type>(data_type, vec![-(most(*p) as i32), 0, most(*p) as i32])
        }
        Decimal64(p, _) => {
            of::<types::Decimal64Type>(data_type, vec![-(most(*p) as i64), 0, most(*p) as i64])
        }
        Decimal128(p, _) => of::<types::Decimal128Type>(data_type, vec![-most(*p), 0, most(*p)]),
        Decimal256(p, _) => {
            let most = i256::from_i128(10).pow_wrapping(u32::from(*p)).wrapping_sub(i256::ONE);
            of::<types::Decimal256Type>(data_type, vec![most.wrapping_neg(), i256::ZERO, most])
        }
        Date32 => of::<types::Date32Type>(data_type, vec![-100_000, -1, 0, 100_000]),
        Date64 => of::<types::Date64Type>(data_type, vec![-86_400_000, 0, 86_400_000]),
        Timestamp(S, _) => of::<types::TimestampSecondType>(data_type, small),
        Timestamp(MS, _) => of::<types::TimestampMillisecondType>(data_type, small),
        Timestamp(US, _) => of::<types::TimestampMicrosecondType>(data_type, small),
        Timestamp(NS, _) => of::<types::TimestampNanosecondType>(data_type, small),
        Time32(S) => of::<types::Time32SecondType>(data_type, vec![0, 86_399]),
        Time32(_) => of::<types::Time32MillisecondType>(data_type, vec![0, 86_399_999]),
        Time64(US) => of::<types::Time64MicrosecondType>(data_type, vec![0, 86_399_999_999]),
        Time64(_) => of::<types::Time64NanosecondType>(data_type, vec![0, 86_399_999_999_999]),
        Duration(S) => of::<types::DurationSecondType>(data_type, small),
        Duration(_) => of::<types::DurationNanosecondType>(data_type, small),
        Utf8 | LargeUtf8 | Utf8View | Dictionary(..) if widens_to(data_type, &Utf8) => {
            text(data_type)
        }
        Binary | LargeBinary | BinaryView => {
            let bytes = BinaryArray::from(vec![Some(b"\xff\x00".as_slice()), None, Some(b"")]);
            arrow_cast::cast(&bytes, data_type).unwrap()
        }
        List(f) | LargeList(f) | ListView(f) => {
            let values = edges(f.data_type())?;
            let offsets = OffsetBuffer::from_lengths([0, 1, 0, values.len() - 1]);
            let nulls = Some(NullBuffer::from(vec![true, true, false, true]));
            let plain: ArrayRef = Arc::new(ListArray::new(Arc::clone(f), offsets, values, nulls));
            convert(&plain, data_type, Structs::ByName, None).unwrap()
        }
        Struct(fields) if fields[0].is_nullable() => {
            let columns: Option<Vec<_>> =
                fields.iter().map(|f| Some(edges(f.data_type())?.slice(0, 3))).collect();
            let nulls = Some(NullBuffer::from(vec![true, false, true]));
            Arc::new(StructArray::new(fields.clone(), columns?, nulls))
        }
        _ => return None,
    })
}

#[test]
fn what_widens_comes_back_unchanged() {
    let types = types();
    let mut trips = 0;
    for a in &types {
        let Some(original) = edges(a) else { continue };
        for b in types.iter().filter(|b| widens_to(a, b)) {
            let there = convert(&original, b, Structs::ByName, None)
                .unwrap_or_else(|failure| panic!("{a} into {b}: {failure:?}"));
            assert_eq!((there.data_type(), there.len()), (b, original.len()));
            if b.is_nested() || kin(b, a).is_none() {
                continue;
            }
            let back = convert(&there, a, Structs::ByName, None).unwrap();
            assert_eq!(&back, &original, "{a} into {b} and back");
            trips += 1;
        }
    }
    assert!(trips > 150, "only {trips} round trips");
}

#[test]
fn no_cast_of_any_pair_panics() {
    let types = types();
    for a in &types {
        let Some(original) = edges(a) else { continue };
        for b in types.iter().filter(|b| kin(a, b).is_some()) {
            let _ = convert(&original, b, Structs::ByName, None);
            let sliced = original.slice(1, 2);
            if let Ok(array) = convert(&sliced, b, Structs::ByName, None) {
                array.to_data().validate_full().unwrap_or_else(|e| panic!("{a} into {b}: {e}"));
            }
        }
    }
}
