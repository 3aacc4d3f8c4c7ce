//! A build project that deploys a commit: an earlier commit is built and deployed again.

pub mod act;
#[cfg(test)]
mod cases;
pub mod inventory;
pub mod judge;
pub mod look;
pub mod plan;
pub mod refusals;
pub mod target;

pub use inventory::{BuildInventory, BuildSpec};
pub use look::look;
pub use plan::{past, plan, releases};
