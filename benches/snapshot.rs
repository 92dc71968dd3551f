//! What does it cost to take the newest version, against the bare cell that it is kept in?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals_benches::stores::{fill, keeping, names};
use annals_benches::{Bench, Bound};
use arc_swap::{ArcSwap, Cache};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does it cost to take the newest version?");
    let store = keeping(1_000).build();
    fill(&store, &names(bench.size(1_000, 10)));
    // What the engine points to, in a cell of nothing but arc-swap.
    let bare = ArcSwap::new(Arc::clone(store.snapshot().value()));
    assert_eq!(store.snapshot().version(), bare.load().id());

    bench.compare(
        "Store::snapshot against ArcSwap::load_full",
        Bound::AtMost(1.3),
        1_501,
        |operations| (0..operations).for_each(|_| drop(black_box(store.snapshot()))),
        |operations| (0..operations).for_each(|_| drop(black_box(bare.load_full()))),
    );

    let mut reader = store.reader();
    let mut cache = Cache::new(&bare);
    assert_eq!(reader.latest().version(), cache.load().id());
    bench.compare(
        "Reader::latest against arc_swap::Cache::load",
        Bound::AtMost(2.0),
        1_501,
        |operations| {
            for _ in 0..operations {
                black_box(reader.latest());
            }
        },
        |operations| {
            for _ in 0..operations {
                black_box(cache.load());
            }
        },
    );
    bench.finish()
}
