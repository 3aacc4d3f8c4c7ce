//! Amplify Hosting: apps with branches, jobs that take their time, and domains that point at branches.
//!
//! A build is known by what it was made of: a commit, or the address of the files. What a viewer gets of a branch is
//! what its active job published (`site`), so an app is healthy or not by what was built and by nothing else.
//! `seed` and `seeding` are the past, `jobs`, `deployments` and `domains` what requests do, `course` what time does,
//! `described` how it all looks from outside, and `outside` what others do.
//!
//! Three habits of the real service are kept because a rollback stumbles over them: `activeJobId` has ten digits and
//! `jobId` has not; a job that a webhook or `RELEASE` started names `HEAD` as its commit (amplify-hosting#3447, #751);
//! and `RETRY` of a job that a webhook started builds the branch's newest commit (amplify-hosting#1253).

mod app;
mod course;
mod deployments;
mod described;
mod domain;
mod domains;
mod handed;
mod job;
mod jobs;
mod outside;
mod perform;
mod seed;
mod seeding;
mod site;

pub(super) use app::Apps;
pub(super) use seed::listed;
pub use seed::{
    SeedApp, SeedBranch, SeedDomain, SeedFiles, SeedJob, SeedJobEnding, SeedJobFailure, SeedJobKind, SeedRunningJob,
    SeedSourceKind, SeedSubDomain,
};
pub(super) use site::AppSite;
