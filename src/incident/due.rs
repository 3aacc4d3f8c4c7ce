//! What is to be done next, and how the state reads to people: both derived from the record, never stored.

use jiff::Timestamp;

use super::ids::StepId;
use super::incident::{Closed, End, Incident, Proposal, Run, State, Verdict};
use super::plan::{Lane, Purpose, Stage, Step};
use super::preparation::{Preparation, leftover};
use super::step::{Failure, Finding, StepRecord, StepState};
use super::whereabouts;

/// Something that the engine has to do for an incident.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Due {
    /// Make a plan.
    Plan,
    /// Let the proposal expire at this time, unless it is approved before.
    Expire {
        /// When.
        at: Timestamp,
    },
    /// Take a fresh look, and start or propose anew.
    Start,
    /// Hold deployments back ahead of the approval.
    Freeze,
    /// Carry a step on.
    Run(StepId),
    /// Let a step that waits for a person fail when its deadline has passed, unless somebody is quicker.
    Await {
        /// Which.
        step: StepId,
        /// The attempt that waits.
        attempt: u32,
    },
    /// Give the verdict, or close.
    Settle,
    /// Remove something that was made ahead of a plan and is of no more use.
    Remove(Preparation),
}

/// How an incident stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase<'a> {
    /// The plan is being made.
    Planning,
    /// Votes are missing.
    Waiting(&'a Proposal),
    /// Approved; a fresh look is being taken.
    Starting(&'a Proposal),
    /// Steps run.
    Running(&'a Run),
    /// A step failed, and a person has to decide.
    Blocked(&'a Run),
    /// Nothing failed, and a person has to do something.
    Awaiting(&'a Run),
    /// Stopped: what is in flight is being finished.
    Draining(&'a Run),
    /// The verdict is in; checks go on.
    Watching(&'a Run, Verdict),
    /// Over.
    Over(&'a Closed),
}

/// Everything that is due for `incident`. Empty when it is over and nothing is left of it, or when it waits for a person.
pub fn due(incident: &Incident) -> Vec<Due> {
    let mut due: Vec<Due> = leftover(incident).into_iter().map(Due::Remove).collect();
    due.extend(due_by_state(incident));
    let asked = incident.freeze_now.as_ref().is_some_and(|freeze| freeze.came_to.is_none());
    if asked && matches!(incident.state, State::Proposed(_) | State::Running(_)) {
        due.push(Due::Freeze);
    }
    due
}

fn due_by_state(incident: &Incident) -> Vec<Due> {
    match &incident.state {
        State::Requested => vec![Due::Plan],
        State::Proposed(proposal) if proposal.is_approved() => vec![Due::Start],
        State::Proposed(proposal) => vec![Due::Expire { at: proposal.expires_at }],
        State::Running(run) if settlement(run).is_some() => vec![Due::Settle],
        State::Running(run) => {
            let awaited = awaited(run).filter(|_| run.stopped.is_none());
            let awaited = awaited.map(|(step, record)| Due::Await { step: step.id.clone(), attempt: record.attempt });
            ready(run).into_iter().map(Due::Run).chain(awaited).collect()
        }
        State::Closed(_) => Vec::new(),
    }
}

/// How `incident` stands.
pub fn phase(incident: &Incident) -> Phase<'_> {
    match &incident.state {
        State::Requested => Phase::Planning,
        State::Proposed(proposal) if proposal.is_approved() => Phase::Starting(proposal),
        State::Proposed(proposal) => Phase::Waiting(proposal),
        State::Running(run) => match run.verdict {
            Some(record) => Phase::Watching(run, record.verdict),
            None if run.stopped.is_some() => Phase::Draining(run),
            None if blocking(run).next().is_some() => Phase::Blocked(run),
            None if awaited(run).next().is_some() => Phase::Awaiting(run),
            None => Phase::Running(run),
        },
        State::Closed(closed) => Phase::Over(closed),
    }
}

/// The failed steps that wait for a person, with their records.
pub fn blocking(run: &Run) -> impl Iterator<Item = (&Step, &StepRecord)> {
    run.proposal
        .plan
        .steps()
        .filter(|(purpose, _)| *purpose != Purpose::Watch)
        .filter_map(|(_, step)| run.steps.get(&step.id).map(|record| (step, record)))
        .filter(|(step, record)| matches!(record.state, StepState::Failed(_)) && step.is_needed())
}

/// The steps that wait for a person to do something, with their records.
pub fn awaited(run: &Run) -> impl Iterator<Item = (&Step, &StepRecord)> {
    run.proposal
        .plan
        .steps()
        .filter_map(|(_, step)| run.steps.get(&step.id).map(|record| (step, record)))
        .filter(|(_, record)| record.state == StepState::Waiting)
}

/// Whether a failure says only that health could not be seen: a person may accept that, and the verdict is `unproved`.
pub fn proves_nothing(purpose: Purpose, failure: &Failure) -> bool {
    purpose == Purpose::Verify && failure.finding == Finding::Inconclusive
}

/// What settling a run comes to, when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settlement {
    /// The verdict is in.
    Verdict(Verdict),
    /// It is over.
    Close(End),
}

/// What is to be settled now, if anything.
pub(super) fn settlement(run: &Run) -> Option<Settlement> {
    let active = run.steps.values().any(|record| record.state == StepState::Active);
    if let Some(record) = run.verdict {
        let watched = run.of(Purpose::Watch).all(|(_, record)| record.is_settled());
        let over = (watched || run.stopped.is_some()) && !active;
        return over.then_some(Settlement::Close(End::Verdict { verdict: record.verdict }));
    }
    if is_proved(run) {
        return Some(Settlement::Verdict(verdict(run)));
    }
    if run.stopped.is_some() && !active {
        return Some(Settlement::Close(if run.may_have_changed_something() {
            End::Failed { why: left_behind(run) }
        } else if run.of(Purpose::Freeze).any(|(_, record)| record.attempt > 0) {
            End::Aborted { why: "it was stopped before any target was changed".to_owned() }
        } else {
            End::Aborted { why: "it was stopped before anything was changed".to_owned() }
        }));
    }
    None
}

/// What a stop leaves behind: exactly what is where.
fn left_behind(run: &Run) -> String {
    let why = "it was stopped with something changed and not proved";
    match whereabouts::of_targets(run) {
        targets if targets.is_empty() => why.to_owned(),
        targets => format!("{why}: {targets}"),
    }
}

/// Whether every stage before the watch is through, so that the verdict is due unless it is in.
pub fn is_proved(run: &Run) -> bool {
    run.proposal.plan.stages.iter().filter(|stage| stage.purpose != Purpose::Watch).all(|stage| is_through(run, stage))
}

fn verdict(run: &Run) -> Verdict {
    let mut verdict = Verdict::RolledBack;
    for (purpose, step) in run.proposal.plan.steps() {
        if purpose == Purpose::Watch {
            continue;
        }
        let record = run.record(&step.id);
        if !whereabouts::left_out(step, &record).is_empty() {
            verdict = Verdict::PartlyRolledBack;
        }
        match record.state {
            StepState::Done | StepState::Pending | StepState::Active | StepState::Waiting => {}
            StepState::Failed(failure) | StepState::SkippedAfter { failure, .. }
                if proves_nothing(purpose, &failure) =>
            {
                if verdict == Verdict::RolledBack {
                    verdict = Verdict::Unproved;
                }
            }
            StepState::Failed(_) | StepState::SkippedAfter { .. } => verdict = Verdict::PartlyRolledBack,
        }
    }
    verdict
}

/// The steps that may run now: in each stage whose turn it is, the first step of each lane that is not through.
fn ready(run: &Run) -> Vec<StepId> {
    let plan = &run.proposal.plan;
    let through: Vec<bool> = plan.stages.iter().map(|stage| is_through(run, stage)).collect();
    let is_its_turn = |number: usize| plan.before(number).all(|earlier| through.get(earlier) == Some(&true));
    plan.stages
        .iter()
        .enumerate()
        .filter(|(number, _)| is_its_turn(*number))
        .flat_map(|(_, stage)| stage.lanes.iter().filter_map(|lane| next(run, stage.purpose, lane)))
        .filter(|step| match run.record(&step.id).state {
            StepState::Pending => run.stopped.is_none(),
            StepState::Active => true,
            StepState::Waiting | StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. } => false,
        })
        .map(|step| step.id.clone())
        .collect()
}

/// Whether `step` may run now.
pub(super) fn is_ready(run: &Run, step: &StepId) -> bool {
    ready(run).contains(step)
}

fn is_through(run: &Run, stage: &Stage) -> bool {
    stage.lanes.iter().all(|lane| next(run, stage.purpose, lane).is_none())
}

/// The first step of a lane that is not through. A failure while watching is a regression: it holds nothing up. The
/// failure of an optional step ends its lane: what comes after it in the lane was to rest on it.
fn next<'a>(run: &Run, purpose: Purpose, lane: &'a Lane) -> Option<&'a Step> {
    for step in &lane.steps {
        match run.record(&step.id).state {
            StepState::Done | StepState::SkippedAfter { .. } => {}
            StepState::Failed(_) if purpose == Purpose::Watch => {}
            StepState::Failed(_) => return step.is_needed().then_some(step),
            StepState::Pending | StepState::Active | StepState::Waiting => return Some(step),
        }
    }
    None
}

/// Whether `step` is left out, because an optional step before it in its lane has failed.
pub fn is_left_out(run: &Run, step: &StepId) -> bool {
    let stages = run.proposal.plan.stages.iter().filter(|stage| stage.purpose != Purpose::Watch);
    let Some(lane) = stages.flat_map(|stage| &stage.lanes).find(|lane| lane.steps.iter().any(|of| of.id == *step))
    else {
        return false;
    };
    let mut before = lane.steps.iter().take_while(|of| of.id != *step);
    before.any(|of| !of.is_needed() && matches!(run.record(&of.id).state, StepState::Failed(_)))
}
