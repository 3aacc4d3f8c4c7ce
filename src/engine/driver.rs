//! Drives one incident: does what is due until it is over, or the process is to end.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tracing::warn;

use crate::incident::command::Command;
use crate::incident::due::{Due, due};
use crate::incident::ids::IncidentId;
use crate::incident::policy::Actor;

use super::carry::unless_ending;
use super::engine::{Engine, storage};
use super::refusal::Refusal;
use super::{await_person, carry, confirm, freeze_step, planning, stacks};

/// How long to leave something alone that could not be done, in real time: a storage error ends the process anyway.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

/// Drives `id`. `wake` is notified whenever its record changes.
pub(super) async fn drive(engine: &Engine, id: &IncidentId, wake: &Notify) -> Result<(), Refusal> {
    let mut under_way: HashSet<Due> = HashSet::new();
    let mut doing: FuturesUnordered<BoxFuture<'_, Due>> = FuturesUnordered::new();
    loop {
        if engine.stop.is_cancelled() {
            // Whoever is in the middle of an act finishes it and records what came of it.
            while doing.next().await.is_some() {}
            return Ok(());
        }
        let stored = engine.store.load(id).await.map_err(storage)?;
        let Some(stored) = stored else {
            return Err(Refusal::NoSuchIncident(id.clone()));
        };
        let due = due(&stored.incident);
        if stored.incident.is_closed() && due.is_empty() {
            return Ok(());
        }
        for next in due {
            if under_way.insert(next.clone()) {
                doing.push(Box::pin(async move {
                    if let Err(error) = Box::pin(perform(engine.clone(), id.clone(), next.clone())).await {
                        warn!(incident = %id, due = ?next, %error, "could not be done now");
                        let _ = unless_ending(engine, engine.clock.sleep_really(AFTER_A_REFUSAL)).await;
                    }
                    next
                }));
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            Some(done) = doing.next(), if !doing.is_empty() => { under_way.remove(&done); }
            () = engine.stop.cancelled() => {}
        }
    }
}

async fn perform(engine: Engine, id: IncidentId, due: Due) -> Result<(), Refusal> {
    let (engine, id) = (&engine, &id);
    match due {
        Due::Plan => planning::propose(engine, id).await,
        Due::Freeze => Box::pin(freeze_step::freeze_now(engine, id)).await,
        Due::Start => planning::start(engine, id).await,
        Due::Expire { at } => {
            if unless_ending(engine, engine.clock.sleep_until(at)).await.is_none() {
                return Ok(());
            }
            match engine.command(id, Command::Expire, Actor::Rollbot).await {
                // It was approved or stopped in the last moment.
                Ok(_) | Err(Refusal::Rejected(_)) => Ok(()),
                Err(refusal) => Err(refusal),
            }
        }
        Due::Run(step) => Box::pin(carry::carry(engine, id, &step)).await,
        Due::Await { step, attempt } => await_person::await_person(engine, id, &step, attempt).await,
        // Somebody may retry or stop in between: what is due then is read anew.
        Due::Settle => Box::pin(confirm::settle(engine, id)).await,
        Due::Remove(preparation) => Box::pin(stacks::remove(engine, id, &preparation)).await,
    }
}
