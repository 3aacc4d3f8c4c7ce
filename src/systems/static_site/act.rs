//! `CopyObject`, `DeleteObjects`, `UpdateDistribution` and `CreateInvalidation`, with one attempt each.
//!
//! An act may be a portion of many calls. Each of its calls is made once; what did not succeed is in the receipt, and the
//! next look decides what is done about it. A copy names the `ETag` of what it copies, so it can only do what was
//! approved, however often.

use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use super::copying;
use super::manifest::Manifest;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::site::SiteWork;
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `CopyObject` of a portion of the manifest's copies.
    CopyObject {
        /// Which: from a place to before another.
        ranges: Vec<(u32, u32)>,
        /// What people read meanwhile.
        progress: String,
    },
    /// `DeleteObjects` of a portion of the manifest's deletions.
    DeleteObjects {
        /// Which: from a place to before another.
        ranges: Vec<(u32, u32)>,
        /// What people read meanwhile.
        progress: String,
    },
    /// `UpdateDistribution` with another origin path and otherwise as it is.
    UpdateDistribution {
        /// The `ETag` of the configuration that was looked at.
        if_match: String,
        /// The origin's id.
        origin: String,
        /// The path that it shall have.
        path: String,
    },
    /// `CreateInvalidation`.
    CreateInvalidation {
        /// The paths.
        paths: Vec<String>,
        /// `CallerReference`: the same one with the same paths is the same invalidation.
        reference: String,
    },
}

/// What AWS answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Receipt {
    /// Objects were copied or deleted.
    Objects {
        /// How many.
        done: u32,
        /// What did not succeed.
        #[serde(default, skip_serializing_if = "Undone::is_nothing")]
        undone: Undone,
    },
    /// The distribution was changed.
    Updated {
        /// The `ETag` of its configuration now.
        etag: String,
    },
    /// An invalidation was ordered.
    Invalidated {
        /// Its id.
        id: String,
    },
}

/// What did not succeed of a portion.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Undone {
    /// How many objects failed in a way that may pass: throttled, no answer.
    pub passing: u32,
    /// How many were refused.
    pub refused: u32,
    /// AWS's code of the first refusal: `AccessDenied`.
    pub code: Option<String>,
    /// The first failures, each with its key, in AWS's words.
    pub examples: Vec<String>,
}

impl Undone {
    /// Whether everything succeeded.
    pub fn is_nothing(&self) -> bool {
        self.passing == 0 && self.refused == 0
    }
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(
    aws: &Aws,
    work: &SiteWork,
    manifest: Option<&Manifest>,
    what: &Do,
) -> Result<Acted<Receipt>, AwsError> {
    match what {
        Do::CopyObject { ranges, .. } => copying::copy(aws, needed(manifest)?, ranges).await,
        Do::DeleteObjects { ranges, .. } => copying::delete(aws, needed(manifest)?, ranges).await,
        Do::UpdateDistribution { if_match, origin, path } => {
            Box::pin(update(aws, &work.distribution, if_match, origin, path)).await
        }
        Do::CreateInvalidation { paths, reference } => {
            Box::pin(invalidate(aws, &work.distribution, paths, reference)).await
        }
    }
}

/// The manifest, which a step that copies needs.
///
/// # Errors
/// Where the store does not have it any more.
pub fn needed(manifest: Option<&Manifest>) -> Result<&Manifest, AwsError> {
    manifest.ok_or_else(|| {
        let message = "the list of objects that was approved is not in Rollbot's store any more. Stop, then ask again";
        AwsError::local("rollbot", "Manifest", ErrorClass::Bug, message)
    })
}

async fn update(
    aws: &Aws,
    distribution: &str,
    if_match: &str,
    origin: &str,
    path: &str,
) -> Result<Acted<Receipt>, AwsError> {
    let call = aws.reads().cloudfront.get_distribution_config().id(distribution);
    let answer = call.send().await;
    let answer =
        answer.map_err(|error| AwsError::of("cloudfront", "GetDistributionConfig", &error).without_effect())?;
    let changed = |message: String| {
        let mut error = AwsError::local("cloudfront", "UpdateDistribution", ErrorClass::Conflict, message);
        error.code = Some("PreconditionFailed".to_owned());
        error
    };
    if answer.e_tag.as_deref() != Some(if_match) {
        return Err(changed("the distribution was changed in this moment".to_owned()));
    }
    let Some(mut config) = answer.distribution_config else {
        return Err(changed("the distribution has no configuration".to_owned()));
    };
    let origins = config.origins.iter_mut().flat_map(|origins| origins.items.iter_mut());
    let Some(found) = origins.into_iter().find(|found| found.id == origin) else {
        return Err(changed(format!("the distribution has no origin {origin} any more")));
    };
    found.origin_path = Some(path.to_owned());
    let call = aws.writes().cloudfront.update_distribution().id(distribution).if_match(if_match);
    let answer = call.distribution_config(config).send().await;
    let answer = answer.map_err(|error| AwsError::of("cloudfront", "UpdateDistribution", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    Ok(Acted { receipt: Receipt::Updated { etag: answer.e_tag.unwrap_or_default() }, request_id })
}

async fn invalidate(
    aws: &Aws,
    distribution: &str,
    paths: &[String],
    reference: &str,
) -> Result<Acted<Receipt>, AwsError> {
    let unmade = |error: &dyn std::fmt::Display| {
        AwsError::local("cloudfront", "CreateInvalidation", ErrorClass::Bug, error.to_string())
    };
    let quantity = i32::try_from(paths.len()).unwrap_or(i32::MAX);
    let paths = Paths::builder().quantity(quantity).set_items(Some(paths.to_vec())).build();
    let batch = InvalidationBatch::builder()
        .paths(paths.map_err(|error| unmade(&error))?)
        .caller_reference(reference)
        .build()
        .map_err(|error| unmade(&error))?;
    let call = aws.writes().cloudfront.create_invalidation().distribution_id(distribution);
    let answer = call.invalidation_batch(batch).send().await;
    let answer = answer.map_err(|error| AwsError::of("cloudfront", "CreateInvalidation", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let id = answer.invalidation.map(|invalidation| invalidation.id).unwrap_or_default();
    Ok(Acted { receipt: Receipt::Invalidated { id }, request_id })
}
