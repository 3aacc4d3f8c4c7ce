//! Signs that a deployment is failing, read before ECS gives up on it: ECS itself may go on for hours. Pure.

use jiff::Timestamp;

use super::inventory::{ServiceDeployment, short};
use super::observe::{Deployment, Event, Seen};
use crate::aws::tasks::Task;
use crate::incident::step::{Failure, Finding};

/// At how many failed tasks in a row a deployment without a circuit breaker counts as failing: the smallest threshold
/// that the breaker itself has.
const FAILED_TASKS: i32 = 3;
/// How many stopped tasks show that it was no accident.
const STOPPED_TASKS: usize = 2;
/// The events that name a cause have these words.
const CAUSES: [&str; 3] = ["is unhealthy", "unable to", "CannotPullContainer"];
/// How many events and stopped tasks people are shown.
const SHOWN: usize = 3;

/// Why `deployment` is failing, if it is. Of an earlier attempt's leftovers nothing counts: only what happened `since`.
pub fn failing(
    seen: &Seen,
    deployment: &Deployment,
    service_deployment: Option<&ServiceDeployment>,
    since: Option<Timestamp>,
) -> Option<Failure> {
    let name = short(&deployment.task_definition);
    if deployment.rollout.as_deref() == Some("FAILED") && since.is_none() {
        let why = format!("ECS gave the deployment of {name} up: its rollout state is FAILED");
        return Some(failure(seen, deployment, &why, deployment.rollout_reason.clone()));
    }
    let stopped: Vec<&Task> = ended_badly(seen, deployment).filter(|task| is_since(task.created_at, since)).collect();
    // Events do not say of which deployment they speak: while tasks of another one fail, they may be about those.
    let others_fail = others_fail(seen, deployment);
    let events = || {
        let since = since.max(deployment.created_at);
        seen.events.iter().filter(move |event| !others_fail && is_since(event.at, since))
    };
    let unpullable = stopped.iter().flat_map(|task| words(task)).find(|words| words.contains("CannotPullContainer"));
    let unpullable = unpullable
        .or_else(|| events().map(|event| event.message.as_str()).find(|said| said.contains("CannotPullContainer")));
    if let Some(words) = unpullable {
        let why = format!("An image of {name} cannot be pulled");
        return Some(failure(seen, deployment, &why, Some(words.to_owned())));
    }
    if stopped.len() >= STOPPED_TASKS {
        let why = format!("{} tasks of {name} stopped instead of running", stopped.len());
        return Some(failure(seen, deployment, &why, None));
    }
    let breaker = service_deployment.and_then(|deployment| deployment.breaker);
    let limit = breaker.map_or(FAILED_TASKS, |breaker| breaker.threshold);
    if deployment.failed_tasks >= limit && since.is_none() {
        let why = format!("{} tasks of {name} in a row failed to start", deployment.failed_tasks);
        return Some(failure(seen, deployment, &why, None));
    }
    if let Some(event) = events().find(|event| event.message.contains("unable to place a task")) {
        let why = format!("ECS finds no room for the tasks of {name}");
        return Some(failure(seen, deployment, &why, Some(event.message.clone())));
    }
    None
}

/// Whether tasks of another deployment fail or may be about to.
fn others_fail(seen: &Seen, deployment: &Deployment) -> bool {
    let mut others = seen.deployments.iter().filter(|other| other.id != deployment.id);
    others.any(|other| other.failed_tasks > 0 || other.pending > 0)
        || seen.stopped.iter().any(|task| task.started_by.as_ref() != Some(&deployment.id) && has_ended_badly(task))
}

/// A failure with everything that helps to understand it.
pub fn failure(seen: &Seen, deployment: &Deployment, why: &str, said: Option<String>) -> Failure {
    let mut details: Vec<String> = said.into_iter().collect();
    details.extend(details_of(seen, deployment));
    details.dedup();
    Failure {
        why: format!("{why}."),
        details,
        finding: Finding::Wrong,
        advice:
            "Look at the stopped tasks and their logs. Retry when the cause is gone, or stop and roll back to another \
                 release."
                .to_owned(),
        remedies: Vec::new(),
    }
}

/// What AWS says of a deployment's stopped tasks, and the newest events of the service: first the newest that names a
/// cause, for what the scheduler did about it is told in so many events more.
pub fn details_of(seen: &Seen, deployment: &Deployment) -> Vec<String> {
    let tasks = ended_badly(seen, deployment).take(SHOWN).map(task_sentence);
    let names_a_cause = |event: &&Event| {
        CAUSES.iter().any(|cause| event.message.contains(cause)) && is_since(event.at, deployment.created_at)
    };
    let cause = seen.events.iter().find(names_a_cause);
    let others = seen.events.iter().filter(|event| Some(*event) != cause);
    let events = cause.into_iter().chain(others).take(SHOWN).map(|event| event.message.clone());
    tasks.chain(events).collect()
}

/// Tasks of a deployment that ended otherwise than because the scheduler wanted it.
fn ended_badly<'a>(seen: &'a Seen, deployment: &'a Deployment) -> impl Iterator<Item = &'a Task> {
    seen.stopped.iter().filter(|task| task.started_by.as_ref() == Some(&deployment.id) && has_ended_badly(task))
}

fn has_ended_badly(task: &Task) -> bool {
    matches!(task.stop_code.as_deref(), Some("TaskFailedToStart" | "EssentialContainerExited"))
}

fn words(task: &Task) -> impl Iterator<Item = &str> {
    let reasons = task.containers.iter().filter_map(|container| container.reason.as_deref());
    task.stopped_reason.as_deref().into_iter().chain(reasons)
}

fn task_sentence(task: &Task) -> String {
    let reason = task.stopped_reason.as_deref().or(task.stop_code.as_deref()).unwrap_or("stopped");
    let containers = task.containers.iter().filter_map(|container| {
        let code = container.exit_code.map(|code| format!("exit code {code}"));
        let said: Vec<String> = code.into_iter().chain(container.reason.clone()).collect();
        (!said.is_empty()).then(|| format!("{}: {}", container.name, said.join(", ")))
    });
    let sentence: Vec<String> =
        std::iter::once(format!("Task {}: {reason}", short(&task.arn))).chain(containers).collect();
    sentence.join("; ")
}

fn is_since(at: Option<Timestamp>, since: Option<Timestamp>) -> bool {
    match (at, since) {
        (_, None) => true,
        (Some(at), Some(since)) => at >= since,
        (None, Some(_)) => false,
    }
}
