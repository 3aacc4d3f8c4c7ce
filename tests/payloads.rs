//! The Slack payloads that the bot has to survive, sent signed over HTTP to the real bot: what Slack really sends, what
//! it sends seldom, and what only somebody else would send. After each group the bot is alive and takes production
//! back, once, as if nothing had been.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by them")]

#[path = "payloads/case.rs"]
mod case;
#[path = "payloads/commands.rs"]
mod commands;
#[path = "payloads/events.rs"]
mod events;
#[path = "payloads/forged.rs"]
mod forged;
#[path = "payloads/interactions.rs"]
mod interactions;
#[path = "payloads/storm.rs"]
mod storm;
mod support;

use interactions::Approve;
use storm::Storm;

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_every_shape_are_survived() {
    let mut storm = Storm::begin().await;
    storm.withstand(&commands::commands()).await;
    storm.ends_right_after_a_rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_every_shape_are_survived() {
    let mut storm = Storm::begin().await;
    storm.withstand(&events::events()).await;
    storm.ends_right_after_a_rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_from_slack_is_turned_away() {
    let mut storm = Storm::begin().await;
    storm.withstand(&forged::forged()).await;
    storm.ends_right_after_a_rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_and_forms_of_every_shape_are_survived() {
    let mut storm = Storm::begin().await;
    storm.play.type_command("dev", "/rollback prod api because checkout answers 500").await;
    storm.play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let button = Approve::of(&storm.play.card().expect("there is a card"));
    storm.withstand(&interactions::clicks(&button)).await;
    storm.withstand(&interactions::others()).await;
    storm.withstand(&interactions::forms(&button)).await;
    assert!(storm.play.aws_writes().is_empty(), "nobody has approved anything");
    storm.withstand(&interactions::approval(&button)).await;
    storm.play.until("the end of the incident", |play| play.card_text().contains("ended")).await;
    storm.ends_right().await;
}
