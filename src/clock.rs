//! The only reader of time.
//!
//! Two clocks. The *process clock* is monotonic and may be sped up: deadlines and polling go by it. The *wall clock* is
//! the machine's: signatures go by it and nobody touches it. A jump of the wall clock while the process runs does not
//! move a deadline.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks and sleeps")]

use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};

use crate::incident::time::{Now, Pace};

/// The process clock. Cheap to clone; clones agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pace: Pace,
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// A clock whose durations run at `pace`, starting at the machine's present time.
    pub fn start(pace: Pace) -> Self {
        Self { pace, started: Instant::now(), started_at: Timestamp::now() }
    }

    /// The present for pure functions.
    pub fn now(&self) -> Now {
        let passed = SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        Now { at: self.started_at.checked_add(passed).unwrap_or(Timestamp::MAX), pace: self.pace }
    }

    /// The pace of durations.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Sleeps until `duration` has passed at this clock's pace.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(self.pace.shrink(duration)).await;
    }

    /// Sleeps until the real time `due`; returns at once if it has passed.
    pub async fn sleep_until(&self, due: Timestamp) {
        tokio::time::sleep(Duration::try_from(due.duration_since(self.now().at)).unwrap_or_default()).await;
    }

    /// Sleeps for a duration that is *not* sped up: rate limits and time-outs of a real peer.
    pub async fn sleep_really(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// A monotonic reading, for measuring how long something really took.
    pub fn reading(&self) -> Instant {
        Instant::now()
    }
}

/// The machine's wall clock: for signatures and nothing else.
pub fn wall() -> SystemTime {
    SystemTime::now()
}
