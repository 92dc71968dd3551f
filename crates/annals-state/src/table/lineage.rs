//! Which row is which: the ids of a chunk's rows, and the commits behind each.
//!
//! A row gets its id when a commit brings it, and keeps it for life. Rows of a chunk that has just
//! been written are numbered in order, and all came with that commit; then the first number says
//! everything. Where rows were rewritten, by an update or a compaction, a [`Lineage`] tells of each
//! which id it has, which commit brought it and which one last changed it.
//!
//! Lineages are spans of rows that follow each other, so that compacting whole chunks costs one
//! span a chunk; rows that were picked or sorted one by one cost 16 bytes each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::HighWater;
use crate::version::VersionId;

/// Who a row is and which commits are behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The row's id: unique in its table, kept for life, never used again.
    pub row: u64,
    /// The version that brought the row.
    pub born: VersionId,
    /// The version that last gave it values; that which brought it, if it was never updated.
    pub changed: VersionId,
}

/// The ids of the rows of a chunk.
#[derive(Clone, Debug, PartialEq)]
pub enum RowIds {
    /// In order from this one on: the rows came with the chunk.
    From(u64),
    /// The rows were there before the chunk was written.
    Kept(Arc<Lineage>),
}

/// Where the rows of a rewritten chunk come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Lineage {
    /// In the order of their first rows, which begin at 0 without a gap.
    spans: Arc<[Span]>,
    /// What spans point to: the versions that brought and last changed their rows.
    commits: Box<[Commits]>,
    rows: u32,
    row_max: u64,
    /// The newest of the versions that changed a row.
    newest: VersionId,
}

/// Rows that follow each other and have ids that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// The place of the first row in the chunk.
    start: u32,
    /// The place in `commits`.
    commits: u32,
    /// The id of the first row.
    row: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Commits {
    born: VersionId,
    changed: VersionId,
}

impl Lineage {
    /// The lineage of rows that have these origins, in order; at most 2^32 - 1 of them.
    pub fn of(origins: impl IntoIterator<Item = Origin>) -> Self {
        let mut builder = Builder::default();
        for origin in origins {
            builder.push(origin);
        }
        builder.finish()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The origin of the row at an index, which is one of the chunk's. O(log spans).
    pub fn origin(&self, index: u32) -> Origin {
        let after = self.spans.partition_point(|span| span.start <= index);
        let span = &self.spans[after - 1];
        self.origin_in(span, index)
    }

    /// The origins of all rows, in order.
    pub fn origins(&self) -> impl Iterator<Item = Origin> {
        self.spans().flat_map(|(rows, first)| {
            (0..rows.len() as u64).map(move |step| Origin { row: first.row + step, ..first })
        })
    }

    /// Runs of rows whose ids follow each other: their places, and the origin of the first.
    pub fn spans(&self) -> impl Iterator<Item = (Range<u32>, Origin)> {
        self.spans.iter().enumerate().map(|(at, span)| {
            let end = self.spans.get(at + 1).map_or(self.rows, |next| next.start);
            (span.start..end, self.origin_in(span, span.start))
        })
    }

    /// The newest version that gave one of the rows its values.
    pub fn newest(&self) -> VersionId {
        self.newest
    }

    /// The versions that gave the rows their values, each once, in order.
    pub fn versions(&self) -> impl Iterator<Item = VersionId> {
        let versions: std::collections::BTreeSet<_> =
            self.commits.iter().map(|commits| commits.changed).collect();
        versions.into_iter()
    }

    fn origin_in(&self, span: &Span, index: u32) -> Origin {
        let Commits { born, changed } = self.commits[span.commits as usize];
        Origin { row: span.row + u64::from(index - span.start), born, changed }
    }

    /// The lineage as it is once what was provisional is settled: versions after `base` are `at`,
    /// and ids that the transaction minted move from where they were minted to where they are now.
    pub(crate) fn settled(
        self: &Arc<Self>,
        base: VersionId,
        at: VersionId,
        moved: Option<&(HighWater, HighWater)>,
    ) -> Arc<Self> {
        let moved = moved.filter(|(before, now)| {
            before.next_row != now.next_row && self.row_max >= before.next_row
        });
        let provisional = |version: VersionId| version > base && version != at;
        if moved.is_none()
            && !self.commits.iter().any(|c| provisional(c.born) || provisional(c.changed))
        {
            return Arc::clone(self);
        }
        let settle = |version: VersionId| if version > base { at } else { version };
        let commits = self
            .commits
            .iter()
            .map(|c| Commits { born: settle(c.born), changed: settle(c.changed) })
            .collect();
        let (mut spans, mut row_max) = (Arc::clone(&self.spans), self.row_max);
        if let Some((before, now)) = moved {
            let shift = |row: u64| match row.checked_sub(before.next_row) {
                Some(minted) => now.next_row + minted,
                None => row,
            };
            // A span never reaches across the mark: a row before it and one behind it differ in
            // the commit that brought them.
            spans = self.spans.iter().map(|span| Span { row: shift(span.row), ..*span }).collect();
            row_max = shift(row_max);
        }
        Arc::new(Self { spans, commits, rows: self.rows, row_max, newest: settle(self.newest) })
    }
}

#[derive(Default)]
struct Builder {
    spans: Vec<Span>,
    commits: Vec<Commits>,
    known: BTreeMap<Commits, u32>,
    rows: u32,
    row_max: u64,
    newest: VersionId,
}

impl Builder {
    fn push(&mut self, origin: Origin) {
        let Origin { row, born, changed } = origin;
        let of = Commits { born, changed };
        let follows = self.spans.last().is_some_and(|span| {
            span.row + u64::from(self.rows - span.start) == row
                && self.commits[span.commits as usize] == of
        });
        if !follows {
            let next = u32::try_from(self.commits.len()).expect("there are fewer than rows");
            let commits = *self.known.entry(of).or_insert(next);
            if commits == next {
                self.commits.push(of);
            }
            self.spans.push(Span { start: self.rows, commits, row });
        }
        self.rows = self.rows.checked_add(1).expect("a chunk has fewer than 2^32 rows");
        self.row_max = self.row_max.max(row);
        self.newest = self.newest.max(changed);
    }

    fn finish(self) -> Lineage {
        let Self { spans, commits, rows, row_max, newest, .. } = self;
        Lineage { spans: spans.into(), commits: commits.into(), rows, row_max, newest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(row: u64, born: u64, changed: u64) -> Origin {
        Origin { row, born: VersionId(born), changed: VersionId(changed) }
    }

    #[test]
    fn it_returns_what_it_was_made_of() {
        for seed in 1..300_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut next = |below: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % below
            };
            let mut origins = vec![origin(next(50), 1, 1 + next(3))];
            for _ in 0..next(60) {
                let last = origins[origins.len() - 1];
                origins.push(match next(4) {
                    0 => origin(next(100), 1 + next(2), 3 + next(2)),
                    1 => Origin { row: last.row + 1, changed: VersionId(1 + next(4)), ..last },
                    _ => Origin { row: last.row + 1, ..last },
                });
            }
            let lineage = Lineage::of(origins.iter().copied());
            assert_eq!(lineage.len(), origins.len(), "seed {seed}");
            assert!(lineage.origins().eq(origins.iter().copied()), "seed {seed}");
            for (index, origin) in (0..).zip(&origins) {
                assert_eq!(lineage.origin(index), *origin, "seed {seed}, row {index}");
            }
            let newest = origins.iter().map(|origin| origin.changed).max();
            assert_eq!(Some(lineage.newest()), newest, "seed {seed}");
        }
    }

    #[test]
    fn rows_that_follow_each_other_are_one_span() {
        let lineage = Lineage::of((0..1_000).map(|row| origin(500 + row, 3, 4)));
        assert_eq!(lineage.spans().count(), 1);
        let scattered = Lineage::of((0..1_000).map(|row| origin(2 * row, 3, 4)));
        assert_eq!((scattered.spans().count(), scattered.commits.len()), (1_000, 1));
    }

    #[test]
    fn what_was_provisional_moves_and_the_rest_stays() {
        let marks = |next_row| HighWater { next_row, ..HighWater::default() };
        let moved = (marks(100), marks(170));
        // Of rows 98 and 99, which were there, one was updated; 100 and 101 were minted.
        let origins = [origin(98, 2, 2), origin(99, 2, 6), origin(100, 6, 6), origin(101, 6, 6)];
        let lineage = Arc::new(Lineage::of(origins));
        let settled = lineage.settled(VersionId(5), VersionId(9), Some(&moved));
        let expected = [origin(98, 2, 2), origin(99, 2, 9), origin(170, 9, 9), origin(171, 9, 9)];
        assert!(settled.origins().eq(expected));
        assert_eq!(settled.newest(), VersionId(9));
        // Committed as it was made, nothing is made anew.
        let same = lineage.settled(VersionId(5), VersionId(6), None);
        assert!(Arc::ptr_eq(&same, &lineage));
    }
}
