//! Any interleaving of transactions leaves the store as if those that committed had run one after
//! the other, in the order of their versions, and every version reads as it was written.
//!
//! Each transaction runs beside a model of its own, which says what it sees and which of its changes
//! apply. When it commits, the model of the store replays its changes on top of whatever others
//! committed since it began.

use std::sync::Arc;

use annals::{Isolation, PropertyPatch, SaveMode, Savepoint, Store, Transaction, WriteError, col};
use annals_tests::{rows_in, rows_of};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::model::{Model, Seen, Step};

/// How many transactions are open at once; the later half is serializable.
const SLOTS: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    Do(usize, Step),
    Savepoint(usize),
    Rollback(usize),
    Abandon(usize),
    Commit(usize),
}

/// A step that was taken, the columns of the rows that it wrote, and what it saw.
type Taken = (Step, Vec<String>, Option<Seen>);

struct Open {
    tx: Transaction,
    base: usize,
    model: Model,
    taken: Vec<Taken>,
    savepoints: Vec<(Savepoint, Model, usize)>,
}

struct World {
    store: Store,
    /// The state of each version.
    versions: Vec<Model>,
    open: [Option<Open>; SLOTS],
    conflicts: usize,
}

fn batch(n: i64, columns: &[String]) -> RecordBatch {
    let column = |name: &String| {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![n]));
        (name.clone(), values, true)
    };
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(column)).unwrap()
}

fn range(from: i64, below: i64) -> annals::Predicate {
    col("n").gt_eq(from).and(col("n").lt(below))
}

fn take(tx: &mut Transaction, step: &Step, columns: &[String]) -> Result<(), WriteError> {
    let append = SaveMode::Append;
    match *step {
        Step::Create(name, n) => {
            tx.write(batch(n, &["n".to_owned()])).save_as_table(name).map(drop)
        }
        // On a name that is free a save would create, which is a step of its own.
        Step::Append(name, _) | Step::Overwrite(name, _) | Step::ReplaceWhere(name, ..)
            if columns.is_empty() =>
        {
            tx.truncate(name)
        }
        Step::Append(name, n) => {
            tx.write(batch(n, columns)).mode(append).save_as_table(name).map(drop)
        }
        Step::Overwrite(name, n) => {
            let writer = tx.write(batch(n, columns)).mode(SaveMode::Overwrite);
            writer.save_as_table(name).map(drop)
        }
        Step::ReplaceWhere(name, from, below) => {
            let writer = tx.write(batch(from, columns)).mode(SaveMode::Overwrite);
            writer.replace_where(range(from, below)).save_as_table(name).map(drop)
        }
        Step::Truncate(name) => tx.truncate(name),
        Step::AddColumn(name, column) => {
            tx.add_columns(name, [Field::new(column, DataType::Int64, true)])
        }
        Step::DropColumn(name, column) => tx.drop_columns(name, [column]),
        Step::RenameColumn(name, from, to) => tx.rename_column(name, from, to),
        Step::SetProperty(name, key, value) => {
            tx.set_properties(name, &PropertyPatch::new().with(key, &value.to_string()))
        }
        Step::Rename(from, to) => tx.rename_table(from, to),
        Step::Drop(name) => tx.drop_table(name),
        Step::Restore(name, version) => tx.restore_table(name, version as u64),
        Step::Read(_) | Step::ReadWhere(..) | Step::List => Ok(()),
    }
}

fn look(tx: &Transaction, step: &Step) -> Option<Seen> {
    match *step {
        Step::Read(name) => Some(tx.table(name).ok().map(|table| rows_of(&table))),
        Step::ReadWhere(name, from, below) => {
            let matching = |table: annals::Table| {
                rows_in(&table.scan().filter(range(from, below)).collect().unwrap())
            };
            Some(tx.table(name).ok().map(matching))
        }
        Step::List => {
            let tables = tx.tables("default").unwrap();
            Some(Some(tables.iter().map(|name| name.table_str().to_owned()).collect()))
        }
        _ => None,
    }
}

fn content(snapshot: &annals::Snapshot) -> Vec<String> {
    let describe = |name: annals::TableName| {
        let table = snapshot.table(&name).unwrap();
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        let pairs = table.properties().iter().map(|(k, v)| (k.to_string(), v.to_string()));
        let properties: std::collections::BTreeMap<String, String> = pairs.collect();
        let (name, rows) = (name.table_str(), rows_of(&table));
        format!("{name} {} {columns:?} {properties:?} {rows:?}", table.ordinal())
    };
    snapshot.tables("default").unwrap().into_iter().map(describe).collect()
}

impl World {
    fn new() -> Self {
        Self {
            store: Store::in_memory(),
            versions: vec![Model::default()],
            open: [const { None }; SLOTS],
            conflicts: 0,
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Do(slot, step) => self.take(slot, step),
            Act::Savepoint(slot) => {
                if let Some(open) = &mut self.open[slot] {
                    let state = (open.tx.savepoint(), open.model.clone(), open.taken.len());
                    open.savepoints.push(state);
                }
            }
            Act::Rollback(slot) => {
                let Some(open) = &mut self.open[slot] else { return };
                let Some((savepoint, model, taken)) = open.savepoints.pop() else { return };
                open.tx.rollback_to(&savepoint).unwrap();
                open.model = model;
                open.taken.truncate(taken);
            }
            Act::Abandon(slot) => drop(self.open[slot].take()),
            Act::Commit(slot) => self.commit(slot),
        }
    }

    fn take(&mut self, slot: usize, step: Step) {
        let (store, versions) = (&self.store, &self.versions);
        let open = self.open[slot].get_or_insert_with(|| {
            let mut tx = store.begin();
            if slot >= SLOTS / 2 {
                tx.isolation(Isolation::Serializable);
            }
            let (base, model) = (versions.len() - 1, versions[versions.len() - 1].clone());
            Open { tx, base, model, taken: Vec::new(), savepoints: Vec::new() }
        });
        let step = match step {
            Step::Restore(name, pick) => Step::Restore(name, pick % (open.base + 1)),
            step => step,
        };
        let seen = look(&open.tx, &step);
        assert_eq!(seen, open.model.look(&step), "{step:?}");
        let columns = match step {
            Step::Create(..) => Some(vec!["n".to_owned()]),
            Step::Append(name, _) | Step::Overwrite(name, _) | Step::ReplaceWhere(name, ..) => {
                open.model.columns(name)
            }
            _ => None,
        };
        let columns = columns.unwrap_or_default();
        let told = take(&mut open.tx, &step, &columns);
        let applies = open.model.apply(&step, &columns, versions);
        assert_eq!(told.is_ok(), applies, "{step:?}: {told:?}");
        if applies {
            open.taken.push((step, columns, seen));
        }
    }

    fn commit(&mut self, slot: usize) {
        let Some(open) = self.open[slot].take() else { return };
        let serializable = slot >= SLOTS / 2;
        let overtaken = open.base + 1 < self.versions.len();
        let changes = open.taken.iter().any(|(_, _, seen)| seen.is_none());
        let asked = open.tx.would_conflict();
        let told = open.tx.commit();
        assert_eq!(asked.is_ok(), told.is_ok(), "{asked:?}, {told:?}");
        let committed = match told {
            Ok(committed) => committed,
            Err(error) => {
                assert!(overtaken && changes, "nobody was in the way: {error}");
                assert!(error.conflict().is_some());
                self.conflicts += 1;
                return;
            }
        };
        assert_eq!(committed.made_version(), changes);
        if !changes {
            return;
        }
        let mut now = self.versions[self.versions.len() - 1].clone();
        for (step, columns, seen) in &open.taken {
            if serializable {
                assert_eq!(now.look(step), *seen, "{step:?} would see something else now");
            }
            assert!(now.apply(step, columns, &self.versions), "{step:?} does not apply any more");
        }
        now.commit();
        assert_eq!(committed.version().0 as usize, self.versions.len());
        assert_eq!(content(&self.store.snapshot()), now.content());
        self.versions.push(now);
    }

    fn finish(&mut self) {
        for slot in 0..SLOTS {
            self.commit(slot);
        }
        assert_eq!(self.store.versions().len(), self.versions.len());
        for (version, model) in self.versions.iter().enumerate() {
            let snapshot = self.store.at(version as u64).unwrap();
            assert_eq!(content(&snapshot), model.content(), "v{version}");
        }
    }
}

fn table() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just("a"), 3 => Just("b"), 1 => Just("c")]
}

fn column() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("x"), Just("y")]
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0_i64..6;
    prop_oneof![
        3 => (table(), number.clone()).prop_map(|(t, n)| Step::Create(t, n)),
        8 => (table(), number.clone()).prop_map(|(t, n)| Step::Append(t, n)),
        3 => (table(), number.clone()).prop_map(|(t, n)| Step::Overwrite(t, n)),
        6 => (table(), number.clone(), 1_i64..4)
            .prop_map(|(t, from, count)| Step::ReplaceWhere(t, from, from + count)),
        1 => table().prop_map(Step::Truncate),
        4 => (table(), column()).prop_map(|(t, c)| Step::AddColumn(t, c)),
        1 => (table(), column()).prop_map(|(t, c)| Step::DropColumn(t, c)),
        1 => (table(), column(), column()).prop_map(|(t, from, to)| Step::RenameColumn(t, from, to)),
        2 => (table(), column(), 0_u8..3).prop_map(|(t, key, value)| Step::SetProperty(t, key, value)),
        2 => (table(), table()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => table().prop_map(Step::Drop),
        2 => (table(), 0_usize..1000).prop_map(|(t, pick)| Step::Restore(t, pick)),
        2 => table().prop_map(Step::Read),
        4 => (table(), number, 1_i64..3)
            .prop_map(|(t, from, count)| Step::ReadWhere(t, from, from + count)),
        1 => Just(Step::List),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let slot = 0_usize..SLOTS;
    prop_oneof![
        24 => (slot.clone(), step()).prop_map(|(slot, step)| Act::Do(slot, step)),
        1 => slot.clone().prop_map(Act::Savepoint),
        1 => slot.clone().prop_map(Act::Rollback),
        1 => slot.clone().prop_map(Act::Abandon),
        9 => slot.prop_map(Act::Commit),
    ]
}

/// Three tables with a few rows, made by one commit.
fn furnished() -> World {
    let mut world = World::new();
    for (name, numbers) in [("a", 0..6), ("b", 0..3)] {
        world.take(0, Step::Create(name, 9));
        numbers.for_each(|n| world.take(0, Step::Append(name, n)));
    }
    world.commit(0);
    world
}

fn config(cases: u32) -> Config {
    // The same cases every time, unless `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose others.
    let given = Config::default();
    let has = |name| std::env::var_os(name).is_some();
    let seed = if has("PROPTEST_RNG_SEED") { given.rng_seed } else { RngSeed::Fixed(7) };
    let cases = if has("PROPTEST_CASES") { given.cases } else { cases };
    let (failure_persistence, max_shrink_iters) = (None, 20_000);
    Config { cases, rng_seed: seed, failure_persistence, max_shrink_iters, ..given }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn whatever_commits_is_as_if_it_had_run_in_the_order_of_versions(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut world = furnished();
        for act in acts {
            world.act(act);
        }
        world.finish();
    }
}

#[test]
fn the_interleavings_are_neither_all_refused_nor_all_let_through() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(config(1));
    let (mut versions, mut conflicts) = (0, 0);
    for _ in 0..50 {
        let acts = prop::collection::vec(act(), 60).new_tree(&mut runner).unwrap().current();
        let mut world = furnished();
        acts.into_iter().for_each(|act| world.act(act));
        world.finish();
        versions += world.versions.len();
        conflicts += world.conflicts;
    }
    assert!(versions > 300 && conflicts > 60, "{versions} versions, {conflicts} conflicts");
}
