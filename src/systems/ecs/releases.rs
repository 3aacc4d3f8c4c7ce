//! What could be gone back to, and how a task definition reads as a release.

use jiff::Timestamp;

use super::inventory::{
    Definition, DefinitionStatus, DeploymentStatus, EcsInventory, EcsSpec, ImageState, ServiceDeployment, short,
};
use super::registry::parts;
use crate::incident::release::{Image, Release};
use crate::systems::planned::{Ran, ReleaseLine, ReleaseStatus, Usable};

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

/// What ran, newest first: every deployment that succeeded, as far as ECS remembers. A release that was deployed twice
/// stands here twice.
pub fn past(inventory: &EcsInventory) -> Vec<Ran> {
    let succeeded = inventory.deployments.iter().filter(|deployment| deployment.status == DeploymentStatus::Successful);
    let ran = succeeded.filter_map(|deployment| {
        let definition = inventory.definition_of(&deployment.target)?;
        Some(Ran { release: release(inventory, definition), since: deployment.created_at? })
    });
    ran.collect()
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
        commit: commit(inventory, &images),
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

/// The git commit that the image was built from, where a tag of it names one: `git-<sha>`, or the bare sha.
fn commit(inventory: &EcsInventory, images: &[Image]) -> Option<String> {
    let image = naming(&inventory.spec, images).next()?;
    let looked_up = image.digest.as_deref().and_then(|digest| inventory.tags.get(digest)).into_iter().flatten();
    let asked = image.digest.as_deref().and_then(|digest| inventory.images.values().find(|state| state.is(digest)));
    let asked = match asked {
        Some(ImageState::There { tags, .. }) => tags.as_slice(),
        Some(ImageState::Gone { .. }) | None => &[],
    };
    let named = parts(&image.image).1.into_iter();
    named.chain(looked_up.map(String::as_str)).chain(asked.iter().map(String::as_str)).find_map(commit_of_tag)
}

/// The commit that a tag names. Digits alone are more often a date or a build's number than the beginning of a sha.
fn commit_of_tag(tag: &str) -> Option<String> {
    let sha = tag.strip_prefix("git-").unwrap_or(tag).to_ascii_lowercase();
    let is_hex = sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_plain = sha.len() < 40 && sha.bytes().all(|byte| byte.is_ascii_digit()) && !tag.starts_with("git-");
    (is_hex && (7..=40).contains(&sha.len()) && !is_plain).then_some(sha)
}

/// The version that the image's tag names. `latest` names none.
fn version(spec: &EcsSpec, images: &[Image]) -> Option<String> {
    let tag = parts(&naming(spec, images).next()?.image).1?;
    (tag != "latest").then(|| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixtures::{definition_arn, digest, inventory};
    use super::super::inventory::DeploymentStatus::Successful;
    use super::*;

    #[rstest]
    #[case::marked("git-77ab0d2", Some("77ab0d2"))]
    #[case::marked_and_of_digits("git-1234567", Some("1234567"))]
    #[case::bare("9F3C1AB0", Some("9f3c1ab0"))]
    #[case::whole("9f3c1ab09f3c1ab09f3c1ab09f3c1ab09f3c1ab0", Some("9f3c1ab09f3c1ab09f3c1ab09f3c1ab09f3c1ab0"))]
    #[case::whole_and_of_digits(
        "1234567890123456789012345678901234567890",
        Some("1234567890123456789012345678901234567890")
    )]
    #[case::a_date("20261117", None)]
    #[case::too_short("git-77ab0d", None)]
    #[case::a_version("v42", None)]
    #[case::more_than_a_sha("prod-77ab0d2", None)]
    #[case::longer_than_a_sha("9f3c1ab09f3c1ab09f3c1ab09f3c1ab09f3c1ab0a", None)]
    fn a_tag_may_name_a_commit(#[case] tag: &str, #[case] commit: Option<&str>) {
        assert_eq!(commit_of_tag(tag).as_deref(), commit);
    }

    #[test]
    fn a_commit_is_found_among_all_tags_of_the_image() {
        let mut inventory = inventory(&[(40, 41, Successful), (41, 42, Successful)]);
        assert_eq!(release(&inventory, &definition_arn(41)).commit, None);
        let tags = vec!["v41".to_owned(), "git-9f3c1ab".to_owned()];
        inventory.tags.insert(digest(41), tags);
        assert_eq!(release(&inventory, &definition_arn(41)).commit.as_deref(), Some("9f3c1ab"));
        assert_eq!(release(&inventory, &definition_arn(42)).commit, None);
    }
}
