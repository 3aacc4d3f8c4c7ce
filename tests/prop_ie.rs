//! The runbook prop-ie from Slack, through the whole bot: a stack, an Amplify branch, and a domain between blue and green.
//! Each test bears its procedure's id.

#![expect(clippy::expect_used, reason = "what its tests share is a test too")]

mod support;

use std::time::Duration;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::scenario::{self, Scenario};
use rstest::rstest;
use serde_json::json;
use support::{Play, verdict};

const STACK: &str = "prop-ie-production-appsync-stack";
const PAGE: &str = "prop-ie-app.com";
const GOOD: &str = "2c0a5f8e3d6b9174a2f0e5c8d3b6a91724f0e5c8";
const BAD: &str = "3d1b6a9f4e7c0285b3a1f6d9e4c7b02835a1f6d9";

fn prop_ie(variant: Option<&str>) -> Scenario {
    scenario::find("prop-ie", variant).expect("the scenario is shipped")
}

/// The operations that took effect, in order; what makes plans is left out.
fn orders(play: &Play) -> Vec<String> {
    let writes = play.aws_writes().into_iter().filter(|call| call.status == 200).map(|call| call.operation);
    writes.filter(|operation| !["CreateChangeSet", "DeleteChangeSet"].contains(&operation.as_str())).collect()
}

/// Asks, approves, and waits for the verdict.
async fn taken_back(play: &mut Play, command: &str) -> Incident {
    play.propose("dev", command).await;
    play.approve("sre").await;
    play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await
}

#[rstest]
#[case::release(None)]
#[case::blue_green(Some("blue-green"))]
#[case::domain_fails(Some("domain-fails"))]
#[case::update_failed(Some("update-failed"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_story_of_prop_ie_ends_as_it_is_written(#[case] variant: Option<&str>) {
    let scenario = prop_ie(variant);
    let mut play = Play::of(&scenario).await;
    play.patience = Duration::from_mins(2);
    play.tell(scenario.story).await;
    if variant == Some("domain-fails") {
        assert_eq!(play.get(PAGE, "/").await, (500, BAD.to_owned()));
        play.assert_never_called_rolled_back();
    } else {
        assert_eq!(play.get(PAGE, "/").await, (200, GOOD.to_owned()));
        assert_eq!(play.get(STACK, "/graphql").await, (200, "3.2.0".to_owned()));
    }
    play.end().await;
}

/// P1: the domain is pointed at blue again, with every other prefix and setting as it was; nothing is built, and the
/// routing is looked at before it is called rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn p01_the_domain_goes_back_to_blue() {
    let mut play = Play::of(&prop_ie(Some("blue-green"))).await;
    assert_eq!(play.get(PAGE, "/").await, (500, BAD.to_owned()));
    let proved = taken_back(&mut play, "/rollback production prop-ie only domain because green answers 500").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(orders(&play), ["UpdateDomainAssociation"]);
    let update = play.calls_of("UpdateDomainAssociation").pop().expect("the domain was updated").request;
    let mut settings = update["subDomainSettings"].as_array().cloned().expect("the whole list");
    settings.sort_by_key(|one| one["prefix"].as_str().map(str::to_owned));
    assert_eq!(
        json!(settings),
        json!([
            {"prefix": "", "branchName": "production"}, {"prefix": "next", "branchName": "green"},
            {"prefix": "www", "branchName": "production"},
        ])
    );
    assert_eq!(update["enableAutoSubDomain"], json!(true));
    assert_eq!(update["autoSubDomainCreationPatterns"], json!(["feature*"]));
    assert_eq!(play.get(PAGE, "/").await, (200, GOOD.to_owned()));
    assert_eq!(play.get("next.prop-ie-app.com", "/").await.0, 500, "green stays where it was");
    play.leave().await;
}

/// P3: the last successful job before the active one is deployed again, after the API's stack went back (P5). What the
/// runbook writes, `start-deployment --job-id`, is never tried: it cannot work on an app with a repository.
#[tokio::test(flavor = "multi_thread")]
async fn p03_the_last_successful_job_is_deployed_again() {
    let mut play = Play::of(&prop_ie(None)).await;
    let proved = taken_back(&mut play, "/rollback production prop-ie because the search answers 500").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(orders(&play), ["ExecuteChangeSet", "StartJob"]);
    let started = play.calls_of("StartJob").pop().expect("the job was started").request;
    assert_eq!((&started["jobType"], &started["jobId"]), (&json!("RETRY"), &json!("119")));
    assert_eq!(play.calls_of("StartDeployment").len(), 0);
    assert_eq!(play.get(PAGE, "/").await, (200, GOOD.to_owned()));
    assert_eq!(play.stage.aws.published("d3propie0815", "green").as_deref(), Some(BAD), "green is not touched");
    play.leave().await;
}
