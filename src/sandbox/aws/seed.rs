//! What an account holds when a scenario begins: plain data, written in YAML, JSON or Rust.
//!
//! Ages are real durations before the start (`2h 30m`); they are not sped up. How an application behaves belongs to the
//! image digest, so whatever runs an image, at whatever time, behaves alike.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seed_pipelines::{SeedPipeline, SeedProject};

use super::alarms::SeedAlarm;
use super::amplify::SeedApp;
use super::cloudfront::SeedDistribution;
use super::functions::SeedFunction;
use super::seed_buckets::SeedBucket;
use super::stacks::SeedStack;

/// An AWS account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The account id, twelve digits.
    pub account: String,
    /// The region, such as `eu-north-1`.
    pub region: String,
    /// ARN of whoever calls with keys that no `AssumeRole` gave out; by default a user `operator`.
    #[serde(default)]
    pub caller: Option<String>,
    /// Roles that may be assumed.
    #[serde(default)]
    pub roles: Vec<SeedRole>,
    /// Names of the ECS clusters.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// ECR repositories by name.
    #[serde(default)]
    pub repositories: BTreeMap<String, Vec<SeedImage>>,
    /// Task definition revisions by family, oldest first; revisions count from 1.
    #[serde(default)]
    pub task_definitions: BTreeMap<String, Vec<SeedTaskDefinition>>,
    /// Names of secrets in Secrets Manager, with the six characters that it adds: `shop/database-AbCdEf`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Names of parameters in Systems Manager.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Names of log groups.
    #[serde(default)]
    pub log_groups: Vec<String>,
    /// Target groups by name.
    #[serde(default)]
    pub target_groups: BTreeMap<String, SeedTargetGroup>,
    /// ECS services.
    #[serde(default)]
    pub services: Vec<SeedService>,
    /// Pipelines of `CodePipeline`.
    #[serde(default)]
    pub pipelines: Vec<SeedPipeline>,
    /// Build projects of `CodeBuild`.
    #[serde(default)]
    pub projects: Vec<SeedProject>,
    /// CloudFormation stacks, as a list or by name.
    #[serde(default, deserialize_with = "super::stacks::listed")]
    pub stacks: Vec<SeedStack>,
    /// CloudWatch alarms.
    #[serde(default)]
    pub alarms: Vec<SeedAlarm>,
    /// S3 buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, SeedBucket>,
    /// Distributions of CloudFront by id, `E2SHOPSITE0001`.
    #[serde(default)]
    pub distributions: BTreeMap<String, SeedDistribution>,
    /// Amplify apps, as a list or by name.
    #[serde(default, deserialize_with = "super::amplify::listed")]
    pub apps: Vec<SeedApp>,
    /// Lambda functions by name.
    #[serde(default)]
    pub functions: BTreeMap<String, SeedFunction>,
}

/// A role that may be assumed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRole {
    /// The role's name.
    pub name: String,
    /// The external id that its trust policy asks for.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// An image in ECR.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedImage {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The tags that point to it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How long ago it was pushed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Whether it can be pulled.
    #[serde(default)]
    pub status: ImageStatus,
    /// What a task does that runs it.
    #[serde(default)]
    pub behaviour: Behaviour,
}

/// Whether an image can be pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageStatus {
    /// It can.
    #[default]
    Active,
    /// It is listed, but cannot be pulled.
    Archived,
    /// It was there when past deployments resolved it, and is gone now.
    Deleted,
}

/// What a task does that runs an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Whether the container starts and keeps running.
    pub start: Start,
    /// What the load balancer's health check finds.
    pub health: Health,
    /// What its paths answer; other paths answer 200.
    pub paths: BTreeMap<String, Answer>,
}

/// Whether a container starts and keeps running.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It does.
    #[default]
    Normally,
    /// The task stops before it runs, with `TaskFailedToStart`.
    Fails {
        /// The task's `stoppedReason`, such as `CannotPullContainerError: …`.
        reason: String,
    },
    /// The container starts and exits later; essential ones take the task with them (`EssentialContainerExited`).
    Exits {
        /// The exit code.
        code: i32,
        /// How long it runs, in seconds of simulated time.
        after_seconds: u64,
    },
}

/// What a load balancer's health check finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The target passes.
    #[default]
    Healthy,
    /// The target fails.
    Unhealthy {
        /// `Target.ResponseCodeMismatch`, `Target.Timeout` or `Target.FailedHealthChecks`.
        reason: String,
        /// Such as `Health checks failed with these codes: [500]`.
        description: String,
    },
}

/// What a path answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// One revision of a task definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedTaskDefinition {
    /// The request that registered it, as `RegisterTaskDefinition` takes it, without `family` and `tags`. `{registry}`
    /// in an image stands for the account's ECR registry.
    pub request: Value,
    /// How long ago it was registered.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Whether it was deregistered since.
    #[serde(default)]
    pub status: TaskDefinitionStatus,
    /// ARN of whoever registered it.
    #[serde(default)]
    pub registered_by: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// `TaskDefinitionStatus`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskDefinitionStatus {
    /// Services may be updated to it.
    #[default]
    Active,
    /// It was deregistered.
    Inactive,
}

/// A target group and how it checks and lets go of targets. Durations are simulated time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedTargetGroup {
    /// The port of the targets.
    pub port: u16,
    /// The path of the health check.
    pub health_check_path: String,
    /// Seconds between two health checks.
    pub interval_seconds: u32,
    /// Passes in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Seconds for which a target drains.
    pub deregistration_delay_seconds: u32,
}

impl Default for SeedTargetGroup {
    fn default() -> Self {
        Self {
            port: 8080,
            health_check_path: "/health".to_owned(),
            interval_seconds: 10,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay_seconds: 30,
        }
    }
}

/// An ECS service with its past.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedService {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub name: String,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// The load balancer's target group, if it has one.
    #[serde(default)]
    pub load_balancer: Option<SeedLoadBalancer>,
    /// `deploymentConfiguration` as the API writes it; what is absent has the API's defaults.
    #[serde(default)]
    pub deployment_configuration: Value,
    /// Who deploys it.
    #[serde(default)]
    pub controller: Controller,
    /// The deployment group in `CodeDeploy`, where that deploys it.
    #[serde(default)]
    pub code_deploy: Option<SeedCodeDeploy>,
    /// Who manages its resources.
    #[serde(default)]
    pub resource_management_type: ResourceManagementType,
    /// Whether it is a daemon service.
    #[serde(default)]
    pub scheduling: Scheduling,
    /// Whether it is there at all.
    #[serde(default)]
    pub status: ServiceStatus,
    /// `networkConfiguration` as the API writes it; two subnets by default.
    #[serde(default)]
    pub network_configuration: Option<Value>,
    /// `healthCheckGracePeriodSeconds`.
    #[serde(default)]
    pub health_check_grace_period_seconds: u32,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its past deployments, oldest first. The last that succeeded is what runs.
    pub history: Vec<SeedDeployment>,
    /// A deployment that is under way.
    #[serde(default)]
    pub in_flight: Option<SeedInFlight>,
}

/// A deployment group that deploys a service. The service's history is that of this group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedCodeDeploy {
    /// The application's name.
    pub application: String,
    /// The group's name.
    pub group: String,
    /// How traffic is shifted.
    #[serde(default = "all_at_once")]
    pub config: String,
    /// The name of the second target group.
    pub green_target_group: String,
    /// For how many minutes the old tasks are kept after traffic was shifted.
    #[serde(default)]
    pub termination_wait_minutes: u32,
}

fn all_at_once() -> String {
    "CodeDeployDefault.ECSAllAtOnce".to_owned()
}

/// What a service's tasks are registered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedLoadBalancer {
    /// The target group's name.
    pub target_group: String,
    /// The container that takes the traffic.
    pub container_name: String,
    /// Its port.
    pub container_port: u16,
}

/// `deploymentController.type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Controller {
    /// Rolling deployments by ECS.
    #[default]
    Ecs,
    /// Blue/green by CodeDeploy.
    CodeDeploy,
    /// Somebody else's task sets.
    External,
}

impl Controller {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ecs => "ECS",
            Self::CodeDeploy => "CODE_DEPLOY",
            Self::External => "EXTERNAL",
        }
    }
}

/// `schedulingStrategy`. The stand-in schedules both alike: it has no container instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scheduling {
    /// So many tasks.
    #[default]
    Replica,
    /// One on each container instance.
    Daemon,
}

/// `resourceManagementType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResourceManagementType {
    /// The customer's own resources.
    #[default]
    Customer,
    /// An Express service.
    Ecs,
}

/// `status` of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceStatus {
    /// It runs.
    #[default]
    Active,
    /// It is being deleted.
    Draining,
    /// It was deleted.
    Inactive,
}

/// A deployment that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedDeployment {
    /// `family:revision`.
    pub task_definition: String,
    /// How long ago it began.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// How it ended.
    #[serde(default)]
    pub status: Ending,
    /// `statusReason`; by default what AWS says of such an ending.
    #[serde(default)]
    pub reason: Option<String>,
    /// Digests by container that it resolved, where a tag has moved since.
    #[serde(default)]
    pub image_digests: BTreeMap<String, String>,
}

/// How a past deployment ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ending {
    /// It completed.
    #[default]
    Successful,
    /// It was stopped, or another deployment took its place.
    Stopped,
    /// It was rolled back to what had run before.
    RollbackSuccessful,
    /// The rollback failed too.
    RollbackFailed,
}

/// A deployment that is under way when the scenario begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedInFlight {
    /// `family:revision`.
    pub task_definition: String,
    /// How long ago it began.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// How many of its tasks run already.
    #[serde(default)]
    pub running: u32,
    /// How many of its tasks have failed in a row.
    #[serde(default)]
    pub failed: u32,
    /// The id of the `PAUSE` lifecycle hook at which it waits for `ContinueServiceDeployment`, if it does.
    #[serde(default)]
    pub waits_at: Option<String>,
    /// Who has begun to roll it back, if anybody has.
    #[serde(default)]
    pub rolling_back: Option<RollbackCause>,
}

/// Why a deployment is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackCause {
    /// Too many tasks failed.
    CircuitBreaker,
    /// Somebody called `StopServiceDeployment`.
    Request,
    /// Somebody called `ContinueServiceDeployment` with action `ROLLBACK`.
    Hook,
}
