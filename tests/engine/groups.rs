//! Groups and several targets: what belongs together, one incident, one digest, all locks or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollbot::engine::Refusal;
use rollbot::incident::command::Command;
use rollbot::incident::ids::StepId;
use rollbot::incident::plan::{Plan, Purpose};
use rollbot::incident::policy::Actor;
use rollbot::incident::step::StepState;
use rollbot::sandbox::aws::Seed;
use rollbot::sandbox::scenario;
use rollbot::sandbox::wire::{Fault, Moment};
use serde_json::json;

use super::house::{House, configuration, record, request};

/// Two services, and a group of them in each order.
const SERVICES: &str = "  api:
    targets:
      - parallel:
          - ecs: { name: backend, cluster: shop-prod, service: api, image: shop/api }
          - ecs: { name: worker, cluster: shop-prod, service: worker, image: shop/worker }
  web:
    targets:
      - ecs: { name: frontend, cluster: shop-prod, service: web, image: shop/web }
groups:
  everything: { services: [api, web] }
  at-once: { services: [api, web], parallel: true }
  half: { services: [web] }
";

fn seed(variant: &str) -> Seed {
    scenario::find("ecs-playbook", Some(variant)).unwrap().seed
}

async fn house(variant: &str) -> House {
    House::with(seed(variant), configuration(SERVICES, "24h")).await
}

/// `stage: step from→to …` of each stage that takes something back.
fn ways(plan: &Plan) -> Vec<String> {
    let back = plan.stages.iter().filter(|stage| stage.purpose == Purpose::RollBack);
    back.map(|stage| {
        let steps = stage.lanes.iter().flat_map(|lane| &lane.steps).map(|step| {
            let name = |release: &Option<rollbot::incident::release::Release>| {
                release.as_ref().and_then(|release| release.version.clone()).unwrap_or_default()
            };
            format!("{} {}→{}", step.id, name(&step.from), name(&step.to))
        });
        steps.collect::<Vec<_>>().join(", ")
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_one_service_are_matched_by_commit_and_those_of_a_group_by_time_where_one_has_none() {
    let house = house("group").await;
    let plan = house.engine.rehearse(&request("api", &json!({}))).await.unwrap();
    assert_eq!(ways(&plan), ["backend v43→v42, worker v43→v42"]);
    assert_eq!(plan.matched.as_deref(), Some("Matched by commit: all of these were built from 77ab0d2."));

    let plan = house.engine.rehearse(&request("everything", &json!({}))).await.unwrap();
    assert_eq!(ways(&plan), ["api/backend v43→v42, api/worker v43→v42", "web/frontend v8→v7"]);
    let matched = plan.matched.as_deref().unwrap();
    assert!(matched.starts_with("Matched by time: this is what ran before "), "{matched}");
    assert!(matched.ends_with("when api/backend was deployed."), "{matched}");

    let at_once = house.engine.rehearse(&request("at-once", &json!({}))).await.unwrap();
    let tracks: Vec<Option<&str>> = at_once.stages.iter().map(|stage| stage.track.as_deref()).collect();
    assert_eq!(tracks, [Some("api"), Some("web")]);
    assert_eq!(
        at_once.estimate().as_secs() * 2,
        plan.estimate().as_secs(),
        "side by side takes as long as the longest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_deployed_once_more_goes_back_to_what_ran_together_with_the_others() {
    let house = house("group").await;
    // The worker's newest deployment is v41 again; its own release before would be v43, which is the bad one.
    house.aws.deploy("shop-prod", "worker", "worker:1").unwrap();
    house.engine.clock.sleep(std::time::Duration::from_mins(10)).await;
    let plan = house.engine.rehearse(&request("api", &json!({"only": ["backend", "worker"]}))).await.unwrap();
    assert_eq!(ways(&plan), ["backend v43→v42, worker v41→v42"]);
    let worker = plan.step(&StepId::new("worker")).unwrap().1;
    assert_eq!(worker.chosen.as_deref(), Some("Built from 77ab0d2, like v42 (api:3) of backend."));
    // By itself it would not go back a second time.
    let alone = house.engine.rehearse(&request("api", &json!({"only": ["worker"]}))).await.unwrap_err();
    assert!(alone.to_string().contains("is already the result of a rollback"), "{alone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_together_with_it_already_stays_and_is_named() {
    let house = house("group").await;
    house.aws.deploy("shop-prod", "worker", "worker:2").unwrap();
    house.engine.clock.sleep(std::time::Duration::from_mins(10)).await;
    let plan = house.engine.rehearse(&request("api", &json!({}))).await.unwrap();
    assert_eq!(ways(&plan), ["backend v43→v42"]);
    assert!(
        plan.warnings
            .contains(&"worker: v42 (worker:2) was built from 77ab0d2 too and runs already, so it stays.".to_owned()),
        "{:?}",
        plan.warnings
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_limit_a_group_and_name_releases_apart() {
    let house = house("group").await;
    let plan = async |more| house.engine.rehearse(&request("everything", &more)).await;
    let limited = plan(json!({"only": ["api/worker", "web"]})).await.unwrap();
    assert_eq!(ways(&limited), ["api/worker v43→v42", "web/frontend v8→v7"]);
    let apart = plan(json!({"apart": {"api": "v41", "web/frontend": "previous"}})).await.unwrap();
    assert_eq!(ways(&apart), ["api/backend v43→v41, api/worker v43→v41", "web/frontend v8→v7"]);
    assert_eq!(apart.matched, None, "what people name themselves is not matched");
    let nearer = plan(json!({"apart": {"api": "v41", "api/worker": "v42", "frontend": "v6"}})).await.unwrap();
    assert_eq!(ways(&nearer), ["api/backend v43→v41, api/worker v43→v42", "web/frontend v8→v6"]);

    let refused = async |more| plan(more).await.unwrap_err().to_string();
    assert_eq!(
        refused(json!({"only": ["api/wroker"]})).await,
        "everything has no target `api/wroker`; did you mean `api/worker`?"
    );
    assert_eq!(
        refused(json!({"apart": {"api": "v41"}})).await,
        "`to` names no release for `web/frontend`; say one for each (`web/frontend=previous`), or take back `only \
         api/backend, api/worker`."
    );
    assert_eq!(
        refused(json!({"only": ["web"], "apart": {"api": "v41", "web": "v7"}})).await,
        "`api=v41` names a release for something that is not taken back; add `api` with `only` or `with`, or leave it out."
    );
    let everywhere = refused(json!({"to": "v42"})).await;
    assert!(
        everywhere.starts_with(
            "v42 cannot be gone back to everywhere; it can for `api/backend`, `api/worker`. web/frontend: No release of \
             web is called v42."
        ),
        "{everywhere}"
    );
    assert!(
        everywhere.ends_with("or name releases apart: `to api/backend=… api/worker=… web/frontend=…`."),
        "{everywhere}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_one_incident_with_one_digest_and_one_approval() {
    let house = house("group").await;
    let id = house.open("at-once").await;
    let proposal = house.proposal(&id, 1).await;
    assert_eq!(proposal.plan.resources().len(), 3);
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!((house.runs("api"), house.runs("worker"), house.runs("web")), (v("v42"), v("v42"), v("v7")));
    let incident = house.incident(&id).await;
    let steps = &incident.run().unwrap().steps;
    let times = |name: &str| {
        let record = &steps[&StepId::new(name)];
        (record.began_at.unwrap(), record.ended_at.unwrap())
    };
    let (backend, frontend) = (times("api/backend"), times("web/frontend"));
    assert!(frontend.0 < backend.1 && backend.0 < frontend.1, "services of this group run side by side");
    let past: Vec<String> = house
        .engine
        .history(Some("prod"), Some("web"), 10)
        .await
        .unwrap()
        .iter()
        .map(|past| past.id.to_string())
        .collect();
    assert_eq!(past, [id.to_string()], "what a service went through with others is part of its past");
}

fn v(version: &str) -> Vec<String> {
    vec![version.to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_a_group_wait_for_one_another_where_that_is_asked_for() {
    let house = house("group").await;
    let id = house.open("everything").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let incident = house.incident(&id).await;
    let steps = &incident.run().unwrap().steps;
    let ended = ["api/backend", "api/worker"].map(|name| steps[&StepId::new(name)].ended_at.unwrap());
    assert!(ended.iter().all(|ended| *ended <= steps[&StepId::new("web/frontend")].began_at.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_second_to_one_of_the_resources_is_sent_to_the_first() {
    let house = house("group").await;
    let dev = || Actor::Machine { user: "dev".to_owned() };
    let first = house.open("at-once").await;
    house.proposal(&first, 1).await;
    for (subject, more) in [("web", json!({})), ("half", json!({})), ("everything", json!({"only": ["api/worker"]}))] {
        let second = house.engine.open(request(subject, &more), dev(), &format!("typed-{subject}")).await;
        assert_eq!(second.unwrap_err(), Refusal::InTheWay(first.clone()), "{subject}");
    }
    house.say(&first, Command::Stop).await.unwrap();

    // What does not overlap runs side by side.
    let worker = house.open_as(request("everything", &json!({"only": ["api/worker"]}))).await;
    house.proposal(&worker, 1).await;
    let web = house.open("half").await;
    house.proposal(&web, 1).await;
    let overlapping = house.engine.open(request("api", &json!({})), dev(), "typed-api").await;
    assert_eq!(overlapping.unwrap_err(), Refusal::InTheWay(worker.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_takes_all_locks_or_none() {
    let house = house("group").await;
    let first = house.open_as(request("at-once", &json!({"only": ["api/worker"]}))).await;
    house.proposal(&first, 1).await;
    // A configuration that does not know the group any more, so that only the locks can tell.
    let other = "  queue:
    targets:
      - ecs: { name: frontend, cluster: shop-prod, service: web }
      - ecs: { name: worker, cluster: shop-prod, service: worker }
  site:
    targets:
      - ecs: { name: frontend, cluster: shop-prod, service: web }
";
    let house = house.restart(configuration(other, "24h")).await;
    let second = house.open("queue").await;
    let (end, why) = house.end_of(&second).await;
    assert_eq!(end, "aborted");
    assert!(why.starts_with(&format!("{first} works on the same resources")), "{why}");
    assert_eq!(house.incident(&second).await.holds(), Vec::new());
    // The one that was free has stayed free.
    let third = house.open("site").await;
    house.proposal(&third, 1).await;
    assert_eq!(house.incident(&first).await.holds().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_nobody_approves_gives_all_its_locks_back() {
    let house = House::with(seed("group"), configuration(SERVICES, "1m")).await;
    let id = house.open("at-once").await;
    assert_eq!(house.proposal(&id, 1).await.plan.resources().len(), 3);
    assert_eq!(house.end_of(&id).await.0, "expired");
    for service in ["api", "web"] {
        let next = house.open(service).await;
        house.proposal(&next, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_fails_leaves_the_others_to_finish_and_what_comes_after_to_a_person() {
    let house = house("several-fails").await;
    let id = house.open("everything").await;
    house.approve(&id).await;
    house.failure(&id, "api/worker", 1).await;
    let backend_done = |incident: &rollbot::incident::incident::Incident| {
        record(incident, "api/backend").filter(|(state, ..)| *state == StepState::Done).map(drop)
    };
    house.until("the lane beside it finishes", &id, backend_done).await;
    let incident = house.incident(&id).await;
    assert_eq!(record(&incident, "web/frontend").unwrap().0, StepState::Pending, "what comes after waits");
    let skip = Command::Skip { step: StepId::new("api/worker"), attempt: 1, reason: "the queue can wait".to_owned() };
    house.say(&id, skip).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "partly_rolled_back");
    assert_eq!((house.runs("api"), house.runs("web")), (v("v42"), v("v7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_two_lanes_says_exactly_what_is_where() {
    let house = house("several-fails").await;
    let id = house.open("everything").await;
    house.approve(&id).await;
    house.failure(&id, "api/worker", 1).await;
    house.say(&id, Command::Stop).await.unwrap();
    let (end, why) = house.end_of(&id).await;
    assert_eq!(end, "failed");
    assert_eq!(
        why,
        "it was stopped with something changed and not proved: api/backend runs v42 (api:3); api/worker may run v43 \
         (worker:3) or v42 (worker:2); web/frontend runs v8 (web:3) as before"
    );
    assert_eq!(house.incident(&id).await.holds(), Vec::new());
    let next = house.open("half").await;
    house.proposal(&next, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_go_on_after_a_restart_and_nothing_is_done_twice() {
    let house = house("group").await;
    let told = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&told);
    house.interfere(move |call, moment| {
        let is_write = call.operation == "UpdateService" && moment == Moment::After;
        // The reply to the second of three is lost.
        (is_write && seen.fetch_add(1, Ordering::SeqCst) == 1).then_some(Fault::Drop)
    });
    let id = house.open("at-once").await;
    house.approve(&id).await;
    house.until("the second write", &id, |_| (told.load(Ordering::SeqCst) > 1).then_some(())).await;
    let house = house.restart(configuration(SERVICES, "24h")).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("UpdateService"), 3);
}
