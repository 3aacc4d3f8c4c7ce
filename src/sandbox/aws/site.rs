//! What users of a service's load balancer reach. Which tasks answer is decided by the target group, and what they answer
//! by the image that they run: health is caused, not told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::account::Account;
use super::seed::Answer;
use crate::clock::Clock;

/// The load balancer of one service.
pub(super) struct Site {
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) clock: Clock,
    pub(super) cluster: String,
    pub(super) service: String,
    /// Counts requests, so that they go round the targets.
    pub(super) asked: Mutex<usize>,
}

impl Site {
    /// Answers a request for `path`, from one of the tasks whose target is healthy.
    pub(super) fn answer(&self, path: &str) -> Response<Body> {
        let turn = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked = asked.wrapping_add(1);
            *asked
        };
        let answered = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            account.pass(self.clock.now().at);
            account.answer_of(&self.cluster, &self.service, path, turn)
        };
        let (version, answer) = answered
            .unwrap_or_else(|| (None, Answer { status: 503, body: "503 Service Temporarily Unavailable".to_owned() }));
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(version) = version.and_then(|version| version.parse().ok()) {
            response.headers_mut().insert("x-app-version", version);
        }
        response
    }
}

impl Account {
    /// The version that answers a request, and its answer; `None` when no target is healthy.
    fn answer_of(&self, cluster: &str, service: &str, path: &str, turn: usize) -> Option<(Option<String>, Answer)> {
        let service = self.service(cluster, service)?;
        let balancing = service.balancing.as_ref()?;
        let healthy: Vec<_> = service.tasks.iter().filter(|task| task.serves(Some(balancing))).collect();
        let task = healthy.get(turn.checked_rem(healthy.len())?)?;
        let container = task.containers.iter().find(|container| container.name == balancing.container_name)?;
        let digest = container.digest.as_deref().unwrap_or_default();
        let answers = self.images.behaviour(digest).paths;
        let answer = answers.get(path).cloned().unwrap_or(Answer { status: 200, body: "ok".to_owned() });
        Some((Some(self.images.version(digest)), answer))
    }
}
