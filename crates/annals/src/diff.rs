//! What differs between two snapshots, and the hold on both.

use std::ops::Deref;

use annals_state::diff::VersionDiff;

use crate::snapshot::Snapshot;

/// What differs between two snapshots: a [`VersionDiff`] that holds both versions.
///
/// The tables that it names are in memory as long as it is kept.
///
/// # Examples
///
/// ```
/// use annals::{SaveMode, Store, record_batch};
///
/// let store = Store::in_memory();
/// store.write(record_batch!(("n", Int64, [1]))?).save_as_table("t")?;
/// let before = store.snapshot();
/// store.write(record_batch!(("n", Int64, [2]))?).mode(SaveMode::Append).save_as_table("t")?;
/// let diff = before.diff(&store.snapshot());
/// assert_eq!(diff.tables[0].details().metrics().rows_added, 1);
/// assert_eq!(diff.to().table("t")?.row_count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Diff {
    found: VersionDiff,
    /// Let go of after the tables that are parts of them.
    before: Snapshot,
    after: Snapshot,
}

impl Diff {
    pub(crate) fn between(from: &Snapshot, to: &Snapshot) -> Self {
        let found = VersionDiff::between(from.value(), to.value());
        Self { found, before: from.clone(), after: to.clone() }
    }

    /// The snapshot looked from.
    pub fn from(&self) -> &Snapshot {
        &self.before
    }

    /// The snapshot looked to.
    pub fn to(&self) -> &Snapshot {
        &self.after
    }
}

impl PartialEq for Diff {
    /// Whether the same differs.
    fn eq(&self, other: &Self) -> bool {
        self.found == other.found
    }
}

impl Deref for Diff {
    type Target = VersionDiff;

    fn deref(&self) -> &VersionDiff {
        &self.found
    }
}
