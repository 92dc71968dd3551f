//! What does it cost to ask what the past holds, and to let some of it go, however large the store?

use std::hint::black_box;
use std::process::ExitCode;

use annals::{Retention, Store};
use annals_benches::stores::{Wander, few_rows, fill, keeping, names, overwrite};
use annals_benches::{Bench, Bound, Unit};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to ask what the past holds?");
    let (tables, versions) = (bench.size(100_000, 100), bench.size(10_000, 200));
    let names = names(tables);
    let store = keeping(versions).build();
    fill(&store, &names);
    let mut wander = Wander::over(tables);
    for turn in 0..versions {
        overwrite(&store, &names[wander.step()], few_rows(i64::from(turn % 2 == 0)));
    }
    // The first versions have no tables at all, and are not what a store expires every day.
    store.expire(&Retention { versions_max: versions - 10, ..store.retention() });
    let kept = store.versions().len();
    let _held = store.snapshot();

    let going = 100.min(kept / 2);
    let policy = Retention { versions_max: kept - going, ..store.retention() };
    assert_eq!(store.expire_dry_run(&policy).versions.len(), going);
    let among = format!("of {kept} versions, of {tables} tables");
    let mut ask = |what: &str, bound: f64, work: &dyn Fn(&Store)| {
        let taken = bench.time(301, |operations| (0..operations).for_each(|_| work(&store)));
        bench.judge(what, &among, taken, Unit::Nanoseconds, Bound::AtMost(bound));
    };
    ask(&format!("Store::expire_dry_run by which {going} go"), 1e6, &|store| {
        black_box(store.expire_dry_run(&policy));
    });
    ask("Store::memory", 300e6, &|store| {
        black_box(store.memory());
    });
    ask("Store::pins", 1e6, &|store| {
        assert_eq!(black_box(store.pins()).len(), 1);
    });
    ask("Store::metrics", 20e6, &|store| {
        black_box(store.metrics());
    });
    bench.finish()
}
