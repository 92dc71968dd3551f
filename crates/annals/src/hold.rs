//! A hold on all that is retained, for work that looks at many versions one after the other.
//!
//! While it is there nothing that it shows is freed, however much expires meanwhile. It stands in
//! nobody's way: it is a value, not a lock. Short work takes the head and lets it go; what lasts
//! takes this, for whoever lets go last of what has expired would have to free it.

use std::sync::Arc;

use annals_state::timeline::{At, Timeline};
use annals_state::{Timestamp, Version};

use crate::clock::Clock;
use crate::error::TravelError;
use crate::published::{Head, Published};

/// One head, with everything that was retained when it was current.
pub(crate) struct Hold {
    /// Taken out when it is let go.
    head: Option<Arc<Head>>,
}

impl Hold {
    pub(crate) fn on(published: &Published) -> Self {
        Self::of(published.head())
    }

    pub(crate) fn of(head: Arc<Head>) -> Self {
        Self { head: Some(head) }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.head.as_ref().expect("the head is there until the hold is dropped").timeline
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

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(head) = self.head.take() {
            let_go(head);
        }
    }
}

/// The one place where a hold ends. If versions have expired meanwhile and nobody else holds them,
/// they are freed by whoever drops the head: here, on this thread, unless it is handed on.
fn let_go(head: Arc<Head>) {
    drop(head);
}
