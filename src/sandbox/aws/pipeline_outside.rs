//! What others do to pipelines while somebody rolls back.

use serde_json::json;

use super::pipeline::{ActionStatus, ExecutionStatus, StageStatus, Trigger};
use super::refusal::Refusal;
use super::seed_pipelines::SeedCommit;
use super::stand_in::AwsStandIn;

impl AwsStandIn {
    /// Somebody pushes a commit, and the pipeline starts. Returns the execution's id.
    ///
    /// # Errors
    ///
    /// When there is no such pipeline.
    pub fn push(&self, pipeline: &str, commit: SeedCommit) -> Result<String, Refusal> {
        self.account().with_pipeline(pipeline, |pipeline, account| {
            let id = commit.id.clone();
            pipeline.commits.retain(|known| known.id != id);
            pipeline.commits.push(commit);
            let trigger = Trigger { kind: "WebhookV2", detail: pipeline.repository.clone() };
            Ok(pipeline.begin(id, trigger, None, account))
        })
    }

    /// Somebody changes the pipeline's structure: a new version, in which nothing has run yet. What was under way is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// When there is no such pipeline.
    pub fn change_pipeline(&self, pipeline: &str) -> Result<(), Refusal> {
        self.account().with_pipeline(pipeline, |pipeline, account| {
            pipeline.version += 1;
            pipeline.updated_at = account.at;
            for execution in pipeline.executions.iter_mut().filter(|execution| !execution.status.is_over()) {
                execution.status = ExecutionStatus::Cancelled;
                execution.waits_before = None;
                for run in execution.runs.iter_mut().filter(|run| run.status.is_open()) {
                    run.status = StageStatus::Cancelled;
                    for action in run.actions.iter_mut().filter(|one| one.status == ActionStatus::InProgress) {
                        action.end(account.at, ActionStatus::Abandoned, None);
                    }
                }
            }
            Ok(())
        })
    }

    /// Somebody approves the manual approval that waits in a stage.
    ///
    /// # Errors
    ///
    /// Whatever `PutApprovalResult` would answer.
    pub fn approve_action(&self, pipeline: &str, stage: &str, action: &str) -> Result<(), Refusal> {
        let mut account = self.account();
        let caller = account.identities.caller.clone();
        let found = account.pipelines.iter().find(|one| one.name == pipeline);
        let runs = found.into_iter().flat_map(|one| &one.executions).flat_map(|execution| &execution.runs);
        let token = runs.flat_map(|run| &run.actions).find_map(|action| action.token.clone()).unwrap_or_default();
        let request = json!({
            "pipelineName": pipeline, "stageName": stage, "actionName": action, "token": token,
            "result": {"summary": "Looked at it.", "status": "Approved"},
        });
        account.perform_codepipeline("PutApprovalResult", &request, &caller)?;
        Ok(())
    }

    /// The commit that the pipeline's own site serves.
    pub fn deployed_commit(&self, pipeline: &str) -> Option<String> {
        let account = self.account();
        account.pipelines.iter().find(|one| one.name == pipeline)?.deployed.clone()
    }
}
