//! What is to be done next, and how the state reads to people: both derived from the record, never stored.

use jiff::Timestamp;

use super::ids::StepId;
use super::incident::{Closed, End, Incident, Proposal, Run, State, Verdict};
use super::plan::{Lane, Need, Purpose, Stage, Step};
use super::step::{Failure, Finding, StepRecord, StepState};

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
    /// Carry a step on.
    Run(StepId),
    /// Give the verdict, or close.
    Settle,
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
    /// Stopped: what is in flight is being finished.
    Draining(&'a Run),
    /// The verdict is in; checks go on.
    Watching(&'a Run, Verdict),
    /// Over.
    Over(&'a Closed),
}

/// Everything that is due for `incident`. Empty when it is over, or when it waits for a person.
pub fn due(incident: &Incident) -> Vec<Due> {
    match &incident.state {
        State::Requested => vec![Due::Plan],
        State::Proposed(proposal) if proposal.is_approved() => vec![Due::Start],
        State::Proposed(proposal) => vec![Due::Expire { at: proposal.expires_at }],
        State::Running(run) if settlement(run).is_some() => vec![Due::Settle],
        State::Running(run) => ready(run).into_iter().map(Due::Run).collect(),
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
        .filter(|(step, record)| matches!(record.state, StepState::Failed(_)) && step.need == Need::Required)
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
            End::Failed { why: "it was stopped with something changed and not proved".to_owned() }
        } else {
            End::Aborted { why: "it was stopped before anything was changed".to_owned() }
        }));
    }
    None
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
        match run.record(&step.id).state {
            StepState::Done | StepState::Pending | StepState::Active => {}
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

/// The steps that may run now: in the first stage that is not through, the first step of each lane that is not.
fn ready(run: &Run) -> Vec<StepId> {
    let Some(stage) = run.proposal.plan.stages.iter().find(|stage| !is_through(run, stage)) else {
        return Vec::new();
    };
    stage
        .lanes
        .iter()
        .filter_map(|lane| next(run, stage.purpose, lane))
        .filter(|step| match run.record(&step.id).state {
            StepState::Pending => run.stopped.is_none(),
            StepState::Active => true,
            StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. } => false,
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

/// The first step of a lane that is not through. A failure while watching is a regression: it holds nothing up.
fn next<'a>(run: &Run, purpose: Purpose, lane: &'a Lane) -> Option<&'a Step> {
    lane.steps.iter().find(|step| match run.record(&step.id).state {
        StepState::Done | StepState::SkippedAfter { .. } => false,
        StepState::Failed(_) => step.need == Need::Required && purpose != Purpose::Watch,
        StepState::Pending | StepState::Active => true,
    })
}
