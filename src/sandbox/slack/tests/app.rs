//! A workspace, an app that listens and keeps what it was sent, and a client for the Web API.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::incident::time::Pace;
use crate::sandbox::slack::{SlackStandIn, Workspace};
use crate::sandbox::wire::Wire;

pub(in crate::sandbox::slack) fn workspace() -> Workspace {
    let person = |id: &str, name: &str, real: &str, team: &str| json!({"id": id, "name": name, "real_name": real, "team_id": team});
    serde_json::from_value(json!({
        "team_id": "T1", "domain": "example", "signing_secret": "fa2c05deeef5a4077494e89f54394de0",
        "bot_token": "xoxb-1", "bot_user": "U0BOT", "bot_id": "B1", "bot_name": "rollbot", "app_id": "A1",
        "scopes": ["commands", "chat:write", "channels:read", "users:read", "usergroups:read", "channels:history",
            "im:write", "reactions:write"],
        "commands": [{"name": "/rollback", "should_escape": true}],
        "channels": [
            {"id": "C1", "name": "incidents", "visibility": "public", "members": ["U1", "U2", "U9"],
                "bot_is_member": true, "shared_with": ["T9"]},
            {"id": "C2", "name": "general", "visibility": "public", "members": ["U1"], "bot_is_member": false},
            {"id": "C3", "name": "secret", "visibility": "private", "members": ["U1"], "bot_is_member": true},
            {"id": "C4", "name": "old", "visibility": "public", "members": [], "bot_is_member": true, "archived": true}
        ],
        "people": [person("U1", "ada", "Ada L.", "T1"), person("U2", "grace", "Grace H.", "T1"),
            person("U9", "alan", "Alan T.", "T9")],
        "user_groups": [{"id": "S1", "handle": "sre", "name": "Site reliability", "members": ["U2"]}]
    }))
    .unwrap()
}

/// One request that reached the app.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn form(&self, key: &str) -> String {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&self.body).unwrap();
        pairs.into_iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("no {key} in {}", self.body)).1
    }

    pub(super) fn payload(&self) -> Value {
        serde_json::from_str(&self.form("payload")).unwrap()
    }
}

type Answer = Box<dyn Fn() -> Response + Send + Sync>;

struct App {
    got: Mutex<Vec<Got>>,
    answer: Mutex<Answer>,
}

/// Stand-in, app and client together.
pub(super) struct Stage {
    pub(super) slack: SlackStandIn,
    pub(super) wire: Wire,
    pub(super) http: reqwest::Client,
    app: Arc<App>,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn take(State(app): State<Arc<App>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    app.got.lock().unwrap().push(Got { path: parts.uri.path().to_owned(), headers: parts.headers, body });
    let response = (app.answer.lock().unwrap())();
    if response.status() == StatusCode::GATEWAY_TIMEOUT {
        Clock::start(Pace::REAL).sleep_really(Duration::from_secs(4)).await;
    }
    response
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::set_in(workspace()).await
    }

    pub(super) async fn set_in(workspace: Workspace) -> Self {
        let (tasks, stop, wire) = (TaskTracker::new(), CancellationToken::new(), Wire::default());
        let slack =
            SlackStandIn::start(workspace, wire.clone(), Clock::start(Pace::REAL), &tasks, stop.clone()).await.unwrap();
        let answer: Answer = Box::new(|| StatusCode::OK.into_response());
        let app = Arc::new(App { got: Mutex::default(), answer: Mutex::new(answer) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        slack.connect_app(&format!("http://{}", listener.local_addr().unwrap()));
        let router = Router::new().fallback(any(take)).with_state(Arc::clone(&app));
        let ended = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                served = async { axum::serve(listener, router).await } => served.unwrap(),
            }
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { slack, wire, http, app, stop }
    }

    /// What the app answers from now on; status 504 comes after four seconds.
    pub(super) fn answer(&self, answer: impl Fn() -> Response + Send + Sync + 'static) {
        *self.app.answer.lock().unwrap() = Box::new(answer);
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.app.got.lock().unwrap().clone()
    }

    pub(super) fn last(&self) -> Got {
        self.got().pop().expect("the app was sent nothing")
    }

    pub(super) async fn call(&self, method: &str, arguments: Value) -> Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let reply = self.http.post(url).bearer_auth("xoxb-1").json(&arguments).send().await.unwrap();
        reply.json().await.unwrap()
    }

    pub(super) async fn post(&self, channel: &str, more: Value) -> Value {
        let mut arguments = json!({"channel": channel, "text": "hello"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("chat.postMessage", arguments).await
    }
}
