//! Undoing one commit in the middle of a history: what has to be done, or what stands in the way.
//!
//! A pure function of three values: the version before the commit, the version that it made, and
//! what is there now. What the commit did is read off the first two, table by table, by id and not
//! by name; it is undone on top of the third, so that everything that later commits did stays. If
//! a later commit built on what is to be undone, or did something that undoing would take back too,
//! it is an [`Obstacle`], and nothing is undone.
//!
//! | the commit | is undone by | unless since then |
//! |---|---|---|
//! | brought rows | taking out those that are still there | they were updated, or all rows replaced |
//! | took rows out | putting them back at their old places | all rows were replaced |
//! | updated rows | both | as above; a row that was deleted stays deleted |
//! | altered columns | the columns as they were | they were altered again, or rows depend on it |
//! | set properties | the values as they were | they were set again |
//! | renamed a table | the name as it was | it was renamed again, or the name is taken |
//! | created a table | dropping it | something was done to it |
//! | dropped a table | putting it back | its name is taken |
//! | created or dropped a database | likewise | tables were made in it |
//! | compacted | nothing: no data changed | |

mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::catalog::{Catalog, Database};
use crate::commit::{Commit, OperationKind};
use crate::conflict::Subject;
use crate::diff::{DatabaseChange, TableChange, VersionDiff};
use crate::name::{TableName, shorten};
use crate::schema::{TableSchema, is_readable_as};
use crate::table::{Details, Properties, TableId, TableVersion};
use crate::version::{Version, VersionId};
use crate::write_set::{Change, NewRows, PropertyPatch};

/// Why a commit cannot be undone: what a later one did.
#[derive(Clone, Debug)]
pub struct Obstacle {
    /// The table or database.
    pub subject: Subject,
    /// What was done since.
    pub reason: Reason,
    /// The version that did it.
    pub version: VersionId,
    /// Its record, if it is still kept.
    pub commit: Option<Arc<Commit>>,
}

/// What stands in the way of undoing a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The table that the commit created was changed.
    Changed {
        /// By what.
        by: &'static str,
    },
    /// The table was dropped.
    Dropped,
    /// The table was renamed.
    Renamed {
        /// Its name today.
        to: TableName,
    },
    /// The name that the table would get back belongs to another.
    NameTaken {
        /// The name.
        name: TableName,
    },
    /// The database that the table would come back to is not there.
    NoDatabase,
    /// The database that the commit created has tables.
    DatabaseInUse,
    /// All rows were replaced, or an older state put back.
    Replaced {
        /// By what.
        by: &'static str,
    },
    /// Rows that the commit brought were updated.
    RowsUpdated {
        /// How many.
        rows: u64,
    },
    /// The columns were altered.
    SchemaChanged,
    /// Rows were written that cannot be read under the columns as they were, or that have lost
    /// the values of a column that would come back.
    RowsWritten,
    /// A property was set, or, without a key, the comment.
    PropertySet {
        /// The key.
        key: Option<Arc<str>>,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, reason, version, commit } = self;
        write!(f, "{subject}: ")?;
        match reason {
            Reason::Changed { by } => write!(f, "it was changed by {by}")?,
            Reason::Dropped => f.write_str("it was dropped")?,
            Reason::Renamed { to } => write!(f, "it was renamed to {to}")?,
            Reason::NameTaken { name } => write!(f, "the name {name} is taken")?,
            Reason::NoDatabase => f.write_str("its database is gone")?,
            Reason::DatabaseInUse => f.write_str("tables were made in it")?,
            Reason::Replaced { by } => write!(f, "its rows were replaced by {by}")?,
            Reason::RowsUpdated { rows } => write!(f, "{rows} of the rows were updated")?,
            Reason::SchemaChanged => f.write_str("its columns were altered")?,
            Reason::RowsWritten => f.write_str("rows were written that depend on its columns")?,
            Reason::PropertySet { key: Some(key) } => {
                write!(f, "the property `{}` was set", shorten(key))?;
            }
            Reason::PropertySet { key: None } => f.write_str("the comment was set")?,
        }
        write!(f, " in {version}")?;
        if let Some(commit) = commit {
            write!(f, " (at {})", commit.location)?;
        }
        Ok(())
    }
}

/// What undoes the commit between `before` and `after` on top of `head`, in order; empty if there
/// is nothing left to undo. O(what the commit changed + what changed since in the same tables).
///
/// # Errors
///
/// Everything that stands in the way.
pub fn plan(
    before: &Version,
    after: &Version,
    head: &Catalog,
) -> Result<Vec<Change>, Vec<Obstacle>> {
    let mut plan = Plan { before, after, head, obstacles: Vec::new(), steps: Steps::default() };
    let diff = VersionDiff::between(before, after);
    plan.databases(&diff.databases);
    for (old, new) in by_id(&diff.tables) {
        plan.table(old, new);
    }
    plan.finish()
}

/// The two states of each table that differs, wherever its name went.
fn by_id(
    changes: &[TableChange],
) -> impl Iterator<Item = (Option<&Arc<TableVersion>>, Option<&Arc<TableVersion>>)> {
    let mut tables: BTreeMap<TableId, [Option<&Arc<TableVersion>>; 2]> = BTreeMap::new();
    for change in changes {
        let [old, new] = tables.entry(change.id()).or_default();
        match change {
            TableChange::Added { table, .. } => *new = Some(table),
            TableChange::Removed { table, .. } => *old = Some(table),
            TableChange::Changed { before, after, .. } => {
                *old = Some(before);
                *new = Some(after);
            }
        }
    }
    tables.into_values().map(|[old, new]| (old, new))
}

/// Changes by the place that they have in the order.
#[derive(Default)]
struct Steps {
    databases: Vec<Change>,
    drops: Vec<Change>,
    renames: Vec<(TableName, TableName)>,
    returns: Vec<Change>,
    contents: Vec<Change>,
    database_drops: Vec<Change>,
}

struct Plan<'a> {
    before: &'a Version,
    after: &'a Version,
    head: &'a Catalog,
    obstacles: Vec<Obstacle>,
    steps: Steps,
}

impl<'a> Plan<'a> {
    fn obstacle(&mut self, subject: Subject, reason: Reason, version: VersionId) {
        self.obstacles.push(Obstacle { subject, reason, version, commit: None });
    }

    fn label(&self) -> OperationKind {
        OperationKind::Revert { of: self.after.id() }
    }

    fn databases(&mut self, changes: &[DatabaseChange]) {
        for change in changes {
            let name = change.name().clone();
            let now = self.head.database(&name);
            match (change, now) {
                (DatabaseChange::Added(_), None) => {}
                // Whether tables stand in the way is seen at the end.
                (DatabaseChange::Added(_), Some(_)) => {
                    self.steps.database_drops.push(Change::DropDatabase { name, cascade: false });
                }
                (DatabaseChange::Removed(_), Some(_)) => {}
                (DatabaseChange::Removed(old), None) => {
                    let mut properties = PropertyPatch::new();
                    let set = old.properties().iter();
                    properties.set = set.map(|(k, v)| (Arc::clone(k), Arc::clone(v))).collect();
                    let comment = old.comment().map(Arc::from);
                    let name = old.name().clone();
                    let change = Change::CreateDatabase { name, comment, properties };
                    self.steps.databases.push(change);
                }
                (DatabaseChange::Changed { .. }, None) => {
                    let at = self.head.databases_changed;
                    self.obstacle(Subject::Database(name), Reason::Dropped, at);
                }
                (DatabaseChange::Changed { before, after }, Some(now)) => {
                    let said = Said::of_database;
                    match patch_back(&said(before), &said(after), &said(now)) {
                        Ok(patch) if patch.is_empty() => {}
                        Ok(patch) => {
                            self.steps.contents.push(Change::AlterDatabase { name, patch });
                        }
                        // Who set it is not on record with the database.
                        Err(key) => {
                            let subject = Subject::Database(name);
                            let reason = Reason::PropertySet { key };
                            self.obstacle(subject, reason, self.after.id());
                        }
                    }
                }
            }
        }
    }

    fn table(&mut self, old: Option<&Arc<TableVersion>>, new: Option<&Arc<TableVersion>>) {
        match (old, new) {
            (None, Some(new)) => self.created(new),
            (Some(old), None) => self.dropped(old),
            (Some(old), Some(new)) => self.changed(old, new),
            (None, None) => {}
        }
    }

    /// The table as it is now, wherever it went.
    fn now(&self, table: &TableVersion) -> Option<&'a Arc<TableVersion>> {
        let is_it = |now: &&Arc<TableVersion>| now.id == table.id;
        let here = self.head.table(table.name()).filter(is_it);
        here.or_else(|| {
            let to = self.head.departure(table.id)?.renamed_to.as_ref()?;
            self.head.table(to).filter(is_it)
        })
    }

    fn created(&mut self, new: &TableVersion) {
        // Dropped since: there is nothing left to undo.
        let Some(now) = self.now(new) else { return };
        let stamps = now.stamps();
        let later = [
            (stamps.append, "an append"),
            (stamps.rows, "a change of rows"),
            (stamps.overwrite, "an overwrite"),
            (stamps.add_column.max(stamps.schema), "a schema change"),
            (stamps.property, "a change of properties"),
            (stamps.restore, "a restore"),
        ];
        let since = self.after.id();
        let mut unchanged = true;
        for (version, by) in later {
            if version > since {
                unchanged = false;
                let subject = Subject::Table(now.name().clone());
                self.obstacle(subject, Reason::Changed { by }, version);
            }
        }
        if unchanged {
            self.steps.drops.push(Change::DropTable { name: now.name().clone() });
        }
    }

    fn dropped(&mut self, old: &Arc<TableVersion>) {
        // Back already: there is nothing left to undo.
        if self.now(old).is_some() {
            return;
        }
        let (name, source) = (old.name().clone(), Arc::clone(old));
        self.steps.returns.push(Change::RestoreTable { name, source, from: self.before.id() });
    }

    fn changed(&mut self, old: &Arc<TableVersion>, new: &Arc<TableVersion>) {
        let subject = Subject::Table(new.name().clone());
        let Some(now) = self.now(new) else {
            let at = self.head.departure(new.id).map_or(self.after.id(), |left| left.at);
            return self.obstacle(subject, Reason::Dropped, at);
        };
        let mut name = now.name().clone();
        if old.is_renamed(new) {
            if !now.is_renamed(new) {
                self.steps.renames.push((name.clone(), old.name().clone()));
                name = old.name().clone();
            } else if now.is_renamed(old) {
                let at = self.head.departure(new.id).map_or(self.after.id(), |left| left.at);
                return self.obstacle(subject, Reason::Renamed { to: name }, at);
            }
        }
        let (then, made, present) = (old.state(), new.state(), now.state());
        if Arc::ptr_eq(then, made) || Arc::ptr_eq(then, present) {
            return;
        }
        if Arc::ptr_eq(made, present) && is_another_table(old, new) {
            let (source, from) = (Arc::clone(old), self.before.id());
            self.steps.contents.push(Change::RestoreTable { name, source, from });
            return;
        }
        let stamps = now.stamps();
        for (version, by) in [(stamps.overwrite, "an overwrite"), (stamps.restore, "a restore")] {
            if version > self.after.id() {
                return self.obstacle(subject, Reason::Replaced { by }, version);
            }
        }
        self.details(&name, old, new, now);
        let schema = self.schema(&name, old, new, now);
        match rows::undo(old, new, now, &schema) {
            Ok(undone) if undone.is_empty() => {}
            Ok(undone) => self.steps.contents.push(Change::ChangeRows {
                name,
                removed: undone.removed.into(),
                revived: undone.revived.into(),
                rows: NewRows::none(schema),
                predicate: None,
                alone: false,
                label: self.label(),
            }),
            Err(updated) => {
                for (version, reason) in updated {
                    self.obstacle(subject.clone(), reason, version);
                }
            }
        }
    }

    fn details(
        &mut self,
        name: &TableName,
        old: &TableVersion,
        new: &TableVersion,
        now: &TableVersion,
    ) {
        let (then, made) = (old.state().details(), new.state().details());
        let present = now.state().details();
        let subject = Subject::Table(name.clone());
        if is_another_table(old, new) {
            let by = "a later change";
            return self.obstacle(subject, Reason::Changed { by }, now.since());
        }
        match patch_back(&Said::of(then), &Said::of(made), &Said::of(present)) {
            Ok(patch) if patch.is_empty() => {}
            Ok(patch) => {
                self.steps.contents.push(Change::AlterDetails { name: name.clone(), patch });
            }
            Err(key) => {
                self.obstacle(subject, Reason::PropertySet { key }, now.stamps().property);
            }
        }
    }

    /// The columns that the table has in the end.
    fn schema(
        &mut self,
        name: &TableName,
        old: &TableVersion,
        new: &TableVersion,
        now: &TableVersion,
    ) -> Arc<TableSchema> {
        let (then, made) = (old.state().schema(), new.state().schema());
        let present = now.state().schema();
        if TableSchema::same(then, made) || TableSchema::same(then, present) {
            return Arc::clone(present);
        }
        let subject = Subject::Table(name.clone());
        if !TableSchema::same(made, present) {
            let at = now.stamps().schema.max(now.stamps().add_column);
            self.obstacle(subject, Reason::SchemaChanged, at);
            return Arc::clone(present);
        }
        match rows::written_since(old, new, now) {
            Some(version) => self.obstacle(subject, Reason::RowsWritten, version),
            None => {
                let (name, schema) = (name.clone(), Arc::clone(then));
                let description = self.label().to_string().into();
                self.steps.contents.push(Change::SetSchema { name, schema, description });
            }
        }
        Arc::clone(then)
    }

    fn finish(mut self) -> Result<Vec<Change>, Vec<Obstacle>> {
        let mut free: Vec<TableName> = Vec::new();
        for change in &self.steps.drops {
            if let Change::DropTable { name } = change {
                free.push(name.clone());
            }
        }
        let renames = self.order_renames(&mut free);
        self.check_returns(&free);
        self.check_databases(&free);
        if !self.obstacles.is_empty() {
            return Err(self.obstacles);
        }
        let Steps { databases, drops, returns, contents, database_drops, .. } = self.steps;
        let steps = [databases, drops, renames, returns, contents, database_drops];
        Ok(steps.into_iter().flatten().collect())
    }

    /// Renames in an order in which each finds its name free. `free` are the names that were left.
    fn order_renames(&mut self, free: &mut Vec<TableName>) -> Vec<Change> {
        let mut left = std::mem::take(&mut self.steps.renames);
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let is_free = |to: &TableName, from: &TableName| {
                to == from || self.head.table(to).is_none() || free.contains(to)
            };
            if let Some(next) = left.iter().position(|(from, to)| is_free(to, from)) {
                let (from, to) = left.remove(next);
                free.retain(|name| *name != to);
                free.push(from.clone());
                ordered.push(Change::Rename { from, to });
                continue;
            }
            // A ring is opened by a name that nobody has; others are in the way of strangers.
            let leaves = |to: &TableName| left.iter().any(|(from, _)| from == to);
            match left.iter().position(|(_, to)| leaves(to)) {
                Some(next) if left.iter().all(|(_, to)| leaves(to)) => {
                    let Some(aside) = self.unused(&left[next].0) else { break };
                    let from = std::mem::replace(&mut left[next].0, aside.clone());
                    free.push(from.clone());
                    ordered.push(Change::Rename { from, to: aside });
                }
                _ => break,
            }
        }
        for change in &ordered {
            if let Change::Rename { from, to } = change
                && !self.will_have_database(to)
            {
                let gone = self.head.databases_changed;
                self.obstacle(Subject::Table(from.clone()), Reason::NoDatabase, gone);
            }
        }
        for (from, to) in left {
            let taken = self.head.table(&to).map_or(self.after.id(), |table| table.since());
            self.obstacle(Subject::Table(from), Reason::NameTaken { name: to }, taken);
        }
        ordered
    }

    fn unused(&self, near: &TableName) -> Option<TableName> {
        let names = (0..1_000).map(|n| TableName::new(&near.database(), &format!("aside {n}")));
        names.flatten().find(|name| self.head.table(name).is_none())
    }

    /// Whether the database of `name` is there, or is to come back.
    fn will_have_database(&self, name: &TableName) -> bool {
        let database = name.database();
        let comes = |change: &Change| matches!(change, Change::CreateDatabase { name, .. } if *name == database);
        self.head.database(&database).is_some() || self.steps.databases.iter().any(comes)
    }

    fn check_returns(&mut self, free: &[TableName]) {
        let mut obstacles = Vec::new();
        for change in &self.steps.returns {
            let Change::RestoreTable { name, .. } = change else { continue };
            let subject = || Subject::Table(name.clone());
            if !self.will_have_database(name) {
                obstacles.push((subject(), Reason::NoDatabase, self.head.databases_changed));
            }
            if let Some(other) = self.head.table(name)
                && !free.contains(name)
            {
                let arrived = other.lives().last().map_or(other.since(), |life| life.from);
                let reason = Reason::NameTaken { name: name.clone() };
                obstacles.push((subject(), reason, arrived));
            }
        }
        for (subject, reason, version) in obstacles {
            self.obstacle(subject, reason, version);
        }
    }

    fn check_databases(&mut self, free: &[TableName]) {
        let mut used = Vec::new();
        for change in &self.steps.database_drops {
            let Change::DropDatabase { name, .. } = change else { continue };
            let stays = |table: &TableName| !free.contains(table);
            if self.head.tables_in(name).any(|(table, _)| stays(table))
                && let Some(database) = self.head.database(name)
            {
                used.push((name.clone(), database.tables_changed));
            }
        }
        for (name, version) in used {
            self.obstacle(Subject::Database(name), Reason::DatabaseInUse, version);
        }
    }
}

/// Whether kind or partitioning differ, which only a replacement of everything changes.
fn is_another_table(old: &TableVersion, new: &TableVersion) -> bool {
    old.state().kind() != new.state().kind()
        || old.state().details().partition_by != new.state().details().partition_by
}

/// What is said of a table or database beside its content.
struct Said<'a> {
    comment: Option<&'a Arc<str>>,
    properties: &'a Properties,
}

impl<'a> Said<'a> {
    fn of(details: &'a Details) -> Self {
        Self { comment: details.comment.as_ref(), properties: &details.properties }
    }

    fn of_database(database: &'a Arc<Database>) -> Self {
        Self { comment: database.comment.as_ref(), properties: &database.properties }
    }
}

/// What puts `now` back to `old` where `new` differs from it; or the key that was set since.
fn patch_back(
    old: &Said<'_>,
    new: &Said<'_>,
    now: &Said<'_>,
) -> Result<PropertyPatch, Option<Arc<str>>> {
    let mut patch = PropertyPatch::new();
    if old.comment != new.comment && old.comment != now.comment {
        if now.comment != new.comment {
            return Err(None);
        }
        patch.comment = Some(old.comment.cloned());
    }
    let keys = old.properties.keys().chain(new.properties.keys());
    let mut keys: Vec<&Arc<str>> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let value = |said: &Said<'_>| said.properties.get(key).cloned();
        let (then, made, present) = (value(old), value(new), value(now));
        if then == made || then == present {
            continue;
        }
        if made != present {
            return Err(Some(Arc::clone(key)));
        }
        match then {
            Some(then) => patch.set.push((Arc::clone(key), then)),
            None => patch.unset.push(Arc::clone(key)),
        }
    }
    Ok(patch)
}

/// Whether rows in these layouts can be read under `schema`.
fn are_readable<'a>(
    layouts: impl IntoIterator<Item = &'a Arc<TableSchema>>,
    schema: &TableSchema,
) -> bool {
    layouts.into_iter().all(|layout| is_readable_as(layout, schema))
}

#[cfg(test)]
mod tests;
