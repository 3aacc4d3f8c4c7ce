//! A stand-in for AWS on loopback: ECS, ECR, `ELBv2` and STS as clients meet them on the wire.
//!
//! It is a state machine with time in it (`account`, `service`, `rollout`, `rollback`, `task`), strict about what it
//! accepts (`shapes`, `signature`), honest (nothing is healthy but by the behaviour of the image that runs), and it does
//! not know who calls. Durations run at the clock's pace; every time that it reports is real.

mod account;
mod described;
mod identities;
mod ids;
mod images;
mod json;
mod query;
mod refusal;
mod revision;
mod rollback;
mod rollout;
mod seed;
mod seeding;
mod server;
mod service;
mod service_deployments;
mod services;
mod shapes;
mod signature;
mod site;
mod stand_in;
mod targets;
mod task;
mod task_definitions;
mod tasks;
#[cfg(test)]
mod tests;

pub use refusal::Refusal;
pub use seed::{
    Answer, Behaviour, Controller, Ending, Health, ImageStatus, ResourceManagementType, RollbackCause, Seed,
    SeedDeployment, SeedImage, SeedInFlight, SeedLoadBalancer, SeedRole, SeedService, SeedTargetGroup,
    SeedTaskDefinition, ServiceStatus, Start, TaskDefinitionStatus,
};
pub use stand_in::{AwsStandIn, RunningTask};
