//! The table of `judge` where the target has to be registered first, and where a deployment is paused.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::json;

use super::act::{Do, Receipt};
use super::fixtures::{at, definition_arn};
use super::inventory::DeploymentStatus;
use super::judge::judge;
use super::judge_cases::{NOW, accepted, act_at, at_status, refused, settled, stopping, updating, word, work};
use super::observe::Seen;
use crate::incident::step::{Act, ActOutcome};
use crate::incident::time::Now;
use crate::incident::work::{EcsService, Registration};
use crate::systems::step_kind::{Judgement, StepJournal};

/// Back from api:42 to api:41, which has to be registered again. It becomes api:43.
fn registers() -> EcsService {
    let registration = Registration { like: definition_arn(41), images: BTreeMap::new() };
    EcsService { register: Some(registration), images: Vec::new(), ..work() }
}

fn register() -> Do {
    Do::Register { like: definition_arn(41), images: BTreeMap::new(), instead_of: definition_arn(42) }
}

fn registered() -> ActOutcome {
    accepted(&Receipt::Registered { task_definition: definition_arn(43) })
}

fn to(number: u32) -> Do {
    let EcsService { cluster, service, .. } = work();
    let deployment = super::act::NewDeployment::IfNeeded;
    Do::Update { cluster, service, task_definition: definition_arn(number), deployment }
}

fn judged(seen: &Seen, found: Option<&str>, acts: &[Act]) -> Judgement<Do> {
    let journal = StepJournal { key: "rb-7k3fq-backend", attempt: 1, began_at: at("12:00:00"), acts, remedy: None };
    judge(&registers(), seen, found, &journal, Now::real(at(NOW)))
}

#[rstest]
#[case::finished(settled(42), "register")]
#[case::in_flight_from_the_target(at_status(42, 41, 42, DeploymentStatus::InProgress), "stop")]
#[case::in_flight_from_another(at_status(42, 40, 42, DeploymentStatus::InProgress), "register")]
#[case::rolling_back(at_status(42, 41, 42, DeploymentStatus::RollbackInProgress), "wait: api:42 is being rolled back")]
#[case::a_stop_went_back_to_it(at_status(41, 41, 42, DeploymentStatus::RollbackSuccessful), "holding")]
fn peer_03_what_cannot_be_deployed_is_registered_before_the_update(#[case] seen: Seen, #[case] expected: &str) {
    let judgement = word(&judged(&seen, None, &[]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

#[test]
fn peer_03_what_was_registered_is_what_the_service_is_updated_to() {
    let acts = [act_at("12:00:15", &register(), registered())];
    assert_eq!(judged(&settled(42), None, &acts), Judgement::Act(to(43)));
    let acts = [acts[0].clone(), act_at("12:00:16", &to(43), updating(43))];
    assert_eq!(word(&judged(&settled(43), None, &acts)), "holding");
}

#[test]
fn peer_03_what_an_earlier_attempt_registered_is_not_registered_twice() {
    let acts = [act_at("11:00:00", &register(), registered())];
    let journal =
        StepJournal { key: "rb-7k3fq-backend", attempt: 2, began_at: at("12:00:00"), acts: &acts, remedy: None };
    let judgement = judge(&registers(), &settled(42), None, &journal, Now::real(at(NOW)));
    assert_eq!(judgement, Judgement::Act(to(43)));
}

#[rstest]
#[case::just_now("12:00:15", None, "wait: looking whether RegisterTaskDefinition from api:41 took place")]
#[case::without_effect("12:00:05", None, "register")]
#[case::found("12:00:15", Some(definition_arn(43)), "update")]
fn peer_03_a_lost_registration_is_looked_for(
    #[case] time: &str,
    #[case] found: Option<String>,
    #[case] expected: &str,
) {
    let acts = [act_at(time, &register(), ActOutcome::Unknown)];
    assert_eq!(word(&judged(&settled(42), found.as_deref(), &acts)), expected);
}

#[test]
fn a_registration_that_is_not_allowed_fails() {
    let acts = [act_at("12:00:05", &register(), refused("AccessDeniedException"))];
    let judgement = word(&judged(&settled(42), None, &acts));
    assert!(judgement.starts_with("failed: AWS refused it"), "{judgement}");
}

/// In flight from the target, and waiting at a hook.
fn paused(from: u32) -> Seen {
    let mut seen = at_status(42, from, 42, DeploymentStatus::InProgress);
    seen.service_deployments[0].waits_at = Some("hook-1".to_owned());
    seen
}

#[rstest]
#[case::from_the_target(41, "continue with rollback")]
#[case::from_another(40, "update")]
fn a_deployment_that_is_paused_is_told_to_roll_back(#[case] from: u32, #[case] expected: &str) {
    let journal =
        StepJournal { key: "rb-7k3fq-backend", attempt: 1, began_at: at("12:00:00"), acts: &[], remedy: None };
    assert_eq!(word(&judge(&work(), &paused(from), None, &journal, Now::real(at(NOW)))), expected);
}

#[rstest]
#[case::silent_just_now("12:00:15", ActOutcome::Unknown, "wait: looking whether ContinueServiceDeployment")]
#[case::silent_without_effect("12:00:05", ActOutcome::Unknown, "continue with rollback")]
#[case::accepted("12:00:15", stopping(), "wait: ECS has accepted the stop")]
#[case::not_offered("12:00:15", refused("UnsupportedFeatureException"), "update")]
fn what_was_told_to_a_paused_deployment_is_looked_for(
    #[case] time: &str,
    #[case] outcome: ActOutcome,
    #[case] expected: &str,
) {
    let seen = paused(41);
    let what = Do::Continue { deployment: seen.service_deployments[0].arn.clone(), hook: "hook-1".to_owned() };
    let acts = [act_at(time, &what, outcome)];
    let journal =
        StepJournal { key: "rb-7k3fq-backend", attempt: 1, began_at: at("12:00:00"), acts: &acts, remedy: None };
    let judgement = word(&judge(&work(), &seen, None, &journal, Now::real(at(NOW))));
    assert!(judgement.starts_with(expected), "{judgement}");
}

#[test]
fn acts_are_recorded_under_the_verbs_of_aws() {
    let verb = |what: &Do| serde_json::to_value(what).unwrap()["verb"].clone();
    let resume = Do::Continue { deployment: "d".to_owned(), hook: "h".to_owned() };
    assert_eq!(verb(&register()), json!("RegisterTaskDefinition"));
    assert_eq!(verb(&resume), json!("ContinueServiceDeployment"));
}
