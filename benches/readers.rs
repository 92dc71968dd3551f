//! Do readers slow down while a writer commits a thousand times a second?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annals::{Store, TableName};
use annals_benches::stores::{Wander, few_rows, fill, keeping, names, overwrite, read};
use annals_benches::{Bench, Bound, Unit, median};

/// How long readers are counted with the writer, and then without it.
const TURN: Duration = Duration::from_millis(5);
/// A commit every millisecond.
const PERIOD: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let mut bench = Bench::asks("do readers slow down while a writer commits?");
    let store = keeping(1_000).build();
    let names = names(bench.size(1_000, 10));
    fill(&store, &names);
    // One core is left to the writer.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let readers = (cores - 1).max(1);
    let rounds = bench.size(1_001, 1);

    let (stop, writes) = (AtomicBool::new(false), AtomicBool::new(false));
    let reads: Vec<AtomicU64> = (0..readers).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for reads in &reads {
            scope.spawn(|| read_until(&stop, &store, &names, reads));
        }
        let writer = scope.spawn(|| write_until(&stop, &writes, &store, &names));

        let count = || reads.iter().map(|reads| reads.load(Ordering::Relaxed)).sum::<u64>();
        let counted = |with_writer: bool| {
            writes.store(with_writer, Ordering::Relaxed);
            let (from, begin) = (count(), Instant::now());
            std::thread::sleep(TURN);
            (count() - from) as f64 / begin.elapsed().as_secs_f64()
        };
        let (mut ratios, mut beside, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let (begin, first) = (Instant::now(), store.version());
        for round in 0..rounds {
            let turns = [round % 2 == 0, round % 2 == 1].map(|with| (with, counted(with)));
            let rate = |of: bool| turns.iter().find(|(with, _)| *with == of).expect("both ran").1;
            ratios.push(rate(true) / rate(false));
            beside.push(rate(true));
            alone.push(rate(false));
        }
        let half = begin.elapsed().as_secs_f64() / 2.0;
        let commits = (store.version().0 - first.0) as f64;
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("the writer does not panic");
        assert!(commits > 0.0 && count() > 0);

        let what = format!("{readers} reader(s) beside a writer against readers alone");
        let from = format!("{:.0}/s against {:.0}/s", median(beside), median(alone));
        bench.judge(&what, &from, median(ratios), Unit::Times, Bound::AtLeast(0.95));
        let from = "in the turns that it had";
        let made = commits / half;
        bench.judge("commits by the writer", from, made, Unit::PerSecond, Bound::AtLeast(900.0));
    });
    bench.finish()
}

fn read_until(stop: &AtomicBool, store: &Store, names: &[TableName], reads: &AtomicU64) {
    const COUNTED_AT_ONCE: u64 = 64;
    let mut wander = Wander::over(names.len());
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..COUNTED_AT_ONCE {
            black_box(read(store, &names[wander.step()]));
        }
        reads.fetch_add(COUNTED_AT_ONCE, Ordering::Relaxed);
    }
}

fn write_until(stop: &AtomicBool, writes: &AtomicBool, store: &Store, names: &[TableName]) {
    let mut wander = Wander::over(names.len());
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        next += PERIOD;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        if !writes.load(Ordering::Relaxed) {
            continue;
        }
        overwrite(store, &names[wander.step()], few_rows(2));
    }
}
