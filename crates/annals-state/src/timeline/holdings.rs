//! Which versions keep how much memory alive, and what is left of versions that expired.
//!
//! Bytes are counted per chunk, each once however many versions have it. A chunk that one version
//! alone has is *exclusive* to it: its bytes return when that version goes, and no other bytes do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::Timeline;
use super::lifetimes::{Lifetimes, brought_back};
use crate::chunk::Chunk;
use crate::version::{Version, VersionId};

/// How many bytes the versions of a timeline hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// For each version that can be reached, oldest first.
    pub versions: Vec<Holding>,
    /// Bytes that any of them holds, each counted once.
    pub bytes: u64,
}

/// How many bytes one version holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// All that it shows.
    pub bytes: u64,
    /// What it shows and no other version that can be reached does.
    pub exclusive: u64,
}

/// A chunk that some versions outside a timeline have, and none of its window has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The chunk's logical bytes.
    pub bytes: u64,
    /// Whether a tagged version below the window has it.
    pub tagged: bool,
    /// Which of the versions that were asked about have it: ranges of their indices, in order;
    /// never empty.
    pub spans: Vec<Range<usize>>,
}

impl Timeline {
    /// How many logical bytes each version holds that can be reached. O(tables of the oldest one +
    /// what differs between neighbours), whatever the size of what they share.
    pub fn holdings(&self) -> Holdings {
        let versions: Vec<&Arc<Version>> = self.versions().collect();
        let lifetimes = Lifetimes::of(&versions);
        let mut sum = Sum::of(versions.len());
        for lifetime in lifetimes.iter() {
            sum.add(lifetime.chunk.bytes(), &lifetime.spans, lifetime.only_in());
        }
        let in_oldest: u64 = lifetimes
            .iter()
            .filter(|lifetime| lifetime.spans.first().is_some_and(|span| span.start == 0))
            .map(|lifetime| lifetime.chunk.bytes())
            .sum();
        // What is in all of them is what the oldest has and none of the differences tells of.
        let in_all = versions.first().map_or(0, |oldest| oldest.catalog().bytes()) - in_oldest;
        sum.add_to_all(in_all);
        sum.finish()
    }

    /// As [`holdings`](Self::holdings), by the capacity of distinct buffers: slices of one buffer
    /// count once, and spare capacity counts. It visits every buffer of every chunk: O(everything).
    pub fn holdings_by_buffer(&self) -> Holdings {
        let versions: Vec<&Arc<Version>> = self.versions().collect();
        let lifetimes = Lifetimes::of(&versions);
        let mut buffers: BTreeMap<usize, (u64, Vec<Range<usize>>)> = BTreeMap::new();
        let mut note = |chunk: &Chunk, spans: &[Range<usize>]| {
            for (address, capacity) in chunk.buffers() {
                let (bytes, of) = buffers.entry(address).or_default();
                *bytes = capacity;
                of.extend_from_slice(spans);
            }
        };
        for lifetime in lifetimes.iter() {
            note(&lifetime.chunk, &lifetime.spans);
        }
        // The window never lacks the newest version, so there is an oldest one.
        let oldest = versions[0].catalog().states();
        for entry in oldest.flat_map(|state| state.chunk_map().values()) {
            if !lifetimes.contains(entry.chunk()) {
                let all = 0..versions.len();
                note(entry.chunk(), std::slice::from_ref(&all));
            }
        }
        let mut sum = Sum::of(versions.len());
        for (bytes, spans) in buffers.into_values() {
            let spans = united(spans);
            let only_in = match spans.as_slice() {
                [one] if one.len() == 1 => Some(one.start),
                _ => None,
            };
            sum.add(bytes, &spans, only_in);
        }
        sum.finish()
    }

    /// What is left of `others`, which are older than the window, can no longer be reached, and
    /// are in the order of their numbers: their chunks that no version of the window has.
    ///
    /// O(what differs between neighbours among these, the tagged versions below the window and its
    /// first one, plus what restores in the window brought back): nothing else is looked at.
    pub fn left_of(&self, others: &[&Arc<Version>]) -> Vec<Leftover> {
        let mut row: Vec<&Arc<Version>> =
            self.kept.values().chain(others.iter().copied()).collect();
        row.sort_by_key(|version| version.id());
        row.extend(self.in_window(0));
        let last = row.len() - 1;
        // How many of the others there are before a place in the row.
        let ids: BTreeSet<VersionId> = others.iter().map(|version| version.id()).collect();
        let mut before = vec![0; row.len() + 1];
        for (at, version) in row.iter().enumerate() {
            before[at + 1] = before[at] + usize::from(at < last && ids.contains(&version.id()));
        }
        let lifetimes = Lifetimes::of(&row);
        if lifetimes.is_empty() {
            return Vec::new();
        }
        let returned = self.brought_back();
        let mut left = Vec::new();
        for lifetime in lifetimes.iter() {
            let in_window = lifetime.spans.last().is_some_and(|span| span.end > last);
            if in_window || returned.contains(&Arc::as_ptr(&lifetime.chunk)) {
                continue;
            }
            let spans = lifetime.spans.iter().map(|span| before[span.start]..before[span.end]);
            let of_others: Vec<Range<usize>> = spans.filter(|span| !span.is_empty()).collect();
            let versions: usize = lifetime.spans.iter().map(Range::len).sum();
            let untagged: usize = of_others.iter().map(Range::len).sum();
            if untagged > 0 {
                let bytes = lifetime.chunk.bytes();
                left.push(Leftover { bytes, tagged: versions > untagged, spans: of_others });
            }
        }
        left
    }

    /// Chunks that a version of the window has, and its predecessor, there too, has not, though
    /// they are older.
    fn brought_back(&self) -> BTreeSet<*const Chunk> {
        let mut chunks = BTreeSet::new();
        for version in &self.restores {
            let at = usize::try_from(version.0 - self.first.0).ok();
            let pair = at.and_then(|at| Some((self.in_window(at.checked_sub(1)?)?, at)));
            if let Some((before, at)) = pair
                && let Some(after) = self.in_window(at)
            {
                brought_back(before, after, &mut chunks);
            }
        }
        chunks
    }
}

/// Ranges that may overlap, as ranges that do not.
fn united(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    let mut united: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match united.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => united.push(span),
        }
    }
    united
}

/// Sums over spans of versions, added up at the end.
struct Sum {
    /// What comes and goes from one version to the next.
    steps: Vec<i128>,
    exclusive: Vec<u64>,
    bytes: u64,
}

impl Sum {
    fn of(versions: usize) -> Self {
        Self { steps: vec![0; versions + 1], exclusive: vec![0; versions], bytes: 0 }
    }

    fn add(&mut self, bytes: u64, spans: &[Range<usize>], only_in: Option<usize>) {
        self.bytes += bytes;
        for span in spans {
            self.steps[span.start] += i128::from(bytes);
            self.steps[span.end] -= i128::from(bytes);
        }
        if let Some(at) = only_in {
            self.exclusive[at] += bytes;
        }
    }

    fn add_to_all(&mut self, bytes: u64) {
        let all = 0..self.exclusive.len();
        let only_in = (all.len() == 1).then_some(0);
        self.add(bytes, &[all], only_in);
    }

    fn finish(self) -> Holdings {
        let mut held = 0;
        let holding = |(step, exclusive): (&i128, &u64)| {
            held += step;
            let bytes = u64::try_from(held).expect("what goes had come before");
            Holding { bytes, exclusive: *exclusive }
        };
        let versions = self.steps.iter().zip(&self.exclusive).map(holding).collect();
        Holdings { versions, bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::united;

    #[test]
    #[expect(clippy::single_range_in_vec_init)]
    fn ranges_that_meet_become_one() {
        assert_eq!(united(vec![4..6, 0..2, 1..3, 3..4]), [0..6]);
        assert_eq!(united(vec![2..9, 3..4]), [2..9]);
        assert_eq!(united(vec![5..6, 0..2]), [0..2, 5..6]);
    }
}
