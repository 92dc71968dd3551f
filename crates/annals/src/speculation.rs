//! What if: a version that was never published, to be read, compared, and published or forgotten.
//!
//! A speculation is a transaction that has come to its end without a commit. It has its base, its
//! draft as a version, and what a commit would need; it holds no store, so it keeps none alive.
//!
//! **Invariant:** a version that was never published belongs to no store
//! ([`Version::store`](annals_state::Version::store)), and a commit on one is refused. What is
//! built on a speculation can be read and compared, but only the speculation itself is published.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use annals_state::commit::{Isolation, Operation};

use crate::diff::Diff;
use crate::error::CommitError;
use crate::options::StoreBuilder;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::transaction::{Committed, Detached, Transaction};

/// What a piece of work would come to, as a version that nobody else sees.
///
/// Dropping it leaves nothing. Keeping it keeps its base, and what it changed, in memory.
#[must_use = "a speculation is published by publish only"]
pub struct Speculation<T> {
    /// What the work returned.
    pub value: T,
    snapshot: Snapshot,
    work: Detached,
    /// Whether the work ran without a store, so that the isolation it had is nobody's choice.
    storeless: bool,
}

impl<T> Speculation<T> {
    fn of<E>(
        mut tx: Transaction,
        storeless: bool,
        work: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Self, E> {
        let value = work(&mut tx)?;
        let snapshot = tx.uncounted();
        Ok(Self { value, snapshot, work: tx.detach(), storeless })
    }

    /// What would have been published. Its number is the one that it would get if it were published
    /// on its base at once; see [`Snapshot::is_speculative`].
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// What it was built on.
    pub fn base(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.work.base))
    }

    /// What differs from the base. O(what differs).
    pub fn diff(&self) -> Diff {
        self.base().diff(&self.snapshot)
    }

    /// What the work did, in order.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.work.draft.operations.iter()
    }

    /// Commits the changes to `store`, checked against everything that was committed since the
    /// base, as a transaction that [began there](Store::begin_at) would. The record has the place of
    /// this call, and of the calls in the work for what they asked for.
    ///
    /// What was read of [`snapshot`](Self::snapshot) afterwards does not count as read, also if
    /// the transaction is serializable: what the changes depend on has to be read in the work.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; with [`CommitError::UnpublishedBase`] if it was built on another
    /// speculation, and [`CommitError::ForeignBase`] if its base is no version of `store`. Nothing
    /// is visible then.
    #[track_caller]
    pub fn publish(self, store: &Store) -> Result<Committed, CommitError> {
        if self.base().is_speculative() {
            return Err(CommitError::UnpublishedBase { base: self.work.base.id() });
        }
        self.into_transaction(store).commit_at(Location::caller())
    }

    /// The transaction that [`publish`](Self::publish) commits, to be changed further, or committed
    /// with a message. It has the isolation that the work chose; if that ran without a store, the
    /// stricter one of that and the store's.
    pub fn into_transaction(self, store: &Store) -> Transaction {
        let mut work = self.work;
        if self.storeless && store.shared().options.isolation == Isolation::Serializable {
            work.isolation = Isolation::Serializable;
        }
        Transaction::attach(Arc::clone(store.shared()), work)
    }
}

impl<T: fmt::Debug> fmt::Debug for Speculation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speculation")
            .field("value", &self.value)
            .field("base", &self.work.base.id())
            .field("operations", &self.work.draft.operations)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Runs `work` as a transaction on what this shows, and returns what it comes to as a version
    /// that was not published. O(1) besides the work.
    ///
    /// A snapshot knows no store, so the work has the defaults of [`StoreBuilder`] and can go back
    /// to no other version; see [`Store::speculate_at`]. It may be a speculation's snapshot.
    ///
    /// # Errors
    ///
    /// Whatever `work` returns. A panic is passed on.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, WriteError, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2]))?).save_as_table("t")?;
    /// let more = record_batch!(("n", Int64, [3]))?;
    /// let what_if = store.snapshot().with(|tx| {
    ///     tx.write(more).mode(SaveMode::Append).save_as_table("t")?;
    ///     Ok::<_, WriteError>(())
    /// })?;
    /// assert_eq!(what_if.snapshot().table("t")?.row_count(), 3);
    /// assert_eq!(store.table("t")?.row_count(), 2);
    /// what_if.publish(&store)?;
    /// assert_eq!(store.table("t")?.row_count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with<T, E>(
        &self,
        work: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Speculation<T>, E> {
        let store = StoreBuilder::new().build_on(self.value());
        Speculation::of(store.begin_at(self), true, work)
    }

    /// Whether this was never published: it shows a [`Speculation`].
    ///
    /// Its number and those of its tables are then provisional: the ones that it would get if it
    /// were published on its base at once. The store has, or will have, another version of that
    /// number. Its timestamp is the base's and it has no commit. No commit can be based on it; a
    /// [fork](Store::fork_from) of it is a store like any other. Ids of tables that two
    /// speculations on one base made can be the same, so compare them with their base and not with
    /// each other.
    pub fn is_speculative(&self) -> bool {
        self.value().store().is_none()
    }
}

impl Store {
    /// Runs `work` as a transaction on the newest version, and returns what it comes to as a
    /// version that was not published. It runs once.
    ///
    /// # Errors
    ///
    /// Whatever `work` returns. A panic is passed on.
    pub fn speculate<T, E>(
        &self,
        work: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Speculation<T>, E> {
        Speculation::of(self.begin(), false, work)
    }

    /// As [`speculate`](Self::speculate), on what `snapshot` shows. Unlike in [`Snapshot::with`]
    /// the work has the options of this store, and can restore tables from its older versions.
    ///
    /// # Errors
    ///
    /// As for [`speculate`](Self::speculate).
    pub fn speculate_at<T, E>(
        &self,
        snapshot: &Snapshot,
        work: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Speculation<T>, E> {
        Speculation::of(self.begin_at(snapshot), false, work)
    }
}
