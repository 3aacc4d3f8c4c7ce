//! What users of other tools complain of, shown to be otherwise here: each test bears the number of its complaint.
//!
//! The real bot is driven through Slack; what counts is what AWS really runs, which calls were made, and what people
//! read.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rollbot::incident::due::{Phase, phase};
use rollbot::incident::incident::{End, Incident, State};
use rollbot::incident::step::StepState;
use rollbot::sandbox::aws::Health;
use rollbot::sandbox::wire::Moment;
use rstest::rstest;
use serde_json::json;
use support::{Play, calm, configure};

const CLUSTER: &str = "shop-prod";
const SERVICE: &str = "api";

/// The versions that run, and whether each task serves.
type Versions = Vec<(String, bool)>;

fn is_blocked(incident: &Incident) -> bool {
    matches!(phase(incident), Phase::Blocked(_))
}

/// Where the step that takes the service back stands.
fn backend(incident: &Incident) -> StepState {
    let state = incident.run().and_then(|run| {
        run.steps.iter().find(|(step, _)| step.as_str() == "backend").map(|(_, record)| record.state.clone())
    });
    state.unwrap_or_default()
}

/// What somebody else does to the service while the bot rolls it back.
#[derive(Clone, Copy)]
enum Meddling {
    Deploys,
    Stops,
}

/// P-1. ECS calls a service stable when some version runs; the question is which.
#[rstest]
#[case::superseded_at_once(Meddling::Deploys, 0, "superseded")]
#[case::superseded_while_tasks_start(Meddling::Deploys, 2, "superseded")]
#[case::stopped_by_somebody(Meddling::Stops, 1, "rolled back by ECS")]
#[tokio::test(flavor = "multi_thread")]
async fn peer_01_a_rollback_that_is_undone_is_never_called_rolled_back(
    #[case] meddling: Meddling,
    #[case] looks: u32,
    #[case] why: &str,
) {
    let mut scenario = calm(None);
    // Slowly enough for the deployment to be under way at the looks that are counted.
    scenario.fastest = 50;
    let mut play = Play::of(&scenario).await;
    let aws = play.stage.aws.clone();
    let (updated, seen) = (AtomicU32::new(0), AtomicU32::new(0));
    play.on_wire(move |call, moment| {
        if moment == Moment::After && call.operation == "UpdateService" {
            updated.fetch_add(1, Ordering::SeqCst);
        }
        let looked = moment == Moment::After && call.operation == "DescribeServices";
        if updated.load(Ordering::SeqCst) == 1 && (looked || looks == 0) && seen.fetch_add(1, Ordering::SeqCst) == looks
        {
            let done = match meddling {
                Meddling::Deploys => aws.deploy(CLUSTER, SERVICE, "api:4"),
                Meddling::Stops => aws.stop_deployment(CLUSTER, SERVICE),
            };
            done.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        }
        None
    });
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    let blocked = play.until_recorded("a failed step", is_blocked).await;
    let StepState::Failed(failure) = backend(&blocked) else { panic!("{blocked:?}") };
    assert!(failure.why.contains(why) && failure.why.contains("api:4"), "{failure:?}");
    play.until("a card that asks", |play| play.card_text().contains("a person has to decide")).await;
    let card = play.card_text();
    assert!(card.contains(why) && card.contains("may run v43 or v42"), "{card}");
    play.until("v43 everywhere", |play| play.running() == ["v43", "v43"]).await;
    play.click("sre", "Stop").await;
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    play.assert_never_called_rolled_back();
    assert_eq!(play.calls_of("UpdateService").len(), 1, "nothing is done over what somebody else did");
    play.leave().await;
}

/// P-1. A deployment that comes while the checks still run has healthy tasks too, but not ours.
#[tokio::test(flavor = "multi_thread")]
async fn peer_01_a_healthy_deployment_during_the_checks_is_not_taken_for_ours() {
    let mut scenario = calm(None);
    configure(&mut scenario, "passes: 3, every: 5s", "passes: 30, every: 10s");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until_recorded("the service at v42", |incident| backend(incident) == StepState::Done).await;
    play.stage.aws.deploy(CLUSTER, SERVICE, "api:2").unwrap();
    let after = play
        .until_recorded("a verdict or a question", |incident| {
            is_blocked(incident) || incident.is_closed() || incident.run().is_some_and(|run| run.verdict.is_some())
        })
        .await;
    assert!(is_blocked(&after), "{after:?}");
    play.until("a card that asks", |play| play.card_text().contains("a person has to decide")).await;
    assert!(play.card_text().contains("superseded"), "{}", play.card_text());
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// P-1. The verdict stands for what was proved; what comes over it later turns the card red.
#[tokio::test(flavor = "multi_thread")]
async fn peer_01_a_bad_deployment_during_the_watch_turns_the_card_red() {
    let mut scenario = calm(None);
    configure(&mut scenario, "watch: { for: 5m, every: 15s }", "watch: { for: 20m, every: 15s }");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until_recorded("a verdict", |incident| incident.run().is_some_and(|run| run.verdict.is_some())).await;
    play.stage.aws.deploy(CLUSTER, SERVICE, "api:4").unwrap();
    play.until("a red card", |play| play.card_text().contains("worse again")).await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back, then worse again"), "{}", play.card_text());
    assert_eq!(play.running(), ["v43", "v43"]);
    play.leave().await;
}

/// P-2. Revision minus one was taken back by ECS three days ago.
#[tokio::test(flavor = "multi_thread")]
async fn peer_02_previous_is_the_newest_that_succeeded_and_an_undo_is_not_undone_unasked() {
    let mut play = Play::of(&calm(Some("previous-bad"))).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = play.card_text();
    assert!(card.contains("v41") && card.contains("whose deployment succeeded"), "{card}");
    assert!(!card.contains("v42"), "{card}");
    play.approve("sre").await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("prod api: rolled back"), "{}", play.card_text());
    assert_eq!(play.running(), ["v41", "v41"]);
    let update = play.calls_of("UpdateService").pop().expect("one update");
    assert!(update.request["taskDefinition"].as_str().unwrap().ends_with("api:2"), "{update:?}");

    // Back from v41 is not forward to what was bad.
    let cards = play.cards();
    play.type_command("dev", "/rollback prod api").await;
    play.until("the refusal", |play| play.cards() > cards && play.card_text().contains("ended")).await;
    let card = play.card_text();
    assert!(card.contains("api:2 is already the result of a rollback from api:4"), "{card}");
    assert!(card.contains("Say which release you want"), "{card}");
    play.propose("dev", "/rollback prod api to v40").await;
    assert!(play.card_text().contains("v40"), "{}", play.card_text());
    assert_eq!(play.aws_writes().len(), 1, "only the first was ever approved");
    play.leave().await;
}

/// P-4. One wants a certain version, not just one back.
#[tokio::test(flavor = "multi_thread")]
async fn peer_04_any_name_of_a_release_is_understood_and_an_unknown_one_gets_the_nearest() {
    let mut play = Play::of(&calm(None)).await;
    let names = [
        "2",
        "api:2",
        "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:2",
        "v41",
        "sha256:4141414141414141414141414141414141414141414141414141414141414141",
        "sha256:4141414",
        "prod-20261110-1530",
        "git-9f3c1ab",
        "9f3c1ab",
        "9f3c1ab5d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f",
    ];
    for name in names {
        let answer = play.ask("dev", &format!("/rollback prod api to {name} --dry-run")).await;
        assert!(answer.contains("dry run") && answer.contains("v41"), "{name}: {answer}");
    }
    let answer = play.ask("dev", "/rollback prod api to previous --dry-run").await;
    assert!(answer.contains("v42"), "{answer}");
    let answer = play.ask("dev", "/rollback prod api to v45 --dry-run").await;
    assert!(answer.contains("No release of api is called v45") && answer.contains("v43"), "{answer}");
    let answer = play.ask("dev", "/rollback prod api to api:22 --dry-run").await;
    assert!(answer.contains("Nearest: api:2"), "{answer}");
    assert_eq!(play.cards(), 0, "a dry run leaves nothing in the channel");

    play.propose("dev", "/rollback prod api to 9f3c1ab because orders are lost").await;
    play.approve("sre").await;
    play.until_recorded("the end", Incident::is_closed).await;
    assert_eq!(play.running(), ["v41", "v41"]);
    assert_eq!(play.aws_writes().len(), 1);
    play.leave().await;
}

/// P-11. Whether the bad deployment is under way or over is for the bot to find out.
#[rstest]
#[case::finished(None, &["UpdateService"])]
#[case::in_flight(Some("in-flight"), &["StopServiceDeployment"])]
#[tokio::test(flavor = "multi_thread")]
async fn peer_11_one_command_takes_back_what_is_in_flight_and_what_is_finished(
    #[case] variant: Option<&str>,
    #[case] writes: &[&str],
) {
    let mut scenario = calm(variant);
    configure(&mut scenario, ", confirm_phrase: rollback-production", "");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.click("sre", "Approve").await;
    play.until_recorded("a verdict", |incident| incident.run().is_some_and(|run| run.verdict.is_some())).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    let made: Vec<String> = play.aws_writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(made, writes);
    play.until("the card", |play| play.card_text().contains("prod api: rolled back")).await;
    play.leave().await;
}

/// P-11. What was in flight when the plan was made may be over when it is approved: the plan is the same, the verb is
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn peer_11_a_deployment_that_ends_while_people_vote_changes_the_verb_and_not_the_plan() {
    let mut scenario = calm(Some("in-flight"));
    // Its tasks are found healthy after all.
    for image in scenario.seed.repositories.values_mut().flatten() {
        image.behaviour.health = Health::Healthy;
    }
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because the new tasks log errors").await;
    play.until("v43 everywhere", |play| play.running() == ["v43", "v43"]).await;
    // The old tasks drain, and the deployment completes.
    play.stage.clock.sleep(std::time::Duration::from_mins(2)).await;
    play.approve("sre").await;
    let after =
        play.until_recorded("a verdict", |incident| incident.run().is_some_and(|run| run.verdict.is_some())).await;
    assert_eq!(after.proposal().map(|proposal| proposal.number), Some(1), "{after:?}");
    let made: Vec<String> = play.aws_writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(made, ["UpdateService"]);
    assert_eq!(play.running(), ["v42", "v42"]);
    play.leave().await;
}

/// P-15. Whoever does not wait cleans up under a deployment's feet; whoever waits for less than everything says done too
/// early.
#[tokio::test(flavor = "multi_thread")]
async fn peer_15_done_is_said_only_when_every_task_is_ours_and_serves_and_nothing_is_cleaned_up() {
    let mut play = Play::of(&calm(None)).await;
    let aws = play.stage.aws.clone();
    let when_said: Arc<Mutex<Option<Versions>>> = Arc::default();
    let said = Arc::clone(&when_said);
    play.on_wire(move |call, moment| {
        let text = support::strings(&call.request).join("\n");
        if moment == Moment::Before && (text.contains("prod api: rolled back") || text.contains("is rolled back")) {
            let running = aws.running(CLUSTER, SERVICE).into_iter();
            let running = running.map(|task| (task.versions["app"].clone(), task.serves)).collect();
            said.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(running);
        }
        None
    });
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    let seen = when_said.lock().unwrap().clone();
    assert_eq!(seen, Some(vec![("v42".to_owned(), true), ("v42".to_owned(), true)]));
    let writes: Vec<String> = play.aws_writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(writes, ["UpdateService"], "no task definition is deregistered, no deployment tidied away");
    play.leave().await;
}

/// P-15. A deadline ends the waiting, not the deployment.
#[tokio::test(flavor = "multi_thread")]
async fn peer_15_a_deadline_says_so_and_leaves_everything_as_it_is() {
    let mut scenario = calm(None);
    configure(&mut scenario, "image: shop/api }", "image: shop/api, deadline: 20s }");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    let blocked = play.until_recorded("the deadline", is_blocked).await;
    let StepState::Failed(failure) = backend(&blocked) else { panic!("{blocked:?}") };
    assert!(failure.why.starts_with("not done after 1 min; the last that was seen: "), "{failure:?}");
    assert!(failure.details.iter().any(|detail| detail.contains("Nothing was undone")), "{failure:?}");
    play.until("v42 everywhere all the same", |play| play.running() == ["v42", "v42"]).await;
    play.assert_never_called_rolled_back();
    // The old tasks drain.
    play.stage.clock.sleep(std::time::Duration::from_mins(2)).await;
    play.click("sre", "Retry backend").await;
    play.until_recorded("a verdict", |incident| incident.run().is_some_and(|run| run.verdict.is_some())).await;
    assert_eq!(play.calls_of("UpdateService").len(), 1, "to wait on is not to act again");
    play.leave().await;
}

/// P-15. Old tasks that drain for long keep the rollback from being done, and from being given up.
#[tokio::test(flavor = "multi_thread")]
async fn peer_15_old_tasks_that_drain_for_long_are_waited_for() {
    let mut scenario = calm(None);
    scenario.seed.target_groups.get_mut("shop-api").unwrap().deregistration_delay_seconds = 240;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("v42 everywhere", |play| play.running() == ["v42", "v42"]).await;
    let incident = play.incidents().await.remove(0);
    assert_eq!(backend(&incident), StepState::Active, "the old tasks still drain");
    let end = play.until_recorded("the end", Incident::is_closed).await;
    let State::Closed(closed) = &end.state else { panic!("{end:?}") };
    assert!(matches!(closed.end, End::Verdict { .. }), "{closed:?}");
    assert_eq!(json!(closed.end)["verdict"], "rolled_back");
    play.leave().await;
}
