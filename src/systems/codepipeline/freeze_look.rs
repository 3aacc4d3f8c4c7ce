//! What there is to see of a stage: its entrance, what is inside, what waits in front, and what ran well before.

use aws_sdk_codepipeline::types::{
    ActionCategory, ActionDeclaration, ActionExecutionStatus, ActionTypeId, ArtifactRevision, ExecutionType,
    PipelineDeclaration, PipelineExecutionFilter, PipelineExecutionSummary, SourceRevision, StageDeclaration,
    StageExecution, StageState, SucceededInStageFilter,
};
use futures::future::try_join_all;

use super::freeze_act::Revision;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::freeze::Execution;

/// How many executions are looked through for a good one: those of the last weeks.
const EXECUTIONS: i32 = 20;

/// What was seen of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSeen {
    /// Its entrance.
    pub entrance: Entrance,
    /// What is or was last inside.
    pub inside: Option<Execution>,
    /// The manual approvals that wait for somebody inside, by the names of their actions.
    pub approvals: Vec<String>,
    /// What waits in front of it.
    pub in_front: Option<Execution>,
    /// The newest execution that succeeded in the stage and is not the one that was rolled back from, where something
    /// is to run again.
    pub again: Option<Good>,
}

/// The entrance of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// What comes goes in.
    Open {
        /// Who opened it last, as AWS names them.
        by: Option<String>,
    },
    /// Nothing goes in.
    Disabled {
        /// Why, in the words of whoever did it.
        reason: Option<String>,
        /// Who, as AWS names them.
        by: Option<String>,
    },
}

/// An execution that could run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The execution.
    pub execution: Execution,
    /// What it was made of.
    pub revisions: Vec<Revision>,
}

/// Whether something is to run again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rerun<'a> {
    /// Nothing.
    No,
    /// The newest good execution, other than this one.
    Yes {
        /// The execution that was rolled back from.
        failing: Option<&'a str>,
    },
}

/// Looks at a stage, and at what could run again where that is wanted.
pub(super) async fn look(aws: &Aws, pipeline: &str, stage: &str, rerun: Rerun<'_>) -> Result<StageSeen, AwsError> {
    let answer = aws.reads().codepipeline.get_pipeline_state().name(pipeline).send().await;
    let answer = answer.map_err(|error| AwsError::of("codepipeline", "GetPipelineState", &error))?;
    let Some(state) = answer.stage_states().iter().find(|state| state.stage_name() == Some(stage)) else {
        return Err(no_stage(pipeline, stage));
    };
    let in_front = state.inbound_executions().last().or(state.inbound_execution());
    let ids: Vec<&StageExecution> = state.latest_execution().into_iter().chain(in_front).collect();
    let mut details = try_join_all(ids.iter().map(|execution| detail(aws, pipeline, execution))).await?.into_iter();
    let inside = state.latest_execution().and_then(|_| details.next());
    let in_front = details.next();
    let again = match rerun {
        Rerun::Yes { failing } => Box::pin(again(aws, pipeline, stage, failing)).await?,
        Rerun::No => None,
    };
    Ok(StageSeen {
        entrance: entrance(state),
        inside,
        approvals: approvals(aws, pipeline, state).await?,
        in_front,
        again,
    })
}

/// The failure for a stage that the pipeline does not have.
pub(super) fn no_stage(pipeline: &str, stage: &str) -> AwsError {
    AwsError::local(
        "codepipeline",
        "GetPipelineState",
        ErrorClass::NotFound,
        format!("pipeline {pipeline} has no stage {stage}; correct `freeze` in rollbot.yml"),
    )
}

fn entrance(state: &StageState) -> Entrance {
    match state.inbound_transition_state() {
        Some(transition) if !transition.enabled() => Entrance::Disabled {
            reason: transition.disabled_reason().map(str::to_owned),
            by: transition.last_changed_by().map(str::to_owned),
        },
        Some(transition) => Entrance::Open { by: transition.last_changed_by().map(str::to_owned) },
        None => Entrance::Open { by: None },
    }
}

/// The actions inside that wait for somebody's approval. The state does not say which actions are approvals; the
/// pipeline's structure does, and is asked only where something is under way.
async fn approvals(aws: &Aws, pipeline: &str, state: &StageState) -> Result<Vec<String>, AwsError> {
    let waits = |action: &&aws_sdk_codepipeline::types::ActionState| {
        action.latest_execution().is_some_and(|execution| {
            execution.status() == Some(&ActionExecutionStatus::InProgress) && execution.token().is_some()
        })
    };
    let names: Vec<String> = state
        .action_states()
        .iter()
        .filter(waits)
        .filter_map(|action| action.action_name().map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Ok(names);
    }
    let structure = structure(aws, pipeline).await?;
    let is_approval = |name: &String| {
        structure.stages().iter().filter(|stage| Some(stage.name()) == state.stage_name()).any(|stage| {
            stage.actions().iter().any(|action| {
                action.name() == name
                    && action.action_type_id().is_some_and(|of| *of.category() == ActionCategory::Approval)
            })
        })
    };
    Ok(names.into_iter().filter(is_approval).collect())
}

async fn structure(aws: &Aws, pipeline: &str) -> Result<PipelineDeclaration, AwsError> {
    let answer = aws.reads().codepipeline.get_pipeline().name(pipeline).send().await;
    let answer = answer.map_err(|error| AwsError::of("codepipeline", "GetPipeline", &error))?;
    answer.pipeline.ok_or_else(|| {
        AwsError::local("codepipeline", "GetPipeline", ErrorClass::Bug, "the answer has no pipeline in it")
    })
}

/// An execution with its commit. One whose details are not kept any more has its id alone.
async fn detail(aws: &Aws, pipeline: &str, execution: &StageExecution) -> Result<Execution, AwsError> {
    let id = execution.pipeline_execution_id();
    let bare = Execution {
        id: id.to_owned(),
        status: execution.status().as_str().to_owned(),
        revision: None,
        summary: None,
        url: None,
    };
    let call = aws.reads().codepipeline.get_pipeline_execution().pipeline_name(pipeline).pipeline_execution_id(id);
    let answer = match call.send().await.map_err(|error| AwsError::of("codepipeline", "GetPipelineExecution", &error)) {
        Ok(answer) => answer,
        Err(error) if error.class == ErrorClass::NotFound => return Ok(bare),
        Err(error) => return Err(error),
    };
    let revision = answer.pipeline_execution().and_then(|execution| execution.artifact_revisions().first());
    Ok(Execution {
        revision: revision.and_then(ArtifactRevision::revision_id).map(str::to_owned),
        summary: revision.and_then(ArtifactRevision::revision_summary).map(message),
        url: revision.and_then(ArtifactRevision::revision_url).map(str::to_owned),
        ..bare
    })
}

/// The first line of a commit's message. A connection to GitHub gives it as JSON: `{"ProviderType":"GitHub",
/// "CommitMessage":"…"}`.
fn message(summary: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(summary).ok();
    let text = json.as_ref().and_then(|json| json.get("CommitMessage")?.as_str()).unwrap_or(summary);
    text.lines().next().unwrap_or_default().to_owned()
}

async fn again(aws: &Aws, pipeline: &str, stage: &str, failing: Option<&str>) -> Result<Option<Good>, AwsError> {
    let succeeded = SucceededInStageFilter::builder().stage_name(stage).build();
    let filter = PipelineExecutionFilter::builder().succeeded_in_stage(succeeded).build();
    let call = aws.reads().codepipeline.list_pipeline_executions().pipeline_name(pipeline).max_results(EXECUTIONS);
    let answer = call.filter(filter).send().await;
    let answer = answer.map_err(|error| AwsError::of("codepipeline", "ListPipelineExecutions", &error))?;
    let good = answer.pipeline_execution_summaries().iter().find(|execution| {
        execution.execution_type() != Some(&ExecutionType::Rollback)
            && execution.pipeline_execution_id().is_some_and(|id| Some(id) != failing)
    });
    match good {
        Some(good) => Ok(Some(made_of(good, &structure(aws, pipeline).await?))),
        None => Ok(None),
    }
}

fn made_of(execution: &PipelineExecutionSummary, structure: &PipelineDeclaration) -> Good {
    let kind = |action: &str| {
        let declared =
            structure.stages().iter().flat_map(StageDeclaration::actions).find(|other| other.name() == action);
        match declared.and_then(ActionDeclaration::action_type_id).map(ActionTypeId::provider) {
            Some("ECR") => "IMAGE_DIGEST",
            Some("S3") => "S3_OBJECT_VERSION_ID",
            Some(_) | None => "COMMIT_ID",
        }
    };
    let revisions = execution.source_revisions().iter().filter_map(|revision| {
        Some(Revision {
            action: revision.action_name().to_owned(),
            kind: kind(revision.action_name()).to_owned(),
            value: revision.revision_id()?.to_owned(),
        })
    });
    let first = execution.source_revisions().first();
    Good {
        execution: Execution {
            id: execution.pipeline_execution_id().unwrap_or_default().to_owned(),
            status: execution.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            revision: first.and_then(SourceRevision::revision_id).map(str::to_owned),
            summary: first.and_then(SourceRevision::revision_summary).map(message),
            url: first.and_then(SourceRevision::revision_url).map(str::to_owned),
        },
        revisions: revisions.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commits_message_is_its_first_line_also_from_a_connection() {
        assert_eq!(message("Faster cart\n\nbecause"), "Faster cart");
        assert_eq!(message(r#"{"ProviderType":"GitHub","CommitMessage":"Faster cart\nmore"}"#), "Faster cart");
    }
}
