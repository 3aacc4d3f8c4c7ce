//! What is done to a pipeline to hold or open a stage: each call with one attempt.

use aws_sdk_codepipeline::types::{SourceRevisionOverride, SourceRevisionType, StageTransitionType};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use crate::aws::error::Effect;
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `DisableStageTransition`, inbound: nothing enters the stage any more. Doing it twice changes the reason alone.
    #[serde(rename = "DisableStageTransition")]
    Disable {
        /// The pipeline's name.
        pipeline: String,
        /// The stage's name.
        stage: String,
        /// What CodePipeline shows as the reason.
        reason: String,
    },
    /// `EnableStageTransition`, inbound.
    #[serde(rename = "EnableStageTransition")]
    Enable {
        /// The pipeline's name.
        pipeline: String,
        /// The stage's name.
        stage: String,
        /// The execution that waits in front and goes in then, for people.
        lets_in: Option<String>,
    },
    /// `StopPipelineExecution`, never abandoning: an action that is abandoned goes on by itself.
    #[serde(rename = "StopPipelineExecution")]
    Stop {
        /// The pipeline's name.
        pipeline: String,
        /// The execution's id.
        execution: String,
        /// Why.
        reason: String,
    },
    /// `StartPipelineExecution` with the source revisions of an earlier execution.
    #[serde(rename = "StartPipelineExecution")]
    Start {
        /// The pipeline's name.
        pipeline: String,
        /// The execution that runs again.
        like: String,
        /// Its source revisions.
        revisions: Vec<Revision>,
        /// `clientRequestToken`: the same request sent twice starts one execution. An older record has none here; its
        /// token was the key of the act.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
}

/// A source revision that an execution is started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The source action's name.
    pub action: String,
    /// What kind of revision, in AWS's word: `COMMIT_ID`.
    pub kind: String,
    /// The revision.
    pub value: String,
}

/// What CodePipeline answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "snake_case")]
pub enum Receipt {
    /// The transition was taken over.
    Changed,
    /// The execution is being stopped.
    Stopping,
    /// The execution was over already.
    AlreadyOver,
    /// An execution was started.
    Started {
        /// Its id.
        execution: String,
    },
    /// No execution was started; nothing depends on it.
    NotStarted {
        /// Why, in AWS's words.
        why: String,
    },
}

/// The longest reason of a stop, in characters (botocore, `StopPipelineExecutionReason`).
const LONGEST_STOP_REASON: usize = 200;

pub(super) async fn act(aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
    let client = &aws.writes().codepipeline;
    match what {
        Do::Disable { pipeline, stage, reason } => {
            let call = client.disable_stage_transition().pipeline_name(pipeline).stage_name(stage).reason(reason);
            let answer = call.transition_type(StageTransitionType::Inbound).send().await;
            let answer = answer.map_err(|e| AwsError::of("codepipeline", "DisableStageTransition", &e))?;
            Ok(Acted { receipt: Receipt::Changed, request_id: answer.request_id().map(str::to_owned) })
        }
        Do::Enable { pipeline, stage, .. } => {
            let call = client.enable_stage_transition().pipeline_name(pipeline).stage_name(stage);
            let answer = call.transition_type(StageTransitionType::Inbound).send().await;
            let answer = answer.map_err(|e| AwsError::of("codepipeline", "EnableStageTransition", &e))?;
            Ok(Acted { receipt: Receipt::Changed, request_id: answer.request_id().map(str::to_owned) })
        }
        Do::Stop { pipeline, execution, reason } => {
            let reason: String = reason.chars().take(LONGEST_STOP_REASON).collect();
            let call = client.stop_pipeline_execution().pipeline_name(pipeline).pipeline_execution_id(execution);
            let answer = call.abandon(false).reason(reason).send().await;
            match answer {
                Ok(answer) => {
                    Ok(Acted { receipt: Receipt::Stopping, request_id: answer.request_id().map(str::to_owned) })
                }
                Err(error) => settled(AwsError::of("codepipeline", "StopPipelineExecution", &error)),
            }
        }
        Do::Start { pipeline, revisions, token, .. } => {
            start(aws, pipeline, revisions, token.as_deref().unwrap_or(key)).await
        }
    }
}

/// Two refusals say that what was wanted is so: the execution is over, or is being stopped.
fn settled(error: AwsError) -> Result<Acted<Receipt>, AwsError> {
    let receipt = match error.code.as_deref() {
        Some("PipelineExecutionNotStoppableException") => Receipt::AlreadyOver,
        Some("DuplicatedStopRequestException") => Receipt::Stopping,
        _ => return Err(error),
    };
    Ok(Acted { receipt, request_id: error.request_id })
}

async fn start(aws: &Aws, pipeline: &str, revisions: &[Revision], token: &str) -> Result<Acted<Receipt>, AwsError> {
    let mut overrides = Vec::new();
    for revision in revisions {
        let made = SourceRevisionOverride::builder()
            .action_name(&revision.action)
            .revision_type(SourceRevisionType::from(revision.kind.as_str()))
            .revision_value(&revision.value)
            .build();
        overrides.extend(made.ok());
    }
    let call = aws.writes().codepipeline.start_pipeline_execution().name(pipeline).client_request_token(token);
    match call.set_source_revisions(Some(overrides)).send().await {
        Ok(answer) => {
            let execution = answer.pipeline_execution_id().unwrap_or_default().to_owned();
            Ok(Acted { receipt: Receipt::Started { execution }, request_id: answer.request_id().map(str::to_owned) })
        }
        Err(error) => {
            let error = AwsError::of("codepipeline", "StartPipelineExecution", &error);
            if error.effect() == Effect::Unknown || error.class.may_pass() {
                return Err(error);
            }
            let why = error.to_string();
            Ok(Acted { receipt: Receipt::NotStarted { why }, request_id: error.request_id })
        }
    }
}
