//! What the benchmarks share: rounds that take turns, verdicts, and stores to measure on.
//!
//! A benchmark is one file beside `src`, named after its subject, with a header that states the
//! question it answers and a `[[bench]]` entry (`harness = false`) in `Cargo.toml`. Run with
//! `-- --test` it does each of its measurements once, on small data, and only shows that it works;
//! run without, it measures, and fails if a bound is missed.
//!
//! **Rule:** a figure is compared with one taken in the same run. Whoever is measured against
//! whom takes turns in short rounds, so that what else the machine does hits both alike; a ratio
//! is taken round by round, and of all rounds the median counts.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[cfg(feature = "peers")]
pub mod chart;
#[cfg(feature = "peers")]
pub mod contest;
#[cfg(feature = "peers")]
pub mod peers;
#[cfg(feature = "sql")]
pub mod sql;
pub mod stand_ins;
pub mod stores;

/// How long one side's turn in a round lasts.
const TURN: Duration = Duration::from_micros(300);

/// One run of a benchmark: whether it measures, and which bounds were missed.
#[derive(Debug)]
pub struct Bench {
    smoke: bool,
    missed: usize,
}

/// What a figure must not exceed or fall short of.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// It must be this or less.
    AtMost(f64),
    /// It must be this or more.
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many times the alternative.
    Times,
    /// Nanoseconds for one operation.
    Nanoseconds,
    /// Operations in a second.
    PerSecond,
    /// How many.
    Count,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Times => format!("{figure:.3}×"),
            Self::Nanoseconds => nanoseconds(figure),
            Self::PerSecond => format!("{figure:.0}/s"),
            Self::Count => format!("{figure:.0}"),
        }
    }
}

/// A duration in nanoseconds, in a unit that suits it.
pub fn nanoseconds(figure: f64) -> String {
    match figure {
        ..100.0 => format!("{figure:.2} ns"),
        ..10_000.0 => format!("{figure:.0} ns"),
        ..10_000_000.0 => format!("{:.1} µs", figure / 1e3),
        _ => format!("{:.1} ms", figure / 1e6),
    }
}

impl Bench {
    /// Begins a benchmark, prints its question, and learns from the arguments whether to measure.
    pub fn asks(question: &str) -> Self {
        let smoke = std::env::args().any(|argument| argument == "--test");
        println!("{question}");
        Self { smoke, missed: 0 }
    }

    /// Whether the benchmark is only to show that it works.
    pub fn is_smoke(&self) -> bool {
        self.smoke
    }

    /// A size: `full` to measure, `smoke` to show that it works.
    pub fn size(&self, full: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { full }
    }

    /// Lets the sides take turns and returns, per side, the nanoseconds of an operation in each
    /// round. A side is called with the number of operations to do.
    pub fn rounds<const N: usize>(
        &self,
        rounds: usize,
        mut sides: [&mut dyn FnMut(usize); N],
    ) -> [Vec<f64>; N] {
        if self.smoke {
            return sides.map(|side| {
                side(2);
                vec![1.0]
            });
        }
        let mut operations = [1; N];
        for (side, count) in sides.iter_mut().zip(&mut operations) {
            *count = operations_in(TURN, &mut **side);
        }
        let mut taken = [const { Vec::new() }; N];
        for round in 0..rounds {
            for turn in 0..N {
                // Who goes first changes, so that no side always finds the other's caches.
                let at = (round + turn) % N;
                let begin = Instant::now();
                sides[at](operations[at]);
                taken[at].push(begin.elapsed().as_nanos() as f64 / operations[at] as f64);
            }
        }
        taken
    }

    /// Compares an operation of the store with an alternative, and judges how many times as long
    /// it takes.
    pub fn compare(
        &mut self,
        what: &str,
        bound: Bound,
        rounds: usize,
        mut ours: impl FnMut(usize),
        mut theirs: impl FnMut(usize),
    ) {
        let [ours, theirs] = self.rounds(rounds, [&mut ours, &mut theirs]);
        self.judge_rounds(what, &ours, &theirs, bound);
    }

    /// Judges the ratio of two sides that took turns.
    pub fn judge_rounds(&mut self, what: &str, ours: &[f64], theirs: &[f64], bound: Bound) {
        let figures =
            [ours, theirs].map(|side| nanoseconds(median(side.iter().copied()))).join(" against ");
        let ratio = median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs));
        self.judge(what, &figures, ratio, Unit::Times, bound);
    }

    /// The median time of an operation in nanoseconds. What `work` returns is dropped after the
    /// clock is stopped.
    pub fn time<R>(&self, rounds: usize, mut work: impl FnMut(usize) -> R) -> f64 {
        if self.smoke {
            drop(work(2));
            return 1.0;
        }
        let operations = operations_in(TURN, |count| drop(work(count)));
        median((0..rounds).map(|_| {
            let begin = Instant::now();
            let result = work(operations);
            let elapsed = begin.elapsed();
            drop(result);
            elapsed.as_nanos() as f64 / operations as f64
        }))
    }

    /// Prints a figure beside its bound, with `from` as what it was computed from. What only shows
    /// that it works is judged by counts alone, which do not depend on the machine.
    pub fn judge(&mut self, what: &str, from: &str, figure: f64, unit: Unit, bound: Bound) {
        if self.smoke && unit != Unit::Count {
            println!("  {what}: works");
            return;
        }
        let (words, limit, kept) = match bound {
            Bound::AtMost(limit) => ("at most", limit, figure <= limit),
            Bound::AtLeast(limit) => ("at least", limit, figure >= limit),
        };
        let verdict = if kept { "ok" } else { "MISSED" };
        self.missed += usize::from(!kept);
        let (figure, limit) = (unit.show(figure), unit.show(limit));
        println!("  {what}: {figure}, {words} {limit}: {verdict}   ({from})");
    }

    /// Prints a remark that is not judged.
    pub fn note(&self, remark: &str) {
        if !self.smoke {
            println!("  {remark}");
        }
    }

    /// Ends the benchmark: a failure if a bound was missed.
    pub fn finish(self) -> ExitCode {
        if self.missed == 0 {
            return ExitCode::SUCCESS;
        }
        println!("  {} MISSED", self.missed);
        ExitCode::FAILURE
    }
}

/// How many operations fill `time`. Warms up what they touch.
fn operations_in(time: Duration, mut work: impl FnMut(usize)) -> usize {
    // The most of several tries: one that was interrupted finds too few, and turns of few
    // operations would all be spent on what the other side's turn drove out of the caches.
    (0..9).map(|_| operations_in_once(time, &mut work)).max().expect("there are some tries")
}

fn operations_in_once(time: Duration, work: &mut impl FnMut(usize)) -> usize {
    let mut operations = 1;
    loop {
        let begin = Instant::now();
        work(operations);
        let elapsed = begin.elapsed();
        if elapsed >= time / 2 {
            let per_operation = elapsed.as_secs_f64() / operations as f64;
            return ((time.as_secs_f64() / per_operation) as usize).max(1);
        }
        operations *= 2;
    }
}

/// The middle of `figures`.
///
/// # Panics
///
/// If there are none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    quantile(figures, 2)
}

/// The least of `figures` but for a tenth that is less still: what the machine can do while it does
/// nothing else.
///
/// # Panics
///
/// If there are none.
pub fn undisturbed(figures: impl IntoIterator<Item = f64>) -> f64 {
    quantile(figures, 10)
}

/// The figure that one part in so many falls short of.
fn quantile(figures: impl IntoIterator<Item = f64>, parts: usize) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / parts]
}
