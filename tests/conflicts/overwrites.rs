//! Overwrites that others came before: what they discard, and how to refuse instead.

use annals::{Committed, Predicate, Remedy, SaveMode, Source, Store, VersionId, WriteError, col};
use annals_tests::numbers_of;
use arrow_array::RecordBatch;

use crate::{append, comment, delete, low, overwrite, rows, store};

fn discarded(committed: &Committed) -> Vec<u64> {
    let commit = committed.commit().unwrap();
    commit.operations[0].discarded.iter().map(|version| version.0).collect()
}

#[test]
fn a_blind_overwrite_records_the_versions_whose_rows_it_discarded() {
    // Each case: what came meanwhile, and of which versions the rows were still there.
    type Case = (fn(&Store), &'static [u64]);
    let cases: [Case; 7] = [
        (|_| {}, &[]),
        (|store| append(store, "d.t", rows([20])), &[5]),
        (
            |store| {
                append(store, "d.t", rows([20]));
                append(store, "d.other", rows([21]));
                append(store, "d.t", rows([22]));
            },
            &[5, 7],
        ),
        // What they overwrote themselves, I did not discard.
        (
            |store| {
                append(store, "d.t", rows([20]));
                overwrite(store, "d.t", rows([21]));
            },
            &[6],
        ),
        (
            |store| {
                append(store, "d.t", rows([20]));
                store.truncate("d.t").unwrap();
            },
            &[],
        ),
        (|store| drop(store.set_properties("d.t", &comment("no rows")).unwrap()), &[]),
        // Rows of several versions in one commit of a transaction.
        (
            |store| {
                let mut tx = store.begin();
                tx.write(rows([20])).mode(SaveMode::Append).save_as_table("d.t").unwrap();
                tx.write(rows([21])).mode(SaveMode::Append).save_as_table("d.t").unwrap();
                tx.commit().unwrap();
            },
            &[5],
        ),
    ];
    for (theirs, expected) in cases {
        for how in ["overwrite", "truncate", "drop"] {
            let store = store();
            let mut tx = store.begin();
            match how {
                "overwrite" => {
                    let writer = tx.write(rows([7])).mode(SaveMode::Overwrite);
                    writer.save_as_table("d.t").map(drop).unwrap();
                }
                "truncate" => tx.truncate("d.t").unwrap(),
                _ => tx.drop_table("d.t").unwrap(),
            }
            theirs(&store);
            let committed = tx.commit().unwrap();
            assert_eq!(discarded(&committed), expected, "{how}");
            // Nothing is lost: it can be read where it was.
            for version in expected {
                assert!(store.at(*version).unwrap().table("d.t").is_ok());
            }
        }
    }
}

#[test]
fn an_overwrite_that_was_not_overtaken_discards_nothing_unseen() {
    let store = store();
    append(&store, "d.t", rows([20]));
    let writer = store.write(rows([7])).mode(SaveMode::Overwrite);
    let saved = writer.save_as_table("d.t").unwrap();
    assert_eq!(discarded(saved.committed().unwrap()), [0_u64; 0]);
}

/// Rows that are read while another commit, `theirs`, takes place.
fn overtaken<'a>(batch: &RecordBatch, theirs: impl FnOnce() + 'a) -> Source<'a> {
    let batch = batch.clone();
    let schema = batch.schema();
    let batches = std::iter::once_with(move || {
        theirs();
        Ok::<_, std::io::Error>(batch)
    });
    Source::stream(schema, batches)
}

#[track_caller]
fn refused_once(result: Result<annals::Saved, WriteError>) {
    let error = result.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Retry, "{error}");
    assert!(matches!(&error, WriteError::Commit(error) if error.conflict().is_some()), "{error}");
}

#[test]
fn fail_if_changed_refuses_in_a_transaction() {
    let store = store();
    let changes: [fn(&Store); 3] = [
        |store| append(store, "d.t", rows([20])),
        |store| delete(store, "d.t", col("n").eq(2_i64)),
        |store| overwrite(store, "d.t", rows([21])),
    ];
    for theirs in changes {
        let mut tx = store.begin();
        let writer = tx.write(rows([7])).mode(SaveMode::Overwrite).fail_if_changed();
        writer.save_as_table("d.t").unwrap();
        theirs(&store);
        let before = crate::state_of(&store);
        assert_eq!(tx.commit().unwrap_err().remedy(), Remedy::Retry);
        assert_eq!(crate::state_of(&store), before);
    }
    // A change of another table is none.
    let mut tx = store.begin();
    let writer = tx.write(rows([7])).mode(SaveMode::Overwrite).fail_if_changed();
    writer.save_as_table("d.t").unwrap();
    append(&store, "d.other", rows([1]));
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [7]);
}

#[test]
fn fail_if_changed_refuses_in_a_save_of_its_own() {
    let store = store();
    let source = overtaken(&rows([7]), || append(&store, "d.t", rows([20])));
    let writer = store.write(source).mode(SaveMode::Overwrite).fail_if_changed();
    refused_once(writer.save_as_table("d.t"));
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [1, 2, 3, 101, 102, 103, 20]);

    // Without a change in between it is an overwrite like any other.
    let writer = store.write(rows([7])).mode(SaveMode::Overwrite).fail_if_changed();
    writer.save_as_table("d.t").unwrap();
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [7]);
}

#[test]
fn fail_if_changed_refuses_an_overwrite_of_a_part_too() {
    // The others' rows are not among those to be replaced, but the table has changed.
    let store = store();
    let mut tx = store.begin();
    let writer = tx.write(rows([5])).mode(SaveMode::Overwrite).replace_where(low());
    writer.fail_if_changed().save_as_table("d.t").unwrap();
    append(&store, "d.t", rows([2000]));
    assert_eq!(tx.commit().unwrap_err().remedy(), Remedy::Retry);
}

#[test]
fn without_it_a_save_of_its_own_replaces_what_is_current() {
    let store = store();
    let source = overtaken(&rows([7]), || append(&store, "d.t", rows([20])));
    let saved = store.write(source).mode(SaveMode::Overwrite).save_as_table("d.t").unwrap();
    assert_eq!(discarded(saved.committed().unwrap()), [5]);
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [7]);
}

/// Doubles the numbers that a snapshot shows, and saves them as based on it.
fn double(store: &Store, seen: &annals::Snapshot) -> Result<annals::Saved, WriteError> {
    let numbers = numbers_of(&seen.table("d.t").unwrap());
    let doubled = rows(numbers.into_iter().map(|n| 2 * n));
    store.write(doubled).mode(SaveMode::Overwrite).based_on(seen).save_as_table("d.t")
}

#[test]
fn a_write_based_on_a_snapshot_conflicts_if_its_table_changed_since() {
    let store = store();
    let seen = store.snapshot();
    append(&store, "d.t", rows([20]));
    refused_once(double(&store, &seen));

    let saved = double(&store, &store.snapshot()).unwrap();
    let commit = saved.committed().unwrap().commit().unwrap();
    assert_eq!((commit.base, commit.version), (VersionId(5), VersionId(6)));
    assert_eq!(numbers_of(&store.table("d.t").unwrap()), [2, 4, 6, 202, 204, 206, 40]);

    // Others' changes to other tables are carried along.
    let seen = store.snapshot();
    append(&store, "d.other", rows([20]));
    let saved = double(&store, &seen).unwrap();
    let commit = saved.committed().unwrap().commit().unwrap();
    assert!(commit.rebased && commit.base == seen.version());
    assert_eq!(store.table("d.other").unwrap().row_count(), 2);
}

#[test]
fn a_write_based_on_a_snapshot_is_decided_against_it() {
    let store = store();
    let before = store.at(1).unwrap();
    // The table did not exist then: another has made it since.
    let writer = store.write(rows([1])).mode(SaveMode::Append).based_on(&before);
    refused_once(writer.save_as_table("d.t"));
    // An append that was computed from what the table held goes with further appends only.
    for (theirs, stands) in [
        ((|store| append(store, "d.t", rows([20]))) as fn(&Store), true),
        (|store| overwrite(store, "d.t", rows([21])), false),
    ] {
        let seen = store.snapshot();
        theirs(&store);
        let writer = store.write(rows([1])).mode(SaveMode::Append).based_on(&seen);
        assert_eq!(writer.save_as_table("d.t").is_ok(), stands);
    }
    // A replaced part goes with what came elsewhere.
    for (theirs, stands) in [(2000, true), (20, false)] {
        let store = crate::store();
        let seen = store.snapshot();
        append(&store, "d.t", rows([theirs]));
        let part: Predicate = low();
        let writer = store.write(rows([5])).mode(SaveMode::Overwrite).replace_where(part);
        assert_eq!(writer.based_on(&seen).save_as_table("d.t").is_ok(), stands);
    }
}
