//! The one way in to freezes: somebody holds, somebody lets go, somebody waits for what comes of it.
//!
//! Each of these only changes a freeze's list of holders, durably; its keeper does the rest.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::config::{Freeze as Configured, StopExecution};
use crate::incident::due::{Phase, phase};
use crate::incident::freeze::{Cause, Freeze, Holder, Then};
use crate::incident::freeze_event::{FreezeEvent, FreezeWhat, evolve, is_legal, open};
use crate::incident::freeze_work::{AutoBuild, FreezeWork};
use crate::incident::ids::{ChannelId, FreezeId, Resource};
use crate::incident::policy::{Actor, Right};
use crate::incident::rejection::Rejection;
use crate::incident::work::{PipelineFreeze, Stop};
use crate::store::{CommitError, FreezeCommit, Rev, StoreError, StoredFreeze};
use crate::systems::freezes;

use super::engine::{Engine, storage};
use super::planning::cannot_look;
use super::refusal::Refusal;
use super::subject::Subject;

/// How long whoever wants something of a freeze is kept waiting for its outcome: a little longer than the keeper tries.
/// Slack takes an answer for half an hour.
const PATIENCE: Duration = freezes::DEADLINE.saturating_add(Duration::from_mins(1));

/// Somebody who wants deployments held back.
#[derive(Debug, Clone)]
pub struct FreezeAsk {
    /// Where.
    pub environment: String,
    /// For which service.
    pub service: String,
    /// On which occasion.
    pub cause: Cause,
    /// Who.
    pub by: Actor,
    /// What Slack calls them.
    pub by_name: String,
    /// Why.
    pub reason: Option<String>,
    /// Where that was said.
    pub channel: ChannelId,
    /// When.
    pub at: Timestamp,
    /// Which attempt of a rollback's step wants it; 0 for everybody else.
    pub attempt: u32,
}

/// Which of a service's freezes somebody lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// All of them, whatever they were for.
    All,
    /// What rollbacks left behind, of this freeze alone.
    OfRollbacks(&'a FreezeId),
    /// Everything that this freeze is held for.
    Of(&'a FreezeId),
}

impl Engine {
    /// Hears of every change of a freeze, after it is durable.
    pub fn freeze_changes(&self) -> broadcast::Receiver<FreezeId> {
        self.freeze_changes.subscribe()
    }

    /// Every freeze that is not over, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        let all = self.store.freezes().await?;
        Ok(all.into_iter().map(|stored| stored.freeze).filter(|freeze| !freeze.is_over()).collect())
    }

    /// Holds deployments of a service back, at every place that the configuration names, and waits a while for what comes
    /// of it. `key` names the command: the same command again is the same wish.
    ///
    /// # Errors
    /// A [`Refusal`] for whoever may not, or when there is nothing to freeze; nothing has changed.
    pub async fn freeze(&self, ask: &FreezeAsk, key: &str) -> Result<Vec<Freeze>, Refusal> {
        let policy = self.policy(&ask.environment)?;
        policy.may(Right::Freeze, &ask.by, None).map_err(Refusal::Rejected)?;
        let mut works = Vec::new();
        for service in self.services(&ask.environment, &ask.service) {
            works.extend(self.freezable(&ask.environment, &service).into_iter().map(|work| (service.clone(), work)));
        }
        if works.is_empty() {
            return Err(Refusal::CannotPlan(format!(
                "{} has nothing to freeze in {}: name its pipeline under `freeze` in rollbot.yml.",
                ask.service, ask.environment
            )));
        }
        let aws = self.accounts.aws(&ask.environment, "freeze").await;
        let aws = aws.map_err(|error| Refusal::CannotPlan(cannot_look(&error)))?;
        let mut places = Vec::new();
        for (service, work) in works {
            let resource = freezes::resource(&aws, &work).await;
            places.push((service, resource.map_err(|error| Refusal::CannotPlan(cannot_look(&error)))?, work));
        }
        let mut ids = Vec::new();
        for (service, resource, work) in places {
            let key = format!("{key} {service} {resource}");
            let ask = FreezeAsk { service, ..ask.clone() };
            let id = self.hold(&ask, &work, &resource, Some(&key)).await?.id;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        self.settled(&ids).await
    }

    /// Lets deployments of a service go, and waits a while for what comes of it.
    ///
    /// # Errors
    /// A [`Refusal`] for whoever may not, while a rollback of the service is under way, or when nothing is held.
    pub async fn unfreeze(
        &self,
        environment: &str,
        service: &str,
        which: Which<'_>,
        then: Then,
        by: &Actor,
        key: &str,
    ) -> Result<Vec<Freeze>, Refusal> {
        self.policy(environment)?.may(Right::Freeze, by, None).map_err(Refusal::Rejected)?;
        let mut ids = Vec::new();
        for StoredFreeze { freeze, .. } in self.store.freezes().await.map_err(storage)? {
            for name in self.services(environment, service) {
                if self.let_go(&freeze, (environment, &name), which, then, by, key).await? && !ids.contains(&freeze.id)
                {
                    ids.push(freeze.id.clone());
                }
            }
        }
        if ids.is_empty() {
            return Err(Refusal::NothingToDo(format!("no deployments of {service} are held back in {environment}.")));
        }
        self.settled(&ids).await
    }

    /// Whether a service has let go of `freeze`, now or when the same wish was heard before.
    async fn let_go(
        &self,
        freeze: &Freeze,
        (environment, service): (&str, &str),
        which: Which<'_>,
        then: Then,
        by: &Actor,
        key: &str,
    ) -> Result<bool, Refusal> {
        let key = format!("{key} {service} {}", freeze.id);
        if self.store.committed_by(&key).await.map_err(storage)?.is_some() {
            return Ok(true);
        }
        let causes = causes(freeze, environment, service, which);
        if causes.is_empty() || freeze.is_over() {
            return Ok(false);
        }
        self.is_free(freeze, environment, service).await?;
        let (environment, service) = (environment.to_owned(), service.to_owned());
        let what = FreezeWhat::LetGo { environment, service, causes, then };
        self.say_of_freeze(&freeze.id, what, by.clone(), Some(&key)).await
    }

    /// The services that `name` stands for; one that the configuration does not have any more stands for itself.
    fn services(&self, environment: &str, name: &str) -> Vec<String> {
        match Subject::of(&self.config, environment, name) {
            Some(subject) => subject.services().iter().map(|service| service.service.clone()).collect(),
            None => vec![name.to_owned()],
        }
    }

    /// Tries again what did not succeed.
    ///
    /// # Errors
    /// A [`Refusal`] for whoever may not, or when there is nothing to try again.
    pub async fn retry_freeze(&self, id: &FreezeId, by: &Actor, key: &str) -> Result<(), Refusal> {
        let Some(StoredFreeze { freeze, .. }) = self.store.freeze(id).await.map_err(storage)? else {
            return Err(Refusal::CannotPlan("There is no such freeze any more.".to_owned()));
        };
        self.policy(&freeze.environment)?.may(Right::Freeze, by, None).map_err(Refusal::Rejected)?;
        self.say_of_freeze(id, FreezeWhat::Retried, by.clone(), Some(key)).await.map(drop)
    }

    /// What the configuration can freeze for a service.
    pub(super) fn freezable(&self, environment: &str, service: &str) -> Vec<FreezeWork> {
        let Some(service) = self.config.service(environment, service) else { return Vec::new() };
        service.freeze.iter().map(work).collect()
    }

    /// Nobody lets go under a rollback that is under way: what it takes away would be deployed again.
    async fn is_free(&self, freeze: &Freeze, environment: &str, service: &str) -> Result<(), Refusal> {
        for holder in freeze.of(environment, service) {
            let Cause::Incident { id } = &holder.cause else { continue };
            let incident = self.incident(id).await.map_err(storage)?;
            let is_busy = incident.is_some_and(|incident| match phase(&incident) {
                Phase::Starting(_)
                | Phase::Running(_)
                | Phase::Blocked(_)
                | Phase::Awaiting(_)
                | Phase::Draining(_) => true,
                Phase::Planning | Phase::Waiting(_) | Phase::Watching(..) | Phase::Over(_) => false,
            });
            if is_busy {
                return Err(Refusal::Rejected(Rejection::NotNow {
                    state: format!(
                        "{id} is rolling {service} back, and deployments stay held until it is through. Stop it first, \
                         or wait for its verdict."
                    ),
                }));
            }
        }
        Ok(())
    }

    /// Records that somebody holds `resource`, unless they do already, and lets its keeper begin.
    pub(super) async fn hold(
        &self,
        ask: &FreezeAsk,
        work: &FreezeWork,
        resource: &Resource,
        key: Option<&str>,
    ) -> Result<Freeze, Refusal> {
        let holder = Box::new(Holder {
            environment: ask.environment.clone(),
            service: ask.service.clone(),
            cause: ask.cause.clone(),
            by: ask.by.clone(),
            by_name: ask.by_name.clone(),
            reason: ask.reason.clone(),
            channel: ask.channel.clone(),
            at: ask.at,
            attempt: ask.attempt,
            stop: work.stop(),
            outlived_at: None,
        });
        loop {
            let newest = self.store.freeze_of(resource).await.map_err(storage)?;
            let at = self.clock.now().at;
            let event = |what| FreezeEvent { at, by: ask.by.clone(), what };
            let there = newest.filter(|stored| !stored.freeze.is_over());
            let (expected, before, event) = if let Some(StoredFreeze { rev, freeze }) = there {
                let joined = FreezeWhat::Joined { holder: holder.clone() };
                if !is_legal(&freeze, &joined) {
                    return Ok(freeze);
                }
                (Some(rev), Some(freeze), event(joined))
            } else {
                let opened = FreezeWhat::Opened {
                    id: FreezeId::from_entropy(rand::random()),
                    environment: ask.environment.clone(),
                    resource: resource.clone(),
                    work: work.clone(),
                    holder: holder.clone(),
                };
                (None, None, event(opened))
            };
            let after = match before {
                Some(freeze) => Some(evolve(freeze, &event)),
                None => open(&event),
            };
            let Some(after) = after else {
                return Err(Refusal::Storage("a freeze could not be opened".to_owned()));
            };
            match self.commit_freeze(after, expected, event, key).await? {
                Ok(after) => return Ok(after),
                Err(CommitError::Duplicate { by }) => {
                    let id = FreezeId::new(by.as_str());
                    let stored = self.store.freeze(&id).await.map_err(storage)?;
                    return stored
                        .map(|stored| stored.freeze)
                        .ok_or_else(|| Refusal::CannotPlan("That freeze is not on record any more.".to_owned()));
                }
                Err(CommitError::Conflict { .. } | CommitError::Held { .. }) => {}
                Err(error @ (CommitError::NotInInbox { .. } | CommitError::Storage(_))) => {
                    return Err(Refusal::Storage(error.to_string()));
                }
            }
        }
    }

    /// Records what happened to a freeze. False: it does not fit it any more, or `key` was used; nothing has changed.
    pub(super) async fn say_of_freeze(
        &self,
        id: &FreezeId,
        what: FreezeWhat,
        by: Actor,
        key: Option<&str>,
    ) -> Result<bool, Refusal> {
        loop {
            let Some(StoredFreeze { rev, freeze }) = self.store.freeze(id).await.map_err(storage)? else {
                return Ok(false);
            };
            if !is_legal(&freeze, &what) {
                return Ok(false);
            }
            let event = FreezeEvent { at: self.clock.now().at, by: by.clone(), what: what.clone() };
            let after = evolve(freeze, &event);
            match self.commit_freeze(after, Some(rev), event, key).await? {
                Ok(_) => return Ok(true),
                Err(CommitError::Duplicate { .. }) => return Ok(false),
                Err(CommitError::Conflict { .. }) => {}
                Err(error @ (CommitError::Held { .. } | CommitError::NotInInbox { .. } | CommitError::Storage(_))) => {
                    return Err(Refusal::Storage(error.to_string()));
                }
            }
        }
    }

    /// Commits, and then tells everybody; on a task of its own, as every commit.
    async fn commit_freeze(
        &self,
        freeze: Freeze,
        expected: Option<Rev>,
        event: FreezeEvent,
        key: Option<&str>,
    ) -> Result<Result<Freeze, CommitError>, Refusal> {
        let (engine, key) = (self.clone(), key.map(str::to_owned));
        let committed = self.tasks.spawn(async move {
            let (events, dedup) = ([event], key.as_deref());
            let commit = FreezeCommit { freeze: &freeze, expected, events: &events, dedup };
            engine.store.commit_freeze(commit).await?;
            // Nobody listening is not an error: the record is what counts.
            let _ = engine.freeze_changes.send(freeze.id.clone());
            engine.wake_keeper(&freeze.id);
            engine.keep(freeze.id.clone());
            Ok(freeze)
        });
        committed.await.map_err(|_ended| Refusal::Storage("Rollbot is ending.".to_owned()))
    }

    fn wake_keeper(&self, id: &FreezeId) {
        let keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = keepers.get(id) {
            wake.notify_one();
        }
    }

    /// Lets every keeper look again: an incident that has frozen is over.
    pub(super) fn wake_keepers(&self) {
        let keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.values().for_each(|wake| wake.notify_one());
    }

    /// The freezes once nothing is under way, or as they are after a while.
    ///
    /// # Errors
    /// When the store cannot be read, or the process is to end.
    pub(super) async fn settled(&self, ids: &[FreezeId]) -> Result<Vec<Freeze>, Refusal> {
        let mut changes = self.freeze_changes();
        let late = self.clock.now().after(PATIENCE);
        loop {
            let mut freezes = Vec::new();
            for id in ids {
                freezes.extend(self.store.freeze(id).await.map_err(storage)?.map(|stored| stored.freeze));
            }
            let busy = freezes.iter().any(Freeze::is_under_way);
            if !busy || self.clock.now().at >= late {
                return Ok(freezes);
            }
            tokio::select! {
                change = changes.recv() => if change == Err(RecvError::Closed) { return Ok(freezes) },
                () = self.clock.sleep_until(late) => {}
                () = self.stop.cancelled() => return Err(Refusal::Storage("Rollbot is ending.".to_owned())),
            }
        }
    }
}

/// The occasions on which `service` holds `freeze`, of those that are meant.
fn causes(freeze: &Freeze, environment: &str, service: &str, which: Which<'_>) -> Vec<Cause> {
    let is_meant = |cause: &Cause| match which {
        Which::All => true,
        Which::Of(id) => *id == freeze.id,
        Which::OfRollbacks(id) => *id == freeze.id && matches!(cause, Cause::Incident { .. }),
    };
    freeze.of(environment, service).map(|holder| holder.cause.clone()).filter(is_meant).collect()
}

fn work(configured: &Configured) -> FreezeWork {
    match configured {
        Configured::CodePipeline(freeze) => FreezeWork::Pipeline(PipelineFreeze {
            pipeline: freeze.pipeline.clone(),
            stage: freeze.stage.clone(),
            stop: match freeze.stop_execution {
                StopExecution::No => Stop::Leave,
                StopExecution::Yes => Stop::Stop,
            },
        }),
        Configured::AmplifyAutoBuild(freeze) => {
            FreezeWork::AutoBuild(AutoBuild { app: freeze.app.clone(), branch: freeze.branch.clone() })
        }
    }
}
