//! Values as the text that Spark's cast to string gives them.
//!
//! Doubles look as Java writes them (`1.0E10`, `Infinity`), decimals have no exponent, instants
//! have a space before the time and no trailing zeros behind the second, and are shown in UTC.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::decimal;
use super::leaf::arrow;
use super::time::{SECONDS_PER_DAY, counts, per_second};

/// The texts of an array, as `LargeUtf8`.
pub(super) fn render(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    let texts: LargeStringArray = match array.data_type() {
        Float16 => return render(&arrow(array, &Float32)?),
        Float32 => array
            .as_primitive::<Float32Type>()
            .iter()
            .map(|v| v.map(|v| double(v.into(), format!("{v:?}"), &format!("{v:e}"))))
            .collect(),
        Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|v| v.map(|v| double(v, format!("{v:?}"), &format!("{v:e}"))))
            .collect(),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
            let (digits, scale) = decimal::digits(array)?;
            digits.into_iter().map(|v| v.map(|v| point(&v, scale))).collect()
        }
        Date32 => counts(array)?.iter().map(|v| v.map(date)).collect(),
        Date64 => {
            let per_day = SECONDS_PER_DAY * per_second(TimeUnit::Millisecond);
            counts(array)?.iter().map(|v| v.map(|v| date(v.div_euclid(per_day)))).collect()
        }
        Time32(unit) | Time64(unit) => {
            counts(array)?.iter().map(|v| v.map(|v| time_of_day(v, *unit))).collect()
        }
        Timestamp(unit, _) => {
            let per_day = SECONDS_PER_DAY * per_second(*unit);
            let text = |v: i64| {
                let (day, rest) = (v.div_euclid(per_day), v.rem_euclid(per_day));
                format!("{} {}", date(day), time_of_day(rest, *unit))
            };
            counts(array)?.iter().map(|v| v.map(text)).collect()
        }
        _ => return arrow(array, &LargeUtf8),
    };
    Ok(Arc::new(texts))
}

/// A floating point number as Java writes it, given its shortest plain and scientific texts.
fn double(value: f64, plain: String, scientific: &str) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        plain
    } else {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let point = if mantissa.contains('.') { "" } else { ".0" };
        format!("{mantissa}{point}E{exponent}")
    }
}

/// The digits of a decimal with its point put in.
fn point(digits: &str, scale: i8) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { places };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// The day, in the Gregorian calendar carried backwards, that is so many days after 1970-01-01.
fn date(days: i64) -> String {
    // Counted from 0000-03-01, so that a leap day ends its year; see Howard Hinnant's
    // "chrono-compatible low-level date algorithms".
    let days = i128::from(days) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    let sign = match year {
        ..0 => "-",
        0..=9_999 => "",
        _ => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

fn time_of_day(count: i64, unit: TimeUnit) -> String {
    let per_second = per_second(unit);
    let (seconds, rest) = (count.div_euclid(per_second), count.rem_euclid(per_second));
    let (minutes, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    let mut text =
        format!("{:02}:{:02}:{second:02}", minutes.div_euclid(60), minutes.rem_euclid(60));
    if rest != 0 {
        let nanos = rest * (1_000_000_000 / per_second);
        let fraction = format!("{nanos:09}");
        // Writing to a string does not fail.
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    text
}
