//! `CodePipeline` operations that only tell.

use serde_json::{Value, json};

use super::account::Account;
use super::json::{PageLength, page, present, seconds, text};
use super::pipeline::{ActionRun, Execution, Pipeline, StageRun};
use super::refusal::Refusal;
use super::seed_pipelines::{ActionCategory, ExecutionMode, OnFailure, SeedAction};

const PAGES: PageLength = PageLength { usual: 100, most: 100 };

fn action_type(action: &SeedAction) -> Value {
    json!({"category": action.category.word(), "owner": "AWS", "provider": action.provider, "version": "1"})
}

fn kind(execution: &Execution) -> &'static str {
    if execution.rollback.is_some() { "ROLLBACK" } else { "STANDARD" }
}

fn rollback_metadata(execution: &Execution) -> Value {
    execution.rollback.as_ref().map_or(Value::Null, |rollback| json!({"rollbackTargetPipelineExecutionId": rollback}))
}

fn trigger(execution: &Execution) -> Value {
    json!({"triggerType": execution.trigger.kind, "triggerDetail": execution.trigger.detail})
}

impl Pipeline {
    fn console(&self) -> String {
        format!(
            "https://{}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{}/view?region={}",
            self.region, self.name, self.region
        )
    }

    fn commit_url(&self, commit: &str) -> String {
        format!("https://github.com/{}/commit/{commit}", self.repository)
    }

    /// Names of the source actions.
    fn sources(&self) -> impl Iterator<Item = &str> {
        let actions = self.stages.iter().flat_map(|stage| &stage.actions);
        actions.filter(|action| action.category == ActionCategory::Source).map(|action| action.name.as_str())
    }

    /// `GetPipeline`. Only the present version is kept.
    pub(super) fn declared(&self, request: &Value, account: &Account) -> Result<Value, Refusal> {
        if let Some(version) = request.get("version").and_then(Value::as_u64)
            && version != u64::from(self.version)
        {
            let message = format!("Version {version} of the pipeline does not exist.");
            return Err(Refusal::new("PipelineVersionNotFoundException", message));
        }
        let stages: Vec<Value> = self
            .stages
            .iter()
            .map(|stage| {
                let actions = stage.actions.iter().map(|action| {
                    let is_source = action.category == ActionCategory::Source;
                    let artifacts = if is_source { json!([{"name": "source"}]) } else { json!([]) };
                    let inputs = match action.category {
                        ActionCategory::Build | ActionCategory::Test | ActionCategory::Deploy => {
                            json!([{"name": "source"}])
                        }
                        ActionCategory::Source | ActionCategory::Approval => json!([]),
                    };
                    json!({
                        "name": action.name,
                        "actionTypeId": action_type(action),
                        "runOrder": action.run_order,
                        "configuration": action.configuration,
                        "outputArtifacts": artifacts,
                        "inputArtifacts": inputs,
                        "region": self.region,
                    })
                });
                let on_failure = match stage.on_failure {
                    OnFailure::Fail => Value::Null,
                    OnFailure::RollBack => json!({"result": "ROLLBACK"}),
                };
                json!({"name": stage.name, "actions": actions.collect::<Vec<_>>(), "onFailure": on_failure})
            })
            .collect();
        Ok(present(json!({
            "pipeline": {
                "name": self.name,
                "roleArn": self.role_arn,
                "artifactStore": {"type": "S3", "location": format!("codepipeline-{}-{}", account.region, account.id)},
                "stages": stages,
                "version": self.version,
                "executionMode": self.mode.word(),
                "pipelineType": self.kind.word(),
            },
            "metadata": {
                "pipelineArn": self.arn,
                "created": seconds(self.created_at),
                "updated": seconds(self.updated_at),
            },
        })))
    }

    /// `GetPipelineState`. In mode PARALLEL there is no one state of a stage.
    pub(super) fn state(&self) -> Value {
        let stages: Vec<Value> = (0..self.stages.len()).filter_map(|stage| self.stage_state(stage)).collect();
        present(json!({
            "pipelineName": self.name,
            "pipelineVersion": self.version,
            "stageStates": stages,
            "created": seconds(self.created_at),
            "updated": seconds(self.updated_at),
        }))
    }

    fn stage_state(&self, position: usize) -> Option<Value> {
        let stage = self.stages.get(position)?;
        let changed = stage.changed.as_ref();
        let transition = json!({
            "enabled": stage.disabled.is_none(),
            "disabledReason": stage.disabled,
            "lastChangedBy": changed.map(|(by, _)| by),
            "lastChangedAt": changed.map(|(_, at)| seconds(*at)),
        });
        let bare = |execution: &Execution, status: &str| json!({"pipelineExecutionId": execution.id, "status": status, "type": kind(execution)});
        if self.mode == ExecutionMode::Parallel {
            let actions = stage.actions.iter().map(|action| json!({"actionName": action.name}));
            return Some(json!({
                "stageName": stage.name,
                "inboundTransitionState": transition,
                "actionStates": actions.collect::<Vec<_>>(),
            }));
        }
        let waiting: Vec<Value> = self
            .executions
            .iter()
            .rev()
            .filter(|execution| execution.waits_before == Some(position) && !execution.status.is_over())
            .map(|execution| bare(execution, "InProgress"))
            .collect();
        let latest = self.latest_in(position);
        let actions = (0..stage.actions.len()).filter_map(|action| self.action_state(position, action));
        Some(json!({
            "stageName": stage.name,
            "inboundExecution": waiting.first(),
            "inboundExecutions": waiting,
            "inboundTransitionState": transition,
            "actionStates": actions.collect::<Vec<_>>(),
            "latestExecution": latest.map(|(execution, run)| bare(execution, run.status.word())),
        }))
    }

    /// What an action did last, in whichever execution that was: an action that has not begun in the present one still
    /// shows what it did in an earlier one.
    fn action_state(&self, stage: usize, position: usize) -> Option<Value> {
        let action = self.action(stage, position)?;
        let runs = self.executions.iter().flat_map(|execution| {
            let run = execution.run(stage).into_iter().flat_map(|run| &run.actions);
            run.filter(|run| run.action == position).map(move |run| (execution, run))
        });
        let latest = runs.max_by_key(|(_, run)| run.started_at);
        let is_source = action.category == ActionCategory::Source;
        let revision = latest.filter(|(execution, _)| is_source && execution.knows_its_source());
        Some(json!({
            "actionName": action.name,
            "currentRevision": revision.map(|(execution, run)| json!({
                "revisionId": execution.commit,
                "revisionChangeId": execution.commit,
                "created": seconds(run.updated_at),
            })),
            "revisionUrl": revision.map(|(execution, _)| self.commit_url(&execution.commit)),
            "entityUrl": self.console(),
            "latestExecution": latest.map(|(_, run)| json!({
                "actionExecutionId": run.id,
                "status": run.status.word(),
                "summary": run.summary,
                "lastStatusChange": seconds(run.updated_at),
                "token": run.token,
                "lastUpdatedBy": run.updated_by,
                "externalExecutionId": run.external_id,
                "externalExecutionUrl": self.external_url(run),
                "errorDetails": run.error.as_ref().map(|error| json!({"code": error.code, "message": error.message})),
            })),
        }))
    }

    fn external_url(&self, run: &ActionRun) -> Option<String> {
        let id = run.external_id.as_ref()?;
        let region = &self.region;
        if id.starts_with("arn:aws:cloudformation:") {
            return Some(format!(
                "https://console.aws.amazon.com/cloudformation/home?region={region}#/stacks/events?stackId={id}"
            ));
        }
        Some(match id.split_once(':') {
            Some((project, _)) => format!(
                "https://console.aws.amazon.com/codebuild/home?region={region}#/builds/{id}/view/new?project={project}"
            ),
            None => format!("https://console.aws.amazon.com/ecs/v2/home?region={region}#{id}"),
        })
    }

    /// `ListPipelineExecutions`, newest first. The filter shows those of the present structure version only.
    pub(super) fn list_executions(&self, request: &Value) -> Result<Value, Refusal> {
        let filter = request.pointer("/filter/succeededInStage").filter(|filter| !filter.is_null());
        let stage = match filter {
            None => None,
            Some(filter) => {
                let name = text(filter, "stageName").unwrap_or_default();
                let stage = self.stage_at(name);
                Some(stage.ok_or_else(|| Refusal::new("ValidationException", format!("There is no stage {name}.")))?)
            }
        };
        let fits = |execution: &&Execution| {
            stage.is_none_or(|stage| execution.version == self.version && execution.succeeded_in(stage))
        };
        let summaries: Vec<Value> = self.executions.iter().rev().filter(fits).map(|one| self.summarized(one)).collect();
        page(request, "pipelineExecutionSummaries", &summaries, PAGES)
    }

    fn summarized(&self, execution: &Execution) -> Value {
        let revisions = execution.knows_its_source().then(|| {
            let revision = |action: &str| {
                json!({
                    "actionName": action,
                    "revisionId": execution.commit,
                    "revisionSummary": self.summary(&execution.commit),
                    "revisionUrl": self.commit_url(&execution.commit),
                })
            };
            self.sources().map(revision).collect::<Vec<_>>()
        });
        present(json!({
            "pipelineExecutionId": execution.id,
            "status": execution.status.word(),
            "startTime": seconds(execution.started_at),
            "lastUpdateTime": seconds(execution.updated_at),
            "sourceRevisions": revisions.unwrap_or_default(),
            "trigger": trigger(execution),
            "stopTrigger": execution.stopped_because.as_ref().map(|reason| json!({"reason": reason})),
            "executionMode": self.mode.word(),
            "executionType": kind(execution),
            "rollbackMetadata": rollback_metadata(execution),
        }))
    }

    /// `GetPipelineExecution`.
    pub(super) fn get_execution(&self, request: &Value) -> Result<Value, Refusal> {
        let id = text(request, "pipelineExecutionId").unwrap_or_default();
        let execution = self.execution(id).ok_or_else(|| {
            let message = format!("The pipeline execution {id} does not exist.");
            Refusal::new("PipelineExecutionNotFoundException", message)
        })?;
        let artifacts = execution.knows_its_source().then(|| {
            json!([{
                "name": "source",
                "revisionId": execution.commit,
                "revisionSummary": self.summary(&execution.commit),
                "revisionUrl": self.commit_url(&execution.commit),
                "created": seconds(execution.started_at),
            }])
        });
        Ok(present(json!({"pipelineExecution": {
            "pipelineName": self.name,
            "pipelineVersion": execution.version,
            "pipelineExecutionId": execution.id,
            "status": execution.status.word(),
            "artifactRevisions": artifacts.unwrap_or_else(|| json!([])),
            "trigger": trigger(execution),
            "executionMode": self.mode.word(),
            "executionType": kind(execution),
            "rollbackMetadata": rollback_metadata(execution),
        }})))
    }

    /// `ListActionExecutions`, newest first.
    pub(super) fn list_action_executions(&self, request: &Value) -> Result<Value, Refusal> {
        let filter = request.get("filter").unwrap_or(&Value::Null);
        let latest = filter.get("latestInPipelineExecution").unwrap_or(&Value::Null);
        let of = text(filter, "pipelineExecutionId").or_else(|| text(latest, "pipelineExecutionId"));
        if let Some(id) = of.filter(|id| self.execution(id).is_none()) {
            let message = format!("The pipeline execution {id} does not exist.");
            return Err(Refusal::new("PipelineExecutionNotFoundException", message));
        }
        let mut told: Vec<(jiff::Timestamp, Value)> = Vec::new();
        for execution in self.executions.iter().filter(|execution| of.is_none_or(|of| of == execution.id)) {
            for run in &execution.runs {
                let actions = run.retried.iter().chain(&run.actions);
                told.extend(
                    actions
                        .filter_map(|action| Some((action.started_at, self.action_execution(execution, run, action)?))),
                );
            }
        }
        told.reverse();
        told.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let told: Vec<Value> = told.into_iter().map(|(_, told)| told).collect();
        page(request, "actionExecutionDetails", &told, PAGES)
    }

    fn action_execution(&self, execution: &Execution, run: &StageRun, action: &ActionRun) -> Option<Value> {
        let declared = self.action(run.stage, action.action)?;
        Some(present(json!({
            "pipelineExecutionId": execution.id,
            "actionExecutionId": action.id,
            "pipelineVersion": execution.version,
            "stageName": self.stages.get(run.stage)?.name,
            "actionName": declared.name,
            "startTime": seconds(action.started_at),
            "lastUpdateTime": seconds(action.updated_at),
            "updatedBy": action.updated_by,
            "status": action.status.word(),
            "input": {
                "actionTypeId": action_type(declared),
                "configuration": declared.configuration,
                "region": self.region,
            },
            "output": {"executionResult": {
                "externalExecutionId": action.external_id,
                "externalExecutionSummary": action.summary,
                "externalExecutionUrl": self.external_url(action),
                "errorDetails": action.error.as_ref().map(|error| json!({"code": error.code, "message": error.message})),
            }},
        })))
    }
}

impl Account {
    /// `ListPipelines`.
    pub(super) fn list_pipelines(&self, request: &Value) -> Result<Value, Refusal> {
        let told: Vec<Value> = self
            .pipelines
            .iter()
            .map(|pipeline| {
                json!({
                    "name": pipeline.name,
                    "version": pipeline.version,
                    "pipelineType": pipeline.kind.word(),
                    "executionMode": pipeline.mode.word(),
                    "created": seconds(pipeline.created_at),
                    "updated": seconds(pipeline.updated_at),
                })
            })
            .collect();
        page(request, "pipelines", &told, PageLength { usual: 1000, most: 1000 })
    }
}
