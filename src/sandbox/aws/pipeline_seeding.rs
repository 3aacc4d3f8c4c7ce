//! Makes pipelines out of a seed: past executions as if they had happened, and the one in flight about to go on.

use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::pipeline::{
    ActionRun, ActionStatus, Execution, ExecutionStatus, Pipeline, Stage, StageRun, StageStatus, Trigger,
};
use super::seed_pipelines::{
    ActionCategory, ActionFailure, Deploys, PastExecution, SeedExecution, SeedInFlightExecution, SeedPipeline,
};
use super::seeding::{ago, refused};

/// How long a past execution was in a stage.
const IN_A_STAGE: SignedDuration = SignedDuration::from_mins(2);
/// How long ago a pipeline without a past was made.
const OLD: Duration = Duration::from_hours(24 * 120);

/// How a past execution left a stage.
struct Left {
    stage: StageStatus,
    action: ActionStatus,
    error: Option<ActionFailure>,
}

impl Account {
    /// Adds the pipeline that a seed describes.
    pub(super) fn add_pipeline(&mut self, seed: &SeedPipeline) -> io::Result<()> {
        let now = self.now();
        let stages = seed.stages.iter().map(|stage| Stage {
            name: stage.name.clone(),
            actions: stage.actions.clone(),
            on_failure: stage.on_failure,
            disabled: stage.disabled.as_ref().map(|disabled| disabled.reason.clone()),
            changed: stage.disabled.as_ref().map(|disabled| {
                (disabled.by.clone().unwrap_or_else(|| self.identities.caller.clone()), ago(now, disabled.age))
            }),
        });
        let created_at = ago(now, seed.history.first().map_or(OLD, |oldest| oldest.age));
        let mut pipeline = Pipeline {
            name: seed.name.clone(),
            arn: format!("arn:aws:codepipeline:{}:{}:{}", self.region, self.id, seed.name),
            role_arn: format!("arn:aws:iam::{}:role/{}-pipeline", self.id, seed.name),
            region: self.region.clone(),
            version: seed.version,
            kind: seed.pipeline_type,
            mode: seed.execution_mode,
            repository: seed.repository.clone(),
            commits: seed.commits.clone(),
            stages: stages.collect(),
            executions: Vec::new(),
            created_at,
            updated_at: created_at,
            deployed: None,
            site: seed.site.clone(),
        };
        if pipeline.commits.is_empty() || pipeline.stages.is_empty() {
            return Err(refused(format!("The pipeline {} of the seed needs commits and stages.", seed.name)));
        }
        for past in &seed.history {
            self.relive_execution(&mut pipeline, past)?;
        }
        if let Some(in_flight) = &seed.in_flight {
            self.put_execution_in_flight(&mut pipeline, in_flight)?;
        }
        self.pipelines.push(pipeline);
        Ok(())
    }

    fn relive_execution(&mut self, pipeline: &mut Pipeline, past: &SeedExecution) -> io::Result<()> {
        let stage_named = |name: &str| {
            let found = pipeline.stage_at(name);
            found.ok_or_else(|| refused(format!("The pipeline {} of the seed has no stage {name}.", pipeline.name)))
        };
        let through = || Left { stage: StageStatus::Succeeded, action: ActionStatus::Succeeded, error: None };
        let last = pipeline.stages.len();
        let (status, from, to, end) = match (&past.ended, &past.rollback) {
            (PastExecution::Succeeded, Some(rollback)) => {
                let stage = stage_named(&rollback.stage)?;
                (ExecutionStatus::Succeeded, stage, stage + 1, None)
            }
            (PastExecution::Succeeded, None) => (ExecutionStatus::Succeeded, 0, last, None),
            (PastExecution::Failed { stage, code, message }, _) => {
                let error = Some(ActionFailure { code: code.clone(), message: message.clone() });
                let left = Left { stage: StageStatus::Failed, action: ActionStatus::Failed, error };
                let stage = stage_named(stage)?;
                let from = if past.rollback.is_some() { stage } else { 0 };
                (ExecutionStatus::Failed, from, stage, Some(left))
            }
            (PastExecution::Stopped { stage }, _) => {
                let left = Left { stage: StageStatus::Stopped, action: ActionStatus::Abandoned, error: None };
                (ExecutionStatus::Stopped, 0, stage_named(stage)?, Some(left))
            }
            (PastExecution::Superseded { stage }, _) => (ExecutionStatus::Superseded, 0, stage_named(stage)?, None),
        };
        let started_at = ago(self.now(), past.age);
        let mut execution = self.past_execution(pipeline, past.id.as_deref(), &past.commit, started_at);
        execution.status = status;
        execution.version = past.version.unwrap_or(pipeline.version);
        if let Some(rollback) = &past.rollback {
            execution.rollback = Some(rollback.target.clone());
            execution.trigger.kind = "ManualRollback";
        }
        if execution.status == ExecutionStatus::Stopped {
            execution.stopped_because = Some("Stopped by hand".to_owned());
        }
        for stage in from..to {
            self.pass_through(pipeline, &mut execution, stage, &through());
        }
        if let Some(left) = end {
            self.pass_through(pipeline, &mut execution, to, &left);
        }
        pipeline.executions.push(execution);
        Ok(())
    }

    fn put_execution_in_flight(&mut self, pipeline: &mut Pipeline, seed: &SeedInFlightExecution) -> io::Result<()> {
        let entering = pipeline.stage_at(&seed.entering).ok_or_else(|| {
            refused(format!("The pipeline {} of the seed has no stage {}.", pipeline.name, seed.entering))
        })?;
        let started_at = ago(self.now(), seed.age);
        let mut execution = self.past_execution(pipeline, seed.id.as_deref(), &seed.commit, started_at);
        let through = Left { stage: StageStatus::Succeeded, action: ActionStatus::Succeeded, error: None };
        for stage in 0..entering {
            self.pass_through(pipeline, &mut execution, stage, &through);
        }
        execution.waits_before = Some(entering);
        execution.updated_at = self.at;
        pipeline.executions.push(execution);
        pipeline.settle(self);
        Ok(())
    }

    fn past_execution(
        &mut self,
        pipeline: &Pipeline,
        id: Option<&str>,
        commit: &str,
        started_at: Timestamp,
    ) -> Execution {
        let detail = format!("arn:aws:codeconnections:{}:{}:connection/example", self.region, self.id);
        let mut execution = pipeline.new_execution(commit.to_owned(), Trigger { kind: "WebhookV2", detail }, self);
        if let Some(id) = id {
            id.clone_into(&mut execution.id);
        }
        execution.started_at = started_at;
        execution.updated_at = started_at;
        execution.waits_before = None;
        execution
    }

    /// Lets a past execution have been in a stage. The last action is the one that ended as the stage did.
    fn pass_through(&mut self, pipeline: &mut Pipeline, execution: &mut Execution, stage: usize, left: &Left) {
        let entered_at = execution.updated_at;
        let ended_at = entered_at.checked_add(IN_A_STAGE).unwrap_or(entered_at).min(self.at);
        let declared = pipeline.stages.get(stage).map(|stage| stage.actions.as_slice()).unwrap_or_default();
        let mut actions = Vec::new();
        for (position, action) in declared.iter().enumerate() {
            let is_last = position + 1 == declared.len();
            let status = if is_last { left.action } else { ActionStatus::Succeeded };
            let project = action.configuration.get("ProjectName");
            actions.push(ActionRun {
                id: self.ids.uuid(),
                action: position,
                status,
                started_at: entered_at,
                updated_at: ended_at,
                due: None,
                token: None,
                summary: None,
                error: left.error.clone().filter(|_| is_last),
                external_id: (action.category == ActionCategory::Build)
                    .then(|| format!("{}:{}", project.map_or("build", String::as_str), self.ids.uuid())),
                updated_by: None,
            });
            if status == ActionStatus::Succeeded && action.deploys == Some(Deploys::Site) {
                pipeline.deployed = Some(execution.commit.clone());
            }
        }
        execution.runs.push(StageRun { stage, status: left.stage, entered_at, actions, retried: Vec::new() });
        execution.updated_at = ended_at;
    }
}
