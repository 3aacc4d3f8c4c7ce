//! What a request leads to: a plan, nothing to do, or a refusal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rollbot::aws::own_task::OwnTask;
use rollbot::engine::Refusal;
use rollbot::incident::command::Command;
use rollbot::incident::plan::{Need, Plan, Purpose};
use rollbot::incident::policy::Actor;
use serde_json::json;

use super::house::{API, House, configuration, request, world, world_with};

/// Three targets in two stages, one of them on request, one optional.
const SHOP: &str = "  shop:
    targets:
      - ecs: { name: backend, cluster: shop-prod, service: api }
      - parallel:
          - ecs: { name: web, cluster: shop-prod, service: web }
          - ecs: { name: monitoring, cluster: shop-prod, service: monitoring, optional: true }
      - ecs: { name: reports, cluster: shop-prod, service: reports, on_request: true }
    verify:
      - http: { url: \"http://127.0.0.1:9/health\" }
";

fn stages(plan: &Plan) -> Vec<(Purpose, Vec<String>)> {
    let steps = |stage: &rollbot::incident::plan::Stage| {
        stage.lanes.iter().flat_map(|lane| &lane.steps).map(|step| step.id.to_string()).collect()
    };
    plan.stages.iter().map(|stage| (stage.purpose, steps(stage))).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_planned_in_their_stages_and_those_on_request_only_when_asked_for() {
    let seed = world_with(&["web", "monitoring", "reports"]);
    let house = House::with(seed, configuration(SHOP, "24h")).await;
    let plan = house.engine.rehearse(&request("shop", &json!({}))).await.unwrap();
    let usual = [(Purpose::RollBack, names(&["backend"])), (Purpose::RollBack, names(&["web", "monitoring"]))];
    assert_eq!(stages(&plan)[..2], usual);
    assert_eq!(stages(&plan)[2].0, Purpose::Verify);
    let needs: Vec<Need> = plan.steps().map(|(_, step)| step.need).collect();
    assert_eq!(needs, [Need::Required, Need::Required, Need::Optional, Need::Required]);

    let all = house.engine.rehearse(&request("shop", &json!({"with": ["reports"]}))).await.unwrap();
    assert_eq!(stages(&all)[2], (Purpose::RollBack, names(&["reports"])));
    let only = house.engine.rehearse(&request("shop", &json!({"only": ["web"]}))).await.unwrap();
    assert_eq!(stages(&only)[0], (Purpose::RollBack, names(&["web"])));
    let wrong = house.engine.rehearse(&request("shop", &json!({"only": ["wep"]}))).await.unwrap_err();
    assert_eq!(wrong.to_string(), "shop has no target `wep`; did you mean `web`?");
    assert_eq!(house.told("UpdateService"), 0, "a rehearsal changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_target_that_cannot_be_planned_is_left_out_and_a_required_one_refuses_the_plan() {
    let house = House::with(world_with(&["web"]), configuration(SHOP, "24h")).await;
    let plan = house.engine.rehearse(&request("shop", &json!({}))).await.unwrap();
    assert_eq!(stages(&plan)[1], (Purpose::RollBack, names(&["web"])));
    let warned = plan.warnings.iter().any(|warning| warning.starts_with("monitoring: left out: AWS could not be"));
    assert!(warned, "{:?}", plan.warnings);

    let house = House::with(world_with(&["monitoring"]), configuration(SHOP, "24h")).await;
    let id = house.open("shop").await;
    let (end, why) = house.end_of(&id).await;
    assert_eq!(end, "aborted");
    assert!(why.starts_with("web: AWS could not be looked at") && why.contains("Correct the target's"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_already_is_nothing_to_do() {
    let house = House::of(API).await;
    let id = house.open_as(request("api", &json!({"to": "v43"}))).await;
    let (end, why) = house.end_of(&id).await;
    assert_eq!(end, "nothing_to_do", "{why}");
    let asked = house.engine.rehearse(&request("api", &json!({"to": "v43"}))).await.unwrap_err();
    assert!(matches!(asked, Refusal::NothingToDo(_)), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_waits_while_aws_is_away_for_a_moment_and_is_given_up_after_two_minutes() {
    let house = House::of(API).await;
    house.away.store(true, Ordering::SeqCst);
    let id = house.open("api").await;
    house.engine.clock.sleep(Duration::from_secs(20)).await;
    house.away.store(false, Ordering::SeqCst);
    house.proposal(&id, 1).await;
    house.say(&id, Command::Stop).await.unwrap();

    house.away.store(true, Ordering::SeqCst);
    let given_up = house.open("api").await;
    let (end, why) = house.end_of(&given_up).await;
    assert_eq!(end, "aborted");
    assert!(why.starts_with("AWS could not be looked at") && why.ends_with("Ask again in a moment."), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_people_voted_is_proposed_anew_and_votes_fall() {
    let house = House::of(API).await;
    let id = house.open("api").await;
    let first = house.proposal(&id, 1).await;
    house.aws.deploy("shop-prod", "api", "api:2").unwrap();
    house.say(&id, Command::Approve { digest: first.digest.clone(), phrase: None }).await.unwrap();
    let second = house.proposal(&id, 2).await;
    assert_ne!(second.digest, first.digest);
    assert!(second.drift.iter().any(|drift| drift.contains("what runs now was")), "{:?}", second.drift);
    assert!(second.votes.is_empty());
    let late = house.say(&id, Command::Approve { digest: first.digest, phrase: None }).await;
    assert!(matches!(late, Err(Refusal::Rejected(_))), "an old card approves nothing");
    assert_eq!(house.told("UpdateService"), 0, "nothing was done for a plan that did not fit any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_for_one_service_do_not_work_on_it_side_by_side() {
    let twin = API.replace("  api:", "  checkout:");
    let house = House::of(&format!("{API}{twin}")).await;
    let first = house.open("api").await;
    house.proposal(&first, 1).await;
    let second = house.engine.open(request("checkout", &json!({})), dev(), "typed-once").await;
    assert_eq!(second.unwrap_err(), Refusal::InTheWay(first.clone()), "another name for the same thing");
    let third = house.engine.open(request("api", &json!({})), dev(), "typed-again").await;
    assert_eq!(third.unwrap_err(), Refusal::InTheWay(first.clone()));

    house.say(&first, Command::Stop).await.unwrap();
    let fourth = house.open("checkout").await;
    house.proposal(&fourth, 1).await;
}

fn dev() -> Actor {
    Actor::Machine { user: "dev".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_nobody_approves_expires_and_gives_its_locks_back() {
    let house = House::with(world(), configuration(API, "1m")).await;
    let id = house.open("api").await;
    assert_eq!(house.end_of(&id).await.0, "expired");
    let next = house.open("api").await;
    house.proposal(&next, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollbot_refuses_to_roll_back_the_service_that_it_runs_as() {
    let task = json!({
        "Cluster": "shop-prod", "Family": "api", "Revision": "4", "ServiceName": "api",
        "TaskARN": "arn:aws:ecs:eu-north-1:123456789012:task/shop-prod/0123456789abcdef0123456789abcdef",
    });
    let metadata = axum::Router::new().route("/v4/1/task", axum::routing::get(async move || axum::Json(task)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v4/1", listener.local_addr().unwrap()).parse().unwrap();
    tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, metadata).await });

    let config = || configuration(&format!("{API}{}", API.replace("api", "web")), "24h");
    let house = House::with(world_with(&["web"]), config()).await.inside(OwnTask::at(endpoint), config()).await;
    let own = house.engine.rehearse(&request("api", &json!({}))).await.unwrap_err();
    assert_eq!(
        own.to_string(),
        "ECS service shop-prod/api is what Rollbot itself runs as; roll it back from the AWS console."
    );
    house.engine.rehearse(&request("web", &json!({}))).await.unwrap();
}
