//! The judge from outside: the crate `adya`, which finds cycles of dependencies between
//! transactions as Elle does. It knows nothing of versions, tables or this engine.
//!
//! What it is shown is a history of lists, as JSON lines. Of a transaction that was rolled back in
//! part it is shown what stood, and the rest as another that failed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use adya::model::canonical;
use adya::{History, Opts, Valid, Workload, check};

use crate::linear::standing;
use crate::record::{Attempt, End, Kind, Record, Step};

/// What it made of a history.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The kinds of anomaly that it names; empty if there is none.
    pub(crate) anomalies: Vec<String>,
    /// The first of them in words.
    pub(crate) told: String,
}

/// Processes above this are of what was rolled back.
const ROLLED_BACK: usize = 1 << 20;

/// What a run has to satisfy. The *strong* models: the plain ones would let a stale snapshot pass,
/// and an acknowledged write that nobody ever sees.
fn model_of(record: &Record) -> &'static str {
    match record.serializable {
        true => "strong-serializable",
        false => "strong-snapshot-isolation",
    }
}

/// Judges a run.
pub(crate) fn judge(record: &Record) -> Verdict {
    let history = History::parse(&lines(record)).expect("it was written as it is to be read");
    let timeout = Duration::from_secs(60);
    // A name that the library does not know forbids nothing, and other spellings of a name it does
    // not know either.
    let model = canonical(model_of(record)).expect("adya knows the model");
    let opts = Opts { models: vec![model.to_owned()], timeout, ..Opts::default() };
    let report = check(&history, Workload::ListAppend, &opts);
    let first = report.anomalies.values().flatten().next();
    let told = first.map(|anomaly| shorten(&anomaly.explanation)).unwrap_or_default();
    match report.valid {
        Valid::True => Verdict { anomalies: Vec::new(), told },
        Valid::False => Verdict { anomalies: report.anomaly_types, told },
        Valid::Unknown => Verdict { anomalies: vec!["unknown".to_owned()], told },
    }
}

/// The history of a run, one line for each beginning and each end of a transaction.
pub(crate) fn lines(record: &Record) -> String {
    let mut events: Vec<(u64, bool, usize, &str, String)> = Vec::new();
    for attempt in &record.attempts {
        // The past is not what is judged here.
        if matches!(attempt.kind, Kind::Travel { .. }) || attempt.base.is_none() {
            continue;
        }
        let kept = standing(&attempt.steps);
        let places: BTreeSet<usize> = kept.iter().map(|(at, _)| *at).collect();
        let asked = micro_ops(kept.iter().map(|(_, step)| *step), false);
        // As if the connection were cut in the middle of the commit: nothing was answered.
        let is_cut = attempt.end == End::Panicked;
        let told = micro_ops(kept.iter().map(|(_, step)| *step), !is_cut);
        let end = match attempt.end {
            End::Made(_) | End::Nothing(_) => "ok",
            End::Panicked => "info",
            _ => "fail",
        };
        note(&mut events, attempt, attempt.process, end, (asked, told));
        let gone = attempt.steps.iter().enumerate().filter(|(at, _)| !places.contains(at));
        let gone = micro_ops(gone.map(|(_, step)| step).filter(|step| !step.is_read()), false);
        if !gone.is_empty() {
            let process = ROLLED_BACK + attempt.process;
            note(&mut events, attempt, process, "fail", (gone.clone(), gone));
        }
    }
    // Where two have one place, the end of the one comes before the beginning of the next.
    events.sort();
    let mut lines = String::new();
    for (index, (_, _, process, kind, value)) in events.into_iter().enumerate() {
        writeln!(
            lines,
            r#"{{"index":{index},"time":{index},"type":"{kind}","process":{process},"value":[{value}]}}"#
        )
        .expect("a text takes all that is written");
    }
    lines
}

fn note(
    events: &mut Vec<(u64, bool, usize, &'static str, String)>,
    attempt: &Attempt,
    process: usize,
    end: &'static str,
    (asked, told): (String, String),
) {
    events.push((attempt.begun, true, process, "invoke", asked));
    events.push((attempt.ended, false, process, end, told));
}

impl Step {
    fn is_read(&self) -> bool {
        matches!(self, Self::ReadKey(..) | Self::ReadKeys(..))
    }
}

/// The steps that are about keys, with what they were told or without.
fn micro_ops<'a>(steps: impl Iterator<Item = &'a Step>, told: bool) -> String {
    let mut ops: Vec<String> = Vec::new();
    let read = |key: i64, lists: &[i64]| match told {
        true => format!(r#"["r",{key},{lists:?}]"#),
        false => format!(r#"["r",{key},null]"#),
    };
    let append = |key: i64, value: i64| format!(r#"["append",{key},{value}]"#);
    for step in steps {
        match step {
            // Of several rows, which there should never be, all that they hold.
            Step::ReadKey(key, lists) => ops.push(read(*key as i64, &lists.concat())),
            Step::ReadKeys(_, rows) => {
                let mut rows = rows.iter().peekable();
                while let Some((key, list)) = rows.next() {
                    let mut list = list.clone();
                    while let Some((_, more)) = rows.next_if(|(next, _)| next == key) {
                        list.extend(more);
                    }
                    ops.push(read(*key, &list));
                }
            }
            Step::Append(key, value, 1..) | Step::Insert(key, value) => {
                ops.push(append(*key as i64, *value));
            }
            Step::Make(_, rows) => {
                let all = rows.iter().flat_map(|(key, list)| list.iter().map(|v| (*key, *v)));
                ops.extend(all.map(|(key, value)| append(key, value)));
            }
            _ => {}
        }
    }
    ops.join(",")
}

fn shorten(text: &str) -> String {
    text.chars().take(2_000).collect()
}
