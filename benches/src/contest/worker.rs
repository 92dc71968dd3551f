//! annals as one of several processes that a script asks in turns: a line of JSON in, one out.
//!
//! The script and what it asks are in `benches/python`. The other processes are in Python; this one
//! answers for the crate, which has no Python client.

use std::io::{BufRead, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use annals::{SaveMode, Store, WriteError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::results::Anomalies;
use crate::peers::{Failure, Seen, rows_of};

/// What the script asks.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Ask {
    /// Overwrite, then read on the next line, `count` times.
    Cycles { count: usize, rows: usize },
    /// Readers beside a thread that overwrites without pause.
    Beside { readers: usize, rows: usize, seconds: f64 },
    /// So many threads write a table each and read it on the next line.
    Parallel { tables: usize },
    /// An overwrite whose rows cannot be made.
    FailedOverwrite,
    /// Appends of one row, then a scan.
    Appends { count: usize },
    /// Three tables in one commit.
    CommitThree { count: usize, rows: usize },
    /// So many rows, scanned.
    Scan { rows: usize, times: usize },
    /// The second of so many versions, read again and again.
    OldVersion { versions: usize, times: usize },
    /// So many tables made, some of them found.
    Tables { count: usize, finds: usize },
}

/// Answers until the input ends.
///
/// # Errors
///
/// If a line is not understood, or what it asks cannot be done.
pub fn answer() -> Result<(), Failure> {
    let store = Store::builder().create_missing_databases(true).build();
    let mut written = 0;
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Ask::Cycles { count, rows } => cycles(&store, &mut written, count, rows)?,
            Ask::Beside { readers, rows, seconds } => {
                beside(&store, &mut written, readers, rows, seconds)?
            }
            Ask::Parallel { tables } => parallel(&store, tables),
            Ask::FailedOverwrite => failed_overwrite(&store)?,
            Ask::Appends { count } => appends(count)?,
            Ask::CommitThree { count, rows } => commit_three(count, rows)?,
            Ask::Scan { rows, times } => scan(rows, times)?,
            Ask::OldVersion { versions, times } => old_version(versions, times)?,
            Ask::Tables { count, finds } => tables(count, finds)?,
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn read(store: &Store, name: &str) -> (Result<bool, Failure>, Seen) {
    let mut seen = Seen::default();
    let mut read = || {
        let Ok(table) = store.table(name) else { return Ok(false) };
        for rows in table.scan().batches()? {
            seen.see(&rows?);
        }
        Ok(true)
    };
    (read(), seen)
}

fn save(store: &Store, name: &str, write: i64, rows: usize) -> Result<(), WriteError> {
    let write = store.write(rows_of(write, rows)).mode(SaveMode::Overwrite);
    write.save_as_table(name).map(drop)
}

fn cycles(store: &Store, written: &mut i64, count: usize, rows: usize) -> Result<Value, Failure> {
    let mut found = Anomalies::default();
    let mut took = Duration::ZERO;
    for _ in 0..count {
        *written += 1;
        // Made ready before, as the others do.
        let prepared = rows_of(*written, rows);
        let begin = Instant::now();
        store.write(prepared).mode(SaveMode::Overwrite).save_as_table("seed.cycle")?;
        let (read, seen) = read(store, "seed.cycle");
        took += begin.elapsed();
        found.check(&read, &seen, rows, *written);
    }
    let took = took.as_nanos() as f64 / count as f64;
    Ok(json!({ "ns": took, "anomalies": found }))
}

fn beside(
    store: &Store,
    written: &mut i64,
    readers: usize,
    rows: usize,
    seconds: f64,
) -> Result<Value, Failure> {
    *written += 1;
    save(store, "beside", *written, rows)?;
    let (stop, newest) = (AtomicBool::new(false), AtomicI64::new(*written));
    let all = Mutex::new((Vec::new(), Anomalies::default()));
    let begin = Instant::now();
    let mut writes = 0;
    std::thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(|| {
                let (mut latencies, mut found) = (Vec::new(), Anomalies::default());
                while !stop.load(Ordering::Relaxed) {
                    // ORDERING: pairs with the writer's store after its acknowledged write.
                    let acknowledged = newest.load(Ordering::Acquire);
                    let begin = Instant::now();
                    let (read, seen) = read(store, "beside");
                    latencies.push(begin.elapsed().as_nanos() as u64);
                    found.check(&read, &seen, rows, acknowledged);
                }
                let mut all = all.lock().expect("readers do not panic");
                all.0.extend(latencies);
                all.1.add(&found);
            });
        }
        while begin.elapsed() < Duration::from_secs_f64(seconds) {
            *written += 1;
            if save(store, "beside", *written, rows).is_ok() {
                // ORDERING: pairs with the readers' load before each read.
                newest.store(*written, Ordering::Release);
            }
            writes += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (mut latencies, found) = all.into_inner()?;
    latencies.sort_unstable();
    let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied();
    Ok(json!({
        "reads": latencies.len() as f64 / seconds,
        "writes": writes as f64 / seconds,
        "p50": at(0.5),
        "p99": at(0.99),
        "anomalies": found,
    }))
}

fn parallel(store: &Store, tables: usize) -> Value {
    let found = Mutex::new(Anomalies::default());
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for table in 0..tables {
            let found = &found;
            scope.spawn(move || {
                let name = format!("parallel_{table}");
                let saved = save(store, &name, table as i64, 1);
                let (read, seen) = read(store, &name);
                let mut found = found.lock().expect("they do not panic");
                found.failed += u64::from(saved.is_err());
                found.check(&read, &seen, 1, table as i64);
            });
        }
    });
    let took = begin.elapsed().as_nanos() as f64;
    json!({ "ns": took, "anomalies": found.into_inner().unwrap_or_default() })
}

fn failed_overwrite(store: &Store) -> Result<Value, Failure> {
    save(store, "survivor", 1, 3)?;
    let failure = arrow_array::RecordBatchIterator::new(
        [Ok(rows_of(2, 3)), Err(std::io::Error::other("the source ran dry in the middle").into())],
        rows_of(2, 1).schema(),
    );
    let failure: Box<dyn arrow_array::RecordBatchReader + Send> = Box::new(failure);
    let write = store.write(failure).mode(SaveMode::Overwrite).save_as_table("survivor");
    let (read, seen) = read(store, "survivor");
    let survives = matches!(read, Ok(true)) && seen.rows == 3 && seen.write == 1;
    Ok(json!({ "failed": write.is_err(), "survives": survives }))
}

fn appends(count: usize) -> Result<Value, Failure> {
    let store = Store::in_memory();
    let begin = Instant::now();
    for row in 0..count {
        store.write(rows_of(row as i64, 1)).mode(SaveMode::Append).save_as_table("log")?;
    }
    let append = begin.elapsed().as_nanos() as f64 / count as f64;
    let begin = Instant::now();
    let (_, seen) = read(&store, "log");
    let took = begin.elapsed().as_nanos() as f64;
    let found = Anomalies { reads: 1, lost: (count - seen.rows) as u64, ..Anomalies::default() };
    Ok(json!({ "ns": append, "scan_ns": took, "anomalies": found }))
}

fn commit_three(count: usize, rows: usize) -> Result<Value, Failure> {
    let store = Store::in_memory();
    let begin = Instant::now();
    for write in 0..count {
        store.transact(|tx| {
            for name in ["one", "two", "three"] {
                let rows = rows_of(write as i64, rows);
                tx.write(rows).mode(SaveMode::Overwrite).save_as_table(name)?;
            }
            Ok::<_, WriteError>(())
        })?;
    }
    Ok(json!({ "ns": begin.elapsed().as_nanos() as f64 / count as f64 }))
}

fn scan(rows: usize, times: usize) -> Result<Value, Failure> {
    let store = Store::in_memory();
    save(&store, "large", 1, rows)?;
    let mut found = Anomalies::default();
    let mut took = Vec::new();
    for _ in 0..times {
        let begin = Instant::now();
        let (read, seen) = read(&store, "large");
        took.push(begin.elapsed().as_nanos() as f64);
        found.check(&read, &seen, rows, 1);
    }
    Ok(json!({ "ns": crate::median(took), "anomalies": found }))
}

fn old_version(versions: usize, times: usize) -> Result<Value, Failure> {
    let store = Store::in_memory();
    let mut numbers = Vec::new();
    for write in 0..versions {
        save(&store, "old", write as i64, 10)?;
        numbers.push(store.version());
    }
    let old = *numbers.get(1).ok_or("there are too few versions")?;
    let mut found = Anomalies::default();
    let begin = Instant::now();
    for _ in 0..times {
        let mut seen = Seen::default();
        for rows in store.at(old)?.table("old")?.scan().batches()? {
            seen.see(&rows?);
        }
        found.check::<Failure>(&Ok(true), &seen, 10, 1);
    }
    let took = begin.elapsed().as_nanos() as f64 / times as f64;
    Ok(json!({ "ns": took, "anomalies": found }))
}

fn tables(count: usize, finds: usize) -> Result<Value, Failure> {
    let store = Store::in_memory();
    let row = rows_of(1, 1);
    let begin = Instant::now();
    store.transact(|tx| {
        for table in 0..count {
            tx.write(&row).save_as_table(format!("table_{table:07}").as_str())?;
        }
        Ok::<_, WriteError>(())
    })?;
    let create = begin.elapsed().as_nanos() as f64 / count as f64;
    let mut found = Anomalies::default();
    let mut wander = crate::stores::Wander::over(count);
    let begin = Instant::now();
    for _ in 0..finds {
        let (read, seen) = read(&store, &format!("table_{:07}", wander.step()));
        found.check(&read, &seen, 1, 1);
    }
    let find = begin.elapsed().as_nanos() as f64 / finds as f64;
    Ok(json!({ "ns": create, "find_ns": find, "anomalies": found }))
}
