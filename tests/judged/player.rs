//! One thread of a run: keeps several transactions open, takes a step in one of them or does
//! something of its own in between, and writes down all of it.
//!
//! So transactions overlap by choice, and not only where the machine happens to switch threads.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use annals::error::CatalogError;
use annals::{
    Compaction, Isolation, Reader, Retention, SaveMode, Savepoint, Snapshot, Store, Transaction,
    TravelError, WriteError,
};
use annals_tests::{Chance, numbers};

use crate::record::{
    Asserts, Attempt, End, KEY_TABLES, KEYS, Key, Kind, OTHERS, PLAIN, Refusal, Step, Told,
    table_of,
};
use crate::stage::{Stage, VERSIONS_FEW};
use crate::tables::{appended, keyed, lists_of, numbers_of, of_key, rows_of};

/// How many transactions a thread has open at a time.
const SLOTS: usize = 3;

/// How far back a look into the past or a restore goes.
const VERSIONS_BACK: usize = 24;

/// How many versions a thread keeps by tags.
const TAGS: usize = 2;

pub(crate) struct Player<'a> {
    stage: &'a Stage,
    chance: Chance,
    reader: Reader,
    slots: [Option<Open>; SLOTS],
    /// Of each slot, and last of what is done at one go.
    processes: [usize; SLOTS + 1],
    tags: Vec<(String, u64)>,
    tagged: usize,
    log: Vec<Attempt>,
}

/// A transaction under way.
struct Open {
    tx: Transaction,
    attempt: Attempt,
    work: Work,
}

/// What a transaction has still to do, and what it has done to other tables than those of keys.
struct Work {
    steps_left: usize,
    /// Whether it reads nothing.
    blind: bool,
    points: Vec<(Savepoint, usize)>,
    /// Tables, by number, to which it wrote rows, and that it replaced or renamed. The two do not
    /// mix, and what it replaced or renamed it leaves alone.
    wrote: BTreeSet<usize>,
    replaced: BTreeSet<usize>,
    inserted: Vec<Key>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(stage: &'a Stage, chance: Chance) -> Self {
        let processes = [(); SLOTS + 1].map(|()| stage.process());
        let (reader, slots) = (stage.store.reader(), Default::default());
        let (tags, log) = (Vec::new(), Vec::new());
        Self { stage, chance, reader, slots, processes, tags, tagged: 0, log }
    }

    /// Plays until no more transactions are to be begun, and returns what it wrote down.
    pub(crate) fn play(mut self) -> Vec<Attempt> {
        loop {
            if self.chance.below(8) == 0 {
                std::thread::yield_now();
            }
            let slot = self.chance.below(SLOTS);
            if let Some(open) = self.slots[slot].take() {
                self.go_on(slot, open);
            } else if self.stage.goes_on() {
                self.begin_something(slot);
            } else {
                break;
            }
        }
        for slot in 0..SLOTS {
            while let Some(open) = self.slots[slot].take() {
                self.go_on(slot, open);
            }
        }
        self.log
    }

    fn begin_something(&mut self, slot: usize) {
        match self.chance.below(100) {
            0..74 => self.begin(slot),
            74..82 => self.transact(),
            82..87 => self.update(),
            87..92 => self.read(),
            92..94 => self.travel(),
            94..97 => self.save(),
            97..99 => self.tend(),
            _ => self.compact(),
        }
    }

    /// Begins to write down an attempt of a process.
    fn attempt(&self, process: usize, kind: Kind) -> Attempt {
        Attempt {
            process,
            begun: self.stage.now(),
            ended: 0,
            base: None,
            kind,
            asserts: Asserts::Nothing,
            steps: Vec::new(),
            end: End::Abandoned,
        }
    }

    fn end(&mut self, mut attempt: Attempt, end: End) {
        (attempt.ended, attempt.end) = (self.stage.now(), end);
        self.log.push(attempt);
    }

    /// What transactions of the store itself are.
    fn by_default(&self) -> Kind {
        Kind::Transaction { serializable: self.stage.serializable }
    }

    // ---- transactions that stay open --------------------------------------------------------

    fn begin(&mut self, slot: usize) {
        let serializable = self.stage.serializable || self.chance.below(6) == 0;
        let mut attempt = self.attempt(self.processes[slot], Kind::Transaction { serializable });
        let mut tx = self.stage.store.begin();
        if serializable {
            tx.isolation(Isolation::Serializable);
        }
        attempt.base = Some(tx.base().version().0);
        let work = Work::new(&mut self.chance);
        self.slots[slot] = Some(Open { tx, attempt, work });
    }

    fn go_on(&mut self, slot: usize, mut open: Open) {
        if open.work.steps_left > 0 {
            let Open { tx, attempt, work } = &mut open;
            match work.step(self.stage, &mut self.chance, tx, &mut attempt.steps) {
                Ok(()) => self.slots[slot] = Some(open),
                Err(strange) => self.end(open.attempt, End::Strange(strange)),
            }
            return;
        }
        let Open { mut tx, mut attempt, work } = open;
        if self.chance.below(16) == 0 {
            return self.end(attempt, End::Abandoned);
        }
        attempt.asserts = match self.chance.below(100) {
            0..4 => Asserts::Truth,
            4..6 => Asserts::Falsehood,
            6 => Asserts::Panic,
            _ => Asserts::Nothing,
        };
        assert_in(&mut tx, &attempt);
        let end = match catch_unwind(AssertUnwindSafe(|| tx.commit())) {
            Ok(Ok(committed)) if committed.made_version() => {
                work.inserted.iter().for_each(|key| self.stage.warm(&mut self.chance, *key));
                End::Made(committed.version().0)
            }
            Ok(Ok(committed)) => End::Nothing(committed.version().0),
            Ok(Err(error)) => refused(&self.stage.store, &error),
            Err(_) => {
                // As after a cut connection, it is not known what became of it: whoever did this
                // is not heard of again.
                self.processes[slot] = self.stage.process();
                End::Panicked
            }
        };
        self.end(attempt, end);
    }

    // ---- what is done at one go -------------------------------------------------------------

    /// A transaction that is begun again until it is not refused.
    fn transact(&mut self) {
        let kind = self.by_default();
        let process = self.processes[SLOTS];
        let first = self.attempt(process, kind);
        let stage = self.stage;
        // What is under way, and what came to nothing.
        let (mut current, mut retried) = (first, Vec::new());
        let mut begun_again = None;
        let chance = &mut self.chance;
        let done = stage.store.transact(|tx| {
            if let Some(begun) = begun_again.take() {
                let next = Attempt { begun, steps: Vec::new(), ..current.clone() };
                let mut last = std::mem::replace(&mut current, next);
                (last.ended, last.end) = (begun, End::Retried);
                retried.push(last);
            }
            current.base = Some(tx.base().version().0);
            let mut work = Work::new(chance);
            while work.steps_left > 0 {
                work.step(stage, chance, tx, &mut current.steps)
                    .map_err(|_| WriteError::Options("a step was told something strange"))?;
            }
            work.inserted.iter().for_each(|key| stage.warm(chance, *key));
            begun_again = Some(stage.now());
            Ok::<_, WriteError>(())
        });
        let end = match done {
            Ok(done) if done.committed.made_version() => End::Made(done.committed.version().0),
            Ok(done) => End::Nothing(done.committed.version().0),
            Err(WriteError::Commit(error)) => refused(&stage.store, &error),
            Err(error) => End::Strange(error.to_string()),
        };
        self.log.append(&mut retried);
        self.end(current, end);
    }

    fn update(&mut self) {
        let (key, value) = (self.stage.hot(&mut self.chance), self.stage.value());
        let mut attempt = self.attempt(self.processes[SLOTS], self.by_default());
        let name = KEYS[table_of(key)];
        let end = match self.stage.store.update(name, appended(value), of_key(key)) {
            Ok(changed) => {
                let committed = changed.committed;
                attempt.steps.push(Step::Append(key, value, changed.updated));
                made_at_one_go(&mut attempt, &committed)
            }
            Err(error) => gave_up(&error),
        };
        self.end(attempt, end);
    }

    fn save(&mut self) {
        let (name, value) = (self.chance.of(&PLAIN), self.stage.value());
        let overwrites = self.chance.below(3) == 0;
        let mode = if overwrites { SaveMode::Overwrite } else { SaveMode::Append };
        let mut attempt = self.attempt(self.processes[SLOTS], self.by_default());
        let end = match self.stage.store.write(numbers([value])).mode(mode).insert_into(name) {
            Ok(saved) => {
                let step = if overwrites { Step::Overwrite } else { Step::Add };
                attempt.steps.push(step(name, value, Told::Done));
                let committed = saved.committed().expect("a save on a store is committed");
                made_at_one_go(&mut attempt, committed)
            }
            Err(error) => gave_up(&error),
        };
        self.end(attempt, end);
    }

    fn compact(&mut self) {
        let table = self.chance.below(KEY_TABLES);
        let mut attempt = self.attempt(self.processes[SLOTS], self.by_default());
        match self.stage.store.compact(KEYS[table]) {
            Ok(compacted) => {
                // Else it gave way or had nothing to do, and says on which version neither.
                let Some(committed) = compacted.committed else { return };
                attempt.steps.push(Step::Compact(table, true));
                let end = made_at_one_go(&mut attempt, &committed);
                self.end(attempt, end);
            }
            Err(error) => self.end(attempt, End::Strange(error.to_string())),
        }
    }

    /// Reads some keys and tables of the newest version, without a transaction.
    fn read(&mut self) {
        let mut attempt = self.attempt(self.processes[SLOTS], Kind::Reader);
        let snapshot = match self.chance.below(2) {
            0 => self.stage.store.snapshot(),
            _ => self.reader.latest().clone(),
        };
        self.look(&snapshot, &mut attempt);
        self.end(attempt, End::Nothing(snapshot.version().0));
    }

    fn look(&mut self, snapshot: &Snapshot, attempt: &mut Attempt) {
        attempt.base = Some(snapshot.version().0);
        for _ in 0..2 + self.chance.below(4) {
            let key = self.stage.hot(&mut self.chance);
            let rows = lists_of(snapshot, KEYS[table_of(key)], key);
            attempt.steps.push(Step::ReadKey(key, rows));
        }
        if self.chance.below(3) == 0 {
            let name = self.chance.of(&every_name());
            attempt.steps.push(Step::Read(name, numbers_of(snapshot, name)));
        }
    }

    /// Reads an older version, by its number or a tag.
    fn travel(&mut self) {
        let store = &self.stage.store;
        let back = self.chance.below(VERSIONS_BACK + 24) as u64;
        // Before version 1 there was no table.
        let asked = store.version().0.saturating_sub(back).max(1);
        let tag = match self.chance.below(2) {
            0 if !self.tags.is_empty() => Some(self.chance.of(&self.tags)),
            _ => None,
        };
        let asked = tag.as_ref().map_or(asked, |(_, version)| *version);
        let mut attempt = self.attempt(self.processes[SLOTS], Kind::Travel { asked });
        let found = match &tag {
            Some((tag, _)) => store.at(tag.as_str()),
            None => store.at(asked),
        };
        let end = match found {
            Ok(then) => {
                self.look(&then, &mut attempt);
                End::Nothing(then.version().0)
            }
            Err(TravelError::Expired { .. }) if tag.is_none() => {
                attempt.steps.push(Step::Expired(store.version().0));
                End::Nothing(asked)
            }
            Err(error) => End::Strange(error.to_string()),
        };
        self.end(attempt, end);
    }

    /// Tags and expiry, which make no version and show in what can be travelled to.
    fn tend(&mut self) {
        let store = &self.stage.store;
        match self.chance.below(4) {
            0 => {
                let policy = Retention { versions_max: VERSIONS_FEW, ..store.retention() };
                store.expire(&policy);
            }
            1 if self.tags.len() >= TAGS => {
                let (tag, _) = self.tags.remove(0);
                store.untag(&tag).expect("it was tagged and nobody else knows the tag");
            }
            _ if self.tags.len() < TAGS => {
                self.tagged += 1;
                let tag = format!("{} of {}", self.tagged, self.processes[SLOTS]);
                let version = store.tag(&tag, store.version()).ok();
                self.tags.extend(version.map(|version| (tag, version.0)));
            }
            _ => {}
        }
    }
}

/// The base and the end of what was committed by a call of its own.
fn made_at_one_go(attempt: &mut Attempt, committed: &annals::Committed) -> End {
    let version = committed.version().0;
    let base = committed.commit().map_or(version, |commit| commit.base.0);
    attempt.base = Some(base);
    if committed.made_version() { End::Made(version) } else { End::Nothing(version) }
}

/// What came of a call that was begun again by itself. It may run out of retries, and says on which
/// versions it was refused no more than if it had not.
fn gave_up(error: &WriteError) -> End {
    match error {
        WriteError::Commit(annals::CommitError::Conflict(_)) => End::Retried,
        other => End::Strange(other.to_string()),
    }
}

fn refused(store: &Store, error: &annals::CommitError) -> End {
    match error {
        annals::CommitError::Conflict(conflict) => End::Refused(Refusal {
            winner: conflict.winner.0,
            newest: store.version().0,
            retryable: conflict.is_retryable(),
            contention: matches!(conflict.rule, annals_state::conflict::Rule::Contention),
            text: conflict.to_string(),
        }),
        annals::CommitError::Assertion { .. } => End::Unasserted,
        other => End::Strange(other.to_string()),
    }
}

/// Lets the transaction assert what it is to: the truth is that the version to be made shows what
/// it appended.
fn assert_in(tx: &mut Transaction, attempt: &Attempt) {
    match attempt.asserts {
        Asserts::Nothing => {}
        Asserts::Falsehood => {
            tx.assert("falsehood", |_| Err("it never holds".to_owned()));
        }
        Asserts::Panic => {
            tx.assert("panic", |_| resume_unwind(Box::new("as it was told to")));
        }
        Asserts::Truth => {
            let appended = crate::linear::appended_at_last(&attempt.steps);
            tx.assert("truth", move |candidate| {
                let shows = |(key, value): &(Key, i64)| {
                    let rows = lists_of(candidate, KEYS[table_of(*key)], *key);
                    rows.len() == 1 && rows[0].last() == Some(value)
                };
                let all = appended.iter().all(shows);
                if all { Ok(()) } else { Err("it does not show what was appended".to_owned()) }
            });
        }
    }
}

fn every_name() -> Vec<&'static str> {
    PLAIN.into_iter().chain(OTHERS.into_iter().flatten()).collect()
}

impl Work {
    fn new(chance: &mut Chance) -> Self {
        let (points, inserted) = (Vec::new(), Vec::new());
        let (wrote, replaced) = (BTreeSet::new(), BTreeSet::new());
        let (steps_left, blind) = (1 + chance.below(6), chance.below(12) == 0);
        Self { steps_left, blind, points, wrote, replaced, inserted }
    }

    /// Takes one step and writes it down; or says what no step should be told.
    fn step(
        &mut self,
        stage: &Stage,
        chance: &mut Chance,
        tx: &mut Transaction,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        self.steps_left -= 1;
        match chance.below(100) {
            _ if self.blind => return self.step_elsewhere(stage, chance, tx, steps),
            0..34 => {
                let key = stage.hot(chance);
                steps.push(Step::ReadKey(key, lists_of(tx, KEYS[table_of(key)], key)));
            }
            34..72 => {
                let (key, value) = (stage.hot(chance), stage.value());
                let updated = tx.update(KEYS[table_of(key)], appended(value), of_key(key));
                let updated = updated.map_err(|error| error.to_string())?;
                steps.push(Step::Append(key, value, updated));
            }
            72..76 => {
                let (key, value) = (stage.key(), stage.value());
                let rows = keyed(&[(key as i64, vec![value])]);
                let saved = tx.write(rows).insert_into(KEYS[table_of(key)]);
                saved.map_err(|error| error.to_string())?;
                steps.push(Step::Insert(key, value));
                if chance.below(4) == 0 {
                    // Others look for it before it is there.
                    stage.warm(chance, key);
                }
                self.inserted.push(key);
            }
            76 => {
                let table = chance.below(KEY_TABLES);
                steps.push(Step::ReadKeys(table, rows_of(tx, KEYS[table])));
            }
            77 if chance.below(4) == 0 => {
                let table = chance.below(KEY_TABLES);
                let compacted = tx.compact(KEYS[table], &Compaction::new());
                let compacted = compacted.map_err(|error| error.to_string())?;
                steps.push(Step::Compact(table, compacted.chunks_before > 0));
            }
            77..82 => {
                self.points.push((tx.savepoint(), steps.len()));
                steps.push(Step::Savepoint);
                self.steps_left += 1;
            }
            82..85 => {
                let Some((point, length)) = self.points.pop() else { return Ok(()) };
                tx.rollback_to(&point).map_err(|error| error.to_string())?;
                steps.push(Step::Rollback(length));
                self.inserted.clear();
            }
            _ => return self.step_elsewhere(stage, chance, tx, steps),
        }
        Ok(())
    }

    /// A step in a plain or other table.
    fn step_elsewhere(
        &mut self,
        stage: &Stage,
        chance: &mut Chance,
        tx: &mut Transaction,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        let table = chance.below(PLAIN.len() + OTHERS.len());
        if self.replaced.contains(&table) {
            return Ok(());
        }
        let names = match table.checked_sub(PLAIN.len()) {
            None => [PLAIN[table]; 2],
            Some(other) => OTHERS[other],
        };
        // Looked up where it does not count as read.
        let there = |name: &&str| tx.base().table_exists(*name).expect("the name is a name");
        let (name, is_there) = match names.into_iter().find(there) {
            Some(name) => (name, true),
            None => (names[0], false),
        };
        let (is_other, value) = (table >= PLAIN.len(), stage.value());
        let base = tx.base().version().0;
        match chance.below(20) {
            0..6 if !self.blind => steps.push(Step::Read(name, numbers_of(tx, name))),
            6..10 if is_other && !self.wrote.contains(&table) => {
                self.replaced.insert(table);
                if chance.below(3) == 0 && is_there {
                    let to = if name == names[0] { names[1] } else { names[0] };
                    steps.push(Step::Rename(name, to, told(tx.rename_table(name, to))?));
                    return Ok(());
                }
                if is_there {
                    steps.push(Step::Drop(name, told(tx.drop_table(name))?));
                }
                if !is_there || chance.below(4) > 0 {
                    let made = tx.write(numbers([value])).save_as_table(name);
                    steps.push(Step::Create(name, value, told(made)?));
                }
            }
            10..12 if is_there && !self.wrote.contains(&table) => {
                self.replaced.insert(table);
                let at = base.saturating_sub(chance.below(VERSIONS_BACK) as u64);
                steps.push(Step::Restore(name, at, told(tx.restore_table(name, at))?));
            }
            12..15 => {
                self.wrote.insert(table);
                let mode = SaveMode::Overwrite;
                let saved = tx.write(numbers([value])).mode(mode).insert_into(name);
                steps.push(Step::Overwrite(name, value, told(saved)?));
            }
            _ => {
                self.wrote.insert(table);
                let saved = tx.write(numbers([value])).insert_into(name);
                steps.push(Step::Add(name, value, told(saved)?));
            }
        }
        Ok(())
    }
}

/// What a change of the catalog was told; or what it never should be.
fn told<T>(result: Result<T, WriteError>) -> Result<Told, String> {
    match result {
        Ok(_) => Ok(Told::Done),
        Err(WriteError::Catalog(error)) => match error {
            CatalogError::NoTable { .. }
            | CatalogError::NoTableThen { .. }
            | CatalogError::OtherTable { .. } => Ok(Told::Absent),
            CatalogError::TableExists { .. } => Ok(Told::Taken),
            other => Err(other.to_string()),
        },
        Err(WriteError::Travel(TravelError::Expired { .. })) => Ok(Told::Expired),
        Err(other) => Err(other.to_string()),
    }
}
