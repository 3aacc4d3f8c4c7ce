//! A portion of copies or deletions: many calls at once, each made one time.

use std::fmt::Write as _;

use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::types::{Delete as DeleteCall, ObjectIdentifier, ServerSideEncryption, StorageClass};
use aws_types::request_id::RequestId as _;
use futures::stream::{self, StreamExt as _};

use super::act::{Receipt, Undone};
use super::manifest::{Copy, Delete, Manifest};
use super::progress::places;
use crate::aws::clients::copy_timeouts;
use crate::aws::error::{Effect, ErrorClass};
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// How many copies are under way at once. S3 takes 3,500 writes a second under one prefix, and a copy takes some 30 ms: so
/// this is about half of what it takes, and leaves room for whoever else writes.
const AT_ONCE: usize = 64;
/// How many failures a receipt keeps in words.
const EXAMPLES: usize = 3;

/// Copies the places in `ranges`. What fails is in the receipt; the portion itself never does.
///
/// # Errors
/// None but for a manifest that has no such places.
pub async fn copy(aws: &Aws, manifest: &Manifest, ranges: &[(u32, u32)]) -> Result<Acted<Receipt>, AwsError> {
    let copies: Vec<Copy> = chosen(&manifest.copies, ranges, "CopyObject")?.into_iter().cloned().collect();
    let calls = copies.into_iter().map(|copy| async move {
        let answer = copy_one(aws, manifest, &copy).await;
        (copy.key, answer)
    });
    let answers: Vec<(String, Result<Option<String>, AwsError>)> =
        stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    let (mut done, mut undone, mut request_id) = (0_u32, Undone::default(), None);
    for (key, answer) in answers {
        match answer {
            Ok(id) => {
                done += 1;
                request_id = request_id.or(id);
            }
            Err(error) => note(&mut undone, &key, &error),
        }
    }
    Ok(Acted { receipt: Receipt::Objects { done, undone }, request_id })
}

/// Deletes the places in `ranges`: one call, whose answer says of each object what came of it.
///
/// # Errors
/// When the call itself was refused or lost.
pub async fn delete(aws: &Aws, manifest: &Manifest, ranges: &[(u32, u32)]) -> Result<Acted<Receipt>, AwsError> {
    let deletes = chosen(&manifest.deletes, ranges, "DeleteObjects")?;
    let unmade =
        |error: &dyn std::fmt::Display| AwsError::local("s3", "DeleteObjects", ErrorClass::Bug, error.to_string());
    let mut objects = Vec::with_capacity(deletes.len());
    for Delete { key, .. } in &deletes {
        let key = format!("{}{key}", manifest.live);
        objects.push(ObjectIdentifier::builder().key(key).build().map_err(|error| unmade(&error))?);
    }
    let call = DeleteCall::builder().set_objects(Some(objects)).quiet(true).build().map_err(|error| unmade(&error))?;
    let answer = aws.writes().s3.delete_objects().bucket(&manifest.bucket).delete(call).send().await;
    let answer = answer.map_err(|error| AwsError::of("s3", "DeleteObjects", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let mut undone = Undone::default();
    for error in answer.errors.unwrap_or_default() {
        let code = error.code.unwrap_or_default();
        let class = ErrorClass::of_code(&code).unwrap_or(ErrorClass::Transient);
        let message = error.message.unwrap_or_default();
        let mut failed = AwsError::local("s3", "DeleteObjects", class, message);
        failed.code = Some(code);
        note(&mut undone, &error.key.unwrap_or_default(), &failed);
    }
    let all = u32::try_from(deletes.len()).unwrap_or(u32::MAX);
    let done = all.saturating_sub(undone.passing).saturating_sub(undone.refused);
    Ok(Acted { receipt: Receipt::Objects { done, undone }, request_id })
}

fn chosen<'m, T>(all: &'m [T], ranges: &[(u32, u32)], operation: &'static str) -> Result<Vec<&'m T>, AwsError> {
    let places = places(ranges).map(|place| usize::try_from(place).ok().and_then(|place| all.get(place)));
    places.collect::<Option<Vec<&T>>>().ok_or_else(|| {
        let message = "what was to be done is not in the list that was approved";
        AwsError::local("s3", operation, ErrorClass::Bug, message)
    })
}

async fn copy_one(aws: &Aws, manifest: &Manifest, copy: &Copy) -> Result<Option<String>, AwsError> {
    let source = format!("{}/{}", manifest.bucket, encoded(&format!("{}{}", manifest.source, copy.key)));
    let source = match &copy.version {
        Some(version) => format!("{source}?versionId={}", encoded(version)),
        None => source,
    };
    let mut call = aws
        .writes()
        .s3
        .copy_object()
        .bucket(&manifest.bucket)
        .key(format!("{}{}", manifest.live, copy.key))
        .copy_source(source)
        .copy_source_if_match(format!("\"{}\"", copy.etag))
        .set_storage_class(copy.class.as_deref().map(StorageClass::from))
        .set_website_redirect_location(copy.redirect.clone());
    if let Some(seal) = manifest.seal_of(copy) {
        let algorithm = ServerSideEncryption::from(seal.algorithm.as_str());
        call = call.server_side_encryption(algorithm).set_ssekms_key_id(seal.key.clone());
    }
    // While it copies something large, S3 sends next to nothing: how long that may take is what the time-outs are for.
    let patience = Builder::new()
        .timeout_config(copy_timeouts(copy.size))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let call = call.customize().config_override(patience);
    let answer = Box::pin(call.send()).await.map_err(|error| AwsError::of("s3", "CopyObject", &error))?;
    // S3 may find out that a copy fails after it has begun to answer 200; such an answer has no result.
    if answer.copy_object_result.is_none() {
        let message = "S3 began to answer and did not say that it is copied";
        return Err(AwsError::local("s3", "CopyObject", ErrorClass::Transient, message));
    }
    Ok(answer.request_id().map(str::to_owned))
}

fn note(undone: &mut Undone, key: &str, error: &AwsError) {
    // A conflict is another write to the same key in this moment.
    let passes = error.class.may_pass() || error.class == ErrorClass::Conflict || error.effect() == Effect::Unknown;
    if passes && error.code.as_deref() != Some("PreconditionFailed") {
        undone.passing += 1;
    } else {
        undone.refused += 1;
        undone.code = undone.code.take().or_else(|| error.code.clone());
    }
    if undone.examples.len() < EXAMPLES {
        undone.examples.push(format!("{key}: {error}"));
    }
}

/// A key as the header `x-amz-copy-source` takes it: everything but letters, digits, `-`, `_`, `.`, `~` and `/` is written
/// as `%` and two digits.
fn encoded(key: &str) -> String {
    let mut written = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            written.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_a_header_takes_them() {
        assert_eq!(encoded("releases/41/ä b+c?.html"), "releases/41/%C3%A4%20b%2Bc%3F.html");
    }

    #[test]
    fn what_may_pass_is_told_from_what_is_refused() {
        let mut undone = Undone::default();
        let failed = |code: &str, class| {
            let mut error = AwsError::local("s3", "CopyObject", class, "AWS's words");
            error.code = Some(code.to_owned());
            error
        };
        note(&mut undone, "a.js", &failed("SlowDown", ErrorClass::Throttled));
        note(&mut undone, "b.js", &failed("AccessDenied", ErrorClass::Denied));
        note(&mut undone, "c.js", &failed("PreconditionFailed", ErrorClass::Conflict));
        assert_eq!((undone.passing, undone.refused, undone.code.as_deref()), (1, 2, Some("AccessDenied")));
        assert_eq!(undone.examples.len(), 3);
    }
}
