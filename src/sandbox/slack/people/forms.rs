//! Somebody fills in a form, submits it, closes it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::blocks::check_view;
use super::super::delivery::Ack;
use super::super::form::{self, Dispatch};
use super::super::methods::{push_on, replace};
use super::super::reply::{Outcome, Reply};
use super::super::stand_in::SlackStandIn;
use super::super::state::State;
use super::super::view::View;
use super::super::workspace::Person;
use super::clicks::envelope;

/// What Slack's client says when a submission is not acknowledged as it should be.
const TROUBLE: &str = "We had some trouble connecting. Try again?";

fn top(state: &State, user: &str) -> Result<(Person, View), String> {
    let person = state.workspace.whom(user).cloned().ok_or_else(|| format!("There is no {user} here."))?;
    let view = state.modals.get(&person.id).and_then(|stack| stack.last()).cloned();
    view.map(|view| (person, view)).ok_or_else(|| "No form is open.".to_owned())
}

impl SlackStandIn {
    /// Somebody fills in one field of the open modal (by label, placeholder or id). Choices are given by their text,
    /// several one a line. Where the field tells the app at once, its acknowledgement is awaited.
    pub async fn fill(&self, user: &str, field: &str, text: &str) -> Reply {
        let (person, view) = match self.read(|state| top(state, user)) {
            Ok(open) => open,
            Err(why) => return Reply::not_sent(why),
        };
        let Some(mut found) = form::field(&view.blocks, field) else {
            let labels: Vec<String> = form::fields(&view.blocks).into_iter().map(|field| field.label).collect();
            return Reply::not_sent(format!("The form has no field “{field}”; it has: {}.", labels.join(", ")));
        };
        if found.element.get("type").is_some_and(|kind| kind == "external_select" || kind == "multi_external_select") {
            match self.suggestions(&person, &view, (&found.block_id, &found.action_id), text).await {
                Some(offered) => merge(&mut found.element, offered),
                None => return Reply::not_sent("The app offered no options."),
            }
        }
        let changed = self.change(|state| {
            let chosen = form::filled(&found, text, &state.workspace)?;
            let open = state.view_mut(&view.id).ok_or_else(|| "The form was closed.".to_owned())?;
            let block = open.values.entry(found.block_id.clone()).or_default();
            if found.element.get("type").is_none_or(|kind| kind != "overflow") {
                block.insert(found.action_id.clone(), chosen.clone());
            }
            Ok::<_, String>((open.clone(), chosen))
        });
        match changed {
            Err(why) => Reply::not_sent(why),
            Ok((view, chosen)) => match found.dispatch {
                Dispatch::AtOnce => self.send_change(&person, &view, &found, &chosen).await,
                Dispatch::OnSubmit => {
                    Reply { outcome: Outcome::Acknowledged, status: None, took: Duration::ZERO, shown: None }
                }
            },
        }
    }

    /// Asks the app for the options of an external menu, as somebody types into it.
    async fn suggestions(&self, person: &Person, view: &View, ids: (&str, &str), typed: &str) -> Option<Value> {
        let payload = self.read(|state| {
            let mut payload = envelope(state, "block_suggestion", person);
            payload.insert("block_id".to_owned(), json!(ids.0));
            payload.insert("action_id".to_owned(), json!(ids.1));
            payload.insert("value".to_owned(), json!(typed));
            payload.insert("container".to_owned(), json!({"type": "view", "view_id": view.id}));
            payload.insert("view".to_owned(), view.to_api(&state.workspace));
            Value::Object(payload)
        });
        self.interact(&payload).await.ack.ok().filter(Ack::is_success)?.json()
    }

    /// Somebody fills in these fields of the open modal and submits it. It closes, unless the client or the app finds
    /// fault, or the app answers with another view.
    pub async fn submit(&self, user: &str, values: &[(&str, &str)]) -> Reply {
        for (field, text) in values {
            let reply = self.fill(user, field, text).await;
            if !reply.is_acknowledged() {
                return reply;
            }
        }
        let now = self.clock().reading();
        let prepared = self.change(|state| {
            let (person, view) = top(state, user)?;
            if view.submit.is_none() {
                return Err("The form has no button to submit it.".to_owned());
            }
            let objections = form::objections(&view.blocks, &view.values);
            if let Some(open) = state.view_mut(&view.id) {
                open.errors.clone_from(&objections);
            }
            if !objections.is_empty() {
                return Ok(Err(objections));
            }
            let mut payload = envelope(state, "view_submission", &person);
            let trigger = state.issue_trigger(&person.id, now);
            payload.insert("trigger_id".to_owned(), json!(trigger));
            payload.insert("view".to_owned(), view.to_api(&state.workspace));
            payload.insert("response_urls".to_owned(), json!([]));
            Ok(Ok((Value::Object(payload), view)))
        });
        let (payload, view) = match prepared {
            Err(why) => return Reply::not_sent(why),
            Ok(Err(objections)) => return Reply::field_errors(objections),
            Ok(Ok(prepared)) => prepared,
        };
        let delivered = self.interact(&payload).await;
        let mut reply =
            Reply { outcome: Outcome::Trouble(TROUBLE.to_owned()), status: None, took: delivered.took, shown: None };
        if let Ok(ack) = &delivered.ack {
            reply.status = Some(ack.status);
            if ack.is_success() {
                reply.outcome = self.change(|state| submitted(state, &view, ack));
            }
        }
        reply
    }

    /// Somebody closes the topmost modal without submitting it.
    pub async fn close_modal(&self, user: &str) -> Reply {
        let closed = self.change(|state| {
            let (person, view) = top(state, user)?;
            close(state, &view);
            let mut payload = envelope(state, "view_closed", &person);
            payload.insert("view".to_owned(), view.to_api(&state.workspace));
            payload.insert("is_cleared".to_owned(), json!(false));
            Ok::<_, String>(view.notifies_on_close().then_some(Value::Object(payload)))
        });
        let mut reply = Reply { outcome: Outcome::Acknowledged, status: None, took: Duration::ZERO, shown: None };
        match closed {
            Err(why) => return Reply::not_sent(why),
            Ok(None) => {}
            Ok(Some(payload)) => {
                let delivered = self.interact(&payload).await;
                reply.took = delivered.took;
                reply.status = delivered.ack.ok().map(|ack| ack.status);
            }
        }
        reply
    }
}

/// Takes the app's options into the menu.
fn merge(element: &mut Value, offered: Value) {
    let (Some(element), Value::Object(offered)) = (element.as_object_mut(), offered) else {
        return;
    };
    let options = offered.into_iter().filter(|(key, _)| key == "options" || key == "option_groups");
    element.extend(options.collect::<Map<_, _>>());
}

fn close(state: &mut State, view: &View) {
    if let Some(stack) = state.modals.get_mut(&view.user) {
        stack.retain(|open| open.id != view.id);
    }
}

/// Does what the answer to a submission says.
fn submitted(state: &mut State, view: &View, ack: &Ack) -> Outcome {
    let trouble = Outcome::Trouble(TROUBLE.to_owned());
    if ack.text().is_empty() {
        close(state, view);
        return Outcome::Acknowledged;
    }
    let Some(Value::Object(answer)) = ack.json() else {
        return trouble;
    };
    if answer.is_empty() {
        close(state, view);
        return Outcome::Acknowledged;
    }
    let given = answer.get("view").filter(|given| check_view(given).is_empty());
    match (answer.get("response_action").and_then(Value::as_str), given) {
        (Some("clear"), _) => {
            state.modals.remove(&view.user);
            Outcome::Acknowledged
        }
        (Some("update"), Some(given)) => match replace(state, &view.id, given, None) {
            Ok(_) => Outcome::Acknowledged,
            Err(_) => trouble,
        },
        (Some("push"), Some(given)) => match push_on(state, &view.user, given) {
            Ok(_) => Outcome::Acknowledged,
            Err(_) => trouble,
        },
        (Some("errors"), _) => match errors(view, answer.get("errors")) {
            Some(errors) => {
                if let Some(open) = state.view_mut(&view.id) {
                    open.errors.clone_from(&errors);
                }
                Outcome::FieldErrors(errors)
            }
            None => trouble,
        },
        _ => trouble,
    }
}

/// Errors by label; `None` when one names no input block of the view, which Slack does not take.
fn errors(view: &View, errors: Option<&Value>) -> Option<Vec<(String, String)>> {
    let errors = errors?.as_object().filter(|errors| !errors.is_empty())?;
    let is_input = |id: &str| {
        view.blocks.iter().any(|block| {
            block.get("type").is_some_and(|kind| kind == "input") && block.get("block_id").is_some_and(|is| is == id)
        })
    };
    errors
        .iter()
        .map(|(id, words)| {
            let words = words.as_str()?;
            let field = form::fields(&view.blocks).into_iter().find(|field| field.block_id == *id)?;
            is_input(id).then(|| (field.label, words.to_owned()))
        })
        .collect()
}
