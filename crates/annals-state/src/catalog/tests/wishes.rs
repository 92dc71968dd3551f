//! What a user asks for, in terms that do not depend on the version that it is asked of.
//!
//! A [`Wish`] becomes a [`Change`] against a catalog, in the way that floor 2 makes them: columns
//! get ids from the mark of the table, rows to delete are found by looking. So one wish can be
//! staged on a base and carried over, or made on the head at once, and the outcomes compared.

pub(crate) mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema};

pub(crate) use self::rows::Which;
use super::kit::{Dice, Row, batch, chunks, database, field, row, table};
use crate::Chunk;
use crate::catalog::Catalog;
use crate::commit::OperationKind;
use crate::name::{DatabaseName, TableName};
use crate::predicate::{Predicate, col};
use crate::save_mode::SaveMode;
use crate::schema::{
    CastPolicy, ColumnId, Extra, FitRules, Matching, Missing, Nullability, TableSchema, fit,
    for_new_table, for_replaced_table,
};
use crate::table::{Details, TableKind, TableVersion};
use crate::version::{Version, VersionId};
use crate::write_set::{Change, NewRows, NewSchema, PropertyPatch, Removal, SchemaChange};

/// The name and type of a column; all are nullable.
pub(crate) type ColumnOf = (String, DataType);

/// Rows in a chunk of the rows that wishes write.
const CHUNK_ROWS: usize = 2;

#[derive(Clone, Debug)]
pub(crate) enum Wish {
    CreateDatabase {
        name: DatabaseName,
        property: Option<(&'static str, &'static str)>,
    },
    DropDatabase {
        name: DatabaseName,
        cascade: bool,
    },
    AlterDatabase {
        name: DatabaseName,
        patch: PropertyPatch,
    },
    Create {
        name: TableName,
        columns: Vec<ColumnOf>,
        rows: Vec<Row>,
    },
    CreateView {
        name: TableName,
    },
    /// Columns that the table lacks are added to it.
    Append {
        name: TableName,
        columns: Vec<ColumnOf>,
        rows: Vec<Row>,
        patch: PropertyPatch,
    },
    /// Without columns: those that the table has.
    Overwrite {
        name: TableName,
        columns: Option<Vec<ColumnOf>>,
        rows: Vec<Row>,
        patch: PropertyPatch,
    },
    Truncate {
        name: TableName,
    },
    /// Deletes the rows whose `column` is `value`, and puts `rows` in their place.
    ReplaceWhere {
        name: TableName,
        column: String,
        value: i64,
        rows: Vec<Row>,
        told: bool,
    },
    Delete {
        name: TableName,
        which: Which,
    },
    /// Gives the rows another value in one column.
    Update {
        name: TableName,
        which: Which,
        set: (String, i64),
    },
    /// Writes these chunks anew, or all: in order, or in another one that follows from a seed.
    Compact {
        name: TableName,
        chunks: Option<BTreeSet<u64>>,
        shuffle: Option<u64>,
    },
    Alter {
        name: TableName,
        alterations: Vec<SchemaChange>,
    },
    Describe {
        name: TableName,
        patch: PropertyPatch,
    },
    Rename {
        from: TableName,
        to: TableName,
    },
    Drop {
        name: TableName,
    },
    RestoreTable {
        name: TableName,
        source: Arc<TableVersion>,
        from: VersionId,
    },
    RestoreStore {
        source: Arc<Version>,
    },
}

pub(crate) fn long_columns(names: &[&str]) -> Vec<ColumnOf> {
    names.iter().map(|name| ((*name).to_owned(), DataType::Int64)).collect()
}

pub(crate) fn set(key: &str, value: &str) -> PropertyPatch {
    PropertyPatch { set: vec![(key.into(), value.into())], ..PropertyPatch::default() }
}

pub(crate) fn unset(key: &str) -> PropertyPatch {
    PropertyPatch { unset: vec![key.into()], ..PropertyPatch::default() }
}

pub(crate) fn comment(text: Option<&str>) -> PropertyPatch {
    PropertyPatch { comment: Some(text.map(Into::into)), ..PropertyPatch::default() }
}

pub(crate) fn add_columns(names: &[&str]) -> SchemaChange {
    SchemaChange::AddColumns(names.iter().map(|name| field(name, &DataType::Int64)).collect())
}

fn schema_of(columns: &[ColumnOf]) -> Schema {
    Schema::new(columns.iter().map(|(name, of)| field(name, of)).collect::<Vec<FieldRef>>())
}

impl Wish {
    pub(crate) fn create(name: &str, columns: &[&str], rows: &[Row]) -> Self {
        Self::Create { name: table(name), columns: long_columns(columns), rows: rows.to_vec() }
    }

    pub(crate) fn append(name: &str, columns: &[&str], values: &[i64]) -> Self {
        let rows = values.iter().map(|value| row(columns, *value)).collect();
        let patch = PropertyPatch::default();
        Self::Append { name: table(name), columns: long_columns(columns), rows, patch }
    }

    /// Replaces the rows and keeps the schema.
    pub(crate) fn overwrite(name: &str, columns: &[&str], values: &[i64]) -> Self {
        let rows = values.iter().map(|value| row(columns, *value)).collect();
        Self::Overwrite { name: table(name), columns: None, rows, patch: PropertyPatch::default() }
    }

    /// Replaces rows and schema.
    pub(crate) fn overwrite_schema(name: &str, columns: &[&str], values: &[i64]) -> Self {
        let rows = values.iter().map(|value| row(columns, *value)).collect();
        let (name, patch) = (table(name), PropertyPatch::default());
        Self::Overwrite { name, columns: Some(long_columns(columns)), rows, patch }
    }

    pub(crate) fn delete(name: &str, column: &str, value: i64) -> Self {
        Self::Delete { name: table(name), which: which(column, value) }
    }

    pub(crate) fn update(name: &str, column: &str, value: i64, set: &str, to: i64) -> Self {
        Self::Update { name: table(name), which: which(column, value), set: (set.into(), to) }
    }

    /// All chunks, their rows in order.
    pub(crate) fn compact(name: &str) -> Self {
        Self::Compact { name: table(name), chunks: None, shuffle: None }
    }

    pub(crate) fn alter(name: &str, alterations: impl IntoIterator<Item = SchemaChange>) -> Self {
        Self::Alter { name: table(name), alterations: alterations.into_iter().collect() }
    }

    pub(crate) fn describe(name: &str, patch: PropertyPatch) -> Self {
        Self::Describe { name: table(name), patch }
    }

    pub(crate) fn rename(from: &str, to: &str) -> Self {
        Self::Rename { from: table(from), to: table(to) }
    }

    pub(crate) fn drop(name: &str) -> Self {
        Self::Drop { name: table(name) }
    }

    /// Puts back what `version` has under `name`.
    pub(crate) fn restore(name: &str, version: &Version) -> Self {
        let name = table(name);
        let source = Arc::clone(version.catalog().table(&name).unwrap());
        Self::RestoreTable { name, source, from: version.id() }
    }

    /// The change that it takes in this catalog, as part of the version `at`. Where the catalog
    /// does not have what the wish needs, a change that the catalog will refuse.
    pub(crate) fn change(&self, catalog: &Catalog, at: VersionId) -> Change {
        match self.clone() {
            Self::CreateDatabase { name, property } => {
                let properties = property.map_or_else(PropertyPatch::default, |(k, v)| set(k, v));
                Change::CreateDatabase { name, comment: None, properties }
            }
            Self::DropDatabase { name, cascade } => Change::DropDatabase { name, cascade },
            Self::AlterDatabase { name, patch } => Change::AlterDatabase { name, patch },
            Self::Create { name, columns, rows } => {
                let mut next = ColumnId(0);
                let of = schema_of(&columns);
                let schema = for_new_table(&of, Nullability::AsWritten, &mut next).unwrap();
                let schema = Arc::new(schema);
                Change::CreateTable {
                    name,
                    kind: TableKind::Managed,
                    details: Arc::new(Details::default()),
                    rows: new_rows(&schema, &rows),
                    schema,
                    mode: Some(SaveMode::ErrorIfExists),
                }
            }
            Self::CreateView { name } => {
                let schema = Arc::new(TableSchema::new(Vec::new()).unwrap());
                Change::CreateTable {
                    name,
                    kind: TableKind::View { text: "select 1".into() },
                    details: Arc::new(Details::default()),
                    rows: NewRows::none(Arc::clone(&schema)),
                    schema,
                    mode: None,
                }
            }
            Self::Append { name, columns, rows, patch } => {
                append(catalog, name, &columns, &rows, patch)
            }
            Self::Overwrite { name, columns, rows, patch } => {
                overwrite(catalog, name, columns.as_deref(), &rows, patch)
            }
            Self::Truncate { name } => {
                let patch = PropertyPatch::default();
                let mut change = overwrite(catalog, name, None, &[], patch);
                if let Change::Replace { label, .. } = &mut change {
                    *label = OperationKind::Truncate;
                }
                change
            }
            Self::ReplaceWhere { name, column, value, rows, told } => {
                replace_where(catalog, name, &Which { column, value, told }, &rows)
            }
            Self::Delete { name, which } => rows::delete(catalog, name, &which),
            Self::Update { name, which, set: (column, to) } => {
                rows::update(catalog, name, &which, (&column, to), at)
            }
            Self::Compact { name, chunks, shuffle } => {
                rows::compact(catalog, name, chunks.as_ref(), shuffle)
            }
            Self::Alter { name, alterations } => {
                Change::AlterSchema { name, alterations: alterations.into() }
            }
            Self::Describe { name, patch } => Change::AlterDetails { name, patch },
            Self::Rename { from, to } => Change::Rename { from, to },
            Self::Drop { name } => Change::DropTable { name },
            Self::RestoreTable { name, source, from } => {
                Change::RestoreTable { name, source, from }
            }
            Self::RestoreStore { source } => Change::RestoreStore { source },
        }
    }
}

fn new_rows(layout: &Arc<TableSchema>, rows: &[Row]) -> NewRows {
    NewRows::new(Arc::clone(layout), chunks(layout, rows, CHUNK_ROWS))
}

/// Rows for a table that is not there.
fn nowhere() -> NewRows {
    NewRows::none(Arc::new(TableSchema::new(Vec::new()).unwrap()))
}

fn append(
    catalog: &Catalog,
    name: TableName,
    columns: &[ColumnOf],
    rows: &[Row],
    patch: PropertyPatch,
) -> Change {
    let Some(table) = catalog.table(&name) else {
        return Change::Append { name, alterations: Arc::from([]), patch, rows: nowhere() };
    };
    let incoming = schema_of(columns);
    let rules = FitRules {
        matching: Matching::ByName,
        casts: CastPolicy::Lossless,
        missing: Missing::FillNull,
        extra: Extra::AddColumn,
        widen: true,
    };
    let mut next = table.high_water().next_column;
    let before = table.state().schema();
    let fit = fit(&incoming, before, &rules, &mut next).unwrap();
    let after = fit.schema();
    let column = |id: &ColumnId| &after.columns()[after.index_of_id(*id).unwrap()];
    let widened = fit.widened().iter().map(|id| {
        let name = before.columns()[before.index_of_id(*id).unwrap()].name().to_owned();
        SchemaChange::WidenColumn { name, to: column(id).data_type().clone() }
    });
    let mut alterations: Vec<SchemaChange> = widened.collect();
    let added: Vec<FieldRef> =
        fit.added().iter().map(|id| Arc::clone(column(id).field())).collect();
    if !added.is_empty() {
        alterations.push(SchemaChange::AddColumns(added));
    }
    let cut = rows.chunks(CHUNK_ROWS);
    let chunks = cut.map(|rows| Chunk::new(fit.apply(&batch(&incoming, rows)).unwrap()));
    let rows = NewRows::new(Arc::clone(after), chunks.map(Arc::new).collect());
    Change::Append { name, alterations: alterations.into(), patch, rows }
}

fn overwrite(
    catalog: &Catalog,
    name: TableName,
    columns: Option<&[ColumnOf]>,
    rows: &[Row],
    patch: PropertyPatch,
) -> Change {
    let label = OperationKind::Overwrite;
    let Some(table) = catalog.table(&name) else {
        let rows = nowhere();
        let (schema, kind) = (NewSchema::Given(Arc::clone(&rows.layout)), TableKind::Managed);
        let partition_by = Arc::from([]);
        return Change::Replace { name, kind, schema, partition_by, patch, rows, label };
    };
    let state = table.state();
    let (schema, layout) = match columns {
        None => (NewSchema::Kept, Arc::clone(state.schema())),
        Some(columns) => {
            let mut next = table.high_water().next_column;
            let of = schema_of(columns);
            let made = for_replaced_table(&of, state.schema(), Nullability::AsWritten, &mut next);
            let made = made.unwrap();
            (NewSchema::Given(Arc::clone(&made)), made)
        }
    };
    Change::Replace {
        name,
        kind: TableKind::Managed,
        rows: new_rows(&layout, rows),
        schema,
        partition_by: Arc::clone(&state.details().partition_by),
        patch,
        label,
    }
}

/// Takes rows out by chunk and place, whatever they hold.
pub(crate) fn take_out(name: &str, removed: &[(u64, Removal)]) -> Change {
    Change::ChangeRows {
        name: table(name),
        removed: removed.into(),
        revived: Arc::default(),
        rows: nowhere(),
        predicate: None,
        alone: false,
        label: OperationKind::ReplaceWhere { predicate: "".into() },
    }
}

/// A comparison with a column of integers.
pub(crate) fn equals(column: &str, value: i64) -> Predicate {
    col(column).eq(value)
}

fn which(column: &str, value: i64) -> Which {
    Which { column: column.to_owned(), value, told: false }
}

fn replace_where(catalog: &Catalog, name: TableName, which: &Which, rows: &[Row]) -> Change {
    let label = OperationKind::ReplaceWhere { predicate: which.text() };
    let (removed, rows) = match catalog.table(&name) {
        None => (Arc::default(), nowhere()),
        Some(table) => {
            let state = table.state();
            (rows::removed(state, which), new_rows(state.schema(), rows))
        }
    };
    rows::change_rows(name, removed, rows, which, label)
}

/// Names from which random wishes choose.
const DATABASES: [&str; 3] = ["default", "D1", "d2"];
const TABLES: [&str; 6] = ["a", "B", "c", "d1.a", "D1.x", "d2.a"];
const COLUMNS: [&str; 5] = ["k", "v", "w", "x", "Y"];

fn random_table(dice: &mut Dice, catalog: &Catalog, present_in_ten: usize) -> TableName {
    if catalog.table_count() > 0 && dice.below(10) < present_in_ten {
        let at = dice.below(catalog.table_count());
        return catalog.tables().nth(at).unwrap().0.clone();
    }
    table(dice.pick(&TABLES))
}

fn random_columns(dice: &mut Dice) -> Vec<ColumnOf> {
    let start = dice.below(COLUMNS.len());
    let count = 1 + dice.below(4);
    let names = (0..count).map(|at| COLUMNS[(start + at) % COLUMNS.len()]);
    let column = |name: &str| {
        let name = if dice.one_in(5) { name.to_uppercase() } else { name.to_owned() };
        (name, dice.pick(&[DataType::Int32, DataType::Int64]))
    };
    names.map(column).collect()
}

fn random_rows(dice: &mut Dice, columns: &[ColumnOf]) -> Vec<Row> {
    let mut value = || (!dice.one_in(6)).then(|| dice.below(6) as i64);
    let mut row = || columns.iter().map(|(name, _)| (name.clone(), value())).collect();
    let rows: Vec<Row> = (0..5).map(|_| row()).collect();
    let count = dice.below(rows.len() + 1);
    rows.into_iter().take(count).collect()
}

/// The columns that a table has, as those of rows to write.
fn its_columns(catalog: &Catalog, name: &TableName) -> Option<Vec<ColumnOf>> {
    let columns = catalog.table(name)?.state().schema().columns().iter();
    Some(columns.map(|c| (c.name().to_owned(), c.data_type().clone())).collect())
}

fn random_patch(dice: &mut Dice) -> PropertyPatch {
    let key = dice.pick(&["p", "q"]);
    match dice.below(5) {
        0 => comment(Some(dice.pick(&["one", "two"]))),
        1 => comment(None),
        2 => unset(key),
        _ => set(key, dice.pick(&["1", "2", "3"])),
    }
}

fn random_alteration(dice: &mut Dice, columns: &[ColumnOf]) -> SchemaChange {
    let mut name = || match columns {
        [] => "k".to_owned(),
        columns => dice.pick(columns).0.clone(),
    };
    let (one, other) = (name(), name());
    match dice.below(9) {
        at @ 0..=2 => {
            let of = dice.pick(&[DataType::Int32, DataType::Int64]);
            let fields = vec![field(dice.pick(&COLUMNS), &of)];
            match at {
                2 => SchemaChange::AddColumnsBeforePartitions(fields),
                _ => SchemaChange::AddColumns(fields),
            }
        }
        3 => SchemaChange::RenameColumn { from: one, to: dice.pick(&COLUMNS).to_owned() },
        4 => SchemaChange::DropColumns(vec![one]),
        5 => SchemaChange::WidenColumn { name: one, to: DataType::Int64 },
        6 => SchemaChange::SetNullable(one),
        7 => SchemaChange::DropColumns(vec![one, other]),
        _ => SchemaChange::SetColumnComment { name: one, comment: Some("noted".to_owned()) },
    }
}

/// A wish about whatever `catalog` has, now and then about what it lacks.
pub(crate) fn random_wish(dice: &mut Dice, catalog: &Catalog, past: &[Arc<Version>]) -> Wish {
    match dice.below(46) {
        0 => {
            let name = database(dice.pick(&DATABASES));
            let property = dice.one_in(2).then_some(("p", "1"));
            Wish::CreateDatabase { name, property }
        }
        1 => {
            let cascade = !dice.one_in(3);
            Wish::DropDatabase { name: database(dice.pick(&DATABASES)), cascade }
        }
        2 => {
            let patch = random_patch(dice);
            Wish::AlterDatabase { name: database(dice.pick(&DATABASES)), patch }
        }
        3 => Wish::CreateView { name: random_table(dice, catalog, 1) },
        4..=5 => {
            let (from, to) = (random_table(dice, catalog, 9), random_table(dice, catalog, 1));
            Wish::Rename { from, to }
        }
        6 => Wish::Drop { name: random_table(dice, catalog, 9) },
        7 => Wish::RestoreStore { source: dice.pick(past) },
        8..=9 => {
            let version = dice.pick(past);
            let name = random_table(dice, version.catalog(), 9);
            match version.catalog().table(&name) {
                Some(source) => {
                    let source = Arc::clone(source);
                    Wish::RestoreTable { name, source, from: version.id() }
                }
                None => Wish::Drop { name },
            }
        }
        10..=11 => {
            let patch = random_patch(dice);
            Wish::Describe { name: random_table(dice, catalog, 9), patch }
        }
        12..=15 | 40.. => random_change_of_rows(dice, catalog),
        16..=19 => {
            let name = random_table(dice, catalog, 9);
            let columns = its_columns(catalog, &name).unwrap_or_default();
            let count = 1 + dice.below(2);
            let alterations = (0..count).map(|_| random_alteration(dice, &columns)).collect();
            Wish::Alter { name, alterations }
        }
        20 => Wish::Truncate { name: random_table(dice, catalog, 9) },
        21..=23 => {
            let name = random_table(dice, catalog, 9);
            let patch = if dice.one_in(4) { random_patch(dice) } else { PropertyPatch::default() };
            let keeps = !dice.one_in(3);
            let columns = its_columns(catalog, &name).filter(|_| keeps);
            let columns = columns.unwrap_or_else(|| random_columns(dice));
            let rows = random_rows(dice, &columns);
            Wish::Overwrite { name, columns: (!keeps).then_some(columns), rows, patch }
        }
        24..=29 => {
            let name = random_table(dice, catalog, 2);
            let columns = random_columns(dice);
            let rows = random_rows(dice, &columns);
            Wish::Create { name, columns, rows }
        }
        _ => {
            let name = random_table(dice, catalog, 9);
            let patch = if dice.one_in(8) { random_patch(dice) } else { PropertyPatch::default() };
            let keeps = !dice.one_in(4);
            let columns = its_columns(catalog, &name).filter(|_| keeps);
            let columns = columns.unwrap_or_else(|| random_columns(dice));
            let rows = random_rows(dice, &columns);
            Wish::Append { name, columns, rows, patch }
        }
    }
}

fn random_change_of_rows(dice: &mut Dice, catalog: &Catalog) -> Wish {
    let name = random_table(dice, catalog, 9);
    let columns = its_columns(catalog, &name).unwrap_or_default();
    let is_table = catalog.table(&name).is_some_and(|table| !table.state().is_view());
    let column = match columns.as_slice() {
        [] if is_table => return Wish::Truncate { name },
        [] => "k".to_owned(),
        columns => dice.pick(columns).0.clone(),
    };
    if is_table && !dice.one_in(3) {
        return rows::random_row_wish(dice, catalog, name, &columns);
    }
    let value = dice.below(6) as i64;
    let mut rows = if dice.one_in(2) { random_rows(dice, &columns) } else { Vec::new() };
    for row in &mut rows {
        row.insert(column.clone(), Some(value));
    }
    Wish::ReplaceWhere { name, column, value, rows, told: !dice.one_in(4) }
}
