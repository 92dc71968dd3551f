//! A rule held after many orders of the same steps, and the first order that breaks it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use super::run::{Outcome, Run};
use super::scenario::Scenario;
use super::script::{Act, ScriptError};
use crate::error::BoxError;

/// What was found by a check in which the rule held throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many orders were gone through.
    pub orders: usize,
    /// How many transactions were committed in them.
    pub committed: usize,
    /// How many were refused. If none was, perhaps nothing was ever at stake.
    pub refused: usize,
    /// How many were begun again, and committed then.
    pub begun_again: usize,
}

/// Why a check did not come to its end, or could not begin. The text of both forms, `Display` and
/// `Debug`, is the same: many lines, for whoever reads a failed test.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The scenario cannot be run.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// There is an order that breaks the rule.
    #[error(transparent)]
    Broken(Box<BrokenRule>),
}

impl CheckError {
    /// The order that breaks the rule, if that is the reason.
    pub fn broken(&self) -> Option<&BrokenRule> {
        match self {
            Self::Broken(broken) => Some(broken),
            Self::Script(_) => None,
        }
    }
}

impl fmt::Debug for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first order for which a rule does not hold.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
#[error("{reason}, in this order:\n\n    {order}\n\n{steps}")]
pub struct BrokenRule {
    /// The order as a script, for [`Scenario::replay`].
    pub order: String,
    /// What the rule said, or which step did not go through.
    pub reason: String,
    /// The steps with what each returned, one a line; empty after a panic of a step.
    pub steps: String,
    /// For how many orders before this one the rule held.
    pub held_before: usize,
}

impl fmt::Debug for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn check(
    scenario: &Scenario<'_>,
    orders: &[Vec<Act>],
    rule: impl Fn(&Run) -> Result<(), BoxError>,
    location: &'static Location<'static>,
) -> Result<Checked, CheckError> {
    let mut checked = Checked { orders: 0, committed: 0, refused: 0, begun_again: 0 };
    for acts in orders {
        let broken = |reason: String, steps: String| {
            let (order, held_before) = (scenario.script_of(acts), checked.orders);
            CheckError::Broken(Box::new(BrokenRule { order, reason, steps, held_before }))
        };
        // What the caller's code leaves half done after a panic is the caller's; of the run nothing
        // is used any more.
        let run = catch_unwind(AssertUnwindSafe(|| Run::of(scenario, acts, location))).map_err(
            |panic| broken(format!("a step panicked: {}", text_of(&*panic)), String::new()),
        )?;
        if let Some(reason) = unexpected(scenario, &run) {
            return Err(broken(reason, run.to_string()));
        }
        match catch_unwind(AssertUnwindSafe(|| rule(&run))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(broken(error.to_string(), run.to_string())),
            Err(panic) => {
                let reason = format!("the rule panicked: {}", text_of(&*panic));
                return Err(broken(reason, run.to_string()));
            }
        }
        checked.orders += 1;
        for (_, outcome) in run.outcomes() {
            match outcome {
                Outcome::Committed(committed) => {
                    checked.committed += 1;
                    checked.begun_again += usize::from(committed.retries() > 0);
                }
                Outcome::Refused(_) => checked.refused += 1,
                _ => {}
            }
        }
    }
    Ok(checked)
}

/// A step that returned an error where nobody said that one might.
fn unexpected(scenario: &Scenario<'_>, run: &Run) -> Option<String> {
    let fails = |(name, outcome): (&str, &Outcome)| {
        let of_name = |(other, _): &&(String, _)| other == name;
        let part = scenario.transactions.iter().find(of_name);
        let expected = part.is_some_and(|(_, part)| part.may_fail());
        (matches!(outcome, Outcome::Failed { .. }) && !expected)
            .then(|| format!("{name} {outcome}"))
    };
    run.outcomes().find_map(fails)
}

/// What a panic said.
fn text_of(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "(no text)",
    }
}
