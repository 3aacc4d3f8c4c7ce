//! A static site in S3 behind `CloudFront`: a build is copied over the live one, the origin path is switched, or a point in
//! time is restored from the bucket's versions.

pub mod act;
pub mod builds;
pub mod copying;
pub mod distribution;
pub mod heads;
pub mod inventory;
pub mod judge;
#[cfg(test)]
mod judge_cases;
pub mod list;
pub mod look;
pub mod manifest;
pub mod object;
pub mod observe;
pub mod order;
pub mod plan;
#[cfg(test)]
mod plan_cases;
pub mod progress;
#[cfg(test)]
mod progress_cases;
pub mod proof;
pub mod refusals;
pub mod releases;
pub mod versions;

pub use inventory::{SiteInventory, SiteSpec};
pub use judge::SiteStep;
pub use look::{look, prepare};
pub use plan::plan;
pub use releases::{past, releases};
