//! What proves that a deployment is what runs. Pure.
//!
//! "Stable" is not that: AWS's own waiter is satisfied by the bad release after a circuit breaker's rollback, by a
//! deployment that has not begun, by no tasks at all, and by tasks that no load balancer sends traffic to.

use super::inventory::{DeploymentStatus, ServiceDeployment, short};
use super::observe::{Deployment, Seen};
use crate::aws::target_health::name_in;
use crate::aws::tasks::Task;
use crate::incident::step::Evidence;
use crate::incident::work::EcsService;

/// How far a deployment is from being what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Everything that AWS can say says so.
    Complete(Vec<Evidence>),
    /// Not yet; how far it is, as a sentence.
    Missing(String),
    /// No tasks are asked for, so that nothing can be shown.
    NoTasks,
    /// A task runs another image than the one that shall run, as a sentence.
    OtherImage(String),
}

/// How far `deployment`, the primary one, is from being what runs.
pub fn prove(seen: &Seen, work: &EcsService, deployment: &Deployment, goes: Option<&ServiceDeployment>) -> Proof {
    let own: Vec<&Task> = seen.health.tasks.iter().collect();
    if let Some(other) = own.iter().find_map(|task| other_image(work, task)) {
        return Proof::OtherImage(other);
    }
    let rolled_out = is_complete(seen, work, deployment, goes);
    if seen.desired == 0 {
        return if rolled_out {
            Proof::NoTasks
        } else {
            Proof::Missing("ECS has not finished the deployment".to_owned())
        };
    }
    let desired = usize::try_from(seen.desired).unwrap_or_default();
    let running = own.iter().filter(|task| task.status == "RUNNING").count();
    let sick = own.iter().filter(|task| task.health == "UNHEALTHY").count();
    let healthy = seen.health.healthy_tasks();
    let balanced = !seen.health.groups.is_empty();
    let old: i32 = seen.deployments.iter().filter(|other| other.id != deployment.id).map(|other| other.running).sum();
    let name = short(&deployment.task_definition);

    let all_run = running == desired
        && own.len() == desired
        && deployment.running == seen.desired
        && deployment.pending == 0
        && sick == 0;
    let all_healthy = !balanced || healthy == desired;
    if all_run && all_healthy && old == 0 && rolled_out {
        return Proof::Complete(evidence(seen, work, deployment, goes, &own));
    }
    let mut progress = vec![format!("{running} of {desired} tasks of {name} running")];
    if balanced {
        progress.push(format!("{healthy} healthy"));
    }
    if sick > 0 {
        progress.push(format!("{sick} failing their health check"));
    }
    let progress = progress.join(", ");
    let rest = match old {
        0 if all_run && all_healthy => "; ECS has not finished the deployment".to_owned(),
        0 => String::new(),
        1 => "; 1 old task still up".to_owned(),
        old => format!("; {old} old tasks still up"),
    };
    Proof::Missing(format!("{progress}{rest}"))
}

/// Whether ECS counts it as complete: by its rollout state where there is one, else by the service deployment.
fn is_complete(seen: &Seen, work: &EcsService, deployment: &Deployment, goes: Option<&ServiceDeployment>) -> bool {
    if let Some(rollout) = &deployment.rollout {
        return rollout == "COMPLETED";
    }
    goes.is_some_and(|goes| ended_at(seen, goes) == Some(&work.target))
}

/// The task definition at which a service deployment ended, if it ended well.
pub fn ended_at<'a>(seen: &'a Seen, deployment: &ServiceDeployment) -> Option<&'a str> {
    match deployment.status {
        DeploymentStatus::Successful => seen.definition_of(&deployment.target),
        DeploymentStatus::RollbackSuccessful => {
            let back = deployment.rolled_back_to.as_deref().or_else(|| match deployment.sources.as_slice() {
                [source] => Some(source),
                _ => None,
            });
            back.and_then(|revision| seen.definition_of(revision))
        }
        DeploymentStatus::Pending
        | DeploymentStatus::InProgress
        | DeploymentStatus::StopRequested
        | DeploymentStatus::RollbackRequested
        | DeploymentStatus::RollbackInProgress
        | DeploymentStatus::Stopped
        | DeploymentStatus::RollbackFailed
        | DeploymentStatus::Other(_) => None,
    }
}

/// Whether a task runs another image than the one that shall run; what is not known is passed over.
fn other_image(work: &EcsService, task: &Task) -> Option<String> {
    task.containers.iter().find_map(|container| {
        let wanted = work.images.iter().find(|image| image.container == container.name)?.digest.as_deref()?;
        let found = container.digest.as_deref()?;
        (!is_same(work, wanted, found)).then(|| {
            format!(
                "Container {} of task {} runs the image {found}, but {wanted} shall run",
                container.name,
                short(&task.arn)
            )
        })
    })
}

/// Whether two digests stand for the same image: an index and the image of one of its platforms do.
fn is_same(work: &EcsService, one: &str, other: &str) -> bool {
    let lists = |index: &str, digest: &str| {
        work.platforms.get(index).is_some_and(|platforms| platforms.iter().any(|own| own == digest))
    };
    one == other
        || lists(one, other)
        || lists(other, one)
        || work
            .platforms
            .values()
            .any(|platforms| [one, other].iter().all(|digest| platforms.iter().any(|own| own == digest)))
}

/// Whether any task of the primary deployment runs another image than the one that shall run.
pub fn runs_other_images(seen: &Seen, work: &EcsService) -> bool {
    seen.health.tasks.iter().any(|task| other_image(work, task).is_some())
}

fn evidence(
    seen: &Seen,
    work: &EcsService,
    deployment: &Deployment,
    goes: Option<&ServiceDeployment>,
    own: &[&Task],
) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::new(format!(
        "Deployment {} of {} is the primary one, and its rollout is complete.",
        deployment.id, deployment.task_definition
    ))];
    if let Some(goes) = goes {
        evidence.push(Evidence::new(format!(
            "Service deployment {} stands at {}.",
            short(&goes.arn),
            goes.status.word()
        )));
    }
    evidence.push(Evidence::new(format!(
        "{} of {} tasks run, all of this deployment; no task of another one is up.",
        own.len(),
        seen.desired
    )));
    for image in &work.images {
        let runs = |task: &&&Task| {
            task.containers.iter().any(|container| {
                container.name == image.container
                    && matches!((&container.digest, &image.digest), (Some(runs), Some(wanted)) if is_same(work, wanted, runs))
            })
        };
        if let Some(digest) = &image.digest {
            let count = own.iter().filter(runs).count();
            evidence.push(Evidence::new(format!("{}: {count} of {} tasks run {digest}.", image.container, own.len())));
        }
    }
    for group in &seen.health.groups {
        let standings = seen.health.standings();
        let healthy = standings.iter().filter(|standing| standing.group == group.arn && standing.is_healthy()).count();
        evidence.push(Evidence::new(format!("{healthy} targets are healthy in {}.", name_in(&group.arn))));
    }
    evidence
}
