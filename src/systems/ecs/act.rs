//! What is done to an ECS service: each call with one attempt and without a client token, for ECS has none.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{DeploymentLifecycleHookAction, StopServiceDeploymentStopType};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use super::inventory::short;
use super::register::{self, Wanted};
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `StopServiceDeployment` with stop type `ROLLBACK`: ECS goes back to where the deployment came from.
    #[serde(rename = "StopServiceDeployment")]
    Stop {
        /// The ARN of the service deployment.
        deployment: String,
    },
    /// `ContinueServiceDeployment` with action `ROLLBACK`, where a deployment is paused at a lifecycle hook.
    #[serde(rename = "ContinueServiceDeployment")]
    Continue {
        /// The ARN of the service deployment.
        deployment: String,
        /// The id of the hook that it waits at.
        hook: String,
    },
    /// `RegisterTaskDefinition`: another one's content with other images.
    #[serde(rename = "RegisterTaskDefinition")]
    Register {
        /// The ARN of the task definition whose content is taken.
        like: String,
        /// The images that are replaced, by container.
        images: BTreeMap<String, String>,
        /// The ARN of the task definition that is taken back.
        instead_of: String,
    },
    /// `UpdateService` to a task definition.
    #[serde(rename = "UpdateService")]
    Update {
        /// The cluster's ARN.
        cluster: String,
        /// The service's ARN.
        service: String,
        /// The task definition's full ARN.
        task_definition: String,
        /// Whether ECS makes a deployment even where the task definition is the present one.
        deployment: NewDeployment,
    },
}

/// Whether `UpdateService` makes a new deployment where nothing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewDeployment {
    /// Only where something differs.
    IfNeeded,
    /// Always: the same task definition is to be started again.
    Forced,
}

/// What ECS answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "snake_case")]
pub enum Receipt {
    /// The service deployment is being stopped.
    Stopping {
        /// Its ARN.
        deployment: String,
    },
    /// The task definition is registered.
    Registered {
        /// Its ARN.
        task_definition: String,
    },
    /// The service is being updated.
    Updating {
        /// The id of the new primary deployment, `ecs-svc/…`: its tasks bear it.
        deployment: String,
    },
}

impl Do {
    /// The verb and what it is for, as people read it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Stop { deployment } => format!("StopServiceDeployment of {}", short(deployment)),
            Self::Continue { deployment, .. } => {
                format!("ContinueServiceDeployment of {} with ROLLBACK", short(deployment))
            }
            Self::Register { like, .. } => format!("RegisterTaskDefinition from {}", short(like)),
            Self::Update { task_definition, .. } => format!("UpdateService to {}", short(task_definition)),
        }
    }
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
    let ecs = &aws.writes().ecs;
    match what {
        Do::Stop { deployment } => {
            let answer = ecs
                .stop_service_deployment()
                .service_deployment_arn(deployment)
                // ABORT is in the enum, and ECS refuses it.
                .stop_type(StopServiceDeploymentStopType::Rollback)
                .send()
                .await
                .map_err(|error| AwsError::of("ecs", "StopServiceDeployment", &error))?;
            Ok(Acted {
                request_id: answer.request_id().map(str::to_owned),
                receipt: Receipt::Stopping {
                    deployment: answer.service_deployment_arn.unwrap_or_else(|| deployment.clone()),
                },
            })
        }
        Do::Continue { deployment, hook } => {
            let answer = ecs
                .continue_service_deployment()
                .service_deployment_arn(deployment)
                .hook_id(hook)
                // What is left out is CONTINUE.
                .action(DeploymentLifecycleHookAction::Rollback)
                .send()
                .await
                .map_err(|error| AwsError::of("ecs", "ContinueServiceDeployment", &error))?;
            Ok(Acted {
                request_id: answer.request_id().map(str::to_owned),
                receipt: Receipt::Stopping { deployment: deployment.clone() },
            })
        }
        Do::Register { like, images, instead_of } => {
            register::register(aws, Wanted { like, images, instead_of }, key).await
        }
        Do::Update { cluster, service, task_definition, deployment } => {
            // No desired count: that would fight Application Auto Scaling.
            let call = ecs.update_service().cluster(cluster).service(service).task_definition(task_definition);
            let call = match deployment {
                NewDeployment::IfNeeded => call,
                NewDeployment::Forced => call.force_new_deployment(true),
            };
            let answer = call.send().await.map_err(|error| AwsError::of("ecs", "UpdateService", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            let deployments = answer.service.and_then(|service| service.deployments).unwrap_or_default();
            let primary = deployments.into_iter().find(|deployment| deployment.status() == Some("PRIMARY"));
            let deployment = primary.and_then(|primary| primary.id).unwrap_or_default();
            Ok(Acted { receipt: Receipt::Updating { deployment }, request_id })
        }
    }
}
