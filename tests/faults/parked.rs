//! A writer that stands still at any step of its commit: readers go on, other committers wait for
//! it where they must, and then succeed.
//!
//! Nothing here depends on time. A reader that had to wait for the writer would wait for ever, for
//! the writer goes on only when the readers have done all that they were to do.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::Scope;

use annals::seams::{Step, on_this_thread};
use annals::{ReadError, Reader, Retention, SaveMode, Store, WriteError};
use annals_tests::{numbers, people, rows_of};

use crate::ENOUGH;
use crate::fixture::{Seen, assert_usable, fixture};
use crate::operations::{all, elsewhere};
use crate::panics::walk;
use annals_tests::canary::Canaries;

const READERS: usize = 3;

/// How often each reader does everything that a reader can do, while the writer stands.
const ROUNDS: usize = if cfg!(debug_assertions) { 2 } else { 20 };

/// How many calls [`read_everything`] makes at least, none of which may wait.
const CALLS: usize = 30;

/// Everything that a reader can do.
fn read_everything(store: &Store, reader: &mut Reader) {
    let snapshot = store.snapshot();
    for name in ["t", "u", "s.numbers", "canaries"] {
        if let Ok(table) = snapshot.table(name) {
            assert_eq!(rows_of(&table).len() as u64, table.row_count());
            table.column_summary(table.schema().field(0).name()).unwrap();
            snapshot.blame(name, annals::Filter::all()).unwrap();
        }
    }
    assert!(reader.latest().version() >= snapshot.version());
    let timestamp = snapshot.timestamp();
    assert_eq!(store.at(snapshot.version()).unwrap().version(), snapshot.version());
    assert_eq!(store.at(timestamp).unwrap().version(), snapshot.version());
    let _ = (store.at("early").map(|then| then.tables("default")), store.tags());
    let (history, versions) = (store.history(), store.versions());
    assert!(history.iter().count() >= versions.len() - 2);
    let oldest = store.at(versions[0]).unwrap();
    let _ = (oldest.diff(&snapshot), store.table_at_ordinal("t", 1));
    let good = store.bisect(versions[0], snapshot.version(), |_| Ok::<_, ReadError>(true));
    let _ = (good, store.changes("t", snapshot.version(), snapshot.version()));
    let _ = (store.memory(), store.pins(), store.awaiting_reclaim(), store.retention());
    let _ = store.metrics();

    let mut watch = store.watch(snapshot.version().0 - 1).unwrap();
    assert_eq!(watch.try_next().unwrap().unwrap().version(), snapshot.version());
    // Work on a draft needs no lock either, nor does a store of one's own.
    let mut tx = store.begin();
    let _ = tx.table("t").map(|table| table.read());
    tx.write(numbers([1])).save_as_table("draft").unwrap();
    tx.create_database("draft").unwrap();
    drop(tx);
    drop(store.speculate(|tx| tx.create_database("what if")).unwrap());
    let fork = store.fork();
    fork.write(numbers([1])).save_as_table("forked").unwrap();
    drop((store.pin("reader"), store.expire_dry_run(&store.retention())));
}

/// Runs `work` on a thread that stops at its step of this number. `meanwhile` runs when it stands
/// there; then it goes on to its end, and all threads of the scope to theirs.
fn parked_at<'env>(
    number: usize,
    work: impl FnOnce() + Send + 'env,
    meanwhile: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>, Step),
) {
    let ((stands, standing), (go_on, released)) = (channel(), channel::<()>());
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let left = Cell::new(number);
            let _seams = on_this_thread(move |step| {
                let now = left.replace(left.get().wrapping_sub(1));
                if now == 0 {
                    stands.send(step).unwrap();
                    // An end of the other side lets it go on too, or a failure would not show.
                    let _ = released.recv();
                }
            });
            work();
        });
        let step = standing.recv_timeout(ENOUGH).expect("it comes to this step");
        meanwhile(scope, step);
        drop(go_on);
        writer.join().unwrap();
    });
}

#[test]
fn readers_go_on_beside_a_writer_that_stands_at_any_step() {
    let (mut stops, mut calls) = (0, 0);
    for operation in all() {
        for (number, (step, there)) in walk(&operation).into_iter().enumerate() {
            let told = format!("{}, parked at step {number}, {step:?}", operation.name);
            let canaries = Canaries::default();
            let store = fixture(&canaries);
            let run = (operation.ready)(&store, &canaries);
            parked_at(
                number,
                || run().unwrap(),
                |scope, at| {
                    assert_eq!(at, step, "{told}");
                    let (tell, done) = channel();
                    for _ in 0..READERS {
                        let (store, there, told, tell) =
                            (store.clone(), there.clone(), told.clone(), tell.clone());
                        scope.spawn(move || {
                            let mut reader = store.reader();
                            for _ in 0..ROUNDS {
                                read_everything(&store, &mut reader);
                                assert_eq!(Seen::of(&store), there, "{told}");
                            }
                            tell.send(()).unwrap();
                        });
                    }
                    drop(tell);
                    for _ in 0..READERS {
                        done.recv_timeout(ENOUGH)
                            .unwrap_or_else(|_| panic!("{told}: a reader waits"));
                    }
                },
            );
            assert_usable(&store, &canaries, &told);
            stops += 1;
            calls += READERS * ROUNDS * CALLS;
        }
    }
    println!("{stops} stops, and beside them at least {calls} calls of readers");
}

/// Committers of every kind, each on a thread of its own, each of which tells when it is through.
fn committers<'scope>(
    scope: &'scope Scope<'scope, '_>,
    store: &Store,
    through: &'static AtomicUsize,
) -> Vec<std::thread::ScopedJoinHandle<'scope, ()>> {
    let work: [fn(&Store); 7] = [
        |store| drop(store.write(numbers([1])).save_as_table("one").unwrap()),
        |store| {
            let append = store.write(people([(7, "x")])).mode(SaveMode::Append);
            drop(append.save_as_table("t").unwrap());
        },
        |store| drop(store.tag("meanwhile", 0).unwrap_err()),
        |store| {
            store.tag("newest", store.version()).unwrap();
        },
        |store| drop(store.expire(&store.retention())),
        |store| {
            let done = store.transact(|tx| {
                tx.create_database("two")?;
                tx.assert("it is there", |snapshot| {
                    snapshot.database("two").map(drop).map_err(|error| error.to_string())
                });
                Ok::<_, WriteError>(())
            });
            drop(done.unwrap());
        },
        |store| {
            let mut tx = store.begin();
            tx.create_database("three").unwrap();
            tx.would_conflict().unwrap();
            drop(tx.commit().unwrap());
        },
    ];
    let spawn = |work: fn(&Store)| {
        let store = store.clone();
        scope.spawn(move || {
            work(&store);
            // ORDERING: only counted; what was done is seen by joining.
            through.fetch_add(1, Ordering::Relaxed);
        })
    };
    work.map(spawn).into()
}

/// Inside are the steps from the one at which the section is entered to the one at which it is
/// left.
fn is_inside(steps: &[Step], number: usize) -> bool {
    let entered = steps[..=number].iter().rposition(|step| *step == Step::Entered);
    let left = steps[..=number].iter().rposition(|step| *step == Step::Left);
    entered > left
}

#[test]
fn other_committers_wait_for_one_that_stands_in_the_section_and_then_succeed() {
    let append = |store: &Store| {
        let append = store.write(people([(6, "w")])).mode(SaveMode::Append);
        append.save_as_table("t").unwrap();
    };
    let steps = {
        let store = fixture(&Canaries::default());
        let steps = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let noted = std::rc::Rc::clone(&steps);
        let seams = on_this_thread(move |step| noted.borrow_mut().push(step));
        append(&store);
        drop(seams);
        steps.take()
    };
    let inside = (0..steps.len()).filter(|number| is_inside(&steps, *number)).count();
    assert!(inside >= 7 && steps.len() - inside >= 4, "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        static THROUGH: AtomicUsize = AtomicUsize::new(0);
        // ORDERING: nobody else counts yet.
        THROUGH.store(0, Ordering::Relaxed);
        let store = fixture(&Canaries::default());
        let before = store.version().0;
        let mut reader = store.reader();
        parked_at(
            number,
            || append(&store),
            |scope, at| {
                assert_eq!(at, *step);
                let shown = store.version();
                let others = committers(scope, &store, &THROUGH);
                let count = others.len();
                if is_inside(&steps, number) {
                    for _ in 0..20 {
                        read_everything(&store, &mut reader);
                    }
                    // ORDERING: if one had not waited, this might not see it; it never sees too much.
                    assert_eq!(THROUGH.load(Ordering::Relaxed), 0, "one did not wait at {step:?}");
                    assert_eq!(store.version(), shown);
                } else {
                    others.into_iter().for_each(|other| other.join().unwrap());
                    assert_eq!(THROUGH.load(Ordering::Relaxed), count);
                }
            },
        );
        // The append, and of the others four make a version.
        assert_eq!(store.version().0, before + 5, "at {step:?}");
        assert_eq!(store.table("t").unwrap().row_count(), 4 + 2);
        assert!(store.at("newest").is_ok());
        assert_usable(&store, &Canaries::default(), &format!("after {step:?}"));
    }
}

/// An assertion is checked outside of the section, so whoever stands there stands in nobody's way.
#[test]
fn nobody_waits_for_one_that_stands_at_its_assertion() {
    let store = fixture(&Canaries::default());
    let work = || {
        let done = store.transact(|tx| {
            tx.create_database("asserted")?;
            tx.assert("nothing", |_| Ok(()));
            Ok::<_, WriteError>(())
        });
        drop(done.unwrap());
    };
    // Asked, entered, prepared, asserted.
    parked_at(3, work, |_, at| {
        assert_eq!(at, Step::Asserted);
        let before = store.version().0;
        store.create_database("other").unwrap();
        store.tag("other", store.version()).unwrap();
        assert_eq!(store.version().0, before + 1);
    });
    assert!(store.snapshot().database("asserted").is_ok());
    // What was prepared was not what is published: the other came in between.
    assert!(store.snapshot().database("other").is_ok());
}

/// Who asks what returns by an expiry is told of that moment, whatever expires right after it.
#[test]
fn an_expiry_is_accounted_for_though_more_expires_meanwhile() {
    let expire = |store: &Store| store.expire(&Retention { versions_max: 4, ..store.retention() });
    let expected = expire(&fixture(&Canaries::default()));
    let beside: [fn(&Store) -> Vec<annals::Snapshot>; 2] = [
        // What was tagged then, and is held.
        |store| {
            let held = store.at("early").unwrap();
            store.untag("early").unwrap();
            vec![held]
        },
        // What was not there yet.
        |store| {
            let overwrite = |n| {
                let write = store.write(numbers([n])).mode(SaveMode::Overwrite);
                write.save_as_table("s.numbers").unwrap();
                store.snapshot()
            };
            (0..20).map(overwrite).collect()
        },
    ];
    for beside in beside {
        let store = fixture(&Canaries::default());
        let held = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let seams = {
            let (store, held) = (store.clone(), std::rc::Rc::clone(&held));
            on_this_thread(move |step| {
                if step == Step::Retired {
                    let mut snapshots = Vec::new();
                    elsewhere(|| snapshots = beside(&store));
                    held.borrow_mut().extend(snapshots);
                }
            })
        };
        let told = expire(&store);
        drop(seams);
        assert!(!held.borrow().is_empty());
        assert_eq!(told.versions, expected.versions);
        assert_eq!(told.bytes_returned, expected.bytes_returned);
        assert_eq!(told.bytes_held_by_tags, expected.bytes_held_by_tags);
    }
}
