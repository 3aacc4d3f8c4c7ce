//! The Web API as an app meets it.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::app::{Stage, workspace};
use crate::sandbox::wire::{Fault, Moment};

#[tokio::test]
async fn a_post_is_answered_as_slack_answers_and_read_back_with_its_metadata() {
    let stage = Stage::set().await;
    let metadata = json!({"event_type": "rollbot", "event_payload": {"incident": "rb-1"}});
    let posted = stage.post("C1", json!({"metadata": metadata})).await;
    assert_eq!(posted["ok"], true, "{posted}");
    assert_eq!(posted["message"]["bot_id"], "B1");
    let ts = posted["ts"].as_str().unwrap();
    let reply = stage.post("C1", json!({"thread_ts": ts})).await;
    assert_eq!(reply["message"]["thread_ts"], ts);

    let url = format!("{}/conversations.history?channel=C1&include_all_metadata=true", stage.slack.api_url());
    let history: Value = stage.http.get(url).bearer_auth("xoxb-1").send().await.unwrap().json().await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "replies stay in their thread: {history}");
    assert_eq!(history["messages"][0]["metadata"], metadata);
    assert_eq!(history["messages"][0]["reply_count"], 1);
    let thread = stage.call("conversations.replies", json!({"channel": "C1", "ts": ts, "limit": 1})).await;
    assert_eq!(thread["messages"][0]["metadata"], json!({"event_type": "rollbot"}));
    let cursor = &thread["response_metadata"]["next_cursor"];
    let next = stage.call("conversations.replies", json!({"channel": "C1", "ts": ts, "cursor": cursor})).await;
    assert_eq!(next["messages"][0]["ts"], reply["ts"]);
    assert_eq!(next["has_more"], false);
}

#[rstest]
#[case::nowhere("chat.postMessage", json!({"channel": "C0", "text": "x"}), "channel_not_found")]
#[case::outside("chat.postMessage", json!({"channel": "C2", "text": "x"}), "not_in_channel")]
#[case::archived("chat.postMessage", json!({"channel": "C4", "text": "x"}), "is_archived")]
#[case::nothing_said("chat.postMessage", json!({"channel": "C1"}), "no_text")]
#[case::no_thread("chat.postMessage", json!({"channel": "C1", "text": "x", "thread_ts": "1.000001"}), "thread_not_found")]
#[case::nested_metadata("chat.postMessage", json!({"channel": "C1", "text": "x",
    "metadata": {"event_type": "e", "event_payload": {"a": {"b": 1}}}}), "invalid_metadata_schema")]
#[case::large_metadata("chat.postMessage", json!({"channel": "C1", "text": "x",
    "metadata": {"event_type": "e", "event_payload": {"a": "x".repeat(8192)}}}), "metadata_too_large")]
#[case::much("chat.postMessage", json!({"channel": "C1", "text": "x", "blocks": vec![
    json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(2900)}}); 5]}), "msg_blocks_too_long")]
#[case::stranger("chat.postEphemeral", json!({"channel": "C3", "user": "U2", "text": "x"}), "user_not_in_channel")]
#[case::no_message("chat.update", json!({"channel": "C1", "ts": "1.000001", "text": "x"}), "message_not_found")]
#[case::no_person("users.info", json!({}), "user_not_found")]
#[case::no_group("usergroups.users.list", json!({}), "no_such_subteam")]
#[case::bad_trigger("views.open", json!({"trigger_id": "1.2", "view": {"type": "modal", "blocks": [],
    "title": {"type": "plain_text", "text": "t"}}}), "invalid_trigger_id")]
#[case::unknown("chat.shout", json!({}), "unknown_method")]
#[tokio::test]
async fn what_slack_refuses_is_refused(#[case] method: &str, #[case] arguments: Value, #[case] code: &str) {
    let answer = Stage::set().await.call(method, arguments).await;
    assert_eq!((answer["ok"].as_bool(), answer["error"].as_str()), (Some(false), Some(code)), "{answer}");
}

#[tokio::test]
async fn missing_tokens_and_scopes_are_named() {
    let mut workspace = workspace();
    workspace.scopes = vec!["chat:write".to_owned()];
    let stage = Stage::set_in(workspace).await;
    let history = stage.call("conversations.history", json!({"channel": "C1"})).await;
    assert_eq!(history["error"], "missing_scope");
    assert_eq!((&history["needed"], &history["provided"]), (&json!("channels:history"), &json!("chat:write")));
    let url = format!("{}/auth.test", stage.slack.api_url());
    let answer: Value = stage.http.post(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "not_authed");
    let answer: Value = stage.http.post(&url).bearer_auth("xoxb-2").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "invalid_auth");
}

#[tokio::test]
async fn bad_blocks_come_back_with_pointers() {
    let stage = Stage::set().await;
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]);
    let answer = stage.post("C1", json!({"blocks": blocks})).await;
    assert_eq!(answer["error"], "invalid_blocks");
    assert_eq!(
        answer["response_metadata"]["messages"],
        json!(["[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]"])
    );
    assert!(stage.slack.messages("C1").is_empty());
}

#[tokio::test]
async fn an_ephemeral_message_reaches_one_person_and_cannot_be_updated() {
    let stage = Stage::set().await;
    let said = json!({"channel": "C1", "user": "U1", "text": "psst"});
    let ts = stage.call("chat.postEphemeral", said).await["message_ts"].clone();
    assert_eq!(stage.slack.messages("C1")[0].visible_to.as_deref(), Some("U1"));
    let update = stage.call("chat.update", json!({"channel": "C1", "ts": ts, "text": "x"})).await;
    assert_eq!(update["error"], "message_not_found");
    let root = stage.post("C1", json!({})).await["ts"].clone();
    let said = json!({"channel": "C1", "user": "U1", "text": "psst", "thread_ts": root});
    assert_eq!(stage.call("chat.postEphemeral", said).await["ok"], true);
    assert_eq!(stage.slack.messages("C1").len(), 2, "in a thread without replies nobody sees it");
}

#[tokio::test]
async fn an_update_keeps_blocks_that_it_does_not_mention() {
    let stage = Stage::set().await;
    let ts = stage.post("C1", json!({"blocks": [{"type": "divider"}]})).await["ts"].clone();
    let updated = stage.call("chat.update", json!({"channel": "C1", "ts": ts, "text": "new"})).await;
    assert_eq!(updated["message"]["blocks"].as_array().unwrap().len(), 1);
    let updated = stage.call("chat.update", json!({"channel": "C1", "ts": ts, "text": "new", "blocks": []})).await;
    assert_eq!(updated["message"].get("blocks"), None);
    assert!(stage.slack.messages("incidents")[0].edited.is_some());
}

#[tokio::test]
async fn posting_too_fast_is_answered_with_429_and_counted() {
    let stage = Stage::set().await;
    for _ in 0..5 {
        assert_eq!(stage.post("C1", json!({})).await["ok"], true);
    }
    let url = format!("{}/chat.postMessage", stage.slack.api_url());
    let said = json!({"channel": "C1", "text": "x"});
    let reply = stage.http.post(url).bearer_auth("xoxb-1").json(&said).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 429);
    assert_eq!(reply.headers()["retry-after"], "5");
    assert_eq!(stage.slack.rate_limited(), 1);
    assert_eq!(stage.slack.messages("C1").len(), 5);
}

#[rstest]
#[case::throttled(Moment::Before, Fault::Throttle, Some(429), 0)]
#[case::failed(Moment::Before, Fault::ServerError, Some(500), 0)]
#[case::never_arrived(Moment::Before, Fault::Drop, None, 0)]
#[case::reply_lost(Moment::After, Fault::Drop, None, 1)]
#[tokio::test]
async fn the_wire_can_interfere(
    #[case] when: Moment,
    #[case] fault: Fault,
    #[case] status: Option<u16>,
    #[case] posted: usize,
) {
    let stage = Stage::set().await;
    stage.wire.interfere(Some(Arc::new(move |_call, moment| {
        Box::pin(std::future::ready((moment == when).then_some(fault)))
    })));
    let url = format!("{}/chat.postMessage", stage.slack.api_url());
    let said = json!({"channel": "C1", "text": "x", "token": "xoxb-1"});
    let reply = stage.http.post(url).bearer_auth("xoxb-1").form(&said).send().await;
    assert_eq!(reply.ok().map(|reply| reply.status().as_u16()), status);
    assert_eq!(stage.slack.messages("C1").len(), posted);
    let calls = stage.wire.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].operation.as_str(), calls[0].writes), ("chat.postMessage", true));
    assert_eq!(calls[0].status, status.unwrap_or(0));
    assert_eq!(calls[0].request, json!({"channel": "C1", "text": "x"}), "no token in the journal");
    assert_eq!(stage.slack.rate_limited(), 0);
}

#[tokio::test]
async fn the_crate_that_apps_use_understands_the_answers() {
    use slack_morphism::prelude::*;
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let stage = Stage::set().await;
    let https =
        hyper_rustls::HttpsConnectorBuilder::new().with_native_roots().unwrap().https_or_http().enable_http1().build();
    let connector = SlackClientHyperConnector::from(https).with_slack_api_url(&stage.slack.api_url());
    let client = SlackClient::new(connector);
    let token = SlackApiToken::new("xoxb-1".into());
    let session = client.open_session(&token);
    assert_eq!(session.auth_test().await.unwrap().user_id, "U0BOT".into());
    let content = SlackMessageContent::new()
        .with_text("hello".into())
        .with_blocks(vec![SlackSectionBlock::new().with_text(md!("*hello*")).into(), SlackDividerBlock::new().into()]);
    let request = SlackApiChatPostMessageRequest::new("C1".into(), content);
    let posted = session.chat_post_message(&request).await.unwrap();
    let request = SlackApiConversationsHistoryRequest::new().with_channel("C1".into());
    let history = session.conversations_history(&request).await.unwrap();
    assert_eq!(history.messages[0].origin.ts, posted.ts);
    let info = session.users_info(&SlackApiUsersInfoRequest::new("U1".into())).await.unwrap();
    assert_eq!(info.user.name.as_deref(), Some("ada"));
    let info = session.conversations_info(&SlackApiConversationsInfoRequest::new("C1".into())).await.unwrap();
    assert_eq!(info.channel.name.as_deref(), Some("incidents"));
    let groups = session.usergroups_list(&SlackApiUserGroupsListRequest::new().with_include_count(true)).await.unwrap();
    assert_eq!(groups.usergroups.len(), 1);
}
