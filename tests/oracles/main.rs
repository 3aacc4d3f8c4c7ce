//! moto and MiniStack beside the stand-in: the same calls to S3, CloudFront and Lambda, and the same
//! outcomes.
//!
//! Rollbot's own stand-in and Rollbot come from one house and could be wrong alike; these two could not. They need a
//! Python with `tests/ministack/requirements.txt`: the one that `ROLLBOT_TEST_MINISTACK` names, else
//! `target/ministack/bin/python`. Where there is none the tests say so on stderr and pass; `.ci/run` makes one.
//!
//! Where one of them is known to be wrong, the step is named with why; a step that is named so and does not differ any
//! more fails the test, so the list stays true. moto's CloudFront is left out: it ignores `If-Match`, and its
//! invalidations are `COMPLETED`, which AWS does not have.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests")]

mod cloudfront;
mod lambda;
mod outcomes;
mod s3;
mod stand_ins;

use cloudfront::{cloudfront_story, distribution};
use lambda::{function, lambda_story};
use outcomes::alike;
use s3::s3_story;
use stand_ins::{OURS, Other, ours, python};
use tokio_util::sync::CancellationToken;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html> on the versions of a source.
const MARKER: &str = "AWS answers 400 where the version of the source is a delete marker";

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_as_moto_has_it() {
    let Some(python) = python().await else { return };
    let stop = CancellationToken::new();
    let (ours, moto) = (ours(&stop).await, Other::moto(&python).await);
    let root = "the root of its reply is GetBucketVersioningResponse, which the SDK does not read";
    let wrong_there = [
        ("versioning before", root),
        ("versioning", root),
        ("marker removed", "AWS says in the reply that what was removed is a delete marker"),
        ("source does not match", "it does not look at x-amz-copy-source-if-match"),
        ("copy of a marker", MARKER),
        ("deletion of nothing", "AWS leaves a delete marker for a key that was never there"),
    ];
    alike(&s3_story(&ours).await, &s3_story(&moto.config).await, &wrong_there);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_as_ministack_has_it() {
    let Some(python) = python().await else { return };
    let stop = CancellationToken::new();
    let (ours, ministack) = (ours(&stop).await, Other::ministack(&python).await);
    let wrong_there = [
        ("metadata replaced", "it keeps the content encoding of the source where a copy has metadata of its own"),
        ("copy onto itself", "it takes a copy that changes nothing"),
        ("copy of a marker", MARKER),
    ];
    alike(&s3_story(&ours).await, &s3_story(&ministack.config).await, &wrong_there);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudfront_is_as_ministack_has_it() {
    let Some(python) = python().await else { return };
    let stop = CancellationToken::new();
    let (ours, ministack) = (ours(&stop).await, Other::ministack(&python).await);
    let theirs = distribution(&ministack.config).await;
    let seen = Box::pin(cloudfront_story(&ours, OURS)).await;
    alike(&seen, &Box::pin(cloudfront_story(&ministack.config, &theirs)).await, &[]);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_is_as_ministack_has_it() {
    let Some(python) = python().await else { return };
    let stop = CancellationToken::new();
    let (ours, ministack) = (ours(&stop).await, Other::ministack(&python).await);
    function(&ministack.config, &python).await;
    let wrong_there = [
        ("to a version that is not there", "AWS has no alias of a version that is not there"),
        ("aliases of version 2", "it does not look at FunctionVersion"),
        ("the code is that of version 1", "it hands the code of $LATEST out, whatever the version"),
        ("no policy", "AWS answers 404 where nothing was ever permitted"),
    ];
    let seen = Box::pin(lambda_story(&ours)).await;
    alike(&seen, &Box::pin(lambda_story(&ministack.config)).await, &wrong_there);
    stop.cancel();
}
