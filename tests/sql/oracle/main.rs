//! What real Spark does, step by step, against `annals-spark`.
//!
//! `cases.json` has some five hundred small scenarios and what Spark 4.3 answered to each step of
//! them, recorded from runs. Every case is played here against a session of its own over an empty
//! store, in this process, and each outcome is compared: rows, schemas, and of errors the
//! condition, the SQLSTATE and the parameters.
//!
//! The facts are those of flavour `connect` where Spark's two flavours differ. A Connect client
//! sends a plan again for each action, so the player keeps what a frame was made *of*, and makes
//! it anew for each action; a frame that a program holds in Rust stays pinned instead. Where the
//! Python Connect client refuses a call by itself, so that no server ever saw it, the case is
//! compared with flavour `classic`.
//!
//! `differences.txt` lists the steps that differ, each with the reason. A step that differs and is
//! not listed fails the test, and so does one that is listed and agrees: the list may only shrink.

mod compare;
mod differences;
mod normal;
mod play;
mod seed;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::differences::Differences;

/// The groups that must agree almost completely.
const STRICT: [&str; 5] = ["mode", "seed", "self", "catalog", "dml"];

/// One case: its steps, and what Spark answered to each.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) steps: Vec<Json>,
    pub(crate) expected: Vec<Json>,
    /// Whether Spark itself loses or misreads data there.
    pub(crate) hazard: bool,
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracle")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(here().join("cases.json")).expect("the cases are there");
    let document: Json = serde_json::from_str(&text).expect("the cases are JSON");
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    list(&document["cases"])
        .into_iter()
        .map(|case| {
            let expected = &case["expected"];
            let both = list(&expected["both"]);
            let connect = if both.is_empty() { list(&expected["connect"]) } else { both };
            // The Python client refuses such a call itself.
            let client = |outcome: &Json| outcome["error"]["condition"] == "UNSUPPORTED_OPERATION";
            let expected = match connect.iter().any(client) {
                true => list(&expected["classic"]),
                false => connect,
            };
            Case {
                id: case["id"].as_str().expect("a case has an id").to_owned(),
                steps: list(&case["steps"]),
                expected,
                hazard: case["hazard"].is_string(),
            }
        })
        .collect()
}

#[derive(Default)]
struct Count {
    agree: usize,
    of: usize,
}

impl Count {
    fn add(&mut self, agrees: bool) {
        self.of += 1;
        self.agree += usize::from(agrees);
    }

    fn percent(&self) -> f64 {
        100.0 * self.agree as f64 / self.of.max(1) as f64
    }
}

#[test]
fn annals_answers_as_spark_does() {
    // Plans are deep, and frames of unoptimized code are large.
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(run);
    thread.expect("a thread begins").join().expect("the player does not panic");
}

fn run() {
    let only = std::env::var("ORACLE_ONLY").unwrap_or_default();
    let known = Differences::read(&here().join("differences.txt"));
    let (mut all, mut hazards) = (Count::default(), Count::default());
    let mut strict = Count::default();
    let mut groups: BTreeMap<String, Count> = BTreeMap::new();
    let (mut unlisted, mut mended) = (Vec::new(), Vec::new());
    let mut seen = Vec::new();
    for case in cases() {
        if !case.id.starts_with(&only) {
            continue;
        }
        let outcomes = play::play(&case);
        let group = case.id.split('.').next().unwrap_or_default().to_owned();
        for (index, (expected, got)) in case.expected.iter().zip(&outcomes).enumerate() {
            let differs = compare::difference(&case.steps[index], expected, got);
            let step = (case.id.clone(), index);
            if case.hazard {
                hazards.add(differs.is_none());
            } else {
                all.add(differs.is_none());
                groups.entry(group.clone()).or_default().add(differs.is_none());
                if STRICT.contains(&group.as_str()) {
                    strict.add(differs.is_none());
                }
            }
            match (differs, known.contains(&step)) {
                (Some(why), false) => {
                    unlisted.push(format!("{} {index}: {why}\n    {}", case.id, case.steps[index]));
                }
                (None, true) => mended.push(format!("{} {index}", case.id)),
                _ => {}
            }
            seen.push(step);
        }
    }
    for (group, count) in &groups {
        println!("{group:<10} {} of {} ({:.1} %)", count.agree, count.of, count.percent());
    }
    println!("{:<10} {} of {} ({:.1} %)", "strict", strict.agree, strict.of, strict.percent());
    println!("hazards: {} of {} agree", hazards.agree, hazards.of);
    println!("steps: {} of {} agree ({:.1} %)", all.agree, all.of, all.percent());
    assert!(
        unlisted.is_empty() && mended.is_empty(),
        "{} steps differ and are not in differences.txt:\n{}\n{} steps are there and agree:\n{}",
        unlisted.len(),
        unlisted.join("\n"),
        mended.len(),
        mended.join("\n"),
    );
    if only.is_empty() {
        let gone: Vec<_> = known.steps().filter(|step| !seen.contains(step)).collect();
        assert!(gone.is_empty(), "differences.txt lists steps that there are not: {gone:?}");
        assert!(all.percent() >= 90.0, "too few steps agree");
        assert!(strict.percent() >= 97.0, "too few steps of {STRICT:?} agree");
    }
}
