//! Carries one step to its end: observe, judge, act, observe.
//!
//! `Do` is committed before the call and what came of it after; a crash in between leaves an act of unknown outcome,
//! which `judge` resolves from a fresh look. When somebody has stopped the incident, nothing new is begun: an attempt
//! that has done nothing is withdrawn, and one that has acted is followed to its end. Where leaving off between two acts
//! would leave something half done, that takes further acts; which these are, each kind of step says.

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
use crate::systems::step_kind::{Acted, Judgement, Looked, News, StepJournal};
use crate::telemetry;

use super::check_run;
use super::engine::{Engine, storage};
use super::freeze_step;
use super::pacing::Pacing;
use super::refusal::Refusal;
use super::sites;

/// How often one attempt may act before a person is asked. What ECS needs is two: a deployment that cannot be stopped
/// any more is superseded instead. The rest is for acts that were throttled.
const ACTS: usize = 5;

/// For how long reports are gathered before they are posted: a stack has dozens of events in a minute, and the whole
/// workspace some forty posts.
const PORTION: Duration = Duration::from_secs(30);

/// A step under way, as its record has it now.
pub(super) struct Turn {
    pub(super) environment: String,
    pub(super) step: Step,
    pub(super) record: StepRecord,
    pub(super) stopped: bool,
}

impl Turn {
    /// How often the present attempt has acted, whatever came of it.
    fn acts(&self) -> usize {
        self.record.acts.iter().filter(|act| act.attempt == self.record.attempt).count()
    }

    /// Whether the present attempt may have changed something.
    fn may_have_changed_something(&self) -> bool {
        let mut acts = self.record.acts.iter().filter(|act| act.attempt == self.record.attempt);
        acts.any(|act| !matches!(act.outcome, ActOutcome::Refused { .. }))
    }

    fn began_at(&self, engine: &Engine) -> Timestamp {
        self.record.began_at.unwrap_or_else(|| engine.clock.now().at)
    }

    /// The failure of a step that is not done by its deadline; `progress` is what it waits for.
    fn overdue(&self, engine: &Engine, progress: &str) -> Option<Failure> {
        let elapsed = engine.clock.now().elapsed(self.began_at(engine));
        (elapsed >= self.step.deadline).then(|| late(&self.step, progress))
    }
}

/// Carries `step` on until it is settled, withdrawn, or the process is to end.
pub(super) async fn carry(engine: &Engine, id: &IncidentId, step: &StepId) -> Result<(), Refusal> {
    let Some(turn) = turn(engine, id, step).await? else {
        return Ok(());
    };
    match &turn.step.work {
        Work::Check(work) => check_run::look_on(engine, id, step, work).await,
        Work::EcsService(_)
        | Work::PipelineStage(_)
        | Work::CommitBuild(_)
        | Work::Site(_)
        | Work::Amplify(_)
        | Work::Lambda(_)
        | Work::EcsCodeDeploy(_)
        | Work::Stack(_) => Box::pin(take_back(engine, id, step)).await,
        Work::Freeze(work) => freeze_step::hold_back(engine, id, step, work).await,
        // They wait for a person as soon as they have begun.
        Work::Gate(_) | Work::Manual(_) => Ok(()),
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
                let environment = incident.request.environment.clone();
                return Ok(Some(Turn { environment, step: planned.clone(), record, stopped }));
            }
            StepState::Pending => {
                match engine.command(id, Command::Begin { step: step.clone() }, Actor::Rollbot).await {
                    Ok(after) => incident = after,
                    Err(Refusal::Rejected(_)) => return Ok(None),
                    Err(refusal) => return Err(refusal),
                }
            }
            StepState::Waiting | StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. } => {
                return Ok(None);
            }
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
    let _ = unless_ending(engine, engine.clock.sleep(duration)).await;
}

/// What `look` comes to; `None` when the process is to end first. Only for what changes nothing: it is dropped.
pub(super) async fn unless_ending<T>(engine: &Engine, look: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = look => Some(done),
        () = engine.stop.cancelled() => None,
    }
}

async fn take_back(engine: &Engine, id: &IncidentId, step: &StepId) -> Result<(), Refusal> {
    let mut holding_since: Option<Timestamp> = None;
    let mut pacing = Pacing::new();
    let manifest = sites::manifest(engine, id, step).await?;
    while let Some(turn) = turn(engine, id, step).await? {
        if turn.stopped && !turn.may_have_changed_something() {
            return say(engine, id, Command::Withdraw { step: step.clone() }).await;
        }
        let Some(system) = System::of(&turn.step.work) else { return Ok(()) };
        let system = system.with(manifest.as_ref());
        let Some(judged) = unless_ending(engine, Box::pin(look_and_judge(engine, id, &turn, system))).await else {
            return Ok(());
        };
        let judged = match judged {
            Ok((aws, Looked { judgement, news, threatened: _ })) => {
                let is_end = matches!(judgement, Judgement::Done { .. } | Judgement::Failed(_));
                report(engine, id, &turn, &news, if is_end { Told::Everything } else { Told::InPortions }).await?;
                Ok((aws, judgement))
            }
            Err(error) => Err(error),
        };
        if !matches!(judged, Ok((_, Judgement::Holding { .. }))) {
            holding_since = None;
        }
        match judged {
            Err(error) => {
                warn!(incident = %id, %step, %error, "AWS could not be looked at");
                if let Some(failure) = unseen(engine, &turn, &error) {
                    return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
                }
                let text = format!("waiting for AWS to answer: {error}");
                say(engine, id, Command::Progress { step: step.clone(), text }).await?;
                pause(engine, pacing.pause()).await;
            }
            Ok((_, Judgement::Done { evidence, output })) => {
                return say(engine, id, Command::Finish { step: step.clone(), evidence, output }).await;
            }
            Ok((_, Judgement::Holding { hold, progress, evidence, output })) => {
                let now = engine.clock.now();
                let held = now.elapsed(*holding_since.get_or_insert(now.at));
                if held >= hold {
                    return say(engine, id, Command::Finish { step: step.clone(), evidence, output }).await;
                }
                say(engine, id, Command::Progress { step: step.clone(), text: progress }).await?;
                pacing.changed();
                pause(engine, pacing.pause().min(hold.saturating_sub(held))).await;
            }
            Ok((_, Judgement::Act(_))) if turn.stopped => {
                return say(engine, id, Command::Withdraw { step: step.clone() }).await;
            }
            Ok((_, Judgement::Act(_) | Judgement::Restore(_))) if turn.acts() >= most_acts(&turn.step) => {
                return say(engine, id, Command::Fail { step: step.clone(), failure: in_vain(&turn) }).await;
            }
            Ok((aws, judgement @ (Judgement::Act(_) | Judgement::Restore(_)))) => {
                match act(engine, id, &turn.step, &aws, system, judgement).await? {
                    Next::Look => pacing.changed(),
                    Next::LookLater => pause(engine, pacing.pause()).await,
                    Next::Ended => return Ok(()),
                }
            }
            Ok((_, Judgement::Wait(text))) => {
                if let Some(failure) = turn.overdue(engine, &text) {
                    return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
                }
                if turn.record.progress.as_deref() != Some(text.as_str()) {
                    pacing.changed();
                    say(engine, id, Command::Progress { step: step.clone(), text }).await?;
                }
                pause(engine, pacing.pause()).await;
            }
            Ok((_, Judgement::Failed(failure))) => {
                return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
            }
        }
    }
    Ok(())
}

/// One look at what `turn` is about, and what follows from it. Entering the account is part of the look: while its
/// door is shut for a moment, the step waits as it does for any other answer.
async fn look_and_judge(
    engine: &Engine,
    id: &IncidentId,
    turn: &Turn,
    system: System<'_>,
) -> Result<(Aws, Looked), AwsError> {
    let aws = engine.accounts.aws(&turn.environment, id.as_str()).await?;
    let Turn { record, .. } = turn;
    let key = act_key(id, &turn.step.id);
    let journal = StepJournal {
        key: &key,
        attempt: record.attempt,
        began_at: turn.began_at(engine),
        acts: &record.acts,
        remedy: record.remedy.as_ref(),
    };
    let looked = system.look_and_report(&aws, &journal, &engine.clock).await?;
    Ok((aws, looked))
}

/// When what the other side reports is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Some lines at a time.
    InPortions,
    /// All of it now: the step comes to its end.
    Everything,
}

/// Tells the thread what the other side reports, if there is something new: one post for what came in [`PORTION`].
async fn report(engine: &Engine, id: &IncidentId, turn: &Turn, news: &[News], when: Told) -> Result<(), Refusal> {
    let told = turn.record.told.as_ref();
    let from = told.and_then(|told| news.iter().position(|line| line.id == told.upto)).map_or(0, |at| at + 1);
    let fresh = news.get(from..).unwrap_or_default();
    let Some(newest) = fresh.last() else { return Ok(()) };
    let due = told.is_none_or(|told| engine.clock.now().elapsed(told.at) >= PORTION);
    if !due && when == Told::InPortions {
        return Ok(());
    }
    let lines = fresh.iter().map(|line| line.line.clone()).collect();
    say(engine, id, Command::Report { step: turn.step.id.clone(), lines, upto: newest.id.clone() }).await
}

/// The failure of a step that could not be looked at, unless it may go away by itself before the deadline.
fn unseen(engine: &Engine, turn: &Turn, error: &AwsError) -> Option<Failure> {
    if !engine.config.environments.contains_key(&turn.environment) {
        return Some(Failure {
            why: format!("The configuration has no environment `{}` any more.", turn.environment),
            details: vec!["What AWS was told to do goes on; Rollbot cannot look at it.".to_owned()],
            finding: Finding::Inconclusive,
            advice: "Put the environment back into rollbot.yml and start Rollbot again, then Retry.".to_owned(),
            remedies: Vec::new(),
        });
    }
    if error.class.may_pass() { turn.overdue(engine, &error.to_string()) } else { Some(refused(error)) }
}

enum Next {
    Look,
    LookLater,
    Ended,
}

async fn act(
    engine: &Engine,
    id: &IncidentId,
    planned: &Step,
    aws: &Aws,
    system: System<'_>,
    judgement: Judgement<serde_json::Value>,
) -> Result<Next, Refusal> {
    let step = &planned.id;
    let (what, intent) = match judgement {
        Judgement::Act(what) => (what.clone(), Command::Act { step: step.clone(), what }),
        Judgement::Restore(what) => (what.clone(), Command::Restore { step: step.clone(), what }),
        Judgement::Done { .. } | Judgement::Holding { .. } | Judgement::Wait(_) | Judgement::Failed(_) => {
            return Ok(Next::Look);
        }
    };
    // What is done in portions says with each how far it is.
    if let Some(text) = what.get("progress").and_then(serde_json::Value::as_str) {
        say(engine, id, Command::Progress { step: step.clone(), text: text.to_owned() }).await?;
    }
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
    let key = format!("{}-{number}", act_key(id, step));
    match system.act(aws, &what, &key).await {
        Ok(Acted { receipt, request_id }) => {
            info!(incident = %id, %step, act = number, aws.request_id = request_id.as_deref(), "accepted");
            telemetry::aws_act("accepted");
            say(engine, id, Command::Accept { step: step.clone(), number, receipt, request_id }).await?;
            Ok(Next::Look)
        }
        Err(error) if error.effect() == Effect::Unknown => {
            warn!(incident = %id, %step, act = number, %error, "no reply: its effect is looked for");
            telemetry::aws_act("unknown");
            Ok(Next::LookLater)
        }
        Err(error) => {
            warn!(incident = %id, %step, act = number, %error, "refused");
            telemetry::aws_act("refused");
            say(engine, id, Command::Refuse { step: step.clone(), number, why: error.to_string() }).await?;
            let again = error.class.may_pass() || error.class == ErrorClass::Conflict;
            let acts = record.acts.iter().filter(|act| act.attempt == record.attempt).count();
            if again && acts < most_acts(planned) {
                return Ok(Next::LookLater);
            }
            let failure = system.explained(&error).unwrap_or_else(|| refused(&error));
            say(engine, id, Command::Fail { step: step.clone(), failure }).await?;
            Ok(Next::Ended)
        }
    }
}

/// How often one attempt of `step` may act: what is done in portions needs more of them, and some of those again.
fn most_acts(step: &Step) -> usize {
    if let Work::Site(work) = &step.work { work.portions().saturating_mul(2).saturating_add(ACTS) } else { ACTS }
}

/// What the keys of a step's acts begin with.
pub(super) fn act_key(id: &IncidentId, step: &StepId) -> String {
    format!("{id}-{step}")
}

pub(super) fn refused(error: &AwsError) -> Failure {
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
        remedies: Vec::new(),
    }
}

/// Acts were accepted, and a look says all the same that something is to be done.
fn in_vain(turn: &Turn) -> Failure {
    Failure {
        why: format!("Rollbot has acted {} times, and it did not come to what was asked for.", turn.acts()),
        details: turn.record.progress.iter().map(|text| format!("The last that was seen: {text}")).collect(),
        finding: Finding::Inconclusive,
        advice: "Look at the service's events in the AWS console: something undoes the rollback. Retry begins anew; \
                 Stop ends the incident and leaves everything as it is."
            .to_owned(),
        remedies: Vec::new(),
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
        remedies: Vec::new(),
    }
}
