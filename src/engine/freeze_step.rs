//! Freezes as rollbacks need them: first in the plan, as a step, or ahead of the approval.

use tokio::sync::broadcast::error::RecvError;

use crate::aws::Aws;
use crate::config::ServiceIn;
use crate::incident::command::Command;
use crate::incident::freeze::{Cause, Freeze};
use crate::incident::freeze_work::FreezeWork;
use crate::incident::ids::{IncidentId, Resource, StepId};
use crate::incident::incident::{Froze, Incident};
use crate::incident::plan::{Lane, Purpose, Stage, Step};
use crate::incident::policy::Actor;
use crate::incident::step::{Failure, Finding, StepState};
use crate::incident::work::{Stop, Work};
use crate::systems::freezes;

use super::carry::{say, turn};
use super::engine::{Engine, storage};
use super::freezing::FreezeAsk;
use super::planning::{Failed, Outcome, cannot_look};
use super::refusal::Refusal;
use super::subject::Subject;

/// The freezes of a plan.
pub(super) struct Freezes {
    steps: Vec<Step>,
    warnings: Vec<String>,
}

/// Looks which stages there are to hold for `services`, each once. A pipeline that cannot be held is no reason not to
/// roll back: whoever approves is told.
pub(super) async fn plan<'a>(
    engine: &Engine,
    aws: &Aws,
    services: impl Iterator<Item = &'a ServiceIn>,
) -> Result<Freezes, Failed> {
    let mut works: Vec<FreezeWork> = Vec::new();
    for work in services.flat_map(|service| engine.freezable(&service.environment, &service.service)) {
        match works.iter_mut().find(|other| other.is_same(&work)) {
            // One service that wants the execution stopped is enough.
            Some(other) if work.stop() == Stop::Stop => *other = other.clone().stopping(),
            Some(_) => {}
            None => works.push(work),
        }
    }
    let mut planned = Freezes { steps: Vec::new(), warnings: Vec::new() };
    for work in works {
        match freezes::resource(aws, &work).await {
            Ok(resource) => planned.steps.push(freezes::step(&work, resource)),
            Err(error) if error.class.may_pass() => return Err(Failed::Aws(error)),
            Err(error) => planned.warnings.push(format!(
                "Deployments {} {} are not held back, and may undo this: {}",
                work.by_way_of(),
                work.title(),
                cannot_look(&error)
            )),
        }
    }
    Ok(planned)
}

impl Freezes {
    /// The outcome with these in front, where it is a plan.
    pub(super) fn in_front_of(self, outcome: Outcome) -> Outcome {
        let Outcome::Plan(mut plan) = outcome else { return outcome };
        plan.warnings.splice(0..0, self.warnings);
        if !self.steps.is_empty() {
            let lanes = self.steps.into_iter().map(|step| Lane { steps: vec![step] }).collect();
            plan.stages.insert(0, Stage { purpose: Purpose::Freeze, lanes, track: None });
        }
        Outcome::Plan(plan)
    }
}

/// Who wants `work` held for `incident`: whoever asked for the rollback, for each of its services that deploys there.
fn asks(incident: &Incident, work: &FreezeWork, attempt: u32, engine: &Engine) -> Vec<FreezeAsk> {
    let request = &incident.request;
    let subject = Subject::of(&engine.config, &request.environment, &request.service);
    let services = subject.iter().flat_map(Subject::services);
    let deploys_there =
        |name: &String| engine.freezable(&request.environment, name).iter().any(|other| other.is_same(work));
    let mut services: Vec<String> = services.map(|service| service.service.clone()).filter(deploys_there).collect();
    if services.is_empty() {
        // The configuration has changed since the plan was made.
        services.push(request.service.clone());
    }
    let at = engine.clock.now().at;
    services
        .into_iter()
        .map(|service| FreezeAsk {
            environment: request.environment.clone(),
            service,
            cause: Cause::Incident { id: incident.id.clone() },
            by: Actor::Rollbot,
            by_name: request.by_name.clone(),
            reason: request.reason.clone(),
            channel: request.channel.clone(),
            at,
            attempt,
        })
        .collect()
}

/// Carries the step that holds `work`: records that the incident holds it, and waits for its keeper.
pub(super) async fn hold_back(
    engine: &Engine,
    id: &IncidentId,
    step: &StepId,
    work: &FreezeWork,
) -> Result<(), Refusal> {
    let mut changes = engine.freeze_changes();
    while let Some(turn) = turn(engine, id, step).await? {
        let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
        let asks = asks(&incident, work, turn.record.attempt, engine);
        if turn.stopped && !is_asked(engine, &asks, &turn.step.resource).await? {
            return say(engine, id, Command::Withdraw { step: step.clone() }).await;
        }
        let mut held = None;
        for ask in &asks {
            held = Some(engine.hold(ask, work, &turn.step.resource, None).await?);
        }
        let Some(freeze) = held else { return Ok(()) };
        let step = step.clone();
        match &freeze.record.state {
            StepState::Done if freeze.is_held() => {
                let evidence = freeze.record.evidence.clone();
                let output = freeze.record.output.clone();
                return say(engine, id, Command::Finish { step, evidence, output }).await;
            }
            StepState::Failed(failure) => {
                let failure = failure.clone();
                return say(engine, id, Command::Fail { step, failure }).await;
            }
            StepState::Pending
            | StepState::Active
            | StepState::Waiting
            | StepState::Done
            | StepState::SkippedAfter { .. } => {
                if let Some(text) = freeze.record.progress.clone() {
                    say(engine, id, Command::Progress { step, text }).await?;
                }
            }
        }
        next_change(engine, &mut changes, &freeze).await;
    }
    Ok(())
}

/// Whether the freeze of `resource` has heard of this attempt.
async fn is_asked(engine: &Engine, asks: &[FreezeAsk], resource: &Resource) -> Result<bool, Refusal> {
    let stored = engine.store.freeze_of(resource).await.map_err(storage)?;
    Ok(stored.is_some_and(|stored| {
        let is_there = |ask: &FreezeAsk| {
            let holder = stored.freeze.holder(&ask.environment, &ask.service, &ask.cause);
            holder.is_some_and(|holder| holder.attempt >= ask.attempt)
        };
        !stored.freeze.is_over() && asks.iter().any(is_there)
    }))
}

/// Waits until this freeze may have changed, or the process is to end.
async fn next_change(
    engine: &Engine,
    changes: &mut tokio::sync::broadcast::Receiver<crate::incident::ids::FreezeId>,
    freeze: &Freeze,
) {
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(id) if id != freeze.id => {}
                Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
            () = engine.stop.cancelled() => return,
        }
    }
}

/// Holds every stage of the pinned plan ahead of its approval, and records what came of it.
pub(super) async fn freeze_now(engine: &Engine, id: &IncidentId) -> Result<(), Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
    let (Some(wish), Some(proposal)) = (&incident.freeze_now, incident.proposal()) else { return Ok(()) };
    let by_name = match wish.by.user() {
        Some(user) if *user == incident.request.by => incident.request.by_name.clone(),
        Some(_) | None => wish.by.name(),
    };
    let mut ids = Vec::new();
    for (purpose, step) in proposal.plan.steps() {
        let (Purpose::Freeze, Work::Freeze(work)) = (purpose, &step.work) else { continue };
        for ask in asks(&incident, work, 0, engine) {
            let ask = FreezeAsk { by: wish.by.clone(), by_name: by_name.clone(), at: wish.at, ..ask };
            let id = engine.hold(&ask, work, &step.resource, None).await?.id;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let mut froze = Froze::default();
    for freeze in engine.settled(&ids).await? {
        match &freeze.record.state {
            StepState::Done if freeze.is_held() => froze.held.extend(freeze.record.evidence),
            StepState::Failed(failure) => froze.failed.push(failure.clone()),
            StepState::Pending
            | StepState::Active
            | StepState::Waiting
            | StepState::Done
            | StepState::SkippedAfter { .. } => {
                froze.failed.push(still_under_way(&freeze));
            }
        }
    }
    say(engine, id, Command::Froze { froze }).await
}

fn still_under_way(freeze: &Freeze) -> Failure {
    Failure {
        why: format!("Holding back {} takes longer than expected.", freeze.title()),
        details: freeze.record.progress.iter().cloned().collect(),
        finding: Finding::Inconclusive,
        advice: "It goes on by itself; `/rollback status` shows how it stands.".to_owned(),
        remedies: Vec::new(),
    }
}
