//! What `CodeBuild`'s refusals mean, and what to do about them. Pure.

use crate::aws::AwsError;
use crate::incident::build::CommitBuild;
use crate::incident::step::{Failure, Finding};

/// A refusal of `error`, explained; `None` where AWS's words and the class of the error say enough.
pub fn explained(work: &CommitBuild, error: &AwsError) -> Option<Failure> {
    let project = &work.project;
    let (why, advice) = match error.code.as_deref()? {
        "ResourceNotFoundException" => (
            format!("There is no build project {project} any more."),
            "Correct `project` in rollbot.yml, then ask again.",
        ),
        "AccountLimitExceededException" => (
            "The account has as many builds under way as AWS allows.".to_owned(),
            "Stop some of them, or wait for them, then Retry.",
        ),
        "InvalidInputException" => {
            (format!("CodeBuild does not take the order to {project}."), "AWS's words say why. Correct it, then Retry.")
        }
        _ => return None,
    };
    let mut details = vec![error.to_string()];
    details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(Failure { why, details, finding: Finding::Wrong, advice: advice.to_owned(), remedies: Vec::new() })
}
