//! What is done to a pipeline: each call with one attempt.

use aws_sdk_codepipeline::types::{SourceRevisionOverride, SourceRevisionType, StageTransitionType};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::pipeline::{RevisionKind, SourceRevision};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `RollbackStage`. It takes no token: a lost reply is looked for among the executions.
    RollbackStage {
        /// The pipeline's name.
        pipeline: String,
        /// The stage's name.
        stage: String,
        /// Id of the execution to go back to.
        target: String,
    },
    /// `StartPipelineExecution` with source revisions.
    StartPipelineExecution {
        /// The pipeline's name.
        pipeline: String,
        /// The revisions.
        revisions: Vec<SourceRevision>,
        /// `clientRequestToken`: the same request sent twice starts one execution.
        token: String,
    },
    /// `EnableStageTransition`: lets the new run through what Rollbot's own freeze holds.
    EnableStageTransition {
        /// The pipeline's name.
        pipeline: String,
        /// The stage's name.
        stage: String,
        /// The reason that stood beside the disabled transition, to be put back.
        reason: String,
    },
    /// `DisableStageTransition`: closes behind the new run.
    DisableStageTransition {
        /// The pipeline's name.
        pipeline: String,
        /// The stage's name.
        stage: String,
        /// The reason.
        reason: String,
    },
}

/// What `CodePipeline` answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "snake_case")]
pub enum Receipt {
    /// An execution began.
    Began {
        /// Its id.
        execution: String,
    },
    /// The transition is as asked for.
    Changed,
}

/// A `clientRequestToken` out of a key: AWS takes 1 to 128 of `[a-zA-Z0-9-]`.
pub fn token(key: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let clean: String = key.chars().map(fits).collect();
    let from = clean.len().saturating_sub(128);
    clean.get(from..).unwrap_or_default().to_owned()
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do) -> Result<Acted<Receipt>, AwsError> {
    let client = &aws.writes().codepipeline;
    match what {
        Do::RollbackStage { pipeline, stage, target } => {
            let call = client.rollback_stage().pipeline_name(pipeline).stage_name(stage);
            let answer = call.target_pipeline_execution_id(target).send().await;
            let answer = answer.map_err(|error| AwsError::of("codepipeline", "RollbackStage", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok(Acted { receipt: Receipt::Began { execution: answer.pipeline_execution_id }, request_id })
        }
        Do::StartPipelineExecution { pipeline, revisions, token } => {
            let revisions: Vec<SourceRevisionOverride> = revisions.iter().map(overridden).collect::<Result<_, _>>()?;
            let call = client.start_pipeline_execution().name(pipeline).client_request_token(token);
            let answer = call.set_source_revisions(Some(revisions)).send().await;
            let answer = answer.map_err(|error| AwsError::of("codepipeline", "StartPipelineExecution", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            let execution = answer.pipeline_execution_id.unwrap_or_default();
            Ok(Acted { receipt: Receipt::Began { execution }, request_id })
        }
        Do::EnableStageTransition { pipeline, stage, .. } => {
            let call = client.enable_stage_transition().pipeline_name(pipeline).stage_name(stage);
            let answer = call.transition_type(StageTransitionType::Inbound).send().await;
            let answer = answer.map_err(|error| AwsError::of("codepipeline", "EnableStageTransition", &error))?;
            Ok(Acted { receipt: Receipt::Changed, request_id: answer.request_id().map(str::to_owned) })
        }
        Do::DisableStageTransition { pipeline, stage, reason } => {
            let call = client.disable_stage_transition().pipeline_name(pipeline).stage_name(stage).reason(reason);
            let answer = call.transition_type(StageTransitionType::Inbound).send().await;
            let answer = answer.map_err(|error| AwsError::of("codepipeline", "DisableStageTransition", &error))?;
            Ok(Acted { receipt: Receipt::Changed, request_id: answer.request_id().map(str::to_owned) })
        }
    }
}

fn overridden(revision: &SourceRevision) -> Result<SourceRevisionOverride, AwsError> {
    let kind = match revision.kind {
        RevisionKind::Commit => SourceRevisionType::CommitId,
        RevisionKind::ImageDigest => SourceRevisionType::ImageDigest,
        RevisionKind::ObjectVersion => SourceRevisionType::S3ObjectVersionId,
    };
    let built = SourceRevisionOverride::builder()
        .action_name(&revision.action)
        .revision_type(kind)
        .revision_value(&revision.id)
        .build();
    built.map_err(|error| AwsError::local("codepipeline", "StartPipelineExecution", ErrorClass::Bug, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_token_is_what_codepipeline_takes_and_keeps_its_end() {
        assert_eq!(token("rb-7k3fq-site/deploy_x-1"), "rb-7k3fq-site-deploy-x-1");
        let long = token(&format!("{}-12", "a".repeat(200)));
        assert!(long.len() == 128 && long.ends_with("-12"));
    }
}
