//! What fails only when it is to be committed: assertions, conflicts, and panics of the caller's.
//!
//! Where a conflict needs a rival, the rival's commits are part of what the store must be left
//! with: a case takes the photograph again after each.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use annals::error::BoxError;
use annals::{
    CastPolicy, CommitError, Isolation, Remedy, Retention, SaveMode, Source, Store, StoreBuilder,
    VersionId, WriteError,
};
use annals_tests::{numbers, numbers_of, people, rows_of};
use arrow_schema::{DataType, Field};

use crate::{Photograph, assert_failed_with, assert_usable, failure_of, store_of};

struct Case {
    told: &'static str,
    /// Fails on the store and returns how; takes the photograph again after rivals' commits.
    fail: fn(&Store, &RefCell<Photograph>) -> String,
    error: &'static str,
}

const fn case(
    told: &'static str,
    fail: fn(&Store, &RefCell<Photograph>) -> String,
    error: &'static str,
) -> Case {
    Case { told, fail, error }
}

/// A rival's commit to `t`.
fn rival(store: &Store, photograph: &RefCell<Photograph>) {
    let rows = people([(50, "rival")]);
    store.write(rows).mode(SaveMode::Append).save_as_table("t").expect("nothing is in its way");
    photograph.replace(Photograph::of(store));
}

/// What `work` returns; fails if it has to wait for this thread, which waits for it.
fn on_another_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(work()));
    told.recv_timeout(Duration::from_secs(60)).expect("nobody has to wait for a check")
}

/// Two saves and a drop, as work to be lost.
fn work(tx: &mut annals::Transaction) -> Result<(), WriteError> {
    tx.create_database("lost")?;
    tx.write(people([(4, "d")])).mode(SaveMode::Append).save_as_table("t")?;
    tx.write(numbers([1])).save_as_table("lost.new")?;
    tx.drop_table("narrow")
}

const CASES: [Case; 22] = [
    case(
        "an assertion that does not hold",
        |store, _| {
            failure_of(|| {
                store.transact(|tx| {
                    tx.assert("never", |_| Err("it is not so".to_owned()));
                    work(tx)
                })
            })
        },
        "the assertion `never` does not hold: it is not so",
    ),
    case(
        "the second of two assertions",
        |store, _| {
            failure_of(|| {
                store.transact(|tx| {
                    work(tx)?;
                    tx.assert("seen as it would be", |candidate| {
                        let table = candidate.table("lost.new").map_err(|e| e.to_string())?;
                        if table.row_count() == 1 { Ok(()) } else { Err("?".to_owned()) }
                    });
                    tx.assert("never", |_| Err("it is not so".to_owned()));
                    Ok::<_, WriteError>(())
                })
            })
        },
        "the assertion `never` does not hold",
    ),
    case(
        "an assertion that panics",
        |store, _| {
            failure_of(|| {
                store.transact(|tx| {
                    tx.assert("broken", |_| panic!("the assertion is broken"));
                    work(tx)
                })
            })
        },
        "panic: the assertion is broken",
    ),
    case(
        "an assertion that does not hold, of a transaction begun by hand",
        |store, _| {
            let mut tx = store.begin();
            work(&mut tx).expect("it can be staged");
            tx.assert("never", |_| Err("it is not so".to_owned()));
            failure_of(|| tx.commit())
        },
        "the assertion `never` does not hold",
    ),
    case(
        "work that returns an error",
        |store, _| {
            failure_of(|| {
                store.transact(|tx| {
                    work(tx)?;
                    tx.drop_table("nope")
                })
            })
        },
        "the table default.nope does not exist",
    ),
    case(
        "work that panics before it has done anything",
        |store, _| failure_of(|| store.transact::<(), WriteError>(|_| panic!("at once"))),
        "panic: at once",
    ),
    case(
        "work that panics when it has done everything",
        |store, _| {
            failure_of(|| {
                store.transact::<(), WriteError>(|tx| {
                    work(tx)?;
                    panic!("in the end")
                })
            })
        },
        "panic: in the end",
    ),
    case(
        "a source that panics in a transaction",
        |store, _| {
            failure_of(|| {
                store.transact(|tx| {
                    work(tx)?;
                    let batches = (0..3).map(|n| -> Result<_, BoxError> {
                        assert!(n < 2, "the source is broken");
                        Ok(numbers([n]))
                    });
                    let source = Source::stream(numbers([]).schema(), batches);
                    tx.write(source).save_as_table("more").map(drop)
                })
            })
        },
        "panic: the source is broken",
    ),
    case(
        "a transaction that is dropped",
        |store, _| {
            let mut tx = store.begin();
            work(&mut tx).expect("it can be staged");
            drop(tx);
            "dropped".to_owned()
        },
        "dropped",
    ),
    case(
        "a table that changed since it was read",
        |store, photograph| {
            let mut tx = store.begin();
            let rows = tx.table("t").expect("it is there").read().expect("it can be read");
            work(&mut tx).expect("it can be staged");
            let overwrite = tx.write(rows).mode(SaveMode::Overwrite);
            overwrite.save_as_table("t").expect("it can be staged");
            rival(store, photograph);
            failure_of(|| tx.commit())
        },
        "begin again from a fresh snapshot",
    ),
    case(
        "a save based on what is no longer so",
        |store, photograph| {
            let then = store.snapshot();
            rival(store, photograph);
            let rows = people([(1, "A")]);
            let save = store.write(rows).mode(SaveMode::Overwrite).based_on(&then);
            failure_of(|| save.save_as_table("t"))
        },
        "default.t: an overwrite after a read does not go with an append",
    ),
    case(
        "a save based on a snapshot of another store",
        |store, _| {
            let other = store_of(StoreBuilder::new());
            let rows = people([(1, "A")]);
            let save = store.write(rows).mode(SaveMode::Append).based_on(&other.snapshot());
            failure_of(|| save.save_as_table("t"))
        },
        "is of another store",
    ),
    case(
        "a transaction begun at a snapshot of another store",
        |store, _| {
            let other = store_of(StoreBuilder::new());
            let mut tx = store.begin_at(&other.snapshot());
            work(&mut tx).expect("it can be staged");
            failure_of(|| tx.commit())
        },
        "is of another store",
    ),
    case(
        "something that a serializable transaction read",
        |store, photograph| {
            let mut tx = store.begin();
            tx.isolation(Isolation::Serializable);
            tx.table("t").expect("it is there").row_count();
            tx.write(numbers([1])).save_as_table("elsewhere").expect("it can be staged");
            rival(store, photograph);
            failure_of(|| tx.commit())
        },
        "default.t was read by this serializable transaction",
    ),
    case(
        "a name that was taken meanwhile",
        |store, photograph| {
            let mut tx = store.begin();
            work(&mut tx).expect("it can be staged");
            tx.write(numbers([1])).save_as_table("wanted").expect("it can be staged");
            store.write(numbers([2])).save_as_table("wanted").expect("the name is free");
            photograph.replace(Photograph::of(store));
            failure_of(|| tx.commit())
        },
        "default.wanted was created by somebody else",
    ),
    case(
        "a table that was dropped meanwhile",
        |store, photograph| {
            let mut tx = store.begin();
            work(&mut tx).expect("it can be staged");
            store.drop_table("narrow").expect("it is there");
            photograph.replace(Photograph::of(store));
            failure_of(|| tx.commit())
        },
        "default.narrow was dropped",
    ),
    case(
        "a restore of the whole store beside a commit",
        |store, photograph| {
            let mut tx = store.begin();
            tx.restore(1).expect("it can be staged");
            rival(store, photograph);
            failure_of(|| tx.commit())
        },
        "a restore of the whole store does not go with any commit",
    ),
    case(
        "a conflict in every one of a bounded number of tries",
        |store, photograph| {
            let tries = Cell::new(0);
            let failure = failure_of(|| {
                store.transact(|tx| {
                    tries.set(tries.get() + 1);
                    let rows = tx.table("t").expect("it is there").read().expect("it can be read");
                    work(tx)?;
                    tx.write(rows).mode(SaveMode::Overwrite).save_as_table("t")?;
                    rival(store, photograph);
                    Ok::<_, WriteError>(())
                })
            });
            assert_eq!(tries.get(), 1 + RETRIES_MAX);
            failure
        },
        "begin again from a fresh snapshot",
    ),
    case(
        "commits in between whenever the assertions are checked",
        |store, photograph| {
            // A check is `'static`, so it gets what it needs as values of its own.
            let (handle, rivals) = (store.clone(), Arc::new(AtomicU32::new(0)));
            let counted = Arc::clone(&rivals);
            let failure = failure_of(|| {
                store.transact(|tx| {
                    let (handle, counted) = (handle.clone(), Arc::clone(&counted));
                    tx.assert("slow", move |_| {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let handle = handle.clone();
                        on_another_thread(move || {
                            let write = handle.write(numbers([0])).mode(SaveMode::Append);
                            write.save_as_table("elsewhere").map(drop).map_err(|e| e.to_string())
                        })
                    });
                    work(tx)
                })
            });
            photograph.replace(Photograph::of(store));
            let rows = store.table("elsewhere").expect("rivals made it").row_count();
            let rivals = rivals.load(Ordering::Relaxed);
            assert_eq!(rows, u64::from(rivals), "every rival's row is there, and nothing is lost");
            assert!(!store.snapshot().table_exists("lost.new").expect("it is a name"));
            failure
        },
        "commits kept coming while this one was prepared",
    ),
    case(
        "a stream that was converted for columns that changed meanwhile",
        |store, photograph| {
            let batches = (0..2).map(|n| {
                if n == 1 {
                    store.widen_column("narrow", "n", &DataType::Int64).expect("it is narrower");
                    photograph.replace(Photograph::of(store));
                }
                Ok::<_, BoxError>(numbers([n]))
            });
            let source = Source::stream(numbers([]).schema(), batches);
            let append = store.write(source).mode(SaveMode::Append).casts(CastPolicy::Ansi);
            failure_of(|| append.save_as_table("narrow"))
        },
        "default.narrow",
    ),
    case(
        "a sequence that was passed long ago",
        |store, photograph| {
            for sequence in [1, 2] {
                let append = store.write(people([(9, "z")])).mode(SaveMode::Append);
                append.idempotent("loader", sequence).save_as_table("t").expect("it is new");
            }
            let kept = store.retention();
            store.set_retention(Retention { records_max: 1, ..kept });
            photograph.replace(Photograph::of(store));
            let append = store.write(people([(9, "z")])).mode(SaveMode::Append);
            failure_of(|| append.idempotent("loader", 1).save_as_table("t"))
        },
        "application `loader` has written sequence 2 already",
    ),
    case(
        "a tag that names another version",
        |store, _| failure_of(|| store.tag("before", 1)),
        "before",
    ),
];

const RETRIES_MAX: u32 = 3;

#[test]
fn a_commit_that_fails_leaves_the_store_as_it_was() {
    for case in CASES {
        let store = store_of(StoreBuilder::new().retries_max(RETRIES_MAX));
        let pinned = store.snapshot();
        let rows = rows_of(&pinned.table("t").unwrap());
        let photograph = RefCell::new(Photograph::of(&store));

        let failure = (case.fail)(&store, &photograph);

        assert_failed_with(&failure, case.error, case.told);
        photograph.borrow().assert_as_it_was(&store, case.told);
        assert_eq!(rows_of(&pinned.table("t").unwrap()), rows, "{}: a held snapshot", case.told);
        assert_usable(&store, case.told);
    }
}

/// Without retries a save that needs one is refused, and says so: whoever tries again succeeds.
#[test]
fn a_save_whose_retries_run_out_can_be_made_again() {
    let store = StoreBuilder::new().retries_max(0).build();
    let batches = std::iter::once_with(|| {
        store.write(numbers([1])).save_as_table("t").unwrap();
        Ok::<_, BoxError>(numbers([2]))
    });
    let source = Source::stream(numbers([]).schema(), batches);

    let error = store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap_err();

    assert_eq!(error.remedy(), Remedy::Retry);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1]);
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2]);
}

/// What was built at a savepoint's far side is gone; what was built before is not.
#[test]
fn work_rolled_back_to_a_savepoint_leaves_no_trace() {
    let store = store_of(StoreBuilder::new());
    let before = Photograph::of(&store);
    let mut tx = store.begin();
    let start = tx.savepoint();
    work(&mut tx).unwrap();
    tx.rollback_to(&start).unwrap();
    assert!(tx.is_empty());
    assert!(!tx.commit().unwrap().made_version());
    before.assert_as_it_was(&store, "rolled back");
}

/// At the end of all version numbers writes are refused for good, and reads go on.
#[test]
fn when_no_version_number_is_left_the_store_can_still_be_read() {
    let store = Store::builder().build_at(VersionId(u64::MAX - 1));
    store.write(people([(1, "a")])).save_as_table("t").unwrap();
    assert_eq!(store.version(), VersionId(u64::MAX));
    let before = Photograph::of(&store);

    let append = store.write(people([(2, "b")])).mode(SaveMode::Append).save_as_table("t");
    let error = append.unwrap_err();
    assert!(
        matches!(&error, WriteError::Commit(CommitError::VersionsExhausted { .. })),
        "{error:?}"
    );
    assert_eq!(error.remedy(), Remedy::Change);
    let mut tx = store.begin();
    tx.add_columns("t", [Field::new("x", DataType::Int64, true)]).unwrap();
    assert!(tx.commit().is_err());
    before.assert_as_it_was(&store, "the last version");
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, a"]);
}

/// An error of the caller's own comes back as it is.
#[test]
fn the_error_that_work_returns_is_the_error_that_transact_returns() {
    #[derive(Debug)]
    struct Mine(Box<dyn Error + Send + Sync>);
    impl From<CommitError> for Mine {
        fn from(error: CommitError) -> Self {
            Self(error.into())
        }
    }
    let store = store_of(StoreBuilder::new());
    let before = Photograph::of(&store);
    let result = store.transact(|tx| {
        work(tx).map_err(|error| Mine(error.into()))?;
        Err::<(), _>(Mine("my own".into()))
    });
    assert_eq!(result.unwrap_err().0.to_string(), "my own");
    before.assert_as_it_was(&store, "an error of the caller's own");
}
