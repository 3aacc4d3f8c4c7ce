//! A freeze as a step of a plan: first of all, and the same however the pipeline stands at the moment.

use std::time::Duration;

use aws_sdk_codepipeline::types::{PipelineDeclaration, PipelineMetadata};

use super::freeze_look::no_stage;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::freeze_work::FreezeWork;
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::work::{PipelineFreeze, Stop, Work};

/// After how long a stage that is not held has failed: actions that have begun are waited for, and deployments by
/// CloudFormation take some minutes.
pub const DEADLINE: Duration = Duration::from_mins(15);

/// How long it usually takes.
const ESTIMATE: Duration = Duration::from_secs(5);

/// What is locked and recorded: the stage of the pipeline, by the pipeline's ARN.
///
/// # Errors
/// When AWS does not answer, or there is no such pipeline or stage.
pub async fn resource(aws: &Aws, work: &PipelineFreeze) -> Result<Resource, AwsError> {
    let answer = aws.reads().codepipeline.get_pipeline().name(&work.pipeline).send().await;
    let answer = answer.map_err(|error| AwsError::of("codepipeline", "GetPipeline", &error))?;
    let stages = answer.pipeline().map(PipelineDeclaration::stages).unwrap_or_default();
    if !stages.iter().any(|stage| stage.name() == work.stage) {
        return Err(no_stage(&work.pipeline, &work.stage));
    }
    let arn = answer.metadata().and_then(PipelineMetadata::pipeline_arn);
    let Some(arn) = arn else {
        let why = "the answer has no ARN in it";
        return Err(AwsError::local("codepipeline", "GetPipeline", ErrorClass::Bug, why));
    };
    Ok(Resource::new(format!("{arn}/{}", work.stage)))
}

/// The step that holds `work` at `resource`. Whether the stage is held already makes no difference: what is approved is
/// that it shall be.
pub fn step(work: &PipelineFreeze, resource: Resource) -> Step {
    let mut verbs = vec!["DisableStageTransition".to_owned()];
    let mut loses = Vec::new();
    if work.stop == Stop::Stop {
        verbs.push("StopPipelineExecution".to_owned());
        loses.push(format!("the execution of pipeline {} that is in {} is stopped", work.pipeline, work.stage));
    }
    Step {
        id: StepId::new(format!("freeze/{}/{}", work.pipeline, work.stage)),
        title: work.title(),
        resource,
        from: None,
        to: None,
        chosen: None,
        verbs,
        loses,
        need: Need::Required,
        deadline: DEADLINE,
        estimate: ESTIMATE,
        work: Work::Freeze(FreezeWork::Pipeline(work.clone())),
    }
}
