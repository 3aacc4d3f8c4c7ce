//! Whether `CodeDeploy` drives an alias right now. It would go on while Rollbot moves the alias, so it has to be
//! stopped first, in `CodeDeploy`, which takes the alias back by itself.
//!
//! An alias without weights may be driven as well: before the first shift, while a hook runs, and by a deployment that
//! moves all traffic at once. So every alias is looked at, for the plan and once more directly before it is moved.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::DeploymentStatus;

use crate::aws::{Aws, AwsError};

/// How many deployments under way are looked at: an account rarely has more than a handful.
const DEPLOYMENTS: usize = 100;
/// How many pages are read; a page may be empty and have a next one all the same.
const PAGES: usize = 20;
/// Every status of a deployment that is not over.
const UNDER_WAY: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

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
    /// It could not be looked at, or not at all of it: why, in AWS's words or ours.
    Unseen(String),
}

/// Looks for such a deployment.
///
/// # Errors
/// When AWS does not answer now.
pub async fn look(aws: &Aws, function: &str, alias: &str) -> Result<Shifting, AwsError> {
    match among_all(&aws.reads().codedeploy, name(function), alias).await {
        Ok(found) => Ok(found),
        Err(error) if error.class.may_pass() => Err(error),
        Err(error) => Ok(Shifting::Unseen(error.to_string())),
    }
}

/// How a deployment that drives an alias is stopped, as a sentence.
pub fn way_out(deployment: &str) -> String {
    format!(
        "Stop that first, with its own rollback: `aws deploy stop-deployment --deployment-id {deployment} \
         --auto-rollback-enabled`."
    )
}

/// The function's name, where the configuration has its ARN: `CodeDeploy` tells the name.
fn name(function: &str) -> &str {
    function.rsplit_once(":function:").map_or(function, |(_, name)| name)
}

async fn among_all(client: &Client, function: &str, alias: &str) -> Result<Shifting, AwsError> {
    let mut looked_at = 0;
    let mut next = None;
    for _ in 0..PAGES {
        let call = client.list_deployments().set_include_only_statuses(Some(UNDER_WAY.to_vec())).set_next_token(next);
        let page = call.send().await.map_err(|error| AwsError::of("codedeploy", "ListDeployments", &error))?;
        for id in page.deployments.unwrap_or_default() {
            if looked_at == DEPLOYMENTS {
                return Ok(too_many());
            }
            looked_at += 1;
            if drives(client, &id, function, alias).await? {
                return Ok(Shifting::By { deployment: id });
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Shifting::No);
        }
    }
    Ok(too_many())
}

fn too_many() -> Shifting {
    Shifting::Unseen(format!(
        "CodeDeploy has more deployments under way than Rollbot looks at, and none of the first {DEPLOYMENTS} is of this alias"
    ))
}

async fn drives(client: &Client, id: &str, function: &str, alias: &str) -> Result<bool, AwsError> {
    let call = client.list_deployment_targets().deployment_id(id);
    let listed = call.send().await.map_err(|error| AwsError::of("codedeploy", "ListDeploymentTargets", &error));
    let targets = match listed {
        Ok(listed) => listed.target_ids.unwrap_or_default(),
        // It has no target yet, and lasts some seconds: the look before the act finds it.
        Err(error) if error.code.as_deref() == Some("DeploymentNotStartedException") => return Ok(false),
        Err(error) => return Err(error),
    };
    if targets.is_empty() {
        return Ok(false);
    }
    let call = client.batch_get_deployment_targets().deployment_id(id).set_target_ids(Some(targets));
    let told = call.send().await.map_err(|error| AwsError::of("codedeploy", "BatchGetDeploymentTargets", &error))?;
    Ok(told.deployment_targets().iter().any(|target| {
        let info = target.lambda_target().and_then(|lambda| lambda.lambda_function_info());
        info.is_some_and(|info| info.function_name() == Some(function) && info.function_alias() == Some(alias))
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("jobs")]
    #[case("arn:aws:lambda:eu-north-1:123456789012:function:jobs")]
    fn codedeploy_knows_a_function_by_its_name(#[case] function: &str) {
        assert_eq!(name(function), "jobs");
    }
}
