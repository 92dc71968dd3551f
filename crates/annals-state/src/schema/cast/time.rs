//! Dates, instants, times of day and durations into one another.
//!
//! All are counts of some unit, so a conversion is a checked multiplication or a division that
//! rounds down: an instant before 1970 belongs to the second that it is in, not to the next. An
//! instant with a zone counts in UTC, one without counts its wall clock, and where one becomes
//! the other the wall clock is taken to be in UTC.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::leaf::arrow;

pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// The array with its counts in the unit of `to`.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    let from = array.data_type();
    let (Some((kind, per_day)), Some((to_kind, to_per_day))) = (unit(from), unit(to)) else {
        return Err(ArrowError::CastError(format!("{from} does not go into {to}")));
    };
    if kind != to_kind {
        return Err(ArrowError::CastError(format!("{from} does not go into {to}")));
    }
    let counts = counts(array)?;
    let converted = match (from, to) {
        // A date has no time of day, though Date64 has room for it.
        (Timestamp(..), Date64) => {
            counts.unary_opt::<_, Int64Type>(|v| rescale(rescale(v, per_day, 1)?, 1, to_per_day))
        }
        _ if per_day == to_per_day => counts,
        _ => counts.unary_opt::<_, Int64Type>(|v| rescale(v, per_day, to_per_day)),
    };
    match to {
        Date32 | Time32(_) => {
            let narrow = converted.unary_opt::<_, Int32Type>(|v| i32::try_from(v).ok());
            arrow(&narrow, to)
        }
        _ => arrow(&converted, to),
    }
}

/// The counts of a date, timestamp, time or duration.
pub(super) fn counts(array: &ArrayRef) -> Result<Int64Array, ArrowError> {
    let counts = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => {
            let narrow = arrow(array, &DataType::Int32)?;
            narrow.as_primitive::<Int32Type>().unary(i64::from)
        }
        _ => arrow(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
    };
    Ok(counts)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Moment,
    TimeOfDay,
    Duration,
}

fn unit(data_type: &DataType) -> Option<(Kind, i64)> {
    use DataType::*;
    Some(match data_type {
        Date32 => (Kind::Moment, 1),
        Date64 => (Kind::Moment, per_day(TimeUnit::Millisecond)),
        Timestamp(unit, _) => (Kind::Moment, per_day(*unit)),
        Time32(unit) | Time64(unit) => (Kind::TimeOfDay, per_day(*unit)),
        Duration(unit) => (Kind::Duration, per_day(*unit)),
        _ => return None,
    })
}

pub(super) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn per_day(unit: TimeUnit) -> i64 {
    SECONDS_PER_DAY * per_second(unit)
}

fn rescale(count: i64, from: i64, to: i64) -> Option<i64> {
    if to >= from { count.checked_mul(to / from) } else { Some(count.div_euclid(from / to)) }
}
