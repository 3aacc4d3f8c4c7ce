//! What Amplify's refusals mean, and what to do about them. Pure.

use crate::aws::AwsError;
use crate::incident::step::{Failure, Finding};

/// A refusal of `error`, explained; `None` where AWS's words and the class of the error say enough.
pub fn explained(error: &AwsError) -> Option<Failure> {
    let said = |words: &str| error.message.to_lowercase().contains(words);
    let (why, advice) = match error.code.as_deref()? {
        "BadRequestException" if said("connected a repository") || said("connected to a repository") => (
            "The app is connected to a repository, and Amplify deploys nothing else to it.",
            "It was not when the plan was made. Stop, and ask again: the new plan has the commit built again.",
        ),
        "BadRequestException" => (
            "Amplify does not take the order.",
            "AWS's words say why. Correct that in the Amplify console, then Retry.",
        ),
        "NotFoundException" => (
            "Amplify does not know the app, the branch or the job any more.",
            "Look in the Amplify console whether one was deleted. Stop, correct rollbot.yml if need be, and ask again.",
        ),
        "UnauthorizedException" => {
            ("Amplify does not let Rollbot in.", "Give Rollbot's role this permission, then Retry.")
        }
        "LimitExceededException" => (
            "Amplify has another job open on this branch, or the account has reached a limit.",
            "Stop the other job in the Amplify console, or wait for it, then Retry.",
        ),
        "DependentServiceFailureException" => (
            "Amplify could not do it, because a service that it needs failed.",
            "Look at AWS's health page. Retry tries again.",
        ),
        "InternalFailureException" => {
            ("Amplify failed on its own side.", "Look at AWS's health page. Retry tries again.")
        }
        _ => return None,
    };
    let mut details = vec![error.to_string()];
    details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(Failure {
        why: why.to_owned(),
        details,
        finding: Finding::Wrong,
        advice: advice.to_owned(),
        remedies: Vec::new(),
    })
}
