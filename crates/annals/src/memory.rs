//! What the past costs: how many bytes each retained version holds, alone and with others.

use std::sync::Arc;

use annals_state::timeline::{Holdings, Timeline};
use annals_state::{Timestamp, VersionId};
use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::history::UTC;
use crate::store::Store;

/// How many bytes the versions hold that can be reached. A value: it holds none of them itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryReport {
    /// Each version that can be reached, oldest first.
    pub versions: Vec<VersionMemory>,
    /// Bytes that any of them holds, each counted once.
    pub bytes: u64,
}

/// How many bytes one version holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionMemory {
    /// The version.
    pub version: VersionId,
    /// When it was committed.
    pub timestamp: Timestamp,
    /// Its tags, in order.
    pub tags: Vec<Arc<str>>,
    /// Bytes of all that it shows.
    pub bytes: u64,
    /// Bytes that it shows and no other version does that can be reached: what returns if it
    /// alone goes and nobody holds it.
    pub exclusive: u64,
}

impl VersionMemory {
    /// Bytes that it shares with other versions.
    pub fn shared(&self) -> u64 {
        self.bytes - self.exclusive
    }
}

impl Store {
    /// How many logical bytes each version holds that can be reached, alone and with others.
    ///
    /// Counted per chunk, each once. Takes no lock; O(tables of the oldest version + what differs
    /// between neighbours), whatever the size of what they share.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("n", Int64, [1, 2]))?).save_as_table("kept")?;
    /// store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
    /// store.write(record_batch!(("n", Int64, [4]))?).mode(SaveMode::Overwrite).save_as_table("t")?;
    ///
    /// let memory = store.memory();
    /// assert_eq!(memory.bytes, 16 + 24 + 8);
    /// let before = &memory.versions[2];
    /// assert_eq!((before.shared(), before.exclusive), (16, 24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory(&self) -> MemoryReport {
        let head = self.shared().published.head();
        MemoryReport::new(&head.timeline, &head.timeline.holdings())
    }

    /// As [`memory`](Self::memory), by the capacity of distinct buffers: what the process really
    /// keeps. Slices of one buffer count once, and spare capacity counts.
    ///
    /// It visits every buffer of every chunk: O(everything). For a report, not for a loop.
    pub fn memory_by_buffer(&self) -> MemoryReport {
        let head = self.shared().published.head();
        MemoryReport::new(&head.timeline, &head.timeline.holdings_by_buffer())
    }
}

impl MemoryReport {
    fn new(timeline: &Timeline, holdings: &Holdings) -> Self {
        let mut tags: Vec<(VersionId, Arc<str>)> =
            timeline.tags().map(|(tag, version)| (version, Arc::clone(tag))).collect();
        tags.sort();
        let held = timeline.versions().zip(&holdings.versions);
        let versions = held.map(|(version, holding)| {
            let id = version.id();
            let first = tags.partition_point(|(of, _)| *of < id);
            let of_it = tags[first..].iter().take_while(|(of, _)| *of == id);
            VersionMemory {
                version: id,
                timestamp: version.timestamp(),
                tags: of_it.map(|(_, tag)| Arc::clone(tag)).collect(),
                bytes: holding.bytes,
                exclusive: holding.exclusive,
            }
        });
        Self { versions: versions.collect(), bytes: holdings.bytes }
    }

    /// Bytes that versions of the past hold and the newest does not: exact, where
    /// [`Store::historical_bytes`] is a running sum over the window.
    pub fn historical_bytes(&self) -> u64 {
        self.bytes - self.versions.last().map_or(0, |newest| newest.bytes)
    }

    /// One row for each version, oldest first, as an Arrow batch; see [`MemoryReport::schema`].
    pub fn to_batch(&self) -> RecordBatch {
        let mut version = UInt64Builder::new();
        let mut timestamp = TimestampMicrosecondBuilder::new();
        let mut tags = StringBuilder::new();
        let mut bytes = [(); 3].map(|()| UInt64Builder::new());
        for row in &self.versions {
            version.append_value(row.version.0);
            timestamp.append_value(row.timestamp.0);
            tags.append_option((!row.tags.is_empty()).then(|| row.tags.join(", ")));
            let values = [row.bytes, row.shared(), row.exclusive];
            bytes.iter_mut().zip(values).for_each(|(to, value)| to.append_value(value));
        }
        let [bytes, shared, exclusive] = &mut bytes;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(version.finish()),
            Arc::new(timestamp.finish().with_timezone(UTC)),
            Arc::new(tags.finish()),
            Arc::new(bytes.finish()),
            Arc::new(shared.finish()),
            Arc::new(exclusive.finish()),
        ];
        RecordBatch::try_new(Self::schema(), columns).expect("the columns are built by schema")
    }

    /// The columns of [`MemoryReport::to_batch`]: `version`, `timestamp` (UTC, microseconds),
    /// `tags`, `bytes`, `bytes_shared`, `bytes_exclusive`.
    pub fn schema() -> SchemaRef {
        use DataType::{UInt64, Utf8};
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
        let columns = [
            ("version", UInt64, false),
            ("timestamp", timestamp, false),
            ("tags", Utf8, true),
            ("bytes", UInt64, false),
            ("bytes_shared", UInt64, false),
            ("bytes_exclusive", UInt64, false),
        ];
        let fields = columns.map(|(name, kind, nullable)| Field::new(name, kind, nullable));
        Arc::new(Schema::new(Vec::from(fields)))
    }
}
