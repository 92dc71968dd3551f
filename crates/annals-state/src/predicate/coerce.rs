//! How a column and a literal, or two columns, of different types are compared.
//!
//! A literal goes to the column, not the column to the literal: it is moved into the column's
//! type once, when the predicate is bound, so that neither rows nor statistics are ever cast.
//! A literal that the type cannot express lies between two values that it can: then the greatest
//! one below it answers every comparison exactly (`x < 3.5` is `x <= 3`, `x = 3.5` is false).
//! The exception is a decimal column beside a float literal, which are compared as `f64`, as SQL
//! does: else 0.1 would not equal 0.1.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float64Type, Int64Type,
};
use arrow_array::{
    Array, ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, PrimitiveArray,
    UInt64Array,
};
use arrow_buffer::i256;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, IntervalUnit, TimeUnit};

/// A literal, made ready to be compared with a column.
#[derive(Debug)]
pub(super) enum Ready {
    /// The same value in the column's type.
    Same(ArrayRef),
    /// The column's type cannot express the value; this is its greatest value below it, if any.
    Above(Option<ArrayRef>),
    /// To be compared as this type; the literal is in it already.
    As(DataType, ArrayRef),
    /// One of them is null whatever the row.
    Null,
}

/// How the values of two columns are compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// As they are, but for dictionaries and the like.
    Direct,
    /// Both cast to this type.
    Cast(DataType),
    /// As counts of nanoseconds: each side by its own factor.
    Ticks(i64, i64),
    /// A 64-bit integer on the left and a float on the right, exactly.
    IntFloat,
    /// The reverse.
    FloatInt,
    /// One column has nothing but nulls.
    Null,
}

/// Types within a family can be compared, and numbers of all three families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Null,
    Bool,
    Int,
    Float,
    Decimal,
    Text,
    Bytes,
    Date,
    Moment { zoned: bool },
    Time,
    Duration,
    Interval(IntervalUnit),
}

/// Why two types cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Incomparable,
    TimeZone,
}

/// The type of the values themselves, or `None` if they have no order here.
pub(super) fn leaf(data_type: &DataType) -> Option<&DataType> {
    let data_type = match data_type {
        DataType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    };
    let data_type = match data_type {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    family(data_type).map(|_| data_type)
}

fn family(leaf: &DataType) -> Option<Family> {
    use DataType as D;
    Some(match leaf {
        D::Null => Family::Null,
        D::Boolean => Family::Bool,
        D::Float16 | D::Float32 | D::Float64 => Family::Float,
        D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..) => {
            Family::Decimal
        }
        D::Utf8 | D::LargeUtf8 | D::Utf8View => Family::Text,
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => Family::Bytes,
        D::Date32 | D::Date64 => Family::Date,
        D::Timestamp(_, zone) => Family::Moment { zoned: zone.is_some() },
        D::Time32(_) | D::Time64(_) => Family::Time,
        D::Duration(_) => Family::Duration,
        D::Interval(unit) => Family::Interval(*unit),
        other if other.is_integer() => Family::Int,
        _ => return None,
    })
}

/// The families of two leaf types, if they can be compared.
fn families(left: &DataType, right: &DataType) -> Result<(Family, Family), Refusal> {
    use Family::{Date, Decimal, Float, Int, Moment, Null};
    let (Some(left), Some(right)) = (family(left), family(right)) else {
        return Err(Refusal::Incomparable);
    };
    let pair = (left, right);
    match pair {
        (Null, _) | (_, Null) => Ok(pair),
        (Int | Float | Decimal, Int | Float | Decimal) => Ok(pair),
        (Date, Moment { zoned: false }) | (Moment { zoned: false }, Date) => Ok(pair),
        (Moment { zoned: true }, Date | Moment { zoned: false })
        | (Date | Moment { zoned: false }, Moment { zoned: true }) => Err(Refusal::TimeZone),
        (left, right) if left == right => Ok(pair),
        _ => Err(Refusal::Incomparable),
    }
}

/// A cast that fails rather than making a null of what does not fit.
pub(super) fn cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// How to compare two columns of these leaf types.
pub(super) fn columns(left: &DataType, right: &DataType) -> Result<Way, Refusal> {
    use Family::{Bytes, Date, Decimal, Duration, Float, Int, Moment, Null, Text, Time};
    if left == right && !left.is_null() {
        return Ok(Way::Direct);
    }
    let wide = |data_type: &DataType| matches!(data_type, DataType::Int64 | DataType::UInt64);
    Ok(match families(left, right)? {
        (Null, _) | (_, Null) => Way::Null,
        (Int, Float) if wide(left) => Way::IntFloat,
        (Float, Int) if wide(right) => Way::FloatInt,
        (Float, Int | Float | Decimal) | (Int | Decimal, Float) => Way::Cast(DataType::Float64),
        (Int, Int) if *left != DataType::UInt64 && *right != DataType::UInt64 => {
            Way::Cast(DataType::Int64)
        }
        (Int | Decimal, Int | Decimal) => {
            Way::Cast(common_decimal(left, right).ok_or(Refusal::Incomparable)?)
        }
        (Text, _) => Way::Cast(DataType::Utf8View),
        (Bytes, _) => Way::Cast(DataType::LargeBinary),
        (Date | Moment { .. } | Time | Duration, _) => {
            let factor = |side| nanoseconds(side).ok_or(Refusal::Incomparable);
            Way::Ticks(factor(left)?, factor(right)?)
        }
        _ => return Err(Refusal::Incomparable),
    })
}

/// The smallest decimal that holds every value of both types.
fn common_decimal(left: &DataType, right: &DataType) -> Option<DataType> {
    let (left_digits, left_scale) = decimal_digits(left)?;
    let (right_digits, right_scale) = decimal_digits(right)?;
    let scale = left_scale.max(right_scale);
    let precision = left_digits.max(right_digits).max(0) + scale;
    let (precision, scale) = (u8::try_from(precision.max(1)).ok()?, i8::try_from(scale).ok()?);
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

/// How many digits stand before the decimal point, and how many after it, at most.
fn decimal_digits(data_type: &DataType) -> Option<(i32, i32)> {
    use DataType as D;
    Some(match data_type {
        D::Int8 | D::UInt8 => (3, 0),
        D::Int16 | D::UInt16 => (5, 0),
        D::Int32 | D::UInt32 => (10, 0),
        D::Int64 => (19, 0),
        D::UInt64 => (20, 0),
        D::Decimal32(precision, scale)
        | D::Decimal64(precision, scale)
        | D::Decimal128(precision, scale)
        | D::Decimal256(precision, scale) => {
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            (precision - scale, scale.max(0))
        }
        _ => return None,
    })
}

/// How long a tick of a temporal type is.
fn nanoseconds(leaf: &DataType) -> Option<i64> {
    use DataType as D;
    let of_unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    match leaf {
        D::Date32 => Some(86_400 * 1_000_000_000),
        D::Date64 => Some(1_000_000),
        D::Timestamp(unit, _) | D::Time32(unit) | D::Time64(unit) | D::Duration(unit) => {
            Some(of_unit(unit))
        }
        _ => None,
    }
}

/// The counts of ticks that a temporal array holds.
pub(super) fn ticks(array: &dyn Array) -> Result<PrimitiveArray<Int64Type>, ArrowError> {
    let array = match leaf(array.data_type()) {
        Some(leaf) => cast(array, leaf)?,
        None => array.slice(0, array.len()),
    };
    Ok(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Makes the literal `value` ready to be compared with a column of the leaf type `column`.
///
/// The outer error is Arrow's; the inner one says that the types have nothing in common.
pub(super) fn literal(
    value: &ArrayRef,
    column: &DataType,
) -> Result<Result<Ready, Refusal>, ArrowError> {
    use Family::{Bytes, Date, Decimal, Duration, Float, Int, Moment, Null, Text, Time};
    let Some(own) = leaf(value.data_type()) else { return Ok(Err(Refusal::Incomparable)) };
    let pair = match families(column, own) {
        Ok(pair) => pair,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_null = value.logical_nulls().is_some_and(|nulls| nulls.null_count() > 0);
    if is_null || matches!(pair, (Null, _) | (_, Null)) {
        return Ok(Ok(Ready::Null));
    }
    let value = if value.data_type() == own { value.clone() } else { cast(value, own)? };
    if own == column {
        return Ok(Ok(Ready::Same(value)));
    }
    let ready = match pair {
        (Text, _) => Ready::Same(cast(&value, column)?),
        (Bytes, _) => {
            let value = cast(&value, &DataType::LargeBinary)?;
            match column {
                DataType::FixedSizeBinary(_) => Ready::As(DataType::LargeBinary, value),
                column => Ready::Same(cast(&value, column)?),
            }
        }
        (Date | Moment { .. } | Time | Duration, _) => temporal(&value, column)?,
        (Decimal, Float) => Ready::As(DataType::Float64, cast(&value, &DataType::Float64)?),
        (Float, Decimal) => float(as_float(&value)?, column),
        (Int, Float) => int_floor(as_float(&value)?, column)?,
        (Float, Float) => float(as_float(&value)?, column),
        (Float, Int) => int_as_float(as_int(&value)?, column),
        (Int | Decimal, _) => {
            let (unscaled, scale) = as_decimal(&value)?;
            decimal(unscaled, scale, column)?
        }
        _ => return Ok(Err(Refusal::Incomparable)),
    };
    Ok(Ok(ready))
}

fn as_float(value: &dyn Array) -> Result<f64, ArrowError> {
    Ok(cast(value, &DataType::Float64)?.as_primitive::<Float64Type>().value(0))
}

fn as_int(value: &dyn Array) -> Result<i128, ArrowError> {
    Ok(cast(value, &DataType::Decimal128(38, 0))?.as_primitive::<Decimal128Type>().value(0))
}

/// The unscaled value and the scale of an integer or decimal.
fn as_decimal(value: &dyn Array) -> Result<(i256, i32), ArrowError> {
    Ok(match value.data_type() {
        DataType::Decimal32(_, scale) => {
            let unscaled = value.as_primitive::<Decimal32Type>().value(0);
            (i256::from_i128(unscaled.into()), (*scale).into())
        }
        DataType::Decimal64(_, scale) => {
            let unscaled = value.as_primitive::<Decimal64Type>().value(0);
            (i256::from_i128(unscaled.into()), (*scale).into())
        }
        DataType::Decimal128(_, scale) => {
            let unscaled = value.as_primitive::<Decimal128Type>().value(0);
            (i256::from_i128(unscaled), (*scale).into())
        }
        DataType::Decimal256(_, scale) => {
            (value.as_primitive::<Decimal256Type>().value(0), (*scale).into())
        }
        _ => (i256::from_i128(as_int(value)?), 0),
    })
}

/// What `floor`, the greatest value of the type at or below the literal, makes of it.
fn ready(floor: Option<ArrayRef>, exact: bool) -> Ready {
    match floor {
        Some(floor) if exact => Ready::Same(floor),
        floor => Ready::Above(floor),
    }
}

fn temporal(value: &dyn Array, column: &DataType) -> Result<Ready, ArrowError> {
    let count = i128::from(ticks(value)?.value(0));
    let factor = |side| i128::from(nanoseconds(side).unwrap_or(1));
    let (time, tick) = (count * factor(value.data_type()), factor(column));
    let narrow = matches!(column, DataType::Date32 | DataType::Time32(_));
    let (min, max) = if narrow {
        (i128::from(i32::MIN), i128::from(i32::MAX))
    } else {
        (i128::from(i64::MIN), i128::from(i64::MAX))
    };
    let floor = time.div_euclid(tick);
    if floor < min {
        return Ok(Ready::Above(None));
    }
    let exact = time.rem_euclid(tick) == 0 && floor <= max;
    let floor = i64::try_from(floor.min(max)).unwrap_or(i64::MAX);
    let array: ArrayRef = if narrow {
        Arc::new(Int32Array::from(vec![i32::try_from(floor).unwrap_or(i32::MAX)]))
    } else {
        Arc::new(Int64Array::from(vec![floor]))
    };
    Ok(ready(Some(cast(&array, column)?), exact))
}

/// An integer literal beside a column of floats.
fn int_as_float(value: i128, column: &DataType) -> Ready {
    let near = value as f64;
    // Integers have at most 64 bits here, so the way back is exact.
    let floor = if near as i128 > value { near.next_down() } else { near };
    match float(floor, column) {
        Ready::Same(floor_of_floor) => ready(Some(floor_of_floor), floor as i128 == value),
        above => above,
    }
}

/// A float literal beside a column of (perhaps other) floats.
fn float(value: f64, column: &DataType) -> Ready {
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    let exact = |floor: f64| floor.total_cmp(&value).is_eq() || floor.is_nan();
    match column {
        DataType::Float16 => {
            let near = Half::from_f64(value);
            let floor = match near.to_f64() {
                // The bits of a positive float grow with it, those of a negative one shrink. What
                // is rounded to zero keeps its sign, so zero is too much of a negative one alone.
                back if back > value && back > 0.0 => Half::from_bits(near.to_bits() - 1),
                back if back > value => Half::from_bits(near.to_bits() + 1),
                _ => near,
            };
            let array = PrimitiveArray::<Float16Type>::from_iter_values([floor]);
            ready(Some(Arc::new(array)), exact(floor.to_f64()))
        }
        DataType::Float32 => {
            let near = value as f32;
            let floor = if f64::from(near) > value { near.next_down() } else { near };
            ready(Some(Arc::new(Float32Array::from(vec![floor]))), exact(floor.into()))
        }
        _ => ready(Some(Arc::new(Float64Array::from(vec![value]))), true),
    }
}

/// A float literal beside a column of integers.
fn int_floor(value: f64, column: &DataType) -> Result<Ready, ArrowError> {
    if value.is_nan() {
        // In total order a NaN is beyond the infinity of its sign.
        let beyond = if value.is_sign_positive() { f64::INFINITY } else { f64::NEG_INFINITY };
        return int_floor(beyond, column);
    }
    // -0.0 is less than an integer's zero, which is 0.0. The cast saturates.
    let minus_zero = value == 0.0 && value.is_sign_negative();
    let floor = if minus_zero { -1 } else { value.floor() as i128 };
    int(i256::from_i128(floor), value.fract() == 0.0 && !minus_zero, column)
}

/// An integer or decimal literal beside a column of integers or decimals.
fn decimal(unscaled: i256, scale: i32, column: &DataType) -> Result<Ready, ArrowError> {
    let column_scale = match column {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => i32::from(*scale),
        _ => 0,
    };
    let shift = column_scale - scale;
    let power = i256::from_i128(10).checked_pow(shift.unsigned_abs());
    let (floor, exact) = if shift >= 0 {
        match power.and_then(|power| unscaled.checked_mul(power)) {
            Some(shifted) => (shifted, true),
            None if unscaled == i256::ZERO => (unscaled, true),
            None => (if unscaled.is_negative() { i256::MIN } else { i256::MAX }, false),
        }
    } else {
        let power = power.unwrap_or(i256::MAX);
        let quotient = unscaled.checked_div(power).unwrap_or(i256::ZERO);
        let exact = unscaled.checked_rem(power) == Some(i256::ZERO);
        let below = i256::from_i128(i128::from(!exact && unscaled.is_negative()));
        (quotient.wrapping_sub(below), exact)
    };
    int(floor, exact, column)
}

/// `floor` in the type of `column`, an integer or the unscaled value of a decimal.
fn int(floor: i256, exact: bool, column: &DataType) -> Result<Ready, ArrowError> {
    let signed = |bits: u32| {
        let max = i256::from_i128(i128::MAX >> (128 - bits));
        (i256::MINUS_ONE.wrapping_sub(max), max)
    };
    let unsigned = |bits: u32| (i256::ZERO, i256::from_parts(u128::MAX >> (128 - bits), 0));
    let (min, max) = match column {
        DataType::Int8 => signed(8),
        DataType::Int16 => signed(16),
        DataType::Int32 | DataType::Decimal32(..) => signed(32),
        DataType::Int64 | DataType::Decimal64(..) => signed(64),
        DataType::Decimal128(..) => signed(128),
        DataType::UInt8 => unsigned(8),
        DataType::UInt16 => unsigned(16),
        DataType::UInt32 => unsigned(32),
        DataType::UInt64 => unsigned(64),
        _ => (i256::MIN, i256::MAX),
    };
    if floor < min {
        return Ok(Ready::Above(None));
    }
    let exact = exact && floor <= max;
    let floor = floor.min(max);
    let small = floor.as_i128();
    let array: ArrayRef = match column {
        DataType::Decimal32(precision, scale) => Arc::new(
            PrimitiveArray::<Decimal32Type>::from_iter_values([small as i32])
                .with_precision_and_scale(*precision, *scale)?,
        ),
        DataType::Decimal64(precision, scale) => Arc::new(
            PrimitiveArray::<Decimal64Type>::from_iter_values([small as i64])
                .with_precision_and_scale(*precision, *scale)?,
        ),
        DataType::Decimal128(precision, scale) => Arc::new(
            PrimitiveArray::<Decimal128Type>::from_iter_values([small])
                .with_precision_and_scale(*precision, *scale)?,
        ),
        DataType::Decimal256(precision, scale) => Arc::new(
            PrimitiveArray::<Decimal256Type>::from_iter_values([floor])
                .with_precision_and_scale(*precision, *scale)?,
        ),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![small as u64])),
        column => cast(&Int64Array::from(vec![small as i64]), column)?,
    };
    Ok(ready(Some(array), exact))
}
