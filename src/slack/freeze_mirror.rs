//! Slack as a view of the freezes, as [`super::mirror`] is of the incidents.
//!
//! Freezes are few and change seldom, so one task writes one thing after the other. The same hands write: an attempt is
//! stored before a post, and a post whose reply was lost is looked for before it is made again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::client::SlackClient;
use super::client_error::SlackError;
use super::client_types::MessageTs;
use super::mirror_state::{Attempt, Item, MirrorState, whole};
use super::mirror_write::{Hands, Job, Setback};
use super::views::freeze::{card, milestone};
use crate::clock::Clock;
use crate::incident::freeze::{Cause, Freeze, Shown};
use crate::incident::freeze_event::{FreezeEvent, FreezeWhat};
use crate::incident::ids::{ChannelId, FreezeId, IncidentId};
use crate::store::{Store, StoreError};

/// The first wait after a setback, doubled with each further one up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_mins(1);

/// The mirror of the freezes.
#[derive(Debug)]
pub struct FreezeMirror {
    hands: Hands,
    changes: broadcast::Receiver<FreezeId>,
    stop: CancellationToken,
    stale: BTreeMap<FreezeId, Rest>,
}

/// When a freeze may be written of again.
#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: Option<Instant>,
    setbacks: u32,
}

/// A freeze and what Slack shows of it.
struct Look {
    freeze: Freeze,
    events: Vec<(u64, FreezeEvent)>,
    shown: Shown,
    state: MirrorState,
    /// The thread that its message is in, where it is in one.
    thread: Option<MessageTs>,
}

impl FreezeMirror {
    /// A mirror of what is in `store`, kept up to date by `changes`, until `stop`. Reminders go to `operations`, where
    /// there is such a channel.
    pub fn new(
        store: Store,
        slack: SlackClient,
        clock: Clock,
        operations: Option<ChannelId>,
        changes: broadcast::Receiver<FreezeId>,
        stop: CancellationToken,
    ) -> Self {
        Self { hands: Hands { store, slack, clock, operations }, changes, stop, stale: BTreeMap::new() }
    }

    /// Mirrors until it is stopped.
    pub async fn run(mut self) {
        self.watch_all().await;
        loop {
            let now = self.hands.clock.reading();
            let due = self.stale.iter().find(|(_, rest)| rest.until.is_none_or(|until| until <= now));
            if let Some((id, rest)) = due.map(|(id, rest)| (id.clone(), *rest)) {
                let stop = self.stop.clone();
                tokio::select! {
                    written = Box::pin(self.write(&id)) => self.wrote(&id, rest, written),
                    // A post that is under way is looked for after the next start.
                    () = stop.cancelled() => return,
                }
                continue;
            }
            let wait = self.stale.values().filter_map(|rest| rest.until).min();
            let wait = wait.map_or(LONGEST, |until| until.saturating_duration_since(now));
            tokio::select! {
                () = self.stop.cancelled() => return,
                change = self.changes.recv() => match change {
                    Ok(id) => { self.stale.entry(id).or_default(); }
                    Err(RecvError::Lagged(_)) => self.watch_all().await,
                    Err(RecvError::Closed) => return,
                },
                () = self.hands.clock.sleep_really(wait) => {}
            }
        }
    }

    async fn watch_all(&mut self) {
        match self.hands.store.freezes().await {
            Ok(all) => all.into_iter().for_each(|stored| {
                self.stale.entry(stored.freeze.id).or_default();
            }),
            Err(error) => tracing::error!(%error, "the mirror could not read which freezes there are"),
        }
    }

    fn wrote(&mut self, id: &FreezeId, rest: Rest, written: Result<Progress, Setback>) {
        match written {
            Ok(Progress::Further) => {
                self.stale.insert(id.clone(), Rest::default());
            }
            Ok(Progress::Whole) => {
                self.stale.remove(id);
            }
            Ok(Progress::Later(wait)) => {
                let until = Some(self.hands.clock.reading() + wait);
                self.stale.insert(id.clone(), Rest { until, setbacks: 0 });
            }
            Err(setback) => {
                if rest.setbacks == 0 {
                    match &setback {
                        Setback::Slack(error) => {
                            tracing::warn!(freeze = %id, %error, "what is to be said of a freeze waits");
                        }
                        Setback::Store(error) => {
                            tracing::error!(freeze = %id, %error, "the mirror of the freezes cannot use the store");
                        }
                    }
                }
                let wait = SHORTEST.saturating_mul(1 << rest.setbacks.min(6)).min(LONGEST);
                let until = Some(self.hands.clock.reading() + wait);
                self.stale.insert(id.clone(), Rest { until, setbacks: rest.setbacks.saturating_add(1) });
            }
        }
    }

    /// Writes one thing.
    async fn write(&mut self, id: &FreezeId) -> Result<Progress, Setback> {
        let look = match self.look(id).await {
            Ok(Looked::There(look)) => look,
            Ok(Looked::Nothing) => return Ok(Progress::Whole),
            Ok(Looked::NotYet) => return Ok(Progress::Later(SHORTEST)),
            Err(error) => return Err(Setback::Store(error)),
        };
        let Some((channel, job)) = look.next(self.hands.operations.as_ref()) else { return Ok(Progress::Whole) };
        let job = match job {
            Wanted::Ready(job) => job,
            Wanted::Update { ts, message } => match self.hands.slack.try_update() {
                Ok(permit) => Job::Update { permit, item: Item::Card, ts, message },
                Err(wait) => return Ok(Progress::Later(wait)),
            },
        };
        let written = self.hands.write(&name(id), &channel, look.state, job).await;
        match written.end {
            Ok(()) => Ok(Progress::Further),
            Err(Setback::Slack(SlackError::RateLimited { .. })) => Ok(Progress::Later(SHORTEST)),
            Err(setback) => Err(setback),
        }
    }

    async fn look(&self, id: &FreezeId) -> Result<Looked, StoreError> {
        let store = &self.hands.store;
        let Some(stored) = store.freeze(id).await? else { return Ok(Looked::Nothing) };
        let freeze = stored.freeze;
        let Some(shown) = freeze.shown.clone() else { return Ok(Looked::Nothing) };
        let state = store.view(&name(id)).await?.and_then(|view| MirrorState::from_bytes(&view)).unwrap_or_default();
        let thread = match &shown {
            Shown::Channel { .. } => None,
            Shown::Thread { incident, .. } => {
                let view = store.view(incident).await?.and_then(|view| MirrorState::from_bytes(&view));
                match view.and_then(|view| view.card) {
                    Some(card) => Some(card.ts),
                    None => return Ok(Looked::NotYet),
                }
            }
        };
        let events = store.freeze_events(id, 0).await?;
        Ok(Looked::There(Box::new(Look { freeze, events, shown, state, thread })))
    }
}

/// What a look at a freeze came to.
enum Looked {
    /// There is nothing to show.
    Nothing,
    /// What it is to stand under is not there yet.
    NotYet,
    /// This.
    There(Box<Look>),
}

/// How far the writing of a freeze has come.
enum Progress {
    /// There may be more.
    Further,
    /// Slack shows all there is.
    Whole,
    /// Not now.
    Later(Duration),
}

/// Something to write.
enum Wanted {
    Ready(Job),
    Update { ts: MessageTs, message: super::message::Message },
}

/// What marks a freeze's messages, and names what is kept of them.
fn name(id: &FreezeId) -> IncidentId {
    IncidentId::new(id.as_str())
}

impl Look {
    /// What is to be written next, and where.
    fn next(&self, operations: Option<&ChannelId>) -> Option<(ChannelId, Wanted)> {
        if let Some(attempt) = self.state.attempt.clone() {
            let (channel, thread) = self.place(&attempt, operations);
            return Some((channel, Wanted::Ready(Job::LookUp { attempt, thread })));
        }
        let message = card(&self.freeze);
        let channel = self.shown.channel().clone();
        let Some(shown) = &self.state.card else {
            let job = Job::Post { item: Item::Card, thread: self.thread.clone(), message };
            return Some((channel, Wanted::Ready(job)));
        };
        if shown.whole.as_ref() != Some(&whole(&message)) {
            return Some((channel, Wanted::Update { ts: shown.ts.clone(), message }));
        }
        let first = self.events.iter().find(|(_, event)| shows(event)).map_or(0, |(number, _)| *number);
        let from = self.state.cursor.max(first);
        let mut news = self.events.iter().filter(|(number, _)| *number >= from);
        let (number, message) = news.find_map(|(number, event)| Some((*number, milestone(&self.freeze, event)?)))?;
        let item = Item::Event { number };
        let (channel, thread) = self.place_of(item, operations);
        Some((channel, Wanted::Ready(Job::Post { item, thread, message })))
    }

    fn place(&self, attempt: &Attempt, operations: Option<&ChannelId>) -> (ChannelId, Option<MessageTs>) {
        self.place_of(attempt.item, operations)
    }

    /// Where a message of this freeze stands. A reminder calls people, so it stands in a channel of its own right.
    fn place_of(&self, item: Item, operations: Option<&ChannelId>) -> (ChannelId, Option<MessageTs>) {
        let own = self.shown.channel().clone();
        match item {
            Item::Card | Item::Steps | Item::Announcement => (own, self.thread.clone()),
            Item::Event { number } => {
                let event = self.events.iter().find(|(other, _)| *other == number).map(|(_, event)| &event.what);
                if matches!(event, Some(FreezeWhat::Reminded { .. })) {
                    return (operations.cloned().unwrap_or(own), None);
                }
                let thread = self.thread.clone().or_else(|| self.state.card.as_ref().map(|card| card.ts.clone()));
                (own, thread)
            }
        }
    }
}

/// Whether an event is the first reason to show a freeze by itself: what was before is told by an incident.
fn shows(event: &FreezeEvent) -> bool {
    match &event.what {
        FreezeWhat::Opened { holder, .. } | FreezeWhat::Joined { holder } => holder.cause == Cause::Command,
        FreezeWhat::Outlived { .. } => true,
        FreezeWhat::LetGo { .. }
        | FreezeWhat::Retried
        | FreezeWhat::Began
        | FreezeWhat::Acting { .. }
        | FreezeWhat::Accepted { .. }
        | FreezeWhat::Refused { .. }
        | FreezeWhat::Progressed { .. }
        | FreezeWhat::Finished { .. }
        | FreezeWhat::Failed { .. }
        | FreezeWhat::Reminded { .. } => false,
    }
}
