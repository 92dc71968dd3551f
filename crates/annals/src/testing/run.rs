//! One run of a script: steps taken one by one on one thread, and what became of each.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::panic::Location;
use std::sync::Arc;

use annals_state::VersionId;

use super::scenario::Scenario;
use super::script::Act;
use super::steps::Performance;
use crate::error::{BoxError, CommitError, Conflict, Remedy};
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// How often a transaction is begun again, where nobody comes in between.
const RETRIES_MAX: u32 = 64;

/// What became of a transaction, or of work outside the transactions.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was committed.
    Committed(Committed),
    /// Its commit was refused.
    Refused(CommitError),
    /// The script aborted it.
    Aborted,
    /// A step of it, or the work outside, returned an error; nothing of a transaction is visible.
    Failed {
        /// The step.
        step: String,
        /// What it returned.
        error: BoxError,
    },
    /// The script came to its end before the transaction did.
    Abandoned,
    /// The script has no step of it.
    NotBegun,
    /// Work outside the transactions was done.
    Done,
}

impl Outcome {
    /// Whether a transaction was committed, if only as one without changes.
    pub fn is_committed(&self) -> bool {
        matches!(self, Self::Committed(_))
    }

    /// The version that it made.
    pub fn version(&self) -> Option<VersionId> {
        match self {
            Self::Committed(committed) if committed.made_version() => Some(committed.version()),
            _ => None,
        }
    }

    /// The conflict that its commit was refused for.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Refused(error) => error.conflict(),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Committed(committed) => {
                match committed.made_version() {
                    true => write!(f, "committed as {}", committed.version())?,
                    false => f.write_str("committed, with nothing changed")?,
                }
                match committed.retries() {
                    0 => Ok(()),
                    retries => write!(f, ", at attempt {}", retries + 1),
                }
            }
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Aborted => f.write_str("aborted"),
            Self::Failed { step, error } => write!(f, "failed in {step}: {error}"),
            Self::Abandoned => f.write_str("left open"),
            Self::NotBegun => f.write_str("not begun"),
            Self::Done => f.write_str("done"),
        }
    }
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The step, as it is written in the script.
    pub step: String,
    /// What it returned, in the form of `Debug`; of an end, what it came to. Empty if there is
    /// nothing to tell.
    pub told: String,
    /// Whether it was taken. A step of a transaction that has failed before is skipped.
    pub skipped: bool,
}

/// What a script came to. As text it is the steps with what each returned, one a line.
///
/// `run["a"]` is the [`Outcome`] of `a`, and panics if the scenario has nothing of that name, as a map
/// does; [`outcome`](Self::outcome) does not.
#[derive(Debug)]
pub struct Run {
    script: String,
    store: Store,
    taken: Vec<Taken>,
    outcomes: BTreeMap<String, Outcome>,
}

impl Run {
    /// The script, to be replayed.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// The store that the steps were taken on, as they left it. It is this run's own.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The steps, in the order in which they were taken.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// What `step` returned, each time that it was taken, in the form of `Debug`: of `a.read` for
    /// example.
    pub fn told(&self, step: &str) -> Vec<&str> {
        let of_step = self.taken.iter().filter(|taken| taken.step == step && !taken.skipped);
        of_step.map(|taken| taken.told.as_str()).collect()
    }

    /// What became of a transaction, or of work outside the transactions, if the scenario has it.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.get(name)
    }

    /// What became of all of them, by name.
    pub fn outcomes(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.outcomes.iter().map(|(name, outcome)| (name.as_str(), outcome))
    }

    pub(super) fn of(
        scenario: &Scenario<'_>,
        acts: &[Act],
        location: &'static Location<'static>,
    ) -> Self {
        let mut running = Running::new(scenario, location);
        for act in acts {
            running.act(*act);
        }
        let script = scenario.script_of(acts);
        let Running { store, open, taken, mut outcomes, .. } = running;
        for ((name, _), open) in scenario.transactions.iter().zip(open) {
            let rest = if open.is_some() { Outcome::Abandoned } else { Outcome::NotBegun };
            outcomes.entry(name.clone()).or_insert(rest);
        }
        for (name, _) in &scenario.outside {
            outcomes.entry(name.clone()).or_insert(Outcome::NotBegun);
        }
        Self { script, store, taken, outcomes }
    }
}

/// A run that has not come to its end.
struct Running<'p, 'a> {
    scenario: &'p Scenario<'a>,
    location: &'static Location<'static>,
    store: Store,
    /// By their places in the scenario.
    open: Vec<Option<Open<'p>>>,
    taken: Vec<Taken>,
    /// Of those that have ended.
    outcomes: BTreeMap<String, Outcome>,
}

impl<'p, 'a> Running<'p, 'a> {
    fn new(scenario: &'p Scenario<'a>, location: &'static Location<'static>) -> Self {
        let open = scenario.transactions.iter().map(|_| None).collect();
        let (taken, outcomes) = (Vec::new(), BTreeMap::new());
        Self { scenario, location, store: scenario.fork(), open, taken, outcomes }
    }

    fn act(&mut self, act: Act) {
        let step = self.scenario.word(act);
        let (told, skipped) = match act {
            Act::Outside(work) => (self.work(work), false),
            Act::Begin(index) | Act::Step(index, _) | Act::Commit(index) | Act::Abort(index) => {
                match self.outcomes.contains_key(&self.scenario.transactions[index].0) {
                    true => ("skipped".to_owned(), true),
                    false => (self.go_on(index, act), false),
                }
            }
        };
        self.taken.push(Taken { step, told, skipped });
    }

    /// Does work outside the transactions. What failed once has failed, whatever comes later.
    fn work(&mut self, work: usize) -> String {
        let (name, work) = &self.scenario.outside[work];
        match work(&self.store) {
            Ok(told) => {
                self.outcomes.entry(name.clone()).or_insert(Outcome::Done);
                told
            }
            Err(error) => {
                let (told, step) = (format!("failed: {error}"), name.clone());
                self.outcomes.insert(name.clone(), Outcome::Failed { step, error });
                told
            }
        }
    }

    /// Goes on with a transaction that has not ended, or begins it.
    fn go_on(&mut self, index: usize, act: Act) -> String {
        let (scenario, store) = (self.scenario, &self.store);
        let open = &mut self.open[index];
        let part = open.get_or_insert_with(|| Open::begin(scenario, index, store, 0));
        let (told, outcome) = match act {
            Act::Step(_, number) => match part.take(number) {
                Ok(told) => return told,
                Err(error) => {
                    let step = scenario.word(act);
                    (format!("failed: {error}"), Outcome::Failed { step, error })
                }
            },
            Act::Commit(_) => {
                let outcome = part.commit(scenario, index, store, self.location);
                (outcome.to_string(), outcome)
            }
            Act::Abort(_) => (String::new(), Outcome::Aborted),
            Act::Begin(_) | Act::Outside(_) => return format!("at {}", part.tx.base_id()),
        };
        *open = None;
        self.outcomes.insert(scenario.transactions[index].0.clone(), outcome);
        told
    }
}

/// A transaction that has begun and not ended.
struct Open<'p> {
    tx: Transaction,
    memory: Box<dyn Performance + 'p>,
    /// The steps so far, to be taken again.
    taken: Vec<usize>,
}

impl<'p> Open<'p> {
    fn begin(scenario: &'p Scenario<'_>, index: usize, store: &Store, retries: u32) -> Self {
        let part = &scenario.transactions[index].1;
        let base = Arc::clone(store.snapshot().value());
        let mut tx = Transaction::begin(Arc::clone(store.shared()), base, retries);
        if let Some(isolation) = part.isolation().or(scenario.isolation) {
            tx.isolation(isolation);
        }
        Self { tx, memory: part.begin(), taken: Vec::new() }
    }

    fn take(&mut self, step: usize) -> Result<String, BoxError> {
        self.taken.push(step);
        self.memory.take(step, &mut self.tx)
    }

    /// Commits, if need be after beginning again.
    fn commit(
        &mut self,
        scenario: &'p Scenario<'_>,
        index: usize,
        store: &Store,
        location: &'static Location<'static>,
    ) -> Outcome {
        let (name, part) = &scenario.transactions[index];
        let mut retries = 0;
        loop {
            let error = match self.tx.commit_at(location) {
                Ok(committed) => return Outcome::Committed(committed),
                Err(error) => error,
            };
            let again = part.retrying() && error.remedy() == Remedy::Retry;
            if !again || retries == RETRIES_MAX {
                return Outcome::Refused(error);
            }
            retries += 1;
            let steps = std::mem::take(&mut self.taken);
            *self = Self::begin(scenario, index, store, retries);
            for number in steps {
                if let Err(error) = self.take(number) {
                    let step = format!("{name}.{}", part.names()[number]);
                    return Outcome::Failed { step, error };
                }
            }
        }
    }
}

impl Index<&str> for Run {
    type Output = Outcome;

    #[track_caller]
    fn index(&self, name: &str) -> &Outcome {
        match self.outcomes.get(name) {
            Some(outcome) => outcome,
            None => panic!("the scenario has nothing of the name `{name}`"),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.taken.iter().map(|taken| taken.step.chars().count()).max().unwrap_or(0);
        for (index, Taken { step, told, .. }) in self.taken.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if told.is_empty() {
                f.write_str(step)?;
            } else {
                write!(f, "{step:width$}  {told}")?;
            }
        }
        Ok(())
    }
}
