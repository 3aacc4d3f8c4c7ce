//! Looks on by a check until its tally passes or fails.

use crate::checks::look::Look;
use crate::checks::tally::{Standing, Tally};
use crate::checks::{alarms, http, target_group};
use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::work::{Check, CheckWork, Span};
use crate::systems::amplify::check::{self, Showing};

use super::carry::{Turn, pause, say, turn, unless_ending};
use super::engine::Engine;
use super::refusal::Refusal;

/// Repeats the look of `work` until it is settled, stopped, or the process is to end.
pub(super) async fn look_on(engine: &Engine, id: &IncidentId, step: &StepId, work: &CheckWork) -> Result<(), Refusal> {
    let every = match work.span {
        Span::Passes { every, .. } | Span::Elapsed { every, .. } => every,
    };
    let mut tally = Tally::default();
    let first_look = engine.clock.now().at;
    while let Some(Turn { environment, record, stopped, .. }) = turn(engine, id, step).await? {
        if stopped {
            return say(engine, id, Command::Withdraw { step: step.clone() }).await;
        }
        let Some(seen) = unless_ending(engine, Box::pin(look_once(engine, id, &environment, work))).await else {
            return Ok(());
        };
        let now = engine.clock.now();
        let since = match work.span {
            Span::Passes { .. } => first_look,
            Span::Elapsed { .. } => record.began_at.unwrap_or(first_look),
        };
        let elapsed = now.elapsed(since);
        let step = step.clone();
        match tally.add(&seen, &work.span, elapsed) {
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

/// One look. Only what is asked of AWS needs a way into the account; where there is none, nothing was seen.
async fn look_once(engine: &Engine, id: &IncidentId, environment: &str, work: &CheckWork) -> Look {
    match &work.check {
        Check::Http(check) => http::look(check, &engine.http).await,
        Check::TargetGroup(check) => match engine.accounts.aws(environment, id.as_str()).await {
            Ok(aws) => target_group::look(check, &aws).await,
            Err(error) => Look::inconclusive(error.to_string()),
        },
        Check::Amplify(branch) => match engine.accounts.aws(environment, id.as_str()).await {
            Ok(aws) => match check::look(branch, &aws).await {
                Showing::Wanted(text) => Look::healthy(text),
                Showing::Other(text) => Look::unhealthy(text),
                Showing::Untold(text) => Look::inconclusive(text),
            },
            Err(error) => Look::inconclusive(error.to_string()),
        },
        Check::Alarms(check) => match engine.accounts.aws(environment, id.as_str()).await {
            Ok(aws) => alarms::look(check, &aws).await,
            Err(error) => Look::inconclusive(error.to_string()),
        },
    }
}
