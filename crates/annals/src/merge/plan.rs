//! A merge made ready for one state of the table: names became places, literals arrays.

use std::sync::Arc;

use annals_state::TableName;
use annals_state::predicate::{BoundPredicate, PredicateError};
use annals_state::schema::{
    self, CastPolicy, ColumnId, Extra, FitRules, Matching, Missing, TableSchema,
};
use annals_state::table::TableState;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field, FieldRef, Schema};
use arrow_select::filter::{filter, prep_null_mask_filter};
use arrow_select::take::take;

use super::block::Block;
use super::clause::{Action, Clause, Condition, PairsFunction, Part, ValueKind, When};
use super::keys::{Keys, source_index};
use crate::definition::schema_error;
use crate::error::{BoxError, WriteError};
use crate::row_change::{call, index_of};
use crate::selection::ValueCount;
use crate::snapshot::shorten;

/// What a merge is about, for as long as it is decided against one state.
pub(super) struct Plan<'a> {
    pub(super) name: &'a TableName,
    pub(super) state: &'a Arc<TableState>,
    pub(super) source: &'a RecordBatch,
    pub(super) keys: Option<Keys>,
    /// The caller's part of the join.
    pub(super) tests: &'a [PairsFunction<'a, BooleanArray>],
    pub(super) clauses: Vec<Ready<'a>>,
}

/// A clause, ready to be asked.
pub(super) struct Ready<'a> {
    pub(super) when: When,
    condition: Vec<ReadyPart<'a>>,
    /// For each column of the table what it gets, if it gets something; none for a delete.
    sets: Option<Vec<Option<ReadyValue<'a>>>>,
}

enum ReadyPart<'a> {
    /// Of each row of the source, whether it matches.
    Source(BooleanArray),
    Target(BoundPredicate),
    Test(&'a PairsFunction<'a, BooleanArray>),
}

enum ReadyValue<'a> {
    One(ArrayRef),
    Target(usize),
    Source(usize),
    Function(&'a PairsFunction<'a, ArrayRef>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        name: &'a TableName,
        state: &'a Arc<TableState>,
        source: &'a RecordBatch,
        on: &'a [(String, String)],
        tests: &'a [PairsFunction<'a, BooleanArray>],
        clauses: &'a [Clause<'a>],
    ) -> Result<Self, WriteError> {
        let keys = match on {
            [] => None,
            on => Some(Keys::new(name, state, source, on)?),
        };
        let mut plan = Self { name, state, source, keys, tests, clauses: Vec::new() };
        for clause in clauses {
            let condition = match &clause.condition {
                Some(condition) => plan.condition(condition, clause.when)?,
                None => Vec::new(),
            };
            let sets = match &clause.action {
                Action::Delete => None,
                Action::Set(sets) => Some(plan.sets(sets, clause.when)?),
                Action::SetAll => Some(plan.all(on, clause.when)?),
            };
            let ready = Ready { when: clause.when, condition, sets };
            plan.check_types(&ready)?;
            plan.clauses.push(ready);
        }
        Ok(plan)
    }

    pub(super) fn has(&self, when: When) -> bool {
        self.clauses.iter().any(|clause| clause.when == when)
    }

    fn condition(
        &self,
        condition: &'a Condition<'a>,
        when: When,
    ) -> Result<Vec<ReadyPart<'a>>, WriteError> {
        let part = |part: &'a Part<'a>| {
            Ok(match part {
                Part::Source(_) if when == When::NotMatchedBySource => return Err(NO_SOURCE),
                Part::Target(_) if when == When::NotMatched => return Err(NO_TARGET),
                Part::Source(predicate) => {
                    let wrong = |error| self.wrong("a condition on the source", error);
                    let bound = predicate.bind(self.source.schema_ref()).map_err(wrong)?;
                    ReadyPart::Source(without_nulls(bound.evaluate(self.source).map_err(wrong)?))
                }
                Part::Target(predicate) => {
                    let wrong = |error| self.wrong("a condition on the table", error);
                    ReadyPart::Target(predicate.bind(self.state.arrow_schema()).map_err(wrong)?)
                }
                Part::Test(test) => ReadyPart::Test(test),
            })
        };
        condition.parts.iter().map(part).collect()
    }

    pub(super) fn wrong(&self, part: &'static str, source: PredicateError) -> WriteError {
        WriteError::MergeCondition { table: self.name.clone(), part, source: Box::new(source) }
    }

    fn sets(
        &self,
        sets: &'a [(String, super::MergeValue<'a>)],
        when: When,
    ) -> Result<Vec<Option<ReadyValue<'a>>>, WriteError> {
        if sets.is_empty() {
            return Err(WriteError::Options(
                "an update or insert of a merge assigns to one column at least",
            ));
        }
        let schema = self.state.schema();
        let mut columns: Vec<Option<ReadyValue<'_>>> =
            schema.columns().iter().map(|_| None).collect();
        for (column, value) in sets {
            let at = index_of(self.name, schema, column)?;
            let value = match &value.0 {
                ValueKind::Literal(literal) => {
                    let exactly = literal.exactly(schema.columns()[at].data_type());
                    ReadyValue::One(exactly.unwrap_or_else(|| Arc::clone(literal.array())))
                }
                ValueKind::Target(_) if when == When::NotMatched => return Err(NO_TARGET),
                ValueKind::Source(_) if when == When::NotMatchedBySource => return Err(NO_SOURCE),
                ValueKind::Target(other) => ReadyValue::Target(index_of(self.name, schema, other)?),
                ValueKind::Source(other) => {
                    ReadyValue::Source(source_index(self.name, self.source.schema_ref(), other)?)
                }
                ValueKind::Function(function) => ReadyValue::Function(function),
            };
            self.assign(&mut columns, at, value)?;
        }
        Ok(columns)
    }

    /// All columns that the source has by name; what is inserted gets its key, too.
    fn all(
        &self,
        on: &[(String, String)],
        when: When,
    ) -> Result<Vec<Option<ReadyValue<'a>>>, WriteError> {
        let schema = self.state.schema();
        let mut columns: Vec<Option<ReadyValue<'_>>> =
            schema.columns().iter().map(|_| None).collect();
        for (from, field) in self.source.schema_ref().fields().iter().enumerate() {
            if let Some(at) = schema.index_of(field.name()) {
                self.assign(&mut columns, at, ReadyValue::Source(from))?;
            }
        }
        for (of_table, of_source) in on.iter().filter(|_| when == When::NotMatched) {
            let at = index_of(self.name, schema, of_table)?;
            let from = source_index(self.name, self.source.schema_ref(), of_source)?;
            columns[at].get_or_insert(ReadyValue::Source(from));
        }
        if columns.iter().all(Option::is_none) {
            return Err(WriteError::Options(
                "the source has no column of the table by name; say which column gets what",
            ));
        }
        Ok(columns)
    }

    fn assign(
        &self,
        columns: &mut [Option<ReadyValue<'a>>],
        at: usize,
        value: ReadyValue<'a>,
    ) -> Result<(), WriteError> {
        if columns[at].replace(value).is_none() {
            return Ok(());
        }
        let column = shorten(self.state.schema().columns()[at].name());
        Err(WriteError::AssignedTwice { table: self.name.clone(), column })
    }

    /// Refuses values of types that do not fit even if there is no row to give them to. What a
    /// function returns is not known yet.
    fn check_types(&self, clause: &Ready<'a>) -> Result<(), WriteError> {
        let Some(sets) = &clause.sets else { return Ok(()) };
        let of_function =
            |set: &Option<ReadyValue<'_>>| matches!(set, Some(ReadyValue::Function(_)));
        if sets.iter().any(of_function) {
            return Ok(());
        }
        let fields = self.state.schema().columns().iter().zip(sets).filter_map(|(column, set)| {
            let kind = match set {
                None if clause.when == When::NotMatched => return None,
                None => return Some(Arc::clone(column.field())),
                Some(ReadyValue::One(one)) => one.data_type().clone(),
                Some(ReadyValue::Target(at)) => {
                    self.state.schema().columns()[*at].data_type().clone()
                }
                Some(ReadyValue::Source(at)) => self.source.column(*at).data_type().clone(),
                Some(ReadyValue::Function(_)) => column.data_type().clone(),
            };
            Some(Arc::new(Field::new(column.name(), kind, true)))
        });
        let schema = Schema::new(fields.collect::<Vec<FieldRef>>());
        fit(self.name, self.state.schema(), &schema).map(drop)
    }
}

/// What a clause of an insert asked for.
const NO_TARGET: WriteError = WriteError::Options(
    "what a merge inserts has no row of the table yet; use values and conditions of the source",
);
const NO_SOURCE: WriteError = WriteError::Options(
    "what no row of the source matches has no values of the source; use those of the table",
);

impl Ready<'_> {
    pub(super) fn is_delete(&self) -> bool {
        self.sets.is_none()
    }

    /// Whether it deletes whatever it is asked about.
    pub(super) fn deletes_always(&self) -> bool {
        self.sets.is_none() && self.condition.is_empty()
    }

    /// Divides rows into those that the clause applies to, and the others.
    pub(super) fn split<'b>(
        &self,
        plan: &Plan<'_>,
        block: Block<'b>,
    ) -> Result<(Option<Block<'b>>, Option<Block<'b>>), WriteError> {
        if block.rows == 0 {
            return Ok((None, None));
        }
        if self.condition.is_empty() {
            return Ok((Some(block), None));
        }
        // Which rows of the block are left, and the block that they make.
        let mut places = UInt32Array::from_iter_values(0..block.rows as u32);
        let mut left: Option<Block<'b>> = None;
        for part in &self.condition {
            let now = left.as_ref().unwrap_or(&block);
            if now.rows == 0 {
                break;
            }
            let mask = part.mask(plan, now)?;
            places = UInt32Array::from(filter(&places, &mask)?.to_data());
            left = Some(now.select(&mask)?);
        }
        let mut others = vec![true; block.rows];
        for place in places.values() {
            others[*place as usize] = false;
        }
        let rest = block.select(&BooleanArray::from(others))?;
        let some = |block: Block<'b>| (block.rows > 0).then_some(block);
        Ok((left.and_then(some), some(rest)))
    }

    /// The rows with the values that the clause gives them, as rows of the table.
    pub(super) fn apply(
        &self,
        plan: &Plan<'_>,
        block: &Block<'_>,
    ) -> Result<RecordBatch, WriteError> {
        let schema = plan.state.schema();
        let (mut fields, mut arrays): (Vec<FieldRef>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (at, set) in self.sets.iter().flatten().enumerate() {
            let column = &schema.columns()[at];
            let array = match set {
                None if self.when == When::NotMatched => continue,
                None => {
                    fields.push(Arc::clone(column.field()));
                    arrays.push(block.target_column(at)?);
                    continue;
                }
                Some(ReadyValue::One(one)) => {
                    take(one, &UInt32Array::from(vec![0; block.rows]), None)?
                }
                Some(ReadyValue::Target(other)) => block.target_column(*other)?,
                Some(ReadyValue::Source(other)) => block.source_column(*other)?,
                Some(ReadyValue::Function(function)) => {
                    let pairs = block.pairs()?;
                    let used = format!("for the column `{}`", column.name());
                    call(plan.name, block.rows, used, || function(pairs))?
                }
            };
            fields.push(Arc::new(Field::new(column.name(), array.data_type().clone(), true)));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(block.rows));
        let rows =
            RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        let fit = fit(plan.name, schema, rows.schema_ref())?;
        fit.apply(&rows).map_err(|error| schema_error(plan.name, error).into())
    }
}

impl ReadyPart<'_> {
    fn mask(&self, plan: &Plan<'_>, block: &Block<'_>) -> Result<BooleanArray, WriteError> {
        match self {
            Self::Source(matching) => {
                let rows = block.source_rows().iter();
                Ok(rows.map(|row| Some(matching.value(*row as usize))).collect())
            }
            Self::Target(bound) => {
                let columns = bound.columns().iter();
                let read = |at: &usize| Ok((*at, block.target_column(*at)?));
                let read: Vec<(usize, ArrayRef)> =
                    columns.map(read).collect::<Result<_, WriteError>>()?;
                let column = |at: usize| {
                    let found = read.iter().find(|(place, _)| *place == at);
                    Arc::clone(&found.expect("it is asked for what it said that it reads").1)
                };
                let wrong = |error| plan.wrong("a condition on the table", error);
                Ok(without_nulls(bound.evaluate_columns(block.rows, column).map_err(wrong)?))
            }
            Self::Test(test) => ask(plan.name, "in a condition of a merge", test, block),
        }
    }
}

/// What a caller's test says of each row; null is as false.
pub(super) fn ask(
    name: &TableName,
    used: &str,
    test: &PairsFunction<'_, BooleanArray>,
    block: &Block<'_>,
) -> Result<BooleanArray, WriteError> {
    let failed = |source: BoxError| {
        let (table, used) = (name.clone(), used.to_owned());
        WriteError::Function { table, used, source }
    };
    let passed = test(block.pairs()?).map_err(failed)?;
    if passed.len() != block.rows {
        return Err(failed(Box::new(ValueCount { expected: block.rows, found: passed.len() })));
    }
    Ok(without_nulls(passed))
}

fn without_nulls(mask: BooleanArray) -> BooleanArray {
    match mask.null_count() {
        0 => mask,
        _ => prep_null_mask_filter(&mask),
    }
}

/// How rows become rows of the table. Columns that they lack are null, as those are of an insert
/// that does not name them.
fn fit(
    name: &TableName,
    schema: &Arc<TableSchema>,
    rows: &Schema,
) -> Result<schema::Fit, WriteError> {
    let rules = FitRules {
        matching: Matching::ByName,
        casts: CastPolicy::Lossless,
        missing: Missing::FillNull,
        extra: Extra::Refuse,
        widen: false,
    };
    let fit = schema::fit(rows, schema, &rules, &mut ColumnId(u32::MAX));
    fit.map_err(|error| schema_error(name, error).into())
}
