//! The runbook `apgms`, played from the first command to the end of the incident: a pipeline that deploys a stack is frozen,
//! its stage is taken back, or the stack by its earlier template, or an earlier commit by a build.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "these are tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::player::Player;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::script;
use rollbot::sandbox::wire::{Call, Moment};
use support::{Play, verdict};

const BEFORE: &str = "2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0";
const BAD: &str = "3c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1";
const GOOD_EXECUTION: &str = "8e2d1b63-6c2f-4d1a-8b4e-2a7f3c9d5b02";
const BAD_EXECUTION: &str = "9f3e2c74-7d3a-4e2b-9c5f-3b8a4d0e6c03";
const STACK: &str = "apgms-staging";

fn apgms(variant: Option<&str>) -> Scenario {
    scenario::find("apgms", variant).expect("the scenario is shipped")
}

/// Plays a story to its end; returns the play and what was printed.
async fn played(scenario: &Scenario, story: &str) -> (Play, String) {
    let mut play = Play::of(scenario).await;
    let printed = play.tell(story).await;
    (play, printed)
}

/// What was written to AWS beside the freeze and what makes a plan, in order.
fn writes(play: &Play) -> Vec<Call> {
    let around =
        ["AssumeRole", "DisableStageTransition", "StopPipelineExecution", "EnableStageTransition", "CreateChangeSet"];
    let calls = play.aws_writes().into_iter();
    calls.filter(|call| !around.contains(&call.operation.as_str())).collect()
}

fn verbs(play: &Play) -> Vec<String> {
    writes(play).into_iter().map(|call| call.operation).collect()
}

/// Every write that AWS took, the freeze's too.
fn taken(play: &Play) -> Vec<String> {
    let calls = play.aws_writes().into_iter().filter(|call| call.status == 200 && call.operation != "AssumeRole");
    calls.map(|call| call.operation).collect()
}

/// The commit that users reach, and what `/healthz` answers them.
async fn users_see(play: &Play) -> (String, u16) {
    let (status, version) = play.get(STACK, "/healthz").await;
    (version, status)
}

/// The whole commit behind what users reach is the one before, and it is well.
async fn assert_back(play: &Play) {
    assert_eq!(users_see(play).await, (BEFORE[..8].to_owned(), 200), "{}", play.seen());
}

/// Everything in the thread on one line.
fn thread(play: &Play) -> String {
    let posts = play.thread().join("\n");
    posts.split(['│', '·', ' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A1, A2, A3, A11, A12: the runbook's main way from the freeze to the rerun, in its order.
#[tokio::test(flavor = "multi_thread")]
async fn a01_a02_a03_a11_a12_the_runbook_from_the_freeze_to_the_rerun() {
    let scenario = apgms(None);
    let (mut play, _) = played(&scenario, scenario.story).await;
    assert_eq!(
        taken(&play),
        ["DisableStageTransition", "RollbackStage", "EnableStageTransition", "StartPipelineExecution"],
        "{}",
        play.seen()
    );
    assert_eq!(writes(&play)[0].request["targetPipelineExecutionId"], GOOD_EXECUTION);
    let evidence = format!("The execution in Staging was {BAD_EXECUTION} (commit 3c9d5e71, Cache the tax tables");
    assert!(thread(&play).contains(&evidence), "A1: {}", thread(&play));
    assert_eq!(play.calls_of("StartPipelineExecution")[0].request["sourceRevisions"][0]["revisionValue"], BEFORE);
    play.until("healthz passed", |play| thread(play).contains("/healthz answers 200: passed")).await;
    assert_back(&play).await;
    let card = play.card_text();
    assert!(card.contains("2b7e4d60"), "{card}");
    play.end().await;
}

/// A1, A2: what is being deployed is stopped before anything else, and what it was is kept as evidence.
#[tokio::test(flavor = "multi_thread")]
async fn a01_a02_a_deployment_in_flight_is_stopped_first() {
    let scenario = apgms(Some("in-flight"));
    let (mut play, _) = played(&scenario, scenario.story).await;
    assert_eq!(
        taken(&play),
        ["DisableStageTransition", "StopPipelineExecution", "RollbackStage", "EnableStageTransition"],
        "{}",
        play.seen()
    );
    let stop = play.calls_of("StopPipelineExecution").remove(0).request;
    assert_eq!((&stop["pipelineExecutionId"], &stop["abandon"]), (&BAD_EXECUTION.into(), &false.into()));
    let evidence = format!("Rollbot stopped execution {BAD_EXECUTION} (commit 3c9d5e71, Cache the tax tables");
    play.until("the evidence", |play| thread(play).contains(&evidence)).await;
    assert_back(&play).await;
    play.end().await;
}

/// A5, A8, A11: the template of the version before comes from S3 while the pipeline is frozen, and the stack's events
/// stand in the thread up to `UPDATE_COMPLETE`.
#[tokio::test(flavor = "multi_thread")]
async fn a05_a08_a11_the_earlier_template_comes_from_s3_and_the_stacks_events_are_followed() {
    let scenario = apgms(Some("previous-template"));
    let (play, _) = played(&scenario, scenario.story).await;
    assert_eq!(
        taken(&play),
        ["CreateChangeSet", "DisableStageTransition", "ExecuteChangeSet", "EnableStageTransition"],
        "{}",
        play.seen()
    );
    let asked = play.calls_of("CreateChangeSet").remove(0).request;
    assert_eq!(asked["TemplateURL"], "https://apgms-deploys.s3.eu-north-1.amazonaws.com/staging/previous.yml");
    for line in ["TaskDefinition UPDATE_COMPLETE", "Service UPDATE_COMPLETE", "stack apgms-staging UPDATE_COMPLETE"] {
        assert!(thread(&play).contains(line), "{line}: {}", thread(&play));
    }
    assert_back(&play).await;
    play.end().await;
}

/// A11: what runs again and does not answer, or whose alarm goes on firing, is never called rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_commit_that_does_not_answer_is_not_called_rolled_back() {
    let mut scenario = apgms(None);
    let stack = scenario.seed.stacks.iter_mut().find(|one| one.name == STACK).expect("it is seeded");
    let versions = &mut stack.site.as_mut().expect("it has a site").versions;
    let bad = versions[BAD].paths.clone();
    versions.get_mut(BEFORE).expect("it is seeded").paths = bad;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback staging apgms because /healthz answers 500").await;
    play.click("sre", "Approve").await;
    play.until("a question", |play| play.card_text().contains("a person has to decide")).await;
    play.assert_never_called_rolled_back();
    let said = play.card_text() + &thread(&play);
    assert!(said.contains("answered 500") || said.contains("apgms-staging-5xx is in ALARM"), "{said}");
    play.leave().await;
}

/// The alarm of the service is looked at too: without data nothing is proved, and a person may accept that by name.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_without_data_proves_nothing() {
    let mut scenario = apgms(None);
    let alarm = &mut scenario.seed.alarms[0];
    alarm.watches = None;
    alarm.state = rollbot::sandbox::aws::AlarmState::InsufficientData;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback staging apgms because /healthz answers 500").await;
    play.click("sre", "Approve").await;
    play.until("a question", |play| play.card_text().contains("a person has to decide")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("the alarm apgms-staging-5xx is without data (INSUFFICIENT_DATA)"), "{card}");
    play.assert_never_called_rolled_back();
    let aws = play.stage.aws.clone();
    aws.set_alarm("apgms-staging-5xx", rollbot::sandbox::aws::AlarmState::Ok);
    play.click("sre", "Retry the check").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a06_a_pipeline_that_was_changed_is_run_again_for_the_commit() {
    let scenario = apgms(Some("structure-changed"));
    let (play, _) = played(&scenario, scenario.story).await;
    // The new run passes the stage that Rollbot itself holds, and that is closed behind it.
    assert_eq!(
        taken(&play),
        ["DisableStageTransition", "StartPipelineExecution", "EnableStageTransition", "DisableStageTransition"],
        "{}",
        play.seen()
    );
    let held = play.stage.aws.disabled("Apgms", "Staging").expect("it is still held");
    assert!(held.starts_with("Rollbot fz-"), "{held}");
    let request = &writes(&play)[0].request;
    assert_eq!(request["sourceRevisions"][0]["revisionValue"], BEFORE);
    assert_eq!(request["sourceRevisions"][0]["revisionType"], "COMMIT_ID");
    assert_back(&play).await;
    play.end().await;
}

/// Somebody stops the incident just when the stage was opened for the new run: it is closed again all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a02_a06_a_stop_does_not_leave_open_what_was_opened_for_the_new_run() {
    let mut play = Play::of(&apgms(Some("structure-changed"))).await;
    let (opened, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (was_opened, may_go_on, clock) = (Arc::clone(&opened), Arc::clone(&go_on), play.stage.clock);
    play.stage.wire.interfere(Some(Arc::new(move |call, moment| {
        if call.operation == "EnableStageTransition" && moment == Moment::After {
            was_opened.store(true, Ordering::SeqCst);
        }
        let waits = call.operation == "GetPipelineState" && moment == Moment::Before;
        let (opened, go_on) = (was_opened.load(Ordering::SeqCst), Arc::clone(&may_go_on));
        Box::pin(async move {
            while waits && opened && !go_on.load(Ordering::SeqCst) {
                clock.sleep_really(Duration::from_millis(10)).await;
            }
            None
        })
    })));
    play.propose("dev", "/rollback staging apgms because /healthz answers 500").await;
    play.click("sre", "Approve").await;
    play.until("the stage is opened", |_| opened.load(Ordering::SeqCst)).await;
    play.click("dev", "Stop").await;
    play.until_recorded("the stop", |incident| incident.run().is_some_and(|run| run.stopped.is_some())).await;
    go_on.store(true, Ordering::SeqCst);
    play.until_recorded("the end", Incident::is_closed).await;
    assert_eq!(
        taken(&play),
        ["DisableStageTransition", "StartPipelineExecution", "EnableStageTransition", "DisableStageTransition"],
        "{}",
        play.seen()
    );
    let held = play.stage.aws.disabled("Apgms", "Staging").expect("it is held again");
    assert!(held.starts_with("Rollbot fz-"), "{held}");
    play.leave().await;
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
    assert_back(&play).await;
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
    assert_eq!(users_see(&play).await, (BAD[..8].to_owned(), 500));
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
    play.stage.wire.interfere(Some(Arc::new(move |call, moment| {
        if call.operation == "RollbackStage" && moment == Moment::Before {
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
    assert_back(&play).await;
    play.end().await;
}

/// The reply of the order is lost, and the bot dies.
async fn lost(variant: Option<&str>, operation: &str, to: &str) -> Play {
    let begin = format!(
        "dev: /rollback staging apgms {to} because it answers 500\nwait: card \"waiting for approval\"\n\
         aws: lose {operation}\nsre: [Approve]"
    );
    let (mut play, _) = played(&apgms(variant), &begin).await;
    // Whether it has looked for it by the time that it dies makes no difference.
    play.until("the order", |play| !play.calls_of(operation).is_empty()).await;
    play.tell("bot: kill\nbot: start\nwait: card \"rolled back\"").await;
    assert_back(&play).await;
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
    // It may be sent once more than was answered: the bot may die with the answer in its hands. It starts one execution.
    let mut begun: Vec<_> = writes(&play).into_iter().map(|call| call.reply["pipelineExecutionId"].clone()).collect();
    begun.dedup();
    assert_eq!(begun.len(), 1, "one execution: {begun:?}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_reply_was_lost_is_found_again() {
    let play = lost(Some("cdk-deploy"), "StartBuild", "only cdk").await;
    let sent: Vec<_> = writes(&play).into_iter().map(|call| call.request["idempotencyToken"].clone()).collect();
    assert!(!sent.is_empty() && sent.iter().all(|token| *token == sent[0]), "{sent:?}");
    play.end().await;
}
