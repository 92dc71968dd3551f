//! How numbers, sizes, times and single values look: for people, not for programs.

use std::time::Duration;

use annals::Timestamp;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;

/// Digits in groups of three.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// So many things, of which one is called `thing` and several have an s.
pub(crate) fn many(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// As [`count`], and nothing for zero: an empty cell is easier to overlook.
pub(crate) fn count_or_blank(number: u64) -> String {
    if number == 0 { String::new() } else { count(number) }
}

/// A number of bytes with its unit.
pub(crate) fn bytes(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

/// A time span to three digits or so.
pub(crate) fn duration(span: Duration) -> String {
    let micros = span.as_secs_f64() * 1e6;
    match micros {
        _ if micros < 1e1 => format!("{micros:.1} µs"),
        _ if micros < 1e3 => format!("{micros:.0} µs"),
        _ if micros < 1e4 => format!("{:.1} ms", micros / 1e3),
        _ if micros < 1e6 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.1} s", micros / 1e6),
    }
}

/// The time of day of a moment, to the millisecond, in UTC.
pub(crate) fn time_of_day(moment: Timestamp) -> String {
    let text = moment.to_string();
    let time = text.split_once('T').map_or(text.as_str(), |(_, time)| time);
    time.chars().take("00:00:00.000".len()).collect()
}

/// The values of a row, each as by [`value`].
pub(crate) fn values(batch: &RecordBatch, row: usize) -> Vec<String> {
    batch.columns().iter().map(|column| value(column, row)).collect()
}

/// One value of a column, on one line and short; nothing for null.
pub(crate) fn value(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    // Names of time zones cannot be looked up here, and the moments are the same in any.
    let column = match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => Ok(ArrayRef::clone(column)),
    };
    let text = column.and_then(|column| {
        let formatter = ArrayFormatter::try_new(&column, &FormatOptions::default())?;
        formatter.value(row).try_to_string()
    });
    one_line(&text.unwrap_or_else(|error| error.to_string()))
}

const CHARS_MAX: usize = 28;

/// The beginning of a text, fit for a cell of a table.
pub(crate) fn one_line(text: &str) -> String {
    let cut = text.chars().nth(CHARS_MAX).is_some();
    let chars = text.chars().take(if cut { CHARS_MAX - 1 } else { CHARS_MAX });
    let chars: String = chars.chain(cut.then_some('…')).collect();
    // An empty text is not nothing.
    if chars.is_empty() { "\"\"".to_owned() } else { printable(&chars) }
}

/// A text without what could move the cursor or change the colours of a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '·' } else { char }).collect()
}
