//! What the conversation looks like in a terminal.

use serde_json::json;

use super::app::{Stage, workspace};
use crate::sandbox::slack::render::{Transcript, message, modal};
use crate::sandbox::slack::{Author, Message};

fn said(ts: &str, blocks: &serde_json::Value) -> Message {
    Message {
        channel: "C1".into(),
        ts: ts.into(),
        thread_ts: None,
        broadcast: false,
        author: Author::App,
        text: "Roll back *api* in prod, asked for by <@U1>".into(),
        blocks: blocks.as_array().cloned().unwrap_or_default(),
        metadata: None,
        edited: None,
        visible_to: None,
        reactions: Vec::new(),
        pinned: false,
    }
}

#[test]
fn a_card_is_drawn_with_all_its_blocks() {
    let button = |text: &str| json!({"type": "button", "text": {"type": "plain_text", "text": text}});
    let card = said(
        "1763640309.000100",
        &json!([
            {"type": "header", "text": {"type": "plain_text", "text": "Roll back api in prod"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": ":rewind: *backend*: `api:42` → `api:41`, released \
                by <@U2> on <!date^1763600000^{date_short}, {time}|earlier>; see <https://example.com/42|the change>. \
                Errors rose from 0.1 % to 12 % &amp; stayed."},
                "accessory": button("Details")},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Asked by*\n<@U1>"},
                {"type": "mrkdwn", "text": "*Needs*\n1 of <!subteam^S1>"}]},
            {"type": "divider"},
            {"type": "plan", "title": "Steps", "tasks": [
                {"type": "task_card", "task_id": "1", "title": "Freeze", "status": "complete"},
                {"type": "task_card", "task_id": "2", "title": "Roll back", "status": "in_progress", "details":
                    {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "2 of 4 tasks for "},
                            {"type": "user", "user_id": "U1"}]}]}]}},
                {"type": "task_card", "task_id": "3", "title": "Verify", "status": "error"}]},
            {"type": "table", "rows": [
                [{"type": "raw_text", "text": "target"}, {"type": "raw_text", "text": "runs"}],
                [{"type": "raw_text", "text": "backend"}, {"type": "raw_text", "text": "api:42"}]]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "rb-7k3fq"},
                {"type": "plain_text", "text": "plan 3f2a"}]},
            {"type": "actions", "elements": [button("Approve"), button("Reject"), {"type": "static_select",
                "placeholder": {"type": "plain_text", "text": "More"}}]}
        ]),
    );
    insta::assert_snapshot!(message(&card, &workspace()).join("\n"));
}

#[test]
fn a_transcript_prints_what_is_new_and_what_has_changed() {
    let workspace = workspace();
    let mut transcript = Transcript::default();
    let card = said("1763640309.000100", &json!([]));
    let mut reply = said("1763640312.000100", &json!([]));
    reply.thread_ts = Some(card.ts.clone());
    reply.author = Author::Person("U2".into());
    reply.reactions = vec![("eyes".into(), "U0BOT".into())];
    let first = transcript.news(&[card.clone(), reply.clone()], &workspace);
    assert!(transcript.news(&[card.clone(), reply.clone()], &workspace).is_empty());
    let edited = Message { edited: Some("1763640320.000100".into()), text: "Rolled back".into(), ..card };
    let private = Message { visible_to: Some("U1".into()), ..said("1763640321.000100", &json!([])) };
    let second = transcript.news(&[edited, reply, private], &workspace);
    insta::assert_snapshot!([first, second].concat().join("\n"));
}

#[tokio::test]
async fn a_modal_is_drawn_as_a_form() {
    let stage = Stage::set().await;
    stage.slack.type_command("U1", "C1", "/rollback").await;
    let option = |text: &str| json!({"text": {"type": "plain_text", "text": text}, "value": text});
    let label = |text: &str| json!({"type": "plain_text", "text": text});
    let view = json!({"type": "modal", "title": label("Roll back"), "submit": label("Go"), "close": label("Cancel"),
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*api* in prod"}},
        {"type": "input", "label": label("Environment"), "element": {"type": "static_select", "action_id": "e",
            "options": [option("staging"), option("prod")]}},
        {"type": "input", "label": label("Approver"), "optional": true, "element":
            {"type": "users_select", "placeholder": label("Anybody")}},
        {"type": "input", "label": label("Skip"), "optional": true, "element": {"type": "checkboxes",
            "options": [option("cache"), option("queue")]}},
        {"type": "input", "label": label("Reason"), "hint": label("People read this later."),
            "element": {"type": "plain_text_input", "multiline": true}}
    ]});
    let opened = stage.call("views.open", json!({"trigger_id": stage.last().form("trigger_id"), "view": view})).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert!(stage.slack.fill("U1", "Environment", "prod").await.is_acknowledged());
    assert!(stage.slack.fill("U1", "Skip", "queue").await.is_acknowledged());
    assert!(!stage.slack.submit("U1", &[("Approver", "@grace")]).await.is_acknowledged());
    let form = stage.slack.open_modal("U1").unwrap();
    insta::assert_snapshot!(modal(&form, &workspace()).join("\n"));
}
