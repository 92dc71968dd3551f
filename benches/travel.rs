//! Does reading the oldest of very many versions cost what reading the newest costs?

use std::hint::black_box;
use std::process::ExitCode;

use annals::{Snapshot, Store, TableName, VersionId};
use annals_benches::stores::{Wander, few_rows, fill, keeping, names, overwrite, read_in};
use annals_benches::{Bench, Bound};

const TABLES: usize = 100;

fn main() -> ExitCode {
    let mut bench = Bench::asks("does reading an old version cost more than reading the newest?");
    let versions = bench.size(100_000, 200);
    let store = keeping(versions).build();
    let names = names(TABLES);
    fill(&store, &names);
    let (oldest, mut wander) = (store.version(), Wander::over(TABLES));
    for version in 2..=versions {
        let rows = few_rows(i64::try_from(version).expect("it is small"));
        overwrite(&store, &names[wander.step()], rows);
    }
    let newest = store.version();
    assert_eq!((oldest, newest), (VersionId(1), VersionId(versions as u64)));
    for name in &names {
        assert_eq!(read_in(&store.at(oldest).expect("it is retained"), name), 1);
        assert!(read_in(&store.snapshot(), name) > 1);
    }

    let mut old = reading(&store, &names, |store| store.at(oldest).expect("it is retained"));
    let mut new = reading(&store, &names, |store| store.at(newest).expect("it is retained"));
    let mut latest = reading(&store, &names, Store::snapshot);
    let [old, new, latest] = bench.rounds(1_501, [&mut old, &mut new, &mut latest]);
    let what = format!("reading version 1 of {versions} against the newest by its number");
    bench.judge_rounds(&what, &old, &new, Bound::AtMost(1.2));
    let what = format!("reading version 1 of {versions} against Store::snapshot");
    bench.judge_rounds(&what, &old, &latest, Bound::AtMost(1.2));
    bench.finish()
}

/// Travels, finds a table, and reads it.
fn reading<'a>(
    store: &'a Store,
    names: &'a [TableName],
    travel: impl Fn(&Store) -> Snapshot + 'a,
) -> impl FnMut(usize) + 'a {
    let mut wander = Wander::over(TABLES);
    move |operations| {
        for _ in 0..operations {
            black_box(read_in(&travel(store), &names[wander.step()]));
        }
    }
}
