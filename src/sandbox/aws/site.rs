//! What users of a service's load balancer reach. Which tasks answer is decided by the target group, and what they answer
//! by the image that they run: health is caused, not told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::account::Account;
use super::seed::Answer;
use crate::clock::Clock;

/// Whose users a site is for.
pub(super) enum SiteOf {
    /// The load balancer of an ECS service.
    Service {
        /// The cluster's name.
        cluster: String,
        /// The service's name.
        service: String,
    },
    /// The site that a pipeline deploys by itself.
    Pipeline(String),
    /// The site that a build project deploys by itself.
    Project(String),
}

/// What users reach.
pub(super) struct Site {
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) clock: Clock,
    pub(super) of: SiteOf,
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
            match &self.of {
                SiteOf::Service { cluster, service } => account.answer_of(cluster, service, path, turn),
                SiteOf::Pipeline(name) => account.pipeline_answer(name, path),
                SiteOf::Project(name) => account.project_answer(name, path),
            }
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
    /// The commit that a pipeline deployed, and its answer.
    fn pipeline_answer(&self, name: &str, path: &str) -> Option<(Option<String>, Answer)> {
        let pipeline = self.pipelines.iter().find(|pipeline| pipeline.name == name)?;
        let (commit, answer) = pipeline.answer(path)?;
        Some((Some(commit), answer))
    }

    /// The commit that a build deployed, and its answer.
    fn project_answer(&self, name: &str, path: &str) -> Option<(Option<String>, Answer)> {
        let project = self.projects.iter().find(|project| project.name == name)?;
        let (commit, answer) = project.answer(path)?;
        Some((Some(commit), answer))
    }

    /// The version that answers a request, and its answer; `None` when no target is healthy.
    fn answer_of(&self, cluster: &str, service: &str, path: &str, turn: usize) -> Option<(Option<String>, Answer)> {
        let service = self.service(cluster, service)?;
        let balancing = service.balancing.as_ref()?;
        let set = service.blue_green.as_ref().map(|group| {
            // Seven is prime to a hundred: the turns come round to every percent.
            let percent = u32::try_from(turn.wrapping_mul(7) % 100).unwrap_or_default();
            let primary = group.primary_set().map(|set| (&set.id, set.weight));
            let other = group.sets.iter().find(|set| set.id != group.primary && set.weight > 0);
            match (primary, other) {
                (Some((_, weight)), Some(other)) if percent >= weight => Some(other.id.clone()),
                (primary, _) => primary.map(|(id, _)| id.clone()),
            }
        });
        let takes_traffic = |deployment: &String| set.as_ref().is_none_or(|set| set.as_ref() == Some(deployment));
        let serving = service.tasks.iter().filter(|task| task.serves(Some(balancing)));
        let healthy: Vec<_> = serving.filter(|task| takes_traffic(&task.deployment)).collect();
        let task = healthy.get(turn.checked_rem(healthy.len())?)?;
        let container = task.containers.iter().find(|container| container.name == balancing.container_name)?;
        let digest = container.digest.as_deref().unwrap_or_default();
        let answers = self.images.behaviour(digest).paths;
        let answer = answers.get(path).cloned().unwrap_or(Answer { status: 200, body: "ok".to_owned() });
        Some((Some(self.images.version(digest)), answer))
    }
}
