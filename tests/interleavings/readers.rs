//! Readers beside committers: what they see is whole, never older than what they have seen, and
//! never older than what they can know of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use annals::{SaveMode, Snapshot, Store, WriteError};
use annals_tests::{numbers, numbers_of};

use crate::kit::{append, create, joined, keeping, made, overwrite, spawn, store};

fn number_in(snapshot: &Snapshot, table: &str) -> i64 {
    let numbers = numbers_of(&snapshot.table(table).unwrap());
    assert_eq!(numbers.len(), 1);
    numbers[0]
}

/// Overwrites both tables with the same number.
fn overwrite_both(store: &Store, number: i64) -> u64 {
    let written = store.transact(|tx| {
        for table in ["a", "b"] {
            tx.write(numbers([number])).mode(SaveMode::Overwrite).save_as_table(table)?;
        }
        Ok::<_, WriteError>(())
    });
    written.expect("an overwrite that has read nothing is never refused").committed.version().0
}

pub(crate) fn a_reader_sees_both_tables_of_a_commit_or_none() {
    let store = store();
    overwrite_both(&store, 0);
    let writers = [[1, 2], [3, 4]].map(|values| {
        let store = store.clone();
        spawn(move || values.map(|number| overwrite_both(&store, number)))
    });
    let reader = {
        let store = store.clone();
        spawn(move || {
            let (mut reader, mut seen) = (store.reader(), 0);
            for turn in 0..4 {
                let snapshot =
                    if turn % 2 == 0 { reader.latest().clone() } else { store.snapshot() };
                assert!(snapshot.version().0 >= seen, "it went back");
                seen = snapshot.version().0;
                assert_eq!(number_in(&snapshot, "a"), number_in(&snapshot, "b"));
            }
        })
    };
    reader.join().unwrap();
    let mut versions = joined(writers).concat();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5]);
}

/// The number of the newest version that somebody knows of. Of the standard library, so that no
/// thread is switched where it is noted.
#[derive(Clone, Default)]
struct Known(Arc<AtomicU64>);

impl Known {
    fn note(&self, version: u64) {
        self.0.fetch_max(version, SeqCst);
    }

    fn get(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

pub(crate) fn what_was_acknowledged_is_seen_from_then_on() {
    let store = store();
    create(&store, "t", 0);
    let known = Known::default();
    let writers = [10, 20].map(|number| {
        let (store, known) = (store.clone(), known.clone());
        spawn(move || {
            for number in [number, number + 1] {
                known.note(made(append(&store, "t", number)));
            }
        })
    });
    let readers = [(), ()].map(|()| {
        let (store, known) = (store.clone(), known.clone());
        spawn(move || {
            let mut reader = store.reader();
            for _ in 0..3 {
                let before = known.get();
                let seen = reader.latest();
                assert!(seen.version().0 >= before, "{} and not {before}", seen.version());
                // Each commit is one row more.
                let rows = seen.table("t").unwrap().row_count();
                assert_eq!(rows, seen.version().0);
                // Whoever is told of it by this one must find it too.
                known.note(seen.version().0);
                let before = known.get();
                assert!(store.version().0 >= before);
            }
        })
    });
    joined(readers);
    joined(writers);
    assert_eq!(store.reader().latest().version().0, 5);
}

pub(crate) fn a_reader_that_knows_of_a_version_by_the_pointer_is_not_told_that_an_older_is_newest()
{
    let store = store();
    create(&store, "t", 0);
    let writer = {
        let store = store.clone();
        spawn(move || {
            for number in 1..=3 {
                made(append(&store, "t", number));
            }
        })
    };
    let mut reader = store.reader();
    for _ in 0..4 {
        let pointed_at = store.version();
        let cached = reader.latest().version();
        assert!(cached >= pointed_at, "{cached} although {pointed_at} was there");
    }
    writer.join().unwrap();
    assert_eq!(reader.latest().version().0, 4);
}

pub(crate) fn a_snapshot_reads_the_same_while_what_it_shows_expires() {
    let store = keeping(1);
    create(&store, "t", 0);
    let writer = {
        let store = store.clone();
        spawn(move || {
            for number in 1..=3 {
                made(overwrite(&store, "t", number));
            }
        })
    };
    let readers = [(), ()].map(|()| {
        let store = store.clone();
        spawn(move || {
            for _ in 0..2 {
                let snapshot = store.snapshot();
                let first = number_in(&snapshot, "t");
                assert_eq!(first as u64 + 1, snapshot.version().0);
                // Whatever is read meanwhile.
                assert!(store.reader().latest().version() >= snapshot.version());
                assert_eq!(number_in(&snapshot, "t"), first);
            }
        })
    });
    joined(readers);
    writer.join().unwrap();
}
