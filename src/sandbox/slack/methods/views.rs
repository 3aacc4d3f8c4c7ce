//! `views.*`: forms on people's screens, and App Homes.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::answer::{Answer, Refusal};
use super::super::args::Args;
use super::super::blocks::check_view;
use super::super::state::State;
use super::super::view::View;

/// The bytes of JSON that a view may have.
const VIEW: usize = 250_000;
/// Modals that may lie on top of each other.
const STACK: usize = 3;

/// The view that is given, checked.
fn given(args: &Args, kind: &str) -> Result<Value, Refusal> {
    let view = args.structured("view").ok_or_else(|| {
        Refusal::pointing("invalid_arguments", &["missing required field: view [json-pointer:]".to_owned()])
    })?;
    let findings = check_view(&view);
    if !findings.is_empty() {
        return Err(Refusal::pointing("invalid_arguments", &findings));
    }
    if view.get("type").is_none_or(|is| is != kind) {
        let finding = format!("invalid view type, must be {kind} [json-pointer:/view/type]");
        return Err(Refusal::pointing("invalid_arguments", &[finding]));
    }
    if view.to_string().len() > VIEW {
        return Err("view_too_large".into());
    }
    Ok(view)
}

fn external_id_is_taken(state: &State, view: &Value, except: Option<&str>) -> bool {
    let id = view.get("external_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.is_some_and(|id| {
        let same = |open: &View| open.given.get("external_id").is_some_and(|other| other == id);
        state.modals.values().flatten().any(|open| same(open) && Some(open.id.as_str()) != except)
    })
}

fn answer(state: &State, view: &View) -> Value {
    json!({"view": view.to_api(&state.workspace)})
}

pub(super) fn open(state: &mut State, args: &Args, now: Instant) -> Answer {
    let view = given(args, "modal")?;
    let trigger = args.text("trigger_id").ok_or("invalid_trigger_id")?;
    if external_id_is_taken(state, &view, None) {
        return Err("duplicate_external_id".into());
    }
    let user = state.redeem_trigger(&trigger, now)?;
    let view = state.make_view(&user, &view);
    // A view that is opened replaces whatever the app had on that screen.
    state.modals.insert(user, vec![view.clone()]);
    Ok(answer(state, &view))
}

pub(super) fn push(state: &mut State, args: &Args, now: Instant) -> Answer {
    let view = given(args, "modal")?;
    let trigger = args.text("trigger_id").ok_or("invalid_trigger_id")?;
    let user = state.redeem_trigger(&trigger, now)?;
    let view = push_on(state, &user, &view)?;
    Ok(answer(state, &view))
}

/// Lays a view on top of those that somebody has open.
pub(in crate::sandbox::slack) fn push_on(state: &mut State, user: &str, given: &Value) -> Result<View, Refusal> {
    let mut view = state.make_view(user, given);
    let stack = state.modals.entry(user.to_owned()).or_default();
    let Some(below) = stack.last() else {
        return Err("not_found".into());
    };
    if stack.len() >= STACK {
        return Err("push_limit_reached".into());
    }
    view.root_id.clone_from(&below.root_id);
    view.previous_id = Some(below.id.clone());
    stack.push(view.clone());
    Ok(view)
}

pub(super) fn update(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let view = given(args, "modal")?;
    let external = args.text("external_id");
    let id = match (args.text("view_id"), external) {
        (Some(id), _) => id,
        (None, Some(external)) => state
            .modals
            .values()
            .flatten()
            .find(|open| open.given.get("external_id").is_some_and(|id| *id == external))
            .map(|open| open.id.clone())
            .ok_or("not_found")?,
        (None, None) => return Err("invalid_arguments".into()),
    };
    let view = replace(state, &id, &view, args.text("hash").as_deref())?;
    Ok(answer(state, &view))
}

/// Puts a view in the place of an open one; `not_found` once that was closed.
pub(in crate::sandbox::slack) fn replace(
    state: &mut State,
    id: &str,
    given: &Value,
    hash: Option<&str>,
) -> Result<View, Refusal> {
    let open = state.view_mut(id).ok_or("not_found")?.clone();
    if hash.is_some_and(|hash| hash != open.hash) {
        return Err("hash_conflict".into());
    }
    if external_id_is_taken(state, given, Some(id)) {
        return Err("duplicate_external_id".into());
    }
    let view = state.make_view(&open.user, given).in_place_of(&open);
    let place = state.view_mut(id).ok_or("not_found")?;
    *place = view.clone();
    Ok(view)
}

pub(super) fn publish(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let view = given(args, "home")?;
    let user = args.text("user_id").ok_or("invalid_arguments")?;
    state.workspace.person(&user).ok_or("user_not_found")?;
    let view = match state.homes.get(&user).cloned() {
        Some(old) if args.text("hash").is_some_and(|hash| hash != old.hash) => return Err("hash_conflict".into()),
        Some(old) => state.make_view(&user, &view).in_place_of(&old),
        None => state.make_view(&user, &view),
    };
    state.homes.insert(user, view.clone());
    Ok(answer(state, &view))
}
