//! What people do while a rollback runs, through the whole bot: manual steps, and remedies of a failed step. (A gate is
//! in front of what destroys something; its form is tested in the room of Slack, its rules in the heart.)

mod support;

use std::time::Duration;

use rollbot::incident::incident::Verdict;
use rollbot::sandbox::slack::Outcome;
use support::{Play, configure, scenario};

/// A rollback that has to be done by hand first, approved.
async fn waits_for_people(play: &mut Play) {
    play.type_command("dev", "/rollback prod api with provider because checkout answers 500").await;
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let card = play.card_text();
    assert!(card.contains("By hand: Tell the payment provider"), "{card}");
    play.approve("lead").await;
    play.until("what waits", |play| play.card_text().contains("waiting for a person")).await;
}

/// Clicks a button that opens a form, and sends the form.
async fn fill_in(play: &mut Play, who: &str, button: &str, values: &[(&str, &str)]) {
    play.click(who, button).await;
    let user = play.user(who);
    let opened = play.stage.slack.wait_for(Duration::from_secs(5), |slack| slack.open_modal(&user)).await;
    assert!(opened.is_some(), "no form opened for {who}\n{}", play.seen());
    let reply = play.stage.slack.submit(&user, values).await;
    assert!(matches!(reply.outcome, Outcome::Acknowledged), "{reply:?}\n{}", play.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_what_is_done_by_hand_waits_for_whoever_is_named_and_nothing_runs_before() {
    let mut play = Play::begin(Some("manual-step")).await;
    waits_for_people(&mut play).await;
    let card = play.card_text();
    assert!(card.contains("Tell the payment provider") && card.contains("Call 555-0100"), "{card}");
    play.until("the call in the thread", |play| {
        play.thread().iter().any(|post| post.contains("waits for somebody to do this by hand"))
    })
    .await;
    let refused = play.click_in_vain("lead", "Done: provider").await;
    assert!(refused.contains("may say that this is done"), "{refused}");
    let guest = play.click_in_vain("guest", "Done: provider").await;
    assert!(guest.contains("Guests"), "{guest}");
    let status = play.ask("dev", "/rollback status").await;
    assert!(status.contains("1 rollback in flight") && status.contains("waiting for a person"), "{status}");

    // Minutes of the rollback's time: nothing is looked at, and nothing is done.
    let before = play.stage.wire.calls().into_iter().filter(|call| !call.service.starts_with("slack")).count();
    play.stage.clock.sleep_really(Duration::from_secs(1)).await;
    let after = play.stage.wire.calls().into_iter().filter(|call| !call.service.starts_with("slack")).count();
    assert_eq!(after, before, "whoever waits for a person does not ask AWS");
    assert_eq!(play.aws_writes().len(), 0);

    fill_in(&mut play, "sre", "Done: provider", &[("Note", "they wait for our call")]).await;
    play.until("the note in the thread", |play| {
        play.thread().iter().any(|post| post.contains("is done") && post.contains("they wait for our call"))
    })
    .await;
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back"), "{}", play.card_text());
    assert!(play.card_text().contains("they wait for our call"), "{}", play.card_text());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_a_person_is_waited_for_ends_it_with_nothing_changed() {
    let mut play = Play::begin(Some("manual-step")).await;
    waits_for_people(&mut play).await;
    play.click("dev", "Stop").await;
    play.until("the end", |play| play.card_text().contains("ended, nothing was changed")).await;
    assert!(play.with_button("Done: provider").is_none(), "{}", play.card_text());
    assert_eq!(play.aws_writes().len(), 0);
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_does_in_time_is_asked_for_again_or_skipped_and_then_it_is_only_partly_back() {
    let mut scenario = scenario(Some("manual-step"));
    configure(&mut scenario, "by: [sre]", "by: [sre]\n          deadline: 2m");
    let mut play = Play::of(&scenario).await;
    waits_for_people(&mut play).await;
    play.until("that it is late", |play| play.card_text().contains("Nobody did it within 2 min")).await;
    play.click("sre", "Retry provider").await;
    play.until("that it waits again", |play| play.with_button("Done: provider").is_some()).await;
    play.until("that it is late again", |play| play.card_text().contains("attempt 2")).await;
    fill_in(&mut play, "sre", "Skip provider", &[("Reason", "they noticed by themselves")]).await;
    let incident = play.until_recorded("the end", rollbot::incident::incident::Incident::is_closed).await;
    assert_eq!(incident.run().unwrap().verdict.unwrap().verdict, Verdict::PartlyRolledBack);
    play.until("the end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("they noticed by themselves"), "{}", play.card_text());
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_slack_down_a_manual_step_is_done_on_the_command_line() {
    let mut play = Play::begin(Some("manual-step")).await;
    waits_for_people(&mut play).await;
    let id = play.incidents().await.first().unwrap().id.to_string();
    play.stage.faults.slack_down(true);
    let (_, shown, _) = play.command_line(&["show", &id]).await;
    assert!(shown.contains(&format!("then: rollbot approve {id} --step provider")), "{shown}");
    let (code, _, why) = play.command_line(&["approve", &id, "--step", "backend"]).await;
    assert_eq!((code, why.as_str()), (1, "rollbot: backend does not wait for a person; these do: provider.\n"));
    let (code, said, why) = play.command_line(&["approve", &id, "--step", "provider", "--note", "by phone"]).await;
    assert_eq!(code, 0, "{why}");
    assert!(said.contains("provider is done"), "{said}");
    let (code, _, why) = play.command_line(&["approve", &id, "--step", "provider"]).await;
    assert!(code == 1 && why.contains("waits for a person"), "{why}");
    play.stage.faults.slack_down(false);
    play.until("the end", |play| play.card_text().contains("ended")).await;
    play.until("who did it", |play| {
        play.thread().iter().any(|post| post.contains("(command line)") && post.contains("by phone"))
    })
    .await;
    let (_, shown, _) = play.command_line(&["show", &id]).await;
    assert!(shown.contains("(command line): by phone"), "{shown}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remedy_is_offered_chosen_by_whoever_may_carried_out_once_and_told() {
    let mut play = Play::begin(Some("fails-to-start")).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("what can be done", |play| play.with_button("Force a new deployment").is_some()).await;
    let before = play.calls_of("UpdateService").len();
    let refused = play.click_in_vain("dev", "Force a new deployment").await;
    assert!(refused.contains("You may not approve here"), "{refused}");
    play.click("sre", "Force a new deployment").await;
    play.until("who chose it", |play| play.thread().iter().any(|post| post.contains("chose “Force a new deployment”")))
        .await;
    // The tasks do not start this time either.
    play.until("the second failure", |play| play.card_text().contains("attempt 2")).await;
    // Forced where the failing deployment is still there; ECS's circuit breaker may have taken it away by now, and then the
    // target is deployed as ever. (Which of the two is a case in the table of `judge`.)
    assert_eq!(play.calls_of("UpdateService").len(), before + 1, "one order for one remedy");
    assert_eq!(play.thread().iter().filter(|post| post.contains("🩹")).count(), 1);
    play.leave().await;
}
