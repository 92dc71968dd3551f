//! Random concurrent runs, judged from outside: no anomaly, at either isolation, by two judges.
//!
//! Threads play on one store: they read lists and append to them, in transactions that overlap,
//! are rolled back in part, abandoned, retried and refused, among compactions, expiry, tags,
//! restores, tables that come and go, and looks into the past. All that they did and saw is
//! written down. One judge is the crate `adya`, which is shown a history of lists; the other
//! replays the commits in the order of their versions. Both have to reject each of a number of
//! engines that are broken on purpose; such a build runs the same tests, and expects the opposite.
//!
//! The seed gives all choices; how the threads take turns it does not give. A run that failed may
//! take several replays to fail again.

mod engines;
mod linear;
mod matrix;
mod outside;
mod player;
mod record;
mod stage;
mod tables;

use std::time::Instant;

use annals_tests::Chance;

use crate::engines::broken;
use crate::linear::Judged;
use crate::record::Record;
use crate::stage::{Play, play};

/// Threads of a run. With one, `ANNALS_SEED` replays all of it, the turns included.
fn threads() -> usize {
    number("ANNALS_THREADS").unwrap_or(4)
}

/// Transactions of a run: many enough that rare anomalies show, few enough that its history is
/// judged at one go.
const OF_A_RUN: usize = 10_000;

/// Runs on a broken engine, which is to be rejected in each.
const SEEDS: usize = 20;

fn number(variable: &str) -> Option<usize> {
    let given = std::env::var(variable).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Plays as many transactions as asked for, and requires that both judges find nothing; in a
/// broken engine, that both find what they should, each time.
fn hold(transactions: usize, serializable: bool) {
    let chance = Chance::new();
    let (started, mut sum) = (Instant::now(), Judged::default());
    let (mut run, mut judging) = (0, 0.0);
    loop {
        let transactions = match broken() {
            Some(_) if run == SEEDS => break,
            Some(engine) => engine.transactions,
            None if sum.tried >= transactions => break,
            // What tends the store counts, and is no transaction.
            None => (transactions - sum.tried + 100).min(OF_A_RUN),
        };
        let record = play(Play { transactions, threads: threads(), serializable }, run, &chance);
        let ended = Instant::now();
        let judged = judge(&record);
        judging += ended.elapsed().as_secs_f64();
        sum.tried += judged.tried;
        sum.committed += judged.committed;
        sum.refused += judged.refused;
        sum.carried_over += judged.carried_over;
        run += 1;
        if run % 50 == 0 {
            println!("{} transactions in {:.0} s", sum.tried, started.elapsed().as_secs_f64());
        }
    }
    println!(
        "{} transactions in {run} runs, {}: {} committed, {} of them on top of others; {} refused; \
         {:.1} s, of which judging {judging:.1} s",
        sum.tried,
        if serializable { "all serializable" } else { "snapshot isolation" },
        sum.committed,
        sum.carried_over,
        sum.refused,
        started.elapsed().as_secs_f64(),
    );
    assert!(sum.carried_over > 0 && sum.refused > 0, "they did not come in each other's way");
}

/// Lets both judges judge a run, and judges them.
fn judge(record: &Record) -> Judged {
    let verdict = outside::judge(record);
    let (findings, judged) = linear::judge(record);
    let run = record.run;
    match broken() {
        None => {
            if !verdict.anomalies.is_empty() || !findings.is_empty() {
                let at =
                    std::env::temp_dir().join(format!("annals-{}-{run}.jsonl", std::process::id()));
                std::fs::write(&at, outside::lines(record)).expect("there is room for a history");
                let told = findings.told.join("\n\n");
                panic!(
                    "run {run}: adya found {:?}: {}\n\nand the exact judge {:?}:\n\n{told}\n\nthe history is {}",
                    verdict.anomalies,
                    verdict.told,
                    findings.counts,
                    at.display()
                );
            }
        }
        Some(engine) if engine.shows_at_snapshot || record.serializable => {
            let right = |name: &String| engine.outside.iter().any(|right| name.starts_with(right));
            println!("run {run}: {:?} and {:?}", verdict.anomalies, findings.counts);
            assert!(
                verdict.anomalies.iter().any(right),
                "run {run}: {} passes adya: {:?}",
                engine.name,
                verdict.anomalies
            );
            assert!(
                engine.linear.iter().any(|right| findings.counts.contains_key(right)),
                "run {run}: {} passes the exact judge: {:?}",
                engine.name,
                findings.counts
            );
        }
        Some(_) => {}
    }
    judged
}

/// How many transactions are tried, both isolations together: by `ANNALS_TRANSACTIONS`, or few.
fn transactions() -> usize {
    number("ANNALS_TRANSACTIONS").unwrap_or(3_000)
}

#[test]
fn runs_at_snapshot_isolation_show_no_anomaly() {
    hold((transactions() * 2).div_ceil(3), false);
}

#[test]
fn runs_where_all_is_serializable_show_no_anomaly() {
    hold(transactions().div_ceil(3), true);
}
