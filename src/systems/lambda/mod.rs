//! Lambda functions: an alias is pointed at an older version; without one, `$LATEST` gets an older version's code and
//! settings; and some settings are changed alone.

pub mod act;
pub mod alias;
#[cfg(test)]
mod alias_cases;
pub mod callers;
pub mod code;
#[cfg(test)]
mod code_cases;
pub mod configure;
#[cfg(test)]
mod fixtures;
pub mod inventory;
pub mod judge;
pub mod look;
pub mod plan;
#[cfg(test)]
mod plan_cases;
pub mod refusals;
pub mod releases;
pub mod settings;
#[cfg(test)]
mod settings_cases;
pub mod settings_plan;
pub mod settings_step;
pub mod shifting;
pub mod target;

pub use inventory::{LambdaInventory, LambdaSpec, SettingsInventory, SettingsSpec};
pub use look::{look, look_at_settings};
pub use plan::plan;
pub use releases::{past, releases};
