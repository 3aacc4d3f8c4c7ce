//! What load balancers say of an ECS service's tasks.
//!
//! AWS's own waiter asks whether *every* registered target is healthy, and so waits for old targets that drain. What
//! counts are the targets of the new tasks: each has to be registered and healthy in each target group of the service,
//! and an empty group is not healthy.

use std::sync::Arc;
use std::time::Duration;

use super::clients::Aws;
use super::error::AwsError;
use super::services::{self, Tags};
use super::tasks::{self, Task, Wanted};

/// What the load balancers say, and which tasks they have to speak of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetHealth {
    /// The id of the service's primary deployment; `None` for a target group on its own.
    pub deployment: Option<String>,
    /// The target groups that were asked.
    pub groups: Vec<Group>,
    /// The tasks of the primary deployment that run or are to run; empty for a target group on its own.
    pub tasks: Vec<Task>,
    /// Every registered target of these groups.
    pub targets: Vec<Target>,
}

/// A target group of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// The group that it takes turns with, in blue/green, linear and canary deployments.
    pub alternate: Option<String>,
}

/// One registered target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// An address, an instance or a function.
    pub id: String,
    /// The port.
    pub port: Option<u16>,
    /// `initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `unused`, `draining`, `unavailable`.
    pub state: String,
    /// Why it is not healthy, as the load balancer says it: code and sentence.
    pub reason: Option<String>,
    /// The target group's ARN.
    pub group: String,
}

/// How one task stands with one target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The task.
    pub task: &'a Task,
    /// The target group's ARN.
    pub group: &'a str,
    /// Its target, if it is registered.
    pub target: Option<&'a Target>,
}

/// The health of the tasks of a service's primary deployment, in every target group of the service. Looks are shared.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such service.
pub async fn of_service(aws: &Aws, cluster: &str, service: &str) -> Result<TargetHealth, AwsError> {
    let resource = format!("target health {cluster} {service}");
    let look = || look(aws, cluster, service);
    let health = aws.flights().share(&resource, Duration::ZERO, look).await?;
    Ok(Arc::unwrap_or_clone(health))
}

async fn look(aws: &Aws, cluster: &str, service: &str) -> Result<TargetHealth, AwsError> {
    let found = services::describe(aws, cluster, service, Tags::Left).await?;
    let tasks = tasks::of_service(aws, cluster, service, Wanted::Running).await?;
    let (deployment, tasks) = of_primary(&found, &tasks);
    of_tasks(aws, deployment, groups_of(&found), tasks).await
}

/// The health of every target of one target group.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such target group.
pub async fn of_group(aws: &Aws, arn: &str) -> Result<TargetHealth, AwsError> {
    let group = Group { arn: arn.to_owned(), alternate: None };
    of_tasks(aws, None, vec![group], Vec::new()).await
}

/// The health of these tasks in these groups.
pub async fn of_tasks(
    aws: &Aws,
    deployment: Option<String>,
    groups: Vec<Group>,
    tasks: Vec<Task>,
) -> Result<TargetHealth, AwsError> {
    let mut arns: Vec<&str> = groups.iter().flat_map(Group::arns).collect();
    arns.sort_unstable();
    arns.dedup();
    // A loop and not a closure: what a closure borrows keeps the future from being `Send` for every lifetime.
    let mut looks = Vec::new();
    for arn in arns {
        looks.push(targets_of(aws, arn));
    }
    let targets = futures::future::try_join_all(looks).await?.concat();
    Ok(TargetHealth { deployment, groups, tasks, targets })
}

/// The id of a service's primary deployment, and its tasks among these.
///
/// A deployment's tasks bear its id as what started them. After a rollback by ECS the primary deployment also has tasks
/// of the deployment that it goes back to, which never stopped: they bear an id that no live deployment has.
///
/// Where `CodeDeploy` deploys the service, task sets stand for deployments: the primary one takes production traffic, and
/// its tasks bear its id.
pub fn of_primary(service: &aws_sdk_ecs::types::Service, tasks: &[Task]) -> (Option<String>, Vec<Task>) {
    if let Some(set) = primary_set(service) {
        let own = tasks.iter().filter(|task| task.started_by.as_deref() == set.id());
        return (set.id().map(str::to_owned), own.cloned().collect());
    }
    let is_primary = |deployment: &&aws_sdk_ecs::types::Deployment| deployment.status() == Some("PRIMARY");
    let Some(primary) = service.deployments().iter().find(is_primary) else {
        return (None, Vec::new());
    };
    let others = service
        .deployments()
        .iter()
        .filter(|other| other.id() != primary.id() && other.running_count() + other.pending_count() > 0);
    let own = tasks.iter().filter(|task| {
        let by = task.started_by.as_deref();
        by == primary.id()
            || (Some(task.task_definition.as_str()) == primary.task_definition()
                && others.clone().all(|other| other.id() != by))
    });
    let own = own.cloned().collect();
    (primary.id().map(str::to_owned), own)
}

/// The task set that takes production traffic, of a service that ECS itself does not deploy.
pub fn primary_set(service: &aws_sdk_ecs::types::Service) -> Option<&aws_sdk_ecs::types::TaskSet> {
    service.task_sets().iter().find(|set| set.status() == Some("PRIMARY"))
}

/// The target groups of a service, or of its primary task set; a Classic Load Balancer has none.
pub fn groups_of(service: &aws_sdk_ecs::types::Service) -> Vec<Group> {
    let balancers = primary_set(service).map(aws_sdk_ecs::types::TaskSet::load_balancers);
    balancers
        .filter(|balancers| !balancers.is_empty())
        .unwrap_or_else(|| service.load_balancers())
        .iter()
        .filter_map(|balancer| {
            let alternate = balancer
                .advanced_configuration()
                .and_then(|advanced| advanced.alternate_target_group_arn().map(str::to_owned));
            Some(Group { arn: balancer.target_group_arn()?.to_owned(), alternate })
        })
        .collect()
}

async fn targets_of(aws: &Aws, arn: &str) -> Result<Vec<Target>, AwsError> {
    let answer = aws
        .reads()
        .elbv2
        .describe_target_health()
        .target_group_arn(arn)
        .send()
        .await
        .map_err(|error| AwsError::of("elasticloadbalancing", "DescribeTargetHealth", &error))?;
    Ok(answer
        .target_health_descriptions
        .unwrap_or_default()
        .into_iter()
        .filter_map(|described| {
            let target = described.target?;
            let health = described.target_health;
            let code =
                health.as_ref().and_then(|health| health.reason.as_ref()).map(|reason| reason.as_str().to_owned());
            let sentence = health.as_ref().and_then(|health| health.description.clone());
            Some(Target {
                id: target.id?,
                port: target.port.and_then(|port| u16::try_from(port).ok()),
                state: health
                    .and_then(|health| health.state)
                    .map_or_else(|| "unavailable".to_owned(), |state| state.as_str().to_owned()),
                reason: match (code, sentence) {
                    (Some(code), Some(sentence)) => Some(format!("{sentence} ({code})")),
                    (code, sentence) => sentence.or(code),
                },
                group: arn.to_owned(),
            })
        })
        .collect())
}

impl Group {
    fn arns(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.arn.as_str()).chain(self.alternate.as_deref())
    }

    fn has(&self, arn: &str) -> bool {
        self.arns().any(|own| own == arn)
    }

    /// The group's name within its ARN.
    pub fn name(&self) -> &str {
        name_in(&self.arn)
    }
}

/// A target group's name within its ARN: `arn:…:targetgroup/<name>/<id>`.
pub fn name_in(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

impl Target {
    /// Whether it takes traffic.
    pub fn is_healthy(&self) -> bool {
        self.state == "healthy"
    }

    /// Whether it is on its way out.
    pub fn is_draining(&self) -> bool {
        self.state.ends_with("draining")
    }

    fn is_of(&self, task: &Task) -> bool {
        if self.id.starts_with("i-") {
            return self.port.is_some_and(|port| task.host_ports.contains(&port));
        }
        task.addresses.contains(&self.id)
    }
}

impl TargetHealth {
    /// How every task stands with every target group. Of two groups that take turns the healthier one counts.
    pub fn standings(&self) -> Vec<Standing<'_>> {
        let pairs = self.tasks.iter().flat_map(|task| self.groups.iter().map(move |group| (task, group)));
        pairs
            .map(|(task, group)| {
                let own = || self.targets.iter().filter(|target| group.has(&target.group) && target.is_of(task));
                let target = own().find(|target| target.is_healthy()).or_else(|| own().next());
                Standing { task, group: &group.arn, target }
            })
            .collect()
    }

    /// How many tasks are healthy in every group.
    pub fn healthy_tasks(&self) -> usize {
        let standings = self.standings();
        self.tasks
            .iter()
            .filter(|task| standings.iter().filter(|standing| standing.task == *task).all(Standing::is_healthy))
            .count()
    }
}

impl Standing<'_> {
    /// Whether the task takes traffic from this group.
    pub fn is_healthy(&self) -> bool {
        self.target.is_some_and(Target::is_healthy)
    }
}
