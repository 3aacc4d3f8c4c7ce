//! Who decides, and how: through the whole bot, against the stand-ins. P-12 of the peers' users: who may do what in a
//! channel, by whom it is approved, and that nothing runs without.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it saw and ends")]

mod support;

use std::process::Output;
use std::time::Duration;

use rollbot::incident::ids::GroupId;
use rollbot::incident::policy::{Actor, Known};
use rollbot::sandbox::script::FaultKind;
use rollbot::sandbox::slack::Outcome;
use support::{Play, program};

const PHRASE: &str = "rollback-production";

/// Clicks a button that opens a form, and sends the form with a reason.
async fn say_why(play: &mut Play, who: &str, button: &str, reason: &str) {
    play.click(who, button).await;
    let user = play.user(who);
    let opened = play.stage.slack.wait_for(Duration::from_secs(5), |slack| slack.open_modal(&user)).await;
    assert!(opened.is_some(), "no form opened for {who}\n{}", play.seen());
    let reply = play.stage.slack.submit(&user, &[("Reason", reason)]).await;
    assert!(matches!(reply.outcome, Outcome::Acknowledged), "{reply:?}\n{}", play.seen());
}

async fn ask(play: &mut Play, who: &str, text: &str) {
    play.type_command(who, text).await;
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
}

/// A command of the command line, on the machine where the bot runs.
async fn order(play: &Play, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program());
    command.args(arguments).current_dir(play.stage.folder()).env("ROLLBOT_CONFIG", "rollbot.yml");
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The name of the incident on the newest card.
fn incident(play: &Play) -> String {
    let card = play.card_text();
    let start = card.find("rb-").unwrap_or_else(|| panic!("no incident on the card: {card}"));
    card[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn two_have_to_approve(play: &mut Play) {
    let path = play.stage.folder().join("rollbot.yml");
    let configuration = std::fs::read_to_string(&path).unwrap();
    assert!(configuration.contains("required: 1"));
    std::fs::write(path, configuration.replace("required: 1", "required: 2")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_12_a_plan_is_rejected_with_a_reason_by_whoever_may() {
    let mut play = Play::begin(None).await;
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    play.click("guest", "Reject").await;
    play.until("why a guest may not", |play| play.alone("guest").iter().any(|text| text.contains("Guests"))).await;
    say_why(&mut play, "sre", "Reject", "it is the database, not the release").await;
    play.until("the end", |play| play.card_text().contains("plan rejected, nothing was changed")).await;
    assert!(play.card_text().contains("it is the database, not the release"), "{}", play.card_text());
    play.until("the reason in the thread", |play| {
        play.thread().iter().any(|post| post.contains("it is the database, not the release"))
    })
    .await;
    assert_eq!(play.aws_writes().len(), 0);
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_12_help_lists_only_what_whoever_asks_may_do() {
    let mut play = Play::begin(None).await;
    let (freeze, emergency, stop) = ("/rollback freeze prod api", "--emergency", "/rollback stop rb-7k3fq");
    for (who, may, may_not) in [
        ("dev", [stop, "/rollback prod api to v41"].as_slice(), [freeze, emergency].as_slice()),
        ("sre", &[stop, freeze], &[emergency]),
        ("lead", &[stop, freeze, emergency], &[]),
        ("guest", &["Guests"], &[stop, freeze, emergency, "/rollback status"]),
    ] {
        let help = play.ask(who, "/rollback help").await;
        assert!(may.iter().all(|verb| help.contains(verb)), "{who}: {help}");
        assert!(!may_not.iter().any(|verb| help.contains(verb)), "{who}: {help}");
    }
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_12_a_failed_check_is_skipped_with_a_reason_and_the_verdict_says_so() {
    let mut play = Play::begin(Some("unhealthy-after")).await;
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("a decision to take", |play| play.with_button("Skip the check").is_some()).await;
    play.click("dev", "Skip the check").await;
    play.until("who may", |play| play.alone("dev").iter().any(|text| text.contains("You may not skip a step here")))
        .await;
    say_why(&mut play, "sre", "Skip the check", "the probe is broken").await;
    play.until("the verdict", |play| play.thread().iter().any(|post| post.contains("only partly back"))).await;
    let card = play.card_text();
    assert!(card.contains("skipped by") && card.contains("the probe is broken"), "{card}");
    assert!(!card.to_lowercase().contains("rolled back"), "{card}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_12_an_emergency_takes_one_named_person_a_reason_and_is_loud() {
    let mut play = Play::begin(None).await;
    // The replies to the card and to the announcement are lost; both are looked for and not made twice.
    play.stage.faults.add("chat.postMessage", FaultKind::Lose, 2);
    play.type_command("dev", "/rollback prod api --emergency because checkout answers 500").await;
    play.until("who may", |play| play.alone("dev").iter().any(|text| text.contains("declare an emergency"))).await;
    let reply = play.type_command("lead", "/rollback prod api --emergency").await;
    assert!(matches!(reply.outcome, Outcome::Acknowledged), "{reply:?}");
    play.until("what is missing", |play| play.alone("lead").iter().any(|text| text.contains("needs a reason"))).await;
    ask(&mut play, "lead", "/rollback prod api --emergency because checkout answers 500").await;
    assert!(play.card_text().contains("EMERGENCY"), "{}", play.card_text());
    let announced = |play: &Play| {
        let texts = play.stage.slack.messages("C0OPS00001").into_iter().map(|message| play.read(&message));
        texts.filter(|text| text.contains("Emergency")).count()
    };
    play.until("the announcement", |play| announced(play) > 0).await;
    play.approve("lead").await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back"), "{}", play.card_text());
    assert_eq!(announced(&play), 1);
    play.until("the last word", |play| play.thread().iter().any(|post| post.contains("incident is closed"))).await;
    let called = play.thread().iter().filter(|post| post.contains("declared an emergency")).count();
    assert_eq!(called, 1, "{:#?}", play.thread());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_12_the_vote_of_somebody_who_left_the_group_falls_and_the_plan_waits_again() {
    let mut play = Play::set(None).await;
    two_have_to_approve(&mut play);
    play.stage.bot.start().await.unwrap();
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    vote(&mut play, "sre").await;
    play.until("the first vote", |play| play.card_text().contains("1 of 2")).await;
    let incidents = play.incidents().await;
    let recorded = incidents.first().unwrap().proposal().unwrap().votes.first().unwrap().by.clone();
    let Actor::Slack(voter) = recorded else { panic!("{recorded:?}") };
    assert_eq!(voter.groups.get(&GroupId::new("S0SRE00001")), Some(&Known::Yes), "what the vote rested on is recorded");
    assert!(play.stage.slack.leave_group(&play.user("sre"), "sre-team"));
    vote(&mut play, "lead").await;
    play.until("the fallen vote", |play| play.card_text().contains("↩️")).await;
    assert!(play.card_text().contains("1 more approval"), "{}", play.card_text());
    assert_eq!(play.aws_writes().len(), 0, "nothing runs on a vote that does not count");
    vote(&mut play, "sre2").await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back"), "{}", play.card_text());
    play.end().await;
}

/// One approval with the phrase, where the form opens.
async fn vote(play: &mut Play, who: &str) {
    play.click(who, "Approve").await;
    let user = play.user(who);
    if play.stage.slack.wait_for(Duration::from_secs(2), |slack| slack.open_modal(&user)).await.is_some() {
        play.stage.slack.submit(&user, &[("Phrase", PHRASE)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_approve_is_called_once_in_the_thread() {
    let mut play = Play::begin(None).await;
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    let calls = |play: &Play| play.thread().iter().filter(|post| post.contains("waits for your approval")).count();
    play.until("the call", |play| calls(play) == 1).await;
    play.stage.bot.kill().await.unwrap();
    play.stage.bot.start().await.unwrap();
    play.approve("sre").await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert_eq!(calls(&play), 1, "{:#?}", play.thread());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_slack_down_a_plan_is_approved_on_the_command_line_and_the_words_arrive_later() {
    let mut play = Play::begin(None).await;
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    let id = incident(&play);
    play.stage.faults.slack_down(true);
    let without = order(&play, &["approve", &id]).await;
    assert_eq!(without.status.code(), Some(1), "{}", said(&without));
    assert!(said(&without).contains("phrase is missing or wrong"), "{}", said(&without));
    let stale = order(&play, &["approve", &id, "--phrase", PHRASE, "--plan", "0000"]).await;
    assert_eq!(stale.status.code(), Some(1), "{}", said(&stale));
    let early = order(&play, &["retry", &id, "backend"]).await;
    assert_eq!(early.status.code(), Some(1), "{}", said(&early));
    let approved = order(&play, &["approve", &id, "--phrase", PHRASE]).await;
    assert_eq!(approved.status.code(), Some(0), "{}", said(&approved));
    assert!(said(&approved).contains("approved; "), "{}", said(&approved));
    play.until("the order to AWS", |play| !play.aws_writes().is_empty()).await;
    assert!(play.with_button("Approve").is_some(), "Slack is down: the card stands as it stood");
    play.stage.faults.slack_down(false);
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("(command line)"), "{}", play.card_text());
    let late = order(&play, &["stop", &id]).await;
    assert_eq!(late.status.code(), Some(1), "{}", said(&late));
    assert!(said(&late).contains("is over"), "{}", said(&late));
    play.stage.bot.terminate().await.unwrap();
    let alone = order(&play, &["stop", &id]).await;
    assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
    assert!(said(&alone).contains("No server runs here"), "{}", said(&alone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_is_retried_and_a_rollback_stopped_on_the_command_line() {
    let mut play = Play::begin(Some("unhealthy-after")).await;
    ask(&mut play, "dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("a decision to take", |play| play.with_button("Retry the check").is_some()).await;
    let id = incident(&play);
    let other = order(&play, &["retry", &id, "backend"]).await;
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(said(&other).contains("verify/http"), "{}", said(&other));
    let again = order(&play, &["retry", &id, "verify/http"]).await;
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    play.until("the second failure", |play| play.card_text().contains("attempt 2")).await;
    let stopped = order(&play, &["stop", &id]).await;
    assert_eq!(stopped.status.code(), Some(0), "{}", said(&stopped));
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    play.end().await;
}
