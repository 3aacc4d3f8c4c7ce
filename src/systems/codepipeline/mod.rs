//! A stage of a pipeline: taken back by `RollbackStage`, or by a new run for an earlier commit; and deployments held back
//! in front of one.

pub mod act;
#[cfg(test)]
mod fixtures;
pub mod freeze;
pub mod freeze_act;
pub mod freeze_judge;
#[cfg(test)]
mod freeze_judge_cases;
pub mod freeze_look;
pub mod freeze_plan;
pub mod inventory;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod look;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod plan_cases;
pub mod reason;
pub mod refusals;
pub mod releases;
pub mod target;

pub use freeze::FreezeOrder;
pub use inventory::{How, StageInventory, StageSpec};
pub use look::look;
pub use plan::plan;
pub use releases::{past, releases};
