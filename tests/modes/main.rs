//! What a save does, for every mode and everything that the name may stand for.
//!
//! The tables here are the whole answer: what the call returns, what can be read after it, and how
//! many versions it made. A save that is refused or skipped makes none. What Spark does with the
//! same was recorded from runs of Spark 4.3; `spark` holds it, with the places where annals
//! deliberately does something else.

mod insert;
mod matrix;
mod spark;

use annals::error::WriteError;
use annals::{Saved, Snapshot, Store, TableKind};
use annals_tests::{columns_of, rows_of};

/// What a store holds under a name: what is seen of it, as text.
fn seen(snapshot: &Snapshot, name: &str) -> String {
    match snapshot.table(name) {
        Err(error) => error.to_string().split_once(", ").expect("it says where").1.to_owned(),
        Ok(table) => match table.kind() {
            TableKind::View { text } => format!("view {text}"),
            _ => format!("{}: {}", columns_of(&table), rows_of(&table).join("; ")),
        },
    }
}

/// What a save came to, as text.
fn outcome(result: &Result<Saved, WriteError>) -> String {
    match result {
        Ok(saved) => format!("{:?} {}", saved.outcome(), saved.rows()),
        Err(error) => error.to_string(),
    }
}

/// What the commits after `before` did, oldest first.
fn done_since(store: &Store, before: &Snapshot) -> Vec<String> {
    let newer = |commit: &&std::sync::Arc<annals::Commit>| commit.version > before.version();
    let mut done: Vec<String> = store
        .history()
        .iter()
        .filter(newer)
        .map(|commit| {
            let operations = commit.operations.iter().map(|operation| operation.kind.to_string());
            operations.collect::<Vec<_>>().join(", ")
        })
        .collect();
    done.reverse();
    done
}
