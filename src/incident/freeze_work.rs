//! What a freeze holds: plain data, and the words for it.

use serde::{Deserialize, Serialize};

use super::work::{PipelineFreeze, Stop};

/// A place where deployments are held back. Stored without a tag, because records of the first kind have none: the kinds
/// differ in their keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FreezeWork {
    /// The entrance of a stage of a pipeline.
    Pipeline(PipelineFreeze),
    /// The automatic builds of a branch on Amplify Hosting.
    AutoBuild(AutoBuild),
}

/// A branch on Amplify Hosting whose pushes are not to be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoBuild {
    /// The app's id or name, as configured.
    pub app: String,
    /// The branch.
    pub branch: String,
}

impl FreezeWork {
    /// What it is, for people: `pipeline shop-prod, stage Deploy`.
    pub fn title(&self) -> String {
        match self {
            Self::Pipeline(freeze) => freeze.title(),
            Self::AutoBuild(freeze) => format!("branch {} of Amplify app {}", freeze.branch, freeze.app),
        }
    }

    /// The same in a word or two: `shop-prod`.
    pub fn name(&self) -> String {
        match self {
            Self::Pipeline(freeze) => freeze.pipeline.clone(),
            Self::AutoBuild(freeze) => format!("{} of {}", freeze.branch, freeze.app),
        }
    }

    /// How deployments come about there; its title follows.
    pub fn by_way_of(&self) -> &'static str {
        match self {
            Self::Pipeline(_) => "through",
            Self::AutoBuild(_) => "by pushes to",
        }
    }

    /// Whether what is under way is stopped.
    pub fn stop(&self) -> Stop {
        match self {
            Self::Pipeline(freeze) => freeze.stop,
            Self::AutoBuild(_) => Stop::Leave,
        }
    }

    /// The same, and what is under way is stopped where that can be.
    #[must_use]
    pub fn stopping(self) -> Self {
        match self {
            Self::Pipeline(freeze) => Self::Pipeline(PipelineFreeze { stop: Stop::Stop, ..freeze }),
            Self::AutoBuild(freeze) => Self::AutoBuild(freeze),
        }
    }

    /// Whether both are the same place.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pipeline(one), Self::Pipeline(other)) => {
                (&one.pipeline, &one.stage) == (&other.pipeline, &other.stage)
            }
            (Self::AutoBuild(one), Self::AutoBuild(other)) => one == other,
            (Self::Pipeline(_) | Self::AutoBuild(_), _) => false,
        }
    }

    /// That it is open although it is to be held, as a sentence.
    pub fn is_open(&self) -> &'static str {
        match self {
            Self::Pipeline(_) => "The transition is open: somebody enabled it in AWS, so deployments go through.",
            Self::AutoBuild(_) => "Automatic builds are on: somebody turned them on in AWS, so pushes are deployed.",
        }
    }

    /// That it is still held although it is to be open, as a sentence.
    pub fn is_held(&self) -> &'static str {
        match self {
            Self::Pipeline(_) => "The transition is still disabled.",
            Self::AutoBuild(_) => "Automatic builds are still off.",
        }
    }
}
