//! CloudFormation stacks: taken back by what fits their status.

pub mod act;
pub mod change_set;
pub mod changes;
pub mod compare;
pub mod content;
pub mod events;
pub mod inventory;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod look;
pub mod observe;
pub mod plan;
pub mod refusal;
pub mod releases;
pub mod remedy;
pub mod source;
pub mod status;
pub mod triggers;

pub use inventory::{StackInventory, StackSpec};
pub use look::look;
pub use plan::plan;
