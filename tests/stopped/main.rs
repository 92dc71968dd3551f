//! Threads and processes that are stopped from outside, at moments that nobody chooses.
//!
//! * A thread that is stopped alone, in the middle of a read or a commit: readers go on.
//! * A whole process that is stopped and continued many times: when it goes on nothing is lost, torn
//!   or waiting, whatever the clocks did meanwhile.
//!
//! A file with unsafe code: signals cannot be sent or handled without.

#![cfg(unix)]
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

use std::io::Read;
use std::os::unix::thread::JoinHandleExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use annals::{Retention, SaveMode, Store, StoreBuilder};
use annals_tests::{Chance, number_of_both, numbers, write_both};

const ENOUGH: Duration = Duration::from_secs(120);

/// How often a thread, and how often a process, is stopped.
const STOPS: usize = if cfg!(debug_assertions) { 150 } else { 1_000 };

/// How many reads each reader does while a thread stands.
const READS: usize = 50;

fn patient_store() -> Store {
    let retention = Retention { versions_max: 50, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).retries_max(u32::MAX).build();
    write_both(&store, 0).unwrap();
    store
}

/// Fails unless both tables are whole and of one write.
#[track_caller]
fn assert_whole(snapshot: &annals::Snapshot) -> i64 {
    number_of_both(snapshot).unwrap_or_else(|torn| panic!("{torn}"))
}

static STAND: AtomicBool = AtomicBool::new(false);
static STANDS: AtomicBool = AtomicBool::new(false);

/// Keeps the thread where it is for as long as it is to stand.
extern "C" fn stand(_: libc::c_int) {
    // ORDERING: flags of their own; nothing else is passed on by them.
    STANDS.store(true, Ordering::SeqCst);
    while STAND.load(Ordering::SeqCst) {
        // SAFETY: it may be called anywhere, in a handler too.
        unsafe { libc::sched_yield() };
    }
    STANDS.store(false, Ordering::SeqCst);
}

fn wait_until(done: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !done() {
        assert!(begin.elapsed() < ENOUGH, "it does not come to that");
        std::thread::yield_now();
    }
}

#[test]
fn readers_go_on_beside_a_thread_that_is_stopped_anywhere() {
    // SAFETY: the handler touches nothing but two atomics.
    unsafe {
        libc::signal(libc::SIGUSR1, stand as extern "C" fn(libc::c_int) as libc::sighandler_t)
    };
    let store = patient_store();
    let ended = std::sync::Arc::new(AtomicBool::new(false));
    let writes = std::sync::Arc::new(AtomicU64::new(0));
    let writer = {
        let (store, ended, writes) = (store.clone(), ended.clone(), writes.clone());
        std::thread::spawn(move || {
            let mut n = 0;
            while !ended.load(Ordering::SeqCst) {
                n += 1;
                write_both(&store, n).unwrap();
                assert_whole(&store.snapshot());
                drop((store.pins(), store.at(store.version()).unwrap()));
                writes.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    // They are there before the first stop: making a thread is no read.
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let ((ask, asked), (tell, told)) = (channel::<()>(), channel());
            let store = store.clone();
            let reader = std::thread::spawn(move || {
                let mut reader = store.reader();
                while asked.recv().is_ok() {
                    for _ in 0..READS {
                        let snapshot = store.snapshot();
                        let n = assert_whole(&snapshot);
                        assert!(assert_whole(reader.latest()) >= n);
                        let tx = store.begin();
                        assert_eq!(tx.table("a").unwrap().row_count(), 3);
                        let then = store.at(snapshot.version()).unwrap();
                        assert_eq!(assert_whole(&then), n);
                        assert!(store.history().iter().count() > 0);
                        let mut watch = store.watch(then.version().0 - 1).unwrap();
                        assert!(watch.try_next().is_some());
                    }
                    tell.send(()).unwrap();
                }
            });
            (ask, told, reader)
        })
        .collect();
    let mut chance = Chance::new();
    for _ in 0..STOPS {
        // Some way on, which is not the same way every time.
        for _ in 0..chance.below(2_000) {
            std::hint::spin_loop();
        }
        STAND.store(true, Ordering::SeqCst);
        // SAFETY: the thread has not been joined.
        assert_eq!(unsafe { libc::pthread_kill(writer.as_pthread_t(), libc::SIGUSR1) }, 0);
        wait_until(|| STANDS.load(Ordering::SeqCst));
        let before = writes.load(Ordering::SeqCst);
        readers.iter().for_each(|(ask, ..)| ask.send(()).unwrap());
        let all_read = readers.iter().all(|(_, told, _)| told.recv_timeout(ENOUGH).is_ok());
        let after = writes.load(Ordering::SeqCst);
        STAND.store(false, Ordering::SeqCst);
        assert!(all_read, "a reader had to wait for a thread that stands");
        assert_eq!(before, after, "it did not stand");
        wait_until(|| !STANDS.load(Ordering::SeqCst));
    }
    ended.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    for (ask, _, reader) in readers {
        drop(ask);
        reader.join().unwrap();
    }
    println!("{STOPS} stops, {} writes", writes.load(Ordering::SeqCst));
    assert!(store.settle(ENOUGH));
}

/// In the environment of a process that is to hammer a store until its input ends.
const HAMMER: &str = "ANNALS_TEST_HAMMER";

#[test]
fn a_process_that_is_stopped_over_and_over_loses_nothing() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hammer_a_store", "--nocapture"])
        .env(HAMMER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let process = libc::pid_t::try_from(child.id()).unwrap();
    let mut chance = Chance::new();
    for stop in 0..STOPS {
        std::thread::sleep(Duration::from_micros(chance.below(3_000) as u64));
        let mut status = 0;
        // SAFETY: it is our child, and has not been waited for.
        unsafe {
            assert_eq!(libc::kill(process, libc::SIGSTOP), 0);
            assert_eq!(libc::waitpid(process, &raw mut status, libc::WUNTRACED), process);
        }
        assert!(libc::WIFSTOPPED(status), "it ended after {stop} stops: {status}");
        std::thread::sleep(Duration::from_micros(chance.below(2_000) as u64));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::kill(process, libc::SIGCONT) }, 0);
    }
    // The end of its input: it is to come to its own end.
    drop(child.stdin.take());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() && said.contains("nothing was lost"), "{status}: {said}");
    println!("{STOPS} stops\n{said}");
}

/// What the test above runs in a process of its own; nothing otherwise.
#[test]
fn hammer_a_store() {
    if std::env::var_os(HAMMER).is_none() {
        return;
    }
    let store = patient_store();
    store.write(numbers([])).save_as_table("log").unwrap();
    let first = store.version();
    let ended = AtomicBool::new(false);
    let watch = store.watch(first).unwrap();
    let watcher = std::thread::spawn(move || {
        watch.fold((0, 0), |(seen, missed), item| match item {
            Ok(_) => (seen + 1, missed),
            Err(gap) => (seen, missed + gap.count),
        })
    });
    let goes_on = || !ended.load(Ordering::SeqCst);
    let (pairs, appends) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (store, pairs, appends) = (&store, &pairs, &appends);
            scope.spawn(move || {
                while goes_on() {
                    let n = i64::try_from(pairs.fetch_add(1, Ordering::SeqCst)).unwrap();
                    write_both(store, n).unwrap();
                    // Not for ever, or the table grows and the test is one of large tables.
                    if n % 8 == thread {
                        let write = store.write(numbers([n])).mode(SaveMode::Append);
                        write.save_as_table("log").unwrap();
                        appends.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = store.reader();
                let mut seen = store.version();
                while goes_on() {
                    let snapshot = store.snapshot();
                    assert!(snapshot.version() >= seen);
                    seen = snapshot.version();
                    assert_whole(&snapshot);
                    assert_whole(reader.latest());
                    drop(store.pin("reader"));
                }
            });
        }
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ended.store(true, Ordering::SeqCst);
    });
    let (pairs, appends) = (pairs.into_inner(), appends.into_inner());
    assert_eq!(store.version().0 - first.0, pairs + appends);
    assert_eq!(store.table("log").unwrap().row_count(), appends);
    let history = store.history();
    let timestamps: Vec<_> = history.iter().map(|commit| commit.timestamp).collect();
    assert!(timestamps.is_sorted_by(|newer, older| newer > older));
    assert!(store.settle(ENOUGH));
    drop(store);
    let (seen, missed): (u64, u64) = watcher.join().unwrap();
    assert_eq!(seen + missed, pairs + appends);
    println!(
        "nothing was lost of {pairs} transactions and {appends} appends, {missed} not watched"
    );
}
