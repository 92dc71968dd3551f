//! Predicates against a row-by-row interpreter, and the promises that it cannot see.

mod kinds;
mod random;

use std::sync::Arc;

use arrow_array::types::{Float16Type, Int8Type, Int32Type};
use arrow_array::*;
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::*;
use crate::chunk::Chunk;

fn batch_of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

/// What a predicate says of the rows of one column `x`, after a check that pruning agrees.
fn on(x: &ArrayRef, predicate: &Predicate) -> Vec<Option<bool>> {
    let batch = batch_of(vec![("x", x.clone())]);
    let bound = predicate.bind(&batch.schema()).unwrap_or_else(|e| panic!("{predicate}: {e}"));
    let result: Vec<_> = bound.evaluate(&batch).unwrap().iter().collect();
    let chunk = Chunk::new(batch);
    match bound.prune(chunk.rows(), |column| chunk.bounds(column)) {
        Matches::None => assert!(!result.contains(&Some(true)), "{predicate}"),
        Matches::All => assert!(result.iter().all(|r| *r == Some(true)), "{predicate}"),
        Matches::Some => {}
    }
    result
}

fn literal(array: impl Array + 'static) -> Literal {
    Literal::from_array(Arc::new(array)).unwrap()
}

/// All six operators, in the order =, <>, <, <=, >, >=.
fn six(value: &Literal) -> [Predicate; 6] {
    let (x, v) = (|| col("x"), || value.clone());
    [x().eq(v()), x().ne(v()), x().lt(v()), x().lt_eq(v()), x().gt(v()), x().gt_eq(v())]
}

/// The six results for a value that is less than, equal to or greater than the literal.
const LESS: [bool; 6] = [false, true, true, true, false, false];
const EQUAL: [bool; 6] = [true, false, false, true, false, true];
const GREATER: [bool; 6] = [false, true, false, false, true, true];

#[test]
fn a_literal_of_any_type_is_compared_exactly() {
    use DataType as D;
    let ints = |values: &[i64], to: D| cast(&Int64Array::from(values.to_vec()), &to).unwrap();
    let floats = |values: &[f64], to: D| cast(&Float64Array::from(values.to_vec()), &to).unwrap();
    let strings = |to: D| cast(&StringArray::from(vec!["a", "b", "c"]), &to).unwrap();
    let dictionary = |values| D::Dictionary(Box::new(D::Int8), Box::new(values));
    let micros = |zone: Option<&str>| D::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let decimal = |unscaled, precision, scale| {
        let array = Decimal128Array::from(vec![unscaled]);
        literal(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let day = 86_400_000_000;
    let seconds = |s| TimestampSecondArray::from(vec![s]);
    let millis = |ms| TimestampMillisecondArray::from(vec![ms]);
    let (less, equal, greater) = (LESS, EQUAL, GREATER);
    // Literals of a column's own type, of a wider one, out of its range, between its values.
    let table: Vec<(ArrayRef, Literal, [[bool; 6]; 3])> = vec![
        (ints(&[9, 10, 11], D::Int8), 10.into(), [less, equal, greater]),
        (ints(&[9, 10, 11], D::Int64), 10_i8.into(), [less, equal, greater]),
        (ints(&[-128, 0, 127], D::Int8), 1000.into(), [less; 3]),
        (ints(&[-128, 0, 127], D::Int8), (-1000).into(), [greater; 3]),
        (ints(&[0, 1, 2], D::UInt64), (-1).into(), [greater; 3]),
        (ints(&[i64::MIN, 0, i64::MAX], D::Int64), u64::MAX.into(), [less; 3]),
        (ints(&[3, 4, 5], D::Int64), 3.5.into(), [less, greater, greater]),
        (ints(&[-4, -3, 0], D::Int64), (-3.5).into(), [less, greater, greater]),
        (ints(&[3, 4, 5], D::Int64), 4.0.into(), [less, equal, greater]),
        (ints(&[0, 1, 2], D::UInt8), f64::NAN.into(), [less; 3]),
        (ints(&[0, 1, 2], D::UInt8), f64::NEG_INFINITY.into(), [greater; 3]),
        (ints(&[-1, 0, 1], D::Int8), (-0.0).into(), [less, greater, greater]),
        (ints(&[-1, 0, 1], D::Int64), (-0.0).into(), [less, greater, greater]),
        (
            ints(&[(1 << 53) - 1, 1 << 53, (1 << 53) + 1], D::Int64),
            ((1_i64 << 53) as f64).into(),
            [less, equal, greater],
        ),
        (
            floats(&[9_007_199_254_740_991.0, 9_007_199_254_740_992.0, 1e300], D::Float64),
            9_007_199_254_740_993_i64.into(),
            [less, less, greater],
        ),
        (floats(&[-0.0, 0.0, f64::NAN], D::Float64), 0.into(), [less, equal, greater]),
        (floats(&[-0.0, 0.0, f64::NAN], D::Float64), f64::NAN.into(), [less, less, equal]),
        (floats(&[-0.0, 0.0, f64::NAN], D::Float32), f64::NAN.into(), [less, less, equal]),
        (floats(&[0.0, 0.1, 0.2], D::Float32), 0.1_f32.into(), [less, equal, greater]),
        (floats(&[0.0, 0.1, 0.2], D::Float32), 0.1_f64.into(), [less, greater, greater]),
        (floats(&[0.0, 1e38, f64::INFINITY], D::Float32), 1e300.into(), [less, less, greater]),
        (floats(&[-1.0, -0.0, 0.0], D::Float16), 1e-30.into(), [less; 3]),
        (floats(&[-1.0, -0.0, 0.0], D::Float16), (-1e-30).into(), [less, greater, greater]),
        (floats(&[-2.0, 1.0, 3.0], D::Float16), 1.0001.into(), [less, less, greater]),
        (floats(&[-2.0, 1.0, 3.0], D::Float16), 1.into(), [less, equal, greater]),
        (ints(&[1, 2, 3], D::Decimal128(10, 2)), 2.into(), [less, equal, greater]),
        (ints(&[1, 2, 3], D::Decimal32(4, 1)), decimal(205, 5, 2), [less, less, greater]),
        (ints(&[1, 2, 3], D::Decimal64(9, 1)), decimal(20, 5, 1), [less, equal, greater]),
        (ints(&[1, 2, 3], D::Decimal256(40, 3)), decimal(1, 38, -37), [less; 3]),
        (ints(&[-1, 0, 1], D::Int8), decimal(-1, 38, 37), [less, greater, greater]),
        (ints(&[1, 2, 3], D::Int16), decimal(200, 5, 2), [less, equal, greater]),
        (ints(&[1, 2, 3], D::Decimal128(10, 2)), 2.5.into(), [less, less, greater]),
        (floats(&[0.0, 0.1, 0.2], D::Decimal128(10, 1)), 0.1.into(), [less, equal, greater]),
        (floats(&[0.0, 0.1, 0.2], D::Float64), decimal(10, 5, 2), [less, equal, greater]),
        (strings(D::Utf8), "b".into(), [less, equal, greater]),
        (strings(D::LargeUtf8), "b".into(), [less, equal, greater]),
        (strings(D::Utf8View), "bb".into(), [less, less, greater]),
        (strings(dictionary(D::Utf8)), "b".into(), [less, equal, greater]),
        (strings(dictionary(D::LargeUtf8)), "b".into(), [less, equal, greater]),
        (strings(D::Binary), b"b".as_slice().into(), [less, equal, greater]),
        (strings(D::BinaryView), b"b".as_slice().into(), [less, equal, greater]),
        (
            Arc::new(FixedSizeBinaryArray::try_from_iter([b"aa", b"bb", b"cc"].iter()).unwrap()),
            b"b".as_slice().into(),
            [less, greater, greater],
        ),
        (
            ints(&[day - 1, day, day + 1], micros(None)),
            literal(Date32Array::from(vec![1])),
            [less, equal, greater],
        ),
        (ints(&[-1, 0, 1], D::Date32).clone(), literal(millis(-1)), [less, greater, greater]),
        (ints(&[-1, 0, 1], D::Date32), literal(Date64Array::from(vec![0])), [less, equal, greater]),
        (
            ints(&[1, 1_000_000, 2_000_000], micros(Some("UTC"))),
            literal(seconds(1).with_timezone("+02:00")),
            [less, equal, greater],
        ),
        (ints(&[-1, 0, 1], micros(None)), literal(seconds(i64::MAX)), [less; 3]),
        (ints(&[-1, 0, 1], micros(None)), literal(seconds(i64::MIN)), [greater; 3]),
        (
            ints(&[1, 2, 3], D::Duration(TimeUnit::Second)),
            literal(DurationMillisecondArray::from(vec![2_500])),
            [less, less, greater],
        ),
        (
            ints(&[1, 2, 3], D::Time64(TimeUnit::Microsecond)),
            literal(Time32MillisecondArray::from(vec![1])),
            [less; 3],
        ),
        (Arc::new(BooleanArray::from(vec![false, false, true])), true.into(), [less, less, equal]),
    ];
    for (values, value, expected) in table {
        let nulled =
            arrow_select::concat::concat(&[&values, &new_null_array(values.data_type(), 1)]);
        for (index, predicate) in six(&value).into_iter().enumerate() {
            let mut wanted: Vec<_> = expected.iter().map(|row| Some(row[index])).collect();
            assert_eq!(on(&values, &predicate), wanted, "{} {predicate}", values.data_type());
            wanted.push(None);
            assert_eq!(on(nulled.as_ref().unwrap(), &predicate), wanted, "{predicate}");
            for (row, wanted) in wanted.iter().take(3).enumerate() {
                let result = on(&values.slice(row, 1), &predicate);
                assert_eq!(result, [*wanted], "{} {predicate}", values.data_type());
            }
        }
        let found: Vec<_> = expected.iter().map(|row| Some(row[0])).collect();
        assert_eq!(on(&values, &col("x").is_in([value.clone()])), found);
        let many = std::iter::repeat_n(value.clone(), 40);
        assert_eq!(on(&values, &col("x").is_in(many)), found);
    }
}

#[test]
fn run_ends_and_dictionaries_are_compared_by_their_values() {
    let ends = PrimitiveArray::<Int32Type>::from(vec![2, 3, 5]);
    let runs = RunArray::try_new(&ends, &Int64Array::from(vec![Some(1), None, Some(3)])).unwrap();
    let runs: ArrayRef = Arc::new(runs.slice(1, 4));
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(on(&runs, &col("x").gt(1.5)), [no, None, yes, yes]);
    assert_eq!(on(&runs, &col("x").is_null()), [no, yes, no, no]);
    assert_eq!(on(&runs, &col("x").is_in(0..30)), [yes, None, yes, yes]);

    let keys = PrimitiveArray::<Int8Type>::from(vec![Some(0), Some(1), None]);
    let values = Arc::new(StringArray::from(vec![Some("a"), None]));
    let dictionary: ArrayRef = Arc::new(DictionaryArray::try_new(keys, values).unwrap());
    assert_eq!(on(&dictionary, &col("x").is_null()), [no, yes, yes]);
    assert_eq!(on(&dictionary, &col("x").is_in([Some("b"), None])), [None, None, None]);
    assert_eq!(on(&dictionary, &col("x").is_in([Some("a"), None])), [yes, None, None]);
}

#[test]
fn lists_follow_sql() {
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None]));
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(on(&x, &col("x").is_in([1, 9])), [yes, no, None]);
    assert_eq!(on(&x, &!col("x").is_in([1, 9])), [no, yes, None]);
    assert_eq!(on(&x, &col("x").is_in([Some(1), None])), [yes, None, None]);
    assert_eq!(on(&x, &!col("x").is_in([Some(1), None])), [no, None, None]);
    assert_eq!(on(&x, &col("x").is_in([1.5])), [no, no, None]);
    assert_eq!(on(&x, &col("x").is_in([None::<i32>])), [None, None, None]);
    assert_eq!(on(&x, &col("x").is_in(Vec::<i32>::new())), [no, no, no]);
    assert_eq!(on(&x, &col("x").is_in(1..=40)), [yes, yes, None]);
    assert_eq!(on(&x, &col("x").between(2, 3)), [no, yes, None]);
    assert_eq!(on(&x, &col("x").eq(None::<i32>)), [None, None, None]);
    assert_eq!(on(&x, &col("x").eq(None::<i32>).or(Predicate::literal(true))), [yes; 3]);
}

#[test]
fn columns_are_found_without_regard_to_case_unless_that_is_ambiguous() {
    let field = |name: &str| Field::new(name, DataType::Int32, true);
    let schema = Schema::new(vec![field("Id"), field("ID"), field("Straße"), field("delay")]);
    let place = |name: &str| col(name).is_null().bind(&schema).map(|b| b.columns().to_vec());
    assert_eq!(place("ID").unwrap(), [1]);
    assert_eq!(place("DELAY").unwrap(), [3]);
    assert_eq!(place("sTRAßE").unwrap(), [2]);
    assert_eq!(
        place("iD").unwrap_err().to_string(),
        "column `iD` could be `Id` or `ID`; write it in the same case"
    );
    assert_eq!(place("dealy").unwrap_err().to_string(), "no column `dealy`; did you mean `delay`?");
    assert_eq!(
        place("carrier").unwrap_err().to_string(),
        "no column `carrier`; there are `Id`, `ID`, `Straße`, `delay`"
    );
    let both = col("delay").gt(col("id2")).or(col("ID").eq(1)).or(col("delay").is_null());
    assert_eq!(both.columns(), ["delay", "id2", "ID"]);
}

#[test]
fn what_has_no_common_type_is_refused() {
    let zoned = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let list = DataType::new_list(DataType::Int32, true);
    let schema = Schema::new(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("s", DataType::Utf8, true),
        Field::new("t", zoned, true),
        Field::new("l", list, true),
    ]);
    let refused = |p: Predicate| p.bind(&schema).unwrap_err().to_string();
    assert_eq!(
        refused(col("n").eq("5")),
        "cannot compare column `n` of type Int32 with '5' of type Utf8; cast one of them"
    );
    assert_eq!(
        refused(col("n").lt(col("s"))),
        "cannot compare column `n` of type Int32 with s of type Utf8; cast one of them"
    );
    assert!(refused(col("t").lt(literal(Date32Array::from(vec![1])))).contains("time zone"));
    assert!(refused(col("l").eq(1)).contains("no order"));
    assert!(refused(col("n").is_in(["a"])).contains("cannot compare"));
    assert!(refused(col("n").eq(true)).contains("cannot compare"));
    assert!(col("l").is_null().bind(&schema).is_ok());
    assert!(Literal::from_array(Arc::new(Int32Array::from(vec![1, 2]))).is_err());
}

#[test]
fn rows_of_another_schema_are_an_error() {
    let bound = {
        let schema = Schema::new(vec![Field::new("x", DataType::Int32, true)]);
        col("x").gt(1).bind(&schema).unwrap()
    };
    let other: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(bound.evaluate(&batch_of(vec![("x", other.clone())])).is_err());
    let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert!(bound.evaluate(&none).is_err());
    // Statistics of another type say nothing.
    let bounds =
        |_| Bounds { min: Some(other.clone()), max: Some(other.clone()), ..Bounds::unknown(1) };
    assert_eq!(bound.prune(1, bounds), Matches::Some);
    assert_eq!(bound.prune(0, bounds), Matches::None);
    assert_eq!(bound.prune(1, |_| Bounds::all_null(1)), Matches::None);
    assert_eq!(bound.prune(1, Bounds::unknown_at), Matches::Some);
}

impl Bounds {
    fn unknown_at(_: usize) -> Self {
        Self::unknown(1)
    }
}

#[test]
fn bounds_of_several_chunks_are_the_outermost() {
    let of = |values: Vec<Option<i32>>| {
        let array: ArrayRef = Arc::new(Int32Array::from(values));
        Chunk::new(batch_of(vec![("x", array)])).bounds(0)
    };
    let ends = |bounds: &Bounds| {
        let value = |end: &Option<ArrayRef>| {
            end.as_ref().map(|v| arrow_array::cast::AsArray::as_primitive::<Int32Type>(v).value(0))
        };
        (value(&bounds.min), value(&bounds.max))
    };
    let both = of(vec![Some(3), None]).union(&of(vec![Some(1), Some(2)]));
    let both = Bounds::all_null(0).union(&both);
    assert_eq!((ends(&both), both.null_count, both.rows), ((Some(1), Some(3)), 1, 4));
    assert_eq!(ends(&both.union(&of(vec![None]))), (Some(1), Some(3)));
    assert_eq!(ends(&both.union(&Bounds::unknown(2))), (None, None));
    let unknown = Bounds::unknown(2).union(&both);
    assert_eq!(ends(&unknown.union(&both)), (None, None));
}

#[test]
fn predicates_read_as_sql() {
    let text = |p: Predicate| p.to_string();
    assert_eq!(text(col("delay").gt(10).and(col("x").eq("UA"))), "delay > 10 AND x = 'UA'");
    assert_eq!(
        text((col("a b").eq("it's\n").or(col("in").ne(1.0))).and(!col("a`b").is_null())),
        "(`a b` = 'it''s\\n' OR `in` <> 1.0) AND NOT (`a``b` IS NULL)"
    );
    assert_eq!(text(col("x").is_in(0..100)), "x IN (0, 1, 2, 3, 4, 5, 6, 7, … 92 more)");
    assert_eq!(text(col("a_b").eq(col("_c"))), "a_b = _c");
    assert_eq!(text(col("a-b").eq(col("1c"))), "`a-b` = `1c`");
    assert_eq!(text(col("x").eq(vec![1_u8, 255])), "x = X'01FF'");
    assert_eq!(text(col("x").eq(None::<i8>)), "x = NULL");
    assert_eq!(text(col("x").lt(true).or(Predicate::literal(false))), "x < TRUE OR FALSE");
    assert_eq!(text(col("x").lt(literal(Date32Array::from(vec![1])))), "x < Date32 '1970-01-02'");
    assert!(text(col("x").eq("y".repeat(100))).ends_with("'… 36 more"));
    let half = PrimitiveArray::<Float16Type>::from_iter_values([Default::default()]);
    assert_eq!(text(col("x").eq(literal(half))), "x = Float16 '0'");
}

#[test]
fn neither_depth_nor_breadth_is_dangerous() {
    let schema = Schema::new(vec![Field::new("x", DataType::Int32, true)]);
    let rows = batch_of(vec![("x", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef)]);
    let count = 10_000;
    let part = |n: i32| col("x").ne(n + 5);
    let appended = (0..count).fold(part(-1), |all, n| all.and(part(n)));
    let prepended = (0..count).fold(part(-1), |all, n| part(n).and(all));
    let negated = (0..count).fold(part(-1), |inner, _| inner.not());
    for wide in [appended, prepended, negated] {
        let bound = wide.bind(&schema).unwrap();
        assert_eq!(bound.evaluate(&rows).unwrap().true_count(), 2);
        let chunk = Chunk::new(rows.clone());
        assert_eq!(bound.prune(2, |column| chunk.bounds(column)), Matches::All);
        assert!(wide.to_string().len() < 2_000);
        assert_eq!(wide.clone().columns(), ["x"]);
    }
    let alternate = |levels: i32| {
        (0..levels).fold(part(0), |inner, n| match n % 3 {
            0 => part(n).and(inner),
            1 => inner.or(part(n)),
            _ => inner.not(),
        })
    };
    let deep = alternate(128).bind(&schema).unwrap();
    assert_eq!(deep.evaluate(&rows).unwrap().len(), 2);
    for levels in [129, count] {
        let deep = alternate(levels);
        let refused = deep.bind(&schema).unwrap_err().to_string();
        assert!(refused.starts_with("the predicate is nested deeper than 128"), "{refused}");
        let _ = (deep.clone().to_string(), format!("{deep:?}"));
        assert!(part(1).and(part(2).and(deep)).bind(&schema).is_err());
    }
}
