//! What a look at an ECS service finds for planning: plain data.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::code_deploy::look::CodeDeployed;
use super::needs::{Need, Supplies};
use super::strategy::Strategy;
use crate::incident::release::Image;

/// An ECS service as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name or ARN.
    pub service: String,
    /// The container whose image tag names the version, where there are several.
    pub container: Option<String>,
    /// The repository whose tags name versions, as `…/repository` or its name alone.
    pub image: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsInventory {
    /// What was looked for.
    pub spec: EcsSpec,
    /// The service.
    pub service: Service,
    /// Its deployments as far back as ECS remembers, newest first. ECS keeps them for about 90 days, and none from
    /// before 25 October 2024.
    pub deployments: Vec<ServiceDeployment>,
    /// The service revisions that these deployments go to and come from, by ARN.
    pub revisions: BTreeMap<String, Revision>,
    /// The family's task definitions, newest first; those that were only listed have no images.
    pub definitions: Vec<Definition>,
    /// What ECR says of the images that might be gone back to, by image as the task definition names it.
    pub images: BTreeMap<String, ImageState>,
    /// All tags in ECR, by digest; looked up only where what was asked for is no other name of a release.
    pub tags: BTreeMap<String, Vec<String>>,
    /// What could not be looked at, as sentences.
    pub unseen: Vec<String>,
    /// Whether the secrets and log groups of what might be gone back to are still there.
    pub supplies: Supplies,
    /// What `CodeDeploy` knows of the service, where it deploys it.
    pub code_deploy: Option<CodeDeployed>,
}

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its cluster's ARN.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Who carries deployments out.
    pub controller: Controller,
    /// Whose the service is.
    pub management: Management,
    /// How many tasks run where.
    pub scheduling: Scheduling,
    /// How ECS's own deployments replace what runs.
    pub strategy: Strategy,
    /// The ARN of the task definition that is asked to run: the primary deployment's.
    pub task_definition: String,
    /// When the primary deployment was created.
    pub deployed_at: Option<Timestamp>,
    /// How many tasks are asked for.
    pub desired: i32,
    /// How many run.
    pub running: i32,
    /// How many tasks, in percent of those asked for, stay up during a deployment; `None` where AWS does not say.
    pub minimum_healthy_percent: Option<i32>,
    /// The primary deployment's `rolloutState`.
    pub rollout: Option<String>,
    /// How many deployments there are; one, when nothing is under way.
    pub deployments: usize,
    /// The CloudFormation stack that owns it, from the tag `aws:cloudformation:stack-name`.
    pub stack: Option<String>,
    /// Whether a load balancer stands before it.
    pub balanced: Balanced,
    /// Whether deployments pass lifecycle hooks, at which they may be paused.
    pub hooks: Hooks,
}

/// Whether a load balancer stands before a service: old tasks are deregistered slowly then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balanced {
    /// At least one target group.
    Yes,
    /// None.
    No,
}

/// Whether deployments pass lifecycle hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// At least one.
    Some,
    /// None.
    None,
}

/// Who carries deployments out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Controller {
    /// ECS.
    Ecs,
    /// CodeDeploy.
    CodeDeploy,
    /// Somebody's own.
    External,
    /// One that this version does not know.
    Other(String),
}

/// Whose a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// The customer's.
    Customer,
    /// An Express Mode service, which ECS manages.
    Express,
}

/// How many tasks run where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// So many.
    Replica,
    /// One on each container instance.
    Daemon,
}

/// One service deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// How it stands.
    pub status: DeploymentStatus,
    /// Why it stands so, in AWS's words.
    pub reason: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The ARNs of the revisions that it comes from.
    pub sources: Vec<String>,
    /// The ARN of the revision that it goes to.
    pub target: String,
    /// The ARN of the revision that a rollback of it goes, or went, to.
    pub rolled_back_to: Option<String>,
    /// The id of the lifecycle hook at which it waits for somebody, if it does.
    pub waits_at: Option<String>,
    /// Its circuit breaker, where it has one.
    pub breaker: Option<Breaker>,
    /// Its `lifecycleStage`, in AWS's word.
    pub stage: Option<String>,
    /// How it replaces what runs.
    pub strategy: Strategy,
}

/// A deployment's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// How many tasks in a row have failed.
    pub failures: i32,
    /// At how many it trips.
    pub threshold: i32,
}

/// How a service deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// Not begun.
    Pending,
    /// Under way; bake time included.
    InProgress,
    /// A stop was asked for.
    StopRequested,
    /// A rollback was asked for, by a person or the circuit breaker.
    RollbackRequested,
    /// It is being rolled back.
    RollbackInProgress,
    /// It succeeded.
    Successful,
    /// It was stopped.
    Stopped,
    /// It was rolled back.
    RollbackSuccessful,
    /// It could not be rolled back.
    RollbackFailed,
    /// One that this version does not know.
    Other(String),
}

/// A service revision: what a deployment really goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// Its images, with the digests that the tags stood for.
    pub images: Vec<Image>,
    /// What a task definition does not say, by its name for people: `network configuration`. Comparable texts.
    pub settings: BTreeMap<&'static str, String>,
}

/// A task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its ARN.
    pub arn: String,
    /// Whether it can be deployed.
    pub status: DefinitionStatus,
    /// Its images; empty where it was only listed.
    pub images: Vec<Image>,
    /// When it was registered.
    pub registered_at: Option<Timestamp>,
    /// Who registered it, as an ARN.
    pub registered_by: Option<String>,
    /// What its containers need beside their images; empty where it was only listed.
    pub needs: Vec<Need>,
    /// What Rollbot took back when it registered it, as an ARN.
    pub instead_of: Option<String>,
    /// What Rollbot took its content from when it registered it, as an ARN.
    pub like: Option<String>,
}

/// Whether a task definition can be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionStatus {
    /// It can.
    Active,
    /// It was deregistered, and cannot.
    Inactive,
    /// It is being deleted, and cannot.
    BeingDeleted,
}

/// What ECR says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It is there; the tag stands for this digest now.
    There {
        /// `sha256:…`.
        digest: String,
        /// The digests of each platform's image, where it is an index of several.
        platforms: Vec<String>,
        /// Its tags.
        tags: Vec<String>,
    },
    /// It is not, in ECR's words.
    Gone {
        /// In ECR's words.
        why: String,
    },
}

impl DeploymentStatus {
    /// Whether it goes forward.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }

    /// Whether it is on its way back.
    pub fn is_rolling_back(&self) -> bool {
        matches!(self, Self::StopRequested | Self::RollbackRequested | Self::RollbackInProgress)
    }

    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }

    /// AWS's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::StopRequested => "STOP_REQUESTED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for DeploymentStatus {
    fn from(word: &str) -> Self {
        match word {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "STOP_REQUESTED" => Self::StopRequested,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl EcsInventory {
    /// The newest deployment, if it has not come to an end.
    pub fn unfinished(&self) -> Option<&ServiceDeployment> {
        self.deployments.first().filter(|deployment| !deployment.status.is_over())
    }

    /// The task definition that `revision` runs.
    pub fn definition_of(&self, revision: &str) -> Option<&str> {
        self.revisions.get(revision).map(|revision| revision.task_definition.as_str())
    }

    /// The ARN of the task definition that is asked to run now: what an unfinished deployment goes to, or is being
    /// taken back from, else the primary deployment's.
    pub fn asked_now(&self) -> &str {
        self.unfinished()
            .and_then(|deployment| self.definition_of(&deployment.target))
            .unwrap_or(&self.service.task_definition)
    }

    /// The task definition with this ARN.
    pub fn definition(&self, arn: &str) -> Option<&Definition> {
        self.definitions.iter().find(|definition| definition.arn == arn)
    }
}

/// A task definition's short name: `api:41`.
pub fn short(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

/// A task definition's family and revision number.
pub fn family_and_revision(arn: &str) -> Option<(&str, u32)> {
    let (family, revision) = short(arn).rsplit_once(':')?;
    Some((family, revision.parse().ok()?))
}
