//! Where a run takes place: one store, and what the threads that play on it share besides.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use annals::{Isolation, Retention, Store};
use annals_tests::{Chance, at_once, numbers};

use crate::player::Player;
use crate::record::{
    Asserts, Attempt, End, KEY_TABLES, KEYS, Key, Kind, OTHERS, PLAIN, Record, Row, Step, Told,
    table_of,
};
use crate::tables::{Find, keyed, numbers_of, rows_of};

/// How many keys of each table are read and appended to at a time.
pub(crate) const HOT: usize = 4;

/// What is kept of the past: less than what is asked for, so that some of it has expired.
const VERSIONS: usize = 48;

/// What `expire` keeps when a player calls it.
pub(crate) const VERSIONS_FEW: usize = 12;

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    /// How many transactions are tried, roughly.
    pub(crate) transactions: usize,
    pub(crate) threads: usize,
    /// Whether every transaction is serializable.
    pub(crate) serializable: bool,
}

/// What the threads of a run share.
pub(crate) struct Stage {
    pub(crate) store: Store,
    pub(crate) serializable: bool,
    /// Transactions that are still to be begun.
    left: AtomicUsize,
    order: AtomicU64,
    values: AtomicI64,
    keys: AtomicUsize,
    processes: AtomicUsize,
    hot: [[AtomicUsize; HOT]; KEY_TABLES],
}

impl Stage {
    fn new(play: Play) -> Self {
        let isolation = match play.serializable {
            true => Isolation::Serializable,
            false => Isolation::Snapshot,
        };
        let retention = Retention { versions_max: VERSIONS, ..Retention::default() };
        Self {
            store: Store::builder().isolation(isolation).retention(retention).build(),
            serializable: play.serializable,
            left: AtomicUsize::new(play.transactions),
            order: AtomicU64::new(0),
            values: AtomicI64::new(1),
            keys: AtomicUsize::new(0),
            processes: AtomicUsize::new(0),
            hot: Default::default(),
        }
    }

    /// The next place in the one order of beginnings and ends.
    pub(crate) fn now(&self) -> u64 {
        // ORDERING: one order for all threads, in which what a thread did before comes before.
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    /// A value that was never used.
    pub(crate) fn value(&self) -> i64 {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// A key that was never used.
    pub(crate) fn key(&self) -> Key {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// A process that was never used.
    pub(crate) fn process(&self) -> usize {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether another transaction is to be begun.
    pub(crate) fn goes_on(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// One of the keys that are read and written at present. It need not be there yet, or ever.
    pub(crate) fn hot(&self, chance: &mut Chance) -> Key {
        self.hot[chance.below(KEY_TABLES)][chance.below(HOT)].load(Ordering::Relaxed)
    }

    /// Lets a new key take the place of another.
    pub(crate) fn warm(&self, chance: &mut Chance, key: Key) {
        self.hot[table_of(key)][chance.below(HOT)].store(key, Ordering::Relaxed);
    }

    /// Makes the tables, each with some rows in one chunk.
    fn set_up(&self) -> Vec<Attempt> {
        let (process, begun) = (self.process(), self.now());
        let mut tx = self.store.begin();
        let mut steps = Vec::new();
        let base = Some(tx.base().version().0);
        let mut rows: [Vec<Row>; KEY_TABLES] = Default::default();
        for at in 0..HOT * KEY_TABLES {
            let key = self.key();
            rows[table_of(key)].push((key as i64, vec![self.value()]));
            self.hot[table_of(key)][at / KEY_TABLES].store(key, Ordering::Relaxed);
        }
        for (table, rows) in rows.into_iter().enumerate() {
            tx.write(keyed(&rows)).save_as_table(KEYS[table]).expect("the name is free");
            steps.push(Step::Make(table, rows));
        }
        let last = OTHERS[OTHERS.len() - 1][0];
        for name in PLAIN.into_iter().chain(OTHERS.map(|names| names[0])) {
            if name != last {
                let value = self.value();
                tx.write(numbers([value])).save_as_table(name).expect("the name is free");
                steps.push(Step::Create(name, value, Told::Done));
            }
        }
        let end = End::Made(tx.commit().expect("nobody else is there").version().0);
        let kind = Kind::Transaction { serializable: self.serializable };
        let asserts = Asserts::Nothing;
        let made = Attempt { process, begun, ended: self.now(), base, kind, asserts, steps, end };

        // By itself, so that an engine that shows the last version but one shows the others.
        let (value, begun) = (self.value(), self.now());
        let saved = self.store.write(numbers([value])).save_as_table(last);
        let saved = saved.expect("the name is free");
        let committed = saved.committed().expect("a save on a store is committed");
        let base = committed.commit().map(|commit| commit.base.0);
        let steps = vec![Step::Create(last, value, Told::Done)];
        let end = End::Made(committed.version().0);
        let added = Attempt { process, begun, ended: self.now(), base, kind, asserts, steps, end };
        vec![made, added]
    }

    /// A transaction that reads all there is.
    fn read_all(&self) -> Attempt {
        let (process, begun) = (self.process(), self.now());
        let tx = self.store.begin();
        let mut steps = everything(&tx);
        let base = Some(tx.base().version().0);
        let end = match tx.commit() {
            Ok(committed) => End::Nothing(committed.version().0),
            Err(error) => End::Strange(error.to_string()),
        };
        // Keys whose rows are gone would go unnoticed, were they not asked for.
        let seen: BTreeSet<i64> = steps
            .iter()
            .filter_map(|step| match step {
                Step::ReadKeys(_, rows) => Some(rows.iter().map(|row| row.0)),
                _ => None,
            })
            .flatten()
            .collect();
        let asked = 0..self.keys.load(Ordering::Relaxed);
        let missing = asked.filter(|key| !seen.contains(&(*key as i64)));
        steps.extend(missing.map(|key| Step::ReadKey(key, Vec::new())));
        let kind = Kind::Transaction { serializable: self.serializable };
        let (asserts, ended) = (Asserts::Nothing, self.now());
        Attempt { process, begun, ended, base, kind, asserts, steps, end }
    }
}

/// Reads all rows of all tables.
fn everything(tables: &impl Find) -> Vec<Step> {
    let keys = |(table, name): (usize, &&str)| Step::ReadKeys(table, rows_of(tables, name));
    let mut steps: Vec<Step> = KEYS.iter().enumerate().map(keys).collect();
    let others = OTHERS.into_iter().flatten();
    steps.extend(
        PLAIN.into_iter().chain(others).map(|name| Step::Read(name, numbers_of(tables, name))),
    );
    steps
}

/// Plays a run to its end. The choices of each thread follow from the seed, what comes between
/// them does not.
pub(crate) fn play(play: Play, run: usize, chance: &Chance) -> Record {
    let stage = Stage::new(play);
    let mut attempts = stage.set_up();
    let played =
        at_once(play.threads, |thread| Player::new(&stage, chance.fork(run * 64 + thread)).play());
    attempts.extend(played.into_iter().flatten());
    attempts.push(stage.read_all());
    Record {
        run,
        serializable: play.serializable,
        attempts,
        newest: stage.store.version().0,
        versions_kept: VERSIONS_FEW as u64,
    }
}
