//! What the mirror remembers of one incident, beside the record: where its messages stand and how far they are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::client_types::{Mark, MessageTs};
use super::message::Message;
use crate::incident::ids::{Digest, IncidentId};

/// One of an incident's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub(super) enum Item {
    /// The card in the channel.
    Card,
    /// The step list in its thread.
    Steps,
    /// The announcement of an emergency in the operations channel.
    Announcement,
    /// The thread post of one event.
    Event {
        /// The event's number.
        number: u64,
    },
}

/// A post that was begun. It is recorded before the call, so that a lost reply or a crash is known afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// What was being posted.
    pub(super) item: Item,
    /// When.
    pub(super) at: Timestamp,
}

/// A message as it was last shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    /// Its name.
    pub(super) ts: MessageTs,
    /// The digest of all of it; `None` when it is not known what it shows.
    pub(super) whole: Option<Digest>,
    /// The digest of its headline and buttons: when these differ, the state has changed and not merely its progress.
    pub(super) state: Option<Digest>,
}

/// What the mirror remembers of one incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct MirrorState {
    /// The card.
    pub(super) card: Option<Shown>,
    /// The step list.
    pub(super) steps: Option<Shown>,
    /// The number of the first event that has not been considered.
    pub(super) cursor: u64,
    /// A post whose outcome is not recorded.
    pub(super) attempt: Option<Attempt>,
    /// A post that may have been made already and could not be looked for.
    pub(super) unsure: Option<Item>,
    /// Whether an emergency has been announced.
    #[serde(default)]
    pub(super) announcement: Announcement,
}

/// How far the announcement of an emergency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Announcement {
    /// Not made, where one is to be made.
    #[default]
    Due,
    /// Made, or refused by Slack for good, which is logged.
    Over,
}

/// How it is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Stored {
    #[serde(rename = "1")]
    One(MirrorState),
}

impl Item {
    /// How the message is marked, so that it can be found again.
    pub(super) fn mark(self, incident: &IncidentId) -> Mark {
        let message = match self {
            Self::Card => "card".to_owned(),
            Self::Steps => "steps".to_owned(),
            Self::Announcement => "announcement".to_owned(),
            Self::Event { number } => format!("event-{number}"),
        };
        Mark { incident: incident.clone(), message }
    }
}

impl Shown {
    /// What is known of `message` now that it stands at `ts`.
    pub(super) fn of(ts: MessageTs, message: &Message) -> Self {
        Self { ts, whole: Some(whole(message)), state: Some(state(message)) }
    }

    /// A message that was found again; what it shows is not known.
    pub(super) fn found(ts: MessageTs) -> Self {
        Self { ts, whole: None, state: None }
    }
}

/// The digest of all that a message shows.
pub(super) fn whole(message: &Message) -> Digest {
    Digest::of(&serde_json::to_vec(message).unwrap_or_default())
}

/// The digest of a message's headline and buttons.
pub(super) fn state(message: &Message) -> Digest {
    let parts: Vec<_> = message
        .blocks
        .iter()
        .filter(|block| matches!(block.get("type").and_then(|of| of.as_str()), Some("header" | "actions")))
        .collect();
    Digest::of(&serde_json::to_vec(&parts).unwrap_or_default())
}

impl MirrorState {
    /// The state as bytes for the store.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Stored::One(self.clone())).unwrap_or_default()
    }

    /// The state from the store's bytes; `None` where this version cannot read them.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(|Stored::One(state)| state)
    }

    /// The state after `item` was found or posted as `shown`.
    #[must_use]
    pub(super) fn with(mut self, item: Item, shown: Shown) -> Self {
        match item {
            Item::Card => self.card = Some(shown),
            Item::Steps => self.steps = Some(shown),
            Item::Announcement => self.announcement = Announcement::Over,
            Item::Event { number } => self.cursor = self.cursor.max(number.saturating_add(1)),
        }
        self.attempt = None;
        self.unsure = self.unsure.filter(|unsure| *unsure != item);
        self
    }

    /// The state after the card was found to be deleted: its thread went with it. Events that were told stay told.
    #[must_use]
    pub(super) fn without_card(mut self) -> Self {
        self.card = None;
        self.steps = None;
        self.attempt = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again_and_what_is_newer_is_not_guessed_at() {
        let state = MirrorState {
            card: Some(Shown::of(MessageTs::new("1.2"), &Message::of_text("x"))),
            steps: None,
            cursor: 7,
            attempt: Some(Attempt { item: Item::Event { number: 7 }, at: "2026-11-01T12:00:00Z".parse().unwrap() }),
            unsure: None,
            announcement: Announcement::Due,
        };
        let bytes = state.to_bytes();
        assert!(
            bytes.starts_with(br#"{"format":"1","card":{"ts":"1.2","whole":"#),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        assert_eq!(MirrorState::from_bytes(&bytes), Some(state));
        let newer = String::from_utf8(bytes).unwrap().replace(r#""format":"1""#, r#""format":"2""#);
        assert_eq!(MirrorState::from_bytes(newer.as_bytes()), None);
    }
}
