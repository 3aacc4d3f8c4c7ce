//! A message as the stand-in keeps it, and as Slack's API shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::workspace::Workspace;

/// Which message: what a click refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageRef {
    /// Channel id.
    pub channel: String,
    /// The message's `ts`.
    pub ts: String,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The app's bot user.
    App,
    /// A person, by user id.
    Person(String),
}

/// A message in a channel, a thread or a direct message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Channel id.
    pub channel: String,
    /// `1700000000.000100`: identity and time of posting, real seconds.
    pub ts: String,
    /// The `ts` of the thread's root, for a reply.
    pub thread_ts: Option<String>,
    /// Whether a reply is shown in the channel too (`reply_broadcast`).
    pub broadcast: bool,
    /// Who wrote it.
    pub author: Author,
    /// The text; beside blocks it is what notifications say.
    pub text: String,
    /// Block Kit blocks, with the `block_id`s and `action_id`s that Slack fills in.
    pub blocks: Vec<Value>,
    /// `{event_type, event_payload}`.
    pub metadata: Option<Value>,
    /// `ts` of the last edit.
    pub edited: Option<String>,
    /// The only person who sees it, for an ephemeral message.
    pub visible_to: Option<String>,
    /// Emoji names and who reacted.
    pub reactions: Vec<(String, String)>,
    /// Whether it is pinned to its channel.
    pub pinned: bool,
}

/// How much of a message's metadata a reply of the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// All of it.
    Whole,
    /// `event_type` alone, as histories have it without `include_all_metadata`.
    TypeOnly,
}

impl Message {
    /// What a click refers to.
    pub fn reference(&self) -> MessageRef {
        MessageRef { channel: self.channel.clone(), ts: self.ts.clone() }
    }

    /// Whether `user` sees it, being in its channel.
    pub fn is_visible_to(&self, user: &str) -> bool {
        self.visible_to.as_deref().is_none_or(|only| only == user)
    }

    /// Whether it stands in the channel itself and not only in a thread.
    pub fn is_in_channel(&self) -> bool {
        self.thread_ts.is_none() || self.broadcast
    }

    /// The message object of Slack's API. `replies` are the `ts` and users of its thread.
    pub fn to_api(&self, workspace: &Workspace, metadata: Metadata, replies: &[(String, String)]) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| {
            object.insert(key.to_owned(), value);
        };
        put("type", json!("message"));
        put("ts", json!(self.ts));
        put("team", json!(workspace.team_id));
        put("text", json!(self.text));
        match &self.author {
            Author::App => {
                put("user", json!(workspace.bot_user));
                put("bot_id", json!(workspace.bot_id));
                put("app_id", json!(workspace.app_id));
                put(
                    "bot_profile",
                    json!({"id": workspace.bot_id, "app_id": workspace.app_id, "user_id": workspace.bot_user,
                        "name": workspace.bot_name, "team_id": workspace.team_id, "deleted": false, "updated": 0,
                        "icons": {}}),
                );
            }
            Author::Person(id) => put("user", json!(id)),
        }
        if !self.blocks.is_empty() {
            put("blocks", json!(self.blocks));
        }
        if let Some(kept) = &self.metadata {
            put(
                "metadata",
                match metadata {
                    Metadata::Whole => kept.clone(),
                    Metadata::TypeOnly => json!({"event_type": kept.get("event_type")}),
                },
            );
        }
        if let Some(edited) = &self.edited {
            put("edited", json!({"user": workspace.bot_id, "ts": edited}));
        }
        if let Some(thread) = &self.thread_ts {
            put("thread_ts", json!(thread));
            if self.broadcast {
                put("subtype", json!("thread_broadcast"));
            }
        }
        if let Some((latest, _)) = replies.last() {
            let mut users: Vec<&String> = Vec::new();
            for (_, user) in replies {
                if !users.contains(&user) {
                    users.push(user);
                }
            }
            put("thread_ts", json!(self.ts));
            put("reply_count", json!(replies.len()));
            put("reply_users_count", json!(users.len()));
            put("reply_users", json!(users));
            put("latest_reply", json!(latest));
        }
        if !self.reactions.is_empty() {
            let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
            for (name, user) in &self.reactions {
                match grouped.iter_mut().find(|(known, _)| known == name) {
                    Some((_, users)) => users.push(user),
                    None => grouped.push((name, vec![user])),
                }
            }
            let reactions: Vec<Value> = grouped
                .into_iter()
                .map(|(name, users)| json!({"name": name, "count": users.len(), "users": users}))
                .collect();
            put("reactions", json!(reactions));
        }
        if self.pinned {
            put("pinned_to", json!([self.channel]));
        }
        Value::Object(object)
    }
}
