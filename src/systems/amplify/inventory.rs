//! What a look at a branch finds: plain data.

use std::time::Duration;

use super::app::App;
use super::job::{Job, JobStep, number};

/// A branch of an app as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The app's id or name.
    pub app: String,
    /// The branch.
    pub branch: String,
}

/// What was found for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchInventory {
    /// What was looked for.
    pub spec: BranchSpec,
    /// The app.
    pub app: App,
    /// The branch.
    pub branch: Branch,
    /// Its jobs, newest first.
    pub jobs: Vec<Job>,
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    /// Its ARN.
    pub arn: String,
    /// The job that visitors get, without leading zeros.
    pub active: Option<String>,
    /// What a push does.
    pub pushes: Pushes,
    /// What is built beside the frontend: the stack or environment of its backend.
    pub backend: Option<String>,
    /// Whether pages are kept for some minutes (performance mode).
    pub caches: Caches,
}

/// What a push to a branch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pushes {
    /// It is built and deployed.
    Deploy,
    /// Nothing.
    #[default]
    Nothing,
}

/// Whether visitors may get pages from before for some minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caches {
    /// They may: performance mode is on.
    Pages,
    /// They get what is active.
    #[default]
    Nothing,
}

/// What was seen of a branch while it is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchSeen {
    /// The branch.
    pub branch: Branch,
    /// Its newest jobs, newest first.
    pub jobs: Vec<Job>,
    /// The job that is followed, with its steps.
    pub followed: Option<Followed>,
}

/// A job with its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The job.
    pub job: Job,
    /// Its steps, in their order.
    pub steps: Vec<JobStep>,
}

impl BranchInventory {
    /// The job that visitors get.
    pub fn active(&self) -> Option<&Job> {
        let active = self.branch.active.as_deref()?;
        self.jobs.iter().find(|job| job.number() == number(active))
    }

    /// The branch, as people read it: `main of shop`.
    pub fn title(&self) -> String {
        format!("{} of {}", self.spec.branch, self.app.name)
    }
}

impl Job {
    /// How long it took.
    pub fn took(&self) -> Option<Duration> {
        self.ended_at?.duration_since(self.started_at?).try_into().ok()
    }
}
