//! Does this fit that: may these rows be written to that table, and what must be done to them.
//!
//! Planning ([`fit`]) looks at schemas only and tells everything that is wrong at once; applying
//! ([`Fit::apply`]) looks at rows and tells the first that is wrong. Columns are matched by folded
//! name or by position. Fields *within* columns are matched by folded name as well, in any order,
//! with one exception: by position under [`CastPolicy::Ansi`] they go by position, as they do in
//! Spark's `insertInto`. (Spark's `saveAsTable` matches them by position too, and so swaps the
//! values of two fields of one type that come in another order; here they find their names.)
//!
//! What the table says wins: its names, its encodings, its metadata and its nullability stay, and
//! a null where it allows none is an error of the row.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

use super::cast::{self, Structs};
use super::common::common_type;
use super::error::TypeMismatch;
use super::kin::{Kin, element, entry, is_encodable, is_plain_run_end, kin};
use super::make::{mint, relaxed, relaxed_type, with_type};
use super::read::{assemble, check_layout};
use super::{CastPolicy, Column, ColumnId, SchemaError, TableSchema, join, refuse_duplicates};

/// How columns of the rows find columns of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matching {
    /// By folded name, in any order.
    #[default]
    ByName,
    /// The first to the first and so on; names do not matter.
    ByPosition,
}

/// What to do about columns of the table that the rows do not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Refuse the rows.
    #[default]
    Refuse,
    /// Fill them with nulls, if they are nullable. By position: those at the end.
    FillNull,
}

/// What to do about columns of the rows that the table does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Extra {
    /// Refuse the rows.
    #[default]
    Refuse,
    /// Add them to the table, nullable: Spark's `mergeSchema`.
    AddColumn,
}

/// How rows may differ from the table that they are written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FitRules {
    /// How columns are matched.
    pub matching: Matching,
    /// What may happen to values.
    pub casts: CastPolicy,
    /// What to do about columns that the rows lack, within structs too.
    pub missing: Missing,
    /// What to do about columns that the table lacks, within structs too.
    pub extra: Extra,
    /// Whether a column of the table becomes wider where the incoming type is wider. This is
    /// tried before a lossy cast, and only done if rows already there are sure to fit.
    pub widen: bool,
}

/// Plans how rows of `incoming` become rows of `table`.
///
/// Pure, and in proportion to the number of columns; without any work if `incoming` has the
/// fields of the table. `next` is the table's next free column id.
///
/// # Errors
///
/// Each names everything that it is about: [`SchemaError::DuplicateNames`] (by name only),
/// [`SchemaError::Columns`], [`SchemaError::ColumnCount`] (by position only),
/// [`SchemaError::NothingForNotNull`], [`SchemaError::Types`], [`SchemaError::IdsExhausted`].
pub fn fit(
    incoming: &Schema,
    table: &Arc<TableSchema>,
    rules: &FitRules,
    next: &mut ColumnId,
) -> Result<Fit, SchemaError> {
    let structs = match (rules.matching, rules.casts) {
        (Matching::ByPosition, CastPolicy::Ansi) => Structs::ByPosition,
        _ => Structs::ByName,
    };
    if incoming.fields() == table.arrow().fields() {
        return Ok(Fit::identity(incoming.fields(), table, structs));
    }
    let (matched, extra) = match rules.matching {
        Matching::ByName => match_by_name(incoming, table)?,
        Matching::ByPosition => match_by_position(incoming, table, rules)?,
    };

    let mut planner = Planner { rules, structs, refusals: Refusals::default() };
    let mut columns = Vec::new();
    let mut widened = Vec::new();
    let mut sources = Vec::with_capacity(table.len() + extra.len());
    for (at, (column, source)) in table.columns().iter().zip(matched).enumerate() {
        let settled = source.map(|from| planner.settle_column(&incoming.fields()[from], column));
        if source.is_none() {
            planner.lacks(column.name(), column.field());
        }
        if let Some(Some(wider)) = &settled {
            if columns.is_empty() {
                columns = table.columns().to_vec();
            }
            let field = column.field().as_ref().clone().with_data_type(wider.clone());
            columns[at] = Column::new(column.id(), field);
            widened.push(column.id());
        }
        let data_type = settled.as_ref().and_then(Option::as_ref).unwrap_or(column.data_type());
        sources.push(Source::of(incoming, source, data_type));
    }

    let mut free = *next;
    let mut added = Vec::new();
    for from in extra {
        let field = &incoming.fields()[from];
        if rules.extra == Extra::Refuse {
            planner.refusals.extra.push(field.name().clone());
            continue;
        }
        if columns.is_empty() {
            columns = table.columns().to_vec();
        }
        free = free.max(mint::first_free(table)?);
        let (id, field) = (mint::take(&mut free)?, relaxed(field));
        added.push(id);
        sources.push(Source::of(incoming, Some(from), field.data_type()));
        columns.push(Column::new(id, field));
    }
    planner.refusals.into_result(rules.casts)?;

    let schema =
        if columns.is_empty() { Arc::clone(table) } else { Arc::new(table.with_columns(columns)?) };
    *next = free;
    let incoming = incoming.fields().clone();
    Ok(Fit { schema, added, widened, incoming, sources: Source::unless_identity(sources), structs })
}

/// How rows of one schema become rows of a table.
#[derive(Clone, Debug)]
pub struct Fit {
    schema: Arc<TableSchema>,
    added: Vec<ColumnId>,
    widened: Vec<ColumnId>,
    incoming: Fields,
    /// Where each column of `schema` comes from; none if each comes from its own place, as it is.
    sources: Option<Box<[Source]>>,
    structs: Structs,
}

impl Fit {
    /// The schema of the table after the write: the same `Arc` as before if nothing is added or
    /// widened.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// The columns that the write adds.
    pub fn added(&self) -> &[ColumnId] {
        &self.added
    }

    /// The columns whose type the write changes: made wider, or with a field added within.
    pub fn widened(&self) -> &[ColumnId] {
        &self.widened
    }

    /// Whether columns are passed on as they are, in their order.
    pub fn is_identity(&self) -> bool {
        self.sources.is_none()
    }

    /// The rows of `batch` as rows of the table: the result has exactly the schema
    /// `self.schema().arrow()` and shares every column whose type is already right.
    ///
    /// # Errors
    ///
    /// [`SchemaError::BatchDiffers`] if the batch is not of the schema that was planned for;
    /// [`SchemaError::Null`], [`SchemaError::Overflow`], each with its row;
    /// [`SchemaError::Unconvertible`].
    pub fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, SchemaError> {
        check_layout(batch, &self.incoming)?;
        let rows = batch.num_rows();
        let columns = self.schema.columns();
        let arrays = match &self.sources {
            None => batch.columns().to_vec(),
            Some(sources) => columns
                .iter()
                .zip(sources)
                .map(|(column, source)| {
                    match source {
                        Source::Pass(from) => Ok(Arc::clone(batch.column(*from))),
                        Source::Convert(from) => {
                            let array = batch.column(*from);
                            cast::convert(array, column.data_type(), self.structs, None)
                        }
                        Source::Nulls => cast::nulls(column.data_type(), rows),
                    }
                    .map_err(|failure| failure.in_column(column.name()))
                })
                .collect::<Result<_, _>>()?,
        };
        for (column, array) in columns.iter().zip(&arrays).filter(|(c, _)| !c.is_nullable()) {
            cast::refuse_nulls(array, None).map_err(|failure| failure.in_column(column.name()))?;
        }
        assemble(Arc::clone(self.schema.arrow()), arrays, rows)
    }

    fn identity(incoming: &Fields, table: &Arc<TableSchema>, structs: Structs) -> Self {
        Self {
            schema: Arc::clone(table),
            added: Vec::new(),
            widened: Vec::new(),
            incoming: incoming.clone(),
            sources: None,
            structs,
        }
    }
}

/// Where a column of the table comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Pass(usize),
    Convert(usize),
    Nulls,
}

impl Source {
    fn of(incoming: &Schema, from: Option<usize>, to: &DataType) -> Self {
        match from {
            None => Self::Nulls,
            Some(from) if incoming.field(from).data_type() == to => Self::Pass(from),
            Some(from) => Self::Convert(from),
        }
    }

    fn unless_identity(sources: Vec<Self>) -> Option<Box<[Self]>> {
        let identity = sources.iter().enumerate().all(|(at, s)| *s == Self::Pass(at));
        (!identity).then(|| sources.into_boxed_slice())
    }
}

/// For each column of the table its place in `incoming`, and the places that go to none.
type Matched = (Vec<Option<usize>>, Vec<usize>);

fn match_by_name(incoming: &Schema, table: &TableSchema) -> Result<Matched, SchemaError> {
    refuse_duplicates(incoming.fields())?;
    let mut matched = vec![None; table.len()];
    let mut extra = Vec::new();
    for (from, field) in incoming.fields().iter().enumerate() {
        match table.index_of(field.name()) {
            Some(at) => matched[at] = Some(from),
            None => extra.push(from),
        }
    }
    Ok((matched, extra))
}

fn match_by_position(
    incoming: &Schema,
    table: &TableSchema,
    rules: &FitRules,
) -> Result<Matched, SchemaError> {
    let (came, has) = (incoming.fields().len(), table.len());
    if came > has && rules.extra == Extra::Refuse || came < has && rules.missing == Missing::Refuse
    {
        return Err(SchemaError::ColumnCount { incoming: came, table: has });
    }
    Ok(((0..has).map(|at| (at < came).then_some(at)).collect(), (has..came).collect()))
}

/// Everything that speaks against a write.
#[derive(Debug, Default)]
struct Refusals {
    missing: Vec<String>,
    extra: Vec<String>,
    nothing: Vec<String>,
    mismatches: Vec<TypeMismatch>,
}

impl Refusals {
    fn into_result(self, policy: CastPolicy) -> Result<(), SchemaError> {
        let Self { missing, extra, nothing, mismatches } = self;
        if !missing.is_empty() || !extra.is_empty() {
            return Err(SchemaError::Columns { missing, extra });
        }
        if !nothing.is_empty() {
            return Err(SchemaError::NothingForNotNull { names: nothing });
        }
        if !mismatches.is_empty() {
            return Err(SchemaError::Types { mismatches, policy });
        }
        Ok(())
    }
}

struct Planner<'a> {
    rules: &'a FitRules,
    structs: Structs,
    refusals: Refusals,
}

impl Planner<'_> {
    fn settle_column(&mut self, incoming: &Field, column: &Column) -> Option<DataType> {
        let (from, to) = (incoming.data_type(), column.data_type());
        if *from == DataType::Null && !column.is_nullable() {
            self.refusals.nothing.push(column.name().to_owned());
        }
        self.settle(column.name(), from, to)
    }

    /// The rows have nothing for a column, or for a field of a struct.
    fn lacks(&mut self, path: &str, field: &Field) {
        match self.rules.missing {
            Missing::Refuse => self.refusals.missing.push(path.to_owned()),
            Missing::FillNull if !field.is_nullable() => {
                self.refusals.nothing.push(path.to_owned());
            }
            Missing::FillNull => {}
        }
    }

    /// The type that the table gets in place of `to`, if it gets another. Refusals are noted.
    fn settle(&mut self, path: &str, from: &DataType, to: &DataType) -> Option<DataType> {
        use DataType::*;
        if from == to || *from == Null {
            return None;
        }
        match (from, to) {
            (_, Null) if self.rules.widen => Some(relaxed_type(from)),
            (Dictionary(_, value), _) => self.settle(path, value, to),
            (RunEndEncoded(_, value), _) => self.settle(path, value.data_type(), to),
            (_, Dictionary(key, value)) if is_encodable(value) => {
                let wider = self.settle(path, from, value)?;
                Some(Dictionary(key.clone(), Box::new(wider)))
            }
            (_, RunEndEncoded(ends, value)) if is_plain_run_end(ends, value) => {
                let wider = self.settle(path, from, value.data_type())?;
                Some(RunEndEncoded(Arc::clone(ends), with_type(value, wider)))
            }
            (Struct(from), Struct(to)) => self.settle_struct(path, from, to).map(Struct),
            (Map(from_entries, sorted), Map(to_entries, to_sorted)) if *sorted || !*to_sorted => {
                let (Some((from_key, from_value)), Some((to_key, to_value))) =
                    (entry(from_entries), entry(to_entries))
                else {
                    return self.refuse(path, from, to);
                };
                let key = self.settle_child(&join(path, "key"), from_key, to_key);
                let value = self.settle_child(&join(path, "value"), from_value, to_value);
                if key.is_none() && value.is_none() {
                    return None;
                }
                let key = key.unwrap_or_else(|| Arc::clone(to_key));
                let value = value.unwrap_or_else(|| Arc::clone(to_value));
                let entries = Struct([key, value].into_iter().collect());
                Some(Map(with_type(to_entries, entries), *to_sorted))
            }
            _ => match (element(from), element(to)) {
                (Some(from_element), Some(to_element)) if is_list_fit(from, to) => {
                    let path = join(path, "element");
                    let element = self.settle_child(&path, from_element, to_element)?;
                    Some(match to {
                        FixedSizeList(_, size) => FixedSizeList(element, *size),
                        LargeList(_) => LargeList(element),
                        ListView(_) => ListView(element),
                        LargeListView(_) => LargeListView(element),
                        _ => List(element),
                    })
                }
                (None, None) => self.settle_leaf(path, from, to),
                _ => self.refuse(path, from, to),
            },
        }
    }

    fn settle_child(&mut self, path: &str, from: &Field, to: &FieldRef) -> Option<FieldRef> {
        Some(with_type(to, self.settle(path, from.data_type(), to.data_type())?))
    }

    fn settle_struct(&mut self, path: &str, from: &Fields, to: &Fields) -> Option<Fields> {
        let mut fields: Vec<FieldRef> = Vec::with_capacity(to.len());
        let mut used = vec![false; from.len()];
        let mut changed = false;
        for (at, field) in to.iter().enumerate() {
            let path = join(path, field.name());
            let wider = match cast::source_of(from, self.structs, at, field.name()) {
                Some(source) => {
                    used[source] = true;
                    self.settle_child(&path, &from[source], field)
                }
                None => {
                    self.lacks(&path, field);
                    None
                }
            };
            changed |= wider.is_some();
            fields.push(wider.unwrap_or_else(|| Arc::clone(field)));
        }
        for (field, _) in from.iter().zip(used).filter(|(_, used)| !used) {
            match self.rules.extra {
                Extra::Refuse => self.refusals.extra.push(join(path, field.name())),
                Extra::AddColumn => {
                    changed = true;
                    fields.push(relaxed(field));
                }
            }
        }
        changed.then(|| fields.into())
    }

    fn settle_leaf(&mut self, path: &str, from: &DataType, to: &DataType) -> Option<DataType> {
        let policy = self.rules.casts;
        let cast = kin(from, to);
        let allowed = |up_to| cast.is_some_and(|kin| kin.policy <= up_to);
        if allowed(policy.min(CastPolicy::Lossless)) {
            return None;
        }
        if self.rules.widen
            && let Some(common) = common_type(to, from)
            && kin(to, &common).is_some_and(Kin::always_widens)
            && kin(from, &common).is_some_and(|kin| kin.policy <= policy)
        {
            return Some(common);
        }
        if allowed(policy) { None } else { self.refuse(path, from, to) }
    }

    fn refuse(&mut self, path: &str, from: &DataType, to: &DataType) -> Option<DataType> {
        let (column, from, to) = (path.to_owned(), from.clone(), to.clone());
        self.refusals.mismatches.push(TypeMismatch { column, from, to });
        None
    }
}

/// Whether a list of one kind may become one of another, their elements aside: a fixed size is
/// kept, and can be given up but not gained.
fn is_list_fit(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::FixedSizeList(_, size), DataType::FixedSizeList(_, to_size)) => size == to_size,
        (_, to) => !matches!(to, DataType::FixedSizeList(..)),
    }
}
