//! A merge, decided pair by pair.

use std::collections::BTreeMap;

use super::draft::{Cells, RowChange};
use super::fit::{self, Refusal, refuse};
use super::rows::cells_of;
use super::step::{Batch, MergeHow};
use super::world::{Cell, Kind, Row, State, Value, fold};

/// Where a column of the table gets its value from.
enum From {
    Source(usize),
    Nothing,
}

/// What a merge does to the rows of a table.
pub(super) fn merged(
    state: &State,
    on: &[&'static str],
    rows: &Batch,
    how: MergeHow,
) -> Result<RowChange, Refusal> {
    let in_source = |name: &str| {
        let found = |(of, _): &(&str, Kind)| fold(of) == fold(name);
        let mut places = (0..rows.columns.len()).filter(|at| found(&rows.columns[*at]));
        match (places.next(), places.next()) {
            (Some(at), None) => Some(at),
            // Two that differ in case are told apart if one is written so.
            (Some(_), Some(_)) => rows.columns.iter().position(|(of, _)| *of == name),
            _ => None,
        }
    };
    let mut keys = Vec::new();
    for name in on {
        let at = state.find(name).ok_or("NoColumn")?;
        let from = in_source(name).ok_or("NoSourceColumn")?;
        if !fit::is_lossless(rows.columns[from].1, state.columns[at].kind) {
            return refuse("Schema.Types");
        }
        keys.push((at, from));
    }

    // Clauses are made ready in order, before any row is looked at.
    let all = |inserts: bool| -> Result<Vec<From>, Refusal> {
        let mut sets: Vec<From> = state.columns.iter().map(|_| From::Nothing).collect();
        for (from, (name, _)) in rows.columns.iter().enumerate() {
            if let Some(at) = state.find(name) {
                if matches!(sets[at], From::Source(_)) {
                    return refuse("AssignedTwice");
                }
                sets[at] = From::Source(from);
            }
        }
        if sets.iter().all(|set| matches!(set, From::Nothing)) {
            return refuse("Options");
        }
        let lacks = |(column, set): (&super::world::Column, &From)| match set {
            From::Nothing => inserts && !column.nullable,
            From::Source(_) => false,
        };
        if state.columns.iter().zip(&sets).any(lacks) {
            return refuse("Schema.NothingForNotNull");
        }
        let wrong = |(column, set): (&super::world::Column, &From)| match set {
            From::Source(from) => !fit::is_lossless(rows.columns[*from].1, column.kind),
            From::Nothing => false,
        };
        match state.columns.iter().zip(&sets).any(wrong) {
            true => refuse("Schema.Types"),
            false => Ok(sets),
        }
    };
    let k = in_source("k");
    let condition = || match k {
        Some(k) if rows.columns[k].1 != Kind::Text => Ok(k),
        _ => refuse::<usize>("MergeCondition"),
    };
    let mut update: Option<Vec<From>> = None;
    let mut insert: Option<Vec<From>> = None;
    match how {
        MergeHow::Upsert => {
            update = Some(all(false)?);
            insert = Some(all(true)?);
        }
        MergeHow::InsertOnly => insert = Some(all(true)?),
        MergeHow::Delete => {}
        MergeHow::Mirror => {
            let at = state.find("v").ok_or("NoColumn")?;
            let from = in_source("k").ok_or("NoSourceColumn")?;
            if !fit::is_lossless(rows.columns[from].1, state.columns[at].kind) {
                return refuse("Schema.Types");
            }
            let mut sets: Vec<From> = state.columns.iter().map(|_| From::Nothing).collect();
            sets[at] = From::Source(from);
            update = Some(sets);
        }
        MergeHow::Conditions => {
            condition()?;
            update = Some(all(false)?);
            condition()?;
            insert = Some(all(true)?);
        }
    }

    let key_of_source = |row: &[Cell]| -> Option<Vec<Value>> {
        keys.iter().map(|(_, from)| row[*from].clone()).collect()
    };
    let mut matched = vec![false; rows.rows.len()];
    let mut change = RowChange::default();
    let mut by_chunk: BTreeMap<u64, Vec<(u64, Cells)>> = BTreeMap::new();
    let mut new_values = Vec::new();
    let mut repeated = false;
    for row in &state.rows {
        let values = state.values(row);
        let key: Option<Vec<Value>> = keys.iter().map(|(at, _)| values[*at].clone()).collect();
        let pairs: Vec<usize> = (0..rows.rows.len())
            .filter(|at| key.is_some() && key_of_source(&rows.rows[*at]) == key)
            .collect();
        pairs.iter().for_each(|at| matched[*at] = true);
        if pairs.is_empty() {
            if how == MergeHow::Mirror {
                change.removed.push(row.id);
            }
            continue;
        }
        // Those of the source that would change the row, each by its clause.
        let may_repeat = how == MergeHow::Delete;
        let acts = how != MergeHow::InsertOnly;
        if acts && pairs.len() > 1 && !may_repeat {
            repeated = true;
            continue;
        }
        if !acts {
            continue;
        }
        let source = &rows.rows[pairs[0]];
        let updates = match how {
            MergeHow::Delete => false,
            MergeHow::Conditions => {
                matches!(&source[k.expect("it was looked for")], Some(Value::Int(k)) if *k > 2)
            }
            _ => true,
        };
        if !updates {
            change.removed.push(row.id);
            continue;
        }
        let values = given(state, update.as_deref(), source, Some(row));
        by_chunk.entry(row.place.0).or_default().push((row.id, cells_of(&state.columns, &values)));
        new_values.push(values);
    }
    if let Some(sets) = &insert {
        for (source, _) in rows.rows.iter().zip(&matched).filter(|(_, matched)| !**matched) {
            let wanted = match how {
                MergeHow::Conditions => {
                    matches!(&source[k.expect("it was looked for")], Some(Value::Int(k)) if *k < 5)
                }
                _ => true,
            };
            if wanted && !repeated {
                let values = given(state, Some(sets), source, None);
                change.inserted.push(cells_of(&state.columns, &values));
                new_values.push(values);
            }
        }
    }
    if repeated {
        return refuse("ManySources");
    }
    fit::refuse_nulls(&state.columns, &new_values)?;
    change.updated = by_chunk.into_values().collect();
    Ok(change)
}

fn given(state: &State, sets: Option<&[From]>, source: &[Cell], row: Option<&Row>) -> Vec<Cell> {
    let before = row.map(|row| state.values(row));
    let sets = sets.unwrap_or_default();
    let value = |(at, set): (usize, &From)| match set {
        From::Source(from) => source[*from].clone(),
        From::Nothing => before.as_ref().and_then(|before| before[at].clone()),
    };
    sets.iter().enumerate().map(value).collect()
}
