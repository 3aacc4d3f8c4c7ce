//! The engine's one way in: open an incident, and command it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::aws::Accounts;
use crate::clock::Clock;
use crate::config::Config;
use crate::incident::command::{Command, Facts};
use crate::incident::decide;
use crate::incident::evolve;
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::incident::policy::{Actor, Policy};
use crate::incident::request::Request;
use crate::store::{Commit, CommitError, Store, StoreError, Stored};

use super::driver;
use super::refusal::Refusal;

/// How many changes a slow listener may lag behind before it has to look at everything.
const CHANGES: usize = 1024;

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
    changes: broadcast::Sender<IncidentId>,
    wakes: Mutex<BTreeMap<IncidentId, Arc<Notify>>>,
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
        Self { store, config, accounts, http, clock, tasks, stop, changes, wakes: Mutex::default() }
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
            info!(incident = %stored.incident.id, "taking up an open incident");
            self.drive(stored.incident.id);
        }
        Ok(())
    }

    /// Hears of every change, after it is durable.
    pub fn changes(&self) -> broadcast::Receiver<IncidentId> {
        self.changes.subscribe()
    }

    /// Opens an incident. `dedup` names the command that asked: the same command again gives the same incident.
    ///
    /// # Errors
    /// A [`Refusal`] for whoever may not ask, or when an open incident works on the same service.
    pub async fn open(&self, request: Request, actor: Actor, dedup: &str) -> Result<Incident, Refusal> {
        let policy = self.policy(&request.environment)?;
        let other = self.store.open().await.map_err(storage)?.into_iter().find(|stored| {
            let open = &stored.incident;
            open.request.environment == request.environment
                && open.request.service == request.service
                && open.run().is_none_or(|run| run.verdict.is_none())
        });
        if let Some(other) = other {
            // The same command, delivered again after a crash, finds the incident that it opened.
            let id = other.incident.id.clone();
            let same = self.store.committed_by(dedup).await.map_err(storage)? == Some(id.clone());
            return if same { Ok(other.incident) } else { Err(Refusal::InTheWay(id)) };
        }
        loop {
            let id = IncidentId::from_entropy(rand::random());
            let facts = Facts { now: self.clock.now(), actor: actor.clone(), policy };
            let event = decide::request(id, request.clone(), &facts).map_err(Refusal::Rejected)?;
            let Some(incident) = evolve::open(&event) else {
                return Err(Refusal::Storage("an incident could not be opened".to_owned()));
            };
            let events = [event];
            let commit =
                Commit { incident: &incident, expected: None, events: &events, dedup: Some(dedup), takes_inbox: None };
            match self.store.commit(commit).await {
                Ok(_) => {
                    info!(incident = %incident.id, environment = %request.environment, service = %request.service, "opened");
                    self.announce(&incident.id);
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
            let policy = self.policy(&incident.request.environment)?;
            let facts = Facts { now: self.clock.now(), actor: actor.clone(), policy };
            let events = decide::decide(&incident, command.clone(), &facts).map_err(Refusal::Rejected)?;
            if events.is_empty() {
                return Ok(incident);
            }
            let after = events.iter().fold(incident, evolve::evolve);
            let commit =
                Commit { incident: &after, expected: Some(rev), events: &events, dedup: None, takes_inbox: None };
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.announce(id);
                    return Ok(after);
                }
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

    /// The rules of an environment. One that the configuration no longer has allows nothing.
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

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn storage(error: StoreError) -> Refusal {
    Refusal::Storage(error.to_string())
}
