//! Who takes part: transactions and work outside of them, and the state that they begin with.
//!
//! **Invariant:** a run changes neither the scenario nor the store that it was made on. Each gets a
//! fork of what the store showed when the scenario was made, which costs O(1).

use std::fmt;
use std::panic::Location;

use annals_state::commit::Isolation;

use super::check::{CheckError, Checked};
use super::orders;
use super::run::Run;
use super::script::{Act, ScriptError, compile, joined};
use super::steps::{Part, RESERVED, Steps, told};
use crate::error::BoxError;
use crate::snapshot::Snapshot;
use crate::store::Store;

type Work<'a> = Box<dyn Fn(&Store) -> Result<String, BoxError> + 'a>;

/// How many orders a check goes through at most, unless it is told otherwise.
const ORDERS_MAX: u64 = 100_000;

/// Transactions by name, and the state of a store that they begin with; see the [module](super).
///
/// What is wrong with a name is told by whatever runs the scenario.
#[must_use = "a scenario does nothing until it is replayed or checked"]
pub struct Scenario<'a> {
    store: Store,
    initial: Snapshot,
    pub(super) transactions: Vec<(String, Box<dyn Part + 'a>)>,
    pub(super) outside: Vec<(String, Work<'a>)>,
    pub(super) isolation: Option<Isolation>,
    orders_max: u64,
    wrong: Option<ScriptError>,
}

impl<'a> Scenario<'a> {
    /// What `store` shows now is what every run begins with. Runs work on
    /// [forks](Store::fork_from) with the options of `store`, and leave it alone.
    pub fn on(store: &Store) -> Self {
        Self {
            store: store.clone(),
            initial: store.snapshot(),
            transactions: Vec::new(),
            outside: Vec::new(),
            isolation: None,
            orders_max: ORDERS_MAX,
            wrong: None,
        }
    }

    /// Adds a transaction. Its steps are called `name.step` in scripts. The name must have no white
    /// space and no `.`.
    pub fn transaction<S: Clone + 'a>(mut self, name: &str, steps: Steps<'a, S>) -> Self {
        self.name(name);
        let names = steps.names();
        for (index, step) in names.iter().enumerate() {
            let (transaction, step) = (name.to_owned(), (*step).to_owned());
            let wrong = if RESERVED.contains(&step.as_str()) {
                ScriptError::Reserved { transaction, step }
            } else if step.is_empty() || step.contains(char::is_whitespace) {
                ScriptError::Name { name: format!("{transaction}.{step}") }
            } else if names[..index].contains(&names[index]) {
                ScriptError::Taken { name: format!("{transaction}.{step}") }
            } else {
                continue;
            };
            self.wrong.get_or_insert(wrong);
        }
        self.transactions.push((name.to_owned(), Box::new(steps)));
        self
    }

    /// Adds work outside the transactions, such as a whole save, or a function that runs a
    /// transaction of its own. It is called by its name alone in scripts. What it returns is told in
    /// the run, as for [`Steps::step`]. The name must have no white space and no `.`.
    pub fn outside<R: fmt::Debug>(
        mut self,
        name: &str,
        work: impl Fn(&Store) -> Result<R, BoxError> + 'a,
    ) -> Self {
        self.name(name);
        let work: Work<'a> = Box::new(move |store| work(store).map(|value| told(&value)));
        self.outside.push((name.to_owned(), work));
        self
    }

    /// Chooses what all transactions are protected from that do not choose it themselves; else it
    /// is what the store's are. Work outside keeps the store's.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// How many orders a check goes through at most; 100,000 if not called. With more it does not
    /// begin.
    pub fn orders_max(mut self, orders: u64) -> Self {
        self.orders_max = orders;
        self
    }

    /// Takes the steps of `script` one after the other.
    ///
    /// A script is a list of steps with white space between them: `a.read b.write b.commit`. Steps
    /// may be left out, repeated, and taken in another order than they were added in. A transaction
    /// begins with its first step, or before that with `a.begin`. `a.commit` and `a.abort` end it.
    /// One that is still open at the end of the script is abandoned. After a step that returned an
    /// error its transaction is abandoned as well, and its further steps are skipped.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] if the script is not of this scenario; then nothing was run. What becomes of
    /// the transactions is no error here but their [`Outcome`](super::Outcome). A panic of a step is
    /// passed on.
    #[track_caller]
    pub fn replay(&self, script: &str) -> Result<Run, ScriptError> {
        self.well_named()?;
        let acts = compile(self, script)?;
        Ok(Run::of(self, &acts, Location::caller()))
    }

    /// Holds a rule after every order of steps that makes a difference: each transaction takes all
    /// its steps, in the order in which they were added, and commits; each work outside is done once.
    ///
    /// A step sees what was there when its transaction began, and what that has changed itself. So what
    /// matters is who begins before whose commit, and of all orders that agree in this, one is run.
    /// Of n transactions there are (n!)²: 4 of two, 36 of three, 576 of four, however many steps they have. Steps
    /// that do more than use their transaction and their memory are for
    /// [`check_every_order`](Self::check_every_order).
    ///
    /// The orders are gone through in an order that is always the same.
    ///
    /// # Errors
    ///
    /// [`CheckError::Broken`] with the first order for which the rule returns an error or panics, or
    /// in which a step does (an error from steps that [may fail](Steps::may_fail) is left to the
    /// rule). [`CheckError::Script`] if the names are not in order, or there are too many orders.
    #[track_caller]
    pub fn check(
        &self,
        rule: impl Fn(&Run) -> Result<(), BoxError>,
    ) -> Result<Checked, CheckError> {
        let location = Location::caller();
        self.well_named()?;
        super::check::check(self, &orders::distinct(self, self.orders_max)?, rule, location)
    }

    /// As [`check`](Self::check), after every order of all steps: 70 of two transactions of three steps
    /// each and a commit, 34,650 of three. For steps that read or change what is outside
    /// their transaction, such as the store itself, or a variable of yours. A transaction begins with
    /// its first step.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    #[track_caller]
    pub fn check_every_order(
        &self,
        rule: impl Fn(&Run) -> Result<(), BoxError>,
    ) -> Result<Checked, CheckError> {
        let location = Location::caller();
        self.well_named()?;
        super::check::check(self, &orders::every(self, self.orders_max)?, rule, location)
    }

    /// The scripts that [`check`](Self::check) goes through.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] if the names are not in order, or there are too many orders.
    pub fn orders(&self) -> Result<Vec<String>, ScriptError> {
        self.well_named()?;
        let orders = orders::distinct(self, self.orders_max)?;
        Ok(orders.iter().map(|acts| self.script_of(acts)).collect())
    }

    fn well_named(&self) -> Result<(), ScriptError> {
        self.wrong.clone().map_or(Ok(()), Err)
    }

    /// Notes what is wrong with a name.
    fn name(&mut self, name: &str) {
        let owned = name.to_owned();
        let of_others = || {
            let transactions = self.transactions.iter().map(|(other, _)| other);
            transactions.chain(self.outside.iter().map(|(other, _)| other)).any(|o| o == name)
        };
        let wrong = if name.is_empty() || name.contains(|c: char| c == '.' || c.is_whitespace()) {
            ScriptError::Name { name: owned }
        } else if of_others() {
            ScriptError::Taken { name: owned }
        } else {
            return;
        };
        self.wrong.get_or_insert(wrong);
    }

    /// What a run begins with.
    pub(super) fn fork(&self) -> Store {
        self.store.fork_from(&self.initial)
    }

    /// A step as it is written in a script.
    pub(super) fn word(&self, act: Act) -> String {
        let of =
            |transaction: usize, step: &str| format!("{}.{step}", self.transactions[transaction].0);
        match act {
            Act::Begin(transaction) => of(transaction, "begin"),
            Act::Step(transaction, step) => {
                of(transaction, self.transactions[transaction].1.names()[step])
            }
            Act::Commit(transaction) => of(transaction, "commit"),
            Act::Abort(transaction) => of(transaction, "abort"),
            Act::Outside(work) => self.outside[work].0.clone(),
        }
    }

    pub(super) fn script_of(&self, acts: &[Act]) -> String {
        acts.iter().map(|act| self.word(*act)).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Scenario<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario")
            .field("initial", &self.initial.version())
            .field("transactions", &joined(self.transactions.iter().map(|(name, _)| name.as_str())))
            .field("outside", &joined(self.outside.iter().map(|(name, _)| name.as_str())))
            .finish_non_exhaustive()
    }
}
