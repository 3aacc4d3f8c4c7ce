//! Everything that the stand-in remembers, behind one lock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::Value;

use super::form::Values;
use super::limits::Limiter;
use super::message::{Author, Message, MessageRef};
use super::view::View;
use super::workspace::{Channel, Visibility, Workspace};
use super::{blocks, form};

/// How long a trigger can open a view (<https://docs.slack.dev/interactivity/handling-user-interaction>).
const TRIGGER_LIFE: Duration = Duration::from_secs(3);
/// How long a response URL can be used.
const RESPONSE_URL_LIFE: Duration = Duration::from_mins(30);
/// How often a response URL can be used.
const RESPONSE_URL_USES: usize = 5;

/// A permission to open a view for somebody.
#[derive(Debug)]
struct Trigger {
    user: String,
    issued: Instant,
    used: bool,
}

/// Where what is posted to a response URL goes.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) channel: String,
    pub(super) user: String,
    /// The message whose button was clicked.
    pub(super) original: Option<MessageRef>,
}

#[derive(Debug)]
struct ResponseUrl {
    destination: Destination,
    issued: Instant,
    uses: usize,
}

/// What a message says.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) blocks: Option<Vec<Value>>,
    pub(super) metadata: Option<Value>,
}

/// Where a message goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Placement {
    pub(super) channel: String,
    pub(super) thread_ts: Option<String>,
    pub(super) broadcast: bool,
    pub(super) visible_to: Option<String>,
}

/// The workspace and what has happened in it.
pub(super) struct State {
    pub(super) workspace: Workspace,
    pub(super) messages: Vec<Message>,
    pub(super) limiter: Limiter,
    /// Where the app listens.
    pub(super) app: Option<String>,
    /// This stand-in's own address, for response URLs.
    pub(super) base: String,
    /// Open modals of each person, the topmost last.
    pub(super) modals: BTreeMap<String, Vec<View>>,
    /// App Homes.
    pub(super) homes: BTreeMap<String, View>,
    /// What people chose in menus of messages.
    pub(super) choices: BTreeMap<(MessageRef, String), Values>,
    direct: Vec<Channel>,
    triggers: BTreeMap<String, Trigger>,
    response_urls: BTreeMap<String, ResponseUrl>,
    last_ts: u128,
    counter: u64,
}

impl State {
    pub(super) fn new(workspace: Workspace, base: String) -> Self {
        Self {
            workspace,
            messages: Vec::new(),
            limiter: Limiter::default(),
            app: None,
            base,
            modals: BTreeMap::new(),
            homes: BTreeMap::new(),
            choices: BTreeMap::new(),
            direct: Vec::new(),
            triggers: BTreeMap::new(),
            response_urls: BTreeMap::new(),
            last_ts: 0,
            counter: 0,
        }
    }

    /// A `ts` later than every other: real seconds with six digits.
    pub(super) fn next_ts(&mut self) -> String {
        let wall = crate::clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        self.last_ts = wall.max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    /// An id that no other has: `prefix` and a number.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{:07}", self.counter)
    }

    /// A channel or direct message by id.
    pub(super) fn channel(&self, id: &str) -> Option<&Channel> {
        self.workspace.channels.iter().chain(&self.direct).find(|channel| channel.id == id)
    }

    /// Whose direct message with the bot this is.
    pub(super) fn direct_with(&self, channel: &str) -> Option<&str> {
        let direct = self.direct.iter().find(|direct| direct.id == channel)?;
        direct.members.first().map(String::as_str)
    }

    /// The direct message of the bot with somebody, opened if need be.
    pub(super) fn open_direct(&mut self, user: &str) -> String {
        if let Some(open) = self.direct.iter().find(|direct| direct.members.iter().any(|member| member == user)) {
            return open.id.clone();
        }
        let id = self.next_id("D0DM");
        self.direct.push(Channel {
            id: id.clone(),
            name: "directmessage".to_owned(),
            visibility: Visibility::Private,
            members: vec![user.to_owned()],
            bot_is_member: true,
            archived: false,
            shared_with: Vec::new(),
        });
        id
    }

    /// A message by channel and `ts`.
    pub(super) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.channel == channel && message.ts == ts)
    }

    pub(super) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.channel == channel && message.ts == ts)
    }

    /// `ts` and author of every lasting reply in a thread.
    pub(super) fn replies(&self, channel: &str, root: &str) -> Vec<(String, String)> {
        self.messages
            .iter()
            .filter(|message| message.channel == channel && message.thread_ts.as_deref() == Some(root))
            .filter(|message| message.visible_to.is_none())
            .map(|message| {
                let author = match &message.author {
                    Author::App => self.workspace.bot_user.clone(),
                    Author::Person(id) => id.clone(),
                };
                (message.ts.clone(), author)
            })
            .collect()
    }

    /// Gives blocks the ids that they lack.
    pub(super) fn fill_in(&mut self, blocks: &mut [Value]) {
        let counter = &mut self.counter;
        blocks::fill_in(blocks, || {
            *counter += 1;
            format!("gen{counter:04}")
        });
    }

    /// Adds a message.
    pub(super) fn post(&mut self, author: Author, placement: Placement, content: Content) -> Message {
        let mut blocks = content.blocks.unwrap_or_default();
        self.fill_in(&mut blocks);
        let message = Message {
            channel: placement.channel,
            ts: self.next_ts(),
            thread_ts: placement.thread_ts,
            broadcast: placement.broadcast,
            author,
            text: content.text.unwrap_or_default(),
            blocks,
            metadata: content.metadata,
            edited: None,
            visible_to: placement.visible_to,
            reactions: Vec::new(),
            pinned: false,
        };
        self.messages.push(message.clone());
        message
    }

    /// Changes what a message says. Blocks and metadata that are not given stay; empty ones go.
    pub(super) fn edit(&mut self, channel: &str, ts: &str, content: Content) -> Option<Message> {
        let blocks = content.blocks.map(|mut blocks| {
            self.fill_in(&mut blocks);
            blocks
        });
        let edited = self.next_ts();
        let message = self.message_mut(channel, ts)?;
        if let Some(text) = content.text {
            message.text = text;
        }
        if let Some(blocks) = blocks {
            message.blocks = blocks;
        }
        if let Some(metadata) = content.metadata {
            message.metadata = metadata.get("event_type").is_some().then_some(metadata);
        }
        message.edited = Some(edited);
        Some(message.clone())
    }

    /// A fresh trigger for somebody.
    pub(super) fn issue_trigger(&mut self, user: &str, now: Instant) -> String {
        let id = format!("{}.{:016x}", self.next_id("1"), rand::random::<u64>());
        self.triggers.insert(id.clone(), Trigger { user: user.to_owned(), issued: now, used: false });
        id
    }

    /// Uses a trigger up; whose screen it opens a view on.
    pub(super) fn redeem_trigger(&mut self, id: &str, now: Instant) -> Result<String, &'static str> {
        let trigger = self.triggers.get_mut(id).ok_or("invalid_trigger_id")?;
        if trigger.used {
            return Err("exchanged_trigger_id");
        }
        if now.saturating_duration_since(trigger.issued) > TRIGGER_LIFE {
            return Err("expired_trigger_id");
        }
        trigger.used = true;
        Ok(trigger.user.clone())
    }

    /// A fresh response URL. `kind` is `commands` or `actions`.
    pub(super) fn issue_response_url(&mut self, kind: &str, destination: Destination, now: Instant) -> String {
        let id = self.next_id("9");
        let path = format!("{kind}/{}/{id}/{:016x}", self.workspace.team_id, rand::random::<u64>());
        self.response_urls.insert(path.clone(), ResponseUrl { destination, issued: now, uses: 0 });
        format!("{}/{path}", self.base)
    }

    /// Where a response URL leads, counting one use.
    pub(super) fn use_response_url(&mut self, path: &str, now: Instant) -> Result<Destination, &'static str> {
        let url = self.response_urls.get_mut(path).ok_or("invalid_url")?;
        if now.saturating_duration_since(url.issued) > RESPONSE_URL_LIFE {
            return Err("expired_url");
        }
        if url.uses >= RESPONSE_URL_USES {
            return Err("used_url");
        }
        url.uses += 1;
        Ok(url.destination.clone())
    }

    /// The view with this id, on whosever screen.
    pub(super) fn view_mut(&mut self, id: &str) -> Option<&mut View> {
        self.modals.values_mut().flatten().chain(self.homes.values_mut()).find(|view| view.id == id)
    }

    /// A view that the app gives, not yet on a screen.
    pub(super) fn make_view(&mut self, user: &str, given: &Value) -> View {
        let mut blocks = given.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
        self.fill_in(&mut blocks);
        let id = self.next_id("V0VIEW");
        let hash = format!("{}.{:08x}", self.next_ts(), rand::random::<u32>());
        View::new(&id, user, hash, given, blocks)
    }

    /// `state.values` of a message's menus, as `user` has them.
    pub(super) fn choices(&self, message: &Message, user: &str) -> Values {
        let kept = self.choices.get(&(message.reference(), user.to_owned())).cloned().unwrap_or_default();
        form::values(&message.blocks, &kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::slack::tests::workspace;

    #[test]
    fn a_trigger_lives_three_seconds_and_opens_one_view() {
        let start = crate::clock::Clock::start(crate::incident::time::Pace::REAL).reading();
        let mut state = State::new(workspace(), String::new());
        let first = state.issue_trigger("U1", start);
        assert_eq!(state.redeem_trigger(&first, start + Duration::from_secs(3)), Ok("U1".to_owned()));
        assert_eq!(state.redeem_trigger(&first, start), Err("exchanged_trigger_id"));
        let second = state.issue_trigger("U1", start);
        assert_eq!(state.redeem_trigger(&second, start + Duration::from_millis(3001)), Err("expired_trigger_id"));
        assert_eq!(state.redeem_trigger("1.2", start), Err("invalid_trigger_id"));
    }

    #[test]
    fn a_response_url_serves_five_times_within_thirty_minutes() {
        let start = crate::clock::Clock::start(crate::incident::time::Pace::REAL).reading();
        let mut state = State::new(workspace(), "http://h".to_owned());
        let destination = Destination { channel: "C1".into(), user: "U1".into(), original: None };
        let url = state.issue_response_url("commands", destination.clone(), start);
        let path = url.trim_start_matches("http://h/");
        for _ in 0..5 {
            assert!(state.use_response_url(path, start + Duration::from_mins(30)).is_ok());
        }
        assert_eq!(state.use_response_url(path, start).unwrap_err(), "used_url");
        let url = state.issue_response_url("actions", destination, start);
        let path = url.trim_start_matches("http://h/");
        assert_eq!(state.use_response_url(path, start + Duration::from_secs(1801)).unwrap_err(), "expired_url");
    }
}
