//! One state of one table: its schema, its chunks, and what is kept about it.
//!
//! A [`TableVersion`] is two values: the [`TableState`], which is everything that a reader of the
//! table can see, and around it the numbers that belong to the table's *life* (its ordinal, its
//! high-water marks, which version last made which kind of change). A restore puts an old state
//! into a new version, so it diffs as "nothing" while the numbers still go forward.
//!
//! **Rule:** ordinals, row ids, sequences and column ids belong to a table's id and never go
//! back: not on overwrite, rename or restore, nor when the table is dropped and comes back.

mod chunks;
mod lineage;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use im::OrdMap;
use roaring::RoaringBitmap;

pub use self::chunks::{ChunkDifference, Chunks};
pub use self::lineage::{Lineage, Origin, RowIds};
use crate::chunk::Chunk;
use crate::name::TableName;
use crate::schema::{ColumnId, TableSchema};
use crate::version::VersionId;

/// The identity of a table: kept through rename, overwrite and restore; new after drop and create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u64);

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Text to text, ordered by key: properties of a table or a database.
pub type Properties = OrdMap<Arc<str>, Arc<str>>;

/// One state of one table, and its place in the table's life.
#[derive(Clone, Debug)]
pub struct TableVersion {
    pub(crate) id: TableId,
    pub(crate) name: TableName,
    pub(crate) ordinal: u64,
    pub(crate) since: VersionId,
    pub(crate) created: VersionId,
    pub(crate) state: Arc<TableState>,
    pub(crate) marks: HighWater,
    pub(crate) stamps: Stamps,
    pub(crate) lives: Arc<[Life]>,
}

/// What a reader of a table can see. Shared by every table version that shows the same.
#[derive(Clone, Debug)]
pub struct TableState {
    pub(crate) kind: TableKind,
    pub(crate) schema: Arc<TableSchema>,
    /// Every schema that a chunk of this state was written under; entries point here.
    pub(crate) layouts: Arc<[Arc<TableSchema>]>,
    pub(crate) chunks: Chunks,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) details: Arc<Details>,
}

/// What is known of a table beside its rows and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// What the table is for, in its owner's words.
    pub comment: Option<Arc<str>>,
    /// The owner's key/value pairs.
    pub properties: Properties,
    /// The columns that rows are divided by, in order: every chunk holds one combination of values.
    pub partition_by: Arc<[ColumnId]>,
}

/// What a name in the catalog stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// A table whose rows belong to the store.
    #[default]
    Managed,
    /// A table that was declared with a location of its own. Recorded, not acted upon.
    External {
        /// The location as it was given.
        location: Arc<str>,
    },
    /// A stored query. Its text is opaque here; it has a schema only if one was given.
    View {
        /// The text of the query.
        text: Arc<str>,
    },
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Managed => "managed",
            Self::External { .. } => "external",
            Self::View { .. } => "view",
        })
    }
}

/// A chunk's place in a table: everything about it that is decided at commit, never before.
#[derive(Clone, Debug)]
pub struct ChunkEntry {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) ids: RowIds,
    pub(crate) birth: VersionId,
    pub(crate) layout: u32,
    pub(crate) deleted: Option<Arc<Deletions>>,
}

/// The rows of a chunk that are no longer part of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletions {
    pub(crate) rows: RoaringBitmap,
    pub(crate) changed: VersionId,
}

/// The next free numbers of a table. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HighWater {
    /// The id that the next new column gets.
    pub next_column: ColumnId,
    /// The key that the next chunk gets in the order of writing.
    pub next_sequence: u64,
    /// The id that the next row gets.
    pub next_row: u64,
}

impl HighWater {
    /// The larger of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            next_column: self.next_column.max(other.next_column),
            next_sequence: self.next_sequence.max(other.next_sequence),
            next_row: self.next_row.max(other.next_row),
        }
    }
}

/// For each kind of change, the version that last made it; [`VersionId::ZERO`] if none did.
///
/// This is what lets the conflict check cost what the writes cost, however many commits lie
/// between, and need no history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// Rows were added.
    pub append: VersionId,
    /// Rows were deleted or changed in place: delete, update, merge, overwrite of a part.
    pub rows: VersionId,
    /// All rows were replaced.
    pub overwrite: VersionId,
    /// Chunks were rewritten without a change of data.
    pub compact: VersionId,
    /// Columns were added.
    pub add_column: VersionId,
    /// The schema changed in another way, or the table was renamed.
    pub schema: VersionId,
    /// Properties or the comment changed.
    pub property: VersionId,
    /// An older state was put back.
    pub restore: VersionId,
}

/// A span of versions in which the table was present under one name without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The name it had.
    pub name: TableName,
    /// The first version of the span.
    pub from: VersionId,
    /// The table's ordinal in that version.
    pub from_ordinal: u64,
    /// The first version that no longer belongs to the span; none if it goes on.
    pub until: Option<VersionId>,
}

impl PartialEq for TableVersion {
    /// By identity: content is never compared.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.ordinal == other.ordinal
            && Arc::ptr_eq(&self.state, &other.state)
    }
}

impl TableVersion {
    /// The table's identity.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// The name, as it was written when the table got it.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// Which state of this table it is: 0 when it was created, one more for each commit to it.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The version of the store that made this state.
    pub fn since(&self) -> VersionId {
        self.since
    }

    /// The version of the store that created the table.
    pub fn created(&self) -> VersionId {
        self.created
    }

    /// What a reader can see.
    #[inline]
    pub fn state(&self) -> &Arc<TableState> {
        &self.state
    }

    /// The next free numbers.
    pub fn high_water(&self) -> HighWater {
        self.marks
    }

    /// Which version last made which kind of change.
    pub fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// The spans in which the table was there, oldest first; the last one goes on. Spans that no
    /// retained version lies in may be missing.
    pub fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// Whether `other` has another name, or the same one written in another case.
    pub(crate) fn is_renamed(&self, other: &Self) -> bool {
        self.name != other.name || self.name.table_str() != other.name.table_str()
    }
}

impl TableState {
    /// A table without rows.
    pub(crate) fn empty(kind: TableKind, schema: Arc<TableSchema>, details: Arc<Details>) -> Self {
        Self {
            kind,
            layouts: Arc::from([Arc::clone(&schema)]),
            schema,
            chunks: Chunks::new(),
            rows: 0,
            bytes: 0,
            details,
        }
    }

    /// What the name stands for.
    pub fn kind(&self) -> &TableKind {
        &self.kind
    }

    /// Whether this is a view, which has no rows of its own.
    pub fn is_view(&self) -> bool {
        matches!(self.kind, TableKind::View { .. })
    }

    /// The columns, with their stable ids.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// The columns as Arrow sees them.
    pub fn arrow_schema(&self) -> &SchemaRef {
        self.schema.arrow()
    }

    /// How many rows a scan returns. Exact, O(1).
    #[inline]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The logical size of the table's chunks in bytes, deleted rows included. O(1).
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many chunks there are.
    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// The chunks in the order in which they were written, by sequence.
    pub fn chunks(&self) -> impl DoubleEndedIterator<Item = (u64, &ChunkEntry)> {
        self.chunks.iter()
    }

    /// The chunks themselves, persistent: cloning is O(1).
    pub fn chunk_map(&self) -> &Chunks {
        &self.chunks
    }

    /// The schema that the rows of `entry` were written under.
    pub fn layout(&self, entry: &ChunkEntry) -> &Arc<TableSchema> {
        &self.layouts[entry.layout as usize]
    }

    /// Comment, properties and partitioning.
    pub fn details(&self) -> &Arc<Details> {
        &self.details
    }

    /// The names of the partition columns, in order.
    pub fn partition_columns(&self) -> Vec<&str> {
        let columns = self.schema.columns();
        let by = self.details.partition_by.iter();
        by.filter_map(|id| Some(columns[self.schema.index_of_id(*id)?].name())).collect()
    }

    /// The index in `layouts` of `schema`, which is added if it is not there yet.
    pub(crate) fn layout_of(&mut self, schema: &Arc<TableSchema>) -> u32 {
        let known = self.layouts.iter().position(|known| Arc::ptr_eq(known, schema));
        let index = known.unwrap_or_else(|| {
            self.layouts = self.layouts.iter().chain([schema]).cloned().collect();
            self.layouts.len() - 1
        });
        u32::try_from(index).expect("a schema change a commit never makes 2^32 layouts")
    }
}

impl ChunkEntry {
    /// The rows.
    pub fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    /// The ids of the rows.
    pub fn ids(&self) -> &RowIds {
        &self.ids
    }

    /// The version that brought the chunk. Its rows may be older: see [`origin`](Self::origin).
    pub fn birth(&self) -> VersionId {
        self.birth
    }

    /// Who the row at an index is, and which commits are behind it. The index is one of the
    /// chunk's, deleted rows included. O(log spans).
    pub fn origin(&self, index: u32) -> Origin {
        match &self.ids {
            RowIds::From(first) => self.first_origin(*first, u64::from(index)),
            RowIds::Kept(lineage) => lineage.origin(index),
        }
    }

    /// The newest version that gave a row of the chunk its values. It may have been deleted since.
    pub fn newest_change(&self) -> VersionId {
        match &self.ids {
            RowIds::From(_) => self.birth,
            RowIds::Kept(lineage) => lineage.newest(),
        }
    }

    /// Runs of rows whose ids follow each other, deleted rows included: their places in the chunk,
    /// and the origin of the first.
    pub fn spans(&self) -> impl Iterator<Item = (Range<u32>, Origin)> {
        let (whole, kept) = match &self.ids {
            RowIds::From(first) => {
                let rows = u32::try_from(self.chunk.rows()).unwrap_or(u32::MAX);
                (Some((0..rows, self.first_origin(*first, 0))), None)
            }
            RowIds::Kept(lineage) => (None, Some(lineage.spans())),
        };
        whole.into_iter().chain(kept.into_iter().flatten())
    }

    fn first_origin(&self, first: u64, step: u64) -> Origin {
        Origin { row: first + step, born: self.birth, changed: self.birth }
    }

    /// The rows that are no longer there, if any.
    pub fn deletions(&self) -> Option<&Deletions> {
        self.deleted.as_deref()
    }

    /// How many rows are still there.
    pub fn live_rows(&self) -> u64 {
        self.chunk.rows() as u64 - self.deleted.as_ref().map_or(0, |deleted| deleted.rows.len())
    }

    /// The rows that are still there, by index. O(runs of deleted rows).
    pub fn live(&self) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        rows.insert_range(0..u32::try_from(self.chunk.rows()).unwrap_or(u32::MAX));
        match &self.deleted {
            Some(deleted) => rows - &deleted.rows,
            None => rows,
        }
    }

    /// How many rows came and how many went from here to another state of the same chunk.
    pub(crate) fn rows_moved_to(&self, after: &Self) -> (u64, u64) {
        let none = RoaringBitmap::new();
        let before = self.deletions().map_or(&none, Deletions::rows);
        let after = after.deletions().map_or(&none, Deletions::rows);
        (before.difference_len(after), after.difference_len(before))
    }

    /// Whether both are the same rows, by identity: never by comparing them.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunk, &other.chunk)
            && match (&self.deleted, &other.deleted) {
                (None, None) => true,
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            }
    }
}

impl PartialEq for ChunkEntry {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

impl Deletions {
    /// The deleted rows, as indices into the chunk.
    pub fn rows(&self) -> &RoaringBitmap {
        &self.rows
    }

    /// The version that last deleted from the chunk.
    pub fn changed(&self) -> VersionId {
        self.changed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A table of no columns under a name, told apart by its ordinal.
    pub(crate) fn table_named(name: &TableName, ordinal: u64) -> Arc<TableVersion> {
        let schema = Arc::new(TableSchema::new(Vec::new()).unwrap());
        let state = TableState::empty(TableKind::Managed, schema, Arc::default());
        Arc::new(TableVersion {
            id: TableId(0),
            name: name.clone(),
            ordinal,
            since: VersionId(ordinal),
            created: VersionId::ZERO,
            state: Arc::new(state),
            marks: HighWater::default(),
            stamps: Stamps::default(),
            lives: Arc::default(),
        })
    }
}
