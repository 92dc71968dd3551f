//! What does it cost to find a table by name, against the standard library's hash map?
//!
//! It must allocate nothing either; the allocator of this benchmark counts.

use std::collections::HashMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals_benches::stores::{Wander, fill, keeping, names};
use annals_benches::{Bench, Bound, Unit};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to find a table by name?");
    let count = bench.size(1_000, 10);
    let store = keeping(1_000).build();
    fill(&store, &names(count));
    let snapshot = store.snapshot();

    let entry = |name| {
        let table = snapshot.table(&name).expect("it was created");
        (name, Arc::clone(table.value()))
    };
    let map: HashMap<_, _> = names(count).into_iter().map(entry).collect();
    // Parsed once more, for whoever asks has a name of its own; and in no order.
    let (own, mut wander) = (names(count), Wander::over(count));
    let asked: Vec<_> = (0..count).map(|_| own[wander.step()].clone()).collect();
    for name in &asked {
        let found = snapshot.find(name).expect("it was created");
        assert!(std::ptr::eq(found, &**map[name].state()));
    }

    let mut names = asked.iter().cycle();
    let mut find = |operations| {
        for name in names.by_ref().take(operations) {
            black_box(snapshot.find(name));
        }
    };
    let allocated = allocation_counter::measure(|| find(10 * count));
    let (what, from) = ("allocations by Snapshot::find", format!("in {} calls", 10 * count));
    bench.judge(what, &from, allocated.count_total as f64, Unit::Count, Bound::AtMost(0.0));

    let mut names = asked.iter().cycle();
    bench.compare(
        &format!("Snapshot::find among {count} against HashMap::get"),
        Bound::AtMost(2.5),
        1_501,
        find,
        |operations| {
            for name in names.by_ref().take(operations) {
                black_box(map.get(name).map(|table| &**table.state()));
            }
        },
    );
    bench.finish()
}
