//! A stand-in for AWS on loopback: the services of `api`, as clients meet them on the wire.
//!
//! It is a state machine with time in it (`account`, `service`, `rollout`, `rollback`, `task`), strict about what it
//! accepts (`shapes`, `signature`), honest (nothing is healthy but by the behaviour of the image that runs), and it does
//! not know who calls. Durations run at the clock's pace; every time that it reports is real.

mod account;
mod alarms;
mod amplify;
mod api;
mod blob;
mod blue_green;
mod blue_green_seeding;
mod buckets;
mod build;
mod builds;
mod cbor;
mod cloudfront;
mod code_deploy;
mod described;
mod functions;
mod identities;
mod ids;
mod images;
mod json;
mod object_lists;
mod object_version;
mod object_writes;
mod objects;
mod payload;
mod pipeline;
mod pipeline_course;
mod pipeline_entrance;
mod pipeline_outside;
mod pipeline_replies;
mod pipeline_returns;
mod pipeline_seeding;
mod pipelines;
mod query;
mod refusal;
mod rest_json;
mod rest_xml;
mod rest_xml_reply;
mod revision;
mod rollback;
mod rollout;
mod seed;
mod seed_buckets;
mod seed_pipelines;
mod seeding;
mod server;
mod service;
mod service_deployments;
mod services;
mod shapes;
mod signature;
mod site;
mod stacks;
mod stand_in;
mod strategies;
mod supplies;
mod targets;
mod task;
mod task_definitions;
mod tasks;
#[cfg(test)]
mod tests;
mod xml;

pub use alarms::{AlarmState, SeedAlarm, SeedWatched};
pub use amplify::{
    SeedApp, SeedBranch, SeedDomain, SeedFiles, SeedJob, SeedJobEnding, SeedJobFailure, SeedJobKind, SeedRunningJob,
    SeedSourceKind, SeedSubDomain,
};
pub use cloudfront::{SeedBehavior, SeedDistribution, SeedErrorPage, SeedInvalidation, SeedMissing, SeedOrigin};
pub use functions::{
    SeedAlias, SeedCode, SeedEventSource, SeedFunction, SeedFunctionVersion, SeedLatest, SeedPackage, SeedProvisioned,
    SeedState, SeedUpdateFailure,
};
pub use refusal::Refusal;
pub use seed::{
    Answer, Behaviour, Controller, Ending, Health, ImageStatus, ResourceManagementType, RollbackCause, Scheduling,
    Seed, SeedCodeDeploy, SeedDeployment, SeedImage, SeedInFlight, SeedLoadBalancer, SeedRole, SeedService,
    SeedTargetGroup, SeedTaskDefinition, ServiceStatus, Start, TaskDefinitionStatus,
};
pub use seed_buckets::{SeedBucket, SeedObject, Versioning};
pub use seed_pipelines::{
    ActionCategory, ActionFailure, BuildFailure, Deploys, ExecutionMode, OnFailure, PastExecution, PipelineType,
    SeedAction, SeedBuild, SeedCommit, SeedDisabled, SeedExecution, SeedInFlightExecution, SeedPipeline, SeedProject,
    SeedRollback, SeedStage,
};
pub use stacks::{
    SeedDeploying, SeedFailure, SeedParent, SeedResource, SeedStack, SeedStackSite, SeedTakes, SeedUpdate, SeedVersion,
    StackStatus, Undertaking,
};
pub use stand_in::{AwsStandIn, RunningTask};
