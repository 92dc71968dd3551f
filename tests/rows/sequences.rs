//! A plain list of rows for each version is the model: any sequence of operations, and any number
//! of threads at once, leave every retained version reading as its list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use annals::error::TravelError;
use annals::{
    ChunkSize, Compaction, Retention, SaveMode, Snapshot, Store, StoreBuilder, Transaction,
    WriteError, col, record_batch, set,
};
use annals_tests::{Chance, at_once};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};
use std::sync::Arc;

/// A row: its values by the id of their column.
type Cells = BTreeMap<u64, Option<i64>>;

#[derive(Clone, Debug, PartialEq)]
struct Table {
    id: u64,
    /// Ids and names, in order; the first is `k`.
    columns: Vec<(u64, String)>,
    /// By the rows' ids: the version that last changed it, and its values.
    rows: BTreeMap<u64, (u64, Cells)>,
}

type World = BTreeMap<String, Table>;

/// What a snapshot shows: columns, and by the rows' ids the version that changed it and values.
type Shown = BTreeMap<String, ShownTable>;
type ShownTable = (Vec<String>, BTreeMap<u64, (u64, Vec<Option<i64>>)>);

fn shown_by(snapshot: &Snapshot) -> Shown {
    let mut shown = Shown::new();
    for name in snapshot.tables("default").unwrap() {
        let table = snapshot.table(name.clone()).unwrap();
        let columns = table.schema().fields().iter().map(|f| f.name().clone()).collect();
        let mut origins = Vec::new();
        for (_, entry) in table.value().state().chunks() {
            let gone = |at| entry.deletions().is_some_and(|gone| gone.rows().contains(at));
            let live = (0..entry.chunk().rows() as u32).filter(|at| !gone(*at));
            origins.extend(live.map(|at| entry.origin(at)));
        }
        let mut origins = origins.into_iter();
        let mut rows = BTreeMap::new();
        for batch in table.read().unwrap() {
            for at in 0..batch.num_rows() {
                let value = |column: &ArrayRef| {
                    let column = column.as_primitive::<Int64Type>();
                    column.is_valid(at).then(|| column.value(at))
                };
                let values = batch.columns().iter().map(value).collect();
                let origin = origins.next().unwrap();
                let twice = rows.insert(origin.row, (origin.changed.0, values));
                assert!(twice.is_none(), "row {} of {name} is there twice", origin.row);
            }
        }
        assert_eq!((origins.next(), rows.len() as u64), (None, table.row_count()));
        shown.insert(name.table_str().to_owned(), (columns, rows));
    }
    shown
}

impl Table {
    fn shown(&self) -> ShownTable {
        let columns = self.columns.iter().map(|(_, name)| name.clone()).collect();
        let row = |(id, (changed, cells)): (&u64, &(u64, Cells))| {
            let values = self.columns.iter().map(|(id, _)| cells.get(id).copied().flatten());
            (*id, (*changed, values.collect()))
        };
        (columns, self.rows.iter().map(row).collect())
    }

    fn k(&self, row: &(u64, Cells)) -> i64 {
        row.1[&self.columns[0].0].unwrap()
    }
}

/// A store beside its model.
struct Pair {
    store: Store,
    world: World,
    /// What each version shows.
    versions: Vec<World>,
    /// The next row's id, of each table that there ever was.
    next_row: BTreeMap<u64, u64>,
    next_id: u64,
    tags: BTreeMap<String, u64>,
    /// As many versions were always kept.
    versions_min: u64,
}

impl Pair {
    fn new() -> Self {
        let size = ChunkSize { rows_min: 4, rows_max: 8, ..ChunkSize::default() };
        Self {
            store: StoreBuilder::new().chunk_size(size).build(),
            world: World::new(),
            versions: vec![World::new()],
            next_row: BTreeMap::new(),
            next_id: 0,
            tags: BTreeMap::new(),
            versions_min: u64::MAX,
        }
    }

    fn mint(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The version that comes next.
    fn at(&self) -> u64 {
        self.versions.len() as u64
    }

    fn batch(&self, name: &str, ks: &[i64]) -> RecordBatch {
        match self.world.get(name) {
            None => record_batch!(("k", Int64, ks.to_vec()), ("v", Int64, ks.to_vec())).unwrap(),
            Some(table) => {
                let values: ArrayRef = Arc::new(Int64Array::from(ks.to_vec()));
                let columns =
                    table.columns.iter().map(|(_, name)| (name, Arc::clone(&values), true));
                RecordBatch::try_from_iter_with_nullable(columns).unwrap()
            }
        }
    }

    /// Puts new rows into the model's table.
    fn add(&mut self, name: &str, ks: &[i64]) {
        let at = self.at();
        if !self.world.contains_key(name) {
            let columns = ["k", "v"].map(|name| (self.mint(), name.to_owned())).to_vec();
            let id = self.mint();
            self.world.insert(name.to_owned(), Table { id, columns, rows: BTreeMap::new() });
        }
        let table = self.world.get_mut(name).unwrap();
        let next = self.next_row.entry(table.id).or_default();
        for k in ks {
            let cells = table.columns.iter().map(|(id, _)| (*id, Some(*k))).collect();
            table.rows.insert(*next, (at, cells));
            *next += 1;
        }
    }

    /// Whether a version can still be reached.
    fn is_kept(&self, version: u64) -> bool {
        match self.store.at(version) {
            Ok(_) => true,
            Err(TravelError::Expired { .. }) => {
                assert!(
                    !self.tags.values().any(|tagged| *tagged == version),
                    "v{version} is tagged"
                );
                let newer = self.store.version().0 - version;
                assert!(newer >= self.versions_min, "v{version} is too young");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn check(&self, version: u64) {
        if self.is_kept(version) {
            let expected: Shown = self.versions[version as usize]
                .iter()
                .map(|(name, table)| (name.clone(), table.shown()))
                .collect();
            assert_eq!(shown_by(&self.store.at(version).unwrap()), expected, "v{version}");
        }
    }

    fn step(&mut self, chance: &mut Chance, seen: &mut BTreeSet<&'static str>) {
        let name = chance.of(&["t", "t", "t", "u"]);
        let some = chance.below(30) as i64;
        let ks: Vec<i64> = (0..1 + chance.below(6) as i64).map(|n| some + n).collect();
        let between = || col("k").between(some, some + 3);
        let matches = |k: i64| (some..=some + 3).contains(&k);
        let past = chance.below(self.versions.len()) as u64;
        let (at, is_there) = (self.at(), self.world.contains_key(name));
        let what = match chance.below(40) {
            0..=7 => {
                let rows = self.batch(name, &ks);
                self.store.write(rows).mode(SaveMode::Append).save_as_table(name).unwrap();
                self.add(name, &ks);
                "append"
            }
            8 => {
                let rows = self.batch(name, &ks);
                self.store.write(rows).mode(SaveMode::Overwrite).save_as_table(name).unwrap();
                self.world.entry(name.to_owned()).and_modify(|table| table.rows.clear());
                self.add(name, &ks);
                "overwrite"
            }
            9..=10 if is_there => {
                let rows = self.batch(name, &[some]);
                let save = self.store.write(rows).mode(SaveMode::Overwrite);
                save.replace_where(between()).save_as_table(name).unwrap();
                let table = self.world.get_mut(name).unwrap();
                let copy = table.clone();
                table.rows.retain(|_, row| !matches(copy.k(row)));
                self.add(name, &[some]);
                "replace where"
            }
            11..=15 if is_there => {
                let done = self.store.delete(name, between()).unwrap();
                let table = self.world.get_mut(name).unwrap();
                let copy = table.clone();
                table.rows.retain(|_, row| !matches(copy.k(row)));
                assert_eq!(done.deleted as usize, copy.rows.len() - table.rows.len());
                "delete"
            }
            16..=20 if is_there => {
                let table = self.world.get_mut(name).unwrap();
                let (id, column) = chance.of(&table.columns);
                let done = self.store.update(name, [set(column, some)], between()).unwrap();
                let copy = table.clone();
                let hit = table.rows.values_mut().filter(|row| matches(copy.k(row)));
                let hit = hit.map(|row| {
                    row.0 = at;
                    row.1.insert(id, Some(some));
                });
                assert_eq!(done.updated as usize, hit.count());
                "update"
            }
            21..=23 if is_there => {
                let how = Compaction::new();
                let how = if chance.below(2) == 0 { how.sort_by(["k"]) } else { how };
                self.store.compact_with(name, &how).unwrap();
                "compact"
            }
            24 if is_there => {
                self.store.truncate(name).unwrap();
                self.world.get_mut(name).unwrap().rows.clear();
                "truncate"
            }
            25 => {
                let kept = self.is_kept(past);
                assert_eq!(self.store.restore(past).is_ok(), kept);
                if kept {
                    self.world = self.versions[past as usize].clone();
                }
                "restore"
            }
            26..=27 => {
                // The table that has the name today, by whatever name it had then.
                let then = &self.versions[past as usize];
                let then = match self.world.get(name) {
                    Some(now) => then.values().find(|then| then.id == now.id),
                    None => then.get(name),
                };
                let elsewhere = |id| self.world.iter().any(|(n, t)| n != name && t.id == id);
                let may = then.is_some_and(|then| !elsewhere(then.id));
                let may = may && self.is_kept(past);
                let done = self.store.restore_table(name, past);
                assert_eq!(done.is_ok(), may, "restore {name} at v{past}: {done:?}");
                if may {
                    self.world.insert(name.to_owned(), then.unwrap().clone());
                }
                "restore table"
            }
            28..=31 if past > 0 => return self.revert(at - 1 - past.min(6).min(at - 2), seen),
            32 if is_there && chance.below(2) == 0 => {
                self.store.drop_table(name).unwrap();
                self.world.remove(name);
                "drop"
            }
            33 if is_there => {
                let to = if name == "t" { "u" } else { "t" };
                let may = !self.world.contains_key(to);
                assert_eq!(self.store.rename_table(name, to).is_ok(), may);
                if may {
                    let table = self.world.remove(name).unwrap();
                    self.world.insert(to.to_owned(), table);
                }
                "rename"
            }
            34 if is_there => {
                let id = self.mint();
                let column = format!("c{id}");
                let field = Field::new(&column, DataType::Int64, true);
                self.store.add_columns(name, [field]).unwrap();
                let table = self.world.get_mut(name).unwrap();
                table.columns.push((id, column));
                table.rows.values_mut().for_each(|(_, cells)| cells.extend([(id, None)]));
                "add column"
            }
            35 if is_there => {
                let table = self.world.get_mut(name).unwrap();
                let at = chance.below(table.columns.len());
                if at > 0 {
                    let (id, column) = table.columns.remove(at);
                    self.store.drop_columns(name, [column]).unwrap();
                    table.rows.values_mut().for_each(|(_, cells)| cells.retain(|of, _| *of != id));
                }
                "drop column"
            }
            36 if is_there => {
                let to = format!("r{}", self.mint());
                let table = self.world.get_mut(name).unwrap();
                let at = chance.below(table.columns.len());
                if at > 0 {
                    let from = std::mem::replace(&mut table.columns[at].1, to.clone());
                    self.store.rename_column(name, &from, &to).unwrap();
                }
                "rename column"
            }
            37 if self.is_kept(past) => {
                let tag = format!("tag {}", self.mint());
                self.store.tag(&tag, past).unwrap();
                self.tags.insert(tag, past);
                "tag"
            }
            38 => {
                if let Some((tag, _)) = self.tags.pop_first() {
                    self.store.untag(&tag).unwrap();
                }
                "untag"
            }
            39 => {
                let versions_max = 4 + chance.below(30);
                let policy = Retention { versions_max, ..self.store.retention() };
                self.versions_min = self.versions_min.min(versions_max as u64);
                self.store.set_retention(policy);
                "retention"
            }
            _ => return,
        };
        seen.insert(what);
    }

    fn revert(&mut self, bad: u64, seen: &mut BTreeSet<&'static str>) {
        let kept = self.is_kept(bad) && self.is_kept(bad - 1);
        let [old, new] = [bad - 1, bad].map(|at| self.versions[at as usize].clone());
        let expected = undone(&old, &new, &self.world);
        match self.store.revert(bad) {
            Ok(_) => {
                assert!(kept);
                self.world = expected.expect("the model says that something is in the way");
                // Nothing is said of values that a row had before it was away and came back.
                let now = shown_by(&self.store.snapshot());
                for (name, table) in &mut self.world {
                    for (row, (_, cells)) in &mut table.rows {
                        for (at, (column, _)) in table.columns.iter().enumerate() {
                            cells.entry(*column).or_insert_with(|| now[name].1[row].1[at]);
                        }
                    }
                }
                seen.insert("revert");
            }
            Err(WriteError::Revert(_)) => {
                assert!(kept);
                seen.insert("revert that is refused");
            }
            Err(WriteError::Travel(_)) => assert!(!kept),
            Err(other) => panic!("{other}"),
        }
    }
}

/// One value without the step from `then` to `made`.
fn facet<T: PartialEq + Clone>(then: &T, made: &T, now: &T) -> Option<T> {
    match then == made || then == now {
        true => Some(now.clone()),
        false => (made == now).then(|| then.clone()),
    }
}

/// What is left when the step from `old` to `new` is undone on `now`; none if something is in the
/// way.
fn undone(old: &World, new: &World, now: &World) -> Option<World> {
    fn by_id(world: &World) -> BTreeMap<u64, (&String, &Table)> {
        world.iter().map(|(name, table)| (table.id, (name, table))).collect()
    }
    let (then, made, present) = (by_id(old), by_id(new), by_id(now));
    let mut world: BTreeMap<u64, (String, Table)> = present
        .iter()
        .map(|(id, (name, table))| (*id, ((*name).clone(), (*table).clone())))
        .collect();
    for id in then.keys().chain(made.keys()) {
        match (then.get(id), made.get(id), present.get(id)) {
            (None, Some(made), Some(present)) if made != present => return None,
            (None, Some(_), Some(_)) => drop(world.remove(id)),
            (Some((name, table)), None, None) => {
                world.insert(*id, ((*name).clone(), (*table).clone()));
            }
            (Some(then), Some(made), None) if then != made => return None,
            (Some((was, then)), Some((made_name, made)), Some((is, present))) => {
                let name = facet(*was, *made_name, *is)?;
                world.insert(*id, (name.clone(), undone_table(then, made, present)?));
            }
            _ => {}
        }
    }
    let count = world.len();
    let world: World = world.into_values().collect();
    (world.len() == count).then_some(world)
}

fn undone_table(then: &Table, made: &Table, now: &Table) -> Option<Table> {
    let columns = facet(&then.columns, &made.columns, &now.columns)?;
    let mut rows = now.rows.clone();
    let changed = |table: &Table, id| table.rows.get(id).map(|(changed, _)| *changed);
    for id in then.rows.keys().chain(made.rows.keys()) {
        let (old, new, present) = (changed(then, id), changed(made, id), changed(now, id));
        if old == new || old == present {
            continue;
        }
        match (new, present) {
            // Deleted since, or brought back since: it stays so.
            (Some(_), None) | (None, Some(_)) => {}
            (Some(new), Some(present)) if new != present => return None,
            _ => match then.rows.get(id) {
                Some(row) => drop(rows.insert(*id, row.clone())),
                None => drop(rows.remove(id)),
            },
        }
    }
    for (id, (_, cells)) in &mut rows {
        let cell = |(column, _): &(u64, String)| {
            let old = || then.rows.get(id)?.1.get(column).copied();
            Some((*column, cells.get(column).copied().or_else(old)?))
        };
        *cells = columns.iter().filter_map(cell).collect();
    }
    Some(Table { id: now.id, columns, rows })
}

#[test]
fn every_retained_version_reads_as_its_list_of_rows() {
    let mut chance = Chance::new();
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let mut pair = Pair::new();
        for _ in 0..80 {
            pair.step(&mut chance, &mut seen);
            let made = pair.store.version().0;
            assert!(made - (pair.at() - 1) <= 1);
            if made == pair.at() {
                pair.versions.push(pair.world.clone());
            } else {
                assert_eq!(pair.world, pair.versions[made as usize], "no version, yet a change");
            }
            pair.check(made);
            pair.check(chance.below(pair.versions.len()) as u64);
        }
        (0..pair.at()).for_each(|version| pair.check(version));
    }
    assert_eq!(seen.len(), 19, "{seen:?}");
}

/// What a thread did, by rows: `k` is a row's own, `v` changes.
#[derive(Clone, Debug)]
enum Done {
    Appended(Vec<i64>),
    /// Where `v` is from the first to the second.
    Deleted(i64, i64),
    /// As above; `v` is the third from then on.
    Updated(i64, i64, i64),
    Compacted,
}

type Lists = BTreeMap<i64, i64>;

impl Done {
    fn stage(&self, tx: &mut Transaction) -> Result<(), WriteError> {
        match self {
            Self::Appended(ks) => {
                let vs: Vec<i64> = ks.iter().map(|k| k % 40).collect();
                let rows = record_batch!(("k", Int64, ks.clone()), ("v", Int64, vs)).unwrap();
                tx.write(rows).mode(SaveMode::Append).save_as_table("t").map(drop)
            }
            Self::Deleted(from, to) => tx.delete("t", col("v").between(*from, *to)).map(drop),
            Self::Updated(from, to, v) => {
                tx.update("t", [set("v", *v)], col("v").between(*from, *to)).map(drop)
            }
            Self::Compacted => tx.compact("t", &Compaction::new().sort_by(["v"])).map(drop),
        }
    }

    fn apply(&self, rows: &mut Lists) {
        match self {
            Self::Appended(ks) => rows.extend(ks.iter().map(|k| (*k, k % 40))),
            Self::Deleted(from, to) => rows.retain(|_, v| !(from..=to).contains(&&*v)),
            Self::Updated(from, to, now) => {
                rows.values_mut().filter(|v| (from..=to).contains(&&**v)).for_each(|v| *v = *now);
            }
            Self::Compacted => {}
        }
    }
}

fn lists_of(snapshot: &Snapshot) -> Lists {
    let mut rows = Lists::new();
    for batch in snapshot.table("t").unwrap().read().unwrap() {
        let [k, v] = [0, 1].map(|at| batch.column(at).as_primitive::<Int64Type>().values());
        for (k, v) in k.iter().zip(v) {
            assert_eq!(rows.insert(*k, *v), None, "the row {k} is there twice");
        }
    }
    rows
}

#[test]
fn what_threads_do_at_once_is_done_in_the_order_of_versions_each_once() {
    const THREADS: usize = 4;
    let chance = Chance::new();
    let size = ChunkSize { rows_min: 4, rows_max: 8, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    let first = Done::Appended((0..40).collect());
    store.transact(|tx| first.stage(tx)).unwrap();
    // By version: what was done, and the version that it was decided on.
    let done: Mutex<BTreeMap<u64, (u64, Vec<Done>)>> = Mutex::new([(1, (0, vec![first]))].into());
    at_once(THREADS, |thread| {
        let mut chance = chance.fork(thread);
        let mut next = 1_000_000 * (1 + thread as i64);
        let mut random = |chance: &mut Chance| {
            let from = chance.below(40) as i64;
            match chance.below(10) {
                0..=3 => {
                    next += 3;
                    Done::Appended((next - 3..next).collect())
                }
                4..=5 => Done::Deleted(from, from + 1),
                6..=8 => Done::Updated(from, from + 2, chance.below(40) as i64),
                _ => Done::Compacted,
            }
        };
        for _ in 0..60 {
            let steps: Vec<Done> = (0..1 + chance.below(2)).map(|_| random(&mut chance)).collect();
            let committed = match steps.as_slice() {
                [Done::Deleted(from, to)] => {
                    store.delete("t", col("v").between(*from, *to)).unwrap().committed
                }
                [Done::Updated(from, to, v)] => {
                    let which = col("v").between(*from, *to);
                    store.update("t", [set("v", *v)], which).unwrap().committed
                }
                [Done::Compacted] => match store.compact("t").unwrap().committed {
                    Some(committed) => committed,
                    None => continue,
                },
                steps => {
                    let work =
                        |tx: &mut Transaction| steps.iter().try_for_each(|step| step.stage(tx));
                    match store.transact(work) {
                        Ok(done) => done.committed,
                        // It may give way too often; then nothing of it is there.
                        Err(WriteError::Commit(_)) => continue,
                        Err(other) => panic!("{other}"),
                    }
                }
            };
            if let Some(commit) = committed.commit().filter(|_| committed.made_version()) {
                let entry = (commit.base.0, steps);
                let twice = done.lock().unwrap().insert(commit.version.0, entry);
                assert!(twice.is_none(), "two commits made {}", commit.version);
            }
        }
    });
    let done = done.into_inner().unwrap();
    assert!(done.keys().copied().eq(1..=store.version().0), "every version was somebody's");
    let mut versions = vec![Lists::new()];
    for (version, (base, steps)) in &done {
        let base = &versions[*base as usize];
        let mut draft = base.clone();
        steps.iter().for_each(|step| step.apply(&mut draft));
        let mut rows = versions[*version as usize - 1].clone();
        let keys: BTreeSet<i64> = base.keys().chain(draft.keys()).copied().collect();
        for k in keys {
            let (then, mine) = (base.get(&k), draft.get(&k));
            if then == mine {
                continue;
            }
            // What others deleted is not brought back, and what they updated is not lost.
            assert_eq!(rows.get(&k), then, "v{version}, row {k}: {steps:?}");
            match mine {
                Some(v) => rows.insert(k, *v),
                None => rows.remove(&k),
            };
        }
        assert_eq!(lists_of(&store.at(*version).unwrap()), rows, "v{version}: {steps:?}");
        versions.push(rows);
    }
}
