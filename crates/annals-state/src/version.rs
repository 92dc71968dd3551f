//! One committed state of the whole store.
//!
//! A [`Version`] is a value: built once and never changed. Two versions share every table that
//! the commit between them left alone, so a successor costs memory in proportion to the change
//! and not to the store. A version never reaches its predecessor or a timeline: else a pinned
//! version would keep every older one alive.
//!
//! **Invariant:** nothing in this crate reads a clock, a file or a random number. That is what
//! lets recovery rebuild, and tests predict, exactly the state that a commit published.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::catalog::{Catalog, Database};
use crate::commit::Commit;
use crate::name::DatabaseName;

/// The place of a version in the one order of all commits. The empty store is version 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub u64);

impl VersionId {
    /// The store with only the database `default`.
    pub const ZERO: Self = Self(0);

    /// The next version; none at the end of all numbers.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl From<u64> for VersionId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the microsecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(moment) => f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{} µs", self.0),
        }
    }
}

/// Which store a version was published in. A number alone does not tell: every store counts from 0.
///
/// Made above this crate, for it has to differ from that of any other store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(pub u64);

/// One committed state of the whole store.
#[derive(Clone, Debug)]
pub struct Version {
    id: VersionId,
    store: Option<StoreId>,
    timestamp: Timestamp,
    catalog: Catalog,
    commit: Option<Arc<Commit>>,
    /// Of one that was not published, the published one that it shares its tables with: whoever
    /// holds the former holds the latter. Let go of last.
    holds: Option<Arc<Self>>,
}

impl Version {
    /// Version 0: the database `default` and no table.
    pub fn initial(timestamp: Timestamp) -> Self {
        let name = DatabaseName::default();
        let mut catalog = Catalog::default();
        catalog.databases.insert(name.clone(), Arc::new(Database::new(name, VersionId::ZERO)));
        Self { id: VersionId::ZERO, store: None, timestamp, catalog, commit: None, holds: None }
    }

    /// The version that `commit` made, with the content that it led to.
    ///
    /// `oldest_retained` is the oldest version that time travel can still reach; what only older
    /// ones could need is forgotten.
    pub fn committed(
        commit: Arc<Commit>,
        mut catalog: Catalog,
        oldest_retained: VersionId,
    ) -> Self {
        catalog.forget_departures(oldest_retained);
        let (id, timestamp) = (commit.version, commit.timestamp);
        Self { id, store: None, timestamp, catalog, commit: Some(commit), holds: None }
    }

    /// The content of a transaction that has not been committed, as version `id`.
    pub fn speculative(&self, id: VersionId, catalog: Catalog) -> Self {
        Self { id, store: None, timestamp: self.timestamp, catalog, commit: None, holds: None }
    }

    /// As [`speculative`](Self::speculative), to be kept for longer than this is: it holds this
    /// version, or, if this was not published either, the one that this holds. So a long row of
    /// them does not become a long chain.
    pub fn speculative_holding(self: &Arc<Self>, id: VersionId, catalog: Catalog) -> Self {
        let holds = self.holds.as_ref().unwrap_or(self);
        Self { holds: Some(Arc::clone(holds)), ..self.speculative(id, catalog) }
    }

    /// The same, as a version of `store`, or of none. What belongs to a store holds no other.
    #[must_use]
    pub fn of_store(self, store: Option<StoreId>) -> Self {
        let holds = self.holds.filter(|_| store.is_none());
        Self { store, holds, ..self }
    }

    /// The store that it was published in; none for one that never was, whose number is then
    /// only what it would have got. Store and number together are one version and no other.
    pub fn store(&self) -> Option<StoreId> {
        self.store
    }

    /// The place in the order of commits.
    #[inline]
    pub fn id(&self) -> VersionId {
        self.id
    }

    /// When it was committed. Strictly increasing from version to version.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The databases and tables.
    #[inline]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The databases and tables, of a version that is no longer needed.
    pub(crate) fn into_catalog(self) -> Catalog {
        self.catalog
    }

    /// Whether both are one version: one value, or a copy of it that a fork has.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.timestamp == other.timestamp
            && self.catalog.is_same(&other.catalog)
    }

    /// The record of the commit that made it; none for version 0 and speculative versions.
    pub fn commit(&self) -> Option<&Arc<Commit>> {
        self.commit.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_transaction_holds_the_version_that_was_published() {
        let published = Arc::new(Version::initial(Timestamp(0)));
        let of = |base: &Arc<Version>, id| {
            Arc::new(base.speculative_holding(VersionId(id), base.catalog().clone()))
        };
        let first = of(&published, 1);
        let second = of(&first, 2);
        assert_eq!(Arc::strong_count(&published), 3);
        assert_eq!(Arc::strong_count(&first), 1, "no chain");
        drop((first, second));
        assert_eq!(Arc::strong_count(&published), 1);
    }
}
