//! Carries one step to its end: observe, judge, act, observe.
//!
//! `Do` is committed before the call and what came of it after; a crash in between leaves an act of unknown outcome,
//! which `judge` resolves from a fresh look. When somebody has stopped the incident, nothing new is begun: a step that
//! has done nothing is withdrawn, and one that has acted is followed to its end.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::aws::error::{Effect, ErrorClass};
use crate::aws::{Aws, AwsError};
use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::incident::Incident;
use crate::incident::plan::Step;
use crate::incident::policy::Actor;
use crate::incident::step::{ActOutcome, Failure, Finding, StepRecord, StepState};
use crate::incident::work::Work;
use crate::systems::kinds::System;
use crate::systems::step_kind::{Acted, Judgement, StepJournal};

use super::check_run;
use super::engine::{Engine, storage};
use super::pacing::Pacing;
use super::refusal::Refusal;

/// How often an act may be refused in one attempt before a person is asked.
const REFUSALS: usize = 5;

/// A step under way, as its record has it now.
pub(super) struct Turn {
    pub(super) step: Step,
    pub(super) record: StepRecord,
    pub(super) stopped: bool,
}

/// Carries `step` on until it is settled, withdrawn, or the process is to end.
pub(super) async fn carry(engine: &Engine, id: &IncidentId, step: &StepId) -> Result<(), Refusal> {
    let Some(turn) = turn(engine, id, step).await? else {
        return Ok(());
    };
    let environment = incident(engine, id).await?.request.environment;
    let aws = match engine.accounts.aws(&environment, id.as_str()).await {
        Ok(aws) => aws,
        Err(error) => {
            warn!(incident = %id, %step, %error, "no access to AWS");
            return say(engine, id, Command::Fail { step: step.clone(), failure: refused(&error) }).await;
        }
    };
    match &turn.step.work {
        Work::Check(work) => check_run::look_on(engine, id, step, &aws, work).await,
        work @ Work::EcsService(_) => match System::of(work) {
            Some(system) => take_back(engine, id, step, &aws, system).await,
            None => Ok(()),
        },
    }
}

/// The step as it is now, begun if it was not; `None` when it is not this step's turn any more.
pub(super) async fn turn(engine: &Engine, id: &IncidentId, step: &StepId) -> Result<Option<Turn>, Refusal> {
    if engine.stop.is_cancelled() {
        return Ok(None);
    }
    let mut incident = incident(engine, id).await?;
    loop {
        let Some(run) = incident.run() else { return Ok(None) };
        let Some((_, planned)) = run.proposal.plan.step(step) else {
            return Ok(None);
        };
        let record = run.record(step);
        let stopped = run.stopped.is_some();
        match record.state {
            StepState::Active => {
                return Ok(Some(Turn { step: planned.clone(), record, stopped }));
            }
            StepState::Pending => {
                match engine.command(id, Command::Begin { step: step.clone() }, Actor::Rollbot).await {
                    Ok(after) => incident = after,
                    Err(Refusal::Rejected(_)) => return Ok(None),
                    Err(refusal) => return Err(refusal),
                }
            }
            StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. } => return Ok(None),
        }
    }
}

async fn incident(engine: &Engine, id: &IncidentId) -> Result<Incident, Refusal> {
    engine.incident(id).await.map_err(storage)?.ok_or_else(|| Refusal::NoSuchIncident(id.clone()))
}

/// Says something of a step; a rejection means that somebody else was quicker, and the next look shows it.
pub(super) async fn say(engine: &Engine, id: &IncidentId, command: Command) -> Result<(), Refusal> {
    match engine.command(id, command, Actor::Rollbot).await {
        Ok(_) | Err(Refusal::Rejected(_)) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Pauses, unless the process is to end first.
pub(super) async fn pause(engine: &Engine, duration: Duration) {
    tokio::select! {
        () = engine.clock.sleep(duration) => {}
        () = engine.stop.cancelled() => {}
    }
}

async fn take_back(
    engine: &Engine,
    id: &IncidentId,
    step: &StepId,
    aws: &Aws,
    system: System<'_>,
) -> Result<(), Refusal> {
    let mut holding_since: Option<Timestamp> = None;
    let mut pacing = Pacing::new();
    while let Some(Turn { step: planned, record, stopped }) = turn(engine, id, step).await? {
        let acted = record
            .acts
            .iter()
            .any(|act| act.attempt == record.attempt && !matches!(act.outcome, ActOutcome::Refused { .. }));
        if stopped && !acted {
            return say(engine, id, Command::Withdraw { step: step.clone() }).await;
        }
        let began_at = record.began_at.unwrap_or_else(|| engine.clock.now().at);
        let journal = StepJournal { attempt: record.attempt, began_at, acts: &record.acts };
        let overdue = |progress: &str| {
            let elapsed = engine.clock.now().elapsed(began_at);
            (elapsed >= planned.deadline).then(|| late(&planned, progress))
        };
        let judgement = match system.look_and_judge(aws, &journal, &engine.clock).await {
            Ok(judgement) => judgement,
            Err(error) => {
                warn!(incident = %id, %step, %error, "AWS could not be looked at");
                let passing = matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled);
                let failure = if passing { overdue(&error.to_string()) } else { Some(refused(&error)) };
                if let Some(failure) = failure {
                    return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
                }
                let text = format!("waiting for AWS to answer: {error}");
                say(engine, id, Command::Progress { step: step.clone(), text }).await?;
                holding_since = None;
                pause(engine, pacing.pause()).await;
                continue;
            }
        };
        match judgement {
            Judgement::Done { evidence, output } => {
                return say(engine, id, Command::Finish { step: step.clone(), evidence, output }).await;
            }
            Judgement::Holding { hold, progress, evidence, output } => {
                let now = engine.clock.now();
                let held = now.elapsed(*holding_since.get_or_insert(now.at));
                if held >= hold {
                    return say(engine, id, Command::Finish { step: step.clone(), evidence, output }).await;
                }
                say(engine, id, Command::Progress { step: step.clone(), text: progress }).await?;
                pacing.changed();
                pause(engine, pacing.pause().min(hold.saturating_sub(held))).await;
            }
            Judgement::Act(_) if stopped => {
                return say(engine, id, Command::Withdraw { step: step.clone() }).await;
            }
            Judgement::Act(what) => {
                holding_since = None;
                match act(engine, id, step, aws, system, what).await? {
                    Next::Look => pacing.changed(),
                    Next::LookLater => pause(engine, pacing.pause()).await,
                    Next::Ended => return Ok(()),
                }
            }
            Judgement::Wait(text) => {
                holding_since = None;
                if let Some(failure) = overdue(&text) {
                    return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
                }
                if record.progress.as_deref() != Some(text.as_str()) {
                    pacing.changed();
                    say(engine, id, Command::Progress { step: step.clone(), text }).await?;
                }
                pause(engine, pacing.pause()).await;
            }
            Judgement::Failed(failure) => {
                return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
            }
        }
    }
    Ok(())
}

enum Next {
    Look,
    LookLater,
    Ended,
}

async fn act(
    engine: &Engine,
    id: &IncidentId,
    step: &StepId,
    aws: &Aws,
    system: System<'_>,
    what: serde_json::Value,
) -> Result<Next, Refusal> {
    let intent = Command::Act { step: step.clone(), what: what.clone() };
    let after = match engine.command(id, intent, Actor::Rollbot).await {
        Ok(after) => after,
        // Stopped in this moment: the next look sees it.
        Err(Refusal::Rejected(_)) => return Ok(Next::Look),
        Err(refusal) => return Err(refusal),
    };
    let record = after.run().map(|run| run.record(step)).unwrap_or_default();
    let Some(number) = record.acts.last().map(|act| act.number) else {
        return Ok(Next::Look);
    };
    let key = format!("{id}-{step}-{number}");
    match system.act(aws, &what, &key).await {
        Ok(Acted { receipt, request_id }) => {
            info!(incident = %id, %step, act = number, aws.request_id = request_id.as_deref(), "accepted");
            say(engine, id, Command::Accept { step: step.clone(), number, receipt, request_id }).await?;
            Ok(Next::Look)
        }
        Err(error) if error.effect() == Effect::Unknown => {
            warn!(incident = %id, %step, act = number, %error, "no reply: its effect is looked for");
            Ok(Next::LookLater)
        }
        Err(error) => {
            warn!(incident = %id, %step, act = number, %error, "refused");
            say(engine, id, Command::Refuse { step: step.clone(), number, why: error.to_string() }).await?;
            let again = matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled | ErrorClass::Conflict);
            let refusals = record.acts.iter().filter(|act| act.attempt == record.attempt).count();
            if again && refusals < REFUSALS {
                return Ok(Next::LookLater);
            }
            say(engine, id, Command::Fail { step: step.clone(), failure: refused(&error) }).await?;
            Ok(Next::Ended)
        }
    }
}

fn refused(error: &AwsError) -> Failure {
    let advice = match error.class {
        ErrorClass::Denied => "Give Rollbot's role this permission, then Retry.",
        ErrorClass::Transient | ErrorClass::Throttled => "Retry tries again.",
        ErrorClass::NotFound | ErrorClass::Conflict | ErrorClass::Invalid | ErrorClass::Bug => {
            "Look at it in the AWS console. Retry looks again and goes on from what is there; Stop ends the incident."
        }
    };
    Failure {
        why: error.to_string(),
        details: error.request_id.iter().map(|id| format!("AWS request id {id}")).collect(),
        finding: Finding::Wrong,
        advice: advice.to_owned(),
    }
}

fn late(step: &Step, progress: &str) -> Failure {
    let minutes = step.deadline.as_secs().div_ceil(60);
    Failure {
        why: format!("not done after {minutes} min; the last that was seen: {progress}"),
        details: vec!["Nothing was undone: what AWS was told to do goes on.".to_owned()],
        finding: Finding::Inconclusive,
        advice: "Retry goes on waiting from what is there now; Stop ends the incident and leaves everything as it is."
            .to_owned(),
    }
}
