//! Every shipped story, played from the first command to the end of the incident.

mod support;

use rollbot::sandbox::scenario;
use rstest::rstest;
use support::Play;

#[rstest]
#[case::backend(None)]
#[case::in_flight(Some("in-flight"))]
#[case::previous_bad(Some("previous-bad"))]
#[case::circuit_breaker(Some("circuit-breaker"))]
#[case::fails_to_start(Some("fails-to-start"))]
#[case::secret_gone(Some("secret-gone"))]
#[case::membership_changed(Some("membership-changed"))]
#[case::drifted(Some("drifted"))]
#[case::code_deploy(Some("codedeploy"))]
#[case::code_deploy_in_flight(Some("codedeploy-in-flight"))]
#[case::unhealthy_after(Some("unhealthy-after"))]
#[case::several(Some("several"))]
#[case::several_fails(Some("several-fails"))]
#[case::group(Some("group"))]
#[case::manual_step(Some("manual-step"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_shipped_story_ends_as_it_is_written(#[case] variant: Option<&str>) {
    let mut play = Play::begin(variant).await;
    let story = scenario::find("ecs-playbook", variant).expect("the scenario is shipped").story;
    play.tell(story).await;
    // A bot that was killed does not know what it had sent in the seconds before; Slack's 429 tells it, and is honoured.
    let allowed = if story.contains("bot: kill") { 4 } else { 0 };
    assert!(play.stage.slack.rate_limited() <= allowed, "the bot keeps within Slack's limits");
    play.end().await;
}
