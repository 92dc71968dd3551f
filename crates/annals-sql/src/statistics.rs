//! What is known of a table without reading a row, in the words of `DataFusion`'s planner.
//!
//! Counts are exact. The smallest and the largest value are exact unless rows were deleted.

use annals::{ColumnSummary, TableChunks};
use datafusion::arrow::array::ArrayRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

/// What is known of columns of some chunks. O(columns · chunks).
pub(crate) fn of_chunks(chunks: &TableChunks, chosen: &[usize], columns: &[usize]) -> Statistics {
    let rows: u64 = chosen.iter().map(|chunk| chunks.live_rows(*chunk)).sum();
    let column_statistics =
        columns.iter().map(|column| of_column(chunks, chosen, *column)).collect();
    Statistics {
        num_rows: Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX)),
        total_byte_size: Precision::Absent,
        column_statistics,
    }
}

/// What `whole` says of some of its rows.
pub(crate) fn of_part(whole: &Statistics, rows: usize) -> Statistics {
    let mut part = whole.clone().to_inexact();
    let all = whole.num_rows.get_value().copied().unwrap_or(rows).max(1);
    let share = |of: Precision<usize>| match of.get_value() {
        Some(of) => {
            let share = *of as u128 * rows as u128 / all as u128;
            Precision::Inexact(usize::try_from(share).unwrap_or(usize::MAX))
        }
        None => Precision::Absent,
    };
    part.total_byte_size = share(whole.total_byte_size);
    part.num_rows = Precision::Inexact(rows);
    part
}

fn of_column(chunks: &TableChunks, chosen: &[usize], column: usize) -> ColumnStatistics {
    let (mut nulls, mut bytes) = (0_u64, 0);
    let mut exact = true;
    let mut extremes = Some((Extreme::default(), Extreme::default()));
    for &chunk in chosen {
        let rows = chunks.rows(chunk) as u64;
        let ColumnSummary { null_count, min, max, exact: is_exact } = chunks.summary(chunk, column);
        nulls += null_count;
        bytes += chunks.column_bytes(chunk, column);
        exact &= is_exact;
        if null_count >= rows {
            continue;
        }
        let value = |value: &Option<ArrayRef>| {
            ScalarValue::try_from_array(value.as_ref()?, 0).ok().filter(|value| !value.is_null())
        };
        extremes = match (extremes, value(&min), value(&max)) {
            (Some((least, most)), Some(min), Some(max)) => least
                .with(min, std::cmp::Ordering::is_lt)
                .zip(most.with(max, std::cmp::Ordering::is_gt)),
            _ => None,
        };
    }
    let precise = |value| if exact { Precision::Exact(value) } else { Precision::Inexact(value) };
    let (min, max) = extremes.unwrap_or_default();
    let bound = |extreme: Extreme| extreme.0.map_or(Precision::Absent, precise);
    let nulls = usize::try_from(nulls).unwrap_or(usize::MAX);
    let mut statistics = ColumnStatistics::new_unknown();
    statistics.null_count = if exact { Precision::Exact(nulls) } else { Precision::Inexact(nulls) };
    statistics.byte_size = Precision::Inexact(bytes);
    statistics.min_value = bound(min);
    statistics.max_value = bound(max);
    statistics
}

#[derive(Default)]
struct Extreme(Option<ScalarValue>);

impl Extreme {
    /// The more extreme of both; none if they cannot be compared.
    fn with(self, value: ScalarValue, wins: fn(std::cmp::Ordering) -> bool) -> Option<Self> {
        match self.0 {
            None => Some(Self(Some(value))),
            Some(own) => {
                let order = value.try_cmp(&own).ok()?;
                Some(Self(Some(if wins(order) { value } else { own })))
            }
        }
    }
}
