//! Looks at a pipeline. Reads only.

use aws_sdk_codepipeline::types::{
    ActionCategory, ExecutionType, PipelineExecutionFilter, PipelineExecutionSummary, StageState,
    SucceededInStageFilter,
};

use super::inventory::{Closed, Execution, Pipeline, Revision, SourceAction, Stage, StageInventory, StageSpec};
use super::target;
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::pipeline::RevisionKind;
use crate::systems::commit_image;

/// How many executions are looked at: the most that one page holds, and further back nobody goes.
const EXECUTIONS: i32 = 100;

/// A fresh look, for planning; the image of the commit that `to` leads to is looked for too.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such pipeline or stage.
pub async fn look(aws: &Aws, spec: &StageSpec, to: Option<&str>) -> Result<StageInventory, AwsError> {
    let (pipeline, executions, eligible) = futures::try_join!(
        pipeline(aws, &spec.pipeline),
        executions(aws, &spec.pipeline, EXECUTIONS),
        eligible(aws, &spec.pipeline, &spec.stage),
    )?;
    if pipeline.stage(&spec.stage).is_none() {
        let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        let message = format!(
            "the pipeline {} has no stage {}; it has {}. Correct `stage` in rollbot.yml",
            spec.pipeline,
            spec.stage,
            stages.join(", ")
        );
        return Err(AwsError::local("codepipeline", "GetPipelineState", ErrorClass::NotFound, message));
    }
    let mut inventory = StageInventory { spec: spec.clone(), pipeline, executions, eligible, image: None };
    let commit = target::choose(&inventory, to).ok().and_then(|choice| choice.commit().map(str::to_owned));
    if let (Some(repository), Some(commit)) = (&spec.image, commit) {
        inventory.image = Some(commit_image::confirm(aws, repository, &commit).await?);
    }
    Ok(inventory)
}

/// A pipeline's structure and state.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such pipeline.
pub async fn pipeline(aws: &Aws, name: &str) -> Result<Pipeline, AwsError> {
    let client = &aws.reads().codepipeline;
    let structure = async {
        let answer = client.get_pipeline().name(name).send().await;
        answer.map_err(|error| AwsError::of("codepipeline", "GetPipeline", &error))
    };
    let state = async {
        let answer = client.get_pipeline_state().name(name).send().await;
        answer.map_err(|error| AwsError::of("codepipeline", "GetPipelineState", &error))
    };
    let (structure, state) = futures::try_join!(structure, state)?;
    let arn = structure.metadata.and_then(|metadata| metadata.pipeline_arn).unwrap_or_default();
    let region = arn.split(':').nth(3).unwrap_or_default().to_owned();
    let Some(declared) = structure.pipeline else {
        return Ok(Pipeline { arn, region, ..Pipeline::default() });
    };
    let states = state.stage_states.unwrap_or_default();
    let mut sources = Vec::new();
    let mut stages = Vec::new();
    for stage in declared.stages {
        let told = states.iter().find(|told| told.stage_name.as_deref() == Some(&stage.name));
        let mut seen = told.map(stage_seen).unwrap_or_default();
        seen.rolls_back_by_itself = stage
            .on_failure
            .as_ref()
            .and_then(|on_failure| on_failure.result.as_ref())
            .is_some_and(|result| result.as_str() == "ROLLBACK");
        for action in stage.actions {
            let Some(kind) = action.action_type_id else { continue };
            if kind.category == ActionCategory::Source {
                seen.has_source = true;
                sources.push(SourceAction { name: action.name, revisions: revision_kind(&kind.provider) });
            } else if kind.category == ActionCategory::Approval {
                seen.approvals.push(action.name);
            }
        }
        seen.name = stage.name;
        stages.push(seen);
    }
    Ok(Pipeline {
        arn,
        region,
        version: declared.version.unwrap_or_default(),
        mode: declared.execution_mode.map_or_else(|| "SUPERSEDED".to_owned(), |mode| mode.as_str().to_owned()),
        kind: declared.pipeline_type.map_or_else(|| "V1".to_owned(), |kind| kind.as_str().to_owned()),
        stages,
        sources,
    })
}

/// What the revisions of a provider are, where they can be asked for. Facts: botocore, `SourceRevisionType`.
fn revision_kind(provider: &str) -> Option<RevisionKind> {
    match provider {
        "CodeStarSourceConnection" | "CodeCommit" | "GitHub" => Some(RevisionKind::Commit),
        "ECR" => Some(RevisionKind::ImageDigest),
        "S3" => Some(RevisionKind::ObjectVersion),
        _ => None,
    }
}

fn stage_seen(told: &StageState) -> Stage {
    let transition = told.inbound_transition_state.as_ref().filter(|transition| !transition.enabled);
    Stage {
        name: told.stage_name.clone().unwrap_or_default(),
        latest: told
            .latest_execution
            .as_ref()
            .map(|latest| (latest.pipeline_execution_id.clone(), latest.status.as_str().to_owned())),
        inbound: told.inbound_execution.as_ref().map(|inbound| inbound.pipeline_execution_id.clone()),
        closed: transition.map(|transition| Closed {
            reason: transition.disabled_reason.clone().unwrap_or_default(),
            by: transition.last_changed_by.clone(),
            at: transition.last_changed_at.and_then(timestamp),
        }),
        ..Stage::default()
    }
}

/// The newest executions, newest first.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn executions(aws: &Aws, pipeline: &str, most: i32) -> Result<Vec<Execution>, AwsError> {
    let call = aws.reads().codepipeline.list_pipeline_executions().pipeline_name(pipeline).max_results(most);
    let answer = call.send().await.map_err(|error| AwsError::of("codepipeline", "ListPipelineExecutions", &error))?;
    Ok(answer.pipeline_execution_summaries.unwrap_or_default().into_iter().map(execution).collect())
}

/// Ids of the executions that succeeded in a stage in the present structure of the pipeline, newest first. AWS says of
/// this filter that it shows none from before 1 February 2024.
async fn eligible(aws: &Aws, pipeline: &str, stage: &str) -> Result<Vec<String>, AwsError> {
    let filter = SucceededInStageFilter::builder().stage_name(stage).build();
    let filter = PipelineExecutionFilter::builder().succeeded_in_stage(filter).build();
    let call = aws.reads().codepipeline.list_pipeline_executions().pipeline_name(pipeline).filter(filter);
    let answer = match call.max_results(EXECUTIONS).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = AwsError::of("codepipeline", "ListPipelineExecutions", &error);
            // That there is no such stage is said after the pipeline was looked at, with the stages that there are.
            return if error.class == ErrorClass::Invalid { Ok(Vec::new()) } else { Err(error) };
        }
    };
    let summaries = answer.pipeline_execution_summaries.unwrap_or_default();
    Ok(summaries.into_iter().filter_map(|summary| summary.pipeline_execution_id).collect())
}

fn execution(told: PipelineExecutionSummary) -> Execution {
    let revisions = told.source_revisions.unwrap_or_default().into_iter().map(|revision| Revision {
        action: revision.action_name,
        id: revision.revision_id.unwrap_or_default(),
        summary: revision.revision_summary,
        url: revision.revision_url,
    });
    Execution {
        id: told.pipeline_execution_id.unwrap_or_default(),
        status: told.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        is_rollback: told.execution_type == Some(ExecutionType::Rollback),
        rollback_of: told.rollback_metadata.and_then(|told| told.rollback_target_pipeline_execution_id),
        trigger: told
            .trigger
            .and_then(|trigger| trigger.trigger_type)
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
        revisions: revisions.collect(),
        started_at: told.start_time.and_then(timestamp),
        updated_at: told.last_update_time.and_then(timestamp),
    }
}
