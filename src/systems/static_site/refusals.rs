//! What refusals of S3 and `CloudFront` mean, and what to do about them. Pure.

use super::act::{Do, Undone};
use super::manifest::Manifest;
use crate::aws::AwsError;
use crate::incident::site::{SiteWork, number};
use crate::incident::step::{Failure, Finding};

/// A refusal of `error`, explained; `None` where AWS's words and the class of the error say enough.
pub fn explained(work: &SiteWork, error: &AwsError) -> Option<Failure> {
    let distribution = &work.distribution;
    let (why, advice) = match error.code.as_deref()? {
        "PreconditionFailed" | "InvalidIfMatchVersion" => (
            format!(
                "The distribution {distribution} is changed by somebody else again and again, so the switch does not get in."
            ),
            "Find out who changes it (a pipeline, Terraform) and hold that back, then Retry.",
        ),
        "TooManyInvalidationsInProgress" => (
            format!("{distribution} has as many invalidations under way as CloudFront takes."),
            "They are completed within minutes; then Retry. Everything else is in its place.",
        ),
        "BatchTooLarge" => (
            "CloudFront does not take as many paths in one invalidation.".to_owned(),
            "Write fewer under `invalidate`, for example [\"/*\"], then Stop and ask again.",
        ),
        "InvalidationBatchAlreadyExists" => (
            "CloudFront has an invalidation of this name with other paths.".to_owned(),
            "Retry orders one under another name.",
        ),
        "NoSuchDistribution" => (
            format!("There is no distribution {distribution} in this account."),
            "Correct `distribution` in rollbot.yml, then Stop and ask again.",
        ),
        "NoSuchBucket" => (
            format!("There is no bucket {} any more.", work.bucket),
            "Correct `bucket` in rollbot.yml, then Stop and ask again.",
        ),
        "NoSuchKey" | "NoSuchVersion" => (
            "A part of the release is not there any more.".to_owned(),
            "Look whether a lifecycle rule removes builds, and name another release.",
        ),
        "AccessDenied" | "AccessDeniedException" => (
            format!("Rollbot may not do this ({}).", permission(error.service, error.operation)),
            "Give Rollbot's role this permission, then Retry: what is there already is not done again.",
        ),
        _ => return None,
    };
    let mut failure = failure(why, Finding::Wrong, advice);
    failure.details.push(error.to_string());
    failure.details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(failure)
}

fn permission(service: &str, operation: &str) -> String {
    match (service, operation) {
        // S3 has no permission of its own for copies and lists.
        ("s3", "CopyObject") => "s3:GetObject on the build and s3:PutObject on the live site".to_owned(),
        ("s3", "DeleteObjects") => "s3:DeleteObject".to_owned(),
        (service, operation) => format!("{service}:{operation}"),
    }
}

/// Why a portion is not tried again.
pub fn of_undone(manifest: &Manifest, what: &Do, undone: &Undone) -> Failure {
    let (verb, operation) = match what {
        Do::CopyObject { .. } => ("copied", "CopyObject"),
        Do::DeleteObjects { .. } => ("deleted", "DeleteObjects"),
        Do::UpdateDistribution { .. } => ("changed", "UpdateDistribution"),
        Do::CreateInvalidation { .. } => ("invalidated", "CreateInvalidation"),
    };
    let failed = u64::from(undone.refused) + u64::from(undone.passing);
    let noun = if failed == 1 { "object" } else { "objects" };
    let (why, advice) = match undone.code.as_deref() {
        None => ("S3 does not answer or throttles".to_owned(), "Retry goes on with what is left."),
        Some("AccessDenied") => (
            format!("Rollbot may not do it ({})", permission("s3", operation)),
            "Give Rollbot's role this permission, then Retry: what is there already is not done again.",
        ),
        Some("PreconditionFailed" | "NoSuchKey" | "NoSuchVersion") => (
            format!("{} was changed since the plan was made", place(manifest)),
            "A build must not change. Stop, then ask again, and name another release if this one is not whole.",
        ),
        Some("InvalidObjectState") => {
            (format!("{} is archived", place(manifest)), "Restore it in S3, or Stop and name another release.")
        }
        Some(code) => (format!("AWS refuses it ({code})"), "Retry goes on with what is left."),
    };
    let mut failure = failure(format!("{} {noun} could not be {verb}: {why}.", number(failed)), Finding::Wrong, advice);
    failure.details.clone_from(&undone.examples);
    failure
}

fn place(manifest: &Manifest) -> String {
    if manifest.source == manifest.live { "what is to be brought back".to_owned() } else { manifest.source.clone() }
}

/// A failure in these words.
pub fn failure(why: String, finding: Finding, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() }
}
