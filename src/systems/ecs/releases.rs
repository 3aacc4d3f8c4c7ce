//! What could be gone back to, and how a task definition reads as a release.

use jiff::Timestamp;

use super::inventory::{
    Definition, DefinitionStatus, DeploymentStatus, EcsInventory, EcsSpec, ImageState, ServiceDeployment, short,
};
use super::registry::parts;
use crate::incident::release::{Image, Release};
use crate::systems::planned::{ReleaseLine, ReleaseStatus, Usable};

/// What could be gone back to and what runs now, newest first: everything that was deployed and is remembered, and the
/// task definitions that were looked at.
pub fn releases(inventory: &EcsInventory) -> Vec<ReleaseLine> {
    let mut lines: Vec<ReleaseLine> = inventory
        .definitions
        .iter()
        .filter(|definition| !definition.images.is_empty())
        .map(|definition| ReleaseLine {
            release: release(inventory, &definition.arn),
            status: status(inventory, definition),
            usable: match definition.status {
                DefinitionStatus::Active => Usable::Yes,
                DefinitionStatus::Inactive | DefinitionStatus::BeingDeleted => Usable::Deregistered,
            },
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.release.deployed_at));
    lines
}

fn status(inventory: &EcsInventory, definition: &Definition) -> ReleaseStatus {
    if definition.arn == inventory.asked_now() {
        return match inventory.unfinished() {
            Some(deployment) if deployment.status.is_in_flight() => ReleaseStatus::BeingDeployed,
            Some(_) => ReleaseStatus::RolledBack,
            None => ReleaseStatus::RunsNow,
        };
    }
    match newest_of(inventory, &definition.arn).map(|deployment| &deployment.status) {
        None | Some(DeploymentStatus::Other(_)) => ReleaseStatus::RegisteredOnly,
        Some(DeploymentStatus::Pending | DeploymentStatus::InProgress) => ReleaseStatus::BeingDeployed,
        Some(DeploymentStatus::Successful) => ReleaseStatus::Good,
        Some(DeploymentStatus::Stopped | DeploymentStatus::StopRequested) => ReleaseStatus::Stopped,
        Some(DeploymentStatus::RollbackFailed) => ReleaseStatus::Failed,
        Some(
            DeploymentStatus::RollbackRequested
            | DeploymentStatus::RollbackInProgress
            | DeploymentStatus::RollbackSuccessful,
        ) => ReleaseStatus::RolledBack,
    }
}

/// The newest deployment that goes to a task definition.
pub fn newest_of<'a>(inventory: &'a EcsInventory, definition: &str) -> Option<&'a ServiceDeployment> {
    let goes_there = |deployment: &&ServiceDeployment| inventory.definition_of(&deployment.target) == Some(definition);
    inventory.deployments.iter().find(goes_there)
}

/// The newest deployment that went to a task definition and succeeded.
pub fn newest_success_of<'a>(inventory: &'a EcsInventory, definition: &str) -> Option<&'a ServiceDeployment> {
    inventory.deployments.iter().find(|deployment| {
        deployment.status == DeploymentStatus::Successful
            && inventory.definition_of(&deployment.target) == Some(definition)
    })
}

/// A task definition as a release: with the digests of its newest successful deployment, else of its newest.
pub fn release(inventory: &EcsInventory, arn: &str) -> Release {
    let deployment = newest_success_of(inventory, arn).or_else(|| newest_of(inventory, arn));
    let revision = deployment.and_then(|deployment| inventory.revisions.get(&deployment.target));
    // A service that was deployed before ECS kept deployments has only the revisions that others came from.
    let revision = revision.or_else(|| inventory.revisions.values().find(|revision| revision.task_definition == arn));
    let definition = inventory.definition(arn);
    let mut images: Vec<Image> = definition.map(|definition| definition.images.clone()).unwrap_or_default();
    let recorded = revision.map(|revision| revision.images.as_slice()).unwrap_or_default();
    if images.is_empty() {
        images = recorded.to_vec();
    }
    for image in &mut images {
        let known = recorded.iter().find(|known| known.container == image.container);
        image.digest =
            known.and_then(|known| known.digest.clone()).or_else(|| parts(&image.image).2.map(str::to_owned));
    }
    let deployed_at: Option<Timestamp> = deployment.and_then(|deployment| deployment.created_at);
    let runs_now = arn == inventory.service.task_definition;
    Release {
        id: arn.to_owned(),
        label: short(arn).to_owned(),
        version: version(&inventory.spec, &images).or_else(|| version_of_digest(inventory, &images)),
        deployed_at: deployed_at
            .or(if runs_now { inventory.service.deployed_at } else { None })
            .or(definition.and_then(|definition| definition.registered_at)),
        deployed_by: definition
            .and_then(|definition| definition.registered_by.as_deref())
            .map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned()),
        images,
    }
}

/// The images whose tags name versions: those of the configured container or repository, else all.
pub fn naming<'a>(spec: &'a EcsSpec, images: &'a [Image]) -> impl Iterator<Item = &'a Image> {
    images.iter().filter(|image| {
        let repository = parts(&image.image).0;
        spec.container.as_ref().is_none_or(|container| *container == image.container)
            && spec
                .image
                .as_ref()
                .is_none_or(|wanted| repository == wanted || repository.ends_with(&format!("/{wanted}")))
    })
}

/// The version of an image that is named by its digest: the tag by which something else here, or ECR, names it.
fn version_of_digest(inventory: &EcsInventory, images: &[Image]) -> Option<String> {
    let image = naming(&inventory.spec, images).next()?;
    let (repository, digest) = (parts(&image.image).0, image.digest.as_deref()?);
    let recorded = inventory.revisions.values().flat_map(|revision| &revision.images);
    let same = recorded.filter(|other| other.digest.as_deref() == Some(digest));
    let mut tags = same.filter_map(|other| {
        let (other, tag, _) = parts(&other.image);
        tag.filter(|tag| other == repository && *tag != "latest")
    });
    let tag = tags.next().map(str::to_owned);
    tag.or_else(|| match inventory.images.values().find(|state| state.is(digest))? {
        ImageState::There { tags, .. } => tags.first().cloned(),
        ImageState::Gone { .. } => None,
    })
}

/// The version that the image's tag names. `latest` names none.
fn version(spec: &EcsSpec, images: &[Image]) -> Option<String> {
    let tag = parts(&naming(spec, images).next()?.image).1?;
    (tag != "latest").then(|| tag.to_owned())
}
