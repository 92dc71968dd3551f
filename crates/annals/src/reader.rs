//! A cached view of the newest version.

use std::sync::Arc;

use annals_state::VersionId;

use crate::snapshot::Snapshot;
use crate::store::Shared;

/// The newest version, for a thread that asks often.
///
/// Holds the version that it last saw until it is asked again or dropped. Clone one per thread.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    latest: Snapshot,
    /// The number of `latest`, so that asking does not even touch the version.
    seen: VersionId,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let latest = Snapshot::new(shared.published.version());
        Self { shared, seen: latest.version(), latest }
    }

    /// The newest version. As long as nothing was committed since it was last asked, this is one
    /// load from memory and touches no reference count.
    #[inline]
    pub fn latest(&mut self) -> &Snapshot {
        if !self.shared.published.is_newest(self.seen) {
            self.refresh();
        }
        &self.latest
    }

    #[cold]
    fn refresh(&mut self) {
        self.latest = Snapshot::new(self.shared.published.version());
        self.seen = self.latest.version();
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("latest", &self.seen).finish_non_exhaustive()
    }
}
