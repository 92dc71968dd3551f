//! The exact judge: replays all commits in the order of their versions on a plain model.
//!
//! It knows the version that each transaction began at and the one that it made, so it needs no
//! search and overlooks nothing that a run has shown:
//!
//! * every version was made by exactly one transaction that was told so;
//! * a transaction began at a version no older than the newest that anybody knew of before;
//! * all it read, and all it was told, is what that version and its own changes lead to, even if
//!   it was refused or abandoned afterwards;
//! * nothing that was committed between its base and its commit does not go with it by the
//!   [matrix](crate::matrix);
//! * what was refused could not have stood: by the matrix, or by the grain of chunks, where the
//!   guarantees say that the engine is stricter than it need be;
//! * the last transaction read all that was ever committed: each append once, and no row besides.

mod draft;
mod model;
mod reasons;

use std::collections::BTreeMap;

use self::draft::{Draft, replay};
use self::model::Model;
use self::reasons::{Past, Reason};
use crate::matrix::Footprint;
use crate::record::{Asserts, Attempt, End, Key, Kind, Record, Step};

/// What the judge found, by what it is. The first of each kind is told in words.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) counts: BTreeMap<Finding, usize>,
    pub(crate) told: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    /// Versions that nobody made, or that two were told to have made.
    Versions,
    /// A base that is older than what was acknowledged before.
    Stale,
    /// Something was shown or told that does not follow from the base and own changes.
    Wrong,
    /// Two commits that do not go together.
    Overlooked,
    /// A serializable transaction was committed although what it had read had changed.
    ReadOverlooked,
    /// A refusal without a reason.
    Needless,
    /// An assertion passed that is false, or failed that is true.
    Assertion,
    /// An error that should never be told.
    Strange,
}

/// How much there was to judge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judged {
    pub(crate) tried: usize,
    pub(crate) committed: usize,
    pub(crate) refused: usize,
    /// Commits with others between their base and themselves.
    pub(crate) carried_over: usize,
}

const TOLD_MAX: usize = 4;

impl Findings {
    fn add(&mut self, finding: Finding, attempt: Option<&Attempt>, text: &str) {
        let count = self.counts.entry(finding).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            let about = attempt.map(|attempt| format!("\n    of {attempt:?}")).unwrap_or_default();
            self.told.push(format!("{finding:?}: {text}{about}"));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// The last value that was put to the end of each key's list, changes that were rolled back left
/// out.
pub(crate) fn appended_at_last(steps: &[Step]) -> Vec<(Key, i64)> {
    let mut last: BTreeMap<Key, i64> = BTreeMap::new();
    for (_, step) in standing(steps) {
        if let Step::Append(key, value, 1..) | Step::Insert(key, value) = step {
            last.insert(*key, *value);
        }
    }
    last.into_iter().collect()
}

/// The steps that were not rolled back, with their places.
pub(crate) fn standing(steps: &[Step]) -> Vec<(usize, &Step)> {
    let mut standing: Vec<(usize, &Step)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Rollback(to) => standing.retain(|(at, _)| at < to),
            _ => standing.push((at, step)),
        }
    }
    standing
}

/// Judges a run.
pub(crate) fn judge(record: &Record) -> (Findings, Judged) {
    let mut trial = Trial::new(record);
    trial.judge_times();
    for version in 0..=record.newest {
        if version > 0 {
            trial.commit(version);
        }
        trial.begin(version);
        trial.refuse(version);
    }
    trial.judge_ends();
    (trial.findings, trial.judged)
}

struct Trial<'a> {
    record: &'a Record,
    model: Model,
    findings: Findings,
    judged: Judged,
    made: BTreeMap<u64, usize>,
    begun: BTreeMap<u64, Vec<usize>>,
    refused: BTreeMap<u64, Vec<usize>>,
    drafts: Vec<Option<Draft>>,
    /// What each version's transaction did; of a version that nobody made, nothing.
    done: Vec<Footprint>,
}

impl<'a> Trial<'a> {
    fn new(record: &'a Record) -> Self {
        let mut trial = Self {
            record,
            model: Model::new(),
            findings: Findings::default(),
            judged: Judged::default(),
            made: BTreeMap::new(),
            begun: BTreeMap::new(),
            refused: BTreeMap::new(),
            drafts: record.attempts.iter().map(|_| None).collect(),
            done: vec![Footprint::default()],
        };
        for (at, attempt) in record.attempts.iter().enumerate() {
            if let Some(base) = attempt.base {
                trial.begun.entry(base).or_default().push(at);
            }
            if let Some(version) = attempt.made()
                && trial.made.insert(version, at).is_some()
            {
                let text = format!("two made version {version}");
                trial.findings.add(Finding::Versions, Some(attempt), &text);
            }
            if let End::Refused(refusal) = &attempt.end {
                let known = refusal.newest.max(refusal.winner);
                trial.refused.entry(known).or_default().push(at);
            }
        }
        trial
    }

    fn attempt(&self, at: usize) -> &'a Attempt {
        &self.record.attempts[at]
    }

    /// Bases against what was known before; versions against their bases and against each other.
    fn judge_times(&mut self) {
        let attempts = &self.record.attempts;
        let mut known: Vec<(u64, u64)> = attempts
            .iter()
            .filter(|attempt| !matches!(attempt.kind, Kind::Travel { .. }))
            .filter_map(|attempt| Some((attempt.ended, attempt.acknowledged()?)))
            .collect();
        known.sort_unstable();
        let mut newest = 0;
        for (_, version) in &mut known {
            newest = newest.max(*version);
            *version = newest;
        }
        for attempt in attempts {
            let before = known.partition_point(|(ended, _)| *ended < attempt.begun);
            let known = before.checked_sub(1).map_or(0, |last| known[last].1);
            match (attempt.kind, attempt.base) {
                (Kind::Travel { asked }, Some(base)) if base != asked => {
                    let text = format!("was shown {base} when {asked} was asked for");
                    self.findings.add(Finding::Wrong, Some(attempt), &text);
                }
                (Kind::Travel { .. }, _) => self.judge_expiry(attempt),
                (_, Some(base)) if base < known => {
                    let text = format!("began at {base} when {known} was known");
                    self.findings.add(Finding::Stale, Some(attempt), &text);
                }
                _ => {}
            }
            if let (Some(base), Some(made)) = (attempt.base, attempt.made())
                && made <= base
            {
                self.findings.add(Finding::Versions, Some(attempt), "made no later than its base");
            }
        }
        let expected = 1..=self.record.newest;
        if !self.made.keys().copied().eq(expected) {
            let text = format!("{} were made up to {}", self.made.len(), self.record.newest);
            self.findings.add(Finding::Versions, None, &text);
        }
    }

    /// What has expired must have been old.
    fn judge_expiry(&mut self, attempt: &Attempt) {
        let Kind::Travel { asked } = attempt.kind else { return };
        if let [Step::Expired(newest)] = attempt.steps[..]
            && asked + self.record.versions_kept > newest
        {
            self.findings.add(Finding::Wrong, Some(attempt), "expired too early");
        }
    }

    /// Takes the steps of all that began at a version.
    fn begin(&mut self, version: u64) {
        for at in self.begun.remove(&version).unwrap_or_default() {
            let attempt = self.attempt(at);
            let (kept, newest) = (self.record.versions_kept, self.record.newest);
            let draft = replay(&self.model, &attempt.steps, kept, newest);
            for wrong in &draft.wrong {
                self.findings.add(Finding::Wrong, Some(attempt), wrong);
            }
            if let End::Nothing(told) = attempt.end
                && told != version
            {
                let text = format!("changed nothing at {version} and was told {told}");
                self.findings.add(Finding::Wrong, Some(attempt), &text);
            }
            let is_over = !matches!(attempt.end, End::Made(_) | End::Refused(_));
            if matches!(attempt.end, End::Nothing(_)) != draft.changes.is_empty()
                && matches!(attempt.end, End::Nothing(_) | End::Made(_))
            {
                let text = "whether it changed something is not what it was told";
                self.findings.add(Finding::Wrong, Some(attempt), text);
            }
            self.drafts[at] = (!is_over).then_some(draft);
        }
    }

    /// Judges and makes a version.
    fn commit(&mut self, version: u64) {
        let Some(at) = self.made.get(&version).copied() else {
            self.model.commit(&[], version);
            return self.done.push(Footprint::default());
        };
        let attempt = self.attempt(at);
        let Some(draft) = self.drafts[at].take() else {
            self.findings.add(Finding::Versions, Some(attempt), "its base came after it");
            self.model.commit(&[], version);
            return self.done.push(Footprint::default());
        };
        let base = attempt.base.unwrap_or(0);
        self.judged.carried_over += usize::from(base + 1 < version);
        let past = self.past(base, version - 1, false);
        if let Some(reason) = past.conflicts(&draft.footprint).first() {
            let text = format!("{reason} stands in the way");
            self.findings.add(Finding::Overlooked, Some(attempt), &text);
        }
        let past = self.past(base, version - 1, false);
        let reads = past.changed_reads(&draft.footprint);
        if let (true, Some(reason)) = (attempt.is_serializable(), reads.first()) {
            let text = format!("{reason} changed what it had read");
            self.findings.add(Finding::ReadOverlooked, Some(attempt), &text);
        }
        self.model.commit(&draft.changes, base);
        self.done.push(draft.footprint);
    }

    /// Judges refusals of which it is known that they came before the next version.
    fn refuse(&mut self, version: u64) {
        for at in self.refused.remove(&version).unwrap_or_default() {
            let attempt = self.attempt(at);
            let Some(draft) = self.drafts[at].take() else {
                self.findings.add(Finding::Needless, Some(attempt), "named what came before it");
                continue;
            };
            let End::Refused(refusal) = &attempt.end else { continue };
            let past = self.past(attempt.base.unwrap_or(0), refusal.winner, true);
            let mut reasons = past.conflicts(&draft.footprint);
            if attempt.is_serializable() {
                reasons.extend(past.changed_reads(&draft.footprint));
            }
            let right = match refusal.retryable {
                true => reasons.iter().any(|reason| !reason.is_final()),
                false => reasons.iter().any(Reason::is_final),
            };
            if !(right || refusal.contention) {
                let text = format!("these are the reasons that there are: {reasons:?}");
                self.findings.add(Finding::Needless, Some(attempt), &text);
            }
        }
    }

    /// What was committed after `base`, up to a version.
    fn past(&self, base: u64, until: u64, may: bool) -> Past<'_> {
        Past { model: &self.model, done: &self.done, base, until, may }
    }

    /// What is judged of each attempt alone.
    fn judge_ends(&mut self) {
        for attempt in &self.record.attempts {
            self.judged.tried += 1;
            self.judged.committed += usize::from(attempt.acknowledged().is_some());
            self.judged.refused +=
                usize::from(matches!(attempt.end, End::Refused(_) | End::Retried));
            let made = matches!(attempt.end, End::Made(_));
            let wrong = match (&attempt.end, attempt.asserts) {
                (End::Strange(error), _) => {
                    self.findings.add(Finding::Strange, Some(attempt), error);
                    false
                }
                (End::Unasserted, Asserts::Falsehood) | (End::Panicked, Asserts::Panic) => false,
                (End::Unasserted | End::Panicked, _) => true,
                (_, Asserts::Falsehood | Asserts::Panic) => made,
                _ => false,
            };
            if wrong {
                self.findings.add(Finding::Assertion, Some(attempt), "its assertion");
            }
        }
        let never: Vec<usize> = self.begun.values().flatten().copied().collect();
        for at in never {
            let attempt = self.attempt(at);
            self.findings.add(Finding::Versions, Some(attempt), "its base was never made");
        }
        let never: Vec<usize> = self.refused.values().flatten().copied().collect();
        for at in never {
            let attempt = self.attempt(at);
            self.findings.add(Finding::Needless, Some(attempt), "named what was never made");
        }
    }
}
