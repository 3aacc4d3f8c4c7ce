//! Whether a command is legal, and which facts it makes. Pure.
//!
//! What holds whatever the commands: closed is final; what runs is what was approved, by digest; a stage begins only
//! after the one before; a refused command changes nothing; locks are held from the proposal to the verdict.

use super::command::{Command, Facts};
use super::decide_by_hand::{Pass, Wanted, pass, remedy as choose};
use super::due::{Settlement, blocking, is_proved, is_ready, settlement};
use super::event::{Event, What};
use super::ids::{Digest, IncidentId, StepId};
use super::incident::{End, Incident, Proposal, Run, State, Terms};
use super::plan::{Plan, Purpose};
use super::policy::{Actor, Member, Policy, Right, SelfApproval};
use super::preparation::Fate;
use super::rejection::Rejection;
use super::request::{Manner, Request};
use super::step::{ActOutcome, StepRecord, StepState, Told};
use super::work::Work;

/// Opens an incident, if the actor may.
///
/// # Errors
/// A [`Rejection`] for whoever may not ask.
pub fn request(id: IncidentId, request: Request, facts: &Facts<'_>) -> Result<Event, Rejection> {
    may_ask(&request, &facts.actor, facts.policy)?;
    Ok(event(What::Requested { id, request }, facts))
}

/// Whether `actor` may ask for this.
///
/// # Errors
/// A [`Rejection`] for whoever may not, or who gives no reason for an emergency.
pub fn may_ask(request: &Request, actor: &Actor, policy: &Policy) -> Result<(), Rejection> {
    policy.may(Right::Request, actor, Some(&request.by))?;
    match request.manner {
        Manner::Regular => Ok(()),
        Manner::Emergency => {
            policy.may(Right::Emergency, actor, Some(&request.by))?;
            if request.has_reason() { Ok(()) } else { Err(Rejection::NoReason) }
        }
    }
}

/// The facts that `command` makes.
///
/// # Errors
/// A [`Rejection`] that says why nothing is done.
pub fn decide(incident: &Incident, command: Command, facts: &Facts<'_>) -> Result<Vec<Event>, Rejection> {
    if let Command::Remove { stack, name } = command {
        // What was made ahead of a plan is removed after the end too.
        return Ok(removed(incident, stack, name).into_iter().map(|what| event(what, facts)).collect());
    }
    let whats = match &incident.state {
        State::Closed(closed) => {
            return Err(Rejection::Over { how: closed.end.word().replace('_', " ") });
        }
        State::Requested => decide_requested(incident, command, facts)?,
        State::Proposed(proposal) => decide_proposed(incident, proposal, command, facts)?,
        State::Running(run) => decide_running(incident, run, command, facts)?,
    };
    Ok(whats.into_iter().map(|what| event(what, facts)).collect())
}

fn event(what: What, facts: &Facts<'_>) -> Event {
    Event { at: facts.now.at, by: facts.actor.clone(), what }
}

fn close(end: End) -> Vec<What> {
    vec![What::Closed { end }]
}

fn removed(incident: &Incident, stack: String, name: String) -> Option<What> {
    let mut made = incident.prepared.iter().filter(|made| made.fate == Fate::Made);
    made.any(|made| made.stack == stack && made.name == name).then_some(What::Removed { stack, name })
}

fn decide_requested(incident: &Incident, command: Command, facts: &Facts<'_>) -> Result<Vec<What>, Rejection> {
    match command {
        Command::Prepare { preparation } => Ok(vec![What::Preparing { preparation }]),
        Command::Propose { plan, terms } => Ok(vec![proposed(1, plan, terms, Vec::new(), facts)]),
        Command::NothingToDo { why } => Ok(close(End::NothingToDo { why })),
        Command::CannotPlan { why } => Ok(close(End::Aborted { why })),
        Command::Stop => {
            facts.policy.may(Right::Stop, &facts.actor, Some(&incident.request.by))?;
            Ok(close(End::Aborted { why: "it was stopped before anything was changed".to_owned() }))
        }
        Command::Approve { .. }
        | Command::Remove { .. }
        | Command::Report { .. }
        | Command::Reject { .. }
        | Command::Retry { .. }
        | Command::Skip { .. }
        | Command::FreezeNow
        | Command::Froze { .. }
        | Command::Remedy { .. }
        | Command::Pass { .. }
        | Command::Expire
        | Command::Start { .. }
        | Command::Begin { .. }
        | Command::Act { .. }
        | Command::Restore { .. }
        | Command::Accept { .. }
        | Command::Refuse { .. }
        | Command::Progress { .. }
        | Command::Finish { .. }
        | Command::Fail { .. }
        | Command::Withdraw { .. }
        | Command::Settle => Err(Rejection::NotPlannedYet),
    }
}

fn decide_proposed(
    incident: &Incident,
    proposal: &Proposal,
    command: Command,
    facts: &Facts<'_>,
) -> Result<Vec<What>, Rejection> {
    match command {
        Command::Approve { digest, phrase } => {
            approve(incident, proposal, digest, phrase.as_deref(), facts).map(|what| vec![what])
        }
        Command::Reject { digest, reason } => {
            same_plan(proposal, &digest)?;
            let requester = incident.request.by.clone();
            if facts.actor.user() != Some(&requester) {
                facts.policy.may(Right::Approve, &facts.actor, Some(&requester))?;
            }
            Ok(close(End::Rejected { reason }))
        }
        Command::Stop => {
            facts.policy.may(Right::Stop, &facts.actor, Some(&incident.request.by))?;
            Ok(close(End::Aborted { why: "it was stopped before anything was changed".to_owned() }))
        }
        Command::Expire => {
            if proposal.is_approved() || facts.now.at < proposal.expires_at {
                return Err(Rejection::NotNow { state: "The plan has not expired.".to_owned() });
            }
            Ok(close(End::Expired))
        }
        Command::Start { digest, voters } => {
            same_plan(proposal, &digest)?;
            if !proposal.is_approved() {
                return Err(Rejection::NotNow { state: "The plan is not approved yet.".to_owned() });
            }
            let fallen = fallen(incident, proposal, &voters, facts.policy);
            Ok(if fallen.is_empty() { vec![What::Started { digest }] } else { fallen })
        }
        Command::Propose { plan, terms } => {
            let drift = proposal.plan.drift(&plan);
            Ok(vec![proposed(proposal.number.saturating_add(1), plan, terms, drift, facts)])
        }
        Command::Prepare { preparation } => Ok(vec![What::Preparing { preparation }]),
        Command::NothingToDo { why } => Ok(close(End::NothingToDo { why })),
        Command::CannotPlan { why } => Ok(close(End::Aborted { why })),
        Command::FreezeNow => freeze_now(incident, proposal, facts).map(|what| vec![what]),
        Command::Froze { froze } => match &incident.freeze_now {
            Some(freeze) if freeze.came_to.is_none() => Ok(vec![What::FreezeSettled { froze }]),
            Some(_) | None => Ok(Vec::new()),
        },
        Command::Retry { .. }
        | Command::Remove { .. }
        | Command::Report { .. }
        | Command::Skip { .. }
        | Command::Remedy { .. }
        | Command::Pass { .. }
        | Command::Begin { .. }
        | Command::Act { .. }
        | Command::Restore { .. }
        | Command::Accept { .. }
        | Command::Refuse { .. }
        | Command::Progress { .. }
        | Command::Finish { .. }
        | Command::Fail { .. }
        | Command::Withdraw { .. }
        | Command::Settle => {
            Err(Rejection::NotNow { state: "The plan waits for approval; nothing runs yet.".to_owned() })
        }
    }
}

fn proposed(number: u32, plan: Plan, terms: Terms, drift: Vec<String>, facts: &Facts<'_>) -> What {
    let digest = plan.digest();
    let expires_at = facts.now.after(facts.policy.approval.expires_after);
    let proposal = Proposal {
        number,
        plan,
        digest,
        terms,
        at: facts.now.at,
        expires_at,
        drift,
        votes: Vec::new(),
        fallen: Vec::new(),
    };
    What::Proposed { proposal: Box::new(proposal) }
}

/// A freeze is reversible, and what is about to be deployed does not wait for votes: so whoever asked may have it ahead
/// of the approval, and so may whoever approves or freezes here.
fn freeze_now(incident: &Incident, proposal: &Proposal, facts: &Facts<'_>) -> Result<What, Rejection> {
    let requester = &incident.request.by;
    if facts.actor.user() == Some(requester) {
        facts.policy.may(Right::Request, &facts.actor, Some(requester))?;
    } else if facts.policy.may(Right::Approve, &facts.actor, Some(requester)).is_err() {
        facts.policy.may(Right::Freeze, &facts.actor, Some(requester))?;
    }
    if !proposal.plan.steps().any(|(purpose, _)| purpose == Purpose::Freeze) {
        return Err(Rejection::NotNow { state: "The plan has nothing to freeze.".to_owned() });
    }
    match &incident.freeze_now {
        Some(freeze) if freeze.came_to.as_ref().is_none_or(|froze| froze.failed.is_empty()) => {
            Err(Rejection::NotNow { state: format!("{} has frozen it already.", freeze.by.name()) })
        }
        Some(_) | None => Ok(What::FreezeAsked),
    }
}

fn same_plan(proposal: &Proposal, digest: &Digest) -> Result<(), Rejection> {
    if proposal.digest == *digest { Ok(()) } else { Err(Rejection::StalePlan) }
}

fn approve(
    incident: &Incident,
    proposal: &Proposal,
    digest: Digest,
    phrase: Option<&str>,
    facts: &Facts<'_>,
) -> Result<What, Rejection> {
    same_plan(proposal, &digest)?;
    if proposal.is_approved() {
        return Err(Rejection::AlreadyApprovedAndRunning { by: proposal.approvers() });
    }
    if facts.now.at >= proposal.expires_at {
        return Err(Rejection::Expired { at: proposal.expires_at });
    }
    may_vote(incident, proposal, &facts.actor, facts.policy)?;
    if proposal.votes.iter().any(|vote| same_person(&vote.by, &facts.actor)) {
        return Err(Rejection::AlreadyApproved);
    }
    if let Some(expected) = &proposal.terms.confirm_phrase
        && phrase.map(str::trim) != Some(expected.as_str())
    {
        return Err(Rejection::WrongPhrase { phrase: expected.clone() });
    }
    Ok(What::Approved { digest })
}

/// Whether an approval by `actor` counts.
pub(super) fn may_vote(
    incident: &Incident,
    proposal: &Proposal,
    actor: &Actor,
    policy: &Policy,
) -> Result<(), Rejection> {
    let requester = &incident.request.by;
    let own = actor.user() == Some(requester);
    match (proposal.terms.required, own, policy.approval.self_approval) {
        // The requester's own confirmation is enough; they had to be allowed to request.
        (0, true, _) => policy.may(incident.request.manner.right(), actor, Some(requester)),
        (_, false, _) | (_, true, SelfApproval::Allowed) => policy.may(Right::Approve, actor, Some(requester)),
        (_, true, SelfApproval::Refused) => {
            policy.may(Right::Approve, actor, Some(requester))?;
            Err(Rejection::OwnRequest)
        }
    }
}

/// The approvals that would be refused now. What cannot be found out now was known when the vote was cast, and Slack
/// being away does not keep an approved rollback waiting: only a clear no makes a vote fall.
fn fallen(incident: &Incident, proposal: &Proposal, voters: &[Member], policy: &Policy) -> Vec<What> {
    let fallen = proposal.votes.iter().filter_map(|vote| {
        let user = vote.by.user()?;
        let voter = Actor::Slack(voters.iter().find(|member| member.user == *user)?.clone());
        match may_vote(incident, proposal, &voter, policy) {
            Ok(()) | Err(Rejection::UnknownPerson | Rejection::UnknownMembership { .. }) => None,
            Err(_) => Some(What::VoteFell { voter }),
        }
    });
    fallen.collect()
}

fn same_person(one: &Actor, other: &Actor) -> bool {
    match (one, other) {
        (Actor::Slack(one), Actor::Slack(other)) => one.user == other.user,
        (Actor::Machine { user: one }, Actor::Machine { user: other }) => one == other,
        (Actor::Rollbot, Actor::Rollbot) => true,
        (Actor::Slack(_) | Actor::Machine { .. } | Actor::Rollbot, _) => false,
    }
}

fn decide_running(incident: &Incident, run: &Run, command: Command, facts: &Facts<'_>) -> Result<Vec<What>, Rejection> {
    match command {
        Command::Approve { .. } | Command::Reject { .. } => {
            Err(Rejection::AlreadyApprovedAndRunning { by: run.proposal.approvers() })
        }
        Command::Retry { step, attempt } => {
            failed(run, &step, attempt)?;
            let requester = Some(&incident.request.by);
            if facts.actor.user() != requester {
                facts.policy.may(Right::Approve, &facts.actor, requester)?;
            }
            not_stopped(run)?;
            Ok(vec![What::Retried { step }])
        }
        Command::Skip { step, attempt, reason } => {
            failed(run, &step, attempt)?;
            facts.policy.may(Right::Skip, &facts.actor, Some(&incident.request.by))?;
            not_stopped(run)?;
            if run.proposal.plan.step(&step).is_some_and(|(_, step)| matches!(step.work, Work::Gate(_))) {
                return Err(Rejection::GateNotSkipped);
            }
            let reason = reason.trim().to_owned();
            if reason.is_empty() {
                return Err(Rejection::NoReason);
            }
            Ok(vec![What::Skipped { step, reason }])
        }
        Command::Remedy { step, attempt, remedy, chosen } => {
            choose(incident, run, Wanted { step, attempt, remedy, chosen }, facts)
        }
        Command::Pass { step, attempt, phrase, note } => {
            pass(incident, run, Pass { step, attempt, phrase, note }, facts)
        }
        Command::Stop => {
            facts.policy.may(Right::Stop, &facts.actor, Some(&incident.request.by))?;
            not_stopped(run)?;
            Ok(vec![What::StopRequested])
        }
        Command::Begin { step } => {
            let record = run.record(&step);
            if record.state != StepState::Pending || !is_ready(run, &step) {
                return Err(out_of_turn(&step));
            }
            Ok(vec![What::Began { step, attempt: record.attempt.saturating_add(1) }])
        }
        Command::Act { step, what } => {
            let record = active(run, &step)?;
            not_stopped(run)?;
            let number = u32::try_from(record.acts.len()).unwrap_or(u32::MAX).saturating_add(1);
            Ok(vec![What::Acting { step, number, what }])
        }
        Command::Restore { step, what } => {
            let record = active(run, &step)?;
            let number = u32::try_from(record.acts.len()).unwrap_or(u32::MAX).saturating_add(1);
            Ok(vec![What::Acting { step, number, what }])
        }
        Command::Accept { step, number, receipt, request_id } => {
            open_act(run, &step, number)?;
            Ok(vec![What::Accepted { step, number, receipt, request_id }])
        }
        Command::Refuse { step, number, why } => {
            open_act(run, &step, number)?;
            Ok(vec![What::Refused { step, number, why }])
        }
        Command::Progress { step, text } => {
            let record = active(run, &step)?;
            let news = record.progress.as_deref() != Some(text.as_str());
            Ok(if news { vec![What::Progressed { step, text }] } else { Vec::new() })
        }
        Command::Report { step, lines, upto } => {
            active(run, &step)?;
            let told = Some(Told { upto, at: facts.now.at });
            Ok(vec![What::Reported { step, lines, told }])
        }
        Command::Finish { step, evidence, output } => {
            active(run, &step)?;
            Ok(vec![What::Finished { step, evidence, output }])
        }
        Command::Fail { step, failure } => {
            if !may_be_gone(run, &step) && run.record(&step).state != StepState::Waiting {
                active(run, &step)?;
            }
            Ok(vec![What::Failed { step, failure }])
        }
        Command::Withdraw { step } => {
            active(run, &step)?;
            if run.stopped.is_none() {
                return Err(Rejection::NotNow { state: "Nobody has stopped this.".to_owned() });
            }
            Ok(vec![What::Withdrawn { step }])
        }
        Command::Settle => match settlement(run) {
            Some(Settlement::Verdict(verdict)) => Ok(vec![What::VerdictReached { verdict }]),
            Some(Settlement::Close(end)) => Ok(close(end)),
            None => Err(Rejection::NotNow { state: "Steps are still under way.".to_owned() }),
        },
        Command::Froze { froze } => match &incident.freeze_now {
            Some(freeze) if freeze.came_to.is_none() => Ok(vec![What::FreezeSettled { froze }]),
            Some(_) | None => Ok(Vec::new()),
        },
        Command::Propose { .. }
        | Command::Prepare { .. }
        | Command::Remove { .. }
        | Command::NothingToDo { .. }
        | Command::CannotPlan { .. }
        | Command::FreezeNow
        | Command::Expire
        | Command::Start { .. } => Err(Rejection::NotNow { state: "The plan runs already.".to_owned() }),
    }
}

pub(super) fn failed(run: &Run, step: &StepId, attempt: u32) -> Result<(), Rejection> {
    // Only what blocks: an optional step that failed has been passed, and its turn does not come again.
    if blocking(run).any(|(blocked, record)| blocked.id == *step && record.attempt == attempt) {
        return Ok(());
    }
    Err(Rejection::NotNow { state: format!("{step} is not waiting for that any more.") })
}

pub(super) fn not_stopped(run: &Run) -> Result<(), Rejection> {
    match &run.stopped {
        Some(stopped) => Err(Rejection::AlreadyStopping { by: stopped.by.name() }),
        None => Ok(()),
    }
}

fn active(run: &Run, step: &StepId) -> Result<StepRecord, Rejection> {
    let record = run.record(step);
    if record.state == StepState::Active { Ok(record) } else { Err(out_of_turn(step)) }
}

/// Whether a target that was proved may be found gone: in the look between the checks and the verdict.
fn may_be_gone(run: &Run, step: &StepId) -> bool {
    let takes_back = run.proposal.plan.step(step).is_some_and(|(purpose, _)| purpose == Purpose::RollBack);
    takes_back && run.verdict.is_none() && is_proved(run) && run.record(step).state == StepState::Done
}

fn open_act(run: &Run, step: &StepId, number: u32) -> Result<(), Rejection> {
    let record = active(run, step)?;
    match record.acts.iter().find(|act| act.number == number) {
        Some(act) if act.outcome == ActOutcome::Unknown => Ok(()),
        _ => Err(out_of_turn(step)),
    }
}

fn out_of_turn(step: &StepId) -> Rejection {
    Rejection::NotNow { state: format!("It is not the turn of {step}.") }
}
