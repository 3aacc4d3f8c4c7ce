//! What an app posts to a response URL: a message for the person, or for all, or a change to the message clicked on.

use std::time::Instant;

use axum::http::StatusCode;
use serde_json::Value;

use super::answer::Refusal;
use super::args::Args;
use super::message::Author;
use super::methods::content;
use super::state::{Placement, State};

/// Performs it. Errors come with the HTTP status that Slack gives them: 404 for a URL that serves no more, 400 for a
/// message that it does not take.
pub(super) fn respond(state: &mut State, path: &str, posted: Value, now: Instant) -> Result<(), (StatusCode, Refusal)> {
    let refused = |refusal: Refusal| (StatusCode::BAD_REQUEST, refusal);
    let Value::Object(object) = posted else {
        return Err(refused("invalid_payload".into()));
    };
    let args = Args::of_object(object);
    let destination = state.use_response_url(path, now).map_err(|code| (StatusCode::NOT_FOUND, Refusal::from(code)))?;
    let original = destination.original.filter(|original| state.message(&original.channel, &original.ts).is_some());
    if args.flag("delete_original") {
        let original = original.ok_or_else(|| refused("message_not_found".into()))?;
        state.messages.retain(|message| message.reference() != original);
        return Ok(());
    }
    let content = content(&args).map_err(refused)?;
    if args.flag("replace_original")
        && let Some(original) = original
    {
        // A text without blocks replaces the blocks too.
        let blocks = Some(content.blocks.clone().unwrap_or_default());
        state.edit(&original.channel, &original.ts, super::state::Content { blocks, ..content });
        return Ok(());
    }
    let thread_ts = args.text("thread_ts");
    if let Some(thread) = &thread_ts
        && state.message(&destination.channel, thread).is_none()
    {
        return Err(refused("thread_not_found".into()));
    }
    let to_all = args.text("response_type").is_some_and(|kind| kind == "in_channel");
    let placement = Placement {
        channel: destination.channel,
        thread_ts,
        broadcast: false,
        visible_to: (!to_all).then_some(destination.user),
    };
    state.post(Author::App, placement, content);
    Ok(())
}
