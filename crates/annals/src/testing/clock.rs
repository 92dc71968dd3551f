//! A clock that goes when it is told to.

use std::sync::Arc;
use std::time::Duration;

use annals_state::Timestamp;

use crate::sync::atomic::{AtomicI64, Ordering};

/// The time of a store, set by hand. A clone shows the same time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use annals::testing::ManualClock;
/// use annals::{Retention, Store, Timestamp, record_batch};
///
/// let clock = ManualClock::at(Timestamp(1_000_000));
/// let hour = Duration::from_secs(3_600);
/// let policy = Retention { age_max: Some(hour), versions_min: 1, ..Retention::default() };
/// let store = Store::builder().clock(clock.reading()).retention(policy).build();
///
/// store.write(record_batch!(("n", Int64, [1]))?).save_as_table("t")?;
/// clock.advance(hour);
/// store.drop_table("t")?;
/// assert_eq!(store.at(clock.now())?.table_count(), 0);
/// assert_eq!(store.at(Timestamp(1_500_000))?.table_count(), 1);
///
/// clock.advance(2 * hour);
/// store.expire(&store.retention());
/// assert!(store.at(Timestamp(1_500_000)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands still at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(now.0)) }
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        // ORDERING: the time alone; whoever set it tells others by other means, if at all.
        Timestamp(self.micros.load(Ordering::Relaxed))
    }

    /// Puts the clock to `now`, which may be earlier. Timestamps of commits go forward all the same.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.0, Ordering::Relaxed);
    }

    /// Puts the clock forward, by whole microseconds.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let forward = |micros: i64| Some(micros.saturating_add(by));
        let _ = self.micros.fetch_update(Ordering::Relaxed, Ordering::Relaxed, forward);
    }

    /// The clock for [`StoreBuilder::clock`](crate::StoreBuilder::clock).
    pub fn reading(&self) -> impl Fn() -> Timestamp + Send + Sync + use<> {
        let clock = self.clone();
        move || clock.now()
    }
}
