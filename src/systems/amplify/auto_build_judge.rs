//! What follows from the look at a branch whose automatic builds are to be held or let go. Pure.
//!
//! Only what Rollbot turned off is turned on again: the last order of this freeze that may have happened says whose work
//! it is. An order of unknown outcome is given time to show before anything is done or believed.

use std::time::Duration;

use super::auto_build::{AutoBuildOrder, BuildsSeen};
use super::auto_build_act::{BuildsDo, BuildsReceipt, Switch};
use super::inventory::Pushes;
use super::target::capital;
use crate::incident::freeze::{Direction, HoldOutput, Transition};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Entry, Judgement, Outcome, StepJournal};

/// How long a call may take to show, also one whose reply was lost.
const SETTLE: Duration = Duration::from_secs(15);

type Past = Entry<BuildsDo, BuildsReceipt>;

/// What follows from what a push does now.
pub(super) fn judge(
    order: &AutoBuildOrder,
    seen: &BuildsSeen,
    journal: &StepJournal<'_>,
    now: Now,
) -> Judgement<BuildsDo> {
    let acts: Vec<Past> = match journal.entries() {
        Ok(acts) => acts,
        Err(number) => {
            return Judgement::Failed(failure(
                format!("Act {number} of this freeze was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the branch in the Amplify console, and turn automatic builds off or on there.",
            ));
        }
    };
    let last = acts.iter().rfind(|act| !matches!(act.outcome, Outcome::Refused(_))).map(|act| Last {
        turned: turned(act),
        outcome: &act.outcome,
        is_fresh: now.elapsed(act.at) < SETTLE,
        is_of_this_attempt: act.attempt == journal.attempt,
    });
    match &order.direction {
        Direction::Hold => hold(order, seen, last.as_ref()),
        Direction::Lift { .. } => lift(order, seen, last.as_ref()),
    }
}

/// The last order that may have happened.
struct Last<'a> {
    turned: Switch,
    outcome: &'a Outcome<BuildsReceipt>,
    is_fresh: bool,
    is_of_this_attempt: bool,
}

fn turned(act: &Past) -> Switch {
    let BuildsDo::Turn { builds, .. } = &act.what;
    *builds
}

fn place(order: &AutoBuildOrder) -> String {
    format!("{} of {}", order.branch, order.name)
}

fn turn(order: &AutoBuildOrder, builds: Switch) -> Judgement<BuildsDo> {
    Judgement::Act(BuildsDo::Turn { app: order.app.clone(), branch: order.branch.clone(), builds })
}

fn shows(order: &AutoBuildOrder) -> Judgement<BuildsDo> {
    Judgement::Wait(format!("waiting for Amplify to show the automatic builds of {}", place(order)))
}

fn hold(order: &AutoBuildOrder, seen: &BuildsSeen, last: Option<&Last<'_>>) -> Judgement<BuildsDo> {
    let ours = match (seen.pushes, last) {
        (Pushes::Deploy, Some(Last { turned: Switch::Off, is_fresh: true, .. }))
        | (Pushes::Nothing, Some(Last { turned: Switch::On, is_fresh: true, outcome: Outcome::Unknown, .. })) => {
            return shows(order);
        }
        (
            Pushes::Deploy,
            Some(Last { turned: Switch::Off, outcome: Outcome::Accepted(_), is_of_this_attempt: true, .. }),
        ) => {
            return Judgement::Failed(failure(
                format!("Rollbot turned the automatic builds of {} off, and they are on again.", place(order)),
                Finding::Wrong,
                "Find out who turns them on. Retry turns them off again.",
            ));
        }
        (Pushes::Deploy, _) => return turn(order, Switch::Off),
        (Pushes::Nothing, last) => last.is_some_and(|last| last.turned == Switch::Off),
    };
    let mut evidence = vec![Evidence::new(if ours {
        format!("Pushes to {} are not deployed any more: automatic builds are off.", place(order))
    } else {
        format!("The automatic builds of {} were off before. They stay off when this freeze is lifted.", place(order))
    })];
    evidence.extend(seen.under_way.iter().map(|job| {
        Evidence::new(format!(
            "{} is under way ({}) and goes on: this freeze stops no job.",
            capital(&job.whole()),
            job.status
        ))
    }));
    let transition = if ours { Transition::ByRollbot } else { Transition::Before { reason: None, by: None } };
    let output = HoldOutput { transition, stopped: None, execution: None };
    Judgement::Done { evidence, output: serde_json::to_value(output).unwrap_or_default() }
}

fn lift(order: &AutoBuildOrder, seen: &BuildsSeen, last: Option<&Last<'_>>) -> Judgement<BuildsDo> {
    let place = place(order);
    let text = match (seen.pushes, last) {
        (Pushes::Nothing, Some(Last { turned: Switch::On, is_fresh: true, .. }))
        | (Pushes::Deploy, Some(Last { turned: Switch::Off, is_fresh: true, outcome: Outcome::Unknown, .. })) => {
            return shows(order);
        }
        (Pushes::Nothing, Some(Last { turned: Switch::Off, .. } | Last { outcome: Outcome::Unknown, .. })) => {
            return turn(order, Switch::On);
        }
        (Pushes::Nothing, Some(Last { turned: Switch::On, .. })) => {
            format!(
                "The automatic builds of {place} are off again: somebody else turned them off since. Rollbot leaves that."
            )
        }
        (Pushes::Nothing, None) => {
            format!(
                "The automatic builds of {place} stay off, because somebody else turned them off before the freeze."
            )
        }
        (Pushes::Deploy, Some(Last { turned: Switch::On, is_of_this_attempt: true, .. })) => format!(
            "Pushes to {place} are deployed again: automatic builds are on, as before. What was pushed meanwhile is built \
             with the next push."
        ),
        (Pushes::Deploy, _) => {
            format!("The automatic builds of {place} were on already; Rollbot changed nothing.")
        }
    };
    Judgement::Done { evidence: vec![Evidence::new(text)], output: serde_json::Value::Null }
}

fn failure(why: String, finding: Finding, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() }
}
