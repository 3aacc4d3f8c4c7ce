//! People's deeds as an app meets them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use slack_morphism::signature_verifier::SlackEventSignatureVerifier;

use super::app::Stage;
use crate::sandbox::slack::{MessageRef, Outcome};

fn card() -> Value {
    json!([{"type": "section", "text": {"type": "mrkdwn", "text": "*Plan*"}},
        {"type": "actions", "block_id": "votes", "elements": [
            {"type": "button", "action_id": "approve", "value": "v1", "style": "primary",
                "text": {"type": "plain_text", "text": "Approve"}}]}])
}

fn form() -> Value {
    json!({"type": "modal", "callback_id": "why", "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Send"}, "blocks": [
            {"type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Why"},
                "element": {"type": "plain_text_input", "action_id": "text", "min_length": 3}}]})
}

async fn posted_card(stage: &Stage) -> MessageRef {
    let ts = stage.post("C1", json!({"blocks": card()})).await["ts"].as_str().unwrap().to_owned();
    MessageRef { channel: "C1".to_owned(), ts }
}

#[tokio::test]
async fn a_slash_command_arrives_signed_and_whole_and_its_reply_is_private() {
    let stage = Stage::set().await;
    stage.answer(|| Json(json!({"text": "on it"})).into_response());
    let reply = stage.slack.type_command("@ada", "#incidents", "/rollback prod api because @sre said so").await;
    assert_eq!(reply.outcome, Outcome::Acknowledged, "{reply:?}");
    assert_eq!(reply.shown.unwrap().visible_to.as_deref(), Some("U1"));
    let got = stage.last();
    assert_eq!(got.path, "/slack/commands");
    let header = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    SlackEventSignatureVerifier::new(&"fa2c05deeef5a4077494e89f54394de0".to_owned().into())
        .verify(&header("x-slack-signature"), &got.body, &header("x-slack-request-timestamp"))
        .unwrap();
    assert_eq!(got.form("text"), "prod api because <!subteam^S1|@sre> said so");
    let fields = ["command", "team_id", "channel_id", "channel_name", "user_id", "user_name", "api_app_id"];
    let sent: Vec<String> = fields.iter().map(|field| got.form(field)).collect();
    assert_eq!(sent, ["/rollback", "T1", "C1", "incidents", "U1", "ada", "A1"]);

    let all = json!({"text": "done", "response_type": "in_channel"});
    let url = got.form("response_url");
    for _ in 0..5 {
        assert_eq!(stage.http.post(&url).json(&all).send().await.unwrap().status().as_u16(), 200);
    }
    let sixth = stage.http.post(&url).json(&all).send().await.unwrap();
    assert_eq!(sixth.status().as_u16(), 404);
    assert_eq!(sixth.json::<Value>().await.unwrap()["error"], "used_url");
    assert_eq!(stage.slack.messages("C1").iter().filter(|message| message.visible_to.is_none()).count(), 5);
}

#[tokio::test]
async fn an_app_that_fails_is_reported_in_slacks_words() {
    let stage = Stage::set().await;
    stage.answer(|| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let reply = stage.slack.type_command("U1", "C1", "/rollback").await;
    assert_eq!(reply.text().unwrap(), "/rollback failed with the error \"dispatch_failed\"");
    assert_eq!(reply.status, Some(500));
    stage.answer(|| StatusCode::GATEWAY_TIMEOUT.into_response());
    let reply = stage.slack.type_command("U1", "C1", "/rollback").await;
    assert_eq!(reply.text().unwrap(), "/rollback failed with the error \"operation_timeout\"");
    assert_eq!(reply.status, None);
}

#[tokio::test]
async fn nobody_types_where_they_are_not_nor_commands_that_are_not_theirs() {
    let stage = Stage::set().await;
    let say = async |user, channel, text| stage.slack.type_command(user, channel, text).await.text().unwrap();
    assert_eq!(say("U2", "C2", "/rollback").await, "@grace is not in #general.");
    assert_eq!(say("U1", "C1", "/deploy").await, "/deploy is not a valid command.");
    assert_eq!(say("U9", "C1", "/rollback").await, "/rollback is not a valid command.");
    assert!(stage.got().is_empty());
}

#[tokio::test]
async fn a_click_carries_the_message_and_fails_once_the_button_is_gone() {
    let stage = Stage::set().await;
    let message = posted_card(&stage).await;
    assert!(stage.slack.click("U9", &message, "Approve").await.is_acknowledged());
    let payload = stage.last().payload();
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(payload["user"]["team_id"], "T9", "a foreign person is known by their team");
    assert_eq!(payload["container"]["message_ts"], message.ts);
    assert_eq!(payload["actions"][0]["value"], "v1");
    assert_eq!(payload["actions"][0]["block_id"], "votes");
    let url = payload["response_url"].as_str().unwrap();
    let replacement = json!({"replace_original": true, "text": "Approved"});
    assert!(stage.http.post(url).json(&replacement).send().await.unwrap().status().is_success());
    assert_eq!(stage.slack.messages("C1")[0].text, "Approved");
    let reply = stage.slack.click("U1", &message, "Approve").await;
    assert_eq!(reply.outcome, Outcome::NotSent("There is no button “Approve”, nor any other.".to_owned()));
    assert_eq!(stage.got().len(), 1);
}

#[tokio::test]
async fn a_form_is_opened_once_checked_and_submitted() {
    let stage = Stage::set().await;
    let message = posted_card(&stage).await;
    stage.slack.click("U1", &message, "approve").await;
    let trigger = stage.last().payload()["trigger_id"].clone();
    let open = json!({"trigger_id": trigger, "view": form()});
    let opened = stage.call("views.open", open.clone()).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert_eq!(stage.call("views.open", open).await["error"], "exchanged_trigger_id");

    let reply = stage.slack.submit("U1", &[]).await;
    assert_eq!(reply.text().unwrap(), "Why: Please complete this required field.");
    stage.answer(|| Json(json!({"response_action": "errors", "errors": {"reason": "Say more."}})).into_response());
    let reply = stage.slack.submit("U1", &[("Why", "too slow")]).await;
    assert_eq!(reply.outcome, Outcome::FieldErrors(vec![("Why".to_owned(), "Say more.".to_owned())]));
    let payload = stage.last().payload();
    assert_eq!(payload["type"], "view_submission");
    let state = &payload["view"]["state"]["values"]["reason"]["text"];
    assert_eq!(state, &json!({"type": "plain_text_input", "value": "too slow"}));
    assert_eq!(payload["view"]["callback_id"], "why");

    stage.answer(|| "ok".into_response());
    let reply = stage.slack.submit("U1", &[]).await;
    assert_eq!(reply.text().unwrap(), "We had some trouble connecting. Try again?");
    stage.answer(|| StatusCode::OK.into_response());
    assert!(stage.slack.submit("U1", &[]).await.is_acknowledged());
    assert_eq!(stage.slack.open_modal("U1"), None);
    let update = json!({"view_id": opened["view"]["id"], "view": form()});
    assert_eq!(stage.call("views.update", update).await["error"], "not_found");
}

#[tokio::test]
async fn a_mention_in_a_thread_is_an_event_that_is_repeated_once_when_it_fails() {
    let stage = Stage::set().await;
    let root = posted_card(&stage).await;
    stage.answer(|| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let reply = stage.slack.mention("U1", "C1", Some(&root.ts), "stop now").await;
    assert_eq!(reply.status, Some(503));
    let got = stage.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[1].headers["x-slack-retry-num"], "1");
    assert_eq!(got[1].headers["x-slack-retry-reason"], "http_error");
    let outer: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(outer["event"]["type"], "app_mention");
    assert_eq!(outer["event"]["text"], "<@U0BOT> stop now");
    assert_eq!(outer["event"]["thread_ts"], root.ts);
    assert_eq!(stage.slack.messages("C1").len(), 2);
}

#[tokio::test]
async fn a_form_tells_of_changes_asks_for_options_and_lays_views_on_top() {
    let stage = Stage::set().await;
    stage.slack.type_command("U1", "C1", "/rollback").await;
    let option = |text: &str| json!({"text": {"type": "plain_text", "text": text}, "value": text});
    let label = |text: &str| json!({"type": "plain_text", "text": text});
    let view = json!({"type": "modal", "notify_on_close": true, "title": label("Roll back"), "submit": label("Go"),
    "blocks": [
        {"type": "input", "block_id": "env", "dispatch_action": true, "label": label("Environment"), "element":
            {"type": "static_select", "action_id": "env", "options": [option("staging"), option("prod")]}},
        {"type": "input", "block_id": "release", "label": label("Release"), "element":
            {"type": "external_select", "action_id": "release", "min_query_length": 0}},
        {"type": "actions", "block_id": "more", "elements": [
            {"type": "button", "action_id": "help", "text": label("Help")}]}
    ]});
    let opened = stage.call("views.open", json!({"trigger_id": stage.last().form("trigger_id"), "view": view})).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert!(stage.slack.fill("U1", "Environment", "prod").await.is_acknowledged());
    let change = stage.last().payload();
    assert_eq!(change["actions"][0]["selected_option"]["value"], "prod");
    assert_eq!(change["container"], json!({"type": "view", "view_id": opened["view"]["id"]}));

    let offered = json!({"options": [option("api:41")]});
    stage.answer(move || Json(offered.clone()).into_response());
    assert!(stage.slack.fill("U1", "Release", "api:41").await.is_acknowledged());
    assert_eq!(stage.last().payload()["type"], "block_suggestion");
    assert_eq!(stage.last().payload()["value"], "api:41");

    stage.answer(|| StatusCode::OK.into_response());
    assert!(stage.slack.click_in_view("U1", "Help").await.is_acknowledged());
    let push = json!({"trigger_id": stage.last().payload()["trigger_id"], "view": form()});
    let pushed = stage.call("views.push", push).await;
    assert_eq!(pushed["view"]["previous_view_id"], opened["view"]["id"], "{pushed}");
    assert!(stage.slack.submit("U1", &[("Why", "because")]).await.is_acknowledged());
    let below = stage.slack.open_modal("U1").expect("the view below comes back");
    assert_eq!(below.values["release"]["release"]["selected_option"]["value"], "api:41");
    let stale = json!({"view_id": below.id, "hash": "1.2", "view": form()});
    assert_eq!(stage.call("views.update", stale).await["error"], "hash_conflict");
    stage.slack.close_modal("U1").await;
    assert_eq!(stage.last().payload()["type"], "view_closed");
    assert_eq!(stage.slack.open_modal("U1"), None);
}

#[tokio::test]
async fn menus_of_messages_keep_what_was_chosen_and_ephemeral_cards_can_be_deleted() {
    let stage = Stage::set().await;
    let option = |text: &str| json!({"text": {"type": "plain_text", "text": text}, "value": text});
    let blocks = json!([{"type": "actions", "block_id": "pick", "elements": [
        {"type": "checkboxes", "action_id": "skip", "options": [option("cache"), option("queue")]},
        {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}]}]);
    let said = json!({"channel": "C1", "user": "U1", "text": "choose", "blocks": blocks});
    assert_eq!(stage.call("chat.postEphemeral", said).await["ok"], true);
    let message = stage.slack.messages("C1")[0].reference();
    assert!(!stage.slack.click("U2", &message, "Go").await.is_acknowledged(), "others do not see it");
    assert!(stage.slack.choose("U1", &message, "skip", "cache\nqueue").await.is_acknowledged());
    assert!(stage.slack.click("U1", &message, "Go").await.is_acknowledged());
    let payload = stage.last().payload();
    let chosen = &payload["state"]["values"]["pick"]["skip"]["selected_options"];
    assert_eq!((&chosen[0]["value"], &chosen[1]["value"]), (&json!("cache"), &json!("queue")));
    assert_eq!((payload["container"]["is_ephemeral"].as_bool(), payload.get("message")), (Some(true), None));
    let url = payload["response_url"].as_str().unwrap();
    let gone = stage.http.post(url).json(&json!({"delete_original": true})).send().await.unwrap();
    assert!(gone.status().is_success());
    assert!(stage.slack.messages("C1").is_empty());
}
