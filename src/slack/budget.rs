//! How often Slack may be called, by real time: Slack's limits do not run at the pace of the process clock.
//!
//! Every method has its own bucket and every channel its own window for new messages, so a private sentence or a form
//! never waits behind progress. `chat.update` is the scarce one (about 50 a minute for a workspace; 40 are used): a
//! place is handed out as an [`UpdatePermit`] and never waited for inside, so whoever has several messages to update
//! chooses again each time. A 429 closes its method, and nothing else, until Slack's `Retry-After` has passed.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::clock::Clock;
use crate::incident::ids::ChannelId;

/// New messages in one channel within [`POSTS_WITHIN`]: Slack's one a second, with room for a small burst.
const POSTS: usize = 5;

/// How soon a channel is asked again in which somebody already waits to post.
const AGAIN: Duration = Duration::from_millis(200);

/// The window of [`POSTS`]: five seconds, and some slack for what the network does to distances in time.
const POSTS_WITHIN: Duration = Duration::from_millis(5_300);

/// `chat.update` at once. With [`UPDATES_A_MINUTE`] this stays at 40 in any minute; Slack allows about 50 (tier 3).
const UPDATE_BURST: NonZeroU32 = at_least_one(10);

/// `chat.update` in the long run.
const UPDATES_A_MINUTE: NonZeroU32 = at_least_one(30);

const fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

/// A tier's bucket: half of Slack's figure at once and half refilled within a minute, which together stay within it.
const fn tier(a_minute: u32) -> Quota {
    let half = at_least_one(a_minute / 2);
    Quota::per_minute(half).allow_burst(half)
}

/// How often a method may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tier {
    /// 20 a minute.
    Two,
    /// 50 a minute.
    Three,
    /// 100 a minute.
    Four,
}

/// A place in the workspace's budget of `chat.update`; used up by one call.
#[derive(Debug)]
pub struct UpdatePermit(());

/// What may be called when.
#[derive(Debug)]
pub(super) struct Budget {
    clock: Clock,
    posts: Mutex<HashMap<ChannelId, Window>>,
    updates: DefaultDirectRateLimiter,
    tier_two: DefaultKeyedRateLimiter<&'static str>,
    tier_three: DefaultKeyedRateLimiter<&'static str>,
    tier_four: DefaultKeyedRateLimiter<&'static str>,
    closed: Mutex<HashMap<&'static str, Instant>>,
}

/// When messages were posted in one channel. Its lock is held by whoever waits, so the waiting keep their order.
type Window = Arc<tokio::sync::Mutex<VecDeque<Instant>>>;

impl Budget {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            posts: Mutex::default(),
            updates: RateLimiter::direct(Quota::per_minute(UPDATES_A_MINUTE).allow_burst(UPDATE_BURST)),
            tier_two: RateLimiter::keyed(tier(20)),
            tier_three: RateLimiter::keyed(tier(50)),
            tier_four: RateLimiter::keyed(tier(100)),
            closed: Mutex::default(),
        }
    }

    /// Waits until `method` may be called.
    pub(super) async fn admit(&self, method: &'static str, tier: Tier) {
        self.open(method).await;
        match tier {
            Tier::Two => self.tier_two.until_key_ready(&method).await,
            Tier::Three => self.tier_three.until_key_ready(&method).await,
            Tier::Four => self.tier_four.until_key_ready(&method).await,
        }
        self.open(method).await;
    }

    fn window(&self, channel: &ChannelId) -> Window {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(posts.entry(channel.clone()).or_default())
    }

    /// How long a new message in `channel` would wait; `None` when it need not.
    pub(super) fn post_waits(&self, method: &'static str, channel: &ChannelId) -> Option<Duration> {
        self.closed_for(method).or_else(|| match self.window(channel).try_lock() {
            Ok(mut window) => room(&mut window, self.clock.reading()),
            Err(_somebody_waits) => Some(AGAIN),
        })
    }

    /// Waits until a new message may be posted in `channel`.
    pub(super) async fn admit_post(&self, method: &'static str, channel: &ChannelId) {
        let window = self.window(channel);
        let mut window = window.lock().await;
        loop {
            self.open(method).await;
            let now = self.clock.reading();
            let Some(wait) = room(&mut window, now) else {
                window.push_back(now);
                return;
            };
            self.clock.sleep_really(wait).await;
        }
    }

    /// A place for one `chat.update`, or how long until there may be one.
    pub(super) fn try_update(&self, method: &'static str) -> Result<UpdatePermit, Duration> {
        if let Some(wait) = self.closed_for(method) {
            return Err(wait);
        }
        match self.updates.check() {
            Ok(()) => Ok(UpdatePermit(())),
            Err(not_until) => Err(not_until.wait_time_from(DefaultClock::default().now())),
        }
    }

    /// Closes `method` for a time, as a 429 asks.
    pub(super) fn close(&self, method: &'static str, retry_after: Duration) {
        let until = self.clock.reading() + retry_after;
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = closed.entry(method).or_insert(until);
        *entry = until.max(*entry);
    }

    async fn open(&self, method: &'static str) {
        while let Some(wait) = self.closed_for(method) {
            self.clock.sleep_really(wait).await;
        }
    }

    fn closed_for(&self, method: &'static str) -> Option<Duration> {
        let now = self.clock.reading();
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *closed.get(method)?;
        if until > now {
            return Some(until.duration_since(now));
        }
        closed.remove(method);
        None
    }
}

/// How long until the window has room; `None` when it has.
fn room(window: &mut VecDeque<Instant>, now: Instant) -> Option<Duration> {
    let left = |posted: &Instant| POSTS_WITHIN.saturating_sub(now.saturating_duration_since(*posted));
    while window.front().is_some_and(|first| left(first).is_zero()) {
        window.pop_front();
    }
    window.front().filter(|_| window.len() >= POSTS).map(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::time::Pace;

    fn budget() -> Budget {
        Budget::new(Clock::start(Pace::REAL))
    }

    #[test]
    fn the_sixth_message_in_a_channel_waits_for_the_first_to_grow_old() {
        let start = Clock::start(Pace::REAL).reading();
        let mut window = VecDeque::from([start; POSTS]);
        let late = start + Duration::from_secs(1);
        assert_eq!(room(&mut window, late), Some(Duration::from_millis(4_300)));
        assert_eq!(room(&mut window, start + POSTS_WITHIN), None);
        assert!(window.is_empty());
    }

    #[test]
    fn no_more_than_forty_updates_fit_into_a_minute() {
        assert!(UPDATE_BURST.get() + UPDATES_A_MINUTE.get() <= 40);
        let budget = budget();
        let at_once = std::iter::from_fn(|| budget.try_update("chat.update").ok()).take(100).count();
        assert_eq!(at_once, UPDATE_BURST.get() as usize);
        let wait = budget.try_update("chat.update").unwrap_err();
        assert!(wait <= Duration::from_secs(2) && wait > Duration::ZERO, "{wait:?}");
    }

    #[tokio::test]
    async fn a_429_closes_its_own_method_and_no_other() {
        let budget = budget();
        budget.close("chat.update", Duration::from_mins(1));
        assert!(budget.try_update("chat.update").unwrap_err() > Duration::from_secs(50));
        let private = budget.admit("chat.postEphemeral", Tier::Four);
        tokio::time::timeout(Duration::from_secs(1), private).await.unwrap();
    }

    #[tokio::test]
    async fn a_closed_method_opens_again_when_the_time_has_passed() {
        let budget = budget();
        budget.close("users.info", Duration::from_millis(30));
        let before = budget.clock.reading();
        budget.admit("users.info", Tier::Four).await;
        assert!(budget.clock.reading() - before >= Duration::from_millis(30));
    }

    #[tokio::test]
    async fn one_busy_channel_does_not_hold_up_another() {
        let budget = budget();
        let (busy, idle) = (ChannelId::new("C1"), ChannelId::new("C2"));
        for _ in 0..POSTS {
            budget.admit_post("chat.postMessage", &busy).await;
        }
        let full = budget.admit_post("chat.postMessage", &busy);
        tokio::time::timeout(Duration::from_millis(50), full).await.unwrap_err();
        let free = budget.admit_post("chat.postMessage", &idle);
        tokio::time::timeout(Duration::from_millis(50), free).await.unwrap();
    }
}
