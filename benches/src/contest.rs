//! Several systems asked the same questions, in turns, and what came of it.
//!
//! Whoever takes part has a turn in each round, so that what else the machine does hits all alike;
//! a ratio to annals is taken round by round, and of all rounds the median counts. What a system
//! has no way to do stands as that in the results, with the reason.
//!
//! **Rule:** whoever is timed is also watched. Every read is checked while it is timed, and what
//! should not have been seen is counted ([`Anomalies`]).

use std::time::{Duration, Instant};

use crate::median;
use crate::peers::{Contestant, Failure};

mod beside;
mod goals;
mod questions;
pub mod report;
pub mod results;
pub mod worker;

use results::{Answer, Kind, Results, Row, System, Unit};

/// How long one system's turn lasts, where it is not given by the question: so short that most
/// turns are over before the machine turns to something else.
const TURN: Duration = Duration::from_micros(300);
/// How many rounds there are, of turns as short as that.
const ROUNDS: usize = 301;
/// When one system has used so much time for one question, it has no further turns but the
/// fewest that a median is taken of.
const TIME_MAX: Duration = Duration::from_secs(3);
const ROUNDS_MIN: usize = 3;

/// What one system did in each round, or why it did nothing.
type Rounds = Result<(Vec<f64>, Option<String>), String>;

/// All that is asked of all systems, and their answers.
#[derive(Debug)]
pub struct Contest {
    smoke: bool,
    contestants: Vec<Contestant>,
    /// What came of it so far.
    pub results: Results,
}

impl Contest {
    /// Begins a contest; annals is the first of the contestants. With `smoke` it is only to show
    /// that it works.
    pub fn new(smoke: bool, contestants: Vec<Contestant>) -> Self {
        let systems = contestants
            .iter()
            .map(|contestant| System { name: contestant.name.to_owned(), keeps: contestant.keeps });
        let results = Results::of(systems.collect());
        Self { smoke, contestants, results }
    }

    /// A size: `full` to measure, `smoke` to show that it works.
    fn size(&self, full: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { full }
    }

    /// Enters the answers to a question, from the figures of each round.
    pub fn enter(&mut self, id: &str, title: &str, unit: Unit, kind: Kind, rounds: Vec<Rounds>) {
        let ours = rounds[0].as_ref().map_or(Vec::new(), |(figures, _)| figures.clone());
        let answers = rounds.into_iter().map(|rounds| match rounds {
            Err(reason) => Answer::No(reason),
            Ok((theirs, note)) => {
                let ratios = theirs.iter().zip(&ours).map(|(theirs, ours)| match unit {
                    Unit::PerSecond => ours / theirs.max(1e-9),
                    Unit::Nanoseconds | Unit::Bytes => theirs / ours,
                });
                let ratio = if ours.is_empty() { f64::NAN } else { median(ratios) };
                Answer::Is { figure: median(theirs.iter().copied()), ratio, note }
            }
        });
        let answers = answers.collect();
        let (id, title) = (id.to_owned(), title.to_owned());
        let row = Row { id, title, unit, kind, answers };
        if self.smoke {
            println!("  {}: works", row.id);
        } else {
            println!("{}", report::lines_of(&row, &self.results.systems));
        }
        self.results.rows.push(row);
    }

    /// Lets each side have its turns. A side is `None` with a reason, or something that does one
    /// turn and returns its figure.
    fn alternate(&self, rounds: usize, sides: Vec<Result<Turn<'_>, String>>) -> Vec<Rounds> {
        let rounds = self.size(rounds, 1);
        let mut sides = sides;
        let mut taken: Vec<Rounds> = sides
            .iter()
            .map(|side| side.as_ref().map(|_| (Vec::new(), None)).map_err(Clone::clone))
            .collect();
        let mut used = vec![Duration::ZERO; sides.len()];
        for round in 0..rounds {
            for turn in 0..sides.len() {
                // Who goes first changes, so that no one always finds another's caches.
                let at = (round + turn) % sides.len();
                let Ok(side) = &mut sides[at] else { continue };
                if used[at] > TIME_MAX && round >= ROUNDS_MIN {
                    continue;
                }
                let begin = Instant::now();
                let figure = side();
                used[at] += begin.elapsed();
                match (figure, &mut taken[at]) {
                    (Ok(figure), Ok((figures, _))) => figures.push(figure),
                    (Err(failure), taken) => {
                        let reason = format!("failed: {failure}");
                        (sides[at], *taken) = (Err(reason.clone()), Err(reason));
                    }
                    (Ok(_), Err(_)) => {}
                }
            }
        }
        taken
    }
}

/// One turn of a side: what it does, and the figure that came of it.
type Turn<'a> = Box<dyn FnMut() -> Result<f64, Failure> + 'a>;

/// A turn of as many operations as fit: `operation` is called with their numbers, and the figure is
/// the nanoseconds of one.
fn paced<'a>(
    smoke: bool,
    mut operation: impl FnMut(usize) -> Result<(), Failure> + 'a,
) -> Turn<'a> {
    let mut number = 0;
    let mut count = 0;
    Box::new(move || {
        let mut run = |count: usize| {
            let begin = Instant::now();
            for _ in 0..count {
                operation(number)?;
                number += 1;
            }
            Ok::<_, Failure>(begin.elapsed())
        };
        if count == 0 {
            // The first pays for what is only done once.
            run(1)?;
            // The most of several tries: one that was interrupted finds too few.
            for _ in 0..if smoke { 1 } else { 7 } {
                let mut fits = 1;
                while !smoke && run(fits)? < TURN / 2 {
                    fits *= 2;
                }
                count = count.max(fits);
            }
        }
        Ok(run(count)?.as_nanos() as f64 / count as f64)
    })
}
