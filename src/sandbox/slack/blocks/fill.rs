//! What Slack fills in when it takes blocks: ids that were left out, and the flags of texts.

use serde_json::{Value, json};

/// Gives blocks and interactive elements without an id one, drawn from `next`, and texts their default flags.
pub(in crate::sandbox::slack) fn fill_in(blocks: &mut [Value], mut next: impl FnMut() -> String) {
    for block in blocks {
        if let Some(object) = block.as_object_mut() {
            object.entry("block_id").or_insert_with(|| json!(next()));
        }
        fill_elements(block, &mut next);
        fill_texts(block);
    }
}

fn fill_elements(block: &mut Value, next: &mut impl FnMut() -> String) {
    if !block.get("type").is_some_and(|kind| kind == "actions" || kind == "section" || kind == "input") {
        return;
    }
    let mut elements: Vec<&mut Value> = Vec::new();
    if let Some(object) = block.as_object_mut() {
        for (key, value) in object.iter_mut() {
            match (key.as_str(), value) {
                ("elements", Value::Array(items)) => elements.extend(items),
                ("accessory" | "element", value) => elements.push(value),
                _ => {}
            }
        }
    }
    for element in elements {
        if let Some(object) = element.as_object_mut()
            && object.get("type").is_some_and(|kind| kind != "image")
        {
            object.entry("action_id").or_insert_with(|| json!(next()));
        }
    }
}

fn fill_texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(fill_texts),
        Value::Object(object) => {
            if object.get("text").is_some_and(Value::is_string) {
                match object.get("type").and_then(Value::as_str) {
                    Some("plain_text") => _ = object.entry("emoji").or_insert(Value::Bool(true)),
                    Some("mrkdwn") => _ = object.entry("verbatim").or_insert(Value::Bool(false)),
                    Some(_) | None => {}
                }
            }
            object.values_mut().for_each(fill_texts);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
