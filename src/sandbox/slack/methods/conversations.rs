//! `conversations.*`: looking at channels, their members and their history.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::answer::{Answer, Refusal};
use super::super::args::Args;
use super::super::message::{Message, Metadata};
use super::super::state::State;
use super::super::workspace::{Channel, Visibility};
use super::table::{next_cursor, page};

/// The channel that is asked about, if the bot can see it and may do this to its kind.
fn visible<'a>(state: &'a State, args: &Args, what: &str) -> Result<&'a Channel, Refusal> {
    let id = args.text("channel").ok_or("channel_not_found")?;
    let channel = state.channel(&id).ok_or("channel_not_found")?;
    let scope = match channel.visibility {
        Visibility::Public => format!("channels:{what}"),
        Visibility::Private if state.direct_with(&id).is_some() => format!("im:{what}"),
        Visibility::Private => format!("groups:{what}"),
    };
    if !state.workspace.grants(&scope) {
        return Err(Refusal::missing_scope(&scope, &state.workspace.scopes));
    }
    if channel.visibility == Visibility::Private && !channel.bot_is_member {
        return Err("channel_not_found".into());
    }
    Ok(channel)
}

pub(super) fn info(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = visible(state, args, "read")?;
    if let Some(user) = state.direct_with(&channel.id) {
        return Ok(json!({"channel": {"id": channel.id, "created": 0, "is_archived": false, "is_im": true,
            "is_org_shared": false, "user": user, "is_user_deleted": false, "priority": 0}}));
    }
    let private = channel.visibility == Visibility::Private;
    let team = &state.workspace.team_id;
    let mut teams = vec![team];
    teams.extend(&channel.shared_with);
    let empty = json!({"value": "", "creator": "", "last_set": 0});
    let mut object = json!({
        "id": channel.id, "name": channel.name, "name_normalized": channel.name,
        "is_channel": true, "is_group": private, "is_im": false, "is_mpim": false, "is_private": private,
        "created": 0, "creator": state.workspace.bot_user, "is_archived": channel.archived, "is_general": false,
        "unlinked": 0, "is_shared": !channel.shared_with.is_empty(), "is_org_shared": false,
        "is_ext_shared": !channel.shared_with.is_empty(), "pending_shared": [], "is_pending_ext_shared": false,
        "context_team_id": team, "shared_team_ids": teams, "is_member": channel.bot_is_member,
        "topic": empty, "purpose": empty, "previous_names": [], "updated": 0,
    });
    if args.flag("include_num_members")
        && let Some(object) = object.as_object_mut()
    {
        object.insert("num_members".to_owned(), json!(channel.members.len() + usize::from(channel.bot_is_member)));
    }
    Ok(json!({"channel": object}))
}

pub(super) fn members(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = visible(state, args, "read")?;
    let mut members = channel.members.clone();
    if channel.bot_is_member {
        members.push(state.workspace.bot_user.clone());
    }
    let (members, cursor) = page(members, args, 100)?;
    Ok(json!({"members": members, "response_metadata": next_cursor(&cursor)}))
}

/// Which metadata a history shows.
fn metadata(args: &Args) -> Metadata {
    if args.flag("include_all_metadata") { Metadata::Whole } else { Metadata::TypeOnly }
}

/// Whether a `ts` lies between `oldest` and `latest`. Equal lengths make text order the order of time.
fn within(args: &Args, ts: &str) -> bool {
    let inclusive = args.flag("inclusive");
    let order = |bound: &str| number(ts).cmp(&number(bound));
    let after = args.text("oldest").is_none_or(|oldest| order(&oldest).is_gt() || inclusive && order(&oldest).is_eq());
    let before = args.text("latest").is_none_or(|latest| order(&latest).is_lt() || inclusive && order(&latest).is_eq());
    after && before
}

/// A `ts` as microseconds.
fn number(ts: &str) -> u128 {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros = format!("{micros:0<6}");
    seconds.parse::<u128>().unwrap_or_default() * 1_000_000 + micros.parse::<u128>().unwrap_or_default()
}

/// History of a channel that the bot is not in is closed to it.
fn readable<'a>(state: &'a State, args: &Args) -> Result<&'a Channel, Refusal> {
    let channel = visible(state, args, "history")?;
    if channel.bot_is_member { Ok(channel) } else { Err("not_in_channel".into()) }
}

fn lasting<'a>(state: &'a State, channel: &str) -> impl DoubleEndedIterator<Item = &'a Message> {
    let channel = channel.to_owned();
    state.messages.iter().filter(move |message| message.channel == channel && message.visible_to.is_none())
}

fn shown(state: &State, messages: Vec<&Message>, args: &Args) -> Vec<Value> {
    let show = |message: &Message| {
        let replies = state.replies(&message.channel, &message.ts);
        message.to_api(&state.workspace, metadata(args), &replies)
    };
    messages.into_iter().map(show).collect()
}

pub(super) fn history(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = readable(state, args)?.id.clone();
    let messages: Vec<&Message> =
        lasting(state, &channel).rev().filter(|message| message.is_in_channel() && within(args, &message.ts)).collect();
    let (messages, cursor) = page(messages, args, 100)?;
    Ok(json!({
        "messages": shown(state, messages, args),
        "has_more": !cursor.is_empty(),
        "pin_count": 0,
        "response_metadata": next_cursor(&cursor),
    }))
}

pub(super) fn replies(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = readable(state, args)?.id.clone();
    let ts = args.text("ts").ok_or("thread_not_found")?;
    let asked = state.message(&channel, &ts).filter(|message| message.visible_to.is_none());
    let asked = asked.ok_or("thread_not_found")?;
    let root = asked.thread_ts.clone().unwrap_or(ts);
    // The root leads whatever the bounds are.
    let messages: Vec<&Message> = lasting(state, &channel)
        .filter(|message| message.ts == root || message.thread_ts.as_ref() == Some(&root) && within(args, &message.ts))
        .collect();
    let (messages, cursor) = page(messages, args, 1000)?;
    Ok(json!({
        "messages": shown(state, messages, args),
        "has_more": !cursor.is_empty(),
        "response_metadata": next_cursor(&cursor),
    }))
}

pub(super) fn open(state: &mut State, args: &Args, _now: Instant) -> Answer {
    if let Some(id) = args.text("channel") {
        state.channel(&id).ok_or("channel_not_found")?;
        return Ok(json!({"channel": {"id": id}}));
    }
    let users = args.text("users").ok_or("users_list_not_supplied")?;
    if users.contains(',') {
        // Group direct messages need a scope of their own.
        return Err(Refusal::missing_scope("mpim:write", &state.workspace.scopes));
    }
    let person = state.workspace.person(&users).ok_or("user_not_found")?;
    if person.deleted {
        return Err("user_disabled".into());
    }
    Ok(json!({"channel": {"id": state.open_direct(&users)}}))
}
