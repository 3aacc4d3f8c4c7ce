//! Which commit is built again. Pure.
//!
//! The release before is the commit of the newest build that succeeded before the present commit was first built.

use super::inventory::{Build, BuildInventory, short};
use crate::systems::planned::PlanRefusal;

/// The shortest piece of a sha that names a commit.
const SHORTEST: usize = 7;
/// The digits of a whole commit.
const WHOLE: usize = 40;

/// A commit to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The commit, whole where it is known whole.
    pub commit: String,
    /// The build that deployed it before, if one is remembered.
    pub build: Option<Build>,
    /// How it was found, as a sentence.
    pub how: String,
}

/// The commit that `to` names; with `None` or `previous`, that of the release before.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose(inventory: &BuildInventory, to: Option<&str>) -> Result<Choice, PlanRefusal> {
    match to.map(str::trim) {
        None => previous(inventory),
        Some(to) if to.eq_ignore_ascii_case("previous") || to.is_empty() => previous(inventory),
        Some(to) => named(inventory, &to.to_lowercase()),
    }
}

/// The newest build: what was deployed, or was meant to be.
pub fn present(inventory: &BuildInventory) -> Option<&Build> {
    inventory.builds.iter().find(|build| build.status != "STOPPED" && build.commit().is_some())
}

fn previous(inventory: &BuildInventory) -> Result<Choice, PlanRefusal> {
    let project = &inventory.spec.project;
    let Some(now) = present(inventory) else {
        return Err(PlanRefusal::new(format!(
            "{project} remembers no build, so nothing says which commit was good. Name one with `to <sha>`."
        )));
    };
    let commit = now.commit().unwrap_or_default();
    let same = inventory.builds.iter().filter(|build| build.commit() == Some(commit));
    let first_built = same.filter_map(|build| build.started_at).min();
    let good = inventory
        .builds
        .iter()
        .find(|build| build.status == "SUCCEEDED" && build.resolved.is_some() && build.started_at < first_built);
    match good {
        Some(build) => Ok(of_build(
            build,
            format!("The newest commit that {project} built and deployed before {}{}.", short(commit), when(build)),
        )),
        None => Err(PlanRefusal::new(format!(
            "No build of {project} before {} succeeded, so nothing says which commit was good. Name one with `to <sha>`.",
            short(commit)
        ))),
    }
}

fn named(inventory: &BuildInventory, to: &str) -> Result<Choice, PlanRefusal> {
    let project = &inventory.spec.project;
    let is_hex = to.chars().all(|digit| digit.is_ascii_hexdigit());
    let named = |build: &&Build| build.id == to || (to.len() >= SHORTEST && is_hex && build.built(to));
    let mut found: Vec<&Build> = inventory.builds.iter().filter(named).collect();
    found.sort_by_key(|build| build.status != "SUCCEEDED");
    let mut commits: Vec<&str> = found.iter().filter_map(|build| build.resolved.as_deref()).collect();
    commits.sort_unstable();
    commits.dedup();
    if commits.len() > 1 {
        return Err(PlanRefusal::new(format!("`{to}` names {} commits. Write more of it.", commits.len())));
    }
    if let Some(build) = found.first() {
        let how = match build.status.as_str() {
            "SUCCEEDED" => format!("{project} has built and deployed it before{}.", when(build)),
            status => format!("The last build of it by {project} did not succeed ({status}{}).", when(build)),
        };
        return Ok(of_build(build, how));
    }
    if to.len() == WHOLE && is_hex {
        let how = format!("No build of {project} is remembered for this commit.");
        return Ok(Choice { commit: to.to_owned(), build: None, how });
    }
    Err(PlanRefusal::new(format!(
        "`{to}` names no build of {project}. Write the whole sha of a commit, or at least {SHORTEST} digits of one that was \
         built before; `/rollback releases` lists those."
    )))
}

fn of_build(build: &Build, how: String) -> Choice {
    Choice { commit: build.commit().unwrap_or_default().to_owned(), build: Some(build.clone()), how }
}

fn when(build: &Build) -> String {
    build.started_at.map(|at| format!(" ({}, {})", build.name(), at.strftime("%-d %b %H:%M UTC"))).unwrap_or_default()
}
