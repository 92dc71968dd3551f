//! In which orders the steps of a scenario can be taken: all, or one of each kind that the store can
//! tell apart.
//!
//! A step uses its own transaction's base and draft. So steps of two transactions can change places
//! without anybody noticing, and so can two begins: what is left are begins and commits. Work outside
//! transactions is both at once.

use super::scenario::Scenario;
use super::script::{Act, ScriptError};

/// What happens at a place in an order of the second kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Begin(usize),
    Commit(usize),
    Outside(usize),
}

/// All orders that keep each transaction's own.
pub(super) fn every(
    scenario: &Scenario<'_>,
    orders_max: u64,
) -> Result<Vec<Vec<Act>>, ScriptError> {
    let mut sequences: Vec<Vec<Act>> = (0..scenario.transactions.len())
        .map(|index| [steps_of(scenario, index), vec![Act::Commit(index)]].concat())
        .collect();
    sequences.extend((0..scenario.outside.len()).map(|work| vec![Act::Outside(work)]));
    if count(&sequences).is_none_or(|count| count > orders_max) {
        return Err(ScriptError::TooMany { orders_max });
    }
    let mut orders = Vec::new();
    let mut taken = vec![0; sequences.len()];
    interleave(&sequences, &mut taken, &mut Vec::new(), &mut orders);
    Ok(orders)
}

/// One order of each kind, with each transaction's steps right after it begins.
pub(super) fn distinct(
    scenario: &Scenario<'_>,
    orders_max: u64,
) -> Result<Vec<Vec<Act>>, ScriptError> {
    let transactions = (0..scenario.transactions.len()).map(Event::Begin);
    let mut kinds = Kinds { left: Vec::new(), events: Vec::new(), found: Vec::new(), orders_max };
    kinds.left.extend(transactions.chain((0..scenario.outside.len()).map(Event::Outside)));
    kinds.find()?;
    let acts_of = |events: Vec<Event>| {
        let acts = events.into_iter().flat_map(|event| match event {
            Event::Begin(index) => {
                let steps = steps_of(scenario, index);
                if steps.is_empty() { vec![Act::Begin(index)] } else { steps }
            }
            Event::Commit(index) => vec![Act::Commit(index)],
            Event::Outside(work) => vec![Act::Outside(work)],
        });
        acts.collect()
    };
    Ok(kinds.found.into_iter().map(acts_of).collect())
}

fn steps_of(scenario: &Scenario<'_>, index: usize) -> Vec<Act> {
    let steps = scenario.transactions[index].1.names().len();
    (0..steps).map(|step| Act::Step(index, step)).collect()
}

/// How many orders there are, if that is a number at all: (a + b + …)! / (a! · b! · …).
fn count(sequences: &[Vec<Act>]) -> Option<u64> {
    let (mut count, mut length) = (1_u128, 0_u128);
    for sequence in sequences {
        for place in 1..=sequence.len() as u128 {
            length += 1;
            // A binomial coefficient at each step, so the division leaves no rest.
            count = count.checked_mul(length)? / place;
        }
    }
    u64::try_from(count).ok()
}

fn interleave(
    sequences: &[Vec<Act>],
    taken: &mut [usize],
    order: &mut Vec<Act>,
    orders: &mut Vec<Vec<Act>>,
) {
    let mut ended = true;
    for index in 0..sequences.len() {
        let Some(act) = sequences[index].get(taken[index]) else { continue };
        ended = false;
        order.push(*act);
        taken[index] += 1;
        interleave(sequences, taken, order, orders);
        taken[index] -= 1;
        order.pop();
    }
    if ended {
        orders.push(order.clone());
    }
}

struct Kinds {
    /// What may come next.
    left: Vec<Event>,
    events: Vec<Event>,
    found: Vec<Vec<Event>>,
    orders_max: u64,
}

impl Kinds {
    fn find(&mut self) -> Result<(), ScriptError> {
        if self.left.is_empty() {
            if self.found.len() as u64 >= self.orders_max {
                return Err(ScriptError::TooMany { orders_max: self.orders_max });
            }
            self.found.push(self.events.clone());
        }
        for index in 0..self.left.len() {
            let event = self.left[index];
            // Begins that follow each other can change places: only the one in order counts.
            if let (Event::Begin(next), Some(Event::Begin(last))) = (event, self.events.last())
                && next < *last
            {
                continue;
            }
            match event {
                Event::Begin(transaction) => self.left[index] = Event::Commit(transaction),
                _ => drop(self.left.remove(index)),
            }
            self.events.push(event);
            let found = self.find();
            self.events.pop();
            match event {
                Event::Begin(_) => self.left[index] = event,
                _ => self.left.insert(index, event),
            }
            found?;
        }
        Ok(())
    }
}
