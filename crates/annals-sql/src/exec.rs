//! The scan itself: chunks as they lie in memory, divided among partitions.
//!
//! A batch that is given on shares its buffers with the store. Rows are copied only where some of
//! a chunk were deleted, or where a column was widened since the chunk was written.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annals::TableChunks;
use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, project_schema};
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::projection::{all_alias_free_columns, new_projections_for_columns};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use crate::error::SqlError;
use crate::statistics;

/// A partition has no fewer rows than this, if the table is divided at all.
const PARTITION_ROWS_MIN: usize = 1 << 14;

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
    statistics: Arc<OnceLock<Arc<Statistics>>>,
}

/// Rows of a chunk, deleted ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    chunk: usize,
    rows: Range<usize>,
}

impl ChunkSource {
    pub(crate) fn new(
        chunks: Arc<TableChunks>,
        chosen: &[usize],
        projection: Option<Vec<usize>>,
        fetch: Option<usize>,
        state: &dyn Session,
    ) -> Result<Self> {
        let schema = project_schema(chunks.schema(), projection.as_ref())?;
        let target = state.config_options().execution.target_partitions;
        let rows: Vec<usize> = chosen.iter().map(|chunk| chunks.rows(*chunk)).collect();
        let partitions = divide(chosen, &rows, target).into();
        let chosen = chosen.into();
        let statistics = Arc::default();
        Ok(Self { chunks, chosen, partitions, projection, schema, fetch, statistics })
    }

    fn columns(&self) -> Vec<usize> {
        let all = || (0..self.chunks.schema().fields().len()).collect();
        self.projection.clone().unwrap_or_else(all)
    }
}

/// Divides chunks among partitions of about as many rows, each of rows that follow each other.
fn divide(chosen: &[usize], rows: &[usize], target: usize) -> Vec<Vec<Piece>> {
    let total: usize = rows.iter().sum();
    let count = (total / PARTITION_ROWS_MIN).clamp(1, target.max(1));
    let mut partitions = vec![Vec::new(); count];
    // The end of partition k is at row `total * (k + 1) / count` of all.
    let end = |partition: usize| total * (partition + 1) / count;
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
        let reading = Reading {
            source: self.clone(),
            partition,
            next: 0,
            current: None,
            rows_left: self.fetch.unwrap_or(usize::MAX),
            batch_rows: context.session_config().batch_size().max(1),
        };
        let stream = futures::stream::iter(reading);
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream);
        Ok(Box::pin(cooperative(stream)))
    }

    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, all) = (self.chosen.len(), self.chunks.len());
        let partitions = self.partitions.len();
        match kind {
            DisplayFormatType::TreeRender => {
                writeln!(f, "format=annals")?;
                writeln!(f, "chunks={read} of {all}")
            }
            _ => {
                write!(f, "annals, chunks={read} of {all}, partitions={partitions}")?;
                self.fetch.iter().try_for_each(|fetch| write!(f, ", fetch={fetch}"))
            }
        }
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.schema))
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let whole = || {
            let found = statistics::of_chunks(&self.chunks, &self.chosen, &self.columns());
            Arc::new(found)
        };
        let whole = Arc::clone(self.statistics.get_or_init(whole));
        let rows = match partition {
            None if self.fetch.is_none() => return Ok(whole),
            None => None,
            Some(partition) => self.partitions.get(partition),
        };
        // Of some of the rows, the statistics of all are only bounds.
        let mut part = (*whole).clone().to_inexact();
        if let Some(pieces) = rows {
            let rows: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
            part.num_rows = datafusion::common::stats::Precision::Inexact(rows);
        }
        Ok(Arc::new(part.with_fetch(self.fetch, 0, self.partitions.len())?))
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
        if !all_alias_free_columns(&exprs) {
            return Ok(None);
        }
        let columns = new_projections_for_columns(&exprs, &self.columns());
        let schema = project_schema(self.chunks.schema(), Some(&columns))?;
        let statistics = Arc::default();
        Ok(Some(Arc::new(Self { projection: Some(columns), schema, statistics, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}

/// One partition being read.
struct Reading {
    source: ChunkSource,
    partition: usize,
    /// The piece to go on with.
    next: usize,
    current: Option<Current>,
    rows_left: usize,
    batch_rows: usize,
}

/// What is left of a piece.
struct Current {
    batch: RecordBatch,
    /// Which of its rows are part of the table; none if all are.
    live: Option<BooleanBuffer>,
}

impl Reading {
    fn begin(&mut self) -> Result<bool, SqlError> {
        let Self { source, partition, next, current, .. } = self;
        let Some(piece) = source.partitions[*partition].get(*next) else { return Ok(false) };
        *next += 1;
        let (from, rows) = (piece.rows.start, piece.rows.len());
        let batch = source.chunks.batch(piece.chunk, source.projection.as_deref())?;
        let live = source.chunks.live(piece.chunk).map(|live| live.slice(from, rows));
        *current = Some(Current { batch: batch.slice(from, rows), live });
        Ok(true)
    }

    fn step(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        loop {
            if self.rows_left == 0 {
                return Ok(None);
            }
            let Some(current) = self.current.take() else {
                if self.begin()? {
                    continue;
                }
                return Ok(None);
            };
            let rows = current.batch.num_rows().min(self.batch_rows);
            let left = current.batch.num_rows() - rows;
            if left > 0 {
                let live = current.live.as_ref().map(|live| live.slice(rows, left));
                self.current = Some(Current { batch: current.batch.slice(rows, left), live });
            }
            let mut batch = current.batch.slice(0, rows);
            if let Some(live) = current.live {
                let live = BooleanArray::new(live.slice(0, rows), None);
                if live.true_count() < rows {
                    batch = filter_record_batch(&batch, &live)
                        .map_err(datafusion::error::DataFusionError::from)?;
                }
            }
            if batch.num_rows() == 0 {
                continue;
            }
            if batch.num_rows() > self.rows_left {
                batch = batch.slice(0, self.rows_left);
            }
            self.rows_left -= batch.num_rows();
            return Ok(Some(batch));
        }
    }
}

impl Iterator for Reading {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().map_err(Into::into).transpose()
    }
}
