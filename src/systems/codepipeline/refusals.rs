//! What `CodePipeline`'s refusals mean, and what to do about them. Pure.

use crate::aws::AwsError;
use crate::incident::pipeline::{Fallback, PipelineStage};
use crate::incident::remedy::{Remedy, RemedyRight};
use crate::incident::step::{Failure, Finding};

/// The remedy that runs the pipeline again instead of rolling the stage back.
pub const RERUN: &str = "rerun";

/// The remedy, where the plan allows it.
pub fn remedies(work: &PipelineStage) -> Vec<Remedy> {
    match work.fallback {
        Fallback::None => Vec::new(),
        Fallback::Rerun => vec![Remedy {
            id: RERUN.to_owned(),
            label: "Run pipeline again".to_owned(),
            says: format!(
                "Runs {} again for the earlier commit (StartPipelineExecution): it is built and tested again, which takes \
                 longer.",
                work.pipeline
            ),
            right: RemedyRight::Approve,
            choices: Vec::new(),
        }],
    }
}

/// A refusal of `error`, explained; `None` where AWS's words and the class of the error say enough.
pub fn explained(work: &PipelineStage, error: &AwsError) -> Option<Failure> {
    let (pipeline, stage) = (&work.pipeline, &work.stage);
    let (why, advice) = match error.code.as_deref()? {
        "UnableToRollbackStageException" => (
            format!("AWS does not roll the stage {stage} of {pipeline} back."),
            "The pipeline was changed since, the stage is running, or the execution did not succeed in it: AWS's words say \
             which. Run the pipeline again for that commit, or Retry once the stage is free.",
        ),
        "PipelineExecutionOutdatedException" => (
            format!("The execution to go back to is too old for AWS to roll {stage} back to."),
            "Run the pipeline again for that commit, or stop and name a newer release.",
        ),
        "PipelineExecutionNotFoundException" => (
            format!("{pipeline} does not know the execution to go back to any more."),
            "Stop, and ask for the rollback again: the plan is made from what there is now.",
        ),
        "PipelineNotFoundException" => {
            (format!("There is no pipeline {pipeline} any more."), "Correct `pipeline` in rollbot.yml, then ask again.")
        }
        "StageNotFoundException" => {
            (format!("{pipeline} has no stage {stage} any more."), "Correct `stage` in rollbot.yml, then ask again.")
        }
        "ConflictException" => {
            (format!("{pipeline} is busy with something else."), "Retry in a moment; nothing was changed.")
        }
        "ConcurrentPipelineExecutionsLimitExceededException" => (
            format!("{pipeline} has as many executions under way as AWS allows."),
            "Stop some of them in the AWS console, then Retry.",
        ),
        _ => return None,
    };
    let mut details = vec![error.to_string()];
    details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(Failure { why, details, finding: Finding::Wrong, advice: advice.to_owned(), remedies: remedies(work) })
}
