//! The rules of the conversation: who may, who is late, what is typed wrong, what Slack and AWS do meanwhile.
//!
//! The real bot, over real sockets. Waits are for what is on record or to be read, never for time.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollbot::incident::due::{Phase, phase};
use rollbot::incident::incident::{End, Incident, State, Verdict};
use rollbot::incident::step::StepState;
use rollbot::sandbox::aws::Start;
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::script::FaultKind;
use rollbot::sandbox::slack::Outcome;
use rollbot::sandbox::wire::{Fault, Moment};
use rstest::rstest;
use serde_json::json;
use support::{Play, calm, configure, scenario, verdict};

const ASKED: &str = "/rollback prod api because checkout answers 500";

/// The playbook without a phrase to type.
fn clicks_only() -> Scenario {
    let mut scenario = calm(None);
    configure(&mut scenario, ", confirm_phrase: rollback-production", "");
    scenario
}

/// The same without a watch, for stories that are read to their end.
fn without_watch() -> Scenario {
    let mut scenario = clicks_only();
    configure(&mut scenario, "    watch: { for: 5m, every: 15s }\n", "");
    scenario
}

fn votes(incident: &Incident) -> usize {
    incident.proposal().map_or(0, |proposal| proposal.votes.len())
}

fn end(incident: &Incident) -> Option<&End> {
    match &incident.state {
        State::Closed(closed) => Some(&closed.end),
        State::Requested | State::Proposed(_) | State::Running(_) => None,
    }
}

fn has_updated(play: &Play) -> bool {
    play.calls_of("UpdateService").iter().any(|call| call.status == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why_alone_and_nothing_happens() {
    let mut play = Play::begin(None).await;
    let guest = play.ask("guest", ASKED).await;
    assert!(guest.contains("Guests of this workspace cannot do this"), "{guest}");
    let partner = play.type_command("partner", ASKED).await;
    assert!(matches!(partner.outcome, Outcome::NotSent(_)), "Slack offers an app's commands to its own workspace");
    let elsewhere = play.stage.slack.type_command(&play.user("dev"), "random", ASKED).await;
    let elsewhere = elsewhere.text().unwrap_or_default();
    assert_eq!(elsewhere, "Commands for prod are not taken in this channel; type them in <#C0INC00001>.");
    assert_eq!(play.cards(), 0, "no refusal is seen by others");

    play.propose("dev", ASKED).await;
    let told = play.click_in_vain("dev", "Approve").await;
    assert!(told.contains("You may not approve here; @sre-team or @lead may"), "{told}");
    let told = play.click_in_vain("guest", "Approve").await;
    assert!(told.contains("Guests"), "{told}");
    let told = play.click_in_vain("partner", "Approve").await;
    assert!(told.contains("you come from another one"), "{told}");
    let told = play.click_in_vain("guest", "Reject").await;
    assert!(told.contains("Guests"), "{told}");
    let incident = play.incidents().await.remove(0);
    assert!(matches!(phase(&incident), Phase::Waiting(_)) && votes(&incident) == 0, "{incident:?}");
    assert_eq!(play.aws_writes(), []);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_errors_get_the_nearest_names_and_questions_get_answers() {
    let mut play = Play::begin(None).await;
    for (typed, nearest) in [
        ("/rollback prd api", "prod"),
        ("/rollback prod apj", "api"),
        ("/rollback statsu", "status"),
        ("/rollback prod api --dry-rum", "--dry-run"),
        ("/rollback stop", "rb-"),
        ("/rollback prod api only bakend", "backend"),
    ] {
        let answer = play.ask("dev", typed).await;
        assert!(answer.contains(nearest), "{typed}: {answer}");
    }
    let help = play.ask("dev", "/rollback help").await;
    assert!(help.contains("/rollback prod api to v41") && help.contains("prod: api"), "{help}");
    let status = play.ask("dev", "/rollback status").await;
    assert!(status.contains("Nothing is in flight"), "{status}");
    let status = play.ask("dev", "/rollback status prod api").await;
    assert!(status.contains("runs v43") && status.contains("No rollback is in flight"), "{status}");
    let releases = play.ask("dev", "/rollback releases prod api").await;
    assert!(["v40", "v41", "v42", "v43"].iter().all(|version| releases.contains(version)), "{releases}");
    let history = play.ask("dev", "/rollback history prod api").await;
    assert!(history.contains("There is no rollback of prod api on record"), "{history}");
    let dry = play.ask("dev", "/rollback prod api --dry-run").await;
    assert!(dry.contains("Nothing is changed, and nothing waits for approval") && dry.contains("v42"), "{dry}");
    let unknown = play.ask("dev", "/rollback stop rb-22222").await;
    assert!(unknown.contains("There is no incident rb-22222"), "{unknown}");
    let guest = play.ask("guest", "/rollback status").await;
    assert!(guest.contains("Guests"), "{guest}");
    assert_eq!((play.cards(), play.incidents().await), (0, Vec::new()), "questions leave nothing behind");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_does_not_approve_and_whose_group_is_unknown_counts_as_no_member() {
    let mut play = Play::of(&clicks_only()).await;
    let silent = Arc::new(AtomicBool::new(true));
    let groups = Arc::clone(&silent);
    play.on_wire(move |call, moment| {
        let asked = call.operation == "usergroups.users.list" && moment == Moment::Before;
        (asked && groups.load(Ordering::SeqCst)).then_some(Fault::ServerError)
    });
    play.propose("sre", ASKED).await;
    let told = play.click_in_vain("sre2", "Approve").await;
    assert!(told.contains("Slack did not say whether you belong there"), "{told}");
    silent.store(false, Ordering::SeqCst);
    let told = play.click_in_vain("sre", "Approve").await;
    assert!(told.contains("You asked for this rollback, so somebody else has to approve it"), "{told}");
    assert_eq!(votes(&play.incidents().await.remove(0)), 0);
    // Two clicks within a second and a half are taken for one.
    play.stage.clock.sleep_really(Duration::from_millis(1_700)).await;
    play.click("sre2", "Approve").await;
    let incident = play.until_recorded("an approval", |incident| votes(incident) == 1).await;
    let approvers = incident.proposal().unwrap().approvers();
    assert_eq!(approvers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["U0SRE00002"]);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_approvals_take_two_people_and_who_clicks_twice_or_late_is_told_so() {
    let mut scenario = clicks_only();
    configure(&mut scenario, "required: 1", "required: 2");
    let mut play = Play::of(&scenario).await;
    let frozen = Arc::new(AtomicBool::new(false));
    let card = Arc::clone(&frozen);
    play.on_wire(move |call, moment| {
        let changes = call.operation == "chat.update" && moment == Moment::Before;
        (changes && card.load(Ordering::SeqCst)).then_some(Fault::Throttle)
    });
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until_recorded("the first vote", |incident| votes(incident) == 1).await;
    play.until("what is missing", |play| play.card_text().contains("waiting for 1 more approval")).await;
    let again = play.click_in_vain("sre", "Approve").await;
    let twice = ["You have approved this plan already; it waits for somebody else", "Your first click was taken"];
    assert!(twice.iter().any(|words| again.contains(words)), "{again}");
    assert_eq!(votes(&play.incidents().await.remove(0)), 1);

    // Slack is slow to change the card, so its button can still be clicked.
    frozen.store(true, Ordering::SeqCst);
    play.click("lead", "Approve").await;
    play.until_recorded("a start", |incident| incident.run().is_some()).await;
    let late = play.click_in_vain("sre2", "Approve").await;
    assert!(late.contains("That button no longer applies") && late.contains("Nothing was done"), "{late}");
    let incident = play.incidents().await.remove(0);
    assert_eq!(votes(&incident), 2, "{incident:?}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_required_approvals_the_requesters_own_confirmation_is_enough() {
    let mut scenario = clicks_only();
    configure(&mut scenario, "required: 1", "required: 0");
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", ASKED).await;
    play.until("a plan to confirm", |play| play.card_text().contains("waiting for confirmation")).await;
    assert_eq!(play.aws_writes(), [], "asking alone starts nothing");
    play.click("dev", "Approve").await;
    play.until_recorded("a verdict", |incident| verdict(incident) == Some(Verdict::RolledBack)).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_no_longer_fits_is_proposed_anew_with_what_changed_and_old_votes_fall() {
    let mut scenario = clicks_only();
    configure(&mut scenario, "required: 1", "required: 2");
    let definitions = scenario.seed.task_definitions.get_mut("api").unwrap();
    let mut newer = definitions.last().cloned().unwrap();
    newer.request["containerDefinitions"][0]["image"] = json!("{registry}/shop/api:v44");
    definitions.push(newer);
    let images = scenario.seed.repositories.get_mut("shop/api").unwrap();
    let mut image = images.last().cloned().unwrap();
    image.digest = format!("sha256:{}", "44".repeat(32));
    image.tags = vec!["v44".to_owned()];
    images.push(image);
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api to v42 because checkout answers 500").await;
    play.click("sre", "Approve").await;
    play.until_recorded("the first vote", |incident| votes(incident) == 1).await;
    play.stage.aws.deploy("shop-prod", "api", "api:5").unwrap();
    play.click("lead", "Approve").await;
    let anew = play
        .until_recorded("a new plan", |incident| incident.proposal().is_some_and(|proposal| proposal.number == 2))
        .await;
    assert!(votes(&anew) == 0 && anew.run().is_none(), "{anew:?}");
    play.until("the new plan", |play| play.card_text().contains("This is a new plan")).await;
    let card = play.card_text();
    assert!(card.contains("v44") && card.contains("earlier approvals do not count"), "{card}");
    assert_eq!(play.aws_writes(), [], "what was approved is not what would run");

    for (who, count) in [("sre", 1), ("lead", 2)] {
        play.click(who, "Approve").await;
        play.until_recorded("a vote", |incident| votes(incident) == count).await;
        play.until("a card after it", |play| {
            play.card_text().contains("1 of 2") || !play.card_text().contains("[ Approve ]")
        })
        .await;
    }
    play.until_recorded("a verdict", |incident| verdict(incident) == Some(Verdict::RolledBack)).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_nobody_approves_expires_and_the_same_command_asks_again() {
    let mut scenario = clicks_only();
    configure(&mut scenario, "expires_after: 24h", "expires_after: 5m");
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", ASKED).await;
    let expired = play.until_recorded("the expiry", Incident::is_closed).await;
    assert_eq!(end(&expired), Some(&End::Expired));
    play.until("the card", |play| play.card_text().contains("expired, nothing was changed")).await;
    assert!(play.with_button("Approve").is_none(), "{}", play.card_text());
    let status = play.ask("dev", &format!("/rollback status {}", expired.id)).await;
    assert!(status.contains("expired"), "{status}");
    let late = play.ask("dev", &format!("/rollback stop {}", expired.id)).await;
    assert!(late.contains("This rollback is over (expired), so nothing was done"), "{late}");
    play.type_command("dev", ASKED).await;
    play.until_recorded("a new incident", |incident| incident.id != expired.id).await;
    assert_eq!(play.aws_writes(), []);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_or_stopped_plan_changes_nothing_and_lets_go_of_the_service() {
    let mut play = Play::begin(None).await;
    play.propose("dev", ASKED).await;
    let told = play.click_in_vain("guest", "Reject").await;
    assert!(told.contains("Guests"), "{told}");
    play.click_and_fill_in("sre", "Reject", &[("Reason".to_owned(), "not now".to_owned())]).await;
    play.until("the card", |play| play.card_text().contains("plan rejected, nothing was changed")).await;
    play.until("the thread", |play| play.thread().iter().any(|post| post.contains("@sre rejected the plan"))).await;

    play.propose("dev", ASKED).await;
    let id = play.incidents().await.remove(0).id;
    let told = play.ask("guest", &format!("/rollback stop {id}")).await;
    assert!(told.contains("Guests"), "{told}");
    let told = play.ask("dev", &format!("/rollback stop {id}")).await;
    assert!(told.contains("begins nothing new and ends"), "{told}");
    let stopped = play.until_recorded("the end", Incident::is_closed).await;
    assert!(matches!(end(&stopped), Some(End::Aborted { .. })), "{stopped:?}");
    play.until("the card", |play| play.card_text().contains("ended, nothing was changed")).await;

    play.propose("dev", ASKED).await;
    assert_eq!(play.aws_writes(), []);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_begins_nothing_new_and_says_what_was_changed() {
    let mut play = Play::of(&clicks_only()).await;
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until("an update", has_updated).await;
    let id = play.incidents().await.remove(0).id;
    let told = play.ask("dev", &format!("/rollback stop {id}")).await;
    assert!(told.contains("begins nothing new and ends"), "{told}");
    let stopped = play.until_recorded("the end", Incident::is_closed).await;
    // The checks may have been over already; then the watch alone was stopped.
    if verdict(&stopped).is_none() {
        assert!(matches!(end(&stopped), Some(End::Failed { .. })), "{stopped:?}");
        play.until("the card", |play| play.card_text().contains("ended with something changed")).await;
        assert!(play.card_text().contains("stopped by @dev"), "{}", play.card_text());
        play.assert_never_called_rolled_back();
    }
    play.until("v42, which AWS goes on to", |play| play.running() == ["v42", "v42"]).await;
    assert_eq!(play.deployments_made().len(), 1);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_is_tried_again_when_somebody_says_so_and_a_second_command_is_sent_there() {
    let mut play = Play::of(&clicks_only()).await;
    play.stage.faults.add("UpdateService", FaultKind::Throttle, 3);
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until_recorded("a failed step", |incident| matches!(phase(incident), Phase::Blocked(_))).await;
    play.until("a card that asks", |play| play.card_text().contains("a person has to decide")).await;
    let card = play.card_text();
    assert!(card.contains("v43 as before"), "three refusals have changed nothing: {card}");

    let link = play.ask("sre2", "/rollback prod api").await;
    assert!(link.contains("is at work on this already"), "{link}");
    let raw = play.stage.slack.messages(&Play::channel()).pop().unwrap().text;
    assert!(raw.contains("https://sandbox.slack.com/archives/C0INC00001/p") && raw.contains("|rb-"), "{raw}");

    let told = play.click_in_vain("guest", "Retry backend").await;
    assert!(told.contains("Guests"), "{told}");
    play.click("sre", "Retry backend").await;
    play.until_recorded("a verdict", |incident| verdict(incident) == Some(Verdict::RolledBack)).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    assert_eq!(play.deployments_made().len(), 1);
    assert_eq!(play.incidents().await.len(), 1, "the second command opened nothing");
    play.leave().await;
}

/// Waits for the whole thread, and fails if anything is in it twice.
async fn the_whole_thread_once(play: &mut Play) {
    let posts = [
        "@sre approved",
        "The rollback starts",
        "UpdateService",
        "ECS service shop-prod/api runs v42",
        "/health answers 200: passed after",
        "/ready answers 200: passed after",
        "load balancer targets of shop-prod/api are healthy: passed after",
        "api is rolled back: it runs v42",
        "This incident is closed",
    ];
    let count = |play: &Play, post: &str| {
        let flat = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        play.thread().iter().filter(|text| flat(text).contains(post)).count()
    };
    play.until("the end of the thread", |play| count(play, posts[8]) > 0).await;
    play.until("the last card", |play| play.card_text().contains("ended")).await;
    for post in posts {
        assert_eq!(count(play, post), 1, "{post}\n{}", play.seen());
    }
    let public = play.public();
    let marked: Vec<String> =
        public.iter().filter_map(|message| Some(message.metadata.as_ref()?["event_payload"].to_string())).collect();
    let distinct: BTreeSet<&String> = marked.iter().collect();
    assert!(marked.len() >= posts.len() && marked.len() == distinct.len(), "{marked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_is_down_aws_goes_on_and_afterwards_nothing_is_missing_or_doubled() {
    let mut play = Play::of(&without_watch()).await;
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until_recorded("a vote", |incident| votes(incident) == 1).await;
    play.stage.faults.slack_down(true);
    let over = play.until_recorded("the end", Incident::is_closed).await;
    assert_eq!(verdict(&over), Some(Verdict::RolledBack));
    assert_eq!(play.running(), ["v42", "v42"]);
    assert!(!play.card_text().contains("rolled back"), "{}", play.card_text());
    play.stage.faults.slack_down(false);
    the_whole_thread_once(&mut play).await;
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_is_honoured_for_as_long_as_slack_says() {
    let mut play = Play::of(&without_watch()).await;
    let clock = play.stage.clock;
    let told: Arc<Mutex<Vec<(String, std::time::Instant)>>> = Arc::default();
    let early: Arc<Mutex<Vec<String>>> = Arc::default();
    let (refusals, offences) = (Arc::clone(&told), Arc::clone(&early));
    play.on_wire(move |call, moment| {
        if moment == Moment::After || !matches!(call.operation.as_str(), "chat.postMessage" | "chat.update") {
            return None;
        }
        let mut refusals = refusals.lock().unwrap();
        let mut of_this = refusals.iter().filter(|(operation, _)| *operation == call.operation);
        let (count, last) = (of_this.clone().count(), of_this.next_back().map(|(_, at)| *at));
        if last.is_some_and(|at| at.elapsed() < Duration::from_millis(950)) {
            offences.lock().unwrap().push(format!("{} {:?} after a 429", call.operation, last.map(|at| at.elapsed())));
        }
        (count < 2).then(|| {
            refusals.push((call.operation.clone(), clock.reading()));
            Fault::Throttle
        })
    });
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    the_whole_thread_once(&mut play).await;
    assert_eq!(told.lock().unwrap().len(), 4);
    assert_eq!(*early.lock().unwrap(), Vec::<String>::new());
    assert_eq!(play.stage.slack.rate_limited(), 0, "and Slack's own limits are kept");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_text_calls_nobody_and_formats_nothing_wherever_it_is_shown() {
    let mut scenario = scenario(None);
    configure(&mut scenario, ", confirm_phrase: rollback-production", "");
    let said = "ResourceInitializationError: <!here> *all good* `x` <@U0GUEST001> <https://example.com|click> & ~done~";
    let images = scenario.seed.repositories.get_mut("shop/api").unwrap();
    let target = images.iter_mut().find(|image| image.tags.contains(&"v42".to_owned())).unwrap();
    target.behaviour.start = Start::Fails { reason: said.to_owned() };
    let mut play = Play::of(&scenario).await;
    let reason =
        format!("&lt;!channel&gt; *bold* _slanted_ `code` ~gone~ &amp; <!everyone> {}", "very long ".repeat(80));
    play.propose("dev", &format!("/rollback prod api because {reason}")).await;
    play.click("sre", "Approve").await;
    play.until("a card that asks", |play| play.card_text().contains("a person has to decide")).await;
    let history = play.ask("dev", "/rollback history prod api").await;
    assert!(history.contains("very long"), "{history}");
    play.until("the post of it", |play| play.thread().iter().any(|post| post.contains("ResourceInitializationError")))
        .await;
    play.click("sre", "Stop").await;
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    let sent = play.sent();
    for text in &sent {
        for forbidden in
            ["<!channel", "<!here", "<!everyone", "<@U0GUEST001", "<https://example.com", " *bold* ", " _slanted_ "]
        {
            assert!(!text.contains(forbidden), "{forbidden} in {text}");
        }
    }
    assert!(sent.iter().any(|text| text.contains("&lt;!channel&gt;")), "the reason is shown as it was typed");
    assert!(sent.iter().any(|text| text.contains("&lt;!here&gt;")), "what AWS said is shown");
    let refused: Vec<_> = play.stage.wire.calls().into_iter().filter(|call| call.reply["ok"] == json!(false)).collect();
    assert_eq!(refused, [], "Slack takes every message");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_in_the_middle_goes_on_after_the_next_start() {
    let mut play = Play::of(&without_watch()).await;
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until("an update", has_updated).await;
    play.stage.bot.terminate().await.expect("it ends in order");
    play.until("v42, which AWS goes on to", |play| play.running() == ["v42", "v42"]).await;
    play.stage.bot.start().await.expect("it starts again");
    play.until_recorded("a verdict", |incident| verdict(incident) == Some(Verdict::RolledBack)).await;
    assert_eq!(play.calls_of("UpdateService").len(), 1);
    the_whole_thread_once(&mut play).await;
    play.end().await;
}

#[rstest]
#[case::throttled_reads(&[("DescribeServices", FaultKind::Throttle, 6), ("ListServiceDeployments", FaultKind::Throttle, 4), ("DescribeTargetHealth", FaultKind::Throttle, 4)])]
#[case::broken_reads(&[("DescribeServices", FaultKind::Error, 5), ("DescribeTasks", FaultKind::Error, 4), ("AssumeRole", FaultKind::Error, 1)])]
#[case::lost_reads(&[("DescribeServices", FaultKind::Lose, 4), ("DescribeServiceRevisions", FaultKind::Lose, 3)])]
#[case::a_throttled_write(&[("UpdateService", FaultKind::Throttle, 2)])]
#[case::a_broken_write(&[("UpdateService", FaultKind::Error, 1)])]
#[case::a_lost_reply(&[("UpdateService", FaultKind::Lose, 1)])]
#[tokio::test(flavor = "multi_thread")]
async fn when_aws_stumbles_the_rollback_ends_the_same_with_one_effective_write(
    #[case] faults: &[(&str, FaultKind, u32)],
) {
    let mut scenario = clicks_only();
    // The SDK's own pauses between two attempts are real ones, and must not outlast simulated patience.
    scenario.fastest = 50;
    let mut play = Play::of(&scenario).await;
    let (writes, reads): (Vec<_>, Vec<_>) =
        faults.iter().copied().partition(|(operation, _, _)| *operation == "UpdateService");
    for (operation, fault, times) in writes {
        play.stage.faults.add(operation, fault, times);
    }
    for (operation, fault, _) in &reads {
        play.stage.faults.add(operation, *fault, 1);
    }
    play.propose("dev", ASKED).await;
    play.click("sre", "Approve").await;
    play.until_recorded("a start", |incident| incident.run().is_some()).await;
    for (operation, fault, times) in reads {
        play.stage.faults.add(operation, fault, times);
    }
    let incident = play.until_recorded("a verdict", |incident| verdict(incident).is_some() || is_stuck(incident)).await;
    assert_eq!(verdict(&incident), Some(Verdict::RolledBack), "{incident:?}");
    assert_eq!(play.running(), ["v42", "v42"]);
    assert_eq!(play.deployments_made().len(), 1, "{:?}", play.calls_of("UpdateService"));
    let effective = play.calls_of("UpdateService").iter().filter(|call| call.reply.get("service").is_some()).count();
    assert_eq!(effective, 1, "what had its effect is not asked for again");
    play.leave().await;
}

fn is_stuck(incident: &Incident) -> bool {
    let failed = |run: &rollbot::incident::incident::Run| {
        run.steps.values().any(|record| matches!(record.state, StepState::Failed(_)))
    };
    incident.is_closed() || incident.run().is_some_and(failed)
}
