//! `MERGE INTO`, by the store's own merge; its conditions and values are computed by `DataFusion`.
//!
//! Columns of both sides that the condition says are equal become the key; what else it says is
//! asked of pairs that have the same key. Without such a key every row is paired with every other.

use std::sync::Arc;

use annals::merge::{Condition, MergeValue, Pairs, computed};
use annals::{Source, Table};
use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::sql::sqlparser::ast;

use super::change::assigned;
use super::evaluate::{Compiled, boxed, columns_as, told};
use super::rows::Rows;
use super::{Work, defaults, store, tables};
use crate::casing::twice;
use crate::error::SqlError;
use crate::statement::{Assignment, ExprText, Merge, MergeAction, MergeWhen};

/// The two sides of a merge, as expressions see them.
struct Sides {
    table: Table,
    target: DFSchema,
    source: DFSchema,
    both: DFSchema,
    texts: store::Texts,
}

/// A column of the target, and what computes its value.
type Set = (usize, Option<Compiled>);

impl Work<'_> {
    pub(super) async fn merge(&mut self, merge: &Merge) -> Result<Rows, SqlError> {
        if merge.evolution {
            return Err(unsupported("MERGE WITH SCHEMA EVOLUTION", "add the columns first"));
        }
        let table = self.target(&merge.name, "MERGE INTO TABLE")?;
        let called = merge.alias.as_deref().unwrap_or(merge.name.last());
        let plan = self.plan(&all_of(&merge.source)?)?;
        let source = plan.schema().as_ref().clone();
        if let Some(name) = twice::shared(&source) {
            return Err(SqlError::ColumnTwice { name: name.to_lowercase() });
        }
        let target = columns_as(&table, called)?;
        let both = target.join(&source)?;
        let texts = store::Texts::of(self.scope.state());
        let sides = Sides { table, target, source, both, texts };
        let on = self.merge_expr(&merge.on, &sides.both)?;
        let mut clauses = Vec::new();
        for clause in &merge.clauses {
            let schema = sides.of(clause.when);
            let condition = match &clause.condition {
                Some(condition) => {
                    let expr = self.merge_expr(condition, schema)?;
                    Some(self.compiled(expr, schema)?)
                }
                None => None,
            };
            let sets = match &clause.action {
                MergeAction::Delete => None,
                MergeAction::Update(sets) => Some(self.merge_sets(&sides, clause.when, sets)?),
                MergeAction::Insert(sets) => {
                    Some(with_all(&sides, self.merge_sets(&sides, clause.when, sets)?))
                }
                MergeAction::UpdateAll => Some(self.all_sets(&sides, clause.when)?),
                MergeAction::InsertAll => {
                    Some(with_all(&sides, self.all_sets(&sides, clause.when)?))
                }
            };
            clauses.push((clause.when, condition, sets));
        }
        let (schema, rows) = self.run_plan(plan).await?;
        let rows = concat_batches(&schema, &rows).map_err(DataFusionError::from)?;
        let (rows, keys, rest) = keys(&sides, on, &rows)?;
        let rest = match rest {
            Some(rest) => Some(self.compiled(rest, &sides.both)?),
            None if keys.is_empty() => {
                let always =
                    Expr::Literal(datafusion::common::ScalarValue::Boolean(Some(true)), None);
                Some(self.compiled(always, &sides.both)?)
            }
            None => None,
        };
        let sides = &sides;
        let name = sides.table.name().clone();
        // What the merge makes depends on the rows that were there.
        drop(self.tx.table(&name)?);
        let mut work = self.tx.merge(&name, Source::new(rows.schema(), [rows])).on_columns(keys);
        if let Some(rest) = &rest {
            work = work.and_on(move |pairs| {
                let batch = sides.batch(pairs, MergeWhen::Matched)?;
                rest.truths(&batch).map_err(boxed)
            });
        }
        for (when, condition, sets) in &clauses {
            let when = *when;
            let condition = condition.as_ref().map(|condition| {
                Condition::test(move |pairs: &Pairs| {
                    let batch = sides.batch(pairs, when)?;
                    condition.truths(&batch).map_err(boxed)
                })
            });
            let values = sets.as_ref().map(|sets| {
                let mut values: Vec<(String, MergeValue<'_>)> = Vec::with_capacity(sets.len());
                for (at, compiled) in sets {
                    values.push((sides.name_of(*at), sides.value(*at, compiled.as_ref(), when)));
                }
                values
            });
            work = match (when, condition, values) {
                (MergeWhen::Matched, None, None) => work.when_matched_delete(),
                (MergeWhen::Matched, Some(condition), None) => {
                    work.when_matched_delete_if(condition)
                }
                (MergeWhen::Matched, None, Some(sets)) => work.when_matched_update(sets),
                (MergeWhen::Matched, Some(condition), Some(sets)) => {
                    work.when_matched_update_if(condition, sets)
                }
                (MergeWhen::NotMatched, None, sets) => {
                    work.when_not_matched_insert(sets.unwrap_or_default())
                }
                (MergeWhen::NotMatched, Some(condition), sets) => {
                    work.when_not_matched_insert_if(condition, sets.unwrap_or_default())
                }
                (MergeWhen::NotMatchedBySource, None, None) => {
                    work.when_not_matched_by_source_delete()
                }
                (MergeWhen::NotMatchedBySource, Some(condition), None) => {
                    work.when_not_matched_by_source_delete_if(condition)
                }
                (MergeWhen::NotMatchedBySource, None, Some(sets)) => {
                    work.when_not_matched_by_source_update(sets)
                }
                (MergeWhen::NotMatchedBySource, Some(condition), Some(sets)) => {
                    work.when_not_matched_by_source_update_if(condition, sets)
                }
            };
        }
        let done = work.execute().map_err(told)?;
        let all = done.updated + done.deleted + done.inserted;
        Ok(Rows::none()
            .count("num_affected_rows", all)
            .count("num_updated_rows", done.updated)
            .count("num_deleted_rows", done.deleted)
            .count("num_inserted_rows", done.inserted))
    }

    fn merge_expr(&self, expr: &ExprText, schema: &DFSchema) -> Result<Expr, SqlError> {
        let (planned, nested) = self.logical(&expr.expr, schema)?;
        if nested {
            return Err(unsupported(
                "a subquery in a condition or value of MERGE",
                "put it into the source",
            ));
        }
        self.simplified(planned, schema)
    }

    fn merge_sets(
        &self,
        sides: &Sides,
        when: MergeWhen,
        assignments: &[Assignment],
    ) -> Result<Vec<Set>, SqlError> {
        let schema = sides.of(when);
        let assignments = defaults::assigned(&sides.table, assignments)?;
        let set = |assignment: &Assignment| {
            let at = assigned(&sides.table, assignment)?;
            let expr = self.merge_expr(&assignment.value, schema)?;
            sides.may_store(at, &expr, schema)?;
            Ok((at, Some(self.compiled(expr, schema)?)))
        };
        assignments.iter().map(set).collect()
    }

    /// Every column of the table gets the source's column of its name.
    fn all_sets(&self, sides: &Sides, when: MergeWhen) -> Result<Vec<Set>, SqlError> {
        let schema = sides.of(when);
        let table = sides.table.schema();
        let set = |(at, field): (usize, &Arc<Field>)| {
            let found =
                sides.source.iter().find(|(_, source)| tables::same(source.name(), field.name()));
            let Some((qualifier, source)) = found else {
                let columns = sides.source.iter().map(|(_, field)| vec![field.name().clone()]);
                return Err(SqlError::NoColumn {
                    name: vec![field.name().clone()],
                    available: columns.collect(),
                });
            };
            let expr = Expr::Column(Column::from((qualifier, source)));
            sides.may_store(at, &expr, schema)?;
            Ok((at, Some(self.compiled(expr, schema)?)))
        };
        table.fields().iter().enumerate().map(set).collect()
    }
}

impl Sides {
    fn of(&self, when: MergeWhen) -> &DFSchema {
        match when {
            MergeWhen::Matched => &self.both,
            MergeWhen::NotMatched => &self.source,
            MergeWhen::NotMatchedBySource => &self.target,
        }
    }

    /// The rows that expressions of a clause are computed on.
    fn batch(
        &self,
        pairs: &Pairs,
        when: MergeWhen,
    ) -> Result<RecordBatch, annals::error::BoxError> {
        let (target, source) = (pairs.target.columns(), pairs.source.columns());
        // Behind the source's own columns there may be keys.
        let source = &source[..source.len().min(self.source.fields().len())];
        let columns: Vec<ArrayRef> = match when {
            MergeWhen::Matched => target.iter().chain(source).cloned().collect(),
            MergeWhen::NotMatched => source.to_vec(),
            MergeWhen::NotMatchedBySource => target.to_vec(),
        };
        let fields = self.of(when).fields().iter().zip(&columns);
        let fields = fields
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let rows = arrow::array::RecordBatchOptions::new()
            .with_row_count(Some(pairs.source.num_rows().max(pairs.target.num_rows())));
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }

    fn name_of(&self, at: usize) -> String {
        self.table.schema().field(at).name().clone()
    }

    fn may_store(&self, at: usize, expr: &Expr, schema: &DFSchema) -> Result<(), SqlError> {
        use datafusion::logical_expr::ExprSchemable;
        let (from, table) = (expr.get_type(schema)?, self.table.schema());
        let field = table.field(at);
        if store::may_store(&from, field.data_type()) {
            return Ok(());
        }
        Err(SqlError::CannotStore {
            table: self.table.name().clone(),
            column: field.name().clone(),
            from,
            to: field.data_type().clone(),
        })
    }

    fn value<'a>(
        &'a self,
        at: usize,
        compiled: Option<&'a Compiled>,
        when: MergeWhen,
    ) -> MergeValue<'a> {
        computed(move |pairs: &Pairs| {
            let batch = self.batch(pairs, when)?;
            let schema = self.table.schema();
            let field = schema.field(at);
            match compiled {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(compiled) => {
                    let values = compiled.values(&batch).map_err(boxed)?;
                    store::stored(self.texts, self.table.name(), field, &values).map_err(boxed)
                }
            }
        })
    }
}

/// Columns that an insert does not name are null.
fn with_all(sides: &Sides, mut sets: Vec<Set>) -> Vec<Set> {
    for at in 0..sides.table.schema().fields().len() {
        if !sets.iter().any(|(named, _)| *named == at) {
            sets.push((at, None));
        }
    }
    sets
}

/// `SELECT * FROM` whatever the source is.
fn all_of(source: &ast::TableFactor) -> Result<ast::Query, SqlError> {
    let mut query = crate::parse::parse_query("SELECT * FROM t")?;
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.from[0].relation = source.clone();
    }
    Ok(*query)
}

type Keys = Vec<(String, String)>;

/// Takes the equalities of columns out of the condition. The source's columns are brought into the
/// types of the table, as columns of their own, where their values fit.
fn keys(
    sides: &Sides,
    on: Expr,
    rows: &RecordBatch,
) -> Result<(RecordBatch, Keys, Option<Expr>), SqlError> {
    let mut fields: Vec<Field> = Vec::new();
    // The engine finds columns by name, and names may occur twice on the way here.
    for index in 0..rows.num_columns() {
        let data_type = rows.column(index).data_type().clone();
        fields.push(Field::new(format!("__source_{index}"), data_type, true));
    }
    let mut columns = rows.columns().to_vec();
    let (mut keys, mut rest) = (Vec::new(), Vec::new());
    for part in split_conjunction_owned(on) {
        let Some((target, source)) = key(sides, &part) else {
            rest.push(part);
            continue;
        };
        let table = sides.table.schema();
        let wanted = table.field(target).data_type();
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let values = rows.column(source);
        let cast = match lossless(values.data_type(), wanted) {
            true => cast_with_options(values, wanted, &options).ok(),
            false => None,
        };
        let Some(values) = cast else {
            rest.push(part);
            continue;
        };
        let name = format!("__key_{}", keys.len());
        fields.push(Field::new(&name, wanted.clone(), true));
        columns.push(values);
        keys.push((sides.name_of(target), name));
    }
    let count = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &count);
    Ok((rows.map_err(DataFusionError::from)?, keys, conjunction(rest)))
}

/// Whether a value of the one type, if it can be brought into the other, equals what comes of it.
fn lossless(from: &DataType, to: &DataType) -> bool {
    from == to
        || from.is_integer() && to.is_integer()
        || matches!(from, DataType::Utf8View | DataType::LargeUtf8) && *to == DataType::Utf8
}

/// The columns that an equality of two columns is about.
fn key(sides: &Sides, expr: &Expr) -> Option<(usize, usize)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = expr else { return None };
    let column = |expr: &Expr| {
        // Integers of two widths are compared as the wider one.
        let inner = match expr {
            Expr::Cast(cast) if cast.field.data_type().is_integer() => &cast.expr,
            _ => expr,
        };
        let Expr::Column(column) = inner else { return None };
        sides.both.maybe_index_of_column(column)
    };
    let (left, right) = (column(left)?, column(right)?);
    let split = sides.target.fields().len();
    match (left < split, right < split) {
        (true, false) => Some((left, right - split)),
        (false, true) => Some((right, left - split)),
        _ => None,
    }
}

fn unsupported(what: &str, instead: &str) -> SqlError {
    SqlError::Unsupported { what: what.to_owned(), instead: instead.to_owned() }
}
