//! What a function's users get. Which version answers is decided by what they call, and what it answers by its code and
//! its settings: health is caused, not told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::super::account::Account;
use super::super::seed::Answer;
use super::function::{Function, Functions, LATEST, Slot};
use crate::clock::Clock;

/// The address of a function's users.
pub(in super::super) struct FunctionSite {
    pub(in super::super) account: Arc<Mutex<Account>>,
    pub(in super::super) clock: Clock,
    pub(in super::super) function: String,
    /// Counts requests, so that weights are kept.
    pub(in super::super) asked: Mutex<usize>,
}

impl FunctionSite {
    /// Answers a request for `path`.
    pub(in super::super) fn answer(&self, path: &str) -> Response<Body> {
        let turn = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked = asked.wrapping_add(1);
            *asked
        };
        let answered = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            account.pass(self.clock.now().at);
            account.functions.answer_of(&self.function, path, turn, account.at)
        };
        let (version, answer) = answered.unwrap_or_else(|| (String::new(), failed()));
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Ok(version) = version.parse() {
            response.headers_mut().insert("x-app-version", version);
        }
        response
    }
}

/// What API Gateway answers for a function that failed.
fn failed() -> Answer {
    Answer { status: 502, body: "{\"message\": \"Internal server error\"}".to_owned() }
}

impl Functions {
    /// The functions that have users.
    pub(in super::super) fn sites(&self) -> Vec<String> {
        self.all.iter().filter(|function| function.calls.is_some()).map(|function| function.name.clone()).collect()
    }

    /// The name of the code that answers, and its answer; `None` where nothing can be called.
    fn answer_of(&self, name: &str, path: &str, turn: usize, at: Timestamp) -> Option<(String, Answer)> {
        let function = self.find(name).ok()?;
        let slot = function.called(function.calls.as_deref()?, turn)?;
        let content = function.answering(slot);
        let known = function.codes.get(&content.sha256)?;
        if slot.state_at(at).is_some_and(|state| state.status == "Failed") {
            return Some((known.name.clone(), failed()));
        }
        let timeout = content.settings.get("Timeout").and_then(Value::as_u64).unwrap_or_default();
        // "Task timed out after 3.00 seconds".
        if known.does.takes_seconds > timeout {
            return Some((known.name.clone(), failed()));
        }
        let answer = known.does.paths.get(path).cloned();
        Some((known.name.clone(), answer.unwrap_or(Answer { status: 200, body: "ok".to_owned() })))
    }
}

impl Function {
    /// The version that a call gets: by an alias, now and then the other one, as its weight says.
    fn called(&self, qualifier: &str, turn: usize) -> Option<&Slot> {
        if qualifier == LATEST {
            return Some(&self.latest);
        }
        let alias = self.alias(qualifier).ok()?;
        // Seven is prime to a hundred: the turns come round to every percent.
        let percent = u32::try_from(turn.wrapping_mul(7) % 100).map(f64::from).unwrap_or_default();
        let other = alias.weights.iter().find(|(_, share)| percent < **share * 100.0).map(|(version, _)| version);
        self.slot(other.unwrap_or(&alias.version))
    }
}
