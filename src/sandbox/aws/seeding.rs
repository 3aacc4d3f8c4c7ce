//! Makes an account out of a seed: the past as if it had happened, and the present about to go on.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::account::{Account, TargetGroup};
use super::alarms::Alarms;
use super::amplify::Apps;
use super::buckets::Buckets;
use super::cloudfront::Distributions;
use super::functions::Functions;
use super::identities::Identities;
use super::ids::Ids;
use super::images::{Image, Images};
use super::revision::{Resolution, RevisionContainer};
use super::rollout::TRIPPED;
use super::seed::{Controller, Ending, RollbackCause, Seed, SeedInFlight, SeedService, SeedTargetGroup};
use super::service::{Hook, Rollback, Rollout, Scene, Service, ServiceDeploymentStatus};
use super::stacks::{Ground, Stacks};
use super::supplies::Supplies;
use super::task::Balancing;
use super::task_definitions::TaskDefinitions;
use crate::incident::time::Now;

/// From the request of a past deployment to its beginning.
const BEGINNING: SignedDuration = SignedDuration::from_secs(2);
/// How long a deployment waits at a hook; AWS's default is a day.
const HOOK_WAITS: Duration = Duration::from_hours(24);
/// From the request of a past deployment to its end.
const LASTED: SignedDuration = SignedDuration::from_mins(3);

pub(super) fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

pub(super) fn ago(now: Now, age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.at.checked_sub(age).unwrap_or(Timestamp::MIN)
}

impl Account {
    /// The account that the seed describes, at `now`. Names that point nowhere are refused with a sentence.
    pub(super) fn seeded(seed: &Seed, now: Now) -> io::Result<Self> {
        let opened_at = ago(now, Duration::from_hours(24 * 200));
        let caller = seed.caller.clone().unwrap_or_else(|| format!("arn:aws:iam::{}:user/operator", seed.account));
        let images = images(seed, now, opened_at);
        let task_definitions = task_definitions(seed, now, &images, &caller)?;
        let mut ids = Ids::default();
        let buckets = Buckets::seeded(&seed.buckets, now, &mut ids);
        let (id, region) = (seed.account.as_str(), seed.region.as_str());
        let place = (seed.account.as_str(), seed.region.as_str());
        let distributions = Distributions::seeded(&seed.distributions, place, now, &mut ids, &buckets)?;
        let ground = Ground { account: id, region, now, ids: &mut ids, buckets: &buckets };
        let alarms = Alarms::seeded(&seed.alarms, opened_at)?;
        let stacks = Stacks::seeded(ground, &seed.stacks, alarms.firing())?;
        let functions = Functions::seeded(&seed.functions, (id, region), now, &mut ids)?;
        let mut account = Self {
            id: seed.account.clone(),
            region: seed.region.clone(),
            opened_at,
            at: now.at,
            pace: now.pace,
            ids,
            images,
            task_definitions,
            clusters: seed.clusters.clone(),
            target_groups: target_groups(seed),
            services: Vec::new(),
            pipelines: Vec::new(),
            projects: Vec::new(),
            identities: Identities::new(&seed.account, caller, seed.roles.clone()),
            buckets,
            distributions,
            stacks,
            alarms,
            supplies: Supplies {
                account: seed.account.clone(),
                region: seed.region.clone(),
                secrets: seed.secrets.clone(),
                parameters: seed.parameters.clone(),
                log_groups: seed.log_groups.clone(),
                since: opened_at,
            },
            functions,
            apps: Apps::seeded(&seed.apps, &seed.account, &seed.region, now, opened_at)?,
        };
        for service in &seed.services {
            account.add_service(service)?;
        }
        for pipeline in &seed.pipelines {
            account.add_pipeline(pipeline)?;
        }
        for project in &seed.projects {
            account.add_project(project);
        }
        account.follow_alarms();
        Ok(account)
    }

    fn add_service(&mut self, seed: &SeedService) -> io::Result<()> {
        let named = format!("service {} in cluster {}", seed.name, seed.cluster);
        if !self.clusters.contains(&seed.cluster) {
            return Err(refused(format!("The seed has no cluster for {named}.")));
        }
        let balancing = match &seed.load_balancer {
            None => None,
            Some(balancer) => {
                let group = self.target_groups.get(&balancer.target_group);
                let group = group.ok_or_else(|| refused(format!("The seed has no target group for {named}.")))?;
                let interval = Duration::from_secs(u64::from(group.rules.interval_seconds.max(1)));
                Some(Balancing {
                    target_group_arn: group.arn.clone(),
                    container_name: balancer.container_name.clone(),
                    container_port: balancer.container_port,
                    until_healthy: interval.saturating_mul(group.rules.healthy_threshold.max(1)),
                    until_unhealthy: interval.saturating_mul(group.rules.unhealthy_threshold.max(1)),
                    draining: Duration::from_secs(u64::from(group.rules.deregistration_delay_seconds.max(1))),
                })
            }
        };
        let oldest = seed.history.first().map_or(Duration::ZERO, |deployment| deployment.age);
        let mut service = Service {
            name: seed.name.clone(),
            cluster: seed.cluster.clone(),
            arn: format!("arn:aws:ecs:{}:{}:service/{}/{}", self.region, self.id, seed.cluster, seed.name),
            cluster_arn: self.cluster_arn(&seed.cluster),
            created_at: ago(self.now(), oldest),
            created_by: self.identities.caller.clone(),
            status: seed.status,
            desired_count: seed.desired_count,
            task_definition: String::new(),
            controller: seed.controller,
            scheduling: seed.scheduling,
            resource_management_type: seed.resource_management_type,
            configuration: configuration(seed),
            network_configuration: seed.network_configuration.clone().unwrap_or_else(default_network),
            balancing,
            grace: Duration::from_secs(u64::from(seed.health_check_grace_period_seconds)),
            tags: seed.tags.clone(),
            deployments: Vec::new(),
            service_deployments: Vec::new(),
            revisions: Vec::new(),
            tasks: Vec::new(),
            events: std::collections::VecDeque::new(),
            completed: None,
            look_due: None,
            pause: None,
            blue_green: None,
            stale: None,
        };
        self.relive(&mut service, seed)?;
        if service.completed.is_none() {
            return Err(refused(format!("The history of {named} has no deployment that succeeded.")));
        }
        self.run(&mut service);
        if let Some(group) = &seed.code_deploy {
            self.hand_to_code_deploy(&mut service, seed, group)?;
        } else if let Some(in_flight) = &seed.in_flight {
            self.put_in_flight(&mut service, in_flight)?;
        }
        service.look_after(self.now(), Duration::from_secs(1));
        self.services.push(service);
        Ok(())
    }

    pub(super) fn containers_then(
        &self,
        task_definition: &str,
        moved: &BTreeMap<String, String>,
    ) -> io::Result<(String, Vec<RevisionContainer>)> {
        let definition = self.task_definitions.find(task_definition);
        let definition =
            definition.ok_or_else(|| refused(format!("The seed has no task definition {task_definition}.")))?;
        Ok((definition.arn.clone(), RevisionContainer::resolve(definition, &self.images, &Resolution::Then(moved))))
    }

    /// Goes through the past deployments, oldest first.
    fn relive(&mut self, service: &mut Service, seed: &SeedService) -> io::Result<()> {
        for past in &seed.history {
            let (task_definition, containers) = self.containers_then(&past.task_definition, &past.image_digests)?;
            let at = ago(self.now(), past.age);
            let mut scene = Scene { now: Now { at, ..self.now() }, images: &self.images, ids: &mut self.ids };
            let revision = service.revise(&mut scene, &task_definition, containers);
            let source = service.completed.clone();
            service.open_service_deployment(&mut scene, &revision);
            if past.status == Ending::Successful {
                service.deployments.clear();
                service.open_deployment(&mut scene, &revision, &task_definition);
            }
            let end = at.checked_add(LASTED).unwrap_or(at).min(self.at);
            let mut scene = Scene { now: Now { at: end, pace: self.pace }, images: &self.images, ids: &mut self.ids };
            let breaker = service.threshold();
            let Some(opened) = service.service_deployments.last_mut() else {
                continue;
            };
            opened.sources = source.iter().cloned().collect();
            opened.started_at = at.checked_add(BEGINNING).ok();
            opened.finished_at = Some(end);
            opened.updated_at = end;
            opened.status = match past.status {
                Ending::Successful => ServiceDeploymentStatus::Successful,
                Ending::Stopped => ServiceDeploymentStatus::Stopped,
                Ending::RollbackSuccessful => ServiceDeploymentStatus::RollbackSuccessful,
                Ending::RollbackFailed => ServiceDeploymentStatus::RollbackFailed,
            };
            let cause = RollbackCause::CircuitBreaker;
            match past.status {
                Ending::Successful => {
                    service.completed = Some(revision);
                    if let Some(primary) = service.deployments.last_mut() {
                        let id = primary.id.clone();
                        primary.rollout = Rollout::Completed;
                        primary.reason = format!("ECS deployment {id} completed.");
                        primary.updated_at = end;
                        service.event(&mut scene, &format!("(deployment {id}) deployment completed."));
                    }
                    service.event(&mut scene, "has reached a steady state.");
                }
                Ending::Stopped => opened.stopped_at = Some(end),
                Ending::RollbackSuccessful | Ending::RollbackFailed => {
                    opened.failures = breaker;
                    opened.reason = Some(cause.reason().to_owned());
                    opened.rollback = source.map(|revision| Rollback { cause, started_at: at, revision });
                }
            }
            if let (Some(reason), Some(opened)) = (&past.reason, service.service_deployments.last_mut()) {
                opened.reason = Some(reason.clone());
            }
        }
        Ok(())
    }

    /// Lets the tasks of the revision that completed last run.
    fn run(&mut self, service: &mut Service) {
        let Some((id, since, revision)) = service.primary().and_then(|primary| {
            let revision = service.revision(&primary.revision)?;
            Some((primary.id.clone(), primary.created_at, revision.clone()))
        }) else {
            return;
        };
        let now = Now { at: since, ..self.now() };
        let mut scene = Scene { now, images: &self.images, ids: &mut self.ids };
        if service.status == super::seed::ServiceStatus::Active {
            for _ in 0..service.desired_count {
                let task = service.place_task(&mut scene, &id, &revision);
                let task = task.already_running(&self.images, service.balancing.as_ref(), since);
                service.tasks.push(task);
            }
        }
    }

    fn put_in_flight(&mut self, service: &mut Service, seed: &SeedInFlight) -> io::Result<()> {
        if service.controller != Controller::Ecs {
            return Err(refused(format!(
                "Only the ECS controller can have a deployment in flight, not {}.",
                service.name
            )));
        }
        let (task_definition, containers) = self.containers_then(&seed.task_definition, &BTreeMap::new())?;
        let at = ago(self.now(), seed.age);
        let expires_at = self.now().after(HOOK_WAITS);
        let mut scene = Scene { now: Now { at, pace: self.pace }, images: &self.images, ids: &mut self.ids };
        let id = service.deploy(&mut scene, &task_definition, containers);
        service.stale = None;
        let started = at.checked_add(BEGINNING).unwrap_or(at).min(self.at);
        if let Some(current) = service.service_deployments.last_mut() {
            current.status = ServiceDeploymentStatus::InProgress;
            current.started_at = Some(started);
            current.failures = seed.failed;
            current.hook = seed.waits_at.clone().map(|id| Hook { id, expires_at, answer: None });
        }
        if let Some(primary) = service.deployments.last_mut() {
            primary.failed_tasks = seed.failed;
        }
        let Some(revision) = service.primary().and_then(|primary| service.revision(&primary.revision)).cloned() else {
            return Ok(());
        };
        for _ in 0..seed.running.min(service.desired_count) {
            let task = service.place_task(&mut scene, &id, &revision);
            service.tasks.push(task.already_running(&self.images, service.balancing.as_ref(), started));
        }
        let room = usize::try_from(service.most().max(service.least())).unwrap_or(usize::MAX);
        while service.tasks.len() > room {
            service.tasks.remove(0);
        }
        if let Some(cause) = seed.rolling_back {
            let mut scene =
                Scene { now: Now { at: self.at, pace: self.pace }, images: &self.images, ids: &mut self.ids };
            if cause == RollbackCause::CircuitBreaker
                && let Some(primary) = service.deployments.last_mut()
            {
                primary.rollout = Rollout::Failed;
                TRIPPED.clone_into(&mut primary.reason);
            }
            service.request_rollback(&scene, cause);
            service.begin_rollback(&mut scene);
        }
        Ok(())
    }
}

fn images(seed: &Seed, now: Now, created_at: Timestamp) -> Images {
    let repositories = seed.repositories.iter().map(|(name, images)| {
        let images = images.iter().map(|image| Image {
            digest: image.digest.clone(),
            tags: image.tags.clone(),
            pushed_at: ago(now, image.age),
            status: image.status,
            behaviour: image.behaviour.clone(),
        });
        (name.clone(), images.collect())
    });
    let (account, region) = (seed.account.clone(), seed.region.clone());
    Images { account, region, created_at, repositories: repositories.collect() }
}

fn task_definitions(seed: &Seed, now: Now, images: &Images, caller: &str) -> io::Result<TaskDefinitions> {
    let mut definitions = TaskDefinitions::new(&seed.account, &seed.region);
    for (family, revisions) in &seed.task_definitions {
        for revision in revisions {
            let Value::Object(mut request) = revision.request.clone() else {
                return Err(refused(format!("The request of a revision of {family} is not an object.")));
            };
            fill_registry(&mut request, &images.registry());
            let by = revision.registered_by.as_deref().unwrap_or(caller);
            definitions.add(family, request, revision.tags.clone(), revision.status, by, ago(now, revision.age));
        }
    }
    Ok(definitions)
}

fn fill_registry(request: &mut Map<String, Value>, registry: &str) {
    let containers = request.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for image in containers.into_iter().flatten().filter_map(|container| container.get_mut("image")) {
        if let Some(reference) = image.as_str() {
            *image = json!(reference.replace("{registry}", registry));
        }
    }
}

fn target_groups(seed: &Seed) -> BTreeMap<String, TargetGroup> {
    let arn = |kind: &str| format!("arn:aws:elasticloadbalancing:{}:{}:{kind}", seed.region, seed.account);
    let group = |(position, (name, rules)): (usize, (&String, &SeedTargetGroup))| {
        let id = format!("{:016x}", 0x6d0e_cf83_1eec_9f09_u64 + position as u64);
        let group = TargetGroup {
            name: name.clone(),
            arn: format!("{}/{name}/{id}", arn("targetgroup")),
            load_balancer_arn: format!("{}/app/{name}/{id}", arn("loadbalancer")),
            rules: rules.clone(),
        };
        (name.clone(), group)
    };
    seed.target_groups.iter().enumerate().map(group).collect()
}

fn configuration(seed: &SeedService) -> Value {
    let mut configuration = Map::from_iter([
        ("deploymentCircuitBreaker".to_owned(), json!({"enable": false, "rollback": false})),
        ("maximumPercent".to_owned(), json!(200)),
        ("minimumHealthyPercent".to_owned(), json!(100)),
        ("strategy".to_owned(), json!("ROLLING")),
        ("bakeTimeInMinutes".to_owned(), json!(0)),
    ]);
    configuration.extend(seed.deployment_configuration.as_object().cloned().unwrap_or_default());
    Value::Object(configuration)
}

fn default_network() -> Value {
    json!({"awsvpcConfiguration": {
        "subnets": ["subnet-0a1b2c3d4e5f60718", "subnet-0918273645f0e1d2c"],
        "securityGroups": ["sg-0fedcba9876543210"],
        "assignPublicIp": "DISABLED",
    }})
}
