//! Operators on decimals, with the digits that Spark gives the results.
//!
//! `DataFusion` gives quotients other digits, and lets results have more digits than their type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion::common::{DFSchema, DataFusionError, Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, cast,
};
use datafusion::scalar::ScalarValue;

use super::{ANSI_CONFIG, DIVIDED_BY_ZERO, Kind, REMAINDER_BY_ZERO};
use crate::error::SparkError;
use crate::value::Value;

/// The most digits of a decimal.
const DIGITS: i16 = 38;
/// How many digits behind the point stay when there are too many in all.
const SCALE_MIN: i16 = 6;

/// Digits in all, and behind the point.
type Digits = (u8, i8);

/// An operator on two expressions of which one is a decimal and the other one as well, or a whole
/// number; none if they are not.
pub(super) fn planned(
    kind: Kind,
    left: &Expr,
    right: &Expr,
    schema: &DFSchema,
) -> Result<Option<Expr>> {
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    let is_decimal = |of: &DataType| matches!(of, DataType::Decimal128(..));
    if !is_decimal(&types.0) && !is_decimal(&types.1) {
        return Ok(None);
    }
    let (Some(first), Some(second)) = (digits(left, &types.0), digits(right, &types.1)) else {
        return Ok(None);
    };
    let Some(result) = result(kind, first, second) else { return Ok(None) };
    let signature = Signature::any(2, Volatility::Immutable);
    let function = ScalarUDF::from(OnDecimals { kind, first, second, result, signature });
    let operand = |expr: &Expr, of: &DataType, (precision, scale): Digits| match is_decimal(of) {
        true => expr.clone(),
        false => cast(expr.clone(), DataType::Decimal128(precision, scale)),
    };
    let operands = vec![operand(left, &types.0, first), operand(right, &types.1, second)];
    Ok(Some(function.call(operands)))
}

/// The digits of an operand; a literal has those that are written.
fn digits(expr: &Expr, of: &DataType) -> Option<Digits> {
    if let DataType::Decimal128(precision, scale) = of {
        return (*scale >= 0).then_some((*precision, *scale));
    }
    let widest = match of {
        DataType::Int8 => 3,
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        DataType::Int64 => 20,
        _ => return None,
    };
    let mut literal = expr;
    while let Expr::Cast(inner) = literal {
        literal = &inner.expr;
    }
    let written = match literal {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(number))) => number
                .unsigned_abs()
                .checked_ilog10()
                .map_or(Some(1), |log| u8::try_from(log + 1).ok()),
            _ => None,
        },
        _ => None,
    };
    Some((written.unwrap_or(widest), 0))
}

/// The digits of the result.
fn result(kind: Kind, first: Digits, second: Digits) -> Option<Digits> {
    let ((p1, s1), (p2, s2)) = (first, second);
    let (p1, s1, p2, s2) = (i16::from(p1), i16::from(s1), i16::from(p2), i16::from(s2));
    let (precision, scale) = match kind {
        Kind::Add | Kind::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Kind::Multiply => (p1 + p2 + 1, s1 + s2),
        Kind::Divide => {
            let scale = (s1 + p2 + 1).max(SCALE_MIN);
            (p1 - s1 + s2 + scale, scale)
        }
        Kind::Remainder => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
        Kind::Negate => return None,
    };
    let (precision, scale) = match precision <= DIGITS {
        true => (precision, scale),
        // What is in front of the point counts more.
        false => (DIGITS, (DIGITS - (precision - scale)).max(scale.min(SCALE_MIN))),
    };
    Some((u8::try_from(precision.max(1)).ok()?, i8::try_from(scale).ok()?))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnDecimals {
    kind: Kind,
    first: Digits,
    second: Digits,
    result: Digits,
    signature: Signature,
}

impl ScalarUDFImpl for OnDecimals {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Add => "decimal_add",
            Kind::Subtract => "decimal_subtract",
            Kind::Multiply => "decimal_multiply",
            Kind::Divide => "decimal_divide",
            Kind::Remainder | Kind::Negate => "decimal_remainder",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(self.result.0, self.result.1))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return exec_err!("two decimals were expected");
        };
        let (left, right) = (self.operand(left, self.first)?, self.operand(right, self.second)?);
        let left = left.as_primitive::<Decimal128Type>();
        let right = right.as_primitive::<Decimal128Type>();
        let computed = left.iter().zip(right.iter()).map(|pair| match pair {
            (Some(left), Some(right)) => self.compute(left, right).map(Some),
            _ => Ok(None),
        });
        let computed: Decimal128Array = computed.collect::<Result<_>>()?;
        let (precision, scale) = self.result;
        Ok(ColumnarValue::Array(Arc::new(computed.with_precision_and_scale(precision, scale)?)))
    }
}

impl OnDecimals {
    /// The operand in the form that it was planned in.
    fn operand(&self, values: &ArrayRef, (precision, scale): Digits) -> Result<ArrayRef> {
        let of = DataType::Decimal128(precision, scale);
        match *values.data_type() == of {
            true => Ok(Arc::clone(values)),
            false => Ok(arrow::compute::cast(values, &of)?),
        }
    }

    fn compute(&self, left: i128, right: i128) -> Result<i128> {
        match self.computed_at_once(left, right) {
            Some(value) => Ok(value),
            None => self.computed_in_full(left, right),
        }
    }

    fn computed_in_full(&self, left: i128, right: i128) -> Result<i128> {
        let (s1, s2) = (i16::from(self.first.1), i16::from(self.second.1));
        let scale = i16::from(self.result.1);
        let (one, other) = (i256::from_i128(left), i256::from_i128(right));
        let common = s1.max(s2);
        let (value, has) = match self.kind {
            Kind::Divide => match right {
                0 => return exec_err!("{DIVIDED_BY_ZERO}"),
                _ => (self.quotient(one, other, scale + s2 - s1)?, scale),
            },
            Kind::Multiply => (one.wrapping_mul(other), s1 + s2),
            Kind::Remainder if right == 0 => return exec_err!("{REMAINDER_BY_ZERO}"),
            _ => {
                // 38 digits and as many zeros are fewer than it holds.
                let (one, other) = (scaled(one, common - s1), scaled(other, common - s2));
                let value = match self.kind {
                    Kind::Add => one.wrapping_add(other),
                    Kind::Subtract => one.wrapping_sub(other),
                    _ => one.wrapping_rem(other),
                };
                (value, common)
            }
        };
        let rounded = if has > scale { halved_up(value, tens(has - scale)) } else { value };
        self.fitting(rounded)
    }

    /// Sums and products that need no rounding and fit in 128 bits on the way, as most do: that is
    /// many times faster.
    fn computed_at_once(&self, left: i128, right: i128) -> Option<i128> {
        let (s1, s2, scale) = (self.first.1, self.second.1, self.result.1);
        let digits = |value: i128, of: i8| match u32::try_from(scale - of).ok()? {
            0 => Some(value),
            more => value.checked_mul(10_i128.checked_pow(more)?),
        };
        let value = match self.kind {
            Kind::Add => digits(left, s1)?.checked_add(digits(right, s2)?)?,
            Kind::Subtract => digits(left, s1)?.checked_sub(digits(right, s2)?)?,
            Kind::Multiply if s1 + s2 == scale => left.checked_mul(right)?,
            _ => return None,
        };
        let most = 10_u128.checked_pow(u32::from(self.result.0))?;
        (value.unsigned_abs() < most).then_some(value)
    }

    /// `left / right`, with so many more digits, the last one rounded.
    fn quotient(&self, left: i256, right: i256, digits: i16) -> Result<i256> {
        if digits < 0 {
            return Ok(halved_up(left, scaled(right, -digits)));
        }
        let ten = i256::from_i128(10);
        let negative = (left < i256::ZERO) != (right < i256::ZERO);
        let (left, right) = (left.wrapping_abs(), right.wrapping_abs());
        let (mut quotient, mut rest) = (left.wrapping_div(right), left.wrapping_rem(right));
        for _ in 0..digits {
            rest = rest.wrapping_mul(ten);
            quotient = quotient.wrapping_mul(ten).wrapping_add(rest.wrapping_div(right));
            rest = rest.wrapping_rem(right);
            // Before it wraps, for more digits make it only larger.
            self.fitting(quotient)?;
        }
        if rest.wrapping_add(rest) >= right {
            quotient = quotient.wrapping_add(i256::ONE);
        }
        Ok(if negative { quotient.wrapping_neg() } else { quotient })
    }

    fn fitting(&self, value: i256) -> Result<i128> {
        let (precision, scale) = self.result;
        let most = tens(i16::from(precision));
        match value.to_i128().filter(|_| value < most && value > most.wrapping_neg()) {
            Some(value) => Ok(value),
            None => {
                let shown = value.to_i128().map_or_else(
                    || format!("{value}E-{scale}"),
                    |value| Value::Decimal(value, scale).to_string(),
                );
                let error = SparkError::new(
                    "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                    [
                        ("value", shown.clone()),
                        ("roundedValue", shown),
                        ("precision", precision.to_string()),
                        ("scale", scale.to_string()),
                        ("config", ANSI_CONFIG.to_owned()),
                    ],
                );
                Err(DataFusionError::External(Box::new(error)))
            }
        }
    }
}

fn tens(count: i16) -> i256 {
    (0..count).fold(i256::ONE, |power, _| power.wrapping_mul(i256::from_i128(10)))
}

fn scaled(value: i256, by: i16) -> i256 {
    if by == 0 { value } else { value.wrapping_mul(tens(by)) }
}

/// `value / by`, halves away from zero.
fn halved_up(value: i256, by: i256) -> i256 {
    let (quotient, rest) = (value.wrapping_div(by), value.wrapping_rem(by));
    match rest.wrapping_abs().wrapping_add(rest.wrapping_abs()) >= by.wrapping_abs() {
        false => quotient,
        true if (value < i256::ZERO) != (by < i256::ZERO) => quotient.wrapping_sub(i256::ONE),
        true => quotient.wrapping_add(i256::ONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is computed in 128 bits is what is computed in 256, at the bounds of both too.
    #[test]
    fn what_fits_is_computed_at_once_and_the_same() {
        let types = [(1, 0), (10, 0), (15, 2), (19, 6), (20, 0), (38, 0), (38, 18), (38, 38)];
        let (mut at_once, mut in_full) = (0, 0);
        for (first, second) in types.iter().flat_map(|one| types.map(|other| (*one, other))) {
            for kind in [Kind::Add, Kind::Subtract, Kind::Multiply] {
                let result = result(kind, first, second).unwrap();
                let signature = Signature::any(2, Volatility::Immutable);
                let on = OnDecimals { kind, first, second, result, signature };
                let values = |(digits, _): Digits| {
                    let most = 10_i128.pow(u32::from(digits)) - 1;
                    [0, 1, -1, most / 3, -most / 7, most, -most]
                };
                for left in values(first) {
                    for right in values(second) {
                        let slow = on.computed_in_full(left, right);
                        match on.computed_at_once(left, right) {
                            Some(value) => {
                                at_once += 1;
                                assert_eq!(value, slow.unwrap(), "{on:?} {left} {right}");
                            }
                            None => in_full += 1,
                        }
                    }
                }
            }
        }
        assert!(at_once > 4_000 && in_full > 1_000, "{at_once} at once, {in_full} in full");
    }
}
