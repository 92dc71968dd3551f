//! Named rows, read: under their own columns or under others.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

use super::{Picked, Place, ReadRows, RowsWithOrigins, Side, Under};
use crate::chunk::pick_rows;
use crate::schema::{Column, TableSchema, read_as};
use crate::table::{ChunkEntry, TableState};

/// The columns of `schema`, each of which may be null.
pub(super) fn relaxed(schema: &TableSchema) -> TableSchema {
    let column = |column: &Column| {
        let field = column.field().as_ref().clone().with_nullable(true);
        Column::new(column.id(), field)
    };
    let columns = schema.columns().iter().map(column).collect();
    let relaxed = TableSchema::new(columns).expect("names and ids are as they were");
    relaxed.with_metadata(schema.arrow().metadata().clone())
}

impl Side {
    fn the_state(&self) -> &Arc<TableState> {
        self.state.as_ref().expect("a side without a state has no rows")
    }

    /// The columns that rows are read under.
    fn wanted<'a>(&'a self, under: Under<'a>) -> &'a TableSchema {
        match under {
            Under::Own => self.the_state().schema(),
            Under::Relaxed(schema) => schema,
        }
    }

    /// The picked rows, chunk by chunk.
    pub(super) fn read_all<'a>(&'a self, under: Under<'a>) -> impl Iterator<Item = ReadRows> + 'a {
        let some = self.chunks.iter().filter(|picked| !picked.rows.is_empty());
        some.map(move |picked| self.read(picked, under))
    }

    fn read(&self, picked: &Picked, under: Under<'_>) -> ReadRows {
        let Picked { entry, rows } = picked;
        let batch = entry.chunk().batch();
        let taken = if rows.len() == batch.num_rows() as u64 {
            batch.clone()
        } else {
            pick_rows(batch, &UInt32Array::from_iter_values(rows))?
        };
        let rows = self.seen(&taken, entry, under)?;
        Ok(RowsWithOrigins {
            rows,
            origins: picked.rows.iter().map(|at| entry.origin(at)).collect(),
        })
    }

    /// Rows at these places, in this order.
    pub(super) fn gather(&self, places: &[Place], under: Under<'_>) -> ReadRows {
        let mut by_chunk: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, place) in places.iter().enumerate() {
            by_chunk.entry(place.chunk).or_default().push(at);
        }
        let (mut batches, mut order) = (Vec::with_capacity(by_chunk.len()), vec![0; places.len()]);
        let mut next = 0;
        for (chunk, wanted) in by_chunk {
            let entry = &self.chunks[chunk as usize].entry;
            let indices = UInt32Array::from_iter_values(wanted.iter().map(|at| places[*at].index));
            let taken = pick_rows(entry.chunk().batch(), &indices)?;
            batches.push(self.seen(&taken, entry, under)?);
            for at in wanted {
                order[at] = next;
                next += 1;
            }
        }
        let origin = |place: &Place| self.chunks[place.chunk as usize].entry.origin(place.index);
        let origins = places.iter().map(origin).collect();
        let rows = match &batches[..] {
            [] => RecordBatch::new_empty(Arc::clone(self.wanted(under).arrow())),
            [one] => one.clone(),
            [first, ..] if first.num_columns() == 0 => {
                let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
                RecordBatch::try_new_with_options(first.schema(), Vec::new(), &options)?
            }
            [first, ..] => {
                let all = concat_batches(&first.schema(), &batches)?;
                pick_rows(&all, &UInt32Array::from(order))?
            }
        };
        Ok(RowsWithOrigins { rows, origins })
    }

    /// Rows of a chunk as the table shows them in this state, and that under other columns: a
    /// column that the table has dropped since a chunk was written does not come back.
    fn seen(
        &self,
        rows: &RecordBatch,
        entry: &ChunkEntry,
        under: Under<'_>,
    ) -> Result<RecordBatch, ArrowError> {
        let state = self.the_state();
        let (written, own) = (state.layout(entry), state.schema());
        let external = |error| ArrowError::ExternalError(Box::new(error));
        let shown = match Arc::ptr_eq(written, own) {
            true => rows.clone(),
            false => read_as(rows, written, own, None).map_err(external)?,
        };
        match under {
            Under::Own => Ok(shown),
            Under::Relaxed(wanted) => read_as(&shown, own, wanted, None).map_err(external),
        }
    }
}
