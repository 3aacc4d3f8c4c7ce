//! A stage of a pipeline is taken back: the runbook `apgms`, played from the first command to the end of the incident.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "these are tests")]

mod support;

use rollbot::sandbox::player::Player;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::script;
use rollbot::sandbox::wire::Call;
use support::Play;

const BEFORE: &str = "2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0";
const BAD: &str = "3c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1";
const GOOD_EXECUTION: &str = "8e2d1b63-6c2f-4d1a-8b4e-2a7f3c9d5b02";

fn apgms(variant: Option<&str>) -> Scenario {
    scenario::find("apgms", variant).expect("the scenario is shipped")
}

/// Plays a story to its end; returns the play and what was printed.
async fn played(scenario: &Scenario, story: &str) -> (Play, String) {
    let mut play = Play::of(scenario).await;
    let printed = play.tell(story).await;
    (play, printed)
}

fn writes(play: &Play) -> Vec<Call> {
    let calls = play.stage.wire.calls().into_iter();
    calls.filter(|call| call.writes && ["codepipeline", "codebuild"].contains(&call.service.as_str())).collect()
}

fn verbs(play: &Play) -> Vec<String> {
    writes(play).into_iter().map(|call| call.operation).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a03_the_stage_goes_back_to_the_last_good_commit() {
    let scenario = apgms(None);
    let (play, _) = played(&scenario, scenario.story).await;
    assert_eq!(verbs(&play), ["RollbackStage"], "{}", play.seen());
    assert_eq!(writes(&play)[0].request["targetPipelineExecutionId"], GOOD_EXECUTION);
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BEFORE));
    let card = play.card_text();
    assert!(card.contains("2b7e4d60"), "{card}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a06_a_pipeline_that_was_changed_is_run_again_for_the_commit() {
    let scenario = apgms(Some("structure-changed"));
    let (play, _) = played(&scenario, scenario.story).await;
    assert_eq!(verbs(&play), ["StartPipelineExecution"], "{}", play.seen());
    let request = &writes(&play)[0].request;
    assert_eq!(request["sourceRevisions"][0]["revisionValue"], BEFORE);
    assert_eq!(request["sourceRevisions"][0]["revisionType"], "COMMIT_ID");
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BEFORE));
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a06_an_approval_inside_the_stage_is_shown_and_never_given() {
    let scenario = apgms(Some("approval-inside"));
    let (play, _) = played(&scenario, scenario.story).await;
    assert_eq!(verbs(&play), ["RollbackStage"], "Rollbot itself never approves\n{}", play.seen());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a07_an_earlier_commit_is_deployed_by_a_build() {
    let scenario = apgms(Some("cdk-deploy"));
    let (play, _) = played(&scenario, scenario.story).await;
    assert_eq!(verbs(&play), ["StartBuild"], "{}", play.seen());
    assert_eq!(writes(&play)[0].request["sourceVersion"], BEFORE);
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BEFORE));
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a04_a_commit_without_an_image_is_not_promised() {
    let mut scenario = apgms(None);
    let images = scenario.seed.repositories.get_mut("apgms").expect("the world has images");
    images.retain(|image| !image.tags.iter().any(|tag| tag == BEFORE));
    let story =
        "dev: /rollback staging apgms because /healthz answers 500\nwait: card \"no image in apgms has the tag\"";
    let (play, _) = played(&scenario, story).await;
    assert!(verbs(&play).is_empty());
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BAD));
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a04_an_archived_image_is_not_promised_either() {
    let mut scenario = apgms(None);
    let images = scenario.seed.repositories.get_mut("apgms").expect("the world has images");
    for image in images.iter_mut().filter(|image| image.tags.iter().any(|tag| tag == BEFORE)) {
        image.status = rollbot::sandbox::aws::ImageStatus::Archived;
    }
    let story =
        "dev: /rollback staging apgms because /healthz answers 500\nwait: card \"archived and cannot be pulled\"";
    let (play, _) = played(&scenario, story).await;
    assert!(verbs(&play).is_empty());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_13_a_refused_stage_rollback_offers_to_run_the_pipeline_again() {
    let scenario = apgms(None);
    let mut play = Play::of(&scenario).await;
    let mut print = |_: &str| {};
    let begin = "dev: /rollback staging apgms because /healthz answers 500\nwait: card \"waiting for approval\"";
    let mut player = Player::new(&mut play.stage, &mut print);
    for line in script::read(begin).expect("the story can be read") {
        player.play(&line).await.expect("the plan is proposed");
    }
    drop(player);
    // Somebody changes the pipeline between the look that starts the plan and the act: here, right at the act.
    let aws = play.stage.aws.clone();
    play.stage.wire.interfere(Some(std::sync::Arc::new(move |call, moment| {
        if call.operation == "RollbackStage" && moment == rollbot::sandbox::wire::Moment::Before {
            aws.change_pipeline("Apgms").expect("there is a pipeline");
        }
        Box::pin(async { None })
    })));
    let rest = "sre: [Approve]\nwait: card \"AWS does not roll the stage Staging of Apgms back\"\n\
                sre: [Run pipeline again]\nwait: thread \"StartPipelineExecution\"\nwait: card \"rolled back\"";
    let mut player = Player::new(&mut play.stage, &mut print);
    let mut broken = None;
    for line in script::read(rest).expect("the story can be read") {
        if let Err(why) = player.play(&line).await {
            broken = Some(format!("{}: {why}", line.text));
            break;
        }
    }
    drop(player);
    assert!(broken.is_none(), "{}\n{}", broken.unwrap_or_default(), play.seen());
    assert_eq!(verbs(&play), ["RollbackStage", "StartPipelineExecution"]);
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BEFORE));
    play.end().await;
}

/// The reply of the order is lost, and the bot dies before it has looked for it.
async fn lost(variant: Option<&str>, operation: &str, to: &str) -> Play {
    let story = format!(
        "dev: /rollback staging apgms {to} because it answers 500\nwait: card \"waiting for approval\"\n\
         aws: lose {operation}\nsre: [Approve]\npause: 1\nbot: kill\nbot: start\nwait: card \"rolled back\""
    );
    let (play, _) = played(&apgms(variant), &story).await;
    assert_eq!(play.stage.aws.deployed_commit("Apgms").as_deref(), Some(BEFORE));
    play
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_whose_reply_was_lost_is_found_again_and_not_repeated() {
    let play = lost(None, "RollbackStage", "").await;
    assert_eq!(verbs(&play), ["RollbackStage"], "{}", play.seen());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_reply_was_lost_is_sent_again_with_the_same_token() {
    let play = lost(Some("structure-changed"), "StartPipelineExecution", "").await;
    let sent: Vec<_> = writes(&play).into_iter().map(|call| call.request["clientRequestToken"].clone()).collect();
    assert!(sent.iter().all(|token| *token == sent[0] && token.is_string()), "{sent:?}");
    let answered: Vec<_> = writes(&play).into_iter().filter(|call| call.status == 200).collect();
    assert!(answered.len() <= 1, "one answer, for the one execution: {answered:?}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_reply_was_lost_is_found_again() {
    let play = lost(Some("cdk-deploy"), "StartBuild", "only cdk").await;
    let sent: Vec<_> = writes(&play).into_iter().map(|call| call.request["idempotencyToken"].clone()).collect();
    assert!(!sent.is_empty() && sent.iter().all(|token| *token == sent[0]), "{sent:?}");
    play.end().await;
}
