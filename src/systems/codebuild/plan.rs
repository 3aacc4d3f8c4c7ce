//! Makes the step that builds and deploys an earlier commit. Pure.

use std::time::Duration;

use super::inventory::{Build, BuildInventory, short};
use super::target::{choose, present};
use crate::incident::build::CommitBuild;
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::Work;
use crate::systems::commit_image::CommitImage;
use crate::systems::planned::{PlanRefusal, Planned, Ran, ReleaseLine, ReleaseStatus, Usable};

/// How long such a build usually takes: an install and a deployment of stacks.
const BUILD: Duration = Duration::from_mins(15);

/// What is to be done to go back to `to`, or to the release before.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &BuildInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let project = &inventory.spec.project;
    let choice = choose(inventory, to)?;
    if let Some(refusal) = inventory.image.as_ref().and_then(CommitImage::refusal) {
        return Err(PlanRefusal::new(refusal));
    }
    let now = present(inventory);
    let target = match &choice.build {
        Some(build) => release(build),
        None => commit_release(&choice.commit, "never built here".to_owned()),
    };
    if let Some(now) = now.filter(|now| now.built(&choice.commit) && now.status == "SUCCEEDED") {
        let why = format!("{} is what {} of {project} deployed last.", short(&choice.commit), now.name());
        return Ok(Planned::NothingToDo { release: target, why });
    }
    let mut chosen = vec![choice.how.clone()];
    chosen.push(format!("{project} builds and deploys it (StartBuild)."));
    chosen.extend(inventory.image.as_ref().and_then(CommitImage::confirmed));
    let mut warnings = Vec::new();
    match &choice.build {
        None => warnings.push(format!("Nothing says that {} has ever been deployed well.", short(&choice.commit))),
        Some(build) if build.status != "SUCCEEDED" => {
            warnings.push(format!("The last build of {} did not succeed.", short(&choice.commit)));
        }
        Some(_) => {}
    }
    if let Some(running) = inventory.builds.iter().find(|build| build.goes_on()) {
        let commit = running.commit().map(|commit| format!(" of {}", short(commit))).unwrap_or_default();
        warnings.push(format!("{}{commit} is under way; Rollbot starts its own when that is over.", running.name()));
    }
    let step = Step {
        id: StepId::new(&inventory.spec.name),
        title: format!("build project {project}"),
        resource: Resource::new(inventory.arn.clone()),
        from: now.map(release),
        to: Some(Release { id: choice.commit.clone(), ..target }),
        chosen: Some(chosen.join(" ")),
        verbs: vec!["StartBuild".to_owned()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: BUILD * 3,
        estimate: BUILD,
        work: Work::CommitBuild(CommitBuild { project: project.clone(), commit: choice.commit }),
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

/// What could be gone back to and what was deployed last, newest first.
pub fn releases(inventory: &BuildInventory) -> Vec<ReleaseLine> {
    let now = present(inventory).map(|now| now.id.clone());
    let builds = inventory.builds.iter().filter(|build| build.commit().is_some());
    let lines = builds.map(|build| ReleaseLine {
        release: release(build),
        status: match build.status.as_str() {
            "SUCCEEDED" if now.as_deref() == Some(&build.id) => ReleaseStatus::RunsNow,
            "SUCCEEDED" => ReleaseStatus::Good,
            "IN_PROGRESS" => ReleaseStatus::BeingDeployed,
            "STOPPED" => ReleaseStatus::Stopped,
            _ => ReleaseStatus::Failed,
        },
        usable: Usable::Yes,
    });
    lines.collect()
}

/// What was deployed, newest first, as far as `CodeBuild` remembers.
pub fn past(inventory: &BuildInventory) -> Vec<Ran> {
    let ran = inventory.builds.iter().filter(|build| build.status == "SUCCEEDED");
    ran.filter_map(|build| Some(Ran { release: release(build), since: build.started_at? })).collect()
}

/// A build as a release: people know it by its commit.
fn release(build: &Build) -> Release {
    let release = commit_release(build.commit().unwrap_or_default(), build.name());
    Release { deployed_at: build.started_at, ..release }
}

fn commit_release(commit: &str, label: String) -> Release {
    let is_sha = (7..=40).contains(&commit.len()) && commit.chars().all(|digit| digit.is_ascii_hexdigit());
    Release {
        id: commit.to_owned(),
        label,
        version: Some(short(commit).to_owned()),
        commit: is_sha.then(|| commit.to_lowercase()),
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}
