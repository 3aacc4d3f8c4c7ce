//! Which mechanism takes an ECS service back, through the whole bot: one row per state of the service. What a row's test is
//! called, and where it is.
//!
//! | state | what follows | test |
//! |---|---|---|
//! | ECS, deployment in flight | `StopServiceDeployment` | `ecs.rs`: `peer_11_a_deployment_in_flight_is_stopped` |
//! | ECS, in flight from another release | `UpdateService` | `ecs.rs`: `peer_11_a_deployment_in_flight_from_another_release_is_superseded` |
//! | ECS, paused at a lifecycle hook | `ContinueServiceDeployment`, `ROLLBACK` | `ecs_rest.rs`: `a_deployment_that_waits_at_a_hook_is_told_to_roll_back` |
//! | ECS, being stopped or rolled back | adopted, no write | `ecs.rs`: `a_rollback_that_is_under_way_is_adopted` |
//! | ECS, finished | `UpdateService` | `ecs.rs`: `peer_11_a_finished_deployment_is_taken_back_by_an_update` |
//! | ECS, target INACTIVE | `RegisterTaskDefinition`, `UpdateService` | `ecs_rest.rs`: `peer_03_a_deregistered_target_is_registered_again_whole` |
//! | ECS, blue/green, linear or canary, finished | `UpdateService`; steps of traffic and bake time are waited for | here: `row_steps_and_bake_time_are_waited_for` |
//! | ECS, blue/green, in flight | `StopServiceDeployment`, which waits for none of that | here: `row_blue_green_in_flight_is_stopped` |
//! | `CODE_DEPLOY`, under way | `StopDeployment` with a rollback | here: `row_code_deploy_under_way_is_stopped_with_a_rollback` |
//! | `CODE_DEPLOY`, over | `CreateDeployment` of the last good `AppSpec` | here: `row_code_deploy_over_is_deployed_again` |
//! | `CODE_DEPLOY`, being rolled back | adopted, no write | here: `row_code_deploy_being_rolled_back_is_adopted` |
//! | `CODE_DEPLOY`, target INACTIVE | `RegisterTaskDefinition`, `CreateDeployment` | here: `row_code_deploy_target_inactive_is_registered_again` |
//! | `CODE_DEPLOY`, nothing deployed by it | refused | here: `row_is_refused_with_its_reason` |
//! | `EXTERNAL`, Express, DRAINING, INACTIVE | refused | here: `row_is_refused_with_its_reason` |
//! | DAEMON, 0 tasks, minimum healthy 0 %, owned by a stack | said on the card | here: `row_is_said_before_anybody_approves` |
//!
//! The pure rows, with what was done before and what its outcome was, are `judge_cases.rs` of `systems/ecs` and of
//! `systems/ecs/code_deploy`.

#![expect(clippy::indexing_slicing, reason = "a test says what it saw and ends")]

mod support;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::{
    Controller, ResourceManagementType, Scheduling, SeedService, ServiceStatus, TaskDefinitionStatus,
};
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::script::FaultKind;
use rstest::rstest;
use serde_json::{Value, json};
use support::{Play, calm, configure};

const ASKED: &str = "/rollback prod api because checkout answers 500";

/// The scenario with another service, approved without a phrase and closed with the verdict.
fn with(variant: Option<&str>, change: impl FnOnce(&mut SeedService)) -> Scenario {
    let mut scenario = calm(variant);
    configure(&mut scenario, "    watch: { for: 5m, every: 15s }\n", "");
    change(&mut scenario.seed.services[0]);
    scenario
}

fn is_rolled_back(incident: &Incident) -> bool {
    incident.run().and_then(|run| run.verdict).is_some_and(|record| record.verdict == Verdict::RolledBack)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rolls back, and returns the writes to AWS.
async fn writes_of(play: &mut Play) -> Vec<String> {
    play.propose("dev", ASKED).await;
    play.approve("sre").await;
    play.until_recorded("the verdict", is_rolled_back).await;
    let mut running = play.running();
    // CodeDeploy keeps the old tasks for a while, without traffic.
    running.retain(|version| version != "v43, not serving");
    assert_eq!(running, ["v42", "v42"], "new tasks run and serve, old ones are gone or take no traffic");
    play.aws_writes().into_iter().map(|call| call.operation).collect()
}

#[rstest]
#[case::external(|service: &mut SeedService| service.controller = Controller::External, "deployment controller EXTERNAL")]
#[case::express(|service: &mut SeedService| service.resource_management_type = ResourceManagementType::Ecs, "Express Mode service")]
#[case::draining(|service: &mut SeedService| service.status = ServiceStatus::Draining, "being deleted (DRAINING)")]
#[case::inactive(|service: &mut SeedService| service.status = ServiceStatus::Inactive, "deleted (INACTIVE)")]
#[case::code_deploy_that_deployed_nothing(
    |service: &mut SeedService| service.controller = Controller::CodeDeploy,
    "no deployment of CodeDeploy made what runs"
)]
#[tokio::test(flavor = "multi_thread")]
async fn row_is_refused_with_its_reason(#[case] change: fn(&mut SeedService), #[case] reason: &str) {
    let mut play = Play::of(&with(None, change)).await;
    play.type_command("dev", ASKED).await;
    play.until("the reason", |play| one_line(&play.card_text()).contains(reason)).await;
    assert!(play.with_button("Approve").is_none(), "{}", play.card_text());
    assert_eq!(play.aws_writes(), []);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_code_deploy_ecs_itself_refuses_another_task_definition() {
    let play = Play::of(&with(None, |service| service.controller = Controller::CodeDeploy)).await;
    assert_eq!(
        play.stage.aws.deploy("shop-prod", "api", "api:3").unwrap_err().to_string(),
        "InvalidParameterException: Unable to update task definition on services with a CODE_DEPLOY deployment controller. \
         Use AWS CodeDeploy to trigger a new deployment."
    );
    play.leave().await;
}

#[rstest]
#[case::daemon(|service: &mut SeedService| service.scheduling = Scheduling::Daemon, "It is a daemon service")]
#[case::no_tasks(|service: &mut SeedService| service.desired_count = 0, "It is asked to run 0 tasks")]
#[case::minimum_healthy_0(
    |service: &mut SeedService| service.deployment_configuration = json!({"minimumHealthyPercent": 0}),
    "Its minimum healthy percentage is 0"
)]
#[case::owned_by_a_stack(
    |service: &mut SeedService| {
        service.tags.insert("aws:cloudformation:stack-name".to_owned(), "shop-prod".to_owned());
    },
    "The CloudFormation stack shop-prod owns it"
)]
#[tokio::test(flavor = "multi_thread")]
async fn row_is_said_before_anybody_approves(#[case] change: fn(&mut SeedService), #[case] said: &str) {
    let mut play = Play::of(&with(None, change)).await;
    play.propose("dev", ASKED).await;
    let card = one_line(&play.card_text());
    assert!(card.contains(said), "{card}");
    play.leave().await;
}

/// Fifteen minutes that ECS waits for by itself are more than the twelve after which a rolling update is late.
#[rstest]
#[case::blue_green(
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 15}),
    "all traffic goes over at once. Then ECS bakes it for 15 min",
    "ECS bakes them for 15 min"
)]
#[case::linear(
    json!({
        "strategy": "LINEAR", "bakeTimeInMinutes": 5,
        "linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 10},
    }),
    "50 % of the traffic every 10 min, 10 min in all. Then ECS bakes it for 5 min",
    "ECS shifts the traffic in steps, over 10 min"
)]
#[case::canary(
    json!({
        "strategy": "CANARY", "bakeTimeInMinutes": 5,
        "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10},
    }),
    "5 % of the traffic goes over first, the rest 10 min later. Then ECS bakes it for 5 min",
    "ECS shifts the traffic in steps, over 10 min"
)]
#[tokio::test(flavor = "multi_thread")]
async fn row_steps_and_bake_time_are_waited_for(
    #[case] configuration: Value,
    #[case] on_the_card: &str,
    #[case] under_way: &str,
) {
    let mut play = Play::of(&with(None, |service| service.deployment_configuration = configuration)).await;
    play.propose("dev", ASKED).await;
    let card = one_line(&play.card_text());
    assert!(card.contains(on_the_card), "{card}");
    play.approve("sre").await;
    play.until("what it waits for", |play| one_line(&play.sent().join("\n")).contains(under_way)).await;
    assert_eq!(play.running(), ["v42", "v42", "v43", "v43"], "both revisions are up");
    play.until_recorded("the verdict", is_rolled_back).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    let writes: Vec<String> = play.aws_writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(writes, ["UpdateService"]);
    let sent = play.sent().join("\n");
    assert!(!sent.contains("not done after"), "it was called late: {sent}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_blue_green_in_flight_is_stopped() {
    let configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60});
    let mut play = Play::of(&with(Some("in-flight"), |service| service.deployment_configuration = configuration)).await;
    play.propose("dev", ASKED).await;
    let card = one_line(&play.card_text());
    assert!(card.contains("which waits for none of that: the old tasks are up"), "{card}");
    play.approve("sre").await;
    play.until_recorded("the verdict", is_rolled_back).await;
    let writes: Vec<String> = play.aws_writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(writes, ["StopServiceDeployment"]);
    assert_eq!(play.running(), ["v42", "v42"]);
    play.leave().await;
}

#[rstest]
#[case::calm(None)]
#[case::the_reply_is_lost(Some(FaultKind::Lose))]
#[case::throttled(Some(FaultKind::Throttle))]
#[tokio::test(flavor = "multi_thread")]
async fn row_code_deploy_over_is_deployed_again(#[case] fault: Option<FaultKind>) {
    let mut play = Play::of(&with(Some("codedeploy"), |_| ())).await;
    if let Some(fault) = fault {
        play.stage.faults.add("CreateDeployment", fault, 1);
    }
    let effective = |writes: Vec<String>| writes.into_iter().filter(|write| write == "CreateDeployment").count();
    let writes = effective(writes_of(&mut play).await);
    assert_eq!(writes, if fault == Some(FaultKind::Throttle) { 2 } else { 1 });
    let calls = play.calls_of("CreateDeployment");
    let content = calls.last().unwrap().request["revision"]["appSpecContent"]["content"].as_str().unwrap().to_owned();
    assert!(content.contains("task-definition/api:3\""), "{content}");
    let description = calls[0].request["description"].as_str().unwrap().to_owned();
    assert!(description.starts_with("Rollback by Rollbot, rb-"), "{description}");
    assert!(play.calls_of("UpdateService").is_empty(), "ECS would refuse it");
    play.leave().await;
}

#[rstest]
#[case::calm(None)]
#[case::the_reply_is_lost(Some(FaultKind::Lose))]
#[tokio::test(flavor = "multi_thread")]
async fn row_code_deploy_under_way_is_stopped_with_a_rollback(#[case] fault: Option<FaultKind>) {
    let mut play = Play::of(&with(Some("codedeploy-in-flight"), |_| ())).await;
    if let Some(fault) = fault {
        play.stage.faults.add("StopDeployment", fault, 1);
    }
    assert_eq!(writes_of(&mut play).await, ["StopDeployment"]);
    assert_eq!(play.calls_of("StopDeployment")[0].request["autoRollbackEnabled"], json!(true));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_code_deploy_being_rolled_back_is_adopted() {
    let scenario = with(Some("codedeploy-in-flight"), |_| ());
    let mut play = Play::of(&scenario).await;
    play.stage.aws.stop_deployment("shop-prod", "api").unwrap();
    assert_eq!(writes_of(&mut play).await, Vec::<String>::new());
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_code_deploy_target_inactive_is_registered_again() {
    let mut scenario = with(Some("codedeploy"), |_| ());
    scenario.seed.task_definitions.get_mut("api").unwrap()[2].status = TaskDefinitionStatus::Inactive;
    let mut play = Play::of(&scenario).await;
    play.stage.faults.add("RegisterTaskDefinition", FaultKind::Lose, 1);
    assert_eq!(writes_of(&mut play).await, ["RegisterTaskDefinition", "CreateDeployment"]);
    let content = &play.calls_of("CreateDeployment")[0].request["revision"]["appSpecContent"]["content"];
    assert!(content.as_str().unwrap().contains("task-definition/api:5\""), "{content}");
    play.leave().await;
}
