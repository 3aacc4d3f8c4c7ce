//! Slack as a view of the record.
//!
//! One task for the workspace. It hears which incidents change, asks [`super::mirror_next`] what Slack has to show, and
//! writes: one write at a time for each incident, several incidents side by side. Changes that come faster than the
//! budget allows are coalesced, because every look is at the newest record. It never holds up the engine: nobody waits
//! for it, and while Slack is away everything stays to be written. After a restart it goes on from what it has stored.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::client::SlackClient;
use super::client_error::SlackError;
use super::mirror_next::{Next, Urgency, Write, next};
use super::mirror_state::MirrorState;
use super::mirror_write::{Hands, Job, Setback, Written};
use crate::clock::Clock;
use crate::incident::ids::{ChannelId, IncidentId};
use crate::incident::incident::{Incident, State};
use crate::store::{HistoryFilter, Page, Store, StoreError};

/// How long a shutdown waits for writes that are under way: less than a call may take, more than one usually takes.
const GRACE: Duration = Duration::from_secs(5);
/// The first wait after Slack was away, doubled with each further one up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait while Slack is away.
const LONGEST: Duration = Duration::from_mins(1);
/// How long until a channel that refuses messages is tried again: somebody has to invite Rollbot first.
const REFUSED: Duration = Duration::from_mins(2);
/// How long between two changes of one incident's messages that show mere progress: readable, and kind to the budget.
const PROGRESS: Duration = Duration::from_secs(2);
/// How far back closed incidents are looked at after a start, for those whose last card was not written.
const RECENT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// How many of them at the most.
const RECENT_INCIDENTS: usize = 200;

/// The mirror of one workspace.
#[derive(Debug)]
pub struct Mirror {
    hands: Hands,
    changes: broadcast::Receiver<IncidentId>,
    stop: CancellationToken,
    watched: BTreeMap<IncidentId, Watched>,
}

/// What is in memory of an incident that is not shown to its end.
#[derive(Debug, Default)]
struct Watched {
    /// Read from the store at the first look.
    state: Option<MirrorState>,
    /// Whether there may be something to write.
    stale: bool,
    /// Whether a write is under way.
    busy: bool,
    /// How many changes have come since the last write: the busiest go first.
    changes: u32,
    /// Not to be tried before.
    rest_until: Option<Instant>,
    /// Since when a post waits for room in its channel: whoever waits longest goes first.
    post_waits_since: Option<Instant>,
    /// No mere progress before.
    progress_after: Option<Instant>,
    /// How often in a row Slack was away.
    setbacks: u32,
    /// The refusal that was logged last; it is not logged again.
    refused: Option<String>,
}

type Writing = BoxFuture<'static, (IncidentId, Written)>;

/// A write that waits for a place in the budget.
struct Candidate {
    id: IncidentId,
    channel: ChannelId,
    writes: Vec<Write>,
    urgency: Option<Urgency>,
    post_waits_since: Option<Instant>,
    changes: u32,
}

impl Candidate {
    /// The most urgent first; then who has waited longest to post, before who has not waited; then the busiest.
    fn weight(&self) -> impl Ord + use<> {
        let waiting = self.post_waits_since.map(Reverse);
        Reverse((self.urgency, waiting, self.changes))
    }
}

impl Mirror {
    /// A mirror of what is in `store`, kept up to date by `changes`, until `stop`.
    pub fn new(
        store: Store,
        slack: SlackClient,
        clock: Clock,
        changes: broadcast::Receiver<IncidentId>,
        stop: CancellationToken,
    ) -> Self {
        Self { hands: Hands { store, slack, clock, operations: None }, changes, stop, watched: BTreeMap::new() }
    }

    /// The same, with a channel in which emergencies are announced.
    #[must_use]
    pub fn announcing_in(mut self, operations: Option<ChannelId>) -> Self {
        self.hands.operations = operations;
        self
    }

    /// Mirrors until it is stopped; what is under way then is finished within a few seconds.
    pub async fn run(mut self) {
        let mut writing: FuturesUnordered<Writing> = FuturesUnordered::new();
        self.watch_all().await;
        loop {
            let wait = self.turn(&mut writing).await;
            tokio::select! {
                () = self.stop.cancelled() => break,
                change = self.changes.recv() => match change {
                    Ok(id) => self.changed(id),
                    Err(RecvError::Lagged(_)) => self.watch_all().await,
                    Err(RecvError::Closed) => break,
                },
                Some((id, written)) = writing.next() => self.wrote(&id, written),
                () = self.hands.clock.sleep_really(wait) => {}
            }
        }
        let rest = async { while writing.next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("a message to Slack was under way at the end; it is looked for after the next start");
        }
    }

    fn changed(&mut self, id: IncidentId) {
        let watched = self.watched.entry(id).or_default();
        watched.stale = true;
        watched.changes = watched.changes.saturating_add(1);
    }

    /// Takes up everything open, and what was closed a short while ago.
    async fn watch_all(&mut self) {
        let recently = self.hands.clock.now().at.checked_sub(RECENT).unwrap_or_default();
        let all = async {
            let open = self.hands.store.open().await?;
            let past = self.hands.store.history(&HistoryFilter::All, Page::first(RECENT_INCIDENTS)).await?;
            let closed = past
                .incidents
                .into_iter()
                .filter(|stored| matches!(&stored.incident.state, State::Closed(closed) if closed.at >= recently));
            Ok::<_, StoreError>(open.into_iter().chain(closed).map(|stored| stored.incident.id).collect::<Vec<_>>())
        };
        match all.await {
            Ok(ids) => ids.into_iter().for_each(|id| self.watched.entry(id).or_default().stale = true),
            Err(error) => tracing::error!(error = %error, "the mirror could not read which incidents are open"),
        }
    }

    /// Begins every write that may begin now; says how long until another may.
    async fn turn(&mut self, writing: &mut FuturesUnordered<Writing>) -> Duration {
        let now = self.hands.clock.reading();
        let due: Vec<IncidentId> = self
            .watched
            .iter()
            .filter(|(_, watched)| {
                watched.stale && !watched.busy && watched.rest_until.is_none_or(|until| until <= now)
            })
            .map(|(id, _)| id.clone())
            .collect();
        let mut candidates = Vec::new();
        for id in due {
            match self.look(&id).await {
                Ok(candidate) => candidates.extend(candidate),
                Err(error) => {
                    tracing::error!(incident = %id, error = %error, "the mirror could not read an incident");
                    self.rest(&id, LONGEST);
                }
            }
        }
        candidates.sort_by_key(Candidate::weight);
        let mut wait = LONGEST;
        for candidate in candidates {
            wait = wait.min(self.begin(candidate, now, writing));
        }
        let rests = self.watched.values().filter(|watched| watched.stale && !watched.busy);
        let soonest = rests.filter_map(|watched| watched.rest_until).min();
        wait.min(soonest.map_or(LONGEST, |until| until.saturating_duration_since(now)))
    }

    /// What there is to write for an incident; `None`, and out of memory when it is over, if nothing.
    async fn look(&mut self, id: &IncidentId) -> Result<Option<Candidate>, StoreError> {
        let known = self.watched.get(id).and_then(|watched| watched.state.clone());
        let mut state = match known {
            Some(state) => state,
            None => self.hands.remembered(id).await?,
        };
        // The events first: so the record is at least as new.
        let events = self.hands.store.events(id, state.cursor).await?;
        let Some(stored) = self.hands.store.load(id).await? else {
            self.watched.remove(id);
            return Ok(None);
        };
        let incident: Incident = stored.incident;
        let Next { cursor, writes } =
            next(&state, &incident, &events, self.hands.operations.as_ref(), self.hands.clock.now());
        state.cursor = cursor;
        if writes.is_empty() && incident.is_closed() {
            self.watched.remove(id);
            return Ok(None);
        }
        let Some(watched) = self.watched.get_mut(id) else {
            return Ok(None);
        };
        watched.state = Some(state);
        watched.stale = !writes.is_empty();
        let urgency = writes.iter().find_map(|write| match write {
            Write::Update { urgency, .. } => Some(*urgency),
            Write::LookUp { .. } | Write::Post { .. } => None,
        });
        let candidate = Candidate {
            id: id.clone(),
            channel: incident.request.channel,
            writes,
            urgency,
            post_waits_since: watched.post_waits_since,
            changes: watched.changes,
        };
        Ok((!candidate.writes.is_empty()).then_some(candidate))
    }

    /// Begins the first write of a candidate that may begin; says how long until the others may.
    fn begin(&mut self, candidate: Candidate, now: Instant, writing: &mut FuturesUnordered<Writing>) -> Duration {
        let mut wait = LONGEST;
        let Some(watched) = self.watched.get_mut(&candidate.id) else {
            return wait;
        };
        let mut chosen = None;
        for write in candidate.writes {
            let permit = match &write {
                Write::LookUp { .. } => None,
                // A post that would wait does not hold up the card.
                Write::Post { item, .. } => {
                    let channel = self.hands.channel_of(*item, &candidate.channel);
                    if let Some(until) = self.hands.slack.post_waits(channel) {
                        watched.post_waits_since.get_or_insert(now);
                        wait = wait.min(until);
                        continue;
                    }
                    watched.post_waits_since = None;
                    None
                }
                Write::Update { urgency: Urgency::Progress, .. }
                    if watched.progress_after.is_some_and(|after| after > now) =>
                {
                    let after = watched.progress_after.unwrap_or(now);
                    wait = wait.min(after.saturating_duration_since(now));
                    continue;
                }
                Write::Update { .. } => match self.hands.slack.try_update() {
                    Ok(permit) => Some(permit),
                    Err(until) => {
                        wait = wait.min(until);
                        continue;
                    }
                },
            };
            chosen = Job::of(write, permit);
            break;
        }
        let (Some(job), Some(state)) = (chosen, watched.state.clone()) else {
            return wait;
        };
        if matches!(job, Job::Update { .. }) {
            watched.progress_after = Some(now + PROGRESS);
        }
        watched.busy = true;
        watched.changes = 0;
        let (hands, id, channel) = (self.hands.clone(), candidate.id, candidate.channel);
        writing.push(Box::pin(async move {
            let written = hands.write(&id, &channel, state, job).await;
            (id, written)
        }));
        wait
    }

    fn wrote(&mut self, id: &IncidentId, written: Written) {
        let Some(watched) = self.watched.get_mut(id) else {
            return;
        };
        watched.busy = false;
        watched.stale = true;
        watched.state = Some(written.state);
        match written.end {
            Ok(()) => {
                if watched.setbacks > 0 || watched.refused.is_some() {
                    tracing::info!(incident = %id, "Slack takes messages again");
                }
                watched.setbacks = 0;
                watched.refused = None;
                watched.rest_until = None;
            }
            Err(setback) => {
                let rest = watched.set_back(id, &setback);
                self.rest(id, rest);
            }
        }
    }

    fn rest(&mut self, id: &IncidentId, rest: Duration) {
        let until = self.hands.clock.reading() + rest;
        if let Some(watched) = self.watched.get_mut(id) {
            watched.rest_until = Some(until);
        }
    }
}

impl Watched {
    /// Logs a setback once, and says how long to wait after it.
    fn set_back(&mut self, id: &IncidentId, setback: &Setback) -> Duration {
        match setback {
            // The budget has closed the method; what is to be written waits there.
            Setback::Slack(SlackError::RateLimited { .. }) => Duration::ZERO,
            Setback::Slack(SlackError::Refused { code, .. })
                if matches!(code.as_str(), "thread_not_found" | "message_not_found") =>
            {
                Duration::ZERO
            }
            Setback::Slack(error @ SlackError::Refused { code, .. }) => {
                if self.refused.as_deref() != Some(code) {
                    tracing::error!(incident = %id, error = %error, "Slack refuses messages of this incident{}", advice(code));
                    self.refused = Some(code.clone());
                }
                REFUSED
            }
            Setback::Slack(error @ (SlackError::Transient { .. } | SlackError::Unknown { .. })) => {
                if self.setbacks == 0 {
                    tracing::warn!(incident = %id, error = %error, "Slack is away; what is to be said waits");
                }
                let rest = SHORTEST.saturating_mul(1 << self.setbacks.min(6)).min(LONGEST);
                self.setbacks = self.setbacks.saturating_add(1);
                rest
            }
            Setback::Store(error) => {
                tracing::error!(incident = %id, error = %error, "the mirror could not store what it has shown");
                LONGEST
            }
        }
    }
}

/// What whoever reads the log can do.
fn advice(code: &str) -> &'static str {
    match code {
        "not_in_channel" | "channel_not_found" => ": invite Rollbot to the channel",
        "is_archived" => ": the channel is archived",
        "missing_scope" => ": the app lacks a scope of its manifest",
        "token_revoked" | "account_inactive" | "invalid_auth" => ": SLACK_BOT_TOKEN is not valid",
        _ => "",
    }
}

impl Hands {
    /// What was stored of an incident's messages. What this version cannot read is begun anew, without old news.
    async fn remembered(&self, id: &IncidentId) -> Result<MirrorState, StoreError> {
        let stored = match self.store.view(id).await {
            Ok(None) => return Ok(MirrorState::default()),
            Ok(Some(bytes)) => MirrorState::from_bytes(&bytes),
            Err(StoreError::Unreadable { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(state) = stored {
            return Ok(state);
        }
        tracing::error!(incident = %id, "what is stored of this incident's messages cannot be read; a new card is posted");
        let last = self.store.events(id, 0).await?.last().map(|(number, _)| number.saturating_add(1));
        Ok(MirrorState { cursor: last.unwrap_or(0), ..MirrorState::default() })
    }
}
