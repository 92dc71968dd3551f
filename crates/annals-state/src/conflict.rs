//! May what I want to change stand on top of what others committed since I began?
//!
//! A pure function of three values: my writes and reads, the version that they were computed from,
//! and the version that is current now. Every table carries, per kind of change, the version that
//! last made it ([`Stamps`](crate::table::Stamps)), so the check costs what the writes and reads
//! cost, however many commits lie between, and needs no history.
//!
//! # The matrix
//!
//! Row = mine, column = what others did to the same table since my base. **C** both stand,
//! **S** conflict only if the touched chunks or the predicate overlap, **X** conflict, retryable.
//! Dropped or replaced by another table of that name: conflict, not retryable as it is.
//! *Blind* means that the transaction has read nothing at all.
//!
//! | mine | append | rows | overwrite | compact | add column | schema | restore | property |
//! |---|---|---|---|---|---|---|---|---|
//! | blind append | C | C | C¹ | C | C¹ | X | X | C |
//! | append after read | C | C | X | C | C¹ | X | X | C |
//! | blind overwrite | C² | C² | C² | C | X | X | X | C |
//! | overwrite after read | X | X | X | C | X | X | X | C |
//! | delete, update, merge, overwrite where, revert | S⁵ | S | X | S⁶ | C¹ | X | X | C |
//! | compact | C | S | X | S | C | X | X | C |
//! | add column | C | C | X | C | C³ | X | X | C |
//! | other schema change, rename | X | X | X | C | X | X | X | C |
//! | restore | X | X | X | C | X | X | X | C |
//! | set property | C | C | C | C | C | C | C⁴ | C⁴ |
//! | blind drop | C² | C² | C² | C | C | X | X | C |
//! | drop after read | X | X | X | C | C | X | X | C |
//!
//! ¹ if rows of my layout can still be read under the schema of now, else X. ² what is current at
//! commit is replaced, and the record names what was discarded. ³ if the columns are others.
//! ⁴ if the keys that changed are others. ⁵ by the predicate that it gives: a delete or an update
//! gives none, a merge that inserts gives the keys that it inserts. ⁶ rows that were moved are found
//! by their ids, see [`relocation`](crate::relocation); rows that a revert brings back are not.
//!
//! The revert of a schema change is also X with a compaction, which would lose the values of a
//! column that comes back, and with a comment on a column; so is, with the latter, an overwrite that
//! merges columns. Creating what somebody created meanwhile is X: begun again, the mode of the save
//! decides. A restore of the whole store is X with every commit.
//!
//! Different tables commute under [`Isolation::Snapshot`]. Under [`Isolation::Serializable`] a
//! transaction that writes also conflicts if something that it read has changed: rows (by
//! predicate where one was given), a schema, a comment, a name's presence or absence, a listing.

mod chunks;
mod details;
mod names;
mod reads;
mod told;

use std::sync::Arc;

use self::chunks::check_chunks;
use self::reads::check_reads;
pub use self::told::{Conflict, Rule, Subject};
use crate::catalog::Catalog;
use crate::commit::Isolation;
use crate::error::CatalogError;
use crate::name::TableName;
use crate::relocation::Relocation;
use crate::schema::{TableSchema, is_readable_as};
use crate::table::{TableId, TableVersion};
use crate::version::VersionId;
use crate::write_set::{Footprint, Footprints, Kinds, ReadSet};

/// What is asked of [`check`].
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// What the transaction changes, in sum; not empty.
    pub writes: &'a Footprints,
    /// What it read.
    pub reads: &'a ReadSet,
    /// What it is protected from.
    pub isolation: Isolation,
    /// The version that it began at.
    pub base: VersionId,
    /// The newest version's number.
    pub head: VersionId,
    /// Rows that were found again after a compaction.
    pub relocation: &'a Relocation,
}

/// A refusal on its way to becoming a [`Conflict`].
struct Refusal {
    rule: Rule,
    winner: VersionId,
    chunks: Vec<u64>,
}

impl Refusal {
    fn new(rule: Rule, winner: VersionId) -> Self {
        Self { rule, winner, chunks: Vec::new() }
    }
}

/// Says whether the transaction may be carried over to `head`; see the matrix above.
///
/// O(writes + reads), plus for rules about chunks O(chunks that came since the base).
///
/// # Errors
///
/// The first [`Conflict`] found. Its `winning_commit` is for the caller to fill in.
pub fn check(ask: Check<'_>, head: &Catalog) -> Result<(), Box<Conflict>> {
    if ask.base == ask.head || cfg!(annals_broken = "no_conflict_check") {
        return Ok(());
    }
    let refuse = |subject: Subject, refusal: Refusal| {
        let conflict = Conflict::new(subject, refusal.rule, ask.base, refusal.winner);
        Box::new(Conflict { chunks: refusal.chunks, ..conflict })
    };
    if ask.writes.replaces_store {
        let rule = Rule::Changed { mine: "a restore of the whole store", theirs: "any commit" };
        return Err(refuse(Subject::Store, Refusal::new(rule, ask.head)));
    }
    let blind = ask.reads.is_empty();
    for (name, footprint) in &ask.writes.tables {
        check_writes(name, footprint, blind, ask, head)
            .map_err(|refusal| refuse(Subject::Table(name.clone()), refusal))?;
    }
    let checks_reads = !cfg!(annals_broken = "serializable_ignores_reads");
    if ask.isolation == Isolation::Serializable && checks_reads {
        check_reads(ask, head).map_err(|refused| refuse(refused.0, refused.1))?;
    }
    Ok(())
}

/// The version that a change no longer applies because of, where `head` tells.
pub fn winner_of(error: &CatalogError, head: &Catalog) -> Option<VersionId> {
    match error {
        CatalogError::NoDatabase { .. } => Some(head.databases_changed),
        CatalogError::DatabaseExists { database } => Some(head.database(database)?.arrived),
        CatalogError::DatabaseNotEmpty { database, .. } => {
            Some(head.database(database)?.tables_changed)
        }
        CatalogError::TableExists { table, .. } => Some(arrival(head.table(table)?)),
        _ => None,
    }
}

/// What others did to the table since the base, as columns of the matrix.
struct Theirs<'a> {
    now: &'a TableVersion,
    base: VersionId,
}

impl Theirs<'_> {
    fn since(&self, stamp: VersionId) -> Option<VersionId> {
        (stamp > self.base).then_some(stamp)
    }

    fn refuse(&self, mine: &'static str, columns: &[Column]) -> Result<(), Refusal> {
        for column in columns {
            if let Some(winner) = self.since(column.stamp(self.now)) {
                let theirs = column.name();
                return Err(Refusal::new(Rule::Changed { mine, theirs }, winner));
            }
        }
        Ok(())
    }
}

/// The columns of the matrix that come from stamps.
#[derive(Clone, Copy)]
enum Column {
    Append,
    Rows,
    Overwrite,
    /// Columns were added to the table.
    Addition,
    Schema,
    Restore,
}

impl Column {
    const ALL: [Self; 6] =
        [Self::Overwrite, Self::Restore, Self::Schema, Self::Addition, Self::Rows, Self::Append];

    fn stamp(self, table: &TableVersion) -> VersionId {
        let stamps = table.stamps();
        match self {
            Self::Append => stamps.append,
            Self::Rows => stamps.rows,
            Self::Overwrite => stamps.overwrite,
            Self::Addition => stamps.add_column,
            Self::Schema => stamps.schema,
            Self::Restore => stamps.restore,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Append => "an append",
            Self::Rows => "a change of rows",
            Self::Overwrite => "an overwrite",
            Self::Addition => "an added column",
            Self::Schema => "a schema change",
            Self::Restore => "a restore",
        }
    }
}

fn check_writes(
    name: &TableName,
    mine: &Footprint,
    blind: bool,
    ask: Check<'_>,
    head: &Catalog,
) -> Result<(), Refusal> {
    let Some(base) = &mine.base else {
        return match head.table(name) {
            Some(now) => Err(Refusal::new(Rule::Created, arrival(now))),
            None => mine.brings_back.map_or(Ok(()), |id| still_away(id, ask, head)),
        };
    };
    let now = match head.table(name) {
        Some(now) if now.id() == base.id() => now,
        other => return Err(gone(base, other.map(|now| &**now), ask, head)),
    };
    if Arc::ptr_eq(base, now) {
        return Ok(());
    }
    let theirs = Theirs { now, base: ask.base };
    for row in rows_of(mine, blind) {
        theirs.refuse(row.name, row.refuses)?;
    }
    if !mine.touched.is_empty() || !mine.fixed.is_empty() || !mine.predicates.is_empty() {
        check_chunks(mine, base, &theirs, ask.relocation)?;
    }
    if mine.kinds.has(Kinds::ADD_COLUMN) {
        check_columns(mine, &theirs)?;
    }
    check_layouts(mine, &theirs)?;
    check_properties(mine, base, &theirs)
}

/// The version since which the table has had its name without a gap.
fn arrival(table: &TableVersion) -> VersionId {
    table.lives().last().map_or(table.since(), |life| life.from)
}

/// A table that is to come back must not have come and gone meanwhile: its numbers have moved on.
fn still_away(id: TableId, ask: Check<'_>, head: &Catalog) -> Result<(), Refusal> {
    let departure = head.departure(id);
    if departure.is_some_and(|departure| departure.at <= ask.base) {
        return Ok(());
    }
    let rule = match departure.and_then(|departure| departure.renamed_to.clone()) {
        Some(to) => Rule::Renamed { to },
        None => Rule::Changed { mine: "a restore", theirs: "a restore" },
    };
    Err(Refusal::new(rule, departure.map_or(ask.head, |departure| departure.at)))
}

/// A row of the matrix: the columns that are X in it.
struct Row {
    name: &'static str,
    refuses: &'static [Column],
}

fn rows_of(mine: &Footprint, blind: bool) -> impl Iterator<Item = Row> {
    use Column::{Addition, Append, Overwrite, Restore, Rows, Schema};
    let rows = [
        (
            Kinds::APPEND,
            if blind {
                Row { name: "a blind append", refuses: &[Restore, Schema] }
            } else {
                Row { name: "an append after a read", refuses: &[Overwrite, Restore, Schema] }
            },
        ),
        (
            Kinds::OVERWRITE,
            if blind {
                Row { name: "a blind overwrite", refuses: &[Restore, Schema, Addition] }
            } else {
                Row { name: "an overwrite after a read", refuses: &Column::ALL }
            },
        ),
        (Kinds::ROWS, Row { name: mine.changes_rows(), refuses: &[Overwrite, Restore, Schema] }),
        (Kinds::COMPACT, Row { name: "a compaction", refuses: &[Overwrite, Restore, Schema] }),
        (
            Kinds::ADD_COLUMN,
            Row { name: "adding a column", refuses: &[Overwrite, Restore, Schema] },
        ),
        (Kinds::SCHEMA, Row { name: "a schema change", refuses: &Column::ALL }),
        (Kinds::RESTORE, Row { name: "a restore", refuses: &Column::ALL }),
        (
            Kinds::DROP,
            if blind {
                Row { name: "a blind drop", refuses: &[Restore, Schema] }
            } else {
                Row {
                    name: "a drop after a read",
                    refuses: &[Overwrite, Restore, Schema, Rows, Append],
                }
            },
        ),
    ];
    let kinds = mine.kinds;
    rows.into_iter().filter(move |(kind, _)| kinds.has(*kind)).map(|(_, row)| row)
}

/// The table is no longer under the name that it had.
fn gone(
    base: &TableVersion,
    other: Option<&TableVersion>,
    ask: Check<'_>,
    head: &Catalog,
) -> Refusal {
    match head.departure(base.id()) {
        Some(departure) => {
            let rule = match &departure.renamed_to {
                Some(to) => Rule::Renamed { to: to.clone() },
                None => Rule::Dropped,
            };
            Refusal::new(rule, departure.at)
        }
        // Why it left its name is forgotten with the versions that had it under that name; where it
        // is now can still be found out.
        None => match head.table_by_id(base.id(), []) {
            Some(now) => Refusal::new(Rule::Renamed { to: now.name().clone() }, arrival(now)),
            None => Refusal::new(Rule::Dropped, other.map_or(ask.head, TableVersion::since)),
        },
    }
}

fn check_columns(mine: &Footprint, theirs: &Theirs<'_>) -> Result<(), Refusal> {
    let Some(winner) = theirs.since(theirs.now.stamps().add_column) else { return Ok(()) };
    let schema = theirs.now.state().schema();
    match mine.added_columns.iter().find(|column| schema.index_of(column).is_some()) {
        Some(column) => Err(Refusal::new(Rule::Column { column: column.clone() }, winner)),
        None => Ok(()),
    }
}

fn check_layouts(mine: &Footprint, theirs: &Theirs<'_>) -> Result<(), Refusal> {
    let now = theirs.now.state().schema();
    let base = mine.base.as_ref().map(|base| base.state().schema());
    if base.is_some_and(|base| Arc::ptr_eq(base, now)) {
        return Ok(());
    }
    if mine.sets_schema && base.is_some_and(|base| !TableSchema::same(base, now)) {
        // All else that alters columns was refused before; this would be lost.
        let rule = Rule::Changed { mine: "a schema change", theirs: "a comment on a column" };
        return Err(Refusal::new(rule, theirs.now.stamps().property));
    }
    let fits = |layout: &Arc<TableSchema>| Arc::ptr_eq(layout, now) || is_readable_as(layout, now);
    if mine.added_columns.is_empty() && !mine.layouts.iter().all(fits) {
        return Err(Refusal::new(Rule::Layout, theirs.now.since()));
    }
    Ok(())
}

fn check_properties(
    mine: &Footprint,
    base: &TableVersion,
    theirs: &Theirs<'_>,
) -> Result<(), Refusal> {
    // A restore puts back the properties of then.
    let stamps = theirs.now.stamps();
    let Some(winner) = theirs.since(stamps.property.max(stamps.restore)) else { return Ok(()) };
    let (then, now) = (base.state().details(), theirs.now.state().details());
    let differs = |key: &&Arc<str>| then.properties.get(*key) != now.properties.get(*key);
    if let Some(key) = mine.property_keys.iter().find(differs) {
        return Err(Refusal::new(Rule::Property { key: Some(Arc::clone(key)) }, winner));
    }
    if mine.sets_comment && then.comment != now.comment {
        return Err(Refusal::new(Rule::Property { key: None }, winner));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
