//! Conditions that the very version to be published must fulfil.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use annals::error::Rule;
use annals::{CommitError, Remedy, SaveMode, Snapshot, Store, Transaction};
use annals_tests::{content_of, numbers, numbers_of};
use expect_test::expect;

fn store() -> Store {
    let store = Store::in_memory();
    store.write(numbers([1, 2])).save_as_table("t").unwrap();
    store
}

fn append(store: &Store, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

fn appending(store: &Store, n: i64) -> Transaction {
    let mut tx = store.begin();
    tx.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx
}

fn at_most(rows: u64) -> impl Fn(&Snapshot) -> Result<(), String> {
    move |snapshot| match snapshot.table("t").map(|table| table.row_count()) {
        Ok(count) if count <= rows => Ok(()),
        Ok(count) => Err(format!("{count} rows, where {rows} are allowed")),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_commit_that_breaks_an_assertion_is_not_made() {
    let store = store();
    let before = content_of(&store.snapshot());
    let mut tx = appending(&store, 3);
    tx.assert("small", at_most(2));
    let error = tx.commit().unwrap_err();
    expect!["the assertion `small` does not hold: 3 rows, where 2 are allowed"]
        .assert_eq(&error.to_string());
    assert!(matches!(&error, CommitError::Assertion { name, .. } if **name == *"small"));
    assert_eq!(error.remedy(), Remedy::Change);
    assert!(error.conflict().is_none());
    assert_eq!((content_of(&store.snapshot()), store.version().0), (before, 1));

    let mut tx = appending(&store, 3);
    tx.assert("small", at_most(3));
    assert_eq!(tx.commit().unwrap().version().0, 2);
}

#[test]
fn an_assertion_sees_what_others_committed_in_between() {
    let store = store();
    let mut tx = appending(&store, 3);
    tx.assert("small", at_most(3));
    append(&store, 4);
    let error = tx.commit().unwrap_err();
    assert!(error.to_string().contains("4 rows"), "{error}");
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 4]);

    // Also what others took away, so that it holds after all.
    let mut tx = appending(&store, 5);
    tx.assert("small", at_most(2));
    store.truncate("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [5]);
}

#[test]
fn an_assertion_sees_the_version_that_is_published_and_no_other() {
    let store = store();
    append(&store, 3);
    let mut tx = appending(&store, 4);
    tx.user("ada");
    let seen = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&seen);
    tx.assert("look", move |snapshot| {
        *keep.lock().unwrap() = Some(snapshot.clone());
        Ok(())
    });
    append(&store, 5);
    let committed = tx.commit().unwrap();
    let seen = seen.lock().unwrap().take().unwrap();
    assert_eq!(
        (seen.version(), seen.timestamp()),
        (committed.version(), committed.timestamp().unwrap())
    );
    assert_eq!(seen.commit(), committed.commit());
    assert!(Arc::ptr_eq(seen.value(), store.snapshot().value()), "it is that very version");
    assert_eq!(numbers_of(&seen.table("t").unwrap()), [1, 2, 3, 5, 4]);
}

#[test]
fn each_assertion_must_hold_and_the_first_that_does_not_is_named() {
    let store = store();
    let run = Arc::new(AtomicU32::new(0));
    let counting = |holds: bool| {
        let run = Arc::clone(&run);
        move |_: &Snapshot| {
            run.fetch_add(1, Ordering::Relaxed);
            if holds { Ok(()) } else { Err("no".to_owned()) }
        }
    };
    let mut tx = appending(&store, 3);
    tx.assert("one", counting(true))
        .assert("two", counting(false))
        .assert("three", counting(false));
    let error = tx.commit().unwrap_err();
    assert_eq!(error.to_string(), "the assertion `two` does not hold: no");
    assert_eq!(run.load(Ordering::Relaxed), 2);
}

#[test]
fn an_assertion_is_run_again_if_others_commit_while_it_runs() {
    let store = store();
    let runs = Arc::new(AtomicU32::new(0));
    let (others, count) = (store.clone(), Arc::clone(&runs));
    let mut tx = appending(&store, 3);
    tx.assert("slow", move |snapshot| {
        // The first three times another commit comes while it looks.
        if count.fetch_add(1, Ordering::Relaxed) < 3 {
            append(&others, 10);
        }
        at_most(6)(snapshot)
    });
    tx.commit().unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 10, 10, 10, 3]);
}

#[test]
fn a_transaction_gives_way_if_commits_keep_coming() {
    let store = store();
    let others = store.clone();
    let mut tx = appending(&store, 3);
    tx.assert("hopeless", move |_| {
        append(&others, 10);
        Ok(())
    });
    let error = tx.commit().unwrap_err();
    let conflict = error.conflict().unwrap();
    assert!(matches!(conflict.rule, Rule::Contention), "{conflict:?}");
    assert_eq!(error.remedy(), Remedy::Retry);
    assert_eq!(conflict.winner, store.version());
    expect!["commits kept coming while this one was prepared (in v17, after this transaction began at v1); begin again from a fresh snapshot"].assert_eq(&error.to_string());
    // None of it is there, all of the others' is.
    let numbers = numbers_of(&store.table("t").unwrap());
    assert!(numbers[2..].iter().all(|n| *n == 10) && numbers.len() > 10, "{numbers:?}");
}

#[test]
fn a_panic_in_an_assertion_goes_through_and_leaves_the_store_usable() {
    let store = store();
    let before = content_of(&store.snapshot());
    let mut tx = appending(&store, 3);
    tx.assert("broken", |_| panic!("as intended"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tx.commit()));
    assert_eq!(*panicked.unwrap_err().downcast_ref::<&str>().unwrap(), "as intended");
    assert_eq!(content_of(&store.snapshot()), before);
    append(&store, 4);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 4]);
}

#[test]
fn asking_whether_it_would_conflict_runs_no_assertion() {
    let store = store();
    let mut tx = appending(&store, 3);
    tx.assert("never", |_| panic!("it was run"));
    tx.would_conflict().unwrap();
}

#[test]
fn an_assertion_may_read_the_store_and_wait_for_its_commits() {
    // It is run outside the section that committers pass one by one.
    let store = store();
    let others = store.clone();
    let mut tx = appending(&store, 3);
    let once = AtomicU32::new(0);
    tx.assert("nosy", move |_| {
        let _ = others.snapshot();
        if once.fetch_add(1, Ordering::Relaxed) == 0 {
            std::thread::scope(|scope| scope.spawn(|| append(&others, 4)).join().unwrap());
        }
        Ok(())
    });
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 4, 3]);
}
