//! What comes of a story, and whether it comes of it elsewhere too.

use std::fmt::Debug;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// What came of each step of a story.
pub(crate) type Outcomes = Vec<(&'static str, String)>;

/// Both stories came out alike, but for the steps that are named with a reason.
pub(crate) fn alike(ours: &Outcomes, theirs: &Outcomes, wrong_there: &[(&str, &str)]) {
    let mut differ = Vec::new();
    assert_eq!(ours.len(), theirs.len());
    for ((step, ours), (_, theirs)) in ours.iter().zip(theirs) {
        let reason = wrong_there.iter().find(|(named, _)| named == step);
        if (ours == theirs) == reason.is_some() {
            differ.push(format!("{step}\n  ours:   {ours}\n  theirs: {theirs}\n  {reason:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The code of a refusal, or the status where the reply has no body.
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(
    outcome: Result<T, SdkError<E, aws_smithy_runtime_api::http::Response>>,
) -> String {
    match outcome {
        Ok(taken) => format!("taken: {taken:?}"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            format!("{status} {}", error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default())
        }
    }
}
