//! What holds whatever is asked of an incident, in whichever order: random walks through `decide` and `evolve`.
//!
//! Half of the moves are sensible, so that the walks come far; the other half is anything by anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::moves::{Roll, anything, carry_on, rolls, sensible};
use crate::incident::command::{Command, Facts};
use crate::incident::decide::{decide, request as ask};
use crate::incident::due::{Due, blocking, due};
use crate::incident::event::{Event, What};
use crate::incident::evolve::{evolve, open};
use crate::incident::ids::{IncidentId, UserId};
use crate::incident::incident::{End, Froze, Incident, Run, State, Verdict};
use crate::incident::plan::{Lane, Need, Purpose, Stage};
use crate::incident::policy::{Actor, Policy, Principal, Right, SelfApproval};
use crate::incident::rejection::Rejection;
use crate::incident::sample::{ANNA, at, failure, person, policy, request, stage};
use crate::incident::step::{Finding, StepState};
use crate::incident::time::Now;
use crate::incident::work::Work;

/// A walk: every incident on the way, and the event that led to the next.
struct Walk {
    policy: Policy,
    events: Vec<Event>,
    incident: Incident,
}

/// The walk in a few lines, for a failure.
fn told(walk: &Walk) -> String {
    let mut told = "\n".to_owned();
    for event in &walk.events {
        let what = serde_json::to_value(&event.what).unwrap();
        let of = |key: &str| what.get(key).map(ToString::to_string).unwrap_or_default();
        writeln!(told, "{} {} by {}", of("event"), of("step"), event.by.name()).unwrap();
    }
    told
}

fn is_through(run: &Run, stage: &Stage) -> bool {
    let reached = |lane: &Lane| {
        let left_out = lane
            .steps
            .iter()
            .position(|step| step.need == Need::Optional && matches!(run.record(&step.id).state, StepState::Failed(_)));
        lane.steps.iter().take(left_out.map_or(usize::MAX, |failed| failed + 1)).cloned().collect::<Vec<_>>()
    };
    stage.lanes.iter().flat_map(reached).all(|step| match run.record(&step.id).state {
        StepState::Done | StepState::SkippedAfter { .. } => true,
        StepState::Failed(_) => step.need == Need::Optional && !matches!(step.work, Work::Gate(_)),
        StepState::Pending | StepState::Active | StepState::Waiting => false,
    })
}

/// What has to hold between an incident, an event and the incident after it.
fn check_event(walk: &Walk, before: &Incident, event: &Event) {
    if let Some(run) = before.run() {
        match &event.what {
            What::Began { step, .. } | What::Acting { step, .. } => {
                let stages = &run.proposal.plan.stages;
                let own = stages
                    .iter()
                    .position(|stage| stage.lanes.iter().flat_map(|lane| &lane.steps).any(|s| s.id == *step));
                let own = own.expect("a step of the plan");
                for stage in &stages[..own] {
                    // Only stages of two different tracks do not wait for one another.
                    let elsewhere = match (&stage.track, &stages[own].track) {
                        (Some(one), Some(other)) => one != other,
                        _ => false,
                    };
                    assert!(elsewhere || is_through(run, stage), "{step} goes on before its turn: {}", told(walk));
                }
                let lane = stages[own].lanes.iter().find(|lane| lane.steps.iter().any(|s| s.id == *step)).unwrap();
                for earlier in lane.steps.iter().take_while(|s| s.id != *step) {
                    let earlier = stage(stages[own].purpose, vec![vec![earlier.clone()]]);
                    let ahead = is_through(run, &earlier) || stages[own].purpose == Purpose::Watch;
                    assert!(ahead, "{step} goes on before its turn in the lane: {}", told(walk));
                }
                assert!(run.stopped.is_none(), "{step} goes on after the stop");
                let (purpose, step) = run.proposal.plan.step(step).unwrap();
                let by_hand = matches!(step.work, Work::Manual(_));
                if purpose == Purpose::RollBack && !by_hand {
                    assert!(before.holds().contains(&step.resource), "{} without its lock", step.id);
                }
            }
            What::Retried { .. } | What::Remedied { .. } => assert!(run.stopped.is_none(), "{event:?}"),
            What::Skipped { step, .. } => {
                assert!(run.stopped.is_none(), "{event:?}");
                let (_, step) = run.proposal.plan.step(step).unwrap();
                assert!(!matches!(step.work, Work::Gate(_)), "a gate was skipped: {}", told(walk));
            }
            What::Passed { step, .. } => {
                assert!(run.stopped.is_none(), "{event:?}");
                assert_eq!(run.record(step).state, StepState::Waiting, "{}", told(walk));
                let (_, step) = run.proposal.plan.step(step).unwrap();
                if matches!(step.work, Work::Gate(_)) {
                    let own = event.by.user() == Some(&UserId::new(ANNA));
                    let alone = run.proposal.terms.required == 0 && own;
                    let right = if alone { Right::Request } else { Right::Approve };
                    assert_eq!(walk.policy.may(right, &event.by, Some(&before.request.by)), Ok(()));
                    let allowed = alone || walk.policy.approval.self_approval == SelfApproval::Allowed;
                    assert!(!own || allowed, "the requester opened a gate alone: {}", told(walk));
                }
            }
            What::VerdictReached { verdict } => check_verdict(run, *verdict),
            What::Closed { end: End::Aborted { .. } } => assert!(!run.may_have_changed_something(), "{}", told(walk)),
            What::Closed { end: End::Verdict { verdict } } => {
                assert_eq!(run.verdict.map(|record| record.verdict), Some(*verdict));
            }
            What::Requested { .. }
            | What::Preparing { .. }
            | What::Removed { .. }
            | What::Reported { .. }
            | What::Proposed { .. }
            | What::Approved { .. }
            | What::VoteFell { .. }
            | What::FreezeAsked
            | What::FreezeSettled { .. }
            | What::Started { .. }
            | What::Accepted { .. }
            | What::Refused { .. }
            | What::Progressed { .. }
            | What::Finished { .. }
            | What::Failed { .. }
            | What::Withdrawn { .. }
            | What::StopRequested
            | What::Closed { .. } => {}
        }
    }
    if let What::Approved { digest } = &event.what {
        let proposal = before.proposal().unwrap();
        assert_eq!(*digest, proposal.digest);
        assert!(event.at < proposal.expires_at, "a vote after the expiry");
        let by_requester = event.by.user() == Some(&UserId::new(ANNA));
        let right = if proposal.terms.required == 0 && by_requester { Right::Request } else { Right::Approve };
        assert_eq!(walk.policy.may(right, &event.by, Some(&before.request.by)), Ok(()));
        let own = proposal.terms.required > 0 && by_requester;
        assert!(!own || walk.policy.approval.self_approval == SelfApproval::Allowed, "an own vote counted");
    }
    if let What::Started { digest } = &event.what {
        let last = walk.events.iter().rposition(|event| matches!(event.what, What::Proposed { .. })).unwrap();
        let mut voters = BTreeSet::new();
        for vote in &walk.events[last..] {
            if let What::Approved { digest: approved } = &vote.what {
                assert_eq!(approved, digest, "approved something else");
                voters.insert(vote.by.name());
            }
            if let What::VoteFell { voter } = &vote.what {
                voters.remove(&voter.name());
            }
        }
        let proposal = before.proposal().unwrap();
        assert_eq!(proposal.plan.digest(), *digest, "something else than what was approved runs");
        assert!(voters.len() >= proposal.needed(), "{voters:?}");
    }
}

fn check_verdict(run: &Run, verdict: Verdict) {
    let states = || {
        let steps = run.proposal.plan.steps().filter(|(purpose, _)| *purpose != Purpose::Watch);
        steps.map(|(purpose, step)| (purpose, run.record(&step.id).state))
    };
    let all_done = states().all(|(_, state)| state == StepState::Done);
    let only_checks_without_data = states().all(|(purpose, state)| match state {
        StepState::Done => true,
        StepState::Failed(failure) | StepState::SkippedAfter { failure, .. } => {
            purpose == Purpose::Verify && failure.finding == Finding::Inconclusive
        }
        StepState::Pending | StepState::Active | StepState::Waiting => false,
    });
    let expected = if all_done {
        Verdict::RolledBack
    } else if only_checks_without_data {
        Verdict::Unproved
    } else {
        Verdict::PartlyRolledBack
    };
    assert_eq!(verdict, expected, "{:#?}", run.steps);
}

/// What has to hold of every incident that can be reached.
fn check_incident(walk: &Walk, now: Now) {
    let incident = &walk.incident;
    match &incident.state {
        State::Requested | State::Closed(_) => assert_eq!(incident.holds(), Vec::new()),
        State::Proposed(proposal) => {
            assert_eq!(incident.holds(), proposal.plan.resources());
            let names: BTreeSet<String> = proposal.votes.iter().map(|vote| vote.by.name()).collect();
            assert_eq!(names.len(), proposal.votes.len(), "somebody was counted twice");
        }
        State::Running(run) => {
            let expected = if run.verdict.is_some() { Vec::new() } else { run.proposal.plan.resources() };
            assert_eq!(incident.holds(), expected);
        }
    }
    check_that_it_can_go_on(walk, now);
}

fn check_that_it_can_go_on(walk: &Walk, now: Now) {
    let incident = &walk.incident;
    let due = due(incident);
    let accepted = |command: Command, now: Now| {
        let facts = Facts { now, actor: Actor::Rollbot, policy: &walk.policy };
        let outcome = decide(incident, command.clone(), &facts);
        assert!(outcome.is_ok(), "{command:?} is due and refused: {outcome:?} {}", told(walk));
    };
    for due in &due {
        match due {
            Due::Plan => accepted(Command::NothingToDo { why: String::new() }, now),
            Due::Expire { at } => accepted(Command::Expire, Now::real(*at)),
            Due::Start => {
                let digest = incident.proposal().unwrap().digest.clone();
                accepted(Command::Start { digest, voters: Vec::new() }, now);
            }
            Due::Freeze => accepted(Command::Froze { froze: Froze::default() }, now),
            Due::Run(step) => accepted(carry_on(incident, step, 7), now),
            Due::Settle => accepted(Command::Settle, now),
            Due::Remove(made) => {
                accepted(Command::Remove { stack: made.stack.clone(), name: made.name.clone() }, now);
            }
            Due::Await { step, .. } => {
                let failure = failure(Finding::Inconclusive);
                accepted(Command::Fail { step: step.clone(), failure }, now);
            }
        }
    }
    if due.is_empty()
        && let State::Running(run) = &incident.state
    {
        assert!(run.stopped.is_none(), "stopped, and nothing ends it: {}", told(walk));
        assert!(run.verdict.is_none(), "watching, and nothing ends it: {}", told(walk));
        assert!(blocking(run).next().is_some(), "nothing is due and nobody is asked: {}", told(walk));
        for (step, record) in blocking(run) {
            let (step, attempt) = (step.id.clone(), record.attempt);
            accepted(Command::Retry { step: step.clone(), attempt }, now);
            if !step.as_str().ends_with("/gate") {
                accepted(Command::Skip { step, attempt, reason: "reason".to_owned() }, now);
            }
        }
    }
}

fn take(walk: &mut Walk, roll: &Roll, required: u8, now: Now) {
    let (actor, command) =
        if roll.sensible { sensible(&walk.incident, roll, required) } else { anything(&walk.incident, roll, required) };
    let facts = Facts { now, actor, policy: &walk.policy };
    let outcome = decide(&walk.incident, command.clone(), &facts);
    if let State::Closed(_) = walk.incident.state {
        assert!(matches!(outcome, Err(Rejection::Over { .. })), "{command:?} after the end: {outcome:?}");
    }
    for event in outcome.unwrap_or_default() {
        assert_eq!((event.at, &event.by), (facts.now.at, &facts.actor));
        let before = walk.incident.clone();
        check_event(walk, &before, &event);
        walk.incident = evolve(before, &event);
        walk.events.push(event);
    }
    check_incident(walk, now);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_promises_hold(rolls in rolls(), required in 0..3_u8, own in any::<bool>()) {
        let mut policy = policy(required);
        if own {
            policy.approval.self_approval = SelfApproval::Allowed;
            policy.approve.push(Principal::Requester);
        }
        let mut now = Now::real(at(0));
        let facts = Facts { now, actor: person(ANNA), policy: &policy };
        let first = ask(IncidentId::new("rb-23456"), request(), &facts).unwrap();
        let incident = open(&first).unwrap();
        let mut walk = Walk { policy, events: vec![first], incident };
        for roll in &rolls {
            now = Now::real(now.after(Duration::from_secs(roll.passes)));
            take(&mut walk, roll, required, now);
        }
        let (first, rest) = walk.events.split_first().unwrap();
        let replayed = rest.iter().fold(open(first).unwrap(), evolve);
        prop_assert_eq!(&replayed, &walk.incident);
        let stored = serde_json::to_string(&walk.incident).unwrap();
        prop_assert_eq!(serde_json::from_str::<Incident>(&stored).unwrap(), walk.incident);
    }
}

/// The walks are worth nothing if they stay at home.
#[test]
fn the_walks_come_to_every_end() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..1_000 {
        let rolls = rolls().new_tree(&mut runner).unwrap().current();
        let required = 1;
        let mut now = Now::real(at(0));
        let facts = Facts { now, actor: person(ANNA), policy: &policy(required) };
        let first = ask(IncidentId::new("rb-23456"), request(), &facts).unwrap();
        let incident = open(&first).unwrap();
        let mut walk = Walk { policy: policy(required), events: vec![first], incident };
        for roll in &rolls {
            now = Now::real(now.after(Duration::from_secs(roll.passes)));
            take(&mut walk, roll, required, now);
        }
        if let State::Closed(closed) = &walk.incident.state {
            *ends.entry(closed.end.word()).or_default() += 1;
        }
    }
    let words =
        ["rolled_back", "partly_rolled_back", "unproved", "nothing_to_do", "rejected", "expired", "aborted", "failed"];
    for word in words {
        assert!(ends.contains_key(word), "no walk ended {word}: {ends:?}");
    }
}
