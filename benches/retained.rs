//! How much memory does a commit cost as long as it is retained?
//!
//! The least that a commit can bring is one row. What it keeps beyond that row is what the store
//! needs to go back to it: the path to the table in the map of tables, the states of the table and
//! of the store, and the record of the commit. Counted by a counting allocator, which no other
//! load on the machine changes.

use std::process::ExitCode;

use annals::{Retention, SaveMode, Store};
use annals_benches::stores::{Wander, fill, names, one_column, overwrite};
use annals_benches::{Bench, Bound, Unit};

fn main() -> ExitCode {
    let mut bench = Bench::asks("how much memory does a retained commit cost?");
    let commits = bench.size(10_000, 200);
    let row = |n: usize| one_column([n as i64]);

    let rows = allocation_counter::measure(|| {
        std::mem::forget((0..commits).map(row).collect::<Vec<_>>());
    });
    let rows = rows.bytes_current as f64 / commits as f64;
    println!("  the row itself, as a batch of its own: {rows:.0} bytes");

    for tables in [1, 1_000, bench.size(100_000, 2_000)] {
        let (names, store) = (names(tables), store());
        fill(&store, &names);
        let mut wander = Wander::over(tables);
        let kept = allocation_counter::measure(|| {
            for n in 0..commits {
                overwrite(&store, &names[wander.step()], row(n));
            }
        });
        assert_eq!(store.versions().len(), commits + 2);
        let bytes = kept.bytes_current as f64 / commits as f64;
        let what = format!("bytes kept for an overwrite by one row, {tables} tables");
        // A limit on the shape of what is kept, not on the last byte of it.
        let limit = if tables > 1_000 { 12_000.0 } else { 8_000.0 };
        let from = format!("{:.0} of them are not the row", bytes - rows);
        bench.judge(&what, &from, bytes, Unit::Count, Bound::AtMost(limit));
        let returned = allocation_counter::measure(|| {
            let policy = Retention { versions_max: 1, records_max: 0, ..Retention::UNBOUNDED };
            store.set_retention(policy);
            store.compact(&names[0]).expect("it is a table");
        });
        println!("    {} bytes back at once when all of them expire", -returned.bytes_current);
    }

    let store = store();
    store.write(row(0)).save_as_table("t").expect("the name is free");
    let kept = allocation_counter::measure(|| {
        for n in 0..commits {
            store.write(row(n)).mode(SaveMode::Append).save_as_table("t").expect("it fits");
        }
    });
    let bytes = kept.bytes_current as f64 / commits as f64;
    let what = "bytes kept for an append of one row to one table";
    bench.judge(what, "", bytes, Unit::Count, Bound::AtMost(8_000.0));
    bench.finish()
}

fn store() -> Store {
    Store::builder().create_missing_databases(true).retention(Retention::UNBOUNDED).build()
}
