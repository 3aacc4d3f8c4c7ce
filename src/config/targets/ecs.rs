//! An ECS service as a target.

use serde::{Deserialize, Serialize};

use super::belongs_here;
use crate::config::section::{Field, Reader, Section};

/// An ECS service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsTarget {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The container that image tags are about, where a task definition has several.
    pub container: Option<String>,
    /// The image repository, without tag or digest.
    pub image: Option<String>,
}

impl EcsTarget {
    pub(super) fn identity(&self) -> String {
        format!("ECS service {}/{}", cluster_name(&self.cluster), self.service)
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<EcsTarget> {
    let cluster =
        section.required("cluster", "\"shop-${env}\"", reader.report).and_then(|field| cluster(field, reader));
    let service = section.required("service", "api", reader.report).and_then(|field| {
        let service = field.text(reader)?;
        if service.starts_with("arn:") {
            field.error(reader.report, "`service` takes the name of the ECS service, not its ARN; write its last part");
        } else if !is_ecs_name(&service) {
            field.error(reader.report, not_an_ecs_name("service", &service));
        }
        Some(service)
    });
    let container = section.optional("container", reader.report).and_then(|field| field.text(reader));
    let image = section.optional("image", reader.report).and_then(|field| {
        let image = field.text(reader)?;
        let last = image.rsplit('/').next().unwrap_or_default();
        if last.contains(':') || last.contains('@') || last.is_empty() {
            field.error(
                reader.report,
                format!("`{image}` is not an image repository; write it without a tag or digest, such as `shop/api`"),
            );
        }
        Some(image)
    });
    Some(EcsTarget { cluster: cluster?, service: service?, container, image })
}

fn cluster(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let cluster = field.text(reader)?;
    if !cluster.starts_with("arn:") {
        if !is_ecs_name(&cluster) {
            field.error(reader.report, not_an_ecs_name("cluster", &cluster));
        }
        return Some(cluster);
    }
    let parts: Vec<&str> = cluster.splitn(6, ':').collect();
    let (region, account) = match parts.as_slice() {
        ["arn", _, "ecs", region, account, name] if name.strip_prefix("cluster/").is_some_and(is_ecs_name) => {
            (*region, *account)
        }
        _ => {
            field.error(
                reader.report,
                format!(
                    "`{cluster}` is not the ARN of an ECS cluster; write one such as \
                     `arn:aws:ecs:eu-north-1:123456789012:cluster/shop`, or the cluster's name"
                ),
            );
            return None;
        }
    };
    belongs_here(field, ("region", region), reader);
    belongs_here(field, ("account", account), reader);
    Some(cluster)
}

/// ECS: "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
fn is_ecs_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn not_an_ecs_name(what: &str, name: &str) -> String {
    format!("`{name}` cannot be the name of an ECS {what}; those are made of letters, digits, `-` and `_`")
}

fn cluster_name(cluster: &str) -> &str {
    cluster.rsplit('/').next().unwrap_or(cluster)
}
