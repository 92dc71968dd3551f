//! What is known of a table without reading a row, in the words of `DataFusion`'s planner.
//!
//! Counts are exact. The smallest and the largest value are exact unless rows were deleted.

use annals::{ColumnSummary, Table, TableChunks};
use datafusion::arrow::array::ArrayRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

/// Counts of a table, and nothing of its columns: what the planner asks for before it knows which
/// columns are read.
pub(crate) fn of_table(table: &Table) -> Statistics {
    let mut statistics = Statistics::new_unknown(&table.schema());
    statistics.num_rows =
        Precision::Exact(usize::try_from(table.row_count()).unwrap_or(usize::MAX));
    statistics
}

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

fn of_column(chunks: &TableChunks, chosen: &[usize], column: usize) -> ColumnStatistics {
    let mut nulls = 0_u64;
    let mut exact = true;
    let mut extremes = Some((Extreme::default(), Extreme::default()));
    for &chunk in chosen {
        let rows = chunks.rows(chunk) as u64;
        let ColumnSummary { null_count, min, max, exact: is_exact } = chunks.summary(chunk, column);
        nulls += null_count;
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
