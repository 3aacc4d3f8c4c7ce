//! Starting the stand-in, and looking at what has happened in it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::CuttableListener;
use super::message::Message;
use super::server;
use super::state::State;
use super::view::View;
use super::workspace::Workspace;
use crate::clock::Clock;
use crate::sandbox::wire::Wire;

/// Slack's patience with an app (<https://docs.slack.dev/interactivity/handling-user-interaction>).
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A Slack workspace on loopback. Cheap to clone; clones share.
#[derive(Clone)]
pub struct SlackStandIn {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    wire: Wire,
    clock: Clock,
    base: String,
    http: reqwest::Client,
}

impl SlackStandIn {
    /// Listens on a free port of loopback until `stop`. Fails when there is none, or no HTTP client can be built.
    pub async fn start(
        workspace: Workspace,
        wire: Wire,
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("Slackbot 1.0 (+https://api.slack.com/robots)")
            .timeout(PATIENCE)
            .build()
            .map_err(std::io::Error::other)?;
        let inner = Inner {
            state: Mutex::new(State::new(workspace, base.clone())),
            changes: watch::Sender::new(0),
            wire,
            clock,
            base,
            http,
        };
        let stand_in = Self { inner: Arc::new(inner) };
        let service = server::router(stand_in.clone());
        tasks.spawn(async move {
            let serving = axum::serve(CuttableListener(listener), service);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = serving => {}
            }
        });
        Ok(stand_in)
    }

    /// What `SLACK_API_URL` is set to: methods are appended as `/<method>`.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.inner.base)
    }

    /// Tells where the app listens; requests go to `/slack/commands`, `/slack/interactions` and `/slack/events` there.
    pub fn connect_app(&self, base_url: &str) {
        self.change(|state| state.app = Some(base_url.trim_end_matches('/').to_owned()));
    }

    /// Makes the bot a member of a channel, as `/invite` does. Says whether there is such a channel.
    pub fn invite_app(&self, channel: &str) -> bool {
        self.change(|state| {
            let id = state.workspace.channel(channel).map(|channel| channel.id.clone());
            let channel = state.workspace.channels.iter_mut().find(|channel| Some(&channel.id) == id.as_ref());
            channel.map(|channel| channel.bot_is_member = true).is_some()
        })
    }

    /// Takes somebody out of a user group (handle), as an administrator does. Says whether they were in it.
    pub fn leave_group(&self, user: &str, handle: &str) -> bool {
        self.change(|state| {
            let group = state.workspace.user_groups.iter_mut().find(|group| group.handle == handle);
            group.is_some_and(|group| {
                let before = group.members.len();
                group.members.retain(|member| member != user);
                group.members.len() < before
            })
        })
    }

    /// The workspace as it is now.
    pub fn workspace(&self) -> Workspace {
        self.read(|state| state.workspace.clone())
    }

    /// Everything in a channel (id or name) or direct message (id), in the order of posting: thread replies and
    /// ephemeral messages included, edits applied, deleted messages gone.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        self.read(|state| {
            let id = state.workspace.channel(channel).map_or(channel, |channel| channel.id.as_str());
            state.messages.iter().filter(|message| message.channel == id).cloned().collect()
        })
    }

    /// Everything everywhere, in the order of posting.
    pub fn all_messages(&self) -> Vec<Message> {
        self.read(|state| state.messages.clone())
    }

    /// The direct message between the bot and somebody, in the order of posting.
    pub fn direct_messages(&self, user: &str) -> Vec<Message> {
        self.read(|state| {
            let is_theirs = |message: &&Message| state.direct_with(&message.channel) == Some(user);
            state.messages.iter().filter(is_theirs).cloned().collect()
        })
    }

    /// The topmost modal on somebody's screen.
    pub fn open_modal(&self, user: &str) -> Option<View> {
        self.read(|state| state.modals.get(user).and_then(|stack| stack.last()).cloned())
    }

    /// Somebody's App Home, once the app has published it.
    pub fn home(&self, user: &str) -> Option<View> {
        self.read(|state| state.homes.get(user).cloned())
    }

    /// Fires after each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Waits, in real time, until `seen` finds what it looks for; `None` when `within` has passed first.
    pub async fn wait_for<T>(&self, within: Duration, mut seen: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let mut changes = self.subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = seen(self) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, waiting).await.ok().flatten()
    }

    /// How many calls were answered with 429 because of Slack's own limits; injected faults do not count.
    pub fn rate_limited(&self) -> usize {
        self.read(|state| state.limiter.refused())
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.inner.changes.send_modify(|version| *version += 1);
        result
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.inner.http
    }
}
