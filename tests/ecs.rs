//! ECS services are taken back over the wire: the real SDK against the stand-in.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them; clippy knows test functions only by their attribute"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures::FutureExt as _;
use rollbot::aws::account::Account;
use rollbot::aws::error::{Effect, ErrorClass};
use rollbot::aws::{Accounts, Aws, target_health};
use rollbot::clock::Clock;
use rollbot::incident::plan::Step;
use rollbot::incident::step::{Act, ActOutcome, Evidence, Failure};
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::{
    AwsStandIn, Behaviour, Controller, Ending, Health, ImageStatus, ResourceManagementType, RollbackCause, Scheduling,
    Seed, SeedDeployment, SeedImage, SeedInFlight, SeedLoadBalancer, SeedRole, SeedService, SeedTargetGroup,
    SeedTaskDefinition, ServiceStatus, Start, TaskDefinitionStatus,
};
use rollbot::sandbox::record::By;
use rollbot::sandbox::wire::{Fault, Interference, Moment, Wire};
use rollbot::systems::ecs::EcsSpec;
use rollbot::systems::kinds::{System, TargetSpec};
use rollbot::systems::planned::{Planned, ReleaseStatus};
use rollbot::systems::step_kind::{Judgement, StepJournal};
use rstest::rstest;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Fast, and still slow enough for a look of nine calls.
const PACE: u32 = 40;

fn digest(version: u8) -> String {
    format!("sha256:{}", hex::encode([version; 32]))
}

/// v41 and v42 run well, v43 does not start, v44 stays unhealthy, v45's image is gone.
fn seed(history: &[(u32, Ending)]) -> Seed {
    let image = |version: u8, behaviour| SeedImage {
        digest: digest(version),
        tags: vec![format!("v{version}")],
        age: Duration::from_hours(20),
        status: if version == 45 { ImageStatus::Deleted } else { ImageStatus::Active },
        behaviour,
    };
    let secretless =
        Start::Fails { reason: "ResourceInitializationError: unable to pull secrets or registry auth".to_owned() };
    let unhealthy = Health::Unhealthy {
        reason: "Target.ResponseCodeMismatch".to_owned(),
        description: "Health checks failed with these codes: [500]".to_owned(),
    };
    let definition = |version: u8| SeedTaskDefinition {
        request: json!({
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [{
                "name": "api", "image": format!("{{registry}}/shop/api:v{version}"), "essential": true,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            }],
        }),
        age: Duration::from_hours(20),
        status: TaskDefinitionStatus::Active,
        registered_by: None,
        tags: BTreeMap::new(),
    };
    Seed {
        account: "123456789012".to_owned(),
        region: "eu-north-1".to_owned(),
        caller: None,
        roles: vec![SeedRole { name: "rollbot".to_owned(), external_id: Some("shop".to_owned()) }],
        clusters: vec!["shop-prod".to_owned()],
        repositories: BTreeMap::from([(
            "shop/api".to_owned(),
            vec![
                image(41, Behaviour::default()),
                image(42, Behaviour::default()),
                image(43, Behaviour { start: secretless, ..Behaviour::default() }),
                image(44, Behaviour { health: unhealthy, ..Behaviour::default() }),
                image(45, Behaviour::default()),
            ],
        )]),
        // Revisions count from 1: api:1 runs v41.
        task_definitions: BTreeMap::from([("api".to_owned(), (41..=45).map(definition).collect())]),
        secrets: Vec::new(),
        parameters: Vec::new(),
        log_groups: Vec::new(),
        target_groups: BTreeMap::from([("api".to_owned(), SeedTargetGroup::default())]),
        services: vec![SeedService {
            cluster: "shop-prod".to_owned(),
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
            tags: BTreeMap::new(),
            history: history
                .iter()
                .zip((1..=10).rev())
                .map(|((revision, status), hours)| SeedDeployment {
                    task_definition: format!("api:{revision}"),
                    age: Duration::from_hours(hours),
                    status: *status,
                    reason: None,
                    image_digests: BTreeMap::new(),
                })
                .collect(),
            in_flight: None,
        }],
        ..Seed::default()
    }
}

fn good(revisions: &[u32]) -> Seed {
    seed(&revisions.iter().map(|revision| (*revision, Ending::Successful)).collect::<Vec<_>>())
}

fn in_flight(mut seed: Seed, revision: u32, running: u32, rolling_back: Option<RollbackCause>) -> Seed {
    seed.services[0].in_flight = Some(SeedInFlight {
        task_definition: format!("api:{revision}"),
        age: Duration::from_mins(2),
        running,
        failed: 0,
        waits_at: None,
        rolling_back,
    });
    seed
}

fn with_breaker(mut seed: Seed) -> Seed {
    seed.services[0].deployment_configuration = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    seed
}

struct Bench {
    stand_in: AwsStandIn,
    aws: Aws,
    config: SdkConfig,
    clock: Clock,
    wire: Wire,
    _stop: tokio_util::sync::DropGuard,
}

#[derive(Debug)]
enum End {
    Done(Vec<Evidence>),
    Failed(Failure),
}

impl Bench {
    async fn of(seed: Seed) -> Self {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (clock, wire, stop) = (Clock::start(Pace::new(PACE)), Wire::of(By::Bot), CancellationToken::new());
        let tasks = TaskTracker::new();
        let stand_in = AwsStandIn::start(seed, clock, wire.clone(), &tasks, stop.clone()).await.unwrap();
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(Region::new("eu-north-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(stand_in.endpoint())
            .load()
            .await;
        let account = Account {
            environment: "prod".to_owned(),
            region: None,
            account: Some("123456789012".to_owned()),
            assume_role: None,
            external_id: None,
        };
        let aws = Accounts::over([account], &config, clock).aws("prod", "rb-7k3fq").await.unwrap();
        Self { stand_in, aws, config, clock, wire, _stop: stop.drop_guard() }
    }

    fn spec() -> TargetSpec {
        TargetSpec::Ecs(EcsSpec {
            name: "backend".to_owned(),
            cluster: "shop-prod".to_owned(),
            service: "api".to_owned(),
            container: None,
            image: None,
        })
    }

    async fn plan(&self, to: Option<&str>) -> Step {
        let mut inventory = Self::spec().look(&self.aws, to).await.unwrap();
        inventory.look_at_target(&self.aws, to, &[]).await.unwrap();
        match Self::spec().plan(&inventory, to, &[]).unwrap() {
            Planned::Steps { mut steps, .. } => steps.remove(0),
            Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
        }
    }

    /// Carries a step to its end, as the engine does; `meanwhile` is called before each look.
    async fn carry(&self, step: &Step, mut meanwhile: impl FnMut(usize)) -> (End, Vec<Act>, Vec<String>) {
        let system = System::of(&step.work).unwrap();
        let began = self.clock.now();
        let (mut acts, mut progress, mut held): (Vec<Act>, Vec<String>, _) = (Vec::new(), Vec::new(), None);
        for look in 0.. {
            meanwhile(look);
            let passed = self.clock.now().elapsed(began.at);
            assert!(passed < Duration::from_mins(15), "not over after {passed:?}: {progress:#?}");
            let journal =
                StepJournal { key: "rb-7k3fq-backend", attempt: 1, began_at: began.at, acts: &acts, remedy: None };
            let judgement = system.look_and_judge(&self.aws, &journal, &self.clock).await.unwrap();
            if !matches!(judgement, Judgement::Holding { .. }) {
                held = None;
            }
            match judgement {
                Judgement::Done { evidence, .. } => return (End::Done(evidence), acts, progress),
                Judgement::Holding { hold, evidence, .. } => {
                    let since = *held.get_or_insert(self.clock.now().at);
                    if self.clock.now().elapsed(since) >= hold {
                        return (End::Done(evidence), acts, progress);
                    }
                }
                Judgement::Failed(failure) => return (End::Failed(failure), acts, progress),
                Judgement::Wait(text) if progress.last() != Some(&text) => progress.push(text),
                Judgement::Wait(_) => {}
                Judgement::Act(what) | Judgement::Restore(what) => {
                    let at = self.clock.now().at;
                    let outcome = match system.act(&self.aws, &what, "key").await {
                        Ok(acted) => ActOutcome::Accepted { receipt: acted.receipt, request_id: acted.request_id },
                        Err(error) if error.effect() == Effect::None => ActOutcome::Refused { why: error.to_string() },
                        Err(_) => ActOutcome::Unknown,
                    };
                    let number = u32::try_from(acts.len()).unwrap() + 1;
                    acts.push(Act { number, attempt: 1, what, at, outcome });
                }
            }
            self.clock.sleep(Duration::from_secs(2)).await;
        }
        unreachable!()
    }

    fn writes(&self) -> Vec<String> {
        let calls = self.wire.calls();
        calls.into_iter().filter(|call| call.writes && call.service == "ecs").map(|call| call.operation).collect()
    }

    fn versions(&self) -> Vec<String> {
        let running = self.stand_in.running("shop-prod", "api");
        running.into_iter().flat_map(|task| task.versions.into_values()).collect()
    }

    /// Interferes with the first call of an operation.
    fn interfere_once(&self, operation: &'static str, at: Moment, fault: Fault) {
        let left = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let decide: Interference = Arc::new(move |call, moment| {
            let this = call.operation == operation && moment == at;
            let hit = this && left.swap(false, std::sync::atomic::Ordering::SeqCst);
            async move { hit.then_some(fault) }.boxed()
        });
        self.wire.interfere(Some(decide));
    }
}

fn done(end: End) -> Vec<Evidence> {
    match end {
        End::Done(evidence) => evidence,
        End::Failed(failure) => panic!("{failure:#?}"),
    }
}

fn failed(end: End) -> Failure {
    match end {
        End::Failed(failure) => failure,
        End::Done(evidence) => panic!("done: {evidence:#?}"),
    }
}

#[tokio::test]
async fn peer_11_a_finished_deployment_is_taken_back_by_an_update() {
    let bench = Bench::of(good(&[1, 2])).await;
    let step = bench.plan(None).await;
    assert_eq!(step.to.as_ref().unwrap().name(), "v41 (api:1)");
    let (end, acts, progress) = bench.carry(&step, |_| {}).await;
    let evidence = done(end);
    assert_eq!(bench.writes(), ["UpdateService"]);
    assert_eq!(bench.versions(), ["v41", "v41"]);
    assert_eq!(acts.len(), 1);
    assert!(progress.iter().any(|text| text.contains("tasks of api:1 running")), "{progress:#?}");
    assert!(evidence.iter().any(|e| e.text == format!("api: 2 of 2 tasks run {}.", digest(41))), "{evidence:#?}");
    assert!(evidence.iter().any(|e| e.text == "2 targets are healthy in api."), "{evidence:#?}");
}

#[tokio::test]
async fn peer_15_nothing_but_the_task_definition_is_changed_and_nothing_is_cleaned_up() {
    let bench = Bench::of(good(&[1, 2])).await;
    let step = bench.plan(None).await;
    done(bench.carry(&step, |_| {}).await.0);
    let calls = bench.wire.calls();
    let writes: Vec<_> = calls.iter().filter(|call| call.writes && call.service == "ecs").collect();
    let [update] = writes.as_slice() else { panic!("{writes:#?}") };
    let mut names: Vec<&String> = update.request.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["cluster", "service", "taskDefinition"]);
}

#[tokio::test]
async fn peer_11_a_deployment_in_flight_is_stopped() {
    let bench = Bench::of(in_flight(good(&[1]), 2, 1, None)).await;
    let step = bench.plan(None).await;
    assert_eq!(step.from.as_ref().unwrap().label, "api:2");
    done(bench.carry(&step, |_| {}).await.0);
    assert_eq!(bench.writes(), ["StopServiceDeployment"]);
    assert_eq!(bench.versions(), ["v41", "v41"]);
}

#[tokio::test]
async fn peer_11_a_deployment_in_flight_from_another_release_is_superseded() {
    let bench = Bench::of(in_flight(good(&[1, 2]), 3, 0, None)).await;
    let step = bench.plan(Some("1")).await;
    done(bench.carry(&step, |_| {}).await.0);
    assert_eq!(bench.writes(), ["UpdateService"]);
    assert_eq!(bench.versions(), ["v41", "v41"]);
}

#[rstest]
#[case::by_the_circuit_breaker(RollbackCause::CircuitBreaker)]
#[case::by_somebody(RollbackCause::Request)]
#[tokio::test]
async fn a_rollback_that_is_under_way_is_adopted(#[case] cause: RollbackCause) {
    let bench = Bench::of(with_breaker(in_flight(good(&[1]), 2, 1, Some(cause)))).await;
    let step = bench.plan(None).await;
    done(bench.carry(&step, |_| {}).await.0);
    assert_eq!(bench.writes(), Vec::<String>::new());
    assert_eq!(bench.versions(), ["v41", "v41"]);
}

#[tokio::test]
async fn tasks_that_do_not_start_fail_the_step_with_their_reason() {
    let bench = Bench::of(good(&[3, 1])).await;
    let step = bench.plan(Some("3")).await;
    let failure = failed(bench.carry(&step, |_| {}).await.0);
    assert!(failure.why.contains("api:3"), "{failure:#?}");
    assert!(failure.details.iter().any(|said| said.contains("unable to pull secrets")), "{failure:#?}");
}

#[tokio::test]
async fn peer_01_a_rollback_that_ecs_takes_back_is_no_success() {
    let bench = Bench::of(with_breaker(good(&[4, 1]))).await;
    let step = bench.plan(Some("4")).await;
    let (end, _, progress) = bench.carry(&step, |_| {}).await;
    let failure = failed(end);
    assert!(failure.why.contains("api:4"), "{failure:#?} after {progress:#?}");
    assert_eq!(bench.writes(), ["UpdateService"]);
}

#[tokio::test]
async fn a_rollback_that_somebody_deploys_over_says_by_what() {
    let bench = Bench::of(good(&[1, 2])).await;
    let step = bench.plan(None).await;
    let deploy = |look| {
        if look == 8 {
            bench.stand_in.deploy("shop-prod", "api", "api:2").unwrap();
        }
    };
    let failure = failed(bench.carry(&step, deploy).await.0);
    assert!(failure.why.starts_with("The rollback to api:1 was superseded by deployment ecs-svc/"), "{failure:#?}");
    assert!(failure.why.ends_with("of api:2."), "{failure:#?}");
}

#[rstest]
#[case::update_lost(good(&[1, 2]), "UpdateService", Moment::After, Fault::Drop, 1)]
#[case::update_not_arrived(good(&[1, 2]), "UpdateService", Moment::Before, Fault::Drop, 2)]
#[case::update_throttled(good(&[1, 2]), "UpdateService", Moment::Before, Fault::Throttle, 2)]
#[case::update_broken(good(&[1, 2]), "UpdateService", Moment::Before, Fault::ServerError, 2)]
#[case::stop_lost(in_flight(good(&[1]), 2, 1, None), "StopServiceDeployment", Moment::After, Fault::Drop, 1)]
#[case::stop_not_arrived(in_flight(good(&[1]), 2, 1, None), "StopServiceDeployment", Moment::Before, Fault::Drop, 2)]
#[tokio::test]
async fn an_act_takes_place_once_whatever_becomes_of_its_reply(
    #[case] seed: Seed,
    #[case] operation: &'static str,
    #[case] at: Moment,
    #[case] fault: Fault,
    #[case] sent: usize,
) {
    let bench = Bench::of(seed).await;
    let step = bench.plan(None).await;
    bench.interfere_once(operation, at, fault);
    let (end, acts, progress) = bench.carry(&step, |_| {}).await;
    done(end);
    assert_eq!(bench.writes(), vec![operation; sent], "{acts:#?} {progress:#?}");
    assert_eq!(bench.versions(), ["v41", "v41"]);
}

#[tokio::test]
async fn releases_say_what_has_become_of_each() {
    let history = [(1, Ending::Successful), (3, Ending::RollbackSuccessful), (2, Ending::Successful)];
    let bench = Bench::of(seed(&history)).await;
    let lines = Bench::spec().look(&bench.aws, None).await.unwrap().releases();
    let status = |label: &str| lines.iter().find(|line| line.release.label == label).map(|line| line.status);
    assert_eq!(status("api:2"), Some(ReleaseStatus::RunsNow));
    assert_eq!(status("api:3"), Some(ReleaseStatus::RolledBack));
    assert_eq!(status("api:1"), Some(ReleaseStatus::Good));
    assert_eq!(status("api:5"), Some(ReleaseStatus::RegisteredOnly));
}

#[tokio::test]
async fn an_image_that_is_gone_refuses_the_plan() {
    let bench = Bench::of(good(&[5, 2])).await;
    let mut inventory = Bench::spec().look(&bench.aws, None).await.unwrap();
    inventory.look_at_target(&bench.aws, None, &[]).await.unwrap();
    let refusal = Bench::spec().plan(&inventory, None, &[]).unwrap_err().to_string();
    assert!(refusal.contains("of api:5 is gone"), "{refusal}");
}

#[tokio::test]
async fn a_missing_service_is_said_plainly() {
    let bench = Bench::of(good(&[1])).await;
    let TargetSpec::Ecs(spec) = Bench::spec() else { panic!("another kind of target") };
    let spec = TargetSpec::Ecs(EcsSpec { service: "apo".to_owned(), ..spec });
    let error = spec.look(&bench.aws, None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    assert!(error.to_string().contains("there is no service apo in cluster shop-prod"), "{error}");
}

#[tokio::test]
async fn target_health_speaks_of_the_new_tasks() {
    let bench = Bench::of(good(&[1, 2])).await;
    let health = target_health::of_service(&bench.aws, "shop-prod", "api").await.unwrap();
    assert_eq!((health.tasks.len(), health.healthy_tasks(), health.targets.len()), (2, 2, 2));
    let group = target_health::of_group(&bench.aws, &health.groups[0].arn).await.unwrap();
    assert_eq!(group.targets.len(), 2);
}

#[rstest]
#[case::right("123456789012", "shop", None)]
#[case::another_account(
    "999999999999",
    "shop",
    Some("belong to account 123456789012, but the configuration names 999999999999")
)]
#[case::wrong_external_id("123456789012", "shoe", Some("AssumeRole"))]
#[tokio::test]
async fn an_environment_is_entered_through_its_role_and_only_in_its_account(
    #[case] account: &str,
    #[case] external_id: &str,
    #[case] refusal: Option<&str>,
) {
    let bench = Bench::of(good(&[1])).await;
    let account = Account {
        environment: "prod".to_owned(),
        region: None,
        account: Some(account.to_owned()),
        assume_role: Some("arn:aws:iam::123456789012:role/rollbot".to_owned()),
        external_id: Some(external_id.to_owned()),
    };
    let accounts = Accounts::over([account], &bench.config, bench.clock);
    match (accounts.aws("prod", "rb-7k3fq").await, refusal) {
        (Ok(_), None) => {
            let calls = bench.wire.calls();
            let assumed = calls.iter().find(|call| call.operation == "AssumeRole").unwrap();
            assert_eq!(assumed.request["RoleSessionName"], "rb-7k3fq");
        }
        (Err(error), Some(words)) => {
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!((error.class, error.effect()), (ErrorClass::Denied, Effect::None));
        }
        (Ok(_), Some(words)) => panic!("entered, although: {words}"),
        (Err(error), None) => panic!("{error}"),
    }
}
