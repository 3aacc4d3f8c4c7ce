//! What follows from the look at a stage that is to be held or opened. Pure.
//!
//! Whose work a disabled transition is, its reason says: only what Rollbot disabled is enabled again. A call of unknown
//! outcome, of this direction or the other, is given time to show before anything is done or believed.

use std::time::Duration;

use crate::incident::freeze::{Direction, Execution, HoldOutput, Then, Transition};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Entry, Judgement, Outcome, StepJournal};

use super::act;
use super::freeze::FreezeOrder;
use super::freeze_act::{Do, Receipt};
use super::freeze_look::{Entrance, Good, StageSeen};
use super::reason::is_ours;

/// How long a call may take until `GetPipelineState` shows it, also one whose reply was lost.
pub(super) const SETTLE: Duration = Duration::from_secs(15);

type Acts = Vec<Entry<Do, Receipt>>;

pub(super) fn judge(order: &FreezeOrder, seen: &StageSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let acts: Acts = match journal.entries() {
        Ok(acts) => acts,
        Err(number) => return Judgement::Failed(unreadable(number)),
    };
    let entrance = acts.iter().rev().find(|act| matches!(act.what, Do::Disable { .. } | Do::Enable { .. }));
    let fresh = entrance.filter(|act| is_fresh(act, now));
    match &order.direction {
        Direction::Hold => hold(order, seen, &acts, fresh, journal, now),
        Direction::Lift { then } => lift(order, seen, &acts, fresh, *then, journal),
    }
}

/// Whether an act may not show yet.
fn is_fresh(act: &Entry<Do, Receipt>, now: Now) -> bool {
    match act.outcome {
        Outcome::Unknown | Outcome::Accepted(_) => now.elapsed(act.at) < SETTLE,
        Outcome::Refused(_) => false,
    }
}

fn hold(
    order: &FreezeOrder,
    seen: &StageSeen,
    acts: &Acts,
    fresh: Option<&Entry<Do, Receipt>>,
    journal: &StepJournal<'_>,
    now: Now,
) -> Judgement<Do> {
    let (pipeline, stage) = (&order.pipeline, &order.stage);
    let (reason, by) = match (&seen.entrance, fresh.map(|act| (&act.what, &act.outcome))) {
        (Entrance::Open { .. }, Some((Do::Disable { .. }, _)))
        | (Entrance::Disabled { .. }, Some((Do::Enable { .. }, Outcome::Unknown))) => {
            return Judgement::Wait(format!("waiting for CodePipeline to show the transition into {stage}"));
        }
        (Entrance::Open { by }, _) => {
            if was_done(acts, journal, |what| matches!(what, Do::Disable { .. })) {
                return Judgement::Failed(opened_again(order, by.as_deref()));
            }
            return Judgement::Act(Do::Disable {
                pipeline: pipeline.clone(),
                stage: stage.clone(),
                reason: order.reason.clone(),
            });
        }
        (Entrance::Disabled { reason, by }, _) => (reason, by),
    };
    if order.stop == crate::incident::work::Stop::Stop
        && let Some(judgement) = stop(order, seen, acts, now)
    {
        return judgement;
    }
    let ours = is_ours(reason.as_deref(), &order.id);
    let stopped = stopped(acts);
    let evidence = held(order, seen, ours, stopped.as_deref());
    let transition =
        if ours { Transition::ByRollbot } else { Transition::Before { reason: reason.clone(), by: by.clone() } };
    let output = HoldOutput { transition, stopped, execution: seen.inside.clone() };
    Judgement::Done { evidence, output: serde_json::to_value(output).unwrap_or_default() }
}

/// What the execution inside still needs until it is stopped; `None` when nothing more begins there.
fn stop(order: &FreezeOrder, seen: &StageSeen, acts: &Acts, now: Now) -> Option<Judgement<Do>> {
    let inside = seen.inside.as_ref()?;
    let waiting = || Judgement::Wait(format!("execution {} is being stopped: {}", inside.id, inside.status));
    match inside.status.as_str() {
        // Actions that have begun are waited for; an approval that nobody gives would be waited for for days, and
        // nothing begins after it.
        "Stopping" if !seen.approvals.is_empty() => None,
        "Stopping" => Some(waiting()),
        "InProgress" => {
            let is_it =
                |act: &&Entry<Do, Receipt>| matches!(&act.what, Do::Stop { execution, .. } if *execution == inside.id);
            if acts.iter().rfind(is_it).is_some_and(|act| is_fresh(act, now)) {
                return Some(waiting());
            }
            Some(Judgement::Act(Do::Stop {
                pipeline: order.pipeline.clone(),
                execution: inside.id.clone(),
                reason: order.reason.clone(),
            }))
        }
        _ => None,
    }
}

/// The execution that Rollbot stopped, if it did.
fn stopped(acts: &Acts) -> Option<String> {
    acts.iter().rev().find_map(|act| match (&act.what, &act.outcome) {
        (Do::Stop { execution, .. }, Outcome::Accepted(Receipt::Stopping) | Outcome::Unknown) => {
            Some(execution.clone())
        }
        _ => None,
    })
}

/// Whether the present attempt has done it and AWS took it.
fn was_done(acts: &Acts, journal: &StepJournal<'_>, is_it: impl Fn(&Do) -> bool) -> bool {
    acts.iter()
        .any(|act| act.attempt == journal.attempt && is_it(&act.what) && matches!(act.outcome, Outcome::Accepted(_)))
}

fn held(order: &FreezeOrder, seen: &StageSeen, ours: bool, stopped: Option<&str>) -> Vec<Evidence> {
    let FreezeOrder { pipeline, stage, .. } = order;
    let mut evidence = Vec::new();
    let mut say = |text: String| evidence.push(Evidence::new(text));
    match &seen.entrance {
        Entrance::Disabled { .. } if ours => {
            say(format!("Nothing enters {stage} of {pipeline} any more: the transition is disabled."));
        }
        Entrance::Disabled { reason, by } => say(format!(
            "The transition into {stage} of {pipeline} was disabled before{}{}. It stays disabled when this freeze is \
             lifted.",
            by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default(),
            reason.as_ref().map(|reason| format!(" (“{reason}”)")).unwrap_or_default()
        )),
        Entrance::Open { .. } => {}
    }
    if let Some(inside) = &seen.inside {
        let line = inside.line();
        let is_it = stopped == Some(inside.id.as_str());
        say(match inside.status.as_str() {
            "InProgress" if seen.approvals.is_empty() => {
                format!("Execution {line} is in {stage} and goes on: this freeze does not stop it (`stop_execution`).")
            }
            "InProgress" | "Stopping" => format!("Execution {line} is in {stage}: {}.", inside.status),
            "Stopped" if is_it => format!("Rollbot stopped execution {line} in {stage}."),
            status if is_it => {
                format!(
                    "Rollbot had execution {line} stopped in {stage}, and what had begun there ended first: {status}."
                )
            }
            status => format!("The execution in {stage} was {line}: {status}."),
        });
        for approval in &seen.approvals {
            let link = order.link();
            say(if inside.status == "Stopping" {
                format!("It waits for the manual approval {approval}, and nothing begins after that: {link}")
            } else {
                format!(
                    "It waits for the manual approval {approval}. Whoever approves lets it be deployed; reject it here: \
                     {link}"
                )
            });
        }
    }
    if let Some(waiting) = &seen.in_front {
        say(format!("Execution {} waits in front of {stage}.", waiting.line()));
    }
    evidence
}

fn lift(
    order: &FreezeOrder,
    seen: &StageSeen,
    acts: &Acts,
    fresh: Option<&Entry<Do, Receipt>>,
    then: Then,
    journal: &StepJournal<'_>,
) -> Judgement<Do> {
    let (pipeline, stage) = (&order.pipeline, &order.stage);
    let mut evidence = match (&seen.entrance, fresh.map(|act| (&act.what, &act.outcome))) {
        (Entrance::Open { .. }, Some((Do::Disable { .. }, Outcome::Unknown)))
        | (Entrance::Disabled { .. }, Some((Do::Enable { .. }, _))) => {
            return Judgement::Wait(format!("waiting for CodePipeline to show the transition into {stage}"));
        }
        (Entrance::Disabled { reason, .. }, _) if is_ours(reason.as_deref(), &order.id) => {
            return Judgement::Act(Do::Enable {
                pipeline: pipeline.clone(),
                stage: stage.clone(),
                lets_in: seen.in_front.as_ref().map(Execution::line),
            });
        }
        (Entrance::Disabled { reason, by }, _) => vec![Evidence::new(format!(
            "The transition into {stage} of {pipeline} stays disabled, because somebody else did that{}{}.",
            by.as_ref().map(|by| format!(": {by}")).unwrap_or_default(),
            reason.as_ref().map(|reason| format!(" (“{reason}”)")).unwrap_or_default()
        ))],
        (Entrance::Open { .. }, _) if acts.iter().any(|act| enabled(act, journal)) => {
            let lets_in = acts.iter().filter(|act| enabled(act, journal)).find_map(|act| match &act.what {
                Do::Enable { lets_in, .. } => lets_in.clone(),
                Do::Disable { .. } | Do::Stop { .. } | Do::Start { .. } => None,
            });
            let next = lets_in.map(|next| format!(" Execution {next} waited in front and goes in now."));
            vec![Evidence::new(format!(
                "Deployments go through {stage} of {pipeline} again: the transition is enabled.{}",
                next.unwrap_or_default()
            ))]
        }
        (Entrance::Open { by }, _) => vec![Evidence::new(format!(
            "The transition into {stage} of {pipeline} was open already{}; Rollbot changed nothing.",
            by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default()
        ))],
    };
    if then == Then::Rerun {
        match rerun(order, seen, acts, journal) {
            Ok(text) => evidence.push(Evidence::new(text)),
            Err(judgement) => return *judgement,
        }
    }
    Judgement::Done { evidence, output: serde_json::Value::Null }
}

fn enabled(act: &Entry<Do, Receipt>, journal: &StepJournal<'_>) -> bool {
    let done = matches!(act.outcome, Outcome::Accepted(_) | Outcome::Unknown);
    act.attempt == journal.attempt && matches!(act.what, Do::Enable { .. }) && done
}

/// The sentence once the latest good execution runs again or cannot; else what is still to be done for that.
fn rerun(
    order: &FreezeOrder,
    seen: &StageSeen,
    acts: &Acts,
    journal: &StepJournal<'_>,
) -> Result<String, Box<Judgement<Do>>> {
    let mut lost = None;
    for act in acts.iter().rev().filter(|act| act.attempt == journal.attempt) {
        let Do::Start { pipeline, like, revisions, token } = &act.what else { continue };
        match &act.outcome {
            Outcome::Accepted(Receipt::Started { execution }) => {
                return Ok(format!("Execution {like} runs again, as {execution}: {}", order.link()));
            }
            Outcome::Accepted(Receipt::NotStarted { why }) => {
                return Ok(format!(
                    "Execution {like} could not be run again: {why}. Start it by hand: {}",
                    order.link()
                ));
            }
            Outcome::Unknown => {
                let token = token.clone().unwrap_or_else(|| journal.key_of(act.number));
                let (pipeline, like, revisions) = (pipeline.clone(), like.clone(), revisions.clone());
                lost = Some(Do::Start { pipeline, like, revisions, token: Some(token) });
            }
            Outcome::Accepted(Receipt::Changed | Receipt::Stopping | Receipt::AlreadyOver) | Outcome::Refused(_) => {}
        }
    }
    if let Some(lost) = lost {
        // A new execution bears its revisions only when its source stage is through, so it cannot be looked for by
        // them. The same token starts it once, and the answer says which it is.
        return Err(Box::new(Judgement::Act(lost)));
    }
    match &seen.again {
        None => Ok(format!(
            "There is no earlier execution that succeeded in {}, so nothing runs again. Start one by hand: {}",
            order.stage,
            order.link()
        )),
        Some(Good { execution, revisions }) => {
            let number = acts.last().map_or(0, |act| act.number).saturating_add(1);
            Err(Box::new(Judgement::Act(Do::Start {
                pipeline: order.pipeline.clone(),
                like: execution.id.clone(),
                revisions: revisions.clone(),
                token: Some(act::token(&journal.key_of(number))),
            })))
        }
    }
}

fn opened_again(order: &FreezeOrder, by: Option<&str>) -> Failure {
    Failure {
        why: format!(
            "Rollbot disabled the transition into {} of {}, and it is open again{}.",
            order.stage,
            order.pipeline,
            by.map(|by| format!(": {by} changed it last")).unwrap_or_default()
        ),
        details: Vec::new(),
        finding: Finding::Wrong,
        advice: "Find out who opens it. Retry disables it again.".to_owned(),
        remedies: Vec::new(),
    }
}

fn unreadable(number: u32) -> Failure {
    Failure {
        why: format!("Act {number} of this freeze was recorded by another version of Rollbot and cannot be read."),
        details: Vec::new(),
        finding: Finding::Inconclusive,
        advice: "Look at the pipeline in the AWS console, and enable or disable the transition there.".to_owned(),
        remedies: Vec::new(),
    }
}
