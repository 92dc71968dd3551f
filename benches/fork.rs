//! Does it cost the same to fork a store, however large it is?

use std::process::ExitCode;

use annals_benches::stores::{fill, keeping, names};
use annals_benches::{Bench, Bound, Unit};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to fork a store?");
    let tables = bench.size(100_000, 100);
    let store = keeping(1_000).build();
    fill(&store, &names(tables));
    let fork = store.fork();
    assert_eq!(fork.snapshot().table_count(), tables);
    assert!(fork.snapshot().diff(&store.snapshot()).is_empty());

    let forking = bench.time(1_501, |operations| {
        let mut forks = Vec::with_capacity(operations);
        forks.extend((0..operations).map(|_| store.fork()));
        forks
    });
    let what = format!("Store::fork of {tables} tables");
    bench.judge(&what, "dropping it not counted", forking, Unit::Nanoseconds, Bound::AtMost(1e3));
    bench.finish()
}
