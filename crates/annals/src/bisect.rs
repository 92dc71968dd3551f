//! Which commit broke it: a search through history for the first version that fails a check.
//!
//! The search goes over the versions that can be reached: the newest ones without a gap, and older
//! ones that are kept one by one. They are held together for as long as it lasts, so that what
//! expires meanwhile is found all the same. The check is the caller's code: it runs on the
//! caller's thread, under no lock, and may use the store as it likes.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use annals_state::timeline::{At, TravelError};
use annals_state::{Commit, Version, VersionId};

use crate::hold::Hold;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What a check says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// It cannot be told, because the table was not there yet for instance.
    Skip,
}

impl From<bool> for Verdict {
    /// True is good.
    fn from(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// One look at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The version that the check was run on.
    pub version: VersionId,
    /// What it said.
    pub verdict: Verdict,
}

/// How a search went about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// By halves: what is before a good version was not looked at.
    Binary,
    /// From the good end on, one version after the other.
    Linear {
        /// Why not by halves.
        why: WhyLinear,
    },
}

/// Why a search went from version to version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyLinear {
    /// It was asked to.
    Asked,
    /// The version that was said to be good fails.
    GoodEndFails,
    /// The version that was said to be bad passes.
    BadEndPasses,
}

/// Which end of a search something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The older one.
    Good,
    /// The newer one.
    Bad,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Bad => "bad",
        })
    }
}

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BisectError<E> {
    /// An end of the search cannot be reached. If it has expired, this names the oldest version
    /// that is still there to begin with.
    #[error("the {end} end of the search cannot be reached")]
    Travel {
        /// Which end.
        end: End,
        /// Why not.
        #[source]
        source: TravelError,
    },

    /// The good end is not older than the bad one.
    #[error("{good} does not lie before {bad}; give the older version that passes the check first")]
    Order {
        /// The version said to be good.
        good: VersionId,
        /// The version said to be bad.
        bad: VersionId,
    },

    /// The check returned an error.
    #[error("the check failed to run on {version}, after {} other probes", probes.len())]
    Check {
        /// The version that it was run on.
        version: VersionId,
        /// What was found before.
        probes: Vec<Probe>,
        /// The check's error.
        #[source]
        source: E,
    },
}

/// What a search has found.
#[derive(Clone, Debug)]
pub struct Bisection {
    first_bad: Option<Snapshot>,
    last_good: Option<Snapshot>,
    unreachable: u64,
    probes: Vec<Probe>,
    search: Search,
}

impl Bisection {
    /// The first version for which the check fails; none if it never does. See
    /// [`suspects`](Self::suspects) for how certain that is.
    pub fn first_bad(&self) -> Option<&Snapshot> {
        self.first_bad.as_ref()
    }

    /// The record of the commit that made [`first_bad`](Self::first_bad): who, when, from where.
    pub fn commit(&self) -> Option<&Arc<Commit>> {
        self.first_bad.as_ref()?.commit()
    }

    /// The last version before it that passes; none if the good end itself fails. If nothing
    /// fails, the last one that passes.
    pub fn last_good(&self) -> Option<&Snapshot> {
        self.last_good.as_ref()
    }

    /// The versions of which one is the first that fails: from after the last good one to the
    /// first that was seen to be bad. More than one if there are versions between that the check
    /// skips or that have expired. None if nothing fails.
    pub fn suspects(&self) -> Option<RangeInclusive<VersionId>> {
        let last = self.first_bad.as_ref()?.version();
        let after_good = self.last_good.as_ref().and_then(|good| good.version().next());
        Some(after_good.unwrap_or(last)..=last)
    }

    /// Whether there is one suspect, or certainly none.
    pub fn is_certain(&self) -> bool {
        self.suspects().is_none_or(|suspects| suspects.start() == suspects.end())
    }

    /// How many of the suspects have expired, so that they could not be looked at.
    pub fn unreachable_suspects(&self) -> u64 {
        self.unreachable
    }

    /// What the check said of which version, in the order in which it was asked.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// How the search went about it.
    pub fn search(&self) -> Search {
        self.search
    }
}

impl fmt::Display for Bisection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.suspects(), self.commit()) {
            (None, _) => f.write_str("no version fails the check")?,
            (Some(suspects), commit) if suspects.start() == suspects.end() => {
                write!(f, "{} is the first version that fails the check", suspects.end())?;
                if let Some(commit) = commit {
                    write!(f, ", committed at {}", commit.location)?;
                }
            }
            (Some(suspects), _) => {
                let (first, last) = suspects.into_inner();
                write!(f, "one of {first} to {last} is the first that fails the check")?;
            }
        }
        let search = match self.search {
            Search::Binary => "by halves",
            Search::Linear { why: WhyLinear::Asked } => "one by one",
            Search::Linear { why: WhyLinear::GoodEndFails } => "one by one, as the good end fails",
            Search::Linear { why: WhyLinear::BadEndPasses } => "one by one, as the bad end passes",
        };
        write!(f, "; {} probes, {search}", self.probes.len())
    }
}

impl Store {
    /// Finds the first version for which `check` fails, among those that can be reached from
    /// `good` to `bad`, by halves: ⌈log₂ n⌉ + 2 probes at most for n versions, none of which is
    /// made twice.
    ///
    /// The answer is the first one if the check, once it fails, goes on to fail. That is seen at
    /// the ends only: if `good` fails, or `bad` passes, the search goes from version to version
    /// instead and says so. For a check that comes and goes there is
    /// [`bisect_linear`](Self::bisect_linear).
    ///
    /// For a version that is [skipped](Verdict::Skip) its neighbours are asked; an end that is
    /// skipped is taken for what it was said to be. What is retained when the search begins is held
    /// until it ends, so that what expires meanwhile is searched all the same. A panic of `check` is
    /// passed on.
    ///
    /// # Errors
    ///
    /// [`BisectError`] if an end cannot be reached, `good` is not older than `bad`, or `check`
    /// returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{ReadError, SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// for n in [1_i64, 2, -3, 4] {
    ///     let rows = record_batch!(("n", Int64, [n]))?;
    ///     store.write(rows).mode(SaveMode::Append).save_as_table("t")?;
    /// }
    /// let found = store.bisect(1, store.version(), |then| {
    ///     Ok::<_, ReadError>(then.table("t")?.row_count() < 3)
    /// })?;
    /// assert_eq!(found.first_bad().map(|bad| bad.version().0), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bisect<V: Into<Verdict>, E>(
        &self,
        good: impl Into<At>,
        bad: impl Into<At>,
        check: impl FnMut(&Snapshot) -> Result<V, E>,
    ) -> Result<Bisection, BisectError<E>> {
        let range = Range::between(self, &good.into(), &bad.into())?;
        let (first, last) = (0, range.len - 1);
        let mut prober = Prober::new(range, check);
        if prober.probe(first)? == Verdict::Bad {
            prober.linear(WhyLinear::GoodEndFails)
        } else if prober.probe(last)? == Verdict::Good {
            prober.linear(WhyLinear::BadEndPasses)
        } else {
            prober.binary(first, last)
        }
    }

    /// As [`bisect`](Self::bisect), from version to version, beginning with `good`: the first that
    /// fails is the first, whatever the check says of later ones. O(versions) probes.
    ///
    /// # Errors
    ///
    /// As for [`bisect`](Self::bisect).
    pub fn bisect_linear<V: Into<Verdict>, E>(
        &self,
        good: impl Into<At>,
        bad: impl Into<At>,
        check: impl FnMut(&Snapshot) -> Result<V, E>,
    ) -> Result<Bisection, BisectError<E>> {
        let range = Range::between(self, &good.into(), &bad.into())?;
        Prober::new(range, check).linear(WhyLinear::Asked)
    }
}

/// The versions to search, by index from the good end.
struct Range {
    hold: Hold,
    /// Those below the window, which has no gaps.
    sparse: Vec<VersionId>,
    /// The first of those in the window.
    dense_from: VersionId,
    len: usize,
}

impl Range {
    fn between<E>(store: &Store, good: &At, bad: &At) -> Result<Self, BisectError<E>> {
        let shared = store.shared();
        let hold = Hold::on(&shared.published);
        let find = |end, at: &At| {
            let found = hold.at(at, &shared.options.clock);
            found.map(|version| version.id()).map_err(|source| BisectError::Travel { end, source })
        };
        let (good, bad) = (find(End::Good, good)?, find(End::Bad, bad)?);
        if good >= bad {
            return Err(BisectError::Order { good, bad });
        }
        let window = hold.timeline().first();
        let below = hold.timeline().versions().map(|version| version.id());
        let below = below.take_while(|version| *version < window);
        let sparse: Vec<_> = below.filter(|version| (good..=bad).contains(version)).collect();
        let dense_from = window.max(good);
        let dense = bad.0.checked_sub(dense_from.0).map_or(0, |more| {
            usize::try_from(more).expect("the versions of the window are in memory") + 1
        });
        let len = sparse.len() + dense;
        Ok(Self { hold, sparse, dense_from, len })
    }

    fn at(&self, index: usize) -> &Arc<Version> {
        let id = match index.checked_sub(self.sparse.len()) {
            Some(index) => VersionId(self.dense_from.0 + index as u64),
            None => self.sparse[index],
        };
        self.hold.timeline().at_version(id).expect("what is held does not expire")
    }
}

/// A check, and what it has said.
struct Prober<C> {
    range: Range,
    check: C,
    known: BTreeMap<usize, Verdict>,
    probes: Vec<Probe>,
}

impl<C> Prober<C> {
    fn new(range: Range, check: C) -> Self {
        Self { range, check, known: BTreeMap::new(), probes: Vec::new() }
    }

    /// What the check says of a version, asked once at most.
    fn probe<V: Into<Verdict>, E>(&mut self, index: usize) -> Result<Verdict, BisectError<E>>
    where
        C: FnMut(&Snapshot) -> Result<V, E>,
    {
        if let Some(verdict) = self.known.get(&index) {
            return Ok(*verdict);
        }
        let snapshot = Snapshot::new(Arc::clone(self.range.at(index)));
        let version = snapshot.version();
        let verdict = match (self.check)(&snapshot) {
            Ok(verdict) => verdict.into(),
            Err(source) => {
                let probes = std::mem::take(&mut self.probes);
                return Err(BisectError::Check { version, probes, source });
            }
        };
        self.known.insert(index, verdict);
        self.probes.push(Probe { version, verdict });
        Ok(verdict)
    }

    /// Brings the ends together until only skipped versions are between them.
    fn binary<V: Into<Verdict>, E>(
        mut self,
        mut good: usize,
        mut bad: usize,
    ) -> Result<Bisection, BisectError<E>>
    where
        C: FnMut(&Snapshot) -> Result<V, E>,
    {
        'narrower: loop {
            for index in outward(good + 1, bad) {
                match self.probe(index)? {
                    Verdict::Good => good = index,
                    Verdict::Bad => bad = index,
                    Verdict::Skip => continue,
                }
                continue 'narrower;
            }
            return Ok(self.found(Some(good), Some(bad), Search::Binary));
        }
    }

    fn linear<V: Into<Verdict>, E>(mut self, why: WhyLinear) -> Result<Bisection, BisectError<E>>
    where
        C: FnMut(&Snapshot) -> Result<V, E>,
    {
        let (mut good, mut bad) = (None, None);
        let last = self.range.len - 1;
        for index in 0..=last {
            match self.probe(index)? {
                Verdict::Good => good = Some(index),
                Verdict::Bad => bad = Some(index),
                // An end that cannot be told is what it was said to be.
                Verdict::Skip if index == 0 => good = Some(index),
                Verdict::Skip if index == last => bad = Some(index),
                Verdict::Skip => {}
            }
            if bad.is_some() {
                break;
            }
        }
        Ok(self.found(good, bad, Search::Linear { why }))
    }

    fn found(self, good: Option<usize>, bad: Option<usize>, search: Search) -> Bisection {
        let snapshot = |index: usize| Snapshot::new(Arc::clone(self.range.at(index)));
        let (last_good, first_bad) = (good.map(snapshot), bad.map(snapshot));
        let unreachable = match (&last_good, &first_bad, good, bad) {
            (Some(last_good), Some(first_bad), Some(good), Some(bad)) => {
                first_bad.version().0 - last_good.version().0 - (bad - good) as u64
            }
            _ => 0,
        };
        Bisection { first_bad, last_good, unreachable, probes: self.probes, search }
    }
}

/// The indices of `from..to`, from the middle to both sides.
fn outward(from: usize, to: usize) -> impl Iterator<Item = usize> {
    let middle = from + to.saturating_sub(from) / 2;
    let steps = 0..=(to - middle.min(to)).max(middle - from);
    let around = steps.flat_map(move |step| {
        let before = middle.checked_sub(step).filter(|_| step > 0);
        [Some(middle + step), before]
    });
    around.flatten().filter(move |index| (from..to).contains(index))
}
