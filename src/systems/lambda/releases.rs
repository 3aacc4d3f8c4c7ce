//! Versions as releases. Pure.

use super::inventory::{Code, LATEST, LambdaInventory};
use super::target::{commit, words};
use crate::incident::release::Release;
use crate::systems::planned::{Ran, ReleaseLine, ReleaseStatus, Usable};

/// A description up to so many characters names a version; a longer one only describes it.
const NAME: usize = 40;

/// What could be gone back to and what runs now, newest first.
pub fn releases(inventory: &LambdaInventory) -> Vec<ReleaseLine> {
    let now = inventory.present().map(|code| code.version.clone());
    let mut lines = Vec::new();
    if now.as_deref() == Some(LATEST) {
        lines.push(ReleaseLine { release: present(inventory), status: ReleaseStatus::RunsNow, usable: Usable::Yes });
    }
    lines.extend(inventory.versions.iter().map(|code| ReleaseLine {
        release: release(code),
        status: status(inventory, code),
        usable: Usable::Yes,
    }));
    lines
}

fn status(inventory: &LambdaInventory, code: &Code) -> ReleaseStatus {
    if inventory.states.get(&code.version).is_some_and(|standing| standing.status == "Failed") {
        return ReleaseStatus::Failed;
    }
    match &inventory.alias {
        Some(alias) if alias.alias.version == code.version => ReleaseStatus::RunsNow,
        Some(alias) if alias.alias.weights.contains_key(&code.version) => ReleaseStatus::BeingDeployed,
        Some(_) | None => ReleaseStatus::RegisteredOnly,
    }
}

/// What runs and what is going on, as a sentence without a full stop, where the releases alone do not say it.
pub fn stands(inventory: &LambdaInventory) -> Option<String> {
    let alias = &inventory.alias.as_ref()?.alias;
    let name = |version: &str| {
        inventory.code(version).map_or_else(|| format!("version {version}"), |code| release(code).name())
    };
    let weights: Vec<String> = alias
        .weights
        .iter()
        .map(|(version, weight)| format!("{weight} of the calls go to {}", name(version)))
        .collect();
    let weights = if weights.is_empty() { String::new() } else { format!("; {}", weights.join(", ")) };
    Some(format!("runs {}{weights}", name(&alias.version)))
}

/// What was published, newest first: nobody records what ran.
pub fn past(inventory: &LambdaInventory) -> Vec<Ran> {
    let versions = inventory.versions.iter();
    versions.filter_map(|code| Some(Ran { release: release(code), since: code.modified? })).collect()
}

/// What runs now: the newest version that gets calls, or the code of `$LATEST`.
pub(super) fn present(inventory: &LambdaInventory) -> Release {
    let now = inventory.present().unwrap_or(&inventory.latest);
    let published = release(now);
    if now.version != LATEST {
        let weight = inventory.alias.as_ref().and_then(|found| found.alias.weights.get(&now.version));
        let label = weight.map(|weight| format!("{} with {weight} of the calls", published.label));
        return Release { label: label.unwrap_or_else(|| published.label.clone()), ..published };
    }
    let same = inventory.versions.iter().find(|version| version.is_same_code(now)).map(release);
    Release {
        // What `$LATEST` is changes; its code does not.
        id: format!("{}:{LATEST}@{}", now.arn, now.sha256),
        label: words(inventory, now),
        version: same.as_ref().and_then(|same| same.version.clone()),
        commit: same.and_then(|same| same.commit),
        ..published
    }
}

/// A version as a release: people know it by its description, where that is a name, and by its number.
pub(super) fn release(code: &Code) -> Release {
    let description = code.description.trim();
    let is_name = !description.is_empty() && description.chars().count() <= NAME && !description.contains('\n');
    Release {
        id: code.arn.clone(),
        label: format!("version {}", code.version),
        version: is_name.then(|| description.to_owned()),
        commit: commit(description),
        images: Vec::new(),
        deployed_at: code.modified,
        deployed_by: None,
    }
}
