//! The living store: a cheap handle to the one pointer that says which version is current.

mod changes;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use annals_state::commit::CommitInfo;
use annals_state::name::ToTableName;
use annals_state::timeline::{At, Retention, Timeline};
use annals_state::{Timestamp, Version, VersionId};
use arrow_schema::SchemaRef;

use crate::committer::{Committer, Outcome, application_before};
use crate::error::{CommitError, ReadError, Remedy, TagError, TravelError, WriteError};
use crate::gather::Gathering;
use crate::history::History;
use crate::identity::Identity;
use crate::metrics::Counters;
use crate::options::{Options, StoreBuilder};
use crate::pins::PinRegistry;
use crate::published::{Head, Published};
use crate::reader::Reader;
use crate::reclaim::{AwaitingReclaim, Reclaim};
use crate::snapshot::{Snapshot, Table};
use crate::source::Source;
use crate::sync::{any_number, thread};
use crate::transaction::{Committed, Transaction};
use crate::watch::Hub;
use crate::writer::{Target, Writer};

/// A table store: every committed version of every table, readable at any time.
///
/// A handle: cloning it costs a reference count, and all clones are the same store. Any number of
/// threads may read and write through it at once; readers take no lock and wait for nobody.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What all handles of a store share.
pub(crate) struct Shared {
    pub(crate) published: Published,
    pub(crate) committer: Committer,
    pub(crate) options: Options,
    pub(crate) identity: Identity,
    pub(crate) watchers: Arc<Hub>,
    pub(crate) counters: Counters,
    pub(crate) pinned: Arc<PinRegistry>,
    origin: Option<Origin>,
}

/// Where a fork came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The version that it began with, by its number in the store that it was forked from.
    pub version: VersionId,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end_watches();
        // One that was made for a speculation has nothing of its own.
        if self.identity.descends_from(&self.published.version()) {
            self.committer.close(&mut self.published);
        }
    }
}

impl Shared {
    /// The version at a moment.
    pub(crate) fn version_at(&self, at: &At) -> Result<Arc<Version>, TravelError> {
        let now = match at {
            At::Latest => return Ok(self.published.version()),
            At::Timestamp(_) => self.options.clock.now(),
            // Nothing else depends on the time.
            _ => Timestamp::default(),
        };
        self.published.head().timeline.at(at, now).cloned()
    }

    /// What an idempotent write came to, if it was applied before.
    pub(crate) fn applied_before(
        &self,
        info: &CommitInfo,
    ) -> Result<Option<Committed>, CommitError> {
        let Some(sought) = &info.application else { return Ok(None) };
        match application_before(&self.published.head(), sought)? {
            Some(Outcome::AppliedBefore(version, commit)) => {
                Ok(Some(Committed::before(version, commit)))
            }
            _ => Ok(None),
        }
    }
}

/// The result of a closure that was run as a transaction.
#[derive(Clone, Debug)]
pub struct Transacted<T> {
    /// What the closure returned.
    pub value: T,
    /// What its commit came to.
    pub committed: Committed,
}

impl Store {
    /// An empty store in memory, with the defaults of [`StoreBuilder`].
    pub fn in_memory() -> Self {
        StoreBuilder::new().build()
    }

    /// Begins to choose options.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::new()
    }

    pub(crate) fn starting_at(
        version: Arc<Version>,
        options: Options,
        retention: Retention,
        identity: Identity,
        origin: Option<Origin>,
    ) -> Self {
        let counters = Counters::since(version.id());
        let pinned = Arc::default();
        let head = Arc::new(Head::new(Timeline::starting_at(version), retention));
        let published = Published::new(Arc::clone(&head));
        let committer = Committer::new(head, Reclaim::new(options.reclaim_bytes_max));
        let watchers = Arc::default();
        let shared =
            Shared { published, committer, options, identity, watchers, counters, pinned, origin };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    // ---- reading --------------------------------------------------------------------------

    /// The newest version, pinned. Takes no lock and waits for nobody; costs one reference count.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1]))?).save_as_table("t")?;
    /// let before = store.snapshot();
    /// store.write(record_batch!(("n", Int64, [2, 3]))?).mode(SaveMode::Overwrite).save_as_table("t")?;
    /// assert_eq!(before.table("t")?.row_count(), 1); // as it was
    /// assert_eq!(store.snapshot().table("t")?.row_count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.shared.published.version())
    }

    /// A cached view of the newest version, for a thread that asks often: as long as nothing is
    /// committed, asking costs one load and no reference count.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The table or view of this name in the newest version.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table`].
    pub fn table(&self, name: impl ToTableName) -> Result<Table, ReadError> {
        self.snapshot().table(name)
    }

    /// The newest version's number.
    pub fn version(&self) -> VersionId {
        self.shared.published.version().id()
    }

    // ---- time travel ----------------------------------------------------------------------

    /// The store as it was at a version (`3`), a [`Timestamp`], or a tag
    /// (`"release"`). O(1) by number, O(log versions) by time; reading an old version costs what
    /// reading the newest costs.
    ///
    /// # Errors
    ///
    /// [`TravelError`] if the version was never made or has expired, the moment lies in the
    /// future or before everything that is retained, or there is no such tag.
    pub fn at(&self, at: impl Into<At>) -> Result<Snapshot, TravelError> {
        self.shared.version_at(&at.into()).map(Snapshot::new)
    }

    /// The table that has this name now, in its state of this ordinal: 0 when it was created, one
    /// more for each commit to it. Found under whatever name it had then.
    /// O(log versions · log tables).
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such table, it never had that state, or it has expired.
    pub fn table_at_ordinal(
        &self,
        name: impl ToTableName,
        ordinal: u64,
    ) -> Result<Table, ReadError> {
        Ok(self.state_of(&self.table(name)?, ordinal)?)
    }

    /// The state of this ordinal of a table, which may be one of any version. Found under whatever
    /// name it had then. O(log versions · log tables).
    ///
    /// # Errors
    ///
    /// [`TravelError`] if the table had not had that state by then, or it has expired.
    pub fn state_of(&self, table: &Table, ordinal: u64) -> Result<Table, TravelError> {
        let head = self.shared.published.head();
        let (version, found) = head.timeline.at_ordinal(table.value(), ordinal)?;
        let names = found.lives().iter().rev();
        let name = names.map(|life| &life.name).find(|name| {
            version.catalog().table(name).is_some_and(|other| other.id() == found.id())
        });
        let name = name.unwrap_or_else(|| table.name()).clone();
        Ok(Table::of(version, name, Arc::clone(found)))
    }

    /// The records of all commits that are kept, newest first.
    pub fn history(&self) -> History {
        History::of(&self.shared.published.head().timeline)
    }

    /// The numbers of all versions that can be reached, oldest first.
    pub fn versions(&self) -> Vec<VersionId> {
        self.shared.published.head().timeline.versions().map(|version| version.id()).collect()
    }

    /// Gives a version an immutable name, which also keeps it from expiry. Makes no version.
    ///
    /// # Errors
    ///
    /// [`TagError`] if the name is no name or names another version, or the moment cannot be
    /// reached.
    pub fn tag(&self, tag: &str, at: impl Into<At>) -> Result<VersionId, TagError> {
        let (at, now) = (at.into(), self.shared.options.clock.now());
        self.shared.committer.change_timeline(&self.shared.published, |timeline, _| {
            let version = timeline.at(&at, now)?.id();
            timeline.tag(tag, version).map(|()| (version, Vec::new()))
        })
    }

    /// Removes a tag and returns the version that it named.
    ///
    /// # Errors
    ///
    /// [`TagError::NoTag`].
    pub fn untag(&self, tag: &str) -> Result<VersionId, TagError> {
        let change = |timeline: &mut Timeline, _: &mut Retention| {
            let (version, expired) = timeline.untag(tag)?;
            Ok((version, expired.into_iter().collect()))
        };
        self.shared.committer.change_timeline(&self.shared.published, change)
    }

    /// The tags and the versions that they name, in the order of the tags.
    pub fn tags(&self) -> Vec<(Arc<str>, VersionId)> {
        let head = self.shared.published.head();
        head.timeline.tags().map(|(tag, version)| (Arc::clone(tag), version)).collect()
    }

    /// What stays of the past.
    pub fn retention(&self) -> Retention {
        self.shared.published.head().retention
    }

    /// How many logical bytes are held by versions of the past alone: what the policy bounds by
    /// [`Retention::historical_bytes_max`]. O(1).
    pub fn historical_bytes(&self) -> u64 {
        self.shared.published.head().timeline.historical_bytes()
    }

    /// Expired versions that are not freed yet, and how many of these are held. They are freed on
    /// a thread of their own, soon after nobody holds them any more. O(these versions).
    pub fn awaiting_reclaim(&self) -> AwaitingReclaim {
        self.shared.committer.reclaim.awaiting()
    }

    /// Waits until everything is freed that has expired and that nobody holds, of this store and
    /// of stores that were dropped; at most for `timeout`. Returns whether it is.
    ///
    /// For programs and tests that look at how much memory is used. Nothing else needs it: what
    /// is read and written does not depend on what is freed. The owner of a buffer that calls this
    /// when the buffer is freed is told false at once, for its own end is waited for.
    pub fn settle(&self, timeout: Duration) -> bool {
        self.shared.committer.reclaim.settle(timeout)
    }

    /// A new store that begins with the newest version of this one. O(1): memory is shared, and
    /// each goes its own way from there. It has one version, which keeps its number.
    pub fn fork(&self) -> Self {
        self.fork_at(&self.shared.published.version())
    }

    /// A new store that begins with what `snapshot` shows; see [`fork`](Self::fork).
    pub fn fork_from(&self, snapshot: &Snapshot) -> Self {
        self.fork_at(snapshot.value())
    }

    fn fork_at(&self, version: &Version) -> Self {
        let origin = Some(Origin { version: version.id() });
        let (identity, version) = self.shared.identity.fork(version.clone());
        let options = self.shared.options.clone();
        Self::starting_at(version, options, self.retention(), identity, origin)
    }

    /// Where this store was forked from, if it was.
    pub fn origin(&self) -> Option<Origin> {
        self.shared.origin
    }

    // ---- transactions ---------------------------------------------------------------------

    /// Begins a transaction on the newest version. It changes nothing until it is committed.
    pub fn begin(&self) -> Transaction {
        Transaction::begin(Arc::clone(&self.shared), self.shared.published.version(), 0)
    }

    /// Begins a transaction on what `snapshot` shows: its commit is checked against everything
    /// that was committed since.
    pub fn begin_at(&self, snapshot: &Snapshot) -> Transaction {
        Transaction::begin(Arc::clone(&self.shared), Arc::clone(snapshot.value()), 0)
    }

    /// Runs `work` as a transaction and commits it; begins again from a fresh snapshot after a
    /// retryable conflict, with growing, jittered pauses, as often as the store allows.
    ///
    /// `work` may run several times and must have no effects but those on the transaction. If it
    /// returns an error or panics, nothing of it is visible and the store is as usable as before.
    ///
    /// # Errors
    ///
    /// Whatever `work` returns, or the [`CommitError`] of the last attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, WriteError, record_batch};
    ///
    /// let store = Store::in_memory();
    /// let done = store.transact(|tx| {
    ///     tx.write(record_batch!(("id", Int64, [1])).unwrap()).save_as_table("orders")?;
    ///     tx.write(record_batch!(("order", Int64, [1])).unwrap()).save_as_table("items")?;
    ///     Ok::<_, WriteError>(())
    /// })?;
    /// assert_eq!(done.committed.version().0, 1); // both tables, one version
    /// # Ok::<(), WriteError>(())
    /// ```
    #[track_caller]
    pub fn transact<T, E: From<CommitError>>(
        &self,
        work: impl FnMut(&mut Transaction) -> Result<T, E>,
    ) -> Result<Transacted<T>, E> {
        let may = |error: &CommitError| error.remedy() == Remedy::Retry;
        let (value, committed) =
            self.retrying(Location::caller(), work, may, |_| Remedy::Change)?;
        Ok(Transacted { value, committed })
    }

    /// Runs one operation as a transaction. As its decisions are made anew against each base,
    /// conflicts that it finds while it is staged count as reasons to begin again too.
    pub(crate) fn autocommit<T>(
        &self,
        location: &'static Location<'static>,
        work: impl FnMut(&mut Transaction) -> Result<T, WriteError>,
    ) -> Result<(T, Committed), WriteError> {
        // Even if what it was about is gone: what one operation comes to without it is for the
        // operation to say, be it another outcome or an error that names what is missing.
        let may = |error: &CommitError| error.conflict().is_some();
        self.retrying(location, work, may, |error: &WriteError| match error {
            // Only a stream that was converted already cannot be decided again.
            WriteError::Commit(_) => Remedy::Change,
            error => error.remedy(),
        })
    }

    fn retrying<T, E: From<CommitError>>(
        &self,
        location: &'static Location<'static>,
        mut work: impl FnMut(&mut Transaction) -> Result<T, E>,
        may_begin_again: impl Fn(&CommitError) -> bool,
        remedy: impl Fn(&E) -> Remedy,
    ) -> Result<(T, Committed), E> {
        let mut retries = 0;
        loop {
            let base = self.shared.published.version();
            let mut tx = Transaction::begin(Arc::clone(&self.shared), base, retries);
            let error = match work(&mut tx) {
                Ok(value) => match tx.commit_at(location) {
                    Ok(committed) => return Ok((value, committed)),
                    Err(error) if may_begin_again(&error) => E::from(error),
                    Err(error) => return Err(error.into()),
                },
                Err(error) if remedy(&error) == Remedy::Retry => error,
                Err(error) => return Err(error),
            };
            if retries >= self.shared.options.retries_max {
                return Err(error);
            }
            self.shared.counters.retried();
            pause(retries);
            retries += 1;
        }
    }

    fn change(
        &self,
        location: &'static Location<'static>,
        mut work: impl FnMut(&mut Transaction) -> Result<(), WriteError>,
    ) -> Result<Committed, WriteError> {
        // A closure cannot pass its caller on, so the methods of `Transaction` that it calls would
        // take a line of this file for the one that asked.
        let located = |tx: &mut Transaction| {
            tx.set_location(location);
            work(tx)
        };
        self.autocommit(location, located).map(|((), committed)| committed)
    }

    // ---- writing --------------------------------------------------------------------------

    /// Begins to write rows: batches in memory, or any [`Source`].
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.create_database("sales")?;
    /// let rows = record_batch!(("id", Int64, [1, 2]), ("item", Utf8, ["tea", "milk"]))?;
    /// store.write(rows).mode(SaveMode::Overwrite).save_as_table("sales.orders")?;
    /// assert_eq!(store.table("sales.orders")?.row_count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write<'a>(&'a self, rows: impl Into<Source<'a>>) -> Writer<'a> {
        Writer::new(Target::Store(self), rows.into())
    }

    /// Begins to take rows that come one batch at a time, such as those of an asynchronous query,
    /// into the form that this store keeps them in. Nothing is written before they are given to
    /// [`write`](Self::write); then as one write, which copies nothing if the columns are those of
    /// the table.
    ///
    /// Of small batches no more than 64 Ki rows are kept beside the chunks that they are copied into
    /// ([`ChunkSize`](crate::ChunkSize)), or so many per partition.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// let first = record_batch!(("n", Int64, [1, 2]))?;
    /// let mut gathering = store.gather(first.schema());
    /// gathering.push(first)?;
    /// gathering.push(record_batch!(("n", Int64, [3]))?)?;
    /// store.write(gathering.finish()?).save_as_table("t")?;
    /// assert_eq!(store.table("t")?.row_count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gather(&self, schema: SchemaRef) -> Gathering {
        Gathering::new(schema, self.shared().options.chunk_size)
    }
}

/// Lets others go first: longer with every try, and not in step with them.
fn pause(retries: u32) {
    if retries < 3 {
        thread::yield_now();
        return;
    }
    let micros_max = 50_u64 << retries.min(8);
    thread::sleep(Duration::from_micros(any_number() % micros_max));
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("version", &self.version()).finish_non_exhaustive()
    }
}
