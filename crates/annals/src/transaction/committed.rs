//! What a commit came to, as its caller is told.

use std::sync::Arc;

use annals_state::{Commit, Timestamp, VersionId};

/// What a commit came to.
#[derive(Clone, Debug)]
pub struct Committed {
    pub(super) version: VersionId,
    pub(super) commit: Option<Arc<Commit>>,
    pub(super) applied_before: bool,
    pub(super) retries: u32,
}

impl Committed {
    /// What is not committed yet: the version that it was decided on.
    pub(crate) fn none(version: VersionId) -> Self {
        Self { version, commit: None, applied_before: false, retries: 0 }
    }

    /// What an idempotent write finds that was applied before.
    pub(crate) fn before(version: VersionId, commit: Option<Arc<Commit>>) -> Self {
        Self { version, commit, applied_before: true, retries: 0 }
    }

    /// The version that the commit made; where it made none, the one that it saw.
    pub fn version(&self) -> VersionId {
        self.version
    }

    /// The record of the commit. None if there was nothing to commit, or if an idempotent write
    /// was applied so long ago that its record is no longer kept.
    pub fn commit(&self) -> Option<&Arc<Commit>> {
        self.commit.as_ref()
    }

    /// When the version was committed, if it is on record.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.commit.as_ref().map(|commit| commit.timestamp)
    }

    /// Whether this call made a version. Not so if there was nothing to change, or if the write
    /// had been applied before.
    pub fn made_version(&self) -> bool {
        self.commit.is_some() && !self.applied_before
    }

    /// Whether an idempotent write had been applied before.
    pub fn was_applied_before(&self) -> bool {
        self.applied_before
    }

    /// How often the work was begun again because of a conflict.
    pub fn retries(&self) -> u32 {
        self.retries
    }
}
