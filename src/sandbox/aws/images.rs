//! ECR: repositories, images and what runs when a task pulls one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::json::{PageLength, page, present, seconds, text, texts};
use super::refusal::Refusal;
use super::seed::{Behaviour, ImageStatus};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const PAGES: PageLength = PageLength { usual: 100, most: 1000 };

/// An image in the registry.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) digest: String,
    pub(super) tags: Vec<String>,
    pub(super) pushed_at: Timestamp,
    pub(super) status: ImageStatus,
    pub(super) behaviour: Behaviour,
}

/// The account's registry.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) created_at: Timestamp,
    pub(super) repositories: BTreeMap<String, Vec<Image>>,
}

/// Where an image reference points.
enum Place<'a> {
    /// An image of this registry.
    Here(Option<&'a Image>),
    /// Another registry, which the stand-in takes to have everything.
    Elsewhere,
}

impl Images {
    /// The registry's host name.
    pub(super) fn registry(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    fn place<'a>(&'a self, reference: &'a str) -> Place<'a> {
        let registry = self.registry();
        let Some(rest) = reference.strip_prefix(registry.as_str()).and_then(|rest| rest.strip_prefix('/')) else {
            return Place::Elsewhere;
        };
        let (repository, tag, digest) = match rest.split_once('@') {
            Some((repository, digest)) => (repository, None, Some(digest)),
            None => match rest.split_once(':') {
                Some((repository, tag)) => (repository, Some(tag), None),
                None => (rest, Some("latest"), None),
            },
        };
        let images = self.repositories.get(repository).map(Vec::as_slice).unwrap_or_default();
        let image = images.iter().find(|image| match (tag, digest) {
            (Some(tag), _) => image.tags.iter().any(|own| own == tag),
            (None, Some(digest)) => image.digest == digest,
            (None, None) => false,
        });
        Place::Here(image)
    }

    /// The digest that a reference had when it was last resolved, whether or not the image can still be pulled.
    pub(super) fn recorded(&self, reference: &str) -> Option<String> {
        match self.place(reference) {
            Place::Here(image) => image.map(|image| image.digest.clone()),
            Place::Elsewhere => {
                let pinned = reference.split_once('@').map(|(_, digest)| digest.to_owned());
                Some(pinned.unwrap_or_else(|| format!("sha256:{}", hex::encode(Sha256::digest(reference)))))
            }
        }
    }

    /// The digest of a reference now; `None` when there is no such image to pull.
    pub(super) fn resolve(&self, reference: &str) -> Option<String> {
        self.pull(reference).ok()
    }

    /// Pulls a reference: its digest, or the task's `stoppedReason`.
    pub(super) fn pull(&self, reference: &str) -> Result<String, String> {
        let cannot = |why: String| {
            Err(format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {why}"
            ))
        };
        match self.place(reference) {
            Place::Elsewhere => self.recorded(reference).ok_or_else(String::new),
            Place::Here(Some(image)) => match image.status {
                ImageStatus::Active => Ok(image.digest.clone()),
                ImageStatus::Archived => cannot(format!("{reference}: image is archived")),
                ImageStatus::Deleted => cannot(format!("{reference}: not found")),
            },
            Place::Here(None) => cannot(format!("{reference}: not found")),
        }
    }

    /// How a pulled image behaves; images of other registries behave well.
    pub(super) fn behaviour(&self, digest: &str) -> Behaviour {
        self.by_digest(digest).map(|image| image.behaviour.clone()).unwrap_or_default()
    }

    /// What people call the version of a digest: its first tag, or the digest.
    pub(super) fn version(&self, digest: &str) -> String {
        self.by_digest(digest).and_then(|image| image.tags.first().cloned()).unwrap_or_else(|| digest.to_owned())
    }

    fn by_digest(&self, digest: &str) -> Option<&Image> {
        self.repositories.values().flatten().find(|image| image.digest == digest)
    }

    /// Performs an ECR operation.
    pub(super) fn perform(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        match operation {
            "DescribeImages" => self.describe_images(request),
            "DescribeRepositories" => self.describe_repositories(request),
            _ => self.batch_get_image(request),
        }
    }

    fn repository(&self, name: &str) -> Result<&[Image], Refusal> {
        self.repositories.get(name).map(Vec::as_slice).ok_or_else(|| {
            let message =
                format!("The repository with name '{name}' does not exist in the registry with id '{}'", self.account);
            Refusal::new("RepositoryNotFoundException", message)
        })
    }

    fn own_registry(&self, request: &Value, repository: &str) -> Result<(), Refusal> {
        match text(request, "registryId") {
            Some(registry) if registry != self.account => {
                let message = format!(
                    "The repository with name '{repository}' does not exist in the registry with id '{registry}'"
                );
                Err(Refusal::new("RepositoryNotFoundException", message))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn find<'a>(images: &'a [Image], id: &Value) -> Option<&'a Image> {
        let (digest, tag) = (text(id, "imageDigest"), text(id, "imageTag"));
        if digest.is_none() && tag.is_none() {
            return None;
        }
        images.iter().filter(|image| image.status != ImageStatus::Deleted).find(|image| {
            digest.is_none_or(|digest| image.digest == digest)
                && tag.is_none_or(|tag| image.tags.iter().any(|own| own == tag))
        })
    }

    fn describe_images(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "repositoryName").unwrap_or_default();
        self.own_registry(request, name)?;
        let images = self.repository(name)?;
        let filter = request.get("filter").cloned().unwrap_or_default();
        let chosen: Vec<&Image> = match request.get("imageIds").and_then(Value::as_array) {
            Some(ids) if request.get("maxResults").is_some() || request.get("nextToken").is_some() => {
                let message = format!("maxResults and nextToken cannot be used with {} imageIds.", ids.len());
                return Err(Refusal::invalid(message));
            }
            Some(ids) => ids
                .iter()
                .map(|id| {
                    Self::find(images, id).ok_or_else(|| {
                        let part = |member| text(id, member).unwrap_or("null");
                        let message = format!(
                            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' in the registry with id '{}'",
                            part("imageDigest"), part("imageTag"), self.account
                        );
                        Refusal::new("ImageNotFoundException", message)
                    })
                })
                .collect::<Result<_, _>>()?,
            None => images.iter().filter(|image| image.status != ImageStatus::Deleted && passes(image, &filter)).collect(),
        };
        let details: Vec<Value> = chosen.into_iter().map(|image| self.detail(name, image)).collect();
        page(request, "imageDetails", &details, PAGES)
    }

    fn detail(&self, repository: &str, image: &Image) -> Value {
        present(json!({
            "registryId": self.account,
            "repositoryName": repository,
            "imageDigest": image.digest,
            "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
            "imageSizeInBytes": 48_234_496,
            "imagePushedAt": seconds(image.pushed_at),
            "imageManifestMediaType": MANIFEST,
            "artifactMediaType": "application/vnd.docker.container.image.v1+json",
            "imageStatus": status_word(image.status),
        }))
    }

    fn describe_repositories(&self, request: &Value) -> Result<Value, Refusal> {
        let wanted = texts(request, "repositoryNames");
        let names: Vec<&str> =
            if wanted.is_empty() { self.repositories.keys().map(String::as_str).collect() } else { wanted };
        let mut described = Vec::new();
        for name in names {
            self.own_registry(request, name)?;
            self.repository(name)?;
            described.push(json!({
                "repositoryArn": format!("arn:aws:ecr:{}:{}:repository/{name}", self.region, self.account),
                "registryId": self.account,
                "repositoryName": name,
                "repositoryUri": format!("{}/{name}", self.registry()),
                "createdAt": seconds(self.created_at),
                "imageTagMutability": "MUTABLE",
                "imageScanningConfiguration": {"scanOnPush": false},
                "encryptionConfiguration": {"encryptionType": "AES256"},
            }));
        }
        page(request, "repositories", &described, PAGES)
    }

    fn batch_get_image(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "repositoryName").unwrap_or_default();
        self.own_registry(request, name)?;
        let found = self.repository(name)?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in request.get("imageIds").and_then(Value::as_array).into_iter().flatten() {
            match Self::find(found, id) {
                Some(image) => images.push(present(json!({
                    "registryId": self.account,
                    "repositoryName": name,
                    "imageId": {"imageDigest": image.digest, "imageTag": text(id, "imageTag")},
                    "imageManifest": json!({"schemaVersion": 2, "mediaType": MANIFEST}).to_string(),
                    "imageManifestMediaType": MANIFEST,
                }))),
                None => failures.push(json!({
                    "imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found",
                })),
            }
        }
        Ok(json!({"images": images, "failures": failures}))
    }
}

fn status_word(status: ImageStatus) -> &'static str {
    match status {
        ImageStatus::Archived => "ARCHIVED",
        ImageStatus::Active | ImageStatus::Deleted => "ACTIVE",
    }
}

/// The default of `imageStatus` is `ACTIVE`, of `tagStatus` it is `ANY`.
fn passes(image: &Image, filter: &Value) -> bool {
    let tagged = match text(filter, "tagStatus") {
        Some("TAGGED") => !image.tags.is_empty(),
        Some("UNTAGGED") => image.tags.is_empty(),
        Some(_) | None => true,
    };
    let status = text(filter, "imageStatus").unwrap_or("ACTIVE");
    tagged && (status == "ANY" || status == status_word(image.status))
}
