//! Numbers that are computed when they are first asked for.
//!
//! They depend on nothing but the rows, which never change. So nobody waits: of several who ask at
//! once each computes, and all find the same. That is also why no order between threads is needed.

use std::sync::atomic::{AtomicU64, Ordering};

/// The statistics of one column, as far as somebody has asked.
#[derive(Debug)]
pub(super) struct Once {
    null_count: AtomicU64,
    /// The row of the smallest value and that of the largest, 32 bits each.
    extremes: AtomicU64,
}

/// No chunk has so many rows, nor a last row of that number: see [`packed`].
const UNKNOWN: u64 = u64::MAX;

/// There are no extremes.
const NONE: u64 = u64::MAX - 1;

impl Once {
    pub(super) fn null_count(&self, compute: impl FnOnce() -> u64) -> u64 {
        match self.null_count.load(Ordering::Relaxed) {
            UNKNOWN => {
                let count = compute();
                self.null_count.store(count, Ordering::Relaxed);
                count
            }
            count => count,
        }
    }

    pub(super) fn extremes(
        &self,
        compute: impl FnOnce() -> Option<(usize, usize)>,
    ) -> Option<(usize, usize)> {
        match self.extremes.load(Ordering::Relaxed) {
            UNKNOWN => {
                let rows = compute();
                self.extremes.store(packed(rows), Ordering::Relaxed);
                rows
            }
            NONE => None,
            rows => Some(((rows >> 32) as usize, rows as u32 as usize)),
        }
    }
}

/// Rows as they are kept. Those beyond the 4,294,967,294th are not: they are found each time.
fn packed(rows: Option<(usize, usize)>) -> u64 {
    let Some((min, max)) = rows else { return NONE };
    match (u32::try_from(min), u32::try_from(max)) {
        (Ok(min), Ok(max)) if min.max(max) < u32::MAX - 1 => u64::from(min) << 32 | u64::from(max),
        _ => UNKNOWN,
    }
}

impl Default for Once {
    fn default() -> Self {
        Self { null_count: AtomicU64::new(UNKNOWN), extremes: AtomicU64::new(UNKNOWN) }
    }
}

impl Clone for Once {
    fn clone(&self) -> Self {
        let copy = |number: &AtomicU64| AtomicU64::new(number.load(Ordering::Relaxed));
        Self { null_count: copy(&self.null_count), extremes: copy(&self.extremes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_kept() {
        for rows in [None, Some((0, 0)), Some((7, 3)), Some((0, u32::MAX as usize - 2))] {
            let once = Once::default();
            assert_eq!(once.extremes(|| rows), rows);
            assert_eq!(once.clone().extremes(|| unreachable!("it is known")), rows);
            assert_eq!(once.null_count(|| 5), 5);
            assert_eq!(once.null_count(|| unreachable!("it is known")), 5);
        }
    }

    #[test]
    fn rows_of_great_numbers_are_found_each_time() {
        let last = u32::MAX as usize;
        for rows in [(last - 1, 0), (last, last), (last, last - 1), (0, last + 1)] {
            let once = Once::default();
            assert_eq!(once.extremes(|| Some(rows)), Some(rows));
            assert_eq!(once.extremes(|| Some((1, 2))), Some((1, 2)));
        }
    }
}
