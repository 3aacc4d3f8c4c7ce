//! What Lambda's refusals mean, and what to do about them. Pure.

use crate::aws::AwsError;
use crate::incident::lambda::LambdaWork;
use crate::incident::step::{Failure, Finding};

/// A refusal of `error`, explained; `None` where AWS's words and the class of the error say enough.
pub fn explained(work: &LambdaWork, error: &AwsError) -> Option<Failure> {
    let function = work.function();
    let (why, advice) = match error.code.as_deref()? {
        "ResourceConflictException" => (
            format!("{function} is busy with another update."),
            "Nothing was changed. Retry when that is over; its own page in the AWS console shows it.",
        ),
        "PreconditionFailedException" => (
            format!("{function} was changed by somebody else in the moment in which Rollbot was to change it."),
            "Nothing was changed. Retry looks again and goes on from what is there.",
        ),
        "TooManyRequestsException" => (
            "Lambda takes no more requests from this account now.".to_owned(),
            "Nothing was changed. Retry in a minute.",
        ),
        "CodeStorageExceededException" => (
            "The account has no room for another copy of the code: all functions and layers together may have 75 GB."
                .to_owned(),
            "Delete versions that nobody needs any more, or ask AWS for more room, then Retry.",
        ),
        "RequestEntityTooLargeException" => (
            format!("The code of {function} is too large to be sent in a request."),
            "Deploy the earlier code from S3 by hand, then Retry: it looks at what runs.",
        ),
        "CodeVerificationFailedException" | "InvalidCodeSignatureException" | "CodeSigningConfigNotFoundException" => (
            format!("{function} takes signed code only, and this was not accepted as such."),
            "Deploy the earlier code with its signature by hand, then Retry: it looks at what runs.",
        ),
        "ResourceNotFoundException" => (
            format!("{function}, its alias or the version to go back to is not there any more."),
            "Stop, and ask for the rollback again: the plan is made from what there is now.",
        ),
        "InvalidParameterValueException" => invalid(function, &error.message),
        _ => return None,
    };
    let mut details = vec![error.to_string()];
    details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(Failure { why, details, finding: Finding::Wrong, advice: advice.to_owned(), remedies: Vec::new() })
}

/// One code for many complaints; the words tell them apart.
fn invalid(function: &str, message: &str) -> (String, &'static str) {
    let lower = message.to_lowercase();
    if lower.contains("runtime") && lower.contains("no longer supported") {
        (
            format!("Lambda does not take the runtime of the earlier version of {function} any more."),
            "Its code can be gone back to only with a newer runtime: deploy it so by hand, then Stop.",
        )
    } else if lower.contains("source image") || lower.contains("image manifest") || lower.contains("ecr") {
        (
            format!("The container image of the earlier version of {function} cannot be used any more."),
            "Put the image back into ECR, or ask for another version with `to <version>`.",
        )
    } else if lower.contains("kms") {
        (format!("The KMS key of {function} does not let Lambda use it."), "Correct the key or its policy, then Retry.")
    } else if lower.contains("role") {
        (
            format!("The role of the earlier version of {function} cannot be used any more."),
            "Put the role back, then Retry.",
        )
    } else {
        (format!("Lambda does not take the order for {function}."), "AWS's words say why. Correct it, then Retry.")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::aws::error::ErrorClass;
    use crate::incident::lambda::AliasFlip;

    #[rstest]
    #[case("ResourceConflictException", "An update is in progress", "busy with another update")]
    #[case("PreconditionFailedException", "The Revision Id provided does not match", "changed by somebody else")]
    #[case("TooManyRequestsException", "Rate exceeded", "takes no more requests")]
    #[case("CodeStorageExceededException", "Code storage limit exceeded.", "no room for another copy")]
    #[case("RequestEntityTooLargeException", "Too large", "too large to be sent")]
    #[case("InvalidCodeSignatureException", "The code signature failed", "signed code only")]
    #[case("ResourceNotFoundException", "Function not found", "not there any more")]
    #[case(
        "InvalidParameterValueException",
        "The runtime parameter of nodejs14.x is no longer supported for creating or updating AWS Lambda functions.",
        "does not take the runtime"
    )]
    #[case("InvalidParameterValueException", "Source image 1.dkr.ecr/x does not exist.", "container image")]
    #[case("InvalidParameterValueException", "Lambda was unable to configure access to KMS", "KMS key")]
    #[case("InvalidParameterValueException", "The role defined for the function cannot be assumed", "role")]
    #[case("InvalidParameterValueException", "Something else", "does not take the order")]
    fn c18_every_refusal_says_what_it_means(#[case] code: &str, #[case] message: &str, #[case] words: &str) {
        let work = LambdaWork::Alias(AliasFlip {
            function: "jobs".to_owned(),
            alias: "live".to_owned(),
            from: "3".to_owned(),
            to: "2".to_owned(),
        });
        let mut error = AwsError::local("lambda", "UpdateAlias", ErrorClass::Invalid, message);
        error.code = Some(code.to_owned());
        let failure = explained(&work, &error).expect("it is explained");
        assert!(
            failure.why.contains(words) && failure.details[0].contains(message.trim_end_matches('.')),
            "{failure:?}"
        );
        assert!(!failure.advice.is_empty());
    }
}
