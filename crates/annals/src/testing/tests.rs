//! What the kit promises: steps in the order that was asked for, scripts refused before anything runs,
//! orders without gaps or repetitions.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use annals_state::conflict::Rule;

use super::*;
use crate::error::BoxError;
use crate::{
    CommitError, Isolation, Remedy, SaveMode, Store, Transaction, VersionId, WriteError,
    record_batch,
};

fn append(tx: &mut Transaction, table: &str, n: i64) -> Result<(), BoxError> {
    let rows = record_batch!(("n", Int64, [n]))?;
    tx.write(rows).mode(SaveMode::Append).save_as_table(table)?;
    Ok(())
}

fn overwrite(tx: &mut Transaction, table: &str, n: i64) -> Result<(), BoxError> {
    let rows = record_batch!(("n", Int64, [n]))?;
    tx.write(rows).mode(SaveMode::Overwrite).save_as_table(table)?;
    Ok(())
}

fn store() -> Store {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int64, [1])).unwrap()).save_as_table("t").unwrap();
    store
}

/// Two that count the rows of `t` and put the count and one more in their place.
fn counters(store: &Store) -> Scenario<'static> {
    let steps = || {
        Steps::new(0)
            .step("read", |tx, seen| {
                *seen = tx.table("t")?.row_count();
                Ok(*seen)
            })
            .step("write", |tx, seen| overwrite(tx, "t", *seen as i64 + 1))
    };
    Scenario::on(store).transaction("a", steps()).transaction("b", steps())
}

#[test]
fn steps_are_taken_in_the_order_of_the_script() {
    let store = store();
    let run = counters(&store).replay("a.read b.begin b.write b.commit a.write a.commit").unwrap();
    assert!(run["b"].is_committed());
    assert_eq!(run["b"].version(), Some(VersionId(2)));
    assert!(run["a"].conflict().unwrap().is_retryable());
    assert_eq!(run["a"].version(), None);
    assert_eq!(run.told("a.read"), ["1"]);
    assert_eq!(run.told("b.begin"), ["at v1"]);
    assert_eq!(run.told("b.write"), [""]);
    assert_eq!(run.script(), "a.read b.begin b.write b.commit a.write a.commit");
    assert_eq!(run.store().version(), VersionId(2));
    assert_eq!(store.version(), VersionId(1), "the store that it was made on is left alone");
    let text = run.to_string();
    let refused = run["a"].conflict().unwrap().to_string();
    assert_eq!(
        text,
        format!(
            "a.read    1\nb.begin   at v1\nb.write\nb.commit  committed as v2\na.write\n\
             a.commit  refused: {refused}"
        )
    );
    assert!(refused.contains("testing/tests.rs"), "where it was replayed is named: {refused}");
}

#[test]
fn every_run_begins_anew() {
    let store = store();
    let scenario = counters(&store);
    for _ in 0..2 {
        let run = scenario.replay("a.read a.write a.commit").unwrap();
        assert_eq!(run["a"].version(), Some(VersionId(2)));
        assert!(matches!(run["b"], Outcome::NotBegun));
    }
    // What the store comes to later is not what the scenario was made on.
    store.drop_table("t").unwrap();
    assert_eq!(scenario.replay("a.read").unwrap().told("a.read"), ["1"]);
}

#[test]
fn a_transaction_ends_in_one_of_five_ways() {
    let store = store();
    let scenario = counters(&store)
        .transaction("c", Steps::new(()).step("fail", |_, ()| Err::<(), _>("no luck".into())))
        .outside("save", |store: &Store| Ok(store.drop_table("t")?.version()))
        .outside("break", |_| Err::<(), _>("broken".into()))
        .outside("never", |_| Ok(()));
    let run = scenario.replay("a.write b.read c.fail save c.fail c.commit break a.abort").unwrap();
    assert!(matches!(run["a"], Outcome::Aborted));
    assert!(matches!(run["b"], Outcome::Abandoned));
    assert!(matches!(run["save"], Outcome::Done));
    assert!(matches!(run["never"], Outcome::NotBegun));
    let Outcome::Failed { step, error } = &run["c"] else { panic!("{}", run["c"]) };
    assert_eq!((step.as_str(), error.to_string().as_str()), ("c.fail", "no luck"));
    assert!(matches!(&run["break"], Outcome::Failed { step, .. } if step == "break"));
    let skipped: Vec<bool> = run.taken().iter().map(|taken| taken.skipped).collect();
    assert_eq!(skipped, [false, false, false, false, true, true, false, false]);
    assert_eq!(run.told("save"), ["VersionId(2)"]);
    assert_eq!(run.told("c.fail"), ["failed: no luck"]);
    assert!(run.outcome("d").is_none());
    assert_eq!(run.outcomes().count(), 6);
    assert_eq!(run.store().version(), VersionId(2), "of all but the save nothing is visible");
}

#[test]
#[should_panic(expected = "nothing of the name `z`")]
fn an_outcome_of_nobody_panics_by_index() {
    let _ = &counters(&store()).replay("").unwrap()["z"];
}

#[test]
fn a_script_that_makes_no_sense_is_refused_before_anything_runs() {
    let ran = Cell::new(0);
    let count = |_: &Store| {
        ran.set(ran.get() + 1);
        Ok(())
    };
    let scenario = counters(&store()).outside("save", count);
    let told = |script: &str| scenario.replay(script).unwrap_err().to_string();
    assert_eq!(
        told("save a.read z.read"),
        "step 3, `z.read`: there is no transaction `z`, only `a`, `b`"
    );
    assert_eq!(
        told("save a.raed"),
        "step 2, `a.raed`: `a` has no such step, only `read`, `write`, `begin`, `commit`, `abort`"
    );
    assert_eq!(told("save a."), "step 2, `a.`: the step is missing after the `.`");
    assert_eq!(
        told("save saev"),
        "step 2, `saev`: there is no work of this name outside the transactions, only `save`; a \
         step of a transaction is written `transaction.step`"
    );
    assert_eq!(
        told("save a.read a.commit b.read a.write"),
        "step 5, `a.write`: the transaction has ended at step 3; it ends once"
    );
    for (end, again) in [("commit", "abort"), ("abort", "commit"), ("commit", "begin")] {
        let script = format!("save a.{end} a.{again}");
        let error = scenario.replay(&script).unwrap_err();
        assert!(matches!(error, ScriptError::Ended { at: 3, ended_at: 2, .. }), "{error}");
    }
    let error = scenario.replay("save b.begin a.read a.begin").unwrap_err();
    assert!(matches!(error, ScriptError::Begun { at: 4, begun_at: 3, .. }), "{error}");
    assert!(matches!(scenario.replay("."), Err(ScriptError::NoTransaction { at: 1, .. })));
    assert_eq!(ran.get(), 0);
    scenario.replay(" \n save\tsave ").unwrap();
    assert_eq!(ran.get(), 2);
}

#[test]
fn names_that_cannot_stand_in_a_script_are_refused_by_whatever_runs_it() {
    let steps = || Steps::new(()).step("go", |_, ()| Ok(()));
    let named = |name: &str| Scenario::on(&store()).transaction(name, steps());
    for name in ["", "a b", "a.b", "a\n"] {
        let error = named(name).replay("").unwrap_err();
        assert_eq!(error, ScriptError::Name { name: name.to_owned() });
        assert!(named(name).orders().is_err());
        let CheckError::Script(again) = named(name).check(|_| Ok(())).unwrap_err() else {
            panic!()
        };
        assert_eq!(again, error);
        let outside = Scenario::on(&store()).outside(name, |_| Ok(())).replay("");
        assert_eq!(outside.unwrap_err(), error);
    }
    let step = |step: &str| {
        let steps = steps().step(step, |_, ()| Ok(()));
        Scenario::on(&store()).transaction("a", steps).replay("").unwrap_err()
    };
    for reserved in ["begin", "commit", "abort"] {
        assert!(matches!(step(reserved), ScriptError::Reserved { .. }));
    }
    assert_eq!(step("go"), ScriptError::Taken { name: "a.go".to_owned() });
    assert_eq!(step("g o"), ScriptError::Name { name: "a.g o".to_owned() });
    assert_eq!(step(""), ScriptError::Name { name: "a.".to_owned() });
    let twice = named("a").outside("a", |_| Ok(())).replay("").unwrap_err();
    assert_eq!(twice, ScriptError::Taken { name: "a".to_owned() });
    // A step may well have a dot.
    let dotted = Steps::new(()).step("read.all", |_, ()| Ok(7));
    let run = Scenario::on(&store()).transaction("a", dotted).replay("a.read.all").unwrap();
    assert_eq!(run.told("a.read.all"), ["7"]);
}

#[test]
fn a_transaction_that_retries_takes_its_steps_again_with_fresh_memory() {
    let store = store();
    let times = Cell::new(0);
    let steps = Steps::new(Vec::new())
        .step("read", |tx, seen: &mut Vec<u64>| {
            times.set(times.get() + 1);
            seen.push(tx.table("t")?.row_count());
            Ok(())
        })
        .step("write", |tx, seen: &mut Vec<u64>| {
            assert_eq!(seen.len(), 1, "the memory of the first attempt is gone");
            overwrite(tx, "t", seen[0] as i64 * 10)
        });
    let scenario =
        Scenario::on(&store).transaction("a", steps.retrying()).outside("save", |store| {
            let rows = record_batch!(("n", Int64, [1, 2]))?;
            store.write(rows).mode(SaveMode::Overwrite).save_as_table("t")?;
            Ok(())
        });
    let run = scenario.replay("a.read save a.write a.commit").unwrap();
    let Outcome::Committed(committed) = &run["a"] else { panic!("{}", run["a"]) };
    assert_eq!((committed.retries(), times.get()), (1, 2));
    assert_eq!(run["a"].to_string(), "committed as v3, at attempt 2");
    let table = run.store().table("t").unwrap();
    let seen = table.column_summary("n").unwrap().max.unwrap();
    assert_eq!(format!("{seen:?}").matches("20").count(), 1, "it acts on what the second read saw");

    // What does not help is not tried.
    let scenario = Scenario::on(&store)
        .transaction("a", Steps::new(()).step("add", |tx, ()| append(tx, "t", 1)).retrying())
        .outside("drop", |store| Ok(store.drop_table("t")?.version()));
    let run = scenario.replay("a.add drop a.commit").unwrap();
    assert!(!run["a"].conflict().unwrap().is_retryable());
}

#[test]
fn a_step_that_fails_the_second_time_ends_the_transaction() {
    let store = store();
    let steps = Steps::new(()).step("create", |tx, ()| {
        let rows = record_batch!(("n", Int64, [1]))?;
        tx.write(rows).save_as_table("new")?;
        Ok(())
    });
    let scenario = Scenario::on(&store).transaction("a", steps.retrying()).outside("create", |s| {
        s.write(record_batch!(("n", Int64, [2]))?).save_as_table("new")?;
        Ok(())
    });
    let run = scenario.replay("a.create create a.commit").unwrap();
    assert!(matches!(&run["a"], Outcome::Failed { step, .. } if step == "a.create"));
}

#[test]
fn isolation_is_the_transactions_own_or_the_scenarios_or_the_stores() {
    let level = |store: &Store, scenario: Option<Isolation>, own: Option<Isolation>| {
        let mut steps = Steps::new(()).step("add", |tx, ()| append(tx, "t", 1));
        if let Some(own) = own {
            steps = steps.isolation(own);
        }
        let mut all = Scenario::on(store).transaction("a", steps);
        if let Some(level) = scenario {
            all = all.isolation(level);
        }
        let run = all.replay("a.add a.commit").unwrap();
        let Outcome::Committed(committed) = &run["a"] else { panic!() };
        committed.commit().unwrap().isolation
    };
    let (snapshot, serializable) = (Isolation::Snapshot, Isolation::Serializable);
    assert_eq!(level(&store(), None, None), snapshot);
    assert_eq!(level(&store(), Some(serializable), None), serializable);
    assert_eq!(level(&store(), Some(serializable), Some(snapshot)), snapshot);
    let strict = Store::builder().isolation(serializable).build();
    strict.write(record_batch!(("n", Int64, [1])).unwrap()).save_as_table("t").unwrap();
    assert_eq!(level(&strict, None, None), serializable);
    assert_eq!(level(&strict, Some(snapshot), None), snapshot);
}

// ---- orders ---------------------------------------------------------------------------------

/// As many transactions of as many steps each.
fn idle(transactions: usize, steps: usize) -> Scenario<'static> {
    let store = store();
    (0..transactions).fold(Scenario::on(&store), |scenario, index| {
        let all = (0..steps)
            .fold(Steps::new(()), |all, step| all.step(&format!("s{step}"), |_, ()| Ok(())));
        scenario.transaction(&format!("t{index}"), all)
    })
}

fn every(scenario: &Scenario<'_>, orders_max: u64) -> Result<Vec<String>, ScriptError> {
    let orders = orders::every(scenario, orders_max)?;
    Ok(orders.iter().map(|acts| scenario.script_of(acts)).collect())
}

#[test]
fn every_order_is_found_once() {
    let scenario = idle(2, 1).outside("save", |_| Ok(()));
    let found = every(&scenario, 30).unwrap();
    let different: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), different.len()), (30, 30)); // 5! / (2! · 2! · 1!)
    for order in &found {
        let at = |step: &str| order.split(' ').position(|word| word == step).unwrap();
        assert!(at("t0.s0") < at("t0.commit") && at("t1.s0") < at("t1.commit") && at("save") < 5);
    }
    assert_eq!(every(&scenario, 29), Err(ScriptError::TooMany { orders_max: 29 }));
    assert_eq!(every(&idle(2, 3), 70).unwrap().len(), 70);
    assert_eq!(every(&idle(3, 3), 34_650).unwrap().len(), 34_650);
    // As many as no number holds are too many, and are not begun with.
    assert!(every(&idle(30, 30), u64::MAX).is_err());
    assert_eq!(every(&idle(0, 0), 1).unwrap(), [""]);
}

/// What the store can tell of an order: for each pair whether one begins before the other's commit,
/// and the order of commits.
fn kind_of(order: &str) -> Vec<(String, String, bool)> {
    let mut first: Vec<(String, usize)> = Vec::new();
    let mut last: Vec<(String, usize)> = Vec::new();
    for (at, word) in order.split(' ').enumerate() {
        let name = word.split('.').next().unwrap().to_owned();
        match last.iter_mut().find(|(other, _)| *other == name) {
            Some(end) => end.1 = at,
            None => {
                first.push((name.clone(), at));
                last.push((name, at));
            }
        }
    }
    let mut kind = Vec::new();
    for (one, begun) in first.iter().chain(&last) {
        for (other, ended) in &last {
            if one != other {
                kind.push((one.clone(), other.clone(), begun < ended));
            }
        }
    }
    kind.sort();
    kind
}

#[test]
fn of_orders_that_no_store_can_tell_apart_one_is_taken() {
    for (transactions, outside) in [(1, 0), (2, 0), (3, 0), (2, 1), (1, 2), (0, 3)] {
        let names = (0..outside).map(|index| format!("save{index}"));
        let scenario =
            names.fold(idle(transactions, 1), |all, name| all.outside(&name, |_| Ok(())));
        let all = every(&scenario, u64::MAX).unwrap();
        let kinds: BTreeSet<_> = all.iter().map(|order| kind_of(order)).collect();
        let orders = scenario.orders().unwrap();
        let found: BTreeSet<_> = orders.iter().map(|order| kind_of(order)).collect();
        assert_eq!(found, kinds, "{transactions} and {outside}");
        assert_eq!(orders.len(), kinds.len(), "{transactions} and {outside}");
        assert!(orders.iter().all(|order| all.contains(order)));
    }
    let count = |transactions| idle(transactions, 5).orders().unwrap().len();
    assert_eq!([count(0), count(1), count(2), count(3), count(4)], [1, 1, 4, 36, 576]);
    assert_eq!(idle(2, 0).orders().unwrap()[0], "t0.begin t0.commit t1.begin t1.commit");
    let few = idle(3, 1).orders_max(35).orders();
    assert_eq!(few, Err(ScriptError::TooMany { orders_max: 35 }));
    assert_eq!(idle(3, 1).orders_max(36).orders().unwrap().len(), 36);
    // Many transactions are refused soon, and not after all their orders were found.
    assert!(idle(40, 1).orders().is_err());
}

// ---- checks ---------------------------------------------------------------------------------

#[test]
fn a_rule_is_held_after_every_order_and_the_first_that_breaks_it_is_named() {
    let store = store();
    let checked = counters(&store).check(|_| Ok(())).unwrap();
    let Checked { orders, committed, refused, begun_again } = checked;
    assert_eq!((orders, committed, refused, begun_again), (4, 6, 2, 0));
    let all = counters(&store).check_every_order(|_| Ok(())).unwrap();
    assert_eq!((all.orders, all.committed + all.refused), (20, 40));

    let both = |run: &Run| match run.outcomes().all(|(_, outcome)| outcome.is_committed()) {
        true => Ok(()),
        false => Err("one was refused".into()),
    };
    let error = counters(&store).check(both).unwrap_err();
    let broken = error.broken().unwrap();
    assert_eq!(broken.order, "a.read a.write b.read b.write a.commit b.commit");
    assert_eq!((broken.reason.as_str(), broken.held_before), ("one was refused", 1));
    let text = format!("{error:?}");
    assert_eq!(text, error.to_string());
    assert!(text.starts_with("one was refused, in this order:\n\n    a.read a.write"), "{text}");
    assert!(text.contains("b.commit  refused: default.t"), "{text}");
    let again = counters(&store).replay(&broken.order).unwrap();
    assert!(both(&again).is_err());
}

#[test]
fn a_panic_or_an_error_of_a_step_ends_a_check_and_names_the_order() {
    let store = store();
    let broken = |error: CheckError| {
        let broken = error.broken().unwrap();
        (broken.order.clone(), broken.reason.clone())
    };
    let of_rule = counters(&store).check(|run| {
        assert!(run["a"].is_committed(), "a was refused");
        Ok(())
    });
    let (order, reason) = broken(of_rule.unwrap_err());
    assert_eq!(order, "a.read a.write b.read b.write b.commit a.commit");
    assert_eq!(reason, "the rule panicked: a was refused");

    let steps = |step: fn(&mut Transaction, &mut ()) -> Result<(), BoxError>| {
        Scenario::on(&store).transaction("a", Steps::new(()).step("go", step))
    };
    let (order, reason) = broken(steps(|_, ()| panic!("{}", 1 + 1)).check(|_| Ok(())).unwrap_err());
    assert_eq!((order.as_str(), reason.as_str()), ("a.go a.commit", "a step panicked: 2"));
    let failing = |_: &mut Transaction, (): &mut ()| Err("no".into());
    let (order, reason) = broken(steps(failing).check(|_| Ok(())).unwrap_err());
    assert_eq!((order.as_str(), reason.as_str()), ("a.go a.commit", "a failed in a.go: no"));
    let lenient = Steps::new(()).step("go", failing).may_fail();
    let lenient = Scenario::on(&store).transaction("a", lenient);
    assert_eq!(lenient.check(|_| Ok(())).unwrap().committed, 0);
    let outside = Scenario::on(&store).outside("save", |_| Err::<(), _>("no".into()));
    assert!(outside.check(|_| Ok(())).is_err());
}

#[test]
fn steps_that_look_past_their_transaction_differ_only_in_every_order() {
    // `b` reads the store and not its transaction: what it sees depends on where its step stands,
    // which the orders of the first kind do not vary.
    let store = store();
    let seen = RefCell::new(BTreeSet::new());
    let scenario = || {
        let handle: RefCell<Option<Store>> = RefCell::new(None);
        let handle = std::rc::Rc::new(handle);
        let (for_peek, for_note) = (handle.clone(), handle);
        let seen = &seen;
        Scenario::on(&store)
            .outside("note", move |store| {
                for_note.replace(Some(store.clone()));
                Ok(())
            })
            .transaction("a", Steps::new(()).step("add", |tx, ()| append(tx, "t", 2)))
            .transaction(
                "b",
                Steps::new(()).step("first", |_, ()| Ok(())).step("peek", move |_, ()| {
                    let store = for_peek.borrow();
                    let rows = store.as_ref().map(|s| s.table("t").map(|t| t.row_count()));
                    let rows = rows.transpose()?;
                    Ok(seen.borrow_mut().insert(rows))
                }),
            )
    };
    let checked = scenario().check_every_order(|_| Ok(())).unwrap();
    assert_eq!(checked.orders, 60);
    assert!(seen.borrow().contains(&Some(1)) && seen.borrow().contains(&Some(2)));
}

// ---- refusals -------------------------------------------------------------------------------

#[test]
fn commits_are_refused_by_number_and_counted() {
    let refusals = Refusals::new();
    let store = Store::builder().refusals(&refusals).build();
    let write = |tx: &mut Transaction| append(tx, "t", 1);
    let attempt = || {
        let mut tx = store.begin();
        write(&mut tx).unwrap();
        tx.would_conflict().unwrap();
        tx.commit()
    };
    refusals.refuse(2, Refusal::Gone);
    refusals.refuse_next(Refusal::Retry);
    refusals.refuse_next(Refusal::Retry); // the third, for the second is refused already
    let first = attempt().unwrap_err();
    assert_eq!(first.remedy(), Remedy::Retry);
    let second = attempt().unwrap_err();
    assert_eq!(second.remedy(), Remedy::Change);
    let conflict = second.conflict().unwrap();
    assert_eq!((conflict.subject.to_string().as_str(), conflict.base), ("default.t", VersionId(0)));
    assert!(matches!(conflict.rule, Rule::Dropped));
    assert_eq!(attempt().unwrap_err().remedy(), Remedy::Retry);
    assert_eq!(attempt().unwrap().version(), VersionId(1));
    assert_eq!((refusals.asked(), store.metrics().conflicts_total()), (4, 3));

    store.begin().commit().unwrap();
    assert_eq!(refusals.asked(), 4, "nothing to commit, nothing to refuse");
    refusals.refuse(1, Refusal::Retry);
    refusals.refuse_next(Refusal::Retry);
    refusals.clear();
    assert_eq!(attempt().unwrap().version(), VersionId(2));
}

#[test]
fn code_that_begins_again_by_itself_meets_the_refusals() {
    let refusals = Refusals::new();
    let store = Store::builder().refusals(&refusals).retries_max(2).build();
    let save = || {
        let rows = record_batch!(("n", Int64, [1])).unwrap();
        store.write(rows).mode(SaveMode::Append).save_as_table("t")
    };
    (0..2).for_each(|_| refusals.refuse_next(Refusal::Retry));
    save().unwrap();
    assert_eq!((store.table("t").unwrap().row_count(), refusals.asked()), (1, 3));
    (0..3).for_each(|_| refusals.refuse_next(Refusal::Retry));
    let error = save().unwrap_err();
    assert!(matches!(&error, WriteError::Commit(CommitError::Conflict(_))), "{error}");
    assert_eq!(store.table("t").unwrap().row_count(), 1, "nothing of it is visible");
    // A fork has them too, so that a scenario meets them.
    refusals.refuse_next(Refusal::Retry);
    let steps = Steps::new(()).step("add", |tx, ()| append(tx, "t", 1));
    let run = Scenario::on(&store).transaction("a", steps).replay("a.add a.commit").unwrap();
    assert!(run["a"].conflict().is_some());
}
