//! Where timestamps come from.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use annals_state::Timestamp;

/// The latest moment that a clock is believed to say: timestamps must have room to increase.
const NOW_MAX: Timestamp = Timestamp(i64::MAX / 2);

/// The clock of a store: the system's, or one that a test sets.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Custom(Arc<dyn Fn() -> Timestamp + Send + Sync>),
}

impl Clock {
    /// What the clock says. It may go back; commit timestamps never do.
    pub(crate) fn now(&self) -> Timestamp {
        let now = match self {
            Self::System => {
                // A clock before 1970 or after the year 294,000 is wrong anyway.
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Self::Custom(clock) => clock(),
        };
        now.min(NOW_MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Custom(_) => "Custom",
        })
    }
}
