//! Intervals of several units, such as `INTERVAL '1 02:03:04' DAY TO SECOND`: the planner knows
//! those of one unit. They are counted here, and handed on as a number of months or microseconds
//! that is cast to the type of intervals that Spark gives them.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, DateTimeField, Expr, Interval, IntervalFields, UnaryOperator, Value,
};

use super::error::ParseError;

/// Puts a cast number in the place of an interval of several units.
pub(super) fn counted(expr: &mut Expr) -> Result<(), ParseError> {
    let Expr::Interval(interval) = &*expr else { return Ok(()) };
    let Some(last) = &interval.last_field else { return Ok(()) };
    let leading = interval.leading_field.as_ref();
    let Some((number, fields)) = leading.and_then(|first| number_of(interval, first, last)) else {
        return Err(ParseError::Unsupported {
            what: "an interval whose text is not in the form of its units",
            instead: "write it as in INTERVAL '1-2' YEAR TO MONTH or INTERVAL '1 02:03:04' DAY TO SECOND",
        });
    };
    let digits = Expr::value(Value::Number(number.unsigned_abs().to_string(), false));
    let number = match number < 0 {
        true => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) },
        false => digits,
    };
    let whole = match fields {
        IntervalFields::YearToMonth => DataType::Int(None),
        _ => DataType::BigInt(None),
    };
    let interval = DataType::Interval { fields: Some(fields), precision: None };
    *expr = cast(cast(number, whole), interval);
    Ok(())
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    let kind = CastKind::Cast;
    Expr::Cast { kind, expr: Box::new(expr), data_type, array: false, format: None }
}

/// The months or microseconds of an interval, and which of them.
fn number_of(
    interval: &Interval,
    first: &DateTimeField,
    last: &DateTimeField,
) -> Option<(i64, IntervalFields)> {
    let Expr::Value(value) = interval.value.as_ref() else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let (negative, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim().trim_start_matches('+')),
    };
    let sign = if negative { -1 } else { 1 };
    if (first, last) == (&DateTimeField::Year, &DateTimeField::Month) {
        let (years, months) = text.split_once('-')?;
        let months = whole(months).filter(|months| *months < 12)?;
        let all = whole(years)?.checked_mul(12)?.checked_add(months)?;
        let all = i32::try_from(all).ok()?;
        return Some((sign * i64::from(all), IntervalFields::YearToMonth));
    }
    // What the units count, and how many of them are in the next larger one.
    let units = [
        (DateTimeField::Day, 86_400_000_000, i64::MAX),
        (DateTimeField::Hour, 3_600_000_000, 24),
        (DateTimeField::Minute, 60_000_000, 60),
        (DateTimeField::Second, 1_000_000, 60),
    ];
    let at = |field: &DateTimeField| units.iter().position(|(unit, ..)| unit == field);
    let (from, to) = (at(first)?, at(last)?);
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    if from >= to || parts.len() != to - from + 1 || (from == 0) != text.contains(' ') {
        return None;
    }
    let mut micros: i64 = 0;
    for (index, ((unit, each, below), part)) in units[from..=to].iter().zip(parts).enumerate() {
        let (part, fraction) = match (unit, part.split_once('.')) {
            (DateTimeField::Second, Some((seconds, fraction))) => (seconds, fraction),
            _ => (part, ""),
        };
        let count = whole(part).filter(|count| index == 0 || count < below)?;
        micros = micros.checked_add(count.checked_mul(*each)?)?;
        if !fraction.is_empty() {
            let digits = whole(fraction).filter(|_| fraction.len() <= 6)?;
            let scale = 10_i64.pow(u32::try_from(6 - fraction.len()).ok()?);
            micros = micros.checked_add(digits * scale)?;
        }
    }
    Some((sign * micros, IntervalFields::DayToSecond))
}

fn whole(digits: &str) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}
