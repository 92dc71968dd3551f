//! What is known of a table without reading a row, in the words of `DataFusion`'s planner.
//!
//! Counts are exact. The smallest and the largest value are exact unless rows were deleted.
//!
//! Bytes are not told. By them a planner would choose the side of a join that a hash table is made of,
//! and it carries those of columns that a filter has dropped. Rows say more of what that costs.
//!
//! Extremes answer `min` and `max`. They are not left for the planning that comes after: what it
//! would guess from them of joins and filters is not better than what it guesses from counts, and
//! takes longer. What a filter selects is known from the chunks that are left.

use std::sync::Arc;

use annals::{ColumnSummary, TableChunks};
use datafusion::arrow::array::ArrayRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::exec::ChunkSource;

/// What is known of columns of some chunks. O(columns · chunks).
pub(crate) fn of_chunks(
    chunks: &TableChunks,
    chosen: &[usize],
    columns: &[usize],
    detail: Detail,
) -> Statistics {
    let rows: u64 = chosen.iter().map(|chunk| chunks.live_rows(*chunk)).sum();
    let of_column = |column: &usize| of_column(chunks, chosen, *column, detail);
    Statistics {
        num_rows: Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX)),
        total_byte_size: Precision::Absent,
        column_statistics: columns.iter().map(of_column).collect(),
    }
}

/// How much to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Counts.
    Counts,
    /// The smallest and the largest values too.
    #[default]
    Extremes,
}

/// Takes extremes out of sight of the planning that comes after those who ask for them.
#[derive(Debug, Default)]
pub(crate) struct KeepCounts;

impl PhysicalOptimizerRule for KeepCounts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let settled = plan.transform_up(|plan| {
            let scan = plan.downcast_ref::<DataSourceExec>();
            let source = scan.and_then(|scan| scan.data_source().downcast_ref::<ChunkSource>());
            Ok(match source {
                Some(source) => {
                    let source = source.clone().with_detail(Detail::Counts);
                    Transformed::yes(DataSourceExec::from_data_source(source) as _)
                }
                None => Transformed::no(plan),
            })
        });
        Ok(settled?.data)
    }

    fn name(&self) -> &'static str {
        "KeepCounts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What `whole` says of some of its rows.
pub(crate) fn of_part(whole: &Statistics, rows: usize) -> Statistics {
    let mut part = whole.clone().to_inexact();
    part.num_rows = Precision::Inexact(rows);
    part
}

fn of_column(
    chunks: &TableChunks,
    chosen: &[usize],
    column: usize,
    detail: Detail,
) -> ColumnStatistics {
    let nulls = chosen.iter().map(|chunk| chunks.null_count(*chunk, column));
    let (nulls, exact) = nulls.fold((0_u64, true), |all, one| (all.0 + one.0, all.1 && one.1));
    let nulls = usize::try_from(nulls).unwrap_or(usize::MAX);
    let mut statistics = ColumnStatistics::new_unknown();
    statistics.null_count = precise(exact, nulls);
    if detail == Detail::Extremes
        && let Some((least, most)) = extremes(chunks, chosen, column)
    {
        let bound =
            |extreme: Extreme| extreme.0.map_or(Precision::Absent, |value| precise(exact, value));
        statistics.min_value = bound(least);
        statistics.max_value = bound(most);
    }
    statistics
}

fn precise<T: std::fmt::Debug + Clone + PartialEq + Eq + PartialOrd>(
    exact: bool,
    value: T,
) -> Precision<T> {
    if exact { Precision::Exact(value) } else { Precision::Inexact(value) }
}

/// The smallest and the largest value; none if that cannot be told.
fn extremes(chunks: &TableChunks, chosen: &[usize], column: usize) -> Option<(Extreme, Extreme)> {
    let mut extremes = (Extreme::default(), Extreme::default());
    for &chunk in chosen {
        let ColumnSummary { null_count, min, max, exact } = chunks.summary(chunk, column);
        if exact && null_count >= chunks.live_rows(chunk) {
            continue;
        }
        let value = |value: &Option<ArrayRef>| {
            ScalarValue::try_from_array(value.as_ref()?, 0).ok().filter(|value| !value.is_null())
        };
        let (least, most) = extremes;
        let least = least.with(value(&min)?, std::cmp::Ordering::is_lt)?;
        extremes = (least, most.with(value(&max)?, std::cmp::Ordering::is_gt)?);
    }
    Some(extremes)
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
