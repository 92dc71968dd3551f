//! A write that is repeated, by many threads at once, takes effect once; all are told of the same.

use annals::{Remedy, SaveMode, SaveOutcome, Store, VersionId, WriteError};
use annals_tests::{at_once, numbers, numbers_of, slowly};

use crate::patient_store;

const THREADS: usize = 8;
const SEQUENCES: u64 = 40;

/// All threads make the same writes, one sequence after the other, each at its own pace; `write`
/// returns the version that it was told of, and whether it was applied before.
fn repeat(write: impl Fn(u64) -> (VersionId, bool) + Sync) {
    let told = at_once(THREADS, |_| (1..=SEQUENCES).map(&write).collect::<Vec<_>>());
    for sequence in 0..SEQUENCES as usize {
        let of_sequence: Vec<(VersionId, bool)> = told.iter().map(|told| told[sequence]).collect();
        let version = of_sequence[0].0;
        assert!(
            of_sequence.iter().all(|(other, _)| *other == version),
            "sequence {}: {of_sequence:?}",
            sequence + 1
        );
        let applied = of_sequence.iter().filter(|(_, before)| !before).count();
        assert_eq!(applied, 1, "sequence {} was applied by so many", sequence + 1);
        assert_eq!(version.0, sequence as u64 + 1, "in the order of their sequences");
    }
}

#[test]
fn an_append_repeated_by_many_is_applied_once() {
    let store = patient_store();
    repeat(|sequence| {
        let append = store.write(slowly(numbers([sequence as i64]))).mode(SaveMode::Append);
        let saved = append.idempotent("loader", sequence).save_as_table("t").unwrap();
        let committed = saved.committed().unwrap();
        let then = store.at(committed.version()).unwrap();
        assert_eq!(then.table("t").unwrap().row_count(), sequence);
        assert_eq!(committed.made_version(), !committed.was_applied_before());
        let before = saved.outcome() == SaveOutcome::AppliedBefore;
        assert_eq!((before, saved.rows()), (committed.was_applied_before(), u64::from(!before)));
        (committed.version(), committed.was_applied_before())
    });
    assert_eq!(numbers_of(&store.table("t").unwrap()), Vec::from_iter(1..=SEQUENCES as i64));
    assert_eq!(store.version().0, SEQUENCES);
}

#[test]
fn an_overwrite_repeated_by_many_is_applied_once() {
    let store = patient_store();
    repeat(|sequence| {
        let overwrite = store.write(slowly(numbers([sequence as i64]))).mode(SaveMode::Overwrite);
        let saved = overwrite.idempotent("loader", sequence).save_as_table("t").unwrap();
        let committed = saved.committed().unwrap();
        (committed.version(), committed.was_applied_before())
    });
    assert_eq!(numbers_of(&store.table("t").unwrap()), [SEQUENCES as i64]);
    assert_eq!(store.table("t").unwrap().ordinal(), SEQUENCES - 1, "no late one took it back");
}

/// The first attempt created the table. That it is there now is no reason to refuse the second.
#[test]
fn a_create_repeated_by_many_is_applied_once_and_refused_to_nobody() {
    for mode in [SaveMode::ErrorIfExists, SaveMode::Ignore] {
        let store = patient_store();
        repeat(|sequence| {
            let name = format!("t{sequence}");
            let create = store.write(slowly(numbers([sequence as i64]))).mode(mode);
            let saved = create.idempotent("loader", sequence).save_as_table(name.as_str());
            let saved = saved.unwrap_or_else(|error| panic!("in mode {mode}: {error}"));
            let committed = saved.committed().unwrap();
            (committed.version(), committed.was_applied_before())
        });
        assert_eq!(store.snapshot().table_count() as u64, SEQUENCES);
    }
}

#[test]
fn a_transaction_repeated_by_many_is_applied_once() {
    let store = patient_store();
    repeat(|sequence| {
        let done = store.transact(|tx| {
            tx.idempotent("loader", sequence);
            let rows = numbers([sequence as i64]);
            tx.write(&rows).mode(SaveMode::Append).save_as_table("a")?;
            tx.write(&rows).mode(SaveMode::Overwrite).save_as_table("b")?;
            Ok::<_, WriteError>(())
        });
        let committed = done.unwrap().committed;
        (committed.version(), committed.was_applied_before())
    });
    assert_eq!(numbers_of(&store.table("a").unwrap()), Vec::from_iter(1..=SEQUENCES as i64));
    assert_eq!(numbers_of(&store.table("b").unwrap()), [SEQUENCES as i64]);
}

/// Applications do not know of each other's sequences.
#[test]
fn applications_have_sequences_of_their_own() {
    let store = patient_store();
    at_once(THREADS, |thread| {
        let application = format!("loader {}", thread / 2);
        for sequence in 1..=SEQUENCES {
            let row = (thread / 2) as i64 * 1_000 + sequence as i64;
            let append = store.write(numbers([row])).mode(SaveMode::Append);
            append.idempotent(&application, sequence).save_as_table("t").unwrap();
        }
    });
    let mut rows = numbers_of(&store.table("t").unwrap());
    rows.sort_unstable();
    let expected = (0..THREADS as i64 / 2)
        .flat_map(|application| (1..=SEQUENCES as i64).map(move |n| application * 1_000 + n));
    assert_eq!(rows, Vec::from_iter(expected));
}

/// What failed was not applied: the same sequence can be written again.
#[test]
fn a_sequence_whose_write_failed_is_still_to_be_applied() {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let text = annals::record_batch!(("n", Utf8, ["x"])).unwrap();
    let wrong = store.write(text).mode(SaveMode::Append).idempotent("loader", 1);
    assert_eq!(wrong.save_as_table("t").unwrap_err().remedy(), Remedy::Change);
    let right = store.write(numbers([1])).mode(SaveMode::Append).idempotent("loader", 1);
    assert!(right.save_as_table("t").unwrap().committed().unwrap().made_version());
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1]);
}
