//! Transactions and speculations on both: step by step, with others that commit in between.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use annals::error::{CommitError, WriteError};
use annals::{Isolation, Snapshot, Transaction};

use super::draft::{Draft, Record};
use super::engine::{self, shown};
use super::pair::{Expected, Pair, compare};
use super::step::{End, Inner, Op, Transact};
use super::world::{Key, World, cells_text, key_of};

impl Pair {
    pub(super) fn transact(&mut self, transact: &Transact) {
        let base = self.past.back(transact.back);
        let snapshot = match (self.store.at(base), self.past.reach(base)) {
            (Ok(snapshot), Ok(_)) => snapshot,
            (Err(error), Err(expected)) => {
                return assert_eq!(engine::travel_error(&error), expected);
            }
            (found, expected) => panic!("{found:?}, where the model says {expected:?}"),
        };
        let past = self.past.clone();
        let world = past.world(base).clone();
        let mut draft = Draft::new(world, base + 1, &past, self.makes_databases);
        let mut tx = self.store.begin_at(&snapshot);
        drop(snapshot);
        tx.isolation(transact.isolation);
        if let Some((application, sequence)) = transact.idempotent {
            tx.idempotent(application, sequence);
        }
        if transact.end == End::Panic {
            let store = &self.store;
            let work = || {
                store.transact(|tx| {
                    inner_steps(tx, &transact.steps, &mut draft.clone());
                    // As a panic, but without a word on the terminal.
                    resume_unwind(Box::new("of the closure"));
                    #[expect(unreachable_code)]
                    Ok::<(), CommitError>(())
                })
            };
            if transact.back == 0 {
                assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "a panic is passed on");
            }
            return;
        }
        inner_steps(&mut tx, &transact.steps, &mut draft);
        if let Some(rival) = &transact.rival {
            self.change(rival);
        }
        match transact.end {
            End::Drop | End::Panic => drop(tx),
            End::Commit => self.end(tx, base, transact, &draft, None),
            End::AssertRows(rows) => {
                let few = move |snapshot: &Snapshot| {
                    for database in snapshot.databases() {
                        for name in snapshot.tables(database.name()).map_err(|e| e.to_string())? {
                            let table = snapshot.table(name).map_err(|e| e.to_string())?;
                            if table.row_count() > rows {
                                return Err(format!("{} has too many rows", table.name()));
                            }
                        }
                    }
                    Ok(())
                };
                tx.assert("few rows", few);
                self.end(tx, base, transact, &draft, Some(rows));
            }
        }
    }

    /// Commits a transaction and compares what comes of it.
    fn end(
        &mut self,
        tx: Transaction,
        base: u64,
        transact: &Transact,
        draft: &Draft<'_>,
        rows_max: Option<u64>,
    ) {
        assert_eq!(tx.is_empty(), draft.log.is_empty(), "whether there is something to commit");
        let before =
            transact.idempotent.and_then(|(name, number)| self.applied_before(name, number));
        let carried = match base == self.past.newest() {
            true => Ok(draft.clone()),
            false => {
                let at = self.past.newest() + 1;
                draft.carry_over(self.past.world(base), self.past.now(), at)
            }
        };
        let would = tx.would_conflict();
        let done = tx.commit();
        if draft.log.is_empty() {
            match (done, before) {
                (Ok(committed), Some(Ok(version))) => {
                    assert_eq!(committed.version().0, version);
                    assert!(committed.was_applied_before());
                }
                (Ok(committed), None) => assert!(!committed.made_version()),
                (Err(error), Some(Err(expected))) => {
                    assert_eq!(engine::commit_error(&error), expected);
                }
                (done, before) => panic!("{done:?}, where the model says {before:?}"),
            }
            return;
        }
        match done {
            Ok(committed) if committed.was_applied_before() => {
                assert_eq!(before, Some(Ok(committed.version().0)), "a repeat");
            }
            Ok(committed) => {
                assert_eq!(before, None, "it was applied before");
                would.expect("what was committed would not have conflicted");
                let Draft { mut world, records, at, .. } =
                    carried.unwrap_or_else(|why| panic!("it must not be committed: {why}"));
                assert!(rows_max.is_none_or(|max| few_rows(&world, max)), "the assertion failed");
                let application = transact.idempotent.map(|(name, seq)| (name.to_owned(), seq));
                if let Some((application, sequence)) = &application {
                    world.applied.insert(application.clone(), (*sequence, at));
                }
                let reverts = draft.log.iter().any(|(op, ..)| matches!(op, Op::Revert(_)));
                let records = (!reverts).then_some(records);
                let isolation = transact.isolation;
                let expected = Expected { base, records, application, isolation };
                self.committed(world, &committed, expected);
            }
            Err(CommitError::Conflict(conflict)) => {
                assert_ne!(base, self.past.newest(), "nobody was in the way: {conflict}");
                assert!(would.is_err(), "it was said that it would not conflict: {conflict}");
                assert!(conflict.winner.0 > base, "the winner came before: {conflict}");
                assert!(
                    transact.isolation == Isolation::Serializable || self.overlap(base, draft),
                    "they have nothing to do with each other: {conflict}"
                );
            }
            Err(CommitError::Assertion { .. }) => {
                let world = carried.expect("what cannot stand is refused before").world;
                let max = rows_max.expect("an assertion was made");
                assert!(!few_rows(&world, max), "the assertion holds");
            }
            Err(error) => {
                let kind = engine::commit_error(&error);
                assert_eq!(before, Some(Err(kind)), "{error}");
            }
        }
    }

    /// Whether what was done since the base and what the draft does are about a common name.
    fn overlap(&self, base: u64, draft: &Draft<'_>) -> bool {
        let commits = &self.commits[base as usize + 1..];
        let (base, now) = (self.past.world(base), self.past.now());
        let touched = |to: &World, records: &[Record]| -> BTreeSet<String> {
            let named = records.iter().map(|(_, target, _)| target.to_lowercase());
            let differs = |key: &&Key| {
                let of =
                    |world: &World| world.tables.get(*key).map(|t| (t.id, t.since, t.name.clone()));
                of(base) != of(to)
            };
            let tables = base.tables.keys().chain(to.tables.keys()).filter(differs);
            named.chain(tables.map(|(database, table)| format!("{database}.{table}"))).collect()
        };
        // What a revert did is not on record here, so it may have been anything.
        let anything = || vec![(String::new(), String::new(), [0; 3])];
        let records = |of: &Expected| of.records.clone().unwrap_or_else(anything);
        let theirs: Vec<Record> = commits.iter().flatten().flat_map(records).collect();
        let theirs = touched(now, &theirs);
        let mine = touched(&draft.world, &draft.records);
        // Whatever is about a whole database, or the whole store, meets everything.
        let whole = |names: &BTreeSet<String>| names.iter().any(|name| !name.contains('.'));
        whole(&mine) || whole(&theirs) || !mine.is_disjoint(&theirs)
    }

    pub(super) fn speculate(&mut self, steps: &[Inner], publish: bool) {
        let past = self.past.clone();
        let base = past.newest();
        let mut draft = Draft::new(past.now().clone(), base + 1, &past, self.makes_databases);
        let work = |tx: &mut Transaction| {
            inner_steps(tx, steps, &mut draft);
            Ok::<(), WriteError>(())
        };
        let speculation = self.store.speculate(work).expect("the closure succeeds");
        compare("what would be", &shown(&speculation.snapshot()), &draft.world.text());
        assert_eq!(speculation.base().version().0, base);
        if publish && !draft.log.is_empty() {
            let committed = speculation.publish(&self.store).expect("nobody came in between");
            let Draft { world, records, .. } = draft;
            let reverts = records.iter().any(|(label, ..)| label.is_empty());
            let records = (!reverts).then_some(records);
            let isolation = Isolation::Snapshot;
            let expected = Expected { base, records, application: None, isolation };
            self.committed(world, &committed, expected);
        }
    }
}

fn few_rows(world: &World, max: u64) -> bool {
    world.tables.values().all(|table| table.state.rows.len() as u64 <= max)
}

/// Makes the steps of a transaction on both.
fn inner_steps(tx: &mut Transaction, steps: &[Inner], draft: &mut Draft<'_>) {
    let mut saved = None;
    for step in steps {
        match step {
            // What a transaction creates has provisional numbers, which a state from after its
            // base has as well. Such states are left out.
            Inner::Do(op) if is_of_later(op, draft) => {}
            Inner::Do(op) => {
                let before = draft.clone();
                let expected = draft.apply(op);
                match (engine::on_transaction(tx, op, draft.past), expected) {
                    (Ok(said), Ok(expected)) => {
                        assert_eq!(said, expected, "what {op:?} came to in a transaction");
                    }
                    (Err(error), Err(expected)) => {
                        let kind = engine::write_error(&error);
                        assert_eq!(kind, expected, "why {op:?} is refused: {error}");
                    }
                    (Err(WriteError::Revert(_)), Ok(_)) => *draft = before,
                    (done, expected) => {
                        panic!("{op:?}: {done:?}, where the model says {expected:?}")
                    }
                }
            }
            Inner::Savepoint => saved = Some((tx.savepoint(), draft.clone())),
            Inner::Rollback => {
                if let Some((savepoint, then)) = &saved {
                    tx.rollback_to(savepoint).expect("it is of this transaction");
                    *draft = then.clone();
                }
            }
            Inner::Read(name) => read(tx, name, draft),
            Inner::List(database) => {
                let found = tx.tables(*database).map_err(|error| engine::read_error(&error));
                let found = found.map(|names| {
                    names.iter().map(|name| name.table_str().to_owned()).collect::<Vec<_>>()
                });
                let folded = super::draft::parse_database(database);
                let expected =
                    folded.and_then(|folded| match draft.world.databases.contains_key(&folded) {
                        false => Err("Catalog.NoDatabase".to_owned()),
                        true => Ok(draft
                            .world
                            .tables
                            .iter()
                            .filter(|((of, _), _)| *of == folded)
                            .map(|(_, table)| table.name.1.clone())
                            .collect()),
                    });
                assert_eq!(found, expected, "the tables of {database}");
            }
        }
    }
}

/// Whether a change takes a state from after the version that a transaction began at.
fn is_of_later(op: &Op, draft: &Draft<'_>) -> bool {
    let version = match op {
        Op::RestoreTable(_, at) | Op::Restore(at) => draft.past.at(at),
        Op::Revert(back) => Ok(draft.past.back(*back)),
        _ => return false,
    };
    version.is_ok_and(|version| version >= draft.at)
}

fn read(tx: &Transaction, name: &str, draft: &Draft<'_>) {
    let expected = draft.require(name).map(|key| draft.state(&key));
    match (tx.table(name), expected) {
        (Ok(table), Ok(state)) if state.is_view() => {
            assert_eq!(
                table.read().map(drop).map_err(|e| engine::read_error(&e)),
                Err("View".to_owned())
            );
        }
        (Ok(table), Ok(state)) => {
            let batches = table.read().expect("a table can be read");
            let rows: Vec<String> =
                batches.iter().flat_map(engine::cells).map(|row| cells_text(&row)).collect();
            let expected = state.rows.iter().map(|row| cells_text(&state.values(row)));
            compare(&format!("{name} in a transaction"), &rows, &expected.collect::<Vec<_>>());
        }
        (Err(error), Err(expected)) => assert_eq!(engine::read_error(&error), expected),
        (found, expected) => {
            let found = found.map(|table| table.name().clone());
            panic!("{name}: {found:?}, where the model says {expected:?}")
        }
    }
    let found = tx.table_exists(name).map_err(|error| engine::read_error(&error));
    let key = super::draft::parse(name).map(|name| key_of(&name));
    assert_eq!(found, key.map(|key| draft.world.tables.contains_key(&key)));
}
