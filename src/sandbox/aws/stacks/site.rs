//! What users of a stack reach. What answers is decided by what one of its resources is now: health is caused, not told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::super::account::Account;
use super::super::seed::Answer;
use super::all::Stacks;
use crate::clock::Clock;

/// The address of one stack.
pub(in super::super) struct StackSite {
    pub(in super::super) account: Arc<Mutex<Account>>,
    pub(in super::super) clock: Clock,
    pub(in super::super) stack: String,
}

impl StackSite {
    /// Answers a request for `path`.
    pub(in super::super) fn answer(&self, path: &str) -> Response<Body> {
        let answered = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            account.pass(self.clock.now().at);
            account.stacks.answer_of(&self.stack, path)
        };
        let (version, answer) =
            answered.unwrap_or_else(|| (String::new(), Answer { status: 503, body: "Service Unavailable".to_owned() }));
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Ok(version) = version.parse() {
            response.headers_mut().insert("x-app-version", version);
        }
        response
    }
}

impl Stacks {
    /// The version that answers a request to a stack, and its answer; `None` when the resource that would is gone.
    pub(in super::super) fn answer_of(&self, stack: &str, path: &str) -> Option<(String, Answer)> {
        let stack = self.find(stack)?;
        let site = stack.site.as_ref()?;
        let property = stack.resource(&site.resource)?.property(&site.property)?;
        let value = property.as_str().map_or_else(|| property.to_string(), str::to_owned);
        let version = site.versions.get(&value);
        let answer = version.and_then(|version| version.paths.get(path)).cloned();
        let answer = answer.unwrap_or(Answer { status: 200, body: "ok".to_owned() });
        Some((version.map_or(value, |version| version.name.clone()), answer))
    }
}
