//! Slack's rate limits, by real time.
//!
//! Each is a window that slides: at most so many calls within so long. Slack tolerates short bursts beyond its
//! published figures and says no more about them; this takes the published figures at their word.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// At most `calls` within `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) calls: usize,
    pub(super) window: Duration,
    pub(super) per: Per,
}

/// What shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// All calls of the method.
    Method,
    /// The method's calls for one channel.
    Channel,
}

impl Limit {
    const fn a_minute(calls: usize) -> Self {
        Self { calls, window: Duration::from_mins(1), per: Per::Method }
    }

    /// Tier 2: 20 a minute.
    pub(super) const TIER_2: Self = Self::a_minute(20);
    /// Tier 3: 50 a minute.
    pub(super) const TIER_3: Self = Self::a_minute(50);
    /// Tier 4: 100 a minute.
    pub(super) const TIER_4: Self = Self::a_minute(100);
    /// Methods that Slack limits specially and generously.
    pub(super) const SPECIAL: Self = Self::a_minute(600);
    /// `chat.postMessage`: one a second in a channel, bursts tolerated.
    pub(super) const POSTING: Self = Self { calls: 5, window: Duration::from_secs(5), per: Per::Channel };
}

/// What was called when.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    windows: BTreeMap<String, VecDeque<Instant>>,
    refused: usize,
}

impl Limiter {
    /// Counts a call at `now`, or says in how many seconds to come back.
    pub(super) fn admit(&mut self, key: &str, limit: Limit, now: Instant) -> Result<(), u64> {
        let window = self.windows.entry(key.to_owned()).or_default();
        while window.front().is_some_and(|first| now.saturating_duration_since(*first) >= limit.window) {
            window.pop_front();
        }
        match window.front() {
            Some(first) if window.len() >= limit.calls => {
                self.refused += 1;
                let wait = limit.window.saturating_sub(now.saturating_duration_since(*first));
                Err(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Some(_) | None => {
                window.push_back(now);
                Ok(())
            }
        }
    }

    /// How many calls were refused.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_post_within_five_seconds_is_told_when_to_come_back() {
        let start = crate::clock::Clock::start(crate::incident::time::Pace::REAL).reading();
        let mut limiter = Limiter::default();
        for tenth in 0..5 {
            let now = start + Duration::from_millis(tenth * 100);
            assert_eq!(limiter.admit("chat.postMessage C1", Limit::POSTING, now), Ok(()));
        }
        let late = start + Duration::from_millis(500);
        assert_eq!(limiter.admit("chat.postMessage C1", Limit::POSTING, late), Err(5));
        assert_eq!(limiter.admit("chat.postMessage C2", Limit::POSTING, late), Ok(()));
        assert_eq!(limiter.admit("chat.postMessage C1", Limit::POSTING, start + Duration::from_secs(5)), Ok(()));
        assert_eq!(limiter.refused(), 1);
    }
}
