//! Somebody clicks a button or chooses from a menu, in a message or in a view.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::super::delivery::{Delivered, NoAck};
use super::super::form::{self, Field};
use super::super::message::{Message, MessageRef, Metadata};
use super::super::reply::{Outcome, Reply};
use super::super::stand_in::SlackStandIn;
use super::super::state::{Destination, State};
use super::super::view::View;
use super::super::workspace::{Channel, Person};
use super::typing::{channel_name, present};

/// What every interaction payload says about who did it and for which app.
pub(super) fn envelope(state: &State, kind: &str, person: &Person) -> Map<String, Value> {
    let workspace = &state.workspace;
    let mut payload = Map::new();
    let mut put = |key: &str, value: Value| payload.insert(key.to_owned(), value);
    put("type", json!(kind));
    put("user", json!({"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id}));
    put("api_app_id", json!(workspace.app_id));
    put("token", json!("legacy-verification-token"));
    put("team", json!({"id": workspace.team_id, "domain": workspace.domain}));
    put("enterprise", Value::Null);
    put("is_enterprise_install", json!(false));
    payload
}

/// The action of a click on a button or of a choice in a field: the element's ids, its kind, what it carries.
fn action(state: &mut State, block_id: &str, element: &Value, chosen: Option<&Value>) -> Value {
    let mut action = Map::new();
    for key in ["type", "action_id", "text", "value", "style", "url", "placeholder"] {
        if let Some(value) = element.get(key).filter(|_| chosen.is_none() || key != "text") {
            action.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(chosen)) = chosen {
        action.extend(chosen.clone());
    }
    action.insert("block_id".to_owned(), json!(block_id));
    action.insert("action_ts".to_owned(), json!(state.next_ts()));
    Value::Object(action)
}

/// The `block_actions` payload of something done to a message.
fn on_message(
    state: &mut State,
    (person, channel): (&Person, &Channel),
    message: &Message,
    action: &Value,
    now: Instant,
) -> Value {
    let mut payload = envelope(state, "block_actions", person);
    let mut container = json!({"type": "message", "message_ts": message.ts, "channel_id": channel.id,
        "is_ephemeral": message.visible_to.is_some()});
    if let (Some(thread), Some(container)) = (&message.thread_ts, container.as_object_mut()) {
        container.insert("thread_ts".to_owned(), json!(thread));
    }
    payload.insert("container".to_owned(), container);
    let trigger = state.issue_trigger(&person.id, now);
    payload.insert("trigger_id".to_owned(), json!(trigger));
    payload.insert("channel".to_owned(), json!({"id": channel.id, "name": channel_name(channel)}));
    if message.visible_to.is_none() {
        let replies = state.replies(&channel.id, &message.ts);
        payload.insert("message".to_owned(), message.to_api(&state.workspace, Metadata::Whole, &replies));
    }
    payload.insert("state".to_owned(), json!({"values": state.choices(message, &person.id)}));
    let original = Some(message.reference());
    let destination = Destination { channel: channel.id.clone(), user: person.id.clone(), original };
    let response_url = state.issue_response_url("actions", destination, now);
    payload.insert("response_url".to_owned(), json!(response_url));
    payload.insert("actions".to_owned(), json!([action]));
    Value::Object(payload)
}

/// The `block_actions` payload of something done in a view.
fn on_view(state: &mut State, person: &Person, view: &View, action: &Value, now: Instant) -> Value {
    let mut payload = envelope(state, "block_actions", person);
    payload.insert("container".to_owned(), json!({"type": "view", "view_id": view.id}));
    let trigger = state.issue_trigger(&person.id, now);
    payload.insert("trigger_id".to_owned(), json!(trigger));
    payload.insert("view".to_owned(), view.to_api(&state.workspace));
    payload.insert("actions".to_owned(), json!([action]));
    Value::Object(payload)
}

/// The message that somebody sees, with where it stands.
fn seen(state: &State, user: &str, message: &MessageRef) -> Result<(Person, Channel, Message), String> {
    let (person, channel) = present(state, user, &message.channel)?;
    let found = state.message(&message.channel, &message.ts).filter(|found| found.is_visible_to(&person.id));
    found.cloned().map(|found| (person, channel, found)).ok_or_else(|| "That message is not there.".to_owned())
}

fn no_button(button: &str, blocks: &[Value]) -> String {
    let labels = form::button_labels(blocks);
    if labels.is_empty() {
        format!("There is no button “{button}”, nor any other.")
    } else {
        format!("There is no button “{button}”; there are: {}.", labels.join(", "))
    }
}

/// What Slack's client says about a click.
fn click_reply(delivered: &Delivered) -> Reply {
    let (outcome, status) = match &delivered.ack {
        Ok(ack) if ack.is_success() => (Outcome::Acknowledged, Some(ack.status)),
        Ok(ack) => (Outcome::Trouble(format!("This app responded with Status Code {}.", ack.status)), Some(ack.status)),
        Err(NoAck::TimedOut) => {
            (Outcome::Trouble("Operation timed out. Apps need to respond within 3 seconds.".to_owned()), None)
        }
        Err(NoAck::Unreachable) => (Outcome::Trouble("This app is not responding.".to_owned()), None),
    };
    Reply { outcome, status, took: delivered.took, shown: None }
}

impl SlackStandIn {
    /// Somebody clicks a button (visible label or action id) of a message, and confirms where the button asks.
    pub async fn click(&self, user: &str, message: &MessageRef, button: &str) -> Reply {
        let now = self.clock().reading();
        let payload = self.change(|state| {
            let (person, channel, message) = seen(state, user, message)?;
            let found = form::button(&message.blocks, button).ok_or_else(|| no_button(button, &message.blocks))?;
            let action = action(state, &found.block_id, &found.element, None);
            Ok(on_message(state, (&person, &channel), &message, &action, now))
        });
        self.send_click(payload).await
    }

    /// Somebody chooses from a menu of a message: the field by placeholder, section text or action id, the option by
    /// its text. Several choices are given one a line.
    pub async fn choose(&self, user: &str, message: &MessageRef, field: &str, choice: &str) -> Reply {
        let now = self.clock().reading();
        let payload = self.change(|state| {
            let (person, channel, message) = seen(state, user, message)?;
            let found = form::field(&message.blocks, field).ok_or_else(|| format!("There is no menu “{field}”."))?;
            let chosen = form::filled(&found, choice, &state.workspace)?;
            let kept = state.choices.entry((message.reference(), person.id.clone())).or_default();
            kept.entry(found.block_id.clone()).or_default().insert(found.action_id.clone(), chosen.clone());
            let action = action(state, &found.block_id, &found.element, Some(&chosen));
            Ok(on_message(state, (&person, &channel), &message, &action, now))
        });
        self.send_click(payload).await
    }

    /// Somebody clicks a button inside the modal that is open for them, or else in their App Home.
    pub async fn click_in_view(&self, user: &str, button: &str) -> Reply {
        let now = self.clock().reading();
        let payload = self.change(|state| {
            let person = state.workspace.whom(user).cloned().ok_or_else(|| format!("There is no {user} here."))?;
            let modal = state.modals.get(&person.id).and_then(|stack| stack.last());
            let view = modal.or_else(|| state.homes.get(&person.id)).cloned();
            let view = view.ok_or_else(|| "No form is open.".to_owned())?;
            let found = form::button(&view.blocks, button).ok_or_else(|| no_button(button, &view.blocks))?;
            let action = action(state, &found.block_id, &found.element, None);
            Ok(on_view(state, &person, &view, &action, now))
        });
        self.send_click(payload).await
    }

    /// Tells the app that a field of a view was changed.
    pub(super) async fn send_change(&self, person: &Person, view: &View, field: &Field, chosen: &Value) -> Reply {
        let now = self.clock().reading();
        let payload = self.change(|state| {
            let action = action(state, &field.block_id, &field.element, Some(chosen));
            Ok(on_view(state, person, view, &action, now))
        });
        self.send_click(payload).await
    }

    async fn send_click(&self, payload: Result<Value, String>) -> Reply {
        match payload {
            Ok(payload) => click_reply(&self.interact(&payload).await),
            Err(why) => Reply::not_sent(why),
        }
    }
}
