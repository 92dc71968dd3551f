//! What a transaction does to each name, in sum: what the conflict check asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Change, NewSchema, PropertyPatch, SchemaChange};
use crate::catalog::Catalog;
use crate::name::TableName;
use crate::predicate::Predicate;
use crate::schema::TableSchema;
use crate::table::{TableId, TableVersion};

/// What a transaction does to each name, in sum: derived from its changes when others committed
/// in between, and not before.
#[derive(Debug, Default)]
pub struct Footprints {
    pub(crate) tables: BTreeMap<TableName, Footprint>,
    pub(crate) replaces_store: bool,
}

/// What a transaction does to one name, as the conflict check sees it.
#[derive(Debug)]
pub(crate) struct Footprint {
    /// What the name stood for at the base.
    pub(crate) base: Option<Arc<TableVersion>>,
    pub(crate) kinds: Kinds,
    /// Chunks of the base of which rows were taken out: they may have been compacted meanwhile.
    pub(crate) touched: BTreeSet<u64>,
    /// Chunks that must be as they were at the base.
    pub(crate) fixed: BTreeSet<u64>,
    /// What the history calls the change of rows.
    pub(crate) rows_changed_by: Option<&'static str>,
    /// The rows that a change in part is about.
    pub(crate) predicates: Vec<Arc<Predicate>>,
    /// Folded names of added columns.
    pub(crate) added_columns: BTreeSet<String>,
    /// Layouts of appended rows, which must go on fitting.
    pub(crate) layouts: Vec<Arc<TableSchema>>,
    pub(crate) property_keys: BTreeSet<Arc<str>>,
    pub(crate) sets_comment: bool,
    /// Whether the columns are set as a whole, and not altered one by one.
    pub(crate) sets_schema: bool,
    /// The table that a restore puts under the name.
    pub(crate) brings_back: Option<TableId>,
}

/// The kinds of change that a transaction makes to one table: the rows of the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) const CREATE: Self = Self(1);
    pub(crate) const APPEND: Self = Self(1 << 1);
    pub(crate) const OVERWRITE: Self = Self(1 << 2);
    pub(crate) const ROWS: Self = Self(1 << 3);
    pub(crate) const ADD_COLUMN: Self = Self(1 << 4);
    pub(crate) const SCHEMA: Self = Self(1 << 5);
    pub(crate) const PROPERTY: Self = Self(1 << 6);
    pub(crate) const DROP: Self = Self(1 << 7);
    pub(crate) const RESTORE: Self = Self(1 << 8);
    pub(crate) const COMPACT: Self = Self(1 << 9);

    pub(crate) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    fn add(&mut self, kind: Self) {
        self.0 |= kind.0;
    }
}

impl Footprints {
    fn footprint(&mut self, base: &Catalog, name: &TableName) -> &mut Footprint {
        let base = || Footprint::of(base.table(name).cloned());
        self.tables.entry(name.clone()).or_insert_with(base)
    }

    pub(super) fn note(&mut self, base: &Catalog, change: &Change) {
        match change {
            // The catalog itself says when one of these no longer applies.
            Change::CreateDatabase { .. }
            | Change::DropDatabase { .. }
            | Change::AlterDatabase { .. } => {}
            Change::CreateTable { name, .. } => {
                self.footprint(base, name).kinds.add(Kinds::CREATE);
            }
            Change::Replace { name, schema, patch, partition_by, kind, .. } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::OVERWRITE);
                let same = footprint.base.as_ref().is_some_and(|table| {
                    let state = table.state();
                    let columns = match schema {
                        NewSchema::Kept => true,
                        NewSchema::Merged(schema) | NewSchema::Given(schema) => {
                            TableSchema::same(schema, &state.schema)
                        }
                    };
                    columns && *partition_by == state.details.partition_by && *kind == state.kind
                });
                // What others said of columns meanwhile is not in it.
                footprint.sets_schema |= matches!(schema, NewSchema::Merged(_));
                if !same {
                    footprint.kinds.add(Kinds::SCHEMA);
                }
                footprint.note_patch(patch);
            }
            Change::Append { name, alterations, patch, rows } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::APPEND);
                footprint.layouts.push(Arc::clone(&rows.layout));
                footprint.note_alterations(alterations);
                footprint.note_patch(patch);
            }
            Change::ChangeRows { name, removed, revived, predicate, alone, rows, label } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::ROWS);
                if *alone {
                    footprint.kinds.add(Kinds::OVERWRITE);
                }
                let base_chunks = footprint.base_chunks();
                let touched = removed.iter().map(|(sequence, _)| *sequence);
                footprint.touched.extend(touched.filter(|sequence| *sequence < base_chunks));
                footprint.fixed.extend(revived.iter().map(|revival| revival.sequence));
                footprint.rows_changed_by.get_or_insert(label.name_with_article());
                footprint.predicates.extend(predicate.clone());
                footprint.layouts.push(Arc::clone(&rows.layout));
            }
            Change::Compact { name, removed, rows } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::COMPACT);
                let base_chunks = footprint.base_chunks();
                footprint.fixed.extend(removed.iter().filter(|sequence| **sequence < base_chunks));
                footprint.layouts.push(Arc::clone(&rows.layout));
            }
            Change::AlterSchema { name, alterations } => {
                self.footprint(base, name).note_alterations(alterations);
            }
            Change::SetSchema { name, .. } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::SCHEMA);
                footprint.sets_schema = true;
                // Rows that are rewritten meanwhile would lose the values of a column that comes
                // back.
                let chunks = footprint.base.iter().flat_map(|table| table.state.chunks());
                footprint.fixed = chunks.map(|(sequence, _)| sequence).collect();
            }
            Change::AlterDetails { name, patch } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::PROPERTY);
                footprint.note_patch(patch);
            }
            Change::Rename { from, to } => {
                self.footprint(base, from).kinds.add(Kinds::SCHEMA);
                if from != to {
                    self.footprint(base, to).kinds.add(Kinds::CREATE);
                }
            }
            Change::DropTable { name } => self.footprint(base, name).kinds.add(Kinds::DROP),
            Change::RestoreTable { name, source, .. } => {
                let footprint = self.footprint(base, name);
                footprint.kinds.add(Kinds::RESTORE);
                footprint.brings_back = Some(source.id);
            }
            Change::RestoreStore { .. } => self.replaces_store = true,
        }
    }
}

impl Footprint {
    fn of(base: Option<Arc<TableVersion>>) -> Self {
        Self {
            base,
            kinds: Kinds::default(),
            touched: BTreeSet::new(),
            fixed: BTreeSet::new(),
            rows_changed_by: None,
            predicates: Vec::new(),
            added_columns: BTreeSet::new(),
            layouts: Vec::new(),
            property_keys: BTreeSet::new(),
            sets_comment: false,
            sets_schema: false,
            brings_back: None,
        }
    }

    /// What the change of rows is called in a message.
    pub(crate) fn changes_rows(&self) -> &'static str {
        self.rows_changed_by.unwrap_or("a change of rows")
    }

    /// The first sequence that the base has not used.
    fn base_chunks(&self) -> u64 {
        self.base.as_ref().map_or(0, |table| table.marks.next_sequence)
    }

    fn note_patch(&mut self, patch: &PropertyPatch) {
        if !patch.is_empty() {
            self.kinds.add(Kinds::PROPERTY);
            self.property_keys.extend(patch.keys().cloned());
            self.sets_comment |= patch.comment.is_some();
        }
    }

    fn note_alterations(&mut self, alterations: &[SchemaChange]) {
        for alteration in alterations {
            match alteration {
                SchemaChange::AddColumns(fields)
                | SchemaChange::AddColumnsBeforePartitions(fields) => {
                    self.kinds.add(Kinds::ADD_COLUMN);
                    let names = fields.iter().map(|f| crate::schema::fold(f.name()).into_owned());
                    self.added_columns.extend(names);
                }
                SchemaChange::SetColumnComment { .. } => self.kinds.add(Kinds::PROPERTY),
                _ => self.kinds.add(Kinds::SCHEMA),
            }
        }
    }
}
