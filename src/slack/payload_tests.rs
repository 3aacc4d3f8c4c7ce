//! Payloads in the shapes that Slack sends, those that typed models refuse among them.

use rstest::rstest;
use serde_json::{Value, json};

use super::client_types::{MessageTs, ViewId};
use super::payload::{Called, Click, Interaction, Malformed, Person, Pushed, SlashCommand, Submission};
use super::payload::{command, event, interaction};
use crate::incident::ids::{ChannelId, TeamId, UserId};

const COMMAND: &str = "token=x&team_id=T0HOME0001&team_domain=example&channel_id=C0INC00001&channel_name=incidents\
    &user_id=U0ANN00001&user_name=ann&command=%2Frollback&text=prod+api+because+%26lt%3Bb%26gt%3B&api_app_id=A0APP00001\
    &is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0HOME0001%2F1%2Fx\
    &trigger_id=1.2.abc";

fn slash(body: &str) -> SlashCommand {
    match command(body.as_bytes()) {
        Ok(Called::Command(command)) => *command,
        other => panic!("read as {other:?}"),
    }
}

#[test]
fn a_command_is_read_with_all_that_is_needed() {
    assert_eq!(
        slash(COMMAND),
        SlashCommand {
            command: "/rollback".to_owned(),
            text: "prod api because &lt;b&gt;".to_owned(),
            by: Person {
                user: UserId::new("U0ANN00001"),
                name: "ann".to_owned(),
                team: Some(TeamId::new("T0HOME0001")),
            },
            channel: ChannelId::new("C0INC00001"),
            trigger_id: Some("1.2.abc".to_owned()),
            response_url: Some("https://hooks.slack.com/commands/T0HOME0001/1/x".to_owned()),
        }
    );
}

#[rstest]
#[case::bare("command=%2Frollback&user_id=U1&channel_id=C1", "", None)]
#[case::empty_text("command=%2Frollback&user_id=U1&channel_id=C1&text=", "", None)]
#[case::empty_trigger("command=%2Frollback&user_id=U1&channel_id=C1&text=help&trigger_id=", "help", None)]
#[case::org_wide(
    "command=%2Frollback&user_id=U1&channel_id=C1&enterprise_id=E1&enterprise_name=Org&is_enterprise_install=true&text=status&trigger_id=9",
    "status",
    Some("9")
)]
#[case::no_utf8("command=%2Frollback&user_id=U1&channel_id=C1&text=%ff%fe", "\u{fffd}\u{fffd}", None)]
#[case::ssl_check_off("ssl_check=0&command=%2Frollback&user_id=U1&channel_id=C1&text=a", "a", None)]
#[case::a_field_twice("command=%2Frollback&user_id=U1&channel_id=C1&text=a&text=b", "b", None)]
fn commands_of_other_shapes_are_read(#[case] body: &str, #[case] typed: &str, #[case] trigger: Option<&str>) {
    let command = slash(body);
    assert_eq!(command.text, typed);
    assert_eq!(command.trigger_id.as_deref(), trigger);
    assert_eq!(command.by.name, "U1");
    assert_eq!(command.by.team, None);
}

#[test]
fn the_probe_of_the_certificate_is_no_command() {
    assert_eq!(command(b"ssl_check=1&token=x"), Ok(Called::SslCheck));
}

#[rstest]
#[case("", "user_id")]
#[case("command=%2Frollback&channel_id=C1", "user_id")]
#[case("command=%2Frollback&user_id=U1", "channel_id")]
#[case("user_id=U1&channel_id=C1", "command")]
#[case("{\"user_id\":\"U1\"}", "user_id")]
fn a_command_without_its_bones_is_malformed(#[case] body: &str, #[case] field: &'static str) {
    assert_eq!(command(body.as_bytes()), Err(Malformed::Missing { field }));
}

#[test]
fn one_delivery_has_one_key() {
    let first = slash(COMMAND);
    assert_eq!(first.key(COMMAND.as_bytes()), "command/1.2.abc");
    let bare = "command=%2Frollback&user_id=U1&channel_id=C1";
    let other = "command=%2Frollback&user_id=U2&channel_id=C1";
    assert_eq!(slash(bare).key(bare.as_bytes()), slash(bare).key(bare.as_bytes()));
    assert_ne!(slash(bare).key(bare.as_bytes()), slash(other).key(other.as_bytes()));
}

fn form(payload: &Value) -> Vec<u8> {
    serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap().into_bytes()
}

fn block_actions() -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": "U0ANN00001", "username": "ann", "name": "ann", "team_id": "T0HOME0001" },
        "api_app_id": "A0APP00001",
        "token": "x",
        "container": {
            "type": "message", "message_ts": "1730462400.000100", "channel_id": "C0INC00001", "is_ephemeral": false
        },
        "trigger_id": "3.4.def",
        "team": { "id": "T0HOME0001", "domain": "example" },
        "enterprise": null,
        "is_enterprise_install": false,
        "channel": { "id": "C0INC00001", "name": "incidents" },
        "message": { "type": "message", "ts": "1730462400.000100", "blocks": [{ "type": "yet_unknown" }] },
        "state": { "values": {} },
        "response_url": "https://hooks.slack.com/actions/T0HOME0001/1/x",
        "actions": [{
            "type": "button", "action_id": "approve:rb-7k3fq", "block_id": "b1", "value": "0123456789abcdef0123",
            "text": { "type": "plain_text", "text": "Approve" }, "action_ts": "1730462410.000200"
        }]
    })
}

fn with(mut payload: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap()[field] = value;
    payload
}

fn without(mut payload: Value, pointer: &str) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    payload
}

fn clicked(payload: &Value) -> Click {
    match interaction(&form(payload)) {
        Ok(Interaction::Click(click)) => *click,
        other => panic!("read as {other:?}"),
    }
}

#[test]
fn a_click_is_read_with_all_that_is_needed() {
    assert_eq!(
        clicked(&block_actions()),
        Click {
            by: Person {
                user: UserId::new("U0ANN00001"),
                name: "ann".to_owned(),
                team: Some(TeamId::new("T0HOME0001")),
            },
            channel: Some(ChannelId::new("C0INC00001")),
            message: Some(MessageTs::new("1730462400.000100")),
            thread: None,
            action_id: "approve:rb-7k3fq".to_owned(),
            value: "0123456789abcdef0123".to_owned(),
            action_ts: "1730462410.000200".to_owned(),
            trigger_id: Some("3.4.def".to_owned()),
            response_url: Some("https://hooks.slack.com/actions/T0HOME0001/1/x".to_owned()),
        }
    );
}

#[rstest]
#[case::team_null(with(block_actions(), "/team", Value::Null))]
#[case::state_as_list(with(block_actions(), "/state", json!({ "values": [] })))]
#[case::state_empty(with(block_actions(), "/state", json!({})))]
#[case::no_state(without(block_actions(), "/state"))]
#[case::no_message(without(block_actions(), "/message"))]
#[case::no_container(without(block_actions(), "/container"))]
#[case::no_channel(without(block_actions(), "/channel"))]
#[case::unknown_container(with(block_actions(), "/container/type", json!("canvas")))]
#[case::metadata_of_numbers(with(block_actions(), "/message/metadata", json!({ "event_type": "x", "event_payload": { "n": 1 } })))]
#[case::no_username(without(block_actions(), "/user/username"))]
#[case::unknown_keys(with(block_actions(), "/something_new", json!([1, null, {}])))]
fn clicks_of_other_shapes_mean_the_same(#[case] payload: Value) {
    assert_eq!(clicked(&payload), clicked(&block_actions()));
}

#[test]
fn what_a_click_lacks_is_not_made_up() {
    let click = clicked(&with(block_actions(), "/response_url", json!("")));
    assert_eq!(click.response_url, None);
    let click = clicked(&without(without(block_actions(), "/team"), "/user/team_id"));
    assert_eq!(click.by.team, None);
    let click = clicked(&with(block_actions(), "/message/thread_ts", json!("1730462300.000001")));
    assert_eq!(click.thread, Some(MessageTs::new("1730462300.000001")));
}

#[test]
fn the_persons_own_workspace_counts_and_not_the_channels() {
    let guest = clicked(&with(block_actions(), "/user/team_id", json!("T0ELSE0001")));
    assert_eq!(guest.by.team, Some(TeamId::new("T0ELSE0001")));
}

#[test]
fn both_halves_of_a_double_click_are_one_gesture_and_two_clicks() {
    let first = clicked(&block_actions());
    let second = clicked(&with(block_actions(), "/actions/0/action_ts", json!("1730462410.300200")));
    assert_eq!(first.gesture(), second.gesture());
    assert_ne!(first.key(), second.key());
    let another = clicked(&with(block_actions(), "/user/id", json!("U0BEN00001")));
    assert_ne!(first.gesture(), another.gesture());
}

fn view_submission() -> Value {
    json!({
        "type": "view_submission",
        "team": { "id": "T0HOME0001", "domain": "example" },
        "user": { "id": "U0ANN00001", "username": "ann", "name": "ann", "team_id": "T0HOME0001" },
        "api_app_id": "A0APP00001",
        "token": "x",
        "trigger_id": "5.6.ghi",
        "view": {
            "id": "V0VIEW0001", "team_id": "T0HOME0001", "type": "modal", "callback_id": "confirm",
            "private_metadata": "{\"incident\":\"rb-7k3fq\"}", "hash": "1730462410.abc",
            "blocks": [], "title": { "type": "plain_text", "text": "Approve" },
            "state": { "values": { "phrase": { "typed": { "type": "plain_text_input", "value": "rollback-production" } } } }
        },
        "response_urls": [],
        "is_enterprise_install": false
    })
}

fn submitted(payload: &Value) -> Submission {
    match interaction(&form(payload)) {
        Ok(Interaction::Submission(submission)) => *submission,
        other => panic!("read as {other:?}"),
    }
}

#[test]
fn a_submission_is_read_with_what_was_filled_in() {
    let submission = submitted(&view_submission());
    assert_eq!(submission.view, ViewId::new("V0VIEW0001"));
    assert_eq!(submission.callback_id, "confirm");
    assert_eq!(submission.private_metadata, "{\"incident\":\"rb-7k3fq\"}");
    assert_eq!(submission.values["phrase"]["typed"], "rollback-production");
    assert_eq!(submission.key(), "submission/V0VIEW0001/1730462410.abc");
}

#[rstest]
#[case::values_as_list(with(view_submission(), "/view/state", json!({ "values": [] })))]
#[case::state_empty(with(view_submission(), "/view/state", json!({})))]
#[case::no_state(without(view_submission(), "/view/state"))]
#[case::nothing_typed(with(view_submission(), "/view/state/values/phrase/typed/value", Value::Null))]
fn an_empty_form_is_a_form(#[case] payload: Value) {
    assert!(submitted(&payload).values.values().all(std::collections::BTreeMap::is_empty));
}

#[rstest]
#[case::no_hash(without(view_submission(), "/view/hash"))]
#[case::team_null(with(view_submission(), "/team", Value::Null))]
#[case::no_response_urls(without(view_submission(), "/response_urls"))]
fn submissions_of_other_shapes_mean_the_same(#[case] payload: Value) {
    let expected = submitted(&view_submission());
    assert_eq!(Submission { hash: expected.hash.clone(), ..submitted(&payload) }, expected);
}

#[test]
fn a_choice_is_what_was_chosen() {
    let state = json!({ "release": { "to": { "type": "static_select", "selected_option": { "value": "42" } } } });
    let submission = submitted(&with(view_submission(), "/view/state/values", state));
    assert_eq!(submission.values["release"]["to"], "42");
}

#[rstest]
#[case("view_closed", Interaction::Closed)]
#[case("shortcut", Interaction::Other("shortcut".to_owned()))]
#[case("message_action", Interaction::Other("message_action".to_owned()))]
#[case("block_suggestion", Interaction::Other("block_suggestion".to_owned()))]
#[case("workflow_step_edit", Interaction::Other("workflow_step_edit".to_owned()))]
#[case("from_the_future", Interaction::Other("from_the_future".to_owned()))]
fn other_interactions_are_known_by_their_type(#[case] kind: &str, #[case] read: Interaction) {
    assert_eq!(interaction(&form(&json!({ "type": kind }))), Ok(read));
}

#[rstest]
#[case::no_form(b"{}".to_vec(), Malformed::Missing { field: "payload" })]
#[case::no_json(b"payload=%7Bnope".to_vec(), Malformed::NotJson)]
#[case::no_type(b"payload=%7B%7D".to_vec(), Malformed::Missing { field: "type" })]
#[case::a_list(b"payload=%5B%5D".to_vec(), Malformed::Missing { field: "type" })]
#[case::no_actions(form(&with(block_actions(), "/actions", json!([]))), Malformed::Missing { field: "actions" })]
#[case::nobody(form(&without(block_actions(), "/user")), Malformed::Missing { field: "user" })]
#[case::no_view(form(&with(view_submission(), "/view", Value::Null)), Malformed::Missing { field: "view" })]
fn an_interaction_without_its_bones_is_malformed(#[case] body: Vec<u8>, #[case] why: Malformed) {
    assert_eq!(interaction(&body), Err(why));
}

#[rstest]
#[case(
    json!({ "type": "url_verification", "token": "x", "challenge": "c1" }),
    Pushed::UrlVerification { challenge: "c1".to_owned() }
)]
#[case(
    json!({ "type": "event_callback", "event_id": "Ev1", "team_id": null, "authorizations": [{ "team_id": null }],
        "event": { "type": "app_mention", "text": "hello" } }),
    Pushed::Event { id: "Ev1".to_owned(), kind: "app_mention".to_owned() }
)]
#[case(
    json!({ "type": "event_callback", "event_id": "Ev1" }),
    Pushed::Event { id: "Ev1".to_owned(), kind: "unknown".to_owned() }
)]
#[case(json!({ "type": "app_rate_limited", "minute_rate_limited": 1 }), Pushed::Other("app_rate_limited".to_owned()))]
fn events_are_read(#[case] body: Value, #[case] read: Pushed) {
    assert_eq!(event(body.to_string().as_bytes()), Ok(read));
}

#[rstest]
#[case(b"", Malformed::NotJson)]
#[case(b"payload=1", Malformed::NotJson)]
#[case(b"[]", Malformed::Missing { field: "type" })]
#[case(b"{\"type\":\"url_verification\"}", Malformed::Missing { field: "challenge" })]
#[case(b"{\"type\":\"event_callback\"}", Malformed::Missing { field: "event_id" })]
fn an_event_without_its_bones_is_malformed(#[case] body: &[u8], #[case] why: Malformed) {
    assert_eq!(event(body), Err(why));
}
