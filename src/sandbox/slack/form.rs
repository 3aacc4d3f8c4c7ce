//! What a person finds to click and to fill in among blocks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::workspace::Workspace;

/// `state.values`: block id, action id, what is filled in.
pub(super) type Values = BTreeMap<String, BTreeMap<String, Value>>;

/// Whether changing a field tells the app at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dispatch {
    /// A `block_actions` request leaves.
    AtOnce,
    /// The value waits for the submission.
    OnSubmit,
}

/// Something that takes a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) block_id: String,
    pub(super) action_id: String,
    /// What a person would call it: the label, the section's text or the placeholder.
    pub(super) label: String,
    pub(super) element: Value,
    pub(super) optional: bool,
    pub(super) dispatch: Dispatch,
}

/// A button.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Button {
    pub(super) block_id: String,
    pub(super) element: Value,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn kind(element: &Value) -> &str {
    text(element, "/type")
}

/// Every element with the block that it stands in.
fn elements(blocks: &[Value]) -> impl Iterator<Item = (&Value, &Value)> {
    blocks.iter().flat_map(|block| {
        let single = block.get("accessory").or_else(|| block.get("element"));
        let several = block.get("elements").filter(|_| kind(block) == "actions").and_then(Value::as_array);
        single.into_iter().chain(several.into_iter().flatten()).map(move |element| (block, element))
    })
}

/// Everything that takes a value.
pub(super) fn fields(blocks: &[Value]) -> Vec<Field> {
    elements(blocks)
        .filter(|(_, element)| !matches!(kind(element), "button" | "image"))
        .map(|(block, element)| {
            let is_input = kind(block) == "input";
            let label = [text(block, "/label/text"), text(block, "/text/text"), text(element, "/placeholder/text")]
                .into_iter()
                .find(|label| !label.is_empty());
            let at_once = !is_input || block.get("dispatch_action").and_then(Value::as_bool).unwrap_or_default();
            Field {
                block_id: text(block, "/block_id").to_owned(),
                action_id: text(element, "/action_id").to_owned(),
                label: label.unwrap_or_else(|| text(element, "/action_id")).to_owned(),
                element: element.clone(),
                optional: !is_input || block.get("optional").and_then(Value::as_bool).unwrap_or_default(),
                dispatch: if at_once { Dispatch::AtOnce } else { Dispatch::OnSubmit },
            }
        })
        .collect()
}

/// The field that a person means: by label, placeholder, action id or block id.
pub(super) fn field(blocks: &[Value], name: &str) -> Option<Field> {
    let all = fields(blocks);
    let means = |field: &&Field| {
        field.label == name
            || field.action_id == name
            || field.block_id == name
            || text(&field.element, "/placeholder/text") == name
    };
    all.iter().find(means).cloned()
}

/// The button with this visible label or action id.
pub(super) fn button(blocks: &[Value], name: &str) -> Option<Button> {
    elements(blocks)
        .filter(|(_, element)| kind(element) == "button")
        .find(|(_, element)| text(element, "/text/text") == name || text(element, "/action_id") == name)
        .map(|(block, element)| Button { block_id: text(block, "/block_id").to_owned(), element: element.clone() })
}

/// The visible labels of all buttons.
pub(super) fn button_labels(blocks: &[Value]) -> Vec<&str> {
    elements(blocks)
        .filter(|(_, element)| kind(element) == "button")
        .map(|(_, element)| text(element, "/text/text"))
        .collect()
}

/// Under which key `state.values` holds a value of this element, and the key of its initial value.
fn keys(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => ("value", "initial_value"),
        "static_select" | "external_select" | "radio_buttons" => ("selected_option", "initial_option"),
        "multi_static_select" | "multi_external_select" | "checkboxes" => ("selected_options", "initial_options"),
        "users_select" => ("selected_user", "initial_user"),
        "multi_users_select" => ("selected_users", "initial_users"),
        "conversations_select" => ("selected_conversation", "initial_conversation"),
        "multi_conversations_select" => ("selected_conversations", "initial_conversations"),
        "channels_select" => ("selected_channel", "initial_channel"),
        "multi_channels_select" => ("selected_channels", "initial_channels"),
        "datepicker" => ("selected_date", "initial_date"),
        "timepicker" => ("selected_time", "initial_time"),
        "datetimepicker" => ("selected_date_time", "initial_date_time"),
        _ => return None,
    })
}

fn is_multiple(kind: &str) -> bool {
    kind.starts_with("multi_") || kind == "checkboxes"
}

/// `state.values` as a view or message with these blocks first has it; `kept` are values of the same fields before.
pub(super) fn values(blocks: &[Value], kept: &Values) -> Values {
    let mut values = Values::new();
    for field in fields(blocks) {
        let kind = kind(&field.element);
        let Some((key, initial)) = keys(kind) else { continue };
        let before = kept.get(&field.block_id).and_then(|block| block.get(&field.action_id));
        let value =
            before.filter(|value| value.get("type").is_some_and(|is| is == kind)).cloned().unwrap_or_else(|| {
                let empty = if is_multiple(kind) { json!([]) } else { Value::Null };
                json!({"type": kind, key: field.element.get(initial).cloned().unwrap_or(empty)})
            });
        values.entry(field.block_id).or_default().insert(field.action_id, value);
    }
    values
}

/// What `state.values` (or an action) holds once somebody has put `typed` into this field.
/// Several choices are given one a line. Errors are sentences.
pub(super) fn filled(field: &Field, typed: &str, workspace: &Workspace) -> Result<Value, String> {
    let kind = kind(&field.element);
    if kind == "overflow" {
        return Ok(json!({"type": kind, "selected_option": option(field, typed)?}));
    }
    let Some((key, _)) = keys(kind) else {
        return Err(format!("“{}” takes no value.", field.label));
    };
    let one = |typed: &str| -> Result<Value, String> {
        match key {
            "value" if typed.is_empty() => Ok(Value::Null),
            "selected_option" | "selected_options" => option(field, typed),
            "selected_user" | "selected_users" => workspace
                .whom(typed)
                .map(|person| json!(person.id))
                .ok_or_else(|| format!("Nobody here is called “{typed}”.")),
            "selected_conversation" | "selected_conversations" | "selected_channel" | "selected_channels" => workspace
                .channel(typed)
                .map(|channel| json!(channel.id))
                .ok_or_else(|| format!("There is no channel “{typed}”.")),
            "selected_date_time" => {
                typed.parse::<i64>().map(Value::from).map_err(|_error| format!("“{typed}” is no Unix time."))
            }
            _ => Ok(json!(typed)),
        }
    };
    let value = if is_multiple(kind) {
        Value::Array(typed.lines().filter(|line| !line.is_empty()).map(one).collect::<Result<_, _>>()?)
    } else {
        one(typed)?
    };
    Ok(json!({"type": kind, key: value}))
}

fn option(field: &Field, typed: &str) -> Result<Value, String> {
    let flat = field.element.get("options").and_then(Value::as_array).into_iter().flatten();
    let groups = field.element.get("option_groups").and_then(Value::as_array).into_iter().flatten();
    let grouped = groups.filter_map(|group| group.get("options").and_then(Value::as_array)).flatten();
    let options: Vec<&Value> = flat.chain(grouped).collect();
    options
        .iter()
        .find(|option| text(option, "/text/text") == typed)
        .or_else(|| options.iter().find(|option| text(option, "/value") == typed))
        .map(|option| (*option).clone())
        .ok_or_else(|| {
            let labels: Vec<&str> = options.iter().map(|option| text(option, "/text/text")).collect();
            format!("“{}” does not offer “{typed}”; it offers: {}.", field.label, labels.join(", "))
        })
}

/// What Slack's client objects to before it submits: labels and its own words.
pub(super) fn objections(blocks: &[Value], values: &Values) -> Vec<(String, String)> {
    let mut objections = Vec::new();
    for field in fields(blocks) {
        let kind = kind(&field.element);
        let Some((key, _)) = keys(kind) else { continue };
        let value = values
            .get(&field.block_id)
            .and_then(|block| block.get(&field.action_id))
            .and_then(|value| value.get(key))
            .unwrap_or(&Value::Null);
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let length = value.as_str().map(|text| text.chars().count() as u64);
        let bound = |key: &str| field.element.get(key).and_then(Value::as_u64);
        let objection = if is_empty {
            (!field.optional).then(|| "Please complete this required field.".to_owned())
        } else if let Some(min) = bound("min_length").filter(|min| length.is_some_and(|length| length < *min)) {
            Some(format!("This must be at least {min} characters long."))
        } else {
            bound("max_length")
                .filter(|max| length.is_some_and(|length| length > *max))
                .map(|max| format!("This must be at most {max} characters long."))
        };
        if let Some(objection) = objection {
            objections.push((field.label, objection));
        }
    }
    objections
}
