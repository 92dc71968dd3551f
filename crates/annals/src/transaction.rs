//! A private set of changes to one version, published whole or not at all.

mod changes;
mod committed;
mod staging;
mod view;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use annals_state::commit::{CommitInfo, Isolation, Operation, OperationKind};
use annals_state::name::{ToDatabaseName, ToTableName};
use annals_state::run::Run;
use annals_state::write_set::{Change, NewRows, NewSchema, PropertyPatch, WriteSet};
use annals_state::{Catalog, DatabaseName, TableName, Version, VersionId};
use arrow_schema::SchemaRef;

pub use self::committed::Committed;
use crate::committer::{Outcome, Request};
use crate::error::{CommitError, ReadError, WriteError};
use crate::gather::Gathering;
use crate::seams::seam;
use crate::snapshot::{ReadLog, Snapshot, Table};
use crate::source::Source;
use crate::store::Shared;
use crate::writer::{Target, Writer};

pub use self::view::TransactionView;

/// Changes that no one else sees until [`commit`](Self::commit). Dropping it abandons them.
///
/// A transaction reads the version that it began at, plus its own changes. Each change is checked
/// and made in the draft at once, so an error is returned by the call that caused it and leaves
/// the draft as it was.
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    shared: Arc<Shared>,
    draft: Draft,
    reads: Arc<ReadLog>,
    /// Let go of after what shares its tables.
    base: Arc<Version>,
    isolation: Isolation,
    info: CommitInfo,
    assertions: Vec<Assertion>,
    retries: u32,
    /// The call that all operations are on record as asked for by, if it is not each one's own.
    location: Option<&'static Location<'static>>,
}

/// The changes so far and what they lead to. Persistent: a clone is a savepoint.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) catalog: Catalog,
    pub(crate) writes: WriteSet,
    pub(crate) operations: Run<Arc<Operation>>,
    /// Versions that tables were taken from to be restored. Let go of last.
    pub(crate) sources: Run<Arc<Version>>,
}

/// A transaction without its store.
pub(crate) struct Detached {
    pub(crate) draft: Draft,
    reads: Arc<ReadLog>,
    /// Let go of after what shares its tables.
    pub(crate) base: Arc<Version>,
    pub(crate) isolation: Isolation,
    info: CommitInfo,
    assertions: Vec<Assertion>,
}

/// A state of a transaction's changes to go back to. Costs O(1).
#[derive(Clone, Debug)]
pub struct Savepoint {
    draft: Draft,
    assertions: usize,
    base: Arc<Version>,
}

/// Something that must hold in the version that the transaction makes.
pub(crate) struct Assertion {
    name: Arc<str>,
    check: Box<AssertionCheck>,
}

type AssertionCheck = dyn Fn(&Snapshot) -> Result<(), String> + Send + Sync;

impl Assertion {
    pub(crate) fn check(&self, candidate: &Snapshot) -> Result<(), CommitError> {
        (self.check)(candidate)
            .map_err(|reason| CommitError::Assertion { name: Arc::clone(&self.name), reason })
    }
}

impl Transaction {
    pub(crate) fn begin(shared: Arc<Shared>, base: Arc<Version>, retries: u32) -> Self {
        let draft = Draft {
            catalog: base.catalog().clone(),
            writes: WriteSet::default(),
            operations: Run::new(),
            sources: Run::new(),
        };
        let isolation = shared.options.isolation;
        let reads = Arc::new(ReadLog::new(Arc::clone(&base)));
        let info = CommitInfo::default();
        let assertions = Vec::new();
        Self { shared, base, draft, reads, isolation, info, assertions, retries, location: None }
    }

    /// Takes the transaction from its store, to be attached to one later.
    pub(crate) fn detach(self) -> Detached {
        let Self { base, draft, reads, isolation, info, assertions, .. } = self;
        Detached { base, draft, isolation, reads, info, assertions }
    }

    pub(crate) fn attach(shared: Arc<Shared>, detached: Detached) -> Self {
        let Detached { base, draft, isolation, reads, info, assertions } = detached;
        let (retries, location) = (0, None);
        Self { shared, base, draft, reads, isolation, info, assertions, retries, location }
    }

    /// The version that the transaction began at, without its own changes. What is read of it does
    /// not count as read by the transaction, also if that is serializable.
    pub fn base(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.base))
    }

    /// Chooses what the transaction is protected from; the store's default is
    /// [`Isolation::Snapshot`].
    pub fn isolation(&mut self, isolation: Isolation) -> &mut Self {
        self.isolation = isolation;
        self
    }

    /// Records on whose behalf the commit is made.
    pub fn user(&mut self, user: &str) -> &mut Self {
        self.info.user = Some(user.into());
        self
    }

    /// Records why the commit is made.
    pub fn message(&mut self, message: &str) -> &mut Self {
        self.info.message = Some(message.into());
        self
    }

    /// Records a further key and value.
    pub fn metadata(&mut self, key: &str, value: &str) -> &mut Self {
        self.info.metadata.push((key.into(), value.into()));
        self
    }

    /// Makes the commit idempotent: a transaction of the same application and sequence that was
    /// applied before is not applied again, and returns the commit that it made then. Sequences
    /// of an application must grow.
    pub fn idempotent(&mut self, application: &str, sequence: u64) -> &mut Self {
        self.info.application = Some((application.into(), sequence));
        self
    }

    /// The version in which the sequence given to [`idempotent`](Self::idempotent), or a later one
    /// of that application, was applied before this transaction began. A closure that would fail
    /// when it is run again, because it creates a table say, asks this first.
    pub fn applied_in(&self) -> Option<VersionId> {
        let (application, asked) = self.info.application.as_ref()?;
        let (newest, version) = self.base.catalog().applied(application)?;
        (*asked <= newest).then_some(version)
    }

    /// Holds versions of which changes have parts, until after these are let go of.
    pub(crate) fn keep_until_dropped(&mut self, versions: impl IntoIterator<Item = Arc<Version>>) {
        versions.into_iter().for_each(|version| self.draft.sources.push_back(version));
    }

    /// Says why, if the caller has not said it.
    pub(crate) fn message_if_none(&mut self, message: impl FnOnce() -> String) {
        self.info.message.get_or_insert_with(|| message().into());
    }

    pub(crate) fn set_info(&mut self, info: CommitInfo) {
        self.info = info;
    }

    pub(crate) fn set_location(&mut self, location: &'static Location<'static>) {
        self.location = Some(location);
    }

    /// Requires that `check` holds for the version that the commit makes. It is run on that very
    /// version before it is published, outside the commit section, and again if other commits
    /// came in between: it must not have effects of its own.
    pub fn assert(
        &mut self,
        name: &str,
        check: impl Fn(&Snapshot) -> Result<(), String> + Send + Sync + 'static,
    ) -> &mut Self {
        self.assertions.push(Assertion { name: name.into(), check: Box::new(check) });
        self
    }

    /// Marks the present state of the changes.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            draft: self.draft.clone(),
            assertions: self.assertions.len(),
            base: Arc::clone(&self.base),
        }
    }

    /// Takes back all changes and assertions made since `savepoint`. What was read stays noted.
    ///
    /// # Errors
    ///
    /// [`WriteError::Options`] if the savepoint is of a transaction with another base.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) -> Result<(), WriteError> {
        let same_base = Arc::ptr_eq(&savepoint.base, &self.base);
        if !same_base || savepoint.assertions > self.assertions.len() {
            return Err(WriteError::Options("the savepoint belongs to another transaction"));
        }
        self.draft = savepoint.draft.clone();
        self.assertions.truncate(savepoint.assertions);
        Ok(())
    }

    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.draft.writes.is_empty()
    }

    // ---- reading --------------------------------------------------------------------------

    /// The table or view of this name, own changes included. What is then read of it counts as
    /// read by the transaction, which is no longer blind.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table`].
    pub fn table(&self, name: impl ToTableName) -> Result<Table, ReadError> {
        let name = name.to_table_name()?;
        self.reads.note(|reads, base| reads.looked_up(base, &name));
        let draft = self.base.speculative(self.provisional(), self.draft.catalog.clone());
        #[cfg(annals_broken = "dirty_read")]
        let draft = crate::broken::dirty(&self.base, self.is_empty()).unwrap_or(draft);
        let table = Table::find(&draft, &self.base, &name, Some(Arc::clone(&self.reads)))?;
        self.reads.note(|reads, base| reads.looked_up(base, table.name_in(base)));
        Ok(table)
    }

    /// Whether a table or view of this name exists, own changes included. Counts as read.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table_exists`].
    pub fn table_exists(&self, name: impl ToTableName) -> Result<bool, ReadError> {
        let name = name.to_table_name()?;
        self.reads.note(|reads, base| reads.looked_up(base, &name));
        Ok(self.draft.catalog.table(&name).is_some())
    }

    /// The tables and views of a database, own changes included. Counts as read.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::tables`].
    pub fn tables(&self, database: impl ToDatabaseName) -> Result<Vec<TableName>, ReadError> {
        let database = database.to_database_name()?;
        self.reads.note(|reads, base| reads.listed(base, &database));
        self.uncounted().tables(&*database)
    }

    /// The names of all databases, own changes included. Counts as read.
    pub fn databases(&self) -> Vec<DatabaseName> {
        self.reads.note(|reads, _| reads.listed_databases());
        self.draft.catalog.databases().map(|database| database.name().clone()).collect()
    }

    /// What the transaction comes to so far, as a version that was not published. Does not count
    /// as read.
    pub(crate) fn uncounted(&self) -> Snapshot {
        let catalog = self.draft.catalog.clone();
        Snapshot::new(Arc::new(self.base.speculative_holding(self.provisional(), catalog)))
    }

    // ---- writing rows ---------------------------------------------------------------------

    /// Begins to write rows; see [`Store::write`](crate::Store::write).
    pub fn write<'a>(&'a mut self, rows: impl Into<Source<'a>>) -> Writer<'a> {
        Writer::new(Target::Transaction(self), rows.into())
    }

    /// Begins to take rows that come one batch at a time; see [`Store::gather`](crate::Store::gather).
    pub fn gather(&self, schema: SchemaRef) -> Gathering {
        Gathering::new(schema, self.shared().options.chunk_size)
    }

    /// Removes all rows of a table and keeps everything else.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the table does not exist or is a view.
    #[track_caller]
    pub fn truncate(&mut self, name: impl ToTableName) -> Result<(), WriteError> {
        self.truncate_at(&*name.to_table_name()?, Location::caller())
    }

    pub(crate) fn truncate_at(
        &mut self,
        name: &TableName,
        at: &'static Location<'static>,
    ) -> Result<(), WriteError> {
        let state = self.rows_of(name)?;
        let change = Change::Replace {
            name: name.clone(),
            kind: state.kind().clone(),
            schema: NewSchema::Kept,
            partition_by: Arc::clone(&state.details().partition_by),
            patch: PropertyPatch::default(),
            rows: NewRows::none(Arc::clone(state.schema())),
            label: OperationKind::Truncate,
        };
        self.stage(change, at)
    }

    // ---- the end --------------------------------------------------------------------------

    /// Makes the changes visible to every later snapshot, all at once; returns their version.
    ///
    /// Waits for commits ahead of it, never for readers, nor they for it. Snapshots taken before
    /// it returns keep the state that they had. If others committed since this transaction began
    /// and their changes go with these, these are carried over in time proportional to themselves.
    /// A transaction without changes makes no version and always succeeds.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] if the matrix in [`conflict`](annals_state::conflict) says that
    /// what was committed since does not go with it; [`CommitError::Assertion`] if an assertion
    /// does not hold. After any error nothing of the transaction is visible.
    ///
    /// A transaction that has ended cannot be used any more:
    ///
    /// ```compile_fail,E0382
    /// let tx = annals::Store::in_memory().begin();
    /// tx.commit()?;
    /// tx.commit()?; // use of moved value: `tx`
    /// # Ok::<(), annals::CommitError>(())
    /// ```
    #[track_caller]
    pub fn commit(self) -> Result<Committed, CommitError> {
        self.commit_at(Location::caller())
    }

    pub(crate) fn commit_at(
        &self,
        location: &'static Location<'static>,
    ) -> Result<Committed, CommitError> {
        if self.is_empty() {
            return self.commit_nothing();
        }
        let span = tracing::debug_span!("commit", base = self.base.id().0);
        let _entered = span.enter();
        let outcome = self.request(location, |request| {
            if let Some(refusals) = &self.shared.options.refusals {
                let head = self.shared.published.version().id();
                refusals.ask(&self.draft.writes, self.base.id(), head)?;
            }
            seam!(Asked);
            // Even after a panic: what was published by then is to be seen by those who wait.
            let _tells = self.shared.watchers.tells();
            self.shared.committer.commit(&self.shared.published, request)
        });
        seam!(Told);
        match outcome {
            Ok(Outcome::Committed(commit)) => {
                tracing::debug!(
                    version = commit.version.0,
                    operations = commit.operations.len(),
                    rebased = commit.rebased,
                    retries = commit.retries,
                    "committed"
                );
                Ok(Committed {
                    version: commit.version,
                    commit: Some(commit),
                    applied_before: false,
                    retries: self.retries,
                })
            }
            Ok(Outcome::AppliedBefore(version, commit)) => {
                Ok(Committed { version, commit, applied_before: true, retries: self.retries })
            }
            Err(error) => {
                self.shared.counters.refused(&error);
                tracing::debug!(%error, "commit refused");
                Err(error)
            }
        }
    }

    /// What has nothing to do may have found it done, by an earlier attempt at the same: a save in
    /// mode `ignore` skips the table that its own twin has made.
    fn commit_nothing(&self) -> Result<Committed, CommitError> {
        let before = self.shared.applied_before(&self.info)?;
        let nothing = Committed::none(self.base.id());
        Ok(Committed { retries: self.retries, ..before.unwrap_or(nothing) })
    }

    /// Says whether a commit now would be refused, and why, without committing. Assertions are
    /// not run.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    #[track_caller]
    pub fn would_conflict(&self) -> Result<(), CommitError> {
        if self.is_empty() {
            return Ok(());
        }
        let location = Location::caller();
        let Shared { committer, published, .. } = &*self.shared;
        self.request(location, |request| committer.would_conflict(published, request))
    }

    fn request<R>(
        &self,
        location: &'static Location<'static>,
        then: impl FnOnce(&Request<'_>) -> R,
    ) -> R {
        let now = self.shared.options.clock.now();
        let reads = self.reads.note(|reads, _| reads.clone());
        then(&Request {
            identity: &self.shared.identity,
            base: &self.base,
            draft: &self.draft,
            reads: &reads,
            isolation: self.isolation,
            info: &self.info,
            retries: self.retries,
            location,
            assertions: &self.assertions,
            now,
        })
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("base", &self.base.id())
            .field("isolation", &self.isolation)
            .field("operations", &self.draft.operations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
