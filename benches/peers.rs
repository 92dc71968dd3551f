//! How does annals compare with what people use today, in speed and in what readers see?
//!
//! `--readers 1,2,4` chooses the numbers of readers, `--only find` the questions whose names begin
//! so, `--record` writes the page and its charts into the documentation. `--worker` and `--report`
//! are for the script in `benches/python`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annals_benches::contest::results::Results;
use annals_benches::contest::{Contest, report, worker};
use annals_benches::peers::{Failure, contestants};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// What stands after an argument.
fn after(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn has(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

fn run() -> Result<ExitCode, Failure> {
    if has("--worker") {
        return worker::answer().map(|()| ExitCode::SUCCESS);
    }
    if let Some(file) = after("--report") {
        let results: Results = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        println!("{}", report::summary(&results));
        save(&results, "python", "Against what is used from Python")?;
        return Ok(verdict(&results));
    }
    println!("how does annals compare with what people use today?");
    let smoke = has("--test");
    let readers = after("--readers").unwrap_or_else(|| "1,2,4,8,16".to_owned());
    let readers: Vec<usize> = readers.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let readers = if smoke { vec![2] } else { readers };

    let mut contest = Contest::new(smoke, contestants());
    ask(&mut contest, &readers);
    if smoke {
        return Ok(verdict(&contest.results));
    }
    let mut results = contest.results;
    if let Ok(memory) = std::fs::read_to_string(below_target().join("memory.json")) {
        let memory: Results = serde_json::from_str(&memory)?;
        let same = memory.systems.iter().map(|system| &system.name);
        if same.eq(results.systems.iter().map(|system| &system.name)) {
            results.rows.extend(memory.rows);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    results.remarks.push(format!("Measured on {cores} cores, a release build."));
    results.remarks.extend(after("--remark"));
    println!("{}", report::summary(&results));
    save(&results, "peers", "Against what people use today")?;
    Ok(verdict(&results))
}

fn ask(contest: &mut Contest, readers: &[usize]) {
    let only = after("--only").unwrap_or_default();
    let mut question = |name: &str, ask: &mut dyn FnMut(&mut Contest)| {
        if name.starts_with(&only) {
            ask(contest);
        }
    };
    question("cycle", &mut |contest| contest.cycles(10));
    question("cycle", &mut |contest| contest.cycles(10_000));
    question("find", &mut |contest| contest.find(10));
    question("find", &mut |contest| contest.find(1_000));
    for readers in readers {
        question("readers", &mut |contest| contest.readers(*readers, 7));
    }
    question("two_writers", &mut Contest::two_writers);
    question("old_version", &mut Contest::old_version);
    question("pin", &mut Contest::pin);
    question("commit_three", &mut Contest::commit_three);
    question("append", &mut Contest::appends);
    question("tables", &mut Contest::many_tables);
    question("scan", &mut Contest::full_scan);
    question("cold_start", &mut Contest::cold_start);
}

/// Where results are written: beside what is built, and with `--record` in the documentation too.
fn save(results: &Results, name: &str, title: &str) -> std::io::Result<()> {
    let mut directories = vec![below_target()];
    if has("--record") {
        directories.push(repository().join("docs/benchmarks"));
    }
    for directory in directories {
        report::write(results, name, title, &directory)?;
        println!("written below {}", directory.display());
    }
    Ok(())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a parent").to_owned()
}

fn below_target() -> PathBuf {
    repository().join("target/peers")
}

/// Held is what does not depend on the machine: annals shows nothing that should not be seen.
fn verdict(results: &Results) -> ExitCode {
    let ours = results.anomalies[0];
    println!("  annals: {} reads checked, {} that should not be", ours.reads, ours.all());
    if ours.all() == 0 && ours.reads > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
