//! What nobody foresaw: bodies and configurations that are nearly right. They are read or refused, and never end the
//! process; what is unknown is never taken.

use proptest::prelude::*;
use rollbot::config::Config;
use rollbot::sandbox::scenario;
use rollbot::slack::payload::{command, event, interaction};
use serde_json::{Value, json};

/// A click, a submission, a shortcut and an event in the shapes that Slack sends.
fn payloads() -> Vec<Value> {
    let user = json!({"id": "U0DEV00001", "username": "dev", "name": "dev", "team_id": "T0SANDBOX1"});
    vec![
        json!({
            "type": "block_actions", "user": user, "team": null, "trigger_id": "1.2.a", "api_app_id": "A1",
            "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0INC00001", "is_ephemeral": false},
            "channel": {"id": "C0INC00001", "name": "incidents"}, "response_url": "https://hooks.slack.com/1",
            "message": {"ts": "1.2", "text": "x", "blocks": []}, "state": {"values": {}},
            "actions": [{"type": "button", "action_id": "approve:rb-7k3fq", "block_id": "b", "value": "v", "action_ts": "1.3",
                "text": {"type": "plain_text", "text": "Approve", "emoji": true}}],
        }),
        json!({
            "type": "view_submission", "user": user, "team": {"id": "T0SANDBOX1", "domain": "example"},
            "view": {"id": "V1", "hash": "1.a", "callback_id": "approve", "private_metadata": "{}", "type": "modal",
                "state": {"values": {"phrase": {"typed": {"type": "plain_text_input", "value": "rollback-production"}}}}},
        }),
        json!({"type": "shortcut", "user": user, "team": {"id": "T0SANDBOX1"}, "callback_id": "x", "trigger_id": "1.2.a"}),
        json!({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_home_opened", "user": "U0DEV00001"}}),
    ]
}

/// Anything that JSON can say, a few levels deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a value.
fn places(value: &Value, at: &str) -> Vec<String> {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{at}/{name}"), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(place, value)| (format!("{at}/{place}"), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    inside.iter().flat_map(|(at, value)| [vec![at.clone()], places(value, at)].concat()).collect()
}

fn form(payload: &str) -> Vec<u8> {
    serde_urlencoded::to_string([("payload", payload)]).unwrap_or_default().into_bytes()
}

/// All doors; what is refused has a sentence.
fn read(body: &[u8]) {
    for refused in [command(body).err(), interaction(body).err(), event(body).err()].into_iter().flatten() {
        assert!(!refused.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&body);
    }

    #[test]
    fn a_payload_with_anything_in_any_place_is_read_or_refused(
        which in 0..payloads().len(), place in any::<prop::sample::Index>(), strange in anything(),
    ) {
        let mut payload = payloads().swap_remove(which);
        let places = places(&payload, "");
        if let Some(there) = payload.pointer_mut(&places[place.index(places.len())]) {
            *there = strange;
        }
        read(payload.to_string().as_bytes());
        read(&form(&payload.to_string()));
    }

    #[test]
    fn a_payload_that_breaks_off_is_read_or_refused(which in 0..payloads().len(), end in any::<prop::sample::Index>()) {
        let payload = payloads().swap_remove(which).to_string();
        let body = form(payload.get(..end.index(payload.len())).unwrap_or_default());
        read(&body);
        prop_assert!(interaction(&body).is_err(), "half a payload was taken");
    }

    #[test]
    fn a_configuration_with_a_line_too_few_or_changed_is_read_or_refused(
        line in any::<prop::sample::Index>(), new in prop_oneof![Just(None), ".{0,30}".prop_map(Some)],
    ) {
        let configuration = configuration();
        let mut lines: Vec<&str> = configuration.lines().collect();
        let place = line.index(lines.len());
        match &new {
            None => { lines.remove(place); }
            Some(new) => lines.splice(place..=place, [new.as_str()]).for_each(drop),
        }
        if let Err(refused) = Config::parse("rollbot.yml", &lines.join("\n")) {
            prop_assert!(refused.to_string().contains("rollbot.yml"), "{refused}");
        }
    }
}

fn configuration() -> &'static str {
    scenario::find("ecs-playbook", None).map(|scenario| scenario.configuration).unwrap_or_default()
}

/// Every mapping of the shipped configuration, in turn with a key that nobody knows. Those whose keys are names that
/// people choose are left out.
#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    let configuration = configuration();
    let mut tried = 0;
    for (place, _) in configuration.match_indices("{ ") {
        let before = configuration.get(..place).unwrap_or_default();
        if before.ends_with('$') || before.ends_with("vars: ") {
            continue;
        }
        let (before, after) = configuration.split_at(place + 2);
        let refused = Config::parse("rollbot.yml", &format!("{before}nobody_knows: 1, {after}"));
        let sentence = refused.err().map(|refused| refused.to_string()).unwrap_or_default();
        assert!(sentence.contains("nobody_knows"), "{before}: {sentence}");
        tried += 1;
    }
    assert!(tried >= 9, "{tried} places");
}
