//! Looks on by a check until its tally passes or fails.

use crate::aws::Aws;
use crate::checks::look::look;
use crate::checks::tally::{Standing, Tally};
use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::work::{CheckWork, Span};

use super::carry::{Turn, pause, say, turn};
use super::engine::Engine;
use super::refusal::Refusal;

/// Repeats the look of `work` until it is settled, stopped, or the process is to end.
pub(super) async fn look_on(
    engine: &Engine,
    id: &IncidentId,
    step: &StepId,
    aws: &Aws,
    work: &CheckWork,
) -> Result<(), Refusal> {
    let every = match work.span {
        Span::Passes { every, .. } | Span::Elapsed { every, .. } => every,
    };
    let mut tally = Tally::default();
    while let Some(Turn { record, stopped, .. }) = turn(engine, id, step).await? {
        if stopped {
            return say(engine, id, Command::Withdraw { step: step.clone() }).await;
        }
        let seen = look(&work.check, aws, &engine.http).await;
        let now = engine.clock.now();
        let elapsed = record.began_at.map(|began| now.elapsed(began)).unwrap_or_default();
        let step = step.clone();
        match tally.add(seen, &work.span, elapsed) {
            Standing::Passed(evidence) => {
                return say(engine, id, Command::Finish { step, evidence, output: serde_json::Value::Null }).await;
            }
            Standing::Failed(failure) => return say(engine, id, Command::Fail { step, failure }).await,
            Standing::GoOn(text) => say(engine, id, Command::Progress { step, text }).await?,
        }
        pause(engine, every).await;
    }
    Ok(())
}
