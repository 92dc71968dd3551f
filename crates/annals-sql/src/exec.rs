//! The scan itself: chunks as they lie in memory, divided among partitions.
//!
//! A batch that is given on shares its buffers with the store. Rows are copied only where some of
//! a chunk were deleted, or where a column was widened since the chunk was written.

mod order;
mod reading;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annals::TableChunks;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, project_schema};
use datafusion::config::{ConfigOptions, ExecutionOptions};
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExprs, project_orderings};
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::{all_alias_free_columns, new_projections_for_columns};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};

use self::order::OrderBy;
use self::reading::Reading;
use crate::pruning;
use crate::statistics::{self, Detail};

/// Chunks of a table, to be read.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSource {
    chunks: Arc<TableChunks>,
    chosen: Arc<[usize]>,
    /// What each partition reads.
    partitions: Arc<[Vec<Piece>]>,
    projection: Option<Vec<usize>>,
    /// The columns that are given on.
    schema: SchemaRef,
    /// Each partition gives at most so many rows.
    fetch: Option<usize>,
    /// Filters above the scan, over its columns: what they rule out need not be read.
    filters: Arc<[Arc<dyn PhysicalExpr>]>,
    /// The order that the rows of each partition are known to be in.
    orderings: Vec<LexOrdering>,
    detail: Detail,
    statistics: Arc<OnceLock<Arc<Statistics>>>,
    metrics: ExecutionPlanMetricsSet,
}

/// Rows of a chunk, deleted ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    chunk: usize,
    rows: Range<usize>,
}

impl ChunkSource {
    /// Reads the chosen chunks, divided among threads as the options say.
    pub(crate) fn new(
        chunks: Arc<TableChunks>,
        chosen: &[usize],
        projection: Option<Vec<usize>>,
        fetch: Option<usize>,
        options: &ExecutionOptions,
    ) -> Result<Self> {
        let schema = project_schema(chunks.schema(), projection.as_ref())?;
        let rows: Vec<usize> = chosen.iter().map(|chunk| chunks.rows(*chunk)).collect();
        Ok(Self {
            partitions: divide(chosen, &rows, options).into(),
            chosen: chosen.into(),
            chunks,
            projection,
            schema,
            fetch,
            filters: Arc::default(),
            orderings: Vec::new(),
            detail: Detail::default(),
            statistics: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The same, telling more or less of itself.
    pub(crate) fn with_detail(self, detail: Detail) -> Self {
        Self { detail, statistics: Arc::default(), ..self }
    }

    /// The columns of the table that are given on.
    fn columns(&self) -> Vec<usize> {
        let all = || (0..self.chunks.schema().fields().len()).collect();
        self.projection.clone().unwrap_or_else(all)
    }

    /// The columns of the table that an order is about, if it is about columns alone.
    fn order_by(&self, order: &[PhysicalSortExpr]) -> Option<Vec<OrderBy>> {
        let columns = self.columns();
        let by = order.iter().map(|by| {
            let column = by.expr.downcast_ref::<Column>()?;
            Some((*columns.get(column.index())?, by.options))
        });
        by.collect()
    }
}

/// Divides chunks among partitions of about as many rows, each of rows that follow each other.
///
/// What is more than one batch is divided among all threads: whatever is above it would be, if not
/// by the scan then row by row, which costs more.
fn divide(chosen: &[usize], rows: &[usize], options: &ExecutionOptions) -> Vec<Vec<Piece>> {
    let total: usize = rows.iter().sum();
    let count = if total > options.batch_size.get() { options.target_partitions.max(1) } else { 1 };
    let mut partitions = vec![Vec::new(); count];
    // Partition k ends at this row of all.
    let end = |partition: usize| {
        let end = total as u128 * (partition as u128 + 1) / count as u128;
        usize::try_from(end).unwrap_or(total)
    };
    let (mut partition, mut at) = (0, 0);
    for (&chunk, &rows) in chosen.iter().zip(rows) {
        let mut from = 0;
        while from < rows {
            while at >= end(partition) && partition + 1 < count {
                partition += 1;
            }
            let take = (rows - from).min(end(partition) - at);
            partitions[partition].push(Piece { chunk, rows: from..from + take });
            from += take;
            at += take;
        }
    }
    partitions
}

impl DataSource for ChunkSource {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let reading = Reading::new(self, partition, context.session_config().batch_size());
        let stream = futures::stream::iter(reading);
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream);
        // Gives way to others now and then, so that a query can be stopped.
        Ok(Box::pin(cooperative(stream)))
    }

    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, all) = (self.chosen.len(), self.chunks.len());
        let partitions = self.partitions.len();
        if let DisplayFormatType::TreeRender = kind {
            writeln!(f, "format=annals")?;
            return writeln!(f, "chunks={read} of {all}");
        }
        write!(f, "annals, chunks={read} of {all}, partitions={partitions}")?;
        self.fetch.iter().try_for_each(|fetch| write!(f, ", fetch={fetch}"))?;
        self.orderings.iter().try_for_each(|order| write!(f, ", output_ordering=[{order}]"))?;
        if !self.filters.is_empty() {
            let filters: Vec<String> = self.filters.iter().map(ToString::to_string).collect();
            write!(f, ", pruned_by=[{}]", filters.join(", "))?;
        }
        Ok(())
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new_with_orderings(
            Arc::clone(&self.schema),
            self.orderings.iter().cloned(),
        )
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let whole = self.statistics.get_or_init(|| {
            let columns = self.columns();
            let found = statistics::of_chunks(&self.chunks, &self.chosen, &columns, self.detail);
            Arc::new(found)
        });
        let Some(partition) = partition else {
            return match self.fetch {
                None => Ok(Arc::clone(whole)),
                // Partitions stop each for itself, so nothing is exact any more.
                Some(_) => {
                    let inexact = (**whole).clone().to_inexact();
                    Ok(Arc::new(inexact.with_fetch(self.fetch, 0, self.partitions.len())?))
                }
            };
        };
        let pieces = self.partitions.get(partition).map_or(&[][..], Vec::as_slice);
        let rows: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
        let part = statistics::of_part(whole, rows);
        Ok(Arc::new(part.with_fetch(self.fetch, 0, 1)?))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(Arc::new(Self { fetch: limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let exprs: Vec<_> = projection.iter().cloned().collect();
        // Filters speak of the columns as they are.
        if !all_alias_free_columns(&exprs) || !self.filters.is_empty() {
            return Ok(None);
        }
        let columns = new_projections_for_columns(&exprs, &self.columns());
        let schema = project_schema(self.chunks.schema(), Some(&columns))?;
        Ok(Some(Arc::new(Self {
            orderings: project_orderings(&self.orderings, &schema),
            projection: Some(columns),
            schema,
            statistics: Arc::default(),
            ..self.clone()
        })))
    }

    /// Takes note of filters above, to leave out chunks by. Rows are still theirs to filter.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let told = vec![PushedDown::No; filters.len()];
        let told = FilterPushdownPropagation::with_parent_pushdown_result(told);
        // What is known when the query is planned has chosen the chunks already.
        let can_learn = |filter: &_| pruning::can_learn(&self.chunks, &self.chosen, filter);
        let mut learning: Vec<_> = filters.into_iter().filter(can_learn).collect();
        if learning.is_empty() || !pruning::is_worthwhile(&self.chunks) {
            return Ok(told);
        }
        learning.extend(self.filters.iter().cloned());
        let updated: Arc<dyn DataSource> =
            Arc::new(Self { filters: learning.into(), ..self.clone() });
        Ok(told.with_updated_node(updated))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        let Some(by) = self.order_by(order) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let Some(ordering) = LexOrdering::new(order.iter().cloned()) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let pieces: Vec<&Piece> = self.partitions.iter().flatten().collect();
        if order::is_sorted(&self.chunks, &pieces, &by)? {
            let inner = Arc::new(Self { orderings: vec![ordering], ..self.clone() });
            return Ok(SortOrderPushdownResult::Exact { inner });
        }
        let mut partitions = self.partitions.to_vec();
        if !order::put_best_first(&self.chunks, &mut partitions, by[0]) {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let inner = Self { partitions: partitions.into(), orderings: Vec::new(), ..self.clone() };
        Ok(SortOrderPushdownResult::Inexact { inner: Arc::new(inner) })
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in &*self.filters {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row is in one partition and one only, in order, and partitions are about equal.
    #[test]
    fn rows_are_divided_evenly_and_in_order() {
        let sizes: [&[usize]; 6] =
            [&[], &[0], &[100_000], &[10, 20_000, 0, 7, 90_000], &[1 << 20; 5], &[8_191]];
        for (rows, target) in sizes.iter().flat_map(|rows| [1, 2, 3, 16].map(|t| (*rows, t))) {
            let chosen: Vec<usize> = (0..rows.len()).map(|chunk| chunk * 3).collect();
            let options =
                ExecutionOptions { target_partitions: target, ..ExecutionOptions::default() };
            let partitions = divide(&chosen, rows, &options);
            let total: usize = rows.iter().sum();
            assert!((1..=target).contains(&partitions.len()), "{rows:?} by {target}");
            let mut expected: Vec<(usize, usize)> = Vec::new();
            for (chunk, rows) in chosen.iter().zip(rows) {
                expected.extend((0..*rows).map(|row| (*chunk, row)));
            }
            let found = partitions.iter().flatten();
            let found = found.flat_map(|piece| piece.rows.clone().map(|row| (piece.chunk, row)));
            assert!(found.eq(expected), "{rows:?} by {target}");
            for pieces in &partitions {
                let own: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
                let share = total / partitions.len();
                assert!(own.abs_diff(share) <= 1, "{own} of {total}, {} parts", partitions.len());
            }
        }
    }
}
