//! Slack's doors over HTTP: verify, read, record, acknowledge.
//!
//! In this order, and nothing else: the signature and the five minutes' window are slack-morphism's, over the raw body,
//! under a limit of size and time that lies outside; then the body is read, what it asks for is durably in the inbox,
//! and only then Slack hears 200. Questions that need nothing but the configuration (a typing error, `help`, the wrong
//! channel, a foreign workspace) are answered in the response itself and leave no trace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use hyper_util::client::legacy::connect::HttpConnector;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use slack_morphism::hyper_tokio::SlackClientHyperConnector;
use slack_morphism::listener::{SlackClientEventsListenerEnvironment, SlackClientEventsUserState};
use slack_morphism::prelude::SlackEventsAxumListener;
use slack_morphism::signature_verifier::{SlackEventAbsentSignatureError, SlackEventSignatureVerifierError};
use slack_morphism::{SlackClient, SlackSigningSecret};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::incident::rejection::Rejection;
use crate::store::Fresh;

use super::front::{Front, entry_error};
use super::inbox::{Door, Inbox};
use super::message::Message;
use super::payload::{self, Called, Click, Interaction, Malformed, Pushed, Submission};
use super::replies::Addressee;
use super::views::private;

/// The largest body that is read. Slack's largest, a view with all its state, stays below 250 KB.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long a request may take in all. Slack itself has given up after three seconds; this frees the connection.
const TIME_OUT: Duration = Duration::from_secs(10);

/// How long Slack is let wait for the store. It waits three seconds; what takes longer is said instead.
const RECORD_WITHIN: Duration = Duration::from_millis(2_300);

/// Two clicks by one person on one button within this time are one: a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(1_500);

/// What the doors work with. Cheap to clone.
#[derive(Clone)]
pub struct Doors {
    front: Front,
    inbox: Inbox,
    clock: Clock,
    /// Clicks of a moment ago, by gesture: when, and which click.
    gestures: Arc<Mutex<HashMap<String, (Instant, String)>>>,
}

impl Doors {
    /// Doors that answer by `front` what needs no more than the configuration, and take the rest into `inbox`.
    pub fn new(front: Front, inbox: Inbox, clock: Clock) -> Self {
        Self { front, inbox, clock, gestures: Arc::default() }
    }

    /// The routes; what is not signed with `signing_secret` reaches none of them but `/healthz`.
    pub fn router(self, signing_secret: &SecretString) -> Router {
        let secret = SlackSigningSecret::new(signing_secret.expose_secret().to_owned());
        // The listener wants a client for its error handler, which has no use for one.
        let client = SlackClient::new(SlackClientHyperConnector::with_connector(HttpConnector::new()));
        let environment = SlackClientEventsListenerEnvironment::new(Arc::new(client)).with_error_handler(refused);
        let listener = SlackEventsAxumListener::<HttpConnector>::new(Arc::new(environment));
        Router::new()
            .route("/slack/commands", post(command))
            .route("/slack/interactions", post(interaction))
            .route("/slack/events", post(event))
            .route_layer(listener.events_layer(&secret))
            .route_layer(RequestBodyLimitLayer::new(BODY_LIMIT))
            .route_layer(map_response(with_sentence))
            .route_layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIME_OUT))
            .route("/healthz", get(async || "ok"))
            .with_state(self)
    }

    /// Records what came in; `Err` is the sentence for whoever waits.
    async fn take_in(&self, key: String, door: Door, body: &Bytes) -> Result<Fresh, Message> {
        let body = String::from_utf8_lossy(body).into_owned();
        let recorded = self.inbox.take_in(key, door, body);
        let stored = tokio::select! {
            biased;
            stored = recorded => stored,
            () = self.clock.sleep_really(RECORD_WITHIN) => return Err(slow_store()),
        };
        stored.map_err(|error| {
            warn!(%error, "nothing was recorded, so nothing is done");
            store_down()
        })
    }

    /// Whether this is the second half of a double click. The same click delivered twice is none: the inbox knows it.
    fn is_second_of_two(&self, click: &Click) -> bool {
        let now = self.clock.reading();
        let mut gestures = self.gestures.lock().unwrap_or_else(PoisonError::into_inner);
        gestures.retain(|_, (at, _)| now.saturating_duration_since(*at) < DOUBLE_CLICK);
        let before = gestures.insert(click.gesture(), (now, click.key()));
        before.is_some_and(|(_, key)| key != click.key())
    }
}

/// The status for what slack-morphism's layer does not let through.
#[expect(clippy::needless_pass_by_value, reason = "the shape of slack-morphism's error handlers")]
fn refused(
    error: Box<dyn std::error::Error + Send + Sync>,
    _client: Arc<SlackClient<SlackClientHyperConnector<HttpConnector>>>,
    _state: SlackClientEventsUserState,
) -> StatusCode {
    let status = match error.downcast_ref::<SlackEventSignatureVerifierError>() {
        Some(SlackEventSignatureVerifierError::CryptoInitError(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(_) => StatusCode::UNAUTHORIZED,
        None if error.is::<SlackEventAbsentSignatureError>() => StatusCode::UNAUTHORIZED,
        None if is_over_limit(error.as_ref()) => StatusCode::PAYLOAD_TOO_LARGE,
        None => StatusCode::BAD_REQUEST,
    };
    // Neither the body nor a signature: both are in some of these errors.
    warn!(http.status = status.as_u16(), "a request to Slack's doors was refused");
    status
}

/// A body without a length in its head shows only while it is read that it is too large.
fn is_over_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.to_string() == "length limit exceeded")
}

/// Puts a sentence to a refusal that has none.
async fn with_sentence(response: Response) -> Response {
    let sentence = match response.status() {
        StatusCode::UNAUTHORIZED => {
            "The signature is missing, wrong or older than five minutes: check SLACK_SIGNING_SECRET and this machine's clock.\n"
        }
        StatusCode::INTERNAL_SERVER_ERROR => "The signature could not be checked: SLACK_SIGNING_SECRET is empty.\n",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than 1 MiB.\n",
        StatusCode::BAD_REQUEST if is_empty(&response) => "The body could not be read.\n",
        _ => return response,
    };
    (response.status(), sentence).into_response()
}

fn is_empty(response: &Response) -> bool {
    axum::body::HttpBody::size_hint(response.body()).exact() == Some(0)
}

async fn command(State(doors): State<Doors>, body: Bytes) -> Response {
    let command = match payload::command(&body) {
        Ok(Called::Command(command)) => command,
        Ok(Called::SslCheck) => return StatusCode::OK.into_response(),
        Err(error) => return malformed(&error),
    };
    if let Err(answer) = doors.front.read(&command) {
        return ephemeral(&answer);
    }
    match doors.take_in(command.key(&body), Door::Commands, &body).await {
        Ok(Fresh::New | Fresh::Duplicate) => StatusCode::OK.into_response(),
        Err(answer) => ephemeral(&answer),
    }
}

async fn interaction(State(doors): State<Doors>, body: Bytes) -> Response {
    match payload::interaction(&body) {
        Ok(Interaction::Click(click)) => clicked(&doors, &click, &body).await,
        Ok(Interaction::Submission(submission)) => submitted(&doors, &submission, &body).await,
        Ok(Interaction::Closed) => StatusCode::OK.into_response(),
        Ok(Interaction::Other(kind)) => {
            info!(slack.interaction = %kind, "an interaction of a type that is of no concern here");
            StatusCode::OK.into_response()
        }
        Err(error) => malformed(&error),
    }
}

async fn clicked(doors: &Doors, click: &Click, body: &Bytes) -> Response {
    // A response to a click is not shown to anybody, so answers go to its response URL.
    if doors.front.is_foreign(&click.by) {
        let answer = private::rejection(&Rejection::ForeignWorkspace);
        doors.front.tell(Addressee::from(click), answer);
    } else if doors.is_second_of_two(click) {
        doors.front.tell(Addressee::from(click), private::clicked_twice());
    } else if let Err(answer) = doors.take_in(click.key(), Door::Interactions, body).await {
        doors.front.tell(Addressee::from(click), answer);
    }
    StatusCode::OK.into_response()
}

/// An empty response closes the form. What is typed wrong is answered in the form, which stays.
async fn submitted(doors: &Doors, submission: &Submission, body: &Bytes) -> Response {
    let mut wrong = doors.front.wrong_entry(submission).await;
    if wrong.is_none() {
        let recorded = doors.take_in(submission.key(), Door::Interactions, body).await;
        wrong = recorded.err().map(|answer| entry_error(submission, &answer.text));
    }
    match wrong {
        Some(errors) => Json(json!({ "response_action": "errors", "errors": errors })).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

async fn event(body: Bytes) -> Response {
    match payload::event(&body) {
        Ok(Pushed::UrlVerification { challenge }) => Json(json!({ "challenge": challenge })).into_response(),
        Ok(Pushed::Event { id, kind }) => {
            info!(slack.event = %kind, slack.event_id = %id, "an event of no concern here");
            StatusCode::OK.into_response()
        }
        Ok(Pushed::Other(kind)) => {
            info!(slack.event = %kind, "an event of no concern here");
            StatusCode::OK.into_response()
        }
        Err(error) => malformed(&error),
    }
}

fn malformed(error: &Malformed) -> Response {
    warn!(%error, "a signed request could not be read");
    (StatusCode::BAD_REQUEST, format!("This could not be read: {error}.\n")).into_response()
}

fn ephemeral(message: &Message) -> Response {
    let mut answer = json!({ "response_type": "ephemeral", "text": message.text });
    if let Some(answer) = answer.as_object_mut().filter(|_| !message.blocks.is_empty()) {
        answer.insert("blocks".to_owned(), Value::from(message.blocks.clone()));
    }
    Json(answer).into_response()
}

fn store_down() -> Message {
    Message::of_text(
        "Rollbot could not write this down, so nothing was done. Its store has failed; whoever runs it finds the reason in its log.",
    )
}

fn slow_store() -> Message {
    Message::of_text(
        "Rollbot is slow to write this down; it may still be done. Look with /rollback status before you ask again.",
    )
}
