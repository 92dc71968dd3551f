//! Applies changes to a catalog: how a transaction's draft is built, and how the same changes are
//! carried over to a version that has moved on since.
//!
//! **Rule:** applying costs what the change costs, in pointers: chunks are shared, never read.
//! A change that does not apply returns an error and leaves the catalog as it was.
//!
//! **Rule:** a transaction raises a table's ordinal by one, however many changes it makes to it.

mod databases;
mod restore;
mod rows;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::rows::add_rows;
use self::schema::alter;
use crate::catalog::{Catalog, Database, Departure};
use crate::commit::{Metrics, Operation, OperationKind, Target};
use crate::error::{CatalogError, Existing};
use crate::name::{DatabaseName, TableName};
use crate::relocation::Relocation;
use crate::schema::{ColumnId, TableSchema};
use crate::table::{
    Details, HighWater, Life, Lineage, Properties, RowIds, Stamps, TableId, TableKind, TableState,
    TableVersion,
};
use crate::version::VersionId;
use crate::write_set::{
    Change, Footprints, NewRows, NewSchema, PropertyPatch, SchemaChange, Staged,
};

/// Where changes are applied: the version that they make, and how far the base has moved.
#[derive(Clone, Debug)]
pub struct Place {
    at: VersionId,
    base: VersionId,
    oldest_retained: VersionId,
    /// High-water marks at the base and now, of tables where the two differ.
    moved: BTreeMap<TableId, (HighWater, HighWater)>,
    /// Where rows are now that others moved.
    relocation: Relocation,
}

impl Place {
    /// On top of the version that the transaction began at.
    pub fn on_base(base: VersionId, at: VersionId, oldest_retained: VersionId) -> Self {
        let (moved, relocation) = Default::default();
        Self { at, base, oldest_retained, moved, relocation }
    }

    /// On top of `head`, which other commits made since the transaction began at `base`.
    pub fn on_head(
        footprints: &Footprints,
        base: VersionId,
        head: &Catalog,
        at: VersionId,
        oldest_retained: VersionId,
        relocation: Relocation,
    ) -> Self {
        let mut moved = BTreeMap::new();
        for (name, footprint) in &footprints.tables {
            let (Some(before), Some(now)) = (&footprint.base, head.table(name)) else { continue };
            if before.id == now.id && before.marks != now.marks {
                moved.insert(now.id, (before.marks, now.marks));
            }
        }
        Self { at, base, oldest_retained, moved, relocation }
    }

    /// A provisional sequence as it is here.
    fn sequence(&self, table: TableId, sequence: u64) -> u64 {
        match self.moved.get(&table) {
            Some((before, now)) if sequence >= before.next_sequence => {
                sequence - before.next_sequence + now.next_sequence
            }
            _ => sequence,
        }
    }

    /// A provisional column id as it is here.
    fn column(&self, table: TableId, id: ColumnId) -> ColumnId {
        match self.moved.get(&table) {
            Some((before, now)) if id >= before.next_column => {
                ColumnId(id.0 - before.next_column.0 + now.next_column.0)
            }
            _ => id,
        }
    }

    fn lineage(&self, table: TableId, lineage: &Arc<Lineage>) -> Arc<Lineage> {
        lineage.settled(self.base, self.at, self.moved.get(&table))
    }

    /// A schema in which columns have provisional ids, as it is here.
    fn layout(&self, table: TableId, layout: &Arc<TableSchema>) -> Arc<TableSchema> {
        let moves = self.moved.get(&table).is_some_and(|(before, now)| {
            before.next_column != now.next_column
                && layout.columns().iter().any(|column| column.id() >= before.next_column)
        });
        if moves { Arc::new(layout.remap(|id| self.column(table, id))) } else { Arc::clone(layout) }
    }
}

/// What a change came to.
struct Applied {
    kind: OperationKind,
    target: Target,
    metrics: Metrics,
    discarded: Vec<VersionId>,
    tables: Vec<TableId>,
}

impl Catalog {
    /// Makes one change and returns its record.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] if the change does not apply; the catalog is then as it was.
    pub fn apply(&mut self, staged: &Staged, place: &Place) -> Result<Operation, CatalogError> {
        let applied = match &staged.change {
            Change::CreateDatabase { name, comment, properties } => {
                self.create_database(name, comment.as_ref(), properties, place)
            }
            Change::DropDatabase { name, cascade } => self.drop_database(name, *cascade, place),
            Change::AlterDatabase { name, patch } => self.alter_database(name, patch),
            Change::CreateTable { name, kind, schema, details, rows, mode } => {
                let state =
                    TableState::empty(kind.clone(), Arc::clone(schema), Arc::clone(details));
                let label = match kind {
                    TableKind::View { .. } => OperationKind::CreateView,
                    _ => OperationKind::CreateTable { mode: *mode },
                };
                self.create_table(name, state, rows, label, place)
            }
            Change::Replace { name, kind, schema, partition_by, patch, rows, label } => {
                let content = Replacement { kind, schema, partition_by, patch, rows };
                self.replace(name, &content, label.clone(), place)
            }
            Change::Append { name, alterations, patch, rows } => {
                self.append(name, alterations, patch, rows, place)
            }
            Change::ChangeRows { name, removed, revived, rows, label, .. } => {
                self.change_rows(name, (removed, revived, rows), label.clone(), place)
            }
            Change::Compact { name, removed, rows } => self.compact(name, removed, rows, place),
            Change::AlterSchema { name, alterations } => {
                self.alter_schema(name, alterations, place)
            }
            Change::SetSchema { name, schema, description } => {
                self.set_schema(name, schema, description, place)
            }
            Change::AlterDetails { name, patch } => self.alter_details(name, patch, place),
            Change::Rename { from, to } => self.rename(from, to, place),
            Change::DropTable { name } => self.drop_table(name, place),
            Change::RestoreTable { name, source, from } => {
                self.restore_table(name, source, *from, place)
            }
            Change::RestoreStore { source } => Ok(self.restore_store(source, place)),
        }?;
        Ok(Operation {
            kind: applied.kind,
            target: applied.target,
            metrics: applied.metrics,
            location: staged.location.clone(),
            discarded: applied.discarded,
            tables: applied.tables,
        })
    }

    /// The table of this name, or an error that helps to find it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoDatabase`] or [`CatalogError::NoTable`].
    pub fn require_table(&self, name: &TableName) -> Result<&Arc<TableVersion>, CatalogError> {
        self.table(name).ok_or_else(|| {
            let database = name.database();
            if self.database(&database).is_none() {
                return CatalogError::NoDatabase { database };
            }
            // Names that a person mixes up: the same table elsewhere.
            let same = |other: &&TableName| other.table_folded() == name.table_folded();
            let similar = self.databases().take(100).find_map(|database| {
                let other = TableName::new(database.name(), name.table_str()).ok()?;
                self.table_entry(&other).map(|(name, _)| name).filter(same).cloned()
            });
            CatalogError::NoTable { table: name.clone(), similar }
        })
    }

    /// The database of this name, or an error.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoDatabase`].
    pub fn require_database(&self, name: &DatabaseName) -> Result<&Arc<Database>, CatalogError> {
        self.database(name).ok_or_else(|| CatalogError::NoDatabase { database: name.clone() })
    }

    fn create_table(
        &mut self,
        name: &TableName,
        mut state: TableState,
        rows: &NewRows,
        kind: OperationKind,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let database = Arc::clone(self.require_database(&name.database())?);
        if let Some(existing) = self.table(name) {
            return Err(exists(name, existing));
        }
        let name = written_in(&database, name);
        let id = self.next_table;
        let mut marks =
            HighWater { next_column: next_column(&state.schema), ..HighWater::default() };
        let mut stamps = Stamps { schema: place.at, ..Stamps::default() };
        let metrics = add_rows(&mut state, &mut marks, id, rows, place);
        if metrics.rows_added > 0 {
            stamps.append = place.at;
        }
        let life = Life { name: name.clone(), from: place.at, from_ordinal: 0, until: None };
        let table = TableVersion {
            id,
            name: name.clone(),
            ordinal: 0,
            since: place.at,
            created: place.at,
            state: Arc::new(state),
            marks,
            stamps,
            lives: Arc::from([life]),
        };
        self.next_table = TableId(id.0 + 1);
        self.tables.insert(Arc::new(table));
        self.count_tables(&name.database(), 1, place);
        let target = Target::Table { name, id, ordinal: 0 };
        Ok(Applied { kind, target, metrics, discarded: Vec::new(), tables: Vec::new() })
    }

    fn replace(
        &mut self,
        name: &TableName,
        content: &Replacement<'_>,
        kind: OperationKind,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = Arc::clone(self.require_table(name)?);
        let old = current.state();
        let schema = match content.schema {
            NewSchema::Kept => Arc::clone(&old.schema),
            NewSchema::Merged(schema) | NewSchema::Given(schema) => {
                place.layout(current.id, schema)
            }
        };
        let partition_by: Arc<[ColumnId]> = if *content.partition_by == old.details.partition_by {
            Arc::clone(content.partition_by)
        } else {
            content.partition_by.iter().map(|id| place.column(current.id, *id)).collect()
        };
        let mut next = TableVersion::clone(&current);
        let mut details = Arc::clone(&old.details);
        if !content.patch.is_empty() || details.partition_by != partition_by {
            let details = Arc::make_mut(&mut details);
            details.patch(content.patch);
            details.partition_by = partition_by;
            if !content.patch.is_empty() {
                next.stamps.property = place.at;
            }
        }
        if !TableSchema::same(&schema, &old.schema)
            || *content.kind != old.kind
            || details.partition_by != old.details.partition_by
        {
            next.stamps.schema = place.at;
        }
        next.stamps.overwrite = place.at;
        next.marks.next_column = next_column(&schema).max(next.marks.next_column);

        let discarded = discarded_by(&current, place);
        let mut state = TableState::empty(content.kind.clone(), schema, details);
        if Arc::ptr_eq(&state.schema, &old.schema) && old.layouts.len() == 1 {
            state.layouts = Arc::clone(&old.layouts);
        }
        let mut metrics = add_rows(&mut state, &mut next.marks, current.id, content.rows, place);
        metrics += removed_with(old);
        next.state = Arc::new(state);
        Ok(self.put(next, kind, metrics, discarded, place))
    }

    fn append(
        &mut self,
        name: &TableName,
        alterations: &[SchemaChange],
        patch: &PropertyPatch,
        rows: &NewRows,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = self.require_rows(name)?;
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        alter(&mut state, &mut next, name, alterations, place)?;
        if !patch.is_empty() {
            Arc::make_mut(&mut state.details).patch(patch);
            next.stamps.property = place.at;
        }
        let is_lost = cfg!(annals_broken = "lost_append") && place.moved.contains_key(&current.id);
        let metrics = match is_lost {
            true => Metrics::default(),
            false => add_rows(&mut state, &mut next.marks, current.id, rows, place),
        };
        next.stamps.append = place.at;
        next.state = Arc::new(state);
        Ok(self.put(next, OperationKind::Append, metrics, Vec::new(), place))
    }

    fn alter_details(
        &mut self,
        name: &TableName,
        patch: &PropertyPatch,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = Arc::clone(self.require_table(name)?);
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        Arc::make_mut(&mut state.details).patch(patch);
        next.state = Arc::new(state);
        next.stamps.property = place.at;
        let none = Metrics::default();
        Ok(self.put(next, OperationKind::SetProperties, none, Vec::new(), place))
    }

    fn rename(
        &mut self,
        from: &TableName,
        to: &TableName,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = Arc::clone(self.require_table(from)?);
        let database = Arc::clone(self.require_database(&to.database())?);
        let to = written_in(&database, to);
        if from != &to
            && let Some(existing) = self.table(&to)
        {
            return Err(exists(&to, existing));
        }
        let mut next = TableVersion::clone(&current);
        next.begin_change(place);
        next.stamps.schema = place.at;
        next.end_life(place.at);
        next.begin_life(to.clone(), place);
        let (name, id) = (current.name().clone(), next.id);
        let target = Target::Table { name, id, ordinal: next.ordinal };
        if from != &to {
            let mut departure = Departure::of(&next, place.at);
            departure.renamed_to = Some(to.clone());
            self.departed(next.id, departure);
        }
        self.tables.remove(from);
        self.tables.insert(Arc::new(next));
        self.count_tables(&from.database(), -1, place);
        self.count_tables(&to.database(), 1, place);
        let kind = OperationKind::Rename { to };
        let (metrics, discarded, tables) = (Metrics::default(), Vec::new(), Vec::new());
        Ok(Applied { kind, target, metrics, discarded, tables })
    }

    fn drop_table(&mut self, name: &TableName, place: &Place) -> Result<Applied, CatalogError> {
        let mut table = TableVersion::clone(self.require_table(name)?);
        table.end_life(place.at);
        self.departed(table.id, Departure::of(&table, place.at));
        self.tables.remove(name);
        self.count_tables(&name.database(), -1, place);
        Ok(Applied {
            kind: OperationKind::DropTable,
            target: Target::Table {
                name: table.name().clone(),
                id: table.id,
                ordinal: table.ordinal,
            },
            metrics: removed_with(&table.state),
            discarded: discarded_by(&table, place),
            tables: Vec::new(),
        })
    }

    fn require_rows(&self, name: &TableName) -> Result<Arc<TableVersion>, CatalogError> {
        let table = self.require_table(name)?;
        if table.state.is_view() {
            return Err(CatalogError::IsView { table: name.clone() });
        }
        Ok(Arc::clone(table))
    }

    /// Puts the next state of an existing table in its place.
    fn put(
        &mut self,
        mut next: TableVersion,
        kind: OperationKind,
        metrics: Metrics,
        discarded: Vec<VersionId>,
        place: &Place,
    ) -> Applied {
        next.begin_change(place);
        let name = next.name().clone();
        let target = Target::Table { name, id: next.id, ordinal: next.ordinal };
        self.tables.insert(Arc::new(next));
        Applied { kind, target, metrics, discarded, tables: Vec::new() }
    }

    fn count_tables(&mut self, name: &DatabaseName, by: i64, place: &Place) {
        if let Some(database) = self.databases.get_mut(name) {
            let database = Arc::make_mut(database);
            database.tables = database.tables.saturating_add_signed(by);
            database.tables_changed = place.at;
        }
    }
}

/// What a table is replaced by.
struct Replacement<'a> {
    kind: &'a TableKind,
    schema: &'a NewSchema,
    partition_by: &'a Arc<[ColumnId]>,
    patch: &'a PropertyPatch,
    rows: &'a NewRows,
}

impl Applied {
    fn to_database(kind: OperationKind, name: &DatabaseName) -> Self {
        let target = Target::Database(name.clone());
        let (metrics, discarded, tables) = (Metrics::default(), Vec::new(), Vec::new());
        Self { kind, target, metrics, discarded, tables }
    }
}

impl TableVersion {
    /// Takes the next ordinal, once a transaction.
    fn begin_change(&mut self, place: &Place) {
        if self.since != place.at {
            self.since = place.at;
            self.ordinal += 1;
        }
    }

    fn begin_life(&mut self, name: TableName, place: &Place) {
        self.name = name.clone();
        let life = Life { name, from: place.at, from_ordinal: self.ordinal, until: None };
        // Spans that no retained version lies in can never be asked for again.
        let reachable = |life: &&Life| life.until.is_none_or(|until| until > place.oldest_retained);
        self.lives = self.lives.iter().filter(reachable).cloned().chain([life]).collect();
    }

    fn end_life(&mut self, at: VersionId) {
        self.lives = self
            .lives
            .iter()
            .map(|life| Life { until: life.until.or(Some(at)), ..life.clone() })
            .collect();
    }
}

impl Departure {
    fn of(table: &TableVersion, at: VersionId) -> Self {
        Self {
            at,
            renamed_to: None,
            ordinal: table.ordinal,
            since: table.since,
            marks: table.marks,
            lives: Arc::clone(&table.lives),
        }
    }
}

impl Details {
    fn patch(&mut self, patch: &PropertyPatch) {
        if let Some(comment) = &patch.comment {
            self.comment.clone_from(comment);
        }
        patch_properties(&mut self.properties, patch);
    }
}

fn patch_properties(properties: &mut Properties, patch: &PropertyPatch) {
    for key in &patch.unset {
        properties.remove(key);
    }
    for (key, value) in &patch.set {
        properties.insert(Arc::clone(key), Arc::clone(value));
    }
}

/// `name` with the database written as the database itself is.
fn written_in(database: &Database, name: &TableName) -> TableName {
    if database.name.as_str() == name.database_str() {
        return name.clone();
    }
    TableName::new(&database.name, name.table_str()).expect("both parts were parsed before")
}

fn exists(name: &TableName, existing: &TableVersion) -> CatalogError {
    let kind = if existing.state.is_view() { Existing::View } else { Existing::Table };
    CatalogError::TableExists { table: name.clone(), kind }
}

fn next_column(schema: &TableSchema) -> ColumnId {
    schema.max_id().map_or(ColumnId(0), |max| ColumnId(max.0 + 1))
}

fn removed_with(state: &TableState) -> Metrics {
    Metrics {
        rows_removed: state.rows,
        bytes_removed: state.bytes,
        chunks_removed: state.chunks.len() as u64,
        ..Metrics::default()
    }
}

/// The versions after the base whose rows go with the present state of `table`.
fn discarded_by(table: &TableVersion, place: &Place) -> Vec<VersionId> {
    let Some((before, _)) = place.moved.get(&table.id) else { return Vec::new() };
    let mut versions = Vec::new();
    for (_, entry) in table.state.chunks.range(before.next_sequence..) {
        match &entry.ids {
            RowIds::From(_) => versions.push(entry.birth),
            RowIds::Kept(lineage) => versions.extend(lineage.versions()),
        }
    }
    versions.retain(|changed| *changed > place.base && *changed < place.at);
    versions.sort_unstable();
    versions.dedup();
    versions
}

#[cfg(test)]
mod tests;
