//! What a transaction should have seen and been told, step by step: its base, and its own changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{Model, Tables, change_tables, id_of};
use crate::matrix::{Deed, Footprint, Id, Looked};
use crate::record::{Key, Row, Step, Told, table_of};

/// A transaction as the model has it.
#[derive(Default)]
pub(crate) struct Draft {
    /// What it changes, in order, rolled back changes left out.
    pub(crate) changes: Vec<Step>,
    pub(crate) footprint: Footprint,
    /// What it was shown or told, and should not have been.
    pub(crate) wrong: Vec<String>,
}

/// What a savepoint goes back to.
#[derive(Clone)]
struct Own {
    lists: BTreeMap<Key, Arc<Vec<i64>>>,
    tables: Tables,
    changes: Vec<Step>,
}

/// Takes the steps on top of the present version of `model`. A version that is so many older than
/// the newest, or less, cannot have expired.
pub(crate) fn replay(model: &Model, steps: &[Step], kept: u64, newest: u64) -> Draft {
    let tables = Tables::clone(&model.tables);
    let mut own = Own { lists: BTreeMap::new(), tables, changes: Vec::new() };
    let mut draft =
        Draft { footprint: Footprint { blind: true, ..Footprint::default() }, ..Draft::default() };
    let mut points: BTreeMap<usize, Own> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some(read) = reads(model, step) {
            draft.footprint.blind = false;
            draft.footprint.reads.extend(read);
        }
        // This keeps it blind: nothing of the rows was seen.
        draft.footprint.reads.extend(
            told(step)
                .into_iter()
                .map(|name| Looked::Told(name, model.tables.get(name).map(id_of))),
        );
        match step {
            Step::Savepoint => {
                points.insert(at, own.clone());
            }
            Step::Rollback(to) => own = points[to].clone(),
            Step::Expired(newest) => {
                draft.wrong.push(format!("expired too early, when {newest} was the newest"));
            }
            _ => {
                let answer = answer(model, &own, step);
                if let Some(answer) = answer
                    && answer != *step
                {
                    let may = match *step {
                        Step::Restore(_, at, Told::Expired) => at + kept <= newest,
                        _ => false,
                    };
                    if !may {
                        draft.wrong.push(format!("{step:?}, and not {answer:?}"));
                    }
                }
                own.take(model, step);
            }
        }
    }
    draft.footprint.note(model, &own.changes);
    draft.changes = own.changes;
    draft
}

/// What a step reads of the base; none if it reads nothing.
fn reads(model: &Model, step: &Step) -> Option<Vec<Looked>> {
    match step {
        Step::ReadKey(key, _) | Step::Append(key, ..) => Some(vec![Looked::Key(*key)]),
        Step::ReadKeys(table, _) => Some(vec![Looked::All(Id::Keys(*table))]),
        Step::Read(name, _) => Some(vec![match model.tables.get(name) {
            Some(table) => Looked::All(id_of(table)),
            None => Looked::Absence(name),
        }]),
        _ => None,
    }
}

/// The names of which a change that was not made has told something. That a moment has expired is
/// nothing about a table.
fn told(step: &Step) -> Vec<&'static str> {
    match *step {
        Step::Add(name, _, told)
        | Step::Overwrite(name, _, told)
        | Step::Drop(name, told)
        | Step::Create(name, _, told)
        | Step::Restore(name, _, told)
            if !matches!(told, Told::Done | Told::Expired) =>
        {
            vec![name]
        }
        Step::Rename(from, to, told) if told != Told::Done => vec![from, to],
        _ => Vec::new(),
    }
}

/// The step with what it should have been shown or told; none if there is nothing to it.
fn answer(model: &Model, own: &Own, step: &Step) -> Option<Step> {
    Some(match step {
        Step::ReadKey(key, _) => {
            let list = own.list(model, *key);
            Step::ReadKey(*key, list.map(|list| list.to_vec()).into_iter().collect())
        }
        Step::ReadKeys(table, _) => Step::ReadKeys(*table, own.rows(model, *table)),
        Step::Append(key, value, _) => {
            Step::Append(*key, *value, u64::from(own.list(model, *key).is_some()))
        }
        Step::Read(name, _) => {
            Step::Read(name, own.tables.get(name).map(|table| table.rows.to_vec()))
        }
        Step::Add(name, value, _) => Step::Add(name, *value, own.told(model, step)),
        Step::Overwrite(name, value, _) => Step::Overwrite(name, *value, own.told(model, step)),
        Step::Drop(name, _) => Step::Drop(name, own.told(model, step)),
        Step::Create(name, value, _) => Step::Create(name, *value, own.told(model, step)),
        Step::Rename(from, to, _) => Step::Rename(from, to, own.told(model, step)),
        Step::Restore(name, at, _) => Step::Restore(name, *at, own.told(model, step)),
        _ => return None,
    })
}

impl Own {
    fn list<'a>(&'a self, model: &'a Model, key: Key) -> Option<&'a Arc<Vec<i64>>> {
        self.lists.get(&key).or_else(|| model.keys.get(&key).map(|row| &row.list))
    }

    fn rows(&self, model: &Model, table: usize) -> Vec<Row> {
        let mut rows: BTreeMap<i64, Vec<i64>> = model.rows_of(table).into_iter().collect();
        let mine = self.lists.iter().filter(|(key, _)| table_of(**key) == table);
        rows.extend(mine.map(|(key, list)| (*key as i64, list.to_vec())));
        rows.into_iter().collect()
    }

    fn told(&self, model: &Model, step: &Step) -> Told {
        let then = |id, at| model.then(id, at).cloned();
        change_tables(&mut self.tables.clone(), step, 0, then).expect("it is about tables")
    }

    /// Makes the step's change, if it was told to be made.
    fn take(&mut self, model: &Model, step: &Step) {
        match step {
            Step::Append(_, _, 0)
            | Step::Compact(_, false)
            | Step::ReadKey(..)
            | Step::ReadKeys(..)
            | Step::Read(..) => return,
            Step::Add(_, _, told)
            | Step::Overwrite(_, _, told)
            | Step::Drop(_, told)
            | Step::Create(_, _, told)
            | Step::Rename(_, _, told)
            | Step::Restore(_, _, told) => {
                if *told != Told::Done {
                    return;
                }
                let provisional = u64::MAX - self.changes.len() as u64;
                let then = |id, at| model.then(id, at).cloned();
                change_tables(&mut self.tables, step, provisional, then);
            }
            Step::Append(key, value, _) => {
                let mut list = self.list(model, *key).cloned().unwrap_or_default();
                Arc::make_mut(&mut list).push(*value);
                self.lists.insert(*key, list);
            }
            Step::Insert(key, value) => {
                self.lists.insert(*key, Arc::new(vec![*value]));
            }
            _ => {}
        }
        self.changes.push(step.clone());
    }
}

impl Footprint {
    /// Notes what changes come to for tables and rows that are there at the base.
    fn note(&mut self, model: &Model, changes: &[Step]) {
        for change in changes {
            let (name, deed) = match change {
                Step::Append(key, ..) => {
                    if let Some(row) = model.keys.get(key) {
                        self.deeds.insert((Id::Keys(table_of(*key)), Deed::Rows));
                        self.rows.insert(*key, row.chunk);
                    }
                    continue;
                }
                Step::Insert(key, _) => {
                    self.deeds.insert((Id::Keys(table_of(*key)), Deed::Append));
                    self.inserted.insert(*key);
                    continue;
                }
                Step::Compact(table, _) => {
                    self.deeds.insert((Id::Keys(*table), Deed::Compact));
                    continue;
                }
                Step::Add(name, ..) => (name, Deed::Append),
                Step::Overwrite(name, ..) => (name, Deed::Overwrite),
                Step::Drop(name, _) => (name, Deed::Drop),
                Step::Restore(name, ..) => (name, Deed::Restore),
                Step::Rename(from, to, _) => {
                    self.take(model, to);
                    (from, Deed::Rename)
                }
                Step::Create(name, ..) => {
                    self.take(model, name);
                    continue;
                }
                _ => continue,
            };
            if let Some(table) = model.tables.get(name) {
                self.deeds.insert((id_of(table), deed));
            }
        }
    }

    fn take(&mut self, model: &Model, name: &'static str) {
        if !model.tables.contains_key(name) {
            self.taken.insert(name);
        }
    }
}
