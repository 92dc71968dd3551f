//! One partition of a scan being read.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{DynamicFilterTracker, DynamicFilterTracking};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder};

use super::{ChunkSource, Piece};
use crate::error::SqlError;
use crate::pruning;

/// An iterator over the batches of one partition.
pub(super) struct Reading {
    source: ChunkSource,
    /// What is still to be read.
    pieces: VecDeque<Piece>,
    current: Option<Current>,
    filters: Vec<Filter>,
    rows_left: usize,
    batch_rows: usize,
    metrics: BaselineMetrics,
    left_out: Count,
}

/// What is left of a piece.
struct Current {
    batch: RecordBatch,
    /// Which of its rows are part of the table; none if all are.
    live: Option<BooleanBuffer>,
}

/// A filter that may learn while the query runs what it lets through.
struct Filter {
    expr: Arc<dyn PhysicalExpr>,
    tracking: DynamicFilterTracking,
    is_new: bool,
}

impl Reading {
    pub(super) fn new(source: &ChunkSource, partition: usize, batch_rows: usize) -> Self {
        let filters = source.filters.iter().map(|expr| Filter {
            expr: Arc::clone(expr),
            tracking: DynamicFilterTracking::classify(expr),
            is_new: true,
        });
        Self {
            pieces: source.partitions[partition].iter().cloned().collect(),
            current: None,
            filters: filters.collect(),
            rows_left: source.fetch.unwrap_or(usize::MAX),
            batch_rows: batch_rows.max(1),
            metrics: BaselineMetrics::new(&source.metrics, partition),
            left_out: MetricBuilder::new(&source.metrics).counter("chunks_left_out", partition),
            source: source.clone(),
        }
    }

    /// Leaves out pieces that, for what the filters know by now, hold nothing.
    fn leave_out(&mut self) {
        for filter in &mut self.filters {
            let is_new = std::mem::take(&mut filter.is_new);
            let changed = filter.tracking.watcher().is_some_and(DynamicFilterTracker::changed);
            if !is_new && !changed {
                continue;
            }
            let among: Vec<usize> = self.pieces.iter().map(|piece| piece.chunk).collect();
            let chunks = &self.source.chunks;
            let may =
                pruning::may_match(chunks, &among, Arc::clone(&filter.expr), &self.source.schema);
            let Some(may) = may else { continue };
            let mut may = may.into_iter();
            let before = self.pieces.len();
            self.pieces.retain(|_| may.next().unwrap_or(true));
            self.left_out.add(before - self.pieces.len());
        }
    }

    fn begin(&mut self) -> Result<bool, SqlError> {
        self.leave_out();
        let Some(piece) = self.pieces.pop_front() else { return Ok(false) };
        let source = &self.source;
        let (from, rows) = (piece.rows.start, piece.rows.len());
        let batch = source.chunks.batch(piece.chunk, source.projection.as_deref())?;
        let live = source.chunks.live(piece.chunk).map(|live| live.slice(from, rows));
        self.current = Some(Current { batch: batch.slice(from, rows), live });
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
            let mut batch = match left {
                0 => current.batch,
                _ => current.batch.slice(0, rows),
            };
            if let Some(live) = current.live {
                let live = BooleanArray::new(live.slice(0, rows), None);
                if live.true_count() < rows {
                    batch = filter_record_batch(&batch, &live).map_err(DataFusionError::from)?;
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
        let elapsed = self.metrics.elapsed_compute().clone();
        let _timer = elapsed.timer();
        let batch = self.step().map_err(DataFusionError::from).transpose()?;
        if let Ok(batch) = &batch {
            self.metrics.record_output(batch.num_rows());
        }
        Some(batch)
    }
}
