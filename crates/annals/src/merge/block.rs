//! Some rows of a chunk, some of the source, or as many pairs of both; columns only when asked for.

use std::cell::OnceCell;
use std::sync::Arc;

use annals_state::chunk::pick_rows;
use annals_state::schema;
use annals_state::table::{ChunkEntry, Origin, TableState};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, Schema};
use arrow_select::filter::filter;
use arrow_select::take::take;

use super::clause::Pairs;

/// Up to so many pairs are decided upon at once: what bounds the memory that they take.
pub(super) const BLOCK_ROWS: usize = 1 << 16;

/// Rows by index: of a chunk, of the source, or of both, then in pairs.
pub(super) struct Block<'a> {
    pub(super) rows: usize,
    target: Option<Target<'a>>,
    source: Option<(&'a RecordBatch, UInt32Array)>,
    pairs: OnceCell<Pairs>,
}

struct Target<'a> {
    state: &'a TableState,
    entry: &'a ChunkEntry,
    rows: UInt32Array,
    /// The rows under the table's present columns, if the chunk was written under others.
    read: OnceCell<RecordBatch>,
}

impl<'a> Block<'a> {
    pub(super) fn of_pairs(
        (state, entry, target): (&'a TableState, &'a ChunkEntry, UInt32Array),
        (source, rows): (&'a RecordBatch, UInt32Array),
    ) -> Self {
        let block = Self::of_target(state, entry, target);
        Self { source: Some((source, rows)), ..block }
    }

    pub(super) fn of_target(
        state: &'a TableState,
        entry: &'a ChunkEntry,
        rows: UInt32Array,
    ) -> Self {
        let count = rows.values().len();
        let target = Some(Target { state, entry, rows, read: OnceCell::new() });
        Self { rows: count, target, source: None, pairs: OnceCell::new() }
    }

    pub(super) fn of_source(source: &'a RecordBatch, rows: UInt32Array) -> Self {
        let count = rows.values().len();
        Self { rows: count, target: None, source: Some((source, rows)), pairs: OnceCell::new() }
    }

    /// The rows of the chunk, by index.
    pub(super) fn target_rows(&self) -> &[u32] {
        self.target.as_ref().map_or(&[], |target| target.rows.values())
    }

    /// The rows of the source, by index.
    pub(super) fn source_rows(&self) -> &[u32] {
        self.source.as_ref().map_or(&[], |(_, rows)| rows.values())
    }

    /// Who the rows of the chunk are.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        let targets = self.target.iter();
        targets.flat_map(|target| target.rows.values().iter().map(|row| target.entry.origin(*row)))
    }

    pub(super) fn target_column(&self, column: usize) -> Result<ArrayRef, ArrowError> {
        let target = self.target.as_ref().ok_or_else(absent)?;
        if Arc::ptr_eq(target.state.layout(target.entry), target.state.schema()) {
            return take(target.entry.chunk().batch().column(column), &target.rows, None);
        }
        Ok(Arc::clone(target.read()?.column(column)))
    }

    pub(super) fn source_column(&self, column: usize) -> Result<ArrayRef, ArrowError> {
        let (source, rows) = self.source.as_ref().ok_or_else(absent)?;
        take(source.column(column), rows, None)
    }

    /// All columns, for a caller's function.
    pub(super) fn pairs(&self) -> Result<&Pairs, ArrowError> {
        if let Some(pairs) = self.pairs.get() {
            return Ok(pairs);
        }
        let target = match &self.target {
            Some(target) => target.read()?.clone(),
            None => self.nothing()?,
        };
        let source = match &self.source {
            Some((source, rows)) => pick_rows(source, rows)?,
            None => self.nothing()?,
        };
        Ok(self.pairs.get_or_init(|| Pairs { target, source }))
    }

    fn nothing(&self) -> Result<RecordBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
    }

    /// The rows for which `mask` says true. It is without nulls.
    pub(super) fn select(&self, mask: &BooleanArray) -> Result<Self, ArrowError> {
        let select = |rows: &UInt32Array| -> Result<UInt32Array, ArrowError> {
            Ok(filter(rows, mask)?.as_primitive::<UInt32Type>().clone())
        };
        let target = match &self.target {
            None => None,
            Some(target) => {
                let (state, entry) = (target.state, target.entry);
                Some(Target { state, entry, rows: select(&target.rows)?, read: OnceCell::new() })
            }
        };
        let source = match &self.source {
            None => None,
            Some((source, rows)) => Some((*source, select(rows)?)),
        };
        Ok(Self { rows: mask.true_count(), target, source, pairs: OnceCell::new() })
    }
}

impl Target<'_> {
    fn read(&self) -> Result<&RecordBatch, ArrowError> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let (written, wanted) = (self.state.layout(self.entry), self.state.schema());
        let mut rows = pick_rows(self.entry.chunk().batch(), &self.rows)?;
        if !Arc::ptr_eq(written, wanted) {
            rows = schema::read_as(&rows, written, wanted, None)
                .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        }
        Ok(self.read.get_or_init(|| rows))
    }
}

/// Plans never ask for a side that is not there; a mistake in one is an error and no panic.
fn absent() -> ArrowError {
    ArrowError::InvalidArgumentError("there is no row on that side of the merge".to_owned())
}
