//! Databases and tables by name: the content of a version.
//!
//! Two persistent maps. A clone shares everything; a change costs the path to what changed. The
//! tables of all databases are one flat map, so that a lookup is one search and a database's
//! tables are one range.

mod identity;
mod tables;

use std::sync::Arc;

use im::{OrdMap, OrdSet};

pub(crate) use self::tables::{Difference, Tables};
use crate::name::{DatabaseName, TableName};
use crate::table::{HighWater, Life, Properties, TableId, TableState, TableVersion};
use crate::version::VersionId;

/// Everything that a version of the store contains.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub(crate) databases: OrdMap<DatabaseName, Arc<Database>>,
    pub(crate) tables: Tables,
    pub(crate) next_table: TableId,
    /// The version that last created or dropped a database.
    pub(crate) databases_changed: VersionId,
    pub(crate) departures: Departures,
    /// The newest idempotent write of each application, and the version that it made.
    pub(crate) applied: OrdMap<Arc<str>, (u64, VersionId)>,
}

/// A database: a namespace of tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    pub(crate) name: DatabaseName,
    pub(crate) comment: Option<Arc<str>>,
    pub(crate) properties: Properties,
    pub(crate) created: VersionId,
    /// The version since which it has been there without a gap: a restore brings back one that was
    /// created before.
    pub(crate) arrived: VersionId,
    /// The version that last created, dropped or renamed a table in it.
    pub(crate) tables_changed: VersionId,
    pub(crate) tables: u64,
}

/// Tables that left their name, by id: what a restore needs in order to go on counting, and what
/// the conflict check needs in order to say what happened. Trimmed once no retained version is
/// older than the departure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Departures {
    by_id: OrdMap<TableId, Departure>,
    by_version: OrdSet<(VersionId, TableId)>,
}

/// Why a table is no longer under the name that it had.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) at: VersionId,
    /// The new name if it was renamed; none if it was dropped.
    pub(crate) renamed_to: Option<TableName>,
    /// The table's last ordinal, and the version that gave it.
    pub(crate) ordinal: u64,
    pub(crate) since: VersionId,
    pub(crate) marks: HighWater,
    pub(crate) lives: Arc<[Life]>,
}

impl Catalog {
    /// The table of this name. One search by the folded name; nothing is allocated.
    #[inline]
    pub fn table(&self, name: &TableName) -> Option<&Arc<TableVersion>> {
        self.tables.get(name)
    }

    /// The table of this name, with the name as it is written in the catalog.
    pub fn table_entry(&self, name: &TableName) -> Option<(&TableName, &Arc<TableVersion>)> {
        self.tables.get(name).map(|table| (table.name(), table))
    }

    /// All tables and views, in the order of their folded names. O(tables · log tables).
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &Arc<TableVersion>)> {
        sorted(self.tables.iter(), 0)
    }

    /// The tables and views of one database, in the order of their folded names. O(k · log k) for
    /// k of them, whatever other databases hold.
    pub fn tables_in<'a>(
        &'a self,
        database: &'a DatabaseName,
    ) -> impl Iterator<Item = (&'a TableName, &'a Arc<TableVersion>)> {
        sorted(self.tables.in_database(database), database.folded().len() + 1)
    }

    /// How many tables and views there are.
    pub fn table_count(&self) -> usize {
        self.tables.len()
    }

    /// The states of all tables and views, in no particular order.
    pub fn states(&self) -> impl Iterator<Item = &Arc<TableState>> {
        self.tables.iter().map(|table| table.state())
    }

    /// The logical bytes of all tables. O(tables).
    pub fn bytes(&self) -> u64 {
        self.states().map(|state| state.bytes()).sum()
    }

    /// The database of this name.
    pub fn database(&self, name: &DatabaseName) -> Option<&Arc<Database>> {
        self.databases.get(name)
    }

    /// All databases, in the order of their folded names.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.databases.values()
    }

    /// The newest sequence that `application` wrote, and the version that it made.
    pub fn applied(&self, application: &str) -> Option<(u64, VersionId)> {
        self.applied.get(application).copied()
    }

    /// Notes that `application` wrote `sequence` in `version`.
    pub fn set_applied(&mut self, application: Arc<str>, sequence: u64, version: VersionId) {
        self.applied.insert(application, (sequence, version));
    }

    /// Whether both are one value, by identity.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.databases.ptr_eq(&other.databases) && self.tables.is_same(&other.tables)
    }

    pub(crate) fn departure(&self, id: TableId) -> Option<&Departure> {
        self.departures.by_id.get(&id)
    }

    pub(crate) fn departed(&mut self, id: TableId, departure: Departure) {
        self.returned(id);
        self.departures.by_version.insert((departure.at, id));
        self.departures.by_id.insert(id, departure);
    }

    /// Forgets that `id` left, and returns what was remembered.
    pub(crate) fn returned(&mut self, id: TableId) -> Option<Departure> {
        let departure = self.departures.by_id.remove(&id)?;
        self.departures.by_version.remove(&(departure.at, id));
        Some(departure)
    }

    /// Forgets departures that no retained version is older than. O(what is forgotten).
    pub(crate) fn forget_departures(&mut self, oldest_retained: VersionId) {
        while let Some(&(at, id)) = self.departures.by_version.get_min() {
            if at > oldest_retained {
                return;
            }
            self.departures.by_version.remove(&(at, id));
            self.departures.by_id.remove(&id);
        }
    }
}

/// In the order of the folded names, of which all begin with the same `common` bytes. The names lie
/// scattered in memory, so each is fetched once, for a number that orders most of them.
fn sorted<'a>(
    tables: impl Iterator<Item = &'a Arc<TableVersion>>,
    common: usize,
) -> impl Iterator<Item = (&'a TableName, &'a Arc<TableVersion>)> {
    let mut keyed: Vec<(u128, &TableName, &Arc<TableVersion>)> =
        tables.map(|table| (table.name().order(common), table.name(), table)).collect();
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    keyed.into_iter().map(|(_, name, table)| (name, table))
}

impl Database {
    pub(crate) fn new(name: DatabaseName, created: VersionId) -> Self {
        Self {
            name,
            comment: None,
            properties: Properties::new(),
            created,
            arrived: created,
            tables_changed: created,
            tables: 0,
        }
    }

    /// The name as it was written when the database was created.
    pub fn name(&self) -> &DatabaseName {
        &self.name
    }

    /// What the database is for, in its owner's words.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// The owner's key/value pairs.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The version that created it.
    pub fn created(&self) -> VersionId {
        self.created
    }

    /// How many tables and views it has.
    pub fn table_count(&self) -> u64 {
        self.tables
    }
}

#[cfg(test)]
pub(crate) mod tests;
