//! An engine over the stand-in for AWS, which can be stopped and started again on the same store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures::FutureExt as _;
use rollbot::aws::Accounts;
use rollbot::aws::account::Account;
use rollbot::aws::own_task::OwnTask;
use rollbot::checks;
use rollbot::clock::Clock;
use rollbot::config::Config;
use rollbot::engine::{Engine, Parts, Refusal};
use rollbot::incident::command::Command;
use rollbot::incident::ids::IncidentId;
use rollbot::incident::incident::{Closed, End, Incident, Proposal, State};
use rollbot::incident::policy::Actor;
use rollbot::incident::request::Request;
use rollbot::incident::step::{Failure, StepState};
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::{AwsStandIn, Seed, SeedService};
use rollbot::sandbox::record::By;
use rollbot::sandbox::scenario;
use rollbot::sandbox::wire::{Call, Fault, Moment, Wire};
use rollbot::store::{SledStore, Store};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A rollback of two minutes takes little more than a second, and a look of nine calls is still short beside it.
const SPEED: u32 = 100;
/// How long anything may take, in real time.
const PATIENCE: Duration = Duration::from_secs(40);

/// One service `api` of one target, without checks.
pub(crate) const API: &str = "  api: { targets: [{ ecs: { name: backend, cluster: shop-prod, service: api } }] }\n";

/// Everything that outlives the engine.
pub(crate) struct House {
    pub(crate) aws: AwsStandIn,
    pub(crate) wire: Wire,
    pub(crate) engine: Engine,
    /// While it is set, AWS drops every call.
    pub(crate) away: Arc<AtomicBool>,
    base: SdkConfig,
    folder: tempfile::TempDir,
    stop: tokio_util::sync::DropGuard,
}

/// The world of the scenario: `api` runs v43, which is bad; v42 ran before it.
pub(crate) fn world() -> Seed {
    scenario::find("ecs-playbook", None).unwrap().seed
}

/// The same world with more services beside `api`, of the same past and behind no load balancer.
pub(crate) fn world_with(names: &[&str]) -> Seed {
    let mut seed = world();
    let api = seed.services[0].clone();
    for name in names {
        seed.services.push(SeedService { name: (*name).to_owned(), load_balancer: None, ..api.clone() });
    }
    seed
}

/// rollbot.yml with one environment and these services; plans wait so long for votes.
pub(crate) fn configuration(services: &str, expires_after: &str) -> Config {
    let text = format!(
        "slack: {{ operations: C0OPS00001 }}\npeople: {{ sre: S0SRE00001 }}\nstore: {{ sled: {{ path: ./unused }} }}\n\
         environments:\n  prod:\n    aws: {{ region: eu-north-1 }}\n    channels: [C0INC00001]\n    may: {{ approve: \
         [sre] }}\n    approval: {{ required: 1, expires_after: {expires_after} }}\nservices:\n{services}"
    );
    Config::parse("rollbot.yml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) fn request(service: &str, more: &serde_json::Value) -> Request {
    let mut request = json!({
        "environment": "prod", "service": service, "to": null, "only": [], "with": [], "reason": null,
        "by": "U0DEV00001", "by_name": "dev", "team": "T0SHOP0001", "channel": "C0INC00001",
    });
    let (known, more) = (request.as_object_mut().unwrap(), more.as_object().unwrap().clone());
    known.extend(more);
    serde_json::from_value(request).unwrap()
}

fn oncall() -> Actor {
    Actor::Machine { user: "oncall".to_owned() }
}

impl House {
    /// The world of the scenario, and these services; plans wait for a day.
    pub(crate) async fn of(services: &str) -> Self {
        Self::with(world(), configuration(services, "24h")).await
    }

    pub(crate) async fn with(seed: Seed, config: Config) -> Self {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (clock, wire, stop) = (Clock::start(Pace::new(SPEED)), Wire::of(By::Bot), CancellationToken::new());
        let aws = AwsStandIn::start(seed, clock, wire.clone(), &TaskTracker::new(), stop.clone()).await.unwrap();
        let base = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(Region::new("eu-north-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(aws.endpoint())
            .load()
            .await;
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(parts(&base, folder.path(), config).await);
        let away = Arc::new(AtomicBool::new(false));
        let house = Self { aws, wire, engine, away, base, folder, stop: stop.drop_guard() };
        house.interfere(|_, _| None);
        house
    }

    /// What happens to calls while AWS is not away.
    pub(crate) fn interfere(&self, meet: impl Fn(&Call, Moment) -> Option<Fault> + Send + Sync + 'static) {
        let away = Arc::clone(&self.away);
        self.wire.interfere(Some(Arc::new(move |call: &Call, moment: Moment| {
            let gone = away.load(Ordering::SeqCst) && moment == Moment::Before;
            let fault = if gone { Some(Fault::Drop) } else { meet(call, moment) };
            std::future::ready(fault).boxed()
        })));
    }

    /// The next `times` calls of `operation` get `fault` at `moment`.
    pub(crate) fn fault(&self, operation: &'static str, moment: Moment, fault: Fault, times: usize) {
        let left = std::sync::Mutex::new(times);
        self.interfere(move |call, now| {
            let mut left = left.lock().unwrap();
            let hit = call.operation == operation && now == moment && *left > 0;
            *left -= usize::from(hit);
            hit.then_some(fault)
        });
    }

    /// The engine ends as it does on SIGTERM, and another begins on the same store.
    pub(crate) async fn restart(self, config: Config) -> Self {
        let Self { aws, wire, engine, away, base, folder, stop } = self;
        end(engine).await;
        let engine = Engine::new(parts(&base, folder.path(), config).await);
        engine.resume().await.unwrap();
        Self { aws, wire, engine, away, base, folder, stop }
    }

    /// The same house, with an engine that knows which task it runs in.
    pub(crate) async fn inside(self, own_task: OwnTask, config: Config) -> Self {
        let Self { aws, wire, engine, away, base, folder, stop } = self;
        end(engine).await;
        let engine = Engine::new(parts(&base, folder.path(), config).await.inside(Some(own_task)));
        Self { aws, wire, engine, away, base, folder, stop }
    }

    pub(crate) async fn open(&self, service: &str) -> IncidentId {
        self.open_as(request(service, &json!({}))).await
    }

    pub(crate) async fn open_as(&self, request: Request) -> IncidentId {
        let key = format!("typed-{}", rand::random::<u64>());
        let by = Actor::Machine { user: "dev".to_owned() };
        self.engine.open(request, by, &key).await.unwrap().id
    }

    pub(crate) async fn incident(&self, id: &IncidentId) -> Incident {
        self.engine.incident(id).await.unwrap().unwrap()
    }

    /// Waits until `found` finds something in the incident.
    pub(crate) async fn until<T>(&self, what: &str, id: &IncidentId, found: impl Fn(&Incident) -> Option<T>) -> T {
        let since = self.engine.clock.reading();
        loop {
            let incident = self.incident(id).await;
            if let Some(found) = found(&incident) {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "not seen: {what}\n{incident:#?}");
            self.engine.clock.sleep_really(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn proposal(&self, id: &IncidentId, number: u32) -> Proposal {
        let proposed = |incident: &Incident| match &incident.state {
            State::Proposed(proposal) if proposal.number == number => Some((**proposal).clone()),
            State::Requested | State::Proposed(_) | State::Running(_) | State::Closed(_) => None,
        };
        self.until(&format!("proposal {number}"), id, proposed).await
    }

    pub(crate) async fn say(&self, id: &IncidentId, command: Command) -> Result<Incident, Refusal> {
        self.engine.command(id, command, oncall()).await
    }

    pub(crate) async fn approve(&self, id: &IncidentId) {
        let digest = self.proposal(id, 1).await.digest;
        self.say(id, Command::Approve { digest, phrase: None }).await.unwrap();
    }

    /// Waits for a step to fail, and says why and in which attempt.
    pub(crate) async fn failure(&self, id: &IncidentId, step: &str, attempt: u32) -> Failure {
        let failed = |incident: &Incident| match record(incident, step) {
            Some((StepState::Failed(failure), at, _)) if at == attempt => Some(failure),
            _ => None,
        };
        self.until(&format!("{step} fails in attempt {attempt}"), id, failed).await
    }

    pub(crate) async fn retry(&self, id: &IncidentId, step: &str, attempt: u32) {
        let step = rollbot::incident::ids::StepId::new(step);
        self.say(id, Command::Retry { step, attempt }).await.unwrap();
    }

    pub(crate) async fn closed(&self, id: &IncidentId) -> Closed {
        let closed = |incident: &Incident| match &incident.state {
            State::Closed(closed) => Some((**closed).clone()),
            State::Requested | State::Proposed(_) | State::Running(_) => None,
        };
        self.until("the end", id, closed).await
    }

    /// How it ended, in a word, and why where that is said.
    pub(crate) async fn end_of(&self, id: &IncidentId) -> (&'static str, String) {
        let end = self.closed(id).await.end;
        let why = match &end {
            End::NothingToDo { why } | End::Aborted { why } | End::Failed { why } => why.clone(),
            End::Verdict { .. } | End::Rejected { .. } | End::Expired => String::new(),
        };
        (end.word(), why)
    }

    /// How often AWS was told to do this.
    pub(crate) fn told(&self, operation: &str) -> usize {
        self.wire.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Which versions run in a service now.
    pub(crate) fn runs(&self, service: &str) -> Vec<String> {
        let tasks = self.aws.running("shop-prod", service);
        let mut versions: Vec<String> = tasks.iter().flat_map(|task| task.versions.values().cloned()).collect();
        versions.sort();
        versions.dedup();
        versions
    }
}

/// A step's state, its attempt, and how often it has acted.
pub(crate) fn record(incident: &Incident, step: &str) -> Option<(StepState, u32, usize)> {
    let run = incident.run()?;
    let record = run.steps.iter().find(|(id, _)| id.as_str() == step)?.1;
    Some((record.state.clone(), record.attempt, record.acts.len()))
}

async fn end(engine: Engine) {
    engine.stop.cancel();
    engine.tasks.close();
    let ended = tokio::time::timeout(Duration::from_secs(15), engine.tasks.wait()).await;
    assert!(ended.is_ok(), "the engine does not end when it is told to");
}

async fn parts(base: &SdkConfig, folder: &std::path::Path, config: Config) -> Parts {
    let clock = Clock::start(Pace::new(SPEED));
    let accounts = config.environments.keys().map(|environment| Account {
        environment: environment.clone(),
        region: None,
        account: None,
        assume_role: None,
        external_id: None,
    });
    Parts::new(
        Store::Sled(SledStore::open(folder).await.unwrap()),
        Arc::new(config.clone()),
        Accounts::over(accounts, base, clock),
        checks::http::client().unwrap(),
        clock,
        TaskTracker::new(),
        CancellationToken::new(),
    )
}
