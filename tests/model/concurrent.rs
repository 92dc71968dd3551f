//! Several threads at once. What each did is noted, and judged afterwards: the versions say in which
//! order it happened, and in that order the model must allow every call and show every version.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use annals::error::{CommitError, WriteError};
use annals::{Isolation, Store};
use annals_tests::at_once;
use annals_tests::model::decode::{Choices, STEP_BYTES, step};
use annals_tests::model::draft::Draft;
use annals_tests::model::engine::{self, shown};
use annals_tests::model::pair::{Pair, compare};
use annals_tests::model::past::Past;
use annals_tests::model::step::{Inner, Moment, Op, Step};
use annals_tests::model::world::{World, cells_text};
use proptest::prelude::*;

/// What a thread does next.
#[derive(Clone, Debug)]
enum Work {
    Do(Op),
    Transact(Isolation, Vec<Inner>),
    Read,
}

/// What a thread did, and what it was told.
#[derive(Debug)]
struct Note {
    thread: usize,
    work: Work,
    /// The newest versions before and after.
    between: (u64, u64),
    told: Told,
}

#[derive(Debug)]
enum Told {
    /// A change was made by the commit of this version, decided on that one.
    Made(u64, u64, Vec<Result<String, String>>),
    /// Nothing was changed; of a transaction with the version that it began at.
    Nothing(Option<u64>, Vec<Result<String, String>>),
    /// It gave way to others; of a transaction with the version that it began at.
    Conflict(Option<u64>, Vec<Result<String, String>>),
    /// A version, and all that it shows.
    Read(u64, Vec<String>),
}

fn work(bytes: &[u8]) -> Work {
    match step(&mut Choices::new(bytes)) {
        Step::Do(op) => Work::Do(op),
        Step::Transact(transact) => Work::Transact(transact.isolation, transact.steps),
        _ => Work::Read,
    }
}

/// Whether a change means the same whoever comes first: what it says of the past was there before
/// the threads began.
fn is_fixed(op: &Op, past: &Past) -> bool {
    match op {
        Op::Revert(_) => false,
        Op::Restore(at) | Op::RestoreTable(_, at) => {
            past.at(at).is_ok() && !matches!(at, Moment::Time(..))
        }
        _ => true,
    }
}

impl Work {
    /// The same without what is not fixed.
    fn fixed(&self, past: &Past) -> Self {
        match self {
            Self::Do(op) if !is_fixed(op, past) => Self::Read,
            Self::Transact(isolation, steps) => {
                let fixed = |inner: &&Inner| match inner {
                    Inner::Do(op) => is_fixed(op, past),
                    _ => true,
                };
                Self::Transact(*isolation, steps.iter().filter(fixed).cloned().collect())
            }
            work => work.clone(),
        }
    }
}

fn blocks(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), STEP_BYTES), count)
}

// ---- threads --------------------------------------------------------------------------------

fn run(store: &Store, past: &Past, thread: usize, work: &Work) -> Note {
    let before = store.version().0;
    let told = match work {
        Work::Read => {
            let snapshot = store.snapshot();
            Told::Read(snapshot.version().0, shown(&snapshot))
        }
        Work::Do(op) => match engine::on_store(store, op, past) {
            Ok((said, committed)) => {
                let made = committed.filter(annals::Committed::made_version);
                match made.as_ref().and_then(|made| made.commit()) {
                    Some(commit) => Told::Made(commit.version.0, commit.base.0, vec![Ok(said)]),
                    None => Told::Nothing(None, vec![Ok(said)]),
                }
            }
            Err(WriteError::Commit(CommitError::Conflict(_))) => Told::Conflict(None, Vec::new()),
            Err(error) => Told::Nothing(None, vec![Err(engine::write_error(&error))]),
        },
        Work::Transact(isolation, steps) => transact(store, past, *isolation, steps),
    };
    Note { thread, work: work.clone(), between: (before, store.version().0), told }
}

fn transact(store: &Store, past: &Past, isolation: Isolation, steps: &[Inner]) -> Told {
    let mut tx = store.begin();
    tx.isolation(isolation);
    let base = tx.base().version().0;
    let (mut saved, mut said) = (None, Vec::new());
    for step in steps {
        match step {
            Inner::Do(op) => {
                let done = engine::on_transaction(&mut tx, op, past);
                said.push(done.map_err(|error| engine::write_error(&error)));
                std::thread::yield_now();
            }
            Inner::Savepoint => saved = Some(tx.savepoint()),
            Inner::Rollback => {
                if let Some(savepoint) = &saved {
                    tx.rollback_to(savepoint).expect("it is of this transaction");
                }
            }
            Inner::Read(name) => {
                let rows = tx.table(*name).and_then(|table| table.read());
                let text = |rows: Vec<_>| {
                    let rows = rows.iter().flat_map(engine::cells);
                    rows.map(|row| cells_text(&row)).collect::<Vec<_>>().join("; ")
                };
                said.push(rows.map(text).map_err(|error| engine::read_error(&error)));
            }
            Inner::List(_) => {}
        }
    }
    // So that others come in between more often than by luck alone.
    std::thread::sleep(Duration::from_micros(200));
    match tx.commit() {
        Ok(committed) => match committed.commit() {
            Some(commit) => Told::Made(commit.version.0, commit.base.0, said),
            None => Told::Nothing(Some(base), said),
        },
        Err(CommitError::Conflict(_)) => Told::Conflict(Some(base), said),
        Err(error) => panic!("{error}"),
    }
}

// ---- the judge ------------------------------------------------------------------------------

struct Judge<'a> {
    past: &'a Past,
    /// By version.
    worlds: Vec<World>,
}

impl Judge<'_> {
    /// What some work comes to on a version, and what is said of its parts.
    fn redone(&self, base: u64, work: &Work) -> (Draft<'_>, Vec<Result<String, String>>) {
        let world = self.worlds[base as usize].clone();
        let mut draft = Draft::new(world, base + 1, self.past, false);
        let mut said = Vec::new();
        match work {
            Work::Do(op) => said.push(draft.apply(op)),
            Work::Read => {}
            Work::Transact(_, steps) => {
                let mut saved: Option<Draft<'_>> = None;
                for step in steps {
                    match step {
                        Inner::Do(op) => said.push(draft.apply(op)),
                        Inner::Savepoint => saved = Some(draft.clone()),
                        Inner::Rollback => draft = saved.clone().unwrap_or(draft),
                        Inner::Read(name) => said.push(rows_of(&draft, name)),
                        Inner::List(_) => {}
                    }
                }
            }
        }
        (draft, said)
    }

    /// The world that a commit makes.
    fn made(&self, note: &Note, version: u64, base: u64, told: &[Result<String, String>]) -> World {
        let (draft, said) = self.redone(base, &note.work);
        assert_eq!(told, said, "what was said of v{version}, decided on v{base}: {note:?}");
        assert!(!draft.log.is_empty(), "v{version} changes nothing: {note:?}");
        if base + 1 == version {
            return draft.world;
        }
        let (base, head) = (&self.worlds[base as usize], &self.worlds[version as usize - 1]);
        match draft.carry_over(base, head, version) {
            Ok(carried) => carried.world,
            Err(why) => panic!("v{version} must not have been committed, {why}: {note:?}"),
        }
    }

    /// Whether there was a version at which the model says the same.
    fn is_allowed(&self, note: &Note) -> bool {
        let (before, after) = note.between;
        let Told::Nothing(base, told) = &note.told else { return true };
        let versions = base.map_or(before..=after, |base| base..=base);
        // Who gives way says no more than that there was nothing to do.
        let gave_way = matches!(note.work, Work::Do(Op::Compact(..))) && before < after;
        gave_way
            || versions.into_iter().any(|version| {
                let (draft, said) = self.redone(version, &note.work);
                said == *told && draft.log.is_empty()
            })
    }
}

fn rows_of(draft: &Draft<'_>, name: &str) -> Result<String, String> {
    let state = draft.require(name).map(|key| draft.state(&key))?;
    if state.is_view() {
        return Err("View".to_owned());
    }
    let rows = state.rows.iter().map(|row| cells_text(&state.values(row)));
    Ok(rows.collect::<Vec<_>>().join("; "))
}

fn judge(store: &Store, past: &Past, notes: Vec<Note>) {
    let mut judge = Judge { past, worlds: past.worlds.clone() };
    let mut made: BTreeMap<u64, (u64, Note)> = BTreeMap::new();
    let mut others = Vec::new();
    for note in notes {
        match note.told {
            Told::Made(version, base, _) => {
                let twice = made.insert(version, (base, note));
                assert!(twice.is_none(), "two commits made v{version}: {twice:?}");
            }
            _ => others.push(note),
        }
    }
    let newest = store.version().0;
    assert!(made.keys().copied().eq(past.newest() + 1..=newest), "every version is somebody's");
    for (version, (base, note)) in &made {
        let (before, after) = note.between;
        assert!(before < *version && *version <= after, "v{version} in its call: {note:?}");
        assert!(base < version);
        let Told::Made(_, _, told) = &note.told else { unreachable!("they were sorted out") };
        let world = judge.made(note, *version, *base, told);
        let found = shown(&store.at(*version).expect("everything is kept"));
        compare(&format!("v{version}, made by {:?}", note.work), &found, &world.text());
        judge.worlds.push(world);
    }
    let mut seen: BTreeMap<usize, u64> = BTreeMap::new();
    for note in &others {
        let (before, after) = note.between;
        match &note.told {
            Told::Read(version, text) => {
                assert!((before..=after).contains(version), "a stale read: {note:?}");
                let last = seen.insert(note.thread, *version).unwrap_or(0);
                assert!(last <= *version, "time went back: {note:?}");
                compare("what was read", text, &judge.worlds[*version as usize].text());
            }
            Told::Conflict(Some(base), told) => {
                assert_eq!(told, &judge.redone(*base, &note.work).1, "{note:?}");
                assert!(base < &after, "nobody came in between: {note:?}");
            }
            Told::Conflict(None, _) => {
                let Work::Do(Op::Save(save)) = &note.work else {
                    panic!("what is decided anew gives way to nobody: {note:?}");
                };
                assert!(save.fail_if_changed && before < after, "{note:?}");
            }
            _ => assert!(judge.is_allowed(note), "at no time was that so: {note:?}"),
        }
    }
}

fn tell(prelude: &[Vec<u8>], threads: &[Vec<Work>]) {
    let mut pair = Pair::new(false);
    for block in prelude {
        let step = step(&mut Choices::new(block));
        // Everything is to be kept, and one store it is.
        if !matches!(step, Step::Expire(_) | Step::SetRetention(_) | Step::Fork(_)) {
            pair.step(&step);
        }
    }
    let notes = Mutex::new(Vec::new());
    at_once(threads.len(), |thread| {
        for work in &threads[thread] {
            let note = run(&pair.store, &pair.past, thread, &work.fixed(&pair.past));
            notes.lock().expect("no thread panics in it").push(note);
        }
    });
    judge(&pair.store, &pair.past, notes.into_inner().expect("no thread panicked"));
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        // A schedule does not come back, so what shrinks is luck.
        max_shrink_iters: 200,
        ..super::config(60)
    })]

    #[test]
    fn what_threads_do_at_once_is_as_the_versions_say(
        prelude in blocks(2..8),
        threads in prop::collection::vec(
            blocks(4..24).prop_map(|all| all.iter().map(|b| work(b)).collect::<Vec<_>>()),
            2..5,
        ),
    ) {
        tell(&prelude, &threads);
    }
}
