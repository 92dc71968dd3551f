//! The ends of what there can be: clocks, numbers, names, and very many or very few of something.
//!
//! What may be large has its full size in release builds, and prints how long each step took and how
//! much memory the process has; nothing is decided by time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod clocks;
mod empty;
mod ends;
mod large;
mod names;
mod wide;

use std::time::Instant;

/// As large as it has to be to show; smaller where every step takes longer.
const fn full(release: usize, debug: usize) -> usize {
    if cfg!(debug_assertions) { debug } else { release }
}

/// Prints what the steps of a test took.
struct Steps {
    test: &'static str,
    since: Instant,
}

impl Steps {
    fn of(test: &'static str) -> Self {
        Self { test, since: Instant::now() }
    }

    fn step(&mut self, what: &str) {
        let took = self.since.elapsed();
        println!("{}: {what}: {took:.1?}, {} MiB resident", self.test, resident_mib());
        self.since = Instant::now();
    }
}

/// Memory of the process, where that is easily told; else 0.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    (pages.unwrap_or(0) * 4096) >> 20
}
