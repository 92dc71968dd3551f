//! Several tables, several versions: what a reader sees of them while others commit.

use std::collections::BTreeMap;

use annals::error::BoxError;
use annals::testing::{Outcome, Run, Scenario, Steps};
use annals::{Isolation, SaveMode, Snapshot, Store, Transaction, VersionId};
use annals_tests::{numbers, numbers_of};

use crate::{LEVELS, unblocked};

/// The tables `x` and `y`, of one number each: together 100.
fn store() -> Store {
    let store = Store::in_memory();
    store
        .transact(|tx| {
            tx.write(numbers([60])).save_as_table("x")?;
            tx.write(numbers([40])).save_as_table("y").map(drop)
        })
        .unwrap();
    store
}

fn number(tx: &Transaction, name: &str) -> Result<i64, BoxError> {
    Ok(numbers_of(&tx.table(name)?)[0])
}

fn put(tx: &mut Transaction, name: &str, n: i64) -> Result<(), BoxError> {
    tx.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table(name)?;
    Ok(())
}

fn both(snapshot: &Snapshot) -> (i64, i64) {
    let [x, y] = ["x", "y"].map(|name| numbers_of(&snapshot.table(name).unwrap())[0]);
    (x, y)
}

/// Reads both tables, then moves some from one to the other.
fn transfer(amount: i64) -> Steps<'static, (i64, i64)> {
    Steps::new((0, 0))
        .step("read-x", |tx, seen| {
            seen.0 = number(tx, "x")?;
            Ok(seen.0)
        })
        .step("read-y", |tx, seen| {
            seen.1 = number(tx, "y")?;
            Ok(seen.1)
        })
        .step("write-x", move |tx, seen| put(tx, "x", seen.0 - amount))
        .step("write-y", move |tx, seen| put(tx, "y", seen.1 + amount))
}

fn reader() -> Steps<'static> {
    Steps::new(()).step("read-x", |tx, ()| number(tx, "x")).step("read-y", |tx, ()| number(tx, "y"))
}

/// What a transaction saw of both tables together.
fn seen_by(run: &Run, name: &str) -> i64 {
    let read = |table: &str| run.told(&format!("{name}.read-{table}"))[0].parse::<i64>().unwrap();
    read("x") + read("y")
}

#[test]
fn two_tables_are_read_as_one_while_both_change() {
    unblocked(|| {
        for level in LEVELS {
            let scenario = Scenario::on(&store())
                .isolation(level)
                .transaction("mover", transfer(5))
                .transaction("reader", reader())
                .outside("save", |store: &Store| {
                    let (x, y) = both(&store.snapshot());
                    store.transact(|tx| {
                        tx.write(numbers([x + 1])).mode(SaveMode::Overwrite).save_as_table("x")?;
                        tx.write(numbers([y - 1]))
                            .mode(SaveMode::Overwrite)
                            .save_as_table("y")
                            .map(drop)
                    })?;
                    Ok(())
                });
            // Not only who begins before whose commit: every order of the single reads and writes.
            let checked = scenario.check_every_order(|run| {
                assert_eq!((seen_by(run, "mover"), seen_by(run, "reader")), (100, 100));
                assert!(run["reader"].is_committed());
                for version in run.store().versions() {
                    let (x, y) = both(&run.store().at(version)?);
                    assert_eq!(x + y, 100, "in {version}");
                }
                let (x, _) = both(&run.store().snapshot());
                assert_eq!(x, if run["mover"].is_committed() { 56 } else { 61 });
                Ok(())
            });
            let checked = checked.unwrap();
            // 9! / (5! · 3! · 1!); the mover is refused where the save comes between its first step
            // and its commit.
            assert_eq!(checked.orders, 504);
            assert!(checked.refused > 0 && checked.refused < 504);
        }
    });
}

#[test]
fn transfers_that_begin_again_are_all_made_whatever_the_order() {
    unblocked(|| {
        for level in LEVELS {
            let scenario = Scenario::on(&store())
                .isolation(level)
                .transaction("a", transfer(1).retrying())
                .transaction("b", transfer(10).retrying())
                .transaction("c", transfer(20).retrying());
            let checked = scenario.check(|run| {
                assert_eq!(both(&run.store().snapshot()), (29, 71));
                assert!(run.outcomes().all(|(_, outcome)| outcome.is_committed()));
                Ok(())
            });
            let checked = checked.unwrap();
            assert_eq!((checked.orders, checked.refused), (36, 0));
            assert!(checked.begun_again > 0);
        }
    });
}

#[test]
fn every_version_is_travelled_to_while_others_write() {
    // What each journey finds, version by version, is what is there in the end, as far as it came.
    type Found = BTreeMap<VersionId, (i64, i64)>;
    fn journey(store: &Store) -> Result<Found, BoxError> {
        let to = |version: VersionId| Ok((version, both(&store.at(version)?)));
        store.versions().into_iter().map(to).collect()
    }
    unblocked(|| {
        for level in LEVELS {
            let found: std::rc::Rc<std::cell::RefCell<Vec<Found>>> = std::rc::Rc::default();
            let (first, second) = (found.clone(), found.clone());
            let scenario = Scenario::on(&store())
                .isolation(level)
                .transaction("a", Steps::new(()).step("put", |tx, ()| put(tx, "x", 1)))
                .transaction("b", Steps::new(()).step("put", |tx, ()| put(tx, "y", 2)))
                .outside("go", move |store: &Store| {
                    first.borrow_mut().push(journey(store)?);
                    Ok(())
                })
                .outside("again", move |store: &Store| {
                    second.borrow_mut().push(journey(store)?);
                    Ok(())
                });
            let checked = scenario.check_every_order(|run| {
                let all = journey(run.store())?;
                assert_eq!(all.len(), 3, "the base and two commits");
                for found in found.borrow_mut().drain(..) {
                    let known =
                        all.iter().take(found.len()).map(|(version, seen)| (*version, *seen));
                    assert_eq!(found, known.collect::<Found>());
                }
                Ok(())
            });
            assert_eq!(checked.unwrap().orders, 180);
        }
    });
}

#[test]
fn who_overwrites_without_a_look_comes_after_all_others() {
    unblocked(|| {
        // Each puts both tables: whoever commits last has both, and never one of each.
        let blind = |n: i64| {
            Steps::new(())
                .step("x", move |tx, ()| put(tx, "x", n))
                .step("y", move |tx, ()| put(tx, "y", n))
        };
        for level in LEVELS {
            let scenario = Scenario::on(&store())
                .isolation(level)
                .transaction("a", blind(1))
                .transaction("b", blind(2));
            let checked = scenario.check_every_order(|run| {
                let version = |name: &str| run[name].version().expect("it writes");
                let last = if version("a") > version("b") { 1 } else { 2 };
                assert_eq!(both(&run.store().snapshot()), (last, last));
                Ok(())
            });
            assert_eq!(checked.unwrap().refused, 0);
        }
    });
}

#[test]
fn write_skew_over_tables_that_are_overwritten_is_found_and_named() {
    unblocked(|| {
        // Each takes what both tables together allow.
        let withdraw = |from: &'static str| {
            Steps::new(0)
                .step("look", |tx, seen| {
                    *seen = number(tx, "x")? + number(tx, "y")?;
                    Ok(*seen)
                })
                .step("take", move |tx, seen| {
                    let left = number(tx, from)? - 90;
                    if *seen >= 90 { put(tx, from, left) } else { Ok(()) }
                })
        };
        let scenario = |level: Isolation| {
            let scenario = Scenario::on(&store()).isolation(level);
            scenario.transaction("a", withdraw("x")).transaction("b", withdraw("y"))
        };
        let solvent = |run: &Run| match both(&run.store().snapshot()) {
            (x, y) if x + y < 0 => Err(BoxError::from(format!("{} is left", x + y))),
            _ => Ok(()),
        };
        let error = scenario(Isolation::Snapshot).check(solvent).unwrap_err();
        let broken = error.broken().unwrap();
        assert_eq!(broken.reason, "-80 is left");
        assert_eq!(broken.order, "a.look a.take b.look b.take a.commit b.commit");
        let again = scenario(Isolation::Snapshot).replay(&broken.order).unwrap();
        assert!(solvent(&again).is_err());
        assert!(again.outcomes().all(|(_, outcome)| matches!(outcome, Outcome::Committed(_))));
        let checked = scenario(Isolation::Serializable).check(solvent).unwrap();
        assert_eq!((checked.orders, checked.refused), (4, 2));
    });
}
