//! What undoing one commit comes to, facet by facet: name, columns, properties, and row by row.
//!
//! Where a later commit stands in the way there is nothing to do but to refuse. The engine may
//! refuse more often than this says, for it judges by the kind of what was done since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, RowChange};
use super::fit::{Refusal, refuse};
use super::world::{Database, Row, State, Table, World, fold, key_of};

/// One value without the step from `then` to `made`; none if it was changed since.
fn facet<T: PartialEq + Clone>(then: &T, made: &T, now: &T) -> Result<T, Refusal> {
    if then == made || then == now {
        Ok(now.clone())
    } else if made == now {
        Ok(then.clone())
    } else {
        refuse("Revert")
    }
}

type Said = (Option<String>, BTreeMap<String, String>);

/// Comment and properties, each key on its own.
fn said_back(then: &Said, made: &Said, now: &Said) -> Result<Said, Refusal> {
    let comment = facet(&then.0, &made.0, &now.0)?;
    let mut properties = now.1.clone();
    for key in then.1.keys().chain(made.1.keys()) {
        let of = |said: &Said| said.1.get(key).cloned();
        match facet(&of(then), &of(made), &of(now))? {
            Some(value) => properties.insert(key.clone(), value),
            None => properties.remove(key),
        };
    }
    Ok((comment, properties))
}

/// What is brought back and taken away. It is decided once: where the same is done once more on
/// what others have changed meanwhile, what they did is no reason to do more, or less.
struct Decided {
    given: Option<BTreeSet<String>>,
    made: BTreeSet<String>,
}

impl Decided {
    fn on(&mut self, what: String, here: bool) -> bool {
        let does = self.given.as_ref().map_or(here, |given| given.contains(&what));
        if does {
            self.made.insert(what);
        }
        does
    }
}

impl Draft<'_> {
    /// Undoes what was done between two versions.
    pub fn revert(&mut self, before: u64, after: u64) -> Result<(), Refusal> {
        let old = self.past.world(before).clone();
        let new = self.past.world(after).clone();
        let given = match &mut self.given {
            Some((changes, ..)) => match changes.pop_front() {
                Some(change) => Some(change.reverted),
                None => return refuse("decided otherwise"),
            },
            None => None,
        };
        let mut decided = Decided { given, made: BTreeSet::new() };
        self.databases_that_return(&old, &new, &mut decided)?;
        let ids = |world: &World| world.tables.values().map(|t| t.id).collect::<Vec<_>>();
        let mut all: Vec<u64> = ids(&old).into_iter().chain(ids(&new)).collect();
        all.sort_unstable();
        all.dedup();
        // Names are left before others take them.
        let mut arriving: Vec<Table> = Vec::new();
        let mut returning: Vec<Table> = Vec::new();
        let mut contents: Vec<(u64, Arc<State>)> = Vec::new();
        for id in all {
            let now = self.world.by_id(id).cloned();
            match (old.by_id(id), new.by_id(id), now) {
                (None, Some(made), now) => {
                    if !decided.on(format!("-{id}"), now.is_some()) {
                        continue;
                    }
                    let Some(now) = now else { return refuse("Revert") };
                    // Carried over, it is a drop of what has been read: that goes with other
                    // properties and further columns.
                    let same = match self.given.is_some() {
                        true => rows_with(&made.state) == rows_with(&now.state),
                        false => same_content(&made.state, &now.state),
                    };
                    if !same || made.name != now.name {
                        return refuse("Revert");
                    }
                    self.world.tables.remove(&key_of(&now.name));
                    self.records.push(("".to_owned(), "".to_owned(), [0; 3]));
                }
                (Some(then), None, now) if decided.on(format!("+{id}"), now.is_none()) => {
                    if now.is_some() {
                        return refuse("Revert");
                    }
                    returning.push(then.clone());
                }
                (Some(then), Some(made), now) => {
                    if then.name == made.name && Arc::ptr_eq(&then.state, &made.state) {
                        continue;
                    }
                    let Some(now) = now else { return refuse("Revert") };
                    let name = facet(&then.name, &made.name, &now.name)?;
                    if name != now.name {
                        self.world.tables.remove(&key_of(&now.name));
                        arriving.push(Table { name, ..now.clone() });
                    }
                    let state = undone(&then.state, &made.state, &now.state)?;
                    if !Arc::ptr_eq(&state, &now.state) {
                        contents.push((id, state));
                    }
                }
                _ => {}
            }
        }
        for table in arriving {
            let key = key_of(&table.name);
            if self.world.tables.contains_key(&key) || !self.world.databases.contains_key(&key.0) {
                return refuse("Revert");
            }
            let (name, state) = (table.name.clone(), Arc::clone(&table.state));
            self.world.tables.insert(key.clone(), table);
            // A rename is a change, whatever else is.
            self.put_shared(&key, state);
            self.note("", &name, [0; 3]);
        }
        for table in returning {
            let key = key_of(&table.name);
            if self.world.tables.contains_key(&key) || !self.world.databases.contains_key(&key.0) {
                return refuse("Revert");
            }
            let database = self.world.databases[&key.0].name.clone();
            let name = (database, table.name.1.clone());
            self.bring_back(name.clone(), &table);
            self.note("", &name, [0; 3]);
        }
        for (id, state) in contents {
            let table = self.world.by_id(id).expect("it is there");
            let (key, name) = (key_of(&table.name), table.name.clone());
            self.put_shared(&key, state);
            self.note("", &name, [0; 3]);
        }
        self.databases_that_go(&old, &new, &mut decided)?;
        self.decided.push(RowChange { reverted: decided.made, ..RowChange::default() });
        Ok(())
    }

    fn note_database(&mut self, name: &str) {
        self.records.push((String::new(), name.to_owned(), [0; 3]));
    }

    fn databases_that_return(
        &mut self,
        old: &World,
        new: &World,
        decided: &mut Decided,
    ) -> Result<(), Refusal> {
        for (folded, database) in &old.databases {
            let is_there = self.world.databases.contains_key(folded);
            if new.databases.contains_key(folded) || !decided.on(format!("+{folded}"), !is_there) {
                continue;
            }
            if is_there {
                return refuse("Catalog.DatabaseExists");
            }
            self.world.databases.insert(folded.clone(), database.clone());
            self.note_database(&database.name);
        }
        Ok(())
    }

    fn databases_that_go(
        &mut self,
        old: &World,
        new: &World,
        decided: &mut Decided,
    ) -> Result<(), Refusal> {
        for (folded, made) in &new.databases {
            let now = self.world.databases.get(folded).cloned();
            match (old.databases.get(folded), now) {
                (None, now) => {
                    if !decided.on(format!("-{folded}"), now.is_some()) {
                        continue;
                    }
                    if now.is_none() || self.world.tables.keys().any(|(of, _)| of == folded) {
                        return refuse("Revert");
                    }
                    self.world.databases.remove(folded);
                    self.note_database(&made.name);
                }
                (Some(then), now) if then != made => {
                    let Some(now) = now else { return refuse("Revert") };
                    let said = |d: &Database| (d.comment.clone(), d.properties.clone());
                    let (comment, properties) = said_back(&said(then), &said(made), &said(&now))?;
                    let database = Database { name: now.name.clone(), comment, properties };
                    if database != now {
                        self.world.databases.insert(fold(&now.name), database);
                        self.note_database(&made.name);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The rows of a state with the versions behind them; where they lie does not matter.
fn rows_with(state: &State) -> BTreeMap<u64, u64> {
    state.rows.iter().map(|row| (row.id, row.changed)).collect()
}

/// Whether two states show the same.
fn same_content(one: &State, other: &State) -> bool {
    let bare = |state: &State| State { rows: Vec::new(), ..state.clone() };
    rows_with(one) == rows_with(other) && bare(one) == bare(other)
}

/// The state that is left when the step between two is undone on a third: that third itself if
/// there is nothing to undo.
fn undone(then: &Arc<State>, made: &Arc<State>, now: &Arc<State>) -> Result<Arc<State>, Refusal> {
    if Arc::ptr_eq(then, made) || Arc::ptr_eq(then, now) {
        return Ok(Arc::clone(now));
    }
    let is_another = then.what != made.what || then.partition_by != made.partition_by;
    if is_another {
        return if Arc::ptr_eq(made, now) { Ok(Arc::clone(then)) } else { refuse("Revert") };
    }
    let said = |state: &State| (state.comment.clone(), state.properties.clone());
    let (comment, properties) = said_back(&said(then), &said(made), &said(now))?;
    let columns = facet(&then.columns, &made.columns, &now.columns)?;
    let rows = undone_rows(then, made, now, columns == now.columns)?;
    let state = State { comment, properties, columns, rows, ..State::clone(now) };
    Ok(if state == **now { Arc::clone(now) } else { Arc::new(state) })
}

fn undone_rows(
    then: &State,
    made: &State,
    now: &State,
    columns_stay: bool,
) -> Result<Vec<Row>, Refusal> {
    let by_id = |state: &State| -> BTreeMap<u64, Row> {
        state.rows.iter().map(|row| (row.id, row.clone())).collect()
    };
    let (then, made) = (by_id(then), by_id(made));
    let mut rows = by_id(now);
    // A row that was only written anew is the same, unless columns come back with it.
    let changed = |row: &Row| (row.changed, if columns_stay { (0, 0) } else { row.place });
    let ids: BTreeSet<u64> = then.keys().chain(made.keys()).copied().collect();
    for id in ids {
        let (old, new) = (then.get(&id).map(changed), made.get(&id).map(changed));
        if old == new {
            continue;
        }
        let present = rows.get(&id).map(|row| row.changed);
        let (old, new) = (then.get(&id), made.get(&id));
        if columns_stay && old.map(|row| row.changed) == present {
            continue;
        }
        match (new, present) {
            // Deleted since, or brought back since: it stays so.
            (Some(_), None) | (None, Some(_)) => {}
            (Some(new), Some(present)) if new.changed != present => return refuse("Revert"),
            _ => match old {
                Some(row) => drop(rows.insert(id, row.clone())),
                None => drop(rows.remove(&id)),
            },
        }
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    rows.sort_by_key(|row| row.place);
    Ok(rows)
}
