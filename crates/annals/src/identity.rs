//! Which store a version belongs to.
//!
//! Every store counts its versions from where it began, so a number says nothing of the store. A
//! version therefore carries the id of the store that published it, and a store knows its own and
//! those of the stores that it was forked from, each up to the version at which it was left.
//!
//! **Invariant:** two stores of a process never have the same id, and those of two processes have
//! the same one by chance only, once in 2⁶⁴.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use annals_state::version::StoreId;
use annals_state::{Version, VersionId};

use crate::sync::uncoupled::{AtomicU64, OnceLock, Ordering};

/// Who a store is, and whom it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    store: StoreId,
    /// The number of the version that it began with.
    first: VersionId,
    /// The stores that it was forked from, eldest first, with the last version of each that it
    /// has in its past.
    ancestors: Arc<[(StoreId, VersionId)]>,
}

impl Identity {
    /// That of a new store whose first version has this number.
    pub(crate) fn new(first: VersionId) -> Self {
        Self { store: fresh(), first, ancestors: Arc::default() }
    }

    /// That of a store that begins with a copy of `version`, and the version to begin with: that
    /// copy, or what belongs to the new store where it never belonged to one. A value of its own,
    /// for each store frees what is its own.
    ///
    /// A version of neither this store nor its past is the only one that is known of its store.
    pub(crate) fn fork(&self, version: Version) -> (Self, Arc<Version>) {
        let first = version.id();
        let Some(of) = version.store() else {
            let identity = Self::new(first);
            let version = version.of_store(Some(identity.store));
            return (identity, Arc::new(version));
        };
        let elder = match self.ancestors.iter().position(|(store, _)| *store == of) {
            Some(index) => &self.ancestors[..index],
            None if of == self.store => &self.ancestors[..],
            None => &[],
        };
        let ancestors = elder.iter().copied().chain([(of, first)]).collect();
        (Self { store: fresh(), first, ancestors }, Arc::new(version))
    }

    /// The store's id.
    pub(crate) fn store(&self) -> StoreId {
        self.store
    }

    /// The number of the version that the store began with.
    pub(crate) fn first(&self) -> VersionId {
        self.first
    }

    /// Whether `version` was published in this store, or is in the past of the store that this
    /// one was forked from. The caller knows that the store has had a version of that number.
    pub(crate) fn descends_from(&self, version: &Version) -> bool {
        let Some(of) = version.store() else { return false };
        let is_past = |(store, last): &(StoreId, VersionId)| *store == of && version.id() <= *last;
        of == self.store || self.ancestors.iter().any(is_past)
    }
}

/// An id that no other store has.
fn fresh() -> StoreId {
    static SEED: OnceLock<u64> = OnceLock::new();
    static MADE: AtomicU64 = AtomicU64::new(0);
    // A random state is seeded by the system.
    let seed = SEED.get_or_init(|| RandomState::new().build_hasher().finish());
    // ORDERING: only that no two get the same number matters.
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    // An odd factor takes different numbers to different ids, and far apart: two processes whose
    // seeds are close do not walk through the same ids.
    StoreId(seed.wrapping_add(made.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use annals_state::Timestamp;

    use super::*;

    fn version(identity: &Identity, number: u64) -> Arc<Version> {
        let initial = Version::initial(Timestamp(0));
        let version = initial.speculative(VersionId(number), initial.catalog().clone());
        Arc::new(version.of_store(Some(identity.store())))
    }

    #[test]
    fn no_two_stores_have_the_same_id() {
        let ids: HashSet<StoreId> = (0..10_000).map(|_| fresh()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn a_fork_descends_from_its_origin_up_to_where_it_left() {
        let origin = Identity::new(VersionId::ZERO);
        let (fork, first) = origin.fork(Version::clone(&version(&origin, 5)));
        assert_eq!(first.store(), Some(origin.store()));
        let (second, _) = fork.fork(Version::clone(&version(&fork, 8)));
        let (back, _) = fork.fork(Version::clone(&version(&origin, 3)));
        let of_origin = [3, 5, 6].map(|number| version(&origin, number));
        let of_fork = [6, 8, 9].map(|number| version(&fork, number));
        let descends = |from: &Identity, versions: &[Arc<Version>; 3]| {
            versions.each_ref().map(|version| from.descends_from(version))
        };
        assert_eq!(descends(&origin, &of_origin), [true; 3]);
        assert_eq!(descends(&origin, &of_fork), [false; 3]);
        assert_eq!(descends(&fork, &of_origin), [true, true, false]);
        assert_eq!(descends(&fork, &of_fork), [true; 3]);
        assert_eq!(descends(&second, &of_origin), [true, true, false]);
        assert_eq!(descends(&second, &of_fork), [true, true, false]);
        assert_eq!(descends(&back, &of_origin), [true, false, false]);
        assert_eq!(descends(&back, &of_fork), [false; 3]);
    }

    #[test]
    fn a_fork_of_what_was_never_published_owns_its_first_version() {
        let origin = Identity::new(VersionId::ZERO);
        let speculative = Arc::new(Version::clone(&version(&origin, 5)).of_store(None));
        let (fork, first) = origin.fork(Version::clone(&speculative));
        assert_eq!(first.store(), Some(fork.store()));
        assert!(fork.descends_from(&first) && !origin.descends_from(&first));
        assert!(!fork.descends_from(&speculative));
    }
}
