//! Reverts of any commit in any history, against a model that undoes facet by facet: names,
//! columns, properties, and rows by their ids.

use std::collections::BTreeSet;

use super::*;
use crate::catalog::tests::kit::{Dice, columns_of, each_seed, rows_in, rows_of, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::rows::live;
use crate::catalog::tests::wishes::{Wish, random_wish};
use crate::schema::{Column, ColumnId};
use crate::table::Origin;
use crate::write_set::SchemaChange;

type Values = BTreeMap<ColumnId, Option<i64>>;
type Said = (Option<String>, BTreeMap<String, String>);

/// What a reader sees of a table, by identities.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    name: TableName,
    kind: String,
    partition_by: Vec<ColumnId>,
    columns: Vec<Column>,
    said: Said,
    rows: BTreeMap<u64, (Origin, Values)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Whole {
    databases: BTreeMap<String, Said>,
    tables: BTreeMap<TableId, Shown>,
}

fn said(comment: Option<&str>, properties: &Properties) -> Said {
    let pairs = properties.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    (comment.map(str::to_owned), pairs.collect())
}

impl Shown {
    fn of(table: &TableVersion) -> Self {
        let (state, mut rows) = (table.state(), BTreeMap::new());
        for (_, entry) in state.chunks() {
            let values = rows_in(state, entry);
            for at in live(entry) {
                let columns = state.schema().columns().iter();
                let values = columns.map(|c| (c.id(), values[at as usize][c.name()])).collect();
                let origin = entry.origin(at);
                assert_eq!(rows.insert(origin.row, (origin, values)), None, "a row is there twice");
            }
        }
        Self {
            name: table.name().clone(),
            kind: format!("{:?}", state.kind()),
            partition_by: state.details().partition_by.to_vec(),
            columns: state.schema().columns().to_vec(),
            said: said(state.details().comment.as_deref(), &state.details().properties),
            rows,
        }
    }
}

impl Whole {
    fn of(catalog: &Catalog) -> Self {
        let databases = catalog.databases();
        let tables = catalog.tables().map(|(_, table)| (table.id(), Shown::of(table)));
        Self {
            databases: databases
                .map(|d| (d.name().as_str().to_owned(), said(d.comment(), d.properties())))
                .collect(),
            tables: tables.collect(),
        }
    }
}

/// Forgets the values of which nothing is said.
fn without_unsaid(mut whole: Whole, said: &Whole) -> Whole {
    for (id, shown) in &mut whole.tables {
        for (row, (_, values)) in &mut shown.rows {
            let said = said.tables.get(id).and_then(|shown| shown.rows.get(row));
            values.retain(|column, _| said.is_none_or(|(_, said)| said.contains_key(column)));
        }
    }
    whole
}

/// Something was done since that undoing would take back.
#[derive(Debug)]
struct Blocked;

/// What one facet is in the end.
fn undone<T: PartialEq + Clone>(then: &T, made: &T, now: &T) -> Result<T, Blocked> {
    match then == made || then == now {
        true => Ok(now.clone()),
        false if made == now => Ok(then.clone()),
        false => Err(Blocked),
    }
}

fn undone_said(then: &Said, made: &Said, now: &Said) -> Result<Said, Blocked> {
    let comment = undone(&then.0, &made.0, &now.0)?;
    let mut properties = now.1.clone();
    for key in then.1.keys().chain(made.1.keys()) {
        match undone(&then.1.get(key), &made.1.get(key), &now.1.get(key))? {
            Some(value) => drop(properties.insert(key.clone(), value.clone())),
            None => drop(properties.remove(key)),
        }
    }
    Ok((comment, properties))
}

fn undone_table(then: &Shown, made: &Shown, now: &Shown) -> Result<Shown, Blocked> {
    let columns = undone(&then.columns, &made.columns, &now.columns)?;
    let mut rows = now.rows.clone();
    let origin = |shown: &Shown, id| shown.rows.get(id).map(|(origin, _)| *origin);
    for id in then.rows.keys().chain(made.rows.keys()) {
        let (old, new, present) = (origin(then, id), origin(made, id), origin(now, id));
        if old == new || old == present {
            continue;
        }
        match (new, present) {
            // Deleted since: it stays so.
            (Some(_), None) => {}
            (Some(new), Some(present)) if new != present => return Err(Blocked),
            // Brought back since, as it was or otherwise: it stays.
            (None, Some(_)) => {}
            _ => match then.rows.get(id) {
                Some(row) => drop(rows.insert(*id, row.clone())),
                None => drop(rows.remove(id)),
            },
        }
    }
    // A column that comes back has the values that it had. Where the row was not there then, its
    // chunk may have them from before: nothing is said of these.
    for (id, (_, values)) in &mut rows {
        let value = |column: &Column| {
            let old = || then.rows.get(id)?.1.get(&column.id()).copied();
            Some((column.id(), values.get(&column.id()).copied().or_else(old)?))
        };
        *values = columns.iter().filter_map(value).collect();
    }
    Ok(Shown {
        name: undone(&then.name, &made.name, &now.name)?,
        kind: undone(&then.kind, &made.kind, &now.kind)?,
        partition_by: undone(&then.partition_by, &made.partition_by, &now.partition_by)?,
        columns,
        said: undone_said(&then.said, &made.said, &now.said)?,
        rows,
    })
}

/// The whole without the commit between `then` and `made`.
fn undone_whole(then: &Whole, made: &Whole, now: &Whole) -> Result<Whole, Blocked> {
    let mut whole = now.clone();
    for (name, old) in &then.databases {
        match (made.databases.get(name), now.databases.get(name)) {
            (None, None) => drop(whole.databases.insert(name.clone(), old.clone())),
            (Some(new), Some(present)) => {
                whole.databases.insert(name.clone(), undone_said(old, new, present)?);
            }
            (Some(new), None) if new != old => return Err(Blocked),
            _ => {}
        }
    }
    for name in made.databases.keys().filter(|name| !then.databases.contains_key(*name)) {
        whole.databases.remove(name);
    }
    let ids: BTreeSet<&TableId> = then.tables.keys().chain(made.tables.keys()).collect();
    for id in ids {
        match (then.tables.get(id), made.tables.get(id), now.tables.get(id)) {
            (None, Some(_), None) | (Some(_), None, Some(_)) => {}
            (None, Some(made), Some(now)) if made != now => return Err(Blocked),
            (None, Some(_), Some(_)) => drop(whole.tables.remove(id)),
            (Some(then), None, None) => drop(whole.tables.insert(*id, then.clone())),
            (Some(then), Some(made), None) if then != made => return Err(Blocked),
            (Some(then), Some(made), Some(now)) => {
                whole.tables.insert(*id, undone_table(then, made, now)?);
            }
            _ => {}
        }
    }
    let names: BTreeSet<&TableName> = whole.tables.values().map(|table| &table.name).collect();
    let homeless = names
        .iter()
        .any(|name| !whole.databases.keys().any(|d| d.eq_ignore_ascii_case(name.database_str())));
    if names.len() < whole.tables.len() || homeless { Err(Blocked) } else { Ok(whole) }
}

/// Whether what is said to stand in the way is there, if it is about the table of this id.
fn is_there(obstacle: &Obstacle, id: Option<TableId>, versions: [&Version; 3]) -> bool {
    let [then, made, now] = versions;
    let since = |stamp: VersionId| stamp > made.id();
    let find = |version: &Version| {
        let mut tables = version.catalog().tables().map(|(_, table)| Arc::clone(table));
        tables.find(|table| Some(table.id()) == id)
    };
    let table = find(now);
    let shown = |version: &Version| find(version).map(|table| Shown::of(&table));
    match &obstacle.reason {
        Reason::Changed { .. } => table.is_some_and(|table| since(table.since())),
        Reason::Dropped => match &obstacle.subject {
            Subject::Database(name) => now.catalog().database(name).is_none(),
            _ => table.is_none(),
        },
        Reason::Renamed { to } => table.is_some_and(|table| table.name() == to),
        Reason::NameTaken { name } => now.catalog().table(name).is_some_and(|t| Some(t.id()) != id),
        Reason::NoDatabase => true,
        Reason::DatabaseInUse => now.catalog().table_count() > 0,
        Reason::Replaced { .. } => {
            table.is_some_and(|t| since(t.stamps().overwrite.max(t.stamps().restore)))
        }
        Reason::RowsUpdated { rows } => {
            let (Some(then), Some(made), Some(now)) = (shown(then), shown(made), shown(now)) else {
                return false;
            };
            let updated = now.rows.values().filter(|(origin, _)| {
                let by = |shown: &Shown| shown.rows.get(&origin.row).map(|(of, _)| of.changed);
                origin.changed == obstacle.version
                    && by(&made).is_some_and(|made| made != origin.changed)
                    && (by(&then) != by(&made) || then.columns != made.columns)
            });
            updated.count() as u64 == *rows
        }
        Reason::SchemaChanged => shown(made).map(|t| t.columns) != shown(now).map(|t| t.columns),
        Reason::RowsWritten => table.is_some_and(|t| {
            let born = |(_, entry): (u64, &crate::table::ChunkEntry)| since(entry.birth());
            t.state().chunks().any(born) || since(t.stamps().rows)
        }),
        Reason::PropertySet { key } => {
            let said = |version: &Version| match &obstacle.subject {
                Subject::Database(name) => {
                    version.catalog().database(name).map(|d| said(d.comment(), d.properties()))
                }
                _ => shown(version).map(|shown| shown.said),
            };
            let [then, made, now] = [then, made, now].map(said);
            let value = |said: &Option<Said>| match key {
                None => said.as_ref()?.0.clone(),
                Some(key) => said.as_ref()?.1.get(&**key).cloned(),
            };
            undone(&value(&then), &value(&made), &value(&now)).is_err()
        }
    }
}

/// Panics unless what is said to stand in the way is there.
fn justified(obstacle: &Obstacle, versions: [&Version; 3]) {
    // A name may have been that of several tables.
    let ids: Vec<Option<TableId>> = match &obstacle.subject {
        Subject::Table(name) => {
            let table = |version: &&Version| Some(version.catalog().table(name)?.id());
            versions.iter().map(table).filter(Option::is_some).collect()
        }
        _ => vec![None],
    };
    assert!(obstacle.version >= versions[1].id(), "{obstacle}");
    assert!(ids.iter().any(|id| is_there(obstacle, *id, versions)), "{obstacle}, {ids:?}");
}

fn random_commit(dice: &mut Dice, story: &mut Story) {
    let mut tx = story.begin();
    for _ in 0..1 + dice.below(3) {
        let wish = random_wish(dice, &tx.draft, &story.versions);
        let _ = tx.wish(&wish);
    }
    story.commit(tx).unwrap();
}

/// Stages what undoes a version, and commits it.
fn carry_out(story: &mut Story, changes: Vec<Change>) {
    let mut tx = story.begin();
    for change in changes {
        let told = format!("{change:?}");
        tx.stage(change).unwrap_or_else(|error| panic!("{error}: {told}"));
    }
    story.commit(tx).unwrap();
}

#[test]
fn any_commit_is_undone_as_a_model_says_or_something_is_in_the_way() {
    let (mut planned, mut empty, mut blocked) = (0, 0, 0);
    let mut reasons: BTreeMap<String, u32> = BTreeMap::new();
    each_seed(0..150, |dice| {
        let mut story = Story::new();
        for _ in 0..14 {
            random_commit(dice, &mut story);
        }
        for _ in 0..12 {
            let at = story.versions.len() - 1 - dice.below(6);
            let [before, after] = [at - 1, at].map(|at| Arc::clone(&story.versions[at]));
            let head = story.head();
            let [then, made, now] = [&before, &after, &head].map(|v| Whole::of(v.catalog()));
            let expected = undone_whole(&then, &made, &now);
            match plan(&before, &after, head.catalog()) {
                Ok(changes) => {
                    let expected = expected.expect("the model says that something is in the way");
                    planned += 1;
                    empty += u32::from(changes.is_empty());
                    carry_out(&mut story, changes);
                    let undone = without_unsaid(Whole::of(story.head().catalog()), &expected);
                    assert_eq!(undone, expected, "{} on {}", after.id(), head.id());
                    let again = plan(&before, &after, story.head().catalog()).unwrap();
                    assert!(again.is_empty(), "there is more to undo: {again:?}");
                }
                Err(obstacles) => {
                    blocked += 1;
                    assert!(!obstacles.is_empty());
                    for obstacle in &obstacles {
                        justified(obstacle, [&before, &after, &head]);
                        let reason = format!("{:?}", obstacle.reason);
                        let reason = reason.split([' ', '{']).next().unwrap().to_owned();
                        *reasons.entry(reason).or_default() += 1;
                    }
                }
            }
            random_commit(dice, &mut story);
        }
    });
    assert!(planned > 300 && planned - empty > 200 && blocked > 100, "{planned} {empty} {blocked}");
    assert!(reasons.len() >= 9, "{reasons:?}");
}

#[test]
fn the_newest_commit_is_undone_to_what_a_reader_saw_before_it() {
    let mut reordered = 0;
    each_seed(1_000..1_200, |dice| {
        let mut story = Story::new();
        for _ in 0..6 {
            random_commit(dice, &mut story);
        }
        for _ in 0..8 {
            random_commit(dice, &mut story);
            let [before, after] = [2, 1].map(|back| &story.versions[story.versions.len() - back]);
            let (before, after) = (Arc::clone(before), Arc::clone(after));
            let changes = plan(&before, &after, after.catalog());
            let changes = changes.unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
            carry_out(&mut story, changes);
            let head = story.head();
            assert_eq!(Whole::of(head.catalog()), Whole::of(before.catalog()));
            for ((name, then), (now_name, now)) in
                before.catalog().tables().zip(head.catalog().tables())
            {
                assert_eq!(name.to_string(), now_name.to_string());
                assert_eq!(columns_of(then.state()), columns_of(now.state()), "{name}");
                let (mut old, mut new) = (rows_of(then.state()), rows_of(now.state()));
                if after.catalog().tables().any(|(_, t)| t.stamps().compact == after.id()) {
                    reordered += 1;
                    old.sort();
                    new.sort();
                }
                assert_eq!(old, new, "{name}");
            }
        }
    });
    assert!(reordered > 10, "{reordered}");
}

/// Tables of these names, and what one commit then renamed.
fn renamed(names: &[&str], renames: &[(&str, &str)]) -> (Story, [Arc<Version>; 2]) {
    let mut story = Story::new();
    for name in names {
        story.make(name, &["k"], &[]);
    }
    let before = story.head();
    let wishes: Vec<_> = renames.iter().map(|(from, to)| Wish::rename(from, to)).collect();
    let after = story.all(&wishes);
    (story, [before, after])
}

#[test]
fn names_that_went_round_in_a_ring_go_back() {
    // The name that would be the first to step aside to is taken.
    let ring = [("a", "t"), ("c", "a"), ("b", "c"), ("t", "b")];
    let (mut story, [before, after]) = renamed(&["a", "b", "c", "`aside 0`"], &ring);
    let changes = plan(&before, &after, after.catalog()).unwrap();
    assert_eq!(changes.len(), 4);
    carry_out(&mut story, changes);
    assert_eq!(Whole::of(story.head().catalog()), Whole::of(before.catalog()));
}

#[test]
fn names_that_moved_up_one_after_the_other_move_down_again() {
    let chains = [("y", "z"), ("x", "y"), ("b", "c"), ("a", "b")];
    let (mut story, [before, after]) = renamed(&["x", "a", "y", "b"], &chains);
    let changes = plan(&before, &after, after.catalog()).unwrap();
    carry_out(&mut story, changes);
    assert_eq!(Whole::of(story.head().catalog()), Whole::of(before.catalog()));
}

#[test]
fn a_name_that_a_stranger_took_is_in_the_way_of_all_behind_it() {
    let (mut story, [before, after]) = renamed(&["x", "s"], &[("x", "y"), ("s", "x")]);
    let stranger = story.make("s", &["k"], &[]).id();
    let obstacles = plan(&before, &after, story.head().catalog()).unwrap_err();
    let told: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
    let of = |name: &str| Subject::Table(table(name));
    assert_eq!(obstacles.iter().map(|o| &o.subject).collect::<Vec<_>>(), [&of("y"), &of("x")]);
    assert_eq!(obstacles[1].reason, Reason::NameTaken { name: table("s") });
    assert_eq!((obstacles[1].version, told.len()), (stranger, 2), "{told:?}");
}

#[test]
fn what_is_in_the_way_is_told_in_words() {
    let by = "an update";
    let cases = [
        (Reason::Changed { by }, "it was changed by an update"),
        (Reason::Dropped, "it was dropped"),
        (Reason::Renamed { to: table("u") }, "it was renamed to default.u"),
        (Reason::NameTaken { name: table("u") }, "the name default.u is taken"),
        (Reason::NoDatabase, "its database is gone"),
        (Reason::DatabaseInUse, "tables were made in it"),
        (Reason::Replaced { by }, "its rows were replaced by an update"),
        (Reason::RowsUpdated { rows: 3 }, "3 of the rows were updated"),
        (Reason::SchemaChanged, "its columns were altered"),
        (Reason::RowsWritten, "rows were written that depend on its columns"),
        (Reason::PropertySet { key: Some(Arc::from("k")) }, "the property `k` was set"),
        (Reason::PropertySet { key: None }, "the comment was set"),
    ];
    for (reason, words) in cases {
        let subject = Subject::Table(table("t"));
        let obstacle = Obstacle { subject, reason, version: VersionId(7), commit: None };
        assert_eq!(obstacle.to_string(), format!("default.t: {words} in v7"));
    }
    // Where it was done, if that is known.
    let mut story = Story::new();
    let commit = story.make("t", &["k"], &[]).commit().cloned();
    let subject = Subject::Table(table("t"));
    let obstacle = Obstacle { subject, reason: Reason::Dropped, version: VersionId(1), commit };
    assert!(obstacle.to_string().ends_with(" in v1 (at story:0:0)"), "{obstacle}");
}

#[test]
fn rows_that_were_written_anew_matter_where_a_column_would_come_back() {
    // What undoing the alteration comes to, once all rows were compacted.
    let undone = |alteration: SchemaChange| {
        let mut story = Story::new();
        let rows: Vec<_> =
            (0..6).map(|n| crate::catalog::tests::kit::row(&["k", "v"], n)).collect();
        story.make("t", &["k", "v"], &rows);
        let before = story.head();
        let after = story.one(Wish::alter("t", [alteration]));
        story.one(Wish::compact("t"));
        plan(&before, &after, story.head().catalog())
    };
    let lost = undone(SchemaChange::DropColumns(vec!["v".to_owned()])).unwrap_err();
    assert_eq!(lost[0].reason, Reason::RowsWritten);
    // A name is no value.
    let renamed = SchemaChange::RenameColumn { from: "v".to_owned(), to: "w".to_owned() };
    assert_eq!(undone(renamed).unwrap().len(), 1);
}
