//! What came in, from its durable record to the work on it.
//!
//! Slack is acknowledged only after what it delivered is in the store, and never later than that: the work goes on by
//! itself, counted by the tracker, whether or not Slack still waits. What was not worked off when the process ended is
//! worked off at the next start, so the work has to bear being done twice.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::incident::time::Now;
use crate::store::{Fresh, Store, StoreError};

/// How long Slack takes a trigger: three seconds, less the way there.
const TRIGGER_LIVES: Duration = Duration::from_millis(2_700);

/// What came in, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// By which door.
    pub door: Door,
    /// When.
    pub at: Timestamp,
    /// The body, verified.
    pub body: String,
}

/// The URL at which something came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// `/slack/commands`.
    Commands,
    /// `/slack/interactions`.
    Interactions,
}

/// Something to work off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its key, the same however often it is worked on.
    pub key: String,
    /// What came in.
    pub arrival: Arrival,
    /// Whether it may have been worked on before.
    pub turn: Turn,
}

/// Whether something may have been worked on before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It has just come in.
    First,
    /// The process ended before it was worked off.
    Again,
}

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, or came to nothing; it is not worked on again.
    Settled,
    /// The store failed under it; the next start works on it again.
    Unsettled,
}

/// The work on what came in.
pub type Work = Arc<dyn Fn(Delivery) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The inbox. Cheap to clone; clones share.
#[derive(Clone)]
pub struct Inbox {
    store: Store,
    clock: Clock,
    tasks: TaskTracker,
    work: Work,
}

impl Inbox {
    /// An inbox in `store` whose entries `work` works off, on tasks that `tasks` counts.
    pub fn new(store: Store, clock: Clock, tasks: TaskTracker, work: Work) -> Self {
        Self { store, clock, tasks, work }
    }

    /// Records what came in, and lets the work on it begin unless its key was used before. The work does not depend on
    /// whether the returned future is waited for.
    ///
    /// # Errors
    /// The store's; nothing was recorded and nothing is done.
    pub async fn take_in(&self, key: String, door: Door, body: String) -> Result<Fresh, StoreError> {
        let (answer, answered) = oneshot::channel();
        let inbox = self.clone();
        let at = self.clock.now().at;
        let arrival = Arrival { door, at, body };
        self.tasks.spawn(async move {
            let stored = inbox.put(&key, &arrival).await;
            let fresh = stored == Ok(Fresh::New);
            // Whoever asked may have gone; what is stored is worked off all the same.
            let _ = answer.send(stored);
            if fresh {
                let turn = Turn::First;
                inbox.work_off(Delivery { key, arrival, turn }).await;
            }
        });
        match answered.await {
            Ok(stored) => stored,
            Err(_gone) => Err(StoreError::Unreadable {
                what: "inbox entry",
                key: String::new(),
                reason: "its task ended".to_owned(),
            }),
        }
    }

    /// Works off what an earlier process left.
    ///
    /// # Errors
    /// The store's, when it cannot be read.
    pub async fn resume(&self) -> Result<(), StoreError> {
        for entry in self.store.inbox().await? {
            let Ok(arrival) = serde_json::from_slice::<Arrival>(&entry.entry) else {
                // Left where it is: a version that can read it may come.
                error!(inbox.key = %entry.key, "an inbox entry cannot be read by this version");
                continue;
            };
            info!(inbox.key = %entry.key, "working off what an earlier process left");
            let inbox = self.clone();
            let (key, turn) = (entry.key, Turn::Again);
            self.tasks.spawn(async move { inbox.work_off(Delivery { key, arrival, turn }).await });
        }
        Ok(())
    }

    async fn put(&self, key: &str, arrival: &Arrival) -> Result<Fresh, StoreError> {
        let entry = serde_json::to_vec(arrival).map_err(|error| StoreError::Unreadable {
            what: "inbox entry",
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        self.store.put_inbox(key, &entry).await
    }

    async fn work_off(&self, delivery: Delivery) {
        let key = delivery.key.clone();
        match (self.work)(delivery).await {
            Outcome::Settled => {
                if let Err(error) = self.store.take_inbox(&key).await {
                    warn!(inbox.key = %key, %error, "an inbox entry stays and will be worked on again");
                }
            }
            Outcome::Unsettled => warn!(inbox.key = %key, "an inbox entry is left to the next start"),
        }
    }
}

impl Arrival {
    /// The trigger, while Slack still takes it. Its three seconds are real ones.
    pub fn fresh_trigger<'a>(&self, trigger: Option<&'a str>, now: Timestamp) -> Option<&'a str> {
        trigger.filter(|_| Now::real(now).elapsed(self.at) < TRIGGER_LIVES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_used_while_it_is_fresh() {
        let at: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let arrival = Arrival { door: Door::Interactions, at, body: String::new() };
        let later = |millis: i64| at + jiff::SignedDuration::from_millis(millis);
        assert_eq!(arrival.fresh_trigger(Some("1.2"), later(200)), Some("1.2"));
        assert_eq!(arrival.fresh_trigger(Some("1.2"), later(2_900)), None);
        assert_eq!(arrival.fresh_trigger(None, later(0)), None);
    }
}
