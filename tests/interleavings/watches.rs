//! Watches beside committers: each commit once, in order; nobody sleeps through one, or through the
//! end. A wake-up that is lost is a deadlock, which the tool reports.

use std::time::Duration;

use annals::{Store, Watch};

use crate::kit::{append, create, joined, keeping, made, overwrite, spawn, store};

fn committing(store: &Store, table: &'static str) -> crate::kit::thread::JoinHandle<Vec<u64>> {
    let store = store.clone();
    spawn(move || [1, 2].map(|number| made(append(&store, table, number))).into())
}

/// All to the end, as versions; none may be missed.
fn all(watch: Watch) -> Vec<u64> {
    let version = |item: Result<annals::Watched, annals::Missed>| item.unwrap().version().0;
    watch.map(version).collect()
}

pub(crate) fn each_commit_is_seen_once_in_order_and_then_the_end() {
    let store = store();
    create(&store, "t", 0);
    let watchers = [store.watch(0).unwrap(), store.watch(1).unwrap()];
    let watchers = watchers.map(|watch| spawn(move || all(watch)));
    let writers = [committing(&store, "t"), committing(&store, "t")];
    drop(store);
    let [from_0, from_1] = watchers.map(|thread| thread.join().unwrap());
    assert_eq!(from_0, [1, 2, 3, 4, 5]);
    assert_eq!(from_1, [2, 3, 4, 5]);
    joined(writers);
}

pub(crate) fn what_is_seen_was_published_before() {
    let store = store();
    create(&store, "t", 0);
    let mut watch = store.watch(1).unwrap();
    let writer = committing(&store, "t");
    let mut reader = store.reader();
    for version in [2, 3] {
        let watched = watch.next().unwrap().unwrap();
        assert_eq!(watched.version().0, version);
        assert!(reader.latest().version() >= watched.version());
        let shown = watched.snapshot().expect("nothing expires here");
        assert_eq!(shown.table("t").unwrap().row_count(), version);
        assert!(!watch.has_ended());
    }
    assert!(watch.try_next().is_none());
    writer.join().unwrap();
}

pub(crate) fn a_watch_that_is_stopped_ends_even_if_it_sleeps() {
    let store = store();
    let watch = store.watch(0).unwrap();
    let stopper = watch.stopper();
    let watcher = spawn(move || all(watch));
    let writer = {
        let store = store.clone();
        spawn(move || made(append(&store, "t", 1)))
    };
    stopper.stop();
    let seen = watcher.join().unwrap();
    assert!(seen.is_empty() || seen == [1]);
    writer.join().unwrap();
}

pub(crate) fn a_watch_that_waits_for_a_time_misses_nothing_by_it() {
    let store = store();
    create(&store, "t", 0);
    let mut watch = store.watch(1).unwrap();
    let writers = [committing(&store, "t"), committing(&store, "t")];
    let watcher = spawn(move || {
        let mut seen = Vec::new();
        while !watch.has_ended() {
            let item = watch.next_timeout(Duration::from_millis(1));
            seen.extend(item.map(|item| item.unwrap().version().0));
            shuttle::thread::yield_now();
        }
        seen
    });
    drop(store);
    assert_eq!(watcher.join().unwrap(), [2, 3, 4, 5]);
    joined(writers);
}

pub(crate) fn what_expires_before_it_is_seen_is_told_of_as_missed() {
    let store = keeping(1);
    create(&store, "t", 0);
    let watch = store.watch(1).unwrap();
    let watcher = spawn(move || {
        let mut seen = 1;
        for item in watch {
            seen = match item {
                Ok(watched) => {
                    assert_eq!(watched.version().0, seen + 1);
                    seen + 1
                }
                Err(missed) => {
                    assert_eq!(missed.next.0, seen + missed.count + 1);
                    seen + missed.count
                }
            };
        }
        seen
    });
    let writer = {
        let store = store.clone();
        spawn(move || [1, 2, 3].map(|number| made(overwrite(&store, "t", number))))
    };
    drop(store);
    assert_eq!(watcher.join().unwrap(), 4);
    writer.join().unwrap();
}

pub(crate) fn a_watch_that_looks_while_the_last_handle_goes_comes_to_the_end() {
    let store = store();
    let watches = [store.watch(0).unwrap(), store.watch(0).unwrap()];
    let watchers = watches.map(|mut watch| {
        spawn(move || {
            let first = watch.next().expect("there is a commit").unwrap();
            assert_eq!(first.version().0, 1);
            drop(first);
            assert!(watch.next().is_none());
            assert!(watch.has_ended());
        })
    });
    let (tx, reader) = (store.begin(), store.reader());
    let others = [spawn(move || drop(tx)), spawn(move || drop(reader))];
    store.create_database("d").unwrap();
    drop(store);
    joined(others);
    joined(watchers);
}
