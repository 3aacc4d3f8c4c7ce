//! Whether `CodeDeploy` is shifting an alias's traffic right now. It would go on while Rollbot moves the alias, so it has
//! to be stopped first, in `CodeDeploy`, which takes the alias back by itself.

use aws_sdk_codedeploy::types::DeploymentStatus;

use super::inventory::Alias;
use crate::aws::{Aws, AwsError};

/// How many deployments under way are looked at: an account rarely has more.
const DEPLOYMENTS: usize = 25;

/// Whether a deployment of `CodeDeploy` drives an alias.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shifting {
    /// None does.
    #[default]
    No,
    /// This one does.
    By {
        /// The deployment's id.
        deployment: String,
    },
    /// It could not be looked at, in AWS's words.
    Unseen(String),
}

/// Looks for such a deployment. `CodeDeploy` shifts traffic by weights, so an alias without any is not looked at.
///
/// # Errors
/// When AWS does not answer now.
pub async fn look(aws: &Aws, function: &str, alias: &Alias) -> Result<Shifting, AwsError> {
    if alias.weights.is_empty() {
        return Ok(Shifting::No);
    }
    match deployment(aws, function, &alias.name).await {
        Ok(found) => Ok(found.map_or(Shifting::No, |deployment| Shifting::By { deployment })),
        Err(error) if error.class.may_pass() => Err(error),
        Err(error) => Ok(Shifting::Unseen(error.to_string())),
    }
}

async fn deployment(aws: &Aws, function: &str, alias: &str) -> Result<Option<String>, AwsError> {
    let client = &aws.reads().codedeploy;
    let under_way = [DeploymentStatus::Created, DeploymentStatus::Queued, DeploymentStatus::InProgress];
    let call = client.list_deployments().set_include_only_statuses(Some(under_way.to_vec()));
    let listed = call.send().await.map_err(|error| AwsError::of("codedeploy", "ListDeployments", &error))?;
    for id in listed.deployments.unwrap_or_default().into_iter().take(DEPLOYMENTS) {
        let call = client.list_deployment_targets().deployment_id(&id);
        let listed = call.send().await.map_err(|error| AwsError::of("codedeploy", "ListDeploymentTargets", &error));
        let targets = match listed {
            Ok(listed) => listed.target_ids.unwrap_or_default(),
            // It has shifted nothing yet.
            Err(error) if error.code.as_deref() == Some("DeploymentNotStartedException") => continue,
            Err(error) => return Err(error),
        };
        if targets.is_empty() {
            continue;
        }
        let call = client.batch_get_deployment_targets().deployment_id(&id).set_target_ids(Some(targets));
        let told =
            call.send().await.map_err(|error| AwsError::of("codedeploy", "BatchGetDeploymentTargets", &error))?;
        let drives = told.deployment_targets().iter().any(|target| {
            let info = target.lambda_target().and_then(|lambda| lambda.lambda_function_info());
            info.is_some_and(|info| info.function_name() == Some(function) && info.function_alias() == Some(alias))
        });
        if drives {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
