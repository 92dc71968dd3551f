//! Deletes and updates: rows are taken out by deletion vectors, and put in again under new values.
//!
//! No chunk is rewritten for either. A delete notes which rows of a chunk are gone; an update does
//! that too and writes the rows it changed, and only these, as chunks of their own. An updated row
//! stays itself: it keeps its id, and the record of the commit that brought it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use annals_state::commit::OperationKind;
use annals_state::name::ToTableName;
use annals_state::schema::{
    self, CastPolicy, Column, ColumnId, Extra, FitRules, Matching, Missing, TableSchema,
};
use annals_state::table::{Origin, TableState};
use annals_state::write_set::{Change, NewRows, Removal};
use annals_state::{TableName, VersionId};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field, FieldRef, Schema};
use arrow_select::take::take;

use crate::cutter::Cutter;
use crate::definition::schema_error;
use crate::error::{CatalogError, WriteError};
use crate::expression::{Assignment, Filter, Value};
use crate::selection::{Selection, ValueCount, take_rows};
use crate::snapshot::shorten;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// What a change of rows came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Changed {
    /// Rows that were there and are not any more.
    pub deleted: u64,
    /// Rows that were given other values.
    pub updated: u64,
    /// Rows that are new.
    pub inserted: u64,
    /// The commit. If nothing matched, none was made.
    pub committed: Committed,
}

impl Store {
    /// Deletes the rows that match, as a commit of its own. Decided anew if others commit to the
    /// same chunks in between.
    ///
    /// Costs a scan of the chunks that may hold a match, and memory for the deletion vectors; no
    /// row is copied. If none matches, no version is made.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table does not exist or is a view, or the filter does not go with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, col, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// let done = store.delete("t", col("n").gt(1))?;
    /// assert_eq!((done.deleted, store.table("t")?.row_count()), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn delete<'a>(
        &self,
        name: impl ToTableName,
        filter: impl Into<Filter<'a>>,
    ) -> Result<Changed, WriteError> {
        let (name, filter) = (name.to_table_name()?.into_owned(), filter.into());
        let location = Location::caller();
        let (deleted, committed) =
            self.autocommit(location, |tx| tx.delete_at(&name, &filter, location))?;
        Ok(Changed { deleted, updated: 0, inserted: 0, committed })
    }

    /// Gives the rows that match other values, as a commit of its own; see
    /// [`delete`](Self::delete). Costs the rows that match, not the chunks that they are in.
    ///
    /// All assignments see the rows as they were. A literal goes into the column's type if that
    /// can express it; other values are converted if none is lost.
    ///
    /// # Errors
    ///
    /// As for [`delete`](Self::delete); also if a column does not exist or is assigned to twice,
    /// a value does not fit, or a function fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, col, record_batch, set};
    ///
    /// let store = Store::in_memory();
    /// let flights = record_batch!(("carrier", Utf8, ["UA", "AA"]), ("delay", Int64, [7, 9]))?;
    /// store.write(flights).save_as_table("flights")?;
    /// let done = store.update("flights", [set("delay", 0)], col("carrier").eq("UA"))?;
    /// assert_eq!(done.updated, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn update<'a, 'b>(
        &self,
        name: impl ToTableName,
        assignments: impl IntoIterator<Item = Assignment<'a>>,
        filter: impl Into<Filter<'b>>,
    ) -> Result<Changed, WriteError> {
        let (name, filter) = (name.to_table_name()?.into_owned(), filter.into());
        let assignments: Vec<Assignment<'a>> = assignments.into_iter().collect();
        let location = Location::caller();
        let work = |tx: &mut Transaction| tx.update_at(&name, &assignments, &filter, location);
        let (updated, committed) = self.autocommit(location, work)?;
        Ok(Changed { deleted: 0, updated, inserted: 0, committed })
    }
}

impl Transaction {
    /// Deletes the rows that match, own changes included; returns how many.
    ///
    /// # Errors
    ///
    /// As for [`Store::delete`].
    #[track_caller]
    pub fn delete<'a>(
        &mut self,
        name: impl ToTableName,
        filter: impl Into<Filter<'a>>,
    ) -> Result<u64, WriteError> {
        let name = name.to_table_name()?.into_owned();
        self.delete_at(&name, &filter.into(), Location::caller())
    }

    /// Gives the rows that match other values, own changes included; returns how many.
    ///
    /// # Errors
    ///
    /// As for [`Store::update`].
    #[track_caller]
    pub fn update<'a, 'b>(
        &mut self,
        name: impl ToTableName,
        assignments: impl IntoIterator<Item = Assignment<'a>>,
        filter: impl Into<Filter<'b>>,
    ) -> Result<u64, WriteError> {
        let name = name.to_table_name()?.into_owned();
        let assignments: Vec<Assignment<'a>> = assignments.into_iter().collect();
        self.update_at(&name, &assignments, &filter.into(), Location::caller())
    }

    fn delete_at(
        &mut self,
        name: &TableName,
        filter: &Filter<'_>,
        location: &'static Location<'static>,
    ) -> Result<u64, WriteError> {
        let state = self.rows_of(name)?;
        self.note_filter(name, filter)?;
        let mut removed = Vec::new();
        let mut rows = 0;
        for selected in Selection::new(name, &state, filter)?.chunks() {
            let selected = selected?;
            rows += selected.rows.len();
            removed.push(selected.removal());
        }
        let label = OperationKind::Delete { filter: filter.to_string().into() };
        let new = NewRows::none(Arc::clone(state.schema()));
        self.stage_rows(name, removed, new, label, location)?;
        Ok(rows)
    }

    fn update_at(
        &mut self,
        name: &TableName,
        assignments: &[Assignment<'_>],
        filter: &Filter<'_>,
        location: &'static Location<'static>,
    ) -> Result<u64, WriteError> {
        let state = self.rows_of(name)?;
        let assigned = Assigned::new(name, state.schema(), assignments)?;
        self.note_filter(name, filter)?;
        let (mut removed, mut rows) = (Vec::new(), 0);
        let mut cutter = Cutter::traced(self.chunk_size(), &state);
        for selected in Selection::new(name, &state, filter)?.chunks() {
            let selected = selected?;
            let batch = take_rows(&state, selected.entry, &selected.rows)?;
            let changed = self.provisional();
            let origins: Vec<Origin> =
                selected.origins().map(|origin| Origin { changed, ..origin }).collect();
            cutter.push_traced(&assigned.apply(&batch)?, &origins)?;
            rows += selected.rows.len();
            removed.push(selected.removal());
        }
        let columns = assignments.iter().map(|assignment| assignment.column.as_str());
        let columns = shorten(&columns.collect::<Vec<_>>().join(", "));
        let label =
            OperationKind::Update { columns: columns.into(), filter: filter.to_string().into() };
        let (chunks, kept) = cutter.finish_traced()?;
        let new = NewRows { layout: Arc::clone(state.schema()), chunks, kept };
        self.stage_rows(name, removed, new, label, location)?;
        Ok(rows)
    }

    /// The present state of a table that has rows of its own.
    pub(crate) fn rows_of(&self, name: &TableName) -> Result<Arc<TableState>, WriteError> {
        let found = self.catalog().require_table(name).map(|table| Arc::clone(table.state()));
        let found = found.and_then(|state| match state.is_view() {
            true => Err(CatalogError::IsView { table: name.clone() }),
            false => Ok(state),
        });
        Ok(found.inspect_err(|_| self.told(name))?)
    }

    /// Notes that what is done depends on the rows that match.
    fn note_filter(&self, name: &TableName, filter: &Filter<'_>) -> Result<(), WriteError> {
        // As far as the store understands the filter; a test narrows it, but who knows how.
        self.table(name)?.note_read(filter.predicate.as_ref());
        Ok(())
    }

    fn stage_rows(
        &mut self,
        name: &TableName,
        removed: Vec<(u64, Removal)>,
        rows: NewRows,
        label: OperationKind,
        location: &'static Location<'static>,
    ) -> Result<(), WriteError> {
        if removed.is_empty() && rows.chunks.is_empty() {
            return Ok(());
        }
        let change = Change::ChangeRows {
            name: name.clone(),
            removed: removed.into(),
            revived: Arc::default(),
            rows,
            predicate: None,
            alone: false,
            label,
        };
        self.stage(change, location)
    }
}

/// Assignments to columns of one schema.
pub(crate) struct Assigned<'a> {
    name: &'a TableName,
    schema: &'a Arc<TableSchema>,
    /// For each column what it gets, if it gets something.
    columns: Vec<Option<&'a Value<'a>>>,
}

impl<'a> Assigned<'a> {
    pub(crate) fn new(
        name: &'a TableName,
        schema: &'a Arc<TableSchema>,
        assignments: &'a [Assignment<'a>],
    ) -> Result<Self, WriteError> {
        if assignments.is_empty() {
            return Err(WriteError::Options("an update assigns to one column at least"));
        }
        let mut columns: Vec<Option<&Value<'_>>> = vec![None; schema.len()];
        for Assignment { column, value } in assignments {
            let index = index_of(name, schema, column)?;
            if columns[index].replace(value).is_some() {
                let (table, column) = (name.clone(), shorten(column));
                return Err(WriteError::AssignedTwice { table, column });
            }
        }
        Ok(Self { name, schema, columns })
    }

    /// The rows with the assigned values in place of theirs.
    pub(crate) fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch, WriteError> {
        let mut fields: Vec<FieldRef> = Vec::with_capacity(self.columns.len());
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (index, column) in self.schema.columns().iter().enumerate() {
            match self.columns[index] {
                None => {
                    fields.push(Arc::clone(column.field()));
                    arrays.push(Arc::clone(rows.column(index)));
                }
                Some(value) => {
                    let array = self.value(value, column, rows)?;
                    let kind = array.data_type().clone();
                    fields.push(Arc::new(Field::new(column.name(), kind, true)));
                    arrays.push(array);
                }
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let assigned =
            RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        fit_rows(self.name, self.schema, &assigned)
    }

    fn value(
        &self,
        value: &Value<'_>,
        column: &Column,
        rows: &RecordBatch,
    ) -> Result<ArrayRef, WriteError> {
        let operand = match value {
            Value::Function(function) => {
                let used = format!("for the column `{}`", column.name());
                return call(self.name, rows.num_rows(), used, || function(rows));
            }
            Value::Operand(operand) => operand,
        };
        if let Some(other) = operand.column() {
            return Ok(Arc::clone(rows.column(index_of(self.name, self.schema, other)?)));
        }
        let literal = operand.literal().expect("an operand is a column or a literal");
        let one = literal.exactly(column.data_type());
        let one = one.unwrap_or_else(|| Arc::clone(literal.array()));
        Ok(take(&one, &UInt32Array::from(vec![0; rows.num_rows()]), None)?)
    }
}

/// What a caller's function makes of rows: as many values.
pub(crate) fn call(
    name: &TableName,
    rows: usize,
    used: String,
    function: impl FnOnce() -> Result<ArrayRef, crate::error::BoxError>,
) -> Result<ArrayRef, WriteError> {
    let failed = |source| WriteError::Function { table: name.clone(), used, source };
    match function() {
        Ok(values) if values.len() == rows => Ok(values),
        Ok(values) => Err(failed(Box::new(ValueCount { expected: rows, found: values.len() }))),
        Err(source) => Err(failed(source)),
    }
}

/// Rows with the columns of a table, in types that fit them, as rows of the table.
pub(crate) fn fit_rows(
    name: &TableName,
    schema: &Arc<TableSchema>,
    rows: &RecordBatch,
) -> Result<RecordBatch, WriteError> {
    let rules = FitRules {
        matching: Matching::ByName,
        casts: CastPolicy::Lossless,
        missing: Missing::Refuse,
        extra: Extra::Refuse,
        widen: false,
    };
    let wrong = |error| WriteError::from(schema_error(name, error));
    let mut next = ColumnId(u32::MAX);
    let fit = schema::fit(rows.schema_ref(), schema, &rules, &mut next).map_err(wrong)?;
    fit.apply(rows).map_err(wrong)
}

/// The place of a column that a caller named.
pub(crate) fn index_of(
    name: &TableName,
    schema: &TableSchema,
    column: &str,
) -> Result<usize, WriteError> {
    schema.index_of(column).ok_or_else(|| {
        let names: Vec<&str> = schema.columns().iter().map(Column::name).collect();
        let available = shorten(&names.join(", "));
        WriteError::NoColumn { table: name.clone(), column: shorten(column), available }
    })
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deleted, updated, inserted, .. } = self;
        write!(f, "{deleted} deleted, {updated} updated, {inserted} inserted")
    }
}

impl Changed {
    /// The version in which the change can be read; where nothing matched, the one that was seen.
    pub fn version(&self) -> VersionId {
        self.committed.version()
    }
}
