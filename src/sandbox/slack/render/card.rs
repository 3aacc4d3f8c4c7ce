//! A message with its heading, and a modal in its frame.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::form::Values;
use super::super::message::{Author, Message};
use super::super::view::View;
use super::super::workspace::Workspace;
use super::blocks::Drawing;
use super::mrkdwn::mrkdwn;
use super::wrap::{WIDTH, behind, wrap};

/// How wide a modal is, its frame included.
const MODAL_WIDTH: usize = 72;

/// A message as somebody sees it: where, by whom, when (UTC), and what it says; replies are indented.
pub fn message(message: &Message, workspace: &Workspace) -> Vec<String> {
    let place = workspace.channels.iter().find(|channel| channel.id == message.channel);
    let place = place.map_or_else(|| "direct message".to_owned(), |channel| format!("#{}", channel.name));
    let author = match &message.author {
        Author::App => format!("{} (app)", workspace.bot_name),
        Author::Person(id) => workspace.person(id).map_or_else(|| id.clone(), |person| person.real_name.clone()),
    };
    let mut heading = format!("{place}  {author}  {}", time(&message.ts));
    if message.broadcast {
        heading.push_str("  (also sent to the channel)");
    }
    if message.edited.is_some() {
        heading.push_str("  (edited)");
    }
    if let Some(user) = &message.visible_to {
        heading.push_str("  (only visible to @");
        heading.push_str(&workspace.handle(user));
        heading.push(')');
    }
    let prefix = if message.thread_ts.is_some() { "    │ " } else { "  " };
    let width = WIDTH - prefix.chars().count();
    let drawing = Drawing { workspace, width, values: &Values::new() };
    let mut lines = if message.blocks.is_empty() {
        wrap(&mrkdwn(&message.text, workspace), width)
    } else {
        drawing.blocks(&message.blocks)
    };
    if !message.reactions.is_empty() {
        let names: Vec<String> = message.reactions.iter().map(|(name, _)| format!(":{name}:")).collect();
        lines.push(super::mrkdwn::emoji(&names.join(" ")));
    }
    let indent = if message.thread_ts.is_some() { "    ┌ " } else { "" };
    let mut drawn = vec![format!("{indent}{heading}")];
    drawn.extend(behind(prefix, lines));
    drawn
}

/// The time of day (UTC) in a `ts`.
fn time(ts: &str) -> String {
    let seconds = ts.split('.').next().and_then(|seconds| seconds.parse().ok());
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()).unwrap_or_default()
}

/// A modal as a framed form: title, fields with what is filled in, what is wrong, buttons.
pub fn modal(view: &View, workspace: &Workspace) -> Vec<String> {
    let width = MODAL_WIDTH - 4;
    let drawing = Drawing { workspace, width, values: &view.values };
    let mut lines = drawing.blocks(&view.blocks);
    for (label, error) in &view.errors {
        lines.extend(wrap(&format!("! {label}: {error}"), width));
    }
    let buttons: Vec<String> =
        [view.close.as_ref(), view.submit.as_ref()].into_iter().flatten().map(|label| format!("[ {label} ]")).collect();
    if !buttons.is_empty() {
        lines.push(format!("{:>width$}", buttons.join("  ")));
    }
    let title = format!("─ {} ", view.title);
    let mut drawn = vec![format!("┌{title:─<inner$}┐", inner = MODAL_WIDTH - 2)];
    drawn.extend(lines.iter().map(|line| format!("│ {line:<width$} │")));
    drawn.push(format!("└{}┘", "─".repeat(MODAL_WIDTH - 2)));
    drawn
}
