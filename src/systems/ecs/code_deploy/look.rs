//! The fresh look at what `CodeDeploy` knows of a service, which a plan is made from.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;
use futures::{StreamExt as _, TryStreamExt as _};

use super::app_spec::AppSpec;
use super::deployments::{self, CodeDeployment, Group};
use crate::aws::tasks::{self, Wanted};
use crate::aws::{Aws, AwsError};
use crate::incident::release::Image;

/// How many deployments are looked at: further back than anybody goes in an incident.
const DEPLOYMENTS: usize = 40;
/// How many revisions are read: there is no call for several.
const APP_SPECS: usize = 15;
/// How many of them at a time.
const AT_A_TIME: usize = 5;

/// What `CodeDeploy` knows of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDeployed {
    /// The deployment group that deploys it.
    pub group: Group,
    /// Its newest deployments, newest first.
    pub deployments: Vec<CodeDeployment>,
    /// Their revisions, by the SHA-256 of the `AppSpec`.
    pub app_specs: BTreeMap<String, AppSpec>,
    /// The images that run now, with their digests, by task definition.
    pub running: BTreeMap<String, Vec<Image>>,
}

/// Looks. `None` where no deployment of `CodeDeploy` has ever made a task set of the service that is still there.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn look(aws: &Aws, cluster: &str, service: &sdk::Service) -> Result<Option<CodeDeployed>, AwsError> {
    let Some(deployment) = made_by(service) else { return Ok(None) };
    let group = deployments::group_of(aws, deployment).await?;
    let arn = service.service_arn().unwrap_or_default();
    let (deployments, tasks) = futures::try_join!(
        deployments::newest(aws, &group.application, &group.name, DEPLOYMENTS, &[]),
        tasks::of_service(aws, cluster, arn, Wanted::Running),
    )?;
    let mut digests: Vec<String> = Vec::new();
    for digest in deployments.iter().filter_map(|deployment| deployment.app_spec.as_ref()) {
        if !digests.contains(digest) && digests.len() < APP_SPECS {
            digests.push(digest.clone());
        }
    }
    let application = group.application.as_str();
    let mut reads = Vec::new();
    for digest in digests {
        reads.push(read(aws, application, digest));
    }
    let app_specs: Vec<Option<(String, AppSpec)>> =
        futures::stream::iter(reads).buffer_unordered(AT_A_TIME).try_collect().await?;
    let mut running: BTreeMap<String, Vec<Image>> = BTreeMap::new();
    for task in tasks {
        let images = task.containers.into_iter().filter(|container| container.digest.is_some());
        let images = images.map(|container| Image {
            container: container.name,
            image: container.image,
            digest: container.digest,
        });
        running.entry(task.task_definition).or_insert_with(|| images.collect());
    }
    Ok(Some(CodeDeployed { group, deployments, app_specs: app_specs.into_iter().flatten().collect(), running }))
}

async fn read(aws: &Aws, application: &str, sha256: String) -> Result<Option<(String, AppSpec)>, AwsError> {
    Ok(deployments::app_spec(aws, application, &sha256).await?.map(|spec| (sha256, spec)))
}

/// The deployment that made the primary task set, or another one: ECS calls it the external id.
fn made_by(service: &sdk::Service) -> Option<&str> {
    let is_deployment = |id: &&str| id.starts_with("d-");
    let mut sets: Vec<&sdk::TaskSet> = service.task_sets().iter().collect();
    sets.sort_by_key(|set| set.status() != Some("PRIMARY"));
    sets.into_iter().filter_map(sdk::TaskSet::external_id).find(is_deployment)
}
