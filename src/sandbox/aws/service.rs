//! An ECS service: what it wants, its deployments, tasks and past.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ids::Ids;
use super::images::Images;
use super::json::Tags;
use super::revision::{Revision, RevisionContainer};
use super::seed::{Controller, ResourceManagementType, RollbackCause, Scheduling, ServiceStatus};
use super::strategies::Kept;
use super::task::{Balancing, ClusterPlace, Task};
use crate::incident::time::Now;

/// How long reads go on naming the previous `currentServiceDeployment` after an update.
const STALE: Duration = Duration::from_secs(1);
/// From the request until the deployment begins.
const BEGINNING: Duration = Duration::from_secs(2);
/// `events` keeps this many.
const EVENTS: usize = 100;

/// `rolloutState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// An entry of `deployments`. The last one of a service is PRIMARY, the others are ACTIVE.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) revision: String,
    pub(super) task_definition: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Failures in a row; a task of use ends the row.
    pub(super) failed_tasks: u32,
    pub(super) rollout: Rollout,
    pub(super) reason: String,
    /// Since when everything is as it should be.
    pub(super) steady_since: Option<Timestamp>,
    /// Since when all its tasks have been up.
    pub(super) up_since: Option<Timestamp>,
    /// Why the tasks of the deployment before are still kept, where the strategy keeps them.
    pub(super) kept: Option<Kept>,
}

/// Status of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServiceDeploymentStatus {
    Pending,
    InProgress,
    Successful,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl ServiceDeploymentStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_over(self) -> bool {
        match self {
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed => true,
            Self::Pending | Self::InProgress | Self::RollbackRequested | Self::RollbackInProgress => false,
        }
    }
}

/// The way back of a service deployment.
#[derive(Debug, Clone)]
pub(super) struct Rollback {
    pub(super) cause: RollbackCause,
    pub(super) started_at: Timestamp,
    pub(super) revision: String,
}

/// A `PAUSE` lifecycle hook that a service deployment has come to.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) expires_at: Timestamp,
    /// What was answered; `None` while it waits.
    pub(super) answer: Option<HookAnswer>,
}

/// What `ContinueServiceDeployment` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HookAnswer {
    Continue,
    Rollback,
}

impl ServiceDeployment {
    /// Whether it waits at a hook. One that is told to roll back leaves the hook.
    pub(super) fn is_paused(&self) -> bool {
        self.status == ServiceDeploymentStatus::InProgress
            && self.hook.as_ref().is_some_and(|hook| hook.answer.is_none())
    }
}

/// One deployment of a service, from request to end, its rollback included.
#[derive(Debug, Clone)]
pub(super) struct ServiceDeployment {
    pub(super) arn: String,
    pub(super) sources: Vec<String>,
    pub(super) target: String,
    pub(super) status: ServiceDeploymentStatus,
    pub(super) reason: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) updated_at: Timestamp,
    pub(super) rollback: Option<Rollback>,
    pub(super) failures: u32,
    pub(super) threshold: u32,
    /// The `PAUSE` hook that it has come to, if it has come to one.
    pub(super) hook: Option<Hook>,
    pub(super) configuration: Value,
}

/// An ECS service.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "AWS calls them service deployments")]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) arn: String,
    pub(super) cluster_arn: String,
    pub(super) created_at: Timestamp,
    pub(super) created_by: String,
    pub(super) status: ServiceStatus,
    pub(super) desired_count: u32,
    pub(super) task_definition: String,
    pub(super) controller: Controller,
    pub(super) scheduling: Scheduling,
    pub(super) resource_management_type: ResourceManagementType,
    pub(super) configuration: Value,
    pub(super) network_configuration: Value,
    pub(super) balancing: Option<Balancing>,
    pub(super) grace: Duration,
    pub(super) tags: Tags,
    pub(super) deployments: Vec<Deployment>,
    pub(super) service_deployments: Vec<ServiceDeployment>,
    pub(super) revisions: Vec<Revision>,
    pub(super) tasks: Vec<Task>,
    /// Newest first.
    pub(super) events: VecDeque<(String, Timestamp, String)>,
    /// The revision that completed last: where a rollback goes.
    pub(super) completed: Option<String>,
    /// When the scheduler looks again.
    pub(super) look_due: Option<Timestamp>,
    /// Until when no task is started, because tasks have failed.
    pub(super) pause: Option<Timestamp>,
    /// What `CodeDeploy` does with it, where it deploys it.
    pub(super) blue_green: Option<super::blue_green::BlueGreen>,
    /// What stale reads still name, and until when.
    pub(super) stale: Option<(Option<String>, Timestamp)>,
}

/// What a service needs of its surroundings to go on.
pub(super) struct Scene<'a> {
    pub(super) now: Now,
    pub(super) images: &'a Images,
    pub(super) ids: &'a mut Ids,
}

impl Service {
    /// The newest deployment: PRIMARY.
    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.last()
    }

    /// The newest service deployment.
    pub(super) fn current(&self) -> Option<&ServiceDeployment> {
        self.service_deployments.last()
    }

    /// A revision by ARN.
    pub(super) fn revision(&self, arn: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.arn == arn)
    }

    /// A number of `deploymentConfiguration`.
    fn configured(&self, member: &str, default: u32) -> u32 {
        let value = self.configuration.get(member).and_then(Value::as_u64);
        value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
    }

    /// How many tasks may exist during a deployment: `maximumPercent`, rounded down.
    pub(super) fn most(&self) -> u32 {
        self.desired_count.saturating_mul(self.configured("maximumPercent", 200)) / 100
    }

    /// How many tasks must serve during a deployment: `minimumHealthyPercent`, rounded up.
    pub(super) fn least(&self) -> u32 {
        self.desired_count.saturating_mul(self.configured("minimumHealthyPercent", 100)).div_ceil(100)
    }

    /// A switch of the deployment circuit breaker.
    pub(super) fn breaker(&self, switch: &str) -> bool {
        let breaker = self.configuration.get("deploymentCircuitBreaker");
        breaker
            .and_then(|breaker| breaker.get(switch))
            .and_then(Value::as_bool)
            .unwrap_or(switch == "resetOnHealthyTask")
    }

    /// How many failures in a row trip the circuit breaker: half of the desired count, at least 3 and at most 200,
    /// unless `thresholdConfiguration` says otherwise.
    pub(super) fn threshold(&self) -> u32 {
        let configured = self.configuration.pointer("/deploymentCircuitBreaker/thresholdConfiguration");
        let value = configured.and_then(|it| it.get("value")).and_then(Value::as_u64);
        let value = value.and_then(|value| u32::try_from(value).ok()).unwrap_or(50);
        let share = self.desired_count.saturating_mul(value).div_ceil(100);
        match configured.and_then(|it| it.get("type")).and_then(Value::as_str) {
            Some("COUNT") => value.max(1),
            Some("UNBOUNDED_PERCENT") => share.max(1),
            Some(_) | None => share.clamp(3, 200),
        }
    }

    /// Records a service event, worded `(service <name>) <what>`.
    pub(super) fn event(&mut self, scene: &mut Scene<'_>, what: &str) {
        let message = format!("(service {}) {what}", self.name);
        self.events.push_front((scene.ids.uuid(), scene.now.at, message));
        self.events.truncate(EVENTS);
    }

    /// Has the scheduler look after `delay`, or sooner if it would anyway.
    pub(super) fn look_after(&mut self, now: Now, delay: Duration) {
        let due = now.after(delay);
        self.look_due = Some(self.look_due.map_or(due, |sooner| sooner.min(due)));
    }

    /// Adds a revision as the service is configured now.
    pub(super) fn revise(
        &mut self,
        scene: &mut Scene<'_>,
        task_definition: &str,
        containers: Vec<RevisionContainer>,
    ) -> String {
        let arn = format!("{}/{}", self.arn.replace(":service/", ":service-revision/"), scene.ids.digits());
        self.revisions.push(Revision {
            arn: arn.clone(),
            task_definition: task_definition.to_owned(),
            containers,
            created_at: scene.now.at,
            network_configuration: self.network_configuration.clone(),
            load_balancers: self.load_balancers(),
            platform_version: "1.4.0".to_owned(),
        });
        arn
    }

    /// `loadBalancers` as the API writes it.
    pub(super) fn load_balancers(&self) -> Value {
        let primary = self.blue_green.as_ref().and_then(|group| group.primary_set());
        let listed = self.balancing.as_ref().map(|balancing| {
            json!({
                "targetGroupArn": primary.map_or(&balancing.target_group_arn, |set| &set.target_group),
                "containerName": balancing.container_name,
                "containerPort": balancing.container_port,
            })
        });
        listed.into_iter().collect()
    }

    /// Adds a service deployment to a revision. It is PENDING.
    pub(super) fn open_service_deployment(&mut self, scene: &mut Scene<'_>, target: &str) {
        let mut sources: Vec<String> = Vec::new();
        for task in self.tasks.iter().filter(|task| task.wanted) {
            if !sources.contains(&task.revision) {
                sources.push(task.revision.clone());
            }
        }
        self.service_deployments.push(ServiceDeployment {
            arn: format!("{}/{}", self.arn.replace(":service/", ":service-deployment/"), scene.ids.word()),
            sources,
            target: target.to_owned(),
            status: ServiceDeploymentStatus::Pending,
            reason: None,
            created_at: scene.now.at,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: scene.now.at,
            rollback: None,
            failures: 0,
            threshold: self.threshold(),
            hook: None,
            configuration: self.configuration.clone(),
        });
    }

    /// Adds a PRIMARY deployment of a revision.
    pub(super) fn open_deployment(&mut self, scene: &mut Scene<'_>, revision: &str, task_definition: &str) -> String {
        let id = format!("ecs-svc/{}", scene.ids.digits());
        self.deployments.push(Deployment {
            id: id.clone(),
            revision: revision.to_owned(),
            task_definition: task_definition.to_owned(),
            created_at: scene.now.at,
            updated_at: scene.now.at,
            failed_tasks: 0,
            rollout: Rollout::InProgress,
            reason: format!("ECS deployment {id} in progress."),
            steady_since: None,
            up_since: None,
            kept: None,
        });
        task_definition.clone_into(&mut self.task_definition);
        self.pause = None;
        id
    }

    /// Begins to deploy a task definition: what `UpdateService` does. A deployment under way gives way to it.
    pub(super) fn deploy(
        &mut self,
        scene: &mut Scene<'_>,
        task_definition: &str,
        containers: Vec<RevisionContainer>,
    ) -> String {
        let previous = self.current().map(|current| current.arn.clone());
        if let Some(current) = self.service_deployments.last_mut()
            && !current.status.is_over()
        {
            current.status = ServiceDeploymentStatus::Stopped;
            current.reason = Some("Service deployment stopped because a new deployment was started.".to_owned());
            current.stopped_at = Some(scene.now.at);
            current.finished_at = Some(scene.now.at);
            current.updated_at = scene.now.at;
        }
        let revision = self.revise(scene, task_definition, containers);
        self.open_service_deployment(scene, &revision);
        let id = self.open_deployment(scene, &revision, task_definition);
        self.stale = Some((previous, scene.now.after(STALE)));
        self.look_due = Some(scene.now.after(BEGINNING));
        id
    }

    /// A new task of a deployment.
    pub(super) fn place_task(&self, scene: &mut Scene<'_>, deployment: &str, revision: &Revision) -> Task {
        let tasks_arn = self.cluster_arn.replace(":cluster/", ":task/");
        let place = ClusterPlace { tasks_arn: &tasks_arn, subnet: self.subnet() };
        Task::place(scene.now, scene.ids, &place, deployment, revision)
    }

    fn subnet(&self) -> &str {
        let subnet = self.network_configuration.pointer("/awsvpcConfiguration/subnets/0");
        subnet.and_then(Value::as_str).unwrap_or("subnet-0a1b2c3d4e5f60718")
    }
}
