//! A Web API on loopback that says what a test lets it say, and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::incident::time::Pace;

/// What Slack answers per method, how slowly, and what it was asked.
#[derive(Clone, Default)]
pub(super) struct ScriptedSlack(Arc<Mutex<BTreeMap<String, Answer>>>);

#[derive(Clone, Default)]
struct Answer {
    body: Value,
    takes: Duration,
    asked: Vec<Value>,
}

impl ScriptedSlack {
    /// What `method` answers from now on; `null` is a failure.
    pub(super) fn says(&self, method: &str, body: Value) {
        self.0.lock().unwrap().entry(method.to_owned()).or_default().body = body;
    }

    /// How long `method` takes from now on.
    pub(super) fn takes(&self, method: &str, takes: Duration) {
        self.0.lock().unwrap().entry(method.to_owned()).or_default().takes = takes;
    }

    /// How often `method` was called.
    pub(super) fn asked(&self, method: &str) -> usize {
        self.bodies(method).len()
    }

    /// With which JSON `method` was called, in order; `null` where there was none.
    pub(super) fn bodies(&self, method: &str) -> Vec<Value> {
        self.0.lock().unwrap().get(method).map(|answer| answer.asked.clone()).unwrap_or_default()
    }

    /// The URL of the API, `…/api`. Response URLs may be anything below it.
    pub(super) async fn serve(&self) -> String {
        let router = Router::new().route("/api/{method}", any(answer)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn answer(State(slack): State<ScriptedSlack>, Path(method): Path<String>, body: Bytes) -> axum::Json<Value> {
    let answer = {
        let mut answers = slack.0.lock().unwrap();
        let answer = answers.entry(method).or_default();
        answer.asked.push(serde_json::from_slice(&body).unwrap_or_default());
        answer.clone()
    };
    Clock::start(Pace::REAL).sleep_really(answer.takes).await;
    axum::Json(if answer.body.is_null() { json!({ "ok": false, "error": "internal_error" }) } else { answer.body })
}
