//! Which chunks can hold a row that a filter lets through, by `DataFusion`'s `PruningPredicate`
//! over the statistics of the chunks.

use std::collections::HashSet;
use std::sync::Arc;

use annals::TableChunks;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, UInt64Array, make_comparator, new_null_array,
};
use datafusion::arrow::compute::{SortOptions, concat};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

/// To read so few rows costs no more than to think about them.
const ROWS_MIN: usize = 1 << 13;

/// One chunk is read or is not, and mostly it is: it has to be so large for that to be asked.
const ROWS_MIN_OF_ONE: usize = 1 << 18;

/// Whether it can pay to look for chunks to leave out.
pub(crate) fn is_worthwhile(chunks: &TableChunks) -> bool {
    let least = if chunks.len() == 1 { ROWS_MIN_OF_ONE } else { ROWS_MIN };
    let mut rows = 0;
    (0..chunks.len()).any(|chunk| {
        rows += chunks.rows(chunk);
        rows > least
    })
}

/// Whether a filter learns while the query runs what it lets through.
fn is_dynamic(filter: &Arc<dyn PhysicalExpr>) -> bool {
    DynamicFilterTracking::classify(filter).contains_dynamic_filter()
}

/// Whether it can pay to leave out chunks by what a filter learns while the query runs: only where
/// chunks hold different ranges of a column that it is about. To learn it costs the query something.
pub(crate) fn can_learn(
    chunks: &TableChunks,
    among: &[usize],
    filter: &Arc<dyn PhysicalExpr>,
) -> bool {
    among.len() > 1
        && is_dynamic(filter)
        && collect_columns(filter).iter().any(|column| {
            let index = chunks.schema().index_of(column.name());
            index.is_ok_and(|index| is_clustered(chunks, among, index))
        })
}

/// Whether the chunks of a row hold ranges of a column that overlap little: less than every second
/// one overlaps the next.
fn is_clustered(chunks: &TableChunks, among: &[usize], column: usize) -> bool {
    let overlap = |pair: &&[usize]| {
        let (one, other) = (chunks.summary(pair[0], column), chunks.summary(pair[1], column));
        let before = |last: &Option<ArrayRef>, first: &Option<ArrayRef>| match (last, first) {
            (Some(last), Some(first)) => {
                let order = make_comparator(last, first, SortOptions::default());
                order.is_ok_and(|order| order(0, 0).is_le())
            }
            _ => false,
        };
        !before(&one.max, &other.min) && !before(&other.max, &one.min)
    };
    2 * among.windows(2).filter(overlap).count() < among.len() - 1
}

/// Which of `among` may hold a row for which `filter` is true; none if that cannot be told. The
/// filter is over columns of `schema`, which are some of the table's.
pub(crate) fn may_match(
    chunks: &TableChunks,
    among: &[usize],
    filter: Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
) -> Option<Vec<bool>> {
    let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema));
    // A filter of a kind that says nothing of statistics is an error here, and no harm.
    let predicate = builder.try_build(filter).ok()?;
    if predicate.always_true() {
        return None;
    }
    predicate.prune(&Bounds { chunks, among }).ok()
}

/// The statistics of chunks, as columns with a row for each.
struct Bounds<'a> {
    chunks: &'a TableChunks,
    among: &'a [usize],
}

impl Bounds<'_> {
    fn column(&self, column: &Column) -> Option<usize> {
        self.chunks.schema().index_of(&column.name).ok()
    }

    fn values(
        &self,
        column: &Column,
        value: impl Fn(annals::ColumnSummary) -> Option<ArrayRef>,
    ) -> Option<ArrayRef> {
        let index = self.column(column)?;
        let kind = self.chunks.schema().field(index).data_type();
        let none = new_null_array(kind, 1);
        let found = self.among.iter().map(|chunk| {
            let value = value(self.chunks.summary(*chunk, index));
            value.unwrap_or_else(|| Arc::clone(&none))
        });
        let found: Vec<ArrayRef> = found.collect();
        let found: Vec<_> = found.iter().map(AsRef::as_ref).collect();
        concat(&found).ok()
    }
}

impl PruningStatistics for Bounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |summary| summary.min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |summary| summary.max)
    }

    fn num_containers(&self) -> usize {
        self.among.len()
    }

    /// Of deleted rows too, as [`row_counts`](Self::row_counts) counts them.
    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let index = self.column(column)?;
        let counts = self.among.iter().map(|chunk| {
            let summary = self.chunks.summary(*chunk, index);
            let rows = self.chunks.rows(*chunk) as u64;
            // A column that came after the chunk is null in every row of it, and only those that
            // are left are counted.
            let is_absent = summary.exact && summary.null_count == self.chunks.live_rows(*chunk);
            if is_absent { rows } else { summary.null_count }
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.among.iter().map(|chunk| self.chunks.rows(*chunk) as u64);
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
