//! The record of a freeze: who holds it, and what follows.

use serde_json::json;

use crate::incident::freeze::{Cause, Direction, Freeze, HoldOutput, Holder, Shown, Then, Transition};
use crate::incident::freeze_event::{FreezeEvent, FreezeWhat, evolve, is_legal, open};
use crate::incident::ids::{FreezeId, IncidentId};
use crate::incident::policy::Actor;
use crate::incident::sample::{at, freeze_opened, holder};
use crate::incident::step::{Failure, Finding, StepState};
use crate::incident::work::Stop;

fn incident(id: &str) -> Cause {
    Cause::Incident { id: IncidentId::new(id) }
}

/// The freeze after `what`, which has to fit.
fn then(freeze: Freeze, second: i64, what: FreezeWhat) -> Freeze {
    assert!(is_legal(&freeze, &what), "{what:?} does not fit {freeze:?}");
    evolve(freeze, &FreezeEvent { at: at(second), by: Actor::Rollbot, what })
}

fn opened(holder: Holder) -> Freeze {
    open(&freeze_opened(holder)).unwrap()
}

fn joined(holder: Holder) -> FreezeWhat {
    FreezeWhat::Joined { holder: Box::new(holder) }
}

fn let_go(service: &str, causes: &[Cause]) -> FreezeWhat {
    let (environment, service) = ("prod".to_owned(), service.to_owned());
    FreezeWhat::LetGo { environment, service, causes: causes.to_vec(), then: Then::Nothing }
}

fn held(freeze: Freeze, stopped: Option<&str>) -> Freeze {
    let output = HoldOutput { transition: Transition::ByRollbot, stopped: stopped.map(str::to_owned), execution: None };
    let freeze = then(freeze, 2, FreezeWhat::Began);
    then(freeze, 3, FreezeWhat::Finished { evidence: Vec::new(), output: serde_json::to_value(output).unwrap() })
}

#[test]
fn it_is_opened_when_the_last_lets_go_and_not_before() {
    let freeze = held(opened(holder("api", Cause::Command, 0)), None);
    let freeze = then(freeze, 4, joined(holder("web", incident("rb-23456"), 1)));
    assert!(freeze.is_under_way(), "whoever joins has it looked at anew");
    let freeze = held(freeze, None);
    let freeze = then(freeze, 5, let_go("api", &[Cause::Command]));
    assert!(freeze.is_held() && freeze.services() == [("prod", "web")], "{freeze:?}");
    let freeze = then(freeze, 6, let_go("web", &[incident("rb-23456")]));
    assert_eq!(freeze.direction, Direction::Lift { then: Then::Nothing });
    assert!(freeze.is_under_way() && !freeze.is_over());
    let freeze = then(freeze, 7, FreezeWhat::Began);
    let freeze = then(freeze, 8, FreezeWhat::Finished { evidence: Vec::new(), output: json!(null) });
    assert!(freeze.is_over());
    assert!(!is_legal(&freeze, &joined(holder("api", Cause::Command, 0))), "the next one is another freeze");
}

#[test]
fn whoever_comes_while_it_is_being_lifted_turns_it_round() {
    let freeze = held(opened(holder("api", Cause::Command, 0)), None);
    let freeze = then(freeze, 4, let_go("api", &[Cause::Command]));
    let freeze = then(freeze, 5, FreezeWhat::Began);
    let acting = FreezeWhat::Acting { number: 1, what: json!({ "verb": "EnableStageTransition" }) };
    let freeze = then(freeze, 6, acting);
    let freeze = then(freeze, 7, joined(holder("web", Cause::Command, 0)));
    assert_eq!((freeze.direction.clone(), freeze.record.state.clone()), (Direction::Hold, StepState::Pending));
    // What AWS answered is still recorded, and what the keeper found for the other direction is not believed.
    let accepted = FreezeWhat::Accepted { number: 1, receipt: json!({}), request_id: None };
    assert!(is_legal(&freeze, &accepted));
    assert!(!is_legal(&freeze, &FreezeWhat::Finished { evidence: Vec::new(), output: json!(null) }));
}

#[test]
fn a_step_asks_once_for_each_attempt_and_a_person_whenever_they_type() {
    let freeze = opened(holder("api", incident("rb-23456"), 1));
    assert!(!is_legal(&freeze, &joined(holder("api", incident("rb-23456"), 1))), "after a restart");
    assert!(is_legal(&freeze, &joined(holder("api", incident("rb-23456"), 2))), "a retry");
    assert!(is_legal(&freeze, &joined(holder("api", incident("rb-34567"), 1))), "another incident");
    let typed = opened(holder("api", Cause::Command, 0));
    let again = Holder { at: at(9), ..holder("api", Cause::Command, 0) };
    assert!(is_legal(&typed, &joined(again)));
}

#[test]
fn what_was_found_and_changed_first_stays() {
    let freeze = held(opened(holder("api", incident("rb-23456"), 0)), Some("e-44"));
    let freeze = then(freeze, 4, joined(holder("api", incident("rb-23456"), 1)));
    let freeze = held(freeze, None);
    let found = freeze.held.unwrap();
    assert_eq!((found.at, found.stopped.as_deref()), (at(3), Some("e-44")));
}

#[test]
fn one_holder_who_wants_the_execution_stopped_is_enough() {
    let freeze = opened(holder("api", Cause::Command, 0));
    assert_eq!(freeze.stop(), Stop::Leave);
    let stops = Holder { stop: Stop::Stop, ..holder("web", Cause::Command, 0) };
    assert_eq!(then(freeze, 1, joined(stops)).stop(), Stop::Stop);
}

#[test]
fn a_freeze_of_a_rollback_is_shown_when_that_is_over_and_a_typed_one_at_once() {
    let typed = opened(holder("api", Cause::Command, 0));
    assert!(matches!(typed.shown, Some(Shown::Channel { .. })));
    let freeze = opened(holder("api", incident("rb-23456"), 1));
    assert_eq!((freeze.shown.clone(), freeze.incidents()), (None, vec![IncidentId::new("rb-23456")]));
    let freeze = then(freeze, 9, FreezeWhat::Outlived { incident: IncidentId::new("rb-23456") });
    assert!(matches!(&freeze.shown, Some(Shown::Thread { incident, .. }) if incident.as_str() == "rb-23456"));
    assert_eq!(freeze.incidents(), Vec::new());
    assert!(!is_legal(&freeze, &FreezeWhat::Outlived { incident: IncidentId::new("rb-23456") }), "once");
}

#[test]
fn a_failure_waits_for_a_person_and_is_not_lost() {
    let failure = Failure {
        why: "no".to_owned(),
        details: Vec::new(),
        finding: Finding::Wrong,
        advice: "Retry".to_owned(),
        remedies: Vec::new(),
    };
    let freeze = then(opened(holder("api", Cause::Command, 0)), 1, FreezeWhat::Began);
    let freeze = then(freeze, 2, FreezeWhat::Failed { failure });
    assert!(!freeze.is_held() && !freeze.is_over() && !freeze.is_under_way());
    let freeze = then(freeze, 3, FreezeWhat::Retried);
    assert!(freeze.is_under_way());
    assert_eq!(FreezeId::from_entropy(7).as_str().len(), "fz-7k3fq".len());
}
