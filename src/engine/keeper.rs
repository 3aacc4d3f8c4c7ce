//! Keeps one freeze: looks, judges and acts until AWS shows what its holders want, and reminds people while it stays.
//!
//! There is one keeper for each freeze that is not over, so nobody else acts on that stage for Rollbot. It takes no
//! input but the record and what AWS says now: first run, retry and restart are one path.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::aws::error::{Effect, ErrorClass};
use crate::aws::{Aws, AwsError};
use crate::incident::freeze::{Direction, Freeze};
use crate::incident::freeze_event::FreezeWhat;
use crate::incident::ids::FreezeId;
use crate::incident::policy::Actor;
use crate::incident::step::{Failure, Finding, StepState};
use crate::store::{StoreError, StoredFreeze};
use crate::systems::freezes::{DEADLINE, FreezeOrder};
use crate::systems::kinds::System;
use crate::systems::step_kind::{Acted, Judgement, StepJournal};
use crate::telemetry;

use super::carry::refused;
use super::engine::{Engine, storage};
use super::pacing::Pacing;
use super::refusal::Refusal;

/// How often one attempt may act before a person is asked: disable, stop, and what was throttled.
const ACTS: usize = 6;

/// How long to leave a freeze alone that could not be kept, in real time: a storage error ends the process anyway.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

/// What the keeper does next.
enum Next {
    /// Look at once.
    Look,
    /// Look after a pause.
    Pause,
    /// Nothing until the record changes, or until this time.
    Rest(Option<Timestamp>),
    /// It is over.
    End,
}

impl Engine {
    /// Takes up every freeze that is not over.
    pub(super) async fn resume_freezes(&self) -> Result<(), StoreError> {
        for freeze in self.freezes().await? {
            info!(freeze = %freeze.id, resource = %freeze.resource, "taking up a freeze");
            self.keep(freeze.id);
        }
        Ok(())
    }

    /// Starts the keeper of a freeze, unless it has one.
    pub(super) fn keep(&self, id: FreezeId) {
        let wake = Arc::new(Notify::new());
        {
            let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
            if keepers.contains_key(&id) {
                return;
            }
            keepers.insert(id.clone(), Arc::clone(&wake));
        }
        let engine = self.clone();
        self.tasks.spawn(async move {
            while let Err(error) = Box::pin(keep(&engine, &id, &wake)).await {
                warn!(freeze = %id, %error, "a freeze cannot be kept now");
                tokio::select! {
                    () = engine.clock.sleep_really(AFTER_A_REFUSAL) => {}
                    () = engine.stop.cancelled() => break,
                }
            }
            engine.keepers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }
}

async fn keep(engine: &Engine, id: &FreezeId, wake: &Notify) -> Result<(), Refusal> {
    let mut pacing = Pacing::new();
    loop {
        if engine.stop.is_cancelled() {
            return Ok(());
        }
        let Some(StoredFreeze { freeze, .. }) = engine.store.freeze(id).await.map_err(storage)? else {
            return Ok(());
        };
        match Box::pin(turn(engine, &freeze)).await? {
            Next::Look => pacing.changed(),
            Next::Pause => {
                let pause = pacing.pause();
                tokio::select! {
                    () = engine.clock.sleep(pause) => {}
                    () = wake.notified() => {}
                    () = engine.stop.cancelled() => {}
                }
            }
            Next::Rest(until) => {
                let until = until.unwrap_or(Timestamp::MAX);
                tokio::select! {
                    () = engine.clock.sleep_until(until), if until < Timestamp::MAX => {}
                    () = wake.notified() => {}
                    () = engine.stop.cancelled() => {}
                }
            }
            Next::End => return Ok(()),
        }
    }
}

async fn turn(engine: &Engine, freeze: &Freeze) -> Result<Next, Refusal> {
    if freeze.is_over() {
        return Ok(Next::End);
    }
    for id in freeze.incidents() {
        if engine.incident(&id).await.map_err(storage)?.is_none_or(|incident| incident.is_closed()) {
            say(engine, freeze, FreezeWhat::Outlived { incident: id }).await?;
            return Ok(Next::Look);
        }
    }
    match &freeze.record.state {
        StepState::Pending => {
            say(engine, freeze, FreezeWhat::Began).await?;
            Ok(Next::Look)
        }
        StepState::Active => carry(engine, freeze).await,
        StepState::Waiting | StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. } => {
            remind(engine, freeze).await
        }
    }
}

async fn say(engine: &Engine, freeze: &Freeze, what: FreezeWhat) -> Result<(), Refusal> {
    engine.say_of_freeze(&freeze.id, what, Actor::Rollbot, None).await.map(drop)
}

async fn look(
    engine: &Engine,
    freeze: &Freeze,
    order: &FreezeOrder,
) -> Result<(Aws, Judgement<serde_json::Value>), AwsError> {
    let aws = engine.accounts.aws(&freeze.environment, freeze.id.as_str()).await?;
    let key = freeze.id.to_string();
    let record = &freeze.record;
    let began_at = record.began_at.unwrap_or(freeze.opened_at);
    let journal = StepJournal { key: &key, attempt: record.attempt, began_at, acts: &record.acts, remedy: None };
    let judgement = System::Freeze(order).look_and_judge(&aws, &journal, &engine.clock).await?;
    Ok((aws, judgement))
}

async fn carry(engine: &Engine, freeze: &Freeze) -> Result<Next, Refusal> {
    let order = FreezeOrder::of(freeze);
    let looked = tokio::select! {
        looked = Box::pin(look(engine, freeze, &order)) => looked,
        () = engine.stop.cancelled() => return Ok(Next::Pause),
    };
    let what = match looked {
        Err(error) => {
            warn!(freeze = %freeze.id, %error, "AWS could not be looked at");
            if error.class.may_pass() && !is_late(engine, freeze) {
                FreezeWhat::Progressed { text: format!("waiting for AWS to answer: {error}") }
            } else {
                FreezeWhat::Failed { failure: refused(&error) }
            }
        }
        Ok((_, Judgement::Done { evidence, output } | Judgement::Holding { evidence, output, .. })) => {
            FreezeWhat::Finished { evidence, output }
        }
        Ok((_, Judgement::Failed(failure))) => FreezeWhat::Failed { failure },
        Ok((_, Judgement::Act(_) | Judgement::Restore(_))) if acts(freeze) >= ACTS => {
            FreezeWhat::Failed { failure: in_vain(freeze) }
        }
        Ok((aws, Judgement::Act(what) | Judgement::Restore(what))) => {
            return act(engine, freeze, &order, &aws, what).await;
        }
        Ok((_, Judgement::Wait(text))) if is_late(engine, freeze) => FreezeWhat::Failed { failure: late(&text) },
        Ok((_, Judgement::Wait(text))) => FreezeWhat::Progressed { text },
    };
    let waits = matches!(what, FreezeWhat::Progressed { .. });
    say(engine, freeze, what).await?;
    Ok(if waits { Next::Pause } else { Next::Look })
}

async fn act(
    engine: &Engine,
    freeze: &Freeze,
    order: &FreezeOrder,
    aws: &Aws,
    what: serde_json::Value,
) -> Result<Next, Refusal> {
    let last = freeze.record.acts.last().map_or(0, |act| act.number);
    let number = last.saturating_add(1);
    let acting = FreezeWhat::Acting { number, what: what.clone() };
    if !engine.say_of_freeze(&freeze.id, acting, Actor::Rollbot, None).await? {
        // The holders have changed in this moment: the next look sees it.
        return Ok(Next::Look);
    }
    // The same form as a journal's keys: whoever takes a client token is given this one.
    let key = format!("{}-{number}", freeze.id);
    match System::Freeze(order).act(aws, &what, &key).await {
        Ok(Acted { receipt, request_id }) => {
            info!(freeze = %freeze.id, act = number, aws.request_id = request_id.as_deref(), "accepted");
            telemetry::aws_act("accepted");
            say(engine, freeze, FreezeWhat::Accepted { number, receipt, request_id }).await?;
            Ok(Next::Look)
        }
        Err(error) if error.effect() == Effect::Unknown => {
            warn!(freeze = %freeze.id, act = number, %error, "no reply: its effect is looked for");
            telemetry::aws_act("unknown");
            Ok(Next::Pause)
        }
        Err(error) => {
            warn!(freeze = %freeze.id, act = number, %error, "refused");
            telemetry::aws_act("refused");
            say(engine, freeze, FreezeWhat::Refused { number, why: error.to_string() }).await?;
            let again = error.class.may_pass() || error.class == ErrorClass::Conflict;
            if !again {
                say(engine, freeze, FreezeWhat::Failed { failure: refused(&error) }).await?;
            }
            Ok(Next::Pause)
        }
    }
}

fn acts(freeze: &Freeze) -> usize {
    freeze.record.acts.iter().filter(|act| act.attempt == freeze.record.attempt).count()
}

fn is_late(engine: &Engine, freeze: &Freeze) -> bool {
    let began = freeze.record.began_at.unwrap_or(freeze.opened_at);
    engine.clock.now().elapsed(began) >= DEADLINE
}

/// Tells people that a freeze stays, when that is due, with what a fresh look shows. A rollback that is under way knows
/// that it holds deployments back.
async fn remind(engine: &Engine, freeze: &Freeze) -> Result<Next, Refusal> {
    let every = engine.config.environments.get(&freeze.environment).map(|environment| environment.freeze_reminder);
    let (Some(every), true) = (every, freeze.incidents().is_empty()) else { return Ok(Next::Rest(None)) };
    let outlived = freeze.holders.iter().filter_map(|holder| holder.outlived_at).max();
    let last = [freeze.reminded_at, outlived, freeze.record.ended_at].into_iter().flatten().max();
    let now = engine.clock.now();
    let passed = now.elapsed(last.unwrap_or(freeze.opened_at));
    if passed < every {
        return Ok(Next::Rest(Some(now.after(every.saturating_sub(passed)))));
    }
    // To see whether it is held; what is inside by now is not stopped by a reminder.
    let order = FreezeOrder::of(freeze).looking_on();
    let seen = match Box::pin(look(engine, freeze, &order)).await {
        Ok((_, judgement)) => seen(freeze, &judgement),
        Err(error) => format!("How it stands could not be seen: {error}."),
    };
    say(engine, freeze, FreezeWhat::Reminded { seen }).await?;
    Ok(Next::Look)
}

fn seen(freeze: &Freeze, judgement: &Judgement<serde_json::Value>) -> String {
    match (&freeze.direction, judgement) {
        (Direction::Hold, Judgement::Done { evidence, .. } | Judgement::Holding { evidence, .. }) => {
            evidence.iter().map(|evidence| evidence.text.as_str()).collect::<Vec<_>>().join(" ")
        }
        (Direction::Hold, Judgement::Act(_) | Judgement::Restore(_) | Judgement::Failed(_)) => {
            freeze.work.is_open().to_owned()
        }
        (Direction::Lift { .. }, Judgement::Act(_) | Judgement::Restore(_)) => freeze.work.is_held().to_owned(),
        (Direction::Lift { .. }, Judgement::Done { .. } | Judgement::Holding { .. }) => {
            "Somebody has opened it in AWS meanwhile.".to_owned()
        }
        (_, Judgement::Wait(text)) => text.clone(),
        (Direction::Lift { .. }, Judgement::Failed(failure)) => failure.why.clone(),
    }
}

fn in_vain(freeze: &Freeze) -> Failure {
    Failure {
        why: format!("Rollbot has acted {} times, and AWS does not show what was asked for.", acts(freeze)),
        details: freeze.record.progress.iter().map(|text| format!("The last that was seen: {text}")).collect(),
        finding: Finding::Inconclusive,
        advice: "Look at it in the AWS console. Retry begins anew.".to_owned(),
        remedies: Vec::new(),
    }
}

fn late(progress: &str) -> Failure {
    Failure {
        why: format!("not done after {} min; the last that was seen: {progress}", DEADLINE.as_secs() / 60),
        details: vec!["Nothing was undone: what AWS was told to do goes on.".to_owned()],
        finding: Finding::Inconclusive,
        advice: "Look at what runs there. Retry goes on waiting from what is there now.".to_owned(),
        remedies: Vec::new(),
    }
}
