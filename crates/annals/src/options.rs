//! How a store is made.

use std::sync::Arc;

use annals_state::commit::Isolation;
use annals_state::timeline::Retention;
use annals_state::{Timestamp, Version, VersionId};

use crate::clock::Clock;
use crate::cutter::ChunkSize;
use crate::identity::Identity;
use crate::store::Store;
use crate::testing::Refusals;

/// Choices that hold for the life of a store.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) create_missing_databases: bool,
    pub(crate) isolation: Isolation,
    pub(crate) retries_max: u32,
    pub(crate) chunk_size: ChunkSize,
    pub(crate) clock: Clock,
    pub(crate) reclaim_bytes_max: u64,
    pub(crate) refusals: Option<Refusals>,
}

/// Makes a [`Store`].
///
/// # Examples
///
/// ```
/// use annals::{Retention, StoreBuilder};
///
/// let store = StoreBuilder::new()
///     .create_missing_databases(true)
///     .retention(Retention { versions_max: 100, ..Retention::default() })
///     .build();
/// store.write(annals::record_batch!(("n", Int64, [1, 2]))?).save_as_table("new_db.t")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until build is called"]
pub struct StoreBuilder {
    options: Options,
    retention: Retention,
}

impl Default for StoreBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreBuilder {
    /// The defaults: Spark's behaviour for missing databases, snapshot isolation, 64 retries.
    pub fn new() -> Self {
        let options = Options {
            create_missing_databases: false,
            isolation: Isolation::Snapshot,
            retries_max: 64,
            chunk_size: ChunkSize::default(),
            clock: Clock::System,
            reclaim_bytes_max: crate::reclaim::BYTES_MAX,
            refusals: None,
        };
        Self { options, retention: Retention::default() }
    }

    /// Whether a save or a create makes the database that it needs, in the same commit. Off by
    /// default, as in Spark: the database must exist.
    pub fn create_missing_databases(mut self, create: bool) -> Self {
        self.options.create_missing_databases = create;
        self
    }

    /// What transactions are protected from unless they say otherwise.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.options.isolation = isolation;
        self
    }

    /// How often work is begun again because of a conflict before that is returned.
    pub fn retries_max(mut self, retries: u32) -> Self {
        self.options.retries_max = retries;
        self
    }

    /// The bounds on the size of chunks.
    pub fn chunk_size(mut self, size: ChunkSize) -> Self {
        self.options.chunk_size = size;
        self
    }

    /// What stays of the past.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How many logical bytes of versions that have expired, and that nobody holds, may wait to be
    /// freed; 256 MiB by default. While it is more, or more than 16,384 versions, each commit that
    /// expires some also frees some: at most 16 slices of 1,024 chunks or versions.
    pub fn reclaim_bytes_max(mut self, bytes: u64) -> Self {
        self.options.reclaim_bytes_max = bytes;
        self
    }

    /// Takes the time from `clock`, for tests. It is called outside the commit section, may go
    /// back, and must not call the store.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.options.clock = Clock::Custom(Arc::new(clock));
        self
    }

    /// Refuses the commits that `refusals` says, for tests of what a program does then.
    pub fn refusals(mut self, refusals: &Refusals) -> Self {
        self.options.refusals = Some(refusals.clone());
        self
    }

    /// Makes an empty store in memory.
    pub fn build(self) -> Store {
        self.build_at(VersionId::ZERO)
    }

    /// A store that begins with a copy of `version`, whose caller holds it: for work that ends with
    /// it. A copy, for two stores that have one value would each wait for the other to let it go.
    pub(crate) fn build_on(self, version: &Version) -> Store {
        let version = Arc::new(version.clone());
        let identity = Identity::new(version.id());
        Store::starting_at(version, self.options, self.retention, identity, None)
    }

    /// Makes an empty store in memory whose first version has this number, to go on where the
    /// numbers of another store ended.
    pub fn build_at(self, first: VersionId) -> Store {
        let identity = Identity::new(first);
        let initial = Version::initial(self.options.clock.now()).of_store(Some(identity.store()));
        let version = if first == VersionId::ZERO {
            initial
        } else {
            let catalog = initial.catalog().clone();
            initial.speculative(first, catalog).of_store(initial.store())
        };
        Store::starting_at(Arc::new(version), self.options, self.retention, identity, None)
    }
}
