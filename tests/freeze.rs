//! Deployments held back, through the whole bot: by a rollback, ahead of its approval, and by command; let go by whoever
//! may, restoring exactly what was changed. What counts is what the stand-in's pipeline does and which calls were made.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what it saw and ends"
)]

mod support;

use std::time::Duration;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::SeedCommit;
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::wire::Call;
use serde_json::{Value, json};
use support::{Play, calm, configure, verdict};

const PIPELINE: &str = "shop-prod";
const STAGE: &str = "Deploy";
/// The execution that deployed v43, which is what everybody wants to get away from.
const BAD: &str = "43434343-0000-4000-8000-000000000043";
/// The one before it.
const GOOD: &str = "42424242-0000-4000-8000-000000000042";
/// One that is in the stage when the scenario begins.
const IN_FLIGHT: &str = "44444444-0000-4000-8000-000000000044";

fn commit(version: u32) -> String {
    version.to_string().repeat(20)
}

/// A pipeline that has deployed v41, v42 and v43.
fn pipeline() -> Value {
    let past = |version: u32, age: &str| {
        let id = format!("{}-0000-4000-8000-0000000000{version}", version.to_string().repeat(4));
        json!({ "commit": commit(version), "age": age, "id": id })
    };
    let commits = (41..=44).map(|version| json!({ "id": commit(version), "summary": format!("Release v{version}") }));
    let action = |name: &str, category: &str, provider: &str, seconds: u32| json!({ "name": name, "category": category, "provider": provider, "seconds": seconds });
    let mut deploy = action("Deploy", "Deploy", "ECS", 30);
    deploy["deploys"] = json!("site");
    json!({
        "name": PIPELINE,
        "repository": "example/shop",
        "commits": commits.collect::<Vec<_>>(),
        "stages": [
            { "name": "Source", "actions": [action("Source", "Source", "CodeStarSourceConnection", 2)] },
            { "name": "Build", "actions": [action("Build", "Build", "CodeBuild", 5)] },
            { "name": STAGE, "actions": [deploy] },
        ],
        "history": [past(41, "240h"), past(42, "74h"), past(43, "19m")],
    })
}

fn with_pipeline(pipeline: Value, stop: &str) -> Scenario {
    let mut scenario = calm(None);
    scenario.seed.pipelines = vec![serde_json::from_value(pipeline).expect("a pipeline")];
    let freeze = format!(
        "  api:\n    freeze:\n      - codepipeline: {{ pipeline: \"shop-${{env}}\", stage: {STAGE}, stop_execution: \
         {stop} }}\n    targets:"
    );
    configure(&mut scenario, "  api:\n    targets:", &freeze);
    configure(&mut scenario, "watch: { for: 5m, every: 15s }", "watch: { for: 1m, every: 15s }");
    scenario
}

fn in_flight() -> Value {
    let mut pipeline = pipeline();
    pipeline["in_flight"] = json!({ "commit": commit(44), "age": "3m", "id": IN_FLIGHT, "entering": STAGE });
    pipeline["stages"][2]["actions"][0]["seconds"] = json!(600);
    let smoke = json!({ "name": "Smoke", "category": "Test", "provider": "CodeBuild", "run_order": 2 });
    pipeline["stages"][2]["actions"].as_array_mut().unwrap().push(smoke);
    pipeline
}

/// So slowly that what is under way at the beginning is still so when somebody comes.
fn slowly(scenario: Scenario) -> Scenario {
    Scenario { fastest: 40, ..scenario }
}

fn disabled(play: &Play) -> Option<String> {
    play.stage.aws.disabled(PIPELINE, STAGE)
}

/// What was written to AWS and taken, in order.
fn writes(play: &Play) -> Vec<String> {
    let taken = |call: &Call| call.operation != "AssumeRole" && call.status == 200;
    play.aws_writes().into_iter().filter(taken).map(|call| call.operation).collect()
}

fn everything(play: &Play) -> String {
    let texts: Vec<String> = play.public().iter().map(|message| play.read(message)).collect();
    texts.join("\n").split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn says(play: &mut Play, text: &str) {
    play.until(text, |play| everything(play).contains(text)).await;
}

/// Until the incident is over, and its freeze is offered to be lifted.
async fn rolled_back(play: &mut Play) {
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until_recorded("the end", Incident::is_closed).await;
    play.until("an offer to lift", |play| play.with_button("Lift the freeze").is_some()).await;
}

/// A1, A2: first of all the stage is held and what is inside is stopped, and what it was is kept as evidence.
#[tokio::test(flavor = "multi_thread")]
async fn a02_freeze_comes_first_and_stops_the_execution_inside() {
    let mut play = Play::of(&slowly(with_pipeline(in_flight(), "true"))).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = play.card_text();
    assert!(card.contains("Hold back: pipeline shop-prod, stage Deploy"), "{card}");
    assert!(card.contains("the execution of pipeline shop-prod that is in Deploy is stopped"), "{card}");
    assert_eq!(writes(&play), Vec::<String>::new(), "nothing before the approval");
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(writes(&play), ["DisableStageTransition", "StopPipelineExecution", "UpdateService"]);
    let stop = play.calls_of("StopPipelineExecution").remove(0);
    assert_eq!((&stop.request["pipelineExecutionId"], &stop.request["abandon"]), (&json!(IN_FLIGHT), &json!(false)));
    let reason = disabled(&play).expect("it stays disabled");
    assert!(reason.starts_with("Rollbot fz-") && reason.contains(proved.id.as_str()), "{reason}");
    assert!(reason.contains("by dev - checkout answers 500"), "{reason}");
    play.until("the thread", |play| play.thread().iter().any(|post| post.contains("deployments are held back"))).await;
    let thread = play.thread().join("\n");
    assert!(thread.contains("Nothing enters Deploy of shop-prod any more"), "{thread}");
    let thread = thread.split(['│', '·', ' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let evidence = format!("Rollbot stopped execution {IN_FLIGHT} (commit 44444444, Release v44");
    assert!(thread.contains(&evidence), "{thread}");
    play.leave().await;
}

/// A1: the execution that deployed what is taken back is on record, with its commit.
#[tokio::test(flavor = "multi_thread")]
async fn a01_the_failing_execution_is_captured_as_evidence() {
    let mut play = Play::of(&with_pipeline(pipeline(), "true")).await;
    rolled_back(&mut play).await;
    assert_eq!(writes(&play), ["DisableStageTransition", "UpdateService"], "nothing was inside that could be stopped");
    let incident = play.incidents().await.remove(0);
    let (code, story, _) = play.command_line(&["show", incident.id.as_str()]).await;
    assert_eq!(code, 0);
    assert!(story.contains(&format!("The execution in Deploy was {BAD} (commit 43434343, Release v43")), "{story}");
    play.leave().await;
}

/// P-7: what is pushed while the freeze stands waits in front of the stage, and is not deployed over the rollback.
#[tokio::test(flavor = "multi_thread")]
async fn peer_07_the_pipeline_does_not_deploy_over_a_rollback() {
    let mut play = Play::of(&with_pipeline(pipeline(), "false")).await;
    rolled_back(&mut play).await;
    let push = SeedCommit { id: commit(45), summary: "Release v45".to_owned() };
    play.stage.aws.push(PIPELINE, push).unwrap();
    // Ten minutes at the pipeline: it would have been through.
    play.stage.clock.sleep(Duration::from_mins(10)).await;
    assert_eq!(play.stage.aws.deployed_commit(PIPELINE), Some(commit(43)));
    play.click("sre", "Lift the freeze").await;
    let aws = play.stage.aws.clone();
    play.until("the commit deployed", |_| aws.deployed_commit(PIPELINE) == Some(commit(45))).await;
    assert_eq!(disabled(&play), None);
    says(&mut play, "Release v45").await;
    says(&mut play, "freeze lifted").await;
    assert!(play.with_button("Lift the freeze").is_none(), "a button that is not legal any more is gone");
    assert_eq!(writes(&play), ["DisableStageTransition", "UpdateService", "EnableStageTransition"]);
    play.leave().await;
}

/// A12: what is offered after the incident, and never happens by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a12_the_pipeline_is_enabled_again_and_the_latest_good_execution_rerun_when_somebody_says_so() {
    let mut play = Play::of(&with_pipeline(pipeline(), "false")).await;
    rolled_back(&mut play).await;
    assert!(play.calls_of("StartPipelineExecution").is_empty() && disabled(&play).is_some(), "never by itself");
    let refused = play.click_in_vain("dev", "Lift and rerun last good").await;
    assert!(refused.contains("may not freeze deployments"), "{refused}");
    play.click("sre", "Lift and rerun last good").await;
    let aws = play.stage.aws.clone();
    play.until("v42 through the pipeline", |_| aws.deployed_commit(PIPELINE) == Some(commit(42))).await;
    assert_eq!(
        writes(&play),
        ["DisableStageTransition", "UpdateService", "EnableStageTransition", "StartPipelineExecution"]
    );
    let start = play.calls_of("StartPipelineExecution").remove(0);
    assert_eq!(start.request["sourceRevisions"][0]["revisionValue"], json!(commit(42)), "not the one rolled back from");
    says(&mut play, &format!("Execution {GOOD} runs again, as")).await;
    play.leave().await;
}

/// A12: the reply of the start is lost and the bot dies, long before the source stage says what the execution is made
/// of. It is sent again with the same token, and one execution runs.
#[tokio::test(flavor = "multi_thread")]
async fn a12_a_rerun_whose_reply_was_lost_starts_one_execution() {
    let mut pipeline = pipeline();
    pipeline["stages"][0]["actions"][0]["seconds"] = json!(600);
    let mut play = Play::of(&with_pipeline(pipeline, "false")).await;
    rolled_back(&mut play).await;
    play.tell("aws: lose StartPipelineExecution").await;
    play.click("sre", "Lift and rerun last good").await;
    play.until("the order", |play| !play.calls_of("StartPipelineExecution").is_empty()).await;
    play.tell("bot: kill\nbot: start").await;
    says(&mut play, &format!("Execution {GOOD} runs again, as")).await;
    let starts = play.calls_of("StartPipelineExecution");
    let tokens: Vec<&Value> = starts.iter().map(|call| &call.request["clientRequestToken"]).collect();
    assert!(tokens.len() > 1 && tokens.iter().all(|token| *token == tokens[0] && token.is_string()), "{tokens:?}");
    let mut begun: Vec<&Value> = starts.iter().map(|call| &call.reply["pipelineExecutionId"]).collect();
    begun.dedup();
    assert_eq!(begun.len(), 1, "one execution: {begun:?}");
    play.leave().await;
}

/// B10: nobody lets go under a rollback that is under way.
#[tokio::test(flavor = "multi_thread")]
async fn b10_no_deployments_until_the_rollback_is_complete() {
    let mut scenario = with_pipeline(pipeline(), "false");
    configure(&mut scenario, "passes: 3, every: 5s", "passes: 40, every: 30s");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("the rollback under way", |play| !play.calls_of("UpdateService").is_empty()).await;
    let refused = play.ask("sre", "/rollback unfreeze prod api").await;
    assert!(refused.contains("is rolling api back, and deployments stay held until it is through"), "{refused}");
    assert!(disabled(&play).is_some() && play.calls_of("EnableStageTransition").is_empty());
    play.leave().await;
}

/// E12: by command, without a rollback; who may, what it says, what the status shows, and the way back.
#[tokio::test(flavor = "multi_thread")]
async fn e12_freeze_and_unfreeze_by_command() {
    let mut play = Play::of(&with_pipeline(pipeline(), "false")).await;
    let refused = play.ask("dev", "/rollback freeze prod api because I like it").await;
    assert!(refused.contains("may not freeze deployments"), "{refused}");
    assert_eq!((writes(&play), disabled(&play)), (Vec::new(), None));
    let held = play.ask("sre", "/rollback freeze prod api because the audit is on, until Monday").await;
    assert!(
        held.contains("Nothing is deployed through pipeline shop-prod, stage Deploy until somebody lifts"),
        "{held}"
    );
    let reason = disabled(&play).expect("it is disabled");
    assert!(reason.ends_with("by sre - the audit is on until Monday"), "{reason}");
    play.until("the message", |play| play.card_text().contains("deployments are held back")).await;
    let card = play.card_text();
    assert!(card.contains("prod api, by @sre since") && card.contains("the audit is on"), "{card}");
    let status = play.ask("dev", "/rollback status").await;
    assert!(status.contains("Nothing is deployed through") && status.contains("prod api, by @sre"), "{status}");
    let lifted = play.ask("lead", "/rollback unfreeze prod api").await;
    assert!(lifted.contains("Deployments go through Deploy of shop-prod again"), "{lifted}");
    assert_eq!(disabled(&play), None);
    assert_eq!(writes(&play), ["DisableStageTransition", "EnableStageTransition"]);
    play.until("the message", |play| play.card_text().contains("freeze lifted")).await;
    let again = play.ask("lead", "/rollback unfreeze prod api").await;
    assert!(again.contains("no deployments of api are held back in prod"), "{again}");
    let status = play.ask("dev", "/rollback status prod api").await;
    assert!(!status.contains("Nothing is deployed through"), "{status}");
    play.leave().await;
}

/// E12: what somebody else had disabled before stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn e12_what_somebody_else_had_disabled_stays_disabled() {
    let mut pipeline = pipeline();
    pipeline["stages"][2]["disabled"] = json!({ "reason": "Christmas", "age": "5h" });
    let mut play = Play::of(&with_pipeline(pipeline, "false")).await;
    let held = play.ask("sre", "/rollback freeze prod api").await;
    assert!(held.contains("was disabled before") && held.contains("Christmas"), "{held}");
    let lifted = play.ask("sre", "/rollback unfreeze prod api").await;
    assert!(lifted.contains("stays disabled, because somebody else did that"), "{lifted}");
    assert_eq!(disabled(&play).as_deref(), Some("Christmas"));
    assert_eq!(writes(&play), Vec::<String>::new());
    play.leave().await;
}

/// Two services deploy through one pipeline: it opens when the last lets go, and is disabled once.
#[tokio::test(flavor = "multi_thread")]
async fn e12_two_services_that_share_a_pipeline_each_hold_it() {
    let mut scenario = with_pipeline(pipeline(), "false");
    let web = format!(
        "services:\n  web:\n    freeze: [{{ codepipeline: {{ pipeline: {PIPELINE}, stage: {STAGE} }} }}]\n    targets: \
         [{{ ecs: {{ cluster: shop-prod, service: web }} }}]\n    verify: [{{ http: {{ url: \"${{site}}/health\" }} }}]\n  \
         api:"
    );
    configure(&mut scenario, "services:\n  api:", &web);
    let mut play = Play::of(&scenario).await;
    play.ask("sre", "/rollback freeze prod api because api").await;
    let held = play.ask("lead", "/rollback freeze prod web because web").await;
    assert!(held.contains("Nothing is deployed through"), "{held}");
    play.until("both on the message", |play| {
        let card = play.card_text();
        card.contains("prod api, by @sre") && card.contains("prod web, by @lead") && card.contains("[ Let web go ]")
    })
    .await;
    assert_eq!(play.cards(), 1, "one message for one pipeline");
    let first = play.ask("sre", "/rollback unfreeze prod api").await;
    assert!(first.contains("Nothing is deployed through"), "it says that it stays: {first}");
    assert!(disabled(&play).is_some());
    says(&mut play, "lets prod api go; it stays held for prod web").await;
    play.ask("sre", "/rollback unfreeze prod web").await;
    assert_eq!(disabled(&play), None);
    assert_eq!(writes(&play), ["DisableStageTransition", "EnableStageTransition"]);
    play.leave().await;
}

/// A group is held by its name, at every place that its services name, and let go by it.
#[tokio::test(flavor = "multi_thread")]
async fn e12_a_group_is_held_and_let_go_by_its_name() {
    let mut scenario = with_pipeline(pipeline(), "false");
    let mut second = pipeline();
    second["name"] = json!("web-prod");
    scenario.seed.pipelines.push(serde_json::from_value(second).expect("a pipeline"));
    let web = format!(
        "services:\n  web:\n    freeze: [{{ codepipeline: {{ pipeline: web-prod, stage: {STAGE} }} }}]\n    targets: \
         [{{ ecs: {{ cluster: shop-prod, service: web }} }}]\n    verify: [{{ http: {{ url: \"${{site}}/health\" }} }}]\n  \
         api:"
    );
    configure(&mut scenario, "services:\n  api:", &web);
    let with_group = format!("{}\ngroups:\n  everything: {{ services: [api, web] }}\n", scenario.configuration);
    scenario.configuration = with_group.leak();
    let mut play = Play::of(&scenario).await;
    let refused = play.ask("dev", "/rollback freeze prod everything").await;
    assert!(refused.contains("may not freeze deployments"), "{refused}");
    let held = play.ask("sre", "/rollback freeze prod everything because the audit is on").await;
    for place in ["pipeline shop-prod, stage Deploy", "pipeline web-prod, stage Deploy"] {
        assert!(held.contains(place), "{place}: {held}");
    }
    let aws = play.stage.aws.clone();
    assert!(aws.disabled(PIPELINE, STAGE).is_some() && aws.disabled("web-prod", STAGE).is_some());
    play.ask("sre", "/rollback unfreeze prod web").await;
    assert!(aws.disabled(PIPELINE, STAGE).is_some() && aws.disabled("web-prod", STAGE).is_none(), "one of them alone");
    let lifted = play.ask("lead", "/rollback unfreeze prod everything").await;
    assert!(lifted.contains("Deployments go through Deploy of shop-prod again"), "{lifted}");
    assert_eq!(aws.disabled(PIPELINE, STAGE), None);
    assert_eq!(writes(&play).len(), 4, "{:?}", writes(&play));
    play.leave().await;
}

/// Ahead of the approval: the requester may, it is done at once, and a rejected plan leaves it and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a02_freeze_now_ahead_of_the_approval_outlives_a_rejected_plan() {
    let mut play = Play::of(&slowly(with_pipeline(in_flight(), "true"))).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.click("dev", "Freeze now").await;
    play.until("it is held", |play| play.card_text().contains("Deployments are held back already, says @dev")).await;
    assert_eq!(writes(&play), ["DisableStageTransition", "StopPipelineExecution"]);
    assert!(play.with_button("Freeze now").is_none() && play.with_button("Approve").is_some());
    play.click("sre", "Reject").await;
    let user = play.user("sre");
    play.stage.slack.wait_for(Duration::from_secs(5), |slack| slack.open_modal(&user)).await.expect("a form");
    play.stage.slack.submit(&user, &[("Reason", "it is the database")]).await;
    play.until("the end", |play| play.card_text().contains("plan rejected, deployments stay held back")).await;
    let card = play.card_text();
    assert!(card.contains("No target was changed. Deployments stay held back"), "{card}");
    play.until("an offer to lift", |play| play.with_button("Lift the freeze").is_some()).await;
    assert!(disabled(&play).is_some());
    play.click("sre", "Lift the freeze").await;
    let aws = play.stage.aws.clone();
    play.until("it is open", |_| aws.disabled(PIPELINE, STAGE).is_none()).await;
    play.leave().await;
}

/// Ahead of the approval, then approved: the plan's own stage finds it done, and nothing is drift.
#[tokio::test(flavor = "multi_thread")]
async fn a02_freeze_now_is_found_done_by_the_plan() {
    let mut play = Play::of(&with_pipeline(pipeline(), "true")).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.click("sre", "Freeze now").await;
    play.until("it is held", |play| play.card_text().contains("Deployments are held back already")).await;
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(proved.proposal().map(|proposal| proposal.number), Some(1), "no drift");
    assert_eq!(writes(&play), ["DisableStageTransition", "UpdateService"]);
    play.leave().await;
}

/// A manual approval inside the stage is named with its link, and nobody approves it.
#[tokio::test(flavor = "multi_thread")]
async fn a02_freeze_reports_a_manual_approval_inside() {
    let mut pipeline = in_flight();
    let deploy = pipeline["stages"][2]["actions"][0].take();
    let approval = json!({ "name": "GoLive", "category": "Approval", "provider": "Manual" });
    let mut deploy = deploy;
    deploy["run_order"] = json!(2);
    pipeline["stages"][2]["actions"] = json!([approval, deploy]);
    let mut play = Play::of(&with_pipeline(pipeline, "false")).await;
    play.stage.clock.sleep(Duration::from_secs(30)).await;
    let held = play.ask("sre", "/rollback freeze prod api").await;
    assert!(held.contains("waits for the manual approval GoLive"), "{held}");
    assert!(held.contains("codesuite/codepipeline/pipelines/shop-prod/view"), "{held}");
    assert!(play.calls_of("PutApprovalResult").is_empty());
    play.leave().await;
}

/// A freeze that stays is mentioned again, with what a fresh look shows; also when somebody opened it by hand.
#[tokio::test(flavor = "multi_thread")]
async fn e12_a_freeze_that_stays_is_mentioned_again() {
    let mut scenario = with_pipeline(pipeline(), "false");
    configure(&mut scenario, "    vars: {", "    freeze_reminder: 5m\n    vars: {");
    let mut play = Play::of(&scenario).await;
    play.ask("sre", "/rollback freeze prod api because the audit is on").await;
    let reminders = |play: &Play| {
        let posts = play.stage.slack.messages("C0OPS00001");
        posts.iter().map(|post| play.read(post)).filter(|text| text.contains("Still frozen")).collect::<Vec<_>>()
    };
    play.until("two reminders", |play| reminders(play).len() >= 2).await;
    let text = reminders(&play).remove(0).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["by @sre since", "the audit is on", "Nothing enters Deploy", "/rollback unfreeze prod api"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    play.ask("sre", "/rollback unfreeze prod api").await;
    play.leave().await;
}

/// A pipeline that is not there does not keep anybody from rolling back, and whoever approves is told.
#[tokio::test(flavor = "multi_thread")]
async fn a02_freeze_of_a_pipeline_that_is_not_there_is_said_before_the_approval() {
    let mut scenario = with_pipeline(pipeline(), "false");
    scenario.seed.pipelines.clear();
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = play.card_text();
    assert!(card.contains("Deployments through pipeline shop-prod, stage Deploy are not held back"), "{card}");
    assert!(play.with_button("Freeze now").is_none());
    let refused = play.ask("sre", "/rollback freeze prod api").await;
    assert!(refused.contains("AWS could not be looked at"), "{refused}");
    play.leave().await;
}
