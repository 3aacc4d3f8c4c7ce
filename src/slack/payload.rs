//! What Slack posts, read leniently: from verified bytes to what this bot can do something with.
//!
//! Typed models of Slack's payloads refuse what Slack really sends (`team: null` of org-wide installs, `values: []` of
//! an empty form, views without a hash), so fields are picked one by one, and only those that are compulsory here are
//! missed. What is of no concern here is [`Interaction::Other`] or [`Pushed::Other`], by its type alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::incident::ids::{ChannelId, TeamId, UserId};

use super::client_types::{MessageTs, ViewId};

/// Why a verified body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not JSON where JSON belongs.
    #[error("the payload is not JSON")]
    NotJson,
    /// Something is missing that Slack always sends.
    #[error("the payload has no {field}")]
    Missing {
        /// Which field.
        field: &'static str,
    },
}

/// Somebody, as a payload names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// What Slack calls them; the user's id where Slack does not say.
    pub name: String,
    /// Their workspace, where Slack says.
    pub team: Option<TeamId>,
}

/// What arrives at the URL of slash commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// Slack looks whether the certificate is good; nobody typed anything.
    SslCheck,
    /// Somebody typed a command.
    Command(Box<SlashCommand>),
}

/// A slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashCommand {
    /// Which, with its slash.
    pub command: String,
    /// What was typed after it.
    pub text: String,
    /// Who.
    pub by: Person,
    /// Where.
    pub channel: ChannelId,
    /// What opens a modal within three seconds.
    pub trigger_id: Option<String>,
    /// Where answers go for half an hour.
    pub response_url: Option<String>,
}

/// What arrives at the URL of interactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// Somebody clicked a button.
    Click(Box<Click>),
    /// Somebody sent a form.
    Submission(Box<Submission>),
    /// Somebody closed a form.
    Closed,
    /// Something else; its type.
    Other(String),
}

/// A click on a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// Who.
    pub by: Person,
    /// Where.
    pub channel: Option<ChannelId>,
    /// On which message.
    pub message: Option<MessageTs>,
    /// In whose thread the message stands.
    pub thread: Option<MessageTs>,
    /// The button's `action_id`.
    pub action_id: String,
    /// What the button carries.
    pub value: String,
    /// When, as Slack counts; differs for every click.
    pub action_ts: String,
    /// What opens a modal within three seconds.
    pub trigger_id: Option<String>,
    /// Where answers go for half an hour.
    pub response_url: Option<String>,
}

/// A form that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Who.
    pub by: Person,
    /// Which view.
    pub view: ViewId,
    /// The view's state, which changes when the view does.
    pub hash: Option<String>,
    /// Which form.
    pub callback_id: String,
    /// What the form carries along.
    pub private_metadata: String,
    /// What was filled in: the text of each action, by block.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// What was ticked, of all checkboxes together.
    pub ticked: Vec<String>,
}

/// What arrives at the URL of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// Slack looks whether the URL is ours; the challenge is to be given back.
    UrlVerification {
        /// The challenge.
        challenge: String,
    },
    /// An event.
    Event {
        /// Its id, the same for every delivery.
        id: String,
        /// Its type.
        kind: String,
    },
    /// Something else; its type.
    Other(String),
}

/// Reads the body of a slash command.
///
/// # Errors
/// [`Malformed`], when nobody, nowhere or nothing is named.
pub fn command(body: &[u8]) -> Result<Called, Malformed> {
    let mut fields: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let mut take = |field: &str| fields.remove(field).filter(|value| !value.is_empty());
    if take("ssl_check").is_some_and(|check| check != "0") {
        return Ok(Called::SslCheck);
    }
    let user = take("user_id").ok_or(Malformed::Missing { field: "user_id" })?;
    Ok(Called::Command(Box::new(SlashCommand {
        command: take("command").ok_or(Malformed::Missing { field: "command" })?,
        text: take("text").unwrap_or_default(),
        channel: ChannelId::new(take("channel_id").ok_or(Malformed::Missing { field: "channel_id" })?),
        by: Person {
            name: take("user_name").unwrap_or_else(|| user.clone()),
            user: UserId::new(user),
            team: take("team_id").map(TeamId::new),
        },
        trigger_id: take("trigger_id"),
        response_url: take("response_url"),
    })))
}

/// Reads the body of an interaction.
///
/// # Errors
/// [`Malformed`], when there is no payload, or not what its type must have.
pub fn interaction(body: &[u8]) -> Result<Interaction, Malformed> {
    let payload = url::form_urlencoded::parse(body)
        .find(|(field, _)| field == "payload")
        .map(|(_, payload)| payload)
        .ok_or(Malformed::Missing { field: "payload" })?;
    let payload: Value = serde_json::from_str(&payload).map_err(not_json)?;
    let kind = text(&payload, "/type").ok_or(Malformed::Missing { field: "type" })?;
    match kind {
        "block_actions" => click(&payload),
        "view_submission" => submission(&payload),
        "view_closed" => Ok(Interaction::Closed),
        other => Ok(Interaction::Other(other.to_owned())),
    }
}

/// Reads the body of an event.
///
/// # Errors
/// [`Malformed`], when it is not JSON, or an event without an id.
pub fn event(body: &[u8]) -> Result<Pushed, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(not_json)?;
    match text(&body, "/type").ok_or(Malformed::Missing { field: "type" })? {
        "url_verification" => Ok(Pushed::UrlVerification {
            challenge: owned(&body, "/challenge").ok_or(Malformed::Missing { field: "challenge" })?,
        }),
        "event_callback" => Ok(Pushed::Event {
            id: owned(&body, "/event_id").ok_or(Malformed::Missing { field: "event_id" })?,
            kind: owned(&body, "/event/type").unwrap_or_else(|| "unknown".to_owned()),
        }),
        other => Ok(Pushed::Other(other.to_owned())),
    }
}

fn click(payload: &Value) -> Result<Interaction, Malformed> {
    let first = payload.pointer("/actions/0").ok_or(Malformed::Missing { field: "actions" })?;
    let channel = owned(payload, "/channel/id").or_else(|| owned(payload, "/container/channel_id"));
    let message = owned(payload, "/container/message_ts").or_else(|| owned(payload, "/message/ts"));
    let thread = owned(payload, "/message/thread_ts").or_else(|| owned(payload, "/container/thread_ts"));
    Ok(Interaction::Click(Box::new(Click {
        by: person(payload)?,
        channel: channel.map(ChannelId::new),
        message: message.map(MessageTs::new),
        thread: thread.map(MessageTs::new),
        action_id: owned(first, "/action_id").ok_or(Malformed::Missing { field: "action_id" })?,
        value: entered(first).unwrap_or_default(),
        action_ts: owned(first, "/action_ts").unwrap_or_default(),
        trigger_id: owned(payload, "/trigger_id"),
        response_url: owned(payload, "/response_url"),
    })))
}

fn submission(payload: &Value) -> Result<Interaction, Malformed> {
    let mut values: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    // An empty form has `"values": []`, or no state at all.
    let blocks = payload.pointer("/view/state/values").and_then(Value::as_object);
    let mut ticked = Vec::new();
    for (block, actions) in blocks.into_iter().flatten() {
        let states = actions.as_object().into_iter().flat_map(|actions| actions.values());
        let options = states.filter_map(|state| state.get("selected_options")?.as_array()).flatten();
        ticked.extend(options.filter_map(|option| owned(option, "/value")));
        let entered = actions
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(action, state)| Some((action.clone(), entered(state)?)));
        values.insert(block.clone(), entered.collect());
    }
    Ok(Interaction::Submission(Box::new(Submission {
        by: person(payload)?,
        view: owned(payload, "/view/id").map(ViewId::new).ok_or(Malformed::Missing { field: "view" })?,
        hash: owned(payload, "/view/hash"),
        callback_id: owned(payload, "/view/callback_id").unwrap_or_default(),
        private_metadata: owned(payload, "/view/private_metadata").unwrap_or_default(),
        values,
        ticked,
    })))
}

/// The person's own workspace, where Slack names it; else the one that the interaction belongs to, which is null in
/// installs for a whole organisation.
fn person(payload: &Value) -> Result<Person, Malformed> {
    let user = owned(payload, "/user/id").ok_or(Malformed::Missing { field: "user" })?;
    let name = ["/user/username", "/user/name"].into_iter().find_map(|pointer| owned(payload, pointer));
    let team = ["/user/team_id", "/team/id"].into_iter().find_map(|pointer| owned(payload, pointer));
    Ok(Person { name: name.unwrap_or_else(|| user.clone()), user: UserId::new(user), team: team.map(TeamId::new) })
}

/// What an element was given, whatever kind it is.
fn entered(state: &Value) -> Option<String> {
    ["/value", "/selected_option/value", "/selected_user", "/selected_channel", "/selected_conversation"]
        .into_iter()
        .find_map(|pointer| owned(state, pointer))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(str::to_owned)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn not_json(error: serde_json::Error) -> Malformed {
    // The error itself can repeat what somebody wrote.
    tracing::debug!(line = error.line(), column = error.column(), "a payload is not JSON");
    Malformed::NotJson
}

impl SlashCommand {
    /// What makes this delivery one of a kind.
    pub fn key(&self, body: &[u8]) -> String {
        match &self.trigger_id {
            Some(trigger) => format!("command/{trigger}"),
            None => format!("command/{}", crate::incident::ids::Digest::of(body)),
        }
    }
}

impl Click {
    /// What makes this click one of a kind: who, what, on which message, when.
    pub fn key(&self) -> String {
        format!("click/{}", self.hashed(&self.action_ts))
    }

    /// The same for both halves of a double click.
    pub fn gesture(&self) -> String {
        self.hashed("")
    }

    fn hashed(&self, when: &str) -> String {
        let message = self.message.as_ref().map(MessageTs::as_str);
        let parts = serde_json::json!([self.by.user, self.action_id, self.value, message, when]);
        crate::incident::ids::Digest::of(parts.to_string().as_bytes()).to_string()
    }
}

impl Submission {
    /// What makes this submission one of a kind.
    pub fn key(&self) -> String {
        format!("submission/{}/{}", self.view, self.hash.as_deref().unwrap_or_default())
    }
}
