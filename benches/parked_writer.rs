//! Are readers disturbed while a writer stands still inside its commit?
//!
//! First a writer is stopped in an assertion, which a commit runs before it enters its section:
//! readers take turns with themselves, with such a writer there and without. Then a writer is kept
//! *inside* the section, by work, for there is nothing that stops it there: a transaction of very
//! many tables that has to be carried over because another one came first. That the section is
//! held shows in a call that has to wait for it.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use annals::{Store, TableName, WriteError};
use annals_benches::stores::{Wander, few_rows, fill, keeping, names, overwrite, read};
use annals_benches::{Bench, Bound, Unit, median};

/// For how long reads are counted at once.
const SLICE: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let mut bench = Bench::asks("are readers disturbed while a writer stands inside its commit?");
    let store = keeping(1_000).build();
    let names = names(bench.size(1_000, 10));
    fill(&store, &names);
    stopped_in_an_assertion(&mut bench, &store, &names);
    busy_in_the_section(&mut bench, &store, &names);
    bench.finish()
}

fn stopped_in_an_assertion(bench: &mut Bench, store: &Store, names: &[TableName]) {
    let rounds = bench.size(501, 2);
    let (inside, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (ask, asked) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    let (mut beside, mut alone) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let (is_inside, may_leave) = (Arc::clone(&inside), Arc::clone(&leave));
        scope.spawn(move || {
            for () in asked {
                let mut tx = store.begin();
                tx.write(few_rows(2)).save_as_table("bench.new").expect("the name is free");
                let (is_inside, may_leave) = (Arc::clone(&is_inside), Arc::clone(&may_leave));
                tx.assert("stand still", move |_| {
                    is_inside.wait();
                    may_leave.wait();
                    Ok(())
                });
                tx.commit().expect("nobody else commits");
                store.drop_table("bench.new").expect("it was created");
                done.send(()).expect("it is waited for");
            }
        });
        let mut wander = Wander::over(names.len());
        for _ in 0..rounds {
            alone.push(reads_in_a_slice(store, names, &mut wander) as f64);

            let before = store.version();
            ask.send(()).expect("the writer waits for it");
            inside.wait();
            let reads = reads_in_a_slice(store, names, &mut wander);
            assert!(reads > 0 && store.version() == before);
            beside.push(reads as f64);
            leave.wait();
            is_done.recv().expect("the writer goes on");
        }
        drop(ask);
    });
    let from = format!(
        "{:.0} reads in {SLICE:?} against {:.0}",
        median(beside.clone()),
        median(alone.clone())
    );
    let ratio = median(beside.iter().zip(&alone).map(|(beside, alone)| beside / alone));
    let what = "reads beside a writer that is stopped in its commit";
    bench.judge(what, &from, ratio, Unit::Times, Bound::AtLeast(0.95));
}

fn busy_in_the_section(bench: &mut Bench, store: &Store, tables: &[TableName]) {
    let staged = names(tables.len() + bench.size(50_000, 50)).split_off(tables.len());
    let (at_work, finished) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut slices = Vec::new();
    let held = thread::scope(|scope| {
        scope.spawn(|| {
            let mut tx = store.begin();
            let rows = few_rows(1);
            for name in &staged {
                tx.write(&rows).save_as_table(name)?;
            }
            // Another commit comes first, so this one is carried over: inside the section.
            overwrite(store, &tables[0], rows);
            at_work.store(true, Ordering::Release);
            let committed = tx.commit();
            finished.store(true, Ordering::Release);
            Ok::<_, WriteError>(committed.map(drop)?)
        });
        let waiting = scope.spawn(|| longest_wait(store, &finished));
        let mut wander = Wander::over(tables.len());
        while !finished.load(Ordering::Acquire) {
            let begin = Instant::now();
            let reads = reads_in_a_slice(store, tables, &mut wander);
            if at_work.load(Ordering::Acquire) {
                slices.push((begin, begin.elapsed(), reads));
            }
        }
        waiting.join().expect("it does not panic")
    });
    assert_eq!(store.snapshot().table_count(), tables.len() + staged.len());

    let (from, until) = held;
    let inside: Vec<_> = slices
        .iter()
        .filter(|(begin, elapsed, _)| *begin >= from && *begin + *elapsed <= until)
        .map(|(.., reads)| *reads)
        .collect();
    let total: usize = inside.iter().sum();
    if bench.is_smoke() {
        println!("  reads while a commit section was held: works");
        return;
    }
    let held = until - from;
    assert!(inside.iter().all(|reads| *reads > 0), "a slice without a read: {inside:?}");
    let what = "reads while a commit section was held";
    let from = format!("{total} reads in {} slices of the {held:?}", inside.len());
    // A rate is not judged here: the writer works, and takes its share of the machine.
    bench.judge(what, &from, total as f64, Unit::Count, Bound::AtLeast(1.0));
}

/// The longest time that a call took which waits for the commit section.
fn longest_wait(store: &Store, finished: &AtomicBool) -> (Instant, Instant) {
    let mut longest = (Instant::now(), Instant::now());
    while !finished.load(Ordering::Acquire) {
        let begin = Instant::now();
        // It takes the section and finds that there is no such tag.
        black_box(store.untag("none").is_err());
        let end = Instant::now();
        if end - begin > longest.1 - longest.0 {
            longest = (begin, end);
        }
        thread::sleep(Duration::from_micros(100));
    }
    longest
}

/// How many reads fit in a slice of time.
fn reads_in_a_slice(store: &Store, names: &[TableName], wander: &mut Wander) -> usize {
    let begin = Instant::now();
    let mut reads = 0;
    while begin.elapsed() < SLICE {
        for _ in 0..16 {
            black_box(read(store, &names[wander.step()]));
        }
        reads += 16;
    }
    reads
}
