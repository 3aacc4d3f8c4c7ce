//! What a target is made of where it cannot be deployed as it is: as a release, and in words. Pure.

use super::inventory::{EcsInventory, short};
use super::registry::{EcrImage, by_digest, parts};
use super::releases::release;
use super::target::{Choice, Making};
use crate::incident::release::Release;
use crate::incident::work::Registration;

/// The chosen task definition as a release, with the image that is to be put into it.
pub(super) fn chosen(inventory: &EcsInventory, choice: &Choice) -> Release {
    let mut target = release(inventory, &choice.definition);
    let Making::With { container, image: wanted } = &choice.making else {
        return target;
    };
    let (_, tag, digest) = parts(wanted);
    for image in target.images.iter_mut().filter(|image| image.container == *container) {
        image.image.clone_from(wanted);
        image.digest = digest.map(str::to_owned);
    }
    target.version = tag.or(digest.map(short_digest)).map(str::to_owned);
    target.id = format!("{}+{container}@{}", target.id, tag.or(digest).unwrap_or_default());
    target.label = format!("a copy of {}", target.label);
    (target.deployed_at, target.deployed_by) = (None, None);
    target
}

/// The images that ECR is asked about for a choice: as they are named, and by the digests that ran.
pub fn references(inventory: &EcsInventory, choice: &Choice) -> Vec<String> {
    let images = chosen(inventory, choice).images.into_iter();
    let mut references: Vec<String> = images
        .flat_map(|image| {
            let exact = image.digest.as_deref().map(|digest| by_digest(&image.image, digest));
            std::iter::once(image.image).chain(exact)
        })
        .collect();
    references.sort();
    references.dedup();
    references
}

/// What a plan says of what is registered.
pub(super) fn registering(inventory: &EcsInventory, choice: &Choice, registration: &Registration) -> Vec<String> {
    let like = short(&choice.definition);
    let fixed: Vec<String> = registration
        .images
        .iter()
        .map(|(container, image)| format!("{container} {}", short_digest(parts(image).2.unwrap_or_default())))
        .collect();
    let fixed = if fixed.is_empty() {
        String::new()
    } else {
        format!(", with the images fixed that ran: {}", fixed.join(", "))
    };
    match &choice.making {
        Making::Again => vec![format!(
            "{like} is deregistered (INACTIVE). It is registered again under a new number, otherwise unchanged{fixed}."
        )],
        Making::Nothing => vec![format!("A copy of {like} is registered under a new number{fixed}.")],
        Making::With { container, image } => {
            let name = EcrImage::parse(image).map_or_else(|| image.clone(), |parsed| parsed.name());
            let others = release(inventory, &choice.definition).images;
            let others: Vec<String> = others
                .into_iter()
                .map(|image| image.container)
                .filter(|name| name != container && !registration.images.contains_key(name))
                .collect();
            let others = if others.is_empty() {
                " and secrets".to_owned()
            } else {
                format!(", secrets and the image of {}", others.join(", "))
            };
            vec![
                format!(
                    "No task definition has {name}. A copy of {like} with this image for {container} is registered first."
                ),
                format!("Everything else stays as in {like}: settings, environment{others}."),
            ]
        }
    }
}

/// A digest as people are shown it.
pub(super) fn short_digest(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
