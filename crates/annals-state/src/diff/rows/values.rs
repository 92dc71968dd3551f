//! Rows matched by what they hold.
//!
//! Rows are compared as bytes, in Arrow's row format: the same bytes are the same values. They are
//! kept of the deleted rows, in one buffer; the inserted ones are gone through chunk by chunk.

use std::collections::HashMap;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::ArrowError;

use super::{Place, RowDiff, Side, UPDATES_AT_A_TIME, Under};
use crate::schema::{ColumnId, TableSchema, is_readable_as};

/// Marks the end of a list of rows that hold the same.
const NONE: u32 = u32::MAX;

/// Takes out what is there before and after with the same values.
pub(super) fn cancel(diff: &mut RowDiff) -> Result<(), ArrowError> {
    let (Some(old), Some(new)) = (diff.before.schema(), diff.after.schema()) else { return Ok(()) };
    let wanted = super::relaxed(new);
    if !is_readable_as(old, &wanted) {
        return Ok(());
    }
    let all: Vec<usize> = (0..wanted.len()).collect();
    let Some(encoder) = Encoder::new(&wanted, all)? else { return Ok(()) };
    let mut changed = Vec::with_capacity(diff.updated.len());
    for pairs in diff.updated.chunks(UPDATES_AT_A_TIME) {
        let (before, after): (Vec<Place>, Vec<Place>) = pairs.iter().copied().unzip();
        let under = Under::Relaxed(&wanted);
        let before = encoder.of(&diff.before.gather(&before, under)?.rows)?;
        let after = encoder.of(&diff.after.gather(&after, under)?.rows)?;
        let differ = |at: &usize| before.row(*at) != after.row(*at);
        changed.extend((0..pairs.len()).filter(differ).map(|at| pairs[at]));
    }
    diff.updated = changed;
    for (was, is) in matches(diff, &encoder)? {
        diff.before.take_out(was);
        diff.after.take_out(is);
    }
    Ok(())
}

/// Makes updates of what is there before and after under the same key.
pub(super) fn pair(diff: &mut RowDiff, key: &[ColumnId]) -> Result<(), ArrowError> {
    let (Some(old), Some(new)) = (diff.before.schema(), diff.after.schema()) else { return Ok(()) };
    let columns = |schema: &TableSchema| -> Option<TableSchema> {
        // A column that was named twice counts once.
        let once = key.iter().enumerate().filter(|(at, id)| !key[..*at].contains(id));
        let columns = once.map(|(_, id)| Some(schema.columns()[schema.index_of_id(*id)?].clone()));
        TableSchema::new(columns.collect::<Option<_>>()?).ok()
    };
    let (Some(old), Some(new)) = (columns(old), columns(new)) else { return Ok(()) };
    let wanted = super::relaxed(&new);
    if key.is_empty() || !is_readable_as(&old, &wanted) {
        return Ok(());
    }
    let all: Vec<usize> = (0..wanted.len()).collect();
    let Some(encoder) = Encoder::new(&wanted, all)? else { return Ok(()) };
    for (was, is) in matches(diff, &encoder)? {
        diff.before.take_out(was);
        diff.after.take_out(is);
        diff.updated.push((was, is));
    }
    Ok(())
}

/// Deleted and inserted rows that are the same to `encoder`, one for one: first with first.
fn matches(diff: &RowDiff, encoder: &Encoder<'_>) -> Result<Vec<(Place, Place)>, ArrowError> {
    let mut matched = Vec::new();
    if diff.before.count() == 0 || diff.after.count() == 0 {
        return Ok(matched);
    }
    let before = encoder.of_side(&diff.before)?;
    let places: Vec<Place> = diff.before.places().collect();
    let mut following = vec![NONE; places.len()];
    let mut first: HashMap<&[u8], u32> = HashMap::with_capacity(places.len());
    // A table has fewer than 2^32 rows here, or the bytes kept of them would not fit in memory.
    for at in (0..places.len()).rev() {
        let same = first.insert(before.row(at), at as u32);
        following[at] = same.unwrap_or(NONE);
    }
    let mut inserted = diff.after.places();
    let under = Under::Relaxed(encoder.wanted);
    for read in diff.after.read_all(under) {
        let after = encoder.of(&read?.rows)?;
        for (at, place) in (0..after.len).zip(&mut inserted) {
            let Some(same) = first.get_mut(after.row(at)).filter(|same| **same != NONE) else {
                continue;
            };
            matched.push((places[*same as usize], place));
            *same = following[*same as usize];
        }
    }
    Ok(matched)
}

/// Turns rows into bytes that are the same for the same values.
struct Encoder<'a> {
    wanted: &'a TableSchema,
    columns: Vec<usize>,
    converter: RowConverter,
}

/// Rows as bytes.
struct Encoded {
    rows: Rows,
    /// Counted apart, as rows without columns have no bytes.
    len: usize,
}

impl Encoded {
    fn row(&self, at: usize) -> &[u8] {
        if at < self.rows.num_rows() { self.rows.row(at).data() } else { &[] }
    }
}

impl<'a> Encoder<'a> {
    /// None if Arrow has no row format for one of the types.
    fn new(wanted: &'a TableSchema, columns: Vec<usize>) -> Result<Option<Self>, ArrowError> {
        let field = |at: &usize| SortField::new(wanted.columns()[*at].data_type().clone());
        let fields: Vec<SortField> = columns.iter().map(field).collect();
        if !RowConverter::supports_fields(&fields) {
            return Ok(None);
        }
        let converter = RowConverter::new(fields)?;
        Ok(Some(Self { wanted, columns, converter }))
    }

    fn of_side(&self, side: &Side) -> Result<Encoded, ArrowError> {
        let mut encoded = Encoded { rows: self.converter.empty_rows(0, 0), len: 0 };
        for read in side.read_all(Under::Relaxed(self.wanted)) {
            self.append(&mut encoded, &read?.rows)?;
        }
        Ok(encoded)
    }

    fn of(&self, batch: &RecordBatch) -> Result<Encoded, ArrowError> {
        let mut encoded = Encoded { rows: self.converter.empty_rows(0, 0), len: 0 };
        self.append(&mut encoded, batch)?;
        Ok(encoded)
    }

    fn append(&self, encoded: &mut Encoded, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = self.columns.iter().map(|at| batch.column(*at).clone());
        let columns: Vec<ArrayRef> = columns.collect();
        if !columns.is_empty() {
            self.converter.append(&mut encoded.rows, &columns)?;
        }
        encoded.len += batch.num_rows();
        Ok(())
    }
}
