//! A save: rows, a name and a mode, decided against what is there and staged in a transaction.
//!
//! The rows are taken from their source once, however often the decision is made again because
//! others committed in between. What a decision adds (casts, padding, statistics) is kept from one
//! attempt to the next as long as it comes out the same.

use std::panic::Location;
use std::sync::Arc;

use annals_state::commit::OperationKind;
use annals_state::conflict::{Conflict, Rule, Subject};
use annals_state::predicate::{BoundPredicate, Predicate};
use annals_state::save_mode::{Decision, SaveMode};
use annals_state::schema::{
    self, CastPolicy, ColumnId, Extra, Fit, FitRules, Matching, Missing, Nullability, TableSchema,
};
use annals_state::table::{TableKind, TableState, TableVersion};
use annals_state::write_set::{Change, NewRows, NewSchema, PropertyPatch, SchemaChange};
use annals_state::{Chunk, TableName, VersionId};
use arrow_array::RecordBatch;

use crate::cutter::{ChunkSize, Cutter};
use crate::definition::{new_details, partition_ids, schema_error};
use crate::error::{CatalogError, CommitError, WriteError};
use crate::gather::Cut;
use crate::selection::{Selected, matching_rows};
use crate::source::Open;
use crate::transaction::{Committed, Transaction};

/// How rows are to be saved.
#[derive(Clone, Debug)]
pub(crate) struct SaveOptions {
    pub(crate) mode: SaveMode,
    pub(crate) must_exist: bool,
    pub(crate) partition_by: Option<Vec<String>>,
    pub(crate) patch: PropertyPatch,
    pub(crate) kind: TableKind,
    pub(crate) matching: Matching,
    pub(crate) casts: CastPolicy,
    pub(crate) missing: Missing,
    pub(crate) nullability: Nullability,
    pub(crate) merge_schema: bool,
    pub(crate) overwrite_schema: Option<bool>,
    pub(crate) replace_where: Option<Predicate>,
    pub(crate) fail_if_changed: bool,
    pub(crate) chunk_size: ChunkSize,
}

/// A save on its way into a transaction.
pub(crate) struct Save<'a> {
    pub(crate) name: TableName,
    pub(crate) options: SaveOptions,
    pub(crate) location: &'static Location<'static>,
    source: Open<'a>,
    arranged: Option<Arranged>,
}

/// Rows in the form that a decision asked for.
struct Arranged {
    layout: Arc<TableSchema>,
    partition_by: Arc<[ColumnId]>,
    /// Whether no value was converted, so that the source's rows are still all there.
    verbatim: bool,
    chunks: Arc<[Arc<Chunk>]>,
}

/// What a save did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaveOutcome {
    /// The table was created.
    Created,
    /// Its rows were replaced.
    Overwritten,
    /// Rows were added to it.
    Appended,
    /// The rows that matched were replaced.
    ReplacedWhere,
    /// Nothing: it was there, and the mode is `ignore`.
    Skipped,
    /// Nothing: the write is idempotent and was applied before.
    AppliedBefore,
}

/// What a save came to.
#[derive(Clone, Debug)]
pub struct Saved {
    outcome: SaveOutcome,
    rows: u64,
    committed: Option<Committed>,
}

impl Saved {
    /// What was done.
    pub fn outcome(&self) -> SaveOutcome {
        self.outcome
    }

    /// How many rows were written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The version in which the rows can be read; for a save inside a transaction, which is not
    /// committed yet, none.
    pub fn version(&self) -> Option<VersionId> {
        self.committed.as_ref().map(Committed::version)
    }

    /// What the commit came to; for a save inside a transaction, none.
    pub fn committed(&self) -> Option<&Committed> {
        self.committed.as_ref()
    }

    pub(crate) fn before(committed: Committed) -> Self {
        Self { outcome: SaveOutcome::AppliedBefore, rows: 0, committed: Some(committed) }
    }

    pub(crate) fn with(mut self, committed: Committed) -> Self {
        if committed.was_applied_before() {
            return Self::before(committed);
        }
        self.committed = Some(committed);
        self
    }
}

impl<'a> Save<'a> {
    pub(crate) fn new(
        name: TableName,
        options: SaveOptions,
        source: Open<'a>,
        location: &'static Location<'static>,
    ) -> Result<Self, WriteError> {
        if options.replace_where.is_some() && options.mode != SaveMode::Overwrite {
            return Err(WriteError::Options("replace_where goes with mode overwrite only"));
        }
        if options.merge_schema && options.overwrite_schema == Some(true) {
            return Err(WriteError::Options(
                "merge_schema and overwrite_schema exclude each other; give one of them",
            ));
        }
        Ok(Self { name, options, location, source, arranged: None })
    }

    /// Decides what the save comes down to in `tx`, and does it there.
    pub(crate) fn stage(&mut self, tx: &mut Transaction) -> Result<Saved, WriteError> {
        let staged = self.decide(tx);
        staged.inspect_err(|_| tx.told(&self.name))
    }

    fn decide(&mut self, tx: &mut Transaction) -> Result<Saved, WriteError> {
        let table = tx.catalog().table(&self.name).cloned();
        let state = table.as_ref().map(|table| Arc::clone(table.state()));
        if self.options.must_exist && table.is_none() {
            tx.catalog().require_table(&self.name)?;
        }
        let decision = self.options.mode.decide(state.as_deref());
        let (change, outcome) = match (decision, table) {
            (Decision::Skip, _) => {
                tx.looked_up(&self.name);
                return Ok(Saved { outcome: SaveOutcome::Skipped, rows: 0, committed: None });
            }
            (Decision::RefuseView, _) => {
                return Err(CatalogError::IsView { table: self.name.clone() }.into());
            }
            (Decision::RefuseExisting, _) => {
                let kind = match state {
                    Some(state) if state.is_view() => crate::error::Existing::View,
                    _ => crate::error::Existing::Table,
                };
                return Err(CatalogError::TableExists { table: self.name.clone(), kind }.into());
            }
            // Only a save of the whole name puts a table in the place of a view.
            (Decision::Replace, Some(table))
                if table.state().is_view()
                    && (self.options.must_exist || self.options.replace_where.is_some()) =>
            {
                return Err(CatalogError::IsView { table: self.name.clone() }.into());
            }
            (Decision::Replace, Some(table)) => {
                if self.options.fail_if_changed {
                    tx.depends_on(&self.name);
                }
                match self.options.replace_where.clone() {
                    Some(predicate) => {
                        (self.replace_where(tx, &table, predicate)?, SaveOutcome::ReplacedWhere)
                    }
                    None => (self.replace(tx, &table)?, SaveOutcome::Overwritten),
                }
            }
            (Decision::Append, Some(table)) => (self.append(tx, &table)?, SaveOutcome::Appended),
            (Decision::Create | Decision::Replace | Decision::Append, _) => {
                // Refused before the source is read, and made only once nothing else can fail.
                tx.may_use_database(&self.name.database())?;
                let change = self.create(tx)?;
                tx.provide_database(&self.name.database(), self.location)?;
                (change, SaveOutcome::Created)
            }
        };
        let rows = match &change {
            Change::CreateTable { rows, .. }
            | Change::Replace { rows, .. }
            | Change::Append { rows, .. }
            | Change::ChangeRows { rows, .. } => rows.rows(),
            _ => 0,
        };
        tx.stage(change, self.location)?;
        if outcome == SaveOutcome::ReplacedWhere && !self.options.patch.is_empty() {
            // A change of rows says nothing of the table beside them.
            let (name, patch) = (self.name.clone(), self.options.patch.clone());
            tx.stage(Change::AlterDetails { name, patch }, self.location)?;
        }
        Ok(Saved { outcome, rows, committed: None })
    }

    fn create(&mut self, tx: &Transaction) -> Result<Change, WriteError> {
        let mut next = ColumnId(0);
        let schema =
            schema::for_new_table(&self.source.schema, self.options.nullability, &mut next);
        let schema = self.known(schema.map_err(|error| schema_error(&self.name, error))?);
        let by = self.options.partition_by.as_deref().unwrap_or_default();
        let partition_by = partition_ids(&self.name, &schema, by)?;
        let comment = self.options.patch.comment.clone().flatten();
        let details = new_details(comment, &self.options.patch, Arc::clone(&partition_by));
        let fit = self.fit_new(&schema)?;
        let rows = self.rows(tx, &fit, &partition_by)?;
        if let Some(predicate) = &self.options.replace_where {
            let bound = predicate.bind(schema.arrow());
            let wrong = |source| WriteError::Predicate {
                table: self.name.clone(),
                source: Box::new(source),
            };
            self.refuse_outside(predicate, &bound.map_err(wrong)?, &rows)?;
        }
        Ok(Change::CreateTable {
            name: self.name.clone(),
            kind: self.options.kind.clone(),
            schema,
            details,
            rows,
            mode: Some(self.options.mode),
        })
    }

    fn replace(&mut self, tx: &Transaction, table: &TableVersion) -> Result<Change, WriteError> {
        let state = table.state();
        let keeps_schema = self.options.overwrite_schema == Some(false)
            || self.options.merge_schema
            || self.options.must_exist;
        let (fit, layout, schema) = if keeps_schema && !state.is_view() {
            let fit = self.fit(table)?;
            let layout = Arc::clone(fit.schema());
            let schema = match TableSchema::same(&layout, state.schema()) {
                true => NewSchema::Kept,
                false => NewSchema::Merged(Arc::clone(&layout)),
            };
            (fit, layout, schema)
        } else {
            let mut next = table.high_water().next_column;
            let schema = schema::for_replaced_table(
                &self.source.schema,
                state.schema(),
                self.options.nullability,
                &mut next,
            );
            let schema = schema.map_err(|error| schema_error(&self.name, error))?;
            let schema = match Arc::ptr_eq(&schema, state.schema()) {
                true => schema,
                false => self.known(TableSchema::clone(&schema)),
            };
            (self.fit_new(&schema)?, Arc::clone(&schema), NewSchema::Given(schema))
        };
        let partition_by = match &self.options.partition_by {
            Some(columns) => {
                let ids = partition_ids(&self.name, &layout, columns)?;
                // One `Arc` for what stays the same.
                let same = *ids == *state.details().partition_by;
                if same { Arc::clone(&state.details().partition_by) } else { ids }
            }
            None => self.kept_partitioning(state, &layout),
        };
        let kind = match (&self.options.kind, state.kind()) {
            (TableKind::Managed, TableKind::View { .. }) => TableKind::Managed,
            (TableKind::Managed, kind) => kind.clone(),
            (given, _) => given.clone(),
        };
        let rows = self.rows(tx, &fit, &partition_by)?;
        Ok(Change::Replace {
            name: self.name.clone(),
            kind,
            schema,
            partition_by,
            patch: self.options.patch.clone(),
            rows,
            label: OperationKind::Overwrite,
        })
    }

    /// The table's partitioning, as far as its columns are still there.
    fn kept_partitioning(&self, state: &TableState, schema: &TableSchema) -> Arc<[ColumnId]> {
        let kept = &state.details().partition_by;
        if kept.is_empty() {
            return Arc::clone(kept);
        }
        let columns: Vec<String> =
            state.partition_columns().into_iter().map(str::to_owned).collect();
        match partition_ids(&self.name, schema, &columns) {
            Ok(ids) if *ids == **kept => Arc::clone(kept),
            Ok(ids) => ids,
            Err(_) => Arc::default(),
        }
    }

    fn append(&mut self, tx: &Transaction, table: &TableVersion) -> Result<Change, WriteError> {
        self.check_partitioning(table.state())?;
        let fit = self.fit(table)?;
        let alterations = alterations(table.state().schema(), &fit);
        let partition_by = Arc::clone(&table.state().details().partition_by);
        let rows = self.rows(tx, &fit, &partition_by)?;
        let (name, patch) = (self.name.clone(), self.options.patch.clone());
        Ok(Change::Append { name, alterations, patch, rows })
    }

    fn replace_where(
        &mut self,
        tx: &mut Transaction,
        table: &TableVersion,
        predicate: Predicate,
    ) -> Result<Change, WriteError> {
        if self.options.merge_schema || self.options.overwrite_schema == Some(true) {
            return Err(WriteError::Options(
                "replace_where keeps the table's schema; add columns with alter_table first",
            ));
        }
        let state = table.state();
        self.check_partitioning(state)?;
        let fit = self.fit(table)?;
        let bound = predicate.bind(state.arrow_schema());
        let name = self.name.clone();
        let wrong =
            |source| WriteError::Predicate { table: name.clone(), source: Box::new(source) };
        let bound = bound.map_err(wrong)?;
        let partition_by = Arc::clone(&state.details().partition_by);
        let rows = self.rows(tx, &fit, &partition_by)?;

        self.refuse_outside(&predicate, &bound, &rows)?;
        let mut removed = Vec::new();
        for (sequence, entry) in state.chunks() {
            let rows = matching_rows(&bound, state, entry).map_err(wrong)?;
            if !rows.is_empty() {
                removed.push(Selected { sequence, entry, rows }.removal());
            }
        }
        Ok(Change::ChangeRows {
            name: self.name.clone(),
            removed: removed.into(),
            revived: Arc::default(),
            rows,
            label: OperationKind::ReplaceWhere {
                predicate: crate::snapshot::shorten(&predicate.to_string()).into(),
            },
            predicate: Some(Arc::new(predicate)),
            alone: self.options.fail_if_changed,
        })
    }

    /// Refuses rows that are not among those that they replace.
    fn refuse_outside(
        &self,
        predicate: &Predicate,
        bound: &BoundPredicate,
        rows: &NewRows,
    ) -> Result<(), WriteError> {
        let wrong =
            |source| WriteError::Predicate { table: self.name.clone(), source: Box::new(source) };
        let mut outside = 0;
        for chunk in rows.chunks.iter() {
            let matching = bound.evaluate(chunk.batch()).map_err(wrong)?;
            outside += (chunk.rows() - matching.true_count()) as u64;
        }
        if outside == 0 {
            return Ok(());
        }
        Err(WriteError::OutsideReplaceWhere {
            table: self.name.clone(),
            rows: outside,
            predicate: crate::snapshot::shorten(&predicate.to_string()),
        })
    }

    /// How the source's columns become those of an existing table.
    fn fit(&self, table: &TableVersion) -> Result<Fit, WriteError> {
        let rules = FitRules {
            matching: self.options.matching,
            casts: self.options.casts,
            missing: if self.options.merge_schema {
                Missing::FillNull
            } else {
                self.options.missing
            },
            extra: if self.options.merge_schema { Extra::AddColumn } else { Extra::Refuse },
            widen: self.options.merge_schema,
        };
        let mut next = table.high_water().next_column;
        let fit = schema::fit(&self.source.schema, table.state().schema(), &rules, &mut next);
        Ok(fit.map_err(|error| schema_error(&self.name, error))?)
    }

    /// How the source's columns become those of a schema that was made from them.
    fn fit_new(&self, schema: &Arc<TableSchema>) -> Result<Fit, WriteError> {
        let rules = FitRules {
            matching: Matching::ByPosition,
            casts: CastPolicy::Exact,
            missing: Missing::Refuse,
            extra: Extra::Refuse,
            widen: false,
        };
        let mut next = ColumnId(u32::MAX);
        let fit = schema::fit(&self.source.schema, schema, &rules, &mut next);
        Ok(fit.map_err(|error| schema_error(&self.name, error))?)
    }

    /// `schema`, or the equal one that the rows were arranged under before.
    fn known(&self, schema: TableSchema) -> Arc<TableSchema> {
        match &self.arranged {
            Some(arranged) if *arranged.layout == schema => Arc::clone(&arranged.layout),
            _ => Arc::new(schema),
        }
    }

    fn check_partitioning(&self, state: &TableState) -> Result<(), WriteError> {
        let Some(asked) = &self.options.partition_by else { return Ok(()) };
        let actual = state.partition_columns();
        let same = asked.len() == actual.len()
            && asked.iter().zip(&actual).all(|(a, b)| schema::fold(a) == schema::fold(b));
        if same {
            return Ok(());
        }
        Err(CatalogError::OtherPartitioning {
            table: self.name.clone(),
            actual: actual.join(", "),
            asked: asked.join(", "),
        }
        .into())
    }

    /// The rows as chunks under `fit`: from the attempt before where they came out the same.
    fn rows(
        &mut self,
        tx: &Transaction,
        fit: &Fit,
        partition_by: &Arc<[ColumnId]>,
    ) -> Result<NewRows, WriteError> {
        let layout = fit.schema();
        if let Some(arranged) = &self.arranged
            && TableSchema::same(&arranged.layout, layout)
            && arranged.partition_by == *partition_by
        {
            return Ok(NewRows::new(Arc::clone(layout), Arc::clone(&arranged.chunks)));
        }
        let columns = partition_by.iter().filter_map(|id| layout.index_of_id(*id)).collect();
        let cut = Cut { size: self.options.chunk_size, columns };
        let mut cutter = Cutter::new(cut.size, cut.columns.clone());
        let mut as_gathered = None;
        let wrong = |error| WriteError::from(schema_error(&self.name, error));
        if let Some(batches) = self.source.resident()? {
            if let ([batch], true) = (batches, partition_by.is_empty()) {
                let batch = fit.apply(batch).map_err(wrong)?;
                return Ok(NewRows::new(Arc::clone(layout), cutter.one(batch)?));
            }
            for batch in batches {
                cutter.push(fit.apply(batch).map_err(wrong)?)?;
            }
        } else if let Some((gathered, chunks)) = self.source.take_gathered() {
            // Each chunk is let go of before the next is converted.
            if fit.is_identity() && gathered == cut {
                let fitted = chunks.map(|chunk| {
                    let batch = fit.apply(chunk.batch()).map_err(wrong)?;
                    Ok(Arc::new(chunk.with_schema(batch.schema())?))
                });
                as_gathered = Some(fitted.collect::<Result<Vec<_>, WriteError>>()?);
            } else {
                for chunk in chunks {
                    cutter.push(fit.apply(chunk.batch()).map_err(wrong)?)?;
                }
            }
        } else if let Some(arranged) = self.arranged.take() {
            // The stream is read. Its rows are still as they came if nothing was converted.
            if !arranged.verbatim {
                return Err(self.schema_moved(tx));
            }
            for chunk in arranged.chunks.iter() {
                let batch = RecordBatch::try_new(
                    Arc::clone(&self.source.schema),
                    chunk.batch().columns().to_vec(),
                );
                cutter.push(fit.apply(&batch?).map_err(wrong)?)?;
            }
        } else {
            while let Some(batch) = self.source.next()? {
                cutter.push(fit.apply(&batch).map_err(wrong)?)?;
            }
        }
        let chunks: Arc<[Arc<Chunk>]> = match as_gathered {
            Some(chunks) => chunks.into(),
            None => cutter.finish()?.into(),
        };
        self.arranged = Some(Arranged {
            layout: Arc::clone(layout),
            partition_by: Arc::clone(partition_by),
            verbatim: fit.is_identity(),
            chunks: Arc::clone(&chunks),
        });
        Ok(NewRows::new(Arc::clone(layout), chunks))
    }

    /// The table's schema changed after a stream had been converted to the one before.
    fn schema_moved(&self, tx: &Transaction) -> WriteError {
        let base = tx.base_id();
        let subject = Subject::Table(self.name.clone());
        let conflict = Conflict::new(subject, Rule::Layout, base, base);
        WriteError::Commit(CommitError::Conflict(Box::new(conflict)))
    }
}

/// What a merge does to the table's columns, as alterations that can be made on another version.
fn alterations(before: &TableSchema, fit: &Fit) -> Arc<[SchemaChange]> {
    let after = fit.schema();
    let column = |id: &ColumnId| after.index_of_id(*id).map(|index| &after.columns()[index]);
    let added: Vec<_> =
        fit.added().iter().filter_map(column).map(|column| Arc::clone(column.field())).collect();
    let widened = fit.widened().iter().filter_map(column).filter_map(|column| {
        let before = &before.columns()[before.index_of_id(column.id())?];
        let (name, to) = (before.name().to_owned(), column.data_type().clone());
        Some(SchemaChange::WidenColumn { name, to })
    });
    let mut alterations: Vec<SchemaChange> = widened.collect();
    if !added.is_empty() {
        alterations.push(SchemaChange::AddColumns(added));
    }
    alterations.into()
}
