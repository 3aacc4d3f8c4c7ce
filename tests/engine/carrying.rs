//! How a plan that was approved is carried out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rollbot::incident::command::Command;
use rollbot::incident::incident::Incident;
use rollbot::incident::step::{ActOutcome, Finding, StepState};
use rollbot::sandbox::wire::{Fault, Moment};

use super::house::{API, House, configuration, record, world_with};

/// `api` in the long form, so that a test can add to it.
const BLOCK: &str = "  api:
    targets:
      - ecs: { name: backend, cluster: shop-prod, service: api }
";

fn accepted(incident: &Incident) -> Option<()> {
    let (_, record) = incident.run()?.steps.iter().find(|(step, _)| step.as_str() == "backend")?;
    record.acts.iter().find(|act| matches!(act.outcome, ActOutcome::Accepted { .. })).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_follows_what_was_begun_to_its_end_and_begins_nothing_new() {
    let services = format!("{BLOCK}    verify: [{{ target_group: {{ of: backend }} }}]\n");
    let house = House::of(&services).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    house.until("an act", &id, accepted).await;
    house.say(&id, Command::Stop).await.unwrap();
    let (end, why) = house.end_of(&id).await;
    assert_eq!(end, "failed");
    assert!(why.starts_with("it was stopped with something changed and not proved: backend runs v42"), "{why}");
    let incident = house.incident(&id).await;
    assert_eq!(record(&incident, "backend").unwrap().0, StepState::Done, "what AWS was told to do is seen to its end");
    let verify = incident.run().unwrap().steps.iter().find(|(step, _)| step.as_str().starts_with("verify")).unwrap();
    assert_eq!(verify.1.state, StepState::Pending);
    let next = house.open("api").await;
    house.end_of(&next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_the_first_act_changes_nothing() {
    let house = House::of(API).await;
    let id = house.open("api").await;
    // Looks get no answer once the plan runs, so that the step has begun and cannot act.
    let (engine, running) = (house.engine.clone(), id.clone());
    house.wire.interfere(Some(Arc::new(move |call, moment| {
        let (engine, id) = (engine.clone(), running.clone());
        let look = call.operation == "DescribeServices" && moment == Moment::Before;
        Box::pin(async move {
            let incident = engine.incident(&id).await.unwrap().unwrap();
            (look && incident.run().is_some()).then_some(Fault::ServerError)
        })
    })));
    house.approve(&id).await;
    house.until("the run", &id, |incident| incident.run().map(drop)).await;
    let stopped = house.say(&id, Command::Stop).await.unwrap();
    let (end, _) = house.end_of(&id).await;
    assert_eq!(end, "aborted", "{stopped:#?}");
    assert_eq!(house.told("UpdateService"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_that_is_throttled_on_and_on_waits_for_a_person_and_retry_goes_on() {
    let house = House::of(API).await;
    house.fault("UpdateService", Moment::Before, Fault::Throttle, 3);
    let id = house.open("api").await;
    house.approve(&id).await;
    let failure = house.failure(&id, "backend", 1).await;
    assert!(failure.why.starts_with("AWS throttled UpdateService"), "{failure:?}");
    assert_eq!(house.told("UpdateService"), 3);
    house.retry(&id, "backend", 1).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("UpdateService"), 4);
    assert_eq!(house.runs("api"), ["v42"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_while_aws_is_away_fails_as_inconclusive_at_its_deadline_and_goes_on_when_retried() {
    let services = BLOCK.replace("service: api }", "service: api, deadline: 2m }");
    let house = House::of(&services).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    house.until("an act", &id, accepted).await;
    house.away.store(true, Ordering::SeqCst);
    let failure = house.failure(&id, "backend", 1).await;
    assert_eq!(failure.finding, Finding::Inconclusive);
    assert!(failure.why.starts_with("not done after 2 min"), "{failure:?}");
    house.away.store(false, Ordering::SeqCst);
    house.engine.clock.sleep(Duration::from_mins(3)).await;
    house.retry(&id, "backend", 1).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("UpdateService"), 1, "what was done before the deadline is not done again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_target_that_fails_leaves_the_rest_rolled_back_in_part() {
    let services = "  shop:
    targets:
      - parallel:
          - ecs: { name: backend, cluster: shop-prod, service: api }
          - ecs: { name: monitoring, cluster: shop-prod, service: monitoring, optional: true }
";
    let house = House::with(world_with(&["monitoring"]), configuration(services, "24h")).await;
    house.interfere(|call, moment| {
        let service = call.request.get("service").and_then(|service| service.as_str()).unwrap_or_default();
        let hit = call.operation == "UpdateService" && service.ends_with("/monitoring") && moment == Moment::Before;
        hit.then_some(Fault::Throttle)
    });
    let id = house.open("shop").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "partly_rolled_back");
    assert_eq!((house.runs("api"), house.runs("monitoring")), (vec!["v42".to_owned()], vec!["v43".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_run_one_after_the_other_and_lanes_side_by_side() {
    let services = "  shop:
    targets:
      - ecs: { name: backend, cluster: shop-prod, service: api }
      - parallel:
          - ecs: { name: web, cluster: shop-prod, service: web }
          - ecs: { name: jobs, cluster: shop-prod, service: jobs }
";
    let house = House::with(world_with(&["web", "jobs"]), configuration(services, "24h")).await;
    let id = house.open("shop").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let incident = house.incident(&id).await;
    let steps = &incident.run().unwrap().steps;
    let times = |name: &str| {
        let record = steps.iter().find(|(id, _)| id.as_str() == name).unwrap().1;
        (record.began_at.unwrap(), record.ended_at.unwrap())
    };
    let (backend, web, jobs) = (times("backend"), times("web"), times("jobs"));
    assert!(backend.1 <= web.0 && backend.1 <= jobs.0, "the second stage waits for the first");
    assert!(web.0 < jobs.1 && jobs.0 < web.1, "lanes run side by side");
}
