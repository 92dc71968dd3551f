//! Scripts: steps by name, in the order in which they are to be taken; and what can be wrong with
//! one, found before any step is taken.

use super::scenario::Scenario;

/// One step of a script, with names looked up: indices into the scenario's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Begin(usize),
    Step(usize, usize),
    Commit(usize),
    Abort(usize),
    Outside(usize),
}

/// What is wrong with a script, or with the names of a [`Scenario`]. Steps are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The script names a transaction that the scenario does not have.
    #[error("step {at}, `{step}`: there is no transaction `{transaction}`, only {known}")]
    NoTransaction {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
        /// What it takes for a transaction.
        transaction: String,
        /// Those that there are.
        known: String,
    },

    /// The transaction does not have this step.
    #[error("step {at}, `{step}`: `{transaction}` has no such step, only {known}")]
    NoStep {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
        /// Its transaction.
        transaction: String,
        /// The steps that it has.
        known: String,
    },

    /// A word without a `.` is work outside transactions, and there is none of this name.
    #[error(
        "step {at}, `{step}`: there is no work of this name outside the transactions, only {known}; \
         a step of a transaction is written `transaction.step`"
    )]
    NoOutside {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
        /// The work that there is.
        known: String,
    },

    /// A transaction is named, and no step of it.
    #[error("step {at}, `{step}`: the step is missing after the `.`")]
    StepMissing {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
    },

    /// The transaction has ended before.
    #[error("step {at}, `{step}`: the transaction has ended at step {ended_at}; it ends once")]
    Ended {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
        /// The step at which it was committed or aborted.
        ended_at: usize,
    },

    /// The transaction has begun before: explicitly, or with its first step.
    #[error("step {at}, `{step}`: the transaction has begun at step {begun_at}; begin it before")]
    Begun {
        /// Which step of the script.
        at: usize,
        /// The step.
        step: String,
        /// The step at which it began.
        begun_at: usize,
    },

    /// There are more orders than a check is to go through.
    #[error(
        "there are more than {orders_max} orders of these steps; leave some out, or allow for more \
         by orders_max"
    )]
    TooMany {
        /// How many there may be.
        orders_max: u64,
    },

    /// A name cannot stand in a script.
    #[error(
        "`{name}` cannot be named in a script: a name is not empty and has no white space, and \
             only a step has a `.`"
    )]
    Name {
        /// The name.
        name: String,
    },

    /// A step has the name of what every transaction knows.
    #[error(
        "the step `{step}` of `{transaction}` needs another name: begin, commit and abort are \
             steps of every transaction"
    )]
    Reserved {
        /// The transaction.
        transaction: String,
        /// The step.
        step: String,
    },

    /// Two things have one name.
    #[error("there are two of the name `{name}`; give one of them another")]
    Taken {
        /// The name.
        name: String,
    },
}

/// Looks up the steps of a script, and refuses an order that no transaction can be taken in.
pub(super) fn compile(scenario: &Scenario<'_>, script: &str) -> Result<Vec<Act>, ScriptError> {
    let mut begun_at = vec![None; scenario.transactions.len()];
    let mut ended_at = vec![None; scenario.transactions.len()];
    let mut acts = Vec::new();
    for (index, word) in script.split_whitespace().enumerate() {
        let (at, step) = (index + 1, word.to_owned());
        let act = look_up(scenario, at, word)?;
        acts.push(act);
        let transaction = match act {
            Act::Outside(_) => continue,
            Act::Begin(transaction)
            | Act::Step(transaction, _)
            | Act::Commit(transaction)
            | Act::Abort(transaction) => transaction,
        };
        if let Some(ended_at) = ended_at[transaction] {
            return Err(ScriptError::Ended { at, step, ended_at });
        }
        match (act, begun_at[transaction]) {
            (Act::Begin(_), Some(begun_at)) => {
                return Err(ScriptError::Begun { at, step, begun_at });
            }
            _ => {
                begun_at[transaction].get_or_insert(at);
            }
        }
        if matches!(act, Act::Commit(_) | Act::Abort(_)) {
            ended_at[transaction] = Some(at);
        }
    }
    Ok(acts)
}

fn look_up(scenario: &Scenario<'_>, at: usize, word: &str) -> Result<Act, ScriptError> {
    let step = word.to_owned();
    // The first dot: a step's own name may have more.
    let Some((transaction, name)) = word.split_once('.') else {
        let mut outside = scenario.outside.iter();
        return outside.position(|(other, _)| other == word).map(Act::Outside).ok_or_else(|| {
            let known = joined(scenario.outside.iter().map(|(name, _)| name.as_str()));
            ScriptError::NoOutside { at, step, known }
        });
    };
    let mut transactions = scenario.transactions.iter();
    let Some(index) = transactions.position(|(other, _)| other == transaction) else {
        let known = joined(scenario.transactions.iter().map(|(name, _)| name.as_str()));
        let transaction = transaction.to_owned();
        return Err(ScriptError::NoTransaction { at, step, transaction, known });
    };
    match name {
        "" => Err(ScriptError::StepMissing { at, step }),
        "begin" => Ok(Act::Begin(index)),
        "commit" => Ok(Act::Commit(index)),
        "abort" => Ok(Act::Abort(index)),
        _ => {
            let names = scenario.transactions[index].1.names();
            let found = names.iter().position(|other| *other == name);
            found.map(|found| Act::Step(index, found)).ok_or_else(|| ScriptError::NoStep {
                at,
                step,
                transaction: transaction.to_owned(),
                known: joined(names.into_iter().chain(super::steps::RESERVED)),
            })
        }
    }
}

/// Names in a message.
pub(super) fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
