//! Calls to Slack's Web API.
//!
//! slack-morphism carries them (connection, token, envelope, 429); the requests and answers are our own shapes, through
//! its generic `http_post` and `http_get`. It has no time-outs and its rate control knows no channels, so both are
//! here. Every call waits for its place in the [budget](super::budget), is made once, and is never retried here: what
//! a lost reply means is for the caller to decide. No body, token or response URL is ever logged.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slack_morphism::hyper_tokio::{SlackClientHyperConnector, SlackHyperClient};
use slack_morphism::{SlackApiToken, SlackApiTokenValue, SlackClientApiCallContext, SlackClientHttpConnector};
use url::{Host, Url};

use crate::telemetry;

use super::budget::{Budget, Tier, UpdatePermit};
use super::client_error::{Effect, SlackError};
use super::client_types::{
    Audience, Conversation, EphemeralBody, Identity, Mark, MessageTs, MetadataBody, Original, Post, PostBody, Posted,
    RespondBody, SlackUser, UpdateBody, ViewBody, ViewId,
};
use super::message::Message;
use crate::clock::Clock;
use crate::incident::ids::{ChannelId, GroupId, TeamId, UserId};

/// How long a call may take, connecting included. Slack answers in well under a second; ten is an outage.
const TIME_OUT: Duration = Duration::from_secs(10);

/// Members, messages: how many are asked for at once (Slack's advice: at most 200).
const PAGE: &str = "200";

/// How many pages of one list are read; a channel of 20,000 people, or a thread of 20,000 messages.
const PAGES: usize = 100;

/// Where response URLs of the real Slack live.
const HOOKS: &str = "hooks.slack.com";

/// A connection to one workspace. Cheap to clone; clones share connections and budget.
#[derive(Clone)]
pub struct SlackClient {
    shared: Arc<Shared>,
}

struct Shared {
    api: SlackHyperClient,
    token: SlackApiToken,
    budget: Budget,
    loopback: bool,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum SlackClientSetupError {
    /// The URL is none.
    #[error("SLACK_API_URL {url} is not a URL: give the API's address, for example https://slack.com/api")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The token would travel in the clear.
    #[error("SLACK_API_URL {url} is not https: plain http is taken on loopback only")]
    Plain {
        /// What was given.
        url: String,
    },
    /// The machine has no certificates to trust.
    #[error("no root certificates were found on this machine: install the package ca-certificates")]
    Roots(#[source] std::io::Error),
}

impl std::fmt::Debug for SlackClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackClient").field("loopback", &self.shared.loopback).finish_non_exhaustive()
    }
}

impl SlackClient {
    /// A client for the API at `api_url` (`https://slack.com/api`).
    ///
    /// # Errors
    /// The URL is none, or is plain http to somewhere else than this machine; the machine has no root certificates.
    pub fn new(api_url: &str, token: &SecretString, clock: Clock) -> Result<Self, SlackClientSetupError> {
        let url = api_url.to_owned();
        let parsed = Url::parse(api_url).map_err(|source| SlackClientSetupError::Url { url: url.clone(), source })?;
        let loopback = is_loopback(&parsed);
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && loopback) {
            return Err(SlackClientSetupError::Plain { url });
        }
        let roots = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(SlackClientSetupError::Roots)?;
        let schemes = if loopback { roots.https_or_http() } else { roots.https_only() };
        let connector = SlackClientHyperConnector::from(schemes.enable_http1().enable_http2().build())
            .with_slack_api_url(api_url.trim_end_matches('/'));
        let token = SlackApiToken::new(SlackApiTokenValue(token.expose_secret().to_owned()));
        let api = SlackHyperClient::new(connector);
        Ok(Self { shared: Arc::new(Shared { api, token, budget: Budget::new(clock), loopback }) })
    }

    /// Whose token this is.
    pub async fn auth_test(&self) -> Result<Identity, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            team_id: TeamId,
            #[serde(default)]
            team: String,
            user_id: UserId,
            #[serde(default)]
            bot_id: Option<String>,
        }
        self.shared.budget.admit("auth.test", Tier::Four).await;
        let answer: Answer = self.post("auth.test", Effect::Reads, &serde_json::json!({})).await?;
        Ok(Identity { team: answer.team_id, team_name: answer.team, user: answer.user_id, bot: answer.bot_id })
    }

    /// Posts a message and gives its name. Waits for its turn in the channel.
    pub async fn post_message(&self, post: Post<'_>) -> Result<MessageTs, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            ts: MessageTs,
        }
        self.shared.budget.admit_post("chat.postMessage", post.channel).await;
        let body = PostBody {
            channel: post.channel,
            thread_ts: post.thread,
            text: &post.message.text,
            blocks: &post.message.blocks,
            metadata: post.mark.map(MetadataBody::of),
            unfurl_links: false,
            unfurl_media: false,
        };
        let answer: Answer = self.post("chat.postMessage", Effect::Writes, &body).await?;
        Ok(answer.ts)
    }

    /// How long [`Self::post_message`] would wait for its turn in `channel`; `None` when it need not.
    pub fn post_waits(&self, channel: &ChannelId) -> Option<Duration> {
        self.shared.budget.post_waits("chat.postMessage", channel)
    }

    /// A place for one [`Self::update`], or how long until there may be one. Taken from the workspace's budget at
    /// once, so it should be used.
    pub fn try_update(&self) -> Result<UpdatePermit, Duration> {
        self.shared.budget.try_update("chat.update")
    }

    /// Changes a message. Doing it again does no harm.
    pub async fn update(
        &self,
        _permit: UpdatePermit,
        channel: &ChannelId,
        ts: &MessageTs,
        message: &Message,
        mark: Option<&Mark>,
    ) -> Result<(), SlackError> {
        let body = UpdateBody {
            channel,
            ts,
            text: &message.text,
            blocks: &message.blocks,
            metadata: mark.map(MetadataBody::of),
        };
        self.post::<_, Ignored>("chat.update", Effect::Writes, &body).await.map(|_answer| ())
    }

    /// Says something to one person in a channel. Slack does not promise that it arrives.
    pub async fn post_ephemeral(
        &self,
        channel: &ChannelId,
        user: &UserId,
        thread: Option<&MessageTs>,
        message: &Message,
    ) -> Result<(), SlackError> {
        self.shared.budget.admit("chat.postEphemeral", Tier::Four).await;
        let body = EphemeralBody { channel, user, thread_ts: thread, text: &message.text, blocks: &message.blocks };
        self.post::<_, Ignored>("chat.postEphemeral", Effect::Writes, &body).await.map(|_answer| ())
    }

    /// Answers a command or a click by its response URL: thirty minutes, five times, and also where Rollbot is not a
    /// member.
    ///
    /// # Errors
    /// Besides Slack's own: a URL that is not Slack's is refused with the code `foreign_response_url`, unsent.
    pub async fn respond(
        &self,
        response_url: &str,
        message: &Message,
        audience: Audience,
        original: Original,
    ) -> Result<(), SlackError> {
        const METHOD: &str = "response_url";
        let Some(url) = self.response_url(response_url) else {
            return Err(SlackError::refused(METHOD, "foreign_response_url"));
        };
        self.shared.budget.admit(METHOD, Tier::Four).await;
        let body = RespondBody {
            text: &message.text,
            blocks: &message.blocks,
            response_type: match audience {
                Audience::Person => "ephemeral",
                Audience::Channel => "in_channel",
            },
            replace_original: original == Original::Replace,
        };
        let span = tracing::Span::none();
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        let call = self.shared.api.http_api.connector.http_post_uri::<_, Ignored>(url, &body, context);
        self.timed(METHOD, Effect::Writes, call).await.map(|_answer| ())
    }

    /// Opens a modal; the trigger lives three seconds and opens one.
    pub async fn open_view(&self, trigger_id: &str, view: &Value) -> Result<ViewId, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            view: Opened,
        }
        #[derive(Deserialize)]
        struct Opened {
            id: ViewId,
        }
        self.shared.budget.admit("views.open", Tier::Four).await;
        let body = ViewBody { trigger_id: Some(trigger_id), view_id: None, view };
        let answer: Answer = self.post("views.open", Effect::Writes, &body).await?;
        Ok(answer.view.id)
    }

    /// Changes an open modal. `not_found` means that the person has closed it.
    pub async fn update_view(&self, view_id: &ViewId, view: &Value) -> Result<(), SlackError> {
        self.shared.budget.admit("views.update", Tier::Four).await;
        let body = ViewBody { trigger_id: None, view_id: Some(view_id), view };
        self.post::<_, Ignored>("views.update", Effect::Writes, &body).await.map(|_answer| ())
    }

    /// What Slack knows of a person.
    pub async fn user_info(&self, user: &UserId) -> Result<SlackUser, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            user: SlackUser,
        }
        let answer: Answer = self.get("users.info", Tier::Four, &[("user", user.as_str())]).await?;
        Ok(answer.user)
    }

    /// Who is in a user group. Needs a paid plan at Slack (`plan_upgrade_required`).
    pub async fn usergroup_users(&self, group: &GroupId) -> Result<Vec<UserId>, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            users: Vec<UserId>,
        }
        let answer: Answer = self.get("usergroups.users.list", Tier::Two, &[("usergroup", group.as_str())]).await?;
        Ok(answer.users)
    }

    /// Who is in a channel.
    ///
    /// # Errors
    /// Besides Slack's own: a channel with more people than are read is refused with the code `too_many_pages`,
    /// because half a list would read as a whole one.
    pub async fn conversation_members(&self, channel: &ChannelId) -> Result<Vec<UserId>, SlackError> {
        self.pages("conversations.members", Tier::Four, &[("channel", channel.as_str()), ("limit", PAGE)], |page| {
            page.members
        })
        .await
    }

    /// What Slack knows of a channel.
    pub async fn conversation_info(&self, channel: &ChannelId) -> Result<Conversation, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            channel: Conversation,
        }
        let answer: Answer = self.get("conversations.info", Tier::Three, &[("channel", channel.as_str())]).await?;
        Ok(answer.channel)
    }

    /// The messages of a channel since `since`, newest first, threads left out, with metadata.
    pub async fn history(&self, channel: &ChannelId, since: jiff::Timestamp) -> Result<Vec<Posted>, SlackError> {
        let oldest = oldest(since);
        let params =
            [("channel", channel.as_str()), ("oldest", &oldest), ("include_all_metadata", "true"), ("limit", PAGE)];
        self.pages("conversations.history", Tier::Three, &params, |page| page.messages).await
    }

    /// The messages of a thread since `since`, its first message always among them, with metadata.
    pub async fn replies(
        &self,
        channel: &ChannelId,
        thread: &MessageTs,
        since: jiff::Timestamp,
    ) -> Result<Vec<Posted>, SlackError> {
        let oldest = oldest(since);
        let params = [
            ("channel", channel.as_str()),
            ("ts", thread.as_str()),
            ("oldest", &oldest),
            ("include_all_metadata", "true"),
            ("limit", PAGE),
        ];
        self.pages("conversations.replies", Tier::Three, &params, |page| page.messages).await
    }

    /// A link to a message.
    pub async fn permalink(&self, channel: &ChannelId, ts: &MessageTs) -> Result<String, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            permalink: String,
        }
        let params = [("channel", channel.as_str()), ("message_ts", ts.as_str())];
        let answer: Answer = self.get("chat.getPermalink", Tier::Four, &params).await?;
        Ok(answer.permalink)
    }

    fn response_url(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok()?;
        let slack = url.scheme() == "https" && url.host_str() == Some(HOOKS) && url.port().is_none();
        let stand_in = self.shared.loopback && matches!(url.scheme(), "http" | "https") && is_loopback(&url);
        (slack || stand_in).then_some(url)
    }

    async fn pages<T>(
        &self,
        method: &'static str,
        tier: Tier,
        params: &[(&str, &str)],
        items: fn(Page) -> Vec<T>,
    ) -> Result<Vec<T>, SlackError> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut params = params.to_vec();
            if !cursor.is_empty() {
                params.push(("cursor", &cursor));
            }
            let mut page: Page = self.get(method, tier, &params).await?;
            let next = page.response_metadata.take().and_then(|metadata| metadata.next_cursor);
            all.extend(items(page));
            match next {
                Some(next) if !next.is_empty() => cursor = next,
                Some(_) | None => return Ok(all),
            }
        }
        Err(SlackError::refused(method, "too_many_pages"))
    }

    async fn get<A>(&self, method: &'static str, tier: Tier, params: &[(&str, &str)]) -> Result<A, SlackError>
    where
        A: DeserializeOwned + Send,
    {
        self.shared.budget.admit(method, tier).await;
        let params: Vec<(&str, Option<&str>)> = params.iter().map(|(key, value)| (*key, Some(*value))).collect();
        let session = self.shared.api.open_session(&self.shared.token);
        let call = session.http_session_api.http_get(method, &params, None);
        self.timed(method, Effect::Reads, call).await
    }

    async fn post<B, A>(&self, method: &'static str, effect: Effect, body: &B) -> Result<A, SlackError>
    where
        B: Serialize + Send + Sync,
        A: DeserializeOwned + Send,
    {
        let session = self.shared.api.open_session(&self.shared.token);
        let call = session.http_session_api.http_post(method, body, None);
        self.timed(method, effect, call).await
    }

    async fn timed<A>(
        &self,
        method: &'static str,
        effect: Effect,
        call: impl Future<Output = slack_morphism::ClientResult<A>>,
    ) -> Result<A, SlackError> {
        let error = match tokio::time::timeout(TIME_OUT, call).await {
            Ok(Ok(answer)) => {
                telemetry::slack_call(method, "ok");
                return Ok(answer);
            }
            Ok(Err(error)) => SlackError::of(method, effect, &error),
            Err(_elapsed) => SlackError::lost(method, effect, "no answer within 10 s"),
        };
        if let SlackError::RateLimited { retry_after, .. } = &error {
            telemetry::slack_call(method, "rate_limited");
            self.shared.budget.close(method, *retry_after);
        } else {
            telemetry::slack_call(method, "failed");
        }
        Err(error)
    }
}

/// An answer of which nothing is kept.
#[derive(Deserialize)]
struct Ignored {}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    members: Vec<UserId>,
    #[serde(default)]
    messages: Vec<Posted>,
    #[serde(default)]
    response_metadata: Option<PageMetadata>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default)]
    next_cursor: Option<String>,
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A time as Slack names messages: seconds and microseconds.
fn oldest(since: jiff::Timestamp) -> String {
    let micros = since.as_microsecond().max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::time::Pace;

    fn client(url: &str) -> Result<SlackClient, SlackClientSetupError> {
        SlackClient::new(url, &SecretString::from("xoxb-test"), Clock::start(Pace::REAL))
    }

    #[rstest]
    #[case::elsewhere_in_the_clear(
        "http://slack.example.com/api",
        "SLACK_API_URL http://slack.example.com/api is not https: plain http is taken on loopback only"
    )]
    #[case::looks_like_loopback(
        "http://127.0.0.1.example.com/api",
        "SLACK_API_URL http://127.0.0.1.example.com/api is not https: plain http is taken on loopback only"
    )]
    #[case::no_url(
        "slack",
        "SLACK_API_URL slack is not a URL: give the API's address, for example https://slack.com/api"
    )]
    fn a_token_never_travels_in_the_clear(#[case] url: &str, #[case] sentence: &str) {
        assert_eq!(client(url).unwrap_err().to_string(), sentence);
    }

    #[rstest]
    #[case("https://slack.com/api", "https://hooks.slack.com/commands/T1/2/x", true)]
    #[case("https://slack.com/api", "http://hooks.slack.com/commands/T1/2/x", false)]
    #[case("https://slack.com/api", "https://hooks.slack.com.example.com/x", false)]
    #[case("https://slack.com/api", "https://hooks.slack.com:8443/x", false)]
    #[case("https://slack.com/api", "http://127.0.0.1:4000/x", false)]
    #[case("http://127.0.0.1:4000/api", "http://127.0.0.1:4000/response/1", true)]
    #[case("http://localhost:4000/api", "http://[::1]:4001/response/1", true)]
    #[case("http://127.0.0.1:4000/api", "http://10.0.0.1/latest", false)]
    fn answers_go_to_slack_and_nowhere_else(#[case] api: &str, #[case] url: &str, #[case] taken: bool) {
        assert_eq!(client(api).unwrap().response_url(url).is_some(), taken);
    }

    #[test]
    fn times_are_written_as_slack_writes_them() {
        assert_eq!(oldest("2026-11-01T12:00:00.000001Z".parse().unwrap()), "1793534400.000001");
    }

    #[tokio::test]
    async fn a_peer_that_is_not_there_is_transient_also_for_a_write() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        drop(listener);
        let message = Message::of_text("x");
        let channel = ChannelId::new("C1");
        let post = Post { channel: &channel, thread: None, message: &message, mark: None };
        let error = client(&url).unwrap().post_message(post).await.unwrap_err();
        assert_eq!(error, SlackError::Transient { method: "chat.postMessage", why: "no connection".into() });
    }
}
