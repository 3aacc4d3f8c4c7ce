//! Looks at a distribution and its invalidations. Reads only.

use aws_sdk_cloudfront::types::{DistributionConfig, OriginGroups};
use jiff::Timestamp;

use super::inventory::{Distribution, Enabled, Origin};
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// How many invalidations are looked at, newest first: ours, or the one before it, is among them.
const NEWEST: usize = 10;

/// An invalidation as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenInvalidation {
    /// Its id.
    pub id: String,
    /// `InProgress` or `Completed`.
    pub status: String,
    /// When it was ordered.
    pub at: Option<Timestamp>,
    /// Its paths.
    pub paths: Vec<String>,
    /// What whoever ordered it called it.
    pub reference: String,
}

impl SeenInvalidation {
    /// Whether every place of `CloudFront` has forgotten the paths.
    pub fn is_completed(&self) -> bool {
        self.status == "Completed"
    }
}

/// A distribution as it is now.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such distribution.
pub async fn look(aws: &Aws, id: &str) -> Result<Distribution, AwsError> {
    let answer = Box::pin(aws.reads().cloudfront.get_distribution().id(id).send()).await;
    let answer = answer.map_err(|error| explained(id, AwsError::of("cloudfront", "GetDistribution", &error)))?;
    let found = answer.distribution.ok_or_else(|| {
        let message = format!("the answer about the distribution {id} is empty");
        AwsError::local("cloudfront", "GetDistribution", ErrorClass::Transient, message)
    })?;
    let config = found.distribution_config;
    let origins = config.as_ref().and_then(|config| config.origins.as_ref()).map(|origins| origins.items.as_slice());
    let aliases = config.as_ref().and_then(|config| config.aliases.as_ref()?.items.clone()).unwrap_or_default();
    Ok(Distribution {
        arn: found.arn,
        etag: answer.e_tag.unwrap_or_default(),
        status: found.status,
        enabled: if config.as_ref().is_none_or(|config| config.enabled) { Enabled::Yes } else { Enabled::No },
        names: aliases.into_iter().chain(std::iter::once(found.domain_name)).collect(),
        origins: origins
            .unwrap_or_default()
            .iter()
            .map(|origin| Origin {
                id: origin.id.clone(),
                path: origin.origin_path.clone().unwrap_or_default(),
                host: origin.domain_name.clone(),
            })
            .collect(),
        default: config.as_ref().and_then(default_origin),
        root: config.and_then(|config| config.default_root_object).filter(|root| !root.is_empty()),
        changed_at: timestamp(found.last_modified_time),
    })
}

/// The id of the origin of what no other behaviour is for: of a group, the first, which is asked before the others.
fn default_origin(config: &DistributionConfig) -> Option<String> {
    let target = &config.default_cache_behavior.as_ref()?.target_origin_id;
    let groups = config.origin_groups.as_ref().map(OriginGroups::items).unwrap_or_default();
    let members = groups.iter().find(|group| group.id == *target).and_then(|group| group.members.as_ref());
    let first = members.and_then(|members| members.items.first()).map(|member| &member.origin_id);
    Some(first.unwrap_or(target).clone())
}

fn explained(id: &str, mut error: AwsError) -> AwsError {
    if error.code.as_deref() != Some("NoSuchDistribution") {
        return error;
    }
    let message = format!("there is no distribution {id} in this account. Correct `distribution` in rollbot.yml");
    error.message = message;
    error
}

/// An invalidation by its id; `None` where there is none such.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn invalidation(aws: &Aws, distribution: &str, id: &str) -> Result<Option<SeenInvalidation>, AwsError> {
    let call = aws.reads().cloudfront.get_invalidation().distribution_id(distribution).id(id);
    let answer = match call.send().await.map_err(|error| AwsError::of("cloudfront", "GetInvalidation", &error)) {
        Ok(answer) => answer,
        Err(error) if error.code.as_deref() == Some("NoSuchInvalidation") => return Ok(None),
        Err(error) => return Err(error),
    };
    let seen = answer.invalidation.map(|found| {
        let batch = found.invalidation_batch;
        SeenInvalidation {
            id: found.id,
            status: found.status,
            at: timestamp(found.create_time),
            paths: batch.as_ref().and_then(|batch| batch.paths.as_ref()?.items.clone()).unwrap_or_default(),
            reference: batch.map(|batch| batch.caller_reference).unwrap_or_default(),
        }
    });
    Ok(seen)
}

/// The newest invalidations, as far as `keep` wants them, newest first.
async fn newest(
    aws: &Aws,
    distribution: &str,
    keep: impl Fn(Option<Timestamp>, &str) -> bool,
) -> Result<Vec<String>, AwsError> {
    let most = i32::try_from(NEWEST).unwrap_or(i32::MAX);
    let call = aws.reads().cloudfront.list_invalidations().distribution_id(distribution).max_items(most);
    let answer = call.send().await.map_err(|error| AwsError::of("cloudfront", "ListInvalidations", &error))?;
    let items = answer.invalidation_list.and_then(|list| list.items).unwrap_or_default().into_iter();
    let kept = items.filter(|item| keep(timestamp(item.create_time), &item.status));
    Ok(kept.map(|item| item.id).take(NEWEST).collect())
}

/// The invalidation that was ordered under `reference` at `earliest` or later; `None` where there is none such.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn invalidation_by_reference(
    aws: &Aws,
    distribution: &str,
    reference: &str,
    earliest: Timestamp,
) -> Result<Option<SeenInvalidation>, AwsError> {
    let recent = newest(aws, distribution, |at, _| at.is_none_or(|at| at >= earliest)).await?;
    for id in recent {
        let seen = invalidation(aws, distribution, &id).await?;
        if let Some(seen) = seen.filter(|seen| seen.reference == reference) {
            return Ok(Some(seen));
        }
    }
    Ok(None)
}

/// When the newest completed invalidation of all of `paths` was ordered, as far as `CloudFront` remembers.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn invalidated_at(aws: &Aws, distribution: &str, paths: &[String]) -> Result<Option<Timestamp>, AwsError> {
    let completed = newest(aws, distribution, |_, status| status == "Completed").await?;
    for id in completed {
        let seen = invalidation(aws, distribution, &id).await?;
        let covers = |seen: &SeenInvalidation| {
            let has = |path: &String| seen.paths.contains(path) || seen.paths.iter().any(|of| of == "/*");
            paths.iter().all(has)
        };
        if let Some(seen) = seen.filter(covers) {
            return Ok(seen.at);
        }
    }
    Ok(None)
}
