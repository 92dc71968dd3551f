//! The questions that several threads answer: readers beside a writer, and two writers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::results::{Anomalies, Kind, Unit};
use super::{Contest, Rounds};
use crate::peers::{Name, Peer, Seen, column, rows_of};

/// How long one system's readers are counted in one round.
const TURN: Duration = Duration::from_millis(200);
/// The writer commits so often, if it can.
const PERIOD: Duration = Duration::from_millis(1);
/// Rows of each table.
const ROWS: usize = 1_000;
/// Each so-many-th read is one of two tables that the writer writes in one commit.
const BOTH_EACH: usize = 16;
/// No read takes longer than this, in nanoseconds, as far as the histogram goes.
const LONGEST: u64 = 60_000_000_000;

/// What one system's readers did in one round.
struct Beside {
    per_second: f64,
    latencies: Histogram<u64>,
    found: Anomalies,
    writes: u64,
}

impl Contest {
    /// Readers of a table beside a writer who commits a thousand times a second.
    pub fn readers(&mut self, readers: usize, rounds: usize) {
        let peers: Vec<_> = self.contestants.iter().map(|contestant| (contestant.open)()).collect();
        let names = [0, 1].map(Name::nth);
        let turn = if self.smoke { Duration::from_millis(5) } else { TURN };
        let mut rates: Vec<Rounds> = Vec::new();
        let mut latencies: Vec<Histogram<u64>> = Vec::new();
        let mut writes = vec![(0, 0.0); peers.len()];
        for peer in &peers {
            let made = peer.session().create(&names, &|| rows_of(0, ROWS));
            rates.push(made.map(|()| (Vec::new(), None)).map_err(|failure| failure.to_string()));
            latencies.push(histogram());
        }
        let mut next_write = vec![1; peers.len()];
        for round in 0..self.size(rounds, 1) {
            for at in 0..peers.len() {
                let at = (round + at) % peers.len();
                let Ok((rates, _)) = &mut rates[at] else { continue };
                let begin = Instant::now();
                let done = beside(&*peers[at], &names, readers, turn, &mut next_write[at]);
                rates.push(done.per_second);
                latencies[at].add(&done.latencies).expect("they have the same bounds");
                self.results.anomalies[at].add(&done.found);
                writes[at].0 += done.writes;
                writes[at].1 += begin.elapsed().as_secs_f64();
            }
        }
        for (rates, (writes, seconds)) in rates.iter_mut().zip(writes) {
            if let Ok((_, note)) = rates {
                *note = Some(format!("{:.0} commits/s beside them", writes as f64 / seconds));
            }
        }
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)].map(|(name, quantile)| {
            let figures = latencies.iter().zip(&rates).map(|(latencies, rates)| {
                let figure = latencies.value_at_quantile(quantile) as f64;
                rates.as_ref().map(|_| (vec![figure], None)).map_err(Clone::clone)
            });
            (name, figures.collect::<Vec<_>>())
        });
        let who = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
        let title = format!("{who} beside a writer: tables of 1,000 rows read in a second");
        self.enter(&format!("readers_{readers}"), &title, Unit::PerSecond, Kind::Read, rates);
        for (name, figures) in quantiles {
            let title = format!("{who} beside a writer: {name} of a read");
            let id = format!("readers_{readers}_{name}");
            self.enter(&id, &title, Unit::Nanoseconds, Kind::Read, figures);
        }
    }

    /// Two threads that count one number up, and two that append: nothing may be lost.
    pub fn two_writers(&mut self) {
        let peers: Vec<_> = self.contestants.iter().map(|contestant| (contestant.open)()).collect();
        let [counter, log] = [0, 1].map(Name::nth);
        let turn = if self.smoke { Duration::from_millis(5) } else { TURN };
        let mut taken: Vec<Rounds> = Vec::new();
        for peer in &peers {
            let made = peer.session().create(&[counter.clone(), log.clone()], &|| rows_of(0, 1));
            taken.push(made.map(|()| (Vec::new(), None)).map_err(|failure| failure.to_string()));
        }
        let mut counted = vec![(0, 0); peers.len()];
        for round in 0..self.size(7, 1) {
            for at in 0..peers.len() {
                let at = (round + at) % peers.len();
                let Ok((figures, _)) = &mut taken[at] else { continue };
                let (changes, failed) = two_change(&*peers[at], &counter, turn);
                figures.push(turn.as_nanos() as f64 / changes.max(1) as f64);
                let (appends, failed_appends) = two_append(&*peers[at], &log, turn / 4);
                counted[at].0 += changes;
                counted[at].1 += appends;
                self.results.anomalies[at].changes += changes + appends;
                self.results.anomalies[at].failed += failed + failed_appends;
            }
        }
        for (at, peer) in peers.iter().enumerate() {
            if taken[at].is_err() {
                continue;
            }
            let mut session = peer.session();
            let (mut count, mut rows) = (0, 0);
            let read = session.read(&counter, &mut |rows| count = column(rows, 0)[0] as u64);
            let read = read.and_then(|_| session.read(&log, &mut |batch| rows += batch.num_rows()));
            let found = &mut self.results.anomalies[at];
            found.failed += u64::from(read.is_err());
            let (changes, appends) = counted[at];
            found.lost += changes.saturating_sub(count) + (appends + 1).saturating_sub(rows as u64);
        }
        let title = "Two threads that change the same row: one change";
        self.enter("two_writers", title, Unit::Nanoseconds, Kind::Other, taken);
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

fn beside(
    peer: &dyn Peer,
    names: &[Name; 2],
    readers: usize,
    turn: Duration,
    next_write: &mut i64,
) -> Beside {
    let stop = AtomicBool::new(false);
    // The newest write that was acknowledged.
    let newest = AtomicI64::new(*next_write - 1);
    let mut all =
        Beside { per_second: 0.0, latencies: histogram(), found: Anomalies::default(), writes: 0 };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(peer, names, &stop, &newest, next_write));
        let reading: Vec<_> =
            (0..readers).map(|_| scope.spawn(|| read_until(peer, names, &stop, &newest))).collect();
        std::thread::sleep(turn);
        stop.store(true, Ordering::Relaxed);
        for reading in reading {
            let (tables, seconds, latencies, found) = reading.join().expect("readers do not panic");
            all.per_second += tables as f64 / seconds;
            all.latencies.add(&latencies).expect("they have the same bounds");
            all.found.add(&found);
        }
        let (writes, failed) = writer.join().expect("the writer does not panic");
        all.writes = writes;
        all.found.failed += failed;
    });
    all
}

fn write_until(
    peer: &dyn Peer,
    names: &[Name; 2],
    stop: &AtomicBool,
    newest: &AtomicI64,
    next_write: &mut i64,
) -> (u64, u64) {
    let mut session = peer.session();
    let (mut writes, mut failed) = (0, 0);
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        next = (next + PERIOD).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let rows = rows_of(*next_write, ROWS);
        let done = session.commit(&names.each_ref().map(|name| (name, &rows)));
        let done = done
            .unwrap_or_else(|| names.iter().try_for_each(|name| session.overwrite(name, &rows)));
        match done {
            // ORDERING: pairs with the load before a read, which must see this write then.
            Ok(()) => newest.store(*next_write, Ordering::Release),
            Err(_) => failed += 1,
        }
        *next_write += 1;
        writes += 1;
    }
    (writes, failed)
}

fn read_until(
    peer: &dyn Peer,
    names: &[Name; 2],
    stop: &AtomicBool,
    newest: &AtomicI64,
) -> (u64, f64, Histogram<u64>, Anomalies) {
    let mut session = peer.session();
    let (mut latencies, mut found) = (histogram(), Anomalies::default());
    let (mut tables, mut reads) = (0, 0);
    let begin = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        reads += 1;
        // ORDERING: pairs with the writer's store after its acknowledged write.
        let acknowledged = newest.load(Ordering::Acquire);
        if reads % BOTH_EACH == 0 {
            let mut seen = [Seen::default(); 2];
            let read =
                session.read_both([&names[0], &names[1]], &mut |at, rows| seen[at].see(rows));
            found.check(&read, &seen[0], ROWS, acknowledged);
            let whole = seen.iter().all(|seen| seen.rows == ROWS);
            found.split += u64::from(whole && seen[0].write != seen[1].write);
            tables += 2;
            continue;
        }
        let mut seen = Seen::default();
        let begin = Instant::now();
        let read = session.read(&names[reads % 2], &mut |rows| seen.see(rows));
        let took = begin.elapsed().as_nanos() as u64;
        latencies.record(took.clamp(1, LONGEST)).expect("it was clamped");
        found.check(&read, &seen, ROWS, acknowledged);
        tables += 1;
    }
    (tables, begin.elapsed().as_secs_f64(), latencies, found)
}

/// Two threads count a number up; returns how often they were told that they had, and were not.
fn two_change(peer: &dyn Peer, counter: &Name, turn: Duration) -> (u64, u64) {
    two_threads(turn, || {
        let mut session = peer.session();
        Box::new(move |_| {
            session.change(counter, &|rows| rows_of(column(rows, 0)[0] + 1, 1)).is_ok()
        })
    })
}

fn two_append(peer: &dyn Peer, log: &Name, turn: Duration) -> (u64, u64) {
    two_threads(turn, || {
        let mut session = peer.session();
        Box::new(move |number| session.append(log, &rows_of(number, 1)).is_ok())
    })
}

/// Lets two threads do as many operations as fit; returns how many were done, and how many failed.
fn two_threads<'a>(
    turn: Duration,
    operation: impl Fn() -> Box<dyn FnMut(i64) -> bool + 'a> + Sync,
) -> (u64, u64) {
    let work = || {
        let mut operation = operation();
        let (begin, mut done, mut failed) = (Instant::now(), 0, 0);
        while begin.elapsed() < turn {
            match operation(done as i64) {
                true => done += 1,
                false => failed += 1,
            }
        }
        (done, failed)
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().fold((0, 0), |sum, thread| {
            let (done, failed) = thread.join().expect("writers do not panic");
            (sum.0 + done, sum.1 + failed)
        })
    })
}
