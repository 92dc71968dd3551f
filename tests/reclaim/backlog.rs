//! Committers free nothing large, and help in slices while too much waits.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use annals::{AwaitingReclaim, ChunkSize, SaveMode, Store};
use annals_tests::numbers;

use crate::counting::{Freed, freed_by, watched};
use crate::{MANY, WAIT_MAX, keeping, one_at_a_time, overwrite, save_chunks};

#[test]
fn a_committer_that_overwrites_a_million_chunks_frees_nothing_large() {
    let _turn = one_at_a_time();
    let store = keeping(1).build();
    save_chunks(&store, "large", MANY);
    for what in ["truncate", "commit", "drop"] {
        let freed = freed_by(|| match what {
            "truncate" => drop(store.truncate("large").unwrap()),
            "commit" => overwrite(&store, "other", 1),
            _ => drop(store.drop_table("large").unwrap()),
        });
        println!("{what} freed {freed:?}");
        assert!(freed.times < 500 && freed.bytes < 100_000, "{what} freed {freed:?}");
    }
    assert!(store.settle(WAIT_MAX));
    assert!(store.awaiting_reclaim().versions == 0);
}

/// What stands still when it is freed, until it may go on.
struct Block {
    reached: Receiver<()>,
    go_on: Sender<()>,
}

/// Adds one row, as a chunk of its own, that stops whoever frees it.
fn append_block(store: &Store, table: &str) -> Block {
    let ((say, reached), (go_on, wait)) = (channel(), channel());
    let rows = watched(7, move || {
        // Nobody listens any more if the test has failed. Not for ever, or it could not fail.
        let _ = say.send(());
        let _ = wait.recv_timeout(WAIT_MAX / 4);
    });
    store.write(rows).mode(SaveMode::Append).save_as_table(table).unwrap();
    Block { reached, go_on }
}

fn append_chunks(store: &Store, table: &str, count: usize) {
    let size = ChunkSize { rows_min: 1, rows_max: 1, ..ChunkSize::default() };
    let rows = numbers(0..i64::try_from(count).unwrap());
    let write = store.write(rows).chunk_size(size).mode(SaveMode::Append);
    write.save_as_table(table).unwrap();
}

#[test]
fn committers_help_in_slices_while_too_much_waits() {
    let _turn = one_at_a_time();
    // What expires is older than what a commit is based on, and so nobody holds it then.
    let store = keeping(2).reclaim_bytes_max(0).build();
    let commit = |number| freed_by(|| overwrite(&store, "t", number));
    let drop_table = |name: &str| {
        store.drop_table(name).unwrap();
        (0..3).map(commit).collect::<Vec<_>>()
    };
    // Of another store, whose committers do not help.
    let stopper = keeping(1).build();
    let first = append_block(&stopper, "small");
    append_chunks(&store, "one", 5_000);
    let second = append_block(&store, "one");
    append_chunks(&store, "one", 5_000);
    append_chunks(&store, "other", 70_000);
    append_chunks(&store, "third", 70_000);

    // The thread that frees is stopped while two large versions expire,
    stopper.drop_table("small").unwrap();
    overwrite(&stopper, "t", 0);
    first.reached.recv_timeout(WAIT_MAX).unwrap();
    for freed in [drop_table("one"), drop_table("other")].concat() {
        assert!(freed.times < 500, "what was not taken apart is not theirs to free: {freed:?}");
    }
    // goes on and takes both apart, and is stopped again in the middle of one.
    first.go_on.send(()).unwrap();
    second.reached.recv_timeout(WAIT_MAX).unwrap();

    let of_a_chunk = 8;
    for freed in drop_table("third") {
        assert!(freed.times < 16 * 1_024 * of_a_chunk + 500, "{freed:?} in one commit");
    }
    let helped: Vec<Freed> = (0..80).map(commit).collect();
    let most = helped.iter().map(|freed| freed.times).max().unwrap();
    assert!(most < 1_024 * of_a_chunk + 500, "{most} in one commit");
    let sum: u64 = helped.iter().map(|freed| freed.times).sum();
    assert!(sum > 40_000 * 2, "{sum} in all");
    assert!(helped[70..].iter().all(|freed| freed.times < 500), "the third is not taken apart");
    assert!(!store.settle(Duration::from_millis(1)), "the thread is stopped");
    second.go_on.send(()).unwrap();
    assert!(store.settle(WAIT_MAX));
    assert_eq!(store.awaiting_reclaim(), AwaitingReclaim::default());
}

#[test]
fn below_the_bound_committers_leave_it_to_the_thread() {
    let _turn = one_at_a_time();
    let store = keeping(3).build();
    let block = append_block(&store, "small");
    store.drop_table("small").unwrap();
    (0..4).for_each(|number| overwrite(&store, "t", number));
    block.reached.recv_timeout(WAIT_MAX).unwrap();
    append_chunks(&store, "t", 2_000);
    let freed = freed_by(|| {
        overwrite(&store, "t", 1);
        (0..20).for_each(|number| overwrite(&store, "t", number));
    });
    let waiting = store.awaiting_reclaim();
    assert!(waiting.versions >= 20 && waiting.bytes >= 2_000 * 8, "{waiting:?}");
    block.go_on.send(()).unwrap();
    assert!(freed.times < 20 * 100, "{freed:?}");
    assert!(store.settle(WAIT_MAX));
}
