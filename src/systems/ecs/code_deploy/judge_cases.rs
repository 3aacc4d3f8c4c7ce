//! The table of `judge` for services under `CodeDeploy`: what was seen, what was done, and what follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::super::fixtures::{at, definition_arn, digest, image};
use super::super::judge_cases as ecs;
use super::super::observe::{Deployment, Seen};
use super::act::{Do, Receipt, description};
use super::app_spec::AppSpec;
use super::deployments::{CodeDeployment, Status};
use super::judge::judge;
use super::observe::{Blue, Sight, TaskSet};
use crate::incident::step::{Act, ActOutcome, Finding};
use crate::incident::time::Now;
use crate::incident::work::{EcsCodeDeploy, Registration};
use crate::systems::step_kind::{Judgement, StepJournal, StepKind as _};

/// The key that every act of the tables begins with.
const KEY: &str = "rb-7k3fq-backend";

fn app_spec(number: u32) -> String {
    let arn = definition_arn(number);
    format!(
        "{{\"version\":0,\"Resources\":[{{\"api\":{{\"Type\":\"AWS::ECS::Service\",\"Properties\":{{\"TaskDefinition\":\"{arn}\"}}}}}}]}}"
    )
}

/// Back from api:42 to api:41.
fn work() -> EcsCodeDeploy {
    EcsCodeDeploy {
        ecs: ecs::work(),
        application: "shop".to_owned(),
        group: "shop-prod-api".to_owned(),
        app_spec: app_spec(41),
    }
}

fn deployment(id: &str, time: &str, status: Status) -> CodeDeployment {
    CodeDeployment {
        id: id.to_owned(),
        status,
        created_at: Some(at(time)),
        completed_at: None,
        description: None,
        rollback_of: None,
        rolled_back_by: None,
        error: None,
        app_spec: Some(id.to_owned()),
    }
}

/// Task definition `number` takes all traffic, made by `d-<number>`, which has succeeded.
fn settled(number: u32) -> Blue {
    let service = ecs::settled(number);
    let primary = service.deployments[0].clone();
    let made_by = format!("d-{number}");
    Blue {
        deployments: vec![deployment(&made_by, "11:00:00", Status::Succeeded)],
        definitions: BTreeMap::from([(made_by.clone(), definition_arn(number))]),
        task_sets: vec![TaskSet { id: primary.id.clone(), made_by: Some(made_by), as_deployment: primary }],
        traffic: BTreeMap::new(),
        service: Seen { service_deployments: Vec::new(), revisions: BTreeMap::new(), ..service },
    }
}

/// `primary` has the production traffic, and `d-new`, to task definition `to`, is under way with this share of it.
fn under_way(primary: u32, to: u32, share: u32) -> Blue {
    let mut seen = settled(primary);
    let set = Deployment {
        id: format!("ecs-svc/new{to}"),
        status: "ACTIVE".to_owned(),
        task_definition: definition_arn(to),
        desired: 2,
        running: 2,
        rollout: Some("COMPLETED".to_owned()),
        ..Deployment::default()
    };
    seen.deployments.insert(0, deployment("d-new", "12:00:09", Status::InProgress));
    seen.definitions.insert("d-new".to_owned(), definition_arn(to));
    seen.traffic = BTreeMap::from([(ecs::id(primary), 100 - share), (set.id.clone(), share)]);
    if share > 0 {
        seen.service.deployments.push(set.clone());
    }
    seen.task_sets.push(TaskSet { id: set.id.clone(), made_by: Some("d-new".to_owned()), as_deployment: set });
    seen
}

/// `d-new`, to api:42, was stopped, and its rollback `d-back` stands so; `primary` has the production traffic.
fn taken_back(primary: u32, status: Status, share: u32) -> Blue {
    let mut seen = under_way(primary, 42, share);
    seen.deployments[0].status = Status::Stopped;
    seen.deployments[0].rolled_back_by = Some("d-back".to_owned());
    let back = CodeDeployment { rollback_of: Some("d-new".to_owned()), ..deployment("d-back", "12:00:12", status) };
    seen.deployments.insert(0, back);
    seen
}

fn with(mut seen: Blue, change: impl FnOnce(&mut Blue)) -> Blue {
    change(&mut seen);
    seen
}

fn stop() -> Do {
    Do::Stop { deployment: "d-new".to_owned() }
}

fn create() -> Do {
    let EcsCodeDeploy { application, group, app_spec, ecs } = work();
    Do::Create { application, group, task_definition: ecs.target, app_spec }
}

fn act_at(time: &str, what: &Do, outcome: ActOutcome) -> Act {
    Act { number: 1, attempt: 1, what: serde_json::to_value(what).unwrap(), at: at(time), outcome }
}

fn accepted(receipt: &Receipt) -> ActOutcome {
    ActOutcome::Accepted { receipt: serde_json::to_value(receipt).unwrap(), request_id: None }
}

fn stopping() -> ActOutcome {
    accepted(&Receipt::Stopping { deployment: "d-new".to_owned() })
}

fn created() -> ActOutcome {
    accepted(&Receipt::Created { deployment: "d-new".to_owned() })
}

fn refused(code: &str) -> ActOutcome {
    ActOutcome::Refused { why: format!("AWS refused it: no ({code})") }
}

fn judged(seen: &Blue, acts: &[Act]) -> Judgement<Do> {
    let journal = StepJournal { key: KEY, attempt: 1, began_at: at("12:00:00"), acts, remedy: None };
    judge(&work(), seen, None, &journal, Now::real(at(ecs::NOW)))
}

fn word(judgement: &Judgement<Do>) -> String {
    match judgement {
        Judgement::Done { .. } => "done".to_owned(),
        Judgement::Holding { .. } => "holding".to_owned(),
        Judgement::Act(what) | Judgement::Restore(what) => what.sentence(),
        Judgement::Wait(progress) => format!("wait: {progress}"),
        Judgement::Failed(failure) => format!("failed: {}", failure.why),
    }
}

#[rstest]
#[case::finished(settled(42), "CreateDeployment of api:41")]
#[case::under_way_and_all_traffic_shifted(under_way(42, 42, 0), "StopDeployment of d-new")]
#[case::under_way_and_a_part_shifted(under_way(41, 42, 10), "StopDeployment of d-new")]
#[case::under_way_and_nothing_shifted(under_way(41, 42, 0), "StopDeployment of d-new")]
#[case::ready(with(under_way(41, 42, 0), |seen| seen.deployments[0].status = Status::Ready), "StopDeployment of d-new")]
#[case::under_way_from_another(under_way(40, 42, 0), "StopDeployment of d-new")]
#[case::under_way_to_the_target(under_way(42, 41, 10), "wait: 2 of 2 tasks of api:41 running, 10 % of the traffic")]
#[case::waits_for_a_person(
    with(under_way(42, 41, 0), |seen| seen.deployments[0].status = Status::Ready),
    "wait: 2 tasks of api:41 are up; somebody has to continue d-new in CodeDeploy"
)]
#[case::not_known_what(
    with(under_way(42, 42, 0), |seen| seen.definitions.clear()),
    "wait: looking what deployment d-new goes to"
)]
#[case::being_rolled_back(
    taken_back(42, Status::InProgress, 0),
    "wait: d-new is being rolled back by d-back (InProgress)"
)]
#[case::a_part_of_the_traffic_is_elsewhere(taken_back(41, Status::InProgress, 10), "wait: d-new is being rolled back")]
#[case::all_traffic_is_back(taken_back(41, Status::InProgress, 0), "holding")]
#[case::rolled_back_to_the_target(taken_back(41, Status::Succeeded, 0), "holding")]
#[case::rolled_back_elsewhere(taken_back(40, Status::Succeeded, 0), "CreateDeployment of api:41")]
#[case::the_rollback_is_not_listed_yet(
    with(taken_back(42, Status::Created, 0), |seen| drop(seen.deployments.remove(0))),
    "wait: d-new is being rolled back; d-back is about to appear"
)]
#[case::stopped_without_a_rollback_and_some_traffic_left(
    with(under_way(41, 42, 10), |seen| seen.deployments[0].status = Status::Stopped),
    "CreateDeployment of api:41"
)]
#[case::failed_without_a_rollback(
    with(under_way(42, 41, 0), |seen| seen.deployments[0].status = Status::Failed),
    "CreateDeployment of api:41"
)]
#[case::target_runs(settled(41), "holding")]
#[case::other_images_run(
    with(settled(41), |seen| seen.service.health.tasks[0].containers[0].digest = Some(digest(9))),
    "CreateDeployment of api:41"
)]
fn the_state_alone_decides_the_mechanism(#[case] seen: Blue, #[case] expected: &str) {
    let judgement = word(&judged(&seen, &[]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

/// Our deployment `d-new` to api:41 has come so far that its task set is the primary one.
fn took_over(share: u32) -> Blue {
    let mut seen = settled(41);
    let old = Deployment { id: ecs::id(42), running: 2, task_definition: definition_arn(42), ..Deployment::default() };
    seen.deployments =
        vec![deployment("d-new", "12:00:09", Status::InProgress), deployment("d-42", "11:00:00", Status::Succeeded)];
    seen.definitions =
        BTreeMap::from([("d-new".to_owned(), definition_arn(41)), ("d-42".to_owned(), definition_arn(42))]);
    seen.task_sets[0].made_by = Some("d-new".to_owned());
    seen.traffic = BTreeMap::from([(ecs::id(41), share), (ecs::id(42), 100 - share)]);
    if share < 100 {
        seen.service.deployments.push(old.clone());
    }
    seen.task_sets.push(TaskSet { id: old.id.clone(), made_by: Some("d-42".to_owned()), as_deployment: old });
    seen
}

#[rstest]
// The outcome is unknown: its effect is looked for, as long as reads may be stale.
#[case::silent_just_now(settled(42), ("12:00:15", create(), ActOutcome::Unknown), "wait: looking whether CreateDeployment of api:41")]
#[case::silent_and_without_effect(settled(42), ("12:00:02", create(), ActOutcome::Unknown), "CreateDeployment of api:41")]
#[case::silent_and_made(
    with(under_way(42, 41, 10), |seen| seen.deployments[0].description = Some(description(&format!("{KEY}-1")))),
    ("12:00:05", create(), ActOutcome::Unknown),
    "wait: 2 of 2 tasks of api:41 running, 10 %"
)]
#[case::silent_and_failed(
    with(under_way(42, 41, 0), |seen| {
        seen.deployments[0].description = Some(description(&format!("{KEY}-1")));
        seen.deployments[0].status = Status::Failed;
    }),
    ("12:00:05", create(), ActOutcome::Unknown),
    "failed: The deployment d-new of api:41 failed."
)]
#[case::silent_stop_just_now(under_way(42, 42, 0), ("12:00:15", stop(), ActOutcome::Unknown), "wait: looking whether StopDeployment")]
#[case::silent_stop_without_effect(under_way(42, 42, 0), ("12:00:02", stop(), ActOutcome::Unknown), "StopDeployment of d-new")]
#[case::silent_stop_done(taken_back(42, Status::Created, 0), ("12:00:15", stop(), ActOutcome::Unknown), "wait: d-new is being rolled back")]
// It was refused: judged afresh.
#[case::ended_meanwhile(settled(42), ("12:00:15", stop(), refused("DeploymentAlreadyCompletedException")), "CreateDeployment of api:41")]
#[case::somebody_was_quicker(under_way(42, 43, 0), ("12:00:15", create(), refused("DeploymentLimitExceededException")), "StopDeployment of d-new")]
#[case::not_seen_yet(settled(42), ("12:00:15", create(), refused("DeploymentLimitExceededException")), "wait: AWS refused it: no (DeploymentLimitExceededException); looking again")]
#[case::denied(settled(42), ("12:00:15", create(), refused("AccessDeniedException")), "failed: AWS refused it: no (AccessDeniedException).")]
#[case::no_group(settled(42), ("12:00:15", create(), refused("DeploymentGroupDoesNotExistException")), "failed: AWS refused it")]
// It was accepted.
#[case::not_listed_yet(settled(42), ("12:00:15", create(), created()), "wait: CodeDeploy has made d-new; it is about to appear")]
#[case::never_listed(settled(42), ("12:00:01", create(), created()), "failed: CodeDeploy made d-new, and does not know it any more.")]
#[case::under_way(under_way(42, 41, 0), ("12:00:08", create(), created()), "wait: 2 of 2 tasks of api:41 running, 0 %")]
#[case::not_all_traffic(took_over(90), ("12:00:08", create(), created()), "wait: 2 of 2 tasks of api:41 running, 90 %")]
#[case::all_traffic(took_over(100), ("12:00:08", create(), created()), "holding")]
#[case::weights_not_known(with(took_over(100), |seen| seen.traffic.clear()), ("12:00:08", create(), created()), "wait: 2 of 2 tasks of api:41 running, 0 %")]
#[case::given_up(
    with(under_way(42, 41, 0), |seen| {
        seen.deployments[0].status = Status::Failed;
        seen.deployments[0].rolled_back_by = Some("d-back".to_owned());
    }),
    ("12:00:08", create(), created()),
    "failed: The deployment d-new of api:41 failed, and CodeDeploy takes it back (d-back)."
)]
#[case::superseded(
    with(under_way(42, 41, 0), |seen| {
        seen.deployments[0].status = Status::Succeeded;
        seen.deployments.insert(0, deployment("d-other", "12:00:15", Status::InProgress));
        seen.definitions.insert("d-other".to_owned(), definition_arn(43));
    }),
    ("12:00:08", create(), created()),
    "failed: The rollback to api:41 was superseded by deployment d-other of api:43."
)]
#[case::stop_not_yet_seen(under_way(42, 42, 0), ("12:00:15", stop(), stopping()), "wait: CodeDeploy has accepted the stop")]
#[case::stopped_and_no_rollback_yet(
    with(under_way(42, 42, 0), |seen| seen.deployments[0].status = Status::Stopped),
    ("12:00:15", stop(), stopping()),
    "wait: CodeDeploy has accepted the stop"
)]
#[case::stopped_and_never_a_rollback(
    with(under_way(42, 42, 0), |seen| seen.deployments[0].status = Status::Stopped),
    ("12:00:02", stop(), stopping()),
    "CreateDeployment of api:41"
)]
#[case::stop_came_too_late(
    with(under_way(42, 42, 0), |seen| seen.deployments[0].status = Status::Succeeded),
    ("12:00:15", stop(), stopping()),
    "CreateDeployment of api:41"
)]
#[case::rolled_back(taken_back(41, Status::Succeeded, 0), ("12:00:10", stop(), stopping()), "holding")]
#[case::rolled_back_elsewhere(taken_back(40, Status::Succeeded, 0), ("12:00:10", stop(), stopping()), "CreateDeployment of api:41")]
#[case::rollback_failed(taken_back(42, Status::Failed, 0), ("12:00:10", stop(), stopping()), "failed: CodeDeploy could not take d-new back: d-back is Failed.")]
fn what_was_done_is_looked_for_before_it_is_done_again(
    #[case] seen: Blue,
    #[case] (time, what, outcome): (&str, Do, ActOutcome),
    #[case] expected: &str,
) {
    let judgement = word(&judged(&seen, &[act_at(time, &what, outcome)]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

#[test]
fn a_deployment_that_succeeded_proves_nothing_by_itself() {
    let mut seen = took_over(100);
    seen.deployments[0].status = Status::Succeeded;
    seen.traffic.clear();
    seen.service.health.targets[0].state = "unhealthy".to_owned();
    let judgement = word(&judged(&seen, &[act_at("12:00:08", &create(), created())]));
    assert_eq!(judgement, "wait: 2 of 2 tasks of api:41 running, 1 healthy");
}

#[test]
fn the_proof_names_the_task_set_the_traffic_and_the_images() {
    let Judgement::Holding { evidence, output, .. } =
        judged(&took_over(100), &[act_at("12:00:08", &create(), created())])
    else {
        panic!("it is proved")
    };
    let texts: Vec<&str> = evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    assert_eq!(
        texts[1..3],
        ["CodeDeploy deployment d-new stands at InProgress.", "100 % of the traffic goes to this task set."]
    );
    assert_eq!(texts[3], "2 of 2 tasks of it run.");
    assert_eq!(texts[4], "CodeDeploy keeps 2 tasks of api:42 for a while; they take no traffic.");
    assert!(texts.contains(&format!("app: 2 of 2 tasks run {}.", digest(41)).as_str()), "{texts:#?}");
    assert_eq!(output["code_deployment"], json!("d-new"));
}

#[test]
fn three_deployments_without_a_trace_are_for_a_person_to_judge() {
    let silent = act_at("12:00:02", &create(), ActOutcome::Unknown);
    let Judgement::Failed(failure) = judged(&settled(42), &[silent.clone(), silent.clone(), silent]) else { panic!() };
    assert_eq!(failure.finding, Finding::Inconclusive);
}

#[test]
fn what_has_to_be_registered_comes_first_and_is_what_the_app_spec_then_names() {
    let mut work = work();
    let images = BTreeMap::from([("app".to_owned(), image(41).image)]);
    work.ecs.register = Some(Registration { like: definition_arn(41), images });
    let judged = |acts: &[Act], found: Option<&str>| {
        let journal = StepJournal { key: KEY, attempt: 1, began_at: at("12:00:00"), acts, remedy: None };
        judge(&work, &settled(42), found, &journal, Now::real(at(ecs::NOW)))
    };
    let first = judged(&[], None);
    assert_eq!(word(&first), "RegisterTaskDefinition from api:41");
    let Judgement::Act(register) = first else { panic!() };
    let done = act_at("12:00:05", &register, accepted(&Receipt::Registered { task_definition: definition_arn(50) }));
    let lost = act_at("12:00:05", &register, ActOutcome::Unknown);
    for (act, found) in [(done, None), (lost, Some(definition_arn(50)))] {
        let Judgement::Act(Do::Create { task_definition, app_spec, .. }) = judged(&[act], found.as_deref()) else {
            panic!("it is deployed")
        };
        assert_eq!(task_definition, definition_arn(50));
        assert_eq!(AppSpec::read(&app_spec).unwrap().task_definition, definition_arn(50));
    }
}

#[rstest]
#[case::deleted(|seen: &mut Blue| seen.service.status = "INACTIVE".to_owned(), "failed: The service is INACTIVE.")]
#[case::no_tasks(
    |seen: &mut Blue| {
        seen.service.desired = 0;
        seen.service.health.tasks.clear();
    },
    "failed: The service is asked to run 0 tasks"
)]
fn what_cannot_be_proved_is_said(#[case] change: fn(&mut Blue), #[case] expected: &str) {
    let mut seen = settled(41);
    change(&mut seen);
    let judgement = word(&judged(&seen, &[]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

#[test]
fn a_stop_does_not_leave_both_versions_with_a_part_of_the_traffic() {
    let work = work();
    let completes = |status: Status, acts: &[Act]| {
        let blue = with(under_way(42, 43, 30), |seen| seen.deployments[0].status = status);
        let seen = Sight { blue: Arc::new(blue), registered: None };
        let journal = StepJournal { key: KEY, attempt: 1, began_at: at("12:00:00"), acts, remedy: None };
        work.completes(&create(), &seen, &journal)
    };
    let stopped = [act_at("12:00:10", &stop(), stopping())];
    assert!(completes(Status::Stopped, &stopped), "it was stopped, and nothing takes it back");
    assert!(!completes(Status::Succeeded, &stopped), "it was quicker than the stop: all traffic is on one");
    assert!(!completes(Status::Stopped, &[]), "somebody else stopped it");
}
