//! Differences, the change feed, blame and the history of a row, against a plain model.

use std::collections::{BTreeMap, BTreeSet};

use annals::{Filter, RowState, RowsWithOrigins};
use annals_tests::{Chance, rows_in};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;

use crate::model::{Model, Row, State};

type Columns = [(usize, String)];

/// Rows by id: of which version, and what they hold.
type ById = BTreeMap<u64, (u64, String)>;

/// What differs by identity: ids that went, that came, and that have other values.
struct Expected<'a> {
    deleted: Vec<&'a Row>,
    inserted: Vec<&'a Row>,
    updated: Vec<(&'a Row, &'a Row)>,
}

fn by_identity<'a>(before: Option<&'a State>, after: Option<&'a State>) -> Expected<'a> {
    let rows = |state: Option<&'a State>| -> BTreeMap<u64, &'a Row> {
        state.into_iter().flat_map(|state| &state.rows).map(|row| (row.id, row)).collect()
    };
    let (old, new) = (rows(before), rows(after));
    let lacks = |other: &BTreeMap<u64, &Row>, row: &&Row| !other.contains_key(&row.id);
    let both = old.values().filter_map(|row| Some((*row, *new.get(&row.id)?)));
    Expected {
        deleted: old.values().copied().filter(|row| lacks(&new, row)).collect(),
        inserted: new.values().copied().filter(|row| lacks(&old, row)).collect(),
        updated: both.filter(|(was, is)| was.changed != is.changed).collect(),
    }
}

fn shown<'a>(columns: &Columns, rows: impl IntoIterator<Item = &'a Row>) -> ById {
    let show = |row: &Row| (row.id, (row.changed, State::show(columns, &row.values)));
    rows.into_iter().map(show).collect()
}

fn found(batches: impl IntoIterator<Item = RowsWithOrigins>) -> ById {
    let mut rows = ById::new();
    for batch in batches {
        for (origin, row) in batch.origins.iter().zip(rows_in(&[batch.rows])) {
            assert!(rows.insert(origin.row, (origin.changed.0, row)).is_none(), "{origin:?} twice");
        }
    }
    rows
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

/// Takes out of both what is in both, one for one.
fn cancelled(mut one: Vec<String>, mut other: Vec<String>) -> (Vec<String>, Vec<String>) {
    one.retain(|row| match other.iter().position(|same| same == row) {
        Some(at) => {
            other.remove(at);
            false
        }
        None => true,
    });
    (sorted(one), sorted(other))
}

fn check_diff(model: &Model, a: usize, b: usize) {
    let (before, after) = (model.states[a].as_ref(), model.states[b].as_ref());
    let (then, now) = (model.store.at(a as u64).unwrap(), model.store.at(b as u64).unwrap());
    let Some(named) = after.or(before) else {
        assert!(then.row_diff(&now, "t0").is_err());
        return;
    };
    let (old, new) = (&before.unwrap_or(named).columns, &after.unwrap_or(named).columns);
    let expected = by_identity(before, after);
    let compare = || then.row_diff(&now, &*named.name).unwrap();

    let diff = compare().by_identity().compare().unwrap();
    let deleted = found(diff.deleted().map(Result::unwrap));
    assert_eq!(deleted, shown(old, expected.deleted.iter().copied()));
    let inserted = found(diff.inserted().map(Result::unwrap));
    assert_eq!(inserted, shown(new, expected.inserted.iter().copied()));
    let (mut was, mut is) = (Vec::new(), Vec::new());
    for updated in diff.updated() {
        let updated = updated.unwrap();
        let ids = |rows: &RowsWithOrigins| -> Vec<u64> {
            rows.origins.iter().map(|origin| origin.row).collect()
        };
        assert_eq!(ids(&updated.before), ids(&updated.after));
        was.push(updated.before);
        is.push(updated.after);
    }
    assert_eq!(found(was), shown(old, expected.updated.iter().map(|(was, _)| *was)));
    assert_eq!(found(is), shown(new, expected.updated.iter().map(|(_, is)| *is)));

    // By value, under the later columns, if there are rows on both sides to compare.
    let show = |rows: &[&Row]| -> Vec<String> {
        rows.iter().map(|row| State::show(new, &row.values)).collect()
    };
    let (mut gone, mut come) = (show(&expected.deleted), show(&expected.inserted));
    let mut updated = sorted(expected.updated.iter().map(|(was, is)| show(&[was, is])));
    if before.is_some() && after.is_some() {
        (gone, come) = cancelled(gone, come);
        updated.retain(|pair| pair[0] != pair[1]);
    }
    let batch = compare().compare().unwrap().to_batch().unwrap();
    let told = told_by(&batch);
    let of =
        |kind: &str| sorted(told.iter().filter(|(k, _)| k == kind).map(|(_, row)| row.clone()));
    assert_eq!((of("delete"), of("insert")), (sorted(gone.clone()), sorted(come.clone())));
    assert_eq!(of("update_preimage"), sorted(updated.iter().map(|pair| pair[0].clone())));
    assert_eq!(of("update_postimage"), sorted(updated.iter().map(|pair| pair[1].clone())));

    // By key: what is left under one key is an update, as often as both sides have it.
    let diff = compare().by_key(["K"]).compare().unwrap();
    let key = |row: &String| row.split(',').next().unwrap().to_owned();
    let (mut gone, mut come) = (sorted(gone.iter().map(key)), sorted(come.iter().map(key)));
    let deleted = gone.len();
    if before.is_some() && after.is_some() {
        (gone, come) = cancelled(gone, come);
    }
    let paired = deleted - gone.len();
    let told = told_by(&diff.to_batch().unwrap());
    let of = |kind: &str| sorted(told.iter().filter(|(k, _)| k == kind).map(|(_, row)| key(row)));
    assert_eq!((of("delete"), of("insert")), (gone, come));
    assert_eq!(diff.counts().updated, (updated.len() + paired) as u64);
    for updated in diff.updated().map(Result::unwrap) {
        let keys = |rows: &RowsWithOrigins| {
            rows_in(std::slice::from_ref(&rows.rows)).iter().map(key).collect()
        };
        let (was, is): (Vec<String>, Vec<String>) = (keys(&updated.before), keys(&updated.after));
        for (at, (one, other)) in
            updated.before.origins.iter().zip(&updated.after.origins).enumerate()
        {
            assert!(one.row == other.row || was[at] == is[at]);
        }
    }
}

/// The kinds and the rows of a difference as a batch.
fn told_by(batch: &RecordBatch) -> Vec<(String, String)> {
    let kinds = batch.column(0).as_string::<i32>();
    let columns: Vec<usize> = (2..batch.num_columns()).collect();
    let rows = rows_in(&[batch.project(&columns).unwrap()]);
    kinds.iter().map(|kind| kind.unwrap().to_owned()).zip(rows).collect()
}

/// The state whose columns and name a feed up to `b` has.
fn last_state(model: &Model, a: usize, b: usize) -> Option<&State> {
    model.states[a..=b].iter().rev().find_map(Option::as_ref)
}

fn check_changes(model: &Model, a: usize, b: usize) {
    let Some(last) = last_state(model, a, b).filter(|_| a < b) else { return };
    let columns = &last.columns;
    let feed = model.store.changes(&*last.name, a as u64 + 1, b as u64).unwrap();
    let mut told = Vec::new();
    for batch in feed {
        let batch = batch.unwrap();
        assert!(batch.num_rows() > 0);
        let own = batch.num_columns() - 3;
        assert_eq!(own, columns.len());
        let kinds = batch.column(own).as_string::<i32>();
        let versions = batch.column(own + 1).as_primitive::<UInt64Type>();
        let rows = rows_in(&[batch.project(&(0..own).collect::<Vec<_>>()).unwrap()]);
        for (at, row) in rows.into_iter().enumerate() {
            told.push((versions.value(at), kinds.value(at).to_owned(), row));
        }
    }
    assert!(told.is_sorted_by_key(|(version, ..)| *version));
    let mut expected = Vec::new();
    for version in a + 1..=b {
        let (before, after) = (&model.states[version - 1], &model.states[version]);
        let differ = by_identity(before.as_ref(), after.as_ref());
        let mut tell = |kind: &str, row: &Row| {
            expected.push((version as u64, kind.to_owned(), State::show(columns, &row.values)));
        };
        differ.deleted.iter().for_each(|row| tell("delete", row));
        differ.inserted.iter().for_each(|row| tell("insert", row));
        for (was, is) in differ.updated {
            tell("update_preimage", was);
            tell("update_postimage", is);
        }
    }
    assert_eq!(sorted(told.clone()), sorted(expected));

    // Applied to the rows of a, the changes give those of b; unless a column of the last state came
    // back in between, by a restore: then rows have values again that no commit gave them.
    let steady = columns.iter().all(|(number, _)| {
        let there = |states: &[Option<State>]| -> Vec<bool> {
            let has = |state: &State| state.columns.iter().any(|(other, _)| other == number);
            states.iter().flatten().map(has).collect()
        };
        let (earlier, now) = (there(&model.states[..a]), there(&model.states[a..=b]));
        now.is_sorted() && (now.first() != Some(&false) || !earlier.contains(&true))
    });
    if steady {
        let all = |state: &Option<State>| -> Vec<String> {
            let rows = state.iter().flat_map(|state| &state.rows);
            rows.map(|row| State::show(columns, &row.values)).collect()
        };
        let mut rows = all(&model.states[a]);
        for (_, kind, row) in told {
            match kind.as_str() {
                "insert" | "update_postimage" => rows.push(row),
                _ => {
                    let at = rows.iter().position(|other| *other == row);
                    rows.remove(at.expect("only a row that is there can go"));
                }
            }
        }
        assert_eq!(sorted(rows), sorted(all(&model.states[b])));
    }
}

fn check_blame(model: &Model, b: usize) {
    let Some(state) = &model.states[b] else { return };
    let snapshot = model.store.at(b as u64).unwrap();
    let blame = snapshot.blame(&*state.name, Filter::all()).unwrap().with_records(&model.store);
    let told = blame.iter().map(|row| {
        assert_eq!(row.changed_by.unwrap().version, row.changed);
        assert_eq!(row.inserted_by.unwrap().version, row.inserted);
        (row.row, row.inserted.0, row.changed.0, rows_in(&[row.values]).remove(0))
    });
    let expected = state
        .rows
        .iter()
        .map(|row| (row.id, row.born, row.changed, State::show(&state.columns, &row.values)));
    assert_eq!(sorted(told), sorted(expected));
}

fn check_row(model: &Model, id: u64) {
    let mut expected = Vec::new();
    let row_in = |version: usize| {
        let state = model.states[version].as_ref()?;
        Some((state, state.rows.iter().find(|row| row.id == id)?))
    };
    for version in (1..model.states.len()).rev() {
        let show = |(state, row): (&State, &Row)| State::show(&state.columns, &row.values);
        match (row_in(version - 1), row_in(version)) {
            (None, Some(is)) => {
                expected.push((version as u64, "inserted", show(is)));
                if is.1.born == version as u64 {
                    break;
                }
            }
            (Some(_), None) => expected.push((version as u64, "deleted", String::new())),
            (Some(was), Some(is)) if was.1.changed != is.1.changed => {
                expected.push((version as u64, "updated", show(is)));
            }
            _ => {}
        }
    }
    let name = &last_state(model, 0, model.states.len() - 1).unwrap().name;
    let history = model.store.row_history(&**name, id);
    if expected.is_empty() {
        assert!(history.is_err(), "row {id} was never in a version");
        return;
    }
    let history = history.unwrap();
    assert!(history.is_complete());
    let told: Vec<_> = history
        .iter()
        .map(|step| {
            assert_eq!(step.commit.as_ref().unwrap().version, step.version);
            let kind = match &step.state {
                RowState::Inserted(_) => "inserted",
                RowState::Updated(_) => "updated",
                _ => "deleted",
            };
            let values =
                step.state.values().map(|values| rows_in(std::slice::from_ref(values)).remove(0));
            (step.version.0, kind, values.unwrap_or_default())
        })
        .collect();
    assert_eq!(told, expected, "row {id}");
}

#[test]
fn everything_that_is_told_of_rows_agrees_with_a_plain_model() {
    let chance = Chance::new();
    for stream in 0..60 {
        let mut chance = chance.fork(stream);
        let mut model = Model::new(chance.fork(0));
        for _ in 0..40 {
            model.step();
        }
        let versions = model.states.len();
        for _ in 0..30 {
            let (a, b) = (chance.below(versions), chance.below(versions));
            check_diff(&model, a, b);
            check_changes(&model, a.min(b), a.max(b));
            check_blame(&model, b);
        }
        let rows = model.states.iter().flatten().flat_map(|state| &state.rows);
        let ids: BTreeSet<u64> = rows.map(|row| row.id).collect();
        for id in ids {
            check_row(&model, id);
        }
        check_row(&model, 1_000_000);
    }
}
