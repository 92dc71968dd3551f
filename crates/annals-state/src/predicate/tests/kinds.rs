//! Kinds of columns and literals that stand beside each other seldom, and are compared all the same.

use super::*;

use arrow_array::types::Int64Type;
use arrow_buffer::i256;
use arrow_schema::IntervalUnit;

#[expect(clippy::needless_pass_by_value, reason = "its callers make the type on the spot")]
fn ints(values: &[i64], to: DataType) -> ArrayRef {
    cast(&Int64Array::from(values.to_vec()), &to).unwrap()
}

/// What all six operators say of column `x` beside column `y`, row by row; that pruning agrees.
fn beside(x: &ArrayRef, y: &ArrayRef) -> Vec<Vec<Option<bool>>> {
    let batch = batch_of(vec![("x", x.clone()), ("y", y.clone())]);
    let chunk = Chunk::new(batch.clone());
    let (x, y) = (|| col("x"), || col("y"));
    let six = [x().eq(y()), x().ne(y()), x().lt(y()), x().lt_eq(y()), x().gt(y()), x().gt_eq(y())];
    let mut rows = vec![Vec::new(); batch.num_rows()];
    for predicate in six {
        let bound = predicate.bind(&batch.schema()).unwrap_or_else(|e| panic!("{predicate}: {e}"));
        let result = bound.evaluate(&batch).unwrap();
        for (row, value) in rows.iter_mut().zip(&result) {
            row.push(value);
        }
        match bound.prune(chunk.rows(), |column| chunk.bounds(column)) {
            Matches::None => assert_eq!(result.true_count(), 0, "{predicate}"),
            Matches::All => assert_eq!(result.true_count(), result.len(), "{predicate}"),
            Matches::Some => {}
        }
    }
    rows
}

#[test]
fn columns_of_different_types_are_compared_by_value() {
    use DataType as D;
    let bytes = |to: D| cast(&BinaryArray::from_iter_values([b"a", b"b", b"c"]), &to).unwrap();
    let duo = || Arc::new(BinaryArray::from_iter_values([b"b", b"b", b"b"])) as ArrayRef;
    let decimal = |values: &[i64], to: D| ints(values, to);
    let cases: Vec<(ArrayRef, ArrayRef)> = vec![
        (bytes(D::LargeBinary), duo()),
        (bytes(D::BinaryView), duo()),
        (ints(&[1, 2, 3], D::Int16), ints(&[2, 2, 2], D::UInt64)),
        (ints(&[1, 2, 3], D::UInt16), ints(&[2, 2, 2], D::UInt64)),
        (ints(&[40_000, 50_000, 60_000], D::UInt16), decimal(&[50_000; 3], D::Decimal64(7, 2))),
        (ints(&[-30_000, -20_000, 0], D::Int16), decimal(&[-20_000; 3], D::Decimal64(7, 2))),
        (decimal(&[1, 2, 3], D::Decimal256(45, 10)), decimal(&[2; 3], D::Decimal128(38, 0))),
        (decimal(&[1, 2, 3], D::Decimal32(4, 1)), decimal(&[2; 3], D::Decimal256(40, 3))),
        (decimal(&[1, 2, 3], D::Decimal256(60, 20)), decimal(&[2; 3], D::Decimal128(38, 0))),
        (ints(&[1, 86_400_000, 86_400_001], D::Date64), ints(&[1; 3], D::Date32)),
        (ints(&[0, 1, 2], D::Date32), ints(&[86_400; 3], D::Timestamp(TimeUnit::Second, None))),
        (
            Arc::new(Time32SecondArray::from(vec![1, 2, 3])),
            Arc::new(Time64MicrosecondArray::from(vec![2_000_000; 3])),
        ),
    ];
    let known = |six: [bool; 6]| six.map(Some).to_vec();
    for (x, y) in cases {
        let expected = [known(LESS), known(EQUAL), known(GREATER)];
        assert_eq!(beside(&x, &y), expected, "{} {}", x.data_type(), y.data_type());
    }
    // Digits that no decimal has.
    let (x, y) = (decimal(&[1], D::Decimal256(76, 0)), decimal(&[1], D::Decimal256(76, 40)));
    let batch = batch_of(vec![("x", x), ("y", y)]);
    assert!(col("x").eq(col("y")).bind(&batch.schema()).is_err());
}

#[test]
fn beside_nothing_but_nulls_all_is_null() {
    let void: ArrayRef = Arc::new(NullArray::new(2));
    let some = ints(&[1, 2], DataType::Int32);
    for (x, y) in [(&void, &some), (&some, &void), (&void, &void)] {
        assert_eq!(beside(x, y), [[None; 6]; 2]);
    }
}

#[test]
fn intervals_are_compared_with_their_own_unit_alone() {
    let of =
        |months: &[i32]| -> ArrayRef { Arc::new(IntervalYearMonthArray::from(months.to_vec())) };
    let equal = on(&of(&[1, 2]), &col("x").eq(literal(IntervalYearMonthArray::from(vec![2]))));
    assert_eq!(equal, [Some(false), Some(true)]);
    let days = DataType::Interval(IntervalUnit::DayTime);
    let schema = Schema::new(vec![Field::new("x", days, true)]);
    let months = literal(IntervalYearMonthArray::from(vec![2]));
    assert!(col("x").eq(months).bind(&schema).is_err());
}

/// Checks a column of three values, none greater than the next, beside a literal.
#[track_caller]
fn assert_six(values: &ArrayRef, value: &Literal, expected: [[bool; 6]; 3]) {
    for (index, predicate) in six(value).into_iter().enumerate() {
        let wanted: Vec<_> = expected.iter().map(|row| Some(row[index])).collect();
        assert_eq!(on(values, &predicate), wanted, "{} {predicate}", values.data_type());
    }
}

#[test]
fn a_decimal_of_any_width_is_a_literal_with_all_its_digits() {
    let two_and_a_half = [
        literal(Decimal32Array::from(vec![25]).with_precision_and_scale(3, 1).unwrap()),
        literal(Decimal64Array::from(vec![25]).with_precision_and_scale(3, 1).unwrap()),
        literal(Decimal128Array::from(vec![25]).with_precision_and_scale(3, 1).unwrap()),
        literal(
            Decimal256Array::from(vec![i256::from_i128(25)])
                .with_precision_and_scale(3, 1)
                .unwrap(),
        ),
    ];
    for value in two_and_a_half {
        let whole = [LESS, GREATER, GREATER];
        assert_six(&ints(&[2, 3, 4], DataType::Int64), &value, whole);
        assert_six(&ints(&[2, 3, 4], DataType::Decimal128(10, 0)), &value, whole);
    }
}

#[test]
fn a_literal_beyond_any_power_of_ten_is_still_zero_or_beyond_all() {
    let column = Decimal256Array::from([-1, 0, 1].map(i256::from_i128).to_vec());
    let column: ArrayRef = Arc::new(column.with_precision_and_scale(76, 76).unwrap());
    let shifted = |unscaled: i128| {
        let array = Decimal256Array::from(vec![i256::from_i128(unscaled)]);
        literal(array.with_precision_and_scale(76, -40).unwrap())
    };
    assert_six(&column, &shifted(0), [LESS, EQUAL, GREATER]);
    assert_six(&column, &shifted(1), [LESS; 3]);
    assert_six(&column, &shifted(-1), [GREATER; 3]);
}

#[test]
fn a_half_float_is_compared_with_what_lies_between_two_of_them() {
    let halves = |values: [f64; 3]| cast(&Float64Array::from(values.to_vec()), &DataType::Float16);
    let column = halves([1.0, 1.999_023_437_5, 2.0]).unwrap();
    assert_six(&column, &1.9999.into(), [LESS, LESS, GREATER]);
    let column = halves([-2.0, -1.999_023_437_5, -1.0]).unwrap();
    assert_six(&column, &(-1.9994).into(), [LESS, GREATER, GREATER]);
}

#[test]
fn integers_out_of_the_range_of_an_unsigned_column_are_beyond_it() {
    for (to, beyond) in
        [(DataType::UInt8, 256_i64), (DataType::UInt16, 65_536), (DataType::UInt32, 1 << 32)]
    {
        let column = ints(&[0, 1, beyond - 1], to);
        assert_six(&column, &beyond.into(), [LESS; 3]);
        assert_six(&column, &(-1).into(), [GREATER; 3]);
        assert_six(&column, &(beyond - 1).into(), [LESS, LESS, EQUAL]);
    }
    for (to, beyond) in
        [(DataType::Int8, 128_i64), (DataType::Int16, 1 << 15), (DataType::Int32, 1 << 31)]
    {
        let column = ints(&[-beyond, 0, beyond - 1], to);
        assert_six(&column, &beyond.into(), [LESS; 3]);
        assert_six(&column, &(-beyond - 1).into(), [GREATER; 3]);
        assert_six(&column, &(-beyond).into(), [EQUAL, GREATER, GREATER]);
    }
    let decimals = ints(&[-1, 0, 1], DataType::Decimal32(9, 0));
    assert_six(&decimals, &5_000_000_000_i64.into(), [LESS; 3]);
    let huge = Decimal256Array::from(vec![i256::from_i128(10).wrapping_pow(50)]);
    let huge = literal(huge.with_precision_and_scale(76, 0).unwrap());
    assert_six(&ints(&[-1, 0, 1], DataType::Decimal128(38, 0)), &huge, [LESS; 3]);
    // The first day that there is.
    let days = [i64::from(i32::MIN), i64::from(i32::MIN) + 1, 0];
    let first = literal(Date64Array::from(vec![days[0] * 86_400_000]));
    assert_six(&ints(&days, DataType::Date32), &first, [EQUAL, GREATER, GREATER]);
}

#[test]
fn a_literal_goes_into_a_type_that_expresses_it_exactly() {
    use DataType as D;
    let array = |value: &ArrayRef| (value.data_type().clone(), value.is_null(0));
    let into = |value: Literal, to: &D| value.exactly(to);
    let same = Literal::from(1_i64);
    assert!(Arc::ptr_eq(&into(same.clone(), &D::Int64).unwrap(), same.array()));
    let zero = into(0.into(), &D::Float64).unwrap();
    assert_eq!(zero.as_ref(), &Float64Array::from(vec![0.0]) as &dyn Array);
    let hundred = into(100_i64.into(), &D::Int8).unwrap();
    assert_eq!(hundred.as_ref(), &Int8Array::from(vec![100]) as &dyn Array);
    assert!(into(300_i64.into(), &D::Int8).is_none());
    assert!(into(0.5.into(), &D::Int32).is_none());
    assert!(into("a".into(), &D::Int32).is_none());
    assert!(into(1.into(), &D::new_list(D::Int32, true)).is_none());
    for to in [D::Int32, D::Utf8, D::new_list(D::Int32, true)] {
        assert_eq!(array(&into(None::<i64>.into(), &to).unwrap()), (to, true));
    }
    // An encoding of the type is made for it.
    let dictionary = D::Dictionary(Box::new(D::Int8), Box::new(D::Utf8));
    let encoded = into("a".into(), &dictionary).unwrap();
    assert_eq!(array(&encoded), (dictionary, false));
    assert_eq!(
        cast(&encoded, &D::Utf8).unwrap().as_ref(),
        &StringArray::from(vec!["a"]) as &dyn Array
    );
}

#[test]
fn an_operand_is_a_literal_or_a_column() {
    let value = Operand::from(1_i64);
    let array = value.literal().unwrap().array();
    assert_eq!(arrow_array::cast::AsArray::as_primitive::<Int64Type>(array).value(0), 1);
    assert_eq!(value.column(), None);
    let column = Operand::from(col("x"));
    assert_eq!(column.column(), Some("x"));
    assert!(column.literal().is_none());
}

#[test]
fn a_literal_cut_out_of_a_column_with_nulls_is_a_value() {
    // What is cut out keeps a mask in which there is no null.
    let column: ArrayRef = Arc::new(Int64Array::new(vec![7].into(), Some(vec![true].into())));
    assert!(column.nulls().is_some());
    let value = Literal::from_array(column).unwrap();
    assert_eq!(value.exactly(&DataType::Int8).unwrap().null_count(), 0);
    assert_eq!(col("x").eq(value.clone()).to_string(), "x = 7");
    assert_six(&ints(&[6, 7, 8], DataType::Int32), &value, [LESS, EQUAL, GREATER]);
}

#[test]
fn long_bytes_are_shortened_in_a_message() {
    let text = col("x").eq(vec![0xAB_u8; 100]).to_string();
    assert_eq!(text, format!("x = X'{}'… 68 more", "AB".repeat(32)));
}

#[test]
fn rows_of_another_number_are_an_error() {
    let schema = Schema::new(vec![Field::new("x", DataType::Int64, true)]);
    let bound = col("x").gt(1).bind(&schema).unwrap();
    let two = ints(&[1, 2], DataType::Int64);
    assert!(bound.evaluate_columns(3, |_| two.clone()).is_err());
    assert!(bound.evaluate_columns(2, |_| two.clone()).is_ok());
}

#[test]
fn a_column_of_another_name_is_guessed_if_it_is_near() {
    let told = |asked: &str, names: &[&str]| {
        let fields: Vec<_> = names.iter().map(|n| Field::new(*n, DataType::Int32, true)).collect();
        col(asked).is_null().bind(&Schema::new(fields)).unwrap_err().to_string()
    };
    for (asked, near) in [("disqqnce", "distance"), ("elay", "delay"), ("delayed", "delay")] {
        assert!(told(asked, &[near]).ends_with(&format!("did you mean `{near}`?")), "{asked}");
    }
    for (asked, far) in [("dyyly", "delay"), ("rizgi", "origin"), ("", "ab")] {
        assert!(told(asked, &[far]).ends_with(&format!("there are `{far}`")), "{asked}");
    }
    assert!(told("x", &[]).ends_with("there are no columns"));
    let many = ["aa", "bb", "cc", "dd", "ee", "ff", "gg"];
    assert!(told("xxxxxx", &many).ends_with("`ee` and 2 more"));
}

/// What statistics of values without nulls tell of a predicate on column `x`.
fn pruned(x: &ArrayRef, predicate: &Predicate) -> Matches {
    let chunk = Chunk::new(batch_of(vec![("x", x.clone())]));
    let bound = predicate.bind(&chunk.batch().schema()).unwrap();
    bound.prune(chunk.rows(), |column| chunk.bounds(column))
}

#[test]
fn statistics_tell_as_much_as_they_can() {
    let x = ints(&[1, 5, 9], DataType::Int64);
    let five = ints(&[5, 5], DataType::Int64);
    let in_list = |values: &[Option<i64>]| col("x").is_in(values.to_vec());
    for (column, predicate, expected) in [
        (&x, col("x").gt(0).and(col("x").lt(10)), Matches::All),
        (&x, col("x").gt(0).and(col("x").lt(1)), Matches::None),
        (&x, col("x").gt(5).or(col("x").lt(10)), Matches::All),
        (&five, in_list(&[Some(5)]), Matches::All),
        (&five, in_list(&[Some(5), None]), Matches::All),
        (&five, in_list(&[Some(4), Some(6)]), Matches::None),
        (&x, in_list(&[Some(5), None]), Matches::Some),
        (&x, !in_list(&[Some(5), None]), Matches::None),
        (&x, in_list(&[Some(10)]), Matches::None),
    ] {
        assert_eq!(pruned(column, &predicate), expected, "{predicate}");
    }
    // Compared as floats, for the literal is none of the column's values.
    let decimals = ints(&[3, 4], DataType::Decimal128(10, 2));
    assert_eq!(pruned(&decimals, &col("x").gt(2.5)), Matches::All);
    assert_eq!(pruned(&decimals, &col("x").lt(2.5)), Matches::None);
    let bytes: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab", b"ac"].iter()).unwrap());
    assert_eq!(pruned(&bytes, &col("x").gt(b"a".as_slice())), Matches::All);
    assert_eq!(pruned(&bytes, &col("x").lt(b"a".as_slice())), Matches::None);
    let (narrow, wide) = (ints(&[1, 2], DataType::Int32), ints(&[3, 4], DataType::Int64));
    let chunk = Chunk::new(batch_of(vec![("x", narrow), ("y", wide)]));
    let bound = col("x").lt(col("y")).bind(&chunk.batch().schema()).unwrap();
    assert_eq!(bound.prune(2, |column| chunk.bounds(column)), Matches::All);
}

#[test]
fn bounds_that_are_none_say_nothing() {
    let schema = Schema::new(vec![Field::new("x", DataType::Int64, true)]);
    let bound = |predicate: Predicate| predicate.bind(&schema).unwrap();
    let of = |min: &ArrayRef, max: &ArrayRef| Bounds {
        min: Some(min.clone()),
        max: Some(max.clone()),
        null_count: 0,
        rows: 2,
        exact: true,
    };
    let value = |n| ints(&[n], DataType::Int64);
    let two = |a, b| ints(&[a, b], DataType::Int64);
    let none = new_null_array(&DataType::Int64, 1);
    assert_eq!(bound(col("x").lt(3)).prune(2, |_| of(&value(5), &value(9))), Matches::None);
    for min in [two(5, 1), none.clone()] {
        assert_eq!(bound(col("x").lt(3)).prune(2, |_| of(&min, &value(9))), Matches::Some);
    }
    for max in [two(1, 9), none] {
        assert_eq!(bound(col("x").gt(3)).prune(2, |_| of(&value(1), &max)), Matches::Some);
    }
}

#[test]
fn a_nan_that_a_cast_moves_among_the_nans_is_no_bound() {
    // The first signals, and is the lesser of the two; made a double it is quiet, and the greater.
    let singles = [0x7F80_0001_u32, 0x7FC0_0000].map(f32::from_bits);
    let between = f64::from_bits(0x7FF8_0000_1000_0000);
    let x: ArrayRef = Arc::new(Float32Array::from(singles.to_vec()));
    let y: ArrayRef = Arc::new(Float64Array::from(vec![between; 2]));
    let rows = beside(&x, &y);
    assert_eq!(rows.len(), 2);
}
