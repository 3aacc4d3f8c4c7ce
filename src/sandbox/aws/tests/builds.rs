//! Builds: their phases, what they deploy, how they fail, and the token that starts one only once.

use std::time::Duration;

use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::config::{BehaviorVersion, Region};
use aws_sdk_codebuild::error::ProvideErrorMetadata;
use aws_sdk_codebuild::types::{Build, BuildPhaseType, StatusType};
use serde_json::json;

use super::bench::*;
use crate::sandbox::aws::{Seed, SeedProject};

const GOOD: &str = "1111111111111111111111111111111111111111";
const BAD: &str = "2222222222222222222222222222222222222222";

fn world() -> Seed {
    let projects: Vec<SeedProject> = serde_json::from_value(json!([{
        "name": "deploy",
        "repository": "example/shop",
        "commits": [{"id": GOOD, "summary": "Good"}, {"id": BAD, "summary": "Bad"}],
        "deploys": "site",
        "fails": {BAD: {"phase": "BUILD", "code": "COMMAND_EXECUTION_ERROR", "message": "cdk deploy: exit 1"}},
        "history": [{"commit": GOOD, "age": "48h"}],
        "site": {GOOD: {"/": {"status": 200, "body": "good"}}},
    }]))
    .unwrap();
    Seed { projects, ..seed() }
}

fn client(bench: &Bench) -> Client {
    let config = aws_sdk_codebuild::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .retry_config(aws_sdk_codebuild::config::retry::RetryConfig::disabled())
        .endpoint_url(bench.aws.endpoint());
    Client::from_conf(config.build())
}

async fn over(bench: &Bench, client: &Client, id: &str) -> Build {
    let begun = bench.clock.now();
    loop {
        let reply = client.batch_get_builds().ids(id).send().await.unwrap();
        let build = reply.builds()[0].clone();
        if build.build_complete() {
            return build;
        }
        assert!(bench.clock.now().elapsed(begun.at) < Duration::from_mins(15), "it does not end: {build:?}");
        bench.clock.sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_build_goes_through_its_phases_and_deploys_its_commit() {
    let bench = Bench::of(world()).await;
    let client = client(&bench);
    let start = || client.start_build().project_name("deploy").source_version(&GOOD[..10]).idempotency_token("t-1");
    let first = start().send().await.unwrap().build_value.unwrap();
    let again = start().send().await.unwrap().build_value.unwrap();
    assert_eq!(first.id(), again.id(), "the token starts one build");
    let mismatch = client.start_build().project_name("deploy").source_version(BAD).idempotency_token("t-1");
    assert_eq!(mismatch.send().await.unwrap_err().code(), Some("InvalidInputException"));
    assert_eq!((first.build_number(), first.resolved_source_version()), (Some(2), None));
    let build = over(&bench, &client, first.id().unwrap()).await;
    assert_eq!(build.build_status(), Some(&StatusType::Succeeded));
    assert_eq!(build.resolved_source_version(), Some(GOOD));
    let phases: Vec<&BuildPhaseType> = build.phases().iter().filter_map(|phase| phase.phase_type()).collect();
    assert_eq!((phases.first(), phases.last()), (Some(&&BuildPhaseType::Submitted), Some(&&BuildPhaseType::Completed)));
    assert!(build.logs().unwrap().deep_link().unwrap().starts_with("https://console.aws.amazon.com/"));
    let listed = client.list_builds_for_project().project_name("deploy").send().await.unwrap();
    assert_eq!(listed.ids().first().map(String::as_str), first.id());
    drop(client);
    bench.end().await;
}

#[tokio::test]
async fn a_build_fails_in_its_phase_and_can_be_stopped() {
    let bench = Bench::of(world()).await;
    let client = client(&bench);
    let bad = client.start_build().project_name("deploy").send().await.unwrap().build_value.unwrap();
    let build = over(&bench, &client, bad.id().unwrap()).await;
    assert_eq!(build.build_status(), Some(&StatusType::Failed));
    let told = build
        .phases()
        .iter()
        .flat_map(aws_sdk_codebuild::types::BuildPhase::contexts)
        .filter_map(|context| context.message());
    assert_eq!(told.collect::<Vec<_>>(), ["cdk deploy: exit 1"]);
    let unknown = client.start_build().project_name("deploy").source_version("deadbeef").send().await.unwrap();
    let build = over(&bench, &client, unknown.build_value.unwrap().id().unwrap()).await;
    assert_eq!((build.build_status(), build.resolved_source_version()), (Some(&StatusType::Failed), None));
    let third = client.start_build().project_name("deploy").source_version(GOOD).send().await.unwrap();
    let id = third.build_value.unwrap().id.unwrap();
    client.stop_build().id(&id).send().await.unwrap();
    assert_eq!(over(&bench, &client, &id).await.build_status(), Some(&StatusType::Stopped));
    let nowhere = client.start_build().project_name("nothing").send().await.unwrap_err();
    assert_eq!(nowhere.code(), Some("ResourceNotFoundException"));
    drop(client);
    bench.end().await;
}
