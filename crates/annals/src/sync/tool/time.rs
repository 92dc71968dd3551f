//! Time that passes when somebody lets it: by pauses, and by nothing else. So a schedule comes to
//! the same whenever it is run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::SCENARIO;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        // ORDERING: a tool runs one thread at a time.
        Self(Duration::from_nanos(SCENARIO.nanoseconds.load(Ordering::Relaxed)))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Lets time pass.
pub(super) fn pass(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4);
    SCENARIO.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
}
