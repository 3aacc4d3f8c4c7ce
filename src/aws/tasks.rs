//! The tasks of an ECS service, as plain data.

use aws_sdk_ecs::types::DesiredStatus;
use jiff::Timestamp;

use super::clients::Aws;
use super::error::AwsError;
use super::time::timestamp;

/// How many tasks `DescribeTasks` takes at once.
const DESCRIBED_AT_ONCE: usize = 100;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// What started it: for a service's task the id of the deployment, `ecs-svc/…`.
    pub started_by: Option<String>,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// `PROVISIONING`, `PENDING`, `ACTIVATING`, `RUNNING`, `DEACTIVATING`, `STOPPING`, `DEPROVISIONING`, `STOPPED`.
    pub status: String,
    /// `HEALTHY`, `UNHEALTHY`, or `UNKNOWN` where no container has a health check.
    pub health: String,
    /// Why it was stopped, as a code: `TaskFailedToStart`, `EssentialContainerExited`, `ServiceSchedulerInitiated`…
    pub stop_code: Option<String>,
    /// Why it was stopped, as a sentence of AWS's.
    pub stopped_reason: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Its private addresses, in network mode `awsvpc`.
    pub addresses: Vec<String>,
    /// The ports of the host that it is bound to, in the other network modes.
    pub host_ports: Vec<u16>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// One container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// The image as the task definition names it.
    pub image: String,
    /// The digest of the image that it runs, once pulled.
    pub digest: Option<String>,
    /// With what it ended.
    pub exit_code: Option<i32>,
    /// Why it ended or could not start, as AWS says it.
    pub reason: Option<String>,
}

/// Which tasks to look for: `ListTasks` gives only one kind at a time, and stopped ones for about an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Tasks that run or are to run.
    Running,
    /// Tasks that have stopped, or are to stop.
    Stopped,
}

/// The tasks of a service.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn of_service(aws: &Aws, cluster: &str, service: &str, wanted: Wanted) -> Result<Vec<Task>, AwsError> {
    let ecs = &aws.reads().ecs;
    let status = match wanted {
        Wanted::Running => DesiredStatus::Running,
        Wanted::Stopped => DesiredStatus::Stopped,
    };
    let arns: Vec<String> = ecs
        .list_tasks()
        .cluster(cluster)
        .service_name(service)
        .desired_status(status)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(|error| AwsError::of("ecs", "ListTasks", &error))?;
    let described =
        futures::future::try_join_all(arns.chunks(DESCRIBED_AT_ONCE).map(|arns| describe(aws, cluster, arns)));
    Ok(described.await?.concat())
}

async fn describe(aws: &Aws, cluster: &str, arns: &[String]) -> Result<Vec<Task>, AwsError> {
    let call = aws.reads().ecs.describe_tasks().cluster(cluster);
    let answer = call.set_tasks(Some(arns.to_vec())).send().await;
    let answer = answer.map_err(|error| AwsError::of("ecs", "DescribeTasks", &error))?;
    Ok(answer.tasks.unwrap_or_default().into_iter().map(Task::from).collect())
}

impl From<aws_sdk_ecs::types::Task> for Task {
    fn from(task: aws_sdk_ecs::types::Task) -> Self {
        let containers = task.containers.unwrap_or_default();
        let mut addresses: Vec<String> = containers
            .iter()
            .flat_map(aws_sdk_ecs::types::Container::network_interfaces)
            .filter_map(|interface| interface.private_ipv4_address().map(str::to_owned))
            .chain(
                task.attachments
                    .iter()
                    .flatten()
                    .flat_map(aws_sdk_ecs::types::Attachment::details)
                    .filter(|detail| detail.name() == Some("privateIPv4Address"))
                    .filter_map(|detail| detail.value().map(str::to_owned)),
            )
            .collect();
        addresses.sort();
        addresses.dedup();
        let host_ports = containers
            .iter()
            .flat_map(aws_sdk_ecs::types::Container::network_bindings)
            .filter_map(|binding| binding.host_port().and_then(|port| u16::try_from(port).ok()))
            .collect();
        Self {
            arn: task.task_arn.unwrap_or_default(),
            started_by: task.started_by,
            task_definition: task.task_definition_arn.unwrap_or_default(),
            status: task.last_status.unwrap_or_default(),
            health: task.health_status.map_or_else(|| "UNKNOWN".to_owned(), |health| health.as_str().to_owned()),
            stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason,
            created_at: task.created_at.and_then(timestamp),
            addresses,
            host_ports,
            containers: containers.into_iter().map(Container::from).collect(),
        }
    }
}

impl From<aws_sdk_ecs::types::Container> for Container {
    fn from(container: aws_sdk_ecs::types::Container) -> Self {
        Self {
            name: container.name.unwrap_or_default(),
            image: container.image.unwrap_or_default(),
            digest: container.image_digest,
            exit_code: container.exit_code,
            reason: container.reason,
        }
    }
}
