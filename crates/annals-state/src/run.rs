//! A dense run of shared values that grows at its end and shrinks at its front.
//!
//! Persistent: a clone is O(1), and a change copies one small group. A general persistent vector
//! copies chunks of 64 handles, and so touches 64 reference counts in as many cache lines, at
//! either end and again when the old state is dropped. Commits do that for every version, so the
//! groups here are small, and many values are taken from the front at a time.

use std::sync::Arc;

use im::Vector;

/// How many values a group has. Only the first may have lost some.
const GROUP: usize = 16;

/// A persistent sequence for what grows at its end, one value at a time.
#[derive(Clone, Debug)]
pub struct Run<T> {
    groups: Vector<Arc<[T]>>,
    /// How many values the first group has lost.
    lost: usize,
    /// Fewer than `GROUP` values behind the groups.
    tail: Arc<[T]>,
}

impl<T: Clone> Default for Run<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Run<T> {
    /// Without values. Allocates nothing.
    pub fn new() -> Self {
        Self { groups: Vector::new(), lost: 0, tail: Arc::default() }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.groups.len() * GROUP - self.lost + self.tail.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at an index from the front. O(log values).
    pub fn get(&self, index: usize) -> Option<&T> {
        let place = index.checked_add(self.lost)?;
        match self.groups.get(place / GROUP) {
            // The first group begins where it has lost values.
            Some(group) if place < GROUP => group.get(index),
            Some(group) => group.get(place % GROUP),
            None => self.tail.get(place.checked_sub(self.groups.len() * GROUP)?),
        }
    }

    /// The first value.
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The last value.
    pub fn back(&self) -> Option<&T> {
        self.tail.last().or_else(|| self.groups.back()?.last())
    }

    /// All values, from the front.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.groups.iter().flat_map(|group| group.iter()).chain(self.tail.iter())
    }

    /// Adds a value at the end. Copies fewer than `GROUP` handles.
    pub fn push_back(&mut self, value: T) {
        self.tail = self.tail.iter().cloned().chain([value]).collect();
        if self.tail.len() == GROUP {
            self.groups.push_back(std::mem::take(&mut self.tail));
        }
    }

    /// Takes `count` values from the front, or all. Copies fewer than `GROUP` handles beside.
    pub fn take_front(&mut self, count: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(count.min(self.len()));
        while taken.len() < count {
            let left = count - taken.len();
            let Some(group) = self.groups.pop_front() else {
                let left = left.min(self.tail.len());
                taken.extend_from_slice(&self.tail[..left]);
                // Values that the first group lacks would be missed here: there is none now.
                self.tail = self.tail[left..].into();
                break;
            };
            if left < group.len() {
                taken.extend_from_slice(&group[..left]);
                self.lost += left;
                self.groups.push_front(group[left..].into());
            } else {
                taken.extend_from_slice(&group);
                self.lost = 0;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn a_run_equals_a_queue_and_its_clones_stay_as_they_were() {
        for seed in 1..200_u64 {
            let (mut run, mut queue) = (Run::new(), VecDeque::new());
            let mut earlier: Vec<(Run<u64>, VecDeque<u64>)> = Vec::new();
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            for step in 0..300 {
                match next() % 8 {
                    0 => {
                        let count = (next() % 40) as usize;
                        let taken = run.take_front(count);
                        let expected: Vec<u64> = queue.drain(..count.min(queue.len())).collect();
                        assert_eq!(taken, expected, "seed {seed}, step {step}");
                    }
                    1 => earlier.push((run.clone(), queue.clone())),
                    _ => {
                        run.push_back(step);
                        queue.push_back(step);
                    }
                }
                earlier.truncate(5);
                for (run, queue) in earlier.iter().chain([&(run.clone(), queue.clone())]) {
                    assert!(run.iter().eq(queue.iter()), "seed {seed}, step {step}");
                    assert!(run.iter().rev().eq(queue.iter().rev()), "seed {seed}, step {step}");
                    assert_eq!(run.len(), queue.len(), "seed {seed}, step {step}");
                    assert_eq!((run.front(), run.back()), (queue.front(), queue.back()));
                    let at = (next() % 64) as usize;
                    assert_eq!(run.get(at), queue.get(at), "seed {seed}, step {step}, at {at}");
                }
            }
        }
    }
}
