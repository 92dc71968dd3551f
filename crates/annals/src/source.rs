//! Where rows to write come from: batches in memory, an iterator, or any `RecordBatchReader`.

use std::fmt;
use std::sync::Arc;

use annals_state::Chunk;
use annals_state::chunk::let_go;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{Schema, SchemaRef};

use crate::error::{BoxError, WriteError};
use crate::gather::{Cut, Gathered};
use crate::snapshot::shorten;

/// Rows to write, of one schema.
///
/// Batches that are in memory already stay shared with their owner. A stream is read once, to its
/// end, before the write takes effect; an error or panic in it leaves the store as it was.
pub struct Source<'a> {
    schema: Option<SchemaRef>,
    rows: Rows<'a>,
}

enum Rows<'a> {
    Resident(Vec<RecordBatch>),
    Stream(Box<dyn Iterator<Item = Result<RecordBatch, BoxError>> + 'a>),
    /// Chunks already, cut in this way.
    Gathered(Cut, std::vec::IntoIter<Arc<Chunk>>),
}

impl<'a> Source<'a> {
    /// Batches of a known schema; there may be none.
    pub fn new(schema: SchemaRef, batches: impl IntoIterator<Item = RecordBatch>) -> Self {
        Self { schema: Some(schema), rows: Rows::Resident(batches.into_iter().collect()) }
    }

    /// A stream of batches of a known schema, each of which may be an error.
    pub fn stream<E: Into<BoxError> + 'a>(
        schema: SchemaRef,
        batches: impl IntoIterator<Item = Result<RecordBatch, E>> + 'a,
    ) -> Self {
        let batches = batches.into_iter().map(|batch| batch.map_err(Into::into));
        Self { schema: Some(schema), rows: Rows::Stream(Box::new(batches)) }
    }

    /// Any reader of batches: of Parquet, CSV, IPC, a C stream, another table's scan, ….
    pub fn reader(reader: impl RecordBatchReader + 'a) -> Self {
        Self::stream(reader.schema(), reader)
    }

    /// The schema, and the batches, checked to be of it one by one.
    pub(crate) fn open(self) -> Result<Open<'a>, WriteError> {
        let schema = match (&self.schema, &self.rows) {
            (Some(schema), _) => Arc::clone(schema),
            (None, Rows::Resident(batches)) => {
                batches.first().ok_or(WriteError::NoSchema)?.schema()
            }
            (None, Rows::Stream(_) | Rows::Gathered(..)) => return Err(WriteError::NoSchema),
        };
        Ok(Open { schema, rows: self.rows, batches: 0 })
    }
}

/// A source of which the schema is known.
pub(crate) struct Open<'a> {
    pub(crate) schema: SchemaRef,
    rows: Rows<'a>,
    batches: usize,
}

/// The rows are in the store when a save lets go of them, or are not to be there. By then others may
/// have replaced them, so that this is the last to have them; and a commit that took place is not
/// to end with the panic of a buffer.
impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Rows::Resident(batches) = &mut self.rows {
            std::mem::take(batches).into_iter().for_each(let_go);
        }
    }
}

impl Open<'_> {
    /// The batches, if they are in memory already: to be gone through more than once.
    pub(crate) fn resident(&self) -> Result<Option<&[RecordBatch]>, WriteError> {
        let Rows::Resident(batches) = &self.rows else { return Ok(None) };
        for (index, batch) in batches.iter().enumerate() {
            check_schema(&self.schema, batch, index)?;
        }
        Ok(Some(batches))
    }

    /// The chunks that rows were gathered in, and how they were cut; only once.
    pub(crate) fn take_gathered(&mut self) -> Option<(Cut, std::vec::IntoIter<Arc<Chunk>>)> {
        let Rows::Gathered(..) = &self.rows else { return None };
        match std::mem::replace(&mut self.rows, Rows::Stream(Box::new(std::iter::empty()))) {
            Rows::Gathered(cut, chunks) => Some((cut, chunks)),
            Rows::Resident(_) | Rows::Stream(_) => None,
        }
    }

    /// The next batch of what is not in memory as batches already.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, WriteError> {
        let stream = match &mut self.rows {
            Rows::Resident(_) => return Ok(None),
            Rows::Gathered(_, chunks) => {
                return Ok(chunks.next().map(|chunk| chunk.batch().clone()));
            }
            Rows::Stream(stream) => stream,
        };
        let Some(batch) = stream.next() else { return Ok(None) };
        let batches = self.batches;
        let batch = batch.map_err(|source| WriteError::Source { batches, source })?;
        check_schema(&self.schema, &batch, batches)?;
        self.batches += 1;
        Ok(Some(batch))
    }
}

/// Names and types must agree. Nullability and metadata may differ: readers disagree on them.
pub(crate) fn check_schema(
    announced: &SchemaRef,
    batch: &RecordBatch,
    index: usize,
) -> Result<(), WriteError> {
    let found = batch.schema_ref();
    let same = Arc::ptr_eq(announced, found)
        || announced.fields().len() == found.fields().len()
            && announced.fields().iter().zip(found.fields()).all(|(a, b)| {
                a.name() == b.name()
                    && (a.data_type() == b.data_type()
                        || a.data_type().equals_datatype(b.data_type()))
            });
    if same { Ok(()) } else { Err(refuse_batch(announced, batch, index)) }
}

pub(crate) fn refuse_batch(announced: &Schema, batch: &RecordBatch, index: usize) -> WriteError {
    let (expected, found) = (describe(announced), describe(batch.schema_ref()));
    WriteError::BatchSchema { index, expected, found }
}

fn describe(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    shorten(&columns.collect::<Vec<_>>().join(", "))
}

impl From<RecordBatch> for Source<'_> {
    fn from(batch: RecordBatch) -> Self {
        Self { schema: Some(batch.schema()), rows: Rows::Resident(vec![batch]) }
    }
}

impl From<&RecordBatch> for Source<'_> {
    fn from(batch: &RecordBatch) -> Self {
        batch.clone().into()
    }
}

impl From<Vec<RecordBatch>> for Source<'_> {
    fn from(batches: Vec<RecordBatch>) -> Self {
        Self { schema: None, rows: Rows::Resident(batches) }
    }
}

impl From<&[RecordBatch]> for Source<'_> {
    fn from(batches: &[RecordBatch]) -> Self {
        batches.to_vec().into()
    }
}

impl<const N: usize> From<[RecordBatch; N]> for Source<'_> {
    fn from(batches: [RecordBatch; N]) -> Self {
        Vec::from(batches).into()
    }
}

impl From<Gathered> for Source<'_> {
    fn from(rows: Gathered) -> Self {
        let Gathered { schema, cut, chunks } = rows;
        Self { schema: Some(schema), rows: Rows::Gathered(cut, chunks.into_iter()) }
    }
}

impl From<&Gathered> for Source<'_> {
    fn from(rows: &Gathered) -> Self {
        rows.clone().into()
    }
}

impl<'a> From<Box<dyn RecordBatchReader + 'a>> for Source<'a> {
    fn from(reader: Box<dyn RecordBatchReader + 'a>) -> Self {
        Self::stream(reader.schema(), reader)
    }
}

impl<'a> From<Box<dyn RecordBatchReader + Send + 'a>> for Source<'a> {
    fn from(reader: Box<dyn RecordBatchReader + Send + 'a>) -> Self {
        Self::stream(reader.schema(), reader)
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = match &self.rows {
            Rows::Resident(batches) => format!("{} batches", batches.len()),
            Rows::Stream(_) => "a stream".to_owned(),
            Rows::Gathered(_, chunks) => format!("{} chunks", chunks.len()),
        };
        f.debug_struct("Source").field("schema", &self.schema).field("rows", &rows).finish()
    }
}
