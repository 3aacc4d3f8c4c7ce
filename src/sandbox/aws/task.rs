//! One task: from PROVISIONING to STOPPED, and its target in the load balancer.
//!
//! Whatever waits carries the time at which it goes on. [`Task::step`] does the one thing that is due and says what
//! happened; the service draws the conclusions.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ids::Ids;
use super::images::Images;
use super::json::{present, seconds};
use super::revision::Revision;
use super::seed::{Health, Start};
use crate::incident::time::Now;

/// Between the service's decision and the task's network interface.
const PROVISIONING: Duration = Duration::from_secs(8);
/// Pulling the image.
const PULLING: Duration = Duration::from_secs(12);
/// Until the containers run.
const ACTIVATING: Duration = Duration::from_secs(3);
/// From the stop signal until the containers have exited.
const STOPPING: Duration = Duration::from_secs(5);
/// Until the network interface is gone.
const DEPROVISIONING: Duration = Duration::from_secs(5);
/// How long a stopped task is still told about.
const REMEMBERED: Duration = Duration::from_hours(1);

/// `lastStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Stage {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
    /// Stopped for so long that nobody is told about it any more.
    Forgotten,
}

/// The state of the task's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetState {
    Initial,
    Healthy,
    Unhealthy { reason: String, description: String },
    Draining,
}

/// A registration with the service's target group.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) state: TargetState,
    due: Option<Timestamp>,
}

/// How the service's load balancer treats its targets.
#[derive(Debug, Clone)]
pub(super) struct Balancing {
    pub(super) target_group_arn: String,
    pub(super) container_name: String,
    pub(super) container_port: u16,
    pub(super) until_healthy: Duration,
    pub(super) until_unhealthy: Duration,
    pub(super) draining: Duration,
}

/// A container of a task.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) digest: Option<String>,
    essential: bool,
    has_health_check: bool,
    runtime_id: String,
    exit_code: Option<i32>,
}

/// Why a task stopped.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// Nothing that the service would mind.
    Moved,
    /// It runs; there is no load balancer that would have to find it healthy.
    Serves,
    /// It was registered with the target group.
    Registered,
    /// The load balancer found it healthy.
    Healthy,
    /// The load balancer found it unhealthy.
    Unhealthy,
    /// It stopped by itself before it was of use.
    Failed { reason: String },
    /// It stopped by itself after it had been of use.
    Exited,
}

/// A task of a service.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "AWS calls it a task definition")]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) arn: String,
    /// The deployment that it counts for.
    pub(super) deployment: String,
    /// The deployment that started it, for ever.
    pub(super) started_by: String,
    pub(super) revision: String,
    pub(super) task_definition: String,
    pub(super) stage: Stage,
    /// Whether it is to run (`desiredStatus` RUNNING).
    pub(super) wanted: bool,
    pub(super) target: Option<Target>,
    pub(super) containers: Vec<Container>,
    pub(super) address: String,
    pub(super) stop: Option<Stop>,
    pub(super) started_at: Option<Timestamp>,
    due: Option<Timestamp>,
    created_at: Timestamp,
    pull_started_at: Option<Timestamp>,
    pull_stopped_at: Option<Timestamp>,
    stopping_at: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
    was_of_use: bool,
    attachment: String,
    interface: String,
    subnet: String,
    transitions: u32,
}

impl Task {
    /// A task of a revision, about to be provisioned.
    pub(super) fn place(
        now: Now,
        ids: &mut Ids,
        cluster: &ClusterPlace<'_>,
        deployment: &str,
        revision: &Revision,
    ) -> Self {
        let id = ids.hex();
        let containers = revision.containers.iter().map(|container| Container {
            name: container.name.clone(),
            image: container.image.clone(),
            digest: container.digest.clone(),
            essential: container.essential,
            has_health_check: container.has_health_check,
            runtime_id: format!("{id}-{}", container.name),
            exit_code: None,
        });
        Self {
            arn: format!("{}/{id}", cluster.tasks_arn),
            deployment: deployment.to_owned(),
            started_by: deployment.to_owned(),
            revision: revision.arn.clone(),
            task_definition: revision.task_definition.clone(),
            stage: Stage::Provisioning,
            wanted: true,
            target: None,
            containers: containers.collect(),
            address: ids.address(),
            stop: None,
            started_at: None,
            due: Some(now.after(PROVISIONING)),
            created_at: now.at,
            pull_started_at: None,
            pull_stopped_at: None,
            stopping_at: None,
            stopped_at: None,
            was_of_use: false,
            attachment: ids.uuid(),
            interface: format!("eni-{}", ids.hex().chars().take(17).collect::<String>()),
            subnet: cluster.subnet.to_owned(),
            transitions: 1,
            id,
        }
    }

    /// Makes it a task that has run since `since`, as its images behave.
    pub(super) fn already_running(mut self, images: &Images, balancing: Option<&Balancing>, since: Timestamp) -> Self {
        self.created_at = since;
        self.pull_started_at = Some(since);
        self.pull_stopped_at = Some(since);
        self.started_at = Some(since);
        self.stage = Stage::Running;
        self.due = None;
        self.was_of_use = true;
        self.transitions = 4;
        for container in &mut self.containers {
            if container.digest.is_none() {
                container.digest = images.recorded(&container.image);
            }
        }
        self.target = balancing.map(|balancing| Target { state: self.verdict(images, balancing), due: None });
        self
    }

    /// When it goes on by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let target = self.target.as_ref().and_then(|target| target.due);
        self.due.into_iter().chain(target).min()
    }

    /// Whether it is of use: wanted, running, and healthy where a load balancer decides.
    pub(super) fn serves(&self, balancing: Option<&Balancing>) -> bool {
        let healthy = self.target.as_ref().is_some_and(|target| target.state == TargetState::Healthy);
        self.wanted && self.stage == Stage::Running && (balancing.is_none() || healthy)
    }

    /// Whether it has not yet come to run.
    pub(super) fn is_pending(&self) -> bool {
        self.stage < Stage::Running
    }

    /// Whether it is gone.
    pub(super) fn is_stopped(&self) -> bool {
        self.stage >= Stage::Stopped
    }

    /// Does what is due at `now`.
    pub(super) fn step(&mut self, now: Now, images: &Images, balancing: Option<&Balancing>) -> Happening {
        if let Some(balancing) = balancing
            && let Some(target) = &self.target
            && target.due.is_some_and(|due| due <= now.at)
        {
            let state = self.verdict(images, balancing);
            self.was_of_use |= state == TargetState::Healthy;
            let happening = if state == TargetState::Healthy { Happening::Healthy } else { Happening::Unhealthy };
            self.target = Some(Target { state, due: None });
            return happening;
        }
        if self.due.is_none_or(|due| due > now.at) {
            return Happening::Moved;
        }
        self.due = None;
        self.transitions += 1;
        match self.stage {
            Stage::Provisioning => self.turn(Stage::Pending, Some(now.after(PULLING)), |task| {
                task.pull_started_at = Some(now.at);
            }),
            Stage::Pending => return self.pull(now, images),
            Stage::Activating => return self.run(now, images, balancing),
            Stage::Running => return self.exit(now, images),
            Stage::Deactivating => self.turn(Stage::Stopping, Some(now.after(STOPPING)), |task| task.target = None),
            Stage::Stopping => self.turn(Stage::Deprovisioning, Some(now.after(DEPROVISIONING)), |task| {
                task.containers
                    .iter_mut()
                    .filter(|one| one.exit_code.is_none())
                    .for_each(|one| one.exit_code = Some(0));
            }),
            Stage::Deprovisioning => self.turn(Stage::Stopped, Some(now.after(REMEMBERED)), |task| {
                task.target = None;
                task.stopped_at = Some(now.at);
            }),
            Stage::Stopped | Stage::Forgotten => self.stage = Stage::Forgotten,
        }
        Happening::Moved
    }

    fn turn(&mut self, stage: Stage, due: Option<Timestamp>, with: impl FnOnce(&mut Self)) {
        self.stage = stage;
        self.due = due;
        with(self);
    }

    fn pull(&mut self, now: Now, images: &Images) -> Happening {
        self.pull_stopped_at = Some(now.at);
        let mut failure = None;
        for container in &mut self.containers {
            let reference = match &container.digest {
                Some(digest) if !container.image.contains('@') => {
                    format!(
                        "{}@{digest}",
                        container.image.rsplit_once(':').map_or(container.image.as_str(), |(name, _)| name)
                    )
                }
                Some(_) | None => container.image.clone(),
            };
            match images.pull(&reference) {
                Ok(digest) => {
                    if let Start::Fails { reason } = images.behaviour(&digest).start {
                        failure.get_or_insert(reason);
                    }
                    container.digest = Some(digest);
                }
                Err(reason) => {
                    failure.get_or_insert(reason);
                }
            }
        }
        match failure {
            None => {
                self.turn(Stage::Activating, Some(now.after(ACTIVATING)), |_| ());
                Happening::Moved
            }
            Some(reason) => {
                self.end(now, "TaskFailedToStart", reason.clone());
                Happening::Failed { reason }
            }
        }
    }

    fn run(&mut self, now: Now, images: &Images, balancing: Option<&Balancing>) -> Happening {
        self.started_at = Some(now.at);
        self.stage = Stage::Running;
        self.due = self.exits(images).map(|(_, _, after)| now.after(after)).min();
        let Some(balancing) = balancing else {
            return Happening::Serves;
        };
        let wait = match self.verdict(images, balancing) {
            TargetState::Healthy => balancing.until_healthy,
            TargetState::Initial | TargetState::Unhealthy { .. } | TargetState::Draining => balancing.until_unhealthy,
        };
        self.target = Some(Target { state: TargetState::Initial, due: Some(now.after(wait)) });
        Happening::Registered
    }

    fn exits(&self, images: &Images) -> impl Iterator<Item = (String, i32, Duration)> {
        let essential = self.containers.iter().filter(|container| container.essential);
        essential.filter_map(|container| match images.behaviour(container.digest.as_deref()?).start {
            Start::Exits { code, after_seconds } => {
                Some((container.name.clone(), code, Duration::from_secs(after_seconds.max(1))))
            }
            Start::Normally | Start::Fails { .. } => None,
        })
    }

    fn exit(&mut self, now: Now, images: &Images) -> Happening {
        if let Some((name, code, _)) = self.exits(images).min_by_key(|(_, _, after)| *after) {
            self.containers.iter_mut().filter(|one| one.name == name).for_each(|one| one.exit_code = Some(code));
        }
        let reason = "Essential container in task exited".to_owned();
        self.end(now, "EssentialContainerExited", reason.clone());
        if self.was_of_use { Happening::Exited } else { Happening::Failed { reason } }
    }

    fn verdict(&self, images: &Images, balancing: &Balancing) -> TargetState {
        let serving = self.containers.iter().find(|container| container.name == balancing.container_name);
        let digest = serving.and_then(|container| container.digest.as_deref()).unwrap_or_default();
        match images.behaviour(digest).health {
            Health::Healthy => TargetState::Healthy,
            Health::Unhealthy { reason, description } => TargetState::Unhealthy { reason, description },
        }
    }

    /// Counts a task without a load balancer as of use.
    pub(super) fn is_of_use(&mut self) {
        self.was_of_use = true;
    }

    fn end(&mut self, now: Now, code: &'static str, reason: String) {
        self.wanted = false;
        self.stop = Some(Stop { code, reason });
        self.stopping_at = Some(now.at);
        if self.target.is_some() {
            self.target = Some(Target { state: TargetState::Draining, due: None });
        }
        self.stage = Stage::Deprovisioning;
        self.due = Some(now.after(DEPROVISIONING));
    }

    /// Stops it because the service no longer wants it; a registered target drains first.
    pub(super) fn retire(&mut self, now: Now, reason: String, balancing: Option<&Balancing>) {
        let was_running = self.stage == Stage::Running;
        let drains = balancing.filter(|_| self.target.is_some()).map(|balancing| balancing.draining);
        self.end(now, "ServiceSchedulerInitiated", reason);
        self.transitions += 1;
        match drains {
            Some(draining) => self.turn(Stage::Deactivating, Some(now.after(draining)), |_| ()),
            None if was_running => self.turn(Stage::Stopping, Some(now.after(STOPPING)), |_| ()),
            None => {}
        }
    }

    /// `healthStatus`: UNKNOWN without container health checks, as is usual.
    fn health(&self) -> &'static str {
        let checked = self.containers.iter().any(|container| container.has_health_check);
        if checked && self.stage == Stage::Running { "HEALTHY" } else { "UNKNOWN" }
    }

    /// The task as `DescribeTasks` tells it.
    pub(super) fn described(&self, cluster_arn: &str, service: &str, zone: &str) -> Value {
        let alive = self.stage < Stage::Deprovisioning;
        let status = self.stage.word();
        let containers = self.containers.iter().map(|container| {
            let last = if self.stage >= Stage::Deprovisioning { "STOPPED" } else if self.stage >= Stage::Running { "RUNNING" } else { "PENDING" };
            json!({
                "containerArn": format!("{}/{}", self.arn.replace(":task/", ":container/"), container.name),
                "taskArn": self.arn,
                "name": container.name,
                "image": container.image,
                "imageDigest": self.pull_stopped_at.and(container.digest.as_deref()),
                "runtimeId": container.runtime_id,
                "lastStatus": last,
                "exitCode": container.exit_code,
                "networkBindings": [],
                "networkInterfaces": [{"attachmentId": self.attachment, "privateIpv4Address": self.address}],
                "healthStatus": if container.has_health_check && self.stage == Stage::Running { "HEALTHY" } else { "UNKNOWN" },
            })
        });
        present(json!({
            "attachments": [{
                "id": self.attachment,
                "type": "ElasticNetworkInterface",
                "status": if !alive { "DELETED" } else if self.stage == Stage::Provisioning { "PRECREATED" } else { "ATTACHED" },
                "details": [
                    {"name": "subnetId", "value": self.subnet},
                    {"name": "networkInterfaceId", "value": self.interface},
                    {"name": "privateDnsName", "value": format!("ip-{}.internal", self.address.replace('.', "-"))},
                    {"name": "privateIPv4Address", "value": self.address},
                ],
            }],
            "availabilityZone": zone,
            "clusterArn": cluster_arn,
            "connectivity": "CONNECTED",
            "containers": containers.collect::<Vec<_>>(),
            "createdAt": seconds(self.created_at),
            "desiredStatus": if self.wanted { "RUNNING" } else { "STOPPED" },
            "group": format!("service:{service}"),
            "healthStatus": self.health(),
            "lastStatus": status,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
            "pullStartedAt": self.pull_started_at.map(seconds),
            "pullStoppedAt": self.pull_stopped_at.map(seconds),
            "startedAt": self.started_at.map(seconds),
            "startedBy": self.started_by,
            "stopCode": self.stop.as_ref().map(|stop| stop.code),
            "stoppedReason": self.stop.as_ref().map(|stop| stop.reason.as_str()),
            "stoppingAt": self.stopping_at.map(seconds),
            "stoppedAt": self.stopped_at.map(seconds),
            "taskArn": self.arn,
            "taskDefinitionArn": self.task_definition,
            "version": self.transitions,
        }))
    }
}

/// Where a service's tasks are placed.
pub(super) struct ClusterPlace<'a> {
    /// `arn:aws:ecs:…:task/<cluster>`.
    pub(super) tasks_arn: &'a str,
    pub(super) subnet: &'a str,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped | Self::Forgotten => "STOPPED",
        }
    }
}
