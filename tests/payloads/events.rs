//! What arrives where events do.

use serde_json::{Value, json};

use crate::case::{Case, EVENTS, FORM, with, without};

fn callback(event: &Value) -> Value {
    json!({
        "token": "legacy-verification-token", "team_id": "T0SANDBOX1", "api_app_id": "A0ROLLBOT1",
        "type": "event_callback", "event_id": "Ev0EVENT001", "event_time": 1_793_534_400,
        "authorizations": [{"enterprise_id": null, "team_id": "T0SANDBOX1", "user_id": "U0ROLLBOT1", "is_bot": true}],
        "is_ext_shared_channel": false, "event_context": "4-abc",
        "event": event,
    })
}

fn mention(text: &str) -> Value {
    callback(&json!({
        "type": "app_mention", "user": "U0DEV00001", "text": text, "ts": "1793534400.000100",
        "channel": "C0INC00001", "event_ts": "1793534400.000100",
    }))
}

/// Events of every shape.
pub(crate) fn events() -> Vec<Case> {
    let e = |name, event: &Value| Case::event(name, event);
    let challenge = json!({"token": "x", "challenge": "3eZbrw1aB", "type": "url_verification"});
    vec![
        e("the probe of the URL", &challenge).answers("{\"challenge\":\"3eZbrw1aB\"}"),
        e("a challenge in another script", &with(challenge.clone(), "/challenge", json!("вызов 🔥")))
            .answers("вызов 🔥"),
        e("a challenge that is a number", &with(challenge.clone(), "/challenge", json!(7)))
            .status(400)
            .answers("no challenge"),
        e("no challenge", &without(challenge, "/challenge")).status(400).answers("no challenge"),
        e(
            "a message",
            &callback(
                &json!({"type": "message", "channel": "C0INC00001", "user": "U0DEV00001", "text": "x", "ts": "1.2"}),
            ),
        ),
        e("a message without a user", &callback(&json!({"type": "message", "subtype": "channel_join", "ts": "1.2"}))),
        e(
            "its own message",
            &callback(&json!({"type": "message", "bot_id": "B0ROLLBOT1", "user": "U0ROLLBOT1", "text": "prod api"})),
        ),
        e(
            "an edited message",
            &callback(&json!({"type": "message", "subtype": "message_changed", "hidden": true, "message": {}})),
        ),
        e(
            "the home tab opened",
            &callback(&json!({"type": "app_home_opened", "user": "U0DEV00001", "tab": "home", "view": null})),
        ),
        e(
            "somebody joins",
            &callback(&json!({"type": "member_joined_channel", "user": "U0DEV00001", "channel": "C0INC00001"})),
        ),
        e(
            "a group changes",
            &callback(&json!({"type": "subteam_members_changed", "subteam_id": "S0SRE00001", "added_users": []})),
        ),
        e("the channel is archived", &callback(&json!({"type": "channel_archive", "channel": "C0INC00001"}))),
        e("the app is uninstalled", &callback(&json!({"type": "app_uninstalled"}))),
        e(
            "tokens revoked",
            &callback(&json!({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0ROLLBOT1"]}})),
        ),
        e("a type that is yet to come", &callback(&json!({"type": "yet_unknown", "nested": {"deep": [[[]]]}}))),
        e("an event without a type", &callback(&json!({}))),
        e("no event", &callback(&Value::Null)),
        e("an event that is a list", &callback(&json!([1, 2]))),
        e("an organisation's", &with(mention("hello"), "/team_id", Value::Null)),
        e("no authorizations", &with(mention("hello"), "/authorizations", json!([]))),
        e("a first delivery", &mention("hello")),
        e("its second", &mention("hello")).retried("http_timeout"),
        e("its third", &mention("hello")).retried("connection_failed"),
        e(
            "too many events",
            &json!({"type": "app_rate_limited", "team_id": "T0SANDBOX1", "minute_rate_limited": 1_793_534_400}),
        ),
        e("no id", &without(mention("hello"), "/event_id")).status(400).answers("no event_id"),
        e("an id that is a number", &with(mention("hello"), "/event_id", json!(7))).status(400).answers("no event_id"),
        e("no type", &without(mention("hello"), "/type")).status(400).answers("no type"),
        e("a type that is null", &with(mention("hello"), "/type", Value::Null)).status(400).answers("no type"),
        e("a list", &json!([])).status(400).answers("no type"),
        e("a number", &json!(7)).status(400).answers("no type"),
        e("null", &Value::Null).status(400).answers("no type"),
        e("a form for JSON", &mention("hello")).of_content_type(Some(FORM)),
        e("half a megabyte", &mention(&"🔥".repeat(128 * 1024))),
        Case::new("a form", EVENTS, "payload=%7B%7D").status(400).answers("not JSON"),
        Case::new("nothing", EVENTS, "").status(400).answers("not JSON"),
        Case::new("cut off", EVENTS, "{\"type\": \"event_callback\", \"event_id\": \"Ev")
            .status(400)
            .answers("not JSON"),
        Case::new("no UTF-8", EVENTS, b"{\"type\": \"\xff\"}".as_slice())
            .status(400)
            .answers("The body could not be read"),
        Case::new("two at once", EVENTS, "{\"type\":\"a\"}{\"type\":\"b\"}").status(400).answers("not JSON"),
        Case::new("too deep", EVENTS, format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)))
            .status(400)
            .answers("not JSON"),
        Case::new("a byte order mark", EVENTS, "\u{feff}{\"type\": \"url_verification\", \"challenge\": \"x\"}")
            .status(400)
            .answers("not JSON"),
    ]
}
