//! `chat.*`: posting, changing and deleting messages.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::answer::{Answer, Refusal};
use super::super::args::Args;
use super::super::blocks::check_blocks;
use super::super::message::{Author, Metadata};
use super::super::state::{Content, Placement, State};
use super::super::workspace::Visibility;

/// The characters of JSON that a message's blocks may have together; undocumented (slackapi/bolt-js#2509).
const BLOCKS_TOGETHER: usize = 13_200;
/// Text beyond this is cut off.
const TEXT: usize = 40_000;
/// The JSON of a message's metadata may have this many bytes.
const METADATA: usize = 8 * 1024;

/// What a message is to say, checked.
pub(in crate::sandbox::slack) fn content(args: &Args) -> Result<Content, Refusal> {
    let text = args.text("text").map(|text| text.chars().take(TEXT).collect::<String>());
    let blocks = match args.structured("blocks") {
        None => None,
        Some(Value::Array(blocks)) => Some(blocks),
        Some(_) => return Err("invalid_blocks_format".into()),
    };
    if args.structured("attachments").is_some_and(|attachments| attachments != json!([])) {
        // Legacy; not modelled, so not silently lost either.
        return Err("invalid_attachments".into());
    }
    if let Some(blocks) = &blocks {
        let findings = check_blocks(blocks);
        if !findings.is_empty() {
            return Err(Refusal::pointing("invalid_blocks", &findings));
        }
        if json!(blocks).to_string().chars().count() > BLOCKS_TOGETHER {
            return Err("msg_blocks_too_long".into());
        }
    }
    if text.is_none() && blocks.as_ref().is_none_or(Vec::is_empty) {
        return Err("no_text".into());
    }
    let metadata = args.structured("metadata");
    if let Some(metadata) = &metadata {
        check_metadata(metadata)?;
    }
    Ok(Content { text, blocks, metadata })
}

fn check_metadata(metadata: &Value) -> Result<(), Refusal> {
    let Some(object) = metadata.as_object() else {
        return Err("invalid_metadata_format".into());
    };
    if object.is_empty() {
        return Ok(());
    }
    let named = object.get("event_type").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let payload = object.get("event_payload").and_then(Value::as_object);
    let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    match payload {
        Some(payload) if named && payload.values().all(scalar) => {}
        Some(_) | None => return Err("invalid_metadata_schema".into()),
    }
    if metadata.to_string().len() > METADATA {
        return Err("metadata_too_large".into());
    }
    Ok(())
}

/// The conversation that a post goes to: an id, a name, or a person.
fn addressed(state: &mut State, args: &Args) -> Result<String, Refusal> {
    let given = args.text("channel").ok_or("channel_not_found")?;
    if state.workspace.person(&given).is_some() {
        return Ok(state.open_direct(&given));
    }
    let channel = state.channel(&given).or_else(|| state.workspace.channel(&given)).ok_or("channel_not_found")?;
    Ok(channel.id.clone())
}

/// Whether the bot may write here.
fn may_write(state: &State, channel: &str) -> Result<(), Refusal> {
    let channel = state.channel(channel).ok_or("channel_not_found")?;
    if !channel.bot_is_member {
        return match channel.visibility {
            Visibility::Private => Err("channel_not_found".into()),
            Visibility::Public if state.workspace.grants("chat:write.public") && !channel.archived => Ok(()),
            Visibility::Public => Err("not_in_channel".into()),
        };
    }
    if channel.archived { Err("is_archived".into()) } else { Ok(()) }
}

/// The thread that a message is to go to: the `ts` of a lasting message that is no reply itself.
fn thread(state: &State, channel: &str, args: &Args) -> Result<Option<String>, Refusal> {
    let Some(ts) = args.text("thread_ts") else {
        return Ok(None);
    };
    match state.message(channel, &ts) {
        Some(root) if root.visible_to.is_none() && root.thread_ts.is_none() => Ok(Some(ts)),
        Some(_) => Err("cannot_reply_to_message".into()),
        None => Err("thread_not_found".into()),
    }
}

pub(super) fn post_message(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = addressed(state, args)?;
    may_write(state, &channel)?;
    let thread_ts = thread(state, &channel, args)?;
    let content = content(args)?;
    let broadcast = thread_ts.is_some() && args.flag("reply_broadcast");
    let placement = Placement { channel: channel.clone(), thread_ts, broadcast, visible_to: None };
    let message = state.post(Author::App, placement, content);
    Ok(json!({
        "channel": channel,
        "ts": message.ts,
        "message": message.to_api(&state.workspace, Metadata::Whole, &[]),
    }))
}

pub(super) fn post_ephemeral(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = addressed(state, args)?;
    let user = args.text("user").ok_or("user_not_in_channel")?;
    let place = state.channel(&channel).ok_or("channel_not_found")?;
    if !place.bot_is_member {
        let code = if place.visibility == Visibility::Private { "channel_not_found" } else { "not_in_channel" };
        return Err(code.into());
    }
    if place.archived {
        return Err("is_archived".into());
    }
    if !place.members.contains(&user) {
        return Err("user_not_in_channel".into());
    }
    let thread_ts = thread(state, &channel, args)?;
    let content = Content { metadata: None, ..content(args)? };
    // In a thread that has no reply yet Slack takes an ephemeral message and shows it to nobody.
    let is_shown = thread_ts.as_deref().is_none_or(|root| !state.replies(&channel, root).is_empty());
    let ts = if is_shown {
        state.post(Author::App, Placement { channel, thread_ts, broadcast: false, visible_to: Some(user) }, content).ts
    } else {
        state.next_ts()
    };
    Ok(json!({"message_ts": ts}))
}

pub(super) fn update(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = args.text("channel").ok_or("channel_not_found")?;
    may_write(state, &channel)?;
    let ts = args.text("ts").ok_or("message_not_found")?;
    let own = lasting(state, &channel, &ts)?;
    if !own {
        return Err("cant_update_message".into());
    }
    let content = content(args)?;
    let message = state.edit(&channel, &ts, content).ok_or("message_not_found")?;
    let mut shown = message.to_api(&state.workspace, Metadata::Whole, &[]);
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|member, _| !OF_ITS_PLACE.contains(&member.as_str()));
    }
    Ok(json!({"channel": channel, "ts": ts, "text": message.text, "message": shown}))
}

/// What the reply of `chat.update` leaves out of the message: it tells its contents, not where it stands and what has
/// come of it (`ChatUpdateResponse` of `@slack/web-api`).
const OF_ITS_PLACE: [&str; 5] = ["ts", "thread_ts", "subtype", "reactions", "pinned_to"];

/// Whether a message that is no ephemeral one is the app's own.
fn lasting(state: &State, channel: &str, ts: &str) -> Result<bool, Refusal> {
    match state.message(channel, ts) {
        Some(message) if message.visible_to.is_none() => Ok(message.author == Author::App),
        Some(_) | None => Err("message_not_found".into()),
    }
}

pub(super) fn delete(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = args.text("channel").ok_or("channel_not_found")?;
    may_write(state, &channel)?;
    let ts = args.text("ts").ok_or("message_not_found")?;
    if !lasting(state, &channel, &ts)? {
        return Err("cant_delete_message".into());
    }
    if state.replies(&channel, &ts).is_empty() {
        state.messages.retain(|message| message.channel != channel || message.ts != ts);
    } else {
        // The root of a thread stays as a tombstone.
        let words = Some("This message was deleted.".to_owned());
        state.edit(&channel, &ts, Content { text: words, blocks: Some(Vec::new()), metadata: Some(json!({})) });
    }
    Ok(json!({"channel": channel, "ts": ts}))
}

pub(super) fn get_permalink(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let channel = args.text("channel").ok_or("channel_not_found")?;
    state.channel(&channel).ok_or("channel_not_found")?;
    let ts = args.text("message_ts").ok_or("message_not_found")?;
    lasting(state, &channel, &ts)?;
    let message = state.message(&channel, &ts).ok_or("message_not_found")?;
    let thread = message.thread_ts.as_ref().map(|root| format!("?thread_ts={root}&cid={channel}")).unwrap_or_default();
    let domain = &state.workspace.domain;
    let link = format!("https://{domain}.slack.com/archives/{channel}/p{}{thread}", ts.replace('.', ""));
    Ok(json!({"channel": channel, "permalink": link}))
}
