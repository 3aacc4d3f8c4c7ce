//! Rich text as lines.

use serde_json::Value;

use super::super::workspace::Workspace;
use super::mrkdwn::{date_text, emoji, group_name};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A `rich_text` object as text with line breaks.
pub(super) fn rich_text(value: &Value, workspace: &Workspace) -> String {
    items(value, "elements").map(|part| section(part, workspace)).collect::<Vec<_>>().join("\n")
}

fn section(part: &Value, workspace: &Workspace) -> String {
    if text(part, "type") == "rich_text_list" {
        let ordered = text(part, "style") == "ordered";
        let depth = part.get("indent").and_then(Value::as_u64).and_then(|depth| usize::try_from(depth).ok());
        let indent = "  ".repeat(depth.unwrap_or_default());
        return items(part, "elements")
            .enumerate()
            .map(|(position, item)| {
                let bullet = if ordered { format!("{}.", position + 1) } else { "•".to_owned() };
                format!("{indent}{bullet} {}", section(item, workspace))
            })
            .collect::<Vec<_>>()
            .join("\n");
    }
    let line: String = items(part, "elements").map(|piece| inline(piece, workspace)).collect();
    match text(part, "type") {
        "rich_text_quote" => line.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n"),
        _ => line.trim_end_matches('\n').to_owned(),
    }
}

fn inline(piece: &Value, workspace: &Workspace) -> String {
    match text(piece, "type") {
        "text" => text(piece, "text").to_owned(),
        "link" => Some(text(piece, "text")).filter(|label| !label.is_empty()).unwrap_or(text(piece, "url")).to_owned(),
        "user" => format!("@{}", workspace.handle(text(piece, "user_id"))),
        "usergroup" => group_name(text(piece, "usergroup_id"), workspace),
        "channel" => {
            let id = text(piece, "channel_id");
            format!("#{}", workspace.channel(id).map_or(id, |channel| channel.name.as_str()))
        }
        "emoji" => emoji(&format!(":{}:", text(piece, "name"))),
        "date" => {
            let seconds = piece.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
            date_text(seconds, text(piece, "format"))
        }
        "broadcast" => format!("@{}", text(piece, "range")),
        _ => text(piece, "value").to_owned(),
    }
}
