//! What is sent to Slack and what is kept of its answers: our own lenient shapes. slack-morphism's models refuse
//! payloads that Slack really sends, and a refusal of the answer to a write looks like a failed write.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Message;
use crate::incident::ids::{ChannelId, IncidentId, TeamId, UserId};

/// A message's timestamp, which is its name within a channel: `1730462400.000100`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageTs(String);

/// An open modal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ViewId(String);

macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// The name as Slack gave it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text!(MessageTs);
text!(ViewId);

/// The event type of Rollbot's own messages' metadata.
pub const METADATA_EVENT: &str = "rollbot";

/// What marks a message as Rollbot's own, so that it can be found again. Strings only: Slack's typed clients refuse
/// anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which incident.
    pub incident: IncidentId,
    /// Which of its messages: `card`, `steps`, `event-7`.
    pub message: String,
}

/// A message to post.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where.
    pub channel: &'a ChannelId,
    /// In whose thread.
    pub thread: Option<&'a MessageTs>,
    /// What.
    pub message: &'a Message,
    /// How it can be found again.
    pub mark: Option<&'a Mark>,
}

/// Who sees an answer to a response URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever typed or clicked.
    Person,
    /// Everybody in the channel.
    Channel,
}

/// What becomes of the message that a response URL belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original {
    /// It stays.
    Keep,
    /// The answer takes its place.
    Replace,
}

/// Who the token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace that Rollbot is installed in.
    pub team: TeamId,
    /// The workspace's name.
    pub team_name: String,
    /// Rollbot's own user.
    pub user: UserId,
    /// Rollbot's bot id (`B…`).
    pub bot: Option<String>,
}

/// A person as Slack knows them; what Slack leaves out is `None`, and `None` is never taken for a no.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SlackUser {
    /// Who.
    pub id: UserId,
    /// Their workspace.
    #[serde(default)]
    pub team_id: Option<TeamId>,
    /// Their account's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Their full name.
    #[serde(default)]
    pub real_name: Option<String>,
    /// Whether the account is deactivated.
    #[serde(default)]
    pub deleted: Option<bool>,
    /// Whether it is a bot.
    #[serde(default)]
    pub is_bot: Option<bool>,
    /// Whether it is a guest of several channels.
    #[serde(default)]
    pub is_restricted: Option<bool>,
    /// Whether it is a guest of one channel.
    #[serde(default)]
    pub is_ultra_restricted: Option<bool>,
    /// Whether they come from another workspace by Slack Connect.
    #[serde(default)]
    pub is_stranger: Option<bool>,
}

/// A channel as Slack knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conversation {
    /// Which.
    pub id: ChannelId,
    /// Its name, without `#`.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether Rollbot is a member.
    #[serde(default)]
    pub is_member: Option<bool>,
    /// Whether it is archived.
    #[serde(default)]
    pub is_archived: Option<bool>,
    /// Whether it is shared with another workspace.
    #[serde(default)]
    pub is_ext_shared: Option<bool>,
}

/// A message that stands in a channel.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Posted {
    /// Its name.
    pub ts: MessageTs,
    /// Its thread, where it is in one or has one.
    #[serde(default)]
    pub thread_ts: Option<MessageTs>,
    /// The bot that wrote it.
    #[serde(default)]
    pub bot_id: Option<String>,
    /// Its metadata, as it came.
    #[serde(default)]
    metadata: Option<Value>,
}

impl Posted {
    /// Rollbot's mark on it, if it bears one.
    pub fn mark(&self) -> Option<Mark> {
        let metadata = self.metadata.as_ref()?;
        if metadata.get("event_type")?.as_str()? != METADATA_EVENT {
            return None;
        }
        Mark::deserialize(metadata.get("event_payload")?).ok()
    }
}

#[derive(Serialize)]
pub(super) struct MetadataBody<'a> {
    event_type: &'static str,
    event_payload: &'a Mark,
}

impl<'a> MetadataBody<'a> {
    pub(super) fn of(mark: &'a Mark) -> Self {
        Self { event_type: METADATA_EVENT, event_payload: mark }
    }
}

#[derive(Serialize)]
pub(super) struct PostBody<'a> {
    pub(super) channel: &'a ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_ts: Option<&'a MessageTs>,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    pub(super) blocks: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<MetadataBody<'a>>,
    pub(super) unfurl_links: bool,
    pub(super) unfurl_media: bool,
}

#[derive(Serialize)]
pub(super) struct UpdateBody<'a> {
    pub(super) channel: &'a ChannelId,
    pub(super) ts: &'a MessageTs,
    pub(super) text: &'a str,
    /// Always sent: left out, Slack keeps the old blocks.
    pub(super) blocks: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<MetadataBody<'a>>,
}

#[derive(Serialize)]
pub(super) struct EphemeralBody<'a> {
    pub(super) channel: &'a ChannelId,
    pub(super) user: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_ts: Option<&'a MessageTs>,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    pub(super) blocks: &'a [Value],
}

#[derive(Serialize)]
pub(super) struct RespondBody<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    pub(super) blocks: &'a [Value],
    pub(super) response_type: &'static str,
    pub(super) replace_original: bool,
}

#[derive(Serialize)]
pub(super) struct ViewBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trigger_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) view_id: Option<&'a ViewId>,
    pub(super) view: &'a Value,
}
