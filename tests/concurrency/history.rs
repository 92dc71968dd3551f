//! Random work by many threads, judged afterwards: there is one order in which it all happened.
//!
//! Each thread notes what it asked for, what it was told, and the newest version before and after.
//! Since every commit has its place in the one order of versions, the judge needs no search: it
//! replays the commits in that order on a model, a map from names to rows, and requires that
//!
//! * every version was made by exactly one acknowledged call, and the model allows that call there;
//! * every version of the store equals the model at that place: all its tables, with all rows;
//! * a version was made between the start and the end of its call;
//! * what was refused or skipped would have been so in some version between start and end.
//!
//! The work of a run follows from its seed; the schedule does not, so a replay may take some runs.

use std::collections::BTreeMap;

use annals::error::CatalogError;
use annals::{SaveMode, SaveOutcome, Snapshot, Store, VersionId, WriteError};
use annals_tests::{Chance, at_once, numbers, numbers_of, slowly};

use crate::{RETRIES_ENOUGH, patient_store};

const THREADS: usize = 6;
const STEPS: usize = 60;
const ROUNDS: usize = 6;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Save {
        mode: SaveMode,
        name: &'static str,
        rows: Vec<i64>,
    },
    Insert {
        name: &'static str,
        rows: Vec<i64>,
    },
    Drop {
        name: &'static str,
    },
    Truncate {
        name: &'static str,
    },
    Rename {
        from: &'static str,
        to: &'static str,
    },
    /// In a transaction: both tables change names.
    Swap {
        a: &'static str,
        b: &'static str,
    },
    /// In a transaction: the first half of the rows goes to another table.
    Move {
        from: &'static str,
        to: &'static str,
    },
    /// In a transaction: appends to two tables.
    Both {
        a: &'static str,
        b: &'static str,
        rows: Vec<i64>,
    },
    CreateDatabase,
    DropDatabase {
        cascade: bool,
    },
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// It made a version; for a save, how.
    Made(Option<SaveOutcome>),
    Skipped,
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    TableExists,
    NoTable,
    NoDatabase,
    DatabaseExists,
    DatabaseNotEmpty,
}

/// What a store is, in the judge's eyes: its tables by database.
type Model = BTreeMap<String, BTreeMap<String, Vec<i64>>>;

fn parts(name: &str) -> (String, String) {
    let (database, table) = name.split_once('.').unwrap_or(("default", name));
    (database.to_owned(), table.to_owned())
}

fn rows_in<'a>(model: &'a mut Model, name: &str) -> Result<&'a mut Vec<i64>, Refusal> {
    let (database, table) = parts(name);
    let tables = model.get_mut(&database).ok_or(Refusal::NoDatabase)?;
    tables.get_mut(&table).ok_or(Refusal::NoTable)
}

fn put(model: &mut Model, name: &str, rows: Vec<i64>) -> Result<(), Refusal> {
    let (database, table) = parts(name);
    let tables = model.get_mut(&database).ok_or(Refusal::NoDatabase)?;
    if tables.contains_key(&table) {
        return Err(Refusal::TableExists);
    }
    tables.insert(table, rows);
    Ok(())
}

fn take(model: &mut Model, name: &str) -> Result<Vec<i64>, Refusal> {
    rows_in(model, name)?;
    let (database, table) = parts(name);
    Ok(model.get_mut(&database).and_then(|tables| tables.remove(&table)).unwrap_or_default())
}

/// What a step does to the model, which it leaves as it was if it is refused.
fn apply(model: &mut Model, step: &Step) -> Outcome {
    let mut next = model.clone();
    match apply_to(&mut next, step) {
        Ok(outcome) => {
            *model = next;
            outcome
        }
        Err(refusal) => Outcome::Refused(refusal),
    }
}

fn apply_to(model: &mut Model, step: &Step) -> Result<Outcome, Refusal> {
    let made = Outcome::Made(None);
    let is_there = |model: &mut Model, name: &str| rows_in(model, name).is_ok();
    match step {
        Step::Save { mode, name, rows } => {
            if !is_there(model, name) {
                put(model, name, rows.clone())?;
                return Ok(Outcome::Made(Some(SaveOutcome::Created)));
            }
            match mode {
                SaveMode::ErrorIfExists => Err(Refusal::TableExists),
                SaveMode::Ignore => Ok(Outcome::Skipped),
                SaveMode::Overwrite => {
                    rows_in(model, name)?.clone_from(rows);
                    Ok(Outcome::Made(Some(SaveOutcome::Overwritten)))
                }
                SaveMode::Append => {
                    rows_in(model, name)?.extend(rows);
                    Ok(Outcome::Made(Some(SaveOutcome::Appended)))
                }
            }
        }
        Step::Insert { name, rows } => {
            rows_in(model, name)?.extend(rows);
            Ok(Outcome::Made(Some(SaveOutcome::Appended)))
        }
        Step::Drop { name } => take(model, name).map(|_| made),
        Step::Truncate { name } => {
            rows_in(model, name)?.clear();
            Ok(made)
        }
        Step::Rename { from, to } => {
            let rows = take(model, from)?;
            put(model, to, rows).map(|()| made)
        }
        Step::Swap { a, b } => {
            let (of_a, of_b) = (take(model, a)?, take(model, b)?);
            put(model, a, of_b)?;
            put(model, b, of_a)?;
            Ok(made)
        }
        Step::Move { from, to } => {
            let rows = rows_in(model, from)?;
            let moved: Vec<i64> = rows.drain(..rows.len() / 2).collect();
            rows_in(model, to)?.extend(moved);
            Ok(made)
        }
        Step::Both { a, b, rows } => {
            rows_in(model, a)?.extend(rows);
            rows_in(model, b)?.extend(rows);
            Ok(made)
        }
        Step::CreateDatabase => {
            if model.contains_key("d") {
                return Err(Refusal::DatabaseExists);
            }
            model.insert("d".to_owned(), BTreeMap::new());
            Ok(made)
        }
        Step::DropDatabase { cascade } => {
            let tables = model.get("d").ok_or(Refusal::NoDatabase)?;
            if !cascade && !tables.is_empty() {
                return Err(Refusal::DatabaseNotEmpty);
            }
            model.remove("d");
            Ok(made)
        }
    }
}

/// Does a step on the store; returns what it came to and the version that it made or saw.
fn run(store: &Store, step: &Step) -> (Outcome, Option<VersionId>) {
    let saved = |result: Result<annals::Saved, WriteError>| {
        result.map(|saved| (Some(saved.outcome()), saved.version()))
    };
    let made = |result: Result<annals::Committed, WriteError>| {
        result.map(|committed| (None, Some(committed.version())))
    };
    let transacted = |result: Result<annals::Transacted<()>, WriteError>| {
        result.map(|done| (None, Some(done.committed.version())))
    };
    let result = match step {
        Step::Save { mode, name, rows } => {
            saved(store.write(slowly(numbers(rows.clone()))).mode(*mode).save_as_table(*name))
        }
        Step::Insert { name, rows } => {
            saved(store.write(slowly(numbers(rows.clone()))).insert_into(*name))
        }
        Step::Drop { name } => made(store.drop_table(*name)),
        Step::Truncate { name } => made(store.truncate(*name)),
        Step::Rename { from, to } => made(store.rename_table(*from, *to)),
        Step::CreateDatabase => made(store.create_database("d")),
        Step::DropDatabase { cascade: true } => made(store.drop_database_cascade("d")),
        Step::DropDatabase { cascade: false } => made(store.drop_database("d")),
        Step::Swap { a, b } => transacted(retrying(store, |tx| {
            tx.rename_table(*a, "between")?;
            std::thread::yield_now();
            tx.rename_table(*b, *a)?;
            tx.rename_table("between", *b)
        })),
        Step::Move { from, to } => transacted(retrying(store, |tx| {
            let rows = match tx.table(*from) {
                Ok(table) => numbers_of(&table),
                // The catalog's word for it is the same when it is written to.
                Err(_) => return tx.truncate(*from),
            };
            let (moved, kept) = rows.split_at(rows.len() / 2);
            let kept = numbers(kept.to_vec());
            tx.write(kept).mode(SaveMode::Overwrite).save_as_table(*from)?;
            tx.write(slowly(numbers(moved.to_vec()))).insert_into(*to).map(drop)
        })),
        Step::Both { a, b, rows } => transacted(retrying(store, |tx| {
            tx.write(slowly(numbers(rows.clone()))).insert_into(*a)?;
            tx.write(slowly(numbers(rows.clone()))).insert_into(*b).map(drop)
        })),
    };
    match result {
        Ok((Some(SaveOutcome::Skipped), version)) => (Outcome::Skipped, version),
        Ok((outcome, version)) => (Outcome::Made(outcome), version),
        Err(WriteError::Catalog(error)) => (Outcome::Refused(refusal(&error)), None),
        Err(error) => panic!("{step:?}: {error}"),
    }
}

/// Runs work as a transaction, and again if what it is about was dropped or renamed meanwhile: a
/// transaction is told, and here it wants to go on with whatever has the name now.
fn retrying(
    store: &Store,
    mut work: impl FnMut(&mut annals::Transaction) -> Result<(), WriteError>,
) -> Result<annals::Transacted<()>, WriteError> {
    for _ in 0..RETRIES_ENOUGH {
        match store.transact(&mut work) {
            Err(WriteError::Commit(error)) if error.conflict().is_some() => {}
            result => return result,
        }
    }
    panic!("more conflicts than there were commits");
}

fn refusal(error: &CatalogError) -> Refusal {
    match error {
        CatalogError::TableExists { .. } => Refusal::TableExists,
        CatalogError::NoTable { .. } => Refusal::NoTable,
        CatalogError::NoDatabase { .. } => Refusal::NoDatabase,
        CatalogError::DatabaseExists { .. } => Refusal::DatabaseExists,
        CatalogError::DatabaseNotEmpty { .. } => Refusal::DatabaseNotEmpty,
        other => panic!("no step should be told: {other}"),
    }
}

/// What a snapshot is, in the judge's eyes.
fn model_of(snapshot: &Snapshot) -> Model {
    let databases = snapshot.databases();
    let of = |database: &std::sync::Arc<annals::Database>| {
        let tables = snapshot.tables(database.name()).expect("it was listed");
        let rows = |name: &annals::TableName| {
            let rows = numbers_of(&snapshot.table(name).expect("it was listed"));
            (name.table_str().to_owned(), rows)
        };
        (database.name().to_string(), tables.iter().map(rows).collect())
    };
    databases.iter().map(of).collect()
}

/// What a thread noted of one call.
#[derive(Debug)]
struct Noted {
    step: Step,
    outcome: Outcome,
    version: Option<VersionId>,
    before: VersionId,
    after: VersionId,
}

/// Judges what all threads noted; see above.
fn judge(store: &Store, start: VersionId, noted: &[Noted]) {
    let mut by_version: BTreeMap<VersionId, &Noted> = BTreeMap::new();
    for noted in noted {
        if let (Outcome::Made(_), Some(version)) = (&noted.outcome, noted.version) {
            let other = by_version.insert(version, noted);
            assert!(other.is_none(), "two calls made {version}: {noted:?} and {other:?}");
            assert!(noted.before < version && version <= noted.after, "out of its time: {noted:?}");
        }
    }
    let newest = store.version();
    let made = (newest.0 - start.0) as usize;
    assert_eq!(by_version.len(), made, "versions that nobody, or somebody in vain, was told of");

    let mut model = model_of(&store.at(start).expect("it is retained"));
    let mut models = BTreeMap::from([(start, model.clone())]);
    for (version, noted) in &by_version {
        let outcome = apply(&mut model, &noted.step);
        assert_eq!(outcome, noted.outcome, "in {version}: {noted:?}");
        let then = store.at(*version).expect("it is retained");
        assert_eq!(model_of(&then), model, "in {version}, after {:?}", noted.step);
        models.insert(*version, model.clone());
    }

    for noted in noted.iter().filter(|noted| !matches!(noted.outcome, Outcome::Made(_))) {
        let at = models.range(noted.before..=noted.after);
        let would = |model: &Model| apply(&mut model.clone(), &noted.step) == noted.outcome;
        let mut possible = at.filter(|(_, model)| would(model)).map(|(version, _)| *version);
        match noted.version {
            Some(version) => {
                assert!(possible.any(|at| at == version), "not so in {version}: {noted:?}");
            }
            None => assert!(possible.next().is_some(), "at no time was it so: {noted:?}"),
        }
    }
}

/// Lets all threads do what `choose` chooses, and judges it; some rounds of it.
fn play(choose: impl Fn(&mut Chance, Vec<i64>) -> Step + Sync) {
    let chance = Chance::new();
    let (mut versions, mut rebased, mut retries) = (0, 0, 0);
    for round in 0..ROUNDS {
        let store = patient_store();
        for name in ["a", "b"] {
            store.write(numbers([-1, -2, -3, -4])).save_as_table(name).expect("the name is free");
        }
        let start = store.version();
        let noted = at_once(THREADS, |thread| {
            let mut chance = chance.fork(round * THREADS + thread);
            let mut noted = Vec::new();
            for step in 0..STEPS {
                let first = ((thread * STEPS + step) * 4) as i64;
                let rows = Vec::from_iter(first..first + chance.below(4) as i64);
                let step = choose(&mut chance, rows);
                let before = store.version();
                let (outcome, version) = run(&store, &step);
                let after = store.version();
                noted.push(Noted { step, outcome, version, before, after });
            }
            noted
        });
        judge(&store, start, &noted.into_iter().flatten().collect::<Vec<_>>());
        versions += store.version().0;
        for commit in store.history().iter() {
            rebased += usize::from(commit.rebased);
            retries += commit.retries;
        }
    }
    println!("{versions} versions, {rebased} carried over, {retries} retries");
}

const MODES: [SaveMode; 4] =
    [SaveMode::Append, SaveMode::Overwrite, SaveMode::ErrorIfExists, SaveMode::Ignore];

#[test]
fn two_overwriters_and_an_appender_happen_in_one_order() {
    play(|chance, rows| {
        let mode = chance.of(&[SaveMode::Append, SaveMode::Overwrite, SaveMode::Overwrite]);
        Step::Save { mode, name: "a", rows }
    });
}

#[test]
fn droppers_beside_writers_happen_in_one_order() {
    play(|chance, rows| match chance.below(6) {
        0 => Step::Drop { name: "a" },
        1 => Step::Truncate { name: "a" },
        2 => Step::Insert { name: "a", rows },
        _ => Step::Save { mode: chance.of(&MODES), name: "a", rows },
    });
}

#[test]
fn renames_beside_writers_happen_in_one_order() {
    play(|chance, rows| {
        let (a, b) = chance.of(&[("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("c", "b")]);
        match chance.below(6) {
            0 => Step::Rename { from: a, to: b },
            1 => Step::Swap { a, b },
            2 => Step::Insert { name: a, rows },
            _ => Step::Save { mode: chance.of(&MODES), name: a, rows },
        }
    });
}

#[test]
fn databases_that_come_and_go_beside_writers_happen_in_one_order() {
    play(|chance, rows| match chance.below(10) {
        0 | 1 => Step::CreateDatabase,
        2 => Step::DropDatabase { cascade: true },
        3 => Step::DropDatabase { cascade: false },
        4 => Step::Rename { from: "a", to: "d.a" },
        5 => Step::Rename { from: "d.a", to: "a" },
        6 => Step::Drop { name: "d.t" },
        _ => Step::Save { mode: chance.of(&MODES), name: chance.of(&["d.t", "d.u", "a"]), rows },
    });
}

#[test]
fn rows_that_transactions_move_between_tables_are_moved_in_one_order() {
    play(|chance, rows| {
        let (a, b) = chance.of(&[("a", "b"), ("b", "a")]);
        match chance.below(6) {
            0..3 => Step::Move { from: a, to: b },
            3 => Step::Both { a, b, rows },
            4 => Step::Swap { a, b },
            _ => Step::Insert { name: a, rows },
        }
    });
}

#[test]
fn everything_at_once_happens_in_one_order() {
    play(|chance, rows| {
        let names = ["a", "b", "c", "d.t"];
        let a = chance.of(&names);
        let b = chance.of(&names.iter().copied().filter(|name| *name != a).collect::<Vec<_>>());
        match chance.below(16) {
            0 => Step::Drop { name: a },
            1 => Step::Truncate { name: a },
            2 => Step::Rename { from: a, to: b },
            3 => Step::Swap { a, b },
            4 => Step::Move { from: a, to: b },
            5 => Step::Both { a, b, rows },
            6 => Step::CreateDatabase,
            7 => Step::DropDatabase { cascade: chance.below(2) == 0 },
            8 => Step::Insert { name: a, rows },
            _ => Step::Save { mode: chance.of(&MODES), name: a, rows },
        }
    });
}
