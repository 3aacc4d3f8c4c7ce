//! Every method: what it needs, how often it may be called, what performs it.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::args::{Args, JsonBodies};
use super::super::limits::Limit;
use super::super::state::State;
use super::{chat, conversations, directory, marks, views};

/// A method of the Web API.
pub(in crate::sandbox::slack) struct Method {
    pub(in crate::sandbox::slack) name: &'static str,
    /// The scope that it always needs; what depends on the conversation is checked by the method.
    pub(in crate::sandbox::slack) scope: Option<&'static str>,
    pub(in crate::sandbox::slack) limit: Limit,
    pub(in crate::sandbox::slack) json: JsonBodies,
    pub(in crate::sandbox::slack) writes: bool,
    pub(in crate::sandbox::slack) run: fn(&mut State, &Args, Instant) -> Answer,
}

type Run = fn(&mut State, &Args, Instant) -> Answer;

const fn writing(name: &'static str, scope: Option<&'static str>, limit: Limit, run: Run) -> Method {
    Method { name, scope, limit, json: JsonBodies::Taken, writes: true, run }
}

const fn reading(name: &'static str, scope: Option<&'static str>, limit: Limit, json: JsonBodies, run: Run) -> Method {
    Method { name, scope, limit, json, writes: false, run }
}

use JsonBodies::{Overlooked, Taken};

static METHODS: &[Method] = &[
    reading("api.test", None, Limit::SPECIAL, Taken, |_, args, _| Ok(json!({"args": args.to_json()}))),
    reading("auth.test", None, Limit::SPECIAL, Taken, |state, _, _| Ok(directory::auth_test(state))),
    reading("bots.info", Some("users:read"), Limit::TIER_3, Overlooked, directory::bots_info),
    writing("chat.postMessage", Some("chat:write"), Limit::POSTING, chat::post_message),
    writing("chat.postEphemeral", Some("chat:write"), Limit::TIER_4, chat::post_ephemeral),
    writing("chat.update", Some("chat:write"), Limit::TIER_3, chat::update),
    writing("chat.delete", Some("chat:write"), Limit::TIER_3, chat::delete),
    reading("chat.getPermalink", None, Limit::SPECIAL, Overlooked, chat::get_permalink),
    reading("conversations.info", None, Limit::TIER_3, Taken, conversations::info),
    reading("conversations.history", None, Limit::TIER_3, Taken, conversations::history),
    reading("conversations.replies", None, Limit::TIER_3, Taken, conversations::replies),
    reading("conversations.members", None, Limit::TIER_4, Taken, conversations::members),
    writing("conversations.open", Some("im:write"), Limit::TIER_3, conversations::open),
    reading("users.info", Some("users:read"), Limit::TIER_4, Overlooked, directory::users_info),
    reading("users.list", Some("users:read"), Limit::TIER_2, Overlooked, directory::users_list),
    reading("usergroups.list", Some("usergroups:read"), Limit::TIER_2, Overlooked, |state, args, _| {
        Ok(directory::usergroups_list(state, args))
    }),
    reading("usergroups.users.list", Some("usergroups:read"), Limit::TIER_2, Overlooked, directory::usergroups_users),
    writing("views.open", None, Limit::TIER_4, views::open),
    writing("views.push", None, Limit::TIER_4, views::push),
    writing("views.update", None, Limit::TIER_4, views::update),
    writing("views.publish", None, Limit::TIER_4, views::publish),
    writing("reactions.add", Some("reactions:write"), Limit::TIER_3, marks::add_reaction),
    writing("pins.add", Some("pins:write"), Limit::TIER_2, marks::add_pin),
];

/// The method of this name.
pub(in crate::sandbox::slack) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// A page of `items` from `cursor` on, and the cursor of the next page (empty when there is none). Cursors are
/// positions, made opaque as Slack makes them.
pub(super) fn page<T>(items: Vec<T>, args: &Args, default: usize) -> Result<(Vec<T>, String), &'static str> {
    let start = match args.text("cursor") {
        None => 0,
        Some(cursor) => {
            let digits = cursor.strip_prefix("bmV4dDo").ok_or("invalid_cursor")?;
            usize::from_str_radix(digits, 16).map_err(|_error| "invalid_cursor")?
        }
    };
    let limit = match args.number("limit") {
        None | Some(0) => default,
        Some(limit) => limit.min(1000),
    };
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let next = start + page.len();
    Ok((page, if next < total { format!("bmV4dDo{next:x}") } else { String::new() }))
}

/// `response_metadata` of a paged reply.
pub(super) fn next_cursor(cursor: &str) -> Value {
    json!({"next_cursor": cursor})
}
