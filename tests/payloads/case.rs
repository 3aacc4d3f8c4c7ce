//! One payload, and what is to come of it.

use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const COMMANDS: &str = "/slack/commands";
pub(crate) const INTERACTIONS: &str = "/slack/interactions";
pub(crate) const EVENTS: &str = "/slack/events";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    Well,
    WithAnotherSecret,
    ForAnotherBody,
    WithoutVersion,
    NotAtAll,
    WithoutTime,
    /// So many seconds from now.
    At(i64),
}

/// One payload, and what is to come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) door: &'static str,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
    pub(crate) signed: Signed,
    /// The status of the reply.
    pub(crate) status: u16,
    /// What stands in the reply's body; nothing: the body is empty.
    pub(crate) answer: &'static str,
    /// What is said to Slack afterwards; nothing: nothing is.
    pub(crate) said: &'static str,
}

impl Case {
    pub(crate) fn new(name: &'static str, door: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let content_type = Some(if door == EVENTS { JSON } else { FORM });
        Self {
            name,
            method: Method::POST,
            door,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            signed: Signed::Well,
            status: 200,
            answer: "",
            said: "",
        }
    }

    pub(crate) fn command(name: &'static str, changes: &[(&str, Option<&str>)]) -> Self {
        Self::new(name, COMMANDS, form(&fields(name, changes)))
    }

    pub(crate) fn interaction(name: &'static str, payload: &Value) -> Self {
        Self::new(name, INTERACTIONS, form(&[("payload".to_owned(), payload.to_string())]))
    }

    pub(crate) fn event(name: &'static str, event: &Value) -> Self {
        Self::new(name, EVENTS, event.to_string())
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn answers(mut self, words: &'static str) -> Self {
        self.answer = words;
        self
    }

    pub(crate) fn says(mut self, words: &'static str) -> Self {
        self.said = words;
        self
    }

    pub(crate) fn signed(mut self, signed: Signed) -> Self {
        self.signed = signed;
        self
    }

    pub(crate) fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn of_content_type(mut self, content_type: Option<&'static str>) -> Self {
        self.content_type = content_type;
        self
    }

    pub(crate) fn retried(mut self, reason: &'static str) -> Self {
        self.headers = vec![("X-Slack-Retry-Num", "1"), ("X-Slack-Retry-Reason", reason)];
        self
    }
}

pub(crate) fn form(fields: &[(String, String)]) -> String {
    serde_urlencoded::to_string(fields).expect("a form can be written")
}

/// The fields of a command as Slack sends them, some left out or given otherwise. Its trigger is the case's name.
pub(crate) fn fields(name: &str, changes: &[(&str, Option<&str>)]) -> Vec<(String, String)> {
    let usual = [
        ("token", "legacy-verification-token"),
        ("team_id", "T0SANDBOX1"),
        ("team_domain", "sandbox"),
        ("channel_id", "C0INC00001"),
        ("channel_name", "incidents"),
        ("user_id", "U0DEV00001"),
        ("user_name", "dev"),
        ("command", "/rollback"),
        ("text", "status"),
        ("api_app_id", "A0ROLLBOT1"),
        ("is_enterprise_install", "false"),
        ("trigger_id", name),
    ];
    let changed = |name: &str| changes.iter().find(|(changed, _)| *changed == name);
    let kept = usual.iter().filter_map(|(name, value)| match changed(name) {
        None => Some((*name, *value)),
        Some((_, value)) => value.map(|value| (*name, value)),
    });
    let added = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let added = added.filter(|(name, _)| usual.iter().all(|(usual, _)| usual != name));
    kept.chain(added).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A payload with one member given otherwise, or added.
pub(crate) fn with(mut payload: Value, pointer: &str, value: Value) -> Value {
    if let Some(there) = payload.pointer_mut(pointer) {
        *there = value;
        return payload;
    }
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    payload.pointer_mut(parent).expect("the payload has such a part")[member] = value;
    payload
}

/// A payload without one member.
pub(crate) fn without(mut payload: Value, pointer: &str) -> Value {
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let part = payload.pointer_mut(parent).and_then(Value::as_object_mut).expect("the payload has such a part");
    part.remove(member).expect("the payload has such a member");
    payload
}

/// What an interaction says of who and where.
pub(crate) fn envelope(kind: &str, user: &str) -> Value {
    json!({
        "type": kind,
        "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T0SANDBOX1"},
        "api_app_id": "A0ROLLBOT1",
        "token": "legacy-verification-token",
        "team": {"id": "T0SANDBOX1", "domain": "sandbox"},
        "enterprise": null,
        "is_enterprise_install": false,
        "trigger_id": "1.2.gone",
    })
}

/// What an install for a whole organisation says instead.
pub(crate) fn org_wide(payload: Value) -> Value {
    let payload = with(payload, "/team", Value::Null);
    let payload = with(payload, "/enterprise", json!({"id": "E0ORG00001", "name": "Org"}));
    with(payload, "/is_enterprise_install", json!(true))
}
