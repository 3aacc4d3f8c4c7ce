//! What is done in `CodeDeploy`: each call with one attempt. `CreateDeployment` has no client token, so the deployment's
//! description bears the act's key.

use std::collections::BTreeMap;

use aws_sdk_codedeploy::types as sdk;
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use super::super::act as ecs;
use super::super::inventory::short;
use super::super::register::{self, Wanted};
use super::app_spec::AppSpec;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `StopDeployment` with a rollback: traffic goes back to the tasks that it came from.
    #[serde(rename = "StopDeployment")]
    Stop {
        /// The deployment's id.
        deployment: String,
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
    /// `CreateDeployment` of an `AppSpec`.
    #[serde(rename = "CreateDeployment")]
    Create {
        /// The application's name.
        application: String,
        /// The deployment group's name.
        group: String,
        /// The ARN of the task definition that the `AppSpec` names.
        task_definition: String,
        /// The `AppSpec`.
        app_spec: String,
    },
}

/// What AWS answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "snake_case")]
pub enum Receipt {
    /// The deployment is being stopped.
    Stopping {
        /// Its id.
        deployment: String,
    },
    /// The task definition is registered.
    Registered {
        /// Its ARN.
        task_definition: String,
    },
    /// The deployment is made.
    Created {
        /// Its id.
        deployment: String,
    },
}

impl Do {
    /// The verb and what it is for, as people read it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Stop { deployment } => format!("StopDeployment of {deployment}"),
            Self::Register { like, .. } => format!("RegisterTaskDefinition from {}", short(like)),
            Self::Create { task_definition, .. } => format!("CreateDeployment of {}", short(task_definition)),
        }
    }
}

/// What a deployment's description says, for people who look in `CodeDeploy` and for whoever looks for a lost reply.
pub fn description(key: &str) -> String {
    format!("Rollback by Rollbot, {key}")
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
    let code_deploy = &aws.writes().codedeploy;
    match what {
        Do::Stop { deployment } => {
            let call = code_deploy.stop_deployment().deployment_id(deployment).auto_rollback_enabled(true);
            let answer = call.send().await.map_err(|error| AwsError::of("codedeploy", "StopDeployment", &error))?;
            Ok(Acted {
                request_id: answer.request_id().map(str::to_owned),
                receipt: Receipt::Stopping { deployment: deployment.clone() },
            })
        }
        Do::Register { like, images, instead_of } => {
            let registered = register::register(aws, Wanted { like, images, instead_of }, key).await?;
            let task_definition = match registered.receipt {
                ecs::Receipt::Registered { task_definition } => task_definition,
                ecs::Receipt::Stopping { .. } | ecs::Receipt::Updating { .. } => String::new(),
            };
            Ok(Acted { receipt: Receipt::Registered { task_definition }, request_id: registered.request_id })
        }
        Do::Create { application, group, app_spec, .. } => {
            let spec = AppSpec::read(app_spec).ok_or_else(|| {
                AwsError::local("codedeploy", "CreateDeployment", ErrorClass::Bug, "the AppSpec cannot be read")
            })?;
            let content = sdk::AppSpecContent::builder().content(app_spec).sha256(spec.sha256()).build();
            let revision = sdk::RevisionLocation::builder()
                .revision_type(sdk::RevisionLocationType::AppSpecContent)
                .app_spec_content(content)
                .build();
            let answer = code_deploy
                .create_deployment()
                .application_name(application)
                .deployment_group_name(group)
                .revision(revision)
                .description(description(key))
                .send()
                .await
                .map_err(|error| AwsError::of("codedeploy", "CreateDeployment", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            let deployment = answer.deployment_id.unwrap_or_default();
            Ok(Acted { receipt: Receipt::Created { deployment }, request_id })
        }
    }
}
