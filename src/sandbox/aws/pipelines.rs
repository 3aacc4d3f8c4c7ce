//! `CodePipeline` operations that change something, and which operation is which.

use serde_json::{Value, json};

use super::account::Account;
use super::json::{seconds, text};
use super::pipeline::{ActionStatus, ExecutionStatus, Pipeline, StageStatus, Trigger};
use super::refusal::Refusal;
use super::seed_pipelines::{ActionCategory, ActionFailure, ExecutionMode};

/// How many executions of a pipeline may be under way in modes QUEUED and PARALLEL (quotas of `CodePipeline`).
const AT_ONCE: usize = 50;
/// Longest `reason` of `DisableStageTransition`.
const LONGEST_REASON: usize = 300;
/// Longest `reason` of `StopPipelineExecution`.
const LONGEST_STOP_REASON: usize = 200;

/// A value that breaks a constraint of its shape, as the service words it.
pub(super) fn constrained(value: &str, member: &str, pattern: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
    );
    Refusal::new("ValidationException", message)
}

pub(super) fn must_be_an_execution_id(id: &str, member: &str) -> Result<(), Refusal> {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    let is_hex = id.chars().all(|letter| letter == '-' || matches!(letter, '0'..='9' | 'a'..='f'));
    if is_hex && parts == [8, 4, 4, 4, 12] {
        return Ok(());
    }
    Err(constrained(id, member, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"))
}

fn no_such_stage(stage: &str) -> Refusal {
    Refusal::new("StageNotFoundException", format!("The stage {stage} was not found in the pipeline."))
}

impl Pipeline {
    pub(super) fn stage_named(&self, request: &Value) -> Result<usize, Refusal> {
        let name = text(request, "stageName").unwrap_or_default();
        self.stage_at(name).ok_or_else(|| no_such_stage(name))
    }

    /// The position of the stage whose inbound transition a request means: the outbound transition of a stage is the
    /// inbound one of the next.
    fn transition(&self, request: &Value) -> Result<usize, Refusal> {
        let stage = self.stage_named(request)?;
        match text(request, "transitionType") {
            Some("Outbound") if stage + 1 < self.stages.len() => Ok(stage + 1),
            Some("Outbound") => {
                Err(Refusal::new("ValidationException", "The last stage of a pipeline has no outbound transition."))
            }
            Some(_) | None => Ok(stage),
        }
    }

    fn disable(&mut self, request: &Value, caller: &str, account: &mut Account) -> Result<Value, Refusal> {
        let stage = self.transition(request)?;
        let reason = text(request, "reason").unwrap_or_default();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "!@ ().*?-".contains(letter);
        if reason.is_empty() || reason.len() > LONGEST_REASON || !reason.chars().all(fits) {
            return Err(constrained(reason, "reason", r"[a-zA-Z0-9!@ \(\)\.\*\?\-]+"));
        }
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.disabled = Some(reason.to_owned());
            stage.changed = Some((caller.to_owned(), account.at));
        }
        Ok(json!({}))
    }

    fn enable(&mut self, request: &Value, caller: &str, account: &mut Account) -> Result<Value, Refusal> {
        let stage = self.transition(request)?;
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.disabled = None;
            stage.changed = Some((caller.to_owned(), account.at));
        }
        self.settle(account);
        Ok(json!({}))
    }

    fn start(&mut self, request: &Value, caller: &str, account: &mut Account) -> Result<Value, Refusal> {
        let token = text(request, "clientRequestToken");
        if let Some(token) = token {
            let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
            if token.is_empty() || token.len() > 128 || !token.chars().all(fits) {
                return Err(constrained(token, "clientRequestToken", "^[a-zA-Z0-9-]+$"));
            }
            if let Some(known) = self.executions.iter().find(|known| known.token.as_deref() == Some(token)) {
                return Ok(json!({"pipelineExecutionId": known.id}));
            }
        }
        let mut commit = self.commits.last().map(|head| head.id.clone()).unwrap_or_default();
        for given in request.get("sourceRevisions").and_then(Value::as_array).into_iter().flatten() {
            let action = text(given, "actionName").unwrap_or_default();
            let sources = self.stages.iter().flat_map(|stage| &stage.actions);
            let mut sources = sources.filter(|action| action.category == ActionCategory::Source);
            if !sources.any(|source| source.name == action) {
                let message = format!("The pipeline has no source action {action}.");
                return Err(Refusal::new("ValidationException", message));
            }
            if text(given, "revisionType") != Some("COMMIT_ID") {
                let message = format!("The source action {action} takes revisions of type COMMIT_ID.");
                return Err(Refusal::new("ValidationException", message));
            }
            text(given, "revisionValue").unwrap_or_default().clone_into(&mut commit);
        }
        let open = self.executions.iter().filter(|execution| !execution.status.is_over()).count();
        if self.mode != ExecutionMode::Superseded && open >= AT_ONCE {
            let message = "The pipeline has reached the limit for concurrent pipeline executions.";
            return Err(Refusal::new("ConcurrentPipelineExecutionsLimitExceededException", message));
        }
        let trigger = Trigger { kind: "StartPipelineExecution", detail: caller.to_owned() };
        Ok(json!({"pipelineExecutionId": self.begin(commit, trigger, token, account)}))
    }

    /// Starts an execution; returns its id.
    pub(super) fn begin(
        &mut self,
        commit: String,
        trigger: Trigger,
        token: Option<&str>,
        account: &mut Account,
    ) -> String {
        let mut execution = self.new_execution(commit, trigger, account);
        execution.token = token.map(str::to_owned);
        let id = execution.id.clone();
        self.executions.push(execution);
        self.settle(account);
        id
    }

    fn stop(&mut self, request: &Value, account: &mut Account) -> Result<Value, Refusal> {
        let id = text(request, "pipelineExecutionId").unwrap_or_default();
        must_be_an_execution_id(id, "pipelineExecutionId")?;
        let reason = text(request, "reason").unwrap_or_default();
        if reason.len() > LONGEST_STOP_REASON {
            return Err(Refusal::new("ValidationException", "reason must have at most 200 characters."));
        }
        let abandons = request.get("abandon") == Some(&json!(true));
        let at = account.at;
        let execution = self.executions.iter_mut().find(|execution| execution.id == id).ok_or_else(|| {
            let message = format!("The pipeline execution {id} does not exist.");
            Refusal::new("PipelineExecutionNotStoppableException", message)
        })?;
        match execution.status {
            ExecutionStatus::InProgress => {}
            ExecutionStatus::Stopping if abandons => {}
            ExecutionStatus::Stopping => {
                let message = format!("The pipeline execution {id} is already being stopped.");
                return Err(Refusal::new("DuplicatedStopRequestException", message));
            }
            ExecutionStatus::Stopped
            | ExecutionStatus::Succeeded
            | ExecutionStatus::Superseded
            | ExecutionStatus::Failed
            | ExecutionStatus::Cancelled => {
                let message = format!(
                    "The pipeline execution {id} cannot be stopped: its status is {}.",
                    execution.status.word()
                );
                return Err(Refusal::new("PipelineExecutionNotStoppableException", message));
            }
        }
        execution.status = ExecutionStatus::Stopping;
        execution.updated_at = at;
        execution.stopped_because = Some(reason.to_owned());
        match execution.runs.iter_mut().find(|run| run.status.is_open()) {
            None => {
                execution.status = ExecutionStatus::Stopped;
                execution.waits_before = None;
            }
            Some(run) if abandons => {
                for action in run.actions.iter_mut().filter(|action| action.status == ActionStatus::InProgress) {
                    action.end(at, ActionStatus::Abandoned, None);
                }
                run.status = StageStatus::Stopped;
                execution.status = ExecutionStatus::Stopped;
            }
            Some(run) => run.status = StageStatus::Stopping,
        }
        self.settle(account);
        Ok(json!({"pipelineExecutionId": id}))
    }

    fn approve(&mut self, request: &Value, caller: &str, account: &mut Account) -> Result<Value, Refusal> {
        let stage = self.stage_named(request)?;
        let name = text(request, "actionName").unwrap_or_default();
        let declared = self.stages.get(stage).and_then(|stage| {
            let found = stage.actions.iter().position(|action| action.name == name);
            found.filter(|at| stage.actions.get(*at).is_some_and(|one| one.category == ActionCategory::Approval))
        });
        let declared =
            declared.ok_or_else(|| Refusal::new("ActionNotFoundException", format!("There is no approval {name}.")))?;
        let token = text(request, "token").unwrap_or_default();
        let result = request.get("result").unwrap_or(&Value::Null);
        let summary = text(result, "summary").unwrap_or_default().to_owned();
        let at = account.at;
        let runs = self.executions.iter_mut().rev().flat_map(|execution| &mut execution.runs);
        let actions = runs.filter(|run| run.stage == stage).flat_map(|run| &mut run.actions);
        let mut actions = actions.filter(|action| action.action == declared);
        let Some(action) = actions.find(|action| action.token.is_some()) else {
            let message = "The approval action has already been approved or rejected.";
            return Err(Refusal::new("ApprovalAlreadyCompletedException", message));
        };
        if action.token.as_deref() != Some(token) {
            return Err(Refusal::new("InvalidApprovalTokenException", "The approval token is not valid."));
        }
        action.updated_by = Some(caller.to_owned());
        if text(result, "status") == Some("Approved") {
            action.end(at, ActionStatus::Succeeded, Some(summary));
        } else {
            action.error = Some(ActionFailure {
                code: "Rejected".to_owned(),
                message: format!("Rejected by {caller}: {summary}"),
            });
            action.end(at, ActionStatus::Failed, Some(summary));
        }
        self.settle(account);
        Ok(json!({"approvedAt": seconds(at)}))
    }
}

impl Account {
    /// Performs a `CodePipeline` operation whose request fits the model.
    pub(super) fn perform_codepipeline(
        &mut self,
        operation: &str,
        request: &Value,
        caller: &str,
    ) -> Result<Value, Refusal> {
        match operation {
            "ListPipelines" => return self.list_pipelines(request),
            "GetPipeline" => return self.pipeline_named(request, "name")?.declared(request, self),
            "GetPipelineState" => return Ok(self.pipeline_named(request, "name")?.state()),
            "ListPipelineExecutions" => return self.pipeline_named(request, "pipelineName")?.list_executions(request),
            "GetPipelineExecution" => return self.pipeline_named(request, "pipelineName")?.get_execution(request),
            "ListActionExecutions" => {
                return self.pipeline_named(request, "pipelineName")?.list_action_executions(request);
            }
            _ => {}
        }
        let member = if operation == "StartPipelineExecution" { "name" } else { "pipelineName" };
        let name = self.pipeline_named(request, member)?.name.clone();
        self.with_pipeline(&name, |pipeline, account| match operation {
            "DisableStageTransition" => pipeline.disable(request, caller, account),
            "EnableStageTransition" => pipeline.enable(request, caller, account),
            "StartPipelineExecution" => pipeline.start(request, caller, account),
            "StopPipelineExecution" => pipeline.stop(request, account),
            "RollbackStage" => pipeline.roll_back(request, caller, account),
            "RetryStageExecution" => pipeline.retry(request, account),
            "PutApprovalResult" => pipeline.approve(request, caller, account),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        })
    }

    fn pipeline_named(&self, request: &Value, member: &str) -> Result<&Pipeline, Refusal> {
        let name = text(request, member).unwrap_or_default();
        self.pipelines.iter().find(|pipeline| pipeline.name == name).ok_or_else(|| no_such_pipeline(name))
    }

    /// Does something with a pipeline, which may in turn change the rest of the account.
    pub(super) fn with_pipeline<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Pipeline, &mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut pipelines = std::mem::take(&mut self.pipelines);
        let done = match pipelines.iter_mut().find(|pipeline| pipeline.name == name) {
            Some(pipeline) => act(pipeline, self),
            None => Err(no_such_pipeline(name)),
        };
        self.pipelines = pipelines;
        done
    }

    /// When a pipeline has something to do next.
    pub(super) fn pipelines_due(&self) -> Option<jiff::Timestamp> {
        self.pipelines.iter().filter_map(Pipeline::due).min()
    }

    /// Lets the pipelines do what is due.
    pub(super) fn step_pipelines(&mut self) {
        let (mut pipelines, at) = (std::mem::take(&mut self.pipelines), self.at);
        for pipeline in pipelines.iter_mut().filter(|pipeline| pipeline.due().is_some_and(|due| due <= at)) {
            pipeline.step(self);
        }
        self.pipelines = pipelines;
    }
}

fn no_such_pipeline(name: &str) -> Refusal {
    let message = format!("Account does not have a pipeline with name '{name}'");
    Refusal::new("PipelineNotFoundException", message)
}
