//! The verdict, and the look before it.
//!
//! A target is proved when its step ends, and the checks run after that. Whoever deploys in between may pass them with
//! another version, so before anything is called rolled back each target is looked at once more. One that does not run
//! its release any more fails its step, and a person decides. So does one that still runs it while something else is on
//! its way there: what is not settled is not proved.

use std::time::Duration;

use futures::future::{FutureExt as _, join_all};
use tracing::warn;

use crate::aws::error::ErrorClass;
use crate::incident::command::Command;
use crate::incident::due::is_proved;
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::incident::plan::{Purpose, Step};
use crate::incident::step::{Failure, Finding, StepRecord, StepState};
use crate::systems::kinds::System;
use crate::systems::step_kind::{Judgement, Looked, StepJournal};

use super::carry::{act_key, pause, refused, say};
use super::engine::{Engine, storage};
use super::pacing::Pacing;
use super::refusal::Refusal;
use super::sites;

/// For how long a target may be seen otherwise than proved (a task is being replaced, AWS does not answer) before its
/// step fails.
const PATIENCE: Duration = Duration::from_mins(10);

/// Gives the verdict or closes, whichever is due.
pub(super) async fn settle(engine: &Engine, id: &IncidentId) -> Result<(), Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(()) };
    if let Some(run) = incident.run().filter(|run| run.verdict.is_none() && is_proved(run)) {
        let done: Vec<_> = run.of(Purpose::RollBack).filter(|(_, record)| record.state == StepState::Done).collect();
        // What a later step of the plan has made of the same thing is what counts.
        let lasting = done.iter().enumerate().filter(|(place, (step, _))| {
            !done.iter().skip(place + 1).any(|(later, _)| later.resource == step.resource)
        });
        // Side by side: a target that takes its time does not leave the others unseen for as long.
        let mut looks = Vec::new();
        for (_, (step, record)) in lasting {
            let Some(system) = System::of(&step.work) else { continue };
            let look = standing(engine, &incident, step, record, system);
            looks.push(look.map(|failure| failure.map(|failure| (step.id.clone(), failure))).boxed());
        }
        let failures = join_all(looks).await;
        if engine.stop.is_cancelled() {
            return Ok(());
        }
        let gone: Vec<_> = failures.into_iter().flatten().collect();
        let is_gone = !gone.is_empty();
        for (step, failure) in gone {
            say(engine, id, Command::Fail { step, failure }).await?;
        }
        if is_gone {
            return Ok(());
        }
    }
    say(engine, id, Command::Settle).await
}

/// Why a target does not run its release any more; `None` while it does, or when the process is to end.
async fn standing(
    engine: &Engine,
    incident: &Incident,
    step: &Step,
    record: &StepRecord,
    system: System<'_>,
) -> Option<Failure> {
    let since = engine.clock.now().at;
    let key = act_key(&incident.id, &step.id);
    let began_at = record.began_at.unwrap_or(since);
    let journal = StepJournal {
        key: &key,
        attempt: record.attempt,
        began_at,
        acts: &record.acts,
        remedy: record.remedy.as_ref(),
    };
    let mut pacing = Pacing::new();
    let manifest = sites::manifest_of(engine, &step.work).await;
    let system = system.with(manifest.as_ref());
    while !engine.stop.is_cancelled() {
        let late = engine.clock.now().elapsed(since) >= PATIENCE;
        let judged = match engine.accounts.aws(&incident.request.environment, incident.id.as_str()).await {
            Ok(aws) => system.look_and_report(&aws, &journal, &engine.clock).await,
            Err(error) => Err(error),
        };
        match judged {
            Ok(Looked { judgement, threatened, .. }) => match judgement {
                Judgement::Done { .. } | Judgement::Holding { .. } => return None,
                Judgement::Failed(failure) => return Some(failure),
                Judgement::Act(_) | Judgement::Restore(_) => {
                    return Some(threatened.unwrap_or_else(|| lost(step, "something else has been deployed")));
                }
                Judgement::Wait(progress) if late => return Some(lost(step, &progress)),
                Judgement::Wait(_) => {}
            },
            Err(error) => {
                warn!(incident = %incident.id, step = %step.id, %error, "AWS could not be looked at before the verdict");
                let passing = matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled);
                if late || !passing {
                    return Some(refused(&error));
                }
            }
        }
        pause(engine, pacing.pause()).await;
    }
    None
}

fn lost(step: &Step, seen: &str) -> Failure {
    Failure {
        why: format!("{} was where it should be and is not any more: {seen}", step.title),
        details: Vec::new(),
        finding: Finding::Wrong,
        advice: "Look at what runs now. Retry takes it back again and repeats the checks.".to_owned(),
        remedies: Vec::new(),
    }
}
