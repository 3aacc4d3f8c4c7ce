//! A modal that is open for somebody, or somebody's App Home.

use serde_json::{Map, Value, json};

use super::form::{self, Values};
use super::workspace::Workspace;

/// A view on somebody's screen.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `V…`.
    pub id: String,
    /// Whose screen it is on.
    pub user: String,
    /// The title; empty for an App Home.
    pub title: String,
    /// The label of the button that submits it, if it has one.
    pub submit: Option<String>,
    /// The label of the button that closes it.
    pub close: Option<String>,
    /// The app's own name for it.
    pub callback_id: String,
    /// The blocks, with ids filled in.
    pub blocks: Vec<Value>,
    /// `state.values`: block id, action id, what is filled in.
    pub values: Values,
    /// The label of each field that the app found fault with, and what is wrong.
    pub errors: Vec<(String, String)>,
    pub(super) given: Map<String, Value>,
    pub(super) hash: String,
    pub(super) root_id: String,
    pub(super) previous_id: Option<String>,
}

impl View {
    /// A view as the app gave it; `blocks` have their ids already.
    pub(super) fn new(id: &str, user: &str, hash: String, given: &Value, blocks: Vec<Value>) -> Self {
        let text = |pointer: &str| given.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: id.to_owned(),
            user: user.to_owned(),
            title: text("/title/text").unwrap_or_default(),
            submit: text("/submit/text"),
            close: text("/close/text"),
            callback_id: text("/callback_id").unwrap_or_default(),
            values: form::values(&blocks, &Values::new()),
            blocks,
            errors: Vec::new(),
            given: given.as_object().cloned().unwrap_or_default(),
            hash,
            root_id: id.to_owned(),
            previous_id: None,
        }
    }

    /// Takes the place of `old`: same id, same place in the stack, what was filled in kept where fields are the same.
    pub(super) fn in_place_of(mut self, old: &View) -> Self {
        self.id.clone_from(&old.id);
        self.root_id.clone_from(&old.root_id);
        self.previous_id.clone_from(&old.previous_id);
        self.values = form::values(&self.blocks, &old.values);
        self
    }

    /// Whether the app wants to hear that it was closed.
    pub(super) fn notifies_on_close(&self) -> bool {
        self.given.get("notify_on_close").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The view object of Slack's API. Slack writes an empty `state.values` as `[]`.
    pub(super) fn to_api(&self, workspace: &Workspace) -> Value {
        let given = |key: &str, otherwise: Value| self.given.get(key).cloned().unwrap_or(otherwise);
        let values = if self.values.is_empty() { json!([]) } else { json!(self.values) };
        json!({
            "id": self.id,
            "team_id": workspace.team_id,
            "type": given("type", json!("modal")),
            "blocks": self.blocks,
            "private_metadata": given("private_metadata", json!("")),
            "callback_id": self.callback_id,
            "state": {"values": values},
            "hash": self.hash,
            "title": given("title", json!({"type": "plain_text", "text": "View Title", "emoji": true})),
            "close": given("close", Value::Null),
            "submit": given("submit", Value::Null),
            "clear_on_close": given("clear_on_close", json!(false)),
            "notify_on_close": given("notify_on_close", json!(false)),
            "previous_view_id": self.previous_id,
            "root_view_id": self.root_id,
            "app_id": workspace.app_id,
            "external_id": given("external_id", json!("")),
            "app_installed_team_id": workspace.team_id,
            "bot_id": workspace.bot_id,
        })
    }
}
