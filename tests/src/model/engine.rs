//! The engine under test: makes the calls that steps stand for, and tells what it shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::error::{CommitError, ReadError, TagError, TravelError, WriteError};
use annals::merge::{Condition, source};
use annals::{
    At, Changed, Commit, Committed, Compacted, Compaction, Filter, Literal, NewDatabase, NewTable,
    NewView, Operation, OperationKind, Predicate, PropertyPatch, Saved, SchemaChange, Snapshot,
    Source, Store, TableKind, Target, Timestamp, Transaction, VersionId, Writer, col, set,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::draft::Record;
use super::past::Past;
use super::step::{Alter, Batch, Given, MergeHow, Moment, Op, Patch, Save, Where};
use super::world::{Cell, Kind, Value, row_text, said};

// ---- what is passed in ----------------------------------------------------------------------

/// The Arrow type of a kind.
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Small => DataType::Int32,
        Kind::Int => DataType::Int64,
        Kind::Text => DataType::Utf8,
    }
}

/// Rows as Arrow has them.
pub fn record_batch(rows: &Batch) -> RecordBatch {
    let field = |(name, kind): &(&str, Kind)| Field::new(*name, data_type(*kind), true);
    let schema = Schema::new(rows.columns.iter().map(field).collect::<Vec<_>>());
    let int = |cell: &Cell| match cell {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    };
    let text = |cell: &Cell| match cell {
        Some(Value::Text(value)) => Some(value.clone()),
        _ => None,
    };
    let array = |(at, (_, kind)): (usize, &(&str, Kind))| -> ArrayRef {
        let cells = rows.rows.iter().map(|row| &row[at]);
        match kind {
            Kind::Int => Arc::new(cells.map(int).collect::<Int64Array>()),
            Kind::Small => {
                let small = |cell| int(cell).map(|value| i32::try_from(value).unwrap_or(0));
                Arc::new(cells.map(small).collect::<Int32Array>())
            }
            Kind::Text => Arc::new(cells.map(text).collect::<StringArray>()),
        }
    };
    let columns = rows.columns.iter().enumerate().map(array).collect();
    RecordBatch::try_new(Arc::new(schema), columns).expect("the model's rows are a batch")
}

/// A value as a literal.
pub fn literal(value: &Value) -> Literal {
    match value {
        Value::Int(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

/// A condition as a predicate.
pub fn predicate(condition: &Where) -> Predicate {
    match condition {
        Where::Is(name, how, value) => {
            let (column, value) = (col(*name), literal(value));
            match *how {
                "=" => column.eq(value),
                "!=" => column.ne(value),
                "<" => column.lt(value),
                "<=" => column.lt_eq(value),
                ">" => column.gt(value),
                _ => column.gt_eq(value),
            }
        }
        Where::In(name, values) => col(*name).is_in(values.iter().copied()),
        Where::Null(name) => col(*name).is_null(),
        Where::Not(inner) => !predicate(inner),
        Where::And(one, other) => predicate(one).and(predicate(other)),
        Where::Or(one, other) => predicate(one).or(predicate(other)),
    }
}

fn filter(condition: Option<&Where>) -> Filter<'static> {
    condition.map_or_else(Filter::all, |condition| predicate(condition).into())
}

/// A moment, where the store has this past.
pub fn moment(moment: &Moment, past: &Past) -> At {
    match moment {
        Moment::Back(back) => At::Version(VersionId(past.back(*back))),
        Moment::Time(..) => At::Timestamp(Timestamp(past.micros(moment))),
        Moment::Tag(tag) => (*tag).into(),
    }
}

fn patch(patch: &Patch) -> PropertyPatch {
    let mut made = PropertyPatch::new();
    made = match patch.comment {
        Some(Some(comment)) => made.with_comment(comment),
        Some(None) => made.without_comment(),
        None => made,
    };
    if let Some((key, value)) = patch.set {
        made = made.with(key, value);
    }
    patch.unset.iter().fold(made, |made, key| made.without(key))
}

fn alteration(alter: &Alter) -> SchemaChange {
    match alter {
        Alter::Add(name, kind, nullable) => {
            SchemaChange::AddColumns(vec![Field::new(*name, data_type(*kind), *nullable).into()])
        }
        Alter::Rename(from, to) => {
            SchemaChange::RenameColumn { from: (*from).to_owned(), to: (*to).to_owned() }
        }
        Alter::Drop(names) => {
            SchemaChange::DropColumns(names.iter().map(|name| (*name).to_owned()).collect())
        }
        Alter::Widen(name, kind) => {
            SchemaChange::WidenColumn { name: (*name).to_owned(), to: data_type(*kind) }
        }
        Alter::SetNullable(name) => SchemaChange::SetNullable((*name).to_owned()),
        Alter::Comment(name, comment) => SchemaChange::SetColumnComment {
            name: (*name).to_owned(),
            comment: comment.map(str::to_owned),
        },
    }
}

/// The rows of a save as a source.
pub fn rows_of(save: &Save) -> Source<'static> {
    match &save.rows {
        Some(rows) => record_batch(rows).into(),
        None => Vec::<RecordBatch>::new().into(),
    }
}

/// Gives a writer the options of a save.
pub fn with_options<'a>(writer: Writer<'a>, save: &Save) -> Writer<'a> {
    let mut writer = writer
        .mode(save.mode)
        .merge_schema(save.merge_schema)
        .matching(save.matching)
        .casts(save.casts)
        .missing(save.missing)
        .nullability(save.nullability);
    if let Some(overwrite) = save.overwrite_schema {
        writer = writer.overwrite_schema(overwrite);
    }
    if let Some(condition) = &save.replace_where {
        writer = writer.replace_where(predicate(condition));
    }
    if let Some(columns) = &save.partition_by {
        writer = writer.partition_by(columns.iter().copied());
    }
    if let Some((key, value)) = save.property {
        writer = writer.property(key, value);
    }
    if let Some(comment) = save.comment {
        writer = writer.comment(comment);
    }
    if save.external {
        writer = writer.external("x");
    }
    if save.fail_if_changed { writer.fail_if_changed() } else { writer }
}

// ---- calls ----------------------------------------------------------------------------------

macro_rules! make {
    ($on:expr, $op:expr, $past:expr) => {
        match $op {
            Op::CreateTable { name, columns, partition_by, if_not_exists, comment } => {
                $on.create_table(*name, new_table(columns, partition_by, *if_not_exists, *comment))
            }
            Op::CreateView { name, text, or_replace, property } => {
                $on.create_view(*name, new_view(text, *or_replace, *property))
            }
            Op::DropTable(name) => $on.drop_table(*name),
            Op::RenameTable(from, to) => $on.rename_table(*from, *to),
            Op::Truncate(name) => $on.truncate(*name),
            Op::AlterTable(name, alterations) => match &alterations[..] {
                [Alter::Rename(from, to)] => $on.rename_column(*name, from, to),
                [Alter::Drop(columns)] => $on.drop_columns(*name, columns.iter().copied()),
                [Alter::Widen(column, kind)] => $on.widen_column(*name, column, &data_type(*kind)),
                [Alter::Add(column, kind, nullable)] => {
                    $on.add_columns(*name, [Field::new(*column, data_type(*kind), *nullable)])
                }
                all => $on.alter_table(*name, all.iter().map(alteration)),
            },
            Op::SetProperties(name, change) => $on.set_properties(*name, &patch(change)),
            Op::CreateDatabase { name, if_not_exists, comment } => {
                $on.create_database(new_database(name, *if_not_exists, *comment))
            }
            Op::DropDatabase(name, true) => $on.drop_database_cascade(*name),
            Op::DropDatabase(name, false) => $on.drop_database(*name),
            Op::AlterDatabase(name, change) => $on.alter_database(*name, &patch(change)),
            Op::RestoreTable(name, at) => $on.restore_table(*name, moment(at, $past)),
            Op::Restore(at) => $on.restore(moment(at, $past)),
            Op::Revert(back) => $on.revert($past.back(*back)),
            _ => unreachable!("changes of rows are made elsewhere"),
        }
    };
}

macro_rules! merge {
    ($on:expr, $name:expr, $keys:expr, $rows:expr, $how:expr) => {{
        let merge = $on.merge(*$name, record_batch($rows)).on($keys.iter().copied());
        let merge = match $how {
            MergeHow::Upsert => merge.when_matched_update_all().when_not_matched_insert_all(),
            MergeHow::Delete => merge.when_matched_delete(),
            MergeHow::InsertOnly => merge.when_not_matched_insert_all(),
            MergeHow::Mirror => {
                merge.when_matched_update([("v", source("k"))]).when_not_matched_by_source_delete()
            }
            MergeHow::Conditions => merge
                .when_matched_update_all_if(Condition::source(col("k").gt(2)))
                .when_matched_delete()
                .when_not_matched_insert_all_if(Condition::source(col("k").lt(5))),
        };
        merge.execute()
    }};
}

fn assignments(sets: &[(&'static str, Given)]) -> Vec<annals::Assignment<'static>> {
    let assigned = |(column, given): &(&'static str, Given)| match given {
        Given::Value(value) => set(*column, literal(value)),
        Given::Column(other) => set(*column, col(*other)),
    };
    sets.iter().map(assigned).collect()
}

fn compaction(by: &[&'static str]) -> Compaction {
    Compaction::new().sort_by(by.iter().copied())
}

/// Makes a change as a commit of its own.
#[track_caller]
pub fn on_store(
    store: &Store,
    op: &Op,
    past: &Past,
) -> Result<(String, Option<Committed>), WriteError> {
    Ok(match op {
        Op::Save(save) => {
            let saved = save_on(with_options(store.write(rows_of(save)), save), save)?;
            (saved_text(&saved), saved.committed().cloned())
        }
        Op::Delete(name, condition) => changed(store.delete(*name, filter(condition.as_ref()))?),
        Op::Update(name, sets, condition) => {
            changed(store.update(*name, assignments(sets), filter(condition.as_ref()))?)
        }
        Op::Merge(name, on, rows, how) => changed(merge!(store, name, on, rows, how)?),
        Op::Compact(name, by) if by.is_empty() => {
            let done = store.compact(*name)?;
            (compacted_text(&done), done.committed)
        }
        Op::Compact(name, by) => {
            let done = store.compact_with(*name, &compaction(by))?;
            (compacted_text(&done), done.committed)
        }
        op => (String::new(), Some(make!(store, op, past)?)),
    })
}

/// Makes a change in a transaction.
#[track_caller]
pub fn on_transaction(tx: &mut Transaction, op: &Op, past: &Past) -> Result<String, WriteError> {
    Ok(match op {
        Op::Save(save) => saved_text(&save_on(with_options(tx.write(rows_of(save)), save), save)?),
        Op::Delete(name, condition) => {
            let rows = tx.delete(*name, filter(condition.as_ref()))?;
            format!("{rows} deleted, 0 updated, 0 inserted")
        }
        Op::Update(name, sets, condition) => {
            let rows = tx.update(*name, assignments(sets), filter(condition.as_ref()))?;
            format!("0 deleted, {rows} updated, 0 inserted")
        }
        Op::Merge(name, on, rows, how) => changed(merge!(tx, name, on, rows, how)?).0,
        Op::Compact(name, by) => compacted_text(&tx.compact(*name, &compaction(by))?),
        op => {
            make!(tx, op, past)?;
            String::new()
        }
    })
}

fn save_on(writer: Writer<'_>, save: &Save) -> Result<Saved, WriteError> {
    match save.insert {
        true => writer.insert_into(save.name),
        false => writer.save_as_table(save.name),
    }
}

fn new_table(
    columns: &[(&'static str, Kind, bool)],
    partition_by: &[&'static str],
    if_not_exists: bool,
    comment: Option<&'static str>,
) -> NewTable {
    let field = |(name, kind, nullable): &(&str, Kind, bool)| {
        Field::new(*name, data_type(*kind), *nullable)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let mut new = NewTable::new(schema).partition_by(partition_by.iter().copied());
    if let Some(comment) = comment {
        new = new.comment(comment);
    }
    if if_not_exists { new.if_not_exists() } else { new }
}

fn new_view(text: &str, or_replace: bool, property: Option<(&str, &str)>) -> NewView {
    let mut new = NewView::new(text);
    if let Some((key, value)) = property {
        new = new.property(key, value);
    }
    if or_replace { new.or_replace() } else { new }
}

fn new_database(name: &str, if_not_exists: bool, comment: Option<&str>) -> NewDatabase {
    let mut new = NewDatabase::new(name);
    if let Some(comment) = comment {
        new = new.comment(comment);
    }
    if if_not_exists { new.if_not_exists() } else { new }
}

// ---- what comes back ------------------------------------------------------------------------

/// What a save came to, as text.
pub fn saved_text(saved: &Saved) -> String {
    format!("{:?}, {} rows", saved.outcome(), saved.rows())
}

fn changed(done: Changed) -> (String, Option<Committed>) {
    let Changed { deleted, updated, inserted, committed, .. } = done;
    (format!("{deleted} deleted, {updated} updated, {inserted} inserted"), Some(committed))
}

fn compacted_text(done: &Compacted) -> String {
    assert!(!done.gave_way || done.committed.is_none());
    format!("{} chunks as {}", done.chunks_before, done.chunks_after)
}

/// The name of a value's variant, by its debug text.
fn variant(value: &dyn std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take_while(|char| char.is_alphanumeric()).collect()
}

/// The kind of an error, as the model names it.
pub fn write_error(error: &WriteError) -> String {
    match error {
        WriteError::Catalog(annals::error::CatalogError::Schema { source, .. }) => {
            format!("Schema.{}", variant(source))
        }
        WriteError::Catalog(error) => format!("Catalog.{}", variant(error)),
        WriteError::Travel(error) => travel_error(error),
        WriteError::Commit(error) => commit_error(error),
        error => variant(error),
    }
}

/// The kind of an error, as the model names it.
pub fn commit_error(error: &CommitError) -> String {
    variant(error)
}

/// The kind of an error, as the model names it.
pub fn travel_error(error: &TravelError) -> String {
    format!("Travel.{}", variant(error))
}

/// The kind of an error, as the model names it.
pub fn tag_error(error: &TagError) -> String {
    match error {
        TagError::Travel(error) => travel_error(error),
        error => format!("Tag.{}", variant(error)),
    }
}

/// The kind of an error, as the model names it.
pub fn read_error(error: &ReadError) -> String {
    match error {
        ReadError::Catalog { source, .. } => format!("Catalog.{}", variant(source)),
        ReadError::Travel(error) => travel_error(error),
        error => variant(error),
    }
}

/// What the record of a commit says.
pub fn records(commit: &Commit) -> Vec<Record> {
    commit.operations.iter().map(|operation| record(operation)).collect()
}

fn record(operation: &Operation) -> Record {
    let label = match &operation.kind {
        OperationKind::CreateTable { mode: Some(mode) } => format!("CreateTable {mode}"),
        kind => variant(kind),
    };
    let target = match &operation.target {
        Target::Table { name, .. } => format!("{}.{}", name.database_str(), name.table_str()),
        Target::Database(name) => name.as_str().to_owned(),
        _ => "the store".to_owned(),
    };
    let metrics = &operation.metrics;
    (label, target, [metrics.rows_added, metrics.rows_removed, metrics.rows_updated])
}

/// The values of a batch, row by row.
pub fn cells(batch: &RecordBatch) -> Vec<Vec<Cell>> {
    let cell = |column: &ArrayRef, at: usize| -> Cell {
        if column.is_null(at) {
            return None;
        }
        Some(match column.data_type() {
            DataType::Int32 => Value::Int(i64::from(column.as_primitive::<Int32Type>().value(at))),
            DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(at)),
            _ => Value::Text(column.as_string::<i32>().value(at).to_owned()),
        })
    };
    let row = |at| batch.columns().iter().map(|column| cell(column, at)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// All that a snapshot shows, as text, in the form of [`World::text`](super::world::World::text).
pub fn shown(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for database in snapshot.databases() {
        let name = database.name();
        let properties = owned(database.properties());
        lines.push(format!("database {name}{}", said(database.comment(), &properties)));
        for name in snapshot.tables(name).expect("the database was listed") {
            lines.extend(shown_table(snapshot, &name));
        }
    }
    for application in ["etl", "web"] {
        let applied = snapshot.value().catalog().applied(application);
        lines.extend(applied.map(|(s, v)| format!("{application} wrote {s} in {v}")));
    }
    lines
}

fn owned<'a>(
    pairs: impl IntoIterator<Item = (&'a Arc<str>, &'a Arc<str>)>,
) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn shown_table(snapshot: &Snapshot, name: &annals::TableName) -> Vec<String> {
    let table = snapshot.table(name.clone()).expect("the table was listed");
    let state = table.value().state();
    let what = match table.kind() {
        TableKind::Managed => "table".to_owned(),
        TableKind::External { location } => format!("external table at {location}"),
        TableKind::View { text } => format!("view {text:?}"),
        kind => panic!("{name} is {kind:?}, which the model does not know"),
    };
    let (database, of) = (name.database_str(), name.table_str());
    let mut line = format!("  {database}.{of}: {what} #{}, ", table.id().0);
    line += &format!("state {} of {}, ", table.ordinal(), table.since());
    line += &format!("created in {}, by {:?}", table.created(), table.partition_columns());
    line += &said(table.comment(), &owned(table.properties()));
    let mut lines = vec![line];
    for column in state.schema().columns() {
        let kind = match column.data_type() {
            DataType::Int32 => Kind::Small,
            DataType::Int64 => Kind::Int,
            _ => Kind::Text,
        };
        let null = if column.is_nullable() { "" } else { " not null" };
        let comment = column.field().metadata().get("comment").map_or("", String::as_str);
        let (id, name) = (column.id().0, column.name());
        lines.push(format!("    column #{id} {name} {kind:?}{null} {comment}"));
    }
    if state.is_view() {
        let refused = table.read().expect_err("a view has no rows");
        assert_eq!(read_error(&refused), "View");
        return lines;
    }
    let mut origins = Vec::new();
    for (_, entry) in state.chunks() {
        let gone = |at| entry.deletions().is_some_and(|gone| gone.rows().contains(at));
        let rows = u32::try_from(entry.chunk().rows()).expect("a chunk is small here");
        origins.extend((0..rows).filter(|at| !gone(*at)).map(|at| entry.origin(at)));
    }
    let mut origins = origins.into_iter();
    for batch in table.read().expect("a table can be read") {
        assert_eq!(batch.schema(), table.schema());
        for values in cells(&batch) {
            let origin = origins.next().expect("each row has an origin");
            lines.push(row_text(origin.row, origin.born.0, origin.changed.0, &values));
        }
    }
    assert_eq!(origins.next(), None, "each origin has a row");
    let rows = lines.iter().filter(|line| line.starts_with("    row #")).count();
    assert_eq!(rows as u64, table.row_count(), "{name}");
    lines
}
