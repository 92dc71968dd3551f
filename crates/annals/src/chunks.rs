//! A table chunk by chunk, for those who plan scans of their own: query engines.
//!
//! [`Scan`](crate::Scan) is what programs use. Here is what it is made of: which chunks there are,
//! what is known of each without reading a row, and its columns as they lie in memory. Which rows
//! are wanted, in which order and on how many threads is the caller's business.

use std::sync::Arc;

use annals_state::predicate::Predicate;
use annals_state::pruning::{bounds, null_count};
use annals_state::schema::read_as;
use annals_state::table::ChunkEntry;
use arrow_array::RecordBatch;
use arrow_array::builder::BooleanBufferBuilder;
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, SchemaRef};

use crate::error::ReadError;
use crate::snapshot::{ColumnSummary, Table};

/// The chunks of a table in one version, in the order in which they were written.
///
/// Holds the table, and with it the version, as long as it is kept. Chunks are addressed by their
/// place in it, columns by their place in [`schema`](Self::schema).
#[derive(Clone, Debug)]
pub struct TableChunks {
    /// Let go of before the table is, which keeps them.
    entries: Box<[ChunkEntry]>,
    table: Table,
}

impl Table {
    /// The chunks of the table. O(chunks), no row is read.
    ///
    /// In a transaction, the rows that match `predicate` count as read, or all if there is none;
    /// it selects nothing otherwise.
    ///
    /// # Errors
    ///
    /// [`ReadError::View`] if it is a view; [`ReadError::Predicate`] if the predicate does not go
    /// with the table.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// let chunks = store.table("t")?.chunks(None)?;
    /// assert_eq!((chunks.len(), chunks.live_rows(0)), (1, 3));
    /// assert_eq!(chunks.batch(0, Some(&[0]))?.num_rows(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunks(&self, predicate: Option<&Predicate>) -> Result<TableChunks, ReadError> {
        let state = self.state();
        if state.is_view() {
            return Err(ReadError::View { table: self.name().clone() });
        }
        let bound = predicate.map(|predicate| predicate.bind(state.arrow_schema())).transpose();
        bound.map_err(|source| ReadError::Predicate {
            table: self.name().clone(),
            source: Box::new(source),
        })?;
        self.note_read(predicate);
        let entries = state.chunks().map(|(_, entry)| entry.clone()).collect();
        Ok(TableChunks { entries, table: self.clone() })
    }
}

impl TableChunks {
    /// The columns of the table.
    pub fn schema(&self) -> &SchemaRef {
        self.table.state().arrow_schema()
    }

    /// How many chunks there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many rows a chunk has, deleted ones included: what [`batch`](Self::batch) gives.
    pub fn rows(&self, chunk: usize) -> usize {
        self.entries[chunk].chunk().rows()
    }

    /// How many rows of a chunk are still part of the table.
    pub fn live_rows(&self, chunk: usize) -> u64 {
        self.entries[chunk].live_rows()
    }

    /// The logical size of a chunk in bytes, deleted rows included.
    pub fn bytes(&self, chunk: usize) -> u64 {
        self.entries[chunk].chunk().bytes()
    }

    /// Which rows of a chunk are still part of the table; none if all are. O(rows).
    pub fn live(&self, chunk: usize) -> Option<BooleanBuffer> {
        let entry = &self.entries[chunk];
        entry.deletions().map(|deleted| {
            let mut live = BooleanBufferBuilder::new(entry.chunk().rows());
            live.append_n(entry.chunk().rows(), true);
            for row in deleted.rows() {
                live.set_bit(row as usize, false);
            }
            live.finish()
        })
    }

    /// The nulls and the extremes of a column of a chunk. Where rows of it were deleted it only
    /// bounds from outside. Whoever is first to ask this of any version that has the chunk looks
    /// through the column; from then on it costs nothing.
    pub fn summary(&self, chunk: usize, column: usize) -> ColumnSummary {
        let found = bounds(self.table.state(), &self.entries[chunk], column);
        let (null_count, exact) = (found.null_count, found.exact);
        ColumnSummary { null_count, min: found.min, max: found.max, exact }
    }

    /// How many values of a column of a chunk are null, and whether that is exact, as
    /// [`summary`](Self::summary) tells it. Of most types that is known without looking.
    pub fn null_count(&self, chunk: usize, column: usize) -> (u64, bool) {
        null_count(self.table.state(), &self.entries[chunk], column)
    }

    /// The rows of a chunk, deleted ones included, under the columns of the table; with a
    /// projection only these, in that order. Shares memory with the version; a copy is made only
    /// of columns that were widened since the chunk was written.
    ///
    /// # Errors
    ///
    /// [`ReadError::Rows`] if `columns` has a place that the table has not.
    pub fn batch(&self, chunk: usize, columns: Option<&[usize]>) -> Result<RecordBatch, ReadError> {
        let failed = |source| ReadError::Rows { table: self.table.name().clone(), source };
        let state = self.table.state();
        let entry = &self.entries[chunk];
        let (written, wanted) = (state.layout(entry), state.schema());
        let batch = entry.chunk().batch();
        if !Arc::ptr_eq(written, wanted) {
            let read = read_as(batch, written, wanted, columns);
            return read.map_err(|error| failed(ArrowError::ExternalError(Box::new(error))));
        }
        match columns {
            None => Ok(batch.clone()),
            Some(columns) => batch.project(columns).map_err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use annals_state::predicate::col;
    use arrow_array::record_batch;

    use crate::error::ReadError;
    use crate::{NewView, SaveMode, Store};

    fn store() -> Store {
        let store = Store::in_memory();
        for n in [vec![1, 2, 3], vec![4, 5, 6]] {
            let rows = record_batch!(("n", Int64, n)).unwrap();
            store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
        }
        store
    }

    #[test]
    fn chunks_keep_deleted_rows_and_tell_which_they_are() {
        let store = store();
        store.delete("t", col("n").eq(2)).unwrap();
        let chunks = store.table("t").unwrap().chunks(None).unwrap();
        assert_eq!((chunks.len(), chunks.rows(0), chunks.live_rows(0)), (2, 3, 2));
        assert_eq!(chunks.batch(0, None).unwrap().num_rows(), 3);
        let live: Vec<bool> = chunks.live(0).unwrap().iter().collect();
        assert_eq!(live, [true, false, true]);
        assert!(chunks.live(1).is_none());
        assert!(!chunks.summary(0, 0).exact && chunks.summary(1, 0).exact);
    }

    #[test]
    fn what_does_not_go_with_the_table_is_refused() {
        let store = store();
        store.create_view("v", NewView::new("SELECT 1")).unwrap();
        let view = store.table("v").unwrap().chunks(None);
        assert!(matches!(view, Err(ReadError::View { .. })));
        let table = store.table("t").unwrap();
        let other = table.chunks(Some(&col("m").eq(1)));
        assert!(matches!(other, Err(ReadError::Predicate { .. })));
        let none = table.chunks(None).unwrap().batch(0, Some(&[7]));
        assert!(matches!(none, Err(ReadError::Rows { .. })));
    }

    #[test]
    fn states_and_versions_lead_to_the_same_table_under_other_names() {
        let store = store();
        let before = store.snapshot();
        let old = store.table("t").unwrap();
        store.rename_table("t", "u").unwrap();
        let now = store.table("u").unwrap();
        assert_eq!(before.same_table(&now).unwrap().name().table_str(), "t");
        assert_eq!(store.snapshot().same_table(&old).unwrap().name().table_str(), "u");
        assert_eq!(store.state_of(&now, 0).unwrap().row_count(), 3);
        assert_eq!(store.state_of(&old, 1).unwrap().row_count(), 6);
        assert!(store.state_of(&old, 2).is_err(), "it had no such state by then");
        store.drop_table("u").unwrap();
        assert!(store.snapshot().same_table(&now).is_none());
        assert_eq!(store.state_of(&now, 0).unwrap().row_count(), 3);
    }
}
