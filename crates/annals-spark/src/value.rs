//! One value of any of Spark's types, and the text that a cast to string makes of it.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::rows::Row;

/// A value out of a row, or for one.
///
/// Times are kept as Spark keeps them: days and microseconds since 1970, months, microseconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// `BOOLEAN`.
    Boolean(bool),
    /// `TINYINT`.
    Byte(i8),
    /// `SMALLINT`.
    Short(i16),
    /// `INT`.
    Int(i32),
    /// `BIGINT`.
    Long(i64),
    /// `FLOAT`.
    Float(f32),
    /// `DOUBLE`.
    Double(f64),
    /// `DECIMAL`: all digits as a number, and how many of them stand after the point.
    Decimal(i128, i8),
    /// `STRING`.
    String(String),
    /// `BINARY`.
    Binary(Vec<u8>),
    /// `DATE`, in days since 1970-01-01.
    Date(i32),
    /// `TIMESTAMP`, in microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
    /// `TIMESTAMP_NTZ`, in microseconds since 1970-01-01 00:00 of no zone.
    TimestampNtz(i64),
    /// `TIME`, in microseconds since midnight.
    Time(i64),
    /// `INTERVAL YEAR TO MONTH`, in months.
    YearMonth(i32),
    /// `INTERVAL DAY TO SECOND`, in microseconds.
    DayTime(i64),
    /// `INTERVAL`, in months, days and microseconds.
    Interval(i32, i32, i64),
    /// `ARRAY`.
    Array(Vec<Value>),
    /// `MAP`, in the order of its entries.
    Map(Vec<(Value, Value)>),
    /// `STRUCT`.
    Struct(Row),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

value_from! {
    bool => Boolean, i8 => Byte, i16 => Short, i32 => Int, i64 => Long, f32 => Float, f64 => Double,
    &str => String, String => String, Vec<u8> => Binary, Row => Struct, Vec<Value> => Array,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An integer of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Byte(value) => Some(i64::from(*value)),
            Self::Short(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(i64::from(*value)),
            Self::Long(value) => Some(*value),
            _ => None,
        }
    }

    /// A number of any type, as near as a double comes to it.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            Self::Decimal(..) => self.to_string().parse().ok(),
            #[expect(clippy::cast_precision_loss, reason = "as near as a double comes")]
            other => other.as_i64().map(|value| value as f64),
        }
    }

    /// A string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    /// Writes what `show` shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Byte(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Float(value) => {
                f.write_str(&java_number(f64::from(*value), &format!("{value:e}")))
            }
            Self::Double(value) => f.write_str(&java_number(*value, &format!("{value:e}"))),
            Self::Decimal(unscaled, scale) => f.write_str(&decimal(*unscaled, *scale)),
            Self::String(value) => f.write_str(value),
            Self::Binary(bytes) => {
                let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                write!(f, "[{}]", hex.join(" "))
            }
            Self::Date(days) => f.write_str(&date(*days)),
            Self::Timestamp(micros) | Self::TimestampNtz(micros) => {
                f.write_str(&timestamp(*micros))
            }
            Self::Time(micros) => f.write_str(&time_of_day(*micros)),
            Self::YearMonth(months) => {
                let (sign, months) = (if *months < 0 { "-" } else { "" }, months.unsigned_abs());
                write!(f, "INTERVAL '{sign}{}-{}' YEAR TO MONTH", months / 12, months % 12)
            }
            Self::DayTime(micros) => write!(f, "INTERVAL '{}' DAY TO SECOND", day_time(*micros)),
            Self::Interval(months, days, micros) => {
                f.write_str(&calendar_interval(*months, *days, *micros))
            }
            Self::Array(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{key} -> {value}")).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
            Self::Struct(row) => {
                let values: Vec<String> = row.values().iter().map(ToString::to_string).collect();
                write!(f, "{{{}}}", values.join(", "))
            }
        }
    }
}

/// A number as Java writes it: `1.0`, `1.0E10`, `NaN`. The digits are the shortest that tell the
/// number from its neighbours, as Rust's `{:e}` gives them.
fn java_number(value: f64, scientific: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let (sign, scientific) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        let rest = if digits.len() > 1 { &digits[1..] } else { "0" };
        return format!("{sign}{}.{rest}E{exponent}", &digits[..1]);
    }
    let point = exponent + 1;
    let text = match usize::try_from(point) {
        Ok(point) if point > 0 => {
            let padded = format!("{digits:0<point$}");
            let (whole, rest) = padded.split_at(point);
            format!("{whole}.{}", if rest.is_empty() { "0" } else { rest })
        }
        _ => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    };
    format!("{sign}{text}")
}

/// A decimal with as many digits after the point as its scale says.
pub(crate) fn decimal(unscaled: i128, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{unscaled}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    if scale == 0 {
        return unscaled.to_string();
    }
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{rest}", if unscaled < 0 { "-" } else { "" })
}

fn date(days: i32) -> String {
    let Some(date) = NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163)) else {
        return days.to_string();
    };
    year_month_day(date)
}

fn year_month_day(date: NaiveDate) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let sign = if year > 9999 { "+" } else { "" };
    if year < 0 {
        format!("-{:04}-{month:02}-{day:02}", -year)
    } else {
        format!("{sign}{year:04}-{month:02}-{day:02}")
    }
}

/// The moment that lies so many microseconds after 1970, if the calendar goes that far.
pub(crate) fn moment(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc())
}

fn timestamp(micros: i64) -> String {
    let Some(moment) = moment(micros) else { return micros.to_string() };
    let time = i64::from(moment.num_seconds_from_midnight()) * 1_000_000
        + i64::from(moment.and_utc().timestamp_subsec_micros());
    format!("{} {}", year_month_day(moment.date()), time_of_day(time))
}

fn time_of_day(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text + &fraction(micros % 1_000_000)
}

/// The part of a second, without the zeros at its end.
fn fraction(micros: i64) -> String {
    if micros == 0 {
        return String::new();
    }
    format!(".{micros:06}").trim_end_matches('0').to_owned()
}

fn day_time(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (days, rest) = (micros / 86_400_000_000, micros % 86_400_000_000);
    format!("{sign}{days} {}", time_of_day(i64::try_from(rest).unwrap_or_default()))
}

fn calendar_interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    let mut push = |count: i64, unit: &str| {
        if count != 0 {
            parts.push(format!("{count} {unit}"));
        }
    };
    push(i64::from(months / 12), "years");
    push(i64::from(months % 12), "months");
    push(i64::from(days), "days");
    push(micros / 3_600_000_000, "hours");
    push(micros / 60_000_000 % 60, "minutes");
    let rest = micros % 60_000_000;
    if rest != 0 {
        let sign = if rest < 0 { "-" } else { "" };
        let rest = rest.abs();
        parts.push(format!("{sign}{}{} seconds", rest / 1_000_000, fraction(rest % 1_000_000)));
    }
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1.5, "1.5"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (123_456.789, "123456.789"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(Value::Double(value).to_string(), text);
        }
        assert_eq!(Value::Float(1.1).to_string(), "1.1");
        assert_eq!(Value::Float(16_777_216.0).to_string(), "1.6777216E7");
    }

    #[test]
    fn other_values_are_written_as_a_cast_to_string_writes_them() {
        let row = Row::new([Value::Int(1), Value::Null]);
        for (value, text) in [
            (Value::Decimal(128, 2), "1.28"),
            (Value::Decimal(-5, 2), "-0.05"),
            (Value::Decimal(7, 0), "7"),
            (Value::Date(0), "1970-01-01"),
            (Value::Date(-719_162), "0001-01-01"),
            (Value::Timestamp(1_500_000), "1970-01-01 00:00:01.5"),
            (Value::TimestampNtz(-1), "1969-12-31 23:59:59.999999"),
            (Value::Time(45_296_789_000), "12:34:56.789"),
            (Value::YearMonth(14), "INTERVAL '1-2' YEAR TO MONTH"),
            (Value::DayTime(93_784_000_000), "INTERVAL '1 02:03:04' DAY TO SECOND"),
            (
                Value::Interval(14, 21, 90_500_000),
                "1 years 2 months 21 days 1 minutes 30.5 seconds",
            ),
            (Value::Interval(0, 0, 0), "0 seconds"),
            (Value::Binary(vec![0x41, 0x0A]), "[41 0A]"),
            (Value::Array(vec![Value::Int(1), Value::Null]), "[1, NULL]"),
            (Value::Map(vec![("k".into(), 1.into())]), "{k -> 1}"),
            (Value::Struct(row), "{1, NULL}"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
