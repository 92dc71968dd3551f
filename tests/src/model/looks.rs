//! Questions about the past: differences, feeds, blame, bisection, scans. Each is answered by the
//! model as well, from its lists alone.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use annals::error::ReadError;
use annals::{BisectError, Filter, RowState, Snapshot, TableChange, Verdict};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;

use super::conditions::{bind, matching};
use super::draft::{Draft, parse};
use super::engine::{self, moment, read_error};
use super::fit::Refusal;
use super::pair::{Pair, compare};
use super::step::{Moment, Step, Where};
use super::world::{Cell, Row, State, Table, World, cells_text, key_of};

/// What a table's columns that are asked for make of its rows, or why they do not.
type Found<T> = Result<T, Refusal>;

impl Pair {
    /// Asks both.
    pub(super) fn look(&self, step: &Step) {
        match step {
            Step::Diff(name, from, to) => self.diff(name, from, to),
            Step::Changes(name, from, to) => self.changes(name, from, to),
            Step::Blame(name, row) => self.blame(name, *row),
            Step::Bisect(name, rows, back) => self.bisect(name, *rows, *back),
            Step::Scan(name, condition, columns, limit) => {
                self.scan(name, condition.as_ref(), columns, *limit);
            }
            Step::At(at) => {
                let found = self.store.at(moment(at, &self.past));
                let found = found.map(|found| found.version().0);
                let found = found.map_err(|error| engine::travel_error(&error));
                assert_eq!(found, self.past.at(at), "the version at {at:?}");
            }
            Step::Ordinal(name, ordinal) => self.ordinal(name, *ordinal),
            change => unreachable!("{change:?} is no question"),
        }
    }

    /// A table of the newest version.
    fn table(&self, name: &str) -> Found<&Table> {
        let past = &self.past;
        let key = Draft::new(past.now().clone(), 0, past, false).require(name)?;
        Ok(&past.now().tables[&key])
    }

    // ---- differences --------------------------------------------------------------------------

    fn diff(&self, name: &str, from: &Moment, to: &Moment) {
        let (Ok(from), Ok(to)) = (self.past.at(from), self.past.at(to)) else { return };
        let snapshot = |version| self.store.at(version).expect("the model reaches it");
        let (before, after) = (snapshot(from), snapshot(to));
        let (old, new) = (self.past.world(from), self.past.world(to));
        let diff = before.diff(&after);
        let mut found: Vec<String> = diff.tables.iter().map(changed_text).collect();
        found.sort();
        compare(&format!("what differs from v{from} to v{to}"), &found, &differences(old, new));
        assert_eq!(diff.is_empty(), found.is_empty() && diff.databases.is_empty());

        let Ok(name) = parse(name) else { return };
        let key = key_of(&name);
        let asked = format!("{}.{}", name.0, name.1);
        let compared =
            before.row_diff(&after, &*asked).and_then(|rows| rows.by_identity().compare());
        let Some(table) = new.tables.get(&key).or_else(|| old.tables.get(&key)) else {
            compared.expect_err("there is no such table in either");
            return;
        };
        let states = [old, new].map(|world| world.by_id(table.id).map(|t| Arc::clone(&t.state)));
        if states.iter().flatten().any(|state| state.is_view()) {
            return;
        }
        let rows = |state: &Option<Arc<State>>| -> BTreeMap<u64, u64> {
            state.iter().flat_map(|s| &s.rows).map(|row| (row.id, row.changed)).collect()
        };
        let (was, is) = (rows(&states[0]), rows(&states[1]));
        let counts = compared.expect("both are tables").counts();
        let deleted = was.keys().filter(|id| !is.contains_key(id)).count() as u64;
        let inserted = is.keys().filter(|id| !was.contains_key(id)).count() as u64;
        let updated = |(id, changed): &(&u64, &u64)| is.get(id).is_some_and(|now| now != *changed);
        let updated = was.iter().filter(updated).count() as u64;
        assert_eq!(
            (counts.deleted, counts.updated, counts.inserted),
            (deleted, updated, inserted),
            "rows of {asked} deleted, updated and inserted from v{from} to v{to}"
        );
    }

    fn changes(&self, name: &str, from: &Moment, to: &Moment) {
        let (Ok(from), Ok(to), Ok(name)) = (self.past.at(from), self.past.at(to), parse(name))
        else {
            return;
        };
        let asked = format!("{}.{}", name.0, name.1);
        let feed = self.store.changes(&*asked, from, to);
        if from > to {
            let refused = feed.expect_err("the range is the wrong way round");
            return assert_eq!(read_error(&refused), "Range");
        }
        if let Some(Err(expected)) = from.checked_sub(1).map(|base| self.past.reach(base)) {
            return assert_eq!(read_error(&feed.expect_err("there is no base")), expected);
        }
        let last = self.past.world(to);
        let Some(table) = last.tables.get(&key_of(&name)).filter(|t| !t.state.is_view()) else {
            return;
        };
        let id = table.id;
        let state = |version: u64| self.past.world(version).by_id(id).map(|t| Arc::clone(&t.state));
        // Values are compared where rows are read under the columns that they have; elsewhere
        // only how many there are.
        let own = |version: u64| {
            let before = version.checked_sub(1).and_then(state);
            let both = [before, state(version)];
            both.iter().flatten().all(|state| state.columns == table.state.columns)
        };
        let feed = match feed {
            Err(ReadError::OlderRows { .. }) => {
                return assert!((from..=to).any(|version| !own(version)));
            }
            feed => feed.expect("the table is there and its versions are"),
        };
        let mut found = Vec::new();
        for batch in feed {
            let batch = batch.expect("rows can be read");
            let own_columns = batch.num_columns() - 3;
            let kinds = batch.column(own_columns).as_string::<i32>().clone();
            let versions = batch.column(own_columns + 1).as_primitive::<UInt64Type>().clone();
            let only: Vec<usize> = (0..own_columns).collect();
            let rows = engine::cells(&batch.project(&only).expect("they are there"));
            for (at, row) in rows.iter().enumerate() {
                let version = versions.value(at);
                let values = if own(version) { cells_text(row) } else { String::new() };
                found.push(format!("v{version} {}: {values}", kinds.value(at)));
            }
        }
        let mut expected = Vec::new();
        for version in from..=to {
            let rows = |state: Option<Arc<State>>| -> BTreeMap<u64, (u64, Vec<Cell>)> {
                let state = state.filter(|state| !state.is_view());
                let of = |state: &State, row: &Row| (row.id, (row.changed, state.values(row)));
                state.iter().flat_map(|s| s.rows.iter().map(|row| of(s, row))).collect()
            };
            let before = rows(version.checked_sub(1).and_then(state));
            let after = rows(state(version));
            let mut note = |kind: &str, values: &[Cell]| {
                let values = if own(version) { cells_text(values) } else { String::new() };
                expected.push(format!("v{version} {kind}: {values}"));
            };
            for (id, (changed, values)) in &before {
                match after.get(id) {
                    None => note("delete", values),
                    Some((now, new)) if now != changed => {
                        note("update_preimage", values);
                        note("update_postimage", new);
                    }
                    Some(_) => {}
                }
            }
            let new = after.iter().filter(|(id, _)| !before.contains_key(id));
            new.for_each(|(_, (_, values))| note("insert", values));
        }
        found.sort();
        expected.sort();
        compare(&format!("the changes of {asked} from v{from} to v{to}"), &found, &expected);
    }

    // ---- rows and their commits ----------------------------------------------------------------

    fn blame(&self, name: &str, row: u64) {
        let blame = self.store.blame(name, Filter::all());
        let table = match (&blame, self.table(name)) {
            (Err(error), Err(expected)) => return assert_eq!(read_error(error), expected),
            (Err(error), Ok(table)) => {
                assert!(table.state.is_view(), "{error}");
                return assert_eq!(read_error(error), "View");
            }
            (Ok(_), table) => table.expect("the engine found it"),
        };
        let blame = blame.expect("it was found");
        let state = &table.state;
        let told = |id: u64, born: u64, changed: u64, values: &[Cell]| {
            format!("#{id} of v{born}, v{changed}: {}", cells_text(values))
        };
        let found: Vec<String> = blame
            .iter()
            .map(|row| {
                let values = engine::cells(&row.values).remove(0);
                told(row.row, row.inserted.0, row.changed.0, &values)
            })
            .collect();
        let expected = state.rows.iter();
        let expected = expected.map(|r| told(r.id, r.born, r.changed, &state.values(r)));
        compare(&format!("the blame of {name}"), &found, &expected.collect::<Vec<_>>());
        let commits: u64 = blame.commits().iter().map(|commit| commit.rows).sum();
        assert_eq!(commits, state.rows.len() as u64);

        let now = state.rows.iter().find(|of| of.id == row).map(|row| state.values(row));
        let has = |version: &u64| {
            let then = self.past.world(*version).by_id(table.id);
            then.is_some_and(|then| then.state.rows.iter().any(|of| of.id == row))
        };
        let (kept, oldest) = (self.past.versions(), self.past.oldest);
        // Behind a gap it is not looked for.
        let ever = kept.iter().any(has);
        let of_late = kept.iter().filter(|version| **version >= oldest).any(has);
        match self.store.row_history(name, row) {
            Err(error) => {
                assert_eq!(read_error(&error), "NoRow");
                assert!(!of_late, "row {row} of {name} is retained");
            }
            Ok(history) => {
                assert!(ever, "row {row} of {name} is nowhere");
                match &history.last().state {
                    RowState::Deleted => assert_eq!(now, None, "row {row} is there"),
                    RowState::Inserted(values) | RowState::Updated(values) => {
                        let values = engine::cells(values).remove(0);
                        // It has its values under the columns that it got them under.
                        let same = values.len() != state.columns.len()
                            || history.last().version.0 < table.since
                            || Some(&values) == now.as_ref();
                        assert!(now.is_some() && same, "row {row}: {values:?}, not {now:?}");
                    }
                    state => panic!("{state:?}, which the model does not know"),
                }
            }
        }
    }

    fn bisect(&self, name: &'static str, rows: u64, back: u64) {
        let good = self.past.back(back);
        let newest = self.past.newest();
        let is_bad = |snapshot: &Snapshot| {
            let table = snapshot.table(name).ok();
            Ok::<_, Infallible>(Verdict::from(table.is_none_or(|t| t.row_count() < rows)))
        };
        let holds = |version: u64| {
            let key = parse(name).map(|name| key_of(&name));
            let table = key.ok().and_then(|key| self.past.world(version).tables.get(&key));
            table.is_none_or(|table| (table.state.rows.len() as u64) < rows)
        };
        let linear = match self.store.bisect_linear(good, newest, is_bad) {
            Ok(found) => found,
            Err(BisectError::Travel { source: error, .. }) => {
                let expected = self.past.reach(good).expect_err("the engine does not reach it");
                return assert_eq!(engine::travel_error(&error), expected);
            }
            Err(error) => return assert_eq!(good, newest, "{error}"),
        };
        let range: Vec<u64> =
            self.past.versions().into_iter().filter(|version| *version >= good).collect();
        let expected = range.iter().copied().find(|version| !holds(*version));
        let first = |found: &annals::Bisection| found.first_bad().map(|bad| bad.version().0);
        assert_eq!(first(&linear), expected, "the first version with {rows} rows of {name}");
        let found = self.store.bisect(good, newest, is_bad).expect("as before");
        match first(&found) {
            None => assert_eq!(expected, None),
            // Any change from good to bad is an answer, if there are several.
            Some(bad) => {
                let before = range.iter().rev().find(|version| **version < bad);
                assert!(!holds(bad), "v{bad} is good");
                assert!(before.is_none_or(|before| holds(*before)), "before v{bad} it was bad");
            }
        }
    }

    // ---- one state ------------------------------------------------------------------------------

    fn scan(&self, name: &str, condition: Option<&Where>, columns: &[&'static str], limit: u64) {
        let table = match (self.store.table(name), self.table(name)) {
            (Err(error), Err(expected)) => return assert_eq!(read_error(&error), expected),
            (found, expected) => {
                expected.expect("the engine found it");
                found.expect("the model found it")
            }
        };
        let state = &self.table(name).expect("it is there").state;
        let mut scan = table.scan();
        if let Some(condition) = condition {
            scan = scan.filter(engine::predicate(condition));
        }
        if !columns.is_empty() {
            scan = scan.columns(columns.iter().copied());
        }
        if limit > 0 {
            scan = scan.limit(limit);
        }
        let count = scan.clone().count();
        let found = scan.collect();
        if state.is_view() {
            return assert_eq!(read_error(&found.expect_err("a view has no rows")), "View");
        }
        let places: Option<Vec<usize>> = match columns.is_empty() {
            true => Some((0..state.columns.len()).collect()),
            false => columns.iter().map(|column| state.find(column)).collect(),
        };
        let bound = condition.map_or(Ok(()), |condition| bind(state, condition, "Predicate"));
        let (Some(places), Ok(())) = (places.clone(), bound.clone()) else {
            let kind = read_error(&found.expect_err("it does not go with the table"));
            let fits =
                (kind == "NoColumn" && places.is_none()) || (kind == "Predicate" && bound.is_err());
            return assert!(fits, "{kind}");
        };
        let most = if limit > 0 { limit as usize } else { usize::MAX };
        let text = |row: &Row| {
            let values = state.values(row);
            cells_text(&places.iter().map(|at| values[*at].clone()).collect::<Vec<_>>())
        };
        let expected: Vec<String> = matching(state, condition).take(most).map(text).collect();
        let batches = found.expect("it goes with the table");
        let found: Vec<String> =
            batches.iter().flat_map(engine::cells).map(|row| cells_text(&row)).collect();
        compare(&format!("a scan of {name}"), &found, &expected);
        assert_eq!(count.expect("it goes with the table"), expected.len() as u64);
    }

    fn ordinal(&self, name: &str, ordinal: u64) {
        let found = self.store.table_at_ordinal(name, ordinal);
        let expected = self.table(name).and_then(|now| {
            if ordinal > now.ordinal {
                return Err("Travel.NoOrdinal".to_owned());
            }
            let state = |version: &u64| {
                let then = self.past.world(*version).by_id(now.id)?;
                (then.ordinal == ordinal).then(|| Arc::clone(&then.state))
            };
            let found = self.past.versions().iter().find_map(state);
            found.ok_or_else(|| "Travel.OrdinalExpired".to_owned())
        });
        match (found, expected) {
            (Ok(table), Ok(state)) => {
                assert_eq!(table.ordinal(), ordinal);
                if !state.is_view() {
                    let batches = table.read().expect("a table can be read");
                    let rows = batches.iter().flat_map(engine::cells);
                    let rows: Vec<String> = rows.map(|row| cells_text(&row)).collect();
                    let expected = state.rows.iter().map(|row| cells_text(&state.values(row)));
                    let what = format!("state {ordinal} of {name}");
                    compare(&what, &rows, &expected.collect::<Vec<_>>());
                }
            }
            (Err(error), Err(expected)) => assert_eq!(read_error(&error), expected, "{name}"),
            (found, expected) => {
                let found = found.map(|table| table.ordinal());
                panic!("state {ordinal} of {name}: {found:?}, the model says {expected:?}")
            }
        }
    }
}

fn changed_text(change: &TableChange) -> String {
    let kind = match change {
        TableChange::Added { .. } => "added",
        TableChange::Removed { .. } => "removed",
        TableChange::Changed { .. } => "changed",
    };
    let name = change.name();
    format!("{}.{} #{} {kind}", name.database_str(), name.table_str(), change.id().0).to_lowercase()
}

/// Which tables came, went and changed.
fn differences(old: &World, new: &World) -> Vec<String> {
    let keys: BTreeSet<_> = old.tables.keys().chain(new.tables.keys()).collect();
    let mut lines = Vec::new();
    for key in keys {
        let name = format!("{}.{}", key.0, key.1);
        match (old.tables.get(key), new.tables.get(key)) {
            (Some(was), Some(is)) if was.id == is.id => {
                if !Arc::ptr_eq(&was.state, &is.state) || was.name.1 != is.name.1 {
                    lines.push(format!("{name} #{} changed", is.id));
                }
            }
            (was, is) => {
                lines.extend(was.map(|table| format!("{name} #{} removed", table.id)));
                lines.extend(is.map(|table| format!("{name} #{} added", table.id)));
            }
        }
    }
    lines.sort();
    lines
}
