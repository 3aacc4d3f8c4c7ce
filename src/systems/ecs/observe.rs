//! What a look at a running step finds: plain data, shared by whoever looks at the same service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::act::{Do, Receipt};
use super::deployments::{self, Remembered};
use super::inventory::{Revision, ServiceDeployment};
use super::register;
use crate::aws::services::{self, Tags};
use crate::aws::target_health::{self, TargetHealth};
use crate::aws::tasks::{self, Task, Wanted};
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::work::EcsService;
use crate::systems::step_kind::{Entry, Outcome, StepJournal};

/// How many service deployments are looked at: the present one and those that it may have superseded or be followed by.
const DEPLOYMENTS: usize = 10;
/// How many events are kept.
const EVENTS: usize = 20;

/// What was seen of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// How many tasks are asked for.
    pub desired: i32,
    /// The deployments that have tasks or are to have some, the primary first.
    pub deployments: Vec<Deployment>,
    /// The newest service deployments, newest first.
    pub service_deployments: Vec<ServiceDeployment>,
    /// Their revisions, by ARN.
    pub revisions: BTreeMap<String, Revision>,
    /// Tasks that have stopped within the last hour or so.
    pub stopped: Vec<Task>,
    /// The primary deployment's tasks that run or are to run, and what the load balancers say of them.
    pub health: TargetHealth,
    /// The newest events, newest first.
    pub events: Vec<Event>,
}

/// One of a service's deployments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployment {
    /// `ecs-svc/…`; its tasks bear it as what started them.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// How many tasks it shall have.
    pub desired: i32,
    /// How many of them run.
    pub running: i32,
    /// How many of them are being started.
    pub pending: i32,
    /// How many tasks in a row have failed to start.
    pub failed_tasks: i32,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// `COMPLETED`, `FAILED` or `IN_PROGRESS`; AWS does not say it of every kind of deployment.
    pub rollout: Option<String>,
    /// Why it stands so.
    pub rollout_reason: Option<String>,
}

/// What ECS says that it did, or could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Option<Timestamp>,
    /// In AWS's words.
    pub message: String,
}

/// What one step sees.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The service; the same for whoever looks at it.
    pub service: Arc<Seen>,
    /// The revision that an act of this step registered whose reply was lost, if there is one.
    pub registered: Option<String>,
}

/// A look at the service of `work`. Looks that begin after this call are shared.
///
/// # Errors
/// When AWS does not answer or refuses, or the service is gone.
pub async fn observe(aws: &Aws, work: &EcsService, journal: &StepJournal<'_>) -> Result<Sight, AwsError> {
    let look = || look(aws, &work.cluster, &work.service);
    let service = aws.flights().share(&format!("ecs {}", work.service), Duration::ZERO, look).await?;
    let registered = match (&work.register, lost_registrations(journal)) {
        (Some(registration), keys) if !keys.is_empty() => register::find(aws, &registration.like, &keys).await?,
        _ => None,
    };
    Ok(Sight { service, registered })
}

/// The keys of registrations without a reply. None, once one is known to have been accepted. Pure.
fn lost_registrations(journal: &StepJournal<'_>) -> Vec<String> {
    let entries: Vec<Entry<Do, Receipt>> = journal.entries().unwrap_or_default();
    let known = |entry: &Entry<Do, Receipt>| matches!(entry.outcome, Outcome::Accepted(Receipt::Registered { .. }));
    if entries.iter().any(known) {
        return Vec::new();
    }
    let lost =
        entries.iter().filter(|entry| matches!(entry.what, Do::Register { .. }) && entry.outcome == Outcome::Unknown);
    lost.map(|entry| journal.key_of(entry.number)).collect()
}

async fn look(aws: &Aws, cluster: &str, service: &str) -> Result<Seen, AwsError> {
    let (found, remembered, tasks, stopped) = futures::try_join!(
        services::describe(aws, cluster, service, Tags::Left),
        deployments::newest(aws, cluster, service, DEPLOYMENTS),
        tasks::of_service(aws, cluster, service, Wanted::Running),
        tasks::of_service(aws, cluster, service, Wanted::Stopped),
    )?;
    let (service_deployments, revisions): Remembered = remembered;
    let mut deployments: Vec<Deployment> = found.deployments().iter().map(Deployment::from).collect();
    deployments.sort_by_key(|deployment| !deployment.is_primary());
    let (primary, own) = target_health::of_primary(&found, &tasks);
    let health = target_health::of_tasks(aws, primary, target_health::groups_of(&found), own).await?;
    let events = events_of(&found);
    Ok(Seen {
        status: found.status.unwrap_or_default(),
        desired: found.desired_count,
        deployments,
        service_deployments,
        revisions,
        stopped,
        health,
        events,
    })
}

/// The newest events of a service, newest first.
pub fn events_of(service: &aws_sdk_ecs::types::Service) -> Vec<Event> {
    let mut events: Vec<Event> = service
        .events()
        .iter()
        .map(|event| Event {
            at: event.created_at().copied().and_then(timestamp),
            message: event.message().unwrap_or_default().to_owned(),
        })
        .collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events.truncate(EVENTS);
    events
}

impl From<&aws_sdk_ecs::types::Deployment> for Deployment {
    fn from(deployment: &aws_sdk_ecs::types::Deployment) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            id: text(deployment.id()),
            status: text(deployment.status()),
            task_definition: text(deployment.task_definition()),
            desired: deployment.desired_count(),
            running: deployment.running_count(),
            pending: deployment.pending_count(),
            failed_tasks: deployment.failed_tasks(),
            created_at: deployment.created_at().copied().and_then(timestamp),
            rollout: deployment.rollout_state().map(|state| state.as_str().to_owned()),
            rollout_reason: deployment.rollout_state_reason().map(str::to_owned),
        }
    }
}

impl Deployment {
    /// Whether it is the one that the service goes to.
    pub fn is_primary(&self) -> bool {
        self.status == "PRIMARY"
    }
}

impl Seen {
    /// The deployment that the service goes to.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.is_primary())
    }

    /// The task definition of a service revision.
    pub fn definition_of(&self, revision: &str) -> Option<&str> {
        self.revisions.get(revision).map(|revision| revision.task_definition.as_str())
    }

    /// The service deployment with this ARN.
    pub fn service_deployment(&self, arn: &str) -> Option<&ServiceDeployment> {
        self.service_deployments.iter().find(|deployment| deployment.arn == arn)
    }
}
