//! A store beside its model: every call is made on both, and whatever can be seen is compared.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals::error::WriteError;
use annals::{
    Commit, Committed, Isolation, PinnedSnapshot, Retention, Snapshot, Store, StoreBuilder,
    Timestamp, Watch,
};

use super::draft::{Draft, Record};
use super::engine::{self, moment, shown};
use super::past::Past;
use super::step::{Moment, Op, Save, Step};
use super::world::{World, split};

/// What is expected of the record of a commit.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) base: u64,
    /// None if it is not foretold what the operations are called.
    pub(super) records: Option<Vec<Record>>,
    pub(super) application: Option<(String, u64)>,
    pub(super) isolation: Isolation,
}

/// What is held of the past.
enum Held {
    Snapshot(Snapshot),
    Pinned(PinnedSnapshot),
}

impl Held {
    fn snapshot(&self) -> &Snapshot {
        match self {
            Self::Snapshot(snapshot) => snapshot,
            Self::Pinned(pinned) => pinned,
        }
    }
}

/// A store and its model.
pub struct Pair {
    /// The store.
    pub store: Store,
    clock: Arc<AtomicI64>,
    /// The model.
    pub past: Past,
    versions_max: usize,
    pub(super) makes_databases: bool,
    held: Vec<(Held, Vec<String>)>,
    /// By version, from the first of this store.
    pub(super) commits: Vec<Option<Expected>>,
    watch: Watch,
    steps: u64,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a store and its model at v{}", self.past.newest())
    }
}

/// What the clock says at first.
const START: i64 = 1_000_000;

impl Pair {
    /// An empty store.
    pub fn new(makes_databases: bool) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let read = Arc::clone(&clock);
        let store = StoreBuilder::new()
            .create_missing_databases(makes_databases)
            // ORDERING: the clock is set by the thread that reads it.
            .clock(move || Timestamp(read.load(Ordering::Relaxed)))
            .build();
        let past = Past::new(store.snapshot().timestamp().0, START);
        let watch = store.watch(store.version()).expect("the newest version is there");
        Self {
            store,
            clock,
            past,
            versions_max: Retention::default().versions_max,
            makes_databases,
            held: Vec::new(),
            commits: vec![None],
            watch,
            steps: 0,
        }
    }

    /// Tells a whole story, and compares everything once more at its end.
    pub fn tell(&mut self, story: &[Step]) {
        for step in story {
            self.step(step);
        }
        self.check_all();
    }

    /// Makes one call on both.
    pub fn step(&mut self, step: &Step) {
        self.steps += 1;
        match step {
            Step::Do(op) => self.change(op),
            Step::Idempotent(save, application, sequence) => {
                self.idempotent(save, application, *sequence);
            }
            Step::Transact(transact) => self.transact(transact),
            Step::Speculate(steps) => self.speculate(steps, false),
            Step::Publish(steps) => self.speculate(steps, true),
            Step::Tag(tag, at) => self.tag(tag, at),
            Step::Untag(tag) => self.untag(tag),
            Step::Expire(versions_max) => {
                let policy = Retention { versions_max: *versions_max, ..self.store.retention() };
                let expected = self.store.expire_dry_run(&policy);
                let expiry = self.store.expire(&policy);
                let versions: Vec<u64> = expiry.versions.iter().map(|v| v.0).collect();
                assert_eq!(versions, self.past.expire(*versions_max), "what expires");
                // Who holds a version is of a moment, but what is whose adds up.
                let told = |expiry: &annals::Expiry| {
                    let annals::Expiry { bytes_returned, bytes_held_by_pins, .. } = expiry;
                    let bytes = bytes_returned + bytes_held_by_pins;
                    (expiry.versions.clone(), expiry.records, bytes, expiry.bytes_held_by_tags)
                };
                assert_eq!(told(&expiry), told(&expected), "the dry run said something else");
            }
            Step::SetRetention(versions_max) => {
                let policy = Retention { versions_max: *versions_max, ..self.store.retention() };
                let count = self.store.set_retention(policy);
                assert_eq!(count, self.past.expire(*versions_max).len(), "how many expire");
                self.versions_max = *versions_max;
            }
            Step::Clock(by) => {
                self.past.clock += by;
                // ORDERING: see the reader.
                self.clock.store(self.past.clock, Ordering::Relaxed);
            }
            Step::Hold(at, with_label) => self.hold(at, *with_label),
            Step::LetGo => {
                if !self.held.is_empty() {
                    self.held.remove(0);
                }
            }
            Step::Fork(at) => self.fork(at),
            look => self.look(look),
        }
        self.check();
    }

    // ---- changes ----------------------------------------------------------------------------

    /// Makes a change as a commit of its own.
    pub(super) fn change(&mut self, op: &Op) {
        let past = &self.past;
        let mut draft =
            Draft::new(past.now().clone(), past.newest() + 1, past, self.makes_databases);
        let expected = draft.apply(op);
        let done = engine::on_store(&self.store, op, past);
        match (done, expected) {
            (Ok((said, committed)), Ok(expected)) => {
                assert_eq!(said, expected, "what {op:?} came to");
                let Draft { world, records, .. } = draft;
                let made = !records.is_empty();
                let committed = committed.filter(Committed::made_version);
                assert_eq!(committed.is_some(), made, "whether {op:?} made a version");
                if let Some(committed) = committed {
                    let records = foretold(op, records);
                    let base = self.past.newest();
                    let isolation = Isolation::Snapshot;
                    let expected = Expected { base, records, application: None, isolation };
                    self.committed(world, &committed, expected);
                }
            }
            (Err(error), expected) => self.refused(op, &error, expected),
            (Ok(_), Err(refusal)) => panic!("{op:?} was made; the model refuses it: {refusal}"),
        }
    }

    /// Compares a refusal. A revert may be refused more often than the model knows, though not of
    /// the last commit.
    fn refused(&self, op: &Op, error: &WriteError, expected: Result<String, String>) {
        let kind = engine::write_error(error);
        match expected {
            Err(expected) => assert_eq!(kind, expected, "why {op:?} is refused: {error}"),
            Ok(_) if kind == "Revert" && *op != Op::Revert(0) => {}
            Ok(expected) => panic!("{op:?} is refused: {error}; the model says: {expected}"),
        }
    }

    pub(super) fn committed(&mut self, world: World, committed: &Committed, expected: Expected) {
        let commit = committed.commit().expect("what made a version has its record");
        self.past.push(world);
        self.commits.push(Some(expected));
        assert_eq!(committed.version().0, self.past.newest(), "the next version");
        assert_eq!(committed.retries(), 0);
        self.check_commit(commit);
        let slack = (self.versions_max / 16).min(64);
        if self.past.newest() - self.past.oldest + 1 > (self.versions_max + slack) as u64 {
            self.past.expire(self.versions_max);
        }
    }

    fn idempotent(&mut self, save: &Save, application: &'static str, sequence: u64) {
        let past = &self.past;
        let before = self.applied_before(application, sequence);
        let mut draft =
            Draft::new(past.now().clone(), past.newest() + 1, past, self.makes_databases);
        // What is wrong with the call itself is said before anything is looked up.
        let (mode, both) = (save.mode, save.merge_schema && save.overwrite_schema == Some(true));
        let wrong = split(save.name).is_none()
            || save.rows.is_none()
            || both
            || (save.replace_where.is_some() && mode != annals::SaveMode::Overwrite);
        let expected = match before {
            Some(before) if !wrong => before.map(|version| (Some(version), String::new())),
            _ => draft.save(save).map(|said| (None, said)),
        };
        let writer = self.store.write(engine::rows_of(save)).idempotent(application, sequence);
        let done = engine::with_options(writer, save).save_as_table(save.name);
        match (done, expected) {
            (Ok(saved), Ok((Some(before), _))) => {
                assert_eq!(saved.outcome(), annals::SaveOutcome::AppliedBefore);
                assert_eq!(saved.version().map(|version| version.0), Some(before));
            }
            (Ok(saved), Ok((None, expected))) => {
                assert_eq!(engine::saved_text(&saved), expected);
                let Draft { mut world, records, at, .. } = draft;
                if !records.is_empty() {
                    let application = application.to_owned();
                    world.applied.insert(application.clone(), (sequence, at));
                    let expected = Expected {
                        base: self.past.newest(),
                        records: Some(records),
                        application: Some((application, sequence)),
                        isolation: Isolation::Snapshot,
                    };
                    let committed = saved.committed().expect("it was committed").clone();
                    self.committed(world, &committed, expected);
                }
            }
            (Err(error), Err(expected)) => {
                let kind = engine::write_error(&error);
                assert_eq!(kind, expected, "why the save is refused: {error}");
            }
            (done, expected) => panic!("{done:?}, where the model says {expected:?}"),
        }
    }

    /// Whether an application's sequence was applied, and as which version; none if it is new.
    pub(super) fn applied_before(
        &self,
        application: &str,
        asked: u64,
    ) -> Option<Result<u64, String>> {
        let (newest, version) = *self.past.now().applied.get(application)?;
        if asked > newest {
            return None;
        }
        if asked == newest {
            return Some(Ok(version));
        }
        let sought = Some((application.to_owned(), asked));
        let is_it = |of: &Option<Expected>| of.as_ref().is_some_and(|of| of.application == sought);
        let found = self.commits.iter().rposition(is_it);
        Some(found.map(|version| version as u64).ok_or_else(|| "StaleSequence".to_owned()))
    }

    // ---- the timeline -------------------------------------------------------------------------

    fn tag(&mut self, tag: &'static str, at: &Moment) {
        let expected = self.past.at(at).and_then(|version| match self.past.tags.get(tag) {
            _ if tag.is_empty() => Err("Tag.Invalid".to_owned()),
            Some(present) if *present != version => Err("Tag.Exists".to_owned()),
            _ => Ok(version),
        });
        let done = self.store.tag(tag, moment(at, &self.past));
        let done = done.map(|version| version.0).map_err(|error| engine::tag_error(&error));
        assert_eq!(done, expected, "the tag {tag:?} at {at:?}");
        if let Ok(version) = done {
            self.past.tags.insert(tag, version);
        }
    }

    fn untag(&mut self, tag: &'static str) {
        let expected = self.past.tags.get(tag).copied().ok_or_else(|| "Tag.NoTag".to_owned());
        let done = self.store.untag(tag);
        let done = done.map(|version| version.0).map_err(|error| engine::tag_error(&error));
        assert_eq!(done, expected, "taking the tag {tag:?} away");
        if let Ok(version) = done {
            self.past.tags.remove(tag);
            if !self.past.tags.values().any(|tagged| *tagged == version) {
                self.past.kept.remove(&version);
            }
        }
    }

    fn hold(&mut self, at: &Moment, with_label: bool) {
        let asked = moment(at, &self.past);
        let held = match with_label {
            true => self.store.pin_at(asked, "held by the model").map(Held::Pinned),
            false => self.store.at(asked).map(Held::Snapshot),
        };
        match (held, self.past.at(at)) {
            (Ok(held), Ok(version)) => {
                assert_eq!(held.snapshot().version().0, version);
                if self.held.len() == 4 {
                    self.held.remove(0);
                }
                self.held.push((held, self.past.world(version).text()));
            }
            (Err(error), Err(expected)) => assert_eq!(engine::travel_error(&error), expected),
            (held, expected) => {
                let held = held.map(|held| held.snapshot().version());
                panic!("{held:?}, where the model says {expected:?}")
            }
        }
    }

    /// Goes on with a fork. What was held of the store that it is of stays as it was.
    fn fork(&mut self, at: &Moment) {
        let Ok(version) = self.past.at(at) else { return self.hold(at, false) };
        let snapshot = self.store.at(moment(at, &self.past)).expect("the model reaches it");
        let fork = match version == self.past.newest() {
            true => self.store.fork(),
            false => self.store.fork_from(&snapshot),
        };
        assert_eq!(fork.origin().map(|origin| origin.version.0), Some(version));
        assert!(fork.history().iter().next().is_none(), "a fork has no records of its own");
        self.store = fork;
        self.past.worlds.truncate(version as usize + 1);
        self.past.times.truncate(version as usize + 1);
        self.past.oldest = version;
        self.past.kept.clear();
        self.past.tags.clear();
        self.commits = vec![None; version as usize + 1];
        self.watch = self.store.watch(version).expect("the newest version is there");
    }

    // ---- comparing --------------------------------------------------------------------------

    /// Compares what can be seen now, a version of the past, and what is held.
    pub fn check(&mut self) {
        let newest = self.past.newest();
        assert_eq!(self.store.version().0, newest, "the newest version");
        self.check_version(newest);
        self.check_version(self.steps.wrapping_mul(7) % (newest + 1));
        let versions: Vec<u64> = self.store.versions().iter().map(|version| version.0).collect();
        assert_eq!(versions, self.past.versions(), "the versions that can be reached");
        let tags: Vec<(String, u64)> =
            self.store.tags().iter().map(|(tag, at)| (tag.to_string(), at.0)).collect();
        let expected = self.past.tags.iter().map(|(tag, at)| ((*tag).to_owned(), *at));
        assert_eq!(tags, expected.collect::<Vec<_>>(), "the tags");
        for (held, text) in &self.held {
            let number = held.snapshot().version();
            compare(&format!("what is held of {number}"), &shown(held.snapshot()), text);
        }
    }

    /// Compares every version, every record, and what a watch has seen.
    pub fn check_all(&mut self) {
        (0..=self.past.newest()).for_each(|version| self.check_version(version));
        let mut records = 0;
        for commit in self.store.history().iter() {
            self.check_commit(commit);
            records += 1;
        }
        assert_eq!(records, self.commits.iter().flatten().count(), "how many records there are");
        let first = self.commits.iter().position(Option::is_some).unwrap_or(self.commits.len());
        for version in first as u64..=self.past.newest() {
            let watched = self.watch.try_next().expect("there is a commit").expect("its record");
            assert_eq!(watched.version().0, version, "the commit that comes next");
            assert_eq!(watched.snapshot().is_some(), self.past.reach(version).is_ok());
        }
        assert!(self.watch.try_next().is_none(), "there are more commits than versions");
    }

    fn check_version(&self, version: u64) {
        match (self.store.at(version), self.past.reach(version)) {
            (Ok(snapshot), Ok(_)) => {
                let text = self.past.world(version).text();
                compare(&format!("v{version}"), &shown(&snapshot), &text);
                let time = self.past.times[version as usize];
                assert_eq!(snapshot.timestamp().0, time, "when v{version} was made");
            }
            (Err(error), Err(expected)) => assert_eq!(engine::travel_error(&error), expected),
            (found, expected) => panic!("v{version}: {found:?}, the model says {expected:?}"),
        }
    }

    fn check_commit(&self, commit: &Commit) {
        let version = commit.version.0;
        let expected = self.commits[version as usize].as_ref();
        let expected = expected.unwrap_or_else(|| panic!("v{version} has a record"));
        assert_eq!(commit.timestamp.0, self.past.times[version as usize], "when v{version} was");
        assert_eq!(commit.base.0, expected.base, "the base of v{version}");
        assert_eq!(commit.rebased, expected.base + 1 != version, "whether v{version} was rebased");
        assert_eq!(commit.isolation, expected.isolation, "the isolation of v{version}");
        let application = commit.info.application.as_ref();
        let application = application.map(|(name, sequence)| (name.to_string(), *sequence));
        assert_eq!(application, expected.application, "who wrote v{version}");
        if let Some(records) = &expected.records {
            assert_eq!(&engine::records(commit), records, "the record of v{version}");
        }
    }
}

/// What the record says, unless the change is one of which that is not foretold.
fn foretold(op: &Op, records: Vec<Record>) -> Option<Vec<Record>> {
    (!matches!(op, Op::Revert(_))).then_some(records)
}

/// Compares two texts, and shows the lines that only one of them has.
pub fn compare(what: &str, found: &[String], expected: &[String]) {
    if found == expected {
        return;
    }
    let mut message = format!("{what} is not what it should be\n");
    for (sign, of, other) in [('+', found, expected), ('-', expected, found)] {
        for line in of.iter().filter(|line| !other.contains(line)) {
            let _ = writeln!(message, "{sign} {line}");
        }
    }
    let _ = writeln!(message, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
    panic!("{message}");
}
