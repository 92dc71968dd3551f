//! What readers see while others write: always all of one version, never less, never older.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use annals::{
    ChunkSize, Reader, SaveMode, Snapshot, Source, Store, StoreBuilder, VersionId, WriteError,
};
use annals_tests::{at_once, numbers, numbers_of, observed};

use crate::{RETRIES_ENOUGH, patient_store};

const READERS: usize = 4;

/// A store whose tables are of several chunks, so that a mixture of two states could be seen.
fn store_of_small_chunks() -> Store {
    let size = ChunkSize { rows_min: 1, rows_max: 8, bytes_max: 1 << 20 };
    StoreBuilder::new().chunk_size(size).retries_max(RETRIES_ENOUGH).build()
}

/// Rows that all say which write they are of, and as many as that write has.
fn uniform(n: i64) -> Source<'static> {
    let batches = (0..=n % 7).map(|_| numbers(std::iter::repeat_n(n, 5)));
    batches.collect::<Vec<_>>().into()
}

/// Which write a table is of; fails unless it is of one, and whole.
#[track_caller]
fn write_of(snapshot: &Snapshot, name: &str) -> i64 {
    let table = snapshot.table(name).expect("it is never missing");
    let rows = numbers_of(&table);
    let first = *rows.first().expect("it is never empty");
    assert!(rows.iter().all(|row| *row == first), "{name} is mixed in {}", snapshot.version());
    assert_eq!(rows.len() as i64, (first % 7 + 1) * 5, "{name} is cut in {}", snapshot.version());
    assert_eq!(table.row_count(), rows.len() as u64);
    first
}

/// Looks at a store as readers do, and at each look that time does not go back.
struct Eye<'a> {
    store: &'a Store,
    reader: Reader,
    seen: Cell<VersionId>,
    acknowledged: &'a AtomicU64,
}

impl<'a> Eye<'a> {
    fn on(store: &'a Store, acknowledged: &'a AtomicU64) -> Self {
        Self { store, reader: store.reader(), seen: Cell::new(VersionId(0)), acknowledged }
    }

    /// A snapshot and what a reader has: neither older than what was seen or acknowledged before.
    fn look(&mut self) -> [Snapshot; 2] {
        // ORDERING: pairs with `acknowledge`; what is then looked at is later than that.
        let acknowledged = VersionId(self.acknowledged.load(Ordering::Acquire));
        let floor = acknowledged.max(self.seen.get());
        let snapshot = self.store.snapshot();
        let latest = self.reader.latest().clone();
        assert!(snapshot.version() >= floor, "{} after {floor}", snapshot.version());
        assert!(latest.version() >= snapshot.version(), "a cached reader is late");
        self.seen.set(latest.version());
        [snapshot, latest]
    }
}

/// Tells readers that a version was acknowledged.
fn acknowledge(acknowledged: &AtomicU64, version: VersionId) {
    // ORDERING: pairs with the load in `Eye::look`.
    acknowledged.fetch_max(version.0, Ordering::AcqRel);
}

#[test]
fn readers_beside_an_overwriter_never_see_a_missing_empty_or_mixed_table() {
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    store.write(uniform(0)).save_as_table("t").unwrap();
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        let mut newest = 0;
        move || {
            for snapshot in eye.look() {
                let n = write_of(&snapshot, "t");
                assert!(n >= newest, "the table went back from {newest} to {n}");
                newest = n;
            }
        }
    };
    observed(READERS, observer, || {
        for n in 1..=400 {
            let overwrite = store.write(uniform(n)).mode(SaveMode::Overwrite);
            let saved = overwrite.save_as_table("t").unwrap();
            acknowledge(&acknowledged, saved.version().unwrap());
            assert_eq!(write_of(&store.snapshot(), "t"), n);
        }
    });
}

/// Every kind of overwrite: of the whole, of all rows, of a part, by insert, with a new schema.
#[test]
fn readers_beside_overwriters_of_every_kind_see_whole_tables() {
    use annals::col;
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    store.write(uniform(0)).save_as_table("t").unwrap();
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        move || {
            for snapshot in eye.look() {
                write_of(&snapshot, "t");
            }
        }
    };
    observed(READERS, observer, || {
        at_once(4, |thread| {
            for round in 0..60 {
                let n = round * 4 + thread as i64;
                let overwrite = store.write(uniform(n)).mode(SaveMode::Overwrite);
                let saved = match thread {
                    0 => overwrite.save_as_table("t"),
                    1 => overwrite.overwrite_schema(false).save_as_table("t"),
                    2 => overwrite.replace_where(col("n").gt_eq(0_i64)).save_as_table("t"),
                    _ => overwrite.insert_into("t"),
                };
                acknowledge(&acknowledged, saved.unwrap().version().unwrap());
            }
        });
    });
    assert_eq!(store.version().0, 1 + 4 * 60);
}

/// What a table had when it was asked for is read to its end, though it is overwritten, renamed,
/// and dropped meanwhile, and though its version expires.
#[test]
fn a_scan_that_has_begun_is_not_disturbed() {
    let store = store_of_small_chunks();
    store.set_retention(annals::Retention { versions_max: 1, ..store.retention() });
    for n in 0..20 {
        store.write(uniform(n)).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        let mut batches = store.table("t").unwrap().scan().batches().unwrap();
        let first = batches.next().unwrap().unwrap();
        store.write(uniform(n + 1)).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        store.rename_table("t", "u").unwrap();
        store.truncate("u").unwrap();
        store.drop_table("u").unwrap();
        let rest: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!((first.num_rows() + rest) as i64, (n % 7 + 1) * 5);
    }
}

#[test]
fn readers_beside_an_appender_see_whole_appends_in_their_order() {
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    store.write(numbers([])).save_as_table("t").unwrap();
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        move || {
            for snapshot in eye.look() {
                let rows = numbers_of(&snapshot.table("t").unwrap());
                assert_eq!(rows.len() % 10, 0, "half an append");
                assert_eq!(rows, Vec::from_iter(0..rows.len() as i64));
                assert_eq!(rows.len() as u64, (snapshot.version().0 - 1) * 10, "one per version");
            }
        }
    };
    observed(READERS, observer, || {
        for n in 0..150 {
            let append = store.write(numbers(n * 10..n * 10 + 10)).mode(SaveMode::Append);
            let saved = append.save_as_table("t").unwrap();
            acknowledge(&acknowledged, saved.version().unwrap());
        }
    });
}

/// Two tables that are always written in one transaction are always seen of one write.
#[test]
fn two_tables_written_in_one_transaction_are_seen_of_one_write() {
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    store.create_database("other").unwrap();
    let write_both = |n: i64| {
        let done = store.transact(|tx| {
            tx.write(uniform(n)).mode(SaveMode::Overwrite).save_as_table("a")?;
            tx.write(uniform(n)).mode(SaveMode::Overwrite).save_as_table("other.b")?;
            Ok::<_, WriteError>(())
        });
        acknowledge(&acknowledged, done.unwrap().committed.version());
    };
    write_both(0);
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        move || {
            for snapshot in eye.look() {
                let (a, b) = (write_of(&snapshot, "a"), write_of(&snapshot, "other.b"));
                assert_eq!(a, b, "torn in {}", snapshot.version());
            }
            // A transaction sees one version too.
            let tx = eye.store.begin();
            let rows = |name: &str| numbers_of(&tx.table(name).unwrap());
            assert_eq!(rows("a"), rows("other.b"));
        }
    };
    observed(READERS, observer, || {
        at_once(2, |thread| {
            for round in 0..120 {
                write_both(round * 2 + thread as i64);
            }
        });
    });
}

/// Two tables that swap their names over and over: whoever looks finds both, one of each.
#[test]
fn tables_that_swap_their_names_are_both_always_there() {
    let (store, acknowledged) = (patient_store(), AtomicU64::new(0));
    store.write(numbers([1, 1, 1])).save_as_table("a").unwrap();
    store.write(numbers([2, 2])).save_as_table("b").unwrap();
    let ids = ["a", "b"].map(|name| store.table(name).unwrap().id());
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        move || {
            for snapshot in eye.look() {
                let mut both = ["a", "b"].map(|name| {
                    let table = snapshot.table(name).expect("it is never missing");
                    (numbers_of(&table), table.id())
                });
                both.sort();
                assert_eq!(both, [(vec![1, 1, 1], ids[0]), (vec![2, 2], ids[1])]);
                assert_eq!(snapshot.table_count(), 2, "a name in between was seen");
                let listed = snapshot.tables("default").unwrap();
                assert_eq!(
                    listed.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    ["default.a", "default.b"]
                );
            }
        }
    };
    observed(READERS, observer, || {
        at_once(3, |_| {
            for _ in 0..60 {
                let done = store.transact(|tx| {
                    tx.rename_table("a", "between")?;
                    tx.rename_table("b", "a")?;
                    tx.rename_table("between", "b")?;
                    Ok::<_, WriteError>(())
                });
                acknowledge(&acknowledged, done.unwrap().committed.version());
            }
        });
    });
    assert_eq!(store.version().0, 2 + 180);
    // An even number of swaps: each has its own name again.
    assert_eq!(numbers_of(&store.table("a").unwrap()), [1, 1, 1]);
}

/// A table that is dropped and made anew in one transaction is never missing; one that is replaced
/// by another name is seen under exactly one.
#[test]
fn a_table_that_is_made_anew_is_never_missing() {
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    store.write(uniform(0)).save_as_table("t").unwrap();
    store.write(uniform(0)).save_as_table("left").unwrap();
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        move || {
            for snapshot in eye.look() {
                let n = write_of(&snapshot, "t");
                let sides = ["left", "right"].map(|name| snapshot.table_exists(name).unwrap());
                assert_ne!(sides[0], sides[1], "on neither side, or on both");
                let side = if sides[0] { "left" } else { "right" };
                assert_eq!(write_of(&snapshot, side), n);
            }
        }
    };
    observed(READERS, observer, || {
        for n in 1..=150 {
            let (from, to) = if n % 2 == 1 { ("left", "right") } else { ("right", "left") };
            let done = store.transact(|tx| {
                tx.drop_table("t")?;
                tx.write(uniform(n)).save_as_table("t")?;
                tx.drop_table(from)?;
                tx.write(uniform(n)).save_as_table(to)?;
                Ok::<_, WriteError>(())
            });
            acknowledge(&acknowledged, done.unwrap().committed.version());
        }
    });
}

/// Versions that were committed stay as they were, while others are made: each is read again and
/// again, by number, as it was at first.
#[test]
fn versions_that_were_committed_read_the_same_while_others_are_made() {
    let (store, acknowledged) = (store_of_small_chunks(), AtomicU64::new(0));
    let first = store.write(uniform(0)).save_as_table("t").unwrap().version().unwrap();
    let observer = || {
        let mut eye = Eye::on(&store, &acknowledged);
        let mut look = 0;
        move || {
            let [newest, _] = eye.look();
            look += 1;
            let version = first.0 + look % (newest.version().0 - first.0 + 1);
            let then = eye.store.at(version).unwrap();
            // Version 1 is write 0, and each later one is one later.
            assert_eq!(write_of(&then, "t") as u64, version - first.0);
        }
    };
    observed(READERS, observer, || {
        for n in 1..=300 {
            let overwrite = store.write(uniform(n)).mode(SaveMode::Overwrite);
            let saved = overwrite.save_as_table("t").unwrap();
            acknowledge(&acknowledged, saved.version().unwrap());
        }
    });
}
