//! The commit section: prepare, persist, publish. The one place where versions are made.
//!
//! Inside the section there is pointer work only. Whatever may run long or fail (reading a source,
//! casts, statistics, assertions) was done before, on the committer's own time: an assertion is
//! checked on the very version that is then published, or not at all.
//!
//! In memory there is nothing to persist; a durable log takes its place between `prepare` and
//! `publish`.

use std::panic::Location;
use std::sync::Arc;

use annals_state::apply::Place;
use annals_state::commit::{CommitInfo, Isolation};
use annals_state::conflict::{self, Check, Conflict, Rule, Subject};
use annals_state::expired::Expired;
use annals_state::relocation::Relocation;
use annals_state::run::Run;
use annals_state::timeline::{Retention, Timeline, TravelError};
use annals_state::write_set::ReadSet;
use annals_state::{Catalog, Commit, Timestamp, Version, VersionId};

use crate::error::CommitError;
use crate::identity::Identity;
use crate::process::PerProcess;
use crate::published::{Head, Published};
use crate::reclaim::Reclaim;
use crate::seams::seam;
use crate::snapshot::Snapshot;
use crate::sync::{IS_TOOL, Mutex, MutexGuard, PoisonError};
use crate::transaction::{Assertion, Draft};

/// How many candidates an assertion is checked against before the transaction gives way.
const CANDIDATES_MAX: u32 = 16;

/// How many versions one commit expires at most, so that none pays for a backlog alone.
pub(crate) const EXPIRED_PER_COMMIT_MAX: usize = if IS_TOOL { 2 } else { 128 };

/// A transaction that asks to be committed.
pub(crate) struct Request<'a> {
    /// Of the store that it is to be committed to.
    pub(crate) identity: &'a Identity,
    pub(crate) base: &'a Arc<Version>,
    pub(crate) draft: &'a Draft,
    pub(crate) reads: &'a ReadSet,
    pub(crate) isolation: Isolation,
    pub(crate) info: &'a CommitInfo,
    pub(crate) retries: u32,
    pub(crate) location: &'static Location<'static>,
    pub(crate) assertions: &'a [Assertion],
    pub(crate) now: Timestamp,
}

/// The section that committers pass one by one, and what they leave to each other in it.
pub(crate) struct Committer {
    section: PerProcess<Mutex<Section>>,
    pub(crate) reclaim: Reclaim,
}

struct Section {
    /// The newest head that was sequenced. In memory it is the published one.
    tip: Arc<Head>,
}

impl Section {
    fn new(tip: Arc<Head>) -> Mutex<Self> {
        Mutex::new(Self { tip })
    }
}

/// What a commit came to.
pub(crate) enum Outcome {
    Committed(Arc<Commit>),
    /// An idempotent write that was applied before, as this version.
    AppliedBefore(VersionId, Option<Arc<Commit>>),
}

impl Committer {
    pub(crate) fn new(tip: Arc<Head>, reclaim: Reclaim) -> Self {
        Self { section: PerProcess::new(Section::new(tip)), reclaim }
    }

    /// Makes the transaction the next version and publishes it, or says why not.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; nothing of the transaction is then visible.
    pub(crate) fn commit(
        &self,
        published: &Published,
        request: &Request<'_>,
    ) -> Result<Outcome, CommitError> {
        if !request.assertions.is_empty() {
            return self.commit_outside(published, request);
        }
        let section = self.enter(published);
        if let Some(outcome) = applied_before(&section.tip, request)? {
            return Ok(outcome);
        }
        if is_compacted_under(&section.tip, request) {
            drop(section);
            return self.commit_outside(published, request);
        }
        let candidate = prepare(&section.tip, request)?;
        Ok(self.publish(section, published, candidate))
    }

    /// As [`commit`](Self::commit), for what is more than pointer work: assertions, and rows that
    /// have to be found again after a compaction. Both are done outside the section, on a candidate
    /// that is published only if no other commit came in between.
    fn commit_outside(
        &self,
        published: &Published,
        request: &Request<'_>,
    ) -> Result<Outcome, CommitError> {
        let mut winner = request.base.id();
        for _ in 0..CANDIDATES_MAX {
            let tip = Arc::clone(&self.enter(published).tip);
            if let Some(outcome) = applied_before(&tip, request)? {
                return Ok(outcome);
            }
            let candidate = prepare(&tip, request)?;
            let snapshot = Snapshot::new(Arc::clone(&candidate));
            for assertion in request.assertions {
                assertion.check(&snapshot)?;
                seam!(Asserted);
            }
            let section = self.enter(published);
            if section.tip.version.id() == tip.version.id() {
                return Ok(self.publish(section, published, candidate));
            }
            winner = section.tip.version.id();
        }
        let base = request.base.id();
        let conflict = Conflict::new(Subject::Store, Rule::Contention, base, winner);
        Err(CommitError::Conflict(Box::new(conflict)))
    }

    /// Says what [`commit`](Self::commit) would say of conflicts, without committing.
    pub(crate) fn would_conflict(
        &self,
        published: &Published,
        request: &Request<'_>,
    ) -> Result<(), CommitError> {
        let tip = Arc::clone(&self.enter(published).tip);
        match applied_before(&tip, request)? {
            Some(_) => Ok(()),
            None => prepare(&tip, request).map(drop),
        }
    }

    /// Publishes a changed timeline of the same version: tags, expiry.
    pub(crate) fn change_timeline<R, E>(
        &self,
        published: &Published,
        change: impl FnOnce(&mut Timeline, &mut Retention) -> Result<(R, Vec<Expired>), E>,
    ) -> Result<R, E> {
        let section = self.enter(published);
        let mut timeline = section.tip.timeline.clone();
        let mut retention = section.tip.retention;
        let (result, expired) = change(&mut timeline, &mut retention)?;
        seam!(Pushed);
        self.supersede(section, published, Head::new(timeline, retention), expired);
        Ok(result)
    }

    /// Makes `candidate` the head and leaves the section.
    fn publish(
        &self,
        section: MutexGuard<'_, Section>,
        published: &Published,
        candidate: Arc<Version>,
    ) -> Outcome {
        let commit = Arc::clone(candidate.commit().expect("a candidate has its record"));
        // Not the clock's: whoever replays the commits expires the same versions.
        let now = candidate.timestamp();
        let mut timeline = section.tip.timeline.clone();
        timeline.push(candidate);
        seam!(Pushed);
        let retention = section.tip.retention;
        let expired = match retention.is_due(&timeline, now) {
            true => timeline.expire(&retention, now, EXPIRED_PER_COMMIT_MAX),
            false => Vec::new(),
        };
        seam!(Expired);
        self.supersede(section, published, Head::new(timeline, retention), expired);
        Outcome::Committed(commit)
    }

    /// Publishes the next head and leaves the section; then gives away what that supersedes.
    fn supersede(
        &self,
        mut section: MutexGuard<'_, Section>,
        published: &Published,
        head: Head,
        expired: Vec<Expired>,
    ) {
        let first = match expired.is_empty() {
            true => None,
            false => head.timeline.at_version(head.timeline.first()).ok().cloned(),
        };
        let head = Arc::new(head);
        seam!(HeadMade);
        let tip = std::mem::replace(&mut section.tip, Arc::clone(&head));
        seam!(Sequenced);
        #[cfg(annals_broken = "torn_publish")]
        let head = crate::broken::torn(&head);
        let told = expired.first().map(|first| (expired.len(), first.version.id()));
        let superseded = published.publish(head);
        let given = GivenAway { reclaim: &self.reclaim, superseded, expired, first };
        // Should anything panic, the section is left first in the same way.
        let (tip, section) = (tip, section);
        seam!(Published);
        drop(section);
        drop(tip);
        seam!(Left);
        drop(given);
        seam!(Retired);
        // Last, for whoever listens may panic.
        if let Some((count, first)) = told {
            tracing::debug!(count, %first, "versions expired");
        }
    }

    /// Gives away all that there is, as the last handle of the store goes.
    pub(crate) fn close(&mut self, published: &mut Published) {
        let version = published.version();
        if version.catalog().table_count() == 0 && published.head().timeline.len() == 1 {
            return;
        }
        seam!(Closing);
        let section = self.section.last().get_mut().unwrap_or_else(PoisonError::into_inner);
        let retention = section.tip.retention;
        let nothing = Arc::new(Head::new(Timeline::starting_at(version), retention));
        section.tip = Arc::clone(&nothing);
        self.reclaim.close(published.close(nothing));
    }

    /// No user code runs inside. Should it panic there all the same, then what was published
    /// stands, and what was only sequenced does not.
    fn enter(&self, published: &Published) -> MutexGuard<'_, Section> {
        let section = self.section.here(|parents| {
            // What it holds would never be freed; if somebody holds it, so it is.
            if let Ok(mut parents) = parents.try_lock() {
                parents.tip = Arc::new(Head::nothing());
            }
            Section::new(published.head())
        });
        let section = section.lock().unwrap_or_else(|poisoned| {
            let mut section = poisoned.into_inner();
            section.tip = published.head();
            section
        });
        seam!(Entered);
        section
    }
}

/// What a published head supersedes. The list gets it come what may, or whoever reads it would be
/// the last to hold it.
struct GivenAway<'a> {
    reclaim: &'a Reclaim,
    superseded: Option<Arc<Head>>,
    expired: Vec<Expired>,
    first: Option<Arc<Version>>,
}

impl Drop for GivenAway<'_> {
    fn drop(&mut self) {
        let expired = std::mem::take(&mut self.expired);
        self.reclaim.retire(self.superseded.take(), expired, self.first.take());
    }
}

/// The version that `request` would make on top of `tip`. Pure but for the clock's reading, which
/// the request brings along.
fn prepare(tip: &Head, request: &Request<'_>) -> Result<Arc<Version>, CommitError> {
    let newest = tip.version.id();
    let at = newest.next().ok_or(CommitError::VersionsExhausted { newest })?;
    check_base(tip, request.base, request.identity)?;
    let rebased = newest != request.base.id() || cfg!(annals_broken = "torn_publish");
    let (catalog, operations) = if rebased {
        carry_over(tip, request, at)?
    } else {
        (request.draft.catalog.clone(), request.draft.operations.clone())
    };
    let mut catalog = catalog;
    if let Some((application, sequence)) = &request.info.application {
        catalog.set_applied(Arc::clone(application), *sequence, at);
    }
    let commit = Commit {
        version: at,
        timestamp: request.now.max(Timestamp(tip.version.timestamp().0 + 1)),
        base: request.base.id(),
        isolation: request.isolation,
        retries: request.retries,
        rebased,
        location: request.location.into(),
        thread: thread_name(),
        operations: operations.iter().cloned().collect(),
        info: request.info.clone(),
    };
    let oldest = tip.timeline.oldest_reachable();
    let version = Version::committed(Arc::new(commit), catalog, oldest);
    let version = Arc::new(version.of_store(Some(request.identity.store())));
    seam!(Prepared);
    Ok(version)
}

/// Refuses a base that is not a version of this store: a snapshot of another, or of a version that
/// was never published, may have any number. One that is no longer kept is known by its store, and
/// from a candidate that was shown to an assertion and then refused it is told by its record.
fn check_base(tip: &Head, base: &Arc<Version>, identity: &Identity) -> Result<(), CommitError> {
    match tip.timeline.at_version(base.id()) {
        Ok(_) if cfg!(annals_broken = "torn_publish") => Ok(()),
        Ok(kept) if Arc::ptr_eq(kept, base) || kept.is_same(base) => Ok(()),
        _ if base.store().is_none() => Err(CommitError::UnpublishedBase { base: base.id() }),
        Err(TravelError::Expired { .. }) if identity.descends_from(base) => {
            match (tip.timeline.record(base.id()), base.commit()) {
                (Some(kept), Some(record)) if !Arc::ptr_eq(kept, record) => {
                    Err(CommitError::UnpublishedBase { base: base.id() })
                }
                _ => Ok(()),
            }
        }
        _ => Err(CommitError::ForeignBase { base: base.id() }),
    }
}

/// Checks the transaction against what was committed since its base, and applies its changes
/// again on top of that.
fn carry_over(
    tip: &Head,
    request: &Request<'_>,
    at: VersionId,
) -> Result<(Catalog, Run<Arc<annals_state::commit::Operation>>), CommitError> {
    let (base, head) = (request.base.id(), tip.version.id());
    let writes = &request.draft.writes.footprints(request.base.catalog());
    let relocation = match is_compacted_under(tip, request) {
        true => {
            let then = request.base.catalog();
            Relocation::find(&request.draft.writes, then, tip.version.catalog())
        }
        false => Relocation::default(),
    };
    let (reads, isolation) = (request.reads, request.isolation);
    let ask = Check { writes, reads, isolation, base, head, relocation: &relocation };
    let refuse = |mut conflict: Box<Conflict>| {
        conflict.winning_commit = tip.timeline.record(conflict.winner).cloned();
        CommitError::Conflict(conflict)
    };
    conflict::check(ask, tip.version.catalog()).map_err(refuse)?;
    seam!(Checked);

    let mut catalog = tip.version.catalog().clone();
    let oldest = tip.timeline.oldest_reachable();
    let place = Place::on_head(writes, base, &catalog, at, oldest, relocation);
    let mut operations = Run::new();
    let changes = request.draft.writes.changes();
    #[cfg(annals_broken = "key_skipped_at_commit")]
    let changes = crate::broken::all_but_the_last(changes);
    for staged in changes {
        let operation = catalog.apply(staged, &place).map_err(|error| {
            let winner = conflict::winner_of(&error, tip.version.catalog()).unwrap_or(head);
            let rule = Rule::NoLongerApplies { error: Box::new(error) };
            refuse(Box::new(Conflict::new(Subject::of(&staged.change), rule, base, winner)))
        })?;
        operations.push_back(Arc::new(operation));
        seam!(Applied);
    }
    #[cfg(annals_broken = "lost_rebase")]
    let catalog = request.draft.catalog.clone();
    Ok((catalog, operations))
}

/// Whether rows that the transaction takes out have been written anew by others.
pub(crate) fn is_compacted_under(tip: &Head, request: &Request<'_>) -> bool {
    let base = request.base.id();
    tip.version.id() != base
        && Relocation::is_needed(&request.draft.writes, base, tip.version.catalog())
}

fn applied_before(tip: &Head, request: &Request<'_>) -> Result<Option<Outcome>, CommitError> {
    match &request.info.application {
        Some(application) => application_before(tip, application),
        None => Ok(None),
    }
}

/// What an application's write of this sequence came to, if it was applied before.
pub(crate) fn application_before(
    head: &Head,
    sought: &(Arc<str>, u64),
) -> Result<Option<Outcome>, CommitError> {
    let (application, asked) = sought;
    let Some((newest, version)) = head.version.catalog().applied(application) else {
        return Ok(None);
    };
    if *asked > newest {
        return Ok(None);
    }
    if *asked == newest {
        let commit = head.timeline.record(version).cloned();
        return Ok(Some(Outcome::AppliedBefore(version, commit)));
    }
    let is_it = |commit: &&Arc<Commit>| commit.info.application.as_ref() == Some(sought);
    let records = head.timeline.records();
    match records.iter().rev().find(is_it) {
        Some(commit) => Ok(Some(Outcome::AppliedBefore(commit.version, Some(Arc::clone(commit))))),
        None => Err(CommitError::StaleSequence {
            application: Arc::clone(application),
            asked: *asked,
            newest,
            version,
        }),
    }
}

/// The name of this thread, allocated once a thread.
pub(crate) fn thread_name() -> Option<Arc<str>> {
    crate::sync::thread_local! {
        static NAME: Option<Arc<str>> = crate::sync::thread::current().name().map(Arc::from);
    }
    // A thread that is on its way out has no name any more.
    NAME.try_with(Clone::clone).unwrap_or_default()
}
