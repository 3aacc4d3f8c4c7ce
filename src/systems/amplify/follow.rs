//! A job that is followed to its end: what its state means. Pure.

use std::time::Duration;

use serde_json::json;

use super::act::{Do, Stopping};
use super::inventory::{BranchSeen, Caches};
use super::job::{Job, JobStep, Stand, number, short};
use super::judge::{Past, SETTLE, clear};
use super::target::capital;
use super::wanted::{Builds, builds, wanted};
use crate::incident::amplify::{BranchJob, JobWay};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, Outcome};

/// How long after its end a job may take to become the active one.
const ACTIVATION: Duration = Duration::from_mins(1);

/// What follows from the job that is to bring what is wanted.
pub(super) fn follow(work: &BranchJob, seen: &BranchSeen, job: &Job, entries: &[Past], now: Now) -> Judgement<Do> {
    match (job.stand(), builds(work, job)) {
        (Stand::UnderWay, Builds::SomethingElse(commit)) => {
            // Also after somebody has stopped the rollback: nobody approved of this going live.
            match stop(work, job, Stopping::BuildsSomethingElse { commit }, entries, now) {
                Judgement::Act(order) => Judgement::Restore(order),
                judgement @ (Judgement::Wait(_)
                | Judgement::Restore(_)
                | Judgement::Done { .. }
                | Judgement::Holding { .. }
                | Judgement::Failed(_)) => judgement,
            }
        }
        (Stand::BeingStopped, _) => Judgement::Wait(format!("{} is being stopped", job.whole())),
        (stand @ (Stand::Stopped | Stand::Failed | Stand::Succeeded), Builds::SomethingElse(commit)) => {
            something_else(work, seen, job, stand, &commit)
        }
        (Stand::UnderWay, Builds::Wanted | Builds::Unsaid) => Judgement::Wait(progress(work, seen, job)),
        (Stand::Failed, _) => failed(work, seen, job),
        (Stand::Stopped, _) => fail(
            format!("{} of {} was stopped by somebody.{}", capital(&of(work, job)), place(work), still(seen)),
            Finding::Wrong,
            "Find out who stops it. Retry starts another one.",
        ),
        (Stand::Succeeded, Builds::Unsaid) if matches!(work.way, JobWay::Rebuild { .. }) => fail(
            format!(
                "{} of {} succeeded, but Amplify does not say which commit it built.",
                capital(&job.name()),
                place(work)
            ),
            Finding::Inconclusive,
            "Look at the page, and at the deployment in the Amplify console. Retry starts another one.",
        ),
        (Stand::Succeeded, Builds::Wanted | Builds::Unsaid) => proof(work, seen, job, entries, now),
    }
}

/// Stops `job`, unless that was ordered a moment ago.
pub(super) fn stop(work: &BranchJob, job: &Job, why: Stopping, entries: &[Past], now: Now) -> Judgement<Do> {
    let is_it = |entry: &&Past| matches!(&entry.what, Do::Stop { job: stopped, .. } if number(stopped) == job.number());
    let ordered = entries.iter().rfind(is_it);
    let waits =
        ordered.is_some_and(|entry| !matches!(entry.outcome, Outcome::Refused(_)) && now.elapsed(entry.at) < SETTLE);
    if waits {
        return Judgement::Wait(format!("{} is about to be stopped", job.whole()));
    }
    let (app, branch) = (work.app.clone(), work.branch.clone());
    Judgement::Act(Do::Stop { app, branch, job: job.id.clone(), why })
}

/// What is told before the verdict where a job has begun that nobody asked for and what is wanted is still live:
/// nothing else has been deployed yet, and nobody can say that it will not be.
pub(super) fn threatened(work: &BranchJob, seen: &BranchSeen, what: &Do) -> Option<Failure> {
    let Do::Stop { job, why: Stopping::InTheWay, .. } = what else { return None };
    let begun = seen.jobs.iter().find(|other| other.number() == number(job))?;
    let active = seen.branch.active.as_deref().map(number);
    let live = seen.jobs.iter().find(|other| Some(other.number()) == active)?;
    if builds(work, live) != Builds::Wanted {
        return None;
    }
    let title = begun.title().map(|title| format!(" (“{title}”)")).unwrap_or_default();
    Some(Failure {
        why: format!(
            "{}{title} has begun on {} and is {}. When it succeeds, visitors get it and not {} any more; until then they \
             get {}.",
            capital(&begun.whole()),
            place(work),
            begun.status,
            wanted(work),
            live.whole()
        ),
        details: Vec::new(),
        finding: Finding::Inconclusive,
        advice: format!(
            "Retry stops {} and repeats the checks. Freeze automatic builds first, or the next push begins another one.",
            begun.name()
        ),
        remedies: Vec::new(),
    })
}

fn place(work: &BranchJob) -> String {
    format!("{} of {}", work.branch, work.name)
}

/// `job 9 of 2b7e4d60`, by what it should deploy where Amplify does not say.
fn of(work: &BranchJob, job: &Job) -> String {
    match work.way {
        JobWay::Rebuild { .. } => format!("{} of {}", job.name(), wanted(work)),
        JobWay::Redeploy { .. } => job.name(),
    }
}

/// What visitors get meanwhile, as a sentence with a space before it.
fn still(seen: &BranchSeen) -> String {
    let active = seen.branch.active.as_deref();
    let job = active.and_then(|active| seen.jobs.iter().find(|job| job.number() == number(active)));
    match (job, active) {
        (Some(job), _) => format!(" Visitors get {}.", job.whole()),
        (None, Some(active)) => format!(" Visitors get job {active}."),
        (None, None) => String::new(),
    }
}

fn something_else(work: &BranchJob, seen: &BranchSeen, job: &Job, stand: Stand, commit: &str) -> Judgement<Do> {
    let (name, wanted, place) = (capital(&job.name()), wanted(work), place(work));
    let built = match work.way {
        JobWay::Rebuild { .. } => short(commit),
        JobWay::Redeploy { .. } => commit,
    };
    let is_active = seen.branch.active.as_deref().map(number) == Some(job.number());
    let why = match (stand, is_active) {
        (Stand::Succeeded, true) => {
            format!("{name} of {place} should have built {wanted}, built {built} instead, and is live now.")
        }
        (Stand::Succeeded, false) => {
            format!("{name} of {place} should have built {wanted} and built {built} instead.{}", still(seen))
        }
        (Stand::Failed, _) => {
            format!(
                "{name} of {place} should have built {wanted}, began to build {built} instead, and failed.{}",
                still(seen)
            )
        }
        (Stand::Stopped | Stand::BeingStopped | Stand::UnderWay, _) => format!(
            "Amplify lost the commit: {} of {place} should have built {wanted} and began to build {built}. It was \
             stopped before it went live.{}",
            job.name(),
            still(seen)
        ),
    };
    fail(
        why,
        Finding::Wrong,
        "Amplify cannot build this commit again. Roll back to another job, or push a commit that takes the change back.",
    )
}

fn failed(work: &BranchJob, seen: &BranchSeen, job: &Job) -> Judgement<Do> {
    let steps = steps_of(seen, job);
    let broken = steps.iter().find(|step| step.status == "FAILED");
    let at = broken.map(|step| format!(" in {}", step.name)).unwrap_or_default();
    let why = format!("{} of {} failed{at}.{}", capital(&of(work, job)), place(work), still(seen));
    let mut details = Vec::new();
    if let Some(step) = broken {
        details.extend(step.reason.iter().map(|reason| format!("{}: {reason}", step.name)));
        details.extend(step.log.iter().map(|log| format!("Log of {}: {log}", step.name)));
    }
    Judgement::Failed(Failure {
        why,
        details,
        finding: Finding::Wrong,
        advice: "Read the log. Retry starts another one; where it cannot be built any more, roll back to another job."
            .to_owned(),
        remedies: Vec::new(),
    })
}

fn proof(work: &BranchJob, seen: &BranchSeen, job: &Job, entries: &[Past], now: Now) -> Judgement<Do> {
    let active = seen.branch.active.as_deref().map(number).unwrap_or_default();
    if active > job.number() {
        let newer = seen.jobs.iter().find(|other| other.number() == active).map_or(format!("job {active}"), Job::whole);
        return fail(
            format!("{} of {} succeeded, but {newer} has been deployed since.", capital(&of(work, job)), place(work)),
            Finding::Wrong,
            "Freeze automatic builds, then Retry: it starts another one.",
        );
    }
    if active < job.number() {
        let ended = job.ended_at.unwrap_or(now.at);
        if now.elapsed(ended) < ACTIVATION {
            return Judgement::Wait(format!("{} has succeeded and is about to become the active one", of(work, job)));
        }
        return fail(
            format!(
                "{} of {} succeeded, and is not the active one.{}",
                capital(&of(work, job)),
                place(work),
                still(seen)
            ),
            Finding::Inconclusive,
            "Look at the page, and at the branch in the Amplify console. Retry starts another one.",
        );
    }
    if let Some(judgement) = clear(work, seen, Some(job), entries, now) {
        return judgement;
    }
    let what = match &work.way {
        JobWay::Rebuild { commit } => format!("it built {commit}"),
        JobWay::Redeploy { source, .. } => format!("it deployed {source}"),
    };
    let mut evidence = vec![Evidence::new(format!(
        "{} of {} succeeded and is the active one (activeJobId): {what}.",
        capital(&job.name()),
        place(work)
    ))];
    if seen.branch.caches == Caches::Pages {
        evidence
            .push(Evidence::new("Performance mode keeps pages for up to 10 min, so some visitors see the old ones."));
    }
    Judgement::Done { evidence, output: json!({ "job": job.id, "commit": job.commit() }) }
}

fn steps_of<'a>(seen: &'a BranchSeen, job: &Job) -> &'a [JobStep] {
    seen.followed.as_ref().filter(|followed| followed.job.number() == job.number()).map_or(&[], |it| &it.steps)
}

/// `job 9 of 2b7e4d60: BUILD (RUNNING), after PROVISION`.
fn progress(work: &BranchJob, seen: &BranchSeen, job: &Job) -> String {
    let steps = steps_of(seen, job);
    let current = steps.iter().find(|step| step.status != "SUCCEED");
    let done: Vec<&str> = steps.iter().filter(|step| step.status == "SUCCEED").map(|step| step.name.as_str()).collect();
    let after = if done.is_empty() { String::new() } else { format!(", after {}", done.join(", ")) };
    match current {
        Some(step) => format!("{}: {} is {}{after}", of(work, job), step.name, step.status),
        None => format!("{}: {}{after}", of(work, job), job.status),
    }
}

/// A failure without details.
pub(super) fn fail(why: String, finding: Finding, advice: &str) -> Judgement<Do> {
    Judgement::Failed(Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() })
}
