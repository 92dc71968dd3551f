//! A tour of annals, on real input: `cargo run --release -p annals-tour`.
//!
//! Without arguments it tells the story of a year of flights in fourteen steps, one module each;
//! the code that it shows is the code that runs. With files as arguments it saves these and shows
//! them. What it claims it checks: a wrong count ends it with an error.
//!
//! The last two steps, on SQL and on Spark's words, are there with the feature `sql`. Without it
//! the tour compiles no more than the store.

mod board;
mod cost;
mod evolve;
mod files;
mod fork;
mod history;
mod hunt;
mod listing;
mod load;
mod mend;
mod merge;
mod nights;
mod nyc;
mod own;
mod page;
#[cfg(feature = "sql")]
mod spark;
#[cfg(feature = "sql")]
mod sql;
mod summary;
mod text;
mod travel;
mod undo;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(feature = "sql")]
use annals::Store;
use page::Page;

/// Whatever ends the tour early.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = (), E = Error> = std::result::Result<T, E>;

const HELP: &str = "\
A tour of annals, the snapshot-isolated, time-travelling table store for Arrow data.

Usage: tour [FILE…]

  without arguments   a year of flights, step by step
  FILE…               your own Parquet (.parquet) or CSV (.csv, .tsv) files: each is saved
                      as a table of its name, read back and shown
  -h, --help          this text

Environment: NO_COLOR=1 for no colours; ANNALS_EXAMPLE=smoke for a shorter step 4.";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as in `tour | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tour: {}", explained(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Vec<OsString>) -> Result {
    let mut page = Page::new();
    let is_option = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
    if let Some(end) = arguments.iter().position(|argument| argument == "--") {
        arguments.remove(end);
    } else if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(page.verbatim(HELP)?);
    } else if let Some(unknown) = arguments.iter().find(|argument| is_option(argument)) {
        return Err(format!("there is no option {}; see --help", unknown.display()).into());
    }
    if arguments.is_empty() {
        let is_smoke = std::env::var_os("ANNALS_EXAMPLE").is_some_and(|value| value == "smoke");
        tour(&mut page, if is_smoke { 100 } else { 3_650 })?;
    } else {
        let files: Vec<PathBuf> = arguments.into_iter().map(PathBuf::from).collect();
        own::run(&mut page, &files)?;
    }
    Ok(page.end()?)
}

fn tour(page: &mut Page, turns_max: usize) -> Result {
    page.title("annals: a tour with every flight that left New York City in 2013")?;
    page.say(
        "Lines marked with a bar are the very code that runs. What they return is checked: if \
         anything is not as it should be, the tour ends with an error.",
    )?;
    let store = load::run(page)?;
    evolve::run(page, &store)?;
    let merger = merge::run(page, &store)?;
    board::run(page, &store, turns_max)?;
    travel::run(page, &store, &merger)?;
    undo::run(page, &store)?;
    history::run(page, &store)?;
    fork::run(page, &store)?;
    let nights = nights::run(page, &store)?;
    let found = hunt::run(page, &store, &nights)?;
    mend::run(page, &store, &nights, &found)?;
    cost::run(page, &store, &found)?;
    #[cfg(feature = "sql")]
    in_other_words(page, &store)?;
    summary::run(page, &store)
}

/// The steps for which queries run.
#[cfg(feature = "sql")]
fn in_other_words(page: &mut Page, store: &Store) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(async {
        sql::run(page, store).await?;
        spark::run(page, store).await
    })
}

/// The error of what must not succeed.
fn refusal<T, E>(result: Result<T, E>) -> Result<E> {
    match result {
        Ok(_) => Err("what should have been refused was done".into()),
        Err(error) => Ok(error),
    }
}

/// An error with its causes, in one line and without what could upset a terminal.
fn explained(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text::printable(&text)
}

fn is_broken_pipe(error: &Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
