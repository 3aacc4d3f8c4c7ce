//! A step that waits for a person: nothing is done but to look at the clock once, when its time is over.

use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::step::{Failure, Finding, StepState};

use super::carry::{say, unless_ending};
use super::engine::{Engine, storage};
use super::refusal::Refusal;

/// Sleeps until the deadline of `step`, and lets it fail if its attempt still waits then.
pub(super) async fn await_person(engine: &Engine, id: &IncidentId, step: &StepId, attempt: u32) -> Result<(), Refusal> {
    loop {
        let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
        let Some(run) = incident.run() else { return Ok(()) };
        let (record, planned) = (run.record(step), run.proposal.plan.step(step));
        let Some((_, planned)) = planned.filter(|_| record.state == StepState::Waiting && record.attempt == attempt)
        else {
            return Ok(());
        };
        let now = engine.clock.now();
        let left = planned.deadline.saturating_sub(now.elapsed(record.began_at.unwrap_or(now.at)));
        if left.is_zero() {
            let minutes = planned.deadline.as_secs().div_ceil(60);
            let failure = Failure {
                why: format!("nobody did it within {minutes} min"),
                details: Vec::new(),
                finding: Finding::Inconclusive,
                advice: "Retry asks for it again; Stop ends the rollback.".to_owned(),
                remedies: Vec::new(),
            };
            return say(engine, id, Command::Fail { step: step.clone(), failure }).await;
        }
        if unless_ending(engine, engine.clock.sleep(left)).await.is_none() {
            return Ok(());
        }
    }
}
