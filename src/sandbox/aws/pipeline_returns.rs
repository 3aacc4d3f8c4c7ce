//! `RollbackStage` and `RetryStageExecution`, with the rules that `CodePipeline` has for them.

use serde_json::{Value, json};

use super::account::Account;
use super::json::text;
use super::pipeline::{ActionStatus, ExecutionStatus, Pipeline, StageStatus, Trigger};
use super::pipelines::must_be_an_execution_id;
use super::refusal::Refusal;

/// Executions that were started before 1 February 2024 cannot be rolled back to.
const OUTDATED: &str = "2024-02-01T00:00:00Z";

fn unable(message: String) -> Refusal {
    Refusal::new("UnableToRollbackStageException", message)
}

fn no_such_execution(id: &str) -> Refusal {
    let message = format!("The pipeline execution {id} cannot be found, or does not belong to the pipeline.");
    Refusal::new("PipelineExecutionNotFoundException", message)
}

impl Pipeline {
    /// `RollbackStage`, with its rules.
    pub(super) fn roll_back(&mut self, request: &Value, caller: &str, account: &mut Account) -> Result<Value, Refusal> {
        let id = text(request, "targetPipelineExecutionId").unwrap_or_default();
        must_be_an_execution_id(id, "targetPipelineExecutionId")?;
        let stage = self.stage_named(request)?;
        let name = text(request, "stageName").unwrap_or_default();
        let target = self.execution(id).ok_or_else(|| no_such_execution(id))?;
        if stage == 0 {
            return Err(unable(format!("The stage {name} is a source stage, which cannot be rolled back.")));
        }
        if target.rollback.is_some() {
            return Err(unable(format!("The pipeline execution {id} is itself a rollback.")));
        }
        if OUTDATED.parse().is_ok_and(|outdated| target.started_at < outdated) {
            let message =
                format!("The pipeline execution {id} is outdated and cannot be used as a target for rollback.");
            return Err(Refusal::new("PipelineExecutionOutdatedException", message));
        }
        if target.version != self.version {
            return Err(unable(format!(
                "The pipeline has changed since the pipeline execution {id} was started: it ran in version {}, the pipeline is at version {}.",
                target.version, self.version
            )));
        }
        if !target.succeeded_in(stage) {
            return Err(unable(format!("The pipeline execution {id} did not succeed in the stage {name}.")));
        }
        if self.latest_in(stage).is_some_and(|(_, run)| run.status.is_open()) {
            return Err(unable(format!("The stage {name} is currently running.")));
        }
        let trigger = Trigger { kind: "ManualRollback", detail: caller.to_owned() };
        let begun = self.begin_rollback(stage, id, trigger, account);
        self.settle(account);
        Ok(json!({"pipelineExecutionId": begun}))
    }

    /// `RetryStageExecution`.
    pub(super) fn retry(&mut self, request: &Value, account: &mut Account) -> Result<Value, Refusal> {
        let id = text(request, "pipelineExecutionId").unwrap_or_default();
        must_be_an_execution_id(id, "pipelineExecutionId")?;
        let stage = self.stage_named(request)?;
        let not_retryable = |why: &str| Refusal::new("StageNotRetryableException", why.to_owned());
        let (latest, run) = self.latest_in(stage).ok_or_else(|| not_retryable("The stage has not run yet."))?;
        if latest.id != id {
            let message = format!("The pipeline execution {id} is not the latest one of the stage.");
            return Err(Refusal::new("NotLatestPipelineExecutionException", message));
        }
        if run.status != StageStatus::Failed {
            return Err(not_retryable("The stage contains no failed actions."));
        }
        if latest.version != self.version {
            return Err(not_retryable("The pipeline structure has changed while the stage awaited a retry."));
        }
        let takes_all = text(request, "retryMode") == Some("ALL_ACTIONS");
        for execution in self.executions.iter_mut().filter(|execution| execution.id == id) {
            execution.status = ExecutionStatus::InProgress;
            execution.updated_at = account.at;
            for run in execution.runs.iter_mut().filter(|run| run.stage == stage) {
                run.status = StageStatus::InProgress;
                let (again, kept) = std::mem::take(&mut run.actions)
                    .into_iter()
                    .partition(|action| takes_all || action.status != ActionStatus::Succeeded);
                run.actions = kept;
                let again: Vec<_> = again;
                run.retried.extend(again);
            }
        }
        self.settle(account);
        Ok(json!({"pipelineExecutionId": id}))
    }
}
