//! Makes the step that deploys an earlier job of a branch again. Pure.

use std::time::Duration;

use super::app::Origin;
use super::inventory::{BranchInventory, Caches, Pushes};
use super::job::{Job, Stand, short};
use super::target::{Choice, capital, choose};
use crate::incident::amplify::{AmplifyWork, BranchJob, JobWay};
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned, Ran, ReleaseLine, ReleaseStatus, Usable};

/// How long a build takes where no earlier one says it: an install, a build and a deployment of a frontend.
const BUILD: Duration = Duration::from_mins(5);
/// How long a deployment without a build takes.
const DEPLOYMENT: Duration = Duration::from_mins(1);
/// What a step gets at least: Amplify itself ends a build after half an hour, unless told otherwise, and a build may have to
/// wait for a machine. Less would give up on what AWS still does.
const SHORTEST_DEADLINE: Duration = Duration::from_mins(40);

/// What is to be done to go back to `to`, or to the release before.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &BranchInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let title = inventory.title();
    let active = inventory.active();
    if let (None, Some(active), Some(failed)) = (to, active, failed_since(inventory)) {
        let why = format!(
            "{} of {title} failed and was never live: visitors still get {}. To leave that one as well, name the job to go \
             back to with `to`.",
            capital(&failed.whole()),
            active.whole()
        );
        return Ok(Planned::NothingToDo { release: release(active), why });
    }
    let Choice { job, how, passed } = choose(inventory, to)?;
    let under_way: Vec<&Job> = inventory.jobs.iter().filter(|job| job.goes_on()).collect();
    let is_live = active.is_some_and(|active| is_same(active, &job));
    if is_live && under_way.is_empty() {
        let why = format!("{} is what visitors of {title} get now.", capital(&job.whole()));
        return Ok(Planned::NothingToDo { release: release(&job), why });
    }
    let way = way(inventory, &job)?;
    let mut warnings: Vec<String> = under_way
        .iter()
        .map(|other| match other.stand() {
            Stand::UnderWay if is_same(other, &job) => {
                format!(
                    "{} brings the same already; it is followed, and nothing else is begun.",
                    capital(&other.whole())
                )
            }
            Stand::BeingStopped => format!("{} is being stopped; that is waited for.", capital(&other.whole())),
            Stand::UnderWay | Stand::Stopped | Stand::Failed | Stand::Succeeded => {
                format!("{} is under way ({}) and is stopped first.", capital(&other.whole()), other.status)
            }
        })
        .collect();
    warnings.extend(
        passed
            .iter()
            .map(|job| format!("{} is passed over: Amplify does not say which commit it built.", capital(&job.name()))),
    );
    if !is_live {
        warnings.extend(costs(inventory, &job, &way));
    }
    let (verb, does) = match &way {
        JobWay::Rebuild { commit } => {
            ("StartJob", format!("Amplify builds and deploys {} again (StartJob RETRY).", short(commit)))
        }
        JobWay::Redeploy { .. } => {
            ("StartDeployment", "Amplify deploys its files again, without a build (StartDeployment).".to_owned())
        }
    };
    let does = if is_live { "Visitors get it already; what is under way is stopped.".to_owned() } else { does };
    let estimate = if is_live { DEPLOYMENT } else { estimate(&job, &way) };
    let step = Step {
        id: StepId::new(&inventory.spec.name),
        title: format!("Amplify app {}, branch {}", inventory.app.name, inventory.spec.branch),
        resource: Resource::new(inventory.branch.arn.clone()),
        from: active.map(release),
        to: Some(release(&job)),
        chosen: Some(format!("{how} {does}")),
        verbs: vec![verb.to_owned(), "StopJob".to_owned()],
        loses: vec![format!("a job of {title} that is under way is stopped")],
        need: Need::Required,
        deadline: (estimate * 3).max(SHORTEST_DEADLINE),
        estimate,
        work: Work::Amplify(AmplifyWork::Branch(BranchJob {
            app: inventory.app.id.clone(),
            name: inventory.app.name.clone(),
            branch: inventory.spec.branch.clone(),
            from: active.map(|active| active.id.clone()),
            job: job.id.clone(),
            way,
        })),
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

/// The newest job, if it failed after what visitors get was deployed: it changed nothing for them. A job that was repeated
/// and failed is an attempt to go back, and no deployment that anybody wants to leave.
fn failed_since(inventory: &BranchInventory) -> Option<&Job> {
    let active = inventory.active()?;
    let newest = inventory.jobs.iter().find(|job| job.stand() != Stand::Stopped && job.kind != "RETRY")?;
    (newest.stand() == Stand::Failed && newest.number() > active.number()).then_some(newest)
}

/// Whether two jobs deployed the same.
fn is_same(one: &Job, other: &Job) -> bool {
    one.number() == other.number() || (one.content().is_some() && one.content() == other.content())
}

fn way(inventory: &BranchInventory, job: &Job) -> Result<JobWay, PlanRefusal> {
    match (inventory.app.origin, job.commit(), &job.source) {
        (Origin::Repository, Some(commit), _) => Ok(JobWay::Rebuild { commit }),
        (Origin::Repository, None, _) => Err(PlanRefusal::new(format!(
            "Amplify does not say which commit {} built. Name a job whose commit is known.",
            job.name()
        ))),
        (Origin::Uploads, _, Some(source)) => {
            Ok(JobWay::Redeploy { source: source.clone(), kind: job.source_kind.clone() })
        }
        (Origin::Uploads, _, None) => Err(PlanRefusal::new(format!(
            "The files of {} of {} were uploaded by hand, and Amplify keeps no place to deploy them from again. Upload that \
             build once more in the Amplify console (Deploy updates), or name a job that was deployed from S3 or a URL.",
            job.name(),
            inventory.title()
        ))),
    }
}

/// What whoever approves should know of what it takes.
fn costs(inventory: &BranchInventory, job: &Job, way: &JobWay) -> Vec<String> {
    let branch = &inventory.spec.branch;
    let mut costs = Vec::new();
    let again = inventory.jobs.iter().find(|other| other.number() != job.number() && is_same(other, job));
    if let Some(again) = again.filter(|again| again.stand() == Stand::Failed) {
        costs.push(format!("{} was the same, and failed.", capital(&again.name())));
    }
    if matches!(way, JobWay::Rebuild { .. }) {
        let took = job.took().map(|took| format!("; {} took {}", job.name(), minutes(took))).unwrap_or_default();
        costs.push(format!(
            "Amplify has no instant rollback: this is a whole build of the commit, of some minutes{took}."
        ));
        costs.push(format!(
            "It is built with the environment variables and settings that {branch} has now, not with those of {}.",
            job.name()
        ));
        costs.push(match &inventory.branch.backend {
            Some(backend) => {
                format!("{branch} has a backend ({backend}): the build deploys it as well, data and schema included.")
            }
            None => "If the build deploys a backend, it does so again.".to_owned(),
        });
        if job.kind == "WEB_HOOK" {
            costs.push(format!(
                "{} was started by a webhook, and Amplify may build the newest commit instead. Rollbot then stops it and \
                 says so.",
                capital(&job.name())
            ));
        }
    }
    if inventory.branch.pushes == Pushes::Deploy && inventory.app.origin == Origin::Repository {
        costs.push(format!("A push to {branch} is deployed over this, unless automatic builds are frozen."));
    }
    if inventory.branch.caches == Caches::Pages {
        costs.push("Visitors may get pages from before for up to 10 min: performance mode keeps them.".to_owned());
    }
    costs
}

/// `4 min`, at least one.
fn minutes(took: Duration) -> String {
    format!("{} min", took.as_secs().div_ceil(60).max(1))
}

fn estimate(job: &Job, way: &JobWay) -> Duration {
    match way {
        JobWay::Rebuild { .. } => job.took().filter(|took| *took > Duration::ZERO).unwrap_or(BUILD),
        JobWay::Redeploy { .. } => DEPLOYMENT,
    }
}

/// What could be gone back to and what visitors get, newest first.
pub fn releases(inventory: &BranchInventory) -> Vec<ReleaseLine> {
    let active = inventory.active().map(Job::number);
    let lines = inventory.jobs.iter().map(|job| ReleaseLine {
        release: release(job),
        status: match job.stand() {
            Stand::Succeeded if active == Some(job.number()) => ReleaseStatus::RunsNow,
            Stand::Succeeded => ReleaseStatus::Good,
            Stand::Failed => ReleaseStatus::Failed,
            Stand::Stopped | Stand::BeingStopped => ReleaseStatus::Stopped,
            Stand::UnderWay => ReleaseStatus::BeingDeployed,
        },
        usable: match (job.stand(), way(inventory, job)) {
            (Stand::Succeeded, Err(_)) => Usable::NotRepeatable,
            (Stand::Succeeded | Stand::Failed | Stand::Stopped | Stand::BeingStopped | Stand::UnderWay, _) => {
                Usable::Yes
            }
        },
    });
    lines.collect()
}

/// What visitors got, newest first, as far as Amplify remembers.
pub fn past(inventory: &BranchInventory) -> Vec<Ran> {
    let ran = inventory.jobs.iter().filter(|job| job.stand() == Stand::Succeeded);
    ran.filter_map(|job| Some(Ran { release: release(job), since: job.started_at? })).collect()
}

/// A job as a release: people know it by its commit.
pub fn release(job: &Job) -> Release {
    let commit = job.commit();
    let title = job.title().map(|title| format!(": {title}")).unwrap_or_default();
    Release {
        id: job.id.clone(),
        label: format!("{}{title}", job.name()),
        version: commit.as_deref().map(|commit| short(commit).to_owned()),
        commit: commit.filter(|commit| commit.len() <= 40),
        images: Vec::new(),
        deployed_at: job.ended_at.or(job.started_at),
        deployed_by: None,
    }
}
