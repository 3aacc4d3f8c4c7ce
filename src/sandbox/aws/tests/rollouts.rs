//! Deployments and their ways back, at many times the real pace.

use std::time::Duration;

use aws_sdk_ecs::config::Region;
use aws_sdk_ecs::types::{
    DeploymentRolloutState, ServiceDeploymentStatus, StopServiceDeploymentStopType, TaskStopCode,
};
use rstest::rstest;

use super::bench::*;
use crate::incident::time::Pace;
use crate::sandbox::aws::*;

#[tokio::test]
async fn a_finished_deployment_is_rolled_back_by_another_deployment() {
    let bench = Bench::of(seed()).await;
    assert_eq!(bench.get("/checkout").await, (500, Some("v42".to_owned())));
    let before = bench.service().await;
    let completed = format!("(deployment {}) deployment completed.", before.deployments()[0].id().unwrap());
    assert!(before.events()[1].message().unwrap().ends_with(&completed));
    let updated = bench.deploy("api:1").await;
    let primary = updated.deployments()[0].clone();
    assert_eq!(primary.status(), Some("PRIMARY"));
    assert!(primary.task_definition().unwrap().ends_with(":task-definition/api:1"));
    assert_eq!(primary.rollout_state(), Some(&DeploymentRolloutState::InProgress));
    assert_eq!(updated.deployments()[1].status(), Some("ACTIVE"));
    assert_eq!(updated.current_service_deployment(), before.current_service_deployment(), "this read is stale");
    let ended = bench.until(&[ServiceDeploymentStatus::Successful]).await;
    let took = bench.took(ended.created_at(), ended.finished_at());
    assert!(Duration::from_secs(75) < took && took < Duration::from_secs(160), "{took:?}");
    let after = bench.service().await;
    assert_eq!(after.current_service_deployment(), ended.service_deployment_arn());
    assert_eq!(after.deployments().len(), 1);
    assert_eq!(after.deployments()[0].id(), primary.id());
    assert_eq!(after.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!((after.running_count(), after.pending_count()), (2, 0));
    assert_eq!(bench.versions(), ["v41", "v41"]);
    assert_eq!(bench.get("/checkout").await, (200, Some("v41".to_owned())));
    let arns = bench.ecs.list_tasks().cluster("prod").started_by(primary.id().unwrap()).send().await.unwrap();
    let tasks = bench.ecs.describe_tasks().cluster("prod").set_tasks(arns.task_arns).send().await.unwrap();
    for task in tasks.tasks() {
        assert_eq!(task.last_status(), Some("RUNNING"));
        assert_eq!(task.containers()[0].image_digest(), Some(digest(41).as_str()));
    }
    assert!(after.events().iter().any(|event| event.message().unwrap().ends_with("has reached a steady state.")));
    bench.end().await;
}

#[tokio::test]
async fn a_deployment_in_flight_is_stopped_and_rolled_back_sooner() {
    let bench = Bench::of(in_flight(seed(), "api:4", 0)).await;
    assert_eq!(bench.get("/").await, (200, Some("v41".to_owned())));
    let current = bench.service().await.current_service_deployment().unwrap().to_owned();
    let stop = || {
        let call = bench.ecs.stop_service_deployment().service_deployment_arn(&current);
        call.stop_type(StopServiceDeploymentStopType::Rollback).send()
    };
    stop().await.unwrap();
    let going = [ServiceDeploymentStatus::RollbackRequested, ServiceDeploymentStatus::RollbackInProgress];
    assert!(going.contains(bench.newest().await.status().unwrap()));
    stop().await.expect("a rollback that is under way goes on");
    let ended = bench.until(&[ServiceDeploymentStatus::RollbackSuccessful]).await;
    let took = bench.took(ended.rollback().unwrap().started_at(), ended.finished_at());
    assert!(took < Duration::from_secs(75), "{took:?}");
    assert_eq!(ended.rollback().unwrap().service_revision_arn(), ended.source_service_revisions()[0].arn());
    assert_eq!(bench.versions(), ["v41", "v41"]);
    let refusal = stop().await.unwrap_err().into_service_error();
    assert!(refusal.is_conflict_exception(), "{refusal:?}");
    bench.end().await;
}

#[rstest]
#[case::that_do_not_start("api:3")]
#[case::that_are_unhealthy("api:4")]
#[case::that_exit("api:5")]
#[case::whose_image_is_gone("api:6")]
#[tokio::test]
async fn the_circuit_breaker_rolls_back_tasks(#[case] task_definition: &str) {
    let bench = Bench::of(with_breaker(seed())).await;
    let failing = bench.deploy(task_definition).await.deployments()[0].id().unwrap().to_owned();
    let rolling =
        bench.until(&[ServiceDeploymentStatus::RollbackInProgress, ServiceDeploymentStatus::RollbackSuccessful]).await;
    assert_eq!(rolling.deployment_circuit_breaker().unwrap().threshold(), 3);
    assert!(rolling.deployment_circuit_breaker().unwrap().failure_count() >= 3);
    let service = bench.service().await;
    let failed = service.deployments().iter().find(|one| one.id() == Some(failing.as_str()));
    if let Some(failed) = failed {
        assert_eq!(failed.rollout_state(), Some(&DeploymentRolloutState::Failed));
    }
    assert_ne!(service.deployments()[0].id(), Some(failing.as_str()));
    let ended = bench.until(&[ServiceDeploymentStatus::RollbackSuccessful]).await;
    assert!(ended.status_reason().unwrap().contains("circuit breaker"));
    assert!(bench.service().await.task_definition().unwrap().ends_with("/api:2"));
    assert_eq!(bench.versions(), ["v42", "v42"]);
    bench.end().await;
}

#[tokio::test]
async fn without_the_breaker_tasks_that_fail_to_start_are_tried_for_ever() {
    let bench = Bench::paced(seed(), Pace::new(2000)).await;
    bench.deploy("api:3").await;
    bench.clock.sleep(Duration::from_mins(5)).await;
    let service = bench.service().await;
    assert!(service.deployments()[0].failed_tasks() >= 6, "{:?}", service.deployments());
    assert_eq!(service.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::InProgress));
    assert_eq!(service.deployments()[1].running_count(), 2, "the old tasks stay");
    let stopped = bench.stopped().await;
    assert_eq!(stopped[0].stop_code(), Some(&TaskStopCode::TaskFailedToStart));
    assert!(stopped[0].stopped_reason().unwrap().starts_with("ResourceInitializationError"));
    bench.clock.sleep(Duration::from_hours(2)).await;
    let again = bench.ecs.describe_tasks().cluster("prod").tasks(stopped[0].task_arn().unwrap()).send().await.unwrap();
    assert_eq!(again.failures()[0].reason(), Some("MISSING"), "stopped tasks are forgotten after an hour");
    bench.end().await;
}

#[tokio::test]
async fn an_unhealthy_target_has_its_task_replaced() {
    let bench = Bench::of(seed()).await;
    bench.deploy("api:4").await;
    let elb = {
        let config = aws_sdk_elasticloadbalancingv2::Config::builder()
            .behavior_version(aws_sdk_elasticloadbalancingv2::config::BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(keys())
            .endpoint_url(bench.aws.endpoint());
        aws_sdk_elasticloadbalancingv2::Client::from_conf(config.build())
    };
    let group = bench.service().await.load_balancers()[0].target_group_arn().unwrap().to_owned();
    let begun = bench.clock.now();
    loop {
        let service = bench.service().await;
        let said: Vec<&str> = service.events().iter().filter_map(|event| event.message()).collect();
        let complained = said.iter().any(|message| message.contains("(port 8080) is unhealthy in (target-group"));
        let health = elb.describe_target_health().target_group_arn(&group).send().await.unwrap();
        let targets = health.target_health_descriptions().iter();
        let states: Vec<&str> = targets.filter_map(|target| Some(target.target_health()?.state()?.as_str())).collect();
        assert_eq!(states.iter().filter(|state| **state == "healthy").count(), 2, "the old targets stay: {states:?}");
        if complained && states.len() > 2 {
            break;
        }
        assert!(bench.clock.now().elapsed(begun.at) < Duration::from_mins(15), "{states:?} {said:#?}");
        bench.clock.sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(bench.get("/").await, (200, Some("v42".to_owned())));
    bench.end().await;
}

#[tokio::test]
async fn a_seed_with_a_rollback_under_way_ends_it() {
    let mut seed = in_flight(with_breaker(seed()), "api:3", 0);
    seed.services[0].in_flight.as_mut().unwrap().rolling_back = Some(RollbackCause::CircuitBreaker);
    let text = serde_json::to_string(&seed).unwrap();
    let bench = Bench::paced(serde_json::from_str(&text).unwrap(), Pace::new(5)).await;
    assert_eq!(bench.newest().await.status(), Some(&ServiceDeploymentStatus::RollbackInProgress));
    bench.until(&[ServiceDeploymentStatus::RollbackSuccessful]).await;
    assert_eq!(bench.versions(), ["v41", "v41"]);
    bench.end().await;
}

#[tokio::test]
async fn somebody_outside_may_deploy_and_a_newer_deployment_wins() {
    let bench = Bench::paced(seed(), Pace::REAL).await;
    bench.deploy("api:1").await;
    let outside = bench.aws.deploy("prod", "api", "api:2").unwrap();
    let service = bench.service().await;
    assert_eq!(service.deployments()[0].id(), Some(outside.as_str()));
    let list = bench.ecs.list_service_deployments().cluster("prod").service("api").send().await.unwrap();
    let statuses: Vec<&str> =
        list.service_deployments().iter().filter_map(|one| Some(one.status()?.as_str())).collect();
    assert_eq!(statuses, ["PENDING", "STOPPED", "SUCCESSFUL", "SUCCESSFUL"]);
    bench.end().await;
}
