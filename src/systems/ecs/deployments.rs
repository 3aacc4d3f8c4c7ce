//! Reads service deployments and service revisions: what ECS remembers of a service.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;

use super::inventory::{Breaker, DeploymentStatus, Revision, ServiceDeployment};
use super::strategy::Strategy;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::release::Image;

/// How many ARNs `DescribeServiceDeployments` and `DescribeServiceRevisions` take at once.
const DESCRIBED_AT_ONCE: usize = 20;

/// What ECS remembers, newest first, and the revisions by ARN.
pub type Remembered = (Vec<ServiceDeployment>, BTreeMap<String, Revision>);

/// The newest `count` deployments of a service (100 at most), and the revisions that they go to and come from.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn newest(aws: &Aws, cluster: &str, service: &str, count: usize) -> Result<Remembered, AwsError> {
    let answer = aws
        .reads()
        .ecs
        .list_service_deployments()
        .cluster(cluster)
        .service(service)
        .max_results(100)
        .send()
        .await
        .map_err(|error| AwsError::of("ecs", "ListServiceDeployments", &error))?;
    let mut briefs = answer.service_deployments.unwrap_or_default();
    briefs.sort_by_key(|brief| std::cmp::Reverse(brief.created_at.and_then(timestamp)));
    let arns: Vec<String> = briefs.into_iter().filter_map(|brief| brief.service_deployment_arn).take(count).collect();
    let described =
        futures::future::try_join_all(arns.chunks(DESCRIBED_AT_ONCE).map(|arns| describe(aws, arns))).await?;
    let mut deployments: Vec<ServiceDeployment> = described.concat();
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    let mut wanted: Vec<String> = deployments
        .iter()
        .flat_map(|deployment| deployment.sources.iter().chain([&deployment.target]).chain(&deployment.rolled_back_to))
        .filter(|arn| !arn.is_empty())
        .cloned()
        .collect();
    wanted.sort();
    wanted.dedup();
    let revisions = futures::future::try_join_all(wanted.chunks(DESCRIBED_AT_ONCE).map(|arns| revisions(aws, arns)));
    let revisions = revisions.await?.concat();
    let by_arn = revisions.into_iter().map(|revision| (revision.arn.clone(), revision)).collect();
    Ok((deployments, by_arn))
}

async fn describe(aws: &Aws, arns: &[String]) -> Result<Vec<ServiceDeployment>, AwsError> {
    let call = aws.reads().ecs.describe_service_deployments();
    let answer = call.set_service_deployment_arns(Some(arns.to_vec())).send().await;
    let answer = answer.map_err(|error| AwsError::of("ecs", "DescribeServiceDeployments", &error))?;
    Ok(answer.service_deployments.unwrap_or_default().into_iter().map(ServiceDeployment::from).collect())
}

async fn revisions(aws: &Aws, arns: &[String]) -> Result<Vec<Revision>, AwsError> {
    let call = aws.reads().ecs.describe_service_revisions();
    let answer = call.set_service_revision_arns(Some(arns.to_vec())).send().await;
    let answer = answer.map_err(|error| AwsError::of("ecs", "DescribeServiceRevisions", &error))?;
    Ok(answer.service_revisions.unwrap_or_default().into_iter().map(Revision::from).collect())
}

impl From<sdk::ServiceDeployment> for ServiceDeployment {
    fn from(deployment: sdk::ServiceDeployment) -> Self {
        let status = deployment.status.as_ref().map_or("", sdk::ServiceDeploymentStatus::as_str);
        let breaker = deployment.deployment_circuit_breaker.as_ref();
        let on = |breaker: &&sdk::ServiceDeploymentCircuitBreaker| {
            breaker.status() != Some(&sdk::ServiceDeploymentRollbackMonitorsStatus::Disabled) && breaker.threshold() > 0
        };
        Self {
            stage: deployment.lifecycle_stage.as_ref().map(|stage| stage.as_str().to_owned()),
            strategy: Strategy::of(deployment.deployment_configuration.as_ref()),
            status: DeploymentStatus::from(status),
            arn: deployment.service_deployment_arn.unwrap_or_default(),
            reason: deployment
                .status_reason
                .or_else(|| deployment.rollback.as_ref().and_then(|rollback| rollback.reason.clone())),
            created_at: deployment.created_at.and_then(timestamp),
            finished_at: deployment.finished_at.and_then(timestamp),
            sources: deployment
                .source_service_revisions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|revision| revision.arn)
                .collect(),
            target: deployment.target_service_revision.and_then(|revision| revision.arn).unwrap_or_default(),
            waits_at: deployment
                .lifecycle_hook_details
                .unwrap_or_default()
                .into_iter()
                .find(|hook| hook.status == Some(sdk::DeploymentLifecycleHookStatus::AwaitingAction))
                .and_then(|hook| hook.hook_id),
            rolled_back_to: deployment.rollback.and_then(|rollback| rollback.service_revision_arn),
            breaker: breaker
                .filter(on)
                .map(|breaker| Breaker { failures: breaker.failure_count(), threshold: breaker.threshold() }),
        }
    }
}

impl From<sdk::ServiceRevision> for Revision {
    fn from(revision: sdk::ServiceRevision) -> Self {
        let settings = settings(&revision);
        Self {
            settings,
            arn: revision.service_revision_arn.unwrap_or_default(),
            task_definition: revision.task_definition.unwrap_or_default(),
            images: revision
                .container_images
                .unwrap_or_default()
                .into_iter()
                .map(|image| Image {
                    container: image.container_name.unwrap_or_default(),
                    image: image.image.unwrap_or_default(),
                    digest: image.image_digest,
                })
                .collect(),
        }
    }
}

/// What a revision fixes beside its task definition, and what `UpdateService` with a task definition leaves as it is.
fn settings(revision: &sdk::ServiceRevision) -> BTreeMap<&'static str, String> {
    let network = revision.network_configuration().and_then(sdk::NetworkConfiguration::awsvpc_configuration);
    let network = network.map(|vpc| {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        (sorted(vpc.subnets()), sorted(vpc.security_groups()), vpc.assign_public_ip().cloned())
    });
    BTreeMap::from([
        ("network configuration", format!("{network:?}")),
        ("load balancers", format!("{:?}", revision.load_balancers())),
        ("service registries", format!("{:?}", revision.service_registries())),
        ("capacity", format!("{:?} {:?}", revision.launch_type(), revision.capacity_provider_strategy())),
        ("platform version", format!("{:?}", revision.platform_version())),
        ("Service Connect", format!("{:?}", revision.service_connect_configuration())),
        ("volumes", format!("{:?}", revision.volume_configurations())),
        ("VPC Lattice", format!("{:?}", revision.vpc_lattice_configurations())),
    ])
}
