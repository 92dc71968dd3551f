//! A hold on all that is retained, for work that looks at many versions one after the other.
//!
//! While it is there nothing that it shows is freed, however much expires meanwhile. It stands in
//! nobody's way: it is a value, not a lock. Letting it go costs nothing either: a head that somebody
//! holds when it is superseded goes to the reclaim list, which lets go of it last.

use std::sync::Arc;

use annals_state::timeline::{At, Timeline};
use annals_state::{Timestamp, Version};

use crate::clock::Clock;
use crate::error::TravelError;
use crate::published::{Head, Published};

/// One head, with everything that was retained when it was current.
pub(crate) struct Hold {
    head: Arc<Head>,
}

impl Hold {
    pub(crate) fn on(published: &Published) -> Self {
        Self::of(published.head())
    }

    pub(crate) fn of(head: Arc<Head>) -> Self {
        Self { head }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.head.timeline
    }

    /// The version at a moment, among those that are held.
    pub(crate) fn at(&self, at: &At, clock: &Clock) -> Result<&Arc<Version>, TravelError> {
        let now = match at {
            At::Timestamp(_) => clock.now(),
            // Nothing else depends on the time.
            _ => Timestamp::default(),
        };
        self.timeline().at(at, now)
    }
}
