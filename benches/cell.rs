//! Which cell do readers pay less for: `arc-swap`, or epochs?
//!
//! Both cells are those of the crate, compiled into this file, and hold what the store's holds: a
//! head with a counted version in it. Three ways to read are measured for each, by 1, 2 and 4
//! readers beside a writer that swaps all the time: a version kept as a snapshot keeps it, the way
//! `Store::snapshot` goes; one number taken under the guard, which touches no count; and the one
//! load of `Reader::latest`, which is no cell's affair and stands beside them.

#[allow(dead_code, reason = "not all of it is measured")]
#[path = "../crates/annals/src/cell/arc_swap.rs"]
mod arc_swap_cell;
#[allow(dead_code, reason = "not all of it is measured")]
#[path = "../crates/annals/src/cell/epoch.rs"]
mod epoch_cell;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annals_benches::stores::{few_rows, fill, keeping, names, overwrite};
use annals_benches::{Bench, Bound, Unit, median};

/// How long readers are counted at a time.
const TURN: Duration = Duration::from_millis(4);
/// The writer's pause between two swaps.
const PERIOD: Duration = Duration::from_micros(100);

/// As large as a store's head, as far as a reader sees it.
struct Head {
    version: Arc<u64>,
    rows: u64,
}

impl Head {
    fn of(number: u64) -> Arc<Self> {
        Arc::new(Self { version: Arc::new(number), rows: number })
    }
}

fn main() -> ExitCode {
    let mut bench = Bench::asks("which cell do readers pay less for?");
    let by_arc_swap = arc_swap_cell::Cell::new(Head::of(0));
    let by_epochs = epoch_cell::Cell::new(Head::of(0));
    let rounds = bench.size(151, 1);
    for readers in [1, 2, 4] {
        let keep_one = || drop(black_box(by_arc_swap.read(|head| Arc::clone(&head.version))));
        let keep_other = || drop(black_box(by_epochs.read(|head| Arc::clone(&head.version))));
        let swap_one = |number| drop(by_arc_swap.swap(Head::of(number)));
        let swap_other = |number| {
            drop(by_epochs.swap(Head::of(number)));
            epoch_cell::collect();
        };
        let what = format!("a snapshot, {readers} reader(s): arc-swap against epochs");
        compare(
            &mut bench,
            &what,
            readers,
            rounds,
            (&keep_one, &swap_one),
            (&keep_other, &swap_other),
        );
        let read_one = || {
            black_box(by_arc_swap.read(|head| head.rows));
        };
        let read_other = || {
            black_box(by_epochs.read(|head| head.rows));
        };
        let what = format!("a scoped read, {readers} reader(s): arc-swap against epochs");
        compare(
            &mut bench,
            &what,
            readers,
            rounds,
            (&read_one, &swap_one),
            (&read_other, &swap_other),
        );
    }
    arc_swap_cell::collect();
    alone(&mut bench, &by_arc_swap, &by_epochs);
    bench.finish()
}

/// What one thread pays when nobody writes, the store's own calls beside the cells'.
fn alone(
    bench: &mut Bench,
    by_arc_swap: &arc_swap_cell::Cell<Head>,
    by_epochs: &epoch_cell::Cell<Head>,
) {
    let store = keeping(100).build();
    let names = names(10);
    fill(&store, &names);
    overwrite(&store, &names[0], few_rows(7));
    let mut reader = store.reader();
    let times = |count: usize, work: &mut dyn FnMut()| (0..count).for_each(|_| work());
    let name = &names[0];
    let taken = bench.rounds(
        bench.size(301, 1),
        [
            &mut |count| times(count, &mut || drop(black_box(by_arc_swap.load()))),
            &mut |count| times(count, &mut || drop(black_box(by_epochs.load()))),
            &mut |count| times(count, &mut || drop(black_box(store.snapshot()))),
            &mut |count| {
                times(count, &mut || {
                    black_box(reader.latest().version());
                });
            },
            &mut |count| {
                times(count, &mut || {
                    let snapshot = store.snapshot();
                    black_box(snapshot.find(name).expect("it was filled").rows());
                });
            },
        ],
    );
    let what = ["load by arc-swap", "load by epochs", "snapshot", "reader's latest", "row count"];
    for (what, taken) in what.iter().zip(taken) {
        bench.judge(what, "alone", median(taken), Unit::Nanoseconds, Bound::AtMost(2_000.0));
    }
}

type Side<'a> = (&'a (dyn Fn() + Sync), &'a (dyn Fn(u64) + Sync));

/// Lets readers of both cells take turns, and tells how many times as long one read takes.
fn compare(
    bench: &mut Bench,
    what: &str,
    readers: usize,
    rounds: usize,
    ours: Side<'_>,
    theirs: Side<'_>,
) {
    let [mut one, mut other] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        if round % 2 == 0 {
            one.push(nanoseconds_a_read(readers, ours));
            other.push(nanoseconds_a_read(readers, theirs));
        } else {
            other.push(nanoseconds_a_read(readers, theirs));
            one.push(nanoseconds_a_read(readers, ours));
        }
    }
    bench.judge_rounds(what, &one, &other, Bound::AtMost(4.0));
}

fn nanoseconds_a_read(readers: usize, (read, swap): Side<'_>) -> f64 {
    const AT_ONCE: u64 = 256;
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    (0..AT_ONCE).for_each(|_| read());
                    reads.fetch_add(AT_ONCE, Ordering::Relaxed);
                }
            });
        }
        let mut number = 1;
        while begin.elapsed() < TURN {
            swap(number);
            number += 1;
            std::thread::sleep(PERIOD);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let reads = reads.load(Ordering::Relaxed).max(1) as f64;
    begin.elapsed().as_nanos() as f64 * readers as f64 / reads
}
