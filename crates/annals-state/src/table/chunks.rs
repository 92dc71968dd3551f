//! The chunks of a table in the order of writing, by sequence.
//!
//! Most tables that are overwritten have one chunk, and a map node for it would be larger than
//! all else that the commit makes. So one chunk is kept as it is, and more than one as a
//! persistent map.

use std::ops::{Index, RangeFrom};

use im::OrdMap;
use im::ordmap::DiffItem;

use super::ChunkEntry;

/// A persistent map from sequence to chunk entry: a clone shares everything.
#[derive(Clone, Debug, Default)]
pub struct Chunks(Kept);

#[derive(Clone, Debug)]
enum Kept {
    /// None or one.
    Few(Option<(u64, ChunkEntry)>),
    /// Any number.
    Many(OrdMap<u64, ChunkEntry>),
}

impl Default for Kept {
    fn default() -> Self {
        Self::Few(None)
    }
}

/// An entry that two tables do not share.
#[derive(Clone, Copy, Debug)]
pub enum ChunkDifference<'a> {
    /// It came.
    Added(u64, &'a ChunkEntry),
    /// It went.
    Removed(u64, &'a ChunkEntry),
    /// Rows of it were deleted or came back.
    Changed(u64, &'a ChunkEntry, &'a ChunkEntry),
}

impl Chunks {
    /// No chunks.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many chunks there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Few(one) => usize::from(one.is_some()),
            Kept::Many(map) => map.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of this sequence. O(log chunks).
    pub fn get(&self, sequence: &u64) -> Option<&ChunkEntry> {
        match &self.0 {
            Kept::Few(one) => one.as_ref().filter(|(of, _)| of == sequence).map(|(_, e)| e),
            Kept::Many(map) => map.get(sequence),
        }
    }

    pub(crate) fn get_mut(&mut self, sequence: &u64) -> Option<&mut ChunkEntry> {
        match &mut self.0 {
            Kept::Few(one) => one.as_mut().filter(|(of, _)| of == sequence).map(|(_, e)| e),
            Kept::Many(map) => map.get_mut(sequence),
        }
    }

    pub(crate) fn insert(&mut self, sequence: u64, entry: ChunkEntry) {
        match &mut self.0 {
            Kept::Few(one) => match one {
                Some((of, _)) if *of != sequence => {
                    let mut map: OrdMap<u64, ChunkEntry> = one.take().into_iter().collect();
                    map.insert(sequence, entry);
                    self.0 = Kept::Many(map);
                }
                _ => *one = Some((sequence, entry)),
            },
            Kept::Many(map) => {
                map.insert(sequence, entry);
            }
        }
    }

    pub(crate) fn remove(&mut self, sequence: &u64) -> Option<ChunkEntry> {
        match &mut self.0 {
            Kept::Few(one) => one.take_if(|(of, _)| of == sequence).map(|(_, entry)| entry),
            Kept::Many(map) => map.remove(sequence),
        }
    }

    /// All entries, by sequence.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &ChunkEntry)> {
        let (one, many) = match &self.0 {
            Kept::Few(one) => (one.as_ref(), None),
            Kept::Many(map) => (None, Some(map)),
        };
        let one = one.map(|(sequence, entry)| (*sequence, entry));
        let many = many.into_iter().flat_map(OrdMap::iter);
        one.into_iter().chain(many.map(|(sequence, entry)| (*sequence, entry)))
    }

    /// All entries without their sequences.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &ChunkEntry> {
        self.iter().map(|(_, entry)| entry)
    }

    /// All entries, of a map that is no longer needed: each part of it is freed once its entries
    /// have been taken. A part that others share is copied, and they keep it.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = ChunkEntry> {
        let (one, many) = match self.0 {
            Kept::Few(one) => (one, None),
            Kept::Many(map) => (None, Some(map)),
        };
        let many = many.into_iter().flatten();
        one.into_iter().chain(many).map(|(_, entry)| entry)
    }

    /// How many entries `to` has not, or not the same. O(what differs), by identity.
    pub(crate) fn count_not_in(&self, to: &Self) -> usize {
        match (&self.0, &to.0) {
            (Kept::Many(from), Kept::Many(to)) => {
                from.diff(to).filter(|item| !matches!(item, DiffItem::Add(..))).count()
            }
            _ => self.iter().filter(|(sequence, entry)| to.get(sequence) != Some(entry)).count(),
        }
    }

    /// The entries from a sequence on. O(log chunks) to begin.
    pub fn range(&self, from: RangeFrom<u64>) -> impl Iterator<Item = (u64, &ChunkEntry)> {
        let (one, many) = match &self.0 {
            Kept::Few(one) => (one.as_ref().filter(|(of, _)| from.contains(of)), None),
            Kept::Many(map) => (None, Some(map.range(from))),
        };
        let one = one.map(|(sequence, entry)| (*sequence, entry));
        let many = many.into_iter().flatten();
        one.into_iter().chain(many.map(|(sequence, entry)| (*sequence, entry)))
    }

    /// What differs in `to`, by sequence. O(what differs), by identity.
    pub fn diff<'a>(&'a self, to: &'a Self) -> Vec<ChunkDifference<'a>> {
        if let (Kept::Many(from), Kept::Many(to)) = (&self.0, &to.0) {
            let differences = from.diff(to).map(|item| match item {
                DiffItem::Add(sequence, entry) => ChunkDifference::Added(*sequence, entry),
                DiffItem::Remove(sequence, entry) => ChunkDifference::Removed(*sequence, entry),
                DiffItem::Update { old: (sequence, old), new: (_, new) } => {
                    ChunkDifference::Changed(*sequence, old, new)
                }
            });
            return differences.collect();
        }
        // One side has one chunk at most, so nearly all of the other differs.
        let gone = self.iter().filter_map(|(sequence, old)| match to.get(&sequence) {
            None => Some(ChunkDifference::Removed(sequence, old)),
            Some(new) if new != old => Some(ChunkDifference::Changed(sequence, old, new)),
            Some(_) => None,
        });
        let came = to.iter().filter(|(sequence, _)| self.get(sequence).is_none());
        let came = came.map(|(sequence, entry)| ChunkDifference::Added(sequence, entry));
        let mut differences: Vec<ChunkDifference<'a>> = gone.chain(came).collect();
        differences.sort_by_key(ChunkDifference::sequence);
        differences
    }
}

impl ChunkDifference<'_> {
    /// The place of the entry.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Added(sequence, _) | Self::Removed(sequence, _) => *sequence,
            Self::Changed(sequence, ..) => *sequence,
        }
    }
}

impl Index<&u64> for Chunks {
    type Output = ChunkEntry;

    /// The entry of a sequence that is known to be there.
    ///
    /// # Panics
    ///
    /// If there is none.
    fn index(&self, sequence: &u64) -> &ChunkEntry {
        self.get(sequence).expect("the sequence is known to be there")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::RecordBatch;
    use arrow_schema::Schema;

    use super::*;
    use crate::chunk::Chunk;
    use crate::table::RowIds;
    use crate::version::VersionId;

    fn entry(first_row: u64) -> ChunkEntry {
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let chunk = Arc::new(Chunk::new(batch));
        let ids = RowIds::From(first_row);
        ChunkEntry { chunk, ids, birth: VersionId(0), layout: 0, deleted: None }
    }

    #[test]
    fn few_and_many_are_one_map() {
        for seed in 1..400_u64 {
            let (mut chunks, mut model) = (Chunks::new(), BTreeMap::new());
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for step in 0..20 {
                let before = (chunks.clone(), model.clone());
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let sequence = (random >> 8) % 4;
                if random % 2 == 0 {
                    assert_eq!(chunks.remove(&sequence), model.remove(&sequence), "seed {seed}");
                } else {
                    let entry = entry(step);
                    chunks.insert(sequence, entry.clone());
                    model.insert(sequence, entry);
                }
                assert_eq!((chunks.len(), chunks.is_empty()), (model.len(), model.is_empty()));
                let all = |model: &BTreeMap<u64, ChunkEntry>, from: u64| {
                    model.range(from..).map(|(s, e)| (*s, e.clone())).collect::<Vec<_>>()
                };
                let owned = |(sequence, entry): (u64, &ChunkEntry)| (sequence, entry.clone());
                assert_eq!(chunks.iter().map(owned).collect::<Vec<_>>(), all(&model, 0));
                let tail: Vec<_> = chunks.range(sequence..).map(owned).collect();
                assert_eq!(tail, all(&model, sequence), "seed {seed}");
                assert_eq!(chunks.get(&sequence), model.get(&sequence), "seed {seed}");
                let differing: Vec<u64> =
                    before.0.diff(&chunks).iter().map(ChunkDifference::sequence).collect();
                let expected: Vec<u64> =
                    (0..4).filter(|s| before.1.get(s) != model.get(s)).collect();
                assert_eq!(differing, expected, "seed {seed}, step {step}");
            }
        }
    }
}
