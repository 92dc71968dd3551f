//! Threads that each have a table of their own do not notice each other.

use annals::{SaveMode, Store};
use annals_tests::{at_once, numbers, numbers_of, rows_of};

/// Every write is read at once, in every way there is to read, and none is begun again: tables of
/// different names never conflict.
#[test]
fn sixty_four_threads_write_and_read_their_own_tables() {
    const THREADS: usize = 64;
    const ROUNDS: usize = 200;
    let store = Store::in_memory();
    store.create_database("own").unwrap();

    let versions = at_once(THREADS, |thread| {
        let name = format!("own.t{thread}");
        let mut reader = store.reader();
        let mut expected = Vec::new();
        let mut versions = Vec::new();
        for round in 0..ROUNDS {
            let n = (thread * ROUNDS + round) as i64;
            let mode = if round % 8 == 0 { SaveMode::Overwrite } else { SaveMode::Append };
            if mode == SaveMode::Overwrite {
                expected.clear();
            }
            expected.push(n);

            let saved = store.write(numbers([n])).mode(mode).save_as_table(name.as_str()).unwrap();

            assert_eq!(numbers_of(&store.table(name.as_str()).unwrap()), expected);
            let latest = reader.latest();
            assert!(latest.version() >= saved.version().unwrap(), "a reader is late");
            assert_eq!(numbers_of(&latest.table(name.as_str()).unwrap()), expected);
            let committed = saved.committed().unwrap();
            assert_eq!(committed.retries(), 0, "somebody else's table was in the way");
            let then = store.at(committed.version()).unwrap();
            assert_eq!(numbers_of(&then.table(name.as_str()).unwrap()), expected);
            versions.push(committed.version().0);
        }
        versions
    });

    let mut all: Vec<u64> = versions.iter().flatten().copied().collect();
    all.sort_unstable();
    let made = (THREADS * ROUNDS) as u64;
    assert_eq!(all, Vec::from_iter(2..made + 2), "each write made one version, after the database");
    for (thread, versions) in versions.iter().enumerate() {
        assert!(versions.is_sorted(), "a thread's writes are in its order");
        let table = store.table(format!("own.t{thread}").as_str()).unwrap();
        assert_eq!(table.ordinal() as usize, ROUNDS - 1);
        assert_eq!(table.since().0, *versions.last().unwrap());
    }
    assert_eq!(store.tables("own").unwrap().len(), THREADS);
}

/// The same in transactions: each makes two tables that nobody else touches.
#[test]
fn transactions_on_different_tables_never_conflict() {
    const THREADS: usize = 16;
    const ROUNDS: usize = 30;
    let store = Store::in_memory();
    at_once(THREADS, |thread| {
        for round in 0..ROUNDS {
            let (a, b) = (format!("a{thread}"), format!("b{thread}"));
            let n = round as i64;
            let mut tx = store.begin();
            if round > 0 {
                assert_eq!(numbers_of(&tx.table(a.as_str()).unwrap()), [n - 1]);
            }
            tx.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table(a.as_str()).unwrap();
            tx.write(numbers([n])).mode(SaveMode::Append).save_as_table(b.as_str()).unwrap();
            let version = tx.commit().unwrap().version();
            let now = store.snapshot();
            assert!(now.version() >= version);
            assert_eq!(rows_of(&now.table(a.as_str()).unwrap()), [n.to_string()]);
            assert_eq!(numbers_of(&now.table(b.as_str()).unwrap()), Vec::from_iter(0..=n));
        }
    });
    assert_eq!(store.version().0, (THREADS * ROUNDS) as u64);
    assert_eq!(store.snapshot().table_count(), 2 * THREADS);
}
