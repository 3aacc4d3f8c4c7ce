//! Deployments held back ahead of the approval: who may, and what the record says then.

use rstest::rstest;

use super::then::{facts, then};
use crate::incident::command::Command;
use crate::incident::decide::decide;
use crate::incident::due::{Due, due};
use crate::incident::event::{Event, What};
use crate::incident::evolve::{evolve, open};
use crate::incident::ids::IncidentId;
use crate::incident::incident::{End, Froze, Incident};
use crate::incident::plan::{Lane, Plan, Purpose, Stage};
use crate::incident::policy::Actor;
use crate::incident::rejection::Rejection;
use crate::incident::sample::{ANNA, CLEO, at, freezes, person, policy, proposal, request, small_plan};
use crate::incident::step::{Evidence, Failure, Finding};

fn frozen_plan() -> Plan {
    let mut plan = small_plan("api");
    plan.stages
        .insert(0, Stage { purpose: Purpose::Freeze, lanes: vec![Lane { steps: vec![freezes()] }], track: None });
    plan
}

fn proposed(plan: Plan) -> Incident {
    let event = |what| Event { at: at(0), by: person(ANNA), what };
    let asked = event(What::Requested { id: IncidentId::new("rb-23456"), request: request() });
    let proposed = event(What::Proposed { proposal: Box::new(proposal(plan, 1)) });
    evolve(open(&asked).unwrap(), &proposed)
}

fn failure() -> Failure {
    Failure {
        why: "no".to_owned(),
        details: Vec::new(),
        finding: Finding::Wrong,
        advice: "Retry".to_owned(),
        remedies: Vec::new(),
    }
}

#[rstest]
#[case::the_requester(person(ANNA), true)]
#[case::an_approver(person(CLEO), true)]
#[case::anybody_else(person("U0DORA0001"), false)]
fn the_requester_and_approvers_may(#[case] who: Actor, #[case] may: bool) {
    let after = then(&proposed(frozen_plan()), who, 1, Command::FreezeNow);
    assert_eq!(after.is_ok(), may, "{after:?}");
    if let Err(rejection) = after {
        assert!(matches!(rejection, Rejection::NotAllowed { .. }), "{rejection:?}");
    }
}

#[test]
fn a_plan_without_a_freeze_has_nothing_to_freeze() {
    let refused = then(&proposed(small_plan("api")), person(ANNA), 1, Command::FreezeNow).unwrap_err();
    assert!(matches!(refused, Rejection::NotNow { .. }), "{refused:?}");
}

#[test]
fn it_is_due_once_and_again_only_where_it_failed() {
    let asked = then(&proposed(frozen_plan()), person(ANNA), 1, Command::FreezeNow).unwrap();
    assert!(due(&asked).contains(&Due::Freeze));
    assert!(then(&asked, person(CLEO), 2, Command::FreezeNow).is_err(), "it is under way");
    let froze = Froze { held: Vec::new(), failed: vec![failure()] };
    let failed = then(&asked, Actor::Rollbot, 3, Command::Froze { froze }).unwrap();
    assert!(!due(&failed).contains(&Due::Freeze) && !failed.has_frozen());
    let again = then(&failed, person(CLEO), 4, Command::FreezeNow).unwrap();
    let froze = Froze { held: vec![Evidence::new("held")], failed: Vec::new() };
    let done = then(&again, Actor::Rollbot, 5, Command::Froze { froze }).unwrap();
    assert!(done.has_frozen());
    assert!(then(&done, person(CLEO), 6, Command::FreezeNow).is_err(), "it is done");
    let policy = policy(1);
    let late = decide(&done, Command::Froze { froze: Froze::default() }, &facts(&policy, Actor::Rollbot, 7));
    assert_eq!(late, Ok(Vec::new()), "what came of it is told once");
}

#[test]
fn it_outlives_a_new_plan_and_a_rejection() {
    let asked = then(&proposed(frozen_plan()), person(ANNA), 1, Command::FreezeNow).unwrap();
    let froze = Froze { held: vec![Evidence::new("held")], failed: Vec::new() };
    let done = then(&asked, Actor::Rollbot, 2, Command::Froze { froze }).unwrap();
    let digest = done.proposal().unwrap().digest.clone();
    let rejected = then(&done, person(CLEO), 3, Command::Reject { digest, reason: None }).unwrap();
    assert!(rejected.is_closed() && rejected.has_frozen());
}

#[test]
fn a_freeze_locks_nothing_and_is_bound_by_the_digest() {
    assert_eq!(frozen_plan().resources(), small_plan("api").resources());
    assert_ne!(frozen_plan().digest(), small_plan("api").digest());
}

#[test]
fn what_was_stopped_behind_the_freeze_says_that_no_target_was_changed() {
    let incident = proposed(frozen_plan());
    let digest = incident.proposal().unwrap().digest.clone();
    let approved = then(&incident, person(CLEO), 1, Command::Approve { digest: digest.clone(), phrase: None }).unwrap();
    let running = then(&approved, Actor::Rollbot, 2, Command::Start { digest, voters: Vec::new() }).unwrap();
    let step = freezes().id;
    assert_eq!(due(&running), [Due::Run(step.clone())], "the freeze comes first, alone");
    let begun = then(&running, Actor::Rollbot, 3, Command::Begin { step: step.clone() }).unwrap();
    let stopped = then(&begun, person(ANNA), 4, Command::Stop).unwrap();
    let done = Command::Finish { step, evidence: Vec::new(), output: serde_json::Value::Null };
    let finished = then(&stopped, Actor::Rollbot, 5, done).unwrap();
    let closed = then(&finished, Actor::Rollbot, 6, Command::Settle).unwrap();
    let crate::incident::incident::State::Closed(closed) = closed.state else { panic!("it is over") };
    assert_eq!(closed.end, End::Aborted { why: "it was stopped before any target was changed".to_owned() });
}
