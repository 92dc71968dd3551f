//! Who holds which version: counted for all, named for those who give their name.
//!
//! A plain snapshot registers nothing, for it must cost one reference count and no more. So holds
//! are counted by the references to a version, less the store's own. [`Store::pin`] is for those
//! who mean to hold on for long: it also notes a label, where and when.
//!
//! **Rule:** the store's own references are one for each version that the timeline can reach, and
//! one more for the newest, which the head names. Whoever keeps versions elsewhere has to be told
//! of in [`holders`]' `own`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::{Arc, Weak};

use annals_state::commit::SourceLocation;
use annals_state::timeline::{At, Timeline};
use annals_state::{Timestamp, Version, VersionId};
use arrow_array::builder::{
    BooleanBuilder, StringBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::committer::thread_name;
use crate::error::TravelError;
use crate::history::UTC;
use crate::process::PerProcess;
use crate::snapshot::Snapshot;
use crate::store::{Shared, Store};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// How many hold `version`, beside `own` references of the store's. Of a moment: while heads are
/// exchanged, it may be too high.
pub(crate) fn holders(version: &Arc<Version>, own: usize) -> usize {
    Arc::strong_count(version).saturating_sub(own)
}

/// The expired versions that somebody holds, in the order of their numbers. Not to be kept: it
/// holds them too.
pub(crate) fn expired_and_held(shared: &Shared) -> Vec<Arc<Version>> {
    // One reference is the reclaim list's, the other the one that is returned.
    let mut versions = shared.committer.reclaim.held();
    versions.retain(|version| holders(version, 2) > 0);
    versions
}

/// A version that is held by others than the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The version.
    pub version: VersionId,
    /// When it was committed.
    pub timestamp: Timestamp,
    /// Since when it is no longer the newest. None for the newest, and where that is forgotten:
    /// the next version and its commit record are gone.
    pub superseded: Option<Timestamp>,
    /// Whether it can still be reached, by its number or a tag.
    pub retained: bool,
    /// How many references to it there are beside the store's. A snapshot, table, scan or reader
    /// is one; a transaction is two, and one more for each table that it handed out.
    pub holders: usize,
    /// Logical bytes that it has and no version that can be reached does: 0 while it is retained.
    /// Two versions that have a chunk count it both.
    pub bytes: u64,
    /// What is known of holders that registered, oldest first.
    pub labels: Vec<PinLabel>,
}

/// Who holds a version, and since when: of a holder that registered by [`Store::pin`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinLabel {
    /// What the holder called it.
    pub label: Arc<str>,
    /// Where it was asked for.
    pub location: SourceLocation,
    /// When.
    pub since: Timestamp,
    /// The name of the thread that asked for it, if it has one.
    pub thread: Option<Arc<str>>,
}

impl fmt::Display for PinLabel {
    /// `label (file:line:column, since, thread)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, location, since, thread } = self;
        write!(f, "{label} ({location}, {since}")?;
        thread.iter().try_for_each(|thread| write!(f, ", {thread}"))?;
        f.write_str(")")
    }
}

/// The versions that others than the store hold, oldest first. A value of the moment in which it
/// was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

impl Deref for Pins {
    type Target = [Pin];

    fn deref(&self) -> &[Pin] {
        &self.0
    }
}

impl IntoIterator for Pins {
    type Item = Pin;
    type IntoIter = std::vec::IntoIter<Pin>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What holders said of themselves, by the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct PinRegistry {
    pins: PerProcess<Mutex<Registered>>,
}

#[derive(Debug, Default)]
struct Registered {
    next: u64,
    labels: BTreeMap<u64, (Weak<Version>, PinLabel)>,
}

/// A version that has labels, held, and these.
type Labelled = (Arc<Version>, Vec<PinLabel>);

impl PinRegistry {
    fn register(&self, version: &Arc<Version>, label: PinLabel) -> u64 {
        let mut pins = self.lock();
        let key = pins.next;
        pins.next += 1;
        pins.labels.insert(key, (Arc::downgrade(version), label));
        key
    }

    fn by_version(&self) -> BTreeMap<VersionId, Labelled> {
        let mut by_version: BTreeMap<VersionId, Labelled> = BTreeMap::new();
        for (version, label) in self.lock().labels.values() {
            // The holder lets go of it after its label: so this is not one that is being freed.
            let Some(version) = version.upgrade() else { continue };
            let entry = by_version.entry(version.id()).or_insert_with(|| (version, Vec::new()));
            entry.1.push(label.clone());
        }
        by_version
    }

    /// No user code runs inside.
    fn lock(&self) -> MutexGuard<'_, Registered> {
        let pins = self.pins.here(|parents| {
            // If it is held by a thread that is not here, what was registered cannot be known.
            let known = parents.try_lock().map(|mut pins| std::mem::take(&mut *pins));
            Mutex::new(known.unwrap_or_default())
        });
        pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot whose holder is on record, until it is dropped; see [`Store::pin`].
///
/// It reads as the [`Snapshot`] that it is. A clone of that is a plain snapshot.
#[derive(Debug)]
#[must_use = "a pin that is dropped holds nothing"]
pub struct PinnedSnapshot {
    snapshot: Snapshot,
    /// Not the store: a pin keeps one version alive, not all of them.
    registry: Arc<PinRegistry>,
    key: u64,
}

impl Deref for PinnedSnapshot {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Drop for PinnedSnapshot {
    fn drop(&mut self) {
        self.registry.lock().labels.remove(&self.key);
    }
}

impl Store {
    /// Pins the newest version, and notes who did: `label`, the line of this call, the time and
    /// the thread. [`pins`](Self::pins) shows it until it is dropped.
    ///
    /// For what holds on for long: a report, an export. It takes a lock that only pins take; a
    /// plain [`snapshot`](Self::snapshot) takes none and is not noted.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = annals::Store::in_memory();
    /// let pinned = store.pin("monthly report");
    /// assert_eq!(&*store.pins()[0].labels[0].label, "monthly report");
    /// drop(pinned);
    /// assert!(store.pins().is_empty());
    /// ```
    #[track_caller]
    pub fn pin(&self, label: &str) -> PinnedSnapshot {
        self.pinned(self.snapshot(), label, Location::caller())
    }

    /// As [`pin`](Self::pin), of the version at a moment.
    ///
    /// # Errors
    ///
    /// As for [`at`](Self::at).
    #[track_caller]
    pub fn pin_at(&self, at: impl Into<At>, label: &str) -> Result<PinnedSnapshot, TravelError> {
        Ok(self.pinned(self.at(at)?, label, Location::caller()))
    }

    fn pinned(
        &self,
        snapshot: Snapshot,
        label: &str,
        location: &'static Location<'static>,
    ) -> PinnedSnapshot {
        let since = self.shared().options.clock.now();
        let label = PinLabel {
            label: label.into(),
            location: location.into(),
            since,
            thread: thread_name(),
        };
        let registry = Arc::clone(&self.shared().pinned);
        let key = registry.register(snapshot.value(), label);
        PinnedSnapshot { snapshot, registry, key }
    }

    /// The versions that somebody holds, oldest first: a snapshot, table, scan, reader or
    /// transaction of this store.
    ///
    /// Counts are of a moment: a read or a commit that is under way may show for its time, and
    /// while a large version is freed, so may the one after it. A version that a commit expires at
    /// this very moment may be left out if it has no label. Takes no lock that a committer takes. O(versions that can be reached), and for expired ones that
    /// are held O(what differs between these and the oldest that can be reached).
    pub fn pins(&self) -> Pins {
        let shared = self.shared();
        let labelled = shared.pinned.by_version();
        // In this order: what expires in between is found twice, and not never.
        let head = shared.published.head();
        let expired = expired_and_held(shared);
        Pins::of(&head.timeline, &expired, &labelled)
    }
}

impl Pins {
    /// Of the versions that `timeline` reaches, and of others that have expired: held each once
    /// by the store and once by this list. One that is among both has expired since. One that has
    /// labels and is among neither is on its way from the one to the other.
    fn of(
        timeline: &Timeline,
        expired: &[Arc<Version>],
        labelled: &BTreeMap<VersionId, Labelled>,
    ) -> Self {
        let is_retained = |version: &Arc<Version>| timeline.at_version(version.id()).is_ok();
        let has_expired =
            |version: &Arc<Version>| expired.iter().any(|other| other.id() == version.id());
        let pin = |version: &Arc<Version>, own: usize, retained, bytes| {
            let id = version.id();
            let labels = labelled.get(&id).map(|(_, labels)| labels);
            let holders = holders(version, own + usize::from(labels.is_some()));
            (holders > 0).then(|| Pin {
                version: id,
                timestamp: version.timestamp(),
                superseded: timeline.superseded(id),
                retained,
                holders,
                bytes,
                labels: labels.cloned().unwrap_or_default(),
            })
        };
        let on_the_way = labelled.values().map(|(version, _)| version);
        let on_the_way = on_the_way.filter(|version| !has_expired(version));
        let mut others: Vec<&Arc<Version>> =
            expired.iter().chain(on_the_way).filter(|version| !is_retained(version)).collect();
        others.sort_by_key(|version| version.id());
        let bytes = only_in_each(timeline, &others);
        let of_expired = others.iter().zip(bytes).filter_map(|(version, bytes)| {
            // The reclaim list's and that of `expired`; or the committer's who is bringing it.
            let own = 1 + usize::from(has_expired(version));
            pin(version, own, false, bytes)
        });
        let mut pins: Vec<Pin> = of_expired.collect();
        let newest = timeline.newest().id();
        pins.extend(timeline.versions().filter_map(|version| {
            // The timeline's, and for the newest the head's.
            let own = 1 + usize::from(version.id() == newest);
            let own = own + 2 * usize::from(has_expired(version));
            pin(version, own, true, 0)
        }));
        pins.sort_by_key(|pin| pin.version);
        Self(pins)
    }

    /// The version that has been superseded for longest. The newest has not been at all.
    pub fn oldest(&self) -> Option<&Pin> {
        self.0.first()
    }

    /// One row for each version that is held, oldest first, as an Arrow batch; see
    /// [`Pins::schema`].
    pub fn to_batch(&self) -> RecordBatch {
        let mut numbers = [(); 3].map(|()| UInt64Builder::new());
        let mut times = [(); 2].map(|()| TimestampMicrosecondBuilder::new());
        let mut retained = BooleanBuilder::new();
        let mut labels = StringBuilder::new();
        for pin in &self.0 {
            let values = [pin.version.0, pin.holders as u64, pin.bytes];
            numbers.iter_mut().zip(values).for_each(|(to, value)| to.append_value(value));
            let values = [Some(pin.timestamp.0), pin.superseded.map(|since| since.0)];
            times.iter_mut().zip(values).for_each(|(to, value)| to.append_option(value));
            retained.append_value(pin.retained);
            let text: Vec<String> = pin.labels.iter().map(ToString::to_string).collect();
            labels.append_option((!text.is_empty()).then(|| text.join("; ")));
        }
        let ([version, holders, bytes], [timestamp, superseded]) = (&mut numbers, &mut times);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(version.finish()),
            Arc::new(timestamp.finish().with_timezone(UTC)),
            Arc::new(superseded.finish().with_timezone(UTC)),
            Arc::new(retained.finish()),
            Arc::new(holders.finish()),
            Arc::new(bytes.finish()),
            Arc::new(labels.finish()),
        ];
        RecordBatch::try_new(Self::schema(), columns).expect("the columns are built by schema")
    }

    /// The columns of [`Pins::to_batch`]: `version`, `timestamp`, `superseded` (both UTC,
    /// microseconds), `retained`, `holders`, `bytes`, `labels` (as they print, joined by `; `).
    pub fn schema() -> SchemaRef {
        use DataType::{Boolean, UInt64, Utf8};
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
        let columns = [
            ("version", UInt64, false),
            ("timestamp", timestamp.clone(), false),
            ("superseded", timestamp, true),
            ("retained", Boolean, false),
            ("holders", UInt64, false),
            ("bytes", UInt64, false),
            ("labels", Utf8, true),
        ];
        let fields = columns.map(|(name, kind, nullable)| Field::new(name, kind, nullable));
        Arc::new(Schema::new(Vec::from(fields)))
    }
}

/// For each of these expired versions, in the order of their numbers, the bytes that it has and
/// no version of the timeline does.
fn only_in_each(timeline: &Timeline, expired: &[&Arc<Version>]) -> Vec<u64> {
    let mut bytes = vec![0; expired.len()];
    if expired.is_empty() {
        return bytes;
    }
    for left in timeline.left_of(expired).iter().filter(|left| !left.tagged) {
        left.spans.iter().cloned().flatten().for_each(|at| bytes[at] += left.bytes);
    }
    bytes
}

#[cfg(test)]
mod tests;
