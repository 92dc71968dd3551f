//! What one transaction does, step by step, and what it remembers between steps.
//!
//! A step is the caller's code. It gets its transaction and the memory that the steps of one run
//! share; a new run, and a transaction that is begun again, start with a fresh copy of that memory.

use std::fmt;

use annals_state::commit::Isolation;

use crate::error::BoxError;
use crate::transaction::Transaction;

/// What ends a transaction or begins it; never the name of a step.
pub(super) const RESERVED: [&str; 3] = ["begin", "commit", "abort"];

type Step<'a, S> = Box<dyn Fn(&mut Transaction, &mut S) -> Result<String, BoxError> + 'a>;

/// The steps of one transaction, for [`Scenario::transaction`](super::Scenario::transaction).
///
/// `S` is what the steps of a transaction remember, such as what the first has read for the second
/// to act upon. Each run begins with a clone of the value given to [`new`](Self::new).
#[must_use = "steps are taken by a scenario"]
pub struct Steps<'a, S = ()> {
    memory: S,
    pub(super) steps: Vec<(String, Step<'a, S>)>,
    pub(super) isolation: Option<Isolation>,
    pub(super) retrying: bool,
    pub(super) may_fail: bool,
}

impl<'a, S: Clone> Steps<'a, S> {
    /// No steps yet; `memory` is what they find when they begin. It is `()` where there is nothing to
    /// remember.
    pub fn new(memory: S) -> Self {
        Self { memory, steps: Vec::new(), isolation: None, retrying: false, may_fail: false }
    }

    /// Adds a step. What it returns is told in the run, in the form of `Debug`, unless it is `()`.
    ///
    /// The name must have no white space, and not be `begin`, `commit` or `abort`, which every
    /// transaction knows. Steps are run again and again: what they change besides the transaction
    /// and the memory stays changed.
    pub fn step<R: fmt::Debug>(
        mut self,
        name: &str,
        work: impl Fn(&mut Transaction, &mut S) -> Result<R, BoxError> + 'a,
    ) -> Self {
        let work: Step<'a, S> =
            Box::new(move |tx, memory| work(tx, memory).map(|value| told(&value)));
        self.steps.push((name.to_owned(), work));
        self
    }

    /// Chooses what this transaction is protected from, whatever the others are.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// After a commit that is refused with [`Remedy::Retry`](crate::Remedy::Retry), takes the steps
    /// again in a new transaction and commits that, as [`Store::transact`](crate::Store::transact)
    /// does. Nobody comes in between.
    pub fn retrying(mut self) -> Self {
        self.retrying = true;
        self
    }

    /// Says that a step that returns an error is one of the outcomes to be expected: a
    /// [`check`](super::Scenario::check) does not end with it, and the rule decides.
    pub fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }
}

impl<S> fmt::Debug for Steps<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|(name, _)| name)).finish()
    }
}

/// What a step returned as text; empty for `()`.
pub(super) fn told(value: &dyn fmt::Debug) -> String {
    let text = format!("{value:?}");
    if text == "()" { String::new() } else { text }
}

/// Steps of whatever memory.
pub(super) trait Part {
    fn names(&self) -> Vec<&str>;
    fn isolation(&self) -> Option<Isolation>;
    fn retrying(&self) -> bool;
    fn may_fail(&self) -> bool;
    /// Memory as it is when a transaction begins.
    fn begin<'p>(&'p self) -> Box<dyn Performance + 'p>;
}

/// A transaction's memory, and the steps that use it.
pub(super) trait Performance {
    fn take(&mut self, step: usize, tx: &mut Transaction) -> Result<String, BoxError>;
}

struct Performing<'p, 'a, S> {
    steps: &'p Steps<'a, S>,
    memory: S,
}

impl<S: Clone> Part for Steps<'_, S> {
    fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    fn retrying(&self) -> bool {
        self.retrying
    }

    fn may_fail(&self) -> bool {
        self.may_fail
    }

    fn begin<'p>(&'p self) -> Box<dyn Performance + 'p> {
        Box::new(Performing { steps: self, memory: self.memory.clone() })
    }
}

impl<S> Performance for Performing<'_, '_, S> {
    fn take(&mut self, step: usize, tx: &mut Transaction) -> Result<String, BoxError> {
        (self.steps.steps[step].1)(tx, &mut self.memory)
    }
}
