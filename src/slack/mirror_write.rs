//! Carries one write out, and records what came of it.
//!
//! Slack has no idempotency key. So the attempt is stored before a post, and a post whose reply was lost is looked for
//! by its mark before it is made again. Where looking is not possible (the history scopes are optional), it is made
//! again and says that it may be a repetition.

use std::time::Duration;

use serde_json::json;

use super::budget::UpdatePermit;
use super::client::SlackClient;
use super::client_error::SlackError;
use super::client_types::{MessageTs, Post, Posted};
use super::message::Message;
use super::mirror_next::Write;
use super::mirror_state::{Announcement, Attempt, Item, MirrorState, Shown};
use crate::clock::Clock;
use crate::incident::ids::{ChannelId, IncidentId};
use crate::store::{Store, StoreError};

/// How long after a post Slack's history is asked for it: a post whose reply was lost may still be on its way.
const SETTLE: Duration = Duration::from_secs(3);

/// How far Slack's clock and this machine's may be apart.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);

/// What came of a write.
#[derive(Debug)]
pub(super) struct Written {
    /// What is shown now.
    pub(super) state: MirrorState,
    /// How it went.
    pub(super) end: Result<(), Setback>,
}

/// Why a write did not come off. What is to be written stays to be written.
#[derive(Debug)]
pub(super) enum Setback {
    /// Slack.
    Slack(SlackError),
    /// The store.
    Store(StoreError),
}

/// What a write needs.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    pub(super) store: Store,
    pub(super) slack: SlackClient,
    pub(super) clock: Clock,
    /// Where emergencies are announced.
    pub(super) operations: Option<ChannelId>,
}

/// A write that is not waiting for anything any more.
#[derive(Debug)]
pub(super) enum Job {
    /// See [`Write::LookUp`].
    LookUp { attempt: Attempt, thread: Option<MessageTs> },
    /// See [`Write::Post`].
    Post { item: Item, thread: Option<MessageTs>, message: Message },
    /// See [`Write::Update`].
    Update { permit: UpdatePermit, item: Item, ts: MessageTs, message: Message },
}

impl Job {
    /// The job for `write`, with `permit` where it changes a message. `None` where that is missing.
    pub(super) fn of(write: Write, permit: Option<UpdatePermit>) -> Option<Self> {
        match (write, permit) {
            (Write::LookUp { attempt, thread }, _) => Some(Self::LookUp { attempt, thread }),
            (Write::Post { item, thread, message }, _) => Some(Self::Post { item, thread, message }),
            (Write::Update { item, ts, message, urgency: _ }, Some(permit)) => {
                Some(Self::Update { permit, item, ts, message })
            }
            (Write::Update { .. }, None) => None,
        }
    }
}

impl Hands {
    /// Where a message stands: in the incident's channel, and an announcement where emergencies are announced.
    pub(super) fn channel_of<'a>(&'a self, item: Item, incidents: &'a ChannelId) -> &'a ChannelId {
        match item {
            Item::Announcement => self.operations.as_ref().unwrap_or(incidents),
            Item::Card | Item::Steps | Item::Event { .. } => incidents,
        }
    }

    /// Does `job` for `incident`, whose messages stand as `state` says.
    pub(super) async fn write(
        &self,
        incident: &IncidentId,
        channel: &ChannelId,
        state: MirrorState,
        job: Job,
    ) -> Written {
        let item = match &job {
            Job::LookUp { attempt, .. } => attempt.item,
            Job::Post { item, .. } | Job::Update { item, .. } => *item,
        };
        let channel = self.channel_of(item, channel);
        match job {
            Job::LookUp { attempt, thread } => self.look_up(incident, channel, state, attempt, thread).await,
            Job::Post { item, thread, message } => self.post(incident, channel, state, item, thread, message).await,
            Job::Update { permit, item, ts, message } => {
                self.update(permit, incident, channel, state, item, ts, message).await
            }
        }
    }

    async fn post(
        &self,
        incident: &IncidentId,
        channel: &ChannelId,
        mut state: MirrorState,
        item: Item,
        thread: Option<MessageTs>,
        message: Message,
    ) -> Written {
        let before = state.clone();
        state.attempt = Some(Attempt { item, at: self.clock.now().at });
        if let Err(error) = self.keep(incident, &state).await {
            return Written { state: before, end: Err(Setback::Store(error)) };
        }
        let sent = if state.unsure == Some(item) { possibly_repeated(&message) } else { message.clone() };
        let mark = item.mark(incident);
        let post = |message| Post { channel, thread: thread.as_ref(), message, mark: Some(&mark) };
        let mut answer = self.slack.post_message(post(&sent)).await;
        if let Err(error) = &answer
            && is_about_blocks(error)
        {
            tracing::error!(incident = %incident, error = %error, "Slack refused the blocks of a message; its text is sent instead");
            answer = self.slack.post_message(post(&Message::of_text(sent.text.as_str()))).await;
        }
        match answer {
            Ok(ts) => self.kept(incident, state.with(item, Shown::of(ts, &message)), Ok(())).await,
            // The attempt stays: it is looked up next.
            Err(error @ SlackError::Unknown { .. }) => Written { state, end: Err(Setback::Slack(error)) },
            Err(error @ SlackError::Refused { .. }) if item == Item::Announcement => {
                tracing::error!(
                    incident = %incident, error = %error,
                    "an emergency could not be announced in the operations channel: invite Rollbot to it"
                );
                // The thread must not wait for a channel that it does not stand in.
                let state = MirrorState { announcement: Announcement::Over, ..before };
                self.kept(incident, state, Ok(())).await
            }
            Err(error) => {
                let gone = matches!(error.code(), Some("thread_not_found" | "message_not_found"));
                let state = if gone { before.without_card() } else { before };
                self.kept(incident, state, Err(Setback::Slack(error))).await
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one job")]
    async fn update(
        &self,
        permit: UpdatePermit,
        incident: &IncidentId,
        channel: &ChannelId,
        state: MirrorState,
        item: Item,
        ts: MessageTs,
        message: Message,
    ) -> Written {
        let mark = item.mark(incident);
        match self.slack.update(permit, channel, &ts, &message, Some(&mark)).await {
            Ok(()) => self.kept(incident, state.with(item, Shown::of(ts, &message)), Ok(())).await,
            Err(error) if is_gone(&error) => {
                tracing::info!(incident = %incident, error = %error, "a message was deleted or cannot be changed; a new one takes its place");
                let state = match item {
                    Item::Card => state.without_card(),
                    Item::Steps => MirrorState { steps: None, ..state },
                    Item::Event { .. } | Item::Announcement => state,
                };
                self.kept(incident, state, Ok(())).await
            }
            Err(error) => Written { state, end: Err(Setback::Slack(error)) },
        }
    }

    async fn look_up(
        &self,
        incident: &IncidentId,
        channel: &ChannelId,
        mut state: MirrorState,
        attempt: Attempt,
        thread: Option<MessageTs>,
    ) -> Written {
        let passed = Duration::try_from(self.clock.now().at.duration_since(attempt.at)).unwrap_or_default();
        self.clock.sleep_really(SETTLE.saturating_sub(passed)).await;
        let since = attempt.at.checked_sub(SKEW).unwrap_or(attempt.at);
        let found = match &thread {
            Some(thread) => self.slack.replies(channel, thread, since).await,
            None => self.slack.history(channel, since).await,
        };
        let mark = attempt.item.mark(incident);
        match found {
            Ok(messages) => {
                let ts = messages.iter().find(|posted: &&Posted| posted.mark().as_ref() == Some(&mark));
                let state = match ts {
                    Some(posted) => state.with(attempt.item, Shown::found(posted.ts.clone())),
                    None => MirrorState { attempt: None, ..state },
                };
                self.kept(incident, state, Ok(())).await
            }
            Err(error @ SlackError::Refused { .. }) => {
                tracing::warn!(
                    incident = %incident, error = %error,
                    "a message whose reply was lost could not be looked for; it is sent again and says so"
                );
                state.attempt = None;
                state.unsure = Some(attempt.item);
                self.kept(incident, state, Ok(())).await
            }
            Err(error) => Written { state, end: Err(Setback::Slack(error)) },
        }
    }

    async fn kept(&self, incident: &IncidentId, state: MirrorState, end: Result<(), Setback>) -> Written {
        match self.keep(incident, &state).await {
            Ok(()) => Written { state, end },
            Err(error) => Written { state, end: Err(Setback::Store(error)) },
        }
    }

    async fn keep(&self, incident: &IncidentId, state: &MirrorState) -> Result<(), StoreError> {
        self.store.put_view(incident, &state.to_bytes()).await
    }
}

/// Whether Slack refuses the blocks, which a message without them may survive.
fn is_about_blocks(error: &SlackError) -> bool {
    matches!(error.code(), Some("invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long"))
}

/// Whether a message can no longer be changed, so that a new one has to take its place.
fn is_gone(error: &SlackError) -> bool {
    matches!(error.code(), Some("message_not_found" | "cant_update_message" | "edit_window_closed"))
}

/// The message with a note that it may be there twice.
fn possibly_repeated(message: &Message) -> Message {
    let note = "Possibly a repetition: Slack's answer to this message was lost.";
    let mut repeated = message.clone();
    repeated.text = format!("{} ({note})", message.text);
    repeated
        .blocks
        .push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": note, "verbatim": true }] }));
    repeated
}
