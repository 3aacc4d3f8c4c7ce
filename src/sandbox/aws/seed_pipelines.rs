//! What an account's pipelines and build projects are when a scenario begins.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seed::Answer;

/// A pipeline with its past.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedPipeline {
    /// The pipeline's name.
    pub name: String,
    /// The structure version: how often somebody has changed the pipeline, from 1.
    #[serde(default = "first")]
    pub version: u32,
    /// `pipelineType`.
    #[serde(default)]
    pub pipeline_type: PipelineType,
    /// `executionMode`.
    #[serde(default)]
    pub execution_mode: ExecutionMode,
    /// The repository at GitHub that the source actions read, `owner/name`.
    pub repository: String,
    /// The repository's commits, oldest first; the last is what the branch points to.
    pub commits: Vec<SeedCommit>,
    /// The stages, in order. The first one is that of the source.
    pub stages: Vec<SeedStage>,
    /// Past executions, oldest first.
    #[serde(default)]
    pub history: Vec<SeedExecution>,
    /// An execution that is under way when the scenario begins.
    #[serde(default)]
    pub in_flight: Option<SeedInFlightExecution>,
    /// What the paths of the pipeline's own site answer, by the commit that its `deploys: site` action deployed last;
    /// other paths answer 200.
    #[serde(default)]
    pub site: BTreeMap<String, BTreeMap<String, Answer>>,
}

fn first() -> u32 {
    1
}

/// `pipelineType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PipelineType {
    /// The first type.
    V1,
    /// The second type, which has triggers, variables and modes.
    #[default]
    V2,
}

impl PipelineType {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }
}

/// `executionMode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionMode {
    /// A newer execution overtakes one that waits.
    #[default]
    Superseded,
    /// Executions wait in turn.
    Queued,
    /// Executions do not wait for each other.
    Parallel,
}

impl ExecutionMode {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Superseded => "SUPERSEDED",
            Self::Queued => "QUEUED",
            Self::Parallel => "PARALLEL",
        }
    }
}

/// A commit of the source repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedCommit {
    /// The full sha.
    pub id: String,
    /// The first line of its message.
    pub summary: String,
}

/// A stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedStage {
    /// The stage's name.
    pub name: String,
    /// Its actions.
    pub actions: Vec<SeedAction>,
    /// What happens when it fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Why and by whom the transition into it was disabled, if it was.
    #[serde(default)]
    pub disabled: Option<SeedDisabled>,
}

/// `onFailure.result`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The execution fails.
    #[default]
    Fail,
    /// The execution fails, and the stage is rolled back to the last execution that succeeded in it.
    RollBack,
}

/// A transition that somebody disabled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedDisabled {
    /// The reason.
    pub reason: String,
    /// ARN of whoever did it; the account's operator by default.
    #[serde(default)]
    pub by: Option<String>,
    /// How long ago.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
}

/// An action.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedAction {
    /// The action's name.
    pub name: String,
    /// `actionTypeId.category`.
    pub category: ActionCategory,
    /// `actionTypeId.provider`.
    pub provider: String,
    /// `configuration`.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// `runOrder`.
    #[serde(default = "first")]
    pub run_order: u32,
    /// How long it takes, in seconds of simulated time.
    #[serde(default = "some_seconds")]
    pub seconds: u64,
    /// What it changes.
    #[serde(default)]
    pub deploys: Option<Deploys>,
    /// The commits for which it fails.
    #[serde(default)]
    pub fails: BTreeMap<String, ActionFailure>,
}

fn some_seconds() -> u64 {
    5
}

/// `actionTypeId.category`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionCategory {
    /// Reads the source.
    Source,
    /// Builds.
    Build,
    /// Tests.
    Test,
    /// Waits for a person.
    Approval,
    /// Deploys.
    Deploy,
}

impl ActionCategory {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Build => "Build",
            Self::Test => "Test",
            Self::Approval => "Approval",
            Self::Deploy => "Deploy",
        }
    }
}

/// What a deployment changes in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deploys {
    /// The version that the pipeline's own site serves.
    Site,
    /// The version that a pipeline's own site serves: for builds.
    Pipeline(String),
    /// A CloudFormation stack, by a parameter that takes the commit.
    Stack {
        /// The stack's name.
        name: String,
        /// The parameter's name.
        parameter: String,
    },
    /// The task definition of an ECS service.
    Ecs {
        /// The cluster's name.
        cluster: String,
        /// The service's name.
        service: String,
        /// `family:revision` by commit.
        task_definitions: BTreeMap<String, String>,
    },
}

/// How an action fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFailure {
    /// `errorDetails.code`, such as `JobFailed`.
    pub code: String,
    /// `errorDetails.message`.
    pub message: String,
}

/// An execution that is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedExecution {
    /// Its commit.
    pub commit: String,
    /// How long ago it was started.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its id, where a script has to know it.
    #[serde(default)]
    pub id: Option<String>,
    /// The structure version that it ran in; the present one by default.
    #[serde(default)]
    pub version: Option<u32>,
    /// How it ended.
    #[serde(default)]
    pub ended: PastExecution,
    /// The id of the execution that it rolled a stage back to, if it was a rollback, and the stage.
    #[serde(default)]
    pub rollback: Option<SeedRollback>,
}

/// That an execution was the rollback of a stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRollback {
    /// The stage.
    pub stage: String,
    /// The target's id.
    pub target: String,
}

/// How a past execution ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastExecution {
    /// In every stage.
    #[default]
    Succeeded,
    /// The first action of a stage failed.
    Failed {
        /// The stage.
        stage: String,
        /// `errorDetails.code`.
        code: String,
        /// `errorDetails.message`.
        message: String,
    },
    /// Somebody stopped it in a stage.
    Stopped {
        /// The stage.
        stage: String,
    },
    /// A newer one overtook it in front of a stage.
    Superseded {
        /// The stage that it did not enter.
        stage: String,
    },
}

/// An execution that is under way when the scenario begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedInFlightExecution {
    /// Its commit.
    pub commit: String,
    /// How long ago it was started.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its id, where a script has to know it.
    #[serde(default)]
    pub id: Option<String>,
    /// The stage that it enters when the scenario begins; those before have succeeded.
    pub entering: String,
}

/// A build project of `CodeBuild`, which deploys what it builds, as `cdk deploy` would.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProject {
    /// The project's name.
    pub name: String,
    /// The repository at GitHub that it builds, `owner/name`.
    pub repository: String,
    /// The repository's commits, oldest first; the last is what the branch points to.
    pub commits: Vec<SeedCommit>,
    /// How long its phase BUILD takes, in seconds of simulated time.
    #[serde(default = "a_minute")]
    pub seconds: u64,
    /// What its phase BUILD changes.
    #[serde(default)]
    pub deploys: Option<Deploys>,
    /// The phase in which a commit fails, and how.
    #[serde(default)]
    pub fails: BTreeMap<String, BuildFailure>,
    /// Past builds, oldest first.
    #[serde(default)]
    pub history: Vec<SeedBuild>,
    /// What the paths of the project's own site answer, by the commit that a build deployed last (`deploys: site`).
    #[serde(default)]
    pub site: BTreeMap<String, BTreeMap<String, Answer>>,
}

fn a_minute() -> u64 {
    60
}

/// In which phase a build fails, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildFailure {
    /// The phase, such as `BUILD`.
    pub phase: String,
    /// `contexts[].statusCode`, such as `COMMAND_EXECUTION_ERROR`.
    pub code: String,
    /// `contexts[].message`.
    pub message: String,
}

/// A build that is over. It failed where the project says so of its commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedBuild {
    /// Its commit.
    pub commit: String,
    /// How long ago it was started.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
}
