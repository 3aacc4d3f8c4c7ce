//! A stage of a pipeline, held or opened.
//!
//! Held is what `DisableStageTransition` does at the stage's entrance: whatever has not entered yet waits there. What is
//! inside goes on unless it is stopped. `GetPipelineState` alone says whether it is so. The reason that it shows tells
//! Rollbot's own work from that of others, also after a crash or a lost reply.

use crate::aws::{Aws, AwsError};
use crate::incident::freeze::{Cause, Direction, Freeze, Then};
use crate::incident::ids::FreezeId;
use crate::incident::time::Now;
use crate::incident::work::{PipelineFreeze, Stop};
use crate::systems::step_kind::{Acted, Judgement, StepJournal, StepKind};

use super::freeze_act::{self, Do, Receipt};
use super::freeze_look::{Rerun, StageSeen, look};
use super::{freeze_judge, reason};

/// What is wanted of a stage, as the freeze's record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeOrder {
    /// The freeze.
    pub id: FreezeId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The region, for links; empty where the pipeline's ARN does not say.
    pub region: String,
    /// Held or opened.
    pub direction: Direction,
    /// Whether the execution inside is stopped.
    pub stop: Stop,
    /// What CodePipeline shows as the reason.
    pub reason: String,
    /// The execution that was inside when the stage was first held: not one to run again.
    pub failing: Option<String>,
}

impl FreezeOrder {
    /// What the record of `freeze` wants of the stage that it holds.
    pub fn of(freeze: &Freeze, work: &PipelineFreeze) -> Self {
        let first = freeze.holders.first();
        let incident = first.and_then(|holder| match &holder.cause {
            Cause::Incident { id } => Some(id.as_str()),
            Cause::Command => None,
        });
        let by = first.map_or("Rollbot", |holder| holder.by_name.as_str());
        let why = first.and_then(|holder| holder.reason.as_deref());
        Self {
            id: freeze.id.clone(),
            pipeline: work.pipeline.clone(),
            stage: work.stage.clone(),
            region: freeze.resource.as_str().split(':').nth(3).unwrap_or_default().to_owned(),
            direction: freeze.direction.clone(),
            stop: freeze.stop(),
            reason: reason::reason(&freeze.id, by, incident, why),
            failing: freeze.held.as_ref().and_then(|held| Some(held.execution.as_ref()?.id.clone())),
        }
    }

    /// Where people look at the pipeline, and approve or reject what waits inside.
    pub fn link(&self) -> String {
        let Self { pipeline, region, .. } = self;
        if region.is_empty() {
            return format!("pipeline {pipeline} in the AWS console");
        }
        format!(
            "https://{region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{pipeline}/view?region={region}"
        )
    }
}

impl StepKind for FreezeOrder {
    type Seen = StageSeen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, _journal: &StepJournal<'_>) -> Result<StageSeen, AwsError> {
        let rerun = match self.direction {
            Direction::Lift { then: Then::Rerun } => Rerun::Yes { failing: self.failing.as_deref() },
            Direction::Lift { then: Then::Nothing } | Direction::Hold => Rerun::No,
        };
        look(aws, &self.pipeline, &self.stage, rerun).await
    }

    fn judge(&self, seen: &StageSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        freeze_judge::judge(self, seen, journal, now)
    }

    async fn act(&self, aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
        freeze_act::act(aws, what, key).await
    }
}
