//! A pipeline: its stages, and its executions with what they have run.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::seed::Answer;
use super::seed_pipelines::{ActionFailure, ExecutionMode, OnFailure, PipelineType, SeedAction, SeedCommit};

/// A pipeline of `CodePipeline`.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) role_arn: String,
    pub(super) region: String,
    /// The structure version; every change of the pipeline adds one.
    pub(super) version: u32,
    pub(super) kind: PipelineType,
    pub(super) mode: ExecutionMode,
    pub(super) repository: String,
    /// Oldest first; the last is what the branch points to.
    pub(super) commits: Vec<SeedCommit>,
    pub(super) stages: Vec<Stage>,
    /// Oldest first.
    pub(super) executions: Vec<Execution>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// The commit that its own site serves.
    pub(super) deployed: Option<String>,
    pub(super) site: BTreeMap<String, BTreeMap<String, Answer>>,
}

/// A stage and the transition into it.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) actions: Vec<SeedAction>,
    pub(super) on_failure: OnFailure,
    /// Why the transition into it is disabled, if it is.
    pub(super) disabled: Option<String>,
    /// Who changed the transition last, and when.
    pub(super) changed: Option<(String, Timestamp)>,
}

/// `PipelineExecutionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExecutionStatus {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Superseded,
    Failed,
    Cancelled,
}

impl ExecutionStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Superseded => "Superseded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether nothing more happens in it.
    pub(super) fn is_over(self) -> bool {
        match self {
            Self::InProgress | Self::Stopping => false,
            Self::Stopped | Self::Succeeded | Self::Superseded | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// `StageExecutionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageStatus {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Cancelled,
}

impl StageStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether the stage is taken.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::InProgress | Self::Stopping => true,
            Self::Stopped | Self::Succeeded | Self::Failed | Self::Cancelled => false,
        }
    }
}

/// `ActionExecutionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionStatus {
    InProgress,
    Abandoned,
    Succeeded,
    Failed,
}

impl ActionStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Abandoned => "Abandoned",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// What started an execution.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    /// `triggerType`.
    pub(super) kind: &'static str,
    /// `triggerDetail`: the caller's ARN, mostly.
    pub(super) detail: String,
}

/// One execution of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Execution {
    pub(super) id: String,
    pub(super) status: ExecutionStatus,
    /// Id of the execution whose source revisions and artifacts it uses, if it rolls a stage back.
    pub(super) rollback: Option<String>,
    pub(super) commit: String,
    /// The structure version that it was started in.
    pub(super) version: u32,
    pub(super) trigger: Trigger,
    /// The reason that was given for stopping it, if it was stopped.
    pub(super) stopped_because: Option<String>,
    /// `clientRequestToken` of the request that started it.
    pub(super) token: Option<String>,
    pub(super) started_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// The stage that it has not entered yet.
    pub(super) waits_before: Option<usize>,
    /// In the order in which it entered the stages.
    pub(super) runs: Vec<StageRun>,
}

impl Execution {
    /// What it did in a stage.
    pub(super) fn run(&self, stage: usize) -> Option<&StageRun> {
        self.runs.iter().find(|run| run.stage == stage)
    }

    /// Whether it succeeded in a stage.
    pub(super) fn succeeded_in(&self, stage: usize) -> bool {
        self.run(stage).is_some_and(|run| run.status == StageStatus::Succeeded)
    }

    /// Whether it is one of those in which its source revisions are known: the source stage is through, or it took them
    /// over.
    pub(super) fn knows_its_source(&self) -> bool {
        self.rollback.is_some() || self.succeeded_in(0)
    }
}

/// What an execution did in a stage.
#[derive(Debug, Clone)]
pub(super) struct StageRun {
    pub(super) stage: usize,
    pub(super) status: StageStatus,
    pub(super) entered_at: Timestamp,
    pub(super) actions: Vec<ActionRun>,
    /// Those that were run again by a retry.
    pub(super) retried: Vec<ActionRun>,
}

/// What an execution did by an action.
#[derive(Debug, Clone)]
pub(super) struct ActionRun {
    pub(super) id: String,
    /// Position among the stage's actions.
    pub(super) action: usize,
    pub(super) status: ActionStatus,
    pub(super) started_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// When it is looked at next; approvals wait for a person.
    pub(super) due: Option<Timestamp>,
    /// The token with which an approval is answered.
    pub(super) token: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) error: Option<ActionFailure>,
    pub(super) external_id: Option<String>,
    pub(super) updated_by: Option<String>,
}

impl Pipeline {
    /// Position of a stage.
    pub(super) fn stage_at(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.name == name)
    }

    /// An execution by id.
    pub(super) fn execution(&self, id: &str) -> Option<&Execution> {
        self.executions.iter().find(|execution| execution.id == id)
    }

    /// The execution that entered a stage last, and what it did there.
    pub(super) fn latest_in(&self, stage: usize) -> Option<(&Execution, &StageRun)> {
        let runs = self.executions.iter().filter_map(|execution| Some((execution, execution.run(stage)?)));
        runs.max_by_key(|(_, run)| run.entered_at)
    }

    /// A declared action.
    pub(super) fn action(&self, stage: usize, action: usize) -> Option<&SeedAction> {
        self.stages.get(stage)?.actions.get(action)
    }

    /// The commit's summary, if the repository has the commit.
    pub(super) fn summary(&self, commit: &str) -> Option<&str> {
        self.commits.iter().find(|known| known.id == commit).map(|known| known.summary.as_str())
    }

    /// What a path of its site answers, and which commit does.
    pub(super) fn answer(&self, path: &str) -> Option<(String, Answer)> {
        let commit = self.deployed.clone()?;
        let answer = self.site.get(&commit).and_then(|paths| paths.get(path)).cloned();
        Some((commit, answer.unwrap_or(Answer { status: 200, body: "ok".to_owned() })))
    }
}
