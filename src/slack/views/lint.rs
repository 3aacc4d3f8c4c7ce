//! What Slack refuses or would misread, found before Slack does.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::slack::message::Message;

/// Everything that is wrong with `message`.
pub(in crate::slack) fn lint(message: &Message) -> Vec<String> {
    let mut wrong = Vec::new();
    length(&mut wrong, "text", &message.text, 4_000);
    markup(&mut wrong, "text", &message.text);
    if message.blocks.len() > 50 {
        wrong.push(format!("{} blocks", message.blocks.len()));
    }
    blocks(&mut wrong, &message.blocks);
    wrong
}

/// Everything that is wrong with a modal.
pub(in crate::slack) fn lint_view(view: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for part in ["title", "submit", "close"] {
        let text = view[part]["text"].as_str().unwrap_or_default();
        length(&mut wrong, part, text, 24);
    }
    length(&mut wrong, "private_metadata", view["private_metadata"].as_str().unwrap_or_default(), 3_000);
    length(&mut wrong, "callback_id", view["callback_id"].as_str().unwrap_or_default(), 255);
    let all = view["blocks"].as_array().cloned().unwrap_or_default();
    if all.len() > 100 {
        wrong.push(format!("{} blocks", all.len()));
    }
    blocks(&mut wrong, &all);
    wrong
}

fn blocks(wrong: &mut Vec<String>, blocks: &[Value]) {
    let size = serde_json::to_string(blocks).unwrap().chars().count();
    if size > 13_000 {
        wrong.push(format!("blocks of {size} characters"));
    }
    let mut ids = BTreeSet::new();
    for (number, block) in blocks.iter().enumerate() {
        let at = format!("block {number}");
        if let Some(id) = block["block_id"].as_str()
            && (!ids.insert(id) || id.len() > 255)
        {
            wrong.push(format!("{at}: block_id {id}"));
        }
        match block["type"].as_str().unwrap_or_default() {
            "header" => {
                plain(wrong, &at, &block["text"], 150);
            }
            "section" => {
                mrkdwn(wrong, &at, &block["text"], 3_000);
                for field in list(wrong, &at, &block["fields"], 10) {
                    mrkdwn(wrong, &at, &field, 2_000);
                }
            }
            "context" => {
                let elements = list(wrong, &at, &block["elements"], 10);
                for element in &elements {
                    mrkdwn(wrong, &at, element, 3_000);
                }
                if elements.is_empty() {
                    wrong.push(format!("{at}: no elements"));
                }
            }
            "actions" => {
                let elements = list(wrong, &at, &block["elements"], 25);
                actions(wrong, &at, &elements);
            }
            "input" => {
                plain(wrong, &at, &block["label"], 2_000);
                let element = &block["element"];
                if element["type"] == "checkboxes" {
                    let options = list(wrong, &at, &element["options"], 10);
                    for option in &options {
                        plain(wrong, &at, &option["text"], 75);
                        length(wrong, &at, option["value"].as_str().unwrap_or_default(), 75);
                    }
                    let initial = list(wrong, &at, &element["initial_options"], 10);
                    if !initial.iter().all(|option| options.contains(option)) {
                        wrong.push(format!("{at}: what is ticked is not offered"));
                    }
                } else {
                    plain(wrong, &at, &element["placeholder"], 150);
                }
            }
            "divider" => {}
            other => wrong.push(format!("{at}: {other} is not drawn everywhere")),
        }
    }
}

fn list(wrong: &mut Vec<String>, at: &str, value: &Value, max: usize) -> Vec<Value> {
    let list = value.as_array().cloned().unwrap_or_default();
    if list.len() > max {
        wrong.push(format!("{at}: {} of at most {max}", list.len()));
    }
    list
}

fn actions(wrong: &mut Vec<String>, at: &str, elements: &[Value]) {
    let mut ids = BTreeSet::new();
    if elements.is_empty() {
        wrong.push(format!("{at}: no buttons"));
    }
    for element in elements {
        plain(wrong, at, &element["text"], 29);
        let id = element["action_id"].as_str().unwrap_or_default();
        length(wrong, at, id, 255);
        if !ids.insert(id) {
            wrong.push(format!("{at}: {id} twice"));
        }
        length(wrong, at, element["value"].as_str().unwrap_or_default(), 75);
        length(wrong, at, element["accessibility_label"].as_str().unwrap_or_default(), 75);
        if !matches!(element["style"].as_str(), None | Some("primary" | "danger")) {
            wrong.push(format!("{at}: style {}", element["style"]));
        }
        if let Some(confirm) = element.get("confirm") {
            for (part, max) in [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)] {
                plain(wrong, at, &confirm[part], max);
            }
        }
    }
}

fn plain(wrong: &mut Vec<String>, at: &str, text: &Value, max: usize) {
    if text["type"] != "plain_text" {
        wrong.push(format!("{at}: not plain_text"));
    }
    let text = text["text"].as_str().unwrap_or_default();
    length(wrong, at, text, max);
    if text.contains(['<', '>', '&']) {
        wrong.push(format!("{at}: markup in plain text: {text}"));
    }
}

fn mrkdwn(wrong: &mut Vec<String>, at: &str, text: &Value, max: usize) {
    if text["type"] != "mrkdwn" || text["verbatim"] != true {
        wrong.push(format!("{at}: not verbatim mrkdwn"));
    }
    let text = text["text"].as_str().unwrap_or_default();
    length(wrong, at, text, max);
    markup(wrong, at, text);
}

fn length(wrong: &mut Vec<String>, at: &str, text: &str, max: usize) {
    let length = text.chars().count();
    if text.trim().is_empty() || length > max {
        wrong.push(format!("{at}: {length} characters of 1 to {max}"));
    }
}

/// Only our own mentions, dates and links are in angle brackets, every `&` is an escape, every code span is closed.
fn markup(wrong: &mut Vec<String>, at: &str, text: &str) {
    for (start, _) in text.match_indices('<') {
        let inner = text[start + 1..].split('>').next().unwrap_or_default();
        let known = ["@U", "@W", "#C", "!subteam^S", "!date^"].iter().any(|prefix| inner.starts_with(prefix));
        // A link that has a label, so that nobody is shown another address than the one that opens.
        let link = ["https://", "http://"].iter().any(|scheme| inner.starts_with(scheme))
            && inner.split_once('|').is_some_and(|(url, label)| {
                !url.contains(char::is_whitespace) && !label.is_empty() && !label.contains(['|', '/'])
            });
        if !(known || link) || inner.contains('<') || text[start..].find('>').is_none() {
            wrong.push(format!("{at}: <{inner}>"));
        }
    }
    for (start, _) in text.match_indices('&') {
        if !["&amp;", "&lt;", "&gt;"].iter().any(|escape| text[start..].starts_with(escape)) {
            wrong.push(format!("{at}: a bare &"));
        }
    }
    for line in text.lines().filter(|line| line.matches('`').count() % 2 == 1) {
        wrong.push(format!("{at}: an open code span in {line}"));
    }
    let prose: String = text.split('`').step_by(2).collect();
    if ["@channel", "@here", "@everyone"].iter().any(|call| prose.contains(call)) {
        wrong.push(format!("{at}: everybody is called"));
    }
}
