//! The history of one row: every state that retained versions have of it, and what ended it. It ends
//! at the first version that has expired: beyond that, what became of the row is not known from one
//! version to the next, and tagged versions there are not looked into.
//!
//! The row is looked for once, in the newest state. From there on only the chunks that a commit
//! changed are looked into.

use std::sync::Arc;

use annals_state::name::ToTableName;
use annals_state::table::{ChunkDifference, ChunkEntry, Origin, TableVersion};
use annals_state::{Commit, VersionId};
use arrow_array::RecordBatch;
use roaring::RoaringBitmap;

use crate::error::ReadError;
use crate::selection::take_rows;
use crate::steps::{Step, Subject};
use crate::store::Store;

/// What happened to one row, newest first; made by [`Store::row_history`].
#[derive(Clone, Debug)]
pub struct RowHistory {
    steps: Vec<RowStep>,
    is_complete: bool,
}

/// What one commit did to a row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RowStep {
    /// The version that the commit made. Of the oldest step, if what came before it is no longer
    /// retained, the version that gave the row these values.
    pub version: VersionId,
    /// The record of the commit, if it is kept.
    pub commit: Option<Arc<Commit>>,
    /// What became of the row.
    pub state: RowState,
}

/// What a commit made of a row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RowState {
    /// It came, or came back, with these values.
    Inserted(RecordBatch),
    /// It got these values, or got them back.
    Updated(RecordBatch),
    /// It went.
    Deleted,
}

impl RowState {
    /// The row as a batch of one, under the columns that the table had then; none if it went.
    pub fn values(&self) -> Option<&RecordBatch> {
        match self {
            Self::Inserted(values) | Self::Updated(values) => Some(values),
            Self::Deleted => None,
        }
    }
}

impl RowHistory {
    /// What happened to the row, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &RowStep> {
        self.steps.iter()
    }

    /// The last thing that happened to it: what ended it, if it is not there any more.
    pub fn last(&self) -> &RowStep {
        &self.steps[0]
    }

    /// Whether it goes back to the commit that brought the row; else older states have expired.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// Where a row is in a state.
#[derive(Clone, Copy)]
struct Found<'a> {
    sequence: u64,
    entry: &'a ChunkEntry,
    index: u32,
}

impl Found<'_> {
    fn origin(&self) -> Origin {
        self.entry.origin(self.index)
    }
}

impl Store {
    /// The states that one row had, as far as versions are retained without a gap, and what ended it:
    /// tagged versions behind others that have expired are not looked into. The row's id is told by [`blame`](Self::blame) and [`Snapshot::row_diff`](crate::Snapshot::row_diff).
    ///
    /// The table is the one that has the name now, or that left it last. Costs a search through
    /// the newest state's chunks, and for each commit to the table through the chunks that it
    /// changed; ends at the commit that brought the row.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such table or it is a view; [`ReadError::NoRow`].
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Filter, RowState, Store, record_batch, set};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1]))?).save_as_table("t")?;
    /// store.update("t", [set("n", 2)], Filter::all())?;
    /// store.delete("t", Filter::all())?;
    /// let history = store.row_history("t", 0)?;
    /// assert!(matches!(history.last().state, RowState::Deleted));
    /// let versions: Vec<u64> = history.iter().map(|step| step.version.0).collect();
    /// assert_eq!((versions, history.is_complete()), (vec![3, 2, 1], true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn row_history(&self, name: impl ToTableName, row: u64) -> Result<RowHistory, ReadError> {
        let name = name.to_table_name()?;
        let head = self.shared().published.head();
        let subject = Subject::find(&head.version, &name).ok_or_else(|| {
            let source = head.version.catalog().require_table(&name).err();
            let source = source.expect("a table that is there is found");
            ReadError::Catalog { version: head.version.id(), source }
        })?;
        let newest = subject.state_in(&head.version).cloned();
        if newest.as_ref().is_some_and(|table| table.state().is_view()) {
            return Err(ReadError::View { table: subject.name });
        }
        let step_of = |version: VersionId, state| RowStep {
            version,
            commit: head.timeline.record(version).cloned(),
            state,
        };
        let failed = |source| ReadError::Rows { table: subject.name.clone(), source };
        let mut steps = Vec::new();
        // The oldest state so far and the row's place in it.
        let mut oldest: Option<(Arc<TableVersion>, u64, u32)> = newest.and_then(|table| {
            let (sequence, index) = find(&table, row).map(|found| (found.sequence, found.index))?;
            Some((table, sequence, index))
        });
        for step in subject.steps(&head.timeline, VersionId::ZERO, head.version.id()) {
            // What has expired cannot be told.
            let Ok(step) = step else { break };
            let after =
                oldest.as_ref().map(|(table, sequence, index)| found(table, *sequence, *index));
            let before = find_before(&step, row, after);
            let version = step.version.id();
            match (before, after) {
                (None, Some(after)) => {
                    let table = step.after.as_ref().expect("the row is in it");
                    let values = values(table, after).map_err(failed)?;
                    steps.push(step_of(version, RowState::Inserted(values)));
                    if after.origin().born == version {
                        return Ok(RowHistory { steps, is_complete: true });
                    }
                }
                (Some(_), None) => steps.push(step_of(version, RowState::Deleted)),
                (Some(before), Some(after))
                    if before.origin().changed != after.origin().changed =>
                {
                    let table = step.after.as_ref().expect("the row is in it");
                    let values = values(table, after).map_err(failed)?;
                    steps.push(step_of(version, RowState::Updated(values)));
                }
                _ => {}
            }
            let place = before.map(|before| (before.sequence, before.index));
            oldest = step.before.clone().zip(place).map(|(table, (s, i))| (table, s, i));
        }
        let mut is_complete = false;
        if let Some((table, sequence, index)) = &oldest {
            let there = found(table, *sequence, *index);
            let (origin, values) = (there.origin(), values(table, there).map_err(failed)?);
            is_complete = origin.born == origin.changed;
            let state = match is_complete {
                true => RowState::Inserted(values),
                false => RowState::Updated(values),
            };
            steps.push(step_of(origin.changed, state));
        }
        if steps.is_empty() {
            return Err(ReadError::NoRow { table: subject.name, row });
        }
        Ok(RowHistory { steps, is_complete })
    }
}

/// Where the row was before a step, given where it is after.
fn find_before<'a>(step: &'a Step, row: u64, after: Option<Found<'_>>) -> Option<Found<'a>> {
    let before = step.before.as_ref()?;
    let Some(then) = &step.after else { return find(before, row) };
    let (old, new) = (before.state().chunk_map(), then.state().chunk_map());
    let differences = old.diff(new);
    if let Some(after) = after
        && differences.iter().all(|difference| difference.sequence() != after.sequence)
    {
        // In a chunk that both share.
        return Some(found(before, after.sequence, after.index));
    }
    differences.into_iter().find_map(|difference| match difference {
        ChunkDifference::Removed(sequence, entry)
        | ChunkDifference::Changed(sequence, entry, _) => find_in(sequence, entry, row),
        ChunkDifference::Added(..) => None,
    })
}

fn find(table: &TableVersion, row: u64) -> Option<Found<'_>> {
    table.state().chunks().find_map(|(sequence, entry)| find_in(sequence, entry, row))
}

fn find_in(sequence: u64, entry: &ChunkEntry, row: u64) -> Option<Found<'_>> {
    let index = entry.spans().find_map(|(rows, first)| {
        let step = u32::try_from(row.checked_sub(first.row)?).ok()?;
        (step < rows.end - rows.start).then(|| rows.start + step)
    })?;
    let deleted = entry.deletions().is_some_and(|deleted| deleted.rows().contains(index));
    (!deleted).then_some(Found { sequence, entry, index })
}

/// What was found before, borrowed anew.
fn found(table: &TableVersion, sequence: u64, index: u32) -> Found<'_> {
    Found { sequence, entry: &table.state().chunk_map()[&sequence], index }
}

fn values(table: &TableVersion, found: Found<'_>) -> Result<RecordBatch, arrow_schema::ArrowError> {
    take_rows(table.state(), found.entry, &RoaringBitmap::from_iter([found.index]))
}
