//! Everybody appends to one table: what was acknowledged is there, once, where its version says.

use annals::{ChunkSize, SaveMode, SaveOutcome, Source, StoreBuilder, VersionId, WriteError};
use annals_tests::{Chance, at_once, numbers, numbers_of, slowly};

use crate::patient_store;

/// What a thread was told: the version of an append, and what it appended.
type Acknowledged = (VersionId, Vec<i64>);

/// The rows of all appends in the order of their versions, each of which one append made.
fn in_order(acknowledged: Vec<Vec<Acknowledged>>) -> Vec<Acknowledged> {
    let mut all: Vec<Acknowledged> = acknowledged.into_iter().flatten().collect();
    all.sort();
    for pair in all.windows(2) {
        assert!(pair[0].0 < pair[1].0, "two appends were told of {}", pair[0].0);
    }
    all
}

#[test]
fn appends_of_many_threads_are_all_there_exactly_once() {
    const THREADS: usize = 64;
    const ROUNDS: usize = 40;
    let chance = Chance::new();
    let store = patient_store();
    let acknowledged = at_once(THREADS, |thread| {
        let mut chance = chance.fork(thread);
        let mut acknowledged = Vec::new();
        for round in 0..ROUNDS {
            let first = ((thread * ROUNDS + round) * 10) as i64;
            let rows = Vec::from_iter(first..first + 1 + chance.below(4) as i64);
            let append = store.write(slowly(numbers(rows.clone()))).mode(SaveMode::Append);
            let saved = append.save_as_table("t").unwrap();
            assert_eq!(saved.rows(), rows.len() as u64);
            let version = saved.version().unwrap();
            if round % 8 == 0 {
                let now = numbers_of(&store.table("t").unwrap());
                assert!(rows.iter().all(|row| now.contains(row)), "an append was not to be seen");
            }
            acknowledged.push((version, rows));
        }
        acknowledged
    });

    let all = in_order(acknowledged);
    let versions: Vec<u64> = all.iter().map(|(version, _)| version.0).collect();
    assert_eq!(versions, Vec::from_iter(1..=(THREADS * ROUNDS) as u64));
    let expected: Vec<i64> = all.iter().flat_map(|(_, rows)| rows.clone()).collect();
    let table = store.table("t").unwrap();
    assert_eq!(numbers_of(&table), expected, "the rows, in the order of the versions");
    assert_eq!(table.row_count() as usize, expected.len());

    // Each version has what was appended up to it.
    let mut rows = 0;
    for (index, (version, appended)) in all.iter().enumerate() {
        let then = store.at(*version).unwrap().table("t").unwrap();
        rows += appended.len();
        assert_eq!(then.row_count() as usize, rows, "{version}");
        if index % 50 == 0 {
            assert_eq!(numbers_of(&then), expected[..rows], "{version}");
        }
    }
}

/// The same with small chunks, so that one append is several, from streams and in partitions.
#[test]
fn appends_of_several_chunks_stay_together() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 20;
    let size = ChunkSize { rows_min: 2, rows_max: 3, bytes_max: 1 << 20 };
    let store = StoreBuilder::new().chunk_size(size).retries_max(crate::RETRIES_ENOUGH).build();
    let acknowledged = at_once(THREADS, |thread| {
        let mut acknowledged = Vec::new();
        for round in 0..ROUNDS {
            let first = ((thread * ROUNDS + round) * 10) as i64;
            let rows = Vec::from_iter(first..first + 10);
            let batches = rows.chunks(3).map(|rows| numbers(rows.iter().copied()));
            let batches: Vec<_> = batches.map(Ok::<_, std::convert::Infallible>).collect();
            let source = Source::stream(numbers([]).schema(), batches);
            let saved = store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap();
            acknowledged.push((saved.version().unwrap(), rows));
        }
        acknowledged
    });
    let expected: Vec<i64> =
        in_order(acknowledged).into_iter().flat_map(|(_, rows)| rows).collect();
    assert_eq!(numbers_of(&store.table("t").unwrap()), expected);
}

/// A transaction's rows are in both of its tables or in neither, and its place is the same in both.
#[test]
fn transactions_that_append_to_two_tables_are_in_both() {
    const THREADS: usize = 16;
    const ROUNDS: usize = 25;
    let store = patient_store();
    store.write(numbers([])).save_as_table("a").unwrap();
    store.write(numbers([])).save_as_table("b").unwrap();
    let acknowledged = at_once(THREADS, |thread| {
        let mut acknowledged = Vec::new();
        for round in 0..ROUNDS {
            let n = (thread * ROUNDS + round) as i64;
            let done = store.transact(|tx| {
                tx.write(slowly(numbers([n]))).mode(SaveMode::Append).save_as_table("a")?;
                tx.write(numbers([-n, -n])).mode(SaveMode::Append).save_as_table("b")?;
                Ok::<_, WriteError>(())
            });
            let done = done.unwrap();
            assert_eq!(done.committed.retries(), 0, "blind appends never conflict");
            acknowledged.push((done.committed.version(), vec![n]));
        }
        acknowledged
    });
    let all = in_order(acknowledged);
    let expected: Vec<i64> = all.iter().flat_map(|(_, rows)| rows.clone()).collect();
    let doubled: Vec<i64> = expected.iter().flat_map(|n| [-n, -n]).collect();
    let now = store.snapshot();
    assert_eq!(numbers_of(&now.table("a").unwrap()), expected);
    assert_eq!(numbers_of(&now.table("b").unwrap()), doubled);
}

/// Appends that need a conversion, and some of which widen the column, lose nothing either.
#[test]
fn appends_of_several_types_are_all_there_exactly_once() {
    use annals::record_batch;
    const THREADS: usize = 12;
    const ROUNDS: usize = 15;
    let store = patient_store();
    store.write(record_batch!(("n", Int16, [-1])).unwrap()).save_as_table("t").unwrap();
    let mut expected: Vec<i64> = at_once(THREADS, |thread| {
        let mut rows = Vec::new();
        for round in 0..ROUNDS {
            let n = thread * ROUNDS + round;
            let batch = match thread % 3 {
                0 => record_batch!(("n", Int16, [n as i16])).unwrap(),
                1 => record_batch!(("n", Int32, [n as i32])).unwrap(),
                _ => record_batch!(("n", Int64, [n as i64])).unwrap(),
            };
            let append = store.write(batch).mode(SaveMode::Append).merge_schema(true);
            let saved = append.save_as_table("t").unwrap();
            assert_eq!(saved.outcome(), SaveOutcome::Appended);
            rows.push(n as i64);
        }
        rows
    })
    .concat();
    expected.push(-1);
    expected.sort_unstable();
    let mut found = numbers_of(&store.table("t").unwrap());
    found.sort_unstable();
    assert_eq!(found, expected);
}
