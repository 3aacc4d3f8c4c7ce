//! How an incident changes by a fact. Total: an event that does not fit leaves the record as it is.

use std::collections::BTreeMap;

use super::event::{Event, What};
use super::ids::StepId;
use super::incident::{Closed, FreezeNow, Incident, Reached, Run, State, Stopped, VerdictRecord, Vote};
use super::plan::Purpose;
use super::preparation::Fate;
use super::step::{Act, ActOutcome, Passed, StepRecord, StepState};

/// The incident that an event opens, if it is one that opens an incident.
pub fn open(event: &Event) -> Option<Incident> {
    let What::Requested { id, request } = &event.what else {
        return None;
    };
    Some(Incident {
        id: id.clone(),
        request: request.clone(),
        opened_at: event.at,
        prepared: Vec::new(),
        freeze_now: None,
        state: State::Requested,
    })
}

/// The incident after `event`.
pub fn evolve(incident: Incident, event: &Event) -> Incident {
    let Incident { id, request, opened_at, mut prepared, mut freeze_now, state } = incident;
    if let What::Preparing { preparation } = &event.what {
        prepared.push(preparation.clone());
    }
    if let What::Removed { stack, name } = &event.what {
        for gone in prepared.iter_mut().filter(|made| made.stack == *stack && made.name == *name) {
            gone.fate = Fate::Gone;
        }
    }
    if event.what == What::FreezeAsked {
        freeze_now = Some(FreezeNow { by: event.by.clone(), at: event.at, came_to: None });
    }
    if let (What::FreezeSettled { froze }, Some(freeze)) = (&event.what, &mut freeze_now) {
        freeze.came_to = Some(froze.clone());
    }
    let state = match (state, &event.what) {
        (State::Requested | State::Proposed(_), What::Proposed { proposal }) => State::Proposed(proposal.clone()),
        (State::Proposed(mut proposal), What::Approved { .. }) => {
            proposal.fallen.retain(|vote| vote.by.user().is_none() || vote.by.user() != event.by.user());
            proposal.votes.push(Vote { by: event.by.clone(), at: event.at });
            State::Proposed(proposal)
        }
        (State::Proposed(mut proposal), What::VoteFell { voter }) => {
            proposal.votes.retain(|vote| vote.by.user().is_none() || vote.by.user() != voter.user());
            proposal.fallen.push(Vote { by: voter.clone(), at: event.at });
            State::Proposed(proposal)
        }
        (State::Proposed(proposal), What::Started { .. }) => {
            let steps = proposal.plan.steps().map(|(_, step)| (step.id.clone(), StepRecord::default())).collect();
            State::Running(Box::new(Run {
                proposal: *proposal,
                started_at: event.at,
                steps,
                stopped: None,
                verdict: None,
                regressions: Vec::new(),
            }))
        }
        (State::Running(run), What::Closed { end }) => {
            State::Closed(Box::new(Closed { end: end.clone(), at: event.at, reached: Reached::Run(run) }))
        }
        (State::Proposed(proposal), What::Closed { end }) => {
            State::Closed(Box::new(Closed { end: end.clone(), at: event.at, reached: Reached::Proposal(proposal) }))
        }
        (State::Requested, What::Closed { end }) => {
            State::Closed(Box::new(Closed { end: end.clone(), at: event.at, reached: Reached::Request }))
        }
        (State::Running(run), _) => State::Running(Box::new(evolve_run(*run, event))),
        (state, _) => state,
    };
    Incident { id, request, opened_at, prepared, freeze_now, state }
}

fn evolve_run(mut run: Run, event: &Event) -> Run {
    match &event.what {
        What::Began { step, attempt } => {
            let by_a_person = run.proposal.plan.step(step).is_some_and(|(_, step)| step.work.is_by_a_person());
            change(&mut run.steps, step, |record| {
                record.state = if by_a_person { StepState::Waiting } else { StepState::Active };
                record.attempt = *attempt;
                record.progress = None;
                record.evidence.clear();
                record.began_at = Some(event.at);
                record.ended_at = None;
            });
        }
        What::Acting { step, number, what } => change(&mut run.steps, step, |record| {
            record.acts.push(Act {
                number: *number,
                attempt: record.attempt,
                what: what.clone(),
                at: event.at,
                outcome: ActOutcome::Unknown,
            });
        }),
        What::Accepted { step, number, receipt, request_id } => conclude(&mut run.steps, step, *number, || {
            ActOutcome::Accepted { receipt: receipt.clone(), request_id: request_id.clone() }
        }),
        What::Refused { step, number, why } => {
            conclude(&mut run.steps, step, *number, || ActOutcome::Refused { why: why.clone() });
        }
        What::Progressed { step, text } => {
            change(&mut run.steps, step, |record| record.progress = Some(text.clone()));
        }
        What::Finished { step, evidence, output } => change(&mut run.steps, step, |record| {
            record.state = StepState::Done;
            record.progress = None;
            record.evidence.clone_from(evidence);
            record.output = output.clone();
            record.ended_at = Some(event.at);
        }),
        What::Failed { step, failure } => {
            if let Some((Purpose::Watch, step)) = run.proposal.plan.step(step) {
                run.regressions.push(format!("{}: {}", step.title, failure.why));
            }
            if let Some((Purpose::RollBack, _)) = run.proposal.plan.step(step) {
                check_again(&mut run);
            }
            change(&mut run.steps, step, |record| {
                record.state = StepState::Failed(failure.clone());
                record.progress = None;
                record.ended_at = Some(event.at);
            });
        }
        What::Retried { step } | What::Withdrawn { step } => change(&mut run.steps, step, |record| {
            record.state = StepState::Pending;
            record.progress = None;
            record.ended_at = None;
            record.remedy = None;
        }),
        What::Remedied { step, remedy } => change(&mut run.steps, step, |record| {
            record.state = StepState::Pending;
            record.progress = None;
            record.ended_at = None;
            record.remedy = Some(remedy.clone());
        }),
        What::Passed { step, note } => change(&mut run.steps, step, |record| {
            record.state = StepState::Done;
            record.passed = Some(Passed { by: event.by.clone(), note: note.clone() });
            record.ended_at = Some(event.at);
        }),
        What::Skipped { step, reason } => change(&mut run.steps, step, |record| {
            if let StepState::Failed(failure) = &record.state {
                let failure = failure.clone();
                record.state = StepState::SkippedAfter { failure, by: event.by.clone(), reason: reason.clone() };
            }
        }),
        What::StopRequested => {
            run.stopped = Some(Stopped { by: event.by.clone(), at: event.at });
        }
        What::VerdictReached { verdict } => {
            run.verdict = Some(VerdictRecord { verdict: *verdict, at: event.at });
        }
        What::Reported { step, told, .. } => change(&mut run.steps, step, |record| record.told.clone_from(told)),
        What::Requested { .. }
        | What::Preparing { .. }
        | What::Removed { .. }
        | What::Proposed { .. }
        | What::Approved { .. }
        | What::VoteFell { .. }
        | What::Started { .. }
        | What::FreezeAsked
        | What::FreezeSettled { .. }
        | What::Closed { .. } => {}
    }
    run
}

/// Checks that have passed are due again: a target was found gone after them, so they looked at something else.
fn check_again(run: &mut Run) {
    let checks: Vec<StepId> = run.of(Purpose::Verify).map(|(step, _)| step.id.clone()).collect();
    for check in checks {
        change(&mut run.steps, &check, |record| {
            if record.state == StepState::Done {
                record.state = StepState::Pending;
                record.evidence.clear();
                record.ended_at = None;
            }
        });
    }
}

fn change(steps: &mut BTreeMap<StepId, StepRecord>, step: &StepId, change: impl FnOnce(&mut StepRecord)) {
    if let Some(record) = steps.get_mut(step) {
        change(record);
    }
}

fn conclude(
    steps: &mut BTreeMap<StepId, StepRecord>,
    step: &StepId,
    number: u32,
    outcome: impl FnOnce() -> ActOutcome,
) {
    change(steps, step, |record| {
        if let Some(act) = record.acts.iter_mut().find(|act| act.number == number) {
            act.outcome = outcome();
        }
    });
}
