//! What of Amplify can be taken back, under one name.

use super::domain::{self, DomainInventory, DomainSpec};
use super::domain_plan;
use super::inventory::{BranchInventory, BranchSpec};
use super::{look, plan};
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::host;
use crate::incident::ids::Resource;
use crate::systems::planned::{PlanRefusal, Planned, Ran, ReleaseLine};

/// A target as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmplifySpec {
    /// A branch of an app.
    Branch(BranchSpec),
    /// A name of a domain.
    Domain(DomainSpec),
}

/// What a look for planning found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmplifyInventory {
    /// Of a branch.
    Branch(BranchInventory),
    /// Of a domain.
    Domain(DomainInventory),
}

impl AmplifySpec {
    /// The target's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Branch(spec) => &spec.name,
            Self::Domain(spec) => &spec.name,
        }
    }

    /// What it is, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Branch(spec) => format!("Amplify app {}, branch {}", spec.app, spec.branch),
            Self::Domain(spec) => {
                format!("{} (domain of Amplify app {})", host(&spec.prefix, &spec.domain), spec.app)
            }
        }
    }

    /// A fresh look, for planning; `to` is what somebody asked for.
    ///
    /// # Errors
    /// When AWS does not answer or refuses, or there is no such thing.
    pub async fn look(&self, aws: &Aws, to: Option<&str>) -> Result<AmplifyInventory, AwsError> {
        match self {
            Self::Branch(spec) => look::look(aws, spec).await.map(AmplifyInventory::Branch),
            Self::Domain(spec) => domain::look(aws, spec, to).await.map(AmplifyInventory::Domain),
        }
    }
}

impl AmplifyInventory {
    /// What is to be done to go back to `to`, or to the release before.
    ///
    /// # Errors
    /// Why that is not possible, in a sentence that says what to do.
    pub fn plan(&self, to: Option<&str>) -> Result<Planned, PlanRefusal> {
        match self {
            Self::Branch(inventory) => plan::plan(inventory, to),
            Self::Domain(inventory) => domain_plan::plan(inventory, to),
        }
    }

    /// What is locked while it is taken back.
    pub fn resource(&self) -> Resource {
        match self {
            Self::Branch(inventory) => Resource::new(inventory.branch.arn.clone()),
            Self::Domain(inventory) => Resource::new(inventory.association.arn.clone()),
        }
    }

    /// What could be gone back to and what runs now.
    pub fn releases(&self) -> Vec<ReleaseLine> {
        match self {
            Self::Branch(inventory) => plan::releases(inventory),
            Self::Domain(inventory) => domain_plan::releases(inventory),
        }
    }

    /// What runs and what is going on, where the releases alone do not say it.
    pub fn stands(&self) -> Option<String> {
        match self {
            Self::Branch(_) => None,
            Self::Domain(inventory) => domain_plan::stands(inventory),
        }
    }

    /// What ran, newest first; where a name led before, nobody remembers.
    pub fn past(&self) -> Vec<Ran> {
        match self {
            Self::Branch(inventory) => plan::past(inventory),
            Self::Domain(_) => Vec::new(),
        }
    }
}
