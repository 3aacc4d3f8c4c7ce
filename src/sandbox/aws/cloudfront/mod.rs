//! CloudFront: distributions over buckets, their invalidations, and what viewers get from the edge.
//!
//! An edge answers from its cache until an object expires or an invalidation of its path is completed, and asks the
//! origin as the *deployed* configuration has it. So a site looks old for the same reasons as in AWS: the change is not
//! deployed yet, or nobody has invalidated, or not to the end.

mod config;
mod distribution;
mod distributions;
mod edge;
mod invalidation;
mod perform;
mod seed;
mod site;

pub(super) use distributions::Distributions;
pub use seed::{SeedBehavior, SeedDistribution, SeedErrorPage, SeedInvalidation, SeedMissing, SeedOrigin};
pub(super) use site::EdgeSite;
