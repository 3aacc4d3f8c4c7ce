//! The engine's one way in: open an incident, and command it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::aws::Accounts;
use crate::aws::own_task::OwnTask;
use crate::clock::Clock;
use crate::config::Config;
use crate::incident::command::{Command, Facts};
use crate::incident::decide;
use crate::incident::event::{Event, What};
use crate::incident::evolve;
use crate::incident::ids::{FreezeId, IncidentId};
use crate::incident::incident::{Incident, State};
use crate::incident::policy::{Actor, Approval, Policy, SelfApproval};
use crate::incident::request::Request;
use crate::store::{Commit, CommitError, Rev, Store, StoreError, Stored};
use crate::telemetry;

use super::driver;
use super::people::People;
use super::refusal::Refusal;
use super::subject;

/// How many changes a slow listener may lag behind before it has to look at everything.
const CHANGES: usize = 1024;

/// The rules of an environment that the configuration does not have any more: nobody in Slack may do anything, while
/// Rollbot itself can still bring its open incidents to an end, and so give their locks back.
static NOBODY: Policy = Policy {
    request: Vec::new(),
    approve: Vec::new(),
    skip: Vec::new(),
    stop: Vec::new(),
    freeze: Vec::new(),
    emergency: Vec::new(),
    approval: Approval {
        required: 1,
        self_approval: SelfApproval::Refused,
        confirm_phrase: None,
        expires_after: Duration::ZERO,
    },
};

/// Carries incidents out. Cheap to clone; clones share.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

/// What an engine works with.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// What there is and who may do what.
    pub config: Arc<Config>,
    /// AWS, per environment.
    pub accounts: Accounts,
    /// The client of HTTP checks.
    pub http: reqwest::Client,
    /// The process clock.
    pub clock: Clock,
    /// Where tasks are counted, so that a shutdown waits for them.
    pub tasks: TaskTracker,
    /// Cancelled when the process is to end.
    pub stop: CancellationToken,
    /// The ECS task that this process runs in, where it does: its service is never rolled back.
    pub own_task: Option<OwnTask>,
    changes: broadcast::Sender<IncidentId>,
    pub(super) freeze_changes: broadcast::Sender<FreezeId>,
    pub(super) deploys_told: Arc<Notify>,
    /// The keepers of the freezes that are not over.
    pub(super) keepers: Mutex<BTreeMap<FreezeId, Arc<Notify>>>,
    wakes: Mutex<BTreeMap<IncidentId, Arc<Notify>>>,
    /// Whoever knows people; absent on the command line.
    pub(super) people: OnceLock<Arc<dyn People>>,
}

impl Parts {
    /// The parts of an engine that has nothing under way.
    pub fn new(
        store: Store,
        config: Arc<Config>,
        accounts: Accounts,
        http: reqwest::Client,
        clock: Clock,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let changes = broadcast::Sender::new(CHANGES);
        Self {
            store,
            config,
            accounts,
            http,
            clock,
            tasks,
            stop,
            own_task: None,
            changes,
            freeze_changes: broadcast::Sender::new(CHANGES),
            deploys_told: Arc::default(),
            keepers: Mutex::default(),
            wakes: Mutex::default(),
            people: OnceLock::new(),
        }
    }

    /// The same parts in a process that runs in this ECS task.
    #[must_use]
    pub fn inside(self, own_task: Option<OwnTask>) -> Self {
        Self { own_task, ..self }
    }
}

impl std::ops::Deref for Engine {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Engine {
    /// An engine over `parts`. Nothing moves until [`Engine::resume`].
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Takes up every incident that is open in the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resume(&self) -> Result<(), StoreError> {
        for stored in self.store.open().await? {
            let environment = &stored.incident.request.environment;
            info!(incident = %stored.incident.id, "taking up an open incident");
            if !self.config.environments.contains_key(environment) {
                warn!(incident = %stored.incident.id, environment, "the configuration does not have its environment any more");
            }
            self.drive(stored.incident.id);
        }
        self.resume_freezes().await?;
        Ok(())
    }

    /// Hears of every change, after it is durable.
    pub fn changes(&self) -> broadcast::Receiver<IncidentId> {
        self.changes.subscribe()
    }

    /// Opens an incident. `dedup` names the command that asked: the same command again gives the same incident.
    ///
    /// # Errors
    /// A [`Refusal`] for whoever may not ask, or when an open incident works on something of the same.
    pub async fn open(&self, request: Request, actor: Actor, dedup: &str) -> Result<Incident, Refusal> {
        let policy = self.policy(&request.environment)?;
        let other = self.store.open().await.map_err(storage)?.into_iter().find(|stored| {
            let open = &stored.incident;
            !open.is_closed()
                && open.run().is_none_or(|run| run.verdict.is_none())
                && subject::overlap(&self.config, &open.request, &request)
        });
        if let Some(other) = other {
            // The same command, delivered again after a crash, finds the incident that it opened.
            let Some(own) = self.store.committed_by(dedup).await.map_err(storage)? else {
                return Err(Refusal::InTheWay(other.incident.id));
            };
            return self.incident(&own).await.map_err(storage)?.ok_or(Refusal::NoSuchIncident(own));
        }
        loop {
            let id = IncidentId::from_entropy(rand::random());
            let facts = Facts { now: self.clock.now(), actor: actor.clone(), policy };
            let event = decide::request(id, request.clone(), &facts).map_err(Refusal::Rejected)?;
            let Some(incident) = evolve::open(&event) else {
                return Err(Refusal::Storage("an incident could not be opened".to_owned()));
            };
            match self.commit(incident, None, vec![event], Some(dedup.to_owned())).await? {
                Ok(incident) => {
                    self.drive(incident.id.clone());
                    return Ok(incident);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Duplicate { by }) => {
                    return self.incident(&by).await.map_err(storage)?.ok_or(Refusal::NoSuchIncident(by));
                }
                Err(CommitError::Held { by, .. }) => return Err(Refusal::InTheWay(by)),
                Err(error @ (CommitError::NotInInbox { .. } | CommitError::Storage(_))) => {
                    return Err(Refusal::Storage(error.to_string()));
                }
            }
        }
    }

    /// Does what `command` asks of an incident, durably, and returns the incident as it is then.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing has changed.
    pub async fn command(&self, id: &IncidentId, command: Command, actor: Actor) -> Result<Incident, Refusal> {
        loop {
            let stored =
                self.store.load(id).await.map_err(storage)?.ok_or_else(|| Refusal::NoSuchIncident(id.clone()))?;
            let Stored { rev, incident } = stored;
            let policy = self.policy(&incident.request.environment).unwrap_or(&NOBODY);
            let facts = Facts { now: self.clock.now(), actor: actor.clone(), policy };
            let events = decide::decide(&incident, command.clone(), &facts).map_err(Refusal::Rejected)?;
            if events.is_empty() {
                return Ok(incident);
            }
            let after = events.iter().fold(incident, evolve::evolve);
            match self.commit(after, Some(rev), events, None).await? {
                Ok(after) => return Ok(after),
                // Somebody else was quicker: look at what it is now, and decide again.
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Held { by, .. } | CommitError::Duplicate { by }) => {
                    return Err(Refusal::InTheWay(by));
                }
                Err(error @ (CommitError::NotInInbox { .. } | CommitError::Storage(_))) => {
                    return Err(Refusal::Storage(error.to_string()));
                }
            }
        }
    }

    /// Commits, and then tells everybody. On a task of its own, because whoever asked may not wait for its end: a driver
    /// that sees the incident closed drops what it is doing, and the commit that closed it has to be heard of all the
    /// same.
    ///
    /// # Errors
    /// When the process ends first.
    async fn commit(
        &self,
        incident: Incident,
        expected: Option<Rev>,
        events: Vec<Event>,
        dedup: Option<String>,
    ) -> Result<Result<Incident, CommitError>, Refusal> {
        let engine = self.clone();
        let committed = self.tasks.spawn(async move {
            let dedup = dedup.as_deref();
            let commit = Commit { incident: &incident, expected, events: &events, dedup, takes_inbox: None };
            engine.store.commit(commit).await?;
            count(&incident, &events);
            engine.announce(&incident.id);
            if incident.is_closed() && incident.has_frozen() {
                engine.wake_keepers();
            }
            Ok(incident)
        });
        committed.await.map_err(|_ended| Refusal::Storage("Rollbot is ending.".to_owned()))
    }

    /// The rules of an environment.
    ///
    /// # Errors
    /// When the configuration has no such environment.
    pub(super) fn policy(&self, environment: &str) -> Result<&Policy, Refusal> {
        self.config
            .environments
            .get(environment)
            .map(|environment| &environment.policy)
            .ok_or_else(|| Refusal::CannotPlan(format!("The configuration has no environment `{environment}`.")))
    }

    /// Tells listeners and the incident's driver that something has changed.
    fn announce(&self, id: &IncidentId) {
        // Nobody listening is not an error: the record is what counts.
        let _ = self.changes.send(id.clone());
        let wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = wakes.get(id) {
            wake.notify_one();
        }
    }

    /// Starts the driver of an incident, unless it has one.
    fn drive(&self, id: IncidentId) {
        let wake = Arc::new(Notify::new());
        {
            let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
            if wakes.contains_key(&id) {
                return;
            }
            wakes.insert(id.clone(), Arc::clone(&wake));
        }
        let engine = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = driver::drive(&engine, &id, &wake).await {
                warn!(incident = %id, %error, "the incident is left to the next start");
            }
            engine.wakes.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }
}

/// Counts and logs what opens and what closes.
fn count(incident: &Incident, events: &[Event]) {
    let turns = |event: &Event| matches!(event.what, What::Requested { .. } | What::Closed { .. });
    if !events.iter().any(turns) {
        return;
    }
    match &incident.state {
        State::Requested => {
            let Request { environment, service, .. } = &incident.request;
            info!(incident = %incident.id, environment, service, "opened");
            telemetry::incident_opened();
        }
        State::Closed(closed) => {
            info!(incident = %incident.id, end = closed.end.word(), "closed");
            telemetry::incident_closed(closed.end.word());
        }
        State::Proposed(_) | State::Running(_) => {}
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn storage(error: StoreError) -> Refusal {
    Refusal::Storage(error.to_string())
}
