//! How much memory does a commit of one row take for good, beside many tables, in each system?
//!
//! A program of its own, because every allocation is counted here, which takes time. The figures
//! are written where the benchmark `peers` finds them.

use std::alloc::System;
use std::path::Path;
use std::process::ExitCode;

use annals_benches::contest::report;
use annals_benches::contest::results::{Answer, Kind, Results, Row, System as Who, Unit};
use annals_benches::peers::{Contestant, Failure, Keeps, Name, contestants, rows_of};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Those whose tables are made one by one and slowly are asked with no more than this.
const SLOW_TABLES_MAX: usize = 1_000;

fn main() -> ExitCode {
    println!("how much memory does a commit of one row keep?");
    let smoke = std::env::args().any(|argument| argument == "--test");
    let (sizes, commits) = if smoke { (vec![1], 5) } else { (vec![1, 1_000, 100_000], 500) };
    let contestants = contestants();
    let systems = contestants
        .iter()
        .map(|contestant| Who { name: contestant.name.to_owned(), keeps: contestant.keeps });
    let mut results = Results::of(systems.collect());
    for tables in sizes {
        let answers: Vec<Result<f64, String>> =
            contestants.iter().map(|contestant| kept(contestant, tables, commits)).collect();
        let ours = answers[0].clone().unwrap_or(f64::NAN);
        let answers = answers.into_iter().map(|answer| match answer {
            Ok(figure) => Answer::Is { figure, ratio: figure / ours, note: None },
            Err(reason) => Answer::No(reason),
        });
        let row = Row {
            id: format!("memory_{tables}"),
            title: format!("Memory that a one-row commit keeps, {tables} tables"),
            unit: Unit::Bytes,
            kind: Kind::Other,
            answers: answers.collect(),
        };
        println!("{}", report::lines_of(&row, &results.systems));
        results.rows.push(row);
    }
    if smoke {
        return ExitCode::SUCCESS;
    }
    match write(&results) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn write(results: &Results) -> Result<(), Failure> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("there is no parent")?;
    report::write(results, "memory", "Memory of a version", &repository.join("target/peers"))?;
    Ok(())
}

/// The bytes by which a system grows with each commit.
fn kept(contestant: &Contestant, tables: usize, commits: usize) -> Result<f64, String> {
    if contestant.keeps != Keeps::History {
        return Err("keeps no versions".to_owned());
    }
    if !contestant.name.starts_with("annals") && tables > SLOW_TABLES_MAX {
        return Err("making the tables takes too long".to_owned());
    }
    let peer = (contestant.open)();
    let mut session = peer.session();
    let names: Vec<Name> = (0..tables).map(Name::nth).collect();
    let work = |failure: Failure| failure.to_string();
    session.create(&names, &|| rows_of(0, 1)).map_err(work)?;
    // What grows by doubling has done so once before it is counted.
    for write in 0..commits {
        session.overwrite(&names[0], &rows_of(write as i64, 1)).map_err(work)?;
    }
    let region = Region::new(ALLOCATOR);
    for write in 0..commits {
        session.overwrite(&names[0], &rows_of(write as i64, 1)).map_err(work)?;
    }
    let change = region.change();
    let grown = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    Ok(grown / commits as f64)
}
