//! The retained versions, in order; how time travel finds one; and which of them expire.
//!
//! The newest versions are a dense window, in a persistent run: adding one, expiring one and
//! finding one cost the same however many are retained. Versions below the window are kept only
//! while a tag names them. Commit records outlive the data under a bound of their own.
//!
//! **Rule:** expiry is a function of the timeline, a policy and a moment; it reads no clock. The
//! newest version never expires, nor does a tagged one.

mod holdings;
mod lifetimes;
mod retention;

use std::fmt;
use std::sync::Arc;

use im::{OrdMap, OrdSet};

pub use self::holdings::{Holding, Holdings, Leftover};
pub use self::retention::Retention;
use crate::commit::{Commit, OperationKind};
use crate::expired::{Expired, entries_removed};
use crate::name::shorten;
use crate::run::Run;
use crate::table::{TableId, TableVersion};
use crate::version::{Timestamp, Version, VersionId};

/// The retained versions of a store, its tags, and the records of its commits.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Versions `first ..= newest`, dense.
    window: Run<Slot>,
    first: VersionId,
    /// Versions below the window that a tag names.
    kept: OrdMap<VersionId, Arc<Version>>,
    tags: OrdMap<Arc<str>, VersionId>,
    tagged: OrdMap<VersionId, u32>,
    /// Records of the versions `first_record ..= newest`, dense; version 0 and the origin of a
    /// fork have none.
    records: Run<Arc<Commit>>,
    /// Versions of the window that put older states back, and so may have brought back chunks
    /// that the version before had not.
    restores: OrdSet<VersionId>,
    /// When the version after the first of the window was committed, if there is one: kept here
    /// so that asking whether something is due need not look into versions that nobody has
    /// touched for long.
    first_superseded: Option<Timestamp>,
    /// Logical bytes of chunks that versions of the window hold and the newest does not.
    historical_bytes: u64,
}

/// A version in the window.
#[derive(Clone, Debug)]
struct Slot {
    version: Arc<Version>,
    /// Logical bytes of chunks that the version before had and it has not: kept here so that expiry need not
    /// look into versions that nobody has touched for long.
    bytes_removed: u64,
    /// How many entries at most the version before had and it has not, likewise.
    entries_removed: u64,
}

/// Commit records, dense, as a value.
#[derive(Clone, Debug)]
pub struct Records(Run<Arc<Commit>>);

impl Records {
    /// The records, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Commit>> {
        self.0.iter()
    }

    /// The record of the commit that made `version`, if it is kept. O(1).
    pub fn get(&self, version: VersionId) -> Option<&Arc<Commit>> {
        let index = version.0.checked_sub(self.0.front()?.version.0)?;
        self.0.get(usize::try_from(index).ok()?)
    }
}

/// A moment in the life of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// The newest version.
    Latest,
    /// The version of this number.
    Version(VersionId),
    /// The newest version that was committed at this moment or before.
    Timestamp(Timestamp),
    /// The version of this tag.
    Tag(Arc<str>),
}

impl From<VersionId> for At {
    fn from(version: VersionId) -> Self {
        Self::Version(version)
    }
}

impl From<u64> for At {
    fn from(version: u64) -> Self {
        Self::Version(VersionId(version))
    }
}

impl From<Timestamp> for At {
    fn from(timestamp: Timestamp) -> Self {
        Self::Timestamp(timestamp)
    }
}

impl From<&str> for At {
    fn from(tag: &str) -> Self {
        Self::Tag(tag.into())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Version(version) => write!(f, "{version}"),
            Self::Timestamp(timestamp) => write!(f, "{timestamp}"),
            Self::Tag(tag) => write!(f, "tag `{}`", shorten(tag)),
        }
    }
}

/// Why there is nothing to travel to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TravelError {
    /// The version was never made.
    #[error("{asked} does not exist; the newest version is {newest}")]
    NoVersion {
        /// The version asked for.
        asked: VersionId,
        /// The newest one.
        newest: VersionId,
    },

    /// The version was there and is no longer retained.
    #[error(
        "{asked} has expired; the oldest version still retained is {oldest}; tag a version to keep it"
    )]
    Expired {
        /// The version asked for.
        asked: VersionId,
        /// The oldest one of the dense range that is retained.
        oldest: VersionId,
    },

    /// The moment lies before the oldest retained version.
    #[error("nothing is retained from {asked}; the oldest version, {oldest}, is from {since}")]
    TooEarly {
        /// The moment asked for.
        asked: Timestamp,
        /// The oldest retained version.
        oldest: VersionId,
        /// When it was committed.
        since: Timestamp,
    },

    /// The moment lies in the future.
    #[error("{asked} is in the future; it is {now}")]
    Future {
        /// The moment asked for.
        asked: Timestamp,
        /// The later of the clock and the newest version's timestamp.
        now: Timestamp,
    },

    /// No version has this tag.
    #[error("no version is tagged `{}`", shorten(.tag))]
    NoTag {
        /// The tag asked for.
        tag: Arc<str>,
    },

    /// The table never had so many states.
    #[error("the table has no state {asked}; its newest is {newest}")]
    NoOrdinal {
        /// The ordinal asked for.
        asked: u64,
        /// The newest one.
        newest: u64,
    },

    /// The table had that state, and no retained version holds it.
    #[error("state {asked} of the table has expired")]
    OrdinalExpired {
        /// The ordinal asked for.
        asked: u64,
    },
}

/// Why a tag cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// The tag names another version.
    #[error("the tag `{}` names {version} already; tags are immutable, remove it first", shorten(.tag))]
    Exists {
        /// The tag.
        tag: Arc<str>,
        /// The version that it names.
        version: VersionId,
    },

    /// No version has this tag.
    #[error("no version is tagged `{}`", shorten(.tag))]
    NoTag {
        /// The tag.
        tag: Arc<str>,
    },

    /// The text is empty, longer than 1,024 bytes or contains a control character.
    #[error("{:?} cannot be a tag: {reason}", shorten(.tag))]
    Invalid {
        /// The text.
        tag: Arc<str>,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The version to tag cannot be reached.
    #[error(transparent)]
    Travel(#[from] TravelError),
}

impl Timeline {
    /// A timeline of one version, without a past.
    pub fn starting_at(version: Arc<Version>) -> Self {
        let mut window = Run::new();
        let first = version.id();
        window.push_back(Slot { version, bytes_removed: 0, entries_removed: 0 });
        Self {
            first,
            window,
            kept: OrdMap::new(),
            tags: OrdMap::new(),
            tagged: OrdMap::new(),
            records: Run::new(),
            restores: OrdSet::new(),
            first_superseded: None,
            historical_bytes: 0,
        }
    }

    /// The newest version.
    pub fn newest(&self) -> &Arc<Version> {
        &self.window.back().expect("the newest version never expires").version
    }

    /// The oldest version of the dense window.
    pub fn first(&self) -> VersionId {
        self.first
    }

    /// The oldest version that can be reached at all, by a tag if need be.
    pub fn oldest_reachable(&self) -> VersionId {
        self.kept.get_min().map_or(self.first, |(version, _)| *version)
    }

    /// How many versions can be reached.
    pub fn len(&self) -> usize {
        self.window.len() + self.kept.len()
    }

    /// Never: the newest version is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// All versions that can be reached, oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &Arc<Version>> {
        self.kept.values().chain(self.window.iter().map(|slot| &slot.version))
    }

    /// The commit records that are kept, dense up to the newest version's. O(1).
    pub fn records(&self) -> Records {
        Records(self.records.clone())
    }

    /// How many commit records are kept.
    pub fn records_count(&self) -> usize {
        self.records.len()
    }

    /// The record of the commit that made `version`, if it is kept. O(1).
    pub fn record(&self, version: VersionId) -> Option<&Arc<Commit>> {
        let first = self.records.front()?.version;
        let index = version.0.checked_sub(first.0)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// When `version` ceased to be the newest: the timestamp of its successor. None for the newest
    /// version, and for one whose successor has expired and left no record.
    pub fn superseded(&self, version: VersionId) -> Option<Timestamp> {
        let next = version.next()?;
        match self.at_version(next) {
            Ok(next) => Some(next.timestamp()),
            Err(_) => self.record(next).map(|commit| commit.timestamp),
        }
    }

    /// The tags, by name.
    pub fn tags(&self) -> impl Iterator<Item = (&Arc<str>, VersionId)> {
        self.tags.iter().map(|(tag, version)| (tag, *version))
    }

    /// Logical bytes of chunks that untagged retained versions hold and the newest does not.
    /// Counted per chunk, in time proportional to each change; a chunk that a restore brought
    /// back counts until the version that had dropped it expires.
    pub fn historical_bytes(&self) -> u64 {
        self.historical_bytes
    }

    fn in_window(&self, index: usize) -> Option<&Arc<Version>> {
        self.window.get(index).map(|slot| &slot.version)
    }

    /// The version of this number. O(1), for tagged versions below the window O(log tags).
    ///
    /// # Errors
    ///
    /// [`TravelError::NoVersion`] or [`TravelError::Expired`].
    pub fn at_version(&self, asked: VersionId) -> Result<&Arc<Version>, TravelError> {
        let newest = self.newest().id();
        if asked > newest {
            return Err(TravelError::NoVersion { asked, newest });
        }
        let version = match asked.0.checked_sub(self.first.0) {
            Some(index) => usize::try_from(index).ok().and_then(|index| self.in_window(index)),
            None => self.kept.get(&asked),
        };
        version.ok_or(TravelError::Expired { asked, oldest: self.first })
    }

    /// The newest version committed at `asked` or before. O(log versions).
    ///
    /// # Errors
    ///
    /// [`TravelError::Future`] if `asked` lies after `now` and after the newest version;
    /// [`TravelError::TooEarly`] if it lies before the oldest retained version, or in a part of
    /// the past of which only tagged versions are left.
    pub fn at_timestamp(
        &self,
        asked: Timestamp,
        now: Timestamp,
    ) -> Result<&Arc<Version>, TravelError> {
        let now = now.max(self.newest().timestamp());
        if asked > now {
            return Err(TravelError::Future { asked, now });
        }
        let after = partition_point(self.window.len(), |index| {
            self.in_window(index).is_some_and(|version| version.timestamp() <= asked)
        });
        if let Some(version) = after.checked_sub(1).and_then(|index| self.in_window(index)) {
            return Ok(version);
        }
        // Which version was current then is known only if the next one is kept too.
        let before = self.kept.values().rev().find(|version| version.timestamp() <= asked);
        let next_is_kept = |version: &&Arc<Version>| {
            version
                .id()
                .next()
                .is_some_and(|next| next == self.first || self.kept.contains_key(&next))
        };
        let oldest = self.in_window(0).unwrap_or_else(|| self.newest());
        before.filter(next_is_kept).ok_or_else(|| TravelError::TooEarly {
            asked,
            oldest: oldest.id(),
            since: oldest.timestamp(),
        })
    }

    /// The version at a moment given in any way.
    ///
    /// # Errors
    ///
    /// [`TravelError`] as of the function for that way.
    pub fn at(&self, at: &At, now: Timestamp) -> Result<&Arc<Version>, TravelError> {
        match at {
            At::Latest => Ok(self.newest()),
            At::Version(version) => self.at_version(*version),
            At::Timestamp(timestamp) => self.at_timestamp(*timestamp, now),
            At::Tag(tag) => {
                let version = self.tags.get(tag);
                self.at_version(*version.ok_or(TravelError::NoTag { tag: Arc::clone(tag) })?)
            }
        }
    }

    /// The first retained version that holds state `asked` of the table that `table` is a state
    /// of, and that state. Found by bisection over the span of versions in which the table had
    /// one name: O(log versions · log tables).
    ///
    /// # Errors
    ///
    /// [`TravelError::NoOrdinal`] or [`TravelError::OrdinalExpired`].
    pub fn at_ordinal(
        &self,
        table: &TableVersion,
        asked: u64,
    ) -> Result<(&Arc<Version>, &Arc<TableVersion>), TravelError> {
        if asked > table.ordinal() {
            return Err(TravelError::NoOrdinal { asked, newest: table.ordinal() });
        }
        let expired = TravelError::OrdinalExpired { asked };
        let lives = table.lives();
        let life = lives.iter().rposition(|life| life.from_ordinal <= asked);
        let life = &lives[life.ok_or_else(|| expired.clone())?];
        let state_in = |version: &Arc<Version>, id: TableId| {
            let table = version.catalog().table(&life.name);
            table.filter(|table| table.id() == id).cloned()
        };
        // Both ends belong to the span: there may be no number after the newest version's.
        let newest = self.newest().id().0;
        let last = life.until.map_or(newest, |until| (until.0 - 1).min(newest));
        let from = life.from.max(self.first);
        let count = last
            .checked_sub(from.0)
            .map_or(0, |more| usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1));
        let version = |index: usize| self.at_version(VersionId(from.0 + index as u64)).ok();
        let found = partition_point(count, |index| {
            let table = version(index).and_then(|version| state_in(version, table.id()));
            table.is_some_and(|table| table.ordinal() < asked)
        });
        let in_window = if found < count { version(found) } else { None };
        // Tagged versions below the window are few.
        let in_kept = self.kept.range(life.from..).map(|(_, version)| version);
        for version in in_kept.chain(in_window) {
            let Some(found) = version.catalog().table(&life.name) else { continue };
            if found.id() == table.id() && found.ordinal() == asked {
                return Ok((version, found));
            }
        }
        Err(expired)
    }

    /// Adds the version that the newest one led to.
    pub fn push(&mut self, version: Arc<Version>) {
        let (mut bytes_removed, mut entries_removed) = (0, 0);
        if let Some(commit) = version.commit() {
            bytes_removed = superseded_bytes(self.newest(), &version);
            entries_removed = self::entries_removed(commit);
            self.records.push_back(Arc::clone(commit));
            if commit.operations.iter().any(|operation| puts_back(&operation.kind)) {
                self.restores.insert(version.id());
            }
        }
        self.historical_bytes += bytes_removed;
        self.first_superseded.get_or_insert(version.timestamp());
        self.window.push_back(Slot { version, bytes_removed, entries_removed });
    }

    /// Gives `version` an immutable name, which also protects it from expiry. Repeating a tag of
    /// the same version does nothing.
    ///
    /// # Errors
    ///
    /// [`TagError`] if the name is no name or taken, or the version cannot be reached.
    pub fn tag(&mut self, tag: &str, version: VersionId) -> Result<(), TagError> {
        let tag: Arc<str> = tag.into();
        let invalid = |reason| TagError::Invalid { tag: Arc::clone(&tag), reason };
        if tag.is_empty() {
            return Err(invalid("it is empty"));
        }
        if tag.len() > crate::name::NAME_BYTES_MAX {
            return Err(invalid("it is longer than 1024 bytes"));
        }
        if tag.chars().any(char::is_control) {
            return Err(invalid("it contains a control character"));
        }
        self.at_version(version)?;
        match self.tags.get(&tag) {
            Some(present) if *present == version => return Ok(()),
            Some(present) => return Err(TagError::Exists { tag, version: *present }),
            None => {}
        }
        self.tags.insert(tag, version);
        *self.tagged.entry(version).or_insert(0) += 1;
        Ok(())
    }

    /// Removes a tag and returns the version that it named. A version below the window that no
    /// other tag names can no longer be reached; it is returned too.
    ///
    /// # Errors
    ///
    /// [`TagError::NoTag`].
    pub fn untag(&mut self, tag: &str) -> Result<(VersionId, Option<Expired>), TagError> {
        let version = self.tags.remove(tag).ok_or_else(|| TagError::NoTag { tag: tag.into() })?;
        let others = self.tagged.get(&version).map_or(0, |tags| tags - 1);
        if others == 0 {
            self.tagged.remove(&version);
            return Ok((version, self.kept.remove(&version).map(Expired::unknown)));
        }
        self.tagged.insert(version, others);
        Ok((version, None))
    }
}

/// Bytes of chunks that `before` has and its successor does not.
///
/// Of a commit of one operation the record tells. One of several may have taken away what it
/// brought itself, which no version ever held: O(what differs).
fn superseded_bytes(before: &Version, successor: &Version) -> u64 {
    let Some(commit) = successor.commit() else { return 0 };
    if commit.operations.len() == 1 {
        return commit.metrics().bytes_removed;
    }
    let mut bytes = 0;
    lifetimes::each_change(before, successor, |entry| bytes += entry.chunk().bytes(), |_| {});
    bytes
}

/// Whether an operation may bring back chunks that were gone: no other does.
fn puts_back(kind: &OperationKind) -> bool {
    matches!(kind, OperationKind::RestoreTable { .. } | OperationKind::RestoreStore { .. })
}

/// The first index in `0..len` for which `before` is false; `before` is true, then false.
fn partition_point(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests;
