//! Who waits for whom: nobody for a slow source of rows, for a slow check, or for a reader.
//!
//! A wait that must not be shows as a test that does not end, so each has a bound, which a machine
//! that is merely slow does not reach.

use std::error::Error;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use annals::error::BoxError;
use annals::{SaveMode, Source, Store, WriteError};
use annals_tests::{numbers, numbers_of};

use crate::patient_store;

const FOR_EVER: Duration = Duration::from_secs(60);

/// Reads and writes of every kind, on another thread; fails if they do not come to an end.
fn others_get_on(store: &Store, round: i64) {
    let (tell, told) = mpsc::channel();
    let store = store.clone();
    let other = std::thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        assert_eq!(numbers_of(&store.table("t")?), [0], "what is not committed is not seen");
        let mut reader = store.reader();
        store.write(numbers([round])).mode(SaveMode::Append).save_as_table("others")?;
        reader.latest().table("others")?;
        store.write(numbers([round])).mode(SaveMode::Overwrite).save_as_table("more")?;
        store.transact(|tx| tx.drop_table("more"))?;
        assert!(store.history().iter().count() > 2);
        store.tag(&format!("round {round}"), store.version())?;
        tell.send(())?;
        Ok(())
    });
    if told.recv_timeout(FOR_EVER) == Err(RecvTimeoutError::Timeout) {
        panic!("somebody had to wait");
    }
    other.join().expect("the others do not panic").expect("the others get on");
}

#[test]
fn nobody_waits_for_a_slow_source_of_rows() {
    let store = patient_store();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let slow = (0..3).map(|round| {
        others_get_on(&store, round);
        Ok::<_, BoxError>(numbers([10 + round]))
    });
    let source = Source::stream(numbers([]).schema(), slow);
    store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 10, 11, 12]);
    assert_eq!(numbers_of(&store.table("others").unwrap()), [0, 1, 2]);
}

#[test]
fn nobody_waits_for_slow_work_in_a_transaction() {
    let store = patient_store();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let done = store.transact(|tx| {
        tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("t")?;
        others_get_on(&store, 0);
        tx.write(numbers([2])).mode(SaveMode::Append).save_as_table("t")?;
        Ok::<_, WriteError>(())
    });
    assert_eq!(done.unwrap().committed.retries(), 0, "the others wrote other tables");
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1, 2]);
}

/// The check is made on what will be published, and made again if something else was meanwhile.
#[test]
fn nobody_waits_for_a_slow_check() {
    let store = patient_store();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let handle = store.clone();
    let (check, checked) = mpsc::channel();
    let done = store.transact(move |tx| {
        tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("t")?;
        let (handle, check) = (handle.clone(), check.clone());
        let others = std::sync::atomic::AtomicI64::new(0);
        tx.assert("slow", move |candidate| {
            let round = others.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if round < 2 {
                others_get_on(&handle, round);
            }
            let others = candidate.table("others").map_or(0, |table| table.row_count());
            check.send((round, others)).unwrap();
            match numbers_of(&candidate.table("t").unwrap()).as_slice() {
                [0, 1] => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        Ok::<_, WriteError>(())
    });
    done.unwrap();
    let checks = Vec::from_iter(checked.try_iter());
    assert_eq!(checks, [(0, 0), (1, 1), (2, 2)], "each candidate has what came in between");
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 1]);
}

/// A reader that has stopped in the middle of a scan is in nobody's way.
#[test]
fn nobody_waits_for_a_reader_that_stands_still() {
    let store = patient_store();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let mut reader = store.reader();
    let held = reader.latest().clone();
    let mut scan = held.table("t").unwrap().scan().batches().unwrap();
    let tx = store.begin();
    let in_transaction = tx.table("t").unwrap();
    for round in 0..3 {
        others_get_on(&store, round);
    }
    assert_eq!(scan.next().unwrap().unwrap().num_rows(), 1);
    assert_eq!(numbers_of(&in_transaction), [0]);
}
