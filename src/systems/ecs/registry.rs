//! Asks ECR whether images are still there, and what their tags stand for now.
//!
//! A new deployment resolves tags anew: a tag that was moved since would start another image than the one that ran, and
//! an image that is gone would start none.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{ImageIdentifier, ImageStatus};

use super::inventory::ImageState;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// An image in ECR, as a task definition names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrImage {
    /// The registry's account.
    pub account: String,
    /// The registry's region.
    pub region: String,
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
}

/// What ECR says of these images, and what could not be found out, as sentences. Images of other registries and regions
/// are passed over.
pub async fn look(aws: &Aws, images: &[String]) -> (BTreeMap<String, ImageState>, Vec<String>) {
    let own = aws.reads().ecr.config().region().map(ToString::to_string);
    let wanted: BTreeMap<&String, EcrImage> = images
        .iter()
        .filter_map(|image| Some((image, EcrImage::parse(image)?)))
        .filter(|(_, parsed)| Some(&parsed.region) == own.as_ref())
        .collect();
    let looks = wanted.into_iter().map(|(image, parsed)| async move { (image.clone(), state(aws, &parsed).await) });
    let mut states = BTreeMap::new();
    let mut unseen = Vec::new();
    for (image, state) in futures::future::join_all(looks).await {
        match state {
            Ok(state) => {
                states.insert(image, state);
            }
            Err(error) => unseen.push(format!("Whether {image} is still in ECR could not be checked: {error}.")),
        }
    }
    (states, unseen)
}

async fn state(aws: &Aws, image: &EcrImage) -> Result<ImageState, AwsError> {
    let id = ImageIdentifier::builder();
    let id = match &image.digest {
        Some(digest) => id.image_digest(digest),
        None => id.image_tag(image.tag.as_deref().unwrap_or("latest")),
    };
    let answer = aws
        .reads()
        .ecr
        .describe_images()
        .registry_id(&image.account)
        .repository_name(&image.repository)
        .image_ids(id.build())
        .send()
        .await
        .map_err(|error| AwsError::of("ecr", "DescribeImages", &error));
    let details = match answer {
        Ok(answer) => answer.image_details.unwrap_or_default(),
        Err(error) if error.class == ErrorClass::NotFound => {
            return Ok(ImageState::Gone { why: error.message });
        }
        Err(error) => return Err(error),
    };
    Ok(match details.into_iter().next() {
        Some(detail) if detail.image_status() == Some(&ImageStatus::Archived) => {
            ImageState::Gone { why: "it is archived and cannot be pulled".to_owned() }
        }
        Some(detail) => ImageState::There { digest: detail.image_digest.unwrap_or_default() },
        None => ImageState::Gone { why: "ECR does not list it".to_owned() },
    })
}

impl EcrImage {
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:<tag>][@<digest>]`; `None` for other registries.
    pub fn parse(image: &str) -> Option<Self> {
        let (host, rest) = image.split_once('/')?;
        let (account, host) = host.split_once(".dkr.ecr.")?;
        let (region, _) = host.split_once(".amazonaws.com")?;
        let (repository, tag, digest) = parts(rest);
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

/// An image's repository (with its registry, where named), tag and digest.
pub fn parts(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    // A colon before the last slash belongs to the registry's port.
    match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::tag("shop/api:v41", ("shop/api", Some("v41"), None))]
    #[case::digest("shop/api@sha256:ab", ("shop/api", None, Some("sha256:ab")))]
    #[case::both("shop/api:v41@sha256:ab", ("shop/api", Some("v41"), Some("sha256:ab")))]
    #[case::port("localhost:5000/api", ("localhost:5000/api", None, None))]
    #[case::port_and_tag("localhost:5000/api:v1", ("localhost:5000/api", Some("v1"), None))]
    fn an_image_has_parts(#[case] image: &str, #[case] expected: (&str, Option<&str>, Option<&str>)) {
        assert_eq!(parts(image), expected);
    }

    #[test]
    fn an_image_in_ecr_names_account_and_region() {
        let image = EcrImage::parse("123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/api:v41").unwrap();
        assert_eq!((image.account.as_str(), image.region.as_str()), ("123456789012", "eu-north-1"));
        assert_eq!((image.repository.as_str(), image.tag.as_deref()), ("shop/api", Some("v41")));
    }

    #[test]
    fn an_image_of_another_registry_is_not_in_ecr() {
        assert_eq!(EcrImage::parse("public.ecr.aws/nginx/nginx:1"), None);
        assert_eq!(EcrImage::parse("nginx"), None);
    }
}
