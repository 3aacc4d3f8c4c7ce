//! Whether a job deploys what is wanted. Pure.

use super::job::{Job, is_same_commit};
use crate::incident::amplify::{BranchJob, JobWay};

/// What a job deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Builds {
    /// What is wanted.
    Wanted,
    /// Something else: what Amplify calls it.
    SomethingElse(String),
    /// Amplify does not say.
    Unsaid,
}

/// What `job` deploys, seen from `work`. `HEAD` is something else: nobody knows which commit that will be.
pub(super) fn builds(work: &BranchJob, job: &Job) -> Builds {
    match &work.way {
        JobWay::Rebuild { commit } => match job.commit() {
            Some(built) if is_same_commit(&built, commit) => Builds::Wanted,
            Some(built) => Builds::SomethingElse(built),
            None if job.commit_id.is_empty() => Builds::Unsaid,
            None => Builds::SomethingElse(job.commit_id.clone()),
        },
        JobWay::Redeploy { source, .. } => match &job.source {
            Some(place) if place == source => Builds::Wanted,
            Some(place) => Builds::SomethingElse(place.clone()),
            None => Builds::Unsaid,
        },
    }
}

/// What is wanted, as people call it.
pub(super) fn wanted(work: &BranchJob) -> String {
    match &work.way {
        JobWay::Rebuild { commit } => super::job::short(commit).to_owned(),
        JobWay::Redeploy { source, .. } => source.clone(),
    }
}
