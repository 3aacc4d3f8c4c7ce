//! What planning for one target comes to.

use jiff::Timestamp;

use crate::incident::plan::Step;
use crate::incident::release::Release;

/// What is to be done for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// These steps, and what whoever approves should know.
    Steps {
        /// The steps of the target's lane, one after the other: the last takes it back, and what comes before prepares
        /// that. At least one.
        steps: Vec<Step>,
        /// What whoever approves should know, as sentences.
        warnings: Vec<String>,
    },
    /// The release that was asked for runs already.
    NothingToDo {
        /// The release.
        release: Release,
        /// What was seen, as a sentence.
        why: String,
    },
}

/// Why no step can be planned: one sentence of what was wrong, one of what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct PlanRefusal {
    /// What was wrong and what to do.
    pub sentence: String,
}

impl PlanRefusal {
    /// A refusal with these words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into() }
    }
}

/// A release that Rollbot itself has proved to run well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedRelease {
    /// The release's id, as its system names it.
    pub id: String,
    /// When it was proved.
    pub at: Timestamp,
}

/// A release, and since when it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The release.
    pub release: Release,
    /// When the deployment began that brought it.
    pub since: Timestamp,
}

/// One line of what could be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseLine {
    /// The release.
    pub release: Release,
    /// What has become of it.
    pub status: ReleaseStatus,
    /// Whether one can go back to it.
    pub usable: Usable,
}

/// What has become of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseStatus {
    /// It is what is asked to run now.
    RunsNow,
    /// It is being deployed.
    BeingDeployed,
    /// Its last deployment succeeded.
    Good,
    /// Its last deployment failed.
    Failed,
    /// Its last deployment was rolled back.
    RolledBack,
    /// Its last deployment was stopped.
    Stopped,
    /// It was registered, and no deployment of it is known.
    RegisteredOnly,
}

/// Whether one can go back to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// Yes.
    Yes,
    /// It was deregistered.
    Deregistered,
    /// It ran well, and nothing is kept to deploy it from again.
    NotRepeatable,
}

impl ReleaseStatus {
    /// What people read.
    pub fn words(self) -> &'static str {
        match self {
            Self::RunsNow => "runs now",
            Self::BeingDeployed => "being deployed",
            Self::Good => "good",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Stopped => "stopped",
            Self::RegisteredOnly => "registered only",
        }
    }
}
