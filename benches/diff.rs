//! What does it cost to say what differs between two versions, however large they are?

use std::hint::black_box;
use std::process::ExitCode;

use annals::{SaveMode, Snapshot, TableChange, TableDiff};
use annals_benches::stores::{chunks_of, few_rows, fill, keeping, names, one_column, overwrite};
use annals_benches::{Bench, Bound, Unit};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to say what differs between two versions?");
    let (tables, chunks) = (bench.size(100_000, 100), bench.size(100_000, 100));
    let store = keeping(1_000).build();
    let names = names(tables);
    fill(&store, &names);
    let (small, large) = (&names[tables / 3], "bench.large");
    let rows = one_column(0..i64::try_from(chunks).expect("it is small"));
    let write = store.write(rows).chunk_size(chunks_of(1));
    write.save_as_table(large).expect("the name is free");

    let before = store.snapshot();
    overwrite(&store, small, few_rows(2));
    let overwritten = store.snapshot();
    let write = store.write(few_rows(3)).mode(SaveMode::Append);
    write.save_as_table(large).expect("the rows fit");
    let appended = store.snapshot();

    for (what, from, to, shared) in [
        ("a table of one chunk was overwritten", &before, &overwritten, 0),
        ("a table of very many chunks was appended to", &overwritten, &appended, chunks),
    ] {
        let found = differences(from, to);
        assert_eq!(found.iter().map(|table| table.chunks_added.len()).sum::<usize>(), 1);
        assert_eq!(found.iter().map(|table| table.chunks_shared).sum::<usize>(), shared);
        let taken = bench.time(1_501, |operations| {
            (0..operations).for_each(|_| drop(black_box(differences(from, to))));
        });
        let what = format!("Snapshot::diff among {tables} tables where {what}");
        let from = format!("with the chunks of each, {chunks} in the largest");
        bench.judge(&what, &from, taken, Unit::Nanoseconds, Bound::AtMost(20e3));
    }
    bench.finish()
}

/// The tables that differ, and what differs in each.
fn differences(from: &Snapshot, to: &Snapshot) -> Vec<TableDiff> {
    from.diff(to).tables.iter().map(TableChange::details).collect()
}
