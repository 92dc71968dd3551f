//! How any two types relate, told in one word a pair: the policy that lets values pass, and a
//! question mark where an array can fail all the same.

use super::*;
use crate::schema::kin::kin;

fn told(from: &DataType, to: &DataType) -> String {
    kin(from, to).map_or_else(
        || "never".to_owned(),
        |kin| format!("{}{}", kin.policy, if kin.total { "" } else { "?" }),
    )
}

#[track_caller]
fn assert_told(cases: impl IntoIterator<Item = (DataType, DataType, &'static str)>) {
    for (from, to, expected) in cases {
        assert_eq!(told(&from, &to), expected, "{from} into {to}");
    }
}

#[test]
fn other_encodings_of_a_type_are_the_same_values_and_fail_only_where_room_is_less() {
    use DataType::*;
    assert_told([
        (Utf8, LargeUtf8, "exact"),
        (Utf8, Utf8View, "exact"),
        (Utf8View, LargeUtf8, "exact"),
        (LargeUtf8, Utf8, "exact?"),
        (Utf8View, Utf8, "exact?"),
        (Binary, LargeBinary, "exact"),
        (Binary, BinaryView, "exact"),
        (BinaryView, LargeBinary, "exact"),
        (LargeBinary, Binary, "exact?"),
        (dictionary(Int8, Utf8), dictionary(Int32, Utf8), "exact"),
        (dictionary(Int32, Utf8), dictionary(Int8, Utf8), "exact?"),
        (dictionary(Int8, Utf8), dictionary(Int8, LargeUtf8), "exact"),
        // Keys are not negative: a sign is one bit less.
        (dictionary(Int8, Utf8), dictionary(UInt8, Utf8), "exact"),
        (dictionary(UInt8, Utf8), dictionary(Int8, Utf8), "exact?"),
        (dictionary(UInt8, Utf8), dictionary(Int16, Utf8), "exact"),
        (dictionary(UInt16, Utf8), dictionary(Int32, LargeUtf8), "exact"),
        (dictionary(Int8, Utf8), Utf8, "exact"),
        (runs(Int16), Int16, "exact"),
        (Utf8, dictionary(Int8, Utf8), "exact?"),
        (Utf8, runs(Utf8), "exact?"),
    ]);
}

#[test]
fn dictionaries_and_runs_are_made_of_what_arrow_makes_them_of() {
    use DataType::*;
    let encodable = [
        Int8,
        UInt64,
        Float32,
        Decimal128(5, 2),
        Utf8,
        LargeBinary,
        Date32,
        Time64(US),
        zoned(S, "UTC"),
    ];
    for value in encodable {
        assert_told([
            (value.clone(), dictionary(Int8, value.clone()), "exact?"),
            (dictionary(Int8, value.clone()), dictionary(Int16, value.clone()), "exact"),
            (value.clone(), runs(value), "exact?"),
        ]);
    }
    for value in [Boolean, FixedSizeBinary(2), list(Int8), structure([field("x", Int8)])] {
        assert_told([
            (value.clone(), dictionary(Int8, value.clone()), "never"),
            (dictionary(Int8, value.clone()), dictionary(Int16, value.clone()), "never"),
            (value.clone(), runs(value), "never"),
        ]);
    }
    let ends = |name| strict(name, Int32);
    let named = |ends, values| RunEndEncoded(ends, values);
    assert_told([
        (Int8, named(ends("run_ends"), field("values", Int8)), "exact?"),
        (Int8, named(ends("ends"), field("values", Int8)), "never"),
        (Int8, named(ends("run_ends"), field("x", Int8)), "never"),
        (Int8, named(ends("run_ends"), strict("values", Int8)), "never"),
    ]);
}

#[test]
fn numbers_pass_where_the_type_holds_all_of_them() {
    use DataType::*;
    assert_told([
        (UInt8, Int16, "lossless"),
        (UInt16, UInt32, "lossless"),
        (UInt16, Int32, "lossless"),
        (UInt16, Int16, "ansi?"),
        (UInt16, Float32, "lossless"),
        (Int8, UInt16, "ansi?"),
        (Int8, Float16, "lossless"),
        (Int16, Float16, "ansi?"),
        (Int16, Decimal32(5, 0), "lossless"),
        (Int16, Decimal32(4, 0), "ansi?"),
        (UInt64, Decimal128(20, 0), "lossless"),
        (UInt64, Decimal128(19, 0), "ansi?"),
        (Int64, Decimal128(19, 0), "lossless"),
        (Decimal32(9, 2), Decimal64(9, 2), "exact"),
        (Decimal64(18, 4), Decimal256(18, 4), "exact"),
        (Decimal32(9, 2), Decimal64(10, 2), "lossless"),
    ]);
    // Precision and scale that the width cannot have: no value is in them.
    for unsound in [
        Decimal32(10, 0),
        Decimal32(0, 0),
        Decimal32(5, -10),
        Decimal64(19, 0),
        Decimal128(39, 0),
        Decimal256(77, 0),
        Decimal256(40, 77),
    ] {
        assert_told([
            (unsound.clone(), Float64, "never"),
            (Int8, unsound.clone(), "never"),
            (unsound, Utf8, "never"),
        ]);
    }
    for widest in [Decimal32(9, 9), Decimal64(18, -18), Decimal128(38, 0), Decimal256(76, 76)] {
        assert_told([(widest.clone(), Float64, "ansi?"), (widest, Utf8, "ansi?")]);
    }
}

#[test]
fn instants_pass_into_finer_units_and_fail_beyond_their_range() {
    use DataType::*;
    assert_told([
        (Date32, Date64, "lossless"),
        (Date32, Timestamp(S, None), "lossless"),
        (Date32, Timestamp(MS, None), "lossless"),
        (Date32, Timestamp(US, None), "lossless?"),
        (Date64, Timestamp(S, None), "ansi?"),
        (Date64, Timestamp(MS, None), "lossless"),
        (Date64, Timestamp(US, None), "lossless?"),
        (Date64, Timestamp(NS, None), "lossless?"),
        (Timestamp(S, None), Date32, "ansi?"),
        (Timestamp(S, None), Timestamp(MS, None), "lossless?"),
        (Timestamp(MS, None), Timestamp(S, None), "ansi?"),
        (zoned(S, "UTC"), zoned(S, "Z"), "exact"),
        (zoned(S, "UTC"), zoned(S, "Europe/Paris"), "lossless"),
        (zoned(S, "UTC"), zoned(MS, "Z"), "lossless?"),
        (Time32(S), Time32(MS), "lossless?"),
        (Time32(MS), Time32(S), "ansi?"),
        (Time32(S), Time64(US), "lossless"),
        (Time32(MS), Time64(NS), "lossless"),
        (Time64(US), Time64(NS), "lossless?"),
        (Time64(US), Time32(MS), "ansi?"),
        (Duration(MS), Duration(US), "lossless?"),
        (Duration(US), Duration(MS), "ansi?"),
    ]);
}

#[test]
fn bytes_of_fixed_size_pass_into_bytes_of_any() {
    use DataType::*;
    assert_told([
        (FixedSizeBinary(3), Binary, "lossless?"),
        (FixedSizeBinary(3), LargeBinary, "lossless"),
        (FixedSizeBinary(3), BinaryView, "lossless"),
        (FixedSizeBinary(3), Utf8, "ansi?"),
        (FixedSizeBinary(3), FixedSizeBinary(4), "never"),
        (FixedSizeBinary(3), Int8, "never"),
        (Binary, FixedSizeBinary(3), "never"),
    ]);
}

#[test]
fn what_is_nested_is_as_loose_and_as_fallible_as_its_parts() {
    use DataType::*;
    let day = |then| structure([field("x", Int8), field("day", then)]);
    assert_told([
        (day(Date32), day(Date64), "lossless"),
        (day(Date32), day(Timestamp(NS, None)), "lossless?"),
        (structure([field("day", Date32)]), day(Date32), "lossless"),
        (list(LargeUtf8), list(Utf8), "exact?"),
        (list(Int8), LargeList(field("item", Int8)), "exact"),
        (LargeList(field("item", Int8)), list(Int8), "exact?"),
        (map(Utf8, Date32), map(LargeUtf8, Timestamp(NS, None)), "lossless?"),
    ]);
    // The entries of a map are a key and a value. What is none is refused, and no panic.
    let odd =
        |fields: Vec<FieldRef>| Map(strict("entries", Struct(fields.into_iter().collect())), false);
    assert_told([
        (odd(vec![strict("keys", Utf8)]), map(Utf8, Int8), "never"),
        (map(Utf8, Int8), odd(vec![]), "never"),
        (
            odd(vec![strict("k", Utf8), field("v", Int8), field("w", Int8)]),
            map(Utf8, Int8),
            "never",
        ),
        (Map(strict("entries", Utf8), false), map(Utf8, Int8), "never"),
    ]);
}
