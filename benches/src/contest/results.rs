//! What came of a contest, as values that can be written to a file and read back.

use serde::{Deserialize, Serialize};

use crate::peers::{Keeps, Seen};

/// What should not happen, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Anomalies {
    /// Reads that were checked; two tables read as one state count as one.
    pub reads: u64,
    /// Rows of two writes in one read of a table, or a part of its rows.
    pub torn: u64,
    /// Two tables that are always written together, read together, and of different writes.
    pub split: u64,
    /// No rows, where there always were some.
    pub empty: u64,
    /// No table, where there always was one.
    pub missing: u64,
    /// Rows older than a write that had been acknowledged before the read began.
    pub stale: u64,
    /// Changes that were acknowledged.
    pub changes: u64,
    /// Changes that were acknowledged and are not there in the end.
    pub lost: u64,
    /// Calls that ended with an error.
    pub failed: u64,
}

impl Anomalies {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.torn += other.torn;
        self.split += other.split;
        self.empty += other.empty;
        self.missing += other.missing;
        self.stale += other.stale;
        self.changes += other.changes;
        self.lost += other.lost;
        self.failed += other.failed;
    }

    /// Everything that should not have happened.
    pub fn all(&self) -> u64 {
        self.torn + self.split + self.empty + self.missing + self.stale + self.lost + self.failed
    }

    /// Checks what was seen of a table of `rows` rows whose newest acknowledged write was `write`
    /// when the read began.
    pub fn check<E>(&mut self, read: &Result<bool, E>, seen: &Seen, rows: usize, write: i64) {
        self.reads += 1;
        match read {
            Err(_) => self.failed += 1,
            Ok(false) => self.missing += 1,
            Ok(true) if seen.rows == 0 => self.empty += 1,
            Ok(true) if seen.rows != rows || seen.differs != 0 => self.torn += 1,
            Ok(true) if seen.write < write => self.stale += 1,
            Ok(true) => {}
        }
    }
}

/// What a figure is of; decides which goal is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Nothing but reading.
    Read,
    /// Anything else.
    Other,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Nanoseconds: fewer are better.
    Nanoseconds,
    /// A rate: more is better.
    PerSecond,
    /// Bytes: fewer are better.
    Bytes,
}

/// A system's answer to a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// A figure.
    Is {
        /// The median of the rounds.
        figure: f64,
        /// How many times as bad as annals: above 1 if annals is better.
        ratio: f64,
        /// What to know about it.
        note: Option<String>,
    },
    /// None, for this reason.
    No(String),
}

/// A question, and each system's answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// A short name, for files.
    pub id: String,
    /// The question, as a title.
    pub title: String,
    /// What the figures count.
    pub unit: Unit,
    /// What they are of.
    pub kind: Kind,
    /// Answers, in the order of the contestants.
    pub answers: Vec<Answer>,
}

/// Who took part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct System {
    /// As it is called in tables and charts.
    pub name: String,
    /// What it keeps.
    pub keeps: Keeps,
}

/// All that came of a contest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Who took part; annals first.
    pub systems: Vec<System>,
    /// What was asked, and the answers.
    pub rows: Vec<Row>,
    /// What should not have happened, in the order of the systems.
    pub anomalies: Vec<Anomalies>,
    /// What else there is to say, a line each.
    #[serde(default)]
    pub remarks: Vec<String>,
}

impl Results {
    /// Nothing yet, of these systems.
    pub fn of(systems: Vec<System>) -> Self {
        let anomalies = vec![Anomalies::default(); systems.len()];
        Self { systems, anomalies, ..Self::default() }
    }
}
