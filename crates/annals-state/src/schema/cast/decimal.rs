//! Numbers into decimals and out of them.
//!
//! All goes through integers wide enough to tell that something overflowed: `i128`, or `i256`
//! where a 256 bit decimal or a double is involved. Rounding is half up, away from zero, as in
//! Spark and unlike truncation.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::i256;
use arrow_schema::{ArrowError, DataType};

use super::leaf::arrow;

/// Any number into a decimal.
pub(super) fn from_number(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    if let Some(relabelled) = relabel(array, to)? {
        return Ok(relabelled);
    }
    match to {
        Decimal32(p, s) => narrow::<Decimal32Type>(array, *p, *s, |v| i32::try_from(v).ok()),
        Decimal64(p, s) => narrow::<Decimal64Type>(array, *p, *s, |v| i64::try_from(v).ok()),
        Decimal128(p, s) => narrow::<Decimal128Type>(array, *p, *s, Some),
        Decimal256(p, s) => match widened(array)? {
            Wide::I256(wide, from) => finish(
                &wide.unary_opt::<_, Decimal256Type>(|v| rescale(v, from.into(), (*s).into())),
                *p,
                *s,
            ),
            Wide::I128(wide, from) => finish(
                &wide.unary_opt::<_, Decimal256Type>(|v| {
                    rescale(i256::from_i128(v), from.into(), (*s).into())
                }),
                *p,
                *s,
            ),
            Wide::F64(wide) => finish(
                &wide.unary_opt::<_, Decimal256Type>(|v| from_double(v, (*s).into())),
                *p,
                *s,
            ),
        },
        _ => Err(unsupported(array.data_type(), to)),
    }
}

/// A decimal into an integer, cut towards zero, or into a floating point number.
pub(super) fn to_number(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    match to {
        Int8 => to_integer::<Int8Type>(array),
        Int16 => to_integer::<Int16Type>(array),
        Int32 => to_integer::<Int32Type>(array),
        Int64 => to_integer::<Int64Type>(array),
        UInt8 => to_integer::<UInt8Type>(array),
        UInt16 => to_integer::<UInt16Type>(array),
        UInt32 => to_integer::<UInt32Type>(array),
        UInt64 => to_integer::<UInt64Type>(array),
        _ => arrow(&to_double(array)?, to),
    }
}

/// The digits of a decimal, without its point, and its scale, as text is made from them.
pub(super) fn digits(array: &ArrayRef) -> Result<(Vec<Option<String>>, i8), ArrowError> {
    Ok(match widened(array)? {
        Wide::I128(wide, scale) => (wide.iter().map(|v| v.map(|v| v.to_string())).collect(), scale),
        Wide::I256(wide, scale) => (wide.iter().map(|v| v.map(|v| v.to_string())).collect(), scale),
        Wide::F64(_) => return Err(unsupported(array.data_type(), &DataType::Utf8)),
    })
}

/// A number as something wide, with its scale.
enum Wide {
    I128(PrimitiveArray<Decimal128Type>, i8),
    I256(PrimitiveArray<Decimal256Type>, i8),
    F64(PrimitiveArray<Float64Type>),
}

fn widened(array: &ArrayRef) -> Result<Wide, ArrowError> {
    use DataType::*;
    fn int<T: ArrowPrimitiveType<Native: Into<i128>>>(array: &ArrayRef, scale: i8) -> Wide {
        Wide::I128(array.as_primitive::<T>().unary(Into::into), scale)
    }
    Ok(match array.data_type() {
        Int8 => int::<Int8Type>(array, 0),
        Int16 => int::<Int16Type>(array, 0),
        Int32 => int::<Int32Type>(array, 0),
        Int64 => int::<Int64Type>(array, 0),
        UInt8 => int::<UInt8Type>(array, 0),
        UInt16 => int::<UInt16Type>(array, 0),
        UInt32 => int::<UInt32Type>(array, 0),
        UInt64 => int::<UInt64Type>(array, 0),
        Decimal32(_, scale) => int::<Decimal32Type>(array, *scale),
        Decimal64(_, scale) => int::<Decimal64Type>(array, *scale),
        Decimal128(_, scale) => Wide::I128(array.as_primitive().clone(), *scale),
        Decimal256(_, scale) => Wide::I256(array.as_primitive().clone(), *scale),
        Float16 | Float32 | Float64 => {
            Wide::F64(arrow(array, &Float64)?.as_primitive::<Float64Type>().clone())
        }
        other => return Err(unsupported(other, &Decimal128(38, 0))),
    })
}

fn narrow<O: DecimalType>(
    array: &ArrayRef,
    precision: u8,
    scale: i8,
    fit: impl Fn(i128) -> Option<O::Native>,
) -> Result<ArrayRef, ArrowError> {
    let to = i32::from(scale);
    let narrowed: PrimitiveArray<O> = match widened(array)? {
        Wide::I128(wide, from) => wide.unary_opt(|v| {
            fit(rescale(v, from.into(), to)?)
                .filter(|&v| O::is_valid_decimal_precision(v, precision))
        }),
        Wide::I256(wide, from) => wide.unary_opt(|v| {
            fit(rescale(v, from.into(), to)?.to_i128()?)
                .filter(|&v| O::is_valid_decimal_precision(v, precision))
        }),
        Wide::F64(wide) => wide.unary_opt(|v| {
            fit(from_double(v, to)?.to_i128()?)
                .filter(|&v| O::is_valid_decimal_precision(v, precision))
        }),
    };
    Ok(Arc::new(narrowed.with_precision_and_scale(precision, scale)?))
}

fn finish(
    array: &PrimitiveArray<Decimal256Type>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let fits = |v: &i256| Decimal256Type::is_valid_decimal_precision(*v, precision);
    let array = array.unary_opt::<_, Decimal256Type>(|v| Some(v).filter(fits));
    Ok(Arc::new(array.with_precision_and_scale(precision, scale)?))
}

/// The same numbers under a greater precision, without touching them.
fn relabel(array: &ArrayRef, to: &DataType) -> Result<Option<ArrayRef>, ArrowError> {
    use DataType::*;
    fn same<T: DecimalType>(a: &ArrayRef, p: u8, s: i8) -> Result<Option<ArrayRef>, ArrowError> {
        let relabelled = a.as_primitive::<T>().clone().with_precision_and_scale(p, s)?;
        Ok(Some(Arc::new(relabelled)))
    }
    match (array.data_type(), to) {
        (Decimal32(p, s), Decimal32(q, t)) if p <= q && s == t => {
            same::<Decimal32Type>(array, *q, *t)
        }
        (Decimal64(p, s), Decimal64(q, t)) if p <= q && s == t => {
            same::<Decimal64Type>(array, *q, *t)
        }
        (Decimal128(p, s), Decimal128(q, t)) if p <= q && s == t => {
            same::<Decimal128Type>(array, *q, *t)
        }
        (Decimal256(p, s), Decimal256(q, t)) if p <= q && s == t => {
            same::<Decimal256Type>(array, *q, *t)
        }
        _ => Ok(None),
    }
}

fn ten<W: ArrowNativeTypeOp>() -> W {
    W::usize_as(10)
}

/// A decimal number of one scale, as the same number with another, rounded half up.
fn rescale<W: ArrowNativeTypeOp>(value: W, from: i32, to: i32) -> Option<W> {
    if value.is_zero() || from == to {
        return Some(value);
    }
    let power = ten::<W>().pow_checked(from.abs_diff(to)).ok();
    if from < to {
        return value.mul_checked(power?).ok();
    }
    // A power beyond what `W` holds is more than twice any number of its greatest precision.
    let Some(power) = power else { return Some(W::ZERO) };
    let (whole, rest) = (value.div_wrapping(power), value.mod_wrapping(power));
    let is_negative = value.is_lt(W::ZERO);
    let distance = if is_negative { rest.neg_wrapping() } else { rest };
    if distance.is_lt(power.sub_wrapping(distance)) {
        return Some(whole);
    }
    if is_negative { whole.sub_checked(W::ONE).ok() } else { whole.add_checked(W::ONE).ok() }
}

/// The decimal that the shortest text of a double denotes, as `BigDecimal.valueOf` has it: 1.275
/// is 1.275, though the double is a little less.
fn from_double(value: f64, to: i32) -> Option<i256> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    rescale(i256::from_i128(digits), scale, to)
}

fn to_integer<O: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    array: &ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let fit = |v: i128| O::Native::try_from(v).ok();
    Ok(match widened(array)? {
        Wide::I128(wide, scale) => {
            Arc::new(wide.unary_opt::<_, O>(|v| fit(truncate(v, scale.into())?)))
        }
        Wide::I256(wide, scale) => {
            Arc::new(wide.unary_opt::<_, O>(|v| fit(truncate(v, scale.into())?.to_i128()?)))
        }
        Wide::F64(_) => return Err(unsupported(array.data_type(), &O::DATA_TYPE)),
    })
}

fn truncate<W: ArrowNativeTypeOp>(value: W, scale: i32) -> Option<W> {
    if scale <= 0 {
        return rescale(value, scale, 0);
    }
    Some(match ten::<W>().pow_checked(scale.unsigned_abs()) {
        Ok(power) => value.div_wrapping(power),
        Err(_) => W::ZERO,
    })
}

fn to_double(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    /// Up to here both an integer and a power of ten are exact as a double, so that dividing one
    /// by the other rounds once.
    const EXACT_MAX: u64 = 1 << 53;
    const EXACT_SCALE_MAX: i8 = 22;
    let (strings, scale) = match widened(array)? {
        Wide::I128(wide, scale) if (0..=EXACT_SCALE_MAX).contains(&scale) => {
            let power = 10_f64.powi(scale.into());
            let doubles = wide.unary_opt::<_, Float64Type>(|v| {
                if v.unsigned_abs() <= EXACT_MAX.into() {
                    Some(v as f64 / power)
                } else {
                    format!("{v}e-{scale}").parse().ok()
                }
            });
            return Ok(Arc::new(doubles));
        }
        _ => digits(array)?,
    };
    let exponent = -i32::from(scale);
    let parse = |v: String| format!("{v}e{exponent}").parse::<f64>().ok();
    let doubles: PrimitiveArray<Float64Type> =
        strings.into_iter().map(|v| v.and_then(parse)).collect();
    Ok(Arc::new(doubles))
}

fn unsupported(from: &DataType, to: &DataType) -> ArrowError {
    ArrowError::CastError(format!("{from} does not go into {to}"))
}
