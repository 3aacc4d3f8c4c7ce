//! Asks ECR whether images are still there, and what their tags stand for now.
//!
//! A new deployment resolves tags anew: a tag that was moved since would start another image than the one that ran, and
//! an image that is gone would start none. An index of several platforms and the image of one of them are the same
//! image: ECS records now the one digest, now the other.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier, ImageStatus};

use super::inventory::ImageState;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// The manifests that list the images of several platforms.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// How many images `DescribeImages` takes at once.
const AT_ONCE: usize = 100;

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
    let looks =
        own(aws, images).into_iter().map(|(image, parsed)| async move { (image.clone(), state(aws, &parsed).await) });
    let mut states = BTreeMap::new();
    let mut unseen = Vec::new();
    for (image, state) in futures::future::join_all(looks).await {
        match state {
            Ok(state) => {
                states.insert(image, state);
            }
            Err(error) => unseen.push(format!("{} could not be checked: {error}.", whether(&image))),
        }
    }
    (states, unseen)
}

/// What was not checked of an image that nothing is known of, as a sentence; `None` where `unseen` says so already.
/// `region` is the account's own. Pure.
pub fn unchecked(image: &str, region: Option<&str>, unseen: &[String]) -> Option<String> {
    let whether = whether(image);
    if unseen.iter().any(|said| said.starts_with(&whether)) {
        return None;
    }
    Some(match EcrImage::parse(image) {
        None => format!("Whether {image} can still be pulled was not checked: it is not in ECR."),
        Some(parsed) if Some(parsed.region.as_str()) != region => {
            format!("{whether} was not checked: it is in {}.", parsed.region)
        }
        Some(_) => format!("{whether} was not checked."),
    })
}

/// How a sentence begins that tells of an image's being there.
fn whether(image: &str) -> String {
    format!("Whether {image} is still in ECR")
}

/// Every tag of these images, by digest: an image is often tagged with its commit too, while the task definition names
/// it otherwise. What is gone, or may not be seen, is left out.
///
/// # Errors
/// When ECR does not answer now: a tag must not count as unknown because of that.
pub async fn tags(aws: &Aws, images: &[String]) -> Result<BTreeMap<String, Vec<String>>, AwsError> {
    let mut repositories: BTreeMap<(String, String), Vec<EcrImage>> = BTreeMap::new();
    for image in own(aws, images).into_values() {
        repositories.entry((image.account.clone(), image.repository.clone())).or_default().push(image);
    }
    let batches = repositories.into_values().flat_map(|mut images| {
        let mut batches = Vec::new();
        while !images.is_empty() {
            let rest = images.split_off(images.len().min(AT_ONCE));
            batches.push(std::mem::replace(&mut images, rest));
        }
        batches
    });
    let looks = batches.map(|images| async move { tags_of(aws, &images).await });
    let mut tags = BTreeMap::new();
    for told in futures::future::try_join_all(looks).await? {
        tags.extend(
            told.into_iter().filter_map(|detail| Some((detail.image_digest?, detail.image_tags.unwrap_or_default()))),
        );
    }
    Ok(tags)
}

/// What ECR says of images of one repository. One that is gone makes it refuse them all; then each is asked for alone.
async fn tags_of(aws: &Aws, images: &[EcrImage]) -> Result<Vec<ImageDetail>, AwsError> {
    let passing = |error: &AwsError| matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled);
    match details(aws, images).await {
        Ok(details) => return Ok(details),
        Err(error) if passing(&error) => return Err(error),
        Err(error) if error.class != ErrorClass::NotFound || images.len() == 1 => return Ok(Vec::new()),
        Err(_gone) => {}
    }
    let looks = images.iter().map(|image| details(aws, std::slice::from_ref(image)));
    let mut all = Vec::new();
    for told in futures::future::join_all(looks).await {
        match told {
            Ok(details) => all.extend(details),
            Err(error) if passing(&error) => return Err(error),
            Err(_gone) => {}
        }
    }
    Ok(all)
}

/// The images in ECR in the account's own region.
fn own<'a>(aws: &Aws, images: &'a [String]) -> BTreeMap<&'a String, EcrImage> {
    let own = aws.reads().ecr.config().region().map(ToString::to_string);
    images
        .iter()
        .filter_map(|image| Some((image, EcrImage::parse(image)?)))
        .filter(|(_, parsed)| Some(&parsed.region) == own.as_ref())
        .collect()
}

/// Details of at most a hundred images of one repository.
async fn details(aws: &Aws, images: &[EcrImage]) -> Result<Vec<ImageDetail>, AwsError> {
    let Some(first) = images.first() else { return Ok(Vec::new()) };
    let id = |image: &EcrImage| match &image.digest {
        Some(digest) => ImageIdentifier::builder().image_digest(digest).build(),
        None => ImageIdentifier::builder().image_tag(image.tag.as_deref().unwrap_or("latest")).build(),
    };
    let answer = aws
        .reads()
        .ecr
        .describe_images()
        .registry_id(&first.account)
        .repository_name(&first.repository)
        .set_image_ids(Some(images.iter().map(id).collect()))
        .send()
        .await
        .map_err(|error| AwsError::of("ecr", "DescribeImages", &error))?;
    Ok(answer.image_details.unwrap_or_default())
}

async fn state(aws: &Aws, image: &EcrImage) -> Result<ImageState, AwsError> {
    let details = match details(aws, std::slice::from_ref(image)).await {
        Ok(details) => details,
        Err(error) if error.class == ErrorClass::NotFound => {
            return Ok(ImageState::Gone { why: error.message });
        }
        Err(error) => return Err(error),
    };
    Ok(match details.into_iter().next() {
        Some(detail) if detail.image_status() == Some(&ImageStatus::Archived) => {
            ImageState::Gone { why: "it is archived and cannot be pulled".to_owned() }
        }
        Some(detail) => {
            let platforms = match detail.image_manifest_media_type() {
                Some(kind) if INDEXES.contains(&kind) => platforms(aws, image, detail.image_digest()).await?,
                _ => Vec::new(),
            };
            ImageState::There {
                digest: detail.image_digest.unwrap_or_default(),
                platforms,
                tags: detail.image_tags.unwrap_or_default(),
            }
        }
        None => ImageState::Gone { why: "ECR does not list it".to_owned() },
    })
}

/// The digests that an index lists.
async fn platforms(aws: &Aws, image: &EcrImage, digest: Option<&str>) -> Result<Vec<String>, AwsError> {
    let id = ImageIdentifier::builder().set_image_digest(digest.map(str::to_owned)).build();
    let answer = aws
        .reads()
        .ecr
        .batch_get_image()
        .registry_id(&image.account)
        .repository_name(&image.repository)
        .image_ids(id)
        .set_accepted_media_types(Some(INDEXES.map(str::to_owned).to_vec()))
        .send()
        .await
        .map_err(|error| AwsError::of("ecr", "BatchGetImage", &error))?;
    let manifests = answer.images.unwrap_or_default().into_iter().filter_map(|image| image.image_manifest);
    Ok(manifests.flat_map(|manifest| listed(&manifest)).collect())
}

/// The digests that an index's manifest lists. Pure.
fn listed(manifest: &str) -> Vec<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap_or_default();
    let listed = manifest.get("manifests").and_then(serde_json::Value::as_array).into_iter().flatten();
    listed.filter_map(|one| Some(one.get("digest")?.as_str()?.to_owned())).collect()
}

impl ImageState {
    /// Whether this digest stands for the same image: the one that is there, or the one of a platform of it.
    pub fn is(&self, other: &str) -> bool {
        match self {
            Self::There { digest, platforms, .. } => digest == other || platforms.iter().any(|own| own == other),
            Self::Gone { .. } => false,
        }
    }

    /// Whether it cannot be pulled.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }
}

/// The same image by its digest: `…/shop/api@sha256:…`.
pub fn by_digest(image: &str, digest: &str) -> String {
    format!("{}@{digest}", parts(image).0)
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

impl EcrImage {
    /// What people read: `shop/api:v41`.
    pub fn name(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => format!("{}:{tag}", self.repository),
            (None, Some(digest)) => format!("{}@{digest}", self.repository),
            (None, None) => self.repository.clone(),
        }
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
    fn an_index_and_the_images_of_its_platforms_are_the_same_image() {
        let manifest =
            r#"{"schemaVersion": 2, "manifests": [{"digest": "sha256:aa", "platform": {}}, {"digest": "sha256:bb"}]}"#;
        let platforms = listed(manifest);
        assert_eq!(platforms, ["sha256:aa", "sha256:bb"]);
        let there = ImageState::There { digest: "sha256:ii".to_owned(), platforms, tags: Vec::new() };
        assert!(there.is("sha256:ii") && there.is("sha256:bb") && !there.is("sha256:cc"));
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
