//! What a look at a pipeline finds: plain data.

use jiff::Timestamp;

use crate::incident::pipeline::RevisionKind;
use crate::systems::commit_image::CommitImage;

/// A stage of a pipeline as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// Which way is asked for.
    pub how: How,
    /// The ECR repository that has an image for every commit.
    pub image: Option<String>,
}

/// Which way the configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `RollbackStage` where AWS allows it, else a new run.
    WhatAwsAllows,
    /// `RollbackStage` only.
    RollbackStage,
    /// A new run only.
    Rerun,
}

/// What was found for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageInventory {
    /// What was looked for.
    pub spec: StageSpec,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its executions as far back as was looked, newest first.
    pub executions: Vec<Execution>,
    /// Ids of those that succeeded in the stage in the present structure of the pipeline: what AWS can roll back to.
    pub eligible: Vec<String>,
    /// The image of the commit that would be gone back to, where a repository is configured.
    pub image: Option<CommitImage>,
}

/// A pipeline and its present state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// Its ARN.
    pub arn: String,
    /// Its region.
    pub region: String,
    /// The structure version.
    pub version: i32,
    /// `SUPERSEDED`, `QUEUED` or `PARALLEL`.
    pub mode: String,
    /// `V1` or `V2`.
    pub kind: String,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// The source actions.
    pub sources: Vec<SourceAction>,
}

/// A source action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAction {
    /// Its name.
    pub name: String,
    /// What its revisions are; `None` for a provider whose revisions cannot be asked for.
    pub revisions: Option<RevisionKind>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// The execution that entered it last: its id and status.
    pub latest: Option<(String, String)>,
    /// The execution that waits in front of it.
    pub inbound: Option<String>,
    /// Why the transition into it is disabled, if it is.
    pub closed: Option<Closed>,
    /// Names of its manual approvals.
    pub approvals: Vec<String>,
    /// Whether it is the stage of the sources.
    pub has_source: bool,
    /// Whether AWS itself rolls it back when it fails.
    pub rolls_back_by_itself: bool,
}

/// A disabled transition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closed {
    /// The reason that was given.
    pub reason: String,
    /// ARN of whoever did it.
    pub by: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl Closed {
    /// Whether the reason is one of Rollbot's own freezes.
    pub fn is_rollbots(&self) -> bool {
        self.reason.starts_with("Rollbot ")
    }

    /// Who closed it and why, as people read it.
    pub fn words(&self) -> String {
        let by = self.by.as_deref().map_or("somebody", |by| by.rsplit('/').next().unwrap_or(by));
        format!("{by} disabled it: “{}”", self.reason)
    }
}

/// An execution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// `Cancelled`, `InProgress`, `Stopped`, `Stopping`, `Succeeded`, `Superseded` or `Failed`.
    pub status: String,
    /// The id of the execution that it rolls a stage back to, for an execution of type `ROLLBACK`.
    pub rollback_of: Option<String>,
    /// Whether it is of type `ROLLBACK`.
    pub is_rollback: bool,
    /// What started it: `WebhookV2`, `StartPipelineExecution`, `ManualRollback`…
    pub trigger: String,
    /// Its source revisions; empty until the source stage is through.
    pub revisions: Vec<Revision>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// The source revision of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revision {
    /// The source action.
    pub action: String,
    /// A commit's sha, mostly.
    pub id: String,
    /// The first line of the commit's message.
    pub summary: Option<String>,
    /// Where one can look at it.
    pub url: Option<String>,
}

impl Pipeline {
    /// A stage by name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The stages up to and with the one called `name`.
    pub fn up_to(&self, name: &str) -> &[Stage] {
        let end = self.stages.iter().position(|stage| stage.name == name).map_or(0, |at| at + 1);
        self.stages.get(..end).unwrap_or_default()
    }
}

impl Execution {
    /// Whether nothing more happens in it.
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "InProgress" | "Stopping")
    }

    /// The first source revision: what people call the execution by.
    pub fn revision(&self) -> Option<&Revision> {
        self.revisions.first()
    }

    /// Whether it has the same source revisions as `other`.
    pub fn is_of(&self, other: &Self) -> bool {
        !self.revisions.is_empty() && same(&self.revisions, &other.revisions)
    }

    /// `22222222 “Show the balance”`, as people read it.
    pub fn words(&self) -> String {
        match self.revision() {
            Some(revision) => {
                let summary = revision.summary.as_deref().map(|summary| format!(" “{}”", first_line(summary)));
                format!("{}{}", short(&revision.id), summary.unwrap_or_default())
            }
            None => format!("execution {}", short(&self.id)),
        }
    }
}

fn same(some: &[Revision], others: &[Revision]) -> bool {
    some.len() == others.len()
        && some.iter().all(|one| others.iter().any(|other| other.action == one.action && other.id == one.id))
}

/// The first eight characters: what people call an execution or a commit.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Where one can look at an execution in the AWS console.
pub fn link(region: &str, pipeline: &str, execution: &str) -> String {
    format!(
        "https://{region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{pipeline}/executions/{execution}/timeline?region={region}"
    )
}

/// Where one can look at a pipeline, and approve what waits for it.
pub fn pipeline_link(region: &str, pipeline: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{pipeline}/view?region={region}")
}
