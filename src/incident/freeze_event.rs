//! What happens to a freeze: the facts, when they are legal, and how the record changes by them. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::freeze::{Cause, Direction, Freeze, Held, HoldOutput, Holder, Shown, Then};
use super::freeze_work::FreezeWork;
use super::ids::{FreezeId, IncidentId, Resource};
use super::policy::Actor;
use super::step::{Act, ActOutcome, Evidence, Failure, StepRecord, StepState};

/// One fact, with when and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeEvent {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What.
    pub what: FreezeWhat,
}

/// What happened to a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum FreezeWhat {
    /// Somebody wants deployments held back at a place where nobody did.
    Opened {
        /// The freeze's name.
        id: FreezeId,
        /// The environment.
        environment: String,
        /// The place.
        resource: Resource,
        /// What is held.
        work: FreezeWork,
        /// Who.
        holder: Box<Holder>,
    },
    /// Somebody else wants the same, or the same wants it again: it is looked at anew.
    Joined {
        /// Who.
        holder: Box<Holder>,
    },
    /// A service lets go.
    LetGo {
        /// Of which environment.
        environment: String,
        /// Which.
        service: String,
        /// On which occasions it held.
        causes: Vec<Cause>,
        /// What follows when that opens it.
        then: Then,
    },
    /// Somebody wants what did not succeed tried again.
    Retried,
    /// The keeper begins.
    Began,
    /// The keeper is about to act. Recorded before the call.
    Acting {
        /// The act's number.
        number: u32,
        /// What exactly is to be done.
        what: Value,
    },
    /// AWS accepted an act.
    Accepted {
        /// The act's number.
        number: u32,
        /// What it answered.
        receipt: Value,
        /// The id of the request.
        request_id: Option<String>,
    },
    /// AWS refused an act; nothing was changed.
    Refused {
        /// The act's number.
        number: u32,
        /// In its words.
        why: String,
    },
    /// What is waited for has changed.
    Progressed {
        /// As a sentence.
        text: String,
    },
    /// It is as it is wanted.
    Finished {
        /// What was seen.
        evidence: Vec<Evidence>,
        /// What was found and changed.
        output: Value,
    },
    /// It could not be done.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// An incident that holds it is over, and the freeze stays.
    Outlived {
        /// Which.
        incident: IncidentId,
    },
    /// People were told that it stays.
    Reminded {
        /// What a fresh look showed, as a sentence.
        seen: String,
    },
}

/// The freeze that an event opens, if it is one that opens a freeze.
pub fn open(event: &FreezeEvent) -> Option<Freeze> {
    let FreezeWhat::Opened { id, environment, resource, work, holder } = &event.what else {
        return None;
    };
    Some(Freeze {
        id: id.clone(),
        environment: environment.clone(),
        resource: resource.clone(),
        work: work.clone(),
        opened_at: event.at,
        shown: shown_for(holder),
        holders: vec![Holder::clone(holder)],
        direction: Direction::Hold,
        record: StepRecord::default(),
        held: None,
        reminded_at: None,
    })
}

/// A freeze that somebody typed is shown at once; one of a rollback only when that is over.
fn shown_for(holder: &Holder) -> Option<Shown> {
    match holder.cause {
        Cause::Command => Some(Shown::Channel { channel: holder.channel.clone() }),
        Cause::Incident { .. } => None,
    }
}

/// The freeze after `event`. Total: an event that does not fit leaves it as it is.
pub fn evolve(mut freeze: Freeze, event: &FreezeEvent) -> Freeze {
    let record = &mut freeze.record;
    match &event.what {
        FreezeWhat::Opened { .. } => {}
        FreezeWhat::Joined { holder } => {
            freeze.holders.retain(|other| !is_same(other, holder));
            freeze.holders.push(Holder::clone(holder));
            freeze.direction = Direction::Hold;
            freeze.shown = freeze.shown.or_else(|| shown_for(holder));
            anew(record);
        }
        FreezeWhat::LetGo { environment, service, causes, then } => {
            freeze.holders.retain(|holder| {
                (&holder.environment, &holder.service) != (environment, service) || !causes.contains(&holder.cause)
            });
            if freeze.holders.is_empty() {
                freeze.direction = Direction::Lift { then: *then };
                anew(record);
            }
        }
        FreezeWhat::Retried => anew(record),
        FreezeWhat::Began => {
            record.state = StepState::Active;
            record.attempt = record.attempt.saturating_add(1);
            record.began_at = Some(event.at);
            record.ended_at = None;
        }
        FreezeWhat::Acting { number, what } => record.acts.push(Act {
            number: *number,
            attempt: record.attempt,
            what: what.clone(),
            at: event.at,
            outcome: ActOutcome::Unknown,
        }),
        FreezeWhat::Accepted { number, receipt, request_id } => {
            let outcome = ActOutcome::Accepted { receipt: receipt.clone(), request_id: request_id.clone() };
            conclude(record, *number, outcome);
        }
        FreezeWhat::Refused { number, why } => conclude(record, *number, ActOutcome::Refused { why: why.clone() }),
        FreezeWhat::Progressed { text } => record.progress = Some(text.clone()),
        FreezeWhat::Finished { evidence, output } => {
            record.state = StepState::Done;
            record.progress = None;
            record.evidence.clone_from(evidence);
            record.output = output.clone();
            record.ended_at = Some(event.at);
            if freeze.direction == Direction::Hold
                && let Ok(output) = HoldOutput::deserialize(output)
            {
                freeze.held = Some(held(freeze.held.take(), output, evidence, event.at));
            }
        }
        FreezeWhat::Failed { failure } => {
            record.state = StepState::Failed(failure.clone());
            record.progress = None;
            record.ended_at = Some(event.at);
        }
        FreezeWhat::Outlived { incident } => {
            let mut channel = None;
            for holder in &mut freeze.holders {
                if matches!(&holder.cause, Cause::Incident { id } if id == incident) {
                    holder.outlived_at = Some(event.at);
                    channel = Some(holder.channel.clone());
                }
            }
            if let (None, Some(channel)) = (&freeze.shown, channel) {
                freeze.shown = Some(Shown::Thread { incident: incident.clone(), channel });
            }
        }
        FreezeWhat::Reminded { .. } => freeze.reminded_at = Some(event.at),
    }
    freeze
}

fn anew(record: &mut StepRecord) {
    record.state = StepState::Pending;
    record.progress = None;
    record.evidence.clear();
    record.ended_at = None;
}

fn conclude(record: &mut StepRecord, number: u32, outcome: ActOutcome) {
    if let Some(act) = record.acts.iter_mut().find(|act| act.number == number) {
        act.outcome = outcome;
    }
}

/// What was found first stays: a later look sees the transition disabled by Rollbot, and nothing to stop.
fn held(before: Option<Held>, output: HoldOutput, evidence: &[Evidence], at: Timestamp) -> Held {
    let HoldOutput { transition, stopped, execution } = output;
    match before {
        None => Held { at, transition, stopped, execution, evidence: evidence.to_vec() },
        Some(before) => Held {
            at: before.at,
            transition,
            stopped: before.stopped.or(stopped),
            execution: before.execution.or(execution),
            evidence: before.evidence,
        },
    }
}

/// Whether `what` fits `freeze` now; what does not is dropped by whoever asks, who then looks again.
pub fn is_legal(freeze: &Freeze, what: &FreezeWhat) -> bool {
    let record = &freeze.record;
    let active = record.state == StepState::Active;
    match what {
        FreezeWhat::Opened { .. } => false,
        FreezeWhat::Joined { holder } => {
            let same = freeze.holder(&holder.environment, &holder.service, &holder.cause);
            !freeze.is_over() && same.is_none_or(|same| is_news(same, holder))
        }
        FreezeWhat::LetGo { environment, service, causes, .. } => {
            causes.iter().any(|cause| freeze.holder(environment, service, cause).is_some())
        }
        FreezeWhat::Retried => matches!(record.state, StepState::Failed(_)),
        FreezeWhat::Began => record.state == StepState::Pending,
        FreezeWhat::Acting { .. } | FreezeWhat::Finished { .. } | FreezeWhat::Failed { .. } => active,
        FreezeWhat::Accepted { number, .. } | FreezeWhat::Refused { number, .. } => {
            record.acts.iter().any(|act| act.number == *number && act.outcome == ActOutcome::Unknown)
        }
        FreezeWhat::Progressed { text } => active && record.progress.as_deref() != Some(text.as_str()),
        FreezeWhat::Outlived { incident } => freeze.incidents().contains(incident),
        FreezeWhat::Reminded { .. } => !freeze.is_over() && !freeze.is_under_way(),
    }
}

/// Whether somebody who holds already asks anew. A rollback's step says so by its attempt, everybody else by the time:
/// what is asked again after a restart bears the time of the first.
fn is_news(same: &Holder, holder: &Holder) -> bool {
    holder.attempt > same.attempt || (holder.attempt == 0 && same.attempt == 0 && holder.at > same.at)
}

fn is_same(one: &Holder, other: &Holder) -> bool {
    (&one.environment, &one.service, &one.cause) == (&other.environment, &other.service, &other.cause)
}
