//! Amplify Hosting: a branch whose earlier job is deployed again, a domain that is led to another branch, and automatic
//! builds that are held back.

pub mod act;
pub mod app;
pub mod auto_build;
pub mod auto_build_act;
#[cfg(test)]
mod auto_build_cases;
mod auto_build_judge;
pub mod check;
pub mod domain;
pub mod domain_act;
#[cfg(test)]
mod domain_cases;
pub mod domain_judge;
pub mod domain_plan;
#[cfg(test)]
mod fixtures;
mod follow;
pub mod inventory;
pub mod job;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod look;
mod news;
pub mod plan;
#[cfg(test)]
mod plan_cases;
pub mod refusals;
pub mod system;
pub mod target;
mod wanted;

pub use domain::DomainSpec;
pub use inventory::BranchSpec;
pub use system::{AmplifyInventory, AmplifySpec};
