//! Somebody types: a slash command, or a message that mentions the bot.

use serde_json::{Value, json};

use super::super::args::Args;
use super::super::delivery::{Delivered, Endpoint, NoAck};
use super::super::message::{Author, Message, Metadata};
use super::super::methods::content;
use super::super::reply::{Outcome, Reply};
use super::super::stand_in::SlackStandIn;
use super::super::state::{Content, Destination, Placement, State};
use super::super::workspace::{Channel, Labels, Person, Visibility};

/// Somebody in a channel, or why not.
pub(super) fn present(state: &State, user: &str, channel: &str) -> Result<(Person, Channel), String> {
    let person = state.workspace.whom(user).cloned().ok_or_else(|| format!("There is no {user} here."))?;
    if person.deleted {
        return Err(format!("@{} is deactivated.", person.name));
    }
    let place = state.workspace.channel(channel).or_else(|| state.channel(channel)).cloned();
    let place = place.ok_or_else(|| format!("There is no channel {channel}."))?;
    if place.members.contains(&person.id) {
        Ok((person, place))
    } else {
        Err(format!("@{} is not in #{}.", person.name, place.name))
    }
}

/// What payloads call a channel: private ones are not named.
pub(super) fn channel_name(channel: &Channel) -> &str {
    match channel.visibility {
        Visibility::Private if channel.name != "directmessage" => "privategroup",
        Visibility::Private | Visibility::Public => &channel.name,
    }
}

/// Slack does not take what an acknowledgement carries.
struct Refused;

impl SlackStandIn {
    /// Somebody (id, handle or real name) types a slash command into a channel (id or name): `/rollback prod api`.
    pub async fn type_command(&self, user: &str, channel: &str, text: &str) -> Reply {
        let now = self.clock().reading();
        let prepared = self.change(|state| {
            let (person, channel) = present(state, user, channel)?;
            let (name, words) = text.split_once(' ').unwrap_or((text, ""));
            let known = state.workspace.commands.iter().find(|command| command.name == name).cloned();
            // In a shared channel an app's commands are there for its own workspace alone.
            let command = known.filter(|_| person.team_id == state.workspace.team_id);
            let command = command.ok_or_else(|| format!("{name} is not a valid command."))?;
            let words = words.trim();
            let words = if command.should_escape {
                state.workspace.with_mentions(words, Labels::Written)
            } else {
                words.to_owned()
            };
            let destination = Destination { channel: channel.id.clone(), user: person.id.clone(), original: None };
            let response_url = state.issue_response_url("commands", destination, now);
            let trigger = state.issue_trigger(&person.id, now);
            let workspace = &state.workspace;
            let body = serde_urlencoded::to_string([
                ("token", "legacy-verification-token"),
                ("team_id", &workspace.team_id),
                ("team_domain", &workspace.domain),
                ("channel_id", &channel.id),
                ("channel_name", channel_name(&channel)),
                ("user_id", &person.id),
                ("user_name", &person.name),
                ("command", name),
                ("text", &words),
                ("api_app_id", &workspace.app_id),
                ("is_enterprise_install", "false"),
                ("response_url", &response_url),
                ("trigger_id", &trigger),
            ]);
            Ok::<_, String>((person.id, channel.id, name.to_owned(), body.unwrap_or_default()))
        });
        let (user, channel, command, body) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return Reply::not_sent(why),
        };
        let delivered = self.deliver(Endpoint::Commands, body, &[]).await;
        self.command_reply(&delivered, &user, &channel, &command)
    }

    fn command_reply(&self, delivered: &Delivered, user: &str, channel: &str, command: &str) -> Reply {
        let failed = |code: &str| Outcome::Trouble(format!("{command} failed with the error \"{code}\""));
        let mut reply = Reply { outcome: Outcome::Acknowledged, status: None, took: delivered.took, shown: None };
        match &delivered.ack {
            Err(NoAck::TimedOut) => reply.outcome = failed("operation_timeout"),
            Err(NoAck::Unreachable) => reply.outcome = failed("dispatch_failed"),
            Ok(ack) => {
                reply.status = Some(ack.status);
                if !ack.is_success() {
                    reply.outcome = failed("dispatch_failed");
                } else if !ack.text().is_empty() {
                    let said = if ack.content_type.starts_with("application/json") {
                        ack.json()
                    } else {
                        Some(json!({"text": ack.text()}))
                    };
                    match self.show(said, user, channel) {
                        Ok(shown) => reply.shown = shown,
                        Err(Refused) => reply.outcome = failed("invalid_command_response"),
                    }
                }
            }
        }
        reply
    }

    /// Shows what an acknowledgement carries: nothing for `{}`.
    fn show(&self, said: Option<Value>, user: &str, channel: &str) -> Result<Option<Message>, Refused> {
        let Some(Value::Object(said)) = said else {
            return Err(Refused);
        };
        if said.is_empty() {
            return Ok(None);
        }
        let args = Args::of_object(said);
        let content = content(&args).map_err(|_refusal| Refused)?;
        let to_all = args.text("response_type").is_some_and(|kind| kind == "in_channel");
        let placement = Placement {
            channel: channel.to_owned(),
            visible_to: (!to_all).then(|| user.to_owned()),
            ..Placement::default()
        };
        Ok(Some(self.change(|state| state.post(Author::App, placement, content))))
    }

    /// Somebody writes a message that mentions the bot, in a thread if `thread_ts` names one. `@name`, `#channel` and
    /// `@group` become mentions; where the bot is not among them it is put in front.
    pub async fn mention(&self, user: &str, channel: &str, thread_ts: Option<&str>, text: &str) -> Reply {
        let prepared = self.change(|state| {
            let (person, channel) = present(state, user, channel)?;
            if let Some(thread) = thread_ts
                && state.message(&channel.id, thread).is_none_or(|root| root.thread_ts.is_some())
            {
                return Err("There is no such thread.".to_owned());
            }
            let bot = format!("<@{}>", state.workspace.bot_user);
            let mut said = state.workspace.with_mentions(text, Labels::LeftOut);
            if !said.contains(&bot) {
                said = format!("{bot} {said}");
            }
            let content = Content { text: Some(said), ..Content::default() };
            let placement = Placement {
                channel: channel.id.clone(),
                thread_ts: thread_ts.map(str::to_owned),
                ..Placement::default()
            };
            let message = state.post(Author::Person(person.id.clone()), placement, content);
            if !channel.bot_is_member {
                return Err(format!("@{} is not in #{}.", state.workspace.bot_name, channel.name));
            }
            let mut event = message.to_api(&state.workspace, Metadata::Whole, &[]);
            if let Some(event) = event.as_object_mut() {
                event.insert("type".to_owned(), json!("app_mention"));
                event.insert("team".to_owned(), json!(person.team_id));
                event.insert("channel".to_owned(), json!(channel.id));
                event.insert("event_ts".to_owned(), json!(message.ts));
            }
            Ok(envelope(state, &event))
        });
        match prepared {
            Ok(event) => event_reply(&self.send_event(&event).await),
            Err(why) => Reply::not_sent(why),
        }
    }

    /// Somebody opens the App Home.
    pub async fn open_home(&self, user: &str) -> Reply {
        let prepared = self.change(|state| {
            let person = state.workspace.whom(user).cloned().ok_or_else(|| format!("There is no {user} here."))?;
            let channel = state.open_direct(&person.id);
            let mut event = json!({"type": "app_home_opened", "user": person.id, "channel": channel, "tab": "home",
                "event_ts": state.next_ts()});
            let home = state.homes.get(&person.id).map(|home| home.to_api(&state.workspace));
            if let (Some(home), Some(event)) = (home, event.as_object_mut()) {
                event.insert("view".to_owned(), home);
            }
            Ok::<_, String>(envelope(state, &event))
        });
        match prepared {
            Ok(event) => event_reply(&self.send_event(&event).await),
            Err(why) => Reply::not_sent(why),
        }
    }
}

/// The outer event that carries `event`.
fn envelope(state: &mut State, event: &Value) -> Value {
    let id = state.next_id("Ev0EV");
    let seconds = crate::clock::wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let workspace = &state.workspace;
    json!({
        "token": "legacy-verification-token", "team_id": workspace.team_id, "context_team_id": workspace.team_id,
        "context_enterprise_id": null, "api_app_id": workspace.app_id, "event": event, "type": "event_callback",
        "event_id": id, "event_time": seconds, "is_ext_shared_channel": false,
        "authorizations": [{"enterprise_id": null, "team_id": workspace.team_id, "user_id": workspace.bot_user,
            "is_bot": true, "is_enterprise_install": false}],
    })
}

/// Nobody sees how an event was acknowledged; a script may want to know all the same.
fn event_reply(delivered: &Delivered) -> Reply {
    let (outcome, status) = match &delivered.ack {
        Ok(ack) if ack.is_success() => (Outcome::Acknowledged, Some(ack.status)),
        Ok(ack) => (Outcome::Trouble("The event was not taken.".to_owned()), Some(ack.status)),
        Err(NoAck::TimedOut) => (Outcome::Trouble("The event was not taken in time.".to_owned()), None),
        Err(NoAck::Unreachable) => (Outcome::Trouble("The event could not be delivered.".to_owned()), None),
    };
    Reply { outcome, status, took: delivered.took, shown: None }
}
