//! A branch and its jobs, for tests.

use jiff::Timestamp;
use serde::Serialize;

use super::act::{Do, Receipt};
use super::app::{App, Origin};
use super::inventory::{Branch, BranchInventory, BranchSeen, BranchSpec, Followed, Pushes};
use super::job::{Job, JobStep};
use crate::incident::amplify::{BranchJob, JobWay};
use crate::incident::step::{Act, ActOutcome};

pub(super) const GOOD: &str = "2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0";
pub(super) const BAD: &str = "3c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1";
pub(super) const OLD: &str = "1a6f3c5d7e9b0a2c4d6e8f0a1b3c5d7e9f0a2b4c";
pub(super) const PLACE: &str = "s3://shop-builds/7/";

pub(super) fn minutes(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    start.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap()
}

/// A job that began so many minutes before three o'clock and took four.
pub(super) fn job(id: u64, commit: &str, status: &str, at: i64) -> Job {
    let is_over = matches!(status, "SUCCEED" | "FAILED" | "CANCELLED");
    Job {
        id: id.to_string(),
        kind: "RELEASE".to_owned(),
        status: status.to_owned(),
        commit_id: commit.to_owned(),
        message: format!("change {id}"),
        started_at: Some(minutes(at)),
        ended_at: is_over.then(|| minutes(at + 4)),
        source: None,
        source_kind: None,
    }
}

/// Job 8 of the bad commit is live; job 7 of the good one was before.
pub(super) fn history() -> Vec<Job> {
    vec![job(8, BAD, "SUCCEED", -20), job(7, GOOD, "SUCCEED", -4_000), job(6, OLD, "SUCCEED", -9_000)]
}

pub(super) fn with(newest: Job) -> Vec<Job> {
    let mut jobs = history();
    jobs.insert(0, newest);
    jobs
}

pub(super) fn inventory(origin: Origin, jobs: Vec<Job>, active: Option<u64>) -> BranchInventory {
    BranchInventory {
        spec: BranchSpec { name: "frontend".to_owned(), app: "shop".to_owned(), branch: "main".to_owned() },
        app: App { id: "d1a2b3c4".to_owned(), name: "shop".to_owned(), origin },
        branch: branch(active),
        jobs,
    }
}

pub(super) fn branch(active: Option<u64>) -> Branch {
    Branch {
        arn: "arn:aws:amplify:eu-north-1:123456789012:apps/d1a2b3c4/branches/main".to_owned(),
        active: active.map(|active| active.to_string()),
        pushes: Pushes::Nothing,
        ..Branch::default()
    }
}

pub(super) fn seen(jobs: Vec<Job>, active: u64) -> BranchSeen {
    BranchSeen { branch: branch(Some(active)), jobs, followed: None }
}

/// The same with a job that is followed, and the steps of it.
pub(super) fn following(jobs: Vec<Job>, active: u64, steps: &[(&str, &str)]) -> BranchSeen {
    let job = jobs.first().unwrap().clone();
    let steps = steps.iter().map(|(name, status)| JobStep {
        name: (*name).to_owned(),
        status: (*status).to_owned(),
        reason: (*status == "FAILED").then(|| "npm run build: exit 1".to_owned()),
        log: Some(format!("https://example.com/{name}.txt")),
        started_at: Some(minutes(0)),
        ended_at: (*status != "RUNNING").then(|| minutes(2)),
    });
    let followed = Some(Followed { job, steps: steps.collect() });
    BranchSeen { followed, ..seen(jobs, active) }
}

pub(super) fn rebuild() -> BranchJob {
    work(JobWay::Rebuild { commit: GOOD.to_owned() })
}

pub(super) fn redeploy() -> BranchJob {
    work(JobWay::Redeploy { source: PLACE.to_owned(), kind: Some("BUCKET_PREFIX".to_owned()) })
}

fn work(way: JobWay) -> BranchJob {
    BranchJob {
        app: "d1a2b3c4".to_owned(),
        name: "shop".to_owned(),
        branch: "main".to_owned(),
        from: Some("8".to_owned()),
        job: "7".to_owned(),
        way,
    }
}

pub(super) fn retry(newest: u64) -> Do {
    let (app, branch) = ("d1a2b3c4".to_owned(), "main".to_owned());
    Do::Retry { app, branch, job: "7".to_owned(), commit: GOOD.to_owned(), newest }
}

pub(super) fn act(what: &impl Serialize, outcome: ActOutcome) -> Act {
    Act { number: 1, attempt: 1, what: serde_json::to_value(what).unwrap(), at: minutes(0), outcome }
}

pub(super) fn began(job: &str, commit: &str) -> ActOutcome {
    let receipt = Receipt { job: job.to_owned(), commit: commit.to_owned(), status: "PENDING".to_owned() };
    ActOutcome::Accepted { receipt: serde_json::to_value(receipt).unwrap(), request_id: None }
}
