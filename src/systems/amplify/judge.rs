//! What follows from what was seen of a branch, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | no job of ours; another one waits or is under way | `StopJob`: a branch has one job at a time, and it would be deployed over this |
//! | no job of ours; what is wanted is active | done |
//! | no job of ours | `StartJob` RETRY, or `StartDeployment` |
//! | ours builds something else than it should (P-9) | `StopJob`, then fail, loudly |
//! | ours is under way | wait; its steps are the progress |
//! | ours failed or was stopped | fail, with the step that failed and its log |
//! | ours succeeded, and is active | done |
//!
//! None of these calls takes a token. An order whose reply was lost is looked for as a job with a larger number than the
//! newest that was seen before. Where there is none after a while, it is given again: Amplify refuses a second open job
//! on a branch, so it cannot be done twice.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::act::{self, Do, Receipt, Stopping};
use super::follow::{self, fail, follow};
use super::inventory::{Branch, BranchSeen};
use super::job::{Job, Stand, number};
use super::look;
use super::news;
use super::target::capital;
use super::wanted::{Builds, builds};
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::{BranchJob, JobWay};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, News, Outcome, StepJournal, StepKind};

/// How long a call may take to show in what Amplify lists.
pub const SETTLE: Duration = Duration::from_secs(30);
/// How far AWS's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// An act of this step.
pub type Past = Entry<Do, Receipt>;

impl StepKind for BranchJob {
    type Seen = BranchSeen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<BranchSeen, AwsError> {
        // What cannot be read is judged as such; there is nothing to follow then.
        let entries: Vec<Past> = journal.entries().unwrap_or_default();
        let follow = |branch: &Branch, jobs: &[Job]| match ours(self, jobs, &entries, journal.attempt) {
            Ours::Job { id, .. } => Some(id),
            Ours::Lost(_) | Ours::None => twin(self, branch.active.as_deref(), jobs).map(|job| job.id.clone()),
        };
        look::seen(aws, &self.app, &self.branch, follow).await
    }

    fn judge(&self, seen: &BranchSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, seen, journal, now)
    }

    fn news(&self, seen: &BranchSeen, _journal: &StepJournal<'_>) -> Vec<News> {
        seen.followed.as_ref().map(news::news).unwrap_or_default()
    }

    fn threatened(&self, seen: &BranchSeen, what: &Do) -> Option<Failure> {
        follow::threatened(self, seen, what)
    }

    async fn act(&self, aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, what, key).await
    }
}

/// What follows from the branch and its jobs.
pub fn judge(work: &BranchJob, seen: &BranchSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return fail(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the branch's deployments in the Amplify console. Retry judges afresh.",
            );
        }
    };
    match ours(work, &seen.jobs, &entries, journal.attempt) {
        Ours::Job { id, since, receipt } => {
            let listed = seen.jobs.iter().find(|job| job.number() == number(&id));
            let followed = seen.followed.as_ref().map(|followed| &followed.job);
            match followed.filter(|job| job.number() == number(&id)).or(listed) {
                Some(job) => follow(work, seen, job, &entries, now),
                None => not_listed(work, &id, receipt.as_ref(), now.elapsed(since)),
            }
        }
        Ours::Lost(at) if now.elapsed(at) < SETTLE => {
            Judgement::Wait("the reply was lost; looking whether Amplify has begun".to_owned())
        }
        Ours::Lost(_) | Ours::None => afresh(work, seen, &entries, now),
    }
}

/// The job that this step has started.
enum Ours {
    /// This one.
    Job {
        /// Its id.
        id: String,
        /// When it was ordered.
        since: jiff::Timestamp,
        /// What Amplify answered, where the answer was not lost.
        receipt: Option<Receipt>,
    },
    /// One may have been started at this time; it is not listed.
    Lost(jiff::Timestamp),
    /// None that counts.
    None,
}

fn ours(work: &BranchJob, jobs: &[Job], entries: &[Past], attempt: u32) -> Ours {
    let is_start = |entry: &&Past| matches!(entry.what, Do::Retry { .. } | Do::Deploy { .. });
    let Some(entry) = entries.iter().rfind(is_start) else { return Ours::None };
    let of = |id: &str, receipt| Ours::Job { id: id.to_owned(), since: entry.at, receipt };
    let found = match &entry.outcome {
        Outcome::Refused(_) => Ours::None,
        Outcome::Accepted(receipt) => of(&receipt.job, Some(receipt.clone())),
        Outcome::Unknown => match begun(work, jobs, entry) {
            Some(job) => of(&job.id, None),
            None => Ours::Lost(entry.at),
        },
    };
    if entry.attempt == attempt {
        return found;
    }
    // What an earlier attempt began counts while it goes on: nothing must be begun beside it.
    let goes_on = |id: &str| jobs.iter().any(|job| job.number() == number(id) && job.goes_on());
    match found {
        Ours::Job { id, since, receipt } if goes_on(&id) => Ours::Job { id, since, receipt },
        Ours::Job { .. } | Ours::Lost(_) | Ours::None => Ours::None,
    }
}

/// The job that an order began whose reply was lost: the newest of its kind with a larger number than any before. One
/// that builds what is wanted goes before one that does not.
fn begun<'a>(work: &BranchJob, jobs: &'a [Job], entry: &Past) -> Option<&'a Job> {
    let (kind, newest) = match &entry.what {
        Do::Retry { newest, .. } => ("RETRY", *newest),
        Do::Deploy { newest, .. } => ("MANUAL", *newest),
        Do::Stop { .. } => return None,
    };
    let earliest = entry.at.checked_sub(SKEW).unwrap_or(entry.at);
    let is_later = |job: &&Job| {
        job.number() > newest && job.kind == kind && job.started_at.is_none_or(|started| started >= earliest)
    };
    let is_it = |job: &&Job| builds(work, job) == Builds::Wanted;
    let mut later = jobs.iter().filter(is_later);
    // Somebody else may upload something else meanwhile; nobody else has an earlier job built again.
    match work.way {
        JobWay::Rebuild { .. } => later.clone().find(is_it).or_else(|| later.next()),
        JobWay::Redeploy { .. } => later.find(is_it),
    }
}

/// A job that somebody else began and that brings what is wanted: it is under way, or about to become the active one.
fn twin<'a>(work: &BranchJob, active: Option<&str>, jobs: &'a [Job]) -> Option<&'a Job> {
    let active = active.map(number).unwrap_or_default();
    let brings = |job: &&Job| {
        job.number() > active
            && matches!(job.stand(), Stand::UnderWay | Stand::Succeeded)
            && builds(work, job) == Builds::Wanted
    };
    jobs.iter().find(brings)
}

fn not_listed(work: &BranchJob, id: &str, receipt: Option<&Receipt>, since: Duration) -> Judgement<Do> {
    if since < SETTLE {
        let status = receipt.map(|receipt| format!(": {}", receipt.status)).unwrap_or_default();
        return Judgement::Wait(format!("job {id} has begun and is about to be listed{status}"));
    }
    fail(
        format!("Amplify took the order as job {id} and does not list that job on {} of {}.", work.branch, work.name),
        Finding::Inconclusive,
        "Look at the branch's deployments in the Amplify console. Retry orders one anew.",
    )
}

fn afresh(work: &BranchJob, seen: &BranchSeen, entries: &[Past], now: Now) -> Judgement<Do> {
    if let Some(twin) = twin(work, seen.branch.active.as_deref(), &seen.jobs) {
        return follow(work, seen, twin, entries, now);
    }
    if let Some(judgement) = clear(work, seen, None, entries, now) {
        return judgement;
    }
    let active = seen.branch.active.as_deref().map(number);
    if let Some(active) = seen.jobs.iter().find(|job| Some(job.number()) == active)
        && builds(work, active) == Builds::Wanted
    {
        let text = format!(
            "{} is what visitors of {} of {} get (activeJobId); nothing is under way.",
            capital(&active.whole()),
            work.branch,
            work.name
        );
        let output = json!({ "job": active.id, "commit": active.commit() });
        return Judgement::Done { evidence: vec![Evidence::new(text)], output };
    }
    let newest = seen.jobs.iter().map(Job::number).max().unwrap_or_default();
    let (app, branch) = (work.app.clone(), work.branch.clone());
    Judgement::Act(match &work.way {
        JobWay::Rebuild { commit } => Do::Retry { app, branch, job: work.job.clone(), commit: commit.clone(), newest },
        JobWay::Redeploy { source, kind } => {
            Do::Deploy { app, branch, source: source.clone(), kind: kind.clone(), newest }
        }
    })
}

/// What stops jobs that are in the way, newest first, so that none begins when another ends; `None` when there is none.
pub(super) fn clear(
    work: &BranchJob,
    seen: &BranchSeen,
    but: Option<&Job>,
    entries: &[Past],
    now: Now,
) -> Option<Judgement<Do>> {
    let is_other = |job: &&Job| but.is_none_or(|but| but.number() != job.number());
    let other = seen.jobs.iter().filter(|job| job.goes_on()).find(is_other)?;
    Some(match other.stand() {
        Stand::UnderWay => follow::stop(work, other, Stopping::InTheWay, entries, now),
        Stand::BeingStopped | Stand::Stopped | Stand::Failed | Stand::Succeeded => {
            Judgement::Wait(format!("{} is being stopped", other.whole()))
        }
    })
}
