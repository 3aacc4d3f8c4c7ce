//! A service revision: what exactly a deployment deploys, with the image digests it resolved.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::images::Images;
use super::json::{present, seconds, text};
use super::task_definitions::TaskDefinition;

/// A container of a revision.
#[derive(Debug, Clone)]
pub(super) struct RevisionContainer {
    pub(super) name: String,
    pub(super) image: String,
    /// Absent where `versionConsistency` is `disabled`, or where there is no such image.
    pub(super) digest: Option<String>,
    pub(super) essential: bool,
    pub(super) has_health_check: bool,
}

/// An immutable revision of a service.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) arn: String,
    pub(super) task_definition: String,
    pub(super) containers: Vec<RevisionContainer>,
    pub(super) created_at: Timestamp,
    pub(super) network_configuration: Value,
    pub(super) load_balancers: Value,
    pub(super) platform_version: String,
}

/// How a revision's images become digests.
pub(super) enum Resolution<'a> {
    /// As the registry answers now.
    Now,
    /// As it was when the past deployment was made; these containers differ from what the tags say today.
    Then(&'a BTreeMap<String, String>),
}

impl RevisionContainer {
    /// The containers of a task definition with their digests.
    pub(super) fn resolve(definition: &TaskDefinition, images: &Images, resolution: &Resolution<'_>) -> Vec<Self> {
        let resolve = |container: &Value| {
            let name = text(container, "name").unwrap_or_default().to_owned();
            let image = text(container, "image").unwrap_or_default().to_owned();
            let digest = match resolution {
                _ if text(container, "versionConsistency") == Some("disabled") => None,
                Resolution::Now => images.resolve(&image),
                Resolution::Then(moved) => moved.get(&name).cloned().or_else(|| images.recorded(&image)),
            };
            let essential = container.get("essential") != Some(&json!(false));
            Self { name, image, digest, essential, has_health_check: container.get("healthCheck").is_some() }
        };
        definition.containers().map(resolve).collect()
    }
}

impl Revision {
    /// The revision as `DescribeServiceRevisions` tells it.
    pub(super) fn described(&self, service_arn: &str, cluster_arn: &str) -> Value {
        let images = self.containers.iter().map(|container| {
            json!({"containerName": container.name, "image": container.image, "imageDigest": container.digest})
        });
        present(json!({
            "serviceRevisionArn": self.arn,
            "serviceArn": service_arn,
            "clusterArn": cluster_arn,
            "taskDefinition": self.task_definition,
            "launchType": "FARGATE",
            "platformVersion": self.platform_version,
            "platformFamily": "Linux",
            "loadBalancers": self.load_balancers,
            "networkConfiguration": self.network_configuration,
            "containerImages": images.collect::<Vec<_>>(),
            "guardDutyEnabled": false,
            "createdAt": seconds(self.created_at),
        }))
    }
}
