//! The table of `judge`: what was seen, what was done, and what follows.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::act::{Do, NewDeployment, Receipt};
use super::fixtures::{at, definition_arn, deployment, digest, image, inventory, revision, revision_arn};
use super::inventory::{Breaker, DeploymentStatus, ServiceDeployment};
use super::judge::judge;
use super::observe::{Deployment, Event, Seen};
use super::strategy::{PartOfTraffic, Shift, Strategy};
use crate::aws::target_health::{Group, Target, TargetHealth};
use crate::aws::tasks::{Container, Task};
use crate::incident::policy::Actor;
use crate::incident::release::Image;
use crate::incident::remedy::ChosenRemedy;
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::incident::work::EcsService;
use crate::systems::step_kind::{Judgement, StepJournal};

pub(super) const NOW: &str = "12:00:20";

/// Back from api:42 to api:41.
pub(super) fn work() -> EcsService {
    let service = inventory(&[]).service;
    EcsService {
        cluster: service.cluster,
        service: service.arn,
        from: definition_arn(42),
        target: definition_arn(41),
        images: vec![Image { digest: Some(digest(41)), ..image(41) }],
        register: None,
        platforms: BTreeMap::new(),
    }
}

pub(super) fn id(number: u32) -> String {
    format!("ecs-svc/{number}")
}

/// Two tasks of task definition `number` run and are healthy, and nothing is under way.
pub(super) fn settled(number: u32) -> Seen {
    let task = |address: u8| Task {
        arn: format!("arn:aws:ecs:eu-north-1:123456789012:task/shop-prod/{number}{address}"),
        started_by: Some(id(number)),
        task_definition: definition_arn(number),
        status: "RUNNING".to_owned(),
        health: "UNKNOWN".to_owned(),
        addresses: vec![format!("10.0.0.{address}")],
        containers: vec![Container { name: "app".to_owned(), digest: Some(digest(number)), ..Container::default() }],
        ..Task::default()
    };
    let group = "arn:aws:elasticloadbalancing:eu-north-1:123456789012:targetgroup/api/0123456789abcdef".to_owned();
    let target = |address: u8| Target {
        id: format!("10.0.0.{address}"),
        port: Some(8080),
        state: "healthy".to_owned(),
        reason: None,
        group: group.clone(),
    };
    Seen {
        status: "ACTIVE".to_owned(),
        desired: 2,
        deployments: vec![Deployment {
            id: id(number),
            status: "PRIMARY".to_owned(),
            task_definition: definition_arn(number),
            desired: 2,
            running: 2,
            created_at: Some(at("12:00:10")),
            rollout: Some("COMPLETED".to_owned()),
            ..Deployment::default()
        }],
        service_deployments: vec![deployment(11, 40, number, DeploymentStatus::Successful)],
        revisions: (38..=43).map(|number| (revision_arn(number), revision(number))).collect::<BTreeMap<_, _>>(),
        stopped: Vec::new(),
        health: TargetHealth {
            deployment: Some(id(number)),
            groups: vec![Group { arn: group.clone(), alternate: None }],
            tasks: vec![task(1), task(2)],
            targets: vec![target(1), target(2)],
        },
        events: Vec::new(),
    }
}

/// `number` runs, and its service deployment stands at `status`.
pub(super) fn at_status(number: u32, from: u32, to: u32, status: DeploymentStatus) -> Seen {
    let mut seen = settled(number);
    seen.service_deployments
        .insert(0, ServiceDeployment { created_at: Some(at("12:00:10")), ..deployment(12, from, to, status) });
    seen
}

fn update(deployment: NewDeployment) -> Do {
    let EcsService { cluster, service, target, .. } = work();
    Do::Update { cluster, service, task_definition: target, deployment }
}

pub(super) fn stop() -> Do {
    Do::Stop { deployment: deployment(12, 0, 0, DeploymentStatus::Pending).arn }
}

pub(super) fn act_at(time: &str, what: &Do, outcome: ActOutcome) -> Act {
    Act { number: 1, attempt: 1, what: serde_json::to_value(what).unwrap(), at: at(time), outcome }
}

pub(super) fn accepted(receipt: &Receipt) -> ActOutcome {
    ActOutcome::Accepted { receipt: serde_json::to_value(receipt).unwrap(), request_id: None }
}

pub(super) fn updating(number: u32) -> ActOutcome {
    accepted(&Receipt::Updating { deployment: id(number) })
}

pub(super) fn stopping() -> ActOutcome {
    accepted(&Receipt::Stopping { deployment: deployment(12, 0, 0, DeploymentStatus::Pending).arn })
}

pub(super) fn refused(code: &str) -> ActOutcome {
    ActOutcome::Refused { why: format!("AWS refused it: no ({code})") }
}

fn judged(seen: &Seen, acts: &[Act]) -> Judgement<Do> {
    let journal = StepJournal { key: "rb-7k3fq-backend", attempt: 1, began_at: at("12:00:00"), acts, remedy: None };
    judge(&work(), seen, None, &journal, Now::real(at(NOW)))
}

/// What follows, in a word or two.
pub(super) fn word(judgement: &Judgement<Do>) -> String {
    match judgement {
        Judgement::Done { .. } => "done".to_owned(),
        Judgement::Holding { .. } => "holding".to_owned(),
        Judgement::Restore(_) => "restore".to_owned(),
        Judgement::Act(Do::Stop { .. }) => "stop".to_owned(),
        Judgement::Act(Do::Continue { .. }) => "continue with rollback".to_owned(),
        Judgement::Act(Do::Register { .. }) => "register".to_owned(),
        Judgement::Act(Do::Update { deployment: NewDeployment::IfNeeded, .. }) => "update".to_owned(),
        Judgement::Act(Do::Update { deployment: NewDeployment::Forced, .. }) => "force".to_owned(),
        Judgement::Wait(progress) => format!("wait: {progress}"),
        Judgement::Failed(failure) => format!("failed: {}", failure.why),
    }
}

fn failure(judgement: Judgement<Do>) -> Failure {
    let word = word(&judgement);
    let Judgement::Failed(failure) = judgement else { panic!("{word}") };
    failure
}

#[rstest]
#[case::finished(settled(42), "update")]
#[case::in_flight_from_the_target(at_status(42, 41, 42, DeploymentStatus::InProgress), "stop")]
#[case::pending_from_the_target(at_status(42, 41, 42, DeploymentStatus::Pending), "stop")]
#[case::in_flight_from_another(at_status(42, 40, 42, DeploymentStatus::InProgress), "update")]
#[case::rolling_back(at_status(42, 41, 42, DeploymentStatus::RollbackInProgress), "wait: api:42 is being rolled back")]
#[case::stop_requested(at_status(42, 41, 42, DeploymentStatus::StopRequested), "wait: api:42 is being rolled back")]
#[case::rolled_back_to_the_target(at_status(41, 41, 42, DeploymentStatus::RollbackSuccessful), "holding")]
#[case::rolled_back_elsewhere(at_status(40, 40, 42, DeploymentStatus::RollbackSuccessful), "update")]
#[case::rollback_failed(at_status(42, 41, 42, DeploymentStatus::RollbackFailed), "update")]
#[case::target_runs(settled(41), "holding")]
#[case::target_under_way_but_not_to_be_seen(
    at_status(42, 42, 41, DeploymentStatus::InProgress),
    "wait: a deployment to the target"
)]
fn peer_11_the_state_alone_decides_the_mechanism(#[case] seen: Seen, #[case] expected: &str) {
    let judgement = word(&judged(&seen, &[]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

#[test]
fn several_sources_are_not_stopped_because_nobody_knows_where_that_ends() {
    let mut seen = at_status(42, 41, 42, DeploymentStatus::InProgress);
    seen.service_deployments[0].sources.push(revision_arn(40));
    assert_eq!(word(&judged(&seen, &[])), "update");
}

#[rstest]
#[case::other_images(|seen: &mut Seen| seen.health.tasks[0].containers[0].digest = Some(digest(9)))]
#[case::failed_rollout(|seen: &mut Seen| seen.deployments[0].rollout = Some("FAILED".to_owned()))]
fn the_target_itself_is_started_again_where_it_does_not_run(#[case] change: fn(&mut Seen)) {
    let mut seen = settled(41);
    change(&mut seen);
    assert_eq!(word(&judged(&seen, &[])), "force");
}

#[rstest]
#[case::an_old_task_is_up(
    |seen: &mut Seen| seen.deployments.push(Deployment { id: id(42), status: "ACTIVE".to_owned(), running: 1, ..Deployment::default() }),
    "2 of 2 tasks of api:41 running, 2 healthy; 1 old task still up"
)]
#[case::a_task_is_missing(
    |seen: &mut Seen| { seen.health.tasks.pop(); seen.deployments[0].running = 1; },
    "1 of 2 tasks of api:41 running, 1 healthy"
)]
#[case::a_target_is_not_healthy(
    |seen: &mut Seen| seen.health.targets[0].state = "initial".to_owned(),
    "2 of 2 tasks of api:41 running, 1 healthy"
)]
#[case::no_target_is_registered(
    |seen: &mut Seen| seen.health.targets.clear(),
    "2 of 2 tasks of api:41 running, 0 healthy"
)]
#[case::a_container_is_unhealthy(
    |seen: &mut Seen| seen.health.tasks[0].health = "UNHEALTHY".to_owned(),
    "2 of 2 tasks of api:41 running, 2 healthy, 1 failing their health check"
)]
#[case::not_rolled_out(
    |seen: &mut Seen| seen.deployments[0].rollout = Some("IN_PROGRESS".to_owned()),
    "2 of 2 tasks of api:41 running, 2 healthy; ECS has not finished the deployment"
)]
fn peer_01_stable_is_not_enough(#[case] change: fn(&mut Seen), #[case] progress: &str) {
    let mut seen = settled(41);
    change(&mut seen);
    assert_eq!(
        judged(&seen, &[act_at("12:00:05", &update(NewDeployment::IfNeeded), updating(41))]),
        Judgement::Wait(progress.to_owned())
    );
}

#[test]
fn no_tasks_prove_nothing() {
    let mut seen = settled(41);
    seen.desired = 0;
    seen.health.tasks.clear();
    seen.deployments[0].running = 0;
    let failure = failure(judged(&seen, &[act_at("12:00:05", &update(NewDeployment::IfNeeded), updating(41))]));
    assert_eq!(failure.finding, Finding::Inconclusive);
    assert_eq!(failure.why, "The service is asked to run 0 tasks, so nothing shows that api:41 works.");
}

#[test]
fn the_proof_names_what_was_seen() {
    let Judgement::Holding { hold, evidence, output, .. } = judged(&settled(41), &[]) else { panic!() };
    assert_eq!(hold, Duration::from_secs(10));
    assert_eq!(output["deployment"], json!("ecs-svc/41"));
    let texts: Vec<&str> = evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    assert!(texts.contains(&format!("app: 2 of 2 tasks run {}.", digest(41)).as_str()), "{texts:#?}");
    assert!(texts.contains(&"2 targets are healthy in api."), "{texts:#?}");
}

#[rstest]
// The outcome is unknown: its effect is looked for, as long as reads may be stale.
#[case::silent_just_now(settled(42), ("12:00:15", update(NewDeployment::IfNeeded), ActOutcome::Unknown), "wait: looking whether UpdateService to api:41")]
#[case::silent_and_without_effect(settled(42), ("12:00:05", update(NewDeployment::IfNeeded), ActOutcome::Unknown), "update")]
#[case::silent_and_done(settled(41), ("12:00:08", update(NewDeployment::IfNeeded), ActOutcome::Unknown), "holding")]
#[case::silent_stop_just_now(at_status(42, 41, 42, DeploymentStatus::InProgress), ("12:00:15", stop(), ActOutcome::Unknown), "wait: looking whether StopServiceDeployment")]
#[case::silent_stop_without_effect(at_status(42, 41, 42, DeploymentStatus::InProgress), ("12:00:05", stop(), ActOutcome::Unknown), "stop")]
#[case::silent_stop_done(at_status(42, 41, 42, DeploymentStatus::RollbackRequested), ("12:00:15", stop(), ActOutcome::Unknown), "wait: api:42 is being rolled back")]
// It was refused: judged afresh.
#[case::ended_meanwhile(settled(42), ("12:00:15", stop(), refused("ConflictException")), "update")]
#[case::conflict_just_now(at_status(42, 41, 42, DeploymentStatus::InProgress), ("12:00:15", stop(), refused("ConflictException")), "wait: AWS refused it")]
#[case::stop_not_offered(at_status(42, 41, 42, DeploymentStatus::InProgress), ("12:00:15", stop(), refused("UnsupportedFeatureException")), "update")]
#[case::denied(settled(42), ("12:00:15", update(NewDeployment::IfNeeded), refused("AccessDeniedException")), "failed: AWS refused it: no (AccessDeniedException).")]
#[case::throttled_just_now(settled(42), ("12:00:15", update(NewDeployment::IfNeeded), refused("ThrottlingException")), "wait: AWS refused it")]
#[case::throttled_before(settled(42), ("12:00:05", update(NewDeployment::IfNeeded), refused("ThrottlingException")), "update")]
// It was accepted.
#[case::not_yet_seen(settled_long_ago(42), ("12:00:15", update(NewDeployment::IfNeeded), updating(41)), "wait: ECS has accepted the update")]
#[case::accepted_and_done(settled(41), ("12:00:08", update(NewDeployment::IfNeeded), updating(41)), "holding")]
#[case::superseded(settled(43), ("12:00:08", update(NewDeployment::IfNeeded), updating(41)), "failed: The rollback to api:41 was superseded by deployment ecs-svc/43 of api:43.")]
#[case::taken_back_by_ecs(at_status(42, 42, 41, DeploymentStatus::RollbackInProgress), ("12:00:08", update(NewDeployment::IfNeeded), updating(41)), "failed: The deployment of api:41 is being rolled back by ECS, to api:42.")]
#[case::was_taken_back_by_ecs(at_status(42, 42, 41, DeploymentStatus::RollbackSuccessful), ("12:00:08", update(NewDeployment::IfNeeded), updating(41)), "failed: The deployment of api:41 was rolled back by ECS, to api:42.")]
#[case::stop_not_yet_seen(at_status(42, 41, 42, DeploymentStatus::InProgress), ("12:00:15", stop(), stopping()), "wait: ECS has accepted the stop")]
#[case::stop_under_way(at_status(42, 41, 42, DeploymentStatus::RollbackInProgress), ("12:00:15", stop(), stopping()), "wait: api:42 is being rolled back")]
#[case::stop_done(at_status(41, 41, 42, DeploymentStatus::RollbackSuccessful), ("12:00:15", stop(), stopping()), "holding")]
#[case::stop_came_too_late(at_status(42, 41, 42, DeploymentStatus::Successful), ("12:00:15", stop(), stopping()), "update")]
#[case::stop_ended_elsewhere(at_status(40, 40, 42, DeploymentStatus::RollbackSuccessful), ("12:00:15", stop(), stopping()), "update")]
#[case::stop_failed(at_status(42, 41, 42, DeploymentStatus::RollbackFailed), ("12:00:15", stop(), stopping()), "failed: ECS could not roll the deployment back to api:41.")]
fn what_was_done_is_looked_for_before_it_is_done_again(
    #[case] seen: Seen,
    #[case] (time, what, outcome): (&str, Do, ActOutcome),
    #[case] expected: &str,
) {
    let judgement = word(&judged(&seen, &[act_at(time, &what, outcome)]));
    assert!(judgement.starts_with(expected), "{judgement}");
}

fn settled_long_ago(number: u32) -> Seen {
    let mut seen = settled(number);
    seen.deployments[0].created_at = Some(at("09:00:00"));
    seen
}

#[test]
fn three_acts_without_a_trace_are_for_a_person_to_judge() {
    let silent = act_at("12:00:05", &update(NewDeployment::IfNeeded), ActOutcome::Unknown);
    let failure = failure(judged(&settled_long_ago(42), &[silent.clone(), silent.clone(), silent]));
    assert_eq!(failure.finding, Finding::Inconclusive);
}

#[test]
fn an_act_of_another_version_is_for_a_person_to_judge() {
    let act = Act { what: json!({"do": "dance"}), ..act_at("12:00:05", &stop(), ActOutcome::Unknown) };
    assert_eq!(failure(judged(&settled(42), &[act])).finding, Finding::Inconclusive);
}

#[test]
fn a_retry_judges_afresh() {
    let acts = [act_at("11:00:00", &update(NewDeployment::IfNeeded), updating(41))];
    let journal =
        StepJournal { key: "rb-7k3fq-backend", attempt: 2, began_at: at("12:00:00"), acts: &acts, remedy: None };
    assert_eq!(word(&judge(&work(), &settled(42), None, &journal, Now::real(at(NOW)))), "update");
}

fn stopped(code: &str, reason: &str, created_at: Option<Timestamp>) -> Task {
    Task {
        arn: "arn:aws:ecs:eu-north-1:123456789012:task/shop-prod/4100".to_owned(),
        started_by: Some(id(41)),
        task_definition: definition_arn(41),
        stop_code: Some(code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        created_at,
        containers: vec![Container { name: "app".to_owned(), exit_code: Some(3), ..Container::default() }],
        ..Task::default()
    }
}

fn two_stopped(seen: &mut Seen, code: &str) {
    let task = stopped(code, "Essential container in task exited", Some(at("12:00:12")));
    seen.stopped = vec![task.clone(), task];
}

#[rstest]
#[case::exited(|seen: &mut Seen| two_stopped(seen, "EssentialContainerExited"), "2 tasks of api:41 stopped instead of running.")]
#[case::not_started(|seen: &mut Seen| two_stopped(seen, "TaskFailedToStart"), "2 tasks of api:41 stopped instead of running.")]
#[case::three_in_a_row(|seen: &mut Seen| seen.deployments[0].failed_tasks = 3, "3 tasks of api:41 in a row failed to start.")]
#[case::rollout(|seen: &mut Seen| seen.deployments[0].rollout = Some("FAILED".to_owned()), "ECS gave the deployment of api:41 up")]
#[case::no_image(
    |seen: &mut Seen| seen.stopped = vec![stopped("TaskFailedToStart", "CannotPullContainerError: not found", Some(at("12:00:12")))],
    "An image of api:41 cannot be pulled."
)]
#[case::no_room(
    |seen: &mut Seen| seen.events = vec![Event {
        at: Some(at("12:00:15")),
        message: "(service api) was unable to place a task because no container instance met all of its requirements.".to_owned(),
    }],
    "ECS finds no room for the tasks of api:41."
)]
fn a_failing_deployment_fails_fast_and_says_why(#[case] change: fn(&mut Seen), #[case] why: &str) {
    let failure =
        failure(judged(&unfinished(change), &[act_at("12:00:08", &update(NewDeployment::IfNeeded), updating(41))]));
    assert!(failure.why.starts_with(why), "{failure:#?}");
    assert_eq!(failure.finding, Finding::Wrong);
    assert_eq!(failure.remedies.iter().map(|remedy| remedy.id.as_str()).collect::<Vec<_>>(), ["force-new-deployment"]);
}

/// The second attempt, for which somebody chose to force a new deployment.
fn forced(seen: &Seen, acts: &[Act]) -> Judgement<Do> {
    let remedy = ChosenRemedy {
        id: "force-new-deployment".to_owned(),
        label: "Force a new deployment".to_owned(),
        chosen: Vec::new(),
        names: Vec::new(),
        by: Actor::Rollbot,
    };
    let began_at = at("12:00:00");
    let journal = StepJournal { key: "rb-7k3fq-backend", attempt: 2, began_at, acts, remedy: Some(&remedy) };
    judge(&work(), seen, None, &journal, Now::real(at(NOW)))
}

#[test]
fn a_forced_deployment_is_made_once_and_then_followed() {
    let failing = unfinished(|seen| two_stopped(seen, "TaskFailedToStart"));
    let force = update(NewDeployment::Forced);
    let of = |outcome| [Act { attempt: 2, ..act_at("12:00:05", &force, outcome) }];
    assert_eq!(word(&forced(&failing, &[])), "force");
    // It was accepted, and its deployment is the primary one: no second.
    assert!(!word(&forced(&failing, &of(updating(41)))).contains("force"));
    // Nobody knows: what was made since is looked for, else it is done again.
    assert!(!word(&forced(&failing, &of(ActOutcome::Unknown))).contains("force"));
    let mut before = failing.clone();
    before.deployments[0].created_at = Some(at("11:30:00"));
    assert_eq!(word(&forced(&before, &of(ActOutcome::Unknown))), "force");
    // Throttled: again. Not allowed: not again.
    let refused_at = |code| [Act { attempt: 2, ..act_at("12:00:05", &force, refused(code)) }];
    assert_eq!(word(&forced(&before, &refused_at("ThrottlingException"))), "force");
    assert!(word(&forced(&before, &refused_at("AccessDeniedException"))).starts_with("failed"));
    // Where something else runs by now, the target is deployed as ever.
    assert_eq!(word(&forced(&settled(42), &[])), "update");
    // The acts of the first attempt do not count.
    assert_eq!(word(&forced(&failing, &[act_at("11:50:00", &force, updating(41))])), "force");
}

fn unfinished(change: fn(&mut Seen)) -> Seen {
    let mut seen = settled(41);
    seen.deployments[0].rollout = Some("IN_PROGRESS".to_owned());
    seen.deployments[0].running = 0;
    seen.health.tasks.clear();
    change(&mut seen);
    seen
}

#[test]
fn a_failure_tells_what_aws_says_of_the_tasks() {
    let seen = unfinished(|seen| two_stopped(seen, "EssentialContainerExited"));
    let failure = failure(judged(&seen, &[act_at("12:00:08", &update(NewDeployment::IfNeeded), updating(41))]));
    assert_eq!(failure.details, ["Task 4100: Essential container in task exited; app: exit code 3"]);
}

#[rstest]
#[case::one_accident(|seen: &mut Seen| seen.stopped = vec![stopped("EssentialContainerExited", "exited", Some(at("12:00:12")))])]
#[case::scheduled(|seen: &mut Seen| two_stopped(seen, "ServiceSchedulerInitiated"))]
#[case::an_old_event(|seen: &mut Seen| seen.events = vec![Event {
    at: Some(at("11:00:00")),
    message: "(service api) was unable to place a task.".to_owned(),
}])]
#[case::an_event_that_may_be_about_the_release_that_is_taken_back(|seen: &mut Seen| {
    seen.deployments.push(Deployment { id: id(42), status: "ACTIVE".to_owned(), failed_tasks: 1, ..Deployment::default() });
    seen.events = vec![Event {
        at: Some(at("12:00:15")),
        message: "(service api) was unable to place a task. Reason: CannotPullContainerError".to_owned(),
    }];
})]
#[case::below_the_breaker(|seen: &mut Seen| {
    seen.deployments[0].failed_tasks = 4;
    let breaker = Some(Breaker { failures: 4, threshold: 10 });
    let made = deployment(12, 42, 41, DeploymentStatus::InProgress);
    seen.service_deployments.insert(0, ServiceDeployment { breaker, created_at: Some(at("12:00:10")), ..made });
})]
fn an_accident_is_waited_out(#[case] change: fn(&mut Seen)) {
    let judgement = judged(&unfinished(change), &[act_at("12:00:08", &update(NewDeployment::IfNeeded), updating(41))]);
    assert_eq!(word(&judgement), "wait: 0 of 2 tasks of api:41 running, 0 healthy");
}

#[rstest]
#[case::bakes(
    Some("BAKE_TIME"),
    None,
    "the new tasks have all traffic, and ECS bakes them for 15 min before it is done; "
)]
#[case::shifts(Some("PRODUCTION_TRAFFIC_SHIFT"), None, "ECS shifts the traffic in steps, over 12 min; ")]
#[case::starts(Some("SCALE_UP"), None, "")]
#[case::paused(
    Some("POST_SCALE_UP"),
    Some("hook-1"),
    "paused at the lifecycle hook hook-1 until somebody continues the deployment in ECS; "
)]
fn what_ecs_waits_for_by_itself_is_said(#[case] stage: Option<&str>, #[case] hook: Option<&str>, #[case] words: &str) {
    let strategy =
        Strategy { shift: Shift::Linear(PartOfTraffic { tenths: 200, minutes: 3 }), bake: Duration::from_mins(15) };
    let mut seen = unfinished(|_| ());
    // Of such deployments AWS tells no rollout state.
    seen.deployments[0].rollout = None;
    let made = deployment(12, 42, 41, DeploymentStatus::InProgress);
    let made =
        ServiceDeployment { stage: stage.map(str::to_owned), waits_at: hook.map(str::to_owned), strategy, ..made };
    seen.service_deployments.insert(0, ServiceDeployment { created_at: Some(at("12:00:10")), ..made });
    let judgement = judged(&seen, &[act_at("12:00:08", &update(NewDeployment::IfNeeded), updating(41))]);
    assert_eq!(word(&judgement), format!("wait: {words}0 of 2 tasks of api:41 running, 0 healthy"));
}

#[test]
fn what_an_earlier_attempt_failed_by_does_not_fail_the_next() {
    let seen = unfinished(|seen| {
        let task = stopped("TaskFailedToStart", "no secrets", Some(at("11:00:00")));
        seen.stopped = vec![task.clone(), task];
        seen.service_deployments = vec![deployment(11, 42, 41, DeploymentStatus::InProgress)];
    });
    let journal =
        StepJournal { key: "rb-7k3fq-backend", attempt: 2, began_at: at("12:00:00"), acts: &[], remedy: None };
    let judgement = judge(&work(), &seen, None, &journal, Now::real(at(NOW)));
    assert_eq!(word(&judgement), "wait: 0 of 2 tasks of api:41 running, 0 healthy");
}

#[test]
fn a_service_that_is_deleted_meanwhile_fails() {
    let mut seen = settled(42);
    seen.status = "DRAINING".to_owned();
    assert_eq!(failure(judged(&seen, &[])).why, "The service is DRAINING.");
}
