//! Which rows differ between two states of one table.
//!
//! First by identity: a row has an id for life, and a version that last gave it values. An id that
//! is live on both sides with the same version is the same row, wherever its chunk lies now; with
//! another version it was updated; on one side only it was deleted or inserted. That is what the
//! commits in between did, and it reads no row. Then, if asked, by value: rows of other ids that
//! hold the same are one row, and rows under the same key are one row before and after.
//!
//! Chunks that both states share are skipped, and of a chunk that differs only in its deletions
//! only the rows count that came or went: the cost is in proportion to what differs.
//!
//! **Invariant:** no row is in two of *deleted*, *inserted* and *updated*; before plus these is after.

mod gather;
mod identity;
mod show;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use roaring::RoaringBitmap;

use self::gather::relaxed;
use crate::schema::{ColumnId, TableSchema};
use crate::table::{ChunkEntry, Origin, TableState};

/// How many rows of updates are read at a time.
const UPDATES_AT_A_TIME: usize = 65_536;

/// Which rows differ between two states of one table.
///
/// Rows are named, not copied: they are read when they are asked for. Holds the chunks that differ.
#[derive(Clone, Debug)]
pub struct RowDiff {
    /// The rows that are deleted.
    before: Side,
    /// The rows that are inserted.
    after: Side,
    /// Rows that were given other values.
    updated: Vec<(Place, Place)>,
}

/// Where a row is: which chunk of its side, and which row of the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    chunk: u32,
    index: u32,
}

/// The chunks of one state that differ, and rows of them.
#[derive(Clone, Debug, Default)]
struct Side {
    chunks: Vec<Picked>,
    state: Option<Arc<TableState>>,
}

/// A chunk and rows of it.
#[derive(Clone, Debug)]
struct Picked {
    entry: ChunkEntry,
    /// By index; none of them was deleted.
    rows: RoaringBitmap,
}

/// How many rows differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that were there and are not any more.
    pub deleted: u64,
    /// Rows that are there before and after, with other values.
    pub updated: u64,
    /// Rows that were not there before.
    pub inserted: u64,
}

/// Rows, and who they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RowsWithOrigins {
    /// The rows.
    pub rows: RecordBatch,
    /// The origin of each, in the same order.
    pub origins: Vec<Origin>,
}

/// Rows before and after an update, one for one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpdatedRows {
    /// As they were.
    pub before: RowsWithOrigins,
    /// As they are. The ids are those from before unless the rows were matched by key.
    pub after: RowsWithOrigins,
}

/// Under which columns rows are read.
#[derive(Clone, Copy, Debug)]
pub enum Under<'a> {
    /// Those of the state that the rows are of.
    Own,
    /// These, by id, whatever the rows were written under. All of them may be null then.
    Relaxed(&'a TableSchema),
}

impl RowDiff {
    /// What the commits between two states did to rows, by identity. Either may be absent, and
    /// then has no rows.
    ///
    /// Both must be states of one table of one store. A store and its fork number rows alike after
    /// they parted, so between them only the rows of one may have changed since.
    ///
    /// O(d · log d) for d runs of rows with ids that follow each other, in chunks that are not
    /// shared; no row is read. Memory: a bit for each of these rows, 16 bytes for one updated.
    pub fn between(before: Option<&Arc<TableState>>, after: Option<&Arc<TableState>>) -> Self {
        identity::between(before, after)
    }

    /// The same by value: a deleted and an inserted row that hold the same cancel each other, one
    /// for one (as multisets), and an update that gave a row the values that it had is none.
    ///
    /// Values are compared under the later state's columns, matched by id; if the earlier one's
    /// rows cannot all be read so, nothing is compared. Nulls equal each other here, and floats
    /// are the same if their bits are. Reads the rows that differ; memory in proportion to the
    /// deleted and inserted ones.
    ///
    /// # Errors
    ///
    /// [`ArrowError`] if Arrow cannot read or compare the rows: none is known.
    pub fn by_value(mut self) -> Result<Self, ArrowError> {
        values::cancel(&mut self)?;
        Ok(self)
    }

    /// The same by value, and then by key: of the deleted and inserted rows that are left, those
    /// that have the same values in the columns of `key` are updates.
    ///
    /// Where a key occurs more often, its rows are matched in the order of a scan, and those that
    /// are left over stay deleted or inserted. Nulls equal each other. If the earlier state lacks
    /// one of the columns, by id, or its type goes not into the later one, no row is matched.
    ///
    /// # Errors
    ///
    /// As for [`by_value`](Self::by_value).
    pub fn by_key(self, key: &[ColumnId]) -> Result<Self, ArrowError> {
        let mut diff = self.by_value()?;
        values::pair(&mut diff, key)?;
        Ok(diff)
    }

    /// Whether no row differs.
    pub fn is_empty(&self) -> bool {
        self.counts() == RowCounts::default()
    }

    /// How many rows differ. O(chunks that differ).
    pub fn counts(&self) -> RowCounts {
        RowCounts {
            deleted: self.before.count(),
            updated: self.updated.len() as u64,
            inserted: self.after.count(),
        }
    }

    /// The rows that were there and are not any more, a batch for each chunk, in the order of a
    /// scan. Each is read when it is asked for; one that went whole is shared, not copied.
    ///
    /// # Errors
    ///
    /// Of an item: [`ArrowError`] if the rows cannot be read [`Under`] those columns.
    pub fn deleted<'a>(&'a self, under: Under<'a>) -> impl Iterator<Item = ReadRows> + 'a {
        self.before.read_all(under)
    }

    /// The rows that were not there before, likewise.
    ///
    /// # Errors
    ///
    /// As for [`deleted`](Self::deleted).
    pub fn inserted<'a>(&'a self, under: Under<'a>) -> impl Iterator<Item = ReadRows> + 'a {
        self.after.read_all(under)
    }

    /// The rows that have other values, at most 65,536 at a time: in the order of their ids, and
    /// after them those that were matched by key.
    ///
    /// # Errors
    ///
    /// As for [`deleted`](Self::deleted).
    pub fn updated<'a>(
        &'a self,
        under: Under<'a>,
    ) -> impl Iterator<Item = Result<UpdatedRows, ArrowError>> + 'a {
        self.updated.chunks(UPDATES_AT_A_TIME).map(move |pairs| {
            let (before, after): (Vec<Place>, Vec<Place>) = pairs.iter().copied().unzip();
            let before = self.before.gather(&before, under)?;
            Ok(UpdatedRows { before, after: self.after.gather(&after, under)? })
        })
    }

    /// The columns that both sides are shown under: the later state's, or the earlier one's if
    /// there is no later one.
    pub fn schema(&self) -> Option<&Arc<TableSchema>> {
        self.after.schema().or(self.before.schema())
    }
}

/// A batch of rows as it is read.
pub type ReadRows = Result<RowsWithOrigins, ArrowError>;

/// The columns of `schema`, each of which may be null: what rows of any state of the table are
/// shown under by [`Under::Relaxed`].
pub fn relaxed_schema(schema: &TableSchema) -> TableSchema {
    relaxed(schema)
}

impl Side {
    fn count(&self) -> u64 {
        self.chunks.iter().map(|picked| picked.rows.len()).sum()
    }

    fn schema(&self) -> Option<&Arc<TableSchema>> {
        self.state.as_ref().map(|state| state.schema())
    }

    /// The picked rows, in the order of a scan.
    fn places(&self) -> impl Iterator<Item = Place> {
        self.chunks
            .iter()
            .zip(0..)
            .flat_map(|(picked, chunk)| picked.rows.iter().map(move |index| Place { chunk, index }))
    }

    fn take_out(&mut self, place: Place) {
        self.chunks[place.chunk as usize].rows.remove(place.index);
    }
}
