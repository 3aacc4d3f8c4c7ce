//! ECS services under the ECS deployment controller: taken back to an earlier task definition.

pub mod act;
pub mod code_deploy;
pub mod deployments;
#[cfg(test)]
mod fixtures;
pub mod inventory;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod look;
pub mod making;
pub mod needs;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod plan_cases;
pub mod proof;
pub mod register;
#[cfg(test)]
mod register_cases;
pub mod registry;
pub mod releases;
mod remedies;
pub mod signs;
pub mod strategy;
pub mod target;
pub mod waiting;

pub use inventory::{EcsInventory, EcsSpec};
pub use look::{learn_commits, look, look_at_target};
pub use plan::plan;
pub use releases::{past, releases};
