//! The runbook bayon-coagent from Slack, through the whole bot: a stack and its Amplify frontend go back in one plan. Each
//! test bears its procedure's id.

#![expect(clippy::expect_used, reason = "what its tests share is a test too")]

mod support;

use std::time::Duration;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::{SeedCommit, SeedStack};
use rollbot::sandbox::scenario::{self, Scenario};
use rstest::rstest;
use serde_json::{Value, json};
use support::{Play, verdict};

const STACK: &str = "bayon-coagent-development";
const FRONTEND: &str = "bayon-coagent-development/develop";
const COMMAND: &str = "/rollback development coagent because the smoke tests failed";
const GOOD: &str = "81f2b6c4d09e7a35f1c8b2407d5e6a9c3f10b7d2";
const BAD: &str = "c4e09a7d5b3f1268e0d7c9a4b8f25136e7d0a9c4";

fn coagent(variant: Option<&str>) -> Scenario {
    scenario::find("bayon-coagent", variant).expect("the scenario is shipped")
}

/// The operations that took effect, in order.
fn orders(play: &Play) -> Vec<String> {
    play.aws_writes().into_iter().filter(|call| call.status == 200).map(|call| call.operation).collect()
}

/// Asks, approves, and waits for the verdict.
async fn taken_back(play: &mut Play, command: &str) -> Incident {
    play.propose("dev", command).await;
    play.click("sre", "Approve").await;
    play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await
}

#[rstest]
#[case::both_halves(None)]
#[case::not_updating(Some("not-updating"))]
#[case::job_running(Some("job-running"))]
#[case::manual_app(Some("manual-app"))]
#[case::lost_commit(Some("lost-commit"))]
#[case::webhook(Some("webhook"))]
#[case::no_earlier(Some("no-earlier"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_story_of_the_coagent_ends_as_it_is_written(#[case] variant: Option<&str>) {
    let scenario = coagent(variant);
    let mut play = Play::of(&scenario).await;
    play.patience = Duration::from_mins(2);
    play.tell(scenario.story).await;
    let page = play.get(FRONTEND, "/").await;
    match variant {
        None | Some("not-updating" | "job-running") => assert_eq!(page, (200, GOOD.to_owned())),
        Some("manual-app") => assert_eq!(page, (200, "s3://bayon-coagent-builds/81f2b6c4/".to_owned())),
        Some(_) => {
            assert_eq!(page, (500, BAD.to_owned()), "nothing was made out to be better than it is");
            play.assert_never_called_rolled_back();
        }
    }
    play.end().await;
}

/// B2, B3, B9: the stack's update is cancelled and its rollback waited for, then the frontend's last good job is
/// deployed again; stack, job and pages are looked at before anything is called rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn b02_b03_b09_the_stack_and_the_frontend_go_back_in_one_plan() {
    let mut play = Play::of(&coagent(None)).await;
    assert_eq!(play.get(STACK, "/health").await, (500, "1.9.0".to_owned()));
    assert_eq!(play.get(FRONTEND, "/").await, (500, BAD.to_owned()));
    let proved = taken_back(&mut play, COMMAND).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    // Pushes are held back before anything else (B10).
    assert_eq!(orders(&play), ["UpdateBranch", "CancelUpdateStack", "StartJob"]);
    let started = play.calls_of("StartJob").pop().expect("the job was started").request;
    // The app was found by its name; job 43 failed, and 44 is the bad one.
    assert_eq!((&started["appId"], &started["branchName"]), (&json!("d2coagent4711"), &json!("develop")));
    assert_eq!((&started["jobType"], &started["jobId"]), (&json!("RETRY"), &json!("42")));
    let settled = play
        .calls_of("DescribeStacks")
        .into_iter()
        .rev()
        .find_map(|call| call.reply.pointer("/Stacks/0/StackStatus").and_then(Value::as_str).map(str::to_owned));
    assert_eq!(settled.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
    assert_eq!(play.get(STACK, "/health").await, (200, "1.8.0".to_owned()));
    assert_eq!(play.get(FRONTEND, "/").await, (200, GOOD.to_owned()));
    play.leave().await;
}

fn told(id: &str, status: &str) -> String {
    json!({
        "id": id, "environment": "development", "service": "coagent", "status": status, "stage": "smoke tests",
        "revision": BAD, "branch": "develop", "author": "dev", "url": "https://ci.example.com/runs/812",
        "reason": "GET / answered 500, expected 200",
    })
    .to_string()
}

/// B4: a deployment that failed is said in the environment's channel at once: branch, commit, author, why, whom it
/// concerns and what to type; once for each deployment, whatever happens to the bot and to Slack.
#[tokio::test(flavor = "multi_thread")]
async fn b04_a_failed_deployment_is_told_urgently_and_once() {
    let mut play = Play::of(&coagent(None)).await;
    play.pipeline_tells(&told("deploy-dev-811", "succeeded")).await;
    // Slack takes it, and its answer is lost.
    play.on_wire(|call, moment| {
        use rollbot::sandbox::wire::{Fault, Moment};
        (call.operation == "chat.postMessage" && moment == Moment::After).then_some(Fault::Drop)
    });
    play.pipeline_tells(&told("deploy-dev-812", "failed")).await;
    play.until("the notice", |play| play.cards() > 0).await;
    play.stage.bot.kill().await.expect("the bot is killed");
    play.on_wire(|_, _| None);
    play.stage.bot.start().await.expect("the bot starts");
    play.pipeline_tells(&told("deploy-dev-812", "failed")).await;
    play.pipeline_tells(&told("deploy-dev-813", "failed")).await;
    play.until("the second notice", |play| play.cards() == 2).await;
    let notice = play.card_text();
    for part in ["smoke tests", "c4e09a7d", "develop", "dev", "GET / answered 500", "@sre"] {
        assert!(notice.contains(part), "{part} is not in: {notice}");
    }
    assert!(notice.contains("/rollback development coagent"), "{notice}");
    assert!(play.sent().iter().any(|text| text.contains("<https://ci.example.com/runs/812|")), "no link to the run");
    play.stage.clock.sleep_really(Duration::from_secs(5)).await;
    assert_eq!(play.cards(), 2, "the one whose answer was lost was found: {}", play.seen());
    assert_eq!(orders(&play), Vec::<String>::new(), "nobody has asked for anything");
    play.leave().await;
}

/// The seed of the stack, as the scenario has it, to be changed.
fn stack(scenario: &mut Scenario) -> &mut SeedStack {
    scenario.seed.stacks.iter_mut().find(|one| one.name == STACK).expect("the stack is there")
}

/// Everything that was said in the channel and its threads, on one line.
fn said(play: &Play) -> String {
    let all: Vec<String> = play.public().iter().map(|message| play.read(message)).collect();
    all.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// B6: where the update is over, the stack is updated to the earlier template and parameters, by a change set that the
/// card shows.
#[tokio::test(flavor = "multi_thread")]
async fn b06_a_finished_update_is_taken_back_by_the_earlier_template() {
    let mut scenario = coagent(None);
    let stack = stack(&mut scenario);
    let deploying = stack.deploying.take().expect("an update");
    let mut update = stack.history[0].clone();
    // The pipeline deploys the infrastructure first.
    (update.age, update.template, update.parameters) = (Duration::from_mins(8), None, deploying.parameters);
    stack.history.push(update);
    stack.resources.clear();
    let mut play = Play::of(&scenario).await;
    let proved = taken_back(&mut play, COMMAND).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    let orders: Vec<String> = orders(&play).into_iter().filter(|one| !one.ends_with("ChangeSet")).collect();
    assert_eq!(orders, ["UpdateBranch", "StartJob"]);
    assert_eq!(play.calls_of("ExecuteChangeSet").len(), 1);
    assert_eq!(play.get(STACK, "/health").await, (200, "1.8.0".to_owned()));
    play.leave().await;
}

/// B7, "Stack is not in UPDATE state": what follows from its status is done, and where that is nothing, it is said.
#[tokio::test(flavor = "multi_thread")]
async fn b07_a_stack_that_is_not_being_updated_is_left_as_it_is() {
    let mut play = Play::of(&coagent(Some("not-updating"))).await;
    play.propose("dev", COMMAND).await;
    let card = play.card_text();
    assert!(card.contains("infrastructure"), "the card does not leave the stack out: {card}");
    play.click("sre", "Approve").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(orders(&play), ["UpdateBranch", "StartJob"], "nothing is done to the stack");
    play.leave().await;
}

/// B7, "No previous Amplify deployment found": said before anybody approves, with what to do.
#[rstest]
#[case::never("no-earlier", "no job of develop of bayon-coagent-development succeeded before job 42")]
#[case::webhook("webhook", "Amplify does not say which commit job 42")]
#[tokio::test(flavor = "multi_thread")]
async fn b07_no_previous_deployment_is_said_with_what_to_do(#[case] variant: &str, #[case] why: &str) {
    let mut play = Play::of(&coagent(Some(variant))).await;
    play.type_command("dev", COMMAND).await;
    play.until("the refusal", |play| play.card_text().contains("No previous Amplify deployment found")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(why), "{card}");
    assert!(card.contains("Push a commit"), "{card}");
    assert_eq!(orders(&play), Vec::<String>::new());
    play.leave().await;
}

/// B7, "Rollback Succeeds but Application Still Broken": nobody calls it rolled back, and the answer of the page is said.
#[tokio::test(flavor = "multi_thread")]
async fn b07_what_goes_back_and_is_still_broken_is_not_called_rolled_back() {
    let mut scenario = coagent(None);
    let app = scenario.seed.apps.first_mut().expect("the app");
    let broken = app.site[BAD].clone();
    app.site.insert(GOOD.to_owned(), broken);
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback development coagent only frontend because the smoke tests failed").await;
    play.click("sre", "Approve").await;
    play.until("a check that failed", |play| play.card_text().contains("a person has to decide")).await;
    assert!(said(&play).contains("answered 500"), "{}", play.seen());
    assert_eq!(play.stage.aws.published("d2coagent4711", "develop").as_deref(), Some(GOOD));
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// B8: what runs, and what could be gone back to, of the stack and of the frontend.
#[tokio::test(flavor = "multi_thread")]
async fn b08_status_and_history_of_both_halves() {
    let mut play = Play::of(&coagent(None)).await;
    let status = play.ask("dev", "/rollback status development coagent").await;
    assert!(status.contains("stack bayon-coagent-development: UPDATE_IN_PROGRESS"), "{status}");
    assert!(status.contains("branch develop: runs c4e09a7d (job 44: Cache the profile)"), "{status}");
    let releases = play.ask("dev", "/rollback releases development coagent").await;
    for part in ["job 44", "job 43", "81f2b6c4", "5d1c07aa", "Sort the listings by price"] {
        assert!(releases.contains(part), "{part} is not in: {releases}");
    }
    // Any of them can be asked for, as the runbook's manual part does.
    play.propose("dev", "/rollback development coagent only frontend to frontend=job-41").await;
    let card = play.card_text();
    assert!(card.contains("5d1c07aa (job 41"), "{card}");
    play.leave().await;
}

/// B10: while a rollback runs a push is not deployed; lifting the freeze lets pushes through again.
#[tokio::test(flavor = "multi_thread")]
async fn b10_a_push_during_the_rollback_is_not_deployed() {
    let mut play = Play::of(&coagent(None)).await;
    let commit = |digit: &str| SeedCommit { id: digit.repeat(40), summary: "Another change".to_owned() };
    play.propose("dev", COMMAND).await;
    play.click("sre", "Approve").await;
    play.until("the job", |play| !play.calls_of("StartJob").is_empty()).await;
    let built = play.stage.aws.push_to_app("d2coagent4711", "develop", commit("a")).expect("the app is there");
    assert_eq!(built, None, "the push is not built");
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(play.get(FRONTEND, "/").await, (200, GOOD.to_owned()));
    play.type_command("sre", "/rollback unfreeze development coagent").await;
    play.until("the freeze lifted", |play| play.calls_of("UpdateBranch").len() == 2).await;
    assert_eq!(play.calls_of("UpdateBranch")[1].request["enableAutoBuild"], json!(true));
    play.until("a push that is built", |play| {
        let built = play.stage.aws.push_to_app("d2coagent4711", "develop", commit("b"));
        built.expect("the app is there").is_some()
    })
    .await;
    play.leave().await;
}

/// P-9: a rebuild of something else than was asked for is stopped and said, and what people see is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn peer_09_a_rebuild_of_the_newest_commit_is_stopped_and_said() {
    let mut play = Play::of(&coagent(Some("lost-commit"))).await;
    play.propose("dev", "/rollback development coagent only frontend because the smoke tests failed").await;
    play.click("sre", "Approve").await;
    play.until("the finding", |play| play.card_text().contains("a person has to decide")).await;
    assert_eq!(orders(&play), ["UpdateBranch", "StartJob", "StopJob"]);
    let said = said(&play);
    for part in ["Amplify lost the commit", "should have built 81f2b6c4", "began to build c4e09a7d"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_eq!(play.get(FRONTEND, "/").await, (500, BAD.to_owned()));
    play.assert_never_called_rolled_back();
    play.leave().await;
}
