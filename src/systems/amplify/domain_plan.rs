//! Makes the step that leads a name of a domain to another branch. Pure.

use std::time::Duration;

use super::domain::{DomainInventory, DomainStand, Shown};
use super::job::{Job, short};
use crate::incident::amplify::{AmplifyWork, DomainRoute};
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned, ReleaseLine, ReleaseStatus, Usable};

/// How long a domain usually takes: Amplify changes what CloudFront answers with everywhere.
const CHANGE: Duration = Duration::from_mins(5);
/// After how long it has failed.
const DEADLINE: Duration = Duration::from_mins(30);

/// What is to be done to lead the name to `to`, or to the standby.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &DomainInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let (spec, host, settings) = (&inventory.spec, inventory.host(), &inventory.association.settings);
    let Some(from) = settings.branch_of(&spec.prefix) else {
        return Err(PlanRefusal::new(format!(
            "Amplify app {} has no name {host}; it has {}. Correct `prefix` in rollbot.yml.",
            inventory.app.name,
            settings.words(&spec.domain)
        )));
    };
    let named = to.map(str::trim).filter(|to| !to.is_empty() && !to.eq_ignore_ascii_case("previous"));
    let to = match named {
        None => inventory.branch(&spec.branch).ok_or_else(|| {
            PlanRefusal::new(format!(
                "Amplify app {} has no branch {}, so {host} cannot lead to it. Correct `branch` in rollbot.yml, or name a \
                 branch with `to`.",
                inventory.app.name, spec.branch
            ))
        })?,
        Some(named) => inventory.named(named).ok_or_else(|| {
            PlanRefusal::new(format!(
                "`{named}` names no branch of Amplify app {}. {host} leads to {from}; its standby is {}.",
                inventory.app.name, spec.branch
            ))
        })?,
    };
    if to.name == from {
        let hint = if named.is_none() { " To lead it elsewhere, name a branch with `to`." } else { "" };
        let why = format!("{host} leads to branch {from} already.{hint}");
        return Ok(Planned::NothingToDo { release: release(to), why });
    }
    let Some(job) = to.good() else { return Err(PlanRefusal::new(not_ready(inventory, to))) };
    let present = inventory.branch(from);
    let step = Step {
        id: StepId::new(&spec.name),
        title: format!("{host} (domain of Amplify app {})", inventory.app.name),
        resource: Resource::new(inventory.association.arn.clone()),
        from: Some(present.map_or_else(|| bare(from), release)),
        to: Some(release(to)),
        chosen: Some(format!(
            "{} {} shows {}. No build is needed: {host} is led there (UpdateDomainAssociation).",
            if named.is_none() { "The standby" } else { "Branch" },
            to.name,
            job.whole()
        )),
        verbs: vec!["UpdateDomainAssociation".to_owned()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: DEADLINE,
        estimate: CHANGE,
        work: Work::Amplify(AmplifyWork::Domain(DomainRoute {
            app: inventory.app.id.clone(),
            name: inventory.app.name.clone(),
            domain: spec.domain.clone(),
            prefix: spec.prefix.clone(),
            from: from.to_owned(),
            to: to.name.clone(),
            shows: job.id.clone(),
            settings: settings.clone(),
        })),
    };
    Ok(Planned::Steps { steps: vec![step], warnings: warnings(inventory, from, to) })
}

fn warnings(inventory: &DomainInventory, from: &str, to: &Shown) -> Vec<String> {
    let (spec, host, settings) = (&inventory.spec, inventory.host(), &inventory.association.settings);
    let mut warnings = Vec::new();
    let mut others = settings.clone();
    others.names.retain(|name| name.prefix != spec.prefix);
    if !others.names.is_empty() {
        warnings.push(format!("Only {host} moves. The rest stays: {}.", others.words(&spec.domain)));
    }
    warnings.push(format!("The way back is the same `to {from}`: that branch keeps its build."));
    match inventory.association.stand() {
        DomainStand::Ready => {}
        DomainStand::Busy => warnings.push(format!(
            "{} is being changed ({}); that is waited for.",
            spec.domain,
            inventory.association.words()
        )),
        DomainStand::Failed => warnings.push(format!(
            "The last change of {} failed ({}): {}",
            spec.domain,
            inventory.association.words(),
            inventory.association.reason
        )),
    }
    if let Some(old) = inventory.branch(from).and_then(Shown::good)
        && let Some(new) = to.good()
        && old.commit().is_some()
        && old.commit() == new.commit()
    {
        warnings.push(format!("Both branches show the same commit, {}.", short(&old.commit().unwrap_or_default())));
    }
    warnings
}

fn not_ready(inventory: &DomainInventory, to: &Shown) -> String {
    let (host, app) = (inventory.host(), &inventory.app.name);
    match &to.job {
        None => format!(
            "Branch {} of Amplify app {app} shows nothing: no job of it has been deployed. Deploy a good commit there before \
             {host} is led to it.",
            to.name
        ),
        Some(job) => format!(
            "Branch {} of Amplify app {app} shows {}, which did not succeed ({}). Deploy a good commit there before {host} \
             is led to it.",
            to.name,
            job.whole(),
            job.status
        ),
    }
}

/// What the name could lead to and what it leads to now.
pub fn releases(inventory: &DomainInventory) -> Vec<ReleaseLine> {
    let now = inventory.association.settings.branch_of(&inventory.spec.prefix);
    let lines = inventory.branches.iter().map(|shown| ReleaseLine {
        release: release(shown),
        status: match (now == Some(shown.name.as_str()), shown.good()) {
            (true, _) => ReleaseStatus::RunsNow,
            (false, Some(_)) => ReleaseStatus::Good,
            (false, None) => ReleaseStatus::Failed,
        },
        usable: if shown.good().is_some() { Usable::Yes } else { Usable::NotRepeatable },
    });
    lines.collect()
}

/// How the domain stands, where that is not as it should be; as a sentence without a full stop.
pub fn stands(inventory: &DomainInventory) -> Option<String> {
    let now = inventory.association.settings.branch_of(&inventory.spec.prefix)?;
    let shows = inventory.branch(now).and_then(|shown| shown.job.as_ref()).map(Job::whole);
    let shows = shows.map(|job| format!(", which shows {job}")).unwrap_or_default();
    Some(format!("leads to branch {now}{shows} ({})", inventory.association.words()))
}

/// A branch as a release: people know it by the commit that it shows.
fn release(shown: &Shown) -> Release {
    let commit = shown.job.as_ref().and_then(Job::commit);
    Release {
        version: commit.as_deref().map(|commit| short(commit).to_owned()),
        commit: commit.filter(|commit| commit.len() <= 40),
        deployed_at: shown.job.as_ref().and_then(|job| job.ended_at),
        ..bare(&shown.name)
    }
}

fn bare(branch: &str) -> Release {
    Release {
        id: branch.to_owned(),
        label: format!("branch {branch}"),
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}
