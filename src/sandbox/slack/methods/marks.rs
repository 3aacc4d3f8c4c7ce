//! `reactions.add` and `pins.add`.

use std::time::Instant;

use serde_json::json;

use super::super::answer::{Answer, Refusal};
use super::super::args::Args;
use super::super::message::Message;
use super::super::state::State;

fn marked<'a>(state: &'a mut State, args: &Args) -> Result<&'a mut Message, Refusal> {
    let channel = args.text("channel").ok_or("channel_not_found")?;
    let place = state.channel(&channel).ok_or("channel_not_found")?;
    if !place.bot_is_member {
        return Err("not_in_channel".into());
    }
    let ts = args.text("timestamp").ok_or("no_item_specified")?;
    let message = state.message_mut(&channel, &ts).filter(|message| message.visible_to.is_none());
    message.ok_or_else(|| "message_not_found".into())
}

pub(super) fn add_reaction(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let name = args.text("name").ok_or("invalid_name")?;
    let reaction = (name.trim_matches(':').to_owned(), state.workspace.bot_user.clone());
    let message = marked(state, args)?;
    if message.reactions.contains(&reaction) {
        return Err("already_reacted".into());
    }
    message.reactions.push(reaction);
    Ok(json!({}))
}

pub(super) fn add_pin(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let message = marked(state, args)?;
    if message.pinned {
        return Err("already_pinned".into());
    }
    message.pinned = true;
    Ok(json!({}))
}
