//! Goes through a table once: finds pairs, asks the clauses, and gathers what becomes of the rows.

use std::sync::Arc;

use annals_state::VersionId;
use annals_state::predicate::{Matches, Predicate};
use annals_state::pruning::can_match;
use annals_state::table::{ChunkEntry, Origin};
use annals_state::write_set::{NewRows, Removal};
use arrow_array::UInt32Array;
use roaring::RoaringBitmap;

use super::block::{BLOCK_ROWS, Block};
use super::clause::When;
use super::plan::{Plan, Ready, ask};
use crate::cutter::{ChunkSize, Cutter};
use crate::error::WriteError;
use crate::selection::Selected;

/// What a merge comes to.
pub(super) struct Outcome {
    pub(super) removed: Vec<(u64, Removal)>,
    pub(super) rows: NewRows,
    pub(super) deleted: u64,
    pub(super) updated: u64,
    pub(super) inserted: u64,
    /// The rows that are there for want of a partner: others must not have brought one meanwhile.
    pub(super) predicate: Option<Predicate>,
}

/// A merge in the making.
struct Run<'p> {
    plan: &'p Plan<'p>,
    changed: VersionId,
    kept: Cutter,
    deleted: u64,
    updated: u64,
    /// Whether several rows of the source may delete the same row of the table.
    may_repeat: bool,
    /// Of each row of the source, whether it has a partner.
    matched: Vec<bool>,
    /// Rows of the table that several rows of the source would change, and one of the latter.
    repeated: u64,
    example: Option<u32>,
}

/// What is known of one chunk.
#[derive(Default)]
struct InChunk {
    /// Rows that are taken out, be it to come back under new values.
    removed: RoaringBitmap,
    repeated: RoaringBitmap,
    /// Rows that have a partner, if that matters.
    matched: RoaringBitmap,
}

/// Runs a merge against the state that it was planned for. Updated rows are changed at `changed`.
pub(super) fn run(
    plan: &Plan<'_>,
    size: ChunkSize,
    changed: VersionId,
) -> Result<Outcome, WriteError> {
    let mut matched_clauses = plan.clauses.iter().filter(|clause| clause.when == When::Matched);
    let may_repeat = matched_clauses.next().is_some_and(Ready::deletes_always)
        && matched_clauses.next().is_none();
    let mut run = Run {
        plan,
        changed,
        kept: Cutter::traced(size, plan.state),
        deleted: 0,
        updated: 0,
        may_repeat,
        matched: vec![false; plan.source.num_rows()],
        repeated: 0,
        example: None,
    };
    let removed = run.chunks()?;
    if run.repeated > 0 {
        let key = run.example.zip(plan.keys.as_ref()).map(|(row, keys)| keys.describe(row));
        let key = key.unwrap_or_else(|| "the condition holds".to_owned());
        let (table, rows) = (plan.name.clone(), run.repeated);
        return Err(WriteError::ManySources { table, rows, key });
    }
    run.finish(removed, size)
}

impl<'p> Run<'p> {
    fn chunks(&mut self) -> Result<Vec<(u64, Removal)>, WriteError> {
        let plan = self.plan;
        let bound = match &plan.keys {
            None => None,
            Some(keys) => {
                let wrong = |error| plan.wrong("the key", error);
                Some(keys.bounds.bind(plan.state.arrow_schema()).map_err(wrong)?)
            }
        };
        let all = plan.has(When::NotMatchedBySource);
        let mut removed = Vec::new();
        for (sequence, entry) in plan.state.chunks() {
            let mut of_chunk = InChunk::default();
            let matches = bound.as_ref().map_or(Matches::Some, |b| can_match(b, plan.state, entry));
            if matches != Matches::None {
                self.pairs(entry, &mut of_chunk)?;
            }
            if all {
                self.without_source(entry, &mut of_chunk)?;
            }
            self.repeated += of_chunk.repeated.len();
            if !of_chunk.removed.is_empty() {
                removed.push(Selected { sequence, entry, rows: of_chunk.removed }.removal());
            }
        }
        Ok(removed)
    }

    /// Finds the pairs of a chunk, a block at a time.
    fn pairs(&mut self, entry: &'p ChunkEntry, of_chunk: &mut InChunk) -> Result<(), WriteError> {
        let plan = self.plan;
        let deleted = entry.deletions().map(annals_state::table::Deletions::rows);
        let (mut target, mut source): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut found = |row: u32, of_source: u32| {
            if deleted.is_some_and(|deleted| deleted.contains(row)) {
                return Ok(());
            }
            target.push(row);
            source.push(of_source);
            if target.len() < BLOCK_ROWS {
                return Ok(());
            }
            let pairs = (std::mem::take(&mut target), std::mem::take(&mut source));
            self.decide(entry, pairs, of_chunk)
        };
        match &plan.keys {
            Some(keys) => keys.pairs_in(plan.state, entry, found)?,
            None => {
                // Fewer rows than 2^32 on either side.
                for row in &entry.live() {
                    for of_source in 0..plan.source.num_rows() as u32 {
                        found(row, of_source)?;
                    }
                }
            }
        }
        self.decide(entry, (target, source), of_chunk)
    }

    fn decide(
        &mut self,
        entry: &'p ChunkEntry,
        (target, source): (Vec<u32>, Vec<u32>),
        of_chunk: &mut InChunk,
    ) -> Result<(), WriteError> {
        if target.is_empty() {
            return Ok(());
        }
        let plan = self.plan;
        let target = (&**plan.state, entry, UInt32Array::from(target));
        let mut block = Block::of_pairs(target, (plan.source, UInt32Array::from(source)));
        for test in plan.tests {
            if block.rows > 0 {
                let mask = ask(plan.name, "in the condition of a merge's join", test, &block)?;
                block = block.select(&mask)?;
            }
        }
        for row in block.source_rows() {
            self.matched[*row as usize] = true;
        }
        if plan.has(When::NotMatchedBySource) {
            of_chunk.matched.extend(block.target_rows());
        }
        self.clauses(When::Matched, block, of_chunk)
    }

    /// Rows of a chunk that have no partner.
    fn without_source(
        &mut self,
        entry: &'p ChunkEntry,
        of_chunk: &mut InChunk,
    ) -> Result<(), WriteError> {
        let mut rows = entry.live();
        rows -= &of_chunk.matched;
        let rows: Vec<u32> = rows.into_iter().collect();
        for rows in rows.chunks(BLOCK_ROWS) {
            let rows = UInt32Array::from(rows.to_vec());
            let block = Block::of_target(self.plan.state, entry, rows);
            self.clauses(When::NotMatchedBySource, block, of_chunk)?;
        }
        Ok(())
    }

    /// Lets the first clause that applies have each row.
    fn clauses(
        &mut self,
        when: When,
        block: Block<'p>,
        of_chunk: &mut InChunk,
    ) -> Result<(), WriteError> {
        let plan = self.plan;
        let mut rest = Some(block);
        for clause in plan.clauses.iter().filter(|clause| clause.when == when) {
            let Some(block) = rest else { break };
            let (applied, others) = clause.split(plan, block)?;
            rest = others;
            let Some(applied) = applied else { continue };
            let before = of_chunk.removed.len();
            for (at, row) in applied.target_rows().iter().enumerate() {
                if !of_chunk.removed.insert(*row) && !self.may_repeat {
                    of_chunk.repeated.insert(*row);
                    self.example = self.example.or(applied.source_rows().get(at).copied());
                }
            }
            if clause.is_delete() {
                self.deleted += of_chunk.removed.len() - before;
            } else if of_chunk.repeated.is_empty() && self.repeated == 0 {
                let changed = self.changed;
                let origins = applied.origins().map(|origin| Origin { changed, ..origin });
                let origins: Vec<Origin> = origins.collect();
                self.kept.push_traced(&clause.apply(plan, &applied)?, &origins)?;
                self.updated += applied.rows as u64;
            }
        }
        Ok(())
    }

    /// Inserts what has no partner, behind the rows that were there.
    fn finish(self, removed: Vec<(u64, Removal)>, size: ChunkSize) -> Result<Outcome, WriteError> {
        let plan = self.plan;
        let ids = plan.state.details().partition_by.iter();
        let columns = ids.filter_map(|id| plan.state.schema().index_of_id(*id)).collect();
        let mut new = Cutter::new(size, columns);
        let mut inserted: Vec<u32> = Vec::new();
        if plan.has(When::NotMatched) {
            let alone = |(row, matched): (usize, &bool)| (!matched).then_some(row as u32);
            let rows: Vec<u32> = self.matched.iter().enumerate().filter_map(alone).collect();
            for rows in rows.chunks(BLOCK_ROWS) {
                let rows = UInt32Array::from(rows.to_vec());
                let mut rest = Some(Block::of_source(plan.source, rows));
                for clause in plan.clauses.iter().filter(|clause| clause.when == When::NotMatched) {
                    let Some(block) = rest else { break };
                    let (applied, others) = clause.split(plan, block)?;
                    rest = others;
                    if let Some(applied) = applied {
                        new.push(clause.apply(plan, &applied)?)?;
                        inserted.extend(applied.source_rows());
                    }
                }
            }
        }
        let predicate = match &plan.keys {
            _ if inserted.is_empty() => None,
            Some(keys) => Some(keys.predicate(inserted.iter().copied())?),
            None => Some(Predicate::literal(true)),
        };
        let (mut chunks, kept) = self.kept.finish_traced()?;
        let new = new.finish()?;
        if !new.is_empty() {
            chunks = chunks.iter().cloned().chain(new).collect();
        }
        let rows = NewRows { layout: Arc::clone(plan.state.schema()), chunks, kept };
        let (deleted, updated, inserted) = (self.deleted, self.updated, inserted.len() as u64);
        Ok(Outcome { removed, rows, deleted, updated, inserted, predicate })
    }
}
