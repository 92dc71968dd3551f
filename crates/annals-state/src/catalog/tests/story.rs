//! A store in miniature: transactions, commits and the versions that they make, without clock,
//! lock or pointer.

use std::borrow::Cow;
use std::sync::Arc;

use super::check_invariants;
use super::kit::{Row, database, table};
use super::wishes::Wish;
use crate::apply::Place;
use crate::catalog::Catalog;
use crate::commit::{Commit, CommitInfo, Isolation, Operation, SourceLocation};
use crate::conflict::{self, Check, Conflict};
use crate::error::CatalogError;
use crate::relocation::Relocation;
use crate::table::TableVersion;
use crate::timeline::{Retention, Timeline};
use crate::version::{Timestamp, Version, VersionId};
use crate::write_set::{Change, ReadSet, Staged, WriteSet};

/// A transaction: changes on top of a version, and what was read.
#[derive(Clone)]
pub(crate) struct Tx {
    pub(crate) base: Arc<Version>,
    pub(crate) draft: Catalog,
    pub(crate) writes: WriteSet,
    pub(crate) reads: ReadSet,
    pub(crate) isolation: Isolation,
    pub(crate) operations: Vec<Arc<Operation>>,
    oldest: VersionId,
}

/// Why a commit was refused.
#[derive(Debug)]
pub(crate) enum Refused {
    Conflict(Box<Conflict>),
    NoLongerApplies(CatalogError),
}

impl Tx {
    pub(crate) fn on(base: &Arc<Version>, oldest: VersionId) -> Self {
        Self {
            base: Arc::clone(base),
            draft: base.catalog().clone(),
            writes: WriteSet::default(),
            reads: ReadSet::default(),
            isolation: Isolation::Snapshot,
            operations: Vec::new(),
            oldest,
        }
    }

    /// Makes a change in the draft. One that is refused leaves everything as it was.
    pub(crate) fn stage(&mut self, change: Change) -> Result<&Operation, CatalogError> {
        let location = SourceLocation {
            file: Cow::Borrowed("story"),
            line: self.operations.len() as u32 + 1,
            column: 1,
        };
        let staged = Arc::new(Staged { change, location });
        let at = VersionId(self.base.id().0 + 1);
        let place = Place::on_base(self.base.id(), at, self.oldest);
        // Here the rule is put to the test that floor 2 does not rely on: no clone before.
        let operation = self.draft.apply(&staged, &place)?;
        self.writes.push(staged);
        self.operations.push(Arc::new(operation));
        Ok(self.operations.last().unwrap())
    }

    pub(crate) fn wish(&mut self, wish: &Wish) -> Result<&Operation, CatalogError> {
        let change = wish.change(&self.draft, VersionId(self.base.id().0 + 1));
        self.stage(change)
    }

    pub(crate) fn check(&self, head: &Version) -> Result<(), Box<Conflict>> {
        let ask = Check {
            writes: &self.writes.footprints(self.base.catalog()),
            reads: &self.reads,
            isolation: self.isolation,
            base: self.base.id(),
            head: head.id(),
            relocation: &self.relocation(head.catalog()),
        };
        conflict::check(ask, head.catalog())
    }

    fn relocation(&self, head: &Catalog) -> Relocation {
        Relocation::find(&self.writes, self.base.catalog(), head)
    }

    /// What the transaction leads to on top of `head`, if that is checked or not.
    pub(crate) fn carried_over(
        &self,
        head: &Version,
        oldest: VersionId,
    ) -> Result<(Catalog, Vec<Arc<Operation>>), CatalogError> {
        let mut catalog = head.catalog().clone();
        let at = VersionId(head.id().0 + 1);
        let footprints = self.writes.footprints(self.base.catalog());
        let relocation = self.relocation(&catalog);
        let place = Place::on_head(&footprints, self.base.id(), &catalog, at, oldest, relocation);
        let changes = self.writes.changes();
        let operations: Result<Vec<_>, _> =
            changes.map(|staged| catalog.apply(staged, &place).map(Arc::new)).collect();
        Ok((catalog, operations?))
    }
}

/// The history of a store.
pub(crate) struct Story {
    pub(crate) timeline: Timeline,
    pub(crate) retention: Retention,
    /// Every version that there ever was.
    pub(crate) versions: Vec<Arc<Version>>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self::starting_at(Version::initial(Timestamp(0)))
    }

    /// A store that begins with this version, as a fork does.
    pub(crate) fn starting_at(version: Version) -> Self {
        let origin = Arc::new(version);
        Self {
            timeline: Timeline::starting_at(Arc::clone(&origin)),
            retention: Retention::default(),
            versions: vec![origin],
        }
    }

    pub(crate) fn head(&self) -> Arc<Version> {
        Arc::clone(self.timeline.newest())
    }

    pub(crate) fn begin(&self) -> Tx {
        Tx::on(self.timeline.newest(), self.timeline.oldest_reachable())
    }

    /// Commits as a store does.
    pub(crate) fn commit(&mut self, tx: Tx) -> Result<Arc<Version>, Refused> {
        let head = self.head();
        let oldest = self.timeline.oldest_reachable();
        let rebased = head.id() != tx.base.id();
        let (catalog, operations) = if rebased {
            tx.check(&head).map_err(Refused::Conflict)?;
            tx.carried_over(&head, oldest).map_err(Refused::NoLongerApplies)?
        } else {
            (tx.draft, tx.operations)
        };
        let version = VersionId(head.id().0 + 1);
        let commit = Commit {
            version,
            timestamp: Timestamp(head.timestamp().0 + 10),
            base: tx.base.id(),
            isolation: tx.isolation,
            retries: 0,
            rebased,
            location: SourceLocation { file: Cow::Borrowed("story"), line: 0, column: 0 },
            thread: None,
            operations: operations.into(),
            info: CommitInfo::default(),
        };
        let next = Arc::new(Version::committed(Arc::new(commit), catalog, oldest));
        check_invariants(next.catalog());
        self.timeline.push(Arc::clone(&next));
        self.timeline.expire(&self.retention, next.timestamp(), usize::MAX);
        self.versions.push(Arc::clone(&next));
        Ok(next)
    }

    /// Commits wishes as one transaction. All of them must apply.
    pub(crate) fn all(&mut self, wishes: &[Wish]) -> Arc<Version> {
        let mut tx = self.begin();
        for wish in wishes {
            tx.wish(wish).unwrap_or_else(|error| panic!("{wish:?}: {error}"));
        }
        self.commit(tx).unwrap()
    }

    pub(crate) fn one(&mut self, wish: Wish) -> Arc<Version> {
        self.all(&[wish])
    }

    pub(crate) fn make_database(&mut self, name: &str) {
        self.one(Wish::CreateDatabase { name: database(name), property: None });
    }

    /// Creates a table of nullable 64-bit integers.
    pub(crate) fn make(&mut self, name: &str, columns: &[&str], rows: &[Row]) -> Arc<Version> {
        self.one(Wish::create(name, columns, rows))
    }

    pub(crate) fn table(&self, name: &str) -> Arc<TableVersion> {
        Arc::clone(self.timeline.newest().catalog().table(&table(name)).unwrap())
    }
}
