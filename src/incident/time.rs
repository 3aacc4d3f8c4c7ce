//! How the pure heart sees time.
//!
//! Every stored time is a real one, which people can read and which survives a restart. Only *durations* run at the
//! pace of the process clock: at speed 30, fifteen minutes pass in thirty seconds. So nobody subtracts two timestamps
//! or adds a duration to one except here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How much faster than the wall clock durations run: 1 in production, more in rehearsals and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace(u32);

impl Pace {
    /// Real time.
    pub const REAL: Self = Self(1);

    /// A pace `speed` times real time; 0 counts as 1.
    pub fn new(speed: u32) -> Self {
        Self(speed.max(1))
    }

    /// The factor, at least 1.
    pub fn speed(self) -> u32 {
        self.0
    }

    /// How long one really waits for `duration` to pass at this pace.
    pub fn shrink(self, duration: Duration) -> Duration {
        duration / self.0
    }

    /// How long a really elapsed `duration` counts at this pace.
    pub fn stretch(self, duration: Duration) -> Duration {
        duration.saturating_mul(self.0)
    }
}

/// The present, as a fact handed to pure functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The present time, real.
    pub at: Timestamp,
    /// The pace of durations.
    pub pace: Pace,
}

impl Now {
    /// The present at real pace.
    pub fn real(at: Timestamp) -> Self {
        Self { at, pace: Pace::REAL }
    }

    /// What has passed since `since`, as durations count; zero if `since` lies ahead.
    pub fn elapsed(self, since: Timestamp) -> Duration {
        self.between(since, self.at)
    }

    /// What lies between two stored times, as durations count; zero if they are the wrong way round.
    pub fn between(self, from: Timestamp, to: Timestamp) -> Duration {
        let real = Duration::try_from(to.duration_since(from)).unwrap_or_default();
        self.pace.stretch(real)
    }

    /// The real time at which `duration` will have passed from now.
    pub fn after(self, duration: Duration) -> Timestamp {
        let real = SignedDuration::try_from(self.pace.shrink(duration)).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(real).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_run_at_the_pace_and_times_stay_real() {
        let start: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let now = Now { at: start, pace: Pace::new(30) };
        let due = now.after(Duration::from_mins(15));
        assert_eq!(due, "2026-11-01T12:00:30Z".parse::<Timestamp>().unwrap());
        let later = Now { at: due, ..now };
        assert_eq!(later.elapsed(start), Duration::from_mins(15));
        assert_eq!(now.elapsed(due), Duration::ZERO);
    }
}
