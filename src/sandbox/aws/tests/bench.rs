//! A stand-in with a seeded shop, and an SDK client of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{DesiredStatus, Service, ServiceDeployment, ServiceDeploymentStatus};
use futures::FutureExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::incident::time::Pace;
use crate::sandbox::aws::*;
use crate::sandbox::wire::{Fault, Interference, Moment, Wire};

pub(super) const REGION: &str = "eu-north-1";

pub(super) fn digest(version: u8) -> String {
    format!("sha256:{}", hex::encode([version; 32]))
}

pub(super) fn image(version: u8, behaviour: Behaviour) -> SeedImage {
    let age = Duration::from_hours(100 - u64::from(version));
    SeedImage {
        digest: digest(version),
        tags: vec![format!("v{version}")],
        age,
        status: ImageStatus::Active,
        behaviour,
    }
}

/// v41 is good, v42 answers errors, v43 does not start, v44 is unhealthy, v45 exits, v46 is gone.
pub(super) fn seed() -> Seed {
    let broken = Behaviour {
        paths: BTreeMap::from([("/checkout".to_owned(), Answer { status: 500, body: "no cart".to_owned() })]),
        ..Behaviour::default()
    };
    let secretless =
        Start::Fails { reason: "ResourceInitializationError: unable to pull secrets or registry auth".to_owned() };
    let unhealthy = Health::Unhealthy {
        reason: "Target.ResponseCodeMismatch".to_owned(),
        description: "Health checks failed with these codes: [500]".to_owned(),
    };
    let images = vec![
        image(41, Behaviour::default()),
        image(42, broken),
        image(43, Behaviour { start: secretless, ..Behaviour::default() }),
        image(44, Behaviour { health: unhealthy, ..Behaviour::default() }),
        image(45, Behaviour { start: Start::Exits { code: 3, after_seconds: 5 }, ..Behaviour::default() }),
        SeedImage { status: ImageStatus::Deleted, ..image(46, Behaviour::default()) },
    ];
    let definition = |version: u8, status| SeedTaskDefinition {
        request: json!({
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [{
                "name": "api", "image": format!("{{registry}}/shop/api:v{version}"), "essential": true,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            }],
        }),
        age: Duration::from_hours(100 - u64::from(version)),
        status,
        registered_by: None,
        tags: BTreeMap::from([("git".to_owned(), format!("abc{version}"))]),
    };
    let past = |revision: u8, hours| SeedDeployment {
        task_definition: format!("api:{revision}"),
        age: Duration::from_hours(hours),
        status: Ending::Successful,
        reason: None,
        image_digests: BTreeMap::new(),
    };
    let active = TaskDefinitionStatus::Active;
    Seed {
        account: "123456789012".to_owned(),
        region: REGION.to_owned(),
        caller: None,
        roles: vec![SeedRole { name: "rollback".to_owned(), external_id: Some("shop".to_owned()) }],
        clusters: vec!["prod".to_owned()],
        repositories: BTreeMap::from([("shop/api".to_owned(), images)]),
        task_definitions: BTreeMap::from([(
            "api".to_owned(),
            vec![
                definition(41, active),
                definition(42, active),
                definition(43, active),
                definition(44, active),
                definition(45, active),
                definition(46, active),
                definition(41, TaskDefinitionStatus::Inactive),
            ],
        )]),
        secrets: Vec::new(),
        parameters: Vec::new(),
        log_groups: Vec::new(),
        target_groups: BTreeMap::from([("api".to_owned(), SeedTargetGroup::default())]),
        services: vec![SeedService {
            cluster: "prod".to_owned(),
            name: "api".to_owned(),
            desired_count: 2,
            load_balancer: Some(SeedLoadBalancer {
                target_group: "api".to_owned(),
                container_name: "api".to_owned(),
                container_port: 8080,
            }),
            deployment_configuration: json!({}),
            controller: Controller::Ecs,
            code_deploy: None,
            scheduling: Scheduling::Replica,
            resource_management_type: ResourceManagementType::Customer,
            status: ServiceStatus::Active,
            network_configuration: None,
            health_check_grace_period_seconds: 0,
            tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            history: vec![past(1, 50), past(2, 1)],
            in_flight: None,
        }],
        ..Seed::default()
    }
}

pub(super) fn with_breaker(mut seed: Seed) -> Seed {
    seed.services[0].deployment_configuration = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    seed
}

pub(super) fn in_flight(mut seed: Seed, task_definition: &str, running: u32) -> Seed {
    seed.services[0].history.truncate(1);
    seed.services[0].in_flight = Some(SeedInFlight {
        task_definition: task_definition.to_owned(),
        age: Duration::from_mins(2),
        running,
        failed: 0,
        waits_at: None,
        rolling_back: None,
    });
    seed
}

pub(super) struct Bench {
    pub(super) aws: AwsStandIn,
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) clock: Clock,
    pub(super) wire: Wire,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Bench {
    pub(super) async fn of(seed: Seed) -> Self {
        Self::paced(seed, Pace::new(200)).await
    }

    pub(super) async fn paced(seed: Seed, pace: Pace) -> Self {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (clock, wire) = (Clock::start(pace), Wire::default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let aws = AwsStandIn::start(seed, clock, wire.clone(), &tasks, stop.clone()).await.unwrap();
        let config = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(keys())
            .retry_config(aws_sdk_ecs::config::retry::RetryConfig::disabled())
            .endpoint_url(aws.endpoint());
        Self { aws, ecs: aws_sdk_ecs::Client::from_conf(config.build()), clock, wire, stop, tasks }
    }

    pub(super) async fn service(&self) -> Service {
        let reply = self.ecs.describe_services().cluster("prod").services("api").send().await.unwrap();
        reply.services()[0].clone()
    }

    pub(super) async fn newest(&self) -> ServiceDeployment {
        let list = self.ecs.list_service_deployments().cluster("prod").service("api").send().await.unwrap();
        let arn = list.service_deployments()[0].service_deployment_arn().unwrap();
        let reply = self.ecs.describe_service_deployments().service_deployment_arns(arn).send().await.unwrap();
        reply.service_deployments()[0].clone()
    }

    /// Waits until the newest service deployment has one of the statuses, and fails with what it saw if it never has.
    pub(super) async fn until(&self, statuses: &[ServiceDeploymentStatus]) -> ServiceDeployment {
        let begun = self.clock.now();
        loop {
            let newest = self.newest().await;
            if newest.status().is_some_and(|status| statuses.contains(status)) {
                return newest;
            }
            let waited = self.clock.now().elapsed(begun.at);
            assert!(
                waited < Duration::from_mins(15),
                "waited for {statuses:?}, saw {newest:#?}\n{:#?}",
                self.service().await
            );
            self.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    /// How long something took in simulated time, by AWS's own account.
    pub(super) fn took(&self, from: Option<&DateTime>, to: Option<&DateTime>) -> Duration {
        let took = to.unwrap().to_millis().unwrap() - from.unwrap().to_millis().unwrap();
        self.clock.pace().stretch(Duration::from_millis(u64::try_from(took).unwrap()))
    }

    pub(super) async fn deploy(&self, task_definition: &str) -> Service {
        let call = self.ecs.update_service().cluster("prod").service("api").task_definition(task_definition);
        call.send().await.unwrap().service().unwrap().clone()
    }

    pub(super) fn versions(&self) -> Vec<String> {
        self.aws.running("prod", "api").into_iter().flat_map(|task| task.versions.into_values()).collect()
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Option<String>) {
        let reply = reqwest::get(format!("{}{path}", self.aws.site("api").unwrap())).await.unwrap();
        let version = reply.headers().get("x-app-version").map(|version| version.to_str().unwrap().to_owned());
        (reply.status().as_u16(), version)
    }

    pub(super) async fn stopped(&self) -> Vec<aws_sdk_ecs::types::Task> {
        let list = self.ecs.list_tasks().cluster("prod").service_name("api").desired_status(DesiredStatus::Stopped);
        let arns = list.send().await.unwrap().task_arns().to_vec();
        let reply = self.ecs.describe_tasks().cluster("prod").set_tasks(Some(arns)).send().await.unwrap();
        reply.tasks().to_vec()
    }

    pub(super) fn interfere(&self, operation: &'static str, at: Moment, fault: Fault) {
        let decide: Interference = Arc::new(move |call, moment| {
            let hit = call.operation == operation && moment == at;
            async move { hit.then_some(fault) }.boxed()
        });
        self.wire.interfere(Some(decide));
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        drop(self.ecs);
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await.expect("the stand-in stops");
    }
}

pub(super) fn keys() -> Credentials {
    Credentials::for_tests()
}
