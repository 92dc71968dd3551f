//! The columns by which rows of the source and of the table are the same, and what they rule out.
//!
//! What they rule out is a [`Predicate`] on the table: it prunes chunks, it is what a serializable
//! transaction has read, and it is what an insert is checked by against rows that others insert.
//! It may match too much, never too little.

use std::sync::Arc;

use annals_state::predicate::{Literal, Predicate, col};
use annals_state::schema::{
    self, CastPolicy, Column, ColumnId, Extra, FitRules, Matching, Missing, TableSchema,
};
use annals_state::table::{ChunkEntry, TableState};
use annals_state::{Chunk, TableName};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::take::take;

use super::index::{Index, union_of_nulls};
use crate::definition::schema_error;
use crate::error::WriteError;
use crate::row_change::index_of;
use crate::snapshot::shorten;

/// Up to so many rows are told by their keys one by one; more by the least and greatest.
const LIST_MAX: usize = 64;

/// The key columns of a merge, ready to be looked up.
pub(super) struct Keys {
    /// The table's columns, by place and name.
    target: Vec<(usize, String)>,
    /// The source's, in the types of the table's.
    source: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
    index: Index,
    /// What all rows of the table match that have the key of a row of the source.
    pub(super) bounds: Predicate,
}

impl Keys {
    pub(super) fn new(
        name: &TableName,
        state: &TableState,
        source: &RecordBatch,
        on: &[(String, String)],
    ) -> Result<Self, WriteError> {
        let (mut target, mut keys) = (Vec::new(), Vec::new());
        for (of_table, of_source) in on {
            let place = index_of(name, state.schema(), of_table)?;
            let column = &state.schema().columns()[place];
            let key = source.column(source_index(name, source.schema_ref(), of_source)?);
            keys.push(converted(name, state, column, key)?);
            target.push((place, column.name().to_owned()));
        }
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        if !Index::supports(&types) {
            return Err(WriteError::Options(
                "a merge cannot look up rows by keys of these types; give a condition instead",
            ));
        }
        let nulls = union_of_nulls(&keys);
        let index = Index::new(&keys, nulls.as_ref())?;
        let bounds = Predicate::literal(true);
        let mut this = Self { target, source: keys, nulls, index, bounds };
        this.bounds = this.predicate(0..source.num_rows() as u32)?;
        Ok(this)
    }

    /// Calls `found` with each row of the chunk that has the key of a row of the source, by index
    /// and ascending, and with the latter. Deleted rows are not left out.
    pub(super) fn pairs_in(
        &self,
        state: &TableState,
        entry: &ChunkEntry,
        found: impl FnMut(u32, u32) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let columns: Vec<usize> = self.target.iter().map(|(place, _)| *place).collect();
        let (written, wanted) = (state.layout(entry), state.schema());
        let batch = entry.chunk().batch();
        let keys = if Arc::ptr_eq(written, wanted) {
            batch.project(&columns)?
        } else {
            schema::read_as(batch, written, wanted, Some(&columns))
                .map_err(|error| ArrowError::ExternalError(Box::new(error)))?
        };
        self.index.probe(keys.columns(), found)
    }

    /// What all rows of the table match that have the key of one of these rows of the source.
    pub(super) fn predicate(
        &self,
        rows: impl IntoIterator<Item = u32>,
    ) -> Result<Predicate, WriteError> {
        let has_key = |row: &u32| self.nulls.as_ref().is_none_or(|n| n.is_valid(*row as usize));
        let rows: Vec<u32> = rows.into_iter().filter(has_key).collect();
        if rows.is_empty() {
            return Ok(Predicate::literal(false));
        }
        let rows = UInt32Array::from(rows);
        let mut all: Option<Predicate> = None;
        for ((_, column), key) in self.target.iter().zip(&self.source) {
            if let Some(part) = bounds(column, &take(key, &rows, None)?)? {
                all = Some(match all {
                    Some(all) => all.and(part),
                    None => part,
                });
            }
        }
        Ok(all.unwrap_or_else(|| Predicate::literal(true)))
    }

    /// The key of a row of the source as text.
    pub(super) fn describe(&self, row: u32) -> String {
        let parts =
            self.target.iter().zip(&self.source).map(
                |((_, column), key)| match Literal::from_array(key.slice(row as usize, 1)) {
                    Ok(value) => col(column).eq(value).to_string(),
                    Err(_) => column.clone(),
                },
            );
        shorten(&parts.collect::<Vec<_>>().join(" AND "))
    }
}

/// The values of a column that are among these or between the least and the greatest of them; none
/// if that cannot be said.
fn bounds(column: &str, key: &ArrayRef) -> Result<Option<Predicate>, WriteError> {
    let field = Field::new(column, key.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(key)])?;
    let bounds = Chunk::from_cut(batch).bounds(0);
    let (Some(min), Some(max)) = (bounds.min, bounds.max) else { return Ok(None) };
    if may_be_nan(&min) || may_be_nan(&max) {
        return Ok(None);
    }
    let literal = |value: ArrayRef| Literal::from_array(value).ok();
    if key.len() <= LIST_MAX {
        let values = (0..key.len()).filter_map(|row| literal(key.slice(row, 1)));
        return Ok(Some(col(column).is_in(values)));
    }
    Ok(literal(min).zip(literal(max)).map(|(min, max)| col(column).between(min, max)))
}

/// What is no number is at either end of the order, and may change ends when it is widened.
fn may_be_nan(value: &ArrayRef) -> bool {
    match value.data_type() {
        DataType::Float16 => value.as_primitive::<Float16Type>().value(0).is_nan(),
        DataType::Float32 => value.as_primitive::<Float32Type>().value(0).is_nan(),
        DataType::Float64 => value.as_primitive::<Float64Type>().value(0).is_nan(),
        DataType::Dictionary(_, values) => values.is_floating(),
        DataType::RunEndEncoded(_, values) => values.data_type().is_floating(),
        _ => false,
    }
}

/// A key column of the source in the type of the table's.
fn converted(
    name: &TableName,
    state: &TableState,
    column: &Column,
    key: &ArrayRef,
) -> Result<ArrayRef, WriteError> {
    // Binding refuses what has no order, and so no equality here.
    let equal = col(column.name()).eq(col(column.name()));
    equal.bind(state.arrow_schema()).map_err(|source| WriteError::MergeCondition {
        table: name.clone(),
        part: "the key",
        source: Box::new(source),
    })?;
    if key.data_type() == column.data_type() {
        return Ok(Arc::clone(key));
    }
    let wrong = |error| WriteError::from(schema_error(name, error));
    let wanted = Column::new(ColumnId(0), column.field().as_ref().clone().with_nullable(true));
    let wanted = Arc::new(TableSchema::new(vec![wanted]).map_err(wrong)?);
    let field = Field::new(column.name(), key.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(key)])?;
    let rules = FitRules {
        matching: Matching::ByPosition,
        casts: CastPolicy::Lossless,
        missing: Missing::Refuse,
        extra: Extra::Refuse,
        widen: false,
    };
    let fit = schema::fit(batch.schema_ref(), &wanted, &rules, &mut ColumnId(u32::MAX));
    let batch = fit.and_then(|fit| fit.apply(&batch)).map_err(wrong)?;
    Ok(Arc::clone(batch.column(0)))
}

/// The place of a column of the source that a caller named: as written, or in whatever case.
pub(super) fn source_index(
    name: &TableName,
    source: &Schema,
    column: &str,
) -> Result<usize, WriteError> {
    let only = |is_it: &dyn Fn(&str) -> bool| {
        let mut places = (0..source.fields().len()).filter(|at| is_it(source.field(*at).name()));
        places.next().filter(|_| places.next().is_none())
    };
    let folded = schema::fold(column);
    let found = only(&|field| field == column).or_else(|| only(&|f| schema::fold(f) == folded));
    found.ok_or_else(|| {
        let names: Vec<&str> = source.fields().iter().map(|field| field.name().as_str()).collect();
        let available = shorten(&names.join(", "));
        WriteError::NoSourceColumn { table: name.clone(), column: shorten(column), available }
    })
}
