//! What arrives where clicks and forms do, while a plan waits for approval.

use rollbot::sandbox::slack::Message;
use serde_json::{Value, json};

use crate::case::{Case, INTERACTIONS, envelope, form, org_wide, with, without};

const SRE: &str = "U0SRE00001";

/// The button Approve of a card.
pub(crate) struct Approve {
    message: Value,
    ts: String,
    action_id: String,
    value: String,
}

impl Approve {
    /// The button on `card`.
    pub(crate) fn of(card: &Message) -> Self {
        let elements = card.blocks.iter().filter_map(|block| block.get("elements")?.as_array()).flatten();
        let is_it = |element: &&Value| element["action_id"].as_str().is_some_and(|id| id.starts_with("approve:"));
        let button = elements.clone().find(is_it).expect("the card has the button");
        let text = |member: &str| button[member].as_str().expect("a text").to_owned();
        let message = json!({"type": "message", "ts": card.ts, "text": card.text, "blocks": card.blocks});
        Self { message, ts: card.ts.clone(), action_id: text("action_id"), value: text("value") }
    }

    fn incident(&self) -> &str {
        self.action_id.rsplit(':').next().unwrap_or_default()
    }

    /// A click by `user`, whose time is `at`.
    fn click(&self, user: &str, at: &str) -> Value {
        let mut payload = envelope("block_actions", user);
        let more = json!({
            "container": {"type": "message", "message_ts": self.ts, "channel_id": "C0INC00001", "is_ephemeral": false},
            "channel": {"id": "C0INC00001", "name": "incidents"},
            "message": self.message,
            "state": {"values": {}},
            "actions": [{
                "type": "button", "action_id": self.action_id, "block_id": "b", "value": self.value,
                "text": {"type": "plain_text", "text": "Approve"}, "style": "primary", "action_ts": at,
            }],
        });
        let both = payload.as_object_mut().zip(more.as_object());
        if let Some((payload, more)) = both {
            payload.extend(more.clone());
        }
        payload
    }

    /// The form in which `user` has typed `phrase`.
    fn form(&self, user: &str, view: &str, phrase: &Value) -> Value {
        let carried = json!({"incident": self.incident(), "button": self.value}).to_string();
        with(
            envelope("view_submission", user),
            "/view",
            json!({
                "id": view, "team_id": "T0SANDBOX1", "type": "modal", "callback_id": "confirm", "hash": "1.a",
                "private_metadata": carried, "title": {"type": "plain_text", "text": "Approve rollback"}, "blocks": [],
                "state": {"values": {"phrase": {"typed": {"type": "plain_text_input", "value": phrase}}}},
                "root_view_id": view, "previous_view_id": null, "external_id": "", "app_id": "A0ROLLBOT1",
            }),
        )
    }
}

fn of_type(name: &'static str, kind: &str) -> Case {
    Case::interaction(name, &envelope(kind, SRE))
}

/// Clicks of every shape; none approves.
pub(crate) fn clicks(button: &Approve) -> Vec<Case> {
    const NO_FORM: &str = "could not be opened in time";
    const STALE: &str = "That button no longer applies";
    let i = Case::interaction;
    let by = |user: &str, at: &str| button.click(user, at);
    let sre = |at: &str| by(SRE, at);
    let other = |at: &str, pointer: &str, value: Value| with(sre(at), pointer, value);
    vec![
        i("somebody who may, with a trigger that is gone", &sre("1.1")).says(NO_FORM),
        i("the same delivery again", &sre("1.1")).retried("http_timeout"),
        i("a double click", &by("U0SRE00002", "1.2")),
        i("its other half", &by("U0SRE00002", "1.3")).says("Your first click was taken"),
        i("somebody who may not", &by("U0DEV00001", "1.4")).says("You may not approve"),
        i("a guest", &by("U0GUEST001", "1.5")).says("Guests of this workspace"),
        i("a partner", &with(by("U0PARTNER1", "1.6"), "/user/team_id", json!("T0PARTNER1")))
            .says("you come from another one"),
        i("a partner under our workspace's name", &by("U0PARTNER1", "1.7")).says("you come from another one"),
        i("somebody whom Slack does not know", &by("U0NOBODY01", "1.8")).says("Slack did not say who you are"),
        i("an install for an organisation", &org_wide(by("U0LEAD0001", "1.9"))).says(NO_FORM),
        i("a button of an older plan", &other("2.1", "/actions/0/value", json!("0123456789abcdef0123"))).says(STALE),
        i("a button without a value", &without(other("2.2", "/message", Value::Null), "/actions/0/value")).says(STALE),
        i("a value that is a number", &with(by("U0LEAD0001", "2.3"), "/actions/0/value", json!(7))).says(STALE),
        i("a value of 2,000 characters", &other("2.4", "/actions/0/value", json!("🔥".repeat(2_000)))).says(STALE),
        i("an incident that is not", &other("2.5", "/actions/0/action_id", json!("approve:rb-zzzzz")))
            .says("There is no incident"),
        i(
            "another channel",
            &with(without(other("2.6", "/channel", json!({"id": "C0RANDOM01"})), "/message"), "/container", json!({})),
        )
        .says("That card belongs to"),
        i("a button that is not Rollbot's", &other("2.7", "/actions/0/action_id", json!("x"))),
        i("an id in another script", &other("2.8", "/actions/0/action_id", json!("одобрить:🔥"))),
        i("an id with a path in it", &other("2.9", "/actions/0/action_id", json!("approve:../../etc/passwd"))),
        i(
            "a menu",
            &other(
                "3.1",
                "/actions/0",
                json!({
                    "type": "overflow", "action_id": "x", "block_id": "b", "action_ts": "3.1",
                    "selected_option": {"text": {"type": "plain_text", "text": "a"}, "value": "a"},
                }),
            ),
        ),
        i(
            "a block that is yet to come",
            &with(
                other("3.2", "/message/blocks", json!([{"type": "yet_unknown", "x": [1, null]}])),
                "/actions/0/value",
                json!("t"),
            ),
        )
        .says(STALE),
        i("no message", &without(without(other("3.3", "/actions/0/value", json!("x")), "/message"), "/container"))
            .says(STALE),
        i("no time", &without(other("3.4", "/actions/0/value", json!("y")), "/actions/0/action_ts")).says(STALE),
        i(
            "an ephemeral message",
            &without(
                with(other("3.5", "/actions/0/value", json!("z")), "/container/is_ephemeral", json!(true)),
                "/message",
            ),
        )
        .says(STALE),
        i(
            "a name of pictures",
            &with(other("3.6", "/actions/0/value", json!("w")), "/user/username", json!("🔥\u{202e}")),
        )
        .says(STALE),
        i("no name", &without(without(other("3.7", "/actions/0/value", json!("v")), "/user/username"), "/user/name"))
            .says(STALE),
        i(
            "300 KB of state",
            &with(
                other("3.8", "/actions/0/value", json!("s")),
                "/state",
                json!({"values": {"b": {"a": {"value": "x".repeat(300_000)}}}}),
            ),
        )
        .says(STALE),
        i("two actions", &{
            let click = other("3.9", "/actions/0/value", json!("u"));
            let action = click["actions"][0].clone();
            with(click, "/actions", json!([action, action]))
        })
        .says(STALE),
        i("no actions", &without(sre("4.1"), "/actions")).status(400).answers("no actions"),
        i("an empty list of actions", &other("4.2", "/actions", json!([]))).status(400).answers("no actions"),
        i("an action that is null", &other("4.3", "/actions", json!([null]))).status(400).answers("no action_id"),
        i("an action without its id", &without(sre("4.4"), "/actions/0/action_id")).status(400).answers("no action_id"),
        i("nobody", &without(sre("4.5"), "/user")).status(400).answers("no user"),
        i("a user that is null", &other("4.6", "/user", Value::Null)).status(400).answers("no user"),
        i("no type", &without(sre("4.7"), "/type")).status(400).answers("no type"),
    ]
}

/// What is neither a click nor a form of Rollbot's.
pub(crate) fn others() -> Vec<Case> {
    let raw = |name, body: &str| Case::new(name, INTERACTIONS, form(&[("payload".to_owned(), body.to_owned())]));
    vec![
        of_type("a shortcut", "shortcut"),
        of_type("a shortcut on a message", "message_action"),
        of_type("a menu that asks for options", "block_suggestion"),
        of_type("an attachment's button", "interactive_message"),
        of_type("a dialog", "dialog_submission"),
        of_type("a step of a workflow", "workflow_step_edit"),
        of_type("a type that is yet to come", "yet_unknown"),
        of_type("a closed view with nothing in it", "view_closed"),
        Case::interaction(
            "a closed view",
            &with(
                envelope("view_closed", SRE),
                "/view",
                json!({"id": "V1", "type": "modal", "callback_id": "confirm", "hash": null, "state": {"values": []}}),
            ),
        ),
        Case::interaction("all views closed", &with(envelope("view_closed", SRE), "/is_cleared", json!(true))),
        Case::interaction("a closed view of an organisation", &org_wide(envelope("view_closed", SRE))),
        raw("null", "null").status(400).answers("no type"),
        raw("a list", "[]").status(400).answers("no type"),
        raw("a text", "\"block_actions\"").status(400).answers("no type"),
        raw("nothing in it", "").status(400).answers("not JSON"),
        raw("cut off", "{\"type\": \"block_actions\", \"user\": {\"id").status(400).answers("not JSON"),
        raw("half of a character", "{\"type\": \"\\ud83d\"}").status(400).answers("not JSON"),
        raw("too deep", &format!("{}{}", "{\"a\":".repeat(2_000), "}".repeat(2_000))).status(400).answers("not JSON"),
        Case::new("no payload", INTERACTIONS, "token=x").status(400).answers("no payload"),
        Case::new("nothing", INTERACTIONS, "").status(400).answers("no payload"),
        Case::new("JSON for a form", INTERACTIONS, "{\"type\": \"block_actions\"}").status(400).answers("no payload"),
    ]
}

/// Forms of every shape; none approves.
pub(crate) fn forms(button: &Approve) -> Vec<Case> {
    const NO: &str = "That is not the phrase";
    let i = Case::interaction;
    let typed = |view: &str, phrase: Value| button.form(SRE, view, &phrase);
    let other = |view: &str, pointer: &str, value: Value| with(typed(view, json!("x")), pointer, value);
    let right = json!("rollback-production");
    vec![
        i("another phrase", &typed("V01", json!("rollback"))).answers(NO),
        i("a phrase in another script", &typed("V02", json!("rоllback-prоduction"))).answers(NO),
        i("no phrase", &typed("V03", Value::Null)).answers(NO),
        i("a phrase that is a number", &typed("V04", json!(7))).answers(NO),
        i("3,000 characters", &typed("V05", json!("🔥".repeat(3_000)))).answers(NO),
        i("an empty list of values", &other("V06", "/view/state/values", json!([]))).answers(NO),
        i("values that are null", &other("V07", "/view/state/values", Value::Null)).answers(NO),
        i("no state", &without(typed("V08", json!("x")), "/view/state")).answers(NO),
        i("a state that is null", &other("V09", "/view/state", Value::Null)).answers(NO),
        i("a block that is null", &other("V10", "/view/state/values", json!({"phrase": null}))).answers(NO),
        i("an organisation's", &org_wide(typed("V11", json!("x")))).answers(NO),
        i("another form", &other("V12", "/view/callback_id", json!("another"))),
        i("a form without a name", &without(typed("V13", right.clone()), "/view/callback_id")),
        i("a form that carries nothing", &other("V14", "/view/private_metadata", json!(""))),
        i("a form that carries something else", &other("V15", "/view/private_metadata", json!("{\"incident\": 7}"))),
        i(
            "an incident that is not",
            &other("V16", "/view/private_metadata", json!("{\"incident\":\"rb-zzzzz\",\"button\":\"x\"}")),
        ),
        i("the phrase, by somebody who may not", &button.form("U0DEV00001", "V17", &right)).says("You may not approve"),
        i("the phrase, by a guest", &button.form("U0GUEST001", "V18", &right)).says("Guests of this workspace"),
        i("no view", &without(typed("V19", right.clone()), "/view")).status(400).answers("no view"),
        i("a view without an id", &without(typed("V20", right.clone()), "/view/id")).status(400).answers("no view"),
        i("nobody", &without(typed("V21", right), "/user")).status(400).answers("no user"),
    ]
}

/// The form that approves, as an install for an organisation sends it: without a hash, and twice.
pub(crate) fn approval(button: &Approve) -> Vec<Case> {
    let form = without(org_wide(button.form(SRE, "V22", &json!("rollback-production"))), "/view/hash");
    vec![
        Case::interaction("the phrase", &form),
        Case::interaction("the same delivery again", &form).retried("http_timeout"),
    ]
}
