//! What a step does: plain data, one variant per kind. The rooms `systems` and `checks` carry it out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::amplify::{AmplifyCheck, AmplifyWork};
use super::build::CommitBuild;
use super::freeze_work::FreezeWork;
use super::lambda::LambdaWork;
use super::pipeline::PipelineStage;
use super::policy::Principal;
use super::release::Image;
use super::site::{SiteWay, SiteWork};
use super::stack::{StackOutput, StackWay, StackWork};

/// What exactly a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Takes an ECS service back to a task definition.
    EcsService(EcsService),
    /// Takes a CloudFormation stack back.
    Stack(StackWork),
    /// Holds deployments back. Stored under the name of its first kind: records have it since before there were others.
    #[serde(rename = "pipeline_freeze")]
    Freeze(FreezeWork),
    /// Takes a stage of a pipeline back.
    PipelineStage(PipelineStage),
    /// Deploys an earlier commit by a build.
    CommitBuild(CommitBuild),
    /// Takes a static site back.
    Site(SiteWork),
    /// Takes something on Amplify Hosting back.
    Amplify(AmplifyWork),
    /// Takes an ECS service that `CodeDeploy` deploys back to a task definition.
    EcsCodeDeploy(EcsCodeDeploy),
    /// Takes a Lambda function back, or changes its settings.
    Lambda(LambdaWork),
    /// Looks whether something is healthy.
    Check(CheckWork),
    /// Waits until somebody has typed the name of what will be destroyed.
    Gate(Gate),
    /// Waits until somebody has done something by hand.
    Manual(Manual),
}

/// What has to be typed before something is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What has to be typed, exactly.
    pub phrase: String,
    /// What will be destroyed, as a sentence.
    pub what: String,
}

/// What somebody has to do by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    /// What is to be done, for whoever does it.
    pub text: String,
    /// Who may say that it is done; empty: whoever may approve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Principal>,
}

/// What is asked of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks<'a> {
    /// To type something.
    Gate(&'a Gate),
    /// To do something, and to say so.
    Manual(&'a Manual),
}

impl Work {
    /// Whether it could go back to another release as well: CloudFormation goes back only to what it had before.
    pub fn chooses(&self) -> bool {
        match self {
            Self::Stack(work) => matches!(work.way, StackWay::ChangeSet(_)),
            Self::Lambda(work) => work.chooses(),
            Self::EcsService(_)
            | Self::EcsCodeDeploy(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Site(_)
            | Self::Amplify(_) => true,
            Self::Freeze(_) | Self::Gate(_) | Self::Manual(_) | Self::Check(_) => false,
        }
    }

    /// Whether it changes settings alone, and leaves the release as it is.
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::Lambda(LambdaWork::Settings(_)))
    }

    /// What a step with this `output` went on without although it came to its end, by name; empty where it left out
    /// nothing.
    pub fn left_out(&self, output: &Value) -> Vec<String> {
        match self {
            Self::Stack(_) => StackOutput::deserialize(output).unwrap_or_default().skipped,
            Self::EcsService(_)
            | Self::EcsCodeDeploy(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Site(_)
            | Self::Amplify(_)
            | Self::Lambda(_)
            | Self::Freeze(_)
            | Self::Check(_)
            | Self::Gate(_)
            | Self::Manual(_) => Vec::new(),
        }
    }

    /// Whether it changes something part by part, so that it may be left with parts of two releases.
    pub fn changes_part_by_part(&self) -> bool {
        match self {
            Self::Site(work) => matches!(work.way, SiteWay::Objects(_)),
            Self::Lambda(work) => matches!(work, LambdaWork::Code(_)),
            // Of a stack, some resources may be taken back and others not.
            Self::Stack(_) => true,
            Self::EcsService(_)
            | Self::EcsCodeDeploy(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Amplify(_)
            | Self::Freeze(_)
            | Self::Gate(_)
            | Self::Manual(_)
            | Self::Check(_) => false,
        }
    }

    /// What it asks of a person, if it is one who does this.
    pub fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::Gate(gate) => Some(Asks::Gate(gate)),
            Self::Manual(manual) => Some(Asks::Manual(manual)),
            Self::EcsService(_)
            | Self::EcsCodeDeploy(_)
            | Self::PipelineStage(_)
            | Self::CommitBuild(_)
            | Self::Site(_)
            | Self::Amplify(_)
            | Self::Freeze(_)
            | Self::Stack(_)
            | Self::Lambda(_)
            | Self::Check(_) => None,
        }
    }

    /// The gate that it is, if it is one.
    pub fn gate(&self) -> Option<&Gate> {
        match self.asks()? {
            Asks::Gate(gate) => Some(gate),
            Asks::Manual(_) => None,
        }
    }

    /// What it asks somebody to do by hand, if it does.
    pub fn manual(&self) -> Option<&Manual> {
        match self.asks()? {
            Asks::Manual(manual) => Some(manual),
            Asks::Gate(_) => None,
        }
    }

    /// The check that it is, if it is one.
    pub fn check(&self) -> Option<&CheckWork> {
        if let Self::Check(check) = self { Some(check) } else { None }
    }

    /// Whether it is a person who does this, and Rollbot waits for them.
    pub fn is_by_a_person(&self) -> bool {
        self.asks().is_some()
    }
}

/// A stage of a pipeline that nothing is to be deployed through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineFreeze {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// Whether the execution that is in the stage is stopped.
    pub stop: Stop,
}

/// Whether the execution that is in a frozen stage is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It goes on.
    Leave,
    /// It is stopped.
    Stop,
}

impl PipelineFreeze {
    /// What it is, for people: `pipeline shop-prod, stage Deploy`.
    pub fn title(&self) -> String {
        format!("pipeline {}, stage {}", self.pipeline, self.stage)
    }
}

/// An ECS service and the task definition that it shall run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsService {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's ARN.
    pub service: String,
    /// The ARN of the task definition that was asked to run when the plan was made: what is taken back.
    pub from: String,
    /// The ARN of the task definition that shall run.
    pub target: String,
    /// The images of the target, with the digests that shall run.
    pub images: Vec<Image>,
    /// What has to be registered before the service can be updated to it. Its ARN is known only then; until then `target`
    /// names what it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<Registration>,
    /// The digests of each platform's image, by the digest of the index that lists them. A task may report either.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub platforms: BTreeMap<String, Vec<String>>,
}

/// An ECS service under the deployment controller `CODE_DEPLOY`, and what `CodeDeploy` deploys to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsCodeDeploy {
    /// The service and the task definition that it shall run.
    pub ecs: EcsService,
    /// The application's name in `CodeDeploy`.
    pub application: String,
    /// The deployment group's name.
    pub group: String,
    /// The `AppSpec` that is deployed, as `CodeDeploy` keeps it. Where something has to be registered first, that takes the
    /// place of the task definition that it names.
    pub app_spec: String,
}

/// A task definition that is registered on the way: another one's content with other images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The ARN of the task definition whose content is taken.
    pub like: String,
    /// The images that are replaced, by container; everything else stays as it is.
    pub images: BTreeMap<String, String>,
}

/// A check, and whether it proves or watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckWork {
    /// What is looked at.
    pub check: Check,
    /// For how long, and when it is satisfied.
    pub span: Span,
}

/// How long a check looks, and what satisfies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "until", rename_all = "snake_case")]
pub enum Span {
    /// Healthy so many times in a row, within a time.
    Passes {
        /// How many times in a row.
        passes: u32,
        /// How long between two looks.
        every: Duration,
        /// After this without success the check has failed.
        within: Duration,
    },
    /// Looks on for a time, and fails when it is unhealthy so many times in a row.
    Elapsed {
        /// For how long.
        span: Duration,
        /// How long between two looks.
        every: Duration,
        /// How many unhealthy looks in a row are a regression.
        failures: u32,
    },
}

/// Something that says healthy, unhealthy or inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Check {
    /// An HTTP endpoint.
    Http(HttpCheck),
    /// The targets of an ECS service in its load balancer.
    TargetGroup(TargetGroupCheck),
    /// Alarms of `CloudWatch`.
    Alarms(AlarmsCheck),
    /// What a branch on Amplify Hosting shows.
    Amplify(AmplifyCheck),
}

/// Which alarms have to be OK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmsCheck {
    /// Their names.
    pub names: Vec<String>,
}

/// What an HTTP endpoint has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// The URL; redirects are not followed.
    pub url: String,
    /// The status that is healthy.
    pub status: u16,
    /// What the body has to contain.
    pub body: Option<String>,
    /// Headers that the answer has to bear.
    pub headers: BTreeMap<String, String>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Which targets of a load balancer have to be healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "targets", rename_all = "snake_case")]
pub enum TargetGroupCheck {
    /// Every target of one group that is not draining.
    Group {
        /// The target group's ARN.
        arn: String,
    },
    /// The tasks of an ECS service's newest deployment, in every target group of the service.
    Service {
        /// The cluster's name or ARN.
        cluster: String,
        /// The service's ARN.
        service: String,
    },
}
